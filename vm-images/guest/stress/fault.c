// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fault OPERATION OBJECT
 *
 * Carries out an operation on an agent made of OBJECT (the JSON of /proc/swarm/create,
 * without "spawn" and "pid") again and again, the first time with its first allocation
 * failing, the second time with its second, until it goes through with none failing.
 * After each time it must have succeeded or have been refused with an errno for lack of
 * memory, and have left nothing half made: the counts of /proc/swarm/status, the
 * cgroups, the process and the oracle are as they should be.
 *
 *   create   register an agent		fork     a fork by an agent
 *   arm      ... with "spawn"		exec     an execve by an agent
 *   adopt    ... with "pid"		attach   one more process for an agent
 *   spawn    the fork that is born	destroy  what the writer does of it
 *   birth    what the child does then	removal  what a worker does of it
 *   inspect  read what there is to tell	join     "spawn" of one that runs
 *   end      tell what it has used		joined   what the child does then
 *   update   stop it, other rules, and limits for one without a cgroup
 *   move     a memory limit for one that has had others
 *   rehook   the first rule on a call, by an update
 *   respawn  "spawn" of one that persists and has run before
 *   reborn   what the child does then
 *   crowded  as arm, where pids.max of the launcher's cgroup leaves no room
 *   leftover as arm, where a directory of the agent's name is left from before
 *   conflict as hooks, where somebody else redirects getpgid, which OBJECT has a rule on
 *
 * Prints {"allocations":N,"refused":N} and exits 0, or says what is wrong.
 * fork and exec fail for their process to see; birth, reborn, joined, leftover, end and
 * removal need a module built with SWARM_FAULTS=y.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "files.h"
#include "swarm.h"

#define PARAMETERS	"/sys/module/swarm_guard/parameters/"
#define MOST		5000
#define PATIENCE_S	60

static const char *operation, *object;
static unsigned int nth, refused;

/* What the kernel's own calls say, besides ENOMEM, where memory is short. */
static const int in_fork[] = { EAGAIN, ENOSPC, 0 };
static const int in_exec[] = { E2BIG, ENOEXEC, EFAULT, EIO, 0 };
static const int *other_errnos;
static char answer[16384];
static int ticket = -1;

static void wrong(const char *format, ...)
{
	va_list list;

	fprintf(stderr, "%s, allocation %u: ", operation, nth);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(1);
}

static void set_number(const char *path, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	write_file(path, text);
}

/* Failing: of this task, until disarmed; says whether an allocation did fail. */

static void set_fault(unsigned int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	if (ticket < 0)
		ticket = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (ticket < 0 || pwrite(ticket, text, strlen(text), 0) < 0)
		wrong("fail-nth: %s", strerrorname_np(errno));
}

static bool fault_hit(void)
{
	char text[16] = "";

	if (pread(ticket, text, sizeof(text) - 1, 0) < 1)
		wrong("fail-nth: %s", strerrorname_np(errno));
	set_fault(0);
	return strtoul(text, NULL, 10) == 0;
}

/* The state of things */

static unsigned int active(void)
{
	return number_in("/proc/swarm/status", "Active agents: ");
}

static unsigned int cgroups(void)
{
	static const char *const parents[] = { "memory", "plain" };
	unsigned int i, count = 0;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/swarm/%s", parents[i]);
		dir = opendir(path);
		if (!dir)
			wrong("%s: %s", path, strerrorname_np(errno));
		while ((entry = readdir(dir)))
			count += entry->d_type == DT_DIR && entry->d_name[0] != '.';
		closedir(dir);
	}
	return count;
}

/* Waits a moment; false where it has been long enough. */
static bool wait_until(time_t until)
{
	pause_us(1000);
	return time(NULL) < until;
}

static void expect(unsigned int agents, unsigned int directories)
{
	time_t until = time(NULL) + PATIENCE_S;
	char text[4096];

	while (active() != agents || cgroups() != directories) {
		if (!wait_until(until))
			wrong("%u agents and %u cgroups instead of %u and %u",
			      active(), cgroups(), agents, directories);
	}
	read_file("/proc/swarm_oracle", text, sizeof(text));
	if (strncmp(text, "ok ", 3))
		wrong("the oracle finds: %s", text);
}

