// SPDX-License-Identifier: GPL-2.0
/*
 * One machine: a disk, a clock, memory, and the replica between them.  Plays
 * the part of kernel/linux: starts what raftblk_replica_next() hands out and
 * reports how it ended.
 */
#include "sim.h"

struct node node[SIM_NODES];

/* ---- payloads ---- */

struct raftblk_payload *payload_new(struct node *n, u32 bytes)
{
	struct raftblk_payload *p = calloc(1, sizeof(*p) + bytes);

	assert(p);
	p->node = n;
	p->refs = 1;
	p->bytes = bytes;
	list_add_tail(&p->link, &n->payloads);
	return p;
}

void payload_get(struct raftblk_payload *p)
{
	if (!p->refs)
		sim_fail("node %u: reference to a payload that is gone", p->node->id);
	p->refs++;
}

void payload_put(struct raftblk_payload *p)
{
	if (!p->refs)
		sim_fail("node %u: payload put once too often", p->node->id);
	if (--p->refs)
		return;
	list_del(&p->link);
	free(p);
}

struct raftblk_payload *payload_alloc(void *ctx, u32 bytes)
{
	assert(bytes <= 4096);
	return payload_new(ctx, bytes);
}

void *payload_map(struct raftblk_payload *p)
{
	return p->data;
}

/* The power went: nobody will put them any more. */
void node_payloads_gone(struct node *n)
{
	struct raftblk_payload *p, *tmp;

	list_for_each_entry_safe(p, tmp, &n->payloads, link)
		free(p);
	INIT_LIST_HEAD(&n->payloads);
}

/* ---- clock ---- */

u64 node_now(const struct node *n)
{
	return n->base_local + (sim.now - n->base_real) * n->ppm / 1000000;
}

static u64 node_real(const struct node *n, u64 local)
{
	if (local <= n->base_local)
		return sim.now;
	return n->base_real + (local - n->base_local) * 1000000 / n->ppm + 2;
}

/* From now on the clock runs at another speed, within what the lease allows for. */
void node_drift(struct node *n)
{
	u32 d = sim.set.drift_ppm;

	n->base_local = node_now(n);
	n->base_real = sim.now;
	n->ppm = 1000000 + rnd(2 * d + 1) - d;
}

static void node_tick(struct event *ev)
{
	struct node *n = ev->node;

	if ((u64)(uintptr_t)ev->arg != n->tick_gen)
		return;
	n->tick_at = NEVER;
	if (n->stopping)
		return;
	if (node_now(n) >= raftblk_replica_deadline(&n->rep)) {
		raftblk_replica_tick(&n->rep, node_now(n));
		if (raftblk_replica_deadline(&n->rep) > node_now(n))
			n->spins = 0;
		else if (++n->spins > 2000)
			sim_fail("node %u: its deadline stays in the past", n->id);
	}
	node_run(n);
}

static void node_arm(struct node *n)
{
	u64 local = raftblk_replica_deadline(&n->rep);
	u64 at;

	if (local == NEVER || n->stopping)
		return;
	at = max(node_real(n, local), sim.now + 1000);
	if (n->tick_at <= at)
		return;
	n->tick_at = at;
	n->tick_gen++;
	sim_post(at - sim.now + rnd(100 * USEC), node_tick, n,
		 (void *)(uintptr_t)n->tick_gen)->life = n->life;
}

/* ---- actions: the log ---- */

struct disk_op *io_new(struct node *n, enum disk_kind kind, u32 bytes,
		       void (*done)(struct disk_op *op))
{
	n->nr_io++;
	return disk_op_new(n, kind, bytes, done);
}

void io_end(struct disk_op *op)
{
	op->node->nr_io--;
	disk_free(op);
}

/* A stretch of the ring, which may run over its end. */
static void add_ring(struct disk_op *op, u64 pos, u32 nsect)
{
	const struct raftblk_super *s = &op->node->super;
	u64 at = pos % s->ring_sectors;
	u32 first = min_t(u64, nsect, s->ring_sectors - at);

	disk_add(op, s->ring_start + at, first, 0);
	if (first < nsect)
		disk_add(op, s->ring_start, nsect - first, first * SECTOR);
}

