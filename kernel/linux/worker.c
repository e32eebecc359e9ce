// SPDX-License-Identifier: GPL-2.0
/*
 * The worker: one kthread per volume, the only one who touches its replica.
 *
 * A round takes what came in (tasks, ended I/O, requests, messages), then
 * carries out what the replica wants done until it wants nothing more.  Whoever
 * leaves something for the worker makes it visible first and kicks then.
 */
#include <linux/blkdev.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "blk.h"
#include "lower.h"
#include "net.h"
#include "netlink.h"
#include "volume.h"

#define ACTIONS_PER_ROUND	128	/* before looking at what came in meanwhile */
#define STARVED_RETRY_NS	(5 * RAFTBLK_NSEC_PER_MSEC)

/*
 * The barrier in test_and_set_bit() pairs with that in test_and_clear_bit() in
 * worker_fn(): either the worker sees what was left for it, or the bit set.
 */
void raftblk_volume_kick(struct raftblk_volume *vol)
{
	struct task_struct *worker;

	if (test_and_set_bit(RAFTBLK_VOL_KICKED, &vol->flags))
		return;
	worker = READ_ONCE(vol->worker);	/* NULL: not started; it looks when it starts */
	if (worker)
		wake_up_process(worker);
}

void raftblk_volume_removed(struct raftblk_volume *vol)
{
	set_bit(RAFTBLK_VOL_REMOVED, &vol->flags);
	raftblk_volume_kick(vol);
}

/* Tasks */

int raftblk_volume_post(struct raftblk_volume *vol, struct raftblk_task *task)
{
	unsigned long flags;
	bool closed;

	spin_lock_irqsave(&vol->inbox_lock, flags);
	closed = vol->inbox_closed;
	if (!closed)
		list_add_tail(&task->link, &vol->inbox);
	spin_unlock_irqrestore(&vol->inbox_lock, flags);
	if (closed)
		return -ESHUTDOWN;
	raftblk_volume_kick(vol);
	return 0;
}

static void run_tasks(struct raftblk_volume *vol, bool last)
{
	bool stopped = test_bit(RAFTBLK_VOL_STOPPED, &vol->flags);
	LIST_HEAD(todo);

	spin_lock_irq(&vol->inbox_lock);
	list_splice_init(&vol->inbox, &todo);
	vol->inbox_closed = last;
	spin_unlock_irq(&vol->inbox_lock);
	while (!list_empty(&todo)) {
		struct raftblk_task *task = list_first_entry(&todo, struct raftblk_task, link);

		list_del(&task->link);
		task->fn(vol, task, stopped);
	}
}

/* Calls */

enum call_state {
	CALL_QUEUED,
	CALL_TAKEN,		/* by the worker: it runs, or will not run any more */
	CALL_CANCELLED,		/* by the caller */
};

/* @ref: the caller and the worker */
struct call {
	struct raftblk_task task;
	refcount_t ref;
	atomic_t state;
	void (*fn)(struct raftblk_volume *vol, void *arg);
	void *arg;
	int ret;
	struct completion done;
};

static void call_put(struct call *call)
{
	if (refcount_dec_and_test(&call->ref))
		kfree(call);
}

static void call_task(struct raftblk_volume *vol, struct raftblk_task *task, bool stopped)
{
	struct call *call = container_of(task, struct call, task);

	if (atomic_cmpxchg(&call->state, CALL_QUEUED, CALL_TAKEN) == CALL_QUEUED) {
		if (stopped)
			call->ret = -ESHUTDOWN;
		else
			call->fn(vol, call->arg);
	}
	complete(&call->done);
	call_put(call);
}

