/* SPDX-License-Identifier: GPL-2.0 */
/* Bodies of the messages by which a member catches up. */
#ifndef RAFTBLK_WIRE_CATCHUP_H
#define RAFTBLK_WIRE_CATCHUP_H

#include "msg.h"
#include "vmap.h"

#define RAFTBLK_LIST_MAX	64	/* chunks in a LIST_RESP, at most */
#define RAFTBLK_FETCH_LOST	1	/* status of FETCH: only blocks whose hash is 0, see repair.h */
#define RAFTBLK_CHUNK_MAX	(1ULL << 54)	/* no data area has as many */

/**
 * struct raftblk_wire_boundary - body of CATCHUP_RESP with status 0
 * @owner_node, @owner_token: owner as of the boundary
 * @volume_sectors: size of the volume, likewise
 * @config_index, @config: membership, likewise
 */
struct raftblk_wire_boundary {
	__le32 owner_node;
	__le32 reserved;
	__le64 owner_token;
	__le64 volume_sectors;
	__le64 config_index;
	struct raftblk_disk_config config;
};

/* The body of LIST_RESP: nr numbers of chunks, __le64, in order. */

/**
 * struct raftblk_wire_fetch - body of FETCH; none where the chunk is all zeros; of
 *	VERIFY_RESP with status 0
 * @hash: of each block of the chunk as the sender has it; 0: not known, and of blocks
 *	behind the end of the chunk
 */
struct raftblk_wire_fetch {
	__le64 hash[RAFTBLK_CHUNK_BLOCKS];
};

/**
 * struct raftblk_wire_data - body of DATA with status 0
 * @version: of the extent at the source
 * @differ: bit i: block i is not what the asker has
 * @zero: of those, blocks that are all zeros and not in the payload
 * @crc: of the payload: the other blocks that differ, in order
 */
struct raftblk_wire_data {
	__le64 version;
	__le64 differ;
	__le64 zero;
	__le32 crc;
	__le32 reserved;
};

/**
 * struct raftblk_wire_mend - body of MEND
 * @blocks: bit i: block i is to be fetched, at least one
 * @source: node id of a member that has them
 */
struct raftblk_wire_mend {
	__le64 blocks;
	__le32 source;
	__le32 reserved;
};

static inline bool raftblk_msg_is_catchup(u8 type)
{
	return type >= RAFTBLK_MSG_CATCHUP_REQ && type <= RAFTBLK_MSG_MENDED;
}

/* Does the length of body and payload fit type and status? */
bool raftblk_wire_catchup_lengths_ok(u8 type, u32 status, u32 nr, u32 body_bytes,
				     u32 payload_bytes);

/**
 * raftblk_wire_catchup_check() - what the lengths do not tell
 * @m: decoded; body_bytes and bytes are believed
 *
 * Whether chunk and payload fit the geometry, and whether the configuration is one,
 * is checked where they are used.
 *
 * Return: 0 or -EPROTO.
 */
int raftblk_wire_catchup_check(const struct raftblk_msg *m);

#endif /* RAFTBLK_WIRE_CATCHUP_H */
