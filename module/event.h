/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What happens to agents: counted, kept in a ring for the readers of
 * /proc/swarm/events, and told to tracepoints. Everything that records an event
 * may be called from a hook: it neither allocates nor sleeps.
 */
#ifndef SWARM_EVENT_H
#define SWARM_EVENT_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "policy.h"

struct pid;
struct swarm_agent;
struct swarm_usage;
struct task_struct;

#define SWARM_EVENT_TEXT	64
#define SWARM_EVENT_COMM	16

/**
 * struct swarm_event - a record of the ring
 * @seq: its number, from 1 and without gaps
 * @time: CLOCK_MONOTONIC, nanoseconds
 * @agent: the agent's id, 0 where none is concerned
 * @pid: the process, in the initial pid namespace
 * @vpid: the same in its own pid namespace
 * @pid_ns: inode number of that namespace; the namespace itself may be gone when
 *	    the record is read
 * @type: enum swarm_event_type, never SWARM_EVENT_LOST
 * @what: enum swarm_kind, swarm_origin or swarm_end; suppressed: SWARM_KIND_OOM, too
 * @outcome: violation, suppressed: enum swarm_outcome
 * @rule: violation, suppressed: enum swarm_action, what the policy says
 * @major: violation of a device
 * @minor: the same
 * @device_type: the same; SWARM_DEV_*
 * @access: the same; SWARM_ACC_*
 * @family: violation of a socket
 * @protocol: the same, as it was asked for: 0 may stand for a type's usual one
 * @socket_type: the same
 * @count: destroyed: how many violations there were; suppressed: how many were not told;
 *	   updated: bits, enum swarm_update_key
 * @call: violation of a system call's rule, suppressed if of one: its number
 * @kinds: suppressed: of what kinds those were, bits of enum swarm_kind; 0 for SWARM_KIND_OOM
 * @error: destroyed: errno of the birth's step that failed; fork_failed: what it returned
 * @status: destroyed: of its first process, as wait(2) has it
 * @comm: the process's name, not NUL-terminated when it is full
 * @audited: destroyed: how many calls were audited or only reported
 * @oom_kills: destroyed: how many processes the OOM killer has killed
 * @text: created: the name; execve: the file; autoload: the module; destroyed: the
 *	  birth's step. Likewise.
 * @cpu_usec: destroyed: how long its processes ran
 * @memory_peak: destroyed: the most memory it had, or SWARM_UNKNOWN
 * @runtime_usec: destroyed: how long there were any
 *
 * @status and all behind @audited but @text are those of an agent that has run: of
 * "destroyed" without a birth that failed, if @runtime_usec is not SWARM_UNKNOWN.
 */
struct swarm_event {
	u64 seq;
	u64 time;
	u64 agent;
	u32 pid;
	u32 vpid;
	u32 pid_ns;
	u8 type;
	u8 what;
	u8 outcome;
	u8 rule;
	union {
		struct {
			u32 major;
			u32 minor;
			u8 device_type;
			u8 access;
		};
		struct {
			u32 family;
			u32 protocol;
			u32 socket_type;
		};
		struct {
			u64 count;
			union {
				u32 error;
				u32 call;
			};
			union {
				s32 status;
				u32 kinds;
			};
		};
	};
	union {
		char comm[SWARM_EVENT_COMM];
		struct {
			u64 audited;
			u64 oom_kills;
		};
	};
	union {
		char text[SWARM_EVENT_TEXT];
		struct {
			u64 cpu_usec;
			u64 memory_peak;
			u64 runtime_usec;
		};
	};
};

static_assert(sizeof(struct swarm_event) <= 136);

/* What "suppressed" calls a process that was killed for memory, which is no violation. */
#define SWARM_KIND_OOM		SWARM_NR_KINDS

/* Two kinds of events, each with a half of what is kept, so that neither evicts the other. */
enum swarm_event_share {
	SWARM_SHARE_LIFE,	/* what becomes of agents */
	SWARM_SHARE_VIOLATIONS,	/* what their members do, as often as they like: "oom" too */
	SWARM_NR_SHARES,
};

