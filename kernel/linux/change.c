// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of membership and leadership.  Only the leader can carry one out, so
 * a member that does not lead passes it on to the one that does.
 */
#include <linux/jiffies.h>
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

/* A member's answer that says something about that member; else NULL. */
static const char *remote_error(int err)
{
	switch (err) {
	case -EPERM:
		return "the member that led was removed from the volume; try again";
	case -EIO:
		return "the member that led has stopped after an error; try again when another leads";
	case -ESHUTDOWN:
		return "the volume is being taken down on the member that led; try again";
	default:
		return NULL;
	}
}

/* For what went wrong between the two; else NULL. */
static const char *ask_error(const struct raftblk_ask *ask, int err)
{
	if (err == -ENOMEM || err == -EINTR)
		return NULL;
	if (ask->answered)
		return remote_error(err);
	if (ask->lost)
		return "no answer came from the member that leads; it may come about all the same, 'raftblk status' shows it";
	return raftblk_ask_error(ask, err) ?: "the member that leads could not be asked";
}

/* Is whoever leads by then to be asked, in a moment? */
static bool ask_again(const struct raftblk_ask *ask, int err)
{
	if (!err || err == -ENOMEM)
		return false;
	return !ask->asked || raftblk_ask_passes(ask, err) || (ask->answered && remote_error(err));
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

/* What this member can say of it itself.  -EREMOTE: @leader is to be asked. */
static int change_here(struct raftblk_volume *vol, struct raftblk_change *c,
		       unsigned long deadline, struct raftblk_member *leader)
{
	struct raftblk_change mine = *c;
	long left = deadline - jiffies;
	int err = raftblk_volume_change(vol, &mine, jiffies_to_msecs(max(left, 1L)));

	c->who = mine.who;
	c->room = mine.room;
	if (err == -ETIMEDOUT && !mine.leader && !mine.index)
		return -EAGAIN;
	if (err != -EREMOTE)
		return err;
	err = find_member(vol, mine.leader, leader);
	/* One that joined since; its configuration is on its way. */
	if (err == -ENOENT)
		return -EAGAIN;
	return err ?: -EREMOTE;
}

int raftblk_change(struct raftblk_volume *vol, struct raftblk_change *c, u32 timeout_ms,
		   struct netlink_ext_ack *extack, bool *told)
{
	struct raftblk_wire_resize_resp refusal;
	struct raftblk_wire_change body;
	struct raftblk_ask ask = {
		.ns = vol->ns,
		.deadline = jiffies + msecs_to_jiffies(timeout_ms),
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
	struct raftblk_member leader;
	const char *why;
	int err;

	raftblk_change_encode(c, &body);
	do {
		why = NULL;
		err = change_here(vol, c, ask.deadline, &leader);
		if (err != -EREMOTE)
			break;
		ask.remote = leader.addr;
		memset(&refusal, 0, sizeof(refusal));
		err = raftblk_ask(&ask, extack);
		c->who = le32_to_cpu(refusal.who);
		c->room = le64_to_cpu(refusal.room);
		/* The answer of who leads, about another member, whatever the errno is. */
		if (c->who)
			break;
		why = ask_error(&ask, err);
	} while (ask_again(&ask, err) && raftblk_ask_pause(&ask));
	/* Asked twice because the first answer was lost: it was done the first time. */
	if (err == -ENOENT && ask.lost && c->kind == RAFTBLK_CHANGE_REMOVE)
		return 0;
	*told = err && why;
	if (*told)
		raftblk_extack(extack, why);
	return err;
}
