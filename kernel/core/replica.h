/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One member of a volume: consensus, log, apply, reads, ownership and
 * checkpoints tied together.  This is what the shell (and the simulator) talks
 * to.
 *
 * A step machine like raft.h: the functions below are events; they change state
 * and return.  raftblk_replica_next() hands out actions, one at a time, until
 * it has none; the shell starts each and reports its end with an event.  All
 * calls for one replica come from one thread at a time (the volume's worker).
 *
 * Life of a write, on the owner: submit -> proposed (index, term known; in the
 * ring and on its way to peers) -> committed -> RAFTBLK_ACT_DONE.  Apply comes
 * later and is nobody's wait.  While this member does not lead, requests wait.
 * A request whose entry is cut from the log is proposed anew when this member
 * leads again and is still the owner; one whose entry stays in the log is done
 * when it is committed, whoever leads then.
 */
#ifndef RAFTBLK_REPLICA_H
#define RAFTBLK_REPLICA_H

#include "catchup.h"
#include "raft.h"
#include "repair.h"
#include "verify.h"

#define RAFTBLK_READ_SEGMENTS	16	/* pieces a read may consist of; more: it waits for apply */
#define RAFTBLK_APPLY_DEPTH	64	/* entries on their way to the data area */
#define RAFTBLK_LOAD_DEPTH	16	/* payloads on their way from the ring */
#define RAFTBLK_PINS		32	/* payloads read back and kept until they were used */

enum raftblk_req_state {
	RAFTBLK_REQ_NEW,
	RAFTBLK_REQ_WAITING,	/* write: to be proposed; read: to be confirmed */
	RAFTBLK_REQ_PROPOSED,	/* write: in the log at (index, term) */
	RAFTBLK_REQ_READING,	/* read: with the shell */
	RAFTBLK_REQ_RECHECK,	/* read: data there, leadership to be confirmed again */
	RAFTBLK_REQ_BROKEN,	/* read: failed, waits for what another member has */
	RAFTBLK_REQ_ENDED,
};

/**
 * struct raftblk_segment - one piece of a read
 * @payload: bytes from @offset of this payload (a reference is held until the
 *	request ends); NULL: zeros if @zero, else sectors of the data area
 */
struct raftblk_segment {
	u64 sector;
	u32 nsect;
	u32 offset;
	bool zero;
	struct raftblk_payload *payload;
};

/**
 * struct raftblk_req - a request from the block device
 * @op: RAFTBLK_OP_WRITE, _DISCARD, _ZERO, or RAFTBLK_REQ_READ
 * @sector: first sector
 * @nsect: number of sectors
 * @crc: of @payload
 * @payload: of a write: the copied data, one reference, taken over by submit.
 *	The replica keeps one reference until the request ends, so that it can be
 *	proposed again.
 *
 * The rest is the replica's between submit and RAFTBLK_ACT_DONE.
 *
 * @index, @term: write: where it was proposed, kept after a cut (the entry may
 *	come back).  Read: commit index to wait for; term in which leadership
 *	was asked to be confirmed, 0: asked of the leader
 * @round: write: the owner's token it was submitted under.  Read: round of
 *	raft_read_begin(), or ctx of a READ_REQ
 * @chunk: BROKEN: chunks of the read below are as good as they get
 * @tries: read: so often it has failed
 *
 * A DISCARD is applied as write-zeroes that may unmap, and reads back as zeros:
 * what a disk returns after a plain discard differs from disk to disk, and so
 * would the replicas.
 *
 * Ends with @status 0; -EIO: no right to write (no opener, or fenced), beyond
 * the end, on a witness, or the member has stopped by a fault or has left the volume, a
 * block that no member can read, or none that can be reached within params.repair_ns;
 * -EINVAL: malformed;
 * -ETIMEDOUT: io-timeout; -ESHUTDOWN.  A write that had been proposed and ends
 * with an error may still be committed and applied, like any write that fails.
 *
 * (FLUSH needs no request: what completed is durable.)
 */
struct raftblk_req {
	u8 op;
	u64 sector;
	u32 nsect;
	u32 crc;
	struct raftblk_payload *payload;

	struct list_head link;
	enum raftblk_req_state state;
	int status;
	u64 index;
	u64 term;
	u64 round;
	u64 deadline;		/* io-timeout, 0: none */
	u64 chunk;
	u32 tries;
	u32 nr_segments;
	struct raftblk_segment segment[RAFTBLK_READ_SEGMENTS];
};

#define RAFTBLK_REQ_READ	0xff

/**
 * struct raftblk_open - somebody wants to open the device for writing
 *
 * Ends with RAFTBLK_ACT_OPENED and @status: 0; -EBUSY: another node that can be
 * reached is the owner (@owner says which); -ETIMEDOUT: no leader or no
 * majority until @deadline (0: wait for ever); -EPERM: this member is no voter,
 * so it cannot lead, or a witness; -EIO: openers here were fenced and have not all closed, or
 * the member has stopped by a fault; -ESHUTDOWN.
 *
 * @ctx: the replica's: lowest ctx of a PULL_REQ whose answer concerns this open
 */
struct raftblk_open {
	u64 deadline;
	int status;
	u32 owner;
	struct list_head link;
	u64 ctx;
};

/**
 * struct raftblk_change - a change of membership or leadership somebody asked for
 * @kind: what
 * @size: RESIZE: of the volume, in sectors
 * @assume_zero: RESIZE: what the members' devices have behind the data area holds zeros already
 * @member: JOIN: incarnation and address of the joiner; id is set to its id;
 *	@member.replaces: 0, or a member that leaves in the step that makes the joiner what
 *	it is to be: voter if that one is or is to be, else learner (@learner is ignored).
 *	SET: the address, if its family is not 0
 * @learner: JOIN: a learner for good, an asynchronous copy that never votes
 * @witness: JOIN: it has no data area; it becomes a voter when it has the log (@learner is
 *	ignored).  It can replace only a witness, and be replaced only by one
 * @to: TRANSFER, REMOVE, SET: node id
 * @role: SET: what it is to be
 * @deadline: 0: wait for ever
 * @status: 0, -EREMOTE (ask @leader), -ETIMEDOUT, -ENOENT (TRANSFER: no such
 *	voter; REMOVE, SET, JOIN that replaces: no such member),
 *	-EBUSY (it is the last voter with data), -EINPROGRESS (another change is under way),
 *	-EALREADY (it is being replaced), -ETXTBSY (it has the device open for writing),
 *	-EHOSTDOWN (the voters left that can be reached and are complete would be no
 *	majority), -EADDRINUSE (another member has that address), -EPERM (this member
 *	has left the volume), -EOPNOTSUPP (TRANSFER: it is a witness; JOIN that replaces: one of
 *	the two is), -ESTALE (JOIN: the log no longer reaches back to its start, and there
 *	is no params.catchup),
 *	-ENOSPC (too many; RESIZE: the device of @who has room for @room sectors), -EINVAL (an
 *	address of no known family; RESIZE: no multiple of RAFTBLK_BLOCK_SECTORS), -EIO (the member has stopped), -ESHUTDOWN
 *	Of RESIZE also: -EFBIG (no volume is so large), -ERANGE (it would shrink),
 *	-EHOSTDOWN (@who is away), -ESTALE (@who is catching up), -EINPROGRESS (another size is
 *	being asked for), and what preparing its device ended with at @who
 * @who, @room: RESIZE: see there; -ETIMEDOUT: @who has not answered, or is at it and has room
 *	for @room sectors so far
 * @index: the replica's: entry that must be committed
 * @started: the replica's: not TRANSFER: it is in the log, at @index
 * @ctx: the replica's: RESIZE: what the members are asked with
 *
 * JOIN may be repeated: the same incarnation gets the same id, and keeps the role
 * it joined with.  It adds a learner that becomes a voter when it has caught up,
 * unless @learner is set.  REMOVE ends when the member is out.  SET to voter ends when it
 * is noted, the vote comes with catching up; SET to learner when the vote is gone.  REMOVE
 * or SET to learner of the leader: it hands over first, the request ends with -EREMOTE,
 * and is to be repeated there.  RESIZE ends when the new size is in force; it may be repeated,
 * and goes on where it was: what the members have prepared stays.  Ends with
 * RAFTBLK_ACT_CHANGED.
 */
struct raftblk_change {
	enum {
		RAFTBLK_CHANGE_JOIN,
		RAFTBLK_CHANGE_TRANSFER,
		RAFTBLK_CHANGE_REMOVE,
		RAFTBLK_CHANGE_SET,
		RAFTBLK_CHANGE_RESIZE,
	} kind;
	struct raftblk_member member;
	u64 size;
	bool assume_zero;
	bool learner;
	bool witness;
	u32 to;
	enum {
		RAFTBLK_SET_KEEP,
		RAFTBLK_SET_VOTER,
		RAFTBLK_SET_LEARNER,
	} role;
	u64 deadline;
	int status;
	u32 leader;
	u32 who;
	u64 room;
	struct list_head link;
	u64 index;
	bool started;
	u64 ctx;
};

enum raftblk_event_type {
	RAFTBLK_EVENT_ROLE,		/* a: enum raft_role, b: term */
	RAFTBLK_EVENT_LEADER,		/* a: node id or 0, b: term */
	RAFTBLK_EVENT_OWNER,		/* a: node id or 0, b: token */
	RAFTBLK_EVENT_FENCED,		/* a: new owner, 0: none, the vote is gone; the opener here lost its right */
	RAFTBLK_EVENT_CONFIG,		/* b: index */
	RAFTBLK_EVENT_BEHIND,		/* this member is behind the leader's log */
	RAFTBLK_EVENT_FAULT,		/* a: -errno; the member has stopped */
	RAFTBLK_EVENT_PROVEN,		/* lost entries were fetched again; may vote */
	RAFTBLK_EVENT_CATCHUP_BEGIN,	/* b: boundary; this member is incomplete */
	RAFTBLK_EVENT_CATCHUP_SOURCE,	/* a: node id of who is asked for extents */
	RAFTBLK_EVENT_CATCHUP_END,	/* b: applied; complete again */
	RAFTBLK_EVENT_REMOVED,		/* this member has left the volume, and takes no more part */
	RAFTBLK_EVENT_WAITS_FOR_DATA,	/* a: the witness that leads; see raft_waits_for_data() */
	RAFTBLK_EVENT_READ_REPAIRED,	/* b: sector, a: how many: rewritten with what another member has */
	RAFTBLK_EVENT_REPAIR_FAILED,	/* likewise: nobody has it, or it could not be written */
	RAFTBLK_EVENT_VERIFY_DIFFERS,	/* a: node id of who has c sectors from b on otherwise, 0: no majority */
	RAFTBLK_EVENT_VERIFY_END,	/* a: status, b: blocks that differed, c: mended */
	RAFTBLK_EVENT_MENDED,		/* b: sector, a: how many: were other than a majority's */
	RAFTBLK_EVENT_RESIZED,		/* b: sectors; the volume has this size from now on */
	RAFTBLK_EVENT_OLDER_DISK,	/* a: node id that remembers, b: index acknowledged, c: term promised; see raft_recall.c */
};

/**
 * enum raftblk_action_type - what the shell has to do, and the fields that say how
 * @RAFTBLK_ACT_SEND: msg: send; entries of an APPEND: from the log, at once
 *	(take references)
 * @RAFTBLK_ACT_LOG_WRITE: write: encode and write at once, FUA; then _log_written()
 * @RAFTBLK_ACT_LOG_READ: index, entry: read entry.bytes at ring position
 *	entry.pos, check the CRC; then _log_read()
 * @RAFTBLK_ACT_VOTE_WRITE: vote: write to its slot, FUA; then _vote_written()
 * @RAFTBLK_ACT_CKPT_WRITE: ckpt: write to its slot, FUA; then _ckpt_written()
 * @RAFTBLK_ACT_APPLY: index, entry: carry out on the data area (take a
 *	reference); then _applied()
 * @RAFTBLK_ACT_FLUSH: flush the data area; then _flushed()
 * @RAFTBLK_ACT_READ: req: fill it from its segments; then _read_done()
 * @RAFTBLK_ACT_DONE: req: over, see req->status; it is the shell's again
 * @RAFTBLK_ACT_OPENED: open: over
 * @RAFTBLK_ACT_CHANGED: change: over
 * @RAFTBLK_ACT_EVENT: event: tell userspace
 * @RAFTBLK_ACT_VMAP_WRITE: block: raftblk_vmap_encode() it at once, write it to
 *	its slot (no FUA, a flush follows); then _vmap_written()
 * @RAFTBLK_ACT_CHUNK_READ: io: read the chunk, fill io.hash; then _chunk_read()
 * @RAFTBLK_ACT_CHUNK_WRITE: io: write the blocks that differ; then _chunk_written()
 * @RAFTBLK_ACT_CHUNK_SERVE: io: read the chunk and compare; then _chunk_served()
 * @RAFTBLK_ACT_CHUNK_HASH: io: read the chunk, fill io.hash; then _chunk_hashed()
 * @RAFTBLK_ACT_REPAIR_LOOK: io: read the blocks one by one; then _repair_looked()
 * @RAFTBLK_ACT_REPAIR_WRITE: io: write the blocks; then _repair_written()
 * @RAFTBLK_ACT_GROW: grow: make room for a data area of so many sectors: look how large the
 *	device is now, zero what is new and flush (unless it is assumed to be zeros), have both
 *	copies of the superblock say so; then _grown()
 */
enum raftblk_action_type {
	RAFTBLK_ACT_SEND,
	RAFTBLK_ACT_LOG_WRITE,
	RAFTBLK_ACT_LOG_READ,
	RAFTBLK_ACT_VOTE_WRITE,
	RAFTBLK_ACT_CKPT_WRITE,
	RAFTBLK_ACT_APPLY,
	RAFTBLK_ACT_FLUSH,
	RAFTBLK_ACT_READ,
	RAFTBLK_ACT_DONE,
	RAFTBLK_ACT_OPENED,
	RAFTBLK_ACT_CHANGED,
	RAFTBLK_ACT_EVENT,
	RAFTBLK_ACT_VMAP_WRITE,
	RAFTBLK_ACT_CHUNK_READ,
	RAFTBLK_ACT_CHUNK_WRITE,
	RAFTBLK_ACT_CHUNK_SERVE,
	RAFTBLK_ACT_CHUNK_HASH,
	RAFTBLK_ACT_REPAIR_LOOK,
	RAFTBLK_ACT_REPAIR_WRITE,
	RAFTBLK_ACT_GROW,
};

struct raftblk_action {
	enum raftblk_action_type type;
	union {
		struct raftblk_msg msg;
		struct raftblk_log_write *write;
		struct {
			u64 index;
			struct raftblk_entry entry;	/* a copy */
		};
		struct raftblk_vote vote;
		const struct raftblk_ckpt *ckpt;	/* valid until _ckpt_written() */
		struct raftblk_req *req;
		struct raftblk_open *open;
		struct raftblk_change *change;
		u32 block;
		struct raftblk_chunk_io io;
		struct {
			u64 sectors;
			bool assume_zero;
		} grow;
		struct {
			enum raftblk_event_type type;
			s64 a;
			u64 b;
			u64 c;
		} event;
	};
};

/**
 * struct raftblk_replica_params - what can be tuned
 * @cache_bytes: payload of durable entries kept in memory, at most
 * @backlog_bytes: a write is not proposed while more payload than this is
 *	appended and not applied
 * @ckpt_percent: begin a checkpoint when this much of the log is in use
 * @idle_ckpt_ns: or this long after the last apply, so that recovery has
 *	little to do and knows what was durable
 * @io_timeout_ns: 0: requests wait for a majority for ever
 * @catchup: keep a version map; a member behind the log catches up by extents
 * @rate_min: bytes per second that are read for members that catch up although users'
 *	I/O would have to wait; 0: as many as can be
 * @rate_max: and at most so many; 0: any number
 * @repair_ns: a read of what the disk has lost ends with an error if within this time no
 *	member that has it can be reached
 */
struct raftblk_replica_params {
	struct raft_params raft;
	u32 cache_bytes;
	u32 backlog_bytes;
	u32 ckpt_percent;
	u64 idle_ckpt_ns;
	u64 io_timeout_ns;
	bool catchup;
	u64 rate_min;
	u64 rate_max;
	u64 repair_ns;
};

#define RAFTBLK_REPLICA_PARAMS_DEFAULT { \
	.raft = RAFT_PARAMS_DEFAULT, \
	.cache_bytes = 16U << 20, \
	.backlog_bytes = 16U << 20, \
	.ckpt_percent = 40, \
	.idle_ckpt_ns = 500 * RAFTBLK_NSEC_PER_MSEC, \
	.io_timeout_ns = 0, \
	.catchup = false, \
	.rate_min = 4U << 20, \
	.rate_max = 0, \
	.repair_ns = 30 * RAFTBLK_NSEC_PER_SEC, \
}

