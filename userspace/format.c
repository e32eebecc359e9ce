// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "../kernel/core/vmap.h"
#include "format.h"
#include "tool.h"

#define MIB		(1ULL << 20)
#define HEAD_BYTES	(RAFTBLK_RING_START * 512ULL)	/* all metadata lies below */
#define RING_DEFAULT_MIN	(16 * MIB)
#define RING_DEFAULT_MAX	(512 * MIB)	/* so that a witness gets by with 256 MiB */
#define RING_WITNESS_MAX	(1024 * MIB)	/* all of it is read at each start */
#define EXTENT_DEFAULT	(4 * MIB)
#define EXTENTS_DEFAULT_MAX	(1U << 20)
#define GROW_FACTOR	16	/* how many times as large a volume can become */

/* A sixteenth of the device, within reason, and never more than half of it. */
static u64 default_ring(u64 usable)
{
	u64 ring = min(max(usable / 16, RING_DEFAULT_MIN), RING_DEFAULT_MAX);

	ring = min(ring, usable / 2);
	return round_down(max(ring, FORMAT_RING_MIN), MIB);
}

static u32 default_extent(u64 volume)
{
	u64 extent = EXTENT_DEFAULT;

	while (volume / extent > EXTENTS_DEFAULT_MAX)
		extent *= 2;
	return extent;
}

/*
 * What the version map takes; a whole MiB, so that the data area is aligned behind it.  The
 * map cannot move, so it gets room for a volume that grows.
 */
static u64 map_bytes(u64 volume, u32 extent)
{
	struct raftblk_super s = {
		.data_sectors = volume / 512 * GROW_FACTOR,
		.extent_sectors = extent / 512,
	};

	return round_up(raftblk_vmap_nr_blocks(&s) * 2 * RAFTBLK_META_BYTES, MIB);
}

static u32 entries_for(u64 ring_sectors)
{
	u32 n = 1024;

	while (n < 65536 && n * 2ULL <= ring_sectors / 8)
		n *= 2;
	return n;
}

static int refuse_small(const struct device *dev, u64 need)
{
	char have[16], want[16];

	return fail(EXIT_ERROR, "%s is too small: it has %s, and %s are needed", dev->path,
		    format_size(dev->bytes, have), format_size(need, want));
}

int format_check_least(const struct device *dev, bool witness)
{
	u64 least = HEAD_BYTES + FORMAT_RING_MIN;

	if (!witness)
		least += FORMAT_DATA_MIN + map_bytes(FORMAT_DATA_MIN, EXTENT_DEFAULT);
	return dev->bytes < least ? refuse_small(dev, least) : EXIT_OK;
}

/**
 * struct layout - sizes of the areas, in bytes; 0: not decided yet
 */
struct layout {
	u64 ring;
	u64 map;
	u64 volume;
	u32 extent;
};

static int check_request(const struct device *dev, const struct layout_request *req)
{
	/* Found out when it comes up, it would be too late: the cluster counts it then. */
	if (req->block_size < dev->logical)
		return fail(EXIT_ERROR, "%s has sectors of %u bytes, and the volume has smaller "
			    "blocks, of %u", dev->path, dev->logical, req->block_size);
	if (req->ring && !req->ring_is_hint && (req->ring < FORMAT_RING_MIN || req->ring % MIB))
		return fail(EXIT_USAGE, "the log must have 4 MiB or more, in whole MiB");
	if (req->volume && (req->volume < FORMAT_DATA_MIN || req->volume % 4096))
		return fail(EXIT_USAGE, "the volume must have 4 MiB or more, in whole 4 KiB");
	return EXIT_OK;
}

static int check_extent(const struct layout *l)
{
	char extent[16], volume[16], memory[16], better[16];
	u64 least = l->extent;

	while (l->volume / least > FORMAT_EXTENTS_MAX)
		least *= 2;
	if (least == l->extent)
		return EXIT_OK;
	return fail(EXIT_USAGE, "extents of %s are too small for a volume of %s: their map would "
		    "take %s of memory; %s are the least", format_size(l->extent, extent),
		    format_size(l->volume, volume),
		    format_size(l->volume / l->extent * sizeof(u64), memory),
		    format_size(least, better));
}

