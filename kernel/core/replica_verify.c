// SPDX-License-Identifier: GPL-2.0
/*
 * Verify, see verify.h: what the leader does.  Hashing is in replica_serve.c, mending in
 * replica_repair.c.
 */
#include "replica_internal.h"

/* So often a chunk is tried that is written to all the time. */
#define TRIES_MAX	20

/* So often is it tried to mend one, from one member after the other. */
#define MENDS_MAX	3

/* ---- who takes part ---- */

static bool is_heard(const struct raftblk_replica *rep, u32 slot)
{
	const struct raft *r = &rep->raft;

	return r->config.member[slot].id == r->id ||
	       rep->now < r->peer[slot].heard_at + r->params.election_ns;
}

/*
 * It says that it is catching up, or will say so as soon as it has begun: what it needs is not in
 * the log any more.  It would never come to the index that it is asked for, and every chunk would
 * be tried in vain.
 */
static bool is_incomplete(const struct raftblk_replica *rep, u32 slot)
{
	const struct raft *r = &rep->raft;
	const struct raft_peer *p = &r->peer[slot];

	if (r->config.member[slot].id == r->id)
		return r->incomplete;
	return p->incomplete || p->progress == RAFT_BEHIND;
}

/* Those with data; of these, those that can be compared now. */
static u32 members_with_data(const struct raftblk_replica *rep, u32 *present)
{
	const struct raftblk_config *config = &rep->raft.config;
	u32 i, all = 0;

	*present = 0;
	for (i = 0; i < config->nr; i++) {
		if (!raftblk_member_has_data(&config->member[i]))
			continue;
		all |= 1U << i;
		if (is_heard(rep, i) && !is_incomplete(rep, i))
			*present |= 1U << i;
	}
	return all;
}

static u32 own_slot(const struct raftblk_replica *rep)
{
	return raftblk_config_find(&rep->raft.config, rep->raft.id);
}

/* ---- start and stop ---- */

static void chunk_begin(struct raftblk_verify *v, u64 chunk, u64 at)
{
	v->state = RAFTBLK_VERIFY_NEXT;
	v->chunk = chunk;
	v->round = RAFTBLK_VERIFY_FIRST;
	v->tries = 0;
	v->mends = 0;
	v->at = at;
	v->none = 0;
	memset(v->bad, 0, sizeof(v->bad));
}

int raftblk_replica_verify(struct raftblk_replica *rep, u64 now, bool repair)
{
	struct raftblk_verify *v = &rep->verify;
	u32 all, present, i;

	rep->now = now;
	rep->busy = true;
	if (!rep->vmap)
		return -EOPNOTSUPP;
	if (!raft_leads(&rep->raft) || raftblk_replica_is_witness(rep))
		return -EREMOTE;
	if (v->state != RAFTBLK_VERIFY_OFF)
		return -EALREADY;
	all = members_with_data(rep, &present);
	if (hweight32(all) < 2)
		return -ENODEV;
	for (i = 0; i < rep->raft.config.nr; i++)
		if ((all & (1U << i)) && is_heard(rep, i) && is_incomplete(rep, i))
			return -EBUSY;
	memset(v, 0, sizeof(*v));
	v->repair = repair;
	v->ctx = ++rep->catchup.ctx;
	chunk_begin(v, 0, now);
	return 0;
}

void raftblk_verify_end(struct raftblk_replica *rep, int status)
{
	if (rep->verify.state == RAFTBLK_VERIFY_OFF)
		return;
	rep->verify.state = RAFTBLK_VERIFY_OFF;
	rep->verify.status = status;
	raftblk_replica_event3(rep, RAFTBLK_EVENT_VERIFY_END, status, rep->verify.differ,
			       rep->verify.mended);
}

int raftblk_replica_verify_stop(struct raftblk_replica *rep, u64 now)
{
	rep->now = now;
	rep->busy = true;
	if (rep->verify.state == RAFTBLK_VERIFY_OFF)
		return -ENOENT;
	raftblk_verify_end(rep, -ECANCELED);
	return 0;
}

void raftblk_replica_verify_progress(const struct raftblk_replica *rep,
				     struct raftblk_verify_progress *p)
{
	const struct raftblk_verify *v = &rep->verify;

	memset(p, 0, sizeof(*p));
	if (!rep->vmap)
		return;
	p->running = v->state != RAFTBLK_VERIFY_OFF;
	p->chunk_sectors = rep->vmap->chunk_sectors;
	p->done = v->chunk;
	p->total = raftblk_chunk_count(rep);
}

/* ---- a question ---- */

