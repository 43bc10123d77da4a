// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * idle COUNT OBJECT COMMAND — what so many idle processes take: runs the shell's COMMAND
 * before and after making them, with a line "== before" and "== after" ahead of its
 * output, and kills them.
 *
 * Each is an agent that OBJECT arms for, or an ordinary process if OBJECT is empty. All
 * execute "idle pause", a static program that only pauses.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone3.h"
#include "files.h"
#include "swarm.h"

#define SELF "/usr/local/bin/idle"
#define COUNT_MAX 100000

static pid_t pids[COUNT_MAX];

static void look(const char *name, const char *command)
{
	printf("== %s\n", name);
	fflush(stdout);
	if (system(command))
		die("%s", command);
}

static pid_t make_idle(int create, const char *object)
{
	char *argv[] = { SELF, "pause", NULL };
	char answer[4096];
	pid_t pid;

	if (*object && (swarm_give(create, object, answer, sizeof(answer)) || !swarm_id(answer)))
		die("create: %s", answer);
	pid = raw_fork();
	if (!pid) {
		execv(SELF, argv);
		_exit(127);
	}
	if (pid < 0)
		die("fork");
	return pid;
}

int main(int argc, char **argv)
{
	int count, create = -1, i, all[2];
	char byte;

	if (argc == 2 && !strcmp(argv[1], "pause"))
		for (;;)
			pause();
	count = argc == 4 ? atoi(argv[1]) : 0;
	if (count < 1 || count > COUNT_MAX) {
		fputs("usage: idle COUNT OBJECT COMMAND\n", stderr);
		return 2;
	}
	if (*argv[2])
		create = open_or_die("/proc/swarm/create", O_RDWR);
	look("before", argv[3]);
	/* Its end is seen when the last of them has executed. */
	if (pipe2(all, O_CLOEXEC))
		die("pipe");
	for (i = 0; i < count; i++)
		pids[i] = make_idle(create, argv[2]);
	close(all[1]);
	if (read(all[0], &byte, 1))
		die("pipe");
	for (i = 0; i < count; i++)
		if (kill(pids[i], 0) || waitpid(pids[i], NULL, WNOHANG))
			die("process %d has ended", pids[i]);
	look("after", argv[3]);
	for (i = 0; i < count; i++)
		kill(pids[i], SIGKILL);
	for (i = 0; i < count; i++)
		waitpid(pids[i], NULL, 0);
	return 0;
}
