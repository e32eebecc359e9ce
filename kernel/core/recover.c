// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery: from the ring back to the table.
 *
 * Two walks.  The first, from retain_pos to replay_pos, brings back applied
 * entries for peers that lag; whatever is wrong there is not worth a word.  The
 * second, from replay_pos on, brings back what this member may have
 * acknowledged; where it ends has to be explained (see judge()).
 */
#include "crc.h"
#include "log.h"

#define READER_BYTES_MIN	(64U << 10)

/* The most that records on their way may span. */
#define INFLIGHT_SECTORS	(RAFTBLK_LOG_WRITES * \
				 (RAFTBLK_RECORD_HEADER_MAX + RAFTBLK_ENTRY_MAX_BYTES) / 512)

/**
 * struct walk - recovery under way
 * @log: being built
 * @ckpt: what it is built on
 * @rd: see raftblk_log_recover()
 * @config_fn: likewise
 * @config_ctx: likewise
 * @out: likewise
 * @pos: next record
 * @prev_crc: CRC of the record before
 * @fresh: retained walk: the next record says by itself where the log begins
 * @end: end of the last valid record found in this lap
 * @evidence: the ring below was on stable storage once
 * @lost: highest index in what was found behind the end
 * @header: the record at hand, RAFTBLK_RECORD_HEADER_MAX bytes
 * @window: a stretch of the ring in memory
 * @window_max: room there, in sectors
 * @window_sectors: length of the stretch, 0: none
 * @window_pos: where it begins
 */
struct walk {
	struct raftblk_log *log;
	const struct raftblk_ckpt *ckpt;
	const struct raftblk_reader *rd;
	void (*config_fn)(void *ctx, u64 index, const void *payload);
	void *config_ctx;
	struct raftblk_recovered *out;
	u64 pos;
	u32 prev_crc;
	bool fresh;
	u64 end;
	u64 evidence;
	u64 lost;
	struct raftblk_disk_record *header;
	u8 *window;
	u32 window_max;
	u32 window_sectors;
	u64 window_pos;
};

/* ---- reading ---- */

/* What the medium says of one place, as opposed to a device that is gone. */
static bool is_medium_error(int err)
{
	return err == -EIO || err == -ENODATA || err == -EILSEQ;
}

static int window_fill(struct walk *w, u64 pos, u32 nsect)
{
	u32 done, n;
	int err;

	w->window_sectors = 0;
	for (done = 0; done < nsect; done += n) {
		u64 sector = raftblk_log_sector(w->log, pos + done);

		n = min_t(u64, nsect - done, w->log->ring_sectors - sector);
		err = w->rd->read(w->rd->ctx, sector, n, w->window + done * 512);
		if (err)
			return is_medium_error(err) ? -EBADMSG : err;
	}
	w->window_pos = pos;
	w->window_sectors = nsect;
	return 0;
}

/*
 * Bring @nsect sectors at @pos into memory, reading ahead.  -EBADMSG if they
 * cannot be read; what lies behind them is no reason.
 */
static int ring_read(struct walk *w, u64 pos, u32 nsect, const void **p)
{
	u32 mask = w->log->align_sectors - 1;
	u64 from = pos & ~(u64)mask;
	u32 ahead = min_t(u64, w->window_max, w->log->ring_sectors);
	int err = 0;

	if (pos < w->window_pos || pos + nsect > w->window_pos + w->window_sectors) {
		err = window_fill(w, from, ahead);
		if (err == -EBADMSG)
			err = window_fill(w, from, (pos + nsect - from + mask) & ~mask);
	}
	if (!err)
		*p = w->window + (pos - w->window_pos) * 512;
	return err;
}

/* A whole header at @pos to w->header, whatever position it claims; or -EBADMSG. */
static int read_header(struct walk *w, u64 pos)
{
	const struct raftblk_disk_record *d;
	const void *p;
	u32 nsect;
	int err;

	err = ring_read(w, pos, w->log->align_sectors, &p);
	if (err)
		return err;
	if (!raftblk_record_plausible(p, w->log->uuid, w->log->align_sectors))
		return -EBADMSG;
	d = p;
	nsect = le16_to_cpu(d->header_sectors);
	err = ring_read(w, pos, nsect, &p);
	if (err)
		return err;
	memcpy(w->header, p, nsect * 512);
	return raftblk_record_check(w->header, w->log->uuid, w->log->align_sectors) ?
	       0 : -EBADMSG;
}