struct raftblk_pending_event {
	enum raftblk_event_type type;
	s64 a;
	u64 b;
	u64 c;
};

/**
 * struct raftblk_read_gate - whether a read may go to the data area without asking the replica
 * @term: in which this member leads
 * @until: no other leader can have been elected before; 0: closed
 * @clean: the data area is what is committed
 *
 * Taken from the replica by its worker (raftblk_replica_gate()) and left where readers find it.
 * A read that begins while the gate is open sees what it has to: a write that completed before
 * was committed here, or by a leader that there cannot be yet.  For that the gate has to be
 * taken again before anything leaves the replica that shows a write, or the end of the lease:
 * raftblk_action_shows().
 */
struct raftblk_read_gate {
	u64 term;
	u64 until;
	bool clean;
};

/* May a read begin?  @now: read since the request came. */
static inline bool raftblk_gate_is_open(const struct raftblk_read_gate *gate, u64 now)
{
	return gate->clean && now < gate->until;
}

/*
 * What was read since the gate was open in @term: does it count (rule 5)?  The data area may have
 * changed meanwhile: those writes and the read are concurrent.
 */
static inline bool raftblk_gate_confirms(const struct raftblk_read_gate *gate, u64 term, u64 now)
{
	return gate->term == term && now < gate->until;
}

