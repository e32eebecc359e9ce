// SPDX-License-Identifier: GPL-2.0
/* Elections: pre-vote, votes, and when a vote is withheld (thesis, 3.4, 4.2.3, 9.6). */
#include "raft_internal.h"

static void raft_ask_all(struct raft *r)
{
	u32 i;

	for (i = 0; i < r->config.nr; i++) {
		struct raft_peer *p = &r->peer[i];

		p->answered = false;
		p->voted = false;
		p->owe_vote_req = !raft_is_self(r, i) &&
				  raftblk_member_votes(&r->config.member[i]);
	}
}

static void raft_precampaign(struct raft *r, u64 now)
{
	r->role = RAFT_PRECANDIDATE;
	r->leader = 0;
	r->matched = 0;
	raft_ask_all(r);
	raft_election_check(r, now);
}

static void raft_stand(struct raft *r, u64 now)
{
	r->role = RAFT_CANDIDATE;
	r->leader = 0;
	r->matched = 0;
	r->term++;
	r->voted_for = r->id;
	raft_vote_changed(r);
	raft_ask_all(r);
	raft_election_check(r, now);
}

/*
 * Stand for election.  @transfer: the leader asked for it: no pre-vote, and
 * voters need not wait until they have not heard from it for a while.
 */
void raft_campaign(struct raft *r, u64 now, bool transfer)
{
	raft_election_reset(r, now);
	if (!raft_may_campaign(r))
		return;
	/* raft_election_reset() says "now" where there is nobody to wait for. */
	if (r->election_at == now)
		r->election_at = now + r->params.election_ns;
	r->transfer_campaign = transfer;
	if (transfer)
		raft_stand(r, now);
	else
		raft_precampaign(r, now);
}

/* Enough votes? */
void raft_election_check(struct raft *r, u64 now)
{
	u32 mask = 0;
	u32 i;

	if (r->role != RAFT_PRECANDIDATE && r->role != RAFT_CANDIDATE)
		return;
	for (i = 0; i < r->config.nr; i++) {
		bool own = raft_is_self(r, i);

		/*
		 * The own vote counts when it is durable: otherwise, after a crash,
		 * this member could give it to another in the same term.
		 */
		if (own ? r->role == RAFT_PRECANDIDATE || raft_vote_is_durable(r) :
			  r->peer[i].voted)
			mask |= 1U << i;
	}
	if (!raftblk_config_quorum(&r->config, mask))
		return;
	if (r->role == RAFT_PRECANDIDATE)
		raft_stand(r, now);
	else
		raft_become_leader(r, now);
}

/*
 * A vote is withheld while a leader is, or may be, counting on it: a lease is
 * shorter than the time that each member keeps silent after the leader's last
 * heartbeat.  It also keeps members that come back, or that were removed, from
 * disturbing a working leader.
 */
static bool raft_withholds_vote(const struct raft *r, u64 now, const struct raftblk_msg *m)
{
	if (m->flags & RAFTBLK_MSG_F_TRANSFER)
		return false;
	return r->role == RAFT_LEADER || now < r->heard_leader_at + r->params.election_ns;
}

/*
 * Is the sender's log at least as complete as this one (thesis, 3.6.1)?
 *
 * A member that is catching up judges by its boundary (rule 16).  Its log may reach
 * further than that of the only complete member left, and then nobody could be
 * elected.  What lies above the boundary it has not acknowledged in a way that
 * counted, so no majority relies on it.
 */
static bool raft_is_up_to_date(const struct raft *r, const struct raftblk_msg *m)
{
	u64 index = r->log->last;
	u64 term = raftblk_log_term(r->log, index);

#ifndef RAFTBLK_PLANT_INCOMPLETE_JUDGES_BY_TAIL
	if (r->incomplete) {
		index = r->boundary;
		term = r->boundary_term;
	}
#endif
	return m->log_term > term || (m->log_term == term && m->index >= index);
}

