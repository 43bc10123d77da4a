// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What agents use up.
 *
 * What cgroup v2 counts is read from its files, which sleeps: by the worker that tells
 * of an agent's end, and by whoever asks with "inspect". How long a process ran is known
 * without a cgroup, too.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kconfig.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/path.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/seq_buf.h>
#include <linux/seqlock.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>
#include <linux/types.h>
#include <asm/barrier.h>

#include "agent.h"
#include "cgroup.h"
#include "errand.h"
#include "member.h"
#include "usage.h"

/* More than any of the files has: cpu.stat has ten lines of at most forty bytes. */
#define FILE_MAX_BYTES	512

/* What is read of a cgroup */

/* The number behind a label, which begins a line or stands behind a space; or unknown. */
static u64 number_behind(const char *text, const char *label)
{
	const char *at = text;
	u64 value = 0;

	while ((at = strstr(at, label)) && at != text && at[-1] != '\n' && at[-1] != ' ')
		at++;
	if (!at)
		return SWARM_UNKNOWN;
	at += strlen(label);
	if (*at < '0' || *at > '9')
		return SWARM_UNKNOWN;
	for (; *at >= '0' && *at <= '9'; at++)
		value = 10 * value + (*at - '0');
	return value;
}

/**
 * struct reading - what is being read of a cgroup
 * @dir: its directory
 * @err: -ENOMEM if memory was too short for any of its files; a file that is not there is
 *	 no error
 * @text: what is in the file that was read last
 */
struct reading {
	struct path dir;
	int err;
	char text[FILE_MAX_BYTES];
};

static int begin_reading(const struct swarm_cgroup *cgroup, struct reading *from)
{
	from->err = 0;
	return swarm_cgroup_find(cgroup, &from->dir);
}

static bool has_text(struct reading *from, ssize_t length)
{
	if (length == -ENOMEM)
		from->err = -ENOMEM;
	return length > 0;
}

static bool read_text(struct reading *from, const char *file)
{
	return has_text(from, swarm_read_file(&from->dir, file, from->text, sizeof(from->text)));
}

static u64 read_number(struct reading *from, const char *file)
{
	return read_text(from, file) ? number_behind(from->text, "") : SWARM_UNKNOWN;
}

static void read_cpu(struct reading *from, struct swarm_usage *usage)
{
	const char *text = from->text;

	if (!read_text(from, "cpu.stat"))
		return;
	usage->cpu_usec = number_behind(text, "usage_usec ");
	usage->user_usec = number_behind(text, "user_usec ");
	usage->system_usec = number_behind(text, "system_usec ");
	usage->nr_throttled = number_behind(text, "nr_throttled ");
	usage->throttled_usec = number_behind(text, "throttled_usec ");
}

/* "some avg10=0.12 avg60=0.00 avg300=0.00 total=1234", and the same of "full". */
static void read_pressure(struct reading *from, const char *file,
			  struct swarm_pressure pressure[SWARM_NR_WAITING])
{
	static const char *const lines[SWARM_NR_WAITING] = {
		[SWARM_WAITING_SOME] = "some ",
		[SWARM_WAITING_FULL] = "full ",
	};
	const char *line, *point;
	int i;

	if (!read_text(from, file))
		return;
	for (i = 0; i < SWARM_NR_WAITING; i++) {
		line = strstr(from->text, lines[i]);
		if (!line)
			continue;
		point = strchr(line, '.');
		if (!point)
			continue;
		pressure[i].avg10 = 100 * number_behind(line, "avg10=") +
				    number_behind(point, ".");
		pressure[i].total_usec = number_behind(line, "total=");
	}
}

static void forget_all(struct swarm_usage *usage)
{
	static_assert(SWARM_UNKNOWN == U64_MAX);
	memset(usage, 0xff, sizeof(*usage));
}

/* What was counted since @before; a figure that was unknown then counts as 0. */
static void subtract(u64 *value, u64 before)
{
	if (*value != SWARM_UNKNOWN && before != SWARM_UNKNOWN)
		*value -= min(*value, before);
}

static void subtract_all(struct swarm_usage *usage, const struct swarm_usage *before)
{
	int i, j;

	subtract(&usage->cpu_usec, before->cpu_usec);
	subtract(&usage->user_usec, before->user_usec);
	subtract(&usage->system_usec, before->system_usec);
	subtract(&usage->nr_throttled, before->nr_throttled);
	subtract(&usage->throttled_usec, before->throttled_usec);
	for (i = 0; i < SWARM_NR_PRESSED; i++)
		for (j = 0; j < SWARM_NR_WAITING; j++)
			subtract(&usage->pressure[i][j].total_usec,
				 before->pressure[i][j].total_usec);
}

