// SPDX-License-Identifier: GPL-2.0
/* What goes to the slots on disk: checkpoints, and term with vote. */
#include "replica_internal.h"

/* ---- checkpoint ---- */

/*
 * Recovery found that this member has lost entries that it may have
 * acknowledged.  Before anything is written to the ring over the evidence, and
 * before this member is heard in an election, that fact must be on disk (rule
 * 10): after another crash it would vote as if it had never acknowledged them.
 */
void raftblk_replica_ckpt_init(struct raftblk_replica *rep, u64 proof_index)
{
	rep->proof_pending = proof_index > rep->ckpt.proof_index;
	rep->ckpt_applied = rep->applied;
	rep->new_ckpt = rep->ckpt;
	/* Nothing was applied since the last checkpoint: there is nothing to flush. */
	rep->ckpt_state = rep->proof_pending ? RAFTBLK_CKPT_WANT_WRITE : RAFTBLK_CKPT_IDLE;
}

static u64 ckpt_idle_at(const struct raftblk_replica *rep)
{
	return rep->last_apply_at + rep->params.idle_ckpt_ns;
}

static bool ckpt_is_due(const struct raftblk_replica *rep)
{
	if (raftblk_catchup_drains(rep))
		return false;
	if (rep->proof_pending || (rep->ckpt.proof_index && !rep->raft.proof_index))
		return true;
	if (rep->raft.incomplete && raftblk_catchup_ckpt_is_due(rep))
		return true;
	/* The ring may be full of records of entries that were cut, nothing of it applied. */
	if (rep->applied == rep->ckpt.applied_index)
		return rep->ckpt_wanted &&
		       raftblk_log_replay_pos(&rep->log, rep->applied) > rep->log.ckpt_pos;
	return rep->ckpt_wanted || rep->now >= ckpt_idle_at(rep) ||
	       raftblk_log_usage(&rep->log) >= rep->params.ckpt_percent;
}

/*
 * What the checkpoint stands for is taken now: it may claim exactly what was
 * applied when the flush began.
 */
static void ckpt_begin(struct raftblk_replica *rep)
{
	rep->ckpt_applied = rep->applied;
	rep->new_ckpt.owner_node = rep->applied_owner_node;
	rep->new_ckpt.owner_token = rep->applied_owner_token;
	rep->new_ckpt.volume_sectors = rep->volume_sectors;
	rep->new_ckpt.config = rep->applied_config;
	rep->new_ckpt.flags = rep->vmap ? RAFTBLK_CKPT_F_VMAP : 0;
	raftblk_catchup_ckpt_fill(rep, &rep->new_ckpt);
	rep->catchup.saved_at = rep->now;
	rep->map_next = 0;
	rep->ckpt_state = RAFTBLK_CKPT_MAPPING;
#ifdef RAFTBLK_PLANT_VMAP_LATE
	rep->map_next = ~0U;	/* planted fault: written after the checkpoint */
#endif
}

/*
 * The map first, so that one flush covers it and the data area.  A block that
 * changes again meanwhile is left for the next checkpoint: what it says more is
 * above this one.
 */
static bool map_write_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	struct raftblk_vmap *v = rep->vmap;

	if (!v || !v->nr_dirty || rep->map_writing == RAFTBLK_VMAP_WRITES)
		return false;
	rep->map_next = raftblk_vmap_next_dirty(v, rep->map_next);
	if (rep->map_next >= v->nr_blocks)
		return false;
	a->type = RAFTBLK_ACT_VMAP_WRITE;
	a->block = rep->map_next++;
	rep->map_writing++;
	return true;
}

static bool map_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	if (map_write_next(rep, a))
		return true;
	if (rep->map_writing)
		return false;
#ifdef RAFTBLK_PLANT_VMAP_LATE
	if (rep->map_next != ~0U) {
		rep->ckpt_state = RAFTBLK_CKPT_IDLE;
		return false;
	}
#endif
	rep->ckpt_state = RAFTBLK_CKPT_FLUSHING;
	a->type = RAFTBLK_ACT_FLUSH;
	return true;
}

void raftblk_replica_vmap_written(struct raftblk_replica *rep, u64 now, int status)
{
	rep->now = now;
	rep->busy = true;
	rep->map_writing--;
	if (status)
		raftblk_replica_fault(rep, status);
}

static void ckpt_write(struct raftblk_replica *rep, struct raftblk_action *a)
{
	if (rep->catchup.state != RAFTBLK_CATCHUP_BEGIN)
		raftblk_log_ckpt_fill(&rep->log, rep->ckpt_applied, &rep->new_ckpt);
	rep->new_ckpt.generation = rep->ckpt.generation + 1;
	rep->new_ckpt.proof_index = rep->raft.proof_index;
	raft_promises_save(&rep->raft, rep->new_ckpt.promise);
	rep->ckpt_state = RAFTBLK_CKPT_WRITING;
	a->type = RAFTBLK_ACT_CKPT_WRITE;
	a->ckpt = &rep->new_ckpt;
}

