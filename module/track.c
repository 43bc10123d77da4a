// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Following processes: a child is its parent's agent's before it can run, and
 * an agent ends with its last process. The callbacks never sleep.
 */
#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/task_work.h>
#include <linux/tracepoint.h>
#include <linux/workqueue.h>

#include "agent.h"
#include "compat/compat.h"
#include "event.h"
#include "member.h"
#include "spawn.h"
#include "track.h"

/* The child exists but has not been woken yet. */
static void on_fork(struct task_struct *parent, struct task_struct *child)
{
	struct swarm_member *member;

	/* Quick return for a fork that has nothing to do with agents. */
	if (likely(!atomic_read(&swarm_nr_reserved)))
		return;
	/* A thread belongs to its process already. */
	if (child->signal == parent->signal)
		return;
	/*
	 * A parent that was adopted after its call had passed the hook on
	 * kernel_clone has reserved nothing: this child counts as older than
	 * the adoption.
	 */
	member = swarm_reserved_take(parent);
	if (member)
		swarm_spawn_child(member, child);
}

static void on_exec(struct task_struct *task)
{
	struct swarm_member *member;

	/* Quick return while no agent runs. */
	if (likely(!atomic_read(&swarm_nr_members)))
		return;
	rcu_read_lock();
	member = swarm_member_find(task->signal);
	/*
	 * An execve that had begun before the process was adopted has passed all hooks on
	 * it: neither was anything looked at or cut, nor does it count for after_exec.
	 */
	if (member && member->exec && !(member->flags & SWARM_MEMBER_ENTERING) &&
	    (member->flags & (SWARM_MEMBER_EXECED | SWARM_MEMBER_HEREDITARY)) !=
	    SWARM_MEMBER_EXECED) {
		/* What was close-on-exec is closed: see hook_ptrace.c. */
		smp_store_release(&member->flags, (member->flags & ~SWARM_MEMBER_HEREDITARY) |
						  SWARM_MEMBER_EXECED);
		if (member->flags & SWARM_MEMBER_SPAWNED)
			swarm_spawn_execed();
	}
	rcu_read_unlock();
}

/*
 * The end of a membership
 *
 * When the last thread of a process calls sched_process_exit, no rule concerns it any
 * more: it runs no user instruction and forks nothing. But it has its memory, files
 * and namespaces still, and its other threads may be anywhere between that call and
 * the end of do_exit(). Its agent has ended only when all of them have let go: each
 * has, once its exit_state is set (exit_notify(), which follows the last task work).
 *
 * So the last thread leaves the agent in task work of its own, behind what closing
 * its files adds there; and where another thread is slower, a worker waits for that.
 */

/*
 * How long the worker waits before it looks again, in jiffies: a thread that closes
 * files has to write them. Ever longer, where one hangs in that.
 */
#define LEAVING_DELAY	1
#define LEAVING_DELAY_MAX	(HZ / 10 + 1)

static LLIST_HEAD(leaving);
static void leave_when_let_go(struct work_struct *work);
static DECLARE_DELAYED_WORK(leaving_work, leave_when_let_go);

/* Have all threads of a process let go, but for @but? @task: any of them, held. */
static bool let_go(const struct task_struct *task, const struct task_struct *but)
{
	const struct task_struct *thread;
	bool all = true;

	rcu_read_lock();
	for_each_thread(task, thread)
		if (thread != but && !READ_ONCE(thread->exit_state))
			all = false;
	rcu_read_unlock();
	return all;
}

static void leave_later(struct swarm_member *member, unsigned long delay)
{
	if (llist_add(&member->leaving, &leaving))
		queue_delayed_work(swarm_workqueue, &leaving_work, delay);
}

static void leave_when_let_go(struct work_struct *work)
{
	static unsigned long delay = LEAVING_DELAY;
	struct llist_node *list = llist_del_all(&leaving);
	struct swarm_member *member, *next;
	bool any = false;

	delay = min(2 * delay, LEAVING_DELAY_MAX);

	llist_for_each_entry_safe(member, next, list, leaving) {
		struct task_struct *task = member->task;

		if (!let_go(task, NULL)) {
			leave_later(member, delay);
			continue;
		}
		swarm_member_leave(member, task);
		put_task_struct(task);
		any = true;
	}
	if (any || !list)
		delay = LEAVING_DELAY;
}

