// SPDX-License-Identifier: GPL-2.0
/* The state of a volume as netlink attributes.  Everything here runs in the worker. */
#include "net.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "volume.h"

/* Counting the bytes a peer lacks means a walk along the log; the worker has
 * better things to do than a long one.
 */
#define LAG_WALK_MAX	4096

static_assert((int)RAFTBLK_ROLE_FOLLOWER == (int)RAFT_FOLLOWER);
static_assert((int)RAFTBLK_ROLE_PRECANDIDATE == (int)RAFT_PRECANDIDATE);
static_assert((int)RAFTBLK_ROLE_CANDIDATE == (int)RAFT_CANDIDATE);
static_assert((int)RAFTBLK_ROLE_LEADER == (int)RAFT_LEADER);
static_assert((int)RAFTBLK_PROGRESS_PROBE == (int)RAFT_PROBE);
static_assert((int)RAFTBLK_PROGRESS_STREAM == (int)RAFT_STREAM);
static_assert((int)RAFTBLK_PROGRESS_BEHIND == (int)RAFT_BEHIND);
static_assert((int)RAFTBLK_MEMBER_FLAG_OLD == RAFTBLK_MEMBER_OLD);
static_assert((int)RAFTBLK_MEMBER_FLAG_NEW == RAFTBLK_MEMBER_NEW);
static_assert((int)RAFTBLK_MEMBER_FLAG_PROMOTE == RAFTBLK_MEMBER_PROMOTE);
static_assert((int)RAFTBLK_MEMBER_FLAG_WITNESS == RAFTBLK_MEMBER_WITNESS);
static_assert((int)RAFTBLK_MEMBER_FLAG_STAYS == RAFTBLK_MEMBER_STAYS);

static int put_u64(struct sk_buff *skb, int attr, u64 value)
{
	/* PAD has the same number in every set. */
	static_assert((int)RAFTBLK_A_VOLUME_PAD == (int)RAFTBLK_A_MEMBER_PAD &&
		      (int)RAFTBLK_A_VOLUME_PAD == (int)RAFTBLK_A_STATS_PAD &&
		      (int)RAFTBLK_A_VOLUME_PAD == (int)RAFTBLK_A_CATCHUP_PAD &&
		      (int)RAFTBLK_A_VOLUME_PAD == (int)RAFTBLK_A_VERIFY_PAD &&
		      (int)RAFTBLK_A_VOLUME_PAD == (int)RAFTBLK_A_FINDING_PAD);

	return nla_put_u64_64bit(skb, attr, value, RAFTBLK_A_VOLUME_PAD);
}

