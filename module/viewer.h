/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Whose agents a reader of /proc/swarm sees. */
#ifndef SWARM_VIEWER_H
#define SWARM_VIEWER_H

#include <linux/limits.h>
#include <linux/types.h>

/* Beside the id of an agent, which is the only one that is seen. */
#define SWARM_SCOPE_ALL		0ULL
#define SWARM_SCOPE_NONE	U64_MAX

u64 swarm_viewer_scope(void);
u64 swarm_scope(u64 opener);

#endif
