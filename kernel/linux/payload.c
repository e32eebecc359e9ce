// SPDX-License-Identifier: GPL-2.0
/* Payloads: allocation with reserves, copying to and from requests. */
#include <linux/blk-mq.h>
#include <linux/bvec.h>
#include <linux/highmem.h>
#include <linux/slab.h>

#include "../core/crc.h"
#include "payload.h"
#include "volume.h"

/*
 * Reserves per volume.  tx: one request of the largest size always gets
 * through.  rx: an entry of the largest size can be received while another one
 * is read back from the ring.
 */
#define TX_REQUESTS	1
#define RX_ENTRIES	2
#define STRUCTS		16

/*
 * Without waiting, and without the emergency reserves that reclaim itself may
 * use: who reclaims may be the submitter.
 */
#define GFP_EASY	(GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC)

static struct kmem_cache *small_cache;
static struct kmem_cache *large_cache;

static int reserve_init(struct raftblk_payload_reserve *r, u32 nr)
{
	int err;

	err = mempool_init_page_pool(&r->pages, nr * RAFTBLK_PAYLOAD_MAX_PAGES, 0);
	if (!err)
		err = mempool_init_slab_pool(&r->small, STRUCTS, small_cache);
	if (!err)
		err = mempool_init_slab_pool(&r->large, STRUCTS, large_cache);
	return err;
}

/* Fine with a reserve that is zeroed or was set up in part. */
static void reserve_exit(struct raftblk_payload_reserve *r)
{
	mempool_exit(&r->pages);
	mempool_exit(&r->small);
	mempool_exit(&r->large);
}

int raftblk_payload_pool_init(struct raftblk_payload_pool *pool, struct raftblk_volume *vol)
{
	int err;

	memset(pool, 0, sizeof(*pool));
	pool->vol = vol;
	mutex_init(&pool->tx_lock);
	err = reserve_init(&pool->tx, TX_REQUESTS);
	if (!err)
		err = reserve_init(&pool->rx, RX_ENTRIES);
	if (err)
		raftblk_payload_pool_exit(pool);
	return err;
}

void raftblk_payload_pool_exit(struct raftblk_payload_pool *pool)
{
	reserve_exit(&pool->tx);
	reserve_exit(&pool->rx);
	mutex_destroy(&pool->tx_lock);
}

static mempool_t *struct_pool(struct raftblk_payload_reserve *r, bool large)
{
	return large ? &r->large : &r->small;
}

static bool is_large(u32 bytes)
{
	return bytes > RAFTBLK_PAYLOAD_SMALL_PAGES * PAGE_SIZE;
}

/* Without pages yet. */
static struct raftblk_payload *payload_set(struct raftblk_payload *p,
					   struct raftblk_payload_pool *pool,
					   struct raftblk_payload_reserve *reserve, u32 bytes)
{
	if (!p)
		return NULL;
	p->large = is_large(bytes);
	refcount_set(&p->ref, 1);
	p->bytes = bytes;
	p->nr_pages = 0;
	p->reserved = false;
	p->pool = pool;
	p->reserve = reserve;
	return p;
}

/*
 * A page the network stack still refers to (a segment not yet acknowledged)
 * must not go back into a reserve: whoever gets it next would change what is
 * sent again.  It is left to its last holder instead.
 */
static void page_free(mempool_t *pages, struct page *page)
{
	if (page_ref_count(page) == 1)
		mempool_free(page, pages);
	else
		put_page(page);
}

static struct raftblk_payload *payload_new(struct raftblk_payload_pool *pool,
					   struct raftblk_payload_reserve *reserve,
					   u32 bytes, gfp_t gfp)
{
	return payload_set(mempool_alloc(struct_pool(reserve, is_large(bytes)), gfp),
			   pool, reserve, bytes);
}

/* Somebody was turned away, and may have more luck now. */
static void pool_relieved(struct raftblk_payload_pool *pool)
{
	if (atomic_read(&pool->starved) && atomic_xchg(&pool->starved, 0))
		raftblk_volume_kick(pool->vol);
}

static void payload_free(struct raftblk_payload *p)
{
	struct raftblk_payload_pool *pool = p->pool;
	struct raftblk_payload_reserve *r = p->reserve;
	u32 i;

	for (i = 0; i < p->nr_pages; i++)
		page_free(&r->pages, p->page[i]);
	mempool_free(p, struct_pool(r, p->large));
	pool_relieved(pool);
}

