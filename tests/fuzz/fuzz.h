/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry points for fuzzing.  Built with -DRAFTBLK_LIBFUZZER each file is a
 * libFuzzer target of its own; the unit tests call them with seeded input.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdlib.h>

#include "../../kernel/core/port.h"

/* Bytes from a connection to raftblk_wire_decode(). */
int fuzz_wire(const u8 *data, size_t size);

/* Bytes on a ring to raftblk_log_recover(), and the log used after that. */
int fuzz_recover(const u8 *data, size_t size);

#ifdef RAFTBLK_LIBFUZZER
#define FUZZ_TARGET(fn) \
	int LLVMFuzzerTestOneInput(const u8 *data, size_t size); \
	int LLVMFuzzerTestOneInput(const u8 *data, size_t size) { return fn(data, size); }
#else
#define FUZZ_TARGET(fn)
#endif

/* A rule that must hold whatever the input. */
#define FUZZ_CHECK(cond) do { \
	if (!(cond)) \
		abort(); \
} while (0)

#endif /* FUZZ_H */
