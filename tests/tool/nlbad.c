// SPDX-License-Identifier: GPL-2.0
/*
 * Malformed and unprivileged requests to the module, over plain netlink.  To be
 * run as root in a machine that has the module loaded and volume NAME up, and a
 * block device DEV that is blank.  Every refusal has to carry a sentence, and
 * afterwards the volume has to be as it was.
 *
 * usage: nlbad NAME DEV	TAP; exit 0 or 1
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../userspace/address.h"
#include "../../userspace/nl.h"
#include "../../userspace/tool.h"

static struct nl nl;
static int tests, failed;

static void result(bool good, const char *name)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++tests, name);
	failed |= !good;
}

/* Refused with @want and, if @sentence, words of the module's own? */
static void refused(struct nlmsghdr *nlh, int want, bool sentence, const char *name)
{
	int err = nl_call(&nl, nlh, NULL, NULL);
	bool good = err == -want && (!sentence || strcmp(nl.error, strerror(want)));

	if (!good)
		printf("# %d (%s), wanted %d%s\n", err, nl.error, -want,
		       sentence ? " and a sentence" : "");
	result(good, name);
}

static struct nlmsghdr *req(u8 cmd)
{
	return nl_request(&nl, cmd);
}

static struct nlmsghdr *of_volume(u8 cmd, const char *name)
{
	struct nlmsghdr *nlh = req(cmd);

	mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_NAME, name);
	return nlh;
}

static void test_naming(const char *name)
{
	static const u8 cmds[] = {
		RAFTBLK_CMD_DOWN, RAFTBLK_CMD_GET, RAFTBLK_CMD_TOKEN,
	};
	struct nlmsghdr *nlh;
	char what[80], longest[64];

	memset(longest, 'x', sizeof(longest));
	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
		snprintf(what, sizeof(what), "command %u without a volume", cmds[i]);
		refused(req(cmds[i]), EINVAL, true, what);

		nlh = req(cmds[i]);
		mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_NAME, name);
		mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_MINOR, 0);
		snprintf(what, sizeof(what), "command %u with name and minor", cmds[i]);
		refused(nlh, EINVAL, true, what);

		nlh = req(cmds[i]);
		mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_NAME, "nobody");
		snprintf(what, sizeof(what), "command %u for an unknown name", cmds[i]);
		refused(nlh, ENODEV, true, what);

		nlh = req(cmds[i]);
		mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_MINOR, 0xffffffff);
		snprintf(what, sizeof(what), "command %u for an impossible minor", cmds[i]);
		refused(nlh, ENODEV, true, what);

		nlh = req(cmds[i]);
		mnl_attr_put(nlh, RAFTBLK_A_VOLUME_NAME, 40, longest);
		snprintf(what, sizeof(what), "command %u with a name without end", cmds[i]);
		refused(nlh, EINVAL, true, what);

		nlh = req(cmds[i]);
		mnl_attr_put_u16(nlh, RAFTBLK_A_VOLUME_MINOR, 0);
		snprintf(what, sizeof(what), "command %u with a short minor", cmds[i]);
		refused(nlh, EINVAL, true, what);

		nlh = req(cmds[i]);
		mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_NAME, name);
		mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_TERM, 1);
		snprintf(what, sizeof(what), "command %u with an attribute it does not take",
			 cmds[i]);
		refused(nlh, EINVAL, true, what);
	}
}

