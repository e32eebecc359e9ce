// SPDX-License-Identifier: GPL-2.0
/* Consensus: state, roles, time, and the order of what is sent. */
#include "raft_internal.h"

static const char * const role_names[] = {
	[RAFT_FOLLOWER] = "follower",
	[RAFT_PRECANDIDATE] = "precandidate",
	[RAFT_CANDIDATE] = "candidate",
	[RAFT_LEADER] = "leader",
};

const char *raft_role_name(enum raft_role role)
{
	return role < ARRAY_SIZE(role_names) ? role_names[role] : "?";
}

/* xorshift64*, S. Vigna, "An experimental exploration of Marsaglia's xorshift
 * generators", 2016.  Spreads election times; nothing secret hangs on it.
 */
static u32 raft_random(struct raft *r)
{
	r->random ^= r->random >> 12;
	r->random ^= r->random << 25;
	r->random ^= r->random >> 27;
	return (r->random * 0x2545f4914f6cdd1dULL) >> 32;
}

struct raft_peer *raft_peer(struct raft *r, u32 id)
{
	int slot = raftblk_config_find(&r->config, id);

	if (slot >= 0)
		return &r->peer[slot];
	return id && id == r->guest ? &r->peer[r->config.nr] : NULL;
}

/*
 * A message from one that is no member as far as this log goes, but joined since.
 * It has to be answered, or a member that was away meanwhile could neither be led
 * nor asked for its vote by the newcomer: a majority could be up and not act.
 */
static struct raft_peer *raft_guest(struct raft *r, u32 id)
{
	struct raft_peer *p;

	if (!raftblk_config_is_newcomer(&r->config, id))
		return NULL;
	p = &r->peer[r->config.nr];
	memset(p, 0, sizeof(*p));
	p->id = id;
	raft_recall_ask(r, p);
	r->guest = id;
	return p;
}

static bool votes_in(const struct raftblk_config *c, u32 id)
{
	int slot = raftblk_config_find(c, id);

	return slot >= 0 && raftblk_member_votes(&c->member[slot]);
}

bool raft_has_vote(const struct raft *r)
{
	return votes_in(&r->config, r->id);
}

/*
 * By the newest configuration in the log it has no vote, but that is not committed, and by
 * the one before it had: its vote may be needed, and it has to refuse it to who lacks that
 * configuration.  Were it the only one that has it left, nobody could ever be elected.  So
 * it stands; the votes are counted by the newest (thesis, 4.2.2).
 */
static bool raft_vote_lingers(const struct raft *r)
{
	return r->config.index > r->commit && r->nr_history &&
	       votes_in(&r->history[r->nr_history - 1], r->id);
}

bool raft_is_witness(const struct raft *r)
{
	int slot = raftblk_config_find(&r->config, r->id);

	return slot >= 0 && !raftblk_member_has_data(&r->config.member[slot]);
}

/* A member that may have lost what it acknowledged must not help to elect
 * anybody, itself included, before it has it again: the majority that committed
 * the lost entries counted it in (rule 10).  One that is catching up has nothing to
 * lead with, though it votes.
 */
bool raft_may_campaign(const struct raft *r)
{
	return (raft_has_vote(r) || raft_vote_lingers(r)) && !r->proof_index &&
	       !r->incomplete && !r->removed;
}

/*
 * Nobody else is asked, and nobody else can lead.  Not before the configuration that says
 * so is committed: while it may be cut, the leader that made it is still one, and counts on
 * this member to keep silent for an election time.
 */
static bool raft_is_alone(const struct raft *r)
{
	int slot = raftblk_config_find(&r->config, r->id);

	return slot >= 0 && r->config.index <= r->commit &&
	       raftblk_config_quorum(&r->config, 1U << slot);
}

/* A witness stands last: what it wins it has to give away again. */
void raft_election_reset(struct raft *r, u64 now)
{
	u64 spread = (r->params.election_ns >> 16) * (raft_random(r) >> 16);

	if (!raft_may_campaign(r))
		r->election_at = RAFT_NEVER;
	else if (raft_is_alone(r))
		r->election_at = now;
	else
		r->election_at = now + r->params.election_ns + spread +
				 (raft_is_witness(r) ? r->params.election_ns : 0);
}

/* Term or vote changed: nothing that depends on them leaves before the new
 * ones are on stable storage (rule 1).
 */
