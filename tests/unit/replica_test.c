// SPDX-License-Identifier: GPL-2.0
/* The replica, step by step: what ends when, with which status, and what must not happen. */
#include "../../kernel/core/crc.h"
#include "replica_world.h"

#define W1 (&world[1])
#define W2 (&world[2])
#define W3 (&world[3])
#define BIT_ACT(x) (1U << RAFTBLK_ACT_##x)

static void start_all(u32 n)
{
	u32 i;

	for (i = 1; i <= n; i++)
		world_make(i, n);
	for (i = 1; i <= n; i++)
		world_start(&world[i]);
}

/* The request must have ended so; then it is gone. */
static void ended(struct raftblk_req *req, int status)
{
	check(req->state == RAFTBLK_REQ_ENDED);
	check(req->status == status);
	if (req->state == RAFTBLK_REQ_ENDED)
		free(req);
}

static void write_ok(struct world *w, u64 sector, u32 nsect, u8 fill)
{
	ended(submit(w, RAFTBLK_OP_WRITE, sector, nsect, fill), 0);
}

static u32 entries_at(struct world *w, u64 sector)
{
	u32 n = 0;
	u64 i;

	for (i = w->rep.log.first; i <= w->rep.log.last; i++) {
		const struct raftblk_entry *e = raftblk_log_entry(&w->rep.log, i);

		n += raftblk_entry_is_data(e) && e->sector == sector;
	}
	return n;
}

static bool alone(void)
{
	struct raftblk_open open;

	start_all(1);
	lead(W1);
	check(open_now(W1, &open) == 0);
	check(W1->rep.token == W1->rep.owner_token && W1->rep.owner_node == 1);
	return raftblk_replica_is_writer(&W1->rep);
}

/* ---- one member ---- */

static void test_write_read(void)
{
	struct raftblk_open second;
	int i;

	check(alone());
	check(open_now(W1, &second) == 0);
	check(W1->rep.openers == 2);
	W1->hold = BIT_ACT(APPLY);
	write_ok(W1, 10, 4, 1);
	check(W1->data[10 * 512] == 0);		/* done at commit, not at apply */
	check(read_byte(W1, 13) == 1);
	check(read_byte(W1, 14) == 0);
	i = world_held(W1, RAFTBLK_ACT_APPLY, 0);
	check(i >= 0);
	world_complete(W1, i);
	check(W1->data[10 * 512] == 1);
	check(read_byte(W1, 13) == 1);
	check(W1->rep.applied == W1->rep.raft.commit);
}

static void test_overlay(void)
{
	static const u8 want[8] = { 1, 1, 2, 0, 2, 1, 1, 0 };
	struct raftblk_req *req;
	u32 i;

	check(alone());
	W1->hold = BIT_ACT(APPLY);
	write_ok(W1, 0, 8, 1);
	write_ok(W1, 2, 3, 2);
	ended(submit(W1, RAFTBLK_OP_ZERO, 3, 1, 0), 0);
	ended(submit(W1, RAFTBLK_OP_DISCARD, 7, 1, 0), 0);
	req = submit(W1, RAFTBLK_REQ_READ, 0, 8, 0);
	check(req->state == RAFTBLK_REQ_ENDED && !req->status);
	for (i = 0; i < 8; i++)
		check(((u8 *)(req + 1))[i * 512] == want[i]);
	free(req);
	while (W1->nr_held)
		world_complete(W1, 0);
	for (i = 0; i < 8; i++)
		check(W1->data[i * 512] == want[i]);
}

