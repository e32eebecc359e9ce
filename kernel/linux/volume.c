// SPDX-License-Identifier: GPL-2.0
/* Volumes: bringing a member up, tearing it down, finding it. */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "blk.h"
#include "debugfs.h"
#include "lower.h"
#include "net.h"
#include "volume.h"

#define MAX_MINOR		4096
#define RECOVERY_BUF_BYTES	(1U << 20)

/* Protects the table, RAFTBLK_VOL_UP and the generation. */
static DEFINE_MUTEX(raftblk_volumes_lock);
static LIST_HEAD(raftblk_volumes);	/* by minor */
static u32 raftblk_generation = 1;

/* Objects, also those that are down and wait for their last opener. */
static atomic_t raftblk_nr_objects;
static DECLARE_WAIT_QUEUE_HEAD(raftblk_no_objects);

/* The object */

static void volume_free_rcu(struct rcu_head *rcu)
{
	struct raftblk_volume *vol = container_of(rcu, struct raftblk_volume, rcu);

	if (vol->worker)
		put_task_struct(vol->worker);
	kfree(vol->disk);
	kfree(vol->path);
	kfree_sensitive(vol);
	if (atomic_dec_and_test(&raftblk_nr_objects))
		wake_up(&raftblk_no_objects);
}

/*
 * Through RCU: the end of an I/O hands it over and then kicks the worker, and
 * the volume may have gone in between (see raftblk_io_end()).
 */
static void volume_release(struct kref *kref)
{
	struct raftblk_volume *vol = container_of(kref, struct raftblk_volume, kref);

	call_rcu(&vol->rcu, volume_free_rcu);
}

void raftblk_volume_get(struct raftblk_volume *vol)
{
	kref_get(&vol->kref);
}

void raftblk_volume_put(struct raftblk_volume *vol)
{
	kref_put(&vol->kref, volume_release);
}

/*
 * The block layer drops an opener's reference to the module before it frees the
 * disk, and with it the volume; so the module's exit looks for itself whether
 * everything has gone.
 */
void raftblk_volume_exit(void)
{
	wait_event(raftblk_no_objects, !atomic_read(&raftblk_nr_objects));
	rcu_barrier();		/* the callback that freed the last one has returned */
}

static struct raftblk_volume *volume_alloc(const char *path)
{
	struct raftblk_volume *vol = kzalloc(sizeof(*vol), GFP_KERNEL);

	if (!vol)
		return NULL;
	vol->path = kstrdup(path, GFP_KERNEL);
	if (!vol->path) {
		kfree(vol);
		return NULL;
	}
	atomic_inc(&raftblk_nr_objects);
	kref_init(&vol->kref);
	INIT_LIST_HEAD(&vol->link);
	mutex_init(&vol->admin_lock);
	init_llist_head(&vol->submitted);
	init_llist_head(&vol->ended);
	INIT_LIST_HEAD(&vol->inbox);
	spin_lock_init(&vol->inbox_lock);
	spin_lock_init(&vol->state_lock);
	return vol;
}

/* The table */

static int table_conflict(const struct raftblk_super *s, struct netlink_ext_ack *extack)
{
	struct raftblk_volume *vol;

	list_for_each_entry(vol, &raftblk_volumes, link) {
		if (!memcmp(vol->super.uuid, s->uuid, sizeof(s->uuid))) {
			NL_SET_ERR_MSG(extack, "a member of this volume is up on this node already");
			return -EEXIST;
		}
		if (!strcmp(vol->super.name, s->name)) {
			NL_SET_ERR_MSG(extack, "another volume of this name is up");
			return -EEXIST;
		}
	}
	return 0;
}

/* Where in the list @minor belongs: the first with a higher one, or the head. */
static struct list_head *table_place(u32 minor)
{
	struct raftblk_volume *vol;

	list_for_each_entry(vol, &raftblk_volumes, link)
		if (vol->minor > minor)
			return &vol->link;
	return &raftblk_volumes;
}

static bool minor_taken(u32 minor)
{
	struct raftblk_volume *vol;

	list_for_each_entry(vol, &raftblk_volumes, link)
		if (vol->minor == minor)
			return true;
	return false;
}

