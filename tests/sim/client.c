// SPDX-License-Identifier: GPL-2.0
/*
 * What uses the device: one program on each machine.  At any time one of them
 * is the favourite, which opens for writing and works; the others read now
 * and then and sometimes try to open as well.
 */
#include "sim.h"

/* One request, with what the oracle has to know of it. */
struct op {
	struct raftblk_req req;		/* first */
	struct list_head link;
	u64 id;
	u64 invoked;
	u64 index, term;		/* where it was proposed last */
	u64 gate_term;
	u8 *buf;
	struct sight *sight;
};

/* One open, join or transfer that is waiting. */
struct wait {
	struct raftblk_open open;
	struct raftblk_change change;
	struct list_head link;
	struct node *joiner;
};

static struct node *favourite;

static void client_tick(struct event *ev);

/* Nobody works where there is no device; somebody tries, now and then. */
void client_favour(struct node *n)
{
	favourite = node_is_witness(n) && chance(900) ? node : n;
}

void client_reset(void)
{
	client_favour(&node[rnd(sim.set.initial)]);
}

void client_start(struct node *n)
{
	n->opens = 0;
	n->opening = false;
	n->fenced = false;
	sim_post(rnd(sim.set.think), client_tick, n, NULL)->life = n->life;
}

static void op_free(struct op *op)
{
	list_del(&op->link);
	free(op->buf);
	free(op->sight);
	free(op);
}

static void wait_free(struct wait *w)
{
	list_del(&w->link);
	free(w);
}

/* Its machine died or stopped: how requests ended nobody will know. */
void client_node_down(struct node *n)
{
	struct op *op, *op2;
	struct wait *w, *w2;

	list_for_each_entry_safe(op, op2, &n->ops, link) {
		if (n->stopping && !sim.failed)
			sim_fail("node %u: stopped without ending a request", n->id);
		if (op->id)
			COUNT(writes_maybe);
		op_free(op);
	}
	list_for_each_entry_safe(w, w2, &n->waits, link) {
		if (n->stopping && !sim.failed)
			sim_fail("node %u: stopped without ending an open or a change", n->id);
		if (w->joiner && !sim.failed)
			faults_joined(w->joiner, false);
		wait_free(w);
	}
	n->nr_ops = 0;
	n->opens = 0;
	n->opening = false;
	n->fenced = false;
}

/* ---- requests ---- */

static struct op *op_new(struct node *n, u8 kind, u64 sector, u32 nsect)
{
	struct op *op = calloc(1, sizeof(*op));

	assert(op);
	op->req.op = kind;
	op->req.sector = sector;
	op->req.nsect = nsect;
	op->invoked = sim.now;
	list_add_tail(&op->link, &n->ops);
	n->nr_ops++;
	return op;
}

void client_write(struct node *n, u8 kind, u64 sector, u32 nsect)
{
	struct op *op = op_new(n, kind, sector, nsect);

	op->id = oracle_write(n->session, sector, nsect, kind != RAFTBLK_OP_WRITE);
	if (kind == RAFTBLK_OP_WRITE) {
		op->req.payload = payload_new(n, nsect * SECTOR);
		oracle_fill(op->id, sector, nsect, op->req.payload->data);
		op->req.crc = sim_crc(op->req.payload->data, nsect * SECTOR);
		COUNT(writes);
	} else {
		COUNT(zeroes);
	}
	trace("node %u: write %llu op %u sector %llu + %u", n->id, (unsigned long long)op->id,
	      kind, (unsigned long long)sector, nsect);
	raftblk_replica_submit(&n->rep, node_now(n), &op->req);
}

static void read_direct_done(struct disk_op *dop)
{
	struct node *n = dop->node;
	struct op *op = dop->ptr;
	bool counts = !dop->failed && raftblk_gate_confirms(&n->gate, op->gate_term, node_now(n));

	if (counts)
		memcpy(op->buf, dop->buf, op->req.nsect * SECTOR);
	io_end(dop);
	if (counts) {
		COUNT(reads_direct);
		client_done(n, &op->req);
	} else if (n->stopping) {
		op->req.status = -ESHUTDOWN;
		client_done(n, &op->req);
	} else {
		COUNT(reads_again);
		raftblk_replica_submit(&n->rep, node_now(n), &op->req);
	}
	node_run(n);
}

/* As the shell does it: past the replica, if the gate that it has left is open. */
static bool read_direct(struct node *n, struct op *op)
{
	struct disk_op *dop;

	if (!sim.set.direct || !raftblk_gate_is_open(&n->gate, node_now(n)))
		return false;
	op->gate_term = n->gate.term;
	dop = io_new(n, DISK_READ, op->req.nsect * SECTOR, read_direct_done);
	dop->ptr = op;
	disk_add(dop, n->super.data_start + op->req.sector, op->req.nsect, 0);
	disk_submit(dop);
	return true;
}