static void test_apply_order(void)
{
	u64 base;

	check(alone());
	base = W1->rep.raft.commit;
	W1->hold = BIT_ACT(APPLY);
	write_ok(W1, 0, 4, 1);
	write_ok(W1, 100, 1, 2);
	write_ok(W1, 3, 2, 3);
	write_ok(W1, 200, 1, 4);
	check(world_held(W1, RAFTBLK_ACT_APPLY, base + 1) >= 0);
	check(world_held(W1, RAFTBLK_ACT_APPLY, base + 2) >= 0);
	check(world_held(W1, RAFTBLK_ACT_APPLY, base + 3) < 0);	/* overlaps the first */
	world_complete(W1, world_held(W1, RAFTBLK_ACT_APPLY, base + 2));
	check(W1->rep.applied == base);				/* only a prefix counts */
	check(read_byte(W1, 100) == 2);
	world_complete(W1, world_held(W1, RAFTBLK_ACT_APPLY, base + 1));
	check(W1->rep.applied == base + 2);
	check(world_held(W1, RAFTBLK_ACT_APPLY, base + 3) >= 0);
	check(read_byte(W1, 3) == 3);
}

static void test_too_many_pieces(void)
{
	struct raftblk_req *req;
	u32 i;

	check(alone());
	W1->hold = BIT_ACT(APPLY);
	for (i = 0; i < 20; i++)
		write_ok(W1, 200 + 2 * i, 1, i + 1);
	req = submit(W1, RAFTBLK_REQ_READ, 200, 40, 0);
	check(req->state == RAFTBLK_REQ_WAITING);
	while (W1->nr_held)
		world_complete(W1, 0);
	for (i = 0; i < 20; i++)
		check(((u8 *)(req + 1))[2 * i * 512] == i + 1);
	ended(req, 0);
}

static void test_not_durable(void)
{
	struct raftblk_req *req;

	check(alone());
	W1->hold = BIT_ACT(LOG_WRITE);
	req = submit(W1, RAFTBLK_OP_WRITE, 5, 1, 1);
	check(req->state == RAFTBLK_REQ_PROPOSED);
	check(W1->rep.applying == 0);
	check(read_byte(W1, 5) == 0);
	world_complete(W1, 0);
	ended(req, 0);
}

static void test_refused(void)
{
	start_all(1);
	lead(W1);
	ended(submit(W1, RAFTBLK_OP_WRITE, 0, 1, 1), -EIO);	/* nobody has it open */
	world_stop(W1);
	check(alone());
	ended(submit(W1, RAFTBLK_OP_WRITE, W_VOLUME - 1, 2, 1), -EIO);
	ended(submit(W1, RAFTBLK_REQ_READ, ~0ULL, 2, 1), -EIO);
	ended(submit(W1, RAFTBLK_OP_OWNER, 0, 1, 1), -EINVAL);
	ended(submit(W1, RAFTBLK_OP_ZERO, 0, 0, 1), -EINVAL);
}

static void test_checkpoint(void)
{
	u64 applied, generation;

	check(alone());
	write_ok(W1, 0, 1, 1);
	generation = W1->rep.ckpt.generation;
	applied = W1->rep.applied;
	W1->hold = BIT_ACT(FLUSH);
	pass(600);
	check(world_held(W1, RAFTBLK_ACT_FLUSH, 0) == 0);
	check(W1->rep.ckpt.generation == generation);
	write_ok(W1, 1, 1, 2);		/* applied after the flush began: not covered */
	check(W1->rep.applied == applied + 1);
	W1->hold = 0;
	world_complete(W1, 0);
	check(W1->rep.ckpt.generation == generation + 1);
	check(W1->rep.ckpt.applied_index == applied);
	check(W1->ckpt[(generation + 1) & 1].owner_token == W1->rep.token);
	pass(600);
	check(W1->rep.ckpt.applied_index == applied + 1);
	generation = W1->rep.ckpt.generation;
	pass(3000);
	check(W1->rep.ckpt.generation == generation);	/* nothing new to note */
}

