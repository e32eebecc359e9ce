// SPDX-License-Identifier: GPL-2.0
/*
 * Read repair, see repair.h.
 *
 * What came is as of some index t at the source.  It may be written, and read instead of
 * what is lost, when all entries up to t were handed out for apply here (so they are
 * committed and durable, rule 11) and none above t that touches the chunk (rule 15): then it
 * is what the data area has to hold at that moment, and no other member is shown anything
 * that is above the tag it is given.
 */
#include "replica_internal.h"

/* So often is a read put aside; then it ends with an error. */
#define TRIES_MAX	8

/* ---- slots ---- */

static void repair_free(struct raftblk_replica *rep, struct raftblk_repair *s)
{
	if (s->payload)
		rep->ops.put(s->payload);
	memset(s, 0, sizeof(*s));
}

static bool repair_is_io(const struct raftblk_repair *s)
{
	return s->state == RAFTBLK_REPAIR_LOOKING || s->state == RAFTBLK_REPAIR_WRITING;
}

/* Another member has, or what came does not fit yet. */
static bool repair_waits(const struct raftblk_repair *s)
{
	return s->state == RAFTBLK_REPAIR_ASKED || s->state == RAFTBLK_REPAIR_HAVE;
}

/* Nothing is with the shell. */
bool raftblk_repair_is_idle(const struct raftblk_replica *rep)
{
	u32 i;

	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++)
		if (repair_is_io(&rep->repair.slot[i]))
			return false;
	return true;
}

void raftblk_repair_drop_all(struct raftblk_replica *rep)
{
	u32 i;

	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++)
		repair_free(rep, &rep->repair.slot[i]);
}

static struct raftblk_repair *repair_of(struct raftblk_replica *rep, u64 chunk)
{
	u32 i;

	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++) {
		struct raftblk_repair *s = &rep->repair.slot[i];

		if (s->state != RAFTBLK_REPAIR_FREE && s->chunk == chunk)
			return s;
	}
	return NULL;
}

/* NULL: all places are taken, or the chunk is under repair already. */
static struct raftblk_repair *repair_begin(struct raftblk_replica *rep, u64 chunk, u64 want)
{
	u32 i;

	if (repair_of(rep, chunk))
		return NULL;
	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++) {
		struct raftblk_repair *s = &rep->repair.slot[i];

		if (s->state != RAFTBLK_REPAIR_FREE)
			continue;
		s->state = RAFTBLK_REPAIR_LOOK;
		s->chunk = chunk;
		s->want = want;
		s->deadline = rep->now + rep->params.repair_ns;
		return s;
	}
	return NULL;
}

/* For the log and the user: from the first of the blocks to the end of the last. */
static void repair_tell(struct raftblk_replica *rep, const struct raftblk_repair *s,
			enum raftblk_event_type type)
{
	u64 sector = raftblk_vmap_chunk_sector(rep->vmap, s->chunk);
	u32 first = __ffs64(s->bad) * RAFTBLK_BLOCK_SECTORS;
	u32 end = min_t(u32, fls64(s->bad) * RAFTBLK_BLOCK_SECTORS,
			raftblk_chunk_nsect(rep, s->chunk));

	raftblk_replica_event(rep, type, end - first, sector + first);
}

static void repair_done(struct raftblk_replica *rep, struct raftblk_repair *s, int status)
{
	s->state = RAFTBLK_REPAIR_DONE;
	s->status = status;
	rep->busy = true;
}

static void repair_failed(struct raftblk_replica *rep, struct raftblk_repair *s, int status)
{
	if (s->bad && !s->mend_for) {
		rep->repair.failed += hweight64(s->bad);
		repair_tell(rep, s, RAFTBLK_EVENT_REPAIR_FAILED);
	}
	repair_done(rep, s, status);
}

/* ---- whom to ask ---- */

static bool has_source(const struct raftblk_replica *rep, u32 refused, u32 only)
{
	const struct raftblk_config *config = &rep->raft.config;
	u32 i;

	for (i = 0; i < config->nr; i++)
		if (raftblk_fetch_is_source(rep, &config->member[i]) && !(refused & (1U << i)) &&
		    (!only || config->member[i].id == only))
			return true;
	return false;
}

