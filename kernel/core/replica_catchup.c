// SPDX-License-Identifier: GPL-2.0
/*
 * Catching up by extents: when it begins, what it rests on, when it is over.
 * Fetching is in replica_fetch.c, serving others in replica_serve.c.
 */
#include "replica_internal.h"

/* The cursor is noted this many idle checkpoint times after the last one. */
#define SAVE_FACTOR	8

/*
 * Chunks are those of the volume: members agree on its size, while their data areas may
 * be larger.  A witness has none.
 */
u64 raftblk_chunk_count(const struct raftblk_replica *rep)
{
	u32 size = rep->vmap->chunk_sectors;

	return rep->super.data_sectors ? div64_u64(rep->volume_sectors + size - 1, size) : 0;
}

/* The last one may be shorter. */
u32 raftblk_chunk_nsect(const struct raftblk_replica *rep, u64 chunk)
{
	return min_t(u64, rep->vmap->chunk_sectors,
		     rep->volume_sectors - raftblk_vmap_chunk_sector(rep->vmap, chunk));
}

bool raftblk_chunk_overlaps(const struct raftblk_replica *rep, u64 chunk,
			    const struct raftblk_entry *e)
{
	return raftblk_entry_overlaps(e, raftblk_vmap_chunk_sector(rep->vmap, chunk),
				      raftblk_chunk_nsect(rep, chunk));
}

/* Is an entry that touches the chunk on its way to the data area? */
bool raftblk_chunk_is_applying(struct raftblk_replica *rep, u64 chunk)
{
	const struct raftblk_entry *e;
	u32 i;

	for (i = 0; i < rep->applying; i++) {
		e = raftblk_log_entry(&rep->log, rep->apply_index[i]);
		if (e && raftblk_chunk_overlaps(rep, chunk, e))
			return true;
	}
	return false;
}

/* What an action about a chunk says in any case. */
void raftblk_chunk_io_fill(const struct raftblk_replica *rep, struct raftblk_chunk_io *io, u32 id,
			   u64 chunk, u64 *hash)
{
	memset(io, 0, sizeof(*io));
	io->id = id;
	io->chunk = chunk;
	io->sector = raftblk_vmap_chunk_sector(rep->vmap, chunk);
	io->nsect = raftblk_chunk_nsect(rep, chunk);
	io->hash = hash;
}

/* ---- start and stop ---- */

void raftblk_catchup_init(struct raftblk_replica *rep)
{
	const struct raftblk_ckpt *ckpt = &rep->ckpt;
	struct raftblk_catchup *c = &rep->catchup;

	/* Answers to questions of an earlier life must not fit those of this one. */
	c->ctx = rep->pull_ctx;
	if (!(ckpt->flags & RAFTBLK_CKPT_F_INCOMPLETE)) {
		/* Nothing durable in the log: nothing was ever applied (rule 11). */
		c->blank = !ckpt->applied_index && !rep->log.last && !rep->raft.proof_index;
		return;
	}
	raft_incomplete(&rep->raft, rep->now, ckpt->boundary_index, ckpt->boundary_term);
	/*
	 * What was applied anywhere is committed.  Not only for the sake of the leader:
	 * no content is taken that is older than the version of its extent, so somebody
	 * has to apply that again.
	 */
	rep->raft.seen_commit = max(rep->raft.seen_commit, ckpt->tag_index);
	rep->raft.seen_commit = max(rep->raft.seen_commit, raftblk_vmap_newest(rep->vmap));
	c->state = RAFTBLK_CATCHUP_FETCH;
	c->boundary = ckpt->boundary_index;
	c->boundary_term = ckpt->boundary_term;
	c->base = ckpt->base_index;
	c->tag = ckpt->tag_index;
	raftblk_rate_begin(&c->rate, rep->now);
	raftblk_fetch_start(rep, ckpt->cursor);
}

