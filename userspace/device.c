// SPDX-License-Identifier: GPL-2.0
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "busy.h"
#include "device.h"
#include "tool.h"

#define ZERO_CHUNK	(64ULL << 20)

static int open_error(const char *path, const struct stat *st)
{
	char who[256];

	switch (errno) {
	case EBUSY:
		device_user(st->st_rdev, who, sizeof(who));
		return fail(EXIT_ERROR, "%s is in use%s%s", path, who[0] ? ": " : "", who);
	case EACCES:
	case EPERM:
		return fail(EXIT_PERM, "%s: %m; run this as root", path);
	case EROFS:
		return fail(EXIT_ERROR, "%s is read-only", path);
	case ENXIO:
	case ENOMEDIUM:
		return fail(EXIT_ERROR, "%s: there is nothing behind this device", path);
	default:
		return fail(EXIT_ERROR, "%s: %m", path);
	}
}

static int block_geometry(struct device *dev)
{
	unsigned int physical = 512;
	int logical = 512;

	if (ioctl(dev->fd, BLKGETSIZE64, &dev->bytes) ||
	    ioctl(dev->fd, BLKPBSZGET, &physical) || ioctl(dev->fd, BLKSSZGET, &logical))
		return fail(EXIT_ERROR, "%s: cannot find out its size and that of its sectors: %m", dev->path);
	dev->physical = physical;
	dev->logical = logical;
	/* What the cache holds may be older than what the module wrote below it. */
	ioctl(dev->fd, BLKFLSBUF, 0);
	return EXIT_OK;
}

int device_open(struct device *dev, const char *path, bool write)
{
	int flags = (write ? O_RDWR : O_RDONLY) | O_CLOEXEC;
	struct stat st;
	int ret;

	*dev = (struct device){ .path = path, .fd = -1, .physical = 512, .logical = 512 };
	if (stat(path, &st))
		return fail(code_of(errno), "%s: %m", path);
	if (S_ISBLK(st.st_mode))
		flags |= O_EXCL;
	else if (!S_ISREG(st.st_mode) || !getenv(ALLOW_FILE_ENV))
		return fail(EXIT_ERROR, "%s is not a block device", path);
	dev->fd = open(path, flags);
	if (dev->fd < 0)
		return open_error(path, &st);
	if (S_ISBLK(st.st_mode)) {
		ret = block_geometry(dev);
	} else if (flock(dev->fd, LOCK_EX | LOCK_NB)) {
		ret = fail(EXIT_ERROR, "%s is in use", path);
	} else {
		dev->bytes = st.st_size;
		ret = EXIT_OK;
	}
	if (ret)
		device_close(dev);
	return ret;
}

int device_open_shared(struct device *dev, const char *path)
{
	*dev = (struct device){ .path = path, .physical = 512 };
	dev->fd = open(path, O_RDONLY | O_CLOEXEC);
	return dev->fd < 0 ? code_of(errno) : EXIT_OK;
}

void device_close(struct device *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	dev->fd = -1;
}

