// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Files of the kernel's own file systems, opened, read and written with the kernel's
 * credentials: by a worker, or by the caller, who borrows them for as long as it takes.
 * A security module sees neither whoever writes to /proc/swarm nor a child being born.
 */
#include <linux/cred.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/namei.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "agent.h"
#include "errand.h"
#include "faults.h"

static struct cred *kernel_creds;

struct errand {
	struct work_struct work;
	int (*run)(void *data);
	void *data;
	unsigned int faults;
	int answer;
};

static void run_errand(struct work_struct *work)
{
	struct errand *errand = container_of(work, struct errand, work);

	swarm_faults_give(errand->faults);
	errand->answer = errand->run(errand->data);
	errand->faults = swarm_faults_take();
}

/**
 * swarm_as_kernel - run a function with the kernel's credentials, root and namespaces
 *
 * Sleeps until a worker has run it.
 *
 * Return: what the function returns.
 */
int swarm_as_kernel(int (*run)(void *data), void *data)
{
	struct errand errand = { .run = run, .data = data };

	if (current->flags & PF_WQ_WORKER)
		return run(data);
	errand.faults = swarm_faults_take();
	INIT_WORK_ONSTACK(&errand.work, run_errand);
	queue_work(swarm_workqueue, &errand.work);
	flush_work(&errand.work);
	swarm_faults_give(errand.faults);
	destroy_work_on_stack(&errand.work);
	return errand.answer;
}

/**
 * swarm_kernel_creds - root's credentials in the initial user namespace, to borrow
 */
const struct cred *swarm_kernel_creds(void)
{
	return kernel_creds;
}

/**
 * swarm_find_dir - a directory by its name, with the kernel's credentials
 * @found: set to it; the caller puts it
 *
 * Return: 0 or a negative errno.
 */
int swarm_find_dir(const struct path *dir, const char *name, struct path *found)
{
	const struct cred *own = override_creds(kernel_creds);
	int err = vfs_path_lookup(dir->dentry, dir->mnt, name, LOOKUP_DIRECTORY, found);

	revert_creds(own);
	return err;
}

/**
 * swarm_write - write a text to a file, with the kernel's credentials
 * @file: open for writing
 *
 * From the caller's context, since what 0 and other ids of processes mean to
 * cgroup.procs depends on it.
 *
 * Return: 0 or a negative errno.
 */
ssize_t swarm_write(struct file *file, const char *text)
{
	const struct cred *own = override_creds(kernel_creds);
	loff_t pos = 0;
	ssize_t written = kernel_write(file, text, strlen(text), &pos);

	revert_creds(own);
	return written < 0 ? written : 0;
}

/**
 * swarm_write_file - write a text to a file, given by its name, likewise
 */
int swarm_write_file(const struct path *dir, const char *name, const char *text)
{
	const struct cred *own = override_creds(kernel_creds);
	struct file *file = file_open_root(dir, name, O_WRONLY, 0);
	int err = PTR_ERR_OR_ZERO(file);

	if (!err) {
		err = swarm_write(file, text);
		filp_close(file, NULL);
	}
	revert_creds(own);
	return err;
}

/**
 * swarm_read - read a small file from its beginning, with the kernel's credentials
 * @file: open for reading
 * @text: set to what is in it, without white space at its end, NUL-terminated
 * @size: of @text
 *
 * Return: the length or a negative errno.
 */
ssize_t swarm_read(struct file *file, char *text, size_t size)
{
	const struct cred *own = override_creds(kernel_creds);
	loff_t pos = 0;
	ssize_t length = kernel_read(file, text, size - 1, &pos);

	revert_creds(own);
	if (length < 0)
		return length;
	text[length] = '\0';
	strim(text);
	return strlen(text);
}

/**
 * swarm_open_file - open a file, given by its name, with the kernel's credentials
 * @flags: O_*
 *
 * Return: the file, which filp_close() closes, or a negative errno.
 */
struct file *swarm_open_file(const struct path *dir, const char *name, int flags)
{
	const struct cred *own = override_creds(kernel_creds);
	struct file *file = file_open_root(dir, name, flags, 0);

	revert_creds(own);
	return file;
}

/**
 * swarm_read_file - read a small file, given by its name, likewise
 */
ssize_t swarm_read_file(const struct path *dir, const char *name, char *text, size_t size)
{
	const struct cred *own = override_creds(kernel_creds);
	struct file *file = file_open_root(dir, name, O_RDONLY, 0);
	ssize_t length = PTR_ERR_OR_ZERO(file);

	if (!length) {
		length = swarm_read(file, text, size);
		filp_close(file, NULL);
	}
	revert_creds(own);
	return length;
}

int __init swarm_errands_init(void)
{
	kernel_creds = prepare_kernel_cred(&init_task);
	return kernel_creds ? 0 : -ENOMEM;
}

void swarm_errands_exit(void)
{
	put_cred(kernel_creds);
}
