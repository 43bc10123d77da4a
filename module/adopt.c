// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Adoption: a running process becomes a member, as the first of a new agent
 * ("pid" in create) or as one more of an agent that runs (attach).
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu_counter.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/string.h>

#include "adopt.h"
#include "agent.h"
#include "cgroup.h"
#include "compat/compat.h"
#include "event.h"
#include "member.h"
#include "network.h"
#include "namespaces.h"
#include "place.h"
#include "policy_table.h"
#include "refuse.h"
#include "room.h"

/*
 * One adoption at a time: a process is seen to be no member, moved into a cgroup
 * and made a member, and no other adoption may come between.
 *
 * The process is looked up once. All that follows, the move included, is about that
 * one, whatever becomes of its number. Whatever may refuse it comes before the move,
 * so nothing has to be undone: behind it the process can only have exited.
 */
static DEFINE_MUTEX(adoptions);

/*
 * Has the violations of adoptions that create refuses. Their agent is never seen, and
 * the next one gets its id.
 */
static struct swarm_agent nobody = {
	.flood.link = LIST_HEAD_INIT(nobody.flood.link),
};

/*
 * For a new agent: the process must be in none of the initial namespaces that the
 * policy names. Threads may differ, so each is looked at.
 */
static int check_left_initial(struct swarm_agent *agent, const struct swarm_candidate *candidate,
			      struct task_struct *leader, struct swarm_policy_error *err)
{
	u32 required = swarm_namespaces_of_policy(agent);
	struct swarm_namespaces initial, own;
	struct task_struct *thread;
	u32 in = 0;

	if (!required)
		return 0;
	rcu_read_lock();
	swarm_namespaces_of(&init_task, &initial);
	for_each_thread(leader, thread)
		if (swarm_namespaces_of(thread, &own))
			in |= swarm_namespaces_shared(&own, &initial);
	rcu_read_unlock();
	in &= required;
	if (!in)
		return 0;
	swarm_event_violation(&nobody, SWARM_KIND_ADOPT, SWARM_DENY, SWARM_DONE_DENY);
	return swarm_refuse(err, -EPERM, candidate->key,
			    "the process is in the initial %s namespace, which namespace_flags forbid; start it in its own, or use spawn",
			    swarm_namespace_name(in & -in));
}

/* Its sockets may be of any family, so it would see those of the agents there. */
static int check_network(const struct swarm_candidate *candidate, struct task_struct *leader,
			 struct swarm_policy_error *err)
{
	struct task_struct *thread;
	bool shares = false;

	rcu_read_lock();
	for_each_thread(leader, thread)
		shares |= swarm_network_shares(thread);
	rcu_read_unlock();
	if (!shares)
		return 0;
	swarm_event_violation(&nobody, SWARM_KIND_ADOPT, SWARM_DENY, SWARM_DONE_DENY);
	return swarm_refuse(err, -EPERM, candidate->key,
			    "the process is in the network namespace that agents without a network share; start it in another");
}

/* Limits */

/**
 * swarm_memory_of - what no reclaim takes from a process
 *
 * RssAnon, RssShmem and VmSwap of /proc/PID/status.
 *
 * Return: bytes.
 */
u64 swarm_memory_of(struct task_struct *leader)
{
	static const int kinds[] = { MM_ANONPAGES, MM_SHMEMPAGES, MM_SWAPENTS };
	struct task_struct *thread;
	u64 pages = 0;
	int i;

	rcu_read_lock();
	for_each_thread(leader, thread) {
		struct mm_struct *mm;

		task_lock(thread);
		mm = thread->mm;
		for (i = 0; mm && i < ARRAY_SIZE(kinds); i++)
			pages += percpu_counter_sum_positive(&mm->rss_stat[kinds[i]]);
		task_unlock(thread);
		/* They share it; one that is exiting has none. */
		if (mm)
			break;
	}
	rcu_read_unlock();
	return pages << PAGE_SHIFT;
}

/*
 * Memory stays charged to the cgroup in which it was first used, so a limit covers only
 * what comes later; processes and threads are counted anew where they are moved to, but
 * cgroup v2 does not look at the limit then.
 */
