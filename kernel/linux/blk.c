// SPDX-License-Identifier: GPL-2.0
/* The disk: requests on their way to the worker and back.  open.c has who may open it. */
#include <linux/blk-mq.h>
#include <linux/slab.h>

#include "blk.h"
#include "blk_internal.h"
#include "lower.h"
#include "sysfs.h"

#define QUEUE_DEPTH	128
#define MAX_SEGMENTS	BIO_MAX_VECS
/* Zeroing takes no room in the log, but a lower device that cannot do it is busy for long. */
#define MAX_ZERO_BYTES	(256U << 20)
/* Data of writes that have not ended, at most; more waits in the block layer. */
#define WRITE_BUDGET	(32U << 20)
#define WRITE_BUDGET_SHARE	32	/* and at most this part of the memory */

static int raftblk_major;

static struct request *blk_request(struct raftblk_blk_req *br)
{
	return blk_mq_rq_from_pdu(br);
}

/* Submission */

/*
 * Rule 21.  Charged bytes are given back when a request ends, before its tag
 * is: the block layer runs the queue again for a freed tag, so whoever was
 * turned away comes again then.
 */
static bool blk_charge(struct raftblk_disk *d, u32 bytes)
{
	if (atomic64_add_return(bytes, &d->charged) <= d->budget)
		return true;
	atomic64_sub(bytes, &d->charged);
	return false;
}

static blk_status_t blk_fill(struct raftblk_volume *vol, struct request *rq,
			     struct raftblk_blk_req *br)
{
	struct raftblk_req *req = &br->req;

	br->charged = 0;
	req->sector = blk_rq_pos(rq);
	req->nsect = blk_rq_sectors(rq);
	req->crc = 0;
	req->payload = NULL;
	switch (req_op(rq)) {
	case REQ_OP_READ:
		req->op = RAFTBLK_REQ_READ;
		return BLK_STS_OK;
	case REQ_OP_DISCARD:
		req->op = RAFTBLK_OP_DISCARD;
		return BLK_STS_OK;
	case REQ_OP_WRITE_ZEROES:
		req->op = RAFTBLK_OP_ZERO;
		return BLK_STS_OK;
	case REQ_OP_WRITE:
		req->op = RAFTBLK_OP_WRITE;
		break;
	default:
		return BLK_STS_NOTSUPP;
	}
	if (!blk_charge(vol->disk, blk_rq_bytes(rq)))
		return BLK_STS_DEV_RESOURCE;
	br->charged = blk_rq_bytes(rq);
	req->payload = raftblk_payload_from_request(vol, rq, &req->crc);
	if (!req->payload) {
		atomic64_sub(br->charged, &vol->disk->charged);
		return BLK_STS_IOERR;
	}
	return BLK_STS_OK;
}

/*
 * In the submitter's context, or kblockd's.  May sleep (BLK_MQ_F_BLOCKING): the
 * copy may have to wait for memory.
 */
static blk_status_t blk_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct request *rq = bd->rq;
	struct raftblk_volume *vol = rq->q->queuedata;
	struct raftblk_blk_req *br = blk_mq_rq_to_pdu(rq);
	blk_status_t status;

	if (req_op(rq) == REQ_OP_FLUSH) {
		/* What completed is durable. */
		blk_mq_start_request(rq);
		blk_mq_end_request(rq, BLK_STS_OK);
		return BLK_STS_OK;
	}
	status = blk_fill(vol, rq, br);
	if (status == BLK_STS_OK) {
		blk_mq_start_request(rq);
		if (req_op(rq) != REQ_OP_READ || !raftblk_direct_read(vol, rq))
			llist_add(&br->node, &vol->submitted);
	}
	if (bd->last && !llist_empty(&vol->submitted))
		raftblk_volume_kick(vol);
	return status;
}

static void blk_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	raftblk_volume_kick(hctx->queue->queuedata);
}

/*
 * A request may wait for a majority as long as it takes; io-timeout is the
 * replica's.  Tasks that wait for it longer than hung_task_timeout_secs are
 * reported by the kernel as for any other device that does not answer.
 */
static enum blk_eh_timer_return blk_timeout(struct request *rq)
{
	return BLK_EH_RESET_TIMER;
}

static const struct blk_mq_ops blk_mq_ops = {
	.queue_rq	= blk_queue_rq,
	.commit_rqs	= blk_commit_rqs,
	.timeout	= blk_timeout,
};

/* Worker's side */