static void log_written(struct disk_op *op)
{
	struct node *n = op->node;
	u64 id = op->a;

	check_log_landed(n, id);
	io_end(op);
	raftblk_replica_log_written(&n->rep, node_now(n), id, 0);
	node_run(n);
}

static void do_log_write(struct node *n, struct raftblk_log_write *w)
{
	u32 bytes = round_up(w->header_bytes + w->payload_bytes, n->super.log_align);
	struct disk_op *op = io_new(n, DISK_WRITE, bytes, log_written);
	u32 off = w->header_bytes;
	u32 i;

	if (bytes / SECTOR > n->super.ring_sectors)
		sim_fail("node %u: a record larger than the ring", n->id);
	op->fua = true;
	op->a = w->id;
	raftblk_log_encode(&n->rep.log, w, op->buf);
	for (i = 0; i < w->nr; i++) {
		struct raftblk_entry *e = raftblk_log_entry(&n->rep.log, w->first + i);

		if (!e->bytes)
			continue;
		if (!e->payload)
			sim_fail("node %u: entry %llu is written without its payload", n->id,
				 (unsigned long long)(w->first + i));
		memcpy(op->buf + off, e->payload->data, e->bytes);
		off += e->bytes;
	}
	if (off != w->header_bytes + w->payload_bytes)
		sim_fail("node %u: record of %u bytes holds %u", n->id,
			 w->header_bytes + w->payload_bytes, off);
	check_log_write(n, w, bytes / SECTOR);
	if (w->pos / n->super.ring_sectors != (w->pos + bytes / SECTOR) / n->super.ring_sectors)
		COUNT(wraps);
	add_ring(op, w->pos, bytes / SECTOR);
	disk_submit(op);
	faults_record_written(n);
}

static void log_was_read(struct disk_op *op)
{
	struct node *n = op->node;
	struct raftblk_payload *p = op->payload;
	u64 index = op->a, term = op->b;
	u32 want = (u32)(uintptr_t)op->ptr;
	int status = 0;

	memcpy(p->data, op->buf, p->bytes);
	io_end(op);
	if (sim_crc(p->data, p->bytes) != want) {
		payload_put(p);
		p = NULL;
		status = -EBADMSG;
		/* forgotten meanwhile, its place in the ring may have been used again */
		if (!n->rotten && raftblk_log_entry(&n->rep.log, index) &&
		    raftblk_log_term(&n->rep.log, index) == term)
			sim_fail("node %u: entry %llu of term %llu reads back wrong from the ring",
				 n->id, (unsigned long long)index, (unsigned long long)term);
	}
	raftblk_replica_log_read(&n->rep, node_now(n), index, term, p, status);
	node_run(n);
}

static void do_log_read(struct node *n, u64 index, const struct raftblk_entry *e)
{
	struct disk_op *op = io_new(n, DISK_READ, e->bytes, log_was_read);

	COUNT(log_reads);
	op->a = index;
	op->b = e->term;
	op->ptr = (void *)(uintptr_t)e->crc;
	op->payload = payload_new(n, e->bytes);
	add_ring(op, e->pos, e->bytes / SECTOR);
	disk_submit(op);
}

/* ---- actions: vote and checkpoint ---- */

static void vote_written(struct disk_op *op)
{
	struct node *n = op->node;
	struct raftblk_vote v;

	if (raftblk_vote_decode(&v, n->super.uuid, op->buf))
		sim_fail("node %u: wrote a vote that does not decode", n->id);
	check_vote_landed(n, &v);
	io_end(op);
	raftblk_replica_vote_written(&n->rep, node_now(n), v.generation, 0);
	node_run(n);
}

static void do_vote_write(struct node *n, const struct raftblk_vote *v)
{
	struct disk_op *op = io_new(n, DISK_WRITE, RAFTBLK_VOTE_BYTES, vote_written);

	op->fua = true;
	if (sim.set.slow_votes && !sim.healing && chance(300)) {
		COUNT(votes_stuck);
		op->stuck = rnd(2 * sim.set.params.raft.election_ns);
	}
	raftblk_vote_encode(v, n->super.uuid, op->buf);
	disk_add(op, RAFTBLK_VOTE_SECTOR(v->generation), RAFTBLK_VOTE_BYTES / SECTOR, 0);
	disk_submit(op);
}