int raftblk_volume_call(struct raftblk_volume *vol,
			void (*fn)(struct raftblk_volume *vol, void *arg), void *arg)
{
	struct call *call = kzalloc(sizeof(*call), GFP_KERNEL);
	int ret;

	if (!call)
		return -ENOMEM;
	call->task.fn = call_task;
	call->fn = fn;
	call->arg = arg;
	refcount_set(&call->ref, 2);
	init_completion(&call->done);
	ret = raftblk_volume_post(vol, &call->task);
	if (ret) {
		kfree(call);
		return ret;
	}
	if (wait_for_completion_killable(&call->done)) {
		if (atomic_cmpxchg(&call->state, CALL_QUEUED, CALL_CANCELLED) == CALL_QUEUED) {
			call_put(call);
			return -EINTR;
		}
		/* Taken, so it ends soon; @arg is ours again only then. */
		wait_for_completion(&call->done);
	}
	ret = call->ret;
	call_put(call);
	return ret;
}

/* Changes */

static void change_task(struct raftblk_volume *vol, struct raftblk_task *task, bool stopped)
{
	struct raftblk_volume_change *vc = container_of(task, struct raftblk_volume_change, task);

	if (stopped) {
		vc->change.status = -ESHUTDOWN;
		vc->done(vol, vc);
		return;
	}
	raftblk_replica_change(&vol->replica, raftblk_now(), &vc->change);
}

int raftblk_volume_change_async(struct raftblk_volume *vol, struct raftblk_volume_change *vc)
{
	vc->task.fn = change_task;
	return raftblk_volume_post(vol, &vc->task);
}

/* @ref: the caller and the worker */
struct change_wait {
	struct raftblk_volume_change vc;
	refcount_t ref;
	struct completion done;
};

static void change_put(struct change_wait *cw)
{
	if (refcount_dec_and_test(&cw->ref))
		kfree(cw);
}

static void change_done(struct raftblk_volume *vol, struct raftblk_volume_change *vc)
{
	struct change_wait *cw = container_of(vc, struct change_wait, vc);

	complete(&cw->done);
	change_put(cw);
}

int raftblk_volume_change(struct raftblk_volume *vol, struct raftblk_change *c, u32 timeout_ms)
{
	struct change_wait *cw = kzalloc(sizeof(*cw), GFP_KERNEL);
	int ret;

	if (!cw)
		return -ENOMEM;
	cw->vc.change = *c;
	cw->vc.change.deadline = raftblk_now() + timeout_ms * RAFTBLK_NSEC_PER_MSEC;
	cw->vc.done = change_done;
	refcount_set(&cw->ref, 2);
	init_completion(&cw->done);
	ret = raftblk_volume_change_async(vol, &cw->vc);
	if (ret) {
		kfree(cw);
		return ret;
	}
	if (wait_for_completion_killable(&cw->done)) {
		change_put(cw);
		return -EINTR;
	}
	*c = cw->vc.change;
	change_put(cw);
	return c->status;
}

/* State for others */

static void publish_config(struct raftblk_volume *vol)
{
	const struct raft *r = &vol->replica.raft;
	bool settled = r->config.index && r->config.index <= r->commit;

	if (r->removed) {
		/* Nobody is dialled or listened to any more. */
		if (!vol->parted)
			raftblk_net_configure(vol, NULL, false);
		vol->parted = true;
		return;
	}
	/* Only the worker writes vol->config, so it may look without the lock. */
	if (vol->config_settled == settled && !memcmp(&vol->config, &r->config, sizeof(r->config)))
		return;
	spin_lock_bh(&vol->state_lock);
	memcpy(&vol->config, &r->config, sizeof(r->config));
	spin_unlock_bh(&vol->state_lock);
	vol->config_settled = settled;
	raftblk_net_configure(vol, &vol->config, settled);
}

