/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The simulator: a whole cluster in one process, in virtual time, from one
 * seed.  The core is compiled exactly as for the module; what the kernel shell
 * does around it (disk, network, clock, block layer) is simulated and made as
 * nasty as real machines can be.
 *
 * Everything random comes from one generator, everything that happens is an
 * event in one queue: a seed replays to the bit.
 */
#ifndef SIM_H
#define SIM_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../kernel/core/replica.h"
#include "../../kernel/core/wire.h"

#define SIM_NODES	5
#define SECTOR		512
#define USEC		1000ULL
#define MSEC		1000000ULL
#define SEC		1000000000ULL
#define NEVER		(~0ULL)

struct node;
struct disk_op;

/* ---- rng.c: the one source of randomness, and CRC32C ---- */

void rng_seed(u64 seed);
u64 rng_next(void);
u64 rnd(u64 below);			/* 0 ... below - 1 */
u64 rnd_range(u64 lo, u64 hi);		/* lo ... hi */
bool chance(u32 permille);
u32 sim_crc(const void *data, u32 bytes);	/* of a payload */

/* ---- main.c: the event queue ---- */

/**
 * struct event - something that will happen
 * @at: virtual time
 * @seq: keeps events of the same time in the order they were posted
 * @fire: what happens; NULL: cancelled
 * @drop: frees @arg where the event dies with the life of its node
 * @node: waits while this node is paused; NULL: happens anyway
 * @life: 0, or the life of @node in which it makes sense
 */
struct event {
	u64 at;
	u64 seq;
	void (*fire)(struct event *ev);
	void (*drop)(struct event *ev);
	struct node *node;
	u32 life;
	void *arg;
	struct event *next;
};

struct event *sim_post(u64 delay, void (*fire)(struct event *ev), struct node *node, void *arg);
void sim_step(void);

void sim_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void sim_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- counters: what a run has been through ---- */

#define SIM_COUNTERS(X) \
	X(elections) X(leaders) X(cuts) X(wraps) X(crashes) X(resets) X(all_crashes) X(clean_restarts) \
	X(pauses) X(partitions) X(oneway_cuts) X(slow_disks) X(votes_stuck) X(clock_drifts) \
	X(transfers) X(owner_changes) X(fenced) X(ebusy) X(joins) X(joint_configs) X(demotions) X(promotions) \
	X(owners_stripped) X(removals) X(replacements) X(told) X(wiped) \
	X(torn_tails) X(rotten_records) X(corruption_found) X(proven) \
	X(writes) X(zeroes) X(reads) X(writes_maybe) X(writes_eio) X(io_timeouts) X(reproposed) \
	X(reads_overlay) X(reads_lease) X(reads_quorum) X(reads_follower) X(reads_direct) \
	X(reads_again) X(reads_failed) \
	X(checkpoints) X(map_writes) X(map_vague) X(log_reads) X(applies) X(recovered_entries) \
	X(msg_sent) X(msg_dropped) X(msg_duplicated) X(msg_reordered) X(msg_corrupted) X(msg_stalled) \
	X(catchups_begun) X(catchups_again) X(catchups_ended) X(chunks_read) X(chunks_written) \
	X(chunks_served) X(chunks_dropped) X(source_changes) X(catchups_at_once) \
	X(long_absences) X(catchup_faults) X(last_complete) \
	X(witness_seeds) X(witness_leads) X(witness_hands_over) X(witness_boundaries) \
	X(resizes) X(grows) X(resize_small) X(resize_away) X(resize_behind) X(resize_shrinks) \
	X(witness_forgets) X(witness_waits) X(relays) X(helped) X(stranded) \
	X(bad_blocks) X(reads_broken) X(looks) X(repairs) X(repair_writes_failed) X(repairs_failed) \
	X(verify_seeds) X(verifies) X(verified) X(hashes) X(flips) X(flips_found) X(mended) \
	X(recall_seeds) X(set_backs) X(older_disks) \
	X(blank_disks) X(impostors) X(refused) X(blank_joins) X(blank_replaces) \
	X(behind) X(join_stale) X(lost_sectors) X(seeds) X(seeds_behind) X(steps) X(virtual_seconds)

/* Those that may rightly stay at 0 over any number of seeds. */
#define SIM_COUNTERS_OPTIONAL "behind join_stale seeds_behind map_vague"

struct counters {
#define X(name) u64 name;
	SIM_COUNTERS(X)
#undef X
};