static void test_restart(void)
{
	check(alone());
	write_ok(W1, 0, 8, 1);
	W1->hold = BIT_ACT(APPLY);
	write_ok(W1, 4, 8, 2);
	ended(submit(W1, RAFTBLK_OP_ZERO, 0, 1, 0), 0);
	world_crash(W1);
	W1->hold = BIT_ACT(APPLY);
	world_start(W1);
	check(!W1->found.proof_index && !W1->found.torn);
	check(W1->rep.log_owner_node == 1);
	lead(W1);
	check(read_byte(W1, 0) == 0);
	check(read_byte(W1, 1) == 1);
	check(W1->count[RAFTBLK_ACT_LOG_READ] > 0);
	while (W1->nr_held)
		world_complete(W1, 0);
	check(W1->data[4 * 512] == 2 && W1->data[11 * 512] == 2 && W1->data[0] == 0);
	check(W1->rep.owner_node == 0);		/* nobody here has it open any more */
}

static void test_ring_full(void)
{
	u32 i;

	check(alone());
	for (i = 0; i < 400; i++)
		write_ok(W1, i % 16 * 64, 64, i);
	check(W1->rep.log.first > 1);
	check(W1->rep.ckpt.generation > 3);
	check(read_byte(W1, 15 * 64) == (u8)399);
	world_crash(W1);
	world_start(W1);
	lead(W1);
	check(read_byte(W1, 15 * 64) == (u8)399);
}

