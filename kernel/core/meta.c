// SPDX-License-Identifier: GPL-2.0
/* Superblock, vote slots and checkpoint slots. */
#include "crc.h"
#include "entry.h"
#include "meta.h"
#include "vmap.h"

static_assert(sizeof(struct raftblk_disk_super) == RAFTBLK_META_BYTES, "superblock");
static_assert(sizeof(struct raftblk_disk_vote) == RAFTBLK_VOTE_BYTES, "vote slot");
static_assert(sizeof(struct raftblk_disk_ckpt) == RAFTBLK_META_BYTES, "checkpoint slot");

#define crc_of(d)	raftblk_crc_except(d, sizeof(*(d)), offsetof(typeof(*(d)), crc))

void raftblk_super_encode(const struct raftblk_super *s, void *buf)
{
	struct raftblk_disk_super *d = buf;

	memset(d, 0, sizeof(*d));
	d->magic = cpu_to_le64(RAFTBLK_SUPER_MAGIC);
	d->version = cpu_to_le32(RAFTBLK_FORMAT_VERSION);
	d->compat = cpu_to_le64(s->compat);
	d->incompat = cpu_to_le64(s->incompat);
	memcpy(d->uuid, s->uuid, sizeof(d->uuid));
	memcpy(d->incarnation, s->incarnation, sizeof(d->incarnation));
	memcpy(d->key, s->key, sizeof(d->key));
	memcpy(d->name, s->name, strnlen(s->name, sizeof(d->name) - 1));
	d->node_id = cpu_to_le32(s->node_id);
	d->block_size = cpu_to_le32(s->block_size);
	d->ring_start = cpu_to_le64(s->ring_start);
	d->ring_sectors = cpu_to_le64(s->ring_sectors);
	d->data_start = cpu_to_le64(s->data_start);
	d->data_sectors = cpu_to_le64(s->data_sectors);
	d->volume_sectors = cpu_to_le64(s->volume_sectors);
	d->log_align = cpu_to_le32(s->log_align);
	d->max_entries = cpu_to_le32(s->max_entries);
	d->extent_sectors = cpu_to_le32(s->extent_sectors);
	d->minor = cpu_to_le32(s->minor);
	d->vmap_start = cpu_to_le64(s->vmap_start);
	raftblk_addr_encode(&s->listen, &d->listen_family, &d->listen_port, d->listen_addr);
	d->crc = cpu_to_le32(crc_of(d));
}

void raftblk_super_move(void *buf, const struct raftblk_addr *listen)
{
	struct raftblk_disk_super *d = buf;

	raftblk_addr_encode(listen, &d->listen_family, &d->listen_port, d->listen_addr);
	d->crc = cpu_to_le32(crc_of(d));
}

int raftblk_super_set_data_sectors(void *buf, u64 sectors)
{
	struct raftblk_disk_super *d = buf;

	if (le64_to_cpu(d->magic) != RAFTBLK_SUPER_MAGIC || le32_to_cpu(d->crc) != crc_of(d))
		return -EBADMSG;
	d->data_sectors = cpu_to_le64(sectors);
	d->crc = cpu_to_le32(crc_of(d));
	return 0;
}

u64 raftblk_super_room(const struct raftblk_super *s, u64 sectors)
{
	u64 end = sectors;

	if (s->ring_start > s->data_start)
		end = min(end, s->ring_start);
	/* A map behind the data area would have to grow as well, and may not be able to. */
	if (s->vmap_start > s->data_start || end < s->data_start + s->data_sectors)
		return s->data_sectors;
	end = min(end - s->data_start, raftblk_vmap_reach(s));
	return max(round_down(end, s->block_size / 512), s->data_sectors);
}

/* Printable, no slash (it names things in sysfs), and NUL to the end. */
static bool name_ok(const u8 *name)
{
	u32 len = strnlen((const char *)name, RAFTBLK_NAME_LEN);
	u32 i;

	if (!len || len == RAFTBLK_NAME_LEN)
		return false;
	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return false;
	for (; i < RAFTBLK_NAME_LEN; i++)
		if (name[i])
			return false;
	return true;
}

static bool area_ok(u64 start, u64 sectors)
{
	return start >= RAFTBLK_META_SECTORS && sectors <= RAFTBLK_SECTOR_MAX &&
	       start <= RAFTBLK_SECTOR_MAX - sectors;
}

