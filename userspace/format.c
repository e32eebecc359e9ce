// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "format.h"
#include "tool.h"

#define MIB		(1ULL << 20)
#define HEAD_BYTES	(RAFTBLK_RING_START * 512ULL)	/* all metadata lies below */
#define RING_DEFAULT_MIN	(16 * MIB)
#define RING_DEFAULT_MAX	(1024 * MIB)
#define EXTENT_DEFAULT	(4 * MIB)
#define EXTENTS_MAX	(1U << 20)

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

	while (volume / extent > EXTENTS_MAX)
		extent *= 2;
	return extent;
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

int format_check_least(const struct device *dev)
{
	u64 least = HEAD_BYTES + FORMAT_RING_MIN + FORMAT_DATA_MIN;

	return dev->bytes < least ? refuse_small(dev, least) : EXIT_OK;
}

static int choose_ring(const struct device *dev, const struct layout_request *req, u64 *ring)
{
	u64 usable, data = req->volume ? req->volume : FORMAT_DATA_MIN;
	u64 smallest = req->ring && !req->ring_is_hint ? req->ring : FORMAT_RING_MIN;

	if (dev->bytes < HEAD_BYTES + smallest + data)
		return refuse_small(dev, HEAD_BYTES + smallest + data);
	usable = dev->bytes - HEAD_BYTES;
	*ring = req->ring ? req->ring : default_ring(usable);
	/* Where the volume's size is given it has the first claim. */
	if (*ring > usable - data)
		*ring = round_down(usable - data, MIB);
	*ring = max(*ring, FORMAT_RING_MIN);
	return EXIT_OK;
}

int format_layout(const struct device *dev, const struct layout_request *req,
		  struct raftblk_super *s)
{
	u64 ring = 0, volume;
	int ret;

	if (req->ring && !req->ring_is_hint && (req->ring < FORMAT_RING_MIN || req->ring % MIB))
		return fail(EXIT_USAGE, "the log must have 4 MiB or more, in whole MiB");
	if (req->volume && (req->volume < FORMAT_DATA_MIN || req->volume % 4096))
		return fail(EXIT_USAGE, "the volume must have 4 MiB or more, in whole 4 KiB");
	ret = choose_ring(dev, req, &ring);
	if (ret)
		return ret;
	volume = req->volume;
	if (!volume)
		volume = round_down(dev->bytes - HEAD_BYTES - ring, MIB);
	s->block_size = req->block_size;
	s->log_align = min(max(dev->physical, 512U), 4096U);
	s->ring_start = RAFTBLK_RING_START;
	s->ring_sectors = ring / 512;
	s->data_start = s->ring_start + s->ring_sectors;
	s->data_sectors = volume / 512;
	s->volume_sectors = volume / 512;
	s->max_entries = entries_for(s->ring_sectors);
	s->extent_sectors = (req->extent ? req->extent : default_extent(volume)) / 512;
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
	u64 tail = min(dev->bytes - data_end, MIB);
	int err;

	/* First of all: an older superblock must not outlive what it describes. */
	err = device_zero(dev, 0, HEAD_BYTES, NULL);
	if (!err)
		err = device_sync(dev);
	/* Where others keep a second copy of theirs. */
	if (!err && tail)
		err = device_zero(dev, dev->bytes - tail, tail, NULL);
	/* The ring needs nothing: records of an older life carry another UUID. */
	if (!err && !assume_zero)
		err = device_zero(dev, s->data_start * 512, s->data_sectors * 512,
				  "zeroing the data area");
	if (!err)
		err = device_sync(dev);
	return err ? format_error(dev, err) : EXIT_OK;
}

int format_finish(const struct device *dev, const struct raftblk_super *s,
		  const struct raftblk_config *config)
{
	struct raftblk_ckpt ckpt = { .volume_sectors = s->volume_sectors, .config = *config };
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
	for (int i = 0; i < 2 && !err; i++)
		err = device_write(dev, RAFTBLK_SUPER_SECTOR(i) * 512, buf, sizeof(buf));
	explicit_bzero(buf, sizeof(buf));
	if (!err)
		err = device_sync(dev);
	return err ? format_error(dev, err) : EXIT_OK;
}

int format_erase(const struct device *dev)
{
	u64 head = min(dev->bytes, HEAD_BYTES);
	int err = device_zero(dev, 0, head, NULL);

	return err ? err : device_sync(dev);
}