void raft_vote_changed(struct raft *r)
{
	r->vote_wanted++;
#ifdef RAFTBLK_PLANT_VOTE_NOT_PERSISTED
	r->vote_durable = r->vote_wanted;
#endif
}

/* Members and the guest: all that can be owed something. */
static u32 raft_nr_peers(const struct raft *r)
{
	return r->config.nr + (r->guest ? 1 : 0);
}

static void raft_peer_forget_debts(struct raft_peer *p)
{
	p->owe_vote_req = false;
	p->owe_append_resp = false;
	p->owe_heartbeat_resp = false;
	p->owe_heartbeat = false;
	p->owe_timeout_now = false;
}

/*
 * One function for every way down.  What was matched with one leader says
 * nothing about another one's log, so it starts from nothing.
 */
void raft_become_follower(struct raft *r, u64 now, u64 term, u32 leader)
{
	u32 i;

	if (term > r->term || leader != r->leader || r->role != RAFT_FOLLOWER) {
		r->matched = 0;
		r->behind = false;
		for (i = 0; i < raft_nr_peers(r); i++)
			raft_peer_forget_debts(&r->peer[i]);
	}
	if (term > r->term) {
		r->term = term;
		r->voted_for = 0;
		raft_vote_changed(r);
	}
	r->role = RAFT_FOLLOWER;
	r->leader = leader;
	r->term_start = 0;
	r->transfer_to = 0;
	r->transfer_campaign = false;
	raft_election_reset(r, now);
}

void raft_become_leader(struct raft *r, u64 now)
{
	u32 i;

	r->role = RAFT_LEADER;
	r->leader = r->id;
	r->led_term = r->term;
	r->term_start = 0;
	r->transfer_to = 0;
	r->transfer_campaign = false;
	r->lease_lost = false;
	r->behind = false;
	r->tick_at = now + r->params.heartbeat_ns;
	raft_ages_reset(r, now);
	for (i = 0; i < r->config.nr; i++) {
		struct raft_peer *p = &r->peer[i];

		raft_peer_forget_debts(p);
		p->progress = RAFT_PROBE;
		p->match = 0;
		p->counted = 0;
		p->gap = 0;
		p->next = r->log->last + 1;
		p->inflight_bytes = 0;
		p->probe_sent = false;
		p->heard_at = now;
		p->lease_at = 0;
		p->read_acked = 0;
		p->progress_at = now;
		p->heartbeat_at = now + r->params.heartbeat_ns;
		p->owe_heartbeat = true;
		p->holding = false;
		p->incomplete = false;
	}
	raft_lead_noop(r);
}

void raft_init(struct raft *r, u32 id, const struct raft_params *params,
	       struct raftblk_log *log, const struct raftblk_vote *vote,
	       const struct raftblk_config *config,
	       const struct raftblk_config *history, u32 nr_history,
	       u64 commit, u64 proof_index, u64 now, u64 seed)
{
	u32 skip = nr_history > RAFT_CONFIG_HISTORY ? nr_history - RAFT_CONFIG_HISTORY : 0;

	memset(r, 0, sizeof(*r));
	r->id = id;
	r->params = *params;
	r->log = log;
	r->term = vote->term;
	r->voted_for = vote->voted_for;
	r->vote_wanted = vote->generation;
	r->vote_durable = vote->generation;
	r->role = RAFT_FOLLOWER;
	r->commit = commit;
	r->log->commit = commit;
	r->proof_index = proof_index;
	r->proof_term = vote->term;
	/*
	 * Before it stopped, this member may have answered a heartbeat and thereby
	 * extended a lease.  It does not remember, so it withholds its vote as if
	 * it had.
	 */
	r->heard_leader_at = now;
	r->random = seed | 1;
	r->nr_history = nr_history - skip;
	if (r->nr_history)
		memcpy(r->history, history + skip, r->nr_history * sizeof(*history));
	raft_peers_rebuild(r, config);
	raft_recall_init(r, now, seed);
	raft_election_reset(r, now);
}

void raft_tick(struct raft *r, u64 now)
{
	raft_recall_tick(r, now);
	if (r->role == RAFT_LEADER)
		raft_lead_tick(r, now);
	else if (r->sure && now >= r->election_at)
		raft_campaign(r, now, false);
}

u64 raft_deadline(const struct raft *r)
{
	u64 at = raft_recall_deadline(r);

	if (!r->sure)
		return at;
	return min(at, r->role == RAFT_LEADER ? r->tick_at : r->election_at);
}

