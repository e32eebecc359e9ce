// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving on an established connection: header, body, payloads, over and
 * over.  Worker only, never blocks.
 */
#include <linux/highmem.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "../compat/socket.h"
#include "../core/crc.h"
#include "link.h"
#include "volume.h"

#define RX_BUF_BYTES	8192

/* How much of what follows a header may be read with it: all, where messages
 * are small, so that many come with one call; about one small append where they
 * are not, since payload that lands in the buffer has to be copied.
 */
#define RX_AHEAD_CONTROL	RX_BUF_BYTES
#define RX_AHEAD_DATA		1024

static_assert(sizeof(struct raftblk_wire_header) + RAFTBLK_WIRE_BODY_MAX <= RX_BUF_BYTES);

int raftblk_rx_init(struct raftblk_rx *rx, u8 role)
{
	rx->buf = kmalloc(RX_BUF_BYTES, GFP_NOIO);
	if (!rx->buf)
		return -ENOMEM;
	if (role != RAFTBLK_CONN_DATA)
		return 0;
	rx->ent = kcalloc(RAFTBLK_MSG_MAX_ENTRIES, sizeof(*rx->ent), GFP_NOIO);
	return rx->ent ? 0 : -ENOMEM;
}

void raftblk_rx_exit(struct raftblk_rx *rx)
{
	kfree(rx->buf);
	kfree(rx->ent);
}

void raftblk_rx_drop(struct raftblk_rx *rx)
{
	u32 i;

	if (!rx->payloads)
		return;
	for (i = 0; i < rx->nr; i++)
		raftblk_payload_put(rx->ent[i].payload);
	rx->payloads = false;
}

/* Before reading, so that what arrives from now on is noticed. */
static bool rx_begin(struct raftblk_conn *conn)
{
	if (!test_bit(CONN_READABLE, &conn->flags))
		return false;
	clear_bit(CONN_READABLE, &conn->flags);
	/* pairs with the one in conn_signal() */
	smp_mb__after_atomic();
	return true;
}

/*
 * After: fewer bytes than asked for mean that the socket is empty.  But an end or
 * an error that came right behind them has had its callback already, and there
 * will not be another: without a further look a dead connection would be kept.
 */
static int rx_end(struct raftblk_conn *conn, int ret, u32 asked)
{
	const struct sock *sk = conn->sock->sk;

	if (ret == 0)
		return -ECONNRESET;
	if (ret < 0)
		return ret;
	if (ret == asked || READ_ONCE(sk->sk_err) || (READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN))
		set_bit(CONN_READABLE, &conn->flags);
	conn->rx_bytes += ret;
	return ret;
}

