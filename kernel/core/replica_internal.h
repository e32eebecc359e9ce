/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the replica share among themselves. */
#ifndef RAFTBLK_REPLICA_INTERNAL_H
#define RAFTBLK_REPLICA_INTERNAL_H

#include "replica.h"

#define RAFTBLK_NEVER		(~0ULL)

/* How often a question to the leader is repeated: it, or its answer, may be lost. */
#define RAFTBLK_ASK_NS		(150 * RAFTBLK_NSEC_PER_MSEC)

/* So often content may come too late before applies to the chunk wait for it. */
#define RAFTBLK_DROPS_MAX	2

/* A member that has stopped, for whatever reason, begins nothing any more. */
static inline bool raftblk_replica_halted(const struct raftblk_replica *rep)
{
	return rep->fault || rep->stopping;
}

/* It votes and keeps the log; what is applied is only counted. */
static inline bool raftblk_replica_is_witness(const struct raftblk_replica *rep)
{
	return !rep->super.data_sectors;
}

static inline bool raftblk_deadline_passed(u64 deadline, u64 now)
{
	return deadline && now >= deadline;
}

static inline u64 raftblk_deadline_min(u64 a, u64 deadline)
{
	return deadline && deadline < a ? deadline : a;
}

/* What is due already waits for something else than the time. */
static inline u64 raftblk_deadline_ahead(const struct raftblk_replica *rep, u64 at)
{
	return at > rep->now ? at : RAFTBLK_NEVER;
}

/* replica.c */
void raftblk_replica_fault(struct raftblk_replica *rep, int err);
void raftblk_replica_event(struct raftblk_replica *rep, enum raftblk_event_type type, s64 a, u64 b);
void raftblk_replica_event3(struct raftblk_replica *rep, enum raftblk_event_type type, s64 a, u64 b,
			    u64 c);
int raftblk_replica_leader_slot(const struct raftblk_replica *rep);
void raftblk_replica_msg(const struct raftblk_replica *rep, struct raftblk_msg *m, u8 type,
			 u32 slot);

/* replica_track.c */
void raftblk_replica_track(struct raftblk_replica *rep);
int raftblk_replica_propose(struct raftblk_replica *rep, const struct raftblk_entry *e,
			    u64 *index);

/* replica_apply.c */
bool raftblk_replica_apply_next(struct raftblk_replica *rep, struct raftblk_action *a);
bool raftblk_replica_load_next(struct raftblk_replica *rep, u32 ready, struct raftblk_action *a);
void raftblk_replica_trim(struct raftblk_replica *rep);
u64 raftblk_replica_load_deadline(const struct raftblk_replica *rep);

/* replica_ckpt.c */
void raftblk_replica_ckpt_init(struct raftblk_replica *rep, u64 proof_index);
bool raftblk_replica_ckpt_next(struct raftblk_replica *rep, struct raftblk_action *a);
u64 raftblk_replica_ckpt_deadline(const struct raftblk_replica *rep);
bool raftblk_replica_vote_next(struct raftblk_replica *rep, struct raftblk_action *a);

/* replica_io.c */
void raftblk_req_end(struct raftblk_replica *rep, struct raftblk_req *req, int status);
void raftblk_replica_writes_cut(struct raftblk_replica *rep, u64 from);
void raftblk_replica_writes_returned(struct raftblk_replica *rep);
void raftblk_replica_writes_committed(struct raftblk_replica *rep);
void raftblk_replica_writes_step(struct raftblk_replica *rep);
void raftblk_replica_waiting_end(struct raftblk_replica *rep, int status);
void raftblk_replica_proposed_end(struct raftblk_replica *rep, int status);
void raftblk_replica_requests_expire(struct raftblk_replica *rep);
u64 raftblk_replica_requests_deadline(const struct raftblk_replica *rep);

