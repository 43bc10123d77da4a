// SPDX-License-Identifier: MIT OR Apache-2.0
/* kernel_clone: fork, vfork, clone and clone3, for processes and threads. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <uapi/linux/sched.h>

#include "agent.h"
#include "compat/compat.h"
#include "event.h"
#include "hooks.h"
#include "member.h"
#include "network.h"
#include "params.h"
#include "policy_table.h"
#include "spawn.h"

/* A child outside its parent's namespaces or cgroup. */
#define SEPARATING	(SWARM_CLONE_NEW_ALL | CLONE_INTO_CGROUP)

/* Sharing these with the launcher contradicts namespaces of one's own. */
#define CONTRADICTING	(CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_IO)

/* The agent was destroyed before its first process was forked: the thread is disarmed. */
static noinline long disarm_canceled(void)
{
	swarm_reserved_cancel(current);
	return -ECANCELED;
}

/* The fork of an armed thread is refused, which stays armed. */
static unsigned long refuse(const struct swarm_agent *agent)
{
	swarm_event_fork_failed(agent, -EINVAL);
	return swarm_verdict_einval();
}

/* An armed thread forks: its child is to join an agent that runs. */
static unsigned long launch_joining(struct swarm_member *reservation,
				    const struct kernel_clone_args *args)
{
	const struct swarm_agent *agent = reservation->agent;

	/* Nobody whose namespaces it could enter. What comes later, its execve sees. */
	if (unlikely(!READ_ONCE(agent->nr_members)))
		return (unsigned long)disarm_canceled;
	if (args->flags & (CONTRADICTING | CLONE_VM | SEPARATING)) {
		pr_info_ratelimited("agent %llu: clone flags %#llx refused: a process that joins it cannot share anything with its launcher, nor have namespaces of its own\n",
				    agent->id, args->flags);
		return refuse(agent);
	}
	swarm_spawn_forks(reservation);
	return SWARM_PASS;
}

/* An armed thread forks: its child becomes the first process of an agent. */
static unsigned long launch(struct swarm_member *reservation,
			    struct kernel_clone_args *args)
{
	const struct swarm_agent *agent = reservation->agent;
	u32 namespaces = swarm_namespaces_made(swarm_rules_of(agent));

	if (args->flags & CLONE_THREAD)
		return SWARM_PASS;
	/* Destroyed later than this, it kills the child before that runs (spawn.c). */
	if (unlikely(swarm_agent_dying(agent)))
		return (unsigned long)disarm_canceled;
	if (reservation->flags & SWARM_MEMBER_JOINING)
		return launch_joining(reservation, args);
	if (args->flags & CONTRADICTING ||
	    (args->flags & CLONE_VM && !(args->flags & CLONE_VFORK))) {
		pr_info_ratelimited("agent %llu: clone flags %#llx refused: its first process cannot share memory, files, signal handlers, semaphores or an I/O context with its launcher\n",
				    agent->id, args->flags);
		return refuse(agent);
	}
	/* The cgroup namespace is made by the birth, once the cgroup is joined. */
	args->flags |= swarm_clone_flags(namespaces & ~SWARM_NS_CGROUP);
	swarm_spawn_forks(reservation);
	return SWARM_PASS;
}

/* Have an entry for the child before anything of it exists. */
static unsigned long reserve(const struct swarm_member *parent, const struct ftrace_ops *ops)
{
	struct swarm_member *member = swarm_reserved_find(current);

	/* Armed, then adopted: whatever it was armed for, it is a member now. */
	if (unlikely(member) && member->flags & SWARM_MEMBER_SPAWNED) {
		swarm_reserved_cancel(current);
		member = NULL;
	}
	/* If there is one, it is left from a fork that failed later. */
	if (likely(!member)) {
		member = swarm_member_from_pool();
		if (unlikely(!member)) {
			swarm_uncount_run(ops);
			return swarm_verdict_refill();
		}
		member->agent = parent->agent;
		swarm_reserved_add(member, current);
	}
	/* The child runs what its parent does, until its own execve. */
	member->flags = parent->flags & SWARM_MEMBER_HEREDITARY;
	member->origin = parent->origin;
	return SWARM_PASS;
}

static unsigned long decide_clone(struct kernel_clone_args *args, const struct ftrace_ops *ops)
{
	struct swarm_member *member = swarm_member_find(current->signal);
	const struct swarm_rules *rules;
	enum swarm_action action, separating;
	enum swarm_syscall rule;
	unsigned long verdict;

	if (likely(!member)) {
		if (likely(!atomic_read(&swarm_nr_reserved)))
			return SWARM_PASS;
		member = swarm_reserved_find(current);
		return member ? launch(member, args) : SWARM_PASS;
	}

	rules = swarm_rules_of(member->agent);
	rule = args->flags & CLONE_THREAD ? SWARM_SYS_THREAD : SWARM_SYS_FORK;
	action = swarm_rule(member, rules, rule);
	separating = args->flags & SEPARATING ? swarm_rule(member, rules, SWARM_SYS_UNSHARE) :
						SWARM_ALLOW;
	/* Before anything is counted: a call that starts anew comes by here again. */
	if (rule == SWARM_SYS_FORK && swarm_passes(action) && swarm_passes(separating)) {
		verdict = reserve(member, ops);
		if (verdict != SWARM_PASS)
			return verdict;
	}
	verdict = swarm_enforce(member, SWARM_KIND_UNSHARE, separating);
	if (verdict != SWARM_PASS)
		return verdict;
	verdict = swarm_enforce(member, (enum swarm_kind)rule, action);
	return verdict == SWARM_PASS ? swarm_allowed(rules) : verdict;
}

/* Apart, so that the quick return saves no register. */
static noinline void answer_clone(struct ftrace_regs *regs, const struct ftrace_ops *ops)
{
	swarm_hook_enter();
	swarm_answer(regs, decide_clone((void *)ftrace_regs_get_argument(regs, 0), ops));
	swarm_hook_leave();
}

void notrace swarm_hook_clone(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that has nothing to do with agents. */
	if (likely(swarm_member_none(current->signal) && !atomic_read(&swarm_nr_reserved)))
		return;
	answer_clone(regs, ops);
}