/* What an agent used in the cgroup that it had before: a figure that nothing counted adds none. */
static void add(u64 *value, u64 former)
{
	if (former != SWARM_UNKNOWN)
		*value = former + (*value == SWARM_UNKNOWN ? 0 : *value);
}

static void add_all(struct swarm_usage *usage, const struct swarm_usage *former)
{
	int i, j;

	add(&usage->cpu_usec, former->cpu_usec);
	add(&usage->user_usec, former->user_usec);
	add(&usage->system_usec, former->system_usec);
	add(&usage->nr_throttled, former->nr_throttled);
	add(&usage->throttled_usec, former->throttled_usec);
	for (i = 0; i < SWARM_NR_PRESSED; i++)
		for (j = 0; j < SWARM_NR_WAITING; j++)
			add(&usage->pressure[i][j].total_usec,
			    former->pressure[i][j].total_usec);
}

static u64 read_peak(struct reading *from, const struct swarm_usage_mark *mark)
{
	/* Pairs with swarm_usage_begin(). */
	struct file *peak = smp_load_acquire(&mark->peak);

	if (!peak)
		return read_number(from, "memory.peak");
	return has_text(from, swarm_read(peak, from->text, sizeof(from->text))) ?
		number_behind(from->text, "") : SWARM_UNKNOWN;
}

static void read_counters(struct reading *from, struct swarm_usage *usage)
{
	read_cpu(from, usage);
	read_pressure(from, "cpu.pressure", usage->pressure[SWARM_PRESSED_CPU]);
	read_pressure(from, "memory.pressure", usage->pressure[SWARM_PRESSED_MEMORY]);
}

static int begin_in(struct swarm_cgroup *cgroup)
{
	struct swarm_usage_mark *mark = swarm_cgroup_mark(cgroup);
	struct swarm_usage before;
	struct reading from;
	struct file *peak;
	int err;

	err = begin_reading(cgroup, &from);
	if (err)
		return err == -ENOMEM ? err : 0;
	/* Whoever inspects the agent subtracts it meanwhile. */
	forget_all(&before);
	read_counters(&from, &before);
	if (from.err)
		goto put;
	mark->before = before;
	if (!mark->peak) {
		peak = swarm_open_file(&from.dir, "memory.peak", O_RDWR);
		if (!IS_ERR(peak))
			/* Whoever inspects the agent may come across it at once. */
			smp_store_release(&mark->peak, peak);
		else if (peak == ERR_PTR(-ENOMEM))
			from.err = -ENOMEM;
	}
	/* Whatever is written makes what is read by this file start from now. */
	if (mark->peak && swarm_write(mark->peak, "reset") == -ENOMEM)
		from.err = -ENOMEM;
put:
	path_put(&from.dir);
	return from.err;
}

/**
 * swarm_usage_begin - an agent that has its cgroup already begins another life
 *
 * Sleeps. By the first process of that life, before it is in there. What the kernel has no
 * file for goes on counting.
 *
 * Return: 0; -ENOMEM if memory was too short.
 */
int swarm_usage_begin(struct swarm_agent *agent)
{
	struct swarm_cgroup *own, *cgroup;
	bool again;
	int err;

	/* Once more where an update has given it another one meanwhile. */
	do {
		err = 0;
		own = swarm_cgroup_get(agent);
		for (cgroup = own; cgroup && !err; cgroup = swarm_cgroup_former(cgroup))
			err = begin_in(cgroup);
		again = READ_ONCE(agent->cgroup) != own;
		swarm_cgroup_put(own);
	} while (again && !err);
	return err;
}

/**
 * swarm_usage_forget - a cgroup goes that was counted in
 */
void swarm_usage_forget(struct swarm_usage_mark *mark)
{
	if (mark->peak)
		filp_close(mark->peak, NULL);
}

static int read_at_end(struct swarm_cgroup *cgroup, struct swarm_usage *usage)
{
	struct reading from;
	int err;

	forget_all(usage);
	err = begin_reading(cgroup, &from);
	if (err)
		return err == -ENOMEM ? err : 0;
	read_cpu(&from, usage);
	usage->memory_peak = read_peak(&from, swarm_cgroup_mark(cgroup));
	subtract_all(usage, &swarm_cgroup_mark(cgroup)->before);
	path_put(&from.dir);
	return from.err;
}

