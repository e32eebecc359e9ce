/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* Made by userspace/gen/specgen from Documentation/netlink/raftblk.yaml; do not edit. */
/*
 * Control of replicated volumes.  A volume is named by its name or by the minor
 * number of its block device, never by both.  Sizes are in bytes, times in
 * milliseconds.  Every refusal says why in an extended ack.
 *
 * A command that waits for a disk or for other machines is a dump (NLM_F_DUMP)
 * although it changes something: what is asked for is done while its answer is
 * received, so that nothing of the system is locked meanwhile.  The first message
 * has no attributes and means nothing; then comes the answer, if there is one, and
 * the end of the dump, with the error if it failed.  Who does not receive has
 * asked for nothing.
 */
#ifndef _UAPI_RAFTBLK_H
#define _UAPI_RAFTBLK_H

#define RAFTBLK_FAMILY_NAME	"raftblk"
#define RAFTBLK_FAMILY_VERSION	1

/* The multicast group that has one message per event. */
#define RAFTBLK_MCGRP_EVENTS	"events"

/* TCP port a member listens on where none is given. */
#define RAFTBLK_DEFAULT_PORT	7450

/**
 * enum raftblk_role - What a member is in the current term.
 * @RAFTBLK_ROLE_FOLLOWER: Takes entries from the leader, or waits for one.
 * @RAFTBLK_ROLE_PRECANDIDATE: Asks whether an election could be won.
 * @RAFTBLK_ROLE_CANDIDATE: Asks for votes.
 * @RAFTBLK_ROLE_LEADER: Orders the entries of the log.
 */
enum raftblk_role {
	RAFTBLK_ROLE_FOLLOWER = 0,
	RAFTBLK_ROLE_PRECANDIDATE = 1,
	RAFTBLK_ROLE_CANDIDATE = 2,
	RAFTBLK_ROLE_LEADER = 3,
};

/**
 * enum raftblk_progress - How the leader sends to a member.
 * @RAFTBLK_PROGRESS_PROBE: Looks for the point where the logs match.
 * @RAFTBLK_PROGRESS_STREAM: Entries go out without waiting.
 * @RAFTBLK_PROGRESS_BEHIND: What it needs is no longer in the log.
 */
enum raftblk_progress {
	RAFTBLK_PROGRESS_PROBE = 0,
	RAFTBLK_PROGRESS_STREAM = 1,
	RAFTBLK_PROGRESS_BEHIND = 2,
};

/**
 * enum raftblk_member_flag - The rights of a member.  Where OLD and NEW differ the
 *	configuration is joint.
 * @RAFTBLK_MEMBER_FLAG_OLD: Voter in the outgoing set.
 * @RAFTBLK_MEMBER_FLAG_NEW: Voter in the incoming set.
 * @RAFTBLK_MEMBER_FLAG_PROMOTE: Learner that becomes a voter by itself.
 * @RAFTBLK_MEMBER_FLAG_WITNESS: Has no data area.
 * @RAFTBLK_MEMBER_FLAG_STAYS: Gives its vote up in this change and stays, as a learner.
 */
enum raftblk_member_flag {
	RAFTBLK_MEMBER_FLAG_OLD = 1,
	RAFTBLK_MEMBER_FLAG_NEW = 2,
	RAFTBLK_MEMBER_FLAG_PROMOTE = 4,
	RAFTBLK_MEMBER_FLAG_WITNESS = 8,
	RAFTBLK_MEMBER_FLAG_STAYS = 16,
};

/**
 * enum raftblk_member_change - What is to be changed about a member.
 * @RAFTBLK_MEMBER_CHANGE_REMOVE: It leaves the volume for good.
 * @RAFTBLK_MEMBER_CHANGE_SET: Its address (address) or what it is (part), or both.
 */
enum raftblk_member_change {
	RAFTBLK_MEMBER_CHANGE_REMOVE = 0,
	RAFTBLK_MEMBER_CHANGE_SET = 1,
};

/**
 * enum raftblk_part - What a member is to be.
 * @RAFTBLK_PART_VOTER: Counts for majorities, once it has caught up.
 * @RAFTBLK_PART_LEARNER: An asynchronous copy that never votes.
 */
enum raftblk_part {
	RAFTBLK_PART_VOTER = 0,
	RAFTBLK_PART_LEARNER = 1,
};

