// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Which system call a task is in, by its number: from the tables of which the kernel's own
 * are made. No kernel exports those.
 */
#include <linux/compat.h>
#include <linux/init.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/syscall.h>

#include "compat/compat.h"
#include "names.h"
#include "syscalls.h"

#define FUNCTION_MAX	40

#define __SYSCALL(nr, function)				[nr] = #function,
#define __SYSCALL_NORETURN(nr, function)		[nr] = #function,
#define __SYSCALL_WITH_COMPAT(nr, function, compat)	[nr] = #function,
static const char native[][FUNCTION_MAX] __initconst = {
#ifdef CONFIG_X86_64
#include <asm/syscalls_64.h>
#ifdef CONFIG_X86_X32_ABI
#include <asm/syscalls_x32.h>
#endif
#else
#include <asm/syscall_table_64.h>
#endif
};

#ifdef CONFIG_COMPAT
#undef __SYSCALL_WITH_COMPAT
#define __SYSCALL_WITH_COMPAT(nr, function, compat)	[nr] = #compat,
static const char emulated[][FUNCTION_MAX] __initconst = {
#ifdef CONFIG_X86_64
#include <asm/syscalls_32.h>
#else
#include <asm/syscall_table_32.h>
#endif
};

static u16 emulated_calls[ARRAY_SIZE(emulated)] __ro_after_init;
#endif

static u16 native_calls[ARRAY_SIZE(native)] __ro_after_init;

/* Is a word among others, with one space between two? */
static bool __init among(const char *words, const char *word)
{
	size_t length = strlen(word);
	const char *at = words;

	while ((at = strstr(at, word))) {
		if ((at == words || at[-1] == ' ') && (!at[length] || at[length] == ' '))
			return true;
		at += length;
	}
	return false;
}

static u16 __init call_of(const char *function)
{
	u32 call;

	if (strstarts(function, "compat_"))
		function += strlen("compat_");
	if (!strstarts(function, "sys_"))
		return SWARM_NO_CALL;
	function += strlen("sys_");
	for (call = 0; swarm_call_name(call); call++)
		if (among(swarm_call_functions(call), function))
			return call;
	return SWARM_NO_CALL;
}

/* At loading, before any policy has a rule on a call. */
void __init swarm_numbers_init(void)
{
	size_t nr;

	for (nr = 0; nr < ARRAY_SIZE(native); nr++)
		native_calls[nr] = call_of(native[nr]);
#ifdef CONFIG_COMPAT
	for (nr = 0; nr < ARRAY_SIZE(emulated); nr++)
		emulated_calls[nr] = call_of(emulated[nr]);
#endif
}

/* Of the ABI for 32-bit programs? */
static bool entered_by_emulation(void)
{
#ifdef CONFIG_X86_64
	return in_ia32_syscall();
#else
	return in_compat_syscall();
#endif
}

/**
 * swarm_call_in_progress - the system call that the calling task is in
 *
 * Return: its number among those that a policy can name; SWARM_NO_CALL for a worker of
 * io_uring, which is in none, and for a call that has no name.
 */
u32 swarm_call_in_progress(void)
{
	unsigned int nr = syscall_get_nr(current, current_pt_regs());

	if (current->flags & (PF_KTHREAD | PF_USER_WORKER))
		return SWARM_NO_CALL;
#ifdef CONFIG_COMPAT
	if (entered_by_emulation())
		return nr < ARRAY_SIZE(emulated_calls) ? emulated_calls[nr] : SWARM_NO_CALL;
#endif
#ifdef CONFIG_X86_X32_ABI
	nr &= ~__X32_SYSCALL_BIT;
#endif
	return nr < ARRAY_SIZE(native_calls) ? native_calls[nr] : SWARM_NO_CALL;
}