static void ckpt_written(struct disk_op *op)
{
	struct node *n = op->node;
	struct raftblk_ckpt c;
	bool begins;

	COUNT(checkpoints);
	if (raftblk_ckpt_decode(&c, n->super.uuid, op->buf))
		sim_fail("node %u: wrote a checkpoint that does not decode", n->id);
	begins = check_ckpt_begins(n, &c);
	check_ckpt_landed(n, &c);
	io_end(op);
	raftblk_replica_ckpt_written(&n->rep, node_now(n), 0);
	if (begins && n->rep.raft.boundary == c.boundary_index && !n->rep.fault && !n->stopping)
		check_log_reset(n, c.boundary_index, c.boundary_term);
	node_run(n);
}

static void do_ckpt_write(struct node *n, const struct raftblk_ckpt *c)
{
	struct disk_op *op = io_new(n, DISK_WRITE, RAFTBLK_META_BYTES, ckpt_written);

	check_ckpt_write(n, c);
	if ((c->flags & RAFTBLK_CKPT_F_INCOMPLETE) || n->incomplete)
		faults_catchup(n);
	op->fua = true;
	raftblk_ckpt_encode(c, n->super.uuid, op->buf);
	disk_add(op, RAFTBLK_CKPT_SECTOR(c->generation), RAFTBLK_META_BYTES / SECTOR, 0);
	disk_submit(op);
}

/* ---- actions: the data area ---- */

static void applied(struct disk_op *op)
{
	struct node *n = op->node;
	u64 index = op->a;

	if (op->payload)
		payload_put(op->payload);
	io_end(op);
	check_applied(n, index);
	raftblk_replica_applied(&n->rep, node_now(n), index, 0);
	node_run(n);
}

static void has_data(const struct node *n)
{
	if (!n->super.data_sectors)
		sim_fail("node %u: touches data, and is a witness", n->id);
}

/* Discarded blocks read as zeros on every member, so they are written as such. */
static void do_apply(struct node *n, u64 index, const struct raftblk_entry *e)
{
	bool data = raftblk_entry_is_data(e);
	struct disk_op *op = io_new(n, DISK_WRITE, data ? e->nsect * SECTOR : 0, applied);

	COUNT(applies);
	has_data(n);
	check_apply(n, index, e);
	op->a = index;
	if (data) {
		if (e->sector + e->nsect > n->super.data_sectors)
			sim_fail("node %u: entry %llu lies beyond the volume", n->id,
				 (unsigned long long)index);
		disk_add(op, n->super.data_start + e->sector, e->nsect, 0);
	}
	if (e->op == RAFTBLK_OP_WRITE) {
		if (!e->payload)
			sim_fail("node %u: entry %llu is applied without its payload", n->id,
				 (unsigned long long)index);
		payload_get(e->payload);
		op->payload = e->payload;
		memcpy(op->buf, e->payload->data, e->bytes);
	}
	disk_submit(op);
}

static void flushed(struct disk_op *op)
{
	struct node *n = op->node;

	n->flushed = op->a;
	io_end(op);
	raftblk_replica_flushed(&n->rep, node_now(n), 0);
	node_run(n);
}

static void do_flush(struct node *n)
{
	struct disk_op *op = io_new(n, DISK_FLUSH, 0, flushed);

	op->a = check_flush(n);
	disk_submit(op);
}

static void read_done(struct disk_op *op)
{
	struct node *n = op->node;
	struct raftblk_req *req = op->ptr;
	int status = op->failed ? -EIO : 0;
	u32 i;

	if (op->failed)
		COUNT(reads_broken);
	for (i = 0; i < op->nr_pieces; i++)
		memcpy(client_read_buf(req) + op->piece[i].offset,
		       op->buf + op->piece[i].offset, op->piece[i].nsect * SECTOR);
	io_end(op);
	raftblk_replica_read_done(&n->rep, node_now(n), req, status);
	node_run(n);
}