static void test_fault(void)
{
	struct raftblk_req *req;
	u32 sent;

	start_all(3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	W2->cut = true;
	W3->cut = true;
	req = submit(W1, RAFTBLK_OP_WRITE, 0, 1, 1);
	check(req->state == RAFTBLK_REQ_PROPOSED);
	W1->fail = BIT_ACT(LOG_WRITE);
	ended(submit(W1, RAFTBLK_OP_WRITE, 8, 1, 1), -EIO);
	ended(req, -EIO);
	check(events(W1, RAFTBLK_EVENT_FAULT) == 1);
	sent = W1->count[RAFTBLK_ACT_SEND];
	W2->cut = false;
	W3->cut = false;
	pass(5000);
	check(W1->count[RAFTBLK_ACT_SEND] == sent);
	check(open_now(W1, &(struct raftblk_open){}) == -EIO);
	check(raft_leads(&W2->rep.raft) || raft_leads(&W3->rep.raft));
}

static void test_read_failed(void)
{
	check(alone());
	write_ok(W1, 0, 1, 1);
	W1->fail = BIT_ACT(READ);
	ended(submit(W1, RAFTBLK_REQ_READ, 0, 1, 0), -EIO);
	W1->fail = 0;
	check(read_byte(W1, 0) == 1);
}

static void test_stop(void)
{
	struct raftblk_req *w, *r;

	start_all(3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	write_ok(W1, 0, 1, 1);
	W1->hold = BIT_ACT(READ);
	r = submit(W1, RAFTBLK_REQ_READ, 0, 1, 0);
	W2->cut = true;
	W3->cut = true;
	w = submit(W1, RAFTBLK_OP_WRITE, 8, 1, 1);
	raftblk_replica_stop(&W1->rep, now);
	world_run(W1);
	ended(w, -ESHUTDOWN);
	check(r->state == RAFTBLK_REQ_READING);
	world_complete(W1, 0);
	ended(r, -ESHUTDOWN);
	ended(submit(W1, RAFTBLK_REQ_READ, 0, 1, 0), -ESHUTDOWN);
}

/* ---- several members ---- */

static void test_failover_keeps(void)
{
	struct raftblk_req *req, *later;

	start_all(3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	write_ok(W1, 0, 1, 1);
	W1->cut = true;
	req = submit(W1, RAFTBLK_OP_WRITE, 50, 1, 2);
	later = submit(W1, RAFTBLK_OP_WRITE, 50, 1, 3);
	check(req->state == RAFTBLK_REQ_PROPOSED);
	pass(4000);
	check(W1->rep.raft.role != RAFT_LEADER);
	check(raft_leads(&W2->rep.raft) || raft_leads(&W3->rep.raft));
	W1->cut = false;
	pass(4000);
	/* Leadership came back to the owner, and its requests were proposed anew. */
	check(raftblk_replica_is_writer(&W1->rep));
	ended(req, 0);
	ended(later, 0);
	check(entries_at(W1, 50) == 2 && entries_at(W2, 50) == 2);
	check(read_byte(W1, 50) == 3);
	check(events(W1, RAFTBLK_EVENT_FENCED) == 0);
}

static void test_fenced(void)
{
	struct raftblk_open open;
	struct raftblk_req *req, *read;
	u64 token;

	start_all(3);
	lead(W1);
	check(open_now(W1, &open) == 0);
	write_ok(W1, 0, 1, 1);
	W1->cut = true;
	req = submit(W1, RAFTBLK_OP_WRITE, 50, 1, 2);
	pass(4000);
	read = submit(W1, RAFTBLK_REQ_READ, 0, 1, 0);
	check(read->state == RAFTBLK_REQ_WAITING);
	if (open_now(W2, &open))
		pass(2000);
	check(W2->opened && !W2->opened->status && W2->rep.token);
	write_ok(W2, 0, 1, 7);
	W1->cut = false;
	pass(1000);
	ended(req, -EIO);
	ended(read, -EIO);
	check(W1->rep.fenced && events(W1, RAFTBLK_EVENT_FENCED) == 1);
	ended(submit(W1, RAFTBLK_OP_WRITE, 0, 1, 9), -EIO);
	ended(submit(W1, RAFTBLK_REQ_READ, 0, 1, 0), -EIO);
	check(open_now(W1, &open) == -EIO);
	check(entries_at(W2, 50) == 0);
	raftblk_replica_close(&W1->rep, now);
	world_run(W1);
	check(read_byte(W1, 0) == 7);
	/* Asked of the leader, which can reach the owner: itself. */
	if (open_now(W1, &open) == 1)
		pass(500);
	check(open.status == -EBUSY && open.owner == 2);
	token = W2->rep.token;
	raftblk_replica_close(&W2->rep, now);
	world_run(W2);
	pass(500);
	check(W1->rep.owner_node == 0 && W1->rep.owner_token > token);
	if (open_now(W1, &open) == 1)
		pass(1000);
	check(W1->opened == &open && open.status == 0 && W1->rep.token > token);
	check(raftblk_replica_is_writer(&W1->rep));
	write_ok(W1, 0, 1, 8);
}

static void test_busy_while_owner_follows(void)
{
	struct raftblk_open open;
	u32 i;

	start_all(3);
	lead(W1);
	check(open_now(W1, &open) == 0);
	W1->rep.hand_over_at = W2->rep.hand_over_at = W3->rep.hand_over_at = ~0ULL;
	lead(W2);	/* moved away from the owner; it still holds the device */
	check(open_now(W2, &open) == -EBUSY && open.owner == 1);
	if (open_now(W3, &open) == 1)
		pass(500);
	check(open.status == -EBUSY && open.owner == 1);
	for (i = 1; i <= 3; i++)
		world[i].rep.hand_over_at = 0;
	pass(3000);
	check(raftblk_replica_is_writer(&W1->rep));
	check(events(W1, RAFTBLK_EVENT_FENCED) == 0);
}

static void test_open_times_out(void)
{
	struct raftblk_open open = { .deadline = now + 700 * MS };

	start_all(3);
	W1->cut = true;
	open.deadline = now + 700 * MS;
	raftblk_replica_open(&W1->rep, now, &open);
	pass(690);
	check(!W1->opened);
	pass(20);
	check(W1->opened == &open && open.status == -ETIMEDOUT);
}

static void test_follower_read(void)
{
	struct raftblk_req *req;

	start_all(3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	W2->hold = BIT_ACT(APPLY);
	write_ok(W1, 9, 1, 5);
	req = submit(W2, RAFTBLK_REQ_READ, 9, 1, 0);
	pass(400);	/* until a heartbeat told the commit index */
	check(((u8 *)(req + 1))[0] == 5);
	ended(req, 0);
	W2->cut = true;		/* question lost: asked again */
	req = submit(W2, RAFTBLK_REQ_READ, 9, 1, 0);
	pass(300);
	check(req->state == RAFTBLK_REQ_WAITING);
	W2->cut = false;
	pass(400);
	ended(req, 0);
}

static void test_io_timeout(void)
{
	struct raftblk_req *w, *r;
	u32 i;

	for (i = 1; i <= 3; i++) {
		world_make(i, 3);
		world[i].params.io_timeout_ns = 3000 * MS;
		world_start(&world[i]);
	}
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	W1->cut = true;
	w = submit(W1, RAFTBLK_OP_WRITE, 0, 1, 1);
	pass(2000);	/* the lease is over */
	r = submit(W1, RAFTBLK_REQ_READ, 0, 1, 0);
	pass(990);
	check(w->state == RAFTBLK_REQ_PROPOSED);
	pass(20);
	ended(w, -ETIMEDOUT);
	check(r->state == RAFTBLK_REQ_WAITING);
	pass(2000);
	ended(r, -ETIMEDOUT);
}

static void test_lagging_peer(void)
{
	u32 i;

	for (i = 1; i <= 3; i++) {
		world_make(i, 3);
		world[i].params.cache_bytes = 64 << 10;
		world_start(&world[i]);
	}
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	world_crash(W3);
	for (i = 0; i < 100; i++)
		write_ok(W1, i * 8, 8, i + 1);
	check(W1->rep.log.cached_bytes <= 64 << 10);
	world_start(W3);
	pass(3000);
	check(W1->count[RAFTBLK_ACT_LOG_READ] >= 80);
	check(W1->count[RAFTBLK_ACT_LOG_READ] <= 110);	/* none over and over */
	check(W3->rep.applied == W1->rep.applied);
	check(!memcmp(W1->data, W3->data, sizeof(W1->data)));
	check(W1->rep.nr_pins == 0);
}

static void test_join(void)
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_JOIN }, again;
	u32 i;

	check(alone());
	memset(c.member.incarnation, 0x77, 16);
	c.member.addr.family = 4;
	again = c;
	raftblk_replica_change(&W1->rep, now, &c);
	world_run(W1);
	check(W1->changed == &c && c.status == 0 && c.member.id == 2);
	check(W1->rep.raft.config.nr == 2);
	check(W1->rep.raft.config.member[1].flags == RAFTBLK_MEMBER_PROMOTE);
	raftblk_replica_change(&W1->rep, now, &again);
	world_run(W1);
	check(W1->changed == &again && again.status == 0 && again.member.id == 2);
	check(W1->rep.raft.config.nr == 2 && W1->rep.raft.config.next_id == 3);

	/* It starts from what it was told, and becomes a voter by itself. */
	world_make(2, 1);
	memset(W2->super.incarnation, 0x77, 16);
	W2->ckpt[0].config = W1->rep.raft.config;
	W2->ckpt[0].config.index = 0;
	world_start(W2);
	check(open_now(W2, &(struct raftblk_open){}) == -EPERM);
	pass(2000);
	check(W1->rep.raft.config.member[1].flags & RAFTBLK_MEMBER_NEW);
	check(!raftblk_config_is_joint(&W1->rep.raft.config));
	check(W2->rep.applied_config.index == W1->rep.raft.config.index);
	pass(1000);
	check(W1->rep.ckpt.config.index == W1->rep.raft.config.index);

	again.member.incarnation[0] = 1;
	raftblk_replica_change(&W2->rep, now, &again);
	world_run(W2);
	check(W2->changed == &again && again.status == -EREMOTE && again.leader == 1);
	for (i = 0; i < 100; i++)
		write_ok(W1, 0, 64, i);
	check(W1->rep.log.first > 1);
	W1->changed = NULL;
	raftblk_replica_change(&W1->rep, now, &again);
	world_run(W1);
	check(W1->changed == &again && again.status == -ESTALE);
	/* Restarted, it still knows who the members are. */
	world_crash(W1);
	world_start(W1);
	check(W1->rep.raft.config.nr == 2 && raftblk_member_votes(&W1->rep.raft.config.member[1]));
}

static void test_transfer(void)
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_TRANSFER, .to = 3 };

	start_all(3);
	lead(W1);
	c.deadline = now + 5000 * MS;
	raftblk_replica_change(&W1->rep, now, &c);
	world_run(W1);
	pass(100);
	check(W1->changed == &c && c.status == 0 && raft_leads(&W3->rep.raft));
	c.to = 9;
	raftblk_replica_change(&W3->rep, now, &c);
	world_run(W3);
	check(W3->changed == &c && c.status == -ENOENT);
	raftblk_replica_change(&W1->rep, now, &c);
	world_run(W1);
	check(c.status == -EREMOTE && c.leader == 3);
}

