// SPDX-License-Identifier: GPL-2.0
/* Netlink: leadership, membership, and the size of the volume. */
#include <linux/blkdev.h>

#include "net.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "volume.h"

#define CHANGE_TIMEOUT_MS	10000

/* For what can be said of every kind of change; else NULL. */
static const char *refusal(int err)
{
	switch (err) {
	case -EREMOTE:
		return "the members do not agree on who leads; try again";
	case -EAGAIN:
		return "the volume has no leader at the moment; try again when a majority is up";
	case -EPERM:
		return "this member was removed from the volume";
	case -EIO:
		return "the member has stopped after an error";
	case -ESHUTDOWN:
		return "the volume is being taken down";
	case -ENOMEM:
		return "not enough memory";
	case -EINTR:
		return "interrupted; it may come about all the same";
	default:
		return NULL;
	}
}

static const char *transfer_refusal(int err)
{
	switch (err) {
	case -EALREADY:
		return "that member leads already";
	case -ENOENT:
		return "no voter has this node id";
	case -EBUSY:
		return "leadership is being handed over already";
	case -EOPNOTSUPP:
		return "that member is a witness: it has no data, so it is not given leadership";
	case -ETIMEDOUT:
		return "the other member did not take over in time";
	default:
		return refusal(err) ?: "leadership could not be handed over";
	}
}

static const char *member_refusal(int err)
{
	switch (err) {
	case -ENOENT:
		return "no member has this node id";
	case -EBUSY:
		return "it is the last voter with data: without it there would be no volume";
	case -EINPROGRESS:
		return "another change of the membership is under way; try again when 'raftblk status' shows that it is over";
	case -EALREADY:
		return "the member is being replaced";
	case -ETXTBSY:
		return "the member has the device open for writing; close it there first";
	case -EHOSTDOWN:
		return "refused: of the voters that are left, too few can be reached and are complete for a majority";
	case -EADDRINUSE:
		return "another member has that address";
	case -ETIMEDOUT:
		return "no majority agreed in time; it may still come about, 'raftblk status' shows it";
	default:
		return refusal(err) ?: "the membership could not be changed";
	}
}

static int change(struct genl_info *info, struct raftblk_change *c,
		  const char *(*why)(int err))
{
	struct raftblk_volume *vol = raftblk_netlink_volume(info);
	bool told;
	int err;

	if (IS_ERR(vol))
		return PTR_ERR(vol);
	err = raftblk_change(vol, c, CHANGE_TIMEOUT_MS, info->extack, &told);
	raftblk_volume_put(vol);
	if (err && !told && !c->who)
		raftblk_extack(info->extack, why(err));
	return err;
}

static int run_transfer(struct genl_info *info, struct sk_buff *reply)
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_TRANSFER };

	if (GENL_REQ_ATTR_CHECK(info, RAFTBLK_A_VOLUME_TO)) {
		GENL_SET_ERR_MSG(info, "to which member? its node id is missing");
		return -EINVAL;
	}
	c.to = nla_get_u32(info->attrs[RAFTBLK_A_VOLUME_TO]);
	return change(info, &c, transfer_refusal);
}

int raftblk_nl_transfer_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return raftblk_netlink_wait(skb, cb, RAFTBLK_CMD_TRANSFER, run_transfer);
}

/* What is to be set: one thing at least. */
static int member_set(struct genl_info *info, struct raftblk_change *c)
{
	const struct nlattr *part = info->attrs[RAFTBLK_A_VOLUME_PART];

	c->kind = RAFTBLK_CHANGE_SET;
	if (part)
		c->role = nla_get_u32(part) == RAFTBLK_PART_VOTER ? RAFTBLK_SET_VOTER :
								    RAFTBLK_SET_LEARNER;
	if (info->attrs[RAFTBLK_A_VOLUME_ADDRESS])
		return raftblk_netlink_address(info, RAFTBLK_A_VOLUME_ADDRESS, &c->member.addr);
	if (part)
		return 0;
	GENL_SET_ERR_MSG(info, "nothing to set");
	return -EINVAL;
}

