// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The files that an agent may execute, resolved when its policy is made and
 * compared by inode from then on: what a path leads to later changes nothing, and
 * nor does another path to the same file (a hard link, a bind mount, a symlink).
 */
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/jhash.h>
#include <linux/limits.h>
#include <linux/namei.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "agent.h"
#include "exec_paths.h"
#include "refuse.h"

/* Deeper than this no path that a system call takes can reach. */
#define DEPTH_MAX	(PATH_MAX / 2)
/* How often the hook itself looks again while directories are being renamed. */
#define RENAME_TRIES	16

static LLIST_HEAD(dropped);
static void free_dropped(struct work_struct *work);
static DECLARE_WORK(drop_work, free_dropped);

static const struct inode *inode_of(const struct swarm_exec_paths *paths, u32 i)
{
	/* Stays: a dentry that is referred to keeps its inode even when unlinked. */
	return d_inode(paths->paths[i].dentry);
}

/* Resolving */

static int refuse_lookup(struct swarm_policy_error *err, int ret, u32 nr, bool tree)
{
	switch (ret) {
	case -ENOMEM:
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	case -ENOENT:
		return swarm_refuse(err, -EINVAL, "exec_paths",
				    "path %u does not exist; files are named as they are when the agent is created",
				    nr);
	case -ENOTDIR:
		if (tree)
			return swarm_refuse(err, -EINVAL, "exec_paths",
					    "path %u leads through or to what is no directory; leave out the / at its end for a file",
					    nr);
		return swarm_refuse(err, -EINVAL, "exec_paths",
				    "path %u leads through what is no directory", nr);
	default:
		return swarm_refuse(err, -EINVAL, "exec_paths",
				    "path %u cannot be followed by the writer (error %d)",
				    nr, -ret);
	}
}

/* With the writer's credentials, root and mount namespace. */
static int resolve(const char *name, bool tree, u32 nr, struct path *path,
		   struct swarm_policy_error *err)
{
	int ret = kern_path(name, LOOKUP_FOLLOW | (tree ? LOOKUP_DIRECTORY : 0), path);

	if (ret)
		return refuse_lookup(err, ret, nr, tree);
	if (tree || d_is_reg(path->dentry))
		return 0;
	ret = swarm_refuse(err, -EINVAL, "exec_paths", d_is_dir(path->dentry) ?
			   "path %u is a directory; end it with / for the tree under it" :
			   "path %u is no regular file", nr);
	path_put(path);
	return ret;
}

/* Keep the paths in order, each inode once; takes over the reference. */
static void insert(struct swarm_exec_paths *paths, struct path *path)
{
	const struct inode *inode = d_inode(path->dentry);
	u32 i = 0;

	while (i < paths->nr && inode_of(paths, i) < inode)
		i++;
	if (i < paths->nr && inode_of(paths, i) == inode) {
		path_put(path);
		return;
	}
	memmove(&paths->paths[i + 1], &paths->paths[i], (paths->nr - i) * sizeof(*path));
	paths->paths[i] = *path;
	paths->nr++;
}

/**
 * swarm_exec_paths_resolve - look up the exec_paths of a request
 * @request: as parsed
 * @text: the buffer that the parser decoded the paths into
 * @err: filled after an error
 *
 * For the writer itself: each path is followed as the calling process sees it,
 * symlinks at its end included.
 *
 * Return: the paths; NULL where the request has none; -EINVAL for a path that does
 * not exist or is of the wrong kind; -ENOMEM.
 */
struct swarm_exec_paths *swarm_exec_paths_resolve(const struct swarm_request *request,
						  const u8 *text,
						  struct swarm_policy_error *err)
{
	struct swarm_exec_paths *paths;
	u32 i;

	if (!request->nr_exec_paths)
		return NULL;
	paths = kzalloc(struct_size(paths, paths, request->nr_exec_paths), GFP_KERNEL_ACCOUNT);
	if (!paths)
		return ERR_PTR(swarm_refuse(err, -ENOMEM, "", "out of memory"));

	for (i = 0; i < request->nr_exec_paths; i++) {
		const struct swarm_exec_path *from = &request->exec_paths[i];
		char *name = kmemdup_nul(text + from->offset, from->length, GFP_KERNEL);
		struct path path;
		int ret;

		if (name)
			ret = resolve(name, name[from->length - 1] == '/', i + 1, &path, err);
		else
			ret = swarm_refuse(err, -ENOMEM, "", "out of memory");
		kfree(name);
		if (ret) {
			swarm_exec_paths_free(paths);
			return ERR_PTR(ret);
		}
		insert(paths, &path);
	}
	return paths;
}

