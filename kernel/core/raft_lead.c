// SPDX-License-Identifier: GPL-2.0
/* The leader's side: proposing, replicating, committing, handing over. */
#include "raft_internal.h"

bool raft_leads(const struct raft *r)
{
	return r->role == RAFT_LEADER && r->term_start && r->commit >= r->term_start;
}

/* Append an entry of the own term, without asking whether there is a reserve. */
int raft_append_own(struct raft *r, const struct raftblk_entry *e, u64 *index)
{
	struct raftblk_entry own = *e;
	int err;

	own.term = r->term;
	err = raftblk_log_append(r->log, &own);
	if (!err)
		*index = r->log->last;
	return err;
}

/*
 * The first entry of a term (rule 2).  Entries of older terms are committed by
 * committing this one; by counting alone they could still be replaced (figure
 * 8 of the Raft paper).  Should the log be full it is tried again.
 */
void raft_lead_noop(struct raft *r)
{
	static const struct raftblk_entry noop = { .op = RAFTBLK_OP_NOOP };
	u64 index;

	if (!raft_append_own(r, &noop, &index))
		r->term_start = index;
}

/*
 * Entries that are not committed cannot be given up, by this leader or by the
 * next, and each new leader needs room for its no-op.  So data never takes more
 * than a quarter of the log before it is committed.
 *
 * And a member that starts knows only of its checkpoint that it is committed.  Were the
 * log full above that when all members crash, or the only one, there would be no room
 * for the no-op that commits the rest: so some is always left.
 */
static bool raft_has_reserve(struct raft *r, u32 bytes)
{
	struct raftblk_log *log = r->log;
	u64 from = log->tail_pos;

	if (!raftblk_log_has_spare_room(log, bytes))
		return false;
	if (r->commit == log->last)
		return true;
	if (r->commit < log->staged)
		from = raftblk_log_entry(log, r->commit + 1)->rec_pos;
	return log->tail_pos - from + log->pending_sectors + bytes / 512 <= log->ring_sectors / 4 &&
	       log->last - r->commit < log->max_entries / 4;
}

int raft_propose(struct raft *r, u64 now, const struct raftblk_entry *e, u64 *index)
{
	(void)now;
	if (r->role != RAFT_LEADER || !r->term_start)
		return -EREMOTE;
	if (r->transfer_to)
		return -EAGAIN;
	if (raftblk_entry_is_data(e) && !raft_has_reserve(r, e->bytes))
		return -ENOSPC;
	return raft_append_own(r, e, index);
}

int raft_transfer(struct raft *r, u64 now, u32 to)
{
	int slot = raftblk_config_find(&r->config, to);

	if (to == r->id)
		return -EALREADY;
	if (r->role != RAFT_LEADER)
		return -EREMOTE;
	if (r->transfer_to)
		return -EBUSY;
	if (slot < 0 || !(r->config.member[slot].flags & RAFTBLK_MEMBER_NEW))
		return -ENOENT;
	if (!raftblk_member_has_data(&r->config.member[slot]))
		return -EOPNOTSUPP;
	if (r->peer[slot].incomplete)
		return -EAGAIN;
	r->transfer_to = to;
	r->transfer_until = now + r->params.election_ns;
	r->lease_lost = true;
	if (r->peer[slot].counted == r->log->last)
		r->peer[slot].owe_timeout_now = true;
	return 0;
}

/*
 * A witness leads because its log is the newest of those that are left, and only as long as
 * that is so.  Who has all of it, up to the no-op, wins: nobody who voted for this leader
 * had more, and who did not has nothing of its term.  Not only when the no-op is committed:
 * where that takes more members than this one can reach with its log, who has data can
 * still bring them up to date.
 */
static void raft_lead_hand_over(struct raft *r, u64 now)
{
	u32 to;

	if (r->role != RAFT_LEADER || !raft_is_witness(r) || r->transfer_to)
		return;
	to = raft_successor(r, now);
	if (to && raft_peer(r, to)->counted == r->log->last)
		raft_transfer(r, now, to);
}

