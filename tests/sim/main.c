// SPDX-License-Identifier: GPL-2.0
/* The event queue, one run from one seed, and the command line. */
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

struct sim sim;

static struct event **heap;
static u32 heap_nr, heap_room;
static jmp_buf failed;

/* ---- events ---- */

static bool before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->seq < b->seq);
}

static void heap_push(struct event *ev)
{
	u32 i = heap_nr++;

	if (heap_nr > heap_room) {
		heap_room = heap_room ? heap_room * 2 : 256;
		heap = realloc(heap, heap_room * sizeof(*heap));
		assert(heap);
	}
	while (i && before(ev, heap[(i - 1) / 2])) {
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = ev;
}

static struct event *heap_pop(void)
{
	struct event *top = heap[0];
	struct event *last = heap[--heap_nr];
	u32 i = 0, c;

	while ((c = 2 * i + 1) < heap_nr) {
		if (c + 1 < heap_nr && before(heap[c + 1], heap[c]))
			c++;
		if (!before(heap[c], last))
			break;
		heap[i] = heap[c];
		i = c;
	}
	heap[i] = last;
	return top;
}

struct event *sim_post(u64 delay, void (*fire)(struct event *ev), struct node *n, void *arg)
{
	struct event *ev = calloc(1, sizeof(*ev));

	assert(ev);
	ev->at = sim.now + delay;
	ev->seq = sim.seq++;
	ev->fire = fire;
	ev->node = n;
	ev->arg = arg;
	heap_push(ev);
	return ev;
}

static void event_drop(struct event *ev)
{
	if (ev->fire && ev->drop)
		ev->drop(ev);
	free(ev);
}

static void event_dispatch(struct event *ev)
{
	struct node *n = ev->node;

	if (!ev->fire || (ev->life && (ev->life != n->life || !n->up))) {
		event_drop(ev);
		return;
	}
	if (n && n->paused) {
		ev->next = NULL;
		*n->deferred_tail = ev;
		n->deferred_tail = &ev->next;
		return;
	}
	ev->fire(ev);
	free(ev);
}

void sim_step(void)
{
	struct event *ev;

	if (!heap_nr)
		sim_fail("nothing will ever happen again");
	if (++sim.steps == sim.max_steps)
		sim_fail("stopped after %llu steps, as asked", (unsigned long long)sim.steps);
	ev = heap_pop();
	sim.now = ev->at;
	event_dispatch(ev);
	if (!(sim.steps & 4095))
		check_everything();
}

/* ---- words ---- */

void sim_trace(const char *fmt, ...)
{
	va_list ap;

	printf("%6llu.%06llu ", (unsigned long long)(sim.now / MSEC),
	       (unsigned long long)(sim.now % MSEC));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void sim_fail(const char *fmt, ...)
{
	static char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	trace("FAILED: %s", why);
	sim.failed = why;
	longjmp(failed, 1);
}

const char *sim_msg_name(u8 type)
{
	static const char *const name[] = {
		"?", "PREVOTE_REQ", "PREVOTE_RESP", "VOTE_REQ", "VOTE_RESP", "HEARTBEAT",
		"HEARTBEAT_RESP", "APPEND", "APPEND_RESP", "TIMEOUT_NOW", "PULL_REQ", "PULL_RESP",
		"READ_REQ", "READ_RESP", "RELEASE", "JOIN_REQ", "JOIN_RESP", "CHANGE_REQ",
		"CHANGE_RESP", "RECALL_REQ", "RECALL_RESP",
		[32] = "CATCHUP_REQ", "CATCHUP_RESP", "LIST_REQ", "LIST_RESP", "FETCH", "DATA",
		"VERIFY_REQ", "VERIFY_RESP", "MEND", "MENDED",
		[RAFTBLK_MSG_GROW_REQ] = "GROW_REQ", "GROW_RESP",
	};

	return type < ARRAY_SIZE(name) && name[type] ? name[type] : "?";
}

const char *sim_event_name(enum raftblk_event_type type)
{
	static const char *const name[] = {
		"ROLE", "LEADER", "OWNER", "FENCED", "CONFIG", "BEHIND", "FAULT", "PROVEN",
		"CATCHUP_BEGIN", "CATCHUP_SOURCE", "CATCHUP_END", "REMOVED", "WAITS_FOR_DATA",
		"READ_REPAIRED", "REPAIR_FAILED", "VERIFY_DIFFERS", "VERIFY_END", "MENDED",
		"RESIZED", "OLDER_DISK",
	};

	return type < ARRAY_SIZE(name) ? name[type] : "?";
}

/* ---- what the seed decides ---- */

static u64 one_of(u32 nr, const u64 *v)
{
	return v[rnd(nr)];
}
#define ONE_OF(...) one_of(sizeof((u64[]){ __VA_ARGS__ }) / 8, (u64[]){ __VA_ARGS__ })

static void setup_raft(struct raft_params *p)
{
	*p = (struct raft_params)RAFT_PARAMS_DEFAULT;
	p->election_ns = ONE_OF(100, 150, 200, 300, 500) * MSEC;
	p->heartbeat_ns = p->election_ns / rnd_range(4, 8);
	p->window_bytes = ONE_OF(8, 16, 64, 256) << 10;
	p->window_entries = ONE_OF(4, 16, 64, 256);
	p->batch_bytes = ONE_OF(4, 8, 32) << 10;
	p->quorum_reads = chance(250);
	p->recall_ns = 0;
}

static void setup_replica(struct setup *s)
{
	struct raftblk_replica_params *p = &s->params;

	setup_raft(&p->raft);
	p->cache_bytes = ONE_OF(4, 8, 32, 256) << 10;
	p->backlog_bytes = ONE_OF(16, 32, 256) << 10;
	p->ckpt_percent = rnd_range(15, 60);
	p->idle_ckpt_ns = ONE_OF(20, 100, 500) * MSEC;
	p->io_timeout_ns = chance(150) ? p->raft.election_ns * rnd_range(2, 10) : 0;
}

static void setup_disk(struct setup *s)
{
	bool big = chance(200);

	s->block_sectors = big && chance(500) ? 8 : 1;
	s->log_align = big ? 4096 : 512;
	s->ring_start = 64;
	s->ring_sectors = big ? ONE_OF(512, 1024) : ONE_OF(128, 160, 256, 512);
	s->max_req_sectors = big ? 32 : 8;
	s->volume_sectors = s->block_sectors * ONE_OF(32, 64, 128);
	s->max_entries = ONE_OF(64, 128, 256, 1024);
	if (s->initial < s->nodes) {
		s->ring_sectors = 4096;
		s->max_entries = 2048;
	}
	s->torn_sectors = chance(200);
	s->disk_min = 20 * USEC;
	s->disk_max = ONE_OF(200, 1000, 5000) * USEC;
}

static void setup_net(struct setup *s)
{
	s->tcp = chance(500);
	s->drop = chance(500) ? ONE_OF(5, 30, 150) : 0;
	s->duplicate = chance(500) ? ONE_OF(10, 50) : 0;
	s->reorder = chance(500) ? ONE_OF(10, 100) : 0;
	s->corrupt = chance(200) ? 3 : 0;
	s->net_min = 30 * USEC;
	s->net_max = ONE_OF(100, 500, 4000) * USEC;
}

static bool with_witness(void);

/*
 * Likewise not from the generator.  The others with catch-up, and enough members to lose some,
 * have other faults as well, and then nobody can be left out in the end.
 */
static bool with_early_end(void)
{
	return sim.seed % 10 == 7;
}

static void setup_early_end(struct setup *s)
{
	s->end_early = s->nodes >= 3 && s->initial == s->nodes;
	s->away = true;
	s->throttle = false;
	s->ring_sectors = min(s->ring_sectors, s->log_align > 512 ? 512ULL : 128ULL);
}

/* Likewise: a member's disk is exchanged for a blank one. */
static bool with_blank(void)
{
	return sim.seed % 10 == 3;
}

static bool may_blank(const struct setup *s)
{
	return with_blank() && s->params.catchup && s->initial == s->nodes && s->nodes >= 3 &&
	       !s->members && !s->roles && !s->witness;
}

/* Not from the generator: runs without catch-up stay what they were. */
static bool with_catchup(void)
{
	return sim.catchup ? sim.catchup > 0 : sim.seed % 5 < 2 || with_early_end() || with_blank() ||
	       (with_witness() && sim.seed % 5 < 4);
}

static void setup_catchup(struct setup *s)
{
	bool big = s->log_align > 512;

	s->extent_sectors = ONE_OF(8, 16, 64);
	/* most clients do not wait for members that lag */
	s->throttle = chance(300);
	s->away = chance(800);
	s->end_early = s->nodes >= 3 && s->initial == s->nodes && chance(300);
	/* and a ring is soon used up */
	s->ring_sectors = big ? ONE_OF(512, 1024) : ONE_OF(128, 128, 160, 256);
	s->max_entries = ONE_OF(64, 128, 1024);
	s->think /= 2;
	if (chance(100)) {
		/* an extent of several chunks, the last one short */
		s->volume_sectors = 1800;
		s->extent_sectors = 1024;
	} else if (chance(150)) {
		/* a map block that a power cut can tear */
		s->volume_sectors = 1024;
		s->extent_sectors = 8;
	}
	s->params.rate_min = chance(100) ? 0 : ONE_OF(64, 1024, 4096) << 10;
	s->params.rate_max = chance(600) ? 0 : ONE_OF(256, 1024, 8192) << 10;
	if (with_early_end())
		setup_early_end(s);
}

/* Likewise. */
static bool with_resizes(void)
{
	return sim.resize || sim.seed % 6 == 1;
}

/* Likewise.  Who becomes a learner becomes a voter again, so the others stay what they were. */
static bool with_roles(void)
{
	return sim.seed % 7 == 3;
}

/* Likewise: two members with data and a witness, or four and a witness. */
static bool with_witness(void)
{
	return sim.witness || sim.seed % 8 == 6;
}

static void setup_witness(struct setup *s)
{
	s->witness = true;
	s->nodes = ONE_OF(3, 3, 3, 5);
	s->initial = chance(200) ? 1 : s->nodes;
	COUNT(witness_seeds);
}

/* Behind a ring of its own size, which need not be that of the others. */
static void setup_witness_ring(struct setup *s)
{
	s->witness_ring = s->ring_sectors;
	if (s->witness && chance(300))
		s->witness_ring *= 2;
	else if (s->witness && chance(300))
		s->witness_ring = max(s->ring_sectors / 2, s->log_align > 512 ? 512ULL : 128ULL);
	/* what one lost has to be somewhere else, and who has data is few */
	if (s->witness && chance(700))
		s->faults &= ~(1U << FAULT_ROT);
}

/* Likewise, for one seed in seven; these have catch-up, or nobody could join for long. */
static bool with_members(void)
{
	return sim.seed % 7 == 5;
}

/*
 * Likewise.  Two members of which one is behind would leave nobody to repair from; a majority
 * of more is complete at any time.
 */
static bool with_lse(const struct setup *s)
{
	return sim.seed % 5 == 1 && s->params.catchup && s->initial == s->nodes && s->nodes >= 3 &&
	       !s->members && !s->roles && !s->witness;
}

/*
 * Likewise, and where there is no other fault of the media.  Members rarely fall behind: who
 * catches up from a member with a wrong block is wrong as well.
 */
static bool with_verify(const struct setup *s)
{
	return sim.seed % 5 == 0 && s->params.catchup && s->initial == s->nodes && s->nodes >= 3 &&
	       !s->members && !s->roles && !s->witness;
}

static void setup_verify(struct setup *s)
{
	s->verify = true;
	s->flip_from = s->volume_sectors * 3 / 4;
	s->throttle = true;
	s->away = false;
	s->end_early = false;
	s->ring_sectors = 4096;
	s->max_entries = 2048;
	COUNT(verify_seeds);
}

/*
 * Likewise.  In half of them a disk is set back; then others are waited for much longer, so that
 * all that are up are heard.
 */
static void setup_recall(struct setup *s)
{
	struct raft_params *p = &s->params.raft;

	if (!sim.recall && sim.seed % 3 != 2)
		return;
	COUNT(recall_seeds);
	p->recall_ns = p->election_ns;
	s->set_back = sim.seed % 2 && s->initial == s->nodes && s->nodes > 1 && !s->members &&
		      !s->roles && !s->lse && !s->verify && !s->resizes && !s->blank;
	if (!s->set_back)
		return;
	p->recall_ns = 40 * p->election_ns;
	s->tcp = true;	/* nothing from an earlier life arrives in a later one */
}

/* Likewise. */
static bool with_slow_votes(void)
{
	return sim.seed % 11 == 6;
}

/* Likewise. */
static bool with_direct_reads(void)
{
	return sim.seed % 13 < 7;
}

static void setup_members(struct setup *s)
{
	s->members = true;
	s->nodes = max(s->nodes, 3U);
	if (s->initial > 1)
		s->initial = s->nodes - rnd(s->nodes / 2 + 1);
	else if (chance(500))
		s->initial = s->nodes - 1;
}

static void setup(struct setup *s)
{
	memset(s, 0, sizeof(*s));
	s->nodes = ONE_OF(1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 5, 5, 5);
	s->initial = s->nodes;
	if (chance(150)) {
		s->initial = 1;
		s->nodes = ONE_OF(2, 3, 3, 5);
	}
	if (with_witness())
		setup_witness(s);
	if (with_members())
		setup_members(s);
	setup_replica(s);
	setup_disk(s);
	setup_net(s);
	s->run_ns = s->params.raft.election_ns * rnd_range(60, 140);
	s->think = s->run_ns / ONE_OF(200, 400, 800);
	s->depth = ONE_OF(1, 4, 8, 16);
	s->fault_every = s->params.raft.election_ns * ONE_OF(1, 3, 10);
	s->faults = rng_next() & ((1U << FAULT_KINDS) - 1);
	if (chance(100))
		s->faults = 0;
	s->drift_ppm = ONE_OF(0, 1000, 50000, 100000);
	s->throttle = !chance(50);
	s->extent_sectors = 64;
	s->params.catchup = with_catchup() || (s->members && sim.catchup >= 0);
	if (s->params.catchup)
		setup_catchup(s);
	s->roles = with_roles() && s->nodes >= 3 && s->initial == s->nodes;
	s->blank = may_blank(s);
	if (s->roles || s->members || s->blank)
		s->faults &= ~(1U << FAULT_ROT);	/* the count of who backs whom changes */
	setup_witness_ring(s);
	s->lse = with_lse(s);
	if (with_verify(s))
		setup_verify(s);
	s->params.repair_ns = 1000 * SEC;
	s->resizes = with_resizes();
	s->volume_max = s->resizes ? 2 * s->volume_sectors : s->volume_sectors;
	setup_recall(s);
	s->slow_votes = with_slow_votes();
	s->direct = with_direct_reads();
}

static void setup_print(const struct setup *s)
{
	trace("%u machines, %u at first%s; %s; %s election %llu ms; ring %llu, volume %llu, block %u sectors; faults %x every %llu ms",
	      s->nodes, s->initial, s->witness ? ", the last one a witness" : "", s->tcp ? "connections" : "datagrams",
	      s->params.catchup ? "catch-up; " : "",
	      (unsigned long long)(s->params.raft.election_ns / MSEC),
	      (unsigned long long)s->ring_sectors, (unsigned long long)s->volume_sectors,
	      s->block_sectors, s->faults, (unsigned long long)(s->fault_every / MSEC));
}

/* ---- one run ---- */

static void cluster_make(void)
{
	struct raftblk_config c = { .nr = sim.set.initial, .next_id = sim.set.initial + 1 };
	u32 i;

	for (i = 0; i < sim.set.nodes; i++)
		node_make(&node[i], i);
	for (i = 0; i < sim.set.initial; i++) {
		struct raftblk_member *m = &c.member[i];

		m->id = i + 1;
		m->flags = RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW;
		if (node_is_witness(&node[i]))
			m->flags |= RAFTBLK_MEMBER_WITNESS;
		memset(m->incarnation, 0xa0 + i, 16);
		m->addr.family = 4;
		m->addr.port = 7789;
		m->addr.ip[3] = i + 1;
	}
	for (i = 0; i < sim.set.initial; i++) {
		node_format(&node[i], i + 1, &c, sim.set.volume_sectors);
		node_boot(&node[i]);
	}
}

static void run_free(void)
{
	u32 i;

	while (heap_nr)
		event_drop(heap_pop());
	net_free();
	for (i = 0; i < sim.set.nodes; i++)
		if (node[i].disk.data)
			node_free(&node[i]);
	check_free();
	oracle_free();
}

static bool run(u64 seed)
{
	sim.seed = seed;
	sim.now = 0;
	sim.seq = 0;
	sim.steps = 0;
	sim.healing = false;
	sim.final = false;
	sim.excused = false;
	sim.vague = false;
	sim.redone = false;
	sim.failed = NULL;
	memset(node, 0, sizeof(node));
	rng_seed(seed);
	memset(sim.uuid, seed & 0xff, sizeof(sim.uuid));
	setup(&sim.set);
	setup_print(&sim.set);
	oracle_reset();
	check_reset();
	net_reset();
	client_reset();
	if (!setjmp(failed)) {
		cluster_make();
		faults_start();
		while (sim.now < sim.set.run_ns)
			sim_step();
		final_run();
	}
	if (sim.excused)
		COUNT(seeds_behind);
	COUNT(seeds);
	sim.count->steps += sim.steps;
	sim.count->virtual_seconds += sim.now / SEC;
	run_free();
	return !sim.failed;
}

/* ---- many runs ---- */

/**
 * struct shared - what the workers tell the parent
 * @current: the seed each works on, for when it dies of it
 * @died: one has failed: no more seeds
 */
struct shared {
	struct counters count[16];
	u64 current[16];
	u64 bad[16];
	char why[16][512];
	bool died;
};

static struct shared *shared;
static const char *program;
static const char *trace_dir;
static u32 seconds_per_seed = 60;
static u64 dies;		/* 0, or the seed at which a worker crashes */

/* A run that goes in circles is killed.  Counted in CPU time: the machine may have other work. */
static void time_limit(u32 seconds)
{
	struct itimerval it = { .it_value.tv_sec = seconds };

	setitimer(ITIMER_PROF, &it, NULL);
}

/*
 * One that eats memory ends with an assertion, of whoever asked for more.  A run takes 40 MB.
 * Not with a sanitizer, which reserves more addresses than there is memory anywhere.
 */
static void memory_limit(void)
{
#ifndef __SANITIZE_ADDRESS__
	struct rlimit rl = { .rlim_cur = 1UL << 30, .rlim_max = 1UL << 30 };

	if (setrlimit(RLIMIT_AS, &rl))
		perror("setrlimit");
#endif
}

static void worker(u32 me, u32 workers, u64 from, u64 to)
{
	u64 seed;

	sim.count = &shared->count[me];
	for (seed = from + me; seed <= to; seed += workers) {
		shared->current[me] = seed;
		time_limit(seconds_per_seed);
		if (seed == dies)
			abort();
		if (!run(seed)) {
			shared->bad[me] = seed;
			snprintf(shared->why[me], sizeof(shared->why[me]), "%s", sim.failed);
			_exit(1);
		}
		if (shared->died)
			_exit(0);
	}
	_exit(0);
}

static const char *const counter_name[] = {
#define X(name) #name,
	SIM_COUNTERS(X)
#undef X
};

static u64 counter(u32 i, u32 workers)
{
	u64 sum = 0;
	u32 w;

	for (w = 0; w < workers; w++)
		sum += ((const u64 *)&shared->count[w])[i];
	return sum;
}
#define SUM(name)	counter(offsetof(struct counters, name) / sizeof(u64), workers)

static bool optional(const char *name)
{
	char list[] = " " SIM_COUNTERS_OPTIONAL " ";
	char word[64];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(list, word);
}

/* Returns the number of counters that nothing has moved: what never happened was not tested. */
static u32 counters_print(u32 workers)
{
	u32 zero = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(counter_name); i++) {
		u64 v = counter(i, workers);

		printf("%s%s %llu%s", i % 6 ? "  " : "# ", counter_name[i], (unsigned long long)v,
		       i % 6 == 5 ? "\n" : "");
		zero += !v && !optional(counter_name[i]);
	}
	printf("\n");
	for (i = 0; i < ARRAY_SIZE(counter_name); i++)
		if (!counter(i, workers) && !optional(counter_name[i]))
			printf("# never happened: %s\n", counter_name[i]);
	return zero;
}

/* Run the bad seed once more, this time with a trace. */
static void trace_write(u64 seed)
{
	char path[512];
	pid_t pid;

	if (!trace_dir)
		return;
	snprintf(path, sizeof(path), "%s/seed-%llu.trace", trace_dir, (unsigned long long)seed);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		sim.count = &shared->count[15];
		sim.tracing = true;
		if (!freopen(path, "w", stdout))
			_exit(1);
		setlinebuf(stdout);	/* the end of it is what counts, if it crashes again */
		time_limit(seconds_per_seed);
		run(seed);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	printf("# trace: %s\n", path);
}

static void failure_print(u32 me, int status)
{
	u64 seed = shared->current[me];

	if (shared->bad[me])
		printf("# seed %llu: %s\n", (unsigned long long)seed, shared->why[me]);
	else if (WIFSIGNALED(status))
		printf("# seed %llu: killed by signal %d%s\n", (unsigned long long)seed,
		       WTERMSIG(status), WTERMSIG(status) == SIGPROF ? " (takes too long)" : "");
	else
		/* as a sanitizer does, which has said why */
		printf("# seed %llu: ended itself with %d\n", (unsigned long long)seed,
		       WEXITSTATUS(status));
	printf("# replay: %s%s%s%s%s%s --trace --seed %llu\n", program,
	       sim.blackbox ? " --blackbox" : "", sim.witness ? " --witness" : "",
	       sim.resize ? " --resize" : "", sim.recall ? " --recall" : "", !sim.catchup ? "" : sim.catchup > 0 ? " --catchup" : " --no-catchup",
	       (unsigned long long)seed);
	trace_write(seed);
}

struct gone {
	u32 worker;
	int status;
};

static u32 run_workers(u64 from, u64 to, u32 workers)
{
	struct gone gone[16];
	u32 i, left, bad = 0;
	pid_t pid[16];

	fflush(stdout);
	for (i = 0; i < workers; i++) {
		pid[i] = fork();
		assert(pid[i] >= 0);
		if (!pid[i])
			worker(i, workers, from, to);
	}
	/* Whichever ends first: the others stop when one has failed, however that was. */
	for (left = workers; left; left--) {
		int status;
		pid_t ended = waitpid(-1, &status, 0);

		for (i = 0; i < workers && pid[i] != ended; i++)
			;
		assert(i < workers);
		if (WIFSIGNALED(status) || WEXITSTATUS(status)) {
			gone[bad++] = (struct gone){ i, status };
			shared->died = true;
		}
	}
	for (i = 0; i < bad; i++)
		failure_print(gone[i].worker, gone[i].status);
	return bad;
}

/* What every seed has leaves no place for what does not go with it. */
static bool all_alike(void)
{
	return sim.witness || sim.resize || sim.recall || sim.catchup;
}

static int run_many(u64 from, u64 to, u32 workers, bool expect_bad)
{
	struct timespec t0, t1;
	u32 bad, zero = 0;
	double took;
	u64 seeds, behind;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	bad = run_workers(from, to, workers);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	took = (t1.tv_sec - t0.tv_sec) + (t1.tv_nsec - t0.tv_nsec) / 1e9;
	seeds = SUM(seeds);
	behind = SUM(seeds_behind);
	if (!expect_bad && !bad && counters_print(workers) && seeds >= 1000 && !all_alike())
		zero++;
	printf("# %llu seeds in %.1f s (%.0f per second), %.0f virtual hours, %.1f million steps, %llu seeds with a member behind the ring\n",
	       (unsigned long long)seeds, took, seeds / took,
	       SUM(virtual_seconds) / 3600.0, SUM(steps) / 1e6,
	       (unsigned long long)behind);
	if (!bad && behind * 10 > seeds && seeds >= 100) {
		printf("# too many seeds are excused from converging\n");
		zero++;
	}
	printf("%sok 1 - simulator, seeds %llu to %llu\n", bad || zero ? "not " : "",
	       (unsigned long long)from, (unsigned long long)to);
	return expect_bad ? !bad : bad || zero;
}

static int run_one(u64 seed)
{
	bool ok;

	sim.count = &shared->count[0];
	time_limit(seconds_per_seed * 10);
	ok = run(seed);
	if (!ok)
		printf("# seed %llu: %s\n", (unsigned long long)seed, sim.failed);
	printf("%sok 1 - simulator, seed %llu\n", ok ? "" : "not ", (unsigned long long)seed);
	return !ok;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: raftblk-sim [--seed N | --seeds N | --seeds FROM..TO] [-j WORKERS]\n"
		"                   [--trace] [--trace-dir DIR] [--steps N] [--blackbox] [--expect-bad]\n"
		"                   [--catchup | --no-catchup] [--witness] [--resize] [--recall]\n"
		"  --catchup     in all seeds, not only in a share of them\n"
		"  --witness     a witness in all seeds, not only in a share of them\n"
		"  --resize      the volume grows in all seeds, not only in a share of them\n"
		"  --recall      members that start ask the others, in all seeds\n"
		"  --blackbox    only what clients see counts, no look inside\n"
		"  --expect-bad  succeed if a seed fails\n"
		"  --dies N      crash at that seed, to see that it is reported\n"
		"  --trace       print every step (with --seed)\n"
		"  --trace-dir   where the trace of a failing seed goes\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = {
		{ "seed", 1, NULL, 's' }, { "seeds", 1, NULL, 'n' }, { "trace", 0, NULL, 't' },
		{ "trace-dir", 1, NULL, 'd' }, { "steps", 1, NULL, 'x' },
		{ "witness", 0, NULL, 'w' }, { "catchup", 0, NULL, 'c' }, { "no-catchup", 0, NULL, 'C' },
		{ "resize", 0, NULL, 'r' }, { "recall", 0, NULL, 'R' },
		{ "blackbox", 0, NULL, 'b' }, { "expect-bad", 0, NULL, 'e' },
		{ "dies", 1, NULL, 'D' }, {},
	};
	u64 from = 1, to = 200;
	u32 workers = 1;
	bool expect_bad = false;
	char *end;
	int c;

	program = argv[0];
	while ((c = getopt_long(argc, argv, "j:", opts, NULL)) != -1) {
		switch (c) {
		case 's':
			from = strtoull(optarg, NULL, 0);
			to = from;
			break;
		case 'n':
			to = strtoull(optarg, &end, 0);
			if (!strncmp(end, "..", 2)) {
				from = to;
				to = strtoull(end + 2, NULL, 0);
			}
			break;
		case 't':
			sim.tracing = true;
			break;
		case 'd':
			trace_dir = optarg;
			break;
		case 'x':
			sim.max_steps = strtoull(optarg, NULL, 0);
			break;
		case 'b':
			sim.blackbox = true;
			break;
		case 'c':
			sim.catchup = 1;
			break;
		case 'C':
			sim.catchup = -1;
			break;
		case 'w':
			sim.witness = true;
			break;
		case 'r':
			sim.resize = true;
			break;
		case 'R':
			sim.recall = true;
			break;
		case 'e':
			expect_bad = true;
			break;
		case 'D':
			dies = strtoull(optarg, NULL, 0);
			break;
		case 'j':
			workers = strtoul(optarg, NULL, 0);
			break;
		default:
			return usage();
		}
	}
	if (optind < argc || from > to || !workers || workers > 15)
		return usage();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	assert(shared != MAP_FAILED);
	memory_limit();
	if (from == to)
		return run_one(from);
	return run_many(from, to, workers, expect_bad);
}
