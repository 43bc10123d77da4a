// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/destroy: {"id":7}, or ids, one a line.
 *
 * Lines may be cut anywhere between writes, and 12 that goes on as 123 must not
 * destroy agent 12: what follows the last newline waits for its own, and is discarded
 * if the descriptor is closed before. The write that ends a line carries it out.
 */
#include <linux/errno.h>
#include <linux/fs.h>

#include "agent.h"
#include "proc.h"
#include "proc_objects.h"
#include "refuse.h"

static int handle_destroy(struct swarm_objects *objects, size_t length, u64 *id,
			  struct swarm_policy_error *err)
{
	const u8 *text = objects->object;
	size_t taken;
	int ret;

	ret = text[0] == '{' ? swarm_target_parse(text, length, id, err) :
			       swarm_id_parse(text, length, id, &taken, err);
	if (ret)
		return ret;
	ret = swarm_agent_destroy(*id);
	if (ret)
		return swarm_refuse(err, ret, "id", "there is no agent %llu", *id);
	return 0;
}

static const struct swarm_objects_ops ops = {
	.name = "destroy",
	.size = sizeof(struct swarm_objects),
	.lines = true,
	.take = handle_destroy,
};

static int destroy_open(struct inode *inode, struct file *file)
{
	return swarm_objects_open(inode, file, &ops);
}

const struct proc_ops swarm_proc_destroy_ops = {
	.proc_open = destroy_open,
	.proc_read = swarm_objects_read,
	.proc_write = swarm_objects_write,
	.proc_release = swarm_objects_release,
};
