// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Other limits for an agent that exists: written to the files of its cgroup, or, if it has
 * none, or none that can limit memory, to those of a new one that its processes are moved
 * to. If one of them cannot be moved, all go back to where they were. If that is not
 * possible either, all go into the new cgroup, which has the limits that the agent had.
 *
 * A fork that is under way makes a child where its parent was. It is listed behind that, in
 * sched_process_fork: either before the search here, which moves it, or after the new
 * cgroup is installed, and then it moves itself before its first instruction (spawn.c).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/cgroup.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "adopt.h"
#include "agent.h"
#include "cgroup.h"
#include "member.h"
#include "refuse.h"
#include "regroup.h"
#include "threads.h"

/* The keys that the files of a cgroup have to do with. */
#define LIMITS		(BIT(SWARM_UPDATE_MEMORY_LIMIT) | BIT(SWARM_UPDATE_CPU_QUOTA) |	\
			 BIT(SWARM_UPDATE_PIDS_LIMIT) | BIT(SWARM_UPDATE_OOM_GROUP))
/* How often all members are looked through, and moved. */
#define PASSES_MAX	100
/* How often what is left of an undone change is tried to be removed. */
#define TRIES_MAX	100

/**
 * struct search - members on one side of a cgroup
 * @cgroup: which
 * @inside: those that are in there, or those that are not
 * @all: go on with the others if one cannot be moved, and whatever signal comes
 * @size: how many there is room for
 * @nr: how many were found
 * @found: they, held
 *
 * Allocated before anything is changed, so that a change can be undone without memory.
 */
struct search {
	const struct swarm_cgroup *cgroup;
	bool inside;
	bool all;
	unsigned int size;
	unsigned int nr;
	struct pid *found[];
};

/* If more have joined by the time it is used, those are found in the next pass. */
static struct search *alloc_search(const struct swarm_agent *agent)
{
	unsigned int size = READ_ONCE(agent->nr_members) + 64;
	struct search *search = kvmalloc(struct_size(search, found, size), GFP_KERNEL_ACCOUNT);

	if (search)
		search->size = size;
	return search;
}

/*
 * A thread that is exiting stays where it is; one that is being made is nowhere yet, and
 * comes to where its process is by then: cgroup v2 moves no process in between.
 */
static bool settled(struct task_struct *thread)
{
	return !(READ_ONCE(thread->flags) & PF_EXITING) && !list_empty(&thread->cg_list);
}

static bool on_that_side(struct task_struct *leader, const struct search *search,
			 unsigned int *looks)
{
	struct task_struct *thread;

	for_each_thread(leader, thread) {
		++*looks;
		if (settled(thread) &&
		    swarm_cgroup_holds(search->cgroup, thread) == search->inside)
			return true;
	}
	return false;
}

/* Not 0 if no more can be taken. */
static int search_one(struct swarm_member *member, void *data, unsigned int *looks)
{
	struct task_struct *leader = pid_task(member->pid, PIDTYPE_TGID);
	struct search *search = data;

	if (!leader || !on_that_side(leader, search, looks))
		return 0;
	search->found[search->nr++] = get_pid(member->pid);
	return search->nr == search->size;
}

/* Moves those that a search has found. Returns how many were; or a negative errno in @err. */
static unsigned int move_found(struct search *search, struct file *to, int *err)
{
	unsigned int i, moved = 0;

	*err = 0;
	for (i = 0; i < search->nr; i++) {
		struct task_struct *leader = get_pid_task(search->found[i], PIDTYPE_TGID);
		int ret = 0;

		if (!search->all && !*err && fatal_signal_pending(current))
			*err = -EINTR;
		if (leader && (!*err || search->all)) {
			ret = swarm_cgroup_move(to, search->found[i], leader);
			/* It has exited, or was exiting already. */
			if (ret && ret != -ESRCH)
				*err = ret;
			moved += !ret;
		}
		if (leader)
			put_task_struct(leader);
		put_pid(search->found[i]);
		cond_resched();
	}
	return moved;
}

/*
 * Moves those members that are on one side of a cgroup. A member that could move itself
 * back is given up on: no agent can but one that is root.
 */
