// SPDX-License-Identifier: GPL-2.0
/*
 * The lower device: sectors behind a volatile write cache.
 *
 * What is promised to the core is what a real disk promises, no more: a write
 * that completed with FUA is stable; a flush makes stable what had completed
 * before it was submitted; for everything else a power cut keeps any subset of
 * sectors, also of requests that were on their way.  Requests complete in any
 * order.  Two requests to the same sector at a time, one of them a write, have
 * an undefined outcome: for writes that is a bug of the core and ends the run,
 * a read sees either content, sector by sector.
 */
#include "sim.h"

void disk_make(struct disk *d, u64 sectors)
{
	d->sectors = sectors;
	d->data = calloc(sectors, SECTOR);
	d->stable = calloc(sectors, SECTOR);
	d->dirty_seq = calloc(sectors, sizeof(*d->dirty_seq));
	d->bad = calloc(sectors, 1);
	assert(d->data && d->stable && d->dirty_seq && d->bad);
	d->seq = 0;
	d->flushes = 0;
	d->flush_seq = 0;
	d->dirty_from = sectors;
	d->dirty_end = 0;
	d->slow = 1;
	INIT_LIST_HEAD(&d->inflight);
}

struct disk_op *disk_op_new(struct node *n, enum disk_kind kind, u32 bytes,
			    void (*done)(struct disk_op *op))
{
	struct disk_op *op = calloc(1, sizeof(*op));

	assert(op);
	op->node = n;
	op->kind = kind;
	op->done = done;
	op->life = n->life;
	if (bytes) {
		op->buf = calloc(1, bytes);
		assert(op->buf);
	}
	INIT_LIST_HEAD(&op->link);
	return op;
}

void disk_free(struct disk_op *op)
{
	list_del(&op->link);
	free(op->buf);
	free(op);
}

void disk_add(struct disk_op *op, u64 sector, u32 nsect, u32 offset)
{
	assert(op->nr_pieces < ARRAY_SIZE(op->piece));
	if (sector + nsect > op->node->disk.sectors)
		sim_fail("node %u: I/O beyond the end of the disk: sector %llu + %u",
			 op->node->id, (unsigned long long)sector, nsect);
	op->piece[op->nr_pieces++] = (struct disk_piece){ sector, nsect, offset };
}

static bool pieces_overlap(const struct disk_op *a, const struct disk_op *b)
{
	u32 i, j;

	for (i = 0; i < a->nr_pieces; i++)
		for (j = 0; j < b->nr_pieces; j++)
			if (a->piece[i].sector < b->piece[j].sector + b->piece[j].nsect &&
			    b->piece[j].sector < a->piece[i].sector + a->piece[i].nsect)
				return true;
	return false;
}

static void disk_check_overlap(struct disk *d, const struct disk_op *op)
{
	struct disk_op *o;

	list_for_each_entry(o, &d->inflight, link)
		if (o->kind == DISK_WRITE && pieces_overlap(o, op))
			sim_fail("node %u: two writes to sector %llu at once: the outcome is undefined",
				 op->node->id, (unsigned long long)op->piece[0].sector);
}

static void sector_set_stable(struct disk *d, u64 s)
{
	memcpy(d->stable + s * SECTOR, d->data + s * SECTOR, SECTOR);
	d->dirty_seq[s] = 0;
}

static void sector_land(struct disk *d, u64 s, const u8 *buf, bool fua)
{
	/* an older dirty version: a flush on its way has to keep it; else it may */
	if (d->dirty_seq[s] &&
	    ((d->flushes && d->dirty_seq[s] <= d->flush_seq) || chance(500)))
		sector_set_stable(d, s);
	memcpy(d->data + s * SECTOR, buf, SECTOR);
	d->bad[s] = 0;
	d->dirty_seq[s] = ++d->seq;
	if (fua) {
		sector_set_stable(d, s);
		return;
	}
	d->dirty_from = min(d->dirty_from, s);
	d->dirty_end = max(d->dirty_end, s + 1);
}

static void op_land(struct disk *d, struct disk_op *op)
{
	u32 i, j;

	for (i = 0; i < op->nr_pieces; i++)
		for (j = 0; j < op->piece[i].nsect; j++)
			sector_land(d, op->piece[i].sector + j,
				    op->buf + op->piece[i].offset + j * SECTOR, op->fua);
}

