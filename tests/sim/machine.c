// SPDX-License-Identifier: GPL-2.0
/* The life of a machine: format, boot, power cut, clean stop, pause. */
#include "sim.h"

struct node *node_by_id(u32 id)
{
	struct node *n;

	for_each_node(n)
		if (n->exists && n->id == id)
			return n;
	return NULL;
}

/* Behind everything else. */
static u64 vmap_start(void)
{
	return round_up(sim.set.ring_start + max(sim.set.ring_sectors, sim.set.witness_ring) +
			sim.set.volume_max +
			SIM_NODES * SIM_DATA_MORE, 8ULL);
}

void node_make(struct node *n, u32 slot)
{
	struct setup *s = &sim.set;

	memset(n, 0, sizeof(*n));
	n->slot = slot;
	n->life = 1;
	disk_make(&n->disk, vmap_start() + SIM_VMAP_SECTORS);
	INIT_LIST_HEAD(&n->payloads);
	INIT_LIST_HEAD(&n->ops);
	INIT_LIST_HEAD(&n->waits);
	n->versions = calloc(SIM_EXTENTS, sizeof(*n->versions));
	n->vmap_blocks = calloc(SIM_VMAP_BLOCKS, sizeof(*n->vmap_blocks));
	n->table = calloc(s->max_entries, sizeof(*n->table));
	n->applied_set = calloc(s->max_entries, sizeof(*n->applied_set));
	assert(n->table && n->applied_set && n->versions && n->vmap_blocks);
	n->deferred_tail = &n->deferred;
	n->base_local = rnd(1000 * SEC);
	n->ppm = 1000000;
	node_drift(n);
}

static void deferred_drop(struct node *n)
{
	while (n->deferred) {
		struct event *ev = n->deferred;

		n->deferred = ev->next;
		if (ev->drop)
			ev->drop(ev);
		free(ev);
	}
	n->deferred_tail = &n->deferred;
}

void node_free(struct node *n)
{
	deferred_drop(n);
	client_node_down(n);
	node_payloads_gone(n);
	disk_free_all(&n->disk);
	free(n->table);
	free(n->applied_set);
	free(n->versions);
	free(n->vmap_blocks);
	free(n->sh_term);
	free(n->dur_term);
	free(n->voted);
}

/* Of its present disk. */
void node_incarnation(const struct node *n, u8 *to)
{
	memset(to, 0xa0 + n->slot, 16);
	to[15] += n->disks;
}

static void super_fill(struct node *n, u64 sectors)
{
	struct raftblk_super *s = &n->super;

	memset(s, 0, sizeof(*s));
	memcpy(s->uuid, sim.uuid, 16);
	node_incarnation(n, s->incarnation);
	memset(s->key, 0x5e, sizeof(s->key));
	strcpy(s->name, "sim");
	s->node_id = n->id;
	s->block_size = sim.set.block_sectors * SECTOR;
	s->ring_start = sim.set.ring_start;
	s->ring_sectors = node_is_witness(n) ? sim.set.witness_ring : sim.set.ring_sectors;
	s->data_start = s->ring_start + s->ring_sectors;
	s->data_sectors = node_is_witness(n) ? 0 : sectors;
	/* the volume is not larger for that */
	if (sim.set.params.catchup && s->data_sectors)
		s->data_sectors += n->slot * SIM_DATA_MORE;
	s->volume_sectors = sectors;
	s->log_align = sim.set.log_align;
	s->max_entries = sim.set.max_entries;
	s->extent_sectors = sim.set.extent_sectors;
	s->vmap_start = sim.set.params.catchup && s->data_sectors ? vmap_start() : 0;
	s->minor = ~0U;
	s->listen.family = 4;
	s->listen.port = 7789;
	s->listen.ip[3] = n->slot + 1;
}

/* What lies behind the data area is anything but zeros. */
static void leave_garbage(struct node *n)
{
	u64 s = n->super.data_start + n->super.data_sectors;
	u8 sector[SECTOR];

	memset(sector, 0xdb, sizeof(sector));
	for (; s < vmap_start(); s++)
		disk_format(&n->disk, s, sector, sizeof(sector));
}

