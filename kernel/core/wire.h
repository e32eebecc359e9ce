/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages on a connection: a fixed header, descriptors or a body, payloads.
 *
 * A connection starts with the handshake (struct raftblk_wire_hello and the
 * two that follow, each inside a header of its type), then carries messages.
 */
#ifndef RAFTBLK_WIRE_H
#define RAFTBLK_WIRE_H

#include "meta.h"
#include "msg.h"
#include "wire_catchup.h"
#include "wire_change.h"

#define RAFTBLK_WIRE_MAGIC	0x574b4c42	/* "BLKW" */
#define RAFTBLK_WIRE_VERSION	1
#define RAFTBLK_WIRE_BODY_MAX	RAFTBLK_MSG_BODY_MAX
#define RAFTBLK_WIRE_ERRNO_MAX	4095

/* types of the handshake; those of enum raftblk_msg_type lie below */
#define RAFTBLK_WIRE_HELLO	64
#define RAFTBLK_WIRE_CHALLENGE	65
#define RAFTBLK_WIRE_RESPONSE	66
#define RAFTBLK_WIRE_WELCOME	67	/* no body */
#define RAFTBLK_WIRE_REFUSED	68	/* header.status: why, a positive errno */
#define RAFTBLK_WIRE_REMOVED	69	/* you were a member and are none any more; struct response */

/**
 * struct raftblk_wire_header - 96 bytes before every message
 * @crc: CRC32C of header (crc as zero) and body
 * @body_bytes: descriptors (nr * 48) or other body that follows the header
 * @payload_bytes: payloads that follow the body, sum of the descriptors' bytes;
 *	not part of @crc, each has its own in its descriptor
 * @auth_bytes: 0; room for a message authentication code behind the header
 * @chunk: catch-up only
 * @life: consensus only; random, another one whenever the sender is started
 */
struct raftblk_wire_header {
	__le32 magic;
	__le32 crc;
	__u8 version;
	__u8 type;
	__u8 flags;
	__u8 auth_bytes;
	__le16 nr;
	__le16 body_bytes;
	__le32 payload_bytes;
	__le32 from;
	__le32 to;
	__le32 status;
	__le64 term;
	__le64 index;
	__le64 log_term;
	__le64 commit;
	__le64 ctx;
	__le64 sent_at;
	__le64 chunk;
	__le64 life;
};

/* roles of connections */
#define RAFTBLK_CONN_CONTROL	0
#define RAFTBLK_CONN_DATA	1
#define RAFTBLK_CONN_JOIN	2	/* one question: JOIN_REQ or CHANGE_REQ, also from no member */

#define RAFTBLK_NONCE_LEN	32
#define RAFTBLK_MAC_LEN		32

/*
 * The handshake: HELLO ->, <- CHALLENGE, RESPONSE ->, <- WELCOME.  Instead of any
 * answer the accepting side may send REFUSED and close.  Fields of the header
 * that are not mentioned are 0 and say nothing.
 *
 * Both MACs are HMAC-SHA256 with the volume's key over a label (ASCII, without
 * a NUL), the 96 bytes of the body of HELLO as sent, and the body of CHALLENGE as
 * sent: so over role, versions, features, and nonces, node ids and incarnations
 * of both sides.  The labels differ, which keeps either side from having its
 * own MAC made by the other.
 *
 * The connecting side checks the MAC in CHALLENGE, then that it has reached
 * the node id and incarnation it means, and only then sends RESPONSE.  The
 * accepting side checks RESPONSE, then whether the sender of HELLO is a member,
 * in this incarnation, and means this member; only then it tells by REFUSED why
 * not, or by REMOVED that it is none any more.  A member that hears that stops for good,
 * so it comes with a MAC of its own.
 */

/**
 * struct raftblk_wire_hello - body of HELLO, from the side that connected
 * @uuid: the volume
 * @incarnation: the sender's
 * @node_id: the sender's, 0 with RAFTBLK_CONN_JOIN
 * @to_id: the member it means to reach, 0 with RAFTBLK_CONN_JOIN: any
 * @role: RAFTBLK_CONN_*
 * @version_min, @version_max: versions of the protocol the sender speaks
 * @compat: features the sender can use; the connection uses those both have
 * @incompat: features the other side must know or refuse
 * @nonce: random, never used twice
 */
