// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fuzz run SECONDS SEED CORPUS   programs of orders, forks and deaths that processes run at
 *                                the same time, made by changing those that reached more of
 *                                the module; CORPUS has some to begin with, one a line
 * fuzz again TIMES               one program from standard input, so many times
 * fuzz idle                      waits; what members execute
 *
 * A program is a line of words ACTOR:OPERATION.A.B.US: one of four processes waits US
 * microseconds and does something with slots A and B, which hold agents and processes:
 *
 *   0:create.1.0.0 0:fork.0.2.0 1:destroy.0.0.300
 *
 * After each, everything is killed and destroyed, and the oracle asked. Prints JSON lines:
 * {"run":N,"program":P} before a program, {"more":BLOCKS,"program":P} after one that reached
 * more, {"finding":WHAT,"program":P} where something happened that must not; exits with 1 then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "clone3.h"
#include "dispatch.h"
#include "files.h"
#include "swarm.h"

#define ACTORS		4
#define SLOTS		8
#define OPS_MAX		32
#define CORPUS_MAX	4096
#define LINE		1024
#define CGROUP		"/sys/fs/cgroup/fuzz"
#define BLOCKS		"/sys/module/swarm_guard/parameters/blocks"
/* How long everything may take to end. */
#define PATIENCE_US	30000000L

struct op {
	unsigned char actor, what, a, b;
	unsigned short us;
};

struct program {
	int nr;
	struct op ops[OPS_MAX];
};

/* What all processes of a program share. */
static struct shared {
	_Atomic unsigned long long ids[SLOTS];
	_Atomic int pids[SLOTS];
	/* Children of a thread that was armed that are no members. */
	atomic_int outside;
	atomic_int started;
} *shared;

/* A successful order has armed this thread; its next child is a member with no_new_privs. */
static int armed;
static unsigned int seed;

static unsigned int any(unsigned int below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

static const char *const policies[] = {
	"{\"spawn\":true",
	"{\"spawn\":true,\"pids_limit\":20",
	"{\"spawn\":true,\"memory_limit\":67108864,\"cpu_quota\":50",
	"{\"spawn\":true,\"network\":\"none\"",
	"{\"spawn\":true,\"persist\":true",
	"{\"spawn\":true,\"syscalls\":{\"execve\":\"kill\",\"fork\":\"audit\",\"getppid\":\"deny\"}",
	"{\"spawn\":true,\"privileged\":true,\"namespace_flags\":0,\"no_new_privs\":true",
	"{\"spawn\":true,\"exec_paths\":[\"/bin/true\"],\"unlisted\":\"kill\"",
	"{\"spawn\":true,\"namespace_flags\":97",
	/* From here on not armed. */
	"{\"persist\":true,\"pids_limit\":10",
	"{\"cpu_quota\":10",
};
#define ARMING	9

static const char *const updates[] = {
	"\"pids_limit\":5", "\"pids_limit\":0", "\"memory_limit\":50331648", "\"cpu_quota\":100",
	"\"frozen\":true", "\"frozen\":false", "\"syscalls\":{\"fork\":\"deny\",\"execve\":\"audit\"}",
	"\"syscalls\":{\"fork\":\"allow\",\"mount\":\"kill\"}", "\"exec_paths\":[\"/usr/local/bin/\"]",
	"\"exec_paths\":[]", "\"devices\":[\"a\"]", "\"sockets\":[]", "\"oom_group\":false",
};

/* What a child of a launcher may be made with, beside SIGCHLD. */
static const unsigned long long flags[] = {
	0, CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID | CLONE_NEWUTS, CLONE_FS, CLONE_FILES, CLONE_IO,
	CLONE_PARENT, CLONE_SYSVSEM, CLONE_CLEAR_SIGHAND, CLONE_NEWCGROUP | CLONE_NEWIPC, CLONE_UNTRACED,
};

static void *execute_idle(void *unused)
{
	execl("/usr/local/bin/fuzz", "fuzz", "idle", NULL);
	return unused;
}

static void *wait_for_good(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* A thread does it, while the first one waits or, with @leave, has exited. */
static void by_thread(void *(*what)(void *), bool leave)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, what, NULL))
		return;
	if (leave)
		pthread_exit(NULL);
	wait_for_good(NULL);
}

#define LIVES	16

