// SPDX-License-Identifier: GPL-2.0
/* How fast something goes. */
#include "unit.h"
#include "../../kernel/core/rate.h"

#define SEC	RAFTBLK_NSEC_PER_SEC
#define MS	RAFTBLK_NSEC_PER_MSEC
#define START	(1000 * SEC + 700 * MS)	/* not at the beginning of a second */

static struct raftblk_rate r;

/* Per second, ~0: not known. */
static u64 rate(u64 now)
{
	u64 got;

	return raftblk_rate_get(&r, now, &got) ? got : ~0ULL;
}

/* @done every 100 ms, from @from on, for so many seconds; returns when that was over. */
static u64 go(u64 from, u32 seconds, u64 done)
{
	u64 now;

	for (now = from; now < from + seconds * SEC; now += 100 * MS)
		raftblk_rate_note(&r, now, done);
	return now;
}

TEST(rate_known, "rate: known after a second, and right from then on")
{
	u64 now;

	raftblk_rate_begin(&r, START);
	CHECK(rate(START) == ~0ULL);
	raftblk_rate_note(&r, START + 100 * MS, 1000);
	CHECK(rate(START + 999 * MS) == ~0ULL);
	CHECK_EQ(rate(START + 1000 * MS), 1000);
	CHECK_EQ(rate(START + 4000 * MS), 250);
	raftblk_rate_begin(&r, START);
	for (now = START; now < START + 60 * SEC; ) {
		now = go(now, 1, 100);
		CHECK_EQ(rate(now), 1000);
	}
}

TEST(rate_recent, "rate: that of the last seconds, whatever was before")
{
	u64 now;

	raftblk_rate_begin(&r, START);
	now = go(START, 100, 100000);
	CHECK_EQ(rate(now), 1000000);
	now = go(now, RAFTBLK_RATE_SECONDS, 10);
	CHECK_EQ(rate(now), 100);
}

TEST(rate_stalls, "rate: nothing comes any more, and that is told")
{
	u64 now;

	raftblk_rate_begin(&r, START);
	now = go(START, 20, 100000);
	CHECK(rate(now + 5 * SEC) < 600000 && rate(now + 5 * SEC) > 400000);
	CHECK_EQ(rate(now + RAFTBLK_RATE_SECONDS * SEC), 0);
	CHECK_EQ(rate(now + 1000 * SEC), 0);
	/* Asking has changed nothing. */
	CHECK(rate(now) > 900000);
	raftblk_rate_note(&r, now + 1000 * SEC, 5000);
	CHECK(rate(now + 1001 * SEC) > 0 && rate(now + 1001 * SEC) <= 600);
}

TEST(rate_begins, "rate: what was done before it began anew does not count")
{
	u64 now;

	raftblk_rate_begin(&r, START);
	now = go(START, 5, 100000);
	raftblk_rate_begin(&r, now);
	CHECK(rate(now) == ~0ULL);
	CHECK_EQ(rate(now + 2 * SEC), 0);
	go(now, 2, 10);
	CHECK_EQ(rate(now + 2 * SEC), 100);
}

TEST(rate_early, "rate: of a machine that has just been started")
{
	raftblk_rate_begin(&r, 0);
	go(0, 2, 10);
	CHECK_EQ(rate(2 * SEC), 100);
}

TEST(rate_left, "rate: the time left, as far as that can be told")
{
	CHECK_EQ(raftblk_rate_left_ms(1000, 5000), 5000);
	CHECK_EQ(raftblk_rate_left_ms(3 << 20, 1 << 20), 333);
	CHECK_EQ(raftblk_rate_left_ms(0, 5000), 0);
	CHECK_EQ(raftblk_rate_left_ms(1000, 0), 0);
	/* What a peer says is left may be any number. */
	CHECK_EQ(raftblk_rate_left_ms(1, ~0ULL), (1ULL << 53) * 1000);
}
