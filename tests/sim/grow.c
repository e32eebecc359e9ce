// SPDX-License-Identifier: GPL-2.0
/* A volume that grows: who asks for it, what a machine does for it, and what must hold. */
#include "sim.h"

/* ---- a larger data area ---- */

static void super_write(struct node *n, u64 sectors, u32 copy);

static void super_written(struct disk_op *op)
{
	struct node *n = op->node;
	u64 sectors = op->a;
	u64 *versions = n->versions;
	struct raftblk_vmap_block *blocks = n->vmap_blocks;

	if (!op->b) {
		super_write(n, sectors, 1);
		io_end(op);
		return;
	}
	io_end(op);
	COUNT(grows);
	n->super.data_sectors = sectors;
	n->versions = calloc(SIM_EXTENTS, sizeof(*n->versions));
	n->vmap_blocks = calloc(SIM_VMAP_BLOCKS, sizeof(*n->vmap_blocks));
	assert(n->versions && n->vmap_blocks);
	raftblk_replica_grown(&n->rep, node_now(n), 0, sectors, n->versions, n->vmap_blocks);
	free(versions);
	free(blocks);
	node_run(n);
}

/* One copy after the other. */
static void super_write(struct node *n, u64 sectors, u32 copy)
{
	struct disk_op *op = io_new(n, DISK_WRITE, RAFTBLK_META_BYTES, super_written);
	struct raftblk_super s = n->super;

	s.data_sectors = sectors;
	raftblk_super_encode(&s, op->buf);
	op->fua = true;
	op->a = sectors;
	op->b = copy;
	disk_add(op, RAFTBLK_SUPER_SECTOR(copy), RAFTBLK_META_BYTES / SECTOR, 0);
	disk_submit(op);
}

static void new_area_flushed(struct disk_op *op)
{
	super_write(op->node, op->a, 0);
	io_end(op);
}

static void new_area_zeroed(struct disk_op *op)
{
	struct disk_op *flush = io_new(op->node, DISK_FLUSH, 0, new_area_flushed);

	flush->a = op->a;
	raftblk_replica_grow_moved(&op->node->rep, node_now(op->node), op->a);
	io_end(op);
	disk_submit(flush);
}

/* Sometimes the device is too small still, and sometimes it cannot be written. */
void node_grow(struct node *n, u64 sectors)
{
	u64 more = sectors - n->super.data_sectors;
	struct disk_op *op;

	trace("node %u: makes room for %llu sectors", n->id, (unsigned long long)sectors);
	if (chance(100)) {
		raftblk_replica_grown(&n->rep, node_now(n), chance(800) ? -ENOSPC : -EIO,
				      n->super.data_sectors, NULL, NULL);
		return;
	}
	op = io_new(n, DISK_WRITE, more * SECTOR, new_area_zeroed);
	op->a = sectors;
	disk_add(op, n->super.data_start + n->super.data_sectors, more, 0);
	disk_submit(op);
}

/* ---- the nemesis ---- */

/* Mostly a little larger, in whole blocks; now and then something that is refused. */
static u64 some_size(const struct node *n)
{
	u32 b = RAFTBLK_BLOCK_SECTORS;
	u64 room = (sim.set.volume_max - n->rep.size) / b;
	u64 few = rnd_range(1, 3);

	switch (rnd(10)) {
	case 0:
		return n->rep.size - b * rnd(2);
	case 1:
		return room ? n->rep.size + b * rnd(room) + b : RAFTBLK_SECTOR_MAX + b;
	case 2:
		return n->rep.size + 1;
	default:
		return n->rep.size + b * min(room, few);
	}
}

static void resize_try(struct event *ev)
{
	struct node *at = chance(700) ? the_leader() : random_node(true);

	(void)ev;
	if (sim.healing)
		return;
	sim_post(rnd_range(1, 6 * sim.set.params.raft.election_ns), resize_try, NULL, NULL);
	if (!at || !at->up || at->paused || at->stopping)
		return;
	client_resize(at, some_size(at));
	/* another at the same time, or the same again */
	if (chance(150))
		client_resize(at, some_size(at));
	node_run(at);
	if (chance(200))
		sim_post(rnd(6 * sim.set.disk_max), fault_strike, NULL, at);
}

/* @n is at some step of a growth. */
void grow_step(struct node *n)
{
	if (!sim.healing && sim.set.faults && chance(150))
		sim_post(rnd(4 * sim.set.disk_max), fault_strike, NULL, chance(700) ? n : &node[rnd(sim.set.nodes)]);
}

void grow_start(void)
{
	sim_post(rnd(4 * sim.set.params.raft.election_ns), resize_try, NULL, NULL);
}

/* ---- what must hold ---- */

/* Sizes of the volume, each from an index on. */
static struct {
	u64 index;
	u64 sectors;
} sizes[256];
static u32 nr_sizes;

void grow_reset(void)
{
	sizes[0].index = 0;
	sizes[0].sectors = sim.set.volume_sectors;
	nr_sizes = 1;
}

/* Of the volume, by what is committed up to @index. */
u64 grow_size_at(u64 index)
{
	u32 i = nr_sizes - 1;

	while (sizes[i].index > index)
		i--;
	return sizes[i].sectors;
}

/* It only grows, and nothing is written behind its end. */
void grow_commit(u64 index, const struct raftblk_entry *e)
{
	u64 size = sizes[nr_sizes - 1].sectors;

	if (raftblk_entry_is_data(e) && e->sector + e->nsect > size)
		LOST("entry %llu lies behind the end of the volume, which has %llu sectors",
		     (unsigned long long)index, (unsigned long long)size);
	if (e->op != RAFTBLK_OP_RESIZE)
		return;
	if (e->sector <= size)
		LOST("entry %llu makes %llu sectors of %llu", (unsigned long long)index,
		     (unsigned long long)e->sector, (unsigned long long)size);
	assert(nr_sizes < ARRAY_SIZE(sizes));
	sizes[nr_sizes].index = index;
	sizes[nr_sizes++].sectors = e->sector;
}

/*
 * The size is a function of the log: for users of what is committed, on disk of what is applied.
 * Who joined knows how large the volume was by then.  And nobody has more than there is room for.
 */
void grow_check(const struct node *n)
{
	const struct raftblk_replica *rep = &n->rep;
	u64 size = max(n->told_size, grow_size_at(rep->raft.commit));
	u64 applied = max(n->told_size, grow_size_at(rep->applied));

	if (rep->fault)
		return;
	if (rep->size != size)
		LOST("node %u: the volume has %llu sectors, by what is committed %llu", n->id,
		     (unsigned long long)rep->size, (unsigned long long)size);
	if (rep->volume_sectors != applied)
		LOST("node %u: the volume has %llu sectors, by what is applied %llu", n->id,
		     (unsigned long long)rep->volume_sectors, (unsigned long long)applied);
	if (!node_is_witness(n) && rep->size > n->super.data_sectors)
		LOST("node %u: the volume has %llu sectors, and there is room for %llu", n->id,
		     (unsigned long long)rep->size, (unsigned long long)n->super.data_sectors);
}
