// SPDX-License-Identifier: GPL-2.0
/* The follower's side of replication. */
#include "raft_internal.h"

/*
 * Rule 3.  Durable here is not enough: what is durable may be a suffix that
 * this leader never had.  Matched is not enough: it may be lost in a crash.
 */
u64 raft_ack_index(const struct raft *r)
{
#ifdef RAFTBLK_PLANT_ACK_BEFORE_DURABLE
	return r->matched;
#endif
	return min(r->matched, r->log->durable);
}

/*
 * A message from a leader.  Returns false if it is none of ours: an old term's
 * (it is told, or a member with a higher term could never be led again).
 */
static bool raft_follow(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);

	if (m->term < r->term) {
		if (p) {
			p->owe_append_resp = true;
			p->append_resp.reject = false;
		}
		return false;
	}
	/* Two leaders of one term: a broken peer.  Never follow it. */
	if (m->term == r->term && (r->role == RAFT_LEADER ||
				   (r->leader && r->leader != m->from))) {
		/*
		 * Unless it joined since: then it is this member that leads by a configuration of
		 * which others know nothing any more, from an older copy of its disk.
		 */
		if (r->role == RAFT_LEADER && raftblk_config_is_newcomer(&r->config, m->from))
			r->contradicted = true;
		return false;
	}
	if (m->term > r->term || r->role != RAFT_FOLLOWER || r->leader != m->from)
		raft_become_follower(r, now, m->term, m->from);
	r->heard_leader_at = now;
	raft_election_reset(r, now);
	return true;
}

/*
 * Rule 3: never past what is known to be equal to the leader's log.
 *
 * And not before the leader's term is on disk.  What is committed is applied, and then the
 * data area, the version map and the checkpoint outlive a crash.  Were the term to
 * be forgotten in it, this member would follow a leader of an older one that was deposed and
 * may have other entries there, and would tell it that they are committed (see
 * raft_commit_known()), or take them for what it has (see raft_has_prev()).
 */
static void raft_follow_commit(struct raft *r, u64 commit)
{
	bool known = raft_vote_is_durable(r);

#ifdef RAFTBLK_PLANT_COMMIT_BEFORE_TERM
	known = true;	/* planted fault: for the simulator to find */
#endif
	commit = min(commit, r->matched);
	if (known && commit > r->commit) {
		r->commit = commit;
		r->log->commit = commit;
	}
	raft_proof_check(r);
}

static void raft_refuse(struct raft *r, const struct raftblk_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);
	u64 hint = min(m->index, r->log->last);

	if (!p)
		return;
	/*
	 * The highest index that could match: terms only grow along a log, so
	 * whole runs of entries with a higher term are skipped at once.
	 */
	while (hint > r->commit && hint >= r->log->first &&
	       raftblk_log_term(r->log, hint) > m->log_term)
		hint--;
	p->owe_append_resp = true;
	p->append_resp.reject = true;
	p->append_resp.rejected = m->index;
	p->append_resp.hint_index = hint;
	p->append_resp.hint_term = raftblk_log_term(r->log, hint);
}

/*
 * Committed entries are in the log of every leader of that term or of a later one (Leader
 * Completeness), and that term is on disk: see raft_follow_commit().  Were it not so, as after a
 * disk was set back that nobody could tell, each of the two has told somebody else that its own
 * are there for good.  To take one for the other would be to acknowledge what is not here.
 */
static bool raft_same_term(struct raft *r, u64 index, u64 term)
{
	u64 own = raftblk_log_term(r->log, index);

	if (own == term)
		return true;
	/* Below the log it is not known any more. */
	if (index <= r->commit && index + 1 >= r->log->first)
		r->contradicted = true;
	return false;
}

/* Does the log have what the leader has before the entries it sends? */
static bool raft_has_prev(struct raft *r, const struct raftblk_msg *m)
{
	if (m->index > r->log->last)
		return false;
	return raft_same_term(r, m->index, m->log_term) ||
	       (m->index <= r->commit && !r->contradicted);
}

/*
 * Put one entry at @index.  False: no room, or it is malformed; then the
 * rest of the message is of no use either.
 */
