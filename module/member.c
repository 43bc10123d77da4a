// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Processes of agents, in a table of fixed size, and the forks that are
 * promised to an agent, in another.
 *
 * Every function that a hook calls takes raw locks only and allocates nothing:
 * entries come from a pool that a worker, or the forking process itself once
 * it is out of the hook, keeps filled.
 */
#include <linux/log2.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "agent.h"
#include "member.h"
#include "params.h"
#include "usage.h"

#define LOCK_BITS	8
/* So that all of a bucket have one lock, see swarm_member_lock(). */
#define TABLE_BITS_MIN	10
#define RESERVED_BITS	10
/* The table is searched until so many buckets or entries were looked at in one go. */
#define LOOK_MAX	256
/* Below the one the worker refills, up to the other. */
#define POOL_LOW	256
#define POOL_HIGH	1024
/* What a process that found the pool empty adds to it. */
#define POOL_STEP	32

struct swarm_member_table swarm_members;
atomic_t swarm_nr_members = ATOMIC_INIT(0);
atomic_t swarm_nr_reserved = ATOMIC_INIT(0);
atomic_t swarm_nr_armed = ATOMIC_INIT(0);

static raw_spinlock_t locks[1 << LOCK_BITS];

static struct {
	raw_spinlock_t lock;
	struct hlist_head head;
} reserved[1 << RESERVED_BITS];

/**
 * struct pool - entries for children to come
 * @lock: of @free; taken in hooks, hence raw, but never in an interrupt
 * @free: those that are taken from
 * @nr: how many
 */
static struct {
	raw_spinlock_t lock;
	struct llist_node *free;
	unsigned int nr;
} pool;

static struct kmem_cache *member_cache;
static void refill(struct work_struct *work);
static DECLARE_WORK(refill_work, refill);

/* The pool */

/**
 * swarm_member_alloc - an entry from the allocator; may sleep as @gfp says
 */
struct swarm_member *swarm_member_alloc(gfp_t gfp)
{
	return kmem_cache_zalloc(member_cache, gfp);
}

/**
 * swarm_member_from_pool - an entry without allocating, in a hook
 * Return: an entry, all zero but for its place in the pool, or NULL.
 */
struct swarm_member *swarm_member_from_pool(void)
{
	struct llist_node *node;
	bool low;

	raw_spin_lock(&pool.lock);
	node = pool.free;
	if (node) {
		pool.free = node->next;
		WRITE_ONCE(pool.nr, pool.nr - 1);
	}
	low = pool.nr < POOL_LOW;
	raw_spin_unlock(&pool.lock);

	if (low)
		queue_work(swarm_workqueue, &refill_work);
	return node ? llist_entry(node, struct swarm_member, pooled) : NULL;
}

static int refill_to(unsigned int nr)
{
	struct swarm_member *member;

	while (READ_ONCE(pool.nr) < nr) {
		member = swarm_member_alloc(GFP_KERNEL);
		if (!member)
			return -ENOMEM;
		raw_spin_lock(&pool.lock);
		member->pooled.next = pool.free;
		pool.free = &member->pooled;
		WRITE_ONCE(pool.nr, pool.nr + 1);
		raw_spin_unlock(&pool.lock);
		cond_resched();
	}
	return 0;
}

static void refill(struct work_struct *work)
{
	refill_to(POOL_HIGH);
}

/**
 * swarm_member_refill - fill the pool so that a fork can go on
 *
 * For a process that found the pool empty in a hook and has left the hook since.
 *
 * Return: 0 or -ENOMEM.
 */
int swarm_member_refill(void)
{
	return refill_to(POOL_STEP);
}

static void release(struct rcu_head *rcu)
{
	struct swarm_member *member = container_of(rcu, struct swarm_member, rcu);

	put_pid(member->pid);
	kmem_cache_free(member_cache, member);
}

/**
 * swarm_member_free - give an entry back; from any context
 *
 * Readers may still be at it, so it is freed after a grace period, by RCU's own
 * callback: RCU speeds up where many of them pile up.
 */
void swarm_member_free(struct swarm_member *member)
{
	call_rcu(&member->rcu, release);
}

/* The table */

/**
 * swarm_member_lock - the lock of the bucket that a process is in, if it is a member
 *
 * Chosen by the first bits of the hash that chooses the bucket: whoever are in one bucket
 * change one chain, so they must have one lock.
 */
