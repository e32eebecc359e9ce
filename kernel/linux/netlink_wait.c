// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that wait, for a disk or for other machines.
 *
 * Generic netlink calls a doit with its list of families locked for readers.  Until that
 * returns no family can be added or taken away, no module that has one loaded or
 * unloaded, and behind somebody who tries to every other user of generic netlink waits.
 * With a disk that hangs, or a module that is loaded because of what is done here, that
 * would be for ever.
 *
 * A dump is called like that as well when it is asked for.  But then it goes on in recvmsg(),
 * as long as it has not ended, and there only the socket is locked: it belongs to whoever
 * asked.  So the first call says nothing but that there is more, and the second one does
 * what was asked for.  It still runs as the one who asked, with his namespaces and signals,
 * and generic netlink holds the module.
 */
#include "../compat/genl.h"
#include "netlink.h"
#include "netlink_gen.h"

int raftblk_netlink_wait(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
			 int (*run)(struct genl_info *info, struct sk_buff *reply))
{
	struct genl_info info = {
		.snd_seq = cb->nlh->nlmsg_seq,
		.snd_portid = NETLINK_CB(cb->skb).portid,
		.attrs = compat_dump_attrs(cb),
		.extack = cb->extack,
	};
	bool first = !cb->args[0]++;
	void *hdr;
	int err;

	/* There is room for the answer before anything is done: later a failure would be a lie. */
	hdr = genlmsg_put(skb, info.snd_portid, info.snd_seq, &raftblk_nl_family, NLM_F_MULTI,
			  cmd);
	if (!hdr)
		return -EMSGSIZE;
	err = first ? 0 : run(&info, skb);
	if (err) {
		genlmsg_cancel(skb, hdr);
		/* EINTR at the end of a dump is a reason to ask again, and no error. */
		return err == -EINTR ? -ECANCELED : err;
	}
	genlmsg_end(skb, hdr);
	/* 0: it has ended, and that goes into the same buffer. */
	return first ? skb->len : 0;
}
