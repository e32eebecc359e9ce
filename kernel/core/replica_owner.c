// SPDX-License-Identifier: GPL-2.0
/*
 * Ownership: who may write (rule 17).
 *
 * The owner is what the newest OWNER entry says; that entry's index is the
 * token.  Only a leader proposes, so the right to write follows an open: get
 * leadership (ask the leader for it), propose an OWNER entry, hold the token
 * once it is committed.
 */
#include "replica_internal.h"

/* Does member @slot, or -1, vote; and will it when the change under way is over? */
static bool slot_votes(const struct raftblk_replica *rep, int slot, u8 sets)
{
	return slot >= 0 && (rep->raft.config.member[slot].flags & sets);
}

/* Who opens the device has to lead for as long as it writes, and to have what it reads. */
static bool may_own(const struct raftblk_replica *rep)
{
	return slot_votes(rep, raftblk_config_find(&rep->raft.config, rep->raft.id),
			  RAFTBLK_MEMBER_NEW) && !raftblk_replica_is_witness(rep);
}

/* It is committed that this member has no vote, so it cannot lead, and not write. */
static bool vote_is_gone(const struct raftblk_replica *rep)
{
	const struct raft *r = &rep->raft;

#ifdef RAFTBLK_PLANT_VOTELESS_WRITER
	return false;	/* planted fault: for the simulator to find */
#endif
	return r->config.index <= r->commit &&
	       !slot_votes(rep, raftblk_config_find(&r->config, r->id),
			   RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW);
}

static void open_end(struct raftblk_replica *rep, struct raftblk_open *open, int status, u32 owner)
{
	open->status = status;
	open->owner = owner;
	list_move_tail(&open->link, &rep->opened);
}

void raftblk_replica_opens_end(struct raftblk_replica *rep, int status, u32 owner)
{
	while (!list_empty(&rep->opens))
		open_end(rep, list_first_entry(&rep->opens, struct raftblk_open, link),
			 status, owner);
}

static void opens_expire(struct raftblk_replica *rep)
{
	struct raftblk_open *open, *n;

	list_for_each_entry_safe(open, n, &rep->opens, link)
		if (raftblk_deadline_passed(open->deadline, rep->now))
			open_end(rep, open, -ETIMEDOUT, rep->owner_node);
}

/* ---- events ---- */

void raftblk_replica_open(struct raftblk_replica *rep, u64 now, struct raftblk_open *open)
{
	rep->now = now;
	rep->busy = true;
	open->status = 0;
	open->owner = 0;
	/* What a question sent before now is answered may be out of date. */
	open->ctx = rep->pull_ctx + 1;
	list_add_tail(&open->link, &rep->opens);
	if (rep->fault || rep->fenced) {
		open_end(rep, open, -EIO, rep->owner_node);
	} else if (rep->stopping) {
		open_end(rep, open, -ESHUTDOWN, 0);
	} else if (rep->token) {
		rep->openers++;
		open_end(rep, open, 0, rep->raft.id);
	}
}

void raftblk_replica_close(struct raftblk_replica *rep, u64 now)
{
	rep->now = now;
	rep->busy = true;
	if (!rep->openers || --rep->openers)
		return;
	rep->token = 0;
	rep->fenced = false;
	rep->release_at = now;
	/* Nobody is left who could hear how these ended, and under the next token
	 * they would overwrite what others wrote in between.
	 */
	while (!list_empty(&rep->writes))
		raftblk_req_end(rep, list_first_entry(&rep->writes, struct raftblk_req, link), -EIO);
}

/* An owner entry newer than our token was committed; or this member cannot lead any more. */
void raftblk_replica_fence(struct raftblk_replica *rep, u32 owner)
{
	rep->token = 0;
	rep->fenced = true;
	raftblk_replica_waiting_end(rep, -EIO);
	raftblk_replica_event(rep, RAFTBLK_EVENT_FENCED, owner, rep->owner_token);
}

/* ---- what the leader knows of the owner ---- */

enum owner_state {
	OWNER_GONE,		/* not heard from, or has nothing open */
	OWNER_UNKNOWN,		/* has not had the time to answer this leader */
	OWNER_HOLDS,		/* reachable, and has the device open for writing */
};

static u64 owner_grace(const struct raftblk_replica *rep)
{
	return rep->lead_since + 2 * rep->raft.params.heartbeat_ns;
}

static enum owner_state owner_state(const struct raftblk_replica *rep, u32 node)
{
	const struct raft *r = &rep->raft;
	int slot = raftblk_config_find(&r->config, node);

	if (node == r->id)
		return rep->token || rep->own_proposed ? OWNER_HOLDS : OWNER_GONE;
	/* Without a vote it cannot write, whatever it has open. */
	if (!slot_votes(rep, slot, RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW))
		return OWNER_GONE;
	/* What it holds is said in answers to heartbeats; none yet: wait a little. */
	if (!r->peer[slot].lease_at)
		return rep->now < owner_grace(rep) ? OWNER_UNKNOWN : OWNER_GONE;
	if (rep->now >= r->peer[slot].heard_at + r->params.election_ns)
		return OWNER_GONE;
	return r->peer[slot].holding ? OWNER_HOLDS : OWNER_GONE;
}

