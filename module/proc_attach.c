// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/attach: {"id":7,"pid":1234}, one more process into a running agent.
 *
 * There is no read-back: a write tells of its first object, and the kernel's log,
 * with debug on, of every one that is refused.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/mm.h>

#include "adopt.h"
#include "params.h"
#include "proc.h"
#include "proc_objects.h"

static int take(struct swarm_objects *objects, size_t length, int error,
		struct swarm_policy_error *err)
{
	struct swarm_attach attach;
	int ret = error;

	if (!ret)
		ret = swarm_attach_parse(objects->object, length, &attach, err);
	if (!ret)
		ret = swarm_attach(attach.id, attach.pid, err);
	if (ret)
		swarm_dbg("attach: %s: %s\n", err->field, err->message);
	return ret;
}

static const struct swarm_objects_ops ops = {
	.name = "attach",
	.take = take,
};

static int attach_open(struct inode *inode, struct file *file)
{
	struct swarm_objects *objects;
	int err = swarm_may_control(file);

	if (err)
		return err;
	objects = kvzalloc(sizeof(*objects), GFP_KERNEL_ACCOUNT);
	if (!objects)
		return -ENOMEM;
	swarm_objects_init(objects);
	file->private_data = objects;
	return stream_open(inode, file);
}

static int attach_release(struct inode *inode, struct file *file)
{
	struct swarm_objects *objects = file->private_data;

	swarm_objects_exit(objects, &ops);
	kvfree(objects);
	return 0;
}

static ssize_t attach_write(struct file *file, const char __user *buf, size_t length,
			    loff_t *pos)
{
	return swarm_objects_write(file->private_data, &ops, file, buf, length);
}

const struct proc_ops swarm_proc_attach_ops = {
	.proc_open = attach_open,
	.proc_write = attach_write,
	.proc_release = attach_release,
};
