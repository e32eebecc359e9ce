// SPDX-License-Identifier: GPL-2.0
/*
 * Reads, writes and comparisons of exact sizes.  A static program of its own
 * since starting a dynamically linked one takes the most time in an emulated
 * machine, and dd, cmp and stat would be needed for each.
 *
 *	io write DEV OFFSET FILE [FROM SIZE]	write (part of) a file, by one call
 *	io same DEV OFFSET FILE [FROM SIZE]	does it hold (part of) the file?
 *	io zeros DEV OFFSET SIZE		does it hold nothing but zeros?
 *	io sum DEV				checksum of all of it
 *	io noise FILE SIZE [SEED]		make a file of noise
 *	io noisy FILE SEED			is it what noise has made?
 *	io geo DEV				heads, sectors, cylinders
 *	io wipe DEV...				zero whole devices
 *
 * DEV may be fd:N, a descriptor that is open already.  Block devices are read
 * and written past the page cache.  Exit code: 0 yes or done, 1 no or failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK	(1 << 20)

static void die(const char *what, const char *name)
{
	fprintf(stderr, "io: %s %s: %s\n", what, name, strerror(errno));
	exit(1);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (*end || !*text) {
		fprintf(stderr, "io: %s: not a number\n", text);
		exit(2);
	}
	return n;
}

static void *buffer(uint64_t size)
{
	void *p;

	if (posix_memalign(&p, 4096, size ? size : 1))
		die("allocate", "memory");
	return p;
}

static int is_disk(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISBLK(st.st_mode);
}

static int dev_open(const char *name, int flags)
{
	int fd = strncmp(name, "fd:", 3) ? open(name, flags) : (int)number(name + 3);

	if (fd < 0)
		die("open", name);
	if (is_disk(fd) && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_DIRECT))
		die("direct I/O on", name);
	return fd;
}

static uint64_t dev_size(int fd, const char *name)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		die("size of", name);
	return size;
}

static void *dev_read(const char *name, uint64_t offset, uint64_t size)
{
	void *data = buffer(size);
	int fd = dev_open(name, O_RDONLY);
	ssize_t got = pread(fd, data, size, offset);

	if (got < 0)
		die("read", name);
	if ((uint64_t)got != size) {
		fprintf(stderr, "io: read %s: %zd bytes of %llu\n", name, got,
			(unsigned long long)size);
		exit(1);
	}
	if (close(fd))
		die("close", name);
	return data;
}

/* argv: FILE [FROM SIZE] */
static void *file_part(char **argv, int argc, uint64_t *size)
{
	int fd = open(argv[0], O_RDONLY);
	uint64_t from = argc > 1 ? number(argv[1]) : 0;
	void *data;

	if (fd < 0)
		die("open", argv[0]);
	*size = argc > 2 ? number(argv[2]) : dev_size(fd, argv[0]) - from;
	data = buffer(*size);
	if (pread(fd, data, *size, from) != (ssize_t)*size)
		die("read", argv[0]);
	close(fd);
	return data;
}

static int do_write(int argc, char **argv)
{
	uint64_t size, offset = number(argv[1]);
	void *data = file_part(argv + 2, argc - 2, &size);
	int fd = dev_open(argv[0], O_WRONLY);
	ssize_t put = pwrite(fd, data, size, offset);

	if (put < 0)
		die("write", argv[0]);
	if ((uint64_t)put != size) {
		fprintf(stderr, "io: write %s: %zd bytes of %llu\n", argv[0], put,
			(unsigned long long)size);
		return 1;
	}
	if (close(fd))
		die("close", argv[0]);
	return 0;
}

static int compare(const uint8_t *got, const uint8_t *wanted, uint64_t size, uint64_t offset)
{
	uint64_t i;

	if (!memcmp(got, wanted, size))
		return 0;
	for (i = 0; got[i] == wanted[i]; i++)
		;
	fprintf(stderr, "io: differs at %llu: %02x, wanted %02x\n",
		(unsigned long long)(offset + i), got[i], wanted[i]);
	return 1;
}

static int do_same(int argc, char **argv)
{
	uint64_t size, offset = number(argv[1]);
	void *wanted = file_part(argv + 2, argc - 2, &size);

	return compare(dev_read(argv[0], offset, size), wanted, size, offset);
}

static int do_zeros(int argc, char **argv)
{
	uint64_t offset = number(argv[1]), size = number(argv[2]);
	void *zeros = buffer(size);

	(void)argc;
	memset(zeros, 0, size);
	return compare(dev_read(argv[0], offset, size), zeros, size, offset);
}

/* FNV over 64-bit words: enough to tell whether something has changed. */
static int do_sum(int argc, char **argv)
{
	uint64_t *data = buffer(CHUNK), sum = 0xcbf29ce484222325;
	int fd = dev_open(argv[0], O_RDONLY);
	ssize_t got, i;

	(void)argc;
	while ((got = read(fd, data, CHUNK)) > 0)
		for (i = 0; i < got / 8; i++)
			sum = (sum ^ data[i]) * 0x100000001b3;
	if (got < 0)
		die("read", argv[0]);
	printf("%016llx\n", (unsigned long long)sum);
	return 0;
}

static void *noise(uint64_t size, uint64_t seed)
{
	uint64_t x = 88172645463325252 ^ seed << 32, i;
	uint64_t *data = buffer(size + 8);

	for (i = 0; i < (size + 7) / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		data[i] = x;
	}
	return data;
}

static int do_noise(int argc, char **argv)
{
	uint64_t size = number(argv[1]);
	int fd = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		die("open", argv[0]);
	if (write(fd, noise(size, argc > 2 ? number(argv[2]) : 0), size) != (ssize_t)size)
		die("write", argv[0]);
	return 0;
}

static int do_noisy(int argc, char **argv)
{
	uint64_t size;
	void *got = file_part(argv, 1, &size);

	(void)argc;
	return compare(got, noise(size, number(argv[1])), size, 0);
}

static int do_geo(int argc, char **argv)
{
	struct hd_geometry geo;
	int fd = dev_open(argv[0], O_RDONLY);

	(void)argc;
	if (ioctl(fd, HDIO_GETGEO, &geo))
		die("HDIO_GETGEO", argv[0]);
	printf("%u %u %u\n", geo.heads, geo.sectors, geo.cylinders);
	return 0;
}

static int do_wipe(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		int fd = dev_open(argv[i], O_WRONLY | O_EXCL);
		uint64_t range[2] = { 0, dev_size(fd, argv[i]) };

		if (ioctl(fd, BLKZEROOUT, range))
			die("BLKZEROOUT", argv[i]);
		close(fd);
	}
	return 0;
}

static const struct {
	const char *name;
	int least, most;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "write", 3, 5, do_write },
	{ "same", 3, 5, do_same },
	{ "zeros", 3, 3, do_zeros },
	{ "sum", 1, 1, do_sum },
	{ "noise", 2, 3, do_noise },
	{ "noisy", 2, 2, do_noisy },
	{ "geo", 1, 1, do_geo },
	{ "wipe", 1, 99, do_wipe },
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(argv[1], verbs[i].name) && argc - 2 >= verbs[i].least &&
		    argc - 2 <= verbs[i].most)
			return verbs[i].run(argc - 2, argv + 2);
	fprintf(stderr, "io: wrong arguments\n");
	return 2;
}
