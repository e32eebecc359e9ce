/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A question to a cluster, which its leader answers: one message each way on a
 * connection of role JOIN.
 *
 * The asking side runs in the thread of whoever asked through netlink, the
 * answering side in the work that did the handshake.  Both block.
 */
#ifndef RAFTBLK_ASK_H
#define RAFTBLK_ASK_H

#include "auth.h"
#include "volume.h"

/* ---- asking ---- */

/**
 * struct raftblk_ask - a question
 * @ns: network namespace, which stays until the question is over
 * @remote: any member; those asked after it are where its answers point to
 * @local: address to come from
 * @deadline: in jiffies: it is over by then
 * @uuid, @key: of the volume
 * @incarnation: who asks
 * @type, @status, @body, @body_bytes: the question
 * @answer_type: of the answer
 * @answer, @answer_bytes: room for its body; 0 bytes: with status 0 it has none
 * @refusal, @refusal_bytes: room for the body of an answer with another status, and how long
 *	that is if there is one; 0: it has none
 * @leader: with EREMOTE: where in the answer's body a struct raftblk_disk_member says who
 *	leads, which has to lie within it
 * @redirected: the one who was tried last is not @remote
 * @asked: it has been sent to the one who was tried last: from then on the answer may be
 *	lost while the cluster does what was asked for
 * @lost: it has been sent at some time and no answer came: it may have been heard.  Kept from
 *	one raftblk_ask() to the next
 * @answered: what raftblk_ask() returned is a member's answer
 */
struct raftblk_ask {
	struct net *ns;
	struct raftblk_addr remote;
	struct raftblk_addr local;
	unsigned long deadline;
	const u8 *uuid;
	const u8 *key;
	const u8 *incarnation;
	u8 type;
	u8 answer_type;
	u16 body_bytes;
	u16 answer_bytes;
	u16 refusal_bytes;
	u16 leader;
	u32 status;
	const void *body;
	void *answer;
	void *refusal;
	bool redirected;
	bool asked;
	bool lost;
	bool answered;
};

/**
 * raftblk_ask() - ask a member, and whomever it points to
 *
 * Return: 0; the answer's status, or what went wrong before there was one, as -errno.
 * Context: may sleep; a signal ends it (-EINTR).
 */
int raftblk_ask(struct raftblk_ask *ask, struct netlink_ext_ack *extack);

/* It failed so that it may succeed in a moment: no leader, or the connection was lost. */
bool raftblk_ask_passes(const struct raftblk_ask *ask, int err);

/* Let a moment pass before it is asked again.  False: its time is over, or a signal came. */
bool raftblk_ask_pause(const struct raftblk_ask *ask);

/* Why it failed, in a sentence, for what the kinds of questions have in common; or NULL. */
const char *raftblk_ask_error(const struct raftblk_ask *ask, int err);

/* ---- answering ---- */

#define RAFTBLK_ANSWER_TIMEOUT_NS	(5000 * RAFTBLK_NSEC_PER_MSEC)

/**
 * struct raftblk_answer - an answer on its way through the volume
 * @vc: what the volume is asked
 * @ref: holders: the work that serves the asker, the worker until done
 * @done: it is over
 * @fill: made in the worker, once @vc is over: the body for status 0, unless NULL.  Sets
 *	@body_bytes.
 * @leader: where in @body it is to be said who leads, with EREMOTE; then the body is
 *	@leader_bytes long
 * @body: complete when @done is
 */
struct raftblk_answer {
	struct raftblk_volume_change vc;
	refcount_t ref;
	struct completion done;
	void (*fill)(struct raftblk_answer *ans, struct raftblk_volume *vol);
	u16 leader;
	u16 leader_bytes;
	u16 body_bytes;
	u8 body[sizeof(struct raftblk_wire_join_resp)] __aligned(8);
};

/* One with two references and a deadline, or NULL. */
struct raftblk_answer *raftblk_answer_new(void);

/* Worker: vc.change is over, its outcome is in vc.change.status. */
void raftblk_answer_done(struct raftblk_volume *vol, struct raftblk_volume_change *vc);

/**
 * raftblk_answer_give() - wait for it and send it
 * @err: 0, or it was never given to the volume
 *
 * Takes over both references if @err, else the caller's.
 */
void raftblk_answer_give(struct raftblk_answer *ans, struct raftblk_net *net,
			 struct raftblk_auth *a, struct socket *sock, u8 type, int err);

/* Server, on a connection of role JOIN that has been authenticated: hear the question, answer
 * it.  Blocks for some seconds at most.
 */
void raftblk_ask_serve(struct raftblk_net *net, struct raftblk_auth *a, struct socket *sock);

/* join.c, change.c: the question has been received in @a->frame. */
void raftblk_join_serve(struct raftblk_net *net, struct raftblk_auth *a, struct socket *sock,
			const struct raftblk_msg *m);
void raftblk_change_serve(struct raftblk_net *net, struct raftblk_auth *a, struct socket *sock);

#endif /* RAFTBLK_ASK_H */
