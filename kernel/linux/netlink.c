// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink.  The policies in netlink_gen.c have checked the shape of
 * every request before it comes here; what is left is meaning.  Every refusal
 * says why in an extended ack.
 *
 * Commands run in parallel.  None of them touches a replica: what belongs to
 * the worker is asked of the worker (raftblk_volume_call()).  Those that wait for
 * more than that are dumps, see netlink_wait.c.
 */
#include <linux/in.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "net.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "volume.h"

/* Events are sent only while the family is registered: its group numbers go to
 * somebody else afterwards.  Read under RCU, see raftblk_netlink_exit().
 */
static bool registered;

struct raftblk_volume *raftblk_netlink_volume(struct genl_info *info)
{
	struct nlattr *name = info->attrs[RAFTBLK_A_VOLUME_NAME];
	struct nlattr *minor = info->attrs[RAFTBLK_A_VOLUME_MINOR];
	struct raftblk_volume *vol;

	if (!name == !minor) {
		GENL_SET_ERR_MSG(info, "a volume is named by its name or by its minor number");
		return ERR_PTR(-EINVAL);
	}
	if (name)
		vol = raftblk_volume_find_by_name(nla_data(name));
	else
		vol = raftblk_volume_find_by_minor(nla_get_u32(minor));
	if (!vol) {
		GENL_SET_ERR_MSG(info, "no such volume is up on this machine");
		return ERR_PTR(-ENODEV);
	}
	return vol;
}

static int refuse_going(struct genl_info *info, int err)
{
	if (err == -ESHUTDOWN) {
		GENL_SET_ERR_MSG(info, "the volume is being taken down");
		return -ENODEV;
	}
	return err;
}

/* A reply that is begun, NULL for lack of memory. */
static struct sk_buff *reply_new(struct genl_info *info, size_t size, u8 cmd, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(size, GFP_KERNEL);

	if (!skb)
		return NULL;
	*hdr = genlmsg_put_reply(skb, info, &raftblk_nl_family, 0, cmd);
	if (!*hdr) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

/* Its end, filled with @err: consumes it. */
static int reply_send(struct sk_buff *skb, void *hdr, struct genl_info *info, int err)
{
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

/* Events */

/* An event that is begun, with kind, name and minor; NULL for lack of memory. */
static struct sk_buff *event_new(const struct raftblk_volume *vol,
				 enum raftblk_event_kind kind, void **hdr)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_NOIO | __GFP_NOWARN);

	if (!skb)
		return NULL;
	*hdr = genlmsg_put(skb, 0, 0, &raftblk_nl_family, 0, RAFTBLK_CMD_EVENT);
	if (!*hdr || nla_put_u32(skb, RAFTBLK_A_EVENT_TYPE, kind) ||
	    nla_put_string(skb, RAFTBLK_A_EVENT_NAME, vol->super.name) ||
	    nla_put_u32(skb, RAFTBLK_A_EVENT_MINOR, vol->minor)) {
		nlmsg_free(skb);
		return NULL;
	}
	return skb;
}

static void event_send(struct sk_buff *skb, void *hdr)
{
	genlmsg_end(skb, hdr);
	rcu_read_lock();
	/* Pairs with the store in raftblk_netlink_exit(). */
	if (READ_ONCE(registered))
		genlmsg_multicast(&raftblk_nl_family, skb, 0, RAFTBLK_NLGRP_EVENTS, GFP_ATOMIC);
	else
		nlmsg_free(skb);
	rcu_read_unlock();
}

static void event_simple(const struct raftblk_volume *vol, enum raftblk_event_kind kind)
{
	void *hdr;
	struct sk_buff *skb = event_new(vol, kind, &hdr);

	if (skb)
		event_send(skb, hdr);
}

static int event_put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, RAFTBLK_A_EVENT_PAD);
}