static int put_address(struct sk_buff *skb, const struct raftblk_addr *addr)
{
	struct nlattr *nest = nla_nest_start(skb, RAFTBLK_A_MEMBER_ADDRESS);

	if (!nest ||
	    nla_put(skb, RAFTBLK_A_ADDRESS_IP, addr->family == 6 ? 16 : 4, addr->ip) ||
	    nla_put_u16(skb, RAFTBLK_A_ADDRESS_PORT, addr->port))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int raftblk_netlink_put_member(struct sk_buff *skb, const struct raftblk_member *m)
{
	if (nla_put_u32(skb, RAFTBLK_A_MEMBER_ID, m->id) ||
	    nla_put_u32(skb, RAFTBLK_A_MEMBER_FLAGS, m->flags) ||
	    put_address(skb, &m->addr) ||
	    nla_put(skb, RAFTBLK_A_MEMBER_INCARNATION, sizeof(m->incarnation), m->incarnation) ||
	    (m->replaces && nla_put_u32(skb, RAFTBLK_A_MEMBER_REPLACES, m->replaces)))
		return -EMSGSIZE;
	return 0;
}

/*
 * Payload of the entries above @match, or false if they are not here any more.  Of many, what
 * they take in the ring, which is a little more.
 */
static bool lag_bytes(struct raftblk_log *log, u64 match, u64 *bytes)
{
	u64 index = match + 1;

	if (index < log->first)
		return false;
	if (log->last - match > LAG_WALK_MAX && index <= log->staged) {
		*bytes = (log->tail_pos - raftblk_log_entry(log, index)->rec_pos) << 9;
		return true;
	}
	for (*bytes = 0; index <= log->last; index++)
		*bytes += raftblk_log_entry(log, index)->bytes;
	return true;
}

/* What only the leader knows of a member. */
static int put_progress(struct sk_buff *skb, struct raftblk_replica *rep, u32 slot)
{
	const struct raft_peer *p = &rep->raft.peer[slot];
	bool self = rep->raft.config.member[slot].id == rep->raft.id;
	u64 match = min(p->match, rep->log.last);
	u64 bytes;

	if (!self && (nla_put_u32(skb, RAFTBLK_A_MEMBER_PROGRESS, p->progress) ||
		      nla_put_u8(skb, RAFTBLK_A_MEMBER_INCOMPLETE, p->incomplete)))
		return -EMSGSIZE;
	if (self)
		match = rep->log.durable;
	if (put_u64(skb, RAFTBLK_A_MEMBER_MATCH, match))
		return -EMSGSIZE;
	if (!raft_lag_is_known(&rep->raft, slot))
		return 0;
	if (put_u64(skb, RAFTBLK_A_MEMBER_LAG, rep->log.last - match) ||
	    put_u64(skb, RAFTBLK_A_MEMBER_LAG_TIME,
		    div_u64(raft_lag_ns(&rep->raft, raftblk_now(), slot), RAFTBLK_NSEC_PER_MSEC)))
		return -EMSGSIZE;
	if (lag_bytes(&rep->log, match, &bytes) &&
	    put_u64(skb, RAFTBLK_A_MEMBER_LAG_BYTES, bytes))
		return -EMSGSIZE;
	return 0;
}

static int put_connection(struct sk_buff *skb, struct raftblk_volume *vol, u32 slot)
{
	const struct raft_peer *p = &vol->replica.raft.peer[slot];
	struct raftblk_net_stat st = {};
	u64 now = raftblk_now();

	raftblk_net_stat(vol, slot, &st);
	if (p->heard_at && p->heard_at <= now &&
	    put_u64(skb, RAFTBLK_A_MEMBER_HEARD,
		    div_u64(now - p->heard_at, RAFTBLK_NSEC_PER_MSEC)))
		return -EMSGSIZE;
	if (nla_put_u8(skb, RAFTBLK_A_MEMBER_CONNECTED_CONTROL, st.connected[0]) ||
	    nla_put_u8(skb, RAFTBLK_A_MEMBER_CONNECTED_DATA, st.connected[1]) ||
	    put_u64(skb, RAFTBLK_A_MEMBER_TX_BYTES, st.tx_bytes) ||
	    put_u64(skb, RAFTBLK_A_MEMBER_RX_BYTES, st.rx_bytes) ||
	    put_u64(skb, RAFTBLK_A_MEMBER_TX_MESSAGES, st.tx_msgs) ||
	    put_u64(skb, RAFTBLK_A_MEMBER_RX_MESSAGES, st.rx_msgs) ||
	    put_u64(skb, RAFTBLK_A_MEMBER_RECONNECTS, st.reconnects) ||
	    (st.last_error && nla_put_s32(skb, RAFTBLK_A_MEMBER_LAST_ERROR, st.last_error)))
		return -EMSGSIZE;
	return 0;
}

static int put_member(struct sk_buff *skb, struct raftblk_volume *vol, u32 slot)
{
	struct raftblk_replica *rep = &vol->replica;
	const struct raftblk_member *m = &rep->raft.config.member[slot];
	bool self = m->id == rep->raft.id;
	struct nlattr *nest = nla_nest_start(skb, RAFTBLK_A_VOLUME_MEMBER);

	if (!nest || raftblk_netlink_put_member(skb, m) ||
	    nla_put_u8(skb, RAFTBLK_A_MEMBER_SELF, self) ||
	    (rep->raft.role == RAFT_LEADER && put_progress(skb, rep, slot)) ||
	    (!self && put_connection(skb, vol, slot)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Does a majority answer?  The leader knows whom it heard; the others know that
 * a leader they hear has a majority.
 */
static bool has_quorum(const struct raft *r, u64 now)
{
	u32 mask = 0;
	u32 i;

	if (r->role != RAFT_LEADER)
		return r->leader && now - r->heard_leader_at < 2 * r->params.election_ns;
	for (i = 0; i < r->config.nr; i++) {
		if (r->config.member[i].id == r->id ||
		    (r->peer[i].heard_at && now - r->peer[i].heard_at < r->params.election_ns))
			mask |= BIT(i);
	}
	return raftblk_config_quorum(&r->config, mask);
}

static int put_identity(struct sk_buff *skb, const struct raftblk_volume *vol)
{
	const struct raftblk_super *s = &vol->super;
	const struct raftblk_replica *rep = &vol->replica;

	if (nla_put_string(skb, RAFTBLK_A_VOLUME_NAME, s->name) ||
	    nla_put_u32(skb, RAFTBLK_A_VOLUME_MINOR, vol->minor) ||
	    nla_put(skb, RAFTBLK_A_VOLUME_UUID, sizeof(s->uuid), s->uuid) ||
	    nla_put_string(skb, RAFTBLK_A_VOLUME_PATH, vol->path) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_SIZE, rep->size << 9) ||
	    nla_put_u32(skb, RAFTBLK_A_VOLUME_BLOCK_SIZE, s->block_size) ||
	    nla_put_u32(skb, RAFTBLK_A_VOLUME_NODE_ID, s->node_id) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_LOG_SIZE, s->ring_sectors << 9))
		return -EMSGSIZE;
	return 0;
}

static int put_consensus(struct sk_buff *skb, const struct raftblk_replica *rep)
{
	const struct raft *r = &rep->raft;
	u64 now = raftblk_now();

	if (nla_put_u32(skb, RAFTBLK_A_VOLUME_ROLE, r->role) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_TERM, r->term) ||
	    nla_put_u32(skb, RAFTBLK_A_VOLUME_LEADER, r->leader) ||
	    nla_put_u8(skb, RAFTBLK_A_VOLUME_QUORUM, has_quorum(r, now)) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_PROOF, r->proof_index) ||
	    nla_put_u8(skb, RAFTBLK_A_VOLUME_BEHIND, r->behind) ||
	    nla_put_u8(skb, RAFTBLK_A_VOLUME_WAITS_FOR_DATA, raft_waits_for_data(r, now)) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_CONFIG_INDEX, r->config.index) ||
	    nla_put_u32(skb, RAFTBLK_A_VOLUME_OWNER, rep->owner_node) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_OWNER_TOKEN, rep->owner_token) ||
	    nla_put_u32(skb, RAFTBLK_A_VOLUME_OPENERS, rep->openers) ||
	    nla_put_u8(skb, RAFTBLK_A_VOLUME_FENCED, rep->fenced) ||
	    nla_put_u8(skb, RAFTBLK_A_VOLUME_REMOVED, r->removed) ||
	    nla_put_s32(skb, RAFTBLK_A_VOLUME_FAULT, rep->fault))
		return -EMSGSIZE;
	return 0;
}

