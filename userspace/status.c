// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../kernel/core/entry.h"
#include "catchup.h"
#include "member.h"
#include "status.h"
#include "tool.h"

#define COLUMNS		6
#define CELL		80
#define SLOW_MS		1000

const char *member_part(struct json_object *m)
{
	bool old = member_has_flag(m, "old"), new = member_has_flag(m, "new");

	if (old && new)
		return member_has_flag(m, "witness") ? "witness" : "voter";
	if (new)
		return "joining";
	if (old)
		return member_has_flag(m, "stays") ? "demoted" : "leaving";
	return "learner";
}

struct json_object *status_members(struct json_object *vol)
{
	struct json_object *members = j_get(vol, "members");

	for (size_t k = 0; members && k < json_object_array_length(members); k++) {
		struct json_object *m = json_object_array_get_idx(members, k);

		json_object_object_add(m, "part", json_object_new_string(member_part(m)));
	}
	return members;
}

struct json_object *status_json(struct json_object *volumes)
{
	struct json_object *top = json_object_new_object();
	char device[32];

	for (size_t i = 0; i < json_object_array_length(volumes); i++) {
		struct json_object *vol = json_object_array_get_idx(volumes, i);

		snprintf(device, sizeof(device), "/dev/raftblk%" PRIu64, j_u64(vol, "minor"));
		json_object_object_add(vol, "device", json_object_new_string(device));
		status_members(vol);
	}
	json_object_object_add(top, "volumes", volumes);
	return top;
}

/**
 * struct table - rows of cells, printed in columns as wide as they need
 */
struct table {
	int rows;
	char cell[18][COLUMNS][CELL];
	const char *paint[18];	/* colour of a row */
};

static void table_print(const struct table *t)
{
	size_t width[COLUMNS] = { 0 };

	for (int r = 0; r < t->rows; r++) {
		for (int c = 0; c < COLUMNS; c++)
			width[c] = max(width[c], strlen(t->cell[r][c]));
	}
	for (int r = 0; r < t->rows; r++) {
		printf("  %s", t->paint[r] ? color(t->paint[r]) : "");
		for (int c = 0; c < COLUMNS; c++) {
			bool last = c == COLUMNS - 1;

			printf("%-*s%s", last ? 0 : (int)width[c], t->cell[r][c], last ? "" : "  ");
		}
		printf("%s\n", t->paint[r] ? color("off") : "");
	}
}

static bool is_connected(struct json_object *m)
{
	return j_bool(m, "connected_control") && j_bool(m, "connected_data");
}

static const char *member_state(struct json_object *vol, struct json_object *m)
{
	if (j_bool(m, "self") && j_s64(vol, "fault"))
		return "stopped";
	if (j_bool(m, "self") && j_bool(vol, "removed"))
		return "removed";
	if (j_bool(m, "self"))
		return j_get(vol, "catchup") ? "this machine, catching up" : "this machine";
	if (is_connected(m))
		return j_bool(m, "incomplete") ? "catching up" : "connected";
	if (j_bool(m, "connected_control") || j_bool(m, "connected_data"))
		return "half connected";
	return "not connected";
}

/* Entries, bytes and seconds, as far as they are known. */
static void format_behind(struct json_object *m, char *out)
{
	u64 ms = j_u64(m, "lag_time");
	char size[16];
	int n;

	/* Whatever its log has: that would look like a copy to rely on. */
	if (j_bool(m, "incomplete")) {
		snprintf(out, CELL, "not complete");
		return;
	}
	if (!j_get(m, "lag")) {
		snprintf(out, CELL, "-");
		return;
	}
	if (!j_u64(m, "lag")) {
		snprintf(out, CELL, "up to date");
		return;
	}
	if (!strcmp(j_str(m, "progress"), "behind"))
		n = snprintf(out, CELL, "beyond the log");
	else
		n = snprintf(out, CELL, "%" PRIu64 " entries", j_u64(m, "lag"));
	if (j_get(m, "lag_bytes"))
		n += snprintf(out + n, CELL - n, ", %s",
			      format_size(j_u64(m, "lag_bytes"), size));
	if (ms < 10000)
		snprintf(out + n, CELL - n, ", %" PRIu64 ".%" PRIu64 " s", ms / 1000, ms / 100 % 10);
	else
		snprintf(out + n, CELL - n, ", %" PRIu64 " s", ms / 1000);
}

/* Members that follow have nothing to say to each other; only silence towards the
 * leader means something.
 */
static void format_heard(struct json_object *vol, struct json_object *m, char *out)
{
	bool leads = !strcmp(j_str(vol, "role"), "leader");
	u64 ms = j_u64(m, "heard");

	if (j_bool(m, "self") || (!leads && j_u64(m, "id") != j_u64(vol, "leader")))
		out[0] = 0;
	else if (!j_get(m, "heard"))
		snprintf(out, CELL, "never heard");
	else if (ms < SLOW_MS)
		snprintf(out, CELL, "heard %" PRIu64 " ms ago", ms);
	else
		snprintf(out, CELL, "heard %" PRIu64 " s ago", ms / 1000);
}