int raftblk_replica_owner_holds(const struct raftblk_replica *rep, u32 node)
{
	enum owner_state state;

	if (rep->log_owner_node != node)
		return 0;
	state = owner_state(rep, node);
	return state == OWNER_UNKNOWN ? -EAGAIN : state == OWNER_HOLDS;
}

/* ---- opening ---- */

static void own_propose(struct raftblk_replica *rep)
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_OWNER, .sector = rep->raft.id };

	raftblk_replica_propose(rep, &e, &rep->own_proposed);
}

/*
 * Our OWNER entry is committed: if nothing newer is in the log, the right is
 * ours.  Under another leader that may not be the end of it, something newer may
 * be committed already that has not reached us: then ask to lead, and try again.
 */
static void own_committed(struct raftblk_replica *rep)
{
	u64 index = rep->own_proposed;

	rep->own_proposed = 0;
	if (rep->log_owner_token != index || !raft_leads(&rep->raft) || list_empty(&rep->opens))
		return;
	rep->token = index;
	while (!list_empty(&rep->opens)) {
		rep->openers++;
		open_end(rep, list_first_entry(&rep->opens, struct raftblk_open, link),
			 0, rep->raft.id);
	}
}

static void opens_step_lead(struct raftblk_replica *rep)
{
	u32 owner = rep->log_owner_node;

	if (rep->own_proposed)
		return;
	if (owner && owner != rep->raft.id) {
		enum owner_state state = owner_state(rep, owner);

		if (state == OWNER_HOLDS)
			raftblk_replica_opens_end(rep, -EBUSY, owner);
		if (state != OWNER_GONE)
			return;
	}
	own_propose(rep);
}

static void opens_step(struct raftblk_replica *rep)
{
	if (rep->own_proposed && rep->raft.commit >= rep->own_proposed)
		own_committed(rep);
	opens_expire(rep);
	if (list_empty(&rep->opens))
		return;
	if (!may_own(rep) || rep->raft.removed)
		raftblk_replica_opens_end(rep, -EPERM, rep->owner_node);
	else if (rep->raft.incomplete)
		return;		/* it cannot lead yet */
	else if (raft_leads(&rep->raft))
		opens_step_lead(rep);
	else if (rep->raft.role != RAFT_LEADER)
		rep->owe_pull_req = rep->now >= rep->pull_at;
}

/* ---- giving it back ---- */

/* The log says that we own the device, but nobody here has it open: the last
 * opener closed, or this member was restarted, or the open gave up waiting.
 */
static bool release_is_due(const struct raftblk_replica *rep)
{
	return rep->log_owner_node == rep->raft.id && !rep->openers && !rep->own_proposed &&
	       list_empty(&rep->opens);
}

static void release_propose(struct raftblk_replica *rep)
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_OWNER, .sector = 0 };
	u64 index;

	raftblk_replica_propose(rep, &e, &index);
}

static void release_step(struct raftblk_replica *rep)
{
	if (!release_is_due(rep))
		return;
	if (raft_leads(&rep->raft))
		release_propose(rep);
	else if (rep->raft.role != RAFT_LEADER)
		rep->owe_release = rep->now >= rep->release_at;
}

/* ---- leadership goes to the owner ---- */

/* Only a leader can propose, so an owner that does not lead cannot write. */
static void hand_over_step(struct raftblk_replica *rep)
{
	struct raft *r = &rep->raft;
	u32 owner = rep->log_owner_node;
	int slot;

	if (!owner || owner == r->id || !raft_leads(r) || r->transfer_to ||
	    rep->now < rep->hand_over_at || owner_state(rep, owner) != OWNER_HOLDS)
		return;
	slot = raftblk_config_find(&r->config, owner);
	if (slot < 0 || r->peer[slot].counted + RAFT_HAND_OVER_LAG < rep->log.last)
		return;
	/* Nothing can be proposed while it is offered: leave time for other things. */
	if (!raft_transfer(r, rep->now, owner))
		rep->hand_over_at = rep->now + 2 * r->params.election_ns;
}

void raftblk_replica_owner_step(struct raftblk_replica *rep)
{
	rep->owe_pull_req = false;
	rep->owe_release = false;
	/*
	 * It lost its vote while it could not be reached.  What waits here would wait for
	 * ever, and its word that it holds the device would keep the others out.
	 */
	if (rep->token && vote_is_gone(rep))
		raftblk_replica_fence(rep, 0);
	opens_step(rep);
	release_step(rep);
	hand_over_step(rep);
	rep->raft.holding = rep->token != 0;
}

