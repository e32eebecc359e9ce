// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "tool.h"

int main(int argc, char **argv)
{
	const struct verb *v;
	struct args a;
	int ret;

	if (argc < 2) {
		fputs("usage: raftblk VERB [ARGUMENTS] [OPTIONS]\n"
		      "'raftblk help' lists the verbs.\n", stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = "help";
	if (!strcmp(argv[1], "--version"))
		argv[1] = "version";
	v = verb_find(argv[1]);
	if (!v)
		return fail(EXIT_USAGE, "there is no verb '%s'; 'raftblk help' lists them",
			    argv[1]);
	fail_verb = v->name;
	ret = args_parse(&a, v, argc - 2, argv + 2);
	if (ret)
		return ret - 1;
	ret = v->run(&a);
	/* A full disk or a closed pipe must not look like success. */
	if (fflush(stdout) && !ret)
		return fail(EXIT_ERROR, "cannot write the output: %m");
	return ret;
}
