// SPDX-License-Identifier: GPL-2.0
/*
 * Parts of the tool that no command line reaches without the module: tokens,
 * addresses, sizes, and the decoder of netlink messages, also against rubbish.
 *
 * usage: toolunit FILE		writes a decoded status into FILE
 *	  toolunit --show FILE	shows such a status as people see it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../userspace/address.h"
#include "../../userspace/catchup.h"
#include "../../userspace/member.h"
#include "../../userspace/nl.h"
#include "../../userspace/status.h"
#include "../../userspace/tool.h"

static int failed;

static void check(bool good, const char *what)
{
	printf("%s %s\n", good ? "ok" : "not ok", what);
	failed |= !good;
}

static void test_token(void)
{
	struct token t, back;
	char text[TOKEN_TEXT + 8], line[TOKEN_TEXT + 16];
	bool same = true, found = true;

	for (int i = 0; i < 200; i++) {
		random_bytes(&t, sizeof(t));
		token_format(&t, text);
		snprintf(line, sizeof(line), " %s\r\n", text);
		same = same && strlen(text) == TOKEN_TEXT - 1 && !token_parse(line, &back) &&
		       !memcmp(&t, &back, sizeof(t));
		/* Any other character in any place must be noticed. */
		text[3 + i % 84] = text[3 + i % 84] == 'q' ? 'r' : 'q';
		found = found && (token_parse(text, &back) || !memcmp(&t, &back, sizeof(t)));
	}
	check(same, "200 tokens come back as they were");
	check(found, "a changed character in a token is found");
	check(token_parse("", &back) && token_parse("rb1", &back), "half a token is none");
}

static void test_address(void)
{
	static const char *const same[] = {
		"10.0.0.1:7450", "192.168.1.2:1", "[fd00::1]:7450", "[2001:db8::5]:65535",
	};
	struct raftblk_addr a;
	char text[ADDRESS_TEXT];
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		good = good && !address_parse(same[i], &a) &&
		       !strcmp(address_format(&a, text), same[i]);
	check(good, "addresses come back as they were");
	check(!address_parse("10.0.0.1", &a) && a.port == RAFTBLK_DEFAULT_PORT && a.family == 4,
	      "IPv4 without a port");
	check(!address_parse("fd00::1", &a) && a.port == RAFTBLK_DEFAULT_PORT && a.family == 6,
	      "IPv6 without a port or brackets");
	address_parse("127.0.0.1", &a);
	check(!address_is_local(&a), "127.0.0.1 is this machine's");
	address_parse("192.0.2.1", &a);
	check(address_is_local(&a), "a documentation address is not");
}

static void test_size(void)
{
	u64 n;

	check(!parse_size("512", &n) && n == 512 && !parse_size("4K", &n) && n == 4096 &&
	      !parse_size("1GiB", &n) && n == 1ULL << 30 && !parse_size("2t", &n) &&
	      n == 2ULL << 40, "sizes with units");
	check(parse_size("16777216T", &n) && parse_size("1 G", &n) && parse_size("0x10", &n),
	      "sizes that are none");
}

static void put_member(struct nlmsghdr *nlh, u32 id, bool self)
{
	struct nlattr *m = mnl_attr_nest_start(nlh, RAFTBLK_A_VOLUME_MEMBER);
	struct raftblk_addr addr;
	u8 uuid[16] = { 1, 2, 3 };

	address_parse(id == 1 ? "10.0.0.1" : "[fd00::2]:99", &addr);
	mnl_attr_put_u32(nlh, RAFTBLK_A_MEMBER_ID, id);
	mnl_attr_put_u32(nlh, RAFTBLK_A_MEMBER_FLAGS,
			 self ? RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW : RAFTBLK_MEMBER_PROMOTE);
	address_put(nlh, RAFTBLK_A_MEMBER_ADDRESS, &addr);
	mnl_attr_put(nlh, RAFTBLK_A_MEMBER_INCARNATION, sizeof(uuid), uuid);
	mnl_attr_put_u8(nlh, RAFTBLK_A_MEMBER_SELF, self);
	if (!self) {
		mnl_attr_put_u32(nlh, RAFTBLK_A_MEMBER_PROGRESS, RAFTBLK_PROGRESS_STREAM);
		mnl_attr_put_u64(nlh, RAFTBLK_A_MEMBER_LAG, 3);
		mnl_attr_put_u64(nlh, RAFTBLK_A_MEMBER_LAG_TIME, 12345);
		mnl_attr_put_u32(nlh, RAFTBLK_A_MEMBER_LAST_ERROR, (u32)-111);
		mnl_attr_put_u8(nlh, RAFTBLK_A_MEMBER_INCOMPLETE, 1);
	}
	mnl_attr_nest_end(nlh, m);
}

