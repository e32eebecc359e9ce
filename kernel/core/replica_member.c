// SPDX-License-Identifier: GPL-2.0
/* Changes of membership and leadership that somebody asked for. */
#include "replica_internal.h"

static void change_end(struct raftblk_replica *rep, struct raftblk_change *c, int status)
{
	c->status = status;
	c->leader = rep->raft.leader;
	list_move_tail(&c->link, &rep->changed);
}

void raftblk_replica_changes_end(struct raftblk_replica *rep, int status)
{
	while (!list_empty(&rep->changes))
		change_end(rep, list_first_entry(&rep->changes, struct raftblk_change, link),
			   status);
}

void raftblk_replica_change(struct raftblk_replica *rep, u64 now, struct raftblk_change *c)
{
	rep->now = now;
	rep->busy = true;
	c->status = 0;
	c->leader = 0;
	c->index = 0;
	c->who = 0;
	c->room = 0;
	c->ctx = 0;
	c->started = false;
	list_add_tail(&c->link, &rep->changes);
	if (rep->fault)
		change_end(rep, c, -EIO);
	else if (rep->stopping)
		change_end(rep, c, -ESHUTDOWN);
	else if (rep->raft.removed)
		change_end(rep, c, -EPERM);
}

/* The configuration that a change waits for is not in the log any more. */
void raftblk_replica_changes_cut(struct raftblk_replica *rep, u64 from)
{
	struct raftblk_change *c;

	list_for_each_entry(c, &rep->changes, link)
		if (c->kind != RAFTBLK_CHANGE_TRANSFER && c->index >= from)
			c->started = false;
}

/* ---- what they have in common ---- */

static int propose(struct raftblk_replica *rep, struct raftblk_config *config,
		   struct raftblk_change *c)
{
	int err = raft_propose_config(&rep->raft, rep->now, config, &c->index);

	if (!err) {
		raftblk_replica_track(rep);
		raftblk_replica_config_moved(rep);
		rep->busy = true;
	}
	if (err == -EINVAL)
		return err;
	/* Another change under way, handing over, log full, no memory: all pass. */
	return err ? -EAGAIN : 0;
}

static bool same_addr(const struct raftblk_addr *a, const struct raftblk_addr *b)
{
	return a->port && a->family == b->family && a->port == b->port &&
	       !memcmp(a->ip, b->ip, a->family == 4 ? 4 : sizeof(a->ip));
}

/* Has one other than @id this address? */
static bool addr_is_taken(const struct raftblk_config *config, const struct raftblk_addr *addr,
			  u32 id)
{
	u32 i;

	for (i = 0; i < config->nr; i++)
		if (config->member[i].id != id && same_addr(&config->member[i].addr, addr))
			return true;
	return false;
}

/* Is a joiner to take the place of @id? */
static bool is_replaced(const struct raftblk_config *config, u32 id)
{
	u32 i;

	for (i = 0; i < config->nr; i++)
		if (config->member[i].replaces == id)
			return true;
	return false;
}

/* ---- join ---- */

/* In the configuration in force already: this is a repetition. */
static const struct raftblk_member *join_find(const struct raftblk_replica *rep,
					      const struct raftblk_change *c)
{
	const struct raftblk_config *config = &rep->raft.config;
	u32 i;

	for (i = 0; i < config->nr; i++)
		if (!memcmp(config->member[i].incarnation, c->member.incarnation,
			    sizeof(c->member.incarnation)))
			return &config->member[i];
	return NULL;
}

/* It is to be what the one is that it replaces. */
static int join_replaces(const struct raftblk_config *config, struct raftblk_change *c)
{
	int old = raftblk_config_find(config, c->member.replaces);

	/* It leaves already, or loses its vote. */
	if (raftblk_config_is_joint(config))
		return -EINPROGRESS;
	if (old < 0)
		return -ENOENT;
	if (is_replaced(config, c->member.replaces))
		return -EALREADY;
	/* Else the last one with data could leave by being replaced. */
	if (raftblk_member_has_data(&config->member[old]) == c->witness)
		return -EOPNOTSUPP;
	/* It is to take the place of another itself. */
	if (config->member[old].replaces)
		return -EINPROGRESS;
	c->member.flags = raftblk_member_votes(&config->member[old]) ?
			  RAFTBLK_MEMBER_PROMOTE :
			  config->member[old].flags & RAFTBLK_MEMBER_PROMOTE;
	return 0;
}

