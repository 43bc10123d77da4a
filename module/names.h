/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The numbers behind the names of the interface. The names themselves are in
 * src/names.rs, each once, in lists that are in the order of these enums;
 * tests/test_core.c compares the two.
 */
#ifndef SWARM_NAMES_H
#define SWARM_NAMES_H

#include <linux/types.h>

/* What a rule on a system call answers. */
enum swarm_action {
	SWARM_ALLOW = 0,
	SWARM_DENY = 1,
	SWARM_KILL = 2,
	SWARM_AUDIT = 3,
	SWARM_NR_ACTIONS,
};

/* What an agent sees of mounts that the host makes later. */
enum swarm_propagation {
	SWARM_PRIVATE = 0,
	SWARM_SLAVE = 1,
	SWARM_NR_PROPAGATIONS,
};

/* The network namespace that an agent with the net bit has. */
enum swarm_network {
	SWARM_NET_OWN = 0,
	SWARM_NET_NONE = 1,	/* one that is empty, shared by all agents of this kind */
	SWARM_NR_NETWORKS,
};

/* The rules of "syscalls", in the order of struct swarm_policy.syscalls. */
enum swarm_syscall {
	SWARM_SYS_FORK,
	SWARM_SYS_THREAD,
	SWARM_SYS_EXECVE,
	SWARM_SYS_UNSHARE,
	SWARM_SYS_SETNS,
	SWARM_SYS_AUTOLOAD,	/* having the kernel load a module */
	SWARM_NR_SYSCALLS,
};

/* What a member tried; the index of its rule for those that have one. */
enum swarm_kind {
	SWARM_KIND_FORK = SWARM_SYS_FORK,
	SWARM_KIND_THREAD = SWARM_SYS_THREAD,
	SWARM_KIND_EXECVE = SWARM_SYS_EXECVE,
	SWARM_KIND_UNSHARE = SWARM_SYS_UNSHARE,
	SWARM_KIND_SETNS = SWARM_SYS_SETNS,
	SWARM_KIND_AUTOLOAD = SWARM_SYS_AUTOLOAD,
	SWARM_KIND_DEVICE,
	SWARM_KIND_CONTROL,	/* writing to /proc/swarm */
	SWARM_KIND_ADOPT,	/* a process outside the required namespaces was to join */
	SWARM_KIND_SYSCALL,	/* a system call that has a rule by its own name */
	SWARM_KIND_SOCKET,
	SWARM_NR_KINDS,
};

/* What was done about it: the policy's action, or only a report if enforce is 0. */
enum swarm_outcome {
	SWARM_DONE_DENY,
	SWARM_DONE_KILL,
	SWARM_DONE_AUDIT,
	SWARM_DONE_REPORT,
	SWARM_NR_OUTCOMES,
};

/* How a process came to an agent, other than by a member's fork. */
enum swarm_origin {
	SWARM_BY_SPAWN,
	SWARM_BY_PID,
	SWARM_BY_ATTACH,
	SWARM_NR_ORIGINS,
};

/* Why an agent has gone. */
enum swarm_end {
	SWARM_END_EXIT,		/* its last process exited */
	SWARM_END_REQUEST,	/* it was written to "destroy" */
	SWARM_END_BIRTH,	/* its first process could not be born */
	SWARM_END_UNFORKED,	/* the armed thread exited without forking */
	SWARM_NR_ENDS,
};

/* Where an agent is in its life. */
enum swarm_state {
	SWARM_REGISTERED,	/* no process, none to come */
	SWARM_ARMED,		/* a thread's next fork becomes its first process */
	SWARM_RUNNING,		/* has processes */
	SWARM_DYING,		/* being destroyed, processes left */
	SWARM_GONE,		/* no longer listed; only the reaper still touches it */
	SWARM_FROZEN,		/* how one that runs is told of whose processes are stopped */
	SWARM_NR_STATES,
};

/* Whether an agent's processes are stopped, and by whom. */
enum swarm_freeze {
	SWARM_FREEZE_NONE,	/* they run */
	SWARM_FREEZE_BEGUN,	/* "update" has asked for it, and some still run */
	SWARM_FREEZE_UPDATE,	/* "update" has stopped them */
	SWARM_FREEZE_OTHERS,	/* somebody else has, or is about to */
	SWARM_NR_FREEZES,
};

/* The keys of "update", behind the id; bits of struct swarm_update.keys. */
enum swarm_update_key {
	SWARM_UPDATE_ID,
	SWARM_UPDATE_MEMORY_LIMIT,
	SWARM_UPDATE_CPU_QUOTA,
	SWARM_UPDATE_PIDS_LIMIT,
	SWARM_UPDATE_DEVICES,
	SWARM_UPDATE_SYSCALLS,
	SWARM_UPDATE_EXEC_PATHS,
	SWARM_UPDATE_UNLISTED,
	SWARM_UPDATE_OOM_GROUP,
	SWARM_UPDATE_FROZEN,
	SWARM_UPDATE_SOCKETS,
	SWARM_NR_UPDATE_KEYS,
};

/* What has happened. */
enum swarm_event_type {
	SWARM_EVENT_CREATED,
	SWARM_EVENT_SPAWNED,
	SWARM_EVENT_FORK_FAILED,
	SWARM_EVENT_VIOLATION,
	SWARM_EVENT_SUPPRESSED,
	SWARM_EVENT_OOM,
	SWARM_EVENT_UPDATED,
	SWARM_EVENT_DESTROYED,
	SWARM_EVENT_LOST,	/* told to a reader, never recorded */
	SWARM_NR_EVENTS,
};

/*
 * Names by number, of the enum above of that name; NULL if there is none of this
 * number. They are static and may be asked for in any context.
 */
const char *swarm_action_name(__u32 action);
const char *swarm_capability_name(__u32 capability);
const char *swarm_propagation_name(__u32 propagation);
const char *swarm_network_name(__u32 network);
const char *swarm_kind_name(__u32 kind);
const char *swarm_outcome_name(__u32 outcome);
const char *swarm_origin_name(__u32 origin);
const char *swarm_end_name(__u32 end);
const char *swarm_state_name(__u32 state);
const char *swarm_event_name(__u32 type);
const char *swarm_freeze_name(__u32 freeze);
const char *swarm_update_key_name(__u32 key);
const char *swarm_family_name(__u32 family);
const char *swarm_socket_type_name(__u32 type);

/**
 * swarm_protocol_name - the name of a protocol of a family of sockets, or NULL
 * @protocol: as socket(2) takes it
 */
const char *swarm_protocol_name(__u32 family, __u32 protocol);

/**
 * swarm_call_name - the name of a system call that "syscalls" can name
 * @number: of the call, from 0; these numbers are the module's own
 */
const char *swarm_call_name(__u32 number);

/**
 * swarm_call_functions - the kernel's functions that do its work
 *
 * Without the prefixes of entry points, with a space between two. NULL as above.
 */
const char *swarm_call_functions(__u32 number);

/**
 * swarm_call_default - the action for a call that a policy does not name
 * @privileged: is the policy privileged?
 */
__u32 swarm_call_default(__u32 number, __u32 privileged);

/**
 * swarm_namespace_name - the name of a namespace as in /proc/PID/ns
 * @bit: one bit of SWARM_NS_ALL
 */
const char *swarm_namespace_name(__u32 bit);

#ifndef __KERNEL__
/* Keys of "create", of "attach", and of "spawn" and "destroy", for programs that compare them. */
const char *swarm_key_name(__u32 number);
const char *swarm_attach_key_name(__u32 number);
const char *swarm_target_key_name(__u32 number);
#endif

#endif
