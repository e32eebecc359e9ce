// SPDX-License-Identifier: GPL-2.0
/* How old what a member lacks is. */
#include "unit.h"
#include "../../kernel/core/raft_internal.h"

#define SEC	(1000 * RAFTBLK_NSEC_PER_MSEC)
#define STEP	(225 * RAFTBLK_NSEC_PER_MSEC)

static struct raft r;
static struct raftblk_log ring;

/* A leader since time 0, with one other member. */
static void leader(void)
{
	r = (struct raft){
		.id = 1,
		.log = &ring,
		.role = RAFT_LEADER,
		.params = RAFT_PARAMS_DEFAULT,
		.config = { .nr = 2, .member = { { .id = 1 }, { .id = 2 } } },
	};
	ring = (struct raftblk_log){ .last = 10, .durable = 10 };
	raft_ages_reset(&r, 0);
}

static u64 lag(u64 now, u64 match)
{
	r.peer[1].match = match;
	return raft_lag_ns(&r, now, 1);
}

TEST(age_scales, "age: right within a part of it, from a second to a day")
{
	u64 now, day = 24 * 3600, seconds[] = { 1, 2, 7, 30, 100, 600, 3600, 20000, 80000 };
	u32 i;

	leader();
	/* An entry each millisecond: index - 10 is when it was made. */
	for (now = 0; now < day * SEC; now += STEP) {
		ring.last = 10 + now / RAFTBLK_NSEC_PER_MSEC;
		raft_ages_note(&r, now);
	}
	for (i = 0; i < ARRAY_SIZE(seconds); i++) {
		u64 age = seconds[i] * SEC;
		u64 told = lag(now, 10 + (now - age) / RAFTBLK_NSEC_PER_MSEC);

		CHECK(told + STEP >= age && told <= age + age / 7 + 2 * STEP);
	}
	CHECK_EQ(lag(now, ring.last), 0);
}

TEST(age_idle, "age: counts from the write, not from the last one before it")
{
	u64 now;

	leader();
	for (now = 0; now < 1000 * SEC; now += STEP)
		raft_ages_note(&r, now);
	CHECK_EQ(lag(now, 10), 0);
	ring.last = 11;
	CHECK(lag(now, 10) <= STEP);
	for (; now < 1010 * SEC; now += STEP)
		raft_ages_note(&r, now);
	CHECK(lag(now, 10) >= 9 * SEC && lag(now, 10) <= 11 * SEC);
	/* Older than this leader's rule: as long as that. */
	CHECK_EQ(lag(now, 3), now);
	CHECK_EQ(lag(now, 11), 0);
}

TEST(age_incomplete, "age: what a member that catches up has acknowledged says nothing")
{
	leader();
	ring.last = 20;
	r.peer[1].match = 20;
	CHECK(raft_lag_is_known(&r, 0) && raft_lag_is_known(&r, 1));
	r.peer[1].incomplete = true;
	CHECK(raft_lag_is_known(&r, 0) && !raft_lag_is_known(&r, 1));
	r.role = RAFT_FOLLOWER;
	CHECK(!raft_lag_is_known(&r, 0));
}

TEST(age_rounds, "age: a leader that is busy notes no more than others")
{
	u64 now;

	leader();
	for (now = 0; now < SEC; now += RAFTBLK_NSEC_PER_MSEC) {
		ring.last++;
		raft_ages_note(&r, now);
	}
	CHECK(r.nr_marks >= 13 && r.nr_marks <= 15);
}

TEST(age_level, "age: who keeps up leaves few marks")
{
	u64 now;

	leader();
	for (now = 0; now < 1000 * SEC; now += STEP) {
		r.peer[1].match = ring.last++;
		raft_ages_note(&r, now);
		CHECK(r.nr_marks <= 3);
	}
}
