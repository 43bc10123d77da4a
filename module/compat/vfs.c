// SPDX-License-Identifier: MIT OR Apache-2.0
/* Making and removing a directory changed its calling convention in 6.15 to 6.19. */
#include <linux/fs.h>
#include <linux/namei.h>

#include "compat/compat.h"

#ifdef SWARM_HAVE_START_CREATING_NOPERM

int swarm_make_dir(const struct path *parent, const char *name)
{
	struct dentry *dentry = start_creating_noperm(parent->dentry, &QSTR(name));

	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
#ifdef SWARM_HAVE_VFS_MKDIR_DELEGATED
	dentry = vfs_mkdir(mnt_idmap(parent->mnt), d_inode(parent->dentry), dentry, 0755, NULL);
#else
	dentry = vfs_mkdir(mnt_idmap(parent->mnt), d_inode(parent->dentry), dentry, 0755);
#endif
	end_creating(dentry);
	return PTR_ERR_OR_ZERO(dentry);
}

int swarm_remove_dir(const struct path *parent, const char *name)
{
	struct dentry *dentry = start_removing_noperm(parent->dentry, &QSTR(name));
	int err;

	if (IS_ERR(dentry))
		return PTR_ERR(dentry);
#ifdef SWARM_HAVE_VFS_MKDIR_DELEGATED
	err = vfs_rmdir(mnt_idmap(parent->mnt), d_inode(parent->dentry), dentry, NULL);
#else
	err = vfs_rmdir(mnt_idmap(parent->mnt), d_inode(parent->dentry), dentry);
#endif
	end_removing(dentry);
	return err;
}

#else

/* The caller holds the parent's lock. */
static struct dentry *lookup(const struct path *parent, const char *name)
{
#ifdef SWARM_HAVE_LOOKUP_NOPERM
	return lookup_noperm(&QSTR(name), parent->dentry);
#else
	return lookup_one_len(name, parent->dentry, strlen(name));
#endif
}

int swarm_make_dir(const struct path *parent, const char *name)
{
	struct inode *dir = d_inode(parent->dentry);
	struct dentry *dentry;
	int err;

	inode_lock_nested(dir, I_MUTEX_PARENT);
	dentry = lookup(parent, name);
	err = PTR_ERR_OR_ZERO(dentry);
	if (!err && d_really_is_positive(dentry)) {
		dput(dentry);
		err = -EEXIST;
	} else if (!err) {
#ifdef SWARM_HAVE_VFS_MKDIR_RETURNS_DENTRY
		dentry = vfs_mkdir(mnt_idmap(parent->mnt), dir, dentry, 0755);
		err = PTR_ERR_OR_ZERO(dentry);
		if (!err)
			dput(dentry);
#else
		err = vfs_mkdir(mnt_idmap(parent->mnt), dir, dentry, 0755);
		dput(dentry);
#endif
	}
	inode_unlock(dir);
	return err;
}

int swarm_remove_dir(const struct path *parent, const char *name)
{
	struct inode *dir = d_inode(parent->dentry);
	struct dentry *dentry;
	int err;

	inode_lock_nested(dir, I_MUTEX_PARENT);
	dentry = lookup(parent, name);
	err = PTR_ERR_OR_ZERO(dentry);
	if (!err) {
		if (d_really_is_negative(dentry))
			err = -ENOENT;
		else
			err = vfs_rmdir(mnt_idmap(parent->mnt), dir, dentry);
		dput(dentry);
	}
	inode_unlock(dir);
	return err;
}

#endif
