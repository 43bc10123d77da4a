// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * together LAUNCHERS BIRTHS OBJECT — so many launchers, each on a processor of its own if
 * there are as many, that start BIRTHS agents each, one after the other; the agents exit
 * at once. Without OBJECT, which is then "", ordinary processes. Prints a line of JSON.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "clone3.h"
#include "files.h"
#include "swarm.h"

static void __attribute__((noreturn)) launcher(int cpu, int births, const char *object, int start)
{
	char answer[4096], byte;
	int create = -1, status;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		die("sched_setaffinity");
	if (*object)
		create = open_or_die("/proc/swarm/create", O_RDWR);
	if (read(start, &byte, 1))
		die("pipe");
	while (births-- > 0) {
		pid_t pid;

		if (*object && swarm_give(create, object, answer, sizeof(answer)))
			die("create: %s", answer);
		pid = raw_fork();
		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			die("birth");
	}
	exit(0);
}

int main(int argc, char **argv)
{
	int launchers = argc == 4 ? atoi(argv[1]) : 0, births = argc == 4 ? atoi(argv[2]) : 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), began;
	int start[2], i, status, bad = 0;

	if (launchers < 1 || births < 1) {
		fputs("usage: together LAUNCHERS BIRTHS OBJECT\n", stderr);
		return 2;
	}
	if (pipe2(start, O_CLOEXEC))
		die("pipe");
	for (i = 0; i < launchers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid)
			continue;
		close(start[1]);
		launcher(i % cpus, births, argv[3], start[0]);
	}
	pause_us(200000);
	began = now_us();
	close(start[1]);
	while (wait(&status) > 0)
		bad |= status;
	printf("{\"launchers\":%d,\"births\":%d,\"us\":%ld}\n", launchers, launchers * births,
	       now_us() - began);
	return bad ? 1 : 0;
}
