// SPDX-License-Identifier: GPL-2.0
/* An established connection: life and socket callbacks.  See conn.h. */
#include <linux/slab.h>
#include <net/sock.h>

#include "auth.h"
#include "link.h"
#include "volume.h"

/* Of its own, so that waiting for releases does not mean waiting for dials. */
static struct workqueue_struct *release_wq;

/*
 * Callbacks.  Under sk_callback_lock sk_user_data is either NULL or a connection
 * that raftblk_conn_close() has not detached yet, and then the volume is alive:
 * raftblk_net_stop() closes all connections before it returns.
 */
static void conn_signal(struct raftblk_conn *conn, u32 bit)
{
	/* after what was done to the socket; pairs with the barrier behind
	 * clear_bit() in recv.c and send.c
	 */
	smp_mb__before_atomic();
	set_bit(bit, &conn->flags);
	raftblk_volume_kick(conn->net->vol);
}

static void conn_data_ready(struct sock *sk)
{
	struct raftblk_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = sk->sk_user_data;
	if (conn)
		conn_signal(conn, CONN_READABLE);
	read_unlock_bh(&sk->sk_callback_lock);
}

static void conn_write_space(struct sock *sk)
{
	struct raftblk_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = sk->sk_user_data;
	/* not for each byte that was acknowledged: a third must be free */
	if (conn && sk_stream_is_writeable(sk)) {
		clear_bit(SOCK_NOSPACE, &conn->sock->flags);
		conn_signal(conn, CONN_WRITABLE);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

/* Closed by the peer, reset, timed out: both directions will find out. */
static void conn_state_change(struct sock *sk)
{
	struct raftblk_conn *conn;

	read_lock_bh(&sk->sk_callback_lock);
	conn = sk->sk_user_data;
	if (conn) {
		conn_signal(conn, CONN_READABLE);
		conn_signal(conn, CONN_WRITABLE);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

void raftblk_conn_attach(struct raftblk_conn *conn)
{
	struct sock *sk = conn->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	conn->saved_data_ready = sk->sk_data_ready;
	conn->saved_write_space = sk->sk_write_space;
	conn->saved_state_change = sk->sk_state_change;
	sk->sk_user_data = conn;
	sk->sk_data_ready = conn_data_ready;
	sk->sk_write_space = conn_write_space;
	sk->sk_state_change = conn_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
	conn->attached = true;
	/* for whatever has happened before */
	set_bit(CONN_READABLE, &conn->flags);
	set_bit(CONN_WRITABLE, &conn->flags);
}

static void conn_detach(struct raftblk_conn *conn)
{
	struct sock *sk = conn->sock->sk;

	if (!conn->attached)
		return;
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	sk->sk_data_ready = conn->saved_data_ready;
	sk->sk_write_space = conn->saved_write_space;
	sk->sk_state_change = conn->saved_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
	conn->attached = false;
}

static void conn_free(struct raftblk_conn *conn)
{
	raftblk_rx_exit(&conn->rx);
	raftblk_tx_exit(&conn->tx);
	kfree(conn);
}

static void conn_release(struct work_struct *work)
{
	struct raftblk_conn *conn = container_of(work, struct raftblk_conn, release);
	struct raftblk_net *net = conn->net;

	raftblk_sock_unset_role(conn->sock);
	sock_release(conn->sock);
	conn_free(conn);
	if (atomic_dec_and_test(&net->nr_conns))
		wake_up_all(&net->conns_gone);
	raftblk_net_put(net);
}

struct raftblk_conn *raftblk_conn_create(struct raftblk_net *net, struct socket *sock,
					 const struct raftblk_auth *auth)
{
	struct raftblk_conn *conn = kzalloc(sizeof(*conn), GFP_NOIO);

	if (!conn)
		return NULL;
	if (raftblk_rx_init(&conn->rx, auth->role) || raftblk_tx_init(&conn->tx, auth->role)) {
		conn_free(conn);
		return NULL;
	}
	INIT_LIST_HEAD(&conn->node);
	INIT_WORK(&conn->release, conn_release);
	conn->role = auth->role;
	conn->peer = auth->peer_id;
	memcpy(conn->incarnation, auth->peer_incarnation, sizeof(conn->incarnation));
	conn->since = jiffies;
	conn->sock = sock;
	conn->net = net;
	kref_get(&net->kref);
	atomic_inc(&net->nr_conns);
	raftblk_sock_set_role(sock, auth->role);
	return conn;
}

/*
 * The rest is for a work item: releasing a socket takes locks that others may
 * hold for long (CPU hotplug, for the static key behind sk_clear_memalloc()),
 * and the worker must not wait for anything.
 */
void raftblk_conn_close(struct raftblk_conn *conn)
{
	conn_detach(conn);
	raftblk_rx_drop(&conn->rx);
	raftblk_tx_drop(&conn->tx);
	queue_work(release_wq, &conn->release);
}

int raftblk_conn_init(void)
{
	release_wq = alloc_workqueue("raftblk-release", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return release_wq ? 0 : -ENOMEM;
}

void raftblk_conn_exit(void)
{
	destroy_workqueue(release_wq);
}