static int move_all(struct swarm_agent *agent, struct search *search, struct file *to)
{
	int passes, err = 0;

	for (passes = 0; passes < PASSES_MAX; passes++) {
		search->nr = 0;
		swarm_agent_visit(agent, search_one, search);
		if (!search->nr)
			return 0;
		/* Those that were found may be exiting, and will not be found then. */
		if (!move_found(search, to, &err))
			fsleep(USEC_PER_MSEC);
		if (err && !search->all)
			return err;
	}
	return err ?: -EBUSY;
}

/* Into an agent's cgroup, those that are not. @all: even if some cannot be, or a signal comes. */
static int move_in(struct swarm_agent *agent, struct search *search, bool all)
{
	search->cgroup = agent->cgroup;
	search->inside = false;
	search->all = all;
	return move_all(agent, search, swarm_cgroup_procs(agent->cgroup));
}

/* Out of one that is the agent's no more. */
static int move_out(struct swarm_agent *agent, struct search *search,
		    const struct swarm_cgroup *cgroup, struct file *to)
{
	search->cgroup = cgroup;
	search->inside = true;
	search->all = true;
	return move_all(agent, search, to);
}

/**
 * struct home - where the members of an agent are
 * @agent: the agent
 * @cgroup: number of the cgroup; 0: not looked at yet
 * @several: they are in more than one
 * @frozen: one of them is, or is about to be, stopped by somebody else
 * @path: of the one, below the root of cgroup v2; empty where it is too long
 */
struct home {
	const struct swarm_agent *agent;
	u64 cgroup;
	bool several;
	bool frozen;
	char path[PATH_MAX];
};

/*
 * Is a cgroup frozen, by its own file or by one above, though nobody has asked that of
 * the agent? The flag is set with the file, before all its processes have stopped.
 */
static bool frozen_by_others(const struct swarm_agent *agent, struct cgroup *cgroup)
{
	if (READ_ONCE(agent->frozen))
		cgroup = swarm_cgroup_above(agent->cgroup, cgroup) ?: cgroup;
	return test_bit(CGRP_FREEZE, &cgroup->flags);
}

static int look_home(struct swarm_member *member, void *data, unsigned int *looks)
{
	struct task_struct *leader = pid_task(member->pid, PIDTYPE_TGID);
	struct task_struct *thread = leader ? swarm_thread_living(leader, looks) : NULL;
	struct home *home = data;
	struct cgroup *cgroup;
	int length;

	++*looks;
	/* One that is exiting is where it is thawed. */
	if (!thread)
		return 0;
	cgroup = task_dfl_cgroup(thread);
	if (!home->cgroup) {
		home->cgroup = cgroup_id(cgroup);
		length = cgroup_path(cgroup, home->path, sizeof(home->path));
		if (length < 0 || length >= sizeof(home->path))
			home->path[0] = '\0';
	}
	home->several |= home->cgroup != cgroup_id(cgroup);
	home->frozen |= frozen_by_others(home->agent, cgroup);
	return home->several && home->frozen;
}

/*
 * Where members are to go back to if not all can be moved: NULL where there is no one
 * such place, an error where there is no memory to open it. Opened before any of them is
 * moved.
 */
static struct file *open_home(const struct home *home)
{
	struct file *procs;

	if (home->several || !home->path[0])
		return NULL;
	procs = swarm_cgroup_open_procs(home->path);
	return IS_ERR(procs) && PTR_ERR(procs) != -ENOMEM ? NULL : procs;
}

/*
 * All go back, and the new cgroup goes. It may hold a process that was being born
 * meanwhile, or that somebody else has put there. Returns false if it stays the agent's.
 */
static bool go_home(struct swarm_agent *agent, struct search *search, struct file *home)
{
	struct swarm_cgroup *cgroup = swarm_cgroup_uninstall(agent);
	int tries;

	for (tries = 0; tries < TRIES_MAX; tries++) {
		if (move_out(agent, search, cgroup, home))
			break;
		if (swarm_cgroup_withdraw(cgroup) != -EBUSY)
			return true;
		fsleep(USEC_PER_MSEC);
	}
	swarm_cgroup_install(agent, cgroup);
	/* As in move_to_new(). */
	smp_mb();
	return false;
}

/*
 * Not all could be moved, or not all that they have would be limited. If not all can go
 * back either, all go on: else what is left of them at home would be limited there, too.
 */
static void undo(struct swarm_agent *agent, const struct swarm_rules *from,
		 struct search *search, struct file *home)
{
	int err;

