// SPDX-License-Identifier: GPL-2.0
/*
 * Input: struct options, then the ring.  Sectors that begin with the magic of a
 * record are made into records that fit, as far as the options say so: a fuzzer
 * does not guess a CRC.
 */
#include "../../kernel/core/crc.h"
#include "../../kernel/core/log.h"
#include "fuzz.h"

#define RING	128
#define ENTRIES	32

/**
 * struct options - the first bytes of the input
 * @fix: bit 0: CRCs, 1: positions, 2: chain of prev_crc, 3: CRCs of payloads;
 *	bit 4: records are aligned to 4096 bytes
 */
struct options {
	u8 fix;
	u8 replay;
	u8 retain;
	u8 applied;
	u8 term;
	u8 bad_sector;
	u8 durable_pos;
	u8 prev_crc[4];
};

static u8 ring[RING][512];
static int bad_sector;

static int ring_read(void *ctx, u64 sector, u32 nsect, void *buf)
{
	(void)ctx;
	FUZZ_CHECK(nsect && sector < RING && nsect <= RING - sector);
	if (bad_sector >= (int)sector && bad_sector < (int)(sector + nsect))
		return -EIO;
	memcpy(buf, ring[sector], nsect * 512);
	return 0;
}

static void config_fn(void *ctx, u64 index, const void *payload)
{
	u32 *sum = ctx;

	FUZZ_CHECK(index);
	if (payload)
		*sum += raftblk_crc(payload, RAFTBLK_CONFIG_BYTES);
}

static void payload_none(struct raftblk_payload *p)
{
	(void)p;
}

/* Give every descriptor the CRC of what lies where its payload is. */
static void fix_payloads(struct raftblk_disk_record *d, u32 sector)
{
	u32 nr = min_t(u32, le16_to_cpu(d->nr), RAFTBLK_RECORD_MAX_ENTRIES);
	u32 i, k, at = sector + le16_to_cpu(d->header_sectors);

	for (i = 0; i < nr; i++) {
		u32 sectors = le32_to_cpu(d->desc[i].bytes) / 512;
		u32 crc = 0;

		for (k = 0; k < sectors && k < RING; k++)
			crc = raftblk_crc_update(crc, ring[(at + k) % RING], 512);
		d->desc[i].crc = cpu_to_le32(crc);
		at += sectors;
	}
}

static void fix_record(const struct raftblk_log *log, u8 fix, u64 pos, u32 *prev_crc)
{
	static u8 header[RAFTBLK_RECORD_HEADER_MAX];
	struct raftblk_disk_record *d = (void *)header;
	u32 i, nsect;

	for (i = 0; i < sizeof(header) / 512; i++)
		memcpy(header + i * 512, ring[(pos + i) % RING], 512);
	memcpy(d->uuid, log->uuid, sizeof(d->uuid));
	if (!raftblk_record_plausible(d, log->uuid, log->align_sectors))
		return;
	nsect = le16_to_cpu(d->header_sectors);
	if (fix & 2)
		d->pos = cpu_to_le64(pos);
	if (fix & 4)
		d->prev_crc = cpu_to_le32(*prev_crc);
	if (fix & 8)
		fix_payloads(d, pos % RING);
	d->crc = cpu_to_le32(raftblk_crc_except(d, nsect * 512, offsetof(typeof(*d), crc)));
	*prev_crc = le32_to_cpu(d->crc);
	for (i = 0; i < nsect; i++)
		memcpy(ring[(pos + i) % RING], header + i * 512, 512);
}

static void check_log(struct raftblk_log *log, const struct raftblk_ckpt *ckpt)
{
	u64 term = log->base_term;
	u64 pos = 0;
	u64 i;

	FUZZ_CHECK(log->first <= ckpt->applied_index + 1 && log->last >= ckpt->applied_index);
	FUZZ_CHECK(log->last - log->first + 1 <= log->max_entries);
	FUZZ_CHECK(log->durable == log->last && log->staged == log->last);
	FUZZ_CHECK(log->tail_pos >= log->ckpt_pos &&
		   log->tail_pos - log->ckpt_pos <= log->ring_sectors);
	FUZZ_CHECK(log->head_pos <= log->ckpt_pos);
	FUZZ_CHECK(raftblk_log_term(log, ckpt->applied_index) == ckpt->applied_term);
	for (i = log->first; i <= log->last; i++) {
		const struct raftblk_entry *e = raftblk_log_entry(log, i);

		FUZZ_CHECK(e->term >= term && e->rec_pos >= pos && !e->payload);
		FUZZ_CHECK(e->pos > e->rec_pos && e->pos + e->bytes / 512 <= log->tail_pos);
		term = e->term;
		pos = e->rec_pos;
	}
}

