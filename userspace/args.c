// SPDX-License-Identifier: GPL-2.0
/* The command line, by the table in verbs.c; and the help made from that table. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

const struct verb *verb_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++) {
		if (!strcmp(v->name, name))
			return v;
	}
	return NULL;
}

static void synopsis(FILE *f, const struct verb *v)
{
	fprintf(f, "raftblk %s", v->name);
	if (v->args[0])
		fprintf(f, " %s", v->args);
	for (const struct opt *o = v->opts; o && o->name; o++) {
		fprintf(f, " %s--%s%s%s%s", o->required ? "" : "[", o->name,
			o->arg ? " " : "", o->arg ? o->arg : "", o->required ? "" : "]");
	}
	fputc('\n', f);
}

void verb_usage(const struct verb *v)
{
	fputs("usage: ", stderr);
	synopsis(stderr, v);
	fprintf(stderr, "'raftblk help %s' says more.\n", v->name);
}

void verb_help(const struct verb *v)
{
	fputs("usage: ", stdout);
	synopsis(stdout, v);
	printf("\n%s\n", v->help);
	if (!v->opts || !v->opts->name)
		return;
	puts("\nOptions:");
	for (const struct opt *o = v->opts; o->name; o++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		printf("  %-29s %s\n", left, o->help);
	}
}

static const struct opt *find_opt(const struct verb *v, const char *name, size_t len)
{
	for (const struct opt *o = v->opts; o && o->name; o++) {
		if (strlen(o->name) == len && !strncmp(o->name, name, len))
			return o;
	}
	return NULL;
}

/* Take over argv[i], an option; returns how many words it took, or 0 after an error. */
static int parse_option(struct args *a, int argc, char **argv, int i)
{
	const char *name = argv[i] + 2, *eq = strchr(name, '=');
	const struct opt *o = find_opt(a->verb, name, eq ? (size_t)(eq - name) : strlen(name));

	if (strncmp(argv[i], "--", 2) || !o) {
		fail(0, "there is no option %s", argv[i]);
		return 0;
	}
	if (a->opt[o->id]) {
		fail(0, "--%s is given twice", o->name);
		return 0;
	}
	if (!o->arg) {
		if (eq) {
			fail(0, "--%s takes no value", o->name);
			return 0;
		}
		a->opt[o->id] = "";
		return 1;
	}
	if (eq) {
		a->opt[o->id] = eq + 1;
		return 1;
	}
	if (i + 1 >= argc) {
		fail(0, "--%s needs a value: %s", o->name, o->arg);
		return 0;
	}
	a->opt[o->id] = argv[i + 1];
	return 2;
}

static int check_required(const struct args *a)
{
	const struct verb *v = a->verb;

	if (a->nr_pos < v->min) {
		fail(0, "missing argument: it needs %s", v->args);
		return -1;
	}
	for (const struct opt *o = v->opts; o && o->name; o++) {
		if (o->required && !a->opt[o->id]) {
			fail(0, "--%s %s is needed", o->name, o->arg);
			return -1;
		}
	}
	return 0;
}

/* Returns 0, or an exit code + 1: the command line is dealt with. */
int args_parse(struct args *a, const struct verb *v, int argc, char **argv)
{
	bool only_pos = false;
	int i = 0;

	memset(a, 0, sizeof(*a));
	a->verb = v;
	if (argc > 0 && !strcmp(argv[0], "help") && v->run != run_help) {
		verb_help(v);
		return EXIT_OK + 1;
	}
	while (i < argc) {
		if (!only_pos && !strcmp(argv[i], "--")) {
			only_pos = true;
			i++;
		} else if (!only_pos && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))) {
			verb_help(v);
			return EXIT_OK + 1;
		} else if (!only_pos && argv[i][0] == '-' && argv[i][1]) {
			int n = parse_option(a, argc, argv, i);

			if (!n)
				goto usage;
			i += n;
		} else {
			if (a->nr_pos >= v->max) {
				fail(0, "what is '%s' for?", argv[i]);
				goto usage;
			}
			a->pos[a->nr_pos++] = argv[i++];
		}
	}
	if (!check_required(a))
		return 0;
usage:
	verb_usage(v);
	return EXIT_USAGE + 1;
}

static struct json_object *verb_json(const struct verb *v)
{
	struct json_object *j = json_object_new_object();
	struct json_object *opts = json_object_new_array();

	json_object_object_add(j, "name", json_object_new_string(v->name));
	json_object_object_add(j, "args", json_object_new_string(v->args));
	json_object_object_add(j, "summary", json_object_new_string(v->summary));
	for (const struct opt *o = v->opts; o && o->name; o++) {
		struct json_object *jo = json_object_new_object();

		json_object_object_add(jo, "name", json_object_new_string(o->name));
		json_object_object_add(jo, "arg", o->arg ? json_object_new_string(o->arg) : NULL);
		json_object_object_add(jo, "help", json_object_new_string(o->help));
		json_object_object_add(jo, "required", json_object_new_boolean(o->required));
		json_object_array_add(opts, jo);
	}
	json_object_object_add(j, "options", opts);
	return j;
}

static int help_json(void)
{
	struct json_object *all = json_object_new_array();

	for (const struct verb *v = verbs; v->name; v++)
		json_object_array_add(all, verb_json(v));
	puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);
	return EXIT_OK;
}

int run_help(const struct args *a)
{
	const struct verb *v;

	if (a->opt[OPT_JSON])
		return help_json();
	if (a->nr_pos) {
		v = verb_find(a->pos[0]);
		if (!v)
			return fail(EXIT_USAGE, "there is no verb '%s'; 'raftblk help' lists them",
				    a->pos[0]);
		verb_help(v);
		return EXIT_OK;
	}
	puts("usage: raftblk VERB [ARGUMENTS] [OPTIONS]\n\n"
	     "Replicated block devices: /dev/raftblkN is the same on every member of a cluster.\n");
	for (v = verbs; v->name; v++)
		printf("  %-10s %s\n", v->name, v->summary);
	puts("\n'raftblk help VERB' explains one.");
	return EXIT_OK;
}