/* replica_read.c */
void raftblk_read_release(struct raftblk_replica *rep, struct raftblk_req *req);
void raftblk_read_restart(struct raftblk_replica *rep, struct raftblk_req *req);
bool raftblk_read_lay(struct raftblk_req *req, const struct raftblk_segment *piece);
void raftblk_replica_reads_step(struct raftblk_replica *rep);
void raftblk_replica_reads_end(struct raftblk_replica *rep, int status);
bool raftblk_replica_read_next(struct raftblk_replica *rep, struct raftblk_action *a);
bool raftblk_replica_read_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m);
void raftblk_replica_receive_read(struct raftblk_replica *rep, u32 slot,
				  const struct raftblk_msg *m);
u64 raftblk_replica_read_deadline(const struct raftblk_replica *rep);

/* replica_owner.c */
void raftblk_replica_fence(struct raftblk_replica *rep, u32 owner);
void raftblk_replica_owner_step(struct raftblk_replica *rep);
void raftblk_replica_opens_end(struct raftblk_replica *rep, int status, u32 owner);
bool raftblk_replica_owner_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m);
void raftblk_replica_receive_owner(struct raftblk_replica *rep, u32 slot,
				   const struct raftblk_msg *m);
/* 1: that node has the device open for writing; 0: no; -EAGAIN: not known yet. */
int raftblk_replica_owner_holds(const struct raftblk_replica *rep, u32 node);
u64 raftblk_replica_owner_deadline(const struct raftblk_replica *rep);

/* replica.c */
void raftblk_replica_config_moved(struct raftblk_replica *rep);

/* replica_member.c */
void raftblk_replica_changes_cut(struct raftblk_replica *rep, u64 from);
void raftblk_replica_changes_step(struct raftblk_replica *rep);
void raftblk_replica_changes_end(struct raftblk_replica *rep, int status);
u64 raftblk_replica_changes_deadline(const struct raftblk_replica *rep);

/* replica_resize.c */
int raftblk_resize_begin(struct raftblk_replica *rep, struct raftblk_change *c);
bool raftblk_resize_is_pending(struct raftblk_replica *rep);
void raftblk_receive_grow(struct raftblk_replica *rep, u32 slot, const struct raftblk_msg *m);
bool raftblk_grow_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m);
bool raftblk_grow_next(struct raftblk_replica *rep, struct raftblk_action *a);

/* The data area is large enough for a volume of this size; a witness has none. */
static inline bool raftblk_has_room(const struct raftblk_replica *rep, u64 sectors)
{
	return raftblk_replica_is_witness(rep) || sectors <= rep->super.data_sectors;
}

/* replica_catchup.c */
void raftblk_catchup_init(struct raftblk_replica *rep);
void raftblk_catchup_exit(struct raftblk_replica *rep);
void raftblk_catchup_step(struct raftblk_replica *rep);
void raftblk_catchup_begun(struct raftblk_replica *rep);
void raftblk_catchup_ckpt_fill(const struct raftblk_replica *rep, struct raftblk_ckpt *ckpt);
bool raftblk_catchup_ckpt_is_due(const struct raftblk_replica *rep);
void raftblk_catchup_end(struct raftblk_replica *rep);
void raftblk_catchup_receive(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m);
bool raftblk_catchup_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m);
bool raftblk_catchup_next(struct raftblk_replica *rep, struct raftblk_action *a);
bool raftblk_catchup_holds(const struct raftblk_replica *rep, const struct raftblk_entry *e);
u64 raftblk_catchup_deadline(const struct raftblk_replica *rep);

/* What is under way ends, and nothing new that touches log or data area begins. */
static inline bool raftblk_catchup_drains(const struct raftblk_replica *rep)
{
	return rep->catchup.state == RAFTBLK_CATCHUP_DRAIN ||
	       rep->catchup.state == RAFTBLK_CATCHUP_BEGIN;
}

/* How long an answer about extents may take. */
static inline u64 raftblk_catchup_patience(const struct raftblk_replica *rep)
{
	return rep->raft.params.election_ns;
}

u64 raftblk_chunk_count(const struct raftblk_replica *rep);
u32 raftblk_chunk_nsect(const struct raftblk_replica *rep, u64 chunk);
bool raftblk_chunk_overlaps(const struct raftblk_replica *rep, u64 chunk,
			    const struct raftblk_entry *e);
bool raftblk_chunk_is_applying(struct raftblk_replica *rep, u64 chunk);
void raftblk_chunk_io_fill(const struct raftblk_replica *rep, struct raftblk_chunk_io *io, u32 id,
			   u64 chunk, u64 *hash);

