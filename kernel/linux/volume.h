/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A volume on this node: the replica, its worker, its lower device, its disk
 * and its connections.
 *
 * The replica (and with it all state of the core) belongs to the volume's
 * worker, one kthread.  Others reach it only through the lists below and
 * raftblk_volume_kick(), or read the copy in raftblk_volume_state().
 *
 * Lock order:
 *	the netlink socket of whoever asks for a dump (netlink_wait.c)
 *	  vol->admin_lock		up and down of one volume
 *	    disk->open_mutex		the block layer's; open, release
 *	    raftblk_volumes_lock	table of volumes, generation
 *	    vol->inbox_lock		tasks on their way to the worker
 *	    vol->state_lock		vol->state, vol->config
 * The last three are leaves.  The worker takes no lock that is held by anybody
 * who waits for the worker.
 */
#ifndef RAFTBLK_VOLUME_H
#define RAFTBLK_VOLUME_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/netlink.h>
#include <linux/rcupdate.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>

#include "../core/replica.h"
#include "payload.h"

struct raftblk_disk;
struct raftblk_lower;
struct raftblk_net;
struct task_struct;

/**
 * struct raftblk_state - what others may know of a replica at any time
 *
 * A copy the worker makes after each round in which something changed.
 */
struct raftblk_state {
	enum raft_role role;
	u64 term;
	u32 leader;		/* node id, 0: unknown */
	u32 owner;		/* node id, 0: none */
	u64 token;		/* of @owner */
	u64 first;		/* log */
	u64 last;
	u64 durable;
	u64 commit;
	u64 applied;
	u64 volume_sectors;
	u32 openers;		/* writers here that were let in */
	u32 log_usage;		/* percent */
	bool writer;		/* raftblk_replica_is_writer() */
	bool fenced;
	bool proving;		/* may have lost acknowledged entries, does not vote yet */
	bool behind;		/* the leader's log no longer reaches back far enough */
	bool incomplete;	/* its data area is not the volume's yet: it catches up by extents */
	bool removed;		/* has left the volume */
	int fault;		/* 0, or -errno: the member has stopped */
};

/**
 * struct raftblk_published_gate - struct raftblk_read_gate, for other processors to look at
 *
 * Each read looks at it, so it is in a cache line of its own and written when it changes.
 */
struct raftblk_published_gate {
	atomic64_t term;
	atomic64_t until;
	bool clean;
} ____cacheline_aligned_in_smp;

/* Counters; the worker's, readers take what they see. */
struct raftblk_stats {
	u64 reads, read_bytes;
	u64 writes, write_bytes;
	u64 discards, discard_bytes;
	u64 errors;
	u64 log_writes, log_write_bytes;
	u64 log_reads, log_read_bytes;
	u64 applies, apply_bytes;
	u64 flushes, votes, checkpoints;
	u64 fetches, fetch_bytes;	/* chunks of other members written here */
	u64 serves, serve_bytes;	/* chunks read for other members, content sent */
	u64 rounds;		/* of the worker */
};

/* bits of struct raftblk_volume.flags */
#define RAFTBLK_VOL_KICKED	0	/* the worker has something to look at */
#define RAFTBLK_VOL_DYING	1	/* being torn down: nothing new is let in */
#define RAFTBLK_VOL_STOPPED	2	/* raftblk_replica_stop() has been called */
#define RAFTBLK_VOL_UP		3	/* in the table for others to find; raftblk_volumes_lock */
#define RAFTBLK_VOL_REMOVED	4	/* a peer says so; for the worker */

/**
 * struct raftblk_volume - see above
 * @kref: holders: the table (while the volume is up), the disk (until its last
 *	opener has closed it), whoever found it in the table
 * @link: in the table; raftblk_volumes_lock
 * @admin_lock: held while the volume is brought up or torn down
 * @flags: RAFTBLK_VOL_*
 * @minor: N of /dev/raftblkN
 * @super: as read at start; while the volume is up only data_sectors changes, by the worker
 * @super_copy: which copy of the superblock was read (for messages)
 * @ns: network namespace of whoever brought it up, held
 * @path: the lower device, as given; for messages and status
 * @replica: the worker's
 * @vmap: the worker's; without arrays where the superblock has no place for a map
 * @hash_key: for hashes of blocks that members compare
 * @net: net.c's
 * @netlink: netlink.c's, to use as it likes (worker context)
 * @lower: lower.c's
 * @disk: blk.c's
 * @worker: the kthread
 * @behind: the worker's, for state.behind
 * @submitted: struct raftblk_blk_req from queue_rq
 * @ended: struct raftblk_io from bio completions
 * @inbox: struct raftblk_task: calls, changes, opens, closes
 * @inbox_lock: protects @inbox and @inbox_closed; taken from any context
 * @inbox_closed: the worker has gone; nothing is accepted any more
 * @gate: the worker's, for reads that go past it: raftblk_volume_gate()
 * @direct_reads, @direct_read_bytes: these
 * @state, @config: copies for readers, see raftblk_volume_state()
 * @config_settled: the worker's: @config is committed
 * @parted: the worker's: this member was removed, and @net knows
 * @state_lock: protects both
 */
