/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * clone3, which glibc has no wrapper for, in a form that a child in its parent's memory
 * can return from: the system call is in the caller's own frame, so that the child
 * overwrites no return address that the parent still needs.
 */
#ifndef CLONE_H
#define CLONE_H

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND	0x100000000ULL
#endif

/* Return: a process id, 0 in the child, or a negative errno. */
static inline __attribute__((always_inline)) long clone3_inline(struct clone_args *args)
{
#if defined(__x86_64__)
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"((long)SYS_clone3), "D"(args), "S"(sizeof(*args))
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof(*args);
	register long x8 __asm__("x8") = SYS_clone3;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x8) : "memory");
	return x0;
#else
#error "the launcher knows x86-64 and arm64"
#endif
}

#endif
