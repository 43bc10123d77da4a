// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Another user of FTRACE_OPS_FL_IPMODIFY, as a live patch is: sends calls of one
 * function of the kernel, made by tasks of one name, to a function that only
 * returns an answer. On a function that swarm_guard hooks it gets in the way of
 * loading; on one that a birth calls it makes that step fail, or wait.
 *
 *   insmod swarm_redirect.ko function=ksys_setsid comm=launch answer=-1
 */
#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/wait.h>

static char *function = "";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "the function that is redirected");

static char *comm = "";
module_param(comm, charp, 0444);
MODULE_PARM_DESC(comm, "name of the tasks whose calls are redirected (default: of none)");

static long answer;
module_param(answer, long, 0444);
MODULE_PARM_DESC(answer, "what it returns to them (default 0)");

static long first = -1;
module_param(first, long, 0444);
MODULE_PARM_DESC(first, "redirect only calls with this first argument (default: any)");

static int after;
module_param(after, int, 0444);
MODULE_PARM_DESC(after, "let so many of these calls pass first (default 0)");

static atomic_t calls;
static DECLARE_WAIT_QUEUE_HEAD(released);
static bool hold;

static int set_hold(const char *text, const struct kernel_param *param)
{
	int err = param_set_bool(text, param);

	wake_up_all(&released);
	return err;
}

static const struct kernel_param_ops hold_ops = {
	.set = set_hold,
	.get = param_get_bool,
};
module_param_cb(hold, &hold_ops, &hold, 0644);
MODULE_PARM_DESC(hold, "let redirected calls wait until this is 0 (default 0)");

static unsigned int hits;
module_param(hits, uint, 0444);
MODULE_PARM_DESC(hits, "how many calls were redirected");

/* A plain function in the caller's context, so it may sleep. */
static noinline long redirected(void)
{
	wait_event(released, !READ_ONCE(hold));
	return answer;
}

static void notrace redirect(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	if (strcmp(current->comm, comm))
		return;
	if (first != -1 && (long)ftrace_regs_get_argument(regs, 0) != first)
		return;
	if (atomic_inc_return(&calls) <= after)
		return;
	WRITE_ONCE(hits, hits + 1);
	ftrace_regs_set_instruction_pointer(regs, (unsigned long)redirected);
}

static struct ftrace_ops redirect_ops = {
	.func = redirect,
	.flags = FTRACE_OPS_FL_IPMODIFY,
};

static int __init redirect_init(void)
{
	int err = ftrace_set_filter(&redirect_ops, function, strlen(function), 1);

	if (!err)
		err = register_ftrace_function(&redirect_ops);
	if (err)
		ftrace_free_filter(&redirect_ops);
	return err;
}

static void __exit redirect_exit(void)
{
	unregister_ftrace_function(&redirect_ops);
	ftrace_free_filter(&redirect_ops);
	/* A task may be in redirected(). */
	synchronize_rcu_tasks();
}

module_init(redirect_init);
module_exit(redirect_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Redirects a function of the kernel, for SwarmGuard's specs");