/* Orders */

/* What object has, and more: "" or such as ",\"spawn\":true". */
static const char *with(const char *more)
{
	static char text[2048];

	snprintf(text, sizeof(text), "%.*s%s}", (int)strlen(object) - 1, object, more);
	return text;
}

/* 0, or the errno of opening, writing or the answer, which only those have that @ask. */
static int order(const char *name, bool ask, const char *text)
{
	answer[0] = '\0';
	return swarm_order(name, text, ask ? answer : NULL, sizeof(answer)) ? errno : 0;
}

static int create(const char *more)
{
	return order("create", true, with(more));
}

static unsigned long long id_answered(void)
{
	unsigned long long id = swarm_id(answer);

	if (!id)
		wrong("no id but %s", answer);
	return id;
}

static void must(int err, const char *what)
{
	if (err)
		wrong("%s: %s %s", what, strerrorname_np(err), answer);
}

static int destroy(unsigned long long id)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu\n", id);
	return order("destroy", false, text);
}

static bool for_lack_of_memory(int err)
{
	const int *other;

	for (other = other_errnos; other && *other; other++)
		if (*other == err)
			return true;
	return err == ENOMEM;
}

/* Refused for the right reason? */
static void weigh(int err, bool hit)
{
	if (!err)
		return;
	if (!hit)
		wrong("%s without a failing allocation: %s", strerrorname_np(err), answer);
	if (!for_lack_of_memory(err))
		wrong("%s, not for lack of memory: %s", strerrorname_np(err), answer);
	refused++;
}

/* Processes */

