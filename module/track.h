/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Following processes from fork to exit. */
#ifndef SWARM_TRACK_H
#define SWARM_TRACK_H

#include <linux/init.h>

struct swarm_task_callbacks;

/* What is called at a fork, an exec and an exit. */
extern const struct swarm_task_callbacks swarm_track_callbacks;

int __init swarm_track_init(void);
void swarm_track_exit(void);

#endif
