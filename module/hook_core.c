// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vfs_coredump(siginfo), do_coredump() on older kernels: a process writes its core, into a
 * file, or to a helper or a socket of the host's as kernel.core_pattern says. No limit on
 * resources stops the helper.
 */
#include <linux/sched.h>

#include "agent.h"
#include "hooks.h"
#include "member.h"
#include "policy_table.h"

static noinline void dump_nothing(void)
{
}

static noinline void answer_core(struct ftrace_regs *regs)
{
	const struct swarm_member *member;

	swarm_hook_enter();
	member = swarm_member_find(current->signal);
	/*
	 * Before its first execve as well, when it has its launcher's memory. One that joins
	 * may be among the agent's files already, where its core would be the agent's, and
	 * the agent's processes may send it a signal: none of it is dumped, whatever the rule.
	 */
	if (member && swarm_enforcing && (member->flags & SWARM_MEMBER_JOINING ||
					  (!(member->flags & SWARM_MEMBER_PENDING) &&
					   !swarm_rules_of(member->agent)->core)))
		swarm_answer(regs, (unsigned long)dump_nothing);
	swarm_hook_leave();
}

void notrace swarm_hook_core(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer_core(regs);
}
