// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Hooks on the system calls that a living policy has a rule on, and on no others, so
 * that nobody pays for a call without a rule.
 *
 * Before a policy comes to be, what it needs and is not hooked yet is, by an ftrace_ops
 * of its own; some time after the last policy that needs it is gone, its filter shrinks,
 * since patching the kernel's text costs much more than a policy does. A filter never
 * grows: where a BPF program is attached to a function, its trampoline learns of the
 * redirection from register_ftrace_function() alone, and calls the function itself
 * otherwise, whatever the hook answers. What a function belongs to is found by its
 * address in a table that only grows.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/ftrace.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <uapi/linux/mount.h>

#include "compat/compat.h"
#include "hooks.h"
#include "params.h"
#include "policy.h"
#include "refuse.h"
#include "syscalls.h"

/* How long the hooks on a call stay when no policy needs them any more. */
#define LINGER	(5 * HZ)

struct swarm_entry_slot swarm_entry_slots[SWARM_ENTRY_SLOTS];
struct swarm_multiplexer swarm_multiplexers[SWARM_MULTIPLEXERS];

/* The calls that each of them may mean. */
static DECLARE_BITMAP(multiplexed[SWARM_MULTIPLEXERS], SWARM_CALLS_MAX) __ro_after_init;

/* Policies that need a call hooked. Raised under the lock, lowered anywhere. */
static atomic_t users[SWARM_CALLS_MAX];

/**
 * struct batch - functions that were hooked together
 * @link: entry of the batches, or of those to use again
 * @ops: the hook; registered in a batch
 * @calls: whose functions they are
 */
struct batch {
	struct list_head link;
	struct ftrace_ops ops;
	DECLARE_BITMAP(calls, SWARM_CALLS_MAX);
};

/**
 * struct hooking - what is hooked
 * @lock: of everything here, and of filling the table
 * @batches: what is hooked; no function is in two of them
 * @spare: batches to use again: whoever looks through all hooks may be at one still
 * @located: calls whose functions are in the table
 * @hooked: calls whose functions are hooked
 * @stopped: the module is being unloaded
 * @told: the first installation has been told of
 */
static struct {
	struct mutex lock;	/* of everything here */
	struct list_head batches;
	struct list_head spare;
	DECLARE_BITMAP(located, SWARM_CALLS_MAX);
	DECLARE_BITMAP(hooked, SWARM_CALLS_MAX);
	bool stopped;
	bool told;
} hooking = {
	.lock = __MUTEX_INITIALIZER(hooking.lock),
	.batches = LIST_HEAD_INIT(hooking.batches),
	.spare = LIST_HEAD_INIT(hooking.spare),
};

static void trim(struct work_struct *work);
static DECLARE_DELAYED_WORK(trim_work, trim);

/* Calls: those that a hook of its own asks about, and those that stand for several */

static const char *const own_hooks[] = {
#ifdef OPEN_TREE_NAMESPACE
	"open_tree",
	"open_tree_attr",
#endif
#ifdef FSMOUNT_NAMESPACE
	"fsmount",
#endif
	NULL
};

static const char *const socketcalls[32] = {
	[1] = "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername",
	"socketpair", "sendto", "recvfrom", "sendto", "recvfrom", "shutdown", "setsockopt",
	"getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg",
};

static const char *const ipcs[32] = {
	[1] = "semop", "semget", "semctl", "semtimedop",
	[11] = "msgsnd", "msgrcv", "msgget", "msgctl",
	[21] = "shmat", "shmdt", "shmget", "shmctl",
};

static bool has_own_hook(u32 call)
{
	int i;

	for (i = 0; own_hooks[i]; i++)
		if (!strcmp(own_hooks[i], swarm_call_name(call)))
			return true;
	return false;
}

static u16 __init number_of(const char *name)
{
	u32 call;

	for (call = 0; swarm_call_name(call); call++)
		if (!strcmp(name, swarm_call_name(call)))
			return call;
	WARN_ON_ONCE(1);
	return SWARM_NO_CALL;
}

static void __init init_multiplexer(struct swarm_multiplexer *multiplexer, const char *name,
				    const char *const calls[32], u16 mask)
{
	unsigned long *meant = multiplexed[multiplexer - swarm_multiplexers];
	int i;

	multiplexer->call = number_of(name);
	multiplexer->mask = mask;
	for (i = 0; i < 32; i++) {
		multiplexer->calls[i] = calls[i] ? number_of(calls[i]) : SWARM_NO_CALL;
		if (calls[i])
			__set_bit(multiplexer->calls[i], meant);
	}
}

/* The table of functions */

