// SPDX-License-Identifier: GPL-2.0
/*
 * Lets a member into a volume that is up on this machine, and never starts it: the
 * log gets a CONFIG entry, the one kind whose payload is no multiple of 4 KiB.  The
 * tool refuses to join a machine to its own volume, the module does not.
 *
 *	invite VOLUME ADDRESS [witness [NODE]]
 *		ADDRESS: the new member's; the volume listens on 127.0.0.1 and the default port
 *		witness: without a data area; NODE: in the place of that member
 *
 * Exit code: 0 it is let in, 1 not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "../../kernel/uapi/raftblk.h"

#define ATTRS	64
#define BUF	16384

static struct mnl_socket *sock;

/* Attributes of the last answer, good until the next call(). */
static const struct nlattr *answer[ATTRS];

static void die(const char *what)
{
	fprintf(stderr, "invite: %s: %m\n", what);
	exit(1);
}

static int on_attr(const struct nlattr *attr, void *arg)
{
	(void)arg;
	if (mnl_attr_get_type(attr) < ATTRS)
		answer[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static int on_message(const struct nlmsghdr *nlh, void *arg)
{
	(void)arg;
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), on_attr, NULL);
}

/* The end of a dump and an acknowledgement both begin with how it went. */
static int on_end(const struct nlmsghdr *nlh, void *arg)
{
	const int *err = mnl_nlmsg_get_payload(nlh);

	(void)arg;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err) || !*err)
		return MNL_CB_STOP;
	errno = -*err;
	return MNL_CB_ERROR;
}

static struct nlmsghdr *request(char *at, uint16_t family, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
}

/* Send, and take the answer up to its end. */
static void call(const char *what, struct nlmsghdr *nlh)
{
	static mnl_cb_t control[NLMSG_MIN_TYPE] = {
		[NLMSG_DONE] = on_end,
		[NLMSG_ERROR] = on_end,
	};
	static char buf[BUF];
	size_t used = 0;
	ssize_t n;
	int ret;

	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		die(what);
	memset(answer, 0, sizeof(answer));
	do {
		n = mnl_socket_recvfrom(sock, buf + used, BUF - used);
		if (n < 0)
			die(what);
		ret = mnl_cb_run2(buf + used, n, 0, mnl_socket_get_portid(sock), on_message, NULL,
				  control, NLMSG_MIN_TYPE);
		if (ret < 0)
			die(what);
		used += n;
	} while (ret != MNL_CB_STOP);
}

static void put_address(struct nlmsghdr *nlh, uint16_t type, const char *text)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);
	struct in_addr addr;

	if (inet_pton(AF_INET, text, &addr) != 1)
		die(text);
	mnl_attr_put(nlh, RAFTBLK_A_ADDRESS_IP, sizeof(addr), &addr);
	mnl_attr_put_u16(nlh, RAFTBLK_A_ADDRESS_PORT, RAFTBLK_DEFAULT_PORT);
	mnl_attr_nest_end(nlh, nest);
}

static uint16_t find_family(char *at)
{
	struct nlmsghdr *nlh = request(at, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, RAFTBLK_FAMILY_NAME);
	call("find the module", nlh);
	if (!answer[CTRL_ATTR_FAMILY_ID])
		die("find the module");
	return mnl_attr_get_u16(answer[CTRL_ATTR_FAMILY_ID]);
}

int main(int argc, char **argv)
{
	static char to[BUF];
	uint8_t uuid[16], key[32], incarnation[16];
	struct nlmsghdr *nlh;
	uint16_t family;

	if (argc < 3 || argc > 5) {
		fprintf(stderr, "usage: invite VOLUME ADDRESS [witness [NODE]]\n");
		return 2;
	}
	sock = mnl_socket_open(NETLINK_GENERIC);
	if (!sock || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		die("netlink");
	family = find_family(to);

	nlh = request(to, family, RAFTBLK_CMD_TOKEN);
	mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_NAME, argv[1]);
	call("the volume's token", nlh);
	if (!answer[RAFTBLK_A_VOLUME_UUID] || !answer[RAFTBLK_A_VOLUME_KEY])
		die("the volume's token");
	memcpy(uuid, mnl_attr_get_payload(answer[RAFTBLK_A_VOLUME_UUID]), sizeof(uuid));
	memcpy(key, mnl_attr_get_payload(answer[RAFTBLK_A_VOLUME_KEY]), sizeof(key));
	if (getrandom(incarnation, sizeof(incarnation), 0) != sizeof(incarnation))
		die("random bytes");

	nlh = request(to, family, RAFTBLK_CMD_JOIN);
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;	/* it waits */
	put_address(nlh, RAFTBLK_A_JOIN_REMOTE, "127.0.0.1");
	put_address(nlh, RAFTBLK_A_JOIN_LOCAL, argv[2]);
	mnl_attr_put(nlh, RAFTBLK_A_JOIN_UUID, sizeof(uuid), uuid);
	mnl_attr_put(nlh, RAFTBLK_A_JOIN_KEY, sizeof(key), key);
	mnl_attr_put(nlh, RAFTBLK_A_JOIN_INCARNATION, sizeof(incarnation), incarnation);
	if (argc > 3)
		mnl_attr_put(nlh, RAFTBLK_A_JOIN_WITNESS, 0, NULL);
	if (argc > 4)
		mnl_attr_put_u32(nlh, RAFTBLK_A_JOIN_REPLACES, atoi(argv[4]));
	call("join", nlh);
	return 0;
}
