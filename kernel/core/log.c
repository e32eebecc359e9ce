// SPDX-License-Identifier: GPL-2.0
/* The log in memory: append, cut, stage, complete, checkpoint. */
#include "crc.h"
#include "log.h"

static_assert(sizeof(struct raftblk_disk_record) == 80, "struct raftblk_disk_record");
static_assert(sizeof(struct raftblk_disk_record) + RAFTBLK_RECORD_MAX_ENTRIES *
	      sizeof(struct raftblk_disk_desc) <= RAFTBLK_RECORD_HEADER_MAX, "record header");

static struct raftblk_entry *slot_of(const struct raftblk_log *log, u64 index)
{
	return &log->slot[index & (log->max_entries - 1)];
}

static struct raftblk_log_write *write_of(struct raftblk_log *log, u64 id)
{
	return &log->write[id % RAFTBLK_LOG_WRITES];
}

static const struct raftblk_log_write *oldest_write(const struct raftblk_log *log)
{
	if (!log->nr_writes)
		return NULL;
	return &log->write[(log->next_write_id - log->nr_writes) % RAFTBLK_LOG_WRITES];
}

static const struct raftblk_log_write *newest_write(const struct raftblk_log *log)
{
	if (!log->nr_writes)
		return NULL;
	return &log->write[(log->next_write_id - 1) % RAFTBLK_LOG_WRITES];
}

void raftblk_log_init(struct raftblk_log *log, const struct raftblk_super *s,
		      const struct raftblk_payload_ops *ops, struct raftblk_entry *slot)
{
	memset(log, 0, sizeof(*log));
	/*
	 * Not the volume's UUID: a disk that left and joined again has records of
	 * its earlier life in the ring, at positions and with CRCs that may fit.
	 */
	memcpy(log->uuid, s->incarnation, sizeof(log->uuid));
	log->ops = *ops;
	log->ring_sectors = s->ring_sectors;
	log->align_sectors = s->log_align / 512;
	log->max_entries = s->max_entries;
	log->slot = slot;
	log->first = 1;
	log->trim_next = 1;
	log->next_write_id = 1;
	log->witness = !s->data_sectors;
}

static void drop_payload(struct raftblk_log *log, struct raftblk_entry *e)
{
	if (!e->payload)
		return;
	log->ops.put(e->payload);
	e->payload = NULL;
	log->cached_bytes -= e->bytes;
}

void raftblk_log_exit(struct raftblk_log *log)
{
	u64 i;

	for (i = log->first; i <= log->last; i++)
		drop_payload(log, slot_of(log, i));
}

struct raftblk_entry *raftblk_log_entry(struct raftblk_log *log, u64 index)
{
	if (index < log->first || index > log->last)
		return NULL;
	return slot_of(log, index);
}

u64 raftblk_log_term(const struct raftblk_log *log, u64 index)
{
	if (index + 1 == log->first)
		return log->base_term;
	if (index < log->first || index > log->last)
		return 0;
	return slot_of(log, index)->term;
}

u64 raftblk_log_durable_pos(const struct raftblk_log *log)
{
	const struct raftblk_log_write *w = oldest_write(log);

	return w ? w->pos : log->tail_pos;
}

/* ---- room ---- */

/*
 * The most an entry can take: a record of its own.  A batch never takes more
 * than its entries would one by one (a descriptor is smaller than a sector, and
 * padding is paid once), so what append reserved is enough for any batching.
 */
static u64 entry_sectors(const struct raftblk_log *log, u32 bytes)
{
	return raftblk_record_header_sectors(1, log->align_sectors) +
	       round_up(bytes / 512, log->align_sectors);
}

/*
 * The ring below is free.  Not only the checkpoint holds it: a record whose
 * entries were cut may still be on its way to disk when the checkpoint has
 * passed it, and would land on top of a newer one a lap later.
 */
static u64 floor_pos(const struct raftblk_log *log)
{
	return min(log->ckpt_pos, raftblk_log_durable_pos(log));
}

static bool ring_fits(const struct raftblk_log *log, u64 from, u64 sectors)
{
	return log->tail_pos + log->pending_sectors + sectors - from <= log->ring_sectors;
}

bool raftblk_log_has_room(const struct raftblk_log *log, u32 bytes)
{
	return log->last - log->ckpt_index < log->max_entries &&
	       ring_fits(log, floor_pos(log), entry_sectors(log, bytes));
}

