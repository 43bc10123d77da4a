// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * escape [--hold] WHAT [ARGUMENT...] — one attempt to get out of a container, or to
 * reach what is outside. Prints how each step was answered, "ok" or the name of the
 * errno, and exits 0 unless the usage was wrong: whether it got out is looked at
 * from outside, by effect.
 *
 * With --hold the processes that tried stay, with /srv/escape/gate open, until
 * somebody writes into it; /srv/escape/ready is told that they are there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/bpf.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/tiocl.h>
#include <linux/userfaultfd.h>
#include <linux/vm_sockets.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clone3.h"
#include "dispatch.h"
#include "files.h"

#ifndef OPEN_TREE_NAMESPACE
#define OPEN_TREE_NAMESPACE 2
#endif
#ifndef FSMOUNT_NAMESPACE
#define FSMOUNT_NAMESPACE 2
#endif

/* With what is mounted below: a locked mount is not copied without its like. */
#define TREE_FLAGS	(OPEN_TREE_NAMESPACE | AT_RECURSIVE)

#define GATE	"/srv/escape/gate"
#define READY	"/srv/escape/ready"

static const struct {
	const char *name;
	unsigned long flag;
} kinds[] = {
	{ "mnt", CLONE_NEWNS },	  { "cgroup", CLONE_NEWCGROUP }, { "uts", CLONE_NEWUTS },
	{ "ipc", CLONE_NEWIPC },  { "user", CLONE_NEWUSER },	 { "pid", CLONE_NEWPID },
	{ "net", CLONE_NEWNET },  { "time", CLONE_NEWTIME },
};
#define NR_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int holding;

static long say(const char *what, long ret)
{
	printf("%s %s\n", what, outcome(ret));
	fflush(stdout);
	return ret;
}

/* Stay until the gate opens. */
static void stay(void)
{
	char byte;
	int gate = open(GATE, O_RDONLY);

	if (gate >= 0 && read(gate, &byte, 1) < 0)
		die("gate");
}

static void tell_ready(void)
{
	int ready = open(READY, O_WRONLY);

	if (ready < 0 || write(ready, "held\n", 5) < 0)
		die("ready");
}

typedef long (*try_t)(const char *arg, unsigned long flag);

/* Try in a child, which stays if asked to; it has tried when this returns. */
static void in_child(const char *what, try_t try, const char *arg, unsigned long flag)
{
	int tried[2];
	char byte;
	pid_t pid;

	if (pipe2(tried, O_CLOEXEC)) {
		say("pipe", -1);
		return;
	}
	pid = fork();
	if (!pid) {
		close(tried[0]);
		say(what, try(arg, flag));
		if (!holding)
			_exit(0);
		byte = open(GATE, O_RDONLY | O_NONBLOCK) < 0;
		if (write(tried[1], &byte, 1) < 0)
			_exit(1);
		stay();
		_exit(0);
	}
	close(tried[1]);
	if (pid < 0)
		say("fork", -1);
	else if (read(tried[0], &byte, 1) < 0)
		die("pipe");
	close(tried[0]);
}

/* Files and devices */

/* A whole line: the kernel's log shows no other. */
static long write_line(int fd, const char *text)
{
	char line[512];

	return write(fd, line, snprintf(line, sizeof(line), "%.500s\n", text));
}

static long write_to(int fd, const char *text)
{
	long ret = fd < 0 ? -1 : write_line(fd, text);

	if (fd >= 0)
		close(fd);
	return ret;
}

/* The other end closes once it has done with it. */
static long send_to(int fd, const char *text)
{
	char byte;
	long ret = write_line(fd, text);

	shutdown(fd, SHUT_WR);
	if (read(fd, &byte, 1) < 0)
		return -1;
	return ret;
}

static long try_write(const char *path, const char *text)
{
	return write_to(open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC), text);
}

/* What could be read goes where it can be seen from outside. */
static long save(int fd, const char *to)
{
	static char bytes[1 << 20];
	long n;
	int out;

	if (fd < 0)
		return -1;
	n = read(fd, bytes, sizeof(bytes));
	if (n < 0)
		return -1;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (out < 0)
		return -1;
	n = write(out, bytes, n);
	close(out);
	return n;
}

static long try_opath(const char *path, const char *text)
{
	char again[64];
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (say("O_PATH", fd) < 0)
		return -1;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	return try_write(again, text);
}

static int uring_setup(struct io_uring_params *params)
{
	memset(params, 0, sizeof(*params));
	return syscall(SYS_io_uring_setup, 4, params);
}