/* ---- what a header says ---- */

static u64 rec_first(const struct raftblk_disk_record *d)
{
	return le64_to_cpu(d->first_index);
}

static u64 rec_last(const struct raftblk_disk_record *d)
{
	return rec_first(d) + le16_to_cpu(d->nr) - 1;
}

static u64 rec_sectors(const struct walk *w, const struct raftblk_disk_record *d)
{
	return le16_to_cpu(d->header_sectors) +
	       round_up((u64)le32_to_cpu(d->payload_sectors), w->log->align_sectors);
}

static int rec_entry(const struct raftblk_disk_record *d, u32 i, struct raftblk_entry *e)
{
	return raftblk_entry_decode(e, &d->desc[i], ~0ULL);
}

/* Descriptors are in range, terms in order, and payloads add up. */
static bool rec_entries_ok(const struct walk *w, const struct raftblk_disk_record *d)
{
	u64 term = le64_to_cpu(d->prev_term);
	u64 applied = w->ckpt->applied_index;
	struct raftblk_entry e;
	u64 sectors = 0;
	u32 i;

	for (i = 0; i < le16_to_cpu(d->nr); i++) {
		if (rec_entry(d, i, &e) || e.term < term || e.term > RAFTBLK_INDEX_MAX)
			return false;
		if (w->pos == w->ckpt->replay_pos && rec_first(d) + i == applied &&
		    e.term != w->ckpt->applied_term)
			return false;
		term = e.term;
		sectors += e.bytes / 512;
	}
	return sectors == le32_to_cpu(d->payload_sectors);
}

/* Nothing was written from here on while the checkpoint was the newest one. */
static u64 lap_end(const struct walk *w)
{
	return w->ckpt->replay_pos + w->log->ring_sectors;
}

/* Does the record follow on the one before: in the ring, and in the log? */
static bool rec_follows(const struct walk *w, const struct raftblk_disk_record *d)
{
	const struct raftblk_log *log = w->log;
	u64 applied = w->ckpt->applied_index;
	u64 first = rec_first(d);
	u64 end;

	if (le64_to_cpu(d->pos) != w->pos || !first || first > RAFTBLK_INDEX_MAX)
		return false;
	if (!w->fresh && le32_to_cpu(d->prev_crc) != w->prev_crc)
		return false;
	if (le32_to_cpu(d->inflight_sectors) > w->pos)
		return false;
	end = w->pos < w->ckpt->replay_pos ? w->ckpt->replay_pos : lap_end(w);
	if (w->pos + rec_sectors(w, d) > end)
		return false;
	if (w->fresh)
		return first <= applied;
	if (first > log->last + 1)
		return false;
	/* What is applied is committed: nothing replaces it. */
	if (w->pos > w->ckpt->replay_pos && first <= applied)
		return false;
	if (w->pos == w->ckpt->replay_pos && rec_last(d) <= applied)
		return false;
	if (w->pos != w->ckpt->replay_pos && first < log->first)
		return false;
	return first < log->first ||
	       raftblk_log_term(log, first - 1) == le64_to_cpu(d->prev_term);
}

static int payload_check(struct walk *w, const struct raftblk_entry *e, u64 pos)
{
	u32 left = e->bytes / 512;
	u32 crc = 0;
	const void *p;
	u32 n;
	int err;

	for (; left; left -= n, pos += n) {
		n = min(left, w->window_max - w->log->align_sectors);
		err = ring_read(w, pos, n, &p);
		if (err)
			return err;
		crc = raftblk_crc_update(crc, p, n * 512);
	}
	return crc == e->crc ? 0 : -EBADMSG;
}

/*
 * Payloads above the checkpoint have to be whole: a torn record may have a good
 * header.  Those below were, once; they are checked when they are read again.
 */
static int rec_payloads_check(struct walk *w, const struct raftblk_disk_record *d)
{
	u64 pos = w->pos + le16_to_cpu(d->header_sectors);
	struct raftblk_entry e;
	int err;
	u32 i;

	for (i = 0; i < le16_to_cpu(d->nr); i++) {
		rec_entry(d, i, &e);
		if (w->pos >= w->ckpt->replay_pos && rec_first(d) + i > w->ckpt->applied_index) {
			err = payload_check(w, &e, pos);
			if (err)
				return err;
		}
		pos += e.bytes / 512;
	}
	return 0;
}

/* ---- the table ---- */

