// SPDX-License-Identifier: GPL-2.0
/*
 * Random histories of a log on a disk that loses power.
 *
 * The model knows nothing of how recovery works: it keeps every record as it
 * was handed out, looks which of them the ring still holds byte for byte, and
 * says what must come back.
 */
#include "fake.h"

#define INDICES		4096
#define RECORDS		4096
#define FLIGHTS		RAFTBLK_LOG_WRITES

/**
 * struct shadow - what the model knows of the entry at an index
 * @version: counts entries ever appended: tells an entry from its replacement
 * @landed: the write of a record that holds this version has completed
 */
struct shadow {
	u64 version;
	u64 term;
	u32 crc;
	u32 bytes;
	u8 op;
	bool landed;
};

/**
 * struct record - a record as it was staged
 * @durable_pos: the ring below was stable then
 */
struct record {
	u64 id;
	u64 pos;
	u32 sectors;
	u32 header_sectors;
	u32 payload_sectors;
	u8 *image;
	u64 first;
	u32 nr;
	struct shadow ent[RAFTBLK_RECORD_MAX_ENTRIES];
	u64 durable_pos;
	u64 known_durable;
	bool flying;
};

/**
 * struct world - one history
 * @rec: records, oldest first, those from the last lives included
 * @ghost: records that a restart left behind the end of the log; what they say
 *	of the ring before them stays true as long as they can be read
 * @version: of the newest entry
 * @term: of the newest entries
 * @applied, @commit: never go back
 * @next_ckpt: being written, if @ckpt_flying
 */
struct world {
	struct fake *f;
	struct rng rng;
	struct record *rec[RECORDS];
	u32 nr_records;
	u32 oldest;
	struct record *ghost[RECORDS];
	u32 nr_ghosts;
	struct shadow ent[INDICES];
	u64 version;
	u64 term;
	u64 applied;
	u64 commit;
	u64 checked_durable;
	struct raftblk_ckpt next_ckpt;
	bool ckpt_flying;
};

/* What was reached, over all histories: a test that never gets there tests nothing. */
static struct {
	u32 cuts, wraps, torn, corrupt, lives, retained, discarded, full, overtaken, replaced_flying;
} seen;

static struct world *world_new(u64 seed)
{
	static const u32 rings[] = { 128, 160, 256, 512, 1024 };
	static const u32 tables[] = { 16, 32, 64, 256 };
	struct world *w = calloc(1, sizeof(*w));

	w->rng = rng_seed(seed);
	w->f = fake_new(rings[rng_below(&w->rng, 5)], rng_chance(&w->rng, 50) ? 1 : 8,
			tables[rng_below(&w->rng, 4)]);
	w->term = 1;
	return w;
}

static void record_free(struct record *r)
{
	free(r->image);
	free(r);
}

static void world_free(struct world *w)
{
	u32 i;

	for (i = 0; i < w->nr_records; i++)
		record_free(w->rec[i]);
	for (i = 0; i < w->nr_ghosts; i++)
		record_free(w->ghost[i]);
	fake_free(w->f);
	free(w);
}

/* ---- life ---- */

static void do_append(struct world *w)
{
	static const u8 ops[] = {
		RAFTBLK_OP_WRITE, RAFTBLK_OP_WRITE, RAFTBLK_OP_WRITE, RAFTBLK_OP_WRITE,
		RAFTBLK_OP_NOOP, RAFTBLK_OP_DISCARD, RAFTBLK_OP_CONFIG,
	};
	struct raftblk_log *log = &w->f->log;
	u8 op = ops[rng_below(&w->rng, ARRAY_SIZE(ops))];
	u32 sectors = 1 + rng_below(&w->rng, rng_chance(&w->rng, 10) ? 60 : 9);
	const struct raftblk_entry *e;
	struct shadow *s;
	bool room;
	int err;

	if (log->last + 1 >= INDICES)
		return;
	if (rng_chance(&w->rng, 5))
		w->term++;
	room = raftblk_log_has_room(log, op == RAFTBLK_OP_WRITE ? sectors * 512 :
				    op == RAFTBLK_OP_CONFIG ? RAFTBLK_CONFIG_BYTES : 0);
	err = fake_append(w->f, op, w->term, sectors);
	CHECK(room == !err);
	if (err) {
		CHECK_EQ(err, (u64)-ENOSPC);
		seen.full++;
		return;
	}
	e = raftblk_log_entry(log, log->last);
	s = &w->ent[log->last];
	*s = (struct shadow){ ++w->version, e->term, e->crc, e->bytes, e->op, false };
}

