// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * SwarmGuard: processes as agents whose namespaces, limits, devices and system
 * calls the kernel enforces. This file loads and unloads; each step is another's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>

#include "agent.h"
#include "cgroup.h"
#include "compat/compat.h"
#include "errand.h"
#include "event.h"
#include "hooks.h"
#include "limits.h"
#include "member.h"
#include "network.h"
#include "params.h"
#include "policy_table.h"
#include "proc.h"
#include "track.h"

unsigned int swarm_max_agents = 200000;
module_param_named(max_agents, swarm_max_agents, uint, 0444);
MODULE_PARM_DESC(max_agents, "agents that may be active at a time (default 200000)");

unsigned int swarm_debug;
module_param_named(debug, swarm_debug, uint, 0644);
MODULE_PARM_DESC(debug, "log a line for each event (default 0)");

char *swarm_cgroup_parent = "swarm";
module_param_named(cgroup_parent, swarm_cgroup_parent, charp, 0444);
MODULE_PARM_DESC(cgroup_parent, "cgroup v2 directory of the agents, relative to the root (default swarm)");

unsigned int swarm_cgroup_pool = 16;
module_param_named(cgroup_pool, swarm_cgroup_pool, uint, 0444);
MODULE_PARM_DESC(cgroup_pool, "cgroup directories to keep ready for agents with limits, of each kind that has been needed (default 16, 0: none)");

unsigned int swarm_id_base = 2147483648U;
module_param_named(id_base, swarm_id_base, uint, 0444);
MODULE_PARM_DESC(id_base, "first user and group id that agents get outside (default 2147483648)");

unsigned int swarm_id_count = 1024;
module_param_named(id_count, swarm_id_count, uint, 0444);
MODULE_PARM_DESC(id_count, "user and group ids of each agent (default 1024)");

unsigned int swarm_enforcing = 1;
module_param_named(enforce, swarm_enforcing, uint, 0444);
MODULE_PARM_DESC(enforce, "deny what policies deny; with 0 only report it (default 1)");

unsigned int swarm_event_buffer = 8192;
module_param_named(event_buffer, swarm_event_buffer, uint, 0444);
MODULE_PARM_DESC(event_buffer, "events kept for readers of /proc/swarm/events, half of them life-cycle events and half violations, rounded up to a power of two (default 8192)");

unsigned int swarm_event_rate = 100;
module_param_named(event_rate, swarm_event_rate, uint, 0444);
MODULE_PARM_DESC(event_rate, "violations of an agent, and kills for memory, that are told as events in a second; those beyond are summed up (default 100, 0: tell all)");

static int __init check_params(void)
{
	if (!swarm_max_agents || swarm_max_agents > 1U << 24) {
		pr_err("max_agents must be from 1 to 16777216\n");
		return -EINVAL;
	}
	/* Id 4294967295 means "no id" to the kernel. */
	if (!swarm_id_count || !swarm_id_base || swarm_id_count > U32_MAX - swarm_id_base) {
		pr_err("id_base and id_count must be at least 1 and fit below 4294967295\n");
		return -EINVAL;
	}
	if (swarm_enforcing > 1) {
		pr_err("enforce must be 0 or 1\n");
		return -EINVAL;
	}
	if (swarm_cgroup_pool > 1024) {
		pr_err("cgroup_pool must be from 0 to 1024\n");
		return -EINVAL;
	}
	if (swarm_event_buffer < 16 || swarm_event_buffer > 1U << 22) {
		pr_err("event_buffer must be from 16 to 4194304\n");
		return -EINVAL;
	}
	return 0;
}

static int __init swarm_init(void)
{
	int err;

	err = check_params();
	if (err)
		return err;
	swarm_namespaces_init();
	swarm_numbers_init();
	err = swarm_calls_init();
	if (err)
		return err;
	err = swarm_errands_init();
	if (err)
		return err;
	err = swarm_events_init();
	if (err)
		goto errands;
	err = swarm_policies_init();
	if (err)
		goto events;
	err = swarm_agents_init();
	if (err)
		goto policies;
	err = swarm_members_init();
	if (err)
		goto agents;
	err = swarm_limits_init();
	if (err)
		goto members;
	err = swarm_cgroup_init();
	if (err)
		goto limits;
	err = swarm_track_init();
	if (err)
		goto cgroup;
	err = swarm_hooks_init();
	if (err)
		goto track;
	err = swarm_proc_init();
	if (err)
		goto hooks;
	pr_info("loaded, up to %u agents%s\n", swarm_max_agents,
		swarm_enforcing ? "" : "; policies are only reported on, not enforced");
	swarm_limits_tell();
	return 0;

hooks:
	swarm_hooks_exit();
track:
	swarm_track_exit();
cgroup:
	swarm_cgroup_exit();
limits:
	swarm_limits_exit();
members:
	swarm_members_exit();
agents:
	swarm_agents_exit();
policies:
	swarm_policies_exit();
events:
	swarm_events_exit();
errands:
	swarm_errands_exit();
	return err;
}

/* No agent runs: each holds a reference on the module while it does. */
static void __exit swarm_exit(void)
{
	swarm_proc_exit();
	swarm_hooks_exit();
	swarm_network_exit();
	swarm_track_exit();
	swarm_events_stop();
	swarm_agents_clear();
	swarm_cgroup_exit();
	swarm_limits_exit();
	swarm_members_exit();
	swarm_agents_exit();
	swarm_policies_exit();
	swarm_events_exit();
	swarm_errands_exit();
	pr_info("unloaded\n");
}

module_init(swarm_init);
module_exit(swarm_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_AUTHOR("The SwarmGuard authors");
MODULE_DESCRIPTION("Kernel-enforced agents: namespaces, cgroup v2, devices and system calls by policy");
MODULE_VERSION("0.1.0");
