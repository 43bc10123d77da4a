// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The inode number of a mount namespace. struct mnt_namespace is private to fs/;
 * it begins with what all namespaces have in common on every kernel so far, and
 * that is looked at here rather than assumed.
 */
#include <linux/kernel.h>
#include <linux/ns_common.h>
#include <linux/nsproxy.h>
#include <linux/proc_ns.h>
#include <linux/sched/task.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compat/compat.h"

static bool begins_with_common;

/**
 * swarm_mnt_ns_inum - the inode number of a mount namespace, as in /proc/PID/ns/mnt
 *
 * Return: the number, or 0 on a kernel that keeps it elsewhere.
 */
u32 swarm_mnt_ns_inum(const struct mnt_namespace *ns)
{
	return begins_with_common ? ((const struct ns_common *)ns)->inum : 0;
}

void __init swarm_namespaces_init(void)
{
	const struct ns_common *common = (const void *)init_task.nsproxy->mnt_ns;
	const struct proc_ns_operations *ops;
	const char *name;
	char text[4] = "";

	if (get_kernel_nofault(ops, &common->ops) || get_kernel_nofault(name, &ops->name) ||
	    copy_from_kernel_nofault(text, name, sizeof(text)))
		return;
	begins_with_common = !memcmp(text, "mnt", sizeof(text));
}