static int check_limits(struct swarm_agent *agent, const struct swarm_candidate *candidate,
			struct task_struct *leader, struct swarm_policy_error *err)
{
	struct swarm_full full;
	u64 limit, memory;
	int ret;

	rcu_read_lock();
	limit = swarm_rules_of(agent)->memory_limit;
	rcu_read_unlock();
	memory = limit ? swarm_memory_of(leader) : 0;
	if (memory > limit)
		return swarm_refuse(err, -ENOSPC, candidate->key,
				    "the process has %llu bytes already, which no limit would cover; raise memory_limit, or use spawn",
				    memory);
	ret = swarm_cgroup_room(agent, leader, &full);
	if (ret == -ENOSPC)
		return swarm_refuse(err, ret, candidate->key,
				    "pids.max of the cgroup %s is %llu; the process with its %d threads needs %llu; raise it",
				    full.path, full.limit, get_nr_threads(leader), full.needed);
	if (ret)
		return swarm_refuse(err, ret, "", "the limits of cgroups cannot be read");
	return 0;
}

/* Becoming a member */

/*
 * Is it inside the kernel_clone() that makes it? It can be found by its number before
 * sched_process_fork, where it may become its parent's agent's. It is woken behind
 * that, with its pi_lock held: whoever sees under that lock that it has been also
 * sees the entry that it may have got.
 */
static bool being_forked(struct task_struct *leader)
{
	unsigned long flags;
	bool new;

	raw_spin_lock_irqsave(&leader->pi_lock, flags);
	new = READ_ONCE(leader->__state) & TASK_NEW;
	raw_spin_unlock_irqrestore(&leader->pi_lock, flags);
	return new;
}

static int check_candidate(const struct swarm_candidate *candidate, struct task_struct *leader,
			   struct swarm_policy_error *err)
{
	bool is_member;

	if (leader->flags & PF_KTHREAD || is_global_init(leader))
		return swarm_refuse(err, -EPERM, candidate->key,
				    "kernel threads and process 1 cannot become agents");
	if (being_forked(leader))
		return swarm_refuse(err, -EBUSY, candidate->key,
				    "the process is still being forked; try again");
	rcu_read_lock();
	is_member = swarm_member_find(leader->signal);
	rcu_read_unlock();
	if (is_member)
		return swarm_refuse(err, -EBUSY, candidate->key,
				    "the process belongs to an agent already");
	return 0;
}

/* The caller has taken a use of the agent for the process. */
static int enrol_used(struct swarm_agent *agent, const struct swarm_candidate *candidate,
		      struct task_struct *leader, u32 flags, u32 origin,
		      struct swarm_policy_error *err)
{
	struct swarm_member *member = swarm_member_alloc(GFP_KERNEL);
	int ret;

	if (!member)
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	/*
	 * The cgroup first: what the process forks before it is a member is its
	 * own affair, but no member may be outside its cgroup.
	 */
	ret = swarm_cgroup_adopt(agent->cgroup, candidate->pid, leader);
	if (ret) {
		swarm_member_free(member);
		if (ret == -ENODEV)
			return swarm_refuse(err, -EBUSY, candidate->key,
					    "the agent's cgroup was removed by an administrator, so nothing can be moved into it");
		if (ret == -ENOMEM)
			return swarm_refuse(err, ret, "", "out of memory");
		if (ret == -ESRCH)
			return swarm_refuse(err, ret, candidate->key, "the process has exited");
		return swarm_refuse(err, -EBUSY, candidate->key,
				    "the process cannot be moved into the agent's cgroup (error %d)",
				    -ret);
	}
	member->agent = agent;
	member->flags = flags;
	member->origin = origin;
	ret = swarm_member_add(member, leader);
	if (ret) {
		swarm_member_free(member);
		return swarm_refuse(err, ret, candidate->key, ret == -ESRCH ?
				    "the process has exited" :
				    "the process belongs to an agent already");
	}
	return 0;
}

