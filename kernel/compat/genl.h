/* SPDX-License-Identifier: GPL-2.0 */
/* Generic netlink, as far as it differs between kernels.  See probe.mk. */
#ifndef RAFTBLK_COMPAT_GENL_H
#define RAFTBLK_COMPAT_GENL_H

#include <net/genetlink.h>

/* The attributes that a dump was asked for with. */
static inline struct nlattr **compat_dump_attrs(struct netlink_callback *cb)
{
#ifdef COMPAT_GENL_INFO_DUMP
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

#endif /* RAFTBLK_COMPAT_GENL_H */