static void do_cut(struct world *w)
{
	struct raftblk_log *log = &w->f->log;
	u64 keep = max(w->commit, w->applied);
	u32 i;

	if (log->last <= keep)
		return;
	raftblk_log_cut(log, keep + 1 + rng_below(&w->rng, log->last - keep));
	w->term++;
	w->checked_durable = min(w->checked_durable, log->last);
	seen.cuts++;
	for (i = w->oldest; i < w->nr_records; i++)
		if (w->rec[i]->flying && w->rec[i]->first + w->rec[i]->nr - 1 > log->last)
			seen.replaced_flying++;
}

static u64 lowest_flying(struct world *w)
{
	u32 i;

	for (i = w->oldest; i < w->nr_records; i++)
		if (w->rec[i]->flying)
			return w->rec[i]->pos;
	return ~0ULL;
}

static void do_stage(struct world *w)
{
	struct raftblk_log *log = &w->f->log;
	u64 ring = w->f->super.ring_sectors;
	u64 flying = lowest_flying(w);
	struct raftblk_log_write *lw;
	struct record *r;
	u32 i;

	if (w->nr_records == RECORDS)
		return;
	lw = raftblk_log_next_write(log);
	if (!lw)
		return;
	r = calloc(1, sizeof(*r));
	r->id = lw->id;
	r->pos = lw->pos;
	r->first = lw->first;
	r->nr = lw->nr;
	r->header_sectors = lw->header_bytes / 512;
	r->payload_sectors = lw->payload_bytes / 512;
	r->durable_pos = raftblk_log_durable_pos(log);
	r->known_durable = log->durable;
	r->image = fake_encode(w->f, lw, &r->sectors);
	r->flying = true;
	for (i = 0; i < r->nr; i++)
		r->ent[i] = w->ent[r->first + i];
	CHECK(r->pos + r->sectors <= w->f->ckpt.replay_pos + ring);
	CHECK(flying == ~0ULL || r->pos + r->sectors <= flying + ring);
	if (r->pos / ring != (r->pos + r->sectors - 1) / ring)
		seen.wraps++;
	w->rec[w->nr_records++] = r;
}

/* What is counted durable must be what is on disk, not what was there before. */
static void check_durable(struct world *w)
{
	for (; w->checked_durable < w->f->log.durable; w->checked_durable++)
		CHECK(w->ent[w->checked_durable + 1].landed);
}

static void record_done(struct world *w, struct record *r)
{
	u32 i;

	fake_put(w->f, r->pos, r->image, r->sectors);
	r->flying = false;
	for (i = 0; i < r->nr; i++)
		if (w->ent[r->first + i].version == r->ent[i].version)
			w->ent[r->first + i].landed = true;
	raftblk_log_written(&w->f->log, r->id);
	check_durable(w);
}

static void do_complete(struct world *w, bool in_order)
{
	struct record *fly[FLIGHTS];
	u32 i, nr = 0;

	for (i = w->oldest; i < w->nr_records; i++)
		if (w->rec[i]->flying)
			fly[nr++] = w->rec[i];
	if (!nr)
		return;
	i = in_order ? 0 : rng_below(&w->rng, nr);
	seen.overtaken += i > 0;
	record_done(w, fly[i]);
}

static void do_apply(struct world *w)
{
	struct raftblk_log *log = &w->f->log;

	if (log->durable > w->commit)
		w->commit += rng_below(&w->rng, log->durable - w->commit + 1);
	if (w->commit > w->applied)
		w->applied += rng_below(&w->rng, w->commit - w->applied + 1);
	log->commit = w->commit;
}

static void ckpt_landed(struct world *w)
{
	w->f->ckpt = w->next_ckpt;
	w->ckpt_flying = false;
}

static void do_ckpt(struct world *w)
{
	u8 buf[RAFTBLK_META_BYTES];

	if (w->ckpt_flying) {
		ckpt_landed(w);
		raftblk_log_ckpt_done(&w->f->log, &w->f->ckpt);
		return;
	}
	w->next_ckpt = w->f->ckpt;
	w->next_ckpt.generation++;
	raftblk_log_ckpt_fill(&w->f->log, w->applied, &w->next_ckpt);
	raftblk_ckpt_encode(&w->next_ckpt, w->f->super.uuid, buf);
	CHECK_EQ(raftblk_ckpt_decode(&w->next_ckpt, w->f->super.uuid, buf), 0);
	w->ckpt_flying = true;
}