/* Read into the buffer, at least trying for @need bytes in it. */
static int rx_fill(struct raftblk_conn *conn, u32 need)
{
	u32 ahead = conn->role == RAFTBLK_CONN_DATA ? RX_AHEAD_DATA : RX_AHEAD_CONTROL;
	struct raftblk_rx *rx = &conn->rx;
	struct msghdr msg = { };
	struct kvec vec;
	int ret;

	if (!rx_begin(conn))
		return -EAGAIN;
	if (rx->head) {
		memmove(rx->buf, rx->buf + rx->head, rx->tail - rx->head);
		rx->tail -= rx->head;
		rx->head = 0;
	}
	vec.iov_base = rx->buf + rx->tail;
	vec.iov_len = min_t(u32, max(need, ahead), RX_BUF_BYTES) - rx->tail;
	ret = kernel_recvmsg(conn->sock, &msg, &vec, 1, vec.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
	ret = rx_end(conn, ret, vec.iov_len);
	if (ret > 0)
		rx->tail += ret;
	return ret;
}

/* Each type has its connection; those of the handshake and JOIN have none here. */
static bool rx_type_fits(const struct raftblk_conn *conn, u8 type)
{
	const struct raftblk_msg m = { .type = type };

	if (raftblk_msg_is_data(&m))
		return conn->role == RAFTBLK_CONN_DATA;
	return conn->role == RAFTBLK_CONN_CONTROL &&
	       (type < RAFTBLK_MSG_JOIN_REQ || raftblk_msg_is_catchup(type) ||
		raftblk_msg_is_grow(type) || raftblk_msg_is_recall(type));
}

static void rx_deliver(struct raftblk_conn *conn)
{
	struct raftblk_volume *vol = conn->net->vol;
	struct raftblk_rx *rx = &conn->rx;

	if (rx->payloads && rx->msg.type == RAFTBLK_MSG_DATA)
		rx->msg.payload = rx->ent[0].payload;
	rx->payloads = false;
	conn->rx_msgs++;
	/* not what the header says: that one is known by the handshake */
	rx->msg.from = conn->peer;
	rx->msg.to = vol->super.node_id;
	raftblk_replica_receive(&vol->replica, raftblk_now(), &rx->msg);
}

/* Entries without payload take no bytes. */
static void rx_skip_empty(struct raftblk_rx *rx)
{
	while (rx->cur < rx->nr && !rx->ent[rx->cur].bytes)
		rx->cur++;
}

/* Content of a chunk, to be received as if it were an entry's. */
static void rx_data_entry(struct raftblk_rx *rx)
{
	const struct raftblk_wire_data *d = rx->msg.body;

	rx->ent[0] = (struct raftblk_entry){
		.bytes = rx->msg.bytes,
		.crc = le32_to_cpu(d->crc),
	};
}

/* Head and body are there. */
static int rx_begin_payloads(struct raftblk_rx *rx)
{
	u32 i;

	rx->nr = rx->msg.nr;
	if (rx->msg.type == RAFTBLK_MSG_DATA) {
		rx_data_entry(rx);
		rx->nr = 1;
	}
	for (i = 0; i < rx->nr; i++)
		if (rx->ent[i].bytes > RAFTBLK_PAYLOAD_MAX_BYTES)
			return -EPROTO;
	rx->payloads = true;
	rx->cur = 0;
	rx->off = 0;
	rx->crc = 0;
	rx_skip_empty(rx);
	return 0;
}

/* The next header and body: deliver, or go on with payloads. */
static int rx_head(struct raftblk_conn *conn)
{
	struct raftblk_rx *rx = &conn->rx;
	const struct raftblk_wire_header *h = (const void *)(rx->buf + rx->head);
	struct raftblk_wire_frame what;
	u32 need = sizeof(*h);
	int err;

	if (rx->tail - rx->head >= need) {
		err = raftblk_wire_check_header(h, &what);
		if (err)
			return err;
		if (!rx_type_fits(conn, what.type))
			return -EPROTO;
		need += what.body_bytes;
	}
	if (rx->tail - rx->head < need) {
		err = rx_fill(conn, need);
		return err < 0 ? err : 0;
	}
	/* Not the volume's end: an entry may belong behind one that moves it. */
	err = raftblk_wire_decode(h, h + 1, &rx->msg, rx->ent, RAFTBLK_SECTOR_MAX);
	if (err)
		return err;
	rx->head += need;
	if (what.payload_bytes)
		return rx_begin_payloads(rx);
	rx_deliver(conn);
	return 0;
}

/* @n bytes have been put behind rx->off. */
static int rx_advance(struct raftblk_rx *rx, u32 n)
{
	while (n) {
		struct raftblk_entry *e = &rx->ent[rx->cur];
		u32 in_page = offset_in_page(rx->off);
		u32 len = min3(n, (u32)PAGE_SIZE - in_page, e->bytes - rx->off);
		void *page = kmap_local_page(e->payload->page[rx->off >> PAGE_SHIFT]);

		/* here, while the bytes are in the cache */
		rx->crc = raftblk_crc_update(rx->crc, page + in_page, len);
		kunmap_local(page);
		rx->off += len;
		n -= len;
		if (rx->off < e->bytes)
			continue;
		/* TCP's checksum is too weak to build the log on */
		if (rx->crc != e->crc)
			return -EBADMSG;
		rx->cur++;
		rx->off = 0;
		rx->crc = 0;
		rx_skip_empty(rx);
	}
	return 0;
}

/* Bytes that were read with the header. */
static int rx_from_buffer(struct raftblk_rx *rx)
{
	struct raftblk_entry *e = &rx->ent[rx->cur];
	u32 in_page = offset_in_page(rx->off);
	u32 len = min3(rx->tail - rx->head, (u32)PAGE_SIZE - in_page, e->bytes - rx->off);

	memcpy_to_page(e->payload->page[rx->off >> PAGE_SHIFT], in_page, rx->buf + rx->head, len);
	rx->head += len;
	return rx_advance(rx, len);
}

/* The pages that come next, as far as they are there. */
static u32 rx_vector(const struct raftblk_rx *rx, struct bio_vec *bv, u32 *bytes)
{
	u32 i = rx->cur, off = rx->off, nr = 0;

	*bytes = 0;
	while (i < rx->nr && nr < CONN_VECTOR) {
		const struct raftblk_entry *e = &rx->ent[i];
		u32 in_page = offset_in_page(off);

		if (off == e->bytes) {
			i++;
			off = 0;
			continue;
		}
		if (!e->payload)
			break;
		bv[nr].bv_page = e->payload->page[off >> PAGE_SHIFT];
		bv[nr].bv_offset = in_page;
		bv[nr].bv_len = min((u32)PAGE_SIZE - in_page, e->bytes - off);
		off += bv[nr].bv_len;
		*bytes += bv[nr++].bv_len;
	}
	return nr;
}

static int rx_from_socket(struct raftblk_conn *conn)
{
	struct bio_vec *bv = conn->net->vec.page;
	u32 nr, bytes;
	int ret;

	if (!rx_begin(conn))
		return -EAGAIN;
	nr = rx_vector(&conn->rx, bv, &bytes);
	ret = compat_sock_recv_pages(conn->sock, bv, nr, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	ret = rx_end(conn, ret, bytes);
	return ret < 0 ? ret : rx_advance(&conn->rx, ret);
}

/* Payloads for the entries from rx->cur on, some of them; the first at least. */
static int rx_alloc(struct raftblk_conn *conn)
{
	struct raftblk_rx *rx = &conn->rx;
	u32 i, pages = 0;

	for (i = rx->cur; i < rx->nr && pages < CONN_VECTOR; i++) {
		struct raftblk_entry *e = &rx->ent[i];

		if (e->bytes && !e->payload)
			e->payload = raftblk_payload_alloc(conn->net->vol, e->bytes);
		if (e->bytes && !e->payload)
			return i == rx->cur ? -ENOBUFS : 0;
		pages += DIV_ROUND_UP(e->bytes, PAGE_SIZE);
	}
	return 0;
}

/*
 * No memory for the payload at rx->cur: hand over the entries before it.  An
 * append of fewer entries is as good as any, and only what the log has taken
 * over can become durable and be freed.  Otherwise a message larger than the
 * reserve could wait for the memory that it holds itself.
 */
static void rx_split(struct raftblk_conn *conn)
{
	struct raftblk_rx *rx = &conn->rx;
	struct raftblk_msg rest = rx->msg;
	u32 n = rx->cur;

	rest.index += n;
	rest.log_term = rx->ent[n - 1].term;
	rest.nr -= n;
	rx->msg.nr = n;	/* an APPEND: the content of DATA is one piece */
	rx_deliver(conn);

	memmove(rx->ent, rx->ent + n, rest.nr * sizeof(*rx->ent));
	rx->msg = rest;
	rx->msg.ent = rx->ent;
	rx->nr = rest.nr;
	rx->cur = 0;
	rx->payloads = true;
}

static int rx_payloads(struct raftblk_conn *conn)
{
	struct raftblk_rx *rx = &conn->rx;
	int err;

	if (rx->cur == rx->nr) {
		rx_deliver(conn);
		return 0;
	}
	err = rx_alloc(conn);
	if (err) {
		if (rx->cur)
			rx_split(conn);
		return err;
	}
	return rx->head < rx->tail ? rx_from_buffer(rx) : rx_from_socket(conn);
}

int raftblk_conn_receive(struct raftblk_conn *conn, s64 *budget)
{
	u64 before = conn->rx_bytes;
	int err = 0;

	while (!err && (s64)(conn->rx_bytes - before) < *budget)
		err = conn->rx.payloads ? rx_payloads(conn) : rx_head(conn);
	*budget -= conn->rx_bytes - before;
	switch (err) {
	case 0:
		return 1;
	case -EAGAIN:
	case -ENOBUFS:	/* reading goes on when a payload has been freed */
		return 0;
	default:
		return err;
	}
}
