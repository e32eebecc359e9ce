// SPDX-License-Identifier: GPL-2.0
/* The replica, step by step: what ends when, with which status, and what must not happen. */
#include "replica_world.h"

static void write_ok(struct world *w, u64 sector, u32 nsect, u8 fill)
{
	ended(submit(w, RAFTBLK_OP_WRITE, sector, nsect, fill), 0);
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

REPLICA_TEST(write_read, "a write is done at commit and read before it is applied")
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

REPLICA_TEST(overlay, "a read is pieced together, newest first")
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

REPLICA_TEST(apply_order, "overlapping entries are applied in order, others at once")
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

REPLICA_TEST(too_many_pieces, "a read of too many pieces waits for apply")
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

REPLICA_TEST(not_durable, "nothing is done or applied before it is durable")
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

REPLICA_TEST(refused, "what is malformed or has no right is refused")
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

REPLICA_TEST(checkpoint, "a checkpoint covers what was applied before the flush")
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

REPLICA_TEST(restart, "what was committed is there after a crash, the owner is not")
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

REPLICA_TEST(full_restart, "a crash with a full log leaves room to lead again")
{
	struct raftblk_req *last = NULL;
	u32 i;

	check(alone());
	W1->hold = BIT_ACT(CKPT_WRITE);
	for (i = 0; i < W_ENTRIES; i++) {
		last = submit(W1, RAFTBLK_OP_ZERO, i % 16 * 8, 8, 0);
		if (last->state == RAFTBLK_REQ_WAITING)
			break;
		ended(last, 0);
	}
	check(last->state == RAFTBLK_REQ_WAITING);
	check(W1->rep.log.last - W1->rep.log.ckpt_index >= W_ENTRIES / 8 * 7);
	raftblk_replica_stop(&W1->rep, now);
	world_run(W1);
	ended(last, -ESHUTDOWN);
	world_crash(W1);
	W1->hold = 0;
	world_start(W1);
	pass(1000);
	check(raft_leads(&W1->rep.raft));
	check(W1->rep.applied == W1->rep.log.last);
}

REPLICA_TEST(ring_full, "the ring is used over and over")
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

REPLICA_TEST(fault, "after a failed write it says nothing any more")
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

REPLICA_TEST(read_failed, "a read that fails is no fault")
{
	check(alone());
	write_ok(W1, 0, 1, 1);
	W1->fail = BIT_ACT(READ);
	ended(submit(W1, RAFTBLK_REQ_READ, 0, 1, 0), -EIO);
	W1->fail = 0;
	check(read_byte(W1, 0) == 1);
}

REPLICA_TEST(stop, "stop ends everything")
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

REPLICA_TEST(failover_keeps, "requests outlive a change of leader, once each")
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

REPLICA_TEST(fenced, "who lost the right gets EIO until it has closed")
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

REPLICA_TEST(busy_while_owner_follows, "EBUSY while another holds the device, leader or not")
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

REPLICA_TEST(open_times_out, "an open gives up at its deadline")
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

REPLICA_TEST(follower_read, "a follower asks the leader, and asks again")
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

REPLICA_TEST(io_timeout, "io-timeout ends what waits")
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

REPLICA_TEST(lagging_peer, "a peer that lags is served from the ring, each entry read once")
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

REPLICA_TEST(join, "join, repeated join, promotion, too late to join")
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

REPLICA_TEST(transfer, "leadership is handed over on request")
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

/* A durable record rots: this is on disk before the member does anything else. */
REPLICA_TEST(proof, "a loss is noted on disk before anything else")
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

REPLICA_TEST(slow_disk, "committed by the others is done, but not applied before durable here")
{
	start_all(3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	W1->hold = BIT_ACT(LOG_WRITE);
	ended(submit(W1, RAFTBLK_OP_WRITE, 5, 1, 1), 0);
	pass(100);
	check(W1->rep.raft.commit > W1->rep.log.durable);
	check(W1->rep.applying == 0 && W1->data[5 * 512] == 0);
	check(read_byte(W1, 5) == 1);
	world_complete(W1, 0);
	check(W1->data[5 * 512] == 1);
}

REPLICA_TEST(join_learner, "a learner for good keeps up and is never promoted")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_JOIN, .learner = true }, again;

	check(alone());
	memset(c.member.incarnation, 0x77, 16);
	c.member.addr.family = 4;
	again = c;
	again.learner = false;
	raftblk_replica_change(&W1->rep, now, &c);
	world_run(W1);
	check(W1->changed == &c && c.status == 0 && c.member.id == 2);
	raftblk_replica_change(&W1->rep, now, &again);
	world_run(W1);
	check(W1->changed == &again && again.status == 0 && again.member.id == 2);
	check(W1->rep.raft.config.nr == 2 && W1->rep.raft.config.member[1].flags == 0);

	world_make(2, 1);
	memset(W2->super.incarnation, 0x77, 16);
	W2->ckpt[0].config = W1->rep.raft.config;
	W2->ckpt[0].config.index = 0;
	world_start(W2);
	pass(3000);
	check(W1->rep.raft.config.member[1].flags == 0);
	check(W2->rep.applied == W1->rep.applied);
	/* Without the only voter it does not stand. */
	world_crash(W1);
	pass(5000);
	check(W2->rep.raft.role == RAFT_FOLLOWER);
	check(open_now(W2, &(struct raftblk_open){}) == -EPERM);
}

