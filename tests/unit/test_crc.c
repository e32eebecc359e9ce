// SPDX-License-Identifier: GPL-2.0
#include "unit.h"

static u32 slow_crc(const u8 *p, size_t len)
{
	u32 crc = ~0U;
	int k;

	while (len--) {
		crc ^= *p++;
		for (k = 0; k < 8; k++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

/* RFC 3720, B.4, and the usual check value */
TEST(crc_vectors, "crc: known vectors")
{
	u8 buf[48];
	u32 i;

	CHECK_EQ(raftblk_crc("", 0), 0);
	CHECK_EQ(raftblk_crc("123456789", 9), 0xe3069283U);
	memset(buf, 0, 32);
	CHECK_EQ(raftblk_crc(buf, 32), 0x8a9136aaU);
	memset(buf, 0xff, 32);
	CHECK_EQ(raftblk_crc(buf, 32), 0x62a8ab43U);
	for (i = 0; i < 32; i++)
		buf[i] = i;
	CHECK_EQ(raftblk_crc(buf, 32), 0x46dd794eU);
	for (i = 0; i < 32; i++)
		buf[i] = 31 - i;
	CHECK_EQ(raftblk_crc(buf, 32), 0x113fdb5cU);
	/* the kernel's convention below: no inversion */
	CHECK_EQ(crc32c(0, buf, 0), 0);
	CHECK_EQ(~crc32c(~0U, "123456789", 9), 0xe3069283U);
}

TEST(crc_pieces, "crc: any alignment, any split, one field left out")
{
	u8 buf[300];
	struct rng r = rng_seed(1);
	u32 i, len, at;

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = rng_next(&r);
	for (i = 0; i < 5000; i++) {
		at = rng_below(&r, 16);
		len = rng_below(&r, sizeof(buf) - at + 1);
		CHECK_EQ(raftblk_crc(buf + at, len), slow_crc(buf + at, len));
		if (len) {
			u32 cut = rng_below(&r, len);
			u32 crc = raftblk_crc(buf + at, cut);

			crc = raftblk_crc_update(crc, buf + at + cut, len - cut);
			CHECK_EQ(crc, raftblk_crc(buf + at, len));
		}
	}
	at = raftblk_crc_except(buf, sizeof(buf), 40);
	memset(buf + 40, 0, 4);
	CHECK_EQ(at, raftblk_crc(buf, sizeof(buf)));
	CHECK_EQ(at, raftblk_crc_except(buf, sizeof(buf), 40));
}