/* Nothing is in the table but what @first - 1 was. */
static void table_reset(struct walk *w, u64 first, u64 base_term)
{
	w->log->first = first;
	w->log->last = first - 1;
	w->log->base_term = base_term;
}

/* Behind the checkpoint, with nothing retained. */
static void table_reset_applied(struct walk *w)
{
	table_reset(w, w->ckpt->applied_index + 1, w->ckpt->applied_term);
}

static void table_cut(struct walk *w, u64 index)
{
	index = max(index, w->log->first);
	if (index > w->log->last)
		return;
	if (w->pos >= w->ckpt->replay_pos)
		w->config_fn(w->config_ctx, index, NULL);
	w->log->last = index - 1;
}

static void table_drop_oldest(struct raftblk_log *log)
{
	log->base_term = raftblk_log_term(log, log->first);
	log->first++;
}

static int table_put(struct walk *w, const struct raftblk_entry *e)
{
	struct raftblk_log *log = w->log;

	if (log->last - log->first + 1 == log->max_entries) {
		if (log->first > w->ckpt->applied_index) {
			w->out->why = "more entries above the checkpoint than the log may hold";
			return -EUCLEAN;
		}
		table_drop_oldest(log);
	}
	log->last++;
	log->slot[log->last & (log->max_entries - 1)] = *e;
	return 0;
}

static int table_report_config(struct walk *w, const struct raftblk_entry *e, u64 index)
{
	const void *p;
	int err;

	/* The checkpoint has what was set up to there; in a retained record, what
	 * is above was cut since.
	 */
	if (w->pos < w->ckpt->replay_pos || index <= w->ckpt->applied_index)
		return 0;
	err = ring_read(w, e->pos, e->bytes / 512, &p);
	if (!err)
		w->config_fn(w->config_ctx, index, p);
	return err;
}

/* Take over the entries of a checked record. */
static int table_take(struct walk *w, const struct raftblk_disk_record *d)
{
	u64 pos = w->pos + le16_to_cpu(d->header_sectors);
	u64 index = rec_first(d);
	struct raftblk_entry e;
	int err;
	u32 i;

	if (w->fresh)
		table_reset(w, index, le64_to_cpu(d->prev_term));
	table_cut(w, index);
	for (i = 0; i < le16_to_cpu(d->nr); i++, index++) {
		rec_entry(d, i, &e);
		e.rec_pos = w->pos;
		e.rec_prev_crc = le32_to_cpu(d->prev_crc);
		e.pos = pos;
		pos += e.bytes / 512;
		if (index < w->log->first)
			continue;
		err = table_put(w, &e);
		if (!err && e.op == RAFTBLK_OP_CONFIG)
			err = table_report_config(w, &e, index);
		/* It was read a moment ago: no reason to take the record for torn. */
		if (err)
			return err == -EBADMSG ? -EIO : err;
	}
	return 0;
}

/* The record at w->pos: 0 and w->pos moves on; -EBADMSG: it does not count. */
static int step(struct walk *w)
{
	const struct raftblk_disk_record *d = w->header;
	int err;

	err = read_header(w, w->pos);
	if (err)
		return err;
	if (!rec_follows(w, d) || !rec_entries_ok(w, d))
		return -EBADMSG;
	err = rec_payloads_check(w, d);
	if (err)
		return err;
	err = table_take(w, d);
	if (err)
		return err;
	w->fresh = false;
	w->prev_crc = le32_to_cpu(d->crc);
	w->pos += rec_sectors(w, d);
	w->end = w->pos;
	w->out->records++;
	return 0;
}

/* ---- retained records ---- */

/* The next place from @pos on where a record of this lap begins, or replay_pos. */
static int next_retained(struct walk *w, u64 *pos)
{
	int err;

	for (; *pos < w->ckpt->replay_pos; *pos += w->log->align_sectors) {
		err = read_header(w, *pos);
		if (!err && le64_to_cpu(w->header->pos) == *pos)
			return 0;
		if (err && err != -EBADMSG)
			return err;
	}
	return 0;
}

/*
 * From retain_pos to replay_pos.  The hint may be old: what lies there was free
 * to be overwritten, and only the last record's CRC, which the checkpoint
 * names, proves that a chain of records leads up to it.
 */
