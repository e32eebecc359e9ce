// SPDX-License-Identifier: GPL-2.0
/* The one source of randomness of a run; and checksums. */
#include "../../kernel/core/crc.h"
#include "sim.h"

static u64 state;

void rng_seed(u64 seed)
{
	state = seed * 0x9e3779b97f4a7c15ULL + 0x1234567;
}

u64 rng_next(void)
{
	u64 z = (state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

u64 rnd(u64 below)
{
	return below ? (u64)(((__uint128_t)rng_next() * below) >> 64) : 0;
}

u64 rnd_range(u64 lo, u64 hi)
{
	return lo + rnd(hi - lo + 1);
}

bool chance(u32 permille)
{
	return permille && rnd(1000) < permille;
}

u32 sim_crc(const void *data, u32 bytes)
{
	return raftblk_crc(data, bytes);
}

#ifdef __x86_64__
/*
 * In place of the portable one in port_user.c: a third of a run's time went
 * there.  Same convention as the kernel's: nothing is inverted.
 */
__attribute__((target("sse4.2")))
u32 crc32c(u32 crc, const void *data, size_t len)
{
	const u8 *p = data;
	u64 word, sum = crc;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		sum = __builtin_ia32_crc32di(sum, word);
	}
	for (; len; len--)
		sum = __builtin_ia32_crc32qi(sum, *p++);
	return sum;
}
#endif
