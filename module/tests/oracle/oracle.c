// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The completeness oracle: sees by itself which processes descend from agents,
 * and says where swarm_guard's tables, or what the processes are confined to,
 * differ. For tests; never installed.
 *
 * It follows forks with a callback of its own, which runs after swarm_guard's,
 * and keeps a ledger. From swarm_guard it learns the first processes of agents,
 * and those that were running already when they became members; from then on
 * whoever descends from them is in the ledger, whatever swarm_guard does.
 *
 * Reading /proc/swarm_oracle walks all tasks and prints "ok N agents M members",
 * or a line for each finding. Loading it before swarm_guard or after makes no
 * difference, but for agents that exist already.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cred.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>

#include "agent.h"
#include "compat/compat.h"
#include "oracle.h"

#define FILE_NAME	"swarm_oracle"
#define GUARD		"swarm_guard"
/*
 * A thread may have been on its way into a fork when its process was taken in;
 * that child is not the agent's. After this time it is not on its way any more.
 */
#define SETTLED_NS	(10ULL * NSEC_PER_SEC)
#define NOTES_SIZE	2048

/*
 * swarm_guard's view while it is loaded. Callbacks read it under RCU and look
 * whether the module is live; that is good enough, because on its way out
 * swarm_guard waits for every callback of a tracepoint before it frees a table.
 */
static const struct swarm_view __rcu *view;
static u64 view_since;

/* What callbacks have found; told by the next read. */
static DEFINE_RAW_SPINLOCK(notes_lock);
static char notes[NOTES_SIZE];
static size_t notes_length;

/**
 * oracle_view - swarm_guard's tables, for a callback
 *
 * Under rcu_read_lock(), in the callback of a tracepoint.
 *
 * Return: the view, or NULL where swarm_guard is not loaded or on its way out.
 */
const struct swarm_view *oracle_view(void)
{
	const struct swarm_view *now = rcu_dereference(view);

	return now && module_is_live(now->owner) ? now : NULL;
}

/* Whoever is older than this may have been born before anybody looked. */
u64 oracle_view_since(void)
{
	return READ_ONCE(view_since);
}

/**
 * oracle_note - remember a finding that only the moment shows
 */
void oracle_note(const char *fmt, ...)
{
	unsigned long flags;
	va_list args;

	raw_spin_lock_irqsave(&notes_lock, flags);
	va_start(args, fmt);
	notes_length += vscnprintf(notes + notes_length, NOTES_SIZE - notes_length, fmt, args);
	va_end(args);
	notes_length += scnprintf(notes + notes_length, NOTES_SIZE - notes_length, "\n");
	raw_spin_unlock_irqrestore(&notes_lock, flags);
}

bool oracle_noted(void)
{
	return READ_ONCE(notes_length);
}

/* Tell and forget. */
void oracle_show_notes(struct seq_file *seq)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&notes_lock, flags);
	seq_write(seq, notes, notes_length);
	notes_length = 0;
	raw_spin_unlock_irqrestore(&notes_lock, flags);
}

/*
 * Namespaces of time and pid are those of children: a process without memory of
 * its own yet enters its time namespace at its execve.
 */
struct oracle_home oracle_home_of(const struct nsproxy *proxy, const struct cred *cred,
				  const struct pid_namespace *pid)
{
	return (struct oracle_home){
		.pid = pid,
		.net = proxy->net_ns,
		.mnt = proxy->mnt_ns,
		.uts = proxy->uts_ns,
		.ipc = proxy->ipc_ns,
		.user = cred->user_ns,
		.cgroup = proxy->cgroup_ns,
		.time = proxy->time_ns_for_children,
		.known = true,
	};
}

/* The calling process has run user instructions, so its birth is complete. */
static void look_at_home(struct oracle_record *record)
{
	if (record->taken || record->home.known)
		return;
	record->home = oracle_home_of(current->nsproxy, current_cred(),
				      task_active_pid_ns(current));
	ledger_set_home(current->signal, &record->home);
}

static void take_in(const struct task_struct *task, const struct swarm_member *member)
{
	const struct oracle_record record = {
		.agent = member->agent->id,
		.nr = task->tgid,
		.taken_at = ktime_get_ns(),
		.taken = true,
		.uncut = READ_ONCE(member->flags) & SWARM_MEMBER_UNCUT,
	};

	ledger_add(task->signal, &record);
}

/* A child of a process that the ledger knows. */
static void inherit(struct oracle_record *record, const struct task_struct *child,
		    const struct swarm_member *member)
{
	bool settled = !record->taken_at || ktime_get_ns() - record->taken_at > SETTLED_NS;
	u64 agent = member ? member->agent->id : 0;

	if (!settled && !member)
		return;
	/* Until its execve its launcher may take it anywhere, and its children too. */
	if (!member || !(member->flags & SWARM_MEMBER_HEREDITARY))
		look_at_home(record);
	if (settled && agent != record->agent)
		oracle_note("agent %llu: process %d forked %d, which belongs to agent %llu",
			    record->agent, record->nr, child->tgid, agent);
	if (!settled)
		record->agent = agent;
	record->nr = child->tgid;
	record->taken_at = 0;
	ledger_add(child->signal, record);
}

