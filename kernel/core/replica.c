// SPDX-License-Identifier: GPL-2.0
/* One member: start and stop, events in, actions out. */
#include "replica_internal.h"

/* ---- telling userspace ---- */

/*
 * Queue an event.  When nobody fetches them the oldest of the same type gives
 * way, or the oldest of all: what matters is the newest of each.
 */
void raftblk_replica_event3(struct raftblk_replica *rep, enum raftblk_event_type type, s64 a, u64 b,
			    u64 c)
{
	u32 i = 0;

	if (rep->nr_events == RAFTBLK_PENDING_EVENTS) {
		while (i < rep->nr_events && rep->event[i].type != type)
			i++;
		if (i == rep->nr_events)
			i = 0;
		rep->nr_events--;
		memmove(&rep->event[i], &rep->event[i + 1],
			(rep->nr_events - i) * sizeof(rep->event[0]));
	}
	rep->event[rep->nr_events++] = (struct raftblk_pending_event){
		.type = type, .a = a, .b = b, .c = c,
	};
}

void raftblk_replica_event(struct raftblk_replica *rep, enum raftblk_event_type type, s64 a, u64 b)
{
	raftblk_replica_event3(rep, type, a, b, 0);
}

static bool event_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	if (!rep->nr_events)
		return false;
	a->type = RAFTBLK_ACT_EVENT;
	a->event.type = rep->event[0].type;
	a->event.a = rep->event[0].a;
	a->event.b = rep->event[0].b;
	a->event.c = rep->event[0].c;
	rep->nr_events--;
	memmove(rep->event, rep->event + 1, rep->nr_events * sizeof(rep->event[0]));
	return true;
}

static void tell_role(struct raftblk_replica *rep)
{
	const struct raft *r = &rep->raft;

	if (r->role != rep->told_role || r->term != rep->told_term)
		raftblk_replica_event(rep, RAFTBLK_EVENT_ROLE, r->role, r->term);
	if (r->leader != rep->told_leader) {
		raftblk_replica_event(rep, RAFTBLK_EVENT_LEADER, r->leader, r->term);
		/* Whoever is asked now has not been asked yet. */
		rep->pull_at = 0;
		rep->release_at = 0;
		rep->remote_at = 0;
	}
	rep->told_role = r->role;
	rep->told_term = r->term;
	rep->told_leader = r->leader;
	if (raft_leads(r) && !rep->told_leads)
		rep->lead_since = rep->now;
	rep->told_leads = raft_leads(r);
}

/* Slots may stand for other members now; who asked asks again. */
void raftblk_replica_config_moved(struct raftblk_replica *rep)
{
	if (rep->raft.config_gen == rep->told_config)
		return;
	rep->told_config = rep->raft.config_gen;
	memset(rep->peer, 0, sizeof(rep->peer));
	raftblk_replica_event(rep, RAFTBLK_EVENT_CONFIG, 0, rep->raft.config.index);
}

static void tell_changes(struct raftblk_replica *rep)
{
	const struct raft *r = &rep->raft;
	bool waits;

	tell_role(rep);
	raftblk_replica_config_moved(rep);
	if (r->older && !rep->told_older)
		raftblk_replica_event3(rep, RAFTBLK_EVENT_OLDER_DISK, r->older_id, r->older_index,
				       r->older_term);
	rep->told_older = r->older;
	if (!r->removed && raft_has_left(r, r->id))
		raftblk_replica_removed(rep, rep->now);
	if (r->behind && !rep->told_behind)
		raftblk_replica_event(rep, RAFTBLK_EVENT_BEHIND, 0, 0);
	rep->told_behind = r->behind;
	waits = raft_waits_for_data(r, rep->now);
	if (waits && !rep->told_waits)
		raftblk_replica_event(rep, RAFTBLK_EVENT_WAITS_FOR_DATA, r->leader, 0);
	rep->told_waits = waits;
}

/* ---- start and stop ---- */