#define RAFTBLK_PENDING_EVENTS	16	/* older ones of the same type are overwritten when full */

/**
 * struct raftblk_grow - making room for a larger data area here
 * @ctx: of the question by which it began
 * @sectors: what the data area is to have
 * @status: how it ended, 0 or -errno
 * @room: sectors that there is room for so far; with -ENOSPC, that there could be
 */
struct raftblk_grow {
	enum {
		RAFTBLK_GROW_IDLE,
		RAFTBLK_GROW_WANTED,
		RAFTBLK_GROW_BUSY,	/* with the shell */
	} state;
	u64 ctx;
	u64 sectors;
	bool assume_zero;
	int status;
	u64 room;
};

/**
 * struct raftblk_replica - one member
 * @super: identity and geometry
 * @raft, @log: see there
 * @now: time of the newest event
 * @busy: something happened since what follows from it was last worked out
 *
 * @volume_sectors: size of the volume as of the applied entries, for the checkpoint
 * @size: as of the committed ones: what users see, and requests are held against; never above
 *	super.data_sectors but on a witness
 * @told_size: what the shell knows of that
 * @grow: see there
 * @resize_ctx: of the newest RESIZE whose members were asked
 * @applied: every entry up to here is in the data area (volatile cache)
 * @apply_next: next entry to hand out for apply
 * @apply_index: entries handed out, @applying of them
 * @applied_config: configuration as of @applied, for the checkpoint
 * @loading: payloads being read from the ring
 * @pin: entries with RAFTBLK_ENTRY_PINNED, @nr_pins of them; let go at @until
 *	at the latest, so that a peer that went away does not hold memory
 * @load_bad: could not be read from the ring for a peer
 * @load_retry_at: nothing is read for peers before
 * @trim_above: trim when more than this is cached
 *
 * @ckpt: the newest durable checkpoint
 * @new_ckpt: the one under way
 * @ckpt_applied: applied index it stands for
 * @ckpt_wanted: the log was full
 * @vmap: version map, NULL without params.catchup
 * @map_next: checkpoint under way: blocks below have been looked at
 * @map_writing: map blocks on their way to disk
 * @proof_pending: recovery found, or others told, that acknowledged entries are lost; until a
 *	checkpoint on disk says so, nothing else may be written or sent
 *
 * @vote_writing: generation handed out, 0: none
 * @vote_single: the newest vote is in one slot only; the other one is to get it too
 *
 * @tracked: entries up to here have been seen in the log
 * @tracked_commit: and up to here as committed
 * @unapplied_bytes: payload of entries in (applied, tracked]
 * @owner_node, @owner_token: owner by the newest committed OWNER entry
 * @log_owner_node, @log_owner_token: by the newest in the log, committed or not
 * @applied_owner_node, @applied_owner_token: as of @applied, for the checkpoint
 *
 * @openers: writers here; @token: what they hold, 0 while none or fenced
 * @fenced: they lost their right; everything ends with EIO until the last has closed
 * @opens: struct raftblk_open, waiting
 * @own_proposed: index of an OWNER entry of ours on its way, 0: none
 * @pull_ctx: of the newest PULL_REQ; @pull_at: when to ask the leader again
 * @release_at: when to tell the leader again that the token is free
 * @lead_since: when this member began to lead (raft_leads())
 * @hand_over_at: not before this is leadership offered to the owner again
 * @changes: struct raftblk_change, waiting
 * @work_config: work space: what init finds, and the configuration JOIN builds
 *
 * @writes: WAITING, oldest first; @proposed: PROPOSED, in order of index
 * @replay_end: entries up to here may have been applied in an earlier life, whatever
 *	@applied says
 * @reads: WAITING or RECHECK; @broken: BROKEN; @planned: to be handed out; @reading: with the shell
 * @done, @opened, @changed: ended, to be handed out
 *
 * @remote_ctx: newest ctx of a READ_REQ; @remote_asked: the one not answered
 *	yet, 0: none; @remote_at: when to ask (again)
 * @catchup, @repair, @verify: see there
 * @peer: what is owed to peers beyond consensus, at most one each way; in the
 *	order of raft.config.member, void when the configuration changes
 * @fault: -errno of what stopped this member
 * @told_role and so on: what the last event of that kind said
 */