	swarm_cgroup_restore(agent, from);
	if (home && go_home(agent, search, home))
		return;
	err = move_in(agent, search, true);
	if (err)
		pr_warn_ratelimited("agent %llu: an update failed and could not be undone: some of its processes are outside its cgroup (%d)\n",
				    agent->id, err);
}

static int explain(int ret, struct swarm_policy_error *err)
{
	switch (ret) {
	case -ENOMEM:
		return swarm_refuse(err, ret, "", "out of memory");
	case -EINTR:
		return swarm_refuse(err, ret, "", "interrupted");
	case -ENODEV:
		return swarm_refuse(err, -EBUSY, "",
				    "the agent's cgroup was removed by an administrator; destroy the agent");
	default:
		return swarm_refuse(err, -EBUSY, "",
				    "a process of the agent cannot be moved into its cgroup (error %d)",
				    -ret);
	}
}

/* Until its execve, what vfork has made for an agent has the memory of its launcher. */
static bool borrows_memory(const struct swarm_member *member, struct task_struct *leader)
{
	u32 flags = READ_ONCE(member->flags);

	return (flags & (SWARM_MEMBER_SPAWNED | SWARM_MEMBER_EXECED)) == SWARM_MEMBER_SPAWNED &&
	       READ_ONCE(leader->vfork_done);
}

static int most_memory(struct swarm_member *member, void *data, unsigned int *looks)
{
	struct task_struct *leader = pid_task(member->pid, PIDTYPE_TGID);
	u64 *bytes = data;

	/* Each processor counts for itself. */
	*looks += num_online_cpus();
	if (leader && !borrows_memory(member, leader))
		*bytes = max(*bytes, swarm_memory_of(leader));
	return 0;
}

/*
 * Memory stays charged to where it was first used, so no limit would cover it. Processes
 * share some of theirs: what the largest has is what all of them have at least.
 */
static int check_memory(struct swarm_agent *agent, const struct swarm_rules *to,
			struct swarm_policy_error *err)
{
	u64 bytes = 0;

	if (!to->memory_limit)
		return 0;
	swarm_agent_visit(agent, most_memory, &bytes);
	if (bytes <= to->memory_limit)
		return 0;
	return swarm_refuse(err, -ENOSPC, "memory_limit",
			    "a process of the agent has %llu bytes already, which no limit would cover; raise memory_limit",
			    bytes);
}

/* What would be lost with the place that the agent is in. */
static int check_place(struct swarm_agent *agent, const struct swarm_rules *from,
		       const struct home *home, struct swarm_policy_error *err)
{
	enum swarm_freeze freeze = SWARM_FREEZE_NONE;
	int ret = 0;

	if (agent->cgroup)
		ret = swarm_cgroup_freeze(agent, &freeze);
	if (ret)
		return swarm_refuse(err, ret, "", "out of memory");
	/*
	 * The namespace would go on protecting the files of the cgroup that it was made in.
	 * An armed thread may fork at any time; none is armed while orders are held.
	 */
	if (from->privileged && from->namespaces & SWARM_NS_CGROUP &&
	    READ_ONCE(agent->state) != SWARM_REGISTERED)
		return swarm_refuse(err, -EOPNOTSUPP, "",
				    "a privileged agent with a cgroup namespace keeps the cgroup that it was born in; create it with the limit");
	if (home->frozen || freeze == SWARM_FREEZE_OTHERS)
		return swarm_refuse(err, -EBUSY, "",
				    "somebody else has frozen the cgroup that the agent is in, which moving it would undo; thaw that first");
	return 0;
}

/* What has yet to be done when all are in the new cgroup. */
static int settle(struct swarm_agent *agent, const struct swarm_rules *to, bool frozen,
		  struct swarm_policy_error *err)
{
	/* What they have used since the first look is charged to where they were. */
	int ret = check_memory(agent, to, err);

	/* Last, since what they do then cannot be undone. */
	if (!ret && !frozen && READ_ONCE(agent->frozen)) {
		ret = swarm_cgroup_thaw(agent);
		if (ret)
			swarm_refuse(err, ret, "frozen", "the agent's cgroup cannot be thawed");
	}
	return ret;
}

