// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Agents by id, and their life: registered, armed, running, dying, gone.
 *
 * Creation is serialised by the caller (proc_create.c), so ids rise by one.
 * Everything that ends an agent may happen in a hook that must not sleep; what
 * sleeps (its cgroup, the index) is left to the reaper, which runs on
 * swarm_workqueue and is the only one to touch an agent that is gone.
 *
 * The end of an agent is told with what its cgroup has counted. So an agent that has
 * one stays listed, and active, until a worker has read that; one that has none is told
 * of at once. Telling waits for no removal: it has a work item of its own.
 */
#include <linux/delay.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "agent.h"
#include "cgroup.h"
#include "faults.h"
#include "idrange.h"
#include "member.h"
#include "params.h"
#include "policy_table.h"
#include "refuse.h"
#include "threads.h"
#include "usage.h"

struct swarm_totals swarm_totals;
DEFINE_STATIC_KEY_FALSE(swarm_rules_replaced);
struct workqueue_struct *swarm_workqueue;

static struct kmem_cache *agent_cache;
static DEFINE_XARRAY(agents);
static u64 next_id = 1;

/* Protects ranges; never taken in a hook. */
static DEFINE_MUTEX(ranges_lock);
static struct swarm_idrange ranges;
static u32 *ranges_storage;

/*
 * Orders that change what an agent is, or give it processes, come one at a time; one
 * lock for many agents. Destroying takes none, and so waits for nothing.
 */
static struct mutex orders[64];

/* Agents whose end is to be told, those that are gone, and those whose cgroup still empties. */
static LLIST_HEAD(untold);
static void tell_ends(struct work_struct *work);
static DECLARE_WORK(tell_work, tell_ends);
static LLIST_HEAD(gone);
static LLIST_HEAD(gone_busy);
static void reap(struct work_struct *work);
static DECLARE_WORK(reap_work, reap);
static void reap_again(struct work_struct *work);
static DECLARE_DELAYED_WORK(reap_again_work, reap_again);

static struct mutex *orders_of(const struct swarm_agent *agent)
{
	return &orders[agent->id % ARRAY_SIZE(orders)];
}

/**
 * swarm_orders_lock - let no other order change an agent, or give it processes
 * @agent: the caller holds a use
 *
 * Return: 0, or -EINTR where the caller is being killed.
 */
int swarm_orders_lock(const struct swarm_agent *agent)
{
	return mutex_lock_killable(orders_of(agent));
}

/**
 * swarm_orders_unlock - the reverse
 */
void swarm_orders_unlock(const struct swarm_agent *agent)
{
	mutex_unlock(orders_of(agent));
}

/**
 * swarm_agent_alloc - make an agent that nothing knows of yet
 * @policy: its rules; the reference becomes the agent's
 * @name: its name, SWARM_NAME_MAX + 1 bytes, NUL-padded
 *
 * The agent starts with one use, the caller's, and with the id that
 * swarm_agent_publish() will list it under. The caller serialises creation.
 *
 * Return: the agent; -ENOSPC where max_agents are active; -ENOMEM.
 */
struct swarm_agent *swarm_agent_alloc(struct swarm_policy *policy, const char *name)
{
	struct swarm_agent *agent;
	int err;

	if (atomic64_read(&swarm_totals.active) >= swarm_max_agents)
		return ERR_PTR(-ENOSPC);
	if (next_id > SWARM_ID_MAX)
		return ERR_PTR(-ENOSPC);

	agent = kmem_cache_alloc(agent_cache, GFP_KERNEL_ACCOUNT);
	if (!agent)
		return ERR_PTR(-ENOMEM);

	*agent = (struct swarm_agent){
		.id = next_id,
		.policy = RCU_INITIALIZER(policy),
		.range = SWARM_NO_RANGE,
		.uses = 1,
		.members = LIST_HEAD_INIT(agent->members),
		.flood = SWARM_FLOOD_INIT(agent->flood),
	};
	raw_spin_lock_init(&agent->lock);
	memcpy(agent->name, name, sizeof(agent->name));

	/* Unlisted, so that nobody finds it; listing it cannot fail then. */
	err = xa_err(xa_store(&agents, agent->id, agent, GFP_KERNEL_ACCOUNT));
	if (err) {
		kmem_cache_free(agent_cache, agent);
		return ERR_PTR(err);
	}
	return agent;
}

