// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * threads HOW ARGUMENT... — very many threads, for whoever looks at all of a process.
 *
 *   traced N		N threads that a child traces exit and stay, then the first thread of
 *			both exits; one more of each waits for good
 *   churn N CHURNERS	N threads wait for good; CHURNERS start others, which exit at once
 *   apart N		N threads wait for good, each with a root and working directory of its own
 *
 *   inside PID		another thread than the first is in the UTS namespace of PID
 *
 * These three print "ready" once all are there.
 *
 *   slip N		prints "ready" once N threads wait for good; from then on one more, in a UTS
 *			namespace of its own, starts another one and exits, and so on
 *   held FILE PROGRAM...	executes PROGRAM, while a child keeps another thread of the process from
 *			exiting until FILE is there; the child prints "held" when it does so
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "dispatch.h"
#include "files.h"

#define STACK	(16 << 10)

/* The ids of the threads that are traced. */
static struct { atomic_int begun, ready; int size; pid_t *ids; } traced;
static int traced_all[2], may_exit[2];

static bool detached;

static pthread_t start(void *(*run)(void *unused))
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	if (detached)
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, run, NULL))
		die("pthread_create");
	return thread;
}

static void *stay(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return NULL;
}

/* The thread alone, and without a word to the C library. */
static void exit_thread(void)
{
	syscall(SYS_exit, 0);
}

static void wait_for_end(int fd)
{
	char byte;

	if (read(fd, &byte, 1) < 0)
		die("read");
}

static void *exit_when_told(void *unused)
{
	(void)unused;
	traced.ids[traced.begun++] = gettid();
	/* Behind the id. */
	traced.ready++;
	wait_for_end(may_exit[0]);
	exit_thread();
	return NULL;
}

static void *trace_all(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < traced.size; i++)
		if (ptrace(PTRACE_SEIZE, traced.ids[i], NULL, NULL))
			die("PTRACE_SEIZE");
	close(traced_all[1]);
	return stay(NULL);
}

static int lose_traced(char **arguments)
{
	int i;

	traced.size = atoi(arguments[0]);
	traced.ids = calloc(traced.size, sizeof(*traced.ids));
	if (!traced.ids || pipe(traced_all) || pipe(may_exit))
		die("traced");
	for (i = 0; i < traced.size; i++)
		start(exit_when_told);
	while (traced.ready < traced.size)
		pause_us(10000);
	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		close(may_exit[1]);
		start(trace_all);
		exit_thread();
	}
	close(traced_all[1]);
	wait_for_end(traced_all[0]);
	close(may_exit[1]);
	start(stay);
	exit_thread();
	return 1;
}

static void *nothing(void *unused)
{
	return unused;
}

static void *start_others(void *unused)
{
	(void)unused;
	for (;;)
		pthread_join(start(nothing), NULL);
	return NULL;
}

static int wait_ready(void)
{
	puts("ready");
	fflush(stdout);
	stay(NULL);
	return 1;
}

static int churn(char **arguments)
{
	int n = atoi(arguments[0]), churners = atoi(arguments[1]);

	while (n--)
		start(stay);
	while (churners--)
		start(start_others);
	return wait_ready();
}

static atomic_int apart;

static void *stay_apart(void *unused)
{
	if (unshare(CLONE_FS))
		die("unshare");
	apart++;
	return stay(unused);
}

static int set_apart(char **arguments)
{
	int i, n = atoi(arguments[0]);

	for (i = 0; i < n; i++)
		start(stay_apart);
	while (apart < n)
		pause_us(10000);
	return wait_ready();
}

static int uts = -1;

static void *stay_inside(void *unused)
{
	if (setns(uts, CLONE_NEWUTS))
		die("setns");
	apart++;
	return stay(unused);
}

static int set_inside(char **arguments)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/ns/uts", arguments[0]);
	uts = open(path, O_RDONLY | O_CLOEXEC);
	if (uts < 0)
		die("%s", path);
	start(stay_inside);
	while (!apart)
		pause_us(10000);
	return wait_ready();
}

static void *slip_away(void *unused)
{
	start(slip_away);
	return unused;
}

static void *begin_to_slip(void *unused)
{
	if (unshare(CLONE_NEWUTS))
		die("unshare");
	return slip_away(unused);
}

static int slip(char **arguments)
{
	int n = atoi(arguments[0]);

	while (n--)
		start(stay);
	detached = true;
	start(begin_to_slip);
	return wait_ready();
}

static void *exit_held(void *unused)
{
	traced.ids[0] = gettid();
	traced.ready++;
	return stay(unused);
}

/* In the child. What executes waits for the thread, deep in its call. */
static void hold_thread(pid_t thread, const char *file)
{
	int status;

	if (ptrace(PTRACE_SEIZE, thread, NULL, PTRACE_O_TRACEEXIT))
		die("PTRACE_SEIZE");
	close(traced_all[1]);
	if (waitpid(thread, &status, __WALL) != thread ||
	    status >> 8 != (SIGTRAP | PTRACE_EVENT_EXIT << 8))
		die("no exit: %x", status);
	puts("held");
	fflush(stdout);
	while (access(file, F_OK))
		pause_us(50000);
	if (ptrace(PTRACE_CONT, thread, NULL, NULL))
		die("PTRACE_CONT");
	_exit(0);
}

static int exec_held(char **arguments)
{
	static pid_t thread;

	traced.ids = &thread;
	if (pipe2(traced_all, O_CLOEXEC))
		die("pipe2");
	start(exit_held);
	while (!traced.ready)
		pause_us(10000);
	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		hold_thread(thread, arguments[0]);
	}
	close(traced_all[1]);
	wait_for_end(traced_all[0]);
	execvp(arguments[1], arguments + 1);
	die("execvp");
}

static const struct word words[] = {
	{ "traced", 1, lose_traced, "N" },
	{ "churn", 2, churn, "N CHURNERS" },
	{ "apart", 1, set_apart, "N" },
	{ "inside", 1, set_inside, "PID" },
	{ "slip", 1, slip, "N" },
	{ "held", 2, exec_held, "FILE PROGRAM [ARGUMENT...]" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
