// SPDX-License-Identifier: GPL-2.0
/*
 * How old are the entries that a member lacks?  Entries carry no time, so the leader notes
 * now and then how far its log reached.  Marks are few: where one has to go it is the one that
 * is missed least, so that the answer is right within a part of the age itself, whether that is
 * a second or a week.
 */
#include "raft_internal.h"

void raft_ages_reset(struct raft *r, u64 now)
{
	r->lead_since = now;
	r->mark_at = now;
	r->mark[0] = (struct raft_mark){ .index = r->log->last, .at = now };
	r->nr_marks = 1;
}

static void mark_drop(struct raft *r, u32 i)
{
	r->nr_marks--;
	memmove(r->mark + i, r->mark + i + 1, (r->nr_marks - i) * sizeof(r->mark[0]));
}

/* Marks that every member is past: of those only the last one says something. */
static void marks_trim(struct raft *r)
{
	u64 least = r->log->last;
	u32 i;

	for (i = 0; i < r->config.nr; i++)
		if (!raft_is_self(r, i))
			least = min(least, r->peer[i].match);
	for (i = 0; i + 1 < r->nr_marks && r->mark[i + 1].index <= least; i++)
		;
	if (!i)
		return;
	r->nr_marks -= i;
	memmove(r->mark, r->mark + i, r->nr_marks * sizeof(r->mark[0]));
}

/* Without one in the middle, what comes after it would look as old as the one before it. */
static void marks_thin(struct raft *r, u64 now)
{
	u64 cost, least = ~0ULL;
	u32 i, drop = 1;

	for (i = 1; i + 1 < r->nr_marks; i++) {
		u64 age = now - r->mark[i + 1].at + r->params.heartbeat_ns;

		cost = div64_u64(r->mark[i + 1].at - r->mark[i - 1].at, (age >> 10) + 1);
		if (cost < least) {
			least = cost;
			drop = i;
		}
	}
	mark_drop(r, drop);
}

void raft_ages_note(struct raft *r, u64 now)
{
	struct raft_mark *newest = &r->mark[r->nr_marks - 1];

	if (now < r->mark_at)
		return;
	r->mark_at = now + r->params.heartbeat_ns / 2;
	if (newest->index == r->log->last) {
		newest->at = now;
		return;
	}
	marks_trim(r);
	if (r->nr_marks == RAFT_MARKS)
		marks_thin(r, now);
	r->mark[r->nr_marks++] = (struct raft_mark){ .index = r->log->last, .at = now };
}

bool raft_lag_is_known(const struct raft *r, u32 slot)
{
	return r->role == RAFT_LEADER && (raft_is_self(r, slot) || !r->peer[slot].incomplete);
}

u64 raft_lag_ns(const struct raft *r, u64 now, u32 slot)
{
	u64 match = r->peer[slot].match;
	u64 at = r->lead_since;
	u32 i;

	if (raft_is_self(r, slot))
		match = r->log->durable;
	if (r->role != RAFT_LEADER || match >= r->log->last)
		return 0;
	for (i = 0; i < r->nr_marks && r->mark[i].index <= match; i++)
		at = r->mark[i].at;
	return now > at ? now - at : 0;
}