/*
 * May the sender lead as far as this member's log is concerned?  What it holds is
 * what the sender must have; what it may have lost (rule 10), as well.  It never
 * held anything beyond (proof_term, proof_index), so a log that reaches this far
 * lacks nothing of it.  And there is nothing to ask where the sender was needed
 * for each commit: it has them all.  It is the sender who says so: had there been
 * a later configuration that can do without it, it would have had to agree to it.
 * Otherwise two voters, one of which has a bad sector, could never go on.
 */
static bool raft_log_suffices(const struct raft *r, const struct raftblk_msg *m)
{
#ifdef RAFTBLK_PLANT_WITNESS_VOTES_FOR_ANY
	if (raft_is_witness(r))
		return true;	/* planted fault: for the simulator to find */
#endif
	if (!r->proof_index)
		return raft_is_up_to_date(r, m);
	if (m->flags & RAFTBLK_MSG_F_NEEDED)
		return true;
	return raft_is_up_to_date(r, m) &&
	       (m->log_term > r->proof_term ||
		(m->log_term == r->proof_term && m->index >= r->proof_index));
}

static void raft_answer_vote(struct raft *r, const struct raftblk_msg *m, bool granted)
{
	struct raft_peer *p = raft_peer(r, m->from);

	if (!p)
		return;
	p->owe_vote_resp = true;
	p->vote_resp.type = m->type + 1;
	p->vote_resp.term = r->term;
	p->vote_resp.asked_term = m->term;
	p->vote_resp.status = granted ? 0 : EPERM;
}

/*
 * A member with data wants to lead and lacks what is here.  It cannot win, with its own
 * log, against this member's vote: whoever has all that is committed has to lead first and
 * pass it on.  Where that is this witness alone, as after a write that only it and the
 * dead leader have, there is nothing to wait for.
 */
static void raft_witness_helps(struct raft *r, u64 now)
{
	if (raft_is_witness(r) && r->role == RAFT_FOLLOWER)
		r->election_at = min(r->election_at, now + r->params.heartbeat_ns);
}

/*
 * A refusal tells the asker our term.  Without it, one with the better log but
 * an older term could ask in vain for ever (pre-vote does not raise terms).
 */
void raft_receive_vote_req(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	bool pre = m->type == RAFTBLK_MSG_PREVOTE_REQ;
	bool granted;

	if (m->term > r->term && raft_withholds_vote(r, now, m))
		return;
	if (!pre && m->term > r->term)
		raft_become_follower(r, now, m->term, 0);

	/*
	 * Not asked: whether this member believes to be a voter.  The asker may
	 * know a newer configuration; it counts votes by that one.
	 */
	granted = raft_log_suffices(r, m);
	if (pre && !granted && m->term > r->term)
		raft_witness_helps(r, now);
	if (pre)
		granted = granted && m->term > r->term;
	else
		granted = granted && m->term == r->term && r->role != RAFT_LEADER &&
			  (!r->voted_for || r->voted_for == m->from);

	if (granted && !pre) {
		if (r->role != RAFT_FOLLOWER)
			raft_become_follower(r, now, r->term, 0);
		if (!r->voted_for) {
			r->voted_for = m->from;
			raft_vote_changed(r);
		}
		raft_election_reset(r, now);
	}
	raft_answer_vote(r, m, granted);
}

void raft_receive_vote_resp(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	bool pre = m->type == RAFTBLK_MSG_PREVOTE_RESP;
	struct raft_peer *p = raft_peer(r, m->from);

	if (m->term > r->term) {
		raft_become_follower(r, now, m->term, 0);
		return;
	}
	if (!p || p->answered)
		return;
	/* An answer to an earlier election says nothing about this one. */
	if (pre ? r->role != RAFT_PRECANDIDATE || m->ctx != r->term + 1 :
		  r->role != RAFT_CANDIDATE || m->ctx != r->term || m->term != r->term)
		return;
	p->answered = true;
	p->voted = !m->status;
	raft_election_check(r, now);
}

void raft_receive_timeout_now(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	if (m->term == r->term && m->from == r->leader && r->role == RAFT_FOLLOWER)
		raft_campaign(r, now, true);
}
