// SPDX-License-Identifier: GPL-2.0
#include "replica_world.h"

struct world world[4];
u64 now;
int world_failures;
static u32 payloads;	/* that are alive */
static u32 acts;	/* so many actions were there in this test */

/* ---- payloads ---- */

struct raftblk_payload *world_payload(u32 bytes, u8 fill)
{
	struct raftblk_payload *p = malloc(sizeof(*p));

	p->refs = 1;
	p->bytes = bytes;
	p->data = malloc(bytes);
	memset(p->data, fill, bytes);
	payloads++;
	return p;
}

static void payload_get(struct raftblk_payload *p)
{
	p->refs++;
}

static void payload_put(struct raftblk_payload *p)
{
	if (!p->refs)
		abort();
	if (--p->refs)
		return;
	payloads--;
	free(p->data);
	free(p);
}

static struct raftblk_payload *payload_alloc(void *ctx, u32 bytes)
{
	(void)ctx;
	return world_payload(bytes, 0);
}

static void *payload_map(struct raftblk_payload *p)
{
	return p->data;
}

static const struct raftblk_payload_ops ops = {
	.get = payload_get, .put = payload_put, .alloc = payload_alloc, .map = payload_map,
};

/* ---- the ring ---- */

static void ring_copy(struct world *w, u64 pos, void *buf, u32 bytes, bool write)
{
	u32 i;

	for (i = 0; i < bytes; i += 512) {
		u8 *at = w->ring + (pos + i / 512) % W_RING_SECTORS * 512;

		if (write)
			memcpy(at, (u8 *)buf + i, 512);
		else
			memcpy((u8 *)buf + i, at, 512);
	}
}

static int ring_read(void *ctx, u64 sector, u32 nsect, void *buf)
{
	struct world *w = ctx;

	memcpy(buf, w->ring + sector * 512, nsect * 512);
	return 0;
}

static void ring_write(struct world *w, const struct raftblk_log_write *wr, bool land)
{
	u32 bytes = round_up(wr->header_bytes + wr->payload_bytes, w->super.log_align);
	u8 *buf = calloc(1, bytes);
	u32 off = wr->header_bytes;
	u32 i;

	raftblk_log_encode(&w->rep.log, (struct raftblk_log_write *)wr, buf);
	for (i = 0; i < wr->nr; i++) {
		struct raftblk_entry *e = raftblk_log_entry(&w->rep.log, wr->first + i);

		if (e->bytes)
			memcpy(buf + off, e->payload->data, e->bytes);
		off += e->bytes;
	}
	if (land)
		ring_copy(w, wr->pos, buf, bytes, true);
	free(buf);
}

/* ---- a world ---- */

void world_make(u32 id, u32 voters)
{
	struct world *w = &world[id];
	struct raftblk_config *c = &w->ckpt[0].config;
	u32 i;

	memset(w, 0, sizeof(*w));
	w->id = id;
	w->params = (struct raftblk_replica_params)RAFTBLK_REPLICA_PARAMS_DEFAULT;
	w->params.raft.recall_ns = 0;	/* tests play some members themselves */
	memset(w->super.uuid, 7, 16);
	memset(w->super.incarnation, id, 16);
	w->super.node_id = id;
	w->super.block_size = 512;
	w->super.ring_start = RAFTBLK_RING_START;
	w->super.ring_sectors = W_RING_SECTORS;
	w->super.data_sectors = W_VOLUME;
	w->super.volume_sectors = W_VOLUME;
	w->room = W_VOLUME_MAX;
	memset(w->data + W_VOLUME * 512, 0xdb, (W_VOLUME_MAX - W_VOLUME) * 512);
	w->super.log_align = 512;
	w->super.max_entries = W_ENTRIES;
	w->super.extent_sectors = W_EXTENT;
	w->ckpt[0].volume_sectors = W_VOLUME;
	for (i = 0; i < voters; i++) {
		c->member[i].id = i + 1;
		c->member[i].flags = RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW;
		c->member[i].addr.family = 4;
		c->member[i].addr.port = 7789;
		memset(c->member[i].incarnation, i + 1, 16);
	}
	c->nr = voters;
	c->next_id = voters + 1;
}

