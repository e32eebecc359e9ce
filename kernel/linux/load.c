// SPDX-License-Identifier: GPL-2.0
/* What is on the lower device when a volume is brought up: superblocks, slots, map, log. */
#include <linux/blkdev.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "auth.h"
#include "load.h"
#include "lower.h"
#include "volume.h"

#define RECOVERY_BUF_BYTES	(1U << 20)

static int read_super_copy(struct raftblk_volume *vol, int copy, void *buf,
			   struct raftblk_super *s, const char **why)
{
	int err = raftblk_lower_read_sync(vol, RAFTBLK_SUPER_SECTOR(copy), buf, RAFTBLK_META_BYTES);

	if (err)
		*why = "the superblock cannot be read";
	return err ?: raftblk_super_decode(s, buf, why);
}

/*
 * Copy A, or B where A is lost.  One that is whole but of another version or with
 * unknown features is not: B may be what was there before, and is not for us either.
 */
static int read_super(struct raftblk_volume *vol, void *buf, struct netlink_ext_ack *extack)
{
	const char *why, *why_b;
	int err, err_b;

	err = read_super_copy(vol, 0, buf, &vol->super, &why);
	if (err && err != -EOPNOTSUPP) {
		err_b = read_super_copy(vol, 1, buf, &vol->super, &why_b);
		if (!err_b) {
			vol->super_copy = 1;
			return 0;
		}
		if (err == -ENODATA || err_b == -EOPNOTSUPP) {
			err = err_b;
			why = why_b;
		}
	}
	if (err)
		raftblk_extack(extack, why);
	return err;
}

/* Of two copies that are whole, the one that was not read: why is it not the same? */
static const char *super_difference(const struct raftblk_super *s, const struct raftblk_super *other)
{
	if (memcmp(other->incarnation, s->incarnation, sizeof(s->incarnation)))
		return "is that of another member";
	if (other->data_sectors < s->data_sectors)
		return "is of the size before the volume grew";
	return "is from before the last change";
}

/*
 * Why the other copy is to be written anew; NULL: it says the same, or is not for us to judge.
 *
 * Copies change one after the other, A first.  A crash in between leaves a B that is whole and
 * as it was before.  What is true of A is on the disk by then: room is zeroed and flushed
 * before it is noted.
 */
static const char *super_copy_fault(struct raftblk_volume *vol, void *buf)
{
	struct raftblk_super *other = kmalloc(sizeof(*other), GFP_KERNEL);
	const char *fault = NULL, *why;
	int err;

	if (!other)
		return NULL;	/* next time, then */
	err = read_super_copy(vol, !vol->super_copy, buf, other, &why);
	if (err && err != -EOPNOTSUPP)
		fault = "does not read well";
	else if (!err && memcmp(other, &vol->super, sizeof(*other)))
		fault = super_difference(&vol->super, other);
	kfree_sensitive(other);
	return fault;
}

/* Only when the member is known to be good: what is refused is not touched. */
void raftblk_load_restore_super(struct raftblk_volume *vol, void *buf)
{
	char bad = vol->super_copy ? 'A' : 'B', good = vol->super_copy ? 'B' : 'A';
	const char *fault = super_copy_fault(vol, buf);
	int err;

	if (!fault)
		return;
	/* As it is on disk: there may be compatible features that are unknown here. */
	err = raftblk_lower_read_sync(vol, RAFTBLK_SUPER_SECTOR(vol->super_copy), buf,
				      RAFTBLK_META_BYTES);
	if (!err)
		err = raftblk_lower_write_sync(vol, RAFTBLK_SUPER_SECTOR(!vol->super_copy), buf,
					       RAFTBLK_META_BYTES);
	if (err)
		pr_warn("raftblk: %s: superblock %c %s, and cannot be rewritten: error %d\n",
			vol->path, bad, fault, -err);
	else
		pr_warn("raftblk: %s: superblock %c %s, rewritten from %c\n", vol->path, bad,
			fault, good);
}

/* Do the superblock's places lie on this device, and fit its sectors? */
static int check_geometry(struct raftblk_volume *vol, struct netlink_ext_ack *extack)
{
	const struct raftblk_super *s = &vol->super;
	struct raftblk_lower_info info;
	u64 vmap_end = 0;

	raftblk_lower_info(vol, &info);
	if (s->vmap_start)
		vmap_end = s->vmap_start + raftblk_vmap_sectors(s);
	if (s->ring_start + s->ring_sectors > info.sectors || vmap_end > info.sectors ||
	    s->data_start + s->data_sectors > info.sectors) {
		NL_SET_ERR_MSG(extack, "the device is smaller than its superblock says");
		return -ENOSPC;
	}
	if (s->block_size < info.logical_block_size || s->log_align < info.logical_block_size ||
	    ((s->data_start << SECTOR_SHIFT) & (info.logical_block_size - 1))) {
		NL_SET_ERR_MSG(extack,
			       "the device has larger sectors than the one this member was made on");
		return -EINVAL;
	}
	return 0;
}

