// SPDX-License-Identifier: MIT OR Apache-2.0
/* Does sched_process_exit say whether the whole group is dead (6.15)? */
#include <trace/events/sched.h>

static void callback(void *data, struct task_struct *task, bool group_dead)
{
}

void probe(void);
void probe(void)
{
	check_trace_callback_type_sched_process_exit(callback);
}
