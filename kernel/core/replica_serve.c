// SPDX-License-Identifier: GPL-2.0
/*
 * What a complete member does for one that is catching up.  Nothing is remembered of
 * it but the questions that are being answered: any member can go on where another
 * one left off.
 */
#include "replica_internal.h"

static bool may_serve(const struct raftblk_replica *rep)
{
#ifdef RAFTBLK_PLANT_WITNESS_SERVES
	if (raftblk_replica_is_witness(rep))
		return true;	/* planted fault: for the simulator to find */
#endif
	return !rep->raft.incomplete && rep->catchup.state == RAFTBLK_CATCHUP_OFF &&
	       rep->super.data_sectors;
}

static void serve_free(struct raftblk_replica *rep, struct raftblk_serve *s)
{
	if (s->diff.payload)
		rep->ops.put(s->diff.payload);
	s->diff.payload = NULL;
	s->state = RAFTBLK_SERVE_FREE;
}

void raftblk_serve_drop_all(struct raftblk_replica *rep)
{
	u32 i;

	for (i = 0; i < RAFTBLK_SERVE_SLOTS; i++)
		serve_free(rep, &rep->catchup.serve[i]);
}

bool raftblk_serve_is_idle(const struct raftblk_replica *rep)
{
	u32 i;

	for (i = 0; i < RAFTBLK_SERVE_SLOTS; i++)
		if (rep->catchup.serve[i].state == RAFTBLK_SERVE_READING)
			return false;
	return true;
}

/* ---- questions ---- */

static void serve_refuse(struct raftblk_serve *s, int status)
{
	s->status = status;
	s->state = RAFTBLK_SERVE_READY;
}

/*
 * The place for this question: none if it is being answered already, or all are taken.
 * One about the same chunk that still waits is from before, and void.
 */
static struct raftblk_serve *serve_find(struct raftblk_replica *rep, u32 peer, u64 ctx, u64 chunk)
{
	struct raftblk_serve *place = NULL;
	u32 i;

	for (i = 0; i < RAFTBLK_SERVE_SLOTS; i++) {
		struct raftblk_serve *s = &rep->catchup.serve[i];

		if (s->state == RAFTBLK_SERVE_FREE)
			place = s;
		else if (s->peer == peer && s->ctx == ctx)
			return NULL;
	}
	for (i = 0; i < RAFTBLK_SERVE_SLOTS; i++) {
		struct raftblk_serve *s = &rep->catchup.serve[i];

		if (s->state == RAFTBLK_SERVE_WAITING && s->peer == peer && s->chunk == chunk)
			place = s;
	}
	return place;
}

static void serve_begin(struct raftblk_replica *rep, struct raftblk_serve *s, u32 peer, u64 ctx,
			u64 chunk)
{
	memset(s, 0, sizeof(*s));
	s->state = RAFTBLK_SERVE_WAITING;
	s->peer = peer;
	s->ctx = ctx;
	s->chunk = chunk;
	s->seq = ++rep->catchup.serve_seq;
	/* Less than the asker's: it is to hear why before it gives up. */
	s->until = rep->now + raftblk_catchup_patience(rep) / 2;
}

/* A question that was so long on its way is not worth a walk along the log. */
#define PAST_MAX	4096

/* Was an entry above @index that touches the chunk handed out for apply? */
static bool is_past(struct raftblk_replica *rep, u64 chunk, u64 index)
{
	const struct raftblk_entry *e;
	u64 i;

#ifdef RAFTBLK_PLANT_VERIFY_PAST
	return false;	/* planted fault: for the simulator to find */
#endif
	if (raftblk_vmap_chunk_version(rep->vmap, chunk) <= index)
		return false;
	if (rep->apply_next - 1 > index + PAST_MAX)
		return true;
	for (i = rep->apply_next - 1; i > index; i--) {
		e = raftblk_log_entry(&rep->log, i);
		if (!e || (raftblk_entry_is_data(e) && raftblk_chunk_overlaps(rep, chunk, e)))
			return true;
	}
	return false;
}

/*
 * For verify: hash all blocks exactly as of @index.  After a restart the data area is
 * newer than @applied says until the log is replayed.  False: there is no place.
 */
bool raftblk_serve_hash(struct raftblk_replica *rep, u32 peer, u64 ctx, u64 chunk, u64 index)
{
	struct raftblk_serve *s = serve_find(rep, peer, ctx, chunk);

	if (!s || chunk >= raftblk_chunk_count(rep))
		return false;
	serve_begin(rep, s, peer, ctx, chunk);
	s->exact = true;
	s->need = index;
	s->urgent = true;	/* whoever leads has kept the pace */
	if (index < rep->replay_end || is_past(rep, chunk, index))
		serve_refuse(s, -EAGAIN);
	return true;
}