/* Letting go */

/**
 * swarm_exec_paths_free - let go of what was resolved; may sleep
 * @paths: which; NULL does nothing
 */
void swarm_exec_paths_free(struct swarm_exec_paths *paths)
{
	u32 i;

	if (!paths)
		return;
	for (i = 0; i < paths->nr; i++)
		path_put(&paths->paths[i]);
	kfree(paths);
}

static void free_dropped(struct work_struct *work)
{
	struct swarm_exec_paths *paths, *next;

	llist_for_each_entry_safe(paths, next, llist_del_all(&dropped), dropped)
		swarm_exec_paths_free(paths);
}

/**
 * swarm_exec_paths_drop - as swarm_exec_paths_free(), from any context
 * @paths: which; no hook may look at them any more; NULL does nothing
 *
 * Letting go of a file may write to a disk, so a worker does it.
 */
void swarm_exec_paths_drop(struct swarm_exec_paths *paths)
{
	if (paths && llist_add(&paths->dropped, &dropped))
		queue_work(swarm_workqueue, &drop_work);
}

/* Comparing */

/**
 * swarm_exec_paths_hash - a hash of the inodes; of NULL, the seed
 */
u32 swarm_exec_paths_hash(const struct swarm_exec_paths *paths, u32 seed)
{
	const struct inode *inode;
	u32 i;

	for (i = 0; paths && i < paths->nr; i++) {
		inode = inode_of(paths, i);
		seed = jhash(&inode, sizeof(inode), seed);
	}
	return seed;
}

/**
 * swarm_exec_paths_equal - do both name the same files? Either may be NULL.
 */
bool swarm_exec_paths_equal(const struct swarm_exec_paths *a, const struct swarm_exec_paths *b)
{
	u32 i;

	if (!a || !b)
		return a == b;
	if (a->nr != b->nr)
		return false;
	for (i = 0; i < a->nr; i++)
		if (inode_of(a, i) != inode_of(b, i))
			return false;
	return true;
}

static bool names(const struct swarm_exec_paths *paths, const struct inode *inode)
{
	u32 i;

	for (i = 0; i < paths->nr; i++)
		if (inode_of(paths, i) == inode)
			return true;
	return false;
}

static bool below(const struct swarm_exec_paths *paths, const struct dentry *dentry)
{
	const struct dentry *parent;
	int i;

	for (i = 0; i < DEPTH_MAX; i++) {
		parent = READ_ONCE(dentry->d_parent);
		if (parent == dentry)
			return false;
		if (names(paths, d_inode_rcu(parent)))
			return true;
		dentry = parent;
	}
	return false;
}

/**
 * swarm_exec_paths_find - is a file named, or below a directory that is?
 * @paths: the list
 * @file: what is to be executed
 *
 * In a hook, under rcu_read_lock(): takes no lock. A tree is that of directory
 * entries within one file system, so what is mounted below is not in it; nor is a
 * file that has been unlinked from it, or was never linked (O_TMPFILE).
 *
 * A directory that is renamed while we go up could make a path of pieces that
 * never were one. Renames are told by rename_lock's counter, which is read by hand:
 * on a real-time kernel the usual reader waits for the writer, which would sleep.
 *
 * Return: enum swarm_listed.
 */
enum swarm_listed swarm_exec_paths_find(const struct swarm_exec_paths *paths,
					const struct file *file)
{
	const seqcount_t *renames = &rename_lock.seqcount.seqcount;
	const struct dentry *dentry = file->f_path.dentry;
	unsigned int seq;
	bool found;
	int i;

	if (names(paths, file_inode(file)))
		return SWARM_LISTED;
	if (d_unlinked(dentry))
		return SWARM_UNLISTED;
	for (i = 0; i < RENAME_TRIES; i++) {
		seq = raw_read_seqcount(renames);
		found = below(paths, dentry);
		if (!(seq & 1) && !read_seqcount_retry(renames, seq))
			return found ? SWARM_LISTED : SWARM_UNLISTED;
		cpu_relax();
	}
	return SWARM_LISTED_UNKNOWN;
}
