// SPDX-License-Identifier: GPL-2.0
/*
 * Catch-up and repair on the lower device: the version map, and chunks of the data area
 * that are read, compared and written.
 *
 * Blocks are compared by SipHash-2-4 under a key that only members know, so that who
 * writes to the volume cannot make two blocks that look the same.  See
 * Documentation/protocol.md.
 */
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "lower_internal.h"

#define BLOCK_BYTES	(RAFTBLK_BLOCK_SECTORS << SECTOR_SHIFT)

/* A block of a payload lies within one page. */
static_assert(PAGE_SIZE % BLOCK_BYTES == 0);
static_assert(RAFTBLK_CHUNK_SECTORS << SECTOR_SHIFT <= RAFTBLK_PAYLOAD_MAX_BYTES);

/* ---- the version map ---- */

/* No FUA: the flush before the checkpoint covers it. */
void raftblk_lower_vmap_write(struct raftblk_volume *vol, u32 block)
{
	struct raftblk_lower *lower = vol->lower;
	/* The replica has at most RAFTBLK_VMAP_WRITES on their way, so there is one. */
	struct raftblk_map_io *mio = list_first_entry(&lower->map_free, struct raftblk_map_io, link);
	struct raftblk_bio_chain c = {
		.lower = lower,
		.io = &mio->io,
		.opf = REQ_OP_WRITE | RAFTBLK_BACKGROUND_OPF,
		.vecs = 1,
	};
	u64 generation;

	list_del(&mio->link);
	generation = raftblk_vmap_encode(&vol->vmap, block, mio->buf);
	c.sector = raftblk_vmap_sector(&vol->super, block, generation);
	raftblk_io_begin(lower, &mio->io, RAFTBLK_IO_VMAP);
	if (raftblk_io_admit(lower, &mio->io)) {
		raftblk_chain_add(&c, virt_to_page(mio->buf), offset_in_page(mio->buf),
				  RAFTBLK_META_BYTES);
		raftblk_chain_submit(&c);
	}
	raftblk_io_end(&mio->io);
}

void raftblk_map_ended(struct raftblk_volume *vol, struct raftblk_map_io *mio)
{
	list_add(&mio->link, &vol->lower->map_free);
	raftblk_replica_vmap_written(&vol->replica, raftblk_now(), mio->io.status);
}

/* ---- blocks ---- */

static u32 nr_blocks(const struct raftblk_chunk_op *op)
{
	return DIV_ROUND_UP(op->what.nsect, RAFTBLK_BLOCK_SECTORS);
}

/* The last one may be shorter. */
static u32 block_bytes(const struct raftblk_chunk_op *op, u32 i)
{
	u32 nsect = min_t(u32, RAFTBLK_BLOCK_SECTORS, op->what.nsect - i * RAFTBLK_BLOCK_SECTORS);

	return nsect << SECTOR_SHIFT;
}

/* The bytes at @off, a multiple of the size of a block. */
static void *payload_at(const struct raftblk_payload *p, u32 off)
{
	return page_address(p->page[off >> PAGE_SHIFT]) + offset_in_page(off);
}

/* 0 stands for "not known". */
static u64 block_hash(const struct raftblk_volume *vol, const void *block, u32 bytes)
{
	return siphash(block, bytes, &vol->hash_key) ?: 1;
}

static bool has_block(u64 mask, u32 i)
{
	return mask & BIT_ULL(i);
}

/* Where a block lies on the device. */
static u64 block_sector(const struct raftblk_chunk_op *op, u32 i)
{
	return op->io.vol->super.data_start + op->what.sector + i * RAFTBLK_BLOCK_SECTORS;
}

/* ---- reading ---- */

/* Who asks only for blocks that it has lost does not want the others. */
static bool is_wanted(const struct raftblk_chunk_op *op, u32 i)
{
	return !op->what.lost || !op->hash[i];
}

static void add_wanted(struct raftblk_bio_chain *c, const struct raftblk_chunk_op *op)
{
	u32 i;

	for (i = 0; i < nr_blocks(op); i++) {
		u32 off = i * BLOCK_BYTES;

		if (!is_wanted(op, i))
			continue;
		if (c->sector != block_sector(op, i))
			raftblk_chain_seek(c, block_sector(op, i));
		raftblk_chain_add(c, op->payload->page[off >> PAGE_SHIFT], offset_in_page(off),
				  block_bytes(op, i));
	}
}

static void chunk_read(struct raftblk_volume *vol, struct raftblk_chunk_op *op,
		       enum raftblk_io_kind kind)
{
	struct raftblk_bio_chain c = {
		.lower = vol->lower,
		.io = &op->io,
		.opf = REQ_OP_READ,
		.vecs = nr_blocks(op),
	};

