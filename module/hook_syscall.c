// SPDX-License-Identifier: MIT OR Apache-2.0
/* System calls that a policy has a rule on by their own names. */
#include <linux/ptrace.h>
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
static __always_inline u32 call_within(u32 call, const struct pt_regs *args)
{
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
	call = call_within(call, (void *)ftrace_regs_get_argument(regs, 0));
	if (likely(call == SWARM_NO_CALL))
		return SWARM_PASS;
	action = swarm_call_rule(rules, call);
	return action == SWARM_ALLOW ? SWARM_PASS : refuse(member, call, action);
}

/**
 * swarm_syscall_recheck - ask the rule on the name of the call in progress once more
 * @rules: those of the calling process's agent that have just allowed what the call does
 *
 * For swarm_allowed(). What is only told was told when the call was entered. Under RCU.
 */
unsigned long swarm_syscall_recheck(const struct swarm_rules *rules)
{
	const struct swarm_member *member = swarm_member_find(current->signal);
	u32 call;

	/* Pairs with swarm_agent_set_policy(): whoever has new rules knows that they are. */
	smp_rmb();
	if (!member || !READ_ONCE(member->agent->updated))
		return SWARM_PASS;
	call = swarm_call_in_progress();
	if (call != SWARM_NO_CALL && swarm_passes(swarm_call_rule(rules, call)))
		call = call_within(call, current_pt_regs());
	if (call == SWARM_NO_CALL || swarm_passes(swarm_call_rule(rules, call)))
		return SWARM_PASS;
	return refuse(member, call, swarm_call_rule(rules, call));
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