/* Reserve name, uuid and a minor.  Nobody finds the volume yet. */
static int table_insert(struct raftblk_volume *vol, struct netlink_ext_ack *extack)
{
	u32 minor = vol->super.minor;
	int err;

	mutex_lock(&raftblk_volumes_lock);
	err = table_conflict(&vol->super, extack);
	if (err)
		goto out;
	if (minor >= MAX_MINOR || minor_taken(minor))
		for (minor = 0; minor < MAX_MINOR && minor_taken(minor); minor++)
			;
	if (minor == MAX_MINOR) {
		NL_SET_ERR_MSG(extack, "too many volumes are up on this node");
		err = -ENOSPC;
		goto out;
	}
	vol->minor = minor;
	list_add_tail(&vol->link, table_place(minor));
out:
	mutex_unlock(&raftblk_volumes_lock);
	return err;
}

static void table_set_up(struct raftblk_volume *vol, bool up)
{
	mutex_lock(&raftblk_volumes_lock);
	if (up)
		set_bit(RAFTBLK_VOL_UP, &vol->flags);
	else
		clear_bit(RAFTBLK_VOL_UP, &vol->flags);
	if (!++raftblk_generation)
		raftblk_generation++;
	mutex_unlock(&raftblk_volumes_lock);
}

static void table_remove(struct raftblk_volume *vol)
{
	mutex_lock(&raftblk_volumes_lock);
	list_del_init(&vol->link);
	mutex_unlock(&raftblk_volumes_lock);
}

u32 raftblk_volume_generation(void)
{
	u32 generation;

	mutex_lock(&raftblk_volumes_lock);
	generation = raftblk_generation;
	mutex_unlock(&raftblk_volumes_lock);
	return generation;
}

static bool match_name(const struct raftblk_volume *vol, const void *key)
{
	return !strcmp(vol->super.name, key);
}

static bool match_minor(const struct raftblk_volume *vol, const void *key)
{
	return vol->minor == *(const u32 *)key;
}

static bool match_uuid(const struct raftblk_volume *vol, const void *key)
{
	return !memcmp(vol->super.uuid, key, sizeof(vol->super.uuid));
}

static bool match_above(const struct raftblk_volume *vol, const void *key)
{
	return vol->minor > *(const s64 *)key;
}

static struct raftblk_volume *table_find(bool (*match)(const struct raftblk_volume *vol,
						       const void *key), const void *key)
{
	struct raftblk_volume *vol, *found = NULL;

	mutex_lock(&raftblk_volumes_lock);
	list_for_each_entry(vol, &raftblk_volumes, link) {
		if (test_bit(RAFTBLK_VOL_UP, &vol->flags) && match(vol, key)) {
			raftblk_volume_get(vol);
			found = vol;
			break;
		}
	}
	mutex_unlock(&raftblk_volumes_lock);
	return found;
}

struct raftblk_volume *raftblk_volume_find_by_name(const char *name)
{
	return table_find(match_name, name);
}

struct raftblk_volume *raftblk_volume_find_by_minor(u32 minor)
{
	return table_find(match_minor, &minor);
}

struct raftblk_volume *raftblk_volume_find_by_uuid(const u8 *uuid)
{
	return table_find(match_uuid, uuid);
}

struct raftblk_volume *raftblk_volume_next(s64 minor)
{
	return table_find(match_above, &minor);
}

/* Reading what is on the lower device */

/* Copy A, or B where A does not read well. */
static int read_super(struct raftblk_volume *vol, void *buf, struct netlink_ext_ack *extack)
{
	const char *why = "the superblock cannot be read";
	int err, first_err = 0, i;

	for (i = 0; i < 2; i++) {
		err = raftblk_lower_read_sync(vol, RAFTBLK_SUPER_SECTOR(i), buf, RAFTBLK_META_BYTES);
		if (!err)
			err = raftblk_super_decode(&vol->super, buf, &why);
		if (!err)
			break;
		if (!first_err || first_err == -ENODATA)
			first_err = err;
	}
	if (err) {
		raftblk_extack(extack, why);
		return first_err;
	}
	vol->super_copy = i;
	return 0;
}

