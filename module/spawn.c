// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Birth.
 *
 * A birth has three parts: an order arms the writing thread; the hook on
 * kernel_clone adds the namespaces to its next fork; and the child, before its
 * first user instruction and in its own context, takes its identity, joins its
 * cgroup and drops what it must not inherit. If a step fails it is killed unrun.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/errno.h>
#include <linux/fs_struct.h>
#include <linux/mount.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "agent.h"
#include "cgroup.h"
#include "compat/compat.h"
#include "event.h"
#include "faults.h"
#include "inherit.h"
#include "inside.h"
#include "limits.h"
#include "member.h"
#include "mounts.h"
#include "network.h"
#include "params.h"
#include "policy_table.h"
#include "privileges.h"
#include "refuse.h"
#include "spawn.h"
#include "usage.h"

/* Arming */

/*
 * Is the caller's root other than its mount namespace's? The kernel makes no
 * user namespace for such a process. What the kernel's own check compares is
 * reached from here by going up to the first mount and down to what covers it.
 */
static bool chrooted(void)
{
	struct path root, top;
	bool answer;

	get_fs_root(current->fs, &root);
	top = root;
	path_get(&top);
	while (follow_up(&top))
		;
	dput(top.dentry);
	top.dentry = dget(top.mnt->mnt_root);
	while (d_mountpoint(top.dentry) && follow_down_one(&top))
		;
	answer = !path_equal(&root, &top);
	path_put(&top);
	path_put(&root);
	return answer;
}

/*
 * Is the calling thread armed for an agent that still waits for it? One that was
 * destroyed meanwhile is let go instead: whoever arms anew means the new agent.
 */
static bool armed_already(void)
{
	struct swarm_member *reservation;
	bool armed = false;

	rcu_read_lock();
	reservation = swarm_reserved_find(current);
	if (reservation)
		armed = !swarm_agent_dying(reservation->agent);
	rcu_read_unlock();
	if (reservation && !armed)
		swarm_reserved_cancel(current);
	return armed;
}

static int check_armed(struct swarm_policy_error *err)
{
	if (armed_already())
		return swarm_refuse(err, -EBUSY, "spawn",
				    "this thread is armed already; fork first, or destroy the agent it is armed for");
	return 0;
}

/**
 * swarm_spawn_check - may the calling thread be armed for an agent's first process?
 * @agent: registered; the caller holds a use
 * @err: filled after an error
 *
 * Return: 0; -EBUSY where the thread is armed already; -EPERM where it is chrooted, or
 * its /proc is covered in part; -ENOSPC where no range of ids is left.
 */
int swarm_spawn_check(struct swarm_agent *agent, struct swarm_policy_error *err)
{
	struct swarm_rules rules;
	int ret = check_armed(err);
	bool own_ids, own_mounts;

	if (ret)
		return ret;
	swarm_copy_rules(agent, &rules);
	own_ids = rules.namespaces & SWARM_NS_USER;
	own_mounts = rules.namespaces & SWARM_NS_MNT;
	if ((own_ids || own_mounts) && chrooted())
		return swarm_refuse(err, -EPERM, "spawn",
				    "a chrooted process can make neither a user nor a mount namespace for an agent; arm from outside the chroot");
	if (!(rules.namespaces & SWARM_NS_NET) && swarm_network_shares(current))
		return swarm_refuse(err, -EPERM, "spawn",
				    "the launcher is in the network namespace that agents without a network share; arm elsewhere, or add the net bit (2)");
	ret = swarm_mounts_check(&rules, err);
	if (ret)
		return ret;
	return own_ids ? swarm_agent_take_range(agent, err) : 0;
}

/*
 * An armed thread on its way back from its fork
 *
 * Nothing tells of a kernel_clone() that fails. So a thread that passes its hook while it
 * is armed is given something to do before it returns to user space: if it is armed
 * still, its fork has failed.
 */

/* A call that starts anew has not failed yet. */
static bool starts_anew(long err)
{
	return err <= -ERESTARTSYS;
}

/*
 * Which limit is it that a fork has met? For the log: events have the error alone. What
 * has become free again since the fork is not found any more.
 */
static void tell_limit(const struct swarm_agent *agent, bool joins, long err)
{
	struct swarm_policy_error found;
	int ret;

	/* What limits answer: those of processes, of namespaces and of file systems. */
	if (err != -EAGAIN && err != -ENOSPC && err != -EMFILE)
		return;
	/* As at arming: no update gives the agent another cgroup meanwhile. */
	if (swarm_orders_lock(agent))
		return;
	ret = joins ? swarm_limits_join(agent, &found) : swarm_limits_arm(agent, &found);
	swarm_orders_unlock(agent);
	if (ret == -ENOSPC)
		pr_info_ratelimited("agent %llu: a fork for it failed with %ld: %s\n",
				    agent->id, err, found.message);
}