/**
 * swarm_usage_at_end - what the cgroup of an agent has counted whose processes are gone
 * @usage: set to the CPU time and the most memory, if it has a memory limit
 *
 * Sleeps. Nobody but the caller ends the agent's use of its cgroup.
 *
 * Return: 0; -ENOMEM if memory was too short for all of it, and @usage has the rest.
 */
int swarm_usage_at_end(const struct swarm_agent *agent, struct swarm_usage *usage)
{
	struct swarm_cgroup *cgroup = agent->cgroup;
	struct swarm_cgroup *former = swarm_cgroup_former(cgroup);
	struct swarm_usage before;
	int err = read_at_end(cgroup, usage), ret;

	if (!former)
		return err;
	ret = read_at_end(former, &before);
	add_all(usage, &before);
	return err ?: ret;
}

static int read_now(struct swarm_cgroup *cgroup, struct swarm_usage *usage)
{
	struct reading from;
	int err;

	forget_all(usage);
	err = begin_reading(cgroup, &from);
	if (err)
		return err == -ENOMEM ? err : 0;
	read_counters(&from, usage);
	usage->memory = read_number(&from, "memory.current");
	usage->memory_peak = read_peak(&from, swarm_cgroup_mark(cgroup));
	usage->pids = read_number(&from, "pids.current");
	subtract_all(usage, &swarm_cgroup_mark(cgroup)->before);
	path_put(&from.dir);
	return from.err;
}

/**
 * swarm_usage_now - all that the cgroup of an agent has counted so far
 * @agent: the caller has a use of it; NULL for none
 * @usage: set to it
 *
 * Sleeps.
 *
 * Return: 0, or -ENOMEM if memory was too short for any of it.
 */
int swarm_usage_now(const struct swarm_agent *agent, struct swarm_usage *usage)
{
	struct swarm_cgroup *cgroup = agent ? swarm_cgroup_get(agent) : NULL;
	struct swarm_cgroup *former = cgroup ? swarm_cgroup_former(cgroup) : NULL;
	struct swarm_usage before;
	int err = read_now(cgroup, usage);

	/* Memory and pids of the former one are nobody's any more. */
	if (!err && former) {
		err = read_now(former, &before);
		add_all(usage, &before);
	}
	swarm_cgroup_put(cgroup);
	return err;
}

/* What is known without a cgroup */

/*
 * How long the calling thread has run. The scheduler adds what it ran only now and then,
 * so that a short process would have run for no time at all: the rest is what its clock
 * says since. That is the clock of the scheduler's own time, unless time spent in
 * interrupts, or stolen by a hypervisor, is taken out of it.
 */
static u64 own_cpu(void)
{
	const struct sched_entity *entity = &current->se;
	u64 sum, start, now;

	do {
		sum = READ_ONCE(entity->sum_exec_runtime);
		start = READ_ONCE(entity->exec_start);
		now = local_clock();
	} while (sum != READ_ONCE(entity->sum_exec_runtime));
	if (IS_ENABLED(CONFIG_IRQ_TIME_ACCOUNTING) || IS_ENABLED(CONFIG_PARAVIRT_TIME_ACCOUNTING) ||
	    now < start)
		return sum;
	return sum + (now - start);
}

static __always_inline u64 sum_threads(const struct signal_struct *signal)
{
	u64 sum = signal->sum_sched_runtime;
	const struct task_struct *thread;

	__for_each_thread(signal, thread)
		sum += thread == current ? own_cpu() : READ_ONCE(thread->se.sum_exec_runtime);
	return sum;
}

/* While no thread is reaped: so many may be that looking at all without the lock never ends. */
static noinline u64 sum_threads_locked(struct signal_struct *signal)
{
	unsigned long flags;
	u64 sum;

	read_seqlock_excl_irqsave(&signal->stats_lock, flags);
	sum = sum_threads(signal);
	read_sequnlock_excl_irqrestore(&signal->stats_lock, flags);
	return sum;
}

/**
 * swarm_usage_cpu_of - how long a process has run, all its threads, those that are gone too
 * @task: any of them, held, or under rcu_read_lock()
 *
 * As far as the scheduler has looked, but for the calling thread.
 *
 * Return: nanoseconds.
 */
u64 swarm_usage_cpu_of(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	unsigned int seq;
	u64 sum;

	rcu_read_lock();
	/* A thread that is reaped goes from the list into the sum. */
	seq = read_seqbegin(&signal->stats_lock);
	sum = sum_threads(signal);
	if (unlikely(read_seqretry(&signal->stats_lock, seq)))
		sum = sum_threads_locked(signal);
	rcu_read_unlock();
	return sum;
}

