// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * usage NUMBER MOST
 *
 * Uses up a number that the kernel keeps for a user, or for the whole machine, at
 * most MOST of it, and prints how much it got and which error ended it ("ok" if none
 * did), {"got":N,"end":ERRNO}. Then it keeps what it has until its standard input ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "dispatch.h"
#include "using.h"

/* Each takes one more: 0, or -1 with errno set. @nr: how many there are already. */

static int take_inotify(long nr)
{
	(void)nr;
	return inotify_init1(IN_CLOEXEC);
}

static int a_file(long nr)
{
	char name[64];

	snprintf(name, sizeof(name), "/tmp/usage-%d-%ld", getpid(), nr);
	return open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
}

static int watch(int (*add)(int group, const char *name), int group, long nr)
{
	char name[64];
	int fd = a_file(nr), ret;

	if (fd < 0)
		return -1;
	snprintf(name, sizeof(name), "/tmp/usage-%d-%ld", getpid(), nr);
	close(fd);
	ret = add(group, name);
	return ret < 0 ? -1 : 0;
}

static int inotify_add(int group, const char *name)
{
	return inotify_add_watch(group, name, IN_CREATE);
}

static int take_watch(long nr)
{
	static int group = -1;

	if (group < 0)
		group = inotify_init1(IN_CLOEXEC);
	return group < 0 ? -1 : watch(inotify_add, group, nr);
}

static int fanotify_group(void)
{
	return fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC, O_RDONLY);
}

static int take_fanotify(long nr)
{
	(void)nr;
	return fanotify_group();
}

static int fanotify_add(int group, const char *name)
{
	return fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, name);
}

static int take_mark(long nr)
{
	static int group = -1;

	if (group < 0)
		group = fanotify_group();
	return group < 0 ? -1 : watch(fanotify_add, group, nr);
}

static int take_signal(long nr)
{
	const union sigval value = { .sival_int = nr };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	return sigqueue(getpid(), SIGRTMIN, value);
}

static int take_timer(long nr)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	int timer;

	(void)nr;
	return syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer);
}

static int take_queue(long nr)
{
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = 8192 };
	char name[32];

	snprintf(name, sizeof(name), "/usage-%d-%ld", getpid(), nr);
	return mq_open(name, O_CREAT | O_RDWR, 0600, &attr);
}

static int take_key(long nr)
{
	char name[32];

	snprintf(name, sizeof(name), "usage-%ld", nr);
	/* KEY_SPEC_PROCESS_KEYRING */
	return syscall(SYS_add_key, "user", name, "x", 1L, -2) < 0 ? -1 : 0;
}

/* A pipe counts only as long as it is as large as usual. */
static int take_pipe(long nr)
{
	int fds[2];

	(void)nr;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	if (fcntl(fds[0], F_GETPIPE_SZ) >= 65536)
		return 0;
	errno = ENOBUFS;
	return -1;
}

static int take_epoll(long nr)
{
	struct epoll_event event = { .events = EPOLLIN };
	static int group = -1, target[2];

	if (group < 0 && ((group = epoll_create1(EPOLL_CLOEXEC)) < 0 || pipe(target) < 0))
		return -1;
	(void)nr;
	return epoll_ctl(group, EPOLL_CTL_ADD, dup(target[0]), &event);
}

/* A child in a namespace of its own; some kinds can be made only once by a process. */
static int take_namespace(int kind)
{
	int told[2], err = 0;
	pid_t pid;

	if (pipe2(told, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(kind) < 0)
			err = errno;
		if (write(told[1], &err, sizeof(err)) != sizeof(err) || err)
			_exit(1);
		pause();
		_exit(0);
	}
	close(told[1]);
	if (pid < 0 || read(told[0], &err, sizeof(err)) != sizeof(err))
		err = errno;
	close(told[0]);
	errno = err;
	return err ? -1 : 0;
}

#define NAMESPACE(kind, flag)			\
	static int take_##kind(long nr)		\
	{					\
		(void)nr;			\
		return take_namespace(flag);	\
	}

NAMESPACE(cgroup_ns, CLONE_NEWCGROUP)
NAMESPACE(ipc_ns, CLONE_NEWIPC)
NAMESPACE(mnt_ns, CLONE_NEWNS)
NAMESPACE(net_ns, CLONE_NEWNET)
NAMESPACE(pid_ns, CLONE_NEWPID)
NAMESPACE(time_ns, CLONE_NEWTIME)
NAMESPACE(user_ns, CLONE_NEWUSER)
NAMESPACE(uts_ns, CLONE_NEWUTS)

