// SPDX-License-Identifier: GPL-2.0
/* Members leave, lose their vote, are replaced: where it could go wrong or wait for ever. */
#include "replica_world.h"
#include "../../kernel/core/crc.h"

#define VOTES	(RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW)

static int remove_now(struct world *w, u32 id)
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_REMOVE, .to = id };

	return change_now(w, &c);
}

static struct raftblk_change join_of(u32 id, u32 replaces)
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_JOIN };

	memset(c.member.incarnation, id, 16);
	c.member.addr.family = 4;
	c.member.replaces = replaces;
	return c;
}

/* A blank machine with what @from knows. */
static void join_start(struct world *w, const struct world *from)
{
	world_make(w->id ? w->id : w - world, 1);
	w->ckpt[0].config = from->rep.raft.config;
	w->ckpt[0].config.index = 0;
	world_start(w);
}

REPLICA_TEST(alone_uncommitted, "the last voter waits while that it is the last is not committed")
{
	start_all(2);
	lead(W1);
	pass(1000);
	W1->hold = BIT_ACT(FLUSH);	/* no checkpoint that knows */
	check(remove_now(W1, 2) == 0);
	world_crash(W1);
	world_start(W1);
	check(W1->rep.raft.config.nr == 1 && W1->rep.raft.config.index > W1->rep.raft.commit);
	pass(500);
	check(W1->rep.raft.role == RAFT_FOLLOWER);
	pass(2000);
	check(raft_leads(&W1->rep.raft));
	/* From then on at once. */
	W1->hold = 0;
	while (W1->nr_held)
		world_complete(W1, 0);
	pass(2000);
	world_crash(W1);
	world_start(W1);
	pass(10);
	check(raft_leads(&W1->rep.raft));
}

REPLICA_TEST(left_unproven, "what a joiner was told proves of nobody that it has left")
{
	world_make(1, 1);
	W1->ckpt[0].config.next_id = 5;
	world_start(W1);
	check(!raft_has_left(&W1->rep.raft, 3));
	lead(W1);
	check(!raft_has_left(&W1->rep.raft, 3));
}

REPLICA_TEST(replace_only, "the only voter is replaced, and meanwhile holds up nobody")
{
	struct raftblk_change c;

	start_all(1);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	c = join_of(2, 1);
	check(change_now(W1, &c) == 0 && c.member.id == 2);
	join_start(W2, W1);
	pass(2000);
	/* Not while it has the device open. */
	check(!raftblk_member_votes(&W1->rep.raft.config.member[1]));
	c = join_of(3, 0);
	check(change_now(W1, &c) == 0 && c.member.id == 3);
	c.learner = false;
	join_start(W3, W1);
	pass(2000);
	check(raftblk_member_votes(&W1->rep.raft.config.member[2]));
	c = (struct raftblk_change){ .kind = RAFTBLK_CHANGE_REMOVE, .to = 3 };
	check(change_now(W1, &c) == 0);
	world_crash(W3);

	raftblk_replica_close(&W1->rep, now);
	world_run(W1);
	pass(3000);
	check(raft_leads(&W2->rep.raft));
	check(W2->rep.raft.config.nr == 1 && raft_has_left(&W2->rep.raft, 1));
	check(open_now(W2, &(struct raftblk_open){}) == 0);
}

REPLICA_TEST(join_while_joint, "nobody joins while a leader that leaves has yet to hand over")
{
	struct raftblk_change c;
	u64 index;

	start_all(1);
	lead(W1);
	c = join_of(2, 1);
	check(change_now(W1, &c) == 0);
	join_start(W2, W1);
	W2->hold = BIT_ACT(VOTE_WRITE);		/* it cannot be elected */
	pass(300);
	while (W2->nr_held && !raftblk_config_is_joint(&W1->rep.raft.config)) {
		world_complete(W2, 0);
		pass(100);
	}
	check(raftblk_config_is_joint(&W1->rep.raft.config));
	check(raft_leads(&W1->rep.raft) && W1->rep.raft.config.index <= W1->rep.raft.commit);
	index = W1->rep.raft.config.index;
	c = join_of(3, 0);
	check(change_now(W1, &c) == 1);
	check(W1->rep.raft.config.index == index);
	W2->hold = 0;
	while (W2->nr_held)
		world_complete(W2, 0);
	pass(4000);
	check(raft_leads(&W2->rep.raft) && c.status == -EREMOTE);
}

