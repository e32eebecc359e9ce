// SPDX-License-Identifier: GPL-2.0
#include "../../kernel/core/replica.h"
#include "../../kernel/core/wire.h"
#include "unit.h"

#define BUF_BYTES	(sizeof(struct raftblk_wire_header) + RAFTBLK_WIRE_BODY_MAX)

static const struct raftblk_entry entries[] = {
	{ .op = RAFTBLK_OP_NOOP, .term = 3 },
	{ .op = RAFTBLK_OP_WRITE, .term = 3, .token = 9, .sector = 100, .nsect = 8,
	  .bytes = 4096, .crc = 0xdeadbeef },
	{ .op = RAFTBLK_OP_DISCARD, .term = 3, .sector = 0, .nsect = 1000 },
	{ .op = RAFTBLK_OP_ZERO, .term = 4, .sector = 900, .nsect = 100 },
	{ .op = RAFTBLK_OP_OWNER, .term = 4, .sector = 2 },
	{ .op = RAFTBLK_OP_CONFIG, .term = 4, .bytes = RAFTBLK_CONFIG_BYTES, .crc = 5 },
	{ .op = RAFTBLK_OP_RESIZE, .term = 5, .sector = 5000 },
};

static const struct raftblk_entry *entry_at(void *ctx, u32 i)
{
	return (const struct raftblk_entry *)ctx + i;
}

static struct raftblk_msg append_msg(void)
{
	return (struct raftblk_msg){
		.type = RAFTBLK_MSG_APPEND, .nr = ARRAY_SIZE(entries), .from = 1, .to = 2,
		.term = 5, .index = 40, .log_term = 3, .commit = 39, .ctx = 6, .sent_at = 7,
	};
}

static u32 encode(const struct raftblk_msg *m, const struct raftblk_entry *e, u8 *buf)
{
	memset(buf, 0xee, BUF_BYTES);
	return raftblk_wire_encode(m, entry_at, (void *)e, buf);
}

static int decode(const u8 *buf, struct raftblk_msg *m, struct raftblk_entry *ent)
{
	const struct raftblk_wire_header *h = (const void *)buf;
	struct raftblk_wire_frame frame;

	if (raftblk_wire_check_header(h, &frame))
		return -EPROTO;
	return raftblk_wire_decode(h, h + 1, m, ent, 1000);
}

/* Put the CRC right again after a change. */
static void reseal(u8 *buf)
{
	struct raftblk_wire_header *h = (void *)buf;
	u32 len = min_t(u32, sizeof(*h) + le16_to_cpu(h->body_bytes), BUF_BYTES);

	h->crc = cpu_to_le32(raftblk_crc_except(buf, len, offsetof(typeof(*h), crc)));
}

TEST(wire_round_trip, "wire: what is encoded is decoded")
{
	struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	struct raftblk_msg m = append_msg(), back;
	struct raftblk_wire_frame frame;
	u8 buf[BUF_BYTES];
	u32 i, type;

	CHECK_EQ(encode(&m, entries, buf), 96 + 48 * ARRAY_SIZE(entries));
	CHECK_EQ(raftblk_wire_check_header((void *)buf, &frame), 0);
	CHECK_EQ(frame.type, RAFTBLK_MSG_APPEND);
	CHECK_EQ(frame.body_bytes, 48 * ARRAY_SIZE(entries));
	CHECK_EQ(frame.payload_bytes, 4096 + RAFTBLK_CONFIG_BYTES);
	CHECK_EQ(decode(buf, &back, ent), 0);
	CHECK(back.ent == ent);
	back.ent = NULL;
	CHECK(!memcmp(&m, &back, sizeof(m)));
	for (i = 0; i < m.nr; i++) {
		struct raftblk_entry e = entries[i];

		CHECK(!ent[i].payload);
		e.rec_pos = e.pos = RAFTBLK_NO_POS;
		CHECK(!memcmp(&e, &ent[i], sizeof(e)));
	}
	for (type = RAFTBLK_MSG_PREVOTE_REQ; type <= RAFTBLK_MSG_RELEASE; type++) {
		m = (struct raftblk_msg){ .type = type, .flags = RAFTBLK_MSG_F_ALL, .from = 1,
					  .to = 2, .status = 16, .term = 3, .index = 4,
					  .log_term = 2, .commit = 9, .ctx = ~0ULL, .sent_at = 1 };
		CHECK_EQ(encode(&m, NULL, buf), 96);
		CHECK_EQ(decode(buf, &back, ent), 0);
		CHECK(!memcmp(&m, &back, sizeof(m)));
		m.type = RAFTBLK_MSG_GROW_REQ + (type & 1);
		encode(&m, NULL, buf);
		CHECK_EQ(decode(buf, &back, ent), 0);
		CHECK(!memcmp(&m, &back, sizeof(m)));
	}
}