/* The next in turn that can be reached and has not refused, or -1. */
static int source_next(const struct raftblk_replica *rep, const struct raftblk_repair *s, u32 ready)
{
	const struct raftblk_config *config = &rep->raft.config;
	int at = raftblk_config_find(config, s->peer);
	u32 i;

	for (i = 1; i <= config->nr; i++) {
		u32 slot = (at + i + config->nr) % config->nr;

		if (raftblk_fetch_is_source(rep, &config->member[slot]) &&
		    (!s->source || config->member[slot].id == s->source) &&
		    (ready & ~s->refused & (1U << slot)))
			return slot;
	}
	return -1;
}

/* Anew: what was answered does not count. */
static void repair_ask(struct raftblk_replica *rep, struct raftblk_repair *s)
{
	if (s->payload)
		rep->ops.put(s->payload);
	s->payload = NULL;
	s->state = RAFTBLK_REPAIR_ASK;
	s->asked = 0;
	s->ask_at = rep->now;
}

/* The same question as before, unless what is asked for has changed. */
static void repair_question(struct raftblk_replica *rep, struct raftblk_repair *s)
{
	if (s->asked && !s->touched)
		return;
	s->ctx = ++rep->catchup.ctx;
	s->asked = 0;
	s->need = raftblk_vmap_chunk_version(rep->vmap, s->chunk);
	s->touched = 0;
}

/* Another one, in a moment. */
static void repair_ask_next(struct raftblk_repair *s, u64 at)
{
	s->state = RAFTBLK_REPAIR_ASK;
	s->ask_at = at;
	/* Nothing waits for long for one that does not answer. */
	s->drops = 0;
}

static u64 all_blocks(const struct raftblk_replica *rep, u64 chunk)
{
	return ~0ULL >> (63 - (raftblk_chunk_nsect(rep, chunk) - 1) / RAFTBLK_BLOCK_SECTORS);
}

/* ---- reads that wait ---- */

/* The blocks of the chunk that a read touches. */
static u64 blocks_of(const struct raftblk_replica *rep, const struct raftblk_req *req, u64 chunk)
{
	u64 start = raftblk_vmap_chunk_sector(rep->vmap, chunk);
	u64 from = max(req->sector, start) - start;
	u64 end = min(req->sector + req->nsect, start + raftblk_chunk_nsect(rep, chunk)) - start;
	u64 below = (1ULL << (from / RAFTBLK_BLOCK_SECTORS)) - 1;

	return (~0ULL >> (63 - (end - 1) / RAFTBLK_BLOCK_SECTORS)) & ~below;
}

static u64 chunk_of(const struct raftblk_replica *rep, u64 sector)
{
	return div64_u64(sector, rep->vmap->chunk_sectors);
}

/* Could not be read here.  False: nor anywhere else. */
bool raftblk_repair_read(struct raftblk_replica *rep, struct raftblk_req *req)
{
	if (!rep->vmap || !has_source(rep, 0, 0) || req->tries == TRIES_MAX)
		return false;
	req->tries++;
	req->state = RAFTBLK_REQ_BROKEN;
	req->chunk = chunk_of(rep, req->sector);
	list_move_tail(&req->link, &rep->broken);
	return true;
}

/*
 * Lay what came over what the read would get from the data area.  It is as new as
 * that; where it is newer, a write came in between that the read need not see and may.
 * Where there are too many pieces the rest is read from the disk, which has it now.
 */
static void read_fill(struct raftblk_replica *rep, struct raftblk_req *req,
		      const struct raftblk_repair *s)
{
	u32 nsect = raftblk_chunk_nsect(rep, s->chunk);
	struct raftblk_segment piece = {};
	u32 i, off = 0;

	for (i = 0; i < RAFTBLK_CHUNK_BLOCKS; i++) {
		u32 at = i * RAFTBLK_BLOCK_SECTORS;

		if (!(s->bad & (1ULL << i)))
			continue;
		piece.sector = raftblk_vmap_chunk_sector(rep->vmap, s->chunk) + at;
		piece.nsect = min_t(u32, RAFTBLK_BLOCK_SECTORS, nsect - at);
		piece.zero = s->zero & (1ULL << i);
		piece.payload = piece.zero ? NULL : s->payload;
		piece.offset = off;
		if (!piece.zero)
			off += piece.nsect * 512;
		if (!raftblk_read_lay(req, &piece))
			break;
	}
	for (i = 0; i < req->nr_segments; i++)
		if (s->payload && req->segment[i].payload == s->payload)
			rep->ops.get(s->payload);
}

