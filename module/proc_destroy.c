// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/destroy: ids, one a line.
 *
 * Lines may be cut anywhere between writes, and 12 that goes on as 123 must not
 * destroy agent 12: what follows the last newline waits for the rest of its line,
 * or for the descriptor to be closed. An error is told to the write that ends the
 * line, so whoever wants to know of it ends the line.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "agent.h"
#include "params.h"
#include "policy.h"
#include "proc.h"

/* What is looked at in one call; a longer write is taken in pieces. */
#define CHUNK		4096
/* The longest line: an id and some white space. */
#define LINE_MAX_BYTES	64

/**
 * struct destroyer - an open destroy file
 * @lock: one call at a time
 * @held: how many bytes of a line wait for the rest of it
 * @text: those bytes, and behind them what is being written
 */
struct destroyer {
	struct mutex lock;	/* of everything here */
	size_t held;
	u8 text[LINE_MAX_BYTES + CHUNK];
};

static int destroy_open(struct inode *inode, struct file *file)
{
	struct destroyer *destroyer;
	int err = swarm_may_control(file);

	if (err)
		return err;
	destroyer = kvzalloc(sizeof(*destroyer), GFP_KERNEL_ACCOUNT);
	if (!destroyer)
		return -ENOMEM;
	mutex_init(&destroyer->lock);
	file->private_data = destroyer;
	return stream_open(inode, file);
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

/* Takes @length bytes behind those held; returns how many of them, or the first error. */
static ssize_t take(struct destroyer *destroyer, size_t length)
{
	size_t held = destroyer->held, total = held + length, whole = total;
	ssize_t done;

	while (whole && destroyer->text[whole - 1] != '\n')
		whole--;
	/* Whatever comes of it, the line that was held ends here or goes on in full. */
	destroyer->held = 0;
	done = destroy_lines(destroyer->text, whole);
	if (done < 0)
		return done;
	/* A line that was held is not empty, so the first to succeed ends behind it. */
	if (done < whole)
		return done - held;
	if (total - whole > LINE_MAX_BYTES)
		return whole > held ? whole - held : -EINVAL;
	memmove(destroyer->text, destroyer->text + whole, total - whole);
	destroyer->held = total - whole;
	return length;
}

static ssize_t destroy_write(struct file *file, const char __user *buf, size_t length,
			     loff_t *pos)
{
	struct destroyer *destroyer = file->private_data;
	ssize_t ret = swarm_may_order(file);

	if (ret)
		return ret;
	if (mutex_lock_killable(&destroyer->lock))
		return -EINTR;
	length = min_t(size_t, length, CHUNK);
	if (copy_from_user(destroyer->text + destroyer->held, buf, length))
		ret = -EFAULT;
	else
		ret = take(destroyer, length);
	mutex_unlock(&destroyer->lock);
	return ret;
}

static int destroy_release(struct inode *inode, struct file *file)
{
	struct destroyer *destroyer = file->private_data;

	if (destroyer->held && destroy_lines(destroyer->text, destroyer->held) < 0)
		pr_notice_ratelimited("destroy: closed behind a line without a newline that names no agent\n");
	mutex_destroy(&destroyer->lock);
	kvfree(destroyer);
	return 0;
}

const struct proc_ops swarm_proc_destroy_ops = {
	.proc_open = destroy_open,
	.proc_write = destroy_write,
	.proc_release = destroy_release,
};
