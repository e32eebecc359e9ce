/* SPDX-License-Identifier: GPL-2.0 */
/* Entries of the log as the core holds them, and the payloads behind them. */
#ifndef RAFTBLK_ENTRY_H
#define RAFTBLK_ENTRY_H

#include "port.h"
#include "../uapi/raftblk_disk.h"

#define RAFTBLK_ENTRY_MAX_BYTES	(4U << 20)	/* payload of one entry, at most */
#define RAFTBLK_INDEX_MAX	(1ULL << 62)	/* indices and terms lie below: sums do not wrap */
#define RAFTBLK_NO_POS		(~0ULL)		/* in no record yet */

struct raftblk_payload;		/* opaque here: the shell's buffer, or the simulator's */

/**
 * struct raftblk_payload_ops - how the core holds on to payloads
 * @get: take a reference
 * @put: drop one; may free.  Any context the core runs in, never sleeps.
 * @alloc: a new zeroed payload of @bytes (at most 4096), one reference, or NULL
 * @map: address of the first min(bytes, 4096) bytes, contiguous
 *
 * The core looks into payloads of CONFIG entries only.
 */
struct raftblk_payload_ops {
	void (*get)(struct raftblk_payload *p);
	void (*put)(struct raftblk_payload *p);
	struct raftblk_payload *(*alloc)(void *ctx, u32 bytes);
	void *(*map)(struct raftblk_payload *p);
	void *ctx;
};

/* struct raftblk_entry.state; the replica's */
#define RAFTBLK_ENTRY_LOADING	0x01	/* payload is being read from the ring */
#define RAFTBLK_ENTRY_APPLYING	0x02	/* on its way to the data area */
#define RAFTBLK_ENTRY_APPLIED	0x04	/* in the data area (volatile cache) */
#define RAFTBLK_ENTRY_PINNED	0x08	/* payload was read back for a purpose not yet met: keep it cached */

/**
 * struct raftblk_entry - one operation at one (term, index)
 * @term: term in which it was created
 * @token: ownership token it was written under
 * @sector: see RAFTBLK_OP_*
 * @nsect: length in sectors
 * @bytes: length of the payload
 * @crc: CRC32C of the payload
 * @op: RAFTBLK_OP_*
 * @state: RAFTBLK_ENTRY_*
 * @rec_prev_crc: header CRC of the record before the one that holds this entry
 * @rec_pos: ring position of the record that holds it, RAFTBLK_NO_POS before it
 *	is staged
 * @pos: ring position of the payload, likewise; a multiple of the log's alignment
 * @payload: NULL if there is none or it is only in the ring; otherwise the
 *	log holds one reference
 */
struct raftblk_entry {
	u64 term;
	u64 token;
	u64 sector;
	u32 nsect;
	u32 bytes;
	u32 crc;
	u8 op;
	u8 state;
	u32 rec_prev_crc;
	u64 rec_pos;
	u64 pos;
	struct raftblk_payload *payload;
};

void raftblk_entry_encode(const struct raftblk_entry *e, struct raftblk_disk_desc *d);

/**
 * raftblk_entry_decode() - check a descriptor and take it over
 * @max_sector: end of the volume; a data operation must lie below it.
 *	~0 where the size at that index is not known (recovery, dump)
 *
 * What an operation does not use (RAFTBLK_OP_*) must be 0; the term never is.
 *
 * Return: 0, or -EPROTO if any field is out of range; then @e is undefined.
 */
int raftblk_entry_decode(struct raftblk_entry *e, const struct raftblk_disk_desc *d,
			 u64 max_sector);

static inline bool raftblk_entry_is_data(const struct raftblk_entry *e)
{
	return e->op == RAFTBLK_OP_WRITE || e->op == RAFTBLK_OP_DISCARD ||
	       e->op == RAFTBLK_OP_ZERO;
}

static inline bool raftblk_entry_overlaps(const struct raftblk_entry *a,
					  u64 sector, u32 nsect)
{
	return a->sector < sector + nsect && sector < a->sector + a->nsect;
}

#endif /* RAFTBLK_ENTRY_H */