static int put_log(struct sk_buff *skb, const struct raftblk_replica *rep)
{
	const struct raftblk_log *log = &rep->log;
	u64 timeout_ms = div_u64(rep->params.io_timeout_ns, RAFTBLK_NSEC_PER_MSEC);

	if (put_u64(skb, RAFTBLK_A_VOLUME_COMMIT, raft_commit(&rep->raft)) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_APPLIED, rep->applied) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_FIRST, log->first) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_LAST, log->last) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_DURABLE, log->durable) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_CHECKPOINT, rep->ckpt.applied_index) ||
	    nla_put_u32(skb, RAFTBLK_A_VOLUME_LOG_USAGE, raftblk_log_usage(log)) ||
	    nla_put_u32(skb, RAFTBLK_A_VOLUME_IO_TIMEOUT, min_t(u64, timeout_ms, U32_MAX)) ||
	    nla_put_u8(skb, RAFTBLK_A_VOLUME_QUORUM_READS, rep->raft.params.quorum_reads) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_RATE_MIN, rep->params.rate_min) ||
	    put_u64(skb, RAFTBLK_A_VOLUME_RATE_MAX, rep->params.rate_max) ||
	    nla_put_u32(skb, RAFTBLK_A_VOLUME_EXTENT_SIZE,
			rep->vmap ? rep->vmap->extent_sectors << 9 : 0))
		return -EMSGSIZE;
	return 0;
}

