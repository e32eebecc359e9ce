// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "dump.h"
#include "nl.h"
#include "tool.h"

static void add_u64(struct json_object *j, const char *name, u64 value)
{
	json_object_object_add(j, name, json_object_new_uint64(value));
}

static void add_str(struct json_object *j, const char *name, const char *value)
{
	json_object_object_add(j, name, json_object_new_string(value));
}

static void add_uuid(struct json_object *j, const char *name, const u8 *uuid)
{
	char text[37];

	add_str(j, name, format_uuid(uuid, text));
}

static void add_addr(struct json_object *j, const char *name, const struct raftblk_addr *addr)
{
	char text[ADDRESS_TEXT];

	add_str(j, name, address_format(addr, text));
}

/* The key is not shown. */
static struct json_object *super_json(const struct raftblk_super *s, int copy)
{
	struct json_object *j = json_object_new_object();

	add_u64(j, "copy", copy);
	add_str(j, "name", s->name);
	add_uuid(j, "uuid", s->uuid);
	add_uuid(j, "incarnation", s->incarnation);
	add_u64(j, "node_id", s->node_id);
	add_addr(j, "listen", &s->listen);
	add_u64(j, "block_size", s->block_size);
	add_u64(j, "ring_start", s->ring_start);
	add_u64(j, "ring_sectors", s->ring_sectors);
	add_u64(j, "vmap_start", s->vmap_start);
	add_u64(j, "data_start", s->data_start);
	add_u64(j, "data_sectors", s->data_sectors);
	add_u64(j, "volume_sectors", s->volume_sectors);
	add_u64(j, "log_align", s->log_align);
	add_u64(j, "max_entries", s->max_entries);
	add_u64(j, "extent_sectors", s->extent_sectors);
	if (s->minor != 0xffffffff)
		add_u64(j, "minor", s->minor);
	add_u64(j, "compat", s->compat);
	add_u64(j, "incompat", s->incompat);
	return j;
}

static struct json_object *vote_json(const struct raftblk_vote *v)
{
	struct json_object *j = json_object_new_object();

	add_u64(j, "generation", v->generation);
	add_u64(j, "term", v->term);
	add_u64(j, "voted_for", v->voted_for);
	add_u64(j, "durable_index", v->durable_index);
	add_u64(j, "durable_pos", v->durable_pos);
	return j;
}

static struct json_object *config_json(const struct raftblk_config *c)
{
	static const char *const flags[] = { "old", "new", "promote", "witness", "stays" };
	struct json_object *j = json_object_new_object();
	struct json_object *members = json_object_new_array();

	add_u64(j, "index", c->index);
	add_u64(j, "next_id", c->next_id);
	for (u32 i = 0; i < c->nr; i++) {
		const struct raftblk_member *m = &c->member[i];
		struct json_object *jm = json_object_new_object();
		struct json_object *jf = json_object_new_array();

		add_u64(jm, "id", m->id);
		for (size_t k = 0; k < ARRAY_SIZE(flags); k++) {
			if (m->flags & (1 << k))
				json_object_array_add(jf, json_object_new_string(flags[k]));
		}
		json_object_object_add(jm, "flags", jf);
		if (m->replaces)
			add_u64(jm, "replaces", m->replaces);
		add_addr(jm, "address", &m->addr);
		add_uuid(jm, "incarnation", m->incarnation);
		json_object_array_add(members, jm);
	}
	json_object_object_add(j, "members", members);
	return j;
}

/* What a checkpoint says besides of a member that is catching up. */
static void add_catchup(struct json_object *ckpt, const struct raftblk_ckpt *c)
{
	struct json_object *j = json_object_new_object();

	add_u64(j, "base_index", c->base_index);
	add_u64(j, "boundary_index", c->boundary_index);
	add_u64(j, "boundary_term", c->boundary_term);
	add_u64(j, "cursor", c->cursor);
	add_u64(j, "tag_index", c->tag_index);
	json_object_object_add(ckpt, "catchup", j);
}