static int member_request(struct genl_info *info, struct raftblk_change *c)
{
	const struct nlattr *kind = info->attrs[RAFTBLK_A_VOLUME_MEMBER_CHANGE];

	if (!kind || !info->attrs[RAFTBLK_A_VOLUME_TO]) {
		GENL_SET_ERR_MSG(info, "which member, and what about it? node id or change is missing");
		return -EINVAL;
	}
	c->to = nla_get_u32(info->attrs[RAFTBLK_A_VOLUME_TO]);
	if (nla_get_u32(kind) == RAFTBLK_MEMBER_CHANGE_SET)
		return member_set(info, c);
	/* For good, so nobody who means something else must get it. */
	if (info->attrs[RAFTBLK_A_VOLUME_PART] || info->attrs[RAFTBLK_A_VOLUME_ADDRESS]) {
		GENL_SET_ERR_MSG(info, "a member that is removed is nothing else and nowhere else");
		return -EINVAL;
	}
	c->kind = RAFTBLK_CHANGE_REMOVE;
	return 0;
}

static int run_member(struct genl_info *info, struct sk_buff *reply)
{
	struct raftblk_change c = {};
	int err = member_request(info, &c);

	return err ?: change(info, &c, member_refusal);
}

int raftblk_nl_member_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return raftblk_netlink_wait(skb, cb, RAFTBLK_CMD_MEMBER, run_member);
}

/* Size */

/* What is not said of one member, see resize_reply(). */
static const char *resize_refusal(int err)
{
	switch (err) {
	case -EFBIG:
		return "no volume can be as large as that";
	case -EINVAL:
		return "the size is no multiple of 4 KiB";
	case -ERANGE:
		return "the volume is larger than that, and cannot shrink: it would lose what lies behind the new end";
	case -EINPROGRESS:
		return "the volume is being resized to another size already";
	case -ETIMEDOUT:
		return "no majority agreed in time; it may still come about, 'raftblk status' shows it";
	default:
		return refusal(err) ?: "the volume could not be resized";
	}
}

static int resize_request(struct genl_info *info, struct raftblk_change *c)
{
	const struct nlattr *size = info->attrs[RAFTBLK_A_VOLUME_SIZE];

	if (!size) {
		GENL_SET_ERR_MSG(info, "to which size? it is missing");
		return -EINVAL;
	}
	if (nla_get_u64(size) > S64_MAX) {
		raftblk_extack(info->extack, resize_refusal(-EFBIG));
		return -EFBIG;
	}
	if (nla_get_u64(size) & (SECTOR_SIZE - 1)) {
		raftblk_extack(info->extack, resize_refusal(-EINVAL));
		return -EINVAL;
	}
	c->size = nla_get_u64(size) >> SECTOR_SHIFT;
	c->assume_zero = nla_get_flag(info->attrs[RAFTBLK_A_VOLUME_ASSUME_ZERO]);
	return 0;
}

/* Where one member is the reason the answer says which, and what room it has. */
static int resize_reply(struct sk_buff *skb, const struct raftblk_change *c, int err)
{
	if (!err)
		return nla_put_u64_64bit(skb, RAFTBLK_A_VOLUME_SIZE, c->size << SECTOR_SHIFT,
					 RAFTBLK_A_VOLUME_PAD);
	return nla_put_s32(skb, RAFTBLK_A_VOLUME_RESIZE_ERROR, err) ?:
	       nla_put_u32(skb, RAFTBLK_A_VOLUME_RESIZE_MEMBER, c->who) ?:
	       nla_put_u64_64bit(skb, RAFTBLK_A_VOLUME_RESIZE_ROOM, c->room << SECTOR_SHIFT,
				 RAFTBLK_A_VOLUME_PAD);
}

static int run_resize(struct genl_info *info, struct sk_buff *reply)
{
	struct raftblk_change c = { .kind = RAFTBLK_CHANGE_RESIZE };
	int err = resize_request(info, &c);

	if (err)
		return err;
	err = change(info, &c, resize_refusal);
	return err && !c.who ? err : resize_reply(reply, &c, err);
}

int raftblk_nl_resize_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return raftblk_netlink_wait(skb, cb, RAFTBLK_CMD_RESIZE, run_resize);
}