TEST(wire_bodies, "wire: handshake and join carry bodies of their exact size")
{
	static const struct {
		u8 type;
		u16 bytes;
	} body[] = {
		{ RAFTBLK_WIRE_HELLO, 96 }, { RAFTBLK_WIRE_CHALLENGE, 96 },
		{ RAFTBLK_WIRE_RESPONSE, 32 }, { RAFTBLK_WIRE_WELCOME, 0 },
		{ RAFTBLK_WIRE_REFUSED, 0 }, { RAFTBLK_MSG_JOIN_REQ, 64 },
		{ RAFTBLK_MSG_JOIN_RESP, 1184 }, { RAFTBLK_MSG_CHANGE_RESP, 64 },
		{ RAFTBLK_MSG_CHANGE_REQ, 32 }, { RAFTBLK_WIRE_REMOVED, 32 },
	};
	struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	u8 buf[BUF_BYTES], data[RAFTBLK_WIRE_BODY_MAX];
	struct raftblk_msg m = { .status = EREMOTE }, back;
	u32 i;

	memset(data, 0x5a, sizeof(data));
	for (i = 0; i < ARRAY_SIZE(body); i++) {
		CHECK_EQ(raftblk_wire_encode_body(body[i].type, i & 1 ? &m : NULL, data,
						  body[i].bytes, buf), 96 + body[i].bytes);
		CHECK_EQ(decode(buf, &back, ent), 0);
		CHECK_EQ(back.type, body[i].type);
		CHECK_EQ(back.status, i & 1 ? EREMOTE : 0);
		CHECK(!memcmp(buf + 96, data, body[i].bytes));
		raftblk_wire_encode_body(body[i].type, &m, data, body[i].bytes + 1, buf);
		CHECK(decode(buf, &back, ent));
		if (body[i].bytes) {
			raftblk_wire_encode_body(body[i].type, &m, data, body[i].bytes - 1, buf);
			CHECK(decode(buf, &back, ent));
		}
	}
	m.status = ESTALE;	/* a refusal alone needs no body */
	raftblk_wire_encode_body(RAFTBLK_MSG_JOIN_RESP, &m, NULL, 0, buf);
	CHECK_EQ(decode(buf, &back, ent), 0);
	m.status = 0;
	raftblk_wire_encode_body(RAFTBLK_MSG_JOIN_RESP, &m, NULL, 0, buf);
	CHECK(decode(buf, &back, ent));
}

TEST(wire_grow, "wire: who has no room says so with an error number")
{
	struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	struct raftblk_msg m = { .type = RAFTBLK_MSG_GROW_RESP, .status = 4095 }, back;
	u8 buf[BUF_BYTES];

	encode(&m, NULL, buf);
	CHECK_EQ(decode(buf, &back, ent), 0);
	m.status = 4096;
	encode(&m, NULL, buf);
	CHECK(decode(buf, &back, ent));
	m.status = ~0U;		/* negated: 1 */
	encode(&m, NULL, buf);
	CHECK(decode(buf, &back, ent));
}

