// SPDX-License-Identifier: GPL-2.0
/*
 * The network: a control and a data link from every machine to every other.
 *
 * In one kind of run a link is a TCP connection: in order and without loss as
 * long as it lives; a cut makes it stall, and at the end of the cut it goes on
 * with what it held or has been reset and lost all.  In the other kind it is a
 * heap of datagrams: dropped, doubled, late and out of order, also across
 * restarts of either end.  The core has to be right on both.
 *
 * Every message goes through the wire encoding, byte for byte.
 */
#include "sim.h"

#define LINK_LIMIT	64		/* packets on their way before a sender has to wait */
#define MSG_BYTES	(sizeof(struct raftblk_wire_header) + RAFTBLK_WIRE_BODY_MAX)

struct packet {
	struct packet *next;
	struct link *link;
	u32 from_id;
	u32 to_id;
	u8 from_disk[16];	/* their incarnations */
	u8 to_disk[16];
	u32 to_life;
	u32 epoch;
	u32 len;
	u8 bytes[] __attribute__((aligned(8)));	/* begins with a header */
};

/**
 * struct link - one direction, one class of messages
 * @cut: nothing gets through
 * @refused: the sender knows
 * @epoch: goes up when the connection is reset
 * @last_at: when the last packet arrives; the next ones come behind it
 * @stalled: packets that met a cut, in order
 */
struct link {
	struct node *from, *to;
	bool cut;
	bool refused;
	u32 epoch;
	u32 queued;
	u64 last_at;
	struct packet *stalled, **stalled_tail;
};

static struct link links[SIM_NODES][SIM_NODES][2];

static struct link *link_of(const struct node *from, const struct node *to, bool data)
{
	return &links[from->slot][to->slot][data];
}

static void packet_free(struct packet *p)
{
	p->link->queued--;
	free(p);
}

static void stalled_free(struct link *l)
{
	while (l->stalled) {
		struct packet *p = l->stalled;

		l->stalled = p->next;
		packet_free(p);
	}
	l->stalled_tail = &l->stalled;
}

void net_reset(void)
{
	u32 i, j, k;

	memset(links, 0, sizeof(links));
	for (i = 0; i < SIM_NODES; i++)
		for (j = 0; j < SIM_NODES; j++)
			for (k = 0; k < 2; k++) {
				struct link *l = &links[i][j][k];

				l->from = &node[i];
				l->to = &node[j];
				l->stalled_tail = &l->stalled;
			}
}

void net_free(void)
{
	u32 i;

	for (i = 0; i < SIM_NODES * SIM_NODES * 2; i++)
		stalled_free(&links[0][0][0] + i);
}

/* As raftblk_net_admit() does: same id, another disk. */
static bool refuses(const struct node *n, u32 id, const u8 *incarnation)
{
	const struct raftblk_config *c = &n->rep.raft.config;
	int slot = raftblk_config_find(c, id);

#ifdef RAFTBLK_PLANT_BLANK_DISK_TRUSTED
	return false;	/* planted fault: for the simulator to find */
#endif
	return slot >= 0 && memcmp(c->member[slot].incarnation, incarnation, 16);
}

/* Do both take each other for the member that they know? */
static bool admitted(const struct node *from, const struct node *to)
{
	return !refuses(from, to->id, to->super.incarnation) &&
	       (!to->up || !refuses(to, from->id, from->super.incarnation));
}

bool net_ready(const struct node *from, const struct node *to, bool data)
{
	const struct link *l = link_of(from, to, data);

	return to->exists && !l->refused && l->queued < LINK_LIMIT && admitted(from, to);
}

void net_packet_drop(struct event *ev)
{
	packet_free(ev->arg);
}

/* The sender may have waited for room. */
static void wake_sender(struct event *ev)
{
	if (ev->node->up)
		node_run(ev->node);
}

static void link_has_room(struct link *l)
{
	if (l->queued == LINK_LIMIT - 1 && l->from->up)
		sim_post(0, wake_sender, l->from, NULL)->life = l->from->life;
}

static bool packet_is_for(const struct packet *p, const struct node *to)
{
	if (refuses(to, p->from_id, p->from_disk) || refuses(to, p->to_id, p->to_disk))
		return false;
	/* who does not know the id as a member counts nothing of it */
	if (blank_is_ghost(p->from_id) && p->link->from->impostor &&
	    raftblk_config_find(&to->rep.raft.config, p->from_id) >= 0 &&
	    !memcmp(p->from_disk, p->link->from->super.incarnation, 16))
		LOST("node %u: listens to node %u, whose disk is a blank one", to->id, p->from_id);
	return true;
}

static void packet_arrive(struct event *ev)
{
	struct packet *p = ev->arg;
	struct link *l = p->link;

	if (sim.set.tcp && p->epoch != l->epoch) {
		packet_free(p);
		return;
	}
	if (l->cut || l->stalled) {
		if (sim.set.tcp && p->epoch == l->epoch) {
			COUNT(msg_stalled);
			p->next = NULL;
			*l->stalled_tail = p;
			l->stalled_tail = &p->next;
			return;
		}
		COUNT(msg_dropped);
		packet_free(p);
		return;
	}
	/* a handshake would have found out that it is another member now */
	if (l->to->up && l->to->id == p->to_id && (!sim.set.tcp || p->to_life == l->to->life) &&
	    packet_is_for(p, l->to))
		node_receive(l->to, p->from_id, p->bytes, p->len);
	packet_free(p);
	link_has_room(l);
}

