/* SPDX-License-Identifier: GPL-2.0 */
/* /sys/kernel/debug/raftblk/NAME/: inner state, and faults to be injected. */
#ifndef RAFTBLK_DEBUGFS_H
#define RAFTBLK_DEBUGFS_H

struct raftblk_volume;

void raftblk_debugfs_add(struct raftblk_volume *vol);
/* Before the lower device is closed. */
void raftblk_debugfs_remove(struct raftblk_volume *vol);
void raftblk_debugfs_init(void);
void raftblk_debugfs_exit(void);

#endif /* RAFTBLK_DEBUGFS_H */
