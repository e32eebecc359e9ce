// SPDX-License-Identifier: GPL-2.0
/* One member whose peers the test plays: the orders that rarely happen by themselves. */
#include "replica_world.h"

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

REPLICA_TEST(cut_entry_returns, "a cut entry that comes back is not proposed again")
{
	struct raftblk_req *req = lonely_write();
	u64 index = req->index, term = req->term;
	struct raftblk_entry ent[2];

	ent[0] = *raftblk_log_entry(&W1->rep.log, index);
	cut_by_3(req);
	/* 2 had it, leads next, and commits it. */
	ent[0].payload = world_payload(512, 0x33);
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

REPLICA_TEST(cut_entry_proposed_once, "a cut entry is proposed once more, in its order")
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

REPLICA_TEST(cut_owner, "an owner entry that was cut changed nothing")
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
REPLICA_TEST(read_recheck, "a read whose lease ended is confirmed again")
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

REPLICA_TEST(read_deposed, "a read of a leader that was deposed does not count")
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

/* What the slots hold, as the sum of their terms. */
static u64 slot_terms(void)
{
	return W1->vote[0].term + W1->vote[1].term;
}

REPLICA_TEST(vote_slots, "votes alternate between the slots, and end up in both")
{
	u32 i;

	world_make(1, 3);
	world_start(W1);
	check(W1->vote[0].generation + W1->vote[1].generation == 0 + 1);
	W1->hold = BIT_ACT(VOTE_WRITE);
	pass(1001);	/* votes are withheld at first */
	for (i = 0; i < 2; i++)
		tell((struct raftblk_msg){ .type = RAFTBLK_MSG_VOTE_REQ, .term = 5 + i,
					   .flags = RAFTBLK_MSG_F_TRANSFER }, 2 + i);
	check(W1->nr_held == 1 && W1->held[0].vote.term == 5);
	world_complete(W1, 0);
	check(W1->nr_held == 1 && W1->held[0].vote.term == 6);
	check(slot_terms() == 0 + 5);
	world_complete(W1, 0);
	/* Each in a slot of its own: the older of both is whole if the newer is torn. */
	check(slot_terms() == 5 + 6);
	check(W1->rep.raft.vote_wanted == W1->rep.raft.vote_durable);
	/* Once more, so that no single bad sector makes it forget what it promised. */
	check(W1->nr_held == 1 && W1->held[0].vote.term == 6);
	world_complete(W1, 0);
	check(slot_terms() == 6 + 6);
	check(!W1->nr_held && W1->rep.raft.vote_wanted == W1->rep.raft.vote_durable);
}

REPLICA_TEST(foreign_owner_uncommitted, "no write behind another's owner entry, not even as leader")
{
	struct raftblk_req *req = lonely_write(), *next;
	u64 term = req->term, index = req->index, last;
	struct raftblk_entry ent[2] = {
		{ .op = RAFTBLK_OP_NOOP, .term = term + 1 },
		{ .op = RAFTBLK_OP_OWNER, .sector = 3, .term = term + 1 },
	};

	ack_all(2);
	ended(req, 0);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = term + 1, .index = index,
				   .log_term = term, .nr = 2, .ent = ent, .commit = index }, 3);
	lead_by_hand();
	last = W1->rep.log.last;
	next = submit(W1, RAFTBLK_OP_WRITE, 4, 1, 1);
	check(next->state == RAFTBLK_REQ_WAITING);
	check(W1->rep.log.last == last);
	ack_all(2);	/* now the other's entry is committed, by us */
	check(W1->rep.fenced && W1->rep.owner_node == 3);
	ended(next, -EIO);
	check(entries_at(W1, 4) == 0);
}

REPLICA_TEST(close_ends_writes, "what waits when the last has closed is not written later")
{
	struct raftblk_req *req = lonely_write();
	u64 last;

	cut_by_3(req);
	raftblk_replica_close(&W1->rep, now);
	world_run(W1);
	ended(req, -EIO);
	lead_by_hand();
	ack_all(2);
	last = W1->rep.log.last;	/* the ownership went back with the last entry */
	check(raftblk_log_entry(&W1->rep.log, last)->op == RAFTBLK_OP_OWNER);
	check(entries_at(W1, 3) == 0);
}

REPLICA_TEST(closed_then_cut, "what was in the log when the last closed, and was cut, has failed")
{
	struct raftblk_req *req = lonely_write();
	u64 term = req->term, index = req->index;
	struct raftblk_entry noop = { .op = RAFTBLK_OP_NOOP, .term = term + 1 };

	raftblk_replica_close(&W1->rep, now);
	world_run(W1);
	check(req->state == RAFTBLK_REQ_PROPOSED);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = term + 1, .index = index - 1,
				   .log_term = term, .nr = 1, .ent = &noop }, 3);
	ended(req, -EIO);
}

