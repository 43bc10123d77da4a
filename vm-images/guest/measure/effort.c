// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * effort ROUNDS PROGRAM [ARGUMENT...] — what the whole guest does while PROGRAM runs,
 * and for a while after it, in a guest of one CPU whose clock counts instructions:
 * a line of JSON for each round, {"effort":INSTRUCTIONS,"status":EXIT}.
 *
 * It is the time that the scheduler has given to tasks, of /proc/schedstat: processes
 * of PROGRAM and of others that work for it, and the kernel's own workers; idle time,
 * which passes at once in such a guest and repeats never, is not in it.
 *
 *   effort nothing           exits at once; to be started
 *   effort storm N           N times: fork, execute "effort nothing", wait
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "counting.h"
#include "files.h"

#define SELF "/usr/local/bin/effort"
/* What is left to workers: a namespace, a cgroup, what RCU waits for. */
#define SETTLE_US 300000

static int run(char **argv, int quiet)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (!pid) {
		if (quiet) {
			int null = open("/dev/null", O_RDWR);

			dup2(null, 0);
			dup2(null, 1);
		}
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int storm(int nr)
{
	char *argv[] = { SELF, "nothing", NULL };

	while (nr-- > 0)
		if (run(argv, 0))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	int rounds, code;
	u64 start;

	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc == 3 && !strcmp(argv[1], "storm"))
		return storm(atoi(argv[2]));
	rounds = argc > 2 ? atoi(argv[1]) : 0;
	if (rounds < 1) {
		fputs("usage: effort ROUNDS PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	/* The first is slow: nothing is in the caches. */
	for (rounds++; rounds > 0; rounds--) {
		pause_us(SETTLE_US);
		start = busy();
		code = run(argv + 2, 1);
		pause_us(SETTLE_US);
		printf("{\"effort\":%llu,\"status\":%d}\n", busy() - start, code);
		fflush(stdout);
	}
	return 0;
}