static int put_catchup(struct sk_buff *skb, const struct raftblk_replica *rep)
{
	struct raftblk_catchup_progress p;
	struct nlattr *nest;
	u64 chunk;

	raftblk_replica_progress(rep, raftblk_now(), &p);
	if (!p.incomplete)
		return 0;
	chunk = (u64)p.chunk_sectors << 9;
	nest = nla_nest_start(skb, RAFTBLK_A_VOLUME_CATCHUP);
	if (!nest || nla_put_u32(skb, RAFTBLK_A_CATCHUP_SOURCE, p.source) ||
	    put_u64(skb, RAFTBLK_A_CATCHUP_DONE, p.done * chunk) ||
	    put_u64(skb, RAFTBLK_A_CATCHUP_TOTAL, (p.done + p.left) * chunk) ||
	    put_u64(skb, RAFTBLK_A_CATCHUP_RECEIVED, p.bytes) ||
	    (p.rate_known && put_u64(skb, RAFTBLK_A_CATCHUP_RATE, p.rate)) ||
	    (p.left_ms && put_u64(skb, RAFTBLK_A_CATCHUP_LEFT_MS, p.left_ms)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_finding(struct sk_buff *skb, const struct raftblk_verify_finding *f)
{
	struct nlattr *nest = nla_nest_start(skb, RAFTBLK_A_VERIFY_FINDING);

	if (!nest || nla_put_u32(skb, RAFTBLK_A_FINDING_NODE_ID, f->node) ||
	    put_u64(skb, RAFTBLK_A_FINDING_OFFSET, f->sector << 9) ||
	    put_u64(skb, RAFTBLK_A_FINDING_BYTES, (u64)f->nsect << 9) ||
	    nla_put_u8(skb, RAFTBLK_A_FINDING_MENDED, f->mended))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Nothing where there was none since this member came up. */
static int put_verify(struct sk_buff *skb, const struct raftblk_replica *rep)
{
	const struct raftblk_verify *v = &rep->verify;
	struct raftblk_verify_progress p;
	struct nlattr *nest;
	u64 chunk;
	u32 i;

	raftblk_replica_verify_progress(rep, &p);
	if (!p.running && !v->ctx)
		return 0;
	chunk = (u64)p.chunk_sectors << 9;
	nest = nla_nest_start(skb, RAFTBLK_A_VOLUME_VERIFY);
	if (!nest || nla_put_u8(skb, RAFTBLK_A_VERIFY_RUNNING, p.running) ||
	    nla_put_s32(skb, RAFTBLK_A_VERIFY_STATUS, v->status) ||
	    put_u64(skb, RAFTBLK_A_VERIFY_DONE, p.done * chunk) ||
	    put_u64(skb, RAFTBLK_A_VERIFY_TOTAL, p.total * chunk) ||
	    put_u64(skb, RAFTBLK_A_VERIFY_DIFFER, v->differ) ||
	    put_u64(skb, RAFTBLK_A_VERIFY_MENDED, v->mended) ||
	    put_u64(skb, RAFTBLK_A_VERIFY_SKIPPED, v->skipped * chunk) ||
	    put_u64(skb, RAFTBLK_A_VERIFY_IN_PART, v->left_out * chunk))
		return -EMSGSIZE;
	for (i = 0; i < v->nr_findings; i++)
		if (put_finding(skb, &v->finding[i]))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_stats(struct sk_buff *skb, const struct raftblk_volume *vol)
{
	const struct raftblk_repairs *repair = &vol->replica.repair;
	const struct raftblk_stats *s = &vol->stats;
	const struct {
		int attr;
		u64 value;
	} row[] = {
		{ RAFTBLK_A_STATS_READS, raftblk_volume_reads(vol) },
		{ RAFTBLK_A_STATS_READ_BYTES, raftblk_volume_read_bytes(vol) },
		{ RAFTBLK_A_STATS_WRITES, s->writes },
		{ RAFTBLK_A_STATS_WRITE_BYTES, s->write_bytes },
		{ RAFTBLK_A_STATS_DISCARDS, s->discards },
		{ RAFTBLK_A_STATS_DISCARD_BYTES, s->discard_bytes },
		{ RAFTBLK_A_STATS_ERRORS, s->errors },
		{ RAFTBLK_A_STATS_LOG_WRITES, s->log_writes },
		{ RAFTBLK_A_STATS_LOG_WRITE_BYTES, s->log_write_bytes },
		{ RAFTBLK_A_STATS_LOG_READS, s->log_reads },
		{ RAFTBLK_A_STATS_LOG_READ_BYTES, s->log_read_bytes },
		{ RAFTBLK_A_STATS_APPLIES, s->applies },
		{ RAFTBLK_A_STATS_APPLY_BYTES, s->apply_bytes },
		{ RAFTBLK_A_STATS_FLUSHES, s->flushes },
		{ RAFTBLK_A_STATS_VOTES, s->votes },
		{ RAFTBLK_A_STATS_CHECKPOINTS, s->checkpoints },
		{ RAFTBLK_A_STATS_ROUNDS, s->rounds },
		{ RAFTBLK_A_STATS_FETCHES, s->fetches },
		{ RAFTBLK_A_STATS_FETCH_BYTES, s->fetch_bytes },
		{ RAFTBLK_A_STATS_SERVES, s->serves },
		{ RAFTBLK_A_STATS_SERVE_BYTES, s->serve_bytes },
		{ RAFTBLK_A_STATS_REPAIRED, repair->blocks },
		{ RAFTBLK_A_STATS_REPAIR_FAILED, repair->failed },
	};
	struct nlattr *nest = nla_nest_start(skb, RAFTBLK_A_VOLUME_STATS);
	u32 i;

	static_assert(ARRAY_SIZE(row) == RAFTBLK_A_STATS_MAX - RAFTBLK_A_STATS_PAD);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(row); i++) {
		if (put_u64(skb, row[i].attr, row[i].value))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

int raftblk_netlink_put_state(struct raftblk_volume *vol, struct sk_buff *skb)
{
	const struct raftblk_replica *rep = &vol->replica;
	u32 i;

	if (put_identity(skb, vol) || put_consensus(skb, rep) || put_log(skb, rep) ||
	    put_catchup(skb, rep) || put_verify(skb, rep) || put_stats(skb, vol))
		return -EMSGSIZE;
	for (i = 0; i < rep->raft.config.nr; i++) {
		if (put_member(skb, vol, i))
			return -EMSGSIZE;
	}
	return 0;
}
