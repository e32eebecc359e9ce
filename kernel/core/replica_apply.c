// SPDX-License-Identifier: GPL-2.0
/* Apply: from the log to the data area; and payloads read back from the ring. */
#include "replica_internal.h"

/* Pins are for what is used within a moment. */
#define PIN_NS	(1000 * RAFTBLK_NSEC_PER_MSEC)

/*
 * Rule 11.  Not committed: another leader may replace it, and the data area
 * cannot be cut.  Not durable here: after a crash this member would have applied
 * what it does not know.
 */
static u64 apply_limit(const struct raftblk_replica *rep)
{
#ifdef RAFTBLK_PLANT_APPLY_UNCOMMITTED
	return rep->log.last;	/* planted fault: for the simulator to find */
#endif
	return min(rep->raft.commit, rep->log.durable);
}

/* ---- apply ---- */

/* An entry joins the applied prefix. */
static int applied_pass(struct raftblk_replica *rep, const struct raftblk_entry *e)
{
	rep->applied++;
	rep->unapplied_bytes -= min_t(u64, rep->unapplied_bytes, e->bytes);
	if (e->op == RAFTBLK_OP_OWNER) {
		rep->applied_owner_node = e->sector;
		rep->applied_owner_token = rep->applied;
	}
	/* Fencing is the leader's work; this finds out if it ever fails at it. */
	if (raftblk_entry_is_data(e) && e->token != rep->applied_owner_token)
		return -EUCLEAN;
	return 0;
}

static void applied_advance(struct raftblk_replica *rep)
{
	const struct raftblk_entry *e;
	int err = 0;

	while (!err && rep->applied + 1 < rep->apply_next) {
		e = raftblk_log_entry(&rep->log, rep->applied + 1);
		if (!e || !(e->state & RAFTBLK_ENTRY_APPLIED))
			break;
		err = applied_pass(rep, e);
	}
	if (err)
		raftblk_replica_fault(rep, err);
	rep->last_apply_at = rep->now;
	rep->busy = true;
}

/* Entries that concern the core alone, on a witness all.  False: not yet; then or on error. */
static bool apply_own(struct raftblk_replica *rep, const struct raftblk_entry *e)
{
	switch (e->op) {
	case RAFTBLK_OP_NOOP:
	case RAFTBLK_OP_OWNER:
		return true;
	case RAFTBLK_OP_CONFIG:
		/* Older than what a joiner was told: see raft_config_appended(). */
		if (rep->apply_next <= rep->applied_config.index)
			return true;
		/* In its turn: a checkpoint takes the configuration as of @applied. */
		if (!e->payload || rep->applied + 1 != rep->apply_next)
			return false;
		if (raftblk_config_decode(&rep->applied_config, rep->ops.map(e->payload))) {
			raftblk_replica_fault(rep, -EUCLEAN);
			return false;
		}
		rep->applied_config.index = rep->apply_next;
		return true;
	case RAFTBLK_OP_RESIZE:
		/* In its turn, likewise. */
		if (rep->applied + 1 != rep->apply_next)
			return false;
		rep->volume_sectors = max(rep->volume_sectors, e->sector);
		/* Soon: until it is known again what is committed, a restart shows this size. */
		rep->ckpt_wanted = true;
		return true;
	case RAFTBLK_OP_WRITE:
	case RAFTBLK_OP_DISCARD:
	case RAFTBLK_OP_ZERO:
		return true;	/* on a witness: there is no data area */
	default:
		/* Of a later version.  Skipping it would make this member differ. */
		raftblk_replica_fault(rep, -EOPNOTSUPP);
		return false;
	}
}

static bool apply_overlaps(struct raftblk_replica *rep, const struct raftblk_entry *e)
{
	const struct raftblk_entry *other;
	u32 i;

	for (i = 0; i < rep->applying; i++) {
		other = raftblk_log_entry(&rep->log, rep->apply_index[i]);
		if (other && raftblk_entry_overlaps(other, e->sector, e->nsect))
			return true;
	}
	return false;
}

static bool apply_may_start(struct raftblk_replica *rep, const struct raftblk_entry *e)
{
	if (e->bytes && !e->payload)
		return false;
	if (rep->applying == RAFTBLK_APPLY_DEPTH || apply_overlaps(rep, e) ||
	    raftblk_catchup_holds(rep, e))
		return false;
	/* Checked when it was proposed and received; the last gate before the disk. */
	if (e->nsect > rep->volume_sectors || e->sector > rep->volume_sectors - e->nsect) {
		raftblk_replica_fault(rep, -EUCLEAN);
		return false;
	}
	return true;
}

