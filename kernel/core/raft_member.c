// SPDX-License-Identifier: GPL-2.0
/* Membership: joint consensus, learner first (thesis, 4.2.1 and 4.3). */
#include "crc.h"
#include "raft_internal.h"

/* A learner is promoted when no more than this many entries are missing. */
#define RAFT_PROMOTE_LAG	64

static void raft_peer_init(struct raft *r, struct raft_peer *p, u32 id)
{
	memset(p, 0, sizeof(*p));
	p->id = id;
	p->next = r->log->last + 1;
	p->progress = RAFT_PROBE;
	/*
	 * Not new, but back, since the configuration without it was cut: what it has promised
	 * to this member when it led is forgotten.
	 */
	if (r->role != RAFT_LEADER)
		r->led_term = 0;
	if (id != r->id)
		raft_recall_ask(r, p);
}

/* Forget those that are not in @config; returns how many are left, in their order. */
static u32 raft_peers_drop(struct raft *r, const struct raftblk_config *config)
{
	u32 nr = 0;
	u32 i;

	for (i = 0; i < r->config.nr; i++) {
		if (raftblk_config_find(config, r->peer[i].id) < 0)
			continue;
		if (nr != i)
			r->peer[nr] = r->peer[i];
		nr++;
	}
	return nr;
}

/*
 * Peers lie in the order of the configuration's members.  Keep what is known
 * of those that stay; sorting in place, since two arrays of them are too large
 * for a kernel stack.
 */
void raft_peers_rebuild(struct raft *r, const struct raftblk_config *config)
{
	u32 nr_old = raft_peers_drop(r, config);
	struct raft_peer tmp;
	u32 i, j;

	for (i = 0; i < config->nr; i++) {
		u32 id = config->member[i].id;

		for (j = i; j < nr_old && r->peer[j].id != id; j++)
			;
		if (j < nr_old) {
			tmp = r->peer[i];
			r->peer[i] = r->peer[j];
			r->peer[j] = tmp;
			continue;
		}
		/*
		 * New: make room by moving the one that lies here behind the rest.  There
		 * is some: all the others are in @config, and this one is not yet.
		 */
		if (i < nr_old && nr_old < RAFTBLK_MAX_MEMBERS)
			r->peer[nr_old++] = r->peer[i];
		raft_peer_init(r, &r->peer[i], id);
	}
	r->config = *config;
	r->config_gen++;
	r->guest = 0;
	r->poll_turn = 0;
	if (r->role == RAFT_LEADER)
		return;
	/* A learner that has just become a voter: its election time was "never".  Or back. */
	if (!raft_may_campaign(r))
		r->election_at = RAFT_NEVER;
	else if (r->election_at == RAFT_NEVER)
		raft_election_reset(r, r->heard_leader_at);
}

/*
 * A configuration with index 0 may be what a joiner was told, which need not have been
 * committed: it proves nothing.  (In that of a new volume nobody is missing.)
 */
bool raft_has_left(const struct raft *r, u32 id)
{
	return r->config.index && r->config.index <= r->commit &&
	       raftblk_config_has_left(&r->config, id);
}

void raft_remove(struct raft *r, u64 now)
{
	r->removed = true;
	raft_become_follower(r, now, r->term, 0);
}

/*
 * r->incoming takes effect.  A configuration is in force from the moment it is in the log,
 * committed or not: two majorities that do not overlap could act at once otherwise.
 */
static void raft_config_enter(struct raft *r, u64 index)
{
	if (r->nr_history == RAFT_CONFIG_HISTORY) {
		memmove(r->history, r->history + 1,
			(RAFT_CONFIG_HISTORY - 1) * sizeof(r->history[0]));
		r->nr_history--;
	}
	r->history[r->nr_history++] = r->config;
	r->incoming.index = index;
	raft_peers_rebuild(r, &r->incoming);
}

/* To r->incoming.  What a member is does not change. */
static int raft_config_take(struct raft *r, const void *payload)
{
	return raftblk_config_decode(&r->incoming, payload) ||
	       !raftblk_config_same_kinds(&r->config, &r->incoming) ? -EPROTO : 0;
}