	raftblk_io_begin(vol->lower, &op->io, kind);
	op->io.then = &op->work;
	if (raftblk_io_admit(vol->lower, &op->io))
		add_wanted(&c, op);
	raftblk_chain_submit(&c);
	raftblk_io_end(&op->io);
}

/* Going down does not wait for a chunk to be hashed. */
static bool is_alive(const struct raftblk_volume *vol)
{
	return !test_bit(RAFTBLK_VOL_STOPPED, &vol->flags);
}

static void hash_work(struct work_struct *work)
{
	struct raftblk_chunk_op *op = container_of(work, struct raftblk_chunk_op, work);
	u32 i;

	memset(op->hash, 0, sizeof(op->hash));
	for (i = 0; i < nr_blocks(op) && !op->io.status && is_alive(op->io.vol); i++)
		op->hash[i] = block_hash(op->io.vol, payload_at(op->payload, i * BLOCK_BYTES),
					 block_bytes(op, i));
	raftblk_io_hand_over(&op->io);
}

/*
 * False: no memory for what is to be read.  Only one at a time may use the reserve:
 * together they would take all of it, and entries could not be received.
 */
static bool read_start(struct raftblk_volume *vol, struct raftblk_chunk_op *op)
{
	u32 bytes = op->what.nsect << SECTOR_SHIFT;

	op->payload = vol->lower->chunk_reads ? raftblk_payload_try_alloc(vol, bytes) :
						raftblk_payload_alloc(vol, bytes);
	if (!op->payload)
		return false;
	vol->lower->chunk_reads++;
	chunk_read(vol, op, RAFTBLK_IO_CHUNK_READ);
	return true;
}

void raftblk_lower_chunk_read(struct raftblk_volume *vol, const struct raftblk_chunk_io *what)
{
	struct raftblk_chunk_op *op = &vol->lower->fetch[what->id];

	op->what = *what;
	if (!read_start(vol, op))
		list_add_tail(&op->link, &vol->lower->chunk_starved);
}

/* What cannot be read is not known, and will be overwritten. */
/* What was read for its hashes is not needed any more. */
static void give_hashes(struct raftblk_chunk_op *op)
{
	raftblk_payload_put(op->payload);
	op->payload = NULL;
	memcpy(op->what.hash, op->hash, sizeof(op->hash));
}

void raftblk_chunk_read_ended(struct raftblk_volume *vol, struct raftblk_chunk_op *op)
{
	vol->lower->chunk_reads--;
	give_hashes(op);
	raftblk_replica_chunk_read(&vol->replica, raftblk_now(), op->what.id);
}

bool raftblk_chunk_retry(struct raftblk_volume *vol)
{
	struct raftblk_lower *lower = vol->lower;
	struct raftblk_chunk_op *op, *next;

	list_for_each_entry_safe(op, next, &lower->chunk_starved, link) {
		list_del(&op->link);
		if (!read_start(vol, op)) {
			list_add(&op->link, &lower->chunk_starved);
			return true;
		}
	}
	return false;
}

void raftblk_chunk_give_up(struct raftblk_volume *vol)
{
	struct raftblk_chunk_op *op, *next;

	list_for_each_entry_safe(op, next, &vol->lower->chunk_starved, link) {
		list_del(&op->link);
		memset(op->what.hash, 0, sizeof(op->hash));
		raftblk_replica_chunk_read(&vol->replica, raftblk_now(), op->what.id);
	}
}

/* ---- serving another member ---- */

/*
 * What the asker has not goes to the front of the payload.  Only the last block of a
 * chunk can be short, so what remains has no gaps.
 */
static void compare(struct raftblk_chunk_op *op)
{
	struct raftblk_chunk_diff *d = &op->diff;
	u32 i;

	for (i = 0; i < nr_blocks(op); i++) {
		u32 bytes = block_bytes(op, i);
		void *block = payload_at(op->payload, i * BLOCK_BYTES);
		bool zero;

		if (!is_wanted(op, i))
			continue;
		zero = !memchr_inv(block, 0, bytes);
		if (op->what.zeroed ? zero : op->hash[i] == block_hash(op->io.vol, block, bytes))
			continue;
		d->differ |= BIT_ULL(i);
		if (zero) {
			d->zero |= BIT_ULL(i);
			continue;
		}
		if (d->bytes != i * BLOCK_BYTES)
			memcpy(payload_at(op->payload, d->bytes), block, bytes);
		d->bytes += bytes;
	}
}

