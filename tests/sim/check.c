// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold inside, looked at after every step of every member: the
 * safety properties of the thesis (figure 3.2), and the rules of DESIGN that
 * keep them true on real disks.
 *
 * The registry knows every entry that ever existed.  An entry is (index, term);
 * it has one content and one predecessor, which makes Log Matching a check per
 * entry instead of per pair of logs.
 */
#include "sim.h"

/**
 * struct reg - an entry that exists or existed somewhere
 * @id: of a write: what it put there
 */
struct reg {
	u64 index;
	u64 prev_term;
	u64 id;
	struct raftblk_entry e;
	struct reg *next;
};

#define REG_HASH	4096
static struct reg *reg_hash[REG_HASH];

/* committed[i]: the entry at i, and the term of the leader that committed it */
struct committed {
	struct reg *reg;
	u64 by_term;
};

static struct committed *committed;
static u64 nr_committed, committed_room;
static u64 owner_token;
static u32 owner_node;
static u64 left_in[1024];	/* by id: 0, or term in which a configuration without it was committed */
static u32 replaced[1024];	/* by id: a committed one said who takes its place */
static u32 *leader_of;		/* by term: slot + 1 */
static u64 leader_room;

static void *grow(void *p, u64 *room, u64 want, size_t size)
{
	u64 old = *room;

	if (want < old)
		return p;
	while (*room <= want)
		*room = *room ? *room * 2 : 1024;
	p = realloc(p, *room * size);
	assert(p);
	memset((char *)p + old * size, 0, (*room - old) * size);
	return p;
}

static u32 reg_slot(u64 index, u64 term)
{
	return ((index * 0x9e3779b1) ^ (term * 0x85ebca6b)) % REG_HASH;
}

static struct reg *reg_find(u64 index, u64 term)
{
	struct reg *r;

	for (r = reg_hash[reg_slot(index, term)]; r; r = r->next)
		if (r->index == index && r->e.term == term)
			return r;
	return NULL;
}

void check_free(void)
{
	u32 i;

	for (i = 0; i < REG_HASH; i++) {
		while (reg_hash[i]) {
			struct reg *r = reg_hash[i];

			reg_hash[i] = r->next;
			free(r);
		}
	}
}

void check_reset(void)
{
	check_free();
	nr_committed = 0;
	owner_token = 0;
	owner_node = 0;
	grow_reset();
	memset(left_in, 0, sizeof(left_in));
	memset(replaced, 0, sizeof(replaced));
	if (leader_of)
		memset(leader_of, 0, leader_room * sizeof(*leader_of));
}

bool check_has_left(u32 id)
{
	return id < ARRAY_SIZE(left_in) && left_in[id];
}

u64 check_committed(void)
{
	return nr_committed;
}

/* Term of the committed entry at @index, 0 if there is none. */
u64 check_committed_term(u64 index)
{
	return index && index <= nr_committed ? committed[index].reg->e.term : 0;
}

/* Is there a committed entry that made @id the owner under @token? */
bool check_was_owner(u32 id, u64 token)
{
	const struct raftblk_entry *e;

	if (!token || token > nr_committed)
		return false;
	e = &committed[token].reg->e;
	return e->op == RAFTBLK_OP_OWNER && e->sector == id;
}

/* ---- logs ---- */

static void reg_add(struct node *n, u64 index, const struct raftblk_entry *e, u64 prev_term)
{
	struct reg *r = calloc(1, sizeof(*r));
	u32 slot = reg_slot(index, e->term);

	assert(r);
	r->index = index;
	r->prev_term = prev_term;
	r->e = *e;
	if (e->op == RAFTBLK_OP_WRITE && e->payload)
		memcpy(&r->id, e->payload->data, sizeof(r->id));
	if (r->id && oracle_proposed(r->id))
		COUNT(reproposed);
	r->next = reg_hash[slot];
	reg_hash[slot] = r;
	if (n->rep.raft.role != RAFT_LEADER || n->rep.raft.term != e->term)
		LOST("node %u: has entry %llu of term %llu, which no leader made", n->id,
		     (unsigned long long)index, (unsigned long long)e->term);
}

