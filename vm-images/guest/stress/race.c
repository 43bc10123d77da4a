// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * race WHAT — what a launcher, an agent or an administrator may do at the same time:
 *
 *   churn THREADS ROUNDS   create, spawn by every call, adopt, attach, join, destroy, exit
 *                          while armed and read, each thread ROUNDS times
 *   killed VIA ROUNDS      launchers killed at any moment from arming to waiting
 *   unload KO TIMES        unload and load the module against all of churn
 *   signals OBJECTS        every file read and written under a rain of signals
 *   exec-threads ROUNDS    eight threads call execve at once, ROUNDS times over
 *   bomb                   fork without end
 *   rules FILE THREADS     make calls that changing rules cover, from many threads, until
 *                          FILE is there; prints how often each got which answer
 *   request-key            wait, uninterruptibly, for /sbin/request-key
 *
 * Prints how often what happened, as JSON; exits 1 with a line on stderr where something
 * happened that must not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "clone3.h"
#include "dispatch.h"
#include "swarm.h"

#define IDS		512
#define STACK		65536

extern char **environ;

static atomic_int created, attached, joined, refused, canceled, destroyed, missed, unloaded, in_use, failures;
/* Ids that some thread may destroy; 0 where there is none. */
static _Atomic long ids[IDS];
/* The module comes and goes: its files may be missing, or gone while open. */
static int vanishing;
static atomic_int stopping;

static void complain(const char *fmt, ...)
{
	va_list args;

	atomic_fetch_add(&failures, 1);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

static int vanished(int err)
{
	return vanishing && (err == ENOENT || err == EIO);
}

static int open_swarm(const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/swarm/%s", name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 && !vanished(errno))
		complain("open %s: %s", path, strerrorname_np(errno));
	/* Not loaded: whoever loads it needs the CPUs more. */
	if (fd < 0)
		pause_us(2000);
	return fd;
}

/* Returns the agent's id, 0 where it was refused for a reason that a race gives. */
static long order(const char *name, const char *object)
{
	char answer[512] = "";
	long id = 0;
	int fd = open_swarm(name, O_RDWR);

	if (fd < 0)
		return 0;
	/* Not swarm_give(): the module may go between a write that it refused and the read. */
	if (write(fd, object, strlen(object)) < 0 && vanished(errno))
		goto out;
	if (read(fd, answer, sizeof(answer) - 1) < 0 && vanished(errno))
		goto out;
	id = swarm_id(answer);
	if (!id && (strstr(answer, "\"ESRCH\"") || strstr(answer, "\"EBUSY\"")))
		atomic_fetch_add(&refused, 1);
	else if (!id)
		complain("%s %s: %s", name, object, answer);
out:
	close(fd);
	return id;
}

static long create(const char *object)
{
	long id = order("create", object);

	if (id)
		atomic_fetch_add(&created, 1);
	return id;
}

static void destroy(long id)
{
	int fd = open_swarm("destroy", O_WRONLY);

	if (fd < 0)
		return;
	if (!swarm_destroy(fd, id))
		atomic_fetch_add(&destroyed, 1);
	else if (errno == ESRCH)
		atomic_fetch_add(&missed, 1);
	else if (!vanished(errno))
		complain("destroy %ld: %s", id, strerrorname_np(errno));
	close(fd);
}

/* Reads a file to its end. */
static void read_all(const char *name)
{
	char buffer[4096];
	int fd = open_swarm(name, O_RDONLY);
	ssize_t length;

	if (fd < 0)
		return;
	while ((length = read(fd, buffer, sizeof(buffer))) > 0)
		;
	if (length < 0 && !vanished(errno))
		complain("read %s: %s", name, strerrorname_np(errno));
	close(fd);
}

/* What children do; only system calls, for they may have a vfork's memory. */

static void child_sleep(long ns)
{
	struct timespec time = { 0, ns };

	syscall(SYS_nanosleep, &time, NULL);
}

static int child_life(void *kind)
{
	char *argv[] = { "/bin/true", NULL };

	switch ((long)kind) {
	case 0:
		syscall(SYS_exit_group, 0);
		break;
	case 1:
		execve(argv[0], argv, environ);
		break;
	case 2:
		/* Children and grandchildren, of which nobody waits for any. */
		for (int i = 0; i < 3; i++)
			if (!raw_fork())
				child_sleep(i * 3000000);
		break;
	default:
		child_sleep(30000000);
	}
	syscall(SYS_exit_group, 0);
	return 0;
}

static pid_t start(const char *via, long kind)
{
	char *argv[] = { "/bin/true", NULL };
	pid_t pid = -1;

	if (!strcmp(via, "posix_spawn")) {
		errno = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
		return errno ? -1 : pid;
	}
	if (!strcmp(via, "vfork")) {
		char *stack = malloc(STACK);

		pid = clone(child_life, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)kind);
		free(stack);
		return pid;
	}
	pid = !strcmp(via, "fork") ? raw_fork() : clone3_child(0);
	if (!pid)
		child_life((void *)kind);
	return pid;
}