static void compare_work(struct work_struct *work)
{
	struct raftblk_chunk_op *op = container_of(work, struct raftblk_chunk_op, work);
	struct raftblk_chunk_diff *d = &op->diff;

	if (!op->io.status)
		compare(op);
	if (d->bytes) {
		raftblk_payload_shrink(op->payload, d->bytes);
		d->crc = raftblk_payload_crc(op->payload);
		d->payload = op->payload;
	} else {
		raftblk_payload_put(op->payload);
	}
	op->payload = NULL;
	raftblk_io_hand_over(&op->io);
}

/*
 * Not from the reserve: nobody's write waits for this, and the answer may lie in a
 * socket for long.
 */
void raftblk_lower_chunk_serve(struct raftblk_volume *vol, const struct raftblk_chunk_io *what)
{
	struct raftblk_chunk_op *op = &vol->lower->serve[what->id];

	op->what = *what;
	memset(&op->diff, 0, sizeof(op->diff));
	memcpy(op->hash, what->hash, sizeof(op->hash));
	op->payload = raftblk_payload_try_alloc(vol, what->nsect << SECTOR_SHIFT);
	INIT_WORK(&op->work, compare_work);
	if (op->payload)
		chunk_read(vol, op, RAFTBLK_IO_CHUNK_SERVE);
	else
		raftblk_replica_chunk_served(&vol->replica, raftblk_now(), what->id, NULL, -ENOMEM);
}

void raftblk_chunk_serve_ended(struct raftblk_volume *vol, struct raftblk_chunk_op *op)
{
	vol->stats.serves += !op->io.status;
	vol->stats.serve_bytes += op->diff.bytes;
	raftblk_replica_chunk_served(&vol->replica, raftblk_now(), op->what.id, &op->diff,
				     op->io.status);
}

/* ---- comparing all members ---- */

/* In the place of a chunk that is served, which it is but for what is answered. */
void raftblk_lower_chunk_hash(struct raftblk_volume *vol, const struct raftblk_chunk_io *what)
{
	struct raftblk_chunk_op *op = &vol->lower->serve[what->id];

	op->what = *what;
	op->payload = raftblk_payload_try_alloc(vol, what->nsect << SECTOR_SHIFT);
	if (!op->payload) {
		raftblk_replica_chunk_hashed(&vol->replica, raftblk_now(), what->id, -ENOMEM);
		return;
	}
	INIT_WORK(&op->work, hash_work);
	chunk_read(vol, op, RAFTBLK_IO_CHUNK_HASH);
}

void raftblk_chunk_hash_ended(struct raftblk_volume *vol, struct raftblk_chunk_op *op)
{
	give_hashes(op);
	raftblk_replica_chunk_hashed(&vol->replica, raftblk_now(), op->what.id, op->io.status);
}

/* ---- writing what was fetched ---- */

/* Zeros take no space where the device can do without: a thin one stays thin. */
static void write_zeros_by_device(struct raftblk_volume *vol, struct raftblk_chunk_op *op)
{
	u32 i, first = 0, nsect = 0;

	for (i = 0; i < nr_blocks(op); i++) {
		if (!has_block(op->what.zero, i))
			continue;
		if (!nsect)
			first = i;
		nsect += block_bytes(op, i) >> SECTOR_SHIFT;
		if (i + 1 < nr_blocks(op) && has_block(op->what.zero, i + 1))
			continue;
		raftblk_zero_submit(vol->lower, &op->io, 0, block_sector(op, first), nsect);
		nsect = 0;
	}
}

static void write_blocks(struct raftblk_volume *vol, struct raftblk_chunk_op *op)
{
	struct raftblk_bio_chain c = {
		.lower = vol->lower,
		.io = &op->io,
		.opf = REQ_OP_WRITE | RAFTBLK_BACKGROUND_OPF,
		.vecs = hweight64(op->what.differ),
	};
	u32 i, off = 0;

	for (i = 0; i < nr_blocks(op); i++) {
		u64 sector = block_sector(op, i);
		u32 bytes = block_bytes(op, i);
		bool zero = has_block(op->what.zero, i);

		if (!has_block(op->what.differ, i) || (zero && !op->by_pages))
			continue;
		if (c.sector != sector)
			raftblk_chain_seek(&c, sector);
		if (zero) {
			raftblk_chain_add(&c, ZERO_PAGE(0), 0, bytes);
			continue;
		}
		raftblk_chain_add(&c, op->what.payload->page[off >> PAGE_SHIFT],
				  offset_in_page(off), bytes);
		off += bytes;
	}
	raftblk_chain_submit(&c);
}

static void write_start(struct raftblk_volume *vol, struct raftblk_chunk_op *op)
{
	if (!op->by_pages)
		write_zeros_by_device(vol, op);
	write_blocks(vol, op);
}

