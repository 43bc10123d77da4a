// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * attempt WHAT [ARGUMENT...] — try one thing and say how it went: "ok", or the
 * name of the errno. Several attempts are separated by "--". Exits 0 unless the
 * usage was wrong: what an attempt answers is for the caller to judge.
 *
 *   fork vfork posix_spawn clone clone3 thread
 *   clone-flags HEX     clone3 with these flags
 *   execve PATH, execveat PATH, fexecve PATH   in a child: ok if PATH exits 0
 *   exec-here PATH      execve without a child
 *   unshare HEX         setns PATH      pidfd-setns PID
 *   open-tree-ns        a mount namespace by open_tree(OPEN_TREE_NAMESPACE)
 *   open-tree-attr-ns   the same by open_tree_attr
 *   check PATH          execveat with AT_EXECVE_CHECK
 *   pty-peer            TIOCGPTPEER
 *   read PATH, write PATH [TEXT], rdwr PATH, opath PATH (O_PATH, then /proc/self/fd)
 *   mknod PATH c|b MAJOR MINOR
 *   kill PID            ptrace PID
 *   socket FAMILY TYPE PROTOCOL   socketpair FAMILY TYPE PROTOCOL   by numbers
 *   alg TYPE NAME       bind an AF_ALG socket to a cipher
 *   mount-type TYPE DIR
 *   diag PROTOCOL       ask for the sockets of an internet protocol
 *   crash               in a child: ok if it dumped core
 *   sethostname NAME    mount-proc DIR   mount-cgroup DIR
 *
 *   attempt --during FILE WHAT...   over and over until FILE is there; each answer that is not
 *                       there yet is printed once
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone3.h"
#include "files.h"

#ifndef OPEN_TREE_NAMESPACE
#define OPEN_TREE_NAMESPACE 2
#endif
/* With what is mounted below: a locked mount is not copied without its like (EINVAL). */
#define TREE_FLAGS	(OPEN_TREE_NAMESPACE | AT_RECURSIVE | O_CLOEXEC)

/* Newer than some headers, by which they have other names too. */
#define SYS_OPEN_TREE_ATTR	467
#define EXECVE_CHECK		0x10000

extern char **environ;

/* Ends a child at once; in its parent, how it ended: 0, or its exit status as errno. */
static int result_of(pid_t pid)
{
	int status;

	if (pid < 0)
		return -1;
	if (!pid)
		_exit(0);
	if (waitpid(pid, &status, 0) < 0)
		return -1;
	/* Killed: an answer of its own, which no call gives here. */
	if (WIFSIGNALED(status)) {
		errno = EINTR;
		return -1;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status)) {
		errno = WEXITSTATUS(status);
		return -1;
	}
	return 0;
}

/* 0 if a child that a signal ends is said to have dumped core. */
static int try_crash(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	pid_t pid = fork();
	int status;

	if (!pid) {
		setrlimit(RLIMIT_CORE, &unlimited);
		abort();
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	errno = ENODATA;
	return WIFSIGNALED(status) && WCOREDUMP(status) ? 0 : -1;
}

/* Binds an AF_ALG socket to a cipher. */
static int try_alg(const char *type, const char *name)
{
	struct sockaddr_alg address = { .salg_family = AF_ALG };
	int fd = socket(AF_ALG, SOCK_SEQPACKET, 0), ret;

	if (fd < 0)
		return -1;
	snprintf((char *)address.salg_type, sizeof(address.salg_type), "%s", type);
	snprintf((char *)address.salg_name, sizeof(address.salg_name), "%s", name);
	ret = bind(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return ret;
}

static int try_socket(char **argv)
{
	int family = atoi(argv[1]), type = atoi(argv[2]), protocol = atoi(argv[3]), pair[2] = { -1, -1 };

	if (!strcmp(argv[0], "socketpair") ? socketpair(family, type, protocol, pair) :
					     (pair[0] = socket(family, type, protocol)) < 0)
		return -1;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static int try_diag(int protocol)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} message = {
		.header = {
			.nlmsg_len = sizeof(message),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.request = { .sdiag_family = AF_INET, .sdiag_protocol = protocol },
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	ssize_t n;

	if (fd < 0 || send(fd, &message, sizeof(message), 0) < 0)
		return -1;
	n = recv(fd, &answer, sizeof(answer), 0);
	close(fd);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(answer.error)))
		return -1;
	errno = -answer.error.error;
	return errno ? -1 : 0;
}

static int try_posix_spawn(void)
{
	char *argv[] = { "/bin/true", NULL };
	pid_t pid;
	int err = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);

	if (err) {
		errno = err;
		return -1;
	}
	return result_of(pid);
}

static pid_t try_vfork(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(0);
	return pid;
}

static void *nothing(void *arg)
{
	return arg;
}

static int try_thread(void)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, nothing, NULL);

	if (err) {
		errno = err;
		return -1;
	}
	pthread_join(thread, NULL);
	return 0;
}

static int exec_path(const char *how, char *path)
{
	char *argv[] = { path, NULL };

	if (!strcmp(how, "execve"))
		return execve(path, argv, environ);
	if (!strcmp(how, "execveat"))
		return syscall(SYS_execveat, AT_FDCWD, path, argv, environ, 0);
	return fexecve(open(path, O_RDONLY | O_CLOEXEC), argv, environ);
}

/* The child reports the errno of a failed exec through a pipe: fork may be denied too. */
static int try_exec(const char *how, char *path)
{
	int ends[2], err = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		exec_path(how, path);
		err = errno;
		if (write(ends[1], &err, sizeof(err)) < 0)
			_exit(1);
		_exit(0);
	}
	close(ends[1]);
	if (pid < 0)
		return -1;
	if (read(ends[0], &err, sizeof(err)) == sizeof(err)) {
		waitpid(pid, NULL, 0);
		errno = err;
		return -1;
	}
	close(ends[0]);
	return result_of(pid);
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd;
}

