/* SPDX-License-Identifier: GPL-2.0 */
/* Who uses a block device? */
#ifndef RAFTBLK_BUSY_H
#define RAFTBLK_BUSY_H

#include <stddef.h>
#include <sys/types.h>

/* Says who holds a device, as far as it can be found out; else "". */
void device_user(dev_t rdev, char *who, size_t size);

#endif /* RAFTBLK_BUSY_H */
