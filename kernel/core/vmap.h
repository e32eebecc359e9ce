/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The version map: for each extent of the data area the index of the newest
 * entry that was applied to it.  It follows from the log alone, so any member
 * can tell any other what changed since an index (rule 14), and it is durable
 * with the checkpoint: a version that is too low would hide a change from a
 * member that catches up, and the two would differ for ever.  One that is too
 * high costs a comparison.
 *
 * The unit of transfer is a chunk: the part of an extent that is read, compared
 * and sent at once.
 *
 * On disk a map block lies in one of two slots, by its generation (struct
 * raftblk_disk_vmap).  Blocks that changed are written before the flush that a
 * checkpoint waits for.
 */
#ifndef RAFTBLK_VMAP_H
#define RAFTBLK_VMAP_H

#include "entry.h"
#include "meta.h"

#define RAFTBLK_CHUNK_SECTORS	512	/* most sectors of a chunk */
#define RAFTBLK_BLOCK_SECTORS	8	/* what is compared and sent on its own: 4 KiB */
#define RAFTBLK_CHUNK_BLOCKS	(RAFTBLK_CHUNK_SECTORS / RAFTBLK_BLOCK_SECTORS)
#define RAFTBLK_EXTENT_SECTORS_MAX	(1U << 21)	/* 1 GiB */
#define RAFTBLK_VMAP_WRITES	4	/* map blocks on their way to disk, at most */

/**
 * struct raftblk_vmap_block - a block of the map in memory
 * @generation: newest one written, 0: none
 * @dirty: has changed since
 */
struct raftblk_vmap_block {
	u64 generation;
	bool dirty;
};

/**
 * struct raftblk_vmap - see above
 * @uuid: stamped on map blocks: incarnation of the member's disk
 * @extent_sectors: a power of two
 * @chunk_sectors: likewise, at most an extent
 * @nr_extents, @nr_blocks: how many there are
 * @version: of each extent, 0: never written
 * @block: state of each block
 * @nr_dirty: blocks that are dirty
 * @vague: extents whose version could not be read and was taken for the
 *	checkpoint's index
 */
struct raftblk_vmap {
	u8 uuid[16];
	u32 extent_sectors;
	u32 chunk_sectors;
	u64 nr_extents;
	u32 nr_blocks;
	u64 *version;
	struct raftblk_vmap_block *block;
	u32 nr_dirty;
	u64 vague;
};

/* How many extents the data area has, and how many blocks their map. */
static inline u64 raftblk_vmap_nr_extents(const struct raftblk_super *s)
{
	return div64_u64(s->data_sectors + s->extent_sectors - 1, s->extent_sectors);
}

static inline u64 raftblk_vmap_nr_blocks(const struct raftblk_super *s)
{
	return div64_u64(raftblk_vmap_nr_extents(s) + RAFTBLK_VMAP_VERSIONS - 1,
			 RAFTBLK_VMAP_VERSIONS);
}

/* Sectors it takes on the device: two slots for each block. */
static inline u64 raftblk_vmap_sectors(const struct raftblk_super *s)
{
	return raftblk_vmap_nr_blocks(s) * 2 * (RAFTBLK_META_BYTES / 512);
}

/**
 * raftblk_vmap_init() - a map of extents that were never written
 * @version: zeroed array of raftblk_vmap_nr_extents(@s), the caller's
 * @block: zeroed array of raftblk_vmap_nr_blocks(@s), the caller's
 */
void raftblk_vmap_init(struct raftblk_vmap *v, const struct raftblk_super *s, u64 *version,
		       struct raftblk_vmap_block *block);

/**
 * raftblk_vmap_grow() - the data area has become larger
 * @data_sectors: of the data area now
 * @version, @block: zeroed arrays for that size, the caller's; the old ones are his again
 *
 * Extents that come new were never written, and their map blocks never were.
 */
void raftblk_vmap_grow(struct raftblk_vmap *v, u64 data_sectors, u64 *version,
		       struct raftblk_vmap_block *block);

/*
 * The largest data area that the map's place on the device suffices for, in sectors.  How much
 * that is for a map behind the data area is not looked at.
 */
u64 raftblk_vmap_reach(const struct raftblk_super *s);

/* Where a map block of this generation lies on the device. */
static inline u64 raftblk_vmap_sector(const struct raftblk_super *s, u32 block, u64 generation)
{
	return s->vmap_start + ((u64)block * 2 + (generation & 1)) * (RAFTBLK_META_BYTES / 512);
}

/**
 * raftblk_vmap_load() - take over a block, for the start of a member
 * @even, @odd: its slots, RAFTBLK_META_BYTES each; NULL: cannot be read
 * @applied: of the checkpoint the member starts from
 *
 * The caller has flushed the device's write cache before.  Zeros are a slot that was
 * never written.  A slot that is neither that nor good may have been the newer
 * one, torn by a crash or rotten since: what it said about changes up to the
 * checkpoint is not known, so each extent of the block counts as changed then.
 */
void raftblk_vmap_load(struct raftblk_vmap *v, u32 block, const void *even, const void *odd,
		       u64 applied);

/* Nobody knows what changed up to @applied: all of it may have. */
void raftblk_vmap_doubt(struct raftblk_vmap *v, u64 applied);

/**
 * raftblk_vmap_encode() - the next generation of a block
 * @buf: RAFTBLK_META_BYTES
 *
 * The block is clean from here on.  Not before the last generation is on stable
 * storage: the two slots alternate.
 *
 * Return: the generation, for raftblk_vmap_sector().
 */
u64 raftblk_vmap_encode(struct raftblk_vmap *v, u32 block, void *buf);

/* An entry at @index changes these sectors. */
void raftblk_vmap_set(struct raftblk_vmap *v, u64 sector, u32 nsect, u64 index);

/* The highest version of all. */
u64 raftblk_vmap_newest(const struct raftblk_vmap *v);

/* Version of the extent that a chunk lies in. */
u64 raftblk_vmap_chunk_version(const struct raftblk_vmap *v, u64 chunk);

/* The first chunk at or above @from whose extent is newer than @version, or @end. */
u64 raftblk_vmap_next_above(const struct raftblk_vmap *v, u64 from, u64 end, u64 version);

/* How many there are in [@from, @end). */
u64 raftblk_vmap_count_above(const struct raftblk_vmap *v, u64 from, u64 end, u64 version);

/* It is at least @version. */
void raftblk_vmap_chunk_raise(struct raftblk_vmap *v, u64 chunk, u64 version);

/* The lowest dirty block at or above @from, or nr_blocks. */
u32 raftblk_vmap_next_dirty(const struct raftblk_vmap *v, u32 from);

static inline u64 raftblk_vmap_chunk_sector(const struct raftblk_vmap *v, u64 chunk)
{
	return chunk * v->chunk_sectors;
}

#endif /* RAFTBLK_VMAP_H */