/* Opened by a worker that the kernel makes without clone, then written by it too. */
static long uring_run(int ring, const struct io_uring_params *params, const struct io_uring_sqe *sqe)
{
	size_t length = params->sq_off.array + params->sq_entries * 4;
	size_t cq = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
	char *rings = mmap(NULL, length > cq ? length : cq, PROT_READ | PROT_WRITE, MAP_SHARED,
			   ring, IORING_OFF_SQ_RING);
	struct io_uring_sqe *sqes = mmap(NULL, params->sq_entries * sizeof(*sqes),
					 PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	unsigned int *tail, *head;
	struct io_uring_cqe *done;
	long ret;

	if (rings == MAP_FAILED || sqes == MAP_FAILED)
		return -1;
	tail = (unsigned int *)(rings + params->sq_off.tail);
	head = (unsigned int *)(rings + params->cq_off.head);
	sqes[0] = *sqe;
	((unsigned int *)(rings + params->sq_off.array))[*tail & (params->sq_entries - 1)] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	done = (struct io_uring_cqe *)(rings + params->cq_off.cqes) +
		(*head & (params->cq_entries - 1));
	ret = done->res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return ret;
}

static long try_uring_write(const char *path, const char *text)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_OPENAT, .flags = IOSQE_ASYNC,
				    .fd = AT_FDCWD, .open_flags = O_WRONLY | O_CLOEXEC };
	struct io_uring_params params;
	int ring = uring_setup(&params);

	if (say("io_uring_setup", ring) < 0)
		return -1;
	sqe.addr = (unsigned long)path;
	return write_to(uring_run(ring, &params, &sqe), text);
}

/* Made by a worker that the kernel makes without clone. */
static long try_uring_socket(int family)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_SOCKET, .flags = IOSQE_ASYNC,
				    .fd = family, .off = SOCK_STREAM };
	struct io_uring_params params;
	int ring = uring_setup(&params);

	return say("io_uring_setup", ring) < 0 ? -1 : uring_run(ring, &params, &sqe);
}

static long try_handle(const char *hex, const char *mount)
{
	static union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + 128];
	} u;
	int fd = open(mount, O_RDONLY | O_DIRECTORY);
	unsigned int type, length = 0;
	const char *at = strchr(hex, ':');

	if (fd < 0 || !at || sscanf(hex, "%u", &type) != 1)
		return -1;
	for (at++; length < 128 && sscanf(at, "%2hhx", &u.handle.f_handle[length]) == 1; at += 2)
		length++;
	u.handle.handle_type = type;
	u.handle.handle_bytes = length;
	return save(open_by_handle_at(fd, &u.handle, O_RDONLY), "/srv/escape/loot");
}

static int unix_socket(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(name);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(address.sun_path, name, sizeof(address.sun_path) - 1);
	/* "@name" is abstract. */
	if (*name == '@')
		address.sun_path[0] = 0;
	else
		length++;
	if (fd < 0 || connect(fd, (void *)&address, length)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Connect, and take the descriptor that the other end passes. */
static long receive(const char *name)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd = unix_socket(name);

	if (say("connect", fd) < 0 || say("receive", recvmsg(fd, &message, 0)) < 0)
		return -1;
	return message.msg_controllen ? *(int *)CMSG_DATA(&control.header) : -1;
}

static long try_vsock(const char *cid, const char *port, const char *text)
{
	struct sockaddr_vm address = { .svm_family = AF_VSOCK, .svm_cid = atoi(cid),
				       .svm_port = atoi(port) };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (say("socket", fd) < 0 || connect(fd, (void *)&address, sizeof(address)))
		return -1;
	return send_to(fd, text);
}

/*
 * Marks the file system or the mount that PATH is in; from then on a child is asked about
 * every open of a file there, and denies it.
 */
static long try_fanotify(const char *kind, const char *path)
{
	int group = fanotify_init(FAN_CLASS_CONTENT, O_WRONLY);
	unsigned int mark = strcmp(kind, "mount") ? FAN_MARK_FILESYSTEM : FAN_MARK_MOUNT;
	struct fanotify_event_metadata event;

	if (say("fanotify_init", group) < 0)
		return -1;
	if (fanotify_mark(group, FAN_MARK_ADD | mark, FAN_OPEN_PERM, AT_FDCWD, path))
		return -1;
	if (fork())
		return 0;
	while (read(group, &event, sizeof(event)) == sizeof(event)) {
		struct fanotify_response deny = { .fd = event.fd, .response = FAN_DENY };

		if (event.fd < 0)
			continue;
		if (write(group, &deny, sizeof(deny)) < 0)
			_exit(1);
		close(event.fd);
	}
	_exit(0);
}

/* Namespaces and cgroups */

static long try_unshare(const char *arg, unsigned long flag)
{
	(void)arg;
	return unshare(flag);
}

static long try_setns_proc(const char *pid, unsigned long flag)
{
	char path[64];
	unsigned int i;

	for (i = 0; i < NR_KINDS && kinds[i].flag != flag; i++)
		;
	snprintf(path, sizeof(path), "/proc/%s/ns/%s", pid, kinds[i].name);
	i = open(path, O_RDONLY | O_CLOEXEC);
	return (int)i < 0 ? -1 : setns(i, 0);
}

static long try_setns_pidfd(const char *pid, unsigned long flag)
{
	int fd = syscall(SYS_pidfd_open, atoi(pid), 0);

	return fd < 0 ? -1 : setns(fd, flag);
}

static long try_setns_fd(const char *fd, unsigned long flag)
{
	(void)flag;
	return setns(atoi(fd), 0);
}

/* A clone3 whose child, if there is one, stays. */
static long clone3_stays(unsigned long long flags, const char *cgroup)
{
	struct clone_args args = { .flags = flags, .exit_signal = SIGCHLD };
	long ret;

	if (cgroup) {
		int dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0)
			return -1;
		args.cgroup = dir;
	}
	ret = raw_clone3(&args);
	if (!ret) {
		if (holding)
			stay();
		_exit(0);
	}
	return ret;
}

