/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAB_ACKBLOCK_H
#define LAB_ACKBLOCK_H

/*
 * What ackwriter writes and ackcheck reads back.  Every 512-byte sector of a
 * block carries a stamp that says which write of which block it belongs to, so
 * a torn block and a block that belongs elsewhere are both seen.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ACK_MAGIC	0x6b636f6c626b6361ull	/* "ackblock" */
#define ACK_SECTOR	512
#define ACK_BLOCK_MAX	65536

struct ack_stamp {
	uint64_t magic;
	uint64_t block;		/* number of the block on the device */
	uint64_t seq;		/* of this block's writes, rising */
	uint32_t run;		/* of the writer */
	uint32_t sector;	/* within the block */
	uint64_t sum;		/* of the sector, with 0 in this place */
};

enum ack_state {
	ACK_WHOLE,
	ACK_BLANK,		/* zeros: never written */
	ACK_TORN,		/* sectors of more than one write */
	ACK_FOREIGN,		/* not what any writer writes here */
};

static inline uint64_t ack_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static inline uint64_t ack_sum(const unsigned char *sector)
{
	uint64_t word, sum = ACK_MAGIC;
	size_t i;

	for (i = 0; i < ACK_SECTOR; i += 8) {
		memcpy(&word, sector + i, 8);
		if (i == offsetof(struct ack_stamp, sum))
			word = 0;
		sum = ((sum ^ word) * 0x9e3779b97f4a7c15ull);
		sum ^= sum >> 29;
	}
	return sum;
}

static inline void ack_fill(unsigned char *data, size_t size, uint64_t block,
			    uint64_t seq, uint32_t run)
{
	size_t at, i;

	for (at = 0; at < size; at += ACK_SECTOR) {
		struct ack_stamp stamp = {
			.magic = ACK_MAGIC, .block = block, .seq = seq,
			.run = run, .sector = at / ACK_SECTOR,
		};
		uint64_t word = ack_mix(block ^ seq << 20 ^ at << 44 ^ run);

		memcpy(data + at, &stamp, sizeof(stamp));
		for (i = sizeof(stamp); i < ACK_SECTOR; i += 8) {
			word = word * 6364136223846793005ull + 1442695040888963407ull;
			memcpy(data + at + i, &word, 8);
		}
		stamp.sum = ack_sum(data + at);
		memcpy(data + at, &stamp, sizeof(stamp));
	}
}

/* Judges a block that was read; stamp is set to that of its first sector. */
static inline enum ack_state ack_judge(const unsigned char *data, size_t size,
				       uint64_t block, struct ack_stamp *stamp)
{
	struct ack_stamp other;
	bool torn = false, blank;
	size_t at, i;

	for (i = 0; i < size && !data[i]; i++)
		;
	blank = i == size;
	memset(stamp, 0, sizeof(*stamp));
	if (blank)
		return ACK_BLANK;
	memcpy(stamp, data, sizeof(*stamp));
	for (at = 0; at < size; at += ACK_SECTOR) {
		memcpy(&other, data + at, sizeof(other));
		if (!other.magic && !other.seq && !other.sum) {
			torn = true;	/* a sector never written among others */
			continue;
		}
		if (other.magic != ACK_MAGIC || other.block != block ||
		    other.sector != at / ACK_SECTOR ||
		    other.sum != ack_sum(data + at))
			return ACK_FOREIGN;
		if (other.seq != stamp->seq || other.run != stamp->run)
			torn = true;
	}
	return torn ? ACK_TORN : ACK_WHOLE;
}

#endif
