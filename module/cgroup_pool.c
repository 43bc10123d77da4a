// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Cgroup directories that are made ahead. Making one takes some 290,000 instructions and
 * a worker, which arming would wait for; writing limits to one that is there takes a few
 * thousand. So a worker keeps up to cgroup_pool of them in each of the two parents, from
 * the first agent on that has needed one there, and makes more when half of them are used.
 *
 * A directory is used once: its counters begin at zero and cannot be set back. It is one
 * of the file system's like any other, so an administrator may find it and do with it
 * what he likes. One in which something has been, that was frozen, or whose processes or
 * limits somebody else may change, is given to nobody: the kernel tells readers of
 * cgroup.events, which is kept open for that. What root writes to other files, such as
 * cpu.weight, stays as it would in an agent's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cgroup.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "agent.h"
#include "cgroup.h"
#include "cgroup_pool.h"
#include "compat/compat.h"
#include "errand.h"
#include "params.h"

#define FILE_NAME_MAX	48
/* How many names that are taken are passed over at a time. */
#define NAMES_MAX	16
/* How long unloading waits for processes of others to leave a directory, in ms. */
#define PATIENCE_MS	1000

const char *const swarm_limit_files[SWARM_NR_LIMIT_FILES] = {
	[SWARM_CPU_MAX] = "cpu.max",
	[SWARM_PIDS_MAX] = "pids.max",
	[SWARM_SWAP_MAX] = "memory.swap.max",
	[SWARM_OOM_GROUP] = "memory.oom.group",
	[SWARM_MEMORY_MAX] = "memory.max",
};

/**
 * struct swarm_ready - a directory that was made ahead
 * @node: in its pool, or among those that are done with
 * @parent: the directory it is in
 * @cgroup: what it is of; NULL when it is an agent's
 * @id: the number of its inode
 * @procs: cgroup.procs, open for writing; NULL when it is somebody else's
 * @events: cgroup.events, read once
 * @limits: open for writing; an errno for those that it does not have
 * @closed: its files are
 * @spoiled: nobody's, and to be removed
 * @name: its name
 */
struct swarm_ready {
	struct list_head node;
	const struct path *parent;
	struct cgroup *cgroup;
	u64 id;
	struct file *procs, *events;
	struct file *limits[SWARM_NR_LIMIT_FILES];
	bool closed;
	bool spoiled;
	char name[24];
};

/**
 * struct pool - the directories in one parent
 * @parent: where
 * @ready: those that wait
 * @count: how many
 * @wanted: an agent has needed one
 */
struct pool {
	const struct path *parent;
	struct list_head ready;
	unsigned int count;
	bool wanted;
};

/* Of the pools and of those that are done with. */
static DEFINE_SPINLOCK(pool_lock);
static struct pool pools[SWARM_NR_CGROUP_KINDS];
/* Used, whose files are to be closed; or spoiled, whose directories are to be removed, too. */
static LIST_HEAD(done);
static atomic64_t hits = ATOMIC64_INIT(0), misses = ATOMIC64_INIT(0);
/* The last number in a name; the worker's. */
static u64 last_number;

static void tend(struct work_struct *work);
static DECLARE_WORK(tend_work, tend);

/* Making, by the worker */

static struct file *open_in(const struct swarm_ready *ready, const char *file, int flags)
{
	char path[sizeof(ready->name) + FILE_NAME_MAX];

	snprintf(path, sizeof(path), "%s/%s", ready->name, file);
	return swarm_open_file(ready->parent, path, flags);
}

static void close_file(struct file *file)
{
	if (!IS_ERR_OR_NULL(file))
		filp_close(file, NULL);
}

static void close_all(struct swarm_ready *ready)
{
	int i;

	close_file(ready->procs);
	close_file(ready->events);
	for (i = 0; i < SWARM_NR_LIMIT_FILES; i++)
		close_file(ready->limits[i]);
	if (ready->cgroup)
		cgroup_put(ready->cgroup);
	ready->cgroup = NULL;
	ready->closed = true;
}

/* The directory that a file of it is in. */
static struct inode *dir_of(const struct file *file)
{
	return d_inode(file->f_path.dentry->d_parent);
}