static bool same_entry(const struct raftblk_entry *a, const struct raftblk_entry *b)
{
	return a->term == b->term && a->token == b->token && a->sector == b->sector &&
	       a->nsect == b->nsect && a->bytes == b->bytes && a->crc == b->crc && a->op == b->op;
}

static void check_entry(struct node *n, u64 index)
{
	struct raftblk_entry *e = raftblk_log_entry(&n->rep.log, index);
	u64 prev = raftblk_log_term(&n->rep.log, index - 1);
	struct reg *r = reg_find(index, e->term);

	if (!r) {
		reg_add(n, index, e, prev);
		return;
	}
	if (!same_entry(&r->e, e))
		LOST("Log Matching: node %u has another entry at %llu of term %llu", n->id,
		     (unsigned long long)index, (unsigned long long)e->term);
	if (r->prev_term != prev)
		LOST("Log Matching: on node %u entry %llu of term %llu follows term %llu, not %llu",
		     n->id, (unsigned long long)index, (unsigned long long)e->term,
		     (unsigned long long)prev, (unsigned long long)r->prev_term);
}

void shadow_grow(struct node *n, u64 want)
{
	u64 room = n->sh_size;

	n->sh_term = grow(n->sh_term, &room, want, sizeof(u64));
	n->dur_term = grow(n->dur_term, &n->sh_size, want, sizeof(u64));
}

static void check_cut(struct node *n, u64 keep)
{
	struct raft *r = &n->rep.raft;

	trace("node %u: cuts its log behind %llu (was %llu)", n->id,
	      (unsigned long long)keep, (unsigned long long)n->sh_last);
	COUNT(cuts);
	if (keep < n->commit)
		LOST("node %u: cut committed entries: log kept up to %llu, commit %llu", n->id,
		     (unsigned long long)keep, (unsigned long long)n->commit);
	if (n->role == RAFT_LEADER && r->role == RAFT_LEADER && n->term == r->term)
		LOST("Leader Append-Only: node %u cut its log behind %llu", n->id,
		     (unsigned long long)keep);
}

/*
 * A witness may be the only one that has what another member lacks, so it forgets only
 * what it needs the place of.
 */
static void check_forgets(struct node *n)
{
	const struct raftblk_log *log = &n->rep.log;

	if (node_is_witness(n) && log->first > n->sh_first) {
		COUNT(witness_forgets);
		if (log->tail_pos + log->pending_sectors - n->sh_head <=
		    log->ring_sectors - log->ring_sectors / 8 &&
		    log->last - n->sh_first < log->max_entries - log->max_entries / 8)
			LOST("node %u: a witness forgets entry %llu, and has room for it", n->id,
			     (unsigned long long)n->sh_first);
	}
	n->sh_first = log->first;
	n->sh_head = log->head_pos;
}

/* What is new in the log since the last look; costs only for what is. */
static void check_log(struct node *n, bool all)
{
	struct raftblk_log *log = &n->rep.log;
	u64 i = log->last;

	shadow_grow(n, log->last + 1);
	if (log->first > log->last + 1 || log->durable > log->last || log->staged > log->last ||
	    log->durable > log->staged)
		LOST("node %u: log first %llu durable %llu staged %llu last %llu", n->id,
		     (unsigned long long)log->first, (unsigned long long)log->durable,
		     (unsigned long long)log->staged, (unsigned long long)log->last);
	while (i >= log->first &&
	       (all || i > n->sh_last || n->sh_term[i] != raftblk_log_term(log, i)))
		i--;
	if (i < n->sh_last && !all)
		check_cut(n, i);
	n->sh_last = log->last;
	check_forgets(n);
	for (i++; i <= log->last; i++) {
		check_entry(n, i);
		n->sh_term[i] = raftblk_log_term(log, i);
		if (n->sh_term[i] < raftblk_log_term(log, i - 1))
			LOST("node %u: terms go down at entry %llu", n->id, (unsigned long long)i);
	}
}

