// SPDX-License-Identifier: GPL-2.0
/* The log in memory: append, cut, stage, complete, checkpoint. */
#include "fake.h"

#define WRITE	RAFTBLK_OP_WRITE
#define NOOP	RAFTBLK_OP_NOOP

TEST(log_basics, "log: append, look up, cut")
{
	struct fake *f = fake_new(1024, 1, 64);
	u64 i;

	CHECK(!raftblk_log_entry(&f->log, 0) && !raftblk_log_entry(&f->log, 1));
	CHECK_EQ(raftblk_log_term(&f->log, 0), 0);
	CHECK(!raftblk_log_next_write(&f->log));
	for (i = 1; i <= 10; i++)
		CHECK_EQ(fake_append(f, i & 1 ? WRITE : NOOP, 1 + i / 4, 2), 0);
	CHECK_EQ(f->log.last, 10);
	CHECK_EQ(f->log.cached_bytes, 5 * 1024);
	CHECK_EQ(raftblk_log_term(&f->log, 7), 2);
	CHECK_EQ(raftblk_log_term(&f->log, 11), 0);
	CHECK(!raftblk_log_entry(&f->log, 11));
	CHECK_EQ(raftblk_log_entry(&f->log, 8)->op, NOOP);
	/* a write: header and two sectors; a no-op: header */
	CHECK_EQ(f->log.pending_sectors, 5 * 3 + 5);

	CHECK_EQ(f->log.cut_from, 0);
	raftblk_log_cut(&f->log, 11);
	CHECK_EQ(f->log.last, 10);
	raftblk_log_cut(&f->log, 6);
	CHECK_EQ(f->log.last, 5);
	CHECK_EQ(f->log.cut_from, 6);
	CHECK_EQ(f->log.pending_sectors, 3 * 3 + 2);
	CHECK_EQ(f->log.cached_bytes, 3 * 1024);
	CHECK_EQ(fake_payloads, 3);
	raftblk_log_cut(&f->log, 8);
	CHECK_EQ(f->log.cut_from, 6);
	raftblk_log_cut(&f->log, 1);
	CHECK_EQ(f->log.last, 0);
	CHECK_EQ(f->log.first, 1);
	CHECK_EQ(f->log.pending_sectors, 0);
	CHECK_EQ(fake_payloads, 0);
	fake_free(f);
}

TEST(log_reset, "log: replaced by an empty one behind another entry")
{
	struct fake *f = fake_new(1024, 1, 64);
	struct raftblk_ckpt ckpt = { .applied_index = 500, .applied_term = 7 };
	struct raftblk_log_write *w;
	u32 sectors;
	u64 tail;
	u32 i;

	for (i = 0; i < 10; i++)
		CHECK_EQ(fake_append(f, WRITE, 1, 2), 0);
	w = raftblk_log_next_write(&f->log);
	free(fake_encode(f, w, &sectors));
	CHECK(raftblk_log_written(&f->log, w->id));
	CHECK_EQ(fake_append(f, WRITE, 1, 2), 0);	/* not on its way yet */
	tail = f->log.tail_pos;
	ckpt.replay_pos = tail;
	raftblk_log_ckpt_done(&f->log, &ckpt);
	raftblk_log_reset(&f->log, 500, 7);
	CHECK_EQ(fake_payloads, 0);
	CHECK_EQ(f->log.cached_bytes, 0);
	CHECK_EQ(f->log.pending_sectors, 0);
	CHECK_EQ(f->log.first, 501);
	CHECK_EQ(f->log.last, 500);
	CHECK_EQ(f->log.durable, 500);
	CHECK_EQ(raftblk_log_term(&f->log, 500), 7);
	CHECK_EQ(raftblk_log_term(&f->log, 499), 0);
	CHECK(!raftblk_log_next_write(&f->log));
	CHECK_EQ(fake_append(f, NOOP, 8, 0), 0);
	w = raftblk_log_next_write(&f->log);
	CHECK_EQ(w->pos, tail);
	CHECK_EQ(w->first, 501);
	fake_free(f);
}

