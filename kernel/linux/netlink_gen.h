/* SPDX-License-Identifier: GPL-2.0 */
/* Made by userspace/gen/specgen from Documentation/netlink/raftblk.yaml; do not edit. */
#ifndef RAFTBLK_NETLINK_GEN_H
#define RAFTBLK_NETLINK_GEN_H

#include <net/genetlink.h>
#include <net/netlink.h>

#include "../uapi/raftblk.h"

int raftblk_nl_up_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int raftblk_nl_down_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int raftblk_nl_get_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_get_start(struct netlink_callback *cb);
int raftblk_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int raftblk_nl_token_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_transfer_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int raftblk_nl_set_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_verify_doit(struct sk_buff *skb, struct genl_info *info);
int raftblk_nl_member_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int raftblk_nl_resize_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int raftblk_nl_join_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

enum {
	RAFTBLK_NLGRP_EVENTS,
};

extern struct genl_family raftblk_nl_family;

#endif /* RAFTBLK_NETLINK_GEN_H */
