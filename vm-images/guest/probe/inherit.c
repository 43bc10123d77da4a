// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * inherit set COMMAND [ARGUMENT...]
 * inherit look
 * inherit authority KEY COMMAND [ARGUMENT...]
 * inherit instantiate KEY
 * inherit cookie [COMMAND [ARGUMENT...]]
 *
 * "set" gives itself everything that a process can leave to its children and that
 * outlasts an execve, then executes COMMAND, a launcher. "look" prints, a line each,
 * what of it a process has.
 *
 * As /sbin/request-key, "authority" assumes the authority over KEY before it executes
 * COMMAND; "instantiate" tries to give KEY a value, by the authority that its process has,
 * then by one that it assumes.
 *
 * "cookie" prints its process's cookie of core scheduling, 0 for none; before it executes
 * COMMAND, it takes a new one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __x86_64__
#include <sys/io.h>
#endif

#include "dispatch.h"
#include "files.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER	57
#endif

/* A port that nothing answers at but a delay. */
#define PORT	0x80

static void must(const char *what, long ret)
{
	if (ret < 0)
		fprintf(stderr, "%s: %s\n", what, strerrorname_np(errno));
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
	/* Real time, level 3, for this process. */
	must("ioprio", syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 3));
	must("flusher", prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0));
	must("securebits", prctl(PR_SET_SECUREBITS, 0x44, 0, 0, 0));
	must("personality", personality(ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC |
					ADDR_COMPAT_LAYOUT | UNAME26));
#ifdef __x86_64__
	must("ioperm", ioperm(PORT, 1, 1));
	must("iopl", iopl(3));
#endif
	must("death", prctl(PR_SET_PDEATHSIG, SIGHUP));
	must("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
}

/* What is kept. */
static void set_others(void)
{
	struct rlimit files = { 333, 444 };
	cpu_set_t cpus;
	sigset_t blocked;

	umask(027);
	must("slack", prctl(PR_SET_TIMERSLACK, 12345));
	must("nice", setpriority(PRIO_PROCESS, 0, 5));
	must("files", setrlimit(RLIMIT_NOFILE, &files));
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	must("affinity", sched_setaffinity(0, sizeof(cpus), &cpus));
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	must("huge pages", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	must("privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	put("/proc/self/coredump_filter", "0x1");
	put("/proc/self/oom_score_adj", "200");
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

static void show(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	printf("%s %s", strrchr(path, '/') + 1, n < 0 ? "?\n" : text);
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
	printf("ioprio class %ld\n", syscall(SYS_ioprio_get, 1, 0) >> 13);
	printf("flusher %d\n", flusher());
	printf("securebits %#x\n", prctl(PR_GET_SECUREBITS));
	printf("personality %#x\n", personality(0xffffffff));
	printf("port %s\n", port());
	prctl(PR_GET_PDEATHSIG, &death);
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	printf("death %d\nsubreaper %d\n", death, reaper);
	printf("policy %d\n", sched_getscheduler(0));
	getrlimit(RLIMIT_RTPRIO, &limit);
	printf("rtprio %ld\n", (long)limit.rlim_max);

	printf("umask %03o\n", mask);
	printf("slack %d\n", prctl(PR_GET_TIMERSLACK));
	printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("files %ld %ld\n", (long)limit.rlim_cur, (long)limit.rlim_max);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	printf("cpus %d\n", CPU_COUNT(&cpus));
	sigaction(SIGUSR1, NULL, &usr1);
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	printf("ignored %d\nblocked %d\n", usr1.sa_handler == SIG_IGN,
	       sigismember(&blocked, SIGUSR2));
	printf("no huge pages %d\n", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	printf("no new privileges %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	show("/proc/self/coredump_filter");
	show("/proc/self/oom_score_adj");
	return 0;
}

static void say(const char *what, long ret)
{
	printf("%s %s\n", what, ret < 0 ? strerrorname_np(errno) : "ok");
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
	printf("%s %llx\n", command[0] ? "outside" : "inside", own);
	fflush(stdout);
	return command[0] ? run(command) : 0;
}

static int set(char **command)
{
	set_others();
	set_privileges();
	return run(command);
}

static const struct word words[] = {
	{ "set", 1, set, "COMMAND [ARGUMENT...]" },
	{ "look", 0, look, NULL },
	{ "authority", 2, authority, "KEY COMMAND [ARGUMENT...]" },
	{ "instantiate", 1, instantiate, "KEY" },
	{ "cookie", 0, cookie, "[COMMAND [ARGUMENT...]]" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
