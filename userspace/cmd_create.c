// SPDX-License-Identifier: GPL-2.0
/* create and join: a device becomes a member of a volume. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "../kernel/core/vmap.h"
#include "address.h"
#include "format.h"
#include "member.h"
#include "nl.h"
#include "tool.h"

static int parse_block_size(const char *text, u32 *size)
{
	*size = 4096;
	if (!text || !strcmp(text, "4096") || !strcasecmp(text, "4k"))
		return EXIT_OK;
	if (strcmp(text, "512"))
		return fail(EXIT_USAGE, "--block-size is 512 or 4096, not '%s'", text);
	*size = 512;
	return EXIT_OK;
}

static int parse_size_opt(const struct args *a, enum opt_id id, const char *name, u64 *size)
{
	*size = 0;
	if (a->opt[id] && (parse_size(a->opt[id], size) || !*size))
		return fail(EXIT_USAGE, "--%s: '%s' is not a size, as in 512M, 10G or 1T", name,
			    a->opt[id]);
	return EXIT_OK;
}

static int parse_extent(const char *text, u32 *extent)
{
	u64 size;

	*extent = 0;
	if (!text)
		return EXIT_OK;
	if (parse_size(text, &size) || size < FORMAT_EXTENT_MIN || size > FORMAT_EXTENT_MAX ||
	    size & (size - 1))
		return fail(EXIT_USAGE, "--extent-size is a power of two from 64K to 1G, not '%s'",
			    text);
	*extent = size;
	return EXIT_OK;
}

/* A name can be up once on a machine. */
static int check_name_free(struct nl *nl, const char *name)
{
	struct nlmsghdr *nlh = nl_request(nl, RAFTBLK_CMD_GET);
	struct json_object *vol;
	int err;

	mnl_attr_put_strz(nlh, RAFTBLK_A_VOLUME_NAME, name);
	err = nl_call(nl, nlh, &spec_set_volume, &vol);
	if (err == -ENODEV)
		return EXIT_OK;
	if (err)
		return fail(code_of(-err), "%s", nl->error);
	json_object_put(vol);
	return fail(EXIT_ERROR, "a volume '%s' is up on this machine already; choose another name",
		    name);
}

/* A machine can be a member of a volume once.  Found out before the cluster is
 * asked, which would count a member that can never come up.
 */
static int check_not_member(struct nl *nl, const u8 *uuid)
{
	struct json_object *all;
	char text[37];
	int ret = EXIT_OK;
	int err = nl_dump(nl, &all);

	if (err)
		return fail(code_of(-err), "%s", nl->error);
	format_uuid(uuid, text);
	for (size_t i = 0; i < json_object_array_length(all) && !ret; i++) {
		struct json_object *vol = json_object_array_get_idx(all, i);

		if (!strcmp(j_str(vol, "uuid"), text))
			ret = fail(EXIT_ERROR, "this machine is a member of volume '%s' already, "
				   "as node %llu", j_str(vol, "name"),
				   (unsigned long long)j_u64(vol, "node_id"));
	}
	json_object_put(all);
	return ret;
}

static int open_blank(struct device *dev, const char *path, bool force)
{
	int ret = device_open(dev, path, true);

	if (ret || force)
		return ret;
	ret = device_check_blank(dev);
	if (ret)
		device_close(dev);
	return ret;
}

/* The only member of a new volume. */
static void single_member(const struct raftblk_super *s, struct raftblk_config *config)
{
	memset(config, 0, sizeof(*config));
	config->nr = 1;
	config->next_id = s->node_id + 1;
	config->member[0].id = s->node_id;
	config->member[0].flags = RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW;
	config->member[0].addr = s->listen;
	memcpy(config->member[0].incarnation, s->incarnation, sizeof(s->incarnation));
}

/* Bring up what was just formatted; if that fails nothing of it stays. */
static int up_or_erase(struct nl *nl, const char *path, u32 *minor)
{
	struct device dev;
	int ret = member_up(nl, path, NULL, minor);

	if (ret && !device_open(&dev, path, true)) {
		if (!format_erase(&dev))
			fprintf(stderr, "What was written to %s has been erased again.\n", path);
		device_close(&dev);
	}
	return ret;
}

static void show_created(const char *name, u32 minor, const struct raftblk_super *s)
{
	char size[16];

	format_size(s->volume_sectors * 512, size);
	if (s->data_sectors)
		printf("volume '%s' is up as /dev/raftblk%u: %s, node %u\n", name, minor, size,
		       s->node_id);
	else
		printf("this machine is a witness of volume '%s': %s, node %u; the device is opened "
		       "on members with data\n", name, size, s->node_id);
}

