/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the tests' oracle (tests/oracle) sees of the module's tables. Not an
 * interface: it changes with the structures it leads to, and nothing else uses it.
 */
#ifndef SWARM_VIEW_H
#define SWARM_VIEW_H

#include <linux/types.h>

struct hlist_head;
struct module;
struct signal_struct;
struct swarm_agent;
struct swarm_member_table;

/**
 * struct swarm_view - the tables, for reading
 * @owner: this module; the view is good while it is live
 * @members: processes; under RCU
 * @bucket: where in there a process is
 * @next_agent: swarm_agent_next()
 * @first_id: swarm_agent_first_id()
 * @id_count: the parameter
 */
struct swarm_view {
	struct module *owner;
	const struct swarm_member_table *members;
	struct hlist_head *(*bucket)(const struct signal_struct *signal);
	struct swarm_agent *(*next_agent)(u64 *id);
	u32 (*first_id)(const struct swarm_agent *agent);
	const unsigned int *id_count;
};

extern const struct swarm_view swarm_view;

#endif
