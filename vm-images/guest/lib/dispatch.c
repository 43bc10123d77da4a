// SPDX-License-Identifier: MIT OR Apache-2.0
#define _GNU_SOURCE
#include "dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int dispatch(char **argv, const struct word *words)
{
	const struct word *word;
	int given = 0;

	while (argv[1] && argv[2 + given])
		given++;
	for (word = words; word->name; word++)
		if (argv[1] && !strcmp(argv[1], word->name) && given >= word->arguments)
			return word->run(argv + 2);
	fputs("usage:\n", stderr);
	for (word = words; word->name; word++)
		fprintf(stderr, "  %s %s%s%s\n", program_invocation_short_name, word->name,
			word->usage ? " " : "", word->usage ? word->usage : "");
	return 2;
}
