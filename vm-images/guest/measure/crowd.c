// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * crowd KIND OBJECT FLOOR SIZE... — very many agents, in a guest of one CPU whose
 * clock counts instructions. A KIND is
 *
 *   register		OBJECT registers an agent
 *   adopt		OBJECT adopts a process, whose id goes where %d is
 *   spawn		OBJECT arms, and a fork makes the agent's first process, which
 *			gives up all memory but the page that it waits in
 *   register-rounds	each is destroyed before the next is made
 *   spawn-rounds	the same
 *   fork		a hundred agents that OBJECT arms fork as fast as they can, each
 *			child for no longer than it takes to exit; there are SIZE forks
 *
 * Agents are added until there are SIZE of them, one size after the other, or until
 * one is refused, or FLOOR MiB and not more are available. Of each size the last
 * thousand is counted:
 *
 *	empty		slab and available, in bytes, after a thousand that are gone
 *	at		size; effort, what all tasks executed for the thousand; added
 *			and own, by how much slab grew meanwhile, and before, for the
 *			processes to be adopted; slab and what is available now; line,
 *			what a line of agents takes to be read
 *	refused		size, and create's answer to the one that was too many
 *	again		after another was destroyed, it was taken, at that try
 *	floor		how many there were when memory ran short
 *	full		how many there were in the end, size, and what was available
 *	forkers		the count of agents that forked; forks of the one that made
 *			least, and most; and how often one was refused by its limit,
 *			and tried again
 *	left		slab and available once all are destroyed
 *
 * All the while one process reads agents and another events, but for the thousands
 * that are counted, where both are stopped:
 *
 *	agents		passes, whole reads; lines; wrong, agents that lived through
 *			one and were not in it, or not in order
 *	events		events, lines; lost, ones that were told to be lost; gaps; and
 *			how many the module recorded meanwhile
 *
 * Each is a line of JSON, an object in an object of that name.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "clone3.h"
#include "counting.h"
#include "files.h"
#include "swarm.h"

#define THOUSAND	1000
#define SETTLE_US	300000
#define TRIES_MAX	1000
#define FORKERS		100
/* Instructions in a second in which nothing goes on but what always does. */
#define IDLE		20000000

enum kind { REGISTER, ADOPT, SPAWN, FORK };

/* Of all processes here. */
static struct {
	/* Agents from first on, to last, are there. */
	volatile u64 first, last;
	/* The readers, and what they have seen. */
	volatile pid_t readers[2];
	volatile int ready;
	volatile int stop;
	volatile u64 recorded, until;
	volatile u64 passes, lines, wrong, line_cost;
	volatile u64 events, lost, gaps;
	/* Forks that are still to be made, which forkers wait for; that were made, by each; refused ones. */
	int wanted;
	u64 forks[FORKERS], forked, refused;
} *shared;

static enum kind kind;
static bool rounds;
static const char *object;
static int create, destroy, watch;
static char stack[16384] __attribute__((aligned(16)));
static pid_t processes[THOUSAND];

static u64 recorded(void)
{
	return number_in("/proc/swarm/metrics", "\nswarm_guard_events_total ");
}

/* Memory */

static u64 available(void)
{
	return number_in("/proc/meminfo", "MemAvailable:") * 1024;
}

/* What the allocator keeps at hand counts as in use until it is told to let it go. */
static void let_go(void)
{
	glob_t caches;
	size_t i;

	sync();
	write_file("/proc/sys/vm/drop_caches", "3");
	sleep(1);
	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &caches))
		die("/sys/kernel/slab");
	for (i = 0; i < caches.gl_pathc; i++)
		write_file(caches.gl_pathv[i], "1");
	globfree(&caches);
}

/* Bytes in objects of all slab caches. */
static u64 slab(void)
{
	u64 bytes = 0, active, total, size;
	char line[512];
	FILE *file;

	let_go();
	file = fopen("/proc/slabinfo", "re");
	if (!file)
		die("/proc/slabinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %llu %llu %llu", &active, &total, &size) == 3)
			bytes += active * size;
	fclose(file);
	return bytes;
}

/* Readers */

