// SPDX-License-Identifier: GPL-2.0
/* The ring on the lower device: writing records, reading payloads back. */
#include <linux/math64.h>

#include "../core/crc.h"
#include "lower_internal.h"

/* A place in the ring; adding to it goes on at the start where the ring ends. */
struct ring_cursor {
	struct raftblk_bio_chain chain;
	u64 start;		/* of the ring, on the device */
	u64 end;
};

static void ring_begin(struct ring_cursor *r, struct raftblk_volume *vol,
		       struct raftblk_io *io, u64 pos)
{
	const struct raftblk_super *s = &vol->super;
	u64 sector;

	div64_u64_rem(pos, s->ring_sectors, &sector);
	r->start = s->ring_start;
	r->end = s->ring_start + s->ring_sectors;
	r->chain = (struct raftblk_bio_chain){
		.lower = vol->lower,
		.io = io,
		.sector = s->ring_start + sector,
	};
}

static bool ring_wraps(const struct ring_cursor *r, u32 bytes)
{
	return r->chain.sector + (bytes >> SECTOR_SHIFT) > r->end;
}

static void ring_add(struct ring_cursor *r, struct page *page, u32 off, u32 len)
{
	while (len) {
		u32 n = min_t(u64, len, (r->end - r->chain.sector) << SECTOR_SHIFT);

		raftblk_chain_add(&r->chain, page, off, n);
		if (r->chain.sector == r->end)
			raftblk_chain_seek(&r->chain, r->start);
		off += n;
		len -= n;
	}
}

static void ring_add_payload(struct ring_cursor *r, const struct raftblk_payload *p)
{
	u32 i;

	for (i = 0; i < p->nr_pages; i++)
		ring_add(r, p->page[i], 0, raftblk_payload_page_bytes(p, i));
}

/*
 * Takes a reference to each payload: the log may be cut, and drop its own,
 * while the record is still being written.
 */
static u32 log_take_payloads(struct raftblk_volume *vol, struct raftblk_log_io *lio,
			     const struct raftblk_log_write *w)
{
	u32 pages = 0, i;

	lio->nr = 0;
	for (i = 0; i < w->nr; i++) {
		struct raftblk_entry *e = raftblk_log_entry(&vol->replica.log, w->first + i);

		if (!e || !e->bytes)
			continue;
		if (WARN_ON_ONCE(!e->payload || e->payload->bytes != e->bytes)) {
			raftblk_io_fail(&lio->io, -EIO);
			continue;
		}
		raftblk_payload_get(e->payload);
		lio->payload[lio->nr++] = e->payload;
		pages += e->payload->nr_pages;
	}
	return pages;
}

/*
 * The zeros behind a payload that ends within the log's alignment come from the
 * rest of its own last page, which nobody reads.  From another page they would be
 * a piece of their own that begins in the middle of a sector, and devices that
 * want pieces to begin at page boundaries (NVMe) have it split off there: where
 * sectors are larger than 512 bytes the block layer cannot, and gives up.
 */
static void ring_add_pad(struct ring_cursor *r, const struct raftblk_payload *p, u32 bytes)
{
	struct page *page = p->page[p->nr_pages - 1];
	u32 tail = offset_in_page(p->bytes);

	memset(page_address(page) + tail, 0, bytes);
	ring_add(r, page, tail, bytes);
}

static void log_submit(struct raftblk_volume *vol, struct raftblk_log_io *lio,
		       const struct raftblk_log_write *w, u32 pages)
{
	u32 bytes = w->header_bytes + w->payload_bytes + w->pad_bytes;
	struct ring_cursor r;
	u32 i;

	ring_begin(&r, vol, &lio->io, w->pos);
	r.chain.vecs = pages + 1;
	r.chain.opf = raftblk_stable_opf(vol->lower, &lio->io, bytes,
					 ring_wraps(&r, bytes) ? U32_MAX : pages + 1);
	ring_add(&r, virt_to_page(lio->header), offset_in_page(lio->header), w->header_bytes);
	for (i = 0; i < lio->nr; i++)
		ring_add_payload(&r, lio->payload[i]);
	if (w->pad_bytes)
		ring_add_pad(&r, lio->payload[lio->nr - 1], w->pad_bytes);
	raftblk_chain_submit(&r.chain);
}

