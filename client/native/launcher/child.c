// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What a child does between clone and execve. It may run in its launcher's memory, so
 * it makes system calls and nothing else. Those that set ids are made directly: glibc's
 * functions would have every thread of the launcher set them too.
 */
#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone.h"
#include "root.h"

#ifndef SYS_close_range
#define SYS_close_range	436
#endif

/* The kernel's own set of signals, which has 64. */
typedef unsigned long long signals;

/* The kernel's struct sigaction, of which only the handler matters for SIG_DFL. */
struct disposition {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	signals mask;
};

void child_fail(const struct child *child, enum launch_stage stage, const char *what)
{
	struct launch_report *report = child->report;

	report->stage = stage;
	report->what = what;
	report->error = errno;
	_exit(127);
}

static void require(const struct child *child, int done, const char *what)
{
	if (!done)
		child_fail(child, LAUNCH_SETUP, what);
}

/* Whoever cancels kills the child by its id. This is for a child that had none yet. */
static void require_wanted(const struct child *child)
{
	if (!__atomic_load_n(&child->report->cancelled, __ATOMIC_SEQ_CST))
		return;
	errno = ECANCELED;
	child_fail(child, LAUNCH_CLONE, "cancelled");
}

/*
 * Every process of an agent begins as the leader of a session. Whoever is none is no
 * agent's, and runs nothing.
 */
static void require_agent(const struct child *child)
{
	if (syscall(SYS_getsid, 0) == syscall(SYS_getpid))
		return;
	errno = ECHILD;
	child_fail(child, LAUNCH_CLONE, "the process is not the agent's: the order did not arm the thread");
}

/* Node ignores these. The clone has reset those that it handles. */
static void reset_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGXFSZ };
	const struct disposition by_default = { .handler = SIG_DFL };

	for (unsigned int i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		syscall(SYS_rt_sigaction, ignored[i], &by_default, NULL, sizeof(signals));
}

static void unblock_signals(void)
{
	const signals none = 0;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/* Out of the way of those that are given numbers; @next is the first that is free then. */
static int move(const struct child *child, int fd, int next)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, next);

	require(child, moved >= 0, "descriptors");
	return moved;
}

/* A descriptor that is closed before the execve, behind the program's own. */
static int keep(const struct child *child, int fd, int *next)
{
	if (fd < 0)
		return fd;
	require(child, dup3(fd, *next, O_CLOEXEC) >= 0, "descriptors");
	return (*next)++;
}

/* Node has made its own standard streams non-blocking. A program expects that they block. */
static int block(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (!(flags & O_NONBLOCK) || !fcntl(fd, F_SETFL, flags & ~O_NONBLOCK));
}

/* The program's descriptors get their numbers, and all others are closed. */
static void arrange_descriptors(struct child *child)
{
	const struct launch_spec *spec = child->spec;
	int *const own[] = { &child->pidfd, &child->directory, &child->channel };
	const unsigned int nr = spec->nr_stdio, nr_own = sizeof(own) / sizeof(*own);
	int next = nr;
	unsigned int i;

	for (i = 0; i < nr_own; i++)
		if (*own[i] >= 0)
			*own[i] = move(child, *own[i], nr + nr_own);
	for (i = 0; i < nr; i++)
		spec->moved[i] = move(child, spec->stdio[i], nr + nr_own);
	for (i = 0; i < nr; i++)
		require(child, dup3(spec->moved[i], i, 0) >= 0 && (i > 2 || block(i)), "descriptors");
	for (i = 0; i < nr_own; i++)
		*own[i] = keep(child, *own[i], &next);
	require(child, !syscall(SYS_close_range, next, ~0U, 0), "descriptors");
}

/* Where the agent is, but for its pid namespace. */
static void enter(const struct child *child)
{
	int others = child->namespaces & ~CLONE_NEWPID;

	require(child, !others || !setns(child->pidfd, others), "entering the agent's namespaces");
	require(child, !fchdir(child->directory) && !chroot("."), "entering the agent's root");
}