static void add_slot(const struct swarm_entry *entry, bool own)
{
	u32 at = swarm_entry_hash(entry->ip);

	lockdep_assert_held(&hooking.lock);
	while (swarm_entry_slots[at].ip) {
		/* From an attempt that failed later. */
		if (swarm_entry_slots[at].ip == entry->ip)
			return;
		at = (at + 1) % SWARM_ENTRY_SLOTS;
	}
	swarm_entry_slots[at].call = entry->call;
	swarm_entry_slots[at].own = own;
	/* Whoever finds it finds all of it. */
	smp_store_release(&swarm_entry_slots[at].ip, entry->ip);
}

/* Does ftrace know the function? Asked of one that is never registered. */
static int check_traceable(const struct swarm_entry *entry)
{
	static struct ftrace_ops probe;
	int err = ftrace_set_filter_ip(&probe, entry->ip, 0, 1);

	ftrace_free_filter(&probe);
	return err;
}

static int check_entries(const struct swarm_entry *entries, unsigned int nr,
			 const struct swarm_entry **failed)
{
	unsigned int i;
	int err;

	for (i = 0; i < nr; i++) {
		err = entries[i].ip ? check_traceable(&entries[i]) : 0;
		if (err) {
			*failed = err == -ENOMEM ? NULL : &entries[i];
			return err;
		}
	}
	return 0;
}

static int explain_location(int ret, const struct swarm_entry *failed,
			    struct swarm_policy_error *err)
{
	if (!failed)
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	return swarm_refuse(err, -EOPNOTSUPP, "syscalls",
			    "this kernel does not let %s be hooked (error %d); allow the call",
			    failed->symbol, ret);
}

static unsigned int name_entries(const unsigned long *calls, struct swarm_entry *entries)
{
	unsigned int nr = 0;
	u32 call;

	for_each_set_bit(call, calls, SWARM_CALLS_MAX)
		nr += swarm_entries_name(swarm_call_functions(call), call,
					 entries ? entries + nr : NULL);
	return nr;
}

