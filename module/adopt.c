// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Adoption: a running process becomes a member, as the first of a new agent
 * ("pid" in create) or as one more of an agent that runs (attach).
 */
#include <linux/bitops.h>
#include <linux/cred.h>
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
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "adopt.h"
#include "agent.h"
#include "cgroup.h"
#include "event.h"
#include "member.h"
#include "namespaces.h"
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

/* Namespaces */

/* Those that are the same in both, as SWARM_NS_*. */
static u32 shared(const struct swarm_namespaces *a, const struct swarm_namespaces *b)
{
	u32 bits = 0;
	int i;

	for (i = 0; i < SWARM_NR_NAMESPACES; i++)
		bits |= a->ids[i] == b->ids[i] ? BIT(i) : 0;
	return bits;
}

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

/*
 * For a new agent: the process must be in none of the initial namespaces that the
 * policy names. Threads may differ, so each is looked at.
 */
static int check_left_initial(struct swarm_agent *agent, struct task_struct *leader,
			      struct swarm_policy_error *err)
{
	struct swarm_namespaces initial, own;
	struct task_struct *thread;
	u32 in = 0;

	rcu_read_lock();
	swarm_namespaces_of(&init_task, &initial);
	for_each_thread(leader, thread)
		if (swarm_namespaces_of(thread, &own))
			in |= shared(&own, &initial);
	rcu_read_unlock();
	in &= swarm_policy_rules(agent->policy)->namespaces;
	if (!in)
		return 0;
	swarm_event_violation(&nobody, SWARM_KIND_ADOPT, SWARM_DENY, SWARM_DONE_DENY);
	return swarm_refuse(err, -EPERM, "pid",
			    "the process is in the initial %s namespace, which namespace_flags forbid; start it in its own, or use spawn",
			    name_of_first(in));
}

/* The namespaces of a process, which has none any more once all its threads exit. */
static bool look_at(const struct swarm_member *member, struct swarm_namespaces *seen,
		    unsigned int *budget)
{
	struct task_struct *leader = pid_task(member->pid, PIDTYPE_TGID), *thread;

	if (!leader) {
		--*budget;
		return false;
	}
	for_each_thread(leader, thread) {
		if (swarm_namespaces_of(thread, seen))
			return true;
		if (!--*budget)
			return false;
	}
	return false;
}

/*
 * The namespaces of the agent's first process, or of the oldest one left. Those ahead of
 * it in the list are exiting, and leave it soon: where they are very many, the caller is
 * to try again, rather than to keep a grace period from ending.
 */
static int look_at_first(struct swarm_agent *agent, struct swarm_namespaces *seen,
			 struct swarm_policy_error *err)
{
	unsigned int budget = SWARM_LISTED_MAX;
	struct swarm_member *member;
	int ret = -ESRCH;

	rcu_read_lock();
	list_for_each_entry_rcu(member, &agent->members, link) {
		ret = -EBUSY;
		if (READ_ONCE(member->flags) & SWARM_MEMBER_NEWBORN)
			break;
		if (look_at(member, seen, &budget)) {
			ret = 0;
			break;
		}
		if (!budget)
			break;
		ret = -ESRCH;
	}
	rcu_read_unlock();
	if (!ret)
		return 0;
	if (!budget)
		return swarm_refuse(err, ret, "id",
				    "the agent's oldest processes are exiting; try again");
	return swarm_refuse(err, ret, "id", ret == -EBUSY ?
			    "the agent's first process is still being born; try again" :
			    "the agent's last process is exiting");
}

/*
 * For an agent that runs: of the namespaces that the policy names, the process must
 * be in the very ones that the agent's first process is in; and with a user
 * namespace it must have given up ids from outside, as a birth does.
 */
static int check_same(struct swarm_agent *agent, struct task_struct *leader,
		      struct swarm_policy_error *err)
{
	u32 required = swarm_policy_rules(agent->policy)->namespaces;
	struct swarm_namespaces first, again, own;
	struct task_struct *thread;
	bool mapped = true;
	u32 foreign = 0;
	int ret;

