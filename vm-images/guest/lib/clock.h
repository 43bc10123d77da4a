/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Time on the monotonic clock, in microseconds. */
#ifndef CLOCK_H
#define CLOCK_H

#include <time.h>

static inline void pause_us(long us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

static inline long now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

#endif
