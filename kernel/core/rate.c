// SPDX-License-Identifier: GPL-2.0
/* How fast something goes, see rate.h. */
#include "rate.h"

#define LEFT_MAX	(1ULL << 53)	/* a thousand times that fits */

static u64 second_of(u64 now)
{
	return div64_u64(now, RAFTBLK_NSEC_PER_SEC);
}

static u64 *place_of(struct raftblk_rate *r, u64 second)
{
	u64 i;

	div64_u64_rem(second, RAFTBLK_RATE_SECONDS, &i);
	return &r->done[i];
}

/* Seconds in which nothing was noted count as well: their places still hold what is over. */
static void rate_advance(struct raftblk_rate *r, u64 now)
{
	u64 second = second_of(now);

	if (second >= r->second + RAFTBLK_RATE_SECONDS) {
		memset(r->done, 0, sizeof(r->done));
		r->second = second;
	}
	while (r->second < second)
		*place_of(r, ++r->second) = 0;
}

void raftblk_rate_begin(struct raftblk_rate *r, u64 now)
{
	memset(r, 0, sizeof(*r));
	r->since = now;
	r->second = second_of(now);
}

void raftblk_rate_note(struct raftblk_rate *r, u64 now, u64 done)
{
	rate_advance(r, now);
	*place_of(r, r->second) += done;
}

bool raftblk_rate_get(const struct raftblk_rate *r, u64 now, u64 *rate)
{
	struct raftblk_rate at = *r;
	u64 from, ms, done = 0;
	u32 i;

	rate_advance(&at, now);
	for (i = 0; i < RAFTBLK_RATE_SECONDS; i++)
		done += at.done[i];
	/* The second that is not over is one of them. */
	from = (at.second - min_t(u64, at.second, RAFTBLK_RATE_SECONDS - 1)) * RAFTBLK_NSEC_PER_SEC;
	from = max(from, r->since);
	if (now < from + RAFTBLK_NSEC_PER_SEC)
		return false;
	ms = div64_u64(now - from, RAFTBLK_NSEC_PER_MSEC);
	*rate = div64_u64(done * 1000, ms);
	return true;
}

u64 raftblk_rate_left_ms(u64 rate, u64 left)
{
	return rate ? div64_u64(min_t(u64, left, LEFT_MAX) * 1000, rate) : 0;
}
