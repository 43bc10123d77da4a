/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counting instructions, for guests whose time-stamp counter counts them. */
#ifndef COUNT_H
#define COUNT_H

#include <stdio.h>
#include <stdlib.h>

#include "ticks.h"

#define ROUNDS_MAX 10000

typedef unsigned long long u64;

static int by_size(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* "NAME MIN MEDIAN MAX" of so many rounds. */
static inline void report(const char *name, u64 *rounds, int nr)
{
	qsort(rounds, nr, sizeof(*rounds), by_size);
	printf("%s %llu %llu %llu\n", name, rounds[0], rounds[nr / 2], rounds[nr - 1]);
}

#endif