/* A process that sleeps, made while allocation @fails fails; -1 where it cannot be made. */
static pid_t sleeper(unsigned int fails, bool *hit)
{
	int awake[2], err;
	char byte;
	pid_t pid;

	if (pipe2(awake, O_CLOEXEC))
		wrong("pipe: %s", strerrorname_np(errno));
	set_fault(fails);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(awake[1], "a", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	err = errno;
	*hit = fault_hit();
	close(awake[1]);
	/* Whoever is born into an agent runs only when that is done. */
	if (pid > 0 && read(awake[0], &byte, 1) != 1)
		wrong("the child has died, with status %x", status_of(pid));
	close(awake[0]);
	errno = err;
	return pid;
}

static pid_t must_sleep(void)
{
	bool hit;
	pid_t pid = sleeper(0, &hit);

	if (pid < 0)
		wrong("fork: %s", strerrorname_np(errno));
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	status_of(pid);
}

static bool in_swarm(pid_t pid)
{
	char path[32], text[256];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	read_file(path, text, sizeof(text));
	return strstr(text, "/swarm/");
}

static void must_be_in_swarm(pid_t pid, bool in)
{
	if (in_swarm(pid) != in)
		wrong("process %d is %s an agent's cgroup", pid, in ? "not in" : "in");
}

/* An agent with one process; its id is in answer. */
static pid_t born(void)
{
	must(create(",\"spawn\":true"), "arming");
	return must_sleep();
}

/* Operations: once, with allocation nth failing; each says whether one did. */

static bool do_create(void)
{
	bool hit;
	int err;

	set_fault(nth);
	err = create("");
	hit = fault_hit();
	weigh(err, hit);
	expect(!err, 0);
	if (!err)
		must(destroy(id_answered()), "destroying");
	return hit;
}

/*
 * What only the first policy with a rule on a call needs: its functions, looked up once
 * and for ever, and the hooks on them, which go a while after the last such policy.
 */
static void wait_for_no_hooks(void)
{
	time_t until = time(NULL) + PATIENCE_S;

	while (!system("grep -q swarm_hook_syscall /sys/kernel/tracing/enabled_functions"))
		if (!wait_until(until))
			wrong("the hooks stay");
}

static bool do_hooks(void)
{
	if (nth == 1) {
		must(create(""), "looking up");
		must(destroy(id_answered()), "destroying");
	}
	wait_for_no_hooks();
	return do_create();
}

static bool do_arm(void)
{
	bool hit;
	int err;

	set_fault(nth);
	err = create(",\"spawn\":true");
	hit = fault_hit();
	weigh(err, hit);
	expect(!err, !err);
	if (err)
		return hit;
	must(destroy(id_answered()), "destroying");
	/* It stays in the thread's place until the thread forks. */
	if (fork() != -1 || errno != ECANCELED)
		wrong("a fork after the agent was destroyed: %s", strerrorname_np(errno));
	return hit;
}

/* The limit is named; or nothing is, where memory is too short to find it. */
static bool do_crowded(void)
{
	static const char cgroup[] = "/sys/fs/cgroup/crowded";
	bool hit;
	int err;

	if (mkdir(cgroup, 0755))
		wrong("%s: %s", cgroup, strerrorname_np(errno));
	write_file("/sys/fs/cgroup/crowded/cgroup.procs", "0");
	write_file("/sys/fs/cgroup/crowded/pids.max", "1");
	set_fault(nth);
	err = create(",\"spawn\":true");
	hit = fault_hit();
	write_file("/sys/fs/cgroup/cgroup.procs", "0");
	if (rmdir(cgroup))
		wrong("%s: %s", cgroup, strerrorname_np(errno));
	if (err == ENOMEM && hit)
		refused++;
	else if (err != ENOSPC || !strstr(answer, "pids.max of the cgroup /crowded is 1 "))
		wrong("%s %s", err ? strerrorname_np(err) : "no error", answer);
	expect(0, 0);
	return hit;
}

static bool do_adopt(void)
{
	pid_t pid = must_sleep();
	char more[32];
	bool hit;
	int err;

	snprintf(more, sizeof(more), ",\"pid\":%d", pid);
	set_fault(nth);
	err = create(more);
	hit = fault_hit();
	weigh(err, hit);
	expect(!err, !err);
	must_be_in_swarm(pid, !err);
	end(pid);
	return hit;
}

/* One that fails leaves the thread armed. */
static bool do_spawn(void)
{
	pid_t pid;
	bool hit;

	must(create(",\"spawn\":true"), "arming");
	pid = sleeper(nth, &hit);
	if (pid < 0) {
		weigh(errno, hit);
		expect(1, 1);
		pid = must_sleep();
	}
	expect(1, 1);
	must_be_in_swarm(pid, true);
	end(pid);
	return hit;
}

/* What is left of the order when it has been carried out: 0 if an allocation has failed. */
static bool order_hit(void)
{
	time_t until = time(NULL) + PATIENCE_S;
	unsigned int left;

	while (!(left = number_in(PARAMETERS "fault_left", "")))
		if (!wait_until(until))
			wrong("it never came to an end");
	return left == 1;
}

static bool do_birth(void)
{
	int status;
	bool hit;
	pid_t pid;

	must(create(",\"spawn\":true"), "arming");
	set_number(PARAMETERS "fault_left", 0);
	set_number(PARAMETERS "fault_birth", nth);
	pid = fork();
	if (pid == 0)
		_exit(7);
	status = status_of(pid);
	hit = order_hit();
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && hit)
		refused++;
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
		wrong("the child ended with status %x", status);
	return hit;
}

static bool do_attach(void)
{
	pid_t first = born(), pid = must_sleep();
	char text[64];
	bool hit;
	int err;

	snprintf(text, sizeof(text), "{\"id\":%llu,\"pid\":%d}", id_answered(), pid);
	set_fault(nth);
	err = order("attach", false, text);
	hit = fault_hit();
	weigh(err, hit);
	expect(1, 1);
	must_be_in_swarm(pid, !err);
	if (err)
		must(order("attach", false, text), "attaching, and again");
	end(pid);
	end(first);
	return hit;
}