void client_read(struct node *n, u64 sector, u32 nsect)
{
	struct op *op = op_new(n, RAFTBLK_REQ_READ, sector, nsect);

	COUNT(reads);
	op->buf = malloc(nsect * SECTOR);
	op->sight = malloc(nsect * sizeof(*op->sight));
	assert(op->buf && op->sight);
	memset(op->buf, 0xdb, nsect * SECTOR);
	oracle_read_begin(sector, nsect, op->sight);
	if (read_direct(n, op))
		return;
	raftblk_replica_submit(&n->rep, node_now(n), &op->req);
}

u8 *client_read_buf(struct raftblk_req *req)
{
	return ((struct op *)req)->buf;
}

static void count_read(struct node *n)
{
	if (n->rep.raft.role != RAFT_LEADER)
		COUNT(reads_follower);
	else if (sim.set.params.raft.quorum_reads || !raft_lease_valid(&n->rep.raft, node_now(n)))
		COUNT(reads_quorum);
	else
		COUNT(reads_lease);
}

static bool status_known(int status)
{
	return !status || status == -EIO || status == -ETIMEDOUT || status == -ESHUTDOWN;
}

void client_done(struct node *n, struct raftblk_req *req)
{
	struct op *op = (struct op *)req;

	trace("node %u: %s %llu sector %llu + %u done, status %d index %llu", n->id,
	      op->id ? "write" : "read", (unsigned long long)op->id,
	      (unsigned long long)req->sector, req->nsect, req->status,
	      (unsigned long long)req->index);
	if (!status_known(req->status))
		sim_fail("node %u: a request ended with status %d", n->id, req->status);
	if (sim.final && req->status && !n->behind && !check_has_left(n->id))
		sim_fail("node %u: a request ended with %d although nothing is broken any more",
			 n->id, req->status);
	/* fenced or not, stopped or not: else another complete member has it */
	if (sim.set.lse && !op->id && req->status == -EIO && !n->rep.fault && !n->rep.fenced)
		LOST("node %u: a read fails, and others have what it wants", n->id);
	if (req->status == -ETIMEDOUT)
		COUNT(io_timeouts);
	if (!req->status && node_is_witness(n))
		LOST("node %u: a request is done, and it is a witness", n->id);
	if (!op->id && !req->status && n->incomplete)
		LOST("node %u: answers a read and is incomplete", n->id);
	if (op->id) {
		oracle_write_done(op->id, req->status);
		if (req->status)
			COUNT(writes_maybe);
		if (req->status == -EIO)
			COUNT(writes_eio);
	} else if (req->status) {
		COUNT(reads_failed);
	} else {
		oracle_read_done(op->invoked, req->sector, req->nsect, op->sight, op->buf);
		count_read(n);
	}
	n->nr_ops--;
	op_free(op);
}

/* ---- opens and changes ---- */

static struct wait *wait_new(struct node *n)
{
	struct wait *w = calloc(1, sizeof(*w));

	assert(w);
	list_add_tail(&w->link, &n->waits);
	return w;
}

void client_open(struct node *n)
{
	struct wait *w = wait_new(n);

	trace("node %u: opens", n->id);
	n->opening = true;
	w->open.deadline = node_now(n) + rnd_range(sim.set.params.raft.election_ns,
						   6 * sim.set.params.raft.election_ns);
	raftblk_replica_open(&n->rep, node_now(n), &w->open);
}

void client_opened(struct node *n, struct raftblk_open *open)
{
	struct wait *w = container_of(open, struct wait, open);
	int status = open->status;

	trace("node %u: opened, status %d", n->id, status);
	wait_free(w);
	n->opening = false;
	if (!status && node_is_witness(n))
		LOST("node %u: opened, and is a witness", n->id);
	if (status == -EBUSY)
		COUNT(ebusy);
	if (status)
		return;
	if (n->fenced)
		sim_fail("node %u: opened again while it is fenced", n->id);
	/* a second opener shares the right of the first, even if that is lost unknown to it */
	if (n->opens++)
		return;
	if (check_has_left(n->id))
		LOST("node %u: was let in and has left", n->id);
	if (!check_was_owner(n->id, n->rep.token))
		LOST("node %u: opened with token %llu, which was never its own",
		     n->id, (unsigned long long)n->rep.token);
	/* it may have lost it again before it got to know that it had it */
	n->session = n->rep.token;
	COUNT(owner_changes);
	oracle_new_owner(n->session);
}

void client_close(struct node *n)
{
	trace("node %u: closes", n->id);
	for (; n->opens; n->opens--)
		raftblk_replica_close(&n->rep, node_now(n));
	n->fenced = false;
}

