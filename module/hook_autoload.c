// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * security_kernel_module_request(name): whoever has the kernel load a module comes by here,
 * in its own context, and the kernel then runs modprobe as root outside any agent. Its
 * caller, __request_module(), has made the name of a format and any number of arguments.
 */
#include <linux/sched.h>

#include "agent.h"
#include "hooks.h"
#include "member.h"
#include "policy_table.h"

static noinline void answer_autoload(struct ftrace_regs *regs)
{
	const struct swarm_member *member;
	const struct swarm_rules *rules;
	enum swarm_outcome outcome;
	enum swarm_action action;
	unsigned long verdict = SWARM_PASS;

	swarm_hook_enter();
	member = swarm_member_find(current->signal);
	if (member && !swarm_being_set_up(member)) {
		rules = swarm_rules_of(member->agent);
		action = swarm_rule(member, rules, SWARM_SYS_AUTOLOAD);
		if (action != SWARM_ALLOW) {
			outcome = swarm_outcome(action);
			swarm_event_autoload(member->agent, action, outcome,
					     (const char *)ftrace_regs_get_argument(regs, 0));
			verdict = swarm_verdict(outcome);
		}
		if (verdict == SWARM_PASS)
			verdict = swarm_allowed(rules);
		swarm_answer(regs, verdict);
	}
	swarm_hook_leave();
}

void notrace swarm_hook_autoload(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer_autoload(regs);
}
