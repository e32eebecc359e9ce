// SPDX-License-Identifier: GPL-2.0
/* What members remember of each other, and a disk that was set back. */
#include "replica_world.h"

/* A copy of what is on a disk. */
static struct {
	u8 ring[W_RING_SECTORS * 512];
	u8 data[W_VOLUME_MAX * 512];
	u64 version[2][W_VOLUME_MAX / W_EXTENT];
	struct raftblk_vmap_block vmap_block[2];
	u32 maps;
	struct raftblk_vote vote[2];
	struct raftblk_ckpt ckpt[2];
} kept;

#define EACH_FIELD(X) X(ring) X(data) X(version) X(vmap_block) X(maps) X(vote) X(ckpt)

static void keep(const struct world *w)
{
#define X(f) memcpy(&kept.f, &w->f, sizeof(kept.f));
	EACH_FIELD(X)
#undef X
}

static void set_back(struct world *w)
{
	check(!w->up);
#define X(f) memcpy(&w->f, &kept.f, sizeof(kept.f));
	EACH_FIELD(X)
#undef X
}

static void make(u32 n, u32 voters)
{
	u32 i;

	for (i = 1; i <= n; i++) {
		world_make(i, n);
		world[i].params.catchup = true;
		world[i].params.raft.recall_ns = world[i].params.raft.election_ns;
	}
	for (i = 1; i <= n; i++) {
		u32 k;

		for (k = voters; k < n; k++)
			world[i].ckpt[0].config.member[k].flags = 0;
	}
	for (i = 1; i <= n; i++)
		world_start(&world[i]);
}

static void writes(u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		ended(submit(W1, RAFTBLK_OP_WRITE, i % 16 * 8, 8, i + nr), 0);
}

