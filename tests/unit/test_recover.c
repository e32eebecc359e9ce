// SPDX-License-Identifier: GPL-2.0
/* Recovery, case by case.  test_history.c does it at random. */
#include "fake.h"

#define WRITE	RAFTBLK_OP_WRITE
#define NOOP	RAFTBLK_OP_NOOP

/**
 * struct rec - a record on its way
 */
struct rec {
	u64 id;
	u64 pos;
	u32 sectors;
	u8 *buf;
};

static struct rec stage(struct fake *f)
{
	struct raftblk_log_write *w = raftblk_log_next_write(&f->log);
	struct rec r;

	CHECK(w);
	r.id = w->id;
	r.pos = w->pos;
	r.buf = fake_encode(f, w, &r.sectors);
	return r;
}

/* Reaches the ring; whether it is reported is the caller's business. */
static void land(struct fake *f, struct rec *r)
{
	fake_put(f, r->pos, r->buf, r->sectors);
	free(r->buf);
	r->buf = NULL;
}

static void lose(struct rec *r)
{
	free(r->buf);
	r->buf = NULL;
}

/* Append @nr writes of @sectors and make one durable record of them. */
static u64 put(struct fake *f, u64 term, u32 nr, u32 sectors)
{
	u64 pos = f->log.tail_pos;

	while (nr--)
		CHECK_EQ(fake_append(f, WRITE, term, sectors), 0);
	fake_flush(f);
	return pos;
}

static void restart_clean(struct fake *f, u64 last)
{
	CHECK_EQ(fake_restart(f), 0);
	CHECK(!f->found.torn);
	CHECK_EQ(f->found.corrupt_index, 0);
	CHECK_EQ(f->log.last, last);
	CHECK_EQ(f->log.durable, last);
	CHECK_EQ(f->log.staged, last);
}

TEST(recover_empty, "recover: an empty ring is an empty log")
{
	struct fake *f = fake_new(256, 8, 64);

	restart_clean(f, 0);
	CHECK_EQ(f->log.tail_pos, 0);
	put(f, 1, 3, 8);
	restart_clean(f, 3);
	fake_free(f);
}

TEST(recover_all, "recover: entries, places, configurations; and new records follow on")
{
	struct fake *f = fake_new(512, 8, 64);
	struct raftblk_entry before[65];
	u64 i, tail;
	u32 crc;

	put(f, 1, 3, 8);
	CHECK_EQ(fake_append(f, RAFTBLK_OP_CONFIG, 1, 0), 0);
	put(f, 2, 2, 3);
	CHECK_EQ(fake_append(f, RAFTBLK_OP_DISCARD, 2, 5), 0);
	CHECK_EQ(fake_append(f, RAFTBLK_OP_CONFIG, 3, 0), 0);
	fake_flush(f);
	for (i = 1; i <= 8; i++)
		before[i] = *raftblk_log_entry(&f->log, i);
	tail = f->log.tail_pos;
	crc = f->log.tail_crc;
	restart_clean(f, 8);
	CHECK_EQ(f->log.tail_pos, tail);
	CHECK_EQ(f->log.tail_crc, crc);
	CHECK_EQ(f->log.first, 1);
	CHECK_EQ(f->nr_configs, 2);
	CHECK_EQ(f->config[0], 4);
	CHECK_EQ(f->config[1], 8);
	CHECK_EQ(f->config_crc[1], before[8].crc);
	for (i = 1; i <= 8; i++) {
		struct raftblk_entry *e = raftblk_log_entry(&f->log, i);

		before[i].payload = NULL;
		CHECK(!memcmp(e, &before[i], sizeof(*e)));
		CHECK_EQ(fake_ring_crc(f, e), e->crc);
	}
	put(f, 4, 1, 8);
	restart_clean(f, 9);
	CHECK_EQ(f->found.records, 6);
	fake_free(f);
}

