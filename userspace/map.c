// SPDX-License-Identifier: GPL-2.0
/* The version map on a device, summed up. */
#include <stdlib.h>

#include "../kernel/core/vmap.h"
#include "dump.h"

/* Slots side by side, as they lie on the device. */
struct slots {
	u8 slot[2][RAFTBLK_META_BYTES];
};

/**
 * struct map_sum - what is found
 * @written: blocks with a good slot that is not blank
 * @changed: extents with a version
 */
struct map_sum {
	u64 written;
	u64 changed;
};

static void map_read(const struct device *dev, const struct raftblk_super *s, u64 applied,
		     struct raftblk_vmap *v, struct map_sum *sum)
{
	static struct slots both;

	for (u32 i = 0; i < v->nr_blocks; i++) {
		u64 at = raftblk_vmap_sector(s, i, 0) * 512;
		bool bad = device_read(dev, at, &both, sizeof(both));

		raftblk_vmap_load(v, i, bad ? NULL : both.slot[0], bad ? NULL : both.slot[1],
				  applied);
		sum->written += !!v->block[i].generation;
	}
	for (u64 i = 0; i < v->nr_extents; i++)
		sum->changed += !!v->version[i];
}

/* Runs of extents with the same version: [first, how many, version]; not those without one. */
static struct json_object *versions_json(const struct raftblk_vmap *v)
{
	struct json_object *list = json_object_new_array();
	u64 next;

	for (u64 i = 0; i < v->nr_extents; i = next) {
		struct json_object *run;

		for (next = i + 1; next < v->nr_extents && v->version[next] == v->version[i]; next++)
			;
		if (!v->version[i])
			continue;
		run = json_object_new_array();
		json_object_array_add(run, json_object_new_uint64(i));
		json_object_array_add(run, json_object_new_uint64(next - i));
		json_object_array_add(run, json_object_new_uint64(v->version[i]));
		json_object_array_add(list, run);
	}
	return list;
}

static struct json_object *map_json(const struct raftblk_vmap *v, const struct map_sum *sum)
{
	struct json_object *j = json_object_new_object();
	const struct {
		const char *name;
		u64 value;
	} row[] = {
		{ "blocks", v->nr_blocks },
		{ "written_blocks", sum->written },
		{ "extents", v->nr_extents },
		{ "changed_extents", sum->changed },
		{ "vague_extents", v->vague },
		{ "newest", raftblk_vmap_newest(v) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		json_object_object_add(j, row[i].name, json_object_new_uint64(row[i].value));
	return j;
}

struct json_object *map_recover(const struct device *dev, const struct raftblk_super *s,
				const struct raftblk_ckpt *ckpt, bool versions)
{
	struct json_object *j = NULL;
	struct map_sum sum = { 0 };
	struct raftblk_vmap_block *block;
	struct raftblk_vmap v;
	u64 *version;

	/* What is said of places beyond the device needs no memory. */
	if (!s->vmap_start || raftblk_vmap_sector(s, raftblk_vmap_nr_blocks(s), 0) * 512 > dev->bytes)
		return NULL;
	version = calloc(raftblk_vmap_nr_extents(s), sizeof(*version));
	block = calloc(raftblk_vmap_nr_blocks(s), sizeof(*block));
	if (version && block) {
		raftblk_vmap_init(&v, s, version, block);
		map_read(dev, s, ckpt->applied_index, &v, &sum);
		if (!(ckpt->flags & RAFTBLK_CKPT_F_VMAP))
			raftblk_vmap_doubt(&v, ckpt->applied_index);
		j = map_json(&v, &sum);
		if (versions)
			json_object_object_add(j, "versions", versions_json(&v));
	}
	free(version);
	free(block);
	return j;
}