/**
 * swarm_agent_publish - list an agent, count it, and give up the creator's use
 * @adopted: the process that was adopted for it, or NULL
 *
 * Cannot fail: whatever could was done before. The agent may be gone when this
 * returns, if its first process has ended meanwhile.
 */
void swarm_agent_publish(struct swarm_agent *agent, struct pid *adopted)
{
	WRITE_ONCE(next_id, next_id + 1);
	atomic64_inc(&swarm_totals.created);
	atomic64_inc(&swarm_totals.active);
	/* Whoever finds it sees all that was set before. */
	smp_store_release(&agent->listed, true);
	swarm_event_created(agent);
	if (adopted)
		swarm_event_spawned(agent, SWARM_BY_PID, adopted);
	swarm_agent_unuse(agent);
}

static void put_range(struct swarm_agent *agent)
{
	if (agent->range == SWARM_NO_RANGE)
		return;
	mutex_lock(&ranges_lock);
	swarm_idrange_put(&ranges, agent->range);
	mutex_unlock(&ranges_lock);
	agent->range = SWARM_NO_RANGE;
}

/* To the reaper, which is the only one to touch it from now on. */
static void hand_over(struct swarm_agent *agent)
{
	if (llist_add(&agent->reap, &gone))
		queue_work(swarm_workqueue, &reap_work);
}

static void free_agent(struct rcu_head *rcu)
{
	struct swarm_agent *agent = container_of(rcu, struct swarm_agent, rcu);

	/* Nobody else can find it any more. */
	swarm_policy_put(rcu_dereference_protected(agent->policy, true));
	kmem_cache_free(agent_cache, agent);
}

/**
 * swarm_agent_discard - undo swarm_agent_alloc() for an agent never published
 *
 * Must not have members or an armed thread any more.
 */
void swarm_agent_discard(struct swarm_agent *agent)
{
	if (agent->pinned)
		module_put(THIS_MODULE);
	agent->state = SWARM_GONE;
	swarm_event_forget(agent);
	xa_erase(&agents, agent->id);
	/* Busy only if a process that was to be adopted is still on its way out. */
	if (swarm_cgroup_remove(agent->cgroup) == -EBUSY) {
		/* The directory keeps its name, so nobody else may have it. */
		WRITE_ONCE(next_id, next_id + 1);
		hand_over(agent);
		return;
	}
	put_range(agent);
	call_rcu(&agent->rcu, free_agent);
}

/**
 * swarm_agent_skip_id - let no agent have the id that the next one would have had
 *
 * For the creator, which serialises creation, and must discard its agent.
 */
void swarm_agent_skip_id(void)
{
	next_id++;
}

/* Is it one that anybody but its creator and the reaper may know of? */
static bool known(const struct swarm_agent *agent)
{
	/* Pairs with swarm_agent_publish(). */
	return smp_load_acquire(&agent->listed) && !READ_ONCE(agent->retired);
}

/**
 * swarm_agent_find - the agent with this id, unless its end is told
 *
 * Under rcu_read_lock(), which keeps the agent's memory but not its state.
 *
 * Return: the agent or NULL.
 */
struct swarm_agent *swarm_agent_find(u64 id)
{
	struct swarm_agent *agent = xa_load(&agents, id);

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "agents are found under RCU");
	return agent && known(agent) ? agent : NULL;
}

/**
 * swarm_agent_next - the first agent with at least this id, unless its end is told
 * @id: where to start; set to the id of the agent found
 *
 * Under rcu_read_lock(). Walking the ids upward meets every agent that lives
 * through the whole walk exactly once.
 *
 * Return: the agent or NULL.
 */
struct swarm_agent *swarm_agent_next(u64 *id)
{
	unsigned long index = *id;
	struct swarm_agent *agent;

	xa_for_each_start(&agents, index, agent, *id) {
		if (known(agent)) {
			*id = index;
			return agent;
		}
	}
	return NULL;
}

/**
 * swarm_agent_next_near - swarm_agent_next(), which looks at so many agents at most
 * @id: where to start; set to the id of the agent found, or to where to go on
 * @budget: how many; 0 afterwards where it ended before it had found one
 *
 * Return: the agent or NULL.
 */
struct swarm_agent *swarm_agent_next_near(u64 *id, unsigned int *budget)
{
	unsigned long index = *id;
	struct swarm_agent *agent;

	xa_for_each_start(&agents, index, agent, *id) {
		if (known(agent)) {
			*id = index;
			return agent;
		}
		if (!--*budget) {
			*id = index + 1;
			return NULL;
		}
	}
	return NULL;
}