static int choose_ring(const struct device *dev, const struct layout_request *req,
		       struct layout *l)
{
	u64 data = req->volume ? req->volume : FORMAT_DATA_MIN;
	u64 smallest = req->ring && !req->ring_is_hint ? req->ring : FORMAT_RING_MIN;
	u64 rest, usable;

	/* What is larger than the device could overflow the sum. */
	if (max(data, smallest) > dev->bytes)
		return refuse_small(dev, max(data, smallest));
	rest = data + map_bytes(data, req->extent ? req->extent : default_extent(data));
	if (dev->bytes < HEAD_BYTES + smallest + rest)
		return refuse_small(dev, HEAD_BYTES + smallest + rest);
	usable = dev->bytes - HEAD_BYTES;
	l->ring = req->ring ? req->ring : default_ring(usable);
	/* Where the volume's size is given it has the first claim. */
	l->ring = round_down(min(l->ring, usable - rest), MIB);
	l->ring = max(l->ring, FORMAT_RING_MIN);
	return EXIT_OK;
}

/* Volume and map share what head and ring leave; what is not given fits. */
static void choose_volume(const struct device *dev, const struct layout_request *req,
			  struct layout *l)
{
	u64 room = round_down(dev->bytes - HEAD_BYTES - l->ring, MIB);

	l->volume = req->volume ? req->volume : room;
	l->extent = req->extent ? req->extent : default_extent(l->volume);
	l->map = map_bytes(l->volume, l->extent);
	if (!req->volume)
		l->volume -= l->map;
}

/*
 * What the others have not committed yet, a quarter of their log at most, has to fit into a
 * witness's, and some that it keeps for a member that is away.
 */
static int choose_witness(const struct device *dev, const struct layout_request *req,
			  struct layout *l)
{
	char have[16], want[16];
	int ret = format_check_least(dev, true);

	if (ret)
		return ret;
	if (dev->bytes < req->ring / 2)
		return fail(EXIT_ERROR, "%s is too small: it has %s, and a witness needs half of "
			    "what the volume's log has, %s", dev->path,
			    format_size(dev->bytes, have), format_size(req->ring / 2, want));
	l->ring = round_down(dev->bytes - HEAD_BYTES, MIB);
	l->ring = min(l->ring, max(RING_WITNESS_MAX, round_down(req->ring, MIB)));
	l->volume = req->volume;
	l->extent = req->extent;
	return EXIT_OK;
}

static int choose_layout(const struct device *dev, const struct layout_request *req,
			 struct layout *l)
{
	int ret = check_request(dev, req);

	if (ret)
		return ret;
	if (req->witness)
		return choose_witness(dev, req, l);
	ret = choose_ring(dev, req, l);
	if (ret)
		return ret;
	choose_volume(dev, req, l);
	return check_extent(l);
}

int format_layout(const struct device *dev, const struct layout_request *req,
		  struct raftblk_super *s)
{
	struct layout l = { 0 };
	int ret = choose_layout(dev, req, &l);

	if (ret)
		return ret;
	s->block_size = req->block_size;
	s->log_align = min(max(dev->physical, 512U), 4096U);
	s->ring_start = RAFTBLK_RING_START;
	s->ring_sectors = l.ring / 512;
	s->vmap_start = req->witness ? 0 : s->ring_start + s->ring_sectors;
	s->data_start = s->ring_start + s->ring_sectors + l.map / 512;
	s->data_sectors = req->witness ? 0 : l.volume / 512;
	s->volume_sectors = l.volume / 512;
	s->max_entries = entries_for(s->ring_sectors);
	s->extent_sectors = l.extent / 512;
	s->minor = 0xffffffff;
	return EXIT_OK;
}

