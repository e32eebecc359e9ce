// SPDX-License-Identifier: GPL-2.0
/* The table of verbs: help, completion and man page follow it. */
#include "tool.h"

#define OPT_DEF_ADDR \
	{ OPT_ADDR, "addr", "ADDR[:PORT]", \
	  "where this member listens; the port is 7450 if not given", true }
#define OPT_DEF_FORCE_DATA \
	{ OPT_FORCE, "force", NULL, "overwrite what is on the device", false }
#define OPT_DEF_ASSUME_ZERO \
	{ OPT_ASSUME_ZERO, "assume-zero", NULL, \
	  "do not zero the data area: the device reads as zeros already", false }
#define OPT_DEF_JSON \
	{ OPT_JSON, "json", NULL, "everything, as JSON", false }
#define OPT_END	{ .name = NULL }

static const struct opt create_opts[] = {
	OPT_DEF_ADDR,
	{ OPT_SIZE, "size", "SIZE", "size of the volume; all that fits if not given", false },
	{ OPT_LOG_SIZE, "log-size", "SIZE",
	  "size of the log; a sixteenth of the device, 16 to 512 MiB, if not given", false },
	{ OPT_BLOCK_SIZE, "block-size", "512|4096", "logical block size; 4096 if not given", false },
	{ OPT_EXTENT_SIZE, "extent-size", "SIZE",
	  "size of what members note as changed, for one that was away; 4 MiB if not given", false },
	{ OPT_ROLE, "role", "voter", "what the first member of a volume always is", false },
	OPT_DEF_FORCE_DATA,
	OPT_DEF_ASSUME_ZERO,
	{ OPT_NO_UP, "no-up", NULL, "only format, do not bring the volume up", false },
	{ OPT_NO_WAIT, "no-wait", NULL, "do not wait until the volume has a leader", false },
	OPT_END
};

static const struct opt join_opts[] = {
	OPT_DEF_ADDR,
	{ OPT_ROLE, "role", "voter|learner|witness",
	  "learner: a copy that never votes; witness: votes, without the data; voter if not given",
	  false },
	{ OPT_REPLACE, "replace", "NODE",
	  "take the place of this member, and be what it is, in one step", false },
	{ OPT_TOKEN, "token", "TOKEN",
	  "the token; visible to others on this machine while it runs", false },
	{ OPT_TOKEN_FILE, "token-file", "FILE", "read the token from a file; - is standard input",
	  false },
	OPT_DEF_FORCE_DATA,
	OPT_DEF_ASSUME_ZERO,
	{ OPT_NO_WAIT, "no-wait", NULL, "do not wait until this member has caught up", false },
	OPT_END
};

static const struct opt down_opts[] = {
	{ OPT_FORCE, "force", NULL,
	  "although the device is open: what is not finished ends with an error", false },
	OPT_END
};

static const struct opt up_opts[] = {
	{ OPT_ADDR, "addr", "ADDR[:PORT]",
	  "where this member listens from now on, if the machine's address changed", false },
	OPT_END
};

static const struct opt member_opts[] = {
	{ OPT_ROLE, "role", "voter|learner|witness", "add, set: what the member is to be", false },
	{ OPT_ADDR, "addr", "ADDR[:PORT]", "set: where the others reach it", false },
	{ OPT_JSON, "json", NULL, "list: as in 'status --json'", false },
	OPT_END
};

static const struct opt resize_opts[] = {
	{ OPT_ASSUME_ZERO, "assume-zero", NULL,
	  "do not zero what is new: it reads as zeros already, on every member", false },
	{ OPT_JSON, "json", NULL, "the outcome, as JSON", false },
	OPT_END
};

static const struct opt json_opts[] = {
	OPT_DEF_JSON,
	OPT_END
};

static const struct opt dump_opts[] = {
	{ OPT_RECORDS, "records", NULL, "list every record of the log with its entries", false },
	{ OPT_MAP, "map", NULL, "list the newest entry of each extent, from the version map",
	  false },
	OPT_DEF_JSON,
	OPT_END
};

static const struct opt verify_opts[] = {
	{ OPT_REPAIR, "repair", NULL, "mend what differs from a majority of the members", false },
	{ OPT_STOP, "stop", NULL, "end the one that is under way", false },
	{ OPT_NO_WAIT, "no-wait", NULL, "only begin; 'raftblk status --json' tells how it goes",
	  false },
	{ OPT_IF_LEADER, "if-leader", NULL,
	  "do nothing, and without an error, where another member leads", false },
	OPT_END
};

static const struct opt wipe_opts[] = {
	{ OPT_YES, "yes", NULL, "do not ask", false },
	OPT_END
};

static const struct opt help_opts[] = {
	{ OPT_JSON, "json", NULL, "the table of verbs, as JSON", false },
	OPT_END
};

