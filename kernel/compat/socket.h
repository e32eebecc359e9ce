/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel sockets, as far as they differ between kernels.  See probe.mk.
 *
 * COMPAT_SENDPAGE stands for more than its name: kernel_sendpage_locked() went
 * away in the release in which TCP began to honour MSG_SPLICE_PAGES.  The mere
 * definition of MSG_SPLICE_PAGES means nothing: stable kernels have it without
 * TCP looking at it.
 */
#ifndef RAFTBLK_COMPAT_SOCKET_H
#define RAFTBLK_COMPAT_SOCKET_H

#include <linux/bvec.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <net/sock.h>

/**
 * compat_sock_send_pages() - send parts of pages without copying them
 * @bv: @nr pieces of pages of order 0, not from a slab; the network stack takes
 *	references to the pages and reads them until the peer has acknowledged
 *	them, so their content must never change again
 * @bytes: length of all pieces
 * @flags: MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE
 *
 * Return: bytes taken, at most @bytes, or -errno (-EAGAIN: none for now; the
 * socket's sk_write_space will be called).
 */
#ifdef COMPAT_SENDPAGE
static inline int compat_sock_send_pages(struct socket *sock, struct bio_vec *bv, u32 nr,
					 size_t bytes, int flags)
{
	struct sock *sk = sock->sk;
	int sent = 0, ret = 0;
	u32 i;

	/* one turn of the socket lock for all of them */
	lock_sock(sk);
	for (i = 0; i < nr; i++) {
		int more = i + 1 < nr ? MSG_MORE : 0;

		ret = kernel_sendpage_locked(sk, bv[i].bv_page, bv[i].bv_offset,
					     bv[i].bv_len, flags | more);
		if (ret <= 0)
			break;
		sent += ret;
		if (ret < bv[i].bv_len)
			break;
	}
	release_sock(sk);
	return sent ? sent : ret;
}
#else
static inline int compat_sock_send_pages(struct socket *sock, struct bio_vec *bv, u32 nr,
					 size_t bytes, int flags)
{
	struct msghdr msg = { .msg_flags = flags | MSG_SPLICE_PAGES };

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, nr, bytes);
	return sock_sendmsg(sock, &msg);
}
#endif

/* The same, but copied: the pages are free to be used when it returns. */
static inline int compat_sock_copy_pages(struct socket *sock, struct bio_vec *bv, u32 nr,
					 size_t bytes, int flags)
{
	struct msghdr msg = { .msg_flags = flags };

	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, nr, bytes);
	return sock_sendmsg(sock, &msg);
}

/* Receive into parts of pages; bytes, 0 at the end of the stream, or -errno. */
static inline int compat_sock_recv_pages(struct socket *sock, struct bio_vec *bv, u32 nr,
					 size_t bytes, int flags)
{
	struct msghdr msg = { };

	iov_iter_bvec(&msg.msg_iter, ITER_DEST, bv, nr, bytes);
	return sock_recvmsg(sock, &msg, flags);
}

/* The socket is used where current->task_frag may be in use further up the stack. */
static inline void compat_sock_own_frag(struct sock *sk)
{
#ifdef COMPAT_TASK_FRAG
	sk->sk_use_task_frag = false;
#endif
}

#ifdef COMPAT_SOCKADDR_UNSIZED
#define compat_sockaddr(ss)	((struct sockaddr_unsized *)(ss))
#else
#define compat_sockaddr(ss)	((struct sockaddr *)(ss))
#endif

#endif /* RAFTBLK_COMPAT_SOCKET_H */