/**
 * enum raftblk_event_kind - What happened.
 * @RAFTBLK_EVENT_KIND_UP: The volume was brought up here.
 * @RAFTBLK_EVENT_KIND_DOWN: The volume was taken down here.
 * @RAFTBLK_EVENT_KIND_ROLE: This member's role changed (role, term).
 * @RAFTBLK_EVENT_KIND_LEADER: The leader is another one, or not known (node-id, term).
 * @RAFTBLK_EVENT_KIND_OWNER: The owner is another one, or there is none (node-id, token).
 * @RAFTBLK_EVENT_KIND_FENCED: The openers here lost the right to write (node-id of the new
 *	owner).
 * @RAFTBLK_EVENT_KIND_CONFIG: The membership changed (index).
 * @RAFTBLK_EVENT_KIND_BEHIND: This member needs entries that its leader's log no longer
 *	has.
 * @RAFTBLK_EVENT_KIND_FAULT: This member stopped (error).
 * @RAFTBLK_EVENT_KIND_PROVEN: Entries this member had lost are here again; it stands for
 *	election and votes like any other.
 * @RAFTBLK_EVENT_KIND_CATCHUP_BEGIN: This member's log began anew; it fetches what changed
 *	from others (index of the entry before).
 * @RAFTBLK_EVENT_KIND_CATCHUP_SOURCE: It is another member that is asked from here on
 *	(node-id).
 * @RAFTBLK_EVENT_KIND_CATCHUP_END: All of it is here; this member is like any other again
 *	(index).
 * @RAFTBLK_EVENT_KIND_REMOVED: This member is none any more (index of the configuration it
 *	knows).
 * @RAFTBLK_EVENT_KIND_WAITS_FOR_DATA: The witness that leads (node-id) no longer has what
 *	the members with data that are up lack; I/O waits for another member with data.
 * @RAFTBLK_EVENT_KIND_READ_REPAIRED: Blocks that could not be read were written anew with
 *	what another member has (offset, bytes).
 * @RAFTBLK_EVENT_KIND_REPAIR_FAILED: Blocks that cannot be read could not be written, or
 *	no other member has them (offset, bytes).
 * @RAFTBLK_EVENT_KIND_VERIFY_DIFFERS: On the leader, a member has something else than the
 *	others (node-id, 0 if there is no majority; offset, bytes).
 * @RAFTBLK_EVENT_KIND_VERIFY_END: On the leader, comparing all members is over (error,
 *	differ, mended).
 * @RAFTBLK_EVENT_KIND_MENDED: Blocks here were other than those of a majority, and were
 *	written anew (offset, bytes).
 * @RAFTBLK_EVENT_KIND_RESIZED: The volume has another size, and its block device here
 *	(size).
 * @RAFTBLK_EVENT_KIND_OLDER_DISK: The disk is an older copy of what this member had:
 *	another one (node-id) remembers more of it (term, index; 0 where it knows of no entry).
 */
enum raftblk_event_kind {
	RAFTBLK_EVENT_KIND_UP = 0,
	RAFTBLK_EVENT_KIND_DOWN = 1,
	RAFTBLK_EVENT_KIND_ROLE = 2,
	RAFTBLK_EVENT_KIND_LEADER = 3,
	RAFTBLK_EVENT_KIND_OWNER = 4,
	RAFTBLK_EVENT_KIND_FENCED = 5,
	RAFTBLK_EVENT_KIND_CONFIG = 6,
	RAFTBLK_EVENT_KIND_BEHIND = 7,
	RAFTBLK_EVENT_KIND_FAULT = 8,
	RAFTBLK_EVENT_KIND_PROVEN = 9,
	RAFTBLK_EVENT_KIND_CATCHUP_BEGIN = 10,
	RAFTBLK_EVENT_KIND_CATCHUP_SOURCE = 11,
	RAFTBLK_EVENT_KIND_CATCHUP_END = 12,
	RAFTBLK_EVENT_KIND_REMOVED = 13,
	RAFTBLK_EVENT_KIND_WAITS_FOR_DATA = 14,
	RAFTBLK_EVENT_KIND_READ_REPAIRED = 15,
	RAFTBLK_EVENT_KIND_REPAIR_FAILED = 16,
	RAFTBLK_EVENT_KIND_VERIFY_DIFFERS = 17,
	RAFTBLK_EVENT_KIND_VERIFY_END = 18,
	RAFTBLK_EVENT_KIND_MENDED = 19,
	RAFTBLK_EVENT_KIND_RESIZED = 20,
	RAFTBLK_EVENT_KIND_OLDER_DISK = 21,
};