/* A witness is called that also while it does not vote, or not for long any more. */
static void format_part(struct json_object *m, char *out)
{
	const char *part = member_part(m);
	bool other = member_has_flag(m, "witness") && strcmp(part, "witness");
	int n = snprintf(out, CELL, "%s%s", part, other ? " (witness)" : "");

	if (j_u64(m, "replaces"))
		snprintf(out + n, CELL - n, " for node %" PRIu64, j_u64(m, "replaces"));
}

static void member_row(struct table *t, struct json_object *vol, struct json_object *m)
{
	struct json_object *addr = j_get(m, "address");
	const char *ip = j_str(addr, "ip");
	char (*cell)[CELL] = t->cell[t->rows];
	u64 id = j_u64(m, "id");

	snprintf(cell[0], CELL, "%" PRIu64 "%s%s", id, id == j_u64(vol, "leader") ? " leader" : "",
		 id == j_u64(vol, "owner") ? " owner" : "");
	snprintf(cell[1], CELL, strchr(ip, ':') ? "[%s]:%" PRIu64 : "%s:%" PRIu64, ip,
		 j_u64(addr, "port"));
	format_part(m, cell[2]);
	snprintf(cell[3], CELL, "%s", member_state(vol, m));
	format_behind(m, cell[4]);
	format_heard(vol, m, cell[5]);
	if (!j_bool(m, "self") && !is_connected(m))
		t->paint[t->rows] = "red";
	else if (j_bool(m, "self"))
		t->paint[t->rows] = "bold";
	t->rows++;
}

void status_show_members(struct json_object *vol)
{
	static const char *const head[COLUMNS] = {
		"NODE", "ADDRESS", "PART", "STATE", "BEHIND", ""
	};
	struct json_object *members = j_get(vol, "members");
	struct table t = { .rows = 1, .paint[0] = "dim" };

	for (int c = 0; c < COLUMNS; c++)
		snprintf(t.cell[0][c], CELL, "%s", head[c]);
	for (size_t i = 0; members && i < json_object_array_length(members) && i < 16; i++)
		member_row(&t, vol, json_object_array_get_idx(members, i));
	table_print(&t);
}

static void hint(const char *fmt, ...) __printf(1, 2);
static void hint(const char *fmt, ...)
{
	va_list ap;

	printf("  %s", color("yellow"));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("%s\n", color("off"));
}

/*
 * Not connected, or silent towards the leader: of a machine without power the connection is there
 * until somebody gives it up.
 */
static bool is_missing(struct json_object *vol, struct json_object *m)
{
	bool leads = !strcmp(j_str(vol, "role"), "leader");

	return !is_connected(m) || (leads && (!j_get(m, "heard") || j_u64(m, "heard") >= SLOW_MS));
}

/* Voters that this machine misses: who they are.  @data: of those with data. */
static void missing_voters(struct json_object *vol, bool data, char *list, size_t size)
{
	struct json_object *members = j_get(vol, "members");
	size_t used = 0;

	list[0] = 0;
	for (size_t i = 0; members && i < json_object_array_length(members); i++) {
		struct json_object *m = json_object_array_get_idx(members, i);
		struct json_object *addr = j_get(m, "address");

		if (j_bool(m, "self") || !is_missing(vol, m) || !strcmp(member_part(m), "learner") ||
		    (data && member_has_flag(m, "witness")) || used >= size)
			continue;
		used += snprintf(list + used, size - used, "%s%" PRIu64 " (%s%s%s)",
				 used ? ", " : "", j_u64(m, "id"), j_str(addr, "ip"),
				 j_get(m, "last_error") ? ": " : "",
				 j_get(m, "last_error") ? strerror(-j_s64(m, "last_error")) : "");
	}
}

static void show_repairs(struct json_object *vol)
{
	struct json_object *stats = j_get(vol, "stats");
	u64 repaired = j_u64(stats, "repaired"), failed = j_u64(stats, "repair_failed");

	if (repaired)
		hint("%" PRIu64 " blocks of 4 KiB of %s could not be read since it was brought up, "
		     "and were written anew from other members.", repaired, j_str(vol, "path"));
	if (failed)
		hint("%" PRIu64 " blocks of 4 KiB of %s could not be read, and could not be "
		     "repaired. dmesg says where.", failed, j_str(vol, "path"));
}

