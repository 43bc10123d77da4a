/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Agents by id, their life cycle, and the counters of the whole module. */
#ifndef SWARM_AGENT_H
#define SWARM_AGENT_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/jump_label.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "event.h"
#include "member.h"
#include "policy.h"

struct pid;
struct swarm_cgroup;
struct swarm_member;
struct swarm_policy;
struct workqueue_struct;

#define SWARM_NO_RANGE		U32_MAX
/* Ids stay below 2^53, so that any JSON reader holds them exactly. */
#define SWARM_ID_MAX		((1ULL << 53) - 1)

/**
 * struct swarm_life - the processes of an agent, since the first after it was registered
 * @began: when the first became its own, CLOCK_MONOTONIC in nanoseconds; 0: it had none
 * @ended: when the last one left; 0 while it has any
 * @cpu: how long those that have left ran as its own, in nanoseconds
 * @status: how the first ended, as wait(2) has it, or until then the one that left last
 * @first_left: has the first?
 * @over: the agent is registered again; its next process begins another life
 * @counted: what the agent's cgroup tells is of this life, and not of earlier ones, too
 */
struct swarm_life {
	u64 began;
	u64 ended;
	u64 cpu;
	int status;
	bool first_left;
	bool over;
	bool counted;
};

/**
 * struct swarm_agent - one agent
 * @id: its id, never reused
 * @policy: its rules, shared with agents whose rules are equal; replaced as a whole, by
 *	    whoever holds the agent's orders (swarm_orders_lock())
 * @cgroup: its cgroup, NULL until it is needed and for agents without limits; likewise
 * @lock: protects @state, @uses, @pinned, @life and the membership of @members. Taken
 *	  in hooks, hence raw, but never in an interrupt.
 * @state: where in its life it is, enum swarm_state
 * @pinned: it holds a reference on the module
 * @listed: it is complete, and may be found by its id
 * @uses: its processes until they have let go of all they had, one for an armed
 *	  thread, and one for a call at work on it; at 0 an agent that has run goes
 *	  (or is registered again if it persists)
 * @members: its processes, oldest first; walked under RCU
 * @range: index of its range of user and group ids, or SWARM_NO_RANGE
 * @retired: its end is told, and it is found no more
 * @frozen: "update" has asked for its processes to be stopped; under @lock
 * @regrouped: it got its cgroup while it had processes, and one that is forked
 *	       meanwhile may be outside; set once
 * @regrouping: its processes are being moved to another cgroup
 * @updated: @policy has been replaced; set once
 * @end: why it goes, enum swarm_end; meaningful once it is dying or gone
 * @failed_error: where @end is SWARM_END_BIRTH, the negative errno ...
 * @failed_step: ... of this step
 * @nr_members: how many @members has; under @lock
 * @joined: how many have joined in all; under @lock
 * @violations: calls denied or killed
 * @audited: calls audited, or only reported because the module does not enforce
 * @oom_kills: its processes that the OOM killer has killed, in this life
 * @life: its processes so far
 * @flood: which of them are told as events (event.c)
 * @reap: entry of the reaper's list
 * @rcu: frees it; hooks reach an agent through its members under RCU
 * @name: its name, NUL-padded
 */
struct swarm_agent {
	u64 id;
	struct swarm_policy __rcu *policy;
	struct swarm_cgroup *cgroup;
	raw_spinlock_t lock;
	u8 state;
	bool pinned;
	bool listed;
	bool retired;
	bool frozen;
	bool regrouped;
	bool regrouping;
	bool updated;
	u8 end;
	u32 uses;
	u32 nr_members;
	struct list_head members;
	u64 joined;
	u32 range;
	int failed_error;
	const char *failed_step;
	atomic64_t violations;
	atomic64_t audited;
	atomic64_t oom_kills;
	struct swarm_life life;
	struct swarm_flood flood;
	struct llist_node reap;
	struct rcu_head rcu;
	char name[SWARM_NAME_MAX + 1];
};

/* A kernel that checks its locks has more in each, and so other gaps. */
static_assert(IS_ENABLED(CONFIG_DEBUG_SPINLOCK) || sizeof(struct swarm_agent) <= 256);

/* Totals of the module, for "status" and "metrics". */
struct swarm_totals {
	atomic64_t active;
	atomic64_t created;
	atomic64_t destroyed;
	atomic64_t violations;
	atomic64_t frozen;
};

extern struct swarm_totals swarm_totals;
extern struct workqueue_struct *swarm_workqueue;

/* Has any agent got other rules than those that it was made with? */
DECLARE_STATIC_KEY_FALSE(swarm_rules_replaced);

int __init swarm_agents_init(void);
void swarm_agents_clear(void);
void swarm_agents_exit(void);

struct swarm_agent *swarm_agent_alloc(struct swarm_policy *policy, const char *name);
void swarm_agent_publish(struct swarm_agent *agent, struct pid *adopted);
void swarm_agent_discard(struct swarm_agent *agent);
void swarm_agent_skip_id(void);

struct swarm_agent *swarm_agent_find(u64 id);
struct swarm_agent *swarm_agent_next(u64 *id);
struct swarm_agent *swarm_agent_next_near(u64 *id, unsigned int *budget);
u64 swarm_agents_end(void);

struct swarm_agent *swarm_agent_enter(u64 id);
struct swarm_agent *swarm_agent_hold(u64 id);
int swarm_orders_lock(const struct swarm_agent *agent);
void swarm_orders_unlock(const struct swarm_agent *agent);
void swarm_agent_set_frozen(struct swarm_agent *agent, bool frozen);
void swarm_agent_set_policy(struct swarm_agent *agent, struct swarm_policy *policy,
			    bool rules_replaced);
int swarm_agent_use_running(struct swarm_agent *agent);
int swarm_agent_use(struct swarm_agent *agent, enum swarm_state state);
void swarm_agent_list(struct swarm_agent *agent, struct swarm_member *member);
void swarm_agent_unlist(struct swarm_agent *agent, struct swarm_member *member);
void swarm_agent_join(struct swarm_agent *agent, struct list_head *link, bool armed);
struct task_struct *swarm_agent_first(const struct swarm_agent *agent,
				      const struct swarm_member **found, unsigned int *budget);
struct swarm_agent *swarm_agent_keep(u64 id);
void swarm_agent_unuse(struct swarm_agent *agent);
void swarm_agent_leave(struct swarm_agent *agent, struct swarm_member *member, u64 cpu);
int swarm_agent_visit(struct swarm_agent *agent, swarm_visit_fn *visit, void *data);
void swarm_agent_counted(struct swarm_agent *agent);
u64 swarm_agent_life(struct swarm_agent *agent, struct swarm_life *life);
void swarm_agent_retire(struct swarm_agent *agent);
void swarm_agent_doom(struct swarm_agent *agent, enum swarm_end end);
void swarm_agent_stillborn(struct swarm_agent *agent, const char *step, int err);
void swarm_agent_unforked(struct swarm_agent *agent);
int swarm_agent_destroy(u64 id);

int swarm_agent_take_range(struct swarm_agent *agent, struct swarm_policy_error *err);
u32 swarm_agent_first_id(const struct swarm_agent *agent);
u32 __init swarm_agent_ranges(void);

static inline bool swarm_agent_dying(const struct swarm_agent *agent)
{
	return READ_ONCE(agent->state) >= SWARM_DYING;
}

#endif
