// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * instant UPDATES PROCESSES THREADS — do new rules hold for all of an agent at one instant?
 *
 * Starts an agent whose PROCESSES, of so many THREADS each, call getppid and socketpair all
 * the time, while UPDATES updates allow one of the two and deny the other, by turns. Prints
 * how many calls there were, and of these:
 *
 *   late   those that began after the answer to an update and got what the rules before say
 *   mixed  those that began after another call had got what the new rules say, likewise
 *
 * Whatever a call gets is compared only if no update began until it had returned.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "files.h"
#include "swarm.h"

/* The shared memory, as a descriptor of the agent's. */
#define SHARED	200

/* Calls that are waited for in each stage. */
#define CALLS	400

#define PATIENCE_US	(60 * 1000000L)

/*
 * The stage is 2 * N from before the Nth update is written, and 2 * N + 1 from its answer on.
 * Those with an odd N deny getppid, the others socketpair. @seen is the last N whose rules
 * have been met.
 */
static struct {
	atomic_ulong stage, seen, calls, late, mixed, unexpected;
	atomic_uint threads;
} *shared;

static bool denied(bool getppid_called)
{
	int pair[2];
	long ret;

	if (getppid_called) {
		ret = syscall(SYS_getppid);
		if (ret < 0 && errno != EPERM)
			atomic_fetch_add(&shared->unexpected, 1);
		return ret < 0;
	}
	ret = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	if (ret < 0 && errno != EAFNOSUPPORT)
		atomic_fetch_add(&shared->unexpected, 1);
	if (!ret) {
		close(pair[0]);
		close(pair[1]);
	}
	return ret < 0;
}

static void call_once(bool getppid_called)
{
	unsigned long stage = atomic_load(&shared->stage);
	unsigned long seen = atomic_load(&shared->seen), nr = stage / 2;
	bool is_new = denied(getppid_called) == (getppid_called == (nr & 1));

	atomic_fetch_add(&shared->calls, 1);
	/* Stages only grow: it is the same as long as no update has begun since. */
	if (atomic_load(&shared->stage) / 2 != nr)
		return;
	if (is_new) {
		atomic_store(&shared->seen, nr);
		return;
	}
	if (stage & 1)
		atomic_fetch_add(&shared->late, 1);
	if (seen == nr)
		atomic_fetch_add(&shared->mixed, 1);
}

static void *call(void *unused)
{
	bool which = false;

	atomic_fetch_add(&shared->threads, 1);
	for (;;) {
		call_once(which);
		which = !which;
	}
	return unused;
}

static void map_shared(int fd)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		die("mmap");
}

/* The agent, from its execve on. */
static int be_called(int processes, int threads)
{
	pthread_t thread;
	int i;

	map_shared(SHARED);
	/* Process 1 of the pid namespace, with whose end all others end. */
	for (i = 1; i < processes; i++)
		if (!fork())
			break;
	for (i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, call, NULL))
			die("pthread_create");
	call(NULL);
	return 0;
}

/* Waits until something has grown to what it should be. */
static void await(atomic_ulong *value, unsigned long least, const char *what)
{
	long until = now_us() + PATIENCE_US;

	while (atomic_load(value) < least) {
		if (now_us() > until)
			die("too few %s", what);
		pause_us(200);
	}
}

static void update(unsigned long long id, unsigned long nr)
{
	char order[160], answer[512];

	snprintf(order, sizeof(order),
		 "{\"id\":%llu,\"syscalls\":{\"getppid\":\"%s\"},\"sockets\":[\"%s\"]}", id,
		 nr & 1 ? "deny" : "allow", nr & 1 ? "unix" : "inet");
	atomic_store(&shared->stage, 2 * nr);
	if (swarm_order("update", order, answer, sizeof(answer)))
		die("update: %s", answer);
	atomic_store(&shared->stage, 2 * nr + 1);
	await(&shared->calls, atomic_load(&shared->calls) + CALLS, "calls");
}

int main(int argc, char **argv)
{
	char *const again[] = { argv[0], "called", argv[2], argv[3], NULL };
	unsigned long long id;
	unsigned long nr;
	char answer[512];
	pid_t pid;

	if (argc != 4)
		return 2;
	if (!strcmp(argv[1], "called"))
		return be_called(atoi(argv[2]), atoi(argv[3]));
	if (dup2(memfd_create("shared", 0), SHARED) < 0 || ftruncate(SHARED, sizeof(*shared)))
		die("memfd");
	map_shared(SHARED);
	/* Which has the rules of an update of number 0. */
	atomic_store(&shared->stage, 1);
	if (swarm_order("create", "{\"spawn\":true,\"syscalls\":{\"getppid\":\"allow\"},\"sockets\":[\"inet\"]}",
			answer, sizeof(answer)))
		die("create: %s", answer);
	pid = fork();
	if (!pid) {
		execv("/proc/self/exe", again);
		_exit(127);
	}
	if (pid < 0)
		die("fork");
	id = swarm_id(answer);
	while (atomic_load(&shared->threads) < (unsigned int)(atoi(argv[2]) * atoi(argv[3])))
		pause_us(1000);
	for (nr = 1; nr <= strtoul(argv[1], NULL, 10); nr++)
		update(id, nr);
	kill(pid, SIGKILL);
	status_of(pid);
	printf("{\"calls\":%lu,\"late\":%lu,\"mixed\":%lu,\"unexpected\":%lu}\n",
	       atomic_load(&shared->calls), atomic_load(&shared->late),
	       atomic_load(&shared->mixed), atomic_load(&shared->unexpected));
	return 0;
}