/* Another attempt, as of a later index, or the next chunk. */
static void verify_retry(struct raftblk_replica *rep)
{
	struct raftblk_verify *v = &rep->verify;

	if (++v->tries < TRIES_MAX) {
		v->state = RAFTBLK_VERIFY_NEXT;
		v->at = rep->now + rep->raft.params.heartbeat_ns;
		return;
	}
	v->skipped++;
	chunk_begin(v, v->chunk + 1, rep->now);
}

/* Who was wrong the first time has to be there the second time. */
static bool are_all_back(const struct raftblk_verify *v)
{
	u32 i;

	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++)
		if (v->bad[i] && !(v->members & (1U << i)))
			return false;
	return true;
}

static void verify_ask(struct raftblk_replica *rep)
{
	struct raftblk_verify *v = &rep->verify;
	bool moved = v->config_gen != rep->raft.config_gen;
	u32 all = members_with_data(rep, &v->members);

	v->config_gen = rep->raft.config_gen;
	if (v->round != RAFTBLK_VERIFY_FIRST && (moved || !are_all_back(v))) {
		/* What was found is counted; whether it was mended is not known. */
		chunk_begin(v, v->chunk + (v->round == RAFTBLK_VERIFY_MENDED), rep->now);
		return;
	}
	if (hweight32(v->members) < 2) {
		v->at = rep->now + RAFTBLK_NSEC_PER_SEC;
		return;
	}
	v->left_out += v->round == RAFTBLK_VERIFY_FIRST && v->members != all;
	v->ctx = ++rep->catchup.ctx;
	v->index = rep->apply_next - 1;
	v->nsect = raftblk_chunk_nsect(rep, v->chunk);
	v->asked = 1U << own_slot(rep);
	v->answered = 0;
	v->state = RAFTBLK_VERIFY_ASKED;
	v->until = rep->now + raftblk_catchup_patience(rep);
	rep->busy = true;
	raftblk_serve_pace(rep, v->chunk);
	if (!raftblk_serve_hash(rep, rep->raft.id, v->ctx, v->chunk, v->index))
		verify_retry(rep);
}

/* ---- comparing ---- */

/* What more than half of all that have data have in this block; 0: there is no such thing. */
static u64 majority(const struct raftblk_verify *v, u32 block, u32 nr_data)
{
	u32 i, j;

	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++) {
		u32 same = 0;

		if (!(v->members & (1U << i)))
			continue;
		for (j = 0; j < RAFTBLK_MAX_MEMBERS; j++)
			same += (v->members & (1U << j)) && v->hash[j][block] == v->hash[i][block];
		if (same * 2 > nr_data)
			return v->hash[i][block];
	}
	return 0;
}

static bool block_is_same(const struct raftblk_verify *v, u32 block)
{
	u32 first = __ffs64(v->members), i;

	for (i = first; i < RAFTBLK_MAX_MEMBERS; i++)
		if ((v->members & (1U << i)) && v->hash[i][block] != v->hash[first][block])
			return false;
	return true;
}

static void compare(const struct raftblk_replica *rep, u64 *bad, u64 *none)
{
	const struct raftblk_verify *v = &rep->verify;
	u32 present, i, b;
	u32 nr_data = hweight32(members_with_data(rep, &present));

	*none = 0;
	memset(bad, 0, RAFTBLK_MAX_MEMBERS * sizeof(*bad));
	for (b = 0; b * RAFTBLK_BLOCK_SECTORS < v->nsect; b++) {
		u64 hash = majority(v, b, nr_data);

		if (block_is_same(v, b))
			continue;
		if (!hash)
			*none |= 1ULL << b;
		for (i = 0; hash && i < RAFTBLK_MAX_MEMBERS; i++)
			if ((v->members & (1U << i)) && v->hash[i][b] != hash)
				bad[i] |= 1ULL << b;
	}
}

/* ---- findings ---- */

static void finding_add(struct raftblk_replica *rep, u32 node, u32 block, u32 nr)
{
	struct raftblk_verify *v = &rep->verify;
	u64 sector = raftblk_vmap_chunk_sector(rep->vmap, v->chunk) + block * RAFTBLK_BLOCK_SECTORS;
	u32 nsect = min_t(u64, nr * RAFTBLK_BLOCK_SECTORS, rep->volume_sectors - sector);

	v->differ += nr;
	raftblk_replica_event3(rep, RAFTBLK_EVENT_VERIFY_DIFFERS, node, sector, nsect);
	if (v->nr_findings == RAFTBLK_VERIFY_FINDINGS)
		return;
	v->finding[v->nr_findings++] = (struct raftblk_verify_finding){
		.node = node, .sector = sector, .nsect = nsect,
	};
}

