// SPDX-License-Identifier: GPL-2.0
/*
 * Prints how many thousand times a second this machine's time stamp counter
 * ticks.  Guests get the figure on their command line: on a busy host their
 * own measurement fails now and then.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

int main(void)
{
	uint64_t begin = now(), tsc = __rdtsc(), end;

	do
		end = now();
	while (end - begin < 100000000);
	tsc = __rdtsc() - tsc;
	printf("%.0f\n", tsc * 1e6 / (end - begin));
	return 0;
}