void world_start(struct world *w)
{
	struct raftblk_reader rd = { ring_read, w, w->work, sizeof(w->work) };
	u32 v = w->vote[1].generation > w->vote[0].generation;
	u32 c = w->ckpt[1].generation > w->ckpt[0].generation;
	u32 i;

	w->slot = calloc(W_ENTRIES, sizeof(*w->slot));
	memset(w->version, 0, sizeof(w->version));
	memset(w->vmap_block, 0, sizeof(w->vmap_block));
	raftblk_vmap_init(&w->vmap, &w->super, w->version[0], &w->vmap_block[0]);
	w->nr_held = 0;
	w->up = true;
	check(!raftblk_replica_init(&w->rep, &w->super, &w->vote[v], &w->ckpt[c], &w->params,
				    &ops, w->slot, &rd, &w->vmap, now,
				    12345 + w->id + ((u64)w->lives++ << 32), &w->found));
	for (i = 1; i < ARRAY_SIZE(world); i++)
		if (world[i].up && i != w->id)
			raftblk_replica_connected(&world[i].rep, now, w->id);
	world_run(w);
}

void world_crash(struct world *w)
{
	u32 i;

	if (!w->up)
		return;
	w->up = false;
	for (i = 0; i < w->nr_held; i++)
		if (w->held[i].type == RAFTBLK_ACT_APPLY && w->held[i].entry.payload)
			payload_put(w->held[i].entry.payload);
	raftblk_replica_exit(&w->rep);
	free(w->slot);
}

void world_stop(struct world *w)
{
	raftblk_replica_stop(&w->rep, now);
	w->hold = 0;
	while (w->nr_held)
		world_complete(w, 0);
	world_run(w);
	world_crash(w);
}

void world_begin(void)
{
	memset(world, 0, sizeof(world));
	now = 1000 * MS;
	payloads = 0;
	acts = 0;
	world_failures = 0;
}

void world_end(void)
{
	u32 i;

	for (i = 1; i < ARRAY_SIZE(world); i++)
		if (world[i].up)
			world_stop(&world[i]);
	CHECK_EQ(world_failures, 0);
	CHECK_EQ(payloads, 0);
}

static void apply(struct world *w, const struct raftblk_entry *e)
{
	if (e->payload)
		memcpy(w->data + e->sector * 512, e->payload->data, e->bytes);
	else
		memset(w->data + e->sector * 512, 0, e->nsect * 512);
}

/* The buffer of a read lies behind its request. */
static void fill_read(struct world *w, struct raftblk_req *req)
{
	u8 *buf = (u8 *)(req + 1);
	u32 i;

	for (i = 0; i < req->nr_segments; i++) {
		const struct raftblk_segment *s = &req->segment[i];
		u8 *to = buf + (s->sector - req->sector) * 512;

		if (s->payload)
			memcpy(to, s->payload->data + s->offset, s->nsect * 512);
		else if (s->zero)
			memset(to, 0, s->nsect * 512);
		else
			memcpy(to, w->data + s->sector * 512, s->nsect * 512);
	}
}

static bool reads_disk(const struct raftblk_req *req)
{
	u32 i;

	for (i = 0; i < req->nr_segments; i++)
		if (!req->segment[i].payload && !req->segment[i].zero)
			return true;
	return false;
}

static void log_read(struct world *w, const struct raftblk_action *a, int status)
{
	struct raftblk_payload *p = world_payload(a->entry.bytes, 0);

	ring_copy(w, a->entry.pos, p->data, a->entry.bytes, false);
	if (!status && raftblk_crc(p->data, p->bytes) != a->entry.crc)
		status = -EBADMSG;
	if (status) {
		payload_put(p);
		p = NULL;
	}
	raftblk_replica_log_read(&w->rep, now, a->index, a->entry.term, p, status);
}

/* The map is not read back here: only the core's part in it is of interest. */
static void vmap_write(struct world *w, u32 block)
{
	u8 buf[RAFTBLK_META_BYTES];

	raftblk_vmap_encode(&w->vmap, block, buf);
}

