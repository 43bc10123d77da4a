/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of swarm_bench.ko share; bench.c tells what it is. */
#ifndef SWARM_BENCH_H
#define SWARM_BENCH_H

#include <linux/timex.h>
#include <linux/types.h>

#include "view.h"

struct seq_buf;

/* Rounds of a measurement at most. */
#define BENCH_ROUNDS	1000

/**
 * struct bench_samples - what rounds of one thing took
 * @nr: how many
 * @counts: cycles, which are instructions where the guest's counter counts those
 */
struct bench_samples {
	unsigned int nr;
	u64 counts[BENCH_ROUNDS];
};

extern const struct swarm_view *bench_guard;

void bench_sample(struct bench_samples *samples, u64 start, u64 end);
void bench_report(struct seq_buf *out, const char *name, struct bench_samples *samples);

int bench_calls(char *order, struct seq_buf *out);
int bench_forks(char *order, struct seq_buf *out);

int bench_table_fill(char *order, struct seq_buf *out);
int bench_table_find(char *order, struct seq_buf *out);
void bench_table_empty(void);

#endif
