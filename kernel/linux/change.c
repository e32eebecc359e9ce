// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of membership and leadership.  Only the leader can carry one out, so
 * a member that does not lead passes it on to the one that does.
 */
#include <linux/slab.h>

#include "ask.h"
#include "link.h"

/* ---- asked by another member ---- */

void raftblk_change_serve(struct raftblk_net *net, struct raftblk_auth *a, struct socket *sock)
{
	struct raftblk_answer *ans = raftblk_answer_new();
	u64 deadline;
	int err;

	if (!ans)
		return;
	deadline = ans->vc.change.deadline;
	err = raftblk_change_decode(&ans->vc.change, (const void *)a->frame.body);
	ans->vc.change.deadline = deadline;
	ans->leader_bytes = sizeof(struct raftblk_disk_member);
	if (!err)
		err = raftblk_volume_change_async(net->vol, &ans->vc);
	raftblk_answer_give(ans, net, a, sock, RAFTBLK_MSG_CHANGE_RESP, err);
}

/* ---- asked here ---- */

static int ask_leader(struct raftblk_volume *vol, const struct raftblk_member *leader,
		      struct raftblk_change *c, struct netlink_ext_ack *extack, bool *unheard)
{
	struct raftblk_wire_resize_resp refusal = {};
	struct raftblk_wire_change body;
	struct raftblk_ask ask = {
		.remote = leader->addr,
		.local = vol->super.listen,
		.uuid = vol->super.uuid,
		.key = vol->super.key,
		.incarnation = vol->super.incarnation,
		.type = RAFTBLK_MSG_CHANGE_REQ,
		.body = &body,
		.body_bytes = sizeof(body),
		.answer_type = RAFTBLK_MSG_CHANGE_RESP,
		.refusal = &refusal,
		.refusal_bytes = sizeof(refusal),
	};
	int err;

	raftblk_change_encode(c, &body);
	err = raftblk_ask(&ask, extack);
	c->who = le32_to_cpu(refusal.who);
	c->room = le64_to_cpu(refusal.room);
	/* Asked twice because the first answer was lost: it was done the first time. */
	if (err == -ENOENT && ask.answered && ask.lost && c->kind == RAFTBLK_CHANGE_REMOVE)
		err = 0;
	*unheard = err && !ask.answered;
	if (*unheard && ask.lost)
		raftblk_extack(extack, "no answer came from the member that leads; it may come about all the same, 'raftblk status' shows it");
	else if (*unheard)
		raftblk_extack(extack, raftblk_ask_error(&ask, err) ?:
				       "the member that leads could not be asked");
	return err;
}

/* 0 and *leader, or -ENOENT. */
static int find_member(struct raftblk_volume *vol, u32 id, struct raftblk_member *m)
{
	struct raftblk_config *config = kmalloc(sizeof(*config), GFP_KERNEL);
	int slot;

	if (!config)
		return -ENOMEM;
	raftblk_volume_state(vol, NULL, config);
	slot = raftblk_config_find(config, id);
	if (slot >= 0)
		*m = config->member[slot];
	kfree(config);
	return slot < 0 ? -ENOENT : 0;
}

int raftblk_change(struct raftblk_volume *vol, struct raftblk_change *c, u32 timeout_ms,
		   struct netlink_ext_ack *extack, bool *unheard)
{
	struct raftblk_change mine = *c;
	struct raftblk_member leader;
	int err;

	*unheard = false;
	err = raftblk_volume_change(vol, &mine, timeout_ms);
	c->who = mine.who;
	c->room = mine.room;
	if (err == -ETIMEDOUT && !mine.leader && !mine.index)
		return -EAGAIN;
	if (err != -EREMOTE)
		return err;
	if (find_member(vol, mine.leader, &leader))
		return -EAGAIN;
	return ask_leader(vol, &leader, c, extack, unheard);
}