static void publish_state(struct raftblk_volume *vol)
{
	const struct raftblk_replica *rep = &vol->replica;
	struct raftblk_state s = {
		.role = rep->raft.role,
		.term = rep->raft.term,
		.leader = rep->raft.leader,
		.owner = rep->owner_node,
		.token = rep->owner_token,
		.first = rep->log.first,
		.last = rep->log.last,
		.durable = rep->log.durable,
		.commit = rep->raft.commit,
		.applied = rep->applied,
		.volume_sectors = rep->size,
		.openers = rep->openers,
		.log_usage = raftblk_log_usage(&rep->log),
		.writer = raftblk_replica_is_writer(rep),
		.fenced = rep->fenced,
		.proving = rep->raft.proof_index != 0,
		.behind = vol->behind,
		.incomplete = rep->raft.incomplete,
		.removed = rep->raft.removed,
		.fault = rep->fault,
	};

	spin_lock_bh(&vol->state_lock);
	vol->state = s;
	spin_unlock_bh(&vol->state_lock);
}

static void publish_gate(struct raftblk_volume *vol)
{
	struct raftblk_published_gate *p = &vol->gate;
	struct raftblk_read_gate gate;

	raftblk_replica_gate(&vol->replica, &gate);
	if (atomic64_read(&p->term) != gate.term) {
		/* Shut first, so that nobody takes the lease of one term for that of another. */
		atomic64_set(&p->until, 0);
		/* Pairs with the acquire of the term in raftblk_volume_gate(). */
		smp_wmb();
		atomic64_set(&p->term, gate.term);
	}
	if (p->clean != gate.clean)
		/* What was applied is in the data area before the gate says so. */
		smp_store_release(&p->clean, gate.clean);
	if (atomic64_read(&p->until) != gate.until)
		atomic64_set_release(&p->until, gate.until);
	/* Who gets to know of what is shown next finds the gate as it is now. */
	smp_wmb();
}

void raftblk_volume_gate(struct raftblk_volume *vol, struct raftblk_read_gate *gate)
{
	struct raftblk_published_gate *p = &vol->gate;

	gate->term = atomic64_read_acquire(&p->term);
	gate->until = atomic64_read_acquire(&p->until);
	/* Pairs with the release in publish_gate(): what is read next is not read before. */
	gate->clean = smp_load_acquire(&p->clean);
}

void raftblk_volume_state(struct raftblk_volume *vol, struct raftblk_state *state,
			  struct raftblk_config *config)
{
	spin_lock_bh(&vol->state_lock);
	if (state)
		*state = vol->state;
	if (config)
		*config = vol->config;
	spin_unlock_bh(&vol->state_lock);
}

/* @ev: a sectors of the volume from b on; the device has them at another place. */
static void tell_repair(struct raftblk_volume *vol, const struct raftblk_pending_event *ev)
{
	u64 sector = vol->super.data_start + ev->b;

	if (ev->type == RAFTBLK_EVENT_READ_REPAIRED)
		vol_warn_ratelimited(vol, "sectors %llu to %llu of %s could not be read, and were written anew from another member\n",
				     sector, sector + ev->a - 1, vol->path);
	else if (ev->type == RAFTBLK_EVENT_MENDED)
		vol_warn_ratelimited(vol, "sectors %llu to %llu of %s were other than on a majority, and were written anew\n",
				     sector, sector + ev->a - 1, vol->path);
	else
		vol_err_ratelimited(vol, "sectors %llu to %llu of %s cannot be read, and could not be repaired\n",
				    sector, sector + ev->a - 1, vol->path);
}

static void tell_verify(struct raftblk_volume *vol, const struct raftblk_pending_event *ev)
{
	if (ev->type == RAFTBLK_EVENT_VERIFY_END && !ev->a)
		vol_info(vol, "all members were compared: %llu blocks differed, %llu were mended\n",
			 ev->b, ev->c);
	else if (ev->type == RAFTBLK_EVENT_VERIFY_END)
		vol_info(vol, "comparing all members ended early: error %lld\n", -ev->a);
	else if (ev->a)
		vol_warn_ratelimited(vol, "node %lld has sectors %llu to %llu of the volume otherwise than the others\n",
				     ev->a, ev->b, ev->b + ev->c - 1);
	else
		vol_warn_ratelimited(vol, "members have sectors %llu to %llu of the volume differently, and no majority has the same\n",
				     ev->b, ev->b + ev->c - 1);
}