static int event_put(struct sk_buff *skb, const struct raftblk_pending_event *ev)
{
	switch (ev->type) {
	case RAFTBLK_EVENT_ROLE:
		return nla_put_u32(skb, RAFTBLK_A_EVENT_ROLE, ev->a) ?:
		       event_put_u64(skb, RAFTBLK_A_EVENT_TERM, ev->b);
	case RAFTBLK_EVENT_LEADER:
		return nla_put_u32(skb, RAFTBLK_A_EVENT_NODE_ID, ev->a) ?:
		       event_put_u64(skb, RAFTBLK_A_EVENT_TERM, ev->b);
	case RAFTBLK_EVENT_OWNER:
		return nla_put_u32(skb, RAFTBLK_A_EVENT_NODE_ID, ev->a) ?:
		       event_put_u64(skb, RAFTBLK_A_EVENT_TOKEN, ev->b);
	case RAFTBLK_EVENT_FENCED:
	case RAFTBLK_EVENT_CATCHUP_SOURCE:
	case RAFTBLK_EVENT_WAITS_FOR_DATA:
		return nla_put_u32(skb, RAFTBLK_A_EVENT_NODE_ID, ev->a);
	case RAFTBLK_EVENT_CONFIG:
	case RAFTBLK_EVENT_CATCHUP_BEGIN:
	case RAFTBLK_EVENT_CATCHUP_END:
	case RAFTBLK_EVENT_REMOVED:
		return event_put_u64(skb, RAFTBLK_A_EVENT_INDEX, ev->b);
	case RAFTBLK_EVENT_FAULT:
		return nla_put_s32(skb, RAFTBLK_A_EVENT_ERROR, ev->a);
	case RAFTBLK_EVENT_VERIFY_DIFFERS:
		return nla_put_u32(skb, RAFTBLK_A_EVENT_NODE_ID, ev->a) ?:
		       event_put_u64(skb, RAFTBLK_A_EVENT_OFFSET, ev->b << 9) ?:
		       event_put_u64(skb, RAFTBLK_A_EVENT_BYTES, ev->c << 9);
	case RAFTBLK_EVENT_VERIFY_END:
		return nla_put_s32(skb, RAFTBLK_A_EVENT_ERROR, ev->a) ?:
		       event_put_u64(skb, RAFTBLK_A_EVENT_DIFFER, ev->b) ?:
		       event_put_u64(skb, RAFTBLK_A_EVENT_MENDED, ev->c);
	case RAFTBLK_EVENT_MENDED:
	case RAFTBLK_EVENT_READ_REPAIRED:
	case RAFTBLK_EVENT_REPAIR_FAILED:
		return event_put_u64(skb, RAFTBLK_A_EVENT_OFFSET, ev->b << 9) ?:
		       event_put_u64(skb, RAFTBLK_A_EVENT_BYTES, ev->a << 9);
	case RAFTBLK_EVENT_BEHIND:
	case RAFTBLK_EVENT_PROVEN:
		return 0;
	case RAFTBLK_EVENT_RESIZED:
		return event_put_u64(skb, RAFTBLK_A_EVENT_SIZE, ev->b << 9);
	case RAFTBLK_EVENT_OLDER_DISK:
		return nla_put_u32(skb, RAFTBLK_A_EVENT_NODE_ID, ev->a) ?:
		       event_put_u64(skb, RAFTBLK_A_EVENT_TERM, ev->c) ?:
		       event_put_u64(skb, RAFTBLK_A_EVENT_INDEX, ev->b);
	}
	return -EINVAL;
}

