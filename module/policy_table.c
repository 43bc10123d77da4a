// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Policies are looked up by their bytes, and by the files that may be executed,
 * when an agent is created, so that the 200,000th agent with the same rules costs
 * no more memory than the second.
 */
#include <linux/build_bug.h>
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "exec_paths.h"
#include "member.h"
#include "policy_table.h"
#include "refuse.h"
#include "syscalls.h"

/* References are dropped by RCU callbacks, hence the _bh variants. */
static DEFINE_SPINLOCK(lock);
static DEFINE_HASHTABLE(policies, 10);
static struct kmem_cache *policy_cache;
/* The one that was asked for last, which most agents share; without a reference. */
static struct swarm_policy *recent;
/* Of the last policy that was made. They do not come round within a call. */
static u32 last_serial;

/*
 * Rules are whole words, all of whose bytes are set; most agents' are equal. Few have a
 * host name, which ends them: it is looked at if it is not empty.
 */
#define WORDS	(sizeof(struct swarm_rules) / sizeof(u64))
#define UNNAMED	(offsetof(struct swarm_rules, hostname) / sizeof(u64))

static_assert(sizeof(struct swarm_rules) % sizeof(u64) == 0);
static_assert(offsetof(struct swarm_rules, hostname) % sizeof(u64) == 0);

static u32 hash_rules(const struct swarm_rules *rules)
{
	const u64 *words = (const u64 *)rules;
	u64 hash = 0;
	int i;

#pragma GCC unroll 8
	for (i = 0; i < UNNAMED; i++)
		hash = (hash + words[i]) * GOLDEN_RATIO_64;
	for (; rules->hostname[0] && i < WORDS; i++)
		hash = (hash + words[i]) * GOLDEN_RATIO_64;
	return hash >> 32;
}

static bool equal_rules(const struct swarm_rules *a, const struct swarm_rules *b)
{
	const u64 *left = (const u64 *)a, *right = (const u64 *)b;
	u64 differences = 0;
	int i;

	/* Most are equal, so nothing is gained by an early return. */
#pragma GCC unroll 8
	for (i = 0; i < UNNAMED; i++)
		differences |= left[i] ^ right[i];
	if (a->hostname[0] || b->hostname[0])
		for (; i < WORDS; i++)
			differences |= left[i] ^ right[i];
	return !differences;
}

static bool is_policy(const struct swarm_policy *policy, const struct swarm_rules *rules,
		      const struct swarm_exec_paths *exec_paths)
{
	return equal_rules(&policy->rules, rules) &&
	       swarm_exec_paths_equal(policy->exec_paths, exec_paths);
}

static struct swarm_policy *find_equal(const struct swarm_rules *rules,
				       const struct swarm_exec_paths *exec_paths, u32 hash)
{
	struct swarm_policy *policy;

	lockdep_assert_held(&lock);
	hash_for_each_possible(policies, policy, node, hash) {
		if (is_policy(policy, rules, exec_paths)) {
			refcount_inc(&policy->refs);
			recent = policy;
			return policy;
		}
	}
	return NULL;
}

/* As find_equal(), without a hash, which costs as much as the comparison. */
static struct swarm_policy *find_recent(const struct swarm_rules *rules,
					const struct swarm_exec_paths *exec_paths)
{
	struct swarm_policy *policy;

	spin_lock_bh(&lock);
	policy = recent;
	if (policy && is_policy(policy, rules, exec_paths))
		refcount_inc(&policy->refs);
	else
		policy = NULL;
	spin_unlock_bh(&lock);
	return policy;
}

/**
 * swarm_policy_get - the policy with these rules, made where there is none yet
 * @rules: the rules
 * @exec_paths: the files that may be executed, NULL for any; the policy's from now
 *		on, or freed, whatever is returned
 * @err: filled in after an error
 *
 * The calls that the rules are about are hooked as long as there is such a policy.
 *
 * Return: the policy with a reference for the caller, or a negative errno.
 */
struct swarm_policy *swarm_policy_get(const struct swarm_rules *rules,
				      struct swarm_exec_paths *exec_paths,
				      struct swarm_policy_error *err)
{
	struct swarm_policy *policy, *fresh = NULL;
	u32 hash;
	int ret;

	policy = find_recent(rules, exec_paths);
	if (policy)
		goto free;
	hash = swarm_exec_paths_hash(exec_paths, hash_rules(rules));
	spin_lock_bh(&lock);
	policy = find_equal(rules, exec_paths, hash);
	spin_unlock_bh(&lock);
	if (policy)
		goto free;

	fresh = kmem_cache_alloc(policy_cache, GFP_KERNEL_ACCOUNT);
	if (!fresh) {
		swarm_refuse(err, -ENOMEM, "", "out of memory");
		policy = ERR_PTR(-ENOMEM);
		goto free;
	}
	ret = swarm_syscalls_hold(rules, err);
	if (ret) {
		policy = ERR_PTR(ret);
		goto free;
	}
	refcount_set(&fresh->refs, 1);
	fresh->exec_paths = exec_paths;
	fresh->rules = *rules;

	spin_lock_bh(&lock);
	policy = find_equal(rules, exec_paths, hash);
	if (!policy) {
		policy = fresh;
		last_serial += SWARM_EXEC_BITS + 1;
		/* 0 is that of no policy: see struct swarm_member. */
		if (!last_serial)
			last_serial += SWARM_EXEC_BITS + 1;
		policy->serial = last_serial;
		recent = policy;
		hash_add(policies, &policy->node, hash);
	}
	spin_unlock_bh(&lock);
	if (policy == fresh)
		return policy;
	swarm_syscalls_drop(rules);
free:
	if (fresh)
		kmem_cache_free(policy_cache, fresh);
	swarm_exec_paths_free(exec_paths);
	return policy;
}

static void free_policy(struct rcu_head *rcu)
{
	struct swarm_policy *policy = container_of(rcu, struct swarm_policy, rcu);

	swarm_syscalls_drop(&policy->rules);
	swarm_exec_paths_drop(policy->exec_paths);
	kmem_cache_free(policy_cache, policy);
}

/**
 * swarm_policy_put - give up a reference
 *
 * From any context that an RCU callback may be in. The last one frees the policy, after
 * a grace period: a hook may have found it just before its agent got another.
 */
void swarm_policy_put(struct swarm_policy *policy)
{
	bool last;

	spin_lock_bh(&lock);
	last = refcount_dec_and_test(&policy->refs);
	if (last) {
		hash_del(&policy->node);
		if (recent == policy)
			recent = NULL;
	}
	spin_unlock_bh(&lock);
	if (last)
		call_rcu(&policy->rcu, free_policy);
}

int __init swarm_policies_init(void)
{
	policy_cache = KMEM_CACHE(swarm_policy, 0);
	return policy_cache ? 0 : -ENOMEM;
}

/* Every agent has gone, and with the last one the last policy; see swarm_agents_exit(). */
void swarm_policies_exit(void)
{
	swarm_syscalls_exit();
	kmem_cache_destroy(policy_cache);
}
