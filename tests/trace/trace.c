// SPDX-License-Identifier: GPL-2.0
/*
 * Scripted traces of the consensus.
 *
 * A script is a list of blocks: command lines, a line "----", the expected
 * output, an empty line.  The program runs the commands against raft.c and
 * log.c as compiled for the module and compares; with --rewrite it writes what
 * it got instead.  README in this folder lists the commands.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../kernel/core/crc.h"
#include "../../kernel/core/raft.h"

#define MAX_NODES	5
#define MAX_QUEUE	256
#define MAX_ENTRIES	1024
#define MS		RAFTBLK_NSEC_PER_MSEC

struct raftblk_payload {
	int refs;
	u32 bytes;
	u8 data[4096];
};

struct queued {
	struct raftblk_msg m;
	struct raftblk_entry ent[RAFTBLK_MSG_MAX_ENTRIES];
};

struct node {
	bool up;
	bool manual;			/* storage completes by command only */
	bool skewed;
	u64 clock;			/* own time, ms; follows the script's unless frozen */
	struct raft raft;
	struct raftblk_log log;
	struct raftblk_entry slot[MAX_ENTRIES];
	struct raftblk_vote vote;	/* durable */
	struct raftblk_config initial;
	u64 round;
	u32 lives;
	struct raftblk_vote kept_vote;	/* a copy of its disk */
	struct raftblk_entry kept[64];
	u32 nr_kept;
};

static struct node nodes[MAX_NODES + 1];
static int nr_nodes;
static u64 now_ms;
static struct queued queue[MAX_QUEUE];
static int nr_queue;
static struct raft_params params = RAFT_PARAMS_DEFAULT;
static char *out;
static size_t out_len, out_cap;

static void say(const char *fmt, ...)
{
	va_list ap;
	int n;

	if (out_cap - out_len < 4096) {
		out_cap = out_cap * 2 + 8192;
		out = realloc(out, out_cap);
	}
	va_start(ap, fmt);
	n = vsnprintf(out + out_len, out_cap - out_len, fmt, ap);
	va_end(ap);
	out_len += n;
}

static void die(const char *what, const char *arg)
{
	fprintf(stderr, "trace: %s: %s\n", what, arg);
	exit(2);
}

static void payload_get(struct raftblk_payload *p)
{
	p->refs++;
}

static void payload_put(struct raftblk_payload *p)
{
	if (!--p->refs)
		free(p);
}

static struct raftblk_payload *payload_alloc(void *ctx, u32 bytes)
{
	struct raftblk_payload *p = calloc(1, sizeof(*p));

	(void)ctx;
	p->refs = 1;
	p->bytes = bytes;
	return p;
}

static void *payload_map(struct raftblk_payload *p)
{
	return p->data;
}

static const struct raftblk_payload_ops ops = {
	payload_get, payload_put, payload_alloc, payload_map, NULL
};

static u64 node_now(struct node *n)
{
	return (n->skewed ? n->clock : now_ms) * MS;
}

static struct node *node_arg(const char *arg)
{
	int i = arg ? atoi(arg) : 0;

	if (i < 1 || i > nr_nodes)
		die("no such node", arg ? arg : "(none)");
	return &nodes[i];
}

static int node_id(struct node *n)
{
	return n - nodes;
}

static void node_fresh_log(struct node *n)
{
	struct raftblk_super s = { .ring_sectors = 8192, .data_sectors = 1, .log_align = 512,
				   .max_entries = MAX_ENTRIES };

	memset(n->slot, 0, sizeof(n->slot));
	raftblk_log_init(&n->log, &s, &ops, n->slot);
}

static void node_start(struct node *n, const struct raftblk_config *config,
		       const struct raftblk_config *history, u32 nr)
{
	raft_init(&n->raft, node_id(n), &params, &n->log, &n->vote, config, history, nr, 0, 0,
		  node_now(n), node_id(n) + 16 * n->lives++);
	n->up = true;
}

