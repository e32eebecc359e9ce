/* SPDX-License-Identifier: GPL-2.0 */
/* /sys/block/raftblkN/raftblk/: what scripts want to know of a member. */
#ifndef RAFTBLK_SYSFS_H
#define RAFTBLK_SYSFS_H

struct attribute_group;

extern const struct attribute_group *raftblk_sysfs_groups[];

#endif /* RAFTBLK_SYSFS_H */