static void lists_init(struct raftblk_replica *rep)
{
	INIT_LIST_HEAD(&rep->opens);
	INIT_LIST_HEAD(&rep->changes);
	INIT_LIST_HEAD(&rep->writes);
	INIT_LIST_HEAD(&rep->proposed);
	INIT_LIST_HEAD(&rep->reads);
	INIT_LIST_HEAD(&rep->broken);
	INIT_LIST_HEAD(&rep->planned);
	INIT_LIST_HEAD(&rep->reading);
	INIT_LIST_HEAD(&rep->done);
	INIT_LIST_HEAD(&rep->opened);
	INIT_LIST_HEAD(&rep->changed);
}

/**
 * struct configs_found - configurations in the order in which they were set
 * @rep: they are collected in its work_config
 * @nr: how many; the first is the checkpoint's
 * @err: one of them does not decode
 */
struct configs_found {
	struct raftblk_replica *rep;
	u32 nr;
	int err;
};

/* See raftblk_log_recover(). */
static void config_found(void *ctx, u64 index, const void *payload)
{
	struct configs_found *found = ctx;
	struct raftblk_config *config = found->rep->work_config;

	if (index <= found->rep->ckpt.applied_index)
		return;	/* the checkpoint's configuration is as new or newer */
	while (found->nr > 1 && config[found->nr - 1].index >= index)
		found->nr--;
	/* Older than what a joiner was told: see raft_config_appended(). */
	if (!payload || index <= config[found->nr - 1].index)
		return;
	if (found->nr == ARRAY_SIZE(found->rep->work_config)) {
		found->nr--;
		memmove(config, config + 1, found->nr * sizeof(*config));
	}
	if (raftblk_config_decode(&config[found->nr], payload)) {
		found->err = -EUCLEAN;
		return;
	}
	config[found->nr++].index = index;
}

/* What the entries in the log mean for this member, at the start. */
static void replica_scan(struct raftblk_replica *rep, const struct raftblk_ckpt *ckpt)
{
	rep->volume_sectors = ckpt->volume_sectors;
	rep->size = ckpt->volume_sectors;
	rep->told_size = rep->size;
	rep->applied = ckpt->applied_index;
	rep->apply_next = rep->applied + 1;
	rep->replay_end = rep->log.last;
	rep->applied_config = ckpt->config;
	rep->applied_owner_node = ckpt->owner_node;
	rep->applied_owner_token = ckpt->owner_token;
	rep->owner_node = ckpt->owner_node;
	rep->owner_token = ckpt->owner_token;
	rep->log_owner_node = ckpt->owner_node;
	rep->log_owner_token = ckpt->owner_token;
	rep->tracked = ckpt->applied_index;
	rep->tracked_commit = ckpt->applied_index;
	rep->log.cut_from = 0;
}

/* Others count on data, or do not, as the configuration says. */
static bool kind_agrees(const struct raftblk_super *super, const struct raftblk_config *config)
{
	int slot = raftblk_config_find(config, super->node_id);

	return slot < 0 || raftblk_member_has_data(&config->member[slot]) == !!super->data_sectors;
}

int raftblk_replica_init(struct raftblk_replica *rep, const struct raftblk_super *super,
			 const struct raftblk_vote *vote, const struct raftblk_ckpt *ckpt,
			 const struct raftblk_replica_params *params,
			 const struct raftblk_payload_ops *ops,
			 struct raftblk_entry *slot, const struct raftblk_reader *reader,
			 struct raftblk_vmap *vmap, u64 now, u64 seed,
			 struct raftblk_recovered *out)
{
	struct configs_found found = { .rep = rep, .nr = 1 };
	u64 proof;
	int err;

