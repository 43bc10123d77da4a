/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Time by the processor's own counter: in guests that count instructions, instructions. */
#ifndef TICKS_H
#define TICKS_H

static inline unsigned long long now(void)
{
#ifdef __x86_64__
	unsigned int low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (unsigned long long)high << 32 | low;
#else
	/* A tick is a nanosecond in the processor that QEMU has here, and that an instruction. */
	unsigned long long ticks;

	__asm__ volatile("isb; mrs %0, cntvct_el0; isb" : "=r"(ticks) : : "memory");
	return ticks;
#endif
}

#endif
