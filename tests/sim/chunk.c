// SPDX-License-Identifier: GPL-2.0
/* Catch-up: the version map, and chunks read, compared and written, on a machine's disk. */
#include "sim.h"

/* Any good hash will do; 0 says "not known". */
static u64 block_hash(const u8 *data, u32 bytes)
{
	u64 h = 0x9e3779b97f4a7c15ULL;
	u64 word;
	u32 i;

	for (i = 0; i < bytes; i += 8) {
		memcpy(&word, data + i, 8);
		h = (h ^ word) * 0xff51afd7ed558ccdULL;
		h ^= h >> 32;
	}
	return h ? h : 1;
}

static bool block_is_zero(const u8 *data, u32 bytes)
{
	u32 i;

	for (i = 0; i < bytes; i++)
		if (data[i])
			return false;
	return true;
}

static u32 block_bytes(u32 nsect, u32 block)
{
	return SECTOR * min_t(u32, RAFTBLK_BLOCK_SECTORS, nsect - block * RAFTBLK_BLOCK_SECTORS);
}

static u32 nr_blocks(u32 nsect)
{
	return DIV_ROUND_UP(nsect, RAFTBLK_BLOCK_SECTORS);
}

#define BLOCK_BYTES	(RAFTBLK_BLOCK_SECTORS * SECTOR)

static void hash_blocks(const struct disk_op *op, u64 *hash)
{
	u32 i;

	memset(hash, 0, RAFTBLK_CHUNK_BLOCKS * sizeof(*hash));
	for (i = 0; i < nr_blocks(op->b) && !op->failed; i++)
		hash[i] = block_hash(op->buf + i * BLOCK_BYTES, block_bytes(op->b, i));
}

/* ---- the member that is behind ---- */

static void was_read(struct disk_op *op)
{
	struct node *n = op->node;
	u32 id = op->a;

	hash_blocks(op, op->ptr);
	io_end(op);
	raftblk_replica_chunk_read(&n->rep, node_now(n), id);
	node_run(n);
}

static void was_hashed(struct disk_op *op)
{
	struct node *n = op->node;
	u32 id = op->a;

	hash_blocks(op, op->ptr);
	io_end(op);
	raftblk_replica_chunk_hashed(&n->rep, node_now(n), id, chance(5) ? -ENOMEM : 0);
	node_run(n);
}

void chunk_hash(struct node *n, const struct raftblk_chunk_io *io)
{
	struct disk_op *op = io_new(n, DISK_READ, io->nsect * SECTOR, was_hashed);

	COUNT(hashes);
	if (n->rep.raft.incomplete || n->incomplete)
		LOST("node %u: compares chunks and is incomplete", n->id);
	op->a = io->id;
	op->b = io->nsect;
	op->ptr = io->hash;
	disk_add(op, n->super.data_start + io->sector, io->nsect, 0);
	disk_submit(op);
}

void chunk_read(struct node *n, const struct raftblk_chunk_io *io)
{
	struct disk_op *op = io_new(n, DISK_READ, io->nsect * SECTOR, was_read);

	COUNT(chunks_read);
	op->a = io->id;
	op->b = io->nsect;
	op->ptr = io->hash;
	disk_add(op, n->super.data_start + io->sector, io->nsect, 0);
	disk_submit(op);
}

static void was_written(struct disk_op *op)
{
	struct node *n = op->node;
	u32 id = op->a;

	io_end(op);
	raftblk_replica_chunk_written(&n->rep, node_now(n), id, 0);
	node_run(n);
}

/* The blocks that came are put where they belong. */
static void write_blocks(struct node *n, struct disk_op *op, const struct raftblk_chunk_io *io)
{
	u32 off = 0;
	u32 i;

	for (i = 0; i < nr_blocks(io->nsect); i++) {
		u32 bytes = block_bytes(io->nsect, i);

		if (!(io->differ & (1ULL << i)))
			continue;
		if (!(io->zero & (1ULL << i))) {
			if (!io->payload || off + bytes > io->payload->bytes)
				sim_fail("node %u: a chunk lacks content", n->id);
			memcpy(op->buf + i * BLOCK_BYTES, io->payload->data + off, bytes);
			off += bytes;
		}
		disk_add(op, n->super.data_start + io->sector + i * RAFTBLK_BLOCK_SECTORS,
			 bytes / SECTOR, i * BLOCK_BYTES);
	}
}

void chunk_write(struct node *n, const struct raftblk_chunk_io *io)
{
	struct disk_op *op = io_new(n, DISK_WRITE, io->nsect * SECTOR, was_written);

	COUNT(chunks_written);
	faults_catchup(n);
	if (!n->incomplete)
		LOST("node %u: writes chunks, and its disk does not say that it is incomplete",
		     n->id);
	op->a = io->id;
	write_blocks(n, op, io);
	disk_submit(op);
}

/* ---- what cannot be read ---- */

static void was_looked_at(struct disk_op *op)
{
	struct node *n = op->node;
	u32 id = op->a;
	u64 bad = 0;
	u32 i;

	for (i = 0; i < op->nr_pieces; i++)
		if (disk_is_bad(&n->disk, op->piece[i].sector, op->piece[i].nsect))
			bad |= 1ULL << (op->piece[i].offset / BLOCK_BYTES);
	io_end(op);
	raftblk_replica_repair_looked(&n->rep, node_now(n), id, bad);
	node_run(n);
}