TEST(log_batch, "log: a record holds what its limits allow")
{
	struct fake *f = fake_new(FAKE_RING_MAX, 1, 256);
	struct raftblk_log_write *w;
	u32 i, sectors;

	for (i = 0; i < 70; i++)
		CHECK_EQ(fake_append(f, WRITE, 1, 1), 0);
	w = raftblk_log_next_write(&f->log);
	CHECK_EQ(w->nr, RAFTBLK_RECORD_MAX_ENTRIES);
	CHECK_EQ(w->first, 1);
	CHECK_EQ(w->last, 64);
	CHECK_EQ(w->header_bytes, 7 * 512);
	CHECK_EQ(w->payload_bytes, 64 * 512);
	CHECK_EQ(w->pad_bytes, 0);
	CHECK_EQ(f->log.tail_pos, 71);
	CHECK(!raftblk_log_next_write(&f->log));	/* not encoded yet */
	free(fake_encode(f, w, &sectors));
	w = raftblk_log_next_write(&f->log);
	CHECK_EQ(w->nr, 6);
	CHECK_EQ(w->prev_crc, f->log.tail_crc);
	CHECK_EQ(f->log.staged, 70);
	free(fake_encode(f, w, &sectors));
	/* one entry may be larger than a batch, but has its record alone */
	CHECK_EQ(fake_append(f, WRITE, 1, 2500), 0);
	CHECK_EQ(fake_append(f, NOOP, 1, 0), 0);
	w = raftblk_log_next_write(&f->log);
	CHECK_EQ(w->nr, 1);
	free(fake_encode(f, w, &sectors));
	CHECK_EQ(sectors, 2501);
	w = raftblk_log_next_write(&f->log);
	CHECK_EQ(w->nr, 1);
	free(fake_encode(f, w, &sectors));
	/* RAFTBLK_LOG_WRITES are on their way */
	CHECK_EQ(fake_append(f, NOOP, 1, 0), 0);
	CHECK(!raftblk_log_next_write(&f->log));
	CHECK_EQ(raftblk_log_durable_pos(&f->log), 0);
	CHECK(raftblk_log_written(&f->log, 1));
	CHECK_EQ(raftblk_log_durable_pos(&f->log), 71);
	CHECK(raftblk_log_next_write(&f->log));
	fake_free(f);
	f = fake_new(FAKE_RING_MAX, 1, 256);
	for (i = 0; i < 4; i++)
		CHECK_EQ(fake_append(f, WRITE, 1, 800), 0);
	w = raftblk_log_next_write(&f->log);
	CHECK_EQ(w->nr, 2);	/* a third would make more than 1 MiB */
	fake_free(f);
}

TEST(log_align, "log: every payload starts aligned and records are padded")
{
	struct fake *f = fake_new(1024, 8, 64);
	struct raftblk_log_write *w;
	u32 sectors;
	u8 *buf;

	CHECK_EQ(fake_append(f, WRITE, 1, 8), 0);
	CHECK_EQ(fake_append(f, WRITE, 1, 16), 0);
	CHECK_EQ(fake_append(f, RAFTBLK_OP_CONFIG, 1, 0), 0);	/* 3 sectors */
	CHECK_EQ(fake_append(f, WRITE, 1, 8), 0);
	CHECK_EQ(fake_append(f, WRITE, 1, 1), 0);
	CHECK_EQ(f->log.pending_sectors, 16 + 24 + 16 + 16 + 16);
	w = raftblk_log_next_write(&f->log);
	CHECK_EQ(w->nr, 3);
	CHECK_EQ(w->header_bytes, 4096);
	CHECK_EQ(w->pad_bytes, 5 * 512);
	buf = fake_encode(f, w, &sectors);
	CHECK_EQ(sectors, 8 + 8 + 16 + 8);
	free(buf);
	w = raftblk_log_next_write(&f->log);
	CHECK_EQ(w->nr, 2);
	CHECK_EQ(w->pos, 40);
	CHECK_EQ(w->pad_bytes, 7 * 512);
	CHECK_EQ(raftblk_log_entry(&f->log, 5)->pos, 56);
	CHECK_EQ(f->log.tail_pos, 64);
	CHECK_EQ(f->log.pending_sectors, 0);
	fake_free(f);
}