static int create_format(struct device *dev, const struct args *a, struct raftblk_super *s,
			 const struct layout_request *req)
{
	struct raftblk_config config;
	int ret = format_layout(dev, req, s);

	if (ret)
		return ret;
	s->node_id = 1;
	random_uuid(s->uuid);
	random_uuid(s->incarnation);
	random_bytes(s->key, sizeof(s->key));
	single_member(s, &config);
	ret = format_device(dev, s, a->opt[OPT_ASSUME_ZERO]);
	return ret ? ret : format_finish(dev, s, &config);
}

static int create_up(struct nl *nl, const struct args *a, const struct raftblk_super *s)
{
	u32 minor;
	int ret = up_or_erase(nl, a->pos[1], &minor);

	if (ret)
		return ret;
	show_created(a->pos[0], minor, s);
	if (a->opt[OPT_NO_WAIT])
		return EXIT_OK;
	return member_wait_leader(nl, a->pos[0]);
}

int run_create(const struct args *a)
{
	bool up = !a->opt[OPT_NO_UP];
	struct raftblk_super s = { 0 };
	struct layout_request req = { 0 };
	struct device dev;
	struct nl nl;
	const char *why = name_problem(a->pos[0]);
	int ret;

	if (why)
		return fail(EXIT_USAGE, "'%s': %s", a->pos[0], why);
	if (a->opt[OPT_ROLE] && strcmp(a->opt[OPT_ROLE], "voter"))
		return fail(EXIT_USAGE, "--role %s: the first member of a volume votes and has data; "
			    "'raftblk join' makes others", a->opt[OPT_ROLE]);
	ret = member_parse_addr("--addr", a->opt[OPT_ADDR], &s.listen);
	if (!ret)
		ret = parse_block_size(a->opt[OPT_BLOCK_SIZE], &req.block_size);
	if (!ret)
		ret = parse_size_opt(a, OPT_SIZE, "size", &req.volume);
	if (!ret)
		ret = parse_size_opt(a, OPT_LOG_SIZE, "log-size", &req.ring);
	if (!ret)
		ret = parse_extent(a->opt[OPT_EXTENT_SIZE], &req.extent);
	if (ret)
		return ret;
	snprintf(s.name, sizeof(s.name), "%s", a->pos[0]);
	ret = open_blank(&dev, a->pos[1], a->opt[OPT_FORCE]);
	if (ret)
		return ret;
	if (up) {
		ret = member_check_local(&s.listen);
		if (!ret)
			ret = nl_open(&nl, false);
		if (ret)
			goto err_close;
		ret = check_name_free(&nl, s.name);
	}
	if (!ret)
		ret = create_format(&dev, a, &s, &req);
	device_close(&dev);	/* the module wants it for itself */
	if (!ret && up)
		ret = create_up(&nl, a, &s);
	if (up)
		nl_close(&nl);
	explicit_bzero(s.key, sizeof(s.key));
	return ret;

err_close:
	device_close(&dev);
	return ret;
}

static bool wants_role(const struct args *a, const char *role)
{
	return a->opt[OPT_ROLE] && !strcmp(a->opt[OPT_ROLE], role);
}

/* A line from a file or standard input; from a terminal without echo. */
static int read_line(FILE *f, char *buf, size_t size)
{
	bool tty = isatty(fileno(f));
	struct termios old, quiet;
	char *got;

	if (tty && !tcgetattr(fileno(f), &old)) {
		fputs("token (from 'raftblk token' on a member): ", stderr);
		quiet = old;
		quiet.c_lflag &= ~ECHO;
		tcsetattr(fileno(f), TCSANOW, &quiet);
		got = fgets(buf, size, f);
		tcsetattr(fileno(f), TCSANOW, &old);
		fputc('\n', stderr);
	} else {
		got = fgets(buf, size, f);
	}
	return got ? 0 : -1;
}

static int read_token(const struct args *a, struct token *t)
{
	char line[256] = "";
	const char *why;
	FILE *f = stdin;
	int ret;

	if (a->opt[OPT_TOKEN]) {
		why = token_parse(a->opt[OPT_TOKEN], t);
		return why ? fail(EXIT_USAGE, "--token: %s", why) : EXIT_OK;
	}
	if (a->opt[OPT_TOKEN_FILE] && strcmp(a->opt[OPT_TOKEN_FILE], "-")) {
		f = fopen(a->opt[OPT_TOKEN_FILE], "re");
		if (!f)
			return fail(code_of(errno), "%s: %m", a->opt[OPT_TOKEN_FILE]);
	}
	ret = read_line(f, line, sizeof(line));
	if (f != stdin)
		fclose(f);
	if (ret)
		return fail(EXIT_USAGE, "no token: 'raftblk token NAME' on a member shows it");
	why = token_parse(line, t);
	explicit_bzero(line, sizeof(line));
	return why ? fail(EXIT_USAGE, "%s", why) : EXIT_OK;
}