/* Every attribute of a state, by its type in the table. */
static void put_any(struct nlmsghdr *nlh, const struct spec_set *set)
{
	static const u8 bytes[64] = { 0xab };

	for (u16 i = 1; i <= set->max; i++) {
		const struct spec_attr *a = &set->attrs[i];

		switch (a->type) {
		case SPEC_BOOL:
		case SPEC_U8:
			mnl_attr_put_u8(nlh, i, 1);
			break;
		case SPEC_U16:
			mnl_attr_put_u16(nlh, i, 7);
			break;
		case SPEC_U32:
		case SPEC_S32:
			mnl_attr_put_u32(nlh, i, a->values ? 3 : 7);
			break;
		case SPEC_U64:
		case SPEC_S64:
			mnl_attr_put_u64(nlh, i, 1ULL << 53);
			break;
		case SPEC_STRING:
			mnl_attr_put_strz(nlh, i, "vol0");
			break;
		case SPEC_BINARY:
			if (a->hint != SPEC_HINT_HEX)
				mnl_attr_put(nlh, i, a->min_len, bytes);
			break;
		case SPEC_NEST:
			if (!a->multi) {
				struct nlattr *nest = mnl_attr_nest_start(nlh, i);

				put_any(nlh, a->nested);
				mnl_attr_nest_end(nlh, nest);
			}
			break;
		default:
			break;
		}
	}
}

static void test_decode(const char *path)
{
	static char buf[65536];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	const void *attrs = mnl_nlmsg_get_payload(nlh);
	struct json_object *j, *all = json_object_new_array(), *members;
	struct raftblk_member m;
	FILE *f;

	put_any(nlh, &spec_set_volume);
	put_member(nlh, 1, true);
	put_member(nlh, 2, false);
	mnl_attr_put_u32(nlh, 4000, 1);		/* of a newer module */
	j = nl_to_json(&spec_set_volume, attrs, mnl_nlmsg_get_payload_len(nlh));
	check(j, "a state is decoded");
	/* 'to' is asked, never answered */
	json_object_object_del(j, "to");
	json_object_object_del(j, "member_change");
	json_object_object_del(j, "resize_error");
	json_object_object_del(j, "resize_member");
	json_object_object_del(j, "resize_room");
	json_object_object_del(j, "part");
	json_object_object_del(j, "address");
	members = j_get(j, "members");
	check(json_object_array_length(members) == 2, "with both members");
	check(!strcmp(j_str(j, "role"), "leader") && j_u64(j, "term") == 1ULL << 53,
	      "with names and large numbers");
	check(!member_from_json(json_object_array_get_idx(members, 1), &m) && m.id == 2 &&
	      m.flags == RAFTBLK_MEMBER_PROMOTE && m.addr.family == 6 && m.addr.port == 99 &&
	      m.incarnation[2] == 3, "a member comes back as it was");
	check(member_self(j) == json_object_array_get_idx(members, 0), "this machine's is found");
	check(j_s64(json_object_array_get_idx(members, 1), "last_error") == -111,
	      "errors are negative");
	check(j_u64(j_get(j, "catchup"), "source") == 7 &&
	      j_u64(j_get(j, "catchup"), "total") == 1ULL << 53, "with what is inside a nest");
	check(j_bool(json_object_array_get_idx(members, 1), "incomplete"),
	      "and who is catching up");
	json_object_array_add(all, j);
	all = status_json(all);
	f = fopen(path, "w");
	if (f) {
		fputs(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY), f);
		fclose(f);
	}
	json_object_put(all);
}

static struct json_object *one_attr(const struct spec_set *set, u16 type, const void *data,
				    u16 len)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	mnl_attr_put(nlh, type, len, data);
	return nl_to_json(set, mnl_nlmsg_get_payload(nlh), mnl_nlmsg_get_payload_len(nlh));
}

static void test_malformed(void)
{
	u8 data[64] = { 0 };
	bool refused = !one_attr(&spec_set_volume, RAFTBLK_A_VOLUME_TERM, data, 4) &&
		       !one_attr(&spec_set_volume, RAFTBLK_A_VOLUME_MINOR, data, 8) &&
		       !one_attr(&spec_set_volume, RAFTBLK_A_VOLUME_UUID, data, 15) &&
		       !one_attr(&spec_set_volume, RAFTBLK_A_VOLUME_UUID, data, 17) &&
		       !one_attr(&spec_set_address, RAFTBLK_A_ADDRESS_IP, data, 5) &&
		       !one_attr(&spec_set_volume, RAFTBLK_A_VOLUME_QUORUM, data, 0);

	check(refused, "attributes of wrong length are refused");
	srand(1);
	for (int i = 0; i < 200000; i++) {
		union {
			u8 b[128];
			u64 align;
		} u;
		size_t len = rand() % sizeof(u.b);

		for (size_t k = 0; k < len; k++)
			u.b[k] = rand() % 4 ? rand() % 40 : rand();
		json_object_put(nl_to_json(&spec_set_volume, u.b, len));
	}
	check(true, "200000 rubbish messages do no harm");
}