static const enum raftblk_event_kind event_kind[] = {
	[RAFTBLK_EVENT_ROLE] = RAFTBLK_EVENT_KIND_ROLE,
	[RAFTBLK_EVENT_LEADER] = RAFTBLK_EVENT_KIND_LEADER,
	[RAFTBLK_EVENT_OWNER] = RAFTBLK_EVENT_KIND_OWNER,
	[RAFTBLK_EVENT_FENCED] = RAFTBLK_EVENT_KIND_FENCED,
	[RAFTBLK_EVENT_CONFIG] = RAFTBLK_EVENT_KIND_CONFIG,
	[RAFTBLK_EVENT_BEHIND] = RAFTBLK_EVENT_KIND_BEHIND,
	[RAFTBLK_EVENT_FAULT] = RAFTBLK_EVENT_KIND_FAULT,
	[RAFTBLK_EVENT_PROVEN] = RAFTBLK_EVENT_KIND_PROVEN,
	[RAFTBLK_EVENT_CATCHUP_BEGIN] = RAFTBLK_EVENT_KIND_CATCHUP_BEGIN,
	[RAFTBLK_EVENT_CATCHUP_SOURCE] = RAFTBLK_EVENT_KIND_CATCHUP_SOURCE,
	[RAFTBLK_EVENT_CATCHUP_END] = RAFTBLK_EVENT_KIND_CATCHUP_END,
	[RAFTBLK_EVENT_REMOVED] = RAFTBLK_EVENT_KIND_REMOVED,
	[RAFTBLK_EVENT_WAITS_FOR_DATA] = RAFTBLK_EVENT_KIND_WAITS_FOR_DATA,
	[RAFTBLK_EVENT_READ_REPAIRED] = RAFTBLK_EVENT_KIND_READ_REPAIRED,
	[RAFTBLK_EVENT_REPAIR_FAILED] = RAFTBLK_EVENT_KIND_REPAIR_FAILED,
	[RAFTBLK_EVENT_VERIFY_DIFFERS] = RAFTBLK_EVENT_KIND_VERIFY_DIFFERS,
	[RAFTBLK_EVENT_VERIFY_END] = RAFTBLK_EVENT_KIND_VERIFY_END,
	[RAFTBLK_EVENT_MENDED] = RAFTBLK_EVENT_KIND_MENDED,
	[RAFTBLK_EVENT_RESIZED] = RAFTBLK_EVENT_KIND_RESIZED,
	[RAFTBLK_EVENT_OLDER_DISK] = RAFTBLK_EVENT_KIND_OLDER_DISK,
};

void raftblk_netlink_event(struct raftblk_volume *vol, const struct raftblk_pending_event *ev)
{
	struct sk_buff *skb;
	void *hdr;

	if (ev->type >= ARRAY_SIZE(event_kind))
		return;
	skb = event_new(vol, event_kind[ev->type], &hdr);
	if (!skb)
		return;
	if (event_put(skb, ev)) {
		nlmsg_free(skb);
		return;
	}
	event_send(skb, hdr);
}

/* Up and down */

static int run_up(struct genl_info *info, struct sk_buff *reply)
{
	struct raftblk_volume *vol;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, RAFTBLK_A_VOLUME_PATH)) {
		GENL_SET_ERR_MSG(info, "which device? its path is missing");
		return -EINVAL;
	}
	err = raftblk_volume_up(nla_data(info->attrs[RAFTBLK_A_VOLUME_PATH]), info->extack, &vol);
	if (err)
		return err;
	event_simple(vol, RAFTBLK_EVENT_KIND_UP);
	err = nla_put_string(reply, RAFTBLK_A_VOLUME_NAME, vol->super.name) ?:
	      nla_put_u32(reply, RAFTBLK_A_VOLUME_MINOR, vol->minor);
	raftblk_volume_put(vol);
	return err;
}

int raftblk_nl_up_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return raftblk_netlink_wait(skb, cb, RAFTBLK_CMD_UP, run_up);
}

static int run_down(struct genl_info *info, struct sk_buff *reply)
{
	bool force = nla_get_flag(info->attrs[RAFTBLK_A_VOLUME_FORCE]);
	struct raftblk_volume *vol = raftblk_netlink_volume(info);
	int err;

	if (IS_ERR(vol))
		return PTR_ERR(vol);
	err = raftblk_volume_down(vol, force, info->extack);
	if (!err)
		event_simple(vol, RAFTBLK_EVENT_KIND_DOWN);
	raftblk_volume_put(vol);
	return err;
}

int raftblk_nl_down_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return raftblk_netlink_wait(skb, cb, RAFTBLK_CMD_DOWN, run_down);
}

/* State */

struct state_call {
	struct sk_buff *skb;
	int err;
};

static void state_in_worker(struct raftblk_volume *vol, void *arg)
{
	struct state_call *call = arg;

	call->err = raftblk_netlink_put_state(vol, call->skb);
}

