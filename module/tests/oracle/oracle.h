/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the files of swarm_oracle.ko share; oracle.c tells what it is. */
#ifndef SWARM_ORACLE_H
#define SWARM_ORACLE_H

#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "member.h"
#include "view.h"

struct cred;
struct nsproxy;
struct pid_namespace;
struct seq_file;
struct signal_struct;

/**
 * struct oracle_home - the namespaces an agent's first process was born into
 * @known: they have been looked at; the pointers are compared, never followed
 */
struct oracle_home {
	const void *pid, *net, *mnt, *uts, *ipc, *user, *cgroup, *time;
	bool known;
};

/**
 * struct oracle_record - what the ledger knows of a process
 * @agent: the id of the agent it belongs to, whatever swarm_guard says
 * @nr: its process id
 * @taken_at: when a process that was running already was first seen as a
 *	      member; 0 for those that were born or forked into the agent
 * @taken: it, or the ancestor that came first, was running already
 * @uncut: likewise, and it was to lose privileges at its next execve
 * @executed: it has completed an execve, or was forked by one that had
 * @home: of its first ancestor, where that was born into the agent
 */
struct oracle_record {
	u64 agent;
	pid_t nr;
	u64 taken_at;
	bool taken;
	bool uncut;
	bool executed;
	struct oracle_home home;
};

/* oracle.c */
const struct swarm_view *oracle_view(void);
u64 oracle_view_since(void);
struct oracle_home oracle_home_of(const struct nsproxy *proxy, const struct cred *cred,
				  const struct pid_namespace *pid);
void oracle_note(const char *fmt, ...) __printf(1, 2);
void oracle_show_notes(struct seq_file *seq);
bool oracle_noted(void);

/* ledger.c */
int ledger_init(void);
void ledger_exit(void);
unsigned int ledger_size(void);
bool ledger_find(const struct signal_struct *signal, struct oracle_record *record);
void ledger_add(const struct signal_struct *signal, const struct oracle_record *record);
void ledger_set_home(const struct signal_struct *signal, const struct oracle_home *home);
void ledger_set_executed(const struct signal_struct *signal);
void ledger_remove(const struct signal_struct *signal);

/* check.c */
int oracle_check_show(struct seq_file *seq, void *unused);

/* sabotage.c */
int oracle_sabotage(char *order);
void oracle_restore(void);

static inline struct swarm_member *oracle_member(const struct swarm_view *view,
						 const struct signal_struct *signal)
{
	struct hlist_head *bucket = view->bucket(signal);
	struct swarm_member *member;

	hlist_for_each_entry_rcu(member, bucket, node)
		if (member->signal == signal)
			return member;
	return NULL;
}

#endif
