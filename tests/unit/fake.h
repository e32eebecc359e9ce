/* SPDX-License-Identifier: GPL-2.0 */
/* Payloads, a ring of sectors and a log on it, for the tests. */
#ifndef UNIT_FAKE_H
#define UNIT_FAKE_H

#include "unit.h"

struct raftblk_payload {
	int refs;
	u32 bytes;
	u8 data[];
};

extern const struct raftblk_payload_ops fake_ops;
extern int fake_payloads;	/* that exist */

/* One reference, filled from @seed. */
struct raftblk_payload *fake_payload(u32 bytes, u64 seed);

#define FAKE_RING_MAX	4096	/* sectors */

/**
 * struct fake - a log on a ring
 * @disk: the ring, stable
 * @bad: sectors that cannot be read
 * @read_errno: what reading one of them returns
 * @config: index of each configuration recovery reported, in order
 * @config_crc: of its payload
 */
struct fake {
	struct raftblk_super super;
	struct raftblk_log log;
	struct raftblk_ckpt ckpt;
	struct raftblk_vote vote;
	struct raftblk_entry *slot;
	u8 (*disk)[512];
	u8 *bad;
	int read_errno;
	u64 config[4096];
	u32 config_crc[4096];
	u32 nr_configs;
	struct raftblk_recovered found;
};

/* @align and @ring in sectors */
struct fake *fake_new(u32 ring, u32 align, u32 max_entries);
void fake_free(struct fake *f);

/* Append; the payload is made from (@term, index) and its CRC is right. */
int fake_append(struct fake *f, u8 op, u64 term, u32 sectors);

/* The bytes of a record, padding included.  The caller frees. */
u8 *fake_encode(struct fake *f, struct raftblk_log_write *w, u32 *sectors);

/* Put sectors of @buf on the ring. */
void fake_put(struct fake *f, u64 pos, const u8 *buf, u32 sectors);

/* Stage, write and complete everything that was appended. */
void fake_flush(struct fake *f);

/* Write and complete a checkpoint. */
void fake_ckpt(struct fake *f, u64 applied);

/* Power off, then recovery from what is on the ring.  Returns its result. */
int fake_restart(struct fake *f);

/* A sector of the ring. */
u8 *fake_sector(struct fake *f, u64 pos);

/* CRC of an entry's payload as it is on the ring. */
u32 fake_ring_crc(struct fake *f, const struct raftblk_entry *e);

#endif /* UNIT_FAKE_H */