struct raftblk_volume {
	struct kref kref;
	struct rcu_head rcu;
	struct list_head link;
	struct mutex admin_lock;
	unsigned long flags;
	u32 minor;
	struct raftblk_super super;
	u8 super_copy;
	struct net *ns;
	char *path;

	struct raftblk_replica replica;
	struct raftblk_entry *slot;
	struct raftblk_vmap vmap;
	siphash_key_t hash_key;
	struct raftblk_net *net;
	void *netlink;
	struct raftblk_lower *lower;
	struct raftblk_disk *disk;
	struct raftblk_payload_pool pool;
	struct raftblk_stats stats;

	struct task_struct *worker;
	bool behind;
	struct llist_head submitted;
	struct llist_head ended;
	struct list_head inbox;
	spinlock_t inbox_lock;
	bool inbox_closed;

	struct raftblk_published_gate gate;
	atomic64_t direct_reads ____cacheline_aligned_in_smp;
	atomic64_t direct_read_bytes;

	spinlock_t state_lock;
	struct raftblk_state state;
	struct raftblk_config config;
	bool config_settled;
	bool parted;
	struct dentry *debugfs;
};

#define vol_err(vol, fmt, ...) \
	pr_err("raftblk%u (%s): " fmt, (vol)->minor, (vol)->super.name, ##__VA_ARGS__)
#define vol_warn(vol, fmt, ...) \
	pr_warn("raftblk%u (%s): " fmt, (vol)->minor, (vol)->super.name, ##__VA_ARGS__)
#define vol_warn_ratelimited(vol, fmt, ...) \
	pr_warn_ratelimited("raftblk%u (%s): " fmt, (vol)->minor, (vol)->super.name, ##__VA_ARGS__)
#define vol_err_ratelimited(vol, fmt, ...) \
	pr_err_ratelimited("raftblk%u (%s): " fmt, (vol)->minor, (vol)->super.name, ##__VA_ARGS__)
#define vol_warn_ratelimited(vol, fmt, ...) \
	pr_warn_ratelimited("raftblk%u (%s): " fmt, (vol)->minor, (vol)->super.name, ##__VA_ARGS__)
#define vol_dbg(vol, fmt, ...) \
	pr_debug("raftblk%u (%s): " fmt, (vol)->minor, (vol)->super.name, ##__VA_ARGS__)
#define vol_info(vol, fmt, ...) \
	pr_info("raftblk%u (%s): " fmt, (vol)->minor, (vol)->super.name, ##__VA_ARGS__)

/* Has this member no data area?  Then nobody opens the device here. */
static inline bool raftblk_volume_is_witness(const struct raftblk_volume *vol)
{
	return !vol->super.data_sectors;
}

/* The worker's and those that went past it. */
static inline u64 raftblk_volume_reads(const struct raftblk_volume *vol)
{
	return vol->stats.reads + atomic64_read(&vol->direct_reads);
}

static inline u64 raftblk_volume_read_bytes(const struct raftblk_volume *vol)
{
	return vol->stats.read_bytes + atomic64_read(&vol->direct_read_bytes);
}

/* The clock of the core: runs through suspend. */
static inline u64 raftblk_now(void)
{
	return ktime_get_boottime_ns();
}

/* An extack sentence that is not a literal at this place; must be a constant string. */
static inline void raftblk_extack(struct netlink_ext_ack *extack, const char *why)
{
	if (extack)
		extack->_msg = why;
}

/* volume.c */

/**
 * raftblk_volume_up() - bring a member up from its lower device
 * @path: the device
 * @out: one reference, the caller's
 *
 * Return: 0 or -errno with a sentence in @extack: -EBUSY (device in use),
 * -ENODATA, -EBADMSG, -EOPNOTSUPP (see raftblk_super_decode()), -EEXIST (name
 * or uuid is up already), -ENOSPC (device smaller than the superblock says), ...
 * Context: may sleep.
 */
int raftblk_volume_up(const char *path, struct netlink_ext_ack *extack,
		      struct raftblk_volume **out);

/**
 * raftblk_volume_down() - tear a member down; does not touch what is on disk
 * @force: even if the device is open: I/O ends with EIO from then on, the disk
 *	goes, and the object lives until its last opener has closed it
 *
 * Return: 0; -EBUSY: open, and not @force; -ENODEV: somebody else is at it.
 * The caller keeps its reference.
 * Context: may sleep; not from the worker.
 */
int raftblk_volume_down(struct raftblk_volume *vol, bool force,
			struct netlink_ext_ack *extack);

/* These take a reference; NULL if there is none. */
struct raftblk_volume *raftblk_volume_find_by_name(const char *name);
struct raftblk_volume *raftblk_volume_find_by_minor(u32 minor);
struct raftblk_volume *raftblk_volume_find_by_uuid(const u8 *uuid);
/* The one of the lowest minor above @minor; -1 to begin.  For dumps. */
struct raftblk_volume *raftblk_volume_next(s64 minor);
/* Changes whenever a volume comes or goes.  Never 0 (cb->seq). */
u32 raftblk_volume_generation(void);

/* May free, through RCU; any context. */
void raftblk_volume_put(struct raftblk_volume *vol);
void raftblk_volume_get(struct raftblk_volume *vol);

/* Any context. */
void raftblk_volume_gate(struct raftblk_volume *vol, struct raftblk_read_gate *gate);

/* Copies of vol->state, vol->config; either may be NULL.  Process context or softirq. */
void raftblk_volume_state(struct raftblk_volume *vol, struct raftblk_state *state,
			  struct raftblk_config *config);

/* Module exit: wait until the last object has been freed. */
void raftblk_volume_exit(void);

/* worker.c */

int raftblk_worker_start(struct raftblk_volume *vol);

/* Has the worker call raftblk_replica_stop() and wait until it has nothing left. */
void raftblk_worker_quiesce(struct raftblk_volume *vol);

/* A peer that has proved to be one says that this member was removed.  Any context. */
void raftblk_volume_removed(struct raftblk_volume *vol);

/* Ends the kthread; nothing may be on its way to it but calls, which end with -ESHUTDOWN. */
void raftblk_worker_stop(struct raftblk_volume *vol);

/* Have the worker look at its lists.  Any context, also hard interrupts. */
void raftblk_volume_kick(struct raftblk_volume *vol);

/**
 * struct raftblk_task - something for the worker to do once
 * @fn: called in the worker; @stopped: the volume is going, do nothing but end it.
 *	May free the task.
 */
struct raftblk_task {
	struct list_head link;
	void (*fn)(struct raftblk_volume *vol, struct raftblk_task *task, bool stopped);
};

/* 0, or -ESHUTDOWN and @task->fn is not called.  Any context. */
int raftblk_volume_post(struct raftblk_volume *vol, struct raftblk_task *task);

/**
 * raftblk_volume_call() - run a function in the worker and wait for its end
 *
 * Return: 0: it ran; -ESHUTDOWN: the volume is going, it did not run and never
 * will; -EINTR: killed, likewise; -ENOMEM.
 * Context: may sleep; not from the worker.
 */
int raftblk_volume_call(struct raftblk_volume *vol,
			void (*fn)(struct raftblk_volume *vol, void *arg), void *arg);

/**
 * struct raftblk_volume_change - a change of membership or leadership
 * @change: kind, member or to, and deadline (absolute, raftblk_now()) filled in
 *	by the caller; the outcome is in status, leader and member.id
 * @done: called in the worker when it is over (status -ESHUTDOWN if the volume
 *	went).  May free the change.
 */
struct raftblk_volume_change {
	struct raftblk_task task;
	struct raftblk_change change;
	void (*done)(struct raftblk_volume *vol, struct raftblk_volume_change *vc);
};

/* 0, or -ESHUTDOWN and @vc->done is not called.  Any context. */
int raftblk_volume_change_async(struct raftblk_volume *vol, struct raftblk_volume_change *vc);

/**
 * raftblk_volume_change() - submit a change and wait for its end
 * @c: kind, member or to; on return also status, leader and member.id
 * @timeout_ms: the replica gives up then, with -ETIMEDOUT
 *
 * Return: @c->status; -EINTR: killed, the change may still come about; -ENOMEM.
 * Context: may sleep; not from the worker.
 */
int raftblk_volume_change(struct raftblk_volume *vol, struct raftblk_change *c,
			  u32 timeout_ms);

#endif /* RAFTBLK_VOLUME_H */
