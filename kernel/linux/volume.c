// SPDX-License-Identifier: GPL-2.0
/* Volumes: bringing a member up, tearing it down, finding it. */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "blk.h"
#include "debugfs.h"
#include "load.h"
#include "lower.h"
#include "net.h"
#include "volume.h"

#define MAX_MINOR		4096

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
	put_net(vol->ns);
	kfree(vol->path);
	kvfree_sensitive(vol, sizeof(*vol));
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
	struct raftblk_volume *vol = kvzalloc(sizeof(*vol), GFP_KERNEL);

	if (!vol)
		return NULL;
	vol->path = kstrdup(path, GFP_KERNEL);
	if (!vol->path) {
		kvfree(vol);
		return NULL;
	}
	atomic_inc(&raftblk_nr_objects);
	kref_init(&vol->kref);
	vol->ns = get_net(current->nsproxy->net_ns);
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
	raftblk_lower_grow_stop(vol);
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
		err = raftblk_load_super(vol, buf, extack);
	if (!err)
		err = table_insert(vol, extack);
	if (err)
		goto err_lower;
	err = raftblk_payload_pool_init(&vol->pool, vol);
	if (err)
		goto err_table;
	err = raftblk_load_replica(vol, buf, extack);
	if (err)
		goto err_pool;
	raftblk_load_restore_super(vol, buf);
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
	raftblk_unload_replica(vol);
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
		/*
		 * The reference from alloc is the table's now.  The caller's has to be there
		 * before whoever finds the volume may take it down again.
		 */
		if (!err)
			raftblk_volume_get(vol);
		mutex_unlock(&vol->admin_lock);
	}
	kfree_sensitive(buf);
	if (err) {
		if (vol)
			raftblk_volume_put(vol);
		return err;
	}
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
 *    Room that is being made for a larger volume is given up, and told to the worker.
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
	raftblk_lower_grow_stop(vol);
	raftblk_worker_stop(vol);
	raftblk_net_stop(vol);
	raftblk_unload_replica(vol);
	raftblk_payload_pool_exit(&vol->pool);
	raftblk_lower_close(vol);
	table_remove(vol);
	raftblk_blk_put(vol);
	raftblk_volume_put(vol);	/* the table's */
	module_put(THIS_MODULE);	/* the caller is a dump, which holds it as well */
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
