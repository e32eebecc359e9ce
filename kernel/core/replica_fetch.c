// SPDX-License-Identifier: GPL-2.0
/*
 * A member that is catching up: which chunks, from whom, and when what came may be
 * written.
 *
 * A chunk comes as it was at some index t at the source.  Entries up to t that are
 * applied here before or after end at the same content, because they are applied in
 * order and the content already has them.  An entry above t that was applied here
 * first would be lost: then the answer is dropped and the question asked again
 * (rule 15).
 */
#include "replica_internal.h"

/* ---- start and stop ---- */

static void fetch_free(struct raftblk_replica *rep, struct raftblk_fetch *f)
{
	if (f->payload)
		rep->ops.put(f->payload);
	f->payload = NULL;
	f->state = RAFTBLK_FETCH_FREE;
}

/* Chunks below @cursor are done; nothing is under way. */
void raftblk_fetch_start(struct raftblk_replica *rep, u64 cursor)
{
	struct raftblk_catchup *c = &rep->catchup;

	c->next = cursor;
	c->all_listed = !raftblk_chunk_count(rep);
	c->left = 0;
	c->nr_list = 0;
	c->list_ctx = 0;
	c->list_asked = false;
	c->list_at = 0;
	c->list_until = RAFTBLK_NEVER;
}

static bool fetch_is_io(const struct raftblk_fetch *f)
{
	return f->state == RAFTBLK_FETCH_READING || f->state == RAFTBLK_FETCH_WRITING;
}

/* Chunks to be done, as far as it is known: a guess of who was asked last. */
u64 raftblk_fetch_left(const struct raftblk_replica *rep)
{
	const struct raftblk_catchup *c = &rep->catchup;
	u64 left = c->left + c->nr_list;
	u32 i;

	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++)
		left += c->fetch[i].state != RAFTBLK_FETCH_FREE;
	return left;
}

/* Give up what is under way, except what the shell has.  True: nothing is left. */
bool raftblk_fetch_stop(struct raftblk_replica *rep)
{
	struct raftblk_catchup *c = &rep->catchup;
	bool idle = true;
	u32 i;

	raftblk_fetch_start(rep, raftblk_fetch_cursor(rep));
	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++) {
		if (fetch_is_io(&c->fetch[i]))
			idle = false;
		else
			fetch_free(rep, &c->fetch[i]);
	}
	return idle;
}

void raftblk_fetch_drop_all(struct raftblk_replica *rep)
{
	u32 i;

	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++)
		fetch_free(rep, &rep->catchup.fetch[i]);
}

/* All chunks below are done. */
u64 raftblk_fetch_cursor(const struct raftblk_replica *rep)
{
	const struct raftblk_catchup *c = &rep->catchup;
	u64 cursor = c->nr_list ? c->list[0] : c->next;
	u32 i;

	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++)
		if (c->fetch[i].state != RAFTBLK_FETCH_FREE)
			cursor = min(cursor, c->fetch[i].chunk);
	return cursor;
}

/*
 * All is here, and the log has come as far as any of it: before that, a chunk may
 * show entries that others do not.
 */
bool raftblk_fetch_is_done(const struct raftblk_replica *rep)
{
	const struct raftblk_catchup *c = &rep->catchup;
	u32 i;

	if (c->state != RAFTBLK_CATCHUP_FETCH || !c->all_listed || c->nr_list ||
	    rep->applied < c->tag)
		return false;
	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++)
		if (c->fetch[i].state != RAFTBLK_FETCH_FREE)
			return false;
	return true;
}

/* ---- sources ---- */

/* A witness has no data, whatever it may have of the log. */
bool raftblk_fetch_is_source(const struct raftblk_replica *rep, const struct raftblk_member *m)
{
#ifdef RAFTBLK_PLANT_WITNESS_SERVES
	return m->id != rep->raft.id;	/* planted fault: for the simulator to find */
#endif
	return m->id != rep->raft.id && raftblk_member_has_data(m);
}

/*
 * The next member in turn.  Followers first: the leader has enough to do; it comes
 * into question when there is nobody else, and after that in its turn.
 */
