// SPDX-License-Identifier: GPL-2.0
#include "unit.h"

static struct raftblk_super super(void)
{
	struct raftblk_super s = {
		.name = "vol0",
		.compat = 5,
		.node_id = 3,
		.block_size = 4096,
		.ring_start = RAFTBLK_RING_START,
		.ring_sectors = 131072,
		.data_start = RAFTBLK_RING_START + 131072,
		.data_sectors = 1 << 20,
		.volume_sectors = 1 << 20,
		.log_align = 4096,
		.max_entries = 4096,
		.extent_sectors = 2048,
		.minor = 0xffffffff,
		.vmap_start = 48,
		.listen = { .family = 6, .port = 7789, .ip = { 0xfe, 0x80, [15] = 1 } },
	};

	memset(s.uuid, 0x11, 16);
	memset(s.incarnation, 0x22, 16);
	memset(s.key, 0x33, sizeof(s.key));
	return s;
}

static int reread(const struct raftblk_super *s, struct raftblk_super *back)
{
	u8 buf[RAFTBLK_META_BYTES];
	const char *why = NULL;
	int err;

	memset(buf, 0xee, sizeof(buf));
	raftblk_super_encode(s, buf);
	err = raftblk_super_decode(back, buf, &why);
	CHECK((err != 0) == (why != NULL));
	return err;
}

TEST(super_round_trip, "super: what is encoded is decoded")
{
	struct raftblk_super s = super(), back;

	CHECK_EQ(reread(&s, &back), 0);
	CHECK(!memcmp(&s, &back, sizeof(s)));
	/* a witness; data before the ring; the longest name */
	s.data_sectors = 0;
	CHECK_EQ(reread(&s, &back), 0);
	s = super();
	s.data_start = 2048;
	s.ring_start = 2048 + s.data_sectors;
	s.vmap_start = s.ring_start + s.ring_sectors;
	memset(s.name, 'x', RAFTBLK_NAME_LEN - 1);
	s.listen.family = 4;
	memset(s.listen.ip, 0, 16);
	s.listen.ip[0] = 10;
	CHECK_EQ(reread(&s, &back), 0);
	CHECK(!memcmp(&s, &back, sizeof(s)));
}

TEST(super_move, "super: with a new address all else stays, known or not")
{
	struct raftblk_super s = super(), back;
	u8 buf[RAFTBLK_META_BYTES];
	const char *why;

	raftblk_super_encode(&s, buf);
	buf[RAFTBLK_META_BYTES - 1] = 0x5a;	/* of a compatible feature to come */
	s.listen = (struct raftblk_addr){ .family = 4, .port = 1, .ip = { 10, 0, 0, 9 } };
	raftblk_super_move(buf, &s.listen);
	CHECK_EQ(raftblk_super_decode(&back, buf, &why), 0);
	CHECK(!memcmp(&s, &back, sizeof(s)));
	CHECK_EQ(buf[RAFTBLK_META_BYTES - 1], 0x5a);
}