/* ---- commit ---- */

/* What rotted away after it was acknowledged in good faith counts as well. */
static bool durable_at(const struct node *n, u64 index, u64 term)
{
	return index <= max(n->dur_last, n->rot_last) && n->dur_term[index] == term;
}

static bool durable_on_majority(const struct raftblk_config *c, u64 index, u64 term)
{
	u32 old = 0, new = 0, in_old = 0, in_new = 0;
	struct node *m;
	u32 i;

	for (i = 0; i < c->nr; i++) {
		u8 flags = c->member[i].flags;
		bool has;

		m = node_by_id(c->member[i].id);
		has = blank_is_ghost(c->member[i].id) ?
		      blank_had(c->member[i].id, index, term) :
		      m && !m->incomplete && durable_at(m, index, term);
		in_old += !!(flags & RAFTBLK_MEMBER_OLD);
		in_new += !!(flags & RAFTBLK_MEMBER_NEW);
		old += has && (flags & RAFTBLK_MEMBER_OLD);
		new += has && (flags & RAFTBLK_MEMBER_NEW);
	}
	/* of both sets, and not by the core's own counting */
	return 2 * old > in_old && 2 * new > in_new;
}

/* Are those in @set_a of @a in @set_b of @b? */
static bool subset(const struct raftblk_config *a, u8 set_a, const struct raftblk_config *b, u8 set_b)
{
	u32 i;

	for (i = 0; i < a->nr; i++) {
		int k = raftblk_config_find(b, a->member[i].id);

		if ((a->member[i].flags & set_a) && (k < 0 || !(b->member[k].flags & set_b)))
			return false;
	}
	return true;
}

static bool same_set(const struct raftblk_config *a, u8 set_a, const struct raftblk_config *b,
		     u8 set_b)
{
	return subset(a, set_a, b, set_b) && subset(b, set_b, a, set_a);
}

/* A leader sets one at a time, and the votes only change by way of a joint one. */
static void check_config(struct node *n)
{
	const struct raftblk_config *was = &n->config, *now = &n->rep.raft.config;

	if (n->rep.raft.role != RAFT_LEADER || now->index <= was->index)
		return;
	if (was->index > n->rep.raft.commit)
		LOST("node %u: sets a configuration while that of %llu is not committed", n->id,
		     (unsigned long long)was->index);
	if (!same_set(now, RAFTBLK_MEMBER_OLD, was, RAFTBLK_MEMBER_NEW) &&
	    !same_set(now, RAFTBLK_MEMBER_OLD, was, RAFTBLK_MEMBER_OLD))
		LOST("node %u: the outgoing set of %llu is neither of those before", n->id,
		     (unsigned long long)now->index);
	if (raftblk_config_is_joint(was) && (raftblk_config_is_joint(now) ||
	    !same_set(now, RAFTBLK_MEMBER_NEW, was, RAFTBLK_MEMBER_NEW)))
		LOST("node %u: leaves the joint configuration for another", n->id);
	if (!raftblk_config_is_joint(was) &&
	    !same_set(now, RAFTBLK_MEMBER_OLD, was, RAFTBLK_MEMBER_OLD))
		LOST("node %u: the voters change in one step", n->id);
}

/* The token a write was made under has to be the newest one before it. */
static void commit_owner(struct node *n, u64 index, const struct raftblk_entry *e)
{
	if (e->op == RAFTBLK_OP_OWNER) {
		if (e->sector && node_is_witness(node_by_id(e->sector)))
			LOST("node %llu: owns the device, and is a witness",
			     (unsigned long long)e->sector);
		owner_node = e->sector;
		owner_token = index;
	} else if (raftblk_entry_is_data(e) && e->token != owner_token) {
		LOST("entry %llu of term %llu is committed with token %llu, but the owner's is %llu",
		     (unsigned long long)index, (unsigned long long)e->term,
		     (unsigned long long)e->token, (unsigned long long)owner_token);
	}
}

