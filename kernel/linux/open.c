// SPDX-License-Identifier: GPL-2.0
/*
 * Who has the disk open, and who may write (rule 17).
 *
 * A limit of the block layer: while a partition is open, further opens of it
 * are not passed on to the driver.  A partition that is open for reading only
 * has to be closed before it can be opened for writing.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "blk.h"
#include "blk_internal.h"

/* How long down waits for a scan of partitions that has the disk open. */
#define GATE_PATIENCE	(2 * HZ)
#define GATE_RETRY_MS	10

static unsigned int open_timeout_ms = 10000;
module_param(open_timeout_ms, uint, 0644);
MODULE_PARM_DESC(open_timeout_ms,
		 "how long an open for writing waits for a majority and for leadership (ms)");

/* Asking the replica */

enum ask_state {
	ASK_WAITING,
	ASK_ANSWERED,
	ASK_ABANDONED,		/* the opener was killed: what is granted is given back */
};

/* @ref: the opener and the worker */
struct ask {
	struct raftblk_task task;
	struct raftblk_open open;
	refcount_t ref;
	atomic_t state;
	struct completion done;
};

static void ask_put(struct ask *ask)
{
	if (refcount_dec_and_test(&ask->ref))
		kfree(ask);
}

void raftblk_blk_opened(struct raftblk_volume *vol, struct raftblk_open *open)
{
	struct ask *ask = container_of(open, struct ask, open);

	if (atomic_cmpxchg(&ask->state, ASK_WAITING, ASK_ANSWERED) == ASK_ABANDONED &&
	    !open->status)
		raftblk_replica_close(&vol->replica, raftblk_now());
	complete(&ask->done);
	ask_put(ask);
}

static void ask_task(struct raftblk_volume *vol, struct raftblk_task *task, bool stopped)
{
	struct ask *ask = container_of(task, struct ask, task);

	if (stopped) {
		ask->open.status = -ESHUTDOWN;
		raftblk_blk_opened(vol, &ask->open);
		return;
	}
	raftblk_replica_open(&vol->replica, raftblk_now(), &ask->open);
}

/* Become the owner.  0 or -errno, see struct raftblk_open; -EINTR: killed. */
static int ask_ownership(struct raftblk_volume *vol)
{
	struct ask *ask = kzalloc(sizeof(*ask), GFP_KERNEL);
	int err;

	if (!ask)
		return -ENOMEM;
	ask->task.fn = ask_task;
	ask->open.deadline = raftblk_now() + READ_ONCE(open_timeout_ms) * RAFTBLK_NSEC_PER_MSEC;
	refcount_set(&ask->ref, 2);
	init_completion(&ask->done);
	err = raftblk_volume_post(vol, &ask->task);
	if (err) {
		kfree(ask);
		return err;
	}
	if (wait_for_completion_killable(&ask->done)) {
		if (atomic_cmpxchg(&ask->state, ASK_WAITING, ASK_ABANDONED) == ASK_WAITING) {
			ask_put(ask);
			return -EINTR;
		}
		wait_for_completion(&ask->done);
	}
	err = ask->open.status;
	ask_put(ask);
	return err;
}

static void close_task(struct raftblk_volume *vol, struct raftblk_task *task, bool stopped)
{
	if (!stopped)
		raftblk_replica_close(&vol->replica, raftblk_now());
}

/* Sessions */

/*
 * Somebody holds the device exclusively and for reading only: a mounted
 * filesystem.  It keeps what it has read, which may be older than what other
 * nodes have written since; written back it would corrupt the volume silently.
 * So nobody may begin to write while it is there.
 */
static bool disk_is_held(struct gendisk *gd)
{
	struct block_device *part;
	unsigned long i;

	lockdep_assert_held(&gd->open_mutex);
	xa_for_each(&gd->part_tbl, i, part)
		if (READ_ONCE(part->bd_holder))
			return true;
	return false;
}

/*
 * Readers that came before this node became the owner may have left pages that
 * are older than what others have written.  A later write of a part of such a
 * page would bring the rest of it back.  Nothing can be dirty: nobody could
 * write.
 */
static int disk_drop_pages(struct gendisk *gd)
{
	struct block_device *part;
	unsigned long i;
	int err = 0;

	lockdep_assert_held(&gd->open_mutex);
	xa_for_each(&gd->part_tbl, i, part)
		err = invalidate_inode_pages2(compat_bdev_mapping(part)) ?: err;
	return err;
}