	if (!kind_agrees(super, &ckpt->config))
		return -EUCLEAN;
	memset(rep, 0, sizeof(*rep));
	lists_init(rep);
	rep->super = *super;
	rep->params = *params;
	rep->ops = *ops;
	rep->now = now;
	rep->busy = true;
	rep->ckpt = *ckpt;
	rep->vmap = params->catchup ? vmap : NULL;
	/* Applied without keeping the map: it says nothing about that. */
	if (rep->vmap && !(ckpt->flags & RAFTBLK_CKPT_F_VMAP))
		raftblk_vmap_doubt(vmap, ckpt->applied_index);
	rep->work_config[0] = ckpt->config;
	raftblk_log_init(&rep->log, super, ops, slot);
	memset(out, 0, sizeof(*out));
	err = raftblk_log_recover(&rep->log, ckpt, vote, reader, config_found, &found, out);
	if (!err)
		err = found.err;
	if (err) {
		raftblk_log_exit(&rep->log);
		return err;
	}
	replica_scan(rep, ckpt);
	proof = max(out->proof_index, ckpt->proof_index);
	raft_init(&rep->raft, super->node_id, &params->raft, &rep->log, vote,
		  &rep->work_config[found.nr - 1], rep->work_config, found.nr - 1,
		  ckpt->applied_index, proof, now, seed);
	raft_promises_load(&rep->raft, ckpt->promise);
	rep->told_config = rep->raft.config_gen;
	rep->told_term = rep->raft.term;
	raftblk_replica_ckpt_init(rep, proof);
	rep->vote_single = true;	/* one slot may be torn, or bad */
	rep->last_apply_at = now;
	rep->trim_above = params->cache_bytes;
	/* Answers to questions of an earlier life must not fit those of this one. */
	rep->remote_ctx = seed;
	rep->pull_ctx = seed;
	rep->resize_ctx = seed;
	if (rep->vmap)
		raftblk_catchup_init(rep);
	raftblk_replica_track(rep);
	return 0;
}

void raftblk_replica_exit(struct raftblk_replica *rep)
{
	raftblk_catchup_exit(rep);
	raftblk_log_exit(&rep->log);
}

static void end_all(struct raftblk_replica *rep, int status)
{
	raftblk_replica_waiting_end(rep, status);
	raftblk_replica_proposed_end(rep, status);
	raftblk_replica_opens_end(rep, status, 0);
	raftblk_replica_changes_end(rep, status);
	raftblk_verify_end(rep, status);
	rep->raft.holding = false;
	rep->busy = true;
}

/*
 * Storage failed, or what must hold does not.  From here on nothing this member
 * says can be relied on, so it says nothing: no vote, no acknowledgement, until
 * it was started again and has read what is really there.
 */
void raftblk_replica_fault(struct raftblk_replica *rep, int err)
{
	if (rep->fault)
		return;
	rep->fault = err;
	raftblk_replica_event(rep, RAFTBLK_EVENT_FAULT, err, 0);
	end_all(rep, -EIO);
}

void raftblk_replica_stop(struct raftblk_replica *rep, u64 now)
{
	rep->now = now;
	rep->stopping = true;
	end_all(rep, -ESHUTDOWN);
}

/* ---- events ---- */

void raftblk_replica_tick(struct raftblk_replica *rep, u64 now)
{
	rep->now = now;
	rep->busy = true;
	if (raftblk_replica_halted(rep))
		return;
	raft_tick(&rep->raft, now);
	raftblk_replica_track(rep);
}

void raftblk_replica_removed(struct raftblk_replica *rep, u64 now)
{
	rep->now = now;
	rep->busy = true;
	if (rep->raft.removed || raftblk_replica_halted(rep))
		return;
	raft_remove(&rep->raft, now);
	raftblk_replica_event(rep, RAFTBLK_EVENT_REMOVED, 0, rep->raft.config.index);
	/* Nothing that waits here will ever be done. */
	raftblk_replica_waiting_end(rep, -EIO);
	raftblk_replica_proposed_end(rep, -EIO);
	raftblk_replica_opens_end(rep, -EPERM, 0);
	raftblk_replica_changes_end(rep, -EPERM);
	if (rep->token)
		raftblk_replica_fence(rep, 0);
	rep->raft.holding = false;
}

void raftblk_replica_connected(struct raftblk_replica *rep, u64 now, u32 id)
{
	rep->now = now;
	rep->busy = true;
	raft_peer_connected(&rep->raft, now, id);
}

/* An append found no room: only a checkpoint makes some. */
static void receive_check_room(struct raftblk_replica *rep, const struct raftblk_msg *m)
{
	u64 next = rep->log.last - m->index;

	if (m->type == RAFTBLK_MSG_APPEND && rep->log.last >= m->index && next < m->nr &&
	    !raftblk_log_has_room(&rep->log, m->ent[next].bytes))
		rep->ckpt_wanted = true;
}

