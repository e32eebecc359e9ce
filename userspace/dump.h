/* SPDX-License-Identifier: GPL-2.0 */
/* What is on a member's device, read without changing a bit of it. */
#ifndef RAFTBLK_DUMP_H
#define RAFTBLK_DUMP_H

#include <json-c/json.h>

#include "device.h"

/**
 * dump_device() - all of it as JSON
 * @records: list each record of the log
 * @versions: list the version of each extent that has one
 * @out: NULL if there is nothing to show
 *
 * Return: EXIT_OK; EXIT_ERROR if something is rotten or this is no member.
 */
int dump_device(const struct device *dev, bool records, bool versions, struct json_object **out);

void dump_show(struct json_object *j);

/* ring.c: what recovery makes of the log, without changing anything; "error" if no
 * log can be built from what is there.
 */
struct json_object *ring_recover(const struct device *dev, const struct raftblk_super *s,
				 const struct raftblk_ckpt *ckpt,
				 const struct raftblk_vote *vote, bool records);

/* map.c: the version map as a member that starts from @ckpt would have it, summed up,
 * and with @versions extent by extent; NULL if there is none.
 */
struct json_object *map_recover(const struct device *dev, const struct raftblk_super *s,
				const struct raftblk_ckpt *ckpt, bool versions);

#endif /* RAFTBLK_DUMP_H */
