// SPDX-License-Identifier: GPL-2.0
/* Membership: encoding, and what a majority is. */
#include "config.h"

static_assert(sizeof(struct raftblk_disk_member) == 64, "struct raftblk_disk_member");
static_assert(sizeof(struct raftblk_disk_config) == 1040, "struct raftblk_disk_config");
static_assert(sizeof(struct raftblk_disk_config) <= RAFTBLK_CONFIG_BYTES &&
	      RAFTBLK_CONFIG_BYTES % 512 == 0, "payload of a CONFIG entry");

#define MEMBER_FLAGS	(RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW | \
			 RAFTBLK_MEMBER_PROMOTE | RAFTBLK_MEMBER_WITNESS | \
			 RAFTBLK_MEMBER_STAYS)

void raftblk_addr_encode(const struct raftblk_addr *a, u8 *family, __le16 *port, u8 *ip)
{
	*family = a->family;
	*port = cpu_to_le16(a->port);
	memset(ip, 0, sizeof(a->ip));
	memcpy(ip, a->ip, a->family == 4 ? 4 : sizeof(a->ip));
}

int raftblk_addr_decode(struct raftblk_addr *a, u8 family, __le16 port, const u8 *ip)
{
	static const u8 zero[12];

	if (family != 4 && family != 6)
		return -EPROTO;
	if (family == 4 && memcmp(ip + 4, zero, sizeof(zero)))
		return -EPROTO;
	memset(a, 0, sizeof(*a));
	a->family = family;
	a->port = le16_to_cpu(port);
	memcpy(a->ip, ip, sizeof(a->ip));
	return 0;
}

void raftblk_member_encode(const struct raftblk_member *m, struct raftblk_disk_member *d)
{
	memset(d, 0, sizeof(*d));
	d->id = cpu_to_le32(m->id);
	d->flags = m->flags;
	memcpy(d->incarnation, m->incarnation, sizeof(d->incarnation));
	raftblk_addr_encode(&m->addr, &d->family, &d->port, d->addr);
	d->replaces = cpu_to_le32(m->replaces);
}

int raftblk_member_decode(struct raftblk_member *m, const struct raftblk_disk_member *d)
{
	if (d->flags & ~MEMBER_FLAGS)
		return -EPROTO;
	memset(m, 0, sizeof(*m));
	m->id = le32_to_cpu(d->id);
	m->flags = d->flags;
	m->replaces = le32_to_cpu(d->replaces);
	memcpy(m->incarnation, d->incarnation, sizeof(m->incarnation));
	return raftblk_addr_decode(&m->addr, d->family, d->port, d->addr);
}

void raftblk_config_encode(const struct raftblk_config *c, struct raftblk_disk_config *d)
{
	u32 i;

	memset(d, 0, sizeof(*d));
	d->nr = cpu_to_le32(c->nr);
	d->next_id = cpu_to_le32(c->next_id);
	for (i = 0; i < c->nr && i < RAFTBLK_MAX_MEMBERS; i++)
		raftblk_member_encode(&c->member[i], &d->member[i]);
}

static u32 bits_set(u32 mask)
{
	u32 n = 0;

	for (; mask; mask &= mask - 1)
		n++;
	return n;
}

#ifdef RAFTBLK_PLANT_LEAVING_COUNTED
#define INCOMING	(RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW)
#else
#define INCOMING	RAFTBLK_MEMBER_NEW
#endif

/* Members with one of @flags, as a mask of slots. */
static u32 members_with(const struct raftblk_config *c, u8 flags)
{
	u32 mask = 0;
	u32 i;

	for (i = 0; i < c->nr; i++)
		if (c->member[i].flags & flags)
			mask |= 1U << i;
	return mask;
}

static u32 members_with_data(const struct raftblk_config *c)
{
	return ~members_with(c, RAFTBLK_MEMBER_WITNESS);
}

/* Flags and @replaces that could have come about. */
static bool member_makes_sense(const struct raftblk_config *c, const struct raftblk_member *m)
{
	u8 votes = m->flags & (RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW);

	if ((m->flags & RAFTBLK_MEMBER_STAYS) && votes != RAFTBLK_MEMBER_OLD)
		return false;
	return !m->replaces ||
	       (!votes && m->replaces != m->id && raftblk_config_find(c, m->replaces) >= 0);
}

int raftblk_config_decode(struct raftblk_config *c, const struct raftblk_disk_config *d)
{
	u32 nr = le32_to_cpu(d->nr);
	u32 i;

	memset(c, 0, sizeof(*c));
	if (!nr || nr > RAFTBLK_MAX_MEMBERS)
		return -EPROTO;
	c->next_id = le32_to_cpu(d->next_id);
	for (i = 0; i < nr; i++) {
		struct raftblk_member *m = &c->member[i];

		if (raftblk_member_decode(m, &d->member[i]))
			return -EPROTO;
		/* c->nr counts the members taken over so far: find looks among those */
		if (!m->id || m->id >= c->next_id || raftblk_config_find(c, m->id) >= 0)
			return -EPROTO;
		c->nr++;
	}
	for (i = 0; i < nr; i++)
		if (!member_makes_sense(c, &c->member[i]))
			return -EPROTO;
	/*
	 * A set without voters has no majority: the volume could never commit again.  One of
	 * witnesses alone could, and would have nobody who can open the device.
	 */
	if (!(members_with(c, RAFTBLK_MEMBER_OLD) & members_with_data(c)) ||
	    !(members_with(c, RAFTBLK_MEMBER_NEW) & members_with_data(c)))
		return -EPROTO;
	return 0;
}

