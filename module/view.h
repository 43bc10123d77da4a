/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the tests' oracle (tests/oracle) and benchmark (tests/bench) see of the
 * module. Not an interface: it changes with the structures it leads to, and nothing
 * else uses it.
 */
#ifndef SWARM_VIEW_H
#define SWARM_VIEW_H

#include <linux/spinlock_types.h>
#include <linux/types.h>

struct hlist_head;
struct module;
struct net;
struct signal_struct;
struct swarm_agent;
struct swarm_hook;
struct swarm_member;
struct swarm_member_table;
struct swarm_task_callbacks;

/**
 * struct swarm_view - the tables, and what the kernel calls
 * @owner: this module; the view is good while it is live
 * @members: processes; under RCU
 * @bucket: where in there a process is
 * @next_agent: swarm_agent_next()
 * @first_id: swarm_agent_first_id()
 * @id_count: the parameter
 * @cgroup_path: swarm_cgroup_path()
 * @former_path: swarm_cgroup_former_path()
 * @network: the network namespace of agents without a network, or NULL
 * @find: swarm_member_find()
 * @lock: swarm_member_lock()
 * @hook: swarm_hook_at()
 * @track: callbacks of the scheduler's tracepoints
 */
struct swarm_view {
	struct module *owner;
	const struct swarm_member_table *members;
	struct hlist_head *(*bucket)(const struct signal_struct *signal);
	struct swarm_agent *(*next_agent)(u64 *id);
	u32 (*first_id)(const struct swarm_agent *agent);
	const unsigned int *id_count;
	int (*cgroup_path)(const struct swarm_agent *agent, char *text, size_t size);
	int (*former_path)(const struct swarm_agent *agent, char *text, size_t size);
	struct net *const *network;
	struct swarm_member *(*find)(const struct signal_struct *signal);
	raw_spinlock_t *(*lock)(const struct signal_struct *signal);
	struct swarm_hook *(*hook)(unsigned int nr);
	const struct swarm_task_callbacks *track;
};

extern const struct swarm_view swarm_view;

#endif
