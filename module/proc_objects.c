// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Writing objects to a file of /proc/swarm, and reading back what came of them.
 *
 * An object may span several writes. A write carries out every object that ends
 * in it, and returns the bytes that it took. If the last of them fails, it returns
 * the bytes up to the end of the last one that succeeded, and what it took after
 * that is forgotten. If the first one fails, it stops there with that error.
 *
 * Each object is answered by a line of JSON on the same descriptor.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "json.h"
#include "params.h"
#include "proc.h"
#include "proc_objects.h"
#include "refuse.h"

#define READBACK_SIZE	SZ_64K
/* Where a write stands. */
struct progress {
	size_t taken;		/* bytes of the write that were looked at */
	size_t succeeded;	/* up to the end of the last object that succeeded */
	bool any;		/* has any object ended in this write? */
	bool last_failed;
	int first_error;
};

/* Answers */

static void append(struct swarm_objects *objects, const char *line, size_t length)
{
	WARN_ON_ONCE(!swarm_readback_append(&objects->answers, line, length));
}

#define ENDING(text)	{ text, sizeof(text) - 1 }
#define ENDING_MAX	64

/* How an answer ends that has an id. */
static const struct {
	char text[ENDING_MAX];
	size_t length;
} endings[] = {
	[SWARM_KEPT_NOTHING] = ENDING("}\n"),
	[SWARM_KEPT_MEMORY] = ENDING(",\"kept\":[\"memory\"]}\n"),
	[SWARM_KEPT_ALL] = ENDING(",\"kept\":[\"memory\",\"capabilities\",\"no_new_privs\"]}\n"),
};

/* {"id":7}, put together from its end: most answers are this one. */
static noinline void answer_id(struct swarm_objects *objects, u64 id)
{
	static const char begin[] = "{\"id\":";
	char line[sizeof(begin) + 20 + ENDING_MAX];
	size_t length = endings[objects->kept].length;
	char *at = line + sizeof(line) - length;

	memcpy(at, endings[objects->kept].text, length);
	do {
		*--at = '0' + id % 10;
		id /= 10;
	} while (id);
	at -= sizeof(begin) - 1;
	memcpy(at, begin, sizeof(begin) - 1);
	append(objects, at, line + sizeof(line) - at);
}

/* A message may name a cgroup, whose name others have chosen: systemd's hold backslashes. */
static noinline void answer_error(struct swarm_objects *objects, int ret,
				  const struct swarm_policy_error *err)
{
	struct seq_buf out;

	seq_buf_init(&out, objects->line, sizeof(objects->line));
	seq_buf_printf(&out, "{\"error\":\"%s\",\"field\":\"%s\",\"offset\":%u,\"message\":",
		       swarm_errno_name(ret), err->field, err->offset);
	swarm_json_string(&out, err->message, sizeof(err->message));
	seq_buf_puts(&out, "}\n");
	append(objects, objects->line, seq_buf_used(&out));
}

static void answer_object(struct swarm_objects *objects, int ret, u64 id,
			  const struct swarm_policy_error *err)
{
	if (ret)
		swarm_dbg("%s: %s: %s\n", objects->ops->name, err->field, err->message);
	if (!objects->storage)
		return;
	if (ret)
		answer_error(objects, ret, err);
	else
		answer_id(objects, id);
}

/* May another object be taken? */
static bool room(const struct swarm_objects *objects)
{
	return !objects->storage || swarm_readback_room(&objects->answers) >= SWARM_ANSWER_MAX;
}

/* Objects */

static void begin_stream(struct swarm_objects *objects)
{
	objects->framer = (struct swarm_framer){ .lines = objects->ops->lines };
}

static int handle_object(struct swarm_objects *objects, size_t length,
			 struct swarm_policy_error *err)
{
	u64 id = 0;
	int ret;

	err->offset = 0;
	objects->kept = SWARM_KEPT_NOTHING;
	ret = objects->ops->take(objects, length, &id, err);
	answer_object(objects, ret, id, err);
	return ret;
}

/* One object has ended, or failed to be one. */
static void finish_object(struct swarm_objects *objects, struct progress *progress, int error,
			  struct swarm_policy_error *err)
{
	int ret = error;

	if (ret)
		answer_object(objects, ret, 0, err);
	else
		ret = handle_object(objects, objects->framer.length, err);
	if (ret && !progress->any)
		progress->first_error = ret;
	if (!ret)
		progress->succeeded = progress->taken;
	progress->last_failed = ret;
	progress->any = true;
	objects->framer.length = 0;
}

/* Takes @length bytes of chunk[]; stops early if the first object fails, or without room. */
static void take_chunk(struct swarm_objects *objects, struct progress *progress, size_t length)
{
	struct swarm_policy_error err = {};
	size_t at = 0, start, taken;
	u32 before;
	s32 frame;

	while (at < length && !progress->first_error && room(objects)) {
		before = objects->framer.length;
		frame = swarm_frame_next(&objects->framer, objects->chunk + at, length - at,
					 &start, &taken, &err);
		if (frame != SWARM_FRAME_ERROR && objects->framer.length > before)
			memcpy(objects->object + before, objects->chunk + at + start,
			       objects->framer.length - before);
		at += taken;
		progress->taken += taken;
		if (frame == SWARM_FRAME_OBJECT)
			finish_object(objects, progress, 0, &err);
		else if (frame == SWARM_FRAME_ERROR)
			finish_object(objects, progress, -err.error, &err);
		cond_resched();
	}
}