static void do_vote(struct world *w)
{
	u8 buf[RAFTBLK_VOTE_BYTES];

	w->f->vote.generation++;
	w->f->vote.term = w->term;
	w->f->vote.durable_index = w->f->log.durable;
	w->f->vote.durable_pos = raftblk_log_durable_pos(&w->f->log);
	raftblk_vote_encode(&w->f->vote, w->f->super.uuid, buf);
	CHECK_EQ(raftblk_vote_decode(&w->f->vote, w->f->super.uuid, buf), 0);
}

static void do_cache(struct world *w)
{
	struct raftblk_log *log = &w->f->log;
	struct raftblk_payload *p;
	struct raftblk_entry *e;
	u64 index;

	if (rng_chance(&w->rng, 50)) {
		raftblk_log_trim_cache(log, rng_below(&w->rng, 30) * 512);
		return;
	}
	if (log->first > log->durable)
		return;
	index = log->first + rng_below(&w->rng, log->durable - log->first + 1);
	e = raftblk_log_entry(log, index);
	/* whatever the table says is in the ring is in the ring */
	CHECK_EQ(fake_ring_crc(w->f, e), e->crc);
	if (!e->bytes || e->payload)
		return;
	p = fake_payload(e->bytes, e->term << 32 | index);
	CHECK_EQ(raftblk_crc(p->data, p->bytes), e->crc);
	CHECK(raftblk_log_set_payload(log, index, e->term, p));
}

static void check_table(struct world *w)
{
	struct raftblk_log *log = &w->f->log;
	u64 cached = 0, pending = 0, i;
	u32 align = log->align_sectors;

	CHECK(log->first <= log->ckpt_index + 1 && log->ckpt_index <= log->last);
	CHECK(log->durable <= log->staged && log->staged <= log->last);
	CHECK(log->last - log->first + 1 <= log->max_entries);
	CHECK(log->head_pos <= log->ckpt_pos && log->ckpt_pos <= log->tail_pos);
	CHECK(log->tail_pos + log->pending_sectors - log->ckpt_pos <= log->ring_sectors);
	CHECK(raftblk_log_usage(log) <= 100);
	for (i = log->first; i <= log->last; i++) {
		const struct raftblk_entry *e = raftblk_log_entry(log, i);

		CHECK_EQ(e->term, w->ent[i].term);
		CHECK_EQ(e->crc, w->ent[i].crc);
		if (e->payload)
			cached += e->bytes;
		if (i <= log->staged)
			continue;
		CHECK(e->payload || !e->bytes);
		pending += raftblk_record_header_sectors(1, align) +
			   round_up(e->bytes / 512, align);
	}
	CHECK_EQ(cached, log->cached_bytes);
	CHECK_EQ(pending, log->pending_sectors);
}

static void live(struct world *w)
{
	u32 steps = rng_below(&w->rng, 300);

	while (steps--) {
		u32 dice = rng_below(&w->rng, 100);

		if (dice < 38)
			do_append(w);
		else if (dice < 60)
			do_stage(w);
		else if (dice < 80)
			do_complete(w, rng_chance(&w->rng, 50));
		else if (dice < 88)
			do_apply(w);
		else if (dice < 94)
			do_ckpt(w);
		else if (dice < 95)
			do_vote(w);
		else if (dice < 98)
			do_cache(w);
		else
			do_cut(w);
		check_table(w);
	}
}

/* ---- death ---- */

/* Some sectors of what was on its way reach the disk. */
static void crash(struct world *w)
{
	u32 i, k, kind;

	for (i = w->oldest; i < w->nr_records; i++) {
		struct record *r = w->rec[i];

		if (!r->flying)
			continue;
		kind = rng_below(&w->rng, 4);
		for (k = 0; k < r->sectors; k++)
			if (kind == 0 || (kind == 1 && rng_chance(&w->rng, 50)) ||
			    (kind == 2 && k != r->sectors - 1))
				fake_put(w->f, r->pos + k, r->image + k * 512, 1);
		r->flying = false;
	}
	if (w->ckpt_flying && rng_chance(&w->rng, 50))
		ckpt_landed(w);
	w->ckpt_flying = false;
}

static bool on_disk(struct world *w, const struct record *r, u32 from, u32 nr)
{
	u32 i;

	for (i = from; i < from + nr; i++)
		if (memcmp(fake_sector(w->f, r->pos + i), r->image + i * 512, 512))
			return false;
	return true;
}

static bool header_on_disk(struct world *w, const struct record *r)
{
	return on_disk(w, r, 0, r->header_sectors);
}

