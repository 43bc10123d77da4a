/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The kernel's own calls that make a process. glibc's fork is a clone that also runs
 * handlers and takes locks, so it neither tests SYS_fork nor may be called by a child
 * in its parent's memory or by a thread of many; and glibc has no wrapper for clone3.
 * All here is inline and only calls the kernel.
 */
#ifndef CLONE3_H
#define CLONE3_H

#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A clone of a child that its parent waits for. */
static inline pid_t raw_clone(unsigned long flags)
{
	return syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

static inline pid_t raw_fork(void)
{
#ifdef SYS_fork
	return syscall(SYS_fork);
#else
	/* Newer architectures have no call of that name. */
	return raw_clone(0);
#endif
}

static inline pid_t raw_clone3(struct clone_args *args)
{
	return syscall(SYS_clone3, args, sizeof(*args));
}

/* A clone3 of a child that its parent waits for. */
static inline pid_t clone3_child(unsigned long long flags)
{
	struct clone_args args = { .flags = flags, .exit_signal = SIGCHLD };

	return raw_clone3(&args);
}

#endif