/* What other members are known to have promised. */
static void add_promises(struct json_object *ckpt, const struct raftblk_ckpt *c)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < RAFTBLK_MAX_MEMBERS; i++) {
		const struct raftblk_promise *p = &c->promise[i];
		struct json_object *j;

		if (!p->id)
			continue;
		j = json_object_new_object();
		add_u64(j, "id", p->id);
		add_u64(j, "term", p->term);
		add_u64(j, "ack_term", p->ack_term);
		add_u64(j, "index", p->index);
		json_object_array_add(list, j);
	}
	json_object_object_add(ckpt, "promises", list);
}

static struct json_object *ckpt_json(const struct raftblk_ckpt *c)
{
	struct json_object *j = json_object_new_object();

	add_u64(j, "generation", c->generation);
	add_u64(j, "applied_index", c->applied_index);
	add_u64(j, "applied_term", c->applied_term);
	add_u64(j, "replay_pos", c->replay_pos);
	add_u64(j, "retain_pos", c->retain_pos);
	add_u64(j, "durable_index", c->durable_index);
	add_u64(j, "durable_pos", c->durable_pos);
	add_u64(j, "proof_index", c->proof_index);
	add_u64(j, "owner_node", c->owner_node);
	add_u64(j, "owner_token", c->owner_token);
	add_u64(j, "volume_sectors", c->volume_sectors);
	json_object_object_add(j, "vmap",
			       json_object_new_boolean(c->flags & RAFTBLK_CKPT_F_VMAP));
	if (c->flags & RAFTBLK_CKPT_F_INCOMPLETE)
		add_catchup(j, c);
	json_object_object_add(j, "config", config_json(&c->config));
	add_promises(j, c);
	return j;
}

/* Both slots of votes; true if one is good, and then @newest is it. */
static bool dump_votes(const struct device *dev, const u8 *uuid, struct json_object *top,
		       struct raftblk_vote *newest)
{
	struct json_object *list = json_object_new_array();
	struct raftblk_vote v;
	u8 buf[RAFTBLK_VOTE_BYTES];
	bool good = false;

	for (int g = 0; g < 2; g++) {
		struct json_object *j = NULL;

		if (!device_read(dev, RAFTBLK_VOTE_SECTOR(g) * 512, buf, sizeof(buf)) &&
		    !raftblk_vote_decode(&v, uuid, buf)) {
			j = vote_json(&v);
			if (!good || v.generation > newest->generation)
				*newest = v;
			good = true;
		}
		json_object_array_add(list, j);
	}
	json_object_object_add(top, "votes", list);
	return good;
}

/* Both slots of checkpoints; true if one is good, and then @newest is it. */
static bool dump_ckpts(const struct device *dev, const u8 *uuid, struct json_object *top,
		       struct raftblk_ckpt *newest)
{
	struct json_object *list = json_object_new_array();
	struct raftblk_ckpt c;
	u8 buf[RAFTBLK_META_BYTES];
	bool good = false;

	for (int g = 0; g < 2; g++) {
		struct json_object *j = NULL;

		if (!device_read(dev, RAFTBLK_CKPT_SECTOR(g) * 512, buf, sizeof(buf)) &&
		    !raftblk_ckpt_decode(&c, uuid, buf)) {
			j = ckpt_json(&c);
			if (!good || c.generation > newest->generation)
				*newest = c;
			good = true;
		}
		json_object_array_add(list, j);
	}
	json_object_object_add(top, "checkpoints", list);
	return good;
}

/*
 * What is wrong with each copy of the superblock, where something is.  Copies change one after
 * the other, A first: a crash in between leaves a B that is whole and of the size before.
 */