static void chunk_write(struct world *w, const struct raftblk_chunk_io *io)
{
	const u8 *from = io->payload ? io->payload->data : NULL;
	u32 i;

	for (i = 0; i < io->nsect / 8; i++) {
		u8 *to = w->data + (io->sector + i * 8) * 512;

		if (!(io->differ & (1ULL << i)))
			continue;
		if (io->zero & (1ULL << i)) {
			memset(to, 0, 4096);
			continue;
		}
		memcpy(to, from, 4096);
		from += 4096;
	}
}

/* Everything differs, or what is asked for. */
static void chunk_serve(struct world *w, const struct raftblk_chunk_io *io, int status)
{
	struct raftblk_chunk_diff d = { };
	u32 i;

	if (!status) {
		d.payload = world_payload(io->nsect * 512, 0);
		for (i = 0; i < io->nsect / 8; i++) {
			if (io->lost && io->hash[i])
				continue;
			d.differ |= 1ULL << i;
			memcpy(d.payload->data + d.bytes, w->data + (io->sector + i * 8) * 512, 4096);
			d.bytes += 4096;
		}
		d.payload->bytes = d.bytes;
		d.crc = raftblk_crc(d.payload->data, d.bytes);
	}
	raftblk_replica_chunk_served(&w->rep, now, io->id, &d, status);
}

static void chunk_hash(struct world *w, const struct raftblk_chunk_io *io)
{
	u32 i;

	memset(io->hash, 0, RAFTBLK_CHUNK_BLOCKS * sizeof(*io->hash));
	for (i = 0; i < io->nsect / 8; i++)
		io->hash[i] = 1 + raftblk_crc(w->data + (io->sector + i * 8) * 512, 4096);
}

static void grow(struct world *w, u64 sectors, int status)
{
	u32 map = ++w->maps & 1;
	u64 old = w->super.data_sectors;

	if (!status && sectors > w->room)
		status = -ENOSPC;
	if (!status) {
		memset(w->data + old * 512, 0, (sectors - old) * 512);
		w->super.data_sectors = sectors;
	}
	memset(w->version[map], 0, sizeof(w->version[map]));
	memset(&w->vmap_block[map], 0, sizeof(w->vmap_block[map]));
	raftblk_replica_grown(&w->rep, now, status, status ? w->room : sectors, w->version[map],
			      &w->vmap_block[map]);
}

static void complete(struct world *w, struct raftblk_action *a)
{
	int status = w->fail & (1U << a->type) ? -EIO : 0;

	switch (a->type) {
	case RAFTBLK_ACT_LOG_WRITE:
		raftblk_replica_log_written(&w->rep, now, a->index, status);
		break;
	case RAFTBLK_ACT_LOG_READ:
		log_read(w, a, status);
		break;
	case RAFTBLK_ACT_VOTE_WRITE:
		if (!status)
			w->vote[a->vote.generation & 1] = a->vote;
		raftblk_replica_vote_written(&w->rep, now, a->vote.generation, status);
		break;
	case RAFTBLK_ACT_CKPT_WRITE:
		if (!status)
			w->ckpt[a->ckpt->generation & 1] = *a->ckpt;
		raftblk_replica_ckpt_written(&w->rep, now, status);
		break;
	case RAFTBLK_ACT_APPLY:
		if (!status)
			apply(w, &a->entry);
		if (a->entry.payload)
			payload_put(a->entry.payload);
		raftblk_replica_applied(&w->rep, now, a->index, status);
		break;
	case RAFTBLK_ACT_FLUSH:
		raftblk_replica_flushed(&w->rep, now, status);
		break;
	case RAFTBLK_ACT_READ:
		fill_read(w, a->req);
		raftblk_replica_read_done(&w->rep, now, a->req, reads_disk(a->req) ? status : 0);
		break;
	case RAFTBLK_ACT_VMAP_WRITE:
		raftblk_replica_vmap_written(&w->rep, now, status);
		break;
	case RAFTBLK_ACT_CHUNK_READ:
		memset(a->io.hash, 1, RAFTBLK_CHUNK_BLOCKS * sizeof(*a->io.hash));
		raftblk_replica_chunk_read(&w->rep, now, a->io.id);
		break;
	case RAFTBLK_ACT_CHUNK_WRITE:
		chunk_write(w, &a->io);
		raftblk_replica_chunk_written(&w->rep, now, a->io.id, status);
		break;
	case RAFTBLK_ACT_CHUNK_SERVE:
		chunk_serve(w, &a->io, status);
		break;
	case RAFTBLK_ACT_CHUNK_HASH:
		chunk_hash(w, &a->io);
		raftblk_replica_chunk_hashed(&w->rep, now, a->io.id, status);
		break;
	case RAFTBLK_ACT_REPAIR_LOOK:
		raftblk_replica_repair_looked(&w->rep, now, a->io.id, status ? a->io.differ : 0);
		break;
	case RAFTBLK_ACT_REPAIR_WRITE:
		if (!status)
			chunk_write(w, &a->io);
		raftblk_replica_repair_written(&w->rep, now, a->io.id, status);
		break;
	case RAFTBLK_ACT_GROW:
		grow(w, a->grow.sectors, status);
		break;
	default:
		break;
	}
}

