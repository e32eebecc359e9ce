// SPDX-License-Identifier: GPL-2.0
#include "unit.h"
#include "../../kernel/core/vmap.h"

#define EXTENTS	1200		/* three blocks, the last one partly used */

static u64 version[EXTENTS];
static struct raftblk_vmap_block block[4];
static struct raftblk_vmap map;
static u8 slot[3][2][RAFTBLK_META_BYTES];	/* the disk */

static struct raftblk_super super(void)
{
	struct raftblk_super s = {
		.data_sectors = (EXTENTS - 1) * 1024 + 8,
		.extent_sectors = 1024,
		.vmap_start = 48,
	};

	memset(s.incarnation, 0x22, 16);
	return s;
}

static void fresh(void)
{
	struct raftblk_super s = super();

	memset(version, 0, sizeof(version));
	memset(block, 0, sizeof(block));
	raftblk_vmap_init(&map, &s, version, block);
}

static void write_all(void)
{
	u8 buf[RAFTBLK_META_BYTES];
	u64 generation;
	u32 i;

	for (i = 0; (i = raftblk_vmap_next_dirty(&map, i)) < map.nr_blocks; i++) {
		generation = raftblk_vmap_encode(&map, i, buf);
		memcpy(slot[i][generation & 1], buf, sizeof(buf));
	}
}

static void reread(u64 applied)
{
	u32 i;

	fresh();
	for (i = 0; i < map.nr_blocks; i++)
		raftblk_vmap_load(&map, i, slot[i][0], slot[i][1], applied);
}

static void begin(void)
{
	memset(slot, 0, sizeof(slot));
	fresh();
}

TEST(vmap_geometry, "vmap: extents, chunks and blocks of the map")
{
	struct raftblk_super s = super();

	begin();
	CHECK_EQ(map.nr_extents, EXTENTS);
	CHECK_EQ(map.nr_blocks, 3);
	CHECK_EQ(map.chunk_sectors, RAFTBLK_CHUNK_SECTORS);
	CHECK_EQ(raftblk_vmap_chunk_sector(&map, 3), 3 * 512);
	CHECK_EQ(raftblk_vmap_sector(&s, 0, 2), 48);
	CHECK_EQ(raftblk_vmap_sector(&s, 0, 1), 56);
	CHECK_EQ(raftblk_vmap_sector(&s, 2, 1), 48 + 40);
	/* extents smaller than a chunk are the chunks */
	s.extent_sectors = 64;
	CHECK_EQ(raftblk_vmap_nr_extents(&s), (s.data_sectors + 63) / 64);
}

TEST(vmap_versions, "vmap: versions only go up, in every extent that is touched")
{
	begin();
	raftblk_vmap_set(&map, 1023, 2, 7);
	CHECK_EQ(version[0], 7);
	CHECK_EQ(version[1], 7);
	CHECK_EQ(version[2], 0);
	raftblk_vmap_set(&map, 1024, 1024, 5);
	CHECK_EQ(version[1], 7);
	raftblk_vmap_chunk_raise(&map, 3, 9);
	CHECK_EQ(version[1], 9);
	CHECK_EQ(raftblk_vmap_chunk_version(&map, 2), 9);
	CHECK_EQ(map.nr_dirty, 1);
	CHECK_EQ(raftblk_vmap_newest(&map), 9);
	raftblk_vmap_set(&map, (u64)(EXTENTS - 1) * 1024 + 7, 1, 8);
	CHECK_EQ(version[EXTENTS - 1], 8);
	CHECK_EQ(map.nr_dirty, 2);
	CHECK_EQ(raftblk_vmap_next_dirty(&map, 1), 2);
}

TEST(vmap_above, "vmap: chunks that changed since an index, found and counted")
{
	u64 end = (u64)EXTENTS * 2 - 1;		/* the last extent has one chunk only */
	u64 chunk, nr = 0;

	begin();
	CHECK_EQ(raftblk_vmap_next_above(&map, 0, end, 0), end);
	CHECK_EQ(raftblk_vmap_count_above(&map, 0, end, 0), 0);
	raftblk_vmap_set(&map, 3 * 1024, 1, 7);
	raftblk_vmap_set(&map, 600 * 1024, 2048, 5);
	raftblk_vmap_set(&map, (u64)(EXTENTS - 1) * 1024, 1, 9);
	CHECK_EQ(raftblk_vmap_next_above(&map, 0, end, 0), 6);
	CHECK_EQ(raftblk_vmap_next_above(&map, 7, end, 0), 7);
	CHECK_EQ(raftblk_vmap_next_above(&map, 8, end, 0), 1200);
	CHECK_EQ(raftblk_vmap_next_above(&map, 0, 1000, 7), 1000);
	CHECK_EQ(raftblk_vmap_next_above(&map, 0, end, 7), end - 1);
	CHECK_EQ(raftblk_vmap_next_above(&map, end, end, 0), end);
	CHECK_EQ(raftblk_vmap_count_above(&map, 0, end, 5), 3);
	CHECK_EQ(raftblk_vmap_count_above(&map, end, end, 0), 0);
	/* one by one it comes to the same */
	for (u64 from = 0; from < 10; from++) {
		nr = 0;
		for (chunk = from; chunk < end; chunk++)
			nr += raftblk_vmap_chunk_version(&map, chunk) > 0;
		CHECK_EQ(raftblk_vmap_count_above(&map, from, end, 0), nr);
	}
}

