// SPDX-License-Identifier: GPL-2.0
/* Kernel TCP sockets: creating them, their options, and blocking frames on them. */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/jiffies.h>
#include <linux/net.h>
#include <linux/pkt_sched.h>
#include <linux/tcp.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "../compat/socket.h"
#include "sock.h"

#define CONNECT_SYN_RETRIES	2
#define LISTEN_BACKLOG		128

/* A peer that is gone without a word is noticed after about six seconds where
 * nothing is sent, and where something is sent, after USER_TIMEOUT: the next
 * attempt to connect is due long before TCP's own back-off would try again.
 */
#define KEEPALIVE_IDLE_S	3
#define KEEPALIVE_INTERVAL_S	1
#define KEEPALIVE_PROBES	3
#define USER_TIMEOUT_MS		5000

int raftblk_addr_to_sockaddr(const struct raftblk_addr *addr, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *in = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	switch (addr->family) {
	case 4:
		in->sin_family = AF_INET;
		in->sin_port = htons(addr->port);
		memcpy(&in->sin_addr, addr->ip, sizeof(in->sin_addr));
		return sizeof(*in);
	case 6:
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(addr->port);
		memcpy(&in6->sin6_addr, addr->ip, sizeof(in6->sin6_addr));
		return sizeof(*in6);
	default:
		return 0;
	}
}

bool raftblk_addr_from_sockaddr(struct raftblk_addr *addr, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;

	memset(addr, 0, sizeof(*addr));
	switch (ss->ss_family) {
	case AF_INET:
		addr->family = 4;
		addr->port = ntohs(in->sin_port);
		memcpy(addr->ip, &in->sin_addr, sizeof(in->sin_addr));
		return true;
	case AF_INET6:
		addr->family = 6;
		addr->port = ntohs(in6->sin6_port);
		memcpy(addr->ip, &in6->sin6_addr, sizeof(in6->sin6_addr));
		return true;
	default:
		return false;
	}
}

bool raftblk_addr_same_ip(const struct raftblk_addr *a, const struct raftblk_addr *b)
{
	return a->family == b->family &&
	       !memcmp(a->ip, b->ip, a->family == 4 ? 4 : sizeof(a->ip));
}

static int sock_setopt_int(struct socket *sock, int level, int name, int value)
{
	return sock->ops->setsockopt(sock, level, name, KERNEL_SOCKPTR(&value), sizeof(value));
}

void raftblk_sock_prepare(struct socket *sock)
{
	struct sock *sk = sock->sk;

	/* Memory for packets must never be waited for by writing dirty pages
	 * out: they may be on their way to this device.
	 */
	sk->sk_allocation = GFP_NOIO;
	compat_sock_own_frag(sk);

	tcp_sock_set_nodelay(sk);
	sock_set_keepalive(sk);
	tcp_sock_set_keepidle(sk, KEEPALIVE_IDLE_S);
	tcp_sock_set_keepintvl(sk, KEEPALIVE_INTERVAL_S);
	tcp_sock_set_keepcnt(sk, KEEPALIVE_PROBES);
	tcp_sock_set_user_timeout(sk, USER_TIMEOUT_MS);
}

/* What is left until @deadline in jiffies, for sk_rcvtimeo and sk_sndtimeo. */
static long time_left(unsigned long deadline)
{
	long left = deadline - jiffies;

	return max(left, 1L);
}

/*
 * Never closed in the ordinary way: a socket that the kernel made for itself loses
 * its timers when it is closed, so one whose last packets are not acknowledged
 * would stay for ever, and anybody could make many.
 */
void raftblk_sock_abort(struct socket *sock)
{
	sock_no_linger(sock->sk);
	sock_release(sock);
}

void raftblk_sock_wait_read(struct socket *sock)
{
	unsigned long deadline = jiffies + HZ;
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	u8 rest[64];
	struct kvec vec;
	int ret;

	kernel_sock_shutdown(sock, SHUT_WR);
	do {
		vec = (struct kvec){ .iov_base = rest, .iov_len = sizeof(rest) };
		sock->sk->sk_rcvtimeo = time_left(deadline);
		ret = kernel_recvmsg(sock, &msg, &vec, 1, sizeof(rest), msg.msg_flags);
	} while (ret > 0 && time_before(jiffies, deadline));
}

