/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Cgroup directories that are made ahead, so that arming need not wait for them. */
#ifndef SWARM_CGROUP_POOL_H
#define SWARM_CGROUP_POOL_H

#include <linux/types.h>

struct file;
struct path;
struct swarm_ready;

/* Whose directories are in which of the two parents. */
enum swarm_cgroup_kind { SWARM_CGROUP_MEMORY, SWARM_CGROUP_PLAIN, SWARM_NR_CGROUP_KINDS };

/* The files that limits are written to, in the order in which they are written. */
enum swarm_limit_file {
	SWARM_CPU_MAX,
	SWARM_PIDS_MAX,
	SWARM_SWAP_MAX,
	SWARM_OOM_GROUP,
	SWARM_MEMORY_MAX,
	SWARM_NR_LIMIT_FILES,
};

extern const char *const swarm_limit_files[SWARM_NR_LIMIT_FILES];

/**
 * struct swarm_pool_counts - what the pool has and has done
 * @ready: directories that wait for an agent
 * @hits: how often one was there for an agent
 * @misses: how often none was, and the agent waited for one
 */
struct swarm_pool_counts {
	unsigned int ready;
	u64 hits;
	u64 misses;
};

struct swarm_ready *swarm_pool_take(enum swarm_cgroup_kind kind);
const char *swarm_ready_name(const struct swarm_ready *ready);
struct file *swarm_ready_procs(struct swarm_ready *ready);
int swarm_ready_write(const struct swarm_ready *ready, enum swarm_limit_file file,
		      const char *text);
void swarm_pool_missed(void);
void swarm_pool_used(struct swarm_ready *ready);
void swarm_pool_spoiled(struct swarm_ready *ready);
bool swarm_pool_release(void);
void swarm_pool_counts(struct swarm_pool_counts *counts);

void swarm_pool_init(const struct path *const parents[SWARM_NR_CGROUP_KINDS]);
void swarm_pool_exit(void);

#endif