bool raftblk_replica_ckpt_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	switch (rep->ckpt_state) {
	case RAFTBLK_CKPT_IDLE:
		if (!ckpt_is_due(rep))
			return false;
		ckpt_begin(rep);
#ifdef RAFTBLK_PLANT_CKPT_BEFORE_FLUSH
		ckpt_write(rep, a);	/* planted fault: for the simulator to find */
		return true;
#endif
		fallthrough;
	case RAFTBLK_CKPT_MAPPING:
		return map_next(rep, a);
	case RAFTBLK_CKPT_WANT_WRITE:
		ckpt_write(rep, a);
		return true;
	default:
		return false;
	}
}

/* Rule 12: only now is what was applied before the flush there for good. */
void raftblk_replica_flushed(struct raftblk_replica *rep, u64 now, int status)
{
	rep->now = now;
	rep->busy = true;
	if (status)
		raftblk_replica_fault(rep, status);
	else if (rep->ckpt_state == RAFTBLK_CKPT_FLUSHING)
		rep->ckpt_state = RAFTBLK_CKPT_WANT_WRITE;
}

void raftblk_replica_ckpt_written(struct raftblk_replica *rep, u64 now, int status)
{
	bool proven, completed;

	rep->now = now;
	rep->busy = true;
	if (status) {
		raftblk_replica_fault(rep, status);
		return;
	}
	if (rep->ckpt_state != RAFTBLK_CKPT_WRITING)
		return;
	proven = rep->ckpt.proof_index && !rep->new_ckpt.proof_index;
	completed = rep->ckpt.flags & ~rep->new_ckpt.flags & RAFTBLK_CKPT_F_INCOMPLETE;
	rep->ckpt = rep->new_ckpt;
	rep->ckpt_state = RAFTBLK_CKPT_IDLE;
#ifdef RAFTBLK_PLANT_VMAP_LATE
	rep->ckpt_state = RAFTBLK_CKPT_MAPPING;
	rep->map_next = 0;
#endif
	rep->ckpt_wanted = false;
	/* It may have come to know of more meanwhile. */
	rep->proof_pending = rep->raft.proof_index > rep->ckpt.proof_index;
	raftblk_log_ckpt_done(&rep->log, &rep->ckpt);
	if (proven)
		raftblk_replica_event(rep, RAFTBLK_EVENT_PROVEN, 0, 0);
	if (rep->catchup.state == RAFTBLK_CATCHUP_BEGIN)
		raftblk_catchup_begun(rep);
	else if (completed)
		raftblk_catchup_end(rep);
}

u64 raftblk_replica_ckpt_deadline(const struct raftblk_replica *rep)
{
	if (rep->ckpt_state != RAFTBLK_CKPT_IDLE || rep->applied == rep->ckpt.applied_index ||
	    raftblk_catchup_drains(rep))
		return RAFTBLK_NEVER;
	return ckpt_idle_at(rep);
}

/* ---- term and vote ---- */

/*
 * Slots alternate by generation.  Several changes may have come while one was
 * being written; the next must still not go to the slot that holds the only good
 * vote: torn, it would leave the one before, and a second vote in the same term.
 */
static u64 vote_generation(struct raft *r)
{
	if (!((r->vote_wanted ^ r->vote_durable) & 1))
		r->vote_wanted++;
	return r->vote_wanted;
}

/*
 * A vote that was answered for must not be in one slot alone: if that goes bad, it
 * looks like one that was torn, the one before is taken for the newest, and this
 * member votes twice.  So it is written to the other slot as well, when there is
 * nothing more urgent; nobody waits for it.
 */
bool raftblk_replica_vote_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	struct raft *r = &rep->raft;
	bool changed = r->vote_wanted != r->vote_durable;

	if (rep->vote_writing || (!changed && !rep->vote_single))
		return false;
	rep->vote_single = changed;
	/* Written again it is as durable as before, so nothing has to wait for that. */
	if (!changed)
		r->vote_wanted = ++r->vote_durable;
	rep->vote_writing = changed ? vote_generation(r) : r->vote_wanted;
	a->type = RAFTBLK_ACT_VOTE_WRITE;
	a->vote = (struct raftblk_vote){
		.generation = rep->vote_writing,
		.term = r->term,
		.voted_for = r->voted_for,
		.durable_index = rep->log.durable,
		.durable_pos = raftblk_log_durable_pos(&rep->log),
	};
	return true;
}

void raftblk_replica_vote_written(struct raftblk_replica *rep, u64 now, u64 generation,
				  int status)
{
	rep->now = now;
	rep->busy = true;
	rep->vote_writing = 0;
	if (status) {
		raftblk_replica_fault(rep, status);
		return;
	}
	if (raftblk_replica_halted(rep))
		return;
	raft_vote_durable(&rep->raft, now, generation);
	raftblk_replica_track(rep);
}
