// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Which of the module's basic blocks have been executed, for the fuzzer that looks
 * for inputs that reach more: only in a module built with SWARM_COVER=y. Unlike
 * KCOV it works on any kernel, and it sees what happens in hooks and workers for a
 * task that knows nothing of it.
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/instruction_pointer.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include "cover.h"

/* Bytes of code: a bit for the address behind each call. */
#define SWARM_TEXT_MAX	BIT(20)

static DECLARE_BITMAP(seen, SWARM_TEXT_MAX);
static atomic_t blocks = ATOMIC_INIT(0);

notrace void __sanitizer_cov_trace_pc(void)
{
	/* Code that goes after initialization lies elsewhere. */
	unsigned long at = _RET_IP_ - (unsigned long)THIS_MODULE->mem[MOD_TEXT].base;

	if (at < SWARM_TEXT_MAX && !test_bit(at, seen) && !test_and_set_bit(at, seen))
		atomic_inc(&blocks);
}

static int show_blocks(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&blocks));
}

static const struct kernel_param_ops ops = { .get = show_blocks };
module_param_cb(blocks, &ops, NULL, 0444);
MODULE_PARM_DESC(blocks, "how many basic blocks of the module have been executed");