/* Header, and payloads of what is above the checkpoint. */
static bool record_on_disk(struct world *w, const struct record *r)
{
	u32 at = r->header_sectors;
	u32 i;

	if (!header_on_disk(w, r))
		return false;
	for (i = 0; i < r->nr; i++) {
		u32 nr = r->ent[i].bytes / 512;

		if (r->first + i > w->f->ckpt.applied_index && !on_disk(w, r, at, nr))
			return false;
		at += nr;
	}
	return true;
}

/* One byte of a record that replay needs, if there is one; not of its padding. */
static bool rot(struct world *w)
{
	struct record *r[RECORDS];
	u32 i, nr = 0, byte;

	for (i = w->oldest; i < w->nr_records; i++)
		if (w->rec[i]->pos >= w->f->ckpt.replay_pos)
			r[nr++] = w->rec[i];
	if (!nr)
		return false;
	i = rng_below(&w->rng, nr);
	byte = rng_below(&w->rng, (r[i]->header_sectors + r[i]->payload_sectors) * 512);
	fake_sector(w->f, r[i]->pos + byte / 512)[byte % 512] ^= 1 << rng_below(&w->rng, 8);
	return true;
}

/**
 * struct expected - what recovery must find
 * @last: highest index, with @ent as the table
 * @tail: where the next record goes
 * @stop: number of the first record that does not count
 * @corrupt: it was durable once, and something says so
 * @evidence: the ring below this position was stable once
 * @proof: how far the loss may reach then
 */
struct expected {
	u64 last;
	u64 tail;
	u32 stop;
	u64 evidence;
	bool corrupt;
	u64 proof;
	struct shadow *ent;
	u64 *pos;
};

static void expect_take(struct expected *x, const struct record *r, u64 applied)
{
	u32 i;

	for (i = 0; i < r->nr; i++) {
		u64 index = r->first + i;

		if (index <= applied)
			continue;
		x->ent[index] = r->ent[i];
		x->pos[index] = r->pos;
		x->last = index;
	}
}

/* Records are told from those of other laps by position: the newest at it counts. */
static void expect_walk(struct world *w, struct expected *x)
{
	u32 i;

	x->last = w->f->ckpt.applied_index;
	x->tail = w->f->ckpt.replay_pos;
	for (i = w->oldest; i < w->nr_records; i++) {
		const struct record *r = w->rec[i];

		if (r->pos < w->f->ckpt.replay_pos)
			continue;
		CHECK_EQ(r->pos, x->tail);
		if (!record_on_disk(w, r))
			break;
		expect_take(x, r, w->f->ckpt.applied_index);
		x->tail += r->sectors;
	}
	x->stop = i;
}

static void expect_witness(struct world *w, struct expected *x, const struct record *r)
{
	if (r->pos < x->tail || !header_on_disk(w, r))
		return;
	x->evidence = max(x->evidence, r->durable_pos);
	x->proof = max(x->proof, r->known_durable);
	x->proof = max(x->proof, r->first + r->nr - 1);
}

static void expect_verdict(struct world *w, struct expected *x)
{
	u32 i;

	x->evidence = max(w->f->ckpt.durable_pos, w->f->vote.durable_pos);
	x->proof = max(w->f->ckpt.durable_index, w->f->vote.durable_index);
	for (i = x->stop; i < w->nr_records; i++)
		expect_witness(w, x, w->rec[i]);
	for (i = 0; i < w->nr_ghosts; i++)
		expect_witness(w, x, w->ghost[i]);
	x->corrupt = x->evidence > x->tail;
	if (!x->corrupt)
		return;
	if (x->stop < w->nr_records && header_on_disk(w, w->rec[x->stop]))
		x->last = max(w->rec[x->stop]->first - 1, w->f->ckpt.applied_index);
	x->proof = max(x->proof, x->last + 1);
}

static void check_entries(struct world *w, const struct expected *x)
{
	struct raftblk_log *log = &w->f->log;
	u64 i, configs = 0;

	for (i = log->first; i <= log->last; i++) {
		const struct raftblk_entry *e = raftblk_log_entry(log, i);
		const struct shadow *s = i > log->ckpt_index ? &x->ent[i] : &w->ent[i];

		CHECK_EQ(e->term, s->term);
		CHECK_EQ(e->crc, s->crc);
		CHECK_EQ(e->op, s->op);
		CHECK_EQ(e->bytes, s->bytes);
		CHECK_EQ(fake_ring_crc(w->f, e), e->crc);
		if (i <= log->ckpt_index)
			continue;
		CHECK_EQ(e->rec_pos, x->pos[i]);
		if (e->op == RAFTBLK_OP_CONFIG) {
			CHECK(configs < w->f->nr_configs);
			CHECK_EQ(w->f->config[configs], i);
			CHECK_EQ(w->f->config_crc[configs], e->crc);
			configs++;
		}
	}
	CHECK_EQ(w->f->nr_configs, configs);
}

