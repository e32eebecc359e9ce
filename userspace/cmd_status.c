// SPDX-License-Identifier: GPL-2.0
/* status, watch, events: what the module knows. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nl.h"
#include "status.h"
#include "tool.h"

static void print_json(struct json_object *j, int flags)
{
	puts(json_object_to_json_string_ext(j, flags | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int run_status(const struct args *a)
{
	struct json_object *volumes;
	struct nl nl;
	int ret = nl_open(&nl, false);

	if (ret)
		return ret;
	ret = nl_show(&nl, a->nr_pos ? a->pos[0] : NULL, &volumes);
	if (!ret && a->opt[OPT_JSON]) {
		volumes = status_json(volumes);
		print_json(volumes, JSON_C_TO_STRING_PRETTY);
	} else if (!ret) {
		status_show(volumes);
	}
	if (!ret)
		json_object_put(volumes);
	nl_close(&nl);
	return ret;
}

/* The event with the time in front; takes it over. */
static struct json_object *with_time(struct json_object *event)
{
	struct json_object *j = json_object_new_object();
	struct timespec ts;
	struct tm tm;
	char text[40];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03ldZ", ts.tv_nsec / 1000000);
	json_object_object_add(j, "time", json_object_new_string(text));
	json_object_object_foreach(event, name, value)
		json_object_object_add(j, name, json_object_get(value));
	json_object_put(event);
	return j;
}

/* Of another volume than the one asked for? */
static bool is_other(struct json_object *event, const char *name)
{
	return name && strcmp(j_str(event, "name"), name);
}

static int follow(struct nl *nl, const char *name)
{
	struct json_object *event;
	int ret;

	for (;;) {
		ret = nl_event(nl, -1, &event);
		if (ret == -ENOBUFS) {
			/* Silence would look as if nothing had happened. */
			event = json_object_new_object();
			json_object_object_add(event, "type", json_object_new_string("lost"));
			ret = 1;
		} else if (ret == 1 && is_other(event, name)) {
			json_object_put(event);
			continue;
		}
		if (ret < 0 && ret != -EINTR)
			return fail(EXIT_ERROR, "cannot read events: %s", strerror(-ret));
		if (ret <= 0)
			continue;
		event = with_time(event);
		print_json(event, JSON_C_TO_STRING_PLAIN);
		json_object_put(event);
		if (fflush(stdout))
			return EXIT_OK;		/* who read this has gone */
	}
}

int run_events(const struct args *a)
{
	struct nl nl;
	int ret = nl_open(&nl, false);

	if (ret)
		return ret;
	if (nl_subscribe(&nl))
		ret = fail(EXIT_ERROR, "cannot subscribe to events: %m");
	else
		ret = follow(&nl, a->nr_pos ? a->pos[0] : NULL);
	nl_close(&nl);
	return ret;
}

/* Repaint from the top; what was longer before is cleared line by line. */
static int paint(struct nl *nl, const char *which)
{
	bool tty = on_terminal(STDOUT_FILENO);
	struct json_object *volumes;
	time_t now = time(NULL);
	char clock[32];
	int ret = nl_show(nl, which, &volumes);

	if (ret)
		return ret;
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
	if (tty)
		fputs("\033[H\033[J", stdout);
	printf("raftblk at %s%s\n\n", clock, tty ? ", Ctrl-C ends" : "");
	status_show(volumes);
	if (!tty)
		putchar('\n');
	json_object_put(volumes);
	return fflush(stdout) ? EXIT_ERROR : EXIT_OK;
}

int run_watch(const struct args *a)
{
	const char *which = a->nr_pos ? a->pos[0] : NULL;
	struct json_object *event = NULL;
	struct nl nl, events;
	int ret = nl_open(&nl, false);

	if (ret)
		return ret;
	ret = nl_open(&events, true);
	if (!ret && nl_subscribe(&events))
		ret = fail(EXIT_ERROR, "cannot subscribe to events: %m");
	while (!ret) {
		ret = paint(&nl, which);
		if (!ret && nl_event(&events, 1000, &event) == 1)
			json_object_put(event);
	}
	nl_close(&events);
	nl_close(&nl);
	return ret;
}