static void do_read(struct node *n, struct raftblk_req *req)
{
	struct disk_op *op = io_new(n, DISK_READ, req->nsect * SECTOR, read_done);
	u64 at = req->sector;
	u32 i;

	op->ptr = req;
	has_data(n);
	for (i = 0; i < req->nr_segments; i++) {
		struct raftblk_segment *seg = &req->segment[i];
		u32 off = (at - req->sector) * SECTOR;
		u8 *to = client_read_buf(req) + off;

		if (seg->sector != at || !seg->nsect ||
		    at + seg->nsect > req->sector + req->nsect)
			sim_fail("node %u: the segments of a read have a hole", n->id);
		if (seg->payload) {
			assert(seg->payload->refs);
			if (seg->offset + seg->nsect * SECTOR > seg->payload->bytes)
				sim_fail("node %u: a read goes beyond a payload", n->id);
			memcpy(to, seg->payload->data + seg->offset, seg->nsect * SECTOR);
		} else if (seg->zero) {
			memset(to, 0, seg->nsect * SECTOR);
		} else {
			disk_add(op, n->super.data_start + at, seg->nsect, off);
		}
		if (seg->payload || seg->zero)
			COUNT(reads_overlay);
		at += seg->nsect;
	}
	if (at != req->sector + req->nsect)
		sim_fail("node %u: the segments of a read end early", n->id);
	disk_submit(op);
}

/* ---- the worker ---- */

static void do_send(struct node *n, struct raftblk_msg *m)
{
	struct node *to = node_by_id(m->to);

	if (!to) {
		/* a member that was promised a place and never came */
		if (m->payload)
			payload_put(m->payload);
		return;
	}
	trace("%u -> %u %s%s term %llu index %llu log_term %llu commit %llu nr %u status %u ctx %llu",
	      n->id, m->to, sim_msg_name(m->type), m->flags & RAFTBLK_MSG_F_REJECT ? " REJECT" : "",
	      (unsigned long long)m->term, (unsigned long long)m->index,
	      (unsigned long long)m->log_term, (unsigned long long)m->commit, m->nr, m->status,
	      (unsigned long long)m->ctx);
	check_send(n, m);
	if (m->type == RAFTBLK_MSG_TIMEOUT_NOW && node_is_witness(n))
		COUNT(witness_hands_over);
	net_send(n, to, m);
	if (m->payload)
		payload_put(m->payload);
}

/* Does another member catch up at the same time? */
static bool another_catches_up(const struct node *n)
{
	const struct node *m;

	for_each_node(m)
		if (m != n && m->up && m->rep.raft.incomplete)
			return true;
	return false;
}

static void do_event(struct node *n, const struct raftblk_action *a)
{
	trace("node %u: event %s a %lld b %llu", n->id, sim_event_name(a->event.type),
	      (long long)a->event.a, (unsigned long long)a->event.b);
	switch (a->event.type) {
	case RAFTBLK_EVENT_FENCED:
		COUNT(fenced);
		client_fenced(n);
		break;
	case RAFTBLK_EVENT_BEHIND:
		if (!n->behind)
			COUNT(behind);
		if (n->rep.vmap)
			break;
		n->behind = true;
		sim.excused = true;
		break;
	case RAFTBLK_EVENT_WAITS_FOR_DATA:
		COUNT(witness_waits);
		break;
	case RAFTBLK_EVENT_CATCHUP_BEGIN:
		COUNT(catchups_begun);
		if (another_catches_up(n))
			COUNT(catchups_at_once);
		/* it would take them for good */
		faults_unflip();
		if (node_is_witness(n))
			COUNT(witness_boundaries);
		faults_catchup(n);
		break;
	case RAFTBLK_EVENT_CATCHUP_SOURCE:
		COUNT(source_changes);
		break;
	case RAFTBLK_EVENT_CATCHUP_END:
		COUNT(catchups_ended);
		faults_catchup(n);
		check_caught_up(n);
		break;
	case RAFTBLK_EVENT_RESIZED:
		grow_step(n);
		break;
	case RAFTBLK_EVENT_OLDER_DISK:
		COUNT(older_disks);
		if (!n->scarred)
			LOST("node %u: believes node %lld that its disk is an older copy", n->id,
			     (long long)a->event.a);
		break;
	case RAFTBLK_EVENT_PROVEN:
		COUNT(proven);
		n->rotten = false;
		break;
	case RAFTBLK_EVENT_VERIFY_DIFFERS:
		COUNT(flips_found);
		if (!faults_flipped(a->event.a, a->event.b, a->event.c))
			LOST("node %u: says that sectors %llu + %llu differ on %lld, where nothing was ever wrong",
			     n->id, (unsigned long long)a->event.b, (unsigned long long)a->event.c,
			     (long long)a->event.a);
		break;
	case RAFTBLK_EVENT_VERIFY_END:
		sim.count->verified += !a->event.a;
		sim.count->mended += a->event.c;
		break;
	case RAFTBLK_EVENT_REPAIR_FAILED:
		COUNT(repairs_failed);
		break;
	case RAFTBLK_EVENT_REMOVED:
		if (!check_has_left(n->id))
			LOST("node %u: believes that it has left", n->id);
		break;
	case RAFTBLK_EVENT_FAULT:
		if (!n->rotten)
			sim_fail("node %u: stopped itself with %lld", n->id, (long long)a->event.a);
		break;
	default:
		break;
	}
}

