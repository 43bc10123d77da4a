// SPDX-License-Identifier: MIT OR Apache-2.0
/* Does a task keep its own directories while the kernel lends it others (7.3)? */
#include <linux/sched.h>

struct fs_struct *own(const struct task_struct *task);
struct fs_struct *own(const struct task_struct *task)
{
	return task->real_fs;
}
