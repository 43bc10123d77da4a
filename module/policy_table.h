/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Policies, shared by the agents whose rules are equal. */
#ifndef SWARM_POLICY_TABLE_H
#define SWARM_POLICY_TABLE_H

#include <linux/build_bug.h>
#include <linux/init.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "agent.h"
#include "policy.h"

struct swarm_exec_paths;

/**
 * struct swarm_policy - rules that any number of agents share
 * @node: entry of the table; under its lock
 * @refs: agents, and calls at work with it
 * @serial: no other policy has it, also later; SWARM_EXEC_BITS of it are clear
 * @exec_paths: what may be executed; NULL: anything
 * @rcu: frees it
 * @rules: what is enforced; constant, so readers need no lock
 */
struct swarm_policy {
	struct hlist_node node;
	refcount_t refs;
	u32 serial;
	struct swarm_exec_paths *exec_paths;
	struct rcu_head rcu;
	struct swarm_rules rules;
};

/* Whatever is added to the rules; what exec_paths take comes on top. */
static_assert(sizeof(struct swarm_policy) <= 1024);

struct swarm_policy *swarm_policy_get(const struct swarm_rules *rules,
				      struct swarm_exec_paths *exec_paths,
				      struct swarm_policy_error *err);
void swarm_policy_put(struct swarm_policy *policy);

int __init swarm_policies_init(void);
void swarm_policies_exit(void);

/**
 * swarm_policy_of - the policy of an agent, as it is now
 *
 * Under RCU. An update puts another in its place, so whoever asks twice may get two:
 * a call is decided on by what one look has found. For hooks too, which is why
 * nothing is called that could be traced.
 */
static __always_inline const struct swarm_policy *swarm_policy_of(const struct swarm_agent *agent)
{
	return rcu_dereference_raw(agent->policy);
}

/**
 * swarm_rules_of - the rules of that policy, likewise
 */
static __always_inline const struct swarm_rules *swarm_rules_of(const struct swarm_agent *agent)
{
	return &swarm_policy_of(agent)->rules;
}

/**
 * swarm_copy_rules - the rules of an agent, for those who sleep
 */
static inline void swarm_copy_rules(const struct swarm_agent *agent, struct swarm_rules *rules)
{
	rcu_read_lock();
	*rules = *swarm_rules_of(agent);
	rcu_read_unlock();
}

/**
 * swarm_namespaces_of_policy - which an agent must have; no update changes that
 */
static inline u32 swarm_namespaces_of_policy(const struct swarm_agent *agent)
{
	u32 namespaces;

	rcu_read_lock();
	namespaces = swarm_rules_of(agent)->namespaces;
	rcu_read_unlock();
	return namespaces;
}

#endif