static void reads_go_on(struct raftblk_replica *rep, const struct raftblk_repair *s)
{
	struct raftblk_req *req, *n;

	list_for_each_entry_safe(req, n, &rep->broken, link) {
		if (req->chunk != s->chunk || (blocks_of(rep, req, s->chunk) & ~s->want))
			continue;
		/* What one member could not mend another one may have. */
		if (s->status && s->mend_for)
			continue;
		if (s->status) {
			raftblk_req_end(rep, req, s->status);
			continue;
		}
		if (s->bad)
			read_fill(rep, req, s);
		req->chunk++;
	}
}

static void reads_step(struct raftblk_replica *rep)
{
	struct raftblk_req *req, *n;

	list_for_each_entry_safe(req, n, &rep->broken, link) {
		if (req->chunk > chunk_of(rep, req->sector + req->nsect - 1))
			list_move_tail(&req->link, &rep->planned);
		else
			repair_begin(rep, req->chunk, blocks_of(rep, req, req->chunk));
	}
}

/* ---- what follows ---- */

static void repair_expire(struct raftblk_replica *rep, struct raftblk_repair *s)
{
	if (s->state != RAFTBLK_REPAIR_ASK && !repair_waits(s))
		return;
	if (s->config_gen != rep->raft.config_gen) {
		s->config_gen = rep->raft.config_gen;
		s->refused = 0;
		repair_ask(rep, s);
	}
	if (rep->now >= s->deadline || !has_source(rep, s->refused, s->source)) {
		repair_failed(rep, s, -EIO);
	} else if (repair_waits(s) && rep->now >= s->until) {
		if (s->state == RAFTBLK_REPAIR_HAVE)
			repair_ask(rep, s);
		repair_ask_next(s, rep->now);
	}
}

/* The data area becomes that of another index: it is all void, and the reads wait. */
static void repairs_void(struct raftblk_replica *rep)
{
	struct raftblk_req *req;
	u32 i;

	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++)
		if (!repair_is_io(&rep->repair.slot[i]))
			repair_free(rep, &rep->repair.slot[i]);
	while (!list_empty(&rep->broken)) {
		req = list_first_entry(&rep->broken, struct raftblk_req, link);
		list_move_tail(&req->link, &rep->reads);
		raftblk_read_restart(rep, req);
	}
}

/* ---- mending what verify has found ---- */

static void mend_answer(struct raftblk_replica *rep, u32 node, u64 ctx, u64 chunk, int status)
{
	int slot = raftblk_config_find(&rep->raft.config, node);

	if (!node || slot < 0)
		return;
	if (node == rep->raft.id) {
		raftblk_verify_mended(rep, slot, ctx);
		return;
	}
	rep->peer[slot].owe_mended = true;
	rep->peer[slot].mended_ctx = ctx;
	rep->peer[slot].mended_chunk = chunk;
	rep->peer[slot].mended_status = status ? EIO : 0;
}

/* These blocks are other than a majority's: as if they could not be read. */
void raftblk_repair_mend(struct raftblk_replica *rep, u32 leader, u64 ctx, u64 chunk, u64 blocks,
			 u32 source)
{
	struct raftblk_repair *s = NULL;

	if (chunk < raftblk_chunk_count(rep) && !rep->raft.incomplete &&
	    rep->catchup.state == RAFTBLK_CATCHUP_OFF)
		s = repair_begin(rep, chunk, blocks & all_blocks(rep, chunk));
	if (!s || !s->want) {
		if (s)
			repair_free(rep, s);
		mend_answer(rep, leader, ctx, chunk, -EAGAIN);
		return;
	}
	s->mend_for = leader;
	s->mend_ctx = ctx;
	s->source = source;
	s->bad = s->want;
	s->config_gen = rep->raft.config_gen;
	s->deadline = rep->now + 4 * raftblk_catchup_patience(rep);
	repair_ask(rep, s);
}