int raft_config_appended(struct raft *r, u64 index, const void *payload)
{
	/*
	 * A joiner was told the configuration that let it in, and is sent the log
	 * from its start: an older one must not take its place, or the joiner would
	 * not know who leads it.
	 */
	if (index <= r->config.index)
		return 0;
	if (raft_config_take(r, payload))
		return -EPROTO;
	raft_config_enter(r, index);
	return 0;
}

/* The log was cut at @index: back to the configuration before. */
void raft_config_cut(struct raft *r, u64 index)
{
	while (r->config.index >= index && r->nr_history) {
		r->incoming = r->history[--r->nr_history];
		raft_peers_rebuild(r, &r->incoming);
	}
}

int raft_propose_config(struct raft *r, u64 now, struct raftblk_config *c, u64 *index)
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_CONFIG, .bytes = RAFTBLK_CONFIG_BYTES };
	int err;

	(void)now;
	if (r->role != RAFT_LEADER)
		return -EREMOTE;
	if (r->transfer_to)
		return -EAGAIN;
	/*
	 * One at a time, and not before an entry of the own term is committed:
	 * with two unfinished changes old and new majorities need not overlap.
	 */
	if (!raft_leads(r) || r->config.index > r->commit)
		return -EBUSY;
	e.payload = r->log->ops.alloc(r->log->ops.ctx, e.bytes);
	if (!e.payload)
		return -ENOMEM;
	raftblk_config_encode(c, r->log->ops.map(e.payload));
	e.crc = raftblk_crc(r->log->ops.map(e.payload), e.bytes);
	/* First: what the others would refuse to append must not get into the log. */
	err = raft_config_take(r, r->log->ops.map(e.payload)) ? -EINVAL : 0;
	if (!err)
		err = raft_append_own(r, &e, index);
	if (err)
		r->log->ops.put(e.payload);
	else
		raft_config_enter(r, *index);
	return err;
}

/*
 * Near enough to the end of the log, not only by what it said before it fell behind, and
 * there.  One that died meanwhile would as a voter only be missing: of two, it would
 * stop the other.
 */
static bool raft_is_ready(const struct raft *r, const struct raft_peer *p, u64 now)
{
	u64 acked = p->counted;

#ifdef RAFTBLK_PLANT_LEARNER_COUNTED
	acked = p->match;
#else
	if (p->incomplete || p->counted < p->gap)
		return false;
#endif
	return p->progress == RAFT_STREAM && now < p->heard_at + r->params.election_ns &&
	       acked + RAFT_PROMOTE_LAG >= r->log->last;
}

u32 raft_reachable(const struct raft *r, u64 now)
{
	u32 mask = 0;
	u32 i;

	for (i = 0; i < r->config.nr; i++) {
		const struct raft_peer *p = &r->peer[i];

		/* One that has answered this leader: heard_at begins with its election. */
		if (r->config.member[i].id == r->id ||
		    (p->lease_at && !p->incomplete && now < p->heard_at + r->params.election_ns))
			mask |= 1U << i;
	}
	return mask;
}

u32 raft_successor(const struct raft *r, u64 now)
{
	u32 mask = raft_reachable(r, now);
	const struct raft_peer *best = NULL;
	u32 i;

	for (i = 0; i < r->config.nr; i++) {
		const struct raft_peer *p = &r->peer[i];

		if (p->id == r->id || !(mask & (1U << i)) ||
		    !(r->config.member[i].flags & RAFTBLK_MEMBER_NEW) ||
		    !raftblk_member_has_data(&r->config.member[i]) ||
		    p->counted + RAFT_HAND_OVER_LAG < r->log->last)
			continue;
		/* Of those that have the same, who has the device open: it would get it anyway. */
		if (!best || p->counted > best->counted ||
		    (p->counted == best->counted && p->holding && !best->holding))
			best = p;
	}
	return best ? best->id : 0;
}