/* A page for @p, which may come from the reserve. */
static struct page *rx_page(struct raftblk_payload *p)
{
	struct page *page = alloc_page(GFP_EASY);

	if (likely(page))
		return page;
	p->reserved = true;
	return mempool_alloc(&p->reserve->pages, GFP_EASY);
}

/* Pages for @p; if there are not enough it is gone. */
static struct raftblk_payload *rx_fill(struct raftblk_payload *p, bool reserve)
{
	u32 nr_pages = p ? DIV_ROUND_UP(p->bytes, PAGE_SIZE) : 0;

	while (p && p->nr_pages < nr_pages) {
		struct page *page = reserve ? rx_page(p) : alloc_page(GFP_EASY);

		if (!page) {
			payload_free(p);
			return NULL;
		}
		p->page[p->nr_pages++] = page;
	}
	return p;
}

static bool bytes_ok(u32 bytes)
{
	return bytes && bytes <= RAFTBLK_PAYLOAD_MAX_BYTES;
}

struct raftblk_payload *raftblk_payload_alloc(struct raftblk_volume *vol, u32 bytes)
{
	struct raftblk_payload_pool *pool = &vol->pool;
	struct raftblk_payload *p;

	if (!bytes_ok(bytes))
		return NULL;
	p = rx_fill(payload_new(pool, &pool->rx, bytes, GFP_EASY), true);
	if (!p)
		atomic_set(&pool->starved, 1);
	return p;
}

struct raftblk_payload *raftblk_payload_try_alloc(struct raftblk_volume *vol, u32 bytes)
{
	struct raftblk_payload_pool *pool = &vol->pool;
	struct raftblk_payload *p;

	if (!bytes_ok(bytes))
		return NULL;
	/* To be freed to the reserve's pool, which passes on what it does not lack. */
	p = kmem_cache_alloc(is_large(bytes) ? large_cache : small_cache, GFP_EASY);
	p = rx_fill(payload_set(p, pool, &pool->rx, bytes), false);
	if (!p)
		atomic_set(&pool->starved, 1);
	return p;
}

void raftblk_payload_shrink(struct raftblk_payload *p, u32 bytes)
{
	u32 nr_pages = DIV_ROUND_UP(bytes, PAGE_SIZE);

	p->bytes = bytes;
	while (p->nr_pages > nr_pages)
		page_free(&p->reserve->pages, p->page[--p->nr_pages]);
	pool_relieved(p->pool);
}

void raftblk_payload_get(struct raftblk_payload *p)
{
	refcount_inc(&p->ref);
}

void raftblk_payload_put(struct raftblk_payload *p)
{
	if (p && refcount_dec_and_test(&p->ref))
		payload_free(p);
}

static struct raftblk_payload *ops_alloc(void *ctx, u32 bytes)
{
	struct raftblk_payload *p;

	if (bytes > PAGE_SIZE)
		return NULL;
	p = raftblk_payload_alloc(ctx, bytes);
	if (p)
		clear_highpage(p->page[0]);
	return p;
}

/* All pages come without __GFP_HIGHMEM, so page_address() is good for them. */
static void *ops_map(struct raftblk_payload *p)
{
	return page_address(p->page[0]);
}

void raftblk_payload_fill_ops(struct raftblk_payload_ops *ops, struct raftblk_volume *vol)
{
	ops->get = raftblk_payload_get;
	ops->put = raftblk_payload_put;
	ops->alloc = ops_alloc;
	ops->map = ops_map;
	ops->ctx = vol;
}

u32 raftblk_payload_crc(const struct raftblk_payload *p)
{
	u32 crc = 0;
	u32 i;

	for (i = 0; i < p->nr_pages; i++)
		crc = raftblk_crc_update(crc, page_address(p->page[i]),
					 raftblk_payload_page_bytes(p, i));
	return crc;
}

/*
 * From here on the reserve is waited for.  Most of it may be held by the log's
 * cache, so the worker has to know (see relieve()); as long as somebody waits
 * it goes on giving back.
 */
static void tx_wait_begin(struct raftblk_payload_pool *pool)
{
	atomic_inc(&pool->waiting);
	raftblk_volume_kick(pool->vol);
}