TEST(log_order, "log: durable moves when all writes before are done, once each")
{
	struct fake *f = fake_new(1024, 1, 64);
	struct raftblk_log_write *w[4];
	u32 i, sectors;

	for (i = 0; i < 4; i++) {
		CHECK_EQ(fake_append(f, WRITE, 1, 1), 0);
		CHECK_EQ(fake_append(f, WRITE, 1, 1), 0);
		w[i] = raftblk_log_next_write(&f->log);
		CHECK_EQ(w[i]->nr, 2);
		free(fake_encode(f, w[i], &sectors));
	}
	CHECK(!raftblk_log_written(&f->log, w[2]->id));
	CHECK(!raftblk_log_written(&f->log, w[1]->id));
	CHECK_EQ(f->log.durable, 0);
	CHECK(raftblk_log_written(&f->log, w[0]->id));
	CHECK_EQ(f->log.durable, 6);
	/* the pointer of the one still on its way stays good */
	CHECK_EQ(w[3]->first, 7);
	CHECK(!raftblk_log_written(&f->log, 1));	/* twice */
	CHECK(!raftblk_log_written(&f->log, 5));	/* never handed out */
	CHECK_EQ(f->log.nr_writes, 1);
	CHECK(raftblk_log_written(&f->log, w[3]->id));
	CHECK_EQ(f->log.durable, 8);
	CHECK_EQ(f->log.nr_writes, 0);
	fake_free(f);
}

TEST(log_aba, "log: a late completion proves nothing about what replaced its entries")
{
	struct fake *f = fake_new(1024, 1, 64);
	struct raftblk_log_write *old, *new;
	u32 i, sectors;

	for (i = 0; i < 5; i++)
		CHECK_EQ(fake_append(f, WRITE, 1, 1), 0);
	old = raftblk_log_next_write(&f->log);
	free(fake_encode(f, old, &sectors));
	raftblk_log_cut(&f->log, 3);
	CHECK_EQ(f->log.staged, 2);
	for (i = 0; i < 3; i++)
		CHECK_EQ(fake_append(f, WRITE, 2, 1), 0);
	new = raftblk_log_next_write(&f->log);
	CHECK_EQ(new->first, 3);
	CHECK_EQ(new->last, 5);
	free(fake_encode(f, new, &sectors));
	CHECK(raftblk_log_written(&f->log, old->id));
	CHECK_EQ(f->log.durable, 2);
	CHECK(raftblk_log_written(&f->log, new->id));
	CHECK_EQ(f->log.durable, 5);

	/* the same once more, all of the late one cut and the newer one done first */
	for (i = 0; i < 3; i++)
		CHECK_EQ(fake_append(f, WRITE, 2, 1), 0);
	old = raftblk_log_next_write(&f->log);
	free(fake_encode(f, old, &sectors));
	raftblk_log_cut(&f->log, 5);
	CHECK_EQ(f->log.durable, 4);
	for (i = 0; i < 4; i++)
		CHECK_EQ(fake_append(f, WRITE, 3, 1), 0);
	new = raftblk_log_next_write(&f->log);
	free(fake_encode(f, new, &sectors));
	CHECK(!raftblk_log_written(&f->log, new->id));
	CHECK_EQ(f->log.durable, 4);
	CHECK(raftblk_log_written(&f->log, old->id));
	CHECK_EQ(f->log.durable, 8);
	fake_free(f);
}

