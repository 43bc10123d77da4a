// SPDX-License-Identifier: MIT OR Apache-2.0
/* /proc/swarm: its files, who may use them, and the shortest of them. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "agent.h"
#include "event.h"
#include "member.h"
#include "proc.h"
#include "proc_text.h"
#include "viewer.h"

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
 * armed in its place, and is no member where that one is. A helper that the kernel has
 * started (core_pattern, modprobe, request-key) is let through: it is a program that root
 * has chosen, it makes its system calls itself, and what it forks is its own.
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
 * swarm_may_ask - may the caller be told about any agent through this file?
 *
 * It may if it may give orders and sees all agents: whoever is in another pid
 * namespace than the initial one has no numbers for the processes of agents.
 *
 * Return: as swarm_may_control().
 */
int swarm_may_ask(const struct file *file)
{
	int err = swarm_may_control(file);

	if (err)
		return err;
	return swarm_viewer_scope() == SWARM_SCOPE_ALL ? 0 : -EPERM;
}

/* status */

static void show_status(struct seq_file *seq, u64 scope)
{
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
			violations = atomic64_read(&agent->violations);
		rcu_read_unlock();
	}
	seq_printf(seq,
		   "Active agents: %llu\nTotal created: %llu\nTotal destroyed: %llu\nPolicy violations: %llu\n",
		   active, created, destroyed, violations);
}

static int status_open(struct inode *inode, struct file *file)
{
	return swarm_text_open(file, show_status);
}

static const struct proc_ops status_ops = {
	.proc_open = status_open,
	.proc_read = swarm_text_read,
	.proc_lseek = no_seek_end_llseek,
	.proc_release = swarm_text_release,
};

static const struct {
	const char *name;
	umode_t mode;
	const struct proc_ops *ops;
} files[] = {
	{ "status", 0444, &status_ops },
	{ "agents", 0444, &swarm_proc_agents_ops },
	{ "create", 0600, &swarm_proc_create_ops },
	{ "spawn", 0600, &swarm_proc_spawn_ops },
	{ "update", 0600, &swarm_proc_update_ops },
	{ "attach", 0600, &swarm_proc_attach_ops },
	{ "destroy", 0600, &swarm_proc_destroy_ops },
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