static long try_clone3(const char *cgroup, unsigned long flag)
{
	return clone3_stays(flag, cgroup);
}

static long try_fsmount(void)
{
	int fs = syscall(SYS_fsopen, "tmpfs", 0);

	if (fs < 0 || syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0))
		return -1;
	return syscall(SYS_fsmount, fs, FSMOUNT_NAMESPACE, 0);
}

/* Processes outside */

static long try_sigio(pid_t pid)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || fcntl(ends[0], F_SETOWN, pid) ||
	    fcntl(ends[0], F_SETSIG, SIGUSR1) || fcntl(ends[0], F_SETFL, O_ASYNC))
		return -1;
	return write(ends[1], "x", 1);
}

static long try_timer_signal(pid_t pid)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	timer_t timer;

	event._sigev_un._tid = pid;
	return timer_create(CLOCK_MONOTONIC, &event, &timer);
}

static long try_ptrace(pid_t pid, void *address)
{
	if (ptrace(PTRACE_ATTACH, pid, 0, 0) || waitpid(pid, NULL, __WALL) < 0)
		return -1;
	return ptrace(PTRACE_POKEDATA, pid, address, 0x64657061637365L);
}

static long try_vm_writev(pid_t pid, void *address)
{
	char text[] = "escaped";
	struct iovec local = { text, sizeof(text) }, remote = { address, sizeof(text) };

	return process_vm_writev(pid, &local, 1, &remote, 1, 0);
}

static long try_mem(const char *pid, off_t address)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -1 : pwrite(fd, "escaped", 8, address);
}

static long try_getfd(pid_t pid, int fd, const char *text)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);

	if (say("pidfd_open", pidfd) < 0)
		return -1;
	return write_to(syscall(SYS_pidfd_getfd, pidfd, fd, 0), text);
}

/* Limits, scheduling of a process outside. */
static void try_change(pid_t pid)
{
	struct rlimit files = { 7, 7 };
	struct sched_param idle = { 0 };
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	say("prlimit", prlimit(pid, RLIMIT_NOFILE, &files, NULL));
	say("setpriority", setpriority(PRIO_PROCESS, pid, 7));
	say("sched_setscheduler", sched_setscheduler(pid, SCHED_IDLE, &idle));
	say("sched_setaffinity", sched_setaffinity(pid, sizeof(first), &first));
	say("ioprio_set", syscall(SYS_ioprio_set, 1, pid, 3 << 13));
}

/*
 * The terminal that was inherited is a virtual console: select what is in its first row,
 * and have it typed.
 */
static long try_paste(int tty)
{
	struct __attribute__((packed)) {
		char subcode;
		unsigned short from_x, from_y, to_x, to_y, mode;
	} select = { TIOCL_SETSEL, 1, 1, 20, 1, TIOCL_SELCHAR };
	char paste = TIOCL_PASTESEL;

	if (say("select", ioctl(tty, TIOCLINUX, &select)) < 0)
		return -1;
	return ioctl(tty, TIOCLINUX, &paste);
}

/* A file system whose server is this process, which never answers. */
static long try_fuse(const char *device, const char *directory)
{
	int fd = open(device, O_RDWR | O_CLOEXEC);
	char options[128];

	if (say("open", fd) < 0)
		return -1;
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40777,user_id=%d,group_id=%d,allow_other", fd, geteuid(),
		 getegid());
	return mount("none", directory, "fuse", 0, options);
}

/* Privileges and resources */

static long try_fifo(void)
{
	struct sched_param param = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &param);
}