/* Returns 0: begun; -EAGAIN: later; else why not. */
static int join_begin(struct raftblk_replica *rep, struct raftblk_change *c)
{
	struct raftblk_config *config = &rep->work_config[0];
	const struct raftblk_member *known = join_find(rep, c);
	int err;

	if (known) {
		c->member.id = known->id;
		c->index = rep->raft.config.index;
		return 0;
	}
	/* A joiner starts from nothing and is sent the log: all of it, or it catches up. */
	if (rep->log.first != 1 && !rep->vmap)
		return -ESTALE;
	/* What is said below of a configuration that may be cut again could be wrong. */
	if (rep->raft.config.index > rep->raft.commit)
		return -EAGAIN;
	/* Whether it has room was not asked: it has to be told the new size. */
	if (raftblk_resize_is_pending(rep))
		return -EAGAIN;
	if (rep->raft.config.nr >= RAFTBLK_MEMBERS_LIMIT)
		return -ENOSPC;
	*config = rep->raft.config;
	c->member.flags = c->learner && !c->witness ? 0 : RAFTBLK_MEMBER_PROMOTE;
	if (c->member.replaces) {
		err = join_replaces(config, c);
		if (err)
			return err;
	}
	if (c->witness)
		c->member.flags |= RAFTBLK_MEMBER_WITNESS;
	if (addr_is_taken(config, &c->member.addr, c->member.replaces))
		return -EADDRINUSE;
	/* One change at a time.  A leader that leaves has to hand over first. */
	if (raftblk_config_is_joint(config))
		return -EAGAIN;
	c->member.id = config->next_id++;
	config->member[config->nr++] = c->member;
	return propose(rep, config, c);
}

/* ---- what is done when its entry is committed ---- */

static void entry_step(struct raftblk_replica *rep, struct raftblk_change *c,
		       int (*begin)(struct raftblk_replica *rep, struct raftblk_change *c))
{
	int err;

	if (!c->started) {
		if (!raft_leads(&rep->raft))
			return;
		err = begin(rep, c);
		if (err == -EAGAIN)
			return;
		if (err) {
			change_end(rep, c, err);
			return;
		}
		c->started = true;
	}
	if (rep->raft.commit < c->index)
		return;
	/* Who does not lead any more may hear of both at once. */
	change_end(rep, c, raft_has_left(&rep->raft, c->member.id) ? -EIDRM : 0);
}

/* ---- transfer ---- */

static void transfer_step(struct raftblk_replica *rep, struct raftblk_change *c)
{
	struct raft *r = &rep->raft;
	int err;

	if (r->leader == c->to) {
		change_end(rep, c, 0);
		return;
	}
	/* Under way; or it did not come to anything, then once more. */
	if (!raft_leads(r) || r->transfer_to)
		return;
	err = raft_transfer(r, rep->now, c->to);
	if (err == -ENOENT || err == -EOPNOTSUPP)
		change_end(rep, c, err);
}

/* ---- remove, set ---- */

/*
 * May member @id lose its vote, so that @config results?  Its writer would lose the device;
 * and who is left has to be able to commit.
 */
static int vote_may_go(struct raftblk_replica *rep, const struct raftblk_config *config, u32 id)
{
	struct raft *r = &rep->raft;
	int holds = raftblk_replica_owner_holds(rep, id);

	if (holds)
		return holds < 0 ? holds : -ETXTBSY;
	/* Slots are those of the configuration in force: nobody is out of it yet. */
	if (!raftblk_config_quorum_new(config, raft_reachable(r, rep->now)))
		return rep->now < rep->lead_since + r->params.election_ns ? -EAGAIN : -EHOSTDOWN;
	if (id != r->id)
		return 0;
	/* Who stays carries it out; the request ends when it leads. */
	raft_step_aside(r, rep->now);
	return -EAGAIN;
}

/* Without it nobody could open the device; witnesses do not help. */
static bool is_last_voter(const struct raftblk_config *config, const struct raftblk_member *m)
{
	return raftblk_member_votes(m) && raftblk_member_has_data(m) &&
	       raftblk_config_data_voters(config) == 1;
}

/* Returns 0: in @config is what is asked for; -EAGAIN: later; else why not. */
static int remove_build(struct raftblk_replica *rep, struct raftblk_config *config, u32 id)
{
	const struct raftblk_member *m = &config->member[raftblk_config_find(config, id)];
	bool votes = raftblk_member_votes(m);

	if (is_replaced(config, id))
		return -EALREADY;
	if (is_last_voter(config, m))
		return -EBUSY;
	raftblk_config_remove(config, id);
	return votes ? vote_may_go(rep, config, id) : 0;
}

