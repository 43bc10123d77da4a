// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Calling the kernel's own system calls.
 *
 * setresuid and the like are not exported, and committing credentials without
 * them miscounts the user's processes. Entry points of system calls are in a
 * table, hence address-taken, hence legal targets of an indirect call under
 * IBT and BTI; that is checked here rather than assumed. Their addresses come
 * from a kprobe that is registered, never armed, and removed at once: arming and
 * disarming one while kernel.ftrace_enabled is 0 makes ftrace warn.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/kprobes.h>
#include <linux/printk.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#ifdef CONFIG_X86_IOPL_IOPERM
#include <asm/processor.h>
#endif
#ifdef CONFIG_X86_KERNEL_IBT
#include <asm/ibt.h>
#endif
#ifdef CONFIG_ARM64_BTI_KERNEL
#include <asm/insn.h>
#endif

#include "compat/compat.h"

typedef long (*entry_t)(const struct pt_regs *regs);

static const char *const names[SWARM_NR_CALLS] = {
#ifdef CONFIG_KEYS
	[SWARM_CALL_KEYCTL] = SWARM_SYSCALL_NATIVE "keyctl",
#endif
#ifdef CONFIG_X86_IOPL_IOPERM
	[SWARM_CALL_IOPERM] = SWARM_SYSCALL_NATIVE "ioperm",
	[SWARM_CALL_IOPL] = SWARM_SYSCALL_NATIVE "iopl",
#endif
	[SWARM_CALL_MOUNT] = SWARM_SYSCALL_NATIVE "mount",
	[SWARM_CALL_PRCTL] = SWARM_SYSCALL_NATIVE "prctl",
	[SWARM_CALL_SETNS] = SWARM_SYSCALL_NATIVE "setns",
	[SWARM_CALL_SETRESGID] = SWARM_SYSCALL_NATIVE "setresgid",
	[SWARM_CALL_SETRESUID] = SWARM_SYSCALL_NATIVE "setresuid",
	[SWARM_CALL_SETSID] = SWARM_SYSCALL_NATIVE "setsid",
	[SWARM_CALL_UNSHARE] = SWARM_SYSCALL_NATIVE "unshare",
};

static entry_t entries[SWARM_NR_CALLS];

/*
 * A kprobe sits behind the ENDBR, on which an indirect call must land; on arm64 it sits
 * on what is like it.
 */
static int __init to_call_target(unsigned long *address)
{
#ifdef CONFIG_X86_KERNEL_IBT
	u32 at, before;

	if (get_kernel_nofault(at, (u32 *)*address) ||
	    get_kernel_nofault(before, (u32 *)(*address - ENDBR_INSN_SIZE)))
		return -EFAULT;
	if (at == gen_endbr())
		return 0;
	if (before != gen_endbr())
		return -ENOEXEC;
	*address -= ENDBR_INSN_SIZE;
#endif
#ifdef CONFIG_ARM64_BTI_KERNEL
	u32 at;

	if (get_kernel_nofault(at, (u32 *)*address))
		return -EFAULT;
	/* Signing the return address is a landing pad too. */
	if (at != aarch64_insn_gen_hint(AARCH64_INSN_HINT_BTIC) &&
	    at != aarch64_insn_gen_hint(AARCH64_INSN_HINT_PACIASP))
		return -ENOEXEC;
#endif
	return 0;
}

int __init swarm_calls_init(void)
{
	int i;

	for (i = 0; i < SWARM_NR_CALLS; i++) {
		struct kprobe probe = {
			.symbol_name = names[i],
			.flags = KPROBE_FLAG_DISABLED,
		};
		unsigned long address;
		int err = register_kprobe(&probe);

		if (!err) {
			address = (unsigned long)probe.addr;
			unregister_kprobe(&probe);
			err = to_call_target(&address);
		}
		if (err) {
			pr_err("%s cannot be called on this kernel (%d)\n", names[i], err);
			return err;
		}
		entries[i] = (entry_t)address;
	}
	return 0;
}

static long call_with(enum swarm_call call, const unsigned long args[5])
{
	struct pt_regs regs = {};

#ifdef CONFIG_X86_64
	regs.di = args[0];
	regs.si = args[1];
	regs.dx = args[2];
	regs.r10 = args[3];
	regs.r8 = args[4];
#else
	/* Entry points take the first argument from either, according to their version. */
	regs.orig_x0 = args[0];
	memcpy(regs.regs, args, 5 * sizeof(*args));
#endif
	return entries[call](&regs);
}

/**
 * swarm_call - run a system call in the calling task's name
 * @a: its arguments; none may be a user address
 *
 * Return: what the call returns.
 */
long swarm_call(enum swarm_call call, unsigned long a, unsigned long b, unsigned long c)
{
	const unsigned long args[5] = { a, b, c };

	return call_with(call, args);
}

/**
 * swarm_call_mount - mount(2) in the calling task's name
 * @source: these but @flags are addresses in the task's memory, or 0
 *
 * Return: 0 or a negative errno.
 */
long swarm_call_mount(unsigned long source, unsigned long target, unsigned long type,
		      unsigned long flags, unsigned long data)
{
	const unsigned long args[5] = { source, target, type, flags, data };

	return call_with(SWARM_CALL_MOUNT, args);
}

/**
 * swarm_drop_ports - give up what the calling task inherited of access to I/O ports
 *
 * Return: 0 or a negative errno.
 */
int swarm_drop_ports(void)
{
	int err = 0;

#ifdef CONFIG_X86_IOPL_IOPERM
	if (current->thread.iopl_emul)
		err = swarm_call(SWARM_CALL_IOPL, 0, 0, 0);
	if (!err && current->thread.io_bitmap)
		err = swarm_call(SWARM_CALL_IOPERM, 0, IO_BITMAP_BITS, 0);
#endif
	return err;
}