static void back_from_fork(struct callback_head *work)
{
	struct swarm_watch *watch = container_of(work, struct swarm_watch, work);
	struct swarm_member *reservation;
	long err;

	rcu_read_lock();
	/* The calling thread's own, which nobody else takes. */
	reservation = swarm_reserved_find(current);
	rcu_read_unlock();
	if (reservation && reservation->flags & SWARM_MEMBER_SPAWNED && !reservation->watch) {
		err = syscall_get_error(current, task_pt_regs(current));
		if (err && !starts_anew(err)) {
			swarm_event_fork_failed(reservation->agent, err);
			/* The thread's use keeps the agent: it has become no child's. */
			tell_limit(reservation->agent, reservation->flags & SWARM_MEMBER_JOINING,
				   err);
		}
		reservation->watch = watch;
	} else {
		kfree(watch);
	}
	/* As in swarm_agent_unuse(): unloading waits for the rest of this. */
	module_put(THIS_MODULE);
}

/**
 * swarm_spawn_forks - an armed thread, the calling one, is about to fork
 * @reservation: its own
 *
 * In a hook, so it never sleeps. The thread's agent holds the module as yet.
 */
void swarm_spawn_forks(struct swarm_member *reservation)
{
	struct swarm_watch *watch = reservation->watch;

	/* It forks in the place of a call that has not returned: told by that one. */
	if (!watch)
		return;
	init_task_work(&watch->work, back_from_fork);
	if (swarm_add_task_work(current, &watch->work, TWA_RESUME))
		return;
	reservation->watch = NULL;
	__module_get(THIS_MODULE);
}

static int set_watch(struct swarm_member *member)
{
	member->watch = kmalloc(sizeof(*member->watch), GFP_KERNEL_ACCOUNT);
	return member->watch ? 0 : -ENOMEM;
}

/* Arm the calling thread, which is not. */
static int arm(struct swarm_agent *agent, u32 flags, struct swarm_policy_error *err)
{
	struct swarm_member *member = swarm_member_alloc(GFP_KERNEL);
	int ret;

	if (!member)
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	if (set_watch(member)) {
		swarm_member_free(member);
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	}
	ret = flags & SWARM_MEMBER_JOINING ? swarm_agent_use_running(agent) :
					     swarm_agent_use(agent, SWARM_ARMED);
	if (ret) {
		kfree(member->watch);
		swarm_member_free(member);
		return swarm_refuse(err, ret, "id", ret == -ESRCH ?
				    "the agent is being destroyed, or the module unloaded" :
				    "the agent has just been armed, or its last process has exited; try again");
	}
	member->agent = agent;
	member->flags = SWARM_MEMBER_SPAWNED | SWARM_MEMBER_NEWBORN | flags;
	swarm_reserved_add(member, current);
	return 0;
}

/**
 * swarm_spawn_arm - make the calling thread's next fork the agent's first process
 * @agent: registered, with the cgroup that it needs; the caller holds a use, and has
 *	   checked what swarm_spawn_check() does
 * @err: filled after an error
 *
 * Return: 0; -EBUSY where another thread has been armed for it; -ESRCH where it is
 * dying; -ENOMEM.
 */
int swarm_spawn_arm(struct swarm_agent *agent, struct swarm_policy_error *err)
{
	return arm(agent, SWARM_MEMBER_UNCUT, err);
}

/**
 * swarm_spawn_arm_joining - make the calling thread's next fork one more of an agent that runs
 * @agent: the caller holds a use
 * @err: filled after an error
 *
 * Return: 0; -EBUSY where the thread is armed already, or the agent's last process has
 * exited; -ESRCH where it is dying; -ENOMEM.
 */
int swarm_spawn_arm_joining(struct swarm_agent *agent, struct swarm_policy_error *err)
{
	return check_armed(err) ?: arm(agent, SWARM_MEMBER_FORKED_TO_JOIN, err);
}

/* Birth, in the child */

static void fill_map(struct uid_gid_map *map, u32 first)
{
	map->extent[0].first = 0;
	map->extent[0].lower_first = first;
	map->extent[0].count = swarm_id_count;
	/* Readers look at the number first and take no lock. */
	smp_wmb();
	WRITE_ONCE(map->nr_extents, 1);
}

/*
 * The child's new user namespace has no maps yet, and nobody but its
 * launcher's own kind could have written them: filled before the child is woken.
 */