static const char *check_ring(const struct raftblk_super *s)
{
	u32 align = s->log_align / 512;

	if (!is_power_of_2(s->log_align) || s->log_align < 512 ||
	    s->log_align > RAFTBLK_RECORD_HEADER_MAX)
		return "superblock: log alignment is not 512 to 4096";
	if (!area_ok(s->ring_start, s->ring_sectors))
		return "superblock: the log lies outside the device or over the metadata";
	if (s->ring_sectors < RAFTBLK_RING_SECTORS_MIN)
		return "superblock: the log is too small";
	/* Records are aligned by position; the place on the device has to be, too. */
	if ((s->ring_start | s->ring_sectors) & (align - 1))
		return "superblock: the log is not aligned";
	if (!is_power_of_2(s->max_entries) || s->max_entries < RAFTBLK_ENTRIES_MIN ||
	    s->max_entries > RAFTBLK_ENTRIES_MAX)
		return "superblock: bad number of log entries";
	return NULL;
}

static const char *check_data(const struct raftblk_super *s)
{
	u32 block = s->block_size / 512;

	if (s->block_size != 512 && s->block_size != 4096)
		return "superblock: block size is neither 512 nor 4096";
	if (!is_power_of_2(s->extent_sectors) || s->extent_sectors < 8 ||
	    s->extent_sectors > RAFTBLK_EXTENT_SECTORS_MAX)
		return "superblock: bad extent size";
	if (!s->volume_sectors || s->volume_sectors > RAFTBLK_SECTOR_MAX ||
	    s->volume_sectors & (block - 1))
		return "superblock: bad volume size";
	if (!s->data_sectors)	/* a witness */
		return NULL;
	if (!area_ok(s->data_start, s->data_sectors))
		return "superblock: the data area lies outside the device or over the metadata";
	if (s->data_start & (block - 1))
		return "superblock: the data area is not aligned";
	if (s->volume_sectors > s->data_sectors)
		return "superblock: the volume is larger than the data area";
	if (s->data_start < s->ring_start + s->ring_sectors &&
	    s->ring_start < s->data_start + s->data_sectors)
		return "superblock: log and data area overlap";
	return NULL;
}

static bool areas_overlap(u64 a, u64 a_sectors, u64 b, u64 b_sectors)
{
	return a < b + b_sectors && b < a + a_sectors;
}

static const char *check_vmap(const struct raftblk_super *s)
{
	u64 sectors;

	if (!s->vmap_start)	/* made before there was one; or a witness */
		return NULL;
	sectors = raftblk_vmap_sectors(s);
	if (!area_ok(s->vmap_start, sectors) || s->vmap_start & (RAFTBLK_META_BYTES / 512 - 1))
		return "superblock: the version map lies outside the device or is not aligned";
	if (areas_overlap(s->vmap_start, sectors, s->ring_start, s->ring_sectors) ||
	    areas_overlap(s->vmap_start, sectors, s->data_start, s->data_sectors))
		return "superblock: the version map overlaps the log or the data area";
	return NULL;
}

static const char *check_super(const struct raftblk_super *s)
{
	const char *why;

	if (!s->node_id)
		return "superblock: node id 0";
	if (s->minor != 0xffffffffU && s->minor >= 1U << 20)
		return "superblock: bad minor number";
	why = check_ring(s);
	if (!why)
		why = check_data(s);
	return why ? why : check_vmap(s);
}

static void super_from_disk(struct raftblk_super *s, const struct raftblk_disk_super *d)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->uuid, d->uuid, sizeof(s->uuid));
	memcpy(s->incarnation, d->incarnation, sizeof(s->incarnation));
	memcpy(s->key, d->key, sizeof(s->key));
	memcpy(s->name, d->name, sizeof(s->name));
	s->compat = le64_to_cpu(d->compat);
	s->incompat = le64_to_cpu(d->incompat);
	s->node_id = le32_to_cpu(d->node_id);
	s->block_size = le32_to_cpu(d->block_size);
	s->ring_start = le64_to_cpu(d->ring_start);
	s->ring_sectors = le64_to_cpu(d->ring_sectors);
	s->data_start = le64_to_cpu(d->data_start);
	s->data_sectors = le64_to_cpu(d->data_sectors);
	s->volume_sectors = le64_to_cpu(d->volume_sectors);
	s->log_align = le32_to_cpu(d->log_align);
	s->max_entries = le32_to_cpu(d->max_entries);
	s->extent_sectors = le32_to_cpu(d->extent_sectors);
	s->minor = le32_to_cpu(d->minor);
	s->vmap_start = le64_to_cpu(d->vmap_start);
}

