/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel TCP sockets: creating them, their options, and blocking frames on
 * them.  For the phases before a connection is the worker's: listening,
 * connecting, the handshake, joining.
 */
#ifndef RAFTBLK_SOCK_H
#define RAFTBLK_SOCK_H

#include <linux/mutex.h>
#include <linux/socket.h>
#include <linux/wait.h>

#include "../core/wire.h"

/* TCP asks at once and, when there is no answer, a second later. */
#define RAFTBLK_CONNECT_TIMEOUT_MS	2000

struct net;
struct raftblk_sockref;
struct raftblk_sockset;
struct socket;

/**
 * struct raftblk_frame - a message of the handshake, as on the wire
 *
 * Large: on the heap, not on the stack.
 */
struct raftblk_frame {
	struct raftblk_wire_header header;
	u8 body[RAFTBLK_WIRE_BODY_MAX];
};

/* Both fill @ss and return its length; 0 where the family is not known. */
int raftblk_addr_to_sockaddr(const struct raftblk_addr *addr, struct sockaddr_storage *ss);
bool raftblk_addr_from_sockaddr(struct raftblk_addr *addr, const struct sockaddr_storage *ss);
bool raftblk_addr_same_ip(const struct raftblk_addr *a, const struct raftblk_addr *b);

/**
 * raftblk_sock_connect() - a TCP connection to a listener
 * @ns: network namespace; the caller holds it for as long as the socket lives
 * @local: address to come from (the port is left to the kernel)
 * @set, @ref: the socket is put there before anything blocks, so that another
 *	thread can end the attempt by closing the set; it stays in it
 *
 * Return: 0; -errno, then *@out is NULL and @ref is in no set.
 */
int raftblk_sock_connect(struct net *ns, const struct raftblk_addr *local,
			 const struct raftblk_addr *remote,
			 struct raftblk_sockset *set, struct raftblk_sockref *ref,
			 struct socket **out);

/* Bind and listen.  0 or -errno. */
int raftblk_sock_listen(struct net *ns, const struct raftblk_addr *addr, struct socket **out);

/* A socket that was accepted or connected, before the first byte. */
void raftblk_sock_prepare(struct socket *sock);

/* Release it with a reset, so that not even a TIME_WAIT remains. */
void raftblk_sock_abort(struct socket *sock);

/* Give what was said last a second to arrive, and the peer to close.  Then abort it. */
void raftblk_sock_wait_read(struct socket *sock);

/* It becomes one of the two connections to a peer: control, or data. */
void raftblk_sock_set_role(struct socket *sock, u8 role);

/* Before sock_release() of one that raftblk_sock_set_role() has seen. */
void raftblk_sock_unset_role(struct socket *sock);

/* Blocking; -ETIMEDOUT when @deadline (jiffies) has passed. */
int raftblk_frame_send(struct socket *sock, struct raftblk_frame *f, u8 type, u32 status,
		       const void *body, u16 bytes, unsigned long deadline);

/**
 * raftblk_frame_recv() - read one message without payload, check it
 * @m: decoded header
 *
 * Return: 0; -ECONNRESET: the other side has closed; -ETIMEDOUT; -EINTR: a
 * signal; -EPROTO: not a message of ours.
 */
int raftblk_frame_recv(struct socket *sock, struct raftblk_frame *f, struct raftblk_msg *m,
		       unsigned long deadline);

/**
 * struct raftblk_sockset - sockets on which somebody blocks
 * @lock: protects @list and @closed, and keeps a socket in @list from being
 *	released while it is shut down
 * @list: struct raftblk_sockref, oldest first
 * @closed: nothing is let in any more
 * @wait: for @list to become empty
 *
 * To end them: raftblk_sockset_close().  The memory must outlive whoever
 * called raftblk_sockset_del() last: hold it by a reference count.
 */
struct raftblk_sockset {
	struct mutex lock;	/* see above */
	struct list_head list;
	bool closed;
	wait_queue_head_t wait;
};

struct raftblk_sockref {
	struct list_head node;
	struct socket *sock;
};

void raftblk_sockset_init(struct raftblk_sockset *set);

/* 0 or -ESHUTDOWN */
int raftblk_sockset_add(struct raftblk_sockset *set, struct raftblk_sockref *ref,
			struct socket *sock);

/* Before the socket is released or given away.  Not being in the set is fine. */
void raftblk_sockset_del(struct raftblk_sockset *set, struct raftblk_sockref *ref);

/* Shut down all sockets, and wait until the last has been taken out.  May sleep. */
void raftblk_sockset_close(struct raftblk_sockset *set);

#endif /* RAFTBLK_SOCK_H */
