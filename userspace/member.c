// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "member.h"
#include "tool.h"

#define LEADER_WAIT_MS	20000
#define STALL_MS	60000
#define POLL_MS		100

int member_parse_addr(const char *what, const char *text, struct raftblk_addr *addr)
{
	const char *why = address_parse(text, addr);

	if (why)
		return fail(EXIT_USAGE, "%s '%s': %s", what, text, why);
	return EXIT_OK;
}

int member_check_local(const struct raftblk_addr *addr)
{
	char text[ADDRESS_TEXT];
	int err = address_is_local(addr);

	address_format(addr, text);
	if (err == -EADDRNOTAVAIL)
		return fail(EXIT_ERROR, "%s is not an address of this machine; "
			    "--addr is where this member listens", text);
	if (err)
		return fail(code_of(-err), "cannot listen on %s: %s", text, strerror(-err));
	return EXIT_OK;
}

int member_parse_id(const char *text, u32 *id)
{
	unsigned long n;
	char *end;

	n = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || !n || n > 0xffffffffUL)
		return fail(EXIT_USAGE, "'%s' is not a node id; 'raftblk status' lists them", text);
	*id = n;
	return EXIT_OK;
}

int member_up(struct nl *nl, const char *path, char *name, u32 *minor)
{
	char real[PATH_MAX];
	struct json_object *reply;
	struct nlmsghdr *nlh;
	int err;

	/* Relative paths and links would mean nothing in status, tomorrow. */
	if (!realpath(path, real))
		return fail(EXIT_ERROR, "%s: %m", path);
	nlh = nl_request(nl, RAFTBLK_CMD_UP);
	mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_PATH, real);
	err = nl_call(nl, nlh, &spec_set_volume, &reply);
	if (err)
		return fail(code_of(-err), "%s: %s", path, nl->error);
	*minor = j_u64(reply, "minor");
	if (name)
		snprintf(name, 32, "%s", j_str(reply, "name"));
	json_object_put(reply);
	return EXIT_OK;
}

struct json_object *member_self(struct json_object *vol)
{
	struct json_object *members = j_get(vol, "members");

	for (size_t i = 0; members && i < json_object_array_length(members); i++) {
		struct json_object *m = json_object_array_get_idx(members, i);

		if (j_bool(m, "self"))
			return m;
	}
	return NULL;
}

struct json_object *member_find(struct json_object *vol, u64 id)
{
	struct json_object *members = j_get(vol, "members");

	for (size_t i = 0; members && i < json_object_array_length(members); i++) {
		struct json_object *m = json_object_array_get_idx(members, i);

		if (j_u64(m, "id") == id)
			return m;
	}
	return NULL;
}

bool member_has_flag(struct json_object *member, const char *flag)
{
	struct json_object *flags = j_get(member, "flags");

	for (size_t i = 0; flags && i < json_object_array_length(flags); i++) {
		if (!strcmp(json_object_get_string(json_object_array_get_idx(flags, i)), flag))
			return true;
	}
	return false;
}

int member_parse_hex(const char *text, u8 *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned int byte;

		while (*text == '-')
			text++;
		if (sscanf(text, "%2x", &byte) != 1)
			return -1;
		out[i] = byte;
		text += 2;
	}
	return *text ? -1 : 0;
}

int member_from_json(struct json_object *j, struct raftblk_member *m)
{
	static const struct {
		const char *name;
		u8 flag;
	} flags[] = {
		{ "old", RAFTBLK_MEMBER_OLD }, { "new", RAFTBLK_MEMBER_NEW },
		{ "promote", RAFTBLK_MEMBER_PROMOTE }, { "witness", RAFTBLK_MEMBER_WITNESS },
		{ "stays", RAFTBLK_MEMBER_STAYS },
	};

	memset(m, 0, sizeof(*m));
	m->id = j_u64(j, "id");
	m->replaces = j_u64(j, "replaces");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (member_has_flag(j, flags[i].name))
			m->flags |= flags[i].flag;
	}
	if (member_parse_hex(j_str(j, "incarnation"), m->incarnation, sizeof(m->incarnation)))
		return -1;
	return address_from_json(j_get(j, "address"), &m->addr);
}