static void blk_end(struct raftblk_volume *vol, struct raftblk_blk_req *br, blk_status_t status)
{
	if (br->charged)
		atomic64_sub(br->charged, &vol->disk->charged);
	if (status != BLK_STS_OK)
		vol->stats.errors++;
	blk_mq_end_request(blk_request(br), status);
}

static void blk_count(struct raftblk_stats *stats, const struct raftblk_req *req)
{
	u64 bytes = (u64)req->nsect << SECTOR_SHIFT;

	if (req->op == RAFTBLK_OP_WRITE) {
		stats->writes++;
		stats->write_bytes += bytes;
	} else if (req->op != RAFTBLK_REQ_READ) {
		stats->discards++;
		stats->discard_bytes += bytes;
	}
}

void raftblk_blk_take(struct raftblk_volume *vol)
{
	bool stopped = test_bit(RAFTBLK_VOL_STOPPED, &vol->flags);
	struct llist_node *first = llist_reverse_order(llist_del_all(&vol->submitted));
	struct raftblk_blk_req *br, *next;

	llist_for_each_entry_safe(br, next, first, node) {
		if (stopped) {
			raftblk_payload_put(br->req.payload);
			blk_end(vol, br, BLK_STS_IOERR);
			continue;
		}
		blk_count(&vol->stats, &br->req);
		raftblk_replica_submit(&vol->replica, raftblk_now(), &br->req);
	}
}

void raftblk_blk_read(struct raftblk_volume *vol, struct raftblk_req *req)
{
	struct raftblk_blk_req *br = container_of(req, struct raftblk_blk_req, req);

	raftblk_lower_read(vol, req, blk_request(br), &br->io);
}

void raftblk_blk_read_ended(struct raftblk_volume *vol, struct raftblk_io *io)
{
	struct raftblk_blk_req *br = container_of(io, struct raftblk_blk_req, io);

	raftblk_replica_read_done(&vol->replica, raftblk_now(), &br->req, io->status);
}

void raftblk_blk_done(struct raftblk_volume *vol, struct raftblk_req *req)
{
	struct raftblk_blk_req *br = container_of(req, struct raftblk_blk_req, req);
	blk_status_t status = BLK_STS_OK;

	if (req->status)
		status = req->status == -ETIMEDOUT ? BLK_STS_TIMEOUT : BLK_STS_IOERR;
	blk_end(vol, br, status);
}

/* The disk itself */

static int blk_getgeo(struct gendisk *gd, struct hd_geometry *geo)
{
	geo->heads = 64;
	geo->sectors = 32;
	geo->cylinders = min_t(sector_t, get_capacity(gd) >> 11, U16_MAX);
	return 0;
}

/* The last opener of a disk that has been removed has closed it. */
static void blk_free_disk(struct gendisk *gd)
{
	raftblk_volume_put(gd->private_data);
}

COMPAT_DEFINE_OPEN_RELEASE(fops, raftblk_disk_open, raftblk_disk_release)
COMPAT_DEFINE_GETGEO(fops, blk_getgeo)

static const struct block_device_operations blk_fops = {
	.owner		= THIS_MODULE,
	.open		= fops_open,
	.release	= fops_release,
	.getgeo		= fops_getgeo,
	.free_disk	= blk_free_disk,
};

static void blk_limits(struct raftblk_volume *vol, struct compat_limits *l)
{
	struct raftblk_lower_info info;
	u32 block = vol->super.block_size;

	raftblk_lower_info(vol, &info);
	*l = (struct compat_limits){
		.logical_block_size = block,
		.physical_block_size = max(block, info.physical_block_size),
		.io_min = max(block, info.physical_block_size),
		.io_opt = info.io_opt,
		.max_hw_sectors = RAFTBLK_PAYLOAD_MAX_BYTES >> SECTOR_SHIFT,
		/* Reads go straight into the submitter's pages. */
		.dma_alignment = max(info.dma_alignment, SECTOR_SIZE - 1),
		.max_segments = MAX_SEGMENTS,
		.max_write_zeroes_sectors = MAX_ZERO_BYTES >> SECTOR_SHIFT,
		/*
		 * Without help from the device a discard would be as many bytes
		 * of zeros to write: no gain for anybody.
		 */
		.max_discard_sectors = info.write_zeroes ? MAX_ZERO_BYTES >> SECTOR_SHIFT : 0,
		.discard_granularity = block,
	};
}