/* ---- the run ---- */

/**
 * struct setup - what the seed decided about this run
 */
struct setup {
	u32 nodes;		/* machines in the end */
	u32 initial;		/* members at the start */
	u64 run_ns;		/* length of the phase with faults */
	u32 block_sectors;	/* 1 or 8 */
	u32 log_align;
	u64 ring_start;
	u64 ring_sectors;
	u64 volume_sectors;	/* at first */
	u64 volume_max;		/* and what it may grow to */
	u32 max_entries;
	u32 extent_sectors;
	u32 max_req_sectors;
	bool direct;		/* reads go past the replica where they may */
	bool tcp;		/* connections: in order, may break; else datagrams */
	u32 drop, duplicate, reorder, corrupt;	/* permille */
	u64 net_min, net_max;	/* delay */
	u64 disk_min, disk_max;	/* latency */
	u64 think;		/* between requests of a client, on average */
	u32 depth;		/* requests in flight */
	u64 fault_every;	/* on average */
	u32 faults;		/* bit set of enum fault */
	u32 drift_ppm;		/* clocks run at 1 +- this */
	bool torn_sectors;	/* a power cut may leave half a sector */
	bool away;		/* machines are gone for long enough to fall behind */
	bool end_early;		/* the faults end while a member catches up */
	bool roles;		/* members lose their vote and get it again */
	bool members;		/* and are removed, replaced, and join anew */
	bool resizes;		/* the volume grows */
	bool throttle;		/* clients wait for members that lag */
	bool witness;		/* the last machine has no data area */
	u64 witness_ring;	/* its ring */
	bool lse;		/* blocks of data areas become unreadable */
	bool verify;		/* members are compared, and mended */
	bool set_back;		/* a disk is set back to an older copy */
	bool blank;		/* a member's disk is exchanged for a blank one */
	bool slow_votes;	/* writes of term and vote are overtaken by whatever comes later */
	u64 flip_from;		/* from here on bits flip, and nobody reads meanwhile */
	struct raftblk_replica_params params;
};

struct sim {
	u64 seed;
	u64 now;
	u64 seq;
	u64 steps;
	u64 max_steps;
	bool tracing;
	bool blackbox;		/* no look inside: the oracle alone */
	int catchup;		/* 0: the seed decides; 1: on, -1: off */
	bool witness;		/* a witness in every seed */
	bool resize;		/* and in every one the volume grows */
	bool recall;		/* and members that start ask what they had promised */
	bool redone;		/* writes were proposed again though they may have been kept */
	bool vague;		/* a version map was not read back whole */
	bool healing;		/* the end phase: no more faults */
	bool final;		/* clients do nothing by themselves any more */
	bool excused;		/* a member fell behind the ring */
	u8 uuid[16];
	struct setup set;
	struct counters *count;
	const char *failed;
};

extern struct sim sim;

const char *sim_msg_name(u8 type);
const char *sim_event_name(enum raftblk_event_type type);

#define trace(...) do { if (__builtin_expect(sim.tracing, 0)) sim_trace(__VA_ARGS__); } while (0)
#define COUNT(name) (sim.count->name++)

/* Of the version map and behind the volume, on every disk. */
#define SIM_VMAP_SECTORS	64
#define SIM_VMAP_BLOCKS		64
#define SIM_DATA_MORE		24
#define SIM_EXTENTS	(sim.set.volume_max + SIM_NODES * SIM_DATA_MORE)

/* ---- disk.c: the lower device ---- */

enum disk_kind { DISK_READ, DISK_WRITE, DISK_FLUSH };

struct disk_piece {
	u64 sector;
	u32 nsect;
	u32 offset;		/* into disk_op.buf */
};

/**
 * struct disk_op - one request to the lower device
 * @done: called on the node when it completes; frees @op with disk_free()
 * @a, @b, @ptr, @payload: the caller's
 */
struct disk_op {
	struct list_head link;
	struct node *node;
	enum disk_kind kind;
	bool fua;
	u64 stuck;		/* takes so much longer than others */
	u32 nr_pieces;
	struct disk_piece piece[RAFTBLK_CHUNK_BLOCKS];
	bool failed;		/* READ: a sector could not be read, nothing of it counts */
	u8 *buf;
	u64 flush_seq;
	struct event *ev;
	void (*done)(struct disk_op *op);
	u64 a, b;
	u32 life;
	void *ptr;
	struct raftblk_payload *payload;
};

