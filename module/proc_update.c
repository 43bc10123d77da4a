// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/update: {"id":7,"pids_limit":100} gives an agent other limits or rules, or
 * stops its processes. All that an object says is done, or nothing of it.
 */
#include <linux/bits.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/rcupdate.h>

#include "agent.h"
#include "exec_paths.h"
#include "policy_table.h"
#include "proc.h"
#include "proc_objects.h"
#include "refuse.h"
#include "regroup.h"

/**
 * struct updater - an open update file
 * @objects: what is written; its lock is of everything here
 * @update: the object, parsed
 * @paths: its exec_paths, decoded
 */
struct updater {
	struct swarm_objects objects;
	struct swarm_update update;
	u8 paths[SWARM_OBJECT_MAX];
};

/* The policy that the agent is to have. @given: the paths that the object names; taken over. */
static struct swarm_policy *policy_after(const struct swarm_agent *agent,
					 const struct swarm_update *update,
					 const struct swarm_rules *from,
					 struct swarm_exec_paths *given,
					 struct swarm_policy_error *err)
{
	const struct swarm_policy *policy;
	struct swarm_rules rules = *from;

	if (!(update->keys & BIT(SWARM_UPDATE_EXEC_PATHS))) {
		/* Nobody else replaces it: the caller holds the agent's orders. */
		policy = rcu_dereference_protected(agent->policy, true);
		given = swarm_exec_paths_copy(policy->exec_paths);
		if (IS_ERR(given)) {
			swarm_refuse(err, -ENOMEM, "", "out of memory");
			return ERR_CAST(given);
		}
	}
	swarm_update_apply(update, &rules);
	if (rules.network == SWARM_NET_NONE && !swarm_sockets_unix_only(&rules)) {
		swarm_exec_paths_free(given);
		swarm_refuse(err, -EINVAL, "sockets",
			     "the agent has no network ('network':'none'), so it may have unix sockets only");
		return ERR_PTR(-EINVAL);
	}
	return swarm_policy_get(&rules, given, err);
}

/* The keys that are rules on what processes do. */
#define RULES	(BIT(SWARM_UPDATE_DEVICES) | BIT(SWARM_UPDATE_SYSCALLS) |		\
		 BIT(SWARM_UPDATE_EXEC_PATHS) | BIT(SWARM_UPDATE_UNLISTED) |		\
		 BIT(SWARM_UPDATE_SOCKETS))

static int carry_out(struct swarm_agent *agent, const struct swarm_update *update,
		     struct swarm_exec_paths *given, struct swarm_policy_error *err)
{
	int frozen = update->keys & BIT(SWARM_UPDATE_FROZEN) ? update->frozen : -1;
	struct swarm_policy *policy;
	struct swarm_rules from;
	int ret;

	swarm_copy_rules(agent, &from);
	policy = policy_after(agent, update, &from, given, err);
	if (IS_ERR(policy))
		return PTR_ERR(policy);
	if (frozen > 0 && !READ_ONCE(agent->nr_members))
		ret = swarm_refuse(err, -EBUSY, "frozen",
				   "agent %llu has no process that could be stopped", agent->id);
	else
		ret = swarm_regroup(agent, &from, &policy->rules, update->keys, frozen, err);
	if (ret) {
		swarm_policy_put(policy);
		return ret;
	}
	swarm_agent_set_policy(agent, policy, update->keys & RULES);
	if (frozen >= 0)
		swarm_agent_set_frozen(agent, frozen);
	swarm_event_updated(agent, update->keys & ~BIT(SWARM_UPDATE_ID));
	return 0;
}

/* Paths are looked up before the agent's orders are held, since that may take long. */
static int update_agent(struct swarm_agent *agent, const struct updater *updater,
			struct swarm_policy_error *err)
{
	const struct swarm_update *update = &updater->update;
	struct swarm_exec_paths *given;
	int ret;

	given = swarm_exec_paths_resolve(&update->request, updater->paths, err);
	if (IS_ERR(given))
		return PTR_ERR(given);
	ret = swarm_orders_lock(agent);
	if (ret) {
		swarm_exec_paths_free(given);
		return swarm_refuse(err, ret, "", "interrupted");
	}
	ret = carry_out(agent, update, given, err);
	swarm_orders_unlock(agent);
	return ret;
}

static int handle_update(struct swarm_objects *objects, size_t length, u64 *id,
			 struct swarm_policy_error *err)
{
	struct updater *updater = container_of(objects, struct updater, objects);
	struct swarm_agent *agent;
	int ret;

	ret = swarm_update_parse(objects->object, length, num_online_cpus(), &updater->update,
				 updater->paths, sizeof(updater->paths), err);
	if (ret)
		return ret;
	err->offset = 0;
	*id = updater->update.id;
	agent = swarm_agent_hold(*id);
	if (IS_ERR(agent))
		return swarm_refuse(err, PTR_ERR(agent), "id",
				    "there is no agent %llu, or it is being destroyed", *id);
	ret = update_agent(agent, updater, err);
	swarm_agent_unuse(agent);
	return ret;
}

static const struct swarm_objects_ops ops = {
	.name = "update",
	.size = sizeof(struct updater),
	.take = handle_update,
};

static int update_open(struct inode *inode, struct file *file)
{
	return swarm_objects_open(inode, file, &ops);
}

const struct proc_ops swarm_proc_update_ops = {
	.proc_open = update_open,
	.proc_read = swarm_objects_read,
	.proc_write = swarm_objects_write,
	.proc_release = swarm_objects_release,
};