static void test_others(const char *name)
{
	struct nlmsghdr *nlh;

	refused(req(RAFTBLK_CMD_UP), EINVAL, true, "up without a path");
	nlh = req(RAFTBLK_CMD_UP);
	mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_PATH, "/dev/null");
	refused(nlh, ENOTBLK, true, "up of no block device");
	nlh = req(RAFTBLK_CMD_UP);
	mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_PATH, "");
	refused(nlh, EINVAL, true, "up of an empty path");
	nlh = of_volume(RAFTBLK_CMD_TRANSFER, name);
	refused(nlh, EINVAL, true, "transfer to nobody");
	nlh = of_volume(RAFTBLK_CMD_TRANSFER, name);
	mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_TO, 0);
	refused(nlh, ERANGE, true, "transfer to node 0");
	nlh = of_volume(RAFTBLK_CMD_TRANSFER, name);
	mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_TO, 4711);
	refused(nlh, ENOENT, true, "transfer to a stranger");
	nlh = of_volume(RAFTBLK_CMD_RESIZE, name);
	refused(nlh, EINVAL, true, "resize to no size");
	nlh = of_volume(RAFTBLK_CMD_RESIZE, name);
	mnl_attr_put_u64(nlh, RAFTBLK_A_VOLUME_SIZE, 1ULL << 63);
	refused(nlh, EFBIG, true, "resize to 2^63");
	nlh = of_volume(RAFTBLK_CMD_RESIZE, name);
	mnl_attr_put_u64(nlh, RAFTBLK_A_VOLUME_SIZE, 513);
	refused(nlh, EINVAL, true, "resize to no whole sectors");
	nlh = of_volume(RAFTBLK_CMD_SET, name);
	refused(nlh, EINVAL, true, "set nothing");
	nlh = of_volume(RAFTBLK_CMD_SET, name);
	mnl_attr_put_u8(nlh, RAFTBLK_A_VOLUME_QUORUM_READS, 2);
	refused(nlh, ERANGE, true, "set quorum reads to 2");
	nlh = of_volume(RAFTBLK_CMD_SET, name);
	mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_RATE_MAX, 0);
	refused(nlh, EINVAL, true, "set a rate of four bytes");
	nlh = of_volume(RAFTBLK_CMD_SET, name);
	mnl_attr_put_u64(nlh, RAFTBLK_A_VOLUME_RATE_MIN, 0);
	refused(nlh, ERANGE, true, "set a least rate of 0");
	nlh = of_volume(RAFTBLK_CMD_VERIFY, "nobody");
	refused(nlh, ENODEV, true, "verify of an unknown name");
	refused(req(RAFTBLK_CMD_VERIFY), EINVAL, true, "verify without a volume");
	nlh = of_volume(RAFTBLK_CMD_VERIFY, name);
	mnl_attr_put_u8(nlh, RAFTBLK_A_VOLUME_REPAIR, 1);
	refused(nlh, ERANGE, false, "verify with a flag that has a value");
	nlh = of_volume(RAFTBLK_CMD_VERIFY, name);
	mnl_attr_put_u64(nlh, RAFTBLK_A_VOLUME_RATE_MAX, 0);
	refused(nlh, EINVAL, true, "verify with a rate, which it does not take");
	nlh = of_volume(RAFTBLK_CMD_VERIFY, name);
	mnl_attr_put(nlh, RAFTBLK_A_VOLUME_STOP, 0, NULL);
	refused(nlh, ENOENT, true, "verify to be stopped where none is under way");
	refused(req(RAFTBLK_CMD_EVENT), EOPNOTSUPP, false, "an event is no request");
	refused(req(99), EOPNOTSUPP, false, "an unknown command");

	nlh = req(RAFTBLK_CMD_GET);
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_NAME, name);
	refused(nlh, EINVAL, true, "a dump of one volume");
}

/* A join request with everything but attribute @without; @ip_len bytes of address. */
static struct nlmsghdr *join(int without, u16 ip_len)
{
	struct nlmsghdr *nlh = req(RAFTBLK_CMD_JOIN);
	u8 bytes[32] = { 127, 0, 0, 1 };
	struct nlattr *nest;

	for (int attr = RAFTBLK_A_JOIN_REMOTE; attr <= RAFTBLK_A_JOIN_INCARNATION; attr++) {
		if (attr == without)
			continue;
		if (attr > RAFTBLK_A_JOIN_LOCAL) {
			mnl_attr_put(nlh, attr, attr == RAFTBLK_A_JOIN_KEY ? 32 : 16, bytes);
			continue;
		}
		nest = mnl_attr_nest_start(nlh, attr);
		mnl_attr_put(nlh, RAFTBLK_A_ADDRESS_IP, ip_len, bytes);
		mnl_attr_put_u16(nlh, RAFTBLK_A_ADDRESS_PORT, 9);
		mnl_attr_nest_end(nlh, nest);
	}
	return nlh;
}

static void test_join(void)
{
	struct nlmsghdr *nlh;
	struct nlattr *nest;
	char what[80];
	u8 key[31] = { 0 };

	for (int attr = RAFTBLK_A_JOIN_REMOTE; attr <= RAFTBLK_A_JOIN_INCARNATION; attr++) {
		snprintf(what, sizeof(what), "join without attribute %d", attr);
		refused(join(attr, 4), EINVAL, true, what);
	}
	refused(join(0, 5), EINVAL, true, "join with an address of 5 bytes");
	refused(join(0, 3), ERANGE, false, "join with an address of 3 bytes");
	refused(join(0, 4), ECONNREFUSED, true, "join where nobody listens");
	nlh = req(RAFTBLK_CMD_JOIN);
	mnl_attr_put(nlh, RAFTBLK_A_JOIN_KEY, sizeof(key), key);
	refused(nlh, ERANGE, false, "join with a short key");
	nlh = req(RAFTBLK_CMD_JOIN);
	nest = mnl_attr_nest_start(nlh, RAFTBLK_A_JOIN_REMOTE);
	mnl_attr_put_u16(nlh, RAFTBLK_A_ADDRESS_PORT, 0);
	mnl_attr_nest_end(nlh, nest);
	refused(nlh, ERANGE, true, "join at port 0");
}