bool raft_waits_for_data(const struct raft *r, u64 now)
{
	int leader = raftblk_config_find(&r->config, r->leader);
	u32 i;

	if (leader < 0 || raftblk_member_has_data(&r->config.member[leader]))
		return false;
	if (r->role != RAFT_LEADER)
		return r->behind || r->incomplete;
	for (i = 0; i < r->config.nr; i++) {
		const struct raft_peer *p = &r->peer[i];

		if ((r->config.member[i].flags & RAFTBLK_MEMBER_NEW) &&
		    raftblk_member_has_data(&r->config.member[i]) &&
		    now < p->heard_at + r->params.election_ns &&
		    p->progress != RAFT_BEHIND && !p->incomplete)
			return false;
	}
	return true;
}

void raft_lead_commit(struct raft *r)
{
	u64 value[RAFTBLK_MAX_MEMBERS];
	u64 agreed;
	u32 i;

	if (r->role != RAFT_LEADER)
		return;
	/* The own disk counts like any other: a single voter waits for it too. */
	for (i = 0; i < r->config.nr; i++)
		value[i] = raft_is_self(r, i) ? r->log->durable : r->peer[i].counted;
	agreed = raftblk_config_agreed(&r->config, value);
	if (agreed <= r->commit)
		return;
#ifndef RAFTBLK_PLANT_COMMIT_OLD_TERM
	/* Rule 2: an entry of an older term is not committed by counting. */
	if (raftblk_log_term(r->log, agreed) != r->term)
		return;
#endif
	r->commit = agreed;
	r->log->commit = agreed;
}

/*
 * A member that is catching up says what is committed as far as it knows: the
 * boundary, and what its sources had applied.  This leader's log has that (Leader
 * Completeness), but where the others that knew it are gone, nobody else can tell: that
 * member's acknowledgements do not count, it waits until somebody has applied the
 * boundary, and nothing would ever be committed again.
 */
void raft_commit_known(struct raft *r, u64 commit)
{
	if (commit <= r->commit || commit > r->log->last)
		return;
	r->commit = commit;
	r->log->commit = commit;
}

/* A majority has been heard from within an election time. */
static bool raft_has_quorum(const struct raft *r, u64 now)
{
	u32 mask = 0;
	u32 i;

	for (i = 0; i < r->config.nr; i++)
		if (raft_is_self(r, i) || now < r->peer[i].heard_at + r->params.election_ns)
			mask |= 1U << i;
	return raftblk_config_quorum(&r->config, mask);
}

static void raft_lead_tick_peer(struct raft *r, u64 now, struct raft_peer *p)
{
	if (now >= p->heartbeat_at) {
		p->owe_heartbeat = true;
		p->heartbeat_at = now + r->params.heartbeat_ns;
	}
	/* Nothing acknowledged for long: what was sent is lost; find the end anew. */
	if (p->progress == RAFT_STREAM && p->next > p->match + 1 &&
	    now >= p->progress_at + r->params.election_ns) {
		p->progress = RAFT_PROBE;
		p->probe_sent = false;
		p->next = p->match + 1;
		p->inflight_bytes = 0;
	}
}

void raft_lead_tick(struct raft *r, u64 now)
{
	u32 i;

	r->tick_at = now + r->params.heartbeat_ns / 2;
	raft_ages_note(r, now);
	/* Check-quorum: a leader that nobody follows must not keep others waiting. */
	if (!raft_has_quorum(r, now)) {
		raft_become_follower(r, now, r->term, 0);
		return;
	}
	if (r->transfer_to && now >= r->transfer_until)
		r->transfer_to = 0;
	if (!r->term_start)
		raft_lead_noop(r);
	for (i = 0; i < r->config.nr; i++)
		if (!raft_is_self(r, i))
			raft_lead_tick_peer(r, now, &r->peer[i]);
	raft_config_step(r, now);
	raft_lead_hand_over(r, now);
}

