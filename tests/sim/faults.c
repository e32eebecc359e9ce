// SPDX-License-Identifier: GPL-2.0
/*
 * The nemesis: breaks things at random moments, each for a random while.
 * Which kinds of faults a run has, and how often, is the seed's choice; so
 * some runs know only partitions, some only power cuts, some all at once.
 */
#include "sim.h"

static struct node *joiner;		/* the next machine to become a member */

struct node *random_node(bool up)
{
	struct node *n;
	u32 tries;

	for (tries = 0; tries < 20; tries++) {
		n = &node[rnd(sim.set.nodes)];
		if (n->exists && n->up == up && !n->stopping)
			return n;
	}
	return NULL;
}

/* Of a fault: mostly about an election timeout, sometimes much shorter or longer. */
static u64 some_while(void)
{
	u64 e = sim.set.params.raft.election_ns;

	switch (rnd(4)) {
	case 0:
		return rnd(e / 4) + 1;
	case 1:
		return rnd_range(e, 5 * e);
	default:
		return rnd_range(e / 4, 2 * e);
	}
}

/* Of one that matters only when others have had the time to elect a leader. */
static u64 long_while(void)
{
	u64 e = sim.set.params.raft.election_ns;

	return chance(300) ? some_while() : rnd_range(2 * e, 8 * e);
}

/* ---- ends of faults ---- */


static void boot_again(struct event *ev)
{
	struct node *n = ev->arg;

	/* left out for now; or all have stopped for good */
	if (n->left_out || sim.final)
		return;
	/* a clean stop may still be under way */
	if (n->stopping)
		sim_post(10 * MSEC, boot_again, NULL, n);
	else
		node_boot(n);
}

static void resume(struct event *ev)
{
	node_resume(ev->arg);
}

static void join_links(struct event *ev)
{
	struct node *n = ev->arg;
	struct node *m;

	trace("links of machine %u are whole again", n->slot);
	for_each_node(m) {
		if (m == n)
			continue;
		net_cut(n, m, false);
		net_cut(m, n, false);
	}
}

static void heal_all(struct event *ev)
{
	(void)ev;
	trace("the network is whole again");
	net_heal();
}

static void disk_normal(struct event *ev)
{
	struct node *n = ev->arg;

	n->disk.slow = 1;
}

/* ---- faults ---- */

/*
 * A minority of media may lose a record, and only one that its disk can prove it
 * had.  Of two, one: the other was needed for all that was ever committed.
 */
static bool may_rot(const struct node *n, u32 bad, u32 live)
{
	if (n->rotten || live < 2)
		return false;
	if (live == 2)
		return !bad && sim.set.initial != 1;
	return bad + 1 <= (live - 1) / 2;
}

/*
 * Does another member count in what is left?  In the middle of a change of membership the
 * newest voter may have nothing yet.
 */
static bool backs(const struct node *n, const struct node *m)
{
	int slot = raftblk_config_find(&n->config, m->id);

	return m->dur_last >= n->disk_ckpt_index && !m->incomplete &&
	       slot >= 0 && raftblk_member_votes(&n->config.member[slot]) &&
	       !raftblk_config_is_joint(&n->config);
}

/*
 * Where there is a witness: is there another member with data that has all of it?  What is
 * on one disk and, perhaps no longer, in the witness's ring does not survive losing both.
 */
static bool has_twin(const struct node *n)
{
	struct node *m;

	for_each_node(m)
		if (m != n && m->exists && !node_is_witness(m) && backs(n, m) &&
		    m->dur_last >= n->dur_last)
			return true;
	return false;
}

static void rot(struct node *n)
{
	u64 i, pick = 0, found = 0;
	struct node *m;
	struct record *r;
	u32 bad = 0, live = 0;

	for_each_node(m) {
		bad += m->exists && m != n && m->scarred;
		live += m->exists && !m->behind && backs(n, m);
	}
	if (!may_rot(n, bad, live) || (sim.set.witness && !has_twin(n)))
		return;
	for (i = n->rec_head > NODE_RECORDS ? n->rec_head - NODE_RECORDS : 0; i < n->rec_head; i++) {
		r = &n->rec[i % NODE_RECORDS];
		if (r->first > n->disk_ckpt_index && r->pos + r->sectors <= n->disk_evidence &&
		    !rnd(++found))
			pick = i;
	}
	if (!found)
		return;
	r = &n->rec[pick % NODE_RECORDS];
	n->rotten = true;
	n->scarred = true;
	COUNT(rotten_records);
	trace("node %u: record at %llu (entries %llu + %u) rots", n->id,
	      (unsigned long long)r->pos, (unsigned long long)r->first, r->nr);
	disk_rot(&n->disk, sim.set.ring_start + (r->pos + rnd(r->sectors)) % n->super.ring_sectors,
		 chance(300));
}