/* Put the functions of some calls into the table. */
static int locate(const unsigned long *calls, struct swarm_policy_error *err)
{
	unsigned int nr = name_entries(calls, NULL), i;
	const struct swarm_entry *failed = NULL;
	struct swarm_entry *entries;
	int ret;

	lockdep_assert_held(&hooking.lock);
	entries = kvcalloc(nr, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return explain_location(-ENOMEM, NULL, err);
	name_entries(calls, entries);
	ret = swarm_entries_locate(entries, nr, &failed) ?: check_entries(entries, nr, &failed);
	if (ret) {
		ret = explain_location(ret, failed, err);
	} else {
		for (i = 0; i < nr; i++)
			if (entries[i].ip)
				add_slot(&entries[i], has_own_hook(entries[i].call));
		bitmap_or(hooking.located, hooking.located, calls, SWARM_CALLS_MAX);
	}
	kvfree(entries);
	return ret;
}

/* The hook */

static struct batch *spare_batch(void)
{
	struct batch *batch = list_first_entry_or_null(&hooking.spare, struct batch, link);

	if (batch) {
		list_del(&batch->link);
		return batch;
	}
	batch = kzalloc(sizeof(*batch), GFP_KERNEL);
	if (batch) {
		batch->ops.func = swarm_hook_syscall;
		batch->ops.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT;
	}
	return batch;
}

/* Hook functions that are not. There is at least one: no filter stands for all there are. */
static struct batch *hook(unsigned long *ips, unsigned int nr)
{
	struct batch *batch = spare_batch();
	int err;

	lockdep_assert_held(&hooking.lock);
	if (!batch)
		return ERR_PTR(-ENOMEM);
	bitmap_zero(batch->calls, SWARM_CALLS_MAX);
	err = ftrace_set_filter_ips(&batch->ops, ips, nr, 0, 1);
	if (!err)
		err = register_ftrace_function(&batch->ops);
	if (err) {
		ftrace_free_filter(&batch->ops);
		list_add(&batch->link, &hooking.spare);
		return ERR_PTR(err);
	}
	list_add(&batch->link, &hooking.batches);
	return batch;
}

static void unhook(struct batch *batch)
{
	lockdep_assert_held(&hooking.lock);
	WARN_ON_ONCE(unregister_ftrace_function(&batch->ops));
	ftrace_free_filter(&batch->ops);
	list_move(&batch->link, &hooking.spare);
}

/* The functions of calls, but for those that a hook of their own asks about. */
static unsigned int collect(unsigned long *ips, const unsigned long *calls)
{
	unsigned int nr = 0, i;

	for (i = 0; i < SWARM_ENTRY_SLOTS; i++) {
		const struct swarm_entry_slot *slot = &swarm_entry_slots[i];

		if (slot->ip && !slot->own && test_bit(slot->call, calls))
			ips[nr++] = slot->ip;
	}
	return nr;
}

/* The function that somebody else redirects; 0 where memory is too short to find it. */
static unsigned long find_conflict(unsigned long *ips, unsigned int nr)
{
	unsigned int good = 0, bad = nr;
	struct batch *batch;

	while (bad - good > 1) {
		unsigned int middle = good + (bad - good) / 2;

		batch = hook(ips + good, middle - good);
		if (batch == ERR_PTR(-ENOMEM))
			return 0;
		if (IS_ERR(batch)) {
			bad = middle;
		} else {
			unhook(batch);
			good = middle;
		}
	}
	return ips[bad - 1];
}

static int explain_conflict(int ret, unsigned long *ips, unsigned int nr,
			    struct swarm_policy_error *err)
{
	unsigned long ip = ret == -ENOMEM ? 0 : find_conflict(ips, nr);

	if (!ip)
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	if (ret != -EBUSY)
		return swarm_refuse(err, -EOPNOTSUPP, "syscalls",
				    "%ps cannot be hooked (error %d); allow the call", (void *)ip,
				    ret);
	return swarm_refuse(err, -EBUSY, "syscalls",
			    "%ps is redirected by a live patch or another module; unload that, or allow the call",
			    (void *)ip);
}

/*
 * Whoever gives an order waits for it, so the log tells what it took: the first time, and
 * later with the parameter debug.
 */
static void tell_growth(unsigned int nr, s64 us)
{
	lockdep_assert_held(&hooking.lock);
	if (!hooking.told)
		pr_info("hooked %u functions of system calls in %lld us; later ones are told of with debug=1\n",
			nr, us);
	else
		swarm_dbg("hooked %u more functions of system calls in %lld us\n", nr, us);
	hooking.told = true;
}

/* Have calls hooked that are not. */
static int grow(const unsigned long *more, struct swarm_policy_error *err)
{
	unsigned long *ips;
	ktime_t began = ktime_get();
	struct batch *batch;
	unsigned int nr;
	int ret = 0;

	ips = kvmalloc_array(SWARM_ENTRY_SLOTS, sizeof(*ips), GFP_KERNEL);
	if (!ips)
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	nr = collect(ips, more);
	if (nr) {
		batch = hook(ips, nr);
		if (IS_ERR(batch))
			ret = explain_conflict(PTR_ERR(batch), ips, nr, err);
		else
			bitmap_copy(batch->calls, more, SWARM_CALLS_MAX);
	}
	if (!ret) {
		bitmap_or(hooking.hooked, hooking.hooked, more, SWARM_CALLS_MAX);
		if (nr)
			tell_growth(nr, ktime_us_delta(ktime_get(), began));
	}
	kvfree(ips);
	return ret;
}

/* Leave those functions of a batch hooked that are needed. Returns false after an error. */
static bool shrink(struct batch *batch, const unsigned long *needed, unsigned long *ips)
{
	DECLARE_BITMAP(left, SWARM_CALLS_MAX);
	unsigned int nr;

	bitmap_and(left, batch->calls, needed, SWARM_CALLS_MAX);
	if (bitmap_equal(left, batch->calls, SWARM_CALLS_MAX))
		return true;
	nr = collect(ips, left);
	if (!nr)
		unhook(batch);
	else if (ftrace_set_filter_ips(&batch->ops, ips, nr, 0, 1))
		return false;
	bitmap_copy(batch->calls, left, SWARM_CALLS_MAX);
	return true;
}

static void trim_to(const unsigned long *needed)
{
	struct batch *batch, *next;
	unsigned long *ips;
	bool again = false;

	lockdep_assert_held(&hooking.lock);
	ips = kvmalloc_array(SWARM_ENTRY_SLOTS, sizeof(*ips), GFP_KERNEL);
	if (!ips) {
		schedule_delayed_work(&trim_work, LINGER);
		return;
	}
	bitmap_copy(hooking.hooked, needed, SWARM_CALLS_MAX);
	list_for_each_entry_safe(batch, next, &hooking.batches, link) {
		if (shrink(batch, needed, ips))
			continue;
		bitmap_or(hooking.hooked, hooking.hooked, batch->calls, SWARM_CALLS_MAX);
		again = true;
	}
	if (again)
		schedule_delayed_work(&trim_work, LINGER);
	kvfree(ips);
}

static void trim(struct work_struct *work)
{
	DECLARE_BITMAP(needed, SWARM_CALLS_MAX);
	u32 call;

	mutex_lock(&hooking.lock);
	bitmap_zero(needed, SWARM_CALLS_MAX);
	for_each_set_bit(call, hooking.hooked, SWARM_CALLS_MAX)
		if (atomic_read(&users[call]))
			__set_bit(call, needed);
	if (!hooking.stopped && !bitmap_equal(needed, hooking.hooked, SWARM_CALLS_MAX))
		trim_to(needed);
	mutex_unlock(&hooking.lock);
}

/* Policies */

/* The calls that have to be hooked for the rules. Returns false where there are none. */
static bool calls_of(const struct swarm_rules *rules, unsigned long *calls)
{
	u32 word, bit;
	u64 bits;
	int i;

	bitmap_zero(calls, SWARM_CALLS_MAX);
	for (word = 0; word < SWARM_CALL_WORDS; word++) {
		/* Of the two bits of each call the lower one, if either is set. */
		bits = (rules->calls[word] | rules->calls[word] >> 1) & 0x5555555555555555ULL;
		for (; bits; bits &= bits - 1) {
			bit = __ffs64(bits) / 2;
			__set_bit(word * 32 + bit, calls);
		}
	}
	if (bitmap_empty(calls, SWARM_CALLS_MAX))
		return false;
	for (i = 0; i < SWARM_MULTIPLEXERS; i++)
		if (bitmap_intersects(calls, multiplexed[i], SWARM_CALLS_MAX))
			__set_bit(swarm_multiplexers[i].call, calls);
	return true;
}

/**
 * swarm_syscalls_hold - have the calls hooked that rules are about
 * @rules: of a policy that is about to be
 * @err: filled in after an error
 *
 * May sleep. Return: 0, until swarm_syscalls_drop(); or a negative errno.
 */
int swarm_syscalls_hold(const struct swarm_rules *rules, struct swarm_policy_error *err)
{
	DECLARE_BITMAP(calls, SWARM_CALLS_MAX);
	DECLARE_BITMAP(missing, SWARM_CALLS_MAX);
	int ret = 0;
	u32 call;

	if (!calls_of(rules, calls))
		return 0;
	if (mutex_lock_killable(&hooking.lock))
		return swarm_refuse(err, -EINTR, "", "interrupted");
	if (bitmap_andnot(missing, calls, hooking.located, SWARM_CALLS_MAX))
		ret = locate(missing, err);
	if (!ret && bitmap_andnot(missing, calls, hooking.hooked, SWARM_CALLS_MAX))
		ret = grow(missing, err);
	/* With the lock held: nothing is taken out meanwhile. */
	if (!ret)
		for_each_set_bit(call, calls, SWARM_CALLS_MAX)
			atomic_inc(&users[call]);
	mutex_unlock(&hooking.lock);
	return ret;
}

/**
 * swarm_syscalls_drop - a policy needs its hooks no more
 *
 * From any context that an RCU callback may be in.
 */
void swarm_syscalls_drop(const struct swarm_rules *rules)
{
	DECLARE_BITMAP(calls, SWARM_CALLS_MAX);
	bool unused = false;
	u32 call;

	if (!calls_of(rules, calls))
		return;
	for_each_set_bit(call, calls, SWARM_CALLS_MAX)
		unused |= atomic_dec_and_test(&users[call]);
	if (unused && !READ_ONCE(hooking.stopped))
		schedule_delayed_work(&trim_work, LINGER);
}

/* What the hooks of their own ask about has to be in the table from the beginning. */
static int __init locate_own(void)
{
	DECLARE_BITMAP(calls, SWARM_CALLS_MAX);
	struct swarm_policy_error err = {};
	int i, ret = 0;

	bitmap_zero(calls, SWARM_CALLS_MAX);
	for (i = 0; own_hooks[i]; i++)
		__set_bit(number_of(own_hooks[i]), calls);
	mutex_lock(&hooking.lock);
	if (!bitmap_empty(calls, SWARM_CALLS_MAX))
		ret = locate(calls, &err);
	mutex_unlock(&hooking.lock);
	if (ret)
		pr_err("system calls cannot be looked up: %s\n", err.message);
	return ret;
}

int __init swarm_syscalls_init(void)
{
	init_multiplexer(&swarm_multiplexers[0], "socketcall", socketcalls, U16_MAX);
	/* The upper half is a version. */
	init_multiplexer(&swarm_multiplexers[1], "ipc", ipcs, U16_MAX);
	return locate_own();
}

/**
 * swarm_syscalls_stop - hook nothing any more
 *
 * Whoever is in the hook or a stub still is waited for by swarm_hooks_exit().
 */
void swarm_syscalls_stop(void)
{
	struct batch *batch, *next;

	mutex_lock(&hooking.lock);
	WRITE_ONCE(hooking.stopped, true);
	list_for_each_entry_safe(batch, next, &hooking.batches, link)
		unhook(batch);
	mutex_unlock(&hooking.lock);
}

/* The last policy has gone. */
void swarm_syscalls_exit(void)
{
	struct batch *batch, *next;

	cancel_delayed_work_sync(&trim_work);
	list_for_each_entry_safe(batch, next, &hooking.spare, link)
		kfree(batch);
}
