// SPDX-License-Identifier: GPL-2.0
/* Generic netlink, on libmnl. */
#include <ctype.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nl.h"
#include "tool.h"

#define NL_BUF_BYTES	65536
#define DUMP_TRIES	10

/**
 * struct answer - what comes back for a request
 * @set: how to read it
 * @all: array of what was read
 * @malformed: something could not be read
 */
struct answer {
	const struct spec_set *set;
	struct json_object *all;
	bool malformed;
};

static int on_data(const struct nlmsghdr *nlh, void *arg)
{
	struct answer *ans = arg;
	struct json_object *j;

	/* Without attributes it says only that the command is under way. */
	if (!ans->set || mnl_nlmsg_get_payload_len(nlh) <= sizeof(struct genlmsghdr))
		return MNL_CB_OK;
	j = nl_to_json(ans->set, mnl_nlmsg_get_payload_offset(nlh, sizeof(struct genlmsghdr)),
		       mnl_nlmsg_get_payload_len(nlh) - sizeof(struct genlmsghdr));
	if (j)
		json_object_array_add(ans->all, j);
	else
		ans->malformed = true;
	return MNL_CB_OK;
}

/* What the kernel does not explain: of EPERM that comes from its own check of the caller. */
static void no_sentence(struct nl *nl, int err)
{
	snprintf(nl->error, sizeof(nl->error), "%s%s", strerror(err),
		 err == EPERM ? "; run this as root" : "");
}

/* The sentence of the extended ack that begins @skip bytes into the payload. */
static void read_sentence(struct nl *nl, const struct nlmsghdr *nlh, int err, unsigned int skip)
{
	const struct nlattr *attr;

	no_sentence(nl, err);
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, nlh, skip) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(nl->error, sizeof(nl->error), "%s", mnl_attr_get_str(attr));
	}
}

/* It comes behind the request it refuses, unless the kernel left that out. */
static void read_extack(struct nl *nl, const struct nlmsghdr *nlh, const struct nlmsgerr *err)
{
	unsigned int skip = sizeof(*err);

	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(&err->msg);
	read_sentence(nl, nlh, -err->error, skip);
}

static struct nl *current;	/* libmnl hands no argument to control callbacks */

static int on_error(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);

	(void)arg;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	if (!err->error)
		return MNL_CB_STOP;
	read_extack(current, nlh, err);
	errno = -err->error;
	return MNL_CB_ERROR;
}

/* The end of a dump carries an error in the same place. */
static int on_done(const struct nlmsghdr *nlh, void *arg)
{
	const int *err = mnl_nlmsg_get_payload(nlh);

	(void)arg;
	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*err) && *err < 0) {
		read_sentence(current, nlh, -*err, sizeof(*err));
		errno = -*err;
		return MNL_CB_ERROR;
	}
	return MNL_CB_STOP;
}

static int transact(struct nl *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	static mnl_cb_t control[NLMSG_MIN_TYPE] = {
		[NLMSG_ERROR] = on_error,
		[NLMSG_DONE] = on_done,
	};
	ssize_t n;
	int ret;

	current = nl;
	nl->error[0] = 0;
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		goto err;
	do {
		n = mnl_socket_recvfrom(nl->sock, nl->buf, NL_BUF_BYTES);
		if (n < 0)
			goto err;
		ret = mnl_cb_run2(nl->buf, n, nl->seq, nl->portid, cb, arg, control,
				  ARRAY_SIZE(control));
	} while (ret == MNL_CB_OK);
	if (ret >= 0)
		return 0;
err:
	ret = -errno;
	if (!nl->error[0])
		no_sentence(nl, -ret);
	return ret;
}

static struct nlmsghdr *request(struct nl *nl, u16 family, u8 cmd, u16 flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(nl->buf);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->seq;
	genl->cmd = cmd;
	genl->version = RAFTBLK_FAMILY_VERSION;
	return nlh;
}

struct nlmsghdr *nl_request(struct nl *nl, u8 cmd)
{
	bool dump = cmd <= RAFTBLK_CMD_MAX && spec_cmd_dump[cmd];

	return request(nl, nl->family, cmd, dump ? NLM_F_DUMP : NLM_F_ACK);
}

void nl_put_volume(struct nlmsghdr *nlh, const char *which)
{
	static const char by_name[] = "/dev/raftblk/";
	const char *number = NULL;

	if (!strncmp(which, by_name, strlen(by_name)))
		which += strlen(by_name);
	else if (!strncmp(which, "/dev/raftblk", 12))
		number = which + 12;
	if (number && isdigit((unsigned char)*number))
		mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_MINOR, strtoul(number, NULL, 10));
	else
		mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_NAME, which);
}

int nl_call(struct nl *nl, struct nlmsghdr *nlh, const struct spec_set *set,
	    struct json_object **reply)
{
	struct answer ans = { .set = set, .all = json_object_new_array() };
	int err = transact(nl, nlh, on_data, &ans);

	if (!err && set && (ans.malformed || json_object_array_length(ans.all) != 1)) {
		snprintf(nl->error, sizeof(nl->error), "the module's answer is malformed");
		err = -EBADMSG;
	}
	if (!err && set)
		*reply = json_object_get(json_object_array_get_idx(ans.all, 0));
	json_object_put(ans.all);
	return err;
}

