// SPDX-License-Identifier: GPL-2.0
#include <crypto/hash.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "ask.h"
#include "link.h"

#define ANSWER_TIMEOUT		(8 * HZ)
#define RETRY_MS		500
#define MAX_REDIRECTS		4

/* ---- asking ---- */

/**
 * struct ask_try - attempts to be heard
 * @ask: what is asked
 * @set: so that one function connects for all; nobody else closes it
 * @ref: in @set
 * @auth: the handshake
 */
struct ask_try {
	struct raftblk_ask *ask;
	struct raftblk_sockset set;
	struct raftblk_sockref ref;
	struct raftblk_auth auth;
};

/* Does the length of an answer's body fit its status? */
static bool answer_fits(const struct raftblk_ask *ask, u32 status, u32 bytes)
{
	if (status == EREMOTE)
		return bytes >= ask->leader + sizeof(struct raftblk_disk_member) &&
		       bytes <= RAFTBLK_WIRE_BODY_MAX;
	if (status)
		return !bytes || bytes == ask->refusal_bytes;
	return bytes == ask->answer_bytes;
}

/* In jiffies: @after from now, or when the time for the question is over. */
static unsigned long ask_deadline(const struct raftblk_ask *ask, unsigned long after)
{
	unsigned long at = jiffies + after;

	return time_before(at, ask->deadline) ? at : ask->deadline;
}

/* Authenticate, ask, hear.  The answer is in t->auth.frame. */
static int ask_talk(struct ask_try *t, struct socket *sock)
{
	struct raftblk_ask *ask = t->ask;
	struct raftblk_auth *a = &t->auth;
	struct raftblk_msg m;
	int err;

	a->deadline = ask_deadline(ask, RAFTBLK_AUTH_TIMEOUT);
	err = raftblk_auth_client(a, sock);
	if (err)
		return err;
	ask->asked = true;
	err = raftblk_frame_send(sock, &a->frame, ask->type, ask->status, ask->body,
				 ask->body_bytes, a->deadline);
	if (!err)
		err = raftblk_frame_recv(sock, &a->frame, &m,
					 ask_deadline(ask, ANSWER_TIMEOUT));
	if (err)
		return err;
	if (m.type != ask->answer_type || m.status >= MAX_ERRNO ||
	    !answer_fits(ask, m.status, le16_to_cpu(a->frame.header.body_bytes)))
		return -EPROTO;
	ask->answered = true;
	if (m.status && m.status != EREMOTE && a->frame.header.body_bytes)
		memcpy(ask->refusal, a->frame.body, ask->refusal_bytes);
	return -(int)m.status;
}

static int ask_once(struct ask_try *t, const struct raftblk_addr *to)
{
	struct raftblk_ask *ask = t->ask;
	struct socket *sock;
	int err;

	ask->asked = false;
	ask->answered = false;
	if (time_after_eq(jiffies, ask->deadline))
		return -ETIMEDOUT;
	err = raftblk_sock_connect(ask->ns, &ask->local, to, &t->set, &t->ref, &sock);
	if (err)
		return err;
	err = ask_talk(t, sock);
	if (ask->asked && !ask->answered)
		ask->lost = true;
	raftblk_sockset_del(&t->set, &t->ref);
	raftblk_sock_abort(sock);
	return err;
}

/* Whom the answer points to. */
static int ask_redirected(struct ask_try *t, struct raftblk_addr *to)
{
	struct raftblk_member leader;
	const void *d = t->auth.frame.body + t->ask->leader;

	if (raftblk_member_decode(&leader, d) || !leader.addr.port)
		return -EPROTO;
	*to = leader.addr;
	return 0;
}

bool raftblk_ask_passes(const struct raftblk_ask *ask, int err)
{
	if (ask->answered)
		return err == -EAGAIN || err == -ESHUTDOWN;
	/* Where we were sent to there is nobody any more: the leader may have changed. */
	if (ask->redirected && !ask->asked)
		return true;
	return err == -EAGAIN || err == -ECONNRESET || err == -ESHUTDOWN;
}

bool raftblk_ask_pause(const struct raftblk_ask *ask)
{
	return time_before(jiffies + msecs_to_jiffies(RETRY_MS), ask->deadline) &&
	       !msleep_interruptible(RETRY_MS);
}

static int ask_leader(struct ask_try *t)
{
	struct raftblk_ask *ask = t->ask;
	struct raftblk_addr to = ask->remote;
	u32 redirects;
	int err;

	for (redirects = 0;; redirects++) {
		ask->redirected = redirects;
		err = ask_once(t, &to);
		if (signal_pending(current))
			return err ? -EINTR : 0;
		if (!ask->answered || err != -EREMOTE || redirects == MAX_REDIRECTS)
			return err;
		err = ask_redirected(t, &to);
		if (err)
			return err;
	}
}

