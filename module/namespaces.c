// SPDX-License-Identifier: MIT OR Apache-2.0
#include <linux/bitops.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/ipc_namespace.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/sched/task.h>
#include <linux/time_namespace.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

#include "compat/compat.h"
#include "namespaces.h"

static void set(struct swarm_namespaces *namespaces, u32 bit, const void *id, u32 inum)
{
	namespaces->ids[ilog2(bit)] = id;
	namespaces->inums[ilog2(bit)] = inum;
}

/**
 * swarm_namespaces_shared - the namespaces that are the same in both, as SWARM_NS_*
 */
u32 swarm_namespaces_shared(const struct swarm_namespaces *a, const struct swarm_namespaces *b)
{
	u32 bits = 0;
	int i;

	for (i = 0; i < SWARM_NR_NAMESPACES; i++)
		bits |= a->ids[i] == b->ids[i] ? BIT(i) : 0;
	return bits;
}

/**
 * swarm_namespaces_of - which namespaces a task is in
 * @namespaces: filled in
 *
 * Under rcu_read_lock().
 *
 * Return: false where the task is exiting and has left them.
 */
bool swarm_namespaces_of(struct task_struct *task, struct swarm_namespaces *namespaces)
{
	const struct user_namespace *user_ns = __task_cred(task)->user_ns;
	const struct pid_namespace *pid_ns = task_active_pid_ns(task);
	const struct nsproxy *own;

	if (!pid_ns)
		return false;
	set(namespaces, SWARM_NS_PID, pid_ns, pid_ns->ns.inum);
	set(namespaces, SWARM_NS_USER, user_ns, user_ns->ns.inum);

	task_lock(task);
	own = task->nsproxy;
	if (own) {
		set(namespaces, SWARM_NS_NET, own->net_ns, own->net_ns->ns.inum);
		set(namespaces, SWARM_NS_MNT, own->mnt_ns, swarm_mnt_ns_inum(own->mnt_ns));
		set(namespaces, SWARM_NS_UTS, own->uts_ns, own->uts_ns->ns.inum);
		set(namespaces, SWARM_NS_IPC, own->ipc_ns, own->ipc_ns->ns.inum);
		set(namespaces, SWARM_NS_CGROUP, own->cgroup_ns, own->cgroup_ns->ns.inum);
		set(namespaces, SWARM_NS_TIME, own->time_ns, own->time_ns->ns.inum);
		namespaces->children_pid = own->pid_ns_for_children;
		namespaces->prepared =
			(own->pid_ns_for_children != pid_ns ? SWARM_NS_PID : 0) |
			(own->time_ns_for_children != own->time_ns ? SWARM_NS_TIME : 0);
	}
	task_unlock(task);
	return own;
}
