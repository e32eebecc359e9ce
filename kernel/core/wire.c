// SPDX-License-Identifier: GPL-2.0
/* Messages on a connection: encoding, and checking before anything is believed. */
#include "crc.h"
#include "wire.h"

static_assert(sizeof(struct raftblk_wire_header) == 96, "struct raftblk_wire_header");
static_assert(sizeof(struct raftblk_wire_hello) == 96, "struct raftblk_wire_hello");
static_assert(sizeof(struct raftblk_wire_challenge) == 96, "struct raftblk_wire_challenge");
static_assert(sizeof(struct raftblk_wire_response) == 32, "struct raftblk_wire_response");
static_assert(sizeof(struct raftblk_wire_join_resp) == 1184, "struct raftblk_wire_join_resp");
static_assert(sizeof(struct raftblk_wire_join_resp) <= RAFTBLK_WIRE_BODY_MAX &&
	      RAFTBLK_MSG_MAX_ENTRIES * sizeof(struct raftblk_disk_desc) <= RAFTBLK_WIRE_BODY_MAX,
	      "bodies fit");
static_assert(RAFTBLK_ENTRY_MAX_BYTES <= RAFTBLK_MSG_MAX_BYTES, "every entry can be sent");
static_assert(RAFTBLK_MSG_MAX < RAFTBLK_MSG_CATCHUP_REQ && RAFTBLK_MSG_MENDED < RAFTBLK_WIRE_HELLO,
	      "types are distinct");

#define CRC_OFFSET	offsetof(struct raftblk_wire_header, crc)

static u32 frame_crc(const struct raftblk_wire_header *h, const void *body)
{
	return raftblk_crc_update(raftblk_crc_except(h, sizeof(*h), CRC_OFFSET), body,
				  le16_to_cpu(h->body_bytes));
}

/* ---- encoding ---- */

static void header_fill(struct raftblk_wire_header *h, u8 type, const struct raftblk_msg *m)
{
	memset(h, 0, sizeof(*h));
	h->magic = cpu_to_le32(RAFTBLK_WIRE_MAGIC);
	h->version = RAFTBLK_WIRE_VERSION;
	h->type = type;
	if (!m)
		return;
	h->flags = m->flags;
	h->from = cpu_to_le32(m->from);
	h->to = cpu_to_le32(m->to);
	h->status = cpu_to_le32(m->status);
	h->term = cpu_to_le64(m->term);
	h->index = cpu_to_le64(m->index);
	h->log_term = cpu_to_le64(m->log_term);
	h->commit = cpu_to_le64(m->commit);
	h->ctx = cpu_to_le64(m->ctx);
	h->sent_at = cpu_to_le64(m->sent_at);
	h->life = cpu_to_le64(m->life);
}

static u32 frame_finish(struct raftblk_wire_header *h, u32 body_bytes)
{
	h->body_bytes = cpu_to_le16(body_bytes);
	h->crc = cpu_to_le32(frame_crc(h, h + 1));
	return sizeof(*h) + body_bytes;
}

static u32 encode_catchup(const struct raftblk_msg *m, struct raftblk_wire_header *h)
{
	header_fill(h, m->type, m);
	h->nr = cpu_to_le16(m->nr);
	h->chunk = cpu_to_le64(m->chunk);
	h->payload_bytes = cpu_to_le32(m->bytes);
	if (m->body_bytes)
		memcpy(h + 1, m->body, m->body_bytes);
	return frame_finish(h, m->body_bytes);
}