TEST(log_full, "log: full at the checkpoint, not before and not after")
{
	struct fake *f = fake_new(128, 1, 64);
	u64 i;

	for (i = 0; i < 16; i++) {
		CHECK(raftblk_log_has_room(&f->log, 7 * 512));
		CHECK_EQ(fake_append(f, WRITE, 1, 7), 0);
	}
	CHECK(!raftblk_log_has_room(&f->log, 0));
	CHECK_EQ(fake_append(f, NOOP, 1, 0), (u64)-ENOSPC);
	CHECK_EQ(f->log.last, 16);
	CHECK_EQ(raftblk_log_usage(&f->log), 100);
	fake_flush(f);		/* batches need less than was reserved */
	CHECK_EQ(f->log.pending_sectors, 0);
	CHECK_EQ(f->log.tail_pos, 16 * 7 + 2);
	CHECK(raftblk_log_has_room(&f->log, 13 * 512));
	CHECK(!raftblk_log_has_room(&f->log, 14 * 512));
	CHECK_EQ(fake_append(f, WRITE, 1, 13), 0);
	fake_flush(f);

	/* entries 1 to 16 lie in one record, so applying some of it frees nothing */
	fake_ckpt(f, 10);
	CHECK_EQ(f->ckpt.replay_pos, 0);
	CHECK_EQ(fake_append(f, NOOP, 1, 0), (u64)-ENOSPC);
	fake_ckpt(f, 16);
	CHECK_EQ(f->log.first, 1);	/* nothing is given up before it must be */
	CHECK(raftblk_log_has_room(&f->log, 113 * 512));
	CHECK(!raftblk_log_has_room(&f->log, 114 * 512));
	CHECK_EQ(fake_append(f, WRITE, 1, 100), 0);
	CHECK_EQ(f->log.first, 17);
	CHECK_EQ(f->log.head_pos, 114);
	CHECK_EQ(raftblk_log_term(&f->log, 16), 1);
	CHECK(!raftblk_log_entry(&f->log, 16));
	fake_flush(f);
	fake_ckpt(f, 18);
	CHECK_EQ(f->ckpt.replay_pos, f->log.tail_pos);
	CHECK_EQ(raftblk_log_usage(&f->log), 0);
	CHECK_EQ(f->log.first, 17);
	fake_free(f);
}

TEST(log_table_full, "log: the table gives up applied entries, never others")
{
	struct fake *f = fake_new(1024, 1, 16);
	u64 i;

	for (i = 0; i < 16; i++)
		CHECK_EQ(fake_append(f, NOOP, 1, 0), 0);
	CHECK_EQ(fake_append(f, NOOP, 1, 0), (u64)-ENOSPC);
	CHECK_EQ(raftblk_log_usage(&f->log), 100);
	fake_flush(f);
	fake_ckpt(f, 5);
	CHECK_EQ(f->log.first, 1);
	for (i = 0; i < 5; i++)
		CHECK_EQ(fake_append(f, NOOP, 2, 0), 0);
	CHECK_EQ(f->log.first, 6);
	CHECK_EQ(f->log.base_term, 1);
	CHECK(!raftblk_log_has_room(&f->log, 0));
	CHECK_EQ(fake_append(f, NOOP, 2, 0), (u64)-ENOSPC);
	CHECK_EQ(f->log.first, 6);
	/* the record of 1 to 16 is still what replay starts with */
	CHECK_EQ(f->log.head_pos, 0);
	fake_free(f);
}