void raftblk_catchup_exit(struct raftblk_replica *rep)
{
	raftblk_fetch_drop_all(rep);
	raftblk_repair_drop_all(rep);
	raftblk_serve_drop_all(rep);
}

/* ---- the boundary ---- */

/* Does the answer still hold: same leader, and what we need is not in its log? */
static bool boundary_is_current(struct raftblk_replica *rep)
{
	const struct raftblk_catchup *c = &rep->catchup;
	struct raft *r = &rep->raft;

	return r->role == RAFT_FOLLOWER && r->leader == c->leader && r->term == c->term &&
	       r->behind && !raft_boundary_known(r, c->boundary, c->boundary_term);
}

static void boundary_forget(struct raftblk_replica *rep)
{
	rep->catchup.state = rep->raft.incomplete ? RAFTBLK_CATCHUP_FETCH : RAFTBLK_CATCHUP_OFF;
	/* The one that is on disk. */
	rep->catchup.boundary = rep->raft.boundary;
	rep->catchup.boundary_term = rep->raft.boundary_term;
}

static void receive_boundary(struct raftblk_replica *rep, const struct raftblk_msg *m)
{
	const struct raftblk_wire_boundary *b = m->body;
	struct raftblk_catchup *c = &rep->catchup;
	struct raft *r = &rep->raft;

	if (m->status || m->ctx != c->ask_ctx || raftblk_catchup_drains(rep) || !r->behind ||
	    r->role != RAFT_FOLLOWER || m->from != r->leader || m->term != r->term)
		return;
	/*
	 * The leader may be wrong: acknowledgements of ours were on their way when it
	 * judged.  To throw away a log that has the boundary would take them back, and
	 * they count.
	 */
	if (raft_boundary_known(r, m->index, m->log_term)) {
		r->behind = false;
		raftblk_replica_track(rep);
		return;
	}
	/* Else, started again, this member could tell a leader that was deposed of it. */
	if (!raft_term_seen(r, rep->now, m->term))
		return;
	if (raftblk_config_decode(&rep->work_config[0], &b->config))
		return;
	c->config = rep->work_config[0];
	c->config.index = le64_to_cpu(b->config_index);
	/* A joiner was told a configuration that may be newer than the boundary. */
	if (rep->applied_config.index > c->config.index)
		c->config = rep->applied_config;
	c->leader = m->from;
	c->term = m->term;
	c->boundary = m->index;
	c->boundary_term = m->log_term;
	c->owner_node = le32_to_cpu(b->owner_node);
	c->owner_token = le64_to_cpu(b->owner_token);
	/* A joiner was told a size that may be newer than the boundary, too. */
	c->volume_sectors = max(rep->volume_sectors, le64_to_cpu(b->volume_sectors));
	if (!raftblk_has_room(rep, c->volume_sectors)) {
		raftblk_replica_fault(rep, -ENOSPC);
		return;
	}
	c->state = RAFTBLK_CATCHUP_DRAIN;
	raftblk_fetch_stop(rep);
}

/* ---- beginning ---- */

/*
 * Nothing is under way that the new log, or content from others, could meet: no
 * write of the log, no read of the ring or for a request, no apply, no checkpoint.
 */
static bool is_drained(struct raftblk_replica *rep)
{
	return !rep->applying && !rep->loading && !rep->map_writing && !rep->log.nr_writes &&
	       rep->ckpt_state == RAFTBLK_CKPT_IDLE && list_empty(&rep->reading) &&
	       list_empty(&rep->planned) && raftblk_fetch_stop(rep) && raftblk_serve_is_idle(rep) &&
	       raftblk_repair_is_idle(rep);
}

/*
 * Rule 16: it is on disk before the first block is overwritten, and before the log
 * is given up.  From here on there is no way back: the checkpoint may be on disk, so
 * nothing that is acknowledged counts any more.
 */