/*
 * A slot whose CRC is wrong was torn, and never answered for: the other one holds.
 * One that cannot be read at all may hold a vote that was given; to go on from the
 * one before would be to vote twice.
 */
static int read_vote(struct raftblk_volume *vol, void *buf, struct raftblk_vote *vote,
		     struct netlink_ext_ack *extack)
{
	struct raftblk_vote v;
	bool found = false;
	int g, err;

	for (g = 0; g < 2; g++) {
		err = raftblk_lower_read_sync(vol, RAFTBLK_VOTE_SECTOR(g), buf, RAFTBLK_META_BYTES);
		if (err) {
			NL_SET_ERR_MSG(extack,
				       "a vote slot cannot be read: what this member promised is not known");
			return err;
		}
		if (raftblk_vote_decode(&v, vol->super.uuid, buf))
			continue;
		if (!found || v.generation > vote->generation)
			*vote = v;
		found = true;
	}
	if (found)
		return 0;
	NL_SET_ERR_MSG(extack, "neither vote slot reads well: what this member promised is lost");
	return -EUCLEAN;
}

static int read_ckpt(struct raftblk_volume *vol, void *buf, struct raftblk_ckpt *ckpt,
		     struct netlink_ext_ack *extack)
{
	struct raftblk_ckpt *c = kmalloc(sizeof(*c), GFP_KERNEL);
	bool found = false;
	int g;

	if (!c)
		return -ENOMEM;
	for (g = 0; g < 2; g++) {
		if (raftblk_lower_read_sync(vol, RAFTBLK_CKPT_SECTOR(g), buf, RAFTBLK_META_BYTES) ||
		    raftblk_ckpt_decode(c, vol->super.uuid, buf))
			continue;
		if (!found || c->generation > ckpt->generation)
			*ckpt = *c;
		found = true;
	}
	kfree(c);
	if (found)
		return 0;
	NL_SET_ERR_MSG(extack, "neither checkpoint slot reads well");
	return -EUCLEAN;
}

static int check_ckpt(struct raftblk_volume *vol, const struct raftblk_ckpt *ckpt,
		      struct netlink_ext_ack *extack)
{
	const struct raftblk_super *s = &vol->super;
	u64 most = raftblk_volume_is_witness(vol) ? S64_MAX >> SECTOR_SHIFT : s->data_sectors;

	if (ckpt->volume_sectors && ckpt->volume_sectors <= most &&
	    !(ckpt->volume_sectors & ((s->block_size >> SECTOR_SHIFT) - 1)))
		return 0;
	NL_SET_ERR_MSG(extack, "the size of the volume does not fit this member's data area");
	return -EUCLEAN;
}

/*
 * A piece of the map; where it cannot be read at once, slot by slot: each that cannot
 * be read makes the extents of its block count as changed.
 */
static void load_map_blocks(struct raftblk_volume *vol, u32 first, u32 nr, void *buf, u64 applied)
{
	u64 sector = raftblk_vmap_sector(&vol->super, first, 0);
	bool whole = !raftblk_lower_read_sync(vol, sector, buf, nr * 2 * RAFTBLK_META_BYTES);
	u32 i, k;

	for (i = 0; i < nr; i++) {
		void *slot[2];

		for (k = 0; k < 2; k++) {
			slot[k] = buf + (2 * i + k) * RAFTBLK_META_BYTES;
			sector = raftblk_vmap_sector(&vol->super, first + i, k);
			if (!whole && raftblk_lower_read_sync(vol, sector, slot[k],
							      RAFTBLK_META_BYTES))
				slot[k] = NULL;
		}
		raftblk_vmap_load(&vol->vmap, first + i, slot[0], slot[1], applied);
	}
}

/* Not one that was made before there was a map: it cannot know what changed. */
static bool keeps_vmap(const struct raftblk_volume *vol)
{
	return vol->super.vmap_start || raftblk_volume_is_witness(vol);
}

static void free_vmap(struct raftblk_volume *vol)
{
	kvfree(vol->vmap.version);
	kvfree(vol->vmap.block);
	memset(&vol->vmap, 0, sizeof(vol->vmap));
}

/* A witness has a map, of no extents.  @buf: RECOVERY_BUF_BYTES */
static int load_vmap(struct raftblk_volume *vol, void *buf, u64 applied,
		     struct netlink_ext_ack *extack)
{
	const u32 step = RECOVERY_BUF_BYTES / (2 * RAFTBLK_META_BYTES);
	const struct raftblk_super *s = &vol->super;
	struct raftblk_vmap_block *block;
	u64 *version;
	u32 i;