TEST(recover_torn, "recover: a torn record is cut, whole ones behind it prove nothing")
{
	struct fake *f = fake_new(256, 1, 64);
	struct rec a, b, c;
	u64 tail;

	put(f, 1, 2, 4);
	tail = f->log.tail_pos;
	CHECK_EQ(fake_append(f, WRITE, 1, 4), 0);
	a = stage(f);
	CHECK_EQ(fake_append(f, WRITE, 1, 4), 0);
	b = stage(f);
	CHECK_EQ(fake_append(f, WRITE, 1, 4), 0);
	c = stage(f);
	fake_put(f, a.pos, a.buf, 3);		/* header and half the payload */
	lose(&a);
	land(f, &b);
	land(f, &c);
	raftblk_log_written(&f->log, b.id);
	CHECK_EQ(fake_restart(f), 0);
	CHECK(f->found.torn);
	CHECK_EQ(f->found.corrupt_index, 0);
	CHECK_EQ(f->found.proof_index, 0);
	CHECK_EQ(f->log.last, 2);
	CHECK_EQ(f->log.tail_pos, tail);
	/* and what is left of them is not taken for a continuation later */
	put(f, 2, 1, 4);
	CHECK_EQ(fake_restart(f), 0);
	CHECK_EQ(f->found.corrupt_index, 0);
	CHECK_EQ(f->log.last, 3);
	CHECK_EQ(raftblk_log_term(&f->log, 3), 2);
	fake_free(f);
}

TEST(recover_torn_header, "recover: of a torn record a part of the header may be there, or nothing")
{
	struct fake *f = fake_new(256, 1, 64);
	struct rec r;
	u32 i;

	put(f, 1, 2, 1);
	for (i = 0; i < 20; i++)
		CHECK_EQ(fake_append(f, NOOP, 1, 0), 0);
	r = stage(f);
	restart_clean(f, 2);
	fake_put(f, r.pos, r.buf, 1);
	CHECK_EQ(fake_restart(f), 0);
	CHECK(f->found.torn);
	CHECK_EQ(f->found.corrupt_index, 0);
	CHECK_EQ(f->log.last, 2);
	lose(&r);
	fake_free(f);
}

/*
 * Index, term and position fit: only the chain of CRCs tells that the record
 * behind followed on another one, and that what it replaces is newer.
 */
TEST(recover_chain, "recover: a record left behind a torn one does not replace what came later")
{
	struct fake *f = fake_new(256, 1, 64);
	struct rec a, b;

	put(f, 1, 4, 2);
	CHECK_EQ(fake_append(f, WRITE, 2, 2), 0);
	a = stage(f);
	raftblk_log_cut(&f->log, 4);
	CHECK_EQ(fake_append(f, WRITE, 3, 2), 0);
	b = stage(f);
	lose(&a);
	land(f, &b);
	CHECK_EQ(fake_restart(f), 0);
	CHECK_EQ(f->log.last, 4);
	CHECK_EQ(put(f, 4, 1, 2), 9);
	CHECK_EQ(f->log.tail_pos, b.pos);
	CHECK_EQ(fake_restart(f), 0);
	CHECK_EQ(f->log.last, 5);
	CHECK_EQ(raftblk_log_term(&f->log, 4), 1);
	CHECK_EQ(raftblk_log_term(&f->log, 5), 4);
	fake_free(f);
}

/* Five records of two entries each, 1-10; returns the position of the third. */
static u64 five(struct fake *f, u64 *pos)
{
	u32 i;

	for (i = 0; i < 5; i++)
		pos[i] = put(f, 1, 2, 2);
	return pos[2];
}

static void check_corrupt(struct fake *f, u64 last, u64 proof)
{
	CHECK_EQ(fake_restart(f), 0);
	CHECK(!f->found.torn);
	CHECK(f->found.why);
	CHECK_EQ(f->found.corrupt_index, last + 1);
	CHECK_EQ(f->found.proof_index, proof);
	CHECK_EQ(f->log.last, last);
}

TEST(recover_rot, "recover: every byte of a durable record that rots is corruption")
{
	struct fake *f = fake_new(256, 1, 64);
	u64 pos[5];
	u32 i;

	five(f, pos);
	for (i = 0; i < 5 * 512; i++) {
		u8 *byte = &fake_sector(f, pos[2])[i];

		*byte ^= 0x10;
		check_corrupt(f, 4, 10);
		*byte ^= 0x10;
	}
	restart_clean(f, 10);
	/* two in a row, and a sector that cannot be read */
	fake_sector(f, pos[2])[0] ^= 1;
	fake_sector(f, pos[3])[700] ^= 1;
	check_corrupt(f, 4, 10);
	fake_sector(f, pos[2])[0] ^= 1;
	fake_sector(f, pos[3])[700] ^= 1;
	f->bad[raftblk_log_sector(&f->log, pos[1])] = 1;
	check_corrupt(f, 2, 10);
	f->read_errno = -ENODATA;
	check_corrupt(f, 2, 10);
	f->read_errno = -EILSEQ;
	check_corrupt(f, 2, 10);
	/* but where the device is gone there is nothing to say about the log */
	f->read_errno = -ENODEV;
	CHECK_EQ(fake_restart(f), (u64)-ENODEV);
	fake_free(f);
}

