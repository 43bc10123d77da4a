// SPDX-License-Identifier: MIT OR Apache-2.0
/* System calls that a policy has a rule on by their own names. */
#include <linux/sched.h>

#include "agent.h"
#include "compat/compat.h"
#include "event.h"
#include "hooks.h"
#include "member.h"
#include "policy_table.h"
#include "syscalls.h"

static noinline unsigned long refuse(const struct swarm_member *member, u32 call,
				     enum swarm_action action)
{
	enum swarm_outcome outcome = swarm_outcome(action);

	if (swarm_excused(member) || swarm_being_set_up(member))
		return SWARM_PASS;
	swarm_event_syscall(member->agent, call, action, outcome);
	return swarm_verdict(outcome);
}

/* The call that is meant by one that stands for several, or SWARM_NO_CALL. */
static u32 call_within(u32 call, struct ftrace_regs *regs)
{
	const struct pt_regs *args = (void *)ftrace_regs_get_argument(regs, 0);
	const struct swarm_multiplexer *multiplexer;
	unsigned long which;

	for (multiplexer = swarm_multiplexers;
	     multiplexer < swarm_multiplexers + SWARM_MULTIPLEXERS; multiplexer++) {
		if (likely(multiplexer->call != call))
			continue;
		which = swarm_syscall_argument(args, 0) & multiplexer->mask;
		return which < ARRAY_SIZE(multiplexer->calls) ? multiplexer->calls[which] :
								SWARM_NO_CALL;
	}
	return SWARM_NO_CALL;
}

/**
 * swarm_syscall_verdict - what the rule on a call says
 * @member: the calling process
 * @rules: those of its agent
 * @ip: the function that it is about to enter
 *
 * Under RCU. Return: the verdict for swarm_answer().
 */
unsigned long swarm_syscall_verdict(const struct swarm_member *member,
				    const struct swarm_rules *rules, unsigned long ip,
				    struct ftrace_regs *regs)
{
	u32 call = swarm_syscall_at(ip);
	enum swarm_action action;
	unsigned long verdict;

	if (WARN_ON_ONCE(call == SWARM_NO_CALL))
		return SWARM_PASS;
	action = swarm_call_rule(rules, call);
	if (action != SWARM_ALLOW) {
		verdict = refuse(member, call, action);
		/* What is audited goes on, to the rule on what it stands for. */
		if (action != SWARM_AUDIT)
			return verdict;
	}
	call = call_within(call, regs);
	if (likely(call == SWARM_NO_CALL))
		return SWARM_PASS;
	action = swarm_call_rule(rules, call);
	return action == SWARM_ALLOW ? SWARM_PASS : refuse(member, call, action);
}

/* Apart, so that the quick return saves no register. */
static noinline void look_up(unsigned long ip, struct ftrace_regs *regs)
{
	const struct swarm_member *member;

	swarm_hook_enter();
	member = swarm_member_find(current->signal);
	if (member)
		swarm_answer(regs, swarm_syscall_verdict(member, swarm_rules_of(member->agent),
							 ip, regs));
	swarm_hook_leave();
}

void notrace swarm_hook_syscall(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	look_up(ip, regs);
}
