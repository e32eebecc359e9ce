/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Read repair: what this member's disk cannot read is answered from another member, and
 * written anew here.
 *
 * A read of the data area that fails is put aside.  The chunks it touches are looked at
 * one after the other, block by block: those that cannot be read are asked of the other
 * complete members in turn (FETCH, DATA), rewritten, and the read goes on with what came.
 * Nothing else is written: where members differ without an error, taking what another
 * one has could be taking what is wrong.
 */
#ifndef RAFTBLK_REPAIR_H
#define RAFTBLK_REPAIR_H

#include "msg.h"
#include "vmap.h"

#define RAFTBLK_REPAIR_SLOTS	4	/* chunks under repair at a time */

enum raftblk_repair_state {
	RAFTBLK_REPAIR_FREE,
	RAFTBLK_REPAIR_LOOK,		/* which blocks cannot be read? */
	RAFTBLK_REPAIR_LOOKING,
	RAFTBLK_REPAIR_ASK,		/* another member to be asked, not before @ask_at */
	RAFTBLK_REPAIR_ASKED,		/* answer expected */
	RAFTBLK_REPAIR_HAVE,		/* answer there, to be written */
	RAFTBLK_REPAIR_WRITING,
	RAFTBLK_REPAIR_DONE,		/* for the reads that wait */
};

/**
 * struct raftblk_repair - a chunk under repair
 * @chunk: its number
 * @mend_for, @mend_ctx, @source: to mend what verify has found: node id of the leader and
 *	ctx of its MEND; the only member to be asked
 * @want: bit i: block i is to be looked at
 * @bad: of those, the ones that cannot be read
 * @ctx: of the question
 * @peer: node id of the member asked last
 * @asked, @refused: bit i: member i of the configuration was asked @ctx; has lost a block
 *	as well
 * @config_gen: of that configuration
 * @ask_at: ASK: not before
 * @until: ASKED: another one is asked then; HAVE: the answer is dropped
 * @deadline: given up then
 * @drops: answers that were too old; from the second on applies wait for the next
 * @need: what was applied, or begun to be, when the question was made
 * @touched: newest entry for the chunk handed out for apply since
 * @tag, @zero, @bytes, @payload: of the answer: as of which entry, which of @bad are
 *	zeros, the others
 * @status: DONE: 0, or why reads get an error
 */
struct raftblk_repair {
	enum raftblk_repair_state state;
	u64 chunk;
	u32 mend_for;
	u64 mend_ctx;
	u32 source;
	u64 want;
	u64 bad;
	u64 ctx;
	u32 peer;
	u32 asked;
	u32 refused;
	u32 config_gen;
	u64 ask_at;
	u64 until;
	u64 deadline;
	u32 drops;
	u64 need;
	u64 touched;
	u64 tag;
	u64 zero;
	u32 bytes;
	struct raftblk_payload *payload;
	int status;
};

/**
 * struct raftblk_repairs - all of a member's
 * @blocks: blocks rewritten so far
 * @failed: blocks that nobody had, or that could not be written
 */
struct raftblk_repairs {
	struct raftblk_repair slot[RAFTBLK_REPAIR_SLOTS];
	u64 blocks;
	u64 failed;
};

#endif /* RAFTBLK_REPAIR_H */