TEST(super_refused, "super: every field is checked against the others")
{
	struct raftblk_super s, back;

#define REFUSED(error, change) do { \
	s = super(); \
	change; \
	CHECK_EQ(reread(&s, &back), (u64)(error)); \
} while (0)
	REFUSED(-EOPNOTSUPP, s.incompat = 1);
	REFUSED(-EOPNOTSUPP, s.incompat = 1ULL << 63);
	REFUSED(-EBADMSG, s.name[0] = 0);
	REFUSED(-EBADMSG, s.name[0] = '/');
	REFUSED(-EBADMSG, s.name[1] = ' ');
	REFUSED(-EBADMSG, s.node_id = 0);
	REFUSED(-EBADMSG, s.block_size = 1024);
	REFUSED(-EBADMSG, s.block_size = 0);
	REFUSED(-EBADMSG, s.log_align = 256);
	REFUSED(-EBADMSG, s.log_align = 8192);
	REFUSED(-EBADMSG, s.log_align = 1536);
	REFUSED(-EBADMSG, s.log_align = 0);
	REFUSED(-EBADMSG, s.ring_start = 40);
	REFUSED(-EBADMSG, s.ring_start += 1);
	REFUSED(-EBADMSG, s.ring_start = ~0ULL - 7);
	REFUSED(-EBADMSG, s.ring_sectors -= 1);
	REFUSED(-EBADMSG, s.ring_sectors = 64);
	REFUSED(-EBADMSG, s.ring_sectors = ~0ULL - 7);
	REFUSED(-EBADMSG, s.ring_sectors += 8);		/* into the data area */
	REFUSED(-EBADMSG, s.max_entries = 3000);
	REFUSED(-EBADMSG, s.max_entries = 8);
	REFUSED(-EBADMSG, s.max_entries = 1U << 31);
	REFUSED(-EBADMSG, s.data_start = 0);
	REFUSED(-EBADMSG, s.data_start -= 8);		/* into the ring */
	REFUSED(-EBADMSG, s.data_start += 1);
	REFUSED(-EBADMSG, s.data_start = ~0ULL - 7);
	REFUSED(-EBADMSG, s.data_sectors = ~0ULL - 7);
	REFUSED(-EBADMSG, s.volume_sectors += 8);
	REFUSED(-EBADMSG, s.volume_sectors -= 1);
	REFUSED(-EBADMSG, s.volume_sectors = 0);
	REFUSED(-EBADMSG, s.extent_sectors = 2049);
	REFUSED(-EBADMSG, s.extent_sectors = 4);
	REFUSED(-EBADMSG, s.extent_sectors = 0);
	REFUSED(-EBADMSG, s.vmap_start = 8);
	REFUSED(-EBADMSG, s.vmap_start = 52);
	REFUSED(-EBADMSG, s.vmap_start = s.ring_start - 8);
	REFUSED(-EBADMSG, s.vmap_start = s.data_start + 8);
	REFUSED(-EBADMSG, s.vmap_start = 1ULL << 54);
	REFUSED(-EBADMSG, s.minor = 1 << 20);
	REFUSED(-EBADMSG, s.listen.family = 0);
#undef REFUSED
}

TEST(super_room, "super: a data area grows up to what lies behind it")
{
	struct raftblk_super s = super();
	const u64 end = s.data_start + s.data_sectors;

	/* The map lies before the log, with room for 125 blocks: far more than there is device. */
	CHECK_EQ(raftblk_super_room(&s, end), s.data_sectors);
	CHECK_EQ(raftblk_super_room(&s, end - 1), s.data_sectors);
	CHECK_EQ(raftblk_super_room(&s, end + 7), s.data_sectors);
	CHECK_EQ(raftblk_super_room(&s, end + 8), s.data_sectors + 8);
	/* The log is behind the map: the map must not grow into it. */
	s.extent_sectors = 64;
	CHECK_EQ(raftblk_super_room(&s, 1ULL << 40), 125 * 504 * 64ULL);
	s.vmap_start = 0;
	CHECK_EQ(raftblk_super_room(&s, 1ULL << 40), (1ULL << 40) - s.data_start);

	/* The log is behind the data. */
	s = super();
	s.vmap_start = 48;
	s.data_start = 2048;
	s.ring_start = 2048 + s.data_sectors + 4096;
	CHECK_EQ(raftblk_super_room(&s, 1ULL << 40), s.data_sectors + 4096);
	/* And the map: it cannot. */
	s.vmap_start = s.ring_start + s.ring_sectors;
	CHECK_EQ(raftblk_super_room(&s, 1ULL << 40), s.data_sectors);
}

