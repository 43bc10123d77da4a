// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/events: a line of JSON for each event.
 *
 * As /dev/kmsg does, a reader begins with the oldest event that is kept, waits
 * for more when it has read all, and is told when some were overwritten before
 * it came to them. An open file holds the module, so that nobody sleeps, or is
 * queued, in code and on a queue that unloading frees. It is for those who see what
 * its opener sees: with a descriptor that was passed on, a member of an agent takes
 * nothing from root, and a line that was begun for one is not ended for another.
 */
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "event.h"
#include "json.h"
#include "proc.h"
#include "refuse.h"
#include "socket.h"
#include "usage.h"
#include "viewer.h"

/* The longest line: every byte of the texts may take six when escaped. */
#define LINE_MAX_BYTES	1024

/**
 * struct reader - an open events file
 * @scope: what whoever opened the file sees; nobody else may read it
 * @pid_ns: inode number of that process's pid namespace
 * @lock: of everything below
 * @cursor: where it is
 * @event: the event that comes next, if @held; its line is yet to be made
 * @lost: how many were lost before it
 * @held: is there one?
 * @at: where in @line reading goes on
 * @length: of @line
 * @line: the line that is being read
 */
struct reader {
	u64 scope;
	unsigned int pid_ns;
	struct mutex lock;	/* of everything below */
	struct swarm_cursor cursor;
	struct swarm_event event;
	u64 lost;
	bool held;
	size_t at;
	size_t length;
	char line[LINE_MAX_BYTES];
};

static unsigned int current_pid_ns(void)
{
	return task_active_pid_ns(current)->ns.inum;
}

/*
 * Is the caller one that sees what the opener sees, and counts processes as it does?
 * An event that is read is gone for all who share the descriptor, as is the rest of a
 * line, so whoever sees less may not even move it on.
 */
static bool may_read(const struct reader *reader)
{
	return swarm_viewer_scope() == reader->scope && current_pid_ns() == reader->pid_ns;
}

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

static void put_comm(struct seq_buf *out, const struct swarm_event *event)
{
	seq_buf_puts(out, ",\"comm\":");
	swarm_json_string(out, event->comm, sizeof(event->comm));
}

static void put_deed(struct seq_buf *out, const struct swarm_event *event)
{
	seq_buf_printf(out, ",\"kind\":\"%s\",\"action\":\"%s\",\"rule\":\"%s\"",
		       swarm_kind_name(event->what), swarm_outcome_name(event->outcome),
		       swarm_action_name(event->rule));
	if (event->what == SWARM_KIND_SYSCALL)
		seq_buf_printf(out, ",\"syscall\":\"%s\"", swarm_call_name(event->call));
}

/* What "sockets" would have to name to allow it, and the type. */
static void put_socket(struct seq_buf *out, const struct swarm_event *event)
{
	const char *type = swarm_socket_type_name(event->socket_type);

	seq_buf_puts(out, ",\"socket\":\"");
	swarm_put_socket(out, event->family,
			 swarm_socket_protocol(event->family, event->socket_type, event->protocol),
			 swarm_socket_by_protocol(event->family));
	if (type && *type)
		seq_buf_printf(out, "\",\"type\":\"%s\"", type);
	else
		seq_buf_printf(out, "\",\"type\":\"%u\"", event->socket_type);
}

static void put_violation(struct seq_buf *out, const struct swarm_event *event)
{
	put_deed(out, event);
	put_process(out, event);
	put_comm(out, event);
	if (event->what == SWARM_KIND_EXECVE)
		put_text(out, "file", event);
	if (event->what == SWARM_KIND_AUTOLOAD)
		put_text(out, "module", event);
	if (event->what == SWARM_KIND_SOCKET)
		put_socket(out, event);
	if (event->what == SWARM_KIND_DEVICE)
		seq_buf_printf(out, ",\"device\":\"%c %u:%u %s%s%s\"",
			       event->device_type == SWARM_DEV_BLOCK ? 'b' : 'c',
			       event->major, event->minor,
			       event->access & SWARM_ACC_READ ? "r" : "",
			       event->access & SWARM_ACC_WRITE ? "w" : "",
			       event->access & SWARM_ACC_MKNOD ? "m" : "");
}