static void receive_fetch(struct raftblk_replica *rep, const struct raftblk_msg *m)
{
	struct raftblk_serve *s = serve_find(rep, m->from, m->ctx, m->chunk);
	const struct raftblk_wire_fetch *f = m->body;
	u32 i;

	if (!s || m->chunk >= raftblk_chunk_count(rep))
		return;
	serve_begin(rep, s, m->from, m->ctx, m->chunk);
	s->lost = m->status == RAFTBLK_FETCH_LOST;
	/*
	 * After a restart the data area is newer than @applied says: for a member that is
	 * whole that would be content above its tag.
	 */
	s->need = s->lost ? max(m->index, rep->replay_end) : m->index;
	s->urgent = m->commit;
	s->zeroed = !f;
	for (i = 0; !s->zeroed && i < RAFTBLK_CHUNK_BLOCKS; i++)
		s->hash[i] = le64_to_cpu(f->hash[i]);
}

void raftblk_serve_receive(struct raftblk_replica *rep, u32 slot, const struct raftblk_msg *m)
{
	switch (m->type) {
	case RAFTBLK_MSG_CATCHUP_REQ:
		/* Whoever leads by the time it asks again will answer. */
		rep->peer[slot].owe_boundary = rep->raft.role == RAFT_LEADER;
		rep->peer[slot].boundary_ctx = m->ctx;
		break;
	case RAFTBLK_MSG_LIST_REQ:
		rep->peer[slot].owe_list = true;
		rep->peer[slot].list_ctx = m->ctx;
		rep->peer[slot].list_from = m->chunk;
		rep->peer[slot].list_above = m->commit;
		rep->peer[slot].list_need = m->index;
		break;
	case RAFTBLK_MSG_FETCH:
		receive_fetch(rep, m);
		break;
	case RAFTBLK_MSG_VERIFY_REQ:
		raftblk_serve_hash(rep, m->from, m->ctx, m->chunk, m->index);
		break;
	default:
		break;
	}
}

/* ---- pace ---- */

#define PACE_SLACK_NS	(100 * RAFTBLK_NSEC_PER_MSEC)
#define PACE_QUIET_NS	(20 * RAFTBLK_NSEC_PER_MSEC)

/*
 * When the next chunk is due at this rate, @bytes having been begun now.  What was begun
 * early, because nobody else wanted the disk, is not held against those to come.
 */
static u64 pace_next(const struct raftblk_replica *rep, u64 at, u64 bytes, u64 rate)
{
	u64 earliest = rep->now > PACE_SLACK_NS ? rep->now - PACE_SLACK_NS : 0;

	return min(max(at, earliest), rep->now) + div64_u64(bytes * RAFTBLK_NSEC_PER_SEC, rate);
}

/* This chunk is read now. */
void raftblk_serve_pace(struct raftblk_replica *rep, u64 chunk)
{
	u64 bytes = 512ULL * raftblk_chunk_nsect(rep, chunk);
	struct raftblk_catchup *c = &rep->catchup;

	if (rep->params.rate_min)
		c->pace_min_at = pace_next(rep, c->pace_min_at, bytes, rep->params.rate_min);
	if (rep->params.rate_max)
		c->pace_max_at = pace_next(rep, c->pace_max_at, bytes, rep->params.rate_max);
}

/* Is I/O under way that somebody waits for, or will? */
static bool pace_is_io(const struct raftblk_replica *rep)
{
	return rep->log.nr_writes || rep->applying || !list_empty(&rep->reading);
}

/* A write to the log, an entry being applied or a read has ended. */
void raftblk_serve_io_ended(struct raftblk_replica *rep)
{
	rep->catchup.quiet_at = rep->now + PACE_QUIET_NS;
}

/*
 * Catching up yields: while there is I/O for users, a chunk is read only if it would
 * otherwise be slower than rate_min.  Who sends one request after the other leaves gaps
 * between them.  A chunk read in each gap would make most of the requests wait for one;
 * so it has to have been quiet for a moment, as for the idle class of an I/O scheduler.
 */
