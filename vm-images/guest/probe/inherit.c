// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * inherit set COMMAND [ARGUMENT...]
 * inherit confined COMMAND [ARGUMENT...]
 * inherit look
 * inherit authority KEY COMMAND [ARGUMENT...]
 * inherit instantiate KEY
 * inherit cookie [COMMAND [ARGUMENT...]]
 * inherit traced COMMAND [ARGUMENT...]
 * inherit counted COMMAND [ARGUMENT...]
 *
 * "set" gives itself everything that a process can leave to its children and that
 * outlasts an execve, then executes COMMAND, a launcher. "confined" does so with a Landlock
 * domain, in which a process that is to join an agent could not find it. "look" prints what
 * of all this a process has, each as {"item":NAME,"value":TEXT}.
 *
 * As /sbin/request-key, "authority" assumes the authority over KEY before it executes
 * COMMAND; "instantiate" tries to give KEY a value, by the authority that its process has,
 * then by one that it assumes.
 *
 * "cookie" prints its process's cookie of core scheduling, "0" for none. Before it executes
 * COMMAND, it takes a new one, and says "outside": {"who":"inside"|"outside","cookie":HEX}.
 *
 * "traced" runs COMMAND under a tracer that follows forks, and prints how many of the
 * processes that it traced were in another pid namespace, {"traced":N}. "counted" runs
 * COMMAND with an inherited perf event, and prints how many microseconds of processor time
 * that has counted, {"counted":N}.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/mempolicy.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __x86_64__
#include <sys/io.h>
#endif

#include "dispatch.h"
#include "files.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER	57
#endif
/* Newer than some headers. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE		65
#define PR_GET_MDWE		66
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE	67
#define PR_GET_MEMORY_MERGE	68
#endif

/* A port that nothing answers at but a delay. */
#define PORT	0x80

static void must(const char *what, long ret)
{
	if (ret < 0)
		fprintf(stderr, "%s: %s\n", what, strerrorname_np(errno));
}

/* As must(), for what not every kernel has: then it is not there to be seen, either. */
static void may(const char *what, long ret)
{
	if (ret < 0 && errno != ENOSYS && errno != EOPNOTSUPP && errno != EINVAL &&
	    errno != ENOENT)
		must(what, ret);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	must(path, fd < 0 ? -1 : write(fd, text, strlen(text)));
	close(fd);
}

/* What is reset. */
static void set_privileges(void)
{
	const struct rlimit rtprio = { 50, 50 }, nice = { 40, 40 };

	/* Real time, level 3, for this process. */
	must("ioprio", syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 3));
	must("flusher", prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0));
	must("securebits", prctl(PR_SET_SECUREBITS, 0x44, 0, 0, 0));
	must("personality", personality(ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC |
					MMAP_PAGE_ZERO | ADDR_COMPAT_LAYOUT | UNAME26));
#ifdef __x86_64__
	must("ioperm", ioperm(PORT, 1, 1));
	must("iopl", iopl(3));
#endif
	must("death", prctl(PR_SET_PDEATHSIG, SIGHUP));
	must("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
	must("rtprio", setrlimit(RLIMIT_RTPRIO, &rtprio));
	must("nice limit", setrlimit(RLIMIT_NICE, &nice));
}

/* The kernel's struct sched_attr, which only some C libraries have. */
struct scheduling {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime;
	uint64_t deadline;
	uint64_t period;
};

/* A batch job with a slice of its own. */
static void set_scheduling(void)
{
	struct scheduling batch = {
		.size = sizeof(batch), .policy = SCHED_BATCH, .nice = 5, .runtime = 5000000,
	};

	must("scheduling", syscall(SYS_sched_setattr, 0, &batch, 0));
}

/* getppid() is EACCES. */
static void set_filter(void)
{
	struct sock_filter lines[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(lines) / sizeof(lines[0]), lines };

	must("filter", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0));
}

/* What some kernels do not have. */
static void set_if_known(void)
{
	const unsigned long node = 1;
	int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);

	may("memory policy", syscall(SYS_set_mempolicy, MPOL_BIND, &node, 8 * sizeof(node)));
	may("merging", prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0));
	may("audit", fd < 0 ? -1 : write(fd, "1000", 4));
	if (fd >= 0)
		close(fd);
}

