// SPDX-License-Identifier: MIT OR Apache-2.0
/* /proc/swarm/attach: {"id":7,"pid":1234}, one more process into a running agent. */
#include <linux/fs.h>

#include "adopt.h"
#include "proc.h"
#include "proc_objects.h"

static enum swarm_since since(const struct swarm_attach *attach)
{
	if (attach->enters)
		return SWARM_SINCE_ENTRY;
	return attach->after_exec ? SWARM_SINCE_EXEC : SWARM_SINCE_NOW;
}

static int handle_attach(struct swarm_objects *objects, size_t length, u64 *id,
			 struct swarm_policy_error *err)
{
	struct swarm_candidate candidate;
	struct swarm_attach attach;
	int ret;

	ret = swarm_attach_parse(objects->object, length, &attach, err);
	if (ret)
		return ret;
	err->offset = 0;
	ret = swarm_candidate_get(&candidate, attach.pid, attach.pidfd, since(&attach), err);
	if (ret)
		return ret;
	*id = attach.id;
	ret = swarm_attach(attach.id, &candidate, err);
	objects->kept = swarm_candidate_kept(&candidate);
	swarm_candidate_put(&candidate);
	return ret;
}

static const struct swarm_objects_ops ops = {
	.name = "attach",
	.size = sizeof(struct swarm_objects),
	.take = handle_attach,
};

static int attach_open(struct inode *inode, struct file *file)
{
	return swarm_objects_open(inode, file, &ops);
}

const struct proc_ops swarm_proc_attach_ops = {
	.proc_open = attach_open,
	.proc_read = swarm_objects_read,
	.proc_write = swarm_objects_write,
	.proc_release = swarm_objects_release,
};
