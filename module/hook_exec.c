// SPDX-License-Identifier: MIT OR Apache-2.0
/* security_bprm_check: execve and execveat, once per file they load; and what only asks. */
#include <linux/binfmts.h>
#include <linux/fs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "agent.h"
#include "compat/compat.h"
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

/* Does the execve that starts the program belong to the birth still? */
static bool being_born(const struct swarm_member *member)
{
	return (member->flags & (SWARM_MEMBER_SPAWNED | SWARM_MEMBER_EXECED)) ==
	       SWARM_MEMBER_SPAWNED;
}

/*
 * The rule on execve is asked once, about the first file: the others are its
 * interpreters, and the exec was decided on, and counted, with it. exec_paths are
 * asked about each file, of the very first execve too, whatever that rule says.
 */
static unsigned long decide(const struct linux_binprm *bprm, bool first)
{
	struct swarm_member *member = swarm_member_find(current->signal);
	enum swarm_listed listed = SWARM_LISTED;
	const struct swarm_policy *policy;
	const struct swarm_rules *rules;
	enum swarm_action action;
	unsigned long verdict;

	if (!member)
		return SWARM_PASS;
	policy = member->agent->policy;
	rules = swarm_policy_rules(policy);
	/* Before anything is counted: a call that starts anew comes by here again. */
	if (unlikely(policy->exec_paths)) {
		listed = find(policy->exec_paths, bprm->file);
		if (listed == SWARM_LISTED_UNKNOWN)
			return swarm_verdict_restart();
	}
	action = rules->syscalls[SWARM_SYS_EXECVE];
	if (action != SWARM_ALLOW && first && !being_born(member)) {
		verdict = enforce(member, action, bprm);
		if (verdict != SWARM_PASS)
			return verdict;
	}
	return likely(listed == SWARM_LISTED) ? SWARM_PASS :
		enforce(member, rules->unlisted, bprm);
}

/* Apart, so that the quick return saves no register. */
static noinline void answer(struct ftrace_regs *regs, const struct ftrace_ops *ops, bool check)
{
	const struct linux_binprm *bprm = (void *)ftrace_regs_get_argument(regs, 0);
	unsigned long verdict;

	swarm_hook_enter();
	verdict = decide(bprm, check || bprm->interp == bprm->filename);
	if (unlikely(verdict == swarm_verdict_restart()))
		swarm_uncount_run(ops);
	swarm_answer(regs, verdict);
	swarm_hook_leave();
}

void notrace swarm_hook_exec(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer(regs, ops, false);
}

/*
 * security_bprm_creds_for_exec: once per execve, and all that an execveat with
 * AT_EXECVE_CHECK calls. That one asks whether the file may be executed, and gets the
 * answer that execve would give; nothing is executed, so it ends no birth.
 */
void notrace swarm_hook_exec_check(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	const struct linux_binprm *bprm = (void *)ftrace_regs_get_argument(regs, 0);

	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent, and for what executes. */
	if (likely(swarm_member_none(current->signal) || !bprm->is_check))
		return;
	answer(regs, ops, true);
}

/* In the process itself, before its first user instruction. */
static void kill_unlisted(struct callback_head *work)
{
	send_sig(SIGKILL, current, 1);
}

/**
 * swarm_exec_mapped - an execve has succeeded under exec_paths
 * @member: the calling process
 *
 * Looks at what it has mapped, and kills the process before it runs any of it where
 * the policy says so: there is no way back to the caller of execve any more.
 * From sched_process_exec, under rcu_read_lock(); never sleeps.
 */
void swarm_exec_mapped(struct swarm_member *member)
{
	const struct swarm_policy *policy = member->agent->policy;
	enum swarm_action action = swarm_policy_rules(policy)->unlisted;
	enum swarm_outcome outcome = swarm_outcome(action);
	const struct file *stray = swarm_exec_paths_stray(policy->exec_paths, current->mm);

	if (likely(!stray))
		return;
	if (outcome == SWARM_DONE_DENY)
		outcome = SWARM_DONE_KILL;
	swarm_event_execve(member->agent, action, outcome,
			   (const char *)stray->f_path.dentry->d_name.name);
	if (outcome == SWARM_DONE_KILL)
		swarm_before_return(&member->work, kill_unlisted);
}
