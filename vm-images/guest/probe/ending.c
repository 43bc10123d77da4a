// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * ending HOW ARGUMENT... — end, or use something up, in ways that a shell cannot.
 *
 *   by-thread STATUS		another thread than the first calls exit_group
 *   leader-first FIRST STATUS	the first thread exits with FIRST, the other one later with STATUS
 *   exec-by-thread PROGRAM...	another thread than the first executes PROGRAM
 *   leader-gone-exec FILE PROGRAM...	the first thread exits; another one reads FILE, then
 *				executes PROGRAM
 *   leaders-gone N		forks N children; the first thread of each, and its own, exits,
 *				and another one waits for good
 *   core SIGNAL		dies of it, with a core if there can be one
 *   reboot restart|halt	calls reboot, as process 1 of a pid namespace may
 *   burn MS			uses so much CPU time
 *   burn-until MS FILE STATUS	the same, calls itself "burnt", and exits once FILE is there
 *   burn-often MS TIMES	TIMES children use MS each, one after the other
 *   victims N BYTES		N children, one after the other, each touch BYTES: prints
 *				how many SIGKILL killed
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "dispatch.h"
#include "files.h"

static void start(void *(*run)(void *argument), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, argument))
		die("pthread_create");
}

static void wait_for_good(void)
{
	for (;;)
		pause();
}

static void *exit_all(void *status)
{
	syscall(SYS_exit_group, atoi(status));
	return NULL;
}

static int by_thread(char **arguments)
{
	start(exit_all, arguments[0]);
	wait_for_good();
	return 1;
}

static void *exit_later(void *status)
{
	/* The first thread is a zombie by then. */
	pause_us(200000);
	syscall(SYS_exit, atoi(status));
	return NULL;
}

static int leader_first(char **arguments)
{
	start(exit_later, arguments[1]);
	syscall(SYS_exit, atoi(arguments[0]));
	return 1;
}

static void *stay(void *unused)
{
	(void)unused;
	wait_for_good();
	return NULL;
}

static void lose_leader(void)
{
	start(stay, NULL);
	syscall(SYS_exit, 0);
}

static int leaders_gone(char **arguments)
{
	int n = atoi(arguments[0]);

	while (n--) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			lose_leader();
	}
	lose_leader();
	return 1;
}

static void *execute(void *arguments)
{
	execvp(*(char **)arguments, arguments);
	die("execvp");
}

static int exec_by_thread(char **arguments)
{
	start(execute, arguments);
	wait_for_good();
	return 1;
}

static void *execute_when_told(void *arguments)
{
	char told[16];

	read_file(*(char **)arguments, told, sizeof(told));
	return execute((char **)arguments + 1);
}

static int leader_gone_exec(char **arguments)
{
	start(execute_when_told, arguments);
	syscall(SYS_exit, 0);
	return 1;
}

static int core(char **arguments)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CORE, &all);
	kill(getpid(), atoi(arguments[0]));
	wait_for_good();
	return 1;
}

static int reboot_all(char **arguments)
{
	reboot(strcmp(arguments[0], "halt") ? RB_AUTOBOOT : RB_HALT_SYSTEM);
	wait_for_good();
	return 1;
}

static void use_cpu(long ms)
{
	struct timespec used;

	do {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	} while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < ms);
}

static int burn(char **arguments)
{
	use_cpu(atol(arguments[0]));
	return 0;
}

static int burn_until(char **arguments)
{
	use_cpu(atol(arguments[0]));
	prctl(PR_SET_NAME, "burnt");
	while (access(arguments[1], F_OK))
		pause_us(50000);
	return atoi(arguments[2]);
}

static void touch(size_t size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	memset(memory, 1, size);
}

static int burn_often(char **arguments)
{
	int times = atoi(arguments[1]);

	while (times--) {
		pid_t pid = fork();

		if (!pid) {
			use_cpu(atol(arguments[0]));
			_exit(0);
		}
		if (pid < 0)
			die("fork");
		status_of(pid);
	}
	return 0;
}

static int victims(char **arguments)
{
	int n = atoi(arguments[0]), i, killed = 0, status;

	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			touch(strtoul(arguments[1], NULL, 0));
			_exit(0);
		}
		status = status_of(pid);
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	}
	printf("{\"killed\":%d}\n", killed);
	return 0;
}

static const struct word words[] = {
	{ "by-thread", 1, by_thread, "STATUS" },
	{ "leader-first", 2, leader_first, "FIRST STATUS" },
	{ "leaders-gone", 1, leaders_gone, "N" },
	{ "leader-gone-exec", 2, leader_gone_exec, "FILE PROGRAM [ARGUMENT...]" },
	{ "exec-by-thread", 1, exec_by_thread, "PROGRAM [ARGUMENT...]" },
	{ "core", 1, core, "SIGNAL" },
	{ "reboot", 1, reboot_all, "restart|halt" },
	{ "burn", 1, burn, "MS" },
	{ "burn-until", 3, burn_until, "MS FILE STATUS" },
	{ "burn-often", 2, burn_often, "MS TIMES" },
	{ "victims", 2, victims, "N BYTES" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