static void node_do(struct node *n, struct raftblk_action *a)
{
	switch (a->type) {
	case RAFTBLK_ACT_SEND:
		do_send(n, &a->msg);
		break;
	case RAFTBLK_ACT_LOG_WRITE:
		do_log_write(n, a->write);
		break;
	case RAFTBLK_ACT_LOG_READ:
		do_log_read(n, a->index, &a->entry);
		break;
	case RAFTBLK_ACT_VOTE_WRITE:
		do_vote_write(n, &a->vote);
		break;
	case RAFTBLK_ACT_CKPT_WRITE:
		do_ckpt_write(n, a->ckpt);
		break;
	case RAFTBLK_ACT_APPLY:
		do_apply(n, a->index, &a->entry);
		break;
	case RAFTBLK_ACT_FLUSH:
		do_flush(n);
		break;
	case RAFTBLK_ACT_READ:
		do_read(n, a->req);
		break;
	case RAFTBLK_ACT_DONE:
		check_done(n, a->req);
		client_done(n, a->req);
		break;
	case RAFTBLK_ACT_OPENED:
		client_opened(n, a->open);
		break;
	case RAFTBLK_ACT_CHANGED:
		client_changed(n, a->change);
		break;
	case RAFTBLK_ACT_EVENT:
		do_event(n, a);
		break;
	case RAFTBLK_ACT_VMAP_WRITE:
		vmap_write(n, a->block);
		break;
	case RAFTBLK_ACT_CHUNK_READ:
		has_data(n);
		chunk_read(n, &a->io);
		break;
	case RAFTBLK_ACT_CHUNK_WRITE:
		chunk_write(n, &a->io);
		break;
	case RAFTBLK_ACT_CHUNK_SERVE:
		has_data(n);
		chunk_serve(n, &a->io);
		break;
	case RAFTBLK_ACT_CHUNK_HASH:
		has_data(n);
		chunk_hash(n, &a->io);
		break;
	case RAFTBLK_ACT_REPAIR_LOOK:
		repair_look(n, &a->io);
		break;
	case RAFTBLK_ACT_REPAIR_WRITE:
		repair_write(n, &a->io);
		break;
	case RAFTBLK_ACT_GROW:
		has_data(n);
		grow_step(n);
		node_grow(n, a->grow.sectors);
		break;
	}
}

static u32 node_ready(const struct node *n)
{
	const struct raftblk_config *c = &n->rep.raft.config;
	u32 ready = 0;
	u32 i;

	for (i = 0; i < c->nr; i++) {
		const struct node *to = node_by_id(c->member[i].id);

		if (!to || to == n)
			continue;
		if (net_ready(n, to, false))
			ready |= 1U << i;
		if (net_ready(n, to, true))
			ready |= 1U << (16 + i);
	}
	if (n->rep.raft.guest) {
		const struct node *to = node_by_id(n->rep.raft.guest);

		if (to && net_ready(n, to, false))
			ready |= 1U << c->nr;
	}
	return ready;
}

static void node_exit(struct node *n)
{
	raftblk_replica_exit(&n->rep);
	if (!list_empty(&n->payloads))
		sim_fail("node %u: payload of %u bytes leaked with %u references", n->id,
			 list_first_entry(&n->payloads, struct raftblk_payload, link)->bytes,
			 list_first_entry(&n->payloads, struct raftblk_payload, link)->refs);
	client_node_down(n);
	check_down(n);
	n->up = false;
	n->stopping = false;
	n->life++;
	net_node_down(n);
}

