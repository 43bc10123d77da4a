// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * moment WHAT — what happens in a moment that is short unless swarm_delay.ko stretches it:
 *
 *   adopting FORKS      an agent forks FORKS times; root adopts each child, or attaches it
 *                       to another agent, as soon as its number is known
 *   canceled ROUNDS US  an agent is destroyed within US microseconds of its arming,
 *                       while its launcher forks, by fork, vfork and clone3 in turn
 *   joins ROUNDS US     the same of an agent that runs, while a process is forked to join it
 *   hold FIFO           (in an agent) hold FIFO open for writing, in the first thread's
 *                       files and in those of a thread called "slow"
 *   let-go FIFO ID      destroy agent ID, wait for "destroyed", and look at once whether
 *                       FIFO has a writer still
 *   map FILE            (in an agent) make FILE, map it, and keep nothing but the mapping
 *   unmounted DIR ID    umount --lazy DIR, which agent ID has still, destroy the agent, wait
 *                       for "destroyed", and look at once whether the file system is gone
 *   left-over           (in an agent with "pids_limit":2) a thread called "slow" fails to
 *                       fork and exits, and then the process does
 *   forks TIMES FILE    wait until FILE exists, then vfork TIMES times
 *   zombies             fork children that exit, and wait for none, until it fails; then
 *			wait for one, and fork again until it fails
 *   opening SECONDS     open every file of /proc/swarm for root, until each has been
 *			  opened, or is gone again, for so long at most
 *
 * Prints how often what happened, as JSON; exits 1 with a line on stderr where something
 * happened that must not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "clone3.h"
#include "dispatch.h"
#include "files.h"
#include "swarm.h"

#define STACK	65536

