/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Limits of an agent that exists. */
#ifndef SWARM_REGROUP_H
#define SWARM_REGROUP_H

#include "policy.h"

struct swarm_agent;

int swarm_regroup(struct swarm_agent *agent, const struct swarm_rules *from,
		  const struct swarm_rules *to, u32 keys, int frozen,
		  struct swarm_policy_error *err);

#endif
