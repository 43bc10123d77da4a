// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Counters, the ring of events, tracepoints and log lines.
 *
 * One ring for all CPUs, under one raw lock that is held while 136 bytes are filled:
 * events are rare (a process that violates its policy is being refused anyway),
 * and one ring keeps their order and tells exactly how many a reader has lost.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/irq_work.h>
#include <linux/log2.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/unaligned.h>
#include <linux/vmalloc.h>
#include <asm/word-at-a-time.h>

#include "agent.h"
#include "event.h"
#include "params.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static const char *const kind_names[SWARM_NR_KINDS] = {
	[SWARM_KIND_FORK] = "fork",
	[SWARM_KIND_THREAD] = "thread",
	[SWARM_KIND_EXECVE] = "execve",
	[SWARM_KIND_UNSHARE] = "unshare",
	[SWARM_KIND_SETNS] = "setns",
	[SWARM_KIND_DEVICE] = "device",
	[SWARM_KIND_CONTROL] = "control",
	[SWARM_KIND_ADOPT] = "adopt",
};

static const char *const outcome_names[SWARM_NR_OUTCOMES] = {
	[SWARM_DONE_DENY] = "deny",
	[SWARM_DONE_KILL] = "kill",
	[SWARM_DONE_AUDIT] = "audit",
	[SWARM_DONE_REPORT] = "report",
};

static const char *const action_names[] = {
	[SWARM_ALLOW] = "allow",
	[SWARM_DENY] = "deny",
	[SWARM_KILL] = "kill",
	[SWARM_AUDIT] = "audit",
};

static const char *const origin_names[] = {
	[SWARM_BY_SPAWN] = "spawn",
	[SWARM_BY_PID] = "pid",
	[SWARM_BY_ATTACH] = "attach",
};

static const char *const end_names[] = {
	[SWARM_END_EXIT] = "exit",
	[SWARM_END_REQUEST] = "request",
	[SWARM_END_BIRTH] = "birth",
	[SWARM_END_UNFORKED] = "unforked",
};

/**
 * swarm_kind_name - the name of a kind of violation, as users see it
 */
const char *swarm_kind_name(enum swarm_kind kind)
{
	return kind_names[kind];
}

/**
 * swarm_outcome_name - the name of what was done about a violation
 */
const char *swarm_outcome_name(enum swarm_outcome outcome)
{
	return outcome_names[outcome];
}

/**
 * swarm_action_name - the name of a rule's answer
 */
const char *swarm_action_name(enum swarm_action action)
{
	return action_names[action];
}

/**
 * swarm_origin_name - the name of how a process came to its agent
 */
const char *swarm_origin_name(enum swarm_origin origin)
{
	return origin_names[origin];
}

/**
 * swarm_end_name - the name of why an agent has gone
 */
const char *swarm_end_name(enum swarm_end end)
{
	return end_names[end];
}

/* The ring */

/**
 * struct ring - the newest events
 * @lock: of everything here; taken in hooks, hence raw, but never in an interrupt
 * @head: the number of the next event
 * @oldest: the number of the oldest one kept
 * @mask: how many are kept, less one
 * @events: event number N is at N & @mask
 */
static struct {
	raw_spinlock_t lock;
	u64 head;
	u64 oldest;
	u64 mask;
	struct swarm_event *events;
} ring = { .lock = __RAW_SPIN_LOCK_UNLOCKED(ring.lock), .head = 1, .oldest = 1 };

atomic64_t swarm_outcomes[SWARM_NR_KINDS][SWARM_NR_OUTCOMES];
atomic64_t swarm_events_lost;
DECLARE_WAIT_QUEUE_HEAD(swarm_event_waiters);

/* A wait queue's lock sleeps on a real-time kernel, so no hook may take it. */
static void wake_readers(struct irq_work *work)
{
	wake_up_interruptible_poll(&swarm_event_waiters, EPOLLIN | EPOLLRDNORM);
}

static DEFINE_IRQ_WORK(wake_work, wake_readers);

/*
 * Begin an event, which is built where it stays, since clearing and copying it would
 * cost a denied call as much as everything else: whoever begins one sets every field
 * that its type has, and end_event() shows it to readers. Until then the slot is
 * nobody's but the one of an event that is overwritten by this one, and the lock is
 * held. Number and time are those of the moment it is added.
 */
static __always_inline struct swarm_event *begin_event(enum swarm_event_type type, u64 agent)
	__acquires(&ring.lock)
{
	struct swarm_event *event;

	raw_spin_lock(&ring.lock);
	event = &ring.events[ring.head & ring.mask];
	event->seq = ring.head;
	event->time = ktime_get_ns();
	event->agent = agent;
	event->type = type;
	return event;
}

