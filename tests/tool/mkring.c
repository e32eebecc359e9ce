// SPDX-License-Identifier: GPL-2.0
/*
 * Writes a log onto a freshly created member, record by record, for ring.sh.
 *
 * usage: mkring DEV [--durable N] [--wrap] [--map EXTENT:INDEX]...
 *		FIRST:NR:PAYLOAD_SECTORS:INFLIGHT...
 *
 * Payload goes to the last entry of a record; the others are no-ops.  INFLIGHT:
 * so many records before it were still being written when it was.  --durable:
 * the checkpoint says that N records were on stable storage.  --wrap begins
 * shortly before the end of the ring.  --map notes a change in the version map and
 * writes the block it lies in.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../kernel/core/crc.h"
#include "../../kernel/core/log.h"
#include "../../kernel/core/vmap.h"

static struct raftblk_super super;
static int fd;
static u64 pos;
static u64 starts[64];		/* positions of the records so far */
static unsigned int written;
static u32 prev_crc;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void ring_write(u64 at, const u8 *buf, u32 bytes)
{
	for (; bytes; bytes -= 512, buf += 512, at++) {
		u64 sector = super.ring_start + at % super.ring_sectors;

		if (pwrite(fd, buf, 512, sector * 512) != 512)
			die("pwrite");
	}
}

static void add_record(u64 first, u32 nr, u32 payload_sectors, u32 inflight)
{
	static u8 header[RAFTBLK_RECORD_HEADER_MAX];
	struct raftblk_disk_record *r = (void *)header;
	u32 bytes = round_up((u32)(sizeof(*r) + nr * sizeof(r->desc[0])), super.log_align);
	u8 *payload = malloc(payload_sectors * 512 + 1);

	memset(header, 0, sizeof(header));
	memset(payload, (int)first, payload_sectors * 512);
	for (u32 i = 0; i < nr; i++) {
		struct raftblk_entry e = { .term = 1, .op = RAFTBLK_OP_NOOP };

		if (payload_sectors && i == nr - 1) {
			e.op = RAFTBLK_OP_WRITE;
			e.nsect = payload_sectors;
			e.bytes = payload_sectors * 512;
			e.crc = raftblk_crc(payload, e.bytes);
		}
		raftblk_entry_encode(&e, &r->desc[i]);
	}
	r->magic = cpu_to_le32(RAFTBLK_RECORD_MAGIC);
	memcpy(r->uuid, super.incarnation, sizeof(r->uuid));
	r->pos = cpu_to_le64(pos);
	r->first_index = cpu_to_le64(first);
	r->prev_term = cpu_to_le64(first > 1);
	if (inflight)
		r->inflight_sectors = cpu_to_le32(pos - starts[written - inflight]);
	r->prev_crc = cpu_to_le32(prev_crc);
	r->nr = cpu_to_le16(nr);
	r->header_sectors = cpu_to_le16(bytes / 512);
	r->payload_sectors = cpu_to_le32(payload_sectors);
	prev_crc = raftblk_crc_except(header, bytes, offsetof(struct raftblk_disk_record, crc));
	r->crc = cpu_to_le32(prev_crc);
	ring_write(pos, header, bytes);
	ring_write(pos + bytes / 512, payload, payload_sectors * 512);
	starts[written++] = pos;
	pos += round_up((u64)bytes / 512 + payload_sectors, (u64)super.log_align / 512);
	free(payload);
}

static void note_change(u64 extent, u64 index)
{
	static struct raftblk_vmap map;
	u8 buf[RAFTBLK_META_BYTES];
	u32 block = extent / RAFTBLK_VMAP_VERSIONS;
	u64 generation;

	if (!map.version)
		raftblk_vmap_init(&map, &super, calloc(raftblk_vmap_nr_extents(&super), sizeof(u64)),
				  calloc(raftblk_vmap_nr_blocks(&super), sizeof(*map.block)));
	raftblk_vmap_set(&map, extent * super.extent_sectors, 1, index);
	generation = raftblk_vmap_encode(&map, block, buf);
	if (pwrite(fd, buf, sizeof(buf), raftblk_vmap_sector(&super, block, generation) * 512) !=
	    sizeof(buf))
		die("version map");
}

static void set_ckpt(unsigned int durable, u64 start)
{
	struct raftblk_ckpt c;
	u8 buf[RAFTBLK_META_BYTES];

	if (pread(fd, buf, sizeof(buf), RAFTBLK_CKPT_SECTOR(0) * 512) != sizeof(buf) ||
	    raftblk_ckpt_decode(&c, super.uuid, buf))
		die("checkpoint");
	c.durable_pos = durable ? starts[durable] : 0;
	c.replay_pos = start;
	c.retain_pos = start;
	raftblk_ckpt_encode(&c, super.uuid, buf);
	if (pwrite(fd, buf, sizeof(buf), RAFTBLK_CKPT_SECTOR(0) * 512) != sizeof(buf))
		die("checkpoint");
}

int main(int argc, char **argv)
{
	unsigned int nr, sectors, inflight, durable = 0;
	unsigned long long first, start;
	u8 buf[RAFTBLK_META_BYTES];
	const char *why;
	int i = 2;

	fd = open(argv[1], O_RDWR);
	if (fd < 0 || pread(fd, buf, sizeof(buf), 0) != sizeof(buf) ||
	    raftblk_super_decode(&super, buf, &why))
		die(argv[1]);
	if (i < argc && !strcmp(argv[i], "--durable")) {
		durable = strtoul(argv[i + 1], NULL, 10);
		i += 2;
	}
	if (i < argc && !strcmp(argv[i], "--wrap")) {
		pos = super.ring_sectors * 3 - 3;
		i++;
	}
	for (; i + 1 < argc && !strcmp(argv[i], "--map"); i += 2) {
		if (sscanf(argv[i + 1], "%llu:%llu", &first, &start) != 2)
			return 1;
		note_change(first, start);
	}
	start = pos;
	for (; i < argc; i++) {
		if (sscanf(argv[i], "%llu:%u:%u:%u", &first, &nr, &sectors, &inflight) != 4)
			return 1;
		add_record(first, nr, sectors, inflight);
	}
	set_ckpt(durable, start);
	return close(fd) ? 1 : 0;
}
