// SPDX-License-Identifier: GPL-2.0
/*
 * The end phase: all faults are over.  Within a bounded time the cluster has
 * to be of one mind, let a new owner in, take a write, show every sector as
 * the oracle has it, on every member, and the members' data areas have to be
 * the same, byte for byte, as the committed history says.
 */
#include "sim.h"

#define BOUND	(60 * SEC)

static struct node *owner;
static u64 until;

static bool sim_step_until(bool (*done)(void))
{
	while (!done()) {
		if (sim.now > until)
			return false;
		sim_step();
	}
	return true;
}

static u32 present(void)
{
	struct node *n;
	u32 nr = 0;

	for_each_node(n)
		nr += n->exists && !n->behind;
	return nr;
}

/* Part of the volume: it has a disk, has not left, and is not waiting for catch-up in vain. */
static bool counts(const struct node *n)
{
	return n->exists && !n->behind && !check_has_left(n->id);
}

static bool of_one_mind(void)
{
	u64 last = check_committed();
	struct node *n;
	bool led = false;

	for_each_node(n) {
		/* it was behind one leader's log, perhaps not behind the next one's */
		if (n->behind && n->up && n->rep.applied == check_committed())
			n->behind = false;
		/* it was told: nothing waits there for ever */
		if (n->up && n->rep.raft.removed && (n->nr_ops || n->opens || !list_empty(&n->waits)))
			return false;
		if (!counts(n) || n->left_out)
			continue;
		if (!n->up || n->stopping || n->nr_ops || n->opens || !list_empty(&n->waits))
			return false;
		if (n->rep.raft.incomplete)
			return false;
		if (n->rep.log.last != last || n->rep.raft.commit != last ||
		    n->rep.applied != last || n->rep.applying)
			return false;
		led |= raft_leads(&n->rep.raft);
	}
	return led;
}

static bool no_requests(void)
{
	struct node *n;

	for_each_node(n)
		if (counts(n) && n->nr_ops)
			return false;
	return true;
}

static bool open_ended(void)
{
	return !owner->opening;
}

static bool all_down(void)
{
	struct node *n;

	for_each_node(n)
		if (n->up)
			return false;
	return true;
}

static void state_print(void)
{
	struct node *n;

	for_each_node(n) {
		if (!n->exists)
			continue;
		fprintf(stderr, "# node %u: %s%s%s%s%s %s term %llu leader %u log %llu..%llu durable %llu commit %llu applied %llu ops %u opens %u%s\n",
			n->id, n->up ? "up" : "down", check_has_left(n->id) ? " left" : "",
			n->behind ? " behind" : "",
			n->rotten ? " rotten" : "", n->rep.raft.incomplete ? " incomplete" : "",
			raft_role_name(n->rep.raft.role),
			(unsigned long long)n->rep.raft.term, n->rep.raft.leader,
			(unsigned long long)n->rep.log.first, (unsigned long long)n->rep.log.last,
			(unsigned long long)n->rep.log.durable,
			(unsigned long long)n->rep.raft.commit, (unsigned long long)n->rep.applied,
			n->nr_ops, n->opens, n->opening ? " opening" : "");
	}
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	state_print();
	sim_fail("60 s after the last fault: %s", what);
}

static u64 next_try;

static bool may_try(void)
{
	return sim.now >= next_try;
}

/* Whoever is no voter refuses at once, and a change of membership may just be ending: time has
 * to pass in between, and must not pass for ever.
 */
static bool open_somewhere(void)
{
	do {
		next_try = sim.now + sim.set.params.raft.election_ns;
		do {
			owner = &node[rnd(sim.set.nodes)];
		} while (!counts(owner) || node_is_witness(owner));
		client_open(owner);
		node_run(owner);
		if (!sim_step_until(open_ended))
			return false;
		if (owner->opens)
			return true;
	} while (sim_step_until(may_try));
	return false;
}