static void put_updated(struct seq_buf *out, const struct swarm_event *event)
{
	const char *before = ",\"keys\":[";
	u32 key;

	for (key = 0; key < SWARM_NR_UPDATE_KEYS; key++) {
		if (!(event->count & BIT(key)))
			continue;
		seq_buf_printf(out, "%s\"%s\"", before, swarm_update_key_name(key));
		before = ",";
	}
	seq_buf_putc(out, ']');
}

/* The kinds of violations that were summed up, the last one's among them. */
static void put_kinds(struct seq_buf *out, u32 kinds)
{
	const char *before = ",\"kinds\":[";
	u32 kind;

	for (kind = 0; kind < SWARM_NR_KINDS; kind++) {
		if (!(kinds & BIT(kind)))
			continue;
		seq_buf_printf(out, "%s\"%s\"", before, swarm_kind_name(kind));
		before = ",";
	}
	seq_buf_putc(out, ']');
}

static void put_suppressed(struct seq_buf *out, const struct swarm_event *event)
{
	seq_buf_printf(out, ",\"count\":%llu", event->count);
	if (event->what == SWARM_KIND_OOM) {
		seq_buf_printf(out, ",\"kind\":\"%s\"", swarm_event_name(SWARM_EVENT_OOM));
	} else {
		put_kinds(out, event->kinds);
		put_deed(out, event);
	}
	put_process(out, event);
}

/* How the first process of an agent has ended, and what all of them used. */
static void put_life(struct seq_buf *out, const struct swarm_event *event)
{
	int signal = event->status & 0x7f;

	if (signal)
		seq_buf_printf(out, ",\"signal\":%d", signal);
	else
		seq_buf_printf(out, ",\"exit\":%d", event->status >> 8 & 0xff);
	seq_buf_printf(out, ",\"oom_kills\":%llu,\"cpu_usec\":%llu", event->oom_kills,
		       event->cpu_usec);
	if (event->memory_peak != SWARM_UNKNOWN)
		seq_buf_printf(out, ",\"memory_peak\":%llu", event->memory_peak);
	seq_buf_printf(out, ",\"runtime_usec\":%llu", event->runtime_usec);
}

static void put_destroyed(struct seq_buf *out, const struct swarm_event *event)
{
	seq_buf_printf(out, ",\"reason\":\"%s\",\"violations\":%llu,\"audited\":%llu",
		       swarm_end_name(event->what), event->count, event->audited);
	if (event->what == SWARM_END_BIRTH) {
		put_text(out, "step", event);
		seq_buf_printf(out, ",\"error\":\"%s\"", swarm_errno_name(-(int)event->error));
	} else if (event->runtime_usec != SWARM_UNKNOWN) {
		put_life(out, event);
	}
}

static void put_event(struct seq_buf *out, const struct swarm_event *event)
{
	seq_buf_printf(out, "{\"seq\":%llu,\"time\":%llu,\"event\":\"%s\",\"agent\":%llu",
		       event->seq, event->time, swarm_event_name(event->type), event->agent);
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
	case SWARM_EVENT_SUPPRESSED:
		put_suppressed(out, event);
		break;
	case SWARM_EVENT_OOM:
		put_process(out, event);
		put_comm(out, event);
		break;
	case SWARM_EVENT_FORK_FAILED:
		put_process(out, event);
		seq_buf_printf(out, ",\"error\":\"%s\"", swarm_errno_name(-(int)event->error));
		break;
	case SWARM_EVENT_UPDATED:
		put_updated(out, event);
		break;
	case SWARM_EVENT_DESTROYED:
		put_destroyed(out, event);
		break;
	}
	seq_buf_puts(out, "}\n");
}

/*
 * Is there something for this reader: an event of the agents it sees, or word of some
 * that were lost? Those of others are passed over. Makes no line.
 */
