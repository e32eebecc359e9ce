// SPDX-License-Identifier: GPL-2.0
/* The lower device: opening it, bios, metadata slots, flush. */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "blk.h"
#include "lower_internal.h"

#define BIO_RESERVE	64

static struct workqueue_struct *raftblk_lower_wq;

void raftblk_lower_queue(struct work_struct *work)
{
	queue_work(raftblk_lower_wq, work);
}

const char * const raftblk_io_kind_name[RAFTBLK_IO_KINDS] = {
	[RAFTBLK_IO_LOG_WRITE]	= "log_write",
	[RAFTBLK_IO_LOG_READ]	= "log_read",
	[RAFTBLK_IO_VOTE]	= "vote",
	[RAFTBLK_IO_CKPT]	= "ckpt",
	[RAFTBLK_IO_APPLY]	= "apply",
	[RAFTBLK_IO_FLUSH]	= "flush",
	[RAFTBLK_IO_READ]	= "read",
	[RAFTBLK_IO_VMAP]	= "vmap",
	[RAFTBLK_IO_CHUNK_READ]	= "chunk_read",
	[RAFTBLK_IO_CHUNK_WRITE] = "chunk_write",
	[RAFTBLK_IO_CHUNK_SERVE] = "chunk_serve",
	[RAFTBLK_IO_CHUNK_HASH]	= "chunk_hash",
	[RAFTBLK_IO_REPAIR_LOOK] = "repair_look",
	[RAFTBLK_IO_REPAIR_WRITE] = "repair_write",
};

/* Operations and their bios */

void raftblk_io_begin(struct raftblk_lower *lower, struct raftblk_io *io,
		      enum raftblk_io_kind kind)
{
	io->vol = lower->vol;
	io->kind = kind;
	io->status = 0;
	io->flush_after = false;
	io->then = NULL;
	atomic_set(&io->bios, 1);
	lower->inflight++;
}

bool raftblk_io_admit(struct raftblk_lower *lower, struct raftblk_io *io)
{
	if (likely(!atomic_read(&lower->inject[io->kind])))
		return true;
	if (atomic_dec_if_positive(&lower->inject[io->kind]) < 0)
		return true;
	raftblk_io_fail(io, -EIO);
	return false;
}

void raftblk_io_fail(struct raftblk_io *io, int err)
{
	cmpxchg(&io->status, 0, err);
}

/*
 * From llist_add() on the worker may end the operation, and with it the last
 * thing that kept the volume from being torn down; the volume is freed through
 * RCU, so that the kick still finds it.
 */
void raftblk_io_hand_over(struct raftblk_io *io)
{
	struct raftblk_volume *vol = io->vol;

	rcu_read_lock();
	if (llist_add(&io->node, &vol->ended))
		raftblk_volume_kick(vol);
	rcu_read_unlock();
}

/* The last one out hands the operation on. */
void raftblk_io_end(struct raftblk_io *io)
{
	if (!atomic_dec_and_test(&io->bios))
		return;
	if (io->then)
		raftblk_lower_queue(io->then);
	else
		raftblk_io_hand_over(io);
}

/* Any context. */
void raftblk_bio_endio(struct bio *bio)
{
	struct raftblk_io *io = bio->bi_private;

	if (unlikely(bio->bi_status))
		raftblk_io_fail(io, blk_status_to_errno(bio->bi_status));
	bio_put(bio);
	raftblk_io_end(io);
}

void raftblk_chain_submit(struct raftblk_bio_chain *c)
{
	struct bio *bio = c->bio;

	if (!bio)
		return;
	c->bio = NULL;
	atomic_inc(&c->io->bios);
	submit_bio(bio);
}

void raftblk_chain_seek(struct raftblk_bio_chain *c, u64 sector)
{
	raftblk_chain_submit(c);
	c->sector = sector;
}

/*
 * At most one bio is held while another is allocated from the same bio_set
 * (none: it is submitted first), so the reserve is enough for progress.
 */
void raftblk_chain_add(struct raftblk_bio_chain *c, struct page *page, u32 off, u32 len)
{
	if (c->bio && bio_add_page(c->bio, page, len, off) != len)
		raftblk_chain_submit(c);
	else if (c->bio)
		goto added;
	c->bio = bio_alloc_bioset(c->lower->bdev, bio_max_segs(max(c->vecs, 1U)), c->opf,
				  GFP_NOIO, &c->lower->bios);
	c->bio->bi_iter.bi_sector = c->sector;
	c->bio->bi_private = c->io;
	c->bio->bi_end_io = raftblk_bio_endio;
	__bio_add_page(c->bio, page, len, off);
added:
	c->sector += len >> SECTOR_SHIFT;
	c->vecs -= !!c->vecs;
}

/*
 * A write that the device may take in several pieces would be flushed once per
 * piece where FUA is emulated; then it is cheaper to write all of it and flush
 * once, although that takes another turn through the worker.
 */
