/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An established connection: owned by the volume's worker, which reads and
 * writes its socket without ever blocking.
 *
 * Life: made by the work that did the handshake (raftblk_conn_create), put into
 * net->incoming, taken over by the worker (raftblk_conn_attach), given up by
 * the worker or by whoever stops the net when the worker is gone
 * (raftblk_conn_close), released by a work item of its own.
 *
 * The socket's callbacks run in softirq.  They see the connection through
 * sk_user_data under sk_callback_lock, set a bit and kick the worker; nothing
 * else of the connection is theirs.
 */
#ifndef RAFTBLK_CONN_H
#define RAFTBLK_CONN_H

#include <linux/bvec.h>
#include <linux/workqueue.h>

#include "../core/wire.h"
#include "payload.h"

struct raftblk_auth;
struct raftblk_net;
struct sock;
struct socket;

/* bits of struct raftblk_conn.flags: set by callbacks, cleared by the worker */
#define CONN_READABLE	0	/* there may be something to read, an end or an error */
#define CONN_WRITABLE	1	/* there may be room to write */

/* Queues: full means that raft_poll() is told to wait, so nothing grows. */
#define CONN_CONTROL_MSGS	64
#define CONN_DATA_MSGS		16
#define CONN_DATA_BYTES		(2U << 20)	/* one message may go beyond */

#define CONN_VECTOR	64	/* pieces handed to the socket at once */

/**
 * struct raftblk_rx - what is being received
 * @buf: bytes read ahead; [@head, @tail) are not used yet.  @head is a multiple
 *	of 8, since all parts of a message are.
 * @payloads: head and body of @msg are there, its payloads are being received
 * @msg: the message, @ent its entries (data connections only; content of DATA is
 *	received as if it were an entry's), @nr of them.  While @payloads is set each
 *	payload in @ent is ours, and msg.body stays where it is in @buf: nothing is
 *	read into that before the message is delivered.
 * @cur: entry whose payload is next
 * @off: bytes of it that are there
 * @crc: of those
 */
struct raftblk_rx {
	u8 *buf;
	u32 head;
	u32 tail;
	bool payloads;
	struct raftblk_msg msg;
	struct raftblk_entry *ent;
	u32 nr;
	u32 cur;
	u32 off;
	u32 crc;
};

/**
 * struct raftblk_out - a message to be sent
 * @head_bytes: header and body
 * @bytes: with payloads
 * @nr: slots of tx->payload that it uses
 */
struct raftblk_out {
	u32 head_bytes;
	u32 bytes;
	u32 nr;
};

/**
 * struct raftblk_tx - messages to be sent, first in, first out
 *
 * All memory is there from the start: sending never allocates.
 *
 * @out: ring of @size (a power of 2), @count used from @first on
 * @heads: their headers and bodies, @head_cap bytes each
 * @payload: references to their payloads, RAFTBLK_MSG_MAX_ENTRIES each (data
 *	connections only).  The network stack reads the pages while they lie in its
 *	queues, and again for each retransmission; it holds the pages by references
 *	of its own, and content never changes once a payload has left the hands of
 *	who filled it.  So the reference here is dropped as soon as the socket has
 *	taken all of it.
 * @bytes: of all messages in the ring
 * @off: bytes of the first message that the socket has taken
 * @cur, @cur_off: if @off is beyond the head: the payload, and bytes of it taken
 */
struct raftblk_tx {
	struct raftblk_out *out;
	u8 *heads;
	struct raftblk_payload **payload;
	u32 size;
	u32 head_cap;
	u32 first;
	u32 count;
	u32 bytes;
	u32 off;
	u32 cur;
	u32 cur_off;
};

/**
 * struct raftblk_conn - see above
 * @net: holds one of its references
 * @role: RAFTBLK_CONN_CONTROL or _DATA
 * @peer: node id, authenticated
 * @incarnation: of the peer, likewise
 * @flags: CONN_*
 * @node: in net->incoming
 * @since: jiffies when it was established
 * @attached: callbacks are installed, the saved_* are the socket's own
 */
struct raftblk_conn {
	struct raftblk_net *net;
	struct socket *sock;
	u8 role;
	u32 peer;
	u8 incarnation[16];
	unsigned long flags;
	struct list_head node;
	unsigned long since;
	struct work_struct release;

	bool attached;
	void (*saved_data_ready)(struct sock *sk);
	void (*saved_write_space)(struct sock *sk);
	void (*saved_state_change)(struct sock *sk);

	struct raftblk_rx rx;
	struct raftblk_tx tx;
	u64 rx_bytes, rx_msgs;
	u64 tx_bytes, tx_msgs;
};

/* conn.c */

/* NULL: no memory.  On success the socket belongs to the connection.  May sleep. */
struct raftblk_conn *raftblk_conn_create(struct raftblk_net *net, struct socket *sock,
					 const struct raftblk_auth *auth);

/* Worker: install the callbacks. */
void raftblk_conn_attach(struct raftblk_conn *conn);

/* When it returns no callback of it runs or will run, and no payload is held. */
void raftblk_conn_close(struct raftblk_conn *conn);

int raftblk_conn_init(void);
void raftblk_conn_exit(void);

/* recv.c; worker only */

int raftblk_rx_init(struct raftblk_rx *rx, u8 role);
void raftblk_rx_exit(struct raftblk_rx *rx);	/* no payload is held */
void raftblk_rx_drop(struct raftblk_rx *rx);	/* drop payloads */

/**
 * raftblk_conn_receive() - read what is there, hand messages to the replica
 * @budget: bytes to read at most, about; lowered by what was read
 *
 * Return: 0: nothing more for now (or memory is short: again after a kick);
 * 1: there may be more; -errno: the connection is of no more use.
 */
int raftblk_conn_receive(struct raftblk_conn *conn, s64 *budget);

/* send.c; worker only */

int raftblk_tx_init(struct raftblk_tx *tx, u8 role);
void raftblk_tx_exit(struct raftblk_tx *tx);
void raftblk_tx_drop(struct raftblk_tx *tx);

/* Room for one more message? */
bool raftblk_conn_may_send(const struct raftblk_conn *conn);

/* Queue a message; dropped where there is no room.  Takes over m->payload. */
void raftblk_conn_send(struct raftblk_conn *conn, const struct raftblk_msg *m);

/* Push the queue into the socket as far as it takes it.  0 or -errno. */
int raftblk_conn_flush(struct raftblk_conn *conn);

#endif /* RAFTBLK_CONN_H */
