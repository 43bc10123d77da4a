// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * execfd HOW PATH [ARGUMENT] [-- HOW PATH ...] — execute PATH in a child, by a
 * descriptor. Prints HOW and "ok" if it exited with 0, else the errno's name.
 *
 *   opath     by execveat with a descriptor of O_PATH
 *   procfd    by /proc/self/fd
 *   memfd     a copy of it in a memfd
 *   tmpfile   a copy of it that has no name, O_TMPFILE in the directory ARGUMENT
 *   unlinked  after unlinking it
 *
 * execfd renames DIR exchanges DIR/a and DIR/b until it is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"

extern char **environ;

static int copy(const char *path, int to)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	off_t at = 0;

	if (from < 0 || to < 0 || fstat(from, &stat))
		return -1;
	while (at < stat.st_size)
		if (sendfile(to, from, &at, stat.st_size - at) <= 0)
			return -1;
	close(from);
	return to;
}

/* A file that is open for writing cannot be executed. */
static int reopen(int fd)
{
	char path[32];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	close(fd);
	return again;
}

static int open_as(const char *how, const char *path, const char *argument)
{
	int fd;

	if (!strcmp(how, "opath"))
		return open(path, O_PATH | O_CLOEXEC);
	if (!strcmp(how, "memfd"))
		return copy(path, memfd_create("copy", MFD_CLOEXEC | MFD_EXEC));
	if (!strcmp(how, "tmpfile"))
		return reopen(copy(path, open(argument, O_TMPFILE | O_RDWR | O_CLOEXEC, 0755)));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!strcmp(how, "unlinked") && unlink(path))
		return -1;
	return fd;
}

static void run(const char *how, const char *path, const char *argument)
{
	char *argv[] = { "execfd", NULL };
	int fd = open_as(how, path, argument);
	char name[32];

	if (fd < 0)
		return;
	if (strcmp(how, "procfd")) {
		syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
		return;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	execve(name, argv, environ);
}

/* The child tells the errno by its exit status. */
static const char *try(const char *how, const char *path, const char *argument)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		run(how, path, argument);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return outcome(-1);
	if (WIFSIGNALED(status))
		return sigabbrev_np(WTERMSIG(status));
	return WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "ok";
}

static int renames(const char *dir)
{
	if (chdir(dir))
		return 1;
	while (!renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE))
		;
	return 1;
}

int main(int argc, char **argv)
{
	int i, from;

	if (argc == 3 && !strcmp(argv[1], "renames"))
		return renames(argv[2]);
	/* Executed in turn, as a program that succeeds. */
	for (from = 1; from < argc; from = i + 1) {
		for (i = from; i < argc && strcmp(argv[i], "--"); i++)
			;
		if (i - from < 2)
			return 2;
		printf("%s %s\n", argv[from],
		       try(argv[from], argv[from + 1], i - from > 2 ? argv[from + 2] : NULL));
		fflush(stdout);
	}
	return 0;
}
