/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Catch-up by extents: state of the member that is behind, and of what it is served
 * by others.
 *
 * A member whose next entry is no longer in the leader's ring asks the leader for a
 * boundary: a committed entry behind which its log will begin anew.  It drains
 * what is under way, notes in a checkpoint that it is incomplete, and empties its log.
 * Entries above the boundary then come as usual.  The extents that changed since
 * its last complete checkpoint come from any complete member that has applied the
 * boundary, chunk by chunk, each tagged with the index it was read at.  When all are
 * there and everything up to the highest tag is applied, a checkpoint without the note
 * makes it complete.
 */
#ifndef RAFTBLK_CATCHUP_H
#define RAFTBLK_CATCHUP_H

#include "config.h"
#include "msg.h"
#include "vmap.h"
#include "rate.h"
#include "wire_catchup.h"

#define RAFTBLK_FETCH_SLOTS	8	/* chunks a member fetches at a time */
#define RAFTBLK_SERVE_SLOTS	16	/* chunks it is asked for, at most */
#define RAFTBLK_SERVE_READS	4	/* of which this many hold up applies */

/**
 * struct raftblk_chunk_io - what the shell has to do with a chunk or blocks of it
 * @id: for the event that reports the end
 * @chunk: its number
 * @sector: first sector of the volume
 * @nsect: length; blocks of RAFTBLK_BLOCK_SECTORS, the last may be shorter
 * @differ: CHUNK_WRITE, REPAIR_WRITE: bit i: write block i; REPAIR_LOOK: read it
 * @zero: _WRITE: those of them that are zeros; the others follow each other in
 *	@payload
 * @payload: _WRITE; valid until _written(), may be NULL
 * @zeroed: CHUNK_SERVE: compare with zeros, not with @hash
 * @lost: CHUNK_SERVE: only the blocks whose hash is 0
 * @hash: CHUNK_READ, CHUNK_HASH: to be filled, with 0 for a block that cannot be read; CHUNK_SERVE:
 *	to compare with, 0 differs from everything.  RAFTBLK_CHUNK_BLOCKS of them,
 *	valid until the end is reported
 */
struct raftblk_chunk_io {
	u32 id;
	u64 chunk;
	u64 sector;
	u32 nsect;
	u64 differ;
	u64 zero;
	struct raftblk_payload *payload;
	bool zeroed;
	bool lost;
	u64 *hash;
};

/**
 * struct raftblk_chunk_diff - what a comparison found
 * @differ: bit i: block i differs
 * @zero: of those, the ones that are all zeros
 * @crc: of @payload, 0 where there is none
 * @bytes: its length
 * @payload: the other blocks that differ, in order; one reference, taken over
 */
struct raftblk_chunk_diff {
	u64 differ;
	u64 zero;
	u32 crc;
	u32 bytes;
	struct raftblk_payload *payload;
};

enum raftblk_fetch_state {
	RAFTBLK_FETCH_FREE,
	RAFTBLK_FETCH_READ,		/* own content to be read and hashed */
	RAFTBLK_FETCH_READING,
	RAFTBLK_FETCH_ASK,		/* a source to be asked, not before @ask_at */
	RAFTBLK_FETCH_ASKED,		/* answer expected */
	RAFTBLK_FETCH_WRITE,		/* answer there, to be written */
	RAFTBLK_FETCH_WRITING,
};

/**
 * struct raftblk_fetch - a chunk being fetched
 * @chunk: its number
 * @ctx: of the question
 * @peer: ASKED: who
 * @ask_at: ASK: not before
 * @until: ASK, ASKED: another source is tried then
 * @drops: answers that were too old; from the second on applies wait for the next
 * @zeroed: was never written here
 * @hash: of the own blocks
 * @nsect, @differ, @zero, @bytes, @payload: of the answer, and how long the chunk was then
 */
struct raftblk_fetch {
	enum raftblk_fetch_state state;
	u64 chunk;
	u64 ctx;
	u32 peer;
	u64 ask_at;
	u64 until;
	u32 drops;
	bool zeroed;
	u64 hash[RAFTBLK_CHUNK_BLOCKS];
	u32 nsect;
	u64 differ;
	u64 zero;
	u32 bytes;
	struct raftblk_payload *payload;
};

enum raftblk_serve_state {
	RAFTBLK_SERVE_FREE,
	RAFTBLK_SERVE_WAITING,		/* for its turn, or for the index that is needed */
	RAFTBLK_SERVE_HOLD,		/* applies to it are held up; those under way end first */
	RAFTBLK_SERVE_READING,
	RAFTBLK_SERVE_READY,		/* answer to be sent */
};