void client_fenced(struct node *n)
{
	if (n->opens)
		n->fenced = true;
}

static void ask_change(struct node *at, struct wait *w)
{
	w->change.deadline = node_now(at) + 4 * sim.set.params.raft.election_ns;
	raftblk_replica_change(&at->rep, node_now(at), &w->change);
}

void client_join(struct node *at, struct node *joiner, u32 replaces, bool learner)
{
	struct wait *w = wait_new(at);

	trace("node %u: is asked to let machine %u join for %u", at->id, joiner->slot, replaces);
	w->change.member.replaces = replaces;
	w->change.learner = learner;
	w->joiner = joiner;
	w->change.kind = RAFTBLK_CHANGE_JOIN;
	w->change.witness = node_is_witness(joiner);
	node_incarnation(joiner, w->change.member.incarnation);
	w->change.member.addr.family = 4;
	/* its old id may still have the old address */
	w->change.member.addr.port = 7789 + (replaces ? 0 : joiner->disks);
	w->change.member.addr.ip[3] = joiner->slot + 1;
	ask_change(at, w);
}

void client_transfer(struct node *at, u32 to)
{
	struct wait *w = wait_new(at);

	trace("node %u: is asked to hand over to %u", at->id, to);
	w->change.kind = RAFTBLK_CHANGE_TRANSFER;
	w->change.to = to;
	ask_change(at, w);
}

void client_set(struct node *at, u32 to, bool voter)
{
	struct wait *w = wait_new(at);

	trace("node %u: is asked to make %u a %s", at->id, to, voter ? "voter" : "learner");
	w->change.kind = RAFTBLK_CHANGE_SET;
	w->change.to = to;
	w->change.role = voter ? RAFTBLK_SET_VOTER : RAFTBLK_SET_LEARNER;
	ask_change(at, w);
}

void client_remove(struct node *at, u32 id)
{
	struct wait *w = wait_new(at);

	trace("node %u: is asked to remove %u", at->id, id);
	w->change.kind = RAFTBLK_CHANGE_REMOVE;
	w->change.to = id;
	ask_change(at, w);
}

void client_resize(struct node *at, u64 sectors)
{
	struct wait *w = wait_new(at);

	trace("node %u: is asked for a volume of %llu sectors", at->id, (unsigned long long)sectors);
	w->change.kind = RAFTBLK_CHANGE_RESIZE;
	w->change.size = sectors;
	ask_change(at, w);
}

static void resized(struct node *n, const struct raftblk_change *c)
{
	switch (c->status) {
	case 0:
		COUNT(resizes);
		if (n->rep.size < c->size)
			LOST("node %u: says that the volume has %llu sectors, it has %llu", n->id,
			     (unsigned long long)c->size, (unsigned long long)n->rep.size);
		break;
	case -ENOSPC:
		COUNT(resize_small);
		break;
	case -EHOSTDOWN:
		COUNT(resize_away);
		break;
	case -ESTALE:
		COUNT(resize_behind);
		break;
	case -ERANGE:
		COUNT(resize_shrinks);
		break;
	}
}

/* The joiner's disk is formatted with what the leader answered, through the disk format. */
static void joined(struct node *at, struct wait *w)
{
	const struct raft *r = &at->rep.raft;
	const struct raftblk_config *known = &r->config;
	struct raftblk_disk_config d;
	struct raftblk_config config;

	/* it was let in, and removed before this got to know of it */
	if (check_has_left(w->change.member.id))
		return;
	COUNT(joins);
	if (w->joiner->was) {
		COUNT(blank_joins);
		if (w->change.member.replaces == w->joiner->was)
			COUNT(blank_replaces);
	}
	/* the newest that is committed: what is not may yet be replaced */
	if (known->index > r->commit)
		known = &r->history[r->nr_history - 1];
	raftblk_config_encode(known, &d);
	memset(&config, 0, sizeof(config));
	if (raftblk_config_decode(&config, &d) ||
	    raftblk_config_find(&config, w->change.member.id) < 0)
		sim_fail("node %u: let %u join, but is not in the configuration",
			 at->id, w->change.member.id);
	config.index = known->index;
	node_format(w->joiner, w->change.member.id, &config, at->rep.size);
	node_boot(w->joiner);
}

