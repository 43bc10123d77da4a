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
#include <stdbool.h>
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
#include "dispatch.h"
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

static int do_socket(char **a)
{
	int fd = socket(atoi(a[0]), atoi(a[1]), atoi(a[2]));

	return fd < 0 ? -1 : close(fd);
}

static int do_socketpair(char **a)
{
	int pair[2];

	if (socketpair(atoi(a[0]), atoi(a[1]), atoi(a[2]), pair))
		return -1;
	close(pair[0]);
	return close(pair[1]);
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

static int do_exec_here(char **a)
{
	char *argv[] = { a[0], NULL };

	return execve(a[0], argv, environ);
}

static int exec_at(char **a)
{
	char *argv[] = { a[0], NULL };

	return syscall(SYS_execveat, AT_FDCWD, a[0], argv, environ, 0);
}

static int exec_fd(char **a)
{
	char *argv[] = { a[0], NULL };

	return fexecve(open(a[0], O_RDONLY | O_CLOEXEC), argv, environ);
}

/* The child reports the errno of a failed exec through a pipe: fork may be denied too. */
static int try_exec(int (*execute)(char **a), char **a)
{
	int ends[2], err = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		execute(a);
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

/* The attempts: what each is given, and what the call answers, with errno. */

#define ATTEMPT(name, expression) \
	static int do_##name(char **a) { (void)a; return expression; }

ATTEMPT(fork, result_of(raw_fork()))
ATTEMPT(vfork, result_of(try_vfork()))
ATTEMPT(posix_spawn, try_posix_spawn())
ATTEMPT(clone, result_of(raw_clone(0)))
ATTEMPT(clone3, result_of(clone3_child(0)))
ATTEMPT(clone_flags, result_of(clone3_child(strtoull(a[0], NULL, 16))))
ATTEMPT(thread, try_thread())
ATTEMPT(execve, try_exec(do_exec_here, a))
ATTEMPT(execveat, try_exec(exec_at, a))
ATTEMPT(fexecve, try_exec(exec_fd, a))
ATTEMPT(check, try_check(a[0]))
ATTEMPT(unshare, syscall(SYS_unshare, strtoul(a[0], NULL, 16)))
ATTEMPT(setns, try_setns(open(a[0], O_RDONLY | O_CLOEXEC)))
ATTEMPT(pidfd_setns, setns(syscall(SYS_pidfd_open, atoi(a[0]), 0), CLONE_NEWUTS))
ATTEMPT(open_tree_ns, syscall(SYS_open_tree, AT_FDCWD, "/", TREE_FLAGS))
ATTEMPT(open_tree_attr_ns, syscall(SYS_OPEN_TREE_ATTR, AT_FDCWD, "/", TREE_FLAGS, NULL, 0))
ATTEMPT(pty_peer, try_pty_peer())
ATTEMPT(read, try_open(a[0], O_RDONLY))
ATTEMPT(write, try_write(a[0], a[1]))
ATTEMPT(rdwr, try_open(a[0], O_RDWR))
ATTEMPT(opath, try_opath(a[0]))
ATTEMPT(mknod, mknod(a[0], 0600 | (*a[1] == 'b' ? S_IFBLK : S_IFCHR),
		     makedev(atoi(a[2]), atoi(a[3]))))
ATTEMPT(kill, kill(atoi(a[0]), 0))
ATTEMPT(ptrace, ptrace(PTRACE_ATTACH, atoi(a[0]), 0, 0))
ATTEMPT(alg, try_alg(a[0], a[1]))
ATTEMPT(diag, try_diag(atoi(a[0])))
ATTEMPT(crash, try_crash())
ATTEMPT(sethostname, sethostname(a[0], strlen(a[0])))
ATTEMPT(mount_type, mount("none", a[1], a[0], 0, NULL))
ATTEMPT(mount_proc, mount("proc", a[0], "proc", 0, NULL))
ATTEMPT(mount_cgroup, mount("cgroup2", a[0], "cgroup2", 0, NULL))

static const struct word words[] = {
	{ "fork", 0, do_fork, NULL },
	{ "vfork", 0, do_vfork, NULL },
	{ "posix_spawn", 0, do_posix_spawn, NULL },
	{ "clone", 0, do_clone, NULL },
	{ "clone3", 0, do_clone3, NULL },
	{ "clone-flags", 1, do_clone_flags, "HEX" },
	{ "thread", 0, do_thread, NULL },
	{ "execve", 1, do_execve, "PATH" },
	{ "execveat", 1, do_execveat, "PATH" },
	{ "fexecve", 1, do_fexecve, "PATH" },
	{ "exec-here", 1, do_exec_here, "PATH" },
	{ "check", 1, do_check, "PATH" },
	{ "unshare", 1, do_unshare, "HEX" },
	{ "setns", 1, do_setns, "PATH" },
	{ "pidfd-setns", 1, do_pidfd_setns, "PID" },
	{ "open-tree-ns", 0, do_open_tree_ns, NULL },
	{ "open-tree-attr-ns", 0, do_open_tree_attr_ns, NULL },
	{ "pty-peer", 0, do_pty_peer, NULL },
	{ "read", 1, do_read, "PATH" },
	{ "write", 1, do_write, "PATH [TEXT]" },
	{ "rdwr", 1, do_rdwr, "PATH" },
	{ "opath", 1, do_opath, "PATH" },
	{ "mknod", 4, do_mknod, "PATH c|b MAJOR MINOR" },
	{ "kill", 1, do_kill, "PID" },
	{ "ptrace", 1, do_ptrace, "PID" },
	{ "socket", 3, do_socket, "FAMILY TYPE PROTOCOL" },
	{ "socketpair", 3, do_socketpair, "FAMILY TYPE PROTOCOL" },
	{ "alg", 2, do_alg, "TYPE NAME" },
	{ "diag", 1, do_diag, "PROTOCOL" },
	{ "crash", 0, do_crash, NULL },
	{ "sethostname", 1, do_sethostname, "NAME" },
	{ "mount-type", 2, do_mount_type, "TYPE DIR" },
	{ "mount-proc", 1, do_mount_proc, "DIR" },
	{ "mount-cgroup", 1, do_mount_cgroup, "DIR" },
	{}
};

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

static bool again;

static int attempt(char **line)
{
	const struct word *word = find_word(line, words);
	char answer[80];

	if (!word)
		return say_usage(words);
	errno = 0;
	snprintf(answer, sizeof(answer), "%s %s\n", word->name, outcome(word->run(line + 1)));
	if (again && was_told(answer))
		return 0;
	fputs(answer, stdout);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	int ret = 0;

	again = argc > 3 && !strcmp(argv[1], "--during");
	if (!again)
		return each_line(argv + 1, attempt);
	while (!ret && access(argv[2], F_OK))
		ret = each_line(argv + 3, attempt);
	return ret;
}
