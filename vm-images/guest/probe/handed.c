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
 *			  grace periods of RCU: "read MS grace MS", the longest of each
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
#include <time.h>
#include <unistd.h>

static void say_errno(void)
{
	printf("%s\n", strerrorname_np(errno));
}

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerrorname_np(errno));
	exit(1);
}

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
		say_errno();
}

static void poll_it(int fd, int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int n = poll(&ready, 1, ms);

	puts(!n ? "timeout" : ready.revents & POLLIN ? "in" : "error");
}

static void family(int nr)
{
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

static double now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static const char *path;
static off_t last;
static atomic_bool done;
static _Atomic double longest_read;

static void *read_last(void *unused)
{
	int fd = open(path, O_RDONLY);
	char byte;

	while (!done) {
		double start = now_ms(), took;

		/* From the beginning, and then a place that is reached through all of it. */
		if (pread(fd, &byte, 1, 0) != 1 || pread(fd, &byte, 1, last) != 1)
			die(path);
		took = now_ms() - start;
		if (took > longest_read)
			longest_read = took;
	}
	return unused;
}

static void grace(int seconds)
{
	double until, longest = 0;
	pthread_t thread;
	char text[65536];
	ssize_t n;
	int fd = open(path, O_RDONLY);

	while ((n = read(fd, text, sizeof(text))) > 0)
		last += n;
	last--;
	pthread_create(&thread, NULL, read_last, NULL);
	for (until = now_ms() + seconds * 1e3; now_ms() < until;) {
		double start = now_ms(), took;

		/* Waits as synchronize_rcu() does. */
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
			die("membarrier");
		took = now_ms() - start;
		if (took > longest)
			longest = took;
	}
	done = true;
	pthread_join(thread, NULL);
	printf("read %.0f grace %.0f\n", longest_read, longest);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int fd = argc > 2 ? atoi(argv[2]) : -1;

	if (!strcmp(what, "read") && argc >= 3) {
		read_all(fd, argc > 3 ? strtoul(argv[3], NULL, 0) : -1UL);
	} else if (!strcmp(what, "poll") && argc == 4) {
		poll_it(fd, atoi(argv[3]));
	} else if (!strcmp(what, "seek") && argc == 3) {
		if (lseek(fd, 0, SEEK_SET))
			say_errno();
		else
			puts("ok");
	} else if (!strcmp(what, "take") && argc == 4) {
		int pidfd = syscall(SYS_pidfd_open, fd, 0);

		fd = syscall(SYS_pidfd_getfd, pidfd, atoi(argv[3]), 0);
		if (fd < 0)
			die("pidfd_getfd");
		read_all(fd, -1UL);
	} else if (!strcmp(what, "open") && argc == 3) {
		if (open(argv[2], O_RDONLY) < 0)
			say_errno();
		else
			puts("ok");
	} else if (!strcmp(what, "family") && argc == 3) {
		family(fd);
	} else if (!strcmp(what, "grace") && argc == 4) {
		path = argv[2];
		grace(atoi(argv[3]));
	} else {
		return 2;
	}
	return 0;
}
