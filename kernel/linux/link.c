// SPDX-License-Identifier: GPL-2.0
/* Peers, and the two connections to each.  Worker only. */
#include "link.h"
#include "volume.h"

static void stat_add(struct raftblk_net_stat *st, const struct raftblk_conn *conn)
{
	st->rx_bytes += conn->rx_bytes;
	st->rx_msgs += conn->rx_msgs;
	st->tx_bytes += conn->tx_bytes;
	st->tx_msgs += conn->tx_msgs;
}

struct raftblk_link *raftblk_link_find(struct raftblk_net *net, u32 id)
{
	u32 i;

	for (i = 0; i < net->nr_links; i++)
		if (net->link[i].id == id)
			return &net->link[i];
	return NULL;
}

static void link_set_error(struct raftblk_link *link, int err)
{
	spin_lock(&link->net->lock);
	link->last_error = err;
	spin_unlock(&link->net->lock);
}

/* Tell when both connections have come to be, and when that ends. */
static void link_report(struct raftblk_link *link, int err)
{
	bool up = link->conn[RAFTBLK_CONN_CONTROL] && link->conn[RAFTBLK_CONN_DATA];

	if (up == link->up)
		return;
	link->up = up;
	if (!__ratelimit(&link->log_limit))
		return;
	if (up)
		vol_info(link->net->vol, "node %u is connected\n", link->id);
	else
		vol_info(link->net->vol, "node %u is disconnected (error %d)\n", link->id, err);
}

/* Give up a connection.  The side that dials tries again. */
void raftblk_link_drop(struct raftblk_link *link, u32 role, int err)
{
	struct raftblk_conn *conn = link->conn[role];
	unsigned long lived = jiffies - conn->since;

	link->conn[role] = NULL;
	stat_add(&link->stat, conn);
	raftblk_conn_close(conn);
	link_set_error(link, err);
	link_report(link, err);
	raftblk_dial_start(&link->dial[role], lived);
}

/* The peer has left the volume. */
void raftblk_link_clear(struct raftblk_link *link)
{
	struct raftblk_net *net = link->net;
	u32 role;

	spin_lock(&net->lock);
	link->dials = false;
	link->knocks = false;
	spin_unlock(&net->lock);
	for (role = 0; role < 2; role++)
		if (link->conn[role])
			raftblk_link_drop(link, role, -ENOTCONN);
	spin_lock(&net->lock);
	link->id = 0;
	spin_unlock(&net->lock);
}

void raftblk_link_set(struct raftblk_link *link, const struct raftblk_member *m)
{
	struct raftblk_net *net = link->net;
	bool moved;
	u32 role;

	moved = link->id && memcmp(link->incarnation, m->incarnation, sizeof(m->incarnation));
	if (!link->id) {
		memset(&link->stat, 0, sizeof(link->stat));
		link->up = false;
		link->seen = 0;
	}
	spin_lock(&net->lock);
	link->id = m->id;
	link->addr = m->addr;
	memcpy(link->incarnation, m->incarnation, sizeof(link->incarnation));
	link->dials = net->vol->super.node_id > m->id;
	spin_unlock(&net->lock);
	for (role = 0; role < 2; role++) {
		/* its disk is another one now, and so is it */
		if (moved && link->conn[role])
			raftblk_link_drop(link, role, -ESTALE);
		if (!link->conn[role])
			raftblk_dial_start(&link->dial[role], 0);
	}
}

/* One that is free and none of whose dials, for the peer before, still runs. */
struct raftblk_link *raftblk_link_unused(struct raftblk_net *net)
{
	struct raftblk_link *found = NULL;
	u32 i;

	spin_lock(&net->lock);
	for (i = 0; i < RAFTBLK_LINKS && !found; i++) {
		struct raftblk_link *link = &net->link[i];

		if (!link->id && !link->dial[0].busy && !link->dial[1].busy)
			found = link;
	}
	spin_unlock(&net->lock);
	if (found)
		net->nr_links = max_t(u32, net->nr_links, found - net->link + 1);
	return found;
}

/* For a member that joined while this one was away; more about it is in the log to come. */
static struct raftblk_link *link_for_newcomer(struct raftblk_net *net,
					      const struct raftblk_conn *conn)
{
	struct raftblk_member m = { .id = conn->peer };
	struct raftblk_link *link;

	if (!raftblk_config_is_newcomer(&net->vol->replica.raft.config, m.id))
		return NULL;
	link = raftblk_link_unused(net);
	if (!link)
		return NULL;
	memcpy(m.incarnation, conn->incarnation, sizeof(m.incarnation));
	raftblk_link_set(link, &m);
	return link;
}

/* A connection from the handshake replaces what there is: it is newer. */
void raftblk_link_take(struct raftblk_net *net, struct raftblk_conn *conn)
{
	struct raftblk_link *link = raftblk_link_find(net, conn->peer);
	struct raftblk_conn *old;

	if (!link)
		link = link_for_newcomer(net, conn);

	/* the configuration may have changed since it was let in */
	if (!link || memcmp(link->incarnation, conn->incarnation, sizeof(conn->incarnation))) {
		if (link)
			raftblk_dial_start(&link->dial[conn->role], 1);
		raftblk_conn_close(conn);
		return;
	}
	old = link->conn[conn->role];
	link->conn[conn->role] = conn;
	if (link->seen & BIT(conn->role))
		link->stat.reconnects++;
	link->seen |= BIT(conn->role);
	if (old) {
		stat_add(&link->stat, old);
		raftblk_conn_close(old);
	}
	raftblk_conn_attach(conn);
	if (conn->role == RAFTBLK_CONN_DATA)
		raftblk_replica_connected(&net->vol->replica, raftblk_now(), conn->peer);
	link_set_error(link, 0);
	link_report(link, 0);
}

void raftblk_net_stat(struct raftblk_volume *vol, u32 slot, struct raftblk_net_stat *st)
{
	const struct raftblk_config *config = &vol->replica.raft.config;
	struct raftblk_net *net = vol->net;
	struct raftblk_link *link;
	u32 role;

	memset(st, 0, sizeof(*st));
	if (!net || slot >= config->nr)
		return;
	link = raftblk_link_find(net, config->member[slot].id);
	if (!link)
		return;
	*st = link->stat;
	for (role = 0; role < 2; role++) {
		const struct raftblk_conn *conn = link->conn[role];

		if (!conn)
			continue;
		st->connected[role] = true;
		stat_add(st, conn);
	}
	spin_lock(&net->lock);
	st->last_error = link->last_error;
	spin_unlock(&net->lock);
}