TEST(log_witness, "log: a witness forgets only where data needs the place")
{
	struct fake *f = fake_new(1024, 1, 1024);
	struct raftblk_ckpt ckpt = { };
	u64 first;
	u32 i;

	f->log.witness = true;
	for (i = 0; i < 600; i++) {
		CHECK_EQ(fake_append(f, WRITE, 1, 3), 0);
		fake_flush(f);
		raftblk_log_ckpt_fill(&f->log, f->log.last, &ckpt);
		raftblk_log_ckpt_done(&f->log, &ckpt);
	}
	/* seven eighths of the ring, all applied; the rest is free for no-ops */
	CHECK_EQ(f->log.last - f->log.first + 1, 1024 / 8 * 7 / 4);
	first = f->log.first;
	for (i = 0; i < 1024 / 8; i++) {
		CHECK_EQ(fake_append(f, NOOP, 2, 0), 0);
		fake_flush(f);
		CHECK_EQ(f->log.first, first);
	}
	CHECK_EQ(fake_append(f, NOOP, 2, 0), 0);
	CHECK_EQ(f->log.first, first + 1);
	fake_flush(f);
	CHECK_EQ(fake_append(f, WRITE, 2, 3), 0);
	CHECK(f->log.first > first + 30);
	fake_free(f);
}

TEST(log_inflight_pins, "log: a cut record on its way holds its place in the ring")
{
	struct fake *f = fake_new(128, 1, 64);
	struct raftblk_log_write *old, *w;
	u32 sectors;

	CHECK_EQ(fake_append(f, WRITE, 1, 30), 0);
	fake_flush(f);
	CHECK_EQ(fake_append(f, WRITE, 1, 30), 0);
	old = raftblk_log_next_write(&f->log);
	free(fake_encode(f, old, &sectors));
	raftblk_log_cut(&f->log, 2);
	CHECK_EQ(fake_append(f, WRITE, 2, 30), 0);
	w = raftblk_log_next_write(&f->log);
	free(fake_encode(f, w, &sectors));
	/* nothing above 1 is needed to replay, and 1 is in the checkpoint */
	fake_ckpt(f, 1);
	CHECK_EQ(f->log.ckpt_pos, 62);
	/* up to the place of the old one, 31, a lap later, and not further */
	CHECK(raftblk_log_has_room(&f->log, (31 + 128 - 93 - 1) * 512));
	CHECK(!raftblk_log_has_room(&f->log, (31 + 128 - 93) * 512));
	raftblk_log_written(&f->log, old->id);
	CHECK(raftblk_log_has_room(&f->log, (62 + 128 - 93 - 1) * 512));
	fake_free(f);
}

TEST(log_ckpt_fill, "log: where a checkpoint lets replay start")
{
	struct fake *f = fake_new(1024, 1, 64);
	struct raftblk_ckpt c = { 0 };
	struct raftblk_log_write *w;
	u32 i, crc1, sectors;

	raftblk_log_ckpt_fill(&f->log, 0, &c);
	CHECK(!c.replay_pos && !c.retain_pos && !c.replay_prev_crc && !c.applied_term);
	for (i = 0; i < 3; i++)
		CHECK_EQ(fake_append(f, WRITE, 1, 1), 0);
	fake_flush(f);				/* 1-3 at 0, length 4 */
	crc1 = f->log.tail_crc;
	for (i = 0; i < 3; i++)
		CHECK_EQ(fake_append(f, WRITE, 2, 1), 0);
	/* 4 is not staged: it will be at the tail */
	raftblk_log_ckpt_fill(&f->log, 3, &c);
	CHECK_EQ(c.replay_pos, 4);
	CHECK_EQ(c.replay_prev_crc, crc1);
	CHECK_EQ(c.retain_pos, 0);
	CHECK_EQ(c.applied_term, 1);
	CHECK_EQ(c.durable_index, 3);
	CHECK_EQ(c.durable_pos, 4);
	w = raftblk_log_next_write(&f->log);
	/* staged, its CRC not known: the same place */
	raftblk_log_ckpt_fill(&f->log, 3, &c);
	CHECK_EQ(c.replay_pos, 4);
	CHECK_EQ(c.replay_prev_crc, crc1);
	free(fake_encode(f, w, &sectors));
	raftblk_log_ckpt_fill(&f->log, 2, &c);
	CHECK_EQ(c.replay_pos, 0);
	CHECK_EQ(c.replay_prev_crc, 0);
	CHECK_EQ(c.durable_pos, 4);
	raftblk_log_written(&f->log, w->id);	/* 4-6 at 4, length 4 */
	raftblk_log_ckpt_fill(&f->log, 5, &c);
	CHECK_EQ(c.replay_pos, 4);
	CHECK_EQ(c.applied_term, 2);
	raftblk_log_ckpt_fill(&f->log, 6, &c);
	CHECK_EQ(c.replay_pos, 8);
	CHECK_EQ(c.replay_prev_crc, f->log.tail_crc);
	/* 5 is replaced: first to be written, then in a record behind 6's */
	raftblk_log_cut(&f->log, 5);
	CHECK_EQ(fake_append(f, WRITE, 3, 1), 0);
	raftblk_log_ckpt_fill(&f->log, 4, &c);
	CHECK_EQ(c.replay_pos, 8);
	crc1 = f->log.tail_crc;
	fake_flush(f);
	raftblk_log_ckpt_fill(&f->log, 4, &c);
	CHECK_EQ(c.replay_pos, 8);
	CHECK_EQ(c.replay_prev_crc, crc1);
	raftblk_log_ckpt_fill(&f->log, 3, &c);
	CHECK_EQ(c.replay_pos, 4);
	/* a checkpoint that comes late takes nothing back */
	fake_ckpt(f, 5);
	raftblk_log_ckpt_done(&f->log, &c);
	CHECK_EQ(f->log.ckpt_index, 5);
	CHECK_EQ(f->log.ckpt_pos, f->log.tail_pos);
	fake_free(f);
}