/* What a new process does with its life; it may be an agent's, somebody else's, or the launcher's. */
static void __attribute__((noreturn)) live(unsigned char how)
{
	pid_t child;

	switch (how % LIVES) {
	case 0:
		break;
	case 1:
		execl("/usr/local/bin/fuzz", "fuzz", "idle", NULL);
		break;
	case 2:
		execl("/bin/true", "true", NULL);
		break;
	case 3:
		child = raw_fork();
		if (child >= 0)
			wait_for_good(NULL);
		break;
	case 4:
		/* An orphan. */
		if (!raw_fork())
			wait_for_good(NULL);
		break;
	case 5:
		by_thread(execute_idle, false);
		break;
	case 6:
		by_thread(wait_for_good, true);
		break;
	case 7:
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) || !raw_fork())
			wait_for_good(NULL);
		break;
	case 8:
		close(open("/dev/null", O_RDWR));
		close(open("/dev/kmsg", O_WRONLY));
		close(socket(AF_ALG, SOCK_SEQPACKET, 0));
		close(socket(AF_UNIX, SOCK_STREAM, 0));
		pause_us(1000);
		break;
	case 9:
		mount("none", "/tmp", "tmpfs", 0, NULL);
		wait_for_good(NULL);
		break;
	case 10:
		for (int i = 0; i < 5; i++) {
			if (!raw_fork())
				_exit(i);
		}
		while (wait(NULL) > 0)
			;
		break;
	case 11:
		setsid();
		pause_us(2000);
		break;
	case 12:
		child = vfork();
		if (!child)
			_exit(0);
		wait_for_good(NULL);
		break;
	case 13:
		raise(SIGSEGV);
		break;
	case 14:
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC |
			    CLONE_NEWCGROUP))
			break;
		/* A process that may be adopted. */
		if (!raw_fork())
			wait_for_good(NULL);
		wait(NULL);
		break;
	default:
		wait_for_good(NULL);
	}
	_exit(how);
}

