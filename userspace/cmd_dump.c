// SPDX-License-Identifier: GPL-2.0
/* dump, wipe, probe: a member's device, without the module. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "dump.h"
#include "format.h"
#include "tool.h"

int run_dump(const struct args *a)
{
	struct json_object *j;
	struct device dev;
	int ret = device_open(&dev, a->pos[0], false);

	if (ret)
		return ret;
	ret = dump_device(&dev, a->opt[OPT_RECORDS], a->opt[OPT_MAP], &j);
	device_close(&dev);
	if (!j)
		return ret;
	if (a->opt[OPT_JSON])
		puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		dump_show(j);
	json_object_put(j);
	return ret;
}

/* The user types the volume's name: a mistyped device does not have it. */
static int confirm(const struct device *dev, const char *name)
{
	char line[128];
	char size[16];

	if (!isatty(STDIN_FILENO))
		return fail(EXIT_ERROR, "%s: nobody to ask; --yes wipes without asking", dev->path);
	fprintf(stderr, "%s (%s) is a member of volume '%s'. What it holds is lost here.\n"
		"Type the volume's name to go on: ", dev->path, format_size(dev->bytes, size),
		name);
	if (!fgets(line, sizeof(line), stdin))
		return fail(EXIT_ERROR, "nothing was done");
	line[strcspn(line, "\n")] = 0;
	if (strcmp(line, name))
		return fail(EXIT_ERROR, "that is not its name; nothing was done");
	return EXIT_OK;
}

int run_wipe(const struct args *a)
{
	struct raftblk_super s = { .name = "" };
	struct device dev;
	const char *why;
	int copy, err, ret;

	ret = device_open(&dev, a->pos[0], true);
	if (ret)
		return ret;
	err = device_super(&dev, &s, &copy, &why);
	if (err == -ENODATA)
		ret = fail(EXIT_ERROR, "%s is not a member of a raftblk volume; nothing was done",
			   dev.path);
	else if (err && err != -EBADMSG && err != -EOPNOTSUPP)
		ret = fail(EXIT_ERROR, "%s: cannot be read: %s", dev.path, strerror(-err));
	else if (!a->opt[OPT_YES])
		ret = confirm(&dev, err ? "rotten" : s.name);
	if (!ret) {
		err = format_erase(&dev);
		if (err)
			ret = fail(EXIT_ERROR, "%s: cannot be written: %s", dev.path,
				   strerror(-err));
	}
	device_close(&dev);
	explicit_bzero(s.key, sizeof(s.key));
	return ret;
}

int run_probe(const struct args *a)
{
	struct device dev = { .path = a->pos[0], .fd = -1 };
	struct raftblk_super s;
	char uuid[37];
	const char *why;
	int copy, ret;

	/* Not exclusively: udev asks about devices in use, too. */
	ret = device_open_shared(&dev, a->pos[0]);
	if (ret)
		return ret;
	ret = EXIT_ERROR;
	if (!device_super(&dev, &s, &copy, &why)) {
		printf("ID_FS_USAGE=raid\nID_FS_TYPE=raftblk_member\nID_FS_UUID=%s\n",
		       format_uuid(s.uuid, uuid));
		printf("ID_FS_UUID_SUB=%s\nRAFTBLK_NAME=%s\nRAFTBLK_NODE=%u\n",
		       format_uuid(s.incarnation, uuid), s.name, s.node_id);
		ret = EXIT_OK;
	}
	device_close(&dev);
	explicit_bzero(s.key, sizeof(s.key));
	return ret;
}
