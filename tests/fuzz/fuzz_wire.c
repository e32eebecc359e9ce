// SPDX-License-Identifier: GPL-2.0
/*
 * Input: one byte of options, then a header and a body.  Bit 0 of the options:
 * make magic, version and CRC right first, so that what is behind them is
 * reached.
 */
#include "../../kernel/core/crc.h"
#include "../../kernel/core/wire.h"
#include "fuzz.h"

#define MAX_SECTOR	(1ULL << 30)

static struct {
	struct raftblk_wire_header header;
	u8 body[65536];		/* what body_bytes can say */
} frame;

static void seal(void)
{
	struct raftblk_wire_header *h = &frame.header;

	h->magic = cpu_to_le32(RAFTBLK_WIRE_MAGIC);
	h->version = RAFTBLK_WIRE_VERSION;
	h->crc = cpu_to_le32(raftblk_crc_except(&frame, sizeof(*h) + le16_to_cpu(h->body_bytes),
						offsetof(struct raftblk_wire_header, crc)));
}

static void check_entries(const struct raftblk_msg *m, u32 payload_bytes)
{
	u64 bytes = 0, term = m->log_term;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		const struct raftblk_entry *e = &m->ent[i];

		FUZZ_CHECK(e->op <= RAFTBLK_OP_MAX && !e->payload);
		FUZZ_CHECK(e->bytes <= RAFTBLK_ENTRY_MAX_BYTES && e->bytes % 512 == 0);
		FUZZ_CHECK(e->term >= term && e->term <= m->term);
		if (raftblk_entry_is_data(e))
			FUZZ_CHECK(e->nsect && e->sector + e->nsect > e->sector &&
				   e->sector + e->nsect <= MAX_SECTOR);
		if (e->op == RAFTBLK_OP_WRITE)
			FUZZ_CHECK(e->bytes == e->nsect * 512ULL);
		term = e->term;
		bytes += e->bytes;
	}
	FUZZ_CHECK(bytes == payload_bytes);
}

static const struct raftblk_entry *entry_at(void *ctx, u32 i)
{
	return (const struct raftblk_entry *)ctx + i;
}

/* What was accepted is what encoding it again gives. */
static void check_again(const struct raftblk_msg *m, u32 len)
{
	static u8 buf[sizeof(struct raftblk_wire_header) + RAFTBLK_WIRE_BODY_MAX];

	if (m->type > RAFTBLK_MSG_RELEASE && !raftblk_msg_is_catchup(m->type))
		return;
	FUZZ_CHECK(raftblk_wire_encode(m, entry_at, m->ent, buf) == len);
	FUZZ_CHECK(!memcmp(buf, &frame, len));
}

int fuzz_wire(const u8 *data, size_t size)
{
	static struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	struct raftblk_wire_frame f;
	struct raftblk_msg m;

	if (!size || size - 1 > sizeof(frame))
		return 0;
	memset(&frame, 0, sizeof(frame));
	memcpy(&frame, data + 1, size - 1);
	if (data[0] & 1)
		seal();
	if (raftblk_wire_check_header(&frame.header, &f))
		return 0;
	FUZZ_CHECK(f.body_bytes <= RAFTBLK_WIRE_BODY_MAX);
	FUZZ_CHECK(f.payload_bytes <= RAFTBLK_MSG_MAX_BYTES);
	if (raftblk_wire_decode(&frame.header, frame.body, &m, ent, MAX_SECTOR))
		return 0;
	FUZZ_CHECK(m.nr <= RAFTBLK_MSG_MAX_ENTRIES);
	if (raftblk_msg_is_catchup(m.type))
		FUZZ_CHECK(m.bytes == f.payload_bytes && m.body_bytes == f.body_bytes);
	else
		check_entries(&m, f.payload_bytes);
	check_again(&m, sizeof(frame.header) + f.body_bytes);
	return 0;
}

FUZZ_TARGET(fuzz_wire)