struct raftblk_wire_hello {
	__u8 uuid[16];
	__u8 incarnation[16];
	__le32 node_id;
	__le32 to_id;
	__u8 role;
	__u8 version_min;
	__u8 version_max;
	__u8 reserved;
	__le32 reserved2;
	__le64 compat;
	__le64 incompat;
	__u8 nonce[RAFTBLK_NONCE_LEN];
};

/**
 * struct raftblk_wire_challenge - body of CHALLENGE, the answer to HELLO
 * @incarnation, @node_id: the sender's
 * @version: the one to be used, highest that both speak
 * @compat: features to be used, those both have
 * @nonce: random, never used twice
 * @mac: HMAC-SHA256(key, "raftblk server" || hello || this struct up to here)
 */
struct raftblk_wire_challenge {
	__u8 incarnation[16];
	__le32 node_id;
	__u8 version;
	__u8 reserved[3];
	__le64 compat;
	__u8 nonce[RAFTBLK_NONCE_LEN];
	__u8 mac[RAFTBLK_MAC_LEN];
};

/**
 * struct raftblk_wire_response - body of RESPONSE, and of REMOVED
 * @mac: HMAC-SHA256(key, "raftblk client" || hello || challenge); of REMOVED with the label
 *	"raftblk removed"
 */
struct raftblk_wire_response {
	__u8 mac[RAFTBLK_MAC_LEN];
};

#define RAFTBLK_JOIN_LOOK	1	/* status of JOIN_REQ: answer, but do not let me in */

/**
 * struct raftblk_wire_join_resp - body of JOIN_RESP with status 0 or EREMOTE
 * @node_id: 0 for one that only looked
 * @leader: with EREMOTE: ask this one
 */
struct raftblk_wire_join_resp {
	__u8 uuid[16];
	__u8 name[RAFTBLK_NAME_LEN];
	__le32 node_id;
	__le32 block_size;
	__le64 volume_sectors;
	__le64 ring_sectors;
	__le32 extent_sectors;
	__le32 reserved;
	struct raftblk_disk_member leader;
	struct raftblk_disk_config config;
};

/* Encode header and descriptors of @m, or its body; for APPEND the entries come from
 * @ent(i), i = 0 ... nr - 1.  @buf: RAFTBLK_WIRE_BODY_MAX + sizeof(header).  Returns the length.
 */
u32 raftblk_wire_encode(const struct raftblk_msg *m,
			const struct raftblk_entry *(*ent)(void *ctx, u32 i), void *ctx,
			void *buf);

/* A message with a body that is not descriptors (handshake, join). */
u32 raftblk_wire_encode_body(u8 type, const struct raftblk_msg *m, const void *body,
			     u16 body_bytes, void *buf);

/**
 * struct raftblk_wire_frame - what a checked header says is to be read next
 */
struct raftblk_wire_frame {
	u8 type;
	u16 body_bytes;
	u32 payload_bytes;
};

/**
 * raftblk_wire_check_header() - before anything it says is believed
 *
 * Checks magic, version, type, flags and that lengths are within limits and
 * fit the type.  The CRC is checked by raftblk_wire_decode() when the body is
 * there.
 *
 * Return: 0 or -EPROTO.
 */
int raftblk_wire_check_header(const struct raftblk_wire_header *h,
			      struct raftblk_wire_frame *frame);

/**
 * raftblk_wire_decode() - header and body are there: check all, take over
 * @m: m->body will point to @body
 * @ent: room for RAFTBLK_MSG_MAX_ENTRIES; payload pointers are set to NULL
 * @max_sector: no entry may end above, see raftblk_entry_decode()
 *
 * Return: 0, or -EPROTO (also: CRC wrong, sum of payloads wrong).
 */
int raftblk_wire_decode(const struct raftblk_wire_header *h, const void *body,
			struct raftblk_msg *m, struct raftblk_entry *ent, u64 max_sector);

#endif /* RAFTBLK_WIRE_H */