	ret = look_at_first(agent, &first, err);
	if (ret)
		return ret;
	rcu_read_lock();
	for_each_thread(leader, thread) {
		if (!swarm_namespaces_of(thread, &own))
			continue;
		foreign |= ~shared(&own, &first);
		mapped &= ids_mapped(__task_cred(thread));
	}
	rcu_read_unlock();
	/* If they were left meanwhile, others may have come to be at the same addresses. */
	ret = look_at_first(agent, &again, err);
	if (ret)
		return ret;
	foreign |= ~shared(&first, &again);

	foreign &= required;
	if (!foreign && (mapped || !(required & SWARM_NS_USER)))
		return 0;
	swarm_event_violation(agent, SWARM_KIND_ADOPT, SWARM_DENY, SWARM_DONE_DENY);
	if (foreign)
		return swarm_refuse(err, -EPERM, "pid",
				    "the process is not in the agent's %s namespace; enter it first (nsenter)",
				    name_of_first(foreign));
	return swarm_refuse(err, -EPERM, "pid",
			    "the process has a user or group id that the agent's user namespace does not map; set its ids first");
}

/* Limits */

/* What no reclaim takes from it: RssAnon, RssShmem and VmSwap of /proc/PID/status. */
static u64 memory_of(struct task_struct *leader)
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
static int check_limits(struct swarm_agent *agent, struct task_struct *leader,
			struct swarm_policy_error *err)
{
	u64 limit = swarm_policy_rules(agent->policy)->memory_limit;
	u64 memory = limit ? memory_of(leader) : 0;
	struct swarm_full full;
	int ret;

	if (memory > limit)
		return swarm_refuse(err, -ENOSPC, "pid",
				    "the process has %llu bytes already, which no limit would cover; raise memory_limit, or use spawn",
				    memory);
	ret = swarm_cgroup_room(agent, leader, &full);
	if (ret == -ENOSPC)
		return swarm_refuse(err, ret, "pid",
				    "pids.max of the cgroup %s is %llu, too few for the %d threads of the process",
				    full.path, full.limit, get_nr_threads(leader));
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

static int check_candidate(struct task_struct *leader, struct swarm_policy_error *err)
{
	bool is_member;

	if (leader->flags & PF_KTHREAD || is_global_init(leader))
		return swarm_refuse(err, -EPERM, "pid",
				    "kernel threads and process 1 cannot become agents");
	if (being_forked(leader))
		return swarm_refuse(err, -EBUSY, "pid",
				    "the process is still being forked; try again");
	rcu_read_lock();
	is_member = swarm_member_find(leader->signal);
	rcu_read_unlock();
	if (is_member)
		return swarm_refuse(err, -EBUSY, "pid", "the process belongs to an agent already");
	return 0;
}

/* The caller has taken a use of the agent for the process. */
static int enrol_used(struct swarm_agent *agent, struct pid *pid, struct task_struct *leader,
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
	ret = swarm_cgroup_adopt(agent->cgroup, pid, leader);
	if (ret) {
		swarm_member_free(member);
		if (ret == -ENODEV)
			return swarm_refuse(err, -EBUSY, "pid",
					    "the agent's cgroup was removed by an administrator, so nothing can be moved into it");
		if (ret == -ENOMEM)
			return swarm_refuse(err, ret, "", "out of memory");
		if (ret == -ESRCH)
			return swarm_refuse(err, ret, "pid", "the process has exited");
		return swarm_refuse(err, -EBUSY, "pid",
				    "the process cannot be moved into the agent's cgroup (error %d)",
				    -ret);
	}
	member->agent = agent;
	ret = swarm_member_add(member, leader);
	if (ret) {
		swarm_member_free(member);
		return swarm_refuse(err, ret, "pid", ret == -ESRCH ?
				    "the process has exited" :
				    "the process belongs to an agent already");
	}
	return 0;
}

static int enrol(struct swarm_agent *agent, struct pid *pid, struct task_struct *leader,
		 struct swarm_policy_error *err)
{
	int ret = swarm_agent_use(agent, SWARM_RUNNING);