static long try_memory(size_t mb, int flags, int advice)
{
	char *memory = mmap(NULL, mb << 20, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	size_t at;

	if (memory == MAP_FAILED)
		return -1;
	if (advice && madvise(memory, mb << 20, advice))
		return -1;
	for (at = 0; at < mb << 20; at += 4096)
		memory[at] = 1;
	return 0;
}

static long try_aio(void)
{
	aio_context_t context;
	long n = 0;

	do {
		context = 0;
	} while (!syscall(SYS_io_setup, 1024, &context) && ++n < 100000);
	return n ? n : -1;
}

static long try_timers(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	struct itimerspec each = { { 0, 100000 }, { 0, 100000 } };
	timer_t timer;
	long n = 0;

	while (n < 20000 && !timer_create(CLOCK_MONOTONIC, &event, &timer) &&
	       !timer_settime(timer, 0, &each, NULL))
		n++;
	return n ? n : -1;
}

static long try_key(int keyring, const char *name)
{
	char secret[256];
	long key = syscall(SYS_keyctl, KEYCTL_SEARCH, keyring, "user", name, 0), n;
	int out;

	if (key < 0)
		return -1;
	n = syscall(SYS_keyctl, KEYCTL_READ, key, secret, sizeof(secret));
	if (n < 0)
		return -1;
	out = open("/srv/escape/loot", O_WRONLY | O_CREAT | O_TRUNC, 0666);
	return out < 0 ? -1 : write(out, secret, n);
}

static long try_bpf(void)
{
	struct bpf_insn program[] = { { .code = 0xb7 }, { .code = 0x95 } };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_KPROBE, .insn_cnt = 2 };

	attr.insns = (unsigned long)program;
	attr.license = (unsigned long)"GPL";
	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
}

static long try_perf(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
					.config = PERF_COUNT_SW_CONTEXT_SWITCHES };

	/* Everything that happens on the first CPU. */
	return syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
}

static long try_clock(void)
{
	struct timespec time = { .tv_sec = 1 };

	return clock_settime(CLOCK_REALTIME, &time);
}

/* The terminal that was inherited: type a line into it. */
static long type(int tty, const char *text)
{
	for (; *text; text++) {
		if (ioctl(tty, TIOCSTI, text))
			return -1;
	}
	return 0;
}

/* System calls by the 32-bit entry, whose pointers must be low: static data of a static program. */