struct raftblk_replica {
	struct raftblk_super super;
	struct raftblk_replica_params params;
	struct raftblk_payload_ops ops;
	struct raft raft;
	struct raftblk_log log;
	u64 now;
	bool busy;

	u64 volume_sectors;
	u64 size;
	u64 told_size;
	struct raftblk_grow grow;
	u64 resize_ctx;
	u64 applied;
	u64 apply_next;
	u64 replay_end;
	u64 apply_index[RAFTBLK_APPLY_DEPTH];
	u32 applying;
	u32 loading;
	struct raftblk_config applied_config;
	struct {
		u64 index;
		u64 until;
	} pin[RAFTBLK_PINS + 1];	/* one for what apply waits for */
	u32 nr_pins;
	u64 load_bad;
	u64 load_retry_at;
	u64 trim_above;

	struct raftblk_ckpt ckpt;
	struct raftblk_ckpt new_ckpt;
	enum {
		RAFTBLK_CKPT_IDLE,
		RAFTBLK_CKPT_MAPPING,
		RAFTBLK_CKPT_FLUSHING,
		RAFTBLK_CKPT_WANT_WRITE,
		RAFTBLK_CKPT_WRITING,
	} ckpt_state;
	u64 ckpt_applied;
	bool ckpt_wanted;
	struct raftblk_vmap *vmap;
	u32 map_next;
	u32 map_writing;
	bool proof_pending;
	u64 last_apply_at;