static void crash(struct node *n, bool with_rot)
{
	if (set_back_spares(n))
		return;
	node_power_cut(n);
	if (with_rot)
		rot(n);
	sim_post(some_while(), boot_again, NULL, n);
}

static void trap_springs(struct event *ev)
{
	if (!sim.healing)
		crash(ev->node, false);
}

/* The machine was to lose its power with a record on its way, and here is one. */
void faults_record_written(struct node *n)
{
	if (!n->trapped)
		return;
	n->trapped = false;
	sim_post(rnd(sim.set.disk_max * n->disk.slow), trap_springs, n, NULL)->life = n->life;
}

static void fault_crash(void)
{
	struct node *n = random_node(true);

	if (n && chance(500))
		n->trapped = true;
	else if (n)
		crash(n, false);
}

static void fault_all_crash(void)
{
	u64 at = 0;
	struct node *n;

	if (set_back_spares(NULL))
		return;
	COUNT(all_crashes);
	for_each_node(n) {
		if (!n->up)
			continue;
		node_power_cut(n);
		at += rnd(50 * MSEC);
		sim_post(at, boot_again, NULL, n);
	}
}

static void fault_clean_restart(void)
{
	struct node *n = random_node(true);

	if (!n || set_back_spares(n))
		return;
	node_stop(n);
	sim_post(some_while(), boot_again, NULL, n);
}

static void fault_partition(void)
{
	u32 side = rnd(1U << sim.set.nodes);
	struct node *a, *b;

	COUNT(partitions);
	/* often it is the one that matters */
	for_each_node(a)
		if (a->up && a->rep.raft.role == RAFT_LEADER && chance(500))
			side = 1U << a->slot;
	trace("partition, sides %x", side);
	for_each_node(a)
		for_each_node(b)
			if (((side >> a->slot) & 1) != ((side >> b->slot) & 1))
				net_cut(a, b, true);
	sim_post(long_while(), heal_all, NULL, NULL);
}

static void fault_oneway(void)
{
	struct node *a = random_node(true);
	struct node *b = random_node(true);
	bool all = chance(300);
	struct node *m;

	if (!a || !b || a == b)
		return;
	COUNT(oneway_cuts);
	trace("machine %u is not heard by %u%s", a->slot, b->slot, all ? " and others" : "");
	for_each_node(m)
		if (m != a && (m == b || all))
			net_cut(a, m, true);
	sim_post(long_while(), join_links, NULL, a);
}

static void fault_owner(void)
{
	struct node *n = random_node(true);

	if (n)
		client_favour(n);
}

static void fault_pause(void)
{
	struct node *n = random_node(true);

	if (!n || n->paused)
		return;
	if (chance(500))
		n->pause_in_run = true;
	else
		node_pause(n);
	if (n->opens && chance(500))
		fault_owner();
	sim_post(long_while(), resume, NULL, n);
}

static void fault_slow_disk(void)
{
	struct node *n = random_node(true);

	if (!n)
		return;
	COUNT(slow_disks);
	n->disk.slow = rnd_range(5, 100);
	sim_post(some_while(), disk_normal, NULL, n);
}

static void fault_transfer(void)
{
	struct node *n = random_node(true);
	struct node *to = random_node(true);

	if (!n || !to || n->paused)
		return;
	client_transfer(n, to->id);
	node_run(n);
}

static void fault_drift(void)
{
	COUNT(clock_drifts);
	node_drift(&node[rnd(sim.set.nodes)]);
}

static void fault_rot(void)
{
	struct node *n = random_node(true);

	if (n)
		crash(n, true);
}

void faults_alone(struct node *n, u64 gone)
{
	struct node *m;

	trace("machine %u is alone for long", n->slot);
	for_each_node(m) {
		if (m == n)
			continue;
		net_cut(n, m, true);
		net_cut(m, n, true);
	}
	sim_post(gone, join_links, NULL, n);
}

