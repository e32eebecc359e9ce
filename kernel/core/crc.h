/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checksums: CRC-32C in its standard form (all ones at the start, inverted at
 * the end), in memory, on disk and on the wire.  The CRC of nothing is 0.
 */
#ifndef RAFTBLK_CRC_H
#define RAFTBLK_CRC_H

#include "port.h"

/* CRC of what @crc stands for, followed by @data.  Start with 0. */
static inline u32 raftblk_crc_update(u32 crc, const void *data, size_t len)
{
	return ~crc32c(~crc, data, len);
}

static inline u32 raftblk_crc(const void *data, size_t len)
{
	return raftblk_crc_update(0, data, len);
}

/* CRC of a structure that holds its own CRC at @offset: those four bytes count as zero. */
static inline u32 raftblk_crc_except(const void *data, size_t len, size_t offset)
{
	static const u8 zero[4];
	const u8 *p = data;
	u32 crc = raftblk_crc(p, offset);

	crc = raftblk_crc_update(crc, zero, sizeof(zero));
	return raftblk_crc_update(crc, p + offset + 4, len - offset - 4);
}

#endif /* RAFTBLK_CRC_H */