/* W1 leads; 2 is the owner, with this token. */
static u64 lead_over_owner_2(void)
{
	struct raftblk_entry ent[2] = {
		{ .op = RAFTBLK_OP_NOOP, .term = 1 },
		{ .op = RAFTBLK_OP_OWNER, .sector = 2, .term = 1 },
	};

	world_make(1, 3);
	world_start(W1);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = 1, .nr = 2, .ent = ent,
				   .commit = 2 }, 2);
	lead_by_hand();
	ack_all(3);
	check(raft_leads(&W1->rep.raft) && W1->rep.owner_node == 2);
	return W1->rep.owner_token;
}

REPLICA_TEST(release_token, "a release takes back only the ownership it names")
{
	u64 token = lead_over_owner_2();
	u64 last = W1->rep.log.last;

	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_RELEASE, .index = token - 1 }, 2);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_RELEASE, .index = token }, 3);
	check(W1->rep.log.last == last);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_RELEASE, .index = token }, 2);
	check(W1->rep.log.last == last + 1 && W1->rep.log_owner_node == 0);
	/* Repeated: nothing is left to take back. */
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_RELEASE, .index = token }, 2);
	check(W1->rep.log.last == last + 1);
}

REPLICA_TEST(new_leader_waits, "a new leader hears the owner before it lets another in")
{
	u64 token = lead_over_owner_2();
	u64 last = W1->rep.log.last;
	struct raftblk_open open;

	check(open_now(W1, &open) == 1);
	check(W1->rep.log.last == last);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT_RESP, .term = W1->rep.raft.term,
				   .sent_at = now, .flags = RAFTBLK_MSG_F_HOLDING }, 2);
	check(W1->opened == &open && open.status == -EBUSY && open.owner == 2);
	check(W1->rep.owner_token == token);
}

REPLICA_TEST(dead_owner, "an owner that is silent is replaced")
{
	u64 token = lead_over_owner_2();
	struct raftblk_open open;

	check(open_now(W1, &open) == 1);
	pass(310);
	check(W1->rep.own_proposed > token);
	ack_all(3);
	check(W1->opened == &open && open.status == 0 && W1->rep.token > token);
}

/* The ctx of the newest message of this type. */
static u64 sent_ctx(u8 type)
{
	u32 i;

	for (i = W1->nr_msg; i; i--)
		if (W1->msg[i - 1].type == type)
			return W1->msg[i - 1].ctx;
	return 0;
}

REPLICA_TEST(read_answers, "an answer serves the reads that were there when it was asked for")
{
	struct raftblk_req *first, *second;
	u64 ctx;

	world_make(1, 3);
	world_start(W1);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT, .term = 1 }, 2);
	first = submit(W1, RAFTBLK_REQ_READ, 0, 1, 0);
	ctx = sent_ctx(RAFTBLK_MSG_READ_REQ);
	second = submit(W1, RAFTBLK_REQ_READ, 1, 1, 0);
	check(ctx && sent_ctx(RAFTBLK_MSG_READ_REQ) == ctx);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_READ_RESP, .ctx = ctx - 1, .index = 1 }, 2);
	check(first->index == 0);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_READ_RESP, .ctx = ctx, .index = 1 }, 2);
	check(first->state == RAFTBLK_REQ_WAITING && first->index == 1);	/* not committed here */
	check(second->state == RAFTBLK_REQ_WAITING && second->index == 0);
	check(sent_ctx(RAFTBLK_MSG_READ_REQ) == ctx + 1);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = 1, .nr = 1, .commit = 1,
				   .ent = &(struct raftblk_entry){ .op = RAFTBLK_OP_NOOP,
								   .term = 1 } }, 2);
	ended(first, 0);
	check(second->state == RAFTBLK_REQ_WAITING);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_READ_RESP, .ctx = ctx + 1, .index = 1 }, 2);
	ended(second, 0);
}

static void three_with_writer(void)
{
	u32 i;

	for (i = 1; i <= 3; i++)
		world_make(i, 3);
	for (i = 1; i <= 3; i++)
		world_start(&world[i]);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
}

REPLICA_TEST(commit_after_candidacy, "a follower that was about to stand learns of the commit again")
{
	struct raftblk_req *req;

	three_with_writer();
	ended(submit(W1, RAFTBLK_OP_WRITE, 9, 1, 5), 0);
	/* It has acknowledged the write, and its connection stalls before it hears more. */
	W2->cut = true;
	while (W2->rep.raft.role == RAFT_FOLLOWER)
		pass(1);
	W2->cut = false;
	pass(500);
	req = submit(W2, RAFTBLK_REQ_READ, 9, 1, 0);
	pass(5000);
	ended(req, 0);
}

