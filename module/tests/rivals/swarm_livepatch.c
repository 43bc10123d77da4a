// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A live patch of ksys_unshare, which swarm_guard hooks: unshare answers EOPNOTSUPP
 * while it is applied.
 */
#include <linux/errno.h>
#include <linux/livepatch.h>
#include <linux/module.h>

static int patched_unshare(unsigned long flags)
{
	return -EOPNOTSUPP;
}

static struct klp_func functions[] = {
	{
		.old_name = "ksys_unshare",
		.new_func = patched_unshare,
	}, { }
};

static struct klp_object objects[] = {
	{
		/* No name: the kernel itself. */
		.funcs = functions,
	}, { }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init livepatch_init(void)
{
	return klp_enable_patch(&patch);
}

/* Unloaded once the patch is disabled, which undoes everything. */
static void __exit livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("A live patch, for SwarmGuard's specs");
MODULE_INFO(livepatch, "Y");