/* Complete writes of the log: all, or none where the node's storage is manual. */
static void node_persist_log(struct node *n)
{
	struct raftblk_log_write *w;
	u64 ids[RAFTBLK_LOG_WRITES];
	u8 buf[RAFTBLK_RECORD_HEADER_MAX];
	u32 i, nr;

	for (;;) {
		while ((w = raftblk_log_next_write(&n->log)))
			raftblk_log_encode(&n->log, w, buf);
		nr = n->log.nr_writes;
		if (!nr)
			return;
		for (i = 0; i < nr; i++)
			ids[i] = n->log.next_write_id - nr + i;
		for (i = 0; i < nr; i++)
			if (raftblk_log_written(&n->log, ids[i]))
				raft_log_durable(&n->raft, node_now(n));
	}
}

static void node_persist_vote(struct node *n)
{
	if (n->raft.vote_durable == n->raft.vote_wanted)
		return;
	n->vote.generation = n->raft.vote_wanted;
	n->vote.term = n->raft.term;
	n->vote.voted_for = n->raft.voted_for;
	raft_vote_durable(&n->raft, node_now(n), n->vote.generation);
}

static const char * const type_names[] = {
	[RAFTBLK_MSG_PREVOTE_REQ] = "prevote?", [RAFTBLK_MSG_PREVOTE_RESP] = "prevote!",
	[RAFTBLK_MSG_VOTE_REQ] = "vote?", [RAFTBLK_MSG_VOTE_RESP] = "vote!",
	[RAFTBLK_MSG_HEARTBEAT] = "heartbeat", [RAFTBLK_MSG_HEARTBEAT_RESP] = "heartbeat!",
	[RAFTBLK_MSG_APPEND] = "append", [RAFTBLK_MSG_APPEND_RESP] = "append!",
	[RAFTBLK_MSG_TIMEOUT_NOW] = "timeout-now",
	[RAFTBLK_MSG_RECALL_REQ] = "recall?", [RAFTBLK_MSG_RECALL_RESP] = "recall!",
};

static void say_msg(const char *indent, const struct queued *q)
{
	const struct raftblk_msg *m = &q->m;
	u32 i;

	say("%s%u->%u %s term=%llu", indent, m->from, m->to, type_names[m->type],
	    (unsigned long long)m->term);
	switch (m->type) {
	case RAFTBLK_MSG_PREVOTE_REQ:
	case RAFTBLK_MSG_VOTE_REQ:
		say(" end=%llu/%llu", (unsigned long long)m->index, (unsigned long long)m->log_term);
		break;
	case RAFTBLK_MSG_PREVOTE_RESP:
	case RAFTBLK_MSG_VOTE_RESP:
		say(" for=%llu %s", (unsigned long long)m->ctx, m->status ? "refused" : "granted");
		break;
	case RAFTBLK_MSG_HEARTBEAT:
		say(" commit=%llu round=%llu", (unsigned long long)m->commit, (unsigned long long)m->ctx);
		break;
	case RAFTBLK_MSG_HEARTBEAT_RESP:
		say(" match=%llu round=%llu", (unsigned long long)m->index, (unsigned long long)m->ctx);
		break;
	case RAFTBLK_MSG_APPEND:
		say(" prev=%llu/%llu commit=%llu [", (unsigned long long)m->index,
		    (unsigned long long)m->log_term, (unsigned long long)m->commit);
		for (i = 0; i < m->nr; i++)
			say("%s%llu/%llu", i ? " " : "", (unsigned long long)m->index + 1 + i,
			    (unsigned long long)q->ent[i].term);
		say("]");
		break;
	case RAFTBLK_MSG_APPEND_RESP:
		if (m->flags & RAFTBLK_MSG_F_REJECT)
			say(" refused=%llu hint=%llu/%llu", (unsigned long long)m->ctx,
			    (unsigned long long)m->index, (unsigned long long)m->log_term);
		else
			say(" match=%llu", (unsigned long long)m->index);
		break;
	case RAFTBLK_MSG_RECALL_RESP:
		say(" had=%llu", (unsigned long long)m->sent_at);
		if (m->index)
			say(" acked=%llu/%llu in=%llu", (unsigned long long)m->index,
			    (unsigned long long)m->log_term, (unsigned long long)m->commit);
		if (m->status)
			say(" exact");
		break;
	default:
		break;
	}
	if (m->flags & RAFTBLK_MSG_F_TRANSFER)
		say(" transfer");
	if (m->flags & RAFTBLK_MSG_F_BEHIND)
		say(" behind");
	if (m->flags & RAFTBLK_MSG_F_INCOMPLETE)
		say(" incomplete known=%llu", (unsigned long long)m->commit);
	say("\n");
}