/* The configuration of the entry at @index. */
static const struct raftblk_config *config_at(const struct node *n, u64 index)
{
	const struct raft *r = &n->rep.raft;
	u32 i;

	if (r->config.index == index)
		return &r->config;
	for (i = 0; i < r->nr_history; i++)
		if (r->history[i].index == index)
			return &r->history[i];
	return n->config.index == index ? &n->config : NULL;
}

/* Ids are not used twice: who is not there any more has left for good. */
static void commit_left(const struct raftblk_config *c, u64 term)
{
	u32 i, id;

	for (i = 0; i < c->nr; i++)
		if (c->member[i].replaces < ARRAY_SIZE(replaced))
			replaced[c->member[i].replaces] = c->member[i].id;
	for (id = 1; id < c->next_id && id < ARRAY_SIZE(left_in); id++) {
		if (left_in[id] || raftblk_config_find(c, id) >= 0)
			continue;
		left_in[id] = term;
		if (raftblk_config_find(c, replaced[id]) >= 0)
			COUNT(replacements);
		trace("node %u has left", id);
	}
}

static void commit_config(struct node *n, u64 index)
{
	const struct raftblk_config *c = config_at(n, index);

	if (c)
		commit_left(c, n->rep.raft.term);
	if ((n->rep.raft.config.index == index && raftblk_config_is_joint(&n->rep.raft.config)) ||
	    (n->config.index == index && raftblk_config_is_joint(&n->config)))
		COUNT(joint_configs);
}

static void commit_first(struct node *n, u64 index)
{
	struct reg *r = reg_find(index, n->sh_term[index]);

	if (!r)
		sim_fail("node %u: commits entry %llu, which never was", n->id,
			 (unsigned long long)index);
	if (index != nr_committed + 1)
		LOST("node %u: commits %llu, but nobody has committed what is before it", n->id,
		     (unsigned long long)index);
	if (check_has_left(n->id))
		LOST("node %u: commits %llu after it has left", n->id, (unsigned long long)index);
	if (n->rep.raft.role != RAFT_LEADER && n->role != RAFT_LEADER)
		LOST("node %u: commits %llu before any leader did", n->id,
		     (unsigned long long)index);
	if (!durable_on_majority(&n->config, index, r->e.term) &&
	    !durable_on_majority(&n->rep.raft.config, index, r->e.term))
		LOST("node %u: commits entry %llu of term %llu, which is not durable on a majority",
		     n->id, (unsigned long long)index, (unsigned long long)r->e.term);
	committed = grow(committed, &committed_room, index + 1, sizeof(*committed));
	committed[index] = (struct committed){ r, n->rep.raft.term };
	nr_committed = index;
	commit_owner(n, index, &r->e);
	grow_commit(index, &r->e);
	if (r->e.op == RAFTBLK_OP_CONFIG)
		commit_config(n, index);
	if (r->e.op == RAFTBLK_OP_WRITE || r->e.op == RAFTBLK_OP_ZERO ||
	    r->e.op == RAFTBLK_OP_DISCARD)
		oracle_commit(&r->e, r->id, index);
}

