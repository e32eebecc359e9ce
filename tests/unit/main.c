// SPDX-License-Identifier: GPL-2.0
/* Runs the tests whose names contain the argument (all without one). */
#include <sanitizer/common_interface_defs.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "unit.h"

static struct unit_test *tests, **tests_end = &tests;
static jmp_buf failed;
static const char *running = "";
u64 unit_current_seed;

void unit_register(struct unit_test *t)
{
	*tests_end = t;
	tests_end = &t->next;
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	if (unit_current_seed)
		printf(" (UNIT_SEED=%llu)", (unsigned long long)unit_current_seed);
	printf("\n");
	longjmp(failed, 1);
}

static u64 env(const char *name, u64 otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

u32 unit_runs(u32 n)
{
	return getenv("UNIT_SEED") ? 1 : max_t(u64, 1, n * env("UNIT_RUNS", 100) / 100);
}

u64 unit_seed(void)
{
	return env("UNIT_SEED", 1);
}

static bool passes(const struct unit_test *t)
{
	unit_current_seed = 0;
	if (setjmp(failed))
		return false;
	t->run();
	return true;
}

/* All of them together take 200 MB; a test that runs away is ended before the machine is. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "hard_rss_limit_mb=2048";
}

/* It ends here and now, of a sanitizer or of what follows: say where. */
static void ends(void)
{
	static const char text[] = "not ok - ";

	if (write(1, text, sizeof(text) - 1) < 0 || write(1, running, strlen(running)) < 0 ||
	    write(1, "\n", 1) < 0)
		_exit(2);
}

/* Of CPU time, for one test. */
#define SECONDS_MAX	300

static void takes_too_long(int sig)
{
	static const char text[] = "# takes too long\n";

	(void)sig;
	if (write(1, text, sizeof(text) - 1) > 0)
		ends();
	_exit(1);
}

static void time_limit(void)
{
	u64 seconds = SECONDS_MAX * max_t(u64, 100, env("UNIT_RUNS", 100)) / 100;
	struct itimerval it = { .it_value.tv_sec = seconds };

	setitimer(ITIMER_PROF, &it, NULL);
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : "";
	const struct unit_test *t;
	u32 nr = 0, bad = 0;

	for (t = tests; t; t = t->next)
		nr += strstr(t->name, only) != NULL;
	signal(SIGPROF, takes_too_long);
	__sanitizer_set_death_callback(ends);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%u\n", nr);
	nr = 0;
	for (t = tests; t; t = t->next) {
		bool ok;

		if (!strstr(t->name, only))
			continue;
		running = t->name;
		time_limit();
		ok = passes(t);
		bad += !ok;
		printf("%sok %u - %s\n", ok ? "" : "not ", ++nr, t->name);
	}
	/* What a failed test leaves behind is not a leak worth a report. */
	if (bad)
		_Exit(1);
	if (!nr) {
		printf("# no test matches \"%s\"\n", only);
		return 1;
	}
	return 0;
}
