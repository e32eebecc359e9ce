// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a superblock one of another format version, whole otherwise: as a later
 * release would write it.
 *
 *	superver DEVICE SECTOR VERSION
 */
#define _GNU_SOURCE
#include <endian.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../kernel/uapi/raftblk_disk.h"

static uint32_t crc32c(const unsigned char *data, size_t len)
{
	uint32_t crc = ~0U;

	while (len--) {
		crc ^= *data++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

int main(int argc, char **argv)
{
	struct raftblk_disk_super *s = aligned_alloc(4096, sizeof(*s));
	off_t at = argc == 4 ? atoll(argv[2]) * 512 : 0;
	int fd = argc == 4 ? open(argv[1], O_RDWR | O_DIRECT | O_SYNC) : -1;

	if (!s || fd < 0 || pread(fd, s, sizeof(*s), at) != sizeof(*s)) {
		perror("superver");
		return 1;
	}
	s->version = htole32(atoi(argv[3]));
	s->crc = 0;
	s->crc = htole32(crc32c((unsigned char *)s, sizeof(*s)));
	if (pwrite(fd, s, sizeof(*s), at) != sizeof(*s)) {
		perror("superver");
		return 1;
	}
	return 0;
}