/**
 * enum raftblk_a_volume - A volume as this member sees it.
 * @RAFTBLK_A_VOLUME_PAD: for alignment
 * @RAFTBLK_A_VOLUME_PATH: The lower device. (string)
 * @RAFTBLK_A_VOLUME_NAME: Name of the volume. (string)
 * @RAFTBLK_A_VOLUME_MINOR: Minor number; the block device is /dev/raftblk followed by it.
 *	(u32)
 * @RAFTBLK_A_VOLUME_FORCE: Take down although the device is open; requests that wait end
 *	with an error. (flag)
 * @RAFTBLK_A_VOLUME_UUID: The volume's UUID. (binary)
 * @RAFTBLK_A_VOLUME_KEY: The secret that members know each other by. (binary)
 * @RAFTBLK_A_VOLUME_TO: Node id of the member to hand leadership to, or that is to be
 *	changed. (u32)
 * @RAFTBLK_A_VOLUME_IO_TIMEOUT: Requests that wait this long for a majority fail; 0, they
 *	wait for ever. (u32)
 * @RAFTBLK_A_VOLUME_QUORUM_READS: 1, confirm every read with a majority; 0, use the
 *	leader's lease. (u8)
 * @RAFTBLK_A_VOLUME_SIZE: Size of the volume. (u64)
 * @RAFTBLK_A_VOLUME_BLOCK_SIZE: Logical block size. (u32)
 * @RAFTBLK_A_VOLUME_NODE_ID: This member. (u32)
 * @RAFTBLK_A_VOLUME_ROLE: enum raftblk_role. (u32)
 * @RAFTBLK_A_VOLUME_TERM: (u64)
 * @RAFTBLK_A_VOLUME_LEADER: Node id of the leader, 0 if not known. (u32)
 * @RAFTBLK_A_VOLUME_OWNER: Node id of the owner, 0 for none. (u32)
 * @RAFTBLK_A_VOLUME_OWNER_TOKEN: Index of the entry that made it so. (u64)
 * @RAFTBLK_A_VOLUME_OPENERS: How often the device is open for writing here. (u32)
 * @RAFTBLK_A_VOLUME_FENCED: 1 if the openers here lost their right to write and must
 *	close. (u8)
 * @RAFTBLK_A_VOLUME_QUORUM: 1 if a majority answers; for a member that does not lead, if
 *	it knows a leader. (u8)
 * @RAFTBLK_A_VOLUME_COMMIT: Highest index known durable on a majority. (u64)
 * @RAFTBLK_A_VOLUME_APPLIED: Every entry up to here is in the data area. (u64)
 * @RAFTBLK_A_VOLUME_FIRST: Lowest index in the log. (u64)
 * @RAFTBLK_A_VOLUME_LAST: Highest index in the log. (u64)
 * @RAFTBLK_A_VOLUME_DURABLE: Highest index on this member's stable storage. (u64)
 * @RAFTBLK_A_VOLUME_CHECKPOINT: Index of the durable checkpoint. (u64)
 * @RAFTBLK_A_VOLUME_LOG_SIZE: Size of the ring. (u64)
 * @RAFTBLK_A_VOLUME_LOG_USAGE: Percent of the log that cannot be reused before the next
 *	checkpoint. (u32)
 * @RAFTBLK_A_VOLUME_PROOF: 0, or this member lost entries up to here that it may have
 *	acknowledged. Until it has them again it does not stand for election, and votes only for
 *	a member that cannot lack them: one whose log reaches as far, or without which there is
 *	no majority. 2^62: the disk is an older copy, and nobody knows how far it is behind.
 *	(u64)
 * @RAFTBLK_A_VOLUME_FAULT: The member has stopped; negative errno. (s32)
 * @RAFTBLK_A_VOLUME_BEHIND: 1 if this member needs entries that the leader's log no longer
 *	has. (u8)
 * @RAFTBLK_A_VOLUME_CONFIG_INDEX: Index of the entry that set the membership. (u64)
 * @RAFTBLK_A_VOLUME_STATS: Counters since the volume came up here. Nest of
 *	RAFTBLK_A_STATS_*. (nest)
 * @RAFTBLK_A_VOLUME_MEMBER: One for each member. Nest of RAFTBLK_A_MEMBER_*. (nest)
 * @RAFTBLK_A_VOLUME_EXTENT_SIZE: Size of the extents whose changes are noted. 0 if this
 *	member keeps no version map: it cannot catch up once it is behind the leader's log.
 *	(u32)
 * @RAFTBLK_A_VOLUME_CATCHUP: Only while this member is incomplete. Nest of
 *	RAFTBLK_A_CATCHUP_*. (nest)
 * @RAFTBLK_A_VOLUME_RATE_MIN: Bytes per second that are read here for members that catch
 *	up although users' I/O has to wait for it. (u64)
 * @RAFTBLK_A_VOLUME_RATE_MAX: And at most so many; 0, no limit. (u64)
 * @RAFTBLK_A_VOLUME_MEMBER_CHANGE: What is to be changed about the member. enum
 *	raftblk_member_change. (u32)
 * @RAFTBLK_A_VOLUME_PART: What the member is to be. enum raftblk_part. (u32)
 * @RAFTBLK_A_VOLUME_ADDRESS: Where the member is from now on. Nest of RAFTBLK_A_ADDRESS_*.
 *	(nest)
 * @RAFTBLK_A_VOLUME_REMOVED: 1 if this member was removed from the volume; it does nothing
 *	any more. (u8)
 * @RAFTBLK_A_VOLUME_WAITS_FOR_DATA: 1 if a witness leads, to no avail: this member is that
 *	witness, or one with data that lacks what the witness no longer has. I/O waits for
 *	another member with data. (u8)
 * @RAFTBLK_A_VOLUME_REPAIR: Mend what differs from a majority. (flag)
 * @RAFTBLK_A_VOLUME_STOP: End it. (flag)
 * @RAFTBLK_A_VOLUME_VERIFY: Only where all members were compared since this one came up.
 *	Nest of RAFTBLK_A_VERIFY_*. (nest)
 * @RAFTBLK_A_VOLUME_ASSUME_ZERO: What the lower devices have behind the data area holds
 *	zeros already. (flag)
 * @RAFTBLK_A_VOLUME_RESIZE_ERROR: Why resize-member keeps the volume from growing;
 *	negative errno. ENOSPC, its device is too small; EHOSTDOWN, it is away; ESTALE, it is
 *	catching up; ETIMEDOUT, it is making room, and is to be asked again. (s32)
 * @RAFTBLK_A_VOLUME_RESIZE_MEMBER: Node id of that member. (u32)
 * @RAFTBLK_A_VOLUME_RESIZE_ROOM: Size that it has, or with ENOSPC could have, room for.
 *	(u64)
 */
