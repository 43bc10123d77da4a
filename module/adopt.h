/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a running process comes to belong to an agent. */
#ifndef SWARM_ADOPT_H
#define SWARM_ADOPT_H

#include <linux/types.h>

#include "policy.h"

struct pid;
struct swarm_agent;

int swarm_adopt(struct swarm_agent *agent, struct pid *pid, struct swarm_policy_error *err);
int swarm_attach(u64 id, pid_t nr, struct swarm_policy_error *err);

#endif