void raft_step_aside(struct raft *r, u64 now)
{
	u32 to;

	if (r->transfer_to || now < r->aside_at)
		return;
	to = raft_successor(r, now);
	/* Nothing can be proposed while it is offered: leave time for other things. */
	if (to && !raft_transfer(r, now, to))
		r->aside_at = now + 2 * r->params.election_ns;
}

/*
 * A member that is replaced leaves without being asked when its successor is ready.  Not
 * while it has the device open; and not if nothing could be committed afterwards.
 */
static bool raft_may_replace(struct raft *r, u64 now, const struct raftblk_member *m)
{
	int old = raftblk_config_find(&r->config, m->replaces);
	u32 mask = raft_reachable(r, now);

	if (old < 0)
		return true;
	if (m->replaces == r->id ? r->holding : (mask & (1U << old)) && r->peer[old].holding)
		return false;
	r->incoming = r->config;
	if (raftblk_member_votes(&r->incoming.member[old]))
		r->incoming.member[old].flags &= ~RAFTBLK_MEMBER_NEW;
	if (m->flags & RAFTBLK_MEMBER_PROMOTE)
		r->incoming.member[m - r->config.member].flags |= RAFTBLK_MEMBER_NEW;
	return raftblk_config_quorum_new(&r->incoming, mask);
}

/* A learner that is to be something else and is ready for it, or NULL. */
static const struct raftblk_member *raft_ready_learner(struct raft *r, u64 now)
{
	u32 i;

	for (i = 0; i < r->config.nr; i++) {
		const struct raftblk_member *m = &r->config.member[i];

#ifdef RAFTBLK_PLANT_REPLACED_EARLY
		if (m->replaces && !raftblk_member_votes(m) && raft_may_replace(r, now, m))
			return m;
#endif
		if (((m->flags & RAFTBLK_MEMBER_PROMOTE) || m->replaces) &&
		    !raftblk_member_votes(m) && raft_is_ready(r, &r->peer[i], now) &&
		    (!m->replaces || raft_may_replace(r, now, m)))
			return m;
	}
	return NULL;
}

/*
 * The joint configuration is committed.  Who stays ends it: those who have the next one
 * would not answer a leader that is not in it, nor could it count on their silence.
 */
static void raft_config_finish(struct raft *r, u64 now)
{
	int slot = raftblk_config_find(&r->config, r->id);
	u64 index;

	if (slot < 0 || !(r->config.member[slot].flags & RAFTBLK_MEMBER_NEW)) {
		raft_step_aside(r, now);
		return;
	}
	r->incoming = r->config;
	raftblk_config_finish(&r->incoming);
	raft_propose_config(r, now, &r->incoming, &index);
}

/* Nobody but this member votes and could lead instead; a witness may be left. */
static bool raft_is_only_voter(const struct raft *r)
{
	u32 i;

	for (i = 0; i < r->config.nr; i++)
		if (!raft_is_self(r, i) && raftblk_member_votes(&r->config.member[i]) &&
		    raftblk_member_has_data(&r->config.member[i]))
			return false;
	return true;
}

/*
 * The leader's part in a change that is under way: leave the joint
 * configuration once it is committed; begin one for a learner that is ready.
 */
void raft_config_step(struct raft *r, u64 now)
{
	const struct raftblk_member *m;
	u64 index;

	if (!raft_leads(r) || r->config.index > r->commit || r->transfer_to)
		return;
	if (raftblk_config_is_joint(&r->config)) {
		raft_config_finish(r, now);
		return;
	}
	/* It was elected to see that the configuration without it is committed. */
	if (!raft_has_vote(r)) {
		raft_step_aside(r, now);
		return;
	}
	m = raft_ready_learner(r, now);
	if (m && m->replaces == r->id && !raft_is_only_voter(r)) {
		/* Who stays carries it out; without others it hands over in the joint phase. */
		raft_step_aside(r, now);
	} else if (m) {
		r->incoming = r->config;
		raftblk_config_promote(&r->incoming, m->id);
		raft_propose_config(r, now, &r->incoming, &index);
	}
}
