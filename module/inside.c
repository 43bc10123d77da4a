// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A newborn agent's host name and its network: a loopback device, or none. Both are changed
 * with capabilities that an agent need not have, so its birth does it.
 */
#include <linux/build_bug.h>
#include <linux/if.h>
#include <linux/kernel.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

#include "agent.h"
#include "inside.h"
#include "network.h"
#include "policy.h"

static_assert(SWARM_HOSTNAME_MAX == __NEW_UTS_LEN);

/*
 * Without the kernel's lock on host names, which is not exported: only this task, which is
 * being born, is in the namespace.
 */
static void set_host_name(const struct swarm_agent *agent, const struct swarm_rules *rules)
{
	struct new_utsname *name = utsname();

	memset(name->nodename, 0, sizeof(name->nodename));
	if (rules->hostname[0])
		memcpy(name->nodename, rules->hostname, SWARM_HOSTNAME_MAX);
	else if (agent->name[0])
		strscpy(name->nodename, agent->name, sizeof(name->nodename));
	else
		snprintf(name->nodename, sizeof(name->nodename), "agent-%llu", agent->id);
}

static int bring_up_loopback(void)
{
	struct net_device *loopback = current->nsproxy->net_ns->loopback_dev;
	int err;

	rtnl_lock();
	err = dev_change_flags(loopback, loopback->flags | IFF_UP, NULL);
	rtnl_unlock();
	return err;
}

/**
 * swarm_inside_set_up - set the host name and the network of the calling process
 * @agent: of which it is the first process, being born
 * @rules: the agent's
 * @step: set to what is being done
 *
 * Return: 0 or a negative errno.
 */
int swarm_inside_set_up(const struct swarm_agent *agent, const struct swarm_rules *rules,
			const char **step)
{
	if (rules->namespaces & SWARM_NS_UTS)
		set_host_name(agent, rules);
	if (!(rules->namespaces & SWARM_NS_NET))
		return 0;
	if (rules->network == SWARM_NET_NONE) {
		*step = "entering its network namespace";
		return swarm_network_enter();
	}
	*step = "bringing up its loopback device";
	return bring_up_loopback();
}