/* A refused one leaves all as it was, and can be given again. */
static bool change(const char *what, unsigned int before, unsigned int after)
{
	pid_t pid = born();
	unsigned long long id = id_answered();
	char text[256];
	bool hit;
	int err;

	snprintf(text, sizeof(text), "{\"id\":%llu,%s}", id, what);
	set_fault(nth);
	err = order("update", true, text);
	hit = fault_hit();
	weigh(err, hit);
	if (err) {
		expect(1, before);
		must_be_in_swarm(pid, before);
		must(order("update", true, text), "updating, and again");
	}
	expect(1, after);
	must_be_in_swarm(pid, true);
	end(pid);
	return hit;
}

static bool do_update(void)
{
	return change("\"pids_limit\":40,\"frozen\":true,\"exec_paths\":[\"/usr/local/bin/\"]", 0, 1);
}

static bool do_rehook(void)
{
	static const char rules[] = "\"syscalls\":{\"getppid\":\"deny\"}";
	char more[64];

	if (nth == 1) {
		snprintf(more, sizeof(more), ",%s", rules);
		must(create(more), "looking up");
		must(destroy(id_answered()), "destroying");
	}
	wait_for_no_hooks();
	return change(rules, 1, 1);
}

/* The cgroup that it had stays until the agent goes. */
static bool do_move(void)
{
	return change("\"memory_limit\":67108864", 1, 2);
}

static bool do_join(void)
{
	pid_t first = born(), pid;
	char text[32];
	int err, status;
	bool hit;

	snprintf(text, sizeof(text), "{\"id\":%llu}", id_answered());
	set_fault(nth);
	err = order("spawn", true, text);
	hit = fault_hit();
	weigh(err, hit);
	if (err)
		must(order("spawn", true, text), "arming, and again");
	pid = fork();
	if (pid == 0)
		_exit(7);
	if (pid < 0)
		wrong("fork: %s", strerrorname_np(errno));
	status = status_of(pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
		wrong("the child ended with status %x", status);
	expect(1, 1);
	end(first);
	return hit;
}

/* The child comes into the agent whole, or dies without having run, and the agent goes on. */
static bool do_joined(void)
{
	pid_t first = born(), pid;
	char text[32];
	int status;
	bool hit;

	snprintf(text, sizeof(text), "{\"id\":%llu}", id_answered());
	must(order("spawn", true, text), "arming");
	set_number(PARAMETERS "fault_left", 0);
	set_number(PARAMETERS "fault_birth", nth);
	pid = fork();
	if (pid == 0)
		_exit(in_swarm(getpid()) ? 7 : 8);
	if (pid < 0)
		wrong("fork: %s", strerrorname_np(errno));
	status = status_of(pid);
	hit = order_hit();
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && hit)
		refused++;
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
		wrong("the child ended with status %x", status);
	expect(1, 1);
	end(first);
	return hit;
}

static void inspect(unsigned long long id)
{
	char plain[24];

	snprintf(plain, sizeof(plain), "%llu", id);
	must(order("inspect", true, plain), "inspecting");
}

static void wait_for_registered(unsigned long long id)
{
	time_t until = time(NULL) + PATIENCE_S;

	do {
		inspect(id);
	} while (!strstr(answer, "\"state\":\"registered\"") && wait_until(until));
}

/* One that persists and has run once. */
static unsigned long long registered_again(void)
{
	unsigned long long id;

	must(create(",\"spawn\":true,\"persist\":true"), "arming");
	id = id_answered();
	end(must_sleep());
	wait_for_registered(id);
	return id;
}

static unsigned long long memory_peak(unsigned long long id)
{
	static const char key[] = "\"memory_peak\":";
	const char *at;

	inspect(id);
	at = strstr(answer, key);
	if (!at)
		wrong("no %s in %s", key, answer);
	return strtoull(at + strlen(key), NULL, 10);
}

