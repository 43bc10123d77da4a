// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * security_ptrace_access_check: the last question that the kernel asks before it lets
 * one process look into another, seize it, or take its descriptors: ptrace, all of
 * /proc/PID that is not for everybody, process_vm_readv, pidfd_getfd, kcmp, setns with
 * a pidfd, perf events.
 *
 * A process that joins an agent which runs is its launcher's until its first execve is
 * over, though it enters the agent's namespaces before. What the kernel asks otherwise
 * is not enough: until 7.1 the memory of a process that executes belongs to the agent's
 * user namespace before what is close-on-exec is closed, and one that exits is not
 * asked about any more once it has no memory; and an agent without a user namespace has
 * the capabilities that it takes. Such an agent is asked no more by the kernel if it has
 * CAP_PERFMON, where it reads a process's environment and memory map (mm_access()) and
 * opens perf events.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "hooks.h"
#include "member.h"

/*
 * Is the task of a process that joins an agent? One that is still being forked may
 * become one: its launcher may have entered the agent's pid namespace, where it is seen
 * before it is a member.
 */
static bool is_joining(const struct task_struct *task)
{
	const struct swarm_member *member;

	if (READ_ONCE(task->__state) & TASK_NEW)
		return true;
	/* It was woken behind swarm_member_add_child(), so the entry is seen, if it got one. */
	smp_rmb();
	if (swarm_member_none(task->signal))
		return false;
	member = swarm_member_find(task->signal);
	/* Pairs with on_exec(): what the execve has closed is seen to be closed. */
	return member && smp_load_acquire(&member->flags) & SWARM_MEMBER_JOINING;
}

/* Apart, so that the quick return saves no register. */
static noinline void answer_ptrace(struct ftrace_regs *regs)
{
	const struct swarm_member *caller;

	swarm_hook_enter();
	caller = swarm_member_find(current->signal);
	/* One that joins itself runs its launcher's program still. */
	if (caller && !(READ_ONCE(caller->flags) & SWARM_MEMBER_JOINING) &&
	    is_joining((void *)ftrace_regs_get_argument(regs, 0)))
		swarm_answer(regs, swarm_verdict(SWARM_DONE_DENY));
	swarm_hook_leave();
}

void notrace swarm_hook_ptrace(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer_ptrace(regs);
}