enum raftblk_a_volume {
	RAFTBLK_A_VOLUME_PAD = 1,
	RAFTBLK_A_VOLUME_PATH,
	RAFTBLK_A_VOLUME_NAME,
	RAFTBLK_A_VOLUME_MINOR,
	RAFTBLK_A_VOLUME_FORCE,
	RAFTBLK_A_VOLUME_UUID,
	RAFTBLK_A_VOLUME_KEY,
	RAFTBLK_A_VOLUME_TO,
	RAFTBLK_A_VOLUME_IO_TIMEOUT,
	RAFTBLK_A_VOLUME_QUORUM_READS,
	RAFTBLK_A_VOLUME_SIZE,
	RAFTBLK_A_VOLUME_BLOCK_SIZE,
	RAFTBLK_A_VOLUME_NODE_ID,
	RAFTBLK_A_VOLUME_ROLE,
	RAFTBLK_A_VOLUME_TERM,
	RAFTBLK_A_VOLUME_LEADER,
	RAFTBLK_A_VOLUME_OWNER,
	RAFTBLK_A_VOLUME_OWNER_TOKEN,
	RAFTBLK_A_VOLUME_OPENERS,
	RAFTBLK_A_VOLUME_FENCED,
	RAFTBLK_A_VOLUME_QUORUM,
	RAFTBLK_A_VOLUME_COMMIT,
	RAFTBLK_A_VOLUME_APPLIED,
	RAFTBLK_A_VOLUME_FIRST,
	RAFTBLK_A_VOLUME_LAST,
	RAFTBLK_A_VOLUME_DURABLE,
	RAFTBLK_A_VOLUME_CHECKPOINT,
	RAFTBLK_A_VOLUME_LOG_SIZE,
	RAFTBLK_A_VOLUME_LOG_USAGE,
	RAFTBLK_A_VOLUME_PROOF,
	RAFTBLK_A_VOLUME_FAULT,
	RAFTBLK_A_VOLUME_BEHIND,
	RAFTBLK_A_VOLUME_CONFIG_INDEX,
	RAFTBLK_A_VOLUME_STATS,
	RAFTBLK_A_VOLUME_MEMBER,
	RAFTBLK_A_VOLUME_EXTENT_SIZE,
	RAFTBLK_A_VOLUME_CATCHUP,
	RAFTBLK_A_VOLUME_RATE_MIN,
	RAFTBLK_A_VOLUME_RATE_MAX,
	RAFTBLK_A_VOLUME_MEMBER_CHANGE,
	RAFTBLK_A_VOLUME_PART,
	RAFTBLK_A_VOLUME_ADDRESS,
	RAFTBLK_A_VOLUME_REMOVED,
	RAFTBLK_A_VOLUME_WAITS_FOR_DATA,
	RAFTBLK_A_VOLUME_REPAIR,
	RAFTBLK_A_VOLUME_STOP,
	RAFTBLK_A_VOLUME_VERIFY,
	RAFTBLK_A_VOLUME_ASSUME_ZERO,
	RAFTBLK_A_VOLUME_RESIZE_ERROR,
	RAFTBLK_A_VOLUME_RESIZE_MEMBER,
	RAFTBLK_A_VOLUME_RESIZE_ROOM,

	__RAFTBLK_A_VOLUME_MAX,
	RAFTBLK_A_VOLUME_MAX = (__RAFTBLK_A_VOLUME_MAX - 1)
};

/**
 * enum raftblk_a_verify - How comparing all members goes, or went; on the member that led.
 * @RAFTBLK_A_VERIFY_PAD: for alignment
 * @RAFTBLK_A_VERIFY_RUNNING: 1 while it is under way. (u8)
 * @RAFTBLK_A_VERIFY_STATUS: How it ended; 0 if all was compared, ECANCELED if it was
 *	stopped, EREMOTE if leadership moved (negative). (s32)
 * @RAFTBLK_A_VERIFY_DONE: Bytes of the volume that it has gone through. (u64)
 * @RAFTBLK_A_VERIFY_TOTAL: Bytes of the volume. (u64)
 * @RAFTBLK_A_VERIFY_DIFFER: Blocks of 4 KiB that a member has otherwise than the others.
 *	(u64)
 * @RAFTBLK_A_VERIFY_MENDED: Of these, blocks that were mended and are the same now. (u64)
 * @RAFTBLK_A_VERIFY_SKIPPED: Bytes that could not be compared, because they were written
 *	to all the time or could not be read. (u64)
 * @RAFTBLK_A_VERIFY_IN_PART: Bytes that were compared without a member that could not be
 *	reached. (u64)
 * @RAFTBLK_A_VERIFY_FINDING: What differs; the first 64 ranges. Nest of
 *	RAFTBLK_A_FINDING_*. (nest)
 */
enum raftblk_a_verify {
	RAFTBLK_A_VERIFY_PAD = 1,
	RAFTBLK_A_VERIFY_RUNNING,
	RAFTBLK_A_VERIFY_STATUS,
	RAFTBLK_A_VERIFY_DONE,
	RAFTBLK_A_VERIFY_TOTAL,
	RAFTBLK_A_VERIFY_DIFFER,
	RAFTBLK_A_VERIFY_MENDED,
	RAFTBLK_A_VERIFY_SKIPPED,
	RAFTBLK_A_VERIFY_IN_PART,
	RAFTBLK_A_VERIFY_FINDING,

	__RAFTBLK_A_VERIFY_MAX,
	RAFTBLK_A_VERIFY_MAX = (__RAFTBLK_A_VERIFY_MAX - 1)
};