static void begin(struct raftblk_replica *rep)
{
	struct raftblk_catchup *c = &rep->catchup;
	struct raftblk_ckpt *ckpt = &rep->new_ckpt;

	if (!rep->raft.incomplete)
		c->base = rep->ckpt.applied_index;
	raft_incomplete(&rep->raft, rep->now, c->boundary, c->boundary_term);
	c->tag = 0;
	c->done = 0;
	c->bytes = 0;
	raftblk_rate_begin(&c->rate, rep->now);
	c->state = RAFTBLK_CATCHUP_BEGIN;
	raftblk_fetch_start(rep, 0);
	*ckpt = rep->ckpt;
	/* Otherwise as before: what the map lacks is still to be written. */
	if (!ckpt->applied_index)
		ckpt->flags |= RAFTBLK_CKPT_F_VMAP;
	raftblk_catchup_ckpt_fill(rep, ckpt);
	ckpt->applied_index = c->boundary;
	ckpt->applied_term = c->boundary_term;
	ckpt->durable_index = c->boundary;
	ckpt->durable_pos = rep->log.tail_pos;
	ckpt->replay_pos = rep->log.tail_pos;
	ckpt->retain_pos = rep->log.tail_pos;
	ckpt->replay_prev_crc = rep->log.tail_crc;
	ckpt->retain_prev_crc = rep->log.tail_crc;
	ckpt->owner_node = c->owner_node;
	ckpt->owner_token = c->owner_token;
	ckpt->volume_sectors = c->volume_sectors;
	ckpt->config = c->config;
	rep->ckpt_state = RAFTBLK_CKPT_WANT_WRITE;
}

/* What the replica knew from its log, it knows from the boundary now. */
static void take_boundary(struct raftblk_replica *rep)
{
	const struct raftblk_catchup *c = &rep->catchup;

	rep->volume_sectors = c->volume_sectors;
	rep->size = max(rep->size, c->volume_sectors);
	rep->applied = c->boundary;
	rep->apply_next = c->boundary + 1;
	rep->applied_config = c->config;
	rep->applied_owner_node = c->owner_node;
	rep->applied_owner_token = c->owner_token;
	rep->log_owner_node = c->owner_node;
	rep->log_owner_token = c->owner_token;
	rep->replay_end = c->boundary;
	rep->tracked = c->boundary;
	rep->tracked_commit = c->boundary;
	rep->unapplied_bytes = 0;
	rep->own_proposed = 0;
	rep->nr_pins = 0;
	rep->load_bad = 0;
	rep->trim_above = rep->params.cache_bytes;
}

static void take_owner(struct raftblk_replica *rep)
{
	const struct raftblk_catchup *c = &rep->catchup;
	bool news = rep->owner_token != c->owner_token;

	rep->owner_node = c->owner_node;
	rep->owner_token = c->owner_token;
	if (news)
		raftblk_replica_event(rep, RAFTBLK_EVENT_OWNER, rep->owner_node, rep->owner_token);
	if (rep->token && rep->owner_token > rep->token)
		raftblk_replica_fence(rep, rep->owner_node);
}

/*
 * The checkpoint is on disk.  Requests that were proposed wait again: the log no
 * longer tells which were kept.  With the token unchanged nobody else has written,
 * so all of them again, in their order, come to the same (rule 18).
 */
void raftblk_catchup_begun(struct raftblk_replica *rep)
{
	struct raftblk_catchup *c = &rep->catchup;
	struct raft *r = &rep->raft;

	raftblk_replica_writes_cut(rep, 0);
	raftblk_replica_changes_cut(rep, 0);
	raft_reset(r, &c->config, r->leader == c->leader && r->term == c->term);
	take_boundary(rep);
	take_owner(rep);
	raftblk_replica_writes_returned(rep);
	raftblk_replica_track(rep);
	c->state = RAFTBLK_CATCHUP_FETCH;
	c->ask_at = rep->now + RAFTBLK_ASK_NS;
	c->saved_at = rep->now;
	raftblk_replica_event(rep, RAFTBLK_EVENT_CATCHUP_BEGIN, 0, c->boundary);
}

