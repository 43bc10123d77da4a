// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One check: walks all members and all tasks under RCU and compares.
 *
 * A walk is no snapshot, so what it finds may be over a moment later. States
 * that are right although they look wrong are known and left out: a thread that
 * has not been woken yet, one that is exiting, a process whose birth is not
 * complete. For the rest, walks are repeated, and only what all of them find of
 * one process is a finding.
 */
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/idr.h>
#include <linux/ipc_namespace.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/namei.h>
#include <linux/nsproxy.h>
#include <linux/path.h>
#include <linux/pid_namespace.h>
#include <linux/poison.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seq_file.h>
#include <linux/user_namespace.h>

#include "agent.h"
#include "compat/compat.h"
#include "oracle.h"
#include "policy_table.h"

#define FINDINGS	64
#define PASSES		5
/* Before the second pass; twice as long before the next, and so on. */
#define PAUSE_MS	20

enum kind {
	LOST,
	OTHER_AGENT,
	NO_PROCESS,
	EXITED,
	UNLISTED,
	TWICE,
	UNLOCKED,
	AGENT_GONE,
	NOT_BORN,
	CGROUP,
	THAWED,
	NAMESPACE,
	HOME,
	IDS,
	CAPABILITIES,
	NEW_PRIVILEGES,
	PROCFS,
	TERMINALS,
	UNGUARDED,
};

static const char *const kinds[] = {
	[LOST] = "descends from the agent but is no member",
	[OTHER_AGENT] = "is a member of another agent",
	[NO_PROCESS] = "is a member but no process",
	[EXITED] = "has exited but is a member still",
	[UNLISTED] = "is a member but not in its agent's list",
	[TWICE] = "has two entries",
	[UNLOCKED] = "is in a bucket with others but under another lock",
	[AGENT_GONE] = "is a member but its agent is gone",
	[NOT_BORN] = "is a member by birth but nobody saw it born",
	[CGROUP] = "is outside the agent's cgroup",
	[THAWED] = "may run though its agent is frozen",
	[NAMESPACE] = "is in an initial namespace",
	[HOME] = "has left the agent's namespaces",
	[IDS] = "has ids outside the agent's range",
	[CAPABILITIES] = "may have capabilities that its agent must not have",
	[NEW_PRIVILEGES] = "may gain privileges by execve",
	[PROCFS] = "has a /proc that shows processes outside the agent",
	[TERMINALS] = "has terminals of the host on /dev/pts",
	[UNGUARDED] = "descends from the agent but swarm_guard is not loaded",
};

struct finding {
	enum kind kind;
	u64 agent;
	pid_t nr;
	const struct signal_struct *signal;
};

/* Results of a walk; of the one before, and of this one. */
struct pass {
	struct finding found[FINDINGS];
	unsigned int nr, agents, members;
};

static DEFINE_MUTEX(check_lock);
static struct pass passes[2];
static char path[256];

static void found(struct pass *pass, enum kind kind, u64 agent, pid_t nr,
		  const struct signal_struct *signal)
{
	const struct finding finding = { kind, agent, nr, signal };
	unsigned int i;

	/* Several threads of a process may be outside. */
	for (i = 0; i < pass->nr; i++)
		if (pass->found[i].kind == kind && pass->found[i].signal == signal)
			return;
	if (pass->nr < FINDINGS)
		pass->found[pass->nr++] = finding;
}

/* Members: is each of them a process? */

/* Have all threads passed sched_process_exit, which ends a membership? */
static bool all_exited(struct task_struct *leader)
{
	struct task_struct *thread;

	for_each_thread(leader, thread)
		if (!READ_ONCE(thread->exit_state))
			return false;
	return true;
}

static void check_entry(struct pass *pass, const struct swarm_view *view,
			const struct swarm_member *member)
{
	struct task_struct *leader = pid_task(member->pid, PIDTYPE_TGID);
	u64 id = member->agent->id, at = id;
	pid_t nr = pid_nr(member->pid);

	pass->members++;
	/* In this order an entry enters and leaves the list around the table. */
	if (!member->link.next || member->link.prev == LIST_POISON2)
		found(pass, UNLISTED, id, nr, member->signal);
	/* Of two, one is found; the other outlives the process and its rules meet another. */
	if (!hlist_unhashed_lockless(&member->node) && view->find(member->signal) != member)
		found(pass, TWICE, id, nr, member->signal);
	if (view->next_agent(&at) != member->agent)
		found(pass, AGENT_GONE, id, nr, member->signal);
	if (!leader || leader->signal != member->signal)
		found(pass, NO_PROCESS, id, nr, member->signal);
	else if (!atomic_read(&leader->signal->live) && all_exited(leader))
		found(pass, EXITED, id, nr, member->signal);
}

