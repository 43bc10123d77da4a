// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * life WHAT ROUNDS ... — what an agent's life costs, in a guest whose time-stamp
 * counter counts instructions. A line of JSON, the least, the median and the most,
 * for each of:
 *
 *   register ROUNDS OBJECT         one write of one object to create
 *   batch ROUNDS OBJECT COUNT      one write of so many
 *   destroy ROUNDS                 one write of one id, of a registered agent
 *   adopt ROUNDS OBJECT            OBJECT has %d where the process's id goes
 *   arm ROUNDS OBJECT              one write to spawn, for the agent of OBJECT, which is
 *                                  registered and persists
 *   join ROUNDS OBJECT             the same for one that runs, which OBJECT spawns
 *   rules ROUNDS OBJECT            one write to update that changes a rule of the agent of
 *                                  OBJECT, which is registered
 *   limits ROUNDS OBJECT           one that changes a limit of it while it runs; OBJECT
 *                                  spawns it with that limit, pids_limit
 *   move ROUNDS OBJECT             one that gives the agent of OBJECT, which has no limit and
 *                                  runs, its first: a cgroup, and its process is moved there
 *   birth ROUNDS OBJECT            arming, fork, and the child up to its first
 *                                  instruction; "whole" is all of it
 *   alone ROUNDS OBJECT            births, of which nothing is counted and beside which nothing
 *                                  runs: for whoever looks at them from outside the guest
 *   into ROUNDS                    the same namespaces, mounts, privileges and limits by hand:
 *                                  clone3 with CLONE_INTO_CGROUP
 *   procs ROUNDS                   by hand: the child writes itself to cgroup.procs
 *   forks ROUNDS                   a child in the parent's memory, its exit and the
 *                                  wait for it, and all that the kernel does later
 *
 * Waits are not counted: births wait for the kernel's workers and for RCU. On the one
 * CPU of such a guest nothing else runs, so a process of the class SCHED_IDLE does
 * during these waits, and what it executed is taken off.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "clone3.h"
#include "counting.h"
#include "dispatch.h"
#include "files.h"
#include "swarm.h"

#define CGROUP "/tmp/cgroup"
/* Between two readings of the counter in the loop that waits: more is somebody else. */
#define LOOP_MAX 2000
#define TEXT_MAX (1 << 20)

/* Shared with the process that runs while all wait, and with children. */
static struct {
	volatile u64 waited;
	volatile u64 born;
	volatile u64 waited_at_birth;
	volatile int stop;
} *shared;

static u64 counts[4][ROUNDS_MAX];
static char text[TEXT_MAX];
static char stack[65536] __attribute__((aligned(16)));
static int create, destroy;

static void __attribute__((noreturn)) run_while_all_wait(void)
{
	const struct sched_param none = { 0 };
	u64 last, at;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_IDLE, &none))
		_exit(1);
	for (last = now();; last = at) {
		at = now();
		if (at - last < LOOP_MAX)
			shared->waited += at - last;
	}
}

static pid_t waiter;

static void start_waiter(void)
{
	waiter = fork();
	if (!waiter)
		run_while_all_wait();
	if (waiter < 0)
		die("fork");
}

/* So that a child does not run before its parent is back from making it. */
static void stay_in_front(void)
{
	const struct sched_param first = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first))
		die("sched_setscheduler");
}

/* Until the kernel has nothing left to do of the round before. */
static void settle(void)
{
	u64 start, waited;

	do {
		start = now();
		waited = shared->waited;
		pause_us(20000);
		start = now() - start;
		waited = shared->waited - waited;
	} while (waited * 100 < start * 97);
}

static u64 timed_write(int fd, const char *bytes, size_t length)
{
	u64 start = now();
	ssize_t written = write(fd, bytes, length);
	u64 end = now();

	if (written != (ssize_t)length)
		die("write of %.80s returned %zd", bytes, written);
	return end - start;
}

/* The id of the agent that was made last, from what create says. */
static u64 last_id(void)
{
	char answer[4096];
	const char *at;
	ssize_t n;
	u64 id = 0;

	while ((n = read(create, answer, sizeof(answer) - 1)) > 0) {
		answer[n] = '\0';
		for (at = answer; at; at = swarm_next_id(at, &id))
			;
	}
	if (!id)
		die("create said nothing");
	return id;
}

static void destroy_range(u64 from, u64 to)
{
	for (; from <= to; from++)
		if (swarm_destroy(destroy, from))
			die("destroying %llu", from);
}

