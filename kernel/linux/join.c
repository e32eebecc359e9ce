// SPDX-License-Identifier: GPL-2.0
/* Joining: a machine that is no member yet asks to be let in. */
#include <linux/jiffies.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "ask.h"
#include "link.h"

#define JOIN_TIMEOUT		(15 * HZ)

/* ---- server ---- */

/*
 * Worker: all that a joiner must know to format its disk.  The size of the log is that of
 * members with data, so a witness does not say it: in a moment one of those leads, and is
 * asked again.
 */
static void join_fill(struct raftblk_answer *ans, struct raftblk_volume *vol)
{
	struct raftblk_wire_join_resp *r = (void *)ans->body;

	if (raftblk_volume_is_witness(vol)) {
		ans->vc.change.status = -EAGAIN;
		return;
	}
	memcpy(r->uuid, vol->super.uuid, sizeof(r->uuid));
	memcpy(r->name, vol->super.name, sizeof(r->name));
	r->node_id = cpu_to_le32(ans->vc.change.member.id);
	r->block_size = cpu_to_le32(vol->super.block_size);
	r->volume_sectors = cpu_to_le64(vol->replica.size);
	r->ring_sectors = cpu_to_le64(vol->super.ring_sectors);
	r->extent_sectors = cpu_to_le32(vol->super.extent_sectors);
	raftblk_config_encode(&vol->replica.raft.config, &r->config);
	ans->body_bytes = sizeof(*r);
}

/* Worker: what it would be told, by the leader since that knows best; without letting it in. */
static void join_look(struct raftblk_volume *vol, struct raftblk_task *task, bool stopped)
{
	struct raftblk_volume_change *vc = container_of(task, struct raftblk_volume_change, task);
	const struct raft *r = &vol->replica.raft;

	vc->change.leader = r->leader;
	if (stopped)
		vc->change.status = -ESHUTDOWN;
	else if (vol->replica.fault)
		vc->change.status = -EIO;
	else if (r->removed)
		vc->change.status = -EPERM;
	else if (raft_leads(r))
		vc->change.status = 0;
	else
		vc->change.status = r->leader && r->leader != r->id ? -EREMOTE : -EAGAIN;
	vc->done(vol, vc);
}

/* The joiner's wish, as it came. */
static int join_decode(const struct raftblk_auth *a, struct raftblk_member *member)
{
	if (raftblk_member_decode(member, (const void *)a->frame.body) || member->id ||
	    !member->addr.port)
		return -EPROTO;
	if (member->flags && member->flags != RAFTBLK_MEMBER_PROMOTE &&
	    member->flags != (RAFTBLK_MEMBER_PROMOTE | RAFTBLK_MEMBER_WITNESS))
		return -EPROTO;
	/* the one that was authenticated, not another */
	if (memcmp(member->incarnation, a->peer_incarnation, sizeof(member->incarnation)))
		return -EPROTO;
	return 0;
}

static int join_submit(struct raftblk_volume *vol, struct raftblk_answer *ans,
		       const struct raftblk_msg *m)
{
	struct raftblk_change *c = &ans->vc.change;

	if (m->status == RAFTBLK_JOIN_LOOK) {
		ans->vc.task.fn = join_look;
		return raftblk_volume_post(vol, &ans->vc.task);
	}
	if (m->status)
		return -EPROTO;
	c->kind = RAFTBLK_CHANGE_JOIN;
	c->learner = !(c->member.flags & RAFTBLK_MEMBER_PROMOTE);
	c->witness = c->member.flags & RAFTBLK_MEMBER_WITNESS;
	return raftblk_volume_change_async(vol, &ans->vc);
}

void raftblk_join_serve(struct raftblk_net *net, struct raftblk_auth *a, struct socket *sock,
			const struct raftblk_msg *m)
{
	struct raftblk_answer *ans = raftblk_answer_new();
	int err;

	if (!ans)
		return;
	ans->fill = join_fill;
	ans->leader = offsetof(struct raftblk_wire_join_resp, leader);
	ans->leader_bytes = sizeof(struct raftblk_wire_join_resp);
	err = join_decode(a, &ans->vc.change.member);
	if (!err)
		err = join_submit(net->vol, ans, m);
	raftblk_answer_give(ans, net, a, sock, RAFTBLK_MSG_JOIN_RESP, err);
}

/* ---- client ---- */

static const char *join_error(const struct raftblk_ask *ask, int err)
{
	const char *why = raftblk_ask_error(ask, err);

	if (why)
		return why;
	switch (err) {
	case -ETIMEDOUT:
		return "the leader could not get a majority to agree in time; try again";
	case -ESTALE:
		return "the leader's log does not reach back to its start, and its member was made without a version map, so there is no other way to begin";
	case -ENOSPC:
		return "the volume has as many members as it can have";
	case -EADDRINUSE:
		return "a member has that address already: remove it first, or take its place with --replace";
	case -ENOENT:
		return "the volume has no member with the node id that is to be replaced";
	case -EALREADY:
		return "another machine is taking the place of that member already";
	case -EINPROGRESS:
		return "that member leaves, or takes the place of another itself; try again when 'raftblk status' shows that this is over";
	case -ETXTBSY:
		return "the member to be replaced has the device open for writing";
	case -EIDRM:
		return "the node was let in, and another one removed it again";
	case -EOPNOTSUPP:
		return "a witness takes the place of a witness, and a member with data that of one with data";
	case -EPERM:
		return "the member at that address was removed from the volume; ask another";
	case -EIO:
		return "the member that leads has stopped after an error";
	case -EINTR:
		return "interrupted; the cluster may have let the node in all the same";
	default:
		return "the leader refused to let the node in";
	}
}

static u8 join_flags(const struct raftblk_join *join)
{
	if (join->witness)
		return RAFTBLK_MEMBER_PROMOTE | RAFTBLK_MEMBER_WITNESS;
	return join->learner ? 0 : RAFTBLK_MEMBER_PROMOTE;
}

int raftblk_net_join(struct raftblk_join *join, struct netlink_ext_ack *extack)
{
	struct raftblk_member wish = {
		.addr = join->local,
		.flags = join_flags(join),
		.replaces = join->replaces,
	};
	struct raftblk_disk_member body;
	struct raftblk_ask ask = {
		.ns = current->nsproxy->net_ns,
		.deadline = jiffies + JOIN_TIMEOUT,
		.remote = join->remote,
		.local = join->local,
		.uuid = join->uuid,
		.key = join->key,
		.incarnation = join->incarnation,
		.type = RAFTBLK_MSG_JOIN_REQ,
		.status = join->look ? RAFTBLK_JOIN_LOOK : 0,
		.body = &body,
		.body_bytes = sizeof(body),
		.answer_type = RAFTBLK_MSG_JOIN_RESP,
		.answer = &join->resp,
		.answer_bytes = sizeof(join->resp),
		.leader = offsetof(struct raftblk_wire_join_resp, leader),
	};
	int err;

	memcpy(wish.incarnation, join->incarnation, sizeof(wish.incarnation));
	raftblk_member_encode(&wish, &body);
	do {
		err = raftblk_ask(&ask, extack);
	} while (err && raftblk_ask_passes(&ask, err) && raftblk_ask_pause(&ask));
	if (err && err != -ENOMEM)
		raftblk_extack(extack, join_error(&ask, err));
	return err;
}
