// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * starve CGROUP [--killable] FROM STEP ROUNDS OBJECT
 *
 * In each round a launcher in the memory cgroup CGROUP, which may use FROM bytes
 * more than it does, and STEP more in each later round, writes OBJECT to
 * /proc/swarm/create and forks. So memory runs out at one point after the other
 * of the way. The OOM killer spares it, so that it gets ENOMEM, unless it is
 * --killable. Prints how often each way ended, as lines of JSON:
 *
 *   open, write, refused, fork: with the errno or the answer
 *   stillborn  the agent's process was killed before it ran
 *   born       it ran
 *   killed     the launcher was
 *   +eased     it only went on when it was given memory again
 *
 * starve hog SECONDS: take all memory again and again; the OOM killer takes this first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "files.h"

#define PATIENCE_MS	1000

static struct { char how[96]; int count; } ways[64];
static char answer[1024];

static void put(const char *dir, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	write_file(path, text);
}

static unsigned long long current_bytes(const char *cgroup)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/memory.current", cgroup);
	return number_in(path, "");
}

/* In the launcher: no buffer, no allocation. */
static void tell(int fd, const char *what, const char *how)
{
	if (write(fd, what, strlen(what)) < 0 || write(fd, how, strlen(how)) < 0)
		_exit(3);
	_exit(0);
}

static const char *refusal(void)
{
	char *end, *at = strstr(answer, "\"error\":\"");

	if (!at)
		return NULL;
	at += strlen("\"error\":\"");
	end = strchr(at, '"');
	if (end)
		*end = '\0';
	return at;
}

static void launch(int fd, const char *object)
{
	int create = open("/proc/swarm/create", O_RDWR | O_CLOEXEC);
	int status;
	pid_t pid;

	if (create < 0)
		tell(fd, "open ", strerrorname_np(errno));
	if (write(create, object, strlen(object)) < 0 && errno != ENOMEM)
		tell(fd, "write ", strerrorname_np(errno));
	if (read(create, answer, sizeof(answer) - 1) < 0)
		tell(fd, "read ", strerrorname_np(errno));
	if (refusal())
		tell(fd, "refused ", refusal());
	/* Shares its memory, so that nothing has to be copied but by the kernel. */
	pid = vfork();
	if (!pid)
		_exit(0);
	if (pid < 0)
		tell(fd, "fork ", strerrorname_np(errno));
	if (waitpid(pid, &status, 0) < 0)
		tell(fd, "wait ", strerrorname_np(errno));
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		tell(fd, "stillborn", "");
	tell(fd, status ? "died" : "born", "");
}

static void count(const char *how)
{
	int i;

	for (i = 0; ways[i].count && strcmp(ways[i].how, how); i++)
		;
	snprintf(ways[i].how, sizeof(ways[i].how), "%s", how);
	ways[i].count++;
}

static void round_of(const char *cgroup, int killable, unsigned long long more, const char *object)
{
	int ready[2], go[2], eased = 0;
	char how[64] = "", text[32], line[96];
	struct pollfd end;
	pid_t pid;

	put(cgroup, "memory.max", "max");
	if (pipe2(ready, O_CLOEXEC) || pipe2(go, O_CLOEXEC))
		exit(2);
	pid = fork();
	if (!pid) {
		put(cgroup, "cgroup.procs", "0");
		write_file("/proc/self/oom_score_adj", "-1000");
		close(ready[0]);
		/* All pages that will be written to are there. */
		memset(answer, 0, sizeof(answer));
		if (write(ready[1], "r", 1) != 1 || read(go[0], how, 1) != 1)
			_exit(3);
		launch(ready[1], object);
	}
	close(ready[1]);
	if (read(ready[0], how, 1) != 1)
		exit(2);
	how[0] = '\0';
	/* Takes back what each CPU holds in advance; nobody can be killed for the rest. */
	put(cgroup, "memory.max", "0");
	snprintf(text, sizeof(text), "%llu", current_bytes(cgroup) + more);
	put(cgroup, "memory.max", text);
	snprintf(text, sizeof(text), "/proc/%d/oom_score_adj", pid);
	if (killable)
		write_file(text, "1000");
	if (write(go[1], "g", 1) != 1)
		exit(2);
	end = (struct pollfd){ .fd = ready[0], .events = POLLIN };
	if (!poll(&end, 1, PATIENCE_MS)) {
		eased = 1;
		put(cgroup, "memory.max", "max");
	}
	waitpid(pid, NULL, 0);
	if (read(ready[0], how, sizeof(how) - 1) <= 0)
		strcpy(how, "killed");
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	snprintf(line, sizeof(line), "%s%s", how, eased ? " +eased" : "");
	count(line);
}

/* Children, so that the OOM killer takes them and not the one that counts the time. */
static int hog(int seconds)
{
	time_t end = time(NULL) + seconds;
	int kills = 0, status;

	write_file("/proc/self/oom_score_adj", "1000");
	while (time(NULL) < end) {
		pid_t pid = fork();

		if (!pid) {
			size_t piece = 4 << 20;
			char *p;

			while (time(NULL) < end) {
				p = mmap(NULL, piece, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
				if (p != MAP_FAILED)
					memset(p, 1, piece);
			}
			_exit(0);
		}
		if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
			kills++;
	}
	printf("{\"kills\":%d}\n", kills);
	return 0;
}

int main(int argc, char **argv)
{
	int killable = 0, i, rounds;
	unsigned long long from, step;

	if (argc == 3 && !strcmp(argv[1], "hog"))
		return hog(atoi(argv[2]));
	if (argc > 2 && !strcmp(argv[2], "--killable")) {
		killable = 1;
		argv[2] = argv[1];
		argv++;
		argc--;
	}
	if (argc != 6) {
		fprintf(stderr, "usage: starve CGROUP [--killable] FROM STEP ROUNDS OBJECT | starve hog SECONDS\n");
		return 2;
	}
	from = strtoull(argv[2], NULL, 0);
	step = strtoull(argv[3], NULL, 0);
	rounds = atoi(argv[4]);
	for (i = 0; i < rounds; i++)
		round_of(argv[1], killable, from + i * step, argv[5]);
	for (i = 0; ways[i].count; i++)
		printf("{\"way\":\"%s\",\"count\":%d}\n", ways[i].how, ways[i].count);
	return 0;
}
