// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * snatch exec|exit NAME MS — as root of an agent, takes descriptor 200 of each process of
 * this name that comes into its pid namespace, a directory that is close-on-exec: by
 * /proc/PID/fd while it executes, or by pidfd_getfd once it has killed it. Says "ready"
 * first; after so long, or once it has taken three, how many it has met and taken,
 * {"met":N,"taken":N}.
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
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "files.h"

#define DESCRIPTOR	200
/* How long one process is gone at. */
#define ONE_US		3000000L
#define ENOUGH		3

static bool killing;

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

static pid_t find(const char *name)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (processes && !found && (entry = readdir(processes))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 1 && pid != getpid() && is_called(pid, name))
			found = pid;
	}
	if (processes)
		closedir(processes);
	return found;
}

static int take(pid_t pid, int pidfd)
{
	char path[64];

	if (killing)
		return syscall(SYS_pidfd_getfd, pidfd, DESCRIPTOR, 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, DESCRIPTOR);
	return open(path, O_RDONLY | O_DIRECTORY);
}

/* Goes at it until it has gone, or has the descriptor no more. Returns whether it was taken. */
static bool snatch(pid_t pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), fd = -1;
	long end = now_us() + ONE_US;

	/* Once it is in reach. */
	while (killing && kill(pid, SIGKILL) && errno == EPERM && now_us() < end)
		;
	while (fd < 0 && now_us() < end) {
		fd = take(pid, pidfd);
		if (fd < 0 && (errno == ESRCH || errno == ENOENT || errno == EBADF))
			break;
	}
	if (pidfd >= 0)
		close(pidfd);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(int argc, char **argv)
{
	int met = 0, taken = 0;
	long until;

	if (argc < 4)
		return 2;
	killing = !strcmp(argv[1], "exit");
	until = now_us() + atol(argv[3]) * 1000;
	if (mount("proc", "/proc", "proc", 0, NULL))
		die("mount");
	puts("ready");
	fflush(stdout);
	while (now_us() < until && taken < ENOUGH) {
		pid_t pid = find(argv[2]);

		if (!pid)
			continue;
		met++;
		taken += snatch(pid);
	}
	printf("{\"met\":%d,\"taken\":%d}\n", met, taken);
	return 0;
}
