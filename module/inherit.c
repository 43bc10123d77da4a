// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What a process inherits from its launcher and an agent must not keep.
 *
 * A launcher is privileged, so it may have what an agent could not take for itself;
 * that is reset here. What only restricts (seccomp, no_new_privs, rlimits, affinity)
 * or is free for everybody (umask, signal masks, timer slack) is kept. docs/birth.md
 * lists every item with its answer.
 */
#include <linux/cred.h>
#include <linux/ioprio.h>
#include <linux/minmax.h>
#include <linux/oom.h>
#include <linux/personality.h>
#include <linux/sched.h>
#include <linux/sched/rt.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <uapi/linux/keyctl.h>
#include <uapi/linux/prctl.h>

#include "compat/compat.h"
#include "inherit.h"

static void drop_limit(unsigned int resource)
{
	struct rlimit *limit = &current->signal->rlim[resource];

	task_lock(current->group_leader);
	limit->rlim_cur = 0;
	limit->rlim_max = 0;
	task_unlock(current->group_leader);
}

/* CPU and disks: ahead of everybody, and beyond any cpu_quota. */
static int drop_priority(void)
{
	int err = 0;

	if (rt_or_dl_task_policy(current) || task_nice(current) < 0)
		sched_set_normal(current, max(0, task_nice(current)));
#ifdef CONFIG_BLOCK
	if (IOPRIO_PRIO_CLASS(get_current_ioprio()) == IOPRIO_CLASS_RT)
		err = set_task_ioprio(current, IOPRIO_DEFAULT);
#endif
	/* Nor what would let it take them again. */
	drop_limit(RLIMIT_RTPRIO);
	drop_limit(RLIMIT_NICE);
#ifdef CONFIG_SCHED_CORE
	/* Whoever has its cookie may share a core with the launcher; it gets one of its own. */
	if (!err && current->core_cookie)
		err = swarm_call(SWARM_CALL_PRCTL, PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0);
#endif
	return err;
}

/* Memory: reserves, protection, and the layout that no program with privileges keeps. */
static void drop_memory(void)
{
	if (current->signal->oom_score_adj < 0)
		current->signal->oom_score_adj = 0;
	current->signal->oom_score_adj_min = max_t(short, current->signal->oom_score_adj_min, 0);
	/* PR_SET_IO_FLUSHER. Only the task itself changes its flags. */
	current->flags &= ~(PF_MEMALLOC_NOIO | PF_LOCAL_THROTTLE);
	current->personality &= ~PER_CLEAR_ON_SETID;
}

#ifdef CONFIG_KEYS
/* Whoever possesses the launcher's session keyring may read the keys in it. */
static int drop_keys(void)
{
	long ret = 0;

	if (current_cred()->request_key_auth)
		ret = swarm_call(SWARM_CALL_KEYCTL, KEYCTL_ASSUME_AUTHORITY, 0, 0);
	if (ret >= 0)
		ret = swarm_call(SWARM_CALL_KEYCTL, KEYCTL_JOIN_SESSION_KEYRING, 0, 0);
	return min(0L, ret);
}
#else
static int drop_keys(void)
{
	return 0;
}
#endif

/**
 * swarm_inherit_drop - reset what the calling process has from its launcher
 *
 * Before it joins its cgroup: with CONFIG_RT_GROUP_SCHED a cgroup without a real-time
 * budget takes no real-time task.
 *
 * Return: 0 or a negative errno.
 */
int swarm_inherit_drop(void)
{
	int err = drop_priority();

	drop_memory();
	if (!err)
		err = swarm_drop_ports();
	if (!err)
		err = swarm_call(SWARM_CALL_PRCTL, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0);
	return err ?: drop_keys();
}
