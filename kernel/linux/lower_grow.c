// SPDX-License-Identifier: GPL-2.0
/*
 * Room for a larger data area: the device has become larger, and what is new on it is made
 * ours.  Nothing that is in use lies there (raftblk_super_room()), so nobody else touches it
 * meanwhile.
 */
#include <linux/blkdev.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "load.h"
#include "lower_internal.h"

#define ZERO_STEP_SECTORS	((64U << 20) >> SECTOR_SHIFT)

/* What the device, what else is on it, and memory leave for the data area, in sectors. */
static u64 grow_room(struct raftblk_volume *vol)
{
	const struct raftblk_super *s = &vol->super;
	struct raftblk_lower_info info;
	u64 room;

	raftblk_lower_info(vol, &info);
	room = raftblk_super_room(s, info.sectors);
	if (s->vmap_start)
		room = min(room, (u64)RAFTBLK_VMAP_EXTENTS_MAX * s->extent_sectors);
	return room;
}

static int grow_alloc_map(struct raftblk_volume *vol, struct raftblk_grow_op *g)
{
	struct raftblk_super s = vol->super;

	if (!s.vmap_start)
		return 0;
	s.data_sectors = g->sectors;
	g->version = kvcalloc(raftblk_vmap_nr_extents(&s), sizeof(*g->version), GFP_KERNEL);
	g->block = kvcalloc(raftblk_vmap_nr_blocks(&s), sizeof(*g->block), GFP_KERNEL);
	return g->version && g->block ? 0 : -ENOMEM;
}

static void grow_free_map(struct raftblk_grow_op *g)
{
	kvfree(g->version);
	kvfree(g->block);
	g->version = NULL;
	g->block = NULL;
}

/* In steps: it may take long, and the volume may be taken down meanwhile. */
static int grow_zero(struct raftblk_volume *vol, struct raftblk_grow_op *g)
{
	u64 at = vol->super.data_sectors;
	int err = 0;

	while (!err && at < g->sectors) {
		u32 n = min_t(u64, g->sectors - at, ZERO_STEP_SECTORS);

		if (test_bit(RAFTBLK_VOL_STOPPED, &vol->flags))
			return -ESHUTDOWN;
		err = blkdev_issue_zeroout(vol->lower->bdev, vol->super.data_start + at, n,
					   GFP_NOIO, 0);
		at += n;
		if (!err)
			WRITE_ONCE(g->room, at);
		raftblk_volume_kick(vol);
	}
	return err;
}

/* One copy after the other, as it is on disk: there may be fields that are unknown here. */
static int grow_write_super(struct raftblk_volume *vol, u64 sectors)
{
	void *buf = kmalloc(RAFTBLK_META_BYTES, GFP_KERNEL);
	int copy, err;

	if (!buf)
		return -ENOMEM;
	err = raftblk_lower_read_sync(vol, RAFTBLK_SUPER_SECTOR(vol->super_copy), buf,
				      RAFTBLK_META_BYTES);
	if (!err)
		err = raftblk_super_set_data_sectors(buf, sectors);
	for (copy = 0; !err && copy < 2; copy++)
		err = raftblk_lower_write_sync(vol, RAFTBLK_SUPER_SECTOR(copy), buf,
					       RAFTBLK_META_BYTES);
	kfree_sensitive(buf);
	return err;
}

static int grow_prepare(struct raftblk_volume *vol, struct raftblk_grow_op *g)
{
	u64 room = grow_room(vol);
	int err;

	if (g->sectors > room) {
		g->room = room;
		return -ENOSPC;
	}
	err = grow_alloc_map(vol, g);
	if (!err && !g->assume_zero)
		err = grow_zero(vol, g);
	/* What the superblock says is ours has to be zeros by then, also after a power cut. */
	if (!err)
		err = raftblk_lower_flush_sync(vol);
	if (!err)
		err = grow_write_super(vol, g->sectors);
	if (!err)
		g->room = g->sectors;
	return err;
}

static void grow_work(struct work_struct *work)
{
	struct raftblk_grow_op *g = container_of(work, struct raftblk_grow_op, work);
	struct raftblk_volume *vol = g->lower->vol;
	unsigned int noio = memalloc_noio_save();

	g->status = grow_prepare(vol, g);
	memalloc_noio_restore(noio);
	/* The worker goes on until this work has ended, see raftblk_lower_grow_stop(). */
	WARN_ON_ONCE(raftblk_volume_post(vol, &g->task));
}

/* Worker */
static void grow_ended(struct raftblk_volume *vol, struct raftblk_task *task, bool stopped)
{
	struct raftblk_grow_op *g = container_of(task, struct raftblk_grow_op, task);
	struct raftblk_vmap_block *old_block = vol->vmap.block;
	u64 *old_version = vol->vmap.version;

	g->busy = false;
	if (g->status && g->status != -ENOSPC && g->status != -ESHUTDOWN)
		vol_err(vol, "%s: no room can be made for a larger volume: error %d\n", vol->path,
			-g->status);
	if (!g->status) {
		vol->super.data_sectors = g->sectors;
		vol_info(vol, "room for %llu MiB on %s\n", g->sectors >> 11, vol->path);
	}
	raftblk_replica_grown(&vol->replica, raftblk_now(), g->status, g->room, g->version,
			      g->block);
	if (!g->status && g->version) {
		g->version = old_version;
		g->block = old_block;
	}
	grow_free_map(g);
}

void raftblk_lower_grow(struct raftblk_volume *vol, u64 sectors, bool assume_zero)
{
	struct raftblk_grow_op *g = &vol->lower->grow;

	g->sectors = sectors;
	g->assume_zero = assume_zero;
	g->room = vol->super.data_sectors;
	g->busy = true;
	raftblk_lower_queue(&g->work);
}

void raftblk_lower_grow_look(struct raftblk_volume *vol)
{
	const struct raftblk_grow_op *g = &vol->lower->grow;

	if (g->busy)
		raftblk_replica_grow_moved(&vol->replica, raftblk_now(), READ_ONCE(g->room));
}

void raftblk_lower_grow_stop(struct raftblk_volume *vol)
{
	flush_work(&vol->lower->grow.work);
}

void raftblk_grow_init(struct raftblk_lower *lower)
{
	lower->grow.lower = lower;
	lower->grow.task.fn = grow_ended;
	INIT_WORK(&lower->grow.work, grow_work);
}