/*
 * Gone for so long that the others may have used their rings anew, and sometimes
 * with a disk that makes sure of it.
 */
static void fault_away(void)
{
	struct node *n = random_node(true);
	u64 gone = sim.set.params.raft.election_ns * rnd_range(4, 20);

	if (!n || set_back_spares(n))
		return;
	COUNT(long_absences);
	if (chance(500)) {
		node_power_cut(n);
		sim_post(gone, boot_again, NULL, n);
	} else {
		faults_alone(n, gone);
	}
}

struct node *the_leader(void)
{
	struct node *m;

	for_each_node(m)
		if (m->up && m->rep.raft.role == RAFT_LEADER && !m->stopping)
			return m;
	return NULL;
}

/* Something happens while a member catches up, to it or to who helps it. */
void fault_strike(struct event *ev)
{
	struct node *n = ev->arg;

	if (sim.healing || !n->up || n->stopping)
		return;
	COUNT(catchup_faults);
	switch (rnd(6)) {
	case 0:
		fault_partition();
		break;
	case 1:
		n->pause_in_run = true;
		sim_post(some_while(), resume, NULL, n);
		break;
	case 2:
		fault_transfer();
		break;
	case 3:
		n = the_leader() ? the_leader() : n;
		/* fall through */
	default:
		crash(n, false);
	}
}

/* Does @n, which catches up, have more of the log than any other but the leader? */
static bool has_longest_log(const struct node *n)
{
	const struct node *leader = the_leader();
	const struct node *m;

	for_each_node(m)
		if (m != n && m != leader && m->dur_last >= n->dur_last)
			return false;
	return n->incomplete;
}

/* With the last words on its disk, or when it is too late for them. */
static void end_watch(struct event *ev)
{
	if (sim.healing)
		return;
	if (has_longest_log(ev->arg))
		sim.set.run_ns = sim.now;
	else
		sim_post(100 * USEC, end_watch, NULL, ev->arg);
}

static void last_words(struct event *ev)
{
	struct node *n = ev->node;
	u32 i;

	for (i = 0; i < 3 && n->opens && !n->fenced && !n->stopping && !sim.healing; i++)
		client_write(n, RAFTBLK_OP_WRITE, i * sim.set.block_sectors,
			     sim.set.block_sectors);
	node_run(n);
}

/*
 * The end comes while @n catches up; the leader's last words reach it alone, so that its
 * log is the longest of those that are left.
 */
static void end_now(struct node *n)
{
	struct node *leader = the_leader();
	struct node *m;

	sim.set.end_early = false;
	if (!leader)
		return;
	sim.set.run_ns = min(sim.set.run_ns, sim.now + sim.set.params.raft.election_ns / 2);
	for_each_node(m) {
		if (m == leader || m == n)
			continue;
		net_cut(leader, m, true);
		/* nor does it get what it lacks of them meanwhile */
		net_cut(m, n, true);
	}
	sim_post(rnd(sim.set.disk_max), last_words, leader, NULL)->life = leader->life;
	sim_post(0, end_watch, NULL, n);
}

/* @n is at some step of a catch-up, its own or another's. */
void faults_catchup(struct node *n)
{
	if (sim.healing)
		return;
	if (sim.set.end_early && n->rep.raft.incomplete && sim.now > sim.set.run_ns / 3)
		end_now(n);
	if (sim.set.away && chance(40))
		sim_post(rnd(2 * sim.set.disk_max), fault_strike, NULL, n);
}

static void relay_change(struct event *ev)
{
	struct node *n = ev->arg;
	struct node *leader = the_leader();

	if (sim.healing)
		return;
	boot_again(ev);
	if (leader && leader != n && !set_back_spares(leader)) {
		node_power_cut(leader);
		sim_post(sim.set.params.raft.election_ns * rnd_range(2, 12), boot_again, NULL, leader);
	}
}

/* One member with data was away, and when it comes back the other one goes. */
static void fault_relay(void)
{
	struct node *n = random_node(true);

	if (!n || node_is_witness(n) || n == the_leader() || set_back_spares(n))
		return;
	COUNT(relays);
	node_power_cut(n);
	sim_post(sim.set.params.raft.election_ns * rnd_range(1, 12), relay_change, NULL, n);
}

