// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * handed WHAT — descriptors of /proc/swarm in other hands, and readers beside others:
 *
 *   read FD [SIZE]	  read FD without waiting, to its end or SIZE bytes: the bytes, or
 *			  the name of the errno
 *   poll FD MS		  poll FD: "in", "error" or "timeout"
 *   seek FD		  lseek FD to 0: "ok", or the name of the errno
 *   take PID FD	  read descriptor FD of a process, as read does
 *   open FILE		  open FILE for reading: "ok", or the name of the errno
 *   family N		  fork N processes, say "born", and stay with them
 *   grace FILE SECONDS	  read the last byte of FILE over and over; meanwhile wait for
 *			  grace periods of RCU: the longest of each, {"read":MS,"grace":MS}
 *   patience FILE TEXT	  write TEXT to FILE and read the answer, if it has one; meanwhile
 *			  wait for grace periods: how long that took, and the longest of
 *			  them, {"order":MS,"grace":MS}
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "dispatch.h"
#include "files.h"

static void read_all(int fd, size_t size)
{
	static char text[65536];
	ssize_t n = 1;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	while (size && n > 0) {
		n = read(fd, text, size < sizeof(text) ? size : sizeof(text));
		if (n > 0) {
			fwrite(text, 1, n, stdout);
			size -= n;
		}
	}
	if (n < 0)
		puts(outcome(-1));
}

static int read_it(char **arguments)
{
	read_all(atoi(arguments[0]), arguments[1] ? strtoul(arguments[1], NULL, 0) : -1UL);
	return 0;
}

static int poll_it(char **arguments)
{
	struct pollfd ready = { .fd = atoi(arguments[0]), .events = POLLIN };
	int n = poll(&ready, 1, atoi(arguments[1]));

	puts(!n ? "timeout" : ready.revents & POLLIN ? "in" : "error");
	return 0;
}

static int seek_it(char **arguments)
{
	puts(outcome(lseek(atoi(arguments[0]), 0, SEEK_SET)));
	return 0;
}

static int take_it(char **arguments)
{
	int pidfd = syscall(SYS_pidfd_open, atoi(arguments[0]), 0);
	int fd = syscall(SYS_pidfd_getfd, pidfd, atoi(arguments[1]), 0);

	if (fd < 0)
		die("pidfd_getfd");
	read_all(fd, -1UL);
	return 0;
}

static int open_it(char **arguments)
{
	puts(outcome(open(arguments[0], O_RDONLY)));
	return 0;
}

static int family(char **arguments)
{
	int nr = atoi(arguments[0]);

	while (nr--) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		while (!pid)
			pause();
	}
	puts("born");
	fflush(stdout);
	for (;;)
		pause();
}

static const char *path;
static off_t last;
static atomic_bool done;
static atomic_long longest_read;

static void *read_last(void *unused)
{
	int fd = open(path, O_RDONLY);
	char byte;

	while (!done) {
		long start = now_us(), took;

		/* From the beginning, and then a place that is reached through all of it. */
		if (pread(fd, &byte, 1, 0) != 1 || pread(fd, &byte, 1, last) != 1)
			die("%s", path);
		took = now_us() - start;
		if (took > longest_read)
			longest_read = took;
	}
	return unused;
}

/* Waits as synchronize_rcu() does; returns for how long. */
static long grace_period(void)
{
	long start = now_us();

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		die("membarrier");
	return now_us() - start;
}

static int grace(char **arguments)
{
	long until, longest = 0;
	pthread_t thread;
	char text[65536];
	ssize_t n;
	int fd;

	path = arguments[0];
	fd = open_or_die(path, O_RDONLY);
	while ((n = read(fd, text, sizeof(text))) > 0)
		last += n;
	last--;
	pthread_create(&thread, NULL, read_last, NULL);
	for (until = now_us() + atol(arguments[1]) * 1000000; now_us() < until;) {
		long took = grace_period();

		if (took > longest)
			longest = took;
	}
	done = true;
	pthread_join(thread, NULL);
	printf("{\"read\":%ld,\"grace\":%ld}\n", longest_read / 1000, longest / 1000);
	return 0;
}

static atomic_long order_took;

static void *give_order(void *text)
{
	int fd = open_or_die(path, O_RDWR);
	long start = now_us();
	char answer[4096];

	if (write(fd, text, strlen(text)) < 0)
		die("%s", path);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (read(fd, answer, sizeof(answer)) > 0)
		;
	order_took = now_us() - start;
	done = true;
	return NULL;
}

static int patience(char **arguments)
{
	long longest = 0;
	pthread_t thread;

	path = arguments[0];
	pthread_create(&thread, NULL, give_order, arguments[1]);
	do {
		long took = grace_period();

		if (took > longest)
			longest = took;
	} while (!done);
	pthread_join(thread, NULL);
	printf("{\"order\":%ld,\"grace\":%ld}\n", order_took / 1000, longest / 1000);
	return 0;
}

static const struct word words[] = {
	{ "read", 1, read_it, "FD [SIZE]" },
	{ "poll", 2, poll_it, "FD MS" },
	{ "seek", 1, seek_it, "FD" },
	{ "take", 2, take_it, "PID FD" },
	{ "open", 1, open_it, "FILE" },
	{ "family", 1, family, "N" },
	{ "grace", 2, grace, "FILE SECONDS" },
	{ "patience", 2, patience, "FILE TEXT" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
