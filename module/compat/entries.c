// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Where functions of the kernel begin, for ftrace.
 *
 * Kernels do not export a look-up of symbols. A kprobe that is registered and never
 * armed has it done; all of a batch are removed at once, since that waits for a grace
 * period.
 */
#include <linux/errno.h>
#include <linux/kprobes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#ifdef CONFIG_ARM64
#include <asm/insn.h>
#endif

#include "compat/compat.h"

/* What stands before a function's name, for each way of calling it. */
static const char *const prefixes[] = {
	SWARM_SYSCALL_NATIVE,
#ifdef CONFIG_X86_64
#ifdef CONFIG_IA32_EMULATION
	"__ia32_sys_",
	"__ia32_compat_sys_",
#endif
#ifdef CONFIG_X86_X32_ABI
	"__x64_compat_sys_",
#endif
#elif defined(CONFIG_COMPAT)
	"__arm64_compat_sys_",
#endif
};

/**
 * swarm_entries_name - the symbols that a function may have
 * @functions: names of functions, one space between two
 * @call: the call that they belong to
 * @entries: set to one for each symbol, unless NULL
 *
 * Return: how many there are.
 */
unsigned int swarm_entries_name(const char *functions, u16 call, struct swarm_entry *entries)
{
	unsigned int nr = 0;
	size_t length;
	int i;

	while (*functions) {
		length = strcspn(functions, " ");
		for (i = 0; i < ARRAY_SIZE(prefixes); i++, nr++) {
			if (!entries)
				continue;
			entries[nr].call = call;
			entries[nr].ip = 0;
			snprintf(entries[nr].symbol, sizeof(entries[nr].symbol), "%s%.*s",
				 prefixes[i], (int)length, functions);
		}
		functions += length;
		functions += strspn(functions, " ");
	}
	return nr;
}

/* Where ftrace patches the function at @address: behind what marks it a legal target. */
static int to_ftrace_location(unsigned long *address)
{
#ifdef CONFIG_ARM64
	u32 at;

	if (get_kernel_nofault(at, (u32 *)*address))
		return -EFAULT;
	if (aarch64_insn_is_bti(le32_to_cpu((__force __le32)at)))
		*address += AARCH64_INSN_SIZE;
	*address += AARCH64_INSN_SIZE;
#endif
	/* On x86 a kprobe at a function's beginning is put there already. */
	return 0;
}

/**
 * swarm_entries_locate - find functions of the kernel
 * @entries: with their symbols; each gets its address, or 0 if the kernel has no such
 *	     function
 * @nr: how many
 * @failed: set to the one that could not be looked up, or NULL
 *
 * May sleep. Return: 0 or a negative errno.
 */
int swarm_entries_locate(struct swarm_entry *entries, unsigned int nr,
			 const struct swarm_entry **failed)
{
	struct kprobe *probes, **found;
	unsigned int i, nr_found = 0;
	int err = 0;

	*failed = NULL;
	probes = kvcalloc(nr, sizeof(*probes), GFP_KERNEL);
	found = kvcalloc(nr, sizeof(struct kprobe *), GFP_KERNEL);
	if (!probes || !found) {
		err = -ENOMEM;
		goto free;
	}
	for (i = 0; i < nr; i++) {
		probes[i].symbol_name = entries[i].symbol;
		probes[i].flags = KPROBE_FLAG_DISABLED;
		err = register_kprobe(&probes[i]);
		if (err == -ENOENT) {
			err = 0;
			continue;
		}
		if (!err) {
			found[nr_found++] = &probes[i];
			entries[i].ip = (unsigned long)probes[i].addr;
			err = to_ftrace_location(&entries[i].ip);
		}
		if (err) {
			if (err != -ENOMEM)
				*failed = &entries[i];
			break;
		}
	}
	if (nr_found)
		unregister_kprobes(found, nr_found);
free:
	kvfree(found);
	kvfree(probes);
	return err;
}
