// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "catchup.h"
#include "nl.h"

static void add(char *text, const char *fmt, ...) __printf(2, 3);
static void add(char *text, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + used, CATCHUP_TEXT - used, fmt, ap);
	va_end(ap);
}

static void add_time(char *text, u64 ms)
{
	u64 s = ms / 1000, m = s / 60;

	if (s < 60)
		add(text, ", %" PRIu64 " s left", s + 1);
	else if (m < 60)
		add(text, ", %" PRIu64 " min left", m + 1);
	else if (m < 100 * 60)
		add(text, ", %" PRIu64 " h %" PRIu64 " min left", m / 60, m % 60);
	else
		add(text, ", %" PRIu64 " days left", m / 60 / 24 + 1);
}

char *catchup_text(struct json_object *catchup, char *text)
{
	u64 done = j_u64(catchup, "done"), total = j_u64(catchup, "total");
	u64 source = j_u64(catchup, "source");
	bool over = total && done >= total;
	char bar[PROGRESS_BAR], a[16], b[16];

	snprintf(text, CATCHUP_TEXT, "[%s] %3u%%  %s of %s", progress_bar(done, total, bar),
		 percent_of(done, total), format_size(done, a), format_size(total, b));
	if (!over && j_get(catchup, "rate"))
		add(text, ", %s/s", format_size(j_u64(catchup, "rate"), a));
	if (!over && j_get(catchup, "left_ms"))
		add_time(text, j_u64(catchup, "left_ms"));
	add(text, ", %s received", format_size(j_u64(catchup, "received"), a));
	if (source)
		add(text, " from node %" PRIu64, source);
	if (over)
		add(text, "; entries of the log follow");
	return text;
}
