/* SPDX-License-Identifier: GPL-2.0 */
/* A lower device: opening it for ourselves alone, what is on it, writing it. */
#ifndef RAFTBLK_DEVICE_H
#define RAFTBLK_DEVICE_H

#include "../kernel/core/meta.h"

/**
 * struct device - an open lower device
 * @bytes: its size
 * @physical: physical block size
 * @logical: size of a sector: the least that is read or written
 */
struct device {
	const char *path;
	int fd;
	u64 bytes;
	u32 physical;
	u32 logical;
};

/* Set in the environment, regular files are taken for devices: for tests. */
#define ALLOW_FILE_ENV	"RAFTBLK_ALLOW_FILE"

/**
 * device_open() - open exclusively
 * @write: for writing as well
 *
 * Fails, and says why, where it is no block device, or in use (by whom, if that
 * can be found out).
 *
 * Return: EXIT_OK or an exit code.
 */
int device_open(struct device *dev, const char *path, bool write);

/* For reading, beside others who may use it; says nothing if it cannot. */
int device_open_shared(struct device *dev, const char *path);
void device_close(struct device *dev);

/* 0 or -errno */
int device_read(const struct device *dev, u64 offset, void *buf, size_t len);
int device_write(const struct device *dev, u64 offset, const void *buf, size_t len);
int device_sync(const struct device *dev);

/* Zeros over a range, by the device itself where it can; shows progress as
 * @what unless NULL.  0 or -errno.
 */
int device_zero(const struct device *dev, u64 offset, u64 len, const char *what);

/**
 * device_super() - the superblock, from whichever copy is good
 * @copy: 0 or 1: which
 * @why: what is wrong where something is
 *
 * Return: as raftblk_super_decode(), or -errno of the read.  Where the copies
 * disagree in their verdict, the better one.
 */
int device_super(const struct device *dev, struct raftblk_super *s, int *copy,
		 const char **why);

/* Refuses a device with data of others on it or a raftblk member, listing what is
 * there.  EXIT_OK or an exit code.
 */
int device_check_blank(const struct device *dev);

#endif /* RAFTBLK_DEVICE_H */