const struct verb verbs[] = {
	{
		.name = "create", .args = "NAME DEV", .min = 2, .max = 2,
		.summary = "make a new volume whose first member is this machine",
		.opts = create_opts, .run = run_create,
		.help =
		"Formats DEV and brings volume NAME up, with this machine as its only member.\n"
		"It can be used at once as /dev/raftblkN; further machines join with the token.\n"
		"\n"
		"A device that is in use, has data on it or is too small is refused, and nothing\n"
		"on it is changed. If the volume cannot come up, what was written is erased again.\n"
		"\n"
		"Example: raftblk create vol0 /dev/vdb --addr 10.0.0.1",
	},
	{
		.name = "token", .args = "NAME", .min = 1, .max = 1,
		.summary = "show what another machine needs to join",
		.run = run_token,
		.help =
		"Prints the volume's token: its UUID and key. Who has it can join the volume, read\n"
		"all of it and change who belongs to it, so keep it as you would keep a password.\n"
		"\n"
		"Example: raftblk token vol0 | ssh n2 raftblk join 10.0.0.1 /dev/vdb \\\n"
		"             --addr 10.0.0.2 --token-file -",
	},
	{
		.name = "join", .args = "ADDR[:PORT] DEV", .min = 2, .max = 2,
		.summary = "make this machine a member of a volume",
		.opts = join_opts, .run = run_join,
		.help =
		"Asks the cluster at ADDR (any member) to take this machine in, formats DEV and\n"
		"brings it up. The new member receives everything as a learner and becomes a\n"
		"voter by itself when it has caught up; this waits for that, with a progress bar.\n"
		"With --role learner it stays one: a copy that follows as fast as it can, and that\n"
		"no write ever waits for. The device cannot be opened for writing there.\n"
		"With --role witness it has no data: it votes and keeps the log, so that of two\n"
		"members with data either may die. DEV is all log; it is at least half as large\n"
		"as the volume's log, so 256 MiB are enough unless that was made larger by hand.\n"
		"The device cannot be opened there.\n"
		"Without --token and --token-file the token is read from standard input.\n"
		"\n"
		"Nothing is written before the cluster has agreed. Of a member with data DEV needs\n"
		"room for the volume, for a log of 4 MiB or more, and some MiB besides.\n"
		"\n"
		"Example: raftblk join 10.0.0.1 /dev/vdb --addr 10.0.0.2",
	},
	{
		.name = "up", .args = "DEV", .min = 1, .max = 1,
		.summary = "bring up the member on a device",
		.opts = up_opts, .run = run_up,
		.help =
		"Everything needed is on the device. After a reboot udev does this by itself. If\n"
		"the machine has another address than before, tell the others with 'raftblk member\n"
		"set NAME NODE --addr', and this one with --addr here.",
	},
	{
		.name = "down", .args = "NAME", .min = 1, .max = 1,
		.summary = "take a volume down on this machine",
		.opts = down_opts, .run = run_down,
		.help =
		"The other members go on. Refused while the device is open, unless forced.",
	},
	{
		.name = "status", .args = "[NAME]", .min = 0, .max = 1,
		.summary = "show volumes, their members and what is wrong",
		.opts = json_opts, .run = run_status,
		.help =
		"Shows role, term, leader, owner and quorum of each volume, and of each member its\n"
		"address, whether it is connected and how far it is behind (the leader knows that).\n"
		"A member that was away for too long shows how much it has fetched from others, how\n"
		"fast that goes and how long it will take.\n"
		"Documentation/status-json.md explains the fields of --json.",
	},
	{
		.name = "watch", .args = "[NAME]", .min = 0, .max = 1,
		.summary = "show status, over and over",
		.run = run_watch,
		.help =
		"Repaints at every event and each second, until Ctrl-C.",
	},
	{
		.name = "events", .args = "[NAME]", .min = 0, .max = 1,
		.summary = "print what happens, as it happens",
		.run = run_events,
		.help =
		"One JSON object per line: time, type, name and minor of the volume, and what\n"
		"belongs to the type (node_id, role, term, token, index, size, error). Type 'lost' says\n"
		"that events came faster than they were read.",
	},
	{
		.name = "transfer", .args = "NAME NODE", .min = 2, .max = 2,
		.summary = "hand leadership to another member",
		.run = run_transfer,
		.help =
		"NODE is a node id as in 'raftblk status'.\n"
		"Requests in flight wait for the new leader; none fails. A leader that is not the\n"
		"owner hands leadership to the owner by itself, so this is for volumes nobody has\n"
		"open.",
	},
	{
		.name = "member", .args = "list|add|replace|remove|set NAME [NODE]",
		.min = 2, .max = 3,
		.summary = "show and change who belongs to a volume",
		.opts = member_opts, .run = run_member,
		.help =
		"list NAME              the members, as in 'raftblk status'\n"
		"add NAME [--role ROLE] print the command that makes another machine a member\n"
		"replace NAME NODE      the same for a machine that takes NODE's place in one step:\n"
		"                       there is neither a voter more nor one less at any time\n"
		"remove NAME NODE       NODE leaves, for good: its id is not used again\n"
		"set NAME NODE --role voter|learner\n"
		"                       a learner votes from when it has caught up; a voter gives\n"
		"                       its vote up and stays as an asynchronous copy. Whether a\n"
		"                       member has data or is a witness does not change\n"
		"set NAME NODE --addr ADDR[:PORT]\n"
		"                       where the others reach NODE\n"
		"\n"
		"To be run on any member; it asks the one that leads. A leader that is to leave\n"
		"hands over first. Refused are changes after which no majority could be reached,\n"
		"of a member that has the device open for writing, and two at once.",
	},
	{
		.name = "resize", .args = "NAME SIZE", .min = 2, .max = 2,
		.summary = "make a volume larger, while it is in use",
		.opts = resize_opts, .run = run_resize,
		.help =
		"First enlarge the lower device of every member (lvextend, a larger disk); then run\n"
		"this on any one. Each member looks how large its device is now and zeroes what is\n"
		"new, which may take a while; nothing is copied between them. When all have room\n"
		"the device has its new size, everywhere at the same point of its history.\n"
		"\n"
		"Refused, naming the member, if a device is too small, or a member is away or\n"
		"catching up. Interrupted, nothing has changed, and it can be run again. A volume\n"
		"cannot shrink. SIZE is in bytes or as in 500M, 10G, 2T. A filesystem on the\n"
		"volume is grown with its own tool (resize2fs, xfs_growfs) afterwards.\n"
		"\n"
		"Example: raftblk resize vol0 20G",
	},
	{
		.name = "set", .args = "NAME SETTING=VALUE...", .min = 2, .max = ARGS_MAX,
		.summary = "tune a volume on this machine, until it is taken down",
		.run = run_set,
		.help =
		"io-timeout=TIME        requests that wait this long for a majority fail with an\n"
		"                       error (500ms, 30s, 5m); 0, the default: they wait for ever\n"
		"read-mode=lease        reads rely on the leader's lease (default)\n"
		"read-mode=quorum       every read is confirmed with a majority\n"
		"rate-min=SIZE          bytes per second that are read here for members that catch\n"
		"                       up although users' I/O goes first (4M)\n"
		"rate-max=SIZE          and at most so many; none, the default: no limit. A lower\n"
		"                       one than rate-min takes that down with it\n"
		"\n"
		"A timeout also holds for requests that are waiting already, from now on.\n"
		"\n"
		"Example: raftblk set vol0 io-timeout=30s",
	},
	{
		.name = "verify", .args = "NAME", .min = 1, .max = 1,
		.summary = "compare the data of all members, and mend what differs",
		.opts = verify_opts, .run = run_verify,
		.help =
		"To be run on the member that leads. Reads the volume on every member while I/O goes\n"
		"on, says which of them has something else where, and with --repair fetches it there\n"
		"from a member of the majority. With two members that differ there is none: that is\n"
		"only said. rate-min and rate-max of 'raftblk set' hold for this, too. It is over\n"
		"when leadership moves. Exit code 1 if something differs and was not mended, or could\n"
		"not be compared.\n"
		"\n"
		"Each month by itself, on every member:\n"
		"    systemctl enable --now raftblk-verify@NAME.timer",
	},
	{
		.name = "dump", .args = "DEV", .min = 1, .max = 1,
		.summary = "show what is on a member's device that is not up",
		.opts = dump_opts, .run = run_dump,
		.help =
		"Prints superblock, votes and checkpoints, sums up the version map, walks the log\n"
		"and says where it ends and why. Changes nothing; refuses a device in use. Exit\n"
		"code 1 if something on it is not good. The volume's key is not shown.",
	},
	{
		.name = "wipe", .args = "DEV", .min = 1, .max = 1,
		.summary = "make a member's device blank again",
		.opts = wipe_opts, .run = run_wipe,
		.help =
		"Asks for the volume's name, then erases superblocks, votes and checkpoints, so\n"
		"that DEV is no member any more. The other members still count this one. The\n"
		"volume's data is not overwritten. Refuses a device in use.",
	},
	{
		.name = "probe", .args = "DEV", .min = 1, .max = 1,
		.summary = "is this a member's device? (for udev)",
		.run = run_probe,
		.help =
		"Prints properties for udev if DEV is a member's device; else exit code 1.",
	},
	{
		.name = "version", .args = "", .min = 0, .max = 0,
		.summary = "show versions",
		.run = run_version,
		.help = "Version of the tool, of the protocol and disk format, and of the module.",
	},
	{
		.name = "help", .args = "[VERB]", .min = 0, .max = 1,
		.summary = "explain a verb",
		.opts = help_opts, .run = run_help,
		.help = "Without VERB, lists them all.",
	},
	{ .name = NULL }
};