/**
 * struct raftblk_serve - a chunk that another member asked for
 * @peer: its node id
 * @ctx, @chunk: of the question
 * @need: applied at least
 * @seq: order of arrival
 * @until: dropped then if it was not sent
 * @status: why there is no answer
 * @urgent: the asker holds up entries until it has this
 * @zeroed, @hash: what the asker has
 * @lost: it asks only for blocks whose hash is 0
 * @exact: it asks for the hashes of all blocks as of @need exactly
 * @tag: every entry up to here is in what was read, and none above
 * @version: of the extent
 * @diff: the answer
 */
struct raftblk_serve {
	enum raftblk_serve_state state;
	u32 peer;
	u64 ctx;
	u64 chunk;
	u64 need;
	u64 seq;
	u64 until;
	int status;
	bool urgent;
	bool zeroed;
	bool lost;
	bool exact;
	u64 hash[RAFTBLK_CHUNK_BLOCKS];
	u64 tag;
	u64 version;
	struct raftblk_chunk_diff diff;
};

enum raftblk_catchup_state {
	RAFTBLK_CATCHUP_OFF,
	RAFTBLK_CATCHUP_DRAIN,		/* a boundary is known; what is under way ends */
	RAFTBLK_CATCHUP_BEGIN,		/* the checkpoint that says so is being written */
	RAFTBLK_CATCHUP_FETCH,		/* incomplete */
};

/**
 * struct raftblk_catchup - see above
 * @ctx: of the newest question of any kind
 * @ask_ctx, @ask_at: of the question for a boundary; when to ask (again)
 *
 * The boundary, and what is so as of it:
 * @leader, @term: who named it
 * @boundary, @boundary_term: the entry
 * @owner_node, @owner_token, @volume_sectors, @config: see struct raftblk_ckpt
 *
 * @base: applied index of the last complete checkpoint
 * @blank: the data area was never written before this life
 * @source: node id of the member that is asked
 * @next: chunks below were listed
 * @all_listed: there are none above
 * @list: listed and not begun, @nr_list of them
 * @left: how many more there are behind the last list
 * @list_ctx, @list_asked: question for more, is it under way?
 * @list_at: not before
 * @list_until: another source is tried then; RAFTBLK_NEVER: no more is wanted yet
 * @tag: highest index any content was read at
 * @saved_at: when the cursor was last on its way to disk
 * @fetch: chunks under way
 * @rate: in bytes of the volume, whole chunks
 * @done, @bytes, @dropped, @sources: chunks done, bytes received, answers that were too
 *	old, changes of source; for whoever wants to know
 *
 * @serve: for others; @serve_seq: number of the last
 * @pace_min_at, @pace_max_at: when the next chunk is due at params.rate_min, and when it
 *	may be begun at params.rate_max
 * @quiet_at: when no I/O of users will have ended for a while
 * @body: of the message handed out last
 */
struct raftblk_catchup {
	enum raftblk_catchup_state state;
	u64 ctx;
	u64 ask_ctx;
	u64 ask_at;

	u32 leader;
	u64 term;
	u64 boundary;
	u64 boundary_term;
	u32 owner_node;
	u64 owner_token;
	u64 volume_sectors;
	struct raftblk_config config;

	u64 base;
	bool blank;
	u32 source;
	u64 next;
	bool all_listed;
	u64 list[RAFTBLK_LIST_MAX];
	u32 nr_list;
	u64 left;
	u64 list_ctx;
	bool list_asked;
	u64 list_at;
	u64 list_until;
	u64 tag;
	u64 saved_at;
	struct raftblk_fetch fetch[RAFTBLK_FETCH_SLOTS];
	struct raftblk_rate rate;
	u64 done;
	u64 bytes;
	u64 dropped;
	u64 sources;

	struct raftblk_serve serve[RAFTBLK_SERVE_SLOTS];
	u64 serve_seq;
	u64 pace_min_at;
	u64 pace_max_at;
	u64 quiet_at;
	union {
		struct raftblk_wire_boundary boundary;
		__le64 listed[RAFTBLK_LIST_MAX];
		struct raftblk_wire_fetch fetch;
		struct raftblk_wire_data data;
	} body;
};

/**
 * struct raftblk_catchup_progress - for the user
 * @incomplete: catching up
 * @source: node id
 * @done: chunks done since it began, or since the member was started
 * @left: chunks to be done; 0 may also mean that it is not known yet
 * @chunk_sectors: size of a chunk
 * @bytes: content received
 * @rate, @rate_known: bytes of the volume done per second; is it known?
 * @left_ms: how long the rest will take; 0: not known
 */
struct raftblk_catchup_progress {
	bool incomplete;
	u32 source;
	u64 done;
	u64 left;
	u32 chunk_sectors;
	u64 bytes;
	u64 rate;
	bool rate_known;
	u64 left_ms;
};

#endif /* RAFTBLK_CATCHUP_H */
