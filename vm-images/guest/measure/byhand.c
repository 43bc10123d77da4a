// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * byhand FLAGS PROGRAM [ARGUMENT...] — starts PROGRAM in new namespaces, waits for it and
 * exits as it does: the least that a launcher can do by itself. FLAGS are those of clone3
 * (CLONE_NEW*, as a number). Nothing is mounted, mapped or limited.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone3.h"
#include "files.h"

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc < 3) {
		fputs("usage: byhand FLAGS PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	pid = clone3_child(strtoull(argv[1], NULL, 0));
	if (!pid) {
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("clone3");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
