// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Policies are looked up by their bytes when an agent is created, so that the
 * 200,000th agent with the same rules costs no more memory than the second.
 */
#include <linux/hashtable.h>
#include <linux/jhash.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "policy_table.h"

/* References are dropped by RCU callbacks, hence the _bh variants. */
static DEFINE_SPINLOCK(lock);
static DEFINE_HASHTABLE(policies, 10);

static struct swarm_policy *find(const struct swarm_rules *rules, u32 hash)
{
	struct swarm_policy *policy;

	lockdep_assert_held(&lock);
	hash_for_each_possible(policies, policy, node, hash) {
		if (!memcmp(&policy->rules, rules, sizeof(*rules))) {
			refcount_inc(&policy->refs);
			return policy;
		}
	}
	return NULL;
}

/**
 * swarm_policy_get - the policy with these rules, made where there is none yet
 *
 * Return: the policy with a reference for the caller, or -ENOMEM.
 */
struct swarm_policy *swarm_policy_get(const struct swarm_rules *rules)
{
	u32 hash = jhash(rules, sizeof(*rules), 0);
	struct swarm_policy *policy, *fresh;

	spin_lock_bh(&lock);
	policy = find(rules, hash);
	spin_unlock_bh(&lock);
	if (policy)
		return policy;

	fresh = kmalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	refcount_set(&fresh->refs, 1);
	fresh->rules = *rules;

	spin_lock_bh(&lock);
	policy = find(rules, hash);
	if (!policy) {
		policy = fresh;
		fresh = NULL;
		hash_add(policies, &policy->node, hash);
	}
	spin_unlock_bh(&lock);
	kfree(fresh);
	return policy;
}

/**
 * swarm_policy_put - give up a reference
 *
 * The last one frees the policy: hooks read it through an agent, and an agent
 * gives up its reference only after a grace period.
 */
void swarm_policy_put(struct swarm_policy *policy)
{
	spin_lock_bh(&lock);
	if (refcount_dec_and_test(&policy->refs)) {
		hash_del(&policy->node);
		kfree(policy);
	}
	spin_unlock_bh(&lock);
}
