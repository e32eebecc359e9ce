/* SPDX-License-Identifier: GPL-2.0 */
/* A member that fetches what changed while it was away: how far, how fast, how long. */
#ifndef RAFTBLK_TOOL_CATCHUP_H
#define RAFTBLK_TOOL_CATCHUP_H

#include <json-c/json.h>

#include "tool.h"

#define CATCHUP_TEXT	256
#define HISTORY_LOOKS	10	/* a second or more apart: the rate is that of so many seconds */
#define HISTORY_VOLUMES	16	/* of more than that no rate is shown */

/**
 * struct look - how far a member was at a time
 * @at: in milliseconds, see now_ms()
 * @done: bytes of the volume that were there
 * @received: bytes received so far
 */
struct look {
	u64 at;
	u64 done;
	u64 received;
};

/**
 * struct history - looks at each volume, oldest first; zeroed to begin with
 */
struct history {
	struct {
		char name[32];
		unsigned int nr;
		struct look look[HISTORY_LOOKS];
	} vol[HISTORY_VOLUMES];
};

/* What a volume's "catchup" says now. */
struct look look_now(struct json_object *catchup, u64 now);

/**
 * history_note() - remember a look
 *
 * Looks from before a gap, or before a member began anew, are forgotten, and of looks
 * in quick succession the first is kept.
 *
 * Return: the oldest look there is, to compare with; NULL if there is none, or no room.
 */
const struct look *history_note(struct history *h, const char *name, const struct look *now);

/**
 * catchup_text() - a volume's "catchup" in a line
 * @old: an earlier look, for rate and time left; or NULL
 * @text: CATCHUP_TEXT bytes
 */
char *catchup_text(struct json_object *catchup, const struct look *old, const struct look *now,
		   char *text);

#endif /* RAFTBLK_TOOL_CATCHUP_H */
