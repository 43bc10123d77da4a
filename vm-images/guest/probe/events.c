// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * events HOW [ARGUMENT...] — read /proc/swarm/events in the ways a program may.
 *
 *   poll MS          from the end: "ready" or "timeout", by poll()
 *   epoll MS         the same by epoll
 *   nonblock         from the end, without waiting: what read() answers
 *   signal MS        from the end; interrupted by SIGALRM after MS: what read() answers
 *   each N COUNT     N threads, each with a descriptor of its own, from the end until
 *		      each has COUNT lines; what each saw:
 *		      {"lines":N,"gaps":N,"lost":N}
 *   shared N COUNT   N threads on one descriptor until they have COUNT lines together: {"lines":N}
 *   pieces SIZE      all that is kept, in reads of SIZE bytes, to standard output
 *   burst N THREADS  no reader: be denied N times, from so many threads
 *
 * "start" on standard error says that whatever happens from now on is seen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "dispatch.h"
#include "files.h"

#define THREADS_MAX 64

struct tally {
	pthread_t thread;
	int fd;
	long want;
	long lines;
	long gaps;
	long lost;
};

static _Atomic long together;

static int open_at_end(int flags)
{
	int fd = open_or_die("/proc/swarm/events", O_RDONLY | flags);

	if (lseek(fd, 0, SEEK_END))
		die("/proc/swarm/events");
	return fd;
}

static void say_start(void)
{
	fputs("start\n", stderr);
	fflush(stderr);
}

static long field(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? atol(at + strlen(key)) : -1;
}

/* Counts the lines of one read, which are whole, and what is missing between them. */
static void count(struct tally *tally, char *text, long *last)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")) && *line) {
		long seq = field(line, "\"seq\":");
		long lost = field(line, "\"count\":");

		if (lost >= 0) {
			tally->lost += lost;
			*last = seq;
			continue;
		}
		tally->lines++;
		together++;
		if (*last >= 0 && seq != *last + 1)
			tally->gaps++;
		*last = seq;
	}
}

static void *read_own(void *arg)
{
	struct tally *tally = arg;
	char text[16385];
	long last = -1;

	while (tally->lines + tally->lost < tally->want) {
		ssize_t n = read(tally->fd, text, sizeof(text) - 1);

		if (n <= 0)
			break;
		text[n] = '\0';
		count(tally, text, &last);
	}
	return NULL;
}

/* Of one descriptor no thread sees every line, so none looks for gaps. */
static void *read_shared(void *arg)
{
	struct tally *tally = arg;
	char text[1025];

	while (together < tally->want) {
		struct pollfd ready = { .fd = tally->fd, .events = POLLIN };
		long none = -1;
		ssize_t n;

		if (poll(&ready, 1, 100) <= 0)
			continue;
		n = read(tally->fd, text, sizeof(text) - 1);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0)
			break;
		text[n] = '\0';
		count(tally, text, &none);
	}
	return NULL;
}

static int run_threads(int nr, long want, int shared)
{
	static struct tally tallies[THREADS_MAX];
	int fd = shared ? open_at_end(O_NONBLOCK) : -1;
	int i;

	if (nr < 1 || nr > THREADS_MAX)
		return 2;
	for (i = 0; i < nr; i++) {
		tallies[i].fd = shared ? fd : open_at_end(0);
		tallies[i].want = want;
	}
	for (i = 0; i < nr; i++)
		pthread_create(&tallies[i].thread, NULL, shared ? read_shared : read_own, &tallies[i]);
	say_start();
	for (i = 0; i < nr; i++)
		pthread_join(tallies[i].thread, NULL);
	for (i = 0; i < nr && !shared; i++)
		printf("{\"lines\":%ld,\"gaps\":%ld,\"lost\":%ld}\n", tallies[i].lines,
		       tallies[i].gaps, tallies[i].lost);
	if (shared)
		printf("{\"lines\":%ld}\n", (long)together);
	return 0;
}

static int read_each(char **arguments)
{
	return run_threads(atoi(arguments[0]), atol(arguments[1]), 0);
}

static int share_one(char **arguments)
{
	return run_threads(atoi(arguments[0]), atol(arguments[1]), 1);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* What read() answers. */
static int say_read(int fd)
{
	char text[1024];

	puts(read(fd, text, sizeof(text)) < 0 ? strerrorname_np(errno) : "read");
	return 0;
}

static int interrupted(char **arguments)
{
	struct sigaction action = { .sa_handler = on_alarm };
	int ms = atoi(arguments[0]);
	struct itimerval timer = { .it_value = { ms / 1000, ms % 1000 * 1000 } };
	int fd = open_at_end(0);

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	say_start();
	return say_read(fd);
}

static int not_waiting(char **unused)
{
	(void)unused;
	return say_read(open_at_end(O_NONBLOCK));
}

static int wait_by_epoll(char **arguments)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = open_at_end(0), epoll = epoll_create1(0);

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	say_start();
	puts(epoll_wait(epoll, &event, 1, atoi(arguments[0])) > 0 ? "ready" : "timeout");
	return 0;
}

static int wait_by_poll(char **arguments)
{
	struct pollfd ready = { .fd = open_at_end(0), .events = POLLIN };

	say_start();
	puts(poll(&ready, 1, atoi(arguments[0])) > 0 ? "ready" : "timeout");
	return 0;
}

static int in_pieces(char **arguments)
{
	size_t size = atol(arguments[0]);
	int fd = open("/proc/swarm/events", O_RDONLY | O_NONBLOCK);
	char *text = malloc(size);
	ssize_t n;

	while ((n = read(fd, text, size)) > 0)
		fwrite(text, 1, n, stdout);
	return errno != EAGAIN;
}

static void *be_denied(void *arg)
{
	long n = (long)arg;

	while (n--)
		if (open("/dev/kmsg", O_RDONLY) >= 0)
			abort();
	return NULL;
}

static int burst(char **arguments)
{
	long nr = atol(arguments[0]);
	int threads = atoi(arguments[1]);
	pthread_t thread[THREADS_MAX];
	int i;

	if (threads < 1 || threads > THREADS_MAX)
		return 2;
	for (i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, be_denied, (void *)(nr / threads));
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

static const struct word words[] = {
	{ "poll", 1, wait_by_poll, "MS" },
	{ "epoll", 1, wait_by_epoll, "MS" },
	{ "nonblock", 0, not_waiting, NULL },
	{ "signal", 1, interrupted, "MS" },
	{ "each", 2, read_each, "N COUNT" },
	{ "shared", 2, share_one, "N COUNT" },
	{ "pieces", 1, in_pieces, "SIZE" },
	{ "burst", 2, burst, "N THREADS" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