/* The first thing that a child does: was it to be a member, and is it none? */
static void born(int was_armed)
{
	if (was_armed && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		atomic_fetch_add(&shared->outside, 1);
	armed = 0;
}

/* After a fork: keeps what it returned, and what it leaves the thread as. */
static void forked(struct op op, pid_t child)
{
	if (child > 0)
		shared->pids[op.a % SLOTS] = child;
	/* Refused before anything was done; all other errors disarm, or may. */
	if (child < 0 && errno == EINVAL)
		return;
	armed = 0;
}

static void op_create(struct op op)
{
	char order[256], answer[512];
	size_t which = op.b % (sizeof(policies) / sizeof(*policies));
	unsigned long long id;

	snprintf(order, sizeof(order), "%s}", policies[which]);
	if (swarm_order("create", order, answer, sizeof(answer)))
		return;
	id = swarm_id(answer);
	if (!id)
		return;
	shared->ids[op.a % SLOTS] = id;
	if (which < ARMING)
		armed = 1;
}

static void op_adopt(struct op op)
{
	char order[256], answer[512];

	snprintf(order, sizeof(order), "{\"pid\":%d,\"privileged\":true,\"namespace_flags\":%d%s}",
		 shared->pids[op.b % SLOTS], op.b & 8 ? 32 : 0, op.b & 16 ? ",\"after_exec\":true" : "");
	if (!swarm_order("create", order, answer, sizeof(answer)) && swarm_id(answer))
		shared->ids[op.a % SLOTS] = swarm_id(answer);
}

static void op_spawn(struct op op)
{
	char order[64], answer[512];

	snprintf(order, sizeof(order), "{\"id\":%llu}", shared->ids[op.a % SLOTS]);
	if (!swarm_order("spawn", order, answer, sizeof(answer)) && swarm_id(answer))
		/* One that joins gets no_new_privs later, and the policy may not have it. */
		armed = 0;
}

static void op_attach(struct op op)
{
	static const char *const how[] = { "", ",\"enters\":true", ",\"after_exec\":true", "" };
	char order[128], answer[512];

	snprintf(order, sizeof(order), "{\"id\":%llu,\"pid\":%d%s}", shared->ids[op.a % SLOTS],
		 shared->pids[op.b % SLOTS], how[op.b / SLOTS % 4]);
	swarm_order("attach", order, answer, sizeof(answer));
}

static void op_update(struct op op)
{
	char order[256], answer[512];

	snprintf(order, sizeof(order), "{\"id\":%llu,%s}", shared->ids[op.a % SLOTS],
		 updates[op.b % (sizeof(updates) / sizeof(*updates))]);
	swarm_order("update", order, answer, sizeof(answer));
}

static void op_destroy(struct op op)
{
	char order[32];

	snprintf(order, sizeof(order), "%llu\n", shared->ids[op.a % SLOTS]);
	swarm_order("destroy", order, NULL, 0);
}

static void op_fork(struct op op)
{
	int was = armed;
	pid_t child = raw_fork();

	if (!child) {
		born(was);
		live(op.b);
	}
	forked(op, child);
}

static void op_clone3(struct op op)
{
	int was = armed;
	pid_t child = clone3_child(flags[op.b / LIVES % (sizeof(flags) / sizeof(*flags))]);

	if (!child) {
		born(was);
		live(op.b);
	}
	forked(op, child);
}

static void op_vfork(struct op op)
{
	int was = armed;
	pid_t child = vfork();

	if (!child) {
		born(was);
		if (op.b % 2)
			execl("/usr/local/bin/fuzz", "fuzz", "idle", NULL);
		_exit(0);
	}
	/* The child has changed it, in our memory. */
	armed = was;
	forked(op, child);
}

static void op_thread(struct op op)
{
	pthread_t thread;

	/* It is made by a thread that may be armed, and is no process. */
	if (!pthread_create(&thread, NULL, wait_for_good, NULL))
		pthread_detach(thread);
	(void)op;
}

static void op_kill(struct op op)
{
	static const int signals[] = { SIGKILL, SIGSTOP, SIGCONT, SIGTERM };
	int pid = shared->pids[op.a % SLOTS];

	if (pid > 0)
		kill(pid, signals[op.b % 4]);
}

static void op_enter(struct op op)
{
	static const char *const kinds[] = { "user", "mnt", "pid", "net", "uts", "ipc", "cgroup" };
	char path[64];
	int fd, was = armed, pid = shared->pids[op.a % SLOTS];
	pid_t child = raw_fork();

	if (child) {
		forked(op, child);
		return;
	}
	born(was);
	for (size_t kind = 0; kind < 7; kind++) {
		if (pid <= 0 || !(op.b & (1 << kind)))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kinds[kind]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			setns(fd, 0);
	}
	live(op.b & 128 ? 1 : 15);
}

static void op_read(struct op op)
{
	static const char *const files[] = { "status", "agents", "metrics", "events" };
	char path[64], buffer[4096];
	int fd;

	snprintf(path, sizeof(path), "/proc/swarm/%s", files[op.a % 4]);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	for (int i = 0; i < op.b % 8 && read(fd, buffer, sizeof(buffer)) > 0; i++)
		;
	close(fd);
}

static void op_inspect(struct op op)
{
	char order[32], answer[8192];

	snprintf(order, sizeof(order), "%llu\n", shared->ids[op.a % SLOTS]);
	swarm_order("inspect", order, answer, sizeof(answer));
}

/* What root may do with an agent's cgroup. */
static void op_cgroup(struct op op)
{
	char path[128], text[32];
	static const char *const files[] = { "cgroup.freeze", "cgroup.kill", "cgroup.procs", "pids.max" };
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/cgroup/swarm/%llu/%s", shared->ids[op.a % SLOTS], files[op.b % 4]);
	snprintf(text, sizeof(text), "%d", op.b % 4 == 2 ? shared->pids[op.b / 4 % SLOTS] : op.b / 4 % 2);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

static void set_online(char value)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, &value, 1) < 0)
		errno = 0;
	close(fd);
}

static void op_cpu(struct op op)
{
	/* It takes long, and hardly anything depends on it. */
	if (op.b < 16)
		set_online(op.a % 2 ? '1' : '0');
}

static void op_reap(struct op op)
{
	waitpid(-1, NULL, op.b % 2 ? WNOHANG : WNOHANG | __WALL);
	(void)op;
}

static const struct operation {
	const char *name;
	void (*run)(struct op op);
	/* How often it is chosen. */
	int weight;
} operations[] = {
	{ "create", op_create, 6 }, { "fork", op_fork, 6 }, { "clone3", op_clone3, 3 },
	{ "vfork", op_vfork, 2 }, { "destroy", op_destroy, 4 }, { "spawn", op_spawn, 4 },
	{ "adopt", op_adopt, 3 }, { "attach", op_attach, 3 }, { "update", op_update, 4 },
	{ "kill", op_kill, 3 }, { "enter", op_enter, 2 }, { "thread", op_thread, 1 },
	{ "read", op_read, 1 }, { "inspect", op_inspect, 2 }, { "cgroup", op_cgroup, 2 },
	{ "cpu", op_cpu, 1 }, { "reap", op_reap, 1 },
};
#define OPERATIONS	(sizeof(operations) / sizeof(*operations))

