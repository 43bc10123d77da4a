// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * trap NAME MS [inherited] — as root of an agent, waits for a process of this name to
 * come into its pid namespace, and from then on tries for so long to look into it, take
 * from it and seize it; then lets it go on, and ends once it is alone: a line for each
 * way, "ok" if it ever succeeded, or the errno's name of the last try. Says "ready" first,
 * and waits for a minute at most. With "inherited" it goes by the /proc that it was born
 * with, where it is never alone, and stays until it is killed.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "files.h"

static char here[16];

static long seize(pid_t pid)
{
	long ret = ptrace(PTRACE_SEIZE, pid, 0, 0);

	if (!ret)
		ptrace(PTRACE_DETACH, pid, 0, 0);
	return ret;
}

static long attach(pid_t pid)
{
	long ret = ptrace(PTRACE_ATTACH, pid, 0, 0);

	if (!ret) {
		waitpid(pid, NULL, __WALL);
		ptrace(PTRACE_DETACH, pid, 0, 0);
	}
	return ret;
}

/* Both run the same program image or not: an address that is mapped nowhere is EFAULT, which is past the check. */
static long look(pid_t pid)
{
	struct iovec own = { here, sizeof(here) }, other = { here, sizeof(here) };
	long ret = process_vm_readv(pid, &own, 1, &other, 1, 0);

	return ret < 0 && errno == EFAULT ? 0 : ret;
}

static long change(pid_t pid)
{
	struct iovec own = { here, sizeof(here) }, other = { here, sizeof(here) };
	long ret = process_vm_writev(pid, &own, 1, &other, 1, 0);

	return ret < 0 && errno == EFAULT ? 0 : ret;
}

static long open_of(pid_t pid, const char *file, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, flags);
	if (fd >= 0)
		close(fd);
	return fd;
}

static long memory(pid_t pid)
{
	return open_of(pid, "mem", O_RDWR);
}

static long descriptors(pid_t pid)
{
	char path[64], target[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/2", pid);
	return readlink(path, target, sizeof(target));
}

static long root(pid_t pid)
{
	return open_of(pid, "root/etc", O_RDONLY | O_DIRECTORY);
}

static long environment(pid_t pid)
{
	return open_of(pid, "environ", O_RDONLY);
}

static long take(pid_t pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	long ret = pidfd < 0 ? pidfd : syscall(SYS_pidfd_getfd, pidfd, 2, 0);
	int err = errno;

	if (pidfd >= 0)
		close(pidfd);
	errno = err;
	return ret;
}

/* Stops it, and goes at it while it cannot move. */
static long stop(pid_t pid)
{
	long ret = kill(pid, SIGSTOP);

	return ret;
}

static struct way {
	const char *name;
	long (*try)(pid_t pid);
	bool succeeded;
	const char *error;
} ways[] = {
	{ .name = "stop", .try = stop },
	{ .name = "seize", .try = seize },
	{ .name = "attach", .try = attach },
	{ .name = "process_vm_readv", .try = look },
	{ .name = "process_vm_writev", .try = change },
	{ .name = "mem", .try = memory },
	{ .name = "fd", .try = descriptors },
	{ .name = "root", .try = root },
	{ .name = "environ", .try = environment },
	{ .name = "pidfd_getfd", .try = take },
};

#define NR_WAYS	(sizeof(ways) / sizeof(*ways))

static bool is_called(pid_t pid, const char *name)
{
	char path[64], comm[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	if (read(fd, comm, sizeof(comm) - 1) > 0)
		comm[strcspn(comm, "\n")] = '\0';
	close(fd);
	return !strcmp(comm, name);
}

/* Returns whether it was there at all. */
static bool go_at(pid_t pid, const char *name)
{
	size_t i;

	if (!is_called(pid, name))
		return false;
	for (i = 0; i < NR_WAYS; i++) {
		struct way *way = &ways[i];
		long ret = way->try(pid);

		/* Once it runs another program it is the agent's own. */
		if (!is_called(pid, name))
			break;
		if (ret >= 0)
			way->succeeded = true;
		else if (errno != ESRCH)
			way->error = strerrorname_np(errno);
	}
	kill(pid, SIGCONT);
	return true;
}

int main(int argc, char **argv)
{
	long met = 0, until = now_us() + 60 * 1000000L;
	size_t i;

	if (argc < 3)
		return 2;
	if (argc < 4 && mount("proc", "/proc", "proc", 0, NULL))
		die("mount");
	puts("ready");
	fflush(stdout);
	while (now_us() < until) {
		bool attacks = !met || now_us() < met + atol(argv[2]) * 1000;
		DIR *processes = opendir("/proc");
		struct dirent *entry;
		bool alone = argc < 4 || !attacks;

		while (processes && (entry = readdir(processes))) {
			pid_t pid = atoi(entry->d_name);

			if (pid < 1 || pid == getpid())
				continue;
			if (argc < 4)
				alone = false;
			if (attacks && go_at(pid, argv[1]) && !met)
				met = now_us();
		}
		if (processes)
			closedir(processes);
		if (met && alone)
			break;
		if (!attacks)
			pause_us(10000);
	}
	puts(met ? "met" : "nobody came");
	for (i = 0; i < NR_WAYS; i++)
		printf("%s %s\n", ways[i].name, ways[i].succeeded ? "ok" : ways[i].error ?: "untried");
	fflush(stdout);
	while (argc > 3)
		pause();
	return 0;
}