/* W3 has acknowledged 20 entries that W2 has not got, and its disk is set back to before. */
static void needed_and_set_back(void)
{
	make(3, 3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	writes(5);
	pass(1000);
	keep(W3);
	W2->cut = true;
	writes(20);
	world_crash(W3);
	set_back(W3);
}

static bool same_data(void)
{
	return !memcmp(W1->data, W2->data, sizeof(W1->data)) &&
	       !memcmp(W1->data, W3->data, sizeof(W1->data));
}

REPLICA_TEST(older_disk, "a disk that was set back does not help to elect who lacks what it had")
{
	u64 commit;

	needed_and_set_back();
	commit = W1->rep.raft.commit;
	W2->cut = false;
	W3->hold = BIT_ACT(CKPT_WRITE);
	world_start(W3);
	check(events(W3, RAFTBLK_EVENT_OLDER_DISK) == 1);
	W1->cut = true;
	W3->hold = 0;
	world_complete(W3, 0);
	pass(20000);
	check(!raft_leads(&W2->rep.raft) && !raft_leads(&W3->rep.raft));
	check(W3->rep.ckpt.proof_index);
	/* Nor after it was started again. */
	world_crash(W3);
	world_start(W3);
	pass(20000);
	check(!raft_leads(&W2->rep.raft) && !raft_leads(&W3->rep.raft));
	W1->cut = false;
	pass(8000);
	check(events(W3, RAFTBLK_EVENT_PROVEN) == 1 && !W3->rep.ckpt.proof_index);
	check(W3->rep.applied >= commit && W2->rep.applied >= commit);
	check(same_data());
}

REPLICA_TEST(older_disk_of_two, "who led when it acknowledged goes on with a disk that was set back")
{
	u64 commit;

	needed_and_set_back();
	commit = W1->rep.raft.commit;
	pass(5000);
	check(!raft_leads(&W1->rep.raft));	/* nobody to lead */
	world_start(W3);
	pass(8000);
	check(raft_leads(&W1->rep.raft) && W3->rep.applied >= commit);
	check(events(W3, RAFTBLK_EVENT_PROVEN) == 1);
	W2->cut = false;
	pass(3000);
	check(same_data());
}

REPLICA_TEST(older_proof_first, "nothing leaves before it is on disk that the disk is an older copy")
{
	u32 i, before;

	needed_and_set_back();
	W2->cut = false;
	W3->hold = BIT_ACT(CKPT_WRITE);
	world_start(W3);
	check(W3->rep.raft.older && W3->nr_held == 1);
	before = W3->nr_msg;
	pass(5000);
	check(W3->nr_msg == before);
	for (i = 0; i < W3->nr_msg; i++)
		check(W3->msg[i].type != RAFTBLK_MSG_APPEND_RESP || W3->msg[i].life != W3->rep.raft.life);
	W3->hold = 0;
	world_complete(W3, 0);
	pass(3000);
	check(same_data());
}

REPLICA_TEST(older_disk_all_down, "what others had promised outlives a restart of who remembers it")
{
	needed_and_set_back();
	W2->cut = false;
	pass(3000);		/* W2 has got it, and there was a checkpoint */
	world_crash(W1);
	world_crash(W2);
	world_start(W3);
	world_start(W2);
	world_start(W1);
	pass(3000);
	check(events(W3, RAFTBLK_EVENT_OLDER_DISK) == 1);
	pass(5000);
	check(events(W3, RAFTBLK_EVENT_PROVEN) == 1 && same_data());
}

REPLICA_TEST(older_leader, "a leader that was set back in the middle of its term is told, too")
{
	make(3, 3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	writes(5);
	pass(1000);
	keep(W1);
	writes(20);
	pass(1000);
	check(W1->rep.raft.term == kept.vote[0].term || W1->rep.raft.term == kept.vote[1].term);
	world_crash(W1);
	set_back(W1);
	world_start(W1);
	check(events(W1, RAFTBLK_EVENT_OLDER_DISK) == 1 && W1->rep.raft.proof_index);
	pass(10000);
	check(events(W1, RAFTBLK_EVENT_PROVEN) == 1 && same_data());
}

REPLICA_TEST(older_alone, "the only voter was set back, and a learner knows")
{
	make(2, 1);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	writes(5);
	pass(1000);
	keep(W1);
	writes(20);
	pass(1000);
	world_crash(W1);
	set_back(W1);
	world_start(W1);
	pass(10000);
	/* It would write other entries in place of those that the learner has. */
	check(events(W1, RAFTBLK_EVENT_OLDER_DISK) == 1 && W1->rep.raft.role == RAFT_FOLLOWER);
}

REPLICA_TEST(recall_waits, "who is down is waited for, not for ever, and asked when it is back")
{
	needed_and_set_back();
	W1->cut = true;		/* who knows; and W2 is away as well */
	world_start(W3);
	pass(W3->params.raft.recall_ns / MS - 100);
	check(!W3->rep.raft.sure);
	pass(200);
	check(W3->rep.raft.sure && !events(W3, RAFTBLK_EVENT_OLDER_DISK));
	W1->cut = false;
	pass(2 * W3->params.raft.election_ns / MS);
	check(events(W3, RAFTBLK_EVENT_OLDER_DISK) == 1);
}

/*
 * A member with a higher id dials those with a lower one.  An attempt to connect to a machine that
 * is down asks twice, in the first second, and the next comes up to three seconds after that.
 */
#define CONNECT_GAP_MS	3000

REPLICA_TEST(recall_dial, "who is up but has yet to connect is waited for")
{
	u64 commit;
	u32 i;

	make(3, 3);
	for (i = 1; i <= 3; i++)
		world[i].params.raft.recall_ns = RAFT_RECALL_NS;
	lead(W3);
	check(open_now(W3, &(struct raftblk_open){}) == 0);
	ended(submit(W3, RAFTBLK_OP_WRITE, 0, 8, 1), 0);
	pass(1000);
	keep(W1);
	world_crash(W2);
	for (i = 1; i < 20; i++)
		ended(submit(W3, RAFTBLK_OP_WRITE, i % 16 * 8, 8, i), 0);
	commit = W3->rep.raft.commit;
	/* Only W3 has that now, and it stays up. */
	world_crash(W1);
	set_back(W1);
	pass(5000);
	W3->cut = true;
	world_start(W1);
	world_start(W2);
	pass(CONNECT_GAP_MS);
	W3->cut = false;
	pass(10000);
	check(events(W1, RAFTBLK_EVENT_OLDER_DISK) == 1);
	check(W1->rep.applied >= commit && W2->rep.applied >= commit);
	check(entries_at(W3, 19 % 16 * 8) == 2);
	check(same_data());
}

/* It becomes a voter. */
static void join(struct world *w)
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_JOIN };
	u32 id = w - world;

	memset(c.member.incarnation, id, 16);
	c.member.addr.family = 4;
	c.member.addr.port = id;
	check(change_now(W1, &c) == 0);
	world_make(id, 1);
	w->params.catchup = true;
	w->params.raft.recall_ns = w->params.raft.election_ns;
	w->ckpt[0].config = W1->rep.raft.config;
	w->ckpt[0].config.index = 0;
	world_start(w);
	pass(3000);
	check(raftblk_member_votes(&W1->rep.raft.config.member[id - 1]));
}