static void check_commit(struct node *n)
{
	u64 commit = n->rep.raft.commit;
	bool first = commit > nr_committed;
	u64 i;

	if (commit == n->commit)
		return;
	if (commit < n->commit || commit > n->rep.log.last) {
		LOST("node %u: commit goes from %llu to %llu, log ends at %llu", n->id,
		     (unsigned long long)n->commit, (unsigned long long)commit,
		     (unsigned long long)n->rep.log.last);
		n->commit = min(commit, n->rep.log.last);
		return;
	}
	/* started again, it could tell a leader that was deposed, or be taken to agree with it */
	if (n->rep.raft.term > n->stable_term)
		LOST("node %u: takes %llu for committed in term %llu, but has %llu on disk", n->id,
		     (unsigned long long)commit, (unsigned long long)n->rep.raft.term,
		     (unsigned long long)n->stable_term);
	for (i = n->commit + 1; i <= commit; i++) {
		if (i > nr_committed)
			commit_first(n, i);
		else if (i >= n->rep.log.first && committed[i].reg->e.term != n->sh_term[i])
			LOST("State Machine Safety: node %u commits term %llu at %llu, another term %llu",
			     n->id, (unsigned long long)n->sh_term[i], (unsigned long long)i,
			     (unsigned long long)committed[i].reg->e.term);
	}
	if (first && n->rep.raft.role == RAFT_LEADER && n->sh_term[commit] != n->rep.raft.term)
		LOST("node %u: leader of term %llu commits entry %llu of term %llu by counting",
		     n->id, (unsigned long long)n->rep.raft.term, (unsigned long long)commit,
		     (unsigned long long)n->sh_term[commit]);
	n->commit = commit;
}

/* ---- roles ---- */

/* While one counts on its lease there must be no newer leader: its reads would be stale. */
static void check_leases(struct node *n)
{
	struct node *m;

	for_each_node(m)
		if (m->up && m->rep.raft.term < n->rep.raft.term &&
		    raft_lease_valid(&m->rep.raft, node_now(m)))
			LOST("Lease: node %u leads term %llu while the lease of node %u holds", n->id,
			     (unsigned long long)n->rep.raft.term, m->id);
}

static void check_leader(struct node *n)
{
	u64 term = n->rep.raft.term;
	u64 i;

	COUNT(leaders);
	if (node_is_witness(n))
		COUNT(witness_leads);
	leader_of = grow(leader_of, &leader_room, term + 1, sizeof(*leader_of));
	if (leader_of[term])
		LOST("Election Safety: nodes %u and %u both lead term %llu",
		     node[leader_of[term] - 1].id, n->id, (unsigned long long)term);
	leader_of[term] = n->slot + 1;
	/* with votes of a later term; those of an earlier one it may have had before */
	if (check_has_left(n->id) && left_in[n->id] < term)
		LOST("node %u: leads term %llu after it has left", n->id, (unsigned long long)term);
	if (n->stable_term < term || n->stable_voted_for != n->id)
		LOST("node %u: leads term %llu before its own vote is on disk", n->id,
		     (unsigned long long)term);
	check_leases(n);
	for (i = max(n->rep.log.first, 1ULL); i <= nr_committed; i++)
		if (committed[i].by_term < term &&
		    (i > n->sh_last || n->sh_term[i] != committed[i].reg->e.term))
			LOST("Leader Completeness: node %u leads term %llu without entry %llu of term %llu",
			     n->id, (unsigned long long)term, (unsigned long long)i,
			     (unsigned long long)committed[i].reg->e.term);
}

static void check_role(struct node *n)
{
	struct raft *r = &n->rep.raft;

	if (r->term < n->term)
		LOST("node %u: term goes from %llu to %llu", n->id, (unsigned long long)n->term,
		     (unsigned long long)r->term);
	if (r->role != RAFT_FOLLOWER && r->incomplete)
		LOST("node %u: is %s and incomplete", n->id, raft_role_name(r->role));
	if (r->role == n->role && r->term == n->term)
		return;
	trace("node %u: %s of term %llu", n->id, raft_role_name(r->role),
	      (unsigned long long)r->term);
	if (r->role == RAFT_CANDIDATE && (n->role != RAFT_CANDIDATE || n->term != r->term))
		COUNT(elections);
	/* what had been granted or asked for before may come late, but not again and again */
	if (r->role == RAFT_CANDIDATE && check_has_left(n->id) && ++n->stood > 3)
		LOST("node %u: has left and raises the term again and again", n->id);
	if (r->role == RAFT_LEADER)
		check_leader(n);
	n->role = r->role;
	n->term = r->term;
}