static int set_build(struct raftblk_replica *rep, struct raftblk_config *config,
		     const struct raftblk_change *c)
{
	struct raftblk_member *m = &config->member[raftblk_config_find(config, c->to)];
	bool votes = raftblk_member_votes(m);

	if (c->member.addr.family) {
		if (addr_is_taken(config, &c->member.addr, c->to))
			return -EADDRINUSE;
		m->addr = c->member.addr;
	}
	if (c->role != RAFTBLK_SET_KEEP && (m->replaces || is_replaced(config, c->to)))
		return -EALREADY;
	if (c->role == RAFTBLK_SET_VOTER && !votes)
		m->flags |= RAFTBLK_MEMBER_PROMOTE;
	if (c->role != RAFTBLK_SET_LEARNER)
		return 0;
	m->flags &= ~RAFTBLK_MEMBER_PROMOTE;
	if (!votes)
		return 0;
	if (is_last_voter(config, m))
		return -EBUSY;
	raftblk_config_demote(config, c->to);
	return vote_may_go(rep, config, c->to);
}

static int edit_begin(struct raftblk_replica *rep, struct raftblk_change *c)
{
	struct raftblk_config *config = &rep->work_config[0];
	int err;

	if (rep->raft.transfer_to)
		return -EAGAIN;
	/* First: who is a member is open while a change may still be cut again. */
	if (rep->raft.config.index > rep->raft.commit ||
	    raftblk_config_is_joint(&rep->raft.config))
		return -EINPROGRESS;
	if (raftblk_config_find(&rep->raft.config, c->to) < 0)
		return -ENOENT;
	*config = rep->raft.config;
	err = c->kind == RAFTBLK_CHANGE_REMOVE ? remove_build(rep, config, c->to) :
						 set_build(rep, config, c);
	return err ? err : propose(rep, config, c);
}

/* The joint configuration that the change may have gone through is over. */
static void edit_step(struct raftblk_replica *rep, struct raftblk_change *c)
{
	const struct raft *r = &rep->raft;
	int err;

	if (!c->started) {
		if (!raft_leads(r))
			return;
		err = edit_begin(rep, c);
		if (err == -EAGAIN)
			return;
		if (err) {
			change_end(rep, c, err);
			return;
		}
		c->started = true;
	}
	if (r->commit >= c->index && r->commit >= r->config.index &&
	    !raftblk_config_is_joint(&r->config))
		change_end(rep, c, 0);
}

/* What is in the log may still come true under another leader. */
static bool is_for_leader(const struct raftblk_replica *rep, const struct raftblk_change *c)
{
	u32 leader = rep->raft.leader;

	if (!leader || leader == rep->raft.id)
		return false;
	return c->kind == RAFTBLK_CHANGE_TRANSFER ? leader != c->to : !c->started;
}

/*
 * A removal that was in this member's log once, which was cut or replaced since, may have
 * been kept by the others.  That it is done shows from who is a member; the rest may be
 * asked for twice.
 */
static bool was_removed(const struct raftblk_replica *rep, const struct raftblk_change *c)
{
	return c->kind == RAFTBLK_CHANGE_REMOVE && c->index && !c->started &&
	       raft_has_left(&rep->raft, c->to);
}

static void change_step(struct raftblk_replica *rep, struct raftblk_change *c)
{
	if (was_removed(rep, c)) {
		change_end(rep, c, 0);
		return;
	}
	if (is_for_leader(rep, c)) {
		change_end(rep, c, -EREMOTE);
		return;
	}
	if (raftblk_deadline_passed(c->deadline, rep->now)) {
		change_end(rep, c, -ETIMEDOUT);
		return;
	}
	switch (c->kind) {
	case RAFTBLK_CHANGE_JOIN:
		entry_step(rep, c, join_begin);
		break;
	case RAFTBLK_CHANGE_RESIZE:
		entry_step(rep, c, raftblk_resize_begin);
		break;
	case RAFTBLK_CHANGE_TRANSFER:
		transfer_step(rep, c);
		break;
	case RAFTBLK_CHANGE_REMOVE:
	case RAFTBLK_CHANGE_SET:
		edit_step(rep, c);
		break;
	}
}

void raftblk_replica_changes_step(struct raftblk_replica *rep)
{
	struct raftblk_change *c, *n;

	list_for_each_entry_safe(c, n, &rep->changes, link)
		change_step(rep, c);
}

u64 raftblk_replica_changes_deadline(const struct raftblk_replica *rep)
{
	const struct raftblk_change *c;
	u64 at = RAFTBLK_NEVER;

	list_for_each_entry(c, &rep->changes, link)
		at = raftblk_deadline_min(at, c->deadline);
	return at;
}