/* A volume that is catching up, or is @behind and about to; @extent: it has a map. */
static struct json_object *volume(bool behind, u64 extent, u64 done, u64 received)
{
	struct json_object *vol = json_object_new_object(), *c;

	json_object_object_add(vol, "last", json_object_new_uint64(5));
	json_object_object_add(vol, "applied", json_object_new_uint64(5));
	json_object_object_add(vol, "behind", json_object_new_boolean(behind));
	json_object_object_add(vol, "extent_size", json_object_new_uint64(extent));
	if (behind)
		return vol;
	c = json_object_new_object();
	json_object_object_add(c, "source", json_object_new_uint64(2));
	json_object_object_add(c, "done", json_object_new_uint64(done));
	json_object_object_add(c, "total", json_object_new_uint64(1 << 30));
	json_object_object_add(c, "received", json_object_new_uint64(received));
	json_object_object_add(vol, "catchup", c);
	return vol;
}

static u64 seen_of(u64 done, u64 received)
{
	struct json_object *vol = volume(false, 4096, done, received);
	u64 seen = member_seen(vol);

	json_object_put(vol);
	return seen;
}

static bool stuck(bool behind, u64 extent)
{
	struct json_object *vol = volume(behind, extent, 0, 0);
	bool is = member_is_stuck(vol);

	json_object_put(vol);
	return is;
}

static void test_waiting(void)
{
	check(seen_of(0, 0) != seen_of(4096, 0) && seen_of(0, 0) != seen_of(0, 512),
	      "a chunk and content that came are movement");
	check(stuck(true, 0) && !stuck(true, 4096) && !stuck(false, 4096) && !member_is_stuck(NULL),
	      "behind the log is the end only without a version map");
}

/* The line of a member that has so many MiB of 1024; @rate in MiB/s, @left in s: 0 is not known. */
static bool shows(const char *want, u64 done, u64 rate, u64 left)
{
	struct json_object *vol = volume(false, 4096, done << 20, done << 19);
	struct json_object *c = j_get(vol, "catchup");
	char text[CATCHUP_TEXT];

	if (rate)
		json_object_object_add(c, "rate", json_object_new_uint64(rate << 20));
	if (left)
		json_object_object_add(c, "left_ms", json_object_new_uint64(left * 1000));
	catchup_text(c, text);
	json_object_put(vol);
	if (!strcmp(text, want))
		return true;
	printf("# %s\n", text);
	return false;
}

static void test_catchup(void)
{
	check(shows("[###...........................]  10%  110 MiB of 1 GiB, "
		    "55 MiB received from node 2", 110, 0, 0), "catching up: no rate is known yet");
	check(shows("[###...........................]  11%  120 MiB of 1 GiB, 5 MiB/s, 4 min left, "
		    "60 MiB received from node 2", 120, 5, 181), "catching up: rate and time left");
	check(shows("[###############...............]  50%  512 MiB of 1 GiB, 20 MiB/s, 26 s left, "
		    "256 MiB received from node 2", 512, 20, 25), "catching up: in seconds");
	check(shows("[#######.......................]  25%  256 MiB of 1 GiB, 1 MiB/s, 2 h 5 min left, "
		    "128 MiB received from node 2", 256, 1, 7500), "catching up: in hours");
	check(shows("[#######.......................]  25%  256 MiB of 1 GiB, 1 MiB/s, 12 days left, "
		    "128 MiB received from node 2", 256, 1, 1000000), "catching up: in days");
	check(shows("[##############################] 100%  1 GiB of 1 GiB, "
		    "512 MiB received from node 2; entries of the log follow", 1024, 12, 0),
	      "catching up: the data is there");
}

static int show(const char *path)
{
	struct json_object *j = json_object_from_file(path);

	if (!j)
		return 1;
	status_show(j_get(j, "volumes"));
	json_object_put(j);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--show"))
		return show(argv[2]);
	if (argc != 2)
		return 2;
	test_token();
	test_address();
	test_size();
	test_decode(argv[1]);
	test_malformed();
	test_waiting();
	test_catchup();
	return failed;
}