/* ---- checkpoints meanwhile, and the one that ends it ---- */

void raftblk_catchup_ckpt_fill(const struct raftblk_replica *rep, struct raftblk_ckpt *ckpt)
{
	const struct raftblk_catchup *c = &rep->catchup;
	bool incomplete = rep->raft.incomplete && !raftblk_fetch_is_done(rep);

	ckpt->flags &= ~RAFTBLK_CKPT_F_INCOMPLETE;
	if (incomplete)
		ckpt->flags |= RAFTBLK_CKPT_F_INCOMPLETE;
	ckpt->base_index = incomplete ? c->base : 0;
	ckpt->boundary_index = incomplete ? c->boundary : 0;
	ckpt->boundary_term = incomplete ? c->boundary_term : 0;
	ckpt->cursor = incomplete ? raftblk_fetch_cursor(rep) : 0;
	ckpt->tag_index = incomplete ? c->tag : 0;
}

static bool cursor_moved(const struct raftblk_replica *rep)
{
	return rep->catchup.state == RAFTBLK_CATCHUP_FETCH &&
	       raftblk_fetch_cursor(rep) > rep->ckpt.cursor;
}

static u64 save_at(const struct raftblk_replica *rep)
{
	return rep->catchup.saved_at + SAVE_FACTOR * rep->params.idle_ckpt_ns;
}

/* Done; or much would have to be done again after a crash. */
bool raftblk_catchup_ckpt_is_due(const struct raftblk_replica *rep)
{
	return raftblk_fetch_is_done(rep) || (cursor_moved(rep) && rep->now >= save_at(rep));
}

void raftblk_catchup_end(struct raftblk_replica *rep)
{
	rep->catchup.state = RAFTBLK_CATCHUP_OFF;
	raft_complete(&rep->raft, rep->now);
	raftblk_replica_event(rep, RAFTBLK_EVENT_CATCHUP_END, 0, rep->ckpt.applied_index);
}

/* ---- what follows ---- */

static bool wants_boundary(const struct raftblk_replica *rep)
{
	return rep->raft.behind && rep->raft.role == RAFT_FOLLOWER && !raftblk_catchup_drains(rep);
}

void raftblk_catchup_step(struct raftblk_replica *rep)
{
	if (!rep->vmap)
		return;
	if (rep->catchup.state == RAFTBLK_CATCHUP_DRAIN) {
		if (!boundary_is_current(rep))
			boundary_forget(rep);
		else if (is_drained(rep))
			begin(rep);
	}
	if (rep->catchup.state == RAFTBLK_CATCHUP_FETCH)
		raftblk_fetch_step(rep);
	raftblk_serve_step(rep);
	raftblk_verify_step(rep);
}

bool raftblk_catchup_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	if (!rep->vmap)
		return false;
	return raftblk_repair_next(rep, a) || raftblk_serve_next(rep, a) ||
	       raftblk_fetch_next(rep, a);
}

bool raftblk_catchup_holds(const struct raftblk_replica *rep, const struct raftblk_entry *e)
{
	return rep->vmap && (raftblk_serve_holds(rep, e) || raftblk_fetch_holds(rep, e) ||
			     raftblk_repair_holds(rep, e));
}

u64 raftblk_catchup_deadline(const struct raftblk_replica *rep)
{
	u64 at = RAFTBLK_NEVER;

	if (!rep->vmap)
		return at;
	if (wants_boundary(rep))
		at = raftblk_deadline_ahead(rep, rep->catchup.ask_at);
	if (cursor_moved(rep) && rep->ckpt_state == RAFTBLK_CKPT_IDLE)
		at = min(at, save_at(rep));
	at = min(at, raftblk_fetch_deadline(rep));
	at = min(at, raftblk_repair_deadline(rep));
	at = min(at, raftblk_verify_deadline(rep));
	return min(at, raftblk_serve_deadline(rep));
}