void client_changed(struct node *n, struct raftblk_change *c)
{
	struct wait *w = container_of(c, struct wait, change);

	trace("node %u: change %d ended with %d (leader %u, id %u)", n->id, c->kind, c->status,
	      c->leader, c->member.id);
	if (c->kind == RAFTBLK_CHANGE_TRANSFER && !c->status)
		COUNT(transfers);
	if (c->kind == RAFTBLK_CHANGE_RESIZE)
		resized(n, c);
	if (c->kind == RAFTBLK_CHANGE_SET && !c->status) {
		if (c->role == RAFTBLK_SET_VOTER)
			COUNT(promotions);
		else
			COUNT(demotions);
	}
	if (c->kind == RAFTBLK_CHANGE_REMOVE && !c->status) {
		COUNT(removals);
		if (!check_has_left(c->to))
			LOST("node %u: says that %u has left", n->id, c->to);
	}
	if (w->joiner) {
		if (!c->status)
			joined(n, w);
		faults_joined(w->joiner, c->status == -ESTALE);
	}
	wait_free(w);
}

/* ---- the program ---- */

/*
 * Would another write push a member that lags out of the ring?  Catching up
 * from there is not in the core yet, so most clients are patient; real ones
 * are not, and some runs have those.
 */
static bool must_wait(struct node *n)
{
	struct raftblk_log *log = &n->rep.log;
	struct raftblk_entry *e;
	u64 low = log->last;
	struct node *m;

	for_each_node(m)
		if (m->exists && !m->behind && !m->impostor && !check_has_left(m->id))
			low = min(low, m->dur_last);
	if (low == log->last || !sim.set.throttle)
		return false;
	e = raftblk_log_entry(log, low + 1);
	if (e && e->rec_pos == ~0ULL)
		return false;
	return (!e || (log->tail_pos - e->rec_pos) * 100 > log->ring_sectors * 30 ||
		(log->last - low) * 100 > log->max_entries * 30) && !chance(5);
}

static void some_range(const struct node *n, u64 *sector, u32 *nsect)
{
	u32 b = sim.set.block_sectors;
	u64 blocks = n->rep.size / b;
	u64 most = sim.set.max_req_sectors / b;
	u64 len = chance(600) ? rnd_range(1, min(most, 3ULL)) : rnd_range(1, most);
	u64 at = chance(500) ? rnd(min(blocks, 16ULL)) : rnd(blocks);

	/* where it has grown, or will */
	if (sim.set.resizes && chance(300))
		at = blocks - rnd(min(blocks, 16ULL)) - 1;

	at = min(at, blocks - len);
	*sector = at * b;
	*nsect = len * b;
}

/* Nobody reads where bits flip, before they are mended. */
static bool may_read(u64 sector, u32 nsect)
{
	return !sim.set.verify || sim.final || sector + nsect <= sim.set.flip_from;
}

static void some_request(struct node *n, bool may_write)
{
	u64 sector;
	u32 nsect;

	some_range(n, &sector, &nsect);
	if ((!may_write || chance(300)) && may_read(sector, nsect))
		client_read(n, sector, nsect);
	else if (may_write && !must_wait(n))
		client_write(n, chance(900) ? RAFTBLK_OP_WRITE : chance(500) ?
			     RAFTBLK_OP_DISCARD : RAFTBLK_OP_ZERO, sector, nsect);
}

/* While the worker works, a reader on another processor finds the gate as it is. */
void client_looks_in(struct node *n)
{
	u64 sector;
	u32 nsect;

	if (!sim.set.direct || n->stopping || n->nr_ops >= sim.set.depth ||
	    !raftblk_gate_is_open(&n->gate, node_now(n)) || !chance(100))
		return;
	some_range(n, &sector, &nsect);
	if (may_read(sector, nsect))
		client_read(n, sector, nsect);
}

static void work(struct node *n)
{
	u32 burst = chance(50) ? sim.set.depth : 1 + rnd(3);

	if (n->fenced || sim.healing || chance(3) || (n != favourite && chance(30))) {
		if (!n->nr_ops && !n->opening)
			client_close(n);
		else if (n->fenced && chance(300))
			client_write(n, RAFTBLK_OP_WRITE, 0, sim.set.block_sectors);
		return;
	}
	while (burst-- && n->nr_ops < sim.set.depth)
		some_request(n, true);
	if (n->opens == 1 && !n->opening && chance(5))
		client_open(n);
}

static void client_tick(struct event *ev)
{
	struct node *n = ev->node;

	sim_post(rnd_range(1, 2 * sim.set.think), client_tick, n, NULL)->life = n->life;
	if (n->stopping)
		return;
	if (sim.final) {
		/* One that was behind hears only now that another one has the device. */
		if (n->fenced && n->opens && !n->nr_ops) {
			client_close(n);
			node_run(n);
		}
		return;
	}
	if (n == favourite && check_has_left(n->id))
		client_favour(&node[rnd(sim.set.nodes)]);
	if (n->opens) {
		work(n);
	} else if (!sim.healing) {
		if (!n->opening && chance(n == favourite ? 300 : 2))
			client_open(n);
		if (chance(n == favourite ? 300 : 60) && n->nr_ops < 4)
			some_request(n, false);
	}
	node_run(n);
}
