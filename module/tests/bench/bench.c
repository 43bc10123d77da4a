// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The benchmark: calls what the kernel calls of swarm_guard, directly and with
 * interrupts off, and says what it takes. For guests whose time-stamp counter
 * counts instructions; never installed.
 *
 * One order is written to /proc/swarm_bench, and its result read back on the same
 * descriptor, which an agent inherits from its launcher:
 *
 *   clone FLAGS | unshare FLAGS | setns | exec PATH | device TYPE MAJOR MINOR ACCESS |
 *   socket FAMILY TYPE PROTOCOL
 *		the hook on that call, as the calling process would run into it
 *   fork	everything a fork inside an agent adds: hook, fork and exit
 *   fill N	make the table of processes hold N synthetic ones, of no agent
 *   find present | find absent
 *		the lookup of processes in that table, and in it but not there
 *
 * A result is a line of JSON each, {"name":NAME,"least":N,"median":N,"most":N}, less what
 * measuring itself takes.
 * Numbers are hexadecimal with 0x.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/irqflags.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "bench.h"

#define FILE_NAME	"swarm_bench"
#define RESULT_SIZE	512

const struct swarm_view *bench_guard;

/* One measurement at a time: they share the table. */
static DEFINE_MUTEX(measuring);
/* What two readings of the counter are apart with nothing between them. */
static u64 overhead;

void bench_sample(struct bench_samples *samples, u64 start, u64 end)
{
	if (samples->nr < BENCH_ROUNDS)
		samples->counts[samples->nr++] = end - start - min(overhead, end - start);
}

static int by_size(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

void bench_report(struct seq_buf *out, const char *name, struct bench_samples *samples)
{
	u64 *counts = samples->counts;
	unsigned int nr = samples->nr;

	sort(counts, nr, sizeof(*counts), by_size, NULL);
	seq_buf_printf(out, "{\"name\":\"%s\",\"least\":%llu,\"median\":%llu,\"most\":%llu}\n",
		       name, counts[0], counts[nr / 2], counts[nr - 1]);
}

static void calibrate(void)
{
	unsigned long flags;
	u64 start, end;
	int i;

	overhead = U64_MAX;
	local_irq_save(flags);
	for (i = 0; i < 100; i++) {
		start = get_cycles();
		end = get_cycles();
		overhead = min(overhead, end - start);
	}
	local_irq_restore(flags);
}

static const struct {
	const char *name;
	int (*work)(char *order, struct seq_buf *out);
} orders[] = {
	{ "clone", bench_calls },
	{ "unshare", bench_calls },
	{ "setns", bench_calls },
	{ "exec", bench_calls },
	{ "device", bench_calls },
	{ "socket", bench_calls },
	{ "fork", bench_forks },
	{ "fill", bench_table_fill },
	{ "find", bench_table_find },
};

static int obey(char *order, struct seq_buf *out)
{
	size_t length = strcspn(order, " ");
	int i;

	for (i = 0; i < ARRAY_SIZE(orders); i++)
		if (strlen(orders[i].name) == length && !strncmp(order, orders[i].name, length))
			return orders[i].work(order, out);
	return -EINVAL;
}

/* An open file: the last result, and how much of it was read. */
struct bench_file {
	struct seq_buf out;
	loff_t at;
	char text[RESULT_SIZE];
};

static int bench_open(struct inode *inode, struct file *file)
{
	struct bench_file *bench = kzalloc(sizeof(*bench), GFP_KERNEL);

	if (!bench)
		return -ENOMEM;
	seq_buf_init(&bench->out, bench->text, sizeof(bench->text));
	file->private_data = bench;
	return 0;
}

static ssize_t bench_write(struct file *file, const char __user *buf, size_t length, loff_t *pos)
{
	struct bench_file *bench = file->private_data;
	char order[128] = "";
	int err;

	if (length >= sizeof(order))
		return -EINVAL;
	if (copy_from_user(order, buf, length))
		return -EFAULT;
	mutex_lock(&measuring);
	seq_buf_clear(&bench->out);
	bench->at = 0;
	err = obey(strim(order), &bench->out);
	mutex_unlock(&measuring);
	return err ?: length;
}

static ssize_t bench_read(struct file *file, char __user *buf, size_t length, loff_t *pos)
{
	struct bench_file *bench = file->private_data;

	return simple_read_from_buffer(buf, length, &bench->at, bench->text,
				       seq_buf_used(&bench->out));
}

static int bench_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct proc_ops bench_ops = {
	.proc_open = bench_open,
	.proc_read = bench_read,
	.proc_write = bench_write,
	.proc_release = bench_release,
};

static int __init bench_init(void)
{
	bench_guard = symbol_get(swarm_view);
	if (!bench_guard)
		return -ENODEV;
	calibrate();
	if (!proc_create(FILE_NAME, 0600, NULL, &bench_ops)) {
		symbol_put(swarm_view);
		return -ENOMEM;
	}
	return 0;
}

static void __exit bench_exit(void)
{
	remove_proc_entry(FILE_NAME, NULL);
	bench_table_empty();
	symbol_put(swarm_view);
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_AUTHOR("The SwarmGuard authors");
MODULE_DESCRIPTION("Measures SwarmGuard from inside the kernel");
