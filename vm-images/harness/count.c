// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * count RUNS read PATH BYTES
 * count RUNS write PATH TEXT
 * count RUNS open PATH
 *
 * Makes a system call RUNS times and prints, as a line of JSON, the least and the median
 * that the time-stamp counter moved by, without what reading it twice takes. In a guest
 * whose counter counts instructions (mode "counted") these are instructions, the same in
 * every run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t now(void)
{
#ifdef __x86_64__
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
#else
	uint64_t ticks;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks;
#endif
}

static void die(const char *what)
{
	fprintf(stderr, "count: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int order(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* What is measured: a call, and what it is given. */
struct call {
	long number;
	long arguments[4];
};

static uint64_t once(const struct call *call)
{
	const long *a = call->arguments;
	uint64_t start = now();
	long ret = syscall(call->number, a[0], a[1], a[2], a[3]);
	uint64_t end = now();

	if (ret < 0)
		die("the call");
	if (call->number == SYS_openat)
		close((int)ret);
	return end - start;
}

static int opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

static void usage(void)
{
	fputs("count RUNS read PATH BYTES\ncount RUNS write PATH TEXT\ncount RUNS open PATH\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct call call = {};
	size_t runs, i;
	uint64_t *ticks, start, floor;

	if (argc < 4)
		usage();
	runs = strtoul(argv[1], NULL, 10);
	if (!runs || runs > 1000000)
		usage();
	if (!strcmp(argv[2], "read") && argc == 5) {
		size_t bytes = strtoul(argv[4], NULL, 10);
		char *buffer = malloc(bytes ? bytes : 1);

		if (!buffer)
			die("memory");
		/* So that no page is missing when it is counted. */
		memset(buffer, 1, bytes ? bytes : 1);
		call = (struct call){ SYS_pread64, { opened(argv[3], O_RDONLY), (long)buffer,
						     (long)bytes, 0 } };
	} else if (!strcmp(argv[2], "write") && argc == 5) {
		call = (struct call){ SYS_pwrite64, { opened(argv[3], O_WRONLY), (long)argv[4],
						      (long)strlen(argv[4]), 0 } };
	} else if (!strcmp(argv[2], "open") && argc == 4) {
		call = (struct call){ SYS_openat, { AT_FDCWD, (long)argv[3],
						    O_RDONLY | O_CLOEXEC, 0 } };
	} else {
		usage();
	}
	ticks = calloc(runs, sizeof(*ticks));
	if (!ticks)
		die("memory");
	memset(ticks, 1, runs * sizeof(*ticks));
	start = now();
	floor = now() - start;
	for (i = 0; i < runs; i++)
		ticks[i] = once(&call) - floor;
	qsort(ticks, runs, sizeof(*ticks), order);
	printf("{\"least\":%llu,\"median\":%llu}\n", (unsigned long long)ticks[0],
	       (unsigned long long)ticks[runs / 2]);
	return 0;
}