static const char *const calls[] = { "fork", "vfork", "posix_spawn", "clone3" };

static const char *const spawned[] = {
	"{\"spawn\":true}",
	"{\"spawn\":true,\"pids_limit\":20}",
	"{\"spawn\":true,\"namespace_flags\":32,\"memory_limit\":33554432}",
	"{\"spawn\":true,\"namespace_flags\":0,\"privileged\":true,\"cpu_quota\":50}",
	"{\"spawn\":true,\"namespace_flags\":126,\"persist\":true}",
};

static void spawn(unsigned int *seed)
{
	long id = create(spawned[rand_r(seed) % 5]);
	pid_t pid;

	if (!id)
		return;
	ids[rand_r(seed) % IDS] = id;
	pid = start(calls[rand_r(seed) % 4], rand_r(seed) % 4);
	/* Some other thread has destroyed its agent meanwhile. */
	if (pid < 0 && errno == ECANCELED)
		atomic_fetch_add(&canceled, 1);
	else if (pid < 0)
		complain("no child: %s", strerrorname_np(errno));
	else if (rand_r(seed) % 2)
		destroy(id);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	/* One that persists, or whose destruction came before the fork. */
	destroy(id);
}

static void adopt(unsigned int *seed)
{
	char object[128];
	int ready[2];
	char byte;
	pid_t pid;
	long id;

	if (pipe2(ready, O_CLOEXEC))
		return;
	pid = raw_fork();
	if (!pid) {
		unshare(CLONE_NEWUTS);
		syscall(SYS_write, ready[1], "", 1);
		child_life((void *)(long)(rand_r(seed) % 2 + 2));
	}
	if (pid < 0 || read(ready[0], &byte, 1) != 1)
		complain("no process to adopt");
	snprintf(object, sizeof(object),
		 "{\"pid\":%d,\"namespace_flags\":8,\"privileged\":true,\"cpu_quota\":50}", pid);
	id = create(object);
	if (id)
		ids[rand_r(seed) % IDS] = id;
	if (id && rand_r(seed) % 2)
		destroy(id);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

/* A process that stays until it is killed. */
static pid_t stay(void)
{
	pid_t pid = raw_fork();

	while (!pid)
		syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
	if (pid < 0)
		complain("no process that stays");
	return pid;
}

/* A process is attached, or this thread forks one. Returns it; -1 where there is none. */
static pid_t one_more(long id, unsigned int *seed)
{
	char object[128];
	pid_t pid;

	if (rand_r(seed) % 2) {
		pid = stay();
		snprintf(object, sizeof(object), "{\"id\":%ld,\"pid\":%d}", id, pid);
		if (order("attach", object))
			atomic_fetch_add(&attached, 1);
		return pid;
	}
	snprintf(object, sizeof(object), "{\"id\":%ld}", id);
	if (!order("spawn", object))
		return -1;
	/* A vfork is refused. */
	pid = start(rand_r(seed) % 2 ? "fork" : "clone3", rand_r(seed) % 4);
	if (pid > 0)
		atomic_fetch_add(&joined, 1);
	else if (errno == ECANCELED)
		atomic_fetch_add(&canceled, 1);
	else
		complain("none joins: %s", strerrorname_np(errno));
	return pid;
}

/* An agent that runs, and may be destroyed at any time, gets one more process. */
static void grow(unsigned int *seed)
{
	pid_t pid = stay(), other = -1;
	char object[128];
	long id;

	snprintf(object, sizeof(object),
		 "{\"pid\":%d,\"namespace_flags\":0,\"privileged\":true,\"cpu_quota\":50}", pid);
	id = create(object);
	if (id) {
		ids[rand_r(seed) % IDS] = id;
		other = one_more(id, seed);
	}
	if (id && rand_r(seed) % 2)
		destroy(id);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (other > 0) {
		kill(other, SIGKILL);
		waitpid(other, NULL, 0);
	}
}

/* A thread that arms itself and ends. */
static void *arm_and_exit(void *unused)
{
	create("{\"spawn\":true,\"pids_limit\":5}");
	return unused;
}

static void round_of(unsigned int *seed)
{
	pthread_t thread;
	long id;

	switch (rand_r(seed) % 10) {
	case 0:
		id = create("{\"memory_limit\":65536}");
		if (id)
			ids[rand_r(seed) % IDS] = id;
		break;
	case 1:
	case 2:
		spawn(seed);
		break;
	case 3:
		adopt(seed);
		break;
	case 4:
		if (!pthread_create(&thread, NULL, arm_and_exit, NULL))
			pthread_join(thread, NULL);
		break;
	case 5:
		read_all(rand_r(seed) % 2 ? "agents" : "status");
		break;
	case 6:
	case 7:
		grow(seed);
		break;
	default:
		id = atomic_exchange(&ids[rand_r(seed) % IDS], 0);
		if (id)
			destroy(id);
	}
}

static long rounds;

static void *churner(void *number)
{
	unsigned int seed = (long)number + 1;
	long i;

	for (i = 0; i < rounds && !stopping; i++) {
		round_of(&seed);
		/* Without the module, most rounds do nothing at all. */
		if (vanishing)
			pause_us(500);
	}
	return NULL;
}

/* Ends all that is left. */
static void clean_up(void)
{
	char line[256];
	FILE *agents = fopen("/proc/swarm/agents", "r");
	long id;

	while (agents && fgets(line, sizeof(line), agents))
		if (sscanf(line, "ID: %ld,", &id) == 1)
			destroy(id);
	if (agents)
		fclose(agents);
}

/* What happened, once orphans have ended; returns the exit status. */
static int sum_up(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
	printf("{\"created\":%d,\"attached\":%d,\"joined\":%d,\"refused\":%d,\"canceled\":%d,\"destroyed\":%d,\"missed\":%d,"
	       "\"unloaded\":%d,\"in_use\":%d}\n",
	       created, attached, joined, refused, canceled, destroyed, missed, unloaded, in_use);
	return failures > 0;
}

/* Orphans end up here. */
static void adopt_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int churn(char **arguments)
{
	long threads = atol(arguments[0]), i;
	pthread_t thread[64];

	rounds = atol(arguments[1]);
	adopt_orphans();

	for (i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, churner, (void *)i);
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	clean_up();
	return sum_up();
}

static int killed(char **arguments)
{
	const char *via = arguments[0];
	unsigned int seed = 7;
	int ready[2];
	char byte;
	long i;

	rounds = atol(arguments[1]);
	adopt_orphans();
	if (pipe2(ready, O_CLOEXEC))
		return 1;
	for (i = 0; i < rounds; i++) {
		long before = rand_r(&seed) % 4000, kind = rand_r(&seed) % 4;
		pid_t launcher = raw_fork();

		if (!launcher) {
			/* None that persists: nobody but the module ends them. */
			create(spawned[i % 4]);
			syscall(SYS_write, ready[1], "", 1);
			pause_us(before);
			if (start(via, kind) > 0)
				pause();
			_exit(0);
		}
		/* Armed now; it forks in a moment, or has. */
		if (read(ready[0], &byte, 1) == 1)
			pause_us(rand_r(&seed) % 6000);
		kill(launcher, SIGKILL);
		waitpid(launcher, NULL, 0);
	}
	return sum_up();
}

/* Unloading and loading */

static void load(int ko)
{
	int before = created;

	if (syscall(SYS_finit_module, ko, "", 0)) {
		complain("finit_module: %s", strerrorname_np(errno));
		return;
	}
	atomic_fetch_add(&unloaded, 1);
	/* On to the next once there is something to unload it under. */
	while (created == before)
		pause_us(100);
}

/* Of a race that lasts there would be more orphans than process ids: they are the first process's. */
static int unload(char **arguments)
{
	int ko = open(arguments[0], O_RDONLY | O_CLOEXEC);
	long times = atol(arguments[1]);
	pthread_t thread[4];
	long i;

	vanishing = 1;
	rounds = LONG_MAX;
	for (i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, churner, (void *)i);
	while ((unloaded < times || !in_use) && !failures) {
		if (!syscall(SYS_delete_module, "swarm_guard", O_NONBLOCK)) {
			load(ko);
			continue;
		}
		if (errno != EWOULDBLOCK)
			complain("delete_module: %s", strerrorname_np(errno));
		atomic_fetch_add(&in_use, 1);
		pause_us(300);
	}
	stopping = 1;
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	close(ko);
	clean_up();
	return sum_up();
}

/* Signals */

static atomic_long caught;
static pid_t target;

static void on_signal(int number)
{
	(void)number;
	atomic_fetch_add(&caught, 1);
}

static void *rain(void *unused)
{
	unsigned int seed = 3;

	while (!stopping) {
		syscall(SYS_tgkill, getpid(), target, SIGUSR1);
		pause_us(rand_r(&seed) % 300);
	}
	return unused;
}

/* Reads what is there; returns the number of lines. */
static long lines_of(int fd, size_t piece)
{
	char buffer[4096];
	long lines = 0;
	ssize_t length;

	while ((length = read(fd, buffer, piece)) != 0) {
		if (length < 0 && errno != EINTR) {
			complain("read: %s", strerrorname_np(errno));
			break;
		}
		for (ssize_t i = 0; i < length; i++)
			lines += buffer[i] == '\n';
	}
	return lines;
}

/* Writes all of it, as a careful program does; returns the lines that were read back. */
static long write_all(const char *name, const char *text, int read_back)
{
	size_t at = 0, length = strlen(text);
	int fd = open_swarm(name, read_back ? O_RDWR : O_WRONLY);
	long lines = 0;

	while (at < length) {
		ssize_t written = write(fd, text + at, length - at);

		if (written >= 0)
			at += written;
		else if (errno == EAGAIN && read_back)
			lines += lines_of(fd, 4096);
		else if (errno != EINTR)
			break;
	}
	if (at < length)
		complain("write %s: %s", name, strerrorname_np(errno));
	if (read_back)
		lines += lines_of(fd, 100);
	close(fd);
	return lines;
}

static long count_agents(size_t piece)
{
	int fd = open_swarm("agents", O_RDONLY);
	long lines = lines_of(fd, piece);

	close(fd);
	return lines;
}

static long status_line(int which)
{
	char text[256] = "";
	int fd = open_swarm("status", O_RDONLY);
	long values[4] = { 0 };

	if (read(fd, text, sizeof(text) - 1) < 0)
		complain("read status: %s", strerrorname_np(errno));
	close(fd);
	sscanf(text, "Active agents: %ld\nTotal created: %ld\nTotal destroyed: %ld\nPolicy violations: %ld",
	       values, values + 1, values + 2, values + 3);
	return values[which];
}

static char *repeat(const char *text, long times)
{
	size_t length = strlen(text);
	char *all = malloc(length * times + 1);

	for (long i = 0; i < times; i++)
		memcpy(all + i * length, text, length);
	all[length * times] = '\0';
	return all;
}

static void destroy_all(void)
{
	char *text = malloc(IDS * 65536), line[256];
	FILE *agents = fopen("/proc/swarm/agents", "r");
	size_t used = 0;
	long id;

	while (agents && fgets(line, sizeof(line), agents))
		if (sscanf(line, "ID: %ld,", &id) == 1)
			used += sprintf(text + used, "%ld\n", id);
	text[used] = '\0';
	write_all("destroy", text, 0);
	if (agents)
		fclose(agents);
	free(text);
}

/* A writer that is killed has created whole agents, and all of them are there. */
static void kill_writer(const char *objects, long before, long us)
{
	long made, listed;
	pid_t writer = fork();

	if (!writer) {
		int fd = open_swarm("create", O_WRONLY);

		_exit(write(fd, objects, strlen(objects)) < 0);
	}
	pause_us(us);
	kill(writer, SIGKILL);
	while (waitpid(writer, NULL, 0) < 0 && errno == EINTR)
		;
	made = status_line(1) - before;
	listed = count_agents(4096);
	if (listed != made || listed != status_line(0))
		complain("killed: %ld agents listed, %ld created", listed, made);
	destroy_all();
	if (status_line(0))
		complain("killed: %ld agents left", status_line(0));
}

static int signals(char **arguments)
{
	long objects = atol(arguments[0]);
	struct sigaction action = { .sa_handler = on_signal };
	char *text = repeat("{}\n", objects), *many = repeat("{\"cpu_quota\":5}\n", 20000);
	long before = status_line(1), lines;
	pthread_t thread;

	adopt_orphans();
	target = getpid();
	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&thread, NULL, rain, NULL);
	lines = write_all("create", text, 1);
	if (lines != objects)
		complain("create: %ld objects, %ld answers", objects, lines);
	if (status_line(1) - before != objects)
		complain("create: %ld objects, %ld created", objects, status_line(1) - before);
	if (count_agents(64) != objects)
		complain("agents: %ld objects, %ld lines", objects, count_agents(64));
	destroy_all();
	if (status_line(0))
		complain("destroy: %ld left", status_line(0));
	for (long i = 0; i < 5; i++)
		kill_writer(many, status_line(1), 4000 << i);
	stopping = 1;
	pthread_join(thread, NULL);
	printf("{\"caught\":%ld}\n", caught);
	clean_up();
	return sum_up();
}

