// SPDX-License-Identifier: GPL-2.0
/* verify: have all members' data compared, and mended. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../kernel/core/verify.h"
#include "member.h"
#include "nl.h"
#include "tool.h"

#define LOOK_NS		300000000L	/* how often it is looked at */

/* What @vol, the caller's then, says of it; NULL and the error has been shown. */
static struct json_object *look(struct nl *nl, const char *name, struct json_object **vol)
{
	struct json_object *verify;

	if (member_volume(nl, name, vol))
		return NULL;
	verify = j_get(*vol, "verify");
	if (!verify) {
		fail(EXIT_ERROR, "%s: the module does not say how it goes", name);
		json_object_put(*vol);
	}
	return verify;
}

static void show_finding(struct json_object *f)
{
	u64 offset = j_u64(f, "offset"), end = offset + j_u64(f, "bytes") - 1;
	u64 node = j_u64(f, "node_id");

	if (!node)
		printf("bytes %" PRIu64 " to %" PRIu64 ": members differ, and no majority has the "
		       "same; not mended\n", offset, end);
	else
		printf("bytes %" PRIu64 " to %" PRIu64 ": node %" PRIu64 " has something else%s\n",
		       offset, end, node, j_bool(f, "mended") ? "; mended" : "");
}

static int show_end(struct json_object *v)
{
	struct json_object *findings = j_get(v, "findings");
	u64 differ = j_u64(v, "differ"), mended = j_u64(v, "mended");
	u64 skipped = j_u64(v, "skipped"), in_part = j_u64(v, "in_part");
	size_t nr = findings ? json_object_array_length(findings) : 0;
	int status = j_s64(v, "status");
	char size[16];

	for (size_t i = 0; i < nr; i++)
		show_finding(json_object_array_get_idx(findings, i));
	if (nr == RAFTBLK_VERIFY_FINDINGS)
		printf("and perhaps more: only so many ranges are remembered\n");
	if (in_part)
		printf("%s were compared without a member that could not be reached\n",
		       format_size(in_part, size));
	if (skipped)
		printf("%s could not be compared: written to all the time, or unreadable\n",
		       format_size(skipped, size));
	if (status)
		return fail(EXIT_ERROR, status == -ECANCELED ? "it was stopped" :
			    status == -EREMOTE ? "this member does not lead any more; begin again "
			    "where the leader is" : "it ended early: %s", strerror(-status));
	printf("%" PRIu64 " blocks of 4 KiB differ", differ);
	if (mended)
		printf(", %" PRIu64 " of them were mended", mended);
	printf("\n");
	return differ != mended || skipped ? EXIT_ERROR : EXIT_OK;
}

static int wait_end(struct nl *nl, const char *name)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	struct json_object *vol, *v;
	int ret;

	for (;;) {
		v = look(nl, name, &vol);
		if (!v)
			return EXIT_ERROR;
		progress_show("comparing", j_u64(v, "done"), j_u64(v, "total"), true);
		if (!j_bool(v, "running"))
			break;
		json_object_put(vol);
		nanosleep(&pause, NULL);
	}
	progress_end();
	ret = show_end(v);
	json_object_put(vol);
	return ret;
}

int run_verify(const struct args *a)
{
	struct nlmsghdr *nlh;
	struct nl nl;
	int err, ret = nl_open(&nl, false);

	if (ret)
		return ret;
	nlh = nl_request(&nl, RAFTBLK_CMD_VERIFY);
	nl_put_volume(nlh, a->pos[0]);
	if (a->opt[OPT_REPAIR])
		mnl_attr_put(nlh, RAFTBLK_A_VOLUME_REPAIR, 0, NULL);
	if (a->opt[OPT_STOP])
		mnl_attr_put(nlh, RAFTBLK_A_VOLUME_STOP, 0, NULL);
	err = nl_call(&nl, nlh, NULL, NULL);
	if (err == -EREMOTE && a->opt[OPT_IF_LEADER])
		ret = EXIT_OK;
	else if (err)
		ret = fail(code_of(-err), "%s: %s", a->pos[0], nl.error);
	else if (!a->opt[OPT_STOP] && !a->opt[OPT_NO_WAIT])
		ret = wait_end(&nl, a->pos[0]);
	nl_close(&nl);
	return ret;
}
