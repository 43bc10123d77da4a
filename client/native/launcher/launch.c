// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The launcher's side: it orders, and so arms its thread, clones, and waits until the
 * child executes the program or has failed.
 *
 * An agent's first process runs in the launcher's memory until its execve (vfork), so
 * that a big launcher costs nothing. One that joins an agent must have memory of its own,
 * and so has one that gets another root: that one and its launcher work side by side.
 */
#define _GNU_SOURCE
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clone.h"
#include "root.h"

/* As Linux has it; glibc 2.36 and later do. */
#define BY_PIDFD	((idtype_t)3)

/*
 * @child is an id and no descriptor: the kernel writes it when the child is certain to
 * run, and before it does. It is cleared before the child is waited for, so until then it
 * is the child's own.
 */
struct launch_control {
	pthread_mutex_t lock;
	int cancelled;
	struct launch_report *report;	/* that the child sees; NULL before and after */
	pid_t child;			/* 0 before and after */
};

/* What a launch has open. */
struct attempt {
	const struct launch_spec *spec;
	struct launch_control *control;
	struct launch_result *result;
	struct child child;
	struct launch_report *report;
	struct launch_report own;	/* the report, if the child has this memory */
	struct root_mounts *mounts;
	int channel;			/* to the child, or -1 */
};

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int failed(struct launch_result *result, enum launch_stage stage, int error,
		  const char *what)
{
	result->stage = stage;
	result->error = error;
	result->what = what;
	return -1;
}

struct launch_control *launch_control_new(void)
{
	struct launch_control *control = calloc(1, sizeof(*control));

	if (control)
		pthread_mutex_init(&control->lock, NULL);
	return control;
}

void launch_control_free(struct launch_control *control)
{
	if (!control)
		return;
	pthread_mutex_destroy(&control->lock);
	free(control);
}

void launch_cancel(struct launch_control *control)
{
	pid_t child;

	pthread_mutex_lock(&control->lock);
	control->cancelled = 1;
	if (control->report)
		__atomic_store_n(&control->report->cancelled, 1, __ATOMIC_SEQ_CST);
	/* Either the child's id is seen here, or the child sees that it is not wanted. */
	child = __atomic_load_n(&control->child, __ATOMIC_SEQ_CST);
	if (child > 0)
		kill(child, SIGKILL);
	pthread_mutex_unlock(&control->lock);
}

/* The report from now on: shared before there is a child, NULL once it is gone. */
static void show_report(const struct attempt *attempt, struct launch_report *report)
{
	struct launch_control *control = attempt->control;

	pthread_mutex_lock(&control->lock);
	control->report = report;
	if (report)
		report->cancelled = control->cancelled;
	pthread_mutex_unlock(&control->lock);
}

/* From here on nobody kills the child by its id. Return: is it wanted no more? */
static int keep_child(const struct attempt *attempt)
{
	struct launch_control *control = attempt->control;
	int cancelled;

	pthread_mutex_lock(&control->lock);
	__atomic_store_n(&control->child, 0, __ATOMIC_SEQ_CST);
	cancelled = control->cancelled;
	pthread_mutex_unlock(&control->lock);
	return cancelled;
}

/* The namespaces of @pid that are not those of the calling thread. */
static int namespaces_of(pid_t pid)
{
	static const struct { const char *name; int flag; } kinds[] = {
		{ "user", CLONE_NEWUSER }, { "mnt", CLONE_NEWNS }, { "net", CLONE_NEWNET },
		{ "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC }, { "cgroup", CLONE_NEWCGROUP },
		{ "pid", CLONE_NEWPID }, { "time", 0x80 },
	};
	int flags = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct stat own, other;
		char path[64];

		snprintf(path, sizeof(path), "/proc/thread-self/ns/%s", kinds[i].name);
		if (stat(path, &own))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kinds[i].name);
		if (stat(path, &other))
			return -1;
		if (own.st_ino != other.st_ino || own.st_dev != other.st_dev)
			flags |= kinds[i].flag;
	}
	return flags;
}

