// SPDX-License-Identifier: GPL-2.0
#include "replica.h"
#include "wire_change.h"

static_assert(sizeof(struct raftblk_wire_change) == 32, "struct raftblk_wire_change");
static_assert(sizeof(struct raftblk_wire_resize_resp) == 16, "struct raftblk_wire_resize_resp");

static const u8 wire_kind[] = {
	[RAFTBLK_CHANGE_TRANSFER] = RAFTBLK_WIRE_CHANGE_TRANSFER,
	[RAFTBLK_CHANGE_REMOVE] = RAFTBLK_WIRE_CHANGE_REMOVE,
	[RAFTBLK_CHANGE_SET] = RAFTBLK_WIRE_CHANGE_SET,
	[RAFTBLK_CHANGE_RESIZE] = RAFTBLK_WIRE_CHANGE_RESIZE,
};

static const u8 wire_part[] = {
	[RAFTBLK_SET_KEEP] = RAFTBLK_WIRE_PART_KEEP,
	[RAFTBLK_SET_VOTER] = RAFTBLK_WIRE_PART_VOTER,
	[RAFTBLK_SET_LEARNER] = RAFTBLK_WIRE_PART_LEARNER,
};

/* Where in @table, of @nr, is @value?  -EPROTO: nowhere. */
static int find(const u8 *table, u32 nr, u8 value)
{
	u32 i;

	for (i = 0; i < nr; i++)
		if (table[i] == value)
			return i;
	return -EPROTO;
}

void raftblk_change_encode(const struct raftblk_change *c, struct raftblk_wire_change *d)
{
	memset(d, 0, sizeof(*d));
	d->kind = wire_kind[c->kind];
	d->to = cpu_to_le32(c->to);
	if (c->kind == RAFTBLK_CHANGE_RESIZE) {
		d->part = c->assume_zero ? RAFTBLK_WIRE_PART_ASSUME_ZERO : 0;
		d->size = cpu_to_le64(c->size);
	}
	if (c->kind != RAFTBLK_CHANGE_SET)
		return;
	d->part = wire_part[c->role];
	if (c->member.addr.family)
		raftblk_addr_encode(&c->member.addr, &d->family, &d->port, d->addr);
}

/* Of SET: something has to be there, and what is there has to make sense. */
static int decode_set(struct raftblk_change *c, const struct raftblk_wire_change *d)
{
	int part = find(wire_part, ARRAY_SIZE(wire_part), d->part);

	if (part < 0)
		return -EPROTO;
	c->role = part;
	if (!d->family)
		return c->role == RAFTBLK_SET_KEEP ? -EPROTO : 0;
	if (!d->port)
		return -EPROTO;
	return raftblk_addr_decode(&c->member.addr, d->family, d->port, d->addr);
}

/* It is about the volume: no member, and no address. */
static int decode_resize(struct raftblk_change *c, const struct raftblk_wire_change *d)
{
	static const u8 zero[16];

	if (d->to || d->family || d->port || d->part > RAFTBLK_WIRE_PART_ASSUME_ZERO ||
	    memcmp(d->addr + sizeof(d->size), zero, sizeof(d->addr) - sizeof(d->size)))
		return -EPROTO;
	c->size = le64_to_cpu(d->size);
	c->assume_zero = d->part;
	return 0;
}

int raftblk_change_decode(struct raftblk_change *c, const struct raftblk_wire_change *d)
{
	static const u8 zero[16];
	int kind;

	memset(c, 0, sizeof(*c));
	kind = d->kind ? find(wire_kind, ARRAY_SIZE(wire_kind), d->kind) : -EPROTO;
	if (kind < 0 || d->reserved || memcmp(d->reserved2, zero, sizeof(d->reserved2)))
		return -EPROTO;
	c->kind = kind;
	if (kind == RAFTBLK_CHANGE_RESIZE)
		return decode_resize(c, d);
	if (!d->to || (!d->family && (d->port || memcmp(d->addr, zero, sizeof(d->addr)))))
		return -EPROTO;
	c->to = le32_to_cpu(d->to);
	if (kind == RAFTBLK_CHANGE_SET)
		return decode_set(c, d);
	return d->part || d->family ? -EPROTO : 0;
}