/**
 * enum raftblk_a_finding - A range that one member has otherwise than the others.
 * @RAFTBLK_A_FINDING_PAD: for alignment
 * @RAFTBLK_A_FINDING_NODE_ID: Who; 0 if there is no majority that has the same. (u32)
 * @RAFTBLK_A_FINDING_OFFSET: In the volume. (u64)
 * @RAFTBLK_A_FINDING_BYTES: (u64)
 * @RAFTBLK_A_FINDING_MENDED: 1 if it is the same now. (u8)
 */
enum raftblk_a_finding {
	RAFTBLK_A_FINDING_PAD = 1,
	RAFTBLK_A_FINDING_NODE_ID,
	RAFTBLK_A_FINDING_OFFSET,
	RAFTBLK_A_FINDING_BYTES,
	RAFTBLK_A_FINDING_MENDED,

	__RAFTBLK_A_FINDING_MAX,
	RAFTBLK_A_FINDING_MAX = (__RAFTBLK_A_FINDING_MAX - 1)
};

/**
 * enum raftblk_a_catchup - How far a member is that fetches what changed while it was
 *	behind the leader's log.
 * @RAFTBLK_A_CATCHUP_PAD: for alignment
 * @RAFTBLK_A_CATCHUP_SOURCE: Node id of the member that is asked, 0 for none yet. (u32)
 * @RAFTBLK_A_CATCHUP_DONE: Compared and, where it differed, copied since this began or
 *	since the member came up, in bytes. (u64)
 * @RAFTBLK_A_CATCHUP_TOTAL: The same and what is left; 0 if that is not known yet. Once it
 *	is reached entries of the log follow. (u64)
 * @RAFTBLK_A_CATCHUP_RECEIVED: Bytes of content received for it; where nothing differs
 *	none are. (u64)
 * @RAFTBLK_A_CATCHUP_RATE: By which done grew in the last seconds, in bytes per second;
 *	not in the first one. (u64)
 * @RAFTBLK_A_CATCHUP_LEFT_MS: How long what is left will take at that rate, in ms; not if
 *	nobody knows. (u64)
 */
enum raftblk_a_catchup {
	RAFTBLK_A_CATCHUP_PAD = 1,
	RAFTBLK_A_CATCHUP_SOURCE,
	RAFTBLK_A_CATCHUP_DONE,
	RAFTBLK_A_CATCHUP_TOTAL,
	RAFTBLK_A_CATCHUP_RECEIVED,
	RAFTBLK_A_CATCHUP_RATE,
	RAFTBLK_A_CATCHUP_LEFT_MS,

	__RAFTBLK_A_CATCHUP_MAX,
	RAFTBLK_A_CATCHUP_MAX = (__RAFTBLK_A_CATCHUP_MAX - 1)
};

/**
 * enum raftblk_a_address - Where a member listens.
 * @RAFTBLK_A_ADDRESS_IP: 4 bytes of IPv4 or 16 of IPv6, network byte order. (binary)
 * @RAFTBLK_A_ADDRESS_PORT: TCP port, host byte order. (u16)
 */
enum raftblk_a_address {
	RAFTBLK_A_ADDRESS_IP = 1,
	RAFTBLK_A_ADDRESS_PORT,

	__RAFTBLK_A_ADDRESS_MAX,
	RAFTBLK_A_ADDRESS_MAX = (__RAFTBLK_A_ADDRESS_MAX - 1)
};

/**
 * enum raftblk_a_member - A member of a volume; everything from progress on only where it
 *	is known.
 * @RAFTBLK_A_MEMBER_PAD: for alignment
 * @RAFTBLK_A_MEMBER_ID: (u32)
 * @RAFTBLK_A_MEMBER_FLAGS: enum raftblk_member_flag. (u32)
 * @RAFTBLK_A_MEMBER_ADDRESS: Nest of RAFTBLK_A_ADDRESS_*. (nest)
 * @RAFTBLK_A_MEMBER_INCARNATION: UUID of the member's disk. (binary)
 * @RAFTBLK_A_MEMBER_SELF: 1 for the member that answers. (u8)
 * @RAFTBLK_A_MEMBER_PROGRESS: Leader only. enum raftblk_progress. (u32)
 * @RAFTBLK_A_MEMBER_MATCH: Leader only; highest index known durable there and equal to the
 *	leader's. (u64)
 * @RAFTBLK_A_MEMBER_LAG: Entries it has still to confirm; like lag-bytes and lag-time not
 *	of a member that is incomplete. (u64)
 * @RAFTBLK_A_MEMBER_LAG_BYTES: Payload of those entries. (u64)
 * @RAFTBLK_A_MEMBER_HEARD: How long ago the last message of this term came from it. (u64)
 * @RAFTBLK_A_MEMBER_CONNECTED_CONTROL: (u8)
 * @RAFTBLK_A_MEMBER_CONNECTED_DATA: (u8)
 * @RAFTBLK_A_MEMBER_TX_BYTES: (u64)
 * @RAFTBLK_A_MEMBER_RX_BYTES: (u64)
 * @RAFTBLK_A_MEMBER_TX_MESSAGES: (u64)
 * @RAFTBLK_A_MEMBER_RX_MESSAGES: (u64)
 * @RAFTBLK_A_MEMBER_RECONNECTS: (u64)
 * @RAFTBLK_A_MEMBER_LAST_ERROR: Why the last attempt to connect failed; negative errno.
 *	(s32)
 * @RAFTBLK_A_MEMBER_INCOMPLETE: Leader only; 1 if it says that it is catching up and does
 *	not count for commits. (u8)
 * @RAFTBLK_A_MEMBER_REPLACES: Node id of the member whose place it takes as soon as it has
 *	caught up. (u32)
 * @RAFTBLK_A_MEMBER_LAG_TIME: Leader only; age of the oldest entry it has still to
 *	confirm, in ms. (u64)
 */
