/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* From a process to its agent: the lookup every hook begins with. */
#ifndef SWARM_MEMBER_H
#define SWARM_MEMBER_H

#include <linux/hash.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock_types.h>
#include <linux/task_work.h>
#include <linux/types.h>

struct pid;
struct signal_struct;
struct swarm_agent;

/* Born by "spawn", as opposed to forked by a member or adopted. */
#define SWARM_MEMBER_SPAWNED	0x1
/* Its birth is not complete: it has not run a user instruction yet. */
#define SWARM_MEMBER_NEWBORN	0x2
/* Has completed an execve, which ends the birth as far as rules on execve go. */
#define SWARM_MEMBER_EXECED	0x4
/* Its rules on calls and devices count from its next completed execve on. */
#define SWARM_MEMBER_PENDING	0x8
/*
 * Was forked or attached to join an agent that runs, and is not in its namespaces yet: that it is,
 * its next execve sees to. Such a process is pending, too.
 */
#define SWARM_MEMBER_JOINING	0x10
/*
 * Was attached with after_exec: that it is still where the agent is, its next execve sees
 * to. Such a process is pending, too.
 */
#define SWARM_MEMBER_ATTACHED	0x40
/* It may be elsewhere than its agent: neither is it compared with, nor does it execute unseen. */
#define SWARM_MEMBER_UNPLACED	(SWARM_MEMBER_JOINING | SWARM_MEMBER_ATTACHED)
/*
 * Came from outside, or was forked by one that did, and has yet to execute: that the
 * execve gives no more capabilities than the agent may have is looked at then.
 */
#define SWARM_MEMBER_UNCUT	0x100
/*
 * Was attached outside, and is to enter the agent's namespaces: what it executes before
 * that is not the agent's. Such a process is joining, too, and is not entering any more
 * once it executes in one of them.
 */
#define SWARM_MEMBER_ENTERING	0x200
/* What one is that is forked to join: it is placed by its first execve, wherever that is. */
#define SWARM_MEMBER_FORKED_TO_JOIN	\
	(SWARM_MEMBER_PENDING | SWARM_MEMBER_JOINING | SWARM_MEMBER_UNCUT)
/* What a process that has yet to execute hands on to its children. */
#define SWARM_MEMBER_HEREDITARY	\
	(SWARM_MEMBER_PENDING | SWARM_MEMBER_UNPLACED | SWARM_MEMBER_UNCUT | SWARM_MEMBER_ENTERING)
/* The first process of its agent since that was last registered; its end is the agent's. */
#define SWARM_MEMBER_FIRST	0x20
/* Its last thread exits. It was to join, so it is found until it has let go of its files. */
#define SWARM_MEMBER_EXITED	0x80

/* The most of an agent's members that are looked at in its list in one go. */
#define SWARM_LISTED_MAX	1024

/*
 * What the execve under way has come to, under exec_paths (hook_exec.c): or-ed to the serial
 * number of the policy that it began under, which has these bits clear.
 */
enum swarm_exec {
	SWARM_EXEC_LISTED = 0,	/* all that it has loaded so far */
	SWARM_EXEC_TOLD = 1,	/* it goes on with a file that is not listed, as was told */
	SWARM_EXEC_DENIED = 2,	/* its interpreter is not listed, and it does not go on */
	SWARM_EXEC_KILLED = 3,	/* nor does its process */
	SWARM_EXEC_UNKNOWN = 4,	/* that could not be found out: it has to start anew */
};

#define SWARM_EXEC_BITS		7U

/**
 * struct swarm_watch - what an armed thread does on its way back from its fork
 * @work: its work (spawn.c)
 * @rcu: frees it where hooks may not: they run with preemption off
 */
struct swarm_watch {
	union {
		struct callback_head work;
		struct rcu_head rcu;
	};
};

/**
 * struct swarm_member - a process of an agent, or the promise of one
 * @node: entry of the table by @signal, or of the pool
 * @reservation: entry of the reservations by @task
 * @signal: the process: one per thread group, stable across exec. A key, valid
 *	    until the last thread has exited, which is when the entry goes, or one
 *	    that was to join has let go.
 * @agent: its agent, which outlives it
 * @link: entry of the agent's members, oldest first
 * @nr: how many had joined the agent before it
 * @watch: of an armed thread's, what it is to do on its way back from its fork; NULL
 *	   while it is at that (spawn.c)
 * @pid: its thread group's id
 * @task: the thread that reserved the entry for its next fork; a key as well. Of a
 *	  process that has exited, its last thread, held (track.c).
 * @place: of a process, where its thread that executes was seen to be where the agent
 *	   is: swarm_place_mark(), or 0 (hook_exec.c)
 * @flags: SWARM_MEMBER_*, written by the process itself
 * @status: how it has ended, as wait(2) has it; of one that has exited (track.c)
 * @origin: the namespaces it was attached in (place.c); of one that is to enter
 * @exec: the execve under way, or the last one, enum swarm_exec and a policy's serial
 *	  number; 0 before the first that began as a member. Under the process's
 *	  cred_guard_mutex
 * @oom_killed: the OOM killer has killed it; 0 or 1, changed once
 * @cpu_before: how long it had run when it was adopted, in nanoseconds
 * @work: what the process does before its first user instruction (spawn.c), and what
 *	  it does last before it is a zombie (track.c)
 * @pooled: entry of the pool
 * @leaving: entry of those whose threads have yet to let go (track.c)
 * @rcu: frees it
 *
 * An entry is reserved before a fork, in the hook on kernel_clone, because the
 * child must not run untracked and nothing may fail once it exists.
 */
