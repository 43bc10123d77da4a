// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Breaking things on purpose, to prove that the oracle sees it:
 *
 *   hide PID        unlink a member from swarm_guard's table
 *   forge ID PID    make a member of a process that has nothing to do with agent ID
 *   mistake ID PID  change the ledger: PID descends from agent ID, and its home is
 *                   where the caller is
 *   rules ID        let agent ID have no capability and no way to more privileges, by a
 *                   policy that its processes were not born under
 *   restore         undo it; before the process exits
 *   count ID N      let agent ID have N violations, and as many that were audited; this
 *                   stays, and is nothing that the oracle looks at
 *   hold            let no grace period of RCU end until it is told to "release"
 *   release         the reverse
 *   barrier         wait until all that waits for a grace period has had one
 *
 * Takes none of swarm_guard's locks but the agent's: for a guest at rest.
 */
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "agent.h"
#include "oracle.h"
#include "policy_table.h"

/* Less than what the kernel calls a stall, in jiffies. */
#define HOLD_MAX	(18 * HZ)

static bool held;

static DEFINE_MUTEX(lock);
/* Held as long as something of it is broken. */
static const struct swarm_view *view;
static struct swarm_member *hidden;
static struct swarm_member forged;
/* Whose record was changed, and how it was. */
static struct task_struct *mistaken;
static struct oracle_record truth;
/* Whose policy was replaced, by which one, and what it was. */
static struct swarm_agent *tightened;
static struct swarm_policy *tight, *former;

/* Under RCU. */
static struct swarm_agent *find_agent(const struct swarm_view *guard, u64 id)
{
	struct swarm_agent *agent;
	u64 at = id;

	agent = guard->next_agent(&at);
	return at == id ? agent : NULL;
}

static int hide(const struct signal_struct *signal)
{
	rcu_read_lock();
	hidden = oracle_member(view, signal);
	if (hidden)
		hlist_del_rcu(&hidden->node);
	rcu_read_unlock();
	return hidden ? 0 : -ESRCH;
}

static int forge(u64 id, struct task_struct *leader)
{
	struct swarm_agent *agent;
	unsigned long flags;

	rcu_read_lock();
	agent = find_agent(view, id);
	rcu_read_unlock();
	if (!agent)
		return -ESRCH;
	forged = (struct swarm_member){
		.signal = leader->signal,
		.agent = agent,
		.pid = get_pid(task_tgid(leader)),
		.flags = SWARM_MEMBER_SPAWNED,
	};
	raw_spin_lock_irqsave(&agent->lock, flags);
	list_add_tail_rcu(&forged.link, &agent->members);
	raw_spin_unlock_irqrestore(&agent->lock, flags);
	hlist_add_head_rcu(&forged.node, view->bucket(forged.signal));
	return 0;
}

static int mistake(u64 id, struct task_struct *leader)
{
	struct oracle_record lie = { .agent = id, .nr = leader->tgid };

	if (!ledger_find(leader->signal, &truth))
		return -ESRCH;
	lie.home = oracle_home_of(current->nsproxy, current_cred(), task_active_pid_ns(current));
	ledger_remove(leader->signal);
	ledger_add(leader->signal, &lie);
	mistaken = leader;
	get_task_struct(mistaken);
	return 0;
}

static int tighten(u64 id)
{
	tight = kmalloc(sizeof(*tight), GFP_KERNEL);
	if (!tight)
		return -ENOMEM;
	rcu_read_lock();
	tightened = find_agent(view, id);
	if (tightened) {
		former = rcu_dereference(tightened->policy);
		*tight = *former;
		tight->rules.capabilities = 0;
		tight->rules.no_new_privs = 1;
		rcu_assign_pointer(tightened->policy, tight);
	}
	rcu_read_unlock();
	return tightened ? 0 : -ESRCH;
}