/* What is kept. */
static void set_others(void)
{
	const struct rlimit files = { 333, 444 };
	cpu_set_t cpus;
	sigset_t blocked;

	umask(027);
	must("slack", prctl(PR_SET_TIMERSLACK, 12345));
	must("files", setrlimit(RLIMIT_NOFILE, &files));
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	must("affinity", sched_setaffinity(0, sizeof(cpus), &cpus));
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	must("memory errors", prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
	must("huge pages", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	must("privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	put("/proc/self/coredump_filter", "0x1");
	put("/proc/self/oom_score_adj", "200");
	set_scheduling();
	set_if_known();
	set_filter();
}

#ifdef __x86_64__
static sigjmp_buf denied;

static void on_fault(int signal)
{
	siglongjmp(denied, signal);
}
#endif

static const char *port(void)
{
#ifdef __x86_64__
	signal(SIGSEGV, on_fault);
	if (sigsetjmp(denied, 1))
		return "denied";
	outb(0, PORT);
	return "open";
#else
	return "denied";
#endif
}

static void __attribute__((format(printf, 2, 3))) tell(const char *item, const char *format, ...)
{
	char value[64];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	printf("{\"item\":\"%s\",\"value\":\"%s\"}\n", item, value);
}

static void show(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[strcspn(text, "\n")] = '\0';
	tell(strrchr(path, '/') + 1, "%s", n < 0 ? "?" : text);
	close(fd);
}

/* prctl(2) tells only those who may set it: PF_MEMALLOC_NOIO and PF_LOCAL_THROTTLE. */
static int flusher(void)
{
	char text[512];
	unsigned long flags = 0;
	const char *at;

	read_file("/proc/self/stat", text, sizeof(text));
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %lu", &flags) != 1)
		return -1;
	return !!(flags & 0x180000);
}

static unsigned long slice(void)
{
	struct scheduling own = {};

	return syscall(SYS_sched_getattr, 0, &own, sizeof(own), 0) ? 0 : own.runtime;
}

/* Of the process, as the policy of its first mapping: get_mempolicy(2) may be denied. */
static void show_memory_policy(void)
{
	char text[512] = "", policy[64] = "?";

	if (!access("/proc/self/numa_maps", R_OK)) {
		read_file("/proc/self/numa_maps", text, sizeof(text));
		sscanf(text, "%*s %63s", policy);
	}
	tell("memory policy", "%s", policy);
}

/* Its number is another at each login, and -1 without one. */
static void show_audit(void)
{
	char text[32] = "";

	if (!access("/proc/self/sessionid", R_OK))
		read_file("/proc/self/sessionid", text, sizeof(text));
	tell("audit session", "%s",
	     !*text ? "?" : strtoul(text, NULL, 10) == UINT32_MAX ? "none" : "some");
}

static void show_domain(void)
{
	char name[64];
	int ret;

	snprintf(name, sizeof(name), "/tmp/inherit-%ld", (long)syscall(SYS_gettid));
	ret = mkfifo(name, 0600);
	tell("landlock", "%s", outcome(ret));
	if (!ret)
		unlink(name);
}

static int look(char **unused)
{
	struct rlimit limit;
	struct sigaction usr1;
	sigset_t blocked;
	cpu_set_t cpus;
	int death, reaper;
	mode_t mask = umask(0);

	(void)unused;
	/* As it is kept, without what the kernel adds for who has none. */
	tell("ioprio class", "%ld", syscall(SYS_ioprio_get, 1, 0) >> 13);
	tell("flusher", "%d", flusher());
	tell("securebits", "%#x", prctl(PR_GET_SECUREBITS));
	tell("personality", "%#x", personality(0xffffffff));
	tell("port", "%s", port());
	prctl(PR_GET_PDEATHSIG, &death);
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	tell("death", "%d", death);
	tell("subreaper", "%d", reaper);
	getrlimit(RLIMIT_RTPRIO, &limit);
	tell("rtprio", "%ld", (long)limit.rlim_max);
	getrlimit(RLIMIT_NICE, &limit);
	tell("nice limit", "%ld", (long)limit.rlim_max);

	tell("umask", "%03o", mask);
	tell("slack", "%d", prctl(PR_GET_TIMERSLACK));
	tell("nice", "%d", getpriority(PRIO_PROCESS, 0));
	getrlimit(RLIMIT_NOFILE, &limit);
	tell("files", "%ld %ld", (long)limit.rlim_cur, (long)limit.rlim_max);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	tell("cpus", "%d", CPU_COUNT(&cpus));
	sigaction(SIGUSR1, NULL, &usr1);
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	tell("ignored", "%d", usr1.sa_handler == SIG_IGN);
	tell("blocked", "%d", sigismember(&blocked, SIGUSR2));
	tell("no huge pages", "%d", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	tell("memory errors", "%d", prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
	tell("no new privileges", "%d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	show("/proc/self/coredump_filter");
	show("/proc/self/oom_score_adj");
	tell("policy", "%d", sched_getscheduler(0));
	tell("slice", "%lu", slice());
	tell("seccomp", "%s", outcome(syscall(SYS_getppid)));
	tell("no writable code", "%d", prctl(PR_GET_MDWE, 0, 0, 0, 0));
	tell("merging", "%d", prctl(PR_GET_MEMORY_MERGE, 0, 0, 0, 0));
	show_memory_policy();
	show_audit();
	show_domain();
	return 0;
}

static void say(const char *what, long ret)
{
	printf("%s %s\n", what, outcome(ret));
}

static int instantiate(char **arguments)
{
	int key = atoi(arguments[0]);

	say("instantiate", syscall(SYS_keyctl, KEYCTL_INSTANTIATE, key, "value", 5, 0));
	say("assume", syscall(SYS_keyctl, KEYCTL_ASSUME_AUTHORITY, key));
	say("instantiate", syscall(SYS_keyctl, KEYCTL_INSTANTIATE, key, "value", 5, 0));
	return 0;
}

static int run(char **command)
{
	execvp(command[0], command);
	must(command[0], -1);
	return 127;
}

static int authority(char **arguments)
{
	must("authority", syscall(SYS_keyctl, KEYCTL_ASSUME_AUTHORITY, atoi(arguments[0])));
	return run(arguments + 1);
}

static int cookie(char **command)
{
	unsigned long long own = 0;

	if (command[0])
		must("cookie", prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0, 0, 0));
	must("cookie", prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0, 0, &own));
	printf("{\"who\":\"%s\",\"cookie\":\"%llx\"}\n", command[0] ? "outside" : "inside", own);
	fflush(stdout);
	return command[0] ? run(command) : 0;
}

static int set(char **command)
{
	set_others();
	set_privileges();
	/* Last, as READ_IMPLIES_EXEC makes all further memory executable. */
	must("no writable code", prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0));
	return run(command);
}

/* A Landlock domain in which nobody makes a fifo, and from which nobody outside is reached. */
static int confined(char **command)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_FIFO,
	};
	int rules = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	may("domain", rules < 0 ? -1 : syscall(SYS_landlock_restrict_self, rules, 0));
	if (rules >= 0)
		close(rules);
	return run(command);
}

static bool is_elsewhere(pid_t pid)
{
	char path[64], own[64] = "", other[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return readlink("/proc/self/ns/pid", own, sizeof(own) - 1) > 0 &&
	       readlink(path, other, sizeof(other) - 1) > 0 && strcmp(own, other);
}

/* Lets one that has stopped go on, with the signal that is meant for it, if one is. */
static void go_on(pid_t pid, int status)
{
	int signal = WSTOPSIG(status);

	/* Of tracing: an event, the end of an execve, the beginning of a child. */
	if (status >> 16 || signal == SIGTRAP || signal == SIGSTOP)
		signal = 0;
	ptrace(PTRACE_CONT, pid, NULL, (long)signal);
}

static int traced(char **command)
{
	pid_t seen[64], child = fork(), pid;
	int status, nr = 0, i;

	if (!child) {
		must("trace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		raise(SIGSTOP);
		_exit(run(command));
	}
	must("wait", waitpid(child, &status, 0));
	must("options", ptrace(PTRACE_SETOPTIONS, child, NULL,
			       (long)(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
				      PTRACE_O_TRACECLONE)));
	ptrace(PTRACE_CONT, child, NULL, NULL);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status))
			continue;
		for (i = 0; i < nr && seen[i] != pid; i++)
			;
		if (i == nr && nr < 64 && is_elsewhere(pid))
			seen[nr++] = pid;
		go_on(pid, status);
	}
	printf("{\"traced\":%d}\n", nr);
	return 0;
}

static int counted(char **command)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.inherit = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	uint64_t ns = 0;
	pid_t child;

	must("perf", fd);
	child = fork();
	if (!child)
		_exit(run(command));
	must("wait", waitpid(child, NULL, 0));
	must("read", read(fd, &ns, sizeof(ns)));
	printf("{\"counted\":%llu}\n", (unsigned long long)ns / 1000);
	return 0;
}

static const struct word words[] = {
	{ "set", 1, set, "COMMAND [ARGUMENT...]" },
	{ "confined", 1, confined, "COMMAND [ARGUMENT...]" },
	{ "look", 0, look, NULL },
	{ "authority", 2, authority, "KEY COMMAND [ARGUMENT...]" },
	{ "instantiate", 1, instantiate, "KEY" },
	{ "cookie", 0, cookie, "[COMMAND [ARGUMENT...]]" },
	{ "traced", 1, traced, "COMMAND [ARGUMENT...]" },
	{ "counted", 1, counted, "COMMAND [ARGUMENT...]" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
