// SPDX-License-Identifier: GPL-2.0
/*
 * What an event did to the log: entries cut, appended, committed.
 *
 * Consensus appends, cuts and commits; requests, ownership and changes of
 * membership hang on individual entries.  This runs after every event that
 * can move the log, so each cut is seen before anything else is cut, and
 * before a commit index is compared with the index of a cut entry.
 */
#include "replica_internal.h"

/* The newest OWNER entry in the log was cut: find the one before. */
static void track_owner_again(struct raftblk_replica *rep)
{
	const struct raftblk_entry *e;
	u64 i;

	rep->log_owner_node = rep->applied_owner_node;
	rep->log_owner_token = rep->applied_owner_token;
	for (i = rep->tracked; i > rep->applied; i--) {
		e = raftblk_log_entry(&rep->log, i);
		if (e && e->op == RAFTBLK_OP_OWNER) {
			rep->log_owner_node = e->sector;
			rep->log_owner_token = i;
			return;
		}
	}
}

static void track_unapplied_again(struct raftblk_replica *rep)
{
	const struct raftblk_entry *e;
	u64 i;

	rep->unapplied_bytes = 0;
	for (i = rep->applied + 1; i <= rep->tracked; i++) {
		e = raftblk_log_entry(&rep->log, i);
		if (e)
			rep->unapplied_bytes += e->bytes;
	}
}

static void track_cut(struct raftblk_replica *rep)
{
	u64 from = rep->log.cut_from;

	rep->log.cut_from = 0;
	if (rep->tracked >= from)
		rep->tracked = from - 1;
	/* Never committed, so never applied. */
	rep->replay_end = min(rep->replay_end, from - 1);
	if (rep->log_owner_token >= from)
		track_owner_again(rep);
	track_unapplied_again(rep);
	/* Not known to be gone for good, see raftblk_replica_writes_returned();
	 * for an owner entry it does not matter: another one has another token.
	 */
	if (rep->own_proposed >= from)
		rep->own_proposed = 0;
	raftblk_replica_changes_cut(rep, from);
	raftblk_replica_writes_cut(rep, from);
}

/*
 * The volume grows for users when that is committed, on every member: before, the entry could
 * be cut again, and somebody would have written behind the end.  So requests beyond the
 * old end have entries above this one.
 */
static void track_resize(struct raftblk_replica *rep, u64 sectors)
{
	if (raftblk_has_room(rep, sectors))
		rep->size = max(rep->size, sectors);
	else
		raftblk_replica_fault(rep, -ENOSPC);
}

static void track_new(struct raftblk_replica *rep)
{
	const struct raftblk_entry *e;

	if (rep->tracked == rep->log.last)
		return;
	while (rep->tracked < rep->log.last) {
		e = raftblk_log_entry(&rep->log, ++rep->tracked);
		if (!e)
			continue;
		rep->unapplied_bytes += e->bytes;
		if (e->op == RAFTBLK_OP_OWNER) {
			rep->log_owner_node = e->sector;
			rep->log_owner_token = rep->tracked;
		}
#ifdef RAFTBLK_PLANT_RESIZE_UNCOMMITTED
		if (e->op == RAFTBLK_OP_RESIZE)
			track_resize(rep, e->sector);	/* planted fault: for the simulator */
#endif
	}
	raftblk_replica_writes_returned(rep);
}

static void track_commit(struct raftblk_replica *rep)
{
	u64 token = rep->owner_token;
	const struct raftblk_entry *e;

	while (rep->tracked_commit < rep->raft.commit) {
		e = raftblk_log_entry(&rep->log, ++rep->tracked_commit);
		if (e && e->op == RAFTBLK_OP_RESIZE)
			track_resize(rep, e->sector);
		if (!e || e->op != RAFTBLK_OP_OWNER)
			continue;
		rep->owner_node = e->sector;
		rep->owner_token = rep->tracked_commit;
	}
	/* First: what is committed below a newer owner entry has been done. */
	raftblk_replica_writes_committed(rep);
	if (rep->owner_token == token)
		return;
	raftblk_replica_event(rep, RAFTBLK_EVENT_OWNER, rep->owner_node, rep->owner_token);
	/*
	 * Rule 17.  Another node may have written since: from here on this
	 * opener's picture of the device is wrong, and its writes would destroy
	 * the other's.
	 */
	if (rep->token && rep->owner_token > rep->token)
		raftblk_replica_fence(rep, rep->owner_node);
}

void raftblk_replica_track(struct raftblk_replica *rep)
{
	if (rep->log.cut_from)
		track_cut(rep);
	track_new(rep);
	track_commit(rep);
}

/* raft_propose(), with what follows from it taken notice of. */
int raftblk_replica_propose(struct raftblk_replica *rep, const struct raftblk_entry *e,
			    u64 *index)
{
	int err = raft_propose(&rep->raft, rep->now, e, index);

	if (!err)
		raftblk_replica_track(rep);
	else if (err == -ENOSPC && !raftblk_log_has_room(&rep->log, e->bytes))
		rep->ckpt_wanted = true;
	return err;
}
