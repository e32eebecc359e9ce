/* SPDX-License-Identifier: GPL-2.0 */
/* Changes of membership and leadership, asked of the leader by another member. */
#ifndef RAFTBLK_WIRE_CHANGE_H
#define RAFTBLK_WIRE_CHANGE_H

#include "port.h"

struct raftblk_change;

#define RAFTBLK_WIRE_CHANGE_TRANSFER	1
#define RAFTBLK_WIRE_CHANGE_REMOVE	2
#define RAFTBLK_WIRE_CHANGE_SET		3
#define RAFTBLK_WIRE_CHANGE_RESIZE	4

#define RAFTBLK_WIRE_PART_KEEP		0
#define RAFTBLK_WIRE_PART_VOTER		1
#define RAFTBLK_WIRE_PART_LEARNER	2

#define RAFTBLK_WIRE_PART_ASSUME_ZERO	1	/* RESIZE: what is new holds zeros already */

/**
 * struct raftblk_wire_change - body of CHANGE_REQ
 * @kind: RAFTBLK_WIRE_CHANGE_*
 * @part: SET, RESIZE: RAFTBLK_WIRE_PART_*
 * @family, @port, @addr: SET: where the member is from now on; family 0, the rest too: as it is
 * @to: node id of the member it is about; RESIZE: 0
 * @size: RESIZE: of the volume, in sectors; else 0
 */
struct raftblk_wire_change {
	__u8 kind;
	__u8 part;
	__u8 family;
	__u8 reserved;
	__le32 to;
	__le16 port;
	__u8 reserved2[6];
	union {
		__u8 addr[16];
		__le64 size;
	};
};

/**
 * struct raftblk_wire_resize_resp - body of CHANGE_RESP to RESIZE, where a member has something
 *	against it, or is waited for
 * @who: its node id
 * @room: sectors that it has, or could have, room for
 */
struct raftblk_wire_resize_resp {
	__le32 who;
	__le32 reserved;
	__le64 room;
};

/* @c is one of these kinds. */
void raftblk_change_encode(const struct raftblk_change *c, struct raftblk_wire_change *d);

/* 0, and kind, to, role, member.addr, size and assume_zero are set, the rest is 0; or -EPROTO:
 * not a kind of these, no member, an address or a part where the kind has none, or a SET of
 * nothing.  Whether a size makes sense is for the leader to say.
 */
int raftblk_change_decode(struct raftblk_change *c, const struct raftblk_wire_change *d);

#endif /* RAFTBLK_WIRE_CHANGE_H */