bool raftblk_log_has_spare_room(const struct raftblk_log *log, u32 bytes)
{
	return log->last - log->ckpt_index < log->max_entries - log->max_entries / 8 &&
	       ring_fits(log, floor_pos(log), entry_sectors(log, bytes) + log->ring_sectors / 8);
}

/*
 * Forget the oldest entry; it lies at or below the checkpoint.  Records lie in
 * the order of their lowest index (see raftblk_log_ckpt_fill()), so everything
 * before the record of the next entry has no more use, except that replay
 * starts at ckpt_pos whatever became of the entry there.
 */
static void drop_oldest(struct raftblk_log *log)
{
	struct raftblk_entry *e = slot_of(log, log->first);

	log->base_term = e->term;
	drop_payload(log, e);
	log->first++;
	log->head_pos = log->ckpt_pos;
	if (log->first <= log->staged)
		log->head_pos = min(log->ckpt_pos, slot_of(log, log->first)->rec_pos);
}

int raftblk_log_append(struct raftblk_log *log, const struct raftblk_entry *e)
{
	u64 sectors = entry_sectors(log, e->bytes);
	u64 spare = 0, spare_entries = 0;
	struct raftblk_entry *to;

	if (!raftblk_log_has_room(log, e->bytes))
		return -ENOSPC;
	if (log->witness && raftblk_entry_is_data(e)) {
		spare = log->ring_sectors / 8;
		spare_entries = log->max_entries / 8;
#ifdef RAFTBLK_PLANT_WITNESS_FORGETS
		spare = log->ring_sectors / 2;	/* planted fault: for the simulator to find */
#endif
	}
	while (log->first <= log->ckpt_index &&
	       (log->last - log->first + 1 >= log->max_entries - spare_entries ||
		!ring_fits(log, log->head_pos, sectors + spare)))
		drop_oldest(log);

	to = slot_of(log, ++log->last);
	*to = *e;
	to->state = 0;
	to->rec_prev_crc = 0;
	to->rec_pos = RAFTBLK_NO_POS;
	to->pos = RAFTBLK_NO_POS;
	log->pending_sectors += sectors;
	if (e->payload)
		log->cached_bytes += e->bytes;
	return 0;
}

void raftblk_log_cut(struct raftblk_log *log, u64 index)
{
	u64 i;

	index = max(index, log->first);
	if (!log->cut_from || index < log->cut_from)
		log->cut_from = index;
	if (index > log->last)
		return;
	for (i = index; i <= log->last; i++) {
		struct raftblk_entry *e = slot_of(log, i);

		if (i > log->staged)
			log->pending_sectors -= entry_sectors(log, e->bytes);
		drop_payload(log, e);
	}
	log->last = index - 1;
	log->staged = min(log->staged, log->last);
	log->durable = min(log->durable, log->last);
	log->trim_next = min(log->trim_next, index);
	/*
	 * Otherwise the completion of a write that holds the cut entries would
	 * count for the entries that replace them at the same indices, and they
	 * would be acknowledged before they are on disk.
	 */
	for (i = log->next_write_id - log->nr_writes; i < log->next_write_id; i++) {
		struct raftblk_log_write *w = write_of(log, i);

		w->last = min(w->last, log->last);
	}
}

void raftblk_log_reset(struct raftblk_log *log, u64 index, u64 term)
{
	raftblk_log_exit(log);
	log->first = index + 1;
	log->last = index;
	log->base_term = term;
	log->staged = index;
	log->durable = index;
	log->pending_sectors = 0;
	log->trim_next = log->first;
	log->head_pos = log->tail_pos;
	log->cut_from = 0;
}

/* ---- to disk ---- */

/* Does the entry at @index go into the same record as those before it? */
static bool batch_takes(const struct raftblk_log *log, const struct raftblk_log_write *w,
			u64 index)
{
	if (index > log->last)
		return false;
	if (!w->nr)
		return true;
	/* Payloads start aligned, or a disk with large blocks could not read one back alone. */
	return w->nr < RAFTBLK_RECORD_MAX_ENTRIES &&
	       !(w->payload_bytes & (log->align_sectors * 512 - 1)) &&
	       w->payload_bytes + slot_of(log, index)->bytes <= RAFTBLK_LOG_BATCH_BYTES;
}

