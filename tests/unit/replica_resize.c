// SPDX-License-Identifier: GPL-2.0
/* A volume grows: who has to have room before, and from when on it is larger. */
#include "replica_world.h"

#define LARGER	(W_VOLUME + 104)

static struct raftblk_change resize_to(u64 sectors)
{
	return (struct raftblk_change){ .kind = RAFTBLK_CHANGE_RESIZE, .size = sectors };
}

static int resize_now(struct world *w, u64 sectors)
{
	struct raftblk_change c = resize_to(sectors);

	return change_now(w, &c);
}

/* The change goes on waiting. */
static void resize_begin(struct world *w, struct raftblk_change *c)
{
	c->deadline = now + 5000 * MS;
	w->changed = NULL;
	raftblk_replica_change(&w->rep, now, c);
	pass(50);
}

static bool all_have(u64 sectors)
{
	u32 i;

	for (i = 1; i <= 3; i++)
		if (world[i].rep.size != sectors || world[i].rep.volume_sectors != sectors ||
		    world[i].rep.super.data_sectors < sectors)
			return false;
	return true;
}

REPLICA_TEST(resize, "it grows where the entry is committed; what is new is zeros, and written from then on")
{
	struct raftblk_open open;
	struct raftblk_req *req;
	u32 i;

	start_all(3);
	lead(W1);
	check(open_now(W1, &open) == 0);
	ended(submit(W1, RAFTBLK_OP_WRITE, W_VOLUME - 1, 2, 1), -EIO);
	check(resize_now(W1, LARGER) == 0);
	pass(1000);
	check(all_have(LARGER));
	for (i = 1; i <= 3; i++) {
		check(events(&world[i], RAFTBLK_EVENT_RESIZED) == 1);
		check(world[i].count[RAFTBLK_ACT_GROW] == 1);
		check(!world[i].data[W_VOLUME * 512] && !world[i].data[LARGER * 512 - 1]);
		check(world[i].ckpt[world[i].rep.ckpt.generation & 1].volume_sectors == LARGER);
	}
	check(read_byte(W1, LARGER - 1) == 0);
	req = submit(W1, RAFTBLK_OP_WRITE, W_VOLUME - 1, 2, 1);
	pass(10);
	ended(req, 0);
	ended(submit(W1, RAFTBLK_OP_WRITE, LARGER - 1, 2, 1), -EIO);
	/* Once more changes nothing: who lost the answer may ask again. */
	check(resize_now(W1, LARGER) == 0);
	check(events(W1, RAFTBLK_EVENT_RESIZED) == 1);
	raftblk_replica_close(&W1->rep, now);
}

REPLICA_TEST(resize_bad, "it does not shrink, nor take a size that makes no sense")
{
	start_all(3);
	lead(W1);
	check(resize_now(W1, W_VOLUME - 8) == -ERANGE);
	check(resize_now(W1, W_VOLUME + 1) == -EINVAL);
	check(resize_now(W1, 0) == -EINVAL);
	check(resize_now(W1, RAFTBLK_SECTOR_MAX + 8) == -EFBIG);
	check(all_have(W_VOLUME));
	check(resize_now(W2, LARGER) == -EREMOTE);
}

REPLICA_TEST(resize_small, "one whose device is too small is named, and asked anew the next time")
{
	struct raftblk_change c = resize_to(LARGER);

	start_all(3);
	lead(W1);
	W3->room = LARGER - 1;
	check(change_now(W1, &c) == -ENOSPC && c.who == 3 && c.room == LARGER - 1);
	check(W1->rep.size == W_VOLUME && W1->rep.super.data_sectors == LARGER);
	W3->room = W_VOLUME_MAX;
	check(resize_now(W1, LARGER) == 0);
	pass(100);
	check(all_have(LARGER));
}

REPLICA_TEST(resize_failed, "a device that cannot be zeroed is no room")
{
	struct raftblk_change c = resize_to(LARGER);

	start_all(3);
	lead(W1);
	W1->fail = BIT_ACT(GROW);
	check(change_now(W1, &c) == -EIO && c.who == 1);
	check(all_have(W_VOLUME));
}

REPLICA_TEST(resize_away, "one that is away is named: what it had before does not count")
{
	struct raftblk_change c = resize_to(LARGER);

	start_all(3);
	lead(W1);
	check(resize_now(W1, W_VOLUME + 16) == 0);
	world_crash(W3);
	pass(2000);
	check(change_now(W1, &c) == -EHOSTDOWN && c.who == 3);
	world_start(W3);
	pass(1000);
	check(resize_now(W1, LARGER) == 0);
	pass(100);
	check(all_have(LARGER));
}

REPLICA_TEST(resize_lost, "one that goes away while it makes room is waited for as long as it answers")
{
	struct raftblk_change c = resize_to(LARGER);

	start_all(3);
	lead(W1);
	W3->hold = BIT_ACT(GROW);
	resize_begin(W1, &c);
	pass(3000);
	check(W1->changed != &c && W1->rep.size == W_VOLUME);
	raftblk_replica_grow_moved(&W3->rep, now, W_VOLUME + 5);
	pass(500);
	world_crash(W3);
	pass(2000);
	check(W1->changed == &c && c.status == -EHOSTDOWN && c.who == 3);
	/* It begins anew; what was not noted on its disk does not count. */
	W3->hold = 0;
	world_start(W3);
	pass(1000);
	check(W3->rep.super.data_sectors == W_VOLUME);
	check(resize_now(W1, LARGER) == 0);
}