static void tell_event(struct raftblk_volume *vol, const struct raftblk_action *act)
{
	struct raftblk_pending_event ev = {
		.type = act->event.type,
		.a = act->event.a,
		.b = act->event.b,
		.c = act->event.c,
	};

	/* Whoever acts on the event sees the state it speaks of. */
	publish_state(vol);
	switch (ev.type) {
	case RAFTBLK_EVENT_LEADER:
		vol->behind = false;
		if (ev.a) {
			vol_info(vol, "node %lld leads in term %llu\n", ev.a, ev.b);
			raftblk_blk_changed(vol);
		}
		break;
	case RAFTBLK_EVENT_OWNER:
		if (!ev.a)
			raftblk_blk_changed(vol);
		break;
	case RAFTBLK_EVENT_FENCED:
		vol_warn(vol, "node %lld owns the device now; I/O fails here until it is closed\n",
			 ev.a);
		break;
	case RAFTBLK_EVENT_BEHIND:
		vol->behind = true;
		if (!vol->replica.vmap)
			vol_warn(vol, "the leader's log no longer reaches back to what this member has\n");
		break;
	case RAFTBLK_EVENT_CATCHUP_BEGIN:
		vol->behind = false;
		vol_info(vol, "the log begins anew at %llu; what changed before comes from other members\n",
			 ev.b);
		break;
	case RAFTBLK_EVENT_CATCHUP_SOURCE:
		vol_dbg(vol, "catches up from node %lld\n", ev.a);
		break;
	case RAFTBLK_EVENT_CATCHUP_END:
		vol_info(vol, "has caught up, complete at %llu\n", ev.b);
		break;
	case RAFTBLK_EVENT_READ_REPAIRED:
	case RAFTBLK_EVENT_REPAIR_FAILED:
	case RAFTBLK_EVENT_MENDED:
		tell_repair(vol, &ev);
		break;
	case RAFTBLK_EVENT_VERIFY_DIFFERS:
	case RAFTBLK_EVENT_VERIFY_END:
		tell_verify(vol, &ev);
		break;
	case RAFTBLK_EVENT_FAULT:
		vol_err(vol, "the member has stopped: error %lld\n", -ev.a);
		break;
	case RAFTBLK_EVENT_OLDER_DISK:
		vol_warn(vol, "the disk is an older copy: node %lld remembers term %llu and entries up to %llu; no vote before they are here again\n",
			 ev.a, ev.c, ev.b);
		break;
	case RAFTBLK_EVENT_PROVEN:
		vol_info(vol, "lost entries were fetched again, may vote\n");
		break;
	case RAFTBLK_EVENT_WAITS_FOR_DATA:
		vol_warn(vol, "node %lld, a witness, leads and has forgotten what the members with data that are up lack; I/O waits for another one\n",
			 ev.a);
		break;
	case RAFTBLK_EVENT_REMOVED:
		vol_warn(vol, "this member was removed from the volume\n");
		publish_config(vol);
		break;
	case RAFTBLK_EVENT_RESIZED:
		raftblk_blk_resized(vol, ev.b);
		break;
	default:
		break;
	}
	raftblk_netlink_event(vol, &ev);
}

/* Actions of the replica */