int nl_dump(struct nl *nl, struct json_object **volumes)
{
	int err;

	/* EINTR: volumes came or went in the middle; what was read is no one state. */
	for (int i = 0; i < DUMP_TRIES; i++) {
		struct answer ans = { .set = &spec_set_volume, .all = json_object_new_array() };
		struct nlmsghdr *nlh = request(nl, nl->family, RAFTBLK_CMD_GET, NLM_F_DUMP);

		err = transact(nl, nlh, on_data, &ans);
		if (!err && !ans.malformed) {
			*volumes = ans.all;
			return 0;
		}
		json_object_put(ans.all);
		if (err != -EINTR)
			return err ? err : -EBADMSG;
		/* What is left of that dump must not be taken for the next one's. */
		while (recv(mnl_socket_get_fd(nl->sock), nl->buf, NL_BUF_BYTES,
			    MSG_DONTWAIT) > 0)
			;
	}
	return err;
}

int nl_get(struct nl *nl, const char *which, struct json_object **volumes)
{
	struct json_object *one;
	struct nlmsghdr *nlh;
	int err;

	if (!which)
		return nl_dump(nl, volumes);
	nlh = nl_request(nl, RAFTBLK_CMD_GET);
	nl_put_volume(nlh, which);
	err = nl_call(nl, nlh, &spec_set_volume, &one);
	if (err)
		return err;
	*volumes = json_object_new_array();
	json_object_array_add(*volumes, one);
	return 0;
}

int nl_show(struct nl *nl, const char *which, struct json_object **volumes)
{
	int err = nl_get(nl, which, volumes);

	if (err)
		return fail(code_of(-err), "%s%s%s", which ? which : "", which ? ": " : "",
			    nl->error);
	return EXIT_OK;
}

/* The family's answer: its number, and that of the group. */
static int on_group(const struct nlattr *attr, void *arg)
{
	struct nl *nl = arg;
	const struct nlattr *a;
	const char *name = NULL;
	u32 id = 0;

	mnl_attr_for_each_nested(a, attr) {
		if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_NAME)
			name = mnl_attr_get_str(a);
		if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID)
			id = mnl_attr_get_u32(a);
	}
	if (name && !strcmp(name, RAFTBLK_MCGRP_EVENTS))
		nl->group = id;
	return MNL_CB_OK;
}

static int on_family(const struct nlmsghdr *nlh, void *arg)
{
	struct nl *nl = arg;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			nl->family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
			mnl_attr_parse_nested(attr, on_group, nl);
	}
	return MNL_CB_OK;
}

static int find_family(struct nl *nl)
{
	struct nlmsghdr *nlh = request(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, RAFTBLK_FAMILY_NAME);
	return transact(nl, nlh, on_family, nl);
}

static void load_module(void)
{
	pid_t pid = fork();

	if (!pid) {
		execlp("modprobe", "modprobe", "raftblk", NULL);
		execl("/sbin/modprobe", "modprobe", "raftblk", NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

int nl_open(struct nl *nl, bool quiet)
{
	int one = 1, err;

	memset(nl, 0, sizeof(*nl));
	nl->buf = malloc(NL_BUF_BYTES);
	nl->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!nl->buf || !nl->sock || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		nl_close(nl);
		return quiet ? EXIT_ERROR : fail(EXIT_ERROR, "no netlink socket: %m");
	}
	nl->portid = mnl_socket_get_portid(nl->sock);
	nl->seq = time(NULL);
	mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &one, sizeof(one));
	err = find_family(nl);
	if (err && !quiet && geteuid() == 0) {
		load_module();
		err = find_family(nl);
	}
	if (!err)
		return EXIT_OK;
	nl_close(nl);
	if (quiet)
		return EXIT_NO_MODULE;
	return fail(EXIT_NO_MODULE, "the kernel module raftblk is not loaded%s",
		    geteuid() ? "; load it with 'modprobe raftblk' as root" :
		    " and 'modprobe raftblk' could not load it: is it installed for this kernel?");
}

void nl_close(struct nl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	free(nl->buf);
	nl->sock = NULL;
	nl->buf = NULL;
}

int nl_subscribe(struct nl *nl)
{
	if (mnl_socket_setsockopt(nl->sock, NETLINK_ADD_MEMBERSHIP, &nl->group,
				  sizeof(nl->group)) < 0)
		return -errno;
	return 0;
}

int nl_event(struct nl *nl, int timeout_ms, struct json_object **event)
{
	struct pollfd p = { .fd = mnl_socket_get_fd(nl->sock), .events = POLLIN };
	const struct nlmsghdr *nlh = (void *)nl->buf;
	ssize_t n;
	int ret = poll(&p, 1, timeout_ms);

	if (ret <= 0)
		return ret < 0 ? -errno : 0;
	/* Each event comes in a datagram of its own. */
	n = mnl_socket_recvfrom(nl->sock, nl->buf, NL_BUF_BYTES);
	if (n < 0)
		return -errno;
	if (!mnl_nlmsg_ok(nlh, n) || nlh->nlmsg_type != nl->family ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr))
		return 0;
	*event = nl_to_json(&spec_set_event,
			    mnl_nlmsg_get_payload_offset(nlh, sizeof(struct genlmsghdr)),
			    mnl_nlmsg_get_payload_len(nlh) - sizeof(struct genlmsghdr));
	return *event ? 1 : -EBADMSG;
}
