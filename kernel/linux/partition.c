// SPDX-License-Identifier: GPL-2.0
/*
 * Partitions on a volume.  Their table comes with the data: it can be read only
 * while there is a leader, and another node may have written it.  So it is
 * looked at when a leader is known, when an owner has gone and when a session
 * begins here; the partitions are made anew only if it has changed, since that
 * takes their device nodes away for a moment.
 *
 * The look is a plain read that neither opens the disk nor leaves anything in
 * the page cache: it may wait for a majority, and must be in nobody's way.
 */
#include <linux/bio.h>
#include <linux/slab.h>

#include "../core/crc.h"
#include "blk.h"
#include "blk_internal.h"

/* MBR, header of the GPT and its 128 entries; what lies behind is no table any more. */
#define TABLE_BYTES_512		(34 * 512)
#define TABLE_BYTES_4096	(6 * 4096)

static struct workqueue_struct *scan_wq;

static int table_read(struct raftblk_disk *d, u32 *crc)
{
	u32 bytes = d->vol->super.block_size == 512 ? TABLE_BYTES_512 : TABLE_BYTES_4096;
	struct bio *bio;
	void *buf;
	int err;

	if (bytes > get_capacity(d->gd) << SECTOR_SHIFT)
		return -ENODATA;
	buf = kmalloc(bytes, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	/* From kmalloc: physically contiguous, so it is one vector. */
	bio = bio_alloc(d->gd->part0, 1, REQ_OP_READ | REQ_SYNC, GFP_KERNEL);
	__bio_add_page(bio, virt_to_page(buf), bytes, offset_in_page(buf));
	err = submit_bio_wait(bio);
	bio_put(bio);
	*crc = raftblk_crc(buf, bytes);
	kfree(buf);
	return err;
}

static int partitions_renew(struct raftblk_disk *d)
{
	struct compat_bdev b;
	int err;

	err = compat_bdev_open_read(&b, disk_devt(d->gd));
	if (err)
		return err;
	mutex_lock(&d->gd->open_mutex);
	err = bdev_disk_changed(d->gd, false);
	mutex_unlock(&d->gd->open_mutex);
	compat_bdev_close_read(&b);
	return err;
}

void raftblk_disk_scan_work(struct work_struct *work)
{
	struct raftblk_disk *d = container_of(work, struct raftblk_disk, scan);
	u32 crc;

	if (table_read(d, &crc) || (d->table_known && crc == d->table_crc))
		return;
	/* If a partition is open they stay as they are; a later look tries again. */
	d->table_known = !partitions_renew(d);
	d->table_crc = crc;
}

/* Only while the disk is there: before it has been added nobody can read it. */
void raftblk_disk_scan(struct raftblk_disk *d)
{
	if (test_bit(RAFTBLK_VOL_UP, &d->vol->flags) &&
	    !test_bit(RAFTBLK_VOL_DYING, &d->vol->flags))
		queue_work(scan_wq, &d->scan);
}

void raftblk_disk_queue(struct work_struct *work)
{
	queue_work(scan_wq, work);
}

bool raftblk_disk_scan_busy(struct raftblk_disk *d)
{
	return work_busy(&d->scan);
}

int raftblk_disk_scan_init(void)
{
	scan_wq = alloc_workqueue("raftblk_scan", WQ_UNBOUND, 0);
	return scan_wq ? 0 : -ENOMEM;
}

void raftblk_disk_scan_exit(void)
{
	destroy_workqueue(scan_wq);
}