/* The log must be of use afterwards. */
static void use_log(struct raftblk_log *log)
{
	static u8 header[RAFTBLK_RECORD_HEADER_MAX];
	struct raftblk_entry e = { .op = RAFTBLK_OP_NOOP, .term = log->base_term + 1 };
	struct raftblk_log_write *w;
	struct raftblk_ckpt c = { 0 };
	u32 n = 0;

	raftblk_log_cut(log, log->ckpt_index + 1 + (log->last - log->ckpt_index) / 2);
	while (!raftblk_log_append(log, &e) && n++ < 2 * ENTRIES) {
		w = raftblk_log_next_write(log);
		FUZZ_CHECK(w && w->pos + w->header_bytes / 512 <= log->ckpt_pos + RING);
		raftblk_log_encode(log, w, header);
		FUZZ_CHECK(raftblk_log_written(log, w->id));
		raftblk_log_ckpt_fill(log, log->durable - 1, &c);
		FUZZ_CHECK(c.retain_pos <= c.replay_pos && c.replay_pos < log->tail_pos);
		raftblk_log_ckpt_done(log, &c);
	}
}

int fuzz_recover(const u8 *data, size_t size)
{
	static struct raftblk_entry slot[ENTRIES];
	static u8 buf[64 << 10];
	static const struct raftblk_payload_ops ops = { .get = payload_none, .put = payload_none };
	struct raftblk_reader rd = { .read = ring_read, .buf = buf, .buf_bytes = sizeof(buf) };
	struct raftblk_super super = { .ring_sectors = RING, .max_entries = ENTRIES };
	struct raftblk_ckpt ckpt = { 0 };
	struct raftblk_vote vote = { 0 };
	struct raftblk_recovered found;
	struct raftblk_log log;
	const struct options *o = (const void *)data;
	u32 sum = 0, prev_crc, align;
	u64 pos;
	int err;

	if (size < sizeof(*o) || size - sizeof(*o) > sizeof(ring))
		return 0;
	memset(ring, 0, sizeof(ring));
	memcpy(ring, data + sizeof(*o), size - sizeof(*o));
	bad_sector = o->bad_sector < RING ? o->bad_sector : -1;
	align = o->fix & 16 ? 8 : 1;
	super.log_align = align * 512;
	ckpt.applied_index = o->applied;
	ckpt.applied_term = o->applied ? max_t(u8, o->term, 1) : 0;
	ckpt.retain_pos = o->retain & ~(align - 1);
	ckpt.replay_pos = max_t(u64, ckpt.retain_pos, o->replay & ~(align - 1));
	ckpt.durable_pos = o->durable_pos;
	memcpy(&ckpt.replay_prev_crc, o->prev_crc, 4);
	memset(slot, 0, sizeof(slot));
	raftblk_log_init(&log, &super, &ops, slot);
	prev_crc = ckpt.replay_prev_crc;
	for (pos = ckpt.retain_pos; o->fix & 1 && pos < ckpt.retain_pos + RING; pos += align)
		fix_record(&log, o->fix, pos, &prev_crc);
	err = raftblk_log_recover(&log, &ckpt, &vote, &rd, config_fn, &sum, &found);
	if (!err) {
		check_log(&log, &ckpt);
		FUZZ_CHECK(!found.corrupt_index || (found.corrupt_index == log.last + 1 &&
						    found.proof_index > log.last));
		use_log(&log);
	} else {
		FUZZ_CHECK(err == -EUCLEAN);
	}
	return 0;
}

FUZZ_TARGET(fuzz_recover)