static u64 executed(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* One read of agents from its beginning to its end; false where it was told to stop. */
static bool read_agents(int fd)
{
	static char text[65536];
	u64 last = shared->last, seen = 0, missing = 0, lines = 0, cost = 0, start;
	size_t held = 0;
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	for (;;) {
		char *line = text, *end;

		start = executed();
		n = read(fd, text + held, sizeof(text) - held);
		cost += executed() - start;
		if (n < 0)
			die("reading agents");
		if (!n)
			break;
		if (shared->stop)
			return false;
		for (held += n; (end = memchr(line, '\n', text + held - line)); line = end + 1) {
			u64 id = end - line > 4 && !memcmp(line, "ID: ", 4) ? strtoull(line + 4, NULL, 10) : 0;

			if (id <= seen)
				shared->wrong++;
			/* The last one that is not there, of those that were. */
			if (id > seen + 1 && seen < last)
				missing = id - 1 < last ? id - 1 : last;
			seen = id;
			lines++;
		}
		held = text + held - line;
		memmove(text, line, held);
	}
	if (held)
		shared->wrong++;
	if (seen < last)
		missing = last;
	/* All before that may have been destroyed meanwhile. */
	if (missing >= shared->first)
		shared->wrong++;
	shared->lines += lines;
	if (lines)
		shared->line_cost = cost / lines;
	shared->passes++;
	return true;
}

static void __attribute__((noreturn)) be_agents_reader(void)
{
	int fd = open_or_die("/proc/swarm/agents", O_RDONLY);

	/* It never waits, and is not to have half of the only processor. */
	setpriority(PRIO_PROCESS, 0, 10);
	shared->ready++;
	while (!shared->stop && read_agents(fd))
		;
	exit(0);
}

static u64 field(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void __attribute__((noreturn)) be_events_reader(void)
{
	int fd = open_or_die("/proc/swarm/events", O_RDONLY | O_NONBLOCK);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	static char text[65537];
	u64 last = shared->recorded;
	ssize_t n;

	if (lseek(fd, 0, SEEK_END))
		die("events");
	shared->ready++;
	/* The last one is there before anybody says stop. */
	while (!shared->stop || last < shared->until) {
		char *rest = text, *line;

		if (poll(&ready, 1, 100) <= 0)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			die("reading events");
		text[n] = '\0';
		while ((line = strsep(&rest, "\n")) && *line) {
			u64 seq = field(line, "\"seq\":");
			u64 lost = strstr(line, "\"event\":\"lost\"") ? field(line, "\"count\":") : 0;

			shared->lost += lost;
			shared->events += !lost;
			if (seq != last + (lost ? lost : 1))
				shared->gaps++;
			last = seq;
		}
	}
	exit(0);
}

static void start_readers(void)
{
	void (*const readers[])(void) = { be_agents_reader, be_events_reader };
	pid_t pid;
	int i;

	shared->recorded = recorded();
	/* Ids rise by one, from 1. */
	shared->last = number_in("/proc/swarm/status", "Total created: ");
	shared->first = shared->last + 1;
	for (i = 0; i < 2; i++) {
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			readers[i]();
		}
		if (pid < 0)
			die("fork");
		shared->readers[i] = pid;
	}
	while (shared->ready < 2)
		pause_us(1000);
}

static char state_of(pid_t pid)
{
	char path[64], text[512];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	read_file(path, text, sizeof(text));
	at = strrchr(text, ')');
	return at ? at[2] : '?';
}

/* They may be amid a read, which they end first. */
static void stop_readers(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		kill(shared->readers[i], SIGSTOP);
		while (state_of(shared->readers[i]) != 'T')
			pause_us(1000);
	}
}

static void resume_readers(void)
{
	int i;

	for (i = 0; i < 2; i++)
		kill(shared->readers[i], SIGCONT);
}

/* Until agents have been read in whole, from a beginning that is still to come. */
static void await_pass(void)
{
	u64 passes = shared->passes;

	while (shared->passes < passes + 2)
		pause_us(10000);
}

