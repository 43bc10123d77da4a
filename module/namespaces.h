/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The namespaces that a task is in. */
#ifndef SWARM_NAMESPACES_H
#define SWARM_NAMESPACES_H

#include <linux/types.h>

#include "policy.h"

struct task_struct;

/* One for each bit of SWARM_NS_ALL. */
#define SWARM_NR_NAMESPACES	8

/**
 * struct swarm_namespaces - the namespaces of a task, by bit of namespace_flags
 * @ids: which; to be compared, never followed
 * @inums: their inode numbers, as in /proc/PID/ns
 * @children_pid: the pid namespace of its next child, likewise
 * @prepared: SWARM_NS_PID and SWARM_NS_TIME, where its children get another than its own;
 *	      what it executes is in that time namespace, too
 */
struct swarm_namespaces {
	const void *ids[SWARM_NR_NAMESPACES];
	u32 inums[SWARM_NR_NAMESPACES];
	const void *children_pid;
	u32 prepared;
};

u32 swarm_namespaces_shared(const struct swarm_namespaces *a, const struct swarm_namespaces *b);
bool swarm_namespaces_of(struct task_struct *task, struct swarm_namespaces *namespaces);

#endif