/* In the last thread, which has closed its files and left its namespaces. */
static void leave(struct callback_head *work)
{
	struct swarm_member *member = container_of(work, struct swarm_member, work);

	/*
	 * Closing a file may add more work, which is taken newest first, all that there
	 * is at a time: this one goes on until it is the only one.
	 */
	if ((work->next || swarm_has_task_work(current)) &&
	    !swarm_add_task_work(current, work, TWA_NONE))
		return;
	if (let_go(current, current)) {
		swarm_member_leave(member, current);
		return;
	}
	member->task = get_task_struct(current);
	leave_later(member, LEAVING_DELAY);
}

/*
 * How a process ends whose last thread exits, as its parent will learn: what that thread,
 * exit_group(2) or a fatal signal has left for all of them, with the bit that says whether
 * there is a core; nobody changes it any more. Only process 1 of a pid namespace that has
 * called reboot(2) ends in another way, which the kernel sees to later.
 */
static int status_of(struct task_struct *task)
{
	const struct pid_namespace *ns = task_active_pid_ns(task);
	int reboot = ns ? READ_ONCE(ns->reboot) : 0;

	if (unlikely(reboot) && ns->child_reaper->signal == task->signal)
		return reboot;
	return READ_ONCE(task->signal->group_exit_code);
}

static void on_exit(struct task_struct *task)
{
	struct swarm_member *member;

	if (unlikely(atomic_read(&swarm_nr_reserved)))
		swarm_reserved_cancel(task);
	/* Quick return while no agent runs, and for all but a process's last thread. */
	if (likely(!atomic_read(&swarm_nr_members)) || atomic_read(&task->signal->live))
		return;
	member = swarm_member_remove(task->signal);
	if (!member)
		return;
	member->status = status_of(task);
	init_task_work(&member->work, leave);
	if (!swarm_add_task_work(task, &member->work, TWA_NONE))
		return;
	member->task = get_task_struct(task);
	leave_later(member, LEAVING_DELAY);
}

/*
 * The OOM killer has chosen a process. Each of its threads may come by here, and so may
 * a process that is dying for another reason and needs memory for that. What the killer
 * kills has been sent SIGKILL just before, which has become how it ends: one that ends in
 * another way was not killed by it, nor were those of an agent that is being destroyed.
 *
 * The process has its memory while this runs, so it has not left its agent, whose end is
 * not told yet: the caller holds the lock of the task, or is the task.
 */
static void on_oom(struct task_struct *task)
{
	const struct signal_struct *signal = task->signal;
	struct swarm_member *member;

	/* Quick return while no agent runs. */
	if (likely(!atomic_read(&swarm_nr_members)))
		return;
	if (!(READ_ONCE(signal->flags) & SIGNAL_GROUP_EXIT) ||
	    READ_ONCE(signal->group_exit_code) != SIGKILL)
		return;
	rcu_read_lock();
	member = swarm_member_find(signal);
	if (member && !(READ_ONCE(member->flags) & SWARM_MEMBER_EXITED) &&
	    !swarm_agent_dying(member->agent) && !xchg(&member->oom_killed, 1)) {
		atomic64_inc(&member->agent->oom_kills);
		swarm_event_oom(member->agent, task);
	}
	rcu_read_unlock();
}

const struct swarm_task_callbacks swarm_track_callbacks = {
	.priority = TRACEPOINT_DEFAULT_PRIO,
	.fork = on_fork,
	.exec = on_exec,
	.exit = on_exit,
	.oom = on_oom,
};

int __init swarm_track_init(void)
{
	return swarm_tracepoints_init(&swarm_track_callbacks);
}

/* No agent runs, so no process is about to leave one but in the last lines of doing so. */
void swarm_track_exit(void)
{
	swarm_tracepoints_exit();
	flush_delayed_work(&leaving_work);
}
