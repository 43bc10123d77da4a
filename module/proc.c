// SPDX-License-Identifier: MIT OR Apache-2.0
/* /proc/swarm: its files, who may use them, and the two that are only read. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/pid_namespace.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "agent.h"
#include "event.h"
#include "member.h"
#include "policy_table.h"
#include "proc.h"

#define DIRECTORY	"swarm"

/* All files are there: until then loading may still fail, and so nobody may begin anything. */
static bool ready;

/**
 * swarm_proc_ready - has the module been loaded?
 */
bool swarm_proc_ready(void)
{
	/* Pairs with swarm_proc_init(). */
	return smp_load_acquire(&ready);
}

/**
 * swarm_may_control - may the caller give orders through this file?
 *
 * It needs CAP_SYS_ADMIN in the initial user namespace, and so did whoever
 * opened the file; a member of an agent may not, wherever it has the file from.
 *
 * Return: 0; -EPERM; -ENODEV while the module is being loaded.
 */
int swarm_may_control(const struct file *file)
{
	struct swarm_member *member;

	if (!swarm_proc_ready())
		return -ENODEV;
	rcu_read_lock();
	member = swarm_member_find(current->signal);
	if (member)
		swarm_event_violation(member->agent, SWARM_KIND_CONTROL, SWARM_DENY,
				      SWARM_DONE_DENY);
	rcu_read_unlock();
	if (member)
		return -EPERM;
	if (!file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN) || !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return 0;
}

/**
 * swarm_may_order - may the caller write orders to this file?
 *
 * As swarm_may_control(); and it must have made the system call itself. A kernel worker
 * that writes for somebody (io_uring's always do, its SQPOLL threads too) would be
 * armed in its place, and is no member where that one is.
 *
 * Return: 0, -EPERM or -EINVAL.
 */
int swarm_may_order(const struct file *file)
{
	int err = swarm_may_control(file);

	if (err)
		return err;
	if (current->flags & (PF_KTHREAD | PF_WQ_WORKER | PF_IO_WORKER | PF_USER_WORKER)) {
		pr_notice_ratelimited("orders are taken from the thread that gives them, not from the kernel's workers: write without io_uring\n");
		return -EINVAL;
	}
	return 0;
}

/**
 * swarm_scope - what a reader sees
 * @opener: swarm_current_agent_id() of whoever opened the file
 *
 * Return: the id of the only agent it sees, SWARM_SCOPE_ALL or SWARM_SCOPE_NONE:
 * the narrower of what the opener and the caller may see.
 */
u64 swarm_scope(u64 opener)
{
	u64 caller = swarm_current_agent_id();

	if (opener == SWARM_SCOPE_ALL)
		return caller;
	if (caller == SWARM_SCOPE_ALL || caller == opener)
		return opener;
	return SWARM_SCOPE_NONE;
}

/* status */

static int status_show(struct seq_file *seq, void *unused)
{
	u64 scope = swarm_scope((u64)(uintptr_t)seq->private);
	struct swarm_agent *agent;
	u64 active, created, destroyed = 0, violations = 0;

	if (scope == SWARM_SCOPE_ALL) {
		active = atomic64_read(&swarm_totals.active);
		created = atomic64_read(&swarm_totals.created);
		destroyed = atomic64_read(&swarm_totals.destroyed);
		violations = atomic64_read(&swarm_totals.violations);
	} else {
		rcu_read_lock();
		agent = swarm_agent_find(scope);
		active = agent ? 1 : 0;
		created = active;
		if (agent)
			violations = atomic_read(&agent->violations);
		rcu_read_unlock();
	}
	seq_printf(seq, "Active agents: %llu\n", active);
	seq_printf(seq, "Total created: %llu\n", created);
	seq_printf(seq, "Total destroyed: %llu\n", destroyed);
	seq_printf(seq, "Policy violations: %llu\n", violations);
	return 0;
}

static int status_open(struct inode *inode, struct file *file)
{
	return single_open(file, status_show, (void *)(uintptr_t)swarm_current_agent_id());
}