TEST(recover_rot_last, "recover: the last record's rot is seen by vote or checkpoint alone")
{
	struct fake *f = fake_new(256, 1, 64);
	struct raftblk_ckpt none;
	u64 pos[5];

	none = f->ckpt;
	five(f, pos);
	fake_sector(f, pos[4])[600] ^= 1;
	CHECK_EQ(fake_restart(f), 0);		/* nobody can tell */
	CHECK_EQ(f->found.corrupt_index, 0);
	CHECK_EQ(f->log.last, 8);
	fake_sector(f, pos[4])[600] ^= 1;
	restart_clean(f, 10);

	f->vote.durable_index = f->log.durable;
	f->vote.durable_pos = raftblk_log_durable_pos(&f->log);
	fake_sector(f, pos[4])[600] ^= 1;
	check_corrupt(f, 8, 10);
	fake_sector(f, pos[4])[600] ^= 1;
	restart_clean(f, 10);
	memset(&f->vote, 0, sizeof(f->vote));

	fake_ckpt(f, 3);
	fake_sector(f, pos[4])[600] ^= 1;
	check_corrupt(f, 8, 10);
	/* the payload of an applied entry is not what the log lives by */
	fake_sector(f, pos[4])[600] ^= 1;
	f->ckpt = none;
	restart_clean(f, 10);
	fake_ckpt(f, 3);
	fake_sector(f, pos[1])[512 + 5] ^= 1;
	restart_clean(f, 10);
	fake_free(f);
}

TEST(recover_replaced, "recover: a suffix replaced twice")
{
	struct fake *f = fake_new(256, 1, 64);

	put(f, 1, 6, 1);
	CHECK_EQ(fake_append(f, RAFTBLK_OP_CONFIG, 1, 0), 0);
	put(f, 1, 1, 1);
	raftblk_log_cut(&f->log, 4);
	put(f, 2, 2, 1);
	CHECK_EQ(fake_append(f, RAFTBLK_OP_CONFIG, 2, 0), 0);
	fake_flush(f);
	raftblk_log_cut(&f->log, 5);
	put(f, 3, 1, 1);
	CHECK_EQ(fake_append(f, RAFTBLK_OP_CONFIG, 3, 0), 0);
	fake_flush(f);
	restart_clean(f, 6);
	CHECK_EQ(raftblk_log_term(&f->log, 3), 1);
	CHECK_EQ(raftblk_log_term(&f->log, 4), 2);
	CHECK_EQ(raftblk_log_term(&f->log, 5), 3);
	CHECK_EQ(f->nr_configs, 1);
	CHECK_EQ(f->config[0], 6);
	fake_free(f);
}

/*
 * Indices that were durable were cut, and the record that replaced them is
 * torn: an index says "4 to 6 were durable once", the position says the truth.
 */
TEST(recover_torn_replacement, "recover: a torn replacement of durable entries is no corruption")
{
	struct fake *f = fake_new(256, 1, 64);
	struct rec r;

	put(f, 1, 6, 1);
	put(f, 1, 1, 1);
	f->vote.durable_index = 7;
	f->vote.durable_pos = raftblk_log_durable_pos(&f->log);
	raftblk_log_cut(&f->log, 4);
	put(f, 2, 1, 1);
	CHECK_EQ(fake_append(f, WRITE, 2, 1), 0);
	r = stage(f);
	fake_put(f, r.pos, r.buf, 1);
	lose(&r);
	CHECK_EQ(fake_restart(f), 0);
	CHECK(f->found.torn);
	CHECK_EQ(f->found.corrupt_index, 0);
	CHECK_EQ(f->log.last, 4);
	CHECK_EQ(raftblk_log_term(&f->log, 4), 2);
	fake_free(f);
}

