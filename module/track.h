/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Following processes from fork to exit. */
#ifndef SWARM_TRACK_H
#define SWARM_TRACK_H

#include <linux/init.h>

int __init swarm_track_init(void);
void swarm_track_exit(void);

#endif