static void fill_maps(const struct swarm_agent *agent, const struct task_struct *child)
{
	/* Nobody changes the credentials of a task that has not been woken. */
	const struct cred *cred = rcu_dereference_protected(child->real_cred, true);
	struct user_namespace *ns = cred->user_ns;
	u32 first = swarm_agent_first_id(agent);

	/* Otherwise left alone: taking the identity will fail, and the birth with it. */
	if (ns == current_user_ns() || ns->uid_map.nr_extents || ns->gid_map.nr_extents)
		return;
	fill_map(&ns->uid_map, first);
	fill_map(&ns->gid_map, first);
}

/* Become root of the namespace, and with it nobody outside. */
static int become_root(const struct swarm_agent *agent)
{
	u32 first = swarm_agent_first_id(agent);
	struct group_info *groups = groups_alloc(0);
	int err;

	if (!groups)
		return -ENOMEM;
	err = set_current_groups(groups);
	put_group_info(groups);
	if (err)
		return err;
	err = swarm_call(SWARM_CALL_SETRESGID, 0, 0, 0);
	if (!err)
		err = swarm_call(SWARM_CALL_SETRESUID, 0, 0, 0);
	if (err)
		return err;
	if (__kuid_val(current_uid()) != first || __kgid_val(current_gid()) != first)
		return -EPERM;
	return 0;
}

/*
 * A change of ids sets it to fs.suid_dumpable, for a vfork's launcher too, whose
 * memory this is: restored, also after a failure.
 */
static int take_identity(const struct swarm_agent *agent)
{
	int dumpable = swarm_dumpable();
	int err = become_root(agent);

	swarm_set_dumpable(dumpable);
	return err;
}

/*
 * Leave the launcher's session and terminal. A leader of a process group could
 * not; swarm_spawn_child() has seen to it that nobody makes it one before.
 *
 * Every child of a shell with job control makes itself a process group before
 * it calls execve, and the shell complains if that fails, as it does for the
 * leader of a session. So the child is told apart from other members of its new
 * session only then, by swarm_spawn_execed().
 */
static int leave_session(void)
{
	long ret = swarm_call(SWARM_CALL_SETSID, 0, 0, 0);

	current->flags |= PF_FORKNOEXEC;
	if (ret < 0)
		return ret;
	WRITE_ONCE(current->signal->leader, 0);
	return 0;
}

/**
 * swarm_spawn_execed - an agent's first process has completed its first execve
 */
void swarm_spawn_execed(void)
{
	const struct pid *own = task_tgid(current);

	if (task_session(current) == own && task_pgrp(current) == own)
		WRITE_ONCE(current->signal->leader, 1);
}

static int be_born(const struct swarm_member *member, const char **step)
{
	struct swarm_agent *agent = member->agent;
	struct swarm_rules rules;
	u32 namespaces;
	int err;

	swarm_copy_rules(agent, &rules);
	namespaces = rules.namespaces;

	*step = "taking its identity";
	err = namespaces & SWARM_NS_USER ? take_identity(agent) : 0;
	if (err)
		return err;
	*step = "dropping privileges";
	err = swarm_inherit_drop() ?: swarm_privileges_drop(&rules);
	if (err)
		return err;
	*step = "setting its host name";
	err = swarm_inside_set_up(agent, &rules, step);
	if (err)
		return err;
	err = swarm_mounts_isolate(&rules, step);
	if (err)
		return err;
	*step = "joining its cgroup";
	err = swarm_cgroup_join(agent, false);
	if (err)
		return err;
	*step = "making its cgroup namespace";
	err = namespaces & SWARM_NS_CGROUP ?
		swarm_call(SWARM_CALL_UNSHARE, CLONE_NEWCGROUP, 0, 0) : 0;
	if (err)
		return err;
	*step = "leaving its session";
	return leave_session();
}

/*
 * A process joins an agent that runs. Its launcher's program takes it into the agent's
 * namespaces, step by step, and an agent has power over a process that is in its user
 * namespace. So nothing may trace it or look into it, until its execve is over: that is
 * refused to all members (hook_ptrace.c). What is not dumpable also has files in /proc
 * that belong to root outside.
 */
static int join_running(struct swarm_agent *agent, const char **step)
{
	struct swarm_rules rules;
	int err;

	swarm_copy_rules(agent, &rules);
	*step = "dropping privileges";
	err = swarm_inherit_drop() ?: swarm_privileges_drop(&rules);
	if (err)
		return err;
	*step = "joining its cgroup";
	err = swarm_cgroup_join(agent, true);
	if (err)
		return err;
	swarm_set_dumpable(SWARM_NOT_DUMPABLE);
	*step = "leaving its session";
	return leave_session();
}

/*
 * A member's child was forked outside the cgroup that its agent got meanwhile. Its parent
 * has been moved there, or is about to be.
 */
