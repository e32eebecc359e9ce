// SPDX-License-Identifier: GPL-2.0
/*
 * Listening, and the handshake with those who connect.
 *
 * One socket per address and port serves all volumes of the node that use it:
 * HELLO says which one is meant.  Each accepted socket gets a work item of its
 * own, which may block for RAFTBLK_AUTH_TIMEOUT at most.  How many there are at
 * once is bounded, apart for addresses of members and for all others, so that
 * whoever scans or floods the port costs little and keeps no member out.
 */
#include <linux/kref.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "ask.h"
#include "auth.h"
#include "link.h"
#include "volume.h"

/* Handshakes at once, per listener */
#define MAX_MEMBERS	128	/* from addresses of members of any volume here */
#define MAX_STRANGERS	16	/* from elsewhere */
#define MAX_WORKS	256	/* all listeners */

#define ACCEPT_BATCH	64
#define ACCEPT_RETRY	(HZ / 10)	/* when accept() fails for lack of something */

/* A stranger who is slower than this has to go when others wait. */
#define STRANGER_SLOW	HZ

/**
 * struct raftblk_listener - a listening socket
 * @kref: holders: the nets (one for all of them), each handshake
 * @link: in listeners; listeners_lock, as @users
 * @users: nets that use it
 * @ns: network namespace, held
 * @addr: what it is for, with the port
 * @sock: the listening socket
 * @saved_data_ready: its own callback
 * @accept: takes what has connected
 * @lock: protects @nets
 * @nets: struct raftblk_net.in_listener
 * @pending: sockets whose handshake is not over
 * @count: how many: [0] from strangers, [1] from members
 */
struct raftblk_listener {
	struct kref kref;
	struct list_head link;
	u32 users;
	struct net *ns;
	struct raftblk_addr addr;
	struct socket *sock;
	void (*saved_data_ready)(struct sock *sk);
	struct delayed_work accept;
	spinlock_t lock;	/* see above */
	struct list_head nets;
	struct raftblk_sockset pending;
	atomic_t count[2];
};

/**
 * struct handshake - one accepted socket
 * @work: does it, and frees this
 * @listener: holds a reference
 * @sock: the socket
 * @pending: in listener->pending
 * @guest: in net->guests, once it is known which
 * @member: counts as such
 * @since: jiffies when it was accepted
 * @auth: what is said
 */
struct handshake {
	struct work_struct work;
	struct raftblk_listener *listener;
	struct socket *sock;
	struct raftblk_sockref pending;
	struct raftblk_sockref guest;
	bool member;
	unsigned long since;
	struct raftblk_auth auth;
};

static DEFINE_MUTEX(listeners_lock);
static LIST_HEAD(listeners);
static struct workqueue_struct *handshake_wq;

static void listener_free(struct kref *kref)
{
	struct raftblk_listener *l = container_of(kref, struct raftblk_listener, kref);

	/* after the last socket made in it has been released */
	put_net(l->ns);
	kfree(l);
}

/*
 * The volume HELLO means, if it is here: a reference, and @hs is among its
 * guests.  Only volumes of this listener: one that is bound to another address
 * cannot be reached through this one.
 */
static struct raftblk_net *handshake_find_net(struct handshake *hs)
{
	struct raftblk_listener *l = hs->listener;
	struct raftblk_net *net, *found = NULL;

	spin_lock(&l->lock);
	list_for_each_entry(net, &l->nets, in_listener) {
		/* in the list: not stopped yet, so the volume is there */
		if (memcmp(net->vol->super.uuid, hs->auth.uuid, sizeof(hs->auth.uuid)))
			continue;
		kref_get(&net->kref);
		found = net;
		break;
	}
	spin_unlock(&l->lock);
	if (found && raftblk_sockset_add(&found->guests, &hs->guest, hs->sock)) {
		raftblk_net_put(found);
		found = NULL;
	}
	return found;
}

/*
 * With a volume: prove, check, and hand over.  What is refused before the other
 * side has proved that it has the key tells nothing but that this volume is
 * here, to somebody who knew its UUID.
 *
 * Return: 0: the socket has another owner.
 */
static int handshake_with(struct handshake *hs, struct raftblk_net *net)
{
	struct raftblk_auth *a = &hs->auth;
	struct raftblk_volume *vol = net->vol;
	int err, verdict = 0;

	a->hmac = net->hmac;
	a->id = vol->super.node_id;
	memcpy(a->incarnation, vol->super.incarnation, sizeof(a->incarnation));
	err = raftblk_auth_server(a, hs->sock);
	if (err == -EACCES)
		pr_info_ratelimited("raftblk%u (%s): somebody with another key tried to connect as node %u\n",
				    vol->minor, vol->super.name, a->peer_id);
	if (err)
		return err;
	if (a->role == RAFTBLK_CONN_JOIN)
		verdict = a->peer_id ? -EPROTO : 0;
	else
		verdict = raftblk_net_admit(net, a);
	if (verdict == -ESTALE)
		pr_info_ratelimited("raftblk%u (%s): node %u has come back on another disk; refused\n",
				    vol->minor, vol->super.name, a->peer_id);
	if (verdict == -EIDRM)
		pr_info_ratelimited("raftblk%u (%s): node %u, which was removed, tried to connect\n",
				    vol->minor, vol->super.name, a->peer_id);
	err = raftblk_auth_verdict(a, hs->sock, verdict) ?: verdict;
	if (err)
		return err;
	if (a->role == RAFTBLK_CONN_JOIN) {
		raftblk_ask_serve(net, a, hs->sock);
		return -ESHUTDOWN;	/* over, and the answer is to arrive */
	}
	/* The worker will own it: nobody else may touch it any more. */
	raftblk_sockset_del(&net->guests, &hs->guest);
	raftblk_sockset_del(&hs->listener->pending, &hs->pending);
	raftblk_net_add(net, hs->sock, a, NULL);
	return 0;
}