/* Only when the member is known to be good: what is refused is not touched. */
static void restore_super(struct raftblk_volume *vol, void *buf)
{
	int err;

	if (!vol->super_copy)
		return;
	err = raftblk_lower_read_sync(vol, RAFTBLK_SUPER_SECTOR(1), buf, RAFTBLK_META_BYTES);
	if (!err)
		err = raftblk_lower_write_sync(vol, RAFTBLK_SUPER_SECTOR(0), buf,
					       RAFTBLK_META_BYTES);
	if (err)
		pr_warn("raftblk: %s: superblock A does not read well, and cannot be restored: error %d\n",
			vol->path, -err);
	else
		pr_warn("raftblk: %s: superblock A does not read well, restored from B\n",
			vol->path);
}

/* Do the superblock's places lie on this device, and fit its sectors? */
static int check_geometry(struct raftblk_volume *vol, struct netlink_ext_ack *extack)
{
	const struct raftblk_super *s = &vol->super;
	struct raftblk_lower_info info;

	raftblk_lower_info(vol, &info);
	if (s->ring_start + s->ring_sectors > info.sectors ||
	    s->data_start + s->data_sectors > info.sectors) {
		NL_SET_ERR_MSG(extack, "the device is smaller than its superblock says");
		return -ENOSPC;
	}
	if (s->block_size < info.logical_block_size || s->log_align < info.logical_block_size ||
	    ((s->data_start << SECTOR_SHIFT) & (info.logical_block_size - 1))) {
		NL_SET_ERR_MSG(extack,
			       "the device has larger sectors than the one this member was made on");
		return -EINVAL;
	}
	return 0;
}

/*
 * A slot whose CRC is wrong was torn, and never answered for: the other one holds.
 * One that cannot be read at all may hold a vote that was given; to go on from the
 * one before would be to vote twice.
 */
static int read_vote(struct raftblk_volume *vol, void *buf, struct raftblk_vote *vote,
		     struct netlink_ext_ack *extack)
{
	struct raftblk_vote v;
	bool found = false;
	int g, err;

	for (g = 0; g < 2; g++) {
		err = raftblk_lower_read_sync(vol, RAFTBLK_VOTE_SECTOR(g), buf, RAFTBLK_META_BYTES);
		if (err) {
			NL_SET_ERR_MSG(extack,
				       "a vote slot cannot be read: what this member promised is not known");
			return err;
		}
		if (raftblk_vote_decode(&v, vol->super.uuid, buf))
			continue;
		if (!found || v.generation > vote->generation)
			*vote = v;
		found = true;
	}
	if (found)
		return 0;
	NL_SET_ERR_MSG(extack, "neither vote slot reads well: what this member promised is lost");
	return -EUCLEAN;
}

static int read_ckpt(struct raftblk_volume *vol, void *buf, struct raftblk_ckpt *ckpt,
		     struct netlink_ext_ack *extack)
{
	struct raftblk_ckpt *c = kmalloc(sizeof(*c), GFP_KERNEL);
	bool found = false;
	int g;

	if (!c)
		return -ENOMEM;
	for (g = 0; g < 2; g++) {
		if (raftblk_lower_read_sync(vol, RAFTBLK_CKPT_SECTOR(g), buf, RAFTBLK_META_BYTES) ||
		    raftblk_ckpt_decode(c, vol->super.uuid, buf))
			continue;
		if (!found || c->generation > ckpt->generation)
			*ckpt = *c;
		found = true;
	}
	kfree(c);
	if (found)
		return 0;
	NL_SET_ERR_MSG(extack, "neither checkpoint slot reads well");
	return -EUCLEAN;
}

static int check_ckpt(struct raftblk_volume *vol, const struct raftblk_ckpt *ckpt,
		      struct netlink_ext_ack *extack)
{
	const struct raftblk_super *s = &vol->super;

	if (ckpt->volume_sectors && ckpt->volume_sectors <= s->data_sectors &&
	    !(ckpt->volume_sectors & ((s->block_size >> SECTOR_SHIFT) - 1)))
		return 0;
	NL_SET_ERR_MSG(extack, "the size of the volume does not fit this member's data area");
	return -EUCLEAN;
}

static int ring_read(void *ctx, u64 sector, u32 nsect, void *buf)
{
	struct raftblk_volume *vol = ctx;

	return raftblk_lower_read_sync(vol, vol->super.ring_start + sector, buf,
				       nsect << SECTOR_SHIFT);
}

