/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Orders to /proc/swarm. None of this allocates. */
#ifndef SWARM_H
#define SWARM_H

#include <stddef.h>

/*
 * Writes an order to a file of /proc/swarm that is open and reads the answer, if
 * @answer is not NULL: it is "" if there is none. Returns 0, or -1 with the errno of
 * whichever of both failed first; an order that was refused has both.
 */
int swarm_give(int fd, const char *order, char *answer, size_t size);

/* The same with the file @name opened for it. */
int swarm_order(const char *name, const char *order, char *answer, size_t size);

/* The id in an answer of create; 0 if it is a refusal. */
unsigned long long swarm_id(const char *answer);

/* Finds the next id in several answers; returns what follows it, or NULL. */
const char *swarm_next_id(const char *answers, unsigned long long *id);

/* Destroys an agent by /proc/swarm/destroy, open as @fd; returns 0, or -1 with errno. */
int swarm_destroy(int fd, unsigned long long id);

#endif
