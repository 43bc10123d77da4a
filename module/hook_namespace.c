// SPDX-License-Identifier: MIT OR Apache-2.0
/* Leaving or nesting namespaces: unshare, setns, and newer calls that make one. */
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <uapi/linux/mount.h>
#include <uapi/linux/sched.h>

#include "agent.h"
#include "compat/compat.h"
#include "hooks.h"
#include "member.h"
#include "namespaces.h"
#include "place.h"
#include "policy_table.h"

static __always_inline unsigned long decide_unshare(const struct swarm_member *member,
						    const struct swarm_rules *rules)
{
	return swarm_enforce(member, SWARM_KIND_UNSHARE, rules->syscalls[SWARM_SYS_UNSHARE]);
}

/* Apart, so that the quick return saves no register. */
static noinline void look_up(struct ftrace_regs *regs)
{
	const struct swarm_member *member;
	const struct swarm_rules *rules;
	unsigned long verdict;

	swarm_hook_enter();
	member = swarm_member_find(current->signal);
	if (member) {
		rules = swarm_rules_of(member->agent);
		verdict = decide_unshare(member, rules);
		if (verdict == SWARM_PASS)
			verdict = swarm_allowed(rules);
		swarm_answer(regs, verdict);
	}
	swarm_hook_leave();
}

static __always_inline void answer_unshare(struct ftrace_regs *regs)
{
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	look_up(regs);
}

/* setns */

/* Threads for which the kernel's own setns runs. */
static LIST_HEAD(entrants);
static DEFINE_RAW_SPINLOCK(entrants_lock);

struct entrant {
	struct list_head link;
	const struct task_struct *task;
};

static bool is_entrant(void)
{
	const struct entrant *entrant;
	bool found = false;

	raw_spin_lock(&entrants_lock);
	list_for_each_entry(entrant, &entrants, link)
		found |= entrant->task == current;
	raw_spin_unlock(&entrants_lock);
	return found;
}

static long call_setns(const struct pt_regs *args)
{
	struct entrant own = { .task = current };
	long ret;

	raw_spin_lock(&entrants_lock);
	list_add(&own.link, &entrants);
	raw_spin_unlock(&entrants_lock);
	ret = swarm_call(SWARM_CALL_SETNS, swarm_syscall_argument(args, 0),
			 swarm_syscall_argument(args, 1), 0);
	raw_spin_lock(&entrants_lock);
	list_del(&own.link);
	raw_spin_unlock(&entrants_lock);
	return ret;
}

/*
 * setns of a process that was forked to join an agent and has not executed anything yet.
 * Which namespaces a descriptor stands for is known for certain once they are entered.
 */
static noinline long enter_own(const struct pt_regs *args)
{
	struct swarm_namespaces before;
	struct swarm_member *member;
	enum swarm_outcome outcome;
	long ret;

	rcu_read_lock();
	/* The calling process is a member until it exits. */
	member = swarm_member_find(current->signal);
	swarm_namespaces_of(current, &before);
	rcu_read_unlock();
	ret = call_setns(args);
	/* What cannot be said now is said at its execve. */
	if (ret || swarm_place_entered(member, &before) != -EPERM)
		return ret;
	outcome = swarm_outcome(SWARM_KILL);
	swarm_event_violation(member->agent, SWARM_KIND_ADOPT, SWARM_KILL, outcome);
	return outcome == SWARM_DONE_KILL ? swarm_stub_kill() : ret;
}

static unsigned long decide_setns(const struct swarm_member *member, enum swarm_action action,
				  const struct ftrace_ops *ops)
{
	u32 joining = member->flags & (SWARM_MEMBER_JOINING | SWARM_MEMBER_ENTERING);
	bool joins = joining == SWARM_MEMBER_JOINING;

	if (joins && is_entrant()) {
		/*
		 * The call that enter_own() makes was counted when it entered the kernel,
		 * whatever the rule is by now.
		 */
		swarm_uncount_run(ops);
		return SWARM_PASS;
	}
	/* Whatever the agent itself may enter. */
	if (joins)
		return (unsigned long)enter_own;
	return action == SWARM_ALLOW ? SWARM_PASS :
				       swarm_violated(member, SWARM_KIND_SETNS, action);
}

/* Apart, so that the quick return saves no register. */
static noinline void look_up_setns(struct ftrace_regs *regs, const struct ftrace_ops *ops)
{
	const struct swarm_member *member;
	enum swarm_action action;

	swarm_hook_enter();
	member = swarm_member_find(current->signal);
	if (member) {
		action = swarm_rules_of(member->agent)->syscalls[SWARM_SYS_SETNS];
		if (unlikely(action != SWARM_ALLOW || member->flags & SWARM_MEMBER_JOINING))
			swarm_answer(regs, decide_setns(member, action, ops));
	}
	swarm_hook_leave();
}

#if defined(OPEN_TREE_NAMESPACE) || defined(FSMOUNT_NAMESPACE)
/* A call that has a rule by its own name, and makes a namespace if it is asked to. */
static noinline void look_up_mount(unsigned long ip, struct ftrace_regs *regs, bool separating)
{
	const struct swarm_rules *rules;
	const struct swarm_member *member;
	unsigned long verdict;

	swarm_hook_enter();
	member = swarm_member_find(current->signal);
	if (member) {
		/* Looked up once: both rules are of one policy, even if an update comes between. */
		rules = swarm_rules_of(member->agent);
		verdict = swarm_syscall_verdict(member, rules, ip, regs);
		if (verdict == SWARM_PASS && separating)
			verdict = decide_unshare(member, rules);
		swarm_answer(regs, verdict);
	}
	swarm_hook_leave();
}

static __always_inline void answer_mount(unsigned long ip, struct ftrace_regs *regs,
					 unsigned int argument, unsigned long flag)
{
	const struct pt_regs *args = (void *)ftrace_regs_get_argument(regs, 0);

	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	look_up_mount(ip, regs, swarm_syscall_argument(args, argument) & flag);
}
#endif

/* A thread that is about to launch an agent makes a user namespace for itself. */
static noinline void refuse_armed(struct ftrace_regs *regs)
{
	swarm_hook_enter();
	if (swarm_owner_refuses())
		swarm_answer(regs, swarm_verdict_einval());
	swarm_hook_leave();
}

void notrace swarm_hook_unshare(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Unsharing files, fs or semaphores alone makes no namespace. */
	if (ftrace_regs_get_argument(regs, 0) & SWARM_UNSHARE_NEW_ALL)
		answer_unshare(regs);
	if (unlikely(ftrace_regs_get_argument(regs, 0) & CLONE_NEWUSER &&
		     atomic_read(&swarm_nr_armed)))
		refuse_armed(regs);
}

void notrace swarm_hook_setns(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	look_up_setns(regs, ops);
}

#ifdef OPEN_TREE_NAMESPACE
/*
 * open_tree(dfd, path, flags) and open_tree_attr(dfd, path, flags, attributes, size):
 * a detached copy of a tree in a namespace of its own
 */
void notrace swarm_hook_open_tree(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	answer_mount(ip, regs, 2, OPEN_TREE_NAMESPACE);
}
#endif

#ifdef FSMOUNT_NAMESPACE
/* fsmount(fd, flags, attributes): a new mount in a namespace of its own */
void notrace swarm_hook_fsmount(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	answer_mount(ip, regs, 1, FSMOUNT_NAMESPACE);
}
#endif