REPLICA_TEST(removed_reads, "reads of a member that has left end")
{
	struct raftblk_req *req;

	start_all(3);
	lead(W1);
	pass(1000);
	W3->hold = BIT_ACT(READ);
	req = submit(W3, RAFTBLK_REQ_READ, 0, 1, 0);
	check(world_held(W3, RAFTBLK_ACT_READ, 0) >= 0);
	check(remove_now(W1, 3) == 0);
	raftblk_replica_removed(&W3->rep, now);
	world_complete(W3, world_held(W3, RAFTBLK_ACT_READ, 0));
	ended(req, -EIO);
	ended(submit(W3, RAFTBLK_REQ_READ, 0, 1, 0), -EIO);
}

REPLICA_TEST(guest_place, "there is a place for a newcomer even if as many have joined as may")
{
	struct raftblk_config *config;
	struct raftblk_msg m = { .type = RAFTBLK_MSG_HEARTBEAT, .to = 1, .term = 9 };
	struct raftblk_change c = join_of(0x77, 0);
	u32 i;

	world_make(1, 1);
	config = &W1->ckpt[0].config;
	for (i = 1; i < RAFTBLK_MEMBERS_LIMIT; i++) {
		config->member[i] = config->member[0];
		config->member[i].id = i + 1;
		config->member[i].flags = 0;
		memset(config->member[i].incarnation, i + 1, 16);
	}
	config->nr = i;
	config->next_id = i + 1;
	world_start(W1);
	lead(W1);
	check(change_now(W1, &c) == -ENOSPC);
	/* It joined after another was removed, which this one has not heard of. */
	m.from = config->next_id;
	W1->nr_msg = 0;
	raftblk_replica_receive(&W1->rep, now, &m);
	world_run(W1);
	check(W1->rep.raft.leader == m.from);
	for (i = 0; i < W1->nr_msg && W1->msg[i].to != m.from; i++)
		;
	check(i < W1->nr_msg && W1->msg[i].type == RAFTBLK_MSG_HEARTBEAT_RESP);
}

/* 1 has the device open and cannot be reached; the others take its vote. */
static struct world *vote_taken(bool remove)
{
	struct raftblk_change c = { .kind = remove ? RAFTBLK_CHANGE_REMOVE : RAFTBLK_CHANGE_SET,
				    .to = 1, .role = RAFTBLK_SET_LEARNER };
	struct world *leader;

	start_all(3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	W1->cut = true;
	pass(5000);
	leader = raft_leads(&W2->rep.raft) ? W2 : W3;
	check(change_now(leader, &c) == 0);
	return leader;
}

REPLICA_TEST(owner_without_vote, "a writer that lost its vote meanwhile is fenced")
{
	struct world *leader = vote_taken(false);
	struct raftblk_req *req = submit(W1, RAFTBLK_OP_WRITE, 0, 1, 1);

	check(req->state == RAFTBLK_REQ_WAITING && W1->rep.token);
	W1->cut = false;
	pass(1000);
	check(W1->rep.raft.config.member[0].flags == 0);
	ended(req, -EIO);
	check(events(W1, RAFTBLK_EVENT_FENCED) == 1 && W1->rep.fenced && !W1->rep.token);
	ended(submit(W1, RAFTBLK_OP_WRITE, 0, 1, 1), -EIO);
	check(open_now(leader, &(struct raftblk_open){}) == 0);
	raftblk_replica_close(&W1->rep, now);
	world_run(W1);
	check(!W1->rep.fenced && open_now(W1, &(struct raftblk_open){}) == -EPERM);
}

REPLICA_TEST(owner_removed, "a writer that was removed meanwhile is fenced when it is told")
{
	struct world *leader = vote_taken(true);
	struct raftblk_req *req = submit(W1, RAFTBLK_OP_WRITE, 0, 1, 1);

	W1->cut = false;
	check(open_now(leader, &(struct raftblk_open){}) == 0);
	raftblk_replica_removed(&W1->rep, now);
	world_run(W1);
	ended(req, -EIO);
	check(events(W1, RAFTBLK_EVENT_FENCED) == 1);
	raftblk_replica_close(&W1->rep, now);
	world_run(W1);
	pass(3000);
	check(W1->rep.raft.role == RAFT_FOLLOWER);
}

static void propose_zeroes(struct world *w, u32 n)
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .nsect = 1 };
	u64 index;

	while (n--)
		check(!raft_propose(&w->rep.raft, now, &e, &index));
	w->rep.busy = true;
}

