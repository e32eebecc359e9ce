// SPDX-License-Identifier: GPL-2.0
/*
 * Reads.  A read sees every write that completed before it was submitted: it is
 * served from the data area, overlaid with what is committed and not applied
 * yet, after it is certain that this member's commit index covers those writes.
 * A leader is certain while it leads; any other member asks the leader for its
 * commit index (ReadIndex, thesis, 6.4).
 */
#include "replica_internal.h"

/* ---- what a read consists of ---- */

void raftblk_read_release(struct raftblk_replica *rep, struct raftblk_req *req)
{
	u32 i;

	for (i = 0; i < req->nr_segments; i++) {
		if (req->segment[i].payload)
			rep->ops.put(req->segment[i].payload);
		req->segment[i].payload = NULL;
	}
	req->nr_segments = 0;
}

/* Cut segment @i in two at sector @at, strictly inside it.  False: too many. */
static bool segment_split(struct raftblk_req *req, u32 i, u64 at)
{
	struct raftblk_segment *s = &req->segment[i];

	if (req->nr_segments == RAFTBLK_READ_SEGMENTS)
		return false;
	memmove(s + 1, s, (req->nr_segments - i) * sizeof(*s));
	req->nr_segments++;
	s[0].nsect = at - s[0].sector;
	s[1].nsect -= s[0].nsect;
	s[1].sector = at;
	return true;
}

/*
 * Lay what was written, by an entry or before, over what is still to come from the data
 * area.  Without @piece->payload and @piece->zero it is not at hand.  False: the read
 * cannot be served so.
 */
bool raftblk_read_lay(struct raftblk_req *req, const struct raftblk_segment *piece)
{
	u32 i;

	for (i = 0; i < req->nr_segments; i++) {
		struct raftblk_segment *s = &req->segment[i];
		u64 from = max(s->sector, piece->sector);
		u64 end = min(s->sector + s->nsect, piece->sector + piece->nsect);

		if (s->payload || s->zero || from >= end)
			continue;
		if (!piece->payload && !piece->zero)
			return false;
		if (s->sector < from) {
			if (!segment_split(req, i, from))
				return false;
			continue;	/* the second half is looked at next */
		}
		if (end < s->sector + s->nsect && !segment_split(req, i, end))
			return false;
		s->payload = piece->payload;
		s->offset = piece->offset + (from - piece->sector) * 512;
		s->zero = piece->zero;
	}
	return true;
}

static bool read_overlay(struct raftblk_req *req, const struct raftblk_entry *e)
{
	const struct raftblk_segment piece = {
		.sector = e->sector,
		.nsect = e->nsect,
		.zero = !e->bytes,
		.payload = e->payload,
	};

	return raftblk_read_lay(req, &piece);
}

static bool read_overlay_all(struct raftblk_replica *rep, struct raftblk_req *req)
{
	const struct raftblk_entry *e;
	u64 i;

	/*
	 * What is committed after the first attempt is concurrent with the read.  It
	 * is left out of later ones: a steady stream of small writes would always
	 * make more pieces of the read than there is room for.
	 */
	if (!req->index)
		req->index = rep->raft.commit;
	/* Newest first: what it covers is decided.  One that is on its way to the
	 * data area counts as not applied, the device may return either.  One that
	 * has been applied (out of order) cannot have an older overlapping one that
	 * has not.
	 */
	for (i = min(req->index, rep->raft.commit); i > rep->applied; i--) {
		e = raftblk_log_entry(&rep->log, i);
		if (!e || !raftblk_entry_is_data(e) || (e->state & RAFTBLK_ENTRY_APPLIED) ||
		    !raftblk_entry_overlaps(e, req->sector, req->nsect))
			continue;
		if (!read_overlay(req, e))
			return false;
	}
	return true;
}

static void read_plan(struct raftblk_replica *rep, struct raftblk_req *req)
{
	u32 i;

	req->nr_segments = 1;
	req->segment[0] = (struct raftblk_segment){
		.sector = req->sector,
		.nsect = req->nsect,
	};
	if (!read_overlay_all(rep, req)) {
		req->nr_segments = 0;	/* no references were taken yet */
		return;
	}
	for (i = 0; i < req->nr_segments; i++)
		if (req->segment[i].payload)
			rep->ops.get(req->segment[i].payload);
	list_move_tail(&req->link, &rep->planned);
}

/* ---- when it may be served ---- */

void raftblk_read_restart(struct raftblk_replica *rep, struct raftblk_req *req)
{
	raftblk_read_release(rep, req);
	req->state = RAFTBLK_REQ_WAITING;
	req->term = 0;
	req->round = 0;
	req->index = 0;
}

