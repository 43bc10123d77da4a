// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A race, planted to be found: two writers of /proc/swarm_planted add to one
 * counter without a lock. Only a task that is preempted between its read and
 * its write loses the other's additions, so that it depends on when the timer
 * interrupts it whether anything goes wrong. The last writer to leave complains
 * if something did.
 *
 *   echo 1000 >/proc/swarm_planted & echo 1000 >/proc/swarm_planted; wait
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/proc_fs.h>

/* Around the few instructions of a race that makes it neither sure nor hopeless. */
#define APART_NS 2000

static unsigned long counter;
static atomic_long_t added;
static atomic_t writers;

static noinline void add_one(void)
{
	unsigned long seen = READ_ONCE(counter);

	/* As long as it takes to compute something from what was read. */
	cpu_relax();
	cpu_relax();
	WRITE_ONCE(counter, seen + 1);
	atomic_long_inc(&added);
}

static ssize_t planted_write(struct file *file, const char __user *text,
			     size_t size, loff_t *pos)
{
	unsigned int times;
	int err = kstrtouint_from_user(text, size, 0, &times);

	if (err)
		return err;
	atomic_inc(&writers);
	while (times--) {
		add_one();
		ndelay(APART_NS);
	}
	if (atomic_dec_and_test(&writers))
		WARN(counter != atomic_long_read(&added),
		     "swarm_planted: %lu of %ld additions are there\n",
		     counter, atomic_long_read(&added));
	return size;
}

static const struct proc_ops planted_ops = {
	.proc_write = planted_write,
};

static int __init planted_init(void)
{
	return proc_create("swarm_planted", 0200, NULL, &planted_ops) ? 0 : -ENOMEM;
}

static void __exit planted_exit(void)
{
	remove_proc_entry("swarm_planted", NULL);
}

module_init(planted_init);
module_exit(planted_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("A planted race, for SwarmGuard's specs");