TEST(log_cache, "log: payloads are dropped oldest first, spared, and come back")
{
	struct fake *f = fake_new(1024, 1, 64);
	struct raftblk_payload *p;
	u32 i;

	for (i = 0; i < 10; i++)
		CHECK_EQ(fake_append(f, WRITE, 1, 2), 0);
	raftblk_log_trim_cache(&f->log, 0);
	CHECK_EQ(f->log.cached_bytes, 10 * 1024);	/* not durable */
	fake_flush(f);
	CHECK_EQ(fake_append(f, WRITE, 1, 2), 0);
	raftblk_log_entry(&f->log, 2)->state = RAFTBLK_ENTRY_APPLYING;
	raftblk_log_entry(&f->log, 4)->state = RAFTBLK_ENTRY_PINNED;
	raftblk_log_trim_cache(&f->log, 6 * 1024);
	CHECK_EQ(f->log.cached_bytes, 6 * 1024);
	CHECK(!raftblk_log_entry(&f->log, 1)->payload);
	CHECK(raftblk_log_entry(&f->log, 2)->payload);
	CHECK(raftblk_log_entry(&f->log, 4)->payload);
	CHECK(raftblk_log_entry(&f->log, 8)->payload);
	raftblk_log_entry(&f->log, 2)->state = RAFTBLK_ENTRY_APPLIED;
	raftblk_log_trim_cache(&f->log, 0);
	CHECK_EQ(f->log.cached_bytes, 2 * 1024);	/* 4 and 11 */
	CHECK_EQ(fake_payloads, 2);

	p = fake_payload(1024, 1ULL << 32 | 3);
	CHECK(!raftblk_log_set_payload(&f->log, 3, 2, p));	/* another term */
	CHECK(!raftblk_log_set_payload(&f->log, 12, 1, p));
	CHECK(!raftblk_log_set_payload(&f->log, 4, 1, p));	/* has one */
	CHECK(raftblk_log_set_payload(&f->log, 3, 1, p));
	CHECK_EQ(f->log.cached_bytes, 3 * 1024);
	raftblk_log_entry(&f->log, 4)->state = 0;
	raftblk_log_trim_cache(&f->log, 1024);
	CHECK_EQ(f->log.cached_bytes, 1024);
	fake_free(f);
	CHECK_EQ(fake_payloads, 0);
}