/*
 * W1 was alone when the copy was made.  The others joined, and lead now; it has started from the
 * copy, leads alone, and has committed something else in the place of its second write.
 */
static void forked(void)
{
	static struct raftblk_open open;

	make(1, 1);
	lead(W1);
	check(open_now(W1, &open) == 0);
	ended(submit(W1, RAFTBLK_OP_WRITE, 0, 8, 1), 0);
	pass(1000);
	keep(W1);
	ended(submit(W1, RAFTBLK_OP_WRITE, 8, 8, 2), 0);
	join(W2);
	join(W3);
	pass(1000);
	world_crash(W1);
	pass(5000);
	set_back(W1);
	W1->cut = true;
	world_start(W1);
	pass(10);
	check(raft_leads(&W1->rep.raft) && !entries_at(W1, 8));
}

/* It does not pass for one of them, and they go on. */
static void ends_alone(struct world *leads)
{
	static struct raftblk_open open;

	W1->cut = false;
	pass(5000);
	check(W1->rep.fault == -EUCLEAN);
	check(!W2->rep.fault && !W3->rep.fault);
	lead(leads);
	open_now(leads, &open);
	pass(5000);
	check(leads->opened == &open && !open.status);
	check(read_byte(leads, 8) == 2);
	ended(submit(leads, RAFTBLK_OP_WRITE, 8, 8, 4), 0);
}

REPLICA_TEST(older_alone_same, "a copy that led alone stops when it hears of who leads that term")
{
	struct world *leads;

	forked();
	leads = raft_leads(&W2->rep.raft) ? W2 : W3;
	check(raft_leads(&leads->rep.raft) && leads->rep.raft.term == W1->rep.raft.term);
	ends_alone(leads);
}

REPLICA_TEST(older_alone_led, "a copy that led alone stops when it is led and has something else for committed")
{
	forked();
	lead(raft_leads(&W2->rep.raft) ? W3 : W2);
	check(max(W2->rep.raft.term, W3->rep.raft.term) > W1->rep.raft.term);
	ends_alone(raft_leads(&W2->rep.raft) ? W2 : W3);
}

REPLICA_TEST(not_older, "a member that was only down is what it was")
{
	static struct raftblk_open open;
	u32 i, k;

	make(3, 3);
	for (i = 0; i < 12; i++) {
		struct world *w = &world[1 + i % 3];
		struct raftblk_req *req;

		/* Also one that led, with an entry that was not on its disk yet. */
		lead(w);
		if (open_now(w, &open) == 1)
			pass(5000);
		check(w->opened == &open && !open.status);
		w->hold = BIT_ACT(LOG_WRITE);
		req = submit(w, RAFTBLK_OP_WRITE, i * 8, 8, i);
		pass(i % 2 ? 1000 : 1);
		world_crash(w);
		free(req);
		w->hold = 0;
		pass(i % 4 ? 20 : 5000);
		world_start(w);
		pass(5000);
		for (k = 1; k <= 3; k++)
			check(!events(&world[k], RAFTBLK_EVENT_OLDER_DISK));
	}
	check(same_data());
}

