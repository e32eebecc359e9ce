/* SPDX-License-Identifier: GPL-2.0 */
/* Laying out a member's device and writing its first metadata. */
#ifndef RAFTBLK_FORMAT_H
#define RAFTBLK_FORMAT_H

#include "device.h"

#define FORMAT_DATA_MIN	(4ULL << 20)	/* no volume is smaller, in bytes */
#define FORMAT_RING_MIN	(4ULL << 20)
#define FORMAT_EXTENT_MIN	(64U << 10)
#define FORMAT_EXTENT_MAX	(1U << 30)
#define FORMAT_EXTENTS_MAX	(8U << 20)	/* 64 MiB of memory for their versions */

/**
 * struct layout_request - what was asked for; 0: as it fits
 * @volume: size of the volume in bytes
 * @ring: size of the ring in bytes
 * @ring_is_hint: take another one where it does not fit
 * @block_size: 512 or 4096
 * @extent: size of an extent in bytes
 * @witness: the member has no data area; the other sizes are the volume's
 */
struct layout_request {
	u64 volume;
	u64 ring;
	bool ring_is_hint;
	u32 block_size;
	u32 extent;
	bool witness;
};

/**
 * format_layout() - decide where everything lies
 * @s: geometry is filled in, nothing else touched
 *
 * The data area is exactly as large as the volume: everything in it is zeroed,
 * so no member can ever show old bytes where nothing was written.  It begins at a
 * whole MiB, behind the version map.  A witness has neither; its ring is as large as the
 * device lets it be, within reason.
 *
 * Return: EXIT_OK or an exit code; then it has been said what does not fit.
 */
int format_layout(const struct device *dev, const struct layout_request *req,
		  struct raftblk_super *s);

/* Is the device large enough for the smallest of volumes, or its witness?  EXIT_OK or an exit
 * code.
 */
int format_check_least(const struct device *dev, bool witness);

/**
 * format_device() - write everything but what makes it a member
 * @assume_zero: the data area reads as zeros already
 *
 * Afterwards nothing on the device is a valid superblock of ours, or a signature
 * of anybody else, and the version map is blank, whatever @assume_zero says.
 */
int format_device(const struct device *dev, const struct raftblk_super *s, bool assume_zero);

/**
 * format_finish() - write vote, checkpoint and, last, the superblocks
 *
 * Interrupted at any point it leaves either no valid superblock, or a whole member.
 */
int format_finish(const struct device *dev, const struct raftblk_super *s,
		  const struct raftblk_config *config);

/* Copy A, which is good, with another address, into both copies; all else in it stays as it is.
 * EXIT_OK or an exit code.
 */
int format_move(const struct device *dev, const struct raftblk_addr *listen);

/* Take back what format_finish() did; also what wipe does. 0 or -errno. */
int format_erase(const struct device *dev);

#endif /* RAFTBLK_FORMAT_H */
