// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * security_socket_create(family, type, protocol, kern): the kernel's own check of socket,
 * socketpair and whatever else makes a socket of a family, whichever entry or io_uring
 * it comes by, before it loads a module for that family. Sockets that are made out of
 * others (accept, SCTP's peeloff) have their family and protocol.
 */
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/seq_buf.h>
#include <linux/socket.h>

#include "agent.h"
#include "hooks.h"
#include "member.h"
#include "policy_table.h"
#include "socket.h"

/**
 * swarm_socket_by_protocol - does a family's protocol decide on its sockets?
 */
bool swarm_socket_by_protocol(u32 family)
{
	return family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
}

/**
 * swarm_put_socket - print an entry of "sockets"
 * @by_protocol: with the protocol
 *
 * Families and protocols that have no name have a number there as well.
 */
void swarm_put_socket(struct seq_buf *out, u32 family, u32 protocol, bool by_protocol)
{
	const char *name = swarm_family_name(family);

	if (name)
		seq_buf_puts(out, name);
	else
		seq_buf_printf(out, "%u", family);
	if (!by_protocol)
		return;
	name = swarm_protocol_name(family, protocol);
	if (name)
		seq_buf_printf(out, "/%s", name);
	else
		seq_buf_printf(out, "/%u", protocol);
}

static noinline long deny_family(void)
{
	return -EAFNOSUPPORT;
}

/* Apart, so that a socket that is allowed saves no register. */
static noinline unsigned long deny(const struct swarm_member *member, u32 family, u32 type,
				   u32 protocol)
{
	enum swarm_outcome outcome;

	if (swarm_excused(member) || swarm_being_set_up(member))
		return SWARM_PASS;
	/* Who shares a network namespace with other agents is kept apart from them in any mode. */
	outcome = swarm_rules_of(member->agent)->network == SWARM_NET_NONE ?
		SWARM_DONE_DENY : swarm_outcome(SWARM_DENY);
	swarm_event_socket(member->agent, outcome, family, type, protocol);
	return outcome == SWARM_DONE_DENY ? (unsigned long)deny_family : SWARM_PASS;
}

/* Once more, by rules that decide on the name of the call, too. Apart, as it is rare. */
static noinline unsigned long decide_on_all(struct ftrace_regs *regs)
{
	u32 protocol = ftrace_regs_get_argument(regs, 2);
	u32 family = ftrace_regs_get_argument(regs, 0);
	u32 type = ftrace_regs_get_argument(regs, 1);
	struct swarm_member *member = swarm_member_find(current->signal);
	const struct swarm_rules *rules;

	if (!member)
		return SWARM_PASS;
	rules = swarm_rules_of(member->agent);
	if (!swarm_socket_allowed(rules, family, type, protocol))
		return deny(member, family, type, protocol);
	return swarm_allowed(rules);
}

static __always_inline unsigned long decide_socket(struct ftrace_regs *regs)
{
	u32 family = ftrace_regs_get_argument(regs, 0);
	u32 type = ftrace_regs_get_argument(regs, 1);
	u32 protocol = ftrace_regs_get_argument(regs, 2);
	struct swarm_member *member = swarm_member_find(current->signal);

	if (!member)
		return SWARM_PASS;
	if (!swarm_socket_allowed(swarm_rules_of(member->agent), family, type, protocol))
		return deny(member, family, type, protocol);
	/* Only of what is allowed: the rest has been told of. */
	if (static_branch_unlikely(&swarm_rules_replaced))
		return decide_on_all(regs);
	return SWARM_PASS;
}

/* Apart, so that the quick return saves no register. */
static noinline void answer_socket(struct ftrace_regs *regs)
{
	/* One that the kernel makes for itself is no agent's. */
	if ((int)ftrace_regs_get_argument(regs, 3))
		return;
	swarm_hook_enter();
	swarm_answer(regs, decide_socket(regs));
	swarm_hook_leave();
}

void notrace swarm_hook_socket(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer_socket(regs);
}