int raftblk_super_decode(struct raftblk_super *s, const void *buf, const char **why)
{
	const struct raftblk_disk_super *d = buf;

	*why = "not a raftblk superblock";
	if (le64_to_cpu(d->magic) != RAFTBLK_SUPER_MAGIC)
		return -ENODATA;
	*why = "superblock: checksum mismatch";
	if (le32_to_cpu(d->crc) != crc_of(d))
		return -EBADMSG;
	*why = "superblock: unknown format version";
	if (le32_to_cpu(d->version) != RAFTBLK_FORMAT_VERSION)
		return -EOPNOTSUPP;
	*why = "superblock: needs a feature this version does not have";
	if (le64_to_cpu(d->incompat) & ~RAFTBLK_INCOMPAT_KNOWN)
		return -EOPNOTSUPP;
	*why = "superblock: bad volume name";
	if (!name_ok(d->name))
		return -EBADMSG;
	super_from_disk(s, d);
	*why = "superblock: bad listen address";
	if (raftblk_addr_decode(&s->listen, d->listen_family, d->listen_port, d->listen_addr))
		return -EBADMSG;
	*why = check_super(s);
	return *why ? -EBADMSG : 0;
}

void raftblk_vote_encode(const struct raftblk_vote *v, const u8 *uuid, void *buf)
{
	struct raftblk_disk_vote *d = buf;

	memset(d, 0, sizeof(*d));
	d->magic = cpu_to_le32(RAFTBLK_VOTE_MAGIC);
	memcpy(d->uuid, uuid, sizeof(d->uuid));
	d->generation = cpu_to_le64(v->generation);
	d->term = cpu_to_le64(v->term);
	d->voted_for = cpu_to_le32(v->voted_for);
	d->durable_index = cpu_to_le64(v->durable_index);
	d->durable_pos = cpu_to_le64(v->durable_pos);
	d->crc = cpu_to_le32(crc_of(d));
}

int raftblk_vote_decode(struct raftblk_vote *v, const u8 *uuid, const void *buf)
{
	const struct raftblk_disk_vote *d = buf;

	if (le32_to_cpu(d->magic) != RAFTBLK_VOTE_MAGIC || le32_to_cpu(d->crc) != crc_of(d) ||
	    memcmp(d->uuid, uuid, sizeof(d->uuid)))
		return -EBADMSG;
	memset(v, 0, sizeof(*v));
	v->generation = le64_to_cpu(d->generation);
	v->term = le64_to_cpu(d->term);
	v->voted_for = le32_to_cpu(d->voted_for);
	v->durable_index = le64_to_cpu(d->durable_index);
	v->durable_pos = le64_to_cpu(d->durable_pos);
	return v->generation > RAFTBLK_INDEX_MAX || v->term > RAFTBLK_INDEX_MAX ? -EBADMSG : 0;
}

static void promises_encode(const struct raftblk_promise *p, struct raftblk_disk_promise *d)
{
	u32 i;

	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++) {
		d[i].id = cpu_to_le32(p[i].id);
		d[i].life = cpu_to_le64(p[i].life);
		d[i].term = cpu_to_le64(p[i].term);
		d[i].ack_term = cpu_to_le64(p[i].ack_term);
		d[i].index = cpu_to_le64(p[i].index);
		d[i].log_term = cpu_to_le64(p[i].log_term);
	}
}

static void promises_decode(struct raftblk_promise *p, const struct raftblk_disk_promise *d)
{
	u32 i;

	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++) {
		p[i].id = le32_to_cpu(d[i].id);
		p[i].life = le64_to_cpu(d[i].life);
		p[i].term = le64_to_cpu(d[i].term);
		p[i].ack_term = le64_to_cpu(d[i].ack_term);
		p[i].index = le64_to_cpu(d[i].index);
		p[i].log_term = le64_to_cpu(d[i].log_term);
	}
}

static bool promises_ok(const struct raftblk_promise *p)
{
	u32 i;

	for (i = 0; i < RAFTBLK_MAX_MEMBERS; i++)
		if (p[i].term > RAFTBLK_INDEX_MAX || p[i].ack_term > RAFTBLK_INDEX_MAX ||
		    p[i].index > RAFTBLK_INDEX_MAX || p[i].log_term > p[i].ack_term)
			return false;
	return true;
}

