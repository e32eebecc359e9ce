// SPDX-License-Identifier: GPL-2.0
/* A volume's side of the network: start, stop, peers, the worker's rounds. */
#include <crypto/hash.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "auth.h"
#include "link.h"
#include "volume.h"

/* Bytes read in one raftblk_net_work(), about. */
#define ROUND_BYTES	(4 << 20)

/* No leader for so long: knock, and again after as long. */
#define KNOCK_AFTER	(3 * HZ)

struct workqueue_struct *raftblk_net_wq;

static void net_free(struct kref *kref)
{
	struct raftblk_net *net = container_of(kref, struct raftblk_net, kref);

	crypto_free_shash(net->hmac);
	put_net(net->ns);
	kvfree(net);
}

void raftblk_net_put(struct raftblk_net *net)
{
	kref_put(&net->kref, net_free);
}

static struct raftblk_net *net_alloc(struct raftblk_volume *vol)
{
	struct raftblk_net *net = kvzalloc(sizeof(*net), GFP_KERNEL);
	u32 i;

	if (!net)
		return ERR_PTR(-ENOMEM);
	net->hmac = raftblk_auth_hmac(vol->super.key);
	if (IS_ERR(net->hmac)) {
		int err = PTR_ERR(net->hmac);

		kvfree(net);
		return ERR_PTR(err);
	}
	kref_init(&net->kref);
	net->vol = vol;
	net->ns = get_net(vol->ns);
	INIT_LIST_HEAD(&net->in_listener);
	raftblk_sockset_init(&net->guests);
	init_waitqueue_head(&net->conns_gone);
	spin_lock_init(&net->lock);
	INIT_LIST_HEAD(&net->incoming);
	for (i = 0; i < RAFTBLK_LINKS; i++) {
		struct raftblk_link *link = &net->link[i];

		link->net = net;
		ratelimit_state_init(&link->log_limit, 60 * HZ, 10);
		ratelimit_set_flags(&link->log_limit, RATELIMIT_MSG_ON_RELEASE);
		raftblk_dial_init(&link->dial[RAFTBLK_CONN_CONTROL], link, RAFTBLK_CONN_CONTROL);
		raftblk_dial_init(&link->dial[RAFTBLK_CONN_DATA], link, RAFTBLK_CONN_DATA);
	}
	return net;
}

static const char *listen_error(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "the member's address and port are in use by another program";
	case -EADDRNOTAVAIL:
		return "the member's address is not one of this machine's addresses";
	case -EACCES:
		return "not allowed to listen on the member's port";
	case -EINVAL:
	case -EAFNOSUPPORT:
		return "the member's address is not one to listen on: not a plain unicast address";
	default:
		return "cannot listen on the member's address";
	}
}

int raftblk_net_start(struct raftblk_volume *vol, struct netlink_ext_ack *extack)
{
	struct raftblk_net *net;
	int err;

	net = net_alloc(vol);
	if (IS_ERR(net)) {
		raftblk_extack(extack, "cannot set up HMAC-SHA256 for the connections");
		return PTR_ERR(net);
	}
	/* without an address it is alone */
	if (vol->super.listen.family) {
		err = raftblk_listen(net, &vol->super.listen);
		if (err) {
			raftblk_extack(extack, listen_error(err));
			raftblk_net_put(net);
			return err;
		}
	}
	vol->net = net;
	return 0;
}

static void net_close_all(struct raftblk_net *net)
{
	struct raftblk_conn *conn, *next;
	u32 i, role;

	list_for_each_entry_safe(conn, next, &net->incoming, node) {
		list_del_init(&conn->node);
		raftblk_conn_close(conn);
	}
	for (i = 0; i < RAFTBLK_LINKS; i++) {
		for (role = 0; role < 2; role++) {
			conn = net->link[i].conn[role];
			net->link[i].conn[role] = NULL;
			if (conn)
				raftblk_conn_close(conn);
		}
	}
}

/*
 * Why nothing reaches the volume afterwards:
 * - stopping is set: dials queue themselves no more, and nothing is added to
 *   incoming;
 * - the listener does not know the net: no handshake finds it;
 * - guests is closed and empty: whoever was in a handshake or connecting has
 *   left, and cannot enter again;
 * - dial works have been cancelled, and waited for if they ran;
 * - the connections' callbacks have been taken away under sk_callback_lock, and
 *   the worker, who else would look at them, does not any more.
 */
void raftblk_net_stop(struct raftblk_volume *vol)
{
	struct raftblk_net *net = vol->net;
	u32 i;

	if (!net)
		return;
	spin_lock(&net->lock);
	net->stopping = true;
	spin_unlock(&net->lock);
	raftblk_unlisten(net);
	raftblk_sockset_close(&net->guests);
	for (i = 0; i < RAFTBLK_LINKS; i++) {
		cancel_delayed_work_sync(&net->link[i].dial[RAFTBLK_CONN_CONTROL].work);
		cancel_delayed_work_sync(&net->link[i].dial[RAFTBLK_CONN_DATA].work);
	}
	net_close_all(net);
	wait_event(net->conns_gone, !atomic_read(&net->nr_conns));
	vol->net = NULL;
	raftblk_net_put(net);
}