static void carry_out(struct raftblk_volume *vol, struct raftblk_action *act)
{
	struct raftblk_volume_change *vc;

	switch (act->type) {
	case RAFTBLK_ACT_SEND:
		raftblk_net_send(vol, &act->msg);
		break;
	case RAFTBLK_ACT_LOG_WRITE:
		raftblk_lower_log_write(vol, act->write);
		break;
	case RAFTBLK_ACT_LOG_READ:
		raftblk_lower_log_read(vol, act->index, &act->entry);
		break;
	case RAFTBLK_ACT_VOTE_WRITE:
		raftblk_lower_vote_write(vol, &act->vote);
		break;
	case RAFTBLK_ACT_CKPT_WRITE:
		raftblk_lower_ckpt_write(vol, act->ckpt);
		break;
	case RAFTBLK_ACT_APPLY:
		raftblk_lower_apply(vol, act->index, &act->entry);
		break;
	case RAFTBLK_ACT_FLUSH:
		raftblk_lower_flush(vol);
		break;
	case RAFTBLK_ACT_READ:
		raftblk_blk_read(vol, act->req);
		break;
	case RAFTBLK_ACT_DONE:
		raftblk_blk_done(vol, act->req);
		break;
	case RAFTBLK_ACT_OPENED:
		raftblk_blk_opened(vol, act->open);
		break;
	case RAFTBLK_ACT_CHANGED:
		vc = container_of(act->change, struct raftblk_volume_change, change);
		vc->done(vol, vc);
		break;
	case RAFTBLK_ACT_EVENT:
		tell_event(vol, act);
		break;
	case RAFTBLK_ACT_VMAP_WRITE:
		raftblk_lower_vmap_write(vol, act->block);
		break;
	case RAFTBLK_ACT_CHUNK_READ:
		raftblk_lower_chunk_read(vol, &act->io);
		break;
	case RAFTBLK_ACT_CHUNK_WRITE:
		raftblk_lower_chunk_write(vol, &act->io);
		break;
	case RAFTBLK_ACT_CHUNK_SERVE:
		raftblk_lower_chunk_serve(vol, &act->io);
		break;
	case RAFTBLK_ACT_CHUNK_HASH:
		raftblk_lower_chunk_hash(vol, &act->io);
		break;
	case RAFTBLK_ACT_REPAIR_LOOK:
		raftblk_lower_repair_look(vol, &act->io);
		break;
	case RAFTBLK_ACT_REPAIR_WRITE:
		raftblk_lower_repair_write(vol, &act->io);
		break;
	case RAFTBLK_ACT_GROW:
		raftblk_lower_grow(vol, act->grow.sectors, act->grow.assume_zero);
		break;
	}
}

/* True: the bound was reached before the replica had nothing more. */
static bool carry_out_all(struct raftblk_volume *vol)
{
	struct raftblk_replica *rep = &vol->replica;
	bool stopped = test_bit(RAFTBLK_VOL_STOPPED, &vol->flags);
	struct raftblk_action act;
	struct blk_plug plug;
	u32 n;

	blk_start_plug(&plug);
	for (n = 0; n < ACTIONS_PER_ROUND; n++) {
		u32 ready = stopped ? 0 : raftblk_net_ready(vol);

		if (!raftblk_replica_next(rep, raftblk_now(), ready, &act))
			break;
		if (raftblk_action_shows(&act))
			publish_gate(vol);
		carry_out(vol, &act);
	}
	publish_gate(vol);
	blk_finish_plug(&plug);
	if (!stopped)
		raftblk_net_flush(vol);
	return n == ACTIONS_PER_ROUND;
}

/* What came in */

static void take_ended(struct raftblk_volume *vol)
{
	struct llist_node *first = llist_reverse_order(llist_del_all(&vol->ended));
	struct raftblk_io *io, *next;

	llist_for_each_entry_safe(io, next, first, node)
		raftblk_lower_ended(vol, io);
}

/*
 * Memory is short: give back what is only kept to save reading it again.  What
 * is not durable or being applied stays, and goes by itself.
 */
static void relieve(struct raftblk_volume *vol)
{
	if (unlikely(raftblk_payload_pool_short(&vol->pool)))
		raftblk_log_trim_cache(&vol->replica.log, 0);
}

/*
 * True: there is more to do.  What comes in during the round, also from the
 * round itself, sets RAFTBLK_VOL_KICKED again.
 */