void raftblk_lower_log_write(struct raftblk_volume *vol, struct raftblk_log_write *w)
{
	struct raftblk_lower *lower = vol->lower;
	struct raftblk_log_io *lio;
	u32 pages;

	vol->stats.log_writes++;
	vol->stats.log_write_bytes += w->header_bytes + w->payload_bytes + w->pad_bytes;
	/* The log has at most RAFTBLK_LOG_WRITES on their way, so there is one. */
	lio = list_first_entry(&lower->log_free, struct raftblk_log_io, link);
	list_del(&lio->link);
	lio->id = w->id;
	raftblk_io_begin(lower, &lio->io, RAFTBLK_IO_LOG_WRITE);
	raftblk_log_encode(&vol->replica.log, w, lio->header);
	pages = log_take_payloads(vol, lio, w);
	if (raftblk_io_admit(lower, &lio->io) && !lio->io.status)
		log_submit(vol, lio, w, pages);
	raftblk_io_end(&lio->io);
}

void raftblk_log_write_ended(struct raftblk_volume *vol, struct raftblk_log_io *lio)
{
	u32 i;

	for (i = 0; i < lio->nr; i++)
		raftblk_payload_put(lio->payload[i]);
	list_add(&lio->link, &vol->lower->log_free);
	raftblk_replica_log_written(&vol->replica, raftblk_now(), lio->id, lio->io.status);
}

/* A disk reads whole sectors; what is too much goes to the rest of the last page. */
static void ring_add_surplus(struct ring_cursor *r, const struct raftblk_payload *p, u32 align)
{
	u32 bytes = round_up(p->bytes, align) - p->bytes;

	if (bytes)
		ring_add(r, p->page[p->nr_pages - 1], offset_in_page(p->bytes), bytes);
}

/* False: no memory for the payload. */
static bool load_start(struct raftblk_volume *vol, struct raftblk_load_io *lio)
{
	struct raftblk_lower *lower = vol->lower;
	struct ring_cursor r;

	lio->payload = raftblk_payload_alloc(vol, lio->bytes);
	if (!lio->payload)
		return false;
	raftblk_io_begin(lower, &lio->io, RAFTBLK_IO_LOG_READ);
	if (raftblk_io_admit(lower, &lio->io)) {
		ring_begin(&r, vol, &lio->io, lio->pos);
		r.chain.opf = REQ_OP_READ | REQ_SYNC;
		r.chain.vecs = lio->payload->nr_pages;
		ring_add_payload(&r, lio->payload);
		ring_add_surplus(&r, lio->payload, vol->super.log_align);
		raftblk_chain_submit(&r.chain);
	}
	raftblk_io_end(&lio->io);
	return true;
}

void raftblk_lower_log_read(struct raftblk_volume *vol, u64 index, const struct raftblk_entry *e)
{
	struct raftblk_lower *lower = vol->lower;
	struct raftblk_load_io *lio;

	vol->stats.log_reads++;
	vol->stats.log_read_bytes += e->bytes;
	lio = list_first_entry(&lower->load_free, struct raftblk_load_io, link);
	list_del(&lio->link);
	lio->index = index;
	lio->term = e->term;
	lio->pos = e->pos;
	lio->bytes = e->bytes;
	lio->crc = e->crc;
	if (!load_start(vol, lio))
		list_add_tail(&lio->link, &lower->load_starved);
}

bool raftblk_log_retry(struct raftblk_volume *vol)
{
	struct raftblk_lower *lower = vol->lower;
	struct raftblk_load_io *lio, *next;

	list_for_each_entry_safe(lio, next, &lower->load_starved, link) {
		list_del(&lio->link);
		if (!load_start(vol, lio)) {
			list_add(&lio->link, &lower->load_starved);
			return true;
		}
	}
	return false;
}

void raftblk_log_give_up(struct raftblk_volume *vol)
{
	struct raftblk_lower *lower = vol->lower;
	struct raftblk_load_io *lio;

	while (!list_empty(&lower->load_starved)) {
		lio = list_first_entry(&lower->load_starved, struct raftblk_load_io, link);
		list_move(&lio->link, &lower->load_free);
		raftblk_replica_log_read(&vol->replica, raftblk_now(), lio->index, lio->term,
					 NULL, -ESHUTDOWN);
	}
}

void raftblk_log_read_ended(struct raftblk_volume *vol, struct raftblk_load_io *lio)
{
	struct raftblk_payload *p = lio->payload;
	int status = lio->io.status;

	if (!status && raftblk_payload_crc(p) != lio->crc) {
		vol_err(vol, "entry %llu in the log on %s is rotten (checksum)\n",
			lio->index, vol->path);
		status = -EBADMSG;
	}
	if (status) {
		raftblk_payload_put(p);
		p = NULL;
	}
	list_add(&lio->link, &vol->lower->load_free);
	raftblk_replica_log_read(&vol->replica, raftblk_now(), lio->index, lio->term, p, status);
}