static int blk_alloc_set(struct raftblk_disk *d)
{
	d->set.ops = &blk_mq_ops;
	d->set.nr_hw_queues = 1;
	d->set.nr_maps = 1;
	d->set.queue_depth = QUEUE_DEPTH;
	d->set.numa_node = NUMA_NO_NODE;
	d->set.cmd_size = sizeof(struct raftblk_blk_req);
	d->set.flags = BLK_MQ_F_BLOCKING | COMPAT_F_SHOULD_MERGE | COMPAT_F_NO_SCHED_BY_DEFAULT;
	return blk_mq_alloc_tag_set(&d->set);
}

int raftblk_blk_alloc(struct raftblk_volume *vol, struct netlink_ext_ack *extack)
{
	struct compat_limits limits;
	struct raftblk_disk *d = kzalloc(sizeof(*d), GFP_KERNEL);
	struct gendisk *gd;
	int err;

	if (!d)
		return -ENOMEM;
	err = blk_alloc_set(d);
	if (err)
		goto err_free;
	blk_limits(vol, &limits);
	gd = compat_alloc_disk(&d->set, &limits, vol);
	if (IS_ERR(gd)) {
		err = PTR_ERR(gd);
		goto err_set;
	}
	d->gd = gd;
	d->budget = clamp_t(u64, ((u64)totalram_pages() << PAGE_SHIFT) / WRITE_BUDGET_SHARE,
			    RAFTBLK_PAYLOAD_MAX_BYTES, WRITE_BUDGET);
	gd->major = raftblk_major;
	gd->first_minor = vol->minor;
	gd->minors = 1;
	gd->fops = &blk_fops;
	gd->private_data = vol;
	snprintf(gd->disk_name, sizeof(gd->disk_name), "raftblk%u", vol->minor);
	/* Nothing of a witness can be opened: none of it is there. */
	set_capacity(gd, raftblk_volume_is_witness(vol) ? 0 : vol->replica.size);
	set_disk_ro(gd, true);
	raftblk_disk_init(d);
	vol->disk = d;
	return 0;

err_set:
	blk_mq_free_tag_set(&d->set);
err_free:
	kfree(d);
	raftblk_extack(extack, "the disk cannot be set up");
	return err;
}

void raftblk_blk_free(struct raftblk_volume *vol)
{
	cancel_work_sync(&vol->disk->resized);
	put_disk(vol->disk->gd);
	blk_mq_free_tag_set(&vol->disk->set);
}

int raftblk_blk_add(struct raftblk_volume *vol, struct netlink_ext_ack *extack)
{
	struct gendisk *gd = vol->disk->gd;
	int err;

	/*
	 * Reading the partition table could wait for a majority; bringing a
	 * member up must not.  See raftblk_disk_scan().
	 */
	set_bit(GD_SUPPRESS_PART_SCAN, &gd->state);
	raftblk_volume_get(vol);	/* put by blk_free_disk() */
	err = device_add_disk(NULL, gd, raftblk_sysfs_groups);
	if (err) {
		raftblk_volume_put(vol);
		raftblk_extack(extack, "the disk cannot be added");
		return err;
	}
	clear_bit(GD_SUPPRESS_PART_SCAN, &gd->state);
	return 0;
}

void raftblk_blk_resized(struct raftblk_volume *vol, u64 sectors)
{
	if (raftblk_volume_is_witness(vol))
		return;
	set_capacity(vol->disk->gd, sectors);
	raftblk_disk_resized(vol->disk);
}

void raftblk_blk_remove(struct raftblk_volume *vol)
{
	/* The worker queues it no more: the volume is dying, and it has been told. */
	cancel_work_sync(&vol->disk->resized);
	del_gendisk(vol->disk->gd);
}

void raftblk_blk_put(struct raftblk_volume *vol)
{
	struct raftblk_disk *d = vol->disk;

	/* Nobody is left to start one; one that runs finds the disk gone. */
	cancel_work_sync(&d->scan);
	blk_mq_free_tag_set(&d->set);
	put_disk(d->gd);
}

int raftblk_blk_init(void)
{
	int err = raftblk_disk_scan_init();

	if (err)
		return err;
	raftblk_major = register_blkdev(0, "raftblk");
	if (raftblk_major < 0) {
		raftblk_disk_scan_exit();
		return raftblk_major;
	}
	return 0;
}

void raftblk_blk_exit(void)
{
	unregister_blkdev(raftblk_major, "raftblk");
	raftblk_disk_scan_exit();
}
