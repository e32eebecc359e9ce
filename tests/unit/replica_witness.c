// SPDX-License-Identifier: GPL-2.0
/* A witness: two members with data, 1 and 2, and 3, which has none. */
#include "replica_world.h"

static void make(u32 id)
{
	world_make(id, 3);
	world[id].params.catchup = true;
	world[id].ckpt[0].config.member[2].flags |= RAFTBLK_MEMBER_WITNESS;
	if (id == 3)
		world[id].super.data_sectors = 0;
}

/* All three; 1 leads and has the device open. */
static void start(void)
{
	u32 i;

	for (i = 1; i <= 3; i++)
		make(i);
	for (i = 1; i <= 3; i++)
		world_start(&world[i]);
	lead(W1);
	check(open_now(W1, &(struct raftblk_open){ }) == 0);
}

static void write_some(u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		ended(submit(W1, RAFTBLK_OP_WRITE, i % 16 * 8, 8, i + 1), 0);
		if (i % 100 == 99)
			pass(600);
	}
}

static bool same_data(void)
{
	return !memcmp(W1->data, W2->data, sizeof(W1->data));
}

REPLICA_TEST(witness_counts, "with a witness either member with data may die")
{
	start();
	world_crash(W2);
	write_some(20);
	pass(1000);
	check(W3->rep.applied == W1->rep.applied);
	check(W3->rep.ckpt.applied_index == W3->rep.applied);
	check(!W3->count[RAFTBLK_ACT_APPLY] && !W3->count[RAFTBLK_ACT_VMAP_WRITE]);
	check(!W3->count[RAFTBLK_ACT_LOG_READ]);
	world_start(W2);
	pass(2000);
	world_crash(W1);
	pass(4000);
	check(raft_leads(&W2->rep.raft) && same_data());
	check(open_now(W2, &(struct raftblk_open){ }) == 0);
	ended(submit(W2, RAFTBLK_OP_WRITE, 0, 8, 9), 0);
}

REPLICA_TEST(witness_device, "a witness never has the device, nor is it given leadership")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_TRANSFER, .to = 3 };

	start();
	check(open_now(W3, &(struct raftblk_open){ }) == -EPERM);
	ended(submit(W3, RAFTBLK_REQ_READ, 0, 8, 0), -EIO);
	check(change_now(W1, &c) == -EOPNOTSUPP);
	check(raft_leads(&W1->rep.raft));
	world_crash(W2);
	pass(2000);
	check(raft_successor(&W1->rep.raft, now) == 0);
}

REPLICA_TEST(witness_passes_on, "a witness leads to pass on what the other member lacks, and hands over")
{
	start();
	pass(1000);
	world_crash(W2);
	write_some(50);
	pass(1000);		/* all of it below the witness's checkpoint */
	world_crash(W3);
	world_start(W3);	/* which it keeps over a restart */
	pass(1000);
	ended(submit(W1, RAFTBLK_OP_WRITE, 0, 8, 77), 0);
	world_crash(W1);
	world_start(W2);
	pass(6000);
	check(raft_leads(&W2->rep.raft));
	check(events(W3, RAFTBLK_EVENT_WAITS_FOR_DATA) == 0);
	check(same_data() && W2->data[0] == 77);
	check(!events(W2, RAFTBLK_EVENT_CATCHUP_BEGIN));
}

REPLICA_TEST(witness_wrapped, "what the witness has forgotten, the volume waits for")
{
	u64 commit;

	start();
	pass(1000);
	world_crash(W2);
	write_some(1500);
	commit = W1->rep.raft.commit;
	check(W3->rep.log.first > W2->rep.log.last + 1);
	W1->cut = true;
	world_start(W2);
	pass(20000);
	check(!raft_leads(&W2->rep.raft) && !raft_leads(&W3->rep.raft));
	check(W3->rep.raft.role == RAFT_LEADER);
	check(raft_waits_for_data(&W3->rep.raft, now) && raft_waits_for_data(&W2->rep.raft, now));
	check(events(W3, RAFTBLK_EVENT_WAITS_FOR_DATA) && events(W2, RAFTBLK_EVENT_WAITS_FOR_DATA));
	/* It was not told to give up what it has. */
	check(!W2->rep.raft.incomplete && !events(W2, RAFTBLK_EVENT_CATCHUP_BEGIN));
	W1->cut = false;
	pass(8000);
	check(raft_leads(&W1->rep.raft) || raft_leads(&W2->rep.raft));
	check(W1->rep.raft.commit >= commit && events(W2, RAFTBLK_EVENT_CATCHUP_END) == 1);
	check(same_data());
	check(!raft_waits_for_data(&W3->rep.raft, now) && !raft_waits_for_data(&W2->rep.raft, now));
}

REPLICA_TEST(witness_behind, "a witness that was away begins at the boundary, and needs no source")
{
	start();
	pass(1000);
	world_crash(W3);
	write_some(1500);
	check(W1->rep.log.first > 1000);
	world_start(W3);
	pass(3000);
	check(events(W3, RAFTBLK_EVENT_CATCHUP_BEGIN) == 1);
	check(events(W3, RAFTBLK_EVENT_CATCHUP_END) == 1);
	check(!events(W3, RAFTBLK_EVENT_CATCHUP_SOURCE));
	check(!W3->rep.raft.incomplete && W3->rep.applied == W1->rep.applied);
	world_crash(W2);
	write_some(10);
}

REPLICA_TEST(witness_begins, "a witness does not count while its log is being replaced")
{
	start();
	pass(1000);
	world_crash(W3);
	write_some(1500);
	W3->hold = BIT_ACT(CKPT_WRITE);
	world_start(W3);
	pass(1000);
	check(world_held(W3, RAFTBLK_ACT_CKPT_WRITE, 0) >= 0 && W3->rep.raft.incomplete);
	check(W1->rep.raft.peer[2].incomplete);
	/* A crash leaves the old log, or the boundary alone; either is whole. */
	world_crash(W3);
	W3->hold = 0;
	world_start(W3);
	pass(3000);
	check(!W3->rep.raft.incomplete && W3->rep.applied == W1->rep.applied);
}