/* Writes an object; returns the id, or 0 with the answer in @answer. */
static long create(int fd, const char *object, char *answer, size_t size)
{
	if (swarm_give(fd, object, answer, size) && !*answer)
		die("create");
	return swarm_id(answer);
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

/* An agent whose namespaces any process is in: of this process, which is to be killed. */
static long other_agent(int fd, pid_t *pid)
{
	char object[128], answer[512];
	long id;

	*pid = raw_fork();
	while (!*pid)
		pause();
	snprintf(object, sizeof(object), "{\"privileged\":true,\"namespace_flags\":0,\"pid\":%d}",
		 *pid);
	id = create(fd, object, answer, sizeof(answer));
	if (!id)
		die("%s", answer);
	return id;
}

static int adopting(char **arguments)
{
	long forks = atol(arguments[0]);
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = open_or_die("/proc/swarm/create", O_RDWR);
	int attach = open_or_die("/proc/swarm/attach", O_RDWR);
	int loadavg = open_or_die("/proc/loadavg", O_RDONLY);
	long early[2] = {}, taken[2] = {}, member = 0, other = 0, seen = 0, turns = 0;
	char object[128], answer[512];
	pid_t other_pid;
	long other_id = other_agent(fd, &other_pid);

	/* Its numbers are those of the host. */
	if (!create(fd, "{\"spawn\":true,\"namespace_flags\":126}", answer, sizeof(answer)))
		die("%s", answer);
	if (!raw_fork())
		fork_often(shared, forks);
	while (!shared->over) {
		long last = last_pid(loadavg);
		int attaching = turns % 2;

		if (!shared->forking || last <= seen)
			continue;
		turns++;
		if (attaching)
			snprintf(object, sizeof(object), "{\"id\":%ld,\"pid\":%ld}", other_id, last);
		else
			snprintf(object, sizeof(object),
				 "{\"privileged\":true,\"namespace_flags\":0,\"pid\":%ld}", last);
		if (create(attaching ? attach : fd, object, answer, sizeof(answer)))
			taken[attaching]++;
		else if (strstr(answer, "being forked"))
			early[attaching]++;
		else if (strstr(answer, "belongs to an agent"))
			member++;
		else if (!strstr(answer, "ESRCH"))
			other++;
		if (!strstr(answer, "ESRCH"))
			seen = strstr(answer, "being forked") ? seen : last;
	}
	kill(other_pid, SIGKILL);
	waitpid(other_pid, NULL, 0);
	printf("{\"early\":%ld,\"early_attach\":%ld,\"member\":%ld,\"adopted\":%ld,\"attached\":%ld,\"other\":%ld}\n",
	       early[0], early[1], member, taken[0], taken[1], other);
	return 0;
}

/* canceled */

static _Atomic long armed_id;
static long window_us;

/* Destroys the agent that is armed, at a moment of the window. */
static void *destroyer(void *unused)
{
	int fd = open_or_die("/proc/swarm/destroy", O_WRONLY);
	unsigned int seed = 7;
	long id, until;

	for (;;) {
		while (!(id = armed_id))
			;
		if (id < 0)
			return unused;
		until = now_us() + rand_r(&seed) % window_us;
		while (now_us() < until)
			;
		if (swarm_destroy(fd, id))
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

/* One that joins may not share memory. */
static pid_t start(long round, bool joining)
{
	static char stack[STACK];
	pid_t pid;

	switch (round % (joining ? 2 : 3)) {
	case 0:
		pid = raw_fork();
		break;
	case 1:
		pid = clone3_child(0);
		break;
	default:
		return clone(wait_to_die, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	}
	if (!pid)
		wait_to_die(NULL);
	return pid;
}

/* Dead by SIGKILL, within a minute? A child outside would live for ever. */
static int killed(pid_t pid)
{
	long until = now_us() + 60000000;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (now_us() > until)
			return 0;
		pause_us(1000);
	}
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Arms the thread for an agent's first process; or starts that, and arms for one more. */
static long arm(int create_fd, int spawn_fd, pid_t *first)
{
	char answer[512], order[32];
	long id = create(create_fd, "{\"spawn\":true,\"memory_limit\":33554432,\"pids_limit\":10}",
			 answer, sizeof(answer));

	if (!id)
		die("%s", answer);
	if (!first)
		return id;
	*first = start(0, true);
	if (*first < 0)
		die("no first process");
	snprintf(order, sizeof(order), "{\"id\":%ld}", id);
	if (swarm_give(spawn_fd, order, answer, sizeof(answer)))
		die("%s", answer);
	return id;
}

static int cancel(char **arguments, bool joining)
{
	long rounds = atol(arguments[0]);
	int create_fd = open_or_die("/proc/swarm/create", O_RDWR);
	int spawn_fd = open_or_die("/proc/swarm/spawn", O_RDWR);
	long refused = 0, died = 0, outside = 0, round;
	unsigned int seed = 3;
	pthread_t thread;

	window_us = atol(arguments[1]);
	pthread_create(&thread, NULL, destroyer, NULL);
	for (round = 0; round < rounds; round++) {
		pid_t first = 0, pid;

		armed_id = arm(create_fd, spawn_fd, joining ? &first : NULL);
		/* Before the fork, and during it. */
		if (round % 2)
			pause_us(rand_r(&seed) % window_us);
		/* By each way both before and during, whatever their number. */
		pid = start(round / 2, joining);
		if (pid < 0 && errno != ECANCELED)
			die("no child");
		while (armed_id)
			;
		if (first && !killed(first))
			die("the first process lives");
		if (pid < 0) {
			refused++;
		} else if (killed(pid)) {
			died++;
		} else {
			outside++;
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			break;
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
	printf("{\"refused\":%ld,\"died\":%ld,\"outside\":%ld}\n", refused, died, outside);
	if (outside)
		fprintf(stderr, "%ld children outside their agent\n", outside);
	return outside > 0;
}

static int canceled(char **arguments)
{
	return cancel(arguments, false);
}

static int joins(char **arguments)
{
	return cancel(arguments, true);
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

static int hold(char **arguments)
{
	static _Atomic int ready;
	pthread_t thread;

	open_or_die(arguments[0], O_WRONLY);
	if (pthread_create(&thread, NULL, hold_too, &ready))
		die("thread");
	while (!ready)
		pause_us(100);
	printf("holding\n");
	fflush(stdout);
	for (;;)
		pause();
}

/* Destroys an agent and returns as soon as its end is told. */
static void see_destroyed(const char *id)
{
	int events = open_or_die("/proc/swarm/events", O_RDONLY);
	int destroy = open_or_die("/proc/swarm/destroy", O_WRONLY);
	static char text[65536];
	ssize_t length;
	char end[64];

	lseek(events, 0, SEEK_END);
	if (swarm_destroy(destroy, strtoull(id, NULL, 10)))
		die("destroy");
	snprintf(end, sizeof(end), "\"destroyed\",\"agent\":%s,", id);
	do {
		length = read(events, text, sizeof(text) - 1);
		if (length < 0)
			die("events");
		text[length] = '\0';
	} while (!strstr(text, end));
}

static int let_go(char **arguments)
{
	int reader = open_or_die(arguments[0], O_RDONLY | O_NONBLOCK);
	char byte;

	see_destroyed(arguments[1]);
	/* The end of the file, as nobody can write any more; else EAGAIN. */
	if (read(reader, &byte, 1))
		die("destroyed, but its file is open");
	printf("{\"let_go\":1}\n");
	return 0;
}

/* map */

static int map(char **arguments)
{
	int fd = open_or_die(arguments[0], O_CREAT | O_RDWR);

	prctl(PR_SET_NAME, "slow");
	if (ftruncate(fd, getpagesize()) ||
	    mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
		die("map");
	close(fd);
	printf("mapped\n");
	fflush(stdout);
	for (;;)
		pause();
}

/* unmounted */

static int unmounted(char **arguments)
{
	const char *dir = arguments[0];
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct inotify_event event = {};

	/* Told of the end of the file system, whatever is watched. */
	if (inotify_add_watch(watch, dir, IN_MODIFY) < 0 || umount2(dir, MNT_DETACH))
		die("%s", dir);
	if (read(watch, &event, sizeof(event)) >= 0 || errno != EAGAIN)
		die("the agent does not have what was mounted");
	see_destroyed(arguments[1]);
	if (read(watch, &event, sizeof(event)) < 0 || !(event.mask & IN_UNMOUNT))
		die("destroyed, but the file system is there");
	printf("{\"let_go\":1}\n");
	return 0;
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

static int left_over(char **unused)
{
	pthread_t thread;

	(void)unused;
	/* With this one as many as there may be. */
	if (pthread_create(&thread, NULL, fail_to_fork, NULL))
		die("thread");
	/* It is at its slow place by then. */
	pause_us(300000);
	syscall(SYS_exit_group, 0);
	return 0;
}

/* forks */

static int exit_now(void *unused)
{
	syscall(SYS_exit_group, 0);
	return *(int *)unused;
}

static int forks(char **arguments)
{
	long times = atol(arguments[0]);
	const char *file = arguments[1];
	int fd;

	while ((fd = open(file, O_RDONLY)) < 0)
		pause_us(10000);
	close(fd);
	while (times--) {
		static char stack[STACK];
		pid_t pid = clone(exit_now, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);

		if (pid < 0)
			die("fork");
		waitpid(pid, NULL, 0);
	}
	return 0;
}

/* zombies */

static int zombies(char **unused)
{
	long nr, more;
	int end;
	pid_t pid;

	(void)unused;
	for (nr = 0; (pid = raw_fork()) > 0; nr++)
		pause_us(20000);
	if (!pid)
		syscall(SYS_exit_group, 0);
	end = errno;
	if (wait(NULL) < 0)
		die("wait");
	for (more = 0; (pid = raw_fork()) > 0; more++)
		pause_us(20000);
	if (!pid)
		syscall(SYS_exit_group, 0);
	printf("{\"zombies\":%ld,\"end\":\"%s\",\"more\":%ld}\n", nr, strerrorname_np(end), more);
	return 0;
}

/* opening */

static int opening(char **arguments)
{
	static const struct {
		const char *name;
		int flags;
	} files[] = {
		{ "create", O_RDWR }, { "spawn", O_RDWR }, { "update", O_RDWR },
		{ "attach", O_WRONLY }, { "destroy", O_WRONLY }, { "inspect", O_RDWR },
		{ "events", O_RDONLY },
	};
	enum { FILES = sizeof(files) / sizeof(files[0]) };
	long until = now_us() + atol(arguments[0]) * 1000000, early[FILES] = {};
	bool opened[FILES] = {};
	int left = FILES, gone = 0, i;
	char path[64];

	while (left && !gone && now_us() < until) {
		for (i = 0; i < FILES; i++) {
			int fd;

			if (opened[i])
				continue;
			snprintf(path, sizeof(path), "/proc/swarm/%s", files[i].name);
			fd = open(path, files[i].flags | O_CLOEXEC);
			if (fd < 0 && errno == ENODEV)
				early[i]++;
			else if (fd < 0 && errno != ENOENT)
				die("%s", path);
			else if (fd < 0 && early[i])
				gone = 1;
			if (fd < 0)
				continue;
			close(fd);
			opened[i] = true;
			left--;
		}
	}
	printf("{\"opened\":%d", FILES - left);
	for (i = 0; i < FILES; i++)
		printf(",\"%s\":%ld", files[i].name, early[i]);
	printf("}\n");
	return 0;
}

static const struct word words[] = {
	{ "adopting", 1, adopting, "FORKS" },
	{ "canceled", 2, canceled, "ROUNDS US" },
	{ "joins", 2, joins, "ROUNDS US" },
	{ "hold", 1, hold, "FIFO" },
	{ "let-go", 2, let_go, "FIFO ID" },
	{ "map", 1, map, "FILE" },
	{ "unmounted", 2, unmounted, "DIR ID" },
	{ "left-over", 0, left_over, NULL },
	{ "forks", 2, forks, "TIMES FILE" },
	{ "zombies", 0, zombies, NULL },
	{ "opening", 1, opening, "SECONDS" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
