// SPDX-License-Identifier: MIT OR Apache-2.0
/* Does vfs_mkdir of four arguments return a dentry (6.15 to 6.18) rather than an int? */
#include <linux/fs.h>

struct dentry *probe(struct dentry *dentry);
struct dentry *probe(struct dentry *dentry)
{
	return vfs_mkdir(NULL, NULL, dentry, 0755);
}
