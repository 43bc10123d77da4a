// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Other limits for an agent that exists: written to the files of its cgroup, or, if it has
 * none, or none that can limit memory, to those of a new one that its processes are moved
 * to. If one of them cannot be moved, all go back to where they were.
 *
 * A fork that is under way makes a child where its parent was. It is listed behind that, in
 * sched_process_fork: either before the search here, which moves it, or after the new
 * cgroup is installed, and then it moves itself before its first instruction (spawn.c).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cgroup.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/pid.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "adopt.h"
#include "agent.h"
#include "cgroup.h"
#include "member.h"
#include "refuse.h"
#include "regroup.h"

/* Processes that are looked for in one go, and moved before the next. */
#define BATCH		64
/* How often in a row none of those that were found could be moved, or the cgroup removed. */
#define TRIES_MAX	1000

/**
 * struct home - where a process was before it was moved
 * @link: entry of those that were
 * @pid: the process, held
 * @path: of its cgroup, below the root of cgroup v2
 */
struct home {
	struct list_head link;
	struct pid *pid;
	char path[];
};

/**
 * struct search - members on one side of a cgroup
 * @cgroup: which
 * @inside: those that are in there, or those that are not
 * @nr: how many were found
 * @found: they, held
 */
struct search {
	const struct swarm_cgroup *cgroup;
	bool inside;
	unsigned int nr;
	struct pid *found[BATCH];
};

/* A thread that is exiting stays where it is. */
static bool on_that_side(struct task_struct *leader, const struct search *search)
{
	struct task_struct *thread;

	for_each_thread(leader, thread)
		if (!(READ_ONCE(thread->flags) & PF_EXITING) &&
		    swarm_cgroup_holds(search->cgroup, thread) == search->inside)
			return true;
	return false;
}

/* Under rcu_read_lock(). Not 0 where no more can be taken. */
static int search_one(struct swarm_member *member, void *data)
{
	struct task_struct *leader = pid_task(member->pid, PIDTYPE_TGID);
	struct search *search = data;

	if (!leader || !on_that_side(leader, search))
		return 0;
	search->found[search->nr++] = get_pid(member->pid);
	return search->nr == BATCH;
}

/* As swarm_agent_doom() does: in the list, or where that is long in the table of all. */
static int for_members(struct swarm_agent *agent,
		       int (*visit)(struct swarm_member *member, void *data), void *data)
{
	struct swarm_member *member;
	int ret = 0;

	if (READ_ONCE(agent->nr_members) > SWARM_LISTED_MAX)
		return swarm_members_of(agent->id, visit, data);
	rcu_read_lock();
	list_for_each_entry_rcu(member, &agent->members, link) {
		ret = visit(member, data);
		if (ret)
			break;
	}
	rcu_read_unlock();
	return ret;
}

static int remember(struct list_head *homes, struct pid *pid, struct task_struct *leader)
{
	char *path __free(kfree) = kmalloc(PATH_MAX, GFP_KERNEL_ACCOUNT);
	struct home *home;

	if (!path)
		return -ENOMEM;
	rcu_read_lock();
	cgroup_path(task_dfl_cgroup(leader), path, PATH_MAX);
	rcu_read_unlock();
	home = kmalloc(struct_size(home, path, strlen(path) + 1), GFP_KERNEL_ACCOUNT);
	if (!home)
		return -ENOMEM;
	strscpy(home->path, path, strlen(path) + 1);
	home->pid = get_pid(pid);
	list_add(&home->link, homes);
	return 0;
}

static void forget(struct list_head *homes)
{
	struct home *home, *next;

	list_for_each_entry_safe(home, next, homes, link) {
		put_pid(home->pid);
		kfree(home);
	}
}

/* Of a process that was forked meanwhile, that of the one that was moved last. */
static const struct home *home_of(struct list_head *homes, const struct pid *pid)
{
	const struct home *home;

	list_for_each_entry(home, homes, link)
		if (home->pid == pid)
			return home;
	return list_first_entry_or_null(homes, struct home, link);
}

static int move_in(struct swarm_cgroup *cgroup, struct list_head *homes, struct pid *pid,
		   struct task_struct *leader)
{
	return remember(homes, pid, leader) ?: swarm_cgroup_adopt(cgroup, pid, leader);
}

/* @former: where all of them were; or NULL, and then each has a home. */
static int move_back(struct swarm_cgroup *former, struct list_head *homes, struct pid *pid,
		     struct task_struct *leader)
{
	const struct home *home = home_of(homes, pid);
	struct file *procs;
	int err;

	if (former)
		return swarm_cgroup_adopt(former, pid, leader);
	if (!home)
		return -ESRCH;
	procs = swarm_cgroup_open_procs(home->path);
	if (IS_ERR(procs))
		return PTR_ERR(procs);
	err = swarm_cgroup_move(procs, pid, leader);
	filp_close(procs, NULL);
	return err;
}