static bool dump_copies(const struct device *dev, struct json_object *top)
{
	struct json_object *list = json_object_new_array();
	u8 buf[2][RAFTBLK_META_BYTES];
	struct raftblk_super s;
	bool all = true;

	for (int i = 0; i < 2; i++) {
		const char *why = "it cannot be read";
		int err = device_read(dev, RAFTBLK_SUPER_SECTOR(i) * 512, buf[i], sizeof(buf[i]));

		if (!err)
			err = raftblk_super_decode(&s, buf[i], &why);
		if (!err && i && all && memcmp(buf[0], buf[1], sizeof(buf[0]))) {
			why = "it is not what copy A says, which is used";
			err = -ESTALE;
		}
		json_object_array_add(list, json_object_new_string(err ? why : "good"));
		all = all && !err;
	}
	json_object_object_add(top, "copies", list);
	explicit_bzero(buf, sizeof(buf));
	explicit_bzero(&s, sizeof(s));
	return all;
}

int dump_device(const struct device *dev, bool records, bool versions, struct json_object **out)
{
	struct json_object *top = json_object_new_object(), *log, *map;
	struct raftblk_vote vote = { 0 };
	struct raftblk_ckpt ckpt;
	struct raftblk_super s;
	const char *why;
	bool whole;
	int copy, err = device_super(dev, &s, &copy, &why);

	*out = NULL;
	if (err == -ENODATA) {
		json_object_put(top);
		return fail(EXIT_ERROR, "%s is not a member of a raftblk volume", dev->path);
	}
	whole = dump_copies(dev, top);
	*out = top;
	if (err)
		return fail(EXIT_ERROR, "%s: %s", dev->path, why);
	json_object_object_add(top, "super", super_json(&s, copy));
	whole = dump_votes(dev, s.uuid, top, &vote) && whole;
	if (!dump_ckpts(dev, s.uuid, top, &ckpt))
		return fail(EXIT_ERROR, "%s: neither checkpoint slot is good, so there is no way "
			    "into the log", dev->path);
	map = map_recover(dev, &s, &ckpt, versions);
	if (map)
		json_object_object_add(top, "version_map", map);
	log = ring_recover(dev, &s, &ckpt, &vote, records);
	json_object_object_add(top, "log", log);
	explicit_bzero(s.key, sizeof(s.key));
	if (j_get(log, "error"))
		return fail(EXIT_ERROR, "%s: there is no way to recover its log: %s", dev->path,
			    j_str(log, "error"));
	if (j_u64(log, "corrupt_index"))
		return fail(EXIT_ERROR, "%s: entry %" PRIu64 " was durable and is lost here; the "
			    "member will fetch it from the others", dev->path,
			    j_u64(log, "corrupt_index"));
	return whole ? EXIT_OK : fail(EXIT_ERROR, "%s: not everything on it is good", dev->path);
}

/* Indented "name: value" lines; arrays of objects one line per object. */
static void show_object(struct json_object *j, int indent)
{
	json_object_object_foreach(j, name, value) {
		if (json_object_is_type(value, json_type_object)) {
			printf("%*s%s:\n", indent, "", name);
			show_object(value, indent + 2);
		} else if (json_object_is_type(value, json_type_array)) {
			printf("%*s%s:\n", indent, "", name);
			for (size_t i = 0; i < json_object_array_length(value); i++)
				printf("%*s- %s\n", indent + 2, "", json_object_to_json_string_ext(
				       json_object_array_get_idx(value, i),
				       JSON_C_TO_STRING_NOSLASHESCAPE | JSON_C_TO_STRING_SPACED));
		} else {
			printf("%*s%s: %s\n", indent, "", name, json_object_get_string(value));
		}
	}
}

static void show_slots(const char *what, struct json_object *list)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *j = json_object_array_get_idx(list, i);

		printf("%s slot %c:%s\n", what, 'A' + (int)i, j ? "" : " empty or not valid");
		if (j)
			show_object(j, 2);
	}
}