static int put_state(struct raftblk_volume *vol, struct sk_buff *skb)
{
	struct state_call call = { .skb = skb };

	return raftblk_volume_call(vol, state_in_worker, &call) ?: call.err;
}

int raftblk_nl_get_doit(struct sk_buff *req, struct genl_info *info)
{
	struct raftblk_volume *vol = raftblk_netlink_volume(info);
	struct sk_buff *skb;
	void *hdr;
	int err;

	if (IS_ERR(vol))
		return PTR_ERR(vol);
	skb = reply_new(info, RAFTBLK_NETLINK_STATE_MAX, RAFTBLK_CMD_GET, &hdr);
	if (skb)
		err = reply_send(skb, hdr, info, refuse_going(info, put_state(vol, skb)));
	else
		err = -ENOMEM;
	raftblk_volume_put(vol);
	return err;
}

int raftblk_nl_get_start(struct netlink_callback *cb)
{
	/* A volume with many members is larger than what is allocated else. */
	cb->min_dump_alloc = RAFTBLK_NETLINK_STATE_MAX;
	return 0;
}

/* Where a dump goes on, in cb->args[0]: the lowest minor not shown yet. */
int raftblk_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct raftblk_volume *vol;
	void *hdr;
	int err;

	/* Here and not at the start, where there is no extended ack. */
	if (nlmsg_attrlen(cb->nlh, GENL_HDRLEN)) {
		NL_SET_ERR_MSG(cb->extack, "a dump shows all volumes and takes no attributes");
		return -EINVAL;
	}
	for (;;) {
		/* Read before the table is: a change after it is noticed then. */
		cb->seq = raftblk_volume_generation();
		vol = raftblk_volume_next((s64)cb->args[0] - 1);
		if (!vol)
			return skb->len;
		hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				  &raftblk_nl_family, NLM_F_MULTI, RAFTBLK_CMD_GET);
		if (!hdr) {
			raftblk_volume_put(vol);
			return skb->len ?: -EMSGSIZE;
		}
		genl_dump_check_consistent(cb, hdr);
		err = put_state(vol, skb);
		if (err)
			genlmsg_cancel(skb, hdr);
		else
			genlmsg_end(skb, hdr);
		/* One that goes down meanwhile is left out; the generation tells. */
		if (!err || err == -ESHUTDOWN)
			cb->args[0] = (long)vol->minor + 1;
		raftblk_volume_put(vol);
		if (err && err != -ESHUTDOWN)
			return skb->len && err == -EMSGSIZE ? skb->len : err;
	}
}

/* The key, for those who may know it */

int raftblk_nl_token_doit(struct sk_buff *req, struct genl_info *info)
{
	struct raftblk_volume *vol = raftblk_netlink_volume(info);
	const struct raftblk_super *s;
	struct sk_buff *skb;
	void *hdr;
	int err = -ENOMEM;

	if (IS_ERR(vol))
		return PTR_ERR(vol);
	s = &vol->super;
	skb = reply_new(info, GENLMSG_DEFAULT_SIZE, RAFTBLK_CMD_TOKEN, &hdr);
	if (skb) {
		err = nla_put_string(skb, RAFTBLK_A_VOLUME_NAME, s->name) ?:
		      nla_put(skb, RAFTBLK_A_VOLUME_UUID, sizeof(s->uuid), s->uuid) ?:
		      nla_put(skb, RAFTBLK_A_VOLUME_KEY, sizeof(s->key), s->key);
		err = reply_send(skb, hdr, info, err);
	}
	raftblk_volume_put(vol);
	return err;
}

/* Tuning */

struct setting {
	struct nlattr **attrs;
	int err;
};

static u64 set_rate(struct nlattr *attr, u64 now)
{
	return attr ? nla_get_u64(attr) : now;
}

/* 0, or nothing has changed. */
static int set_rates(struct raftblk_replica *rep, struct nlattr **attrs)
{
	u64 low = set_rate(attrs[RAFTBLK_A_VOLUME_RATE_MIN], rep->params.rate_min);
	u64 high = set_rate(attrs[RAFTBLK_A_VOLUME_RATE_MAX], rep->params.rate_max);

	if (!attrs[RAFTBLK_A_VOLUME_RATE_MIN] && !attrs[RAFTBLK_A_VOLUME_RATE_MAX])
		return 0;
	if (!attrs[RAFTBLK_A_VOLUME_RATE_MIN] && high)
		low = min(low, high);
	if (high && low > high)
		return -ERANGE;
	raftblk_replica_set_rates(rep, raftblk_now(), low, high);
	return 0;
}