	u64 vote_writing;
	bool vote_single;

	u64 tracked;
	u64 tracked_commit;
	u64 unapplied_bytes;
	u32 owner_node;
	u64 owner_token;
	u32 log_owner_node;
	u64 log_owner_token;
	u32 applied_owner_node;
	u64 applied_owner_token;

	u32 openers;
	u64 token;
	bool fenced;
	struct list_head opens;
	u64 own_proposed;
	u64 pull_ctx;
	u64 pull_at;
	u64 release_at;
	u64 lead_since;
	u64 hand_over_at;
	struct list_head changes;
	struct raftblk_config work_config[RAFT_CONFIG_HISTORY + 1];

	struct list_head writes;
	struct list_head proposed;
	struct list_head reads;
	struct list_head broken;
	struct list_head planned;
	struct list_head reading;
	struct list_head done;
	struct list_head opened;
	struct list_head changed;

	u64 remote_ctx;
	u64 remote_asked;
	u64 remote_at;

	struct {
		bool owe_pull_resp, owe_read_resp;
		u64 pull_ctx, read_ctx, read_round;
		u32 pull_status, pull_owner;
		bool owe_boundary, owe_list;
		u64 boundary_ctx, list_ctx, list_from, list_above, list_need;
		u64 left, left_from, left_above;	/* see list_left() */
		bool owe_mended;
		u64 mended_ctx, mended_chunk;
		u32 mended_status;
		bool owe_grow_resp;
		struct raftblk_grow_answer {
			u64 ctx, ask_at, room;
			u32 status;
		} grow;		/* what it said to the leader */
		u64 grow_ctx, grow_sectors;	/* what it asked */
		bool grow_assume_zero;
	} peer[RAFTBLK_MAX_MEMBERS];
	bool owe_pull_req, owe_read_req, owe_release;
	struct raftblk_catchup catchup;
	struct raftblk_repairs repair;
	struct raftblk_verify verify;