static void batch_gather(const struct raftblk_log *log, struct raftblk_log_write *w)
{
	u32 end;

	while (batch_takes(log, w, w->first + w->nr)) {
		w->payload_bytes += slot_of(log, w->first + w->nr)->bytes;
		w->nr++;
	}
	w->last = w->first + w->nr - 1;
	w->header_bytes = 512 * raftblk_record_header_sectors(w->nr, log->align_sectors);
	end = round_up(w->payload_bytes, log->align_sectors * 512);
	w->pad_bytes = end - w->payload_bytes;
}

/* Tell the entries of a record where it lies, and give back what they had reserved. */
static void batch_place(struct raftblk_log *log, const struct raftblk_log_write *w)
{
	u64 pos = w->pos + w->header_bytes / 512;
	u64 i;

	for (i = w->first; i <= w->last; i++) {
		struct raftblk_entry *e = slot_of(log, i);

		e->rec_pos = w->pos;
		e->rec_prev_crc = w->prev_crc;
		e->pos = pos;
		pos += e->bytes / 512;
		log->pending_sectors -= entry_sectors(log, e->bytes);
	}
	log->tail_pos = pos + w->pad_bytes / 512;
}

struct raftblk_log_write *raftblk_log_next_write(struct raftblk_log *log)
{
	const struct raftblk_log_write *before = newest_write(log);
	struct raftblk_log_write *w;

	if (log->staged == log->last || log->nr_writes == RAFTBLK_LOG_WRITES ||
	    (before && !before->encoded))
		return NULL;
	w = write_of(log, log->next_write_id);
	*w = (struct raftblk_log_write){
		.id = log->next_write_id,
		.pos = log->tail_pos,
		.prev_crc = log->tail_crc,
		.first = log->staged + 1,
	};
	batch_gather(log, w);
	batch_place(log, w);
	log->staged = w->last;
	log->next_write_id++;
	log->nr_writes++;
	return w;
}

void raftblk_log_encode(struct raftblk_log *log, struct raftblk_log_write *w, void *buf)
{
	struct raftblk_disk_record *d = buf;
	u32 i;

	memset(d, 0, w->header_bytes);
	d->magic = cpu_to_le32(RAFTBLK_RECORD_MAGIC);
	memcpy(d->uuid, log->uuid, sizeof(d->uuid));
	d->pos = cpu_to_le64(w->pos);
	d->first_index = cpu_to_le64(w->first);
	d->prev_term = cpu_to_le64(raftblk_log_term(log, w->first - 1));
	d->known_durable = cpu_to_le64(log->durable);
	d->commit = cpu_to_le64(log->commit);
	d->prev_crc = cpu_to_le32(w->prev_crc);
	d->payload_sectors = cpu_to_le32(w->payload_bytes / 512);
	d->nr = cpu_to_le16(w->nr);
	d->header_sectors = cpu_to_le16(w->header_bytes / 512);
	d->inflight_sectors = cpu_to_le32(w->pos - raftblk_log_durable_pos(log));
	for (i = 0; i < w->nr; i++)
		raftblk_entry_encode(slot_of(log, w->first + i), &d->desc[i]);
	log->tail_crc = raftblk_crc(d, w->header_bytes);
	d->crc = cpu_to_le32(log->tail_crc);
	w->encoded = true;
}

bool raftblk_record_plausible(const struct raftblk_disk_record *d, const u8 *uuid,
			      u32 align_sectors)
{
	u32 nr = le16_to_cpu(d->nr);

	return le32_to_cpu(d->magic) == RAFTBLK_RECORD_MAGIC &&
	       !memcmp(d->uuid, uuid, sizeof(d->uuid)) &&
	       nr && nr <= RAFTBLK_RECORD_MAX_ENTRIES &&
	       le16_to_cpu(d->header_sectors) ==
	       raftblk_record_header_sectors(nr, align_sectors);
}

bool raftblk_record_check(const struct raftblk_disk_record *d, const u8 *uuid,
			  u32 align_sectors)
{
	return raftblk_record_plausible(d, uuid, align_sectors) &&
	       le32_to_cpu(d->crc) ==
	       raftblk_crc_except(d, le16_to_cpu(d->header_sectors) * 512,
				  offsetof(struct raftblk_disk_record, crc));
}