static size_t print(const struct program *program, char *line)
{
	size_t at = 0;

	*line = '\0';
	for (int i = 0; i < program->nr; i++) {
		const struct op *op = &program->ops[i];

		at += snprintf(line + at, LINE - at, "%s%u:%s.%u.%u.%u", i ? " " : "", op->actor,
			       operations[op->what].name, op->a, op->b, op->us);
	}
	return at;
}

static int parse(const char *line, struct program *program)
{
	int taken;

	program->nr = 0;
	while (program->nr < OPS_MAX) {
		struct op *op = &program->ops[program->nr];
		unsigned int actor, a, b, us;
		char name[16];
		size_t what;

		taken = 0;
		if (sscanf(line, " %u:%15[a-z0-9].%u.%u.%u%n", &actor, name, &a, &b, &us, &taken) != 5)
			break;
		for (what = 0; what < OPERATIONS && strcmp(operations[what].name, name); what++)
			;
		if (what == OPERATIONS)
			return -1;
		*op = (struct op){ actor % ACTORS, what, a, b, us };
		program->nr++;
		line += taken;
	}
	return program->nr && line[strspn(line, " \n")] == '\0' ? 0 : -1;
}

static struct op any_op(void)
{
	static const unsigned short pauses[] = { 0, 0, 0, 10, 50, 200, 1000, 4000 };
	struct op op = { .actor = any(ACTORS), .a = any(3), .b = any(256) };
	int total = 0, chosen;

	for (size_t i = 0; i < OPERATIONS; i++)
		total += operations[i].weight;
	chosen = any(total);
	for (op.what = 0; chosen >= operations[op.what].weight; op.what++)
		chosen -= operations[op.what].weight;
	op.us = any(1 + pauses[any(8)]);
	return op;
}

static void make(struct program *program)
{
	program->nr = 4 + any(12);
	for (int i = 0; i < program->nr; i++)
		program->ops[i] = any_op();
}

static void insert(struct program *program, int at, struct op op)
{
	if (program->nr == OPS_MAX)
		return;
	memmove(&program->ops[at + 1], &program->ops[at], (program->nr - at) * sizeof(op));
	program->ops[at] = op;
	program->nr++;
}

static void change(struct program *program, const struct program *other)
{
	for (int times = 1 + any(4); times > 0; times--) {
		int at = any(program->nr);
		struct op *op = &program->ops[at];

		switch (any(8)) {
		case 0:
			insert(program, at, any_op());
			break;
		case 1:
			*op = any_op();
			break;
		case 2:
			if (program->nr > 1)
				memmove(op, op + 1, (--program->nr - at) * sizeof(*op));
			break;
		case 3:
			op->us = any_op().us;
			break;
		case 4:
			op->b = any(256);
			break;
		case 5:
			op->actor = any(ACTORS);
			break;
		case 6:
			op->a = any(3);
			break;
		default:
			insert(program, at, other->ops[any(other->nr)]);
		}
	}
}

static void act(const struct program *program, int actor)
{
	atomic_fetch_add(&shared->started, 1);
	while (shared->started < ACTORS)
		sched_yield();
	for (int i = 0; i < program->nr; i++) {
		const struct op *op = &program->ops[i];

		if (op->actor != actor)
			continue;
		if (op->us)
			pause_us(op->us);
		operations[op->what].run(*op);
	}
	/* Its children are its own until all is over. */
	wait_for_good(NULL);
}

static void say(const char *what, const char *program)
{
	printf("{\"%s,\"program\":\"%s\"}\n", what, program);
	fflush(stdout);
}

/* Says that something happened that must not, with what the files say. */
static int found(const char *line, const char *format, ...)
{
	char what[2048], *at = what + sprintf(what, "finding\":\"");
	va_list args;

	va_start(args, format);
	vsnprintf(at, sizeof(what) - 64, format, args);
	va_end(args);
	for (char *c = at; *c; c++) {
		if (*c == '"' || *c == '\\' || *c < ' ')
			*c = *c == '\n' ? ';' : '\'';
	}
	strcat(what, "\"");
	say(what, line);
	return 1;
}

static void try_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		errno = 0;
	close(fd);
}

/* Destroys every agent that is listed. */
static void destroy_all(void)
{
	static char text[65536];
	char *save, *line;

	read_file("/proc/swarm/agents", text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long id;
		char order[32];

		if (sscanf(line, "ID: %llu,", &id) != 1)
			continue;
		snprintf(order, sizeof(order), "%llu\n", id);
		swarm_order("destroy", order, NULL, 0);
	}
}

