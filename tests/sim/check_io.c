// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold between the disk and everything else: nothing is answered
 * before it is durable, nothing applied before it is committed, nothing reused
 * before a checkpoint.  Durable is what the simulated disk says it is, not
 * what the core believes.
 */
#include "sim.h"

/* ---- messages ---- */

static void check_vote(struct node *n, u64 term, u32 candidate)
{
	u64 room = n->voted_size;

	/* a higher term on disk will do: there will be no other vote in this one */
	if (n->stable_term < term || (n->stable_term == term && n->stable_voted_for != candidate))
		LOST("node %u: votes for %u in term %llu, but has (%llu, %u) on disk", n->id,
		     candidate, (unsigned long long)term, (unsigned long long)n->stable_term,
		     n->stable_voted_for);
	while (n->voted_size <= term)
		n->voted_size = n->voted_size ? n->voted_size * 2 : 256;
	if (room != n->voted_size) {
		n->voted = realloc(n->voted, n->voted_size * sizeof(*n->voted));
		assert(n->voted);
		memset(n->voted + room, 0, (n->voted_size - room) * sizeof(*n->voted));
	}
	if (n->voted[term] && n->voted[term] != candidate)
		LOST("node %u: votes for %u and for %llu in term %llu", n->id, candidate,
		     (unsigned long long)n->voted[term], (unsigned long long)term);
	n->voted[term] = candidate;
}

static bool holds(const struct node *n, u64 index)
{
	return index <= n->sh_last && index <= n->dur_last &&
	       (index < n->rep.log.first || n->dur_term[index] == n->sh_term[index]);
}

static void check_ack(struct node *n, const struct raftblk_msg *m)
{
	if (!holds(n, m->index))
		LOST("node %u: acknowledges %llu to %u, which is not on its disk", n->id,
		     (unsigned long long)m->index, m->to);
	if (n->stable_term < m->term)
		LOST("node %u: acknowledges in term %llu, but has term %llu on disk", n->id,
		     (unsigned long long)m->term, (unsigned long long)n->stable_term);
}

/* An ack says "equal to your log": compare with the leader that it goes to. */
static void check_matched(struct node *n, const struct raftblk_msg *m)
{
	struct node *to = node_by_id(m->to);

	if (!to || !to->up || to->rep.raft.role != RAFT_LEADER || to->rep.raft.term != m->term ||
	    m->index < to->rep.log.first || m->index < n->rep.log.first)
		return;
	if (m->index > to->sh_last || to->sh_term[m->index] != n->sh_term[m->index])
		LOST("node %u: acknowledges %llu, which differs from what its leader %u has", n->id,
		     (unsigned long long)m->index, m->to);
}

void check_send(struct node *n, const struct raftblk_msg *m)
{
	if (m->from != n->id)
		sim_fail("node %u: sends in the name of %u", n->id, m->from);
	switch (m->type) {
	case RAFTBLK_MSG_VOTE_REQ:
		check_vote(n, m->term, n->id);
		break;
	case RAFTBLK_MSG_VOTE_RESP:
		if (!m->status)
			check_vote(n, m->ctx, m->to);
		break;
	case RAFTBLK_MSG_APPEND_RESP:
		if (m->flags & RAFTBLK_MSG_F_REJECT)
			break;
		check_ack(n, m);
		check_matched(n, m);
		break;
	case RAFTBLK_MSG_HEARTBEAT_RESP:
		if (m->index)
			check_ack(n, m);
		check_matched(n, m);
		break;
	case RAFTBLK_MSG_APPEND:
		if (m->nr && m->index + m->nr > n->sh_last)
			LOST("node %u: sends entries beyond its log", n->id);
		break;
	default:
		break;
	}
}

/* ---- records ---- */