REPLICA_TEST(leave_lag, "a leader that is to leave hands over to who is near, and not all the time")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_REMOVE, .to = 1 };
	struct raft *r = &W1->rep.raft;
	u32 i, offered = 0;

	start_all(3);
	lead(W1);
	pass(1000);
	W2->hold = BIT_ACT(LOG_WRITE);
	W3->hold = BIT_ACT(LOG_WRITE);
	propose_zeroes(W1, RAFT_HAND_OVER_LAG + 10);
	world_run(W1);
	raftblk_replica_change(&W1->rep, now, &c);
	world_run(W1);
	check(!r->transfer_to);
	W2->hold = BIT_ACT(VOTE_WRITE);
	W3->hold = BIT_ACT(VOTE_WRITE);
	world_complete(W2, 0);
	world_complete(W3, 0);
	world_run(W1);
	check(r->transfer_to);
	/* It comes to nothing: the vote of neither gets on its disk. */
	for (i = 0; i < 6000 && r->role == RAFT_LEADER; i++) {
		pass(1);
		if (r->role == RAFT_LEADER)
			offered += r->transfer_to != 0;
	}
	check(offered * 10 <= i * 6);
	W2->hold = 0;
	W3->hold = 0;
	while (W2->nr_held)
		world_complete(W2, 0);
	while (W3->nr_held)
		world_complete(W3, 0);
	pass(5000);
	check(W1->changed == &c && c.status == -EREMOTE);
}

REPLICA_TEST(config_invalid, "a configuration that cannot be does not get into the log")
{
	struct raftblk_config config;
	u64 last, index;

	start_all(1);
	lead(W1);
	pass(100);
	last = W1->rep.log.last;
	config = W1->rep.raft.config;
	config.member[0].flags = RAFTBLK_MEMBER_OLD;
	check(raft_propose_config(&W1->rep.raft, now, &config, &index) == -EINVAL);
	check(W1->rep.log.last == last && W1->rep.raft.config.index == 0);
}

REPLICA_TEST(remove_twice, "who is a member is open while a removal is not committed")
{
	struct raftblk_change set = { .kind = RAFTBLK_CHANGE_SET, .to = 3,
				      .role = RAFTBLK_SET_LEARNER };
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_REMOVE, .to = 3 };

	start_all(3);
	lead(W1);
	pass(1000);
	check(change_now(W1, &set) == 0);
	W2->hold = BIT_ACT(LOG_WRITE);
	raftblk_replica_change(&W1->rep, now, &c);
	world_run(W1);
	check(W1->rep.raft.config.nr == 2 && W1->rep.raft.config.index > W1->rep.raft.commit);
	check(remove_now(W1, 3) == -EINPROGRESS);
	W2->hold = 0;
	world_complete(W2, 0);
	check(c.status == 0 && W1->changed == &c);
	check(remove_now(W1, 3) == -ENOENT);
}