/* Moves those that a search has found. Returns how many were; or a negative errno. */
static int move_found(struct search *search, struct swarm_cgroup *to, struct list_head *homes)
{
	int err = 0, moved = 0;
	unsigned int i;

	for (i = 0; i < search->nr; i++) {
		struct task_struct *leader = get_pid_task(search->found[i], PIDTYPE_TGID);

		if (leader && !err) {
			err = search->inside ? move_back(to, homes, search->found[i], leader) :
					       move_in(to, homes, search->found[i], leader);
			/* It has exited, or was exiting already. */
			if (!err)
				moved++;
			else if (err == -ESRCH)
				err = 0;
		}
		if (leader)
			put_task_struct(leader);
		put_pid(search->found[i]);
	}
	return err ?: moved;
}

/* Move members into a cgroup, or out of it, until all are. */
static int move_all(struct swarm_agent *agent, struct swarm_cgroup *cgroup, bool out,
		    struct list_head *homes)
{
	struct search *search __free(kfree) = kmalloc(sizeof(*search), GFP_KERNEL_ACCOUNT);
	unsigned int tries = 0;
	int ret;

	if (!search)
		return -ENOMEM;
	do {
		*search = (struct search){ .cgroup = cgroup, .inside = out };
		for_members(agent, search_one, search);
		if (!search->nr)
			return 0;
		ret = move_found(search, out ? agent->cgroup : cgroup, homes);
		if (ret < 0)
			return ret;
		tries = ret ? 0 : tries + 1;
		/* Those that were found are exiting, and will not be found then. */
		if (!ret)
			fsleep(USEC_PER_MSEC);
		if (!out && fatal_signal_pending(current))
			return -EINTR;
	} while (tries < TRIES_MAX);
	return -EBUSY;
}

/* None of it has happened. */
static void undo(struct swarm_agent *agent, struct list_head *homes)
{
	struct swarm_cgroup *cgroup = swarm_cgroup_uninstall(agent);
	int tries;

	/* A birth may be joining it still. */
	for (tries = 0; tries < TRIES_MAX; tries++) {
		move_all(agent, cgroup, true, homes);
		if (swarm_cgroup_remove(cgroup) != -EBUSY)
			return;
		fsleep(USEC_PER_MSEC);
	}
	swarm_cgroup_abandon(cgroup);
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
				    "the agent's new cgroup was removed by an administrator; try again");
	default:
		return swarm_refuse(err, -EBUSY, "",
				    "a process of the agent cannot be moved into a cgroup with these limits (error %d)",
				    -ret);
	}
}

static int count_memory(struct swarm_member *member, void *data)
{
	struct task_struct *leader = pid_task(member->pid, PIDTYPE_TGID);
	u64 *bytes = data;

	if (leader)
		*bytes += swarm_memory_of(leader);
	return 0;
}

/* Memory stays charged to where it was first used, so no limit would cover it. */
static int check_memory(struct swarm_agent *agent, const struct swarm_rules *to,
			struct swarm_policy_error *err)
{
	u64 bytes = 0;

	if (!to->memory_limit)
		return 0;
	for_members(agent, count_memory, &bytes);
	if (bytes <= to->memory_limit)
		return 0;
	return swarm_refuse(err, -ENOSPC, "memory_limit",
			    "the agent has %llu bytes already, which no limit would cover; raise memory_limit",
			    bytes);
}

static int move_to_new(struct swarm_agent *agent, const struct swarm_rules *to, bool frozen,
		       struct swarm_policy_error *err)
{
	struct swarm_cgroup *cgroup;
	LIST_HEAD(homes);
	int ret = check_memory(agent, to, err);

	if (ret)
		return ret;
	cgroup = swarm_cgroup_make(agent, to, frozen, err);
	if (IS_ERR(cgroup))
		return PTR_ERR(cgroup);
	swarm_cgroup_install(agent, cgroup);
	WRITE_ONCE(agent->regrouped, true);
	/* Before the search, as a fork does the reverse. */
	smp_mb();
	ret = move_all(agent, cgroup, false, &homes);
	if (ret) {
		undo(agent, &homes);
		ret = explain(ret, err);
	}
	forget(&homes);
	return ret;
}

/**
 * swarm_regroup - give an agent other limits, stop its processes or let them run
 * @agent: the caller holds a use and the agent's orders
 * @from: the rules with the limits that it has
 * @to: the rules with those that it is to have
 * @frozen: 1 to stop its processes; 0 to let them run; negative to leave that as it is
 * @err: filled after an error, and then nothing has changed
 *
 * An agent without processes gets a cgroup when a thread is armed for it.
 *
 * Return: 0; -EBUSY where a process cannot be moved; -ENOSPC where the agent has more
 * memory than a limit that it did not have before; another negative errno as
 * swarm_cgroup_make().
 */
int swarm_regroup(struct swarm_agent *agent, const struct swarm_rules *from,
		  const struct swarm_rules *to, int frozen, struct swarm_policy_error *err)
{
	bool limited = to->memory_limit || to->cpu_quota || to->pids_limit;

	if (agent->cgroup && swarm_cgroup_serves(agent->cgroup, to))
		return swarm_cgroup_change(agent, from, to, frozen, err);
	if (!agent->cgroup && !limited && frozen <= 0)
		return 0;
	if (!agent->cgroup && READ_ONCE(agent->state) == SWARM_REGISTERED)
		return 0;
	return move_to_new(agent, to, frozen < 0 ? READ_ONCE(agent->frozen) : frozen, err);
}