static void node_poll(struct node *n)
{
	struct raftblk_msg m;
	u32 i;

	if (!n->up)
		return;
	if (!n->manual) {
		node_persist_log(n);
		node_persist_vote(n);
	}
	while (raft_poll(&n->raft, node_now(n), ~0U, &m)) {
		struct queued *q = &queue[nr_queue];

		if (++nr_queue == MAX_QUEUE)
			die("too many messages on their way", "");
		q->m = m;
		for (i = 0; i < m.nr; i++) {
			q->ent[i] = *raftblk_log_entry(&n->log, m.index + 1 + i);
			if (q->ent[i].payload)
				payload_get(q->ent[i].payload);
		}
		say_msg("  ", q);
		if (!n->manual) {
			node_persist_log(n);
			node_persist_vote(n);
		}
	}
}

static struct queued queue_take(int i)
{
	struct queued q = queue[i];

	memmove(&queue[i], &queue[i + 1], (nr_queue - i - 1) * sizeof(q));
	nr_queue--;
	return q;
}

static void msg_free(struct queued *q)
{
	u32 i;

	for (i = 0; i < q->m.nr; i++)
		if (q->ent[i].payload)
			payload_put(q->ent[i].payload);
}

static void msg_deliver(struct queued *q)
{
	struct node *n = &nodes[q->m.to];

	if (!n->up) {
		say("> lost: ");
		say_msg("", q);
	} else {
		say("> ");
		say_msg("", q);
		q->m.ent = q->ent;
		raft_receive(&n->raft, node_now(n), &q->m);
	}
	msg_free(q);
	node_poll(n);
}

/* from=, to=, type= select messages; absent ones match all */
struct filter {
	int from, to;
	const char *type;
};

static struct filter filter_args(char **arg)
{
	struct filter f = { 0, 0, NULL };

	for (; *arg; arg++) {
		if (!strncmp(*arg, "from=", 5))
			f.from = atoi(*arg + 5);
		else if (!strncmp(*arg, "to=", 3))
			f.to = atoi(*arg + 3);
		else if (!strncmp(*arg, "type=", 5))
			f.type = *arg + 5;
		else
			die("what is", *arg);
	}
	return f;
}

static bool filter_match(const struct filter *f, const struct queued *q)
{
	return (!f->from || f->from == (int)q->m.from) && (!f->to || f->to == (int)q->m.to) &&
	       (!f->type || !strcmp(f->type, type_names[q->m.type]));
}

/* deliver, drop, duplicate: the messages on their way now that match */
static void cmd_messages(const char *verb, char **arg)
{
	struct filter f = filter_args(arg);
	int left = nr_queue;
	int i = 0;

	while (left--) {
		struct queued q;

		if (!filter_match(&f, &queue[i])) {
			i++;
			continue;
		}
		if (!strcmp(verb, "duplicate")) {
			u32 k;

			queue[nr_queue] = queue[i++];
			for (k = 0; k < queue[nr_queue].m.nr; k++)
				if (queue[nr_queue].ent[k].payload)
					payload_get(queue[nr_queue].ent[k].payload);
			nr_queue++;
			continue;
		}
		q = queue_take(i);
		if (!strcmp(verb, "drop"))
			msg_free(&q);
		else
			msg_deliver(&q);
	}
}

static void cmd_settle(char **arg)
{
	struct filter f = filter_args(arg);
	int i, bound = 2000;

	for (i = 1; i <= nr_nodes; i++)
		node_poll(&nodes[i]);
	for (i = 0; i < nr_queue && bound--;) {
		struct queued q;

		if (!filter_match(&f, &queue[i])) {
			i++;
			continue;
		}
		q = queue_take(i);
		msg_deliver(&q);
		i = 0;
	}
	if (bound <= 0)
		die("messages do not settle", "");
}

static u64 begun[MAX_NODES + 1][8];
static int nr_begun[MAX_NODES + 1];

static void reset(void)
{
	int i;

	for (i = 0; i < nr_queue; i++)
		msg_free(&queue[i]);
	for (i = 1; i <= nr_nodes; i++)
		raftblk_log_exit(&nodes[i].log);
	memset(nodes, 0, sizeof(nodes));
	memset(nr_begun, 0, sizeof(nr_begun));
	nr_queue = nr_nodes = 0;
	now_ms = 10000;
}