blk_opf_t raftblk_stable_opf(struct raftblk_lower *lower, struct raftblk_io *io, u32 bytes,
			     u32 vecs)
{
	struct request_queue *q = bdev_get_queue(lower->bdev);
	blk_opf_t opf = REQ_OP_WRITE | REQ_SYNC | REQ_IDLE;

	if (lower->fua || (vecs <= min_t(u32, queue_max_segments(q), BIO_MAX_VECS) &&
			   bytes >> SECTOR_SHIFT <= queue_max_sectors(q)))
		return opf | REQ_FUA;
	io->flush_after = true;
	return opf;
}

static void submit_flush(struct raftblk_lower *lower, struct raftblk_io *io)
{
	struct bio *bio = bio_alloc_bioset(lower->bdev, 0,
					   REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC | REQ_IDLE,
					   GFP_NOIO, &lower->bios);

	bio->bi_private = io;
	bio->bi_end_io = raftblk_bio_endio;
	atomic_inc(&io->bios);
	submit_bio(bio);
}

/* Metadata slots */

/*
 * Always the whole 4 KiB block of the slot, so that neither devices with 4 KiB
 * sectors nor those that emulate smaller ones have to read it first.
 */
static void slot_write(struct raftblk_lower *lower, struct raftblk_meta_io *m,
		       enum raftblk_io_kind kind, u64 sector)
{
	struct raftblk_bio_chain c = {
		.lower = lower, .io = &m->io, .sector = sector, .vecs = 1,
	};

	raftblk_io_begin(lower, &m->io, kind);
	if (raftblk_io_admit(lower, &m->io)) {
		c.opf = raftblk_stable_opf(lower, &m->io, RAFTBLK_META_BYTES, 1);
		raftblk_chain_add(&c, virt_to_page(m->buf), offset_in_page(m->buf),
				  RAFTBLK_META_BYTES);
		raftblk_chain_submit(&c);
	}
	raftblk_io_end(&m->io);
}

void raftblk_lower_vote_write(struct raftblk_volume *vol, const struct raftblk_vote *vote)
{
	struct raftblk_meta_io *m = &vol->lower->vote;

	vol->stats.votes++;
	m->generation = vote->generation;
	memset(m->buf, 0, RAFTBLK_META_BYTES);
	raftblk_vote_encode(vote, vol->super.uuid, m->buf);
	slot_write(vol->lower, m, RAFTBLK_IO_VOTE, RAFTBLK_VOTE_SECTOR(vote->generation));
}

void raftblk_lower_ckpt_write(struct raftblk_volume *vol, const struct raftblk_ckpt *ckpt)
{
	struct raftblk_meta_io *m = &vol->lower->ckpt;

	vol->stats.checkpoints++;
	raftblk_ckpt_encode(ckpt, vol->super.uuid, m->buf);
	slot_write(vol->lower, m, RAFTBLK_IO_CKPT, RAFTBLK_CKPT_SECTOR(ckpt->generation));
}

void raftblk_lower_flush(struct raftblk_volume *vol)
{
	struct raftblk_lower *lower = vol->lower;
	struct raftblk_io *io = &lower->flush.io;

	vol->stats.flushes++;
	raftblk_io_begin(lower, io, RAFTBLK_IO_FLUSH);
	if (raftblk_io_admit(lower, io))
		submit_flush(lower, io);
	raftblk_io_end(io);
}

/* Ends of operations */

static struct raftblk_chunk_op *chunk_op(struct raftblk_io *io)
{
	return container_of(io, struct raftblk_chunk_op, io);
}