/* A refused one leaves it registered, with what it used last, and can be given again. */
static bool do_respawn(void)
{
	unsigned long long id = registered_again(), peak = memory_peak(id), after;
	char text[32];
	pid_t pid;
	bool hit;
	int err;

	snprintf(text, sizeof(text), "{\"id\":%llu}", id);
	set_fault(nth);
	err = order("spawn", true, text);
	hit = fault_hit();
	weigh(err, hit);
	expect(1, 1);
	after = memory_peak(id);
	if (after != peak)
		wrong("it used %llu bytes, and now %llu", peak, after);
	if (err)
		must(order("spawn", true, text), "arming, and again");
	pid = must_sleep();
	must_be_in_swarm(pid, true);
	must(destroy(id), "destroying");
	status_of(pid);
	return hit;
}

/* As do_birth(): it goes with the agent. */
static bool do_reborn(void)
{
	unsigned long long id = registered_again();
	char text[32];
	int status;
	bool hit;
	pid_t pid;

	snprintf(text, sizeof(text), "{\"id\":%llu}", id);
	must(order("spawn", true, text), "arming");
	set_number(PARAMETERS "fault_left", 0);
	set_number(PARAMETERS "fault_birth", nth);
	pid = fork();
	if (pid == 0)
		_exit(7);
	status = status_of(pid);
	hit = order_hit();
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && hit) {
		refused++;
		return hit;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
		wrong("the child ended with status %x", status);
	wait_for_registered(id);
	must(destroy(id), "destroying");
	return hit;
}

static void remove_if_there(const char *path)
{
	if (rmdir(path) && errno != ENOENT)
		wrong("%s: %s", path, strerrorname_np(errno));
}

/* The next agent's, with one below it, so that removing it takes memory. The id is not lost. */
static bool do_leftover(void)
{
	char path[64], below[80];
	unsigned long long id;
	bool hit;
	int err;

	must(create(""), "registering");
	id = id_answered() + 1;
	must(destroy(id - 1), "destroying");
	snprintf(path, sizeof(path), "/sys/fs/cgroup/swarm/plain/%llu", id);
	snprintf(below, sizeof(below), "%s/below", path);
	if (mkdir(path, 0755) || mkdir(below, 0755))
		wrong("%s: %s", below, strerrorname_np(errno));
	set_fault(nth);
	err = create(",\"spawn\":true");
	hit = fault_hit();
	weigh(err, hit);
	if (err) {
		remove_if_there(below);
		remove_if_there(path);
		must(create(",\"spawn\":true"), "arming, and again");
	}
	if (id_answered() != id)
		wrong("agent %llu instead of %llu", id_answered(), id);
	end(must_sleep());
	return hit;
}

/* What is redirected is named; or nothing is, where memory is too short to find it. */
static bool do_conflict(void)
{
	bool hit;
	int err;

	set_fault(nth);
	err = create("");
	hit = fault_hit();
	if (err == EBUSY && strstr(answer, "sys_getpgid is redirected"))
		return hit;
	if (err == ENOMEM && hit)
		refused++;
	else
		wrong("%s %s", err ? strerrorname_np(err) : "no error", answer);
	return hit;
}

static bool do_destroy(void)
{
	pid_t pid = born();
	unsigned long long id = id_answered();
	bool hit;
	int err;

	set_fault(nth);
	err = destroy(id);
	hit = fault_hit();
	weigh(err, hit);
	if (err) {
		expect(1, 1);
		must(destroy(id), "destroying, and again");
	}
	status_of(pid);
	return hit;
}

/* With a directory below its own, which an agent may make, so that there is more to it than one rmdir. */
static bool do_removal(void)
{
	pid_t pid = born();
	char path[64];

	snprintf(path, sizeof(path), "/sys/fs/cgroup/swarm/plain/%llu/below", id_answered());
	if (mkdir(path, 0755))
		wrong("%s: %s", path, strerrorname_np(errno));
	set_number(PARAMETERS "fault_left", 0);
	set_number(PARAMETERS "fault_removal", nth);
	must(destroy(id_answered()), "destroying");
	status_of(pid);
	return order_hit();
}