static long call32(long nr, long a, long b, long c, long d, long e)
{
#ifdef __x86_64__
	long ret;

	asm volatile("int $0x80" : "=a"(ret)
		     : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory", "r8", "r9", "r10", "r11");
	if ((int)ret < 0) {
		errno = -(int)ret;
		return -1;
	}
	return (int)ret;
#else
	/* Who asks for it is told, rather than believing that the kernel refused. */
	fprintf(stderr, "escape: no 32-bit entry on this architecture (%ld %ld %ld %ld %ld %ld)\n",
		nr, a, b, c, d, e);
	exit(3);
#endif
}

static char low_path[128], low_text[128], low_tmpfs[] = "tmpfs", low_root[] = "/";
static struct clone_args low_clone;

/* A child of a call by the 32-bit entry: it stays if asked to, or its parent waits for it. */
static long stay_or_wait(long pid)
{
	int status;

	if (!pid) {
		if (holding)
			stay();
		_exit(0);
	}
	return pid < 0 || (!holding && waitpid(pid, &status, 0) < 0) ? -1 : 0;
}

static long try_clone32(const char *arg, unsigned long flag)
{
	long ret;

	(void)arg;
	/* Bits below 256 are the signal there. */
	low_clone = (struct clone_args){ .flags = flag, .exit_signal = SIGCHLD };
	if (flag & CLONE_NEWTIME)
		ret = call32(435, (long)&low_clone, sizeof(low_clone), 0, 0, 0);
	else
		ret = call32(120, flag | SIGCHLD, 0, 0, 0, 0);
	if (!ret) {
		if (holding)
			stay();
		_exit(0);
	}
	return ret;
}

static long try_unshare32(const char *arg, unsigned long flag)
{
	(void)arg;
	return call32(310, flag, 0, 0, 0, 0);
}

static long try_setns32(const char *fd, unsigned long flag)
{
	(void)flag;
	return call32(346, atoi(fd), 0, 0, 0, 0);
}

static long try_fsmount32(void)
{
	long fs = call32(430, (long)low_tmpfs, 0, 0, 0, 0);

	if (fs < 0 || call32(431, fs, 6, 0, 0, 0) < 0)
		return -1;
	return call32(432, fs, FSMOUNT_NAMESPACE, 0, 0, 0);
}

static long try_write32(const char *path, const char *text)
{
	long fd;

	snprintf(low_path, sizeof(low_path), "%s", path);
	snprintf(low_text, sizeof(low_text), "%s\n", text);
	fd = call32(5, (long)low_path, O_WRONLY, 0, 0, 0);
	return fd < 0 ? -1 : call32(4, fd, (long)low_text, strlen(low_text), 0, 0);
}

static long try_mknod32(const char *path)
{
	snprintf(low_path, sizeof(low_path), "%s", path);
	return call32(14, (long)low_path, S_IFCHR | 0666, 1 << 8 | 11, 0, 0);
}

/* Descendants */

/* A daemon in its own session, whose parents have exited, tries in the end. */
static void try_daemon(const char *path, const char *text)
{
	int tried[2];
	char byte;

	if (pipe(tried))
		return;
	if (!fork()) {
		setsid();
		if (!fork()) {
			if (!fork()) {
				if (chdir("/"))
					_exit(1);
				/* Its parent's exit makes it an orphan. */
				while (getppid() != 1 && getppid() != 0 && !holding)
					sched_yield();
				say("daemon", try_write(path, text));
				if (write(tried[1], "", 1) < 0)
					_exit(1);
				if (holding)
					stay();
				_exit(0);
			}
			_exit(0);
		}
		_exit(0);
	}
	if (read(tried[0], &byte, 1) < 0)
		die("pipe");
}

/* A child of one's own parent. */
static void try_clone_parent(const char *path, const char *text)
{
	struct clone_args args = { .flags = CLONE_PARENT };
	int tried[2];
	char byte;
	long ret;

	if (pipe(tried))
		return;
	ret = raw_clone3(&args);
	if (!ret) {
		say("sibling", try_write(path, text));
		if (write(tried[1], "", 1) < 0)
			_exit(1);
		if (holding)
			stay();
		_exit(0);
	}
	if (say("clone3", ret) > 0 && read(tried[0], &byte, 1) < 0)
		die("pipe");
}

/* Execution */

static void exec_in_child(const char *what, int fd, const char *path, int flags, char **argv)
{
	int tried[2], err = 0;
	pid_t pid;

	if (pipe2(tried, O_CLOEXEC))
		return;
	pid = fork();
	if (!pid) {
		syscall(SYS_execveat, fd, path, argv, environ, flags);
		err = errno;
		if (write(tried[1], &err, sizeof(err)) < 0)
			_exit(1);
		_exit(1);
	}
	close(tried[1]);
	if (read(tried[0], &err, sizeof(err)) < 0)
		die("pipe");
	errno = err;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	say(what, pid < 0 || err ? -1 : 0);
}

/* A copy of a program that no path names: in memory, or unlinked. */
static void try_exec_copy(const char *program, int in_memory, char **argv)
{
	char bytes[65536], path[] = "/srv/escape/copyXXXXXX", again[64];
	int from = open(program, O_RDONLY | O_CLOEXEC);
	int to = in_memory ? memfd_create("copy", MFD_CLOEXEC | MFD_EXEC) : mkstemp(path);
	ssize_t n;

	if (from < 0 || say("copy", to) < 0)
		return;
	while ((n = read(from, bytes, sizeof(bytes))) > 0) {
		if (write(to, bytes, n) != n)
			return;
	}
	fchmod(to, 0755);
	/* A file that is open for writing is not executed. */
	snprintf(again, sizeof(again), "/proc/self/fd/%d", to);
	from = open(again, O_RDONLY | O_CLOEXEC);
	if (!in_memory)
		unlink(path);
	if (say("reopen", from) < 0)
		return;
	close(to);
	exec_in_child("execveat", from, "", AT_EMPTY_PATH, argv);
}

/* The attempts by name. Each is given its arguments, as many as it says at least. */

#define SAY(name, expression) \
	static int do_##name(char **a) { (void)a; say(#name, expression); return 0; }

SAY(open_tree, syscall(SYS_open_tree, AT_FDCWD, "/", TREE_FLAGS))
SAY(open_tree_attr, syscall(467, AT_FDCWD, "/", TREE_FLAGS, NULL, 0))
SAY(fsmount, try_fsmount())
SAY(io_uring_setup, uring_setup(&(struct io_uring_params){}))
SAY(fifo, try_fifo())
SAY(nice, setpriority(PRIO_PROCESS, 0, -20))
SAY(bpf, try_bpf())
SAY(perf, try_perf())
SAY(clock, try_clock())
#ifdef SYS_iopl
SAY(iopl, syscall(SYS_iopl, 3))
#else
SAY(iopl, (errno = ENOSYS, -1L))
#endif
SAY(crash, kill(getpid(), SIGSEGV))
SAY(userfaultfd, syscall(SYS_userfaultfd, O_CLOEXEC))
SAY(userfaultfd_user, syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY))
SAY(tiocsti, type(0, "escaped\n"))
SAY(paste, try_paste(0))
SAY(fuse, try_fuse(a[0], a[1]))
SAY(take_terminal, ioctl(0, TIOCSCTTY, 1))
SAY(socket, socket(atoi(a[0]), SOCK_STREAM, 0))
SAY(kill, kill(atoi(a[0]), SIGUSR1))
SAY(sigio, try_sigio(atoi(a[0])))
SAY(timer_signal, try_timer_signal(atoi(a[0])))
SAY(hugetlb, try_memory(atoi(a[0]), MAP_HUGETLB, 0))
SAY(thp, try_memory(atoi(a[0]), 0, MADV_HUGEPAGE))
SAY(key_session, try_key(KEY_SPEC_SESSION_KEYRING, a[0]))
SAY(request_key, syscall(SYS_request_key, "user", a[0], "callout", 0))
SAY(mknod, mknod(a[0], S_IFCHR | 0666, makedev(1, 11)))
SAY(write, try_write(a[0], a[1]))
SAY(write_fd, write_line(atoi(a[0]), a[1]))
SAY(copy, save(open(a[0], O_RDONLY | O_CLOEXEC), a[1]))
SAY(reopen, try_opath(a[0], a[1]))
SAY(uring_write, try_uring_write(a[0], a[1]))
SAY(uring_socket, try_uring_socket(atoi(a[0])))
SAY(open_by_handle_at, try_handle(a[0], a[1]))
SAY(link, link(a[0], a[1]))
SAY(fanotify_mark, try_fanotify(a[0], a[1]))
SAY(ptrace, try_ptrace(atoi(a[0]), (void *)strtoul(a[1], NULL, 16)))
SAY(process_vm_writev, try_vm_writev(atoi(a[0]), (void *)strtoul(a[1], NULL, 16)))
SAY(mem, try_mem(a[0], strtoul(a[1], NULL, 16)))
SAY(pidfd_getfd, try_getfd(atoi(a[0]), atoi(a[1]), a[2]))
SAY(vsock, try_vsock(a[0], a[1], a[2]))
SAY(fork32, stay_or_wait(call32(2, 0, 0, 0, 0, 0)))
SAY(socket32, call32(359, atoi(a[0]), SOCK_STREAM, 0, 0, 0))
SAY(write32, try_write32(a[0], a[1]))
SAY(mknod32, try_mknod32(a[0]))
SAY(open_tree_attr32, call32(467, AT_FDCWD, (long)low_root, TREE_FLAGS, 0, 0))
SAY(open_tree32, call32(428, AT_FDCWD, (long)low_root, TREE_FLAGS, 0, 0))
SAY(fsmount32, try_fsmount32())