REPLICA_TEST(config_from_log, "members are known again from the log alone")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_JOIN };

	check(alone());
	W1->hold = BIT_ACT(FLUSH);	/* no checkpoint */
	memset(c.member.incarnation, 0x77, 16);
	c.member.addr.family = 4;
	raftblk_replica_change(&W1->rep, now, &c);
	world_run(W1);
	check(c.status == 0);
	world_crash(W1);
	W1->hold = 0;
	world_start(W1);
	check(W1->rep.ckpt.config.nr == 1);
	check(W1->rep.raft.config.nr == 2 && W1->rep.raft.config.next_id == 3);
	lead(W1);
	check(W1->rep.applied_config.nr == 2);
	check(W1->rep.applied_config.index == W1->rep.raft.config.index);
}

REPLICA_TEST(applied_ahead, "what is applied ahead of others is read from the data area")
{
	world_make(1, 1);
	W1->params.cache_bytes = 512;
	world_start(W1);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	W1->hold = BIT_ACT(APPLY);
	write_ok(W1, 0, 4, 1);
	write_ok(W1, 100, 1, 2);
	write_ok(W1, 102, 1, 3);
	world_complete(W1, 1);
	write_ok(W1, 104, 1, 4);
	check(W1->rep.applied + 1 < W1->rep.apply_next);
	check(!raftblk_log_entry(&W1->rep.log, W1->rep.log.last - 2)->payload);
	check(read_byte(W1, 100) == 2);
	check(read_byte(W1, 0) == 1);
}

REPLICA_TEST(remove_voter, "a voter leaves, and knows it; what may not leave does not")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_REMOVE, .to = 9 };
	struct raftblk_change two = { .kind = RAFTBLK_CHANGE_REMOVE, .to = 2 };

	start_all(3);
	lead(W1);
	pass(2000);
	check(change_now(W1, &c) == -ENOENT);
	check(change_now(W2, &c) == -EREMOTE && c.leader == 1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	c.to = 1;
	check(change_now(W1, &c) == -ETXTBSY);

	/* Two at once: the second is told so. */
	c.to = 3;
	c.deadline = 0;
	W1->changed = NULL;
	raftblk_replica_change(&W1->rep, now, &c);
	raftblk_replica_change(&W1->rep, now, &two);
	world_run(W1);
	pass(100);
	check(c.status == 0 && two.status == -EINPROGRESS);
	check(W1->rep.raft.config.nr == 2 && !raftblk_config_is_joint(&W1->rep.raft.config));
	check(raft_has_left(&W1->rep.raft, 3) && !raft_has_left(&W1->rep.raft, 2));
	write_ok(W1, 0, 1, 7);
	c.to = 3;
	check(change_now(W1, &c) == -ENOENT);

	/* It stands no chance, and hears so when it connects. */
	pass(5000);
	check(raft_leads(&W1->rep.raft));
	raftblk_replica_removed(&W3->rep, now);
	world_run(W3);
	check(events(W3, RAFTBLK_EVENT_REMOVED) == 1);
	check(W3->rep.raft.role == RAFT_FOLLOWER);
	check(open_now(W3, &(struct raftblk_open){}) == -EPERM);
	pass(5000);
	check(W3->rep.raft.role == RAFT_FOLLOWER && events(W3, RAFTBLK_EVENT_REMOVED) == 1);

	check(change_now(W1, &two) == 0);
	two.to = 1;
	raftblk_replica_close(&W1->rep, now);
	world_run(W1);
	pass(100);
	check(change_now(W1, &two) == -EBUSY);
}