int raftblk_net_admit(struct raftblk_net *net, const struct raftblk_auth *auth)
{
	struct raftblk_volume *vol = net->vol;
	int slot, err = 0;

	if (le32_to_cpu(auth->hello.to_id) != vol->super.node_id)
		return -EREMCHG;
	spin_lock(&net->lock);
	slot = raftblk_config_find(&net->config, auth->peer_id);
	if (slot < 0 && net->settled && raftblk_config_has_left(&net->config, auth->peer_id))
		/* It may have been away when it was removed, and has to learn. */
		err = -EIDRM;
	else if (auth->peer_id <= vol->super.node_id)
		err = -EINVAL;
	else if (slot < 0)
		err = raftblk_config_is_newcomer(&net->config, auth->peer_id) ? 0 : -EAGAIN;
	else if (memcmp(net->config.member[slot].incarnation, auth->peer_incarnation, 16))
		/* Same id, another disk: it may have forgotten what the member
		 * we know has promised.
		 */
		err = -ESTALE;
	spin_unlock(&net->lock);
	return err;
}

/* One that the worker has not taken yet is replaced: it is older. */
static struct raftblk_conn *net_incoming_find(struct raftblk_net *net, u32 peer, u8 role)
{
	struct raftblk_conn *conn;

	list_for_each_entry(conn, &net->incoming, node)
		if (conn->peer == peer && conn->role == role)
			return conn;
	return NULL;
}

int raftblk_net_add(struct raftblk_net *net, struct socket *sock,
		    const struct raftblk_auth *auth, struct raftblk_dial *dial)
{
	struct raftblk_conn *conn, *old;

	conn = raftblk_conn_create(net, sock, auth);
	if (!conn) {
		raftblk_sock_abort(sock);
		return -ENOMEM;
	}
	spin_lock(&net->lock);
	if (net->stopping) {
		spin_unlock(&net->lock);
		raftblk_conn_close(conn);
		return -ESHUTDOWN;
	}
	old = net_incoming_find(net, conn->peer, conn->role);
	if (old)
		list_del_init(&old->node);
	list_add_tail(&conn->node, &net->incoming);
	/* not later: when the worker loses this connection it must be able to
	 * begin the next dial
	 */
	if (dial)
		dial->busy = false;
	/* under the lock: once it is dropped, raftblk_net_stop() may return */
	raftblk_volume_kick(net->vol);
	spin_unlock(&net->lock);
	if (old)
		raftblk_conn_close(old);
	return 0;
}

static void net_part(struct raftblk_net *net)
{
	u32 i;

	net->unassigned = false;
	for (i = 0; i < net->nr_links; i++)
		if (net->link[i].id)
			raftblk_link_clear(&net->link[i]);
}

void raftblk_net_configure(struct raftblk_volume *vol, const struct raftblk_config *config,
			   bool settled)
{
	struct raftblk_net *net = vol->net;
	u32 i;

	if (!net)
		return;
	if (!config) {
		net_part(net);
		return;
	}
	spin_lock(&net->lock);
	net->config = *config;
	net->settled = settled;
	spin_unlock(&net->lock);
	net->unassigned = false;

	for (i = 0; i < net->nr_links; i++) {
		u32 id = net->link[i].id;

		if (id && raftblk_config_find(config, id) < 0 &&
		    !raftblk_config_is_newcomer(config, id))
			raftblk_link_clear(&net->link[i]);
	}
	for (i = 0; i < config->nr; i++) {
		const struct raftblk_member *m = &config->member[i];
		struct raftblk_link *link;

		if (m->id == vol->super.node_id)
			continue;
		link = raftblk_link_find(net, m->id) ?: raftblk_link_unused(net);
		if (link)
			raftblk_link_set(link, m);
		else
			net->unassigned = true;
	}
}

static void net_take_incoming(struct raftblk_net *net)
{
	struct raftblk_conn *conn, *next;
	LIST_HEAD(list);

	/* The kick comes after the addition, so an addition missed here means
	 * another round.
	 */
	if (list_empty_careful(&net->incoming))
		return;
	spin_lock(&net->lock);
	list_splice_init(&net->incoming, &list);
	spin_unlock(&net->lock);
	list_for_each_entry_safe(conn, next, &list, node) {
		list_del_init(&conn->node);
		raftblk_link_take(net, conn);
	}
}

/* All connections of one role; true if there may be more to read. */
static bool net_receive(struct raftblk_net *net, u32 role, s64 *budget)
{
	bool more = false;
	u32 i;

	for (i = 0; i < net->nr_links; i++) {
		struct raftblk_link *link = &net->link[i];
		int ret;

		if (!link->conn[role])
			continue;
		ret = raftblk_conn_receive(link->conn[role], budget);
		if (ret < 0)
			raftblk_link_drop(link, role, ret);
		else if (ret)
			more = true;
	}
	return more;
}