static void restore(void)
{
	unsigned long flags;

	if (hidden)
		hlist_add_head_rcu(&hidden->node, view->bucket(hidden->signal));
	if (forged.pid) {
		hlist_del_rcu(&forged.node);
		raw_spin_lock_irqsave(&forged.agent->lock, flags);
		list_del_rcu(&forged.link);
		raw_spin_unlock_irqrestore(&forged.agent->lock, flags);
		synchronize_rcu();
		put_pid(forged.pid);
	}
	if (mistaken) {
		ledger_remove(mistaken->signal);
		ledger_add(mistaken->signal, &truth);
		put_task_struct(mistaken);
	}
	if (tightened) {
		rcu_assign_pointer(tightened->policy, former);
		synchronize_rcu();
	}
	kfree(tight);
	hidden = NULL;
	forged = (struct swarm_member){};
	mistaken = NULL;
	tightened = NULL;
	tight = NULL;
	if (view)
		symbol_put(swarm_view);
	view = NULL;
}

static int break_it(const char *order)
{
	struct task_struct *leader;
	int err = -EINVAL;
	char what[16];
	int id, nr;
	u64 agent;

	if (sscanf(order, "rules %llu", &agent) == 1)
		return tighten(agent);
	/* "hide" has one number only. */
	if (sscanf(order, "%15s %d %d", what, &id, &nr) < 3 &&
	    sscanf(order, "%15s %d", what, &nr) < 2)
		return -EINVAL;
	rcu_read_lock();
	leader = pid_task(find_vpid(nr), PIDTYPE_TGID);
	if (leader)
		get_task_struct(leader);
	rcu_read_unlock();
	if (!leader)
		return -ESRCH;
	if (!strcmp(what, "hide"))
		err = hide(leader->signal);
	else if (!strcmp(what, "forge"))
		err = forge(id, leader);
	else if (!strcmp(what, "mistake"))
		err = mistake(id, leader);
	put_task_struct(leader);
	return err;
}

static int count(u64 id, u64 nr)
{
	const struct swarm_view *guard = symbol_get(swarm_view);
	struct swarm_agent *agent;

	if (!guard)
		return -ESRCH;
	rcu_read_lock();
	agent = find_agent(guard, id);
	if (agent) {
		atomic64_set(&agent->violations, nr);
		atomic64_set(&agent->audited, nr);
	}
	rcu_read_unlock();
	symbol_put(swarm_view);
	return agent ? 0 : -ESRCH;
}

/* Busy, since whoever reads under RCU may not sleep; the other CPUs go on. */
static int hold(void)
{
	unsigned long end = jiffies + HOLD_MAX;

	WRITE_ONCE(held, true);
	rcu_read_lock();
	while (READ_ONCE(held) && time_before(jiffies, end))
		cpu_relax();
	rcu_read_unlock();
	return READ_ONCE(held) ? -ETIMEDOUT : 0;
}

void oracle_restore(void)
{
	mutex_lock(&lock);
	restore();
	mutex_unlock(&lock);
}

/**
 * oracle_sabotage - carry out an order
 *
 * Return: 0; -EINVAL; -ENOMEM; -EBUSY where something is broken already; -ESRCH where there
 * is no such agent, process or member, or no swarm_guard; -ETIMEDOUT where nobody has
 * released what was held.
 */
int oracle_sabotage(char *order)
{
	u64 id, nr;
	int err;

	if (!strcmp(order, "restore")) {
		oracle_restore();
		return 0;
	}
	if (!strcmp(order, "hold"))
		return hold();
	if (!strcmp(order, "release")) {
		WRITE_ONCE(held, false);
		return 0;
	}
	if (!strcmp(order, "barrier")) {
		rcu_barrier();
		return 0;
	}
	if (sscanf(order, "count %llu %llu", &id, &nr) == 2)
		return count(id, nr);
	mutex_lock(&lock);
	err = view ? -EBUSY : 0;
	if (!err) {
		view = symbol_get(swarm_view);
		err = view ? break_it(order) : -ESRCH;
		if (err)
			restore();
	}
	mutex_unlock(&lock);
	return err;
}