static int format_error(const struct device *dev, int err)
{
	return fail(EXIT_ERROR, "%s: cannot be written: %s; what is on it now is of no use",
		    dev->path, strerror(-err));
}

int format_device(const struct device *dev, const struct raftblk_super *s, bool assume_zero)
{
	u64 data_end = (s->data_start + s->data_sectors) * 512;
	/* No data area is zeroed up to the end of a witness's device. */
	u64 tail = s->data_sectors ? min(dev->bytes - data_end, MIB) : MIB;
	int err;

	/* First of all: an older superblock must not outlive what it describes. */
	err = device_zero(dev, 0, HEAD_BYTES, NULL);
	if (!err)
		err = device_sync(dev);
	/* Where others keep a second copy of theirs. */
	if (!err && tail)
		err = device_zero(dev, dev->bytes - tail, tail, NULL);
	/*
	 * The ring needs nothing: records of an older life carry another UUID.  Blocks
	 * of the map do as well, but there one that is neither zeros nor good is taken
	 * for one that was torn.
	 */
	if (!err && s->vmap_start)
		err = device_zero(dev, s->vmap_start * 512, (s->data_start - s->vmap_start) * 512,
				  NULL);
	if (!err && s->data_sectors && !assume_zero)
		err = device_zero(dev, s->data_start * 512, s->data_sectors * 512,
				  "zeroing the data area");
	if (!err)
		err = device_sync(dev);
	return err ? format_error(dev, err) : EXIT_OK;
}

/* Both superblocks; one of them is good at every moment. */
static int write_supers(const struct device *dev, const void *buf)
{
	int err = 0;

	for (int i = 0; i < 2 && !err; i++) {
		err = device_write(dev, RAFTBLK_SUPER_SECTOR(i) * 512, buf, RAFTBLK_META_BYTES);
		if (!err)
			err = device_sync(dev);
	}
	return err;
}

int format_finish(const struct device *dev, const struct raftblk_super *s,
		  const struct raftblk_config *config)
{
	struct raftblk_ckpt ckpt = {
		.flags = RAFTBLK_CKPT_F_VMAP,	/* a witness's has no extents */
		.volume_sectors = s->volume_sectors,
		.config = *config,
	};
	struct raftblk_vote vote = { 0 };
	u8 buf[RAFTBLK_META_BYTES];
	int err;

	memset(buf, 0, sizeof(buf));
	raftblk_vote_encode(&vote, s->uuid, buf);
	err = device_write(dev, RAFTBLK_VOTE_SECTOR(0) * 512, buf, sizeof(buf));
	if (!err) {
		raftblk_ckpt_encode(&ckpt, s->uuid, buf);
		err = device_write(dev, RAFTBLK_CKPT_SECTOR(0) * 512, buf, sizeof(buf));
	}
	/* Without this the superblock could be there and what it relies on not. */
	if (!err)
		err = device_sync(dev);
	raftblk_super_encode(s, buf);
	if (!err)
		err = write_supers(dev, buf);
	explicit_bzero(buf, sizeof(buf));
	return err ? format_error(dev, err) : EXIT_OK;
}

int format_move(const struct device *dev, const struct raftblk_addr *listen)
{
	u8 buf[RAFTBLK_META_BYTES];
	int err = device_read(dev, RAFTBLK_SUPER_SECTOR(0) * 512, buf, sizeof(buf));

	if (!err) {
		raftblk_super_move(buf, listen);
		err = write_supers(dev, buf);
	}
	explicit_bzero(buf, sizeof(buf));
	return err ? fail(EXIT_ERROR, "%s: the superblock cannot be written: %s", dev->path,
			  strerror(-err)) : EXIT_OK;
}

int format_erase(const struct device *dev)
{
	u64 head = min(dev->bytes, HEAD_BYTES);
	int err = device_zero(dev, 0, head, NULL);

	return err ? err : device_sync(dev);
}