/**
 * swarm_agents_end - an id above that of every agent there has been so far
 */
u64 swarm_agents_end(void)
{
	return READ_ONCE(next_id);
}

/**
 * swarm_agent_use - take one use of an agent, and the module with it
 * @state: SWARM_ARMED or SWARM_RUNNING, what the agent becomes
 *
 * Return: 0; -EBUSY where it is already armed; -ESRCH where it is dying or
 * gone, or the module is being unloaded.
 */
int swarm_agent_use(struct swarm_agent *agent, enum swarm_state state)
{
	int err = 0;

	raw_spin_lock(&agent->lock);
	if (agent->state >= SWARM_DYING)
		err = -ESRCH;
	else if (state == SWARM_ARMED && agent->state != SWARM_REGISTERED)
		err = -EBUSY;
	else if (!agent->pinned && !try_module_get(THIS_MODULE))
		err = -ESRCH;
	if (!err) {
		agent->pinned = true;
		agent->uses++;
		if (agent->state < state)
			agent->state = state;
	}
	raw_spin_unlock(&agent->lock);
	return err;
}

/**
 * swarm_agent_enter - take one use of an agent that runs
 * @id: the agent's
 *
 * Return: the agent; -EBUSY where it is armed but its first process is still to be
 * forked; -ESRCH where there is none, or it has no process or is dying.
 */
struct swarm_agent *swarm_agent_enter(u64 id)
{
	struct swarm_agent *agent;
	int err = -ESRCH;

	rcu_read_lock();
	agent = swarm_agent_find(id);
	if (agent) {
		raw_spin_lock(&agent->lock);
		if (agent->state == SWARM_ARMED)
			err = -EBUSY;
		if (agent->state == SWARM_RUNNING) {
			err = 0;
			agent->uses++;
		}
		raw_spin_unlock(&agent->lock);
	}
	rcu_read_unlock();
	return err ? ERR_PTR(err) : agent;
}

/**
 * swarm_agent_hold - take one use of an agent, whatever it does
 * @id: the agent's
 *
 * Return: the agent; -ESRCH where there is none, or it is dying.
 */
struct swarm_agent *swarm_agent_hold(u64 id)
{
	struct swarm_agent *agent;
	bool held = false;

	rcu_read_lock();
	agent = swarm_agent_find(id);
	if (agent) {
		raw_spin_lock(&agent->lock);
		held = agent->state < SWARM_DYING;
		if (held)
			agent->uses++;
		raw_spin_unlock(&agent->lock);
	}
	rcu_read_unlock();
	return held ? agent : ERR_PTR(-ESRCH);
}

/**
 * swarm_agent_use_running - take one more use of an agent that has processes
 * @agent: the caller holds a use
 *
 * Return: 0; -EBUSY where its last process has exited; -ESRCH where it is dying.
 */
int swarm_agent_use_running(struct swarm_agent *agent)
{
	int err = 0;

	raw_spin_lock(&agent->lock);
	if (agent->state >= SWARM_DYING)
		err = -ESRCH;
	else if (agent->state != SWARM_RUNNING || !agent->nr_members)
		err = -EBUSY;
	else
		agent->uses++;
	raw_spin_unlock(&agent->lock);
	return err;
}

/**
 * swarm_agent_list - put a process among the members of its agent, with @agent->lock held
 *
 * The first one after a life that is over begins another, and only that one: a thread may
 * be armed in vain.
 */
void swarm_agent_list(struct swarm_agent *agent, struct swarm_member *member)
{
	lockdep_assert_held(&agent->lock);
	if (agent->life.over) {
		agent->life = (struct swarm_life){};
		atomic64_set(&agent->oom_kills, 0);
	}
	if (!agent->life.began) {
		agent->life.began = ktime_get_ns();
		agent->life.counted = !agent->joined;
		member->flags |= SWARM_MEMBER_FIRST;
	}
	agent->life.ended = 0;
	member->nr = agent->joined++;
	WRITE_ONCE(agent->nr_members, agent->nr_members + 1);
	list_add_tail_rcu(&member->link, &agent->members);
}

/**
 * swarm_agent_unlist - the reverse, with @agent->lock held
 */