raw_spinlock_t *swarm_member_lock(const struct signal_struct *signal)
{
	static_assert(LOCK_BITS <= TABLE_BITS_MIN);
	return &locks[swarm_member_hash(signal) >> (64 - LOCK_BITS)];
}

/**
 * swarm_member_add - make a process a member
 * @member: the entry, with @member->agent and flags set; the caller has taken a
 *	    use of the agent for it, which becomes the entry's
 * @leader: the process; it cannot be freed during the call
 *
 * From a process's context.
 *
 * Return: 0; -EBUSY where it is a member already; -ESRCH where it has exited. The
 * entry and the use are the caller's again after an error.
 */
int swarm_member_add(struct swarm_member *member, struct task_struct *leader)
{
	struct swarm_agent *agent = member->agent;
	const struct signal_struct *signal = leader->signal;
	raw_spinlock_t *lock = swarm_member_lock(signal);
	int err = 0;

	member->signal = signal;
	member->pid = get_pid(task_tgid(leader));
	member->cpu_before = swarm_usage_cpu_of(leader);

	raw_spin_lock(lock);
	if (swarm_member_find(signal)) {
		err = -EBUSY;
	} else {
		raw_spin_lock(&agent->lock);
		swarm_agent_list(agent, member);
		raw_spin_unlock(&agent->lock);
		hlist_add_head_rcu(&member->node, swarm_member_bucket(signal));
		atomic_inc(&swarm_nr_members);
		/*
		 * The last thread decrements live, with a full barrier, before
		 * sched_process_exit looks the entry up. Either it finds the
		 * entry or we see that it has gone.
		 */
		smp_mb();
		if (!atomic_read(&signal->live)) {
			err = -ESRCH;
			hlist_del_rcu(&member->node);
			raw_spin_lock(&agent->lock);
			swarm_agent_unlist(agent, member);
			raw_spin_unlock(&agent->lock);
			atomic_dec(&swarm_nr_members);
		}
	}
	raw_spin_unlock(lock);
	return err;
}

/**
 * swarm_member_add_child - make a process that was just forked a member
 * @member: the entry, with @member->agent and flags set
 * @child: the process, which has not been woken: it can be no member yet, nor exit
 * @armed: its parent was armed for it, and its parent's use becomes its own
 *
 * Never sleeps.
 */
void swarm_member_add_child(struct swarm_member *member, struct task_struct *child, bool armed)
{
	const struct signal_struct *signal = child->signal;
	raw_spinlock_t *lock = swarm_member_lock(signal);

	member->signal = signal;
	member->pid = get_pid(task_tgid(child));
	member->place = 0;

	raw_spin_lock(lock);
	/* An adoption would have come first only before it was woken, and is refused then. */
	WARN_ON_ONCE(swarm_member_find(signal));
	swarm_agent_join(member->agent, &member->link, armed);
	hlist_add_head_rcu(&member->node, swarm_member_bucket(signal));
	raw_spin_unlock(lock);
	atomic_inc(&swarm_nr_members);
	/*
	 * Whoever dooms the agent marks it, then searches the table. Either it finds
	 * this entry, or swarm_spawn_child() sees the mark.
	 */
	smp_mb__after_atomic();
}

static __always_inline void unlink_member(struct swarm_member *member)
{
	lockdep_assert_held(swarm_member_lock(member->signal));
	hlist_del_rcu(&member->node);
	atomic_dec(&swarm_nr_members);
}

/**
 * swarm_member_remove - a process has exited: no rule is its any more
 *
 * One that was to join its agent has its launcher's files still, and stays in the table,
 * out of the agent's reach, until swarm_member_leave() (hook_ptrace.c).
 *
 * Harmless when called twice, which some kernels do (two threads of one process
 * may both see themselves as the last). Never sleeps.
 *
 * Return: its entry, whose use of the agent and place among its members stay until
 * swarm_member_leave(); or NULL where it was no member.
 */
struct swarm_member *swarm_member_remove(const struct signal_struct *signal)
{
	raw_spinlock_t *lock = swarm_member_lock(signal);
	struct swarm_member *member;

