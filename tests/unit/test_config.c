// SPDX-License-Identifier: GPL-2.0
#include "unit.h"

#define OLD	RAFTBLK_MEMBER_OLD
#define NEW	RAFTBLK_MEMBER_NEW

static struct raftblk_config make(u32 nr, const u8 *flags)
{
	struct raftblk_config c = { .nr = nr, .next_id = nr + 1 };
	u32 i;

	for (i = 0; i < nr; i++) {
		c.member[i].id = i + 1;
		c.member[i].flags = flags[i];
		c.member[i].addr.family = i & 1 ? 6 : 4;
		c.member[i].addr.port = 7000 + i;
		memset(c.member[i].addr.ip, i + 1, i & 1 ? 16 : 4);
		memset(c.member[i].incarnation, 0x20 + i, 16);
	}
	return c;
}

TEST(config_round_trip, "config: what is encoded is decoded")
{
	static const u8 flags[] = { OLD | NEW, OLD, NEW, RAFTBLK_MEMBER_PROMOTE,
				    OLD | NEW | RAFTBLK_MEMBER_WITNESS };
	struct raftblk_config c = make(5, flags), back;
	struct raftblk_disk_config d;

	c.index = 7;
	raftblk_config_encode(&c, &d);
	CHECK_EQ(raftblk_config_decode(&back, &d), 0);
	CHECK_EQ(back.index, 0);
	back.index = 7;
	CHECK(!memcmp(&c, &back, sizeof(c)));
}

TEST(config_refused, "config: what cannot be is refused")
{
	static const u8 flags[] = { OLD | NEW, OLD | NEW, OLD | NEW };
	struct raftblk_config c = make(3, flags), back;
	struct raftblk_disk_config good, d;

	raftblk_config_encode(&c, &good);
#define REFUSED(change) do { \
	d = good; \
	change; \
	CHECK_EQ(raftblk_config_decode(&back, &d), (u64)-EPROTO); \
} while (0)
	REFUSED(d.nr = 0);
	REFUSED(d.nr = cpu_to_le32(17));
	REFUSED(d.nr = cpu_to_le32(4));		/* the fourth is blank */
	REFUSED(d.nr = cpu_to_le32(~0U));
	REFUSED(d.member[1].id = d.member[0].id);
	REFUSED(d.member[1].id = 0);
	REFUSED(d.member[1].id = cpu_to_le32(4));	/* not given out yet */
	REFUSED(d.next_id = 0);
	REFUSED(d.member[2].flags |= 0x20);
	REFUSED(d.member[2].flags |= RAFTBLK_MEMBER_STAYS);
	REFUSED(d.member[2].flags = NEW | RAFTBLK_MEMBER_STAYS);
	REFUSED(d.member[2].flags = RAFTBLK_MEMBER_STAYS);
	REFUSED(d.member[2].replaces = cpu_to_le32(1));	/* it votes */
	REFUSED(d.member[2].flags = 0; d.member[2].replaces = cpu_to_le32(3));
	REFUSED(d.member[2].flags = 0; d.member[2].replaces = cpu_to_le32(9));
	REFUSED(d.member[2].family = 5);
	REFUSED(d.member[2].family = 0);
	REFUSED(d.member[2].addr[4] = 1);		/* IPv4 has four bytes */
	REFUSED(d.member[0].flags = d.member[1].flags = d.member[2].flags = 0);
	REFUSED(d.member[0].flags = d.member[1].flags = d.member[2].flags = OLD);
	REFUSED(d.member[0].flags = d.member[1].flags = d.member[2].flags =
		OLD | NEW | RAFTBLK_MEMBER_WITNESS);
	/* a witness is the outgoing set, or the incoming one */
	REFUSED(d.member[0].flags = OLD | NEW | RAFTBLK_MEMBER_WITNESS;
		d.member[1].flags = NEW; d.member[2].flags = 0);
	REFUSED(d.member[0].flags = OLD | NEW | RAFTBLK_MEMBER_WITNESS;
		d.member[1].flags = OLD; d.member[2].flags = 0);
	REFUSED(d.member[0].flags = d.member[1].flags = d.member[2].flags = NEW);
	CHECK_EQ(raftblk_config_decode(&back, &good), 0);
}

/* By the definition, set by set. */
static bool is_quorum(const struct raftblk_config *c, u32 mask, u8 set)
{
	u32 i, all = 0, have = 0;

	for (i = 0; i < c->nr; i++) {
		if (!(c->member[i].flags & set))
			continue;
		all++;
		have += mask >> i & 1;
	}
	return all && 2 * have > all;
}

TEST(config_quorum, "config: quorum and agreement, all sets of up to five members")
{
	struct rng r = rng_seed(5);
	u32 nr, combo, mask, i;

	for (nr = 1; nr <= 5; nr++)
		for (combo = 0; combo < 1U << (2 * nr); combo++) {
			struct raftblk_config c;
			u64 value[5], agreed = 0;
			u8 flags[5];

			for (i = 0; i < nr; i++) {
				flags[i] = combo >> (2 * i) & 3;
				value[i] = rng_below(&r, 5) * 10;
			}
			c = make(nr, flags);
			for (mask = 0; mask < 1U << nr; mask++) {
				bool both = is_quorum(&c, mask, OLD) && is_quorum(&c, mask, NEW);

				CHECK_EQ(raftblk_config_quorum(&c, mask), both);
				CHECK_EQ(raftblk_config_quorum(&c, mask | ~0U << nr), both);
			}
			/* the highest value such that those who reached it are a quorum */
			for (i = 0; i <= 40; i += 10) {
				u32 k;

				for (mask = 0, k = 0; k < nr; k++)
					mask |= (value[k] >= i ? 1U : 0) << k;
				if (raftblk_config_quorum(&c, mask))
					agreed = i;
			}
			CHECK_EQ(raftblk_config_agreed(&c, value), agreed);
		}
}

