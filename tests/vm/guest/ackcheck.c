// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the blocks that ackwriter wrote, and prints for each
 *	w BLOCK RUN SEQ		whole
 *	z BLOCK			zeros, never written
 *	t BLOCK			torn: sectors of more than one write
 *	f BLOCK			foreign: not written by ackwriter, or damaged
 *	e BLOCK ERRNO		cannot be read
 * Exits with 1 when there was any of the last three.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ackblock.h"

static int check(int fd, uint64_t blocks, uint64_t block_size, uint64_t offset)
{
	unsigned char *data = aligned_alloc(4096, ACK_BLOCK_MAX);
	struct ack_stamp stamp;
	unsigned long long block;
	int bad = 0;

	for (block = 0; block < blocks; block++) {
		ssize_t n = pread(fd, data, block_size, offset + block * block_size);

		if (n != (ssize_t)block_size) {
			printf("e %llu %d\n", block, n < 0 ? errno : 0);
			bad = 1;
			continue;
		}
		switch (ack_judge(data, block_size, block, &stamp)) {
		case ACK_WHOLE:
			printf("w %llu %u %llu\n", block, stamp.run,
			       (unsigned long long)stamp.seq);
			break;
		case ACK_BLANK:
			printf("z %llu\n", block);
			break;
		case ACK_TORN:
			printf("t %llu\n", block);
			bad = 1;
			break;
		case ACK_FOREIGN:
			printf("f %llu\n", block);
			bad = 1;
			break;
		}
	}
	free(data);
	return bad;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "blocks", 1, 0, 'b' }, { "bs", 1, 0, 'B' }, { "offset", 1, 0, 'o' },
		{ "buffered", 0, 0, 'u' }, { 0 },
	};
	uint64_t blocks = 1024, block_size = 4096, offset = 0;
	int c, fd, flags = O_RDONLY | O_DIRECT | O_CLOEXEC;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'b': blocks = strtoull(optarg, NULL, 0); break;
		case 'B': block_size = strtoull(optarg, NULL, 0); break;
		case 'o': offset = strtoull(optarg, NULL, 0); break;
		case 'u': flags &= ~O_DIRECT; break;
		default: optind = argc; break;
		}
	}
	if (optind != argc - 1 || !block_size || block_size % ACK_SECTOR ||
	    block_size > ACK_BLOCK_MAX) {
		fprintf(stderr, "usage: ackcheck DEV [--blocks N] [--bs BYTES] "
			"[--offset BYTES] [--buffered]\n");
		return 2;
	}
	fd = open(argv[optind], flags);
	if (fd < 0) {
		fprintf(stderr, "ackcheck: %s: %s\n", argv[optind], strerror(errno));
		return 1;
	}
	return check(fd, blocks, block_size, offset);
}
