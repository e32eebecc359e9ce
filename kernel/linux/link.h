/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A volume's side of the network: its peers, and how connections to them come
 * about.
 *
 * Threads: the volume's worker (established connections), works that dial, works
 * that do the handshake of accepted connections, socket callbacks (softirq),
 * and whoever calls raftblk_net_start() and _stop().
 *
 * Lock order (none of them is taken by callbacks but sk_callback_lock):
 *	listeners_lock (listen.c)
 *	  sockset.lock
 *	    socket lock
 *	      sk_callback_lock
 *	listener->lock
 *	  net->lock
 */
#ifndef RAFTBLK_LINK_H
#define RAFTBLK_LINK_H

#include <linux/kref.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>

#include "conn.h"
#include "net.h"
#include "sock.h"

struct crypto_shash;
struct raftblk_auth;
struct raftblk_link;
struct raftblk_listener;
struct raftblk_volume;

/* More than there can be peers: one that left is kept until its dials have ended. */
#define RAFTBLK_LINKS	(2 * RAFTBLK_MAX_MEMBERS)

/**
 * struct raftblk_dial - attempts to make one connection
 * @busy: queued or running; net->lock
 * @backoff_ms: 0, or the upper bound of the last delay; net->lock
 */
struct raftblk_dial {
	struct delayed_work work;
	struct raftblk_link *link;
	u8 role;
	bool busy;
	u32 backoff_ms;
};

/**
 * struct raftblk_link - a peer and the two connections to it
 * @id: node id, 0: free.  This one and the next three change in the worker, under
 *	net->lock; the worker may read them without it.
 * @dials: this side has the higher id, and so is the one that connects
 * @knocks: this side has the lower id, and dials once all the same, see raftblk_dial_knock();
 *	net->lock
 * @incarnation, @addr: where the peer is; @addr is not known of a newcomer, see
 *	raftblk_net_admit()
 * @last_error: of the last dial or of the connection that broke; net->lock
 * @dial: control, data
 * @conn: likewise; NULL where there is none; the worker's
 * @up: both have been there; the worker's, for messages
 * @seen: roles that have been connected before; the worker's
 * @stat: the worker's; without what @conn have counted
 * @log_limit: for messages about this peer
 */
struct raftblk_link {
	struct raftblk_net *net;
	u32 id;
	bool dials;
	bool knocks;
	u8 incarnation[16];
	struct raftblk_addr addr;
	int last_error;
	struct raftblk_dial dial[2];
	struct raftblk_conn *conn[2];
	bool up;
	u8 seen;
	struct raftblk_net_stat stat;
	struct ratelimit_state log_limit;
};

/**
 * struct raftblk_net - a volume's side of the network
 * @kref: holders: the volume (from start to stop), each handshake that has
 *	found it, each connection until it is released
 * @vol: may be used from start to the end of stop: by the worker, by callbacks, by
 *	dials and by those in @guests
 * @ns: network namespace of the process that brought the volume up; held,
 *	since kernel sockets do not hold theirs.  Sockets live in it.
 * @hmac: keyed with the volume's key
 * @listener: NULL where the member has no address
 * @in_listener: in listener->nets; listener->lock
 * @guests: sockets that are being connected or in a handshake for this volume
 * @nr_conns: connections that are not released yet
 * @conns_gone: for @nr_conns to become 0
 * @lock: protects the next three, and see struct raftblk_link
 * @stopping: no dial is begun and nothing is added to @incoming any more
 * @incoming: authenticated connections for the worker, at most one per peer and role
 * @config: copy of the configuration in force, for handshakes
 * @settled: it is committed, as far as is known here; who is not in it and was has left
 * @link: the worker's; only the first @nr_links have ever been used
 * @unassigned: a member had no free link; try again
 * @knock_at: the worker's: when to knock next, jiffies; 0: there is a leader
 * @vec: work space of the worker
 */
struct raftblk_net {
	struct kref kref;
	struct raftblk_volume *vol;
	struct net *ns;
	struct crypto_shash *hmac;
	struct raftblk_listener *listener;
	struct list_head in_listener;
	struct raftblk_sockset guests;
	atomic_t nr_conns;
	wait_queue_head_t conns_gone;

	spinlock_t lock;	/* see above */
	bool stopping;
	struct list_head incoming;
	struct raftblk_config config;
	bool settled;

	struct raftblk_link link[RAFTBLK_LINKS];
	u32 nr_links;
	bool unassigned;
	unsigned long knock_at;
	union {
		struct bio_vec page[CONN_VECTOR];
		struct kvec head[CONN_VECTOR];
	} vec;
};

/* dial, accept, release of connections: not more than a few seconds each */
extern struct workqueue_struct *raftblk_net_wq;

/* net.c */

void raftblk_net_put(struct raftblk_net *net);

/**
 * raftblk_net_add() - give a connection to the worker
 * @sock: after the handshake; taken over, also on failure
 * @dial: where it comes from one: it is no longer busy
 *
 * The caller has taken the socket out of net->guests, and holds a reference to
 * @net or runs as one of its dials.
 */
int raftblk_net_add(struct raftblk_net *net, struct socket *sock,
		    const struct raftblk_auth *auth, struct raftblk_dial *dial);

/**
 * raftblk_net_admit() - server: is the peer one, and does it want us?
 *
 * A member that joined while this one was away is let in, too: it has the
 * key, and its id has not been given out yet as far as this node knows (an id is
 * given once, and the newest member has the highest, so it is the one that
 * connects).  Otherwise the two could not elect a leader together, although they
 * may be a majority that is up.
 *
 * Return: 0; -EIDRM: it was a member and is none any more, for good; -EAGAIN: not a
 * member as far as we know (our configuration may be old); -ESTALE: a member, but on
 * another disk; -EREMCHG: it means another than us; -EINVAL: the other side should
 * listen, not dial.
 */
int raftblk_net_admit(struct raftblk_net *net, const struct raftblk_auth *auth);

/* link.c; worker only */

/* NULL: no such peer. */
struct raftblk_link *raftblk_link_find(struct raftblk_net *net, u32 id);

/* One that is free and none of whose dials, for the peer before, still runs; or NULL. */
struct raftblk_link *raftblk_link_unused(struct raftblk_net *net);

/* It is for this member from now on, or still is. */
void raftblk_link_set(struct raftblk_link *link, const struct raftblk_member *m);

/* The peer has left the volume. */
void raftblk_link_clear(struct raftblk_link *link);

/* Give up a connection because of @err.  The side that dials tries again. */
void raftblk_link_drop(struct raftblk_link *link, u32 role, int err);

/* A connection from the handshake; it replaces the one there is. */
void raftblk_link_take(struct raftblk_net *net, struct raftblk_conn *conn);

/* dial.c */

void raftblk_dial_init(struct raftblk_dial *dial, struct raftblk_link *link, u8 role);

/* Worker: begin, unless it is on its way.  @lived: jiffies the last connection lived, or 0 */
void raftblk_dial_start(struct raftblk_dial *dial, unsigned long lived);

/* Worker: ask a peer that should dial us, and does not, whether we are still a member: once. */
void raftblk_dial_knock(struct raftblk_dial *dial);

/* listen.c */

/* Let peers find @net at the volume's address.  0 or -errno.  May sleep. */
int raftblk_listen(struct raftblk_net *net, const struct raftblk_addr *addr);

/* No new handshake finds @net when it returns.  May sleep. */
void raftblk_unlisten(struct raftblk_net *net);

int raftblk_listen_init(void);
void raftblk_listen_exit(void);

#endif /* RAFTBLK_LINK_H */
