// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * cost WHAT ROUNDS — what a system call costs in a guest whose time-stamp counter
 * counts instructions: the least, the median and the most of so many rounds, from
 * before the system call to behind it, as a line of JSON.
 *
 *   getppid        the floor
 *   openat, futex, mount, bpf   each with arguments that it refuses at once; with the answer
 *   open PATH      open of a file or a device, closed outside what is counted
 *   socket         of family unix, closed outside what is counted
 *   mknod PATH     mknod of c 1:3, removed outside what is counted
 *   clone          a clone3 that fails behind the hook: CLONE_NEWNS | CLONE_FS
 *   process        the same for a process like the caller: CLONE_SIGHAND without CLONE_VM
 *   thread         the same for a thread: CLONE_THREAD without CLONE_SIGHAND
 *   unshare        unshare(CLONE_NEWNS | a bit that it does not know), refused behind the hook
 *   setns          setns(-1, 0)
 *   exec           execve of an empty file: ENOEXEC behind the hook
 *   fork           fork, to the return in the parent; page tables make it vary
 *   vfork          a child in the parent's memory, to its exit and the parent's return
 *   pthread        a thread, to the return in the one that made it
 *   read PATH      pread of all of PATH from its beginning, 64 KiB at a time
 *
 * A round in which a timer's interrupt came is a few thousand instructions longer;
 * the minimum and the median are free of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone3.h"
#include "counting.h"

static u64 rounds[ROUNDS_MAX];
static int file = -1;
static char text[65536];
static char stack[65536] __attribute__((aligned(16)));

static u64 open_file(const char *path)
{
	u64 start = now();
	int fd = open(path, O_RDONLY);
	u64 end = now();

	if (fd >= 0)
		close(fd);
	return end - start;
}

static u64 make_socket(void)
{
	u64 start = now();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	u64 end = now();

	if (fd >= 0)
		close(fd);
	return end - start;
}

static u64 make_node(const char *path)
{
	u64 start = now();
	int err = mknod(path, S_IFCHR | 0600, makedev(1, 3));
	u64 end = now();

	if (!err)
		unlink(path);
	return end - start;
}

static u64 failing_clone(u64 flags)
{
	struct clone_args args = { .flags = flags };
	u64 start = now();

	raw_clone3(&args);
	return now() - start;
}

static u64 failing_exec(void)
{
	char *argv[] = { "empty", NULL }, *envp[] = { NULL };
	u64 start = now();

	execve("/tmp/empty", argv, envp);
	return now() - start;
}

static u64 forking(void)
{
	u64 start = now(), end;
	pid_t pid = raw_fork();

	if (!pid)
		_exit(0);
	end = now();
	waitpid(pid, NULL, 0);
	return end - start;
}

static int leave(void *unused)
{
	(void)unused;
	syscall(SYS_exit, 0);
	return 0;
}

static u64 vforking(void)
{
	u64 start = now(), end;
	pid_t pid = clone(leave, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

	end = now();
	waitpid(pid, NULL, 0);
	return end - start;
}

static u64 threading(void)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			  CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID;
	static volatile pid_t tid;
	u64 start, end;
	pid_t own;

	tid = 1;
	start = now();
	own = clone(leave, stack + sizeof(stack), flags, NULL, NULL, NULL, &tid);
	end = now();
	/* The kernel clears it when the thread has exited, and its stack is free. */
	while (own > 0 && tid)
		syscall(SYS_futex, &tid, FUTEX_WAIT, own, NULL, NULL, 0);
	return end - start;
}

static u64 read_whole(const char *path)
{
	u64 start;
	off_t at = 0;
	ssize_t n;

	if (file < 0)
		file = open(path, O_RDONLY);
	start = now();
	while ((n = pread(file, text, sizeof(text), at)) > 0)
		at += n;
	return now() - start;
}

static u64 simple(long number, long a, long b)
{
	u64 start = now();

	syscall(number, a, b);
	return now() - start;
}

/* What the last call answered, of those that may be denied and refused. */
static const char *answer;

static u64 refused(long number, long a, long b, long c)
{
	u64 start = now(), end;
	long ret = syscall(number, a, b, c, 0, 0, 0);

	end = now();
	answer = ret < 0 ? strerrorname_np(errno) : "ok";
	return end - start;
}

/*
 * A chain, and no table as in other programs: if each of these were a function of its own,
 * the compiler would put other instructions between the readings of the counter, one less
 * for open and mknod, and no figure could be compared with an older one.
 */
static u64 once(const char *what, const char *path)
{
	if (!strcmp(what, "getppid"))
		return refused(SYS_getppid, 0, 0, 0);
	if (!strcmp(what, "openat"))
		return refused(SYS_openat, AT_FDCWD, (long)"", O_RDONLY);
	if (!strcmp(what, "futex"))
		return refused(SYS_futex, 0, FUTEX_CMD_MASK, 0);
	if (!strcmp(what, "mount"))
		return refused(SYS_mount, (long)"", (long)"", (long)"");
	if (!strcmp(what, "bpf"))
		return refused(SYS_bpf, -1, 0, 0);
	if (!strcmp(what, "open") && path)
		return open_file(path);
	if (!strcmp(what, "socket"))
		return make_socket();
	if (!strcmp(what, "mknod") && path)
		return make_node(path);
	if (!strcmp(what, "clone"))
		return failing_clone(CLONE_NEWNS | CLONE_FS);
	if (!strcmp(what, "process"))
		return failing_clone(CLONE_SIGHAND);
	if (!strcmp(what, "thread"))
		return failing_clone(CLONE_THREAD);
	if (!strcmp(what, "unshare"))
		return simple(SYS_unshare, CLONE_NEWNS | CLONE_VFORK, 0);
	if (!strcmp(what, "setns"))
		return simple(SYS_setns, -1, 0);
	if (!strcmp(what, "exec"))
		return failing_exec();
	if (!strcmp(what, "fork"))
		return forking();
	if (!strcmp(what, "vfork"))
		return vforking();
	if (!strcmp(what, "pthread"))
		return threading();
	if (!strcmp(what, "read") && path)
		return read_whole(path);
	fprintf(stderr, "cost: %s is unknown\n", what);
	exit(2);
}

int main(int argc, char **argv)
{
	int nr, i;

	if (argc < 3) {
		fputs("usage: cost WHAT ROUNDS [PATH]\n", stderr);
		return 2;
	}
	nr = rounds_in(argv[2]);
	close(open("/tmp/empty", O_CREAT | O_WRONLY, 0755));
	/* What is only slow the first time. */
	for (i = 0; i < 3; i++)
		once(argv[1], argv[3]);
	for (i = 0; i < nr; i++)
		rounds[i] = once(argv[1], argv[3]);
	report(argv[1], rounds, nr, answer);
	return 0;
}
