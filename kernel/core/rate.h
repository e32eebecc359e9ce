/* SPDX-License-Identifier: GPL-2.0 */
/* How fast something goes: what was done in the last seconds. */
#ifndef RAFTBLK_RATE_H
#define RAFTBLK_RATE_H

#include "port.h"

#define RAFTBLK_RATE_SECONDS	10	/* it is the mean of so many: chunks come in bursts */

/**
 * struct raftblk_rate - see above; zeroed to begin with
 * @since: it began then
 * @second: the newest in which anything was noted
 * @done: what was, in each of the last; that of second s is at s % RAFTBLK_RATE_SECONDS
 */
struct raftblk_rate {
	u64 since;
	u64 second;
	u64 done[RAFTBLK_RATE_SECONDS];
};

/* What was done before does not count. */
void raftblk_rate_begin(struct raftblk_rate *r, u64 now);

void raftblk_rate_note(struct raftblk_rate *r, u64 now, u64 done);

/* Per second; false: it is too early to tell. */
bool raftblk_rate_get(const struct raftblk_rate *r, u64 now, u64 *rate);

/* How long @left will take at this rate, in milliseconds; 0: nobody knows. */
u64 raftblk_rate_left_ms(u64 rate, u64 left);

#endif /* RAFTBLK_RATE_H */