static void receive_consensus(struct raftblk_replica *rep, u64 now, const struct raftblk_msg *m)
{
	raft_receive(&rep->raft, now, m);
	if (rep->raft.contradicted) {
		raftblk_replica_fault(rep, -EUCLEAN);
		return;
	}
	/* Others remember what is not here: that has to be on disk before anything else. */
	if (rep->raft.proof_index > rep->ckpt.proof_index)
		rep->proof_pending = true;
	receive_check_room(rep, m);
	raftblk_replica_track(rep);
}

static void receive_own(struct raftblk_replica *rep, struct raftblk_msg *m)
{
	int slot = raftblk_config_find(&rep->raft.config, m->from);

	if (m->from == rep->raft.id)
		return;
	/* Who leads may have joined after our configuration was made. */
	if (slot < 0 && (m->type != RAFTBLK_MSG_CATCHUP_RESP || m->from != rep->raft.leader))
		return;
	switch (m->type) {
	case RAFTBLK_MSG_READ_REQ:
	case RAFTBLK_MSG_READ_RESP:
		raftblk_replica_receive_read(rep, slot, m);
		break;
	case RAFTBLK_MSG_PULL_REQ:
	case RAFTBLK_MSG_PULL_RESP:
	case RAFTBLK_MSG_RELEASE:
		raftblk_replica_receive_owner(rep, slot, m);
		break;
	case RAFTBLK_MSG_CATCHUP_REQ:
	case RAFTBLK_MSG_CATCHUP_RESP:
	case RAFTBLK_MSG_LIST_REQ:
	case RAFTBLK_MSG_LIST_RESP:
	case RAFTBLK_MSG_FETCH:
	case RAFTBLK_MSG_DATA:
	case RAFTBLK_MSG_VERIFY_REQ:
	case RAFTBLK_MSG_VERIFY_RESP:
	case RAFTBLK_MSG_MEND:
	case RAFTBLK_MSG_MENDED:
		raftblk_catchup_receive(rep, slot, m);
		break;
	case RAFTBLK_MSG_GROW_REQ:
	case RAFTBLK_MSG_GROW_RESP:
		raftblk_receive_grow(rep, slot, m);
		break;
	default:
		break;	/* joins come through raftblk_replica_change() */
	}
}

void raftblk_replica_receive(struct raftblk_replica *rep, u64 now, struct raftblk_msg *m)
{
	u32 i;

	rep->now = now;
	rep->busy = true;
	if (!raftblk_replica_halted(rep)) {
		if (raftblk_msg_is_consensus(m->type))
			receive_consensus(rep, now, m);
		else
			receive_own(rep, m);
	}
	for (i = 0; m->ent && i < m->nr; i++) {
		if (m->ent[i].payload)
			rep->ops.put(m->ent[i].payload);
		m->ent[i].payload = NULL;
	}
	if (m->payload)
		rep->ops.put(m->payload);
	m->payload = NULL;
}

void raftblk_replica_log_written(struct raftblk_replica *rep, u64 now, u64 id, int status)
{
	rep->now = now;
	rep->busy = true;
	raftblk_serve_io_ended(rep);
	if (status)
		raftblk_replica_fault(rep, status);
	if (raftblk_replica_halted(rep))
		return;
	if (raftblk_log_written(&rep->log, id))
		raft_log_durable(&rep->raft, now);
	raftblk_replica_track(rep);
}

/* ---- what follows ---- */

/* Work out everything that the events since the last time lead to. */
static void replica_settle(struct raftblk_replica *rep)
{
	raftblk_replica_track(rep);
	tell_changes(rep);
	raftblk_replica_owner_step(rep);
	raftblk_replica_changes_step(rep);
	raftblk_replica_requests_expire(rep);
	raftblk_replica_writes_step(rep);
	raftblk_repair_step(rep);
	raftblk_replica_reads_step(rep);
	raftblk_replica_trim(rep);
	raftblk_catchup_step(rep);
}

/* First: who is let in, or whose RESIZE is done, finds the device as large as it is. */
static bool size_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	if (rep->told_size == rep->size)
		return false;
	rep->told_size = rep->size;
	a->type = RAFTBLK_ACT_EVENT;
	a->event.type = RAFTBLK_EVENT_RESIZED;
	a->event.a = 0;
	a->event.b = rep->size;
	return true;
}