REPLICA_TEST(witness_joins, "a witness joins; who has data last can neither leave nor lose its vote")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_JOIN, .witness = true, .learner = true };
	struct raftblk_change out = { .kind = RAFTBLK_CHANGE_REMOVE, .to = 1 };
	struct raftblk_change set = { .kind = RAFTBLK_CHANGE_SET, .to = 1,
				      .role = RAFTBLK_SET_LEARNER };

	world_make(1, 1);
	W1->params.catchup = true;
	world_start(W1);
	lead(W1);
	memset(c.member.incarnation, 0x77, 16);
	c.member.addr.family = 4;
	c.member.replaces = 1;
	check(change_now(W1, &c) == -EOPNOTSUPP);
	c.member.replaces = 0;
	check(change_now(W1, &c) == 0 && c.member.id == 2);
	check(W1->rep.raft.config.member[1].flags ==
	      (RAFTBLK_MEMBER_PROMOTE | RAFTBLK_MEMBER_WITNESS));
	world_make(2, 1);
	W2->params.catchup = true;
	W2->super.data_sectors = 0;
	memset(W2->super.incarnation, 0x77, 16);
	W2->ckpt[0].config = W1->rep.raft.config;
	W2->ckpt[0].config.index = 0;
	world_start(W2);
	pass(2000);
	check(W1->rep.raft.config.member[1].flags ==
	      (RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW | RAFTBLK_MEMBER_WITNESS));
	check(raft_leads(&W1->rep.raft));
	check(change_now(W1, &out) == -EBUSY);
	check(change_now(W1, &set) == -EBUSY);
	set.to = 2;
	check(change_now(W1, &set) == 0);
	check(W1->rep.raft.config.member[1].flags == RAFTBLK_MEMBER_WITNESS);
	set.role = RAFTBLK_SET_VOTER;
	check(change_now(W1, &set) == 0);
	pass(1000);
	check(raftblk_member_votes(&W1->rep.raft.config.member[1]));
	out.to = 2;
	check(change_now(W1, &out) == 0 && W1->rep.raft.config.nr == 1);
}

REPLICA_TEST(witness_kind, "what a member is, a witness or not, does not change")
{
	struct raftblk_disk_config d;
	struct raftblk_entry e = { .op = RAFTBLK_OP_CONFIG, .bytes = RAFTBLK_CONFIG_BYTES,
				   .term = 9 };
	struct raftblk_msg m = { .type = RAFTBLK_MSG_APPEND, .from = 2, .to = 1, .term = 9,
				 .nr = 1, .ent = &e };
	struct raftblk_config config;

	make(1);
	world_start(W1);
	config = W1->rep.raft.config;
	config.member[0].flags |= RAFTBLK_MEMBER_WITNESS;
	raftblk_config_encode(&config, &d);
	e.payload = world_payload(RAFTBLK_CONFIG_BYTES, 0);
	memcpy(e.payload->data, &d, sizeof(d));
	raftblk_replica_receive(&W1->rep, now, &m);
	world_run(W1);
	check(W1->rep.log.last == 0 && raftblk_member_has_data(&W1->rep.raft.config.member[0]));
	world_crash(W1);

	/* By its superblock a witness, by the configuration not. */
	make(2);
	W2->super.data_sectors = 0;
	check(raftblk_replica_init(&W2->rep, &W2->super, &W2->vote[0], &W2->ckpt[0], &W2->params,
				   &W1->rep.ops, NULL, NULL, NULL, now, 1, &W2->found) == -EUCLEAN);
}

REPLICA_TEST(witness_replaced, "who alone has data is replaced, though a witness votes too")
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_JOIN };
	const struct raftblk_config *config = &W2->rep.raft.config;
	u32 i;

	for (i = 1; i <= 2; i++) {
		world_make(i, 2);
		world[i].params.catchup = true;
		world[i].ckpt[0].config.member[1].flags |= RAFTBLK_MEMBER_WITNESS;
	}
	W2->super.data_sectors = 0;
	world_start(W1);
	world_start(W2);
	lead(W1);
	memset(c.member.incarnation, 0x77, 16);
	c.member.addr.family = 4;
	c.member.replaces = 1;
	check(change_now(W1, &c) == 0 && c.member.id == 3);
	world_make(3, 2);
	W3->params.catchup = true;
	memset(W3->super.incarnation, 0x77, 16);
	W3->ckpt[0].config = W1->rep.raft.config;
	W3->ckpt[0].config.index = 0;
	world_start(W3);
	pass(4000);
	check(raft_leads(&W3->rep.raft));
	check(config->nr == 2 && raftblk_config_find(config, 1) < 0);
	check(!raftblk_config_is_joint(config) && raftblk_config_data_voters(config) == 1);
	check(open_now(W3, &(struct raftblk_open){ }) == 0);
	ended(submit(W3, RAFTBLK_OP_WRITE, 0, 8, 9), 0);
}

REPLICA_TEST(witness_proposed, "a leader does not propose to change what a member is")
{
	struct raftblk_config *config;
	u64 index = 0, last;

	start();
	pass(1000);
	last = W1->rep.log.last;
	config = &W1->rep.raft.incoming;
	*config = W1->rep.raft.config;
	config->member[1].flags |= RAFTBLK_MEMBER_WITNESS;
	check(raft_propose_config(&W1->rep.raft, now, config, &index) == -EINVAL);
	check(W1->rep.log.last == last);
}