/* Each run of blocks. */
static void findings_add(struct raftblk_replica *rep, u32 node, u64 blocks)
{
	while (blocks) {
		u32 first = __ffs64(blocks);
		u64 run = ~(blocks >> first);
		u32 nr = run ? __ffs64(run) : RAFTBLK_CHUNK_BLOCKS;

		finding_add(rep, node, first, nr);
		if (first + nr >= RAFTBLK_CHUNK_BLOCKS)
			return;
		blocks &= ~0ULL << (first + nr);
	}
}

static void findings_mended(struct raftblk_replica *rep, u32 node, u64 blocks)
{
	u64 start = raftblk_vmap_chunk_sector(rep->vmap, rep->verify.chunk);
	u32 i;

	for (i = 0; i < rep->verify.nr_findings; i++) {
		struct raftblk_verify_finding *f = &rep->verify.finding[i];

		if (f->node == node && f->sector >= start &&
		    f->sector - start < rep->verify.nsect &&
		    (blocks & (1ULL << ((f->sector - start) / RAFTBLK_BLOCK_SECTORS))))
			f->mended = true;
	}
}

/* ---- mending ---- */

static bool any_bad(const struct raftblk_verify *v)
{
	u32 i;

	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++)
		if (v->bad[i])
			return true;
	return false;
}

/* A member that has all of what @slot lacks as the majority has it, another one each time. */
static u32 mend_source(const struct raftblk_replica *rep, u32 slot)
{
	const struct raftblk_verify *v = &rep->verify;
	u32 i, at, turn = v->mends;

	for (i = 0; i < MENDS_MAX * RAFTBLK_MAX_MEMBERS; i++) {
		at = i % RAFTBLK_MAX_MEMBERS;
		if (at != slot && (v->members & (1U << at)) && !(v->bad[at] & v->bad[slot]) &&
		    !turn--)
			return rep->raft.config.member[at].id;
	}
	return 0;
}

static void mend_begin(struct raftblk_replica *rep)
{
	struct raftblk_verify *v = &rep->verify;
	u32 self = own_slot(rep), i;

	v->state = RAFTBLK_VERIFY_MENDING;
	v->tries = 0;
	v->ctx = ++rep->catchup.ctx;
	v->asked = 1U << self;
	v->until = rep->now + 8 * raftblk_catchup_patience(rep);
	v->answered = v->members;
	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++)
		if (v->bad[i] && mend_source(rep, i))
			v->answered &= ~(1U << i);
	if (!(v->answered & (1U << self)))
		raftblk_repair_mend(rep, rep->raft.id, v->ctx, v->chunk, v->bad[self],
				    mend_source(rep, self));
}

/* ---- what follows from the answers ---- */

static void confirmed(struct raftblk_replica *rep)
{
	struct raftblk_verify *v = &rep->verify;
	u32 i;

	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++)
		if (v->bad[i])
			findings_add(rep, rep->raft.config.member[i].id, v->bad[i]);
	findings_add(rep, 0, v->none);
	if (v->repair && any_bad(v))
		mend_begin(rep);
	else
		chunk_begin(v, v->chunk + 1, rep->now);
}

/* What is not wrong any more is mended; the rest may be tried again. */
static void mended(struct raftblk_replica *rep, const u64 *bad, u64 none)
{
	struct raftblk_verify *v = &rep->verify;
	u32 i;

	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++) {
		u64 good = v->bad[i] & ~(bad[i] | none);

		v->bad[i] &= bad[i];
		v->mended += hweight64(good);
		if (good)
			findings_mended(rep, rep->raft.config.member[i].id, good);
	}
}

static void verify_compare(struct raftblk_replica *rep)
{
	struct raftblk_verify *v = &rep->verify;
	u64 bad[RAFTBLK_MAX_MEMBERS], none;
	u32 i;

	compare(rep, bad, &none);
	switch (v->round) {
	case RAFTBLK_VERIFY_FIRST:
		memcpy(v->bad, bad, sizeof(bad));
		v->none = none;
		if (any_bad(v) || none) {
			v->round = RAFTBLK_VERIFY_CONFIRM;
			v->state = RAFTBLK_VERIFY_NEXT;
			v->at = rep->now;
			return;
		}
		break;
	case RAFTBLK_VERIFY_CONFIRM:
		for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++)
			v->bad[i] &= bad[i];
		v->none &= none;
		confirmed(rep);
		return;
	case RAFTBLK_VERIFY_MENDED:
		mended(rep, bad, none);
		if (any_bad(v) && ++v->mends < MENDS_MAX) {
			mend_begin(rep);
			return;
		}
		break;
	}
	chunk_begin(v, v->chunk + 1, rep->now);
}

