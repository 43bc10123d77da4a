/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The module's parameters, set in main.c. */
#ifndef SWARM_PARAMS_H
#define SWARM_PARAMS_H

#include <linux/printk.h>
#include <linux/types.h>

extern unsigned int swarm_max_agents;
extern unsigned int swarm_debug;
extern char *swarm_cgroup_parent;
extern unsigned int swarm_cgroup_pool;
extern unsigned int swarm_id_base;
extern unsigned int swarm_id_count;
extern unsigned int swarm_enforcing;
extern unsigned int swarm_event_buffer;
extern unsigned int swarm_event_rate;

/* A line for each event; silent unless the parameter debug is set. */
#define swarm_dbg(fmt, ...)						\
	do {								\
		if (READ_ONCE(swarm_debug))				\
			pr_info_ratelimited(fmt, ##__VA_ARGS__);	\
	} while (0)

#endif