static void end_readers(void)
{
	int i, status;

	shared->until = recorded();
	shared->stop = 1;
	for (i = 0; i < 2; i++)
		if (waitpid(shared->readers[i], &status, 0) < 0 || status)
			die("a reader ended with %#x", status);
	printf("{\"agents\":{\"passes\":%llu,\"lines\":%llu,\"wrong\":%llu}}\n", shared->passes,
	       shared->lines, shared->wrong);
	printf("{\"events\":{\"events\":%llu,\"lost\":%llu,\"gaps\":%llu,\"recorded\":%llu}}\n",
	       shared->events, shared->lost, shared->gaps, shared->until - shared->recorded);
}

/* Agents */

static int __attribute__((noreturn)) idle(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

#ifdef __x86_64__
/* The end of user addresses with page tables of four levels (TASK_SIZE_MAX). */
#define USER_END	0x7ffffffff000ul

/*
 * A process of its own that costs as little as such a process can: it gives up the memory
 * around this code, its stack and its thread's data with it, and waits. Without rseq only
 * (GLIBC_TUNABLES): the kernel would kill whoever has given up the memory of that.
 */
static void __attribute__((noreturn)) wait_bare(void)
{
	asm volatile(".p2align 7\n"
		     "0:	lea	0b(%%rip), %%rbx\n"
		     "	and	$-4096, %%rbx\n"
		     "	xor	%%edi, %%edi\n"
		     "	mov	%%rbx, %%rsi\n"
		     "	mov	%[munmap], %%eax\n"
		     "	syscall\n"
		     "	lea	4096(%%rbx), %%rdi\n"
		     "	mov	%[end], %%rsi\n"
		     "	sub	%%rdi, %%rsi\n"
		     "	mov	%[munmap], %%eax\n"
		     "	syscall\n"
		     "1:	mov	%[pause], %%eax\n"
		     "	syscall\n"
		     "	jmp	1b\n"
		     :
		     : [munmap] "i"(SYS_munmap), [pause] "i"(SYS_pause), [end] "r"(USER_END)
		     : "rax", "rbx", "rcx", "rdi", "rsi", "r11", "memory");
	__builtin_unreachable();
}
#else
static void __attribute__((noreturn)) wait_bare(void)
{
	idle(NULL);
}
#endif

/*
 * Processes that cost as little as a process can: in this one's memory, with its
 * files, and all on one stack, on which all of them do the same.
 */
static void make_processes(int nr)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD;
	int i;

	for (i = 0; i < nr; i++) {
		processes[i] = clone(idle, stack + sizeof(stack), flags, NULL);
		if (processes[i] < 0)
			die("clone");
	}
}

static pid_t fork_first(void)
{
	pid_t pid = clone3_child(0);

	if (pid < 0)
		die("clone3");
	return pid;
}