static void check_members(struct pass *pass, const struct swarm_view *view)
{
	const struct swarm_member_table *table = view->members;
	const struct swarm_member *member;
	const raw_spinlock_t *lock;
	unsigned long i;

	for (i = 0; i < 1UL << (64 - table->shift); i++) {
		lock = NULL;
		hlist_for_each_entry_rcu(member, &table->buckets[i], node) {
			check_entry(pass, view, member);
			if (lock && lock != view->lock(member->signal))
				found(pass, UNLOCKED, member->agent->id, pid_nr(member->pid),
				      member->signal);
			lock = view->lock(member->signal);
		}
	}
}

/* Processes: is each of them where it belongs? */

/* Is the path of a thread's cgroup that one, or below it, as one with a memory limit is? */
static bool below(const char *own, const struct swarm_rules *rules)
{
	size_t length = strlen(own);

	return length && !strncmp(path, own, length) && (!path[length] || path[length] == '/') &&
	       (!rules->memory_limit || strstr(own, "/memory/"));
}

static bool in_cgroup(struct task_struct *thread, const struct swarm_view *view,
		      const struct swarm_agent *agent)
{
	const struct swarm_rules *rules = swarm_rules_of(agent);
	char own[128];

	cgroup_path(task_dfl_cgroup(thread), path, sizeof(path));
	view->cgroup_path(agent, own, sizeof(own));
	if (below(own, rules))
		return true;
	view->former_path(agent, own, sizeof(own));
	return below(own, rules);
}

/* Is its cgroup, or one above it, asked to stop? */
static bool told_to_stop(struct task_struct *thread)
{
	return READ_ONCE(task_dfl_cgroup(thread)->freezer.e_freeze);
}

static bool own_id(const struct swarm_view *view, const struct swarm_agent *agent, u32 id)
{
	return id - view->first_id(agent) < *view->id_count;
}

