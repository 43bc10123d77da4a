// SPDX-License-Identifier: MIT OR Apache-2.0
/* devcgroup_check_permission: open, mknod and access of device files; and what goes past it. */
#include <linux/build_bug.h>
#include <linux/device_cgroup.h>
#include <linux/fcntl.h>
#include <linux/sched.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>

#include "agent.h"
#include "hooks.h"
#include "member.h"
#include "policy_table.h"

/* The policy core has the kernel's own numbers. */
static_assert(SWARM_DEV_BLOCK == DEVCG_DEV_BLOCK && SWARM_DEV_CHAR == DEVCG_DEV_CHAR);
static_assert(SWARM_ACC_MKNOD == DEVCG_ACC_MKNOD && SWARM_ACC_READ == DEVCG_ACC_READ &&
	      SWARM_ACC_WRITE == DEVCG_ACC_WRITE);

/* Apart, so that a device that is allowed saves no register. */
static noinline unsigned long deny(const struct swarm_member *member, u32 type, u32 major,
				   u32 minor, u32 access)
{
	enum swarm_outcome outcome;

	if (swarm_excused(member))
		return SWARM_PASS;
	outcome = swarm_outcome(SWARM_DENY);
	swarm_event_device(member->agent, outcome, type, major, minor, access);
	return swarm_verdict(outcome);
}

static __always_inline unsigned long decide_device(u32 type, u32 major, u32 minor, u32 access)
{
	struct swarm_member *member = swarm_member_find(current->signal);
	const struct swarm_rules *rules;

	if (!member)
		return SWARM_PASS;
	rules = swarm_rules_of(member->agent);
	if (swarm_device_allowed(rules, type, major, minor, access))
		return swarm_allowed(rules);
	return deny(member, type, major, minor, access);
}

/* Apart, so that the quick return saves no register. */
static noinline void answer_device(struct ftrace_regs *regs)
{
	swarm_hook_enter();
	swarm_answer(regs, decide_device(ftrace_regs_get_argument(regs, 0) & 0xffff,
					 ftrace_regs_get_argument(regs, 1),
					 ftrace_regs_get_argument(regs, 2),
					 ftrace_regs_get_argument(regs, 3) & 0xffff));
	swarm_hook_leave();
}

void notrace swarm_hook_device(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer_device(regs);
}

/* Apart, so that the quick return saves no register. */
static noinline void answer_peer(struct ftrace_regs *regs)
{
	const struct tty_struct *master = (void *)ftrace_regs_get_argument(regs, 1);
	int flags = ftrace_regs_get_argument(regs, 2);
	const struct tty_struct *peer = READ_ONCE(master->link);
	u32 access = 0;

	/* Of anything else there is no peer to open. */
	if (master->driver->type != TTY_DRIVER_TYPE_PTY ||
	    master->driver->subtype != PTY_TYPE_MASTER || !peer)
		return;
	if ((flags & O_ACCMODE) != O_WRONLY)
		access |= SWARM_ACC_READ;
	if ((flags & O_ACCMODE) != O_RDONLY)
		access |= SWARM_ACC_WRITE;
	swarm_hook_enter();
	swarm_answer(regs, decide_device(SWARM_DEV_CHAR, peer->driver->major,
					 peer->driver->minor_start + peer->index, access));
	swarm_hook_leave();
}

/*
 * ptm_open_peer(file, master, flags): TIOCGPTPEER opens the other end of a
 * pseudo-terminal by itself, without the check of permissions that opening it by name
 * makes. Ends live as long as each other, and the caller has the master open.
 */
void notrace swarm_hook_pty_peer(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer_peer(regs);
}
