// SPDX-License-Identifier: GPL-2.0
/* Writes: from submit to commit. */
#include "replica_internal.h"

/* Over: the request is the shell's again as soon as it was handed out. */
void raftblk_req_end(struct raftblk_replica *rep, struct raftblk_req *req, int status)
{
	raftblk_read_release(rep, req);
	if (req->payload)
		rep->ops.put(req->payload);
	req->payload = NULL;
	req->status = status;
	req->state = RAFTBLK_REQ_ENDED;
	list_move_tail(&req->link, &rep->done);
}

static void list_end(struct raftblk_replica *rep, struct list_head *list, int status)
{
	while (!list_empty(list))
		raftblk_req_end(rep, list_first_entry(list, struct raftblk_req, link), status);
}

/* Everything that is neither in the log nor with the shell. */
void raftblk_replica_waiting_end(struct raftblk_replica *rep, int status)
{
	list_end(rep, &rep->writes, status);
	raftblk_replica_reads_end(rep, status);
}

void raftblk_replica_proposed_end(struct raftblk_replica *rep, int status)
{
	list_end(rep, &rep->proposed, status);
}

/*
 * Entries from @from on were cut.  Their requests wait again, in front of those
 * that were never proposed: requests that overlap keep their order.  Index and
 * term stay noted, since a cut entry may come back.
 */
void raftblk_replica_writes_cut(struct raftblk_replica *rep, u64 from)
{
	while (!list_empty(&rep->proposed)) {
		struct raftblk_req *req = list_entry(rep->proposed.prev, struct raftblk_req, link);

		if (req->index < from)
			break;
		/* Under a token that is not held any more another may have written. */
		if (req->round != rep->token) {
			raftblk_req_end(rep, req, -EIO);
			continue;
		}
		req->state = RAFTBLK_REQ_WAITING;
		list_del(&req->link);
		list_add(&req->link, &rep->writes);
	}
}

/*
 * @last is in the log again.  So are those before it, even if the log begins above
 * their place now (catch-up): they were below it in the log in which it was proposed,
 * and that log and this one are the same up to there.
 */
static void writes_return_until(struct raftblk_replica *rep, struct raftblk_req *last)
{
	struct raftblk_req *req;

	do {
		req = list_first_entry(&rep->writes, struct raftblk_req, link);
		req->state = RAFTBLK_REQ_PROPOSED;
		list_move_tail(&req->link, &rep->proposed);
	} while (req != last);
}

/*
 * New entries came in.  One that was cut here may be among them: a later leader
 * can have it although the one that made us cut it had not.  Then it must not
 * be proposed a second time (rule 18): it could land on top of a write that was
 * acknowledged in between.
 */
void raftblk_replica_writes_returned(struct raftblk_replica *rep)
{
	struct raftblk_req *req, *n;

	list_for_each_entry_safe(req, n, &rep->writes, link) {
		if (!req->term)
			break;	/* never proposed, and none behind it was */
		if (raftblk_log_term(&rep->log, req->index) == req->term)
			writes_return_until(rep, req);
	}
}

/* A write is done when its entry is committed, whoever leads then (rule 13). */
void raftblk_replica_writes_committed(struct raftblk_replica *rep)
{
	struct raftblk_req *req;

	while (!list_empty(&rep->proposed)) {
		req = list_first_entry(&rep->proposed, struct raftblk_req, link);
		if (req->index > rep->raft.commit)
			break;
		raftblk_req_end(rep, req, 0);
	}
}

bool raftblk_replica_is_writer(const struct raftblk_replica *rep)
{
	return raft_leads(&rep->raft) && rep->token && rep->log_owner_token == rep->token &&
	       !raftblk_replica_halted(rep);
}

static bool write_may_propose(const struct raftblk_replica *rep, const struct raftblk_req *req,
			      u32 bytes)
{
	if (rep->raft.role != RAFT_LEADER)
		return false;
	/*
	 * A newer owner entry, committed or not: whether our right still holds is
	 * open.  A write behind it would be one of a node that has lost its right.
	 */
	if (!rep->token || rep->log_owner_token != rep->token)
		return false;
	/*
	 * One that was cut may be proposed anew only when no log without it can
	 * win any more: when the own log is committed up to this term.
	 */
	if (req->term && !raft_leads(&rep->raft))
		return false;
	/* Back-pressure (rule 21), but never so that nothing could go on. */
	return !rep->unapplied_bytes ||
	       rep->unapplied_bytes + bytes <= rep->params.backlog_bytes;
}

static bool write_propose(struct raftblk_replica *rep, struct raftblk_req *req)
{
	struct raftblk_entry e = {
		.op = req->op,
		.token = rep->token,
		.sector = req->sector,
		.nsect = req->nsect,
		.bytes = req->payload ? req->nsect * 512 : 0,
		.crc = req->crc,
		.payload = req->payload,
	};
	u64 index;

	if (!write_may_propose(rep, req, e.bytes))
		return false;
	if (e.payload)
		rep->ops.get(e.payload);
	/* Not raftblk_replica_propose(): tracking looks at the request's place first. */
	if (raft_propose(&rep->raft, rep->now, &e, &index)) {
		if (!raftblk_log_has_spare_room(&rep->log, e.bytes))
			rep->ckpt_wanted = true;
		if (e.payload)
			rep->ops.put(e.payload);
		return false;
	}
	req->index = index;
	req->term = rep->raft.term;
	req->state = RAFTBLK_REQ_PROPOSED;
	list_move_tail(&req->link, &rep->proposed);
	raftblk_replica_track(rep);
	return true;
}