static void source_change(struct raftblk_replica *rep)
{
	const struct raftblk_config *config = &rep->raft.config;
	struct raftblk_catchup *c = &rep->catchup;
	int at = raftblk_config_find(config, c->source);
	bool first = !c->source;
	u32 i, id = 0;

	for (i = 1; i <= config->nr; i++) {
		u32 slot = (at + i + config->nr) % config->nr;

		if (!raftblk_fetch_is_source(rep, &config->member[slot]))
			continue;
		if (!id)
			id = config->member[slot].id;
		if (!first || config->member[slot].id != rep->raft.leader) {
			id = config->member[slot].id;
			break;
		}
	}
	if (id == c->source)
		return;
	c->source = id;
	c->sources++;
	raftblk_replica_event(rep, RAFTBLK_EVENT_CATCHUP_SOURCE, id, 0);
}

/* ---- what to ask for ---- */

static void fetch_ask(struct raftblk_replica *rep, struct raftblk_fetch *f, u64 at)
{
	f->state = RAFTBLK_FETCH_ASK;
	f->ask_at = at;
	f->until = at + raftblk_catchup_patience(rep);
}

/*
 * Read what is here and say what it hashes to; a chunk that was never written is
 * known.  Only if that is known for sure: a map that was read from disk may lack what
 * was applied after the checkpoint.
 */
static void fetch_begin(struct raftblk_replica *rep, struct raftblk_fetch *f)
{
	f->ctx = ++rep->catchup.ctx;
	f->zeroed = rep->catchup.blank && !raftblk_vmap_chunk_version(rep->vmap, f->chunk);
	if (f->zeroed)
		fetch_ask(rep, f, rep->now);
	else
		f->state = RAFTBLK_FETCH_READ;
}

/* Given up and listed again while the shell had it: one at a time. */
static bool chunk_is_busy(const struct raftblk_replica *rep, u64 chunk)
{
	u32 i;

	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++)
		if (rep->catchup.fetch[i].state != RAFTBLK_FETCH_FREE &&
		    rep->catchup.fetch[i].chunk == chunk)
			return true;
	return false;
}

static void slots_fill(struct raftblk_replica *rep)
{
	struct raftblk_catchup *c = &rep->catchup;
	u32 i;

	for (i = 0; i < RAFTBLK_FETCH_SLOTS && c->nr_list; i++) {
		struct raftblk_fetch *f = &c->fetch[i];

		if (f->state != RAFTBLK_FETCH_FREE)
			continue;
		if (chunk_is_busy(rep, c->list[0]))
			return;
		f->chunk = c->list[0];
		f->drops = 0;
		c->nr_list--;
		memmove(c->list, c->list + 1, c->nr_list * sizeof(c->list[0]));
		fetch_begin(rep, f);
	}
}

/* Who does not answer is not asked again at once. */
static void questions_expire(struct raftblk_replica *rep)
{
	struct raftblk_catchup *c = &rep->catchup;
	bool silent = false;
	u32 i;

	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++) {
		struct raftblk_fetch *f = &c->fetch[i];

		if ((f->state == RAFTBLK_FETCH_ASK || f->state == RAFTBLK_FETCH_ASKED) &&
		    rep->now >= f->until) {
			/* Nothing waits for long for one that does not answer. */
			f->drops = 0;
			fetch_ask(rep, f, rep->now);
			silent = true;
		}
	}
	if (rep->now >= c->list_until) {
		c->list_asked = false;
		c->list_until = RAFTBLK_NEVER;
		c->list_at = rep->now;
		silent = true;
	}
	if (silent)
		source_change(rep);
}

static bool needs_list(const struct raftblk_replica *rep)
{
	return !rep->catchup.all_listed && !rep->catchup.nr_list;
}

/*
 * The time for an answer runs from when it is wanted, not from when the question is sent: a
 * source that is down is never ready to be asked, and nobody would look for another.
 */
static void list_await(struct raftblk_replica *rep)
{
	struct raftblk_catchup *c = &rep->catchup;

	if (needs_list(rep) && c->list_until == RAFTBLK_NEVER)
		c->list_until = max(rep->now, c->list_at) + raftblk_catchup_patience(rep);
}

void raftblk_fetch_step(struct raftblk_replica *rep)
{
	struct raftblk_catchup *c = &rep->catchup;

	/* A witness has all that it needs with the boundary. */
	if (raftblk_replica_is_witness(rep))
		return;
	if (!c->source || raftblk_config_find(&rep->raft.config, c->source) < 0)
		source_change(rep);
	questions_expire(rep);
	slots_fill(rep);
	list_await(rep);
}