/*
 * A lost suffix was fetched again: everything committed is here, because an
 * entry of the current leader's term is, and it is durable.  In the term in which
 * the loss was found that is not enough: such an entry may lie below what is lost.
 * Not while catching up: votes are judged by the boundary then, and what was lost
 * may lie above it.
 */
void raft_proof_check(struct raft *r)
{
	if (r->proof_index && !r->incomplete && r->role == RAFT_FOLLOWER && r->leader &&
	    r->commit <= r->log->durable &&
	    raftblk_log_term(r->log, r->commit) == r->term &&
	    (r->term > r->proof_term || r->commit >= r->proof_index)) {
		r->proof_index = 0;
		raft_election_reset(r, r->heard_leader_at);
	}
}

void raft_log_durable(struct raft *r, u64 now)
{
	struct raft_peer *p;

	if (r->role == RAFT_LEADER) {
		raft_lead_commit(r);
		raft_config_step(r, now);
		return;
	}
	p = r->leader ? raft_peer(r, r->leader) : NULL;
	if (p)
		p->owe_append_resp = true;
	raft_proof_check(r);
}

void raft_vote_durable(struct raft *r, u64 now, u64 generation)
{
	if (generation > r->vote_durable)
		r->vote_durable = generation;
	/* A candidate counts its own vote only now. */
	raft_election_check(r, now);
}

void raft_receive(struct raft *r, u64 now, const struct raftblk_msg *m)
{
	struct raft_peer *p = raft_peer(r, m->from);

	/* Neither its term nor its log matter any more; nor do ours to anybody. */
	if (r->removed || raft_has_left(r, m->from))
		return;
	if (!p)
		p = raft_guest(r, m->from);
	if (raftblk_msg_is_recall(m->type)) {
		raft_receive_recall(r, now, m);
		return;
	}
	if (p)
		raft_promise_note(r, p, m);
	if (!r->sure)
		return;
	if (p && m->from != r->id && m->term == r->term)
		p->heard_at = now;

	switch (m->type) {
	case RAFTBLK_MSG_PREVOTE_REQ:
	case RAFTBLK_MSG_VOTE_REQ:
		raft_receive_vote_req(r, now, m);
		break;
	case RAFTBLK_MSG_PREVOTE_RESP:
	case RAFTBLK_MSG_VOTE_RESP:
		raft_receive_vote_resp(r, now, m);
		break;
	case RAFTBLK_MSG_APPEND:
		raft_receive_append(r, now, m);
		break;
	case RAFTBLK_MSG_APPEND_RESP:
		raft_receive_append_resp(r, now, m);
		break;
	case RAFTBLK_MSG_HEARTBEAT:
		raft_receive_heartbeat(r, now, m);
		break;
	case RAFTBLK_MSG_HEARTBEAT_RESP:
		raft_receive_heartbeat_resp(r, now, m);
		break;
	case RAFTBLK_MSG_TIMEOUT_NOW:
		raft_receive_timeout_now(r, now, m);
		break;
	default:
		break;
	}
}

static void poll_vote_req(struct raft *r, struct raftblk_msg *m)
{
	bool pre = r->role == RAFT_PRECANDIDATE;

	m->type = pre ? RAFTBLK_MSG_PREVOTE_REQ : RAFTBLK_MSG_VOTE_REQ;
	m->term = pre ? r->term + 1 : r->term;
	m->index = r->log->last;
	m->log_term = raftblk_log_term(r->log, r->log->last);
	if (r->transfer_campaign)
		m->flags |= RAFTBLK_MSG_F_TRANSFER;
	if (raftblk_config_needs(&r->config, r->id))
		m->flags |= RAFTBLK_MSG_F_NEEDED;
}

static void poll_incomplete(const struct raft *r, struct raftblk_msg *m)
{
	if (!r->incomplete)
		return;
	m->flags |= RAFTBLK_MSG_F_INCOMPLETE;
	m->commit = max(r->commit, r->seen_commit);
}

static void poll_append_resp(struct raft *r, struct raft_peer *p, struct raftblk_msg *m)
{
	m->type = RAFTBLK_MSG_APPEND_RESP;
	if (p->append_resp.reject) {
		m->flags |= RAFTBLK_MSG_F_REJECT;
		m->ctx = p->append_resp.rejected;
		m->index = p->append_resp.hint_index;
		m->log_term = p->append_resp.hint_term;
	} else {
		m->index = raft_ack_index(r);
	}
	p->append_resp.reject = false;
	poll_incomplete(r, m);
}

