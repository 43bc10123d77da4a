/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What agents use up: what their cgroups have counted, and what is known without. */
#ifndef SWARM_USAGE_H
#define SWARM_USAGE_H

#include <linux/limits.h>
#include <linux/types.h>

struct file;
struct seq_buf;
struct swarm_agent;
struct swarm_life;
struct swarm_member;
struct task_struct;

/* A figure that nothing counts here. */
#define SWARM_UNKNOWN	U64_MAX

/**
 * struct swarm_pressure - how much of the time tasks waited for something
 * @avg10: of the last ten seconds, in hundredths of a percent
 * @total_usec: in all; SWARM_UNKNOWN where the kernel does not tell
 */
struct swarm_pressure {
	u64 avg10;
	u64 total_usec;
};

/* What the pressure is on, and whether some tasks wait or all of them. */
enum swarm_pressed { SWARM_PRESSED_CPU, SWARM_PRESSED_MEMORY, SWARM_NR_PRESSED };
enum swarm_waiting { SWARM_WAITING_SOME, SWARM_WAITING_FULL, SWARM_NR_WAITING };

/**
 * struct swarm_usage - what a cgroup has counted, each SWARM_UNKNOWN where it has not
 * @cpu_usec: how long its processes ran
 * @user_usec: of that, outside the kernel ...
 * @system_usec: ... and inside
 * @nr_throttled: in how many periods cpu_quota held them back
 * @throttled_usec: for how long
 * @memory: bytes it has
 * @memory_peak: bytes it had at most
 * @pids: processes and threads
 * @pressure: by enum swarm_pressed and enum swarm_waiting
 */
struct swarm_usage {
	u64 cpu_usec;
	u64 user_usec;
	u64 system_usec;
	u64 nr_throttled;
	u64 throttled_usec;
	u64 memory;
	u64 memory_peak;
	u64 pids;
	struct swarm_pressure pressure[SWARM_NR_PRESSED][SWARM_NR_WAITING];
};

/**
 * struct swarm_usage_mark - where a cgroup's counting begins that serves more than one life
 * @before: what it had counted then
 * @peak: its memory.peak, which tells whoever has it open of the time since; or NULL
 */
struct swarm_usage_mark {
	struct swarm_usage before;
	struct file *peak;
};

/**
 * struct swarm_live_usage - what processes use that have not left their agent
 * @cpu: how long they ran as its own, in nanoseconds
 * @threads: how many threads they have
 */
struct swarm_live_usage {
	u64 cpu;
	u64 threads;
};

int swarm_usage_begin(struct swarm_agent *agent);
void swarm_usage_forget(struct swarm_usage_mark *mark);
int swarm_usage_at_end(const struct swarm_agent *agent, struct swarm_usage *usage);
int swarm_usage_now(const struct swarm_agent *agent, struct swarm_usage *usage);
u64 swarm_usage_cpu_of(struct task_struct *task);
u64 swarm_usage_cpu_of_member(const struct swarm_member *member, struct task_struct *task);
u64 swarm_usage_cpu(const struct swarm_usage *usage, u64 cpu);
void swarm_usage_put(struct seq_buf *out, const struct swarm_agent *agent,
		     const struct swarm_life *life, const struct swarm_live_usage *live,
		     const struct swarm_usage *usage);

#endif