TEST(super_foreign, "super: foreign, rotten and future ones are told apart")
{
	struct raftblk_super s = super(), back;
	struct raftblk_disk_super d, good;
	const char *why;

	raftblk_super_encode(&s, &good);
	/* A larger data area: nothing else changes, and what is rotten does not become good. */
	d = good;
	d.reserved[0] = 7;		/* of a later version */
	d.crc = cpu_to_le32(raftblk_crc_except(&d, sizeof(d), offsetof(typeof(d), crc)));
	CHECK_EQ(raftblk_super_set_data_sectors(&d, s.data_sectors + 8), 0);
	CHECK_EQ(raftblk_super_decode(&back, &d, &why), 0);
	CHECK_EQ(back.data_sectors, s.data_sectors + 8);
	CHECK_EQ(d.reserved[0], 7);
	back.data_sectors = s.data_sectors;
	CHECK(!memcmp(&back, &s, sizeof(s)));
	d.node_id ^= 1;
	CHECK_EQ(raftblk_super_set_data_sectors(&d, s.data_sectors), (u64)-EBADMSG);
	memset(&d, 0, sizeof(d));
	CHECK_EQ(raftblk_super_decode(&back, &d, &why), (u64)-ENODATA);
	d = good;
	d.version = cpu_to_le32(2);
	CHECK_EQ(raftblk_super_decode(&back, &d, &why), (u64)-EBADMSG);
	d.crc = cpu_to_le32(raftblk_crc_except(&d, sizeof(d), offsetof(typeof(d), crc)));
	CHECK_EQ(raftblk_super_decode(&back, &d, &why), (u64)-EOPNOTSUPP);
	d = good;
	memset(d.name, 'x', sizeof(d.name));	/* no NUL */
	d.crc = cpu_to_le32(raftblk_crc_except(&d, sizeof(d), offsetof(typeof(d), crc)));
	CHECK_EQ(raftblk_super_decode(&back, &d, &why), (u64)-EBADMSG);
	d = good;
	d.name[30] = 'x';			/* behind the NUL */
	d.crc = cpu_to_le32(raftblk_crc_except(&d, sizeof(d), offsetof(typeof(d), crc)));
	CHECK_EQ(raftblk_super_decode(&back, &d, &why), (u64)-EBADMSG);
}

static struct raftblk_ckpt checkpoint(void)
{
	struct raftblk_ckpt c = {
		.generation = 9,
		.applied_index = 100,
		.applied_term = 4,
		.replay_pos = 4096,
		.retain_pos = 1024,
		.replay_prev_crc = 0x12345678,
		.retain_prev_crc = 0x9abcdef0,
		.durable_index = 120,
		.durable_pos = 5000,
		.proof_index = 130,
		.owner_node = 2,
		.owner_token = 55,
		.volume_sectors = 1 << 20,
		.config = {
			.index = 44,
			.nr = 1,
			.next_id = 2,
			.member = { { .id = 1, .flags = 3, .addr = { .family = 4, .port = 1 } } },
		},
		.promise = { { }, { .id = 2, .life = ~0ULL, .term = 6, .ack_term = 5, .index = 99,
				    .log_term = 4 } },
	};

	return c;
}