static int try_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	int ret;

	if (fd < 0)
		return -1;
	ret = text ? write(fd, text, strlen(text)) : 0;
	close(fd);
	return ret;
}

static int try_opath(const char *path)
{
	char again[32];
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return -1;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	return try_open(again, O_RDWR);
}

static int try_setns(int fd)
{
	return fd < 0 ? -1 : setns(fd, 0);
}

static int try_check(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return syscall(SYS_execveat, fd, "", NULL, NULL, AT_EMPTY_PATH | EXECVE_CHECK);
}

static int try_pty_peer(void)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), unlocked = 0;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked))
		return -1;
	return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static int attempt(int argc, char **argv)
{
	const char *what = argv[0];
	char *arg = argc > 1 ? argv[1] : NULL;

	if (!strcmp(what, "fork"))
		return result_of(raw_fork());
	if (!strcmp(what, "vfork"))
		return result_of(try_vfork());
	if (!strcmp(what, "posix_spawn"))
		return try_posix_spawn();
	if (!strcmp(what, "clone"))
		return result_of(raw_clone(0));
	if (!strcmp(what, "clone3"))
		return result_of(clone3_child(0));
	if (!strcmp(what, "thread"))
		return try_thread();
	if (!strcmp(what, "open-tree-ns"))
		return syscall(SYS_open_tree, AT_FDCWD, "/", TREE_FLAGS);
	if (!strcmp(what, "open-tree-attr-ns"))
		return syscall(SYS_OPEN_TREE_ATTR, AT_FDCWD, "/", TREE_FLAGS, NULL, 0);
	if (!strcmp(what, "pty-peer"))
		return try_pty_peer();
	if (!strcmp(what, "crash"))
		return try_crash();
	if (!arg)
		return -2;
	if ((!strcmp(what, "socket") || !strcmp(what, "socketpair")) && argc > 3)
		return try_socket(argv);
	if (!strcmp(what, "alg") && argc > 2)
		return try_alg(arg, argv[2]);
	if (!strcmp(what, "mount-type") && argc > 2)
		return mount("none", argv[2], arg, 0, NULL);
	if (!strcmp(what, "diag"))
		return try_diag(atoi(arg));
	if (!strcmp(what, "check"))
		return try_check(arg);
	if (!strcmp(what, "clone-flags"))
		return result_of(clone3_child(strtoull(arg, NULL, 16)));
	if (!strcmp(what, "execve") || !strcmp(what, "execveat") || !strcmp(what, "fexecve"))
		return try_exec(what, arg);
	if (!strcmp(what, "exec-here"))
		return exec_path("execve", arg);
	if (!strcmp(what, "unshare"))
		return syscall(SYS_unshare, strtoul(arg, NULL, 16));
	if (!strcmp(what, "setns"))
		return try_setns(open(arg, O_RDONLY | O_CLOEXEC));
	if (!strcmp(what, "pidfd-setns"))
		return setns(syscall(SYS_pidfd_open, atoi(arg), 0), CLONE_NEWUTS);
	if (!strcmp(what, "read"))
		return try_open(arg, O_RDONLY);
	if (!strcmp(what, "write"))
		return try_write(arg, argc > 2 ? argv[2] : NULL);
	if (!strcmp(what, "rdwr"))
		return try_open(arg, O_RDWR);
	if (!strcmp(what, "opath"))
		return try_opath(arg);
	if (!strcmp(what, "mknod") && argc > 4)
		return mknod(arg, 0600 | (*argv[2] == 'b' ? S_IFBLK : S_IFCHR),
			     makedev(atoi(argv[3]), atoi(argv[4])));
	if (!strcmp(what, "kill"))
		return kill(atoi(arg), 0);
	if (!strcmp(what, "ptrace"))
		return ptrace(PTRACE_ATTACH, atoi(arg), 0, 0);
	if (!strcmp(what, "sethostname"))
		return sethostname(arg, strlen(arg));
	if (!strcmp(what, "mount-proc"))
		return mount("proc", arg, "proc", 0, NULL);
	if (!strcmp(what, "mount-cgroup"))
		return mount("cgroup2", arg, "cgroup2", 0, NULL);
	return -2;
}

/* Has an answer been told? If not, it has now. */
static int was_told(const char *answer)
{
	static char told[32][80];
	size_t i;

	for (i = 0; i < sizeof(told) / sizeof(*told) - 1 && *told[i]; i++)
		if (!strcmp(told[i], answer))
			return 1;
	snprintf(told[i], sizeof(told[i]), "%s", answer);
	return 0;
}

static int attempt_all(int argc, char **argv, int from, int again)
{
	char answer[80];
	int i, ret;

	for (; from < argc; from = i + 1) {
		for (i = from; i < argc && strcmp(argv[i], "--"); i++)
			;
		errno = 0;
		ret = attempt(i - from, argv + from);
		if (ret == -2) {
			fprintf(stderr, "attempt: %s: unknown or without its argument\n", argv[from]);
			return 2;
		}
		snprintf(answer, sizeof(answer), "%s %s\n", argv[from], outcome(ret));
		if (again && was_told(answer))
			continue;
		fputs(answer, stdout);
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int ret = 0;

	if (argc < 4 || strcmp(argv[1], "--during"))
		return attempt_all(argc, argv, 1, 0);
	while (!ret && access(argv[2], F_OK))
		ret = attempt_all(argc, argv, 3, 1);
	return ret;
}
