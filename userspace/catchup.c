// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "catchup.h"
#include "nl.h"

#define LOOK_MS		900	/* looks come each second, and at events */
#define GAP_MS		10000	/* what was longer ago was another time */

struct look look_now(struct json_object *catchup, u64 now)
{
	return (struct look){
		.at = now,
		.done = j_u64(catchup, "done"),
		.received = j_u64(catchup, "received"),
	};
}

/* Index of the volume, or of a free place; HISTORY_VOLUMES: there is none. */
static unsigned int history_find(const struct history *h, const char *name)
{
	unsigned int i = 0;

	while (i < HISTORY_VOLUMES && h->vol[i].nr && strcmp(h->vol[i].name, name))
		i++;
	return i;
}

const struct look *history_note(struct history *h, const char *name, const struct look *now)
{
	unsigned int i = history_find(h, name), nr;
	struct look *look;

	if (i == HISTORY_VOLUMES)
		return NULL;
	look = h->vol[i].look;
	nr = h->vol[i].nr;
	if (nr && (now->at - look[nr - 1].at > GAP_MS || now->done < look[nr - 1].done ||
		   now->received < look[nr - 1].received))
		nr = 0;
	if (!nr || now->at - look[nr - 1].at >= LOOK_MS) {
		if (nr == HISTORY_LOOKS)
			memmove(look, look + 1, --nr * sizeof(*look));
		look[nr++] = *now;
	}
	snprintf(h->vol[i].name, sizeof(h->vol[i].name), "%s", name);
	h->vol[i].nr = nr;
	return look->at < now->at ? look : NULL;
}

static void add(char *text, const char *fmt, ...) __printf(2, 3);
static void add(char *text, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + used, CATCHUP_TEXT - used, fmt, ap);
	va_end(ap);
}

static void add_time(char *text, double seconds)
{
	u64 s = seconds, m = s / 60;

	if (s < 60)
		add(text, ", %" PRIu64 " s left", s + 1);
	else if (m < 60)
		add(text, ", %" PRIu64 " min left", m + 1);
	else if (m < 100 * 60)
		add(text, ", %" PRIu64 " h %" PRIu64 " min left", m / 60, m % 60);
	else
		add(text, ", %" PRIu64 " days left", m / 60 / 24 + 1);
}

char *catchup_text(struct json_object *catchup, const struct look *old, const struct look *now,
		   char *text)
{
	u64 total = j_u64(catchup, "total"), source = j_u64(catchup, "source");
	char bar[PROGRESS_BAR], a[16], b[16], c[16];
	double seconds = old ? (now->at - old->at) / 1000.0 : 0;

	snprintf(text, CATCHUP_TEXT, "[%s] %3u%%  %s of %s, %s received",
		 progress_bar(now->done, total, bar), percent_of(now->done, total),
		 format_size(now->done, a), format_size(total, b), format_size(now->received, c));
	if (source)
		add(text, " from node %" PRIu64, source);
	if (seconds > 0)
		add(text, ", %s/s", format_size((now->received - old->received) / seconds, a));
	if (total && now->done >= total)
		add(text, "; entries of the log follow");
	else if (seconds > 0 && now->done > old->done)
		add_time(text, (total - now->done) / ((now->done - old->done) / seconds));
	return text;
}
