// SPDX-License-Identifier: GPL-2.0
/* up, down, set, version: one request to the module each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "device.h"
#include "format.h"
#include "member.h"
#include "nl.h"
#include "tool.h"

/* The member's machine has another address from now on. */
static int move(const char *path, const char *text)
{
	struct raftblk_super s;
	struct raftblk_addr to;
	const char *why = NULL;
	struct device dev;
	int copy, err, ret = member_parse_addr("--addr", text, &to);

	if (ret)
		return ret;
	ret = member_check_local(&to);
	if (!ret)
		ret = device_open(&dev, path, true);
	if (ret)
		return ret;
	err = device_super(&dev, &s, &copy, &why);
	if (!err && copy) {
		/* The first copy may be that of a newer version, and this one what was before. */
		ret = fail(EXIT_ERROR, "%s: superblock A does not read well: %s; 'raftblk up' without "
			   "--addr mends it if it can be mended", path, why);
	} else if (err) {
		ret = fail(EXIT_ERROR, "%s: %s", path, why ? why : strerror(-err));
	} else {
		ret = format_move(&dev, &to);
	}
	device_close(&dev);
	explicit_bzero(s.key, sizeof(s.key));
	return ret;
}

static void show_up(struct nl *nl, const char *name, u32 minor)
{
	struct json_object *all = NULL;

	if (!nl_get(nl, name, &all) &&
	    member_has_flag(member_self(json_object_array_get_idx(all, 0)), "witness"))
		printf("the witness of volume '%s' on this machine is up; the device is opened on "
		       "members with data\n", name);
	else
		printf("volume '%s' is up as /dev/raftblk%u\n", name, minor);
	json_object_put(all);
}

int run_up(const struct args *a)
{
	char name[32];
	struct nl nl;
	u32 minor;
	int ret = nl_open(&nl, false);

	if (ret)
		return ret;
	if (a->opt[OPT_ADDR])
		ret = move(a->pos[0], a->opt[OPT_ADDR]);
	if (!ret) {
		ret = member_up(&nl, a->pos[0], name, &minor);
		if (ret && a->opt[OPT_ADDR])
			fprintf(stderr, "%s has the new address all the same; 'raftblk up %s' tries "
				"again with it.\n", a->pos[0], a->pos[0]);
	}
	if (!ret)
		show_up(&nl, name, minor);
	nl_close(&nl);
	return ret;
}

/* A request about one volume that is answered by yes or no. */
static int simple(struct nl *nl, struct nlmsghdr *nlh, const char *name)
{
	int err = nl_call(nl, nlh, NULL, NULL);

	return err ? fail(code_of(-err), "%s: %s", name, nl->error) : EXIT_OK;
}

int run_down(const struct args *a)
{
	struct nlmsghdr *nlh;
	struct nl nl;
	int ret = nl_open(&nl, false);

	if (ret)
		return ret;
	nlh = nl_request(&nl, RAFTBLK_CMD_DOWN);
	nl_put_volume(nlh, a->pos[0]);
	if (a->opt[OPT_FORCE])
		mnl_attr_put(nlh, RAFTBLK_A_VOLUME_FORCE, 0, NULL);
	ret = simple(&nl, nlh, a->pos[0]);
	nl_close(&nl);
	return ret;
}

/* "0", "500ms", "30s", "5m", plain numbers are milliseconds */
static int parse_ms(const char *text, u32 *ms)
{
	unsigned long long n;
	u32 unit = 1;
	char *end;

	n = strtoull(text, &end, 10);
	if (end == text || text[0] == '-')
		return -1;
	if (!strcmp(end, "s"))
		unit = 1000;
	else if (!strcmp(end, "m"))
		unit = 60000;
	else if (*end && strcmp(end, "ms"))
		return -1;
	if (n > 0xffffffffULL / unit)
		return -1;
	*ms = n * unit;
	return 0;
}

/* rate-min=SIZE, rate-max=SIZE or rate-max=none */
static int put_rate(struct nlmsghdr *nlh, const char *setting)
{
	bool max = setting[6] == 'a';
	const char *text = setting + 9;
	u64 rate = 0;

	if ((!max || strcmp(text, "none")) && (parse_size(text, &rate) || !rate))
		return fail(EXIT_USAGE, "'%s': a rate is bytes per second, as in 500K or 10M, and "
			    "not 0%s", setting, max ? "; 'none' takes the limit away" : "");
	mnl_attr_put_u64(nlh, max ? RAFTBLK_A_VOLUME_RATE_MAX : RAFTBLK_A_VOLUME_RATE_MIN, rate);
	return EXIT_OK;
}

static int put_setting(struct nlmsghdr *nlh, const char *setting)
{
	u32 ms;

	if (!strncmp(setting, "rate-min=", 9) || !strncmp(setting, "rate-max=", 9))
		return put_rate(nlh, setting);

	if (!strncmp(setting, "io-timeout=", 11)) {
		if (parse_ms(setting + 11, &ms))
			return fail(EXIT_USAGE, "'%s': a time looks like 500ms, 30s or 5m; "
				    "0 means for ever", setting);
		mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_IO_TIMEOUT, ms);
	} else if (!strcmp(setting, "read-mode=lease")) {
		mnl_attr_put_u8(nlh, RAFTBLK_A_VOLUME_QUORUM_READS, 0);
	} else if (!strcmp(setting, "read-mode=quorum")) {
		mnl_attr_put_u8(nlh, RAFTBLK_A_VOLUME_QUORUM_READS, 1);
	} else {
		return fail(EXIT_USAGE, "'%s': what can be set is io-timeout=TIME, "
			    "read-mode=lease or read-mode=quorum, rate-min=SIZE, rate-max=SIZE",
			    setting);
	}
	return EXIT_OK;
}

int run_set(const struct args *a)
{
	char scratch[1024] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(scratch);
	struct nl nl;
	int ret = EXIT_OK;

	/* What cannot be understood is refused before the module is asked for. */
	for (int i = 1; i < a->nr_pos && !ret; i++)
		ret = put_setting(nlh, a->pos[i]);
	if (ret)
		return ret;
	ret = nl_open(&nl, false);
	if (ret)
		return ret;
	nlh = nl_request(&nl, RAFTBLK_CMD_SET);
	nl_put_volume(nlh, a->pos[0]);
	for (int i = 1; i < a->nr_pos; i++)
		put_setting(nlh, a->pos[i]);
	ret = simple(&nl, nlh, a->pos[0]);
	nl_close(&nl);
	return ret;
}

int run_version(const struct args *a)
{
	char line[64] = "not loaded";
	FILE *f = fopen("/sys/module/raftblk/version", "re");

	(void)a;
	if (f) {
		if (!fgets(line, sizeof(line), f))
			line[0] = 0;
		line[strcspn(line, "\n")] = 0;
		fclose(f);
	} else if (!access("/sys/module/raftblk", F_OK)) {
		strcpy(line, "loaded");
	}
	printf("raftblk %s, netlink protocol %d, disk format %d\nkernel module: %s\n",
	       RAFTBLK_TOOL_VERSION, RAFTBLK_FAMILY_VERSION, RAFTBLK_FORMAT_VERSION, line);
	return EXIT_OK;
}