/* Let all nodes forget that they heard from a leader lately. */
static void cmd_quiet(void)
{
	int i;

	now_ms += 3 * params.election_ns / MS;
	for (i = 1; i <= nr_nodes; i++)
		if (nodes[i].raft.role != RAFT_LEADER)
			nodes[i].raft.election_at = now_ms * MS + params.election_ns;
}

static void cmd_nodes(char **arg)
{
	int voters = arg[0] ? atoi(arg[0]) : 0;
	int witness = 0;
	int i, k;

	reset();
	nr_nodes = voters;
	for (i = 1; arg[0] && arg[i]; i++) {
		if (arg[i][0] == 'w')
			witness = atoi(arg[i] + 1);
		else
			nr_nodes = atoi(arg[i]);
	}
	if (voters < 1 || nr_nodes > MAX_NODES)
		die("nodes", arg[0]);
	for (i = 1; i <= nr_nodes; i++) {
		struct raftblk_config *c = &nodes[i].initial;

		c->nr = nr_nodes;
		c->next_id = nr_nodes + 1;
		for (k = 0; k < nr_nodes; k++) {
			c->member[k].id = k + 1;
			c->member[k].addr.family = 4;
			c->member[k].flags = k < voters ? RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW : 0;
			if (k + 1 == witness)
				c->member[k].flags |= RAFTBLK_MEMBER_WITNESS;
		}
		node_fresh_log(&nodes[i]);
		node_start(&nodes[i], c, NULL, 0);
	}
	cmd_quiet();
}

static void cmd_propose(char **arg)
{
	struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .nsect = 1 };
	struct node *n = node_arg(arg[0]);
	u64 index;
	int err = raft_propose(&n->raft, node_now(n), &e, &index);

	if (err)
		say("error %s\n", strerror(-err));
	else
		say("index %llu\n", (unsigned long long)index);
	node_poll(n);
}

/* log N TERM TERM ...: give a node a durable log, before anything happens */
static void cmd_log(char **arg)
{
	struct node *n = node_arg(arg[0]);

	for (arg++; *arg; arg++) {
		struct raftblk_entry e = { .op = RAFTBLK_OP_ZERO, .nsect = 1,
					   .term = strtoull(*arg, NULL, 0) };

		if (raftblk_log_append(&n->log, &e))
			die("log full", *arg);
		n->vote.term = max(n->vote.term, e.term);
	}
	n->vote.generation++;
	node_persist_log(n);
	node_start(n, &n->initial, NULL, 0);
}

/* Stop, forget what is not durable, start again. */
static void cmd_crash(char **arg)
{
	struct node *n = node_arg(arg[0]);

	n->up = false;
}

static void cmd_restart(char **arg)
{
	static struct raftblk_config config, history[16];
	static struct raftblk_entry saved[MAX_ENTRIES];
	struct node *n = node_arg(arg[0]);
	u64 i, durable = n->log.durable;
	u32 nr = 0;

	for (i = 1; i <= durable; i++) {
		saved[i] = *raftblk_log_entry(&n->log, i);
		if (saved[i].payload)
			payload_get(saved[i].payload);
	}
	raftblk_log_exit(&n->log);
	node_fresh_log(n);
	config = n->initial;
	for (i = 1; i <= durable; i++) {
		if (saved[i].op == RAFTBLK_OP_CONFIG) {
			history[nr++] = config;
			if (raftblk_config_decode(&config, (void *)saved[i].payload->data))
				die("bad configuration", "");
			config.index = i;
		}
		if (raftblk_log_append(&n->log, &saved[i]))
			die("log full", "");
	}
	node_start(n, &config, history, nr);
	node_persist_log(n);
	node_poll(n);
}

static void cmd_status(char **arg)
{
	int i, one = arg[0] ? atoi(arg[0]) : 0;
	u64 k;

	for (i = 1; i <= nr_nodes; i++) {
		struct node *n = &nodes[i];

		if (one && i != one)
			continue;
		say("%d: %s%s term=%llu vote=%u leader=%u commit=%llu durable=%llu%s%s log=", i,
		    n->up ? raft_role_name(n->raft.role) : "down",
		    n->up && raft_waits_for_data(&n->raft, node_now(n)) ? " waits-for-data" : "",
		    (unsigned long long)n->raft.term,
		    n->raft.voted_for, n->raft.leader, (unsigned long long)n->raft.commit,
		    (unsigned long long)n->log.durable, raft_leads(&n->raft) ? " leads" : "",
		    raft_lease_valid(&n->raft, node_now(n)) ? " lease" : "");
		for (k = n->log.first; k <= n->log.last; k++)
			say("%s%llu", k > n->log.first ? " " : "",
			    (unsigned long long)raftblk_log_term(&n->log, k));
		say("\n");
	}
}