TEST(slots_round_trip, "vote and checkpoint: what is encoded is decoded")
{
	static const u8 uuid[16] = "0123456789abcde";
	static const u8 other[16] = "0123456789abcdf";
	struct raftblk_vote v = { .generation = 3, .term = 8, .voted_for = 2,
				  .durable_index = 77, .durable_pos = 999 }, v2;
	struct raftblk_ckpt c = checkpoint(), c2;
	u8 buf[RAFTBLK_META_BYTES];

	raftblk_vote_encode(&v, uuid, buf);
	CHECK_EQ(raftblk_vote_decode(&v2, uuid, buf), 0);
	CHECK(v.generation == v2.generation && v.term == v2.term &&
	      v.voted_for == v2.voted_for && v.durable_index == v2.durable_index &&
	      v.durable_pos == v2.durable_pos);
	CHECK_EQ(raftblk_vote_decode(&v2, other, buf), (u64)-EBADMSG);

	raftblk_ckpt_encode(&c, uuid, buf);
	CHECK_EQ(raftblk_ckpt_decode(&c2, uuid, buf), 0);
	CHECK(!memcmp(&c, &c2, sizeof(c)));
	CHECK_EQ(raftblk_ckpt_decode(&c2, other, buf), (u64)-EBADMSG);

	c.retain_pos = c.replay_pos + 8;
	raftblk_ckpt_encode(&c, uuid, buf);
	CHECK_EQ(raftblk_ckpt_decode(&c2, uuid, buf), (u64)-EBADMSG);
	c = checkpoint();
	c.applied_term = 0;
	raftblk_ckpt_encode(&c, uuid, buf);
	CHECK_EQ(raftblk_ckpt_decode(&c2, uuid, buf), (u64)-EBADMSG);
	c = checkpoint();
	c.config.member[0].flags = 0;
	raftblk_ckpt_encode(&c, uuid, buf);
	CHECK_EQ(raftblk_ckpt_decode(&c2, uuid, buf), (u64)-EBADMSG);
}

TEST(ckpt_catchup, "checkpoint: a member that catches up has a boundary, any other has none")
{
	static const u8 uuid[16] = "0123456789abcde";
	struct raftblk_ckpt good = checkpoint(), c, c2;
	u8 buf[RAFTBLK_META_BYTES];

	good.flags = RAFTBLK_CKPT_F_VMAP | RAFTBLK_CKPT_F_INCOMPLETE;
	good.base_index = 50;
	good.boundary_index = 90;
	good.boundary_term = 3;
	good.cursor = 17;
	good.tag_index = 99;
	raftblk_ckpt_encode(&good, uuid, buf);
	CHECK_EQ(raftblk_ckpt_decode(&c2, uuid, buf), 0);
	CHECK(!memcmp(&good, &c2, sizeof(good)));
#define BAD(change) do { \
		c = good; \
		change; \
		raftblk_ckpt_encode(&c, uuid, buf); \
		CHECK_EQ(raftblk_ckpt_decode(&c2, uuid, buf), (u64)-EBADMSG); \
	} while (0)
	BAD(c.flags = RAFTBLK_CKPT_F_VMAP);
	BAD(c.base_index = 90);
	BAD(c.boundary_index = 101);
	BAD(c.boundary_index = 0);
	BAD(c.boundary_term = 0);
	BAD(c.boundary_term = 5);
	BAD(c = checkpoint(); c.cursor = 1);
	BAD(c = checkpoint(); c.promise[1].log_term = 6);
	BAD(c = checkpoint(); c.promise[1].index = RAFTBLK_INDEX_MAX + 1);
	BAD(c = checkpoint(); c.promise[15].term = ~0ULL);
#undef BAD
}

TEST(meta_flips, "super, vote, checkpoint: every flipped byte is noticed")
{
	static const u8 uuid[16] = "0123456789abcde";
	struct raftblk_vote v = { .generation = 3, .term = 8 }, v2;
	struct raftblk_super s = super(), s2;
	struct raftblk_ckpt c = checkpoint(), c2;
	u8 buf[RAFTBLK_META_BYTES];
	const char *why;
	u32 i, bit;

	for (i = 0; i < RAFTBLK_META_BYTES; i++)
		for (bit = 0; bit < 8; bit += 7) {
			raftblk_super_encode(&s, buf);
			buf[i] ^= 1 << bit;
			CHECK(raftblk_super_decode(&s2, buf, &why));
			raftblk_ckpt_encode(&c, uuid, buf);
			buf[i] ^= 1 << bit;
			CHECK(raftblk_ckpt_decode(&c2, uuid, buf));
			if (i >= RAFTBLK_VOTE_BYTES)
				continue;
			raftblk_vote_encode(&v, uuid, buf);
			buf[i] ^= 1 << bit;
			CHECK(raftblk_vote_decode(&v2, uuid, buf));
		}
}
