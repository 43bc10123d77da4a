// SPDX-License-Identifier: MIT OR Apache-2.0
/* Do vfs_mkdir and vfs_rmdir take a delegated inode (6.19)? */
#include <linux/fs.h>

int probe(struct dentry *dentry);
int probe(struct dentry *dentry)
{
	return vfs_rmdir(NULL, NULL, dentry, NULL);
}