static int enrol(struct swarm_agent *agent, const struct swarm_candidate *candidate,
		 struct task_struct *leader, u32 flags, u32 origin,
		 struct swarm_policy_error *err)
{
	int ret = swarm_agent_use(agent, SWARM_RUNNING);

	if (ret)
		return swarm_refuse(err, ret, "",
				    "the agent is being destroyed, or the module unloaded");
	ret = enrol_used(agent, candidate, leader, flags, origin, err);
	if (ret)
		swarm_agent_unuse(agent);
	return ret;
}

/* Candidates */

static struct pid *find_pid(s32 pid, s32 pidfd, struct swarm_policy_error *err)
{
	struct pid *found;

	if (pidfd >= 0) {
		found = swarm_pidfd_pid(pidfd);
		if (IS_ERR(found))
			swarm_refuse(err, PTR_ERR(found), "pidfd",
				     "the writer has no pidfd of this number; open one with pidfd_open or clone3");
		return found;
	}
	found = find_get_pid(pid);
	return found ?: ERR_PTR(swarm_refuse(err, -ESRCH, "pid",
					     "there is no process of this id"));
}

/**
 * swarm_candidate_get - the process that an object names
 * @candidate: set to it; the caller puts it
 * @pid: in the caller's pid namespace; 0: see @pidfd
 * @pidfd: a descriptor of the caller's; -1: see @pid
 * @since: from when on its rules count
 * @err: filled after an error
 *
 * Return: 0; -ESRCH where there is no such process; -EBADF where there is no such pidfd.
 */
int swarm_candidate_get(struct swarm_candidate *candidate, s32 pid, s32 pidfd,
			enum swarm_since since, struct swarm_policy_error *err)
{
	struct pid *found = find_pid(pid, pidfd, err);

	if (IS_ERR(found))
		return PTR_ERR(found);
	*candidate = (struct swarm_candidate){
		.pid = found,
		.key = pidfd >= 0 ? "pidfd" : "pid",
		.since = since,
	};
	return 0;
}

/**
 * swarm_candidate_kept - what a process keeps that it would not have if it were born in its agent
 *
 * Its memory stays charged to the cgroup in which it was first used. The credentials of
 * another process cannot be changed; the process's own next execve changes them if the
 * rules wait for it.
 */
enum swarm_kept swarm_candidate_kept(const struct swarm_candidate *candidate)
{
	return candidate->since == SWARM_SINCE_NOW ? SWARM_KEPT_ALL : SWARM_KEPT_MEMORY;
}

/**
 * swarm_candidate_put - give up a candidate; one that is all zero is none
 */
void swarm_candidate_put(struct swarm_candidate *candidate)
{
	put_pid(candidate->pid);
}

static struct task_struct *process_of(const struct swarm_candidate *candidate,
				      struct swarm_policy_error *err)
{
	struct task_struct *leader = get_pid_task(candidate->pid, PIDTYPE_TGID);

	if (!leader)
		return ERR_PTR(swarm_refuse(err, -ESRCH, candidate->key,
					    "the process has exited, or it is a thread"));
	return leader;
}

static int adopt(struct swarm_agent *agent, const struct swarm_candidate *candidate,
		 struct task_struct *leader, struct swarm_policy_error *err)
{
	u32 flags = candidate->since == SWARM_SINCE_EXEC ?
		SWARM_MEMBER_PENDING | SWARM_MEMBER_UNCUT : 0;

	return check_candidate(candidate, leader, err) ?:
	       check_left_initial(agent, candidate, leader, err) ?:
	       check_network(candidate, leader, err) ?:
	       check_limits(agent, candidate, leader, err) ?:
	       enrol(agent, candidate, leader, flags, 0, err);
}

/**
 * swarm_adopt - make a running process the first of an agent
 * @agent: not published yet; the caller holds a use
 * @candidate: the process
 * @err: filled after an error
 *
 * Descriptors the process holds, children and memory it has stay its own affair; its
 * later forks are the agent's.
 *
 * Return: 0; -ESRCH; -EBUSY where it is a member of an agent already, or still being
 * forked; -EPERM where it is in a namespace the policy forbids, is process 1 or a kernel
 * thread; -ENOSPC where it has more memory or threads than the limits leave room for;
 * -ENOMEM; -EINTR.
 */
