// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * pass HOW FILE TEXT
 *
 * Writes TEXT to FILE, or to the descriptor whose number is in its place, by HOW: write,
 * keyring (write, with a session keyring of its own), uring (io_uring), sqpoll (io_uring,
 * by a thread of the kernel's that polls), splice, vmsplice (into the pipe, from which it
 * is spliced), sendfile, copy (copy_file_range) or aio. Then it forks, and prints
 * how many bytes were written, or why none were, and whether the child is in another pid
 * namespace: {"how":HOW,"written":N,"answer":"ok"|ERRNO,"child":"inside"|"outside"}.
 * A child that cannot tell is "none", "killed" or "unknown".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"

/* Each returns what write would, with errno. */

static ssize_t by_write(int fd, const char *text, size_t length)
{
	return write(fd, text, length);
}

static ssize_t by_keyring(int fd, const char *text, size_t length)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0) < 0)
		return -1;
	return write(fd, text, length);
}

static ssize_t by_ring(int fd, const char *text, size_t length, unsigned int flags)
{
	struct io_uring_params params = { .flags = flags, .sq_thread_idle = 1000 };
	int ring = syscall(SYS_io_uring_setup, 4, &params);
	struct io_uring_cqe *answer;
	struct io_uring_sqe *order;
	char *submission, *completion;

	if (ring < 0)
		return -1;
	submission = mmap(0, params.sq_off.array + params.sq_entries * sizeof(unsigned int),
			  PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	completion = mmap(0, params.cq_off.cqes + params.cq_entries * sizeof(*answer),
			  PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
	order = mmap(0, params.sq_entries * sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED,
		     ring, IORING_OFF_SQES);
	if (submission == MAP_FAILED || completion == MAP_FAILED || order == MAP_FAILED)
		return -1;
	*order = (struct io_uring_sqe){
		.opcode = IORING_OP_WRITE,
		.fd = fd,
		.addr = (uintptr_t)text,
		.len = length,
		.off = -1,
	};
	*(unsigned int *)(submission + params.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(submission + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1,
		    IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, 0, 0) < 0)
		return -1;
	answer = (struct io_uring_cqe *)(completion + params.cq_off.cqes);
	if (answer->res >= 0)
		return answer->res;
	errno = -answer->res;
	return -1;
}

static ssize_t by_uring(int fd, const char *text, size_t length)
{
	return by_ring(fd, text, length, 0);
}

static ssize_t by_sqpoll(int fd, const char *text, size_t length)
{
	return by_ring(fd, text, length, IORING_SETUP_SQPOLL);
}

static ssize_t by_splice(int fd, const char *text, size_t length)
{
	int ends[2];

	if (pipe(ends) || write(ends[1], text, length) < 0)
		return -1;
	return splice(ends[0], 0, fd, 0, length, 0);
}

/* The pages themselves, instead of a copy. */
static ssize_t by_vmsplice(int fd, const char *text, size_t length)
{
	struct iovec piece = { (char *)text, length };
	int ends[2];

	if (pipe(ends) || vmsplice(ends[1], &piece, 1, 0) < 0)
		die("vmsplice");
	return splice(ends[0], 0, fd, 0, length, 0);
}

static ssize_t by_sendfile(int fd, const char *text, size_t length)
{
	int from = memfd_create("text", 0);

	if (from < 0 || pwrite(from, text, length, 0) < 0)
		return -1;
	return sendfile(fd, from, 0, length);
}

static ssize_t by_copy(int fd, const char *text, size_t length)
{
	int from = memfd_create("text", 0);

	if (from < 0 || pwrite(from, text, length, 0) < 0)
		return -1;
	return copy_file_range(from, NULL, fd, NULL, length, 0);
}

static ssize_t by_aio(int fd, const char *text, size_t length)
{
	struct iocb order = {
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_fildes = fd,
		.aio_buf = (uintptr_t)text,
		.aio_nbytes = length,
	};
	struct iocb *orders[] = { &order };
	struct io_event answer;
	aio_context_t context = 0;

	if (syscall(SYS_io_setup, 1, &context) || syscall(SYS_io_submit, context, 1, orders) != 1 ||
	    syscall(SYS_io_getevents, context, 1, 1, &answer, 0) != 1)
		return -1;
	if ((long)answer.res >= 0)
		return answer.res;
	errno = -answer.res;
	return -1;
}

static const struct {
	const char *name;
	ssize_t (*pass)(int fd, const char *text, size_t length);
} ways[] = {
	{ "write", by_write },
	{ "keyring", by_keyring },
	{ "uring", by_uring },
	{ "sqpoll", by_sqpoll },
	{ "splice", by_splice },
	{ "vmsplice", by_vmsplice },
	{ "sendfile", by_sendfile },
	{ "copy", by_copy },
	{ "aio", by_aio },
};

/* Where a child is, which tells it by its exit status. */
static const char *child_is(void)
{
	char before[64] = "", after[64] = "";
	pid_t child;
	int status;

	if (readlink("/proc/self/ns/pid", before, sizeof(before) - 1) < 0)
		return "unknown";
	child = fork();
	if (!child) {
		if (readlink("/proc/self/ns/pid", after, sizeof(after) - 1) < 0)
			_exit(2);
		_exit(!strcmp(before, after));
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return "none";
	if (!WIFEXITED(status))
		return "killed";
	if (WEXITSTATUS(status) == 2)
		return "unknown";
	return WEXITSTATUS(status) ? "outside" : "inside";
}

int main(int argc, char **argv)
{
	const char *answer;
	ssize_t written;
	size_t i;
	int fd;

	if (argc != 4)
		return 2;
	fd = *argv[2] == '/' ? open_or_die(argv[2], O_WRONLY) : atoi(argv[2]);
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (strcmp(argv[1], ways[i].name))
			continue;
		written = ways[i].pass(fd, argv[3], strlen(argv[3]));
		answer = outcome(written);
		printf("{\"how\":\"%s\",\"written\":%zd,\"answer\":\"%s\",\"child\":\"%s\"}\n",
		       argv[1], written < 0 ? 0 : written, answer, child_is());
		return 0;
	}
	return 2;
}