static void set_in_worker(struct raftblk_volume *vol, void *arg)
{
	struct raftblk_replica *rep = &vol->replica;
	struct setting *set = arg;
	struct nlattr *timeout = set->attrs[RAFTBLK_A_VOLUME_IO_TIMEOUT];
	struct nlattr *reads = set->attrs[RAFTBLK_A_VOLUME_QUORUM_READS];

	set->err = set_rates(rep, set->attrs);
	if (set->err)
		return;
	if (timeout)
		raftblk_replica_set_io_timeout(rep, raftblk_now(),
					       nla_get_u32(timeout) * RAFTBLK_NSEC_PER_MSEC);
	if (reads) {
		rep->params.raft.quorum_reads = nla_get_u8(reads);
		rep->raft.params.quorum_reads = nla_get_u8(reads);
	}
}

int raftblk_nl_set_doit(struct sk_buff *req, struct genl_info *info)
{
	struct setting set = { .attrs = info->attrs };
	struct raftblk_volume *vol;
	int err;

	if (!info->attrs[RAFTBLK_A_VOLUME_IO_TIMEOUT] &&
	    !info->attrs[RAFTBLK_A_VOLUME_QUORUM_READS] &&
	    !info->attrs[RAFTBLK_A_VOLUME_RATE_MIN] && !info->attrs[RAFTBLK_A_VOLUME_RATE_MAX]) {
		GENL_SET_ERR_MSG(info, "nothing to set");
		return -EINVAL;
	}
	vol = raftblk_netlink_volume(info);
	if (IS_ERR(vol))
		return PTR_ERR(vol);
	err = refuse_going(info, raftblk_volume_call(vol, set_in_worker, &set));
	raftblk_volume_put(vol);
	if (!err && set.err)
		GENL_SET_ERR_MSG(info, "rate-min would be above rate-max");
	return err ?: set.err;
}

/* Verify */

/* What the worker is to do; see the specification. */
struct verify_call {
	bool stop;
	bool repair;
	int err;
};

static void verify_in_worker(struct raftblk_volume *vol, void *arg)
{
	struct verify_call *call = arg;

	call->err = call->stop ? raftblk_replica_verify_stop(&vol->replica, raftblk_now()) :
		    raftblk_replica_verify(&vol->replica, raftblk_now(), call->repair);
}

static void verify_refuse(struct genl_info *info, const struct verify_call *call)
{
	switch (call->err) {
	case -EREMOTE:
		GENL_SET_ERR_MSG(info, "this member does not lead; ask on the one that does, or hand leadership over first");
		break;
	case -EALREADY:
		GENL_SET_ERR_MSG(info, "it is under way already");
		break;
	case -EBUSY:
		GENL_SET_ERR_MSG(info, "a member is catching up; when it is complete, ask again");
		break;
	case -ENODEV:
		GENL_SET_ERR_MSG(info, "there is no other member with data to compare with");
		break;
	case -ENOENT:
		GENL_SET_ERR_MSG(info, "nothing is being compared");
		break;
	default:
		GENL_SET_ERR_MSG(info, "this member keeps no version map, and cannot compare");
	}
}

int raftblk_nl_verify_doit(struct sk_buff *req, struct genl_info *info)
{
	struct verify_call call = {
		.stop = nla_get_flag(info->attrs[RAFTBLK_A_VOLUME_STOP]),
		.repair = nla_get_flag(info->attrs[RAFTBLK_A_VOLUME_REPAIR]),
	};
	struct raftblk_volume *vol = raftblk_netlink_volume(info);
	int err;

	if (IS_ERR(vol))
		return PTR_ERR(vol);
	err = refuse_going(info, raftblk_volume_call(vol, verify_in_worker, &call));
	raftblk_volume_put(vol);
	if (!err && call.err)
		verify_refuse(info, &call);
	return err ?: call.err;
}