REPLICA_TEST(remove_dead, "a dead member leaves; not one without whom nothing would go on")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_REMOVE, .to = 2 };

	start_all(3);
	lead(W1);
	pass(1000);
	world_crash(W3);
	pass(2000);
	check(change_now(W1, &c) == -EHOSTDOWN);
	c.to = 3;
	check(change_now(W1, &c) == 0);
	check(W1->rep.raft.config.nr == 2 && W2->rep.raft.config.nr == 2);
}

REPLICA_TEST(remove_leader, "a leader hands over before it leaves")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_REMOVE, .to = 1 };
	struct world *next;

	start_all(3);
	lead(W1);
	pass(1000);
	check(change_now(W1, &c) == -EREMOTE);
	check(c.leader == 2 || c.leader == 3);
	next = &world[c.leader];
	pass(1000);
	check(change_now(next, &c) == 0);
	check(next->rep.raft.config.nr == 2);
	check(raftblk_config_find(&next->rep.raft.config, 1) == -ENOENT);
}

REPLICA_TEST(set, "addresses and roles change")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_SET, .to = 3 };

	start_all(3);
	lead(W1);
	pass(1000);
	c.member.addr = (struct raftblk_addr){ .family = 4, .port = 7450, .ip = { 10, 0, 0, 3 } };
	check(change_now(W1, &c) == 0);
	check(W1->rep.raft.config.member[2].addr.ip[3] == 3);
	c.to = 2;
	check(change_now(W1, &c) == -EADDRINUSE);
	memset(&c.member, 0, sizeof(c.member));
	c.to = 3;
	c.role = RAFTBLK_SET_LEARNER;
	check(change_now(W1, &c) == 0);
	check(W1->rep.raft.config.nr == 3 && W1->rep.raft.config.member[2].flags == 0);
	pass(200);
	check(W3->rep.raft.election_at == ~0ULL);
	c.role = RAFTBLK_SET_VOTER;
	check(change_now(W1, &c) == 0);
	pass(1000);
	check(W1->rep.raft.config.member[2].flags == (RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW));
}

REPLICA_TEST(replace, "a joiner takes the place of a dead member in one step")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_JOIN }, again;

	start_all(2);
	lead(W1);
	pass(1000);
	memset(c.member.incarnation, 0x77, 16);
	c.member.addr.family = 4;
	c.member.replaces = 9;
	check(change_now(W1, &c) == -ENOENT);
	c.member.replaces = 2;
	again = c;
	check(change_now(W1, &c) == 0 && c.member.id == 3);
	check(W1->rep.raft.config.nr == 3);
	check(W1->rep.raft.config.member[2].replaces == 2);
	again.member.incarnation[0] = 1;
	check(change_now(W1, &again) == -EALREADY);
	again = (struct raftblk_change){ .kind = RAFTBLK_CHANGE_REMOVE, .to = 2 };
	check(change_now(W1, &again) == -EALREADY);

	world_make(3, 2);
	memset(W3->super.incarnation, 0x77, 16);
	W3->ckpt[0].config = W1->rep.raft.config;
	W3->ckpt[0].config.index = 0;
	world_start(W3);
	pass(2000);
	check(W1->rep.raft.config.nr == 2 && W1->rep.raft.config.member[1].id == 3);
	check(W1->rep.raft.config.member[1].flags == (RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW));
	check(!raftblk_config_is_joint(&W1->rep.raft.config));
	world_crash(W2);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	write_ok(W1, 0, 1, 3);
}

REPLICA_TEST(join_again, "made anew at its old address, a machine takes the place of what it was")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_JOIN, .learner = true };

	check(alone());
	memset(c.member.incarnation, 0x77, 16);
	c.member.addr = (struct raftblk_addr){ .family = 4, .port = 7450, .ip = { 10, 0, 0, 3 } };
	check(change_now(W1, &c) == 0 && c.member.id == 2);
	memset(c.member.incarnation, 0x78, 16);
	c.member.id = 0;
	check(change_now(W1, &c) == -EADDRINUSE);
	c.member.replaces = 2;
	check(change_now(W1, &c) == 0 && c.member.id == 3);
	check(W1->rep.raft.config.nr == 3);
}