/**
 * swarm_usage_cpu_of_member - how long a process has run since it became a member
 * @task: as swarm_usage_cpu_of()
 *
 * Return: nanoseconds.
 */
u64 swarm_usage_cpu_of_member(const struct swarm_member *member, struct task_struct *task)
{
	u64 cpu = swarm_usage_cpu_of(task);

	return cpu - min(cpu, member->cpu_before);
}

/**
 * swarm_usage_cpu - how long an agent's processes have run
 * @usage: what its cgroup has counted
 * @cpu: what is known of the processes themselves, in nanoseconds
 *
 * Both may be short of it: a cgroup learns of what the last process ran only when that
 * has left the processor, but knows of processes that were never members.
 *
 * Return: microseconds.
 */
u64 swarm_usage_cpu(const struct swarm_usage *usage, u64 cpu)
{
	u64 cpu_usec = div_u64(cpu, NSEC_PER_USEC);

	if (usage && usage->cpu_usec != SWARM_UNKNOWN)
		return max(usage->cpu_usec, cpu_usec);
	return cpu_usec;
}

/* What is told of it */

static void put_known(struct seq_buf *out, const char *key, u64 value)
{
	if (value != SWARM_UNKNOWN)
		seq_buf_printf(out, ",\"%s\":%llu", key, value);
}

static void put_waiting(struct seq_buf *out, char before, const char *key,
			const struct swarm_pressure *pressure)
{
	seq_buf_printf(out, "%c\"%s\":{\"avg10\":%llu.%02llu,\"total_usec\":%llu}", before, key,
		       pressure->avg10 / 100, pressure->avg10 % 100, pressure->total_usec);
}

static void put_pressure(struct seq_buf *out, const struct swarm_usage *usage)
{
	static const char *const pressed[SWARM_NR_PRESSED] = {
		[SWARM_PRESSED_CPU] = "cpu",
		[SWARM_PRESSED_MEMORY] = "memory",
	};
	static const char *const waiting[SWARM_NR_WAITING] = {
		[SWARM_WAITING_SOME] = "some",
		[SWARM_WAITING_FULL] = "full",
	};
	bool any = false;
	int i, j;

	for (i = 0; i < SWARM_NR_PRESSED; i++) {
		const struct swarm_pressure *pressure = usage->pressure[i];

		/* Both lines are there, or neither is. */
		if (pressure[SWARM_WAITING_SOME].total_usec == SWARM_UNKNOWN ||
		    pressure[SWARM_WAITING_FULL].total_usec == SWARM_UNKNOWN)
			continue;
		seq_buf_printf(out, "%s\"%s\":", any ? "," : ",\"pressure\":{", pressed[i]);
		for (j = 0; j < SWARM_NR_WAITING; j++)
			put_waiting(out, j ? ',' : '{', waiting[j], &pressure[j]);
		seq_buf_putc(out, '}');
		any = true;
	}
	if (any)
		seq_buf_putc(out, '}');
}

/**
 * swarm_usage_put - print what an agent uses, as an object of JSON
 * @life: what is known of its processes
 * @live: what those of them use that have not left it
 * @usage: what its cgroup has counted
 */
void swarm_usage_put(struct seq_buf *out, const struct swarm_agent *agent,
		     const struct swarm_life *life, const struct swarm_live_usage *live,
		     const struct swarm_usage *usage)
{
	u64 end = life->ended ?: ktime_get_ns();

	seq_buf_printf(out, "{\"pids\":%llu,\"oom_kills\":%llu,\"runtime_usec\":%llu,\"cpu_usec\":%llu",
		       usage->pids == SWARM_UNKNOWN ? live->threads : usage->pids,
		       (u64)atomic64_read(&agent->oom_kills),
		       life->began ? div_u64(end - life->began, NSEC_PER_USEC) : 0,
		       swarm_usage_cpu(usage, life->cpu + live->cpu));
	put_known(out, "user_usec", usage->user_usec);
	put_known(out, "system_usec", usage->system_usec);
	put_known(out, "nr_throttled", usage->nr_throttled);
	put_known(out, "throttled_usec", usage->throttled_usec);
	put_known(out, "memory", usage->memory);
	put_known(out, "memory_peak", usage->memory_peak);
	put_pressure(out, usage);
	seq_buf_putc(out, '}');
}