static bool same_change(const struct raftblk_change *a, const struct raftblk_change *b)
{
	return a->kind == b->kind && a->to == b->to && a->role == b->role &&
	       a->size == b->size && a->assume_zero == b->assume_zero &&
	       !memcmp(&a->member, &b->member, sizeof(a->member));
}

TEST(wire_change, "wire: a change comes back as it was, and none that makes no sense")
{
	static const struct raftblk_change change[] = {
		{ .kind = RAFTBLK_CHANGE_TRANSFER, .to = 3 },
		{ .kind = RAFTBLK_CHANGE_REMOVE, .to = 1 },
		{ .kind = RAFTBLK_CHANGE_SET, .to = 70000, .role = RAFTBLK_SET_VOTER },
		{ .kind = RAFTBLK_CHANGE_SET, .to = 2, .role = RAFTBLK_SET_LEARNER,
		  .member.addr = { .family = 4, .port = 7450, .ip = { 10, 0, 0, 3 } } },
		{ .kind = RAFTBLK_CHANGE_SET, .to = 2,
		  .member.addr = { .family = 6, .port = 1, .ip = { 0xfd, [15] = 3 } } },
		{ .kind = RAFTBLK_CHANGE_RESIZE, .size = 1ULL << 60 },
		{ .kind = RAFTBLK_CHANGE_RESIZE, .size = 8, .assume_zero = true },
	};
	struct raftblk_wire_change d, good;
	struct raftblk_change back;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(change); i++) {
		raftblk_change_encode(&change[i], &d);
		CHECK_EQ(raftblk_change_decode(&back, &d), 0);
		CHECK(same_change(&back, &change[i]));
	}
	raftblk_change_encode(&change[4], &good);
#define REFUSED(how) do { d = good; how; CHECK(raftblk_change_decode(&back, &d)); } while (0)
	REFUSED(d.kind = 0);
	REFUSED(d.kind = 5);
	REFUSED(d.to = 0);
	REFUSED(d.part = 3);
	REFUSED(d.family = 5);
	REFUSED(d.family = 0);
	REFUSED(d.port = 0);
	REFUSED(d.reserved = 1);
	REFUSED(d.reserved2[5] = 1);
	REFUSED(d.kind = RAFTBLK_WIRE_CHANGE_REMOVE);
	raftblk_change_encode(&change[2], &good);
	REFUSED(d.part = RAFTBLK_WIRE_PART_KEEP);
	REFUSED(d.kind = RAFTBLK_WIRE_CHANGE_TRANSFER);
	REFUSED(d.addr[3] = 1);
	raftblk_change_encode(&(struct raftblk_change){ .kind = RAFTBLK_CHANGE_RESIZE }, &good);
	REFUSED(d.to = 1);
	REFUSED(d.part = 2);
	REFUSED(d.family = 4; d.port = 7);
	REFUSED(d.addr[8] = 1);
#undef REFUSED
}

static int catchup(const struct raftblk_msg *m, struct raftblk_msg *back)
{
	struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	u8 __attribute__((aligned(8))) buf[BUF_BYTES];
	int err;

	CHECK_EQ(encode(m, NULL, buf), 96 + m->body_bytes);
	err = decode(buf, back, ent);
	if (err)
		return err;
	CHECK_EQ(back->body_bytes, m->body_bytes);
	CHECK(!m->body_bytes || !memcmp(back->body, m->body, m->body_bytes));
	back->body = m->body;
	CHECK(!memcmp(m, back, sizeof(*m)));
	return 0;
}