TEST(config_change, "config: into a joint configuration and out of it")
{
	static const u8 flags[] = { OLD | NEW, OLD | NEW, RAFTBLK_MEMBER_PROMOTE };
	struct raftblk_config c = make(3, flags), before = c;

	CHECK(!raftblk_config_is_joint(&c));
	CHECK_EQ(raftblk_config_find(&c, 3), 2);
	CHECK_EQ(raftblk_config_find(&c, 4), (u64)-ENOENT);
	raftblk_config_promote(&c, 4);
	CHECK(!memcmp(&c, &before, sizeof(c)));

	raftblk_config_promote(&c, 3);
	CHECK(raftblk_config_is_joint(&c));
	CHECK_EQ(c.member[0].flags, OLD | NEW);
	CHECK_EQ(c.member[1].flags, OLD | NEW);
	CHECK_EQ(c.member[2].flags, NEW);
	CHECK(raftblk_member_votes(&c.member[2]));
	/* two of two old and two of three new */
	CHECK(raftblk_config_quorum(&c, 3));
	CHECK(!raftblk_config_quorum(&c, 5));

	raftblk_config_finish(&c);
	CHECK(!raftblk_config_is_joint(&c));
	CHECK_EQ(c.member[2].flags, OLD | NEW);
	CHECK(raftblk_config_quorum(&c, 5));

	c.member[0].flags = OLD;	/* one leaves */
	CHECK(raftblk_config_is_joint(&c));
	raftblk_config_finish(&c);
	CHECK_EQ(c.nr, 2);
	CHECK_EQ(raftblk_config_find(&c, 1), (u64)-ENOENT);
	CHECK_EQ(c.member[0].id, 2);
	CHECK(!raftblk_config_is_joint(&c));
	CHECK(raftblk_config_has_left(&c, 1) && !raftblk_config_has_left(&c, 4));
}

TEST(config_leave, "config: members leave, lose their vote, are replaced")
{
	static const u8 flags[] = { OLD | NEW, OLD | NEW, OLD | NEW, RAFTBLK_MEMBER_PROMOTE, 0 };
	struct raftblk_config start = make(5, flags), c = start, back;
	struct raftblk_disk_config d;

	raftblk_config_remove(&c, 9);
	CHECK(!memcmp(&c, &start, sizeof(c)));
	raftblk_config_remove(&c, 5);		/* a learner: at once */
	CHECK_EQ(c.nr, 4);
	CHECK(!raftblk_config_is_joint(&c));

	c = start;
	raftblk_config_remove(&c, 2);
	CHECK_EQ(c.nr, 5);
	CHECK_EQ(c.member[1].flags, OLD);
	CHECK(raftblk_config_is_joint(&c));
	CHECK(!raftblk_config_quorum(&c, 3));	/* one of the two that stay */
	CHECK(raftblk_config_quorum(&c, 5));
	raftblk_config_finish(&c);
	CHECK_EQ(c.nr, 4);
	CHECK_EQ(c.member[1].id, 3);
	CHECK_EQ(c.member[2].id, 4);
	CHECK_EQ(c.next_id, 6);

	c = start;
	raftblk_config_demote(&c, 1);
	CHECK_EQ(c.member[0].flags, OLD | RAFTBLK_MEMBER_STAYS);
	raftblk_config_encode(&c, &d);
	CHECK_EQ(raftblk_config_decode(&back, &d), 0);
	raftblk_config_finish(&c);
	CHECK_EQ(c.nr, 5);
	CHECK_EQ(c.member[0].flags, 0);

	c = start;
	c.member[3].replaces = 2;
	raftblk_config_encode(&c, &d);
	CHECK_EQ(raftblk_config_decode(&back, &d), 0);
	CHECK(!memcmp(&c, &back, sizeof(c)));
	raftblk_config_promote(&c, 4);
	CHECK_EQ(c.member[1].flags, OLD);
	CHECK_EQ(c.member[3].flags, NEW);
	CHECK_EQ(c.member[3].replaces, 0);
	raftblk_config_finish(&c);
	CHECK_EQ(c.nr, 4);
	CHECK_EQ(raftblk_config_find(&c, 2), (u64)-ENOENT);

	c = start;				/* a learner by a learner: one step */
	c.member[3].flags = 0;
	c.member[3].replaces = 5;
	raftblk_config_promote(&c, 4);
	CHECK_EQ(c.nr, 4);
	CHECK(!raftblk_config_is_joint(&c));
	CHECK_EQ(c.member[3].flags, 0);
}

TEST(config_witness, "config: who has data, and that a member stays what it is")
{
	static const u8 flags[] = { OLD | NEW, OLD, OLD | NEW | RAFTBLK_MEMBER_WITNESS,
				    NEW | RAFTBLK_MEMBER_WITNESS, 0 };
	struct raftblk_config c = make(5, flags), other = c;

	CHECK_EQ(raftblk_config_data_voters(&c), 2);
	CHECK(raftblk_member_has_data(&c.member[4]) && !raftblk_member_has_data(&c.member[3]));
	raftblk_config_finish(&other);
	CHECK_EQ(raftblk_config_data_voters(&other), 1);
	CHECK_EQ(other.member[2].flags, OLD | NEW | RAFTBLK_MEMBER_WITNESS);
	CHECK(raftblk_config_same_kinds(&c, &other) && raftblk_config_same_kinds(&other, &c));
	other.member[0].flags |= RAFTBLK_MEMBER_WITNESS;
	CHECK(!raftblk_config_same_kinds(&c, &other));
	other.member[0].id = 9;
	CHECK(raftblk_config_same_kinds(&c, &other));
}
