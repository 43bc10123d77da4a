// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Counters, the ring of events, tracepoints and log lines.
 *
 * One ring for all CPUs, under one raw lock that is held while 136 bytes are filled:
 * events are rare (a process that violates its policy is being refused anyway, and
 * told of only so often), and one numbering keeps their order and tells exactly how
 * many a reader has lost. Within it, what becomes of agents and what they violate have
 * a half each, so that no violation evicts the end of an agent.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/threads.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>
#include <linux/unaligned.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <asm/word-at-a-time.h>

#include "agent.h"
#include "event.h"
#include "params.h"
#include "usage.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* The ring */

/**
 * struct share - the newest events of a kind
 * @head: how many there have been
 * @events: event N of them, from 0, is at N & ring.mask
 */
struct share {
	u64 head;
	struct swarm_event *events;
};

/**
 * struct ring - the newest events
 * @lock: of everything here; taken in hooks, hence raw, but never in an interrupt
 * @next: the number of the next event, of whatever kind
 * @mask: how many are kept of each kind, less one
 * @shares: events by kind, enum swarm_event_share
 * @floods: agents of which a sum is to be told, the one that waits longest first
 */
static struct {
	raw_spinlock_t lock;
	u64 next;
	u64 mask;
	struct share shares[SWARM_NR_SHARES];
	struct list_head floods;
} ring = {
	.lock = __RAW_SPIN_LOCK_UNLOCKED(ring.lock),
	.next = 1,
	.floods = LIST_HEAD_INIT(ring.floods),
};

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
 * The slot of the next event, which is built where it stays, since clearing and
 * copying it would cost a denied call as much as everything else: whoever takes one
 * sets every field that its type has, and put_event() shows it to readers. Until then
 * the slot is nobody's but the one of an event that is overwritten by this one.
 * Number and time are those of the moment it is added. With the lock held.
 */
static __always_inline struct swarm_event *get_event(enum swarm_event_type type,
						     enum swarm_event_share kind, u64 agent)
{
	struct share *share = &ring.shares[kind];
	struct swarm_event *event = &share->events[share->head & ring.mask];

	event->seq = ring.next;
	event->time = ktime_get_ns();
	event->agent = agent;
	event->type = type;
	return event;
}

static __always_inline void put_event(enum swarm_event_share kind)
{
	ring.shares[kind].head++;
	ring.next++;
}

static __always_inline struct swarm_event *begin_event(enum swarm_event_type type,
						       enum swarm_event_share kind, u64 agent)
	__acquires(&ring.lock)
{
	raw_spin_lock(&ring.lock);
	return get_event(type, kind, agent);
}

static __always_inline void unlock_and_wake(void)
	__releases(&ring.lock)
{
	/*
	 * A reader queues itself and then looks for events under the lock: either
	 * it is seen here, or it sees the event there.
	 */
	bool waiting = waitqueue_active(&swarm_event_waiters);

	raw_spin_unlock(&ring.lock);
	if (waiting)
		irq_work_queue(&wake_work);
}

static __always_inline void end_event(enum swarm_event_share kind)
	__releases(&ring.lock)
{
	put_event(kind);
	unlock_and_wake();
}

/* How many events of a kind have been overwritten. */
static u64 overwritten(const struct share *share)
{
	return share->head > ring.mask ? share->head - ring.mask - 1 : 0;
}

/* The share that the reader's next event is in, or NULL where there is none yet. */
static const struct share *next_share(struct swarm_cursor *cursor)
{
	const struct share *share, *first = NULL;
	u64 seq, least = U64_MAX;
	int i;

	lockdep_assert_held(&ring.lock);
	for (i = 0; i < SWARM_NR_SHARES; i++) {
		share = &ring.shares[i];
		cursor->at[i] = max(cursor->at[i], overwritten(share));
		if (cursor->at[i] == share->head)
			continue;
		seq = share->events[cursor->at[i] & ring.mask].seq;
		if (seq < least) {
			least = seq;
			first = share;
		}
	}
	return first;
}

