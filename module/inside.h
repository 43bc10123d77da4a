/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a newborn agent finds in its namespaces, and could not make without capabilities. */
#ifndef SWARM_INSIDE_H
#define SWARM_INSIDE_H

struct swarm_agent;
struct swarm_rules;

int swarm_inside_set_up(const struct swarm_agent *agent, const struct swarm_rules *rules,
			const char **step);

#endif
