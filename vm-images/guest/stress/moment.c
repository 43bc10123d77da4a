// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * moment WHAT — what happens in a moment that is short unless swarm_delay.ko stretches it:
 *
 *   adopting FORKS      an agent forks FORKS times; root adopts each child as soon as
 *                       its number is known
 *   canceled ROUNDS US  an agent is destroyed within US microseconds of its arming,
 *                       while its launcher forks, by fork, vfork and clone3 in turn
 *   hold FIFO           (in an agent) hold FIFO open for writing, in the first thread's
 *                       files and in those of a thread called "slow"
 *   let-go FIFO ID      destroy agent ID, wait for "destroyed", and look at once whether
 *                       FIFO has a writer still
 *   left-over           (in an agent with "pids_limit":2) a thread called "slow" fails to
 *                       fork and exits, and then the process does
 *   forks TIMES FILE    wait until FILE exists, then fork TIMES times
 *   zombies             fork children that exit, and wait for none, until it fails
 *   opening SECONDS     open every file of /proc/swarm that gives orders, until it can be
 *			  opened, for so long at most
 *
 * Prints how often what happened; exits 1 with a line on stderr where something happened
 * that must not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clone3.h"

#define STACK	65536

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerrorname_np(errno));
	exit(1);
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

static void pause_us(long us)
{
	struct timespec time = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

static long now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* Writes an object; returns the id, or 0 with the answer in @answer. */
static long create(int fd, const char *object, char *answer, size_t size)
{
	ssize_t length;
	long id = 0;

	if (write(fd, object, strlen(object)) < 0 && errno == EAGAIN)
		die("create");
	length = read(fd, answer, size - 1);
	if (length < 0)
		die("read create");
	answer[length] = '\0';
	sscanf(answer, "{\"id\":%ld}", &id);
	return id;
}

/* adopting */

struct shared {
	_Atomic int forking;
	_Atomic int over;
};

static void fork_often(struct shared *shared, long forks)
{
	while (forks--) {
		shared->forking = 1;
		if (!raw_fork())
			syscall(SYS_exit_group, 0);
		shared->forking = 0;
		wait(NULL);
		pause_us(2000);
	}
	shared->over = 1;
	syscall(SYS_exit_group, 0);
}

/* The number that was given last in this pid namespace. */
static long last_pid(int loadavg)
{
	char text[64] = "", *last;

	if (pread(loadavg, text, sizeof(text) - 1, 0) < 0)
		die("loadavg");
	last = strrchr(text, ' ');
	return last ? atol(last) : 0;
}

static void adopting(long forks)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = open_or_die("/proc/swarm/create", O_RDWR);
	int loadavg = open_or_die("/proc/loadavg", O_RDONLY);
	long early = 0, member = 0, adopted = 0, other = 0, seen = 0;
	char object[128], answer[512];

	/* Its numbers are those of the host. */
	if (!create(fd, "{\"spawn\":true,\"namespace_flags\":126}", answer, sizeof(answer)))
		die(answer);
	if (!raw_fork())
		fork_often(shared, forks);
	while (!shared->over) {
		long last = last_pid(loadavg);

		if (!shared->forking || last <= seen)
			continue;
		snprintf(object, sizeof(object),
			 "{\"privileged\":true,\"namespace_flags\":0,\"pid\":%ld}", last);
		if (create(fd, object, answer, sizeof(answer)))
			adopted++;
		else if (strstr(answer, "being forked"))
			early++;
		else if (strstr(answer, "belongs to an agent"))
			member++;
		else if (!strstr(answer, "ESRCH"))
			other++;
		if (!strstr(answer, "ESRCH"))
			seen = strstr(answer, "being forked") ? seen : last;
	}
	printf("early %ld member %ld adopted %ld other %ld\n", early, member, adopted, other);
}

/* canceled */

static _Atomic long armed_id;
static long window_us;

/* Destroys the agent that is armed, at a moment of the window. */
static void *destroyer(void *unused)
{
	int fd = open_or_die("/proc/swarm/destroy", O_WRONLY);
	unsigned int seed = 7;
	char line[32];
	long id, until;

	for (;;) {
		while (!(id = armed_id))
			;
		if (id < 0)
			return unused;
		until = now_us() + rand_r(&seed) % window_us;
		while (now_us() < until)
			;
		if (write(fd, line, snprintf(line, sizeof(line), "%ld\n", id)) < 0)
			die("destroy");
		armed_id = 0;
	}
}

static int wait_to_die(void *unused)
{
	(void)unused;
	for (;;)
		syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
	return 0;
}

static pid_t start(long round)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	static char stack[STACK];
	pid_t pid;

	switch (round % 3) {
	case 0:
		pid = raw_fork();
		break;
	case 1:
		return clone(wait_to_die, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	default:
		pid = syscall(SYS_clone3, &args, sizeof(args));
	}
	if (!pid)
		wait_to_die(NULL);
	return pid;
}

