/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core takes from its surroundings: types, byte order, lists and
 * CRC32C.  The core is compiled twice, into raftblk.ko and into the simulator
 * and the tool; this is the only file of it that knows which.
 */
#ifndef RAFTBLK_PORT_H
#define RAFTBLK_PORT_H

#ifdef __KERNEL__

#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>

#else
#include "port_user.h"
#endif

#define RAFTBLK_NSEC_PER_MSEC	1000000ULL
#define RAFTBLK_NSEC_PER_SEC	1000000000ULL

#endif /* RAFTBLK_PORT_H */
