// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * An empty ftrace hook on the functions that decide on execve and on devices: what
 * hooking them costs before anything is looked at.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/string.h>

static char *functions[] = { "security_bprm_check", "devcgroup_check_permission" };

static void notrace empty(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			  struct ftrace_regs *regs)
{
}

static struct ftrace_ops empty_ops = {
	.func = empty,
};

static int __init empty_init(void)
{
	int err = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(functions) && !err; i++)
		err = ftrace_set_filter(&empty_ops, functions[i], strlen(functions[i]), !i);
	if (!err)
		err = register_ftrace_function(&empty_ops);
	if (err)
		ftrace_free_filter(&empty_ops);
	return err;
}

static void __exit empty_exit(void)
{
	unregister_ftrace_function(&empty_ops);
	ftrace_free_filter(&empty_ops);
}

module_init(empty_init);
module_exit(empty_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("An empty ftrace hook, the floor of SwarmGuard's benchmarks");
