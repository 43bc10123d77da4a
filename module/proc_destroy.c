// SPDX-License-Identifier: MIT OR Apache-2.0
/* /proc/swarm/destroy: ids, one a line. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "agent.h"
#include "params.h"
#include "policy.h"
#include "proc.h"

/* What is looked at in one call; a longer write is taken in pieces. */
#define CHUNK	4096

static int destroy_open(struct inode *inode, struct file *file)
{
	return swarm_may_control(file);
}

/* Returns the bytes up to the end of the last line that succeeded, or the first error. */
static ssize_t destroy_lines(const u8 *text, size_t length)
{
	struct swarm_policy_error err;
	size_t done = 0, taken;
	u64 id;
	int ret;

	while (done < length) {
		ret = swarm_id_parse(text + done, length - done, &id, &taken, &err);
		if (!ret && id)
			ret = swarm_agent_destroy(id);
		if (ret) {
			swarm_dbg("destroy: %s\n", ret == -ESRCH ? "no such agent" : err.message);
			return done ?: ret;
		}
		done += taken;
		cond_resched();
	}
	return done;
}

static ssize_t destroy_write(struct file *file, const char __user *buf, size_t length,
			     loff_t *pos)
{
	int err = swarm_may_control(file);
	ssize_t done;
	size_t whole;
	u8 *text;

	if (err)
		return err;
	length = min_t(size_t, length, CHUNK);
	text = memdup_user(buf, length);
	if (IS_ERR(text))
		return PTR_ERR(text);
	/* A piece ends with a whole line; the writer comes back with the rest. */
	whole = length;
	if (length == CHUNK)
		while (whole && text[whole - 1] != '\n')
			whole--;
	done = whole ? destroy_lines(text, whole) : -EINVAL;
	kfree(text);
	return done;
}

const struct proc_ops swarm_proc_destroy_ops = {
	.proc_open = destroy_open,
	.proc_write = destroy_write,
	.proc_lseek = noop_llseek,
};