static const struct swarm_event *event_at(const struct swarm_cursor *cursor,
					  const struct share *share)
{
	return &share->events[cursor->at[share - ring.shares] & ring.mask];
}

/**
 * swarm_event_head - the number that the next event will have
 */
u64 swarm_event_head(void)
{
	u64 head;

	raw_spin_lock(&ring.lock);
	head = ring.next;
	raw_spin_unlock(&ring.lock);
	return head;
}

/**
 * swarm_event_seek_oldest - go to the oldest event that is kept
 */
void swarm_event_seek_oldest(struct swarm_cursor *cursor)
{
	const struct share *share;

	*cursor = (struct swarm_cursor){};
	raw_spin_lock(&ring.lock);
	share = next_share(cursor);
	WRITE_ONCE(cursor->next, share ? event_at(cursor, share)->seq : ring.next);
	cursor->since = ring.next;
	raw_spin_unlock(&ring.lock);
}

/**
 * swarm_event_seek_newest - go behind the newest event
 */
void swarm_event_seek_newest(struct swarm_cursor *cursor)
{
	int i;

	raw_spin_lock(&ring.lock);
	for (i = 0; i < SWARM_NR_SHARES; i++)
		cursor->at[i] = ring.shares[i].head;
	WRITE_ONCE(cursor->next, ring.next);
	cursor->since = ring.next;
	raw_spin_unlock(&ring.lock);
}

/**
 * swarm_event_next - the event that a reader has not seen yet
 * @cursor: where the reader is; moved on
 * @event: set to the event
 * @lost: set to how many before it were overwritten unread: numbers have no gaps, so
 *	  these are the ones between the last event that the reader saw and this one.
 *	  Those that are newer than the reader are counted here.
 *
 * Return: false, with @cursor where it was, where there is none yet.
 */
bool swarm_event_next(struct swarm_cursor *cursor, struct swarm_event *event, u64 *lost)
{
	const struct share *share;
	u64 first = cursor->next;

	*lost = 0;
	raw_spin_lock(&ring.lock);
	share = next_share(cursor);
	if (share) {
		*event = *event_at(cursor, share);
		cursor->at[share - ring.shares]++;
	}
	raw_spin_unlock(&ring.lock);
	if (!share)
		return false;
	*lost = event->seq - first;
	first = max(first, cursor->since);
	if (event->seq > first)
		atomic64_add(event->seq - first, &swarm_events_lost);
	WRITE_ONCE(cursor->next, event->seq + 1);
	return true;
}

/*
 * Floods: of each agent, event_rate violations in a second are told. Those beyond are
 * counted by one atomic addition and leave themselves as the last one, by plain stores;
 * the sum is told once the second is over: by the next violation, by the worker where
 * there is none, or by the agent's end. Likewise, but apart from them and always under
 * the lock, the processes that are killed for memory.
 */

/* As many as event_rate; that is 0 where all are to be told. */
static u32 told_max __ro_after_init;

/* The last one that was not told, so that no two of them mix: flood.last */
#define LAST_PID	GENMASK_ULL(21, 0)
#define LAST_VPID	GENMASK_ULL(43, 22)
#define LAST_KIND	GENMASK_ULL(48, 44)
#define LAST_OUTCOME	GENMASK_ULL(51, 49)
#define LAST_RULE	GENMASK_ULL(54, 52)
#define LAST_CALL	GENMASK_ULL(63, 55)

static_assert(PID_MAX_LIMIT <= 1 << 22);
static_assert(SWARM_NR_KINDS <= 1 << 5);
static_assert(SWARM_CALLS_MAX <= 1 << 9);

/* But for its process. @call: of SWARM_KIND_SYSCALL, else 0 */
static __always_inline u64 example_of(enum swarm_kind kind, enum swarm_action rule,
				      enum swarm_outcome outcome, u32 call)
{
	return FIELD_PREP(LAST_KIND, kind) | FIELD_PREP(LAST_OUTCOME, outcome) |
	       FIELD_PREP(LAST_RULE, rule) | FIELD_PREP(LAST_CALL, call);
}