static bool ids_in_range(const struct swarm_view *view, const struct swarm_agent *agent,
			 const struct cred *cred)
{
	const u32 ids[] = {
		__kuid_val(cred->uid), __kuid_val(cred->euid),
		__kuid_val(cred->suid), __kuid_val(cred->fsuid),
		__kgid_val(cred->gid), __kgid_val(cred->egid),
		__kgid_val(cred->sgid), __kgid_val(cred->fsgid),
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		if (!own_id(view, agent, ids[i]))
			return false;
	for (i = 0; i < cred->group_info->ngroups; i++)
		if (!own_id(view, agent, __kgid_val(cred->group_info->gid[i])))
			return false;
	return true;
}

/* Has a thread no capability that its agent must not have, nor a way to any? */
static bool within_capabilities(const struct cred *cred, const struct swarm_rules *rules)
{
	const kernel_cap_t allowed = { rules->capabilities };

	return rules->capabilities == SWARM_CAPS_ALL ||
	       (cap_issubset(cred->cap_bset, allowed) &&
		cap_issubset(cred->cap_permitted, allowed) &&
		cap_issubset(cred->cap_inheritable, allowed));
}

/* The initial namespaces a thread is in, of those its agent must not be in. */
static u32 initial_namespaces(const struct oracle_home *home, const struct nsproxy *proxy)
{
	const struct nsproxy *initial = init_task.nsproxy;
	u32 in = 0;

	in |= home->pid == &init_pid_ns ? SWARM_NS_PID : 0;
	in |= home->net == initial->net_ns ? SWARM_NS_NET : 0;
	in |= home->mnt == initial->mnt_ns ? SWARM_NS_MNT : 0;
	in |= home->uts == initial->uts_ns ? SWARM_NS_UTS : 0;
	in |= home->ipc == initial->ipc_ns ? SWARM_NS_IPC : 0;
	in |= home->user == &init_user_ns ? SWARM_NS_USER : 0;
	in |= home->cgroup == initial->cgroup_ns ? SWARM_NS_CGROUP : 0;
	in |= home->time == initial->time_ns && proxy->time_ns == initial->time_ns ?
		SWARM_NS_TIME : 0;
	return in;
}

/* May a member change its namespaces? */
static bool may_move(const struct swarm_rules *rules)
{
	const u8 unshare = rules->syscalls[SWARM_SYS_UNSHARE];
	const u8 setns = rules->syscalls[SWARM_SYS_SETNS];

	return unshare == SWARM_ALLOW || unshare == SWARM_AUDIT ||
	       setns == SWARM_ALLOW || setns == SWARM_AUDIT;
}

/*
 * Is a member in the namespace of agents without a network though it has one of its own,
 * or in another though it has none? Those that may make namespaces may be anywhere.
 */
static bool wrong_network(const struct swarm_view *view, const struct oracle_home *now,
			  const struct swarm_rules *rules)
{
	const bool shared = now->net == READ_ONCE(*view->network);

	if (!(rules->namespaces & SWARM_NS_NET) || may_move(rules))
		return false;
	return shared != (rules->network == SWARM_NET_NONE);
}

static bool at_home(const struct oracle_home *now, const struct oracle_home *home)
{
	return now->pid == home->pid && now->net == home->net && now->mnt == home->mnt &&
	       now->uts == home->uts && now->ipc == home->ipc && now->user == home->user &&
	       now->cgroup == home->cgroup && now->time == home->time;
}

/*
 * May a thread have privileges that its agent must not have? One that was running already
 * keeps them, unless it was to lose them at an execve that it has completed; but then it may
 * have made a user namespace, if the policy lets it, and nobody knows from where.
 */
static bool keeps_privileges(const struct oracle_record *record, const struct swarm_rules *rules)
{
	return record->taken && (!record->uncut || !record->executed || may_move(rules));
}

static void check_privileges(struct pass *pass, struct task_struct *thread,
			     const struct swarm_member *member,
			     const struct oracle_record *record)
{
	const struct swarm_rules *rules = swarm_rules_of(member->agent);
	const struct cred *cred = __task_cred(thread);
	const u64 id = member->agent->id;

	if (keeps_privileges(record, rules))
		return;
	if (rules->no_new_privs && !task_no_new_privs(thread))
		found(pass, NEW_PRIVILEGES, id, record->nr, thread->signal);
	/* Its launcher's program, or in a namespace of its own making, if the policy has it. */
	if ((record->executed || !(READ_ONCE(member->flags) & SWARM_MEMBER_UNCUT)) &&
	    (!record->home.known || cred->user_ns == record->home.user) &&
	    !within_capabilities(cred, rules))
		found(pass, CAPABILITIES, id, record->nr, thread->signal);
}

static void check_thread(struct pass *pass, const struct swarm_view *view,
			 struct task_struct *thread, const struct swarm_member *member,
			 const struct oracle_record *record)
{
	const struct swarm_agent *agent = member->agent;
	const struct swarm_rules *rules = swarm_rules_of(agent);
	const struct pid_namespace *pid_ns = task_active_pid_ns(thread);
	const struct cred *cred = __task_cred(thread);
	const struct signal_struct *signal = thread->signal;
	const u32 flags = READ_ONCE(member->flags);
	struct oracle_home now = {};
	u32 initial = 0;

	if (READ_ONCE(agent->cgroup) && !in_cgroup(thread, view, agent))
		found(pass, CGROUP, agent->id, record->nr, signal);
	if (READ_ONCE(agent->frozen) && !told_to_stop(thread))
		found(pass, THAWED, agent->id, record->nr, signal);
	/* Its launcher's program runs there still, which may take it anywhere. */
	if (flags & (SWARM_MEMBER_PENDING | SWARM_MEMBER_UNPLACED))
		return;
	task_lock(thread);
	if (thread->nsproxy) {
		now = oracle_home_of(thread->nsproxy, cred, pid_ns);
		initial = initial_namespaces(&now, thread->nsproxy);
	}
	task_unlock(thread);
	/* It has begun to exit meanwhile. */
	if (!now.known || !pid_ns)
		return;
	if (initial & rules->namespaces || wrong_network(view, &now, rules))
		found(pass, NAMESPACE, agent->id, record->nr, signal);
	if (!record->taken && record->home.known && !may_move(rules) &&
	    !at_home(&now, &record->home))
		found(pass, HOME, agent->id, record->nr, signal);
	if (!record->taken && rules->namespaces & SWARM_NS_USER &&
	    !ids_in_range(view, agent, cred))
		found(pass, IDS, agent->id, record->nr, signal);
	check_privileges(pass, thread, member, record);
}

static bool between_states(const struct task_struct *thread)
{
	return READ_ONCE(thread->flags) & PF_EXITING || READ_ONCE(thread->__state) & TASK_NEW;
}

static void check_threads(struct pass *pass, const struct swarm_view *view,
			  struct task_struct *leader, const struct swarm_member *member,
			  const struct oracle_record *record)
{
	struct task_struct *thread;

	/* Confined when its birth is complete, and it does not run before. */
	if (READ_ONCE(member->flags) & SWARM_MEMBER_NEWBORN)
		return;
	for_each_thread(leader, thread)
		if (!between_states(thread))
			check_thread(pass, view, thread, member, record);
}

/* A member that the ledger does not know: one that was running when it became one? */
static void take_in(struct pass *pass, struct task_struct *leader,
		    const struct swarm_member *member)
{
	struct oracle_record record = {
		.agent = member->agent->id,
		.nr = leader->tgid,
		.taken_at = ktime_get_ns(),
		.taken = true,
		.uncut = READ_ONCE(member->flags) & SWARM_MEMBER_UNCUT,
	};

	/* Not even the oracle's own callback has seen it yet. */
	if (between_states(leader))
		return;
	if (member->flags & SWARM_MEMBER_SPAWNED && leader->start_time > oracle_view_since())
		found(pass, NOT_BORN, record.agent, record.nr, leader->signal);
	else
		ledger_add(leader->signal, &record);
}

static void check_process(struct pass *pass, const struct swarm_view *view,
			  struct task_struct *leader)
{
	const struct signal_struct *signal = leader->signal;
	const struct swarm_member *member = oracle_member(view, signal);
	struct oracle_record record;

	if (!ledger_find(signal, &record)) {
		if (member)
			take_in(pass, leader, member);
		/* What was forged is looked at all the same. */
		if (member && !atomic_read(&signal->live))
			return;
		record = (struct oracle_record){ .nr = leader->tgid };
		if (member)
			check_threads(pass, view, leader, member, &record);
		return;
	}
	if (!member) {
		/* Looked up before; if it lives now, it lived then. */
		if (atomic_read(&signal->live))
			found(pass, LOST, record.agent, record.nr, signal);
		return;
	}
	if (member->agent->id != record.agent)
		found(pass, OTHER_AGENT, record.agent, record.nr, signal);
	check_threads(pass, view, leader, member, &record);
}

/* What each of them sees: whoever looks along paths may sleep. */

/**
 * struct viewer - a process, and what its agent's policy gives it to see
 * @record: of it
 * @signal: the process, a key
 * @root: its root directory, with a reference
 * @home: the agent's pid namespace; compared, never followed
 * @proc: its agent has a procfs of its own
 * @devpts: its agent has terminals of its own
 */
struct viewer {
	struct oracle_record record;
	const struct signal_struct *signal;
	struct path root;
	const struct pid_namespace *home;
	bool proc, devpts;
};

static bool get_root(struct task_struct *leader, struct path *root)
{
	struct task_struct *thread;
	struct fs_struct *fs;

	/* The first thread may have exited. */
	for_each_thread(leader, thread) {
		task_lock(thread);
		fs = swarm_directories(thread);
		if (fs)
			get_fs_root(fs, root);
		task_unlock(thread);
		if (fs)
			return true;
	}
	return false;
}

/* Was it born into its agent, wholly, or forked by one that was? */
static bool look_at_viewer(const struct swarm_view *view, struct task_struct *leader,
			   struct viewer *viewer)
{
	const struct swarm_member *member = oracle_member(view, leader->signal);
	const struct swarm_rules *rules;

	if (!member || READ_ONCE(member->flags) & (SWARM_MEMBER_NEWBORN | SWARM_MEMBER_PENDING |
						   SWARM_MEMBER_UNPLACED))
		return false;
	rules = swarm_rules_of(member->agent);
	viewer->proc = rules->proc;
	viewer->devpts = rules->devpts;
	if (!viewer->proc && !viewer->devpts)
		return false;
	if (!ledger_find(leader->signal, &viewer->record) || viewer->record.taken)
		return false;
	viewer->signal = leader->signal;
	viewer->home = viewer->record.home.known ? viewer->record.home.pid :
						   task_active_pid_ns(leader);
	return viewer->home && get_root(leader, &viewer->root);
}

/* The next of them, by process ids from @nr on; the caller puts its root. */
static bool next_viewer(const struct swarm_view *view, int *nr, struct viewer *viewer)
{
	struct task_struct *leader;
	struct pid *pid;
	bool seen = false;

	rcu_read_lock();
	for (; !seen && (pid = idr_get_next(&init_pid_ns.idr, nr)); ++*nr) {
		leader = pid_task(pid, PIDTYPE_TGID);
		seen = leader && look_at_viewer(view, leader, viewer);
	}
	rcu_read_unlock();
	return seen;
}

/* The file system on a directory that a process names; with a reference, if it returns true. */
static bool find_mounted(const struct viewer *viewer, const char *name, unsigned long magic,
			 struct path *at)
{
	if (vfs_path_lookup(viewer->root.dentry, viewer->root.mnt, name,
			    LOOKUP_FOLLOW | LOOKUP_DIRECTORY, at))
		return false;
	if (at->mnt->mnt_sb->s_magic == magic)
		return true;
	path_put(at);
	return false;
}

/* Does its /proc show a pid namespace that is neither its agent's nor below that? */
static bool sees_outside(const struct viewer *viewer)
{
	const struct pid_namespace *shown;
	struct path at;

	if (!viewer->proc || !find_mounted(viewer, "proc", PROC_SUPER_MAGIC, &at))
		return false;
	for (shown = proc_pid_ns(at.mnt->mnt_sb); shown; shown = shown->parent)
		if (shown == viewer->home)
			break;
	path_put(&at);
	return !shown;
}

static bool has_host_terminals(const struct viewer *viewer)
{
	struct path at;
	bool hosts;

	if (!viewer->devpts || !find_mounted(viewer, "dev/pts", DEVPTS_SUPER_MAGIC, &at))
		return false;
	hosts = at.mnt->mnt_sb->s_user_ns == &init_user_ns;
	path_put(&at);
	return hosts;
}

static void check_views(struct pass *pass, const struct swarm_view *view)
{
	struct viewer viewer;
	int nr = 1;

	while (next_viewer(view, &nr, &viewer)) {
		if (sees_outside(&viewer))
			found(pass, PROCFS, viewer.record.agent, viewer.record.nr, viewer.signal);
		if (has_host_terminals(&viewer))
			found(pass, TERMINALS, viewer.record.agent, viewer.record.nr,
			      viewer.signal);
		path_put(&viewer.root);
		cond_resched();
	}
}

static void walk(struct pass *pass, const struct swarm_view *view)
{
	struct task_struct *leader;
	struct oracle_record record;
	u64 id;

	pass->nr = 0;
	pass->agents = 0;
	pass->members = 0;
	rcu_read_lock();
	for (id = 0; view && view->next_agent(&id); id++)
		pass->agents++;
	if (view)
		check_members(pass, view);
	for_each_process(leader) {
		if (view)
			check_process(pass, view, leader);
		else if (ledger_find(leader->signal, &record))
			found(pass, UNGUARDED, record.agent, record.nr, leader->signal);
	}
	rcu_read_unlock();
	if (view)
		check_views(pass, view);
}

/* Keep of @pass what @last found, too. */
static void keep_common(struct pass *pass, const struct pass *last)
{
	unsigned int i, j, kept = 0;

	for (i = 0; i < pass->nr; i++) {
		const struct finding *finding = &pass->found[i];

		for (j = 0; j < last->nr; j++) {
			if (last->found[j].kind == finding->kind &&
			    last->found[j].agent == finding->agent &&
			    last->found[j].signal == finding->signal) {
				pass->found[kept++] = *finding;
				break;
			}
		}
	}
	pass->nr = kept;
}

static const struct pass *check(const struct swarm_view *view)
{
	struct pass *pass = &passes[0], *last = &passes[1];
	unsigned int i;

	walk(pass, view);
	for (i = 1; i < PASSES && pass->nr; i++) {
		swap(pass, last);
		msleep(PAUSE_MS << (i - 1));
		walk(pass, view);
		keep_common(pass, last);
	}
	return pass;
}

/**
 * oracle_check_show - check, and print what was found
 *
 * swarm_guard cannot be unloaded meanwhile.
 */
int oracle_check_show(struct seq_file *seq, void *unused)
{
	const struct swarm_view *view = symbol_get(swarm_view);
	const struct pass *pass;
	unsigned int i;

	mutex_lock(&check_lock);
	pass = check(view);
	for (i = 0; i < pass->nr; i++)
		seq_printf(seq, "agent %llu: process %d %s\n", pass->found[i].agent,
			   pass->found[i].nr, kinds[pass->found[i].kind]);
	if (!pass->nr && !oracle_noted())
		seq_printf(seq, "ok %u agents %u members\n", pass->agents, pass->members);
	oracle_show_notes(seq);
	mutex_unlock(&check_lock);
	if (view)
		symbol_put(swarm_view);
	return 0;
}
