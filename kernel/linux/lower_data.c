// SPDX-License-Identifier: GPL-2.0
/* The data area on the lower device: applying entries, serving reads. */
#include <linux/bvec.h>
#include <linux/highmem.h>

#include "blk.h"
#include "lower_internal.h"

#define ZEROES_MAX_SECTORS	(1U << 22)	/* of one bio the device zeroes by itself: 2 GiB */
#define ZERO_STEP_BYTES		(4U << 20)	/* of zeros written before looking back */

static void apply_write(struct raftblk_volume *vol, struct raftblk_apply_io *aio)
{
	const struct raftblk_payload *p = aio->entry.payload;
	struct raftblk_bio_chain c = {
		.lower = vol->lower,
		.io = &aio->io,
		.opf = REQ_OP_WRITE | RAFTBLK_BACKGROUND_OPF,
		.sector = vol->super.data_start + aio->entry.sector,
		.vecs = p->nr_pages,
	};
	u32 i;

	for (i = 0; i < p->nr_pages; i++)
		raftblk_chain_add(&c, p->page[i], 0, raftblk_payload_page_bytes(p, i));
	raftblk_chain_submit(&c);
}

void raftblk_zero_submit(struct raftblk_lower *lower, struct raftblk_io *io, blk_opf_t flags,
			 u64 sector, u32 nsect)
{
	blk_opf_t opf = REQ_OP_WRITE_ZEROES | RAFTBLK_BACKGROUND_OPF | flags;
	struct bio *bio = bio_alloc_bioset(lower->bdev, 0, opf, GFP_NOIO, &lower->bios);

	bio->bi_iter.bi_sector = sector;
	bio->bi_iter.bi_size = nsect << SECTOR_SHIFT;
	bio->bi_private = io;
	bio->bi_end_io = raftblk_bio_endio;
	atomic_inc(&io->bios);
	submit_bio(bio);
}

static void zero_by_device(struct raftblk_lower *lower, struct raftblk_apply_io *aio)
{
	u32 n = min_t(u64, aio->zero_left, ZEROES_MAX_SECTORS);
	u64 sector = aio->zero_sector;

	aio->zero_sector += n;
	aio->zero_left -= n;
	/* A discard may free the space; a write of zeros is to keep it allocated. */
	raftblk_zero_submit(lower, &aio->io, aio->entry.op == RAFTBLK_OP_ZERO ? REQ_NOUNMAP : 0,
			    sector, n);
}

static void zero_by_pages(struct raftblk_lower *lower, struct raftblk_apply_io *aio)
{
	u32 left = min_t(u64, aio->zero_left << SECTOR_SHIFT, ZERO_STEP_BYTES);
	struct raftblk_bio_chain c = {
		.lower = lower,
		.io = &aio->io,
		.opf = REQ_OP_WRITE | RAFTBLK_BACKGROUND_OPF,
		.sector = aio->zero_sector,
		.vecs = DIV_ROUND_UP(left, PAGE_SIZE),
	};

	while (left) {
		u32 n = min_t(u32, left, PAGE_SIZE);

		raftblk_chain_add(&c, ZERO_PAGE(0), 0, n);
		left -= n;
	}
	raftblk_chain_submit(&c);
	aio->zero_left -= c.sector - aio->zero_sector;
	aio->zero_sector = c.sector;
}

/* What was discarded reads as zeros on every member, so it is zeroed on every member. */
static void zero_step(struct raftblk_lower *lower, struct raftblk_apply_io *aio)
{
	if (aio->by_pages)
		zero_by_pages(lower, aio);
	else
		zero_by_device(lower, aio);
}

static void zero_begin(struct raftblk_volume *vol, struct raftblk_apply_io *aio, bool by_pages)
{
	aio->zero_sector = vol->super.data_start + aio->entry.sector;
	aio->zero_left = aio->entry.nsect;
	aio->by_pages = by_pages;
	zero_step(vol->lower, aio);
}

static bool inside_data_area(const struct raftblk_volume *vol, u64 sector, u32 nsect)
{
	return nsect <= vol->super.data_sectors && sector <= vol->super.data_sectors - nsect;
}

static void apply_start(struct raftblk_volume *vol, struct raftblk_apply_io *aio)
{
	struct raftblk_lower *lower = vol->lower;
	const struct raftblk_entry *e = &aio->entry;

	if (!raftblk_entry_is_data(e))
		return;
	if (WARN_ON_ONCE(!inside_data_area(vol, e->sector, e->nsect) ||
			 (e->op == RAFTBLK_OP_WRITE && (!e->payload ||
			  e->payload->bytes != e->nsect << SECTOR_SHIFT))))
		raftblk_io_fail(&aio->io, -EIO);
	else if (e->op == RAFTBLK_OP_WRITE)
		apply_write(vol, aio);
	else
		zero_begin(vol, aio, !raftblk_zeroes_by_device(lower));
}

void raftblk_lower_apply(struct raftblk_volume *vol, u64 index, const struct raftblk_entry *e)
{
	struct raftblk_lower *lower = vol->lower;
	struct raftblk_apply_io *aio;

	vol->stats.applies++;
	vol->stats.apply_bytes += (u64)e->nsect << SECTOR_SHIFT;
	aio = list_first_entry(&lower->apply_free, struct raftblk_apply_io, link);
	list_del(&aio->link);
	aio->index = index;
	aio->entry = *e;
	aio->zero_left = 0;
	if (e->payload)
		raftblk_payload_get(e->payload);
	raftblk_io_begin(lower, &aio->io, RAFTBLK_IO_APPLY);
	if (raftblk_io_admit(lower, &aio->io))
		apply_start(vol, aio);
	raftblk_io_end(&aio->io);
}