static struct cgroup *cgroup_of(const struct swarm_ready *ready)
{
	char *path = kmalloc(PATH_MAX, GFP_KERNEL);
	struct cgroup *cgroup = ERR_PTR(-ENOMEM);

	if (path) {
		const char *parent = dentry_path_raw(ready->parent->dentry, path,
						     PATH_MAX - sizeof(ready->name) - 1);
		int length = IS_ERR(parent) ? 0 : strlen(parent);

		memmove(path, parent, length);
		snprintf(path + length, PATH_MAX - length, "/%s", ready->name);
		cgroup = length ? cgroup_get_from_path(path) : ERR_PTR(-ENAMETOOLONG);
	}
	kfree(path);
	/* Removed and made anew by somebody. */
	if (!IS_ERR(cgroup) && cgroup_id(cgroup) != ready->id) {
		cgroup_put(cgroup);
		cgroup = ERR_PTR(-ESTALE);
	}
	return cgroup;
}

static int open_all(struct swarm_ready *ready)
{
	char text[128];
	int i;

	ready->procs = open_in(ready, "cgroup.procs", O_WRONLY);
	ready->events = open_in(ready, "cgroup.events", O_RDONLY);
	if (IS_ERR(ready->procs))
		return PTR_ERR(ready->procs);
	if (IS_ERR(ready->events))
		return PTR_ERR(ready->events);
	/* A missing one is for whoever needs it to complain about. */
	for (i = 0; i < SWARM_NR_LIMIT_FILES; i++)
		ready->limits[i] = open_in(ready, swarm_limit_files[i], O_WRONLY);
	ready->id = dir_of(ready->procs)->i_ino;
	ready->cgroup = cgroup_of(ready);
	if (IS_ERR(ready->cgroup)) {
		int err = PTR_ERR(ready->cgroup);

		ready->cgroup = NULL;
		return err;
	}
	/* What is told from now on is news; what has come in before is seen only here. */
	if (swarm_read(ready->events, text, sizeof(text)) < 0)
		return -EIO;
	return strstr(text, "populated 0") ? 0 : -EBUSY;
}

static int make_dir(struct swarm_ready *ready)
{
	int tries, err = -EEXIST;

	for (tries = 0; err == -EEXIST && tries < NAMES_MAX; tries++) {
		snprintf(ready->name, sizeof(ready->name), "p%llu", ++last_number);
		err = swarm_make_dir(ready->parent, ready->name);
		/* Left by an earlier load: it goes unless it holds processes. */
		if (err == -EEXIST && !swarm_cgroup_remove_tree(ready->parent, ready->name))
			err = swarm_make_dir(ready->parent, ready->name);
	}
	return err;
}

/* Return: 0, or a negative errno, after which nothing is left. */
static int make_one(struct pool *pool)
{
	struct swarm_ready *ready = kzalloc(sizeof(*ready), GFP_KERNEL);
	int err;

	if (!ready)
		return -ENOMEM;
	ready->parent = pool->parent;
	err = make_dir(ready);
	if (err)
		goto free;
	err = open_all(ready);
	if (err)
		goto remove;
	spin_lock(&pool_lock);
	list_add_tail(&ready->node, &pool->ready);
	pool->count++;
	spin_unlock(&pool_lock);
	return 0;

remove:
	close_all(ready);
	swarm_cgroup_remove_tree(ready->parent, ready->name);
free:
	kfree(ready);
	return err;
}

/* Return: 0; -EBUSY where it holds processes; another negative errno. */
static int remove_dir(const struct swarm_ready *ready)
{
	struct path dir;
	bool same;
	int err;

	err = swarm_find_dir(ready->parent, ready->name, &dir);
	if (err)
		return err;
	/* Not one that somebody has made in its place. */
	same = d_inode(dir.dentry)->i_ino == ready->id;
	path_put(&dir);
	return same ? swarm_cgroup_remove_tree(ready->parent, ready->name) : -ENOENT;
}