void swarm_agent_unlist(struct swarm_agent *agent, struct swarm_member *member)
{
	lockdep_assert_held(&agent->lock);
	WRITE_ONCE(agent->nr_members, agent->nr_members - 1);
	list_del_rcu(&member->link);
	/* Also behind one that had exited by the time it was listed. */
	if (!agent->nr_members)
		agent->life.ended = ktime_get_ns();
}

/**
 * swarm_agent_join - count a process that was forked into an agent
 * @link: its entry of the agent's members
 * @armed: the use of the thread that was armed for it becomes its own
 *
 * Never sleeps. Also for an agent that is dying: the child kills itself then.
 */
void swarm_agent_join(struct swarm_agent *agent, struct list_head *link, bool armed)
{
	raw_spin_lock(&agent->lock);
	if (!armed)
		agent->uses++;
	if (agent->state < SWARM_RUNNING)
		agent->state = SWARM_RUNNING;
	swarm_agent_list(agent, list_entry(link, struct swarm_member, link));
	raw_spin_unlock(&agent->lock);
}

static bool is_exiting(const struct task_struct *task)
{
	return READ_ONCE(task->flags) & PF_EXITING;
}

/**
 * swarm_agent_first - the thread that says where an agent is
 * @found: set to its process's entry
 * @budget: how many processes are looked at, at most; what is left of it
 *
 * The first thread of the agent's first process, or of the oldest one left, but for
 * processes that may be elsewhere. Whose first thread is exiting has left the namespaces
 * with it, as /proc shows them; but it may stay as long as its others do, so where all
 * processes that are looked at are such ones, it is another thread of the oldest. Under
 * rcu_read_lock().
 *
 * Return: the thread; NULL where none was found.
 */
struct task_struct *swarm_agent_first(const struct swarm_agent *agent,
				      const struct swarm_member **found, unsigned int *budget)
{
	struct task_struct *leader, *other = NULL;
	const struct swarm_member *member;
	unsigned int looks = 0;

	list_for_each_entry_rcu(member, &agent->members, link) {
		if (!*budget)
			break;
		--*budget;
		if (READ_ONCE(member->flags) & SWARM_MEMBER_UNPLACED)
			continue;
		leader = pid_task(member->pid, PIDTYPE_TGID);
		if (!leader)
			continue;
		if (!is_exiting(leader)) {
			*found = member;
			return leader;
		}
		if (other)
			continue;
		other = swarm_thread_living(leader, &looks);
		if (other)
			*found = member;
	}
	return other;
}

static bool persists(const struct swarm_agent *agent)
{
	bool answer;

	rcu_read_lock();
	answer = swarm_rules_of(agent)->persist;
	rcu_read_unlock();
	return answer;
}

static void set_frozen(struct swarm_agent *agent, bool frozen)
{
	lockdep_assert_held(&agent->lock);
	if (agent->frozen == frozen)
		return;
	WRITE_ONCE(agent->frozen, frozen);
	atomic64_add(frozen ? 1 : -1, &swarm_totals.frozen);
}

/**
 * swarm_agent_set_frozen - remember whether an agent's processes are to be stopped
 *
 * An agent without processes has none to stop.
 */
void swarm_agent_set_frozen(struct swarm_agent *agent, bool frozen)
{
	raw_spin_lock(&agent->lock);
	set_frozen(agent, frozen && agent->state == SWARM_RUNNING);
	raw_spin_unlock(&agent->lock);
}

/* From now on all hooks ask again; not before, even if another thread is at it. */
static void have_rechecked(void)
{
	static bool patched;

	/* Pairs with the release below: all hooks are patched then. */
	if (smp_load_acquire(&patched))
		return;
	static_branch_enable(&swarm_rules_replaced);
	/* Pairs with the acquire above. */
	smp_store_release(&patched, true);
}

/**
 * swarm_agent_set_policy - give an agent another policy
 * @policy: with its rules and limits; the reference becomes the agent's
 * @rules_replaced: are any rules of it other than before? Limits are none.
 *
 * By whoever holds its orders. All its processes have the new rules at one instant: a
 * call that the old ones have allowed as a whole goes on, and one of which they have
 * allowed a part is decided on by the new ones (swarm_allowed()).
 */
void swarm_agent_set_policy(struct swarm_agent *agent, struct swarm_policy *policy,
			    bool rules_replaced)
{
	lockdep_assert_held(orders_of(agent));
	if (rules_replaced) {
		/* Both before the rules: pairs with swarm_syscall_recheck(). */
		have_rechecked();
		WRITE_ONCE(agent->updated, true);
	}
	policy = rcu_replace_pointer(agent->policy, policy, lockdep_is_held(orders_of(agent)));
	swarm_policy_put(policy);
}

