// SPDX-License-Identifier: MIT OR Apache-2.0
/* pidfd PID PROGRAM [ARGUMENT...] — runs PROGRAM with a pidfd of PID as descriptor 9. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

#define PIDFD	9

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: pidfd PID PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	/* dup2() leaves it open across an execve. */
	if (dup2(syscall(SYS_pidfd_open, atoi(argv[1]), 0), PIDFD) < 0)
		die("pidfd_open");
	execvp(argv[2], argv + 2);
	die("%s", argv[2]);
}