static int handshake_run(struct handshake *hs)
{
	struct raftblk_auth *a = &hs->auth;
	struct raftblk_net *net;
	int err;

	a->deadline = hs->since + RAFTBLK_AUTH_TIMEOUT;
	err = raftblk_auth_hello(a, hs->sock);
	if (err)
		return err;
	net = handshake_find_net(hs);
	if (!net) {
		raftblk_auth_verdict(a, hs->sock, -ENOENT);
		return -ENOENT;
	}
	err = handshake_with(hs, net);
	raftblk_sockset_del(&net->guests, &hs->guest);
	raftblk_net_put(net);
	return err;
}

static void handshake_work(struct work_struct *work)
{
	struct handshake *hs = container_of(work, struct handshake, work);
	struct raftblk_listener *l = hs->listener;
	unsigned int noio = memalloc_noio_save();
	int err;

	err = handshake_run(hs);
	switch (err) {
	case 0:
		break;
	case -EPROTO:
	case -ECONNRESET:
	case -ETIMEDOUT:
	case -EBADMSG:
		raftblk_sockset_del(&l->pending, &hs->pending);
		raftblk_sock_abort(hs->sock);
		break;
	default:
		/* The reason is to arrive.  Still pending: listener_close() cuts it short. */
		raftblk_sock_wait_read(hs->sock);
		raftblk_sockset_del(&l->pending, &hs->pending);
		raftblk_sock_abort(hs->sock);
	}
	atomic_dec(&l->count[hs->member]);
	kfree_sensitive(hs);
	kref_put(&l->kref, listener_free);
	memalloc_noio_restore(noio);
}

/* Does any volume here have a member at this address? */
static bool listener_knows(struct raftblk_listener *l, struct socket *sock)
{
	struct sockaddr_storage ss;
	struct raftblk_addr addr;
	struct raftblk_net *net;
	bool known = false;
	u32 i;

	if (kernel_getpeername(sock, (struct sockaddr *)&ss) < 0 ||
	    !raftblk_addr_from_sockaddr(&addr, &ss))
		return false;
	spin_lock(&l->lock);
	list_for_each_entry(net, &l->nets, in_listener) {
		spin_lock(&net->lock);
		for (i = 0; i < net->config.nr && !known; i++)
			known = raftblk_addr_same_ip(&net->config.member[i].addr, &addr);
		spin_unlock(&net->lock);
		if (known)
			break;
	}
	spin_unlock(&l->lock);
	return known;
}

/* Make the slowest stranger go.  Its place is free when its work has ended. */
static void listener_evict(struct raftblk_listener *l)
{
	struct raftblk_sockref *ref;

	mutex_lock(&l->pending.lock);
	list_for_each_entry(ref, &l->pending.list, node) {
		struct handshake *hs = container_of(ref, struct handshake, pending);

		if (hs->member)
			continue;
		if (time_after(jiffies, hs->since + STRANGER_SLOW))
			kernel_sock_shutdown(ref->sock, SHUT_RDWR);
		break;
	}
	mutex_unlock(&l->pending.lock);
}

static void listener_accepted(struct raftblk_listener *l, struct socket *sock)
{
	struct handshake *hs;
	bool member;

	/* accept() copies the listener's callback */
	write_lock_bh(&sock->sk->sk_callback_lock);
	sock->sk->sk_user_data = NULL;
	sock->sk->sk_data_ready = l->saved_data_ready;
	write_unlock_bh(&sock->sk->sk_callback_lock);

	member = listener_knows(l, sock);
	if (atomic_inc_return(&l->count[member]) > (member ? MAX_MEMBERS : MAX_STRANGERS)) {
		if (!member)
			listener_evict(l);
		goto err_count;
	}
	hs = kzalloc(sizeof(*hs), GFP_NOIO);
	if (!hs)
		goto err_count;
	INIT_WORK(&hs->work, handshake_work);
	INIT_LIST_HEAD(&hs->pending.node);
	INIT_LIST_HEAD(&hs->guest.node);
	hs->listener = l;
	hs->sock = sock;
	hs->member = member;
	hs->since = jiffies;
	raftblk_sock_prepare(sock);
	if (raftblk_sockset_add(&l->pending, &hs->pending, sock))
		goto err_free;
	kref_get(&l->kref);
	queue_work(handshake_wq, &hs->work);
	return;

err_free:
	kfree(hs);
err_count:
	atomic_dec(&l->count[member]);
	raftblk_sock_abort(sock);
}