	if (ret)
		return swarm_refuse(err, ret, "",
				    "the agent is being destroyed, or the module unloaded");
	ret = enrol_used(agent, pid, leader, err);
	if (ret)
		swarm_agent_unuse(agent);
	return ret;
}

static struct task_struct *process_of(struct pid *pid, struct swarm_policy_error *err)
{
	struct task_struct *leader = get_pid_task(pid, PIDTYPE_TGID);

	if (!leader)
		return ERR_PTR(swarm_refuse(err, -ESRCH, "pid", "there is no process of this id"));
	return leader;
}

static int adopt(struct swarm_agent *agent, struct pid *pid, struct task_struct *leader,
		 struct swarm_policy_error *err)
{
	return check_candidate(leader, err) ?:
	       check_left_initial(agent, leader, err) ?:
	       check_limits(agent, leader, err) ?:
	       enrol(agent, pid, leader, err);
}

/**
 * swarm_adopt - make a running process the first of an agent
 * @agent: not published yet; the caller holds a use
 * @pid: the process; NULL where there is none of the number that was given
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
int swarm_adopt(struct swarm_agent *agent, struct pid *pid, struct swarm_policy_error *err)
{
	struct task_struct *leader = process_of(pid, err);
	int ret;

	if (IS_ERR(leader))
		return PTR_ERR(leader);
	if (mutex_lock_killable(&adoptions)) {
		ret = swarm_refuse(err, -EINTR, "", "interrupted");
	} else {
		ret = adopt(agent, pid, leader, err);
		mutex_unlock(&adoptions);
	}
	put_task_struct(leader);
	return ret;
}

static int attach(struct swarm_agent *agent, struct pid *pid, struct task_struct *leader,
		  struct swarm_policy_error *err)
{
	int ret = check_candidate(leader, err) ?:
		  check_same(agent, leader, err) ?:
		  check_limits(agent, leader, err) ?:
		  enrol(agent, pid, leader, err);

	if (ret)
		return ret;
	swarm_event_spawned(agent, SWARM_BY_ATTACH, pid);
	/* Destroyed meanwhile: seen here, or the new member is seen there. */
	if (swarm_agent_dying(agent))
		swarm_agent_doom(agent, SWARM_END_REQUEST);
	return 0;
}

/**
 * swarm_attach - make a running process one more of an agent that runs
 * @id: the agent's
 * @nr: the process, in the caller's pid namespace
 * @err: filled after an error
 *
 * What swarm_adopt() leaves to the process is its own affair here too.
 *
 * Return: 0; -ESRCH where there is no such process or no such agent, or the agent
 * has no process or is dying; -EBUSY where the agent is still being born, or the
 * process is a member of an agent already; -EPERM where it is not in the agent's
 * namespaces, is process 1 or a kernel thread; -ENOSPC as swarm_adopt(); -ENOMEM;
 * -EINTR.
 */
int swarm_attach(u64 id, pid_t nr, struct swarm_policy_error *err)
{
	struct task_struct *leader;
	struct swarm_agent *agent;
	/* Held to the end, since the process may be reaped as soon as it is a member. */
	struct pid *pid;
	int ret;

	agent = swarm_agent_enter(id);
	if (IS_ERR(agent))
		return swarm_refuse(err, PTR_ERR(agent), "id", PTR_ERR(agent) == -EBUSY ?
				    "a thread is armed for agent %llu, but has not forked yet" :
				    "no agent %llu runs: there is none, it is ending, or it has no process",
				    id);
	pid = find_get_pid(nr);
	leader = process_of(pid, err);
	ret = PTR_ERR_OR_ZERO(leader);
	if (ret)
		goto unuse;
	if (mutex_lock_killable(&adoptions)) {
		ret = swarm_refuse(err, -EINTR, "", "interrupted");
	} else {
		ret = attach(agent, pid, leader, err);
		mutex_unlock(&adoptions);
	}
	put_task_struct(leader);
unuse:
	put_pid(pid);
	swarm_agent_unuse(agent);
	return ret;
}
