// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/agents: a line for each agent, by rising id.
 *
 * A reader goes from id to id and keeps the line it is in, so it resumes wherever it
 * stopped, and takes each agent by itself: anybody may read this file, and nobody may
 * keep a grace period, or a processor, for as long as all agents take. Where a reader
 * goes elsewhere, the lines before that place are made and passed over in the same
 * way. It ends before agents younger than its beginning: else one that reads more
 * slowly than agents come and go would never end.
 */
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "agent.h"
#include "member.h"
#include "policy_table.h"
#include "proc.h"
#include "viewer.h"

/* The longest line, in which every number has all the digits it can have. */
#define LINE_MAX_BYTES	128
/* What is put together before it is copied. */
#define PIECE		1024
/* Agents that are gone and still indexed: how many are passed over in one go. */
#define LOOK_MAX	256

/**
 * struct lister - an open agents file, as those who see all agents read it
 * @lock: of everything here but @opener
 * @opener: what whoever opened the file may see
 * @next: the id to go on from
 * @end: the id to end at
 * @start: the offset of @line
 * @length: of @line, which is empty before the first
 * @line: the line that was read last, maybe in part
 * @piece: what is being copied
 */
struct lister {
	struct mutex lock;	/* of everything here but @opener */
	u64 opener;
	u64 next;
	u64 end;
	loff_t start;
	size_t length;
	char line[LINE_MAX_BYTES];
	char piece[PIECE];
};

/*
 * The first process, or the oldest one left, as the reader's namespace counts. Whoever
 * enters the agent's namespaces does so by this one: those that are elsewhere come last.
 */
static pid_t first_pid(struct swarm_agent *agent)
{
	const struct swarm_member *member = NULL;
	unsigned int budget = SWARM_LISTED_MAX;

	if (!swarm_agent_first(agent, &member, &budget))
		member = list_first_or_null_rcu(&agent->members, struct swarm_member, link);
	return member ? pid_nr_ns(member->pid, task_active_pid_ns(current)) : 0;
}

static int put_memory(char *text, size_t size, u64 bytes)
{
	if (!bytes)
		return scnprintf(text, size, "max");
	if (!(bytes % SZ_1M))
		return scnprintf(text, size, "%lluMB", bytes / SZ_1M);
	if (!(bytes % SZ_1K))
		return scnprintf(text, size, "%lluKB", bytes / SZ_1K);
	return scnprintf(text, size, "%lluB", bytes);
}

/* Under rcu_read_lock(). Returns the length of the line. */
static size_t put_line(char line[LINE_MAX_BYTES], struct swarm_agent *agent)
{
	const struct swarm_rules *rules = swarm_rules_of(agent);
	size_t at = scnprintf(line, LINE_MAX_BYTES, "ID: %llu, PID: %d, Memory: ", agent->id,
			      first_pid(agent));

	at += put_memory(line + at, LINE_MAX_BYTES - at, rules->memory_limit);
	if (rules->cpu_quota)
		return at + scnprintf(line + at, LINE_MAX_BYTES - at,
				      ", CPU: %u%%, Namespaces: 0x%02X\n", rules->cpu_quota,
				      rules->namespaces);
	return at + scnprintf(line + at, LINE_MAX_BYTES - at, ", CPU: max, Namespaces: 0x%02X\n",
			      rules->namespaces);
}

static void rewind_to_start(struct lister *lister)
{
	lister->next = 0;
	lister->end = swarm_agents_end();
	lister->start = 0;
	lister->length = 0;
}

/*
 * Go on to the next line. Each lookup is a reader of RCU's by itself, of one agent or of
 * LOOK_MAX that are gone. Returns 0 at the end; negative errno; or 1.
 */
static int next_line(struct lister *lister)
{
	struct swarm_agent *agent;
	unsigned int budget;

	lister->start += lister->length;
	lister->length = 0;
	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		budget = LOOK_MAX;
		rcu_read_lock();
		agent = swarm_agent_next_near(&lister->next, &budget);
		if (agent && lister->next < lister->end) {
			lister->length = put_line(lister->line, agent);
			lister->next++;
		}
		rcu_read_unlock();
	} while (!agent && !budget && lister->next < lister->end);
	return !!lister->length;
}

/* Up to @size bytes from @offset into piece[]. Returns how many; or negative errno. */
static ssize_t put_piece(struct lister *lister, loff_t offset, size_t size)
{
	size_t used = 0, skip, part;
	int more;

	for (;;) {
		if (offset < lister->start + (loff_t)lister->length) {
			skip = offset - lister->start;
			part = min(size - used, lister->length - skip);
			memcpy(lister->piece + used, lister->line + skip, part);
			used += part;
			offset += part;
		}
		if (used == size)
			return used;
		more = next_line(lister);
		if (more <= 0)
			return used ?: more;
	}
}

static ssize_t read_all(struct lister *lister, char __user *buf, size_t length, loff_t *pos)
{
	loff_t offset = *pos;
	size_t copied = 0;
	ssize_t ret;

	if (mutex_lock_killable(&lister->lock))
		return -EINTR;
	/* Nothing was read yet, or what comes before. */
	if (!offset || offset < lister->start || !lister->next)
		rewind_to_start(lister);
	do {
		ret = put_piece(lister, offset + copied, min_t(size_t, length - copied, PIECE));
		if (ret <= 0)
			break;
		if (copy_to_user(buf + copied, lister->piece, ret)) {
			ret = -EFAULT;
			break;
		}
		copied += ret;
	} while (copied < length);
	mutex_unlock(&lister->lock);
	*pos += copied;
	return copied ?: ret;
}

/*
 * The line of the only agent that the reader sees. It is made anew each time, so that a
 * reader that has the file from somebody who sees more neither gets what was made for
 * that one nor moves where it is.
 */
static ssize_t read_one(u64 scope, char __user *buf, size_t length, loff_t *pos)
{
	struct swarm_agent *agent;
	char line[LINE_MAX_BYTES];
	size_t size = 0;

	rcu_read_lock();
	agent = swarm_agent_find(scope);
	if (agent)
		size = put_line(line, agent);
	rcu_read_unlock();
	return simple_read_from_buffer(buf, length, pos, line, size);
}

static ssize_t agents_read(struct file *file, char __user *buf, size_t length, loff_t *pos)
{
	struct lister *lister = file->private_data;
	u64 scope = swarm_scope(lister->opener);
	ssize_t ret;

	if (!length)
		return 0;
	/* As swarm_text_read(). */
	if (!try_module_get(THIS_MODULE))
		return -EIO;
	ret = scope == SWARM_SCOPE_ALL ? read_all(lister, buf, length, pos) :
					 read_one(scope, buf, length, pos);
	module_put(THIS_MODULE);
	return ret;
}

static int agents_open(struct inode *inode, struct file *file)
{
	struct lister *lister = kmalloc(sizeof(*lister), GFP_KERNEL_ACCOUNT);

	if (!lister)
		return -ENOMEM;
	mutex_init(&lister->lock);
	lister->opener = swarm_viewer_scope();
	rewind_to_start(lister);
	file->private_data = lister;
	return 0;
}

static int agents_release(struct inode *inode, struct file *file)
{
	struct lister *lister = file->private_data;

	mutex_destroy(&lister->lock);
	kfree(lister);
	return 0;
}

const struct proc_ops swarm_proc_agents_ops = {
	.proc_open = agents_open,
	.proc_read = agents_read,
	.proc_lseek = no_seek_end_llseek,
	.proc_release = agents_release,
};
