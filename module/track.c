// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Following processes: a child is its parent's agent's before it can run, and
 * an agent ends with its last process. The callbacks never sleep.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/tracepoint.h>

#include "compat/compat.h"
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
	if (member && !(member->flags & SWARM_MEMBER_EXECED)) {
		member->flags |= SWARM_MEMBER_EXECED;
		if (member->flags & SWARM_MEMBER_SPAWNED)
			swarm_spawn_execed();
	}
	rcu_read_unlock();
}

static void on_exit(struct task_struct *task)
{
	if (unlikely(atomic_read(&swarm_nr_reserved)))
		swarm_reserved_cancel(task);
	/* Quick return while no agent runs, and for all but a process's last thread. */
	if (likely(!atomic_read(&swarm_nr_members)) || atomic_read(&task->signal->live))
		return;
	swarm_member_remove(task->signal);
}

const struct swarm_task_callbacks swarm_track_callbacks = {
	.priority = TRACEPOINT_DEFAULT_PRIO,
	.fork = on_fork,
	.exec = on_exec,
	.exit = on_exit,
};

int __init swarm_track_init(void)
{
	return swarm_tracepoints_init(&swarm_track_callbacks);
}

void swarm_track_exit(void)
{
	swarm_tracepoints_exit();
}