/* ---- one member whose peers the test plays ---- */

static void tell(struct raftblk_msg m, u32 from)
{
	m.from = from;
	m.to = 1;
	raftblk_replica_receive(&W1->rep, now, &m);
	world_run(W1);
}

/* W1 of three, elected by 2, which has everything W1 has. */
static void lead_by_hand(void)
{
	struct raft *r = &W1->rep.raft;
	u32 ms;

	for (ms = 0; ms < 5000 && r->role == RAFT_FOLLOWER; ms++)
		pass(1);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_PREVOTE_RESP, .term = r->term,
				   .ctx = r->term + 1 }, 2);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_VOTE_RESP, .term = r->term,
				   .ctx = r->term }, 2);
	check(r->role == RAFT_LEADER);
}

static void ack_all(u32 from)
{
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND_RESP, .term = W1->rep.raft.term,
				   .index = W1->rep.log.last }, from);
}

/* W1 leads, owns, and has a write in its log that nobody else has acknowledged. */
static struct raftblk_req *lonely_write(void)
{
	struct raftblk_open open;
	struct raftblk_req *req;

	world_make(1, 3);
	world_start(W1);
	lead_by_hand();
	ack_all(2);
	check(raft_leads(&W1->rep.raft));
	check(open_now(W1, &open) == 1);
	ack_all(2);
	check(open.status == 0 && W1->rep.token);
	req = submit(W1, RAFTBLK_OP_WRITE, 3, 1, 0x33);
	check(req->state == RAFTBLK_REQ_PROPOSED);
	return req;
}

