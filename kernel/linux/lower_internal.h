/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by lower.c (the device, metadata, flush), lower_log.c, _data.c and _chunk.c. */
#ifndef RAFTBLK_LOWER_INTERNAL_H
#define RAFTBLK_LOWER_INTERNAL_H

#include <linux/bio.h>
#include <linux/list.h>

#include "../compat/blk.h"
#include "lower.h"
#include "volume.h"

/* A record on its way to the ring. */
struct raftblk_log_io {
	struct raftblk_io io;
	struct list_head link;		/* lower->log_free */
	u64 id;
	void *header;			/* RAFTBLK_RECORD_HEADER_MAX bytes */
	u32 nr;
	struct raftblk_payload *payload[RAFTBLK_RECORD_MAX_ENTRIES];
};

/* A payload on its way from the ring. */
struct raftblk_load_io {
	struct raftblk_io io;
	struct list_head link;		/* lower->load_free or ->load_starved */
	u64 index;
	u64 term;
	u64 pos;
	u32 bytes;
	u32 crc;
	struct raftblk_payload *payload;
};

/* An entry on its way to the data area. */
struct raftblk_apply_io {
	struct raftblk_io io;
	struct list_head link;		/* lower->apply_free */
	u64 index;
	struct raftblk_entry entry;	/* with a reference to its payload */
	u64 zero_sector;		/* next to be zeroed */
	u64 zero_left;
	bool by_pages;			/* by writing zeros */
};

/* A block of the version map on its way. */
struct raftblk_map_io {
	struct raftblk_io io;
	struct list_head link;		/* lower->map_free */
	void *buf;			/* RAFTBLK_META_BYTES */
};

/**
 * struct raftblk_chunk_op - a chunk, or blocks of it, being read, compared or written
 * @link: in lower->chunk_starved
 * @work: hashing and comparing, which would take the worker too long
 * @what: the action
 * @payload: READ, SERVE: what was read
 * @hash: READ, HASH: found; SERVE: to compare with
 * @diff: SERVE: found
 * @by_pages: WRITE: zeros are written as such
 * @buf: REPAIR_LOOK: room for a block
 * @block, @bad: REPAIR_LOOK: the one being read; those that cannot be read
 *
 * While bios or @work are under way they alone touch it.
 */
struct raftblk_chunk_op {
	struct raftblk_io io;
	struct list_head link;
	struct work_struct work;
	struct raftblk_chunk_io what;
	struct raftblk_payload *payload;
	u64 hash[RAFTBLK_CHUNK_BLOCKS];
	struct raftblk_chunk_diff diff;
	bool by_pages;
	void *buf;
	u32 block;
	u64 bad;
};

/**
 * struct raftblk_grow_op - room being made for a larger data area
 * @task: by which the worker gets it back
 * @sectors: what the data area is to have
 * @room: what there is room for so far, or could be; @work writes, the worker looks
 * @version, @block: the version map of that size
 * @busy: the worker's
 */
struct raftblk_grow_op {
	struct raftblk_lower *lower;
	struct work_struct work;
	struct raftblk_task task;
	u64 sectors;
	u64 room;
	bool assume_zero;
	bool busy;
	int status;
	u64 *version;
	struct raftblk_vmap_block *block;
};

/* A slot or a flush on its way: at most one of each kind. */
struct raftblk_meta_io {
	struct raftblk_io io;
	u64 generation;
	void *buf;			/* RAFTBLK_META_BYTES */
};

/**
 * struct raftblk_lower - the lower device of a volume
 * @clones: of reads that go past the worker; its own are not to wait for theirs
 * @inflight: worker's count of operations
 * @fua: the device writes through on demand, or has no volatile cache
 * @chunk_reads: chunks being read for this member itself
 * @no_write_zeroes: it said it could, and could not
 */
struct raftblk_lower {
	struct raftblk_volume *vol;
	struct compat_bdev handle;
	struct block_device *bdev;
	struct bio_set bios;
	struct bio_set clones;
	u32 inflight;
	bool fua;
	bool no_write_zeroes;

	struct list_head log_free;
	struct list_head load_free;
	struct list_head load_starved;
	struct list_head apply_free;
	struct raftblk_log_io log[RAFTBLK_LOG_WRITES];
	struct raftblk_load_io load[RAFTBLK_LOAD_DEPTH];
	struct raftblk_apply_io apply[RAFTBLK_APPLY_DEPTH];
	struct raftblk_meta_io vote;
	struct raftblk_meta_io ckpt;
	struct raftblk_meta_io flush;

	struct list_head map_free;
	struct list_head chunk_starved;
	u32 chunk_reads;
	struct raftblk_map_io map[RAFTBLK_VMAP_WRITES];
	struct raftblk_chunk_op fetch[RAFTBLK_FETCH_SLOTS];	/* by the action's id */
	struct raftblk_chunk_op serve[RAFTBLK_SERVE_SLOTS];
	struct raftblk_chunk_op repair[RAFTBLK_REPAIR_SLOTS];
	struct raftblk_grow_op grow;
	atomic_t inject[RAFTBLK_IO_KINDS];
};