/* Closes what was used and removes what was spoiled; what is busy stays. */
static void clear_done(void)
{
	struct swarm_ready *ready, *next;
	LIST_HEAD(list);

	spin_lock(&pool_lock);
	list_splice_init(&done, &list);
	spin_unlock(&pool_lock);
	list_for_each_entry_safe(ready, next, &list, node) {
		int err = 0;

		if (!ready->closed)
			close_all(ready);
		if (ready->spoiled)
			err = remove_dir(ready);
		if (err == -EBUSY || err == -ENOMEM)
			continue;
		list_del(&ready->node);
		kfree(ready);
	}
	spin_lock(&pool_lock);
	list_splice(&list, &done);
	spin_unlock(&pool_lock);
}

static void tend(struct work_struct *work)
{
	int kind;

	clear_done();
	/* Without room or memory: whoever comes next asks again. */
	for (kind = 0; kind < SWARM_NR_CGROUP_KINDS; kind++)
		while (READ_ONCE(pools[kind].wanted) &&
		       READ_ONCE(pools[kind].count) < swarm_cgroup_pool)
			if (make_one(&pools[kind]))
				break;
}

/* Taking, by whoever arms or updates */

static bool owned_by_root(const struct inode *inode)
{
	return uid_eq(inode->i_uid, GLOBAL_ROOT_UID) && gid_eq(inode->i_gid, GLOBAL_ROOT_GID) &&
	       !(inode->i_mode & 0022);
}

static bool limits_owned_by_root(const struct swarm_ready *ready)
{
	int i;

	for (i = 0; i < SWARM_NR_LIMIT_FILES; i++)
		if (!IS_ERR(ready->limits[i]) && !owned_by_root(file_inode(ready->limits[i])))
			return false;
	return true;
}

/*
 * Nothing has been in it, it was not frozen or removed (all of which readers of
 * cgroup.events are told), nobody was given a say in who is in it or in its limits, and
 * it is not threaded. It may have been frozen before cgroup.events was read.
 */
static bool untouched(const struct swarm_ready *ready)
{
	struct cgroup *cgroup = ready->cgroup;

	return !(vfs_poll(ready->events, NULL) & EPOLLPRI) && !cgroup_is_populated(cgroup) &&
	       !READ_ONCE(cgroup->freezer.freeze) && cgroup->dom_cgrp == cgroup &&
	       !cgroup->subtree_control && owned_by_root(dir_of(ready->procs)) &&
	       owned_by_root(file_inode(ready->procs)) && limits_owned_by_root(ready);
}

static struct swarm_ready *take_first(struct pool *pool)
{
	struct swarm_ready *ready;

	spin_lock(&pool_lock);
	ready = list_first_entry_or_null(&pool->ready, struct swarm_ready, node);
	if (ready) {
		list_del(&ready->node);
		pool->count--;
	}
	spin_unlock(&pool_lock);
	return ready;
}

/**
 * swarm_pool_take - take a directory that was made ahead
 * @kind: in which parent
 *
 * Has more made where few are left. May sleep.
 *
 * Return: the directory, for swarm_pool_used() or swarm_pool_spoiled(); NULL where none is
 * there.
 */
struct swarm_ready *swarm_pool_take(enum swarm_cgroup_kind kind)
{
	struct pool *pool = &pools[kind];
	struct swarm_ready *ready = NULL;
	unsigned int tries;

	/* Whoever spoils them as fast as they are made keeps nobody here. */
	for (tries = 0; tries < swarm_cgroup_pool; tries++) {
		ready = take_first(pool);
		if (!ready || untouched(ready))
			break;
		swarm_pool_spoiled(ready);
		ready = NULL;
	}
	if (!swarm_cgroup_pool)
		return NULL;
	WRITE_ONCE(pool->wanted, true);
	if (READ_ONCE(pool->count) <= swarm_cgroup_pool / 2)
		queue_work(swarm_workqueue, &tend_work);
	return ready;
}

/**
 * swarm_ready_name - the name of a directory in its parent
 */
const char *swarm_ready_name(const struct swarm_ready *ready)
{
	return ready->name;
}

/**
 * swarm_ready_procs - its cgroup.procs, open for writing; the caller's from now on
 */
