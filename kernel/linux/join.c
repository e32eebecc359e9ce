// SPDX-License-Identifier: GPL-2.0
/*
 * Joining: one JOIN_REQ and one JOIN_RESP on a connection of role JOIN.
 *
 * The server's side runs in the work that did the handshake, the client's in
 * the thread of whoever asked through netlink.  Both block.
 */
#include <crypto/hash.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "auth.h"
#include "link.h"
#include "volume.h"

#define CHANGE_TIMEOUT_NS	(5000 * RAFTBLK_NSEC_PER_MSEC)
#define ANSWER_TIMEOUT		(8 * HZ)
#define JOIN_TIMEOUT		(15 * HZ)
#define RETRY_MS		500
#define MAX_REDIRECTS		4

/* ---- server ---- */

/**
 * struct join_request - a joiner's wish on its way through the volume
 * @vc: what the volume is asked
 * @ref: holders: the work that serves the joiner, the worker until done
 * @done: it is over
 * @resp: made by the worker, complete when @done is
 */
struct join_request {
	struct raftblk_volume_change vc;
	refcount_t ref;
	struct completion done;
	struct raftblk_wire_join_resp resp;
};

static void join_put(struct join_request *jr)
{
	if (refcount_dec_and_test(&jr->ref))
		kfree(jr);
}

/* Worker: the outcome, with all that a joiner must know to format its disk. */
static void join_done(struct raftblk_volume *vol, struct raftblk_volume_change *vc)
{
	struct join_request *jr = container_of(vc, struct join_request, vc);
	const struct raftblk_config *config = &vol->replica.raft.config;
	struct raftblk_wire_join_resp *r = &jr->resp;
	int slot;

	memcpy(r->uuid, vol->super.uuid, sizeof(r->uuid));
	memcpy(r->name, vol->super.name, sizeof(r->name));
	r->node_id = cpu_to_le32(vc->change.member.id);
	r->block_size = cpu_to_le32(vol->super.block_size);
	r->volume_sectors = cpu_to_le64(vol->replica.volume_sectors);
	r->ring_sectors = cpu_to_le64(vol->super.ring_sectors);
	r->extent_sectors = cpu_to_le32(vol->super.extent_sectors);
	raftblk_config_encode(config, &r->config);
	if (vc->change.status == -EREMOTE) {
		slot = raftblk_config_find(config, vc->change.leader);
		if (slot >= 0)
			raftblk_member_encode(&config->member[slot], &r->leader);
		else
			vc->change.status = -EAGAIN;
	} else if (vc->change.status == -ETIMEDOUT && !vc->change.leader) {
		vc->change.status = -EAGAIN;
	}
	complete(&jr->done);
	join_put(jr);
}

/* The joiner's wish, as it came. */
static int join_decode(struct raftblk_auth *a, const struct raftblk_msg *m,
		       struct raftblk_member *member)
{
	struct raftblk_disk_member *d = (void *)a->frame.body;

	if (m->type != RAFTBLK_MSG_JOIN_REQ ||
	    le16_to_cpu(a->frame.header.body_bytes) != sizeof(*d) ||
	    raftblk_member_decode(member, d) || member->id || !member->addr.port ||
	    member->flags & ~RAFTBLK_MEMBER_PROMOTE)
		return -EPROTO;
	/* To take another's place is for an administrator of the cluster to decide, not for
	 * who has the token; there is no command for it yet.
	 */
	if (member->replaces)
		return -EPROTO;
	/* the one that was authenticated, not another */
	if (memcmp(member->incarnation, a->peer_incarnation, sizeof(member->incarnation)))
		return -EPROTO;
	return 0;
}

/* 0 or why there will be no answer. */
static int join_wait(struct raftblk_net *net, struct join_request *jr)
{
	while (!wait_for_completion_timeout(&jr->done, HZ / 10))
		if (READ_ONCE(net->stopping))
			return -ESHUTDOWN;
	return 0;
}

