// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a device that of a volume's witness, node 3, as 'raftblk join' does when the
 * cluster has answered: for what can be tested without a cluster.
 *
 * usage: mkwitness DEV LOG	LOG: size of the volume's log, as in 64M
 *
 * The volume, vol0, has 24 MiB; members 1 and 2 have data.  All listen on 127.0.0.0/8,
 * the witness on 127.0.0.1.  Exit code: that of the tool.
 */
#include <stdio.h>
#include <string.h>

#include "../../userspace/address.h"
#include "../../userspace/format.h"
#include "../../userspace/tool.h"

#define WITNESS		3
#define VOLUME_BYTES	(24ULL << 20)

static void config_fill(struct raftblk_config *c, const struct raftblk_super *s)
{
	static const char *const addr[] = { "127.0.0.2", "127.0.0.3", "127.0.0.1" };

	memset(c, 0, sizeof(*c));
	c->next_id = WITNESS + 1;
	for (c->nr = 0; c->nr < WITNESS; c->nr++) {
		struct raftblk_member *m = &c->member[c->nr];

		m->id = c->nr + 1;
		m->flags = RAFTBLK_MEMBER_OLD | RAFTBLK_MEMBER_NEW;
		address_parse(addr[c->nr], &m->addr);
		random_uuid(m->incarnation);
	}
	c->member[WITNESS - 1].flags |= RAFTBLK_MEMBER_WITNESS;
	memcpy(c->member[WITNESS - 1].incarnation, s->incarnation, sizeof(s->incarnation));
}

int main(int argc, char **argv)
{
	struct layout_request req = {
		.volume = VOLUME_BYTES, .block_size = 4096, .extent = 4U << 20, .witness = true,
	};
	struct raftblk_super s = { .name = "vol0", .node_id = WITNESS };
	struct raftblk_config config;
	struct device dev;
	int ret;

	fail_verb = "join";
	if (argc != 3 || parse_size(argv[2], &req.ring))
		return EXIT_USAGE;
	ret = device_open(&dev, argv[1], true);
	if (ret)
		return ret;
	address_parse("127.0.0.1", &s.listen);
	random_uuid(s.uuid);
	random_uuid(s.incarnation);
	random_bytes(s.key, sizeof(s.key));
	config_fill(&config, &s);
	ret = format_layout(&dev, &req, &s);
	if (!ret)
		ret = format_device(&dev, &s, false);
	if (!ret)
		ret = format_finish(&dev, &s, &config);
	device_close(&dev);
	return ret;
}