static void registering(int nr, const char *object)
{
	u64 first = 0;
	int i;

	for (i = 0; i < nr; i++) {
		counts[0][i] = timed_write(create, object, strlen(object));
		if (!first)
			first = last_id();
	}
	destroy_range(first, first + nr - 1);
	report("register", counts[0], nr, NULL);
}

static void write_many(int nr, const char *object, int count)
{
	size_t length = strlen(object);
	int i;

	if (count * (length + 1) > sizeof(text))
		die("so many objects do not fit");
	for (i = 0; i < count; i++)
		sprintf(text + i * (length + 1), "%s\n", object);
	for (i = 0; i < nr; i++) {
		/* Of one that is written only, so that no answers fill up. */
		int fd = open_or_die("/proc/swarm/create", O_WRONLY);

		counts[0][i] = timed_write(fd, text, count * (length + 1));
		close(fd);
	}
}

static void registering_many(int nr, const char *object, int count)
{
	u64 first = 0;

	write_many(nr, object, count);
	if (write(create, "{}", 2) != 2)
		die("create");
	first = last_id() - (u64)nr * count;
	destroy_range(first, first + (u64)nr * count);
	report("batch", counts[0], nr, NULL);
}

static void destroying(int nr)
{
	char line[32];
	u64 first = 0;
	int i;

	for (i = 0; i < nr; i++) {
		if (write(create, "{}", 2) != 2)
			die("create");
		if (!first)
			first = last_id();
	}
	for (i = 0; i < nr; i++) {
		int length = snprintf(line, sizeof(line), "%llu\n", first + i);

		counts[0][i] = timed_write(destroy, line, length);
	}
	report("destroy", counts[0], nr, NULL);
}