/*
 * SOCK_MEMALLOC: a write of this node completes only when acknowledgements from
 * peers have been received, and cleaning pages is what frees memory.  Without
 * the flag, a packet that the driver had to take from the emergency reserve is
 * dropped, also the one with the acknowledgement that would end the shortage.
 * What a connection can take from the reserve is bounded: it sends pages that
 * exist already, and it receives at most a receive buffer full, which the worker
 * empties into payloads with a reserve of their own.
 *
 * Buffer sizes are left to TCP's own tuning, bounded by net.ipv4.tcp_wmem and
 * tcp_rmem: fixed ones would be wrong on either a LAN or a long line, and what
 * is not acknowledged to Raft is bounded by its window in any case.
 */
void raftblk_sock_set_role(struct socket *sock, u8 role)
{
	struct sock *sk = sock->sk;

	sk->sk_rcvtimeo = MAX_SCHEDULE_TIMEOUT;
	sk->sk_sndtimeo = MAX_SCHEDULE_TIMEOUT;
	/* Closing resets: what is queued for a peer is of no use to it once
	 * the connection is given up, and a reset tells it at once.
	 */
	sock_no_linger(sk);
	if (role == RAFTBLK_CONN_CONTROL) {
		sock_set_priority(sk, TC_PRIO_CONTROL);
		/* few packets in flight: a lost heartbeat is sent again after
		 * each RTO, not after twice as long each time
		 */
		sock_setopt_int(sock, SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1);
	}
	sk_set_memalloc(sk);
}

void raftblk_sock_unset_role(struct socket *sock)
{
	lock_sock(sock->sk);
	sk_clear_memalloc(sock->sk);
	release_sock(sock->sk);
}

static int sock_open(struct net *ns, u8 family, struct socket **out)
{
	return sock_create_kern(ns, family == 6 ? AF_INET6 : AF_INET, SOCK_STREAM,
				IPPROTO_TCP, out);
}

static int sock_bind(struct socket *sock, const struct raftblk_addr *addr, bool any_port)
{
	struct raftblk_addr a = *addr;
	struct sockaddr_storage ss;
	int len;

	if (any_port)
		a.port = 0;
	len = raftblk_addr_to_sockaddr(&a, &ss);
	return kernel_bind(sock, compat_sockaddr(&ss), len);
}

int raftblk_sock_connect(struct net *ns, const struct raftblk_addr *local,
			 const struct raftblk_addr *remote,
			 struct raftblk_sockset *set, struct raftblk_sockref *ref,
			 struct socket **out)
{
	struct sockaddr_storage ss;
	struct socket *sock;
	int len, err;

	*out = NULL;
	len = raftblk_addr_to_sockaddr(remote, &ss);
	if (!len)
		return -EAFNOSUPPORT;
	err = sock_open(ns, remote->family, &sock);
	if (err)
		return err;
	raftblk_sock_prepare(sock);
	tcp_sock_set_syncnt(sock->sk, CONNECT_SYN_RETRIES);
	sock->sk->sk_sndtimeo = msecs_to_jiffies(RAFTBLK_CONNECT_TIMEOUT_MS);

	/* the listener tells members from strangers by where they come from */
	if (local->family == remote->family) {
		err = sock_bind(sock, local, true);
		if (err)
			goto err_release;
	}
	err = raftblk_sockset_add(set, ref, sock);
	if (err)
		goto err_release;
	err = kernel_connect(sock, compat_sockaddr(&ss), len, 0);
	if (err)
		goto err_del;
	*out = sock;
	return 0;

err_del:
	raftblk_sockset_del(set, ref);
err_release:
	raftblk_sock_abort(sock);
	/* what a connect that timed out is called */
	return err == -EINPROGRESS || err == -EALREADY ? -ETIMEDOUT : err;
}

int raftblk_sock_listen(struct net *ns, const struct raftblk_addr *addr, struct socket **out)
{
	struct socket *sock;
	int err;

	err = sock_open(ns, addr->family, &sock);
	if (err)
		return err;
	sock->sk->sk_allocation = GFP_NOIO;
	sock_set_reuseaddr(sock->sk);
	/* IPv4 addresses are listened on as such */
	if (addr->family == 6)
		ip6_sock_set_v6only(sock->sk);
	err = sock_bind(sock, addr, false);
	if (!err)
		err = kernel_listen(sock, LISTEN_BACKLOG);
	if (err) {
		sock_release(sock);
		return err;
	}
	*out = sock;
	return 0;
}