enum raftblk_a_member {
	RAFTBLK_A_MEMBER_PAD = 1,
	RAFTBLK_A_MEMBER_ID,
	RAFTBLK_A_MEMBER_FLAGS,
	RAFTBLK_A_MEMBER_ADDRESS,
	RAFTBLK_A_MEMBER_INCARNATION,
	RAFTBLK_A_MEMBER_SELF,
	RAFTBLK_A_MEMBER_PROGRESS,
	RAFTBLK_A_MEMBER_MATCH,
	RAFTBLK_A_MEMBER_LAG,
	RAFTBLK_A_MEMBER_LAG_BYTES,
	RAFTBLK_A_MEMBER_HEARD,
	RAFTBLK_A_MEMBER_CONNECTED_CONTROL,
	RAFTBLK_A_MEMBER_CONNECTED_DATA,
	RAFTBLK_A_MEMBER_TX_BYTES,
	RAFTBLK_A_MEMBER_RX_BYTES,
	RAFTBLK_A_MEMBER_TX_MESSAGES,
	RAFTBLK_A_MEMBER_RX_MESSAGES,
	RAFTBLK_A_MEMBER_RECONNECTS,
	RAFTBLK_A_MEMBER_LAST_ERROR,
	RAFTBLK_A_MEMBER_INCOMPLETE,
	RAFTBLK_A_MEMBER_REPLACES,
	RAFTBLK_A_MEMBER_LAG_TIME,

	__RAFTBLK_A_MEMBER_MAX,
	RAFTBLK_A_MEMBER_MAX = (__RAFTBLK_A_MEMBER_MAX - 1)
};

/**
 * enum raftblk_a_stats - Counters of a volume.
 * @RAFTBLK_A_STATS_PAD: for alignment
 * @RAFTBLK_A_STATS_READS: (u64)
 * @RAFTBLK_A_STATS_READ_BYTES: (u64)
 * @RAFTBLK_A_STATS_WRITES: (u64)
 * @RAFTBLK_A_STATS_WRITE_BYTES: (u64)
 * @RAFTBLK_A_STATS_DISCARDS: (u64)
 * @RAFTBLK_A_STATS_DISCARD_BYTES: (u64)
 * @RAFTBLK_A_STATS_ERRORS: Requests that ended with an error. (u64)
 * @RAFTBLK_A_STATS_LOG_WRITES: Records written to the ring. (u64)
 * @RAFTBLK_A_STATS_LOG_WRITE_BYTES: (u64)
 * @RAFTBLK_A_STATS_LOG_READS: Payloads read back from the ring. (u64)
 * @RAFTBLK_A_STATS_LOG_READ_BYTES: (u64)
 * @RAFTBLK_A_STATS_APPLIES: Entries carried out on the data area. (u64)
 * @RAFTBLK_A_STATS_APPLY_BYTES: (u64)
 * @RAFTBLK_A_STATS_FLUSHES: Of the data area. (u64)
 * @RAFTBLK_A_STATS_VOTES: Written to a vote slot. (u64)
 * @RAFTBLK_A_STATS_CHECKPOINTS: Written to a checkpoint slot. (u64)
 * @RAFTBLK_A_STATS_ROUNDS: Rounds of the volume's worker. (u64)
 * @RAFTBLK_A_STATS_FETCHES: Chunks that came from other members and were written, for
 *	catching up. (u64)
 * @RAFTBLK_A_STATS_FETCH_BYTES: Content received for that. (u64)
 * @RAFTBLK_A_STATS_SERVES: Chunks read and compared for other members that catch up. (u64)
 * @RAFTBLK_A_STATS_SERVE_BYTES: Content that differed there. (u64)
 * @RAFTBLK_A_STATS_REPAIRED: Blocks of 4 KiB that could not be read and were written anew
 *	from another member. (u64)
 * @RAFTBLK_A_STATS_REPAIR_FAILED: Blocks of 4 KiB that could not be read and not be
 *	repaired. (u64)
 */
enum raftblk_a_stats {
	RAFTBLK_A_STATS_PAD = 1,
	RAFTBLK_A_STATS_READS,
	RAFTBLK_A_STATS_READ_BYTES,
	RAFTBLK_A_STATS_WRITES,
	RAFTBLK_A_STATS_WRITE_BYTES,
	RAFTBLK_A_STATS_DISCARDS,
	RAFTBLK_A_STATS_DISCARD_BYTES,
	RAFTBLK_A_STATS_ERRORS,
	RAFTBLK_A_STATS_LOG_WRITES,
	RAFTBLK_A_STATS_LOG_WRITE_BYTES,
	RAFTBLK_A_STATS_LOG_READS,
	RAFTBLK_A_STATS_LOG_READ_BYTES,
	RAFTBLK_A_STATS_APPLIES,
	RAFTBLK_A_STATS_APPLY_BYTES,
	RAFTBLK_A_STATS_FLUSHES,
	RAFTBLK_A_STATS_VOTES,
	RAFTBLK_A_STATS_CHECKPOINTS,
	RAFTBLK_A_STATS_ROUNDS,
	RAFTBLK_A_STATS_FETCHES,
	RAFTBLK_A_STATS_FETCH_BYTES,
	RAFTBLK_A_STATS_SERVES,
	RAFTBLK_A_STATS_SERVE_BYTES,
	RAFTBLK_A_STATS_REPAIRED,
	RAFTBLK_A_STATS_REPAIR_FAILED,

