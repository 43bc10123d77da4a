// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * puppet serve | puppet tell | puppet as SLOT
 *
 * Processes that do what they are told, one order at a time, for tests that know
 * what must come of it. "serve" returns once its server answers; "tell" sends its
 * standard input to it and prints the answer:
 *
 *   hatch SLOT             a new puppet, child of the server
 *   order SLOT WHAT...     an order to a puppet:
 *       fork SLOT          exec | thread-exec (by a thread that is not the first)
 *       exit               unshare HEX          create OBJECT        spawn OBJECT
 *   create OBJECT          attach OBJECT        update OBJECT
 *   destroy ID             quit
 *
 * and on a second line, the slots of puppets whose end is to be waited for. The
 * answer's first line is "0", an errno's name, "dead" if the puppet died of it, or
 * what create or spawn answers; the second lists the living, SLOT=PID.
 *
 * Puppets have the descriptors of all of them, so that orders reach them in any
 * namespace and after any execve; the kernel itself tells the server their ids.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "dispatch.h"
#include "files.h"
#include "swarm.h"

#define SLOTS		64
#define REPORT_FD	99
#define FIRST_FD	100
#define TIMEOUT_MS	30000
#define SELF		"/usr/local/bin/puppet"
#define ADDRESS		"/run/puppet.sock"

/* The server's ends of each puppet's pair; -1 where no such puppet lives. */
static int ends[SLOTS], pidfds[SLOTS], report;
static pid_t pids[SLOTS];

static const char *result(long ret)
{
	return ret < 0 ? strerrorname_np(errno) : "0";
}

/* Puppets */

static void say_hello(int slot)
{
	if (send(REPORT_FD, &slot, sizeof(slot), 0) < 0)
		_exit(99);
}

static void exec_as(int slot)
{
	char number[16];
	char *argv[] = { SELF, "as", number, NULL };
	char *envp[] = { NULL };

	snprintf(number, sizeof(number), "%d", slot);
	execve(SELF, argv, envp);
}

static void *exec_thread(void *slot)
{
	exec_as(*(int *)slot);
	return (void *)strerrorname_np(errno);
}

static const char *thread_exec(int slot)
{
	pthread_t thread;
	void *answer = NULL;
	int err = pthread_create(&thread, NULL, exec_thread, &slot);

	if (err)
		return strerrorname_np(err);
	pthread_join(thread, &answer);
	return answer;
}

static const char *ordered(const char *name, const char *object)
{
	static char answer[1024];

	/* A refusal is told by what is read back. */
	if (swarm_order(name, object, answer, sizeof(answer)) && !*answer)
		return strerrorname_np(errno);
	answer[strcspn(answer, "\n")] = '\0';
	return answer;
}

static _Noreturn void puppet(int slot)
{
	static char order[4096];
	const char *answer;
	ssize_t length;
	pid_t pid;

	say_hello(slot);
	for (;;) {
		length = recv(FIRST_FD + slot, order, sizeof(order) - 1, 0);
		if (length <= 0)
			_exit(98);
		order[length] = '\0';
		if (!strncmp(order, "fork ", 5)) {
			pid = fork();
			if (!pid) {
				slot = atoi(order + 5);
				say_hello(slot);
				continue;
			}
			answer = result(pid);
		} else if (!strcmp(order, "exec")) {
			exec_as(slot);
			answer = strerrorname_np(errno);
		} else if (!strcmp(order, "thread-exec")) {
			answer = thread_exec(slot);
		} else if (!strcmp(order, "exit")) {
			_exit(0);
		} else if (!strncmp(order, "unshare ", 8)) {
			answer = result(unshare(strtoul(order + 8, NULL, 16)));
		} else if (!strncmp(order, "create ", 7)) {
			answer = ordered("create", order + 7);
		} else if (!strncmp(order, "spawn ", 6)) {
			answer = ordered("spawn", order + 6);
		} else {
			answer = "EINVAL";
		}
		send(FIRST_FD + slot, answer, strlen(answer), 0);
	}
}

/* The server */

static int readable(int fd, int timeout)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout) == 1;
}

static int alive(int slot)
{
	return slot >= 0 && slot < SLOTS && pidfds[slot] >= 0 && !readable(pidfds[slot], 0);
}

/* A puppet says that it is there; the kernel says who it is. */
static int meet(void)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	int slot = -1;
	struct iovec data = { &slot, sizeof(slot) };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct ucred who;

	if (recvmsg(report, &message, 0) != sizeof(slot) || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&who, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(who));
	if (pids[slot] != who.pid || !alive(slot)) {
		if (pidfds[slot] >= 0)
			close(pidfds[slot]);
		pidfds[slot] = syscall(SYS_pidfd_open, who.pid, 0);
		pids[slot] = who.pid;
	}
	return slot;
}

static const char *expect_report(int slot)
{
	while (readable(report, TIMEOUT_MS))
		if (meet() == slot)
			return "0";
	return "timeout";
}

