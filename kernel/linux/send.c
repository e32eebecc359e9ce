// SPDX-License-Identifier: GPL-2.0
/*
 * Sending on an established connection.  Worker only, never blocks, never
 * allocates.
 */
#include <linux/slab.h>
#include <net/sock.h>

#include "../compat/socket.h"
#include "link.h"
#include "volume.h"

#define TX_FLAGS	(MSG_DONTWAIT | MSG_NOSIGNAL)
#define TX_DATA_HEAD	(sizeof(struct raftblk_wire_header) + \
			 RAFTBLK_MSG_MAX_ENTRIES * sizeof(struct raftblk_disk_desc))

/* The longest of catch-up; all others have no body. */
#define TX_CONTROL_HEAD	(sizeof(struct raftblk_wire_header) + \
			 sizeof(struct raftblk_wire_boundary))

static_assert(sizeof(struct raftblk_wire_fetch) <= sizeof(struct raftblk_wire_boundary) &&
	      RAFTBLK_LIST_MAX * sizeof(__le64) <= sizeof(struct raftblk_wire_boundary));
static_assert(!(CONN_CONTROL_MSGS & (CONN_CONTROL_MSGS - 1)) &&
	      !(CONN_DATA_MSGS & (CONN_DATA_MSGS - 1)));

int raftblk_tx_init(struct raftblk_tx *tx, u8 role)
{
	bool data = role == RAFTBLK_CONN_DATA;

	tx->size = data ? CONN_DATA_MSGS : CONN_CONTROL_MSGS;
	tx->head_cap = data ? TX_DATA_HEAD : TX_CONTROL_HEAD;
	tx->out = kcalloc(tx->size, sizeof(*tx->out), GFP_NOIO);
	tx->heads = kvmalloc_array(tx->size, tx->head_cap, GFP_NOIO);
	if (data)
		tx->payload = kvcalloc(tx->size * RAFTBLK_MSG_MAX_ENTRIES,
				       sizeof(*tx->payload), GFP_NOIO);
	return tx->out && tx->heads && (tx->payload || !data) ? 0 : -ENOMEM;
}

void raftblk_tx_exit(struct raftblk_tx *tx)
{
	kfree(tx->out);
	kvfree(tx->heads);
	kvfree(tx->payload);
}

static u32 tx_slot(const struct raftblk_tx *tx, u32 i)
{
	return (tx->first + i) & (tx->size - 1);
}

static u8 *tx_head(const struct raftblk_tx *tx, u32 slot)
{
	return tx->heads + slot * tx->head_cap;
}

static struct raftblk_payload **tx_payloads(const struct raftblk_tx *tx, u32 slot)
{
	return tx->payload + slot * RAFTBLK_MSG_MAX_ENTRIES;
}

/* The first message is over: sent, or given up. */
static void tx_pop(struct raftblk_tx *tx)
{
	u32 slot = tx_slot(tx, 0);
	struct raftblk_out *out = &tx->out[slot];

	for (; tx->cur < out->nr; tx->cur++)
		raftblk_payload_put(tx_payloads(tx, slot)[tx->cur]);
	tx->bytes -= out->bytes;
	tx->first++;
	tx->count--;
	tx->off = 0;
	tx->cur = 0;
	tx->cur_off = 0;
}

void raftblk_tx_drop(struct raftblk_tx *tx)
{
	while (tx->count)
		tx_pop(tx);
}

bool raftblk_conn_may_send(const struct raftblk_conn *conn)
{
	const struct raftblk_tx *tx = &conn->tx;

	return tx->count < tx->size &&
	       (conn->role != RAFTBLK_CONN_DATA || tx->bytes < CONN_DATA_BYTES);
}

/* Entries of an APPEND to be sent are in the log. */
struct tx_entries {
	struct raftblk_log *log;
	u64 first;
};

static const struct raftblk_entry *tx_entry(void *ctx, u32 i)
{
	struct tx_entries *te = ctx;

	return raftblk_log_entry(te->log, te->first + i);
}

/*
 * References to the payloads, without those of entries that have none.
 * raft_poll() makes no APPEND whose payloads are not in memory.
 */
static bool tx_take_payloads(struct raftblk_out *out, struct raftblk_payload **p,
			     struct tx_entries *te, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		const struct raftblk_entry *e = tx_entry(te, i);

		if (!e || (e->bytes && !e->payload))
			goto err_put;
		if (!e->bytes)
			continue;
		raftblk_payload_get(e->payload);
		p[out->nr++] = e->payload;
		out->bytes += e->bytes;
	}
	return true;

err_put:
	while (out->nr)
		raftblk_payload_put(p[--out->nr]);
	return false;
}