/* 3 leads a later term without having the write: it is cut. */
static void cut_by_3(struct raftblk_req *req)
{
	struct raft *r = &W1->rep.raft;
	struct raftblk_entry noop = { .op = RAFTBLK_OP_NOOP, .term = r->term + 1 };

	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = r->term + 1,
				   .index = req->index - 1, .nr = 1, .ent = &noop,
				   .log_term = raftblk_log_term(&W1->rep.log, req->index - 1),
				   .commit = req->index - 1 }, 3);
	check(W1->rep.log.last == req->index);
	check(req->state == RAFTBLK_REQ_WAITING);
}

static void test_cut_entry_returns(void)
{
	struct raftblk_req *req = lonely_write();
	u64 index = req->index, term = req->term;
	struct raftblk_entry ent[2];

	ent[0] = *raftblk_log_entry(&W1->rep.log, index);
	cut_by_3(req);
	/* 2 had it, leads next, and commits it. */
	ent[0].payload = payload_new(512, 0x33);
	ent[1] = (struct raftblk_entry){ .op = RAFTBLK_OP_NOOP, .term = term + 2 };
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = term + 2, .index = index - 1,
				   .log_term = term, .nr = 2, .ent = ent, .commit = 0 }, 2);
	check(req->state == RAFTBLK_REQ_PROPOSED);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .term = term + 2,
				   .commit = index + 1 }, 2);
	ended(req, 0);
	lead_by_hand();
	ack_all(2);
	check(entries_at(W1, 3) == 1);
	check(W1->rep.token && raftblk_replica_is_writer(&W1->rep));
}