static void (*const fault_kind[])(void) = {
	[FAULT_CRASH] = fault_crash,
	[FAULT_ALL_CRASH] = fault_all_crash,
	[FAULT_CLEAN_RESTART] = fault_clean_restart,
	[FAULT_PARTITION] = fault_partition,
	[FAULT_ONEWAY] = fault_oneway,
	[FAULT_PAUSE] = fault_pause,
	[FAULT_SLOW_DISK] = fault_slow_disk,
	[FAULT_DRIFT] = fault_drift,
	[FAULT_TRANSFER] = fault_transfer,
	[FAULT_OWNER] = fault_owner,
	[FAULT_ROT] = fault_rot,
};

static void fault(struct event *ev)
{
	u32 kind = rnd(FAULT_KINDS);

	(void)ev;
	if (sim.healing)
		return;
	sim_post(rnd(2 * sim.set.fault_every), fault, NULL, NULL);
	if (sim.set.witness && chance(150)) {
		fault_relay();
		return;
	}
	if (sim.set.away && chance(250)) {
		fault_away();
		return;
	}
	if (sim.set.faults & (1U << kind))
		fault_kind[kind]();
}

/* ---- joining, one machine after the other ---- */

static bool all_vote(void)
{
	struct node *n;

	if (sim.set.members || sim.set.blank)
		return true;
	for_each_node(n) {
		const struct raftblk_config *c = &n->rep.raft.config;
		struct node *m;

		if (!n->up || n->rep.raft.role != RAFT_LEADER)
			continue;
		if (raftblk_config_is_joint(c))
			return false;
		for_each_node(m) {
			int i = m->exists ? raftblk_config_find(c, m->id) : -1;

			if (m->exists && (i < 0 || !raftblk_member_votes(&c->member[i])))
				return false;
		}
		return true;
	}
	return false;
}

/* Often one that is down, as it will be in life. */
static u32 some_member(void)
{
	struct node *n = random_node(!chance(400));

	return n ? n->id : node[rnd(sim.set.nodes)].id;
}

static u32 some_replaced(const struct node *n)
{
	if (n->was)
		return !check_has_left(n->was) && chance(600) ? n->was : 0;
	return sim.set.members && chance(500) ? some_member() : 0;
}

static void join_try(struct event *ev)
{
	struct node *n, *at = NULL;

	(void)ev;
	if (sim.healing)
		return;
	sim_post(rnd_range(1, 2 * sim.set.params.raft.election_ns), join_try, NULL, NULL);
	if (joiner)
		return;
	for_each_node(n) {
		if (n->exists || n->stale)
			continue;
		if (!all_vote())
			return;
		/* only the leader can; the tool is sent there by the others */
		for_each_node(at)
			if (at->up && !at->paused && at->rep.raft.role == RAFT_LEADER)
				break;
		if (at == node + sim.set.nodes || chance(100))
			at = random_node(true);
		if (!at || at->paused)
			return;
		joiner = n;
		client_join(at, n, some_replaced(n), sim.set.members && chance(200));
		node_run(at);
		return;
	}
}

void faults_joined(struct node *n, bool stale)
{
	if (stale) {
		COUNT(join_stale);
		n->stale = true;
	}
	joiner = NULL;
}

/* ---- votes are lost and got again ---- */

/*
 * The others lead by themselves by now, and it does not hear of it.  Often this is the last that
 * happens: nobody gives it its vote again, or opens the device in its place.
 */
static void vote_taken(struct event *ev)
{
	u64 e = sim.set.params.raft.election_ns;
	struct node *n = ev->arg;
	struct node *m;

	if (sim.healing || !n->exists)
		return;
	for_each_node(m) {
		if (m == n || !m->up || m->paused || m->stopping ||
		    m->rep.raft.role != RAFT_LEADER)
			continue;
		client_set(m, n->id, false);
		node_run(m);
		if (chance(500))
			sim.set.run_ns = min(sim.set.run_ns, sim.now + rnd(2 * e));
	}
}