/* Where no machine can be reached. */
static void test_member_address(const char *name)
{
	static const struct {
		u16 len;
		u8 ip[16];
		const char *what;
	} bad[] = {
		{ 4, { 0 }, "0.0.0.0" },
		{ 4, { 224, 0, 0, 1 }, "224.0.0.1" },
		{ 4, { 255, 255, 255, 255 }, "255.255.255.255" },
		{ 16, { 0 }, "::" },
		{ 16, { 0xff, 2, [15] = 1 }, "ff02::1" },
	};
	struct nlmsghdr *nlh;
	struct nlattr *nest;
	char what[80];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		nlh = req(RAFTBLK_CMD_MEMBER);
		mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_NAME, name);
		mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_MEMBER_CHANGE, RAFTBLK_MEMBER_CHANGE_SET);
		mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_TO, 1);
		nest = mnl_attr_nest_start(nlh, RAFTBLK_A_VOLUME_ADDRESS);
		mnl_attr_put(nlh, RAFTBLK_A_ADDRESS_IP, bad[i].len, bad[i].ip);
		mnl_attr_put_u16(nlh, RAFTBLK_A_ADDRESS_PORT, 7450);
		mnl_attr_nest_end(nlh, nest);
		snprintf(what, sizeof(what), "a member at %s", bad[i].what);
		refused(nlh, EINVAL, true, what);
	}
}

/* Random attributes in random order to every command that changes nothing. */
static void test_random(void)
{
	static const u8 cmds[] = { RAFTBLK_CMD_GET, RAFTBLK_CMD_TOKEN, RAFTBLK_CMD_JOIN };

	srand(7);
	for (int i = 0; i < 20000; i++) {
		struct nlmsghdr *nlh = req(cmds[rand() % ARRAY_SIZE(cmds)]);
		u8 data[64];

		for (int n = rand() % 6; n > 0; n--) {
			for (size_t k = 0; k < sizeof(data); k++)
				data[k] = rand() % 3 ? rand() % 24 : rand();
			mnl_attr_put(nlh, rand() % 48, rand() % sizeof(data), data);
			if (rand() % 2)
				((struct nlattr *)(mnl_nlmsg_get_payload_tail(nlh) - 4))->nla_type ^=
					rand() % 2 ? NLA_F_NESTED : 0;
		}
		nl_call(&nl, nlh, NULL, NULL);
	}
	result(true, "20000 random requests");
}

static void test_unprivileged(const char *name, const char *dev)
{
	struct json_object *all;
	struct nlmsghdr *nlh;
	struct nl other;

	if (setresuid(65534, 65534, 0)) {
		result(false, "becoming somebody else");
		return;
	}
	/* The privilege is that of who opened the socket, and of who sends. */
	if (nl_open(&other, true)) {
		result(false, "a socket of somebody else's");
		return;
	}
	nl_close(&nl);
	nl = other;
	nlh = req(RAFTBLK_CMD_UP);
	mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_PATH, dev);
	refused(nlh, EPERM, false, "unprivileged up");
	nlh = of_volume(RAFTBLK_CMD_DOWN, name);
	refused(nlh, EPERM, false, "unprivileged down");
	nlh = of_volume(RAFTBLK_CMD_TOKEN, name);
	refused(nlh, EPERM, false, "unprivileged token");
	nlh = of_volume(RAFTBLK_CMD_TRANSFER, name);
	mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_TO, 1);
	refused(nlh, EPERM, false, "unprivileged transfer");
	nlh = of_volume(RAFTBLK_CMD_RESIZE, name);
	mnl_attr_put_u64(nlh, RAFTBLK_A_VOLUME_SIZE, 1ULL << 30);
	refused(nlh, EPERM, false, "unprivileged resize");
	nlh = of_volume(RAFTBLK_CMD_SET, name);
	mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_IO_TIMEOUT, 1);
	refused(nlh, EPERM, false, "unprivileged set");
	nlh = of_volume(RAFTBLK_CMD_VERIFY, name);
	refused(nlh, EPERM, false, "unprivileged verify");
	refused(join(0, 4), EPERM, false, "unprivileged join");
	if (nl_get(&nl, name, &all)) {
		result(false, "unprivileged status");
		return;
	}
	result(!j_get(json_object_array_get_idx(all, 0), "key"),
	       "unprivileged status, without the key");
	json_object_put(all);
}

/* Name, minor, uuid, settings: what no refused request may have changed. */
static char *state_of(const char *name)
{
	static const char *const fields[] = {
		"name", "minor", "uuid", "config_index", "io_timeout", "quorum_reads", "openers",
	};
	struct json_object *all, *vol;
	char *text = NULL;
	size_t len;
	FILE *f;

	if (nl_get(&nl, name, &all))
		return NULL;
	vol = json_object_array_get_idx(all, 0);
	f = open_memstream(&text, &len);
	for (size_t i = 0; f && i < ARRAY_SIZE(fields); i++)
		fprintf(f, "%s ", j_str(vol, fields[i]));
	if (f)
		fclose(f);
	json_object_put(all);
	return text;
}

int main(int argc, char **argv)
{
	char *before, *after;

	if (argc != 3)
		return 2;
	setbuf(stdout, NULL);
	puts("TAP version 13");
	if (nl_open(&nl, true))
		return 1;
	before = state_of(argv[1]);
	result(before, "the volume is up");
	test_naming(argv[1]);
	test_others(argv[1]);
	test_join();
	test_member_address(argv[1]);
	test_random();
	test_unprivileged(argv[1], argv[2]);
	after = state_of(argv[1]);
	result(before && after && !strcmp(before, after), "nothing has changed");
	printf("1..%d\n", tests);
	nl_close(&nl);
	return failed;
}