/* The members in the leader's answer: whom to accept connections from.  It is a
 * hint; the membership itself comes with the log, from its first entry on, which
 * is why it counts as set by entry 0.
 */
static int answer_config(struct json_object *answer, struct raftblk_config *config)
{
	struct json_object *members = j_get(answer, "members");

	memset(config, 0, sizeof(*config));
	config->next_id = j_u64(answer, "next_id");
	for (size_t i = 0; members && i < json_object_array_length(members); i++) {
		if (config->nr == RAFTBLK_MAX_MEMBERS ||
		    member_from_json(json_object_array_get_idx(members, i),
				     &config->member[config->nr++]))
			return fail(EXIT_ERROR, "the cluster's answer is malformed");
	}
	return EXIT_OK;
}

/**
 * struct join - what is asked of the cluster
 * @remote: any member
 * @learner: to stay one
 * @witness: without a data area
 * @replaces: node id of the member whose place is to be taken, or 0
 */
struct join {
	struct raftblk_addr remote;
	bool learner;
	bool witness;
	u32 replaces;
};

/* @look: only what the volume is like */
static int ask_cluster(struct nl *nl, const struct join *join, const struct raftblk_super *s,
		       bool look, struct json_object **answer)
{
	struct nlmsghdr *nlh = nl_request(nl, RAFTBLK_CMD_JOIN);
	char text[ADDRESS_TEXT];
	int err;

	address_put(nlh, RAFTBLK_A_JOIN_REMOTE, &join->remote);
	address_put(nlh, RAFTBLK_A_JOIN_LOCAL, &s->listen);
	mnl_attr_put(nlh, RAFTBLK_A_JOIN_UUID, sizeof(s->uuid), s->uuid);
	mnl_attr_put(nlh, RAFTBLK_A_JOIN_KEY, sizeof(s->key), s->key);
	mnl_attr_put(nlh, RAFTBLK_A_JOIN_INCARNATION, sizeof(s->incarnation), s->incarnation);
	if (join->learner)
		mnl_attr_put(nlh, RAFTBLK_A_JOIN_LEARNER, 0, NULL);
	if (join->witness)
		mnl_attr_put(nlh, RAFTBLK_A_JOIN_WITNESS, 0, NULL);
	if (join->replaces)
		mnl_attr_put_u32(nlh, RAFTBLK_A_JOIN_REPLACES, join->replaces);
	if (look)
		mnl_attr_put(nlh, RAFTBLK_A_JOIN_LOOK, 0, NULL);
	err = nl_call(nl, nlh, &spec_set_join, answer);
	if (err)
		return fail(code_of(-err), "%s: %s", address_format(&join->remote, text),
			    nl->error);
	return EXIT_OK;
}

/* Who takes the place of another becomes what that one is. */
static void take_kind(const struct raftblk_config *config, struct join *join)
{
	int old = raftblk_config_find(config, join->replaces);

	if (old >= 0)
		join->witness = !raftblk_member_has_data(&config->member[old]);
}

/* What the cluster answered becomes this member's superblock, if the device is large enough. */
static int take_answer(struct json_object *answer, const struct device *dev, struct join *join,
		       struct raftblk_super *s, struct raftblk_config *config)
{
	struct layout_request req = {
		.volume = j_u64(answer, "size"),
		.ring = j_u64(answer, "log_size"),
		.ring_is_hint = true,
		.block_size = j_u64(answer, "block_size"),
		.extent = j_u64(answer, "extent_size"),
	};
	int ret = answer_config(answer, config);

	if (!ret && req.extent < RAFTBLK_BLOCK_SECTORS * 512)
		ret = fail(EXIT_ERROR, "the cluster's answer is malformed");
	if (ret)
		return ret;
	take_kind(config, join);
	req.witness = join->witness;
	snprintf(s->name, sizeof(s->name), "%s", j_str(answer, "name"));
	s->node_id = j_u64(answer, "node_id");
	return format_layout(dev, &req, s);
}

