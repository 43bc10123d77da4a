/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The cgroup v2 directories of agents. */
#ifndef SWARM_CGROUP_H
#define SWARM_CGROUP_H

#include <linux/init.h>
#include <linux/types.h>

#include "policy.h"

struct path;
struct pid;
struct swarm_agent;
struct swarm_cgroup;
struct swarm_full;
struct swarm_usage_mark;
struct task_struct;

int __init swarm_cgroup_init(void);
void swarm_cgroup_exit(void);

unsigned int swarm_cgroup_count(void);
int swarm_cgroup_create(struct swarm_agent *agent, struct swarm_policy_error *err);
bool swarm_cgroup_holds(const struct swarm_cgroup *cgroup);
int swarm_cgroup_join(struct swarm_cgroup *cgroup, bool more);
int swarm_cgroup_adopt(struct swarm_cgroup *cgroup, struct pid *pid,
		       const struct task_struct *leader);
int swarm_cgroup_room(const struct swarm_agent *agent, struct task_struct *leader,
		      struct swarm_full *full);
int swarm_cgroup_remove(struct swarm_cgroup *cgroup);
void swarm_cgroup_abandon(struct swarm_cgroup *cgroup);
int swarm_cgroup_find(const struct swarm_cgroup *cgroup, struct path *dir);
struct swarm_usage_mark *swarm_cgroup_mark(struct swarm_cgroup *cgroup);
int swarm_cgroup_path(const struct swarm_agent *agent, char *text, size_t size);

#endif
