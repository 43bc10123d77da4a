/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The capabilities that an agent's processes may have once they have executed a program. */
#ifndef SWARM_PRIVILEGES_H
#define SWARM_PRIVILEGES_H

#include <linux/types.h>

struct swarm_rules;

bool swarm_privileges_exceed(const struct swarm_rules *rules);
int swarm_privileges_cut(u64 capabilities, bool no_new_privs);
int swarm_privileges_drop(const struct swarm_rules *rules);

#endif