int raftblk_config_find(const struct raftblk_config *c, u32 id)
{
	u32 i;

	for (i = 0; i < c->nr; i++)
		if (c->member[i].id == id)
			return i;
	return -ENOENT;
}

u32 raftblk_config_data_voters(const struct raftblk_config *c)
{
	return bits_set(members_with(c, RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW) &
			members_with_data(c));
}

bool raftblk_config_same_kinds(const struct raftblk_config *a, const struct raftblk_config *b)
{
	u32 i;

	for (i = 0; i < a->nr; i++) {
		int slot = raftblk_config_find(b, a->member[i].id);

		if (slot >= 0 && raftblk_member_has_data(&a->member[i]) !=
				 raftblk_member_has_data(&b->member[slot]))
			return false;
	}
	return true;
}

bool raftblk_config_is_joint(const struct raftblk_config *c)
{
	return members_with(c, RAFTBLK_MEMBER_OLD) != members_with(c, RAFTBLK_MEMBER_NEW);
}

/* More than half; so 0 of 0 is none, or an empty set would elect and commit. */
static bool is_majority(u32 set, u32 mask)
{
	return bits_set(set & mask) > bits_set(set) / 2;
}

bool raftblk_config_quorum(const struct raftblk_config *c, u32 mask)
{
#ifdef RAFTBLK_PLANT_JOINT_BY_NEW_ALONE
	return raftblk_config_quorum_new(c, mask);
#endif
	return is_majority(members_with(c, RAFTBLK_MEMBER_OLD), mask) &&
	       is_majority(members_with(c, INCOMING), mask);
}

bool raftblk_config_quorum_new(const struct raftblk_config *c, u32 mask)
{
	return is_majority(members_with(c, RAFTBLK_MEMBER_NEW), mask);
}

bool raftblk_config_needs(const struct raftblk_config *c, u32 id)
{
	int slot = raftblk_config_find(c, id);
	u32 others = slot < 0 ? ~0U : ~(1U << slot);

	return !is_majority(members_with(c, RAFTBLK_MEMBER_OLD), others) &&
	       !is_majority(members_with(c, RAFTBLK_MEMBER_NEW), others);
}

/* The highest value that a majority of @set has reached; 0 for an empty set. */
static u64 agreed_in(const struct raftblk_config *c, u32 set, const u64 *value)
{
	u64 best = 0;
	u32 i, k;

	for (i = 0; i < c->nr; i++) {
		u32 reached = 0;

		if (!(set & (1U << i)) || value[i] <= best)
			continue;
		for (k = 0; k < c->nr; k++)
			if (value[k] >= value[i])
				reached |= 1U << k;
		if (is_majority(set, reached))
			best = value[i];
	}
	return best;
}

u64 raftblk_config_agreed(const struct raftblk_config *c, const u64 *value)
{
	u64 outgoing = agreed_in(c, members_with(c, RAFTBLK_MEMBER_OLD), value);
	u64 incoming = agreed_in(c, members_with(c, INCOMING), value);

#ifdef RAFTBLK_PLANT_JOINT_BY_NEW_ALONE
	outgoing = incoming;
#endif
	return min(outgoing, incoming);
}

static void member_drop(struct raftblk_config *c, u32 slot)
{
	c->nr--;
	memmove(&c->member[slot], &c->member[slot + 1],
		(c->nr - slot) * sizeof(c->member[0]));
	memset(&c->member[c->nr], 0, sizeof(c->member[0]));
}

void raftblk_config_promote(struct raftblk_config *c, u32 id)
{
	int slot = raftblk_config_find(c, id);
	struct raftblk_member *m;
	u32 old;

	if (slot < 0)
		return;
	m = &c->member[slot];
	old = m->replaces;
	m->replaces = 0;
	if (m->flags & RAFTBLK_MEMBER_PROMOTE)
		m->flags |= RAFTBLK_MEMBER_NEW;
	m->flags &= ~RAFTBLK_MEMBER_PROMOTE;
	if (old)
		raftblk_config_remove(c, old);
}

void raftblk_config_remove(struct raftblk_config *c, u32 id)
{
	int slot = raftblk_config_find(c, id);

	if (slot < 0)
		return;
	if (raftblk_member_votes(&c->member[slot]))
		c->member[slot].flags &= ~(RAFTBLK_MEMBER_NEW | RAFTBLK_MEMBER_STAYS);
	else
		member_drop(c, slot);
}

void raftblk_config_demote(struct raftblk_config *c, u32 id)
{
	int slot = raftblk_config_find(c, id);

	if (slot < 0 || !raftblk_member_votes(&c->member[slot]))
		return;
	c->member[slot].flags &= ~RAFTBLK_MEMBER_NEW;
	c->member[slot].flags |= RAFTBLK_MEMBER_STAYS;
}

void raftblk_config_finish(struct raftblk_config *c)
{
	u32 i = 0;

	while (i < c->nr) {
		u8 *flags = &c->member[i].flags;

		if ((*flags & RAFTBLK_MEMBER_OLD) && !(*flags & RAFTBLK_MEMBER_NEW) &&
		    !(*flags & RAFTBLK_MEMBER_STAYS)) {
			member_drop(c, i);
			continue;
		}
		if (*flags & RAFTBLK_MEMBER_NEW)
			*flags |= RAFTBLK_MEMBER_OLD;
		else
			*flags &= ~(RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_STAYS);
		i++;
	}
}