/* The process whose agent is joined. The kernel checks at the execve where that got us. */
static int prepare_join(struct attempt *attempt)
{
	struct child *child = &attempt->child;
	pid_t pid = attempt->spec->join;
	char path[32];

	child->pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (child->pidfd < 0)
		return failed(attempt->result, LAUNCH_OPEN, errno, "the process to join");
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	child->directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (child->directory < 0)
		return failed(attempt->result, LAUNCH_OPEN, errno, "the root of the process to join");
	child->namespaces = namespaces_of(pid);
	if (child->namespaces < 0)
		return failed(attempt->result, LAUNCH_OPEN, errno,
			      "the namespaces of the process to join");
	/* It is there still, so all of this was about one process. */
	if (syscall(SYS_pidfd_send_signal, child->pidfd, 0, NULL, 0))
		return failed(attempt->result, LAUNCH_OPEN, errno, "the process to join");
	return 0;
}

static int prepare_root(struct attempt *attempt)
{
	int ends[2];

	if (root_prepare(attempt->spec->root, &attempt->mounts, attempt->result))
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return failed(attempt->result, LAUNCH_OPEN, errno, "a socket to the child");
	attempt->channel = ends[0];
	attempt->child.channel = ends[1];
	return 0;
}

static int prepare(struct attempt *attempt)
{
	const struct launch_spec *spec = attempt->spec;

	/* Only a child that shares the launcher's memory reports there by itself. */
	if (!spec->join && !spec->root && !spec->has_user)
		return 0;
	attempt->report = mmap(NULL, sizeof(*attempt->report), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (attempt->report == MAP_FAILED) {
		attempt->report = &attempt->own;
		return failed(attempt->result, LAUNCH_OPEN, errno, "memory");
	}
	attempt->child.report = attempt->report;
	show_report(attempt, attempt->report);
	if (spec->join && prepare_join(attempt))
		return -1;
	return spec->root ? prepare_root(attempt) : 0;
}

/* The answer's id; 0 if it has none. */
static uint64_t id_of(const char *answer)
{
	static const char before[] = "{\"id\":";

	return strncmp(answer, before, sizeof(before) - 1) ? 0 :
							     strtoull(answer + sizeof(before) - 1, NULL, 10);
}

static int order(struct attempt *attempt)
{
	const struct launch_spec *spec = attempt->spec;
	struct launch_result *result = attempt->result;
	int fd = open(spec->file, O_RDWR | O_CLOEXEC);
	ssize_t written, size;
	int error;

	if (fd < 0)
		return failed(result, LAUNCH_OPEN, errno, spec->file);
	written = write(fd, spec->object, spec->object_size);
	error = errno;
	size = read(fd, result->answer, sizeof(result->answer) - 1);
	close(fd);
	result->answer[size > 0 ? size : 0] = '\0';
	if (written < 0)
		return failed(result, LAUNCH_WRITE, error, spec->file);
	result->id = id_of(result->answer);
	if (!result->id)
		return failed(result, LAUNCH_WRITE, EINVAL, spec->file);
	result->answer[0] = '\0';
	return 0;
}

/* In a frame of its own: a child in this memory must not return from it. */
static __attribute__((noinline)) long make_child(struct clone_args *args, struct child *child)
{
	long pid = clone3_inline(args);

	if (!pid)
		child_run(child);
	return pid;
}

static int clone_child(struct attempt *attempt)
{
	const struct launch_spec *spec = attempt->spec;
	struct launch_result *result = attempt->result;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&result->pidfd,
		.parent_tid = (uintptr_t)&attempt->control->child,
		.exit_signal = SIGCHLD,
	};
	long pid;

	if (!spec->root)
		args.flags |= CLONE_VFORK;
	/* One that changes its ids would make this whole process undumpable: setresuid is about the memory. */
	if (!spec->root && !spec->join && !spec->has_user)
		args.flags |= CLONE_VM;
	pid = make_child(&args, &attempt->child);
	/* So that the channel ends with the child's own. */
	close_if_open(attempt->child.channel);
	attempt->child.channel = -1;
	if (pid < 0) {
		result->pidfd = -1;
		return failed(result, LAUNCH_CLONE, -pid, "the agent's process");
	}
	result->pid = pid;
	return 0;
}

/* Waits for the end of a process. Return: 0 if it has exited with 0. */
static int reap(struct launch_result *result)
{
	siginfo_t info = { 0 };
	int ret;

	do
		ret = waitid(BY_PIDFD, result->pidfd, &info, WEXITED);
	while (ret && errno == EINTR);
	close(result->pidfd);
	result->pidfd = -1;
	return ret || info.si_code != CLD_EXITED || info.si_status;
}

/* Waits for the end of the child, which is near. Return: as above. */
static int reap_child(struct attempt *attempt)
{
	keep_child(attempt);
	return reap(attempt->result);
}

