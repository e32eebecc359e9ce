// SPDX-License-Identifier: GPL-2.0
/* What every verb needs: errors, sizes, names, random numbers, the terminal. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

const char *fail_verb;

int fail(int code, const char *fmt, ...)
{
	va_list ap;

	progress_end();
	fprintf(stderr, "raftblk%s%s: ", fail_verb ? " " : "", fail_verb ? fail_verb : "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

int code_of(int err)
{
	switch (err) {
	case 0:
		return EXIT_OK;
	case EPERM:
	case EACCES:
		return EXIT_PERM;
	case ETIMEDOUT:
		return EXIT_TIMEOUT;
	default:
		return EXIT_ERROR;
	}
}

int parse_size(const char *text, u64 *bytes)
{
	static const char units[] = "KMGTP";
	unsigned long long n;
	const char *unit;
	unsigned int shift = 0;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -1;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -1;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit)
			return -1;
		shift = 10 * (unit - units + 1);
		end++;
		if (!strcmp(end, "iB") || !strcmp(end, "ib"))
			end += 2;
		if (*end)
			return -1;
	}
	if (n > (UINT64_MAX >> shift))
		return -1;
	*bytes = (u64)n << shift;
	return 0;
}

char *format_size(u64 bytes, char *buf)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = bytes;
	unsigned int u = 0;

	while (value >= 1024 && u < 6) {
		value /= 1024;
		u++;
	}
	if (value == (u64)value || value >= 100)
		snprintf(buf, 16, "%.0f %s", value, unit[u]);
	else
		snprintf(buf, 16, "%.1f %s", value, unit[u]);
	return buf;
}

const char *name_problem(const char *name)
{
	size_t len = strlen(name);

	if (!len)
		return "a volume's name cannot be empty";
	if (len > 31)
		return "a volume's name has at most 31 characters";
	if (!isalnum((unsigned char)name[0]))
		return "a volume's name begins with a letter or a digit";
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			return "a volume's name consists of letters, digits and . _ -";
	}
	return NULL;
}

void random_bytes(void *buf, size_t len)
{
	u8 *p = buf;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* Without randomness no key and no UUID: there is no way on. */
			perror("raftblk: getrandom");
			exit(EXIT_ERROR);
		}
		p += n;
		len -= n;
	}
}

void random_uuid(u8 uuid[16])
{
	random_bytes(uuid, 16);
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

char *format_uuid(const u8 uuid[16], char *buf)
{
	char *p = buf;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += sprintf(p, "%02x", uuid[i]);
	}
	return buf;
}

bool on_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && strcmp(term, "dumb");
}

const char *color(const char *name)
{
	static const struct {
		const char *name, *code;
	} codes[] = {
		{ "off", "\033[0m" }, { "bold", "\033[1m" }, { "red", "\033[31m" },
		{ "green", "\033[32m" }, { "yellow", "\033[33m" }, { "dim", "\033[2m" },
	};

	if (!on_terminal(STDOUT_FILENO) || getenv("NO_COLOR"))
		return "";
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		if (!strcmp(codes[i].name, name))
			return codes[i].code;
	}
	return "";
}

u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static double share_of(u64 done, u64 total)
{
	return done < total ? (double)done / total : 1;
}

char *progress_bar(u64 done, u64 total, char *bar)
{
	memset(bar, '.', PROGRESS_BAR - 1);
	memset(bar, '#', share_of(done, total) * (PROGRESS_BAR - 1));
	bar[PROGRESS_BAR - 1] = 0;
	return bar;
}

unsigned int percent_of(u64 done, u64 total)
{
	return share_of(done, total) * 100;
}

static bool progress_drawn;

void progress_show(const char *what, u64 done, u64 total, bool bytes)
{
	static u64 last;
	char bar[PROGRESS_BAR], a[24], b[24];
	u64 now = now_ms();

	if (!on_terminal(STDERR_FILENO) || !total)
		return;
	if (progress_drawn && done < total && now - last < 100)
		return;
	last = now;
	if (done > total)
		done = total;
	if (bytes) {
		format_size(done, a);
		format_size(total, b);
	} else {
		snprintf(a, sizeof(a), "%llu", (unsigned long long)done);
		snprintf(b, sizeof(b), "%llu", (unsigned long long)total);
	}
	fprintf(stderr, "\r%s [%s] %3u%%  %s of %s\033[K", what, progress_bar(done, total, bar),
		percent_of(done, total), a, b);
	fflush(stderr);
	progress_drawn = true;
}

void progress_end(void)
{
	if (progress_drawn)
		fputs("\r\033[K", stderr);
	progress_drawn = false;
}