/* And the other way round: the rotten record holds indices below the end. */
TEST(recover_rot_replacement, "recover: rot in a record that replaced a suffix is corruption")
{
	struct fake *f = fake_new(256, 1, 64);
	u64 pos;

	put(f, 1, 9, 1);
	raftblk_log_cut(&f->log, 4);
	pos = put(f, 2, 2, 1);
	put(f, 2, 1, 1);
	fake_sector(f, pos)[513] ^= 1;		/* payload: it is known what it replaced */
	check_corrupt(f, 3, 6);
	fake_sector(f, pos)[513] ^= 1;
	fake_sector(f, pos)[100] ^= 1;		/* header: it is not */
	check_corrupt(f, 9, 10);
	fake_free(f);
}

TEST(recover_retained, "recover: retained entries come back, as far as they are whole")
{
	struct fake *f = fake_new(256, 1, 64);
	u64 pos[5];

	five(f, pos);
	fake_ckpt(f, 7);
	CHECK_EQ(f->ckpt.retain_pos, 0);
	CHECK_EQ(f->ckpt.replay_pos, pos[3]);
	restart_clean(f, 10);
	CHECK_EQ(f->log.first, 1);
	CHECK_EQ(f->log.head_pos, 0);
	CHECK(!f->found.discarded);
	CHECK_EQ(f->log.ckpt_index, 7);
	CHECK_EQ(f->log.ckpt_pos, pos[3]);

	fake_sector(f, pos[1])[20] ^= 1;	/* a header: what is before is out of reach */
	restart_clean(f, 10);
	CHECK_EQ(f->log.first, 5);
	CHECK_EQ(f->log.base_term, 1);
	CHECK_EQ(f->log.head_pos, pos[2]);
	CHECK(f->found.discarded);
	CHECK_EQ(f->found.proof_index, 0);
	fake_sector(f, pos[1])[20] ^= 1;

	fake_sector(f, pos[1])[520] ^= 1;	/* a payload, where a record could have come down */
	restart_clean(f, 10);
	CHECK_EQ(f->log.first, 4);
	CHECK(f->found.discarded);
	fake_sector(f, pos[1])[520] ^= 1;

	fake_sector(f, pos[2])[20] ^= 1;
	restart_clean(f, 10);
	CHECK_EQ(f->log.first, 8);
	CHECK_EQ(f->log.head_pos, pos[3]);
	fake_sector(f, pos[2])[20] ^= 1;

	/* everything applied: what is retained leads up to the tail */
	restart_clean(f, 10);
	fake_ckpt(f, 10);
	restart_clean(f, 10);
	CHECK_EQ(f->log.first, 1);
	put(f, 2, 1, 1);
	restart_clean(f, 11);
	CHECK_EQ(f->log.first, 1);
	fake_free(f);
}

TEST(recover_retained_stale, "recover: what was cut before the checkpoint does not come back")
{
	struct fake *f = fake_new(256, 1, 64);

	put(f, 1, 3, 1);
	CHECK_EQ(fake_append(f, RAFTBLK_OP_CONFIG, 1, 0), 0);
	put(f, 1, 2, 1);
	raftblk_log_cut(&f->log, 4);
	fake_ckpt(f, 3);		/* replay starts at the tail */
	restart_clean(f, 3);
	CHECK_EQ(f->log.first, 1);
	CHECK_EQ(f->nr_configs, 0);
	put(f, 2, 1, 1);
	restart_clean(f, 4);
	CHECK_EQ(raftblk_log_term(&f->log, 4), 2);
	fake_free(f);
}

/*
 * What is found behind the rot begins with an entry that was replaced: the term
 * before it is not that of the log.
 */