int member_volume(struct nl *nl, const char *name, struct json_object **vol)
{
	struct json_object *all;
	int ret = nl_show(nl, name, &all);

	if (ret)
		return ret;
	*vol = json_object_get(json_object_array_get_idx(all, 0));
	json_object_put(all);
	return EXIT_OK;
}

/* One whose member is still at work; else NULL, and *ret. */
static struct json_object *get_working(struct nl *nl, const char *name, int *ret)
{
	struct json_object *vol;

	*ret = member_volume(nl, name, &vol);
	if (*ret)
		return NULL;
	if (j_bool(vol, "removed")) {
		*ret = fail(EXIT_ERROR, "%s: this member was removed from the volume; 'raftblk down' "
			    "and 'raftblk wipe' free its device", name);
		json_object_put(vol);
		return NULL;
	}
	if (!j_s64(vol, "fault"))
		return vol;
	*ret = fail(EXIT_ERROR, "%s: this member has stopped: %s; dmesg says more", name,
		    strerror(-j_s64(vol, "fault")));
	json_object_put(vol);
	return NULL;
}

int member_wait_leader(struct nl *nl, const char *name)
{
	u64 until = now_ms() + LEADER_WAIT_MS;
	int ret = EXIT_OK;

	while (now_ms() < until) {
		struct json_object *vol = get_working(nl, name, &ret);
		bool led = vol && j_u64(vol, "leader");

		json_object_put(vol);
		if (!vol || led)
			return ret;
		usleep(POLL_MS * 1000);
	}
	return fail(EXIT_TIMEOUT, "%s is up, but has no leader yet; 'raftblk status %s' shows why",
		    name, name);
}

u64 member_seen(struct json_object *vol)
{
	struct json_object *catchup = j_get(vol, "catchup");

	return j_u64(vol, "last") + j_u64(vol, "applied") + j_u64(catchup, "done") +
	       j_u64(catchup, "received");
}

bool member_is_stuck(struct json_object *vol)
{
	return j_bool(vol, "behind") && !j_get(vol, "catchup") && !j_u64(vol, "extent_size");
}

/* First what changed in the data area, if it is that far behind; then entries. */
static void show_progress(struct json_object *vol)
{
	struct json_object *catchup = j_get(vol, "catchup");

	if (j_u64(catchup, "done") < j_u64(catchup, "total"))
		progress_show("catching up, data", j_u64(catchup, "done"),
			      j_u64(catchup, "total"), true);
	else
		progress_show("catching up, entries", j_u64(vol, "applied"),
			      max(j_u64(vol, "commit"), j_u64(vol, "last")), false);
}

static bool is_voter(struct json_object *vol)
{
	return member_has_flag(member_self(vol), "new") && j_u64(vol, "leader") &&
	       j_u64(vol, "commit");
}

/* A learner for good has nothing to become; it has joined when it is level, for as many
 * looks as the leader needs to tell it of more.
 */
#define LEVEL_LOOKS	10

static bool is_level(struct json_object *vol)
{
	return j_u64(vol, "leader") && !j_get(vol, "catchup") && j_u64(vol, "commit") &&
	       j_u64(vol, "applied") >= j_u64(vol, "commit");
}

int member_wait_joined(struct nl *nl, const char *name, bool learner)
{
	u64 moved_at = now_ms(), last_seen = 0;
	int ret = EXIT_OK, level = 0;

	while (now_ms() - moved_at < STALL_MS) {
		struct json_object *vol = get_working(nl, name, &ret);
		u64 seen = member_seen(vol);
		bool joined;

		level = vol && is_level(vol) ? level + 1 : 0;
		joined = learner ? level == LEVEL_LOOKS : is_voter(vol);

		if (member_is_stuck(vol))
			ret = fail(EXIT_ERROR, "%s: the leader's log no longer reaches back to "
				   "what this member needs, and it has no version map to catch up "
				   "with", name);
		else if (vol)
			show_progress(vol);
		json_object_put(vol);
		if (!vol || joined || ret) {
			progress_end();
			return ret;
		}
		if (seen != last_seen)
			moved_at = now_ms();
		last_seen = seen;
		usleep(POLL_MS * 1000);
	}
	return fail(EXIT_TIMEOUT, "%s is up, but nothing has come from the others for a minute; "
		    "'raftblk status %s' shows the connections", name, name);
}