static bool last_use(struct swarm_agent *agent)
{
	lockdep_assert_held(&agent->lock);
	if (agent->state == SWARM_REGISTERED)
		return false;
	if (agent->state != SWARM_DYING && persists(agent)) {
		agent->state = SWARM_REGISTERED;
		agent->life.over = true;
		/* Whoever comes next runs (swarm_cgroup_create()). */
		set_frozen(agent, false);
		return false;
	}
	agent->state = SWARM_GONE;
	return true;
}

/**
 * swarm_agent_retire - an agent is listed and counted as active no more
 *
 * Called with the lock of the events held, by which its end is told.
 */
void swarm_agent_retire(struct swarm_agent *agent)
{
	atomic64_dec(&swarm_totals.active);
	atomic64_inc(&swarm_totals.destroyed);
	if (agent->frozen)
		atomic64_dec(&swarm_totals.frozen);
	WRITE_ONCE(agent->retired, true);
}

#define TELL_TRIES	10
#define TELL_WAIT_MS	10

/*
 * An end is told once, so what memory is too short for is tried again for a while; what
 * is not known then is left out.
 */
static void find_usage(const struct swarm_agent *agent, struct swarm_usage *usage)
{
	int tries = TELL_TRIES;

	swarm_faults_begin(SWARM_FAULTY_END);
	while (swarm_usage_at_end(agent, usage) == -ENOMEM && --tries)
		msleep(TELL_WAIT_MS);
	swarm_faults_end();
}

static void tell_ends(struct work_struct *work)
{
	/* In the order in which they have ended. */
	struct llist_node *list = llist_reverse_order(llist_del_all(&untold));
	struct swarm_agent *agent, *next;
	struct swarm_usage usage;

	llist_for_each_entry_safe(agent, next, list, reap) {
		find_usage(agent, &usage);
		/* Of a life whose first process has not run, the files know nothing. */
		swarm_event_destroyed(agent, agent->life.counted ? &usage : NULL);
		hand_over(agent);
		cond_resched();
	}
}

static void gone_now(struct swarm_agent *agent)
{
	/* Nobody gives it one any more. */
	if (!agent->cgroup) {
		swarm_event_destroyed(agent, NULL);
		hand_over(agent);
	} else if (llist_add(&agent->reap, &untold)) {
		queue_work(swarm_workqueue, &tell_work);
	}
}

/* A process takes what is known of it out of the agent. */
static void end_membership(struct swarm_agent *agent, struct swarm_member *member, u64 cpu)
{
	struct swarm_life *life = &agent->life;

	swarm_agent_unlist(agent, member);
	life->cpu += cpu;
	if (!life->first_left)
		life->status = member->status;
	if (member->flags & SWARM_MEMBER_FIRST)
		life->first_left = true;
}

/* Give up one use, and with it the place among the members that @member has, if any. */
static __always_inline void give_up(struct swarm_agent *agent, struct swarm_member *member,
				    u64 cpu)
{
	bool ends = false, unpin = false;

	raw_spin_lock(&agent->lock);
	if (member)
		end_membership(agent, member, cpu);
	if (!--agent->uses) {
		ends = last_use(agent);
		unpin = agent->pinned;
		agent->pinned = false;
	}
	raw_spin_unlock(&agent->lock);

	if (ends)
		gone_now(agent);
	if (unpin)
		module_put(THIS_MODULE);
}

/**
 * swarm_agent_unuse - give up one use
 *
 * Never sleeps. With the last use the agent is gone (or registered again) and
 * lets go of the module. That is safe here although this is the module's own
 * code: a caller is a tracepoint's callback, a handler of /proc/swarm, the task work
 * of an exiting process or the worker that waits for its threads (track.c), and
 * unloading waits for all of them, then for the reaper. A caller must not sleep
 * behind this in task work: that would end the wait (synchronize_rcu_tasks()).
 */
void swarm_agent_unuse(struct swarm_agent *agent)
{
	give_up(agent, NULL, 0);
}

/**
 * swarm_agent_leave - a process is a member no more; gives up its use
 * @member: its entry
 * @cpu: how long it ran as a member, in nanoseconds
 *
 * As swarm_agent_unuse().
 */
void swarm_agent_leave(struct swarm_agent *agent, struct swarm_member *member, u64 cpu)
{
	give_up(agent, member, cpu);
}