/*
 * setns brings only later children into a pid namespace. This one is the launcher's own
 * child, so that the launcher waits for it; its id is told as the launcher counts. It is
 * waited for until it executes or exits, so that nothing else is needed to know that.
 */
static void enter_pids(const struct child *child)
{
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_VFORK | CLONE_PARENT_SETTID,
		.parent_tid = (uintptr_t)&child->report->second,
	};
	long pid;

	require(child, !setns(child->pidfd, CLONE_NEWPID), "entering the agent's pid namespace");
	pid = clone3_inline(&args);
	if (!pid)
		return;
	if (pid > 0)
		_exit(0);
	errno = -pid;
	child_fail(child, LAUNCH_CLONE, "the process in the agent's pid namespace");
}

static void join(const struct child *child)
{
	enter(child);
	if (child->namespaces & CLONE_NEWPID) {
		enter_pids(child);
		/* Its first process has the session. */
		require(child, setsid() >= 0, "session");
	}
	close(child->pidfd);
	close(child->directory);
}

/* In a frame of its own: a child in this memory must not return from it. */
static __attribute__((noinline)) pid_t make_group(void)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK,
		.exit_signal = SIGCHLD,
	};
	long pid = clone3_inline(&args);

	if (!pid)
		_exit(setpgid(0, 0) ? errno : 0);
	if (pid < 0)
		errno = -pid;
	return pid;
}

/*
 * At its birth a process gets a session of its own, but the module makes it the leader
 * only with its execve, so that a shell may still make it a process group. Only a leader
 * gets a terminal, and the leader of a process group cannot become one. So another
 * process makes a group that this one goes to; then a session is made anew.
 */
static void lead_session(const struct child *child)
{
	pid_t pid;

	if (setsid() >= 0)
		return;
	pid = make_group();
	require(child, pid > 0, "a process group for the terminal");
	require(child, !setpgid(0, pid), "process group");
	while (wait4(pid, NULL, 0, NULL) < 0 && errno == EINTR)
		;
	require(child, setsid() >= 0, "session");
}

static void take_terminal(const struct child *child)
{
	/* A process that has joined may lead a session already. */
	if (!child->spec->terminal || !ioctl(0, TIOCSCTTY, 0))
		return;
	require(child, errno == EPERM, "terminal");
	lead_session(child);
	require(child, !ioctl(0, TIOCSCTTY, 0), "terminal");
}

static void take_ids(const struct child *child)
{
	const struct launch_spec *spec = child->spec;

	if (!spec->has_user)
		return;
	require(child, !syscall(SYS_setgroups, spec->nr_groups, spec->groups), "groups");
	require(child, !syscall(SYS_setresgid, spec->gid, spec->gid, spec->gid), "group");
	require(child, !syscall(SYS_setresuid, spec->uid, spec->uid, spec->uid), "user");
}

/* Is there no program here, so that the next directory may have it? As execvp has it. */
static int goes_on(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES || error == ESTALE ||
	       error == ENODEV || error == ETIMEDOUT;
}

static void execute(const struct child *child)
{
	const struct launch_spec *spec = child->spec;
	const char *const *path;
	int denied = 0;

	errno = ENOENT;
	child->report->progress = CHILD_EXECUTING;
	for (path = spec->paths; *path; path++) {
		execve(*path, spec->argv, spec->envp);
		if (!goes_on(errno))
			break;
		denied |= errno == EACCES;
	}
	if (denied && !*path)
		errno = EACCES;
	child_fail(child, LAUNCH_EXEC, spec->program);
}

void child_run(struct child *child)
{
	const struct launch_spec *spec = child->spec;

	child->report->progress = CHILD_STARTED;
	require_wanted(child);
	require_agent(child);
	reset_signals();
	arrange_descriptors(child);
	if (child->pidfd >= 0)
		join(child);
	if (spec->root)
		root_enter(child, spec->root);
	take_terminal(child);
	if (spec->umask >= 0)
		umask(spec->umask);
	take_ids(child);
	/* With the program's ids: what a path of the agent's leads to may be closed to them. */
	require(child, !spec->cwd || !chdir(spec->cwd), spec->cwd);
	unblock_signals();
	execute(child);
	__builtin_unreachable();
}
