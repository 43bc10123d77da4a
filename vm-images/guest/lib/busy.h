/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The time that the scheduler has given to tasks, of /proc/schedstat: in a guest
 * whose clock counts instructions, what all of them executed; idle time is not in it.
 */
#ifndef BUSY_H
#define BUSY_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline void sleep_ms(long ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* Of the first processor, the only one of such a guest. */
static inline unsigned long long busy(void)
{
	static char text[65536];
	unsigned long long ran;
	const char *line;
	ssize_t n;
	int fd;

	/* Gives the CPU away once, which is when a task's time is added. */
	sleep_ms(1);
	fd = open("/proc/schedstat", O_RDONLY);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0) {
		fprintf(stderr, "/proc/schedstat: %s\n", strerror(errno));
		exit(2);
	}
	close(fd);
	text[n] = '\0';
	line = strstr(text, "\ncpu0 ");
	if (!line || sscanf(line, "\ncpu0 %*u %*u %*u %*u %*u %*u %llu", &ran) != 1) {
		fputs("/proc/schedstat says nothing of cpu0\n", stderr);
		exit(2);
	}
	return ran;
}

#endif
