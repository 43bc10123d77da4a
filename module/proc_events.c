// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/events: a line of JSON for each event.
 *
 * As /dev/kmsg does, a reader begins with the oldest event that is kept, waits
 * for more when it has read all, and is told when some were overwritten before
 * it came to them. An open file holds the module, so that nobody sleeps, or is
 * queued, in code and on a queue that unloading frees.
 */
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "event.h"
#include "json.h"
#include "member.h"
#include "proc.h"
#include "refuse.h"

/* The longest line: every byte of the texts may take six when escaped. */
#define LINE_MAX_BYTES	1024

/**
 * struct reader - an open events file
 * @lock: of everything here
 * @opener: whose events whoever opened the file may see
 * @next: the number of the next event to look at
 * @at: where in @line reading goes on
 * @length: of @line
 * @line: the line that is being read
 */
struct reader {
	struct mutex lock;	/* of everything here */
	u64 opener;
	u64 next;
	size_t at;
	size_t length;
	char line[LINE_MAX_BYTES];
};

/* The process of an event as the calling reader's pid namespace counts, 0 for not at all. */
static u32 visible_pid(const struct swarm_event *event)
{
	const struct pid_namespace *ns = task_active_pid_ns(current);

	if (ns == &init_pid_ns)
		return event->pid;
	return ns->ns.inum == event->pid_ns ? event->vpid : 0;
}

static void put_process(struct seq_buf *out, const struct swarm_event *event)
{
	seq_buf_printf(out, ",\"pid\":%u", visible_pid(event));
}

static void put_text(struct seq_buf *out, const char *key, const struct swarm_event *event)
{
	seq_buf_printf(out, ",\"%s\":", key);
	swarm_json_string(out, event->text, sizeof(event->text));
}

static void put_violation(struct seq_buf *out, const struct swarm_event *event)
{
	seq_buf_printf(out, ",\"kind\":\"%s\",\"action\":\"%s\",\"rule\":\"%s\"",
		       swarm_kind_name(event->what), swarm_outcome_name(event->outcome),
		       swarm_action_name(event->rule));
	put_process(out, event);
	seq_buf_puts(out, ",\"comm\":");
	swarm_json_string(out, event->comm, sizeof(event->comm));
	if (event->what == SWARM_KIND_EXECVE)
		put_text(out, "file", event);
	if (event->what == SWARM_KIND_DEVICE)
		seq_buf_printf(out, ",\"device\":\"%c %u:%u %s%s%s\"",
			       event->device_type == SWARM_DEV_BLOCK ? 'b' : 'c',
			       event->major, event->minor,
			       event->access & SWARM_ACC_READ ? "r" : "",
			       event->access & SWARM_ACC_WRITE ? "w" : "",
			       event->access & SWARM_ACC_MKNOD ? "m" : "");
}

static void put_destroyed(struct seq_buf *out, const struct swarm_event *event)
{
	seq_buf_printf(out, ",\"reason\":\"%s\",\"violations\":%u", swarm_end_name(event->what),
		       event->violations);
	if (event->what != SWARM_END_BIRTH)
		return;
	put_text(out, "step", event);
	seq_buf_printf(out, ",\"error\":\"%s\"", swarm_errno_name(-(int)event->error));
}

static void put_event(struct seq_buf *out, const struct swarm_event *event)
{
	static const char *const names[] = {
		[SWARM_EVENT_CREATED] = "created",
		[SWARM_EVENT_SPAWNED] = "spawned",
		[SWARM_EVENT_VIOLATION] = "violation",
		[SWARM_EVENT_DESTROYED] = "destroyed",
	};

	seq_buf_printf(out, "{\"seq\":%llu,\"time\":%llu,\"event\":\"%s\",\"agent\":%llu",
		       event->seq, event->time, names[event->type], event->agent);
	switch (event->type) {
	case SWARM_EVENT_CREATED:
		if (event->text[0])
			put_text(out, "name", event);
		break;
	case SWARM_EVENT_SPAWNED:
		put_process(out, event);
		seq_buf_printf(out, ",\"by\":\"%s\"", swarm_origin_name(event->what));
		break;
	case SWARM_EVENT_VIOLATION:
		put_violation(out, event);
		break;
	case SWARM_EVENT_DESTROYED:
		put_destroyed(out, event);
		break;
	}
	seq_buf_puts(out, "}\n");
}

