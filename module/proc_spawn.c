// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/spawn: {"id":7} arms the writing thread to give that agent a process. Its
 * first, in fresh namespaces, if it is registered; one more if it runs.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>

#include "agent.h"
#include "cgroup.h"
#include "limits.h"
#include "proc.h"
#include "proc_objects.h"
#include "refuse.h"
#include "spawn.h"

static int arm_first(struct swarm_agent *agent, struct swarm_policy_error *err)
{
	return swarm_spawn_check(agent, err) ?:
	       swarm_limits_arm(agent, err) ?:
	       swarm_cgroup_create(agent, err) ?:
	       swarm_spawn_arm(agent, err);
}

static int arm_joining(struct swarm_agent *agent, struct swarm_policy_error *err)
{
	/* It would stop before its first instruction, and a launcher that waits with it. */
	if (READ_ONCE(agent->frozen))
		return swarm_refuse(err, -EBUSY, "id",
				    "agent %llu is frozen; write {'id':%llu,'frozen':false} to update first",
				    agent->id, agent->id);
	if (swarm_cgroup_stops(agent))
		return swarm_refuse(err, -EBUSY, "id",
				    "somebody else has frozen the cgroups of agent %llu; thaw them (cgroup.freeze) first",
				    agent->id);
	return swarm_limits_join(agent, err) ?: swarm_spawn_arm_joining(agent, err);
}

static int arm(struct swarm_agent *agent, struct swarm_policy_error *err)
{
	switch (READ_ONCE(agent->state)) {
	case SWARM_REGISTERED:
		return arm_first(agent, err);
	case SWARM_ARMED:
		return swarm_refuse(err, -EBUSY, "id",
				    "a thread is armed for agent %llu, but has not forked yet",
				    agent->id);
	default:
		return arm_joining(agent, err);
	}
}

static int handle_spawn(struct swarm_objects *objects, size_t length, u64 *id,
			struct swarm_policy_error *err)
{
	struct swarm_agent *agent;
	int ret;

	ret = swarm_target_parse(objects->object, length, id, err);
	if (ret)
		return ret;
	err->offset = 0;
	agent = swarm_agent_hold(*id);
	if (IS_ERR(agent))
		return swarm_refuse(err, PTR_ERR(agent), "id",
				    "there is no agent %llu, or it is being destroyed", *id);
	ret = swarm_orders_lock(agent);
	if (ret) {
		swarm_refuse(err, ret, "", "interrupted");
	} else {
		ret = arm(agent, err);
		swarm_orders_unlock(agent);
	}
	swarm_agent_unuse(agent);
	return ret;
}

static const struct swarm_objects_ops ops = {
	.name = "spawn",
	.size = sizeof(struct swarm_objects),
	.take = handle_spawn,
};

static int spawn_open(struct inode *inode, struct file *file)
{
	return swarm_objects_open(inode, file, &ops);
}

const struct proc_ops swarm_proc_spawn_ops = {
	.proc_open = spawn_open,
	.proc_read = swarm_objects_read,
	.proc_write = swarm_objects_write,
	.proc_release = swarm_objects_release,
};
