// SPDX-License-Identifier: GPL-2.0
/* The fuzz targets, on input that is made from valid frames and rings. */
#include "../../kernel/core/wire.h"
#include "../fuzz/fuzz.h"
#include "fake.h"

static void mutate(struct rng *r, u8 *data, u32 size, u32 times)
{
	static const u8 odd[] = { 0, 1, 0x7f, 0x80, 0xff };

	while (times--) {
		u32 at = rng_below(r, size);

		if (rng_chance(r, 50))
			data[at] ^= 1 << rng_below(r, 8);
		else
			data[at] = odd[rng_below(r, sizeof(odd))];
	}
}

static const struct raftblk_entry *entry_at(void *ctx, u32 i)
{
	return (const struct raftblk_entry *)ctx + i;
}

static void random_entry(struct rng *r, struct raftblk_entry *e, u64 term)
{
	memset(e, 0, sizeof(*e));
	e->op = rng_below(r, RAFTBLK_OP_MAX + 1);
	e->term = term;
	if (raftblk_entry_is_data(e)) {
		e->nsect = 1 + rng_below(r, 16);
		e->sector = rng_below(r, 1000);
	} else if (e->op >= RAFTBLK_OP_OWNER && e->op != RAFTBLK_OP_CONFIG) {
		e->sector = 1 + rng_below(r, 5);
	}
	if (e->op == RAFTBLK_OP_WRITE)
		e->bytes = e->nsect * 512;
	if (e->op == RAFTBLK_OP_CONFIG)
		e->bytes = RAFTBLK_CONFIG_BYTES;
	if (e->bytes)
		e->crc = rng_next(r);
}

/* Mostly of the right lengths, so that what is behind them is reached. */
static void random_catchup(struct rng *r, struct raftblk_msg *m)
{
	static u64 body[RAFTBLK_WIRE_BODY_MAX / 8];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(body); i++)
		body[i] = rng_below(r, 4);
	m->index = rng_below(r, 4);
	m->chunk = rng_below(r, 4);
	m->status = rng_below(r, 5) ? 0 : EAGAIN;
	m->nr = m->type == RAFTBLK_MSG_LIST_RESP ? rng_below(r, 3) : 0;
	m->body = body;
	if (m->type == RAFTBLK_MSG_CATCHUP_RESP)
		m->body_bytes = sizeof(struct raftblk_wire_boundary);
	else if (m->type == RAFTBLK_MSG_LIST_RESP)
		m->body_bytes = m->nr * sizeof(__le64);
	else if (m->type == RAFTBLK_MSG_FETCH)
		m->body_bytes = sizeof(struct raftblk_wire_fetch);
	else if (m->type == RAFTBLK_MSG_DATA)
		m->body_bytes = sizeof(struct raftblk_wire_data);
	if (m->type == RAFTBLK_MSG_DATA)
		m->bytes = 512 * rng_below(r, 4);
	if (m->status)
		m->body_bytes = 0;
}

TEST(fuzz_wire_seeded, "fuzz: wire, seeded")
{
	static u8 __attribute__((aligned(8)))
		frame[sizeof(struct raftblk_wire_header) + RAFTBLK_WIRE_BODY_MAX];
	static u8 data[1 + sizeof(frame)];
	struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	u32 runs = unit_runs(200000);
	u32 n, i;

	for (n = 0; n < runs; n++) {
		struct raftblk_msg m = { .type = 1 + n % (RAFTBLK_WIRE_REFUSED + 1) };
		struct rng r;
		u32 len;

		unit_current_seed = unit_seed() + n;
		r = rng_seed(unit_current_seed);
		if (rng_chance(&r, 50))
			m.type = RAFTBLK_MSG_APPEND;
		m.nr = rng_below(&r, rng_chance(&r, 20) ? RAFTBLK_MSG_MAX_ENTRIES + 1 : 6);
		m.log_term = rng_below(&r, 3);
		m.term = m.log_term + m.nr;
		for (i = 0; i < m.nr; i++)
			random_entry(&r, &ent[i], m.log_term + i);
		data[0] = !rng_chance(&r, 10);
		if (raftblk_msg_is_catchup(m.type))
			random_catchup(&r, &m);
		len = raftblk_wire_encode(&m, entry_at, ent, frame);
		mutate(&r, frame, len, rng_below(&r, 6));
		memcpy(data + 1, frame, len);
		fuzz_wire(data, 1 + len);
	}
}

#define RECOVER_OPTIONS	11
#define RECOVER_RING	128

TEST(fuzz_recover_seeded, "fuzz: recover, seeded")
{
	static u8 data[RECOVER_OPTIONS + RECOVER_RING * 512];
	u32 runs = unit_runs(20000);
	u32 n, i, steps;

	for (n = 0; n < runs; n++) {
		struct fake *f;
		struct rng r;
		u64 term = 1;

		unit_current_seed = unit_seed() + n;
		r = rng_seed(unit_current_seed);
		f = fake_new(RECOVER_RING, rng_chance(&r, 30) ? 8 : 1, 32);
		memset(f->super.incarnation, 0, 16);
		memset(f->log.uuid, 0, 16);
		for (steps = 1 + rng_below(&r, 40); steps; steps--) {
			fake_append(f, rng_below(&r, 4), term, 1 + rng_below(&r, 6));
			if (rng_chance(&r, 10) && f->log.last > f->log.ckpt_index)
				raftblk_log_cut(&f->log, f->log.last);
			term += rng_chance(&r, 10);
			if (rng_chance(&r, 40))
				fake_flush(f);
			if (rng_chance(&r, 10))
				fake_ckpt(f, f->log.durable - (f->log.durable > f->log.ckpt_index));
		}
		if (f->ckpt.replay_pos < 256 && f->ckpt.applied_index < 256) {
			data[0] = rng_below(&r, 16) | (f->log.align_sectors == 8 ? 16 : 0);
			data[1] = f->ckpt.replay_pos;
			data[2] = f->ckpt.retain_pos;
			data[3] = f->ckpt.applied_index;
			data[4] = f->ckpt.applied_term;
			data[5] = rng_chance(&r, 10) ? rng_below(&r, RECOVER_RING) : 0xff;
			data[6] = rng_chance(&r, 20) ? rng_below(&r, 256) : 0;
			memcpy(data + 7, &f->ckpt.replay_prev_crc, 4);
			memcpy(data + RECOVER_OPTIONS, f->disk, RECOVER_RING * 512);
			for (i = 0; i < RECOVER_RING; i++)
				if (rng_chance(&r, 10))
					mutate(&r, data + RECOVER_OPTIONS + i * 512, 256, 2);
			mutate(&r, data, RECOVER_OPTIONS, rng_chance(&r, 10));
			fuzz_recover(data, sizeof(data));
		}
		fake_free(f);
	}
}
