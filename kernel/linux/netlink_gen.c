// SPDX-License-Identifier: GPL-2.0
/* Made by userspace/gen/specgen from Documentation/netlink/raftblk.yaml; do not edit. */
#include "netlink_gen.h"

/* RAFTBLK_CMD_UP */
static const struct nla_policy raftblk_up_nl_policy[RAFTBLK_A_VOLUME_PATH + 1] = {
	[RAFTBLK_A_VOLUME_PATH] = { .type = NLA_NUL_STRING, .len = 4095, },
};

/* RAFTBLK_CMD_DOWN */
static const struct nla_policy raftblk_down_nl_policy[RAFTBLK_A_VOLUME_FORCE + 1] = {
	[RAFTBLK_A_VOLUME_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[RAFTBLK_A_VOLUME_MINOR] = { .type = NLA_U32, },
	[RAFTBLK_A_VOLUME_FORCE] = { .type = NLA_FLAG, },
};

/* RAFTBLK_CMD_GET */
static const struct nla_policy raftblk_get_nl_policy[RAFTBLK_A_VOLUME_MINOR + 1] = {
	[RAFTBLK_A_VOLUME_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[RAFTBLK_A_VOLUME_MINOR] = { .type = NLA_U32, },
};

/* RAFTBLK_CMD_TOKEN */
static const struct nla_policy raftblk_token_nl_policy[RAFTBLK_A_VOLUME_MINOR + 1] = {
	[RAFTBLK_A_VOLUME_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[RAFTBLK_A_VOLUME_MINOR] = { .type = NLA_U32, },
};

/* RAFTBLK_CMD_TRANSFER */
static const struct nla_policy raftblk_transfer_nl_policy[RAFTBLK_A_VOLUME_TO + 1] = {
	[RAFTBLK_A_VOLUME_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[RAFTBLK_A_VOLUME_MINOR] = { .type = NLA_U32, },
	[RAFTBLK_A_VOLUME_TO] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* RAFTBLK_CMD_SET */
static const struct nla_policy raftblk_set_nl_policy[RAFTBLK_A_VOLUME_RATE_MAX + 1] = {
	[RAFTBLK_A_VOLUME_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[RAFTBLK_A_VOLUME_MINOR] = { .type = NLA_U32, },
	[RAFTBLK_A_VOLUME_IO_TIMEOUT] = { .type = NLA_U32, },
	[RAFTBLK_A_VOLUME_QUORUM_READS] = NLA_POLICY_MAX(NLA_U8, 1),
	[RAFTBLK_A_VOLUME_RATE_MIN] = NLA_POLICY_MIN(NLA_U64, 1),
	[RAFTBLK_A_VOLUME_RATE_MAX] = { .type = NLA_U64, },
};

/* RAFTBLK_CMD_VERIFY */
static const struct nla_policy raftblk_verify_nl_policy[RAFTBLK_A_VOLUME_STOP + 1] = {
	[RAFTBLK_A_VOLUME_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[RAFTBLK_A_VOLUME_MINOR] = { .type = NLA_U32, },
	[RAFTBLK_A_VOLUME_REPAIR] = { .type = NLA_FLAG, },
	[RAFTBLK_A_VOLUME_STOP] = { .type = NLA_FLAG, },
};

static const struct nla_policy raftblk_address_nl_policy[RAFTBLK_A_ADDRESS_PORT + 1] = {
	[RAFTBLK_A_ADDRESS_IP] = NLA_POLICY_RANGE(NLA_BINARY, 4, 16),
	[RAFTBLK_A_ADDRESS_PORT] = NLA_POLICY_MIN(NLA_U16, 1),
};

/* RAFTBLK_CMD_MEMBER */
static const struct nla_policy raftblk_member_nl_policy[RAFTBLK_A_VOLUME_ADDRESS + 1] = {
	[RAFTBLK_A_VOLUME_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[RAFTBLK_A_VOLUME_MINOR] = { .type = NLA_U32, },
	[RAFTBLK_A_VOLUME_TO] = NLA_POLICY_MIN(NLA_U32, 1),
	[RAFTBLK_A_VOLUME_MEMBER_CHANGE] = NLA_POLICY_MAX(NLA_U32, 1),
	[RAFTBLK_A_VOLUME_PART] = NLA_POLICY_MAX(NLA_U32, 1),
	[RAFTBLK_A_VOLUME_ADDRESS] = NLA_POLICY_NESTED(raftblk_address_nl_policy),
};

/* RAFTBLK_CMD_RESIZE */
static const struct nla_policy raftblk_resize_nl_policy[RAFTBLK_A_VOLUME_ASSUME_ZERO + 1] = {
	[RAFTBLK_A_VOLUME_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[RAFTBLK_A_VOLUME_MINOR] = { .type = NLA_U32, },
	[RAFTBLK_A_VOLUME_SIZE] = { .type = NLA_U64, },
	[RAFTBLK_A_VOLUME_ASSUME_ZERO] = { .type = NLA_FLAG, },
};

/* RAFTBLK_CMD_JOIN */
static const struct nla_policy raftblk_join_dump_nl_policy[RAFTBLK_A_JOIN_WITNESS + 1] = {
	[RAFTBLK_A_JOIN_REMOTE] = NLA_POLICY_NESTED(raftblk_address_nl_policy),
	[RAFTBLK_A_JOIN_LOCAL] = NLA_POLICY_NESTED(raftblk_address_nl_policy),
	[RAFTBLK_A_JOIN_UUID] = NLA_POLICY_EXACT_LEN(16),
	[RAFTBLK_A_JOIN_KEY] = NLA_POLICY_EXACT_LEN(32),
	[RAFTBLK_A_JOIN_INCARNATION] = NLA_POLICY_EXACT_LEN(16),
	[RAFTBLK_A_JOIN_LEARNER] = { .type = NLA_FLAG, },
	[RAFTBLK_A_JOIN_REPLACES] = NLA_POLICY_MIN(NLA_U32, 1),
	[RAFTBLK_A_JOIN_LOOK] = { .type = NLA_FLAG, },
	[RAFTBLK_A_JOIN_WITNESS] = { .type = NLA_FLAG, },
};

static const struct genl_ops raftblk_nl_ops[] = {
	{
		.cmd		= RAFTBLK_CMD_UP,
		.dumpit		= raftblk_nl_up_dumpit,
		.policy		= raftblk_up_nl_policy,
		.maxattr	= RAFTBLK_A_VOLUME_PATH,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_DOWN,
		.dumpit		= raftblk_nl_down_dumpit,
		.policy		= raftblk_down_nl_policy,
		.maxattr	= RAFTBLK_A_VOLUME_FORCE,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_GET,
		.doit		= raftblk_nl_get_doit,
		.start		= raftblk_nl_get_start,
		.dumpit		= raftblk_nl_get_dumpit,
		.policy		= raftblk_get_nl_policy,
		.maxattr	= RAFTBLK_A_VOLUME_MINOR,
	},
	{
		.cmd		= RAFTBLK_CMD_TOKEN,
		.doit		= raftblk_nl_token_doit,
		.policy		= raftblk_token_nl_policy,
		.maxattr	= RAFTBLK_A_VOLUME_MINOR,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_TRANSFER,
		.dumpit		= raftblk_nl_transfer_dumpit,
		.policy		= raftblk_transfer_nl_policy,
		.maxattr	= RAFTBLK_A_VOLUME_TO,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_SET,
		.doit		= raftblk_nl_set_doit,
		.policy		= raftblk_set_nl_policy,
		.maxattr	= RAFTBLK_A_VOLUME_RATE_MAX,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_VERIFY,
		.doit		= raftblk_nl_verify_doit,
		.policy		= raftblk_verify_nl_policy,
		.maxattr	= RAFTBLK_A_VOLUME_STOP,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_MEMBER,
		.dumpit		= raftblk_nl_member_dumpit,
		.policy		= raftblk_member_nl_policy,
		.maxattr	= RAFTBLK_A_VOLUME_ADDRESS,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_RESIZE,
		.dumpit		= raftblk_nl_resize_dumpit,
		.policy		= raftblk_resize_nl_policy,
		.maxattr	= RAFTBLK_A_VOLUME_ASSUME_ZERO,
		.flags		= GENL_ADMIN_PERM,
	},
	{
		.cmd		= RAFTBLK_CMD_JOIN,
		.dumpit		= raftblk_nl_join_dumpit,
		.policy		= raftblk_join_dump_nl_policy,
		.maxattr	= RAFTBLK_A_JOIN_WITNESS,
		.flags		= GENL_ADMIN_PERM,
	},
};

static const struct genl_multicast_group raftblk_nl_mcgrps[] = {
	[RAFTBLK_NLGRP_EVENTS] = { .name = "events", },
};

/*
 * parallel_ops: under the mutex of generic netlink every user of it in the system would
 * wait for each command here.  What stays locked, for readers, during a doit is the list
 * of families: who adds or takes away one, and then everybody behind, waits for the
 * longest of them.  So they ask no more than the worker.  (That may itself be waiting,
 * for a lower device that takes no more I/O.)  What waits for a disk or for other
 * machines is a dump, see raftblk_netlink_wait().
 */
struct genl_family raftblk_nl_family __ro_after_init = {
	.name		= RAFTBLK_FAMILY_NAME,
	.version	= RAFTBLK_FAMILY_VERSION,
	.netnsok	= false,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.ops		= raftblk_nl_ops,
	.n_ops		= ARRAY_SIZE(raftblk_nl_ops),
	.mcgrps		= raftblk_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(raftblk_nl_mcgrps),
};