static bool zero_unsupported(const struct raftblk_apply_io *aio)
{
	return aio->entry.op != RAFTBLK_OP_WRITE && !aio->by_pages &&
	       raftblk_zero_unsupported(&aio->io);
}

bool raftblk_apply_goes_on(struct raftblk_volume *vol, struct raftblk_apply_io *aio)
{
	bool fall_back = aio->io.status && zero_unsupported(aio);

	if (aio->io.status ? !fall_back : !aio->zero_left)
		return false;
	aio->io.status = 0;
	atomic_set(&aio->io.bios, 1);
	if (fall_back) {
		vol->lower->no_write_zeroes = true;
		zero_begin(vol, aio, true);
	} else {
		zero_step(vol->lower, aio);
	}
	raftblk_io_end(&aio->io);
	return true;
}

void raftblk_apply_ended(struct raftblk_volume *vol, struct raftblk_apply_io *aio)
{
	raftblk_payload_put(aio->entry.payload);
	list_add(&aio->link, &vol->lower->apply_free);
	raftblk_replica_applied(&vol->replica, raftblk_now(), aio->index, aio->io.status);
}

/* Reads */

static void request_zero(struct request *rq, u32 offset, u32 bytes)
{
	u32 end = offset + bytes;
	struct req_iterator iter;
	struct bio_vec bv;
	u32 pos = 0;

	rq_for_each_segment(bv, rq, iter) {
		u32 from = max(pos, offset);
		u32 to = min(pos + bv.bv_len, end);

		if (pos >= end)
			break;
		if (from < to) {
			struct bio_vec part = bv;

			part.bv_offset += from - pos;
			part.bv_len = to - from;
			memzero_bvec(&part);
		}
		pos += bv.bv_len;
	}
}

/* From the data area straight into the request's pages. */
static void request_read(struct raftblk_volume *vol, struct raftblk_io *io, struct request *rq,
			 u64 sector, u32 offset, u32 bytes)
{
	struct raftblk_bio_chain c = {
		.lower = vol->lower,
		.io = io,
		.opf = REQ_OP_READ | (rq->cmd_flags & (REQ_SYNC | REQ_META | REQ_PRIO)),
		.sector = vol->super.data_start + sector,
		.vecs = blk_rq_nr_phys_segments(rq) + 1,
	};
	u32 end = offset + bytes;
	struct req_iterator iter;
	struct bio_vec bv;
	u32 pos = 0;

	rq_for_each_bvec(bv, rq, iter) {
		u32 from = max(pos, offset);
		u32 to = min(pos + bv.bv_len, end);

		if (pos >= end)
			break;
		if (from < to)
			raftblk_chain_add(&c, bv.bv_page, bv.bv_offset + from - pos, to - from);
		pos += bv.bv_len;
	}
	raftblk_chain_submit(&c);
}

static void read_segment(struct raftblk_volume *vol, struct raftblk_io *io, struct request *rq,
			 const struct raftblk_req *req, const struct raftblk_segment *seg)
{
	u32 offset = (seg->sector - req->sector) << SECTOR_SHIFT;
	u32 bytes = seg->nsect << SECTOR_SHIFT;

	if (seg->payload)
		raftblk_payload_to_request(seg->payload, seg->offset, rq, offset, bytes);
	else if (seg->zero)
		request_zero(rq, offset, bytes);
	else if (WARN_ON_ONCE(!inside_data_area(vol, seg->sector, seg->nsect)))
		raftblk_io_fail(io, -EIO);
	else
		request_read(vol, io, rq, seg->sector, offset, bytes);
}

struct bio *raftblk_lower_clone_read(struct raftblk_volume *vol, struct request *rq)
{
	struct raftblk_lower *lower = vol->lower;
	struct bio *bio;

	/* Several bios would have to be waited for; faults are injected in the worker's way. */
	if (!bdev_nowait(lower->bdev) || rq->bio != rq->biotail ||
	    atomic_read(&lower->inject[RAFTBLK_IO_READ]) ||
	    !inside_data_area(vol, blk_rq_pos(rq), blk_rq_sectors(rq)))
		return NULL;
	bio = bio_alloc_clone(lower->bdev, rq->bio, GFP_NOWAIT | __GFP_NOWARN, &lower->clones);
	if (!bio)
		return NULL;
	bio->bi_opf = REQ_OP_READ | REQ_NOWAIT |
		      (rq->cmd_flags & (REQ_SYNC | REQ_META | REQ_PRIO));
	bio->bi_iter.bi_sector = vol->super.data_start + blk_rq_pos(rq);
	return bio;
}

void raftblk_lower_read(struct raftblk_volume *vol, struct raftblk_req *req,
			struct request *rq, struct raftblk_io *io)
{
	u32 i;

	vol->stats.reads++;
	vol->stats.read_bytes += (u64)req->nsect << SECTOR_SHIFT;
	raftblk_io_begin(vol->lower, io, RAFTBLK_IO_READ);
	if (raftblk_io_admit(vol->lower, io))
		for (i = 0; i < req->nr_segments; i++)
			read_segment(vol, io, rq, req, &req->segment[i]);
	raftblk_io_end(io);
}
