// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Tracepoints of the scheduler and of the OOM killer: not exported by name, and
 * sched_process_exit gained an argument. Callbacks may run with preemption off (before
 * 7.0) or on.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/binfmts.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#include "compat/compat.h"

static const struct swarm_task_callbacks *callbacks;

static void on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	callbacks->fork(parent, child);
}

static void on_exec(void *data, struct task_struct *task, pid_t old_pid,
		    struct linux_binprm *bprm)
{
	callbacks->exec(task);
}

#ifdef SWARM_HAVE_EXIT_GROUP_DEAD
static void on_exit(void *data, struct task_struct *task, bool group_dead)
#else
static void on_exit(void *data, struct task_struct *task)
#endif
{
	callbacks->exit(task);
}

static void on_mark_victim(void *data, struct task_struct *task, uid_t uid)
{
	if (callbacks->oom)
		callbacks->oom(task);
}

static struct {
	const char *name;
	void *callback;
	struct tracepoint *tracepoint;
} watched[] = {
	{ "sched_process_fork", on_fork },
	{ "sched_process_exec", on_exec },
	{ "sched_process_exit", on_exit },
	{ "mark_victim", on_mark_victim },
};

static void __init note_tracepoint(struct tracepoint *tracepoint, void *data)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(watched); i++)
		if (!strcmp(tracepoint->name, watched[i].name))
			watched[i].tracepoint = tracepoint;
}

static void unregister(int i)
{
	while (i--)
		tracepoint_probe_unregister(watched[i].tracepoint, watched[i].callback, NULL);
	/* A callback may be running. */
	tracepoint_synchronize_unregister();
}

int __init swarm_tracepoints_init(const struct swarm_task_callbacks *task_callbacks)
{
	int i, err;

	callbacks = task_callbacks;
	for_each_kernel_tracepoint(note_tracepoint, NULL);
	for (i = 0; i < ARRAY_SIZE(watched); i++) {
		err = -ENOENT;
		if (watched[i].tracepoint)
			err = tracepoint_probe_register_prio(watched[i].tracepoint,
							     watched[i].callback, NULL,
							     callbacks->priority);
		if (err) {
			pr_err("tracepoint %s cannot be used (%d)\n", watched[i].name, err);
			unregister(i);
			return err;
		}
	}
	return 0;
}

void swarm_tracepoints_exit(void)
{
	unregister(ARRAY_SIZE(watched));
}