u32 raftblk_wire_encode(const struct raftblk_msg *m,
			const struct raftblk_entry *(*ent)(void *ctx, u32 i), void *ctx,
			void *buf)
{
	struct raftblk_wire_header *h = buf;
	struct raftblk_disk_desc *d = (struct raftblk_disk_desc *)(h + 1);
	u32 payload_bytes = 0;
	u32 nr = m->type == RAFTBLK_MSG_APPEND ? m->nr : 0;
	u32 i;

	if (raftblk_msg_is_catchup(m->type))
		return encode_catchup(m, h);
	header_fill(h, m->type, m);
	for (i = 0; i < nr; i++) {
		const struct raftblk_entry *e = ent(ctx, i);

		raftblk_entry_encode(e, &d[i]);
		payload_bytes += e->bytes;
	}
	h->nr = cpu_to_le16(nr);
	h->payload_bytes = cpu_to_le32(payload_bytes);
	return frame_finish(h, nr * sizeof(*d));
}

u32 raftblk_wire_encode_body(u8 type, const struct raftblk_msg *m, const void *body,
			     u16 body_bytes, void *buf)
{
	struct raftblk_wire_header *h = buf;

	header_fill(h, type, m);
	if (body_bytes)
		memcpy(h + 1, body, body_bytes);
	return frame_finish(h, body_bytes);
}

/* ---- checking ---- */

static bool append_lengths_ok(const struct raftblk_wire_header *h)
{
	u32 nr = le16_to_cpu(h->nr);
	u32 payload = le32_to_cpu(h->payload_bytes);

	return nr <= RAFTBLK_MSG_MAX_ENTRIES && payload <= RAFTBLK_MSG_MAX_BYTES &&
	       payload % 512 == 0 && (nr || !payload) &&
	       le16_to_cpu(h->body_bytes) == nr * sizeof(struct raftblk_disk_desc);
}

/* A refusal needs no body; the other two answers mean nothing without. */
static bool join_resp_length_ok(const struct raftblk_wire_header *h, u32 body)
{
	u32 status = le32_to_cpu(h->status);

	if (!body)
		return status && status != EREMOTE;
	return body == sizeof(struct raftblk_wire_join_resp);
}

/* "Ask another" says who that is, a refusal to resize whom it is about. */
static bool change_resp_length_ok(const struct raftblk_wire_header *h, u32 body)
{
	u32 status = le32_to_cpu(h->status);

	if (status == EREMOTE)
		return body == sizeof(struct raftblk_disk_member);
	return !body || (status && body == sizeof(struct raftblk_wire_resize_resp));
}

static bool lengths_ok(const struct raftblk_wire_header *h)
{
	u32 body = le16_to_cpu(h->body_bytes);

	if (h->type == RAFTBLK_MSG_APPEND)
		return append_lengths_ok(h);
	if (raftblk_msg_is_catchup(h->type))
		return raftblk_wire_catchup_lengths_ok(h->type, le32_to_cpu(h->status),
						       le16_to_cpu(h->nr), body,
						       le32_to_cpu(h->payload_bytes));
	if (h->nr || h->payload_bytes)
		return false;
	switch (h->type) {
	case RAFTBLK_MSG_JOIN_REQ:
		return body == sizeof(struct raftblk_disk_member);
	case RAFTBLK_MSG_JOIN_RESP:
		return join_resp_length_ok(h, body);
	case RAFTBLK_MSG_CHANGE_REQ:
		return body == sizeof(struct raftblk_wire_change);
	case RAFTBLK_MSG_CHANGE_RESP:
		return change_resp_length_ok(h, body);
	case RAFTBLK_MSG_GROW_RESP:
		/* It ends the request: negated, what is none would be no error. */
		return !body && le32_to_cpu(h->status) <= RAFTBLK_WIRE_ERRNO_MAX;
	case RAFTBLK_WIRE_HELLO:
		return body == sizeof(struct raftblk_wire_hello);
	case RAFTBLK_WIRE_CHALLENGE:
		return body == sizeof(struct raftblk_wire_challenge);
	case RAFTBLK_WIRE_RESPONSE:
	case RAFTBLK_WIRE_REMOVED:
		return body == sizeof(struct raftblk_wire_response);
	default:
		return !body;
	}
}