/*
 * The namespace is a word of its own: where members are in several, it may be that of
 * another violation, and a reader in there gets a number that means nothing to it.
 */
static void keep_example(struct swarm_flood *flood, u64 example, const struct pid *pid)
{
	const struct upid *own = &pid->numbers[pid->level];
	u32 kind = BIT(FIELD_GET(LAST_KIND, example));

	if (READ_ONCE(flood->pid_ns) != own->ns->ns.inum)
		WRITE_ONCE(flood->pid_ns, own->ns->ns.inum);
	WRITE_ONCE(flood->last, example | FIELD_PREP(LAST_PID, pid->numbers[0].nr) |
				FIELD_PREP(LAST_VPID, own->nr));
	/* Once in a second for each kind. Behind the example: see tell_violations(). */
	if (!(atomic_read(&flood->kinds) & kind))
		atomic_fetch_or_release(kind, &flood->kinds);
}

static void tell_example(struct swarm_event *event, const struct swarm_flood *flood)
{
	u64 last = READ_ONCE(flood->last);

	event->what = FIELD_GET(LAST_KIND, last);
	event->outcome = FIELD_GET(LAST_OUTCOME, last);
	event->rule = FIELD_GET(LAST_RULE, last);
	event->call = FIELD_GET(LAST_CALL, last);
	event->pid = FIELD_GET(LAST_PID, last);
	event->vpid = FIELD_GET(LAST_VPID, last);
	event->pid_ns = READ_ONCE(flood->pid_ns);
}

static void tell_sums(struct work_struct *work);
static DECLARE_DELAYED_WORK(sum_work, tell_sums);

/* The sum of violations. Where none of them has left itself as an example yet, it waits. */
static void tell_violations(struct swarm_agent *agent)
{
	struct swarm_flood *flood = &agent->flood;
	struct swarm_event *event;
	u32 nr, kinds;

	if ((u32)atomic_read(&flood->told) > told_max && !atomic_read_acquire(&flood->kinds))
		return;
	nr = atomic_xchg(&flood->told, 0);
	kinds = atomic_xchg(&flood->kinds, 0);
	if (nr <= told_max)
		return;
	event = get_event(SWARM_EVENT_SUPPRESSED, SWARM_SHARE_VIOLATIONS, agent->id);
	event->count = nr - told_max;
	tell_example(event, flood);
	/* The example may be newer than they are. */
	event->kinds = kinds | BIT(event->what);
	put_event(SWARM_SHARE_VIOLATIONS);
}

/* The sum of processes that were killed for memory. */
static void tell_kills(struct swarm_agent *agent)
{
	struct swarm_flood *flood = &agent->flood;
	struct swarm_event *event;
	u32 nr = flood->kills;

	flood->kills = 0;
	if (nr <= told_max)
		return;
	event = get_event(SWARM_EVENT_SUPPRESSED, SWARM_SHARE_VIOLATIONS, agent->id);
	event->count = nr - told_max;
	event->what = SWARM_KIND_OOM;
	event->kinds = 0;
	event->pid = flood->victim;
	event->vpid = flood->victim_vpid;
	event->pid_ns = flood->victim_ns;
	put_event(SWARM_SHARE_VIOLATIONS);
}

/* Tell the sums of what was not told, if anything, and count from 0 again. */
static void end_second(struct swarm_agent *agent)
{
	lockdep_assert_held(&ring.lock);
	list_del_init(&agent->flood.link);
	tell_violations(agent);
	tell_kills(agent);
}

static bool second_over(const struct swarm_flood *flood)
{
	return time_after_eq(jiffies, READ_ONCE(flood->until));
}

/* With the lock held. */
static void begin_second_if_over(struct swarm_agent *agent)
{
	if (!second_over(&agent->flood))
		return;
	end_second(agent);
	WRITE_ONCE(agent->flood.until, jiffies + HZ);
}

