/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A replica on an in-memory disk, for tests that look at single steps.  Writes
 * to the disk, applies and so on complete at once unless the test holds them
 * back; messages go to other worlds, or are kept for the test to look at.
 */
#ifndef REPLICA_WORLD_H
#define REPLICA_WORLD_H

#include "unit.h"
#include "../../kernel/core/replica.h"

#define W_RING_SECTORS	4096
#define W_VOLUME	2048
#define W_VOLUME_MAX	4096	/* what it can grow to */
#define W_ENTRIES	1024
#define W_EXTENT	64
#define W_MSGS		4096
#define W_HELD		128
/* More than any test needs, so one that goes in circles ends.  Of all members, in one test. */
#define W_ACTS_MAX	1000000
#define W_TIME_MAX	(1000 * RAFTBLK_NSEC_PER_SEC)
#define MS		RAFTBLK_NSEC_PER_MSEC

#define W1 (&world[1])
#define W2 (&world[2])
#define W3 (&world[3])
#define BIT_ACT(x) (1U << RAFTBLK_ACT_##x)

struct raftblk_payload {
	u32 refs;
	u32 bytes;
	u8 *data;
};

/**
 * struct world - one member and all there is around it
 * @hold: bit 1 << RAFTBLK_ACT_*: such actions do not complete by themselves
 * @held: those, in order
 * @fail: bit 1 << RAFTBLK_ACT_*: such actions fail with -EIO; REPAIR_LOOK: no block can be
 *	read; READ: what is not in memory
 * @unready: bit 1 << slot: no message can be sent to that member
 * @count: how many actions of each type there were
 * @msg: messages sent to members that are no worlds
 */
struct world {
	u32 id;
	u32 lives;
	bool up;
	bool cut;
	struct raftblk_replica rep;
	struct raftblk_super super;
	struct raftblk_replica_params params;
	struct raftblk_entry *slot;
	struct raftblk_vmap vmap;
	u64 version[2][W_VOLUME_MAX / W_EXTENT];	/* used in turn */
	struct raftblk_vmap_block vmap_block[2];
	u32 maps;
	u8 ring[W_RING_SECTORS * 512];
	u8 data[W_VOLUME_MAX * 512];
	u64 room;		/* sectors that the data area can have */
	struct raftblk_vote vote[2];
	struct raftblk_ckpt ckpt[2];
	u8 work[64 << 10];
	struct raftblk_recovered found;

	u32 hold, fail, unready;
	struct raftblk_action held[W_HELD];
	u32 nr_held;
	u32 count[RAFTBLK_ACT_GROW + 1];
	struct raftblk_msg msg[W_MSGS];
	u32 nr_msg;
	struct raftblk_pending_event event[256];
	u32 nr_event;
	struct raftblk_open *opened;	/* the last that ended */
	struct raftblk_change *changed;
};

extern struct world world[4];	/* world[id]; 0 is not used */
extern u64 now;

struct raftblk_payload *world_payload(u32 bytes, u8 fill);

void world_begin(void);
void world_end(void);		/* stops all, and fails the test if anything was wrong */
void world_make(u32 id, u32 voters);	/* formatted, not started */
void world_start(struct world *w);
void start_all(u32 n);		/* members 1 to n, all voters: made and started */
void world_crash(struct world *w);
void world_stop(struct world *w);
void world_run(struct world *w);
/* A held action is done; there has to be one. */
#define world_complete(w, i)	world_complete_at(__FILE__, __LINE__, w, i)
void world_complete_at(const char *file, int line, struct world *w, u32 i);
int world_held(const struct world *w, enum raftblk_action_type type, u64 index);

/* Let time pass, in steps of a millisecond, for all worlds. */
void pass(u64 ms);
/* Make it lead. */
void lead(struct world *w);

struct raftblk_req *submit(struct world *w, u8 op, u64 sector, u32 nsect, u8 fill);
int read_byte(struct world *w, u64 sector);	/* first byte of the sector; -1: not served */
/* The status, or 1 while it waits. */
int open_now(struct world *w, struct raftblk_open *open);
/* The same, after some time for it. */
int change_now(struct world *w, struct raftblk_change *c);
/* The request must have ended so; then it is gone. */
void ended(struct raftblk_req *req, int status);
/* How many data entries in its log begin at @sector? */
u32 entries_at(struct world *w, u64 sector);
u32 events(const struct world *w, enum raftblk_event_type type);

/* Does not end the test: what follows is of interest too. */
extern int world_failures;
#define check(cond) do { \
	if (!(cond)) { \
		printf("# %s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
		world_failures++; \
	} \
} while (0)

#define REPLICA_TEST(id, text) \
	static void replica_##id(void); \
	TEST(id, "replica: " text) \
	{ \
		world_begin(); \
		replica_##id(); \
		world_end(); \
	} \
	static void replica_##id(void)

#endif /* REPLICA_WORLD_H */