/* Member @slot has answered, perhaps this one. */
void raftblk_verify_take(struct raftblk_replica *rep, u32 slot, u64 ctx, u64 chunk, int status,
			 const u64 *hash)
{
	struct raftblk_verify *v = &rep->verify;

	if (v->state != RAFTBLK_VERIFY_ASKED || ctx != v->ctx || chunk != v->chunk ||
	    v->config_gen != rep->raft.config_gen || !(v->asked & v->members & (1U << slot)))
		return;
	rep->busy = true;
	if (status) {
		verify_retry(rep);
		return;
	}
	v->answered |= 1U << slot;
	memcpy(v->hash[slot], hash, sizeof(v->hash[slot]));
}

void raftblk_verify_mended(struct raftblk_replica *rep, u32 slot, u64 ctx)
{
	struct raftblk_verify *v = &rep->verify;

	if (v->state != RAFTBLK_VERIFY_MENDING || ctx != v->ctx ||
	    v->config_gen != rep->raft.config_gen)
		return;
	v->answered |= 1U << slot;
	rep->busy = true;
}

static void mending_step(struct raftblk_replica *rep)
{
	struct raftblk_verify *v = &rep->verify;

	if (v->config_gen == rep->raft.config_gen && rep->now < v->until &&
	    (v->answered & v->members) != v->members)
		return;
	v->round = RAFTBLK_VERIFY_MENDED;
	v->state = RAFTBLK_VERIFY_NEXT;
	v->at = rep->now;
	v->tries = 0;
}

void raftblk_verify_step(struct raftblk_replica *rep)
{
	struct raftblk_verify *v = &rep->verify;

	if (v->state == RAFTBLK_VERIFY_OFF)
		return;
	if (!raft_leads(&rep->raft)) {
		raftblk_verify_end(rep, -EREMOTE);
		return;
	}
	if (v->state == RAFTBLK_VERIFY_ASKED) {
		if (v->config_gen != rep->raft.config_gen || rep->now >= v->until)
			verify_retry(rep);
		else if (v->answered == v->members)
			verify_compare(rep);
	}
	if (v->state == RAFTBLK_VERIFY_MENDING)
		mending_step(rep);
	if (v->chunk >= raftblk_chunk_count(rep))
		raftblk_verify_end(rep, 0);
	else if (v->state == RAFTBLK_VERIFY_NEXT && rep->now >= v->at &&
		 rep->now >= raftblk_serve_pace_at(rep))
		verify_ask(rep);
}

u64 raftblk_verify_deadline(const struct raftblk_replica *rep)
{
	const struct raftblk_verify *v = &rep->verify;

	switch (v->state) {
	case RAFTBLK_VERIFY_OFF:
		return RAFTBLK_NEVER;
	case RAFTBLK_VERIFY_NEXT:
		return raftblk_deadline_ahead(rep, max(v->at, raftblk_serve_pace_at(rep)));
	default:
		return raftblk_deadline_ahead(rep, v->until);
	}
}

/* ---- messages ---- */

void raftblk_verify_receive(struct raftblk_replica *rep, u32 slot, const struct raftblk_msg *m)
{
	const struct raftblk_wire_fetch *f = m->body;
	u64 hash[RAFTBLK_CHUNK_BLOCKS] = { 0 };
	u32 i;

	if (m->type == RAFTBLK_MSG_MENDED) {
		raftblk_verify_mended(rep, slot, m->ctx);
		return;
	}
	for (i = 0; f && i < RAFTBLK_CHUNK_BLOCKS; i++)
		hash[i] = le64_to_cpu(f->hash[i]);
	if (m->status || m->index == rep->verify.index)
		raftblk_verify_take(rep, slot, m->ctx, m->chunk, m->status ? -EAGAIN : 0, hash);
}

static void poll_mend(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m)
{
	struct raftblk_wire_mend *w = &rep->verify.body;

	memset(w, 0, sizeof(*w));
	w->blocks = cpu_to_le64(rep->verify.bad[slot]);
	w->source = cpu_to_le32(mend_source(rep, slot));
	raftblk_replica_msg(rep, m, RAFTBLK_MSG_MEND, slot);
	m->body = w;
	m->body_bytes = sizeof(*w);
}

bool raftblk_verify_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	struct raftblk_verify *v = &rep->verify;
	u32 todo = v->members & ~v->asked & ready;
	u32 slot;

	if (v->state == RAFTBLK_VERIFY_MENDING)
		todo &= ~v->answered;
	else if (v->state != RAFTBLK_VERIFY_ASKED)
		return false;
	if (!todo || v->config_gen != rep->raft.config_gen)
		return false;
	slot = __ffs64(todo);
	v->asked |= 1U << slot;
	if (v->state == RAFTBLK_VERIFY_MENDING) {
		poll_mend(rep, slot, m);
	} else {
		raftblk_replica_msg(rep, m, RAFTBLK_MSG_VERIFY_REQ, slot);
		m->index = v->index;
	}
	m->ctx = v->ctx;
	m->chunk = v->chunk;
	return true;
}
