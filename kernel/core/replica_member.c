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
	c->started = false;
	list_add_tail(&c->link, &rep->changes);
	if (rep->fault)
		change_end(rep, c, -EIO);
	else if (rep->stopping)
		change_end(rep, c, -ESHUTDOWN);
}

/* The configuration that a JOIN waits for is not in the log any more. */
void raftblk_replica_changes_cut(struct raftblk_replica *rep, u64 from)
{
	struct raftblk_change *c;

	list_for_each_entry(c, &rep->changes, link)
		if (c->kind == RAFTBLK_CHANGE_JOIN && c->index >= from)
			c->started = false;
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
	if (rep->raft.config.nr == RAFTBLK_MAX_MEMBERS)
		return -ENOSPC;
	*config = rep->raft.config;
	c->member.id = config->next_id++;
	c->member.flags = c->learner ? 0 : RAFTBLK_MEMBER_PROMOTE;
	config->member[config->nr++] = c->member;
	err = raft_propose_config(&rep->raft, rep->now, config, &c->index);
	if (!err)
		raftblk_replica_track(rep);
	/* Another change under way, handing over, log full, no memory: all pass. */
	return err ? -EAGAIN : 0;
}

static void join_step(struct raftblk_replica *rep, struct raftblk_change *c)
{
	int err;

	if (!c->started) {
		if (!raft_leads(&rep->raft))
			return;
		err = join_begin(rep, c);
		if (err == -EAGAIN)
			return;
		if (err) {
			change_end(rep, c, err);
			return;
		}
		c->started = true;
	}
	if (rep->raft.commit >= c->index)
		change_end(rep, c, 0);
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
	if (err == -ENOENT)
		change_end(rep, c, err);
}

static void change_step(struct raftblk_replica *rep, struct raftblk_change *c)
{
	bool join = c->kind == RAFTBLK_CHANGE_JOIN;
	u32 leader = rep->raft.leader;

	/* A join that is in the log may still come true under another leader. */
	if (leader && leader != rep->raft.id && (join ? !c->started : leader != c->to))
		change_end(rep, c, -EREMOTE);
	else if (raftblk_deadline_passed(c->deadline, rep->now))
		change_end(rep, c, -ETIMEDOUT);
	else if (join)
		join_step(rep, c);
	else
		transfer_step(rep, c);
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