/* The puppet answers, or is there anew after its execve, or dies. */
static const char *await_answer(int slot)
{
	static char answer[1024];
	struct pollfd fds[] = {
		{ .fd = ends[slot], .events = POLLIN },
		{ .fd = report, .events = POLLIN },
		{ .fd = pidfds[slot], .events = POLLIN },
	};
	ssize_t length;

	if (poll(fds, 3, TIMEOUT_MS) <= 0)
		return "timeout";
	if (fds[0].revents) {
		length = recv(ends[slot], answer, sizeof(answer) - 1, 0);
		answer[length > 0 ? length : 0] = '\0';
		return answer;
	}
	/* A child that was forked may be heard before its parent. */
	if (fds[1].revents && meet() != slot)
		return await_answer(slot);
	return fds[2].revents && !fds[1].revents ? "dead" : "0";
}

static const char *order(char *rest)
{
	int slot = strtol(rest, &rest, 10), child = -1;
	const char *answer;

	if (!alive(slot))
		return "no such puppet";
	rest += strspn(rest, " ");
	if (!strncmp(rest, "fork ", 5)) {
		child = atoi(rest + 5);
		pids[child] = 0;
	}
	send(ends[slot], rest, strlen(rest), 0);
	answer = await_answer(slot);
	if (child >= 0 && !strcmp(answer, "0") && !pids[child])
		answer = expect_report(child);
	return answer;
}

static const char *hatch(int slot)
{
	pid_t pid = fork();

	if (!pid)
		puppet(slot);
	return pid < 0 ? result(pid) : expect_report(slot);
}

static const char *give(const char *name, const char *text)
{
	char line[256];

	snprintf(line, sizeof(line), "%.250s\n", text);
	return result(swarm_order(name, line, NULL, 0));
}

static const char *obey(char *command)
{
	if (!strncmp(command, "hatch ", 6))
		return hatch(atoi(command + 6));
	if (!strncmp(command, "order ", 6))
		return order(command + 6);
	if (!strncmp(command, "create ", 7))
		return ordered("create", command + 7);
	if (!strncmp(command, "destroy ", 8))
		return give("destroy", command + 8);
	if (!strncmp(command, "attach ", 7))
		return give("attach", command + 7);
	if (!strncmp(command, "update ", 7))
		return give("update", command + 7);
	return "EINVAL";
}

static void answer_one(int connection)
{
	static char text[8192], reply[8192];
	char *waits = NULL, *word;
	ssize_t length = recv(connection, text, sizeof(text) - 1, 0);
	size_t used;
	int slot, quits;

	if (length <= 0)
		return;
	text[length] = '\0';
	waits = strchr(text, '\n');
	if (waits)
		*waits++ = '\0';
	quits = !strcmp(text, "quit");
	used = snprintf(reply, sizeof(reply), "%s\n", quits ? "0" : obey(text));
	for (word = strtok(waits, " \n"); word; word = strtok(NULL, " \n"))
		if (pidfds[atoi(word)] >= 0)
			readable(pidfds[atoi(word)], TIMEOUT_MS);
	for (slot = 0; slot < SLOTS; slot++) {
		if (!alive(slot))
			continue;
		if (quits)
			syscall(SYS_pidfd_send_signal, pidfds[slot], SIGKILL, NULL, 0);
		if (quits)
			readable(pidfds[slot], TIMEOUT_MS);
		else
			used += snprintf(reply + used, sizeof(reply) - used, "%d=%d ", slot,
					 pids[slot]);
	}
	if (quits)
		unlink(ADDRESS);
	send(connection, reply, used, 0);
	if (quits)
		_exit(0);
}

static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = ADDRESS };

static int serve(char **unused)
{
	int slot, pair[2], yes = 1, listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)unused;
	unlink(ADDRESS);
	if (bind(listener, (const void *)&address, sizeof(address)) || listen(listener, 8))
		return 1;
	if (fork())
		return 0;
	setsid();
	/* Nobody waits for a puppet: its pidfd tells when it is gone. */
	signal(SIGCHLD, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return 1;
	report = fcntl(pair[0], F_DUPFD_CLOEXEC, FIRST_FD + 2 * SLOTS);
	setsockopt(report, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes));
	dup2(pair[1], REPORT_FD);
	close(pair[0]);
	close(pair[1]);
	for (slot = 0; slot < SLOTS; slot++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
			return 1;
		ends[slot] = fcntl(pair[0], F_DUPFD_CLOEXEC, FIRST_FD + 2 * SLOTS);
		dup2(pair[1], FIRST_FD + slot);
		close(pair[0]);
		close(pair[1]);
		pidfds[slot] = -1;
	}
	for (;;) {
		int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (connection < 0)
			continue;
		answer_one(connection);
		close(connection);
	}
}

static int tell(char **unused)
{
	static char text[8192];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	size_t length = fread(text, 1, sizeof(text), stdin);
	ssize_t got;

	(void)unused;
	if (connect(fd, (const void *)&address, sizeof(address)) || send(fd, text, length, 0) < 0)
		die("connect");
	got = recv(fd, text, sizeof(text), 0);
	if (got <= 0)
		return 1;
	fwrite(text, 1, got, stdout);
	return 0;
}

static int be_puppet(char **arguments)
{
	puppet(atoi(arguments[0]));
}

static const struct word words[] = {
	{ "serve", 0, serve, NULL },
	{ "tell", 0, tell, NULL },
	{ "as", 1, be_puppet, "SLOT" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