/*
 * This member leads.  @round is shared by the reads that have none yet: one
 * confirmation serves them all.
 */
static void read_step_lead(struct raftblk_replica *rep, struct raftblk_req *req, u64 *round)
{
	struct raft *r = &rep->raft;

	if (req->term != r->term) {
		raftblk_read_restart(rep, req);
		req->term = r->term;
	}
	if (!req->round) {
		if (!*round)
			*round = raft_read_begin(r, rep->now);
		req->round = *round;
	}
	if (!raft_read_confirmed(r, rep->now, req->round))
		return;
	if (req->state == RAFTBLK_REQ_RECHECK)
		raftblk_req_end(rep, req, 0);
	else
		read_plan(rep, req);
}

/* Another member leads: its commit index is asked for. */
static void read_step_follow(struct raftblk_replica *rep, struct raftblk_req *req, u64 *ctx)
{
	/* Confirmed, or asked, in another role: that is void. */
	if (req->term || (!req->index && req->round != rep->remote_asked))
		raftblk_read_restart(rep, req);
	if (!req->round && (*ctx || !rep->remote_asked)) {
		/* A new question: the answer to one sent before this read came in
		 * may leave out a write that completed in between.
		 */
		if (!*ctx) {
			*ctx = ++rep->remote_ctx;
			rep->remote_asked = *ctx;
			rep->remote_at = rep->now;
		}
		req->round = *ctx;
	}
	if (req->index && rep->raft.commit >= req->index)
		read_plan(rep, req);
}

/* Does anybody still wait for the answer? */
static bool remote_wanted(const struct raftblk_replica *rep)
{
	const struct raftblk_req *req;

	list_for_each_entry(req, &rep->reads, link)
		if (!req->term && req->round == rep->remote_asked)
			return true;
	return false;
}

void raftblk_replica_reads_step(struct raftblk_replica *rep)
{
	bool leads = raft_leads(&rep->raft);
	struct raftblk_req *req, *n;
	u64 fresh = 0;

	rep->owe_read_req = false;
	/* The data area is not that of any index (rule 16): reads wait. */
	if (rep->raft.incomplete || raftblk_catchup_drains(rep)) {
		rep->remote_asked = 0;
		return;
	}
	/* A leader that may not answer yet, or a writer that waits for leadership
	 * to come back: its own writes are still to be decided.
	 */
	if (!leads && (rep->raft.role == RAFT_LEADER || rep->token)) {
		rep->remote_asked = 0;
		return;
	}
	if (leads || !remote_wanted(rep))
		rep->remote_asked = 0;
	list_for_each_entry_safe(req, n, &rep->reads, link) {
		if (leads)
			read_step_lead(rep, req, &fresh);
		else
			read_step_follow(rep, req, &fresh);
	}
	rep->owe_read_req = rep->remote_asked && rep->now >= rep->remote_at;
}

void raftblk_replica_reads_end(struct raftblk_replica *rep, int status)
{
	while (!list_empty(&rep->planned))
		raftblk_req_end(rep, list_first_entry(&rep->planned, struct raftblk_req, link),
				status);
	while (!list_empty(&rep->broken))
		raftblk_req_end(rep, list_first_entry(&rep->broken, struct raftblk_req, link),
				status);
	while (!list_empty(&rep->reads))
		raftblk_req_end(rep, list_first_entry(&rep->reads, struct raftblk_req, link),
				status);
}

bool raftblk_replica_read_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	struct raftblk_req *req = list_first_entry_or_null(&rep->planned, struct raftblk_req, link);

	if (!req)
		return false;
	req->state = RAFTBLK_REQ_READING;
	list_move_tail(&req->link, &rep->reading);
	a->type = RAFTBLK_ACT_READ;
	a->req = req;
	return true;
}

/*
 * The data is there.  A leader's read counts only if it still leads now: the
 * time from which leadership was judged before the read may have been stale by
 * any amount (rule 5).
 */
static void read_recheck(struct raftblk_replica *rep, struct raftblk_req *req)
{
	struct raft *r = &rep->raft;

	list_move_tail(&req->link, &rep->reads);
	if (req->term != r->term || !raft_leads(r)) {
		raftblk_read_restart(rep, req);
	} else if (raft_lease_valid(r, rep->now)) {
		raftblk_req_end(rep, req, 0);
	} else {
		req->state = RAFTBLK_REQ_RECHECK;
		req->round = 0;
	}
}