static int walk_retained(struct walk *w)
{
	u64 replay = w->ckpt->replay_pos;
	u64 applied = w->ckpt->applied_index;
	int err = 0;
	u64 start;

	while (w->pos < replay) {
		start = w->pos;
		w->fresh = true;
		while (!err && w->pos < replay)
			err = step(w);
		if (err && err != -EBADMSG)
			return err;
		if (!err && w->prev_crc == w->ckpt->replay_prev_crc)
			break;
		w->out->discarded = true;
		table_reset_applied(w);
		/* A record that did not follow may be a beginning; the first of all was tried. */
		if (w->pos == start)
			w->pos += w->log->align_sectors;
		err = next_retained(w, &w->pos);
		if (err)
			return err;
	}
	/* Entries above were cut before the checkpoint was made: see replay_pos. */
	table_cut(w, applied + 1);
	if (w->log->last == applied &&
	    raftblk_log_term(w->log, applied) != w->ckpt->applied_term)
		table_reset_applied(w);
	return 0;
}

/* ---- from the checkpoint on ---- */

/* Does what was retained lead up to the record at replay_pos, if there is one? */
static bool retained_fits(struct walk *w)
{
	const struct raftblk_disk_record *d = w->header;

	if (read_header(w, w->pos) || le64_to_cpu(d->pos) != w->pos ||
	    le32_to_cpu(d->prev_crc) != w->prev_crc)
		return w->log->last == w->ckpt->applied_index;
	return w->log->first <= rec_first(d) && rec_first(d) <= w->log->last + 1 &&
	       raftblk_log_term(w->log, rec_first(d) - 1) == le64_to_cpu(d->prev_term);
}

static int walk_replay(struct walk *w)
{
	int err = 0;

	w->prev_crc = w->ckpt->replay_prev_crc;
	w->fresh = false;
	if (w->log->first <= w->log->last && !retained_fits(w)) {
		w->out->discarded = true;
		table_reset_applied(w);
	}
	while (!err)
		err = step(w);
	if (err != -EBADMSG)
		return err;
	/* The record that was to hold the applied entry is bad, too. */
	if (w->log->last < w->ckpt->applied_index) {
		w->out->discarded = true;
		table_reset_applied(w);
	}
	return 0;
}

/* ---- where the log ends ---- */

/*
 * A whole header at @at, behind the end.  It claims @at for its position, or
 * the same place a lap later (then the checkpoint is an old one): it was
 * written by the life that the record at the end belongs to.
 */
static void find_evidence(struct walk *w, u64 at)
{
	const struct raftblk_disk_record *d = w->header;
	u64 pos = le64_to_cpu(d->pos);
	u64 inflight = le32_to_cpu(d->inflight_sectors);

	if (pos < at || pos > RAFTBLK_POS_MAX || inflight > pos ||
	    raftblk_log_sector(w->log, pos) != raftblk_log_sector(w->log, at))
		return;
	w->out->torn = true;
	w->evidence = max(w->evidence, pos - inflight);
	w->end = max(w->end, at + rec_sectors(w, d));
	if (rec_first(d) && rec_first(d) <= RAFTBLK_INDEX_MAX) {
		w->lost = max(w->lost, rec_last(d));
		w->lost = max(w->lost, le64_to_cpu(d->known_durable));
	}
}

/* Did a record begin at @pos, whose header did not come down whole? */
static bool header_is_torn(struct walk *w, u64 pos)
{
	const struct raftblk_disk_record *d;
	const void *p;

	if (ring_read(w, pos, w->log->align_sectors, &p))
		return false;
	d = p;
	return raftblk_record_plausible(d, w->log->uuid, w->log->align_sectors) &&
	       le64_to_cpu(d->pos) == pos;
}

/* Look at every place of the lap behind the end where a record could begin. */
static int scan_ahead(struct walk *w)
{
	u64 at;
	int err;

	for (at = w->pos; at < lap_end(w); at += w->log->align_sectors) {
		err = read_header(w, at);
		if (!err)
			find_evidence(w, at);
		else if (err != -EBADMSG)
			return err;
		else if (at == w->pos)
			w->out->torn = header_is_torn(w, at);
	}
	return 0;
}

/*
 * The log ends here.  Why?
 *
 * Records become durable in the order of their positions, and every record,
 * vote and checkpoint says up to which position that was so when it was
 * written.  If none says that this one was, it was never acknowledged, and a
 * crash explains what is there: a torn tail, even if whole records follow (they
 * were on their way at the same time).  Otherwise it was there once: to cut it
 * silently would take back what this member has promised.
 */