static void check_writer(struct node *n)
{
	struct raftblk_replica *rep = &n->rep;

	if (!rep->openers || rep->fenced || !rep->token)
		return;
	if (rep->token > owner_token)
		LOST("node %u: writes under token %llu, which is not committed", n->id,
		     (unsigned long long)rep->token);
	if (rep->token == owner_token && owner_node != n->id)
		LOST("node %u: writes under the token of node %u", n->id, owner_node);
}

#define PROMOTE_LAG	64

/*
 * A learner that is catching up, lacks much of the log, or never came, is not made a voter:
 * its part would be missing.
 */
static void check_promotion(struct node *n)
{
	const struct raftblk_config *now = &n->rep.raft.config;
	u32 i;

	for (i = 0; i < now->nr; i++) {
		const struct node *m = node_by_id(now->member[i].id);
		int was = raftblk_config_find(&n->config, now->member[i].id);

		if (n->rep.raft.role != RAFT_LEADER || was < 0 ||
		    !raftblk_member_votes(&now->member[i]) ||
		    raftblk_member_votes(&n->config.member[was]))
			continue;
		if (!m || m->incomplete ||
		    (!m->scarred && m->dur_last + PROMOTE_LAG + 1 < now->index))
			LOST("node %u: promotes node %u, which lacks what it would have to have",
			     n->id, now->member[i].id);
	}
}

void check_node(struct node *n)
{
	struct raftblk_log *log = &n->rep.log;

	if (log->last != n->sh_last || n->sh_term[log->last] != raftblk_log_term(log, log->last))
		check_log(n, false);
	check_commit(n);
	grow_check(n);
	check_role(n);
	check_writer(n);
	/* another may come to lie at the index of one that was cut */
	if (memcmp(&n->config, &n->rep.raft.config, sizeof(n->config))) {
		check_promotion(n);
		check_config(n);
		n->config = n->rep.raft.config;
	}
	sim.count->chunks_dropped += n->rep.catchup.dropped - n->dropped;
	n->dropped = n->rep.catchup.dropped;
}

/* ---- restart ---- */

void check_boot(struct node *n, const struct raftblk_recovered *found)
{
	struct raftblk_log *log = &n->rep.log;
	u64 i;

	/* the checkpoint came down, but nobody was told */
	if (n->rep.raft.incomplete && n->rep.raft.boundary != n->boundary)
		check_log_reset(n, n->rep.raft.boundary, n->rep.raft.boundary_term);
	n->dropped = 0;
	shadow_grow(n, max(log->last, n->dur_last) + 1);
	if (found->torn)
		COUNT(torn_tails);
	if (found->corrupt_index) {
		COUNT(corruption_found);
		if (!n->scarred)
			LOST("node %u: takes what a power cut left for corruption at %llu: %s", n->id,
			     (unsigned long long)found->corrupt_index, found->why);
	}
	/* what was cut may be gone or not, as the record that replaced it got through or not */
	for (i = log->first; !n->rotten && i <= n->dur_last && i <= n->sh_last; i++)
		if (n->sh_term[i] == n->dur_term[i] &&
		    (i > log->last || raftblk_log_term(log, i) != n->dur_term[i]))
			LOST("node %u: entry %llu of term %llu was durable and is not recovered", n->id,
			     (unsigned long long)i, (unsigned long long)n->dur_term[i]);
	if (n->rep.raft.proof_index)
		n->rotten = true;
	n->sh_last = log->last;
	n->sh_first = log->first;
	check_log(n, true);
	/* in the place of what rotted away, what that had replaced may be back */
	for (i = log->first; i <= log->last; i++)
		if (!n->rotten || i > n->dur_last)
			n->dur_term[i] = n->sh_term[i];
	if (n->rotten)
		n->rot_last = max(n->rot_last, n->dur_last);
	/* what its disk had when it was set back was judged just now */
	if (n->set_back && !n->rep.raft.proof_index)
		n->rotten = false;
	n->dur_last = log->last;
	sim.count->recovered_entries += log->last + 1 - log->first;
	n->commit = n->rep.raft.commit;
	n->term = n->rep.raft.term;
	n->role = n->rep.raft.role;
	n->config = n->rep.raft.config;
	n->rec_head = 0;
	n->rec_tail = 0;
	n->flushed = n->rep.applied;
	n->applied_to = n->rep.applied;
	if (n->commit > nr_committed)
		LOST("node %u: starts with %llu committed, but only %llu are", n->id,
		     (unsigned long long)n->commit, (unsigned long long)nr_committed);
	if (n->rep.vmap && !n->incomplete)
		check_vmap(n, false);
	memset(n->applied_set, 0, sim.set.max_entries * sizeof(*n->applied_set));
	memset(n->applying, 0, sizeof(n->applying));
}