/* Who has the device open for writing is cut off, and loses its vote meanwhile. */
static void strip_owner(void)
{
	u64 e = sim.set.params.raft.election_ns;
	struct node *n;

	for_each_node(n) {
		if (!n->up || n->stopping || !n->rep.token)
			continue;
		COUNT(owners_stripped);
		faults_alone(n, e * rnd_range(8, 16));
		sim_post(e * rnd_range(3, 6), vote_taken, NULL, n);
		return;
	}
}

static void role_try(struct event *ev)
{
	struct node *at = chance(700) ? the_leader() : random_node(true);
	struct node *n = &node[rnd(sim.set.nodes)];

	(void)ev;
	if (sim.healing)
		return;
	sim_post(rnd_range(1, 3 * sim.set.params.raft.election_ns), role_try, NULL, NULL);
	if (chance(60))
		strip_owner();
	if (!at || at->paused || at->stopping)
		return;
	client_set(at, n->id, chance(500));
	/* another at the same time; and whoever is in the middle of it may die of it */
	if (chance(200))
		client_set(at, node[rnd(sim.set.nodes)].id, chance(500));
	node_run(at);
	if (chance(150))
		sim_post(rnd(4 * sim.set.disk_max), fault_strike, NULL, chance(500) ? at : n);
}

/* ---- members leave, and machines come back as others ---- */

static u32 nr_members(void)
{
	struct node *n;
	u32 nr = 0;

	for_each_node(n)
		nr += n->exists && !check_has_left(n->id);
	return nr;
}

/* A machine that has left: with its old disk it stays what it was, or it gets a blank one. */
static void wipe_some(void)
{
	struct node *n = &node[rnd(sim.set.nodes)];

	if (n->exists && check_has_left(n->id) && !n->stopping && !n->paused && chance(300))
		node_wipe(n);
}

static void member_try(struct event *ev)
{
	struct node *at = chance(700) ? the_leader() : random_node(true);
	u32 id = some_member();

	(void)ev;
	if (sim.healing)
		return;
	sim_post(rnd_range(1, 4 * sim.set.params.raft.election_ns), member_try, NULL, NULL);
	wipe_some();
	if (!at || !at->up || at->paused || at->stopping)
		return;
	if (chance(350))
		client_set(at, id, chance(600));
	else if (nr_members() > 2 || chance(200))
		client_remove(at, id);
	/* another at the same time; and whoever is in the middle of it may die of it */
	if (chance(150))
		client_remove(at, some_member());
	node_run(at);
	if (chance(250))
		sim_post(rnd(4 * sim.set.disk_max), fault_strike, NULL,
			 chance(500) || !node_by_id(id) ? at : node_by_id(id));
}

/* ---- bits that flip without a word ---- */

struct flip {
	struct flip *next;
	struct node *node;
	u64 sector;
	u32 byte;
	u8 before, after;
};

static struct flip *flips;

/* Each block on one member at most: a majority has it as it was. */
static void flip_try(struct event *ev)
{
	struct node *n = &node[rnd(sim.set.nodes)];
	u64 s = rnd_range(sim.set.flip_from, sim.set.volume_sectors - 1);
	struct flip *f;
	u8 *at;

	(void)ev;
	if (sim.healing)
		return;
	sim_post(rnd_range(1, 2 * sim.set.params.raft.election_ns), flip_try, NULL, NULL);
	if (s / RAFTBLK_BLOCK_SECTORS % sim.set.nodes != n->slot)
		return;
	COUNT(flips);
	trace("node %u: a bit of sector %llu flips", n->id, (unsigned long long)s);
	f = calloc(1, sizeof(*f));
	assert(f);
	*f = (struct flip){ .next = flips, .node = n, .sector = s, .byte = rnd(SECTOR) };
	flips = f;
	s += n->super.data_start;
	at = n->disk.data + s * SECTOR + f->byte;
	f->before = *at;
	f->after = *at ^ (1U << rnd(8));
	*at = f->after;
	n->disk.stable[s * SECTOR + f->byte] = f->after;
}

/* @id: 0: on any member */
bool faults_flipped(u32 id, u64 sector, u64 nsect)
{
	const struct flip *f;

	for (f = flips; f; f = f->next)
		if ((!id || f->node->id == id) &&
		    f->sector >= round_down(sector, RAFTBLK_BLOCK_SECTORS) &&
		    f->sector < round_up(sector + nsect, RAFTBLK_BLOCK_SECTORS))
			return true;
	return false;
}