	__RAFTBLK_A_STATS_MAX,
	RAFTBLK_A_STATS_MAX = (__RAFTBLK_A_STATS_MAX - 1)
};

/**
 * enum raftblk_a_join - What a machine that wants to be a member says and is told.
 * @RAFTBLK_A_JOIN_PAD: for alignment
 * @RAFTBLK_A_JOIN_REMOTE: Any member of the volume. Nest of RAFTBLK_A_ADDRESS_*. (nest)
 * @RAFTBLK_A_JOIN_LOCAL: Where the new member will listen. Nest of RAFTBLK_A_ADDRESS_*.
 *	(nest)
 * @RAFTBLK_A_JOIN_UUID: The volume's UUID. (binary)
 * @RAFTBLK_A_JOIN_KEY: The volume's key. (binary)
 * @RAFTBLK_A_JOIN_INCARNATION: A new UUID, for the new member's disk. (binary)
 * @RAFTBLK_A_JOIN_NAME: The volume's name. (string)
 * @RAFTBLK_A_JOIN_NODE_ID: The new member's id. (u32)
 * @RAFTBLK_A_JOIN_BLOCK_SIZE: (u32)
 * @RAFTBLK_A_JOIN_SIZE: Size of the volume. (u64)
 * @RAFTBLK_A_JOIN_LOG_SIZE: Size of the leader's ring. (u64)
 * @RAFTBLK_A_JOIN_EXTENT_SIZE: Size of an extent. (u32)
 * @RAFTBLK_A_JOIN_NEXT_ID: Lowest node id never given out. (u32)
 * @RAFTBLK_A_JOIN_MEMBER: The members, with the new one as a learner. Nest of
 *	RAFTBLK_A_MEMBER_*. (nest)
 * @RAFTBLK_A_JOIN_LEARNER: It is to stay a learner, an asynchronous copy that never votes.
 *	(flag)
 * @RAFTBLK_A_JOIN_REPLACES: Node id of the member whose place it is to take, and what that
 *	one is. (u32)
 * @RAFTBLK_A_JOIN_LOOK: Only tell what the volume is like; the machine is not taken in.
 *	(flag)
 * @RAFTBLK_A_JOIN_WITNESS: It has no data area; it votes and keeps the log. (flag)
 */
enum raftblk_a_join {
	RAFTBLK_A_JOIN_PAD = 1,
	RAFTBLK_A_JOIN_REMOTE,
	RAFTBLK_A_JOIN_LOCAL,
	RAFTBLK_A_JOIN_UUID,
	RAFTBLK_A_JOIN_KEY,
	RAFTBLK_A_JOIN_INCARNATION,
	RAFTBLK_A_JOIN_NAME,
	RAFTBLK_A_JOIN_NODE_ID,
	RAFTBLK_A_JOIN_BLOCK_SIZE,
	RAFTBLK_A_JOIN_SIZE,
	RAFTBLK_A_JOIN_LOG_SIZE,
	RAFTBLK_A_JOIN_EXTENT_SIZE,
	RAFTBLK_A_JOIN_NEXT_ID,
	RAFTBLK_A_JOIN_MEMBER,
	RAFTBLK_A_JOIN_LEARNER,
	RAFTBLK_A_JOIN_REPLACES,
	RAFTBLK_A_JOIN_LOOK,
	RAFTBLK_A_JOIN_WITNESS,

	__RAFTBLK_A_JOIN_MAX,
	RAFTBLK_A_JOIN_MAX = (__RAFTBLK_A_JOIN_MAX - 1)
};

/**
 * enum raftblk_a_event - One event; which of the fields are there depends on the type.
 * @RAFTBLK_A_EVENT_PAD: for alignment
 * @RAFTBLK_A_EVENT_TYPE: enum raftblk_event_kind. (u32)
 * @RAFTBLK_A_EVENT_NAME: Name of the volume. (string)
 * @RAFTBLK_A_EVENT_MINOR: Minor number of its block device. (u32)
 * @RAFTBLK_A_EVENT_NODE_ID: (u32)
 * @RAFTBLK_A_EVENT_ROLE: enum raftblk_role. (u32)
 * @RAFTBLK_A_EVENT_TERM: (u64)
 * @RAFTBLK_A_EVENT_TOKEN: (u64)
 * @RAFTBLK_A_EVENT_INDEX: (u64)
 * @RAFTBLK_A_EVENT_ERROR: (s32)
 * @RAFTBLK_A_EVENT_OFFSET: Where in the volume, in bytes. (u64)
 * @RAFTBLK_A_EVENT_BYTES: (u64)
 * @RAFTBLK_A_EVENT_DIFFER: Blocks of 4 KiB. (u64)
 * @RAFTBLK_A_EVENT_MENDED: Of these. (u64)
 * @RAFTBLK_A_EVENT_SIZE: Size of the volume. (u64)
 */
