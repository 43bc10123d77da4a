// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * cgroup_attach_task: where a process is moved into a cgroup. cgroup.procs names a
 * process by a number, which may have become another's since the process was looked
 * at; here it is known which one will be moved, and a stranger is not.
 */
#include <linux/errno.h>
#include <linux/sched.h>

#include "hooks.h"

/* The adoption that goes on. Both are keys, never followed. */
static const struct task_struct *writer;
static const struct signal_struct *meant;

/**
 * swarm_hook_attach_expect - what the caller is about to move may be one process only
 * @signal: the process, which cannot be freed meanwhile; NULL when it is over
 *
 * One caller at a time.
 */
void swarm_hook_attach_expect(const struct signal_struct *signal)
{
	meant = signal;
	WRITE_ONCE(writer, signal ? current : NULL);
}

static noinline long attach_nobody(void)
{
	return -ESRCH;
}

void notrace swarm_hook_attach(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	const struct task_struct *leader;

	swarm_count_run(ops);
	/* Quick return for every move but an adoption's. */
	if (likely(READ_ONCE(writer) != current))
		return;
	/* Cgroup v2 holds a reference on it. */
	leader = (const void *)ftrace_regs_get_argument(regs, 1);
	if (leader->signal != meant)
		swarm_answer(regs, (unsigned long)attach_nobody);
}
