// SPDX-License-Identifier: GPL-2.0
/*
 * Reads that go past the worker, straight from whoever reads to the lower device.
 *
 * Two changes of task for a read of a few KiB cost more than all the rest of it.  While this
 * member is certain to lead and the data area is what is committed, there is nothing that the
 * replica would have to say to a read; struct raftblk_read_gate has the argument.  In all other
 * cases, when memory or the lower device's tags are short and when anything goes wrong, a read goes
 * to the worker.
 */
#include <linux/bio.h>
#include <linux/sched.h>

#include "blk_internal.h"

/* The worker may end it at once, and with it what keeps the volume: see raftblk_io_hand_over(). */
static void hand_to_worker(struct raftblk_volume *vol, struct raftblk_blk_req *br)
{
	rcu_read_lock();
	llist_add(&br->node, &vol->submitted);
	raftblk_volume_kick(vol);
	rcu_read_unlock();
}

/* Any context. */
static void direct_ended(struct bio *bio)
{
	struct raftblk_blk_req *br = bio->bi_private;
	struct request *rq = blk_mq_rq_from_pdu(br);
	struct raftblk_volume *vol = rq->q->queuedata;
	blk_status_t status = bio->bi_status;
	struct raftblk_read_gate gate;

	bio_put(bio);
	raftblk_volume_gate(vol, &gate);
	if (status || !raftblk_gate_confirms(&gate, br->gate_term, raftblk_now())) {
		hand_to_worker(vol, br);
		return;
	}
	atomic64_inc(&vol->direct_reads);
	atomic64_add(blk_rq_bytes(rq), &vol->direct_read_bytes);
	blk_mq_end_request(rq, BLK_STS_OK);
}

/*
 * At once, whatever the task has gathered to be submitted: here that may be on its way just now.
 * In its plug, a request for the lower device would be sent on as if it were for our queue; in
 * its list of bios, it would wait for what comes next, and that may wait for it.
 *
 * What the task has gathered may also hold what this bio would have to wait for, a tag of the lower
 * device or the end of a freeze.  So it is one that does not wait (raftblk_lower_clone_read()): it
 * fails, and the worker reads.
 */
static void submit_at_once(struct bio *bio)
{
	struct bio_list *list = current->bio_list;
	struct blk_plug *plug = current->plug;

	current->bio_list = NULL;
	current->plug = NULL;
	submit_bio_noacct(bio);
	current->plug = plug;
	current->bio_list = list;
}

bool raftblk_direct_read(struct raftblk_volume *vol, struct request *rq)
{
	struct raftblk_blk_req *br = blk_mq_rq_to_pdu(rq);
	u64 now = raftblk_now();
	struct raftblk_read_gate gate;
	struct bio *bio;

	raftblk_volume_gate(vol, &gate);
	if (!raftblk_gate_is_open(&gate, now))
		return false;
	bio = raftblk_lower_clone_read(vol, rq);
	if (!bio)
		return false;
	br->gate_term = gate.term;
	bio->bi_private = br;
	bio->bi_end_io = direct_ended;
	submit_at_once(bio);
	return true;
}