	if (!keeps_vmap(vol))
		return 0;
	if (raftblk_vmap_nr_extents(s) > RAFTBLK_VMAP_EXTENTS_MAX) {
		NL_SET_ERR_MSG(extack, "the extents are too small for a data area of this size");
		return -E2BIG;
	}
	version = kvcalloc(raftblk_vmap_nr_extents(s), sizeof(*version), GFP_KERNEL);
	block = kvcalloc(raftblk_vmap_nr_blocks(s), sizeof(*block), GFP_KERNEL);
	raftblk_vmap_init(&vol->vmap, s, version, block);
	if (!version || !block) {
		free_vmap(vol);
		NL_SET_ERR_MSG(extack, "no memory for the version map");
		return -ENOMEM;
	}
	for (i = 0; i < vol->vmap.nr_blocks; i += step)
		load_map_blocks(vol, i, min(step, vol->vmap.nr_blocks - i), buf, applied);
	if (vol->vmap.vague)
		vol_warn(vol, "parts of the version map cannot be read: %llu extents count as changed\n",
			 vol->vmap.vague);
	return 0;
}

static int ring_read(void *ctx, u64 sector, u32 nsect, void *buf)
{
	struct raftblk_volume *vol = ctx;

	return raftblk_lower_read_sync(vol, vol->super.ring_start + sector, buf,
				       nsect << SECTOR_SHIFT);
}

static void tell_recovered(struct raftblk_volume *vol, const struct raftblk_recovered *found)
{
	const struct raftblk_replica *rep = &vol->replica;

	vol_info(vol, "node %u on %s: applied %llu, log %llu to %llu, term %llu\n",
		 vol->super.node_id, vol->path, rep->applied, rep->log.first, rep->log.last,
		 rep->raft.term);
	if (found->torn)
		vol_info(vol, "an unfinished record at the end of the log was dropped\n");
	/* Usual: their place was used again after the last checkpoint. */
	if (found->discarded)
		vol_dbg(vol, "old records kept for others were dropped\n");
	if (found->corrupt_index)
		vol_err(vol, "the log is damaged at entry %llu: %s; does not stand for election before it has been fetched again\n",
			found->corrupt_index, found->why ?: "unreadable");
}

static int start_replica(struct raftblk_volume *vol, const struct raftblk_vote *vote,
			 const struct raftblk_ckpt *ckpt, struct netlink_ext_ack *extack)
{
	struct raftblk_replica_params params = RAFTBLK_REPLICA_PARAMS_DEFAULT;
	struct raftblk_recovered found = {};
	struct raftblk_reader reader = {
		.read = ring_read,
		.ctx = vol,
		.buf_bytes = RECOVERY_BUF_BYTES,
	};
	struct raftblk_payload_ops ops;
	int err;

	vol->slot = kvcalloc(vol->super.max_entries, sizeof(*vol->slot), GFP_KERNEL);
	reader.buf = vmalloc(RECOVERY_BUF_BYTES);
	if (!vol->slot || !reader.buf) {
		err = -ENOMEM;
		goto err_free;
	}
	err = load_vmap(vol, reader.buf, ckpt->applied_index, extack);
	if (err)
		goto err_free;
	params.catchup = keeps_vmap(vol);
	raftblk_payload_fill_ops(&ops, vol);
	err = raftblk_replica_init(&vol->replica, &vol->super, vote, ckpt, &params, &ops,
				   vol->slot, &reader, &vol->vmap, raftblk_now(), get_random_u64(),
				   &found);
	if (err) {
		raftblk_extack(extack, found.why ?: "the log cannot be recovered");
		goto err_free;
	}
	vfree(reader.buf);
	tell_recovered(vol, &found);
	return 0;

err_free:
	vfree(reader.buf);
	free_vmap(vol);
	kvfree(vol->slot);
	vol->slot = NULL;
	return err;
}

void raftblk_unload_replica(struct raftblk_volume *vol)
{
	raftblk_replica_exit(&vol->replica);
	free_vmap(vol);
	kvfree(vol->slot);
	vol->slot = NULL;
}

static int derive_hash_key(struct raftblk_volume *vol, struct netlink_ext_ack *extack)
{
	__le64 key[2];
	int err = raftblk_auth_derive(vol->super.key, "raftblk hashes", key, sizeof(key));

	if (err)
		NL_SET_ERR_MSG(extack, "cannot set up HMAC-SHA256 for hashes");
	vol->hash_key.key[0] = le64_to_cpu(key[0]);
	vol->hash_key.key[1] = le64_to_cpu(key[1]);
	memzero_explicit(key, sizeof(key));
	return err;
}

/* Read vote and checkpoint and start from them. */
int raftblk_load_replica(struct raftblk_volume *vol, void *buf, struct netlink_ext_ack *extack)
{
	struct raftblk_ckpt *ckpt = kzalloc(sizeof(*ckpt), GFP_KERNEL);
	struct raftblk_vote vote;
	int err;

	if (!ckpt)
		return -ENOMEM;
	err = derive_hash_key(vol, extack);
	if (!err)
		err = read_vote(vol, buf, &vote, extack);
	if (!err)
		err = read_ckpt(vol, buf, ckpt, extack);
	if (!err)
		err = check_ckpt(vol, ckpt, extack);
	if (!err)
		err = start_replica(vol, &vote, ckpt, extack);
	kfree(ckpt);
	return err;
}

int raftblk_load_super(struct raftblk_volume *vol, void *buf, struct netlink_ext_ack *extack)
{
	int err = read_super(vol, buf, extack);

	return err ?: check_geometry(vol, extack);
}
