/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a running process comes to belong to an agent. */
#ifndef SWARM_ADOPT_H
#define SWARM_ADOPT_H

#include <linux/types.h>

#include "policy.h"

struct pid;
struct swarm_agent;
struct task_struct;

/* From when on the rules of its agent count for a process that is adopted or attached. */
enum swarm_since {
	SWARM_SINCE_NOW,
	SWARM_SINCE_EXEC,	/* its next execve */
	SWARM_SINCE_ENTRY,	/* the first execve in the agent's namespaces, its or a child's */
};

/**
 * struct swarm_candidate - a running process that is to become a member
 * @pid: of its thread group; the candidate holds a reference on it
 * @key: the key that names it, for errors: "pid" or "pidfd"
 * @since: from when on its rules count
 */
struct swarm_candidate {
	struct pid *pid;
	const char *key;
	enum swarm_since since;
};

/* What a process keeps when it is adopted. */
enum swarm_kept {
	SWARM_KEPT_NOTHING,
	SWARM_KEPT_MEMORY,
	SWARM_KEPT_ALL,		/* its capabilities and no_new_privs, too */
};

int swarm_candidate_get(struct swarm_candidate *candidate, s32 pid, s32 pidfd,
			enum swarm_since since, struct swarm_policy_error *err);
enum swarm_kept swarm_candidate_kept(const struct swarm_candidate *candidate);
void swarm_candidate_put(struct swarm_candidate *candidate);

int swarm_adopt(struct swarm_agent *agent, const struct swarm_candidate *candidate,
		struct swarm_policy_error *err);
int swarm_attach(u64 id, const struct swarm_candidate *candidate,
		 struct swarm_policy_error *err);
u64 swarm_memory_of(struct task_struct *leader);

#endif
