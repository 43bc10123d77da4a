// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The table of processes with any number of them in it. The synthetic ones have
 * addresses as the kernel's own slab of signal_structs would give them, and no
 * agent: only lookups meet them, and none of those looks for them but ours.
 */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/seq_buf.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "bench.h"
#include "member.h"

#define MOST		SZ_1M
/* A slab of objects of about a kilobyte. */
#define SLAB		SZ_32K
#define OBJECT		ALIGN(sizeof(struct signal_struct), 64)
#define PER_SLAB	(SLAB / OBJECT)
#define WARM_UP		3

static struct swarm_member *members;
static unsigned int nr_members;

/* Above the direct map of any guest, so that no process has it. */
static const struct signal_struct *address(unsigned int nr)
{
	return (void *)(PAGE_OFFSET + (1UL << 42) + (unsigned long)(nr / PER_SLAB) * SLAB +
			nr % PER_SLAB * OBJECT);
}

static void link(struct swarm_member *member)
{
	raw_spinlock_t *lock = bench_guard->lock(member->signal);

	raw_spin_lock(lock);
	hlist_add_head_rcu(&member->node, bench_guard->bucket(member->signal));
	raw_spin_unlock(lock);
}

static void unlink(struct swarm_member *member)
{
	raw_spinlock_t *lock = bench_guard->lock(member->signal);

	raw_spin_lock(lock);
	hlist_del_rcu(&member->node);
	raw_spin_unlock(lock);
}

/**
 * bench_table_empty - take all synthetic processes out of the table
 */
void bench_table_empty(void)
{
	while (nr_members)
		unlink(&members[--nr_members]);
	synchronize_rcu();
	kvfree(members);
	members = NULL;
}

/* How long the chains are. */
static void describe(struct seq_buf *out)
{
	const struct swarm_member_table *table = bench_guard->members;
	unsigned long buckets = 1UL << (64 - table->shift), i, used = 0, entries = 0;
	unsigned int longest = 0;

	for (i = 0; i < buckets; i++) {
		const struct swarm_member *member;
		unsigned int length = 0;

		rcu_read_lock();
		hlist_for_each_entry_rcu(member, &table->buckets[i], node)
			length++;
		rcu_read_unlock();
		used += length > 0;
		entries += length;
		longest = max(longest, length);
		if (!(i & 0xffff))
			cond_resched();
	}
	seq_buf_printf(out, "{\"buckets\":%lu,\"used\":%lu,\"entries\":%lu,\"longest\":%u}\n",
		       buckets, used, entries, longest);
}

/* Order: "fill N" */
int bench_table_fill(char *order, struct seq_buf *out)
{
	unsigned int nr, i;
	int err;

	strsep(&order, " ");
	err = order ? kstrtouint(order, 0, &nr) : -EINVAL;
	if (err || nr > MOST)
		return err ?: -EINVAL;
	bench_table_empty();
	if (nr) {
		members = kvcalloc(nr, sizeof(*members), GFP_KERNEL);
		if (!members)
			return -ENOMEM;
	}
	for (i = 0; i < nr; i++) {
		members[i].signal = address(i);
		link(&members[i]);
		nr_members++;
		if (!(i & 0xfff))
			cond_resched();
	}
	describe(out);
	return 0;
}

static noinline struct swarm_member *find_nothing(const struct signal_struct *signal)
{
	return NULL;
}

static u64 timed(struct swarm_member *(*find)(const struct signal_struct *signal),
		 const struct signal_struct *signal, struct swarm_member **found)
{
	unsigned long flags;
	u64 start, end;

	local_irq_save(flags);
	rcu_read_lock();
	start = get_cycles();
	*found = find(signal);
	end = get_cycles();
	rcu_read_unlock();
	local_irq_restore(flags);
	return end - start;
}

/* Order: "find present" or "find absent"; over the whole range of what is there. */
int bench_table_find(char *order, struct seq_buf *out)
{
	struct bench_samples *samples;
	struct swarm_member *found, *nothing;
	unsigned int i;
	bool present;
	u64 sum = 0;
	int err = 0;

	strsep(&order, " ");
	present = order && !strcmp(order, "present");
	if (present && !nr_members)
		return -ENOENT;
	samples = kzalloc(sizeof(*samples), GFP_KERNEL);
	if (!samples)
		return -ENOMEM;
	for (i = 0; i < BENCH_ROUNDS + WARM_UP; i++) {
		unsigned int nr = present ? div_u64((u64)i * nr_members, BENCH_ROUNDS + WARM_UP) :
					    MOST + i;
		u64 call = timed(find_nothing, address(nr), &nothing);
		u64 took = timed(bench_guard->find, address(nr), &found);

		if (found != (present ? &members[nr] : NULL)) {
			err = -EUCLEAN;
			break;
		}
		if (i < WARM_UP)
			continue;
		/* Less the call itself; two readings of the counter are in both. */
		samples->counts[samples->nr++] = took - min(call, took);
		sum += took - min(call, took);
	}
	if (!err) {
		bench_report(out, "find", samples);
		seq_buf_printf(out, "{\"sum\":%llu}\n", sum);
	}
	kfree(samples);
	return err;
}
