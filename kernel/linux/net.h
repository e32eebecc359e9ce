/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections to the other members of a volume.
 *
 * Each pair of members has two TCP connections, control and data; the member
 * with the higher node id dials.  Blocking work (connect, handshake) happens
 * in work items of its own; an established connection belongs to the volume's
 * worker, which reads and writes it without ever blocking.  Socket callbacks
 * only set a flag and wake the worker.
 */
#ifndef RAFTBLK_NET_H
#define RAFTBLK_NET_H

#include "../core/wire.h"

struct raftblk_volume;
struct raftblk_net;
struct net;
struct netlink_ext_ack;

/* Listen (shared by all volumes with the same address and port) and begin to
 * dial.  May sleep.  0 or -errno (-EADDRINUSE, -EADDRNOTAVAIL ...), with extack.
 */
int raftblk_net_start(struct raftblk_volume *vol, struct netlink_ext_ack *extack);

/* Close every connection; when it returns no callback and no work of this
 * volume's net runs any more, and vol->net is NULL.  May sleep; not from the
 * worker, which has been stopped before or at least calls nothing of what is
 * marked "worker only" below any more.  raftblk_volume_kick() may still be
 * called until it returns.
 */
void raftblk_net_stop(struct raftblk_volume *vol);

/* Worker only: who the peers are.  Called at start and whenever the configuration, or
 * whether it is committed (@settled), changed; drops connections to those that left.
 * Without @config: this member has left, there are none.
 */
void raftblk_net_configure(struct raftblk_volume *vol, const struct raftblk_config *config,
			   bool settled);

/* Worker only: take over new connections, receive what is there (up to a bound,
 * then returns true: call again), hand messages to raftblk_replica_receive(),
 * send what fits into the sockets.
 */
bool raftblk_net_work(struct raftblk_volume *vol);

/* Worker only: bit i: a control message to config.member[i] can be queued;
 * bit 16 + i: likewise a data message.  Clear where not connected or the queue is full.
 */
u32 raftblk_net_ready(struct raftblk_volume *vol);

/* Worker only: queue a message.  For APPEND takes references to the payloads of
 * log entries index + 1 ... index + nr.  Dropped if the connection has gone.
 */
void raftblk_net_send(struct raftblk_volume *vol, const struct raftblk_msg *m);

/* Worker only: push what has been queued into the sockets.  To be called at the
 * end of a round of raftblk_net_send(), so that the messages of one round share
 * segments; otherwise they leave with the next raftblk_net_work().
 */
void raftblk_net_flush(struct raftblk_volume *vol);

/* Worker only: is there a leader this member could hear?  One that has removed it, and so
 * its connections, is none although nobody has told.
 */
bool raftblk_net_has_leader(struct raftblk_volume *vol);

/* Worker only: for status.  @slot: of the current configuration's member[]. */
struct raftblk_net_stat {
	bool connected[2];		/* control, data */
	u64 tx_bytes, rx_bytes;
	u64 tx_msgs, rx_msgs;
	u64 reconnects;
	int last_error;			/* why the last attempt to connect failed, -errno */
};

void raftblk_net_stat(struct raftblk_volume *vol, u32 slot, struct raftblk_net_stat *st);

/**
 * struct raftblk_join - ask a cluster to be let in
 * @remote: any member
 * @local: where the joiner will listen
 * @uuid, @key: from the token
 * @incarnation: new, for the joiner's disk
 * @learner: it is to stay a learner
 * @witness: it has no data area
 * @look: only tell what the volume is like
 * @replaces: 0, or the member whose place it is to take
 * @resp: what the leader answered
 */
struct raftblk_join {
	struct raftblk_addr remote;
	struct raftblk_addr local;
	u8 uuid[16];
	u8 key[RAFTBLK_KEY_LEN];
	u8 incarnation[16];
	bool learner;
	bool witness;
	bool look;
	u32 replaces;
	struct raftblk_wire_join_resp resp;
};

/* Connect, authenticate, ask, follow redirections to the leader.  Sleeps up
 * to about 15 s, killable.  0 or -errno with extack saying what to do.
 */
int raftblk_net_join(struct raftblk_join *join, struct netlink_ext_ack *extack);

/**
 * raftblk_change() - change membership or leadership, wherever the leader is
 * @c: TRANSFER, REMOVE, SET or RESIZE; kind, to, role, member.addr, size, assume_zero are
 *	looked at; out: who, room
 * @timeout_ms: for all of it, whoever is asked meanwhile
 * @told: out: @extack says why it failed
 *
 * Return: 0; the leader's answer, see struct raftblk_change; -EAGAIN: nobody leads; others.
 * Context: may sleep, killable; not from the worker.
 */
int raftblk_change(struct raftblk_volume *vol, struct raftblk_change *c, u32 timeout_ms,
		   struct netlink_ext_ack *extack, bool *told);

int raftblk_net_init(void);
void raftblk_net_exit(void);

#endif /* RAFTBLK_NET_H */