static bool wants_to_ask_list(const struct raftblk_replica *rep)
{
	return needs_list(rep) && !rep->catchup.list_asked;
}

u64 raftblk_fetch_deadline(const struct raftblk_replica *rep)
{
	const struct raftblk_catchup *c = &rep->catchup;
	u64 at = raftblk_deadline_ahead(rep, c->list_until);
	u32 i;

	if (c->state != RAFTBLK_CATCHUP_FETCH)
		return RAFTBLK_NEVER;
	if (wants_to_ask_list(rep))
		at = min(at, raftblk_deadline_ahead(rep, c->list_at));
	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++) {
		const struct raftblk_fetch *f = &c->fetch[i];

		if (f->state == RAFTBLK_FETCH_ASK)
			at = min(at, raftblk_deadline_ahead(rep, f->ask_at));
		if (f->state == RAFTBLK_FETCH_ASK || f->state == RAFTBLK_FETCH_ASKED)
			at = min(at, raftblk_deadline_ahead(rep, f->until));
	}
	return at;
}

/* ---- messages ---- */

/*
 * It says that it cannot answer: ask another one, in a moment.  One that has more
 * important things to do is asked again.
 */
static u64 refused(struct raftblk_replica *rep, const struct raftblk_msg *m)
{
	if (m->from == rep->catchup.source && m->status != EBUSY)
		source_change(rep);
	return rep->now + rep->raft.params.heartbeat_ns;
}

/*
 * The source may be of another size, if only one of the two has applied a RESIZE.  That one
 * lies above the boundary, and so does all that was written behind the old end: it comes with
 * the log, and whatever lies behind our end need not be asked for.
 */
static void list_take(struct raftblk_replica *rep, const struct raftblk_msg *m)
{
	u64 end = raftblk_chunk_count(rep);
	struct raftblk_catchup *c = &rep->catchup;
	const __le64 *listed = m->body;
	u32 i;

	c->nr_list = 0;
	for (i = 0; i < m->nr && le64_to_cpu(listed[i]) < end; i++)
		c->list[c->nr_list++] = le64_to_cpu(listed[i]);
	c->all_listed = (m->flags & RAFTBLK_MSG_F_END) || m->chunk >= end;
	c->next = c->all_listed ? end : m->chunk;
	c->left = min(m->index, end - c->next);
}

void raftblk_fetch_receive_list(struct raftblk_replica *rep, const struct raftblk_msg *m)
{
	struct raftblk_catchup *c = &rep->catchup;
	const __le64 *listed = m->body;

	if (c->state != RAFTBLK_CATCHUP_FETCH || !c->list_ctx || m->ctx != c->list_ctx)
		return;
	if (!m->status && (m->chunk < c->next || (m->nr && le64_to_cpu(listed[0]) < c->next)))
		return;
	c->list_ctx = 0;
	c->list_asked = false;
	c->list_until = RAFTBLK_NEVER;
	/* One that says nothing and goes nowhere would be asked for ever. */
	if (m->status || !(m->nr || m->flags & RAFTBLK_MSG_F_END || m->chunk > c->next)) {
		c->list_at = refused(rep, m);
		return;
	}
	list_take(rep, m);
}

static struct raftblk_fetch *fetch_asked(struct raftblk_replica *rep, const struct raftblk_msg *m)
{
	u32 i;

	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++) {
		struct raftblk_fetch *f = &rep->catchup.fetch[i];

		if ((f->state == RAFTBLK_FETCH_ASK || f->state == RAFTBLK_FETCH_ASKED) &&
		    f->ctx == m->ctx && f->chunk == m->chunk)
			return f;
	}
	return NULL;
}

/* Bytes that the payload of these blocks has to have; -1: there is no such block. */
s64 raftblk_fetch_bytes(u32 nsect, u64 differ, u64 zero)
{
	s64 bytes = 0;
	u32 i;

	for (i = 0; i < RAFTBLK_CHUNK_BLOCKS; i++) {
		u32 at = i * RAFTBLK_BLOCK_SECTORS;

		if (!(differ & (1ULL << i)))
			continue;
		if (at >= nsect)
			return -1;
		if (!(zero & (1ULL << i)))
			bytes += 512 * min_t(u32, RAFTBLK_BLOCK_SECTORS, nsect - at);
	}
	return bytes;
}

