// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Where a process is that comes to an agent that runs: whether that is where the agent
 * is. What counts is where the agent's first process is, or the oldest one left.
 *
 * All of this takes locks that may sleep on a real-time kernel: no hook does it.
 */
#include <linux/bitops.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "adopt.h"
#include "agent.h"
#include "cgroup.h"
#include "compat/compat.h"
#include "event.h"
#include "member.h"
#include "namespaces.h"
#include "place.h"
#include "policy_table.h"
#include "refuse.h"
#include "threads.h"

/* How many threads beyond twice those that there are may be looked at, as some exit meanwhile. */
#define SPARE_LOOKS	1024

/**
 * struct place - where a process is
 * @namespaces: its namespaces
 * @root: its root directory, with a reference
 */
struct place {
	struct swarm_namespaces namespaces;
	struct path root;
};

static const char *name_of_first(u32 namespaces)
{
	return swarm_namespace_name(namespaces & -namespaces);
}

/* Are all the ids of a thread ids of its user namespace? */
static bool ids_mapped(const struct cred *cred)
{
	const kuid_t uids[] = { cred->uid, cred->euid, cred->suid, cred->fsuid };
	const kgid_t gids[] = { cred->gid, cred->egid, cred->sgid, cred->fsgid };
	int i;

	for (i = 0; i < ARRAY_SIZE(uids); i++)
		if (!kuid_has_mapping(cred->user_ns, uids[i]) ||
		    !kgid_has_mapping(cred->user_ns, gids[i]))
			return false;
	for (i = 0; i < cred->group_info->ngroups; i++)
		if (!kgid_has_mapping(cred->user_ns, cred->group_info->gid[i]))
			return false;
	return true;
}

/* Directories */

/* Those of a thread, with a reference to each. Return: false where it has none any more. */
static bool directories_of(struct task_struct *thread, struct path *root, struct path *pwd)
{
	struct fs_struct *fs;

	task_lock(thread);
	fs = swarm_directories(thread);
	if (fs) {
		get_fs_root(fs, root);
		get_fs_pwd(fs, pwd);
	}
	task_unlock(thread);
	return fs;
}

/* Has it this root, and a working directory below? One that is exiting has neither. */
static bool within(struct task_struct *thread, const struct path *root)
{
	struct path own, pwd;
	bool is_within;

	if (!directories_of(thread, &own, &pwd))
		return true;
	is_within = path_equal(&own, root) && path_is_under(&pwd, root);
	path_put(&pwd);
	path_put(&own);
	return is_within;
}

/* The agent's place */

/* That of a thread, which has none any more once it exits. Under rcu_read_lock(). */
static bool look_at_thread(struct task_struct *thread, struct place *seen)
{
	struct fs_struct *fs;

	if (!swarm_namespaces_of(thread, &seen->namespaces))
		return false;
	task_lock(thread);
	fs = swarm_directories(thread);
	if (fs)
		get_fs_root(fs, &seen->root);
	task_unlock(thread);
	return fs;
}

/*
 * Under rcu_read_lock(). Return: 0; -EBUSY where its process is being born, or too many were
 * looked at; -ESRCH where the agent has none that is not exiting.
 */
static int look_at_oldest(const struct swarm_agent *agent, struct place *seen,
			  unsigned int *budget)
{
	const struct swarm_member *member;
	struct task_struct *thread;

	do {
		thread = swarm_agent_first(agent, &member, budget);
		if (!thread)
			return *budget ? -ESRCH : -EBUSY;
		if (READ_ONCE(member->flags) & SWARM_MEMBER_NEWBORN)
			return -EBUSY;
		if (look_at_thread(thread, seen))
			return 0;
		/* It has begun to exit since. */
	} while (*budget);
	return -EBUSY;
}

/*
 * The place of the agent's first process, or of the oldest one left; the caller puts its
 * root. Those ahead of it in the list are about to join or exiting, and leave it soon:
 * where they are very many, the caller is to try again, rather than to keep a grace
 * period from ending.
 */
static int look_at_first(struct swarm_agent *agent, struct place *seen,
			 struct swarm_policy_error *err)
{
	unsigned int budget = SWARM_LISTED_MAX;
	int ret;

	rcu_read_lock();
	ret = look_at_oldest(agent, seen, &budget);
	rcu_read_unlock();
	if (!ret)
		return 0;
	if (ret == -EBUSY && !budget)
		return swarm_refuse(err, ret, "id",
				    "the agent's oldest processes are exiting or have yet to join it; try again");
	return swarm_refuse(err, ret, "id", ret == -EBUSY ?
			    "the agent's first process is still being born; try again" :
			    "the agent has no process to compare with: the last one is exiting, or has yet to join it");
}