static void tell_replica(struct raftblk_volume *vol, struct raftblk_io *io)
{
	struct raftblk_replica *rep = &vol->replica;
	struct raftblk_lower *lower = vol->lower;

	switch (io->kind) {
	case RAFTBLK_IO_LOG_WRITE:
		raftblk_log_write_ended(vol, container_of(io, struct raftblk_log_io, io));
		break;
	case RAFTBLK_IO_LOG_READ:
		raftblk_log_read_ended(vol, container_of(io, struct raftblk_load_io, io));
		break;
	case RAFTBLK_IO_APPLY:
		raftblk_apply_ended(vol, container_of(io, struct raftblk_apply_io, io));
		break;
	case RAFTBLK_IO_VOTE:
		raftblk_replica_vote_written(rep, raftblk_now(), lower->vote.generation,
					     io->status);
		break;
	case RAFTBLK_IO_CKPT:
		raftblk_replica_ckpt_written(rep, raftblk_now(), io->status);
		break;
	case RAFTBLK_IO_FLUSH:
		raftblk_replica_flushed(rep, raftblk_now(), io->status);
		break;
	case RAFTBLK_IO_READ:
		raftblk_blk_read_ended(vol, io);
		break;
	case RAFTBLK_IO_VMAP:
		raftblk_map_ended(vol, container_of(io, struct raftblk_map_io, io));
		break;
	case RAFTBLK_IO_CHUNK_READ:
		raftblk_chunk_read_ended(vol, chunk_op(io));
		break;
	case RAFTBLK_IO_CHUNK_WRITE:
		raftblk_replica_chunk_written(rep, raftblk_now(), chunk_op(io)->what.id,
					      io->status);
		break;
	case RAFTBLK_IO_CHUNK_SERVE:
		raftblk_chunk_serve_ended(vol, chunk_op(io));
		break;
	case RAFTBLK_IO_CHUNK_HASH:
		raftblk_chunk_hash_ended(vol, chunk_op(io));
		break;
	case RAFTBLK_IO_REPAIR_LOOK:
		raftblk_replica_repair_looked(rep, raftblk_now(), chunk_op(io)->what.id,
					      chunk_op(io)->bad);
		break;
	case RAFTBLK_IO_REPAIR_WRITE:
		raftblk_replica_repair_written(rep, raftblk_now(), chunk_op(io)->what.id,
					       io->status);
		break;
	default:
		WARN_ON_ONCE(1);
	}
}

/* There is more to do, or the same in another way: started. */
static bool goes_on(struct raftblk_volume *vol, struct raftblk_io *io)
{
	if (io->kind == RAFTBLK_IO_APPLY)
		return raftblk_apply_goes_on(vol, container_of(io, struct raftblk_apply_io, io));
	if (io->kind == RAFTBLK_IO_CHUNK_WRITE || io->kind == RAFTBLK_IO_REPAIR_WRITE)
		return raftblk_chunk_write_goes_on(vol, chunk_op(io));
	if (io->kind == RAFTBLK_IO_REPAIR_LOOK)
		return raftblk_repair_look_goes_on(vol, chunk_op(io));
	return false;
}

void raftblk_lower_ended(struct raftblk_volume *vol, struct raftblk_io *io)
{
	struct raftblk_lower *lower = vol->lower;

	if (io->flush_after && !io->status) {
		io->flush_after = false;
		atomic_set(&io->bios, 1);
		submit_flush(lower, io);
		raftblk_io_end(io);
		return;
	}
	if (goes_on(vol, io))
		return;
	lower->inflight--;
	if (io->status)
		vol_err_ratelimited(vol, "%s on %s failed: error %d\n",
				    raftblk_io_kind_name[io->kind], vol->path, -io->status);
	tell_replica(vol, io);
}

u32 raftblk_lower_inflight(struct raftblk_volume *vol)
{
	return vol->lower->inflight;
}

/* Synchronous: before the worker begins */

static int rw_sync(struct raftblk_volume *vol, blk_opf_t opf, u64 sector, u8 *buf, u32 bytes)
{
	while (bytes) {
		u32 n = min_t(u32, bytes, RAFTBLK_PAYLOAD_MAX_BYTES);
		u32 nr_vecs = bio_max_segs(DIV_ROUND_UP(n, PAGE_SIZE) + 1);
		struct bio *bio = bio_alloc(vol->lower->bdev, nr_vecs, opf, GFP_KERNEL);
		u32 done = 0;
		int err;

		bio->bi_iter.bi_sector = sector;
		while (done < n) {
			u8 *p = buf + done;
			u32 len = min_t(u32, n - done, PAGE_SIZE - offset_in_page(p));
			struct page *page = is_vmalloc_addr(p) ? vmalloc_to_page(p) :
								 virt_to_page(p);

			if (bio_add_page(bio, page, len, offset_in_page(p)) != len)
				break;
			done += len;
		}
		if (is_vmalloc_addr(buf))
			flush_kernel_vmap_range(buf, done);
		err = submit_bio_wait(bio);
		bio_put(bio);
		if (err)
			return err;
		if (is_vmalloc_addr(buf))
			invalidate_kernel_vmap_range(buf, done);
		buf += done;
		sector += done >> SECTOR_SHIFT;
		bytes -= done;
	}
	return 0;
}

int raftblk_lower_read_sync(struct raftblk_volume *vol, u64 sector, void *buf, u32 bytes)
{
	return rw_sync(vol, REQ_OP_READ | REQ_SYNC, sector, buf, bytes);
}

int raftblk_lower_flush_sync(struct raftblk_volume *vol)
{
	return blkdev_issue_flush(vol->lower->bdev);
}

int raftblk_lower_write_sync(struct raftblk_volume *vol, u64 sector, void *buf, u32 bytes)
{
	return rw_sync(vol, REQ_OP_WRITE | REQ_SYNC | REQ_FUA, sector, buf, bytes);
}

/* Open and close */

