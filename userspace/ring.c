// SPDX-License-Identifier: GPL-2.0
/*
 * The log of a member that is not up.  What it holds and why it ends is judged
 * by the code the module itself recovers with, so that dump never says anything
 * else than 'up' would do; nothing is cut on the device.
 */
#include <stdlib.h>
#include <string.h>

#include "../kernel/core/log.h"
#include "dump.h"
#include "tool.h"

#define READ_BYTES	(1U << 20)

static void add_u64(struct json_object *j, const char *name, u64 value)
{
	json_object_object_add(j, name, json_object_new_uint64(value));
}

static void add_str(struct json_object *j, const char *name, const char *value)
{
	json_object_object_add(j, name, json_object_new_string(value));
}

/**
 * struct ring - a log being looked at
 * @header: of the record at hand
 */
struct ring {
	const struct device *dev;
	const struct raftblk_super *super;
	u8 header[RAFTBLK_RECORD_HEADER_MAX];
};

static int ring_read(void *ctx, u64 sector, u32 nsect, void *buf)
{
	const struct ring *r = ctx;

	return device_read(r->dev, (r->super->ring_start + sector) * 512, buf, nsect * 512);
}

/* The header at a position, which may run over the end of the ring. */
static int read_header(struct ring *r, u64 pos)
{
	u64 at = pos % r->super->ring_sectors;
	u32 all = sizeof(r->header) / 512;
	u32 n = min((u64)all, r->super->ring_sectors - at);
	int err = ring_read(r, at, n, r->header);

	if (!err && n < all)
		err = ring_read(r, 0, all - n, r->header + n * 512);
	return err;
}

/* What is where the next record would be? */
static const char *describe_end(struct ring *r, u64 pos)
{
	const struct raftblk_disk_record *d = (void *)r->header;
	const struct raftblk_super *s = r->super;

	if (read_header(r, pos))
		return "the sectors behind it cannot be read";
	if (le32_to_cpu(d->magic) != RAFTBLK_RECORD_MAGIC)
		return "there is no record behind it";
	if (memcmp(d->uuid, s->incarnation, sizeof(d->uuid)))
		return "behind it is a record of another life of this disk";
	if (!raftblk_record_check(d, s->incarnation, s->log_align / 512))
		return "the header of the record behind it is torn or rotten";
	if (le64_to_cpu(d->pos) != pos)
		return "behind it is a record of an earlier lap";
	return "the record behind it does not continue the log, or its payload is torn or rotten";
}

static const char *op_name(u8 op)
{
	static const char *const names[] = {
		[RAFTBLK_OP_NOOP] = "noop", [RAFTBLK_OP_WRITE] = "write",
		[RAFTBLK_OP_DISCARD] = "discard", [RAFTBLK_OP_ZERO] = "zero",
		[RAFTBLK_OP_OWNER] = "owner", [RAFTBLK_OP_CONFIG] = "config",
		[RAFTBLK_OP_RESIZE] = "resize",
	};

	return op < ARRAY_SIZE(names) ? names[op] : "unknown";
}

static struct json_object *entry_json(const struct raftblk_disk_desc *d, u64 index)
{
	struct json_object *j = json_object_new_object();

	add_u64(j, "index", index);
	add_u64(j, "term", le64_to_cpu(d->term));
	add_str(j, "op", op_name(d->op));
	add_u64(j, "sector", le64_to_cpu(d->sector));
	add_u64(j, "nsect", le32_to_cpu(d->nsect));
	add_u64(j, "bytes", le32_to_cpu(d->bytes));
	add_u64(j, "crc", le32_to_cpu(d->crc));
	add_u64(j, "token", le64_to_cpu(d->token));
	return j;
}

static struct json_object *record_json(const struct raftblk_disk_record *d, u64 last)
{
	struct json_object *j = json_object_new_object();
	struct json_object *entries = json_object_new_array();
	u64 first = le64_to_cpu(d->first_index);

	add_u64(j, "pos", le64_to_cpu(d->pos));
	add_u64(j, "first_index", first);
	add_u64(j, "known_durable", le64_to_cpu(d->known_durable));
	add_u64(j, "inflight_sectors", le32_to_cpu(d->inflight_sectors));
	add_u64(j, "commit", le64_to_cpu(d->commit));
	json_object_object_add(j, "replaces", json_object_new_boolean(first <= last));
	for (u32 i = 0; i < le16_to_cpu(d->nr); i++)
		json_object_array_add(entries, entry_json(&d->desc[i], first + i));
	json_object_object_add(j, "entries", entries);
	return j;
}

/* The records in [from, to), which recovery has found to be good. */
static struct json_object *list_records(struct ring *r, u64 from, u64 to)
{
	const struct raftblk_disk_record *d = (void *)r->header;
	const struct raftblk_super *s = r->super;
	u32 align = s->log_align / 512;
	struct json_object *list = json_object_new_array();
	u64 last = 0;

	while (from < to) {
		if (read_header(r, from) || !raftblk_record_check(d, s->incarnation, align))
			break;
		json_object_array_add(list, record_json(d, last));
		last = le64_to_cpu(d->first_index) + le16_to_cpu(d->nr) - 1;
		from += le16_to_cpu(d->header_sectors) +
			round_up((u64)le32_to_cpu(d->payload_sectors), (u64)align);
	}
	return list;
}

static void ignore_config(void *ctx, u64 index, const void *payload)
{
	(void)ctx;
	(void)index;
	(void)payload;
}

static void describe(struct json_object *j, struct ring *r, const struct raftblk_log *log,
		     const struct raftblk_recovered *found, bool records)
{
	add_u64(j, "start_pos", log->head_pos);
	add_u64(j, "end_pos", log->tail_pos);
	add_u64(j, "records", found->records);
	add_u64(j, "first_index", log->first);
	add_u64(j, "last_index", log->last);
	json_object_object_add(j, "torn", json_object_new_boolean(found->torn));
	json_object_object_add(j, "retained_unreadable",
			       json_object_new_boolean(found->discarded));
	add_u64(j, "corrupt_index", found->corrupt_index);
	add_u64(j, "proof_index", found->proof_index);
	add_str(j, "ends", found->corrupt_index ? found->why : describe_end(r, log->tail_pos));
	if (records)
		json_object_object_add(j, "list", list_records(r, log->head_pos, log->tail_pos));
}

struct json_object *ring_recover(const struct device *dev, const struct raftblk_super *s,
				 const struct raftblk_ckpt *ckpt,
				 const struct raftblk_vote *vote, bool records)
{
	struct raftblk_entry *slot = calloc(s->max_entries, sizeof(*slot));
	struct ring r = { .dev = dev, .super = s };
	struct raftblk_reader reader = {
		.read = ring_read, .ctx = &r, .buf = malloc(READ_BYTES), .buf_bytes = READ_BYTES,
	};
	struct json_object *j = json_object_new_object();
	struct raftblk_payload_ops ops = { 0 };
	struct raftblk_recovered found;
	struct raftblk_log log;
	int err = -ENOMEM;

	if (slot && reader.buf) {
		/* No payload is ever kept, so none of the operations is called. */
		raftblk_log_init(&log, s, &ops, slot);
		err = raftblk_log_recover(&log, ckpt, vote, &reader, ignore_config, NULL, &found);
	}
	if (!err)
		describe(j, &r, &log, &found, records);
	else
		add_str(j, "error", err == -EUCLEAN ? found.why : strerror(-err));
	free(reader.buf);
	free(slot);
	return j;
}
