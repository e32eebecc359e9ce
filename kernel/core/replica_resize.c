// SPDX-License-Identifier: GPL-2.0
/*
 * A volume grows.
 *
 * First every member makes room: looks how large its device has become, zeroes what is new,
 * and notes the larger data area in its superblock.  That is only ever too much, so it can be
 * interrupted and repeated at any point.  When all members that have data, in the configuration
 * in force, have said that they have room, the leader proposes a RESIZE entry.  The new size is
 * in force where that is committed, and a pure function of the log: nobody who has the entry
 * lacks the room, and a block of the new area that nobody has written reads as zeros everywhere.
 */
#include "replica_internal.h"

/* ---- the member that makes room ---- */

static bool is_catching_up(const struct raftblk_replica *rep)
{
	return rep->raft.incomplete || rep->raft.behind ||
	       rep->catchup.state != RAFTBLK_CATCHUP_OFF;
}

/*
 * Has this member room?  -EINPROGRESS: it is making some.  A failure is the answer to the
 * question that it came from; another question makes it try again.
 */
static int grow_answer(struct raftblk_replica *rep, u64 ctx, u64 sectors, bool assume_zero)
{
	struct raftblk_grow *g = &rep->grow;

	if (is_catching_up(rep))
		return -ESTALE;
	if (raftblk_has_room(rep, sectors))
		return 0;
	if (g->state != RAFTBLK_GROW_IDLE)
		return -EINPROGRESS;
	if (g->ctx == ctx && g->sectors == sectors && g->status)
		return g->status;
	*g = (struct raftblk_grow){
		.state = RAFTBLK_GROW_WANTED,
		.ctx = ctx,
		.sectors = sectors,
		.assume_zero = assume_zero,
		.room = rep->super.data_sectors,
	};
	rep->busy = true;
	return -EINPROGRESS;
}

bool raftblk_grow_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	struct raftblk_grow *g = &rep->grow;

	if (g->state != RAFTBLK_GROW_WANTED)
		return false;
	g->state = RAFTBLK_GROW_BUSY;
	a->type = RAFTBLK_ACT_GROW;
	a->grow.sectors = g->sectors;
	a->grow.assume_zero = g->assume_zero;
	return true;
}

void raftblk_replica_grow_moved(struct raftblk_replica *rep, u64 now, u64 sectors)
{
	rep->now = now;
	if (rep->grow.state == RAFTBLK_GROW_BUSY)
		rep->grow.room = sectors;
}

void raftblk_replica_grown(struct raftblk_replica *rep, u64 now, int status, u64 room,
			   u64 *version, struct raftblk_vmap_block *block)
{
	struct raftblk_grow *g = &rep->grow;
	u32 i;

	rep->now = now;
	rep->busy = true;
	g->state = RAFTBLK_GROW_IDLE;
	g->status = status;
	g->room = room;
	/* Who asked is waiting. */
	for (i = 0; i < rep->raft.config.nr; i++)
		rep->peer[i].owe_grow_resp |= rep->peer[i].grow_ctx == g->ctx && g->ctx;
	if (status)
		return;
	if (rep->vmap)
		raftblk_vmap_grow(rep->vmap, g->sectors, version, block);
	rep->super.data_sectors = g->sectors;
}

/* ---- the leader that asks ---- */

/* The change whose members are being asked: the first; others of its kind wait. */
static struct raftblk_change *resize_first(const struct raftblk_replica *rep)
{
	struct raftblk_change *c;

	list_for_each_entry(c, &rep->changes, link)
		if (c->kind == RAFTBLK_CHANGE_RESIZE)
			return c;
	return NULL;
}

/*
 * Is one in the log and not committed?  Few entries are not, and changes are rare, so looking
 * is cheaper than keeping count through cuts.
 */
bool raftblk_resize_is_pending(struct raftblk_replica *rep)
{
	const struct raftblk_entry *e;
	u64 i;

	for (i = rep->raft.commit + 1; i <= rep->log.last; i++) {
		e = raftblk_log_entry(&rep->log, i);
		if (e && e->op == RAFTBLK_OP_RESIZE)
			return true;
	}
	return false;
}

/*
 * Has the member in this slot room?  Who is away cannot be asked, and what it had last time
 * says nothing about the zeros behind it: so it is not taken for granted.
 */
static int member_has_room(struct raftblk_replica *rep, struct raftblk_change *c, u32 slot)
{
	const struct raftblk_grow_answer *a = &rep->peer[slot].grow;
	const struct raft_peer *p = &rep->raft.peer[slot];

	if (p->id == rep->raft.id) {
		int status = grow_answer(rep, c->ctx, c->size, c->assume_zero);

		c->room = rep->grow.room;
		return status == -EINPROGRESS ? -EAGAIN : status;
	}
	if (p->incomplete || p->progress == RAFT_BEHIND)
		return -ESTALE;
	if (!(raft_reachable(&rep->raft, rep->now) & (1U << slot))) {
#ifdef RAFTBLK_PLANT_ROOM_ASSUMED
		return 0;	/* planted fault: for the simulator to find */
#endif
		return rep->now < rep->lead_since + rep->raft.params.election_ns ? -EAGAIN :
										   -EHOSTDOWN;
	}
	c->room = a->ctx == c->ctx ? a->room : 0;
	return a->ctx != c->ctx || a->status == EINPROGRESS ? -EAGAIN : -(int)a->status;
}

