// SPDX-License-Identifier: GPL-2.0
/* A walk along the ring, record by record, as recovery goes; nothing is cut. */
#include <stdlib.h>
#include <string.h>

#include "../kernel/core/crc.h"
#include "../kernel/core/entry.h"
#include "dump.h"
#include "tool.h"

/**
 * struct walk - where the walk is
 * @pos: of the next record
 * @prev_crc: what it must name
 * @last: highest index so far, 0 at the start
 * @applied: the checkpoint's: payloads up to there are in the data area
 * @header: of the record being looked at
 * @ent: its entries
 * @payload: room for one
 */
struct walk {
	const struct device *dev;
	const struct raftblk_super *super;
	u64 start;
	u64 pos;
	u32 prev_crc;
	u64 last;
	u64 applied;
	u8 header[RAFTBLK_RECORD_HEADER_MAX];
	struct raftblk_entry ent[RAFTBLK_RECORD_MAX_ENTRIES];
	u8 *payload;
	u32 payload_room;
};

static const char *const op_names[] = {
	[RAFTBLK_OP_NOOP] = "noop", [RAFTBLK_OP_WRITE] = "write",
	[RAFTBLK_OP_DISCARD] = "discard", [RAFTBLK_OP_ZERO] = "zero",
	[RAFTBLK_OP_OWNER] = "owner", [RAFTBLK_OP_CONFIG] = "config",
	[RAFTBLK_OP_RESIZE] = "resize",
};

/* Sectors from a ring position on; they may run over the end of the ring. */
static int ring_read(const struct walk *w, u64 pos, u32 bytes, u8 *buf)
{
	const struct raftblk_super *s = w->super;

	while (bytes) {
		u64 at = pos % s->ring_sectors;
		u32 n = min((u64)bytes, (s->ring_sectors - at) * 512);
		int err = device_read(w->dev, (s->ring_start + at) * 512, buf, n);

		if (err)
			return err;
		pos += n / 512;
		buf += n;
		bytes -= n;
	}
	return 0;
}

/* NULL, or why this is not the next record. */
static const char *check_header(struct walk *w)
{
	const struct raftblk_disk_record *r = (void *)w->header;
	u32 bytes = le16_to_cpu(r->header_sectors) * 512;

	if (le32_to_cpu(r->magic) != RAFTBLK_RECORD_MAGIC)
		return "no record here";
	if (memcmp(r->uuid, w->super->uuid, sizeof(r->uuid)))
		return "a record of another volume";
	if (le64_to_cpu(r->pos) != w->pos)
		return "a record of an earlier lap";
	if (!bytes || bytes > RAFTBLK_RECORD_HEADER_MAX || !le16_to_cpu(r->nr) ||
	    sizeof(*r) + le16_to_cpu(r->nr) * sizeof(r->desc[0]) > bytes)
		return "the record's header is malformed";
	if (raftblk_crc_except(w->header, bytes, offsetof(struct raftblk_disk_record, crc)) !=
	    le32_to_cpu(r->crc))
		return "the record's header is torn or rotten";
	if (le32_to_cpu(r->prev_crc) != w->prev_crc)
		return "the record does not follow the one before";
	if (w->last && le64_to_cpu(r->first_index) > w->last + 1)
		return "entries are missing before the record";
	return NULL;
}

static const char *check_entries(struct walk *w)
{
	const struct raftblk_disk_record *r = (void *)w->header;
	u64 sectors = 0;

	for (u32 i = 0; i < le16_to_cpu(r->nr); i++) {
		if (raftblk_entry_decode(&w->ent[i], &r->desc[i], ~0ULL))
			return "an entry of the record is malformed";
		sectors += w->ent[i].bytes / 512;
	}
	if (sectors != le32_to_cpu(r->payload_sectors))
		return "the payload's length is not the sum of the entries'";
	return NULL;
}

/* How many payloads of the record are bad; -1 if they cannot be read. */
static int bad_payloads(struct walk *w)
{
	const struct raftblk_disk_record *r = (void *)w->header;
	u64 pos = w->pos + le16_to_cpu(r->header_sectors);
	int bad = 0;

	for (u32 i = 0; i < le16_to_cpu(r->nr); i++) {
		struct raftblk_entry *e = &w->ent[i];

		if (e->bytes > w->payload_room) {
			u8 *bigger = realloc(w->payload, e->bytes);

			if (!bigger)
				return -1;
			w->payload = bigger;
			w->payload_room = e->bytes;
		}
		if (ring_read(w, pos, e->bytes, w->payload))
			return -1;
		/* Below the checkpoint nothing depends on it any more. */
		if (e->bytes && raftblk_crc(w->payload, e->bytes) != e->crc &&
		    le64_to_cpu(r->first_index) + i > w->applied)
			bad++;
		pos += e->bytes / 512;
	}
	return bad;
}