bool raftblk_net_has_leader(struct raftblk_volume *vol)
{
	const struct raft *r = &vol->replica.raft;
	const struct raftblk_link *link;

	if (!r->leader || r->leader == r->id)
		return r->leader;
	link = vol->net ? raftblk_link_find(vol->net, r->leader) : NULL;
	return link && link->conn[RAFTBLK_CONN_CONTROL];
}

/*
 * Peers with a higher id dial, and one that has removed this member does not.  Who
 * hears of no leader for long asks them: they refuse, as members with -EINVAL.
 */
static void net_knock(struct raftblk_net *net)
{
	u32 i;

	if (net->vol->replica.raft.removed || raftblk_net_has_leader(net->vol)) {
		net->knock_at = 0;
		return;
	}
	if (!net->knock_at) {
		net->knock_at = (jiffies + KNOCK_AFTER) | 1;
		return;
	}
	if (time_before(jiffies, net->knock_at))
		return;
	net->knock_at = (jiffies + KNOCK_AFTER) | 1;
	for (i = 0; i < net->nr_links; i++) {
		struct raftblk_link *link = &net->link[i];

		if (link->id && !link->dials && !link->conn[RAFTBLK_CONN_CONTROL])
			raftblk_dial_knock(&link->dial[RAFTBLK_CONN_CONTROL]);
	}
}

bool raftblk_net_work(struct raftblk_volume *vol)
{
	struct raftblk_net *net = vol->net;
	s64 budget = ROUND_BYTES;
	bool more;

	if (!net)
		return false;
	if (net->unassigned)
		raftblk_net_configure(vol, &vol->config, vol->config_settled);
	net_knock(net);
	net_take_incoming(net);
	/* heartbeats and votes before bulk */
	more = net_receive(net, RAFTBLK_CONN_CONTROL, &budget);
	more |= net_receive(net, RAFTBLK_CONN_DATA, &budget);
	raftblk_net_flush(vol);
	return more;
}

void raftblk_net_flush(struct raftblk_volume *vol)
{
	struct raftblk_net *net = vol->net;
	u32 i, role;

	if (!net)
		return;
	for (role = 0; role < 2; role++) {
		for (i = 0; i < net->nr_links; i++) {
			struct raftblk_link *link = &net->link[i];
			int err;

			if (!link->conn[role])
				continue;
			err = raftblk_conn_flush(link->conn[role]);
			if (err)
				raftblk_link_drop(link, role, err);
		}
	}
}

/* Bit 0: control messages to this peer can be sent now; bit 16: data. */
static u32 net_ready_to(struct raftblk_net *net, u32 id)
{
	const struct raftblk_link *link = raftblk_link_find(net, id);
	const struct raftblk_conn *control, *data;
	u32 ready = 0;

	if (!link)
		return 0;
	control = link->conn[RAFTBLK_CONN_CONTROL];
	data = link->conn[RAFTBLK_CONN_DATA];
	if (control && raftblk_conn_may_send(control))
		ready |= BIT(0);
	if (data && raftblk_conn_may_send(data))
		ready |= BIT(16);
	return ready;
}

/*
 * By the configuration as it is now, not as it was when the net was configured:
 * the bits are about its members.
 */
u32 raftblk_net_ready(struct raftblk_volume *vol)
{
	const struct raft *r = &vol->replica.raft;
	struct raftblk_net *net = vol->net;
	u32 i, ready = 0;

	if (!net)
		return 0;
	for (i = 0; i < r->config.nr; i++)
		ready |= net_ready_to(net, r->config.member[i].id) << i;
	if (r->guest)
		ready |= (net_ready_to(net, r->guest) & BIT(0)) << r->config.nr;
	return ready;
}

void raftblk_net_send(struct raftblk_volume *vol, const struct raftblk_msg *m)
{
	u32 role = raftblk_msg_is_data(m) ? RAFTBLK_CONN_DATA : RAFTBLK_CONN_CONTROL;
	struct raftblk_net *net = vol->net;
	struct raftblk_link *link = NULL;

	if (net && m->to)
		link = raftblk_link_find(net, m->to);
	if (link && link->conn[role])
		raftblk_conn_send(link->conn[role], m);
	else
		raftblk_payload_put(m->payload);
}

int raftblk_net_init(void)
{
	int err;

	raftblk_net_wq = alloc_workqueue("raftblk-net", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!raftblk_net_wq)
		return -ENOMEM;
	err = raftblk_conn_init();
	if (err)
		goto err_wq;
	err = raftblk_listen_init();
	if (err)
		goto err_conn;
	return 0;

err_conn:
	raftblk_conn_exit();
err_wq:
	destroy_workqueue(raftblk_net_wq);
	return err;
}

void raftblk_net_exit(void)
{
	raftblk_listen_exit();
	raftblk_conn_exit();
	destroy_workqueue(raftblk_net_wq);
	/* a callback that was on its way out of this module when it was taken
	 * from its socket: they run under RCU, as all of softirq does
	 */
	synchronize_rcu();
}