	raw_spin_lock(lock);
	member = swarm_member_find(signal);
	if (member && likely(!(member->flags & SWARM_MEMBER_JOINING)))
		unlink_member(member);
	else if (member && member->flags & SWARM_MEMBER_EXITED)
		member = NULL;
	else if (member)
		WRITE_ONCE(member->flags, member->flags | SWARM_MEMBER_EXITED);
	raw_spin_unlock(lock);
	return member;
}

/**
 * swarm_member_leave - a process that has exited leaves its agent
 * @member: what swarm_member_remove() returned; freed
 * @task: a thread of the process, held, or the calling one
 *
 * Never sleeps. The agent may go with it, and let go of the module: see
 * swarm_agent_unuse().
 */
void swarm_member_leave(struct swarm_member *member, struct task_struct *task)
{
	raw_spinlock_t *lock;

	/* One that was to join has stayed in the table. */
	if (unlikely(member->flags & SWARM_MEMBER_EXITED)) {
		lock = swarm_member_lock(member->signal);
		raw_spin_lock(lock);
		unlink_member(member);
		raw_spin_unlock(lock);
	}
	swarm_agent_leave(member->agent, member, swarm_usage_cpu_of_member(member, task));
	swarm_member_free(member);
}

/**
 * swarm_members_of - visit each member of an agent, in the table
 * @id: the agent's
 * @visit: ends the search where it does not return 0
 * @data: for @visit
 *
 * Sleeps between buckets, so that no grace period waits for longer than LOOK_MAX of them,
 * of entries or of what @visit counts take, and one bucket's beyond. Each process that is
 * a member throughout the search is visited once, whoever comes and goes meanwhile: its
 * entry stays in its bucket.
 *
 * Return: what @visit has returned last, or 0.
 */
int swarm_members_of(u64 id, swarm_visit_fn *visit, void *data)
{
	unsigned long nr = 1UL << (64 - swarm_members.shift), at = 0;
	struct swarm_member *member;
	unsigned int looks;
	int ret = 0;

	while (at < nr && !ret) {
		cond_resched();
		rcu_read_lock();
		for (looks = 0; at < nr && looks < LOOK_MAX && !ret; at++, looks++) {
			hlist_for_each_entry_rcu(member, &swarm_members.buckets[at], node) {
				looks++;
				if (member->agent->id == id)
					ret = visit(member, data, &looks);
				if (ret)
					break;
			}
		}
		rcu_read_unlock();
	}
	return ret;
}

/*
 * Reservations. Only the thread that made one adds, takes and cancels it; the lock is
 * for the others of its chain. In particular, destroying an agent leaves the
 * reservation of the thread that is armed for it: that thread may be anywhere in
 * kernel_clone(), and whatever it forks must not be outside the agent.
 */

static unsigned int reserved_bucket(const struct task_struct *task)
{
	return hash_ptr(task, RESERVED_BITS);
}

static struct swarm_member *reserved_lookup(unsigned int bucket, const struct task_struct *task)
{
	struct swarm_member *member;

	lockdep_assert_held(&reserved[bucket].lock);
	hlist_for_each_entry(member, &reserved[bucket].head, reservation)
		if (member->task == task)
			return member;
	return NULL;
}

static bool reserved_none(unsigned int bucket)
{
	/* A thread looks for its own, so it needs no lock to see that there is none. */
	return !atomic_read(&swarm_nr_reserved) || hlist_empty(&reserved[bucket].head);
}

static void reserved_unlink(struct swarm_member *member)
{
	hlist_del_rcu(&member->reservation);
	atomic_dec(&swarm_nr_reserved);
	if (member->flags & SWARM_MEMBER_SPAWNED)
		atomic_dec(&swarm_nr_armed);
}

/**
 * swarm_reserved_find - what the calling thread has reserved for its next fork
 *
 * Under rcu_read_lock(), without a lock: a reservation that goes meanwhile keeps its
 * place in the chain until a grace period has passed. The entry stays valid until the
 * calling thread takes or cancels it.
 *
 * Return: the entry or NULL.
 */
struct swarm_member *swarm_reserved_find(const struct task_struct *task)
{
	unsigned int bucket = reserved_bucket(task);
	struct swarm_member *member;

	if (reserved_none(bucket))
		return NULL;
	hlist_for_each_entry_rcu_notrace(member, &reserved[bucket].head, reservation)
		if (member->task == task)
			return member;
	return NULL;
}

/**
 * swarm_reserved_add - promise the next process that @task forks to an agent
 * @member: the entry for it, with agent and flags set
 */
