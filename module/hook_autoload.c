// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * __request_module(wait, format, ...): whoever has the kernel load a module comes by here,
 * in its own context, and the kernel then runs modprobe as root outside any agent.
 */
#include <linux/kernel.h>
#include <linux/sched.h>

#include "agent.h"
#include "hooks.h"
#include "member.h"
#include "policy_table.h"

/* The kernel's formats have at most three arguments; all are words in the registers. */
static void print_name(char *name, size_t size, struct ftrace_regs *regs)
{
	snprintf(name, size, (const char *)ftrace_regs_get_argument(regs, 1),
		 ftrace_regs_get_argument(regs, 2), ftrace_regs_get_argument(regs, 3),
		 ftrace_regs_get_argument(regs, 4));
}

static noinline unsigned long violated(const struct swarm_member *member,
				       enum swarm_action action, struct ftrace_regs *regs)
{
	enum swarm_outcome outcome = swarm_outcome(action);
	char name[SWARM_EVENT_TEXT] __aligned(sizeof(long));

	print_name(name, sizeof(name), regs);
	swarm_event_autoload(member->agent, action, outcome, name);
	return swarm_verdict(outcome);
}

static noinline void answer(struct ftrace_regs *regs)
{
	const struct swarm_member *member;
	enum swarm_action action;

	swarm_hook_enter();
	member = swarm_member_find(current->signal);
	if (member && !swarm_being_set_up(member)) {
		action = swarm_rule(member, swarm_rules_of(member->agent), SWARM_SYS_AUTOLOAD);
		if (action != SWARM_ALLOW)
			swarm_answer(regs, violated(member, action, regs));
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
	answer(regs);
}