	int fault;
	bool stopping;
	enum raft_role told_role;
	u32 told_leader;
	u64 told_term;
	u32 told_config;
	bool told_leads;
	bool told_behind;
	bool told_older;
	bool told_waits;
	struct raftblk_pending_event event[RAFTBLK_PENDING_EVENTS];
	u32 nr_events;
};

/**
 * raftblk_replica_init() - a member on its recovered disk
 * @slot: zeroed array of @super->max_entries
 * @reader: reads the ring; used only during this call
 * @vmap: loaded; NULL without @params->catchup
 *
 * Reads the ring (may sleep in @reader->read).  @found tells what recovery
 * saw, for the log.
 *
 * A member without a data area (@super->data_sectors is 0) is a witness.  It keeps a map of no
 * extents (@vmap), so that it can be given a boundary.
 *
 * Return: 0 or -errno; -EUCLEAN: also if it is a witness for its configuration and not for
 * its superblock, or the other way round.
 */
int raftblk_replica_init(struct raftblk_replica *rep, const struct raftblk_super *super,
			 const struct raftblk_vote *vote, const struct raftblk_ckpt *ckpt,
			 const struct raftblk_replica_params *params,
			 const struct raftblk_payload_ops *ops,
			 struct raftblk_entry *slot, const struct raftblk_reader *reader,
			 struct raftblk_vmap *vmap, u64 now, u64 seed,
			 struct raftblk_recovered *found);

