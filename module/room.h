/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the limits of cgroups leave room for. */
#ifndef SWARM_ROOM_H
#define SWARM_ROOM_H

#include <linux/types.h>

#include "refuse.h"

struct path;
struct task_struct;

/**
 * struct swarm_full - a limit that leaves no room
 * @file: the cgroup file it is in, NULL for none
 * @limit: what the file says
 * @needed: the least that would leave room
 * @path: of the cgroup, below the root of cgroup v2; its end where it is long
 */
struct swarm_full {
	const char *file;
	u64 limit;
	u64 needed;
	char path[SWARM_PATH_SHOWN];
};

int swarm_room_for_processes(const struct path *dir, unsigned int more,
			     struct task_struct *leader, struct swarm_full *full);
/* Levels of cgroups whose files are kept open: those above are rarely so many. */
#define SWARM_ROOM_WATCHED_MAX	8

void swarm_room_watch(const struct path *dir);
void swarm_room_exit(void);
int swarm_room_for_cgroup(const struct path *dir, struct swarm_full *full);

#endif
