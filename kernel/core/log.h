/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log: entries in memory, and the ring of records behind them.
 *
 * The table holds entries [first, last] in an array indexed by the low bits of
 * the index.  An entry is appended to the table, then staged (made part of a
 * record that is written with one I/O), then durable.  Cutting a suffix touches
 * the table only: the next record replaces it on disk (see first_index in
 * struct raftblk_disk_record).
 *
 * Positions are sectors since the volume was made; they only grow.  A position
 * lies at sector pos % ring_sectors of the ring.  [head_pos, tail_pos) is in
 * use.  head_pos moves up when space is needed, never past ckpt_pos, which the
 * durable checkpoint names as the start of replay: nothing recovery needs is
 * ever overwritten.
 */
#ifndef RAFTBLK_LOG_H
#define RAFTBLK_LOG_H

#include "entry.h"
#include "meta.h"

#define RAFTBLK_LOG_WRITES	4	/* records on their way to disk, at most */
#define RAFTBLK_LOG_BATCH_BYTES	(1U << 20)	/* a record with more than one entry has at most this payload */

/**
 * struct raftblk_log_write - one record on its way to disk
 * @id: counts up; completions name it
 * @pos: ring position of the record
 * @prev_crc: header CRC of the record before
 * @first: index of its first entry
 * @nr: number of entries
 * @last: highest index this write still proves: first + nr - 1, lowered when
 *	the log was cut below while the write was on its way
 * @header_bytes: length of header, a multiple of the alignment
 * @payload_bytes: length of the payloads that follow it
 * @pad_bytes: zeros to write behind the payloads, up to the alignment
 * @encoded: raftblk_log_encode() was called
 * @done: completed, waits for the writes before it
 */
struct raftblk_log_write {
	u64 id;
	u64 pos;
	u32 prev_crc;
	u64 first;
	u32 nr;
	u64 last;
	u32 header_bytes;
	u32 payload_bytes;
	u32 pad_bytes;
	bool encoded;
	bool done;
};

/**
 * struct raftblk_log - see above
 * @uuid: stamped on records: incarnation of the member's disk
 * @slot: the table; slot[i & (max_entries - 1)] is entry i
 * @first: lowest index in the table; first == last + 1 when it is empty
 * @last: highest index
 * @base_term: term of entry first - 1
 * @staged: highest index that is part of a record written or being written
 * @durable: highest index that is on stable storage with everything below it
 * @pending_sectors: ring space the entries above @staged will need, at most
 * @commit: told by the replica, for the record headers
 * @ckpt_pos: replay_pos of the durable checkpoint
 * @ckpt_index: applied_index of the durable checkpoint
 * @tail_crc: header CRC of the last staged record
 * @write: records on their way: the one with id i is write[i % RAFTBLK_LOG_WRITES],
 *	the oldest has id next_write_id - nr_writes
 * @cached_bytes: bytes of payload the table holds references to
 * @trim_next: no entry below has a payload in memory that may be dropped
 * @witness: of a member without data: what it forgets others may not get from anywhere
 *	else, see raftblk_log_append()
 * @cut_from: lowest index given to raftblk_log_cut() since the replica last set
 *	this to 0; 0: none.  Requests whose entries were cut are found by it.
 */
struct raftblk_log {
	u8 uuid[16];
	struct raftblk_payload_ops ops;
	u64 ring_sectors;
	u32 align_sectors;
	u32 max_entries;
	struct raftblk_entry *slot;
	u64 first;
	u64 last;
	u64 base_term;
	u64 staged;
	u64 durable;
	u64 pending_sectors;
	u64 commit;
	u64 head_pos;
	u64 tail_pos;
	u64 ckpt_pos;
	u64 ckpt_index;
	u32 tail_crc;
	u64 next_write_id;
	u32 nr_writes;
	struct raftblk_log_write write[RAFTBLK_LOG_WRITES];
	u64 cached_bytes;
	u64 trim_next;
	bool witness;
	u64 cut_from;
};

/**
 * raftblk_log_init() - an empty log behind entry 0
 * @slot: zeroed array of @s->max_entries, the caller's
 */
void raftblk_log_init(struct raftblk_log *log, const struct raftblk_super *s,
		      const struct raftblk_payload_ops *ops, struct raftblk_entry *slot);

/* Sector of the ring at which a position lies. */
static inline u64 raftblk_log_sector(const struct raftblk_log *log, u64 pos)
{
	u64 sector;

	div64_u64_rem(pos, log->ring_sectors, &sector);
	return sector;
}

