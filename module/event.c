// SPDX-License-Identifier: MIT OR Apache-2.0
/* Counters and log lines. Everything here may be called from a hook. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/pid.h>
#include <linux/sched.h>

#include "agent.h"
#include "event.h"
#include "params.h"

static const char *const kind_names[SWARM_NR_KINDS] = {
	[SWARM_KIND_FORK] = "fork",
	[SWARM_KIND_THREAD] = "thread",
	[SWARM_KIND_EXECVE] = "execve",
	[SWARM_KIND_UNSHARE] = "unshare",
	[SWARM_KIND_SETNS] = "setns",
	[SWARM_KIND_DEVICE] = "device",
	[SWARM_KIND_CONTROL] = "control",
	[SWARM_KIND_ADOPT] = "adopt",
};

/**
 * swarm_kind_name - the name of a kind of violation, as users see it
 */
const char *swarm_kind_name(enum swarm_kind kind)
{
	return kind_names[kind];
}

void swarm_event_created(const struct swarm_agent *agent)
{
	swarm_dbg("agent %llu created\n", agent->id);
}

void swarm_event_spawned(const struct swarm_agent *agent)
{
	swarm_dbg("agent %llu spawned, process %d\n", agent->id, task_tgid_nr(current));
}

/**
 * swarm_event_stillborn - a birth failed and its process was killed unrun
 * @step: what failed
 * @err: negative errno
 */
void swarm_event_stillborn(const struct swarm_agent *agent, const char *step, int err)
{
	pr_warn_ratelimited("agent %llu: its first process was killed before it ran: %s failed with %d\n",
			    agent->id, step, err);
}

void swarm_event_destroyed(const struct swarm_agent *agent)
{
	swarm_dbg("agent %llu destroyed\n", agent->id);
}

/**
 * swarm_event_violation - a member did what a rule denies, kills for or audits
 * @agent: its agent, or NULL where no agent is charged
 * @kind: what it tried
 * @action: what the policy answered
 */
void swarm_event_violation(struct swarm_agent *agent, enum swarm_kind kind,
			   enum swarm_action action)
{
	static const char *const done[] = {
		[SWARM_DENY] = "denied to",
		[SWARM_KILL] = "kills",
		[SWARM_AUDIT] = "by",
	};

	/* What is audited was allowed. */
	if (action != SWARM_AUDIT) {
		atomic64_inc(&swarm_totals.violations);
		if (agent)
			atomic_inc(&agent->violations);
	}
	swarm_dbg("agent %llu: %s %s process %d\n", agent ? agent->id : 0,
		  swarm_kind_name(kind), done[action], task_tgid_nr(current));
}