/* Joining */

/* One that a single machine can have. */
static bool address_is_unicast(const struct raftblk_addr *addr)
{
	struct in6_addr in6;
	__be32 in;

	if (addr->family == 4) {
		memcpy(&in, addr->ip, sizeof(in));
		return !ipv4_is_zeronet(in) && !ipv4_is_multicast(in) && !ipv4_is_lbcast(in);
	}
	memcpy(&in6, addr->ip, sizeof(in6));
	return !ipv6_addr_any(&in6) && !ipv6_addr_is_multicast(&in6);
}

int raftblk_netlink_address(struct genl_info *info, int attr, struct raftblk_addr *addr)
{
	struct nlattr *tb[RAFTBLK_A_ADDRESS_MAX + 1];
	struct nlattr *ip;
	int err;

	/* The policy of the family has checked what is inside. */
	err = nla_parse_nested(tb, RAFTBLK_A_ADDRESS_MAX, info->attrs[attr], NULL, info->extack);
	if (err)
		return err;
	ip = tb[RAFTBLK_A_ADDRESS_IP];
	if (!ip || !tb[RAFTBLK_A_ADDRESS_PORT] || (nla_len(ip) != 4 && nla_len(ip) != 16)) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[attr],
				    "an address is 4 or 16 bytes and a port");
		return -EINVAL;
	}
	addr->family = nla_len(ip) == 4 ? 4 : 6;
	memcpy(addr->ip, nla_data(ip), nla_len(ip));
	addr->port = nla_get_u16(tb[RAFTBLK_A_ADDRESS_PORT]);
	if (!address_is_unicast(addr)) {
		NL_SET_ERR_MSG_ATTR(info->extack, ip,
				    "not the address of a machine: unspecified, multicast or broadcast");
		return -EINVAL;
	}
	return 0;
}

static int join_request(struct genl_info *info, struct raftblk_join *join)
{
	static const int needed[] = {
		RAFTBLK_A_JOIN_REMOTE, RAFTBLK_A_JOIN_LOCAL, RAFTBLK_A_JOIN_UUID,
		RAFTBLK_A_JOIN_KEY, RAFTBLK_A_JOIN_INCARNATION,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!info->attrs[needed[i]]) {
			GENL_SET_ERR_MSG(info, "an address, uuid, key or incarnation is missing");
			return -EINVAL;
		}
	}
	nla_memcpy(join->uuid, info->attrs[RAFTBLK_A_JOIN_UUID], sizeof(join->uuid));
	nla_memcpy(join->key, info->attrs[RAFTBLK_A_JOIN_KEY], sizeof(join->key));
	nla_memcpy(join->incarnation, info->attrs[RAFTBLK_A_JOIN_INCARNATION],
		   sizeof(join->incarnation));
	join->learner = nla_get_flag(info->attrs[RAFTBLK_A_JOIN_LEARNER]);
	join->witness = nla_get_flag(info->attrs[RAFTBLK_A_JOIN_WITNESS]);
	join->look = nla_get_flag(info->attrs[RAFTBLK_A_JOIN_LOOK]);
	if (join->witness && join->learner) {
		GENL_SET_ERR_MSG(info, "a learner is a copy of the data, and a witness has none");
		return -EINVAL;
	}
	if (info->attrs[RAFTBLK_A_JOIN_REPLACES])
		join->replaces = nla_get_u32(info->attrs[RAFTBLK_A_JOIN_REPLACES]);
	return raftblk_netlink_address(info, RAFTBLK_A_JOIN_REMOTE, &join->remote) ?:
	       raftblk_netlink_address(info, RAFTBLK_A_JOIN_LOCAL, &join->local);
}