/* Everything in the ring below this position is on stable storage: evidence
 * for recovery, goes into votes and checkpoints.
 */
u64 raftblk_log_durable_pos(const struct raftblk_log *log);

/* Length of a record's header with @nr descriptors. */
static inline u32 raftblk_record_header_sectors(u32 nr, u32 align_sectors)
{
	u32 bytes = sizeof(struct raftblk_disk_record) + nr * sizeof(struct raftblk_disk_desc);

	return round_up(DIV_ROUND_UP(bytes, 512), align_sectors);
}

/* Drop every payload reference.  The table stays the caller's. */
void raftblk_log_exit(struct raftblk_log *log);

/* The entry at @index, or NULL outside [first, last]. */
struct raftblk_entry *raftblk_log_entry(struct raftblk_log *log, u64 index);

/* Term of the entry at @index, first - 1 <= index <= last; 0 outside. */
u64 raftblk_log_term(const struct raftblk_log *log, u64 index);

/**
 * raftblk_log_append() - put an entry behind the last one
 * @e: term, token, sector, nsect, bytes, crc, op and payload are taken over.
 *	On success the log takes over the caller's reference to the payload.
 *
 * Makes room by forgetting retained entries below the checkpoint.  On a witness data makes
 * an eighth of the log more, and nothing else uses that: so as long as nobody writes it
 * forgets nothing, however often it is elected (up to an eighth of the ring and the table).
 *
 * Return: 0, or -ENOSPC where ring or table are full up to the checkpoint;
 * then nothing changed and the reference stays the caller's.
 */
int raftblk_log_append(struct raftblk_log *log, const struct raftblk_entry *e);

/* Room for an entry of @bytes without raftblk_log_append() returning -ENOSPC? */
bool raftblk_log_has_room(const struct raftblk_log *log, u32 bytes);

/* Likewise, and then an eighth is left for what leaders have to append. */
bool raftblk_log_has_spare_room(const struct raftblk_log *log, u32 bytes);

/**
 * raftblk_log_cut() - remove the entries from @index on
 *
 * Lowers staged and durable, and what writes on their way prove: a completion
 * that comes in late says nothing about the entries that replace the cut ones.
 * The caller has checked that nothing committed is cut.  Notes the lowest cut in
 * @log->cut_from.
 */
void raftblk_log_cut(struct raftblk_log *log, u64 index);

/**
 * raftblk_log_reset() - an empty log behind the entry (@index, @term)
 *
 * Drops all entries with their payloads.  What was in the ring stays there until it
 * is overwritten; the next record follows at the tail.  The checkpoint on disk
 * must name the tail as the start of replay by then, and no write may be on its way.
 */
void raftblk_log_reset(struct raftblk_log *log, u64 index, u64 term);

/**
 * raftblk_log_next_write() - stage a record
 *
 * Batches what has been appended since, as far as limits allow.  A payload that
 * is no multiple of the alignment is the last of its record, so that each starts
 * aligned and can be read back alone.  Entries whose
 * payload is not in memory cannot occur here: the log holds payloads at least
 * until they are durable.
 *
 * Return: the write, valid until it completes, or NULL: nothing to write, or
 * RAFTBLK_LOG_WRITES are on their way.
 */
struct raftblk_log_write *raftblk_log_next_write(struct raftblk_log *log);

/**
 * raftblk_log_encode() - the header of a staged record
 * @buf: @w->header_bytes
 *
 * To be called once per write, at once: before anything is cut, and before the
 * next raftblk_log_next_write(), which returns NULL otherwise: the next record
 * names this one's CRC.
 */
void raftblk_log_encode(struct raftblk_log *log, struct raftblk_log_write *w, void *buf);

/**
 * raftblk_log_written() - a write is on stable storage (FUA or flushed)
 *
 * Writes may complete in any order; durable moves when all before it are done.
 *
 * Return: true if log->durable moved.
 */
bool raftblk_log_written(struct raftblk_log *log, u64 id);

/* Drop cached payloads of durable entries, oldest first, down to @budget bytes
 * in all.  Spares entries with RAFTBLK_ENTRY_LOADING, _APPLYING or _PINNED set.
 */
void raftblk_log_trim_cache(struct raftblk_log *log, u64 budget);

/* Give an entry its payload back, read from the ring; takes over the reference
 * unless it returns false (entry gone, replaced, or has one already).
 */
bool raftblk_log_set_payload(struct raftblk_log *log, u64 index, u64 term,
			     struct raftblk_payload *p);

/* Where a checkpoint of @applied would have recovery start. */
u64 raftblk_log_replay_pos(const struct raftblk_log *log, u64 applied);

