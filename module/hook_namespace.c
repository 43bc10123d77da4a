// SPDX-License-Identifier: MIT OR Apache-2.0
/* Leaving or nesting namespaces: unshare, setns, and newer calls that make one. */
#include <linux/sched.h>
#include <uapi/linux/mount.h>
#include <uapi/linux/sched.h>

#include "agent.h"
#include "compat/compat.h"
#include "hooks.h"
#include "member.h"
#include "policy_table.h"

static __always_inline unsigned long decide(const struct swarm_member *member,
					    const struct swarm_rules *rules,
					    enum swarm_syscall rule)
{
	return swarm_enforce(member, (enum swarm_kind)rule, rules->syscalls[rule]);
}

/* Apart, so that the quick return saves no register. */
static noinline void look_up(struct ftrace_regs *regs, enum swarm_syscall rule)
{
	const struct swarm_member *member;
	const struct swarm_rules *rules;
	unsigned long verdict;

	swarm_hook_enter();
	member = swarm_member_find(current->signal);
	if (member) {
		rules = swarm_rules_of(member->agent);
		verdict = decide(member, rules, rule);
		if (verdict == SWARM_PASS)
			verdict = swarm_allowed(rules);
		swarm_answer(regs, verdict);
	}
	swarm_hook_leave();
}

static __always_inline void answer(struct ftrace_regs *regs, enum swarm_syscall rule)
{
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	look_up(regs, rule);
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
			verdict = decide(member, rules, SWARM_SYS_UNSHARE);
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
		answer(regs, SWARM_SYS_UNSHARE);
	if (unlikely(ftrace_regs_get_argument(regs, 0) & CLONE_NEWUSER &&
		     atomic_read(&swarm_nr_armed)))
		refuse_armed(regs);
}

void notrace swarm_hook_setns(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	answer(regs, SWARM_SYS_SETNS);
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
