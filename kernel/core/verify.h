/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Verify: do all members have the same data?  And mending what differs.
 *
 * The leader goes through the volume chunk by chunk.  For each it names an index, and every
 * member with data hashes its blocks exactly as of that: all entries up to it are applied,
 * none above it that touches the chunk.  What differs is compared a second time, as of a
 * later index.  A member that has something else than a majority then gets that from a
 * member of the majority, by the means of read repair, and is compared once more.
 *
 * Nothing of this is in the log, and nothing is kept on disk: when the leader changes it is
 * over.
 */
#ifndef RAFTBLK_VERIFY_H
#define RAFTBLK_VERIFY_H

#include "msg.h"
#include "vmap.h"
#include "wire_catchup.h"

#define RAFTBLK_VERIFY_FINDINGS	64	/* ranges that are remembered */

enum raftblk_verify_state {
	RAFTBLK_VERIFY_OFF,
	RAFTBLK_VERIFY_NEXT,		/* a question to be made, not before @at */
	RAFTBLK_VERIFY_ASKED,		/* hashes are expected until @until */
	RAFTBLK_VERIFY_MENDING,		/* members fetch what they lack, until @until */
};

enum raftblk_verify_round {
	RAFTBLK_VERIFY_FIRST,
	RAFTBLK_VERIFY_CONFIRM,		/* was it there both times? */
	RAFTBLK_VERIFY_MENDED,		/* is it gone? */
};

/**
 * struct raftblk_verify_finding - blocks that one member has otherwise than the others
 * @node: its id; 0: there is no majority for anything
 * @sector, @nsect: of the volume
 * @mended: they were compared again and are the same
 */
struct raftblk_verify_finding {
	u32 node;
	u32 nsect;
	u64 sector;
	bool mended;
};

/**
 * struct raftblk_verify - a comparison of all members, on the leader
 * @repair: mend what differs
 * @status: OFF: how the last one ended: 0, -ECANCELED, -EREMOTE: not the leader any more,
 *	-EIO: this member has stopped
 * @chunk: the one being compared, all below are done
 * @nsect: its length as of @index; the volume may have grown since, here or at those who are asked
 * @round, @tries: of it; how often it could not be compared
 * @mends: so often was it tried to mend it
 * @ctx, @index: of the question
 * @config_gen, @members, @asked, @answered: bit i: member i of that configuration takes
 *	part, was asked, has answered or is mended
 * @hash: what it answered
 * @bad: blocks of member i that are not the majority's, in each round so far
 * @none: blocks for which there is no majority, likewise
 *
 * For the user, since the last one began:
 * @differ, @mended: blocks found, and found to be the same later
 * @skipped: chunks that were too busy to be compared
 * @left_out: chunks that were compared without a member that could not be reached
 * @finding: the first of them, @nr_findings
 * @body: of the message handed out last
 */
struct raftblk_verify {
	enum raftblk_verify_state state;
	bool repair;
	int status;
	u64 chunk;
	u32 nsect;
	enum raftblk_verify_round round;
	u32 tries;
	u32 mends;
	u64 ctx;
	u64 index;
	u64 at;
	u64 until;
	u32 config_gen;
	u32 members;
	u32 asked;
	u32 answered;
	u64 hash[RAFTBLK_MAX_MEMBERS][RAFTBLK_CHUNK_BLOCKS];
	u64 bad[RAFTBLK_MAX_MEMBERS];
	u64 none;

	u64 differ;
	u64 mended;
	u64 skipped;
	u64 left_out;
	u32 nr_findings;
	struct raftblk_verify_finding finding[RAFTBLK_VERIFY_FINDINGS];
	struct raftblk_wire_mend body;
};

/**
 * struct raftblk_verify_progress - for the user
 * @running: under way here
 * @done, @total: chunks of @chunk_sectors
 */
struct raftblk_verify_progress {
	bool running;
	u64 done;
	u64 total;
	u32 chunk_sectors;
};

#endif /* RAFTBLK_VERIFY_H */
