// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * consume memory BYTES | cpu SECONDS | processes N | wait
 *
 * memory: touch BYTES, print "touched" and exit 0; cpu: spin for SECONDS of wall
 * time; processes: fork up to N children that wait, print how many there were and
 * the errno that stopped it; wait: until a signal comes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int memory(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		puts(strerrorname_np(errno));
		return 1;
	}
	memset(p, 1, bytes);
	puts("touched");
	return 0;
}

static int cpu(int seconds)
{
	struct timespec now;
	time_t end;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + seconds;
	while (now.tv_sec < end)
		clock_gettime(CLOCK_MONOTONIC, &now);
	return 0;
}

static int processes(int n)
{
	int i, err = 0;

	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid)
			for (;;)
				pause();
		if (pid < 0) {
			err = errno;
			break;
		}
	}
	printf("%d %s\n", i, err ? strerrorname_np(err) : "ok");
	fflush(stdout);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "memory"))
		return memory(strtoull(argv[2], NULL, 0));
	if (argc == 3 && !strcmp(argv[1], "cpu"))
		return cpu(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "processes"))
		return processes(atoi(argv[2]));
	if (argc == 2 && !strcmp(argv[1], "wait"))
		for (;;)
			pause();
	fprintf(stderr, "usage: consume memory BYTES | cpu SECONDS | processes N | wait\n");
	return 2;
}