static bool type_known(u8 type)
{
	return (type >= RAFTBLK_MSG_PREVOTE_REQ && type <= RAFTBLK_MSG_MAX) ||
	       raftblk_msg_is_catchup(type) || raftblk_msg_is_grow(type) ||
	       (type >= RAFTBLK_WIRE_HELLO && type <= RAFTBLK_WIRE_REMOVED);
}

int raftblk_wire_check_header(const struct raftblk_wire_header *h,
			      struct raftblk_wire_frame *frame)
{
	if (le32_to_cpu(h->magic) != RAFTBLK_WIRE_MAGIC || h->version != RAFTBLK_WIRE_VERSION ||
	    !type_known(h->type) || h->flags & ~RAFTBLK_MSG_F_ALL || h->auth_bytes ||
	    (h->chunk && !raftblk_msg_is_catchup(h->type)) || !lengths_ok(h))
		return -EPROTO;
	frame->type = h->type;
	frame->body_bytes = le16_to_cpu(h->body_bytes);
	frame->payload_bytes = le32_to_cpu(h->payload_bytes);
	return 0;
}

/* Entries in range, none from after the sender's term, payloads adding up. */
static int decode_entries(const struct raftblk_wire_header *h, const void *body,
			  const struct raftblk_msg *m, struct raftblk_entry *ent, u64 max_sector)
{
	const struct raftblk_disk_desc *d = body;
	u64 term = m->log_term;
	u64 bytes = 0;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		if (raftblk_entry_decode(&ent[i], &d[i], max_sector))
			return -EPROTO;
		if (ent[i].term < term || ent[i].term > m->term)
			return -EPROTO;
		term = ent[i].term;
		bytes += ent[i].bytes;
	}
	return bytes == le32_to_cpu(h->payload_bytes) ? 0 : -EPROTO;
}

static int decode_catchup(const struct raftblk_wire_header *h, const void *body,
			  struct raftblk_msg *m)
{
	m->chunk = le64_to_cpu(h->chunk);
	m->body_bytes = le16_to_cpu(h->body_bytes);
	m->body = m->body_bytes ? body : NULL;
	m->bytes = le32_to_cpu(h->payload_bytes);
	return raftblk_wire_catchup_check(m);
}

/* The receiver's term becomes what is told: higher, its vote could not be read back. */
static bool recall_ok(const struct raftblk_msg *m)
{
	return m->type != RAFTBLK_MSG_RECALL_RESP ||
	       (m->sent_at <= RAFTBLK_INDEX_MAX && m->commit <= RAFTBLK_INDEX_MAX);
}

int raftblk_wire_decode(const struct raftblk_wire_header *h, const void *body,
			struct raftblk_msg *m, struct raftblk_entry *ent, u64 max_sector)
{
	struct raftblk_wire_frame frame;

	/* The header is checked anew: its lengths are about to be used. */
	if (raftblk_wire_check_header(h, &frame) || le32_to_cpu(h->crc) != frame_crc(h, body))
		return -EPROTO;
	memset(m, 0, sizeof(*m));
	m->type = h->type;
	m->flags = h->flags;
	m->nr = le16_to_cpu(h->nr);
	m->from = le32_to_cpu(h->from);
	m->to = le32_to_cpu(h->to);
	m->status = le32_to_cpu(h->status);
	m->term = le64_to_cpu(h->term);
	m->index = le64_to_cpu(h->index);
	m->log_term = le64_to_cpu(h->log_term);
	m->commit = le64_to_cpu(h->commit);
	m->ctx = le64_to_cpu(h->ctx);
	m->sent_at = le64_to_cpu(h->sent_at);
	m->life = le64_to_cpu(h->life);
	/* What adds one to an index or a term must not come round to 0. */
	if (m->term > RAFTBLK_INDEX_MAX || m->index > RAFTBLK_INDEX_MAX || !recall_ok(m))
		return -EPROTO;
	if (raftblk_msg_is_catchup(m->type))
		return decode_catchup(h, body, m);
	m->ent = m->nr ? ent : NULL;
	return decode_entries(h, body, m, ent, max_sector);
}
