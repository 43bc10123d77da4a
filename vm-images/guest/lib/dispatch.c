// SPDX-License-Identifier: MIT OR Apache-2.0
#define _GNU_SOURCE
#include "dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct word *find_word(char **line, const struct word *words)
{
	const struct word *word;
	int given = 0;

	if (!line[0])
		return NULL;
	while (line[1 + given])
		given++;
	for (word = words; word->name; word++)
		if (!strcmp(line[0], word->name) && given >= word->arguments)
			return word;
	return NULL;
}

int say_usage(const struct word *words)
{
	const struct word *word;

	fputs("usage:\n", stderr);
	for (word = words; word->name; word++)
		fprintf(stderr, "  %s %s%s%s\n", program_invocation_short_name, word->name,
			word->usage ? " " : "", word->usage ? word->usage : "");
	return 2;
}

int dispatch(char **argv, const struct word *words)
{
	const struct word *word = find_word(argv + 1, words);

	return word ? word->run(argv + 2) : say_usage(words);
}

int each_line(char **arguments, int (*each)(char **line))
{
	int ret = 0;

	while (!ret && *arguments) {
		char **end = arguments, *separator;

		while (*end && strcmp(*end, "--"))
			end++;
		separator = *end;
		*end = NULL;
		ret = each(arguments);
		*end = separator;
		arguments = separator ? end + 1 : end;
	}
	return ret;
}
