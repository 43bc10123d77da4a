// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/create: JSON objects in, a line of JSON for each of them back.
 */
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/pid.h>

#include "adopt.h"
#include "agent.h"
#include "cgroup.h"
#include "exec_paths.h"
#include "limits.h"
#include "network.h"
#include "params.h"
#include "policy_table.h"
#include "proc.h"
#include "proc_objects.h"
#include "refuse.h"
#include "spawn.h"

/* Creation is serialised, so that ids rise by one and max_agents is exact. */
static DEFINE_MUTEX(create_lock);

/**
 * struct creator - an open create file
 * @objects: what is written; its lock is of everything here
 * @request: the object, parsed
 * @paths: its exec_paths, decoded
 */
struct creator {
	struct swarm_objects objects;
	struct swarm_request request;
	u8 paths[SWARM_OBJECT_MAX];
};

/* Everything that can fail comes before the agent is listed. */
static int populate(struct swarm_agent *agent, const struct swarm_request *request,
		    const struct swarm_candidate *candidate, struct swarm_policy_error *err)
{
	int ret = 0;

	if (request->spawn)
		ret = swarm_spawn_check(agent, err) ?: swarm_limits_arm(agent, err);
	if (!ret && (request->spawn || candidate->pid)) {
		ret = swarm_cgroup_create(agent, err);
		/* Its name is taken: whoever comes back is to have another one. */
		if (ret == -EBUSY)
			swarm_agent_skip_id();
	}
	if (!ret && request->spawn)
		ret = swarm_spawn_arm(agent, err);
	if (!ret && candidate->pid)
		ret = swarm_adopt(agent, candidate, err);
	return ret;
}

static int create_locked(struct swarm_policy *policy, const struct swarm_request *request,
			 const struct swarm_candidate *candidate, u64 *id,
			 struct swarm_policy_error *err)
{
	struct swarm_agent *agent = swarm_agent_alloc(policy, request->name);
	int ret;

	if (IS_ERR(agent)) {
		swarm_policy_put(policy);
		ret = PTR_ERR(agent);
		if (ret == -ENOSPC)
			return swarm_refuse(err, ret, "",
					    "%u agents are active, which is max_agents; destroy some or load the module with a higher max_agents",
					    swarm_max_agents);
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	}
	ret = populate(agent, request, candidate, err);
	if (ret) {
		swarm_agent_discard(agent);
	} else {
		*id = agent->id;
		swarm_agent_publish(agent, candidate->pid);
	}
	return ret;
}

static int create_parsed(struct creator *creator, const struct swarm_candidate *candidate,
			 u64 *id, struct swarm_policy_error *err)
{
	const struct swarm_request *request = &creator->request;
	struct swarm_exec_paths *exec_paths;
	struct swarm_policy *policy;
	int ret;

	ret = swarm_network_prepare(&request->rules, err);
	if (ret)
		return ret;
	exec_paths = swarm_exec_paths_resolve(request, creator->paths, err);
	if (IS_ERR(exec_paths))
		return PTR_ERR(exec_paths);
	policy = swarm_policy_get(&request->rules, exec_paths, err);
	if (IS_ERR(policy))
		return PTR_ERR(policy);
	if (mutex_lock_killable(&create_lock)) {
		swarm_policy_put(policy);
		return swarm_refuse(err, -EINTR, "", "interrupted");
	}
	ret = create_locked(policy, request, candidate, id, err);
	mutex_unlock(&create_lock);
	return ret;
}

static int handle_create(struct swarm_objects *objects, size_t length, u64 *id,
			 struct swarm_policy_error *err)
{
	struct creator *creator = container_of(objects, struct creator, objects);
	struct swarm_request *request = &creator->request;
	/* Held to the end, since it may have exited when its adoption is told. */
	struct swarm_candidate candidate = {};
	int ret;

	ret = swarm_request_parse(objects->object, length, num_online_cpus(), request,
				  creator->paths, sizeof(creator->paths), err);
	if (ret)
		return ret;
	err->offset = 0;
	if (request->pid || request->pidfd >= 0)
		ret = swarm_candidate_get(&candidate, request->pid, request->pidfd,
					  request->after_exec ? SWARM_SINCE_EXEC :
					  SWARM_SINCE_NOW, err);
	if (!ret)
		ret = create_parsed(creator, &candidate, id, err);
	if (candidate.pid)
		objects->kept = swarm_candidate_kept(&candidate);
	swarm_candidate_put(&candidate);
	return ret;
}

static const struct swarm_objects_ops ops = {
	.name = "create",
	.size = sizeof(struct creator),
	.take = handle_create,
};

static int create_open(struct inode *inode, struct file *file)
{
	return swarm_objects_open(inode, file, &ops);
}

const struct proc_ops swarm_proc_create_ops = {
	.proc_open = create_open,
	.proc_read = swarm_objects_read,
	.proc_write = swarm_objects_write,
	.proc_release = swarm_objects_release,
};
