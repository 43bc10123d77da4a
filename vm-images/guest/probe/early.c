// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * early OBJECT STEPS PROGRAM [ARGUMENT...]
 *
 * Writes OBJECT to /proc/swarm/create and forks. The child, an agent's first process, takes
 * STEPS, a list with commas between, before it executes PROGRAM; what becomes of each is
 * printed on stderr:
 *
 *   userns       make a user namespace, and be root in it
 *   fork         go on in a child, and wait for it
 *   inheritable  raise every inheritable capability, one by one; prints how many
 *   ambient      the same for ambient ones
 *   noroot       SECBIT_NOROOT
 *   user         become user and group 1000
 *   getppid      call it
 *   packet, tipc make a socket of this family
 *   crash        end by SIGABRT, with no limit on the core
 *
 * early --file-capability FILE gives a file cap_net_bind_service.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "child.h"
#include "files.h"
#include "swarm.h"

#define CAPABILITIES	41

static int raise_inheritable(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -1;
	data[CAP_TO_INDEX(capability)].inheritable |= CAP_TO_MASK(capability);
	return syscall(SYS_capset, &header, data);
}

static int raise_ambient(int capability)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

static void raise_all(const char *step, int (*raise_one)(int capability))
{
	int capability, raised = 0;

	for (capability = 0; capability < CAPABILITIES; capability++)
		raised += !raise_one(capability);
	fprintf(stderr, "%s %d\n", step, raised);
}

static void crash(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_CORE, &unlimited))
		die("setrlimit");
	abort();
}

static void take(const char *step)
{
	pid_t pid;

	if (!strcmp(step, "userns")) {
		fprintf(stderr, "userns %s\n", outcome(unshare(CLONE_NEWUSER)));
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/gid_map", "0 0 1");
		write_file("/proc/self/uid_map", "0 0 1");
	} else if (!strcmp(step, "fork")) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (pid)
			exit(exit_code_of(pid));
	} else if (!strcmp(step, "inheritable")) {
		raise_all(step, raise_inheritable);
	} else if (!strcmp(step, "ambient")) {
		raise_all(step, raise_ambient);
	} else if (!strcmp(step, "noroot")) {
		fprintf(stderr, "noroot %s\n", outcome(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT)));
	} else if (!strcmp(step, "user")) {
		fprintf(stderr, "user %s\n",
			outcome(setresgid(1000, 1000, 1000) ?: setresuid(1000, 1000, 1000)));
	} else if (!strcmp(step, "getppid")) {
		fprintf(stderr, "getppid %s\n", outcome(syscall(SYS_getppid)));
	} else if (!strcmp(step, "packet")) {
		fprintf(stderr, "packet %s\n", outcome(socket(AF_PACKET, SOCK_RAW, 0)));
	} else if (!strcmp(step, "tipc")) {
		fprintf(stderr, "tipc %s\n", outcome(socket(AF_TIPC, SOCK_RDM, 0)));
	} else if (!strcmp(step, "crash")) {
		crash();
	}
}

static int add_file_capability(const char *path)
{
	const struct vfs_cap_data data = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data[0] = { .permitted = 1U << CAP_NET_BIND_SERVICE },
	};

	if (setxattr(path, "security.capability", &data, sizeof(data), 0))
		die("%s", path);
	return 0;
}

int main(int argc, char **argv)
{
	char answer[1024];
	char *step;
	pid_t pid;

	if (argc == 3 && !strcmp(argv[1], "--file-capability"))
		return add_file_capability(argv[2]);
	if (argc < 4) {
		fprintf(stderr, "usage: early OBJECT STEPS PROGRAM [ARGUMENT...] | early --file-capability FILE\n");
		return 2;
	}
	if (swarm_order("create", argv[1], answer, sizeof(answer))) {
		fprintf(stderr, "%s", answer);
		return 125;
	}
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid)
		return exit_code_of(pid);
	for (step = strtok(argv[2], ","); step; step = strtok(NULL, ","))
		take(step);
	execv(argv[3], argv + 3);
	die("%s", argv[3]);
}
