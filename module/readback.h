/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A ring of bytes that takes whole lines and gives back any piece of them. Free
 * of kernel calls; the caller serialises.
 */
#ifndef SWARM_READBACK_H
#define SWARM_READBACK_H

#ifdef __KERNEL__
#include <linux/string.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>
#include <string.h>
typedef __u8 u8;
#endif

/**
 * struct swarm_readback - lines that wait to be read
 * @bytes: the ring; NULL holds nothing
 * @size: its size
 * @head: index of the first byte to be read
 * @count: bytes waiting
 */
struct swarm_readback {
	u8 *bytes;
	size_t size;
	size_t head;
	size_t count;
};

/**
 * swarm_readback_init - an empty ring in @storage, which the caller keeps
 */
static inline void swarm_readback_init(struct swarm_readback *ring, void *storage, size_t size)
{
	ring->bytes = storage;
	ring->size = size;
	ring->head = 0;
	ring->count = 0;
}

/**
 * swarm_readback_room - how long a line would still fit
 */
static inline size_t swarm_readback_room(const struct swarm_readback *ring)
{
	return ring->size - ring->count;
}

/**
 * swarm_readback_append - add a line
 * Return: false, and nothing is added, where it does not fit.
 */
static inline bool swarm_readback_append(struct swarm_readback *ring, const void *line,
					 size_t length)
{
	size_t tail, first;

	if (length > swarm_readback_room(ring))
		return false;
	if (!length)
		return true;
	tail = (ring->head + ring->count) % ring->size;
	first = ring->size - tail < length ? ring->size - tail : length;
	memcpy(ring->bytes + tail, line, first);
	memcpy(ring->bytes, (const u8 *)line + first, length - first);
	ring->count += length;
	return true;
}

/**
 * swarm_readback_read - take up to @length bytes
 * Return: how many were taken.
 */
static inline size_t swarm_readback_read(struct swarm_readback *ring, void *to, size_t length)
{
	size_t first;

	if (length > ring->count)
		length = ring->count;
	if (!length)
		return 0;
	first = ring->size - ring->head < length ? ring->size - ring->head : length;
	memcpy(to, ring->bytes + ring->head, first);
	memcpy((u8 *)to + first, ring->bytes, length - first);
	ring->head = (ring->head + length) % ring->size;
	ring->count -= length;
	return length;
}

#endif
