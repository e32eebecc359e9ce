/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Payloads: the bytes behind entries, as reference-counted vectors of pages.
 *
 * A payload is filled once (from a request, a socket or the ring), by the one
 * who allocated it and before anybody else gets to know it; from then on its
 * pages are only read.  Byte k is in page[k >> PAGE_SHIFT] at k & ~PAGE_MASK.
 *
 * Holders of references: the log (entries in memory), the replica (requests
 * that may have to be proposed again, segments of reads), I/O on its way to the
 * lower device, messages that wait to be sent.  A page itself may live longer
 * than the payload, where the network stack holds a reference to it.
 */
#ifndef RAFTBLK_PAYLOAD_H
#define RAFTBLK_PAYLOAD_H

#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/refcount.h>

#include "../core/entry.h"

struct bio;
struct request;
struct raftblk_volume;

#define RAFTBLK_PAYLOAD_MAX_BYTES	(1U << 20)	/* one request, one entry */
#define RAFTBLK_PAYLOAD_MAX_PAGES	DIV_ROUND_UP(RAFTBLK_PAYLOAD_MAX_BYTES, PAGE_SIZE)
#define RAFTBLK_PAYLOAD_INLINE_PAGES	4

/**
 * struct raftblk_payload - see above
 * @ref: references
 * @bytes: length
 * @nr_pages: pages it takes
 * @charged: @bytes count against the budget for writes of this node
 * @reserve: the struct and those of its pages that were short came from the
 *	reserve of this
 * @page: the pages; @inline_page unless there are many
 */
struct raftblk_payload {
	refcount_t ref;
	u32 bytes;
	u32 nr_pages;
	bool charged;
	bool large;
	struct raftblk_payload_pool *pool;
	struct page **page;
	struct page *inline_page[RAFTBLK_PAYLOAD_INLINE_PAGES];
};

/**
 * struct raftblk_payload_pool - one volume's memory for payloads
 * @vol: whose
 * @pages: reserve for requests of this node
 * @rx_pages: reserve for what the worker needs: data received from peers and
 *	data read back from the ring.  Of its own, so that requests that wait for
 *	a majority cannot use up what is needed to reach one.
 * @small, @large: payload structs, with a reserve
 * @reserve_lock: one at a time digs into @pages, so that two that each hold a
 *	part of it do not wait for each other
 * @charged: bytes of charged payloads
 * @budget: as many at most
 * @starved_tx: a request was turned away for lack of budget; cleared by whoever
 *	runs the queues again
 * @starved_rx: the worker was turned away; the next free kicks it
 */
struct raftblk_payload_pool {
	struct raftblk_volume *vol;
	mempool_t *pages;
	mempool_t *rx_pages;
	mempool_t *small;
	mempool_t *large;
	struct mutex reserve_lock;
	atomic64_t charged;
	u64 budget;
	atomic_t starved_tx;
	atomic_t starved_rx;
};

int raftblk_payload_pool_init(struct raftblk_payload_pool *pool, struct raftblk_volume *vol);
void raftblk_payload_pool_exit(struct raftblk_payload_pool *pool);

/**
 * raftblk_payload_alloc() - a payload for data received or read back
 * @bytes: 1 ... RAFTBLK_PAYLOAD_MAX_BYTES; content is not initialised
 *
 * Worker only.  Never sleeps: the worker is who frees.
 *
 * Return: one reference, or NULL where memory is short: stop and try again
 * later; the worker is kicked as soon as a payload has been freed.  NULL for
 * good if @bytes is out of range.
 */
struct raftblk_payload *raftblk_payload_alloc(struct raftblk_volume *vol, u32 bytes);

void raftblk_payload_get(struct raftblk_payload *p);
void raftblk_payload_put(struct raftblk_payload *p);	/* any context; NULL is fine */

/* What the core needs of payloads.  ops->ctx is the volume. */
void raftblk_payload_fill_ops(struct raftblk_payload_ops *ops, struct raftblk_volume *vol);

static inline u32 raftblk_payload_page_bytes(const struct raftblk_payload *p, u32 i)
{
	return min_t(u32, PAGE_SIZE, p->bytes - i * PAGE_SIZE);
}

/* CRC32C of the whole content; for a payload just filled. */
u32 raftblk_payload_crc(const struct raftblk_payload *p);

/**
 * raftblk_payload_from_request() - copy a write request's data
 * @crc: CRC32C of the data
 *
 * Each byte is read once, so that copy and CRC agree even if the submitter
 * changes its buffer meanwhile.  May sleep (GFP_NOIO).
 *
 * Return: one reference; ERR_PTR(-EBUSY): over budget, the queues are run again
 * when there is room.
 */
struct raftblk_payload *raftblk_payload_from_request(struct raftblk_volume *vol,
						     struct request *rq, u32 *crc);

/* Copy @bytes from @offset of @p to @rq_offset of a read request's buffers. */
void raftblk_payload_to_request(const struct raftblk_payload *p, u32 offset,
				struct request *rq, u32 rq_offset, u32 bytes);

int raftblk_payload_init(void);
void raftblk_payload_exit(void);

#endif /* RAFTBLK_PAYLOAD_H */
