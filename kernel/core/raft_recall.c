// SPDX-License-Identifier: GPL-2.0
/*
 * A member that starts asks the others what it had promised them.
 *
 * Its disk may be an older copy: a virtual machine was set back, a backup restored.
 * Such a disk is good in itself, with its terms, votes and log of a while ago, and
 * nothing on it says that this member has acknowledged entries since, or voted.
 * Taken for the member it was, it would help to elect somebody who lacks what it had
 * acknowledged, or vote twice in a term (rule 8).
 *
 * So whoever hears a promise from a member remembers it, in its checkpoint too, with
 * the life in which it was given, and tells it to that member's next life.  Before a
 * member has heard all others, or waited for them for as long as one that is up may
 * take to connect (RAFT_RECALL_NS), it says nothing and listens to nothing.  Where
 * they remember more than is on its disk, it goes on as one that has lost
 * acknowledged entries (rule 10): it does not stand, and votes only for who cannot
 * lack them, until it has them.
 *
 * What was promised only to members that are gone is not found out.  That takes the
 * loss of two disks, this one's and theirs.
 */
#include "raft_internal.h"

/* ---- what others promise ---- */

/* Is the sender's term on its disk when it sends this?  (Not yet in that of a pre-vote.) */
static bool raft_promises_term(u8 type)
{
	switch (type) {
	case RAFTBLK_MSG_PREVOTE_RESP:
	case RAFTBLK_MSG_VOTE_REQ:
	case RAFTBLK_MSG_VOTE_RESP:
	case RAFTBLK_MSG_HEARTBEAT:
	case RAFTBLK_MSG_HEARTBEAT_RESP:
	case RAFTBLK_MSG_APPEND:
	case RAFTBLK_MSG_APPEND_RESP:
		return true;
	default:
		return false;
	}
}

static void raft_promise_index(struct raftblk_promise *pr, u64 term, u64 index, u64 log_term)
{
	if (!index || term < pr->ack_term || (term == pr->ack_term && index <= pr->index))
		return;
	pr->ack_term = term;
	pr->index = index;
	pr->log_term = log_term;
}

/* An acknowledgement that counts, to this leader. */
static bool raft_is_acked(const struct raft *r, const struct raftblk_msg *m)
{
	return (m->type == RAFTBLK_MSG_APPEND_RESP || m->type == RAFTBLK_MSG_HEARTBEAT_RESP) &&
	       !(m->flags & (RAFTBLK_MSG_F_REJECT | RAFTBLK_MSG_F_INCOMPLETE)) &&
	       r->role == RAFT_LEADER && m->term == r->term &&
	       m->index + 1 >= r->log->first && m->index <= r->log->last;
}

/*
 * Less than is known already changes nothing, whatever life it comes from: it is late,
 * or it comes from a disk that was set back.
 */
void raft_promise_note(const struct raft *r, struct raft_peer *p, const struct raftblk_msg *m)
{
	struct raftblk_promise *pr = &p->promise;

	if (!m->life || !raft_promises_term(m->type) || m->term < pr->term)
		return;
	/*
	 * That life may not have been told yet what the one before had promised.  It does not
	 * know that, and must not be taken for knowing it because it was heard first.
	 */
	if (m->life != pr->life)
		p->past = *pr;
	pr->id = p->id;
	pr->life = m->life;
	pr->term = m->term;
	if (m->type == RAFTBLK_MSG_HEARTBEAT && m->log_term <= m->term)
		raft_promise_index(pr, m->term, m->index, m->log_term);
	else if (raft_is_acked(r, m))
		raft_promise_index(pr, m->term, m->index, raftblk_log_term(r->log, m->index));
}

void raft_promises_save(const struct raft *r, struct raftblk_promise *promise)
{
	u32 i;

	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++)
		promise[i] = i < r->config.nr ? r->peer[i].promise : (struct raftblk_promise){ };
}

void raft_promises_load(struct raft *r, const struct raftblk_promise *promise)
{
	u32 i;

	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++) {
		struct raft_peer *p = promise[i].id ? raft_peer(r, promise[i].id) : NULL;

		if (p)
			p->promise = promise[i];
	}
}

/* ---- to ask, and to wait ---- */

void raft_recall_ask(struct raft *r, struct raft_peer *p)
{
	p->owe_recall_req = r->params.recall_ns != 0;
	p->recalled = !p->owe_recall_req;
}

static void raft_recall_check(struct raft *r)
{
	u32 i;

	for (i = 0; i < r->config.nr; i++)
		if (!raft_is_self(r, i) && !r->peer[i].recalled)
			return;
	r->sure = true;
}

void raft_recall_init(struct raft *r, u64 now, u64 seed)
{
	r->life = seed ? seed : 1;
	r->recall_until = now + r->params.recall_ns;
	raft_recall_check(r);
}