static void add_u64(struct json_object *j, const char *name, u64 value)
{
	json_object_object_add(j, name, json_object_new_uint64(value));
}

static struct json_object *entry_json(const struct raftblk_entry *e, u64 index)
{
	struct json_object *j = json_object_new_object();

	add_u64(j, "index", index);
	add_u64(j, "term", e->term);
	json_object_object_add(j, "op", json_object_new_string(op_names[e->op]));
	add_u64(j, "sector", e->sector);
	add_u64(j, "nsect", e->nsect);
	add_u64(j, "bytes", e->bytes);
	add_u64(j, "crc", e->crc);
	add_u64(j, "token", e->token);
	return j;
}

static struct json_object *record_json(const struct walk *w, int bad)
{
	const struct raftblk_disk_record *r = (const void *)w->header;
	struct json_object *j = json_object_new_object();
	struct json_object *entries = json_object_new_array();

	add_u64(j, "pos", w->pos);
	add_u64(j, "first_index", le64_to_cpu(r->first_index));
	add_u64(j, "known_durable", le64_to_cpu(r->known_durable));
	add_u64(j, "commit", le64_to_cpu(r->commit));
	add_u64(j, "bad_payloads", max(bad, 0));
	json_object_object_add(j, "replaces", json_object_new_boolean(
			       w->last && le64_to_cpu(r->first_index) <= w->last));
	for (u32 i = 0; i < le16_to_cpu(r->nr); i++)
		json_object_array_add(entries, entry_json(&w->ent[i],
							  le64_to_cpu(r->first_index) + i));
	json_object_object_add(j, "entries", entries);
	return j;
}

/* Step over the record in w->header. */
static void walk_next(struct walk *w)
{
	const struct raftblk_disk_record *r = (void *)w->header;
	u64 len = le16_to_cpu(r->header_sectors) + (u64)le32_to_cpu(r->payload_sectors);

	w->last = le64_to_cpu(r->first_index) + le16_to_cpu(r->nr) - 1;
	w->prev_crc = le32_to_cpu(r->crc);
	w->pos += round_up(len, (u64)w->super->log_align / 512);
}

/* The sentence that says why the walk ended. */
static const char *walk_ring(struct walk *w, struct json_object *list, u64 *records, u64 *durable)
{
	const struct raftblk_disk_record *r = (void *)w->header;
	const char *why;
	int bad;

	for (;;) {
		if (w->pos - w->start >= w->super->ring_sectors)
			return "the ring is full: it came back to where it began";
		if (ring_read(w, w->pos, sizeof(w->header), w->header))
			return "the sectors cannot be read";
		why = check_header(w);
		if (!why)
			why = check_entries(w);
		if (why)
			return why;
		bad = bad_payloads(w);
		*durable = max(*durable, le64_to_cpu(r->known_durable));
		if (list)
			json_object_array_add(list, record_json(w, bad));
		if (bad)
			return bad < 0 ? "a payload cannot be read" : "a payload is torn or rotten";
		(*records)++;
		walk_next(w);
	}
}

struct json_object *ring_walk(const struct device *dev, const struct raftblk_super *s,
			      const struct raftblk_ckpt *ckpt, bool records)
{
	struct json_object *j = json_object_new_object();
	struct json_object *list = records ? json_object_new_array() : NULL;
	struct walk *w = calloc(1, sizeof(*w));
	u64 nr = 0, durable = ckpt->durable_index;
	const char *why = "out of memory";

	if (w) {
		w->dev = dev;
		w->super = s;
		w->applied = ckpt->applied_index;
		w->start = ckpt->retain_pos;
		w->prev_crc = ckpt->retain_prev_crc;
		/* What is retained for others may have been overwritten since. */
		w->pos = w->start;
		if (ring_read(w, w->pos, sizeof(w->header), w->header) || check_header(w)) {
			w->start = ckpt->replay_pos;
			w->prev_crc = ckpt->replay_prev_crc;
		}
		w->pos = w->start;
		why = walk_ring(w, list, &nr, &durable);
	}
	add_u64(j, "start_pos", w ? w->start : ckpt->replay_pos);
	add_u64(j, "end_pos", w ? w->pos : 0);
	add_u64(j, "records", nr);
	add_u64(j, "last_index", w && w->last ? w->last : ckpt->applied_index);
	add_u64(j, "known_durable", durable);
	json_object_object_add(j, "ends", json_object_new_string(why));
	/* An end below what was known durable is no torn tail but a loss. */
	json_object_object_add(j, "corrupt", json_object_new_boolean(
			       w && max(w->last, ckpt->applied_index) < durable));
	if (list)
		json_object_object_add(j, "list", list);
	if (w)
		free(w->payload);
	free(w);
	return j;
}