TEST(wire_catchup, "wire: messages of catch-up, and what they may not say")
{
	struct raftblk_wire_boundary b = { .owner_token = cpu_to_le64(40),
					   .volume_sectors = cpu_to_le64(8) };
	__le64 l[2] = { cpu_to_le64(3), cpu_to_le64(5) };
	struct raftblk_wire_fetch f = { .hash = { 1, 2 } };
	struct raftblk_wire_data d = { .version = cpu_to_le64(7), .differ = cpu_to_le64(7),
				       .zero = cpu_to_le64(4), .crc = cpu_to_le32(1) };
	const struct raftblk_msg good[] = {
		{ .type = RAFTBLK_MSG_CATCHUP_REQ, .ctx = 1, .index = 6, .term = 3 },
		{ .type = RAFTBLK_MSG_CATCHUP_RESP, .term = 3, .index = 40, .log_term = 2,
		  .body = &b, .body_bytes = sizeof(b) },
		{ .type = RAFTBLK_MSG_CATCHUP_RESP, .term = 3, .status = EAGAIN },
		{ .type = RAFTBLK_MSG_LIST_REQ, .chunk = 4, .index = 40, .commit = 6 },
		{ .type = RAFTBLK_MSG_LIST_RESP, .chunk = 6, .nr = 2, .body = l,
		  .body_bytes = sizeof(l) },
		{ .type = RAFTBLK_MSG_LIST_RESP, .chunk = 9, .flags = RAFTBLK_MSG_F_END },
		{ .type = RAFTBLK_MSG_FETCH, .chunk = 3, .index = 40, .body = &f,
		  .body_bytes = sizeof(f) },
		{ .type = RAFTBLK_MSG_FETCH, .chunk = 3, .index = 40 },
		{ .type = RAFTBLK_MSG_DATA, .chunk = 3, .index = 41, .body = &d,
		  .body_bytes = sizeof(d), .bytes = 8192 },
		{ .type = RAFTBLK_MSG_DATA, .chunk = 3, .status = EAGAIN },
	};
	struct raftblk_msg m, back;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		CHECK_EQ(catchup(&good[i], &back), 0);
#define BAD(i, change) do { \
		m = good[i]; \
		change; \
		CHECK_EQ(catchup(&m, &back), (u64)-EPROTO); \
	} while (0)
	BAD(0, m.body = &b; m.body_bytes = 8);
	BAD(0, m.nr = 1);
	BAD(0, m.bytes = 512);
	BAD(1, m.body_bytes -= 8);
	BAD(1, m.status = EAGAIN);
	BAD(1, m.index = 0);
	BAD(1, m.index = 39);			/* the owner's token lies behind it */
	BAD(1, m.log_term = 4);
	BAD(1, b.volume_sectors = 0);
	BAD(1, b.volume_sectors = cpu_to_le64(RAFTBLK_SECTOR_MAX + 8));
	b.volume_sectors = cpu_to_le64(8);
	BAD(3, m.chunk = RAFTBLK_CHUNK_MAX + 1);
	BAD(4, m.nr = 1);
	BAD(4, m.chunk = 5);			/* would go on before the last one listed */
	BAD(4, l[1] = l[0]);
	BAD(6, m.body_bytes = 8);
	BAD(8, m.bytes = 512 * 512 + 512);
	BAD(8, m.bytes = 100);
	BAD(8, m.status = EAGAIN);
	BAD(8, m.index = 0);
	BAD(8, d.zero = cpu_to_le64(8));
	d.zero = cpu_to_le64(4);
	BAD(8, m.bytes = 0);			/* a CRC of nothing */
}