static bool raft_follow_entry(struct raft *r, u64 index, struct raftblk_entry *e)
{
	if (index <= r->commit)
		return raft_same_term(r, index, e->term) || !r->contradicted;
	if (index <= r->log->last) {
#ifndef RAFTBLK_PLANT_CUT_ON_DUPLICATE
		/*
		 * Rule 4: known already.  A late duplicate of a short append must
		 * not cut entries behind it that were acknowledged since.
		 */
		if (raftblk_log_term(r->log, index) == e->term)
			return true;
#endif
		raftblk_log_cut(r->log, index);
		raft_config_cut(r, index);
		r->matched = min(r->matched, index - 1);
	}
	if (e->op == RAFTBLK_OP_CONFIG) {
		if (!e->payload || e->bytes < sizeof(struct raftblk_disk_config))
			return false;
		if (!raftblk_log_has_room(r->log, e->bytes))
			return false;
		if (raft_config_appended(r, index, r->log->ops.map(e->payload)))
			return false;
	}
	if (raftblk_log_append(r->log, e)) {
		if (e->op == RAFTBLK_OP_CONFIG)
			raft_config_cut(r, index);
		return false;
	}
	e->payload = NULL;
	return true;
}

void raft_receive_append(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	struct raft_peer *p;
	u64 index;
	u32 i;

	if (!raft_follow(r, now, m))
		return;
	if (!raft_has_prev(r, m)) {
		if (!r->contradicted)
			raft_refuse(r, m);
		return;
	}
	for (i = 0; i < m->nr; i++)
		if (!raft_follow_entry(r, m->index + 1 + i, &m->ent[i]))
			break;
	index = m->index + i;
	r->matched = max(r->matched, index);
	raft_follow_commit(r, m->commit);

	/* What is not durable yet is acknowledged when it is. */
	p = raft_peer(r, m->from);
	if (p && raft_ack_index(r) >= index) {
		p->owe_append_resp = true;
		p->append_resp.reject = false;
	}
}

/* ---- catching up ---- */

bool raft_boundary_known(struct raft *r, u64 index, u64 term)
{
	struct raft_peer *p = raft_peer(r, r->leader);

	if (index > r->commit && raftblk_log_term(r->log, index) != term)
		return false;
	if (index > r->log->last)
		return false;
	r->matched = max(r->matched, index);
	raft_follow_commit(r, index);
	if (p) {
		p->owe_append_resp = true;
		p->append_resp.reject = false;
	}
	return true;
}

bool raft_term_seen(struct raft *r, u64 now, u64 term)
{
	if (term > r->term)
		raft_become_follower(r, now, term, 0);
	return raft_vote_is_durable(r);
}

void raft_incomplete(struct raft *r, u64 now, u64 boundary, u64 term)
{
	r->incomplete = true;
	r->boundary = boundary;
	r->boundary_term = term;
	r->seen_commit = max(r->seen_commit, boundary);
	raft_election_reset(r, now);
}

void raft_reset(struct raft *r, const struct raftblk_config *config, bool matched)
{
	struct raft_peer *p;

	raftblk_log_reset(r->log, r->boundary, r->boundary_term);
	r->commit = r->boundary;
	r->log->commit = r->boundary;
	r->matched = matched ? r->boundary : 0;
	r->nr_history = 0;
	raft_peers_rebuild(r, config);
	p = r->leader ? raft_peer(r, r->leader) : NULL;
	if (p) {
		p->owe_append_resp = true;
		p->append_resp.reject = false;
	}
}

void raft_complete(struct raft *r, u64 now)
{
	struct raft_peer *p = r->leader ? raft_peer(r, r->leader) : NULL;

	r->incomplete = false;
	r->seen_commit = 0;
	raft_proof_check(r);
	raft_election_reset(r, now);
	if (p)
		p->owe_append_resp = true;
}

void raft_receive_heartbeat(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	struct raft_peer *p;

	if (!raft_follow(r, now, m))
		return;
	r->behind = m->flags & RAFTBLK_MSG_F_BEHIND;
	raft_follow_commit(r, m->commit);
	p = raft_peer(r, m->from);
	if (p) {
		p->owe_heartbeat_resp = true;
		p->heartbeat_ctx = m->ctx;
		p->heartbeat_sent_at = m->sent_at;
	}
}
