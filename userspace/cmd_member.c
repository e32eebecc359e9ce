// SPDX-License-Identifier: GPL-2.0
/* token, transfer, member: who belongs to a volume, and who leads it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "member.h"
#include "nl.h"
#include "status.h"
#include "tool.h"

/* The volume's token, TOKEN_TEXT bytes; the caller wipes it. */
static int get_token(struct nl *nl, const char *name, char *text)
{
	struct nlmsghdr *nlh = nl_request(nl, RAFTBLK_CMD_TOKEN);
	struct json_object *reply;
	struct token t;
	int err, ret = EXIT_OK;

	nl_put_volume(nlh, name);
	err = nl_call(nl, nlh, &spec_set_volume, &reply);
	if (err)
		return fail(code_of(-err), "%s: %s", name, nl->error);
	if (member_parse_hex(j_str(reply, "uuid"), t.uuid, sizeof(t.uuid)) ||
	    member_parse_hex(j_str(reply, "key"), t.key, sizeof(t.key)))
		ret = fail(EXIT_ERROR, "the module's answer is malformed");
	else
		token_format(&t, text);
	json_object_put(reply);
	explicit_bzero(&t, sizeof(t));
	return ret;
}

static void warn_of_token(void)
{
	if (isatty(STDOUT_FILENO))
		fputs("Who has the token can join the volume, read all of it and change who "
		      "belongs to it.\n", stderr);
}

int run_token(const struct args *a)
{
	char text[TOKEN_TEXT];
	struct nl nl;
	int ret = nl_open(&nl, false);

	if (ret)
		return ret;
	ret = get_token(&nl, a->pos[0], text);
	if (!ret) {
		puts(text);
		warn_of_token();
	}
	explicit_bzero(text, sizeof(text));
	nl_close(&nl);
	return ret;
}

int run_transfer(const struct args *a)
{
	struct nlmsghdr *nlh;
	struct nl nl;
	u32 to;
	int err, ret;

	ret = member_parse_id(a->pos[1], &to);
	if (!ret)
		ret = nl_open(&nl, false);
	if (ret)
		return ret;
	nlh = nl_request(&nl, RAFTBLK_CMD_TRANSFER);
	nl_put_volume(nlh, a->pos[0]);
	mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_TO, to);
	err = nl_call(&nl, nlh, NULL, NULL);
	if (err && err != -EALREADY)
		ret = fail(code_of(-err), "%s: %s", a->pos[0], nl.error);
	else
		printf("node %u leads %s%s\n", to, a->pos[0], err ? " already" : "");
	nl_close(&nl);
	return ret;
}

/**
 * struct request - a parsed "raftblk member ..."
 * @node: 0 if none is meant
 * @addr: family 0 if none is given
 */
struct request {
	const char *name;
	u32 node;
	struct raftblk_addr addr;
	const struct args *a;
};

static int member_list(struct nl *nl, const struct request *q)
{
	struct json_object *vol;
	int ret = member_volume(nl, q->name, &vol);

	if (ret)
		return ret;
	if (q->a->opt[OPT_JSON])
		puts(json_object_to_json_string_ext(status_members(vol), JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		status_show_members(vol);
	json_object_put(vol);
	return EXIT_OK;
}

/* What to run on the new machine: a whole line but for what only that one knows. */
static int show_join(struct nl *nl, const struct request *q, struct json_object *vol)
{
	const char *role = q->a->opt[OPT_ROLE];
	char token[TOKEN_TEXT], addr[ADDRESS_TEXT];
	struct raftblk_addr self;
	int ret;

	if (address_from_json(j_get(member_self(vol), "address"), &self))
		return fail(EXIT_ERROR, "%s: this member has no address for others to ask at",
			    q->name);
	ret = get_token(nl, q->name, token);
	if (ret)
		return ret;
	printf("raftblk join %s DEVICE --addr ADDRESS", address_format(&self, addr));
	if (role && strcmp(role, "voter"))
		printf(" --role %s", role);
	if (q->node)
		printf(" --replace %u", q->node);
	printf(" --token %s\n", token);
	if (isatty(STDOUT_FILENO))
		fprintf(stderr, "\nRun this on the new machine, with its device and its address.%s\n",
			q->node ? " It takes the other's\nplace in one step, when it has caught "
				  "up; until then nothing changes." : "");
	warn_of_token();
	explicit_bzero(token, sizeof(token));
	return EXIT_OK;
}

static int member_invite(struct nl *nl, const struct request *q)
{
	struct json_object *vol;
	int ret = member_volume(nl, q->name, &vol);

	if (ret)
		return ret;
	if (q->node && !member_find(vol, q->node))
		ret = fail(EXIT_ERROR, "%s: no member has the node id %u", q->name, q->node);
	else
		ret = show_join(nl, q, vol);
	json_object_put(vol);
	return ret;
}

static int change(struct nl *nl, const struct request *q, u32 what)
{
	struct nlmsghdr *nlh = nl_request(nl, RAFTBLK_CMD_MEMBER);
	const char *role = q->a->opt[OPT_ROLE];
	int err;

	nl_put_volume(nlh, q->name);
	mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_MEMBER_CHANGE, what);
	mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_TO, q->node);
	if (role)
		mnl_attr_put_u32(nlh, RAFTBLK_A_VOLUME_PART, strcmp(role, "voter") ?
				 RAFTBLK_PART_LEARNER : RAFTBLK_PART_VOTER);
	if (q->addr.family)
		address_put(nlh, RAFTBLK_A_VOLUME_ADDRESS, &q->addr);
	err = nl_call(nl, nlh, NULL, NULL);
	return err ? fail(code_of(-err), "%s: %s", q->name, nl->error) : EXIT_OK;
}