static void listener_accept(struct work_struct *work)
{
	struct raftblk_listener *l = container_of(work, struct raftblk_listener, accept.work);
	unsigned int noio = memalloc_noio_save();
	struct socket *sock;
	int i, err = 0;

	for (i = 0; i < ACCEPT_BATCH; i++) {
		err = kernel_accept(l->sock, &sock, O_NONBLOCK);
		if (!err)
			listener_accepted(l, sock);
		else if (err != -ECONNABORTED)
			break;
	}
	if (err != -EAGAIN && err != -EINVAL)
		queue_delayed_work(raftblk_net_wq, &l->accept, err ? ACCEPT_RETRY : 0);
	memalloc_noio_restore(noio);
}

/*
 * sk_user_data is the listener until listener_close() clears it.  A socket that
 * has just been made by the listening one has its callback and sk_user_data
 * too, but not its state.
 */
static void listener_data_ready(struct sock *sk)
{
	struct raftblk_listener *l;

	read_lock_bh(&sk->sk_callback_lock);
	l = sk->sk_user_data;
	if (l && sk->sk_state == TCP_LISTEN)
		queue_delayed_work(raftblk_net_wq, &l->accept, 0);
	read_unlock_bh(&sk->sk_callback_lock);
}

static struct raftblk_listener *listener_open(struct net *ns, const struct raftblk_addr *addr)
{
	struct raftblk_listener *l = kzalloc(sizeof(*l), GFP_KERNEL);
	struct sock *sk;
	int err;

	if (!l)
		return ERR_PTR(-ENOMEM);
	err = raftblk_sock_listen(ns, addr, &l->sock);
	if (err) {
		kfree(l);
		return ERR_PTR(err);
	}
	kref_init(&l->kref);
	l->ns = get_net(ns);
	l->addr = *addr;
	spin_lock_init(&l->lock);
	INIT_LIST_HEAD(&l->nets);
	INIT_DELAYED_WORK(&l->accept, listener_accept);
	raftblk_sockset_init(&l->pending);
	list_add(&l->link, &listeners);

	sk = l->sock->sk;
	write_lock_bh(&sk->sk_callback_lock);
	l->saved_data_ready = sk->sk_data_ready;
	sk->sk_user_data = l;
	sk->sk_data_ready = listener_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	/* for those who have connected before */
	queue_delayed_work(raftblk_net_wq, &l->accept, 0);
	return l;
}

/*
 * In this order nothing new can come up: no callback, then no accept, then no
 * socket to be accepted from, then the handshakes under way are cut short.  The
 * memory stays until the last of them has dropped its reference.
 */
static void listener_close(struct raftblk_listener *l)
{
	struct sock *sk = l->sock->sk;

	list_del(&l->link);
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	sk->sk_data_ready = l->saved_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	cancel_delayed_work_sync(&l->accept);
	sock_release(l->sock);
	raftblk_sockset_close(&l->pending);
	kref_put(&l->kref, listener_free);
}

static struct raftblk_listener *listener_find(struct net *ns, const struct raftblk_addr *addr)
{
	struct raftblk_listener *l;

	list_for_each_entry(l, &listeners, link)
		if (net_eq(l->ns, ns) && l->addr.port == addr->port &&
		    raftblk_addr_same_ip(&l->addr, addr))
			return l;
	return NULL;
}

int raftblk_listen(struct raftblk_net *net, const struct raftblk_addr *addr)
{
	struct raftblk_listener *l;

	mutex_lock(&listeners_lock);
	l = listener_find(net->ns, addr) ?: listener_open(net->ns, addr);
	if (IS_ERR(l)) {
		mutex_unlock(&listeners_lock);
		return PTR_ERR(l);
	}
	l->users++;
	net->listener = l;
	spin_lock(&l->lock);
	list_add_tail(&net->in_listener, &l->nets);
	spin_unlock(&l->lock);
	mutex_unlock(&listeners_lock);
	return 0;
}

void raftblk_unlisten(struct raftblk_net *net)
{
	struct raftblk_listener *l = net->listener;

	if (!l)
		return;
	mutex_lock(&listeners_lock);
	spin_lock(&l->lock);
	list_del_init(&net->in_listener);
	spin_unlock(&l->lock);
	net->listener = NULL;
	if (!--l->users)
		listener_close(l);
	mutex_unlock(&listeners_lock);
}

int raftblk_listen_init(void)
{
	handshake_wq = alloc_workqueue("raftblk-handshake", WQ_UNBOUND | WQ_MEM_RECLAIM,
				       MAX_WORKS);
	return handshake_wq ? 0 : -ENOMEM;
}

void raftblk_listen_exit(void)
{
	destroy_workqueue(handshake_wq);
}
