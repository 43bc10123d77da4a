/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The only place that knows how kernels differ. Each question is a probe in
 * probes/, compiled against the kernel at hand; generated/have.h has the answers.
 */
#ifndef SWARM_COMPAT_H
#define SWARM_COMPAT_H

#include <linux/path.h>
#include <linux/resume_user_mode.h>
#include <linux/sched.h>
#include <linux/task_work.h>
#include <asm/syscall.h>
#include <uapi/linux/sched.h>

#include "compat/generated/have.h"

#if defined(SWARM_HAVE_TASK_WORK_ADD) && !defined(SWARM_OWN_TASK_WORK)
#define SWARM_EXPORTED_TASK_WORK
#endif

/* Names of system calls' entry points. */
#if defined(CONFIG_X86_64)
#define SWARM_SYSCALL_NATIVE	"__x64_sys_"
#ifdef CONFIG_IA32_EMULATION
#define SWARM_SYSCALL_COMPAT	"__ia32_sys_"
#endif
#elif defined(CONFIG_ARM64)
#define SWARM_SYSCALL_NATIVE	"__arm64_sys_"
#else
#error "SwarmGuard knows the system calls of x86_64 and arm64 only"
#endif

/* The function that dumps core. */
#ifdef SWARM_HAVE_VFS_COREDUMP
#define SWARM_CORE_DUMP		"vfs_coredump"
#else
#define SWARM_CORE_DUMP		"do_coredump"
#endif

/* Flags that newer kernels have. */
#ifndef CLONE_EMPTY_MNTNS
#define CLONE_EMPTY_MNTNS	0
#endif
#ifndef UNSHARE_EMPTY_MNTNS
#define UNSHARE_EMPTY_MNTNS	0
#endif

/* What makes a namespace, in clone, clone3 and unshare alike. */
#define SWARM_NEW_NAMESPACES							\
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |		\
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)

/*
 * What each of them has besides: not the same bit. unshare's is CLONE_PARENT_SETTID
 * to clone, and clone3's is beyond what unshare takes.
 */
#define SWARM_CLONE_NEW_ALL	(SWARM_NEW_NAMESPACES | CLONE_EMPTY_MNTNS)
#define SWARM_UNSHARE_NEW_ALL	(SWARM_NEW_NAMESPACES | UNSHARE_EMPTY_MNTNS)

/*
 * A task's root and working directory; of another task under task_lock(). The kernel lends
 * a task those of process 1 for a while, as when it dumps core.
 */
static inline struct fs_struct *swarm_directories(const struct task_struct *task)
{
#ifdef SWARM_HAVE_REAL_FS
	return task->real_fs;
#else
	return task->fs;
#endif
}

/* An argument of the system call whose registers these are, of either ABI. */
static inline unsigned long swarm_syscall_argument(const struct pt_regs *regs, unsigned int n)
{
	unsigned long args[6];

	syscall_get_arguments(current, (struct pt_regs *)regs, args);
	return args[n];
}

/**
 * swarm_add_task_work - have a task do something in its own context
 * @task: the calling task, which has yet to do what it does last when it exits; or one
 *	  that was never woken
 * @work: filled by init_task_work()
 * @when: TWA_RESUME: before the task returns to user space; TWA_NONE: with the next work
 *	  that it has, at the latest when it exits, once its files are closed and its
 *	  namespaces left
 *
 * Debian's kernels export task_work_add(), the kernel's own sources do not. Elsewhere this
 * does what that does. It is enough for these two tasks: the kernel closes the list, with a
 * mark that only task_work.c knows, when an exiting task has done all its work.
 *
 * Return: 0. That a task has closed its list, only the exported function notices (-ESRCH),
 * so callers must not come that late.
 */
static inline int swarm_add_task_work(struct task_struct *task, struct callback_head *work,
				      enum task_work_notify_mode when)
{
#ifdef SWARM_EXPORTED_TASK_WORK
	return task_work_add(task, work, when);
#else
	struct callback_head *first = READ_ONCE(task->task_works);

	do {
		work->next = first;
	} while (!try_cmpxchg(&task->task_works, &first, work));
	if (when == TWA_RESUME)
		set_notify_resume(task);
	return 0;
#endif
}

/* The process behind a pidfd of the calling task's, with a reference; or -EBADF. */
struct pid *swarm_pidfd_pid(int fd);

/* Has the calling task more work of that kind, beside what it is at? */
static inline bool swarm_has_task_work(const struct task_struct *task)
{
	return READ_ONCE(task->task_works);
}

/* vfs.c: directories of an internal mount, made with the caller's credentials */
int swarm_make_dir(const struct path *parent, const char *name);
int swarm_remove_dir(const struct path *parent, const char *name);

/* syscall.c: the kernel's own system calls, for a task's birth */
enum swarm_call {
#ifdef CONFIG_KEYS
	SWARM_CALL_KEYCTL,
#endif
#ifdef CONFIG_X86_IOPL_IOPERM
	SWARM_CALL_IOPERM,
	SWARM_CALL_IOPL,
#endif
	SWARM_CALL_MOUNT,
	SWARM_CALL_PRCTL,
	SWARM_CALL_SETNS,
	SWARM_CALL_SETRESGID,
	SWARM_CALL_SETRESUID,
	SWARM_CALL_SETSID,
	SWARM_CALL_UNSHARE,
	SWARM_NR_CALLS,
};

int __init swarm_calls_init(void);
long swarm_call(enum swarm_call call, unsigned long a, unsigned long b, unsigned long c);
long swarm_call_mount(unsigned long source, unsigned long target, unsigned long type,
		      unsigned long flags, unsigned long data);
int swarm_drop_ports(void);

/* entries.c: functions of the kernel, such as those at which system calls enter */

/**
 * struct swarm_entry - a function of the kernel
 * @symbol: its name
 * @ip: where ftrace patches it; 0: the kernel has no such function
 * @call: the number of the call that it is behind (names.h), if it is
 */
struct swarm_entry {
	char symbol[56];
	unsigned long ip;
	u16 call;
};

unsigned int swarm_entries_name(const char *functions, u16 call, struct swarm_entry *entries);
int swarm_entries_locate(struct swarm_entry *entries, unsigned int nr,
			 const struct swarm_entry **failed);

/* numbers.c: system calls by their numbers */
void __init swarm_numbers_init(void);
u32 swarm_call_in_progress(void);

/* dumpable.c: of the calling process; the values are the kernel's, as in prctl(2) */
#define SWARM_NOT_DUMPABLE	0
int swarm_dumpable(void);
void swarm_set_dumpable(int value);

/* namespace.c */
struct mnt_namespace;

void __init swarm_namespaces_init(void);
u32 swarm_mnt_ns_inum(const struct mnt_namespace *ns);

/* tracepoint.c: callbacks on the kernel's tracepoints, the highest priority first */
struct swarm_task_callbacks {
	int priority;
	void (*fork)(struct task_struct *parent, struct task_struct *child);
	void (*exec)(struct task_struct *task);
	void (*exit)(struct task_struct *task);
	void (*oom)(struct task_struct *task);	/* chosen by the OOM killer; or NULL */
};

int __init swarm_tracepoints_init(const struct swarm_task_callbacks *callbacks);
void swarm_tracepoints_exit(void);

#endif