static int take_file(long nr)
{
	(void)nr;
	return open("/", O_PATH | O_CLOEXEC);
}

/* One on the other, to be taken off in the end. */
static long mounted;

static int take_mount(long nr)
{
	(void)nr;
	if (mount("none", "/srv", "tmpfs", 0, NULL) < 0)
		return -1;
	mounted++;
	return 0;
}

/* A page to tell of itself, and a buffer of eight: they are locked for their user. */
static int take_perf(long nr)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	(void)nr;
	if (fd < 0)
		return -1;
	return mmap(NULL, 9 * getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
	       MAP_FAILED ? -1 : 0;
}

static int take_process(long nr)
{
	pid_t pid = fork();

	(void)nr;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	return pid;
}

/* Descriptors under way in a socket that nobody reads. */
static int take_passing(long nr)
{
	static int ends[2] = { -1 };
	char control[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
	struct iovec vec = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &vec, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int pair[2];

	/* A queue holds few. */
	if (nr % 8 == 0 && (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0 ||
			    memcpy(ends, pair, sizeof(pair)) != ends))
		return -1;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &ends[0], sizeof(int));
	return sendmsg(ends[1], &message, MSG_DONTWAIT) < 0 ? -1 : 0;
}

/*
 * Connections that nobody accepts: the other end of each is in a queue, and in no
 * descriptor.
 */
static int take_unix(long nr)
{
	static struct sockaddr_un name = { .sun_family = AF_UNIX };
	static socklen_t length;
	static int listener = -1;
	int fd, ret;

	if (nr % 1000 == 0) {
		length = sizeof(sa_family_t);
		listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		/* The kernel gives it a name. */
		if (listener < 0 || bind(listener, (struct sockaddr *)&name, length) < 0 ||
		    listen(listener, 1000) < 0)
			return -1;
		length = sizeof(name);
		getsockname(listener, (struct sockaddr *)&name, &length);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	ret = connect(fd, (struct sockaddr *)&name, length);
	if (!ret)
		close(fd);
	return ret;
}

/* A TCP socket that is closed with data that its peer has no room for. */
static int take_orphan(long nr)
{
	static char data[1 << 20];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int little = 4096;

	(void)nr;
	if (listener < 0 || fd < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)) < 0 ||
	    bind(listener, (struct sockaddr *)&at, length) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &length) < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&at, length) < 0 && errno != EINPROGRESS)
		return -1;
	pause_us(10000);
	if (send(fd, data, sizeof(data), MSG_NOSIGNAL) < 0)
		return -1;
	return close(fd);
}

/* A mebibyte that is never touched. */
static int take_committed(long nr)
{
	(void)nr;
	return mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED ? -1 : 0;
}

/* SysV shared memory that is locked: counted by user, not by process. */
static int take_locked(long nr)
{
	int id = syscall(SYS_shmget, 0, 65536L, 01600);

	(void)nr;
	return id < 0 ? -1 : syscall(SYS_shmctl, id, 11 /* SHM_LOCK */, NULL);
}

static int take_terminal(long nr)
{
	(void)nr;
	return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* Queues of System V, to be removed in the end. */
static int queues[65536], nr_queues;

static int take_sysv(long nr)
{
	int id = nr < 65536 ? msgget(IPC_PRIVATE, 0600) : -1;

	if (id < 0)
		return -1;
	queues[nr_queues++] = id;
	return 0;
}

/* A port of a range of a hundred, which the kernel chooses. */
static int take_port(long nr)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };
	const unsigned int range = 40099u << 16 | 40000;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)nr;
	/* IP_LOCAL_PORT_RANGE */
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, 51, &range, sizeof(range)) < 0)
		return -1;
	return bind(fd, (const struct sockaddr *)&any, sizeof(any));
}

/* A ring with 64 KiB that it keeps in memory for its user. */
static int take_uring(long nr)
{
	struct io_uring_params params = {};
	struct iovec buffer = { .iov_len = 65536 };
	int fd = syscall(SYS_io_uring_setup, 1, &params);

	(void)nr;
	if (fd < 0)
		return -1;
	buffer.iov_base = mmap(NULL, buffer.iov_len, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &buffer, 1);
}

