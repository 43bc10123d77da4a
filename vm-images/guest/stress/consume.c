// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * consume memory BYTES | keep BYTES | cpu SECONDS | processes N | wait
 *
 * memory: touch BYTES, print "touched" and exit 0; cpu: spin for SECONDS of wall
 * time; processes: fork up to N children that wait, print how many there were and
 * the errno that stopped it ("ok" if none did), {"processes":N,"end":ERRNO}; wait: until a signal comes.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "dispatch.h"
#include "files.h"

static int memory(char **arguments)
{
	size_t bytes = strtoull(arguments[0], NULL, 0);
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		puts(outcome(-1));
		return 1;
	}
	memset(p, 1, bytes);
	puts("touched");
	return 0;
}

static int keep(char **arguments)
{
	int err = memory(arguments);

	while (!err)
		pause();
	return err;
}

static int cpu(char **arguments)
{
	long end = now_us() + atol(arguments[0]) * 1000000;

	while (now_us() < end)
		;
	return 0;
}

static int processes(char **arguments)
{
	int n = atoi(arguments[0]), i;
	pid_t pid = 0;

	for (i = 0; i < n; i++) {
		pid = fork();
		if (!pid)
			for (;;)
				pause();
		if (pid < 0)
			break;
	}
	printf("{\"processes\":%d,\"end\":\"%s\"}\n", i, outcome(pid));
	fflush(stdout);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	return 0;
}

static int wait_for_good(char **unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

static const struct word words[] = {
	{ "memory", 1, memory, "BYTES" },
	{ "keep", 1, keep, "BYTES" },
	{ "cpu", 1, cpu, "SECONDS" },
	{ "processes", 1, processes, "N" },
	{ "wait", 0, wait_for_good, NULL },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
