// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * create_user_ns: who owns an agent's user namespace, and pays for it.
 *
 * The kernel charges a user namespace, and whatever is counted by user inside it,
 * to the effective id that the new credentials have when the namespace is made: the
 * launcher's, which is root's. All agents and root would then share one user's
 * limits. The hook gives those credentials the first id of the agent's own range,
 * which nobody has in the initial namespace. They are the child's alone, freshly
 * copied for it, so nothing has to be undone if the fork fails later, and the
 * launcher's own credentials stay as they are.
 */
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/uidgid.h>

#include "agent.h"
#include "hooks.h"
#include "member.h"

/*
 * The agent with a user namespace that the calling thread is armed for, or NULL. One
 * that is dying has no use for it: should a child be under way, it never runs.
 */
static const struct swarm_agent *promised_to(void)
{
	const struct swarm_member *member = swarm_reserved_find(current);

	if (!member || (member->flags & (SWARM_MEMBER_SPAWNED | SWARM_MEMBER_JOINING)) !=
		       SWARM_MEMBER_SPAWNED)
		return NULL;
	/* The reservation's use keeps the range. */
	if (member->agent->range == SWARM_NO_RANGE || swarm_agent_dying(member->agent))
		return NULL;
	return member->agent;
}

static noinline void own(struct cred *new)
{
	const struct swarm_agent *agent;

	swarm_hook_enter();
	agent = promised_to();
	if (agent) {
		new->euid = KUIDT_INIT(swarm_agent_first_id(agent));
		new->egid = KGIDT_INIT(swarm_agent_first_id(agent));
	}
	swarm_hook_leave();
}

void notrace swarm_hook_owner(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return while no thread is armed. */
	if (likely(!atomic_read(&swarm_nr_armed)))
		return;
	own((void *)ftrace_regs_get_argument(regs, 0));
}

/**
 * swarm_owner_refuses - may the calling thread not make a user namespace by unshare?
 *
 * An armed thread's next user namespace is its agent's: made for the thread itself
 * it would give that the agent's id. Under rcu_read_lock().
 *
 * Return: true where unshare is to be refused.
 */
bool swarm_owner_refuses(void)
{
	return promised_to();
}