/* A member that catches up may take what is wrong from another one: not what is tested here. */
void faults_unflip(void)
{
	struct flip *f;

	for (f = flips; f; f = f->next) {
		u64 at = (f->node->super.data_start + f->sector) * SECTOR + f->byte;

		if (f->node->disk.data[at] == f->after)
			f->node->disk.data[at] = f->before;
		if (f->node->disk.stable[at] == f->after)
			f->node->disk.stable[at] = f->before;
	}
}

static void flips_forget(void)
{
	while (flips) {
		struct flip *f = flips;

		flips = f->next;
		free(f);
	}
}

void faults_verify(struct node *n, bool repair)
{
	int err = raftblk_replica_verify(&n->rep, node_now(n), repair);

	if (!err)
		COUNT(verifies);
	trace("node %u: is asked to compare all members: %d", n->id, err);
}

static void verify_try(struct event *ev)
{
	struct node *at = chance(900) ? the_leader() : random_node(true);

	(void)ev;
	if (sim.healing)
		return;
	sim_post(rnd_range(1, 4 * sim.set.params.raft.election_ns), verify_try, NULL, NULL);
	if (!at || at->paused || at->stopping)
		return;
	if (chance(50))
		raftblk_replica_verify_stop(&at->rep, node_now(at));
	else
		faults_verify(at, chance(700));
	node_run(at);
}

/* ---- blocks that cannot be read any more ---- */

/*
 * Each block of the volume is lost on one member at most, so that somebody has it: a majority
 * is complete at any time.
 */
static void lse_try(struct event *ev)
{
	struct node *n = &node[rnd(sim.set.nodes)];
	u64 blocks = DIV_ROUND_UP(sim.set.volume_sectors, RAFTBLK_BLOCK_SECTORS);
	u64 block = rnd(chance(500) ? min(blocks, 3ULL) : blocks);

	(void)ev;
	if (sim.healing)
		return;
	sim_post(rnd_range(1, sim.set.params.raft.election_ns / 2), lse_try, NULL, NULL);
	for (; block < blocks; block++) {
		u64 s = block * RAFTBLK_BLOCK_SECTORS;

		if (block % sim.set.nodes == n->slot) {
			s += rnd(min(sim.set.volume_sectors - s, (u64)RAFTBLK_BLOCK_SECTORS));
			COUNT(bad_blocks);
			trace("node %u: sector %llu cannot be read any more", n->id,
			      (unsigned long long)s);
			disk_rot(&n->disk, n->super.data_start + s, true);
		}
		if (chance(700))
			return;
	}
}

/* ---- */

void faults_start(void)
{
	joiner = NULL;
	sim_post(rnd(4 * sim.set.params.raft.election_ns), fault, NULL, NULL);
	if (sim.set.initial < sim.set.nodes || sim.set.members || sim.set.blank)
		sim_post(rnd(2 * sim.set.params.raft.election_ns), join_try, NULL, NULL);
	if (sim.set.members)
		sim_post(rnd(4 * sim.set.params.raft.election_ns), member_try, NULL, NULL);
	flips_forget();
	if (sim.set.verify) {
		sim_post(rnd(sim.set.params.raft.election_ns), flip_try, NULL, NULL);
		sim_post(rnd(4 * sim.set.params.raft.election_ns), verify_try, NULL, NULL);
	}
	if (sim.set.lse)
		sim_post(rnd(sim.set.params.raft.election_ns), lse_try, NULL, NULL);
	if (sim.set.resizes)
		grow_start();
	set_back_reset();
	blank_reset();
	if (sim.set.blank)
		blank_start();
	if (sim.set.set_back)
		set_back_start();
	if (sim.set.roles)
		sim_post(rnd(2 * sim.set.params.raft.election_ns), role_try, NULL, NULL);
}

/* Everything works again, and stays so. */
void faults_heal(void)
{
	struct node *n;

	trace("end of the faults");
	sim.healing = true;
	sim.set.drop = 0;
	sim.set.duplicate = 0;
	sim.set.reorder = 0;
	sim.set.corrupt = 0;
	net_heal();
	blank_end(true);
	for_each_node(n) {
		n->disk.slow = 1;
		node_resume(n);
		if (n->exists && !n->up && !n->left_out)
			sim_post(rnd(100 * MSEC), boot_again, NULL, n);
	}
}