static bool ended_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	if (size_next(rep, a))
		return true;
	if (!list_empty(&rep->done)) {
		a->type = RAFTBLK_ACT_DONE;
		a->req = list_first_entry(&rep->done, struct raftblk_req, link);
		list_del_init(&a->req->link);
	} else if (!list_empty(&rep->opened)) {
		a->type = RAFTBLK_ACT_OPENED;
		a->open = list_first_entry(&rep->opened, struct raftblk_open, link);
		list_del_init(&a->open->link);
	} else if (!list_empty(&rep->changed)) {
		a->type = RAFTBLK_ACT_CHANGED;
		a->change = list_first_entry(&rep->changed, struct raftblk_change, link);
		list_del_init(&a->change->link);
	} else {
		return event_next(rep, a);
	}
	return true;
}

static bool log_write_next(struct raftblk_replica *rep, struct raftblk_action *a)
{
	struct raftblk_log_write *w;

	if (raftblk_catchup_drains(rep))
		return false;
	w = raftblk_log_next_write(&rep->log);
	if (!w)
		return false;
	a->type = RAFTBLK_ACT_LOG_WRITE;
	a->write = w;
	return true;
}

static bool message_next(struct raftblk_replica *rep, u32 ready, struct raftblk_action *a)
{
	a->type = RAFTBLK_ACT_SEND;
	return raft_poll(&rep->raft, rep->now, ready, &a->msg) ||
	       raftblk_replica_owner_poll(rep, ready, &a->msg) ||
	       raftblk_replica_read_poll(rep, ready, &a->msg) ||
	       raftblk_grow_poll(rep, ready, &a->msg) ||
	       raftblk_catchup_poll(rep, ready, &a->msg);
}

/* The order is that of what others wait for longest: disk, network, data area. */
static bool work_next(struct raftblk_replica *rep, u32 ready, struct raftblk_action *a)
{
	/* See raftblk_replica_ckpt_init(): nothing leaves before this is on disk. */
	if (rep->proof_pending)
		return raftblk_replica_ckpt_next(rep, a);
	return raftblk_replica_vote_next(rep, a) ||
	       log_write_next(rep, a) ||
	       message_next(rep, ready, a) ||
	       raftblk_replica_read_next(rep, a) ||
	       raftblk_replica_apply_next(rep, a) ||
	       raftblk_catchup_next(rep, a) ||
	       raftblk_replica_load_next(rep, ready, a) ||
	       raftblk_grow_next(rep, a) ||
	       raftblk_replica_ckpt_next(rep, a);
}

bool raftblk_replica_next(struct raftblk_replica *rep, u64 now, u32 ready,
			  struct raftblk_action *a)
{
	rep->now = now;
	for (;;) {
		if (rep->busy && !raftblk_replica_halted(rep)) {
			rep->busy = false;
			replica_settle(rep);
		}
		if (ended_next(rep, a))
			return true;
		if (raftblk_replica_halted(rep))
			return false;
		if (work_next(rep, ready, a))
			return true;
		if (!rep->busy && !rep->nr_events)
			return false;
	}
}

u64 raftblk_replica_deadline(const struct raftblk_replica *rep)
{
	u64 at;

	if (raftblk_replica_halted(rep))
		return RAFTBLK_NEVER;
	at = raft_deadline(&rep->raft);
	at = min(at, raftblk_replica_ckpt_deadline(rep));
	at = min(at, raftblk_replica_load_deadline(rep));
	at = min(at, raftblk_replica_owner_deadline(rep));
	at = min(at, raftblk_replica_changes_deadline(rep));
	at = min(at, raftblk_replica_requests_deadline(rep));
	at = min(at, raftblk_catchup_deadline(rep));
	return min(at, raftblk_replica_read_deadline(rep));
}

/* ---- messages ---- */

/* Slot of the member that leads and can be asked, or -1. */
int raftblk_replica_leader_slot(const struct raftblk_replica *rep)
{
	const struct raft *r = &rep->raft;

	if (!r->leader || r->leader == r->id)
		return -1;
	return max(raftblk_config_find(&r->config, r->leader), -1);
}

void raftblk_replica_msg(const struct raftblk_replica *rep, struct raftblk_msg *m, u8 type,
			 u32 slot)
{
	memset(m, 0, sizeof(*m));
	m->type = type;
	m->from = rep->raft.id;
	m->to = rep->raft.config.member[slot].id;
	m->term = rep->raft.term;
}