static void op_flush(struct disk *d, struct disk_op *op)
{
	u64 s;

	d->flushes--;
	for (s = d->dirty_from; s < d->dirty_end; s++)
		if (d->dirty_seq[s] && d->dirty_seq[s] <= op->flush_seq)
			sector_set_stable(d, s);
}

static void op_capture(struct disk *d, struct disk_op *op, u32 permille)
{
	u32 i, j;

	for (i = 0; i < op->nr_pieces; i++)
		for (j = 0; j < op->piece[i].nsect; j++)
			if (permille == 1000 || chance(permille))
				memcpy(op->buf + op->piece[i].offset + j * SECTOR,
				       d->data + (op->piece[i].sector + j) * SECTOR, SECTOR);
}

/* What is on its way may be read already, and the next time not yet. */
static void op_capture_early(struct disk *d, struct disk_op *op)
{
	struct disk_op *w;
	u32 i, j, k;
	u64 at;

	list_for_each_entry(w, &d->inflight, link) {
		if (w->kind != DISK_WRITE || !pieces_overlap(w, op))
			continue;
		for (i = 0; i < op->nr_pieces; i++)
			for (j = 0; j < op->piece[i].nsect; j++)
				for (k = 0; k < w->nr_pieces; k++) {
					at = op->piece[i].sector + j - w->piece[k].sector;
					if (at < w->piece[k].nsect && chance(300))
						memcpy(op->buf + op->piece[i].offset + j * SECTOR,
						       w->buf + w->piece[k].offset + at * SECTOR,
						       SECTOR);
				}
	}
}

/* What would be there after a power cut that loses the whole cache. */
u8 *disk_copy(const struct disk *d)
{
	u8 *copy = malloc(d->sectors * SECTOR);

	assert(copy);
	memcpy(copy, d->stable, d->sectors * SECTOR);
	return copy;
}

void disk_set_back(struct disk *d, const u8 *copy)
{
	memcpy(d->stable, copy, d->sectors * SECTOR);
	memcpy(d->data, copy, d->sectors * SECTOR);
	memset(d->dirty_seq, 0, d->sectors * sizeof(*d->dirty_seq));
	memset(d->bad, 0, d->sectors);
}

bool disk_is_bad(const struct disk *d, u64 sector, u32 nsect)
{
	return memchr(d->bad + sector, 1, nsect);
}

/* Nobody may take what an unreadable sector had for its content. */
static void op_fail(const struct disk *d, struct disk_op *op)
{
	u32 i;

	for (i = 0; i < op->nr_pieces; i++) {
		if (!disk_is_bad(d, op->piece[i].sector, op->piece[i].nsect))
			continue;
		op->failed = true;
		memset(op->buf + op->piece[i].offset, 0xdb, op->piece[i].nsect * SECTOR);
	}
}

static void op_deliver(struct event *ev)
{
	struct disk_op *op = ev->arg;

	op->done(op);
}

static void op_drop(struct event *ev)
{
	disk_free(ev->arg);
}

static void op_complete(struct event *ev)
{
	struct disk_op *op = ev->arg;
	struct disk *d = &op->node->disk;

	switch (op->kind) {
	case DISK_READ:
		op_capture(d, op, 500);
		op_capture_early(d, op);
		op_fail(d, op);
		break;
	case DISK_WRITE:
		op_land(d, op);
		break;
	case DISK_FLUSH:
		op_flush(d, op);
		break;
	}
	list_del_init(&op->link);
	op->ev = NULL;
	/* the disk goes on while the machine is paused; its driver does not */
	ev = sim_post(0, op_deliver, op->node, op);
	ev->drop = op_drop;
	ev->life = op->life;
}

void disk_submit(struct disk_op *op)
{
	struct disk *d = &op->node->disk;
	u64 latency = rnd_range(sim.set.disk_min, sim.set.disk_max) * d->slow;

	switch (op->kind) {
	case DISK_READ:
		op_capture(d, op, 1000);
		break;
	case DISK_WRITE:
		disk_check_overlap(d, op);
		break;
	case DISK_FLUSH:
		op->flush_seq = d->seq;
		d->flush_seq = d->seq;
		d->flushes++;
		break;
	}
	if (chance(20))
		latency *= 8;
	list_add_tail(&op->link, &d->inflight);
	op->ev = sim_post(latency + op->stuck, op_complete, NULL, op);
}