static int session_begin(struct raftblk_volume *vol)
{
	struct raftblk_disk *d = vol->disk;
	int err;

	if (disk_is_held(d->gd))
		return -EBUSY;
	err = ask_ownership(vol);
	if (err)
		return err == -ESHUTDOWN ? -ENODEV : err;
	if (disk_drop_pages(d->gd)) {
		raftblk_volume_post(vol, &d->close_task);
		return -EBUSY;
	}
	d->session = true;
	set_disk_ro(d->gd, false);
	raftblk_disk_scan(d);
	return 0;
}

static int session_join(struct raftblk_volume *vol)
{
	struct raftblk_state state;

	raftblk_volume_state(vol, &state, NULL);
	return state.fenced || state.fault ? -EIO : 0;
}

/* Under gd->open_mutex.  For writing it may take open_timeout_ms. */
int raftblk_disk_open(struct gendisk *gd, bool write)
{
	struct raftblk_volume *vol = gd->private_data;
	struct raftblk_disk *d = vol->disk;
	int err = 0;

	lockdep_assert_held(&gd->open_mutex);
	if (test_bit(RAFTBLK_VOL_DYING, &vol->flags))
		return -ENODEV;
	if (raftblk_volume_is_witness(vol)) {
		if (write)
			vol_warn_ratelimited(vol, "this member is a witness and has no data; open the device on another member\n");
		return -EPERM;
	}
	if (write)
		err = d->session ? session_join(vol) : session_begin(vol);
	if (!err)
		d->openers++;
	return err;
}

void raftblk_disk_release(struct gendisk *gd)
{
	struct raftblk_volume *vol = gd->private_data;
	struct raftblk_disk *d = vol->disk;

	lockdep_assert_held(&gd->open_mutex);
	if (--d->openers || !d->session)
		return;
	/* Everything has been written back, and the page cache is empty. */
	d->session = false;
	set_disk_ro(gd, true);
	raftblk_volume_post(vol, &d->close_task);
}

/*
 * Killable: a scan of partitions may hold the mutex for as long as there is no
 * majority.
 */
static int gate_try_close(struct raftblk_volume *vol)
{
	struct gendisk *gd = vol->disk->gd;
	int err;

	err = mutex_lock_killable(&gd->open_mutex);
	if (err)
		return err;
	if (vol->disk->openers)
		err = -EBUSY;
	else
		set_bit(RAFTBLK_VOL_DYING, &vol->flags);
	mutex_unlock(&gd->open_mutex);
	return err;
}

/*
 * A scan of partitions is an opener too, but nobody who could be asked to close:
 * it is waited for.  With @force the worker ends all I/O next, so there is no need.
 */
int raftblk_blk_close_gate(struct raftblk_volume *vol, bool force)
{
	unsigned long patience = jiffies + GATE_PATIENCE;
	int err;

	if (force) {
		set_bit(RAFTBLK_VOL_DYING, &vol->flags);
		return 0;
	}
	do {
		err = gate_try_close(vol);
		if (err != -EBUSY || !raftblk_disk_scan_busy(vol->disk))
			return err;
		err = msleep_interruptible(GATE_RETRY_MS) ? -EINTR : -EBUSY;
	} while (err == -EBUSY && time_before(jiffies, patience));
	return err;
}

void raftblk_blk_changed(struct raftblk_volume *vol)
{
	if (!raftblk_volume_is_witness(vol))
		raftblk_disk_scan(vol->disk);
}

static void disk_resized_work(struct work_struct *work)
{
	struct raftblk_disk *d = container_of(work, struct raftblk_disk, resized);
	char *env[2] = { "RESIZE=1", NULL };

	kobject_uevent_env(&disk_to_dev(d->gd)->kobj, KOBJ_CHANGE, env);
}

/*
 * Not in the worker: sending a uevent takes a mutex under which others wait for memory, and
 * that may be waiting for a write to this disk.
 */
void raftblk_disk_resized(struct raftblk_disk *d)
{
	if (!test_bit(RAFTBLK_VOL_DYING, &d->vol->flags))
		raftblk_disk_queue(&d->resized);
}

void raftblk_disk_init(struct raftblk_disk *d)
{
	d->vol = d->gd->private_data;
	d->close_task.fn = close_task;
	INIT_WORK(&d->resized, disk_resized_work);
	INIT_WORK(&d->scan, raftblk_disk_scan_work);
}
