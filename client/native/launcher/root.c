// SPDX-License-Identifier: MIT OR Apache-2.0
#include "root.h"

#include <errno.h>

int root_prepare(const struct launch_root *root, struct root_mounts **mounts,
		 struct launch_result *result)
{
	(void)root;
	(void)mounts;
	result->stage = LAUNCH_OPEN;
	result->error = ENOSYS;
	result->what = "a root of its own";
	return -1;
}

int root_serve(struct root_mounts *mounts, int channel, struct launch_result *result)
{
	(void)mounts;
	(void)channel;
	(void)result;
	return -1;
}

void root_forget(struct root_mounts *mounts)
{
	(void)mounts;
}

void root_enter(const struct child *child, const struct launch_root *root)
{
	(void)root;
	errno = ENOSYS;
	child_fail(child, LAUNCH_SETUP, "a root of its own");
}