/**
 * swarm_agent_life - what is known of the processes that an agent has had
 * @life: set to it
 *
 * Return: how many have left it, ever.
 */
u64 swarm_agent_life(struct swarm_agent *agent, struct swarm_life *life)
{
	u64 left;

	raw_spin_lock(&agent->lock);
	*life = agent->life;
	left = agent->joined - agent->nr_members;
	raw_spin_unlock(&agent->lock);
	return left;
}

/**
 * swarm_agent_counted - from now on the agent's cgroup tells what is used in this life
 *
 * By the first process of the life, which is alive.
 */
void swarm_agent_counted(struct swarm_agent *agent)
{
	raw_spin_lock(&agent->lock);
	agent->life.counted = true;
	raw_spin_unlock(&agent->lock);
}

static int kill_member(struct swarm_member *member, void *data, unsigned int *looks)
{
	kill_pid(member->pid, SIGKILL, 1);
	return 0;
}

/*
 * Those who had joined before @end, which are no more than SWARM_LISTED_MAX. No RCU read
 * lock is held for longer than so many looks take, and one process's beyond: the search
 * goes on behind the last that was visited.
 */
static int visit_listed(struct swarm_agent *agent, u64 end, swarm_visit_fn *visit, void *data)
{
	struct swarm_member *member;
	unsigned int looks;
	u64 next = 0;
	int ret = 0;

	do {
		cond_resched();
		looks = 0;
		rcu_read_lock();
		list_for_each_entry_rcu(member, &agent->members, link) {
			if (ret || member->nr >= end || looks >= SWARM_LISTED_MAX)
				break;
			if (member->nr < next)
				continue;
			next = member->nr + 1;
			ret = visit(member, data, &looks);
		}
		rcu_read_unlock();
	} while (!ret && looks >= SWARM_LISTED_MAX);
	return ret;
}

/**
 * swarm_agent_visit - visit each member of an agent
 * @agent: the caller holds a use
 * @visit: called under rcu_read_lock(), with a count of looks to raise by each that took
 *	   long; not 0: that is all
 * @data: handed on
 *
 * In the list, or, if that is long, in the table of all members, which is in no order. Who
 * joins meanwhile need not be found. Sleeps.
 *
 * Return: what @visit returned last.
 */
int swarm_agent_visit(struct swarm_agent *agent, swarm_visit_fn *visit, void *data)
{
	u64 end;
	bool few;

	raw_spin_lock(&agent->lock);
	few = agent->nr_members <= SWARM_LISTED_MAX;
	end = agent->joined;
	raw_spin_unlock(&agent->lock);
	return few ? visit_listed(agent, end, visit, data) :
		     swarm_members_of(agent->id, visit, data);
}

/* Those who had joined before @end: no more than the agent's list has. */
static void kill_listed(struct swarm_agent *agent, u64 end)
{
	struct swarm_member *member;

	rcu_read_lock();
	list_for_each_entry_rcu(member, &agent->members, link) {
		if (member->nr >= end)
			break;
		kill_pid(member->pid, SIGKILL, 1);
	}
	rcu_read_unlock();
}

/**
 * swarm_agent_doom - mark an agent as dying and send its processes SIGKILL
 * @end: why, unless it is dying already
 *
 * The caller has a use of the agent, and may sleep. Whoever joins after the mark kills
 * itself before it runs (spawn.c), so nobody is missed.
 *
 * An agent may have more processes than one RCU read lock should be held for. Beyond
 * SWARM_LISTED_MAX they are found in the table of all members, a few buckets at a time:
 * an entry keeps its bucket for as long as it is in the table, so going on with the next
 * one passes over nobody, however many processes come and go between two of them. Who
 * leaves the table meanwhile is exiting. Who comes into a bucket that was searched
 * already has joined after the mark, or sees it: see swarm_member_add_child().
 */
void swarm_agent_doom(struct swarm_agent *agent, enum swarm_end end)
{
	u64 joined;
	bool few;

	raw_spin_lock(&agent->lock);
	if (agent->state < SWARM_DYING) {
		agent->state = SWARM_DYING;
		agent->end = end;
	}
	few = agent->nr_members <= SWARM_LISTED_MAX;
	joined = agent->joined;
	raw_spin_unlock(&agent->lock);

	if (few) {
		kill_listed(agent, joined);
		return;
	}
	/* The mark before the search, as a joining process does the reverse. */
	smp_mb();
	swarm_members_of(agent->id, kill_member, NULL);
}

