// SPDX-License-Identifier: MIT OR Apache-2.0
/* Are the flags of a process's memory a bitmap with functions for being dumpable (6.18)? */
#include <linux/mm_types.h>
#include <linux/sched/coredump.h>

int dumpable(struct mm_struct *mm);
int dumpable(struct mm_struct *mm)
{
	__mm_flags_set_mask_dumpable(mm, 1);
	return __mm_flags_get_dumpable(mm);
}
