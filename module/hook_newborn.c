// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * calculate_sigpending: what a new task does last before it returns to user
 * space for the first time. On kernels that do not export task_work_add, a birth
 * runs in its place. Built on other kernels as well with SWARM_BIRTH_BY_HOOK=y.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>

#include "compat/compat.h"
#include "hooks.h"
#include "member.h"

/* The current process's first work, or NULL. */
static struct callback_head *first_work(void)
{
	struct swarm_member *member;
	struct callback_head *work = NULL;

	rcu_read_lock();
	member = swarm_member_find(current->signal);
	/* Stays an entry until the process exits, which it has yet to begin. */
	if (member && READ_ONCE(member->work.func))
		work = &member->work;
	rcu_read_unlock();
	return work;
}

/* Runs instead of the function, in the new task's own context, and may sleep. */
static noinline void work_then_calculate(void)
{
	/* One's own, until one has exited. */
	struct sighand_struct *sighand = rcu_dereference_protected(current->sighand, true);
	struct callback_head *work = first_work();
	task_work_func_t func;

	if (work) {
		func = work->func;
		WRITE_ONCE(work->func, NULL);
		func(work);
	}
	/* What the function itself does. A signal may have come, the birth's own among them. */
	spin_lock_irq(&sighand->siglock);
	set_thread_flag(TIF_SIGPENDING);
	recalc_sigpending();
	spin_unlock_irq(&sighand->siglock);
}

void notrace swarm_hook_newborn(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	/* Quick return while no agent runs. */
	if (likely(!atomic_read(&swarm_nr_members)))
		return;
	if (first_work())
		swarm_answer(regs, (unsigned long)work_then_calculate);
}