/* What a child says that has failed; one that was killed before it ran says nothing. */
static int reported(struct attempt *attempt)
{
	const struct launch_report *report = attempt->report;

	if (report->error)
		return failed(attempt->result, report->stage, report->error, report->what);
	if (report->progress == CHILD_UNBORN)
		return failed(attempt->result, LAUNCH_CLONE, ECANCELED,
			      "killed at its birth; the event destroyed names the step");
	return failed(attempt->result, LAUNCH_SETUP, ECANCELED, "killed before it executed");
}

static int has_executed(const struct attempt *attempt)
{
	return !attempt->report->error && attempt->report->progress == CHILD_EXECUTING;
}

/* The process in the agent's pid namespace is the launcher's child too. */
static int take_second(struct attempt *attempt, int exited_well)
{
	struct launch_result *result = attempt->result;

	if (!attempt->report->second)
		return reported(attempt);
	result->pid = attempt->report->second;
	/* It has not been waited for, so the number is its own. */
	result->pidfd = syscall(SYS_pidfd_open, result->pid, 0);
	if (result->pidfd < 0) {
		failed(result, LAUNCH_CLONE, errno, "a descriptor of the process");
		kill(result->pid, SIGKILL);
		waitpid(result->pid, NULL, 0);
		return -1;
	}
	if (exited_well && has_executed(attempt))
		return 0;
	syscall(SYS_pidfd_send_signal, result->pidfd, SIGKILL, NULL, 0);
	reap(result);
	return reported(attempt);
}

static int wait_for_execve(struct attempt *attempt)
{
	const struct launch_spec *spec = attempt->spec;

	if (spec->root && root_serve(attempt->mounts, attempt->channel, attempt->result)) {
		syscall(SYS_pidfd_send_signal, attempt->result->pidfd, SIGKILL, NULL, 0);
		reap_child(attempt);
		return -1;
	}
	if (spec->join && attempt->child.namespaces & CLONE_NEWPID)
		return take_second(attempt, !reap_child(attempt));
	if (has_executed(attempt))
		return 0;
	reap_child(attempt);
	return reported(attempt);
}

/* An agent that this launch has made and that has no process is of no use to anybody. */
static void undo_order(const struct launch_spec *spec, const struct launch_result *result)
{
	int fd = spec->creates ? open(spec->destroy, O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	/* It may be gone already. */
	if (dprintf(fd, "%llu\n", (unsigned long long)result->id) < 0)
		errno = 0;
	close(fd);
}

void launch_abandon(const struct launch_spec *spec, struct launch_result *result)
{
	undo_order(spec, result);
	syscall(SYS_pidfd_send_signal, result->pidfd, SIGKILL, NULL, 0);
	reap(result);
}

static int fail_if_cancelled(const struct attempt *attempt)
{
	if (!keep_child(attempt))
		return 0;
	return failed(attempt->result, LAUNCH_CLONE, ECANCELED, "cancelled");
}

/* Return: 0, or -1 if there is no process. */
static int start(struct attempt *attempt)
{
	if (clone_child(attempt) || wait_for_execve(attempt)) {
		undo_order(attempt->spec, attempt->result);
		return -1;
	}
	/* It may have executed before it was killed, or even seen that it should not. */
	if (!fail_if_cancelled(attempt))
		return 0;
	launch_abandon(attempt->spec, attempt->result);
	return -1;
}

static void clean_up(struct attempt *attempt)
{
	show_report(attempt, NULL);
	root_forget(attempt->mounts);
	close_if_open(attempt->channel);
	close_if_open(attempt->child.channel);
	close_if_open(attempt->child.pidfd);
	close_if_open(attempt->child.directory);
	if (attempt->report != &attempt->own)
		munmap(attempt->report, sizeof(*attempt->report));
}

void launch(const struct launch_spec *spec, struct launch_control *control,
	    struct launch_result *result)
{
	struct attempt attempt = {
		.spec = spec,
		.control = control,
		.result = result,
		.report = &attempt.own,
		.channel = -1,
		.child = {
			.spec = spec, .report = &attempt.own,
			.pidfd = -1, .directory = -1, .channel = -1,
		},
	};

	memset(result, 0, offsetof(struct launch_result, answer) + 1);
	result->pidfd = -1;
	show_report(&attempt, &attempt.own);
	if (!fail_if_cancelled(&attempt) && !prepare(&attempt) && !order(&attempt))
		start(&attempt);
	clean_up(&attempt);
}