static void cmd_config(char **arg)
{
	struct node *n = node_arg(arg[0]);
	u32 i;

	say("%d: config index=%llu%s:", node_id(n), (unsigned long long)n->raft.config.index,
	    raftblk_config_is_joint(&n->raft.config) ? " joint" : "");
	for (i = 0; i < n->raft.config.nr; i++) {
		u8 f = n->raft.config.member[i].flags;

		say(" %u%s%s%s%s", n->raft.config.member[i].id, f & RAFTBLK_MEMBER_OLD ? "o" : "",
		    f & RAFTBLK_MEMBER_NEW ? "n" : "", f & RAFTBLK_MEMBER_PROMOTE ? "p" : "",
		    f & RAFTBLK_MEMBER_STAYS ? "s" : "");
		if (n->raft.config.member[i].replaces)
			say("(for %u)", n->raft.config.member[i].replaces);
	}
	say("\n");
}

/* change N flags...: flags like 1=on 2=on 3=p, as cmd_config() prints them */
static void cmd_change(char **arg)
{
	struct node *n = node_arg(arg[0]);
	static struct raftblk_config c;
	u64 index;
	int err;

	c = n->raft.config;
	for (arg++; *arg; arg++) {
		int slot = raftblk_config_find(&c, atoi(*arg));
		char *f = strchr(*arg, '=');

		if (slot < 0 || !f)
			die("change", *arg);
		c.member[slot].flags = (strchr(f, 'o') ? RAFTBLK_MEMBER_OLD : 0) |
				       (strchr(f, 'n') ? RAFTBLK_MEMBER_NEW : 0) |
				       (strchr(f, 'p') ? RAFTBLK_MEMBER_PROMOTE : 0) |
				       (strchr(f, 's') ? RAFTBLK_MEMBER_STAYS : 0);
		if (strpbrk(f, "123456789"))
			c.member[slot].replaces = atoi(strpbrk(f, "123456789"));
	}
	err = raft_propose_config(&n->raft, node_now(n), &c, &index);
	if (err)
		say("error %s\n", strerror(-err));
	else
		say("index %llu\n", (unsigned long long)index);
	node_poll(n);
}

static void cmd_time(char **arg)
{
	int i;

	now_ms += atoi(arg[0]);
	for (i = 1; i <= nr_nodes; i++) {
		if (!nodes[i].up || nodes[i].skewed)
			continue;
		raft_tick(&nodes[i].raft, node_now(&nodes[i]));
	}
	for (i = 1; i <= nr_nodes; i++)
		node_poll(&nodes[i]);
}

/* It campaigns now. */
static void cmd_campaign(char **arg)
{
	struct node *n = node_arg(arg[0]);

	n->raft.election_at = node_now(n);
	raft_tick(&n->raft, node_now(n));
	node_poll(n);
}

static void cmd_storage(char **arg)
{
	struct node *n = node_arg(arg[0]);

	n->manual = arg[1] && !strcmp(arg[1], "manual");
	node_poll(n);
}

static void cmd_persist(char **arg)
{
	struct node *n = node_arg(arg[0]);

	if (!arg[1] || !strcmp(arg[1], "log"))
		node_persist_log(n);
	if (!arg[1] || !strcmp(arg[1], "vote"))
		node_persist_vote(n);
	node_poll(n);
}