/**
 * struct disk - sectors behind a volatile write cache
 * @data: what a read returns
 * @stable: what is there after a power cut
 * @dirty_seq: 0, or when @data of the sector was written without reaching @stable
 * @dirty_from, @dirty_end: no other sector is dirty
 * @bad: reading it fails
 */
struct disk {
	u64 sectors;
	u8 *data;
	u8 *stable;
	u64 *dirty_seq;
	u64 dirty_from, dirty_end;
	u8 *bad;
	u64 seq;
	u32 flushes;
	u64 flush_seq;
	u32 slow;		/* latency times this */
	struct list_head inflight;
};

void disk_make(struct disk *d, u64 sectors);
void disk_free_all(struct disk *d);
struct disk_op *disk_op_new(struct node *n, enum disk_kind kind, u32 bytes,
			    void (*done)(struct disk_op *op));
void disk_add(struct disk_op *op, u64 sector, u32 nsect, u32 offset);
void disk_submit(struct disk_op *op);
void disk_free(struct disk_op *op);
int disk_read_now(struct disk *d, u64 sector, u32 nsect, void *buf);
void disk_format(struct disk *d, u64 sector, const void *buf, u32 bytes);
void disk_power_cut(struct disk *d);
void disk_reset(struct disk *d);
u8 *disk_copy(const struct disk *d);
void disk_set_back(struct disk *d, const u8 *copy);
void disk_flush_now(struct disk *d);
void disk_rot(struct disk *d, u64 sector, bool unreadable);
bool disk_is_bad(const struct disk *d, u64 sector, u32 nsect);

/* ---- net.c: links between the machines ---- */

void net_reset(void);
void net_free(void);
bool net_ready(const struct node *from, const struct node *to, bool data);
void net_send(struct node *from, struct node *to, const struct raftblk_msg *m);
void net_cut(struct node *from, struct node *to, bool cut);
void net_heal(void);
void net_node_up(struct node *n);
void net_node_down(struct node *n);
void net_packet_drop(struct event *ev);

/* ---- node.c: one machine ---- */

/* payload: the simulator's buffer; every one is on its node's list */
struct raftblk_payload {
	struct list_head link;
	struct node *node;
	u32 refs;
	u32 bytes;
	u8 data[];
};

/**
 * struct record - one record staged for the ring, in order of position
 */
struct record {
	u64 id;
	u64 pos;
	u64 sectors;
	u64 first;
	u32 nr;
	u64 durable_pos;
	bool done;
	u64 term[RAFTBLK_RECORD_MAX_ENTRIES];
};
#define NODE_RECORDS	256

/**
 * struct node - one machine
 * @life: goes up with every boot; what belongs to an earlier one is void
 * @exists: has a formatted disk
 * @up: the replica runs
 * @stopping: a clean stop is under way
 * @sh_term, @sh_last: check.c's copy of the log's terms
 * @dur_term, @dur_last: what the disk provably holds, by the simulator's own count
 */
struct node {
	u32 slot;
	u32 id;
	u32 life;
	bool exists;
	u32 disks;		/* how many it had before */
	u32 stood;		/* elections it stood in after it had left */
	bool up;
	bool stopping;
	bool paused;
	bool pause_in_run;	/* will be paused right after it has read the clock */
	u64 late_now;		/* 0, or what the clock said then */
	bool trapped;		/* loses its power with the next record on its way */
	bool behind;
	bool stale;
	bool left_out;		/* stays down for the first part of the end phase */
	bool rotten;		/* has lost records and not got them back yet */
	bool set_back;		/* its disk was set back to an older copy */
	bool impostor;		/* runs under the id that it had with another disk */
	u32 was;		/* that id, or 0 */
	bool scarred;		/* had: what is left of them may look like corruption again */
	struct disk disk;
	struct raftblk_super super;
	struct raftblk_replica rep;
	struct raftblk_entry *table;
	struct raftblk_vmap vmap;
	u64 *versions;
	struct raftblk_vmap_block *vmap_blocks;
	struct list_head payloads;
	u32 nr_io;
	struct raftblk_read_gate gate;	/* as the shell leaves it for reads */

	/* clock: local = base_local + (now - base_real) * ppm / 10^6 */
	u64 base_real, base_local, ppm;
	u64 tick_at;
	u64 tick_gen;
	u32 spins;
	struct event *deferred, **deferred_tail;