void raftblk_replica_read_done(struct raftblk_replica *rep, u64 now, struct raftblk_req *req,
			       int status)
{
	rep->now = now;
	rep->busy = true;
	raftblk_serve_io_ended(rep);
	if (rep->fault || rep->fenced || rep->raft.removed)
		raftblk_req_end(rep, req, -EIO);
	else if (rep->stopping)
		raftblk_req_end(rep, req, -ESHUTDOWN);
	else if (status && raftblk_repair_read(rep, req))
		return;
	else if (status || !req->term)
		raftblk_req_end(rep, req, status);
	else
		read_recheck(rep, req);
}

/* ---- past the replica ---- */

/*
 * Who catches up, compares or mends counts on knowing of each read: what it does yields to
 * them, or takes what is read apart.
 */
static bool gate_is_watched(const struct raftblk_replica *rep)
{
	return rep->now < rep->catchup.pace_min_at || !raftblk_serve_is_idle(rep) ||
	       !raftblk_repair_is_idle(rep) || rep->verify.state != RAFTBLK_VERIFY_OFF;
}

void raftblk_replica_gate(const struct raftblk_replica *rep, struct raftblk_read_gate *gate)
{
	const struct raft *r = &rep->raft;

	*gate = (struct raftblk_read_gate){ .term = r->term };
	if (raftblk_replica_halted(rep) || rep->fenced || r->removed || r->incomplete ||
	    raftblk_replica_is_witness(rep) || raftblk_catchup_drains(rep))
		return;
	gate->until = raft_lease_until(r, rep->now);
	gate->clean = gate->until && rep->applied >= r->commit && !gate_is_watched(rep);
#ifdef RAFTBLK_PLANT_GATE_UNAPPLIED
	gate->clean = gate->until != 0;	/* planted fault: for the simulator to find */
#endif
}

/* ---- asking, and being asked ---- */

static bool read_poll_resp(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m)
{
	struct raft *r = &rep->raft;

	if (!rep->peer[slot].owe_read_resp ||
	    !raft_read_confirmed(r, rep->now, rep->peer[slot].read_round))
		return false;
	rep->peer[slot].owe_read_resp = false;
	raftblk_replica_msg(rep, m, RAFTBLK_MSG_READ_RESP, slot);
	m->ctx = rep->peer[slot].read_ctx;
	/* Everything that had completed when the question came in lies below. */
	m->index = r->commit;
	return true;
}

bool raftblk_replica_read_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	int leader = raftblk_replica_leader_slot(rep);
	u32 i;

	if (rep->owe_read_req && leader >= 0 && (ready & (1U << leader))) {
		rep->owe_read_req = false;
		rep->remote_at = rep->now + RAFTBLK_ASK_NS;
		raftblk_replica_msg(rep, m, RAFTBLK_MSG_READ_REQ, leader);
		m->ctx = rep->remote_asked;
		return true;
	}
	for (i = 0; i < rep->raft.config.nr; i++)
		if ((ready & (1U << i)) && read_poll_resp(rep, i, m))
			return true;
	return false;
}

static void receive_read_req(struct raftblk_replica *rep, u32 slot, u64 ctx)
{
	/* Who does not lead says nothing; the question comes again. */
	if (!raft_leads(&rep->raft))
		return;
	/* Repeated: its round is under way, a new one each time might never end. */
	if (rep->peer[slot].owe_read_resp && rep->peer[slot].read_ctx == ctx)
		return;
	rep->peer[slot].owe_read_resp = true;
	rep->peer[slot].read_ctx = ctx;
	rep->peer[slot].read_round = raft_read_begin(&rep->raft, rep->now);
}

void raftblk_replica_receive_read(struct raftblk_replica *rep, u32 slot,
				  const struct raftblk_msg *m)
{
	struct raftblk_req *req;

	if (m->type == RAFTBLK_MSG_READ_REQ) {
		receive_read_req(rep, slot, m->ctx);
		return;
	}
	/* Whoever answered led after the question was asked, so any answer is good. */
	if (!rep->remote_asked || m->ctx != rep->remote_asked)
		return;
	rep->remote_asked = 0;
	list_for_each_entry(req, &rep->reads, link)
		if (!req->term && req->round == m->ctx)
			req->index = max_t(u64, m->index, 1);
}

u64 raftblk_replica_read_deadline(const struct raftblk_replica *rep)
{
	return rep->remote_asked && rep->raft.leader && !rep->owe_read_req ?
	       rep->remote_at : RAFTBLK_NEVER;
}
