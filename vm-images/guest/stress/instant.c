// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * instant WORKERS ROUNDS — an agent of WORKERS processes makes a call without end, while
 * root's updates deny it and allow it in turn, ROUNDS times each.
 *
 * A call that begins after the answer to an update, and ends before the next update, must
 * go as the policy says by then, in each of the processes. Prints how many such calls were
 * denied and allowed, and how many of all went wrong, as JSON.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "files.h"
#include "swarm.h"

/* How long each policy is in force. */
#define PERIOD_US	2000

/* The remainder of the state by 4; the one before ALLOWED again is 3, and CHANGING, too. */
enum { ALLOWED, CHANGING, DENIED };

struct shared {
	atomic_ulong state;
	atomic_ulong workers, denied, allowed, wrong;
};

static void __attribute__((noreturn)) work(struct shared *shared)
{
	atomic_fetch_add(&shared->workers, 1);
	for (;;) {
		unsigned long before = atomic_load(&shared->state), after;
		int denied = syscall(SYS_getpgid, 0) < 0 && errno == EPERM;

		after = atomic_load(&shared->state);
		if (before != after || before % 2 == CHANGING)
			continue;
		atomic_fetch_add(denied ? &shared->denied : &shared->allowed, 1);
		if (denied != (before % 4 == DENIED))
			atomic_fetch_add(&shared->wrong, 1);
	}
}

static struct shared *map(int fd)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				     0);

	if (shared == MAP_FAILED)
		die("mmap");
	return shared;
}

/* The agent's first process: rules on calls by their names hold once it has executed a program. */
static void __attribute__((noreturn)) become(int memory, const char *workers)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", memory);
	execl("/proc/self/exe", "instant", "work", number, workers, NULL);
	die("execl");
}

static void __attribute__((noreturn)) agent(int memory, int workers)
{
	struct shared *shared = map(memory);

	while (--workers)
		if (!fork())
			break;
	work(shared);
}

static void update(int fd, unsigned long long id, struct shared *shared, const char *rule)
{
	char order[128], answer[256];

	snprintf(order, sizeof(order), "{\"id\":%llu,\"syscalls\":{\"getpgid\":\"%s\"}}", id, rule);
	atomic_fetch_add(&shared->state, 1);
	if (swarm_give(fd, order, answer, sizeof(answer)) || !swarm_id(answer))
		die("update: %s", answer);
	atomic_fetch_add(&shared->state, 1);
	pause_us(PERIOD_US);
}

int main(int argc, char **argv)
{
	int fd, memory, workers = argc > 2 ? atoi(argv[1]) : 0, rounds = workers > 0 ? atoi(argv[2]) : 0;
	struct shared *shared;
	unsigned long long id;
	char answer[256];
	pid_t pid;

	if (argc > 3 && !strcmp(argv[1], "work"))
		agent(atoi(argv[2]), atoi(argv[3]));
	if (rounds <= 0) {
		fprintf(stderr, "usage: instant WORKERS ROUNDS\n");
		return 2;
	}
	memory = memfd_create("instant", 0);
	if (memory < 0 || ftruncate(memory, sizeof(*shared)))
		die("memfd_create");
	shared = map(memory);
	fd = open_or_die("/proc/swarm/update", O_RDWR);
	if (swarm_order("create", "{\"spawn\":true}", answer, sizeof(answer)))
		die("create: %s", answer);
	id = swarm_id(answer);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		become(memory, argv[1]);
	while (atomic_load(&shared->workers) < (unsigned long)workers)
		pause_us(PERIOD_US);
	while (rounds--) {
		update(fd, id, shared, "deny");
		update(fd, id, shared, "allow");
	}
	if (swarm_destroy(open_or_die("/proc/swarm/destroy", O_WRONLY), id))
		die("destroy");
	status_of(pid);
	printf("{\"denied\":%lu,\"allowed\":%lu,\"wrong\":%lu}\n", atomic_load(&shared->denied),
	       atomic_load(&shared->allowed), atomic_load(&shared->wrong));
	return 0;
}
