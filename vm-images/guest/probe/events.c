// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * events HOW [ARGUMENT...] — read /proc/swarm/events in the ways a program may.
 *
 *   poll MS          from the end: "ready" or "timeout", by poll()
 *   epoll MS         the same by epoll
 *   nonblock         from the end, without waiting: what read() answers
 *   signal MS        from the end; interrupted by SIGALRM after MS: what read() answers
 *   each N COUNT     N threads, each with a descriptor of its own, from the end until
 *		      each has COUNT lines: how many lines, gaps and lost ones each saw
 *   shared N COUNT   N threads on one descriptor until they have COUNT lines together
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
	int fd = open("/proc/swarm/events", O_RDONLY | O_CLOEXEC | flags);

	if (fd < 0 || lseek(fd, 0, SEEK_END)) {
		perror("/proc/swarm/events");
		exit(1);
	}
	return fd;
}

static void start(void)
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

	for (i = 0; i < nr; i++) {
		tallies[i].fd = shared ? fd : open_at_end(0);
		tallies[i].want = want;
	}
	for (i = 0; i < nr; i++)
		pthread_create(&tallies[i].thread, NULL, shared ? read_shared : read_own, &tallies[i]);
	start();
	for (i = 0; i < nr; i++)
		pthread_join(tallies[i].thread, NULL);
	for (i = 0; i < nr && !shared; i++)
		printf("%ld lines, %ld gaps, %ld lost\n", tallies[i].lines, tallies[i].gaps,
		       tallies[i].lost);
	if (shared)
		printf("%ld lines\n", (long)together);
	return 0;
}

static void nothing(int signal)
{
	(void)signal;
}

static int interrupted(int ms)
{
	struct sigaction action = { .sa_handler = nothing };
	struct itimerval timer = { .it_value = { ms / 1000, ms % 1000 * 1000 } };
	int fd = open_at_end(0);
	char text[1024];

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	start();
	puts(read(fd, text, sizeof(text)) < 0 ? strerrorname_np(errno) : "read");
	return 0;
}

static int wait_by_epoll(int ms)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = open_at_end(0), epoll = epoll_create1(0);

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	start();
	puts(epoll_wait(epoll, &event, 1, ms) > 0 ? "ready" : "timeout");
	return 0;
}

static int wait_by_poll(int ms)
{
	struct pollfd ready = { .fd = open_at_end(0), .events = POLLIN };

	start();
	puts(poll(&ready, 1, ms) > 0 ? "ready" : "timeout");
	return 0;
}

static int in_pieces(size_t size)
{
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

static int burst(long nr, int threads)
{
	pthread_t thread[THREADS_MAX];
	int i;

	for (i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, be_denied, (void *)(nr / threads));
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	long a = argc > 2 ? atol(argv[2]) : 0, b = argc > 3 ? atol(argv[3]) : 0;

	if (!strcmp(how, "poll"))
		return wait_by_poll(a);
	if (!strcmp(how, "epoll"))
		return wait_by_epoll(a);
	if (!strcmp(how, "signal"))
		return interrupted(a);
	if (!strcmp(how, "nonblock")) {
		char text[1024];

		puts(read(open_at_end(O_NONBLOCK), text, sizeof(text)) < 0 ?
		     strerrorname_np(errno) : "read");
		return 0;
	}
	if (!strcmp(how, "pieces") && a > 0)
		return in_pieces(a);
	if ((!strcmp(how, "each") || !strcmp(how, "shared")) && a > 0 && a <= THREADS_MAX)
		return run_threads(a, b, *how == 's');
	if (!strcmp(how, "burst") && b > 0 && b <= THREADS_MAX)
		return burst(a, b);
	fputs("usage: events poll|epoll|signal MS | nonblock | pieces SIZE | each|shared N COUNT | burst N THREADS\n",
	      stderr);
	return 2;
}
