/* SPDX-License-Identifier: GPL-2.0 */
/* A small harness: tests register themselves, main() runs them and speaks TAP. */
#ifndef UNIT_H
#define UNIT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../kernel/core/log.h"
#include "../../kernel/core/crc.h"

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

void unit_register(struct unit_test *t);

/* Ends the running test as failed. */
void unit_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

#define TEST(id, text) \
	static void id(void); \
	static struct unit_test test_##id = { .name = text, .run = id }; \
	__attribute__((constructor)) static void register_##id(void) \
	{ \
		unit_register(&test_##id); \
	} \
	static void id(void)

#define CHECK(cond) do { \
	if (!(cond)) \
		unit_fail(__FILE__, __LINE__, "%s", #cond); \
} while (0)

#define CHECK_EQ(a, b) do { \
	unsigned long long a_ = (a), b_ = (b); \
	if (a_ != b_) \
		unit_fail(__FILE__, __LINE__, "%s is %llu, %s is %llu", #a, a_, #b, b_); \
} while (0)

/* xorshift: the same everywhere for the same seed */
struct rng {
	u64 state;
};

static inline struct rng rng_seed(u64 seed)
{
	return (struct rng){ (seed + 1) * 0x9e3779b97f4a7c15ULL | 1 };
}

static inline u64 rng_next(struct rng *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state >> 8;
}

/* 0 ... n - 1 */
static inline u32 rng_below(struct rng *r, u32 n)
{
	return rng_next(r) % n;
}

static inline bool rng_chance(struct rng *r, u32 percent)
{
	return rng_below(r, 100) < percent;
}

/* How often a randomized test repeats: UNIT_RUNS percent of @n. */
u32 unit_runs(u32 n);
/* First seed: UNIT_SEED, else 1.  With UNIT_SEED set there is one run. */
u64 unit_seed(void);
/* Named when a test fails. */
extern u64 unit_current_seed;

#endif /* UNIT_H */