/* Locks of every other byte, 500 a file: the kernel goes through all of a file's. */
static int take_lock(long nr)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	static int fd;

	if (nr % 500 == 0)
		fd = a_file(nr);
	lock.l_start = 1000 - nr % 500 * 2;
	return fd < 0 ? -1 : fcntl(fd, F_SETLK, &lock);
}

/* A TCP connection with as much data under way as the kernel takes at once. */
static int take_tcp(long nr)
{
	static char data[1 << 20];
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)nr;
	if (listener < 0 || fd < 0 || bind(listener, (struct sockaddr *)&at, length) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &length) < 0 ||
	    connect(fd, (struct sockaddr *)&at, length) < 0)
		return -1;
	if (send(fd, data, sizeof(data), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
		return -1;
	return 0;
}

/* A pair of unix sockets, one of them with as much data as it takes. */
static int take_unix_data(long nr)
{
	static char data[65536];
	int pair[2];

	(void)nr;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	while (send(pair[0], data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	return errno == EAGAIN ? 0 : -1;
}

/* What would outlive its process. */
static void give_back(void)
{
	while (mounted > 0) {
		umount2("/srv", MNT_DETACH);
		mounted--;
	}
	while (nr_queues > 0)
		msgctl(queues[--nr_queues], IPC_RMID, NULL);
}

#define NUMBER(name)							\
	static int use_##name(char **arguments)				\
	{								\
		return use_up(take_##name, give_back, arguments);	\
	}

NUMBER(inotify)
NUMBER(watch)
NUMBER(fanotify)
NUMBER(mark)
NUMBER(signal)
NUMBER(timer)
NUMBER(queue)
NUMBER(key)
NUMBER(pipe)
NUMBER(epoll)
NUMBER(cgroup_ns)
NUMBER(ipc_ns)
NUMBER(mnt_ns)
NUMBER(net_ns)
NUMBER(pid_ns)
NUMBER(time_ns)
NUMBER(user_ns)
NUMBER(uts_ns)
NUMBER(file)
NUMBER(mount)
NUMBER(perf)
NUMBER(process)
NUMBER(passing)
NUMBER(locked)
NUMBER(unix)
NUMBER(orphan)
NUMBER(committed)
NUMBER(terminal)
NUMBER(sysv)
NUMBER(port)
NUMBER(uring)
NUMBER(lock)
NUMBER(tcp)
NUMBER(unix_data)

static const struct word words[] = {
	{ "inotify", 1, use_inotify, "MOST" },
	{ "watches", 1, use_watch, "MOST" },
	{ "fanotify", 1, use_fanotify, "MOST" },
	{ "marks", 1, use_mark, "MOST" },
	{ "signals", 1, use_signal, "MOST" },
	{ "timers", 1, use_timer, "MOST" },
	{ "queues", 1, use_queue, "MOST" },
	{ "keys", 1, use_key, "MOST" },
	{ "pipes", 1, use_pipe, "MOST" },
	{ "epoll", 1, use_epoll, "MOST" },
	{ "ns-cgroup", 1, use_cgroup_ns, "MOST" },
	{ "ns-ipc", 1, use_ipc_ns, "MOST" },
	{ "ns-mnt", 1, use_mnt_ns, "MOST" },
	{ "ns-net", 1, use_net_ns, "MOST" },
	{ "ns-pid", 1, use_pid_ns, "MOST" },
	{ "ns-time", 1, use_time_ns, "MOST" },
	{ "ns-user", 1, use_user_ns, "MOST" },
	{ "ns-uts", 1, use_uts_ns, "MOST" },
	{ "files", 1, use_file, "MOST" },
	{ "mounts", 1, use_mount, "MOST" },
	{ "perf", 1, use_perf, "MOST" },
	{ "processes", 1, use_process, "MOST" },
	{ "passing", 1, use_passing, "MOST" },
	{ "locked", 1, use_locked, "MOST" },
	{ "unix", 1, use_unix, "MOST" },
	{ "orphans", 1, use_orphan, "MOST" },
	{ "committed", 1, use_committed, "MOST" },
	{ "terminals", 1, use_terminal, "MOST" },
	{ "sysv", 1, use_sysv, "MOST" },
	{ "ports", 1, use_port, "MOST" },
	{ "uring", 1, use_uring, "MOST" },
	{ "locks", 1, use_lock, "MOST" },
	{ "tcp-data", 1, use_tcp, "MOST" },
	{ "unix-data", 1, use_unix_data, "MOST" },
	{}
};

int main(int argc, char **argv)
{
	(void)argc;
	return dispatch(argv, words);
}
