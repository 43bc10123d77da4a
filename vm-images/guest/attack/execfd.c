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

#include "dispatch.h"
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

static int execute(int fd)
{
	char *argv[] = { "execfd", NULL };

	return fd < 0 ? -1 : syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
}

/* Each is given PATH and perhaps ARGUMENT, and returns only if it could not execute. */

static int by_opath(char **a)
{
	return execute(open(a[0], O_PATH | O_CLOEXEC));
}

static int by_procfd(char **a)
{
	char *argv[] = { "execfd", NULL };
	int fd = open(a[0], O_RDONLY | O_CLOEXEC);
	char name[32];

	if (fd < 0)
		return -1;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return execve(name, argv, environ);
}

static int by_memfd(char **a)
{
	return execute(copy(a[0], memfd_create("copy", MFD_CLOEXEC | MFD_EXEC)));
}

static int by_tmpfile(char **a)
{
	int to = open(a[1], O_TMPFILE | O_RDWR | O_CLOEXEC, 0755);

	return execute(reopen(copy(a[0], to)));
}

static int unlinked(char **a)
{
	int fd = open(a[0], O_RDONLY | O_CLOEXEC);

	return unlink(a[0]) ? -1 : execute(fd);
}

static const struct word words[] = {
	{ "opath", 1, by_opath, "PATH" },
	{ "procfd", 1, by_procfd, "PATH" },
	{ "memfd", 1, by_memfd, "PATH" },
	{ "tmpfile", 2, by_tmpfile, "PATH DIR" },
	{ "unlinked", 1, unlinked, "PATH" },
	{}
};

/* The child tells the errno by its exit status. */
static const char *try(const struct word *word, char **arguments)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		word->run(arguments);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return outcome(-1);
	if (WIFSIGNALED(status))
		return sigabbrev_np(WTERMSIG(status));
	return WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "ok";
}

static int try_line(char **line)
{
	const struct word *word = find_word(line, words);

	if (!word)
		return say_usage(words);
	printf("%s %s\n", word->name, try(word, line + 1));
	fflush(stdout);
	return 0;
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
	if (argc == 3 && !strcmp(argv[1], "renames"))
		return renames(argv[2]);
	/* Executed in turn, as a program that succeeds. */
	return each_line(argv + 1, try_line);
}