REPLICA_TEST(rot_of_two, "of two voters one has a rotten record: the volume comes back")
{
	u64 pos;
	u32 i;

	for (i = 1; i <= 2; i++)
		world_make(i, 2);
	for (i = 1; i <= 2; i++)
		world_start(&world[i]);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	pass(2000);
	W2->hold = BIT_ACT(FLUSH);
	for (i = 0; i < 8; i++)
		ended(submit(W1, RAFTBLK_OP_WRITE, i, 1, i + 1), 0);
	pos = raftblk_log_entry(&W2->rep.log, W2->rep.log.last - 5)->rec_pos;
	world_crash(W2);
	W2->ring[pos % W_RING_SECTORS * 512 + 100] ^= 1;
	W2->hold = 0;
	pass(3000);
	check(W1->rep.raft.role != RAFT_LEADER);
	world_start(W2);
	check(W2->found.corrupt_index);
	pass(20000);
	check(raft_leads(&W1->rep.raft));
	check(!W2->rep.raft.proof_index);
}

REPLICA_TEST(vote_slot_rots, "one bad vote slot does not make a member vote twice")
{
	u32 newest, i;

	world_make(1, 3);
	world_start(W1);
	pass(1001);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_VOTE_REQ, .term = 6,
				   .flags = RAFTBLK_MSG_F_TRANSFER }, 2);
	check(W1->rep.raft.voted_for == 2);
	world_crash(W1);
	newest = W1->vote[1].generation > W1->vote[0].generation;
	memset(&W1->vote[newest], 0, sizeof(W1->vote[newest]));
	W1->nr_msg = 0;
	world_start(W1);
	pass(1001);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_VOTE_REQ, .term = 6,
				   .flags = RAFTBLK_MSG_F_TRANSFER }, 3);
	for (i = 0; i < W1->nr_msg; i++)
		check(W1->msg[i].type != RAFTBLK_MSG_VOTE_RESP || W1->msg[i].status);
}

REPLICA_TEST(timeout_set_late, "io-timeout set while I/O is frozen holds for what waits")
{
	struct raftblk_req *before, *after;

	three_with_writer();
	W1->cut = true;
	before = submit(W1, RAFTBLK_OP_WRITE, 0, 1, 1);
	pass(3000);
	check(before->state != RAFTBLK_REQ_ENDED);
	raftblk_replica_set_io_timeout(&W1->rep, now, 1000 * MS);
	after = submit(W1, RAFTBLK_OP_WRITE, 8, 1, 1);
	pass(1500);
	ended(before, -ETIMEDOUT);
	ended(after, -ETIMEDOUT);
}

REPLICA_TEST(timeout_set_again, "io-timeout taken away and set again counts from then on")
{
	struct raftblk_req *req;

	three_with_writer();
	W1->cut = true;
	req = submit(W1, RAFTBLK_OP_WRITE, 0, 1, 1);
	raftblk_replica_set_io_timeout(&W1->rep, now, 1000 * MS);
	pass(500);
	raftblk_replica_set_io_timeout(&W1->rep, now, 0);
	pass(3000);
	check(req->state != RAFTBLK_REQ_ENDED);
	raftblk_replica_set_io_timeout(&W1->rep, now, 1000 * MS);
	pass(900);
	check(req->state != RAFTBLK_REQ_ENDED);
	pass(200);
	ended(req, -ETIMEDOUT);
}

REPLICA_TEST(large_read, "a large read does not starve behind a stream of small writes")
{
	struct raftblk_req *req;
	u32 i, n;

	world_make(1, 1);
	world_start(W1);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	W1->hold = BIT_ACT(APPLY);
	for (i = 0; i < 40; i++)
		ended(submit(W1, RAFTBLK_OP_WRITE, 200 + 2 * i, 1, i + 1), 0);
	req = submit(W1, RAFTBLK_REQ_READ, 200, 80, 0);
	/* As many are applied as are written. */
	for (n = 0; n < 1000 && req->state != RAFTBLK_REQ_ENDED; n++) {
		world_complete(W1, 0);
		ended(submit(W1, RAFTBLK_OP_WRITE, 200 + 2 * (n % 40), 1, n), 0);
	}
	ended(req, 0);
}

REPLICA_TEST(ring_of_cut_entries, "leaders that fail one after the other do not fill a ring for good")
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_NOOP, .term = 1 };
	u32 t;

	world_make(1, 3);
	world_start(W1);
	pass(1001);
	tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = 1, .nr = 1, .ent = &e,
				   .commit = 1 }, 2);
	pass(2000);
	for (t = 2; t < 6000; t++) {
		e.term = t;
		tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = t, .nr = 1,
					   .ent = &e, .index = 1, .log_term = 1,
					   .commit = 1 }, 2 + t % 2);
	}
	for (t = 6001; t < 6004; t++) {
		e.term = 6001;
		tell((struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = 6001, .nr = 1,
					   .ent = &e, .index = 1, .log_term = 1,
					   .commit = 2 }, 2);
		pass(1000);
	}
	check(W1->rep.raft.commit == 2);
}