int raftblk_ask(struct raftblk_ask *ask, struct netlink_ext_ack *extack)
{
	struct ask_try *t = kzalloc(sizeof(*t), GFP_KERNEL);
	int err;

	ask->asked = false;
	ask->answered = false;
	if (!t)
		return -ENOMEM;
	t->ask = ask;
	raftblk_sockset_init(&t->set);
	INIT_LIST_HEAD(&t->ref.node);
	t->auth.role = RAFTBLK_CONN_JOIN;
	memcpy(t->auth.uuid, ask->uuid, sizeof(t->auth.uuid));
	memcpy(t->auth.incarnation, ask->incarnation, sizeof(t->auth.incarnation));
	t->auth.hmac = raftblk_auth_hmac(ask->key);
	if (IS_ERR(t->auth.hmac)) {
		err = PTR_ERR(t->auth.hmac);
		raftblk_extack(extack, "cannot set up HMAC-SHA256");
	} else {
		err = ask_leader(t);
		if (!err && ask->answer_bytes)
			memcpy(ask->answer, t->auth.frame.body, ask->answer_bytes);
		crypto_free_shash(t->auth.hmac);
	}
	kfree_sensitive(t);
	return err;
}

const char *raftblk_ask_error(const struct raftblk_ask *ask, int err)
{
	if (!ask->asked) {
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
	case -ECONNRESET:
	case -ESHUTDOWN:
		return "the connection was lost before the answer; try again";
	case -EPROTONOSUPPORT:
		return "that node speaks another version of the protocol";
	case -EPROTO:
	case -EBADMSG:
		return "what answers at that address does not speak the raftblk protocol";
	}
	return NULL;
}

/* ---- answering ---- */

struct raftblk_answer *raftblk_answer_new(void)
{
	struct raftblk_answer *ans = kzalloc(sizeof(*ans), GFP_NOIO);

	if (!ans)
		return NULL;
	refcount_set(&ans->ref, 2);
	init_completion(&ans->done);
	ans->vc.done = raftblk_answer_done;
	ans->vc.change.deadline = raftblk_now() + RAFTBLK_ANSWER_TIMEOUT_NS;
	return ans;
}

static void answer_put(struct raftblk_answer *ans)
{
	if (refcount_dec_and_test(&ans->ref))
		kfree(ans);
}

/* Where whoever leads can be asked; without that it is as if nobody did. */
static void answer_leader(struct raftblk_answer *ans, struct raftblk_volume *vol)
{
	const struct raftblk_config *config = &vol->replica.raft.config;
	int slot = raftblk_config_find(config, ans->vc.change.leader);

	if (slot < 0) {
		ans->vc.change.status = -EAGAIN;
		return;
	}
	raftblk_member_encode(&config->member[slot], (void *)(ans->body + ans->leader));
	ans->body_bytes = ans->leader_bytes;
}

/* Whose device a larger volume fails at, or waits for. */
static void answer_resize(struct raftblk_answer *ans)
{
	struct raftblk_wire_resize_resp *r = (void *)ans->body;

	if (ans->vc.change.kind != RAFTBLK_CHANGE_RESIZE || !ans->vc.change.who)
		return;
	r->who = cpu_to_le32(ans->vc.change.who);
	r->room = cpu_to_le64(ans->vc.change.room);
	ans->body_bytes = sizeof(*r);
}

void raftblk_answer_done(struct raftblk_volume *vol, struct raftblk_volume_change *vc)
{
	struct raftblk_answer *ans = container_of(vc, struct raftblk_answer, vc);

	if (!vc->change.status && ans->fill)
		ans->fill(ans, vol);
	else if (vc->change.status == -EREMOTE)
		answer_leader(ans, vol);
	else if (vc->change.status == -ETIMEDOUT && !vc->change.leader && !vc->change.index)
		vc->change.status = -EAGAIN;
	else if (vc->change.status)
		answer_resize(ans);
	complete(&ans->done);
	answer_put(ans);
}

/* 0 or why there will be no answer. */
static int answer_wait(struct raftblk_net *net, struct raftblk_answer *ans)
{
	while (!wait_for_completion_timeout(&ans->done, HZ / 10))
		if (READ_ONCE(net->stopping))
			return -ESHUTDOWN;
	return 0;
}

void raftblk_answer_give(struct raftblk_answer *ans, struct raftblk_net *net,
			 struct raftblk_auth *a, struct socket *sock, u8 type, int err)
{
	if (err) {
		kfree(ans);
		return;
	}
	if (!answer_wait(net, ans))
		raftblk_frame_send(sock, &a->frame, type, -ans->vc.change.status,
				   ans->body_bytes ? ans->body : NULL, ans->body_bytes,
				   jiffies + RAFTBLK_AUTH_TIMEOUT);
	answer_put(ans);
}

void raftblk_ask_serve(struct raftblk_net *net, struct raftblk_auth *a, struct socket *sock)
{
	struct raftblk_msg m;

	if (raftblk_frame_recv(sock, &a->frame, &m, a->deadline))
		return;
	if (m.type == RAFTBLK_MSG_JOIN_REQ)
		raftblk_join_serve(net, a, sock, &m);
	else if (m.type == RAFTBLK_MSG_CHANGE_REQ)
		raftblk_change_serve(net, a, sock);
}