static void test_cut_entry_proposed_once(void)
{
	struct raftblk_req *req = lonely_write();
	struct raftblk_req *next = submit(W1, RAFTBLK_OP_WRITE, 3, 1, 0x44);
	u64 index = req->index;

	cut_by_3(req);
	check(next->state == RAFTBLK_REQ_WAITING);
	lead_by_hand();
	/* Not before the own no-op is committed: another leader may still have it. */
	check(req->state == RAFTBLK_REQ_WAITING);
	ack_all(2);
	check(req->state == RAFTBLK_REQ_PROPOSED && req->index > index);
	check(next->index == req->index + 1);
	check(entries_at(W1, 3) == 2);
	ack_all(2);
	ended(req, 0);
	ended(next, 0);
}

static void test_cut_owner(void)
{
	struct raftblk_req *req = lonely_write();
	u64 term = req->term, token = W1->rep.token;
	struct raftblk_entry ent[2] = {
		{ .op = RAFTBLK_OP_NOOP, .term = term + 1 },
		{ .op = RAFTBLK_OP_OWNER, .sector = 3, .term = term + 1 },
	};
	struct raftblk_entry noop = { .op = RAFTBLK_OP_NOOP, .term = term + 2 };
	u64 index = req->index;

	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = term + 1, .index = index - 1,
				   .log_term = term, .nr = 2, .ent = ent, .commit = index - 1 }, 3);
	/* Another owner, but not committed: nobody is fenced, nothing is proposed. */
	check(W1->rep.log_owner_node == 3 && W1->rep.log_owner_token == index + 1);
	check(W1->rep.token == token && !W1->rep.fenced);
	check(req->state == RAFTBLK_REQ_WAITING);
	/* It is replaced: the right was never lost. */
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = term + 2, .index = index - 1,
				   .log_term = term, .nr = 1, .ent = &noop, .commit = index }, 2);
	check(W1->rep.log_owner_node == 1 && W1->rep.log_owner_token == token);
	lead_by_hand();
	ack_all(2);
	check(req->state == RAFTBLK_REQ_PROPOSED);
	ack_all(2);
	ended(req, 0);
}

/* A lease that ended while the read was with the disk: it does not count. */
static void test_read_recheck(void)
{
	struct raftblk_req *req = lonely_write(), *read;

	ack_all(2);
	ended(req, 0);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT_RESP, .term = W1->rep.raft.term,
				   .index = W1->rep.log.last, .sent_at = now }, 2);
	W1->hold = BIT_ACT(READ);
	read = submit(W1, RAFTBLK_REQ_READ, 3, 1, 0);
	check(read->state == RAFTBLK_REQ_READING);
	now += 900 * MS;
	world_complete(W1, 0);
	check(read->state == RAFTBLK_REQ_RECHECK);
	/* An answer to a heartbeat that was sent before confirms nothing. */
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT_RESP, .term = W1->rep.raft.term,
				   .index = W1->rep.log.last, .sent_at = now - 850 * MS,
				   .ctx = W1->rep.raft.read_round - 1 }, 2);
	check(read->state == RAFTBLK_REQ_RECHECK);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT_RESP, .term = W1->rep.raft.term,
				   .index = W1->rep.log.last, .sent_at = now,
				   .ctx = W1->rep.raft.read_round }, 2);
	check(((u8 *)(read + 1))[0] == 0x33);
	ended(read, 0);
}

static void test_read_deposed(void)
{
	struct raftblk_req *req = lonely_write(), *read;

	ack_all(2);
	ended(req, 0);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT_RESP, .term = W1->rep.raft.term,
				   .index = W1->rep.log.last, .sent_at = now }, 2);
	W1->hold = BIT_ACT(READ);
	read = submit(W1, RAFTBLK_REQ_READ, 3, 1, 0);
	check(read->state == RAFTBLK_REQ_READING);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .term = W1->rep.raft.term + 1 }, 3);
	check(W1->rep.raft.role == RAFT_FOLLOWER);
	world_complete(W1, 0);
	check(read->state == RAFTBLK_REQ_WAITING);
	raftblk_replica_stop(&W1->rep, now);
	world_run(W1);
	ended(read, -ESHUTDOWN);
}

