/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the consensus share among themselves. */
#ifndef RAFTBLK_RAFT_INTERNAL_H
#define RAFTBLK_RAFT_INTERNAL_H

#include "raft.h"

#define RAFT_NEVER	(~0ULL)

/* raft.c */
struct raft_peer *raft_peer(struct raft *r, u32 id);
void raft_become_follower(struct raft *r, u64 now, u64 term, u32 leader);
void raft_become_leader(struct raft *r, u64 now);
void raft_vote_changed(struct raft *r);
void raft_election_reset(struct raft *r, u64 now);
bool raft_may_campaign(const struct raft *r);
bool raft_is_witness(const struct raft *r);
bool raft_has_vote(const struct raft *r);
void raft_proof_check(struct raft *r);

/* In the log and the membership a slot is the same for config and peer. */
static inline bool raft_is_self(const struct raft *r, u32 slot)
{
	return r->config.member[slot].id == r->id;
}

static inline bool raft_vote_is_durable(const struct raft *r)
{
	return r->vote_durable == r->vote_wanted;
}

/* raft_election.c */
void raft_campaign(struct raft *r, u64 now, bool transfer);
void raft_election_check(struct raft *r, u64 now);
void raft_receive_vote_req(struct raft *r, u64 now, const struct raftblk_msg *m);
void raft_receive_vote_resp(struct raft *r, u64 now, const struct raftblk_msg *m);
void raft_receive_timeout_now(struct raft *r, u64 now, const struct raftblk_msg *m);

/* raft_follow.c */
void raft_receive_append(struct raft *r, u64 now, const struct raftblk_msg *m);
void raft_receive_heartbeat(struct raft *r, u64 now, const struct raftblk_msg *m);
u64 raft_ack_index(const struct raft *r);

/* raft_lead.c */
int raft_append_own(struct raft *r, const struct raftblk_entry *e, u64 *index);
void raft_lead_noop(struct raft *r);
void raft_lead_commit(struct raft *r);
void raft_commit_known(struct raft *r, u64 commit);
void raft_lead_tick(struct raft *r, u64 now);
void raft_receive_append_resp(struct raft *r, u64 now, const struct raftblk_msg *m);
void raft_receive_heartbeat_resp(struct raft *r, u64 now, const struct raftblk_msg *m);
bool raft_lead_append_wanted(struct raft *r, u64 now, u32 slot, u16 *nr, u32 *bytes);
void raft_lead_append_sent(struct raft *r, u64 now, u32 slot, u16 nr, u32 bytes);

/* raft_recall.c */
void raft_recall_init(struct raft *r, u64 now, u64 seed);
void raft_recall_ask(struct raft *r, struct raft_peer *p);
void raft_recall_tick(struct raft *r, u64 now);
u64 raft_recall_deadline(const struct raft *r);
void raft_receive_recall(struct raft *r, u64 now, const struct raftblk_msg *m);
bool raft_recall_poll(struct raft *r, u64 now, struct raft_peer *p, struct raftblk_msg *m);
void raft_promise_note(const struct raft *r, struct raft_peer *p, const struct raftblk_msg *m);

/* raft_age.c */
void raft_ages_reset(struct raft *r, u64 now);
void raft_ages_note(struct raft *r, u64 now);

/* raft_member.c */
void raft_peers_rebuild(struct raft *r, const struct raftblk_config *config);
int raft_config_appended(struct raft *r, u64 index, const void *payload);
void raft_config_cut(struct raft *r, u64 index);
void raft_config_step(struct raft *r, u64 now);

#endif /* RAFTBLK_RAFT_INTERNAL_H */