static noinline void begin_second(struct swarm_agent *agent)
{
	raw_spin_lock(&ring.lock);
	begin_second_if_over(agent);
	unlock_and_wake();
}

/* Somebody has to come back for a sum. Return: whether a worker is to be sent. */
static bool wait_for_sum(struct swarm_flood *flood)
{
	lockdep_assert_held(&ring.lock);
	if (flood->ended || !list_empty(&flood->link))
		return false;
	list_add_tail(&flood->link, &ring.floods);
	return true;
}

/* The first violation that is not told. */
static void begin_flood(struct swarm_agent *agent, u64 example, const struct pid *pid)
{
	struct swarm_flood *flood = &agent->flood;
	bool waits;

	raw_spin_lock(&ring.lock);
	keep_example(flood, example, pid);
	waits = wait_for_sum(flood);
	raw_spin_unlock(&ring.lock);
	if (waits)
		queue_delayed_work(swarm_workqueue, &sum_work, HZ);
}

static noinline void suppress(struct swarm_agent *agent, u64 example,
			      struct task_struct *task, bool first)
{
	if (first)
		begin_flood(agent, example, task_tgid(task));
	else
		keep_example(&agent->flood, example, task_tgid(task));
}

/* Counts what a task did against the rate. Is it to be told? */
static __always_inline bool within_rate(struct swarm_agent *agent, u64 example,
					struct task_struct *task)
{
	u32 nr;

	if (unlikely(second_over(&agent->flood)))
		begin_second(agent);
	nr = atomic_fetch_inc(&agent->flood.told);
	if (likely(nr < told_max))
		return true;
	suppress(agent, example, task, nr == told_max);
	return false;
}

/* An agent is freed only after it was taken off the list. */
static void tell_sums(struct work_struct *work)
{
	struct swarm_agent *agent;
	bool over;

	do {
		raw_spin_lock(&ring.lock);
		agent = list_first_entry_or_null(&ring.floods, struct swarm_agent, flood.link);
		over = agent && second_over(&agent->flood);
		if (over)
			end_second(agent);
		unlock_and_wake();
		cond_resched();
	} while (over);
	if (agent)
		queue_delayed_work(swarm_workqueue, &sum_work, HZ / 10 + 1);
}

static void forget(struct swarm_agent *agent)
{
	end_second(agent);
	agent->flood.ended = true;
}

/**
 * swarm_event_forget - tell the last sum of an agent that goes
 *
 * It is on no list of the events afterwards.
 */
void swarm_event_forget(struct swarm_agent *agent)
{
	raw_spin_lock(&ring.lock);
	forget(agent);
	unlock_and_wake();
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

	event = begin_event(SWARM_EVENT_CREATED, SWARM_SHARE_LIFE, agent->id);
	strscpy(event->text, agent->name);
	end_event(SWARM_SHARE_LIFE);
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

	event = begin_event(SWARM_EVENT_SPAWNED, SWARM_SHARE_LIFE, agent->id);
	event->what = origin;
	set_process(event, pid);
	end_event(SWARM_SHARE_LIFE);
	trace_agent_spawn(agent->id, pid_nr(pid), swarm_origin_name(origin));
	swarm_dbg("agent %llu spawned, process %d\n", agent->id, pid_nr(pid));
}

/**
 * swarm_event_fork_failed - a fork for an agent was in vain
 * @err: a negative errno: what the fork of the calling thread returns, which stays armed;
 *	 or why the calling process, which was to join, is killed before it runs
 */
void swarm_event_fork_failed(const struct swarm_agent *agent, int err)
{
	struct swarm_event *event;

	event = begin_event(SWARM_EVENT_FORK_FAILED, SWARM_SHARE_LIFE, agent->id);
	event->error = -err;
	set_process(event, task_tgid(current));
	end_event(SWARM_SHARE_LIFE);
	swarm_dbg("agent %llu: a fork for it failed with %d\n", agent->id, err);
}