static void test_vote_slots(void)
{
	u32 i;

	world_make(1, 3);
	world_start(W1);
	W1->hold = BIT_ACT(VOTE_WRITE);
	pass(1001);	/* votes are withheld at first */
	for (i = 0; i < 2; i++)
		tell((struct raftblk_msg){ .type = RAFTBLK_MSG_VOTE_REQ, .term = 5 + i,
					   .flags = RAFTBLK_MSG_F_TRANSFER }, 2 + i);
	check(W1->nr_held == 1);
	W1->hold = 0;
	check(W1->held[0].vote.term == 5);
	world_complete(W1, 0);
	check(W1->count[RAFTBLK_ACT_VOTE_WRITE] == 2);
	/* Each in a slot of its own: the older of both is whole if the newer is torn. */
	check(W1->vote[0].generation && W1->vote[1].generation);
	check((W1->vote[0].term == 5 && W1->vote[1].term == 6) ||
	      (W1->vote[0].term == 6 && W1->vote[1].term == 5));
	check(W1->rep.raft.vote_wanted == W1->rep.raft.vote_durable);
}

/* A durable record rots: this is on disk before the member does anything else. */
static void test_proof(void)
{
	u64 pos;
	u32 i;

	start_all(3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	pass(2000);
	W3->hold = BIT_ACT(FLUSH);	/* no checkpoint that would get over it */
	for (i = 0; i < 8; i++)
		write_ok(W1, i, 1, i + 1);
	pos = raftblk_log_entry(&W3->rep.log, W3->rep.log.last - 5)->rec_pos;
	world_crash(W3);
	W3->ring[pos % W_RING_SECTORS * 512 + 100] ^= 1;
	W3->hold = BIT_ACT(CKPT_WRITE);
	memset(W3->count, 0, sizeof(W3->count));
	world_start(W3);
	check(W3->found.corrupt_index && W3->found.proof_index >= W3->found.corrupt_index);
	pass(2000);
	check(W3->nr_held == 1 && W3->held[0].ckpt->proof_index == W3->found.proof_index);
	check(W3->count[RAFTBLK_ACT_SEND] == 0 && W3->count[RAFTBLK_ACT_VOTE_WRITE] == 0 &&
	      W3->count[RAFTBLK_ACT_LOG_WRITE] == 0);
	W3->hold = 0;
	world_complete(W3, 0);
	pass(3000);
	check(events(W3, RAFTBLK_EVENT_PROVEN) == 1);
	check(W3->rep.ckpt.proof_index == 0);
	check(!memcmp(W1->data, W3->data, sizeof(W1->data)));
	check(events(W3, RAFTBLK_EVENT_FAULT) == 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
#define T(name) { #name, test_ ## name }
	T(write_read), T(overlay), T(apply_order), T(too_many_pieces), T(not_durable),
	T(refused), T(checkpoint), T(restart), T(ring_full), T(fault), T(read_failed), T(stop),
	T(failover_keeps), T(fenced), T(busy_while_owner_follows), T(open_times_out),
	T(follower_read), T(io_timeout), T(lagging_peer), T(join), T(transfer),
	T(cut_entry_returns), T(cut_entry_proposed_once), T(cut_owner),
	T(read_recheck), T(read_deposed), T(vote_slots), T(proof),
};

int main(void)
{
	bool failed = false;
	u32 i;

	printf("1..%zu\n", ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		failures = 0;
		now = 1000 * MS;
		tests[i].run();
		world_free_all();
		if (payloads)
			printf("# %u payloads leaked\n", payloads);
		printf("%s %u - replica: %s\n", failures || payloads ? "not ok" : "ok", i + 1,
		       tests[i].name);
		failed |= failures || payloads;
		payloads = 0;
		memset(world, 0, sizeof(world));
	}
	return failed;
}