static void adopting(int nr, const char *object)
{
	char line[512];
	int i;

	for (i = 0; i < nr; i++) {
		pid_t pid = fork();

		if (!pid) {
			pause();
			_exit(0);
		}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(line, sizeof(line), object, pid);
#pragma GCC diagnostic pop
		counts[0][i] = timed_write(create, line, strlen(line));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	report("adopt", counts[0], nr, NULL);
}

/*
 * Arms a thread for an agent and lets it exit, which disarms it: each time another, since
 * a thread that is armed cannot be armed again.
 */
static void arming(const char *name, int nr, const char *object, int running)
{
	char line[32];
	pid_t first = 0;
	u64 id;
	int i;

	if (write(create, object, strlen(object)) != (ssize_t)strlen(object))
		die("create");
	id = last_id();
	if (running)
		first = raw_fork();
	if (running && !first) {
		pause();
		_exit(0);
	}
	if (first < 0)
		die("fork");
	snprintf(line, sizeof(line), "{\"id\":%llu}", id);
	for (i = 0; i < nr; i++) {
		pid_t pid = fork();

		if (!pid) {
			int fd = open_or_die("/proc/swarm/spawn", O_WRONLY);

			shared->born = timed_write(fd, line, strlen(line));
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
		counts[0][i] = shared->born;
	}
	destroy_range(id, id);
	if (first)
		waitpid(first, NULL, 0);
	report(name, counts[0], nr, NULL);
}

/* Each write changes what the one before it had changed. */
static void updating(const char *name, int nr, const char *object, const char *const changes[2],
		     int running)
{
	int update = open_or_die("/proc/swarm/update", O_WRONLY);
	pid_t first = 0;
	char line[128];
	u64 id;
	int i;

	if (write(create, object, strlen(object)) != (ssize_t)strlen(object))
		die("create");
	id = last_id();
	if (running)
		first = raw_fork();
	if (running && !first) {
		pause();
		_exit(0);
	}
	if (first < 0)
		die("fork");
	for (i = 0; i < nr; i++) {
		snprintf(line, sizeof(line), "{\"id\":%llu,%s}", id, changes[i % 2]);
		counts[0][i] = timed_write(update, line, strlen(line));
	}
	close(update);
	destroy_range(id, id);
	if (first)
		waitpid(first, NULL, 0);
	report(name, counts[0], nr, NULL);
}

static void updating_rules(int nr, const char *object)
{
	static const char *const changes[2] = {
		"\"syscalls\":{\"fork\":\"deny\"}", "\"syscalls\":{\"fork\":\"allow\"}",
	};

	updating("rules", nr, object, changes, 0);
}

static void updating_limits(int nr, const char *object)
{
	static const char *const changes[2] = { "\"pids_limit\":50", "\"pids_limit\":60" };

	updating("limits", nr, object, changes, 1);
}

/* The phases of one birth, with what was waited in each taken off. */
struct mark {
	u64 at;
	u64 waited;
};

static struct mark mark(void)
{
	struct mark here = { .waited = shared->waited };

	here.at = now();
	return here;
}

static u64 between(struct mark from, struct mark to)
{
	return to.at - from.at - (to.waited - from.waited);
}

static void __attribute__((noreturn)) be_born(void)
{
	u64 waited = shared->waited;

	shared->born = now();
	shared->waited_at_birth = waited;
	_exit(0);
}

static void note(int round, struct mark start, struct mark armed, struct mark forked, pid_t pid)
{
	struct mark born;
	int status;

	if (pid < 0)
		die("clone");
	if (waitpid(pid, &status, 0) != pid || status)
		die("the child ended with %#x", status);
	born = (struct mark){ .at = shared->born, .waited = shared->waited_at_birth };
	counts[0][round] = between(start, armed);
	counts[1][round] = between(armed, forked);
	counts[2][round] = between(forked, born);
	counts[3][round] = between(start, born);
}

static void tell(int nr)
{
	static const char *const names[] = { "before", "clone", "child", "whole" };
	int i;

	for (i = 0; i < 4; i++)
		report(names[i], counts[i], nr, NULL);
}

static void moving(int nr, const char *object)
{
	int update = open_or_die("/proc/swarm/update", O_WRONLY);
	char line[64];
	int i;

	for (i = -2; i < nr; i++) {
		struct mark start;
		pid_t pid;
		u64 id;

		if (write(create, object, strlen(object)) != (ssize_t)strlen(object))
			die("create");
		id = last_id();
		pid = raw_fork();
		if (!pid) {
			pause();
			_exit(0);
		}
		if (pid < 0)
			die("fork");
		snprintf(line, sizeof(line), "{\"id\":%llu,\"pids_limit\":40}", id);
		settle();
		start = mark();
		if (write(update, line, strlen(line)) != (ssize_t)strlen(line))
			die("update");
		counts[0][i < 0 ? 0 : i] = between(start, mark());
		destroy_range(id, id);
		waitpid(pid, NULL, 0);
	}
	close(update);
	report("move", counts[0], nr, NULL);
}

static pid_t make_child(u64 flags, int cgroup)
{
	struct clone_args args = {
		.flags = flags,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup >= 0 ? cgroup : 0,
	};

	return raw_clone3(&args);
}

static void bearing(int nr, const char *object)
{
	struct mark start, armed, forked;
	pid_t pid;
	int i;

	for (i = -2; i < nr; i++) {
		settle();
		start = mark();
		if (write(create, object, strlen(object)) != (ssize_t)strlen(object))
			die("create");
		armed = mark();
		pid = make_child(0, -1);
		if (!pid)
			be_born();
		forked = mark();
		note(i < 0 ? 0 : i, start, armed, forked, pid);
	}
	tell(nr);
}

static void alone(int nr, const char *object)
{
	int i, status;

	for (i = 0; i < nr; i++) {
		pid_t pid;

		pause_us(100000);
		if (write(create, object, strlen(object)) != (ssize_t)strlen(object))
			die("create");
		pid = make_child(0, -1);
		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			die("clone");
	}
}

static void limit(const char *directory, const char *file, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* There is no swap to limit where the kernel does not account for it. */
	if (fd < 0 && !strcmp(file, "memory.swap.max"))
		return;
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die("%s", path);
	close(fd);
}

/* What a birth does because the agent has no capability for it, and what it takes away. */
static int set_up_by_hand(void)
{
	/* As a default policy has them. */
	const u64 kept = 0x800405fb;
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), capability;

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback) || close(fd) || sethostname("agent", 5))
		return -1;
	for (capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		if (!(kept >> capability & 1) && prctl(PR_CAPBSET_DROP, capability))
			return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* What a launcher without SwarmGuard does for the same. */
static void by_hand(int nr, int into)
{
	const u64 namespaces = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS |
			       CLONE_NEWIPC | CLONE_NEWUSER;
	struct mark start, armed, forked;
	char directory[64], procs[80];
	int i, fd;
	pid_t pid;

	for (i = -2; i < nr; i++) {
		snprintf(directory, sizeof(directory), CGROUP "/life/%d", i + 2);
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", directory);
		settle();
		start = mark();
		if (mkdir(directory, 0755))
			die("%s", directory);
		limit(directory, "memory.max", "67108864");
		limit(directory, "memory.oom.group", "1");
		limit(directory, "memory.swap.max", "0");
		limit(directory, "cpu.max", "50000 100000");
		limit(directory, "pids.max", "64");
		fd = into ? open_or_die(directory, O_PATH | O_DIRECTORY) :
			    open_or_die(procs, O_WRONLY);
		armed = mark();
		pid = make_child(namespaces | (into ? CLONE_INTO_CGROUP : 0), into ? fd : -1);
		if (!pid) {
			if (!into && write(fd, "0\n", 2) != 2)
				_exit(1);
			if (unshare(CLONE_NEWCGROUP))
				_exit(2);
			if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
			    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
				  NULL) ||
			    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
				  "ptmxmode=0666,mode=0620"))
				_exit(3);
			if (set_up_by_hand())
				_exit(4);
			be_born();
		}
		forked = mark();
		note(i < 0 ? 0 : i, start, armed, forked, pid);
		close(fd);
		if (rmdir(directory))
			die("removing %s", directory);
	}
	tell(nr);
}

