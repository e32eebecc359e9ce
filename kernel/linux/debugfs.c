// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs: NAME/state, and NAME/inject/KIND: the next so many operations of
 * that kind on the lower device fail with EIO.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "debugfs.h"
#include "lower.h"
#include "volume.h"

static struct dentry *root;

static int state_show(struct seq_file *m, void *v)
{
	struct raftblk_volume *vol = m->private;
	const struct raftblk_stats *st = &vol->stats;
	struct raftblk_state s;

	raftblk_volume_state(vol, &s, NULL);
	seq_printf(m, "role %s\nterm %llu\nleader %u\nowner %u\ntoken %llu\n",
		   raft_role_name(s.role), s.term, s.leader, s.owner, s.token);
	seq_printf(m, "log %llu %llu\ndurable %llu\ncommit %llu\napplied %llu\nusage %u\n",
		   s.first, s.last, s.durable, s.commit, s.applied, s.log_usage);
	seq_printf(m, "openers %u\nwriter %d\nfenced %d\nproving %d\nbehind %d\nfault %d\n",
		   s.openers, s.writer, s.fenced, s.proving, s.behind, s.fault);
	seq_printf(m, "rounds %llu\nlog_writes %llu %llu\nlog_reads %llu %llu\n",
		   st->rounds, st->log_writes, st->log_write_bytes,
		   st->log_reads, st->log_read_bytes);
	seq_printf(m, "applies %llu %llu\nflushes %llu\nvotes %llu\ncheckpoints %llu\n",
		   st->applies, st->apply_bytes, st->flushes, st->votes, st->checkpoints);
	seq_printf(m, "reads %llu %llu\nwrites %llu %llu\ndiscards %llu %llu\nerrors %llu\n",
		   raftblk_volume_reads(vol), raftblk_volume_read_bytes(vol),
		   st->writes, st->write_bytes,
		   st->discards, st->discard_bytes, st->errors);
	seq_printf(m, "direct_reads %lld %lld\n", atomic64_read(&vol->direct_reads),
		   atomic64_read(&vol->direct_read_bytes));
	seq_printf(m, "fetches %llu %llu\nserves %llu %llu\n",
		   st->fetches, st->fetch_bytes, st->serves, st->serve_bytes);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

void raftblk_debugfs_add(struct raftblk_volume *vol)
{
	struct dentry *inject;
	int i;

	vol->debugfs = debugfs_create_dir(vol->super.name, root);
	debugfs_create_file("state", 0400, vol->debugfs, vol, &state_fops);
	inject = debugfs_create_dir("inject", vol->debugfs);
	for (i = 0; i < RAFTBLK_IO_KINDS; i++)
		debugfs_create_atomic_t(raftblk_io_kind_name[i], 0600, inject,
					raftblk_lower_inject(vol, i));
}

void raftblk_debugfs_remove(struct raftblk_volume *vol)
{
	debugfs_remove_recursive(vol->debugfs);
	vol->debugfs = NULL;
}

void raftblk_debugfs_init(void)
{
	root = debugfs_create_dir("raftblk", NULL);
}

void raftblk_debugfs_exit(void)
{
	debugfs_remove_recursive(root);
}
