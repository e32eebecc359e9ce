// SPDX-License-Identifier: GPL-2.0
/*
 * A member whose machine gets a blank disk.  Its id stays a voter until it is removed or
 * replaced; the machine joins anew, as another member.  Sometimes it is started under the
 * old id before that, as by somebody who copied a superblock: then nobody may listen to
 * it, since it has forgotten what that member promised.  As long as a majority of the voters
 * has its disks nothing may be lost, and the volume has to go on in the end.
 */
#include "sim.h"

/**
 * struct ghost - a member that was, with what its disk had
 * @term: of the entries up to @last
 */
struct ghost {
	struct ghost *next;
	u32 id;
	bool incomplete;
	u64 last;
	u64 *term;
};

static struct ghost *ghosts;

void blank_reset(void)
{
	while (ghosts) {
		struct ghost *g = ghosts;

		ghosts = g->next;
		free(g->term);
		free(g);
	}
}

static const struct ghost *ghost_find(u32 id)
{
	const struct ghost *g;

	for (g = ghosts; g && g->id != id; g = g->next)
		;
	return g;
}

bool blank_is_ghost(u32 id)
{
	return ghost_find(id);
}

/* It acknowledged that in good faith, and then lost it. */
bool blank_had(u32 id, u64 index, u64 term)
{
	const struct ghost *g = ghost_find(id);

	return !g->incomplete && index <= g->last && g->term[index] == term;
}

void blank_wiped(const struct node *n)
{
	struct ghost *g = calloc(1, sizeof(*g));

	assert(g);
	*g = (struct ghost){ .next = ghosts, .id = n->id, .incomplete = n->incomplete,
			     .last = n->dur_last };
	g->term = malloc((g->last + 1) * sizeof(*g->term));
	assert(g->term);
	memcpy(g->term, n->dur_term, (g->last + 1) * sizeof(*g->term));
	ghosts = g;
}

/* The newest configuration that any member has. */
static const struct raftblk_config *newest_config(void)
{
	const struct raftblk_config *c = NULL;
	const struct node *n;

	for_each_node(n)
		if (n->exists && !n->impostor && (!c || n->config.index > c->index))
			c = &n->config;
	return c;
}

/*
 * A voter, and a majority of the voters is left with whole disks.  Changes that are under way
 * do no harm: only who has lost its disk is ever removed here, and who joins has all there
 * is.  A learner might just be made a voter, which would then be one more without a disk.
 */
static bool may_wipe(const struct node *n)
{
	const struct raftblk_config *c = newest_config();
	u32 voters = 0, whole = 0;
	int slot;
	u32 i;

	if (!n->exists || n->impostor || raftblk_config_is_joint(c) ||
	    c->index > check_committed())
		return false;
	slot = raftblk_config_find(c, n->id);
	if (slot < 0 || !raftblk_member_votes(&c->member[slot]))
		return false;
	for (i = 0; i < c->nr; i++) {
		const struct node *m = node_by_id(c->member[i].id);

		if (!raftblk_member_votes(&c->member[i]))
			continue;
		voters++;
		whole += m && m != n && !m->impostor && !m->incomplete;
	}
	return 2 * whole > voters;
}

/* A superblock, and nothing of what the member had: made on the new disk for the old id. */
static void impersonate(struct node *n, u32 id)
{
	struct raftblk_config c = *newest_config();
	int slot = raftblk_config_find(&c, id);

	if (slot < 0)
		return;
	COUNT(impostors);
	trace("machine %u: is started as node %u with a blank disk", n->slot, id);
	node_incarnation(n, c.member[slot].incarnation);
	n->impostor = true;
	node_format(n, id, &c, n->told_size);
	node_boot(n);
}

void blank_end(bool all)
{
	struct node *n;

	for_each_node(n)
		if (n->impostor && (all || chance(300)))
			node_wipe(n);
}

/* One that is not there any more is removed, if no other takes its place before that. */
static void remove_ghost(void)
{
	struct node *leader = the_leader();
	const struct ghost *g;

	if (!leader || leader->paused)
		return;
	for (g = ghosts; g; g = g->next)
		if (!check_has_left(g->id) && chance(100)) {
			client_remove(leader, g->id);
			node_run(leader);
			return;
		}
}

static void try(struct event *ev)
{
	struct node *n = &node[rnd(sim.set.nodes)];
	u32 id = n->id;

	(void)ev;
	if (sim.healing)
		return;
	sim_post(rnd_range(1, 6 * sim.set.params.raft.election_ns), try, NULL, NULL);
	blank_end(false);
	remove_ghost();
	if (!may_wipe(n) || chance(300))
		return;
	COUNT(blank_disks);
	blank_wiped(n);
	node_wipe(n);
	n->was = id;
	if (chance(500))
		impersonate(n, id);
}

void blank_start(void)
{
	sim_post(rnd(6 * sim.set.params.raft.election_ns), try, NULL, NULL);
}