/*
 * Is the agent where it was? If namespaces were left meanwhile, others may have come to
 * be at the same addresses.
 */
static int look_again(struct swarm_agent *agent, const struct place *first, bool *same,
		      struct swarm_policy_error *err)
{
	struct place again;
	int ret = look_at_first(agent, &again, err);

	if (ret)
		return ret;
	*same = swarm_namespaces_shared(&first->namespaces, &again.namespaces) ==
		SWARM_NS_ALL &&
		path_equal(&first->root, &again.root);
	path_put(&again.root);
	return 0;
}

/*
 * A number, not 0, for namespaces of all kinds. Two sets may have one number, but nobody can
 * seek that: the addresses are the kernel's.
 */
static u32 number_of(const struct swarm_namespaces *namespaces)
{
	u64 number = 0;
	int i;

	for (i = 0; i < SWARM_NR_NAMESPACES; i++)
		number = (number + (unsigned long)namespaces->ids[i]) * SWARM_MEMBER_HASH;
	return number >> 32 ?: 1;
}

/**
 * struct difference - in what a process is elsewhere than its agent
 * @foreign: namespaces that one of its threads is not in, as SWARM_NS_*
 * @shared: namespaces that one of its threads is in
 * @prepared: others that it has prepared for what it executes or forks
 * @origin: number_of() those of its first thread that was looked at; 0: it has none
 * @unmapped: has it ids that its user namespace does not map?
 * @outside: is its root another, or its working directory outside of that?
 */
struct difference {
	u32 foreign;
	u32 shared;
	u32 prepared;
	u32 origin;
	bool unmapped;
	bool outside;
};

static void compare_thread(struct task_struct *thread, const struct place *first,
			   struct difference *found)
{
	struct swarm_namespaces own;
	u32 shared;

	rcu_read_lock();
	if (swarm_namespaces_of(thread, &own)) {
		found->origin = found->origin ?: number_of(&own);
		shared = swarm_namespaces_shared(&own, &first->namespaces);
		found->foreign |= SWARM_NS_ALL & ~shared;
		found->shared |= shared;
		found->prepared |= own.prepared;
		found->unmapped |= !ids_mapped(__task_cred(thread));
	}
	rcu_read_unlock();
	found->outside |= !within(thread, &first->root);
}

/*
 * Each thread of a process, of which there may be very many. One after the other until the
 * end, so that a thread that starts another and exits does not hide it. Return: 0; -EAGAIN
 * where one exited at the wrong moment, or @looks is used up; -EINTR.
 */
static int compare_all(struct task_struct *leader, const struct place *first,
		       struct difference *found, unsigned int *looks)
{
	struct task_struct *thread = swarm_thread_behind(leader, NULL);

	*found = (struct difference){};
	while (!IS_ERR_OR_NULL(thread)) {
		if (!*looks || fatal_signal_pending(current)) {
			put_task_struct(thread);
			return *looks ? -EINTR : -EAGAIN;
		}
		--*looks;
		compare_thread(thread, first, found);
		cond_resched();
		thread = swarm_thread_behind(leader, thread);
	}
	return PTR_ERR_OR_ZERO(thread);
}

/*
 * A process, or the calling thread, which alone outlives its execve. Return: 0; -EAGAIN
 * where its threads exit too fast; -EINTR where the caller is being killed.
 */
static int compare(struct task_struct *leader, const struct place *first,
		   struct difference *found)
{
	unsigned int looks;
	int ret;

	if (!leader) {
		*found = (struct difference){};
		compare_thread(current, first, found);
		return 0;
	}
	looks = 2 * get_nr_threads(leader) + SPARE_LOOKS;
	do {
		ret = compare_all(leader, first, found, &looks);
	} while (ret == -EAGAIN && looks);
	return ret;
}

/*
 * Where a process differs from its agent's first, of the namespaces that are @required;
 * without @leader, where the calling thread does.
 */
static int find_difference(struct swarm_agent *agent, struct task_struct *leader, u32 required,
			   struct difference *found, struct swarm_policy_error *err)
{
	struct place first;
	bool same = false;
	int ret;

