/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a process comes to belong to an agent: birth. For running ones, adopt.h. */
#ifndef SWARM_SPAWN_H
#define SWARM_SPAWN_H

#include <linux/types.h>

#include "policy.h"

struct swarm_agent;
struct swarm_member;
struct task_struct;

int swarm_spawn_check(struct swarm_agent *agent, struct swarm_policy_error *err);
int swarm_spawn_arm(struct swarm_agent *agent, struct swarm_policy_error *err);
int swarm_spawn_arm_joining(struct swarm_agent *agent, struct swarm_policy_error *err);
void swarm_spawn_forks(struct swarm_member *reservation);
void swarm_spawn_child(struct swarm_member *member, struct task_struct *child);
void swarm_spawn_execed(void);

#endif
