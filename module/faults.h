/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Failing allocations of what others than the task under test do for it.
 *
 * A task's fail-nth (fault injection of a debug kernel) counts its own allocations
 * only. Built with SWARM_FAULTS=y the worker that runs an errand counts for whoever
 * sent it, and parameters say which allocation is to fail of the next birth, of the
 * next look at what an agent that ends has used, and of the next agent's removal.
 * Otherwise nothing of this is compiled.
 */
#ifndef SWARM_FAULTS_H
#define SWARM_FAULTS_H

#include <linux/sched.h>

enum swarm_faulty {
	SWARM_FAULTY_BIRTH,
	SWARM_FAULTY_END,
	SWARM_FAULTY_REMOVAL,
	SWARM_NR_FAULTY,
};

#ifdef SWARM_FAULTS

#ifndef CONFIG_FAULT_INJECTION
#error "SWARM_FAULTS=y needs a kernel with CONFIG_FAULT_INJECTION"
#endif

/* What is left of the caller's count, which ends. */
static inline unsigned int swarm_faults_take(void)
{
	unsigned int nth = current->fail_nth;

	WRITE_ONCE(current->fail_nth, 0);
	return nth;
}

static inline void swarm_faults_give(unsigned int nth)
{
	WRITE_ONCE(current->fail_nth, nth);
}

void swarm_faults_begin(enum swarm_faulty what);
void swarm_faults_end(void);

#else

static inline unsigned int swarm_faults_take(void)
{
	return 0;
}

static inline void swarm_faults_give(unsigned int nth)
{
}

static inline void swarm_faults_begin(enum swarm_faulty what)
{
}

static inline void swarm_faults_end(void)
{
}

#endif
#endif