static int member_remove(struct nl *nl, const struct request *q)
{
	int ret = change(nl, q, RAFTBLK_MEMBER_CHANGE_REMOVE);

	if (!ret)
		printf("node %u is no member of %s any more; 'raftblk down %s' and 'raftblk wipe' "
		       "free its device\n", q->node, q->name, q->name);
	return ret;
}

static int member_set(struct nl *nl, const struct request *q)
{
	const char *role = q->a->opt[OPT_ROLE];
	int ret = change(nl, q, RAFTBLK_MEMBER_CHANGE_SET);

	if (ret)
		return ret;
	if (role && !strcmp(role, "voter"))
		printf("node %u of %s is a voter, or becomes one when it has caught up\n", q->node,
		       q->name);
	else if (role)
		printf("node %u of %s is a learner\n", q->node, q->name);
	if (q->addr.family)
		printf("the others reach node %u of %s at %s from now on; there, "
		       "'raftblk up DEV --addr' makes it listen\n", q->node, q->name,
		       q->a->opt[OPT_ADDR]);
	return EXIT_OK;
}

/**
 * struct action - what can be done about members
 * @node: a node id is needed
 */
static const struct action {
	const char *name;
	bool node;
	int (*run)(struct nl *nl, const struct request *q);
} actions[] = {
	{ "list", false, member_list },
	{ "add", false, member_invite },
	{ "replace", true, member_invite },
	{ "remove", true, member_remove },
	{ "set", true, member_set },
};

static const struct action *find_action(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!strcmp(actions[i].name, name))
			return &actions[i];
	}
	return NULL;
}

static int check_role(const char *role, const struct action *act)
{
	bool set = act->run == member_set;

	if (!set && strcmp(act->name, "add"))
		return fail(EXIT_USAGE, "--role belongs to 'raftblk member add' and 'set'");
	if (!strcmp(role, "voter") || !strcmp(role, "learner"))
		return EXIT_OK;
	if (strcmp(role, "witness"))
		return fail(EXIT_USAGE, "--role is voter, learner or witness, not '%s'", role);
	return set ? fail(EXIT_USAGE, "a member does not become a witness, nor does a witness get "
			  "data; 'raftblk join --role witness' makes one") : EXIT_OK;
}

static int parse(const struct args *a, const struct action *act, struct request *q)
{
	const char *role = a->opt[OPT_ROLE];
	bool set = act->run == member_set;

	q->a = a;
	q->name = a->pos[1];
	if (act->node != (a->nr_pos == 3))
		return fail(EXIT_USAGE, act->node ? "which member? 'raftblk member %s NAME NODE'" :
			    "'raftblk member %s NAME' takes no more", act->name);
	if (!set && a->opt[OPT_ADDR])
		return fail(EXIT_USAGE, "--addr belongs to 'raftblk member set'");
	if (a->opt[OPT_JSON] && act->run != member_list)
		return fail(EXIT_USAGE, "--json belongs to 'raftblk member list'");
	if (set && !role && !a->opt[OPT_ADDR])
		return fail(EXIT_USAGE, "set what? --role or --addr is needed");
	if (role && check_role(role, act))
		return EXIT_USAGE;
	if (a->opt[OPT_ADDR] && member_parse_addr("--addr", a->opt[OPT_ADDR], &q->addr))
		return EXIT_USAGE;
	return act->node ? member_parse_id(a->pos[2], &q->node) : EXIT_OK;
}

int run_member(const struct args *a)
{
	const struct action *act = find_action(a->pos[0]);
	struct request q = { 0 };
	struct nl nl;
	int ret;

	if (!act)
		return fail(EXIT_USAGE, "'%s': what can be done is list, add, replace, remove, set",
			    a->pos[0]);
	ret = parse(a, act, &q);
	if (!ret)
		ret = nl_open(&nl, false);
	if (ret)
		return ret;
	ret = act->run(&nl, &q);
	nl_close(&nl);
	return ret;
}