u64 raftblk_serve_pace_at(const struct raftblk_replica *rep)
{
	const struct raftblk_catchup *c = &rep->catchup;
	u64 at = c->pace_min_at;

	if (!pace_is_io(rep))
		at = min(at, c->quiet_at);
	return max(at, c->pace_max_at);
}

void raftblk_replica_set_rates(struct raftblk_replica *rep, u64 now, u64 rate_min, u64 rate_max)
{
	rep->now = now;
	rep->busy = true;
	rep->params.rate_min = rate_min;
	rep->params.rate_max = rate_max;
	/* What was due at the rates before may be far away. */
	rep->catchup.pace_min_at = 0;
	rep->catchup.pace_max_at = 0;
}

/* ---- reading ---- */

/* What it needs has been handed out for apply. */
static bool serve_is_possible(const struct raftblk_replica *rep, const struct raftblk_serve *s)
{
	return s->need < rep->apply_next;
}

static bool serve_is_before(const struct raftblk_serve *a, const struct raftblk_serve *b)
{
	if (!b || a->urgent != b->urgent)
		return !b || a->urgent;
	return a->seq < b->seq;
}

/* The next in turn whose index has been reached. */
static struct raftblk_serve *serve_waiting(struct raftblk_replica *rep)
{
	struct raftblk_serve *best = NULL;
	u32 i;

	for (i = 0; i < RAFTBLK_SERVE_SLOTS; i++) {
		struct raftblk_serve *s = &rep->catchup.serve[i];

		if (s->state == RAFTBLK_SERVE_WAITING && serve_is_possible(rep, s) &&
		    serve_is_before(s, best))
			best = s;
	}
	return best;
}

static void serve_expire(struct raftblk_replica *rep, struct raftblk_serve *s)
{
	if (s->state == RAFTBLK_SERVE_READY && rep->now >= s->until)
		serve_free(rep, s);
	else if (!may_serve(rep) && (s->state == RAFTBLK_SERVE_WAITING ||
				     s->state == RAFTBLK_SERVE_HOLD))
		serve_refuse(s, -EAGAIN);
	else if (s->state == RAFTBLK_SERVE_WAITING && rep->now >= s->until)
		serve_refuse(s, serve_is_possible(rep, s) ? -EBUSY : -EAGAIN);
	else
		return;
	if (s->state == RAFTBLK_SERVE_READY)
		s->until = rep->now + raftblk_catchup_patience(rep);
}

/* A question of this member to itself. */
static void serve_self(struct raftblk_replica *rep, struct raftblk_serve *s)
{
	int slot = raftblk_config_find(&rep->raft.config, s->peer);

	if (slot >= 0)
		raftblk_verify_take(rep, slot, s->ctx, s->chunk, s->status, s->hash);
	serve_free(rep, s);
}

void raftblk_serve_step(struct raftblk_replica *rep)
{
	struct raftblk_serve *s;
	u32 i, busy = 0;

	for (i = 0; i < RAFTBLK_SERVE_SLOTS; i++) {
		s = &rep->catchup.serve[i];
		serve_expire(rep, s);
		if (s->state == RAFTBLK_SERVE_READY && s->peer == rep->raft.id)
			serve_self(rep, s);
		busy += s->state == RAFTBLK_SERVE_HOLD || s->state == RAFTBLK_SERVE_READING;
	}
	while (busy++ < RAFTBLK_SERVE_READS) {
		s = serve_waiting(rep);
		/* Entries wait for an urgent one at the asker, in the order of the log. */
		if (!s || (!s->urgent && rep->now < raftblk_serve_pace_at(rep)))
			return;
		s->state = RAFTBLK_SERVE_HOLD;
		if (!s->exact)
			raftblk_serve_pace(rep, s->chunk);
	}
}

/*
 * What is read has to be exactly the state at one index, or the asker could not tell
 * what it has: entries before apply_next have begun and must have ended, later ones
 * do not begin before it is read.
 */
bool raftblk_serve_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	u32 i;

	for (i = 0; i < RAFTBLK_SERVE_SLOTS; i++) {
		struct raftblk_serve *s = &rep->catchup.serve[i];

		if (s->state != RAFTBLK_SERVE_HOLD || raftblk_chunk_is_applying(rep, s->chunk))
			continue;
		s->state = RAFTBLK_SERVE_READING;
		s->tag = rep->apply_next - 1;
		s->version = raftblk_vmap_chunk_version(rep->vmap, s->chunk);
		a->type = s->exact ? RAFTBLK_ACT_CHUNK_HASH : RAFTBLK_ACT_CHUNK_SERVE;
		raftblk_chunk_io_fill(rep, &a->io, i, s->chunk, s->hash);
		a->io.zeroed = s->zeroed;
		a->io.lost = s->lost;
		return true;
	}
	return false;
}