/* write N start | write N end: a log write begins; a write begun ends late */
static void cmd_write(char **arg)
{
	struct node *n = node_arg(arg[0]);
	int id = node_id(n);
	struct raftblk_log_write *w;
	u8 buf[RAFTBLK_RECORD_HEADER_MAX];

	if (!strcmp(arg[1], "start")) {
		w = raftblk_log_next_write(&n->log);
		if (!w) {
			say("nothing to write\n");
			return;
		}
		raftblk_log_encode(&n->log, w, buf);
		begun[id][nr_begun[id]++] = w->id;
		say("writing %llu..%llu\n", (unsigned long long)w->first,
		    (unsigned long long)w->first + w->nr - 1);
	} else {
		if (!nr_begun[id])
			die("no write begun", arg[0]);
		if (raftblk_log_written(&n->log, begun[id][0]))
			raft_log_durable(&n->raft, node_now(n));
		memmove(begun[id], begun[id] + 1, sizeof(begun[id]) - sizeof(begun[id][0]));
		nr_begun[id]--;
		say("durable %llu\n", (unsigned long long)n->log.durable);
	}
	node_poll(n);
}

static void cmd_read(char **arg)
{
	struct node *n = node_arg(arg[0]);

	if (!strcmp(arg[1], "begin")) {
		n->round = raft_read_begin(&n->raft, node_now(n));
		say("round %llu\n", (unsigned long long)n->round);
	} else {
		say("%s\n", raft_read_confirmed(&n->raft, node_now(n), n->round) ?
		    "confirmed" : "not confirmed");
	}
	node_poll(n);
}

static void cmd_transfer(char **arg)
{
	struct node *n = node_arg(arg[0]);
	int err = raft_transfer(&n->raft, node_now(n), atoi(arg[1]));

	if (err)
		say("error %s\n", strerror(-err));
	node_poll(n);
}

/* Hand-made message: msg TYPE from=.. to=.. term=.. index=.. logterm=.. commit=.. ctx=.. */
static void cmd_msg(char **arg)
{
	struct queued q;
	u32 i;

	memset(&q, 0, sizeof(q));
	for (i = 1; i < ARRAY_SIZE(type_names); i++)
		if (type_names[i] && !strcmp(type_names[i], arg[0]))
			q.m.type = i;
	if (!q.m.type)
		die("no such message", arg[0]);
	for (arg++; *arg; arg++) {
		char *v = strchr(*arg, '=');
		u64 x;

		if (!v)
			die("msg", *arg);
		x = strtoull(v + 1, NULL, 0);
		if (!strncmp(*arg, "from=", 5))
			q.m.from = x;
		else if (!strncmp(*arg, "to=", 3))
			q.m.to = x;
		else if (!strncmp(*arg, "term=", 5))
			q.m.term = x;
		else if (!strncmp(*arg, "index=", 6))
			q.m.index = x;
		else if (!strncmp(*arg, "logterm=", 8))
			q.m.log_term = x;
		else if (!strncmp(*arg, "commit=", 7))
			q.m.commit = x;
		else if (!strncmp(*arg, "ctx=", 4))
			q.m.ctx = x;
		else if (!strncmp(*arg, "entry=", 6)) {
			q.ent[q.m.nr].op = RAFTBLK_OP_ZERO;
			q.ent[q.m.nr].nsect = 1;
			q.ent[q.m.nr++].term = x;
		} else {
			die("msg", *arg);
		}
	}
	msg_deliver(&q);
}

/* boundary N INDEX TERM: it catches up: its log is replaced by nothing behind that entry */
static void cmd_boundary(char **arg)
{
	struct node *n = node_arg(arg[0]);
	static struct raftblk_config c;

	c = n->raft.config;
	raft_incomplete(&n->raft, node_now(n), atoi(arg[1]), atoi(arg[2]));
	raft_reset(&n->raft, &c, n->raft.leader != 0);
	node_poll(n);
}

/* forget N INDEX: its ring has wrapped, entries up to there are not in it any more */
static void cmd_forget(char **arg)
{
	struct node *n = node_arg(arg[0]);
	u64 index = strtoull(arg[1], NULL, 0);

	n->log.base_term = raftblk_log_term(&n->log, index);
	n->log.first = index + 1;
}

/* recall on | off: members that start ask the others what they had promised */
static void cmd_recall(char **arg)
{
	params.recall_ns = arg[0] && !strcmp(arg[0], "on") ? params.election_ns : 0;
}

/* keep N: a copy of its disk, with entries that have no payload */
static void cmd_keep(char **arg)
{
	struct node *n = node_arg(arg[0]);
	u64 i;

	if (n->log.first != 1 || n->log.durable > ARRAY_SIZE(n->kept))
		die("too long a log to keep", arg[0]);
	n->kept_vote = n->vote;
	n->nr_kept = n->log.durable;
	for (i = 1; i <= n->nr_kept; i++)
		n->kept[i - 1] = *raftblk_log_entry(&n->log, i);
}

