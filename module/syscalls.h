/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Which system calls are hooked because a living policy has a rule on them. */
#ifndef SWARM_SYSCALLS_H
#define SWARM_SYSCALLS_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/init.h>
#include <linux/types.h>

struct swarm_policy_error;
struct swarm_rules;

/* More than the functions of all calls; a power of two. */
#define SWARM_ENTRY_BITS	11
#define SWARM_ENTRY_SLOTS	BIT(SWARM_ENTRY_BITS)

/* No call has this number. */
#define SWARM_NO_CALL		0xffff

/**
 * struct swarm_entry_slot - a function and the call that it belongs to
 * @ip: where ftrace patches it, 0 in a slot that is free
 * @call: the number of the call
 * @own: a hook of its own, which is always there, asks about the call
 *
 * Filled once, @ip last, and never changed after that: readers need no lock.
 */
struct swarm_entry_slot {
	unsigned long ip;
	u16 call;
	bool own;
};

/**
 * struct swarm_multiplexer - a call of 32-bit programs that stands for several
 * @call: its number
 * @mask: the bits of its first argument that say which is meant
 * @calls: their numbers, by that argument; SWARM_NO_CALL where it is of no meaning
 */
struct swarm_multiplexer {
	u16 call;
	u16 mask;
	u16 calls[32];
};

#define SWARM_MULTIPLEXERS	2

extern struct swarm_entry_slot swarm_entry_slots[SWARM_ENTRY_SLOTS];
extern struct swarm_multiplexer swarm_multiplexers[SWARM_MULTIPLEXERS];

static __always_inline u32 swarm_entry_hash(unsigned long ip)
{
	return (ip * GOLDEN_RATIO_64) >> (64 - SWARM_ENTRY_BITS);
}

/**
 * swarm_syscall_at - the call that the function at @ip belongs to
 *
 * From any context, without a lock. Return: its number, or SWARM_NO_CALL.
 */
static __always_inline u32 swarm_syscall_at(unsigned long ip)
{
	u32 at = swarm_entry_hash(ip);
	unsigned long found;

	/* Never full, so a free slot ends it. */
	while ((found = smp_load_acquire(&swarm_entry_slots[at].ip)) != ip) {
		if (!found)
			return SWARM_NO_CALL;
		at = (at + 1) % SWARM_ENTRY_SLOTS;
	}
	return swarm_entry_slots[at].call;
}

int swarm_syscalls_hold(const struct swarm_rules *rules, struct swarm_policy_error *err);
void swarm_syscalls_drop(const struct swarm_rules *rules);

int __init swarm_syscalls_init(void);
void swarm_syscalls_stop(void);
void swarm_syscalls_exit(void);

#endif
