/* SPDX-License-Identifier: GPL-2.0 */
/* The block layer's interfaces, as far as they differ between kernels.  See probe.mk. */
#ifndef RAFTBLK_COMPAT_BLK_H
#define RAFTBLK_COMPAT_BLK_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/hdreg.h>
#include <linux/module.h>

/* A block device of somebody else's, opened exclusively for reading and writing. */
struct compat_bdev {
	struct block_device *bdev;
#ifdef COMPAT_BDEV_FILE
	struct file *file;
#endif
};

#ifdef COMPAT_BDEV_FILE
static inline int compat_bdev_open(struct compat_bdev *b, const char *path, void *holder)
{
	b->file = bdev_file_open_by_path(path, BLK_OPEN_READ | BLK_OPEN_WRITE, holder, NULL);
	if (IS_ERR(b->file))
		return PTR_ERR(b->file);
	b->bdev = file_bdev(b->file);
	return 0;
}

/* For reading only, shared with others. */
static inline int compat_bdev_open_read(struct compat_bdev *b, dev_t dev)
{
	b->file = bdev_file_open_by_dev(dev, BLK_OPEN_READ, NULL, NULL);
	if (IS_ERR(b->file))
		return PTR_ERR(b->file);
	b->bdev = file_bdev(b->file);
	return 0;
}

static inline void compat_bdev_close(struct compat_bdev *b)
{
	bdev_fput(b->file);
}

static inline void compat_bdev_close_read(struct compat_bdev *b)
{
	bdev_fput(b->file);
}
#else
static inline int compat_bdev_open(struct compat_bdev *b, const char *path, void *holder)
{
	b->bdev = blkdev_get_by_path(path, FMODE_READ | FMODE_WRITE | FMODE_EXCL, holder);
	return PTR_ERR_OR_ZERO(b->bdev);
}

static inline void compat_bdev_close(struct compat_bdev *b)
{
	blkdev_put(b->bdev, FMODE_READ | FMODE_WRITE | FMODE_EXCL);
}

static inline int compat_bdev_open_read(struct compat_bdev *b, dev_t dev)
{
	b->bdev = blkdev_get_by_dev(dev, FMODE_READ, NULL);
	return PTR_ERR_OR_ZERO(b->bdev);
}

static inline void compat_bdev_close_read(struct compat_bdev *b)
{
	blkdev_put(b->bdev, FMODE_READ);
}
#endif

/*
 * open and release of a disk.  Newer kernels do not tell release() how the
 * device had been opened, so nothing here does: ownership ends with the last
 * close of any kind, on every kernel alike.
 */
#ifdef COMPAT_BLK_MODE
#define COMPAT_DEFINE_OPEN_RELEASE(name, do_open, do_release)			\
static int name##_open(struct gendisk *gd, blk_mode_t mode)			\
{										\
	return do_open(gd, mode & BLK_OPEN_WRITE);				\
}										\
static void name##_release(struct gendisk *gd)					\
{										\
	do_release(gd);								\
}
#else
#define COMPAT_DEFINE_OPEN_RELEASE(name, do_open, do_release)			\
static int name##_open(struct block_device *bdev, fmode_t mode)			\
{										\
	return do_open(bdev->bd_disk, mode & FMODE_WRITE);			\
}										\
static void name##_release(struct gendisk *gd, fmode_t mode)			\
{										\
	do_release(gd);								\
}
#endif

#ifdef COMPAT_GETGEO_DISK
#define COMPAT_DEFINE_GETGEO(name, do_getgeo)					\
static int name##_getgeo(struct gendisk *gd, struct hd_geometry *geo)		\
{										\
	return do_getgeo(gd, geo);						\
}
#else
#define COMPAT_DEFINE_GETGEO(name, do_getgeo)					\
static int name##_getgeo(struct block_device *bdev, struct hd_geometry *geo)	\
{										\
	return do_getgeo(bdev->bd_disk, geo);					\
}
#endif

static inline struct address_space *compat_bdev_mapping(struct block_device *bdev)
{
#ifdef COMPAT_BD_MAPPING
	return bdev->bd_mapping;
#else
	return bdev->bd_inode->i_mapping;
#endif
}

#ifdef COMPAT_SHOULD_MERGE
#define COMPAT_F_SHOULD_MERGE	BLK_MQ_F_SHOULD_MERGE
#else
#define COMPAT_F_SHOULD_MERGE	0
#endif

#ifdef COMPAT_NO_SCHED_BY_DEFAULT
#define COMPAT_F_NO_SCHED_BY_DEFAULT	BLK_MQ_F_NO_SCHED_BY_DEFAULT
#else
#define COMPAT_F_NO_SCHED_BY_DEFAULT	0
#endif

/**
 * struct compat_limits - what the volume's queue can do
 *
 * Sizes in bytes, max_* in sectors.  Write cache off (what completed is
 * durable), not rotational, no entropy from its completions.
 */
struct compat_limits {
	u32 logical_block_size;
	u32 physical_block_size;
	u32 io_min;
	u32 io_opt;
	u32 max_hw_sectors;
	u32 max_discard_sectors;
	u32 max_write_zeroes_sectors;
	u32 discard_granularity;
	u32 dma_alignment;
	u16 max_segments;
};

#ifdef COMPAT_QUEUE_LIMITS
static inline struct gendisk *compat_alloc_disk(struct blk_mq_tag_set *set,
						const struct compat_limits *l, void *data)
{
	struct queue_limits lim = {
		.logical_block_size = l->logical_block_size,
		.physical_block_size = l->physical_block_size,
		.io_min = l->io_min,
		.io_opt = l->io_opt,
		.max_hw_sectors = l->max_hw_sectors,
		.max_hw_discard_sectors = l->max_discard_sectors,
		.max_write_zeroes_sectors = l->max_write_zeroes_sectors,
		.discard_granularity = l->max_discard_sectors ? l->discard_granularity : 0,
		.dma_alignment = l->dma_alignment,
		.max_segments = l->max_segments,
		.max_segment_size = UINT_MAX,
	};

	return blk_mq_alloc_disk(set, &lim, data);
}
#else
static inline struct gendisk *compat_alloc_disk(struct blk_mq_tag_set *set,
						const struct compat_limits *l, void *data)
{
	struct gendisk *gd = blk_mq_alloc_disk(set, data);
	struct request_queue *q;

	if (IS_ERR(gd))
		return gd;
	q = gd->queue;
	blk_queue_logical_block_size(q, l->logical_block_size);
	blk_queue_physical_block_size(q, l->physical_block_size);
	blk_queue_io_min(q, l->io_min);
	blk_queue_io_opt(q, l->io_opt);
	blk_queue_max_hw_sectors(q, l->max_hw_sectors);
	blk_queue_max_discard_sectors(q, l->max_discard_sectors);
	blk_queue_max_write_zeroes_sectors(q, l->max_write_zeroes_sectors);
	if (l->max_discard_sectors)
		q->limits.discard_granularity = l->discard_granularity;
	blk_queue_dma_alignment(q, l->dma_alignment);
	blk_queue_max_segments(q, l->max_segments);
	blk_queue_max_segment_size(q, UINT_MAX);
	blk_queue_write_cache(q, false, false);
	blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_flag_clear(QUEUE_FLAG_ADD_RANDOM, q);
	return gd;
}
#endif

#endif /* RAFTBLK_COMPAT_BLK_H */