static void show_entry(struct json_object *e)
{
	printf("    %" PRIu64 "  term %" PRIu64 "  %-8s", j_u64(e, "index"), j_u64(e, "term"),
	       j_str(e, "op"));
	if (j_u64(e, "nsect"))
		printf("sectors %" PRIu64 "+%" PRIu64, j_u64(e, "sector"), j_u64(e, "nsect"));
	else if (j_u64(e, "sector"))
		printf("%" PRIu64, j_u64(e, "sector"));
	if (j_u64(e, "bytes"))
		printf("  crc %08" PRIx64, j_u64(e, "crc"));
	if (j_u64(e, "token"))
		printf("  token %" PRIu64, j_u64(e, "token"));
	putchar('\n');
}

static void show_records(struct json_object *list)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i);
		struct json_object *entries = j_get(r, "entries");

		printf("  record at %" PRIu64 ": known durable %" PRIu64 ", commit %" PRIu64 "%s\n",
		       j_u64(r, "pos"), j_u64(r, "known_durable"), j_u64(r, "commit"),
		       j_bool(r, "replaces") ? ", replaces the entries from its first on" : "");
		for (size_t k = 0; k < json_object_array_length(entries); k++)
			show_entry(json_object_array_get_idx(entries, k));
	}
}

static void show_versions(struct json_object *list)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *run = json_object_array_get_idx(list, i);
		u64 first = json_object_get_uint64(json_object_array_get_idx(run, 0));
		u64 count = json_object_get_uint64(json_object_array_get_idx(run, 1));
		u64 version = json_object_get_uint64(json_object_array_get_idx(run, 2));

		printf("  extents %" PRIu64 "+%" PRIu64 ": entry %" PRIu64 "\n", first, count,
		       version);
	}
}

static void show_map(struct json_object *map)
{
	if (!map)
		return;
	printf("version map: %" PRIu64 " of %" PRIu64 " blocks written; ",
	       j_u64(map, "written_blocks"), j_u64(map, "blocks"));
	if (j_u64(map, "newest"))
		printf("%" PRIu64 " of %" PRIu64 " extents changed, the last by entry %" PRIu64
		       "\n", j_u64(map, "changed_extents"), j_u64(map, "extents"),
		       j_u64(map, "newest"));
	else
		printf("none of %" PRIu64 " extents changed\n", j_u64(map, "extents"));
	if (j_u64(map, "vague_extents"))
		printf("  of %" PRIu64 " extents it is not known and counts as changed, as after a "
		       "power cut: nothing is lost\n", j_u64(map, "vague_extents"));
	show_versions(j_get(map, "versions"));
}

void dump_show(struct json_object *j)
{
	struct json_object *copies = j_get(j, "copies"), *log = j_get(j, "log");

	for (size_t i = 0; i < json_object_array_length(copies); i++)
		printf("superblock %c: %s\n", 'A' + (int)i,
		       json_object_get_string(json_object_array_get_idx(copies, i)));
	if (j_get(j, "super"))
		show_object(j_get(j, "super"), 2);
	show_slots("vote", j_get(j, "votes"));
	show_slots("checkpoint", j_get(j, "checkpoints"));
	show_map(j_get(j, "version_map"));
	if (!log)
		return;
	if (j_get(log, "error"))
		return;
	printf("log: %" PRIu64 " records from position %" PRIu64 " to %" PRIu64
	       ", entries %" PRIu64 " to %" PRIu64 "\n", j_u64(log, "records"),
	       j_u64(log, "start_pos"), j_u64(log, "end_pos"), j_u64(log, "first_index"),
	       j_u64(log, "last_index"));
	show_records(j_get(log, "list"));
	printf("  it ends there because %s\n", j_str(log, "ends"));
	if (j_bool(log, "torn"))
		puts("  what was being written at the end is torn, as after a power cut: nothing "
		     "is lost");
	if (j_bool(log, "retained_unreadable"))
		puts("  applied entries kept for members that lag are not all readable");
}
