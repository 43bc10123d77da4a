/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Is a process where its agent is: in its namespaces, with its ids, below its root? */
#ifndef SWARM_PLACE_H
#define SWARM_PLACE_H

#include "policy.h"

struct swarm_agent;
struct swarm_candidate;
struct swarm_member;
struct swarm_namespaces;
struct task_struct;

int swarm_place_outside(struct swarm_agent *agent, const struct swarm_candidate *candidate,
			struct task_struct *leader, u32 *origin, struct swarm_policy_error *err);
int swarm_place_entering(const struct swarm_member *member);
int swarm_place_attached(struct swarm_agent *agent, const struct swarm_candidate *candidate,
			 struct task_struct *leader, struct swarm_policy_error *err);
int swarm_place_entered(const struct swarm_member *member, const struct swarm_namespaces *before);
int swarm_place_executing(const struct swarm_member *member);
unsigned long swarm_place_mark(void);

#endif
