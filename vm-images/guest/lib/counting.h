/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Counting instructions, in guests whose clocks count them. */
#ifndef COUNTING_H
#define COUNTING_H

#define ROUNDS_MAX	10000

typedef unsigned long long u64;

/* The processor's own counter. */
static inline u64 now(void)
{
#ifdef __x86_64__
	unsigned int low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
#else
	/* A tick is a nanosecond in the processor that QEMU has here, and that an instruction. */
	u64 ticks;

	__asm__ volatile("isb; mrs %0, cntvct_el0; isb" : "=r"(ticks) : : "memory");
	return ticks;
#endif
}

/* The number of rounds in an argument; exits with 2 if it is none, or too many. */
int rounds_in(const char *text);

/*
 * Prints {"name":NAME,"least":N,"median":N,"most":N} of so many rounds, which it sorts,
 * with an "answer" if there is one.
 */
void report(const char *name, u64 *rounds, int nr, const char *answer);

/*
 * The time that the scheduler has given to tasks on the first processor, the only one
 * of a guest that counts: what all of them executed, without idle time.
 */
u64 busy(void);

#endif