/* Inside an agent */

static pthread_barrier_t barrier;

static void *exec_again(void *left)
{
	char number[24];
	char *argv[] = { "/usr/local/bin/race", "exec-threads", number, NULL };

	snprintf(number, sizeof(number), "%ld", (long)left - 1);
	pthread_barrier_wait(&barrier);
	execve(argv[0], argv, environ);
	return NULL;
}

static int exec_threads(char **arguments)
{
	long left = atol(arguments[0]);
	pthread_t thread;

	if (!left) {
		printf("{\"pid\":%d,\"active\":%ld}\n", getpid(), status_line(0));
		return failures > 0;
	}
	pthread_barrier_init(&barrier, NULL, 8);
	for (int i = 0; i < 8; i++)
		if (pthread_create(&thread, NULL, exec_again, (void *)left))
			complain("no thread");
	for (;;)
		pause();
}

static int bomb(char **unused)
{
	(void)unused;
	for (;;)
		raw_fork();
	return 0;
}

static int request_key(char **unused)
{
	(void)unused;
	return syscall(SYS_request_key, "user", "swarm-guard:race", "wait",
		       KEY_SPEC_PROCESS_KEYRING) < 0;
}

/* socketcall(SYS_CONNECT), as 32-bit programs make it. Its arguments lie where there are none. */
static long connect32(void)
{
#ifdef __x86_64__
	long ret;

	asm volatile("int $0x80" : "=a"(ret) : "0"(102L), "b"(3L), "c"(-1L)
		     : "memory", "r8", "r9", "r10", "r11");
	errno = (int)ret < 0 ? -(int)ret : 0;
	return (int)ret < 0 ? -1 : 0;
#else
	errno = EPERM;
	return -1;
#endif
}