static void show_hints(struct json_object *vol)
{
	char missing[1024];

	if (j_s64(vol, "fault"))
		hint("This member has stopped: %s. dmesg says where; bring it down, mend the disk, "
		     "bring it up.", strerror(-j_s64(vol, "fault")));
	if (j_bool(vol, "removed")) {
		hint("This member was removed from the volume and does nothing any more. "
		     "'raftblk down %s' and 'raftblk wipe %s' free its device.",
		     j_str(vol, "name"), j_str(vol, "path"));
		return;
	}
	if (!j_bool(vol, "quorum")) {
		missing_voters(vol, false, missing, sizeof(missing));
		hint("No majority answers, so I/O waits. %s%s", missing[0] ?
		     "Not connected: node " : "An election may be going on.", missing);
	}
	if (j_bool(vol, "waits_for_data")) {
		missing_voters(vol, true, missing, sizeof(missing));
		hint("Node %" PRIu64 ", a witness, leads: the members with data that are up lack "
		     "entries that it does not keep any more. Nothing is lost, but I/O waits until "
		     "another member with data is back%s%s.", j_u64(vol, "leader"),
		     missing[0] ? ": node " : "", missing);
	}
	if (j_u64(vol, "proof") >= RAFTBLK_INDEX_MAX)
		hint("This member's disk is an older copy: others remember more of it than is here. "
		     "Until it has that again it does not stand for election, and votes only for a "
		     "member that cannot lack it.");
	else if (j_u64(vol, "proof"))
		hint("This member lost entries it may have promised to keep (up to %" PRIu64 "); "
		     "until it has them again it does not stand for election, and votes only for a "
		     "member that cannot lack them.", j_u64(vol, "proof"));
	if (member_is_stuck(vol))
		hint("This member needs entries that the leader's log no longer has, and it keeps "
		     "no version map to catch up with. 'raftblk wipe' and 'raftblk join' make its "
		     "device a new member.");
	else if (j_bool(vol, "behind") && !j_get(vol, "catchup") && !j_bool(vol, "waits_for_data"))
		hint("This member needs entries that the leader's log no longer has. It will begin "
		     "its log anew and fetch what changed from the others.");
	if (j_bool(vol, "fenced"))
		hint("Another node wrote while this one was cut off: whoever has the device open "
		     "here gets errors until it closes it.");
	show_repairs(vol);
}

static void show_catchup(struct json_object *vol)
{
	struct json_object *catchup = j_get(vol, "catchup");
	char text[CATCHUP_TEXT];

	if (catchup)
		printf("  catching up %s\n", catchup_text(catchup, text));
}

static void show_verify(struct json_object *vol)
{
	struct json_object *v = j_get(vol, "verify");
	u64 done = j_u64(v, "done"), total = j_u64(v, "total");
	char bar[PROGRESS_BAR], a[16], b[16];

	if (j_bool(v, "running"))
		printf("  comparing all members [%s] %3u%%  %s of %s, %" PRIu64 " blocks differ\n",
		       progress_bar(done, total, bar), percent_of(done, total),
		       format_size(done, a), format_size(total, b), j_u64(v, "differ"));
}

static void show_volume(struct json_object *vol)
{
	bool quorum = j_bool(vol, "quorum");
	u64 owner = j_u64(vol, "owner"), leader = j_u64(vol, "leader");
	char size[16], who[24], lead[24];

	snprintf(who, sizeof(who), owner ? "node %" PRIu64 : "nobody", owner);
	snprintf(lead, sizeof(lead), leader ? "node %" PRIu64 : "unknown", leader);
	printf("%s%s%s  /dev/raftblk%" PRIu64 "  %s  %s\n", color("bold"), j_str(vol, "name"),
	       color("off"), j_u64(vol, "minor"), format_size(j_u64(vol, "size"), size),
	       j_str(vol, "path"));
	if (member_has_flag(member_self(vol), "witness"))
		puts("  a witness: it votes and keeps the log, and has no data; the device can be "
		     "opened on members with data");
	printf("  %s in term %" PRIu64 ", leader %s, owner %s, quorum %s%s%s\n",
	       j_str(vol, "role"), j_u64(vol, "term"), lead, who,
	       color(quorum ? "green" : "red"), quorum ? "yes" : "NO", color("off"));
	printf("  log %" PRIu64 "%% of %s in use, entries %" PRIu64 " to %" PRIu64 ", durable %"
	       PRIu64 ", committed %" PRIu64 ", applied %" PRIu64 "\n", j_u64(vol, "log_usage"),
	       format_size(j_u64(vol, "log_size"), size), j_u64(vol, "first"),
	       j_u64(vol, "last"), j_u64(vol, "durable"), j_u64(vol, "commit"),
	       j_u64(vol, "applied"));
	show_catchup(vol);
	show_verify(vol);
	status_show_members(vol);
	show_hints(vol);
}

void status_show(struct json_object *volumes)
{
	size_t n = json_object_array_length(volumes);

	if (!n)
		puts("no volume is up on this machine");
	for (size_t i = 0; i < n; i++) {
		if (i)
			putchar('\n');
		show_volume(json_object_array_get_idx(volumes, i));
	}
}