TEST(recover_retained_misfit, "recover: retained records that do not lead up to replay are dropped")
{
	struct fake *f = fake_new(256, 1, 64);
	u32 crc;
	u64 at;

	put(f, 1, 3, 1);
	at = put(f, 1, 1, 1);
	put(f, 1, 1, 1);
	raftblk_log_cut(&f->log, 4);
	put(f, 2, 5, 1);		/* 4 to 8 */
	fake_ckpt(f, 7);
	restart_clean(f, 8);
	CHECK_EQ(f->log.first, 1);
	fake_sector(f, 0)[20] ^= 1;
	fake_sector(f, at)[20] ^= 1;
	restart_clean(f, 8);
	CHECK_EQ(f->log.first, 8);
	CHECK_EQ(f->log.base_term, 2);
	CHECK(f->found.discarded);
	fake_sector(f, 0)[20] ^= 1;
	fake_sector(f, at)[20] ^= 1;

	/* a chain that does not end in the CRC the checkpoint names is another one */
	fake_ckpt(f, 8);
	restart_clean(f, 8);
	CHECK_EQ(f->log.first, 4);	/* what else the record of 8 holds */
	crc = f->ckpt.replay_prev_crc ^= 1;
	restart_clean(f, 8);
	CHECK_EQ(f->log.first, 9);
	CHECK_EQ(f->log.tail_crc, crc);
	fake_free(f);
}

TEST(recover_applied, "recover: no record replaces what is applied")
{
	struct fake *f = fake_new(256, 1, 64);

	put(f, 1, 3, 1);
	put(f, 1, 2, 1);
	fake_ckpt(f, 3);
	f->log.ckpt_index = 2;		/* nobody may do this */
	raftblk_log_cut(&f->log, 3);
	put(f, 2, 1, 1);
	CHECK_EQ(fake_restart(f), 0);
	CHECK_EQ(f->log.last, 5);
	CHECK_EQ(raftblk_log_term(&f->log, 3), 1);
	fake_free(f);
}

TEST(recover_laps, "recover: many laps, with retention and without")
{
	struct fake *f = fake_new(128, 8, 16);
	u64 i;

	for (i = 1; i <= 300; i++) {
		put(f, i, 1, 1 + i % 17);
		if (i % 2 == 0)
			fake_ckpt(f, i - 1);
		restart_clean(f, i);
		CHECK(f->log.first <= f->log.ckpt_index + 1);
		CHECK_EQ(raftblk_log_term(&f->log, i), i);
	}
	CHECK(f->log.tail_pos > 10 * 128);
	fake_free(f);
}

TEST(recover_old_ckpt, "recover: a checkpoint from laps ago is noticed")
{
	struct fake *f = fake_new(128, 1, 64);
	struct raftblk_ckpt old;
	u64 i;

	for (i = 1; i <= 10; i++)
		put(f, 1, 1, 9);
	fake_ckpt(f, 10);
	old = f->ckpt;
	for (; i <= 45; i++) {
		put(f, 1, 1, 9);
		fake_ckpt(f, i);
	}
	restart_clean(f, 45);
	f->ckpt = old;
	CHECK_EQ(fake_restart(f), 0);
	CHECK_EQ(f->found.corrupt_index, 11);
	CHECK_EQ(f->found.proof_index, 45);
	CHECK_EQ(f->log.last, 10);
	fake_free(f);
}

TEST(recover_rejoined, "recover: an earlier life of the disk is not this one")
{
	struct fake *f = fake_new(128, 1, 64);

	put(f, 1, 3, 9);
	f->super.incarnation[0] ^= 1;
	restart_clean(f, 0);
	put(f, 5, 1, 1);
	restart_clean(f, 1);
	CHECK_EQ(raftblk_log_term(&f->log, 1), 5);
	fake_free(f);
}

TEST(recover_refuses, "recover: a checkpoint or table that does not fit is refused")
{
	struct fake *f = fake_new(256, 8, 32);
	struct raftblk_ckpt good;
	u32 i;

	for (i = 0; i < 20; i++)
		CHECK_EQ(fake_append(f, NOOP, 1, 0), 0);
	fake_flush(f);
	good = f->ckpt;
#define REFUSED(change) do { \
	f->ckpt = good; \
	change; \
	CHECK_EQ(fake_restart(f), (u64)-EUCLEAN); \
	CHECK(f->found.why); \
} while (0)
	REFUSED(f->ckpt.replay_pos = 4);
	REFUSED(f->ckpt.retain_pos = 8);
	REFUSED(f->ckpt.replay_pos = 264);
	REFUSED(f->ckpt.replay_pos = f->ckpt.retain_pos = ~0ULL - 7);
	REFUSED(f->ckpt.applied_index = ~0ULL);
	REFUSED(f->super.max_entries = 16);
	f->super.max_entries = 32;
	f->ckpt = good;
	restart_clean(f, 20);
	fake_free(f);
}