static void add_blocks(struct node *n, struct disk_op *op, const struct raftblk_chunk_io *io,
		       u64 blocks)
{
	u32 i;

	for (i = 0; i < nr_blocks(io->nsect); i++)
		if (blocks & (1ULL << i))
			disk_add(op, n->super.data_start + io->sector + i * RAFTBLK_BLOCK_SECTORS,
				 block_bytes(io->nsect, i) / SECTOR, i * BLOCK_BYTES);
}

void repair_look(struct node *n, const struct raftblk_chunk_io *io)
{
	struct disk_op *op = io_new(n, DISK_READ, io->nsect * SECTOR, was_looked_at);

	COUNT(looks);
	op->a = io->id;
	add_blocks(n, op, io, io->differ);
	disk_submit(op);
}

static void was_repaired(struct disk_op *op)
{
	struct node *n = op->node;
	int status = op->kind == DISK_WRITE ? 0 : -EIO;
	u32 id = op->a;

	io_end(op);
	raftblk_replica_repair_written(&n->rep, node_now(n), id, status);
	node_run(n);
}

/* Now and then the disk does not take it: it says so, and the blocks stay lost. */
void repair_write(struct node *n, const struct raftblk_chunk_io *io)
{
	bool takes = !sim.set.lse || !chance(100);
	struct disk_op *op = io_new(n, takes ? DISK_WRITE : DISK_READ, io->nsect * SECTOR,
				    was_repaired);

	if (n->incomplete || n->rep.raft.incomplete)
		LOST("node %u: repairs a chunk and is incomplete", n->id);
	op->a = io->id;
	if (takes) {
		COUNT(repairs);
		write_blocks(n, op, io);
	} else {
		COUNT(repair_writes_failed);
		add_blocks(n, op, io, io->differ);
	}
	disk_submit(op);
}

/* ---- the source ---- */

/* What the question was: the core may have dropped it by the time it is answered. */
struct question {
	u32 id;
	u32 nsect;
	bool zeroed;
	bool lost;
	u64 hash[RAFTBLK_CHUNK_BLOCKS];
};

static void compare(struct node *n, const struct question *q, const u8 *data,
		    struct raftblk_chunk_diff *d)
{
	struct raftblk_payload *p = payload_new(n, q->nsect * SECTOR);
	u32 i;

	memset(d, 0, sizeof(*d));
	for (i = 0; i < nr_blocks(q->nsect); i++) {
		const u8 *block = data + i * BLOCK_BYTES;
		u32 bytes = block_bytes(q->nsect, i);
		bool zero = block_is_zero(block, bytes);

		if (q->lost && q->hash[i])
			continue;
		if (q->zeroed ? zero : q->hash[i] == block_hash(block, bytes))
			continue;
		d->differ |= 1ULL << i;
		if (zero) {
			d->zero |= 1ULL << i;
			continue;
		}
		memcpy(p->data + d->bytes, block, bytes);
		d->bytes += bytes;
	}
	p->bytes = d->bytes;
	d->payload = d->bytes ? p : NULL;
	if (d->bytes)
		d->crc = sim_crc(p->data, d->bytes);
	else
		payload_put(p);
}

static void was_served(struct disk_op *op)
{
	struct node *n = op->node;
	struct raftblk_chunk_diff d;
	struct question q;
	int status = op->failed || (!sim.set.lse && chance(10)) ? -EIO : 0;

	memcpy(&q, op->buf + op->a, sizeof(q));
	memset(&d, 0, sizeof(d));
	if (!status)
		compare(n, &q, op->buf, &d);
	io_end(op);
	raftblk_replica_chunk_served(&n->rep, node_now(n), q.id, &d, status);
	node_run(n);
}

void chunk_serve(struct node *n, const struct raftblk_chunk_io *io)
{
	struct question q = { .id = io->id, .nsect = io->nsect, .zeroed = io->zeroed,
			      .lost = io->lost };
	struct disk_op *op;
	u64 blocks = 0;
	u32 i;

	COUNT(chunks_served);
	faults_catchup(n);
	if (n->rep.raft.incomplete || n->incomplete)
		LOST("node %u: serves chunks and is incomplete itself", n->id);
	memcpy(q.hash, io->hash, sizeof(q.hash));
	op = io_new(n, DISK_READ, io->nsect * SECTOR + sizeof(q), was_served);
	op->a = io->nsect * SECTOR;
	memcpy(op->buf + op->a, &q, sizeof(q));
	for (i = 0; i < RAFTBLK_CHUNK_BLOCKS; i++)
		if (!io->lost || !io->hash[i])
			blocks |= 1ULL << i;
	add_blocks(n, op, io, blocks);
	disk_submit(op);
}

/* ---- the version map ---- */

static void vmap_written(struct disk_op *op)
{
	struct node *n = op->node;

	io_end(op);
	raftblk_replica_vmap_written(&n->rep, node_now(n), 0);
	node_run(n);
}

void vmap_write(struct node *n, u32 block)
{
	struct disk_op *op = io_new(n, DISK_WRITE, RAFTBLK_META_BYTES, vmap_written);
	u64 generation = raftblk_vmap_encode(&n->vmap, block, op->buf);

	COUNT(map_writes);
	disk_add(op, raftblk_vmap_sector(&n->super, block, generation),
		 RAFTBLK_META_BYTES / SECTOR, 0);
	disk_submit(op);
}