/**
 * struct swarm_cursor - where a reader is
 * @next: the number of the next event it has not seen
 * @since: the number that the next event had when it began
 * @at: the same as @next within each share: how many events it is past
 */
struct swarm_cursor {
	u64 next;
	u64 since;
	u64 at[SWARM_NR_SHARES];
};

/**
 * struct swarm_flood - how many violations of an agent are told, and how many are not
 * @until: when the second that is being counted ends, in jiffies
 * @link: entry of the agents that were not told all of; under the lock of the events
 * @told: violations in this second; those beyond event_rate are only counted here
 * @kinds: of what kinds those beyond it are, bits; 0 until the first has left itself in @last
 * @last: the last one beyond it, in one word (event.c)
 * @pid_ns: inode number of the pid namespace of its process
 * @victim_ns: the same of @victim; under the lock of the events, as all that follows
 * @victim: the last process killed for memory that was not told of
 * @victim_vpid: the same in its own pid namespace
 * @kills: processes that were killed for memory in this second
 * @ended: the agent is gone, and its last sums told
 *
 * Processes that are killed for memory have a rate too, since an agent can have that
 * happen as often as it likes; but one of their own, so that no agent hides them behind
 * violations.
 */
struct swarm_flood {
	unsigned long until;
	struct list_head link;
	atomic_t told;
	atomic_t kinds;
	u64 last;
	u32 pid_ns;
	u32 victim_ns;
	u64 victim:22;
	u64 victim_vpid:22;
	u64 kills:19;
	u64 ended:1;
};

/* More are not counted in a second. */
#define SWARM_KILLS_MAX		((1U << 19) - 1)

static_assert(sizeof(struct swarm_flood) <= 56);

/* For the initializer of what holds it. */
#define SWARM_FLOOD_INIT(flood)	{ .until = jiffies, .link = LIST_HEAD_INIT((flood).link) }

/* For "metrics"; what is audited or only reported is no violation for "status". */
extern atomic64_t swarm_outcomes[SWARM_NR_KINDS][SWARM_NR_OUTCOMES];
extern atomic64_t swarm_events_lost;
extern wait_queue_head_t swarm_event_waiters;

void swarm_event_created(const struct swarm_agent *agent);
void swarm_event_spawned(const struct swarm_agent *agent, enum swarm_origin origin,
			 struct pid *pid);
void swarm_event_fork_failed(const struct swarm_agent *agent, int err);
void swarm_event_stillborn(const struct swarm_agent *agent);
void swarm_event_destroyed(struct swarm_agent *agent, const struct swarm_usage *usage);
void swarm_event_updated(const struct swarm_agent *agent, u32 keys);
void swarm_event_oom(struct swarm_agent *agent, struct task_struct *victim);
void swarm_event_violation(struct swarm_agent *agent, enum swarm_kind kind,
			   enum swarm_action rule, enum swarm_outcome outcome);
void swarm_event_execve(struct swarm_agent *agent, enum swarm_action rule,
			enum swarm_outcome outcome, const char *file);
void swarm_event_syscall(struct swarm_agent *agent, u32 call, enum swarm_action rule,
			 enum swarm_outcome outcome);
void swarm_event_device(struct swarm_agent *agent, enum swarm_outcome outcome, u32 type,
			u32 major, u32 minor, u32 access);
void swarm_event_socket(struct swarm_agent *agent, enum swarm_outcome outcome, u32 family,
			u32 type, u32 protocol);
void swarm_event_autoload(struct swarm_agent *agent, enum swarm_action rule,
			  enum swarm_outcome outcome, const char *module);

void swarm_event_forget(struct swarm_agent *agent);

u64 swarm_event_head(void);
void swarm_event_seek_oldest(struct swarm_cursor *cursor);
void swarm_event_seek_newest(struct swarm_cursor *cursor);
bool swarm_event_next(struct swarm_cursor *cursor, struct swarm_event *event, u64 *lost);

int __init swarm_events_init(void);
void swarm_events_stop(void);
void swarm_events_exit(void);

#endif