enum raftblk_a_event {
	RAFTBLK_A_EVENT_PAD = 1,
	RAFTBLK_A_EVENT_TYPE,
	RAFTBLK_A_EVENT_NAME,
	RAFTBLK_A_EVENT_MINOR,
	RAFTBLK_A_EVENT_NODE_ID,
	RAFTBLK_A_EVENT_ROLE,
	RAFTBLK_A_EVENT_TERM,
	RAFTBLK_A_EVENT_TOKEN,
	RAFTBLK_A_EVENT_INDEX,
	RAFTBLK_A_EVENT_ERROR,
	RAFTBLK_A_EVENT_OFFSET,
	RAFTBLK_A_EVENT_BYTES,
	RAFTBLK_A_EVENT_DIFFER,
	RAFTBLK_A_EVENT_MENDED,
	RAFTBLK_A_EVENT_SIZE,

	__RAFTBLK_A_EVENT_MAX,
	RAFTBLK_A_EVENT_MAX = (__RAFTBLK_A_EVENT_MAX - 1)
};

/**
 * enum raftblk_cmd - Commands.
 * @RAFTBLK_CMD_UP: Bring up the member whose lower device this is. In: path. Out: name,
 *	minor. Only as a dump: it may wait. Needs CAP_NET_ADMIN.
 * @RAFTBLK_CMD_DOWN: Take a volume down; its lower device is free afterwards. In: name,
 *	minor, force. Only as a dump: it may wait. Needs CAP_NET_ADMIN.
 * @RAFTBLK_CMD_GET: State of one volume, or of all; never the key. In: name, minor. Out:
 *	name, minor, uuid, path, size, block-size, node-id, role, term, leader, owner,
 *	owner-token, openers, fenced, quorum, commit, applied, first, last, durable, checkpoint,
 *	log-size, log-usage, proof, fault, behind, io-timeout, rate-min, rate-max, quorum-reads,
 *	config-index, stats, member, extent-size, catchup, removed, waits-for-data, verify. Also
 *	as a dump.
 * @RAFTBLK_CMD_TOKEN: What a machine needs to be let in. In: name, minor. Out: name, uuid,
 *	key. Needs CAP_NET_ADMIN.
 * @RAFTBLK_CMD_TRANSFER: Hand leadership to another voter; answered when the other leads.
 *	Any member can be asked. In: name, minor, to. Only as a dump: it may wait. Needs
 *	CAP_NET_ADMIN.
 * @RAFTBLK_CMD_SET: Tune a volume, on this member and until it is taken down. In: name,
 *	minor, io-timeout, quorum-reads, rate-min, rate-max. Needs CAP_NET_ADMIN.
 * @RAFTBLK_CMD_VERIFY: Begin to compare the data of all members, or stop that; on the
 *	leader. Answered at once, the state tells how far it is. In: name, minor, repair, stop.
 *	Needs CAP_NET_ADMIN.
 * @RAFTBLK_CMD_MEMBER: Change the membership; answered when the change is committed and
 *	over. Any member can be asked; one that does not lead asks the leader. In: name, minor,
 *	member-change, to, part, address. Only as a dump: it may wait. Needs CAP_NET_ADMIN.
 * @RAFTBLK_CMD_RESIZE: Make the volume larger, when every member has made room for it;
 *	answered when it is. Otherwise the answer says which member keeps it from growing. Any
 *	member can be asked; one that does not lead asks the leader. In: name, minor, size,
 *	assume-zero. Out: size, resize-error, resize-member, resize-room. Only as a dump: it may
 *	wait. Needs CAP_NET_ADMIN.
 * @RAFTBLK_CMD_JOIN: Ask the cluster to take this machine in, as a learner that becomes a
 *	voter or a witness by itself, or stays one. Nothing is written here: the caller formats
 *	the disk with what the answer says and brings it up. In: remote, local, uuid, key,
 *	incarnation, learner, replaces, look, witness. Out: name, uuid, node-id, block-size,
 *	size, log-size, extent-size, next-id, member. Only as a dump: it may wait. Needs
 *	CAP_NET_ADMIN.
 * @RAFTBLK_CMD_EVENT: Something happened to a volume. To group events: type, name, minor,
 *	node-id, role, term, token, index, error, offset, bytes, differ, mended, size.
 */
enum raftblk_cmd {
	RAFTBLK_CMD_UP = 1,
	RAFTBLK_CMD_DOWN,
	RAFTBLK_CMD_GET,
	RAFTBLK_CMD_TOKEN,
	RAFTBLK_CMD_TRANSFER,
	RAFTBLK_CMD_SET,
	RAFTBLK_CMD_VERIFY,
	RAFTBLK_CMD_MEMBER,
	RAFTBLK_CMD_RESIZE,
	RAFTBLK_CMD_JOIN,
	RAFTBLK_CMD_EVENT,

	__RAFTBLK_CMD_MAX,
	RAFTBLK_CMD_MAX = (__RAFTBLK_CMD_MAX - 1)
};

#endif /* _UAPI_RAFTBLK_H */