bool raftblk_log_written(struct raftblk_log *log, u64 id)
{
	u64 before = log->durable;
	const struct raftblk_log_write *w;

	/* Without this a completion that comes twice would end a later write. */
	if (id >= log->next_write_id || id < log->next_write_id - log->nr_writes)
		return false;
	write_of(log, id)->done = true;
	/*
	 * In order: recovery stops at the first record that is not there, so one
	 * behind a hole proves nothing yet.  (Where a cut went below w->first, what
	 * is left up to w->last was staged before, and is durable already.)
	 */
	while ((w = oldest_write(log)) && w->done) {
		log->durable = max(log->durable, w->last);
		log->nr_writes--;
	}
	return log->durable != before;
}

/* ---- payloads in memory ---- */

void raftblk_log_trim_cache(struct raftblk_log *log, u64 budget)
{
	u64 next = max(log->trim_next, log->first);
	u64 spared = 0;

	for (; log->cached_bytes > budget && next <= log->durable; next++) {
		struct raftblk_entry *e = slot_of(log, next);

		if (e->state & (RAFTBLK_ENTRY_LOADING | RAFTBLK_ENTRY_APPLYING |
				RAFTBLK_ENTRY_PINNED)) {
			if (!spared)
				spared = next;
			continue;
		}
		drop_payload(log, e);
	}
	log->trim_next = spared ? spared : next;
}

bool raftblk_log_set_payload(struct raftblk_log *log, u64 index, u64 term,
			     struct raftblk_payload *p)
{
	struct raftblk_entry *e = raftblk_log_entry(log, index);

	if (!e || e->term != term || !e->bytes || e->payload)
		return false;
	e->payload = p;
	log->cached_bytes += e->bytes;
	log->trim_next = min(log->trim_next, index);
	return true;
}

/* ---- checkpoint ---- */

/*
 * Where recovery has to start so that it finds the entries from @index on.
 *
 * Starting at the record that holds @index it misses none of them.  Let i < j
 * be two entries of the table.  When j was appended, i was there already: had
 * anything been put at i later, j would have been cut with what was there.
 * Entries are staged in the order in which they are appended, so the record of
 * i lies at or before that of j.  Between the two there may be records of
 * entries that were cut since; what replaced them comes later in the ring, as
 * it did in memory, and recovery does again what happened then.
 *
 * What is not staged will be part of the record at the tail, or of one behind.
 */
static void start_of(const struct raftblk_log *log, u64 index, u64 *pos, u32 *prev_crc)
{
	const struct raftblk_log_write *w = newest_write(log);

	if (index >= log->first && index <= log->staged) {
		*pos = slot_of(log, index)->rec_pos;
		*prev_crc = slot_of(log, index)->rec_prev_crc;
	} else if (w && !w->encoded) {
		/* The tail's CRC is not known yet: one record earlier does as well. */
		*pos = w->pos;
		*prev_crc = w->prev_crc;
	} else {
		*pos = log->tail_pos;
		*prev_crc = log->tail_crc;
	}
}

u64 raftblk_log_replay_pos(const struct raftblk_log *log, u64 applied)
{
	u32 prev_crc;
	u64 pos;

	start_of(log, applied + 1, &pos, &prev_crc);
	return pos;
}

void raftblk_log_ckpt_fill(const struct raftblk_log *log, u64 applied,
			   struct raftblk_ckpt *ckpt)
{
	ckpt->applied_index = applied;
	ckpt->applied_term = raftblk_log_term(log, applied);
	ckpt->durable_index = log->durable;
	ckpt->durable_pos = raftblk_log_durable_pos(log);
	start_of(log, applied + 1, &ckpt->replay_pos, &ckpt->replay_prev_crc);
	start_of(log, log->first, &ckpt->retain_pos, &ckpt->retain_prev_crc);
}

void raftblk_log_ckpt_done(struct raftblk_log *log, const struct raftblk_ckpt *ckpt)
{
	log->ckpt_pos = max(log->ckpt_pos, ckpt->replay_pos);
	log->ckpt_index = max(log->ckpt_index, ckpt->applied_index);
}

u32 raftblk_log_usage(const struct raftblk_log *log)
{
	u64 sectors = log->tail_pos + log->pending_sectors - log->ckpt_pos;
	u64 entries = log->last - log->ckpt_index;

	return max(div64_u64(sectors * 100, log->ring_sectors),
		   div64_u64(entries * 100, log->max_entries));
}
