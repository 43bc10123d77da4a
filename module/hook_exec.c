// SPDX-License-Identifier: MIT OR Apache-2.0
/* security_bprm_check: execve and execveat, once per file they load. */
#include <linux/binfmts.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "agent.h"
#include "exec_paths.h"
#include "hooks.h"
#include "member.h"
#include "policy_table.h"

static noinline unsigned long enforce(const struct swarm_member *member, enum swarm_action action,
				      const struct linux_binprm *bprm)
{
	enum swarm_outcome outcome;

	if (swarm_excused(member))
		return SWARM_PASS;
	outcome = swarm_outcome(action);
	swarm_event_execve(member->agent, action, outcome, bprm->interp);
	return swarm_verdict(outcome);
}

/* May take long where directories are deep, so other tasks may run meanwhile. */
static noinline enum swarm_listed find(const struct swarm_exec_paths *paths,
				       const struct file *file)
{
	enum swarm_listed listed;

	rcu_read_lock();
	swarm_hook_leave();
	listed = swarm_exec_paths_find(paths, file);
	swarm_hook_enter();
	rcu_read_unlock();
	return listed;
}

/*
 * The rule on execve is asked once, about the first file: the others are its
 * interpreters, and the exec was decided on, and counted, with it. exec_paths are
 * asked about each file, of the very first execve too.
 */
static unsigned long decide(const struct linux_binprm *bprm)
{
	struct swarm_member *member = swarm_member_find(current->signal);
	const struct swarm_policy *policy;
	enum swarm_action action;

	if (!member)
		return SWARM_PASS;
	policy = member->agent->policy;
	action = swarm_policy_rules(policy)->syscalls[SWARM_SYS_EXECVE];
	/* The execve that starts the program belongs to the birth. */
	if (action != SWARM_ALLOW &&
	    (member->flags & (SWARM_MEMBER_SPAWNED | SWARM_MEMBER_EXECED)) != SWARM_MEMBER_SPAWNED)
		return bprm->interp == bprm->filename ?
			enforce(member, action, bprm) : SWARM_PASS;

	/* Quick return for an agent that may execute any file. */
	if (likely(!policy->exec_paths))
		return SWARM_PASS;
	switch (find(policy->exec_paths, bprm->file)) {
	case SWARM_LISTED:
		return SWARM_PASS;
	case SWARM_UNLISTED:
		return enforce(member, action == SWARM_ALLOW ? SWARM_DENY : action, bprm);
	default:
		return swarm_verdict_restart();
	}
}

/* Apart, so that the quick return saves no register. */
static noinline void answer(struct ftrace_regs *regs)
{
	swarm_hook_enter();
	swarm_answer(regs, decide((void *)ftrace_regs_get_argument(regs, 0)));
	swarm_hook_leave();
}

void notrace swarm_hook_exec(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer(regs);
}