/* Makes forks as long as some are wanted. */
static void __attribute__((noreturn)) fork_on(int forker)
{
	for (;;) {
		int wanted = __atomic_load_n(&shared->wanted, __ATOMIC_SEQ_CST);
		pid_t pid;

		if (wanted <= 0) {
			syscall(SYS_futex, &shared->wanted, FUTEX_WAIT, wanted, NULL, NULL, 0);
			continue;
		}
		if (!__atomic_compare_exchange_n(&shared->wanted, &wanted, wanted - 1, 0,
						 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			continue;
		/* Until those before have exited. */
		while ((pid = fork()) < 0) {
			__atomic_add_fetch(&shared->refused, 1, __ATOMIC_SEQ_CST);
			sched_yield();
		}
		if (!pid)
			_exit(0);
		shared->forks[forker]++;
		__atomic_add_fetch(&shared->forked, 1, __ATOMIC_SEQ_CST);
	}
}

static void have_forked(int nr)
{
	u64 until = shared->forked + nr;

	__atomic_add_fetch(&shared->wanted, nr, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &shared->wanted, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	while (__atomic_load_n(&shared->forked, __ATOMIC_SEQ_CST) < until)
		pause_us(1000);
}

static void tell_forkers(void)
{
	u64 least = shared->forks[0], most = 0;
	int i;

	for (i = 0; i < FORKERS; i++) {
		least = shared->forks[i] < least ? shared->forks[i] : least;
		most = shared->forks[i] > most ? shared->forks[i] : most;
	}
	printf("{\"forkers\":{\"count\":%d,\"least\":%llu,\"most\":%llu,\"refused\":%llu}}\n", FORKERS,
	       least, most, shared->refused);
}

static size_t object_for(char *text, size_t size, pid_t pid)
{
	size_t length;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	length = snprintf(text, size, object, pid);
#pragma GCC diagnostic pop
	return length;
}

/* The answer to the one that is refused, which only a descriptor for reading tells. */
static void tell_refusal(const char *text, u64 size)
{
	char answer[1024];

	if (!swarm_order("create", text, answer, sizeof(answer)))
		die("it was refused, and is taken the second time: %s", text);
	if (!*answer)
		die("create says nothing");
	answer[strcspn(answer, "\n")] = '\0';
	printf("{\"refused\":{\"size\":%llu,\"answer\":%s}}\n", size, answer);
}

/* One more agent; false where it is refused. */
static bool add(pid_t process)
{
	char text[512];
	size_t length = object_for(text, sizeof(text), process);
	int forker = shared->last + 1 - shared->first;

	if (write(create, text, length) != (ssize_t)length)
		return false;
	if (kind == SPAWN && !fork_first()) {
		if (rounds)
			idle(NULL);
		wait_bare();
	}
	if (kind == FORK && !fork_first())
		fork_on(forker);
	shared->last++;
	return true;
}

/* Until the module says that it is gone. */
static void await_end(u64 id)
{
	static char text[65537];
	char ended[80];
	ssize_t n;

	snprintf(ended, sizeof(ended), "\"event\":\"destroyed\",\"agent\":%llu,", id);
	do {
		n = read(watch, text, sizeof(text) - 1);
		if (n <= 0)
			die("events");
		text[n] = '\0';
	} while (!strstr(text, ended));
}

static void destroy_to(u64 last)
{
	char text[4096], *at;
	ssize_t n, length;

	while (shared->first <= last) {
		u64 id = shared->first;

		for (length = 0; id <= last && length < (ssize_t)sizeof(text) - 32; id++)
			length += sprintf(text + length, "%llu\n", id);
		shared->first = id;
		for (at = text; length; at += n, length -= n) {
			n = write(destroy, at, length);
			if (n <= 0)
				die("destroying %.20s", at);
		}
	}
}

/* Adds so many; returns how many it could. */
static int add_many(int nr)
{
	int i;

	if (kind == FORK) {
		have_forked(nr);
		return nr;
	}
	for (i = 0; i < nr; i++) {
		if (!add(processes[i]))
			break;
		if (rounds) {
			destroy_to(shared->last);
			await_end(shared->last);
		}
	}
	return i;
}

/* Not all at once: that many tasks that exit starve whoever they have preempted. */
static void destroy_all(void)
{
	while (shared->first <= shared->last) {
		u64 left = shared->last - shared->first + 1;

		left = left > THOUSAND ? left - THOUSAND : 0;
		destroy_to(shared->last - left);
		while (number_in("/proc/swarm/status", "Active agents: ") > left)
			pause_us(50000);
	}
	/* Nobody waits for them one by one. */
	while (waitpid(-1, NULL, 0) >= 0 || errno == EINTR)
		;
}

static void again(void)
{
	int tries;

	destroy_to(shared->first);
	for (tries = 1; !add(processes[THOUSAND - 1]); tries++) {
		if (tries == TRIES_MAX)
			die("after one was destroyed, another is still refused");
		pause_us(100000);
	}
	printf("{\"again\":%d}\n", tries);
}

/* The last thousand of a size, with nothing else going on. */
static int count_thousand(u64 size)
{
	u64 start, effort, empty, before, after;
	int made;

	stop_readers();
	empty = slab();
	if (kind == ADOPT)
		make_processes(THOUSAND);
	before = slab();
	pause_us(SETTLE_US);
	start = busy();
	made = add_many(THOUSAND);
	pause_us(SETTLE_US);
	effort = busy() - start;
	after = slab();
	resume_readers();
	await_pass();
	if (made == THOUSAND)
		printf("{\"at\":{\"size\":%llu,\"effort\":%llu,\"added\":%lld,\"own\":%lld,"
		       "\"slab\":%llu,\"available\":%llu,\"line\":%llu}}\n",
		       size, effort, after - before, before - empty, after, available(),
		       shared->line_cost);
	fflush(stdout);
	return made;
}

/* Returns how many there are; fewer where one was refused or memory is short. */
static u64 grow(u64 from, u64 size, u64 floor)
{
	while (from < size) {
		int made;

		if (available() < floor) {
			printf("{\"floor\":%llu}\n", from);
			return from;
		}
		if (size - from == THOUSAND) {
			made = count_thousand(size);
		} else {
			if (kind == ADOPT)
				make_processes(THOUSAND);
			made = add_many(THOUSAND);
		}
		from += made;
		if (made < THOUSAND) {
			char text[512];

			object_for(text, sizeof(text), processes[made]);
			tell_refusal(text, from);
			/* Those that are nobody's; the last one is to be, once there is room. */
			for (; kind == ADOPT && made < THOUSAND - 1; made++)
				kill(processes[made], SIGKILL);
			return from;
		}
	}
	return from;
}

static void begin(void)
{
	create = open_or_die("/proc/swarm/create", O_WRONLY);
	destroy = open_or_die("/proc/swarm/destroy", O_WRONLY);
	watch = open_or_die("/proc/swarm/events", O_RDONLY);
	lseek(watch, 0, SEEK_END);
	/* Children are nobody's to wait for. */
	signal(SIGCHLD, SIG_IGN);
}

/* Until workers of the kernel have freed what they were left, which keeps the processor busy. */
static void settle(void)
{
	u64 start;
	int tries = 0;

	do {
		start = busy();
		sleep(1);
	} while (busy() - start > IDLE && ++tries < TRIES_MAX);
}

static void empty_again(const char *word)
{
	u64 bytes;

	destroy_all();
	stop_readers();
	settle();
	bytes = slab();
	printf("{\"%s\":{\"slab\":%llu,\"available\":%llu}}\n", word, bytes, available());
	fflush(stdout);
	resume_readers();
}

/* Agents that are to fork, each for itself. */
static void make_forkers(void)
{
	int i;

	memset(shared->forks, 0, sizeof(shared->forks));
	shared->refused = 0;
	for (i = 0; i < FORKERS; i++)
		if (!add(0))
			die("%s", object);
}

static void gather(u64 floor, char **sizes)
{
	u64 size = 0, last = 0;

	begin();
	if (kind == ADOPT)
		make_processes(THOUSAND);
	if (kind == FORK)
		make_forkers();
	if (add_many(THOUSAND) < THOUSAND)
		die("the first thousand");
	empty_again("empty");
	if (kind == FORK)
		make_forkers();
	while (*sizes && size == last) {
		last = strtoull(*sizes++, NULL, 10);
		size = grow(size, last, floor);
	}
	await_pass();
	printf("{\"full\":{\"size\":%llu,\"available\":%llu}}\n", size, available());
	if (kind == FORK)
		tell_forkers();
	if (size < last && kind == ADOPT)
		again();
	empty_again("left");
}

static bool parse_kind(const char *name)
{
	static const char *const kinds[] = {
		[REGISTER] = "register", [ADOPT] = "adopt", [SPAWN] = "spawn", [FORK] = "fork",
	};
	const char *dash = strchr(name, '-');
	int i;

	rounds = dash && !strcmp(dash, "-rounds");
	for (i = 0; i < (int)(sizeof(kinds) / sizeof(kinds[0])); i++) {
		size_t length = strlen(kinds[i]);

		if (!strncmp(name, kinds[i], length) && (!name[length] || (rounds && name + length == dash))) {
			kind = i;
			return !(rounds && (kind == ADOPT || kind == FORK));
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	int status;
	pid_t pid;

	if (argc < 5 || !parse_kind(argv[1])) {
		fputs("usage: crowd KIND OBJECT FLOOR SIZE...\n", stderr);
		return 2;
	}
	object = argv[2];
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	start_readers();
	fflush(stdout);
	/* Whoever has very many children is to have only those. */
	pid = fork();
	if (!pid) {
		gather(strtoull(argv[3], NULL, 10) << 20, argv + 4);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("it ended with %#x", status);
	end_readers();
	return 0;
}