bool raftblk_replica_apply_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	struct raftblk_entry *e;

	if (raftblk_catchup_drains(rep))
		return false;
	while (rep->apply_next <= apply_limit(rep)) {
		e = raftblk_log_entry(&rep->log, rep->apply_next);
		if (!e)
			return false;
		if (raftblk_entry_is_data(e) && !raftblk_replica_is_witness(rep)) {
			if (!apply_may_start(rep, e))
				return false;
			e->state |= RAFTBLK_ENTRY_APPLYING;
			/* Now, not when it is done: version 0 says that nothing was written. */
			if (rep->vmap)
				raftblk_vmap_set(rep->vmap, e->sector, e->nsect, rep->apply_next);
			raftblk_repair_applying(rep, e, rep->apply_next);
			a->type = RAFTBLK_ACT_APPLY;
			a->index = rep->apply_next;
			a->entry = *e;
			rep->apply_index[rep->applying++] = rep->apply_next++;
			return true;
		}
		if (!apply_own(rep, e))
			return false;
		e->state |= RAFTBLK_ENTRY_APPLIED;
		rep->apply_next++;
		applied_advance(rep);
	}
	return false;
}

void raftblk_replica_applied(struct raftblk_replica *rep, u64 now, u64 index, int status)
{
	struct raftblk_entry *e = raftblk_log_entry(&rep->log, index);
	u32 i;

	rep->now = now;
	rep->busy = true;
	raftblk_serve_io_ended(rep);
	for (i = 0; i < rep->applying && rep->apply_index[i] != index; i++)
		;
	if (i == rep->applying)
		return;
	rep->apply_index[i] = rep->apply_index[--rep->applying];
	if (e)
		e->state &= ~RAFTBLK_ENTRY_APPLYING;
	if (status) {
		raftblk_replica_fault(rep, status);
	} else if (e) {
		e->state |= RAFTBLK_ENTRY_APPLIED;
		applied_advance(rep);
	}
}

/* ---- memory ---- */

/* Is the payload of a pinned entry still to be used? */
static bool pin_wanted(const struct raftblk_replica *rep, u64 index)
{
	const struct raft *r = &rep->raft;
	u32 i;

	if (index >= rep->apply_next)
		return true;
	for (i = 0; r->role == RAFT_LEADER && i < r->config.nr; i++)
		if (r->config.member[i].id != r->id && r->peer[i].next <= index &&
		    index < r->peer[i].next + RAFTBLK_MSG_MAX_ENTRIES)
			return true;
	return false;
}

static void pins_drop(struct raftblk_replica *rep)
{
	struct raftblk_entry *e;
	u32 i = 0;

	while (i < rep->nr_pins) {
		if (rep->now < rep->pin[i].until && pin_wanted(rep, rep->pin[i].index)) {
			i++;
			continue;
		}
		e = raftblk_log_entry(&rep->log, rep->pin[i].index);
		if (e)
			e->state &= ~RAFTBLK_ENTRY_PINNED;
		rep->pin[i] = rep->pin[--rep->nr_pins];
	}
}

/* A payload that was read back must stay until it was used, or it would be read
 * over and over: the oldest are the first that trimming drops.
 */
static void pin_add(struct raftblk_replica *rep, u64 index)
{
	struct raftblk_entry *e = raftblk_log_entry(&rep->log, index);

	if (!e || rep->nr_pins == ARRAY_SIZE(rep->pin))
		return;
	e->state |= RAFTBLK_ENTRY_PINNED;
	rep->pin[rep->nr_pins].index = index;
	rep->pin[rep->nr_pins++].until = rep->now + PIN_NS;
}

/*
 * Keep what is cached within its budget.  In steps, since each walks over the
 * entries that have been trimmed before; and where much cannot be dropped, not
 * again before more has come.
 */
void raftblk_replica_trim(struct raftblk_replica *rep)
{
	u32 budget = rep->params.cache_bytes;
	u32 step = budget / 8;

	if (rep->nr_pins)
		pins_drop(rep);
	if (rep->log.cached_bytes <= rep->trim_above)
		return;
	raftblk_log_trim_cache(&rep->log, budget - step);
	rep->trim_above = max_t(u64, budget, rep->log.cached_bytes + step);
}

/*
 * What a peer needs next is below what it was to be sent later: appends were lost
 * and it starts over.  Were the later ones to keep their places, nothing would move
 * until their time is over.
 */