static int frame_error(int ret, unsigned long deadline)
{
	if (ret >= 0)	/* the stream ended, or time is over in the middle */
		return time_before(jiffies, deadline) ? -ECONNRESET : -ETIMEDOUT;
	if (ret == -EAGAIN)
		return -ETIMEDOUT;
	if (ret == -ERESTARTSYS)
		return -EINTR;
	return ret;
}

static int sock_recv_all(struct socket *sock, void *buf, u32 bytes, unsigned long deadline)
{
	struct msghdr msg = { .msg_flags = MSG_WAITALL | MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = buf, .iov_len = bytes };
	int ret;

	if (!bytes)
		return 0;
	/* bounds the whole call: with MSG_WAITALL a sender of one byte at a
	 * time does not start it afresh
	 */
	sock->sk->sk_rcvtimeo = time_left(deadline);
	ret = kernel_recvmsg(sock, &msg, &vec, 1, bytes, msg.msg_flags);
	return ret == bytes ? 0 : frame_error(ret, deadline);
}

int raftblk_frame_send(struct socket *sock, struct raftblk_frame *f, u8 type, u32 status,
		       const void *body, u16 bytes, unsigned long deadline)
{
	struct raftblk_msg m = { .type = type, .status = status };
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL };
	struct kvec vec = { .iov_base = f };
	int ret;

	vec.iov_len = raftblk_wire_encode_body(type, &m, body, bytes, f);
	sock->sk->sk_sndtimeo = time_left(deadline);
	ret = kernel_sendmsg(sock, &msg, &vec, 1, vec.iov_len);
	return ret == vec.iov_len ? 0 : frame_error(ret, deadline);
}

int raftblk_frame_recv(struct socket *sock, struct raftblk_frame *f, struct raftblk_msg *m,
		       unsigned long deadline)
{
	struct raftblk_wire_frame what;
	int err;

	err = sock_recv_all(sock, &f->header, sizeof(f->header), deadline);
	if (err)
		return err;
	err = raftblk_wire_check_header(&f->header, &what);
	if (err)
		return err;
	if (what.payload_bytes || what.type == RAFTBLK_MSG_APPEND)
		return -EPROTO;
	err = sock_recv_all(sock, f->body, what.body_bytes, deadline);
	if (err)
		return err;
	return raftblk_wire_decode(&f->header, f->body, m, NULL, 0);
}

void raftblk_sockset_init(struct raftblk_sockset *set)
{
	mutex_init(&set->lock);
	INIT_LIST_HEAD(&set->list);
	init_waitqueue_head(&set->wait);
	set->closed = false;
}

int raftblk_sockset_add(struct raftblk_sockset *set, struct raftblk_sockref *ref,
			struct socket *sock)
{
	int err = 0;

	ref->sock = sock;
	mutex_lock(&set->lock);
	if (set->closed)
		err = -ESHUTDOWN;
	else
		list_add_tail(&ref->node, &set->list);
	mutex_unlock(&set->lock);
	return err;
}

void raftblk_sockset_del(struct raftblk_sockset *set, struct raftblk_sockref *ref)
{
	mutex_lock(&set->lock);
	if (!list_empty(&ref->node)) {
		list_del_init(&ref->node);
		if (set->closed && list_empty(&set->list))
			wake_up_all(&set->wait);
	}
	mutex_unlock(&set->lock);
}

void raftblk_sockset_close(struct raftblk_sockset *set)
{
	struct raftblk_sockref *ref;
	bool empty;

	for (;;) {
		mutex_lock(&set->lock);
		set->closed = true;
		/* again each time: one that was about to connect when it was
		 * shut down has connected all the same
		 */
		list_for_each_entry(ref, &set->list, node)
			kernel_sock_shutdown(ref->sock, SHUT_RDWR);
		empty = list_empty(&set->list);
		mutex_unlock(&set->lock);
		if (empty)
			return;
		wait_event_timeout(set->wait, list_empty_careful(&set->list), HZ / 10);
	}
}
