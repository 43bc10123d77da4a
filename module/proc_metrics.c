// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/metrics: OpenMetrics text, version 1.0. Counters are kept where
 * things happen, so reading costs the same whatever the number of agents.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "agent.h"
#include "cgroup.h"
#include "cgroup_pool.h"
#include "event.h"
#include "hooks.h"
#include "member.h"
#include "params.h"
#include "proc.h"
#include "proc_text.h"
#include "viewer.h"

#define ABI	1

/* What a metric is; its samples follow. */
static void family(struct seq_file *seq, const char *name, const char *type, const char *help)
{
	seq_puts(seq, "# TYPE swarm_guard_");
	seq_puts(seq, name);
	seq_putc(seq, ' ');
	seq_puts(seq, type);
	seq_puts(seq, "\n# HELP swarm_guard_");
	seq_puts(seq, name);
	seq_putc(seq, ' ');
	seq_puts(seq, help);
	seq_putc(seq, '\n');
}

/* The end of a sample's line. Nothing of which there are many is formatted by seq_printf(). */
static void value(struct seq_file *seq, u64 value)
{
	seq_put_decimal_ull(seq, "\"} ", value);
	seq_putc(seq, '\n');
}

static void gauge(struct seq_file *seq, const char *name, u64 value)
{
	seq_puts(seq, "swarm_guard_");
	seq_puts(seq, name);
	seq_put_decimal_ull(seq, " ", value);
	seq_putc(seq, '\n');
}

static void counter(struct seq_file *seq, const char *name, u64 value)
{
	seq_puts(seq, "swarm_guard_");
	seq_puts(seq, name);
	seq_put_decimal_ull(seq, "_total ", value);
	seq_putc(seq, '\n');
}

static void show_module(struct seq_file *seq)
{
	family(seq, "build", "info", "The module and its interface.");
	seq_printf(seq, "swarm_guard_build_info{abi=\"%d\",version=\"%s\"} 1\n", ABI,
		   THIS_MODULE->version);
	family(seq, "mode", "stateset", "Whether policies are enforced, or violations only reported.");
	seq_printf(seq, "swarm_guard_mode{swarm_guard_mode=\"enforce\"} %d\n", !!swarm_enforcing);
	seq_printf(seq, "swarm_guard_mode{swarm_guard_mode=\"report\"} %d\n", !swarm_enforcing);
}

static void show_agents(struct seq_file *seq, u64 active, u64 created, u64 destroyed)
{
	family(seq, "agents", "gauge", "Agents that are listed.");
	gauge(seq, "agents", active);
	family(seq, "agents_created", "counter", "Agents that were registered.");
	counter(seq, "agents_created", created);
	family(seq, "agents_destroyed", "counter", "Agents that are gone.");
	counter(seq, "agents_destroyed", destroyed);
}

static void show_violations(struct seq_file *seq)
{
	int kind, outcome;

	family(seq, "violations", "counter", "What members tried against their policy, and what was done.");
	for (kind = 0; kind < SWARM_NR_KINDS; kind++)
		for (outcome = 0; outcome < SWARM_NR_OUTCOMES; outcome++) {
			seq_puts(seq, "swarm_guard_violations_total{kind=\"");
			seq_puts(seq, swarm_kind_name(kind));
			seq_puts(seq, "\",action=\"");
			seq_puts(seq, swarm_outcome_name(outcome));
			value(seq, atomic64_read(&swarm_outcomes[kind][outcome]));
		}
}

static void show_hooks(struct seq_file *seq)
{
	const char *function;
	unsigned int nr;
	u64 runs;

	family(seq, "hook_runs", "counter", "Calls of the hooked functions, by anybody.");
	for (nr = 0; swarm_hook_runs(nr, &function, &runs); nr++) {
		seq_puts(seq, "swarm_guard_hook_runs_total{function=\"");
		seq_puts(seq, function);
		value(seq, runs);
	}
}

static void show_pool(struct seq_file *seq)
{
	struct swarm_pool_counts counts;

	swarm_pool_counts(&counts);
	family(seq, "cgroup_pool", "gauge", "Cgroups made ahead that wait for an agent.");
	gauge(seq, "cgroup_pool", counts.ready);
	family(seq, "cgroup_pool_hits", "counter", "Cgroups of agents that had been made ahead.");
	counter(seq, "cgroup_pool_hits", counts.hits);
	family(seq, "cgroup_pool_misses", "counter", "Cgroups of agents that had to be made for them, with the pool in use.");
	counter(seq, "cgroup_pool_misses", counts.misses);
}

static void show_all(struct seq_file *seq)
{
	show_agents(seq, atomic64_read(&swarm_totals.active), atomic64_read(&swarm_totals.created),
		    atomic64_read(&swarm_totals.destroyed));
	family(seq, "agents_frozen", "gauge", "Agents whose processes are stopped by update.");
	gauge(seq, "agents_frozen", atomic64_read(&swarm_totals.frozen));
	family(seq, "members", "gauge", "Processes of agents.");
	gauge(seq, "members", atomic_read(&swarm_nr_members));
	family(seq, "armed", "gauge", "Threads whose next fork becomes an agent.");
	gauge(seq, "armed", atomic_read(&swarm_nr_armed));
	family(seq, "cgroups", "gauge", "Cgroups made for agents and not removed yet.");
	gauge(seq, "cgroups", swarm_cgroup_count());
	show_pool(seq);
	show_violations(seq);
	show_hooks(seq);
	family(seq, "events", "counter", "Events recorded.");
	counter(seq, "events", swarm_event_head() - 1);
	family(seq, "events_lost", "counter", "Events overwritten before a reader came to them, summed over readers.");
	counter(seq, "events_lost", atomic64_read(&swarm_events_lost));
}

/* Inside an agent: that agent alone; in a foreign container: none. */
static void show_own(struct seq_file *seq, u64 scope)
{
	u64 active = 0, members = 0, violations = 0;
	struct swarm_agent *agent;

	rcu_read_lock();
	agent = swarm_agent_find(scope);
	if (agent) {
		active = 1;
		violations = atomic64_read(&agent->violations);
		members = READ_ONCE(agent->nr_members);
	}
	rcu_read_unlock();
	show_agents(seq, active, active, 0);
	family(seq, "members", "gauge", "Processes of agents.");
	gauge(seq, "members", members);
	family(seq, "violations", "counter", "What members tried against their policy, and what was done.");
	counter(seq, "violations", violations);
}

static void show_metrics(struct seq_file *seq, u64 scope)
{
	show_module(seq);
	if (scope == SWARM_SCOPE_ALL)
		show_all(seq);
	else
		show_own(seq, scope);
	seq_puts(seq, "# EOF\n");
}

static int metrics_open(struct inode *inode, struct file *file)
{
	return swarm_text_open(file, show_metrics);
}

const struct proc_ops swarm_proc_metrics_ops = {
	.proc_open = metrics_open,
	.proc_read = swarm_text_read,
	.proc_lseek = no_seek_end_llseek,
	.proc_release = swarm_text_release,
};