static void tx_wait_end(struct raftblk_payload_pool *pool)
{
	atomic_dec(&pool->waiting);
}

static struct raftblk_payload *tx_new(struct raftblk_payload_pool *pool, u32 bytes)
{
	struct raftblk_payload *p = payload_new(pool, &pool->tx, bytes, GFP_EASY);

	if (likely(p))
		return p;
	tx_wait_begin(pool);
	p = payload_new(pool, &pool->tx, bytes, GFP_NOIO);
	tx_wait_end(pool);
	return p;
}

/* Fill up with pages: the ordinary ones first, the reserve only when these have run out. */
static void tx_add_pages(struct raftblk_payload *p, u32 nr_pages)
{
	struct raftblk_payload_pool *pool = p->pool;

	while (p->nr_pages < nr_pages) {
		struct page *page = alloc_page(GFP_EASY);

		if (!page)
			break;
		p->page[p->nr_pages++] = page;
	}
	if (likely(p->nr_pages == nr_pages))
		return;
	p->reserved = true;
	tx_wait_begin(pool);
	mutex_lock(&pool->tx_lock);
	while (p->nr_pages < nr_pages)
		p->page[p->nr_pages++] = mempool_alloc(&pool->tx.pages, GFP_NOIO);
	mutex_unlock(&pool->tx_lock);
	tx_wait_end(pool);
}

struct raftblk_payload *raftblk_payload_from_request(struct raftblk_volume *vol,
						     struct request *rq, u32 *crc_out)
{
	u32 bytes = blk_rq_bytes(rq);
	u32 crc = 0;
	struct req_iterator iter;
	struct raftblk_payload *p;
	struct bio_vec bv;
	u32 pos = 0;

	if (WARN_ON_ONCE(!bytes || bytes > RAFTBLK_PAYLOAD_MAX_BYTES))
		return NULL;
	p = tx_new(&vol->pool, bytes);
	tx_add_pages(p, DIV_ROUND_UP(bytes, PAGE_SIZE));

	rq_for_each_segment(bv, rq, iter) {
		u8 *src = bvec_kmap_local(&bv);
		u32 done = 0;

		while (done < bv.bv_len) {
			u8 *dst = page_address(p->page[pos >> PAGE_SHIFT]) + offset_in_page(pos);
			u32 n = min_t(u32, bv.bv_len - done, PAGE_SIZE - offset_in_page(pos));

			memcpy(dst, src + done, n);
			crc = raftblk_crc_update(crc, dst, n);
			done += n;
			pos += n;
		}
		kunmap_local(src);
	}
	*crc_out = crc;
	return p;
}

void raftblk_payload_to_request(const struct raftblk_payload *p, u32 offset,
				struct request *rq, u32 rq_offset, u32 bytes)
{
	u32 end = rq_offset + bytes;
	struct req_iterator iter;
	struct bio_vec bv;
	u32 pos = 0;

	rq_for_each_segment(bv, rq, iter) {
		u32 from = max(pos, rq_offset);
		u32 to = min(pos + bv.bv_len, end);
		u8 *dst;

		if (pos >= end)
			break;
		if (from < to) {
			dst = bvec_kmap_local(&bv);
			while (from < to) {
				u32 at = offset + from - rq_offset;
				u32 n = min_t(u32, to - from, PAGE_SIZE - offset_in_page(at));

				memcpy(dst + from - pos,
				       page_address(p->page[at >> PAGE_SHIFT]) + offset_in_page(at),
				       n);
				from += n;
			}
			kunmap_local(dst);
		}
		pos += bv.bv_len;
	}
}

int raftblk_payload_init(void)
{
	small_cache = kmem_cache_create("raftblk_payload_small",
					offsetof(struct raftblk_payload,
						 page[RAFTBLK_PAYLOAD_SMALL_PAGES]),
					0, 0, NULL);
	large_cache = kmem_cache_create("raftblk_payload_large",
					offsetof(struct raftblk_payload,
						 page[RAFTBLK_PAYLOAD_MAX_PAGES]),
					0, 0, NULL);
	if (!small_cache || !large_cache) {
		raftblk_payload_exit();
		return -ENOMEM;
	}
	return 0;
}

void raftblk_payload_exit(void)
{
	kmem_cache_destroy(small_cache);
	kmem_cache_destroy(large_cache);
}
