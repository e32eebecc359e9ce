// SPDX-License-Identifier: GPL-2.0
#include "fake.h"

int fake_payloads;

static void payload_get(struct raftblk_payload *p)
{
	p->refs++;
}

static void payload_put(struct raftblk_payload *p)
{
	if (--p->refs)
		return;
	fake_payloads--;
	free(p);
}

static struct raftblk_payload *payload_alloc(void *ctx, u32 bytes)
{
	struct raftblk_payload *p = calloc(1, sizeof(*p) + bytes);

	(void)ctx;
	p->refs = 1;
	p->bytes = bytes;
	fake_payloads++;
	return p;
}

static void *payload_map(struct raftblk_payload *p)
{
	return p->data;
}

const struct raftblk_payload_ops fake_ops = {
	.get = payload_get,
	.put = payload_put,
	.alloc = payload_alloc,
	.map = payload_map,
};

struct raftblk_payload *fake_payload(u32 bytes, u64 seed)
{
	struct raftblk_payload *p = payload_alloc(NULL, bytes);
	struct rng r = rng_seed(seed);
	u32 i;

	for (i = 0; i + 8 <= bytes; i += 8) {
		u64 v = rng_next(&r);

		memcpy(p->data + i, &v, 8);
	}
	return p;
}

struct fake *fake_new(u32 ring, u32 align, u32 max_entries)
{
	struct fake *f = calloc(1, sizeof(*f));
	u32 i;

	for (i = 0; i < 16; i++) {
		f->super.uuid[i] = 0x40 + i;
		f->super.incarnation[i] = 0x90 + i;
	}
	f->super.data_sectors = 1;
	f->super.ring_sectors = ring;
	f->super.log_align = align * 512;
	f->super.max_entries = max_entries;
	f->ckpt.config.nr = 1;
	f->ckpt.config.next_id = 2;
	f->ckpt.config.member[0].id = 1;
	f->ckpt.config.member[0].flags = RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW;
	f->ckpt.config.member[0].addr.family = 4;
	f->read_errno = -EIO;
	f->slot = calloc(max_entries, sizeof(*f->slot));
	f->disk = calloc(ring, 512);
	f->bad = calloc(ring, 1);
	raftblk_log_init(&f->log, &f->super, &fake_ops, f->slot);
	return f;
}

void fake_free(struct fake *f)
{
	raftblk_log_exit(&f->log);
	free(f->slot);
	free(f->disk);
	free(f->bad);
	free(f);
}

int fake_append(struct fake *f, u8 op, u64 term, u32 sectors)
{
	struct raftblk_entry e = { .op = op, .term = term, .token = 3 };
	int err;

	if (op == RAFTBLK_OP_CONFIG)
		sectors = RAFTBLK_CONFIG_BYTES / 512;
	if (op == RAFTBLK_OP_WRITE || op == RAFTBLK_OP_CONFIG) {
		e.bytes = sectors * 512;
		e.payload = fake_payload(e.bytes, term << 32 | (f->log.last + 1));
		e.crc = raftblk_crc(e.payload->data, e.bytes);
	}
	if (raftblk_entry_is_data(&e)) {
		e.nsect = sectors;
		e.sector = 64;
	}
	err = raftblk_log_append(&f->log, &e);
	if (err && e.payload)
		payload_put(e.payload);
	return err;
}

u8 *fake_encode(struct fake *f, struct raftblk_log_write *w, u32 *sectors)
{
	u32 bytes = w->header_bytes + w->payload_bytes + w->pad_bytes;
	u8 *buf = calloc(1, bytes);
	u32 off = w->header_bytes;
	u32 i;

	raftblk_log_encode(&f->log, w, buf);
	for (i = 0; i < w->nr; i++) {
		struct raftblk_entry *e = raftblk_log_entry(&f->log, w->first + i);

		CHECK(e);
		CHECK_EQ(e->rec_pos, w->pos);
		CHECK_EQ(e->pos, w->pos + off / 512);
		if (!e->bytes)
			continue;
		CHECK(e->payload);
		memcpy(buf + off, e->payload->data, e->bytes);
		off += e->bytes;
	}
	CHECK_EQ(off + w->pad_bytes, bytes);
	CHECK_EQ(bytes % f->super.log_align, 0);
	*sectors = bytes / 512;
	return buf;
}

u8 *fake_sector(struct fake *f, u64 pos)
{
	return f->disk[raftblk_log_sector(&f->log, pos)];
}

void fake_put(struct fake *f, u64 pos, const u8 *buf, u32 sectors)
{
	u32 i;

	for (i = 0; i < sectors; i++)
		memcpy(fake_sector(f, pos + i), buf + i * 512, 512);
}

void fake_flush(struct fake *f)
{
	struct raftblk_log_write *w;
	u32 sectors;

	while ((w = raftblk_log_next_write(&f->log))) {
		u8 *buf = fake_encode(f, w, &sectors);

		fake_put(f, w->pos, buf, sectors);
		free(buf);
		raftblk_log_written(&f->log, w->id);
	}
	CHECK_EQ(f->log.durable, f->log.last);
}

void fake_ckpt(struct fake *f, u64 applied)
{
	u8 buf[RAFTBLK_META_BYTES];

	raftblk_log_ckpt_fill(&f->log, applied, &f->ckpt);
	raftblk_ckpt_encode(&f->ckpt, f->super.uuid, buf);
	CHECK_EQ(raftblk_ckpt_decode(&f->ckpt, f->super.uuid, buf), 0);
	raftblk_log_ckpt_done(&f->log, &f->ckpt);
}

static int ring_read(void *ctx, u64 sector, u32 nsect, void *buf)
{
	struct fake *f = ctx;
	u32 i;

	CHECK(nsect && sector + nsect <= f->super.ring_sectors);
	CHECK_EQ(sector % (f->super.log_align / 512), 0);
	CHECK_EQ(nsect % (f->super.log_align / 512), 0);
	for (i = 0; i < nsect; i++)
		if (f->bad[sector + i])
			return f->read_errno;
	memcpy(buf, f->disk[sector], nsect * 512);
	return 0;
}

static void config_fn(void *ctx, u64 index, const void *payload)
{
	struct fake *f = ctx;

	if (!payload) {
		while (f->nr_configs && f->config[f->nr_configs - 1] >= index)
			f->nr_configs--;
		return;
	}
	CHECK(!f->nr_configs || f->config[f->nr_configs - 1] < index);
	CHECK(f->nr_configs < ARRAY_SIZE(f->config));
	f->config[f->nr_configs] = index;
	f->config_crc[f->nr_configs++] = raftblk_crc(payload, RAFTBLK_CONFIG_BYTES);
}

int fake_restart(struct fake *f)
{
	struct raftblk_reader rd = { .read = ring_read, .ctx = f, .buf_bytes = 64 << 10 };
	int err;

	raftblk_log_exit(&f->log);
	memset(f->slot, 0, f->super.max_entries * sizeof(*f->slot));
	raftblk_log_init(&f->log, &f->super, &fake_ops, f->slot);
	f->nr_configs = 0;
	rd.buf = malloc(rd.buf_bytes);
	err = raftblk_log_recover(&f->log, &f->ckpt, &f->vote, &rd, config_fn, f, &f->found);
	free(rd.buf);
	return err;
}

u32 fake_ring_crc(struct fake *f, const struct raftblk_entry *e)
{
	u32 crc = 0;
	u32 i;

	for (i = 0; i < e->bytes / 512; i++)
		crc = raftblk_crc_update(crc, fake_sector(f, e->pos + i), 512);
	return crc;
}