	ret = look_at_first(agent, &first, err);
	if (ret)
		return ret;
	ret = compare(leader, &first, found);
	if (!ret)
		ret = look_again(agent, &first, &same, err);
	else if (ret == -EAGAIN)
		ret = swarm_refuse(err, -EBUSY, "",
				   "the process's threads exit faster than they can be looked at; try again");
	else
		swarm_refuse(err, ret, "", "interrupted");
	path_put(&first.root);
	if (ret)
		return ret;
	if (!same)
		return swarm_refuse(err, -EBUSY, "id",
				    "the agent's first process has just entered other namespaces, or changed its root; try again");
	found->foreign &= required;
	found->shared &= required;
	found->prepared &= required;
	found->unmapped &= !!(swarm_namespaces_of_policy(agent) & SWARM_NS_USER);
	return 0;
}

static bool differs(const struct difference *found)
{
	return found->foreign || found->prepared || found->unmapped || found->outside;
}

/**
 * swarm_place_attached - may a process be attached to an agent that runs, by where it is?
 * @agent: the caller holds a use
 * @candidate: the process
 * @leader: its first thread, which the caller holds
 * @err: filled after an error
 *
 * Each of its threads must be in those of the agent's namespaces that the policy names,
 * with none other prepared for what it forks; have no ids but the agent's if that has a
 * user namespace; and have the agent's root, with its working directory below that.
 *
 * Return: 0; -EPERM where it is not, which is a violation; -ESRCH where the agent has no
 * process to compare with; -EBUSY where that cannot be said now; -EINTR.
 */
int swarm_place_attached(struct swarm_agent *agent, const struct swarm_candidate *candidate,
			 struct task_struct *leader, struct swarm_policy_error *err)
{
	u32 required = swarm_namespaces_of_policy(agent);
	struct difference found;
	int ret = find_difference(agent, leader, required, &found, err);

	if (ret || !differs(&found))
		return ret;
	swarm_event_violation(agent, SWARM_KIND_ADOPT, SWARM_DENY, SWARM_DONE_DENY);
	if (found.foreign)
		return swarm_refuse(err, -EPERM, candidate->key,
				    "the process is not in the agent's %s namespace; enter it first (nsenter)",
				    name_of_first(found.foreign));
	if (found.prepared)
		return swarm_refuse(err, -EPERM, candidate->key,
				    "the process has prepared another %s namespace for its children; attach one that has not",
				    name_of_first(found.prepared));
	if (found.unmapped)
		return swarm_refuse(err, -EPERM, candidate->key,
				    "the process has a user or group id that the agent's user namespace does not map; set its ids first");
	return swarm_refuse(err, -EPERM, candidate->key,
			    "the process has another root than the agent's first process, or its working directory is outside that root; change them first");
}

/**
 * swarm_place_outside - may a process be attached that is to enter the agent's namespaces?
 * @agent: the caller holds a use
 * @candidate: the process
 * @leader: its first thread, which the caller holds
 * @origin: set to a number for the namespaces that it is in
 * @err: filled after an error
 *
 * Only one that is in none of them yet, with all its threads: where it is has to tell what
 * it executes outside from what it executes inside, and inside others could have changed
 * it before it is a member. The agent's process can leave any namespace but that of pids,
 * so without one of its own inside could look like outside.
 *
 * Return: 0; -EPERM where it is in one of them, which is a violation, or where the agent
 * has no pid namespace of its own; -ESRCH where the agent has no process to compare with;
 * -EBUSY where that cannot be said now; -EINTR.
 */
int swarm_place_outside(struct swarm_agent *agent, const struct swarm_candidate *candidate,
			struct task_struct *leader, u32 *origin, struct swarm_policy_error *err)
{
	u32 required = swarm_namespaces_of_policy(agent);
	struct difference found;
	int ret;

	if (!(required & SWARM_NS_PID))
		return swarm_refuse(err, -EPERM, "enters",
				    "the agent has no pid namespace of its own, by which what is inside is told; attach the process after it has entered");
	ret = find_difference(agent, leader, required, &found, err);
	if (ret)
		return ret;
	*origin = found.origin;
	if (!found.origin)
		return swarm_refuse(err, -ESRCH, candidate->key, "the process has exited");
	if (!found.shared)
		return 0;
	swarm_event_violation(agent, SWARM_KIND_ADOPT, SWARM_DENY, SWARM_DONE_DENY);
	return swarm_refuse(err, -EPERM, candidate->key,
			    "the process is in the agent's %s namespace already; attach it before it enters",
			    name_of_first(found.shared));
}