TEST(wire_repair, "wire: messages of read repair and verify, and what they may not say")
{
	struct raftblk_wire_fetch f = { .hash = { 0, 2 } };
	struct raftblk_wire_mend w = { .blocks = cpu_to_le64(6), .source = cpu_to_le32(2) };
	const struct raftblk_msg good[] = {
		{ .type = RAFTBLK_MSG_FETCH, .chunk = 3, .index = 40, .status = RAFTBLK_FETCH_LOST,
		  .body = &f, .body_bytes = sizeof(f) },
		{ .type = RAFTBLK_MSG_VERIFY_REQ, .chunk = 3, .index = 40, .ctx = 9, .term = 3 },
		{ .type = RAFTBLK_MSG_VERIFY_RESP, .chunk = 3, .index = 40, .ctx = 9, .body = &f,
		  .body_bytes = sizeof(f) },
		{ .type = RAFTBLK_MSG_VERIFY_RESP, .chunk = 3, .status = EAGAIN },
		{ .type = RAFTBLK_MSG_MEND, .chunk = 3, .ctx = 9, .body = &w,
		  .body_bytes = sizeof(w) },
		{ .type = RAFTBLK_MSG_MENDED, .chunk = 3, .ctx = 9, .status = EIO },
	};
	struct raftblk_msg m, back;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(good); i++)
		CHECK_EQ(catchup(&good[i], &back), 0);
	BAD(0, m.status = RAFTBLK_FETCH_LOST + 1);
	BAD(0, m.body_bytes = 0);		/* all zeros, and cannot be read */
	BAD(1, m.body = &f; m.body_bytes = sizeof(f));
	BAD(1, m.nr = 1);
	BAD(2, m.body_bytes -= 8);
	BAD(2, m.status = EAGAIN);
	BAD(2, m.bytes = 512);
	BAD(3, m.status = 0);
	BAD(4, m.body_bytes = 0);
	BAD(4, w.source = 0);
	w.source = cpu_to_le32(2);
	BAD(4, w.blocks = 0);
	w.blocks = cpu_to_le64(6);
	BAD(4, w.reserved = cpu_to_le32(1));
	BAD(5, m.chunk = RAFTBLK_CHUNK_MAX + 1);
#undef BAD
}

TEST(wire_flips, "wire: every flipped byte is noticed")
{
	struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	struct raftblk_msg m = append_msg(), back;
	u8 buf[BUF_BYTES];
	u32 i, bit, len = encode(&m, entries, buf);

	for (i = 0; i < len; i++)
		for (bit = 0; bit < 8; bit++) {
			buf[i] ^= 1 << bit;
			CHECK(decode(buf, &back, ent));
			buf[i] ^= 1 << bit;
		}
	CHECK_EQ(decode(buf, &back, ent), 0);
}

TEST(wire_recall, "wire: what was promised is in range, or it is refused")
{
	struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	struct raftblk_msg m = { .type = RAFTBLK_MSG_RECALL_RESP, .index = 7, .log_term = 3, .commit = 4,
				 .sent_at = RAFTBLK_INDEX_MAX, .ctx = ~0ULL, .life = ~0ULL };
	struct raftblk_msg back;
	u8 buf[BUF_BYTES];

	encode(&m, entries, buf);
	CHECK_EQ(decode(buf, &back, ent), 0);
	CHECK_EQ(back.sent_at, m.sent_at);
	CHECK_EQ(back.life, m.life);
	m.sent_at++;
	encode(&m, entries, buf);
	CHECK_EQ(decode(buf, &back, ent), (u64)-EPROTO);
	m.sent_at = 4;
	m.commit = ~0ULL;
	encode(&m, entries, buf);
	CHECK_EQ(decode(buf, &back, ent), (u64)-EPROTO);
	/* It is a time in others. */
	m.type = RAFTBLK_MSG_HEARTBEAT_RESP;
	encode(&m, entries, buf);
	CHECK_EQ(decode(buf, &back, ent), 0);
}

