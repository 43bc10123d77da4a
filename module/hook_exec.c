// SPDX-License-Identifier: MIT OR Apache-2.0
/* security_bprm_check: execve and execveat, once per file they load. */
#include <linux/binfmts.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "agent.h"
#include "hooks.h"
#include "member.h"
#include "policy_table.h"

static unsigned long decide(const struct linux_binprm *bprm)
{
	struct swarm_member *member = swarm_member_find(current->signal);

	/* Quick return for a task that belongs to no agent. */
	if (likely(!member))
		return SWARM_PASS;
	/* A script's interpreter: the exec was decided on, and counted, with the script. */
	if (bprm->interp != bprm->filename)
		return SWARM_PASS;
	/* The execve that starts the program belongs to the birth. */
	if ((member->flags & (SWARM_MEMBER_SPAWNED | SWARM_MEMBER_EXECED)) == SWARM_MEMBER_SPAWNED)
		return SWARM_PASS;
	return swarm_enforce(member, SWARM_KIND_EXECVE,
			     swarm_policy_rules(member->agent->policy)->syscalls[SWARM_SYS_EXECVE],
			     &(struct swarm_subject){ .file = bprm->filename });
}

void notrace swarm_hook_exec(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	rcu_read_lock();
	swarm_answer(regs, decide((void *)ftrace_regs_get_argument(regs, 0)));
	rcu_read_unlock();
}
