// SPDX-License-Identifier: MIT OR Apache-2.0
#include "counting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "files.h"

static int by_size(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

int rounds_in(const char *text)
{
	int nr = atoi(text);

	if (nr >= 1 && nr <= ROUNDS_MAX)
		return nr;
	fprintf(stderr, "%s: not a number of rounds from 1 to %d\n", text, ROUNDS_MAX);
	exit(2);
}

void report(const char *name, u64 *rounds, int nr, const char *answer)
{
	qsort(rounds, nr, sizeof(*rounds), by_size);
	printf("{\"name\":\"%s\",\"least\":%llu,\"median\":%llu,\"most\":%llu", name, rounds[0],
	       rounds[nr / 2], rounds[nr - 1]);
	if (answer)
		printf(",\"answer\":\"%s\"", answer);
	puts("}");
}

u64 busy(void)
{
	static char text[65536];
	const char *line;
	u64 ran;

	/* Gives the CPU away once, which is when a task's time is added. */
	pause_us(1000);
	read_file("/proc/schedstat", text, sizeof(text));
	line = strstr(text, "\ncpu0 ");
	if (!line || sscanf(line, "\ncpu0 %*u %*u %*u %*u %*u %*u %llu", &ran) != 1)
		die("/proc/schedstat says nothing of cpu0");
	return ran;
}