static void packet_post(struct packet *p)
{
	struct link *l = p->link;
	u64 at = sim.now + rnd_range(sim.set.net_min, sim.set.net_max);
	struct event *ev;

	if (sim.set.tcp) {
		at = max(at, l->last_at);
		l->last_at = at;
	} else if (chance(sim.set.reorder)) {
		COUNT(msg_reordered);
		at += rnd(20) * sim.set.net_max;
	}
	ev = sim_post(at - sim.now, packet_arrive, l->to, p);
	ev->drop = net_packet_drop;
}

static struct packet *packet_new(struct link *l, const u8 *bytes, u32 len)
{
	struct packet *p = malloc(sizeof(*p) + len);

	assert(p);
	p->link = l;
	p->from_id = l->from->id;
	p->to_id = l->to->id;
	memcpy(p->from_disk, l->from->super.incarnation, 16);
	memcpy(p->to_disk, l->to->super.incarnation, 16);
	p->to_life = l->to->life;
	p->epoch = l->epoch;
	p->len = len;
	memcpy(p->bytes, bytes, len);
	l->queued++;
	return p;
}

struct source {
	struct node *node;
	u64 index;
};

static const struct raftblk_entry *source_entry(void *ctx, u32 i)
{
	struct source *s = ctx;
	struct raftblk_entry *e = raftblk_log_entry(&s->node->rep.log, s->index + 1 + i);

	if (!e)
		sim_fail("node %u: sends entry %llu, which its log does not have",
			 s->node->id, (unsigned long long)(s->index + 1 + i));
	return e;
}

static u8 out[MSG_BYTES + RAFTBLK_MSG_MAX_BYTES];

static u32 encode(struct node *from, const struct raftblk_msg *m)
{
	struct source src = { from, m->index };
	u32 len, i;

	if (m->ent)
		sim_fail("node %u: a message to be sent brings its own entries", from->id);
	len = raftblk_wire_encode(m, source_entry, &src, out);
	assert(len <= MSG_BYTES);
	if (m->bytes) {
		memcpy(out + len, m->payload->data, m->bytes);
		return len + m->bytes;
	}
	for (i = 0; m->type == RAFTBLK_MSG_APPEND && i < m->nr; i++) {
		const struct raftblk_entry *e = source_entry(&src, i);

		if (e->bytes && !e->payload)
			sim_fail("node %u: sends entry %llu without its payload", from->id,
				 (unsigned long long)(m->index + 1 + i));
		if (len + e->bytes > sizeof(out))
			sim_fail("node %u: append of more than the limit", from->id);
		if (e->bytes)
			memcpy(out + len, e->payload->data, e->bytes);
		len += e->bytes;
	}
	return len;
}

void net_send(struct node *from, struct node *to, const struct raftblk_msg *m)
{
	struct link *l = link_of(from, to, raftblk_msg_is_data(m));
	u32 len = encode(from, m);

	COUNT(msg_sent);
	if (!sim.set.tcp && (l->cut || chance(sim.set.drop))) {
		COUNT(msg_dropped);
		return;
	}
	if (chance(sim.set.corrupt)) {
		/* what TCP's checksum let through; the receiver has to refuse it */
		out[rnd(len)] ^= 1U << rnd(8);
		COUNT(msg_corrupted);
	}
	packet_post(packet_new(l, out, len));
	if (!sim.set.tcp && chance(sim.set.duplicate)) {
		COUNT(msg_duplicated);
		packet_post(packet_new(l, out, len));
	}
}

static void link_reset(struct link *l)
{
	l->epoch++;
	stalled_free(l);
}

static void connected(struct event *ev)
{
	struct node *to = ev->arg;

	if (!admitted(ev->node, to)) {
		COUNT(refused);
		return;
	}
	if (!ev->node->stopping)
		raftblk_replica_connected(&ev->node->rep, node_now(ev->node), to->id);
	if (!ev->node->stopping)
		node_run(ev->node);
}

/* There is a new connection, and its side that sends gets to know of it. */
static void link_connected(struct link *l)
{
	if (l->from->up && l->to->up)
		sim_post(rnd(5 * sim.set.net_max), connected, l->from, l->to)->life = l->from->life;
}

void net_node_up(struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (i == n->slot)
			continue;
		link_connected(&links[i][n->slot][1]);
		link_connected(&links[n->slot][i][1]);
	}
}

static void link_join(struct link *l)
{
	struct packet *p;

	l->cut = false;
	l->refused = false;
	if (chance(500)) {
		link_reset(l);
		if (l == link_of(l->from, l->to, true))
			link_connected(l);
	}
	/* what was held comes before what is still on its way */
	for (p = l->stalled; p; p = p->next)
		sim_post(0, packet_arrive, l->to, p)->drop = net_packet_drop;
	l->stalled = NULL;
	l->stalled_tail = &l->stalled;
	if (l->from->up)
		sim_post(0, wake_sender, l->from, NULL)->life = l->from->life;
}

void net_cut(struct node *from, struct node *to, bool cut)
{
	u32 i;

	for (i = 0; i < 2; i++) {
		struct link *l = &links[from->slot][to->slot][i];

		if (cut && !l->cut) {
			l->cut = true;
			l->refused = chance(300);
		} else if (!cut && l->cut) {
			link_join(l);
		}
	}
}

void net_heal(void)
{
	u32 i, j;

	for (i = 0; i < SIM_NODES; i++)
		for (j = 0; j < SIM_NODES; j++)
			if (i != j)
				net_cut(&node[i], &node[j], false);
}

/* Connections of a machine that lost its power: what it had to receive is gone. */
void net_node_down(struct node *n)
{
	u32 i, k;

	for (i = 0; i < SIM_NODES; i++)
		for (k = 0; k < 2; k++)
			link_reset(&links[i][n->slot][k]);
}