/* The point of it all: what was durable is there, as it was. */
static void check_promise(struct world *w, u64 durable)
{
	struct raftblk_log *log = &w->f->log;
	u64 i;

	CHECK(log->last >= durable);
	for (i = log->first; i <= durable; i++)
		CHECK_EQ(raftblk_log_entry(log, i)->crc, w->ent[i].crc);
}

/* Go on from what came back. */
static void resume(struct world *w, struct expected *x)
{
	u32 i;

	for (i = x->stop; i < w->nr_records; i++)
		w->ghost[w->nr_ghosts++] = w->rec[i];
	w->nr_records = x->stop;
	while (w->oldest < w->nr_records &&
	       w->rec[w->oldest]->pos + w->rec[w->oldest]->sectors <= w->f->ckpt.replay_pos)
		w->oldest++;
	for (i = w->f->ckpt.applied_index + 1; i <= x->last; i++) {
		w->ent[i] = x->ent[i];
		w->ent[i].landed = true;
	}
	w->applied = w->f->ckpt.applied_index;
	w->checked_durable = w->f->log.durable;
}

static void check_restart(struct world *w, struct expected *x, bool rotten, u64 durable)
{
	struct raftblk_log *log = &w->f->log;
	const struct raftblk_recovered *found = &w->f->found;

	CHECK_EQ(fake_restart(w->f), 0);
	if (!rotten)
		CHECK(!x->corrupt);
	CHECK_EQ(found->corrupt_index, x->corrupt ? x->last + 1 : 0);
	CHECK_EQ(found->proof_index, x->corrupt ? x->proof : 0);
	CHECK_EQ(log->last, x->last);
	CHECK_EQ(log->tail_pos, x->tail);
	CHECK_EQ(log->durable, x->last);
	CHECK_EQ(log->ckpt_index, w->f->ckpt.applied_index);
	check_entries(w, x);
	if (!rotten)
		check_promise(w, durable);
	/* retained or not, from nothing applied is ever missing in between */
	seen.retained += log->first <= log->ckpt_index;
	seen.discarded += found->discarded;
	seen.torn += found->torn;
	seen.corrupt += x->corrupt;
	seen.lives++;
}

/* False: the history ends here. */
static bool die_and_rise(struct world *w)
{
	u64 durable = w->f->log.durable;
	struct expected x = { 0 };
	bool rotten;

	crash(w);
	rotten = rng_chance(&w->rng, 15) && rot(w);
	x.ent = calloc(INDICES, sizeof(*x.ent));
	x.pos = calloc(INDICES, sizeof(*x.pos));
	expect_walk(w, &x);
	expect_verdict(w, &x);
	check_restart(w, &x, rotten, durable);
	/* A record that rotted unnoticed may have taken durable entries with it. */
	if (!rotten) {
		resume(w, &x);
		check_table(w);
	}
	free(x.ent);
	free(x.pos);
	return !rotten;
}

TEST(histories, "recover: random histories, crashes, rot, many laps")
{
	u32 runs = unit_runs(2000);
	u32 i, lives;

	memset(&seen, 0, sizeof(seen));
	for (i = 0; i < runs; i++) {
		struct world *w;

		unit_current_seed = unit_seed() + i;
		w = world_new(unit_current_seed);
		for (lives = 0; lives < 8; lives++) {
			live(w);
			if (!die_and_rise(w))
				break;
		}
		world_free(w);
	}
	CHECK_EQ(fake_payloads, 0);
	printf("# %u histories: %u lives, %u cuts (%u under a write), %u wraps, %u times full,\n",
	       runs, seen.lives, seen.cuts, seen.replaced_flying, seen.wraps, seen.full);
	printf("# %u writes overtaken; %u torn tails, %u corruptions, retained %u, partly lost %u\n",
	       seen.overtaken, seen.torn, seen.corrupt, seen.retained, seen.discarded);
	if (runs >= 1000)
		CHECK(seen.cuts > 1000 && seen.replaced_flying > 100 && seen.wraps > 1000 &&
		      seen.full > 1000 && seen.torn > 500 && seen.corrupt > 50 &&
		      seen.retained > 1000 && seen.discarded > 100 && seen.overtaken > 1000);
}