/* What `raftblk create` and `join` put on a disk. */
void node_format(struct node *n, u32 id, const struct raftblk_config *config, u64 sectors)
{
	u8 buf[RAFTBLK_META_BYTES];
	struct raftblk_ckpt c = { .generation = 1, .volume_sectors = sectors };
	struct raftblk_vote v = { .generation = 0 };

	n->id = id;
	n->told_size = sectors;
	super_fill(n, sectors);
	leave_garbage(n);
	raftblk_super_encode(&n->super, buf);
	disk_format(&n->disk, RAFTBLK_SUPER_SECTOR(0), buf, sizeof(buf));
	disk_format(&n->disk, RAFTBLK_SUPER_SECTOR(1), buf, sizeof(buf));
	raftblk_vote_encode(&v, sim.uuid, buf);
	disk_format(&n->disk, RAFTBLK_VOTE_SECTOR(0), buf, RAFTBLK_VOTE_BYTES);
	c.config = *config;
	raftblk_ckpt_encode(&c, sim.uuid, buf);
	disk_format(&n->disk, RAFTBLK_CKPT_SECTOR(1), buf, sizeof(buf));
	n->exists = true;
}

/* It gets a blank disk: it may join as another member. */
void node_wipe(struct node *n)
{
	trace("machine %u: gets a blank disk, was node %u", n->slot, n->id);
	COUNT(wiped);
	node_power_cut(n);
	disk_free_all(&n->disk);
	disk_make(&n->disk, vmap_start() + SIM_VMAP_SECTORS);
	n->disks++;
	n->exists = false;
	n->impostor = false;
	n->id = 0;
	n->stood = 0;
	n->incomplete = false;
	n->boundary = 0;
	n->sh_last = 0;
	n->dur_last = 0;
	n->rot_last = 0;
	if (n->voted)
		memset(n->voted, 0, n->voted_size * sizeof(*n->voted));
}

static int ring_read(void *ctx, u64 sector, u32 nsect, void *buf)
{
	struct node *n = ctx;

	if (sector + nsect > n->super.ring_sectors)
		sim_fail("node %u: recovery reads over the end of the ring", n->id);
	return disk_read_now(&n->disk, n->super.ring_start + sector, nsect, buf);
}

/* Copy A, or B where that was torn; either way both are the same from here on. */
static void super_read(struct node *n)
{
	u8 buf[RAFTBLK_META_BYTES];
	const char *why;
	u32 copy;

	for (copy = 0; copy < 2; copy++) {
		disk_read_now(&n->disk, RAFTBLK_SUPER_SECTOR(copy), 8, buf);
		if (raftblk_super_decode(&n->super, buf, &why))
			continue;
		disk_format(&n->disk, RAFTBLK_SUPER_SECTOR(!copy), buf, sizeof(buf));
		return;
	}
	sim_fail("node %u: superblock refused: %s", n->id, why);
}

static void meta_read(struct node *n, struct raftblk_vote *vote, struct raftblk_ckpt *ckpt)
{
	struct raftblk_vote v;
	struct raftblk_ckpt c;
	u8 buf[RAFTBLK_META_BYTES];
	bool have_v = false, have_c = false;
	u32 i;

	super_read(n);
	for (i = 0; i < 2; i++) {
		disk_read_now(&n->disk, RAFTBLK_VOTE_SECTOR(i), 1, buf);
		if (!raftblk_vote_decode(&v, sim.uuid, buf) &&
		    (!have_v || v.generation > vote->generation)) {
			*vote = v;
			have_v = true;
		}
		disk_read_now(&n->disk, RAFTBLK_CKPT_SECTOR(i), 8, buf);
		if (!raftblk_ckpt_decode(&c, sim.uuid, buf) &&
		    (!have_c || c.generation > ckpt->generation)) {
			*ckpt = c;
			have_c = true;
		}
	}
	if (!have_v || !have_c)
		sim_fail("node %u: no valid %s slot", n->id, have_v ? "checkpoint" : "vote");
	n->stable_term = vote->term;
	n->stable_voted_for = vote->voted_for;
	n->disk_ckpt_index = ckpt->applied_index;
	n->disk_evidence = max(ckpt->durable_pos, vote->durable_pos);
	n->proof_index = ckpt->proof_index;
	n->incomplete = ckpt->flags & RAFTBLK_CKPT_F_INCOMPLETE;
}

static const void *vmap_slot(struct node *n, u32 block, u32 slot, u8 *buf)
{
	u64 sector = raftblk_vmap_sector(&n->super, block, slot);

	return disk_read_now(&n->disk, sector, 8, buf) ? NULL : buf;
}

