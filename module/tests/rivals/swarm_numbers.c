// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Takes the kernel's numbers of file systems without a device, all but a few, which
 * that many mounted file systems would need gigabytes for:
 *
 *   insmod swarm_numbers.ko left=2
 */
#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>

static unsigned int left;
module_param(left, uint, 0444);
MODULE_PARM_DESC(left, "how many are left (default 0)");

static unsigned long *taken;

static void give_back(unsigned int nr)
{
	unsigned int number;

	for_each_set_bit(number, taken, MINORMASK + 1) {
		if (!nr--)
			break;
		clear_bit(number, taken);
		free_anon_bdev(MKDEV(0, number));
		cond_resched();
	}
}

static int __init numbers_init(void)
{
	dev_t number;
	int err;

	taken = bitmap_zalloc(MINORMASK + 1, GFP_KERNEL);
	if (!taken)
		return -ENOMEM;
	while (!(err = get_anon_bdev(&number))) {
		set_bit(MINOR(number), taken);
		cond_resched();
	}
	if (err == -EMFILE) {
		give_back(left);
		return 0;
	}
	give_back(UINT_MAX);
	bitmap_free(taken);
	return err;
}

static void __exit numbers_exit(void)
{
	give_back(UINT_MAX);
	bitmap_free(taken);
}

module_init(numbers_init);
module_exit(numbers_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Used up numbers of file systems, for SwarmGuard's specs");