void world_complete_at(const char *file, int line, struct world *w, u32 i)
{
	struct raftblk_action a;

	if (i >= w->nr_held)
		unit_fail(file, line, "member %u holds %u actions, there is none to complete at %d",
			  w->id, w->nr_held, (int)i);
	a = w->held[i];
	memmove(&w->held[i], &w->held[i + 1], (--w->nr_held - i) * sizeof(a));
	complete(w, &a);
	world_run(w);
}

int world_held(const struct world *w, enum raftblk_action_type type, u64 index)
{
	u32 i;

	for (i = 0; i < w->nr_held; i++)
		if (w->held[i].type == type && (!index || w->held[i].index == index))
			return i;
	return -1;
}

/* ---- messages ---- */

static void deliver(struct world *from, const struct raftblk_msg *sent)
{
	struct world *to = sent->to < ARRAY_SIZE(world) ? &world[sent->to] : NULL;
	struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	struct raftblk_msg m = *sent;
	u32 i;

	if (from->nr_msg < W_MSGS)
		from->msg[from->nr_msg++] = *sent;
	if (!to || !to->up || to->cut || from->cut) {
		if (m.payload)
			payload_put(m.payload);
		return;
	}
	for (i = 0; m.type == RAFTBLK_MSG_APPEND && i < m.nr; i++) {
		ent[i] = *raftblk_log_entry(&from->rep.log, m.index + 1 + i);
		if (ent[i].payload)
			payload_get(ent[i].payload);
	}
	m.ent = m.type == RAFTBLK_MSG_APPEND ? ent : NULL;
	raftblk_replica_receive(&to->rep, now, &m);
}

static void act(struct world *w, struct raftblk_action *a)
{
	if (++acts > W_ACTS_MAX)
		unit_fail(__FILE__, __LINE__, "goes in circles: member %u, action %u", w->id, a->type);
	w->count[a->type]++;
	switch (a->type) {
	case RAFTBLK_ACT_SEND:
		deliver(w, &a->msg);
		return;
	case RAFTBLK_ACT_EVENT:
		if (w->nr_event < ARRAY_SIZE(w->event))
			w->event[w->nr_event++] = (struct raftblk_pending_event){
				a->event.type, a->event.a, a->event.b, a->event.c };
		return;
	case RAFTBLK_ACT_OPENED:
		w->opened = a->open;
		return;
	case RAFTBLK_ACT_CHANGED:
		w->changed = a->change;
		return;
	case RAFTBLK_ACT_DONE:
		return;
	case RAFTBLK_ACT_LOG_WRITE: {
		u64 id = a->write->id;

		ring_write(w, a->write, !(w->hold & (1U << a->type)));
		a->index = id;
		break;
	}
	case RAFTBLK_ACT_APPLY:
		if (a->entry.payload)
			payload_get(a->entry.payload);
		break;
	case RAFTBLK_ACT_VMAP_WRITE:
		vmap_write(w, a->block);
		break;
	default:
		break;
	}
	if (w->hold & (1U << a->type)) {
		CHECK(w->nr_held < W_HELD);
		w->held[w->nr_held++] = *a;
		return;
	}
	complete(w, a);
}

