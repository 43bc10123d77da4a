// SPDX-License-Identifier: MIT OR Apache-2.0
/* Does the task say whether it may be dumped, and no longer its memory (7.2)? */
#include <linux/sched.h>
#include <linux/sched/exec_state.h>

int dumpable(const struct task_exec_state *state);
int dumpable(const struct task_exec_state *state)
{
	return rcu_access_pointer(current->exec_state) == state ? state->dumpable : 0;
}
