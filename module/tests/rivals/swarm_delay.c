// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Makes a function of the kernel slow, so that a race with its caller is not a
 * matter of luck:
 *
 *   insmod swarm_delay.ko function=kill_pid ms=5 [comm=NAME] [counted=FUNCTION]
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>

static char *function = "";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "the function that is slow");

static unsigned int ms = 1;
module_param(ms, uint, 0444);
MODULE_PARM_DESC(ms, "by how many milliseconds (default 1)");

static char *comm = "";
module_param(comm, charp, 0444);
MODULE_PARM_DESC(comm, "for threads of this name only (default all)");

static char *counted = "";
module_param(counted, charp, 0444);
MODULE_PARM_DESC(counted, "another function, which is counted and as fast as ever");

static unsigned int calls;
module_param(calls, uint, 0444);
MODULE_PARM_DESC(calls, "how often that one was called");

static unsigned int hits;
module_param(hits, uint, 0444);
MODULE_PARM_DESC(hits, "how often it was called");

/*
 * Busy, for it may be anywhere; other CPUs go on. By the clock: mdelay() counts loops, as
 * many as the kernel has measured at boot, which are too few if the host was busy then.
 */
static int delay(struct kprobe *probe, struct pt_regs *regs)
{
	u64 end;

	if (*comm && strcmp(current->comm, comm))
		return 0;
	WRITE_ONCE(hits, hits + 1);
	end = ktime_get_mono_fast_ns() + ms * (u64)NSEC_PER_MSEC;
	while (ktime_get_mono_fast_ns() < end)
		cpu_relax();
	return 0;
}

static int count(struct kprobe *probe, struct pt_regs *regs)
{
	WRITE_ONCE(calls, calls + 1);
	return 0;
}

static struct kprobe probe = { .pre_handler = delay };
static struct kprobe counter = { .pre_handler = count };

static int __init delay_init(void)
{
	int err;

	probe.symbol_name = function;
	counter.symbol_name = counted;
	err = register_kprobe(&probe);
	if (err || !*counted)
		return err;
	err = register_kprobe(&counter);
	if (err)
		unregister_kprobe(&probe);
	return err;
}

static void __exit delay_exit(void)
{
	if (*counted)
		unregister_kprobe(&counter);
	unregister_kprobe(&probe);
}

module_init(delay_init);
module_exit(delay_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("A slow function, for SwarmGuard's specs");
