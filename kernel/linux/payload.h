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

struct request;
struct raftblk_volume;

#define RAFTBLK_PAYLOAD_MAX_BYTES	(1U << 20)	/* one request, one entry */
#define RAFTBLK_PAYLOAD_MAX_PAGES	DIV_ROUND_UP(RAFTBLK_PAYLOAD_MAX_BYTES, PAGE_SIZE)
#define RAFTBLK_PAYLOAD_SMALL_PAGES	8

/**
 * struct raftblk_payload - see above
 * @ref: references
 * @bytes: length
 * @nr_pages: how many pages that takes
 * @large: the struct has room for more than RAFTBLK_PAYLOAD_SMALL_PAGES
 * @reserved: some pages may be of the reserve.  They are sent by copying: TCP would
 *	keep them for as long as a peer does not acknowledge, and what the reserve
 *	gives has to come back without anybody's help.
 * @pool: where it goes when the last reference is dropped
 * @reserve: the one of @pool that it came from
 * @page: the pages
 */
struct raftblk_payload {
	refcount_t ref;
	u32 bytes;
	u32 nr_pages;
	bool large;
	bool reserved;
	struct raftblk_payload_pool *pool;
	struct raftblk_payload_reserve *reserve;
	struct page *page[];
};

/* Memory that is there when there is no other. */
struct raftblk_payload_reserve {
	mempool_t pages;
	mempool_t small;	/* structs for up to RAFTBLK_PAYLOAD_SMALL_PAGES */
	mempool_t large;	/* structs for up to RAFTBLK_PAYLOAD_MAX_PAGES */
};

/**
 * struct raftblk_payload_pool - one volume's memory for payloads
 * @vol: whose
 * @tx: reserve for requests of this node
 * @rx: reserve for what the worker needs: data received from peers and data
 *	read back from the ring.  Of its own, so that requests that wait for a
 *	majority cannot use up what is needed to reach one.
 * @tx_lock: one at a time digs into @tx.  Without it two requests could each
 *	hold a part of the reserve and wait for the rest.
 * @starved: the worker was turned away; the next free kicks it
 * @waiting: requests that wait for memory
 */
struct raftblk_payload_pool {
	struct raftblk_volume *vol;
	struct raftblk_payload_reserve tx;
	struct raftblk_payload_reserve rx;
	struct mutex tx_lock;
	atomic_t starved;
	atomic_t waiting;
};

/* Is anybody short of memory that the log's cache could give back? */
static inline bool raftblk_payload_pool_short(const struct raftblk_payload_pool *pool)
{
	return atomic_read(&pool->starved) || atomic_read(&pool->waiting);
}

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

/* The same, but not from the reserve. */
struct raftblk_payload *raftblk_payload_try_alloc(struct raftblk_volume *vol, u32 bytes);

/* Only the first @bytes are wanted; by the one who fills it. */
void raftblk_payload_shrink(struct raftblk_payload *p, u32 bytes);

void raftblk_payload_get(struct raftblk_payload *p);
void raftblk_payload_put(struct raftblk_payload *p);	/* any context; NULL is fine */

/* What the core needs of payloads.  ops->ctx is the volume. */
void raftblk_payload_fill_ops(struct raftblk_payload_ops *ops, struct raftblk_volume *vol);

static inline u32 raftblk_payload_page_bytes(const struct raftblk_payload *p, u32 i)
{
	return min_t(u32, PAGE_SIZE, p->bytes - i * PAGE_SIZE);
}

/* CRC32C of the whole content, as in descriptors. */
u32 raftblk_payload_crc(const struct raftblk_payload *p);

/**
 * raftblk_payload_from_request() - copy a write request's data
 * @crc: CRC32C of the data
 *
 * Each byte of the request is read once and the CRC is that of the copy, so
 * that they agree even if the submitter changes its buffer meanwhile.
 *
 * Return: one reference; NULL only if the request is too large.
 * Context: may sleep (GFP_NOIO), until payloads are freed if need be.
 */
struct raftblk_payload *raftblk_payload_from_request(struct raftblk_volume *vol,
						     struct request *rq, u32 *crc);

/* Copy @bytes from @offset of @p to @rq_offset of a read request's buffers. */
void raftblk_payload_to_request(const struct raftblk_payload *p, u32 offset,
				struct request *rq, u32 rq_offset, u32 bytes);

int raftblk_payload_init(void);
void raftblk_payload_exit(void);

#endif /* RAFTBLK_PAYLOAD_H */
