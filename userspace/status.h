/* SPDX-License-Identifier: GPL-2.0 */
/* Showing volumes to people. */
#ifndef RAFTBLK_STATUS_H
#define RAFTBLK_STATUS_H

#include <json-c/json.h>

/* All of @volumes (an array), with a hint below each where something is wrong. */
void status_show(struct json_object *volumes);

/* As status --json shows it: {"volumes": [...]}, with what follows from the rest
 * added: "device", and "part" of each member.  Takes over @volumes.
 */
struct json_object *status_json(struct json_object *volumes);

/* The members of a volume: a table; and as status --json has them. */
void status_show_members(struct json_object *vol);
struct json_object *status_members(struct json_object *vol);

/* Word for a member's part: voter, learner, witness, joining, leaving, demoted. */
const char *member_part(struct json_object *member);

#endif /* RAFTBLK_STATUS_H */