/* replica_fetch.c */
void raftblk_fetch_start(struct raftblk_replica *rep, u64 cursor);
bool raftblk_fetch_stop(struct raftblk_replica *rep);
u64 raftblk_fetch_left(const struct raftblk_replica *rep);
void raftblk_fetch_drop_all(struct raftblk_replica *rep);
void raftblk_fetch_step(struct raftblk_replica *rep);
u64 raftblk_fetch_cursor(const struct raftblk_replica *rep);
bool raftblk_fetch_is_done(const struct raftblk_replica *rep);
void raftblk_fetch_receive_list(struct raftblk_replica *rep, const struct raftblk_msg *m);
void raftblk_fetch_receive_data(struct raftblk_replica *rep, struct raftblk_msg *m);
bool raftblk_fetch_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m);
bool raftblk_fetch_next(struct raftblk_replica *rep, struct raftblk_action *a);
bool raftblk_fetch_holds(const struct raftblk_replica *rep, const struct raftblk_entry *e);
u64 raftblk_fetch_deadline(const struct raftblk_replica *rep);

bool raftblk_fetch_is_source(const struct raftblk_replica *rep, const struct raftblk_member *m);
s64 raftblk_fetch_bytes(u32 nsect, u64 differ, u64 zero);

/* replica_repair.c */
bool raftblk_repair_read(struct raftblk_replica *rep, struct raftblk_req *req);
void raftblk_repair_chunk(struct raftblk_replica *rep, u64 chunk);
void raftblk_repair_step(struct raftblk_replica *rep);
bool raftblk_repair_is_idle(const struct raftblk_replica *rep);
void raftblk_repair_drop_all(struct raftblk_replica *rep);
void raftblk_repair_receive(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m);
bool raftblk_repair_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m);
bool raftblk_repair_next(struct raftblk_replica *rep, struct raftblk_action *a);
bool raftblk_repair_holds(const struct raftblk_replica *rep, const struct raftblk_entry *e);
void raftblk_repair_applying(struct raftblk_replica *rep, const struct raftblk_entry *e, u64 index);
u64 raftblk_repair_deadline(const struct raftblk_replica *rep);
void raftblk_repair_mend(struct raftblk_replica *rep, u32 leader, u64 ctx, u64 chunk, u64 blocks,
			 u32 source);

/* replica_verify.c */
void raftblk_verify_end(struct raftblk_replica *rep, int status);
void raftblk_verify_step(struct raftblk_replica *rep);
void raftblk_verify_take(struct raftblk_replica *rep, u32 slot, u64 ctx, u64 chunk, int status,
			 const u64 *hash);
void raftblk_verify_mended(struct raftblk_replica *rep, u32 slot, u64 ctx);
void raftblk_verify_receive(struct raftblk_replica *rep, u32 slot, const struct raftblk_msg *m);
bool raftblk_verify_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m);
u64 raftblk_verify_deadline(const struct raftblk_replica *rep);

/* replica_serve.c */
void raftblk_serve_step(struct raftblk_replica *rep);
bool raftblk_serve_hash(struct raftblk_replica *rep, u32 peer, u64 ctx, u64 chunk, u64 index);
void raftblk_serve_pace(struct raftblk_replica *rep, u64 chunk);
void raftblk_serve_io_ended(struct raftblk_replica *rep);
u64 raftblk_serve_pace_at(const struct raftblk_replica *rep);
bool raftblk_serve_is_idle(const struct raftblk_replica *rep);
void raftblk_serve_drop_all(struct raftblk_replica *rep);
void raftblk_serve_receive(struct raftblk_replica *rep, u32 slot, const struct raftblk_msg *m);
bool raftblk_serve_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m);
bool raftblk_serve_next(struct raftblk_replica *rep, struct raftblk_action *a);
bool raftblk_serve_holds(const struct raftblk_replica *rep, const struct raftblk_entry *e);
u64 raftblk_serve_deadline(const struct raftblk_replica *rep);

#endif /* RAFTBLK_REPLICA_INTERNAL_H */