/**
 * raftblk_log_ckpt_fill() - the log's part of a new checkpoint
 * @applied: applied and flushed up to here
 *
 * Sets applied_index, applied_term, replay_*, retain_*, durable_index and
 * durable_pos.
 */
void raftblk_log_ckpt_fill(const struct raftblk_log *log, u64 applied,
			   struct raftblk_ckpt *ckpt);

/* @ckpt is on stable storage: the ring below its replay_pos may be reused. */
void raftblk_log_ckpt_done(struct raftblk_log *log, const struct raftblk_ckpt *ckpt);

/* Share of the ring and of the table that cannot be reused before the next
 * checkpoint, in percent; the larger of both.
 */
u32 raftblk_log_usage(const struct raftblk_log *log);

/**
 * struct raftblk_reader - how recovery reads the ring
 * @read: read @nsect sectors at sector @sector of the ring (not of the device;
 *	never over its end) into @buf; may sleep; 0 or -errno
 * @buf: work space
 * @buf_bytes: its size, at least 64 KiB and a multiple of 4096
 *
 * The caller has flushed the device's write cache before: what recovery reads
 * counts as durable from then on, and may be acknowledged.
 */
struct raftblk_reader {
	int (*read)(void *ctx, u64 sector, u32 nsect, void *buf);
	void *ctx;
	void *buf;
	u32 buf_bytes;
};

/**
 * struct raftblk_recovered - what recovery found
 * @torn: a torn tail was cut, or what is left of one still lies behind the end
 * @corrupt_index: 0, or the first index that was durable and did not read back
 * @proof_index: 0, or see struct raftblk_disk_ckpt; the caller has to make it
 *	durable (in a checkpoint) before anything is written to the ring
 * @records: records read
 * @discarded: retained records were unreadable and were dropped
 * @why: a sentence about @corrupt_index
 */
struct raftblk_recovered {
	bool torn;
	u64 corrupt_index;
	u64 proof_index;
	u64 records;
	bool discarded;
	const char *why;
};

/**
 * raftblk_log_recover() - rebuild the table from the ring
 * @log: fresh from raftblk_log_init()
 * @ckpt: the newest valid checkpoint
 * @vote: the newest valid vote, for its durable_pos and durable_index
 * @config_fn: called for each CONFIG entry above applied_index, in order, with
 *	its payload (RAFTBLK_CONFIG_BYTES, CRC checked), and for a cut with
 *	@payload NULL: forget configurations from @index on
 *
 * Walks from retain_pos, or from the first record behind it from which
 * replay_pos can be reached, or from replay_pos.  A record counts if its CRC,
 * uuid, pos, prev_crc and every descriptor check, and the CRC of each payload
 * above applied_index.  At the first one that does not, evidence decides: the
 * durable_pos of checkpoint and vote, and of any valid record found further on
 * in this lap.  At or above all of it: a torn tail, cut.  Below: corruption; the
 * log ends before it and proof_index says how far the loss may reach.
 *
 * After a corruption the records behind it stay in the ring until they are
 * overwritten: a torn tail among them is taken for corruption as well, which is
 * the safe side.
 *
 * Payloads are not kept in memory; rec_pos and pos say where they are.
 * An unreadable sector (read() returns -EIO, -ENODATA or -EILSEQ) is treated as
 * a bad record.
 *
 * Return: 0, or -errno where no log can be built: -EUCLEAN (the checkpoint does
 * not fit the ring, or the log the table), -EINVAL (@rd), or what else read()
 * returned.
 */
int raftblk_log_recover(struct raftblk_log *log, const struct raftblk_ckpt *ckpt,
			const struct raftblk_vote *vote, const struct raftblk_reader *rd,
			void (*config_fn)(void *ctx, u64 index, const void *payload),
			void *config_ctx, struct raftblk_recovered *out);

/* May the 512 bytes at @d be the beginning of a record of @uuid?  If so its
 * header_sectors can be believed to be within RAFTBLK_RECORD_HEADER_MAX.
 */
bool raftblk_record_plausible(const struct raftblk_disk_record *d, const u8 *uuid,
			      u32 align_sectors);

/* Is there a whole header of a record of @uuid in the RAFTBLK_RECORD_HEADER_MAX
 * bytes at @d?  Says nothing about its position, descriptors or payloads.
 */
bool raftblk_record_check(const struct raftblk_disk_record *d, const u8 *uuid,
			  u32 align_sectors);

#endif /* RAFTBLK_LOG_H */