/* UNSHARE_EMPTY_MNTNS, in a child, which keeps what it gets. */
static int do_unshare_empty(char **a)
{
	(void)a;
	in_child("unshare_empty", try_unshare, NULL, 0x00100000);
	return 0;
}

static void each_kind(try_t try, const char *arg)
{
	size_t i;

	for (i = 0; i < NR_KINDS; i++)
		in_child(kinds[i].name, try, arg, kinds[i].flag);
}

static int do_unshare(char **a)
{
	each_kind(try_unshare, a[0]);
	return 0;
}

static int do_unshare32(char **a)
{
	each_kind(try_unshare32, a[0]);
	return 0;
}

static int do_clone3(char **a)
{
	(void)a;
	each_kind(try_clone3, NULL);
	return 0;
}

static int do_clone32(char **a)
{
	each_kind(try_clone32, a[0]);
	return 0;
}

static int do_setns_proc(char **a)
{
	each_kind(try_setns_proc, a[0]);
	return 0;
}

static int do_setns_pidfd(char **a)
{
	each_kind(try_setns_pidfd, a[0]);
	return 0;
}

static int do_setns_fd(char **a)
{
	for (; *a; a++)
		in_child("setns", try_setns_fd, *a, 0);
	return 0;
}

static int do_setns_fd32(char **a)
{
	for (; *a; a++)
		in_child("setns32", try_setns32, *a, 0);
	return 0;
}

static int do_into_cgroup(char **a)
{
	in_child("clone3", try_clone3, a[0], CLONE_INTO_CGROUP);
	return 0;
}

static int do_pidfd_kill(char **a)
{
	int fd = syscall(SYS_pidfd_open, atoi(a[0]), 0);

	say("pidfd_send_signal", fd < 0 ? -1 : syscall(SYS_pidfd_send_signal, fd, SIGUSR1, NULL, 0));
	return 0;
}

static int do_change(char **a)
{
	try_change(atoi(a[0]));
	return 0;
}

static int do_aio(char **a)
{
	(void)a;
	printf("{\"contexts\":%ld}\n", try_aio());
	fflush(stdout);
	return 0;
}

static int do_timers(char **a)
{
	(void)a;
	printf("{\"timers\":%ld}\n", try_timers());
	fflush(stdout);
	return 0;
}

/*
 * One more IPv6 neighbour at the loopback device, or the same again at another address of
 * its link: then it is fresh, and no shortage makes the kernel forget it.
 */
