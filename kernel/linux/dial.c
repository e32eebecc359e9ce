// SPDX-License-Identifier: GPL-2.0
/* Connecting to peers with a lower node id, again and again. */
#include <linux/random.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "auth.h"
#include "link.h"
#include "volume.h"

#define BACKOFF_MIN_MS	50
#define BACKOFF_MAX_MS	2000

/*
 * A member that has just started waits to hear from all that are up what it had promised.  For
 * those that dial it, it may take a whole attempt that met nobody and the delay behind it, less
 * the second after which TCP asks again: that one is for the handshake.
 */
static_assert(RAFT_RECALL_NS >=
	      (RAFTBLK_CONNECT_TIMEOUT_MS + BACKOFF_MAX_MS) * RAFTBLK_NSEC_PER_MSEC);

/* A connection that lived shorter than this was no success. */
#define LIVED_LONG	(2 * HZ)

/* Half of it fixed, half random, so that members do not go on in step. */
static unsigned long dial_delay(struct raftblk_dial *dial)
{
	u32 ms;

	dial->backoff_ms = clamp_t(u32, dial->backoff_ms * 2, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	ms = dial->backoff_ms / 2;
	return msecs_to_jiffies(ms + get_random_u32() % (ms + 1));
}

/* One attempt.  On success the worker has the connection. */
static int dial_once(struct raftblk_dial *dial, struct raftblk_auth *a,
		     const struct raftblk_addr *addr)
{
	struct raftblk_net *net = dial->link->net;
	struct raftblk_volume *vol = net->vol;
	struct raftblk_sockref ref;
	struct socket *sock;
	int err;

	INIT_LIST_HEAD(&ref.node);
	err = raftblk_sock_connect(net->ns, &vol->super.listen, addr, &net->guests, &ref, &sock);
	if (err)
		return err;
	a->hmac = net->hmac;
	a->role = dial->role;
	a->id = vol->super.node_id;
	memcpy(a->uuid, vol->super.uuid, sizeof(a->uuid));
	memcpy(a->incarnation, vol->super.incarnation, sizeof(a->incarnation));
	a->deadline = jiffies + RAFTBLK_AUTH_TIMEOUT;
	err = raftblk_auth_client(a, sock);
	if (err == -EIDRM)
		raftblk_volume_removed(vol);
	/* from here on nobody shuts it down but its owner, the worker to be */
	raftblk_sockset_del(&net->guests, &ref);
	if (err) {
		sock_no_linger(sock->sk);
		raftblk_sock_abort(sock);
		return err;
	}
	return raftblk_net_add(net, sock, a, dial);
}

static void dial_work(struct work_struct *work)
{
	struct raftblk_dial *dial = container_of(work, struct raftblk_dial, work.work);
	unsigned int noio = memalloc_noio_save();
	struct raftblk_link *link = dial->link;
	struct raftblk_net *net = link->net;
	struct raftblk_addr addr;
	struct raftblk_auth *a;
	bool wanted;
	int err = -ENOMEM;

	a = kzalloc(sizeof(*a), GFP_NOIO);
	spin_lock(&net->lock);
	wanted = (link->dials || link->knocks) && !net->stopping;
	link->knocks = false;
	addr = link->addr;
	if (a) {
		a->peer_id = link->id;
		memcpy(a->peer_incarnation, link->incarnation, sizeof(a->peer_incarnation));
	}
	spin_unlock(&net->lock);

	if (wanted && a)
		err = dial_once(dial, a, &addr);
	kfree_sensitive(a);
	if (wanted && !err)
		goto out;	/* no longer busy, maybe queued again already */

	spin_lock(&net->lock);
	if (link->dials && !net->stopping) {
		link->last_error = err;
		queue_delayed_work(raftblk_net_wq, &dial->work, dial_delay(dial));
	} else {
		dial->busy = false;
	}
	spin_unlock(&net->lock);
out:
	memalloc_noio_restore(noio);
}

void raftblk_dial_init(struct raftblk_dial *dial, struct raftblk_link *link, u8 role)
{
	INIT_DELAYED_WORK(&dial->work, dial_work);
	dial->link = link;
	dial->role = role;
}

void raftblk_dial_knock(struct raftblk_dial *dial)
{
	struct raftblk_link *link = dial->link;
	struct raftblk_net *net = link->net;

	spin_lock(&net->lock);
	if (link->id && !net->stopping && !dial->busy) {
		dial->busy = true;
		link->knocks = true;
		queue_delayed_work(raftblk_net_wq, &dial->work, 0);
	}
	spin_unlock(&net->lock);
}

void raftblk_dial_start(struct raftblk_dial *dial, unsigned long lived)
{
	struct raftblk_link *link = dial->link;
	struct raftblk_net *net = link->net;
	unsigned long delay = 0;

	spin_lock(&net->lock);
	if (link->dials && !net->stopping && !dial->busy) {
		dial->busy = true;
		if (!lived || lived >= LIVED_LONG)
			dial->backoff_ms = 0;
		if (lived)
			delay = dial_delay(dial);
		queue_delayed_work(raftblk_net_wq, &dial->work, delay);
	}
	spin_unlock(&net->lock);
}