void raftblk_conn_send(struct raftblk_conn *conn, const struct raftblk_msg *m)
{
	struct raftblk_volume *vol = conn->net->vol;
	struct tx_entries te = { .log = &vol->replica.log, .first = m->index + 1 };
	struct raftblk_tx *tx = &conn->tx;
	u32 slot = tx_slot(tx, tx->count);
	struct raftblk_out *out = &tx->out[slot];
	u32 nr = m->type == RAFTBLK_MSG_APPEND ? m->nr : 0;

	if (tx->count == tx->size || nr > RAFTBLK_MSG_MAX_ENTRIES) {
		raftblk_payload_put(m->payload);
		return;
	}
	*out = (struct raftblk_out){ };
	if (nr && !tx_take_payloads(out, tx_payloads(tx, slot), &te, nr)) {
		vol_err(vol, "entries to be sent are not in memory; not sent\n");
		return;
	}
	if (m->payload) {
		tx_payloads(tx, slot)[out->nr++] = m->payload;
		out->bytes += m->bytes;
	}
	out->head_bytes = raftblk_wire_encode(m, tx_entry, &te, tx_head(tx, slot));
	out->bytes += out->head_bytes;
	tx->bytes += out->bytes;
	tx->count++;
}

/* Heads of messages, as many as follow each other without payload between. */
static int tx_send_heads(struct raftblk_conn *conn)
{
	struct kvec *vec = conn->net->vec.head;
	struct raftblk_tx *tx = &conn->tx;
	struct msghdr msg = { .msg_flags = TX_FLAGS };
	u32 skip = tx->off;
	size_t bytes = 0;
	u32 nr = 0;

	while (nr < tx->count && nr < CONN_VECTOR) {
		u32 slot = tx_slot(tx, nr);
		const struct raftblk_out *out = &tx->out[slot];

		vec[nr].iov_base = tx_head(tx, slot) + skip;
		vec[nr].iov_len = out->head_bytes - skip;
		bytes += vec[nr++].iov_len;
		skip = 0;
		if (out->nr) {
			msg.msg_flags |= MSG_MORE;
			break;
		}
	}
	if (nr < tx->count)
		msg.msg_flags |= MSG_MORE;
	return kernel_sendmsg(conn->sock, &msg, vec, nr, bytes);
}

/*
 * Payload of the first message, as pages that the network stack reads itself; see
 * struct raftblk_payload for when it has to copy them.
 */
static int tx_send_pages(struct raftblk_conn *conn)
{
	struct bio_vec *bv = conn->net->vec.page;
	struct raftblk_tx *tx = &conn->tx;
	u32 slot = tx_slot(tx, 0);
	const struct raftblk_out *out = &tx->out[slot];
	u32 i = tx->cur, off = tx->cur_off, nr = 0, bytes = 0;
	bool copy = tx_payloads(tx, slot)[i]->reserved;
	int flags = TX_FLAGS;

	while (i < out->nr && nr < CONN_VECTOR) {
		const struct raftblk_payload *p = tx_payloads(tx, slot)[i];
		u32 in_page = offset_in_page(off);

		if (p->reserved != copy)
			break;
		bv[nr].bv_page = p->page[off >> PAGE_SHIFT];
		bv[nr].bv_offset = in_page;
		bv[nr].bv_len = min((u32)PAGE_SIZE - in_page, p->bytes - off);
		off += bv[nr].bv_len;
		bytes += bv[nr++].bv_len;
		if (off == p->bytes) {
			i++;
			off = 0;
		}
	}
	if (tx->off + bytes < out->bytes || tx->count > 1)
		flags |= MSG_MORE;
	return copy ? compat_sock_copy_pages(conn->sock, bv, nr, bytes, flags) :
		      compat_sock_send_pages(conn->sock, bv, nr, bytes, flags);
}

/* The socket has taken @n bytes. */
static void tx_advance(struct raftblk_conn *conn, u32 n)
{
	struct raftblk_tx *tx = &conn->tx;

	conn->tx_bytes += n;
	while (n) {
		u32 slot = tx_slot(tx, 0);
		const struct raftblk_out *out = &tx->out[slot];
		u32 len;

		if (tx->off < out->head_bytes) {
			len = min(n, out->head_bytes - tx->off);
		} else {
			struct raftblk_payload *p = tx_payloads(tx, slot)[tx->cur];

			len = min(n, p->bytes - tx->cur_off);
			tx->cur_off += len;
			if (tx->cur_off == p->bytes) {
				raftblk_payload_put(p);
				tx->cur++;
				tx->cur_off = 0;
			}
		}
		tx->off += len;
		n -= len;
		if (tx->off == out->bytes) {
			tx_pop(tx);
			conn->tx_msgs++;
		}
	}
}

/*
 * MSG_MORE is set only where this loop goes on at once with what follows; it
 * ends early only when the socket is full, and then TCP sends by itself.
 */
int raftblk_conn_flush(struct raftblk_conn *conn)
{
	struct raftblk_tx *tx = &conn->tx;
	int ret;

	while (tx->count && test_bit(CONN_WRITABLE, &conn->flags)) {
		/* before, so that room that comes up from now on is noticed */
		clear_bit(CONN_WRITABLE, &conn->flags);
		/* pairs with the one in conn_signal() */
		smp_mb__after_atomic();
		if (tx->off < tx->out[tx_slot(tx, 0)].head_bytes)
			ret = tx_send_heads(conn);
		else
			ret = tx_send_pages(conn);
		if (ret == -EAGAIN)
			return 0;
		if (ret <= 0)
			return ret ?: -EPIPE;
		set_bit(CONN_WRITABLE, &conn->flags);
		tx_advance(conn, ret);
	}
	return 0;
}