static void read_all(struct node *n)
{
	u64 at;

	for (at = 0; at < n->rep.size; at += sim.set.max_req_sectors)
		client_read(n, at, min_t(u64, sim.set.max_req_sectors, n->rep.size - at));
	node_run(n);
}

static struct node *verifier;

static bool somebody_leads(void)
{
	for_each_node(verifier)
		if (verifier->up && raft_leads(&verifier->rep.raft))
			return true;
	return false;
}

static bool verify_ended(void)
{
	return verifier->rep.verify.state == RAFTBLK_VERIFY_OFF;
}

/*
 * All chunks on all members, and what differs is mended; how many blocks that was.  A member
 * may still wait for an answer that was lost, and mends that chunk for nobody else meanwhile:
 * time has to pass between tries.
 */
static u64 verify_whole(void)
{
	const struct raftblk_verify *v;
	u32 tries = 10;

	next_try = sim.now;
	do {
		must(tries-- && sim_step_until(may_try), "verify does not get to see all members");
		next_try = sim.now + sim.set.params.raft.election_ns;
		/* an election that began before may just be going on */
		must(sim_step_until(somebody_leads), "nobody leads");
		raftblk_replica_verify_stop(&verifier->rep, node_now(verifier));
		faults_verify(verifier, true);
		node_run(verifier);
		must(sim_step_until(verify_ended), "verify does not end");
		v = &verifier->rep.verify;
	} while (v->status || v->skipped || v->left_out || v->differ != v->mended);
	return v->differ;
}

/* Whatever has flipped is found and mended: then nothing is found any more. */
static void verify_all(void)
{
	verify_whole();
	must(!verify_whole(), "what was mended differs again");
}

static void write_and_read(void)
{
	struct node *n;

	sim.final = true;
	must(open_somewhere(), "nobody can open");
	for_each_node(n)
		if (counts(n) && !node_is_witness(n))
			read_all(n);
	must(sim_step_until(no_requests), "reads do not end");
	client_write(owner, RAFTBLK_OP_WRITE, 0, sim.set.block_sectors);
	node_run(owner);
	must(sim_step_until(no_requests), "a write does not end");
	read_all(owner);
	must(sim_step_until(no_requests), "reads after it do not end");
	client_close(owner);
	node_run(owner);
}

static void compare(struct node *n)
{
	const u8 *data = n->disk.data + n->super.data_start * SECTOR;
	u64 size = grow_size_at(check_committed());
	u64 s;

	if (n->rep.size != size || n->rep.volume_sectors != size)
		sim_fail("node %u: the volume has %llu sectors, here %llu", n->id,
			 (unsigned long long)size, (unsigned long long)n->rep.size);
	for (s = 0; s < size && !node_is_witness(n); s++) {
		u64 has, want;

		if (!memcmp(data + s * SECTOR, oracle_model() + s * SECTOR, SECTOR))
			continue;
		memcpy(&has, data + s * SECTOR, 8);
		memcpy(&want, oracle_model() + s * SECTOR, 8);
		sim_fail("node %u: data area differs from the committed history at sector %llu: has write %llu, not %llu",
			 n->id, (unsigned long long)s, (unsigned long long)has,
			 (unsigned long long)want);
	}
}

/* Is it known that what is left cannot go on?  Members behind the ring wait for catch-up. */
static bool hopeless(void)
{
	u32 all = 0;
	struct node *n;

	for_each_node(n)
		all += n->exists;
	return present() * 2 <= all;
}

static bool all_up(void)
{
	struct node *n;

	for_each_node(n)
		if (n->exists && !n->left_out && (!n->up || n->stopping))
			return false;
	return true;
}

/* Its log has to begin where the two part, or below. */
bool witness_can_help(const struct node *w, const struct node *n)
{
	u64 i = min(w->sh_last, n->sh_last);

	while (i >= w->sh_first && i >= n->sh_first && w->sh_term[i] != n->sh_term[i])
		i--;
	return i + 1 >= w->sh_first && i + 1 >= n->sh_first;
}

