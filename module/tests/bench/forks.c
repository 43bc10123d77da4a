// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A fork inside an agent, without the fork: what is called before it, when the child
 * exists, and when it exits. The child is synthetic, since copying page tables would
 * drown all three.
 */
#include <linux/ftrace.h>
#include <linux/irqflags.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/task_work.h>

#include "bench.h"
#include "compat/compat.h"
#include "hooks.h"

#define ROUNDS	200
#define WARM_UP	3

enum part {
	PART_HOOK,
	PART_FORK,
	PART_EXIT,
	NR_PARTS,
};

static const char *const part_names[NR_PARTS] = {
	[PART_HOOK] = "hook",
	[PART_FORK] = "fork",
	[PART_EXIT] = "exit",
};

struct child {
	struct task_struct task;
	struct signal_struct signal;
};

static struct swarm_hook *clone_hook(void)
{
	struct swarm_hook *hook;
	unsigned int nr;

	for (nr = 0; (hook = bench_guard->hook(nr)); nr++)
		if (!strcmp(hook->function, "kernel_clone"))
			return hook;
	return NULL;
}

/* What the child would do at the end of do_exit(), where it leaves its agent. */
static void do_last_work(struct child *child)
{
	struct callback_head *work = xchg(&child->task.task_works, NULL);

	if (work)
		work->func(work);
}

static void one_round(struct swarm_hook *hook, struct child *child, u64 times[NR_PARTS + 1])
{
	struct kernel_clone_args args = { .exit_signal = SIGCHLD };
	struct __arch_ftrace_regs regs = {};
	ftrace_func_t func = hook->ops.func;
	const struct swarm_task_callbacks *track = bench_guard->track;
	unsigned long flags;

#if defined(CONFIG_X86_64)
	regs.regs.di = (unsigned long)&args;
#else
	regs.regs[0] = (unsigned long)&args;
#endif
	atomic_set(&child->signal.live, 1);
	local_irq_save(flags);
	times[PART_HOOK] = get_cycles();
	func(0, 0, &hook->ops, (struct ftrace_regs *)&regs);
	times[PART_FORK] = get_cycles();
	track->fork(current, &child->task);
	times[PART_EXIT] = get_cycles();
	/* As do_exit() has done it by then. */
	atomic_set(&child->signal.live, 0);
	track->exit(&child->task);
	do_last_work(child);
	times[NR_PARTS] = get_cycles();
	local_irq_restore(flags);
}

/* Order: "fork". Also for a process that belongs to no agent. */
int bench_forks(char *order, struct seq_buf *out)
{
	struct swarm_hook *hook = clone_hook();
	struct bench_samples *samples;
	u64 times[NR_PARTS + 1];
	struct child *child;
	int round, part, err = 0;

	if (!hook)
		return -ENOENT;
	child = kvzalloc(sizeof(*child), GFP_KERNEL);
	samples = kvcalloc(NR_PARTS, sizeof(*samples), GFP_KERNEL);
	if (!child || !samples) {
		err = -ENOMEM;
		goto free;
	}
	child->task.signal = &child->signal;
	/* A process id that lasts: the caller's. */
	child->signal.pids[PIDTYPE_TGID] = task_tgid(current);
	for (round = 0; round < ROUNDS + WARM_UP; round++) {
		one_round(hook, child, times);
		for (part = 0; round >= WARM_UP && part < NR_PARTS; part++)
			bench_sample(&samples[part], times[part], times[part + 1]);
	}
	for (part = 0; part < NR_PARTS; part++)
		bench_report(out, part_names[part], &samples[part]);
	/* Nobody looks at the synthetic child any more. */
	synchronize_rcu();
free:
	kvfree(samples);
	kvfree(child);
	return err;
}
