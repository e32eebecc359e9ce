/* SPDX-License-Identifier: GPL-2.0 */
/* Made by userspace/gen/specgen from Documentation/netlink/raftblk.yaml; do not edit. */
#ifndef RAFTBLK_SPEC_GEN_H
#define RAFTBLK_SPEC_GEN_H

#include "spec.h"

extern const struct spec_enum spec_role;
extern const struct spec_enum spec_progress;
extern const struct spec_enum spec_member_flag;
extern const struct spec_enum spec_member_change;
extern const struct spec_enum spec_part;
extern const struct spec_enum spec_event_kind;

/* Is the command asked for as a dump, and nothing else? */
extern const bool spec_cmd_dump[RAFTBLK_CMD_MAX + 1];

extern const struct spec_set spec_set_volume;
extern const struct spec_set spec_set_verify;
extern const struct spec_set spec_set_finding;
extern const struct spec_set spec_set_catchup;
extern const struct spec_set spec_set_address;
extern const struct spec_set spec_set_member;
extern const struct spec_set spec_set_stats;
extern const struct spec_set spec_set_join;
extern const struct spec_set spec_set_event;

#endif /* RAFTBLK_SPEC_GEN_H */