/* restore N: while it is down its disk is set back to that */
static void cmd_restore(char **arg)
{
	struct node *n = node_arg(arg[0]);
	u32 i;

	if (n->up)
		die("still up", arg[0]);
	raftblk_log_exit(&n->log);
	node_fresh_log(n);
	n->vote = n->kept_vote;
	n->raft.role = RAFT_FOLLOWER;
	n->raft.leader = 0;
	for (i = 0; i < n->nr_kept; i++)
		if (n->kept[i].payload || raftblk_log_append(&n->log, &n->kept[i]))
			die("cannot be restored", arg[0]);
	node_persist_log(n);
}

static void cmd_complete(char **arg)
{
	struct node *n = node_arg(arg[0]);

	raft_complete(&n->raft, node_now(n));
	node_poll(n);
}

static void run_line(char *line)
{
	char *arg[32] = { NULL };
	int n = 0;
	char *tok;

	for (tok = strtok(line, " \t\n"); tok && n < 31; tok = strtok(NULL, " \t\n"))
		arg[n++] = tok;
	if (!n || arg[0][0] == '#')
		return;
	if (!strcmp(arg[0], "deliver") || !strcmp(arg[0], "drop") || !strcmp(arg[0], "duplicate"))
		cmd_messages(arg[0], arg + 1);
#define CMD(name) else if (!strcmp(arg[0], #name)) cmd_##name(arg + 1)
	CMD(settle);
	CMD(nodes);
	CMD(propose);
	CMD(log);
	CMD(crash);
	CMD(restart);
	CMD(status);
	CMD(config);
	CMD(change);
	CMD(time);
	CMD(campaign);
	CMD(storage);
	CMD(persist);
	CMD(write);
	CMD(read);
	CMD(transfer);
	CMD(msg);
	CMD(boundary);
	CMD(complete);
	CMD(forget);
	CMD(recall);
	CMD(keep);
	CMD(restore);
	else if (!strcmp(arg[0], "quiet"))
		cmd_quiet();
	else
		die("no such command", arg[0]);
}

/* Returns 0 if the output is as expected; with rewrite, writes the file anew. */
static int run_file(const char *path, bool rewrite)
{
	char line[1024], expected[65536], tmp[1024];
	FILE *f = fopen(path, "r");
	FILE *g = NULL;
	int lineno = 0, bad = 0;

	if (!f)
		die("cannot read", path);
	if (rewrite) {
		snprintf(tmp, sizeof(tmp), "%s.new", path);
		g = fopen(tmp, "w");
	}
	params.recall_ns = 0;
	reset();
	while (fgets(line, sizeof(line), f)) {
		lineno++;
		if (strcmp(line, "----\n")) {
			if (g)
				fputs(line, g);
			run_line(line);
			continue;
		}
		expected[0] = 0;
		while (fgets(line, sizeof(line), f) && lineno++ && line[0] != '\n')
			strncat(expected, line, sizeof(expected) - strlen(expected) - 1);
		if (!out_len)
			say("ok\n");
		out[out_len] = 0;
		if (g)
			fprintf(g, "----\n%s\n", out);
		else if (strcmp(out, expected)) {
			printf("# %s:%d: expected\n%s# got\n%s", path, lineno, expected, out);
			bad = 1;
			break;
		}
		out_len = 0;
	}
	if (!bad && out_len) {
		printf("# %s: output after the last ----\n", path);
		bad = 1;
	}
	out_len = 0;
	fclose(f);
	if (g) {
		fclose(g);
		if (rename(tmp, path))
			die("cannot replace", path);
	}
	return bad;
}

int main(int argc, char **argv)
{
	bool rewrite = argc > 1 && !strcmp(argv[1], "--rewrite");
	int i, bad = 0, first = rewrite ? 2 : 1;

	say("%s", "");
	printf("TAP version 13\n1..%d\n", argc - first);
	for (i = first; i < argc; i++) {
		const char *name = strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i];
		int err = run_file(argv[i], rewrite);

		printf("%sok %d - trace %s\n", err ? "not " : "", i - first + 1, name);
		bad += err;
	}
	reset();
	free(out);
	return bad ? 1 : 0;
}
