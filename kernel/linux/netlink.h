/* SPDX-License-Identifier: GPL-2.0 */
/* Generic netlink: what the tool asks of the module, and the events it hears. */
#ifndef RAFTBLK_NETLINK_H
#define RAFTBLK_NETLINK_H

#include <linux/types.h>

struct genl_info;
struct netlink_callback;
struct raftblk_addr;
struct raftblk_member;
struct raftblk_pending_event;
struct raftblk_volume;
struct sk_buff;

/* netlink.c */

int raftblk_netlink_init(void);

/* When it returns no command runs any more and no event is sent.  May sleep. */
void raftblk_netlink_exit(void);

/* Worker only: tell the multicast group.  An event nobody can be told for lack
 * of memory is lost; the state behind it is always there to be asked for.
 */
void raftblk_netlink_event(struct raftblk_volume *vol, const struct raftblk_pending_event *ev);

/* The volume a request names, with a reference; an ERR_PTR with extack set. */
struct raftblk_volume *raftblk_netlink_volume(struct genl_info *info);

/* The address in attribute @attr, which is there.  0 or -EINVAL with extack set. */
int raftblk_netlink_address(struct genl_info *info, int attr, struct raftblk_addr *addr);

/* netlink_wait.c */

/**
 * raftblk_netlink_wait() - the dumpit of a command that waits
 * @run: does it, once, with nothing of the system locked.  The answer's attributes go into
 *	@reply.  0, or -errno with extack set; then there is no answer.
 */
int raftblk_netlink_wait(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
			 int (*run)(struct genl_info *info, struct sk_buff *reply));

/* netlink_state.c */

#define RAFTBLK_NETLINK_STATE_MAX	16384	/* bytes a volume's state may take in a message */

/* Worker only: the state of a volume as attributes.  0 or -EMSGSIZE. */
int raftblk_netlink_put_state(struct raftblk_volume *vol, struct sk_buff *skb);

/* Id, flags, address and incarnation of a member; the nest stays open. */
int raftblk_netlink_put_member(struct sk_buff *skb, const struct raftblk_member *m);

#endif /* RAFTBLK_NETLINK_H */
