// SPDX-License-Identifier: MIT OR Apache-2.0
/* /dev/hello greets whom the parameter names. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static char *whom = "world";
module_param(whom, charp, 0444);
MODULE_PARM_DESC(whom, "whom to greet");

static ssize_t hello_read(struct file *file, char __user *to, size_t count, loff_t *at)
{
	char text[64];
	int length = scnprintf(text, sizeof(text), "hello, %s\n", whom);

	return simple_read_from_buffer(to, count, at, text, length);
}

static const struct file_operations hello_operations = {
	.owner = THIS_MODULE,
	.read = hello_read,
};

static struct miscdevice hello_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hello",
	.mode = 0444,
	.fops = &hello_operations,
};
module_misc_device(hello_device);

MODULE_DESCRIPTION("A device that greets");
MODULE_LICENSE("Dual MIT/GPL");
