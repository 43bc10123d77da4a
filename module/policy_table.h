/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Policies, shared by the agents whose rules are equal. */
#ifndef SWARM_POLICY_TABLE_H
#define SWARM_POLICY_TABLE_H

#include <linux/init.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "policy.h"

struct swarm_exec_paths;

/**
 * struct swarm_policy - rules that any number of agents share
 * @node: entry of the table; under its lock
 * @refs: agents, and calls at work with it
 * @exec_paths: what may be executed; NULL: anything
 * @rules: what is enforced; constant, so readers need no lock
 */
struct swarm_policy {
	struct hlist_node node;
	refcount_t refs;
	struct swarm_exec_paths *exec_paths;
	struct swarm_rules rules;
};

struct swarm_policy *swarm_policy_get(const struct swarm_rules *rules,
				      struct swarm_exec_paths *exec_paths);
void swarm_policy_put(struct swarm_policy *policy);

int __init swarm_policies_init(void);
void swarm_policies_exit(void);

static inline const struct swarm_rules *swarm_policy_rules(const struct swarm_policy *policy)
{
	return &policy->rules;
}

#endif