static bool pins_yield(struct raftblk_replica *rep, u64 index)
{
	struct raftblk_entry *e;
	u32 i, last = 0;

	if (!index || rep->loading || !rep->nr_pins)
		return false;
	for (i = 1; i < rep->nr_pins; i++)
		if (rep->pin[i].index > rep->pin[last].index)
			last = i;
	if (rep->pin[last].index <= index || rep->pin[last].index >= rep->apply_next)
		return false;
	e = raftblk_log_entry(&rep->log, rep->pin[last].index);
	if (e)
		e->state &= ~RAFTBLK_ENTRY_PINNED;
	rep->pin[last] = rep->pin[--rep->nr_pins];
	return true;
}

/* ---- payloads from the ring ---- */

/* Does apply need a payload that is neither here nor on its way? */
static bool load_is_missing(const struct raftblk_replica *rep, const struct raftblk_entry *e)
{
	return e && e->bytes && !e->payload && !(e->state & RAFTBLK_ENTRY_LOADING) &&
	       (e->op == RAFTBLK_OP_CONFIG || !raftblk_replica_is_witness(rep));
}

/* What apply needs soon.  The next one always; others as memory allows. */
static u64 load_for_apply(struct raftblk_replica *rep, bool room)
{
	u64 end = min(apply_limit(rep), rep->apply_next + (room ? RAFTBLK_LOAD_DEPTH - 1 : 0));
	u64 i;

	for (i = rep->apply_next; i <= end; i++)
		if (load_is_missing(rep, raftblk_log_entry(&rep->log, i)))
			return i;
	return 0;
}

static u64 load_for_peers(struct raftblk_replica *rep, u32 ready)
{
	u64 i;

	if (rep->now < rep->load_retry_at)
		return 0;
	i = raft_load(&rep->raft, ready, 0);
	if (i && i == rep->load_bad)
		i = raft_load(&rep->raft, ready, i + 1);
	return i;
}

bool raftblk_replica_load_next(struct raftblk_replica *rep, u32 ready, struct raftblk_action *a)
{
	struct raftblk_entry *e;
	bool room;
	u64 i;

	if (rep->loading >= RAFTBLK_LOAD_DEPTH || raftblk_catchup_drains(rep))
		return false;
	/* Half as much again as the budget: otherwise a cache that is always full
	 * would leave nothing to peers that lag.
	 */
	room = rep->loading + rep->nr_pins < RAFTBLK_PINS &&
	       rep->log.cached_bytes < rep->params.cache_bytes + rep->params.cache_bytes / 2;
	i = load_for_apply(rep, room);
	if (!i) {
		i = load_for_peers(rep, ready);
		if (!room && rep->loading + rep->nr_pins && !pins_yield(rep, i))
			return false;
	}
	e = i ? raftblk_log_entry(&rep->log, i) : NULL;
	if (!e)
		return false;
	e->state |= RAFTBLK_ENTRY_LOADING;
	rep->loading++;
	a->type = RAFTBLK_ACT_LOG_READ;
	a->index = i;
	a->entry = *e;
	return true;
}

static void load_failed(struct raftblk_replica *rep, u64 index)
{
	if (index >= rep->apply_next && index <= apply_limit(rep)) {
		/* Committed, and there is no way to know what it was. */
		raftblk_replica_fault(rep, -EIO);
		return;
	}
	/* A peer's loss only; it may yet be served by another leader. */
	rep->load_bad = index;
	rep->load_retry_at = rep->now + RAFTBLK_ASK_NS;
}

void raftblk_replica_log_read(struct raftblk_replica *rep, u64 now, u64 index, u64 term,
			      struct raftblk_payload *p, int status)
{
	struct raftblk_entry *e = raftblk_log_entry(&rep->log, index);

	rep->now = now;
	rep->busy = true;
	rep->loading--;
	/* Replaced or forgotten meanwhile, and its place in the ring with it: what
	 * was read, or not, says nothing.
	 */
	if (!e || e->term != term || !(e->state & RAFTBLK_ENTRY_LOADING)) {
		if (p)
			rep->ops.put(p);
		return;
	}
	e->state &= ~RAFTBLK_ENTRY_LOADING;
	if (status || !p) {
		if (p)
			rep->ops.put(p);
		if (!raftblk_replica_halted(rep))
			load_failed(rep, index);
		return;
	}
	if (raftblk_log_set_payload(&rep->log, index, term, p))
		pin_add(rep, index);
	else
		rep->ops.put(p);
}

u64 raftblk_replica_load_deadline(const struct raftblk_replica *rep)
{
	return rep->raft.role == RAFT_LEADER && rep->now < rep->load_retry_at ?
	       rep->load_retry_at : RAFTBLK_NEVER;
}