static long put_neighbour(int fd, unsigned int nr, unsigned char link)
{
	static unsigned int own;
	struct {
		struct nlmsghdr header;
		struct ndmsg neighbour;
		struct rtattr to;
		unsigned char address[16];
		struct rtattr at;
		unsigned char link[8];
	} order = {
		.header = {
			.nlmsg_len = sizeof(order) - 2,
			.nlmsg_type = RTM_NEWNEIGH,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE |
				       NLM_F_REPLACE,
		},
		.neighbour = {
			.ndm_family = AF_INET6,
			.ndm_ifindex = 1,
			.ndm_state = NUD_REACHABLE,
		},
		.to = { RTA_LENGTH(16), NDA_DST },
		.address = { 0xfd, [8] = own >> 24, own >> 16, own >> 8, own,
			     nr >> 24, nr >> 16, nr >> 8, nr },
		.at = { RTA_LENGTH(6), NDA_LLADDR },
		.link = { 2, [5] = link },
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;

	if (!own) {
		own = getpid();
		return put_neighbour(fd, nr, link);
	}
	if (send(fd, &order, order.header.nlmsg_len, 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(int)))
		return -1;
	errno = -answer.error.error;
	return errno ? -1 : 0;
}

/* As many as there can be, at most so many; with --hold they are kept fresh. */
static int do_neighbours(char **a)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	unsigned int most = atoi(a[0]), nr = 0, i;
	unsigned char link = 0;
	long ret = fd < 0 ? -1 : 0;

	while (!ret && nr < most) {
		ret = put_neighbour(fd, nr, link);
		nr += !ret;
	}
	printf("{\"neighbours\":%u,\"end\":\"%s\"}\n", nr, outcome(ret));
	fflush(stdout);
	if (!holding || !nr || fork())
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		link++;
		for (i = 0; i < nr; i++)
			put_neighbour(fd, i, link);
	}
}

/*
 * Files until nobody gets more, by as many processes as it takes; those stay with the one
 * that began. Some are left over for what it opens itself, and for whoever looks.
 */
static int do_files(char **a)
{
	int spare[64], told[2], err = EMFILE, i;

	(void)a;
	if (pipe2(told, O_CLOEXEC))
		return 0;
	for (i = 0; i < 64; i++)
		spare[i] = open("/", O_PATH | O_CLOEXEC);
	for (i = 0; i < 60 && err == EMFILE; i++) {
		if (!fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			/* They are the other's, who is to be able to close them. */
			for (i = 0; i < 64; i++)
				close(spare[i]);
			while (open("/", O_PATH | O_CLOEXEC) >= 0)
				;
			err = errno;
			if (write(told[1], &err, sizeof(err)) == sizeof(err))
				pause();
			_exit(0);
		}
		if (read(told[0], &err, sizeof(err)) != sizeof(err))
			return 0;
	}
	for (i = 0; i < 64; i++)
		close(spare[i]);
	errno = err;
	say("files", -1);
	return 0;
}

static int do_terminals(char **a)
{
	(void)a;
	while (open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0)
		;
	say("terminals", -1);
	return 0;
}

static int do_key_user(char **a)
{
	/* To possess it. */
	say("link", syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING,
			    KEY_SPEC_SESSION_KEYRING));
	say("key_user", try_key(KEY_SPEC_USER_KEYRING, a[0]));
	return 0;
}

static int do_type_tty(char **a)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);

	(void)a;
	if (say("open", tty) >= 0)
		say("tiocsti", type(tty, "escaped\n"));
	return 0;
}

static int do_connect(char **a)
{
	int fd = unix_socket(a[0]);

	if (say("connect", fd) >= 0)
		say("send", send_to(fd, a[1]));
	return 0;
}

static int do_receive_write(char **a)
{
	int fd = receive(a[0]);

	if (fd >= 0)
		say("write", write_to(fd, a[1]));
	return 0;
}

static int do_daemon(char **a)
{
	try_daemon(a[0], a[1]);
	return 0;
}

static int do_clone_parent(char **a)
{
	try_clone_parent(a[0], a[1]);
	return 0;
}

static int do_exec(char **a)
{
	exec_in_child("execve", AT_FDCWD, a[0], 0, a);
	return 0;
}

static int do_exec_memfd(char **a)
{
	try_exec_copy(a[0], 1, a);
	return 0;
}

static int do_exec_unlinked(char **a)
{
	try_exec_copy(a[0], 0, a);
	return 0;
}

static int do_mount(char **a)
{
	say("mount", mount(a[0], a[1], a[2], a[3] ? strtoul(a[3], NULL, 16) : 0,
			   a[3] ? a[4] : NULL));
	return 0;
}