/**
 * swarm_objects_write - take what is written to a file that swarm_objects_open() opened
 * @file: the file, which the caller must be allowed to give orders through
 * @buf: what is written
 * @length: bytes of it
 * @pos: not used
 *
 * It stops early, with fewer bytes taken, without room for one more answer, at a fatal
 * signal, and at memory that cannot be read.
 *
 * Return: bytes taken; where the last object that ended has failed, only those up to the
 * end of the last one that succeeded; the errno of the first object where that failed;
 * -EPERM; -EINVAL where a kernel worker writes; where nothing was taken: -EAGAIN without
 * room for an answer; -EINTR; -EFAULT.
 */
ssize_t swarm_objects_write(struct file *file, const char __user *buf, size_t length,
			    loff_t *pos)
{
	struct swarm_objects *objects = file->private_data;
	struct progress progress = {};
	ssize_t ret = swarm_may_order(file);

	if (ret)
		return ret;
	if (mutex_lock_killable(&objects->lock))
		return -EINTR;
	if (length && !room(objects)) {
		ret = -EAGAIN;
		goto unlock;
	}

	while (progress.taken < length && !progress.first_error && room(objects)) {
		size_t chunk = min_t(size_t, length - progress.taken, SWARM_OBJECTS_CHUNK);

		if (copy_from_user(objects->chunk, buf + progress.taken, chunk)) {
			ret = -EFAULT;
			break;
		}
		take_chunk(objects, &progress, chunk);
		if (fatal_signal_pending(current))
			break;
	}

	if (progress.first_error)
		ret = progress.first_error;
	else if (progress.last_failed)
		ret = progress.succeeded;
	else if (progress.taken)
		ret = progress.taken;
	/* The writer comes back with what follows an error: forget what came in of it. */
	if (progress.last_failed)
		begin_stream(objects);
unlock:
	mutex_unlock(&objects->lock);
	return ret;
}

/**
 * swarm_objects_read - read answers back
 * @file: that swarm_objects_open() opened
 * @buf: where to
 * @length: of it
 * @pos: not used
 *
 * Answers are the writer's; one that is read is gone.
 *
 * Return: bytes read, 0 where no answer waits; -EPERM; -EINTR; -EFAULT.
 */
ssize_t swarm_objects_read(struct file *file, char __user *buf, size_t length, loff_t *pos)
{
	struct swarm_objects *objects = file->private_data;
	ssize_t ret = swarm_may_control(file);
	size_t piece;

	if (ret)
		return ret;
	if (mutex_lock_killable(&objects->lock))
		return -EINTR;
	while (length) {
		piece = swarm_readback_read(&objects->answers, objects->chunk,
					    min_t(size_t, length, SWARM_OBJECTS_CHUNK));
		if (!piece)
			break;
		if (copy_to_user(buf, objects->chunk, piece)) {
			ret = ret ?: -EFAULT;
			break;
		}
		buf += piece;
		length -= piece;
		ret += piece;
	}
	mutex_unlock(&objects->lock);
	return ret;
}

/**
 * swarm_objects_open - open a file that takes objects
 * @inode: the file's
 * @file: open for writing, or for reading answers as well
 * @ops: what it does with objects
 *
 * Return: 0; -EPERM; -ENODEV while the module is being loaded; -ENOMEM.
 */
int swarm_objects_open(struct inode *inode, struct file *file,
		       const struct swarm_objects_ops *ops)
{
	struct swarm_objects *objects;
	int err = swarm_may_control(file);

	if (err)
		return err;
	objects = kvzalloc(ops->size, GFP_KERNEL_ACCOUNT);
	if (!objects)
		return -ENOMEM;
	if (file->f_mode & FMODE_READ) {
		objects->storage = kvmalloc(READBACK_SIZE, GFP_KERNEL_ACCOUNT);
		if (!objects->storage) {
			kvfree(objects);
			return -ENOMEM;
		}
		swarm_readback_init(&objects->answers, objects->storage, READBACK_SIZE);
	}
	objects->ops = ops;
	begin_stream(objects);
	mutex_init(&objects->lock);
	file->private_data = objects;
	/* No position: a shell's read must not believe that it can go back. */
	return stream_open(inode, file);
}

/**
 * swarm_objects_release - the last descriptor of the file is being closed
 *
 * By whoever has it last, maybe by a process that could give no order, and maybe since
 * the writer was killed in the middle of one: what has not ended is not carried out.
 */
int swarm_objects_release(struct inode *inode, struct file *file)
{
	struct swarm_objects *objects = file->private_data;

	if (objects->framer.length)
		pr_notice_ratelimited("%s: closed in the middle of an object%s; its %u bytes were discarded\n",
				      objects->ops->name,
				      objects->ops->lines ? ", or before a line's newline" : "",
				      objects->framer.length);
	mutex_destroy(&objects->lock);
	kvfree(objects->storage);
	kvfree(objects);
	return 0;
}
