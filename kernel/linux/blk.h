/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The disk: /dev/raftblkN, its requests, who has it open.
 *
 * A session begins with the first open for writing, when this node has become
 * the owner, and ends with the last close of any kind.  Between sessions the
 * disk is read-only.  (The block layer does not say in release() how the device
 * had been opened, and only at the last close is it sure that nothing dirty and
 * nothing stale is left in the page cache.)
 *
 * A witness has a disk, too, without capacity, whose every open is refused: who looks for
 * it is told why, and does not make a file of that name.
 */
#ifndef RAFTBLK_BLK_H
#define RAFTBLK_BLK_H

#include <linux/types.h>

struct netlink_ext_ack;
struct raftblk_io;
struct raftblk_open;
struct raftblk_req;
struct raftblk_volume;

/* Allocate the disk, not visible yet.  0 or -errno with extack. */
int raftblk_blk_alloc(struct raftblk_volume *vol, struct netlink_ext_ack *extack);

/* Make it visible: it can be opened from now on, and holds a reference to @vol. */
int raftblk_blk_add(struct raftblk_volume *vol, struct netlink_ext_ack *extack);

/**
 * raftblk_blk_close_gate() - let nobody open it any more
 *
 * Return: 0, or -EBUSY: it is open, and not @force; then it stays as it was.
 */
int raftblk_blk_close_gate(struct raftblk_volume *vol, bool force);

/*
 * Remove the disk.  Waits until every request has ended, so the worker must be
 * ending them.  No request and no open comes any more when it returns.
 */
void raftblk_blk_remove(struct raftblk_volume *vol);

/*
 * Drop what the volume holds of a removed disk, after the worker has stopped.
 * Those who still have it open keep the gendisk, and it keeps the volume.
 */
void raftblk_blk_put(struct raftblk_volume *vol);

/* Undo raftblk_blk_alloc(), for a disk that was never added. */
void raftblk_blk_free(struct raftblk_volume *vol);

/* Worker only */

/* Hand what queue_rq left on vol->submitted to the replica. */
void raftblk_blk_take(struct raftblk_volume *vol);
void raftblk_blk_read(struct raftblk_volume *vol, struct raftblk_req *req);
void raftblk_blk_read_ended(struct raftblk_volume *vol, struct raftblk_io *io);
void raftblk_blk_done(struct raftblk_volume *vol, struct raftblk_req *req);
/* The partition table may have changed: somebody else has written, or may have. */
void raftblk_blk_changed(struct raftblk_volume *vol);
/* The volume has this size from now on: tell the block layer and whoever listens to it. */
void raftblk_blk_resized(struct raftblk_volume *vol, u64 sectors);
void raftblk_blk_opened(struct raftblk_volume *vol, struct raftblk_open *open);

int raftblk_blk_init(void);
void raftblk_blk_exit(void);

#endif /* RAFTBLK_BLK_H */