void raft_peer_connected(struct raft *r, u64 now, u32 id)
{
	struct raft_peer *p = raft_peer(r, id);

	if (!p || r->role != RAFT_LEADER || p->progress != RAFT_STREAM)
		return;
	p->progress = RAFT_PROBE;
	p->probe_sent = false;
	p->next = p->match + 1;
	p->inflight_bytes = 0;
	p->progress_at = now;
}

/* More of the log is durable there and the same as here. */
static void raft_lead_matched(struct raft *r, u64 now, struct raft_peer *p, u64 index)
{
	struct raftblk_entry *e;
	u64 i;

	for (i = max(p->match + 1, r->log->first); i <= index && i < p->next; i++) {
		e = raftblk_log_entry(r->log, i);
		if (e)
			p->inflight_bytes -= min(p->inflight_bytes, e->bytes);
	}
	p->match = index;
	p->next = max(p->next, index + 1);
	if (p->next == index + 1)
		p->inflight_bytes = 0;
	p->progress_at = now;
	if (p->progress == RAFT_BEHIND && p->next >= r->log->first) {
		p->progress = RAFT_PROBE;
		p->probe_sent = false;
	}
}

/* @index is durable there and the same as here, says an answer. */
static void raft_lead_acked(struct raft *r, u64 now, struct raft_peer *p, u64 index, u8 flags)
{
	bool counts = !(flags & RAFTBLK_MSG_F_INCOMPLETE);

	p->incomplete = !counts;
#ifdef RAFTBLK_PLANT_ACKS_OF_INCOMPLETE_COUNTED
	counts = true;
#endif
	if (index > r->log->last)
		return;
	if (index > p->match)
		raft_lead_matched(r, now, p, index);
	if (!counts || index <= p->counted)
		return;
	p->counted = index;
	raft_lead_commit(r);
	if (r->transfer_to == p->id && p->counted == r->log->last)
		p->owe_timeout_now = true;
}

/* The logs differ at m->ctx; go on below what the follower says (thesis, 3.5, hint as in etcd). */
static void raft_lead_refused(struct raft *r, struct raft_peer *p, const struct raftblk_msg *m)
{
	u64 index = m->index;

	if (m->ctx > r->log->last || p->progress == RAFT_BEHIND ||
	    (p->progress == RAFT_PROBE && m->ctx != p->next - 1))
		return;
	if (m->ctx <= p->match) {
		/* Late: it concerns an append before the ones that have been acknowledged. */
		if (p->progress != RAFT_PROBE || !p->probe_sent)
			return;
		/*
		 * The answer to the probe behind what it had acknowledged: its disk has
		 * lost that (rule 10).  Should it be a late one after all, forgetting
		 * what matched costs a round trip; ignoring it, the peer would never be
		 * sent what it lost while this term lasts.
		 */
		p->match = 0;
		p->counted = 0;
	}
	index = min(index, m->ctx - 1);
	while (index > p->match && raftblk_log_term(r->log, index) > m->log_term)
		index--;
	p->next = max(index, p->match) + 1;
	p->progress = RAFT_PROBE;
	p->probe_sent = false;
	p->inflight_bytes = 0;
}

void raft_receive_append_resp(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);

	if (m->term > r->term) {
		raft_become_follower(r, now, m->term, 0);
		return;
	}
	if (!p || r->role != RAFT_LEADER || m->term < r->term)
		return;
	if (m->flags & RAFTBLK_MSG_F_INCOMPLETE)
		raft_commit_known(r, m->commit);
	if (m->flags & RAFTBLK_MSG_F_REJECT) {
		raft_lead_refused(r, p, m);
		return;
	}
	raft_lead_acked(r, now, p, m->index, m->flags);
	/*
	 * Only what covers the probe answers it: a follower also acknowledges when
	 * its disk caught up, before it has matched anything with this leader.
	 */
	if (p->progress == RAFT_PROBE && m->index + 1 >= p->next) {
		p->progress = RAFT_STREAM;
		p->probe_sent = false;
		p->progress_at = now;
	}
	raft_config_step(r, now);
	raft_lead_hand_over(r, now);
}

