// SPDX-License-Identifier: GPL-2.0
/* The version map, in memory and as it lies on disk. */
#include "crc.h"
#include "vmap.h"

static_assert(sizeof(struct raftblk_disk_vmap) == RAFTBLK_META_BYTES, "map block");

#define crc_of(d)	raftblk_crc_except(d, sizeof(*(d)), offsetof(typeof(*(d)), crc))

void raftblk_vmap_init(struct raftblk_vmap *v, const struct raftblk_super *s, u64 *version,
		       struct raftblk_vmap_block *block)
{
	memset(v, 0, sizeof(*v));
	/* Not the volume's UUID: a disk that joined again has blocks of its earlier life. */
	memcpy(v->uuid, s->incarnation, sizeof(v->uuid));
	v->extent_sectors = s->extent_sectors;
	v->chunk_sectors = min_t(u32, s->extent_sectors, RAFTBLK_CHUNK_SECTORS);
	v->nr_extents = raftblk_vmap_nr_extents(s);
	v->nr_blocks = raftblk_vmap_nr_blocks(s);
	v->version = version;
	v->block = block;
}

void raftblk_vmap_grow(struct raftblk_vmap *v, u64 data_sectors, u64 *version,
		       struct raftblk_vmap_block *block)
{
	const struct raftblk_super s = {
		.data_sectors = data_sectors, .extent_sectors = v->extent_sectors,
	};

	memcpy(version, v->version, v->nr_extents * sizeof(*version));
	memcpy(block, v->block, v->nr_blocks * sizeof(*block));
	v->nr_extents = raftblk_vmap_nr_extents(&s);
	v->nr_blocks = raftblk_vmap_nr_blocks(&s);
	v->version = version;
	v->block = block;
}

u64 raftblk_vmap_reach(const struct raftblk_super *s)
{
	u64 end = s->data_start, blocks;

	if (!s->vmap_start || s->data_start < s->vmap_start)
		return RAFTBLK_SECTOR_MAX;
	if (s->ring_start > s->vmap_start)
		end = min(end, s->ring_start);
	blocks = div64_u64(end - s->vmap_start, 2 * (RAFTBLK_META_BYTES / 512));
	return min(blocks * RAFTBLK_VMAP_VERSIONS * s->extent_sectors, RAFTBLK_SECTOR_MAX);
}

/* ---- versions ---- */

static void block_dirty(struct raftblk_vmap *v, u64 extent)
{
	struct raftblk_vmap_block *b = &v->block[div64_u64(extent, RAFTBLK_VMAP_VERSIONS)];

	v->nr_dirty += !b->dirty;
	b->dirty = true;
}

static void extent_raise(struct raftblk_vmap *v, u64 extent, u64 version)
{
	if (version <= v->version[extent])
		return;
	v->version[extent] = version;
	block_dirty(v, extent);
}

void raftblk_vmap_set(struct raftblk_vmap *v, u64 sector, u32 nsect, u64 index)
{
	u64 extent = div64_u64(sector, v->extent_sectors);
	u64 last = div64_u64(sector + nsect - 1, v->extent_sectors);

	for (; extent <= last && extent < v->nr_extents; extent++)
		extent_raise(v, extent, index);
}

u64 raftblk_vmap_newest(const struct raftblk_vmap *v)
{
	u64 newest = 0;
	u64 i;

	for (i = 0; i < v->nr_extents; i++)
		newest = max(newest, v->version[i]);
	return newest;
}

static u64 chunk_extent(const struct raftblk_vmap *v, u64 chunk)
{
	return div64_u64(chunk * v->chunk_sectors, v->extent_sectors);
}

u64 raftblk_vmap_chunk_version(const struct raftblk_vmap *v, u64 chunk)
{
	return v->version[chunk_extent(v, chunk)];
}

/*
 * Extent by extent, since the map may be large and most of it old: a few compares per
 * microsecond of the worker's time have to do.
 */
u64 raftblk_vmap_next_above(const struct raftblk_vmap *v, u64 from, u64 end, u64 version)
{
	u32 per = v->extent_sectors / v->chunk_sectors;
	u64 i;

	if (from >= end)
		return end;
	i = chunk_extent(v, from);
	if (v->version[i] > version)
		return from;
	while (++i < v->nr_extents && v->version[i] <= version)
		;
	return min(i * per, end);
}

u64 raftblk_vmap_count_above(const struct raftblk_vmap *v, u64 from, u64 end, u64 version)
{
	u32 per = v->extent_sectors / v->chunk_sectors;
	u64 i, last, nr = 0;

	if (from >= end)
		return 0;
	last = chunk_extent(v, end - 1);
	for (i = chunk_extent(v, from); i <= last; i++)
		nr += v->version[i] > version;
	nr *= per;
	/* of the first and the last extent only a part */
	if (v->version[chunk_extent(v, from)] > version)
		nr -= from & (per - 1);
	if (v->version[last] > version)
		nr -= -end & (per - 1);
	return nr;
}