static void tell_recovered(struct raftblk_volume *vol, const struct raftblk_recovered *found)
{
	const struct raftblk_replica *rep = &vol->replica;

	vol_info(vol, "node %u on %s: applied %llu, log %llu to %llu, term %llu\n",
		 vol->super.node_id, vol->path, rep->applied, rep->log.first, rep->log.last,
		 rep->raft.term);
	if (found->torn)
		vol_info(vol, "an unfinished record at the end of the log was dropped\n");
	/* Usual: their place was used again after the last checkpoint. */
	if (found->discarded)
		vol_dbg(vol, "old records kept for others were dropped\n");
	if (found->corrupt_index)
		vol_err(vol, "the log is damaged at entry %llu: %s; does not vote before it has been fetched again\n",
			found->corrupt_index, found->why ?: "unreadable");
}

static int start_replica(struct raftblk_volume *vol, const struct raftblk_vote *vote,
			 const struct raftblk_ckpt *ckpt, struct netlink_ext_ack *extack)
{
	const struct raftblk_replica_params params = RAFTBLK_REPLICA_PARAMS_DEFAULT;
	struct raftblk_recovered found = {};
	struct raftblk_reader reader = {
		.read = ring_read,
		.ctx = vol,
		.buf_bytes = RECOVERY_BUF_BYTES,
	};
	struct raftblk_payload_ops ops;
	int err;

	vol->slot = kvcalloc(vol->super.max_entries, sizeof(*vol->slot), GFP_KERNEL);
	reader.buf = vmalloc(RECOVERY_BUF_BYTES);
	if (!vol->slot || !reader.buf) {
		err = -ENOMEM;
		goto err_free;
	}
	raftblk_payload_fill_ops(&ops, vol);
	err = raftblk_replica_init(&vol->replica, &vol->super, vote, ckpt, &params, &ops,
				   vol->slot, &reader, NULL, raftblk_now(), get_random_u64(), &found);
	if (err) {
		raftblk_extack(extack, found.why ?: "the log cannot be recovered");
		goto err_free;
	}
	vfree(reader.buf);
	tell_recovered(vol, &found);
	return 0;

err_free:
	vfree(reader.buf);
	kvfree(vol->slot);
	vol->slot = NULL;
	return err;
}

static void stop_replica(struct raftblk_volume *vol)
{
	raftblk_replica_exit(&vol->replica);
	kvfree(vol->slot);
	vol->slot = NULL;
}

/* Read vote and checkpoint and start from them. */
static int load_replica(struct raftblk_volume *vol, void *buf, struct netlink_ext_ack *extack)
{
	struct raftblk_ckpt *ckpt = kzalloc(sizeof(*ckpt), GFP_KERNEL);
	struct raftblk_vote vote;
	int err;

	if (!ckpt)
		return -ENOMEM;
	err = read_vote(vol, buf, &vote, extack);
	if (!err)
		err = read_ckpt(vol, buf, ckpt, extack);
	if (!err)
		err = check_ckpt(vol, ckpt, extack);
	if (!err)
		err = start_replica(vol, &vote, ckpt, extack);
	kfree(ckpt);
	return err;
}

/* Up */

/* From here on others can reach the volume: peers, then users. */
static int go_public(struct raftblk_volume *vol, struct netlink_ext_ack *extack)
{
	struct raftblk_state state;
	int err;

	err = raftblk_net_start(vol, extack);
	if (err)
		return err;
	err = raftblk_worker_start(vol);
	if (err)
		goto err_net;
	err = raftblk_blk_add(vol, extack);
	if (err)
		goto err_worker;
	raftblk_debugfs_add(vol);
	table_set_up(vol, true);
	/* The event may have come before the disk was there. */
	raftblk_volume_state(vol, &state, NULL);
	if (state.leader)
		raftblk_blk_changed(vol);
	return 0;

err_worker:
	set_bit(RAFTBLK_VOL_DYING, &vol->flags);
	raftblk_worker_quiesce(vol);
	raftblk_worker_stop(vol);
err_net:
	raftblk_net_stop(vol);
	return err;
}