/* ---- with some members played by the test ---- */

static void tell(struct world *w, u32 from, struct raftblk_msg m)
{
	m.from = from;
	m.to = w->id;
	raftblk_replica_receive(&w->rep, now, &m);
}

/* What @w answers to @from, in that life of it. */
static struct raftblk_msg recalled(struct world *w, u32 from, u64 life)
{
	u32 i;

	world_run(w);
	for (i = w->nr_msg; i--; )
		if (w->msg[i].type == RAFTBLK_MSG_RECALL_RESP && w->msg[i].to == from &&
		    w->msg[i].ctx == life)
			return w->msg[i];
	check(!"answered");
	return (struct raftblk_msg){ };
}

REPLICA_TEST(recall_of_past, "what was promised before is told though the new life was heard first")
{
	struct raftblk_msg m;
	u64 term, last;

	make(3, 3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	writes(5);
	term = W1->rep.raft.term;
	last = W1->rep.log.last;
	world_crash(W3);
	/* It was sure without being told, and its question is overtaken by its answers. */
	tell(W1, 3, (struct raftblk_msg){ .type = RAFTBLK_MSG_RECALL_REQ, .term = term, .life = 77 });
	tell(W1, 3, (struct raftblk_msg){ .type = RAFTBLK_MSG_HEARTBEAT_RESP, .term = term,
					  .index = 3, .life = 77 });
	m = recalled(W1, 3, 77);
	check(m.sent_at == term && m.commit == term && m.index == last);
	check(m.status == RAFTBLK_RECALL_EXACT);
	/* What it promises in that life is not told to it, but to the next one. */
	writes(3);
	tell(W1, 3, (struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND_RESP, .term = term,
					  .index = last + 3, .life = 77 });
	tell(W1, 3, (struct raftblk_msg){ .type = RAFTBLK_MSG_RECALL_REQ, .term = term, .life = 77 });
	check(recalled(W1, 3, 77).index == last);
	tell(W1, 3, (struct raftblk_msg){ .type = RAFTBLK_MSG_RECALL_REQ, .term = term, .life = 78 });
	check(recalled(W1, 3, 78).index == last + 3);
}

REPLICA_TEST(recall_of_forgotten, "who was forgotten and is back is not told that it is all")
{
	struct raft *r = &W1->rep.raft;
	struct raftblk_entry noop = { .op = RAFTBLK_OP_NOOP };
	struct raftblk_msg m;
	struct raftblk_config c;
	u64 term, index = 0;

	make(3, 3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	writes(5);
	term = r->term;
	tell(W1, 3, (struct raftblk_msg){ .type = RAFTBLK_MSG_RECALL_REQ, .term = term, .life = 77 });
	check(recalled(W1, 3, 77).status == RAFTBLK_RECALL_EXACT);
	world_crash(W2);
	world_crash(W3);
	/* A configuration without 3, which the next leader does not have. */
	c = r->config;
	check(c.member[2].id == 3);
	memset(&c.member[--c.nr], 0, sizeof(c.member[0]));
	check(raft_propose_config(r, now, &c, &index) == 0 && r->config.nr == 2);
	noop.term = term + 1;
	tell(W1, 2, (struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = term + 1,
					  .index = index - 1, .nr = 1, .ent = &noop, .life = 5,
					  .log_term = raftblk_log_term(&W1->rep.log, index - 1) });
	check(r->config.nr == 3 && r->role == RAFT_FOLLOWER);
	tell(W1, 3, (struct raftblk_msg){ .type = RAFTBLK_MSG_PREVOTE_RESP, .term = term, .life = 77 });
	tell(W1, 3, (struct raftblk_msg){ .type = RAFTBLK_MSG_RECALL_REQ, .term = term, .life = 78 });
	m = recalled(W1, 3, 78);
	check(m.sent_at == term && !m.index && m.status == 0);
}

REPLICA_TEST(older_not_durable, "what is only in memory again may be lost once more")
{
	struct raft *r = &W3->rep.raft;
	struct raftblk_entry noop = { .op = RAFTBLK_OP_NOOP, .term = 5 };
	struct raftblk_msg exact = { .type = RAFTBLK_MSG_RECALL_RESP, .term = 5, .sent_at = 5,
				     .commit = 5, .index = 1, .log_term = 5,
				     .status = RAFTBLK_RECALL_EXACT };

	world_make(3, 3);
	W3->params.raft.recall_ns = W3->params.raft.election_ns;
	world_start(W3);
	tell(W3, 2, (struct raftblk_msg){ .type = RAFTBLK_MSG_RECALL_RESP, .ctx = r->life,
					  .sent_at = 5 });
	world_run(W3);
	check(r->proof_index == RAFTBLK_INDEX_MAX && r->term == 5);
	pass(2000);
	check(r->sure);
	W3->hold = BIT_ACT(LOG_WRITE);
	tell(W3, 1, (struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = 5, .nr = 1, .ent = &noop });
	world_run(W3);
	check(W3->rep.log.last == 1 && !W3->rep.log.durable);
	exact.ctx = r->life;
	tell(W3, 1, exact);
	world_run(W3);
	check(r->proof_index == 1);
	W3->hold = 0;
	world_complete(W3, 0);
	tell(W3, 1, (struct raftblk_msg){ .type = RAFTBLK_MSG_APPEND, .term = 5, .index = 1,
					  .log_term = 5, .commit = 1 });
	world_run(W3);
	check(!r->proof_index && events(W3, RAFTBLK_EVENT_PROVEN) == 1);
}

/* All members are set back, each to a copy of its own. */
static void set_back_all(const void *copy[3])
{
	u32 i;

	for (i = 1; i <= 3; i++)
		world_crash(&world[i]);
	for (i = 1; i <= 3; i++) {
		memcpy(&kept, copy[i - 1], sizeof(kept));
		set_back(&world[i]);
		free((void *)copy[i - 1]);
	}
	for (i = 1; i <= 3; i++)
		world_start(&world[i]);
	pass(20000);
}

static void *copy_of(const struct world *w)
{
	keep(w);
	return memcpy(malloc(sizeof(kept)), &kept, sizeof(kept));
}

static bool somebody_leads(void)
{
	return raft_leads(&W1->rep.raft) || raft_leads(&W2->rep.raft) || raft_leads(&W3->rep.raft);
}

REPLICA_TEST(older_all, "all members are set back to copies that were made while all were down")
{
	const void *copy[3];
	u32 i;

	make(3, 3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	writes(5);
	pass(3000);
	for (i = 1; i <= 3; i++)
		world_crash(&world[i]);
	for (i = 1; i <= 3; i++)
		copy[i - 1] = copy_of(&world[i]);
	for (i = 1; i <= 3; i++)
		world_start(&world[i]);
	lead(W2);
	pass(3000);
	set_back_all(copy);
	check(somebody_leads() && same_data());
	for (i = 1; i <= 3; i++)
		check(!events(&world[i], RAFTBLK_EVENT_OLDER_DISK));
}

REPLICA_TEST(older_moments, "copies of different moments contradict each other: nobody leads")
{
	const void *copy[3];
	u32 i;

	make(3, 3);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	/* The leader's last: it knows what the others have acknowledged since theirs. */
	for (i = 0; i < 3; i++) {
		writes(20);
		pass(3000);
		copy[(i + 1) % 3] = copy_of(&world[1 + (i + 1) % 3]);
	}
	set_back_all(copy);
	check(!somebody_leads());
	check(events(W2, RAFTBLK_EVENT_OLDER_DISK) == 1 && W2->rep.raft.proof_index);
	check(events(W3, RAFTBLK_EVENT_OLDER_DISK) == 1 && W3->rep.raft.proof_index);
	check(!events(W1, RAFTBLK_EVENT_OLDER_DISK));
}