/**
 * struct raftblk_bio_chain - bios of one operation being put together
 * @sector: of the device, where the next bytes go
 * @vecs: pages still to come, about
 * @bio: not submitted yet
 */
struct raftblk_bio_chain {
	struct raftblk_lower *lower;
	struct raftblk_io *io;
	blk_opf_t opf;
	u64 sector;
	u32 vecs;
	struct bio *bio;
};

/* Worker: begin an operation.  Between begin and end it cannot end. */
void raftblk_io_begin(struct raftblk_lower *lower, struct raftblk_io *io,
		      enum raftblk_io_kind kind);
/* False: a fault is to be injected; the status is set, submit nothing. */
bool raftblk_io_admit(struct raftblk_lower *lower, struct raftblk_io *io);
/* Work that may take long or block. */
void raftblk_lower_queue(struct work_struct *work);
/* Everything is submitted. */
void raftblk_io_end(struct raftblk_io *io);
/* Over: the worker may have it.  Any context; nothing of it may be touched afterwards. */
void raftblk_io_hand_over(struct raftblk_io *io);
void raftblk_io_fail(struct raftblk_io *io, int err);
void raftblk_bio_endio(struct bio *bio);

/* Add a page's bytes; submits bios as they fill up. */
void raftblk_chain_add(struct raftblk_bio_chain *c, struct page *page, u32 off, u32 len);
/* Go on elsewhere on the device. */
void raftblk_chain_seek(struct raftblk_bio_chain *c, u64 sector);
void raftblk_chain_submit(struct raftblk_bio_chain *c);

/* Have the device zero sectors by itself; @nsect: what fits in a bio. */
void raftblk_zero_submit(struct raftblk_lower *lower, struct raftblk_io *io, blk_opf_t flags,
			 u64 sector, u32 nsect);

/* Some devices find out only when asked that they cannot zero by themselves. */
static inline bool raftblk_zero_unsupported(const struct raftblk_io *io)
{
	return io->status == -EOPNOTSUPP || io->status == -EREMOTEIO;
}

/* So far as is known. */
static inline bool raftblk_zeroes_by_device(const struct raftblk_lower *lower)
{
	return !lower->no_write_zeroes && bdev_write_zeroes_sectors(lower->bdev);
}

/* Background work: must not be throttled as writeback, that would block the worker. */
#define RAFTBLK_BACKGROUND_OPF	(REQ_SYNC | REQ_IDLE)

/* How writes that must be stable are flagged; may set io->flush_after. */
blk_opf_t raftblk_stable_opf(struct raftblk_lower *lower, struct raftblk_io *io, u32 bytes,
			     u32 vecs);

/* lower_log.c, lower_data.c */

void raftblk_log_write_ended(struct raftblk_volume *vol, struct raftblk_log_io *lio);
void raftblk_log_read_ended(struct raftblk_volume *vol, struct raftblk_load_io *lio);
/* See raftblk_lower_retry(), raftblk_lower_give_up(). */
bool raftblk_log_retry(struct raftblk_volume *vol);
void raftblk_log_give_up(struct raftblk_volume *vol);
/* More is to be zeroed, or the same in another way: started; false: ended. */
bool raftblk_apply_goes_on(struct raftblk_volume *vol, struct raftblk_apply_io *aio);
void raftblk_apply_ended(struct raftblk_volume *vol, struct raftblk_apply_io *aio);

/* lower_grow.c */

void raftblk_grow_init(struct raftblk_lower *lower);

/* lower_chunk.c */

int raftblk_chunk_alloc(struct raftblk_lower *lower);
void raftblk_chunk_free(struct raftblk_lower *lower);
void raftblk_map_ended(struct raftblk_volume *vol, struct raftblk_map_io *mio);
void raftblk_chunk_read_ended(struct raftblk_volume *vol, struct raftblk_chunk_op *op);
void raftblk_chunk_serve_ended(struct raftblk_volume *vol, struct raftblk_chunk_op *op);
void raftblk_chunk_hash_ended(struct raftblk_volume *vol, struct raftblk_chunk_op *op);
/* The same in another way: started; false: ended. */
bool raftblk_chunk_write_goes_on(struct raftblk_volume *vol, struct raftblk_chunk_op *op);
/* The next block: started; false: all have been read. */
bool raftblk_repair_look_goes_on(struct raftblk_volume *vol, struct raftblk_chunk_op *op);
/* See raftblk_lower_retry(), raftblk_lower_give_up(). */
bool raftblk_chunk_retry(struct raftblk_volume *vol);
void raftblk_chunk_give_up(struct raftblk_volume *vol);

#endif /* RAFTBLK_LOWER_INTERNAL_H */
