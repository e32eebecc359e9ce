// SPDX-License-Identifier: GPL-2.0
/* Checking the messages by which a member catches up. */
#include "wire_catchup.h"

static_assert(sizeof(struct raftblk_wire_boundary) == 1072, "struct raftblk_wire_boundary");
static_assert(sizeof(struct raftblk_wire_fetch) == 512, "struct raftblk_wire_fetch");
static_assert(sizeof(struct raftblk_wire_data) == 32, "struct raftblk_wire_data");
static_assert(sizeof(struct raftblk_wire_mend) == 16, "struct raftblk_wire_mend");
static_assert(sizeof(struct raftblk_wire_boundary) <= RAFTBLK_MSG_BODY_MAX &&
	      RAFTBLK_LIST_MAX * sizeof(__le64) <= RAFTBLK_MSG_BODY_MAX,
	      "bodies fit");

/* An answer that says why not has nothing else to say. */
static bool data_lengths_ok(u32 status, u32 body_bytes, u32 payload_bytes)
{
	if (status)
		return !body_bytes && !payload_bytes;
	return body_bytes == sizeof(struct raftblk_wire_data) &&
	       payload_bytes <= RAFTBLK_CHUNK_SECTORS * 512 && payload_bytes % 512 == 0;
}

bool raftblk_wire_catchup_lengths_ok(u8 type, u32 status, u32 nr, u32 body_bytes,
				     u32 payload_bytes)
{
	if (type == RAFTBLK_MSG_DATA)
		return !nr && data_lengths_ok(status, body_bytes, payload_bytes);
	if (payload_bytes)
		return false;
	if (type == RAFTBLK_MSG_LIST_RESP)
		return nr <= RAFTBLK_LIST_MAX && (!nr || !status) &&
		       body_bytes == nr * sizeof(__le64);
	if (nr)
		return false;
	switch (type) {
	case RAFTBLK_MSG_CATCHUP_RESP:
		return body_bytes == (status ? 0 : sizeof(struct raftblk_wire_boundary));
	case RAFTBLK_MSG_FETCH:
		if (body_bytes)
			return status <= RAFTBLK_FETCH_LOST &&
			       body_bytes == sizeof(struct raftblk_wire_fetch);
		return !status;
	case RAFTBLK_MSG_VERIFY_RESP:
		return body_bytes == (status ? 0 : sizeof(struct raftblk_wire_fetch));
	case RAFTBLK_MSG_MEND:
		return body_bytes == sizeof(struct raftblk_wire_mend);
	default:
		return !body_bytes;
	}
}

static int check_boundary(const struct raftblk_msg *m)
{
	const struct raftblk_wire_boundary *b = m->body;

	if (m->status)
		return 0;
	if (!m->index || !m->log_term || m->log_term > m->term || b->reserved ||
	    !b->volume_sectors || le64_to_cpu(b->volume_sectors) > RAFTBLK_SECTOR_MAX ||
	    le64_to_cpu(b->owner_token) > m->index || le64_to_cpu(b->config_index) > RAFTBLK_INDEX_MAX)
		return -EPROTO;
	return 0;
}

/* In order, so that what is below the next one asked for is done. */
static int check_list(const struct raftblk_msg *m)
{
	const __le64 *listed = m->body;
	u64 from = 0;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		u64 chunk = le64_to_cpu(listed[i]);

		if (chunk < from || chunk >= m->chunk)
			return -EPROTO;
		from = chunk + 1;
	}
	return 0;
}

static int check_data(const struct raftblk_msg *m)
{
	const struct raftblk_wire_data *d = m->body;

	if (m->status)
		return 0;
	if (!m->index || d->reserved || le64_to_cpu(d->zero) & ~le64_to_cpu(d->differ) ||
	    le64_to_cpu(d->version) > RAFTBLK_INDEX_MAX || (!m->bytes && d->crc))
		return -EPROTO;
	return 0;
}

static int check_mend(const struct raftblk_msg *m)
{
	const struct raftblk_wire_mend *w = m->body;

	return w->blocks && w->source && !w->reserved ? 0 : -EPROTO;
}

int raftblk_wire_catchup_check(const struct raftblk_msg *m)
{
	if (m->chunk > RAFTBLK_CHUNK_MAX)
		return -EPROTO;
	switch (m->type) {
	case RAFTBLK_MSG_CATCHUP_RESP:
		return check_boundary(m);
	case RAFTBLK_MSG_LIST_RESP:
		return check_list(m);
	case RAFTBLK_MSG_DATA:
		return check_data(m);
	case RAFTBLK_MSG_MEND:
		return check_mend(m);
	default:
		return 0;
	}
}
