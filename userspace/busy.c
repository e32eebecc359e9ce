// SPDX-License-Identifier: GPL-2.0
/* A device can be mounted, swapped on, below another one, or below a volume of ours. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "busy.h"
#include "nl.h"
#include "tool.h"

static bool find_mount(dev_t rdev, char *who, size_t size)
{
	unsigned int maj, min_;
	char line[4096], where[1024];
	bool found = false;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*u %*u %u:%u %*s %1023s", &maj, &min_, where) == 3 &&
		    makedev(maj, min_) == rdev) {
			snprintf(who, size, "mounted on %s", where);
			found = true;
		}
	}
	if (f)
		fclose(f);
	return found;
}

static bool same_device(const char *path, dev_t rdev)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode) && st.st_rdev == rdev;
}

static bool find_swap(dev_t rdev, char *who, size_t size)
{
	char line[1024], path[1024];
	bool found = false;
	FILE *f = fopen("/proc/swaps", "re");

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%1023s", path) == 1 && same_device(path, rdev)) {
			snprintf(who, size, "used for swapping");
			found = true;
		}
	}
	if (f)
		fclose(f);
	return found;
}

static bool find_holder(dev_t rdev, char *who, size_t size)
{
	char path[64];
	struct dirent *e;
	bool found = false;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(rdev), minor(rdev));
	d = opendir(path);
	while (d && !found && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(who, size, "held by %s", e->d_name);
		found = true;
	}
	if (d)
		closedir(d);
	return found;
}

static bool find_volume(dev_t rdev, char *who, size_t size)
{
	struct json_object *all = NULL;
	bool found = false;
	struct nl nl;

	if (nl_open(&nl, true))
		return false;
	if (!nl_dump(&nl, &all)) {
		for (size_t i = 0; i < json_object_array_length(all) && !found; i++) {
			struct json_object *vol = json_object_array_get_idx(all, i);

			found = same_device(j_str(vol, "path"), rdev);
			if (found)
				snprintf(who, size, "volume '%s' is up on it; "
					 "'raftblk down %s' frees it", j_str(vol, "name"),
					 j_str(vol, "name"));
		}
		json_object_put(all);
	}
	nl_close(&nl);
	return found;
}

void device_user(dev_t rdev, char *who, size_t size)
{
	who[0] = 0;
	if (find_mount(rdev, who, size) || find_swap(rdev, who, size) ||
	    find_holder(rdev, who, size) || find_volume(rdev, who, size))
		return;
}