/*
 * Rule 15: has anything above the index it was read at been applied here?  The version
 * is that of the extent, and may be another chunk's: then it is asked again in vain,
 * which does no harm.
 */
static bool data_is_too_old(struct raftblk_replica *rep, struct raftblk_fetch *f, u64 tag)
{
#ifdef RAFTBLK_PLANT_EXTENT_TAG_IGNORED
	return false;	/* planted fault: for the simulator to find */
#endif
	return raftblk_vmap_chunk_version(rep->vmap, f->chunk) > tag;
}

static void data_take(struct raftblk_replica *rep, struct raftblk_fetch *f, struct raftblk_msg *m)
{
	const struct raftblk_wire_data *d = m->body;
	struct raftblk_catchup *c = &rep->catchup;
	u64 version = le64_to_cpu(d->version);

	f->nsect = raftblk_chunk_nsect(rep, f->chunk);
	f->differ = le64_to_cpu(d->differ);
	f->zero = le64_to_cpu(d->zero);
	f->bytes = m->bytes;
	f->payload = m->payload;
	m->payload = NULL;
	f->state = RAFTBLK_FETCH_WRITE;
	c->bytes += m->bytes;
	c->tag = max(c->tag, m->index);
	/* Whatever was applied somewhere is committed: see raft_commit_known(). */
	rep->raft.seen_commit = max(rep->raft.seen_commit, max(m->index, version));
	raftblk_vmap_chunk_raise(rep->vmap, f->chunk, version);
}

void raftblk_fetch_receive_data(struct raftblk_replica *rep, struct raftblk_msg *m)
{
	const struct raftblk_wire_data *d = m->body;
	struct raftblk_catchup *c = &rep->catchup;
	struct raftblk_fetch *f;

	f = fetch_asked(rep, m);
	if (!f)
		return;
	if (m->status) {
		/* Another one has been asked since: what the first says does not matter. */
		if (f->state == RAFTBLK_FETCH_ASKED && f->peer == m->from)
			fetch_ask(rep, f, refused(rep, m));
		return;
	}
	if (m->index < c->boundary ||
	    raftblk_fetch_bytes(raftblk_chunk_nsect(rep, f->chunk), le64_to_cpu(d->differ),
			 le64_to_cpu(d->zero)) != m->bytes || !m->bytes != !m->payload)
		return;
	/* Else the leader of an older term would be told of the tag that it is committed. */
	if (!raft_term_seen(&rep->raft, rep->now, m->term)) {
		fetch_ask(rep, f, rep->now + rep->raft.params.heartbeat_ns);
		return;
	}
	if (data_is_too_old(rep, f, m->index)) {
		c->dropped++;
		f->drops++;
		fetch_begin(rep, f);
		return;
	}
	data_take(rep, f, m);
}

static void poll_list(struct raftblk_replica *rep, u32 slot, struct raftblk_msg *m)
{
	struct raftblk_catchup *c = &rep->catchup;

	c->list_ctx = ++c->ctx;
	c->list_asked = true;
	c->list_until = rep->now + raftblk_catchup_patience(rep);
	raftblk_replica_msg(rep, m, RAFTBLK_MSG_LIST_REQ, slot);
	m->ctx = c->list_ctx;
	m->chunk = c->next;
	m->commit = c->base;
	m->index = c->boundary;
}

static void poll_fetch(struct raftblk_replica *rep, struct raftblk_fetch *f, u32 slot,
		       struct raftblk_msg *m)
{
	struct raftblk_catchup *c = &rep->catchup;
	u32 i;

	f->state = RAFTBLK_FETCH_ASKED;
	f->peer = c->source;
	raftblk_replica_msg(rep, m, RAFTBLK_MSG_FETCH, slot);
	m->ctx = f->ctx;
	m->commit = f->drops >= RAFTBLK_DROPS_MAX;
	m->chunk = f->chunk;
	/* What has less would be dropped. */
	m->index = max(c->boundary, raftblk_vmap_chunk_version(rep->vmap, f->chunk));
	if (f->zeroed)
		return;
	for (i = 0; i < RAFTBLK_CHUNK_BLOCKS; i++)
		c->body.fetch.hash[i] = cpu_to_le64(f->hash[i]);
	m->body = &c->body.fetch;
	m->body_bytes = sizeof(c->body.fetch);
}