static const struct word words[] = {
	/* namespaces, cgroups, mounts */
	{ "unshare", 0, do_unshare, NULL },
	{ "clone3", 0, do_clone3, NULL },
	{ "setns-proc", 1, do_setns_proc, "PID" },
	{ "setns-pidfd", 1, do_setns_pidfd, "PID" },
	{ "setns-fd", 1, do_setns_fd, "FD..." },
	{ "into-cgroup", 1, do_into_cgroup, "DIRECTORY" },
	{ "open-tree", 0, do_open_tree, NULL },
	{ "open-tree-attr", 0, do_open_tree_attr, NULL },
	{ "unshare-empty", 0, do_unshare_empty, NULL },
	{ "fsmount", 0, do_fsmount, NULL },
	{ "fuse", 2, do_fuse, "DEVICE DIRECTORY" },
	{ "mount", 3, do_mount, "SOURCE DIRECTORY TYPE [FLAGS [DATA]]" },
	/* files and devices */
	{ "write", 2, do_write, "FILE TEXT" },
	{ "write-fd", 2, do_write_fd, "FD TEXT" },
	{ "copy", 2, do_copy, "FILE FILE" },
	{ "opath", 2, do_reopen, "FILE TEXT" },
	{ "uring-write", 2, do_uring_write, "FILE TEXT" },
	{ "handle", 2, do_open_by_handle_at, "HANDLE DIRECTORY" },
	{ "link", 2, do_link, "FILE FILE" },
	{ "fanotify", 2, do_fanotify_mark, "filesystem|mount DIRECTORY" },
	{ "mknod", 1, do_mknod, "FILE" },
	/* processes */
	{ "kill", 1, do_kill, "PID" },
	{ "pidfd-kill", 1, do_pidfd_kill, "PID" },
	{ "sigio", 1, do_sigio, "PID" },
	{ "timer-signal", 1, do_timer_signal, "PID" },
	{ "change", 1, do_change, "PID" },
	{ "ptrace", 2, do_ptrace, "PID ADDRESS" },
	{ "vm-writev", 2, do_process_vm_writev, "PID ADDRESS" },
	{ "mem", 2, do_mem, "PID ADDRESS" },
	{ "getfd", 3, do_pidfd_getfd, "PID FD TEXT" },
	{ "daemon", 2, do_daemon, "FILE TEXT" },
	{ "clone-parent", 2, do_clone_parent, "FILE TEXT" },
	{ "tiocsti", 0, do_tiocsti, NULL },
	{ "tiocsti-take", 0, do_take_terminal, NULL },
	{ "tiocsti-tty", 0, do_type_tty, NULL },
	{ "paste", 0, do_paste, NULL },
	/* privileges and resources */
	{ "fifo", 0, do_fifo, NULL },
	{ "nice", 0, do_nice, NULL },
	{ "hugetlb", 1, do_hugetlb, "MEGABYTES" },
	{ "thp", 1, do_thp, "MEGABYTES" },
	{ "aio", 0, do_aio, NULL },
	{ "timers", 0, do_timers, NULL },
	{ "files", 0, do_files, NULL },
	{ "terminals", 0, do_terminals, NULL },
	{ "neighbours", 1, do_neighbours, "MOST" },
	{ "key-session", 1, do_key_session, "NAME" },
	{ "key-user", 1, do_key_user, "NAME" },
	{ "bpf", 0, do_bpf, NULL },
	{ "perf", 0, do_perf, NULL },
	{ "clock", 0, do_clock, NULL },
	{ "iopl", 0, do_iopl, NULL },
	{ "userfaultfd", 0, do_userfaultfd, NULL },
	{ "userfaultfd-user", 0, do_userfaultfd_user, NULL },
	{ "uring", 0, do_io_uring_setup, NULL },
	/* sockets and helpers */
	{ "connect", 2, do_connect, "NAME TEXT" },
	{ "receive-write", 2, do_receive_write, "NAME TEXT" },
	{ "vsock", 3, do_vsock, "CID PORT TEXT" },
	{ "socket", 1, do_socket, "FAMILY" },
	{ "uring-socket", 1, do_uring_socket, "FAMILY" },
	{ "crash", 0, do_crash, NULL },
	{ "request-key", 1, do_request_key, "NAME" },
	/* execution */
	{ "exec", 1, do_exec, "FILE ARGUMENT..." },
	{ "exec-memfd", 1, do_exec_memfd, "FILE ARGUMENT..." },
	{ "exec-unlinked", 1, do_exec_unlinked, "FILE ARGUMENT..." },
	/* the 32-bit entry */
	{ "unshare32", 0, do_unshare32, NULL },
	{ "clone32", 0, do_clone32, NULL },
	{ "setns-fd32", 1, do_setns_fd32, "FD..." },
	{ "fork32", 0, do_fork32, NULL },
	{ "socket32", 1, do_socket32, "FAMILY" },
	{ "write32", 2, do_write32, "FILE TEXT" },
	{ "mknod32", 1, do_mknod32, "FILE" },
	{ "open-tree32", 0, do_open_tree32, NULL },
	{ "open-tree-attr32", 0, do_open_tree_attr32, NULL },
	{ "fsmount32", 0, do_fsmount32, NULL },
	{}
};

int main(int argc, char **argv)
{
	int ret, gate;

	if (argc > 1 && !strcmp(argv[1], "--hold")) {
		holding = 1;
		argv++;
	}
	ret = dispatch(argv, words);
	if (!ret && holding) {
		gate = open(GATE, O_RDONLY);
		tell_ready();
		stay();
		close(gate);
	}
	return ret;
}
