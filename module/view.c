// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The one symbol this module exports, so that the module under test is the very
 * module that is shipped. It is found with symbol_get(), which needs no link
 * between the two modules and so does not keep this one from being unloaded.
 */
#include <linux/export.h>
#include <linux/module.h>

#include "agent.h"
#include "cgroup.h"
#include "hooks.h"
#include "member.h"
#include "network.h"
#include "params.h"
#include "track.h"
#include "view.h"

static struct hlist_head *bucket(const struct signal_struct *signal)
{
	return swarm_member_bucket(signal);
}

static struct swarm_member *find_member(const struct signal_struct *signal)
{
	return swarm_member_find(signal);
}

const struct swarm_view swarm_view = {
	.owner = THIS_MODULE,
	.members = &swarm_members,
	.bucket = bucket,
	.next_agent = swarm_agent_next,
	.first_id = swarm_agent_first_id,
	.id_count = &swarm_id_count,
	.cgroup_path = swarm_cgroup_path,
	.former_path = swarm_cgroup_former_path,
	.network = &swarm_network_shared,
	.find = find_member,
	.lock = swarm_member_lock,
	.hook = swarm_hook_at,
	.track = &swarm_track_callbacks,
};
EXPORT_SYMBOL_NS_GPL(swarm_view, "SWARM_GUARD_TEST");