u64 raftblk_replica_owner_deadline(const struct raftblk_replica *rep)
{
	const struct raftblk_open *open;
	u64 at = RAFTBLK_NEVER;

	list_for_each_entry(open, &rep->opens, link)
		at = raftblk_deadline_min(at, open->deadline);
	if (raft_leads(&rep->raft)) {
		if (!list_empty(&rep->opens) && rep->now < owner_grace(rep))
			at = min(at, owner_grace(rep));
	} else if (rep->raft.leader && rep->raft.role != RAFT_LEADER) {
		/* What is owed already waits for its connection, not for the time. */
		if (!list_empty(&rep->opens) && !rep->owe_pull_req && !rep->raft.incomplete)
			at = min(at, rep->pull_at);
		if (release_is_due(rep) && !rep->owe_release)
			at = min(at, rep->release_at);
	}
	return at;
}

/* ---- messages ---- */

/* Somebody wants to lead in order to own: may it, and what did we do about it? */
static int pull_status(struct raftblk_replica *rep, u32 from, u32 *holder)
{
	u32 owner = rep->log_owner_node;
	enum owner_state state;
	int err;

	if (owner && owner != from) {
		state = owner_state(rep, owner);
		*holder = owner;
		if (state == OWNER_HOLDS)
			return -EBUSY;
		if (state == OWNER_UNKNOWN)
			return -EAGAIN;
	}
	/* An open of our own came first. */
	if (rep->own_proposed || !list_empty(&rep->opens))
		return -EAGAIN;
	if (rep->raft.transfer_to == from)
		return 0;
	err = raft_transfer(&rep->raft, rep->now, from);
	if (err == -ENOENT || err == -EOPNOTSUPP)
		return -EPERM;	/* a learner, or a witness */
	return err ? -EAGAIN : 0;
}

static void receive_pull_req(struct raftblk_replica *rep, u32 slot, const struct raftblk_msg *m)
{
	u32 holder = 0;

	if (!raft_leads(&rep->raft))
		return;	/* it asks again, whoever leads by then */
	rep->peer[slot].pull_status = -pull_status(rep, m->from, &holder);
	rep->peer[slot].pull_owner = holder;
	rep->peer[slot].pull_ctx = m->ctx;
	rep->peer[slot].owe_pull_resp = true;
}

static void receive_pull_resp(struct raftblk_replica *rep, const struct raftblk_msg *m)
{
	struct raftblk_open *open, *n;

	if (m->ctx > rep->pull_ctx || (m->status != EBUSY && m->status != EPERM))
		return;
	list_for_each_entry_safe(open, n, &rep->opens, link)
		if (m->ctx >= open->ctx)
			open_end(rep, open, m->status == EBUSY ? -EBUSY : -EPERM, m->index);
}

static void receive_release(struct raftblk_replica *rep, const struct raftblk_msg *m)
{
	/* The token says which ownership is meant: a late message must not take
	 * away one that came after it.
	 */
	if (raft_leads(&rep->raft) && rep->log_owner_node == m->from &&
	    rep->log_owner_token == m->index)
		release_propose(rep);
}

void raftblk_replica_receive_owner(struct raftblk_replica *rep, u32 slot,
				   const struct raftblk_msg *m)
{
	switch (m->type) {
	case RAFTBLK_MSG_PULL_REQ:
		receive_pull_req(rep, slot, m);
		break;
	case RAFTBLK_MSG_PULL_RESP:
		receive_pull_resp(rep, m);
		break;
	case RAFTBLK_MSG_RELEASE:
		receive_release(rep, m);
		break;
	default:
		break;
	}
}

static bool owner_poll_leader(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m)
{
	if (rep->owe_pull_req) {
		rep->owe_pull_req = false;
		rep->pull_at = rep->now + RAFTBLK_ASK_NS;
		raftblk_replica_msg(rep, m, RAFTBLK_MSG_PULL_REQ, slot);
		m->ctx = ++rep->pull_ctx;
		return true;
	}
	if (rep->owe_release) {
		rep->owe_release = false;
		rep->release_at = rep->now + RAFTBLK_ASK_NS;
		raftblk_replica_msg(rep, m, RAFTBLK_MSG_RELEASE, slot);
		m->index = rep->log_owner_token;
		return true;
	}
	return false;
}

bool raftblk_replica_owner_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	int leader = raftblk_replica_leader_slot(rep);
	u32 i;

	if (leader >= 0 && (ready & (1U << leader)) && owner_poll_leader(rep, leader, m))
		return true;
	for (i = 0; i < rep->raft.config.nr; i++) {
		if (!rep->peer[i].owe_pull_resp || !(ready & (1U << i)))
			continue;
		rep->peer[i].owe_pull_resp = false;
		raftblk_replica_msg(rep, m, RAFTBLK_MSG_PULL_RESP, i);
		m->ctx = rep->peer[i].pull_ctx;
		m->status = rep->peer[i].pull_status;
		m->index = rep->peer[i].pull_owner;
		return true;
	}
	return false;
}