static __always_inline void end_event(void)
	__releases(&ring.lock)
{
	bool waiting;

	if (ring.head - ring.oldest > ring.mask)
		ring.oldest++;
	ring.head++;
	/*
	 * A reader queues itself and then looks for events under the lock: either
	 * it is seen here, or it sees the event there.
	 */
	waiting = waitqueue_active(&swarm_event_waiters);
	raw_spin_unlock(&ring.lock);
	if (waiting)
		irq_work_queue(&wake_work);
}

/**
 * swarm_event_head - the number that the next event will have
 */
u64 swarm_event_head(void)
{
	u64 head;

	raw_spin_lock(&ring.lock);
	head = ring.head;
	raw_spin_unlock(&ring.lock);
	return head;
}

/**
 * swarm_event_oldest - the number of the oldest event that is kept
 */
u64 swarm_event_oldest(void)
{
	u64 oldest;

	raw_spin_lock(&ring.lock);
	oldest = ring.oldest;
	raw_spin_unlock(&ring.lock);
	return oldest;
}

/**
 * swarm_event_next - the event that a reader has not seen yet
 * @next: the number of the event it is at; moved on
 * @event: set to the event
 * @lost: set to how many before it were overwritten unread; counted here
 *
 * Return: false, with @next as it was, where there is none yet.
 */
bool swarm_event_next(u64 *next, struct swarm_event *event, u64 *lost)
{
	bool found;

	*lost = 0;
	raw_spin_lock(&ring.lock);
	if (*next < ring.oldest) {
		*lost = ring.oldest - *next;
		*next = ring.oldest;
	}
	found = *next < ring.head;
	if (found)
		*event = ring.events[(*next)++ & ring.mask];
	raw_spin_unlock(&ring.lock);
	if (*lost)
		atomic64_add(*lost, &swarm_events_lost);
	return found;
}

/* Recording */

/* The process @pid, also in its own namespace, which is all a reader in there may know. */
static __always_inline void set_process(struct swarm_event *event, const struct pid *pid)
{
	const struct upid *own = &pid->numbers[pid->level];

	event->pid = pid->numbers[0].nr;
	event->vpid = own->nr;
	event->pid_ns = own->ns->ns.inum;
}

void swarm_event_created(const struct swarm_agent *agent)
{
	struct swarm_event *event;

	event = begin_event(SWARM_EVENT_CREATED, agent->id);
	strscpy(event->text, agent->name);
	end_event();
	trace_agent_create(agent->id, agent->name);
	swarm_dbg("agent %llu created\n", agent->id);
}

/**
 * swarm_event_spawned - a process has become an agent's, other than by a member's fork
 * @origin: how
 * @pid: the process
 */
void swarm_event_spawned(const struct swarm_agent *agent, enum swarm_origin origin,
			 struct pid *pid)
{
	struct swarm_event *event;

	event = begin_event(SWARM_EVENT_SPAWNED, agent->id);
	event->what = origin;
	set_process(event, pid);
	end_event();
	trace_agent_spawn(agent->id, pid_nr(pid), swarm_origin_name(origin));
	swarm_dbg("agent %llu spawned, process %d\n", agent->id, pid_nr(pid));
}

/**
 * swarm_event_stillborn - a birth failed and its process was killed unrun
 *
 * For the log; the event is that of the agent's end, which tells of the step.
 */
void swarm_event_stillborn(const struct swarm_agent *agent)
{
	pr_warn_ratelimited("agent %llu: its first process was killed before it ran: %s failed with %d\n",
			    agent->id, agent->failed_step, agent->failed_error);
}

void swarm_event_destroyed(const struct swarm_agent *agent)
{
	unsigned int violations = atomic_read(&agent->violations);
	bool unborn = agent->end == SWARM_END_BIRTH;
	struct swarm_event *event;

	event = begin_event(SWARM_EVENT_DESTROYED, agent->id);
	event->what = agent->end;
	event->violations = violations;
	event->error = unborn ? -agent->failed_error : 0;
	event->text[0] = '\0';
	if (unborn)
		strscpy(event->text, agent->failed_step);
	end_event();
	trace_agent_destroy(agent->id, swarm_end_name(agent->end), violations);
	swarm_dbg("agent %llu destroyed\n", agent->id);
}

/*
 * strscpy() a word at a time and in one go: the fortified one measures the string
 * byte by byte first, which would cost as much as all the rest of a denied execve.
 */