bool raftblk_serve_holds(const struct raftblk_replica *rep, const struct raftblk_entry *e)
{
	u32 i;

	for (i = 0; i < RAFTBLK_SERVE_SLOTS; i++) {
		const struct raftblk_serve *s = &rep->catchup.serve[i];

		if ((s->state == RAFTBLK_SERVE_HOLD || s->state == RAFTBLK_SERVE_READING ||
		     (s->state == RAFTBLK_SERVE_WAITING && s->exact && serve_is_possible(rep, s))) &&
		    raftblk_chunk_overlaps(rep, s->chunk, e))
			return true;
	}
	return false;
}

void raftblk_replica_chunk_served(struct raftblk_replica *rep, u64 now, u32 id,
				  const struct raftblk_chunk_diff *diff, int status)
{
	struct raftblk_serve *s = &rep->catchup.serve[id];

	rep->now = now;
	rep->busy = true;
	s->until = now + raftblk_catchup_patience(rep);
	if (status == -ENOMEM) {
		serve_refuse(s, -EAGAIN);
		return;
	}
	if (status) {
		/* A repair that asks another member in turn would have no end. */
		if (!s->lost)
			raftblk_repair_chunk(rep, s->chunk);
		serve_refuse(s, -EIO);
		return;
	}
	s->diff = *diff;
	s->state = RAFTBLK_SERVE_READY;
}

void raftblk_replica_chunk_hashed(struct raftblk_replica *rep, u64 now, u32 id, int status)
{
	struct raftblk_serve *s = &rep->catchup.serve[id];

	rep->now = now;
	rep->busy = true;
	s->until = now + raftblk_catchup_patience(rep);
	if (status && status != -ENOMEM)
		raftblk_repair_chunk(rep, s->chunk);
	serve_refuse(s, status ? -EAGAIN : 0);
}

u64 raftblk_serve_deadline(const struct raftblk_replica *rep)
{
	u64 at = RAFTBLK_NEVER;
	u32 i;

	for (i = 0; i < RAFTBLK_SERVE_SLOTS; i++) {
		const struct raftblk_serve *s = &rep->catchup.serve[i];

		if (s->state == RAFTBLK_SERVE_WAITING)
			at = min(at, raftblk_deadline_ahead(rep, raftblk_serve_pace_at(rep)));
		if (s->state == RAFTBLK_SERVE_WAITING || s->state == RAFTBLK_SERVE_READY)
			at = min(at, raftblk_deadline_ahead(rep, s->until));
	}
	return at;
}

/* ---- answers ---- */

/*
 * What is applied here is committed, and everything behind it is in the log: the
 * ring is reused up to the checkpoint at most.
 */
static void poll_boundary(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m)
{
	struct raftblk_wire_boundary *b = &rep->catchup.body.boundary;

	raftblk_replica_msg(rep, m, RAFTBLK_MSG_CATCHUP_RESP, slot);
	m->ctx = rep->peer[slot].boundary_ctx;
	/*
	 * A witness has the log behind its boundary, and nothing of what is before.  The asker
	 * would give up a data area that is whole, if old, for one that it may find nobody
	 * to make whole again.
	 */
	if (!rep->applied || raftblk_replica_is_witness(rep)) {
		m->status = EAGAIN;
		return;
	}
	m->index = rep->applied;
	m->log_term = raftblk_log_term(&rep->log, rep->applied);
	memset(b, 0, sizeof(*b));
	b->owner_node = cpu_to_le32(rep->applied_owner_node);
	b->owner_token = cpu_to_le64(rep->applied_owner_token);
	b->volume_sectors = cpu_to_le64(rep->volume_sectors);
	b->config_index = cpu_to_le64(rep->applied_config.index);
	raftblk_config_encode(&rep->applied_config, &b->config);
	m->body = b;
	m->body_bytes = sizeof(*b);
}

/*
 * How many changed behind what is listed now.  Counted once for each asker, from then on
 * subtracted: the map may be large, and there are many lists.
 */
static u64 list_left(struct raftblk_replica *rep, u32 slot, u64 next, u32 nr)
{
	u64 from = rep->peer[slot].list_from, above = rep->peer[slot].list_above;
	u64 left = rep->peer[slot].left;

	if (from && from == rep->peer[slot].left_from && above == rep->peer[slot].left_above)
		left -= min_t(u64, left, nr);
	else
		left = raftblk_vmap_count_above(rep->vmap, next, raftblk_chunk_count(rep), above);
	rep->peer[slot].left = left;
	rep->peer[slot].left_from = next;
	rep->peer[slot].left_above = above;
	return left;
}