static const struct proc_ops status_ops = {
	.proc_open = status_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

/*
 * agents: ids are the positions, so a reader resumes wherever it stopped. It ends
 * before agents younger than its beginning: else one that reads more slowly than
 * agents come and go would never end.
 */

struct agents_view {
	u64 opener;
	u64 scope;
	u64 id;
	u64 end;
};

static struct swarm_agent *agents_at(struct agents_view *view, loff_t *pos)
{
	struct swarm_agent *agent;

	view->id = *pos;
	if (view->scope != SWARM_SCOPE_ALL) {
		if (view->id > view->scope)
			return NULL;
		view->id = view->scope;
		agent = swarm_agent_find(view->scope);
	} else {
		agent = swarm_agent_next(&view->id);
	}
	if (!agent || view->id >= view->end)
		return NULL;
	*pos = view->id;
	return agent;
}

static void *agents_start(struct seq_file *seq, loff_t *pos)
	__acquires(RCU)
{
	struct agents_view *view = seq->private;

	view->scope = swarm_scope(view->opener);
	if (!*pos)
		view->end = swarm_agents_end();
	rcu_read_lock();
	return agents_at(view, pos);
}

static void *agents_next(struct seq_file *seq, void *unused, loff_t *pos)
{
	++*pos;
	return agents_at(seq->private, pos);
}

static void agents_stop(struct seq_file *seq, void *unused)
	__releases(RCU)
{
	rcu_read_unlock();
}

/* The first process, or the oldest one left, as the reader's namespace counts. */
static pid_t agent_pid(struct swarm_agent *agent)
{
	const struct swarm_member *member =
		list_first_or_null_rcu(&agent->members, struct swarm_member, link);

	return member ? pid_nr_ns(member->pid, task_active_pid_ns(current)) : 0;
}

static void show_memory(struct seq_file *seq, u64 bytes)
{
	if (!bytes)
		seq_puts(seq, "max");
	else if (!(bytes % SZ_1M))
		seq_printf(seq, "%lluMB", bytes / SZ_1M);
	else if (!(bytes % SZ_1K))
		seq_printf(seq, "%lluKB", bytes / SZ_1K);
	else
		seq_printf(seq, "%lluB", bytes);
}

static int agents_show(struct seq_file *seq, void *entry)
{
	struct swarm_agent *agent = entry;
	const struct swarm_rules *rules = swarm_policy_rules(agent->policy);

	seq_printf(seq, "ID: %llu, PID: %d, Memory: ", agent->id, agent_pid(agent));
	show_memory(seq, rules->memory_limit);
	if (rules->cpu_quota)
		seq_printf(seq, ", CPU: %u%%", rules->cpu_quota);
	else
		seq_puts(seq, ", CPU: max");
	seq_printf(seq, ", Namespaces: 0x%02X\n", rules->namespaces);
	return 0;
}

static const struct seq_operations agents_seq_ops = {
	.start = agents_start,
	.next = agents_next,
	.stop = agents_stop,
	.show = agents_show,
};

static int agents_open(struct inode *inode, struct file *file)
{
	struct agents_view *view = __seq_open_private(file, &agents_seq_ops, sizeof(*view));

	if (!view)
		return -ENOMEM;
	view->opener = swarm_current_agent_id();
	return 0;
}

static const struct proc_ops agents_ops = {
	.proc_open = agents_open,
	.proc_read = seq_read,
	.proc_lseek = seq_lseek,
	.proc_release = seq_release_private,
};

static const struct {
	const char *name;
	umode_t mode;
	const struct proc_ops *ops;
} files[] = {
	{ "status", 0444, &status_ops },
	{ "agents", 0444, &agents_ops },
	{ "create", 0600, &swarm_proc_create_ops },
	{ "attach", 0200, &swarm_proc_attach_ops },
	{ "destroy", 0200, &swarm_proc_destroy_ops },
	{ "inspect", 0600, &swarm_proc_inspect_ops },
	{ "events", 0400, &swarm_proc_events_ops },
	{ "metrics", 0444, &swarm_proc_metrics_ops },
};

int __init swarm_proc_init(void)
{
	struct proc_dir_entry *dir = proc_mkdir(DIRECTORY, NULL);
	int i;

	if (!dir)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (!proc_create(files[i].name, files[i].mode, dir, files[i].ops)) {
			swarm_proc_exit();
			return -ENOMEM;
		}
	}
	/* Nothing of loading can fail any more. */
	smp_store_release(&ready, true);
	return 0;
}

/* Waits for calls that are inside a handler. */
void swarm_proc_exit(void)
{
	remove_proc_subtree(DIRECTORY, NULL);
}