static void catch_up(struct swarm_agent *agent)
{
	int err = swarm_cgroup_follow(agent);

	/* One that an administrator has removed limits nobody. */
	if (!err || err == -ENODEV)
		return;
	pr_warn_ratelimited("agent %llu: a process was killed before it ran: it could not follow to the agent's new cgroup (%d)\n",
			    agent->id, err);
	send_sig(SIGKILL, current, 1);
}

/*
 * An agent's cgroup has counted the processes of earlier lives, if there were any. Before
 * anything else, as whoever ends this life tells what it has used.
 */
static int begin_life(const struct swarm_member *member)
{
	bool joining = member->flags & SWARM_MEMBER_JOINING;
	int err;

	if (!(member->flags & SWARM_MEMBER_NEWBORN) || joining || !member->nr)
		return 0;
	err = swarm_usage_begin(member->agent);
	if (!err)
		swarm_agent_counted(member->agent);
	return err;
}

/* Runs in the child before its first user instruction; its last chance to die unrun. */
static void first_work(struct callback_head *work)
{
	struct swarm_member *member = container_of(work, struct swarm_member, work);
	struct swarm_agent *agent = member->agent;
	const char *step = "beginning another life";
	bool joining;
	int err;

	swarm_faults_begin(SWARM_FAULTY_BIRTH);
	err = begin_life(member);
	if (swarm_agent_dying(agent)) {
		swarm_faults_end();
		send_sig(SIGKILL, current, 1);
		return;
	}
	if (!(member->flags & SWARM_MEMBER_NEWBORN)) {
		catch_up(agent);
		swarm_faults_end();
		return;
	}
	joining = member->flags & SWARM_MEMBER_JOINING;
	if (!err)
		err = joining ? join_running(agent, &step) : be_born(member, &step);
	swarm_faults_end();
	if (err && joining) {
		pr_warn_ratelimited("agent %llu: a process that was to join it was killed before it ran: %s failed with %d\n",
				    agent->id, step, err);
		swarm_event_fork_failed(agent, err);
		send_sig(SIGKILL, current, 1);
		return;
	}
	if (err) {
		swarm_agent_stillborn(agent, step, err);
		return;
	}
	WRITE_ONCE(member->flags, member->flags & ~SWARM_MEMBER_NEWBORN);
	swarm_event_spawned(agent, SWARM_BY_SPAWN, task_tgid(current));
}

/*
 * Was a child of the calling thread, a member, forked where its agent's processes were
 * before they got a cgroup?
 *
 * A fork makes a child where its parent is. Once the agent has been moved, one that is
 * where its parent is was forked since, wherever somebody has put that; one that was forked
 * before is where its parent is no more. If the agent is about to be moved only after this
 * has looked, the child is in the list by then.
 */
static bool left_behind(const struct swarm_agent *agent, struct task_struct *child)
{
	bool behind;

	/* Pairs with swarm_regroup(): the list of members is searched after this is set. */
	if (likely(!READ_ONCE(agent->regrouped)))
		return false;
	rcu_read_lock();
	/* Behind the moves, as in place.c. */
	behind = smp_load_acquire(&agent->regrouping) ||
		 task_dfl_cgroup(current) != task_dfl_cgroup(child);
	if (behind)
		behind = swarm_cgroup_missed(READ_ONCE(agent->cgroup), child);
	rcu_read_unlock();
	return behind;
}

/**
 * swarm_spawn_child - a process that was promised to an agent exists
 * @member: what was reserved for it; becomes its entry
 * @child: the process, which has not been woken yet
 *
 * From sched_process_fork, so it neither sleeps nor fails.
 */
void swarm_spawn_child(struct swarm_member *member, struct task_struct *child)
{
	struct swarm_agent *agent = member->agent;
	bool newborn = member->flags & SWARM_MEMBER_NEWBORN;

	if (newborn && agent->range != SWARM_NO_RANGE && !(member->flags & SWARM_MEMBER_JOINING))
		fill_maps(agent, child);
	/*
	 * A shell with job control makes each child a process group of its own, at
	 * once and from outside. As if the child had called execve already, that
	 * fails with EACCES, which every such shell expects.
	 */
	if (newborn)
		child->flags &= ~PF_FORKNOEXEC;
	/* An armed thread's use becomes its child's. */
	swarm_member_add_child(member, child, newborn);
	/*
	 * Destroyed, or given a cgroup, while this fork was under way: seen here, or the
	 * child is seen there.
	 */
	if (newborn || swarm_agent_dying(agent) || left_behind(agent, child)) {
		init_task_work(&member->work, first_work);
		WARN_ON_ONCE(swarm_add_task_work(child, &member->work, TWA_RESUME));
	}
}