static int volume_start(struct raftblk_volume *vol, void *buf, struct netlink_ext_ack *extack)
{
	int err;

	err = raftblk_lower_open(vol, vol->path, extack);
	if (err)
		return err;
	/*
	 * What is read from here on counts as durable, and may be acknowledged.
	 * Written by an earlier life that ended without a power cut, it may still
	 * be in the device's cache, and would be lost with the next one.
	 */
	err = raftblk_lower_flush_sync(vol);
	if (err)
		NL_SET_ERR_MSG(extack, "the lower device's write cache cannot be flushed");
	else
		err = read_super(vol, buf, extack);
	if (!err)
		err = check_geometry(vol, extack);
	if (!err)
		err = table_insert(vol, extack);
	if (err)
		goto err_lower;
	err = raftblk_payload_pool_init(&vol->pool, vol);
	if (err)
		goto err_table;
	err = load_replica(vol, buf, extack);
	if (err)
		goto err_pool;
	restore_super(vol, buf);
	err = raftblk_blk_alloc(vol, extack);
	if (err)
		goto err_replica;
	/* While it is up the module cannot be unloaded; volume_stop() lets go. */
	err = -ENODEV;
	if (!try_module_get(THIS_MODULE))
		goto err_blk;
	err = go_public(vol, extack);
	if (err)
		goto err_module;
	return 0;

err_module:
	module_put(THIS_MODULE);
err_blk:
	raftblk_blk_free(vol);
err_replica:
	stop_replica(vol);
err_pool:
	raftblk_payload_pool_exit(&vol->pool);
err_table:
	table_remove(vol);
err_lower:
	raftblk_lower_close(vol);
	return err;
}

int raftblk_volume_up(const char *path, struct netlink_ext_ack *extack,
		      struct raftblk_volume **out)
{
	struct raftblk_volume *vol = volume_alloc(path);
	void *buf = kmalloc(RAFTBLK_META_BYTES, GFP_KERNEL);
	int err = -ENOMEM;

	if (vol && buf) {
		mutex_lock(&vol->admin_lock);
		err = volume_start(vol, buf, extack);
		mutex_unlock(&vol->admin_lock);
	}
	kfree_sensitive(buf);
	if (err) {
		if (vol)
			raftblk_volume_put(vol);
		return err;
	}
	raftblk_volume_get(vol);	/* the one from alloc is the table's */
	*out = vol;
	return 0;
}

/* Down */

/*
 * Why nothing can still arrive when the pieces are taken apart:
 *
 * 1. The gate is closed: no open succeeds any more (and nobody has it open,
 *    unless forced).  The volume is not found any more; who found it before
 *    holds a reference, and what he posts is answered with -ESHUTDOWN.
 * 2. quiesce: the replica ends all requests, opens and changes, begins nothing
 *    new, and is given no messages.  The worker goes on ending what comes.
 * 3. del_gendisk() waits until no request is left.  From here on queue_rq is
 *    not called.  (Before 2 it would wait for ever on a frozen volume.)
 * 4. The worker ends when nothing is on its way to the lower device, so no bio
 *    of ours is left; it closes the inbox.  Nobody touches the replica now.
 * 5. net_stop: no socket callback and no work of the connections is left, and
 *    with it no kick.  Late kicks find an ended task, which is kept.
 * 6. With the worker and net gone, all payloads belong to the replica: exit
 *    drops them, and the pool is whole again.
 */
static void volume_stop(struct raftblk_volume *vol)
{
	table_set_up(vol, false);
	raftblk_debugfs_remove(vol);
	raftblk_worker_quiesce(vol);
	raftblk_blk_remove(vol);
	raftblk_worker_stop(vol);
	raftblk_net_stop(vol);
	stop_replica(vol);
	raftblk_payload_pool_exit(&vol->pool);
	raftblk_lower_close(vol);
	table_remove(vol);
	raftblk_blk_put(vol);
	raftblk_volume_put(vol);	/* the table's */
	module_put(THIS_MODULE);	/* the caller's handler is waited for by netlink_exit() */
}

int raftblk_volume_down(struct raftblk_volume *vol, bool force, struct netlink_ext_ack *extack)
{
	int err;

	mutex_lock(&vol->admin_lock);
	if (test_bit(RAFTBLK_VOL_DYING, &vol->flags)) {
		NL_SET_ERR_MSG(extack, "the volume is down already");
		err = -ENODEV;
		goto out;
	}
	err = raftblk_blk_close_gate(vol, force);
	if (err == -EBUSY)
		NL_SET_ERR_MSG(extack, "the device is open; close it first, or use force");
	if (!err)
		volume_stop(vol);
out:
	mutex_unlock(&vol->admin_lock);
	return err;
}
