// SPDX-License-Identifier: GPL-2.0
/* Attributes of the disk.  They read the worker's copy of the state, and never wait for it. */
#include <linux/blkdev.h>
#include <linux/sysfs.h>

#include "sysfs.h"
#include "volume.h"

static struct raftblk_volume *dev_volume(struct device *dev, struct raftblk_state *state)
{
	struct raftblk_volume *vol = dev_to_disk(dev)->private_data;

	raftblk_volume_state(vol, state, NULL);
	return vol;
}

/* One word, the most important one first. */
static const char *state_word(const struct raftblk_volume *vol, const struct raftblk_state *s)
{
	if (test_bit(RAFTBLK_VOL_DYING, &vol->flags))
		return "going";
	if (s->fault)
		return "failed";
	if (s->removed)
		return "removed";
	if (s->fenced)
		return "fenced";
	if (s->incomplete)
		return "catching-up";
	if (s->behind)
		return "behind";
	if (s->proving)
		return "proving";
	return s->leader ? "ok" : "no-leader";
}

static ssize_t name_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct raftblk_state s;

	return sysfs_emit(buf, "%s\n", dev_volume(dev, &s)->super.name);
}
static DEVICE_ATTR_RO(name);

static ssize_t uuid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct raftblk_state s;

	return sysfs_emit(buf, "%pU\n", dev_volume(dev, &s)->super.uuid);
}
static DEVICE_ATTR_RO(uuid);

static ssize_t node_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct raftblk_state s;

	return sysfs_emit(buf, "%u\n", dev_volume(dev, &s)->super.node_id);
}
static DEVICE_ATTR_RO(node);

static ssize_t role_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct raftblk_state s;

	dev_volume(dev, &s);
	return sysfs_emit(buf, "%s\n", raft_role_name(s.role));
}
static DEVICE_ATTR_RO(role);

static ssize_t term_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct raftblk_state s;

	dev_volume(dev, &s);
	return sysfs_emit(buf, "%llu\n", s.term);
}
static DEVICE_ATTR_RO(term);

static ssize_t leader_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct raftblk_state s;

	dev_volume(dev, &s);
	return sysfs_emit(buf, "%u\n", s.leader);
}
static DEVICE_ATTR_RO(leader);

static ssize_t owner_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct raftblk_state s;

	dev_volume(dev, &s);
	return sysfs_emit(buf, "%u\n", s.owner);
}
static DEVICE_ATTR_RO(owner);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct raftblk_state s;
	struct raftblk_volume *vol = dev_volume(dev, &s);

	return sysfs_emit(buf, "%s\n", state_word(vol, &s));
}
static DEVICE_ATTR_RO(state);

static struct attribute *raftblk_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_uuid.attr,
	&dev_attr_node.attr,
	&dev_attr_role.attr,
	&dev_attr_term.attr,
	&dev_attr_leader.attr,
	&dev_attr_owner.attr,
	&dev_attr_state.attr,
	NULL
};

static const struct attribute_group raftblk_group = {
	.name	= "raftblk",
	.attrs	= raftblk_attrs,
};

const struct attribute_group *raftblk_sysfs_groups[] = {
	&raftblk_group,
	NULL
};
