// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * join [OPTION VALUE]... ID PID PROGRAM [ARGUMENT...]
 *
 * Starts PROGRAM as one more process of agent ID, whose namespaces and root are those of
 * process PID: writes {"id":ID} to /proc/swarm/spawn, forks, and lets the child enter the
 * namespaces, the pid namespace last, fork once more for that, take the root, become root
 * there, and execute. Prints the answer and the child's pid on standard error, waits, and
 * exits as launch does: as PROGRAM, 128 + signal, 125 if the order was refused, 126 if no
 * child was made.
 *
 *   --enter HEX   the namespaces to be entered, as CLONE_NEW*; all but time by default
 *   --then FILE   of a namespace, opened by the launcher, that the child enters after those
 *   --ids N       the user and group id to take; 0 by default, -1 for none
 *   --flags HEX   of a clone3 instead of the fork
 *   --first HEX   of a clone3 that is tried before and expected to fail; says how it did
 *   --early 1     the pid namespace is entered for children before the order, and there is
 *                 no second fork
 *   --wait MS     before the fork
 *   --before MS   before the child enters anything; it is called "unentered" meanwhile,
 *                 and says whether it is dumpable
 *   --pause MS    before the child executes
 *   --unshare HEX what the child unshares before that
 *   --leave FILE  a cgroup.procs that it writes itself to, before it enters anything
 *   --root DIR    a directory of the host that it takes for its root instead
 *   --cwd DIR     a directory of the host that it is in when it executes
 *   --touch MB    of memory that it has
 *   --crowd N     the first child forks so many more, which wait for a minute, and waits
 *
 * Descriptor 200 is the host's root directory, close-on-exec: for attack/snatch.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "clone3.h"
#include "files.h"
#include "swarm.h"

#define ALL	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
		 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

#define HOST	200

static unsigned long long entered = ALL, flags, first, unshared;
static const char *left_for, *other_root, *other_cwd, *entered_then;
static long ids, early, before_fork, before_enter, before_exec, touched, crowd;
static int root, cwd = -1, then = -1;

static void take_ids(void)
{
	if (ids < 0)
		return;
	if (setgroups(0, NULL) || setresgid(ids, ids, ids) || setresuid(ids, ids, ids))
		die("ids");
}

/* Has memory that takes time to give back. */
static void touch(void)
{
	size_t size = touched << 20;
	char *memory;

	if (!size)
		return;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || madvise(memory, size, MADV_NOHUGEPAGE))
		die("memory");
	memset(memory, 1, size);
}

static void gather_crowd(void)
{
	long i;

	for (i = 0; i < crowd; i++) {
		pid_t pid = raw_fork();

		if (pid < 0)
			die("crowd");
		if (!pid) {
			pause_us(60 * 1000000L);
			_exit(0);
		}
	}
	puts("gathered");
	fflush(stdout);
	pause_us(60 * 1000000L);
	_exit(0);
}

static void linger(void)
{
	fprintf(stderr, "dumpable %d\n", prctl(PR_GET_DUMPABLE));
	prctl(PR_SET_NAME, "unentered");
	pause_us(before_enter * 1000);
	prctl(PR_SET_NAME, "join");
}

static void enter(int pidfd)
{
	int others = entered & ~CLONE_NEWPID;

	if (left_for)
		write_file(left_for, "0");
	if (others && setns(pidfd, others))
		die("setns");
	if (then >= 0 && setns(then, 0))
		die("setns then");
	if (fchdir(root) || chroot("."))
		die("root");
	if (cwd >= 0 && fchdir(cwd))
		die("cwd");
}

static void execute(int pidfd, char **argv)
{
	if (crowd)
		gather_crowd();
	if (before_enter)
		linger();
	enter(pidfd);
	if (!early && entered & CLONE_NEWPID) {
		pid_t pid;

		if (setns(pidfd, CLONE_NEWPID))
			die("setns pid");
		pid = raw_fork();
		if (pid)
			_exit(pid < 0 ? 126 : exit_code_of(pid));
	}
	touch();
	take_ids();
	if (unshared && unshare(unshared))
		die("unshare");
	/* Readable by whoever could look into this process; see trap. */
	close(pidfd);
	pause_us(before_exec * 1000);
	execv(argv[0], argv);
	_exit(127);
}

static void options(char ***argv)
{
	static const struct { const char *name; long *value; } numbers[] = {
		{ "--ids", &ids }, { "--early", &early }, { "--touch", &touched },
		{ "--wait", &before_fork }, { "--pause", &before_exec }, { "--crowd", &crowd },
		{ "--before", &before_enter },
	};
	static const struct { const char *name; unsigned long long *value; } masks[] = {
		{ "--enter", &entered }, { "--flags", &flags }, { "--first", &first },
		{ "--unshare", &unshared },
	};
	static const struct { const char *name; const char **value; } paths[] = {
		{ "--leave", &left_for }, { "--root", &other_root }, { "--cwd", &other_cwd },
		{ "--then", &entered_then },
	};
	size_t i;

	for (; **argv && !strncmp(**argv, "--", 2) && (*argv)[1]; *argv += 2) {
		for (i = 0; i < sizeof(paths) / sizeof(*paths); i++)
			if (!strcmp(**argv, paths[i].name))
				*paths[i].value = (*argv)[1];
		for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
			if (!strcmp(**argv, numbers[i].name))
				*numbers[i].value = atol((*argv)[1]);
		for (i = 0; i < sizeof(masks) / sizeof(*masks); i++)
			if (!strcmp(**argv, masks[i].name))
				*masks[i].value = strtoull((*argv)[1], NULL, 16);
	}
}

/* Opened while their paths mean what they do to the launcher. */
static void open_places(const char *pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%s/root", pid);
	root = open_or_die(other_root ?: path, O_PATH | O_DIRECTORY);
	if (other_cwd)
		cwd = open_or_die(other_cwd, O_PATH | O_DIRECTORY);
	if (entered_then)
		then = open_or_die(entered_then, O_RDONLY | O_CLOEXEC);
	if (dup3(open_or_die("/", O_RDONLY | O_DIRECTORY), HOST, O_CLOEXEC) < 0)
		die("dup3");
}

int main(int argc, char **argv)
{
	char order[64], answer[512];
	int pidfd, refused;
	pid_t pid;

	(void)argc;
	argv++;
	options(&argv);
	if (!argv[0] || !argv[1] || !argv[2]) {
		fprintf(stderr, "usage: join [OPTION VALUE]... ID PID PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	pidfd = syscall(SYS_pidfd_open, atoi(argv[1]), 0);
	if (pidfd < 0)
		die("pidfd_open");
	open_places(argv[1]);
	if (early && entered & CLONE_NEWPID && setns(pidfd, CLONE_NEWPID))
		die("setns pid");
	snprintf(order, sizeof(order), "{\"id\":%s}", argv[0]);
	refused = swarm_order("spawn", order, answer, sizeof(answer));
	fprintf(stderr, "%s", answer);
	if (refused)
		return 125;
	if (first)
		fprintf(stderr, "first %s\n", outcome(clone3_child(first)));
	pause_us(before_fork * 1000);
	pid = flags ? clone3_child(flags) : raw_fork();
	if (!pid)
		execute(pidfd, argv + 2);
	if (pid < 0) {
		fprintf(stderr, "fork: %s\n", strerrorname_np(errno));
		return 126;
	}
	fprintf(stderr, "pid %d\n", pid);
	return exit_code_of(pid);
}