static void judge(struct walk *w, const struct raftblk_vote *vote)
{
	struct raftblk_log *log = w->log;
	struct raftblk_recovered *out = w->out;

	out->proof_index = w->ckpt->proof_index;
	if (w->evidence <= w->pos)
		return;
	out->torn = false;
	/* Its header may be good: then it says what it replaced. */
	if (!read_header(w, w->pos) && rec_follows(w, w->header))
		table_cut(w, max(rec_first(w->header), w->ckpt->applied_index + 1));
	out->corrupt_index = log->last + 1;
	out->proof_index = max(out->proof_index, out->corrupt_index);
	out->proof_index = max(out->proof_index, w->lost);
	out->proof_index = max(out->proof_index, w->ckpt->durable_index);
	out->proof_index = max(out->proof_index, vote->durable_index);
	out->why = "a record that had been on stable storage does not read back";
}

/*
 * Records on their way at the crash may have overwritten the payloads of
 * retained records a lap before them; their headers need not show it.
 */
static int check_overwritten(struct walk *w)
{
	struct raftblk_log *log = w->log;
	u64 damage = w->end + INFLIGHT_SECTORS;
	u64 i, bad = 0;
	int err;

	for (i = log->first; i <= w->ckpt->applied_index && i <= log->last; i++) {
		const struct raftblk_entry *e = raftblk_log_entry(log, i);

		if (e->rec_pos + log->ring_sectors >= damage)
			break;
		err = payload_check(w, e, e->pos);
		if (err == -EBADMSG)
			bad = i;
		else if (err)
			return err;
	}
	while (log->first <= bad)
		table_drop_oldest(log);
	w->out->discarded |= bad != 0;
	return 0;
}

/* New records follow on the last good one. */
static void finish(struct walk *w)
{
	struct raftblk_log *log = w->log;

	log->staged = log->last;
	log->durable = log->last;
	log->commit = w->ckpt->applied_index;
	log->trim_next = log->first;
	log->tail_pos = w->pos;
	log->tail_crc = w->prev_crc;
	log->ckpt_pos = w->ckpt->replay_pos;
	log->ckpt_index = w->ckpt->applied_index;
	log->head_pos = log->ckpt_pos;
	if (log->first <= log->last)
		log->head_pos = min(log->ckpt_pos, raftblk_log_entry(log, log->first)->rec_pos);
}

/* Can the checkpoint be one of this ring? */
static bool ckpt_fits(const struct raftblk_log *log, const struct raftblk_ckpt *c)
{
	u32 mask = log->align_sectors - 1;

	return c->applied_index <= RAFTBLK_INDEX_MAX && c->replay_pos <= RAFTBLK_POS_MAX &&
	       c->retain_pos <= c->replay_pos &&
	       c->replay_pos - c->retain_pos <= log->ring_sectors &&
	       !((c->replay_pos | c->retain_pos) & mask);
}

static int recover(struct walk *w, const struct raftblk_vote *vote)
{
	int err;

	table_reset_applied(w);
	w->pos = w->ckpt->retain_pos;
	err = walk_retained(w);
	if (!err)
		err = walk_replay(w);
	if (!err)
		err = scan_ahead(w);
	if (err)
		return err;
	judge(w, vote);
	err = check_overwritten(w);
	if (!err)
		finish(w);
	return err;
}

int raftblk_log_recover(struct raftblk_log *log, const struct raftblk_ckpt *ckpt,
			const struct raftblk_vote *vote, const struct raftblk_reader *rd,
			void (*config_fn)(void *ctx, u64 index, const void *payload),
			void *config_ctx, struct raftblk_recovered *out)
{
	struct walk w = {
		.log = log,
		.ckpt = ckpt,
		.rd = rd,
		.config_fn = config_fn,
		.config_ctx = config_ctx,
		.out = out,
		.evidence = max(ckpt->durable_pos, vote->durable_pos),
		.header = rd->buf,
		.window = (u8 *)rd->buf + RAFTBLK_RECORD_HEADER_MAX,
		.window_max = (rd->buf_bytes - RAFTBLK_RECORD_HEADER_MAX) / 512,
	};

	memset(out, 0, sizeof(*out));
	if (rd->buf_bytes < READER_BYTES_MIN || rd->buf_bytes % RAFTBLK_RECORD_HEADER_MAX)
		return -EINVAL;
	if (!ckpt_fits(log, ckpt)) {
		out->why = "the checkpoint does not fit the log";
		return -EUCLEAN;
	}
	return recover(&w, vote);
}