void check_log_write(struct node *n, const struct raftblk_log_write *w, u64 sectors)
{
	struct raftblk_log *log = &n->rep.log;
	struct record *r = &n->rec[n->rec_tail++ % NODE_RECORDS];
	u32 i;

	if (n->rec_tail - n->rec_head > RAFTBLK_LOG_WRITES)
		LOST("node %u: too many records on their way", n->id);
	memset(r, 0, sizeof(*r));
	r->id = w->id;
	r->pos = w->pos;
	r->sectors = sectors;
	r->first = w->first;
	r->nr = w->nr;
	r->durable_pos = raftblk_log_durable_pos(log);
	for (i = 0; i < w->nr; i++)
		r->term[i] = raftblk_log_term(log, w->first + i);
	/* a leader sends nothing before it was answered in its term; the last has the highest */
	if (r->term[w->nr - 1] > n->stable_term)
		LOST("node %u: writes entries of term %llu to the log, but has %llu on disk", n->id,
		     (unsigned long long)r->term[w->nr - 1], (unsigned long long)n->stable_term);
	if (w->pos + sectors > log->ckpt_pos + log->ring_sectors)
		LOST("node %u: record at %llu overwrites what recovery needs (%llu)", n->id,
		     (unsigned long long)w->pos, (unsigned long long)log->ckpt_pos);
}

static void record_landed(struct node *n, const struct record *r)
{
	u32 i;

	for (i = 0; i < r->nr; i++)
		n->dur_term[r->first + i] = r->term[i];
	n->dur_last = r->first + r->nr - 1;
	n->disk_evidence = max(n->disk_evidence, r->durable_pos);
}

/* Records count in their order: one behind a hole is not found by recovery. */
void check_log_landed(struct node *n, u64 id)
{
	u64 i;

	for (i = n->rec_head; i < n->rec_tail; i++)
		if (n->rec[i % NODE_RECORDS].id == id)
			n->rec[i % NODE_RECORDS].done = true;
	while (n->rec_head < n->rec_tail && n->rec[n->rec_head % NODE_RECORDS].done)
		record_landed(n, &n->rec[n->rec_head++ % NODE_RECORDS]);
}

void check_vote_landed(struct node *n, const struct raftblk_vote *v)
{
	if (v->term < n->stable_term)
		LOST("node %u: term on disk goes back", n->id);
	n->stable_term = v->term;
	n->stable_voted_for = v->voted_for;
	n->disk_evidence = max(n->disk_evidence, v->durable_pos);
}

/* ---- apply and checkpoint ---- */

static bool overlap(const struct raftblk_entry *a, const struct raftblk_entry *b)
{
	return raftblk_entry_is_data(a) && raftblk_entry_is_data(b) &&
	       raftblk_entry_overlaps(a, b->sector, b->nsect);
}

static void check_apply_order(struct node *n, u64 index, const struct raftblk_entry *e)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(n->applying); i++) {
		struct raftblk_entry *o;

		if (!n->applying[i])
			continue;
		o = raftblk_log_entry(&n->rep.log, n->applying[i]);
		if (o && overlap(o, e))
			LOST("node %u: applies %llu while %llu, which overlaps, is on its way", n->id,
			     (unsigned long long)index, (unsigned long long)n->applying[i]);
	}
}

void check_apply(struct node *n, u64 index, const struct raftblk_entry *e)
{
	u32 i;

	if (index > n->rep.raft.commit || index > check_committed())
		LOST("node %u: applies %llu, which is not committed", n->id,
		     (unsigned long long)index);
	if (index > n->sh_last || n->sh_term[index] != e->term || !holds(n, index))
		LOST("node %u: applies %llu, which is not durable here", n->id,
		     (unsigned long long)index);
	check_apply_order(n, index, e);
	for (i = 0; i < ARRAY_SIZE(n->applying); i++) {
		if (!n->applying[i]) {
			n->applying[i] = index;
			return;
		}
	}
	LOST("node %u: too many entries on their way to the data area", n->id);
}

/* Applied without a gap up to where?  Entries that change no data need no apply. */
static void applied_advance(struct node *n)
{
	u32 mask = sim.set.max_entries - 1;

	for (;;) {
		u64 next = n->applied_to + 1;
		struct raftblk_entry *e = raftblk_log_entry(&n->rep.log, next);

		if (!e || next > n->rep.raft.commit)
			return;
		if (raftblk_entry_is_data(e) && !node_is_witness(n) && n->applied_set[next & mask] != next)
			return;
		n->applied_to = next;
	}
}

