// SPDX-License-Identifier: GPL-2.0
/* resize: a larger volume, once every member has room for it. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "nl.h"
#include "tool.h"

/* 0, or -errno with nl->error set.  @reply: who keeps it from growing, if it is one member. */
static int ask(struct nl *nl, const struct args *a, u64 size, struct json_object **reply)
{
	struct nlmsghdr *nlh = nl_request(nl, RAFTBLK_CMD_RESIZE);

	nl_put_volume(nlh, a->pos[0]);
	mnl_attr_put_u64(nlh, RAFTBLK_A_VOLUME_SIZE, size);
	if (a->opt[OPT_ASSUME_ZERO])
		mnl_attr_put(nlh, RAFTBLK_A_VOLUME_ASSUME_ZERO, 0, NULL);
	return nl_call(nl, nlh, &spec_set_volume, reply);
}

/* What one member has against it, in a sentence. */
static int refused(const char *name, u64 size, int err, unsigned int node, u64 room)
{
	char want[16], have[16];

	switch (err) {
	case -ENOSPC:
		return fail(EXIT_ERROR, "%s: the device of node %u is too small: it has room for "
			    "a volume of %s (%llu bytes), and %s are needed; make it larger first",
			    name, node, format_size(room, have), (unsigned long long)room,
			    format_size(size, want));
	case -EHOSTDOWN:
		return fail(EXIT_ERROR, "%s: node %u is away, and whether its device has room is "
			    "not known; bring it back, or remove it with 'raftblk member remove "
			    "%s %u'", name, node, name, node);
	case -ESTALE:
		return fail(EXIT_ERROR, "%s: node %u is catching up; try again when 'raftblk "
			    "status' shows that it has", name, node);
	default:
		return fail(EXIT_ERROR, "%s: node %u could not make room on its device (error %d); "
			    "its kernel log says more", name, node, -err);
	}
}

/*
 * An answer comes within some seconds.  Members may take much longer to make room: they are
 * asked again, and go on where they are.
 */
static int ask_until(struct nl *nl, const struct args *a, u64 size, struct json_object **reply)
{
	unsigned int node;
	char what[48];
	u64 room;
	int err;

	while (!(err = ask(nl, a, size, reply)) && j_s64(*reply, "resize_error") == -ETIMEDOUT) {
		node = j_u64(*reply, "resize_member");
		room = j_u64(*reply, "resize_room");
		json_object_put(*reply);
		snprintf(what, sizeof(what), room ? "node %u makes room" : "node %u is asked", node);
		progress_show(what, room, size, true);
	}
	progress_end();
	return err;
}

static int resize(struct nl *nl, const struct args *a, u64 size)
{
	struct json_object *reply;
	char text[16];
	int err = ask_until(nl, a, size, &reply);

	if (err)
		return fail(code_of(-err), "%s: %s", a->pos[0], nl->error);
	if (a->opt[OPT_JSON])
		puts(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PRETTY));
	err = j_s64(reply, "resize_error");
	if (err)
		err = refused(a->pos[0], size, err, j_u64(reply, "resize_member"),
			      j_u64(reply, "resize_room"));
	else if (!a->opt[OPT_JSON])
		printf("%s has %s (%llu bytes)\n", a->pos[0], format_size(size, text),
		       (unsigned long long)size);
	json_object_put(reply);
	return err;
}

int run_resize(const struct args *a)
{
	struct nl nl;
	u64 size;
	int ret;

	if (parse_size(a->pos[1], &size) || !size || size > INT64_MAX)
		return fail(EXIT_USAGE, "'%s' is no size: bytes, or as in 500M, 10G, 2T; less than "
			    "2^63", a->pos[1]);
	ret = nl_open(&nl, false);
	if (ret)
		return ret;
	ret = resize(&nl, a, size);
	nl_close(&nl);
	return ret;
}