/* Dead within two seconds, by SIGKILL? */
static int killed(pid_t pid)
{
	long until = now_us() + 2000000;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now_us() > until)
			return 0;
		pause_us(1000);
	}
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void canceled(long rounds)
{
	int fd = open_or_die("/proc/swarm/create", O_RDWR);
	long refused = 0, died = 0, outside = 0, round;
	unsigned int seed = 3;
	pthread_t thread;
	char answer[512];

	pthread_create(&thread, NULL, destroyer, NULL);
	for (round = 0; round < rounds; round++) {
		long id = create(fd, "{\"spawn\":true,\"memory_limit\":33554432,\"pids_limit\":10}",
				 answer, sizeof(answer));
		pid_t pid;

		if (!id)
			die(answer);
		armed_id = id;
		/* Before the fork, and during it. */
		if (round % 2)
			pause_us(rand_r(&seed) % window_us);
		pid = start(round);
		if (pid < 0 && errno != ECANCELED)
			die("no child");
		while (armed_id)
			;
		if (pid < 0) {
			refused++;
		} else if (killed(pid)) {
			died++;
		} else {
			outside++;
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
		/* The thread is disarmed: what it forks next is its own. */
		pid = raw_fork();
		if (!pid)
			syscall(SYS_exit_group, getppid() == 0);
		if (pid < 0)
			die("the fork after it");
		waitpid(pid, NULL, 0);
	}
	armed_id = -1;
	pthread_join(thread, NULL);
	printf("refused %ld died %ld outside %ld\n", refused, died, outside);
	if (outside)
		fprintf(stderr, "%ld children outside their agent\n", outside);
	if (outside)
		exit(1);
}

/* hold, let-go */

static void *hold_too(void *ready)
{
	prctl(PR_SET_NAME, "slow");
	/* Files of its own: the writer is open until both have let go of it. */
	if (unshare(CLONE_FILES))
		die("unshare");
	atomic_store((_Atomic int *)ready, 1);
	for (;;)
		pause();
	return NULL;
}

static void hold(const char *fifo)
{
	static _Atomic int ready;
	pthread_t thread;

	open_or_die(fifo, O_WRONLY);
	if (pthread_create(&thread, NULL, hold_too, &ready))
		die("thread");
	while (!ready)
		pause_us(100);
	printf("holding\n");
	fflush(stdout);
	for (;;)
		pause();
}

static void let_go(const char *fifo, const char *id)
{
	int events = open_or_die("/proc/swarm/events", O_RDONLY);
	int destroy = open_or_die("/proc/swarm/destroy", O_WRONLY);
	int reader = open_or_die(fifo, O_RDONLY | O_NONBLOCK);
	char end[64], line[64], byte;
	static char text[65536];
	ssize_t length;

	lseek(events, 0, SEEK_END);
	if (write(destroy, line, snprintf(line, sizeof(line), "%s\n", id)) < 0)
		die("destroy");
	snprintf(end, sizeof(end), "\"destroyed\",\"agent\":%s,", id);
	do {
		length = read(events, text, sizeof(text) - 1);
		if (length < 0)
			die("events");
		text[length] = '\0';
	} while (!strstr(text, end));
	/* The end of the file, as nobody can write any more; else EAGAIN. */
	length = read(reader, &byte, 1);
	if (length)
		die("destroyed, but its file is open");
	printf("let go\n");
}

/* left-over */

static void *fail_to_fork(void *unused)
{
	pid_t pid = raw_fork();

	if (!pid)
		syscall(SYS_exit_group, 0);
	if (pid > 0 || errno != EAGAIN)
		die("the fork that was to fail");
	prctl(PR_SET_NAME, "slow");
	syscall(SYS_exit, 0);
	return unused;
}

static void left_over(void)
{
	pthread_t thread;

	/* With this one as many as there may be. */
	if (pthread_create(&thread, NULL, fail_to_fork, NULL))
		die("thread");
	/* It is at its slow place by then. */
	pause_us(300000);
	syscall(SYS_exit_group, 0);
}

/* forks */

static void forks(long times, const char *file)
{
	int fd;

	while ((fd = open(file, O_RDONLY)) < 0)
		pause_us(10000);
	close(fd);
	while (times--) {
		pid_t pid = raw_fork();

		if (!pid)
			syscall(SYS_exit_group, 0);
		if (pid < 0)
			die("fork");
		waitpid(pid, NULL, 0);
	}
}

/* zombies */

static void zombies(void)
{
	pid_t pid;
	long nr;

	for (nr = 0; (pid = raw_fork()) > 0; nr++)
		pause_us(20000);
	if (!pid)
		syscall(SYS_exit_group, 0);
	printf("zombies %ld, then %s\n", nr, strerrorname_np(errno));
}

/* opening */

static void opening(long seconds)
{
	static const char *const names[] = { "create", "attach", "destroy", "inspect", "events" };
	static const int flags[] = { O_RDWR, O_WRONLY, O_WRONLY, O_RDWR, O_RDONLY };
	long until = now_us() + seconds * 1000000, early = 0, opened = 0;
	char path[64];

	while (!opened && now_us() < until) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			int fd;

			snprintf(path, sizeof(path), "/proc/swarm/%s", names[i]);
			fd = open(path, flags[i] | O_CLOEXEC);
			if (fd >= 0)
				opened++;
			else if (errno == ENODEV)
				early++;
			else if (errno != ENOENT)
				die(path);
			if (fd >= 0)
				close(fd);
		}
	}
	printf("early %ld opened %ld\n", early, opened);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "adopting") && argc == 3)
		adopting(atol(argv[2]));
	else if (!strcmp(what, "canceled") && argc == 4) {
		window_us = atol(argv[3]);
		canceled(atol(argv[2]));
	} else if (!strcmp(what, "hold") && argc == 3)
		hold(argv[2]);
	else if (!strcmp(what, "let-go") && argc == 4)
		let_go(argv[2], argv[3]);
	else if (!strcmp(what, "left-over") && argc == 2)
		left_over();
	else if (!strcmp(what, "forks") && argc == 4)
		forks(atol(argv[2]), argv[3]);
	else if (!strcmp(what, "zombies") && argc == 2)
		zombies();
	else if (!strcmp(what, "opening") && argc == 3)
		opening(atol(argv[2]));
	else
		return 2;
	return 0;
}