struct file *swarm_ready_procs(struct swarm_ready *ready)
{
	struct file *procs = ready->procs;

	ready->procs = NULL;
	return procs;
}

/**
 * swarm_ready_write - write a limit
 *
 * Return: 0; -ENOENT where it has no such file; -ENODEV where it was removed; another
 * negative errno.
 */
int swarm_ready_write(const struct swarm_ready *ready, enum swarm_limit_file file,
		      const char *text)
{
	struct file *opened = ready->limits[file];

	return IS_ERR(opened) ? PTR_ERR(opened) : swarm_write(opened, text);
}

static void give_back(struct swarm_ready *ready)
{
	spin_lock(&pool_lock);
	list_add_tail(&ready->node, &done);
	spin_unlock(&pool_lock);
}

static void discard(struct swarm_ready *ready)
{
	ready->spoiled = true;
	give_back(ready);
}

/**
 * swarm_pool_missed - an agent has to wait until a directory is made
 */
void swarm_pool_missed(void)
{
	if (swarm_cgroup_pool)
		atomic64_inc(&misses);
}

/**
 * swarm_pool_used - a directory is an agent's now
 */
void swarm_pool_used(struct swarm_ready *ready)
{
	atomic64_inc(&hits);
	/* Its files keep no cgroup that is gone, but this would. */
	cgroup_put(ready->cgroup);
	ready->cgroup = NULL;
	give_back(ready);
}

/**
 * swarm_pool_spoiled - a directory is no agent's; the worker removes it
 */
void swarm_pool_spoiled(struct swarm_ready *ready)
{
	discard(ready);
	queue_work(swarm_workqueue, &tend_work);
}

/**
 * swarm_pool_release - remove all that wait, which take up room that an agent needs
 *
 * With the kernel's credentials, by a worker. More are made when an agent next takes one.
 *
 * Return: whether any were waiting.
 */
bool swarm_pool_release(void)
{
	struct swarm_ready *ready;
	bool any = false;
	int kind;

	for (kind = 0; kind < SWARM_NR_CGROUP_KINDS; kind++) {
		WRITE_ONCE(pools[kind].wanted, false);
		while ((ready = take_first(&pools[kind]))) {
			discard(ready);
			any = true;
		}
	}
	if (any)
		clear_done();
	return any;
}

/**
 * swarm_pool_counts - what the pool has and has done
 */
void swarm_pool_counts(struct swarm_pool_counts *counts)
{
	int kind;

	counts->ready = 0;
	for (kind = 0; kind < SWARM_NR_CGROUP_KINDS; kind++)
		counts->ready += READ_ONCE(pools[kind].count);
	counts->hits = atomic64_read(&hits);
	counts->misses = atomic64_read(&misses);
}

void swarm_pool_init(const struct path *const parents[SWARM_NR_CGROUP_KINDS])
{
	int kind;

	for (kind = 0; kind < SWARM_NR_CGROUP_KINDS; kind++) {
		pools[kind].parent = parents[kind];
		INIT_LIST_HEAD(&pools[kind].ready);
	}
}

/*
 * Before the parents go, with the kernel's credentials. Nobody takes any more.
 */
void swarm_pool_exit(void)
{
	struct swarm_ready *ready, *next;
	int kind, waited;

	/* What it would still make is not waited for. */
	for (kind = 0; kind < SWARM_NR_CGROUP_KINDS; kind++)
		WRITE_ONCE(pools[kind].wanted, false);
	cancel_work_sync(&tend_work);
	for (kind = 0; kind < SWARM_NR_CGROUP_KINDS; kind++)
		while ((ready = take_first(&pools[kind])))
			discard(ready);
	clear_done();
	for (waited = 0; !list_empty(&done) && waited < PATIENCE_MS; waited += 10) {
		fsleep(10 * USEC_PER_MSEC);
		clear_done();
	}
	list_for_each_entry_safe(ready, next, &done, node) {
		pr_warn("cgroup %s stays behind: it holds processes that are nobody's agents\n",
			ready->name);
		kfree(ready);
	}
	INIT_LIST_HEAD(&done);
}