void raftblk_repair_step(struct raftblk_replica *rep)
{
	u32 i;

	if (!rep->vmap)
		return;
	if (rep->raft.incomplete || raftblk_catchup_drains(rep)) {
		repairs_void(rep);
		return;
	}
	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++) {
		struct raftblk_repair *s = &rep->repair.slot[i];

		repair_expire(rep, s);
		if (s->state != RAFTBLK_REPAIR_DONE)
			continue;
		reads_go_on(rep, s);
		mend_answer(rep, s->mend_for, s->mend_ctx, s->chunk, s->status);
		repair_free(rep, s);
	}
	reads_step(rep);
}

/* It could not be read for a member that catches up, which needs all of it. */
void raftblk_repair_chunk(struct raftblk_replica *rep, u64 chunk)
{
	if (has_source(rep, 0, 0))
		repair_begin(rep, chunk, all_blocks(rep, chunk));
}

u64 raftblk_repair_deadline(const struct raftblk_replica *rep)
{
	u64 at = RAFTBLK_NEVER;
	u32 i;

	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++) {
		const struct raftblk_repair *s = &rep->repair.slot[i];

		if (s->state == RAFTBLK_REPAIR_ASK)
			at = min(at, raftblk_deadline_ahead(rep, s->ask_at));
		else if (repair_waits(s))
			at = min(at, raftblk_deadline_ahead(rep, s->until));
		else
			continue;
		at = min(at, raftblk_deadline_ahead(rep, s->deadline));
	}
	return at;
}

/* ---- messages ---- */

static bool poll_mended(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	u32 i;

	for (i = 0; i < rep->raft.config.nr; i++) {
		if (!rep->peer[i].owe_mended || !(ready & (1U << i)))
			continue;
		rep->peer[i].owe_mended = false;
		raftblk_replica_msg(rep, m, RAFTBLK_MSG_MENDED, i);
		m->ctx = rep->peer[i].mended_ctx;
		m->chunk = rep->peer[i].mended_chunk;
		m->status = rep->peer[i].mended_status;
		return true;
	}
	return false;
}

bool raftblk_repair_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	struct raftblk_wire_fetch *f = &rep->catchup.body.fetch;
	u32 i, b;

	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++) {
		struct raftblk_repair *s = &rep->repair.slot[i];
		int slot;

		if (s->state != RAFTBLK_REPAIR_ASK || rep->now < s->ask_at)
			continue;
		slot = source_next(rep, s, ready);
		if (slot < 0)
			continue;
		repair_question(rep, s);
		s->state = RAFTBLK_REPAIR_ASKED;
		s->until = rep->now + raftblk_catchup_patience(rep);
		s->peer = rep->raft.config.member[slot].id;
		s->asked |= 1U << slot;
		raftblk_replica_msg(rep, m, RAFTBLK_MSG_FETCH, slot);
		m->ctx = s->ctx;
		m->status = RAFTBLK_FETCH_LOST;
		m->commit = 1;	/* a user waits */
		m->chunk = s->chunk;
		m->index = s->need;
		for (b = 0; b < RAFTBLK_CHUNK_BLOCKS; b++)
			f->hash[b] = cpu_to_le64(!(s->bad & (1ULL << b)));
		m->body = f;
		m->body_bytes = sizeof(*f);
		return true;
	}
	return poll_mended(rep, ready, m);
}

/* It says that it cannot: only that its own blocks are lost is final. */
static void receive_refusal(struct raftblk_replica *rep, struct raftblk_repair *s, u32 slot,
			    const struct raftblk_msg *m)
{
	if (m->status == EIO)
		s->refused |= 1U << slot;
	if (m->from == s->peer || m->status == EIO)
		repair_ask_next(s, m->status == EIO ? rep->now :
				rep->now + rep->raft.params.heartbeat_ns);
}

void raftblk_repair_receive(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m)
{
	struct raftblk_repair *s = repair_of(rep, m->chunk);
	const struct raftblk_wire_data *d = m->body;

	if (!s || (s->state != RAFTBLK_REPAIR_ASK && s->state != RAFTBLK_REPAIR_ASKED) ||
	    m->ctx != s->ctx || !(s->asked & (1U << slot)))
		return;
	if (m->status) {
		receive_refusal(rep, s, slot, m);
		return;
	}
	if (m->index < s->need || le64_to_cpu(d->differ) != s->bad ||
	    raftblk_fetch_bytes(raftblk_chunk_nsect(rep, s->chunk), s->bad,
				le64_to_cpu(d->zero)) != m->bytes || !m->bytes != !m->payload)
		return;
	s->state = RAFTBLK_REPAIR_HAVE;
	s->tag = m->index;
	s->until = rep->now + raftblk_catchup_patience(rep);
	s->zero = le64_to_cpu(d->zero);
	s->bytes = m->bytes;
	s->payload = m->payload;
	m->payload = NULL;
}