int device_read(const struct device *dev, u64 offset, void *buf, size_t len)
{
	u8 *p = buf;

	while (len) {
		ssize_t n = pread(dev->fd, p, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		offset += n;
		len -= n;
	}
	return 0;
}

int device_write(const struct device *dev, u64 offset, const void *buf, size_t len)
{
	const u8 *p = buf;

	while (len) {
		ssize_t n = pwrite(dev->fd, p, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		offset += n;
		len -= n;
	}
	return 0;
}

int device_sync(const struct device *dev)
{
	return fsync(dev->fd) ? -errno : 0;
}

static int write_zeros(const struct device *dev, u64 offset, u64 len)
{
	static const u8 zeros[1 << 20];
	int err = 0;

	while (len && !err) {
		u64 n = min(len, (u64)sizeof(zeros));

		err = device_write(dev, offset, zeros, n);
		offset += n;
		len -= n;
	}
	return err;
}

int device_zero(const struct device *dev, u64 offset, u64 len, const char *what)
{
	bool by_device = true;
	u64 done = 0;
	int err = 0;

	while (done < len && !err) {
		u64 n = min(len - done, ZERO_CHUNK);
		u64 range[2] = { offset + done, n };

		/* No device has to offer it, and files do not. */
		if (by_device && ioctl(dev->fd, BLKZEROOUT, range))
			by_device = false;
		if (!by_device)
			err = write_zeros(dev, offset + done, n);
		done += n;
		if (what)
			progress_show(what, done, len, true);
	}
	progress_end();
	return err;
}

static int super_rank(int err)
{
	switch (err) {
	case 0:
		return 0;
	case -EOPNOTSUPP:
		return 1;
	case -EBADMSG:
		return 2;
	case -ENODATA:
		return 3;
	default:
		return 4;
	}
}

int device_super(const struct device *dev, struct raftblk_super *s, int *copy,
		 const char **why)
{
	const char *copy_why = "it cannot be read";
	struct raftblk_super one;
	u8 buf[RAFTBLK_META_BYTES];
	int best = -EIO;

	*why = copy_why;
	for (int i = 0; i < 2; i++) {
		int err = device_read(dev, RAFTBLK_SUPER_SECTOR(i) * 512, buf, sizeof(buf));

		copy_why = "it cannot be read";
		if (!err)
			err = raftblk_super_decode(&one, buf, &copy_why);
		if (i && super_rank(err) >= super_rank(best))
			continue;
		best = err;
		*copy = i;
		*why = copy_why;
		if (!err)
			*s = one;
	}
	explicit_bzero(buf, sizeof(buf));
	return best;
}

/* Everything libblkid knows, one line each, into @list. */
static int list_signatures(const struct device *dev, char *list, size_t size)
{
	blkid_probe pr = blkid_new_probe();
	const char *type;
	size_t used = 0;
	int found = 0;

	if (!pr || blkid_probe_set_device(pr, dev->fd, 0, 0)) {
		blkid_free_probe(pr);
		return -1;
	}
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
	blkid_probe_enable_partitions(pr, 1);
	while (blkid_do_probe(pr) == 0) {
		const char *label = NULL;

		if (blkid_probe_lookup_value(pr, "TYPE", &type, NULL) &&
		    blkid_probe_lookup_value(pr, "PTTYPE", &type, NULL))
			continue;
		blkid_probe_lookup_value(pr, "LABEL", &label, NULL);
		used += snprintf(list + used, size - used, "%s%s%s%s%s", found ? ", " : "", type,
				 label ? " '" : "", label ? label : "", label ? "'" : "");
		used = min(used, size - 1);
		found++;
	}
	blkid_free_probe(pr);
	return found;
}

int device_check_blank(const struct device *dev)
{
	struct raftblk_super s;
	const char *why;
	char list[512];
	int copy, found;
	int err = device_super(dev, &s, &copy, &why);

	if (!err)
		return fail(EXIT_ERROR, "%s is a member of raftblk volume '%s' (node %u); "
			    "'raftblk up %s' brings it up, 'raftblk wipe %s' frees it",
			    dev->path, s.name, s.node_id, dev->path, dev->path);
	if (err != -ENODATA && super_rank(err) < 4)
		return fail(EXIT_ERROR, "%s has a raftblk superblock that is not valid here (%s); "
			    "'raftblk dump %s' shows it, 'raftblk wipe %s' frees the device",
			    dev->path, why, dev->path, dev->path);
	if (err != -ENODATA)
		return fail(EXIT_ERROR, "%s: cannot be read: %s", dev->path, strerror(-err));
	found = list_signatures(dev, list, sizeof(list));
	if (found < 0)
		return fail(EXIT_ERROR, "%s: cannot find out what is on it: %m", dev->path);
	if (found)
		return fail(EXIT_ERROR, "%s has data on it: %s; --force overwrites it", dev->path,
			    list);
	return EXIT_OK;
}