/* Its end is told with all that its cgroup has counted, whatever fails first. */
static bool do_end(void)
{
	int events = open_or_die("/proc/swarm/events", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	pid_t pid = born();
	bool hit, told;
	ssize_t length;

	if (lseek(events, 0, SEEK_END) < 0)
		wrong("events: %s", strerrorname_np(errno));
	set_number(PARAMETERS "fault_left", 0);
	set_number(PARAMETERS "fault_end", nth);
	must(destroy(id_answered()), "destroying");
	status_of(pid);
	hit = order_hit();
	expect(0, 0);
	length = read(events, answer, sizeof(answer) - 1);
	answer[length > 0 ? length : 0] = '\0';
	close(events);
	told = strstr(answer, "\"event\":\"destroyed\"") && strstr(answer, "\"memory_peak\":");
	if (!told)
		wrong("what is told: %s", answer);
	return hit;
}

/* Whatever changes while nothing does: its numbers. */
static void without_digits(const char *text, char *rest)
{
	for (; *text; text++)
		if (*text < '0' || *text > '9')
			*rest++ = *text;
	*rest = '\0';
}

static bool do_inspect(void)
{
	static char whole[sizeof(answer)], told[sizeof(answer)];
	pid_t pid = born();
	char id[24];
	bool hit;
	int err;

	snprintf(id, sizeof(id), "%llu", id_answered());
	must(order("inspect", true, id), "inspecting");
	without_digits(answer, whole);
	if (!strstr(whole, "\"memory_peak\":"))
		wrong("without a failing allocation it is told: %s", answer);
	set_fault(nth);
	err = order("inspect", true, id);
	hit = fault_hit();
	weigh(err, hit);
	without_digits(answer, told);
	if (!err && strcmp(told, whole))
		wrong("it is told: %s", answer);
	expect(1, 1);
	end(pid);
	return hit;
}

/* In an agent: one process in it does what it is told to, as often as it is told. */

struct outcome {
	int err;
	bool hit;
};

static pid_t servant;
static int orders[2], outcomes[2];

static void serve(struct outcome (*run)(void))
{
	struct outcome outcome;

	/* It was opened by another task. */
	ticket = -1;
	close(orders[1]);
	while (read(orders[0], &nth, sizeof(nth)) == sizeof(nth)) {
		outcome = run();
		if (write(outcomes[1], &outcome, sizeof(outcome)) != sizeof(outcome))
			break;
	}
	_exit(0);
}

/* How many processes the servant's agent has, by its cgroup. */
static void expect_processes(unsigned int count)
{
	time_t until = time(NULL) + PATIENCE_S;
	char path[64];

	snprintf(path, sizeof(path), "/sys/fs/cgroup/swarm/plain/%llu/pids.current", id_answered());
	while (number_in(path, "") != count)
		if (!wait_until(until))
			wrong("the agent has %u processes", number_in(path, ""));
}

static bool in_agent(struct outcome (*run)(void))
{
	struct outcome outcome;

	if (!servant) {
		must(create(",\"spawn\":true"), "arming");
		if (pipe2(orders, O_CLOEXEC) || pipe2(outcomes, O_CLOEXEC))
			wrong("pipe: %s", strerrorname_np(errno));
		servant = fork();
		if (servant == 0)
			serve(run);
		close(outcomes[1]);
	}
	if (write(orders[1], &nth, sizeof(nth)) != sizeof(nth) ||
	    read(outcomes[0], &outcome, sizeof(outcome)) != sizeof(outcome))
		wrong("the agent has died, with status %x", status_of(servant));
	weigh(outcome.err, outcome.hit);
	expect(1, 1);
	expect_processes(1);
	if (!outcome.hit)
		end(servant);
	return outcome.hit;
}

static struct outcome fork_in_agent(void)
{
	struct outcome outcome = {};
	pid_t pid;

	set_fault(nth);
	pid = fork();
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		outcome.err = errno;
	outcome.hit = fault_hit();
	if (pid > 0)
		status_of(pid);
	return outcome;
}

/* The exit status of an execve's process: the errno it failed with, or EXECUTED; HIT more if an allocation failed. */
#define EXECUTED	0
#define HIT		128
/* Where fail-nth is open across execve, which the count goes on in. */
#define TICKET		9
/* What a program's own startup exits with where a call of it fails. */
#define NOT_STARTED	127

static struct outcome exec_in_agent(void)
{
	char *const argv[] = { "/usr/local/bin/fault", "--executed", NULL };
	pid_t pid = fork();
	int status, err;

	if (pid == 0) {
		ticket = open("/proc/thread-self/fail-nth", O_RDWR);
		if (ticket < 0 || dup2(ticket, TICKET) != TICKET ||
		    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO) < 0)
			_exit(errno);
		set_fault(nth);
		execv(argv[0], argv);
		err = errno;
		_exit(err | (fault_hit() ? HIT : 0));
	}
	if (pid < 0)
		return (struct outcome){ .err = errno };
	status = status_of(pid);
	/* Past the point of no return the kernel can only end the process. */
	if ((WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV)) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == NOT_STARTED))
		return (struct outcome){ .err = ENOMEM, .hit = true };
	return (struct outcome){
		.err = WEXITSTATUS(status) & ~HIT,
		.hit = WEXITSTATUS(status) & HIT,
	};
}