/* What a flush submitted now will make safe. */
u64 check_flush(struct node *n)
{
	applied_advance(n);
	return n->applied_to;
}

void check_applied(struct node *n, u64 index)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(n->applying); i++)
		if (n->applying[i] == index)
			n->applying[i] = 0;
	n->applied_set[index & (sim.set.max_entries - 1)] = index;
	applied_advance(n);
}

/* Is there an operation on data in (from, to]? */
static bool data_between(struct node *n, u64 from, u64 to)
{
	for (from++; from <= to; from++) {
		struct raftblk_entry *e = raftblk_log_entry(&n->rep.log, from);

		if (!e || raftblk_entry_is_data(e))
			return true;
	}
	return false;
}

void check_ckpt_write(struct node *n, const struct raftblk_ckpt *c)
{
	if (check_ckpt_begins(n, c)) {
		if (check_committed_term(c->boundary_index) != c->boundary_term)
			LOST("node %u: begins to catch up behind (%llu, %llu), which is not committed",
			     n->id, (unsigned long long)c->boundary_index,
			     (unsigned long long)c->boundary_term);
		return;
	}
	if (c->applied_index > n->rep.raft.commit)
		LOST("node %u: checkpoint at %llu, commit is %llu", n->id,
		     (unsigned long long)c->applied_index, (unsigned long long)n->rep.raft.commit);
	if (c->applied_index > n->flushed && data_between(n, n->flushed, c->applied_index))
		LOST("node %u: checkpoint says applied up to %llu, but only %llu is flushed", n->id,
		     (unsigned long long)c->applied_index, (unsigned long long)n->flushed);
	if (c->applied_index < n->disk_ckpt_index)
		LOST("node %u: checkpoint goes back", n->id);
	if (c->applied_index > n->dur_last)
		LOST("node %u: checkpoint at %llu, but only %llu is durable", n->id,
		     (unsigned long long)c->applied_index, (unsigned long long)n->dur_last);
}

void check_ckpt_landed(struct node *n, const struct raftblk_ckpt *c)
{
	n->disk_ckpt_index = c->applied_index;
	n->disk_evidence = max(n->disk_evidence, c->durable_pos);
	n->incomplete = c->flags & RAFTBLK_CKPT_F_INCOMPLETE;
}

/* Is it the checkpoint with which a catch-up begins? */
bool check_ckpt_begins(const struct node *n, const struct raftblk_ckpt *c)
{
	return (c->flags & RAFTBLK_CKPT_F_INCOMPLETE) && c->boundary_index != n->boundary;
}

/* The log was replaced by an empty one: so are the simulator's copies of it. */
void check_log_reset(struct node *n, u64 index, u64 term)
{
	u32 i;

	if (n->boundary > n->rep.ckpt.base_index)
		COUNT(catchups_again);
	if (!list_empty(&n->rep.writes))
		sim.redone = true;
	shadow_grow(n, index + 1);
	n->boundary = index;
	n->sh_first = index + 1;
	n->sh_head = n->rep.log.head_pos;
	n->sh_last = index;
	n->sh_term[index] = term;
	n->dur_last = index;
	n->dur_term[index] = term;
	n->commit = index;
	n->flushed = index;
	n->applied_to = index;
	n->rec_head = n->rec_tail;
	for (i = 0; i < NODE_RECORDS; i++)
		n->rec[i].first = 0;
	memset(n->applied_set, 0, sim.set.max_entries * sizeof(*n->applied_set));
	memset(n->applying, 0, sizeof(n->applying));
}

/* ---- requests ---- */

void check_done(struct node *n, const struct raftblk_req *req)
{
	if (req->op == RAFTBLK_REQ_READ || req->status)
		return;
	if (!req->index || req->index > check_committed() ||
	    req->index > n->rep.raft.commit)
		LOST("node %u: a write is done that is not committed (index %llu)", n->id,
		     (unsigned long long)req->index);
}
