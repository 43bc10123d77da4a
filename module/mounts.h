/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A newborn agent's mounts. */
#ifndef SWARM_MOUNTS_H
#define SWARM_MOUNTS_H

struct swarm_policy_error;
struct swarm_rules;

int swarm_mounts_check(const struct swarm_rules *rules, struct swarm_policy_error *err);
int swarm_mounts_isolate(const struct swarm_rules *rules, const char **step);

#endif