static long make_socket(int family)
{
	int fd = socket(family, SOCK_STREAM, 0);

	if (fd >= 0)
		close(fd);
	return fd;
}

static long make_unix(void)
{
	return make_socket(AF_UNIX);
}

/* No kernel under test has it built in: whoever may make one asks for its module. */
static long make_tipc(void)
{
	return make_socket(AF_TIPC);
}

static long get_parent(void)
{
	return syscall(SYS_getppid);
}

/* The calls, and the answer to each that the one policy or the other gives; 0 is none. */
static struct {
	const char *name;
	long (*call)(void);
	int error;
	int may_work;
	atomic_long worked, failed;
} covered[] = {
	{ .name = "getppid", .call = get_parent, .error = EPERM, .may_work = 1 },
	{ .name = "unix", .call = make_unix, .error = EAFNOSUPPORT, .may_work = 1 },
	{ .name = "tipc", .call = make_tipc, .error = EAFNOSUPPORT },
	{ .name = "connect32", .call = connect32, .error = EPERM },
};

#define COVERED	((int)(sizeof(covered) / sizeof(*covered)))

static void call_one(int i)
{
	errno = 0;
	if (covered[i].call() >= 0 && covered[i].may_work)
		atomic_fetch_add(&covered[i].worked, 1);
	else if (errno == covered[i].error)
		atomic_fetch_add(&covered[i].failed, 1);
	else
		complain("%s: %s", covered[i].name, strerrorname_np(errno));
}

