// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The ledger: which process belongs to which agent, as the oracle has seen it
 * happen. Written from tracepoints, so it allocates nothing: entries are there
 * from the start, and running out of them is a finding.
 */
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include "oracle.h"

#define ENTRIES	32768
#define BITS	12

/**
 * struct entry - a process in the ledger
 * @signal: the process, a key; the entry goes when the last thread exits
 */
struct entry {
	struct hlist_node node;
	const struct signal_struct *signal;
	struct oracle_record record;
};

static DEFINE_RAW_SPINLOCK(lock);
static struct entry *entries;
static HLIST_HEAD(unused);
static struct hlist_head buckets[1 << BITS];
/* Written under the lock, read without it. */
static unsigned int size;

static struct entry *find_entry(const struct signal_struct *signal)
{
	struct entry *entry;

	lockdep_assert_held(&lock);
	hlist_for_each_entry(entry, &buckets[hash_ptr(signal, BITS)], node)
		if (entry->signal == signal)
			return entry;
	return NULL;
}

unsigned int ledger_size(void)
{
	return READ_ONCE(size);
}

bool ledger_find(const struct signal_struct *signal, struct oracle_record *record)
{
	struct entry *entry;
	unsigned long flags;

	/* Quick return while there is no agent. */
	if (!ledger_size())
		return false;
	raw_spin_lock_irqsave(&lock, flags);
	entry = find_entry(signal);
	if (entry)
		*record = entry->record;
	raw_spin_unlock_irqrestore(&lock, flags);
	return entry;
}

void ledger_add(const struct signal_struct *signal, const struct oracle_record *record)
{
	struct entry *entry = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	if (!find_entry(signal) && !hlist_empty(&unused)) {
		entry = hlist_entry(unused.first, struct entry, node);
		hlist_del(&entry->node);
		entry->signal = signal;
		entry->record = *record;
		hlist_add_head(&entry->node, &buckets[hash_ptr(signal, BITS)]);
		WRITE_ONCE(size, size + 1);
	}
	raw_spin_unlock_irqrestore(&lock, flags);
	if (!entry && ledger_size() == ENTRIES)
		oracle_note("the ledger is full: process %d of agent %llu is not followed",
			    record->nr, record->agent);
}

void ledger_set_home(const struct signal_struct *signal, const struct oracle_home *home)
{
	struct entry *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	entry = find_entry(signal);
	if (entry && !entry->record.home.known)
		entry->record.home = *home;
	raw_spin_unlock_irqrestore(&lock, flags);
}

void ledger_set_executed(const struct signal_struct *signal)
{
	struct entry *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	entry = find_entry(signal);
	if (entry)
		entry->record.executed = true;
	raw_spin_unlock_irqrestore(&lock, flags);
}

void ledger_remove(const struct signal_struct *signal)
{
	struct entry *entry;
	unsigned long flags;

	if (!ledger_size())
		return;
	raw_spin_lock_irqsave(&lock, flags);
	entry = find_entry(signal);
	if (entry) {
		hlist_del(&entry->node);
		hlist_add_head(&entry->node, &unused);
		WRITE_ONCE(size, size - 1);
	}
	raw_spin_unlock_irqrestore(&lock, flags);
}

int ledger_init(void)
{
	unsigned int i;

	entries = vcalloc(ENTRIES, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	for (i = 0; i < ENTRIES; i++)
		hlist_add_head(&entries[i].node, &unused);
	return 0;
}

void ledger_exit(void)
{
	vfree(entries);
}