/* One that is down is asked as soon as it can be reached: it may be the only one that knows. */
void raft_recall_tick(struct raft *r, u64 now)
{
	u32 i;

	if (now >= r->recall_until)
		r->sure = true;
	for (i = 0; i < r->config.nr; i++) {
		struct raft_peer *p = &r->peer[i];

		if (!raft_is_self(r, i) && !p->recalled && now >= p->recall_at)
			p->owe_recall_req = true;
	}
}

u64 raft_recall_deadline(const struct raft *r)
{
	u64 at = r->sure ? RAFT_NEVER : r->recall_until;
	u32 i;

	for (i = 0; i < r->config.nr; i++) {
		const struct raft_peer *p = &r->peer[i];

		if (!raft_is_self(r, i) && !p->recalled && !p->owe_recall_req)
			at = min(at, p->recall_at);
	}
	return at;
}

bool raft_recall_poll(struct raft *r, u64 now, struct raft_peer *p, struct raftblk_msg *m)
{
	const struct raftblk_promise *pr = &p->promise;

	/* What it promised in this life it knows itself. */
	if (pr->life == p->recall_life)
		pr = &p->past;
	if (p->owe_recall_req) {
		p->owe_recall_req = false;
		p->recall_at = now + (r->sure ? r->params.election_ns : r->params.heartbeat_ns);
		m->type = RAFTBLK_MSG_RECALL_REQ;
		return true;
	}
	if (!p->owe_recall_resp)
		return false;
	p->owe_recall_resp = false;
	m->type = RAFTBLK_MSG_RECALL_RESP;
	m->ctx = p->recall_life;
	if (pr->life) {
		m->sent_at = pr->term;
		m->commit = pr->ack_term;
		m->index = pr->index;
		m->log_term = pr->log_term;
		if (pr->term == r->led_term)
			m->status = RAFTBLK_RECALL_EXACT;
	}
	return true;
}

/* ---- what others remember ---- */

/*
 * What is below the log was committed and is applied, or will be (rule 16).  What is only in
 * memory may be lost once more, and then it would not be remembered that it was.
 */
static bool raft_holds(const struct raft *r, u64 index, u64 log_term)
{
	return index <= r->log->durable &&
	       (index < r->log->first || raftblk_log_term(r->log, index) == log_term);
}

/*
 * How far does the loss reach?  Whoever led that term knows: it has counted every
 * acknowledgement of it, and has all that was committed before.  So who has an entry of
 * that term, up to there, lacks nothing; and if that is on the own disk, nothing is
 * lost but the memory of terms and votes.  What anybody else knows is old, and more
 * may have been acknowledged since: then only an entry of a later term shows that who
 * has it cannot lack any.
 */
static u64 raft_lost_up_to(const struct raft *r, const struct raftblk_msg *m, u64 term)
{
	u64 index = m->commit == term ? m->index : 0;

	if (m->status != RAFTBLK_RECALL_EXACT)
		return RAFTBLK_INDEX_MAX;
	if (index && m->log_term == term && raft_holds(r, index, m->log_term))
		return 0;
	return max(index, 1ULL);
}

/* Entries that were acknowledged in the newest term on the disk, and are not on it. */
static bool raft_lacks(const struct raft *r, const struct raftblk_msg *m)
{
	return m->commit == r->proof_term && r->term == r->proof_term &&
	       m->index > r->proof_index && !raft_holds(r, m->index, m->log_term);
}

static void raft_recall_judge(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	u64 term = max(m->sent_at, m->commit);
	bool refines = r->proof_index == RAFTBLK_INDEX_MAX && term == r->proof_term &&
		       m->status == RAFTBLK_RECALL_EXACT;

	if (term > r->proof_term || (!r->older && term == r->proof_term && raft_lacks(r, m))) {
		if (!r->older) {
			r->older_id = m->from;
			r->older_term = term;
			r->older_index = m->index;
		}
		r->older = true;
		r->proof_term = term;
		r->proof_index = raft_lost_up_to(r, m, term);
		/* Had it stood for election meanwhile, it was on the strength of what it lacks. */
		raft_become_follower(r, now, max(term, r->term), 0);
	} else if (refines) {
		r->proof_index = raft_lost_up_to(r, m, term);
		raft_election_reset(r, now);
	}
	/* It may have voted in that term, for it does not know whom. */
	if (term == r->term && !r->voted_for) {
		r->voted_for = r->id;
		raft_vote_changed(r);
	}
}

void raft_receive_recall(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);

	if (!p || m->from == r->id)
		return;
	if (m->type == RAFTBLK_MSG_RECALL_REQ) {
		p->owe_recall_resp = m->life != 0;
		p->recall_life = m->life;
		return;
	}
	if (m->ctx != r->life || p->recalled)
		return;
	p->recalled = true;
	p->owe_recall_req = false;
#ifndef RAFTBLK_PLANT_OLDER_DISK_TRUSTED
	raft_recall_judge(r, now, m);
#endif
	raft_recall_check(r);
}