/* The sysctl behind the failure of a birth, for the log: events have the step and the error. */
static const char *sysctl_behind(const struct swarm_agent *agent)
{
	static const struct {
		int err;
		const char *step, *text;
	} hints[] = {
		{
			-ENOSPC, "mounting its ",
			"; the sysctl fs.mount-max leaves no room in its launcher's mount namespace; raise it",
		},
		{
			-ENOMEM, "separating its mounts",
			"; unless memory is short, its launcher has more mappings than the sysctl vm.max_map_count allows; raise it",
		},
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(hints); i++)
		if (agent->failed_error == hints[i].err &&
		    strstarts(agent->failed_step, hints[i].step))
			return hints[i].text;
	return "";
}

/**
 * swarm_event_stillborn - a birth failed and its process was killed unrun
 *
 * For the log; the event is that of the agent's end, which tells of the step.
 */
void swarm_event_stillborn(const struct swarm_agent *agent)
{
	pr_warn_ratelimited("agent %llu: its first process was killed before it ran: %s failed with %d%s\n",
			    agent->id, agent->failed_step, agent->failed_error,
			    sysctl_behind(agent));
}

/**
 * swarm_event_updated - an agent has other limits or rules, or was stopped or let run
 * @keys: bits, enum swarm_update_key
 */
void swarm_event_updated(const struct swarm_agent *agent, u32 keys)
{
	struct swarm_event *event;

	event = begin_event(SWARM_EVENT_UPDATED, SWARM_SHARE_LIFE, agent->id);
	event->count = keys;
	end_event(SWARM_SHARE_LIFE);
	trace_agent_update(agent->id, keys);
	swarm_dbg("agent %llu updated, keys %#x\n", agent->id, keys);
}

/* What an agent has used up, whose last process is gone. */
static void set_life(struct swarm_event *event, const struct swarm_agent *agent,
		     const struct swarm_usage *usage)
{
	const struct swarm_life *life = &agent->life;

	event->runtime_usec = SWARM_UNKNOWN;
	if (!life->began)
		return;
	event->status = life->status;
	event->oom_kills = atomic64_read(&agent->oom_kills);
	event->cpu_usec = swarm_usage_cpu(usage, life->cpu);
	event->memory_peak = usage ? usage->memory_peak : SWARM_UNKNOWN;
	event->runtime_usec = div_u64(life->ended - life->began, NSEC_PER_USEC);
}

/**
 * swarm_event_destroyed - an agent is gone
 * @usage: what its cgroup has counted; NULL where it has none
 *
 * It is in none of the lists of agents, and not counted as active, from the moment on at
 * which this can be read: whoever has seen one of these sees the others too. Nothing of
 * it is told after this, and no list of the events holds it.
 */
void swarm_event_destroyed(struct swarm_agent *agent, const struct swarm_usage *usage)
{
	u64 violations = atomic64_read(&agent->violations);
	bool unborn = agent->end == SWARM_END_BIRTH;
	struct swarm_event *event;

	raw_spin_lock(&ring.lock);
	forget(agent);
	swarm_agent_retire(agent);
	event = get_event(SWARM_EVENT_DESTROYED, SWARM_SHARE_LIFE, agent->id);
	event->what = agent->end;
	event->count = violations;
	event->audited = atomic64_read(&agent->audited);
	event->error = unborn ? -agent->failed_error : 0;
	if (unborn)
		strscpy(event->text, agent->failed_step);
	else
		set_life(event, agent, usage);
	end_event(SWARM_SHARE_LIFE);
	trace_agent_destroy(agent->id, swarm_end_name(agent->end), violations);
	swarm_dbg("agent %llu destroyed\n", agent->id);
}

/* With the lock held. */
static void tell_kill(const struct swarm_agent *agent, const struct pid *pid, const char *comm)
{
	struct swarm_event *event;

	event = get_event(SWARM_EVENT_OOM, SWARM_SHARE_VIOLATIONS, agent->id);
	set_process(event, pid);
	memcpy(event->comm, comm, sizeof(event->comm));
	put_event(SWARM_SHARE_VIOLATIONS);
}