static bool do_fork(void)
{
	return in_agent(fork_in_agent);
}

static bool do_exec(void)
{
	return in_agent(exec_in_agent);
}

static const struct {
	const char *name;
	bool (*run)(void);
	const int *other_errnos;
} operations[] = {
	{ "create", do_create, NULL },
	{ "hooks", do_hooks, NULL },
	{ "arm", do_arm, NULL },
	{ "adopt", do_adopt, NULL },
	{ "spawn", do_spawn, in_fork },
	{ "birth", do_birth, NULL },
	{ "fork", do_fork, in_fork },
	{ "exec", do_exec, in_exec },
	{ "attach", do_attach, NULL },
	{ "destroy", do_destroy, NULL },
	{ "removal", do_removal, NULL },
	{ "inspect", do_inspect, NULL },
	{ "join", do_join, NULL },
	{ "update", do_update, NULL },
	{ "move", do_move, NULL },
	{ "rehook", do_rehook, NULL },
	{ "joined", do_joined, NULL },
	{ "respawn", do_respawn, NULL },
	{ "reborn", do_reborn, NULL },
	{ "leftover", do_leftover, NULL },
	{ "conflict", do_conflict, NULL },
	{ "crowded", do_crowded, NULL },
	{ "end", do_end, NULL },
};

/* Which allocations may fail at all: all of them, also those that may sleep. */
static void every_kind(void)
{
	set_number("/sys/kernel/debug/failslab/verbose", 0);
	set_number("/sys/kernel/debug/failslab/ignore-gfp-wait", 0);
	set_number("/sys/kernel/debug/fail_page_alloc/verbose", 0);
	set_number("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", 0);
	set_number("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", 0);
	set_number("/sys/kernel/debug/fail_page_alloc/min-order", 0);
}

int main(int argc, char **argv)
{
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "--executed")) {
		ticket = TICKET;
		return EXECUTED | (fault_hit() ? HIT : 0);
	}
	if (argc != 3)
		return 2;
	operation = argv[1];
	object = argv[2];
	for (i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (!strcmp(operations[i].name, operation))
			break;
	if (i == sizeof(operations) / sizeof(*operations))
		return 2;
	other_errnos = operations[i].other_errnos;
	every_kind();
	expect(0, 0);
	for (nth = 1; operations[i].run(); nth++) {
		if (!servant)
			expect(0, 0);
		if (nth == MOST)
			wrong("there is no end to them");
	}
	expect(0, 0);
	printf("{\"allocations\":%u,\"refused\":%u}\n", nth - 1, refused);
	return 0;
}