/**
 * swarm_agent_stillborn - a step of an agent's birth failed: it dies, unrun
 * @step: which, a string that lasts
 * @err: negative errno
 *
 * Called by the first process, of which there is one.
 */
void swarm_agent_stillborn(struct swarm_agent *agent, const char *step, int err)
{
	agent->failed_step = step;
	agent->failed_error = err;
	swarm_event_stillborn(agent);
	swarm_agent_doom(agent, SWARM_END_BIRTH);
}

/**
 * swarm_agent_unforked - the thread armed for an agent exits without forking
 *
 * Its use is still the agent's; that it goes is what ends the agent.
 */
void swarm_agent_unforked(struct swarm_agent *agent)
{
	raw_spin_lock(&agent->lock);
	if (agent->state < SWARM_DYING)
		agent->end = SWARM_END_UNFORKED;
	raw_spin_unlock(&agent->lock);
}

/**
 * swarm_agent_keep - take one use of an agent, even of one that is dying
 * @id: the agent's
 *
 * Neither it nor its cgroup can go until swarm_agent_unuse().
 *
 * Return: the agent; -EBUSY where it is gone and its end is about to be told; -ESRCH
 * where there is none.
 */
struct swarm_agent *swarm_agent_keep(u64 id)
{
	struct swarm_agent *agent;
	int err = -ESRCH;

	rcu_read_lock();
	agent = swarm_agent_find(id);
	if (agent) {
		raw_spin_lock(&agent->lock);
		err = -EBUSY;
		if (agent->state != SWARM_GONE) {
			agent->uses++;
			err = 0;
		}
		raw_spin_unlock(&agent->lock);
	}
	rcu_read_unlock();
	return err ? ERR_PTR(err) : agent;
}

/**
 * swarm_agent_destroy - end an agent on request
 *
 * A registered agent is gone at once, one with processes as soon as the last of them
 * has exited and let go of all it had. One that is armed is gone when the thread
 * that is armed for it has been answered: its next fork fails with ECANCELED (or, if
 * it has passed the hook already, yields a child that dies unrun), or it exits.
 *
 * Return: 0, or -ESRCH where there is no such agent.
 */
int swarm_agent_destroy(u64 id)
{
	/* A use of our own, so that the agent cannot go between two steps. */
	struct swarm_agent *agent = swarm_agent_keep(id);
	bool told_later;

	/* It is still listed, so this is no mistake of the caller's. */
	if (agent == ERR_PTR(-EBUSY))
		return 0;
	if (IS_ERR(agent))
		return PTR_ERR(agent);

	/* One that persists has kept its cgroup; one that was not armed in the end has it, too. */
	told_later = READ_ONCE(agent->state) == SWARM_REGISTERED && READ_ONCE(agent->cgroup);
	swarm_agent_doom(agent, SWARM_END_REQUEST);
	swarm_agent_unuse(agent);
	if (told_later)
		flush_work(&tell_work);
	return 0;
}

/**
 * swarm_agent_take_range - give an agent a range of ids of its own
 * @err: filled where none is left
 *
 * Return: 0, or -ENOSPC.
 */
int swarm_agent_take_range(struct swarm_agent *agent, struct swarm_policy_error *err)
{
	bool taken;

	if (agent->range != SWARM_NO_RANGE)
		return 0;
	mutex_lock(&ranges_lock);
	taken = swarm_idrange_get(&ranges, &agent->range);
	if (!taken)
		agent->range = SWARM_NO_RANGE;
	mutex_unlock(&ranges_lock);
	if (taken)
		return 0;
	return swarm_refuse(err, -ENOSPC, "spawn",
			    "agents use all %u ranges of %u user ids (id_base, id_count), but a birth needs one; end agents, or load the module with a smaller id_count",
			    ranges.total, swarm_id_count);
}

/**
 * swarm_agent_first_id - the id outside that is root inside the agent
 */
u32 swarm_agent_first_id(const struct swarm_agent *agent)
{
	return swarm_id_base + agent->range * swarm_id_count;
}

