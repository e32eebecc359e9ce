/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lower device: everything that is read from or written to it.
 *
 * Asynchronous operations are started by the worker.  Their bios end in any
 * context; the last one puts the operation on vol->ended and kicks the worker,
 * which calls raftblk_lower_ended().  How many operations of a kind can be on
 * their way is bounded by the core, so all are allocated with the volume and
 * starting one never waits for memory (the bios come from a mempool and go back
 * there without the worker's help).
 */
#ifndef RAFTBLK_LOWER_H
#define RAFTBLK_LOWER_H

#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "../core/replica.h"

struct bio;
struct netlink_ext_ack;
struct raftblk_lower;
struct raftblk_volume;
struct request;

enum raftblk_io_kind {
	RAFTBLK_IO_LOG_WRITE,
	RAFTBLK_IO_LOG_READ,
	RAFTBLK_IO_VOTE,
	RAFTBLK_IO_CKPT,
	RAFTBLK_IO_APPLY,
	RAFTBLK_IO_FLUSH,
	RAFTBLK_IO_READ,
	RAFTBLK_IO_VMAP,
	RAFTBLK_IO_CHUNK_READ,
	RAFTBLK_IO_CHUNK_WRITE,
	RAFTBLK_IO_CHUNK_SERVE,
	RAFTBLK_IO_CHUNK_HASH,
	RAFTBLK_IO_REPAIR_LOOK,
	RAFTBLK_IO_REPAIR_WRITE,
	RAFTBLK_IO_KINDS,
};

extern const char * const raftblk_io_kind_name[RAFTBLK_IO_KINDS];

/**
 * struct raftblk_io - an operation on its way; part of a larger struct
 * @node: in vol->ended
 * @bios: bios on their way, plus one while more are being submitted
 * @status: 0 or the first error, -errno
 * @flush_after: the data was written without FUA; flush before it counts
 * @then: NULL, or work to be done with the data before the worker gets the operation;
 *	it ends with raftblk_io_hand_over()
 */
struct raftblk_io {
	struct llist_node node;
	struct raftblk_volume *vol;
	enum raftblk_io_kind kind;
	atomic_t bios;
	int status;
	bool flush_after;
	struct work_struct *then;
};

/**
 * struct raftblk_lower_info - what others need to know of the device
 * @sectors: its size
 * @write_zeroes: it can zero ranges by itself
 */
struct raftblk_lower_info {
	u64 sectors;
	u32 logical_block_size;
	u32 physical_block_size;
	u32 io_opt;
	u32 dma_alignment;
	bool write_zeroes;
};

/* Open exclusively.  0 or -errno with extack.  Sets vol->lower. */
int raftblk_lower_open(struct raftblk_volume *vol, const char *path,
		       struct netlink_ext_ack *extack);

/* Nothing may be on its way. */
void raftblk_lower_close(struct raftblk_volume *vol);

void raftblk_lower_info(struct raftblk_volume *vol, struct raftblk_lower_info *info);

/* Read, flush the write cache, or write with FUA, and wait.  @buf may come from vmalloc. */
int raftblk_lower_read_sync(struct raftblk_volume *vol, u64 sector, void *buf, u32 bytes);
int raftblk_lower_flush_sync(struct raftblk_volume *vol);
int raftblk_lower_write_sync(struct raftblk_volume *vol, u64 sector, void *buf, u32 bytes);

/* Worker only: carry out actions of the replica. */
void raftblk_lower_log_write(struct raftblk_volume *vol, struct raftblk_log_write *w);
void raftblk_lower_log_read(struct raftblk_volume *vol, u64 index,
			    const struct raftblk_entry *e);
void raftblk_lower_vote_write(struct raftblk_volume *vol, const struct raftblk_vote *vote);
void raftblk_lower_ckpt_write(struct raftblk_volume *vol, const struct raftblk_ckpt *ckpt);
void raftblk_lower_apply(struct raftblk_volume *vol, u64 index, const struct raftblk_entry *e);
void raftblk_lower_flush(struct raftblk_volume *vol);
void raftblk_lower_vmap_write(struct raftblk_volume *vol, u32 block);
void raftblk_lower_chunk_read(struct raftblk_volume *vol, const struct raftblk_chunk_io *what);
void raftblk_lower_chunk_write(struct raftblk_volume *vol, const struct raftblk_chunk_io *what);
void raftblk_lower_chunk_serve(struct raftblk_volume *vol, const struct raftblk_chunk_io *what);
void raftblk_lower_chunk_hash(struct raftblk_volume *vol, const struct raftblk_chunk_io *what);
void raftblk_lower_repair_look(struct raftblk_volume *vol, const struct raftblk_chunk_io *what);
void raftblk_lower_repair_write(struct raftblk_volume *vol, const struct raftblk_chunk_io *what);
/* The device is asked how large it is now, and what is new zeroed; ends in
 * raftblk_replica_grown().
 */
void raftblk_lower_grow(struct raftblk_volume *vol, u64 sectors, bool assume_zero);
/* Tell the replica how far that is. */
void raftblk_lower_grow_look(struct raftblk_volume *vol);
/*
 * A bio that reads what @rq, a read, wants; NULL: not now, or not in one bio.  Neither this nor the
 * bio waits for anything: it fails instead (REQ_NOWAIT).  The caller submits it, and the operation
 * is not counted: the request is what keeps the device.
 */
struct bio *raftblk_lower_clone_read(struct raftblk_volume *vol, struct request *rq);
/* @io: part of the request's own struct; with it the read ends in raftblk_blk_read_ended() */
void raftblk_lower_read(struct raftblk_volume *vol, struct raftblk_req *req,
			struct request *rq, struct raftblk_io *io);

/* Worker only: an operation ended; goes on with it, or tells the replica. */
void raftblk_lower_ended(struct raftblk_volume *vol, struct raftblk_io *io);

/* Worker only: operations that could not begin for lack of memory; true: some still cannot. */
bool raftblk_lower_retry(struct raftblk_volume *vol);

/* Worker only: the member stops; those end with -ESHUTDOWN. */
void raftblk_lower_give_up(struct raftblk_volume *vol);

/* Any but the worker, which has been told to stop and still runs: wait until nothing is being
 * made room for.
 */
void raftblk_lower_grow_stop(struct raftblk_volume *vol);

/* Worker only: operations started and not told to the replica yet. */
u32 raftblk_lower_inflight(struct raftblk_volume *vol);

int raftblk_lower_init(void);
void raftblk_lower_exit(void);

/* Fault injection: the next so many operations of a kind fail with -EIO. */
atomic_t *raftblk_lower_inject(struct raftblk_volume *vol, enum raftblk_io_kind kind);

#endif /* RAFTBLK_LOWER_H */
