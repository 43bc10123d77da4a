// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Which allocation of a birth, of the end of an agent and of its removal is to fail:
 * only in a module built with SWARM_FAULTS=y.
 */
#include <linux/atomic.h>
#include <linux/moduleparam.h>

#include "faults.h"

/* As fail-nth in /proc: the one that fails, from 1. */
static unsigned int birth_nth;
module_param_named(fault_birth, birth_nth, uint, 0644);
MODULE_PARM_DESC(fault_birth, "which allocation of the next birth fails");

static unsigned int end_nth;
module_param_named(fault_end, end_nth, uint, 0644);
MODULE_PARM_DESC(fault_end, "which allocation fails of the next look at what an agent has used that ends");

static unsigned int removal_nth;
module_param_named(fault_removal, removal_nth, uint, 0644);
MODULE_PARM_DESC(fault_removal, "which allocation of the next removal of an agent fails");

/* What was left when the last one with such an order ended, and 1; 0 until it has. */
static unsigned int left;
module_param_named(fault_left, left, uint, 0644);
MODULE_PARM_DESC(fault_left, "what was left of the order when it ended, and 1");

/* The task under orders; nothing but a value to compare with. */
static const struct task_struct *under_orders;

static unsigned int *const orders[SWARM_NR_FAULTY] = {
	[SWARM_FAULTY_BIRTH] = &birth_nth,
	[SWARM_FAULTY_END] = &end_nth,
	[SWARM_FAULTY_REMOVAL] = &removal_nth,
};

/**
 * swarm_faults_begin - the caller begins something of which an allocation may be to fail
 */
void swarm_faults_begin(enum swarm_faulty what)
{
	unsigned int nth = xchg(orders[what], 0);

	if (!nth)
		return;
	WRITE_ONCE(under_orders, current);
	swarm_faults_give(nth);
}

/**
 * swarm_faults_end - the caller has come to the end of it, or of it for now
 */
void swarm_faults_end(void)
{
	if (READ_ONCE(under_orders) != current)
		return;
	WRITE_ONCE(under_orders, NULL);
	WRITE_ONCE(left, swarm_faults_take() + 1);
}