/* ---- own disk ---- */

/* An entry is handed out for apply. */
void raftblk_repair_applying(struct raftblk_replica *rep, const struct raftblk_entry *e, u64 index)
{
	u32 i;

	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++) {
		struct raftblk_repair *s = &rep->repair.slot[i];

		if (s->state != RAFTBLK_REPAIR_FREE && raftblk_chunk_overlaps(rep, s->chunk, e))
			s->touched = index;
	}
}

static bool repair_is_too_old(const struct raftblk_repair *s)
{
#ifdef RAFTBLK_PLANT_REPAIR_TAG_IGNORED
	return false;	/* planted fault: for the simulator to find */
#endif
	return s->touched > s->tag;
}

/* Two writes to the same place at once have an undefined outcome. */
bool raftblk_repair_holds(const struct raftblk_replica *rep, const struct raftblk_entry *e)
{
	u32 i;

	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++) {
		const struct raftblk_repair *s = &rep->repair.slot[i];

		if (s->state == RAFTBLK_REPAIR_WRITING ||
		    (s->state == RAFTBLK_REPAIR_HAVE && s->tag < rep->apply_next) ||
		    (s->state == RAFTBLK_REPAIR_ASKED && s->drops >= RAFTBLK_DROPS_MAX)) {
			if (raftblk_chunk_overlaps(rep, s->chunk, e))
				return true;
		}
	}
	return false;
}

/* May what came be written? */
static bool repair_is_due(struct raftblk_replica *rep, struct raftblk_repair *s)
{
	if (s->state != RAFTBLK_REPAIR_HAVE || s->tag >= rep->apply_next)
		return false;
	if (repair_is_too_old(s)) {
		s->drops++;
		repair_ask(rep, s);
		rep->busy = true;
		return false;
	}
	return !raftblk_chunk_is_applying(rep, s->chunk);
}

bool raftblk_repair_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	u32 i;

	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++) {
		struct raftblk_repair *s = &rep->repair.slot[i];

		if (s->state == RAFTBLK_REPAIR_LOOK) {
			s->state = RAFTBLK_REPAIR_LOOKING;
			a->type = RAFTBLK_ACT_REPAIR_LOOK;
			raftblk_chunk_io_fill(rep, &a->io, i, s->chunk, NULL);
			a->io.differ = s->want;
			return true;
		}
		if (!repair_is_due(rep, s))
			continue;
		s->state = RAFTBLK_REPAIR_WRITING;
		a->type = RAFTBLK_ACT_REPAIR_WRITE;
		raftblk_chunk_io_fill(rep, &a->io, i, s->chunk, NULL);
		a->io.differ = s->bad;
		a->io.zero = s->zero;
		a->io.payload = s->payload;
		return true;
	}
	return false;
}

void raftblk_replica_repair_looked(struct raftblk_replica *rep, u64 now, u32 id, u64 bad)
{
	struct raftblk_repair *s = &rep->repair.slot[id];

	rep->now = now;
	rep->busy = true;
	if (s->state != RAFTBLK_REPAIR_LOOKING)
		return;
	s->bad = bad & s->want;
	s->config_gen = rep->raft.config_gen;
	if (s->bad)
		repair_ask(rep, s);
	else
		repair_done(rep, s, 0);
}

/* The reads have what came, whether it could be written or not. */
void raftblk_replica_repair_written(struct raftblk_replica *rep, u64 now, u32 id, int status)
{
	struct raftblk_repair *s = &rep->repair.slot[id];

	rep->now = now;
	rep->busy = true;
	if (s->state != RAFTBLK_REPAIR_WRITING)
		return;
	if (status) {
		repair_failed(rep, s, s->mend_for ? status : 0);
		return;
	}
	if (!s->mend_for)
		rep->repair.blocks += hweight64(s->bad);
	repair_tell(rep, s, s->mend_for ? RAFTBLK_EVENT_MENDED : RAFTBLK_EVENT_READ_REPAIRED);
	repair_done(rep, s, 0);
}
