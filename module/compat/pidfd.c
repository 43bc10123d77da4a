// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The process behind a pidfd. The kernel's own pidfd_pid() is not exported. Since 6.9
 * pidfds are files of a file system of their own, pidfs, whose inodes have the struct
 * pid (fs/pidfs.c).
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/pid.h>

#include "compat.h"

/**
 * swarm_pidfd_pid - the process behind a pidfd
 * @fd: a descriptor of the calling task's
 *
 * Return: its pid, with a reference for the caller; -EBADF where it is no pidfd.
 */
struct pid *swarm_pidfd_pid(int fd)
{
	struct file *file = fget(fd);
	struct pid *pid = NULL;

	if (!file)
		return ERR_PTR(-EBADF);
	if (file_inode(file)->i_sb->s_magic == PID_FS_MAGIC)
		pid = get_pid(file_inode(file)->i_private);
	fput(file);
	return pid ?: ERR_PTR(-EBADF);
}