REPLICA_TEST(resize_late, "who makes room for longer than somebody waits has it the next time")
{
	struct raftblk_change c = resize_to(LARGER);

	start_all(3);
	lead(W1);
	W3->hold = BIT_ACT(GROW);
	resize_begin(W1, &c);
	raftblk_replica_grow_moved(&W3->rep, now, W_VOLUME + 5);
	pass(6000);
	check(W1->changed == &c && c.status == -ETIMEDOUT && c.who == 3 && c.room == W_VOLUME + 5);
	world_complete(W3, 0);
	check(resize_now(W1, LARGER) == 0);
	check(W3->count[RAFTBLK_ACT_GROW] == 1);
}

REPLICA_TEST(resize_two, "one size at a time")
{
	struct raftblk_change a = resize_to(LARGER), b = resize_to(LARGER + 8), c = resize_to(LARGER);

	start_all(3);
	lead(W1);
	W3->hold = BIT_ACT(GROW);
	resize_begin(W1, &a);
	resize_begin(W1, &b);
	check(W1->changed == &b && b.status == -EINPROGRESS);
	resize_begin(W1, &c);
	world_complete(W3, 0);
	pass(500);
	check(a.status == 0 && c.status == 0 && W1->changed == &c);
}

REPLICA_TEST(resize_behind, "one that is catching up is named")
{
	struct raftblk_change c = resize_to(LARGER);

	start_all(3);
	lead(W1);
	W3->rep.raft.behind = true;	/* it knows that before the leader does */
	check(change_now(W1, &c) == -ESTALE && c.who == 3);
	check(all_have(W_VOLUME));
}

REPLICA_TEST(resize_cut, "an entry that was cut has changed nothing; one that came back has")
{
	struct raftblk_change c = resize_to(LARGER);

	start_all(3);
	lead(W1);
	pass(100);
	W2->hold = BIT_ACT(LOG_WRITE);
	W3->hold = BIT_ACT(LOG_WRITE);
	resize_begin(W1, &c);
	pass(300);
	check(c.started && W1->rep.size == W_VOLUME);
	world_crash(W2);
	world_crash(W3);
	W1->cut = true;
	pass(2000);
	W2->hold = 0;
	W3->hold = 0;
	world_start(W2);
	world_start(W3);
	pass(4000);
	check(W2->rep.size == W_VOLUME && W3->rep.size == W_VOLUME);
	W1->cut = false;
	pass(2000);
	check(W1->rep.size == W_VOLUME && W1->rep.volume_sectors == W_VOLUME);
	check(W1->changed == &c && c.status);
	check(resize_now(raft_leads(&W2->rep.raft) ? W2 : W3, LARGER) == 0);
	pass(500);
	check(all_have(LARGER));
}

REPLICA_TEST(resize_restart, "after a restart it is as large as the checkpoint says, then as the log")
{
	start_all(3);
	lead(W1);
	pass(1000);
	W1->hold = BIT_ACT(CKPT_WRITE);
	check(resize_now(W1, LARGER) == 0);
	world_crash(W1);
	world_start(W1);
	check(W1->rep.size == W_VOLUME && W1->rep.super.data_sectors == LARGER);
	W1->hold = 0;
	pass(2000);
	check(all_have(LARGER));
}

REPLICA_TEST(resize_no_room, "who has the entry and no room for it stops, and does not lie")
{
	start_all(3);
	lead(W1);
	pass(1000);
	W3->hold = BIT_ACT(CKPT_WRITE);
	check(resize_now(W1, LARGER) == 0);
	world_crash(W3);
	W3->super.data_sectors = W_VOLUME;	/* not what it had said */
	world_start(W3);
	pass(1000);
	check(W3->rep.fault == -ENOSPC && W3->rep.size == W_VOLUME);
	check(events(W3, RAFTBLK_EVENT_RESIZED) == 1);	/* before */
}

REPLICA_TEST(resize_join, "nobody joins while the new size is not decided")
{
	struct raftblk_change r = resize_to(LARGER), j = { .kind = RAFTBLK_CHANGE_JOIN };

	start_all(2);
	lead(W1);
	pass(100);
	W2->hold = BIT_ACT(LOG_WRITE);
	resize_begin(W1, &r);
	pass(300);
	check(r.started && W1->rep.size == W_VOLUME);
	memset(j.member.incarnation, 3, 16);
	j.member.addr.family = 4;
	resize_begin(W1, &j);
	pass(300);
	check(W1->rep.raft.config.nr == 2);
	W2->hold = 0;
	while (W2->nr_held)
		world_complete(W2, 0);
	pass(300);
	check(!r.status && W1->rep.size == LARGER && W1->rep.raft.config.nr == 3);
	/* It has not said that it has room, so there is none. */
	check(resize_now(W1, LARGER + 8) == -EHOSTDOWN);
}