static void poll_list(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m)
{
	const struct raftblk_vmap *v = rep->vmap;
	__le64 *listed = rep->catchup.body.listed;
	u64 above = rep->peer[slot].list_above;
	u64 chunk, end = raftblk_chunk_count(rep);

	raftblk_replica_msg(rep, m, RAFTBLK_MSG_LIST_RESP, slot);
	m->ctx = rep->peer[slot].list_ctx;
	if (!may_serve(rep) || rep->applied < rep->peer[slot].list_need) {
		m->status = EAGAIN;
		return;
	}
	chunk = raftblk_vmap_next_above(v, rep->peer[slot].list_from, end, above);
	while (chunk < end && m->nr < RAFTBLK_LIST_MAX) {
		listed[m->nr++] = cpu_to_le64(chunk);
		chunk = raftblk_vmap_next_above(v, chunk + 1, end, above);
	}
	m->chunk = chunk;
	m->index = list_left(rep, slot, chunk, m->nr);
	if (chunk >= end)
		m->flags = RAFTBLK_MSG_F_END;
	m->body = listed;
	m->body_bytes = m->nr * sizeof(*listed);
}

static void poll_data(struct raftblk_replica *rep, struct raftblk_serve *s, u32 slot,
		      struct raftblk_msg *m)
{
	struct raftblk_wire_data *d = &rep->catchup.body.data;

	raftblk_replica_msg(rep, m, RAFTBLK_MSG_DATA, slot);
	m->ctx = s->ctx;
	m->chunk = s->chunk;
	m->status = -s->status;
	if (!s->status) {
		memset(d, 0, sizeof(*d));
		d->version = cpu_to_le64(s->version);
		d->differ = cpu_to_le64(s->diff.differ);
		d->zero = cpu_to_le64(s->diff.zero);
		d->crc = cpu_to_le32(s->diff.crc);
		m->index = s->tag;
		m->body = d;
		m->body_bytes = sizeof(*d);
		m->bytes = s->diff.bytes;
		m->payload = s->diff.payload;	/* the reference is the shell's now */
		s->diff.payload = NULL;
	}
	serve_free(rep, s);
}

static void poll_hashes(struct raftblk_replica *rep, struct raftblk_serve *s, u32 slot,
			struct raftblk_msg *m)
{
	struct raftblk_wire_fetch *f = &rep->catchup.body.fetch;
	u32 i;

	raftblk_replica_msg(rep, m, RAFTBLK_MSG_VERIFY_RESP, slot);
	m->ctx = s->ctx;
	m->chunk = s->chunk;
	m->index = s->need;
	m->status = -s->status;
	if (!s->status) {
		for (i = 0; i < RAFTBLK_CHUNK_BLOCKS; i++)
			f->hash[i] = cpu_to_le64(s->hash[i]);
		m->body = f;
		m->body_bytes = sizeof(*f);
	}
	serve_free(rep, s);
}

static bool poll_serves(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	u32 i;

	for (i = 0; i < RAFTBLK_SERVE_SLOTS; i++) {
		struct raftblk_serve *s = &rep->catchup.serve[i];
		int slot;

		if (s->state != RAFTBLK_SERVE_READY)
			continue;
		slot = raftblk_config_find(&rep->raft.config, s->peer);
		if (slot < 0 || !(ready & (1U << (s->exact ? slot : 16 + slot))))
			continue;
		if (s->exact)
			poll_hashes(rep, s, slot, m);
		else
			poll_data(rep, s, slot, m);
		/* A place is free for one that waits. */
		rep->busy = true;
		return true;
	}
	return false;
}

bool raftblk_serve_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	u32 i;

	for (i = 0; i < rep->raft.config.nr; i++) {
		if (!(ready & (1U << i)))
			continue;
		if (rep->peer[i].owe_boundary) {
			rep->peer[i].owe_boundary = false;
			if (rep->raft.role != RAFT_LEADER)
				continue;
			poll_boundary(rep, i, m);
			return true;
		}
		if (rep->peer[i].owe_list) {
			rep->peer[i].owe_list = false;
			poll_list(rep, i, m);
			return true;
		}
	}
	return poll_serves(rep, ready, m);
}
