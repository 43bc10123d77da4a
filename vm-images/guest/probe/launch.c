// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * launch [--via HOW] [--file NAME] OBJECT PROGRAM [ARGUMENT...]
 *
 * Writes OBJECT to /proc/swarm/create, or another file there, in one write, then starts PROGRAM by
 * fork (the default), vfork, posix_spawn, clone, clone3 or a raw clone with the
 * flags of --flags HEX. Prints what was read back on stderr, waits, and exits as
 * PROGRAM does (128 + signal if it was killed); 125 if the object was refused,
 * 126 if no child could be made. With --first HEX it tries a clone3 with these
 * flags before, which is expected to fail, and says how it did. With --squeeze FILE=VALUE
 * it does the same by a fork while FILE has another value, or, with --squeeze capability,
 * while it has no CAP_SYS_ADMIN. With --dumpable N it
 * makes itself dumpable or not before the fork, and says whether it is once the child
 * has ended; what prctl(2) does not set, 2, comes from fs.suid_dumpable. With --tight 1
 * it locks its memory, and has more of it before the fork than its limits allow; it says
 * how many mappings it has then, and once the child has ended. With --check PATH the child
 * asks first whether it may execute PATH (AT_EXECVE_CHECK), and says what it is told.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone3.h"
#include "files.h"

/* Newer than some headers, by which it has another name too. */
#define EXECVE_CHECK	0x10000

extern char **environ;

static int refused(const char *file, const char *object)
{
	char path[64], answer[1024];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/swarm/%s", file);
	fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		fprintf(stderr, "open: %s\n", strerrorname_np(errno));
		return 1;
	}
	n = write(fd, object, strlen(object));
	if (n != (ssize_t)strlen(object))
		fprintf(stderr, "write: %s\n", n < 0 ? strerrorname_np(errno) : "short");
	while ((n = read(fd, answer, sizeof(answer))) > 0)
		fwrite(answer, 1, n, stderr);
	close(fd);
	fflush(stderr);
	return n < 0 || strstr(answer, "\"error\"");
}

static void set_dumpable(int value)
{
	/* Another effective group and back: the capabilities stay. */
	if (value == 2 && (setegid(1) || setegid(0)))
		fprintf(stderr, "setegid: %s\n", strerrorname_np(errno));
	if (value < 2 && prctl(PR_SET_DUMPABLE, value))
		fprintf(stderr, "dumpable: %s\n", strerrorname_np(errno));
	fprintf(stderr, "dumpable before %d\n", prctl(PR_GET_DUMPABLE));
}

/* More than it may have, while a small program may be executed. */
static void tighten(void)
{
	const struct rlimit locked = { 0, 0 }, data = { 2 << 20, 2 << 20 };
	void *memory = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED || mlockall(MCL_CURRENT | MCL_FUTURE) ||
	    setrlimit(RLIMIT_MEMLOCK, &locked) || setrlimit(RLIMIT_DATA, &data))
		die("tight");
}

static void count_mappings(const char *when)
{
	int fd = open_or_die("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	int mappings = 0;
	char character;

	while (read(fd, &character, 1) == 1)
		mappings += character == '\n';
	close(fd);
	fprintf(stderr, "mappings %s %d\n", when, mappings);
}

/* The effective capability alone: the permitted one stays. */
static void set_sys_admin(int has)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		die("capget");
	data[0].effective &= ~(1u << CAP_SYS_ADMIN);
	data[0].effective |= (unsigned int)has << CAP_SYS_ADMIN;
	if (syscall(SYS_capset, &header, data))
		die("capset");
}

static void fork_in_vain(void)
{
	pid_t pid = raw_fork();

	if (!pid)
		_exit(0);
	fprintf(stderr, "first %s\n", outcome(pid));
}

/* Forks while there is less than a fork takes, which there was when it was armed. */
static void squeeze(char *what)
{
	char before[64], *value = strchr(what, '=');

	if (!value) {
		set_sys_admin(0);
		fork_in_vain();
		set_sys_admin(1);
		return;
	}
	*value++ = '\0';
	read_file(what, before, sizeof(before));
	write_file(what, value);
	fork_in_vain();
	write_file(what, before);
}

static const char *checked;

/* Asks, after which nothing has been executed yet. */
static void check(void)
{
	int fd = open(checked, O_RDONLY | O_CLOEXEC);

	fprintf(stderr, "check %s\n",
		outcome(syscall(SYS_execveat, fd, "", NULL, NULL, AT_EMPTY_PATH | EXECVE_CHECK)));
	close(fd);
}

static void run(char **argv)
{
	if (checked)
		check();
	execv(argv[0], argv);
	_exit(127);
}

static pid_t start(const char *via, unsigned long long flags, char **argv)
{
	pid_t pid = -1;

	if (!strcmp(via, "posix_spawn")) {
		int err = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);

		errno = err;
		return err ? -1 : pid;
	}
	if (!strcmp(via, "vfork")) {
		pid = vfork();
	} else if (!strcmp(via, "clone")) {
		pid = raw_clone(flags);
	} else if (!strcmp(via, "clone3")) {
		pid = clone3_child(flags);
	} else {
		pid = raw_fork();
	}
	if (!pid)
		run(argv);
	return pid;
}

int main(int argc, char **argv)
{
	unsigned long long flags = 0, first = 0;
	const char *via = "fork", *file = "create";
	int dumpable = -1, tight = 0, status;
	char *squeezed = NULL;
	pid_t pid;

	for (argv++, argc--; argc > 1 && !strncmp(*argv, "--", 2); argv += 2, argc -= 2) {
		if (!strcmp(*argv, "--via"))
			via = argv[1];
		else if (!strcmp(*argv, "--file"))
			file = argv[1];
		else if (!strcmp(*argv, "--flags"))
			flags = strtoull(argv[1], NULL, 16);
		else if (!strcmp(*argv, "--first"))
			first = strtoull(argv[1], NULL, 16);
		else if (!strcmp(*argv, "--squeeze"))
			squeezed = argv[1];
		else if (!strcmp(*argv, "--dumpable"))
			dumpable = atoi(argv[1]);
		else if (!strcmp(*argv, "--tight"))
			tight = atoi(argv[1]);
		else if (!strcmp(*argv, "--check"))
			checked = argv[1];
	}
	if (argc < 2) {
		fprintf(stderr, "usage: launch [--via HOW] [--file NAME] [--flags HEX] [--squeeze FILE=VALUE] [--dumpable N] [--tight 1] [--check PATH] OBJECT PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	if (refused(file, argv[0]))
		return 125;
	if (first)
		fprintf(stderr, "first %s\n", outcome(clone3_child(first)));
	if (squeezed)
		squeeze(squeezed);
	if (dumpable >= 0)
		set_dumpable(dumpable);
	if (tight) {
		tighten();
		count_mappings("before");
	}
	pid = start(via, flags, argv + 1);
	if (pid < 0) {
		fprintf(stderr, "%s: %s\n", via, strerrorname_np(errno));
		return 126;
	}
	fprintf(stderr, "pid %d\n", pid);
	if (waitpid(pid, &status, 0) < 0)
		return 126;
	if (dumpable >= 0)
		fprintf(stderr, "dumpable after %d\n", prctl(PR_GET_DUMPABLE));
	if (tight)
		count_mappings("after");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