static void poll_heartbeat(struct raft *r, struct raft_peer *p, struct raftblk_msg *m)
{
	m->type = RAFTBLK_MSG_HEARTBEAT;
	/* Not beyond what the peer is known to share: it may hold other entries there. */
	m->commit = min(r->commit, p->match);
	m->ctx = r->read_round;
	/* A promise like an acknowledgement: this leader counts it. */
	m->index = r->log->durable;
	m->log_term = raftblk_log_term(r->log, r->log->durable);
	if (p->progress == RAFT_BEHIND)
		m->flags |= RAFTBLK_MSG_F_BEHIND;
}

static void poll_heartbeat_resp(struct raft *r, struct raft_peer *p, struct raftblk_msg *m)
{
	m->type = RAFTBLK_MSG_HEARTBEAT_RESP;
	m->index = p->id == r->leader ? raft_ack_index(r) : 0;
	m->ctx = p->heartbeat_ctx;
	m->sent_at = p->heartbeat_sent_at;
	if (r->holding)
		m->flags |= RAFTBLK_MSG_F_HOLDING;
	poll_incomplete(r, m);
}

/* The next control message owed to a peer.  The order is that of urgency. */
static bool raft_poll_control(struct raft *r, u64 now, struct raft_peer *p,
			      struct raftblk_msg *m)
{
	/* Rule 1: an answer, or a request for votes, depends on term and vote. */
	bool durable = raft_vote_is_durable(r);

	if (p->owe_vote_resp && durable) {
		p->owe_vote_resp = false;
		m->type = p->vote_resp.type;
		m->term = p->vote_resp.term;
		m->ctx = p->vote_resp.asked_term;
		m->status = p->vote_resp.status;
	} else if (p->owe_vote_req && (durable || r->role == RAFT_PRECANDIDATE)) {
		p->owe_vote_req = false;
		poll_vote_req(r, m);
	} else if (p->owe_timeout_now) {
		p->owe_timeout_now = false;
		m->type = RAFTBLK_MSG_TIMEOUT_NOW;
	} else if (p->owe_heartbeat) {
		p->owe_heartbeat = false;
		m->sent_at = now;
		poll_heartbeat(r, p, m);
	} else if (p->owe_append_resp && durable) {
		p->owe_append_resp = false;
		poll_append_resp(r, p, m);
	} else if (p->owe_heartbeat_resp && durable) {
		p->owe_heartbeat_resp = false;
		poll_heartbeat_resp(r, p, m);
	} else {
		return false;
	}
	return true;
}

static bool raft_poll_peer(struct raft *r, u64 now, u32 slot, u32 ready, struct raftblk_msg *m)
{
	struct raft_peer *p = &r->peer[slot];
	u32 bytes;
	u16 nr;

	memset(m, 0, sizeof(*m));
	m->from = r->id;
	m->to = p->id;
	m->term = r->term;
	m->life = r->life;
	if ((ready & (1U << slot)) &&
	    (raft_recall_poll(r, now, p, m) || (r->sure && raft_poll_control(r, now, p, m))))
		return true;
	if (slot == r->config.nr)
		return false;	/* a guest is not sent entries */
	if (!(ready & (1U << (16 + slot))) || !raft_lead_append_wanted(r, now, slot, &nr, &bytes))
		return false;
	m->type = RAFTBLK_MSG_APPEND;
	m->index = p->next - 1;
	m->log_term = raftblk_log_term(r->log, p->next - 1);
	m->commit = r->commit;
	m->nr = nr;
	raft_lead_append_sent(r, now, slot, nr, bytes);
	return true;
}

bool raft_poll(struct raft *r, u64 now, u32 ready, struct raftblk_msg *m)
{
	u32 nr = raft_nr_peers(r);
	u32 i;

	if (r->removed)
		return false;
	/* Each in turn, so that one peer's backlog does not starve another. */
	for (i = 0; i < nr; i++) {
		u32 slot = (r->poll_turn + i) % nr;

		if (slot < r->config.nr && raft_is_self(r, slot))
			continue;
		if (raft_poll_peer(r, now, slot, ready, m)) {
			r->poll_turn = slot + 1;
			return true;
		}
	}
	return false;
}
