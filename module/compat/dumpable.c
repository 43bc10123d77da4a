// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Whether a process may be dumped and traced: bits of the memory's flags, then a
 * bitmap, then a structure that tasks share as they share memory. prctl(2) does not
 * set every value that there is.
 */
#include <linux/mm_types.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>

#include "compat/compat.h"

#ifdef SWARM_HAVE_TASK_EXEC_STATE
#include <linux/sched/exec_state.h>
#endif

#if defined(SWARM_HAVE_TASK_EXEC_STATE)

/* Replaced by the task's own execve only. */
static struct task_exec_state *state(void)
{
	return rcu_dereference_protected(current->exec_state, true);
}

int swarm_dumpable(void)
{
	return READ_ONCE(state()->dumpable);
}

void swarm_set_dumpable(int value)
{
	WRITE_ONCE(state()->dumpable, value);
}

#elif defined(SWARM_HAVE_MM_FLAGS_DUMPABLE)

int swarm_dumpable(void)
{
	return __mm_flags_get_dumpable(current->mm);
}

void swarm_set_dumpable(int value)
{
	__mm_flags_set_mask_dumpable(current->mm, value);
}

#else

int swarm_dumpable(void)
{
	return READ_ONCE(current->mm->flags) & MMF_DUMPABLE_MASK;
}

void swarm_set_dumpable(int value)
{
	set_mask_bits(&current->mm->flags, MMF_DUMPABLE_MASK, value);
}

#endif