static int move_to_new(struct swarm_agent *agent, const struct swarm_rules *from,
		       const struct swarm_rules *to, bool frozen, struct search *search,
		       struct home *home, struct file *back, struct swarm_policy_error *err)
{
	struct swarm_cgroup *cgroup;
	int ret;

	cgroup = swarm_cgroup_make(agent, to, frozen || READ_ONCE(agent->frozen), err);
	if (IS_ERR(cgroup))
		return PTR_ERR(cgroup);
	swarm_cgroup_set_home(cgroup, home->several || !home->cgroup ? SWARM_SEVERAL_HOMES :
								       home->cgroup);
	/* Whoever executes a program meanwhile waits (place.c). */
	WRITE_ONCE(agent->regrouping, true);
	swarm_cgroup_install(agent, cgroup);
	WRITE_ONCE(agent->regrouped, true);
	/* Before the search, as a fork does the reverse. */
	smp_mb();
	ret = move_in(agent, search, false);
	ret = ret ? explain(ret, err) : settle(agent, to, frozen, err);
	if (ret)
		undo(agent, from, search, back);
	/* Behind the moves: see place.c. */
	smp_store_release(&agent->regrouping, false);
	return ret;
}

static int regroup(struct swarm_agent *agent, const struct swarm_rules *from,
		   const struct swarm_rules *to, bool frozen, struct swarm_policy_error *err)
{
	struct home *home __free(kvfree) = kvzalloc(sizeof(*home), GFP_KERNEL_ACCOUNT);
	struct search *search __free(kvfree) = alloc_search(agent);
	struct file *procs, *opened = NULL;
	int ret;

	if (!home || !search)
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	home->agent = agent;
	swarm_agent_visit(agent, look_home, home);
	ret = check_memory(agent, to, err) ?: check_place(agent, from, home, err);
	if (ret)
		return ret;
	if (agent->cgroup) {
		procs = swarm_cgroup_procs(agent->cgroup);
	} else {
		opened = open_home(home);
		if (IS_ERR(opened))
			return swarm_refuse(err, PTR_ERR(opened), "", "out of memory");
		procs = opened;
	}
	ret = move_to_new(agent, from, to, frozen, search, home, procs, err);
	if (opened)
		filp_close(opened, NULL);
	return ret;
}

/* In its own cgroup already, but for those that somebody has moved out of it. */
static int change(struct swarm_agent *agent, const struct swarm_rules *from,
		  const struct swarm_rules *to, u32 keys, int frozen,
		  struct swarm_policy_error *err)
{
	struct search *search __free(kvfree) = alloc_search(agent);
	int ret;

	if (!search)
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	ret = from->memory_limit ? 0 : check_memory(agent, to, err);
	if (ret)
		return ret;
	ret = move_in(agent, search, false);
	if (ret)
		return explain(ret, err);
	return swarm_cgroup_change(agent, from, to, keys, frozen, err);
}

/**
 * swarm_regroup - give an agent other limits, stop its processes or let them run
 * @agent: the caller holds a use and the agent's orders
 * @from: the rules with the limits that it has
 * @to: the rules with those that it is to have
 * @keys: those that the order names, bits of enum swarm_update_key
 * @frozen: 1 to stop its processes; 0 to let them run; negative to leave that as it is
 * @err: filled after an error, and then no limit has changed
 *
 * An agent without processes gets a cgroup when a thread is armed for it.
 *
 * Return: 0; -EBUSY where a process cannot be moved, or the agent is frozen by somebody
 * else; -ENOSPC where a process has more memory than a limit that the agent did not have
 * before; another negative errno as swarm_cgroup_make().
 */
int swarm_regroup(struct swarm_agent *agent, const struct swarm_rules *from,
		  const struct swarm_rules *to, u32 keys, int frozen,
		  struct swarm_policy_error *err)
{
	bool limited = to->memory_limit || to->cpu_quota || to->pids_limit;

	if (!(keys & LIMITS) && frozen < 0)
		return 0;
	if (agent->cgroup && swarm_cgroup_serves(agent->cgroup, to))
		return change(agent, from, to, keys, frozen, err);
	if (!agent->cgroup && !limited && frozen <= 0)
		return 0;
	if (!agent->cgroup && READ_ONCE(agent->state) == SWARM_REGISTERED)
		return 0;
	return regroup(agent, from, to, frozen < 0 ? READ_ONCE(agent->frozen) : frozen, err);
}
