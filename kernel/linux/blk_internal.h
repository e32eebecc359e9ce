/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by blk.c (requests) and open.c (openers). */
#ifndef RAFTBLK_BLK_INTERNAL_H
#define RAFTBLK_BLK_INTERNAL_H

#include <linux/workqueue.h>

#include "../compat/blk.h"
#include "lower.h"
#include "volume.h"

/**
 * struct raftblk_disk - the disk of a volume
 * @gd: referenced until raftblk_blk_remove(); openers may keep it longer
 * @charged: bytes of writes that have not ended
 * @budget: as many at most
 * @openers: of any kind; gd->open_mutex
 * @session: somebody may write, see blk.h; gd->open_mutex
 * @close_task: tells the replica that the session is over; free whenever a
 *	session begins, since the worker runs tasks in their order
 * @scan: looks whether the partition table has changed
 * @resized: tells userspace of a new size
 * @table_known, @table_crc: of the table the partitions were last made from; @scan's
 */
struct raftblk_disk {
	struct gendisk *gd;
	struct blk_mq_tag_set set;
	atomic64_t charged;
	u64 budget;
	u32 openers;
	bool session;
	struct raftblk_task close_task;
	struct raftblk_volume *vol;
	struct work_struct scan;
	struct work_struct resized;
	bool table_known;
	u32 table_crc;
};

/**
 * struct raftblk_blk_req - a request's private part
 * @charged: bytes of the budget
 * @gate_term: of a read that goes past the worker; direct.c's
 *
 * @node, @req and @io belong to the worker once it is submitted.
 */
struct raftblk_blk_req {
	struct llist_node node;
	u32 charged;
	u64 gate_term;
	struct raftblk_req req;
	struct raftblk_io io;
};

/* direct.c: true if the read is under way, and will end without the worker, or go to it late. */
bool raftblk_direct_read(struct raftblk_volume *vol, struct request *rq);

/* open.c */

void raftblk_disk_init(struct raftblk_disk *d);
/* Worker: have userspace told that the size has changed. */
void raftblk_disk_resized(struct raftblk_disk *d);
int raftblk_disk_open(struct gendisk *gd, bool write);
void raftblk_disk_release(struct gendisk *gd);

/* partition.c */

/* Have the partition table looked at.  Any context. */
void raftblk_disk_scan(struct raftblk_disk *d);
/* One is on its way. */
bool raftblk_disk_scan_busy(struct raftblk_disk *d);
void raftblk_disk_scan_work(struct work_struct *work);
/* Work that may wait, also for the disk itself. */
void raftblk_disk_queue(struct work_struct *work);
int raftblk_disk_scan_init(void);
void raftblk_disk_scan_exit(void);

#endif /* RAFTBLK_BLK_INTERNAL_H */