void raftblk_replica_writes_step(struct raftblk_replica *rep)
{
	while (!list_empty(&rep->writes)) {
		struct raftblk_req *req = list_first_entry(&rep->writes, struct raftblk_req, link);

		if (!write_propose(rep, req))
			return;
	}
}

static int req_check(const struct raftblk_replica *rep, const struct raftblk_req *req)
{
	switch (req->op) {
	case RAFTBLK_OP_WRITE:
		if (!req->payload || req->nsect > RAFTBLK_MSG_MAX_BYTES / 512)
			return -EINVAL;
		break;
	case RAFTBLK_OP_DISCARD:
	case RAFTBLK_OP_ZERO:
	case RAFTBLK_REQ_READ:
		if (req->payload)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (!req->nsect)
		return -EINVAL;
	if (req->nsect > rep->size || req->sector > rep->size - req->nsect)
		return -EIO;
	if (rep->fault || rep->raft.removed)
		return -EIO;
	if (rep->stopping)
		return -ESHUTDOWN;
	if (raftblk_replica_is_witness(rep))
		return -EIO;
	if (rep->fenced || (req->op != RAFTBLK_REQ_READ && !rep->token))
		return -EIO;
	return 0;
}

void raftblk_replica_submit(struct raftblk_replica *rep, u64 now, struct raftblk_req *req)
{
	bool read = req->op == RAFTBLK_REQ_READ;
	int err;

	rep->now = now;
	rep->busy = true;
	req->state = RAFTBLK_REQ_WAITING;
	req->status = 0;
	req->index = 0;
	req->term = 0;
	req->round = read ? 0 : rep->token;
	req->deadline = rep->params.io_timeout_ns ? now + rep->params.io_timeout_ns : 0;
	req->tries = 0;
	req->nr_segments = 0;
	list_add_tail(&req->link, read ? &rep->reads : &rep->writes);
	err = req_check(rep, req);
	if (err)
		raftblk_req_end(rep, req, err);
}

/* Lists of writes are in the order of submission, so the first is the oldest. */
static void writes_expire(struct raftblk_replica *rep, struct list_head *list)
{
	while (!list_empty(list)) {
		struct raftblk_req *req = list_first_entry(list, struct raftblk_req, link);

		if (!raftblk_deadline_passed(req->deadline, rep->now))
			return;
		raftblk_req_end(rep, req, -ETIMEDOUT);
	}
}

static void reads_expire(struct raftblk_replica *rep, struct list_head *list)
{
	struct raftblk_req *req, *n;

	list_for_each_entry_safe(req, n, list, link)
		if (raftblk_deadline_passed(req->deadline, rep->now))
			raftblk_req_end(rep, req, -ETIMEDOUT);
}

static u64 reads_deadline(const struct list_head *list, u64 at)
{
	const struct raftblk_req *req;

	list_for_each_entry(req, list, link)
		at = raftblk_deadline_min(at, req->deadline);
	return at;
}

/* @deadline: 0: they have none any more */
static void requests_limit(struct list_head *list, u64 deadline)
{
	struct raftblk_req *req;

	list_for_each_entry(req, list, link)
		if (!deadline || !req->deadline || req->deadline > deadline)
			req->deadline = deadline;
}

/*
 * Also for requests that are waiting already: that they do is why somebody sets it.
 * Without one they lose theirs; if they kept it, one that is set later would end them at
 * once.
 */
void raftblk_replica_set_io_timeout(struct raftblk_replica *rep, u64 now, u64 timeout_ns)
{
	u64 deadline = timeout_ns ? now + timeout_ns : 0;

	rep->now = now;
	rep->busy = true;
	rep->params.io_timeout_ns = timeout_ns;
	requests_limit(&rep->proposed, deadline);
	requests_limit(&rep->writes, deadline);
	requests_limit(&rep->reads, deadline);
	requests_limit(&rep->broken, deadline);
}

void raftblk_replica_requests_expire(struct raftblk_replica *rep)
{
	if (!rep->params.io_timeout_ns)
		return;
	writes_expire(rep, &rep->proposed);
	writes_expire(rep, &rep->writes);
	reads_expire(rep, &rep->reads);
	reads_expire(rep, &rep->broken);
}

u64 raftblk_replica_requests_deadline(const struct raftblk_replica *rep)
{
	const struct raftblk_req *req;
	u64 at = RAFTBLK_NEVER;

	if (!rep->params.io_timeout_ns)
		return at;
	if (!list_empty(&rep->proposed)) {
		req = list_first_entry(&rep->proposed, struct raftblk_req, link);
		at = raftblk_deadline_min(at, req->deadline);
	}
	if (!list_empty(&rep->writes)) {
		req = list_first_entry(&rep->writes, struct raftblk_req, link);
		at = raftblk_deadline_min(at, req->deadline);
	}
	return reads_deadline(&rep->reads, reads_deadline(&rep->broken, at));
}