/* Until nobody has anything to do: messages wake others. */
void world_run(struct world *w)
{
	struct raftblk_action a;
	bool again = true;
	u32 i;

	(void)w;
	while (again) {
		again = false;
		for (i = 1; i < ARRAY_SIZE(world); i++) {
			while (world[i].up &&
			       raftblk_replica_next(&world[i].rep, now, ~world[i].unready, &a)) {
				act(&world[i], &a);
				again = true;
			}
		}
	}
}

void pass(u64 ms)
{
	u32 i;

	while (ms--) {
		now += MS;
		if (now > W_TIME_MAX)
			unit_fail(__FILE__, __LINE__, "what it waits for does not happen");
		for (i = 1; i < ARRAY_SIZE(world); i++)
			if (world[i].up && now >= raftblk_replica_deadline(&world[i].rep))
				raftblk_replica_tick(&world[i].rep, now);
		world_run(NULL);
	}
}

void lead(struct world *w)
{
	u32 ms;

	for (ms = 0; ms < 20000 && !raft_leads(&w->rep.raft); ms += 10) {
		u32 i;

		for (i = 1; i < ARRAY_SIZE(world); i++)
			if (world[i].up && &world[i] != w && raft_leads(&world[i].rep.raft))
				raft_transfer(&world[i].rep.raft, now, w->id);
		pass(10);
	}
	check(raft_leads(&w->rep.raft));
}

/* ---- requests ---- */

struct raftblk_req *submit(struct world *w, u8 op, u64 sector, u32 nsect, u8 fill)
{
	struct raftblk_req *req = calloc(1, sizeof(*req) + nsect * 512);

	req->op = op;
	req->sector = sector;
	req->nsect = nsect;
	if (op == RAFTBLK_OP_WRITE) {
		req->payload = world_payload(nsect * 512, fill);
		req->crc = raftblk_crc(req->payload->data, nsect * 512);
	}
	raftblk_replica_submit(&w->rep, now, req);
	world_run(w);
	return req;
}

int read_byte(struct world *w, u64 sector)
{
	struct raftblk_req *req = submit(w, RAFTBLK_REQ_READ, sector, 1, 0);
	int byte = -1;

	if (req->state != RAFTBLK_REQ_ENDED)
		return byte;	/* leaks: the test will fail anyway */
	if (!req->status)
		byte = *(u8 *)(req + 1);
	free(req);
	return byte;
}

int open_now(struct world *w, struct raftblk_open *open)
{
	memset(open, 0, sizeof(*open));
	w->opened = NULL;
	raftblk_replica_open(&w->rep, now, open);
	world_run(w);
	return w->opened == open ? open->status : 1;
}

u32 events(const struct world *w, enum raftblk_event_type type)
{
	u32 n = 0;
	u32 i;

	for (i = 0; i < w->nr_event; i++)
		n += w->event[i].type == type;
	return n;
}

void ended(struct raftblk_req *req, int status)
{
	check(req->state == RAFTBLK_REQ_ENDED);
	check(req->status == status);
	if (req->state == RAFTBLK_REQ_ENDED)
		free(req);
}

u32 entries_at(struct world *w, u64 sector)
{
	u32 n = 0;
	u64 i;

	for (i = w->rep.log.first; i <= w->rep.log.last; i++) {
		const struct raftblk_entry *e = raftblk_log_entry(&w->rep.log, i);

		n += raftblk_entry_is_data(e) && e->sector == sector;
	}
	return n;
}

void start_all(u32 n)
{
	u32 i;

	for (i = 1; i <= n; i++)
		world_make(i, n);
	for (i = 1; i <= n; i++)
		world_start(&world[i]);
}

int change_now(struct world *w, struct raftblk_change *c)
{
	c->deadline = now + 5000 * MS;
	w->changed = NULL;
	raftblk_replica_change(&w->rep, now, c);
	world_run(w);
	pass(100);
	return w->changed == c ? c->status : 1;
}
