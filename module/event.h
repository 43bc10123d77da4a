/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What happens to agents, told to whoever watches. */
#ifndef SWARM_EVENT_H
#define SWARM_EVENT_H

#include "policy.h"

struct swarm_agent;
struct swarm_member;

/* What a member tried; the index of its rule for those that have one. */
enum swarm_kind {
	SWARM_KIND_FORK = SWARM_SYS_FORK,
	SWARM_KIND_THREAD = SWARM_SYS_THREAD,
	SWARM_KIND_EXECVE = SWARM_SYS_EXECVE,
	SWARM_KIND_UNSHARE = SWARM_SYS_UNSHARE,
	SWARM_KIND_SETNS = SWARM_SYS_SETNS,
	SWARM_KIND_DEVICE,
	SWARM_KIND_CONTROL,	/* writing to /proc/swarm */
	SWARM_KIND_ADOPT,	/* "pid" names a process outside the required namespaces */
	SWARM_NR_KINDS,
};

const char *swarm_kind_name(enum swarm_kind kind);

void swarm_event_created(const struct swarm_agent *agent);
void swarm_event_spawned(const struct swarm_agent *agent);
void swarm_event_stillborn(const struct swarm_agent *agent, const char *step, int err);
void swarm_event_destroyed(const struct swarm_agent *agent);
void swarm_event_violation(struct swarm_agent *agent, enum swarm_kind kind,
			   enum swarm_action action);

#endif