TEST(vmap_disk, "vmap: what was written is read back, the newer slot")
{
	begin();
	raftblk_vmap_set(&map, 0, 1, 7);
	raftblk_vmap_set(&map, 504 * 1024, 1, 8);
	write_all();
	CHECK_EQ(map.nr_dirty, 0);
	raftblk_vmap_set(&map, 0, 1, 9);
	write_all();
	reread(9);
	CHECK_EQ(version[0], 9);
	CHECK_EQ(version[1], 0);
	CHECK_EQ(version[504], 8);
	CHECK_EQ(version[1199], 0);
	CHECK_EQ(map.vague, 0);
	CHECK_EQ(map.nr_dirty, 0);
	CHECK_EQ(block[0].generation, 2);
}

TEST(vmap_torn, "vmap: a slot that does not check may have been the newer one")
{
	begin();
	raftblk_vmap_set(&map, 0, 1, 7);
	write_all();
	/* the second write of block 0 was torn: what it said of extent 1 is lost */
	memset(slot[0][0], 0xff, 512);
	reread(20);
	CHECK_EQ(version[0], 20);
	CHECK_EQ(version[1], 20);
	CHECK_EQ(version[503], 20);
	CHECK_EQ(version[504], 0);
	CHECK_EQ(map.vague, 504);
	/* it is written again where the bad one lies */
	write_all();
	CHECK_EQ(block[0].generation, 2);
	reread(30);
	CHECK_EQ(version[1], 20);
	CHECK_EQ(map.vague, 0);
	/* unreadable */
	fresh();
	raftblk_vmap_load(&map, 2, NULL, NULL, 30);
	CHECK_EQ(version[1199], 30);
	CHECK_EQ(map.vague, EXTENTS - 1008);
}

TEST(vmap_foreign, "vmap: a block of another disk or in another place does not count")
{
	begin();
	raftblk_vmap_set(&map, 0, 1, 7);
	write_all();
	memcpy(slot[1][1], slot[0][1], RAFTBLK_META_BYTES);
	reread(20);
	CHECK_EQ(version[0], 7);
	CHECK_EQ(version[504], 20);
	begin();
	memset(map.uuid, 1, 16);
	raftblk_vmap_set(&map, 0, 1, 7);
	write_all();
	reread(20);
	CHECK_EQ(version[0], 20);
}

TEST(vmap_doubt, "vmap: entries that were applied without the map count as changes everywhere")
{
	begin();
	raftblk_vmap_set(&map, 0, 1, 7);
	raftblk_vmap_doubt(&map, 6);
	CHECK_EQ(version[0], 7);
	CHECK_EQ(version[1199], 6);
	CHECK_EQ(map.nr_dirty, 3);
}

TEST(vmap_grow, "vmap: a larger data area has more extents, and all that was known stays so")
{
	static u64 more[2 * EXTENTS];
	static struct raftblk_vmap_block blocks[5];
	struct raftblk_super s = super();
	u64 reach = 3 * RAFTBLK_VMAP_VERSIONS * 1024;

	begin();
	raftblk_vmap_set(&map, 0, 1, 7);
	write_all();
	raftblk_vmap_set(&map, (EXTENTS - 1) * 1024, 1, 9);
	memset(more, 0, sizeof(more));
	memset(blocks, 0, sizeof(blocks));
	raftblk_vmap_grow(&map, 2 * EXTENTS * 1024, more, blocks);
	CHECK_EQ(map.nr_extents, 2 * EXTENTS);
	CHECK_EQ(map.nr_blocks, 5);
	CHECK_EQ(more[0], 7);
	CHECK_EQ(more[EXTENTS - 1], 9);
	CHECK_EQ(more[EXTENTS], 0);
	CHECK_EQ(blocks[0].generation, 1);
	CHECK_EQ(map.nr_dirty, 1);
	CHECK_EQ(raftblk_vmap_next_dirty(&map, 0), 2);
	raftblk_vmap_set(&map, 2 * EXTENTS * 1024 - 1, 1, 10);
	CHECK_EQ(more[2 * EXTENTS - 1], 10);
	CHECK_EQ(map.nr_dirty, 2);
	/* How large it may become is decided by the place that the map was given. */
	s.vmap_start = 2048;
	s.data_start = 2048 + 3 * 16;
	CHECK_EQ(raftblk_vmap_reach(&s), reach);
	s.data_start += 15;
	CHECK_EQ(raftblk_vmap_reach(&s), reach);
	s.vmap_start = 0;
	CHECK_EQ(raftblk_vmap_reach(&s), RAFTBLK_SECTOR_MAX);
}
