// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Writing objects to a file of /proc/swarm.
 *
 * Objects may be cut anywhere between writes. Every object that ends within a
 * write is carried out; the write returns the bytes up to the end of the last
 * one that succeeded. If its first object fails, the write fails with that
 * error and nothing behind that object is looked at.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "proc.h"
#include "proc_objects.h"

/* Where a write stands. */
struct progress {
	size_t taken;		/* bytes of the write that were looked at */
	size_t succeeded;	/* up to the end of the last object that succeeded */
	bool any;		/* has any object ended in this write? */
	bool last_failed;
	int first_error;
};

/**
 * swarm_objects_init - prepare a zeroed struct
 */
void swarm_objects_init(struct swarm_objects *objects)
{
	mutex_init(&objects->lock);
}

/**
 * swarm_objects_exit - the file is being closed
 */
void swarm_objects_exit(struct swarm_objects *objects, const struct swarm_objects_ops *ops)
{
	if (objects->framer.length)
		pr_notice_ratelimited("%s: closed in the middle of an object; its %u bytes were discarded\n",
				      ops->name, objects->framer.length);
	mutex_destroy(&objects->lock);
}

/* One object has ended, or failed to be one. */
static void finish_object(struct swarm_objects *objects, const struct swarm_objects_ops *ops,
			  struct progress *progress, int error, struct swarm_policy_error *err)
{
	int ret = ops->take(objects, objects->framer.length, error, err);

	if (ret && !progress->any)
		progress->first_error = ret;
	if (!ret)
		progress->succeeded = progress->taken;
	progress->last_failed = ret;
	progress->any = true;
	objects->framer.length = 0;
}

static bool room(const struct swarm_objects *objects, const struct swarm_objects_ops *ops)
{
	return !ops->room || ops->room(objects);
}

/* Takes @length bytes of chunk[]; stops early at the first error, or without room. */
static void take_chunk(struct swarm_objects *objects, const struct swarm_objects_ops *ops,
		       struct progress *progress, size_t length)
{
	struct swarm_policy_error err = {};
	size_t at = 0, start, taken;
	u32 before;
	s32 frame;

	while (at < length && !progress->first_error && room(objects, ops)) {
		before = objects->framer.length;
		frame = swarm_frame_next(&objects->framer, objects->chunk + at, length - at,
					 &start, &taken, &err);
		if (frame != SWARM_FRAME_ERROR && objects->framer.length > before)
			memcpy(objects->object + before, objects->chunk + at + start,
			       objects->framer.length - before);
		at += taken;
		progress->taken += taken;
		if (frame == SWARM_FRAME_OBJECT)
			finish_object(objects, ops, progress, 0, &err);
		else if (frame == SWARM_FRAME_ERROR)
			finish_object(objects, ops, progress, -err.error, &err);
	}
}

/**
 * swarm_objects_write - take what is written to a file
 * @objects: the file's
 * @ops: what is done with objects
 * @file: the file, which the caller must be allowed to give orders through
 * @buf: what is written
 * @length: bytes of it
 *
 * Return: bytes taken, up to the end of the last object that succeeded where a later
 * one failed; the errno of the first object where that failed; -EPERM; -EAGAIN
 * without room for one more object; -EINTR; -EFAULT.
 */
ssize_t swarm_objects_write(struct swarm_objects *objects, const struct swarm_objects_ops *ops,
			    const struct file *file, const char __user *buf, size_t length)
{
	struct progress progress = {};
	ssize_t ret = swarm_may_order(file);

	if (ret)
		return ret;
	if (mutex_lock_killable(&objects->lock))
		return -EINTR;
	if (length && !room(objects, ops)) {
		ret = -EAGAIN;
		goto unlock;
	}

	while (progress.taken < length && !progress.first_error && room(objects, ops)) {
		size_t chunk = min_t(size_t, length - progress.taken, SWARM_OBJECTS_CHUNK);

		if (copy_from_user(objects->chunk, buf + progress.taken, chunk)) {
			ret = -EFAULT;
			break;
		}
		take_chunk(objects, ops, &progress, chunk);
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}

	if (progress.first_error)
		ret = progress.first_error;
	else if (progress.last_failed)
		ret = progress.succeeded;
	else if (progress.taken)
		ret = progress.taken;
	/* The writer comes back with what follows an error: forget what came in of it. */
	if (progress.last_failed)
		objects->framer = (struct swarm_framer){};
unlock:
	mutex_unlock(&objects->lock);
	return ret;
}