static __always_inline void set_text(struct swarm_event *event, const char *text)
{
	static const struct word_at_a_time constants = WORD_AT_A_TIME_CONSTANTS;
	unsigned long word, zeros;
	int i;

	static_assert(IS_ALIGNED(sizeof(event->text), sizeof(word)));
	for (i = 0; i < sizeof(event->text); i += sizeof(word)) {
		word = load_unaligned_zeropad(text + i);
		put_unaligned(word, (unsigned long *)(event->text + i));
		if (has_zero(word, &zeros, &constants))
			return;
	}
}

static noinline void tell_violation(const struct swarm_agent *agent, enum swarm_kind kind,
				    enum swarm_outcome outcome, pid_t pid)
{
	static const char *const done[SWARM_NR_OUTCOMES] = {
		[SWARM_DONE_DENY] = "denied to",
		[SWARM_DONE_KILL] = "kills",
		[SWARM_DONE_AUDIT] = "by",
		[SWARM_DONE_REPORT] = "reported of",
	};

	trace_violation(agent->id, pid, swarm_kind_name(kind), swarm_outcome_name(outcome));
	swarm_dbg("agent %llu: %s %s process %d\n", agent->id, swarm_kind_name(kind),
		  done[outcome], pid);
}

/* Counts a violation and begins its event; each kind adds what only it has. */
static __always_inline struct swarm_event *begin_violation(struct swarm_agent *agent,
							   enum swarm_kind kind,
							   enum swarm_action rule,
							   enum swarm_outcome outcome)
	__acquires(&ring.lock)
{
	struct swarm_event *event;

	atomic64_inc(&swarm_outcomes[kind][outcome]);
	/* What is audited or reported was allowed. */
	if (outcome == SWARM_DONE_DENY || outcome == SWARM_DONE_KILL) {
		atomic64_inc(&swarm_totals.violations);
		atomic_inc(&agent->violations);
	} else {
		atomic_inc(&agent->audited);
	}
	event = begin_event(SWARM_EVENT_VIOLATION, agent->id);
	event->what = kind;
	event->outcome = outcome;
	event->rule = rule;
	set_process(event, task_tgid(current));
	memcpy(event->comm, current->comm, sizeof(event->comm));
	return event;
}

static __always_inline void end_violation(const struct swarm_agent *agent, enum swarm_kind kind,
					  enum swarm_outcome outcome)
	__releases(&ring.lock)
{
	end_event();
	/* Whoever listens is told out of line, so that the others need not wait for it. */
	if (trace_violation_enabled() || unlikely(READ_ONCE(swarm_debug)))
		tell_violation(agent, kind, outcome, pid_nr(task_tgid(current)));
}

/**
 * swarm_event_violation - a member did what a rule denies, kills for or audits
 * @agent: its agent
 * @kind: what it tried; neither execve nor a device
 * @rule: what the policy says
 * @outcome: what is done about it
 */
void swarm_event_violation(struct swarm_agent *agent, enum swarm_kind kind,
			   enum swarm_action rule, enum swarm_outcome outcome)
{
	begin_violation(agent, kind, rule, outcome);
	end_violation(agent, kind, outcome);
}

/**
 * swarm_event_execve - the same about an execve
 * @agent: the member's agent
 * @rule: what the policy says
 * @outcome: what is done about it
 * @file: what was to be executed
 */
void swarm_event_execve(struct swarm_agent *agent, enum swarm_action rule,
			enum swarm_outcome outcome, const char *file)
{
	set_text(begin_violation(agent, SWARM_KIND_EXECVE, rule, outcome), file);
	end_violation(agent, SWARM_KIND_EXECVE, outcome);
}

/**
 * swarm_event_device - the same about a device that is not among those allowed
 * @agent: the member's agent
 * @outcome: what is done about it
 * @type: SWARM_DEV_BLOCK or SWARM_DEV_CHAR
 * @major: the device's numbers
 * @minor: likewise
 * @access: SWARM_ACC_*
 */
void swarm_event_device(struct swarm_agent *agent, enum swarm_outcome outcome, u32 type,
			u32 major, u32 minor, u32 access)
{
	struct swarm_event *event;

	event = begin_violation(agent, SWARM_KIND_DEVICE, SWARM_DENY, outcome);
	event->device_type = type;
	event->major = major;
	event->minor = minor;
	event->access = access;
	end_violation(agent, SWARM_KIND_DEVICE, outcome);
}

int __init swarm_events_init(void)
{
	unsigned long size = roundup_pow_of_two(swarm_event_buffer);

	ring.events = vcalloc(size, sizeof(*ring.events));
	if (!ring.events)
		return -ENOMEM;
	ring.mask = size - 1;
	return 0;
}

/* Nothing records an event any more, and an open events file holds the module. */
void swarm_events_exit(void)
{
	irq_work_sync(&wake_work);
	vfree(ring.events);
}
