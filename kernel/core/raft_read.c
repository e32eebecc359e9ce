// SPDX-License-Identifier: GPL-2.0
/* Reads: lease and ReadIndex (thesis, 6.4). */
#include "raft_internal.h"

/*
 * Each member that answered a heartbeat keeps from electing another leader for
 * election_ns after it received it; so counting less than that from when it was
 * sent is safe as long as clocks do not drift apart by the difference.  Not for a leader
 * without a vote: who is the last voter asks nobody, and does not wait.
 */
u64 raft_lease_until(const struct raft *r, u64 now)
{
	u64 value[RAFTBLK_MAX_MEMBERS];
	u64 length = r->params.election_ns / 100 * r->params.lease_percent;
	u64 agreed;
	u32 i;

	if (!raft_leads(r) || r->lease_lost || r->params.quorum_reads || !raft_has_vote(r))
		return 0;
	for (i = 0; i < r->config.nr; i++)
		value[i] = raft_is_self(r, i) ? now : r->peer[i].lease_at;
	agreed = raftblk_config_agreed(&r->config, value);
	return agreed ? agreed + length : 0;
}

bool raft_lease_valid(const struct raft *r, u64 now)
{
	return now < raft_lease_until(r, now);
}

u64 raft_read_begin(struct raft *r, u64 now)
{
	u32 i;

	r->read_round++;
	if (r->role != RAFT_LEADER || raft_lease_valid(r, now))
		return r->read_round;
	for (i = 0; i < r->config.nr; i++)
		r->peer[i].owe_heartbeat = !raft_is_self(r, i);
	return r->read_round;
}

bool raft_read_confirmed(const struct raft *r, u64 now, u64 round)
{
	u64 value[RAFTBLK_MAX_MEMBERS];
	u32 i;

	if (!raft_leads(r))
		return false;
	if (raft_lease_valid(r, now))
		return true;
	/* Rule 6: an answer to a heartbeat sent before the read confirms nothing. */
	for (i = 0; i < r->config.nr; i++)
		value[i] = raft_is_self(r, i) ? r->read_round : r->peer[i].read_acked;
	return raftblk_config_agreed(&r->config, value) >= round;
}