/* Drops all payload references.  No request, open or change may be left:
 * call raftblk_replica_stop() and drain raftblk_replica_next() first.
 */
void raftblk_replica_exit(struct raftblk_replica *rep);

/**
 * raftblk_replica_stop() - end everything that waits
 *
 * Requests, opens and changes end with -ESHUTDOWN (reads that are with the
 * shell when they come back); no message is sent any more and nothing new is
 * written.  What is being written still completes.
 */
void raftblk_replica_stop(struct raftblk_replica *rep, u64 now);

void raftblk_replica_tick(struct raftblk_replica *rep, u64 now);
u64 raftblk_replica_deadline(const struct raftblk_replica *rep);

/* A message came from an authenticated peer.  Payload references are taken over. */
void raftblk_replica_receive(struct raftblk_replica *rep, u64 now, struct raftblk_msg *m);

/* A new data connection to this peer: what was on its way before is lost. */
void raftblk_replica_connected(struct raftblk_replica *rep, u64 now, u32 id);

void raftblk_replica_submit(struct raftblk_replica *rep, u64 now, struct raftblk_req *req);
void raftblk_replica_open(struct raftblk_replica *rep, u64 now, struct raftblk_open *open);
/* One writer that had been let in (its open ended with status 0) has closed; the
 * last gives the ownership back.  Writes of it that still wait end with -EIO.
 */
void raftblk_replica_close(struct raftblk_replica *rep, u64 now);
void raftblk_replica_change(struct raftblk_replica *rep, u64 now, struct raftblk_change *c);

/* 0: requests wait for ever.  Holds for those that are waiting as well, from @now on. */
void raftblk_replica_set_io_timeout(struct raftblk_replica *rep, u64 now, u64 timeout_ns);

/* See struct raftblk_replica_params; from now on. */
void raftblk_replica_set_rates(struct raftblk_replica *rep, u64 now, u64 rate_min, u64 rate_max);

/* Ends of actions.  @status: 0 or -errno; a failed write stops the member. */
void raftblk_replica_log_written(struct raftblk_replica *rep, u64 now, u64 id, int status);
void raftblk_replica_log_read(struct raftblk_replica *rep, u64 now, u64 index, u64 term,
			      struct raftblk_payload *p, int status);
void raftblk_replica_vote_written(struct raftblk_replica *rep, u64 now, u64 generation,
				  int status);
void raftblk_replica_ckpt_written(struct raftblk_replica *rep, u64 now, int status);
void raftblk_replica_applied(struct raftblk_replica *rep, u64 now, u64 index, int status);
void raftblk_replica_flushed(struct raftblk_replica *rep, u64 now, int status);
void raftblk_replica_read_done(struct raftblk_replica *rep, u64 now,
			       struct raftblk_req *req, int status);
