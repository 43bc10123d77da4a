// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Makes functions of the kernel slow now and then, so that what happens between
 * them and others becomes likely to race:
 *
 *   insmod swarm_windows.ko functions=cgroup_post_fork,release_task one_in=16 us=2000
 *
 * Functions that this kernel does not have, or that cannot be probed, are left out.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/prandom.h>

#define FUNCTIONS_MAX	24

static char *functions[FUNCTIONS_MAX];
static unsigned int nr_functions;
module_param_array(functions, charp, &nr_functions, 0444);
MODULE_PARM_DESC(functions, "the functions that are slow");

static unsigned int one_in = 16;
module_param(one_in, uint, 0644);
MODULE_PARM_DESC(one_in, "one call in so many is slow (default 16); 0 for none");

static unsigned int us = 2000;
module_param(us, uint, 0644);
MODULE_PARM_DESC(us, "by at most so many microseconds (default 2000)");

static unsigned int hits;
module_param(hits, uint, 0444);
MODULE_PARM_DESC(hits, "how many calls were slow");

static unsigned int probed;
module_param(probed, uint, 0444);
MODULE_PARM_DESC(probed, "how many of the functions could be probed");

static struct kprobe probes[FUNCTIONS_MAX];

/* Busy, for it may be anywhere; other CPUs go on. */
static int delay(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned int chance = READ_ONCE(one_in), most = READ_ONCE(us);

	if (!chance || !most || get_random_u32_below(chance))
		return 0;
	WRITE_ONCE(hits, hits + 1);
	for (unsigned int left = get_random_u32_below(most); left; left -= min(left, 1000U))
		udelay(min(left, 1000U));
	return 0;
}

static int __init windows_init(void)
{
	for (unsigned int i = 0; i < nr_functions; i++) {
		probes[probed].symbol_name = functions[i];
		probes[probed].pre_handler = delay;
		if (register_kprobe(&probes[probed]))
			memset(&probes[probed], 0, sizeof(probes[probed]));
		else
			probed++;
	}
	return probed ? 0 : -ENOENT;
}

static void __exit windows_exit(void)
{
	for (unsigned int i = 0; i < probed; i++)
		unregister_kprobe(&probes[i]);
}

module_init(windows_init);
module_exit(windows_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Windows for races, for SwarmGuard's fuzzer");
