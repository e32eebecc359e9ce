/* SPDX-License-Identifier: GPL-2.0 */
/* A member that is up: bringing it there, and waiting for what comes next. */
#ifndef RAFTBLK_MEMBER_H
#define RAFTBLK_MEMBER_H

#include "../kernel/core/config.h"
#include "nl.h"

/* @name: 32 bytes, or NULL.  EXIT_OK or an exit code. */
int member_up(struct nl *nl, const char *path, char *name, u32 *minor);

/* The volume as this machine's member sees it; the caller drops it.  EXIT_OK or an exit code. */
int member_volume(struct nl *nl, const char *name, struct json_object **vol);

/* Wait until the volume has a leader; some seconds at most. */
int member_wait_leader(struct nl *nl, const char *name);

/* Wait, with a progress bar, until this member votes, or, a learner for good, is level
 * with the others; as long as it moves.
 */
int member_wait_joined(struct nl *nl, const char *name, bool learner);

/* Goes up, or changes, as long as this member catches up: entries or extents. */
u64 member_seen(struct json_object *vol);

/* Is it behind the leader's log without a way to catch up? */
bool member_is_stuck(struct json_object *vol);

/* An argument: an address, named @what in what is said if it is none; a node id.  EXIT_OK or
 * EXIT_USAGE.
 */
int member_parse_addr(const char *what, const char *text, struct raftblk_addr *addr);
int member_parse_id(const char *text, u32 *id);

/* Could this machine listen there?  Asked before anything is written and a cluster is asked.
 * EXIT_OK or an exit code.
 */
int member_check_local(const struct raftblk_addr *addr);

/* @len bytes from hex digits, with dashes between them or without; nothing may follow.  0 or -1. */
int member_parse_hex(const char *text, u8 *out, size_t len);

/* The member with this node id, or NULL. */
struct json_object *member_find(struct json_object *vol, u64 id);

/* A member as in status and in the answer to a joiner; 0 or -1. */
int member_from_json(struct json_object *j, struct raftblk_member *m);

/* This machine's member of a volume, or NULL. */
struct json_object *member_self(struct json_object *vol);

/* Has a member this flag ("old", "new", "promote", "witness")? */
bool member_has_flag(struct json_object *member, const char *flag);

#endif /* RAFTBLK_MEMBER_H */
