// SPDX-License-Identifier: GPL-2.0
/*
 * A machine whose disk is set back to an older copy, as after restoring a backup or a
 * snapshot of a virtual machine.  Not before all others have been up without a break
 * since the copy was made: what they know has to be enough, and what they have.
 * Until the machine has asked them, and noted the answer, they do not lose their power.
 */
#include "sim.h"

static struct {
	bool pending;		/* somebody's disk is about to be set back to this */
	u8 *stable;
	u64 boundary;
	u32 life[SIM_NODES];
} kept;

void set_back_reset(void)
{
	free(kept.stable);
	memset(&kept, 0, sizeof(kept));
}

/* Has nobody else been down meanwhile, and is nobody else's disk in doubt? */
static bool others_know(const struct node *n)
{
	const struct node *m;

	for_each_node(m)
		if (m != n && (!m->up || m->stopping || m->trapped || m->scarred || m->incomplete ||
			       m->life != kept.life[m->slot]))
			return false;
	return true;
}

/*
 * What only one member with data has left, besides a witness that has forgotten it, exists once
 * and does not survive the loss of that disk.
 */
static bool others_have(const struct node *n)
{
	const struct node *m, *w = &node[sim.set.nodes - 1];

	if (!sim.set.witness)
		return true;
	for_each_node(m)
		if (m != n && !node_is_witness(m) &&
		    (m->dur_last >= n->dur_last || witness_can_help(w, m)))
			return true;
	return false;
}

/*
 * A leader counts its own disk as well, and says in its heartbeats how far.  What came after
 * the last of them nobody else knows of: that much may be lost unnoticed (see design.md).
 */
static bool others_were_told(const struct node *n)
{
	const struct raft *r = &n->rep.raft;
	const struct node *m;

	if (r->led_term != r->term)
		return true;
	for_each_node(m) {
		int slot = m == n ? -1 : raftblk_config_find(&m->rep.raft.config, n->id);
		const struct raftblk_promise *pr = &m->rep.raft.peer[max(slot, 0)].promise;

		if (slot >= 0 && pr->ack_term == r->term && pr->index >= n->dur_last)
			return true;
	}
	return false;
}

bool set_back_spares(const struct node *n)
{
	const struct node *m;

	for_each_node(m)
		if (m != n && m->set_back && (!m->up || !m->rep.raft.sure ||
					      m->stable_term < m->rep.raft.proof_term))
			return true;
	return false;
}

static void later(void (*fire)(struct event *ev), struct node *n)
{
	sim_post(rnd_range(1, 4) * MSEC, fire, NULL, n);
}

/* It knows now, if it knows; and who knew goes. */
static void leader_goes(struct event *ev)
{
	struct node *n = ev->arg;

	if (sim.healing)
		return;
	if (!n->up || !n->rep.raft.sure)
		later(leader_goes, n);
	else if (the_leader() && the_leader() != n)
		faults_alone(the_leader(), sim.set.params.raft.election_ns * rnd_range(4, 12));
}

static void boot(struct event *ev)
{
	struct node *n = ev->arg;

	node_boot(n);
	if (chance(700))
		later(leader_goes, n);
}

static void set_back(struct event *ev)
{
	struct node *n = ev->arg;

	kept.pending = false;
	if (sim.healing || !n->up || n->stopping || n->paused || !others_know(n) ||
	    !others_have(n) || !others_were_told(n))
		return;
	COUNT(set_backs);
	node_power_cut(n);
	trace("node %u: its disk is set back", n->id);
	disk_set_back(&n->disk, kept.stable);
	n->boundary = kept.boundary;
	n->set_back = true;
	n->scarred = true;
	n->rotten = true;
	sim_post(rnd(sim.set.params.raft.election_ns), boot, NULL, n);
}

/* Often one of the others is left behind meanwhile, so that this one is needed. */
static void keep(struct node *n)
{
	u64 e = sim.set.params.raft.election_ns;
	struct node *m;

	free(kept.stable);
	kept.pending = true;
	kept.stable = disk_copy(&n->disk);
	kept.boundary = n->boundary;
	for_each_node(m)
		kept.life[m->slot] = m->life;
	m = &node[rnd(sim.set.nodes)];
	if (m != n && m->up && m->rep.raft.role != RAFT_LEADER && chance(700))
		faults_alone(m, e * rnd_range(1, 4));
	sim_post(rnd_range(1, 4 * e), set_back, NULL, n);
}

static bool somebody_was_set_back(void)
{
	const struct node *m;

	for_each_node(m)
		if (m->set_back)
			return true;
	return false;
}

static void try(struct event *ev)
{
	struct node *n = random_node(true);

	(void)ev;
	if (sim.healing)
		return;
	sim_post(rnd_range(1, 10 * sim.set.params.raft.election_ns), try, NULL, NULL);
	/* one in a run: of what was on that disk there are fewer copies from then on */
	if (n && !n->incomplete && !n->paused && !kept.pending && !somebody_was_set_back())
		keep(n);
}

void set_back_start(void)
{
	sim_post(rnd(6 * sim.set.params.raft.election_ns), try, NULL, NULL);
}
