// SPDX-License-Identifier: GPL-2.0
/* Descriptors of entries: encoding, and the checks nothing gets around. */
#include "config.h"
#include "entry.h"
#include "meta.h"

static_assert(sizeof(struct raftblk_disk_desc) == 48, "struct raftblk_disk_desc");

void raftblk_entry_encode(const struct raftblk_entry *e, struct raftblk_disk_desc *d)
{
	memset(d, 0, sizeof(*d));
	d->op = e->op;
	d->bytes = cpu_to_le32(e->bytes);
	d->sector = cpu_to_le64(e->sector);
	d->nsect = cpu_to_le32(e->nsect);
	d->crc = cpu_to_le32(e->crc);
	d->term = cpu_to_le64(e->term);
	d->token = cpu_to_le64(e->token);
}

/* Without the subtraction a sector near 2^64 would wrap round to a valid end. */
static bool range_ok(const struct raftblk_entry *e, u64 max_sector)
{
	return e->nsect && e->nsect <= max_sector && e->sector <= max_sector - e->nsect;
}

/* Is what the operation says about sectors and payload of its kind? */
static bool op_ok(const struct raftblk_entry *e, u64 max_sector)
{
	switch (e->op) {
	case RAFTBLK_OP_WRITE:
		return range_ok(e, max_sector) && e->bytes <= RAFTBLK_ENTRY_MAX_BYTES &&
		       (u64)e->nsect * 512 == e->bytes;
	case RAFTBLK_OP_DISCARD:
	case RAFTBLK_OP_ZERO:
		return range_ok(e, max_sector) && !e->bytes;
	case RAFTBLK_OP_NOOP:
		return !e->sector && !e->nsect && !e->bytes;
	case RAFTBLK_OP_OWNER:
		return e->sector <= 0xffffffffU && !e->nsect && !e->bytes;
	case RAFTBLK_OP_CONFIG:
		return !e->sector && !e->nsect && e->bytes == RAFTBLK_CONFIG_BYTES;
	case RAFTBLK_OP_RESIZE:
		return e->sector && e->sector <= RAFTBLK_SECTOR_MAX && !e->nsect && !e->bytes;
	default:
		return false;
	}
}

int raftblk_entry_decode(struct raftblk_entry *e, const struct raftblk_disk_desc *d,
			 u64 max_sector)
{
	if (d->flags || d->reserved || d->reserved2)
		return -EPROTO;
	memset(e, 0, sizeof(*e));
	e->op = d->op;
	e->bytes = le32_to_cpu(d->bytes);
	e->sector = le64_to_cpu(d->sector);
	e->nsect = le32_to_cpu(d->nsect);
	e->crc = le32_to_cpu(d->crc);
	e->term = le64_to_cpu(d->term);
	e->token = le64_to_cpu(d->token);
	e->rec_pos = RAFTBLK_NO_POS;
	e->pos = RAFTBLK_NO_POS;
	if (!e->term || !op_ok(e, max_sector) || (!e->bytes && e->crc))
		return -EPROTO;
	return 0;
}