void raftblk_join_serve(struct raftblk_net *net, struct raftblk_auth *a, struct socket *sock)
{
	struct join_request *jr;
	struct raftblk_msg m;
	bool body;
	int err;

	jr = kzalloc(sizeof(*jr), GFP_NOIO);
	if (!jr)
		return;
	refcount_set(&jr->ref, 2);
	init_completion(&jr->done);
	jr->vc.done = join_done;
	jr->vc.change.kind = RAFTBLK_CHANGE_JOIN;
	jr->vc.change.deadline = raftblk_now() + CHANGE_TIMEOUT_NS;
	err = raftblk_frame_recv(sock, &a->frame, &m, a->deadline);
	if (!err)
		err = join_decode(a, &m, &jr->vc.change.member);
	jr->vc.change.learner = !(jr->vc.change.member.flags & RAFTBLK_MEMBER_PROMOTE);
	if (!err)
		err = raftblk_volume_change_async(net->vol, &jr->vc);
	if (err) {
		kfree(jr);	/* never given away */
		return;
	}
	if (!join_wait(net, jr)) {
		err = jr->vc.change.status;
		body = !err || err == -EREMOTE;
		raftblk_frame_send(sock, &a->frame, RAFTBLK_MSG_JOIN_RESP, -err,
				   body ? &jr->resp : NULL, body ? sizeof(jr->resp) : 0,
				   jiffies + RAFTBLK_AUTH_TIMEOUT);
	}
	join_put(jr);
}

/* ---- client ---- */

/**
 * struct join_try - attempts to get in
 * @join: what the user asked for
 * @set: so that one function connects for all; nobody else closes it
 * @ref: in @set
 * @auth: the handshake
 * @wish: body of JOIN_REQ
 * @asked: the request has been sent: from then on the answer may be lost while
 *	the cluster lets the joiner in
 */
struct join_try {
	struct raftblk_join *join;
	struct raftblk_sockset set;
	struct raftblk_sockref ref;
	struct raftblk_auth auth;
	struct raftblk_disk_member wish;
	bool asked;
};

/* Authenticate, ask, hear. */
static int join_talk(struct join_try *t, struct socket *sock)
{
	struct raftblk_auth *a = &t->auth;
	struct raftblk_msg m;
	int err;

	a->deadline = jiffies + RAFTBLK_AUTH_TIMEOUT;
	err = raftblk_auth_client(a, sock);
	if (err)
		return err;
	t->asked = true;
	err = raftblk_frame_send(sock, &a->frame, RAFTBLK_MSG_JOIN_REQ, 0, &t->wish,
				 sizeof(t->wish), a->deadline);
	if (!err)
		err = raftblk_frame_recv(sock, &a->frame, &m, jiffies + ANSWER_TIMEOUT);
	if (err)
		return err;
	if (m.type != RAFTBLK_MSG_JOIN_RESP || m.status >= MAX_ERRNO)
		return -EPROTO;
	if (m.status && m.status != EREMOTE)
		return -(int)m.status;
	if (le16_to_cpu(a->frame.header.body_bytes) != sizeof(t->join->resp))
		return -EPROTO;
	memcpy(&t->join->resp, a->frame.body, sizeof(t->join->resp));
	return -(int)m.status;
}

static int join_once(struct join_try *t, const struct raftblk_addr *to)
{
	struct socket *sock;
	int err;

	t->asked = false;
	err = raftblk_sock_connect(current->nsproxy->net_ns, &t->join->local, to, &t->set,
				   &t->ref, &sock);
	if (err)
		return err;
	err = join_talk(t, sock);
	raftblk_sockset_del(&t->set, &t->ref);
	raftblk_sock_abort(sock);
	return err;
}

/* Does it make sense to try once more? */
static bool join_passes(int err)
{
	return err == -EAGAIN || err == -EBUSY || err == -ECONNRESET || err == -ESHUTDOWN;
}