	/* check.c */
	u64 *sh_term;
	u64 *dur_term;
	u64 *voted;
	u64 sh_size, voted_size;
	u64 sh_first;
	u64 sh_head;		/* position of the oldest entry that was kept */
	u64 sh_last;
	u64 dur_last;
	u64 rot_last;		/* dur_last before the medium lost a record */
	u64 commit;
	u64 term;
	enum raft_role role;
	struct raftblk_config config;
	struct record rec[NODE_RECORDS];
	u64 rec_head, rec_tail;
	u64 stable_term;
	u32 stable_voted_for;
	u64 disk_ckpt_index;	/* applied_index of the newest checkpoint on disk */
	u64 disk_evidence;	/* this disk can prove that the ring was durable up to here */
	u64 flush_from;
	u64 flushed;		/* data area holds everything up to here for good */
	u64 applied_to;		/* everything up to here is applied */
	u64 *applied_set;	/* applied out of order: index, or 0 */
	u64 applying[RAFTBLK_APPLY_DEPTH * 2];
	u64 proof_index;
	bool incomplete;	/* says the newest checkpoint on disk */
	u64 boundary;		/* of the newest catch-up */
	u64 dropped;
	u64 told_size;		/* of the volume, when its disk was formatted */

	/* client.c */
	struct list_head ops;
	struct list_head waits;
	u32 nr_ops;
	u32 opens;
	bool opening;
	bool fenced;
	u64 session;
};

extern struct node node[SIM_NODES];

#define for_each_node(n) for ((n) = node; (n) < node + sim.set.nodes; (n)++)

/* Votes, and has no data area. */
static inline bool node_is_witness(const struct node *n)
{
	return sim.set.witness && n->slot == sim.set.nodes - 1;
}

void node_make(struct node *n, u32 slot);
void node_free(struct node *n);
void node_format(struct node *n, u32 id, const struct raftblk_config *config, u64 sectors);
void node_boot(struct node *n);
void node_wipe(struct node *n);
void node_incarnation(const struct node *n, u8 *to);
void node_power_cut(struct node *n);
void node_stop(struct node *n);
struct disk_op *io_new(struct node *n, enum disk_kind kind, u32 bytes,
		       void (*done)(struct disk_op *op));
void io_end(struct disk_op *op);
void node_pause(struct node *n);
void node_resume(struct node *n);
void node_drift(struct node *n);
u64 node_now(const struct node *n);
void node_run(struct node *n);
void node_run_at(struct node *n, u64 now);
void node_receive(struct node *n, u32 from, const u8 *bytes, u32 len);
void node_payloads_gone(struct node *n);
struct node *node_by_id(u32 id);
struct raftblk_payload *payload_new(struct node *n, u32 bytes);
struct raftblk_payload *payload_alloc(void *ctx, u32 bytes);
void payload_get(struct raftblk_payload *p);
void payload_put(struct raftblk_payload *p);
void *payload_map(struct raftblk_payload *p);

/* ---- chunk.c: version map and chunks ---- */

void chunk_read(struct node *n, const struct raftblk_chunk_io *io);
void chunk_write(struct node *n, const struct raftblk_chunk_io *io);
void vmap_write(struct node *n, u32 block);
void chunk_serve(struct node *n, const struct raftblk_chunk_io *io);
void chunk_hash(struct node *n, const struct raftblk_chunk_io *io);
void repair_look(struct node *n, const struct raftblk_chunk_io *io);
void repair_write(struct node *n, const struct raftblk_chunk_io *io);

/* ---- client.c: what uses the device ---- */

void client_reset(void);
void client_start(struct node *n);
void client_node_down(struct node *n);
void client_done(struct node *n, struct raftblk_req *req);
void client_looks_in(struct node *n);
void client_opened(struct node *n, struct raftblk_open *open);
void client_changed(struct node *n, struct raftblk_change *c);
void client_fenced(struct node *n);
void client_favour(struct node *n);
void client_open(struct node *n);
void client_close(struct node *n);
void client_write(struct node *n, u8 op, u64 sector, u32 nsect);
void client_read(struct node *n, u64 sector, u32 nsect);
void client_join(struct node *at, struct node *joiner, u32 replaces, bool learner);
void client_transfer(struct node *at, u32 to);
void client_set(struct node *at, u32 to, bool voter);
void client_remove(struct node *at, u32 id);
void client_resize(struct node *at, u64 sectors);
u8 *client_read_buf(struct raftblk_req *req);

/* ---- final.c: the end phase ---- */