static int lower_alloc(struct raftblk_lower *lower)
{
	int i;

	raftblk_grow_init(lower);
	INIT_LIST_HEAD(&lower->log_free);
	INIT_LIST_HEAD(&lower->load_free);
	INIT_LIST_HEAD(&lower->load_starved);
	INIT_LIST_HEAD(&lower->apply_free);
	for (i = 0; i < RAFTBLK_LOG_WRITES; i++) {
		lower->log[i].header = kmalloc(RAFTBLK_RECORD_HEADER_MAX, GFP_KERNEL);
		if (!lower->log[i].header)
			return -ENOMEM;
		list_add_tail(&lower->log[i].link, &lower->log_free);
	}
	for (i = 0; i < RAFTBLK_LOAD_DEPTH; i++)
		list_add_tail(&lower->load[i].link, &lower->load_free);
	for (i = 0; i < RAFTBLK_APPLY_DEPTH; i++)
		list_add_tail(&lower->apply[i].link, &lower->apply_free);
	lower->vote.buf = kmalloc(RAFTBLK_META_BYTES, GFP_KERNEL);
	lower->ckpt.buf = kmalloc(RAFTBLK_META_BYTES, GFP_KERNEL);
	if (!lower->vote.buf || !lower->ckpt.buf || raftblk_chunk_alloc(lower))
		return -ENOMEM;
	return bioset_init(&lower->bios, BIO_RESERVE, 0, BIOSET_NEED_BVECS) ?:
	       bioset_init(&lower->clones, BIO_RESERVE, 0, 0);
}

/* Fine with what lower_alloc() left half done: everything else is zero. */
static void lower_free(struct raftblk_lower *lower)
{
	int i;

	bioset_exit(&lower->clones);
	bioset_exit(&lower->bios);
	for (i = 0; i < RAFTBLK_LOG_WRITES; i++)
		kfree(lower->log[i].header);
	kfree(lower->vote.buf);
	kfree(lower->ckpt.buf);
	raftblk_chunk_free(lower);
	kvfree(lower);
}

static const char *open_error(int err)
{
	switch (err) {
	case -EBUSY:
		return "the lower device is in use (mounted, or part of something else)";
	case -ENOTBLK:
		return "the lower device is not a block device";
	case -ENOENT:
		return "there is no such lower device";
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return "the lower device cannot be written";
	case -ENXIO:
	case -ENODEV:
		return "there is no device behind that device node";
	default:
		return "the lower device cannot be opened";
	}
}

int raftblk_lower_open(struct raftblk_volume *vol, const char *path,
		       struct netlink_ext_ack *extack)
{
	struct raftblk_lower *lower = kvzalloc(sizeof(*lower), GFP_KERNEL);
	int err;

	if (!lower)
		return -ENOMEM;
	lower->vol = vol;
	err = lower_alloc(lower);
	if (err)
		goto err_free;
	err = compat_bdev_open(&lower->handle, path, vol);
	if (err) {
		raftblk_extack(extack, open_error(err));
		goto err_free;
	}
	lower->bdev = lower->handle.bdev;
	lower->fua = !bdev_write_cache(lower->bdev) || bdev_fua(lower->bdev);
	vol->lower = lower;
	return 0;

err_free:
	lower_free(lower);
	return err;
}

void raftblk_lower_close(struct raftblk_volume *vol)
{
	struct raftblk_lower *lower = vol->lower;

	vol->lower = NULL;
	WARN_ON_ONCE(lower->inflight);
	compat_bdev_close(&lower->handle);
	lower_free(lower);
}

void raftblk_lower_info(struct raftblk_volume *vol, struct raftblk_lower_info *info)
{
	struct block_device *bdev = vol->lower->bdev;

	info->sectors = bdev_nr_sectors(bdev);
	info->logical_block_size = bdev_logical_block_size(bdev);
	info->physical_block_size = bdev_physical_block_size(bdev);
	info->io_opt = bdev_io_opt(bdev);
	info->dma_alignment = bdev_dma_alignment(bdev);
	info->write_zeroes = bdev_write_zeroes_sectors(bdev) > 0;
}

atomic_t *raftblk_lower_inject(struct raftblk_volume *vol, enum raftblk_io_kind kind)
{
	return &vol->lower->inject[kind];
}

bool raftblk_lower_retry(struct raftblk_volume *vol)
{
	return raftblk_log_retry(vol) || raftblk_chunk_retry(vol);
}

void raftblk_lower_give_up(struct raftblk_volume *vol)
{
	raftblk_log_give_up(vol);
	raftblk_chunk_give_up(vol);
}

int raftblk_lower_init(void)
{
	raftblk_lower_wq = alloc_workqueue("raftblk-lower",
					WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	return raftblk_lower_wq ? 0 : -ENOMEM;
}

void raftblk_lower_exit(void)
{
	destroy_workqueue(raftblk_lower_wq);
}