static void vmap_read(struct node *n, u64 applied)
{
	u8 even[RAFTBLK_META_BYTES], odd[RAFTBLK_META_BYTES];
	u32 i;

	memset(n->versions, 0, SIM_EXTENTS * sizeof(*n->versions));
	memset(n->vmap_blocks, 0, SIM_VMAP_BLOCKS * sizeof(*n->vmap_blocks));
	raftblk_vmap_init(&n->vmap, &n->super, n->versions, n->vmap_blocks);
	for (i = 0; n->super.vmap_start && i < n->vmap.nr_blocks; i++)
		raftblk_vmap_load(&n->vmap, i, vmap_slot(n, i, 0, even), vmap_slot(n, i, 1, odd),
				  applied);
	if (n->vmap.vague) {
		COUNT(map_vague);
		sim.vague = true;
	}
}

static void boot_state(struct node *n)
{
	n->life++;
	n->up = true;
	n->stopping = false;
	n->nr_io = 0;
	n->tick_at = NEVER;
	n->tick_gen++;
	n->spins = 0;
	n->gate = (struct raftblk_read_gate){};
	memset(n->table, 0, sim.set.max_entries * sizeof(*n->table));
}

void node_boot(struct node *n)
{
	static u8 buf[64 << 10];
	const struct raftblk_payload_ops ops = {
		payload_get, payload_put, payload_alloc, payload_map, n
	};
	const struct raftblk_reader reader = { ring_read, n, buf, sizeof(buf) };
	struct raftblk_recovered found = {};
	struct raftblk_vote vote;
	struct raftblk_ckpt ckpt;
	int err;

	if (n->up || !n->exists)
		return;
	boot_state(n);
#ifndef RAFTBLK_PLANT_RECOVERY_BEFORE_FLUSH
	/* What is read from here on counts as durable. */
	disk_flush_now(&n->disk);
#endif
	meta_read(n, &vote, &ckpt);
	vmap_read(n, ckpt.applied_index);
	err = raftblk_replica_init(&n->rep, &n->super, &vote, &ckpt, &sim.set.params, &ops,
				   n->table, &reader, &n->vmap, node_now(n), rng_next(), &found);
	if (err)
		sim_fail("node %u: does not start: %d %s", n->id, err, found.why ? found.why : "");
	trace("node %u: up, life %u, term %llu log %llu..%llu commit %llu%s%s proof %llu", n->id,
	      n->life, (unsigned long long)n->rep.raft.term,
	      (unsigned long long)n->rep.log.first, (unsigned long long)n->rep.log.last,
	      (unsigned long long)n->rep.raft.commit, found.torn ? ", torn tail" : "",
	      found.corrupt_index ? ", corruption" : "", (unsigned long long)found.proof_index);
	check_boot(n, &found);
	client_start(n);
	net_node_up(n);
	node_run(n);
}

static void node_gone(struct node *n)
{
	n->up = false;
	n->stopping = false;
	n->paused = false;
	n->pause_in_run = false;
	n->late_now = 0;
	n->trapped = false;
	n->life++;
	deferred_drop(n);
	net_node_down(n);
	client_node_down(n);
	node_payloads_gone(n);
	check_down(n);
}

void node_power_cut(struct node *n)
{
	if (!n->up)
		return;
	COUNT(crashes);
	if (!sim.healing && chance(200)) {
		trace("node %u: reset", n->id);
		COUNT(resets);
		disk_reset(&n->disk);
	} else {
		trace("node %u: power cut", n->id);
		disk_power_cut(&n->disk);
	}
	node_gone(n);
}

void node_stop(struct node *n)
{
	if (!n->up || n->stopping || n->paused)
		return;
	trace("node %u: clean stop", n->id);
	COUNT(clean_restarts);
	n->stopping = true;
	raftblk_replica_stop(&n->rep, node_now(n));
	node_run(n);
}

void node_pause(struct node *n)
{
	if (!n->up || n->paused || n->stopping)
		return;
	trace("node %u: paused", n->id);
	COUNT(pauses);
	n->paused = true;
}

/* All that waited comes at once; packets in their order, the rest in any. */
void node_resume(struct node *n)
{
	struct event *ev = n->deferred;

	n->pause_in_run = false;
	if (!n->paused)
		return;
	trace("node %u: resumed", n->id);
	n->paused = false;
	n->deferred = NULL;
	n->deferred_tail = &n->deferred;
	if (n->late_now) {
		u64 now = n->late_now;

		n->late_now = 0;
		node_run_at(n, now);
	}
	while (ev) {
		struct event *next = ev->next;
		struct event *again;
		u64 delay = chance(500) ? rnd(500 * USEC) : 0;

		if (ev->drop == net_packet_drop)
			delay = 0;
		again = sim_post(delay, ev->fire, ev->node, ev->arg);
		again->drop = ev->drop;
		again->life = ev->life;
		free(ev);
		ev = next;
	}
}