/* A child of a process that the ledger does not know, but a member. */
static void arrive(const struct swarm_view *guard, const struct task_struct *parent,
		   const struct task_struct *child, const struct swarm_member *member)
{
	struct oracle_record record = {
		.agent = member->agent->id,
		.nr = child->tgid,
	};
	const struct swarm_member *first;

	if (!(member->flags & SWARM_MEMBER_SPAWNED)) {
		/* Only a process that has been taken in meanwhile forks like that. */
		first = oracle_member(guard, parent->signal);
		if (first)
			take_in(parent, first);
		else
			oracle_note("agent %llu: process %d is a member, but its parent %d is none",
				    record.agent, record.nr, parent->tgid);
		record.taken = true;
		record.uncut = READ_ONCE(member->flags) & SWARM_MEMBER_UNCUT;
	} else if (!(member->flags & SWARM_MEMBER_NEWBORN)) {
		oracle_note("agent %llu: process %d has no birth before it", record.agent,
			    record.nr);
	}
	ledger_add(child->signal, &record);
}

static void on_fork(struct task_struct *parent, struct task_struct *child)
{
	const struct swarm_view *guard;
	const struct swarm_member *member;
	struct oracle_record record;

	/* A thread belongs to its process. */
	if (child->signal == parent->signal)
		return;
	rcu_read_lock();
	guard = oracle_view();
	member = guard ? oracle_member(guard, child->signal) : NULL;
	if (ledger_find(parent->signal, &record))
		inherit(&record, child, member);
	else if (member)
		arrive(guard, parent, child, member);
	rcu_read_unlock();
}

static void on_exec(struct task_struct *task)
{
	const struct swarm_view *guard;
	const struct swarm_member *member;
	struct oracle_record record;

	if (!ledger_find(task->signal, &record))
		return;
	look_at_home(&record);
	ledger_set_executed(task->signal);
	rcu_read_lock();
	guard = oracle_view();
	member = guard ? oracle_member(guard, task->signal) : NULL;
	if (member && member->flags & SWARM_MEMBER_NEWBORN)
		oracle_note("agent %llu: process %d executed before its birth was complete",
			    record.agent, record.nr);
	rcu_read_unlock();
}

static void on_exit(struct task_struct *task)
{
	if (!atomic_read(&task->signal->live))
		ledger_remove(task->signal);
}

static const struct swarm_task_callbacks callbacks = {
	/* After swarm_guard's, whichever module was loaded first. */
	.priority = 0,
	.fork = on_fork,
	.exec = on_exec,
	.exit = on_exit,
};

/* swarm_guard comes and goes */

static void meet_guard(void)
{
	const struct swarm_view *found = symbol_get(swarm_view);

	if (!found)
		return;
	WRITE_ONCE(view_since, ktime_get_ns());
	rcu_assign_pointer(view, found);
	/* Not held on to: it may be unloaded at any time, and says so below. */
	symbol_put(swarm_view);
}

static int on_module(struct notifier_block *block, unsigned long state, void *data)
{
	const struct module *module = data;

	if (strcmp(module->name, GUARD))
		return NOTIFY_DONE;
	if (state == MODULE_STATE_LIVE)
		meet_guard();
	if (state == MODULE_STATE_GOING) {
		rcu_assign_pointer(view, NULL);
		tracepoint_synchronize_unregister();
		synchronize_rcu();
	}
	return NOTIFY_OK;
}

static struct notifier_block module_notifier = { .notifier_call = on_module };

/* The file */

static int oracle_open(struct inode *inode, struct file *file)
{
	return single_open_size(file, oracle_check_show, NULL, SZ_16K);
}

static ssize_t oracle_write(struct file *file, const char __user *buf, size_t length,
			    loff_t *pos)
{
	char order[64] = "";
	int err;

	if (length >= sizeof(order))
		return -EINVAL;
	if (copy_from_user(order, buf, length))
		return -EFAULT;
	err = oracle_sabotage(strim(order));
	return err ?: length;
}

static const struct proc_ops oracle_ops = {
	.proc_open = oracle_open,
	.proc_read = seq_read,
	.proc_write = oracle_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init oracle_init(void)
{
	int err = ledger_init();

	if (err)
		return err;
	err = register_module_notifier(&module_notifier);
	if (err)
		goto ledger;
	meet_guard();
	err = swarm_tracepoints_init(&callbacks);
	if (err)
		goto notifier;
	err = -ENOMEM;
	if (!proc_create(FILE_NAME, 0600, NULL, &oracle_ops))
		goto tracepoints;
	return 0;

tracepoints:
	swarm_tracepoints_exit();
notifier:
	unregister_module_notifier(&module_notifier);
ledger:
	ledger_exit();
	return err;
}

static void __exit oracle_exit(void)
{
	remove_proc_entry(FILE_NAME, NULL);
	oracle_restore();
	swarm_tracepoints_exit();
	unregister_module_notifier(&module_notifier);
	ledger_exit();
}

module_init(oracle_init);
module_exit(oracle_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_AUTHOR("The SwarmGuard authors");
MODULE_DESCRIPTION("Tests of SwarmGuard: is every descendant of an agent its member?");
