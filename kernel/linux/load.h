/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bringing a member up from what is on its lower device.  @buf is RAFTBLK_META_BYTES of
 * work space.  All may sleep; the worker has not begun, or has ended.
 */
#ifndef RAFTBLK_LOAD_H
#define RAFTBLK_LOAD_H

#define RAFTBLK_VMAP_EXTENTS_MAX	(1U << 27)	/* 1 GiB of memory */

struct netlink_ext_ack;
struct raftblk_volume;

/* Fill in vol->super.  0, or -errno with a sentence in @extack. */
int raftblk_load_super(struct raftblk_volume *vol, void *buf, struct netlink_ext_ack *extack);

/* Where one copy of the superblock is lost or older: from the other.  Once the member is
 * known to be good: what is refused is not touched.
 */
void raftblk_load_restore_super(struct raftblk_volume *vol, void *buf);

/* Start vol->replica.  0, or -errno with a sentence in @extack. */
int raftblk_load_replica(struct raftblk_volume *vol, void *buf, struct netlink_ext_ack *extack);
void raftblk_unload_replica(struct raftblk_volume *vol);

#endif /* RAFTBLK_LOAD_H */
