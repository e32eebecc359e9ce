/* SPDX-License-Identifier: GPL-2.0 */
/* The tool: verbs, their options, exit codes, and what every verb needs. */
#ifndef RAFTBLK_TOOL_H
#define RAFTBLK_TOOL_H

#include "../kernel/core/port.h"

#define __printf(a, b)	__attribute__((format(printf, a, b)))

#ifndef RAFTBLK_TOOL_VERSION
#define RAFTBLK_TOOL_VERSION	"0.1"
#endif

/* Exit codes; part of the interface, listed in the man page */
enum exit_code {
	EXIT_OK = 0,
	EXIT_ERROR = 1,		/* refused, or something failed */
	EXIT_USAGE = 2,		/* the command line is wrong */
	EXIT_PERM = 3,		/* not permitted */
	EXIT_TIMEOUT = 4,	/* nobody answered in time */
	EXIT_NO_MODULE = 5,	/* the kernel module is not there */
};

enum opt_id {
	OPT_ADDR,
	OPT_SIZE,
	OPT_LOG_SIZE,
	OPT_BLOCK_SIZE,
	OPT_EXTENT_SIZE,
	OPT_FORCE,
	OPT_ASSUME_ZERO,
	OPT_NO_UP,
	OPT_NO_WAIT,
	OPT_ROLE,
	OPT_REPLACE,
	OPT_TOKEN,
	OPT_TOKEN_FILE,
	OPT_JSON,
	OPT_RECORDS,
	OPT_MAP,
	OPT_YES,
	OPT_REPAIR,
	OPT_STOP,
	OPT_IF_LEADER,
	OPT_MAX
};

/**
 * struct opt - an option of a verb
 * @arg: what it takes, as shown in the help; NULL for none
 * @required: the verb cannot do without
 */
struct opt {
	enum opt_id id;
	const char *name;
	const char *arg;
	const char *help;
	bool required;
};

#define ARGS_MAX	8

struct verb;

/**
 * struct args - a parsed command line
 * @opt: value of each option, "" for one that takes none, NULL if not given
 */
struct args {
	const struct verb *verb;
	const char *pos[ARGS_MAX];
	int nr_pos;
	const char *opt[OPT_MAX];
};

/**
 * struct verb - what the tool can do; see verbs.c
 * @args: the arguments as shown in the help
 * @min, @max: how many arguments there may be
 * @opts: options; ends with one without a name
 * @help: the text below the synopsis
 */
struct verb {
	const char *name;
	const char *args;
	int min, max;
	const char *summary;
	const struct opt *opts;
	const char *help;
	int (*run)(const struct args *a);
};

extern const struct verb verbs[];	/* ends with one without a name */

const struct verb *verb_find(const char *name);

/* args.c */
int args_parse(struct args *a, const struct verb *v, int argc, char **argv);
void verb_help(const struct verb *v);
void verb_usage(const struct verb *v);
int run_help(const struct args *a);

/* one file each, named cmd_*.c */
int run_create(const struct args *a);
int run_join(const struct args *a);
int run_token(const struct args *a);
int run_up(const struct args *a);
int run_down(const struct args *a);
int run_status(const struct args *a);
int run_watch(const struct args *a);
int run_events(const struct args *a);
int run_transfer(const struct args *a);
int run_member(const struct args *a);
int run_resize(const struct args *a);
int run_set(const struct args *a);
int run_verify(const struct args *a);
int run_dump(const struct args *a);
int run_wipe(const struct args *a);
int run_probe(const struct args *a);
int run_version(const struct args *a);

/* util.c */

/* "raftblk VERB: sentence" on stderr; returns @code, so that it can end a function */
int fail(int code, const char *fmt, ...) __printf(2, 3);
extern const char *fail_verb;

/* Exit code that fits an errno */
int code_of(int err);

/* 0, or -1: not a size.  K, M, G, T are powers of 1024; without, bytes */
int parse_size(const char *text, u64 *bytes);

/* 1536 -> "1.5 KiB"; @buf at least 16 bytes; returns it */
char *format_size(u64 bytes, char *buf);

/* A volume name: 1 to 31 characters, letters, digits and . _ -, the first no
 * dot or dash; else says why not.
 */
const char *name_problem(const char *name);

void random_bytes(void *buf, size_t len);
void random_uuid(u8 uuid[16]);
char *format_uuid(const u8 uuid[16], char *buf);	/* @buf: 37 bytes */

/* Colours and progress only where somebody looks. */
bool on_terminal(int fd);
/* "red", "green", "yellow", "bold", "dim" or "off"; "" where colour is not wanted */
const char *color(const char *name);

/* How much of a whole: a bar of # and ., and percent; all where the whole is nothing. */
#define PROGRESS_BAR	31
char *progress_bar(u64 done, u64 total, char *bar);
unsigned int percent_of(u64 done, u64 total);

u64 now_ms(void);		/* of a clock that only goes forward */

/* One line on stderr that is redrawn; nothing if stderr is no terminal.
 * @bytes: the numbers are sizes
 */
void progress_show(const char *what, u64 done, u64 total, bool bytes);
void progress_end(void);

#endif /* RAFTBLK_TOOL_H */
