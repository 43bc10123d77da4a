/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The cgroup v2 directories of agents. */
#ifndef SWARM_CGROUP_H
#define SWARM_CGROUP_H

#include <linux/init.h>
#include <linux/limits.h>
#include <linux/types.h>

#include "policy.h"

struct cgroup;
struct file;
struct path;
struct pid;
struct swarm_agent;
struct swarm_cgroup;
struct swarm_full;
struct swarm_usage_mark;
struct task_struct;

/* In the place of the number of the one that an agent's processes are in. */
#define SWARM_SEVERAL_HOMES	U64_MAX

int __init swarm_cgroup_init(void);
void swarm_cgroup_exit(void);

unsigned int swarm_cgroup_count(void);
int swarm_cgroup_remove_tree(const struct path *parent, const char *name);
int swarm_cgroup_create(struct swarm_agent *agent, struct swarm_policy_error *err);
struct swarm_cgroup *swarm_cgroup_make(struct swarm_agent *agent, const struct swarm_rules *rules,
				       bool frozen, struct swarm_policy_error *err);
int swarm_cgroup_change(struct swarm_agent *agent, const struct swarm_rules *from,
			const struct swarm_rules *to, u32 keys, int frozen,
			struct swarm_policy_error *err);
void swarm_cgroup_restore(struct swarm_agent *agent, const struct swarm_rules *rules);
int swarm_cgroup_thaw(struct swarm_agent *agent);
int swarm_cgroup_withdraw(struct swarm_cgroup *cgroup);
struct file *swarm_cgroup_procs(const struct swarm_cgroup *cgroup);
void swarm_cgroup_set_home(struct swarm_cgroup *cgroup, u64 home);
void swarm_cgroup_install(struct swarm_agent *agent, struct swarm_cgroup *cgroup);
struct swarm_cgroup *swarm_cgroup_uninstall(struct swarm_agent *agent);
bool swarm_cgroup_serves(const struct swarm_cgroup *cgroup, const struct swarm_rules *rules);
struct swarm_cgroup *swarm_cgroup_get(const struct swarm_agent *agent);
void swarm_cgroup_put(struct swarm_cgroup *cgroup);
struct swarm_cgroup *swarm_cgroup_former(struct swarm_cgroup *cgroup);
struct file *swarm_cgroup_open_procs(const char *path);
bool swarm_cgroup_stops(const struct swarm_agent *agent);
int swarm_cgroup_freeze(const struct swarm_agent *agent, enum swarm_freeze *freeze);
struct cgroup *swarm_cgroup_above(const struct swarm_cgroup *cgroup, struct cgroup *below);
bool swarm_cgroup_holds(const struct swarm_cgroup *cgroup, struct task_struct *task);
bool swarm_cgroup_missed(const struct swarm_cgroup *cgroup, struct task_struct *child);
int swarm_cgroup_join(struct swarm_agent *agent, bool more);
int swarm_cgroup_follow(struct swarm_agent *agent);
int swarm_cgroup_move(struct file *procs, struct pid *pid, const struct task_struct *leader);
int swarm_cgroup_adopt(struct swarm_cgroup *cgroup, struct pid *pid,
		       const struct task_struct *leader);
int swarm_cgroup_room(const struct swarm_agent *agent, struct task_struct *leader,
		      struct swarm_full *full);
int swarm_cgroup_remove(struct swarm_cgroup *cgroup);
void swarm_cgroup_abandon(struct swarm_cgroup *cgroup);
int swarm_cgroup_find(const struct swarm_cgroup *cgroup, struct path *dir);
struct swarm_usage_mark *swarm_cgroup_mark(struct swarm_cgroup *cgroup);
int swarm_cgroup_path(const struct swarm_agent *agent, char *text, size_t size);
int swarm_cgroup_former_path(const struct swarm_agent *agent, char *text, size_t size);

#endif