struct swarm_member {
	struct hlist_node node;
	struct hlist_node reservation;
	const struct signal_struct *signal;
	struct swarm_agent *agent;
	struct list_head link;
	union {
		u64 nr;
		struct swarm_watch *watch;
	};
	struct pid *pid;
	union {
		struct task_struct *task;
		unsigned long place;
	};
	u32 flags;
	union {
		int status;
		u32 origin;
	};
	u32 exec;
	u8 oom_killed;
	u64 cpu_before;
	union {
		struct callback_head work;
		struct llist_node pooled;
		struct llist_node leaving;
		struct rcu_head rcu;
	};
};

/**
 * struct swarm_member_table - processes by their signal_struct
 * @buckets: as many as 64 - @shift bits can number
 * @shift: how far a hash is shifted
 */
struct swarm_member_table {
	struct hlist_head *buckets;
	unsigned int shift;
};

extern struct swarm_member_table swarm_members;
extern atomic_t swarm_nr_members;
/* Forks that are promised to an agent: armed threads, members about to fork. */
extern atomic_t swarm_nr_reserved;
/* Of these, the armed threads. */
extern atomic_t swarm_nr_armed;

/*
 * Spreads addresses that a slab gives out, multiples of one size with a gap behind
 * every slab, as evenly as random numbers would be, for every size and table that
 * comes into question; hash_ptr()'s factor leaves three buckets of four empty.
 */
#define SWARM_MEMBER_HASH	0x9e493bbc82acd68bULL

/*
 * hash_ptr() with what it works out anew each time, and checks, left out: every
 * hooked function of every process comes by here.
 */
static __always_inline unsigned long swarm_member_hash(const struct signal_struct *signal)
{
	return (unsigned long)signal * SWARM_MEMBER_HASH;
}

static __always_inline struct hlist_head *swarm_member_bucket(const struct signal_struct *signal)
{
	return &swarm_members.buckets[swarm_member_hash(signal) >> (swarm_members.shift & 63)];
}

/**
 * swarm_member_find - the entry of the process that owns @signal
 *
 * Under RCU. A process that belongs to no agent pays for one hash and, nearly
 * always, one empty bucket.
 *
 * Return: the entry or NULL.
 */
static __always_inline struct swarm_member *swarm_member_find(const struct signal_struct *signal)
{
	struct hlist_head *bucket = swarm_member_bucket(signal);
	struct swarm_member *member;

	hlist_for_each_entry_rcu_notrace(member, bucket, node)
		if (member->signal == signal)
			return member;
	return NULL;
}

/**
 * swarm_member_none - is it plain that the process that owns @signal is no member?
 *
 * Without a lock, from any context: an empty bucket holds nobody, and the table
 * lasts as long as the hooks. A member always sees its own entry, which was added
 * before it first ran, or by the adoption that it races with.
 *
 * Return: true where it is no member; false where it has to be looked up.
 */
static __always_inline bool swarm_member_none(const struct signal_struct *signal)
{
	return !READ_ONCE(swarm_member_bucket(signal)->first);
}

int __init swarm_members_init(void);
void swarm_members_exit(void);

struct swarm_member *swarm_member_alloc(gfp_t gfp);
struct swarm_member *swarm_member_from_pool(void);
void swarm_member_free(struct swarm_member *member);
int swarm_member_refill(void);

raw_spinlock_t *swarm_member_lock(const struct signal_struct *signal);
int swarm_member_add(struct swarm_member *member, struct task_struct *leader);
void swarm_member_add_child(struct swarm_member *member, struct task_struct *child, bool armed);
struct swarm_member *swarm_member_remove(const struct signal_struct *signal);
void swarm_member_leave(struct swarm_member *member, struct task_struct *task);
/*
 * Called under rcu_read_lock(); ends the search where it does not return 0. Adds to @looks
 * what it has looked at beyond the entry, so that the lock is not held for too long.
 */
typedef int swarm_visit_fn(struct swarm_member *member, void *data, unsigned int *looks);
int swarm_members_of(u64 id, swarm_visit_fn *visit, void *data);

struct swarm_member *swarm_reserved_find(const struct task_struct *task);
void swarm_reserved_add(struct swarm_member *member, struct task_struct *task);
struct swarm_member *swarm_reserved_take(const struct task_struct *task);
void swarm_reserved_cancel(const struct task_struct *task);

u64 swarm_current_agent_id(void);

#endif