static void reap_one(struct swarm_agent *agent)
{
	int err;

	swarm_faults_begin(SWARM_FAULTY_REMOVAL);
	err = swarm_cgroup_remove(agent->cgroup);
	swarm_faults_end();
	/* Its last process may still be on its way out of the cgroup. */
	if (err == -EBUSY) {
		llist_add(&agent->reap, &gone_busy);
		return;
	}
	WRITE_ONCE(agent->cgroup, NULL);
	put_range(agent);
	/* One that was never published is not in there. */
	xa_cmpxchg(&agents, agent->id, agent, NULL, 0);
	call_rcu(&agent->rcu, free_agent);
}

static void reap_list(struct llist_node *list)
{
	struct swarm_agent *agent, *next;

	llist_for_each_entry_safe(agent, next, list, reap)
		reap_one(agent);
}

/*
 * Mostly a cgroup is busy for a moment. It stays so for as long as an administrator
 * keeps other processes in it, so it is asked ever less often.
 */
static unsigned long busy_delay;

static void reap(struct work_struct *work)
{
	reap_list(llist_del_all(&gone));
	if (llist_empty(&gone_busy))
		return;
	WRITE_ONCE(busy_delay, 1);
	mod_delayed_work(swarm_workqueue, &reap_again_work, 1);
}

static void reap_again(struct work_struct *work)
{
	unsigned long delay = min(2 * READ_ONCE(busy_delay), HZ);

	reap_list(llist_del_all(&gone_busy));
	WRITE_ONCE(busy_delay, delay);
	if (!llist_empty(&gone_busy))
		queue_delayed_work(swarm_workqueue, &reap_again_work, delay);
}

/**
 * swarm_agent_ranges - how many ranges of ids there can be
 */
u32 __init swarm_agent_ranges(void)
{
	return (U32_MAX - swarm_id_base) / swarm_id_count;
}

/* How many ranges: enough for every agent twice over, as far as ids reach. */
static u32 __init range_total(void)
{
	return min_t(u64, swarm_agent_ranges(), 2ULL * swarm_max_agents + 64);
}

int __init swarm_agents_init(void)
{
	u32 total = range_total();
	int i;

	for (i = 0; i < ARRAY_SIZE(orders); i++)
		mutex_init(&orders[i]);
	ranges_storage = vmalloc_array(total, sizeof(*ranges_storage));
	if (!ranges_storage)
		return -ENOMEM;
	swarm_idrange_init(&ranges, ranges_storage, total);

	agent_cache = KMEM_CACHE(swarm_agent, SLAB_HWCACHE_ALIGN);
	if (!agent_cache)
		goto free_storage;

	swarm_workqueue = alloc_workqueue("swarm_guard", WQ_UNBOUND, 0);
	if (!swarm_workqueue)
		goto free_cache;
	return 0;

free_cache:
	kmem_cache_destroy(agent_cache);
free_storage:
	vfree(ranges_storage);
	return -ENOMEM;
}

/* Waits a second for a cgroup to empty, and leaves it behind if it does not. */
static void remove_cgroup_at_exit(struct swarm_agent *agent)
{
	int tries;

	for (tries = 0; tries < 100; tries++) {
		if (swarm_cgroup_remove(agent->cgroup) != -EBUSY)
			return;
		fsleep(10 * USEC_PER_MSEC);
	}
	swarm_cgroup_abandon(agent->cgroup);
}

/**
 * swarm_agents_clear - free every agent
 *
 * For unloading: the hooks and /proc/swarm are gone, so no agent has a process
 * and none can be created; registered ones are left, and gone ones whose cgroup
 * still empties.
 */
void swarm_agents_clear(void)
{
	struct swarm_agent *agent, *next;
	unsigned long index;

	flush_work(&tell_work);
	flush_work(&reap_work);
	cancel_delayed_work_sync(&reap_again_work);

	llist_for_each_entry_safe(agent, next, llist_del_all(&gone_busy), reap) {
		remove_cgroup_at_exit(agent);
		xa_cmpxchg(&agents, agent->id, agent, NULL, 0);
		call_rcu(&agent->rcu, free_agent);
	}
	xa_for_each(&agents, index, agent) {
		WARN_ON_ONCE(agent->uses);
		remove_cgroup_at_exit(agent);
		xa_erase(&agents, index);
		call_rcu(&agent->rcu, free_agent);
	}
	xa_destroy(&agents);
}

void swarm_agents_exit(void)
{
	/* Agents on their way out, then policies. The last of one leaves its files to a worker. */
	rcu_barrier();
	rcu_barrier();
	destroy_workqueue(swarm_workqueue);
	kmem_cache_destroy(agent_cache);
	vfree(ranges_storage);
}