/*
 * What follows from an event: everything the replica has to hand out.  The clock is
 * read once; if the machine is paused right behind that, all of it happens as if no
 * time had passed.
 */
void node_run_at(struct node *n, u64 now)
{
	struct raftblk_action a;
	u32 loops = 0;

	check_node(n);
	while (raftblk_replica_next(&n->rep, now, node_ready(n), &a)) {
		if (++loops > 100000)
			sim_fail("node %u: hands out actions without end (type %d)", n->id, a.type);
		check_node(n);
#ifndef RAFTBLK_PLANT_GATE_LATE	/* planted fault: what leaves is news before the gate is shut */
		if (raftblk_action_shows(&a))
			raftblk_replica_gate(&n->rep, &n->gate);
#endif
		node_do(n, &a);
		client_looks_in(n);
	}
	check_node(n);
	raftblk_replica_gate(&n->rep, &n->gate);
	if (!n->stopping)
		node_arm(n);
	else if (!n->nr_io)
		node_exit(n);
}

void node_run(struct node *n)
{
	if (n->pause_in_run && !n->stopping) {
		n->pause_in_run = false;
		n->late_now = node_now(n);
		node_pause(n);
		return;
	}
	node_run_at(n, node_now(n));
}

/* ---- messages ---- */

static bool payloads_attach(struct node *n, struct raftblk_msg *m, const u8 *bytes)
{
	const struct raftblk_wire_data *d = m->body;
	u32 i;

	if (m->bytes) {
		m->payload = payload_new(n, m->bytes);
		memcpy(m->payload->data, bytes, m->bytes);
		return sim_crc(m->payload->data, m->bytes) == le32_to_cpu(d->crc);
	}
	if (m->type != RAFTBLK_MSG_APPEND)
		return true;
	for (i = 0; i < m->nr; i++) {
		struct raftblk_entry *e = &m->ent[i];

		if (!e->bytes)
			continue;
		e->payload = payload_new(n, e->bytes);
		memcpy(e->payload->data, bytes, e->bytes);
		bytes += e->bytes;
		if (sim_crc(e->payload->data, e->bytes) != e->crc)
			return false;
	}
	return true;
}

static void payloads_detach(struct raftblk_msg *m)
{
	u32 i;

	for (i = 0; m->ent && i < m->nr; i++)
		if (m->ent[i].payload)
			payload_put(m->ent[i].payload);
	if (m->payload)
		payload_put(m->payload);
}

static void told(struct event *ev)
{
	struct node *n = ev->node;

	if (n->stopping)
		return;
	trace("node %u: is told that it has left", n->id);
	COUNT(told);
	raftblk_replica_removed(&n->rep, node_now(n));
	node_run(n);
}

/* As the shell does when it is connected to; here not always, and late. */
static void tell_left(const struct node *n, u32 from)
{
	struct node *m = node_by_id(from);

	if (m && m->up && !m->rep.raft.removed && raft_has_left(&n->rep.raft, from) &&
	    net_ready(n, m, false) && chance(sim.healing ? 500 : 10))
		sim_post(rnd(5 * sim.set.net_max), told, m, NULL)->life = m->life;
}

/* A packet came in; what does not check is dropped, as the shell would the connection. */
void node_receive(struct node *n, u32 from, const u8 *bytes, u32 len)
{
	static struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
	const struct raftblk_wire_header *h = (const void *)bytes;
	struct raftblk_wire_frame frame;
	struct raftblk_msg m;

	if (n->stopping)
		return;
	memset(&m, 0, sizeof(m));
	memset(ent, 0, sizeof(ent));
	if (raftblk_wire_check_header(h, &frame) ||
	    sizeof(*h) + frame.body_bytes + frame.payload_bytes != len ||
	    raftblk_wire_decode(h, h + 1, &m, ent, RAFTBLK_SECTOR_MAX))
		return;
	m.from = from;
	if (!payloads_attach(n, &m, bytes + sizeof(*h) + frame.body_bytes)) {
		payloads_detach(&m);
		return;
	}
	raftblk_replica_receive(&n->rep, node_now(n), &m);
	tell_left(n, from);
	node_run(n);
}