bool raftblk_fetch_poll(struct raftblk_replica *rep, u32 ready, struct raftblk_msg *m)
{
	struct raftblk_catchup *c = &rep->catchup;
	int slot = raftblk_config_find(&rep->raft.config, c->source);
	u32 i;

	if (c->state != RAFTBLK_CATCHUP_FETCH || slot < 0 || !(ready & (1U << slot)))
		return false;
	if (wants_to_ask_list(rep) && rep->now >= c->list_at) {
		poll_list(rep, slot, m);
		return true;
	}
	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++) {
		struct raftblk_fetch *f = &c->fetch[i];

		if (f->state == RAFTBLK_FETCH_ASK && rep->now >= f->ask_at) {
			poll_fetch(rep, f, slot, m);
			return true;
		}
	}
	return false;
}

/* ---- own disk ---- */

static void fetch_done(struct raftblk_replica *rep, struct raftblk_fetch *f)
{
	fetch_free(rep, f);
	rep->catchup.done++;
	raftblk_rate_note(&rep->catchup.rate, rep->now, rep->vmap->chunk_sectors * 512);
	rep->busy = true;
}

bool raftblk_fetch_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	u32 i;

	if (rep->catchup.state != RAFTBLK_CATCHUP_FETCH)
		return false;
	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++) {
		struct raftblk_fetch *f = &rep->catchup.fetch[i];

		if (f->state == RAFTBLK_FETCH_READ) {
			f->state = RAFTBLK_FETCH_READING;
			a->type = RAFTBLK_ACT_CHUNK_READ;
			raftblk_chunk_io_fill(rep, &a->io, i, f->chunk, f->hash);
			return true;
		}
		if (f->state != RAFTBLK_FETCH_WRITE || raftblk_chunk_is_applying(rep, f->chunk))
			continue;
		if (!f->differ) {
			fetch_done(rep, f);
			continue;
		}
		f->state = RAFTBLK_FETCH_WRITING;
		a->type = RAFTBLK_ACT_CHUNK_WRITE;
		raftblk_chunk_io_fill(rep, &a->io, i, f->chunk, f->hash);
		/* The volume may have grown since, and the chunk with it. */
		a->io.nsect = f->nsect;
		a->io.differ = f->differ;
		a->io.zero = f->zero;
		a->io.payload = f->payload;
		return true;
	}
	return false;
}

/* Two writes to the same place at once have an undefined outcome. */
bool raftblk_fetch_holds(const struct raftblk_replica *rep, const struct raftblk_entry *e)
{
	u32 i;

	if (!rep->raft.incomplete)
		return false;
	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++) {
		const struct raftblk_fetch *f = &rep->catchup.fetch[i];

		if (f->state == RAFTBLK_FETCH_WRITE || f->state == RAFTBLK_FETCH_WRITING ||
		    (f->state == RAFTBLK_FETCH_ASKED && f->drops >= RAFTBLK_DROPS_MAX)) {
			if (raftblk_chunk_overlaps(rep, f->chunk, e))
				return true;
		}
	}
	return false;
}

void raftblk_replica_chunk_read(struct raftblk_replica *rep, u64 now, u32 id)
{
	struct raftblk_fetch *f = &rep->catchup.fetch[id];

	rep->now = now;
	rep->busy = true;
	if (f->state != RAFTBLK_FETCH_READING)
		return;
	if (rep->catchup.state == RAFTBLK_CATCHUP_FETCH)
		fetch_ask(rep, f, now);
	else
		fetch_free(rep, f);
}

void raftblk_replica_chunk_written(struct raftblk_replica *rep, u64 now, u32 id, int status)
{
	struct raftblk_fetch *f = &rep->catchup.fetch[id];

	rep->now = now;
	rep->busy = true;
	if (f->state != RAFTBLK_FETCH_WRITING)
		return;
	if (status)
		raftblk_replica_fault(rep, status);
	fetch_done(rep, f);
}