void raftblk_ckpt_encode(const struct raftblk_ckpt *c, const u8 *uuid, void *buf)
{
	struct raftblk_disk_ckpt *d = buf;

	memset(d, 0, sizeof(*d));
	d->magic = cpu_to_le32(RAFTBLK_CKPT_MAGIC);
	memcpy(d->uuid, uuid, sizeof(d->uuid));
	d->generation = cpu_to_le64(c->generation);
	d->applied_index = cpu_to_le64(c->applied_index);
	d->applied_term = cpu_to_le64(c->applied_term);
	d->replay_pos = cpu_to_le64(c->replay_pos);
	d->retain_pos = cpu_to_le64(c->retain_pos);
	d->replay_prev_crc = cpu_to_le32(c->replay_prev_crc);
	d->retain_prev_crc = cpu_to_le32(c->retain_prev_crc);
	d->durable_index = cpu_to_le64(c->durable_index);
	d->durable_pos = cpu_to_le64(c->durable_pos);
	d->proof_index = cpu_to_le64(c->proof_index);
	d->owner_node = cpu_to_le32(c->owner_node);
	d->flags = cpu_to_le32(c->flags);
	d->owner_token = cpu_to_le64(c->owner_token);
	d->volume_sectors = cpu_to_le64(c->volume_sectors);
	d->config_index = cpu_to_le64(c->config.index);
	d->base_index = cpu_to_le64(c->base_index);
	d->boundary_index = cpu_to_le64(c->boundary_index);
	d->boundary_term = cpu_to_le64(c->boundary_term);
	d->cursor = cpu_to_le64(c->cursor);
	d->tag_index = cpu_to_le64(c->tag_index);
	raftblk_config_encode(&c->config, &d->config);
	promises_encode(c->promise, d->promise);
	d->crc = cpu_to_le32(crc_of(d));
}

/* Only a member that is catching up has a boundary, and it has passed it. */
static bool ckpt_catchup_ok(const struct raftblk_ckpt *c)
{
	if (!(c->flags & RAFTBLK_CKPT_F_INCOMPLETE))
		return !c->base_index && !c->boundary_index && !c->boundary_term &&
		       !c->cursor && !c->tag_index;
	return c->boundary_index && c->boundary_term && c->base_index < c->boundary_index &&
	       c->boundary_index <= c->applied_index && c->boundary_term <= c->applied_term;
}

int raftblk_ckpt_decode(struct raftblk_ckpt *c, const u8 *uuid, const void *buf)
{
	const struct raftblk_disk_ckpt *d = buf;

	if (le32_to_cpu(d->magic) != RAFTBLK_CKPT_MAGIC || le32_to_cpu(d->crc) != crc_of(d) ||
	    memcmp(d->uuid, uuid, sizeof(d->uuid)))
		return -EBADMSG;
	memset(c, 0, sizeof(*c));
	c->generation = le64_to_cpu(d->generation);
	c->applied_index = le64_to_cpu(d->applied_index);
	c->applied_term = le64_to_cpu(d->applied_term);
	c->replay_pos = le64_to_cpu(d->replay_pos);
	c->retain_pos = le64_to_cpu(d->retain_pos);
	c->replay_prev_crc = le32_to_cpu(d->replay_prev_crc);
	c->retain_prev_crc = le32_to_cpu(d->retain_prev_crc);
	c->durable_index = le64_to_cpu(d->durable_index);
	c->durable_pos = le64_to_cpu(d->durable_pos);
	c->proof_index = le64_to_cpu(d->proof_index);
	c->owner_node = le32_to_cpu(d->owner_node);
	c->flags = le32_to_cpu(d->flags);
	c->owner_token = le64_to_cpu(d->owner_token);
	c->volume_sectors = le64_to_cpu(d->volume_sectors);
	c->base_index = le64_to_cpu(d->base_index);
	c->boundary_index = le64_to_cpu(d->boundary_index);
	c->boundary_term = le64_to_cpu(d->boundary_term);
	c->cursor = le64_to_cpu(d->cursor);
	c->tag_index = le64_to_cpu(d->tag_index);
	promises_decode(c->promise, d->promise);
	if (!ckpt_catchup_ok(c) || !promises_ok(c->promise))
		return -EBADMSG;
	if (c->retain_pos > c->replay_pos || c->replay_pos > RAFTBLK_SECTOR_MAX ||
	    !c->applied_index != !c->applied_term ||
	    c->generation > RAFTBLK_INDEX_MAX || c->applied_index > RAFTBLK_INDEX_MAX ||
	    c->applied_term > RAFTBLK_INDEX_MAX || c->proof_index > RAFTBLK_INDEX_MAX ||
	    c->owner_token > RAFTBLK_INDEX_MAX)
		return -EBADMSG;
	if (raftblk_config_decode(&c->config, &d->config))
		return -EBADMSG;
	c->config.index = le64_to_cpu(d->config_index);
	return 0;
}