static int join_try(struct join_try *t)
{
	unsigned long deadline = jiffies + JOIN_TIMEOUT;
	struct raftblk_join *join = t->join;
	struct raftblk_addr to = join->remote;
	struct raftblk_member leader;
	u32 redirects = 0;
	int err;

	for (;;) {
		err = join_once(t, &to);
		if (signal_pending(current))
			return err ? -EINTR : 0;
		if (err == -EREMOTE && redirects++ < MAX_REDIRECTS) {
			if (raftblk_member_decode(&leader, &join->resp.leader))
				return -EPROTO;
			to = leader.addr;
			continue;
		}
		if (!join_passes(err) && !(redirects && !t->asked))
			return err;
		/* back to where the user sent us: the leader may have changed */
		to = join->remote;
		redirects = 0;
		if (time_after(jiffies + msecs_to_jiffies(RETRY_MS), deadline))
			return err;
		if (msleep_interruptible(RETRY_MS))
			return -EINTR;
	}
}

static const char *join_error(const struct join_try *t, int err)
{
	if (!t->asked) {
		switch (err) {
		case -ECONNREFUSED:
			return "connection refused: no volume is up at that address and port";
		case -ETIMEDOUT:
			return "no answer from that address";
		case -EHOSTUNREACH:
		case -ENETUNREACH:
			return "that address cannot be reached from the local address";
		case -EADDRNOTAVAIL:
			return "the local address is not one of this machine's addresses";
		case -ECONNRESET:
			return "the connection was closed: not a raftblk node, or a busy one";
		case -ENOENT:
			return "the token's volume is not up on that node";
		}
	}
	switch (err) {
	case -EKEYREJECTED:
	case -EACCES:
		return "wrong token: its key is not the volume's";
	case -EREMOTE:
		return "the members do not agree on who leads; try again";
	case -EAGAIN:
		return "the volume has no leader at the moment; try again when a majority is up";
	case -ETIMEDOUT:
		return "the leader could not get a majority to agree in time; try again";
	case -ECONNRESET:
	case -ESHUTDOWN:
		return "the connection was lost before the answer; try again";
	case -ESTALE:
		return "the leader's log does not reach back to its start, and its member was made without a version map, so there is no other way to begin";
	case -ENOSPC:
		return "the volume has as many members as it can have";
	case -EPROTONOSUPPORT:
		return "that node speaks another version of the protocol";
	case -EPROTO:
	case -EBADMSG:
		return "what answers at that address does not speak the raftblk protocol";
	case -EINTR:
		return "interrupted; the cluster may have let the node in all the same";
	default:
		return "the leader refused to let the node in";
	}
}

int raftblk_net_join(struct raftblk_join *join, struct netlink_ext_ack *extack)
{
	struct raftblk_member wish = {
		.addr = join->local,
		.flags = join->learner ? 0 : RAFTBLK_MEMBER_PROMOTE,
	};
	struct join_try *t;
	int err;

	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	t->join = join;
	raftblk_sockset_init(&t->set);
	INIT_LIST_HEAD(&t->ref.node);
	memcpy(wish.incarnation, join->incarnation, sizeof(wish.incarnation));
	raftblk_member_encode(&wish, &t->wish);
	t->auth.role = RAFTBLK_CONN_JOIN;
	memcpy(t->auth.uuid, join->uuid, sizeof(join->uuid));
	memcpy(t->auth.incarnation, join->incarnation, sizeof(join->incarnation));
	t->auth.hmac = raftblk_auth_hmac(join->key);
	if (IS_ERR(t->auth.hmac)) {
		err = PTR_ERR(t->auth.hmac);
		raftblk_extack(extack, "cannot set up HMAC-SHA256");
		goto out;
	}
	err = join_try(t);
	if (err)
		raftblk_extack(extack, join_error(t, err));
	crypto_free_shash(t->auth.hmac);
out:
	kfree_sensitive(t);
	return err;
}