void check_down(struct node *n)
{
	n->role = RAFT_FOLLOWER;
}

/*
 * The version map against what the committed history says of the applied entries: too
 * low is a change that a member which catches up would not get.
 */
void check_vmap(const struct node *n, bool exact)
{
	u64 extents = n->vmap.nr_extents;
	u64 *want = calloc(extents, sizeof(*want));
	u64 i, x;

	assert(want || !extents);
	for (i = 1; extents && i <= n->rep.applied && i <= nr_committed; i++) {
		const struct raftblk_entry *e = &committed[i].reg->e;

		for (x = e->sector / n->vmap.extent_sectors; raftblk_entry_is_data(e) &&
		     x <= (e->sector + e->nsect - 1) / n->vmap.extent_sectors; x++)
			want[x] = i;
	}
	for (x = 0; x < extents; x++)
		if (n->vmap.version[x] < want[x] || (exact && n->vmap.version[x] != want[x]))
			LOST("node %u: version of extent %llu is %llu, not %llu", n->id,
			     (unsigned long long)x, (unsigned long long)n->vmap.version[x],
			     (unsigned long long)want[x]);
	free(want);
}

/*
 * It says that it is complete: its data area has to be that of its applied entries.  Where
 * later ones are committed it may already show them: a source that was restarted had
 * applied more than it knows.
 */
void check_caught_up(const struct node *n)
{
	const u8 *data = n->disk.data + n->super.data_start * SECTOR;
	u64 *want = calloc(sim.set.volume_max, sizeof(*want));
	u8 sector[SECTOR];
	u64 i, s;

	assert(want);
	if (node_is_witness(n)) {
		free(want);
		return;
	}
	for (i = 1; i <= nr_committed; i++) {
		const struct reg *r = committed[i].reg;

		for (s = r->e.sector; raftblk_entry_is_data(&r->e) &&
		     s < r->e.sector + r->e.nsect; s++)
			want[s] = i > n->rep.applied ? NEVER : r->id;
	}
	for (s = 0; s < n->rep.volume_sectors; s++) {
		if (want[s] == NEVER)
			continue;
		memset(sector, 0, sizeof(sector));
		if (want[s])
			oracle_fill(want[s], s, 1, sector);
		if (memcmp(data + s * SECTOR, sector, SECTOR))
			LOST("node %u: has caught up, but sector %llu is not that of write %llu", n->id,
			     (unsigned long long)s, (unsigned long long)want[s]);
	}
	free(want);
	check_vmap(n, false);
}

/* All logs, entry by entry: for mistakes that left no trace at the end of a log. */
void check_everything(void)
{
	struct node *n;

	for_each_node(n)
		if (n->up)
			check_log(n, true);
}