static bool look(struct reader *reader)
{
	const struct swarm_event *event = &reader->event;

	if (reader->at < reader->length || reader->held)
		return true;
	while (swarm_event_next(&reader->cursor, &reader->event, &reader->lost)) {
		if (reader->lost || reader->scope == SWARM_SCOPE_ALL ||
		    reader->scope == event->agent)
			WRITE_ONCE(reader->held, true);
		if (reader->held || fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return reader->held;
}

/* Have a line ready, and before it how many were lost, if there is one for this reader. */
static bool ready(struct reader *reader)
{
	const struct swarm_event *event = &reader->event;
	struct seq_buf out;

	if (!look(reader))
		return false;
	if (reader->at < reader->length)
		return true;
	seq_buf_init(&out, reader->line, sizeof(reader->line));
	if (reader->lost)
		seq_buf_printf(&out, "{\"seq\":%llu,\"time\":%llu,\"event\":\"%s\",\"count\":%llu}\n",
			       event->seq - 1, event->time, swarm_event_name(SWARM_EVENT_LOST),
			       reader->lost);
	if (reader->scope == SWARM_SCOPE_ALL || reader->scope == event->agent)
		put_event(&out, event);
	WRITE_ONCE(reader->held, false);
	reader->at = 0;
	reader->length = seq_buf_used(&out);
	return true;
}

/* Copies whole lines, and a piece of one only where not even one fits. */
static ssize_t copy_lines(struct reader *reader, char __user *buf, size_t length)
{
	size_t copied = 0, piece;

	while (copied < length && may_read(reader) && ready(reader)) {
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

/* Is there anything to look at: what a poll has found already, or a newer event? */
static bool more(const struct reader *reader)
{
	return READ_ONCE(reader->held) ||
	       READ_ONCE(reader->cursor.next) < swarm_event_head();
}

static ssize_t events_read(struct file *file, char __user *buf, size_t length, loff_t *pos)
{
	struct reader *reader = file->private_data;
	ssize_t ret;

	if (!length)
		return 0;
	for (;;) {
		/* Asked anew after each wait: it may have become a member meanwhile. */
		if (!may_read(reader))
			return -EPERM;
		if (mutex_lock_interruptible(&reader->lock))
			return -ERESTARTSYS;
		ret = copy_lines(reader, buf, length);
		mutex_unlock(&reader->lock);
		if (ret)
			return ret;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		/* Another reader of this file may be there first: then once more. */
		ret = wait_event_interruptible(swarm_event_waiters, more(reader));
		if (ret)
			return ret;
	}
}

static __poll_t events_poll(struct file *file, struct poll_table_struct *wait)
{
	struct reader *reader = file->private_data;
	__poll_t mask;

	/* What read answers, it answers at once. */
	if (!may_read(reader))
		return EPOLLERR;
	poll_wait(file, &swarm_event_waiters, wait);
	if (mutex_lock_killable(&reader->lock))
		return EPOLLERR;
	mask = look(reader) ? EPOLLIN | EPOLLRDNORM : 0;
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
	if (!may_read(reader))
		return -EPERM;
	if (mutex_lock_killable(&reader->lock))
		return -EINTR;
	if (whence == SEEK_SET)
		swarm_event_seek_oldest(&reader->cursor);
	else
		swarm_event_seek_newest(&reader->cursor);
	WRITE_ONCE(reader->held, false);
	reader->at = 0;
	reader->length = 0;
	mutex_unlock(&reader->lock);
	return 0;
}

static int events_open(struct inode *inode, struct file *file)
{
	u64 scope = swarm_viewer_scope();
	struct reader *reader;

	if (scope == SWARM_SCOPE_NONE)
		return -EPERM;
	if (!swarm_proc_ready() || !try_module_get(THIS_MODULE))
		return -ENODEV;
	reader = kzalloc(sizeof(*reader), GFP_KERNEL_ACCOUNT);
	if (!reader) {
		module_put(THIS_MODULE);
		return -ENOMEM;
	}
	mutex_init(&reader->lock);
	reader->scope = scope;
	reader->pid_ns = current_pid_ns();
	swarm_event_seek_oldest(&reader->cursor);
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