static void chunk_write(struct raftblk_volume *vol, struct raftblk_chunk_op *op,
			enum raftblk_io_kind kind)
{
	raftblk_io_begin(vol->lower, &op->io, kind);
	if (raftblk_io_admit(vol->lower, &op->io))
		write_start(vol, op);
	raftblk_io_end(&op->io);
}

void raftblk_lower_chunk_write(struct raftblk_volume *vol, const struct raftblk_chunk_io *what)
{
	struct raftblk_chunk_op *op = &vol->lower->fetch[what->id];

	op->what = *what;
	op->by_pages = !raftblk_zeroes_by_device(vol->lower);
	vol->stats.fetches++;
	if (what->payload)
		vol->stats.fetch_bytes += what->payload->bytes;
	chunk_write(vol, op, RAFTBLK_IO_CHUNK_WRITE);
}

/* Zeros as such: it is the writing that makes a block readable again. */
void raftblk_lower_repair_write(struct raftblk_volume *vol, const struct raftblk_chunk_io *what)
{
	struct raftblk_chunk_op *op = &vol->lower->repair[what->id];

	op->what = *what;
	op->by_pages = true;
	chunk_write(vol, op, RAFTBLK_IO_REPAIR_WRITE);
}

/* All of it again: what is written already is written with the same. */
bool raftblk_chunk_write_goes_on(struct raftblk_volume *vol, struct raftblk_chunk_op *op)
{
	if (!op->what.zero || op->by_pages || !raftblk_zero_unsupported(&op->io))
		return false;
	vol->lower->no_write_zeroes = true;
	op->by_pages = true;
	op->io.status = 0;
	atomic_set(&op->io.bios, 1);
	write_start(vol, op);
	raftblk_io_end(&op->io);
	return true;
}

/* ---- which blocks cannot be read ---- */

/* One at a time: this is rare, and a bio tells no more than that some of it failed. */
static void look_at_block(struct raftblk_volume *vol, struct raftblk_chunk_op *op)
{
	struct raftblk_bio_chain c = {
		.lower = vol->lower,
		.io = &op->io,
		.opf = REQ_OP_READ,
		.sector = block_sector(op, op->block),
		.vecs = 1,
	};

	if (raftblk_io_admit(vol->lower, &op->io)) {
		raftblk_chain_add(&c, virt_to_page(op->buf), offset_in_page(op->buf),
				  block_bytes(op, op->block));
		raftblk_chain_submit(&c);
	}
	raftblk_io_end(&op->io);
}

void raftblk_lower_repair_look(struct raftblk_volume *vol, const struct raftblk_chunk_io *what)
{
	struct raftblk_chunk_op *op = &vol->lower->repair[what->id];

	op->what = *what;
	op->bad = 0;
	op->block = __ffs64(what->differ);
	raftblk_io_begin(vol->lower, &op->io, RAFTBLK_IO_REPAIR_LOOK);
	look_at_block(vol, op);
}

bool raftblk_repair_look_goes_on(struct raftblk_volume *vol, struct raftblk_chunk_op *op)
{
	if (op->io.status)
		op->bad |= BIT_ULL(op->block);
	op->io.status = 0;
	op->what.differ &= ~BIT_ULL(op->block);
	if (!op->what.differ || test_bit(RAFTBLK_VOL_STOPPED, &vol->flags))
		return false;
	op->block = __ffs64(op->what.differ);
	atomic_set(&op->io.bios, 1);
	look_at_block(vol, op);
	return true;
}

/* ---- memory ---- */

int raftblk_chunk_alloc(struct raftblk_lower *lower)
{
	u32 i;

	INIT_LIST_HEAD(&lower->map_free);
	INIT_LIST_HEAD(&lower->chunk_starved);
	for (i = 0; i < RAFTBLK_FETCH_SLOTS; i++)
		INIT_WORK(&lower->fetch[i].work, hash_work);
	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++) {
		lower->repair[i].buf = kmalloc(BLOCK_BYTES, GFP_KERNEL);
		if (!lower->repair[i].buf)
			return -ENOMEM;
	}
	for (i = 0; i < RAFTBLK_VMAP_WRITES; i++) {
		lower->map[i].buf = kmalloc(RAFTBLK_META_BYTES, GFP_KERNEL);
		if (!lower->map[i].buf)
			return -ENOMEM;
		list_add_tail(&lower->map[i].link, &lower->map_free);
	}
	return 0;
}

void raftblk_chunk_free(struct raftblk_lower *lower)
{
	u32 i;

	for (i = 0; i < RAFTBLK_REPAIR_SLOTS; i++)
		kfree(lower->repair[i].buf);
	for (i = 0; i < RAFTBLK_VMAP_WRITES; i++)
		kfree(lower->map[i].buf);
}
