// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What the limits of a cgroup, and of all above it, leave room for. They are others'
 * limits, systemd's among them, and read from their files each time: whoever sets
 * them may change them, or switch a controller off and on, at any time.
 */
#include <linux/cgroup.h>
#include <linux/dcache.h>
#include <linux/errno.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/mount.h>
#include <linux/path.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "errand.h"
#include "room.h"

/**
 * struct watched - a cgroup above those of agents, which every birth asks
 * @dir: its directory, which stays while the module is loaded
 * @pids_max: the file, open for reading
 */
struct watched {
	const struct dentry *dir;
	struct file *pids_max;
};

/* Opened once: opening costs a birth more than all else here. No entry: it has no file. */
static struct watched watched[SWARM_ROOM_WATCHED_MAX];
static unsigned int nr_watched;

/*
 * The number behind a label in what was read of a cgroup's file; U64_MAX for "max", and
 * without the file: nothing is limited there.
 */
static int number_in(char *text, ssize_t length, const char *label, u64 *value)
{
	char *at, *end;

	*value = U64_MAX;
	/* Its controller, or the cgroup, is not there, or has gone just now. */
	if (length == -ENOENT || length == -ENODEV)
		return 0;
	if (length < 0)
		return length;
	at = strstr(text, label);
	if (!at)
		return 0;
	at += strlen(label);
	end = strchr(at, '\n');
	if (end)
		*end = '\0';
	if (!strcmp(at, "max"))
		return 0;
	return kstrtou64(at, 10, value);
}

/**
 * read_number - the number in a file of a cgroup
 * @label: what is before it; "" where the file holds nothing else
 * @value: set to it; U64_MAX where nothing is limited
 *
 * Return: 0 or a negative errno.
 */
static int read_number(const struct path *dir, const char *file, const char *label, u64 *value)
{
	char text[160];
	ssize_t length = swarm_read_file(dir, file, text, sizeof(text));

	return number_in(text, length, label, value);
}

static int read_pids_max(const struct path *dir, u64 *value)
{
	char text[24];
	ssize_t length;
	unsigned int i;

	for (i = 0; i < nr_watched; i++) {
		if (watched[i].dir != dir->dentry)
			continue;
		length = swarm_read(watched[i].pids_max, text, sizeof(text));
		/* The controller was switched off, and perhaps on again, with another file. */
		if (length == -ENODEV)
			break;
		return number_in(text, length, "", value);
	}
	return read_number(dir, "pids.max", "", value);
}

/* From a cgroup to the one above it; false at the root. */
static bool climb(struct path *dir)
{
	struct dentry *above;

	if (dir->dentry == dir->mnt->mnt_root)
		return false;
	above = dget_parent(dir->dentry);
	dput(dir->dentry);
	dir->dentry = above;
	return true;
}

static void fill(struct swarm_full *full, const struct path *dir, const char *file, u64 limit,
		 u64 needed)
{
	char *text __free(kfree) = kmalloc(PATH_MAX, GFP_KERNEL);
	const char *path = text ? dentry_path_raw(dir->dentry, text, PATH_MAX) : ERR_PTR(-ENOMEM);

	full->file = file;
	full->limit = limit;
	full->needed = needed;
	swarm_end_of_path(full->path, sizeof(full->path), IS_ERR(path) ? "..." : path);
}

/* Is a process in this cgroup, or in one below it? */
static bool counted(const struct path *dir, struct task_struct *task)
{
	struct cgroup *cgroup;
	bool found = false;

	rcu_read_lock();
	for (cgroup = task_dfl_cgroup(task); cgroup && !found;
	     cgroup = cgroup_parent(cgroup))
		/* The inodes of cgroups have their ids for numbers. */
		found = cgroup_id(cgroup) == d_inode(dir->dentry)->i_ino;
	rcu_read_unlock();
	return found;
}

static int check_processes(const struct path *dir, unsigned int more,
			   struct task_struct *leader, struct swarm_full *full)
{
	u64 limit, used;
	int err = read_pids_max(dir, &limit);

	if (err || limit == U64_MAX || (leader && counted(dir, leader)))
		return err;
	err = read_number(dir, "pids.current", "", &used);
	if (err || used == U64_MAX || used + more <= limit)
		return err;
	fill(full, dir, "pids.max", limit, used + more);
	return -ENOSPC;
}

/**
 * swarm_room_for_processes - would so many more processes and threads keep to pids.max?
 * @dir: the cgroup they would be in
 * @more: how many more; 0 for those that are in it already
 * @leader: a process that has these threads, whose own cgroups count them; or NULL
 * @full: set where they would not
 *
 * Others fork meanwhile, so only what is counted already is certain.
 *
 * Return: 0; -ENOSPC where they would not; another negative errno where it cannot be
 * known.
 */
int swarm_room_for_processes(const struct path *dir, unsigned int more,
			     struct task_struct *leader, struct swarm_full *full)
{
	struct path at = *dir;
	int err = 0;

	path_get(&at);
	do {
		/* The root has no such limit. */
		if (at.dentry == at.mnt->mnt_root)
			break;
		err = check_processes(&at, more, leader, full);
	} while (!err && climb(&at));
	path_put(&at);
	return err;
}

/**
 * swarm_room_watch - keep a file of a cgroup, and of all above it, open for such questions
 * @dir: the cgroup, whose directory stays until swarm_room_exit()
 *
 * With the kernel's credentials. What cannot be opened is opened each time.
 */
void swarm_room_watch(const struct path *dir)
{
	struct path at = *dir;
	unsigned int i;

	path_get(&at);
	do {
		struct file *file;

		for (i = 0; i < nr_watched && watched[i].dir != at.dentry; i++)
			;
		if (i < nr_watched || i == SWARM_ROOM_WATCHED_MAX)
			break;
		file = swarm_open_file(&at, "pids.max", O_RDONLY);
		if (!IS_ERR(file))
			watched[nr_watched++] = (struct watched){ at.dentry, file };
	} while (climb(&at));
	path_put(&at);
}

/* Nobody asks any more. */
void swarm_room_exit(void)
{
	while (nr_watched)
		filp_close(watched[--nr_watched].pids_max, NULL);
}

static int check_cgroups(const struct path *dir, u64 depth, struct swarm_full *full)
{
	u64 limit, used;
	int err = read_number(dir, "cgroup.max.depth", "", &limit);

	if (!err && depth >= limit) {
		fill(full, dir, "cgroup.max.depth", limit, depth + 1);
		return -ENOSPC;
	}
	err = err ?: read_number(dir, "cgroup.max.descendants", "", &limit);
	err = err ?: read_number(dir, "cgroup.stat", "nr_descendants ", &used);
	if (!err && limit != U64_MAX && used >= limit) {
		fill(full, dir, "cgroup.max.descendants", limit, used + 1);
		return -ENOSPC;
	}
	return err;
}

/**
 * swarm_room_for_cgroup - may one more cgroup be made?
 * @dir: in which cgroup
 * @full: set where it may not
 *
 * Return: as swarm_room_for_processes().
 */
int swarm_room_for_cgroup(const struct path *dir, struct swarm_full *full)
{
	struct path at = *dir;
	u64 depth = 0;
	int err;

	path_get(&at);
	do {
		err = check_cgroups(&at, depth++, full);
	} while (!err && climb(&at));
	path_put(&at);
	return err;
}