/* How much of what was not stable a power cut leaves behind, in permille. */
static u32 kept_share(void)
{
	switch (rnd(4)) {
	case 0:
		return 0;
	case 1:
		return 1000;
	default:
		return rnd(1000);
	}
}

static void op_power_cut(struct disk *d, struct disk_op *op, u32 keep)
{
	u32 i, j;

	for (i = 0; op->kind == DISK_WRITE && i < op->nr_pieces; i++) {
		for (j = 0; j < op->piece[i].nsect; j++) {
			u64 s = op->piece[i].sector + j;

			u32 bytes = SECTOR;

			if (sim.set.torn_sectors && chance(100))
				bytes = rnd(SECTOR);
			else if (!chance(keep))
				continue;
			memcpy(d->data + s * SECTOR,
			       op->buf + op->piece[i].offset + j * SECTOR, bytes);
			sector_set_stable(d, s);
		}
	}
	op->ev->fire = NULL;
	disk_free(op);
}

void disk_power_cut(struct disk *d)
{
	u32 keep = kept_share();
	struct disk_op *op, *tmp;
	u64 s;

	for (s = d->dirty_from; s < d->dirty_end; s++) {
		if (!d->dirty_seq[s])
			continue;
		if (chance(keep)) {
			sector_set_stable(d, s);
			continue;
		}
		COUNT(lost_sectors);
		memcpy(d->data + s * SECTOR, d->stable + s * SECTOR, SECTOR);
		d->dirty_seq[s] = 0;
	}
	keep = kept_share();
	list_for_each_entry_safe(op, tmp, &d->inflight, link)
		op_power_cut(d, op, keep);
	d->flushes = 0;
	d->flush_seq = 0;
}

/*
 * The machine is reset and its disk keeps its power: what the disk had taken is in
 * its cache still, of what was on its way some sectors.
 */
void disk_reset(struct disk *d)
{
	u32 keep = kept_share(), i, j;
	struct disk_op *op, *tmp;

	list_for_each_entry_safe(op, tmp, &d->inflight, link) {
		for (i = 0; op->kind == DISK_WRITE && i < op->nr_pieces; i++)
			for (j = 0; j < op->piece[i].nsect; j++)
				if (chance(keep))
					sector_land(d, op->piece[i].sector + j,
						    op->buf + op->piece[i].offset + j * SECTOR,
						    false);
		op->ev->fire = NULL;
		disk_free(op);
	}
	d->flushes = 0;
	d->flush_seq = 0;
}

/* For the start of a member, which happens in no time. */
void disk_flush_now(struct disk *d)
{
	u64 s;

	for (s = d->dirty_from; s < d->dirty_end; s++)
		if (d->dirty_seq[s])
			sector_set_stable(d, s);
}

void disk_free_all(struct disk *d)
{
	struct disk_op *op, *tmp;

	list_for_each_entry_safe(op, tmp, &d->inflight, link) {
		op->ev->fire = NULL;
		disk_free(op);
	}
	free(d->data);
	free(d->stable);
	free(d->dirty_seq);
	free(d->bad);
	d->data = NULL;
}

/* For the start of a member, which happens in no time. */
int disk_read_now(struct disk *d, u64 sector, u32 nsect, void *buf)
{
	u32 i;

	if (sector + nsect > d->sectors)
		return -EINVAL;
	for (i = 0; i < nsect; i++)
		if (d->bad[sector + i])
			return -EIO;
	memcpy(buf, d->data + sector * SECTOR, (size_t)nsect * SECTOR);
	return 0;
}

/* What the tool does when it formats: written and flushed. */
void disk_format(struct disk *d, u64 sector, const void *buf, u32 bytes)
{
	memcpy(d->data + sector * SECTOR, buf, bytes);
	memcpy(d->stable + sector * SECTOR, buf, bytes);
}

/* The medium loses a sector: it cannot be read any more, or reads wrong. */
void disk_rot(struct disk *d, u64 sector, bool unreadable)
{
	u64 byte = sector * SECTOR + rnd(SECTOR);

	if (unreadable) {
		d->bad[sector] = 1;
		return;
	}
	d->data[byte] ^= 1U << rnd(8);
	d->stable[byte] = d->data[byte];
}