/**
 * swarm_place_entering - does the calling thread execute a program inside its agent?
 * @member: its process's entry, SWARM_MEMBER_ENTERING
 *
 * Inside is where any namespace is the agent's that its policy names: whether all is, then
 * swarm_place_executing() says. Outside is where the process was attached, and nowhere
 * else: elsewhere may be what the agent has made, or has left since, or another agent.
 *
 * Return: 1, or 0 where it is outside; -EPERM where it is elsewhere; -ESRCH where the
 * agent has no other process; -EBUSY where that cannot be said now.
 */
int swarm_place_entering(const struct swarm_member *member)
{
	struct swarm_agent *agent = member->agent;
	struct swarm_policy_error unused;
	struct difference found;
	int ret = find_difference(agent, NULL, swarm_namespaces_of_policy(agent), &found, &unused);

	if (ret)
		return ret;
	if (found.shared)
		return 1;
	return found.origin == member->origin ? 0 : -EPERM;
}

/**
 * swarm_place_entered - has the calling thread entered namespaces of its agent only?
 * @member: its process's entry, SWARM_MEMBER_JOINING
 * @before: the namespaces that the thread was in before
 *
 * Return: 0; -EPERM where it is in one that is neither the agent's nor one of @before;
 * -ESRCH where the agent has no other process; -EBUSY where that cannot be said now.
 */
int swarm_place_entered(const struct swarm_member *member, const struct swarm_namespaces *before)
{
	struct swarm_policy_error unused;
	struct swarm_namespaces own;
	struct place first;
	u32 known;
	int ret;

	ret = look_at_first(member->agent, &first, &unused);
	if (ret)
		return ret;
	rcu_read_lock();
	if (swarm_namespaces_of(current, &own)) {
		known = swarm_namespaces_shared(&own, before) |
			swarm_namespaces_shared(&own, &first.namespaces);
		if (known != SWARM_NS_ALL ||
		    (own.children_pid != before->children_pid &&
		     own.children_pid != first.namespaces.ids[ilog2(SWARM_NS_PID)]))
			ret = -EPERM;
	}
	rcu_read_unlock();
	path_put(&first.root);
	return ret;
}

static bool in_cgroup_of(const struct swarm_agent *agent)
{
	bool in;

	rcu_read_lock();
	/* Before @regrouping is looked at: regroup.c writes that first. */
	in = swarm_cgroup_holds(smp_load_acquire(&agent->cgroup), current);
	rcu_read_unlock();
	return in;
}

/**
 * swarm_place_executing - may the calling thread execute a program, by where it is?
 * @member: its process's entry, SWARM_MEMBER_UNPLACED
 *
 * One that was forked to join its agent must be in each of the namespaces that the
 * agent's first process is in, those that the policy does not name too; one that was
 * attached, in those that it names. For both, as swarm_place_attached(), and they must be
 * in the agent's cgroup still.
 *
 * Return: 0; -EPERM where it may not; -ESRCH where the agent has no other process;
 * -EBUSY where that cannot be said now.
 */
int swarm_place_executing(const struct swarm_member *member)
{
	struct swarm_agent *agent = member->agent;
	struct swarm_policy_error unused;
	struct difference found;
	u32 required;
	int ret;

	required = member->flags & SWARM_MEMBER_JOINING ?
		SWARM_NS_ALL : swarm_namespaces_of_policy(agent);
	ret = find_difference(agent, NULL, required, &found, &unused);
	if (ret)
		return ret;
	if (differs(&found))
		return -EPERM;
	if (in_cgroup_of(agent))
		return 0;
	/* Whoever moves the agent to another cgroup has yet to come to this process. */
	if (READ_ONCE(agent->regrouping))
		return -EBUSY;
	/* Pairs with regroup.c: or has just done so. */
	smp_rmb();
	return in_cgroup_of(agent) ? 0 : -EPERM;
}

/**
 * swarm_place_mark - a number that changes as the calling thread goes elsewhere
 *
 * Made of what is replaced then, none of which is followed. Never sleeps.
 *
 * Return: the number, which is not 0.
 */
unsigned long swarm_place_mark(void)
{
	const struct fs_struct *fs = swarm_directories(current);
	const void *const parts[] = {
		current, current->nsproxy, current_cred(), rcu_access_pointer(current->cgroups),
		READ_ONCE(fs->root.mnt), READ_ONCE(fs->root.dentry),
		READ_ONCE(fs->pwd.mnt), READ_ONCE(fs->pwd.dentry),
	};
	unsigned long mark = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		mark = (mark + (unsigned long)parts[i]) * SWARM_MEMBER_HASH;
	return mark | 1;
}