/* Does a member with data that is left have all that is committed, or can it be had? */
static bool data_is_there(void)
{
	struct node *n, *w = &node[sim.set.nodes - 1];

	for_each_node(n) {
		u64 last = check_committed();

		if (n->left_out || node_is_witness(n) || n->rep.raft.incomplete)
			continue;
		if (n->dur_last >= last && n->dur_term[last] == check_committed_term(last))
			return true;
		if (!w->left_out && witness_can_help(w, n)) {
			COUNT(helped);
			return true;
		}
	}
	return false;
}

/*
 * A majority, and what it lacks is nowhere but on who is missing.  It has to wait, and not
 * to forget or to make up anything; the checks see to that.  A catch-up may have been all
 * but done: then it ends well.
 */
static void nothing_happens(void)
{
	u64 end = sim.now + 20 * sim.set.params.raft.election_ns;
	u64 committed = check_committed();

	COUNT(stranded);
	trace("stranded at %llu", (unsigned long long)committed);
	while (sim.now < end)
		sim_step();
	if (check_committed() != committed && !data_is_there())
		sim_fail("%llu were committed, and without who has that %llu",
			 (unsigned long long)committed, (unsigned long long)check_committed());
}

/* With the leader out of the way, or whoever; true if what is left has all there is. */
static bool leave_out(u32 nr)
{
	struct node *n, *pick = NULL;
	bool complete = false;

	while (nr--) {
		pick = &node[rnd(sim.set.nodes)];
		for_each_node(n)
			if (n->up && n->rep.raft.role == RAFT_LEADER && !n->left_out)
				pick = n;
		node_power_cut(pick);
		pick->left_out = true;
	}
	for_each_node(n)
		complete |= !n->left_out && !n->incomplete;
	return complete;
}

/*
 * A majority goes on alone, some of it perhaps in the middle of a catch-up: what was
 * committed is on one of the complete members that are left, and the others have to
 * help it to lead before they are complete themselves.
 */
static void majority_alone(void)
{
	bool incomplete = false, scarred = false;
	struct node *n;

	for_each_node(n) {
		incomplete |= n->incomplete;
		scarred |= n->scarred;
	}
	if (sim.set.params.catchup && sim.set.initial == sim.set.nodes && sim.set.nodes >= 3 &&
	    !sim.set.roles && !sim.set.members && !sim.set.blank && !sim.set.lse && !sim.set.verify && !scarred &&
	    leave_out((sim.set.nodes - 1) / 2)) {
		if (incomplete)
			COUNT(last_complete);
		faults_heal();
		must(sim_step_until(all_up), "a member does not start");
		/* A witness that comes to lead needs room in its ring, even if it just sufficed. */
		if (!sim.set.witness || data_is_there())
			must(sim_step_until(of_one_mind) ||
			     (sim.set.witness && !data_is_there()),
			     "a majority does not go on alone");
		else
			nothing_happens();
		until = sim.now + BOUND;
	}
	for_each_node(n)
		n->left_out = false;
}

void final_run(void)
{
	struct node *n;

	until = sim.now + BOUND;
	majority_alone();
	faults_heal();
	if (!sim_step_until(of_one_mind)) {
		if (sim.excused && hopeless())
			return;
		must(false, "the members do not converge");
	}
	if (sim.set.verify)
		verify_all();
	write_and_read();
	must(sim_step_until(of_one_mind), "the members do not converge after the last write");
	check_everything();
	for_each_node(n)
		if (counts(n)) {
			compare(n);
			if (n->rep.vmap)
				check_vmap(n, !sim.vague);
		}
	for_each_node(n)
		if (n->up)
			node_stop(n);
	must(sim_step_until(all_down), "a member does not stop");
}