static void *call_covered(void *unused)
{
	(void)unused;
	while (!stopping) {
		for (int i = 0; i < COVERED; i++)
			call_one(i);
		/* The one that two rules of a policy decide on, most of the time. */
		for (int i = 0; i < 20; i++)
			call_one(COVERED - 1);
	}
	return NULL;
}

static int rules(char **arguments)
{
	long threads = atol(arguments[1]);
	pthread_t *thread = calloc(threads, sizeof(*thread));

	for (long each = 0; each < threads; each++)
		if (pthread_create(&thread[each], NULL, call_covered, NULL))
			complain("no thread");
	while (access(arguments[0], F_OK) && failures < 10)
		pause_us(20000);
	stopping = 1;
	for (long each = 0; each < threads; each++)
		pthread_join(thread[each], NULL);
	for (int i = 0; i < COVERED; i++)
		printf("{\"%s\":%ld,\"no_%s\":%ld}\n", covered[i].name, covered[i].worked,
		       covered[i].name, covered[i].failed);
	return failures > 0;
}

static const struct word words[] = {
	{ "churn", 2, churn, "THREADS ROUNDS" },
	{ "killed", 2, killed, "VIA ROUNDS" },
	{ "unload", 2, unload, "KO TIMES" },
	{ "signals", 1, signals, "OBJECTS" },
	{ "exec-threads", 1, exec_threads, "ROUNDS" },
	{ "bomb", 0, bomb, NULL },
	{ "rules", 2, rules, "FILE THREADS" },
	{ "request-key", 0, request_key, NULL },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
