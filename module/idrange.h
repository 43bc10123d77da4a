/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Handing out ranges of user ids: those never used first, then the one returned
 * longest ago, so that files left behind by an agent meet a new owner as late
 * as possible. Free of kernel calls; the caller serialises.
 */
#ifndef SWARM_IDRANGE_H
#define SWARM_IDRANGE_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <linux/types.h>
typedef __u32 u32;
#endif

/**
 * struct swarm_idrange - which ranges are free
 * @fifo: ring of returned ranges, oldest at @head
 * @total: how many ranges there are, and the size of @fifo
 * @fresh: the first range that was never handed out
 * @head: index in @fifo
 * @count: returned ranges in @fifo
 */
struct swarm_idrange {
	u32 *fifo;
	u32 total;
	u32 fresh;
	u32 head;
	u32 count;
};

/**
 * swarm_idrange_init - all ranges from 0 to @total - 1 are free and unused
 * @storage: @total elements, which the caller keeps as long as @ranges is used
 */
static inline void swarm_idrange_init(struct swarm_idrange *ranges, u32 *storage, u32 total)
{
	ranges->fifo = storage;
	ranges->total = total;
	ranges->fresh = 0;
	ranges->head = 0;
	ranges->count = 0;
}

/**
 * swarm_idrange_get - take the range that has been unused longest
 * @range: set to its index
 * Return: false where all are taken.
 */
static inline bool swarm_idrange_get(struct swarm_idrange *ranges, u32 *range)
{
	if (ranges->fresh < ranges->total) {
		*range = ranges->fresh++;
		return true;
	}
	if (!ranges->count)
		return false;
	*range = ranges->fifo[ranges->head];
	ranges->head = ranges->head + 1 == ranges->total ? 0 : ranges->head + 1;
	ranges->count--;
	return true;
}

/**
 * swarm_idrange_put - return a range that swarm_idrange_get() handed out
 */
static inline void swarm_idrange_put(struct swarm_idrange *ranges, u32 range)
{
	u32 room = ranges->total - ranges->head;
	u32 tail = ranges->count < room ? ranges->head + ranges->count : ranges->count - room;

	ranges->fifo[tail] = range;
	ranges->count++;
}

#endif
