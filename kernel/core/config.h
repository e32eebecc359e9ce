/* SPDX-License-Identifier: GPL-2.0 */
/* Membership: who the members of a volume are, and what a majority is. */
#ifndef RAFTBLK_CONFIG_H
#define RAFTBLK_CONFIG_H

#include "port.h"
#include "../uapi/raftblk_disk.h"

struct raftblk_addr {
	u8 family;		/* 4 or 6 */
	u16 port;
	u8 ip[16];		/* IPv4 in the first four bytes */
};

/**
 * struct raftblk_member - one member, see struct raftblk_disk_member
 */
struct raftblk_member {
	u32 id;
	u8 flags;		/* RAFTBLK_MEMBER_* */
	u8 incarnation[16];
	struct raftblk_addr addr;
	u32 replaces;
};

/**
 * struct raftblk_config - a configuration
 * @index: index of the entry that set it, 0 for the initial one
 * @next_id: lowest node id never given out; ids are not used twice
 */
struct raftblk_config {
	u64 index;
	u32 nr;
	u32 next_id;
	struct raftblk_member member[RAFTBLK_MAX_MEMBERS];
};

/* Address and member in the form they have on disk and on the wire.  Decoding
 * returns 0 or -EPROTO (unknown family or flags); an id is not checked.
 */
void raftblk_addr_encode(const struct raftblk_addr *a, u8 *family, __le16 *port, u8 *ip);
int raftblk_addr_decode(struct raftblk_addr *a, u8 family, __le16 port, const u8 *ip);
void raftblk_member_encode(const struct raftblk_member *m, struct raftblk_disk_member *d);
int raftblk_member_decode(struct raftblk_member *m, const struct raftblk_disk_member *d);

#define RAFTBLK_CONFIG_BYTES	1536	/* payload of a CONFIG entry: the struct, padded */

void raftblk_config_encode(const struct raftblk_config *c, struct raftblk_disk_config *d);

/* 0, or -EPROTO: no voter with data in one of the sets, an id twice or 0 or not below
 * next_id, unknown flags or family, STAYS on who does not give up its vote, a
 * replacement that votes or is for no other member.  c->index is set to 0: the payload of an
 * entry does not say where in the log it lies.
 */
int raftblk_config_decode(struct raftblk_config *c, const struct raftblk_disk_config *d);

/* slot of a member in c->member, or -ENOENT */
int raftblk_config_find(const struct raftblk_config *c, u32 id);

/* So many are let in.  One place is kept for a newcomer that a member has yet to learn of
 * from its log, see raft_guest(): without an answer it could not lead that member there.
 */
#define RAFTBLK_MEMBERS_LIMIT	(RAFTBLK_MAX_MEMBERS - 1)

/* Ids are not used twice, so one that had not been given out when @c was made
 * belongs to a member that joined later (if there was room).
 */
static inline bool raftblk_config_is_newcomer(const struct raftblk_config *c, u32 id)
{
	return id >= c->next_id && c->nr < RAFTBLK_MAX_MEMBERS;
}

bool raftblk_config_is_joint(const struct raftblk_config *c);

/* votes in elections and counts for commit: in the outgoing or incoming set */
static inline bool raftblk_member_votes(const struct raftblk_member *m)
{
	return m->flags & (RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW);
}

/* A witness votes and keeps the log, and has no data area. */
static inline bool raftblk_member_has_data(const struct raftblk_member *m)
{
	return !(m->flags & RAFTBLK_MEMBER_WITNESS);
}

/* Voters that have data, of either set.  The last one can neither leave nor lose its vote. */
u32 raftblk_config_data_voters(const struct raftblk_config *c);

/* Is who is a witness in one of the configurations, and a member in the other, one there? */
bool raftblk_config_same_kinds(const struct raftblk_config *a, const struct raftblk_config *b);

/**
 * raftblk_config_quorum() - is a set of members a majority?
 * @mask: bit i stands for c->member[i]
 *
 * In a joint configuration it must be one of both sets (Raft thesis, 4.3).
 * Never true for a set without members.
 */
bool raftblk_config_quorum(const struct raftblk_config *c, u32 mask);

/**
 * raftblk_config_agreed() - the highest value that a majority has reached
 * @value: value[i] belongs to c->member[i]
 *
 * In a joint configuration: the lower of the two sets' results.  0 for a set
 * without members.
 */
u64 raftblk_config_agreed(const struct raftblk_config *c, const u64 *value);

/**
 * raftblk_config_needs() - can nothing be committed without this member?
 *
 * True if neither set has a majority without it.  One set that has is enough for
 * false: in a joint configuration that is not committed that set may still decide
 * alone.
 */
bool raftblk_config_needs(const struct raftblk_config *c, u32 id);

/* Ids are not used twice: one that was given out and is not there has left for good. */
static inline bool raftblk_config_has_left(const struct raftblk_config *c, u32 id)
{
	return id && id < c->next_id && raftblk_config_find(c, id) < 0;
}

/* Is @mask a majority of the incoming set? */
bool raftblk_config_quorum_new(const struct raftblk_config *c, u32 mask);

/* What learner @id waited for: with PROMOTE it becomes a voter of the incoming set, to
 * which the present voters belong as well, but for the one that it replaces.  Joint,
 * unless no voter comes or goes.  Nothing happens if there is no @id.
 */
void raftblk_config_promote(struct raftblk_config *c, u32 id);

/* Take @id out: a voter out of the incoming set only, so this is joint; a learner at
 * once.  The members behind it move up.
 */
void raftblk_config_remove(struct raftblk_config *c, u32 id);

/* Take a voter's vote; it is to stay as a learner.  Joint. */
void raftblk_config_demote(struct raftblk_config *c, u32 id);

/* Leave a joint configuration: the incoming set is the only one.  Who is not
 * in it leaves, or becomes a learner if it has STAYS.
 */
void raftblk_config_finish(struct raftblk_config *c);

#endif /* RAFTBLK_CONFIG_H */
