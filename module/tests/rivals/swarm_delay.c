// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Makes a function of the kernel slow, so that a race with its caller is not a
 * matter of luck:
 *
 *   insmod swarm_delay.ko function=kill_pid ms=5 [comm=NAME]
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/string.h>

static char *function = "";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "the function that is slow");

static unsigned int ms = 1;
module_param(ms, uint, 0444);
MODULE_PARM_DESC(ms, "by how many milliseconds (default 1)");

static char *comm = "";
module_param(comm, charp, 0444);
MODULE_PARM_DESC(comm, "for threads of this name only (default all)");

static unsigned int hits;
module_param(hits, uint, 0444);
MODULE_PARM_DESC(hits, "how often it was called");

/* Busy, for it may be anywhere; other CPUs go on. */
static int delay(struct kprobe *probe, struct pt_regs *regs)
{
	if (*comm && strcmp(current->comm, comm))
		return 0;
	WRITE_ONCE(hits, hits + 1);
	mdelay(ms);
	return 0;
}

static struct kprobe probe = { .pre_handler = delay };

static int __init delay_init(void)
{
	probe.symbol_name = function;
	return register_kprobe(&probe);
}

static void __exit delay_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(delay_init);
module_exit(delay_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("A slow function, for SwarmGuard's specs");
