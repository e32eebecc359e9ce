// SPDX-License-Identifier: GPL-2.0
/* Verify: three members, one of which has something else than the others. */
#include "replica_world.h"

static void three(void)
{
	u32 i;

	for (i = 1; i <= 3; i++) {
		world_make(i, 3);
		world[i].params.catchup = true;
	}
	for (i = 1; i <= 3; i++)
		world_start(&world[i]);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){}) == 0);
	for (i = 0; i < 4; i++)
		ended(submit(W1, RAFTBLK_OP_WRITE, i * W_EXTENT, 8, i + 1), 0);
	pass(1000);
	check(W2->rep.applied == W1->rep.applied && W3->rep.applied == W1->rep.applied);
}

static const struct raftblk_verify *compare(bool repair)
{
	check(raftblk_replica_verify(&W1->rep, now, repair) == 0);
	world_run(W1);
	pass(5000);
	check(W1->rep.verify.state == RAFTBLK_VERIFY_OFF && W1->rep.verify.status == 0);
	return &W1->rep.verify;
}

REPLICA_TEST(verify_same, "members that are the same differ nowhere")
{
	const struct raftblk_verify *v;

	three();
	v = compare(true);
	check(v->differ == 0 && v->nr_findings == 0 && v->skipped == 0 && v->left_out == 0);
	check(W1->count[RAFTBLK_ACT_CHUNK_HASH] == W_VOLUME / W_EXTENT);
	check(raftblk_replica_verify(&W2->rep, now, false) == -EREMOTE);
}

REPLICA_TEST(verify_mend, "what a follower has otherwise is mended, and other members are let be")
{
	const struct raftblk_verify *v;

	three();
	W2->data[W_EXTENT * 512 + 5] ^= 1;
	v = compare(false);
	check(v->differ == 1 && v->mended == 0 && v->nr_findings == 1);
	check(v->finding[0].node == 2 && v->finding[0].sector == W_EXTENT);
	check(v->finding[0].nsect == 8 && !v->finding[0].mended);
	v = compare(true);
	check(v->differ == 1 && v->mended == 1 && v->finding[0].mended);
	check(!memcmp(W1->data, W2->data, sizeof(W1->data)));
	check(W2->count[RAFTBLK_ACT_REPAIR_WRITE] == 1 && W3->count[RAFTBLK_ACT_REPAIR_WRITE] == 0);
	check(events(W2, RAFTBLK_EVENT_MENDED) == 1 && events(W2, RAFTBLK_EVENT_READ_REPAIRED) == 0);
	check(compare(true)->differ == 0);
}

REPLICA_TEST(verify_mend_leader, "so is the leader")
{
	const struct raftblk_verify *v;

	three();
	W1->data[3 * W_EXTENT * 512] ^= 0x80;
	v = compare(true);
	check(v->differ == 1 && v->mended == 1 && v->finding[0].node == 1);
	check(!memcmp(W1->data, W2->data, sizeof(W1->data)));
}

REPLICA_TEST(verify_no_majority, "where there is no majority it is said, and nothing is written")
{
	const struct raftblk_verify *v;

	three();
	W3->cut = true;
	pass(500);
	W2->data[W_EXTENT * 512] ^= 1;
	v = compare(true);
	check(v->differ == 1 && v->mended == 0 && v->finding[0].node == 0);
	check(v->left_out == W_VOLUME / W_EXTENT);
	check(W1->count[RAFTBLK_ACT_REPAIR_WRITE] + W2->count[RAFTBLK_ACT_REPAIR_WRITE] == 0);
}

REPLICA_TEST(verify_busy, "a chunk that cannot be read is not compared for ever")
{
	three();
	W2->fail = BIT_ACT(CHUNK_HASH);
	check(raftblk_replica_verify(&W1->rep, now, false) == 0);
	world_run(W1);
	pass(200000);
	check(W1->rep.verify.state == RAFTBLK_VERIFY_OFF);
	check(W1->rep.verify.skipped == W_VOLUME / W_EXTENT);
}

/* Member 3 comes back, and what it needs is not in the log any more. */
static void behind(u32 hold)
{
	u32 i;

	three();
	W3->hold = hold;
	ended(submit(W1, RAFTBLK_OP_WRITE, 0, 8, 1), 0);
	pass(100);
	W3->cut = true;
	for (i = 0; i < 1500; i++) {
		ended(submit(W1, RAFTBLK_OP_WRITE, i % 4 * W_EXTENT, 8, i), 0);
		if (i % 100 == 0)
			pass(600);
	}
	check(W1->rep.log.first > 1000);
	W3->cut = false;
	pass(1000);
}

static void behind_refused(void)
{
	const struct raft *r = &W1->rep.raft;

	/* That it is away is another matter: it is left out then. */
	check(now < r->peer[2].heard_at + r->params.election_ns);
	check(raftblk_replica_verify(&W1->rep, now, false) == -EBUSY);
	check(W1->rep.verify.state == RAFTBLK_VERIFY_OFF);
}

static void behind_ends(void)
{
	W3->hold = 0;
	while (W3->nr_held)
		world_complete(W3, 0);
	pass(5000);
	check(!W3->rep.raft.incomplete && raft_lag_is_known(&W1->rep.raft, 2));
	check(compare(false)->differ == 0 && W1->rep.verify.left_out == 0);
}

REPLICA_TEST(verify_behind, "a member that is about to catch up is not taken for one that is there")
{
	/* It cannot begin while an apply is under way. */
	behind(BIT_ACT(APPLY));
	check(W1->rep.raft.peer[2].progress == RAFT_BEHIND && !W1->rep.raft.peer[2].incomplete);
	behind_refused();
	behind_ends();
}

REPLICA_TEST(verify_incomplete, "nor is one that is catching up, although its log is level")
{
	behind(BIT_ACT(CHUNK_WRITE));
	check(W3->rep.raft.incomplete && W1->rep.raft.peer[2].incomplete);
	check(W1->rep.raft.peer[2].match == W1->rep.log.last);
	check(!raft_lag_is_known(&W1->rep.raft, 2));
	behind_refused();
	behind_ends();
}

REPLICA_TEST(verify_stop, "it ends when it is told to, and when leadership moves")
{
	three();
	W2->hold = BIT_ACT(CHUNK_HASH);
	check(raftblk_replica_verify(&W1->rep, now, false) == 0);
	check(raftblk_replica_verify(&W1->rep, now, false) == -EALREADY);
	check(raftblk_replica_verify_stop(&W1->rep, now) == 0);
	check(W1->rep.verify.status == -ECANCELED);
	check(raftblk_replica_verify_stop(&W1->rep, now) == -ENOENT);
	check(raftblk_replica_verify(&W1->rep, now, false) == 0);
	W1->cut = true;
	pass(5000);
	check(W1->rep.verify.state == RAFTBLK_VERIFY_OFF && W1->rep.verify.status == -EREMOTE);
	W1->cut = false;
	W2->hold = 0;
	while (W2->nr_held)
		world_complete(W2, 0);
	pass(2000);
}