TEST(wire_refused, "wire: what cannot be is refused though its CRC is right")
{
	struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	struct raftblk_msg m = append_msg(), back;
	u8 good[BUF_BYTES], buf[BUF_BYTES];
	struct raftblk_wire_header *h = (void *)buf;
	struct raftblk_disk_desc *d = (void *)(h + 1);

	encode(&m, entries, good);
#define REFUSED(change) do { \
	memcpy(buf, good, sizeof(buf)); \
	change; \
	reseal(buf); \
	CHECK_EQ(decode(buf, &back, ent), (u64)-EPROTO); \
} while (0)
	REFUSED(h->magic++);
	REFUSED(h->version = 2);
	REFUSED(h->type = 0);
	REFUSED(h->type = RAFTBLK_MSG_MAX + 1);
	REFUSED(h->type = 38);
	REFUSED(h->type = RAFTBLK_WIRE_REMOVED + 1);
	REFUSED(h->type = RAFTBLK_MSG_HEARTBEAT);	/* with entries */
	REFUSED(h->flags = 0x80);
	REFUSED(h->auth_bytes = 32);
	REFUSED(h->chunk = 1);
	REFUSED(h->nr = cpu_to_le16(6));
	REFUSED(h->nr = cpu_to_le16(8));
	REFUSED(h->nr = cpu_to_le16(65); h->body_bytes = cpu_to_le16(65 * 48));
	REFUSED(h->nr = cpu_to_le16(0xffff));
	REFUSED(h->body_bytes = cpu_to_le16(0xffff));
	REFUSED(h->nr = 0; h->body_bytes = 0);		/* payload without entries */
	REFUSED(h->payload_bytes = 0);
	REFUSED(h->payload_bytes = cpu_to_le32(4096 + 1536 + 1));
	REFUSED(h->payload_bytes = cpu_to_le32(4096 + 1536 + 512));
	REFUSED(h->payload_bytes = cpu_to_le32(0xfffffe00));
	REFUSED(h->term = cpu_to_le64(4));		/* an entry from the future */
	REFUSED(h->term = cpu_to_le64(~0ULL));
	REFUSED(h->index = cpu_to_le64(~0ULL));
	REFUSED(h->log_term = cpu_to_le64(4));		/* terms go back */
	REFUSED(d[4].term = cpu_to_le64(3));
	REFUSED(d[0].term = 0);
	REFUSED(d[0].op = RAFTBLK_OP_MAX + 1);
	REFUSED(d[0].flags = 1);
	REFUSED(d[0].reserved = 1);
	REFUSED(d[0].reserved2 = 1);
	REFUSED(d[0].sector = 1);
	REFUSED(d[0].nsect = 1);
	REFUSED(d[0].crc = 1);
	REFUSED(d[1].nsect = 0; d[1].bytes = 0; h->payload_bytes = cpu_to_le32(1536));
	REFUSED(d[1].nsect = cpu_to_le32(7));
	REFUSED(d[1].bytes = cpu_to_le32(4097));
	REFUSED(d[1].bytes = cpu_to_le32(0x80000000); d[1].nsect = cpu_to_le32(0x400000));
	REFUSED(d[1].nsect = cpu_to_le32(0x800008));	/* times 512 wraps to 4096 */
	REFUSED(d[1].sector = cpu_to_le64(993));
	REFUSED(d[1].sector = cpu_to_le64(~0ULL - 3));	/* its end wraps */
	REFUSED(d[2].nsect = 0);
	REFUSED(d[2].nsect = cpu_to_le32(1001));
	REFUSED(d[2].bytes = cpu_to_le32(512));
	REFUSED(d[3].sector = cpu_to_le64(901));
	REFUSED(d[4].sector = cpu_to_le64(1ULL << 32));
	REFUSED(d[4].nsect = 1);
	REFUSED(d[5].bytes = cpu_to_le32(1024); h->payload_bytes = cpu_to_le32(4096 + 1024));
	REFUSED(d[5].nsect = 1);
	REFUSED(d[6].sector = 0);
	REFUSED(d[6].nsect = 1);
	memcpy(buf, good, sizeof(buf));
	CHECK_EQ(decode(buf, &back, ent), 0);
}

TEST(entry_round_trip, "entry: where the size is not known any range without wrap goes")
{
	struct raftblk_entry e = entries[1], back;
	struct raftblk_disk_desc d;

	e.sector = 1ULL << 60;
	raftblk_entry_encode(&e, &d);
	CHECK_EQ(raftblk_entry_decode(&back, &d, 1000), (u64)-EPROTO);
	CHECK_EQ(raftblk_entry_decode(&back, &d, ~0ULL), 0);
	CHECK_EQ(back.sector, e.sector);
	CHECK_EQ(back.token, 9);
	e.sector = ~0ULL - 7;
	raftblk_entry_encode(&e, &d);
	CHECK_EQ(raftblk_entry_decode(&back, &d, ~0ULL), (u64)-EPROTO);
}