REPLICA_TEST(remove_incomplete, "a member that is catching up is not counted on")
{
	start_all(3);
	lead(W1);
	pass(1000);
	world_crash(W3);
	pass(2000);
	W1->rep.raft.peer[1].incomplete = true;
	check(remove_now(W1, 3) == -EHOSTDOWN);
	pass(200);
	check(remove_now(W1, 2) == -EHOSTDOWN);
	check(remove_now(W1, 3) == 0);
}

static void config_entry(struct raftblk_entry *e, u64 term, const struct raftblk_config *config)
{
	*e = (struct raftblk_entry){ .op = RAFTBLK_OP_CONFIG, .term = term,
				     .bytes = RAFTBLK_CONFIG_BYTES };
	e->payload = world_payload(e->bytes, 0);
	raftblk_config_encode(config, (void *)e->payload->data);
	e->crc = raftblk_crc(e->payload->data, e->bytes);
}

/* 2 leads a new term, which is on W1's disk before anything comes of it. */
static void led_by_2(u64 term)
{
	struct raftblk_msg m = { .type = RAFTBLK_MSG_HEARTBEAT, .from = 2, .to = 1, .term = term };

	raftblk_replica_receive(&W1->rep, now, &m);
	world_run(W1);
	check(W1->rep.raft.leader == 2);
}

/* Its entry is cut, but another leader has made the same change. */
REPLICA_TEST(remove_cut, "a removal that came true under another leader has ended well")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_REMOVE, .to = 3 };
	struct raftblk_msg m = { .type = RAFTBLK_MSG_APPEND, .from = 2, .to = 1 };
	struct raftblk_config config;
	struct raftblk_entry ent[3] = { { .op = RAFTBLK_OP_NOOP } };

	start_all(3);
	lead(W1);
	pass(1000);
	W2->cut = true;
	W3->cut = true;
	raftblk_replica_change(&W1->rep, now, &c);
	world_run(W1);
	check(c.started && raftblk_config_is_joint(&W1->rep.raft.config));
	config = W1->rep.raft.config;
	m.index = c.index - 1;
	m.log_term = raftblk_log_term(&W1->rep.log, m.index);
	m.term = W1->rep.raft.term + 1;
	ent[0].term = m.term;
	config_entry(&ent[1], m.term, &config);
	raftblk_config_finish(&config);
	config_entry(&ent[2], m.term, &config);
	m.ent = ent;
	m.nr = 3;
	m.commit = m.index + 3;
	W2->cut = false;
	led_by_2(m.term);
	raftblk_replica_receive(&W1->rep, now, &m);
	world_run(W1);
	check(W1->rep.raft.leader == 2 && W1->rep.raft.config.nr == 2);
	check(W1->changed == &c && c.status == 0);
}

REPLICA_TEST(join_undone, "who was let in and removed since is not told that all is well")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_JOIN, .learner = true };
	struct raftblk_config config;
	struct raftblk_entry e = { .op = RAFTBLK_OP_CONFIG };
	struct raftblk_msg m = { .type = RAFTBLK_MSG_APPEND, .from = 2, .to = 1, .nr = 1, .ent = &e };

	start_all(3);
	lead(W1);
	pass(2000);
	W1->cut = true;
	memset(c.member.incarnation, 0x77, 16);
	c.member.addr.family = 4;
	raftblk_replica_change(&W1->rep, now, &c);
	world_run(W1);
	config = W1->rep.raft.config;
	check(config.nr == 4 && !c.status && c.started);

	/* Node 2 had heard of it, leads now, and has removed it again: all in one message. */
	m.index = W1->rep.log.last;
	m.log_term = W1->rep.raft.term;
	m.commit = m.index + 1;
	m.term = m.log_term + 1;
	config.nr = 3;
	e.term = m.term;
	e.bytes = RAFTBLK_CONFIG_BYTES;
	e.payload = world_payload(e.bytes, 0);
	raftblk_config_encode(&config, (void *)e.payload->data);
	led_by_2(m.term);
	raftblk_replica_receive(&W1->rep, now, &m);
	world_run(W1);
	check(W1->changed == &c && c.status == -EIDRM);
}