static bool worker_round(struct raftblk_volume *vol)
{
	bool more = false;

	vol->stats.rounds++;
	if (test_and_clear_bit(RAFTBLK_VOL_REMOVED, &vol->flags))
		raftblk_replica_removed(&vol->replica, raftblk_now());
	run_tasks(vol, false);
	take_ended(vol);
	raftblk_lower_grow_look(vol);
	raftblk_blk_take(vol);
	if (!test_bit(RAFTBLK_VOL_STOPPED, &vol->flags)) {
		more = raftblk_net_work(vol);
		raftblk_lower_retry(vol);
	}
	raftblk_replica_tick(&vol->replica, raftblk_now());
	publish_config(vol);
	more |= carry_out_all(vol);
	relieve(vol);
	publish_state(vol);
	return more;
}

static long worker_timeout(struct raftblk_volume *vol)
{
	u64 now = raftblk_now();
	u64 deadline = raftblk_replica_deadline(&vol->replica);

	if (atomic_read(&vol->pool.starved))
		deadline = min(deadline, now + STARVED_RETRY_NS);
	/* Who has no leader asks around now and then, whatever the replica waits for. */
	if (!vol->replica.raft.removed && !vol->replica.fault && !raftblk_net_has_leader(vol))
		deadline = min(deadline, now + RAFTBLK_NSEC_PER_SEC);
	if (deadline <= now)
		return 1;
	return min_t(u64, nsecs_to_jiffies64(deadline - now) + 1, MAX_JIFFY_OFFSET);
}

/* Told to stop, and nothing is on its way to the lower device. */
static bool worker_finished(struct raftblk_volume *vol)
{
	return kthread_should_stop() && !raftblk_lower_inflight(vol);
}

static void worker_sleep(struct raftblk_volume *vol)
{
	long timeout = worker_timeout(vol);

	set_current_state(TASK_IDLE);
	if (!test_bit(RAFTBLK_VOL_KICKED, &vol->flags) && !worker_finished(vol))
		schedule_timeout(timeout);
	__set_current_state(TASK_RUNNING);
}

static int worker_fn(void *data)
{
	struct raftblk_volume *vol = data;
	/* Everything done here is on the write path of somebody who may be reclaiming. */
	unsigned int noio = memalloc_noio_save();

	publish_config(vol);
	while (!worker_finished(vol)) {
		test_and_clear_bit(RAFTBLK_VOL_KICKED, &vol->flags);
		if (worker_round(vol))
			cond_resched();
		else
			worker_sleep(vol);
	}
	run_tasks(vol, true);
	while (carry_out_all(vol))
		;
	publish_state(vol);
	memalloc_noio_restore(noio);
	return 0;
}

/* Start and stop */

/*
 * The task is kept until the volume is freed: kicks may come until then, and
 * waking a kthread that has ended does nothing.
 */
int raftblk_worker_start(struct raftblk_volume *vol)
{
	struct task_struct *task = kthread_create(worker_fn, vol, "raftblk%u", vol->minor);

	if (IS_ERR(task))
		return PTR_ERR(task);
	get_task_struct(task);
	set_user_nice(task, MIN_NICE);
	WRITE_ONCE(vol->worker, task);
	wake_up_process(task);
	return 0;
}

static void quiesce_in_worker(struct raftblk_volume *vol, struct raftblk_task *task, bool stopped)
{
	struct call *call = container_of(task, struct call, task);

	set_bit(RAFTBLK_VOL_STOPPED, &vol->flags);
	raftblk_replica_stop(&vol->replica, raftblk_now());
	raftblk_lower_give_up(vol);
	complete(&call->done);
}

void raftblk_worker_quiesce(struct raftblk_volume *vol)
{
	struct call call = { .task.fn = quiesce_in_worker };

	call.done = COMPLETION_INITIALIZER_ONSTACK(call.done);
	if (!WARN_ON_ONCE(raftblk_volume_post(vol, &call.task)))
		wait_for_completion(&call.done);
}

void raftblk_worker_stop(struct raftblk_volume *vol)
{
	kthread_stop(vol->worker);
}
