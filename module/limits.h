/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Limits of the system that end births. */
#ifndef SWARM_LIMITS_H
#define SWARM_LIMITS_H

#include <linux/init.h>

#include "policy.h"

struct swarm_agent;

int __init swarm_limits_init(void);
void __init swarm_limits_tell(void);
void swarm_limits_exit(void);

int swarm_limits_join(const struct swarm_agent *agent, struct swarm_policy_error *err);
int swarm_limits_arm(const struct swarm_agent *agent, struct swarm_policy_error *err);

#endif
