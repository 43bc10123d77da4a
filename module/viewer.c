// SPDX-License-Identifier: MIT OR Apache-2.0
/* Whose agents a reader of /proc/swarm sees. */
#include <linux/cred.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/user_namespace.h>

#include "member.h"
#include "viewer.h"

/* Is it neither the host's nor a member? Then its /proc is a foreign container's. */
static bool is_foreign(void)
{
	return current->flags & PF_KTHREAD || current_user_ns() != &init_user_ns ||
	       task_active_pid_ns(current) != &init_pid_ns;
}

/**
 * swarm_viewer_scope - what the calling process may see
 *
 * A member sees its own agent, wherever it is. Who is no member sees all agents from
 * the initial user and pid namespaces, and none from any other. A kernel thread reads
 * for somebody unknown and sees none.
 *
 * Return: the id of the only agent it sees, SWARM_SCOPE_ALL or SWARM_SCOPE_NONE.
 */
u64 swarm_viewer_scope(void)
{
	u64 agent = swarm_current_agent_id();

	if (agent)
		return agent;
	return is_foreign() ? SWARM_SCOPE_NONE : SWARM_SCOPE_ALL;
}

/**
 * swarm_scope - what a reader sees
 * @opener: swarm_viewer_scope() of whoever opened the file
 *
 * To be asked whenever bytes are handed over: the descriptor may have been passed on,
 * and the process may have become a member.
 *
 * Return: the narrower of what the opener and the caller may see.
 */
u64 swarm_scope(u64 opener)
{
	u64 caller = swarm_viewer_scope();

	if (opener == SWARM_SCOPE_ALL)
		return caller;
	if (caller == SWARM_SCOPE_ALL || caller == opener)
		return opener;
	return SWARM_SCOPE_NONE;
}