static int leave(void *unused)
{
	(void)unused;
	syscall(SYS_exit, 0);
	return 0;
}

static void forking(int nr)
{
	const int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
	int i, round;
	u64 start;

	/* Each a mean over many, so that what is done later is in it. */
	for (round = -1; round < nr; round++) {
		settle();
		start = now();
		for (i = 0; i < 1000; i++)
			waitpid(clone(leave, stack + sizeof(stack), flags, NULL), NULL, 0);
		counts[0][round < 0 ? 0 : round] = (now() - start) / 1000;
	}
	report("forks", counts[0], nr, NULL);
}

static void open_swarm(void)
{
	create = open_or_die("/proc/swarm/create", O_RDWR);
	destroy = open_or_die("/proc/swarm/destroy", O_WRONLY);
}

/* Each is given the rounds, and mostly an object. */

static int do_forks(char **a)
{
	int nr = rounds_in(a[0]);

	start_waiter();
	forking(nr);
	return 0;
}

static int do_by_hand(char **a, int into)
{
	int nr = rounds_in(a[0]);

	start_waiter();
	stay_in_front();
	by_hand(nr, into);
	return 0;
}

static int do_into(char **a)
{
	return do_by_hand(a, 1);
}

static int do_procs(char **a)
{
	return do_by_hand(a, 0);
}

static int do_batch(char **a)
{
	int nr = rounds_in(a[0]), count = atoi(a[2]);

	if (count < 1)
		return 2;
	open_swarm();
	registering_many(nr, a[1], count);
	return 0;
}

static int do_destroy(char **a)
{
	int nr = rounds_in(a[0]);

	open_swarm();
	destroying(nr);
	return 0;
}

#define LIFE(name, work)						\
	static int do_##name(char **a)					\
	{								\
		int nr = rounds_in(a[0]);				\
		const char *object = a[1];				\
									\
		open_swarm();						\
		work;							\
		return 0;						\
	}

LIFE(register, registering(nr, object))
LIFE(adopt, adopting(nr, object))
LIFE(arm, arming("arm", nr, object, 0))
LIFE(join, arming("join", nr, object, 1))
LIFE(rules, updating_rules(nr, object))
LIFE(limits, updating_limits(nr, object))
LIFE(move, start_waiter(); stay_in_front(); moving(nr, object))
LIFE(birth, start_waiter(); stay_in_front(); bearing(nr, object))
LIFE(alone, alone(nr, object))

static const struct word words[] = {
	{ "register", 2, do_register, "ROUNDS OBJECT" },
	{ "batch", 3, do_batch, "ROUNDS OBJECT COUNT" },
	{ "destroy", 1, do_destroy, "ROUNDS" },
	{ "adopt", 2, do_adopt, "ROUNDS OBJECT" },
	{ "arm", 2, do_arm, "ROUNDS OBJECT" },
	{ "join", 2, do_join, "ROUNDS OBJECT" },
	{ "rules", 2, do_rules, "ROUNDS OBJECT" },
	{ "limits", 2, do_limits, "ROUNDS OBJECT" },
	{ "move", 2, do_move, "ROUNDS OBJECT" },
	{ "birth", 2, do_birth, "ROUNDS OBJECT" },
	{ "alone", 2, do_alone, "ROUNDS OBJECT" },
	{ "into", 1, do_into, "ROUNDS" },
	{ "procs", 1, do_procs, "ROUNDS" },
	{ "forks", 1, do_forks, "ROUNDS" },
	{}
};

int main(int argc, char **argv)
{
	int ret;

	(void)argc;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	ret = dispatch(argv, words);
	if (waiter > 0)
		kill(waiter, SIGKILL);
	return ret;
}
