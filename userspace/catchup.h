/* SPDX-License-Identifier: GPL-2.0 */
/* A member that fetches what changed while it was away: how far, how fast, how long. */
#ifndef RAFTBLK_TOOL_CATCHUP_H
#define RAFTBLK_TOOL_CATCHUP_H

#include <json-c/json.h>

#include "tool.h"

#define CATCHUP_TEXT	256

/* A volume's "catchup" in a line.  @text: CATCHUP_TEXT bytes. */
char *catchup_text(struct json_object *catchup, char *text);

#endif /* RAFTBLK_TOOL_CATCHUP_H */