/*
 * Have a line ready, if there is one for this reader: the next event of the
 * agents it may see, and before it how many were lost.
 */
static bool ready(struct reader *reader)
{
	u64 scope = swarm_scope(reader->opener);
	struct swarm_event event;
	struct seq_buf out;
	u64 lost;
	bool found;

	if (reader->at < reader->length)
		return true;
	seq_buf_init(&out, reader->line, sizeof(reader->line));
	do {
		found = swarm_event_next(&reader->next, &event, &lost);
		if (lost)
			seq_buf_printf(&out, "{\"seq\":%llu,\"time\":%llu,\"event\":\"lost\",\"count\":%llu}\n",
				       event.seq - 1, event.time, lost);
		if (found && (scope == SWARM_SCOPE_ALL || scope == event.agent))
			put_event(&out, &event);
	} while (found && !seq_buf_used(&out));
	reader->at = 0;
	reader->length = seq_buf_used(&out);
	return reader->length;
}

/* Copies whole lines, and a piece of one only where not even one fits. */
static ssize_t copy_lines(struct reader *reader, char __user *buf, size_t length)
{
	size_t copied = 0, piece;

	while (copied < length && ready(reader)) {
		piece = reader->length - reader->at;
		if (piece > length - copied && copied)
			break;
		piece = min(piece, length - copied);
		if (copy_to_user(buf + copied, reader->line + reader->at, piece))
			return copied ?: -EFAULT;
		reader->at += piece;
		copied += piece;
		cond_resched();
	}
	return copied;
}

static ssize_t events_read(struct file *file, char __user *buf, size_t length, loff_t *pos)
{
	struct reader *reader = file->private_data;
	ssize_t ret;

	if (!length)
		return 0;
	for (;;) {
		if (mutex_lock_interruptible(&reader->lock))
			return -ERESTARTSYS;
		ret = copy_lines(reader, buf, length);
		mutex_unlock(&reader->lock);
		if (ret)
			return ret;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		/* Another reader of this file may be there first: then once more. */
		ret = wait_event_interruptible(swarm_event_waiters,
					       READ_ONCE(reader->next) < swarm_event_head());
		if (ret)
			return ret;
	}
}

static __poll_t events_poll(struct file *file, struct poll_table_struct *wait)
{
	struct reader *reader = file->private_data;
	__poll_t mask;

	poll_wait(file, &swarm_event_waiters, wait);
	mutex_lock(&reader->lock);
	mask = ready(reader) ? EPOLLIN | EPOLLRDNORM : 0;
	mutex_unlock(&reader->lock);
	return mask;
}

/* To the oldest event that is kept, or behind the newest. */
static loff_t events_lseek(struct file *file, loff_t offset, int whence)
{
	struct reader *reader = file->private_data;

	/* No position: a shell's read must not believe that it can go back. */
	if (whence == SEEK_CUR)
		return -ESPIPE;
	if (offset || (whence != SEEK_SET && whence != SEEK_END))
		return -EINVAL;
	mutex_lock(&reader->lock);
	reader->next = whence == SEEK_SET ? swarm_event_oldest() : swarm_event_head();
	reader->at = 0;
	reader->length = 0;
	mutex_unlock(&reader->lock);
	return 0;
}

static int events_open(struct inode *inode, struct file *file)
{
	struct reader *reader;

	if (!swarm_proc_ready() || !try_module_get(THIS_MODULE))
		return -ENODEV;
	reader = kzalloc(sizeof(*reader), GFP_KERNEL_ACCOUNT);
	if (!reader) {
		module_put(THIS_MODULE);
		return -ENOMEM;
	}
	mutex_init(&reader->lock);
	reader->opener = swarm_current_agent_id();
	reader->next = swarm_event_oldest();
	file->private_data = reader;
	/* A stream, on which several threads may wait; but lseek() skips. */
	stream_open(inode, file);
	file->f_mode |= FMODE_LSEEK;
	return 0;
}

static int events_release(struct inode *inode, struct file *file)
{
	struct reader *reader = file->private_data;

	mutex_destroy(&reader->lock);
	kfree(reader);
	/* Removing the file waits for this call to have returned. */
	module_put(THIS_MODULE);
	return 0;
}

const struct proc_ops swarm_proc_events_ops = {
	.proc_open = events_open,
	.proc_read = events_read,
	.proc_poll = events_poll,
	.proc_lseek = events_lseek,
	.proc_release = events_release,
};