/* All of them; who has something against it is in @c->who.  All are set to work at once. */
static int members_have_room(struct raftblk_replica *rep, struct raftblk_change *c)
{
	const struct raftblk_config *config = &rep->raft.config;
	int err, worst = 0;
	u32 i;

	for (i = 0; i < config->nr; i++) {
		if (!raftblk_member_has_data(&config->member[i]) || (worst && worst != -EAGAIN))
			continue;
		err = member_has_room(rep, c, i);
		if (!err)
			continue;
		worst = err;
		c->who = config->member[i].id;
	}
	return worst;
}

/*
 * In whole blocks, as volumes are made: what is compared and sent at once does not change its
 * length under somebody who is about to write it.
 */
static int resize_check(const struct raftblk_replica *rep, const struct raftblk_change *c)
{
	if (c->size > RAFTBLK_SECTOR_MAX)
		return -EFBIG;
	if (!c->size || c->size % RAFTBLK_BLOCK_SECTORS)
		return -EINVAL;
	return c->size < rep->size ? -ERANGE : 0;
}

static int resize_propose(struct raftblk_replica *rep, struct raftblk_change *c)
{
	const struct raftblk_entry e = { .op = RAFTBLK_OP_RESIZE, .sector = c->size };

	/* Handing over, or the log is full: both pass. */
	return raftblk_replica_propose(rep, &e, &c->index) ? -EAGAIN : 0;
}

/* Returns 0: in the log, or so already; -EAGAIN: later; else why not. */
int raftblk_resize_begin(struct raftblk_replica *rep, struct raftblk_change *c)
{
	struct raftblk_change *first = resize_first(rep);
	const struct raft *r = &rep->raft;
	int err;

	/* It may be this one, cut and come back, or of an asker that lost the answer. */
	if (raftblk_resize_is_pending(rep))
		return -EAGAIN;
	err = resize_check(rep, c);
	if (err)
		return err;
	if (c->size == rep->size) {
		c->index = r->commit;
		return 0;
	}
	if (first != c)
		return first->size == c->size ? -EAGAIN : -EINPROGRESS;
	/* Who is a member is open; a joiner could be one that nobody asked. */
	if (r->config.index > r->commit || raftblk_config_is_joint(&r->config))
		return -EAGAIN;
	if (!c->ctx)
		c->ctx = ++rep->resize_ctx;
	c->who = 0;
	c->room = 0;
	err = members_have_room(rep, c);
	return err ? err : resize_propose(rep, c);
}

/* ---- messages ---- */

static void receive_answer(struct raftblk_replica *rep, u32 slot, const struct raftblk_msg *m)
{
	struct raftblk_grow_answer *a = &rep->peer[slot].grow;

	if (m->ctx != rep->resize_ctx)
		return;
	a->ctx = m->ctx;
	a->status = m->status;
	a->room = m->index;
}

void raftblk_receive_grow(struct raftblk_replica *rep, u32 slot, const struct raftblk_msg *m)
{
	if (m->type == RAFTBLK_MSG_GROW_RESP) {
		receive_answer(rep, slot, m);
		return;
	}
	if (m->from != rep->raft.leader || m->index > RAFTBLK_SECTOR_MAX)
		return;
	rep->peer[slot].owe_grow_resp = true;
	rep->peer[slot].grow_ctx = m->ctx;
	rep->peer[slot].grow_sectors = m->index;
	rep->peer[slot].grow_assume_zero = m->commit;
}

static void poll_answer(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m)
{
	int status = grow_answer(rep, rep->peer[slot].grow_ctx, rep->peer[slot].grow_sectors,
				 rep->peer[slot].grow_assume_zero);

	rep->peer[slot].owe_grow_resp = false;
	raftblk_replica_msg(rep, m, RAFTBLK_MSG_GROW_RESP, slot);
	m->ctx = rep->peer[slot].grow_ctx;
	m->status = -status;
	m->index = status ? rep->grow.room : rep->super.data_sectors;
}

/* Nobody is asked by one that does not lead, nor twice once it has said yes. */
static bool is_to_be_asked(const struct raftblk_replica *rep, const struct raftblk_change *c,
			   u32 slot)
{
	const struct raftblk_grow_answer *a = &rep->peer[slot].grow;

	return c && c->ctx && !c->started && raft_leads(&rep->raft) &&
	       rep->raft.peer[slot].id != rep->raft.id &&
	       raftblk_member_has_data(&rep->raft.config.member[slot]) &&
	       rep->now >= a->ask_at && (a->ctx != c->ctx || a->status);
}

/* The leader's clock ticks more often than a question is repeated: it needs no deadline. */
bool raftblk_grow_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	const struct raftblk_change *c = resize_first(rep);
	u32 i;

	for (i = 0; i < rep->raft.config.nr; i++) {
		if (!(ready & (1U << i)))
			continue;
		if (rep->peer[i].owe_grow_resp) {
			poll_answer(rep, i, m);
			return true;
		}
		if (is_to_be_asked(rep, c, i)) {
			rep->peer[i].grow.ask_at = rep->now + RAFTBLK_ASK_NS;
			raftblk_replica_msg(rep, m, RAFTBLK_MSG_GROW_REQ, i);
			m->ctx = c->ctx;
			m->index = c->size;
			m->commit = c->assume_zero;
			return true;
		}
	}
	return false;
}