void raftblk_vmap_chunk_raise(struct raftblk_vmap *v, u64 chunk, u64 version)
{
	extent_raise(v, chunk_extent(v, chunk), version);
}

u32 raftblk_vmap_next_dirty(const struct raftblk_vmap *v, u32 from)
{
	while (from < v->nr_blocks && !v->block[from].dirty)
		from++;
	return from;
}

/* ---- on disk ---- */

/* Extents in a block; the last may have fewer. */
static u32 block_extents(const struct raftblk_vmap *v, u32 block)
{
	return min_t(u64, RAFTBLK_VMAP_VERSIONS,
		     v->nr_extents - (u64)block * RAFTBLK_VMAP_VERSIONS);
}

static bool slot_is_blank(const void *slot)
{
	const u64 *word = slot;
	u32 i;

	for (i = 0; i < RAFTBLK_META_BYTES / sizeof(*word); i++)
		if (word[i])
			return false;
	return true;
}

static bool versions_ok(const struct raftblk_vmap *v, u32 block, const struct raftblk_disk_vmap *d)
{
	u32 i;

	for (i = 0; i < block_extents(v, block); i++)
		if (le64_to_cpu(d->version[i]) > RAFTBLK_INDEX_MAX)
			return false;
	return true;
}

/* Generation of a good slot of this block, 0 of a blank one; -EBADMSG. */
static int slot_check(const struct raftblk_vmap *v, u32 block, const void *slot, bool odd,
		      u64 *generation)
{
	const struct raftblk_disk_vmap *d = slot;

	*generation = 0;
	if (!slot)
		return -EBADMSG;
	if (slot_is_blank(slot))
		return 0;
	if (le32_to_cpu(d->magic) != RAFTBLK_VMAP_MAGIC || le32_to_cpu(d->crc) != crc_of(d) ||
	    memcmp(d->uuid, v->uuid, sizeof(v->uuid)) || le32_to_cpu(d->block) != block ||
	    !d->generation || le64_to_cpu(d->generation) > RAFTBLK_INDEX_MAX ||
	    (le64_to_cpu(d->generation) & 1) != odd || !versions_ok(v, block, d))
		return -EBADMSG;
	*generation = le64_to_cpu(d->generation);
	return 0;
}

static void block_take(struct raftblk_vmap *v, u32 block, const struct raftblk_disk_vmap *d)
{
	u64 first = (u64)block * RAFTBLK_VMAP_VERSIONS;
	u32 i;

	for (i = 0; i < block_extents(v, block); i++)
		v->version[first + i] = le64_to_cpu(d->version[i]);
}

/* What is not known counts as changed. */
static void block_vague(struct raftblk_vmap *v, u32 block, u64 applied)
{
	u64 first = (u64)block * RAFTBLK_VMAP_VERSIONS;
	u32 i;

	for (i = 0; i < block_extents(v, block); i++)
		extent_raise(v, first + i, applied);
	v->vague += block_extents(v, block);
}

void raftblk_vmap_load(struct raftblk_vmap *v, u32 block, const void *even, const void *odd,
		       u64 applied)
{
	u64 gen[2];
	bool bad = slot_check(v, block, even, false, &gen[0]);
	const void *newest = even;

	bad |= slot_check(v, block, odd, true, &gen[1]) != 0;
	if (gen[1] > gen[0])
		newest = odd;
	v->block[block].generation = max(gen[0], gen[1]);
	if (v->block[block].generation)
		block_take(v, block, newest);
	if (bad)
		block_vague(v, block, applied);
}

void raftblk_vmap_doubt(struct raftblk_vmap *v, u64 applied)
{
	u32 i;

	for (i = 0; i < v->nr_blocks; i++)
		block_vague(v, i, applied);
}

u64 raftblk_vmap_encode(struct raftblk_vmap *v, u32 block, void *buf)
{
	u64 first = (u64)block * RAFTBLK_VMAP_VERSIONS;
	struct raftblk_disk_vmap *d = buf;
	u32 i;

	memset(d, 0, sizeof(*d));
	d->magic = cpu_to_le32(RAFTBLK_VMAP_MAGIC);
	memcpy(d->uuid, v->uuid, sizeof(d->uuid));
	d->generation = cpu_to_le64(++v->block[block].generation);
	d->block = cpu_to_le32(block);
	for (i = 0; i < block_extents(v, block); i++)
		d->version[i] = cpu_to_le64(v->version[first + i]);
	d->crc = cpu_to_le32(crc_of(d));
	v->nr_dirty -= v->block[block].dirty;
	v->block[block].dirty = false;
	return v->block[block].generation;
}