void raft_receive_heartbeat_resp(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);

	if (m->term > r->term) {
		raft_become_follower(r, now, m->term, 0);
		return;
	}
	if (!p || r->role != RAFT_LEADER || m->term < r->term)
		return;
	if (m->sent_at <= now)
		p->lease_at = max(p->lease_at, m->sent_at);
	if (m->ctx <= r->read_round)
		p->read_acked = max(p->read_acked, m->ctx);
	p->holding = m->flags & RAFTBLK_MSG_F_HOLDING;
	if (m->flags & RAFTBLK_MSG_F_INCOMPLETE)
		raft_commit_known(r, m->commit);
	raft_lead_acked(r, now, p, m->index, m->flags);
	/*
	 * It has forgotten what it matched: it was about to stand for election.  Nothing
	 * is on its way that would tell it again, and until then it learns of no commit.
	 */
	if (p->progress == RAFT_STREAM && m->index < p->match && p->next == p->match + 1) {
		p->progress = RAFT_PROBE;
		p->probe_sent = false;
	}
	raft_lead_hand_over(r, now);
}

/* How much of the log, from p->next on, goes into one append?  What is not in
 * memory ends it.
 */
static u16 raft_lead_gather(struct raft *r, const struct raft_peer *p, u32 *bytes)
{
	u16 nr = 0;

	*bytes = 0;
	while (nr < RAFTBLK_MSG_MAX_ENTRIES) {
		const struct raftblk_entry *e = raftblk_log_entry(r->log, p->next + nr);

		if (!e || (e->bytes && !e->payload))
			break;
		if (nr && *bytes + e->bytes > r->params.batch_bytes)
			break;
		*bytes += e->bytes;
		nr++;
	}
	return nr;
}

static bool raft_window_open(const struct raft *r, const struct raft_peer *p)
{
	return p->inflight_bytes < r->params.window_bytes &&
	       p->next - p->match <= r->params.window_entries;
}

bool raft_lead_append_wanted(struct raft *r, u64 now, u32 slot, u16 *nr, u32 *bytes)
{
	struct raft_peer *p = &r->peer[slot];

	*nr = 0;
	*bytes = 0;
	if (r->role != RAFT_LEADER || p->progress == RAFT_BEHIND)
		return false;
	if (p->next < r->log->first) {
		p->progress = RAFT_BEHIND;
		p->gap = r->log->first - 1;
		return false;
	}
	if (p->progress == RAFT_PROBE)
		return !p->probe_sent || now >= p->probe_at;
	if (p->next > r->log->last || !raft_window_open(r, p))
		return false;
	*nr = raft_lead_gather(r, p, bytes);
	return *nr > 0;
}

void raft_lead_append_sent(struct raft *r, u64 now, u32 slot, u16 nr, u32 bytes)
{
	struct raft_peer *p = &r->peer[slot];

	if (p->progress == RAFT_PROBE) {
		p->probe_sent = true;
		p->probe_at = now + 2 * r->params.heartbeat_ns;
		return;
	}
	if (p->next == p->match + 1)
		p->progress_at = now;
	p->next += nr;
	p->inflight_bytes += bytes;
}

u64 raft_load(struct raft *r, u32 ready, u64 from)
{
	u64 best = 0;
	u64 i;
	u32 n;

	for (n = 0; r->role == RAFT_LEADER && n < r->config.nr; n++) {
		const struct raft_peer *p = &r->peer[n];
		u64 end = p->next + RAFTBLK_MSG_MAX_ENTRIES;

		if (raft_is_self(r, n) || p->progress != RAFT_STREAM || !raft_window_open(r, p))
			continue;
		/*
		 * What nobody can be sent takes the place of what others wait for: where
		 * there is little memory they would never get it.
		 */
		if (!(ready & (1U << (16 + n))))
			continue;
		for (i = max(p->next, from); i < end && i <= r->log->last; i++) {
			const struct raftblk_entry *e = raftblk_log_entry(r->log, i);

			if (!e || !e->bytes || e->payload || (e->state & RAFTBLK_ENTRY_LOADING))
				continue;
			if (!best || i < best)
				best = i;
			break;
		}
	}
	return best;
}