/* Likewise. */
static void keep_victim(struct swarm_flood *flood, const struct pid *pid)
{
	const struct upid *own = &pid->numbers[pid->level];

	flood->victim = pid->numbers[0].nr;
	flood->victim_vpid = own->nr;
	flood->victim_ns = own->ns->ns.inum;
}

/**
 * swarm_event_oom - the kernel kills a member, to have its memory
 * @victim: a thread of it, whose name lasts for as long as this takes
 */
void swarm_event_oom(struct swarm_agent *agent, struct task_struct *victim)
{
	struct swarm_flood *flood = &agent->flood;
	const struct pid *pid = task_tgid(victim);
	bool waits = false;

	raw_spin_lock(&ring.lock);
	begin_second_if_over(agent);
	if (flood->kills < told_max) {
		tell_kill(agent, pid, victim->comm);
	} else {
		keep_victim(flood, pid);
		waits = wait_for_sum(flood);
	}
	if (flood->kills < SWARM_KILLS_MAX)
		flood->kills++;
	unlock_and_wake();
	if (waits)
		queue_delayed_work(swarm_workqueue, &sum_work, HZ);
	trace_agent_oom(agent->id, task_tgid_nr(victim), victim->comm);
	swarm_dbg("agent %llu: process %d is killed for memory\n", agent->id,
		  task_tgid_nr(victim));
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

/* Counts a violation. Is it to be told? @call: of SWARM_KIND_SYSCALL, else 0 */
static __always_inline bool count_violation(struct swarm_agent *agent, enum swarm_kind kind,
					    enum swarm_action rule, enum swarm_outcome outcome,
					    u32 call)
{
	atomic64_inc(&swarm_outcomes[kind][outcome]);
	/* What is audited or reported was allowed. */
	if (outcome == SWARM_DONE_DENY || outcome == SWARM_DONE_KILL) {
		atomic64_inc(&swarm_totals.violations);
		atomic64_inc(&agent->violations);
	} else {
		atomic64_inc(&agent->audited);
	}
	return within_rate(agent, example_of(kind, rule, outcome, call), current);
}

/* Begins the event of a violation; each kind adds what only it has. */
static __always_inline struct swarm_event *begin_violation(const struct swarm_agent *agent,
							   enum swarm_kind kind,
							   enum swarm_action rule,
							   enum swarm_outcome outcome)
	__acquires(&ring.lock)
{
	struct swarm_event *event;

	event = begin_event(SWARM_EVENT_VIOLATION, SWARM_SHARE_VIOLATIONS, agent->id);
	event->what = kind;
	event->outcome = outcome;
	event->rule = rule;
	set_process(event, task_tgid(current));
	memcpy(event->comm, current->comm, sizeof(event->comm));
	return event;
}

static __always_inline void end_violation(void)
	__releases(&ring.lock)
{
	end_event(SWARM_SHARE_VIOLATIONS);
}

/* Whoever listens is told out of line, so that the others need not wait for it. */
static __always_inline void trace_it(const struct swarm_agent *agent, enum swarm_kind kind,
				     enum swarm_outcome outcome)
{
	if (trace_violation_enabled() || unlikely(READ_ONCE(swarm_debug)))
		tell_violation(agent, kind, outcome, pid_nr(task_tgid(current)));
}

/**
 * swarm_event_violation - a member did what a rule denies, kills for or audits
 * @agent: its agent
 * @kind: what it tried; not one of those of which there is more to tell
 * @rule: what the policy says
 * @outcome: what is done about it
 */
void swarm_event_violation(struct swarm_agent *agent, enum swarm_kind kind,
			   enum swarm_action rule, enum swarm_outcome outcome)
{
	if (count_violation(agent, kind, rule, outcome, 0)) {
		begin_violation(agent, kind, rule, outcome);
		end_violation();
	}
	trace_it(agent, kind, outcome);
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
	if (count_violation(agent, SWARM_KIND_EXECVE, rule, outcome, 0)) {
		set_text(begin_violation(agent, SWARM_KIND_EXECVE, rule, outcome), file);
		end_violation();
	}
	trace_it(agent, SWARM_KIND_EXECVE, outcome);
}

/**
 * swarm_event_syscall - the same about a system call that has a rule by its own name
 * @agent: the member's agent
 * @call: its number
 * @rule: what the policy says
 * @outcome: what is done about it
 */
void swarm_event_syscall(struct swarm_agent *agent, u32 call, enum swarm_action rule,
			 enum swarm_outcome outcome)
{
	struct swarm_event *event;

	if (count_violation(agent, SWARM_KIND_SYSCALL, rule, outcome, call)) {
		event = begin_violation(agent, SWARM_KIND_SYSCALL, rule, outcome);
		event->call = call;
		end_violation();
	}
	trace_it(agent, SWARM_KIND_SYSCALL, outcome);
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

	if (count_violation(agent, SWARM_KIND_DEVICE, SWARM_DENY, outcome, 0)) {
		event = begin_violation(agent, SWARM_KIND_DEVICE, SWARM_DENY, outcome);
		event->device_type = type;
		event->major = major;
		event->minor = minor;
		event->access = access;
		end_violation();
	}
	trace_it(agent, SWARM_KIND_DEVICE, outcome);
}

/**
 * swarm_event_socket - the same about a socket that is not among those allowed
 * @agent: the member's agent
 * @outcome: what is done about it
 * @family: AF_*
 * @type: SOCK_*
 * @protocol: as it was asked for; whoever reads the event resolves it
 */
void swarm_event_socket(struct swarm_agent *agent, enum swarm_outcome outcome, u32 family,
			u32 type, u32 protocol)
{
	struct swarm_event *event;

	if (count_violation(agent, SWARM_KIND_SOCKET, SWARM_DENY, outcome, 0)) {
		event = begin_violation(agent, SWARM_KIND_SOCKET, SWARM_DENY, outcome);
		event->family = family;
		event->socket_type = type;
		event->protocol = protocol;
		end_violation();
	}
	trace_it(agent, SWARM_KIND_SOCKET, outcome);
}

/**
 * swarm_event_autoload - the same about a module that the kernel was to load
 * @agent: the member's agent
 * @rule: what the policy says
 * @outcome: what is done about it
 * @module: the module's name, or alias
 */
void swarm_event_autoload(struct swarm_agent *agent, enum swarm_action rule,
			  enum swarm_outcome outcome, const char *module)
{
	if (count_violation(agent, SWARM_KIND_AUTOLOAD, rule, outcome, 0)) {
		set_text(begin_violation(agent, SWARM_KIND_AUTOLOAD, rule, outcome), module);
		end_violation();
	}
	trace_it(agent, SWARM_KIND_AUTOLOAD, outcome);
}

int __init swarm_events_init(void)
{
	unsigned long size = roundup_pow_of_two(swarm_event_buffer) / SWARM_NR_SHARES;
	struct swarm_event *events = vcalloc(SWARM_NR_SHARES * size, sizeof(*events));
	int i;

	if (!events)
		return -ENOMEM;
	for (i = 0; i < SWARM_NR_SHARES; i++)
		ring.shares[i].events = events + i * size;
	ring.mask = size - 1;
	told_max = swarm_event_rate ?: U32_MAX;
	return 0;
}

/**
 * swarm_events_stop - tell no more sums
 *
 * For unloading: nothing is violated any more, and agents that are left are about to
 * be freed.
 */
void swarm_events_stop(void)
{
	struct swarm_agent *agent, *next;

	cancel_delayed_work_sync(&sum_work);
	/* The end of others is still being told. */
	raw_spin_lock(&ring.lock);
	list_for_each_entry_safe(agent, next, &ring.floods, flood.link)
		list_del_init(&agent->flood.link);
	raw_spin_unlock(&ring.lock);
}

/* Nothing records an event any more, and an open events file holds the module. */
void swarm_events_exit(void)
{
	irq_work_sync(&wake_work);
	vfree(ring.shares[0].events);
}