void final_run(void);
/* Does the witness @w have all that @n lacks? */
bool witness_can_help(const struct node *w, const struct node *n);

/* ---- faults.c: the nemesis ---- */

enum fault {
	FAULT_CRASH, FAULT_ALL_CRASH, FAULT_CLEAN_RESTART, FAULT_PARTITION, FAULT_ONEWAY,
	FAULT_PAUSE, FAULT_SLOW_DISK, FAULT_DRIFT, FAULT_TRANSFER, FAULT_OWNER, FAULT_ROT,
	FAULT_KINDS,
};

void faults_start(void);
bool faults_flipped(u32 id, u64 sector, u64 nsect);
void faults_unflip(void);
void faults_verify(struct node *n, bool repair);
void faults_heal(void);
void faults_record_written(struct node *n);
void faults_catchup(struct node *n);
void faults_joined(struct node *n, bool stale);
void faults_alone(struct node *n, u64 gone);

struct node *random_node(bool up);
struct node *the_leader(void);
void fault_strike(struct event *ev);

/* ---- set_back.c: older copies of disks ---- */

void set_back_reset(void);
void set_back_start(void);
bool set_back_spares(const struct node *n);	/* @n must not lose its power now */

/* ---- blank.c: blank disks under old ids ---- */

void blank_reset(void);
void blank_start(void);
void blank_end(bool all);
void blank_wiped(const struct node *n);
bool blank_is_ghost(u32 id);
bool blank_had(u32 id, u64 index, u64 term);

/* ---- grow.c: a volume that grows ---- */

void node_grow(struct node *n, u64 sectors);
void grow_start(void);
void grow_step(struct node *n);
void grow_reset(void);
u64 grow_size_at(u64 index);
void grow_commit(u64 index, const struct raftblk_entry *e);
void grow_check(const struct node *n);

/* ---- oracle.c: what clients may see ---- */

/**
 * struct sight - what a read of a sector may not miss, as of its start
 * @floor: newest start of anything that had completed
 * @value: what that put or saw there
 * @floor2: newest start among those of any other value
 */
struct sight {
	u64 floor;
	u64 value;
	u64 floor2;
};

void oracle_reset(void);
void oracle_free(void);
u64 oracle_write(u64 session, u64 sector, u32 nsect, bool zero);	/* returns an id */
void oracle_fill(u64 id, u64 sector, u32 nsect, u8 *buf);
void oracle_write_done(u64 id, int status);
void oracle_new_owner(u64 session);
void oracle_read_begin(u64 sector, u32 nsect, struct sight *sight);
void oracle_read_done(u64 invoked, u64 sector, u32 nsect, const struct sight *sight,
		      const u8 *buf);
bool oracle_proposed(u64 id);		/* true if it was before */
void oracle_commit(const struct raftblk_entry *e, u64 id, u64 index);
const u8 *oracle_model(void);

/* ---- check.c: what must hold inside ---- */

/* A broken rule of the inside; with --blackbox only what clients see counts. */
#define LOST(...) do { if (!sim.blackbox) sim_fail(__VA_ARGS__); } while (0)

void check_reset(void);
void check_node(struct node *n);
void check_boot(struct node *n, const struct raftblk_recovered *found);
void check_down(struct node *n);
void check_send(struct node *n, const struct raftblk_msg *m);
void check_log_write(struct node *n, const struct raftblk_log_write *w, u64 sectors);
void check_log_landed(struct node *n, u64 id);
void check_vote_landed(struct node *n, const struct raftblk_vote *v);
void check_ckpt_write(struct node *n, const struct raftblk_ckpt *c);
void check_ckpt_landed(struct node *n, const struct raftblk_ckpt *c);
bool check_ckpt_begins(const struct node *n, const struct raftblk_ckpt *c);
void check_log_reset(struct node *n, u64 index, u64 term);
void shadow_grow(struct node *n, u64 want);
void check_caught_up(const struct node *n);
u64 check_committed_term(u64 index);
bool check_has_left(u32 id);
void check_apply(struct node *n, u64 index, const struct raftblk_entry *e);
void check_applied(struct node *n, u64 index);
u64 check_flush(struct node *n);
void check_done(struct node *n, const struct raftblk_req *req);
void check_everything(void);
u64 check_committed(void);
void check_vmap(const struct node *n, bool exact);
bool check_was_owner(u32 id, u64 token);
void check_free(void);

#endif /* SIM_H */
