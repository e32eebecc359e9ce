/* SPDX-License-Identifier: GPL-2.0 */
/* Superblock, vote slots and checkpoint slots: encoding and checking. */
#ifndef RAFTBLK_META_H
#define RAFTBLK_META_H

#include "config.h"

#define RAFTBLK_META_SECTORS	48	/* superblocks and slots end here */
#define RAFTBLK_RING_SECTORS_MIN	128
#define RAFTBLK_ENTRIES_MIN	16	/* limits of raftblk_super.max_entries */
#define RAFTBLK_ENTRIES_MAX	(1U << 20)
#define RAFTBLK_SECTOR_MAX	(1ULL << 54)	/* no device has more */
#define RAFTBLK_POS_MAX		(1ULL << 62)	/* ring positions lie below: sums do not wrap */
#define RAFTBLK_INCOMPAT_KNOWN	0ULL	/* features this code knows */

/**
 * struct raftblk_super - host form of struct raftblk_disk_super
 */
struct raftblk_super {
	u8 uuid[16];
	u8 incarnation[16];
	u8 key[RAFTBLK_KEY_LEN];
	char name[RAFTBLK_NAME_LEN];	/* NUL terminated */
	u64 compat;
	u64 incompat;
	u32 node_id;
	u32 block_size;
	u64 ring_start;
	u64 ring_sectors;
	u64 data_start;
	u64 data_sectors;
	u64 volume_sectors;
	u32 log_align;
	u32 max_entries;
	u32 extent_sectors;
	u32 minor;
	u64 vmap_start;
	struct raftblk_addr listen;
};

/**
 * struct raftblk_vote - term and vote, with the generation of the slot
 */
struct raftblk_vote {
	u64 generation;
	u64 term;
	u32 voted_for;		/* 0: nobody */
	u64 durable_index;
	u64 durable_pos;	/* raftblk_log_durable_pos() */
};

/**
 * struct raftblk_promise - host form of struct raftblk_disk_promise
 */
struct raftblk_promise {
	u32 id;
	u64 life;
	u64 term;
	u64 ack_term;
	u64 index;
	u64 log_term;
};

/**
 * struct raftblk_ckpt - host form of struct raftblk_disk_ckpt
 */
struct raftblk_ckpt {
	u64 generation;
	u64 applied_index;
	u64 applied_term;
	u64 replay_pos;
	u64 retain_pos;
	u32 replay_prev_crc;
	u32 retain_prev_crc;
	u64 durable_index;
	u64 durable_pos;
	u64 proof_index;
	u32 owner_node;
	u32 flags;		/* RAFTBLK_CKPT_F_* */
	u64 owner_token;
	u64 volume_sectors;
	u64 base_index;
	u64 boundary_index;
	u64 boundary_term;
	u64 cursor;
	u64 tag_index;
	struct raftblk_config config;
	struct raftblk_promise promise[RAFTBLK_MAX_MEMBERS];
};

/* Encode into a zeroed-by-callee buffer of RAFTBLK_META_BYTES (vote: RAFTBLK_VOTE_BYTES). */
void raftblk_super_encode(const struct raftblk_super *s, void *buf);
/* In an encoded superblock; all else, known or not, stays as it is. */
void raftblk_super_move(void *buf, const struct raftblk_addr *listen);
void raftblk_vote_encode(const struct raftblk_vote *v, const u8 *uuid, void *buf);
void raftblk_ckpt_encode(const struct raftblk_ckpt *c, const u8 *uuid, void *buf);

/* The data area has become larger.  @buf: a superblock, changed in place; 0, or -EBADMSG: it is
 * not a good one, and stays as it is.
 */
int raftblk_super_set_data_sectors(void *buf, u64 sectors);

/**
 * raftblk_super_room() - the largest data area that there could be, in sectors
 * @sectors: of the device
 *
 * Up to the end of the device, or to what lies behind the data area: the superblock says where
 * that is, and a log over which zeros are written is gone.  What there is already counts.
 */
u64 raftblk_super_room(const struct raftblk_super *s, u64 sectors);

/**
 * raftblk_super_decode() - check and take over a superblock
 * @why: set to a sentence that says what is wrong, where something is
 *
 * Every size and offset is checked against the others, not against the device.
 *
 * Return: 0; -ENODATA: not a raftblk superblock at all; -EBADMSG: it is one,
 * but rotten; -EOPNOTSUPP: a version or feature this code does not know.
 */
int raftblk_super_decode(struct raftblk_super *s, const void *buf, const char **why);

/* 0, or -EBADMSG if the slot is torn, rotten or another volume's */
int raftblk_vote_decode(struct raftblk_vote *v, const u8 *uuid, const void *buf);
int raftblk_ckpt_decode(struct raftblk_ckpt *c, const u8 *uuid, const void *buf);

#endif /* RAFTBLK_META_H */