void raftblk_replica_progress(const struct raftblk_replica *rep, u64 now,
			      struct raftblk_catchup_progress *p)
{
	u64 left;

	memset(p, 0, sizeof(*p));
	if (!rep->vmap || !rep->raft.incomplete)
		return;
	p->incomplete = true;
	p->source = rep->catchup.source;
	p->done = rep->catchup.done;
	p->left = raftblk_fetch_left(rep);
	p->chunk_sectors = rep->vmap->chunk_sectors;
	p->bytes = rep->catchup.bytes;
	p->rate_known = raftblk_rate_get(&rep->catchup.rate, now, &p->rate);
	/* What others say is left may be any number. */
	left = min(p->left, raftblk_chunk_count(rep)) * p->chunk_sectors * 512;
	p->left_ms = raftblk_rate_left_ms(p->rate, left);
}

/* ---- messages ---- */

/* Only the leader knows what the majority has. */
static void receive_mend(struct raftblk_replica *rep, const struct raftblk_msg *m)
{
	const struct raftblk_wire_mend *w = m->body;

	if (m->from == rep->raft.leader && m->term == rep->raft.term)
		raftblk_repair_mend(rep, m->from, m->ctx, m->chunk, le64_to_cpu(w->blocks),
				    le32_to_cpu(w->source));
}

void raftblk_catchup_receive(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m)
{
	if (!rep->vmap)
		return;
	switch (m->type) {
	case RAFTBLK_MSG_CATCHUP_RESP:
		receive_boundary(rep, m);
		break;
	case RAFTBLK_MSG_LIST_RESP:
		raftblk_fetch_receive_list(rep, m);
		break;
	case RAFTBLK_MSG_DATA:
		if (rep->catchup.state == RAFTBLK_CATCHUP_FETCH)
			raftblk_fetch_receive_data(rep, m);
		else
			raftblk_repair_receive(rep, slot, m);
		break;
	case RAFTBLK_MSG_VERIFY_RESP:
	case RAFTBLK_MSG_MENDED:
		raftblk_verify_receive(rep, slot, m);
		break;
	case RAFTBLK_MSG_MEND:
		receive_mend(rep, m);
		break;
	default:
		raftblk_serve_receive(rep, slot, m);
		break;
	}
}

/*
 * Slot of the leader, which may be the guest: a member that was away while others joined
 * learns of them only from the log that it cannot be sent any more.
 */
static int leader_slot(const struct raftblk_replica *rep)
{
	const struct raft *r = &rep->raft;

	if (r->leader && r->leader == r->guest)
		return r->config.nr;
	return raftblk_replica_leader_slot(rep);
}

static bool poll_boundary_req(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	struct raftblk_catchup *c = &rep->catchup;
	int leader = leader_slot(rep);

	if (!wants_boundary(rep) || rep->now < c->ask_at || leader < 0 || !(ready & (1U << leader)))
		return false;
	c->ask_ctx = ++c->ctx;
	c->ask_at = rep->now + RAFTBLK_ASK_NS;
	memset(m, 0, sizeof(*m));
	m->type = RAFTBLK_MSG_CATCHUP_REQ;
	m->from = rep->raft.id;
	m->to = rep->raft.leader;
	m->term = rep->raft.term;
	m->ctx = c->ask_ctx;
	m->index = rep->raft.incomplete ? c->base : rep->ckpt.applied_index;
	return true;
}

bool raftblk_catchup_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	if (!rep->vmap)
		return false;
	return poll_boundary_req(rep, ready, m) || raftblk_repair_poll(rep, ready, m) ||
	       raftblk_fetch_poll(rep, ready, m) || raftblk_serve_poll(rep, ready, m) ||
	       raftblk_verify_poll(rep, ready, m);
}