static int join_up(struct nl *nl, const struct args *a, const struct raftblk_super *s)
{
	u32 minor;
	/* Not erased when it fails: the cluster knows this member by what is on it. */
	int ret = member_up(nl, a->pos[1], NULL, &minor);

	if (ret) {
		fprintf(stderr, "The device is formatted and the cluster waits for it: "
			"'raftblk up %s' tries again.\n", a->pos[1]);
		return ret;
	}
	show_created(s->name, minor, s);
	if (a->opt[OPT_NO_WAIT])
		return EXIT_OK;
	return member_wait_joined(nl, s->name, wants_role(a, "learner"));
}

static int join_ask(struct nl *nl, const struct device *dev, struct join *join, bool look,
		    struct raftblk_super *s, struct raftblk_config *config)
{
	struct json_object *answer;
	int ret = ask_cluster(nl, join, s, look, &answer);

	if (ret)
		return ret;
	ret = take_answer(answer, dev, join, s, config);
	json_object_put(answer);
	return ret;
}

/* It was let in, and cannot be what it was let in as. */
static void tell_left_behind(const struct raftblk_super *s)
{
	fprintf(stderr, "The cluster counts this machine as node %u of '%s' already, a learner that "
		"has no\nvote; 'raftblk member remove %s %u' on another member takes it out.\n",
		s->node_id, s->name, s->name, s->node_id);
}

/* With the device open and the module there.  The cluster is looked at before it is asked to
 * count a member that could not hold the volume.
 */
static int join_device(struct nl *nl, struct device *dev, const struct args *a,
		       struct join *join, struct raftblk_super *s)
{
	struct raftblk_config config;
	int ret;

	random_uuid(s->incarnation);
	ret = join_ask(nl, dev, join, true, s, &config);
	if (!ret)
		ret = join_ask(nl, dev, join, false, s, &config);
	if (ret)
		return ret;
	ret = format_device(dev, s, a->opt[OPT_ASSUME_ZERO]);
	if (!ret)
		ret = format_finish(dev, s, &config);
	if (ret)
		tell_left_behind(s);
	return ret;
}

static int join_args(const struct args *a, struct join *join, struct raftblk_super *s)
{
	struct token t;
	int ret;

	join->learner = wants_role(a, "learner");
	join->witness = wants_role(a, "witness");
	if (a->opt[OPT_ROLE] && !wants_role(a, "voter") && !join->learner && !join->witness)
		return fail(EXIT_USAGE, "--role is voter, learner or witness, not '%s'",
			    a->opt[OPT_ROLE]);
	if (a->opt[OPT_TOKEN] && a->opt[OPT_TOKEN_FILE])
		return fail(EXIT_USAGE, "--token or --token-file, not both");
	if (a->opt[OPT_REPLACE] && a->opt[OPT_ROLE])
		return fail(EXIT_USAGE, "--role or --replace, not both: it becomes what the member "
			    "is whose place it takes");
	if (a->opt[OPT_REPLACE] && member_parse_id(a->opt[OPT_REPLACE], &join->replaces))
		return EXIT_USAGE;
	ret = member_parse_addr("address", a->pos[0], &join->remote);
	if (!ret)
		ret = member_parse_addr("--addr", a->opt[OPT_ADDR], &s->listen);
	if (!ret && !memcmp(&join->remote, &s->listen, sizeof(s->listen)))
		ret = fail(EXIT_USAGE, "the first address is another member's, --addr this one's");
	if (!ret)
		ret = read_token(a, &t);
	if (ret)
		return ret;
	memcpy(s->uuid, t.uuid, sizeof(s->uuid));
	memcpy(s->key, t.key, sizeof(s->key));
	explicit_bzero(&t, sizeof(t));
	return EXIT_OK;
}

int run_join(const struct args *a)
{
	struct raftblk_super s = { 0 };
	struct join join = { 0 };
	struct device dev;
	struct nl nl;
	int ret = join_args(a, &join, &s);

	if (!ret)
		ret = open_blank(&dev, a->pos[1], a->opt[OPT_FORCE]);
	if (ret)
		return ret;
	ret = format_check_least(&dev, join.witness || join.replaces);
	if (!ret)
		ret = member_check_local(&s.listen);
	if (!ret)
		ret = nl_open(&nl, false);
	if (ret) {
		device_close(&dev);
		return ret;
	}
	ret = check_not_member(&nl, s.uuid);
	if (!ret)
		ret = join_device(&nl, &dev, a, &join, &s);
	device_close(&dev);
	if (!ret)
		ret = join_up(&nl, a, &s);
	nl_close(&nl);
	explicit_bzero(s.key, sizeof(s.key));
	return ret;
}