int swarm_adopt(struct swarm_agent *agent, const struct swarm_candidate *candidate,
		struct swarm_policy_error *err)
{
	struct task_struct *leader = process_of(candidate, err);
	int ret;

	if (IS_ERR(leader))
		return PTR_ERR(leader);
	if (mutex_lock_killable(&adoptions)) {
		ret = swarm_refuse(err, -EINTR, "", "interrupted");
	} else {
		ret = adopt(agent, candidate, leader, err);
		mutex_unlock(&adoptions);
	}
	put_task_struct(leader);
	return ret;
}

static int check_place(struct swarm_agent *agent, const struct swarm_candidate *candidate,
		       struct task_struct *leader, u32 *origin,
		       struct swarm_policy_error *err)
{
	return candidate->since == SWARM_SINCE_ENTRY ?
		swarm_place_outside(agent, candidate, leader, origin, err) :
		swarm_place_attached(agent, candidate, leader, err);
}

static int attach(struct swarm_agent *agent, const struct swarm_candidate *candidate,
		  struct task_struct *leader, struct swarm_policy_error *err)
{
	static const u32 flags[] = {
		[SWARM_SINCE_NOW] = 0,
		[SWARM_SINCE_EXEC] = SWARM_MEMBER_PENDING | SWARM_MEMBER_ATTACHED |
				     SWARM_MEMBER_UNCUT,
		[SWARM_SINCE_ENTRY] = SWARM_MEMBER_PENDING | SWARM_MEMBER_JOINING |
				      SWARM_MEMBER_ENTERING | SWARM_MEMBER_UNCUT,
	};
	u32 origin = 0;
	int ret = check_candidate(candidate, leader, err) ?:
		  check_place(agent, candidate, leader, &origin, err) ?:
		  check_limits(agent, candidate, leader, err) ?:
		  enrol(agent, candidate, leader, flags[candidate->since], origin, err);

	if (ret)
		return ret;
	swarm_event_spawned(agent, SWARM_BY_ATTACH, candidate->pid);
	/* Destroyed meanwhile: seen here, or the new member is seen there. */
	if (swarm_agent_dying(agent))
		swarm_agent_doom(agent, SWARM_END_REQUEST);
	return 0;
}

/**
 * swarm_attach - make a running process one more of an agent that runs
 * @id: the agent's
 * @candidate: the process
 * @err: filled after an error
 *
 * What swarm_adopt() leaves to the process is its own affair here too.
 *
 * Return: 0; -ESRCH where there is no such process or no such agent, or the agent
 * has no process or is dying; -EBUSY where the agent is still being born, or the
 * process is a member of an agent already; -EPERM where it is not in the agent's
 * namespaces, or in them although it is to enter them, is process 1 or a kernel
 * thread; -ENOSPC as swarm_adopt(); -ENOMEM; -EINTR.
 */
int swarm_attach(u64 id, const struct swarm_candidate *candidate,
		 struct swarm_policy_error *err)
{
	struct swarm_agent *agent = swarm_agent_enter(id);
	struct task_struct *leader;
	int ret;

	if (IS_ERR(agent))
		return swarm_refuse(err, PTR_ERR(agent), "id", PTR_ERR(agent) == -EBUSY ?
				    "a thread is armed for agent %llu, but has not forked yet" :
				    "no agent %llu runs: there is none, it is ending, or it has no process",
				    id);
	leader = process_of(candidate, err);
	ret = PTR_ERR_OR_ZERO(leader);
	if (ret)
		goto unuse;
	ret = swarm_orders_lock(agent);
	if (ret) {
		swarm_refuse(err, ret, "", "interrupted");
		goto put;
	}
	if (mutex_lock_killable(&adoptions)) {
		ret = swarm_refuse(err, -EINTR, "", "interrupted");
	} else {
		ret = attach(agent, candidate, leader, err);
		mutex_unlock(&adoptions);
	}
	swarm_orders_unlock(agent);
put:
	put_task_struct(leader);
unuse:
	swarm_agent_unuse(agent);
	return ret;
}