void raftblk_replica_vmap_written(struct raftblk_replica *rep, u64 now, int status);

/* @id: of the action.  A chunk that cannot be read has unknown hashes; one that
 * cannot be read for another member is that one's loss; a failed write stops this one.
 */
void raftblk_replica_chunk_read(struct raftblk_replica *rep, u64 now, u32 id);
void raftblk_replica_chunk_written(struct raftblk_replica *rep, u64 now, u32 id, int status);
void raftblk_replica_chunk_served(struct raftblk_replica *rep, u64 now, u32 id,
				  const struct raftblk_chunk_diff *diff, int status);

/* Without memory, or where the chunk cannot be read, there is no answer for now. */
void raftblk_replica_chunk_hashed(struct raftblk_replica *rep, u64 now, u32 id, int status);

/**
 * raftblk_replica_verify() - begin to compare all members
 * @repair: mend what differs
 *
 * Return: 0; -EREMOTE: this member does not lead, or has no data; -EALREADY: it is under way;
 * -EBUSY: a member is catching up, or about to; -ENODEV: there is no other member with data;
 * -EOPNOTSUPP: no version map.
 */
int raftblk_replica_verify(struct raftblk_replica *rep, u64 now, bool repair);

/* 0, or -ENOENT: none is under way. */
int raftblk_replica_verify_stop(struct raftblk_replica *rep, u64 now);

void raftblk_replica_verify_progress(const struct raftblk_replica *rep,
				     struct raftblk_verify_progress *p);

/* @id: of the action.  @bad: bit i: block i cannot be read. */
void raftblk_replica_repair_looked(struct raftblk_replica *rep, u64 now, u32 id, u64 bad);
/* A block that cannot be written does not stop the member: it had been lost already. */
void raftblk_replica_repair_written(struct raftblk_replica *rep, u64 now, u32 id, int status);
/* RAFTBLK_ACT_GROW has come so far: the data area could have @sectors. */
void raftblk_replica_grow_moved(struct raftblk_replica *rep, u64 now, u64 sectors);

/**
 * raftblk_replica_grown() - the end of RAFTBLK_ACT_GROW
 * @status: 0; -ENOSPC: the device is too small; or another -errno
 * @room: -ENOSPC: sectors that the data area could have
 * @version, @block: with status 0 and a version map: see raftblk_vmap_grow()
 */
void raftblk_replica_grown(struct raftblk_replica *rep, u64 now, int status, u64 room,
			   u64 *version, struct raftblk_vmap_block *block);

/**
 * raftblk_replica_next() - the next thing to do
 * @ready: see raft_poll()
 * Return: false when there is nothing more for now.
 */
bool raftblk_replica_next(struct raftblk_replica *rep, u64 now, u32 ready,
			  struct raftblk_action *a);

/*
 * Can anybody outside see by it that something has changed?  Before that the gate is taken.  APPLY:
 * nobody may wait for its write any more, as after a time-out; but while it is on its way the lower
 * device may return what was there before or what comes after, and so first this and then that.
 */
static inline bool raftblk_action_shows(const struct raftblk_action *a)
{
	return a->type == RAFTBLK_ACT_SEND || a->type == RAFTBLK_ACT_DONE ||
	       a->type == RAFTBLK_ACT_OPENED || a->type == RAFTBLK_ACT_CHANGED ||
	       a->type == RAFTBLK_ACT_EVENT || a->type == RAFTBLK_ACT_APPLY;
}

/* As it stands, for reads that go past the replica. */
void raftblk_replica_gate(const struct raftblk_replica *rep, struct raftblk_read_gate *gate);

/**
 * raftblk_replica_removed() - a peer says that this member is none any more
 *
 * To be called when a handshake ends so.  Whoever says it has a committed configuration
 * (raft_has_left()), and an id does not come back, so it is true for good.  It is not
 * noted on disk: after a restart it is to be told again.
 */
void raftblk_replica_removed(struct raftblk_replica *rep, u64 now);

/* How far catching up is. */
void raftblk_replica_progress(const struct raftblk_replica *rep, u64 now,
			      struct raftblk_catchup_progress *p);

/* Leads, with the own term's no-op committed, and the device may be written here. */
bool raftblk_replica_is_writer(const struct raftblk_replica *rep);

#endif /* RAFTBLK_REPLICA_H */
