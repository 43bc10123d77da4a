// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The threads of a process.
 */
#include <linux/err.h>
#include <linux/pid.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "threads.h"

static bool is_exiting(const struct task_struct *task)
{
	return READ_ONCE(task->flags) & PF_EXITING;
}

/**
 * swarm_thread_living - a thread of a process that is not exiting
 * @leader: its first thread
 * @looks: raised by the number of threads that are looked at
 *
 * That one, if it is not. Otherwise all are looked at: those ahead of the first that lives
 * may be dead and stay, for whoever traces them. Under rcu_read_lock().
 *
 * Return: the thread; NULL where all are exiting.
 */
struct task_struct *swarm_thread_living(struct task_struct *leader, unsigned int *looks)
{
	struct task_struct *thread;

	for_each_thread(leader, thread) {
		++*looks;
		if (!is_exiting(thread))
			return thread;
	}
	return NULL;
}

/**
 * swarm_thread_behind - go on to a process's next thread
 * @leader: its first thread, held
 * @thread: the thread that was looked at last, which is put; NULL: begin
 *
 * Whoever walks the threads so comes by each that stays, and may sleep in between. A
 * thread that exits is looked at too late, but what it has made by then is behind it.
 *
 * Return: the next thread, held; NULL at the end; -EAGAIN where the last one has left the
 * list meanwhile, so that nobody knows what was behind it.
 */
struct task_struct *swarm_thread_behind(struct task_struct *leader, struct task_struct *thread)
{
	struct task_struct *next;

	rcu_read_lock();
	/*
	 * A thread loses its pid before its place, and may do so at this moment: what was
	 * behind it by then stays until this ends.
	 */
	if (!thread)
		next = list_first_or_null_rcu(&leader->signal->thread_head, struct task_struct,
					      thread_node);
	/* See above. */
	else if (data_race(pid_alive(thread)))
		next = __next_thread(thread);
	else
		next = ERR_PTR(-EAGAIN);
	if (!IS_ERR_OR_NULL(next))
		get_task_struct(next);
	rcu_read_unlock();
	if (thread)
		put_task_struct(thread);
	return next;
}