static int join_put_members(struct sk_buff *skb, const struct raftblk_config *config)
{
	struct nlattr *nest;
	u32 i;

	for (i = 0; i < config->nr; i++) {
		nest = nla_nest_start(skb, RAFTBLK_A_JOIN_MEMBER);
		if (!nest || raftblk_netlink_put_member(skb, &config->member[i]))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return 0;
}

static int join_put(struct sk_buff *skb, const struct raftblk_wire_join_resp *r,
		    const struct raftblk_config *config)
{
	if (nla_put_string(skb, RAFTBLK_A_JOIN_NAME, (const char *)r->name) ||
	    nla_put(skb, RAFTBLK_A_JOIN_UUID, sizeof(r->uuid), r->uuid) ||
	    nla_put_u32(skb, RAFTBLK_A_JOIN_NODE_ID, le32_to_cpu(r->node_id)) ||
	    nla_put_u32(skb, RAFTBLK_A_JOIN_BLOCK_SIZE, le32_to_cpu(r->block_size)) ||
	    nla_put_u64_64bit(skb, RAFTBLK_A_JOIN_SIZE, le64_to_cpu(r->volume_sectors) << 9,
			      RAFTBLK_A_JOIN_PAD) ||
	    nla_put_u64_64bit(skb, RAFTBLK_A_JOIN_LOG_SIZE, le64_to_cpu(r->ring_sectors) << 9,
			      RAFTBLK_A_JOIN_PAD) ||
	    nla_put_u32(skb, RAFTBLK_A_JOIN_EXTENT_SIZE, le32_to_cpu(r->extent_sectors) << 9) ||
	    nla_put_u32(skb, RAFTBLK_A_JOIN_NEXT_ID, config->next_id))
		return -EMSGSIZE;
	return join_put_members(skb, config);
}

/* The answer came from a peer: nothing in it is believed before it is checked. */
static int join_check(const struct raftblk_join *join, struct raftblk_config *config)
{
	const struct raftblk_wire_join_resp *r = &join->resp;
	u32 block_size = le32_to_cpu(r->block_size);
	u64 sectors = le64_to_cpu(r->volume_sectors);
	u32 extent = le32_to_cpu(r->extent_sectors);

	if (memcmp(r->uuid, join->uuid, sizeof(r->uuid)) ||
	    !r->name[0] || strnlen((const char *)r->name, sizeof(r->name)) == sizeof(r->name) ||
	    (block_size != 512 && block_size != 4096) ||
	    !sectors || sectors > S64_MAX >> 9 || le64_to_cpu(r->ring_sectors) > S64_MAX >> 9 ||
	    !is_power_of_2(extent) || extent > U32_MAX >> 9 ||
	    raftblk_config_decode(config, &r->config) ||
	    (!join->look && raftblk_config_find(config, le32_to_cpu(r->node_id)) < 0))
		return -EPROTO;
	return 0;
}

static int join(struct genl_info *info, struct raftblk_join *join,
		struct raftblk_config *config)
{
	int err = join_request(info, join);

	if (err)
		return err;
	err = raftblk_net_join(join, info->extack);
	if (!err) {
		err = join_check(join, config);
		if (err)
			GENL_SET_ERR_MSG(info, "the leader's answer makes no sense");
	}
	return err;
}

static int run_join(struct genl_info *info, struct sk_buff *reply)
{
	struct raftblk_join *j = kzalloc(sizeof(*j), GFP_KERNEL);
	struct raftblk_config *config = kzalloc(sizeof(*config), GFP_KERNEL);
	int err = -ENOMEM;

	if (j && config)
		err = join(info, j, config) ?: join_put(reply, &j->resp, config);
	kfree(config);
	kfree_sensitive(j);
	return err;
}

int raftblk_nl_join_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return raftblk_netlink_wait(skb, cb, RAFTBLK_CMD_JOIN, run_join);
}

/* Life */

int raftblk_netlink_init(void)
{
	int err = genl_register_family(&raftblk_nl_family);

	if (!err)
		WRITE_ONCE(registered, true);
	return err;
}

void raftblk_netlink_exit(void)
{
	WRITE_ONCE(registered, false);
	/* Who saw it true is done with sending. */
	synchronize_rcu();
	/* Waits for commands that run; a dump holds the module, so there is none. */
	genl_unregister_family(&raftblk_nl_family);
}

MODULE_ALIAS_GENL_FAMILY(RAFTBLK_FAMILY_NAME);
