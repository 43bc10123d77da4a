// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Bugs, planted to see that a debug kernel catches their like: only in a module
 * built with SWARM_PLANTED=y, and only when their name is written to the parameter
 * "planted".
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/string.h>

static DEFINE_MUTEX(one);
static DEFINE_MUTEX(other);
static u8 seen;

static void use_after_free(void)
{
	u8 *object = kzalloc(64, GFP_KERNEL);

	if (!object)
		return;
	kfree(object);
	/* The compiler, too, would see it. */
	OPTIMIZER_HIDE_VAR(object);
	WRITE_ONCE(seen, READ_ONCE(object[7]));
}

static void inversion(void)
{
	mutex_lock(&one);
	mutex_lock(&other);
	mutex_unlock(&other);
	mutex_unlock(&one);

	mutex_lock(&other);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&other);
}

static void sleep_in_atomic(void)
{
	preempt_disable();
	kfree(kmalloc(64, GFP_KERNEL));
	preempt_enable();
}

/* More than one, since what is left of a pointer on some stack hides what it points to. */
static void leak(void)
{
	u8 *object;
	int i;

	for (i = 0; i < 16; i++) {
		object = kzalloc(200, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(object);
	}
}

/* Two tasks add to one number, neither knows of the other. */
static int race_in(void *unused)
{
	static unsigned long counted;
	unsigned long end = jiffies + HZ;

	while (time_before(jiffies, end) && !kthread_should_stop()) {
		counted++;
		cond_resched();
	}
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void race(void)
{
	struct task_struct *tasks[2];
	int i;

	for (i = 0; i < 2; i++)
		tasks[i] = kthread_run(race_in, NULL, "swarm_race/%d", i);
	schedule_timeout_uninterruptible(HZ);
	for (i = 0; i < 2; i++)
		if (!IS_ERR(tasks[i]))
			kthread_stop(tasks[i]);
}

static int plant(const char *name, const struct kernel_param *kp)
{
	if (sysfs_streq(name, "uaf"))
		use_after_free();
	else if (sysfs_streq(name, "inversion"))
		inversion();
	else if (sysfs_streq(name, "sleep"))
		sleep_in_atomic();
	else if (sysfs_streq(name, "leak"))
		leak();
	else if (sysfs_streq(name, "race"))
		race();
	else
		return -EINVAL;
	return 0;
}

static const struct kernel_param_ops ops = { .set = plant };
module_param_cb(planted, &ops, NULL, 0200);
MODULE_PARM_DESC(planted, "bug to fall into: uaf, inversion, sleep, leak or race");