void swarm_reserved_add(struct swarm_member *member, struct task_struct *task)
{
	unsigned int bucket = reserved_bucket(task);

	member->task = task;
	raw_spin_lock(&reserved[bucket].lock);
	hlist_add_head_rcu(&member->reservation, &reserved[bucket].head);
	atomic_inc(&swarm_nr_reserved);
	if (member->flags & SWARM_MEMBER_SPAWNED)
		atomic_inc(&swarm_nr_armed);
	raw_spin_unlock(&reserved[bucket].lock);
}

/**
 * swarm_reserved_take - what @task reserved, which is the caller's from now on
 * Return: the entry or NULL.
 */
struct swarm_member *swarm_reserved_take(const struct task_struct *task)
{
	unsigned int bucket = reserved_bucket(task);
	struct swarm_member *member;

	if (reserved_none(bucket))
		return NULL;
	raw_spin_lock(&reserved[bucket].lock);
	member = reserved_lookup(bucket, task);
	if (member)
		reserved_unlink(member);
	raw_spin_unlock(&reserved[bucket].lock);
	return member;
}

static void drop_reserved(struct swarm_member *member)
{
	struct swarm_agent *agent = member->agent;
	bool armed = member->flags & SWARM_MEMBER_SPAWNED;

	if (armed)
		kfree_rcu(member->watch, rcu);
	swarm_member_free(member);
	/* An armed thread holds a use; a member about to fork relies on its own. */
	if (armed)
		swarm_agent_unuse(agent);
}

/**
 * swarm_reserved_cancel - a thread exits without the fork it reserved for
 *
 * If it was armed for the first process of an agent, that goes with it.
 */
void swarm_reserved_cancel(const struct task_struct *task)
{
	struct swarm_member *member = swarm_reserved_take(task);

	if (!member)
		return;
	if ((member->flags & (SWARM_MEMBER_SPAWNED | SWARM_MEMBER_JOINING)) == SWARM_MEMBER_SPAWNED)
		swarm_agent_unforked(member->agent);
	drop_reserved(member);
}

/**
 * swarm_current_agent_id - the agent that the calling process belongs to
 * Return: its id, or 0.
 */
u64 swarm_current_agent_id(void)
{
	struct swarm_member *member;
	u64 id = 0;

	rcu_read_lock();
	member = swarm_member_find(current->signal);
	if (member)
		id = member->agent->id;
	rcu_read_unlock();
	return id;
}

int __init swarm_members_init(void)
{
	unsigned int bits = clamp(ilog2(roundup_pow_of_two(swarm_max_agents)), TABLE_BITS_MIN, 24);
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(locks); i++)
		raw_spin_lock_init(&locks[i]);
	for (i = 0; i < ARRAY_SIZE(reserved); i++)
		raw_spin_lock_init(&reserved[i].lock);
	raw_spin_lock_init(&pool.lock);

	swarm_members.shift = 64 - bits;
	swarm_members.buckets = vcalloc(1UL << bits, sizeof(*swarm_members.buckets));
	if (!swarm_members.buckets)
		return -ENOMEM;
	member_cache = KMEM_CACHE(swarm_member, SLAB_HWCACHE_ALIGN);
	if (!member_cache) {
		err = -ENOMEM;
		goto free_buckets;
	}
	err = refill_to(POOL_HIGH);
	if (err)
		goto free_cache;
	return 0;

free_cache:
	swarm_members_exit();
	return err;
free_buckets:
	vfree(swarm_members.buckets);
	return err;
}

static void free_pool(void)
{
	struct swarm_member *member, *next;

	llist_for_each_entry_safe(member, next, pool.free, pooled)
		kmem_cache_free(member_cache, member);
	pool.free = NULL;
	pool.nr = 0;
}

/*
 * The hooks are gone and no agent runs: nothing takes an entry any more. Nor is one
 * reserved: a thread gives up what a failed fork has left in its own call of
 * sched_process_exit, and its process is the agent's until then (track.c).
 */
void swarm_members_exit(void)
{
	WARN_ON_ONCE(atomic_read(&swarm_nr_members) || atomic_read(&swarm_nr_reserved));
	cancel_work_sync(&refill_work);
	rcu_barrier();
	free_pool();
	kmem_cache_destroy(member_cache);
	vfree(swarm_members.buckets);
}
