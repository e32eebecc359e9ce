/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by lower.c (the device, metadata, flush), lower_log.c and lower_data.c. */
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

/* A slot or a flush on its way: at most one of each kind. */
struct raftblk_meta_io {
	struct raftblk_io io;
	u64 generation;
	void *buf;			/* RAFTBLK_META_BYTES */
};

/**
 * struct raftblk_lower - the lower device of a volume
 * @inflight: worker's count of operations
 * @fua: the device writes through on demand, or has no volatile cache
 * @no_write_zeroes: it said it could, and could not
 */
struct raftblk_lower {
	struct raftblk_volume *vol;
	struct compat_bdev handle;
	struct block_device *bdev;
	struct bio_set bios;
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
/* Everything is submitted. */
void raftblk_io_end(struct raftblk_io *io);
void raftblk_io_fail(struct raftblk_io *io, int err);
void raftblk_bio_endio(struct bio *bio);

/* Add a page's bytes; submits bios as they fill up. */
void raftblk_chain_add(struct raftblk_bio_chain *c, struct page *page, u32 off, u32 len);
/* Go on elsewhere on the device. */
void raftblk_chain_seek(struct raftblk_bio_chain *c, u64 sector);
void raftblk_chain_submit(struct raftblk_bio_chain *c);

/* How writes that must be stable are flagged; may set io->flush_after. */
blk_opf_t raftblk_stable_opf(struct raftblk_lower *lower, struct raftblk_io *io, u32 bytes,
			     u32 vecs);

void raftblk_log_write_ended(struct raftblk_volume *vol, struct raftblk_log_io *lio);
void raftblk_log_read_ended(struct raftblk_volume *vol, struct raftblk_load_io *lio);
/* More is to be zeroed, or the same in another way: started; false: ended. */
bool raftblk_apply_goes_on(struct raftblk_volume *vol, struct raftblk_apply_io *aio);
void raftblk_apply_ended(struct raftblk_volume *vol, struct raftblk_apply_io *aio);

#endif /* RAFTBLK_LOWER_INTERNAL_H */
