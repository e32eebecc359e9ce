/* SPDX-License-Identifier: GPL-2.0 */
/* Messages between members, decoded.  wire.h has them encoded. */
#ifndef RAFTBLK_MSG_H
#define RAFTBLK_MSG_H

#include "config.h"
#include "entry.h"

enum raftblk_msg_type {
	RAFTBLK_MSG_PREVOTE_REQ = 1,	/* term (to be), index, log_term: end of my log; flags */
	RAFTBLK_MSG_PREVOTE_RESP,	/* term, status: 0 granted; ctx: term asked about */
	RAFTBLK_MSG_VOTE_REQ,		/* as PREVOTE_REQ */
	RAFTBLK_MSG_VOTE_RESP,		/* as PREVOTE_RESP */
	RAFTBLK_MSG_HEARTBEAT,		/* commit, ctx: read round, sent_at; index, log_term: durable here */
	RAFTBLK_MSG_HEARTBEAT_RESP,	/* index: match, ctx and sent_at echoed, flags */
	RAFTBLK_MSG_APPEND,		/* index, log_term: entry before; commit; nr entries */
	RAFTBLK_MSG_APPEND_RESP,	/* index: durable match; or REJECT with ctx: index refused, index and log_term: hint */
	RAFTBLK_MSG_TIMEOUT_NOW,	/* campaign at once */
	RAFTBLK_MSG_PULL_REQ,		/* let me lead, I want to own; ctx: unique */
	RAFTBLK_MSG_PULL_RESP,		/* ctx; status: 0 or -errno as positive number; index: owner's node id */
	RAFTBLK_MSG_READ_REQ,		/* ctx: unique counter */
	RAFTBLK_MSG_READ_RESP,		/* ctx; index: wait for it to be committed, then read */
	RAFTBLK_MSG_RELEASE,		/* index: token that is no longer held */
	RAFTBLK_MSG_JOIN_REQ,		/* body: struct raftblk_member wanted (id 0); status: LOOK */
	RAFTBLK_MSG_JOIN_RESP,		/* status; body: what a joiner must know */
	RAFTBLK_MSG_CHANGE_REQ,		/* body: struct raftblk_wire_change */
	RAFTBLK_MSG_CHANGE_RESP,	/* status; body, with EREMOTE: who leads */
	RAFTBLK_MSG_RECALL_REQ,		/* I have just started: what did I promise you?  life */
	RAFTBLK_MSG_RECALL_RESP,	/* ctx: life of who asked; sent_at: its term; commit: term in which it acknowledged index, log_term; status: EXACT */
	RAFTBLK_MSG_MAX = RAFTBLK_MSG_RECALL_RESP,
	/* catch-up by extents, read repair, verify; 42 to 47 are kept for them */
	RAFTBLK_MSG_CATCHUP_REQ = 32,	/* to the leader: ctx; index: applied and durable here */
	RAFTBLK_MSG_CATCHUP_RESP,	/* ctx, status; index, log_term: boundary; body */
	RAFTBLK_MSG_LIST_REQ,		/* ctx; chunk: from; commit: changed above; index: applied at least */
	RAFTBLK_MSG_LIST_RESP,		/* ctx, status; chunk: go on from; index: how many more; nr, body; F_END */
	RAFTBLK_MSG_FETCH,		/* ctx, chunk; index: applied at least; status: 0 or LOST; body, or none: it is all zeros here */
	RAFTBLK_MSG_DATA,		/* ctx, chunk, status; index: as of; body, payload */
	RAFTBLK_MSG_VERIFY_REQ,		/* from the leader: ctx, chunk; index: hash it as of this */
	RAFTBLK_MSG_VERIFY_RESP,	/* ctx, chunk, index, status; body */
	RAFTBLK_MSG_MEND,		/* from the leader: ctx, chunk; body: fetch these blocks */
	RAFTBLK_MSG_MENDED,		/* ctx, chunk, status: done, or not */
	RAFTBLK_MSG_GROW_REQ = 48,	/* from the leader: ctx; index: sectors to have room for; commit: 1: assume zeros */
	RAFTBLK_MSG_GROW_RESP,		/* ctx, status; index: sectors there is, or could be, room for */
};

/* flags of messages */
#define RAFTBLK_MSG_F_TRANSFER	0x01	/* (pre)vote: asked for by the leader, overrides its lease */
#define RAFTBLK_MSG_F_REJECT	0x02	/* append refused */
#define RAFTBLK_MSG_F_HOLDING	0x04	/* heartbeat resp: I own the device and have it open for writing */
#define RAFTBLK_MSG_F_BEHIND	0x08	/* heartbeat: my log no longer reaches back to what you need */
#define RAFTBLK_MSG_F_NEEDED	0x10	/* (pre)vote: there is no majority without me */
#define RAFTBLK_MSG_F_INCOMPLETE 0x20	/* answers: I am catching up: this does not count; commit: known committed */
#define RAFTBLK_MSG_F_END	0x40	/* list resp: there are no more */
#define RAFTBLK_MSG_F_ALL	0x7f

#define RAFTBLK_RECALL_EXACT	1	/* status of RECALL_RESP: nothing else was promised in my term */

#define RAFTBLK_MSG_MAX_ENTRIES	64	/* entries of an APPEND, at most */
#define RAFTBLK_MSG_MAX_BYTES	(4U << 20)	/* payload of an APPEND, at most */
#define RAFTBLK_MSG_BODY_MAX	4096

/**
 * struct raftblk_msg - one message, host byte order
 * @from: sender; on receipt the connection's authenticated peer
 * @life: of consensus: random, another one whenever the sender is started; 0: unknown
 * @ent: entries of a received APPEND, @nr of them, payload attached and CRC
 *	checked.  Each payload reference is the message's.  For one to be sent
 *	@ent is NULL: the entries are log entries index + 1 ... index + nr.
 * @chunk, @body, @body_bytes: of catch-up, see wire_catchup.h.  The body is valid during
 *	the call that takes the message; of one to be sent, until the next
 *	raftblk_replica_next()
 * @payload, @bytes: of DATA, CRC checked on receipt.  The reference is the message's; of
 *	one to be sent it is the shell's
 */
struct raftblk_msg {
	u8 type;
	u8 flags;
	u16 nr;
	u32 from;
	u32 to;
	u32 status;
	u64 term;
	u64 index;
	u64 log_term;
	u64 commit;
	u64 ctx;
	u64 sent_at;
	u64 life;
	struct raftblk_entry *ent;
	u64 chunk;
	const void *body;
	u32 body_bytes;
	u32 bytes;
	struct raftblk_payload *payload;
};

static inline bool raftblk_msg_is_recall(u8 type)
{
	return type == RAFTBLK_MSG_RECALL_REQ || type == RAFTBLK_MSG_RECALL_RESP;
}

/* What raft_receive() takes. */
static inline bool raftblk_msg_is_consensus(u8 type)
{
	return type <= RAFTBLK_MSG_TIMEOUT_NOW || raftblk_msg_is_recall(type);
}

static inline bool raftblk_msg_is_grow(u8 type)
{
	return type == RAFTBLK_MSG_GROW_REQ || type == RAFTBLK_MSG_GROW_RESP;
}

/* Belongs on the data connection; everything else is control. */
static inline bool raftblk_msg_is_data(const struct raftblk_msg *m)
{
	return m->type == RAFTBLK_MSG_APPEND || m->type == RAFTBLK_MSG_DATA;
}

#endif /* RAFTBLK_MSG_H */
