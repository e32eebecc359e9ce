// SPDX-License-Identifier: GPL-2.0
/* The module: what has to be there before the first volume, and goes after the last. */
#include <linux/module.h>

#include "blk.h"
#include "debugfs.h"
#include "lower.h"
#include "net.h"
#include "netlink.h"
#include "payload.h"
#include "volume.h"

static int __init raftblk_init(void)
{
	int err;

	err = raftblk_payload_init();
	if (err)
		return err;
	err = raftblk_lower_init();
	if (err)
		goto err_payload;
	err = raftblk_blk_init();
	if (err)
		goto err_lower;
	err = raftblk_net_init();
	if (err)
		goto err_blk;
	raftblk_debugfs_init();
	/* Last: from here on users can bring volumes up. */
	err = raftblk_netlink_init();
	if (err)
		goto err_net;
	return 0;

err_net:
	raftblk_debugfs_exit();
	raftblk_net_exit();
err_blk:
	raftblk_blk_exit();
err_lower:
	raftblk_lower_exit();
err_payload:
	raftblk_payload_exit();
	return err;
}

/* Every volume that is up, and every opener, holds the module: there are none. */
static void __exit raftblk_exit(void)
{
	raftblk_netlink_exit();
	raftblk_volume_exit();
	raftblk_debugfs_exit();
	raftblk_net_exit();
	raftblk_blk_exit();
	raftblk_lower_exit();
	raftblk_payload_exit();
}

module_init(raftblk_init);
module_exit(raftblk_exit);

MODULE_DESCRIPTION("Block device replicated through a Raft log");
MODULE_LICENSE("GPL");