/* Kills and destroys everything; returns whether it has all gone. */
static bool clear(void)
{
	long end = now_us() + PATIENCE_US;

	set_online('1');
	do {
		char text[64] = "";

		destroy_all();
		try_write(CGROUP "/cgroup.freeze", "0");
		try_write(CGROUP "/cgroup.kill", "1");
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			;
		read_file(CGROUP "/cgroup.events", text, sizeof(text));
		if (strstr(text, "populated 0") && !number_in("/proc/swarm/status", "Active agents:") &&
		    waitpid(-1, NULL, WNOHANG | __WALL) < 0)
			return true;
		pause_us(500);
	} while (now_us() < end);
	return false;
}

/* Says what has not ended. */
static int left(const char *line)
{
	char agents[512], procs[256];

	read_file("/proc/swarm/agents", agents, sizeof(agents));
	read_file(CGROUP "/cgroup.procs", procs, sizeof(procs));
	return found(line, "not everything ends: agents %s processes %s", agents, procs);
}

/* Runs a program; returns 1 where something happened that must not. */
static int run(const struct program *program, const char *line, int settle_us)
{
	char answer[1024];
	int outside;

	memset(shared, 0, sizeof(*shared));
	for (int actor = 0; actor < ACTORS; actor++) {
		pid_t child = fork();

		if (!child) {
			write_file(CGROUP "/cgroup.procs", "0");
			act(program, actor);
		}
	}
	while (shared->started < ACTORS)
		sched_yield();
	pause_us(settle_us);
	read_file("/proc/swarm_oracle", answer, sizeof(answer));
	if (strncmp(answer, "ok ", 3))
		return found(line, "%s", answer);
	if (!clear())
		return left(line);
	outside = shared->outside;
	if (outside)
		return found(line, "%d children of armed threads are no members", outside);
	read_file("/proc/swarm_oracle", answer, sizeof(answer));
	if (strcmp(answer, "ok 0 agents 0 members\n"))
		return found(line, "after all: %s", answer);
	return 0;
}

static void prepare(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	if (mkdir(CGROUP, 0755) && errno != EEXIST)
		die(CGROUP);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static struct program corpus[CORPUS_MAX];
static int kept;

static void read_corpus(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[LINE];

	if (!file)
		die("%s", path);
	while (kept < CORPUS_MAX && fgets(line, sizeof(line), file)) {
		if (parse(line, &corpus[kept]))
			die("%s: no program: %s", path, line);
		kept++;
	}
	fclose(file);
}

static int fuzz_run(char **arguments)
{
	long end = now_us() + atol(arguments[0]) * 1000000;
	unsigned long long most = 0;
	char line[LINE], what[64];
	int total;

	seed = (unsigned int)atol(arguments[1]) | 1;
	read_corpus(arguments[2]);
	prepare();
	total = kept;
	for (int number = 0; now_us() < end; number++) {
		struct program program;
		char text[32];
		unsigned long long blocks;

		/* Those that are kept first, as they are. */
		if (number < total) {
			program = corpus[number];
		} else if (!kept || !any(5)) {
			make(&program);
		} else {
			/* What was found last leads to more. */
			program = corpus[any(2) ? any(kept) : kept - 1 - any(kept < 16 ? kept : 16)];
			change(&program, &corpus[any(kept)]);
		}
		print(&program, line);
		snprintf(what, sizeof(what), "run\":%d", number);
		say(what, line);
		if (run(&program, line, 2000 + any(6000)))
			return 1;
		read_file(BLOCKS, text, sizeof(text));
		blocks = strtoull(text, NULL, 10);
		if (blocks <= most)
			continue;
		most = blocks;
		if (number >= total && kept < CORPUS_MAX)
			corpus[kept++] = program;
		snprintf(what, sizeof(what), "more\":%llu", blocks);
		say(what, line);
	}
	return 0;
}

static int fuzz_again(char **arguments)
{
	struct program program;
	char line[LINE];

	if (!fgets(line, sizeof(line), stdin) || parse(line, &program))
		die("no program on standard input");
	prepare();
	seed = 1;
	print(&program, line);
	for (long times = atol(arguments[0]); times > 0; times--) {
		if (run(&program, line, 2000 + any(6000)))
			return 1;
	}
	return 0;
}

static int fuzz_idle(char **arguments)
{
	(void)arguments;
	wait_for_good(NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct word words[] = {
		{ "run", 3, fuzz_run, "SECONDS SEED CORPUS" },
		{ "again", 1, fuzz_again, "TIMES" },
		{ "idle", 0, fuzz_idle, "" },
		{},
	};

	(void)argc;
	return dispatch(argv, words);
}
