// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The cgroup v2 directories of agents: below <cgroup_parent>/memory for those
 * with a memory limit, below <cgroup_parent>/plain for those with other limits
 * only, so that the latter use none of Linux's 65,535 memory cgroup ids. One that
 * was made ahead (cgroup_pool.c) has a name of its own, another the agent's id.
 *
 * The module mounts the hierarchy for itself, so that no mount namespace can
 * hide or replace it. Directories and files are made, opened and written with the
 * kernel's credentials, never with those of whoever writes to /proc/swarm.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cgroup.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "agent.h"
#include "cgroup.h"
#include "cgroup_pool.h"
#include "compat/compat.h"
#include "errand.h"
#include "hooks.h"
#include "member.h"
#include "params.h"
#include "policy_table.h"
#include "refuse.h"
#include "room.h"
#include "threads.h"
#include "usage.h"

/* Length of a cgroup file's name behind that of the cgroup. */
#define FILE_NAME_MAX	48
/* How often room is made for a directory by removing those that wait. */
#define ROOM_TRIES_MAX	3
#define CPU_PERIOD_US	100000

enum controller { MEMORY, CPU, PIDS, NR_CONTROLLERS };

static const char *const controller_names[NR_CONTROLLERS] = {
	[MEMORY] = "memory",
	[CPU] = "cpu",
	[PIDS] = "pids",
};

/* The keys of a policy that need them. */
static const char *const controller_fields[NR_CONTROLLERS] = {
	[MEMORY] = "memory_limit",
	[CPU] = "cpu_quota",
	[PIDS] = "pids_limit",
};

/* How long it may be busy before what is in it is killed: members may be on their way out. */
#define PATIENCE	HZ
/* How often what a failed change has written is tried to be taken back. */
#define TRIES_MAX	10
/* Among the bits of controllers: whether the processes are stopped. */
#define FREEZER		BIT(NR_CONTROLLERS)

/**
 * struct swarm_cgroup - an agent's cgroup
 * @agent: whose it is; outlives it
 * @former: the one that the agent had before it needed this one, empty; or NULL
 * @refs: the agent, and those who look at it without holding the agent's orders
 * @rcu: frees it
 * @parent: the directory it is in
 * @procs: its cgroup.procs, open for writing with the kernel's credentials
 * @id: its number in cgroup v2
 * @home: the number of the cgroup that the agent's processes were in when they were moved
 *	  here; 0: they were not; SWARM_SEVERAL_HOMES
 * @chilled: it is, or is about to be, frozen for the agent, or was for a life that is over
 * @busy_since: when its removal first found processes in it, in jiffies; 0: never
 * @mark: where the counting of its agent's life begins
 * @ready: while it is made of one that was made ahead, that; else NULL
 * @name: its name in the parent
 */
struct swarm_cgroup {
	const struct swarm_agent *agent;
	struct swarm_cgroup *former;
	refcount_t refs;
	struct rcu_head rcu;
	const struct path *parent;
	struct file *procs;
	u64 id;
	u64 home;
	bool chilled;
	unsigned long busy_since;
	struct swarm_usage_mark mark;
	const struct swarm_ready *ready;
	char name[24];
};

static struct vfsmount *mount;
/* Moves of other processes, of which the hook on cgroup_attach_task knows one at a time. */
static DEFINE_MUTEX(moves);
/* cgroup_parent, and below it the parents of agents' directories. */
static struct path base, memory_parent, plain_parent;
static bool offered[NR_CONTROLLERS];
/* Cgroups of agents. */
static atomic_t nr_cgroups = ATOMIC_INIT(0);
/* How many components of cgroup_parent were made here, from the last one up. */
static unsigned int nr_made;
/* By component, from 1, and 0 for the root: the controllers that loading has enabled there. */
static u8 *enabled;
/* How many components cgroup_parent has. */
static unsigned int base_depth;

/* Controllers */

/* Is a controller among those that a file of a cgroup lists? 1 or 0; or -ENOMEM. */
static int listed(const struct path *dir, const char *file, enum controller controller)
{
	char text[256] = " ", word[16];
	ssize_t ret = swarm_read_file(dir, file, text + 1, sizeof(text) - 2);

	if (ret <= 0)
		return ret == -ENOMEM ? -ENOMEM : 0;
	strlcat(text, " ", sizeof(text));
	snprintf(word, sizeof(word), " %s ", controller_names[controller]);
	return !!strstr(text, word);
}

/* An agent's directory */

static const struct path *const parents[SWARM_NR_CGROUP_KINDS] = {
	[SWARM_CGROUP_MEMORY] = &memory_parent,
	[SWARM_CGROUP_PLAIN] = &plain_parent,
};

static enum swarm_cgroup_kind kind_of(const struct swarm_rules *rules)
{
	return rules->memory_limit ? SWARM_CGROUP_MEMORY : SWARM_CGROUP_PLAIN;
}

static bool limited(const struct swarm_rules *rules)
{
	return rules->memory_limit || rules->cpu_quota || rules->pids_limit;
}

static const char *parent_name(const struct swarm_cgroup *cgroup)
{
	return cgroup->parent == &memory_parent ? "memory" : "plain";
}

/* The limits that rules have, as bits. */
static unsigned int limits_in(const struct swarm_rules *rules)
{
	return (rules->memory_limit ? BIT(MEMORY) : 0) | (rules->cpu_quota ? BIT(CPU) : 0) |
	       (rules->pids_limit ? BIT(PIDS) : 0);
}

/* Those that differ, likewise. */
static unsigned int limits_between(const struct swarm_rules *from, const struct swarm_rules *to)
{
	bool group = (from->memory_limit || to->memory_limit) && from->oom_group != to->oom_group;

	return (from->memory_limit != to->memory_limit || group ? BIT(MEMORY) : 0) |
	       (from->cpu_quota != to->cpu_quota ? BIT(CPU) : 0) |
	       (from->pids_limit != to->pids_limit ? BIT(PIDS) : 0);
}

/* By its name while it is being made and has no number; never to one made in its place. */
static int write_to(const struct swarm_cgroup *cgroup, const char *file, const char *text)
{
	char path[sizeof(cgroup->name) + FILE_NAME_MAX];
	struct path dir;
	int err;

	if (!cgroup->id) {
		snprintf(path, sizeof(path), "%s/%s", cgroup->name, file);
		return swarm_write_file(cgroup->parent, path, text);
	}
	err = swarm_cgroup_find(cgroup, &dir);
	if (err)
		return err;
	err = swarm_write_file(&dir, file, text);
	path_put(&dir);
	return err;
}

static int write_limit(const struct swarm_cgroup *cgroup, enum swarm_limit_file file,
		       const char *text)
{
	if (cgroup->ready)
		return swarm_ready_write(cgroup->ready, file, text);
	return write_to(cgroup, swarm_limit_files[file], text);
}

/* A limit that is 0 is lifted. */
static void put_limit(char *text, size_t size, u64 limit)
{
	if (limit)
		snprintf(text, size, "%llu", limit);
	else
		strscpy(text, "max", size);
}

static int write_memory(const struct swarm_cgroup *cgroup, const struct swarm_rules *rules)
{
	char text[24];
	int err;

	/* There is none without swap accounting, and then nothing to limit. */
	err = write_limit(cgroup, SWARM_SWAP_MAX, rules->memory_limit ? "0" : "max");
	if (err && err != -ENOENT)
		return err;
	put_limit(text, sizeof(text), rules->memory_limit);
	/* Last: where it is below what is in use, memory is reclaimed, and then killed for. */
	return write_limit(cgroup, SWARM_OOM_GROUP, rules->oom_group ? "1" : "0") ?:
	       write_limit(cgroup, SWARM_MEMORY_MAX, text);
}

static int write_cpu(const struct swarm_cgroup *cgroup, const struct swarm_rules *rules)
{
	char quota[24], text[48];

	put_limit(quota, sizeof(quota), (u64)rules->cpu_quota * (CPU_PERIOD_US / 100));
	snprintf(text, sizeof(text), "%s %u", quota, CPU_PERIOD_US);
	return write_limit(cgroup, SWARM_CPU_MAX, text);
}

static int write_pids(const struct swarm_cgroup *cgroup, const struct swarm_rules *rules)
{
	char text[24];

	put_limit(text, sizeof(text), rules->pids_limit);
	return write_limit(cgroup, SWARM_PIDS_MAX, text);
}

static int write_limit_of(const struct swarm_cgroup *cgroup, const struct swarm_rules *rules,
			  enum controller controller)
{
	int err;

	switch (controller) {
	case CPU:
		err = write_cpu(cgroup, rules);
		/* Without the file of a limit there is none to lift. */
		return err == -ENOENT && !rules->cpu_quota ? 0 : err;
	case PIDS:
		err = write_pids(cgroup, rules);
		return err == -ENOENT && !rules->pids_limit ? 0 : err;
	default:
		return write_memory(cgroup, rules);
	}
}

/* Those of @which, bits. Also tells which controller the last one that was written is of. */
static int write_limits(const struct swarm_cgroup *cgroup, const struct swarm_rules *rules,
			unsigned int which, enum controller *at)
{
	static const enum controller order[] = { CPU, PIDS, MEMORY };
	int i, err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(order); i++) {
		if (!(which & BIT(order[i])))
			continue;
		*at = order[i];
		err = write_limit_of(cgroup, rules, order[i]);
	}
	return err;
}

static int write_frozen(const struct swarm_cgroup *cgroup, bool frozen)
{
	return write_to(cgroup, "cgroup.freeze", frozen ? "1" : "0");
}

/*
 * After a change that failed: the limits that were. There is nobody to refuse this to, so
 * one that cannot be written keeps none of the others from it, and is tried again.
 */
static void take_back(const struct swarm_cgroup *cgroup, const struct swarm_rules *rules,
		      bool frozen, unsigned int which)
{
	int tries, i, err;

	for (tries = 0; which && tries < TRIES_MAX; tries++) {
		if (tries)
			fsleep(USEC_PER_MSEC << tries);
		for (i = 0; i <= NR_CONTROLLERS; i++) {
			if (!(which & BIT(i)))
				continue;
			err = i == NR_CONTROLLERS ? write_frozen(cgroup, frozen) :
						    write_limit_of(cgroup, rules, i);
			/* Without its file, there is none. */
			if (!err || err == -ENOENT || err == -ENODEV)
				which &= ~BIT(i);
		}
	}
	if (which)
		pr_warn_ratelimited("agent %llu: what a failed update had changed could not be taken back:%s%s%s%s; update it again\n",
				    cgroup->agent->id, which & BIT(MEMORY) ? " memory_limit" : "",
				    which & BIT(CPU) ? " cpu_quota" : "",
				    which & BIT(PIDS) ? " pids_limit" : "",
				    which & FREEZER ? " frozen" : "");
}

/* The first directory that is met. */
struct search {
	struct dir_context ctx;
	bool found;
	char name[NAME_MAX + 1];
};

/* "." or ".."; a cgroup's name may begin with a dot, too. */
static bool is_dots(const char *name, int length)
{
	return name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
}

static bool search_one(struct dir_context *ctx, const char *name, int length, loff_t offset,
		       u64 inode, unsigned int type)
{
	struct search *search = container_of(ctx, struct search, ctx);

	if (type != DT_DIR || length > NAME_MAX || is_dots(name, length))
		return true;
	memcpy(search->name, name, length);
	search->name[length] = '\0';
	search->found = true;
	return false;
}

/* Return: 1 where there is one; 0 where there is none; a negative errno. */
static int first_child(const struct path *dir, struct search *search)
{
	struct file *opened = dentry_open(dir, O_RDONLY | O_DIRECTORY, current_cred());
	int err;

	*search = (struct search){ .ctx.actor = search_one };
	if (IS_ERR(opened))
		return PTR_ERR(opened);
	err = iterate_dir(opened, &search->ctx);
	filp_close(opened, NULL);
	return search->found ? 1 : err;
}

/*
 * Remove the directories that a privileged agent, or an administrator, has made
 * below an agent's: down into the first one each time, until one goes or holds
 * processes. The caller comes back for what is left.
 *
 * Return: -ENOMEM where that is why something is left; or anything else.
 */
static int trim(const struct path *parent, const char *name, struct search *search)
{
	struct path dir, child;
	int err;

	err = swarm_find_dir(parent, name, &dir);
	if (err)
		return err;
	while ((err = first_child(&dir, search)) > 0) {
		err = swarm_remove_dir(&dir, search->name);
		if (err == -EBUSY)
			err = swarm_find_dir(&dir, search->name, &child);
		else if (!err)
			continue;
		if (err)
			break;
		path_put(&dir);
		dir = child;
	}
	path_put(&dir);
	return err;
}

/**
 * swarm_cgroup_remove_tree - remove a directory with whatever directories are below it
 * @parent: the directory it is in
 * @name: its name
 *
 * With the kernel's credentials, by a worker.
 *
 * Return: 0; -EBUSY where it holds processes; -ENOMEM where that could not be found out;
 * another negative errno.
 */
int swarm_cgroup_remove_tree(const struct path *parent, const char *name)
{
	struct search *search;
	int err = swarm_remove_dir(parent, name), trimmed;

	if (err != -EBUSY)
		return err;
	search = kmalloc(sizeof(*search), GFP_KERNEL);
	if (!search)
		return -ENOMEM;
	trimmed = trim(parent, name, search);
	kfree(search);
	err = swarm_remove_dir(parent, name);
	return err == -EBUSY && trimmed == -ENOMEM ? -ENOMEM : err;
}

/* Unless it was removed already: -ENOENT, even if somebody has made another in its place. */
static int remove_own(const struct swarm_cgroup *cgroup)
{
	struct path dir;
	int err = swarm_cgroup_find(cgroup, &dir);

	if (err)
		return err;
	path_put(&dir);
	return swarm_cgroup_remove_tree(cgroup->parent, cgroup->name);
}

/**
 * struct creation - a cgroup that is being made
 * @cgroup: which
 * @rules: its agent's
 * @frozen: whoever is moved into it is to be stopped
 * @no_directory: it failed with the directory, rather than with its files
 * @at: the controller whose limit was written last
 * @full: where another limit leaves no room for the directory, which
 */
struct creation {
	struct swarm_cgroup *cgroup;
	const struct swarm_rules *rules;
	bool frozen;
	bool no_directory;
	enum controller at;
	struct swarm_full full;
};

/* Of the cgroup that a file is in: kernfs_ino(). */
static u64 number_of(const struct file *file)
{
	return d_inode(file->f_path.dentry->d_parent)->i_ino;
}

/*
 * A directory that was made ahead becomes the agent's. All that it has is written, since
 * somebody may have written other limits there.
 */
static int equip(struct creation *creation, struct swarm_ready *ready)
{
	struct swarm_cgroup *cgroup = creation->cgroup;
	unsigned int which = limits_in(creation->rules);
	int err;

	which |= (offered[CPU] ? BIT(CPU) : 0) | (offered[PIDS] ? BIT(PIDS) : 0);
	strscpy(cgroup->name, swarm_ready_name(ready));
	cgroup->ready = ready;
	err = write_limits(cgroup, creation->rules, which, &creation->at);
	cgroup->ready = NULL;
	if (!err && creation->frozen)
		err = write_frozen(cgroup, true);
	if (err) {
		swarm_pool_spoiled(ready);
		return err;
	}
	cgroup->procs = swarm_ready_procs(ready);
	cgroup->id = number_of(cgroup->procs);
	swarm_pool_used(ready);
	return 0;
}

/* Return: false where there is none that serves, and one is to be made. */
static bool take_ready(struct creation *creation)
{
	unsigned int tries;
	int err = -ENODEV;

	/* A controller was switched off and on: the files of all are old. Or one was removed. */
	for (tries = 0; err == -ENODEV && tries <= swarm_cgroup_pool; tries++) {
		struct swarm_ready *ready = swarm_pool_take(kind_of(creation->rules));

		if (!ready)
			break;
		err = equip(creation, ready);
	}
	if (err)
		swarm_pool_missed();
	return !err;
}

static int make_dir(const struct swarm_cgroup *cgroup)
{
	int err = swarm_make_dir(cgroup->parent, cgroup->name), left;

	if (err != -EEXIST)
		return err;
	/* Left by an earlier load: it goes unless it holds processes. */
	left = swarm_cgroup_remove_tree(cgroup->parent, cgroup->name);
	if (left == -ENOMEM)
		return left;
	return left ? err : swarm_make_dir(cgroup->parent, cgroup->name);
}

static int create(void *data)
{
	struct creation *creation = data;
	struct swarm_cgroup *cgroup = creation->cgroup;
	char path[sizeof(cgroup->name) + FILE_NAME_MAX];
	int tries, err;

	err = make_dir(cgroup);
	/* What waits in the other parent may have all the room; the worker may be at it again. */
	for (tries = 0; err == -EAGAIN && tries < ROOM_TRIES_MAX && swarm_pool_release(); tries++)
		err = make_dir(cgroup);
	if (err) {
		creation->no_directory = true;
		if (err == -EAGAIN)
			swarm_room_for_cgroup(cgroup->parent, &creation->full);
		return err;
	}
	err = write_limits(cgroup, creation->rules, limits_in(creation->rules), &creation->at);
	if (!err && creation->frozen)
		err = write_frozen(cgroup, true);
	if (err)
		goto remove;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup->name);
	cgroup->procs = file_open_root(cgroup->parent, path, O_WRONLY, 0);
	err = PTR_ERR_OR_ZERO(cgroup->procs);
	if (err)
		goto remove;
	cgroup->id = number_of(cgroup->procs);
	return 0;

remove:
	swarm_remove_dir(cgroup->parent, cgroup->name);
	return err;
}

static int missing_controller(const struct swarm_rules *rules, struct swarm_policy_error *err)
{
	const bool needed[NR_CONTROLLERS] = {
		[MEMORY] = rules->memory_limit,
		[CPU] = rules->cpu_quota,
		[PIDS] = rules->pids_limit,
	};
	int i;

	for (i = 0; i < NR_CONTROLLERS; i++)
		if (needed[i] && !offered[i])
			return swarm_refuse(err, -EOPNOTSUPP, controller_fields[i],
					    "this kernel does not offer the cgroup v2 controller %s; boot with it enabled or leave the limit out",
					    controller_names[i]);
	return 0;
}

/* cgroup v2 has refused: in terms of the interface, and with what to do. */
static int explain(const struct creation *creation, int ret, struct swarm_policy_error *err)
{
	const struct swarm_rules *rules = creation->rules;
	const char *name = creation->cgroup->name, *parent = parent_name(creation->cgroup);
	char above[SWARM_PATH_SHOWN];
	bool gone = ret == -ENOENT || ret == -ENODEV;

	if (ret == -ENOMEM)
		return swarm_refuse(err, ret, "", "out of memory");
	swarm_end_of_path(above, sizeof(above), swarm_cgroup_parent);
	/* Offered at load, but an administrator has switched it off since. */
	if (!creation->no_directory && ret == -ENOENT)
		return swarm_refuse(err, -EOPNOTSUPP, controller_fields[creation->at],
				    "the controller %s is not in cgroup.subtree_control of %s/%s any more; switch it on again",
				    controller_names[creation->at], above, parent);
	/* An administrator may remove any directory that holds no process. */
	if (creation->no_directory && gone)
		return swarm_refuse(err, -EOPNOTSUPP, "",
				    "the cgroup %s/%s has been removed; unload the module and load it again",
				    above, parent);
	if (creation->no_directory && ret == -EEXIST)
		return swarm_refuse(err, -EBUSY, "",
				    "the cgroup %s/%s/%s is left from before and holds processes; %s",
				    above, parent, name,
				    creation->cgroup->agent->listed ?
				    "end them first, or create another agent" :
				    "try again: the next id is used then");
	if (creation->full.file)
		return swarm_refuse(err, -ENOSPC, "",
				    "%s of the cgroup %s is %llu, but one more agent needs %llu or more; raise it",
				    creation->full.file, creation->full.path, creation->full.limit,
				    creation->full.needed);
	/* Raised since, or something in it has gone. */
	if (creation->no_directory && ret == -EAGAIN)
		return swarm_refuse(err, -ENOSPC, "",
				    "cgroup.max.descendants or cgroup.max.depth above %s/%s leaves no room; raise it",
				    above, parent);
	/* The 16-bit ids of memory cgroups: cgroup v2 says EBUSY or ENOSPC. */
	if (creation->no_directory && rules->memory_limit && (ret == -EBUSY || ret == -ENOSPC))
		return swarm_refuse(err, -ENOSPC, "memory_limit",
				    "Linux has no memory cgroup id left (65,535 at most); destroy agents or leave memory_limit out");
	return swarm_refuse(err, -EOPNOTSUPP, "", "cgroup v2 refuses the cgroup %s/%s/%s (error %d)",
			    above, parent, name, -ret);
}

/**
 * swarm_cgroup_make - make a cgroup for an agent
 * @agent: whose; the caller holds its orders, or is its creator
 * @rules: the limits it is to have
 * @frozen: whoever is moved into it is to be stopped
 * @err: filled after an error
 *
 * Return: the cgroup; -EOPNOTSUPP where a controller or the parent directory is missing, or
 * cgroup v2 refuses for another reason; -EBUSY where, and only where, the directory is
 * left from before and holds processes; -ENOSPC where Linux has no memory cgroup id left, or
 * a limit on the number or depth of cgroups leaves no room; -ENOMEM.
 */
struct swarm_cgroup *swarm_cgroup_make(struct swarm_agent *agent, const struct swarm_rules *rules,
				       bool frozen, struct swarm_policy_error *err)
{
	struct creation creation = { .rules = rules, .frozen = frozen };
	struct swarm_cgroup *cgroup;
	int ret;

	ret = missing_controller(rules, err);
	if (ret)
		return ERR_PTR(ret);

	cgroup = kzalloc(sizeof(*cgroup), GFP_KERNEL_ACCOUNT);
	if (!cgroup)
		return ERR_PTR(swarm_refuse(err, -ENOMEM, "", "out of memory"));
	cgroup->agent = agent;
	refcount_set(&cgroup->refs, 1);
	cgroup->chilled = frozen;
	cgroup->parent = parents[kind_of(rules)];
	creation.cgroup = cgroup;
	ret = 0;
	if (!take_ready(&creation)) {
		snprintf(cgroup->name, sizeof(cgroup->name), "%llu", agent->id);
		ret = swarm_as_kernel(create, &creation);
	}
	if (ret) {
		ret = explain(&creation, ret, err);
		kfree(cgroup);
		return ERR_PTR(ret);
	}
	atomic_inc(&nr_cgroups);
	return cgroup;
}

static int thaw(void *data)
{
	return write_frozen(data, false);
}

/**
 * swarm_cgroup_thaw - let the processes in an agent's cgroup run
 * @agent: which has one; the caller holds its orders
 *
 * Return: 0 or a negative errno.
 */
int swarm_cgroup_thaw(struct swarm_agent *agent)
{
	int err = swarm_as_kernel(thaw, agent->cgroup);

	if (!err)
		WRITE_ONCE(agent->cgroup->chilled, false);
	return err;
}

/**
 * swarm_cgroup_create - give an agent the cgroup that its limits need
 * @agent: the caller holds its orders, or is its creator
 * @err: filled after an error
 *
 * Does nothing for an agent without limits. One that has its cgroup runs, even if it ended
 * frozen; it begins to count anew when it is born.
 *
 * Return: 0; a negative errno as swarm_cgroup_make().
 */
int swarm_cgroup_create(struct swarm_agent *agent, struct swarm_policy_error *err)
{
	struct swarm_cgroup *cgroup = agent->cgroup;
	struct swarm_rules rules;
	int ret;

	if (cgroup) {
		ret = cgroup->chilled ? swarm_as_kernel(thaw, cgroup) : 0;
		/* Removed by an administrator: joining it will fail, and say so. */
		if (ret && ret != -ENOENT && ret != -ENODEV)
			return swarm_refuse(err, ret, "", "the agent's cgroup cannot be thawed");
		WRITE_ONCE(cgroup->chilled, false);
		return 0;
	}
	swarm_copy_rules(agent, &rules);
	if (!limited(&rules))
		return 0;
	cgroup = swarm_cgroup_make(agent, &rules, false, err);
	if (IS_ERR(cgroup))
		return PTR_ERR(cgroup);
	swarm_cgroup_install(agent, cgroup);
	return 0;
}

/**
 * swarm_cgroup_set_home - note where an agent's processes are that are to be moved
 * @cgroup: where to; not installed yet
 * @home: the number of the cgroup that they are in, or SWARM_SEVERAL_HOMES
 */
void swarm_cgroup_set_home(struct swarm_cgroup *cgroup, u64 home)
{
	cgroup->home = home;
}

/**
 * swarm_cgroup_install - let a cgroup be an agent's from now on
 *
 * What it had before stays, for those whose fork began there, until the agent goes.
 */
void swarm_cgroup_install(struct swarm_agent *agent, struct swarm_cgroup *cgroup)
{
	cgroup->former = agent->cgroup;
	/* Whoever finds it sees what is in it. */
	smp_store_release(&agent->cgroup, cgroup);
}

/**
 * swarm_cgroup_uninstall - undo swarm_cgroup_install()
 * Return: what was installed, the caller's now.
 */
struct swarm_cgroup *swarm_cgroup_uninstall(struct swarm_agent *agent)
{
	struct swarm_cgroup *cgroup = agent->cgroup;

	WRITE_ONCE(agent->cgroup, cgroup->former);
	WRITE_ONCE(cgroup->former, NULL);
	return cgroup;
}

/**
 * swarm_cgroup_former - what an agent had before @cgroup; NULL for nothing
 */
struct swarm_cgroup *swarm_cgroup_former(struct swarm_cgroup *cgroup)
{
	return READ_ONCE(cgroup->former);
}

/**
 * swarm_cgroup_serves - is a cgroup where one with these rules is to be?
 *
 * One that has had a memory limit stays where it can have one again.
 */
bool swarm_cgroup_serves(const struct swarm_cgroup *cgroup, const struct swarm_rules *rules)
{
	return cgroup->parent == &memory_parent || !rules->memory_limit;
}

/**
 * swarm_cgroup_get - an agent's cgroup, for those who do not hold its orders
 * @agent: which cannot go meanwhile
 *
 * Return: the cgroup, which the caller puts; or NULL.
 */
struct swarm_cgroup *swarm_cgroup_get(const struct swarm_agent *agent)
{
	struct swarm_cgroup *cgroup;

	rcu_read_lock();
	cgroup = READ_ONCE(agent->cgroup);
	if (cgroup && !refcount_inc_not_zero(&cgroup->refs))
		cgroup = NULL;
	rcu_read_unlock();
	return cgroup;
}

/**
 * swarm_cgroup_put - the reverse; may sleep; NULL does nothing
 */
void swarm_cgroup_put(struct swarm_cgroup *cgroup)
{
	if (!cgroup || !refcount_dec_and_test(&cgroup->refs))
		return;
	filp_close(cgroup->procs, NULL);
	swarm_usage_forget(&cgroup->mark);
	kfree_rcu(cgroup, rcu);
}

/* What is changed of a cgroup, and how far that came. */
struct change {
	struct creation at;
	const struct swarm_rules *from;
	u32 keys;
	int frozen;
};

/* The limits that an order names, as bits: also those that stay, since their files may not. */
static unsigned int limits_named(const struct change *change)
{
	bool memory = change->at.cgroup->parent == &memory_parent;

	return (memory && change->keys & (BIT(SWARM_UPDATE_MEMORY_LIMIT) |
					  BIT(SWARM_UPDATE_OOM_GROUP)) ? BIT(MEMORY) : 0) |
	       (change->keys & BIT(SWARM_UPDATE_CPU_QUOTA) ? BIT(CPU) : 0) |
	       (change->keys & BIT(SWARM_UPDATE_PIDS_LIMIT) ? BIT(PIDS) : 0);
}

/* Has a file a text? 1 or 0, also where it is not there; -ENOMEM if that cannot be known. */
static int says(const struct path *dir, const char *file, const char *what)
{
	char text[128];
	ssize_t length = swarm_read_file(dir, file, text, sizeof(text));

	if (length == -ENOMEM)
		return -ENOMEM;
	return length > 0 && strstr(text, what);
}

/* Likewise. */
static int freeze_file_says(const struct swarm_cgroup *cgroup)
{
	struct path dir;
	int frozen = swarm_cgroup_find(cgroup, &dir);

	if (frozen)
		return frozen == -ENOMEM ? frozen : 0;
	frozen = says(&dir, "cgroup.freeze", "1");
	path_put(&dir);
	return frozen;
}

static int change(void *data)
{
	struct change *change = data;
	struct swarm_cgroup *cgroup = change->at.cgroup;
	const struct swarm_rules *to = change->at.rules;
	unsigned int which = limits_between(change->from, to) | limits_named(change);
	int frozen = freeze_file_says(cgroup);
	int err = 0;

	/* What cannot be known now could not be taken back. */
	if (frozen < 0)
		return frozen;
	/*
	 * Limits behind stopping, since what the one on memory does cannot be undone; and
	 * letting run behind limits, since that cannot either.
	 */
	if (change->frozen > 0)
		err = write_frozen(cgroup, true);
	if (!err)
		err = write_limits(cgroup, to, which, &change->at.at);
	if (!err && !change->frozen)
		err = write_frozen(cgroup, false);
	if (!err)
		return 0;
	take_back(cgroup, change->from, frozen, which | (change->frozen > 0 ? FREEZER : 0));
	return err;
}

static int restore(void *data)
{
	struct change *change = data;

	take_back(change->at.cgroup, change->at.rules, change->frozen,
		  BIT(MEMORY) | BIT(CPU) | BIT(PIDS) | FREEZER);
	return 0;
}

/**
 * swarm_cgroup_restore - write the limits that an agent had to the cgroup that it was given
 * @rules: with those limits
 */
void swarm_cgroup_restore(struct swarm_agent *agent, const struct swarm_rules *rules)
{
	struct change data = {
		.at = { .cgroup = agent->cgroup, .rules = rules },
		.frozen = READ_ONCE(agent->frozen),
	};

	swarm_as_kernel(restore, &data);
	WRITE_ONCE(agent->cgroup->chilled, data.frozen);
}

/* Was the directory removed? What memory is too short for is no answer. */
static int check_there(const struct swarm_cgroup *cgroup, struct swarm_policy_error *err)
{
	struct path dir;
	int ret = swarm_cgroup_find(cgroup, &dir);

	if (ret == -ENOMEM)
		return swarm_refuse(err, ret, "", "out of memory");
	if (!ret) {
		path_put(&dir);
		return 0;
	}
	return swarm_refuse(err, -EBUSY, "",
			    "the agent's cgroup was removed by an administrator; destroy the agent");
}

/**
 * swarm_cgroup_change - give an agent's cgroup other limits, stop its processes or let them run
 * @agent: which has one; the caller holds its orders
 * @from: the rules with the limits that it has
 * @to: the rules with those that it is to have; it serves them
 * @keys: those that the order names, bits of enum swarm_update_key
 * @frozen: 1 to stop the processes; 0 to let them run; negative to leave that as it is
 * @err: filled after an error, and then nothing has changed
 *
 * Return: 0; -EBUSY where the cgroup was removed; another negative errno as
 * swarm_cgroup_make().
 */
int swarm_cgroup_change(struct swarm_agent *agent, const struct swarm_rules *from,
			const struct swarm_rules *to, u32 keys, int frozen,
			struct swarm_policy_error *err)
{
	struct change data = {
		.at = { .cgroup = agent->cgroup, .rules = to },
		.from = from,
		.keys = keys,
		.frozen = frozen,
	};
	int ret = missing_controller(to, err) ?: check_there(agent->cgroup, err);
	bool chilled = agent->cgroup->chilled;

	if (ret)
		return ret;
	/* First: what else is written may take long, and whoever looks is told who asks. */
	if (frozen > 0)
		WRITE_ONCE(agent->cgroup->chilled, true);
	ret = swarm_as_kernel(change, &data);
	if (ret) {
		WRITE_ONCE(agent->cgroup->chilled, chilled);
		return check_there(agent->cgroup, err) ?: explain(&data.at, ret, err);
	}
	if (frozen >= 0)
		WRITE_ONCE(agent->cgroup->chilled, frozen);
	return 0;
}

static int frozen_by(const struct swarm_agent *agent, const struct swarm_cgroup *cgroup,
		     const struct path *dir, enum swarm_freeze *freeze)
{
	bool done = READ_ONCE(agent->frozen), asked = done || READ_ONCE(cgroup->chilled);
	int own = says(dir, "cgroup.freeze", "1");
	/* It says so for whatever reason, a cgroup above that is frozen too. */
	int all = says(dir, "cgroup.events", "frozen 1");

	if (own < 0 || all < 0)
		return -ENOMEM;
	/* Left from a life that is over: the next one runs. */
	if (!done && own && asked && !READ_ONCE(agent->nr_members))
		return 0;
	/* Those that are yet to be moved into a new cgroup run, though all in there are stopped. */
	if (!done && READ_ONCE(agent->regrouping))
		all = 0;
	if (asked && own)
		*freeze = all ? SWARM_FREEZE_UPDATE : SWARM_FREEZE_BEGUN;
	else if (own || all)
		*freeze = SWARM_FREEZE_OTHERS;
	return 0;
}

/**
 * swarm_cgroup_stops - are an agent's processes in frozen cgroups, all that are looked at?
 * @agent: which cannot go meanwhile
 *
 * The flag is set with the file, there or above, before all processes have stopped.
 */
bool swarm_cgroup_stops(const struct swarm_agent *agent)
{
	const struct swarm_member *member;
	unsigned int looks = 0;
	bool frozen = false;

	rcu_read_lock();
	list_for_each_entry_rcu(member, &agent->members, link) {
		struct task_struct *leader = pid_task(member->pid, PIDTYPE_TGID);
		struct task_struct *thread = leader ? swarm_thread_living(leader, &looks) :
						      NULL;

		if (thread) {
			frozen = test_bit(CGRP_FREEZE, &task_dfl_cgroup(thread)->flags);
			if (!frozen)
				break;
		}
		if (++looks >= SWARM_LISTED_MAX)
			break;
	}
	rcu_read_unlock();
	return frozen;
}

/**
 * swarm_cgroup_freeze - are an agent's processes stopped, and by whom?
 * @agent: which cannot go meanwhile
 * @freeze: set to the answer
 *
 * Sleeps.
 *
 * Return: 0, or -ENOMEM.
 */
int swarm_cgroup_freeze(const struct swarm_agent *agent, enum swarm_freeze *freeze)
{
	struct swarm_cgroup *cgroup = swarm_cgroup_get(agent);
	struct path dir;
	int err = swarm_cgroup_find(cgroup, &dir);

	*freeze = SWARM_FREEZE_NONE;
	if (!cgroup && swarm_cgroup_stops(agent))
		*freeze = SWARM_FREEZE_OTHERS;
	if (!err) {
		err = frozen_by(agent, cgroup, &dir, freeze);
		path_put(&dir);
	}
	swarm_cgroup_put(cgroup);
	return err == -ENOMEM ? err : 0;
}

/**
 * swarm_cgroup_procs - cgroup.procs of an agent's cgroup, open for writing as long as that is there
 */
struct file *swarm_cgroup_procs(const struct swarm_cgroup *cgroup)
{
	return cgroup->procs;
}

static int join(struct file *procs, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d\n", pid);
	return swarm_write(procs, text);
}

/* Once more where the agent got another cgroup meanwhile: whoever moves all may have passed. */
static int join_cgroup_of(struct swarm_agent *agent, int (*into)(struct swarm_cgroup *cgroup))
{
	struct swarm_cgroup *cgroup;
	bool again;
	int err;

	do {
		cgroup = swarm_cgroup_get(agent);
		err = cgroup ? into(cgroup) : 0;
		again = READ_ONCE(agent->cgroup) != cgroup;
		swarm_cgroup_put(cgroup);
	} while (again);
	return err;
}

static int follow(struct swarm_cgroup *cgroup)
{
	return join(cgroup->procs, 0);
}

/**
 * swarm_cgroup_follow - move the calling process to where its agent is
 *
 * It was counted where it comes from, and is one of those that were there.
 *
 * Return: 0, or a negative errno.
 */
int swarm_cgroup_follow(struct swarm_agent *agent)
{
	return join_cgroup_of(agent, follow);
}

static int join_with_room(struct swarm_cgroup *cgroup, bool more)
{
	struct swarm_full full;
	struct path own;
	int err;

	err = join(cgroup->procs, 0);
	if (err)
		return err;
	if (more) {
		err = swarm_cgroup_find(cgroup, &own);
		if (err)
			return err;
		err = swarm_room_for_processes(&own, 0, NULL, &full);
		path_put(&own);
	} else {
		err = swarm_room_for_processes(cgroup->parent, 0, NULL, &full);
	}
	if (err != -ENOSPC)
		return err;
	pr_warn_ratelimited("agent %llu: pids.max of the cgroup %s is %llu, so a process that was forked for it has no room; raise it\n",
			    cgroup->agent->id, full.path, full.limit);
	return err;
}

static int join_first(struct swarm_cgroup *cgroup)
{
	return join_with_room(cgroup, false);
}

static int join_more(struct swarm_cgroup *cgroup)
{
	return join_with_room(cgroup, true);
}

/**
 * swarm_cgroup_join - move the calling process into its agent's cgroup, if that has one
 * @more: it is not the first one in there
 *
 * cgroup v2 lets a process that is moved pass pids.max. As in a fork, it is counted
 * first: those that are beyond it together may all be told so.
 *
 * Return: 0; -ENOSPC where pids.max of a cgroup above, or with @more of its own, is
 * exceeded; another negative errno.
 */
int swarm_cgroup_join(struct swarm_agent *agent, bool more)
{
	return join_cgroup_of(agent, more ? join_more : join_first);
}

/* A process that is to be moved, and its number in the pid namespace of whoever moves it. */
struct move {
	struct file *procs;
	const struct task_struct *leader;
	pid_t nr;
};

static int move(void *data)
{
	const struct move *move = data;
	int err;

	swarm_hook_attach_expect(move->leader->signal);
	err = join(move->procs, move->nr);
	swarm_hook_attach_expect(NULL);
	return err;
}

/**
 * swarm_cgroup_move - move a process, with all its threads, into a cgroup
 * @procs: cgroup.procs of where to, open for writing
 * @pid: of the process
 * @leader: the process; the caller holds a reference
 *
 * cgroup.procs takes a number, which may have become another process's: that one is
 * left alone. Where the caller's pid namespace has no number for the process, a worker
 * writes that of the initial one. One such move at a time.
 *
 * Return: 0; -ESRCH where the process is gone; another negative errno.
 */
int swarm_cgroup_move(struct file *procs, struct pid *pid, const struct task_struct *leader)
{
	struct move data = { .procs = procs, .leader = leader, .nr = pid_vnr(pid) };
	int err;

	mutex_lock(&moves);
	if (data.nr) {
		err = move(&data);
	} else {
		data.nr = pid_nr(pid);
		err = swarm_as_kernel(move, &data);
	}
	mutex_unlock(&moves);
	return err;
}

/**
 * swarm_cgroup_adopt - move a process into an agent's cgroup, likewise
 * @cgroup: where to; NULL does nothing
 */
int swarm_cgroup_adopt(struct swarm_cgroup *cgroup, struct pid *pid,
		       const struct task_struct *leader)
{
	return cgroup ? swarm_cgroup_move(cgroup->procs, pid, leader) : 0;
}

struct opening {
	const char *path;
	struct file *file;
};

static int open_procs(void *data)
{
	struct path root = { .mnt = mount, .dentry = mount->mnt_root };
	struct opening *opening = data;
	char *name;

	name = kasprintf(GFP_KERNEL, "./%s/cgroup.procs", opening->path);
	opening->file = name ? swarm_open_file(&root, name, O_WRONLY) : ERR_PTR(-ENOMEM);
	kfree(name);
	return 0;
}

/**
 * swarm_cgroup_open_procs - open cgroup.procs of any cgroup for writing
 * @path: of the cgroup, below the root of cgroup v2
 *
 * By a worker: cgroup v2 asks whether both ends of a move are in the cgroup namespace of
 * whoever has opened the file.
 *
 * Return: the file, or a negative errno.
 */
struct file *swarm_cgroup_open_procs(const char *path)
{
	struct opening opening = { .path = path };

	swarm_as_kernel(open_procs, &opening);
	return opening.file;
}

/*
 * Would the calling thread's fork be refused by the cgroup that it is in, where the child
 * is counted until it is moved? Counted as by cgroup_can_fork(), and not any more:
 * much less work than to read files. A refusal counts in pids.events.
 */
static bool fork_refused(void)
{
	bool refused = false;
#ifdef CONFIG_CGROUP_PIDS
	const struct cgroup_subsys *pids;
	struct css_set *set;

	rcu_read_lock();
	set = task_css_set(current);
	pids = set->subsys[pids_cgrp_id]->ss;
	refused = pids->can_fork(current, set);
	if (!refused)
		pids->cancel_fork(current, set);
	rcu_read_unlock();
#endif
	return refused;
}

/*
 * Which of the calling thread's cgroups refuses its fork? What is in a hierarchy of
 * cgroup v1, or is too deep to be found by its path, is left to the fork.
 */
static int room_to_fork(struct swarm_full *full)
{
	char *path __free(kfree) = NULL;
	struct path root = { .mnt = mount, .dentry = mount->mnt_root }, dir;
	int length, err;

	if (!fork_refused())
		return 0;
	path = kmalloc(PATH_MAX, GFP_KERNEL);
	if (!path)
		return -ENOMEM;
	path[0] = '.';
	rcu_read_lock();
	length = cgroup_path(task_dfl_cgroup(current), path + 1, PATH_MAX - 1);
	rcu_read_unlock();
	if (length < 0 || length >= PATH_MAX - 1)
		return 0;
	err = swarm_find_dir(&root, path, &dir);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = swarm_room_for_processes(&dir, 1, NULL, full);
	path_put(&dir);
	return err;
}

/**
 * swarm_cgroup_room - does pids.max of cgroups leave room for an agent's processes?
 * @agent: whose
 * @leader: the process that is to join, whose own cgroups count it already; or NULL
 *	    for one that is still to be forked
 * @full: set to the limit that leaves none
 *
 * Looks at the agent's own cgroup, where it has one, and at all above it; for one that
 * is to be forked, at the calling thread's, too.
 *
 * Return: 0; -ENOSPC where it does not; another negative errno.
 */
int swarm_cgroup_room(const struct swarm_agent *agent, struct task_struct *leader,
		      struct swarm_full *full)
{
	unsigned int more = leader ? get_nr_threads(leader) : 1;
	struct swarm_rules rules;
	struct path own;
	int err = leader ? 0 : room_to_fork(full);

	if (err)
		return err;
	swarm_copy_rules(agent, &rules);
	if (!agent->cgroup) {
		if (!limited(&rules))
			return 0;
		return swarm_room_for_processes(parents[kind_of(&rules)], more, leader, full);
	}
	err = swarm_cgroup_find(agent->cgroup, &own);
	/* Removed by an administrator: joining it will fail, and say so. */
	if (err)
		return err == -ENOENT ? 0 : err;
	err = swarm_room_for_processes(&own, more, leader, full);
	path_put(&own);
	return err;
}

/**
 * swarm_cgroup_holds - is a task in an agent's cgroup, or below it?
 * @cgroup: which; NULL holds everybody
 * @task: a thread
 *
 * Under rcu_read_lock(). The number lasts as long as the file in the directory is open.
 */
bool swarm_cgroup_holds(const struct swarm_cgroup *cgroup, struct task_struct *task)
{
	const struct cgroup *at;

	if (!cgroup)
		return true;
	for (at = task_dfl_cgroup(task); at; at = cgroup_parent((struct cgroup *)at))
		if (cgroup_id(at) == cgroup->id)
			return true;
	return false;
}

/**
 * swarm_cgroup_above - the parent of an agent's cgroup
 * @cgroup: the agent's; may be NULL
 * @below: where a process of the agent is
 *
 * Under rcu_read_lock().
 *
 * Return: the parent; NULL where @below is not in the agent's cgroup, or that is the root.
 */
struct cgroup *swarm_cgroup_above(const struct swarm_cgroup *cgroup, struct cgroup *below)
{
	for (; cgroup && below; below = cgroup_parent(below))
		if (cgroup_id(below) == cgroup->id)
			return cgroup_parent(below);
	return NULL;
}

/**
 * swarm_cgroup_missed - was a child forked where its agent's processes were before?
 * @cgroup: the agent's; NULL for none
 * @child: the child
 *
 * Under rcu_read_lock(). Where somebody else has moved its parent to, it stays. The agent
 * may have been moved twice during the fork.
 */
bool swarm_cgroup_missed(const struct swarm_cgroup *cgroup, struct task_struct *child)
{
	u64 id = cgroup_id(task_dfl_cgroup(child));

	if (swarm_cgroup_holds(cgroup, child))
		return false;
	for (; cgroup; cgroup = READ_ONCE(cgroup->former))
		if (cgroup->home == id || cgroup->home == SWARM_SEVERAL_HOMES)
			return true;
	return false;
}

static int remove(void *data)
{
	struct swarm_cgroup *cgroup = data;
	int err = remove_own(cgroup);

	/*
	 * The agent has gone, so what is still in there is not its own. An agent that
	 * nobody has seen has nothing to be killed for.
	 */
	if (err == -EBUSY && !cgroup->busy_since)
		cgroup->busy_since = jiffies ?: 1;
	if (err == -EBUSY && cgroup->agent->listed &&
	    time_after(jiffies, cgroup->busy_since + PATIENCE))
		write_to(cgroup, "cgroup.kill", "1");
	/* Memory is short for a while only, as if it were busy. */
	if (err == -EBUSY || err == -ENOMEM)
		return -EBUSY;
	/* An administrator may have removed it already. */
	if (err && err != -ENOENT)
		pr_warn_ratelimited("cgroup %s could not be removed (%d)\n", cgroup->name, err);
	atomic_dec(&nr_cgroups);
	swarm_cgroup_put(cgroup);
	return 0;
}

/**
 * swarm_cgroup_remove - remove an agent's cgroup
 * @cgroup: which; freed unless -EBUSY is returned; NULL does nothing
 *
 * Processes that others have put into it do not keep it for long: they are killed.
 *
 * Return: 0, or -EBUSY while a process is still on its way out, or memory short.
 */
int swarm_cgroup_remove(struct swarm_cgroup *cgroup)
{
	int err;

	if (!cgroup)
		return 0;
	if (cgroup->former) {
		err = swarm_as_kernel(remove, cgroup->former);
		if (err)
			return err;
		cgroup->former = NULL;
	}
	return swarm_as_kernel(remove, cgroup);
}

static int withdraw(void *data)
{
	struct swarm_cgroup *cgroup = data;
	int err = remove_own(cgroup);

	if (err == -EBUSY || err == -ENOMEM)
		return -EBUSY;
	atomic_dec(&nr_cgroups);
	swarm_cgroup_put(cgroup);
	return 0;
}

/**
 * swarm_cgroup_withdraw - remove a cgroup that an agent was to have; kills nobody
 * @cgroup: which; freed unless -EBUSY is returned
 *
 * Return: 0, or -EBUSY while it holds processes, or memory is short.
 */
int swarm_cgroup_withdraw(struct swarm_cgroup *cgroup)
{
	return swarm_as_kernel(withdraw, cgroup);
}

static int abandon(void *data)
{
	struct swarm_cgroup *cgroup = data;

	if (cgroup->former)
		abandon(cgroup->former);
	pr_warn("cgroup %s stays behind: it holds processes that are nobody's agents\n",
		cgroup->name);
	atomic_dec(&nr_cgroups);
	swarm_cgroup_put(cgroup);
	return 0;
}

/**
 * swarm_cgroup_abandon - give up on removing a cgroup, for unloading
 */
void swarm_cgroup_abandon(struct swarm_cgroup *cgroup)
{
	swarm_as_kernel(abandon, cgroup);
}

/**
 * swarm_cgroup_count - how many cgroups agents have
 */
unsigned int swarm_cgroup_count(void)
{
	return atomic_read(&nr_cgroups);
}

/**
 * swarm_cgroup_find - the directory of a cgroup
 * @cgroup: whose agent stays while this runs; NULL for none
 * @dir: set to it; the caller puts it
 *
 * Return: 0; -ENOENT where there is none, or an administrator has removed it, even if one
 * of the same name is there since; another negative errno.
 */
int swarm_cgroup_find(const struct swarm_cgroup *cgroup, struct path *dir)
{
	int err = cgroup ? swarm_find_dir(cgroup->parent, cgroup->name, dir) : -ENOENT;

	if (!err && d_inode(dir->dentry)->i_ino != cgroup->id) {
		path_put(dir);
		err = -ENOENT;
	}
	return err;
}

/**
 * swarm_cgroup_mark - where the counting of a cgroup begins; lasts as long as that does
 */
struct swarm_usage_mark *swarm_cgroup_mark(struct swarm_cgroup *cgroup)
{
	return &cgroup->mark;
}

static int path_of(const struct swarm_cgroup *cgroup, char *text, size_t size)
{
	text[0] = '\0';
	if (!cgroup)
		return 0;
	return snprintf(text, size, "/%s/%s/%s", swarm_cgroup_parent, parent_name(cgroup),
			cgroup->name);
}

/**
 * swarm_cgroup_path - where an agent's cgroup is, below the root of cgroup v2
 * @text: set to the path, which begins with /; empty where it has no cgroup
 * @size: of @text
 *
 * Under rcu_read_lock().
 *
 * Return: the length, as snprintf() counts.
 */
int swarm_cgroup_path(const struct swarm_agent *agent, char *text, size_t size)
{
	/* Pairs with swarm_cgroup_install(). */
	return path_of(smp_load_acquire(&agent->cgroup), text, size);
}

/**
 * swarm_cgroup_former_path - where the one is that it had before, likewise
 */
int swarm_cgroup_former_path(const struct swarm_agent *agent, char *text, size_t size)
{
	/* Pairs with swarm_cgroup_install(). */
	const struct swarm_cgroup *cgroup = smp_load_acquire(&agent->cgroup);

	return path_of(cgroup ? READ_ONCE(cgroup->former) : NULL, text, size);
}

/* The parents of agents' directories */

/* The options in force, which mounting would otherwise reset for the whole system. */
static void options_in_force(char *text, size_t size)
{
	static const struct {
		unsigned int flag;
		const char *option;
	} options[] = {
		{ CGRP_ROOT_NS_DELEGATE, "nsdelegate" },
		{ CGRP_ROOT_FAVOR_DYNMODS, "favordynmods" },
		{ CGRP_ROOT_MEMORY_LOCAL_EVENTS, "memory_localevents" },
		{ CGRP_ROOT_MEMORY_RECURSIVE_PROT, "memory_recursiveprot" },
		{ CGRP_ROOT_MEMORY_HUGETLB_ACCOUNTING, "memory_hugetlb_accounting" },
		{ CGRP_ROOT_PIDS_LOCAL_EVENTS, "pids_localevents" },
	};
	int i;

	text[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		if (!(cgrp_dfl_root.flags & options[i].flag))
			continue;
		if (text[0])
			strlcat(text, ",", size);
		strlcat(text, options[i].option, size);
	}
}

static int mount_hierarchy(void)
{
	struct file_system_type *type = get_fs_type("cgroup2");
	char options[160];

	if (!type)
		return -ENODEV;
	options_in_force(options, sizeof(options));
	mount = vfs_kern_mount(type, SB_KERNMOUNT, "cgroup2", options[0] ? options : NULL);
	if (IS_ERR(mount))
		pr_err("cgroup2 cannot be mounted (%ld)\n", PTR_ERR(mount));
	return PTR_ERR_OR_ZERO(mount);
}

/* Hand the controllers on to the children of a cgroup, which is so deep below the root. */
static int enable_controllers(const struct path *dir, const char *name, unsigned int depth)
{
	char text[16];
	int i, err;

	for (i = 0; i < NR_CONTROLLERS; i++) {
		err = listed(dir, "cgroup.controllers", i);
		if (!err)
			continue;
		if (err > 0)
			err = listed(dir, "cgroup.subtree_control", i);
		if (err > 0)
			continue;
		if (err < 0)
			return err;
		snprintf(text, sizeof(text), "+%s", controller_names[i]);
		err = swarm_write_file(dir, "cgroup.subtree_control", text);
		if (err == -EBUSY)
			pr_err("cgroup_parent: \"%s\" holds processes, so cgroup v2 cannot have controllers below it; move them or choose another parent\n",
			       name);
		else if (err)
			pr_err("cgroup_parent: controller %s cannot be enabled below \"%s\" (%d)\n",
			       controller_names[i], name, err);
		if (err)
			return err;
		enabled[depth] |= BIT(i);
	}
	return 0;
}

/*
 * Take back what enable_controllers() did, unless there is another cgroup, whose limits
 * would be lost with the controller: who set them cannot be known.
 */
static void disable_controllers(const struct path *dir, unsigned int depth)
{
	struct search *search;
	bool used = true;
	char text[16];
	int i;

	if (!enabled[depth])
		return;
	search = kmalloc(sizeof(*search), GFP_KERNEL);
	if (search)
		/* What cannot be looked at may be used. */
		used = first_child(dir, search);
	kfree(search);
	if (used) {
		pr_info("controllers enabled in cgroup.subtree_control of \"%pd\" stay so, for other cgroups may use them\n",
			dir->dentry);
		return;
	}
	for (i = 0; i < NR_CONTROLLERS; i++) {
		snprintf(text, sizeof(text), "-%s", controller_names[i]);
		if (enabled[depth] & BIT(i))
			swarm_write_file(dir, "cgroup.subtree_control", text);
	}
}

static int make_child(const struct path *parent, const char *name, struct path *child,
		      bool *made)
{
	int err = swarm_make_dir(parent, name);

	*made = !err;
	if (err && err != -EEXIST)
		return err;
	/* kernfs does not instantiate the dentry that mkdir was given. */
	return swarm_find_dir(parent, name, child);
}

/* Undo what make_base() did, from the last component of cgroup_parent up. */
static void remove_base(void)
{
	unsigned int depth = base_depth;
	struct path dir = base;
	struct name_snapshot name;

	while (depth) {
		struct path parent = { .mnt = dir.mnt, .dentry = dget_parent(dir.dentry) };
		int err = 0;

		if (nr_made) {
			nr_made--;
			take_dentry_name_snapshot(&name, dir.dentry);
			err = swarm_remove_dir(&parent, name.name.name);
			/* An administrator may have removed it already. */
			if (err && err != -ENOENT)
				pr_warn("cgroup \"%s\" could not be removed (%d)\n",
					name.name.name, err);
			release_dentry_name_snapshot(&name);
		} else {
			disable_controllers(&dir, depth);
		}
		dput(dir.dentry);
		dir.dentry = parent.dentry;
		depth--;
	}
	disable_controllers(&dir, 0);
	path_put(&dir);
	kfree(enabled);
}

static int make_base(void)
{
	char *text = kstrdup(swarm_cgroup_parent, GFP_KERNEL);
	char *rest = text, *name;
	struct path dir = { .mnt = mntget(mount), .dentry = dget(mount->mnt_root) };
	const char *dir_name = "/";
	unsigned int depth = 0;
	int err = 0;

	/* A component takes two characters, but for the last. */
	enabled = kzalloc(strlen(swarm_cgroup_parent) / 2 + 2, GFP_KERNEL);
	if (!text || !enabled)
		err = -ENOMEM;
	while (!err && (name = strsep(&rest, "/"))) {
		struct path child;
		bool made;

		if (!*name)
			continue;
		err = enable_controllers(&dir, dir_name, depth);
		if (!err)
			err = make_child(&dir, name, &child, &made);
		if (err) {
			pr_err("cgroup_parent: \"%s\" cannot be made (%d)\n", name, err);
			break;
		}
		path_put(&dir);
		dir = child;
		dir_name = name;
		depth++;
		nr_made = made ? nr_made + 1 : 0;
	}
	if (!err)
		err = enable_controllers(&dir, dir_name, depth);
	base = dir;
	base_depth = depth;
	if (err && enabled)
		remove_base();
	else if (err)
		path_put(&base);
	kfree(text);
	return err;
}

static int make_parents(void)
{
	static const char *const names[] = { "memory", "plain" };
	struct path *const dirs[] = { &memory_parent, &plain_parent };
	int i, controller, err;
	bool made;

	for (controller = 0; controller < NR_CONTROLLERS; controller++) {
		err = listed(&base, "cgroup.controllers", controller);
		if (err < 0)
			return err;
		offered[controller] = err;
	}

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		err = make_child(&base, names[i], dirs[i], &made);
		if (err)
			goto undo;
		for (controller = i; !err && controller < NR_CONTROLLERS; controller++) {
			char text[16];

			if (!offered[controller])
				continue;
			snprintf(text, sizeof(text), "+%s", controller_names[controller]);
			err = swarm_write_file(dirs[i], "cgroup.subtree_control", text);
		}
		if (err) {
			path_put(dirs[i]);
			swarm_remove_dir(&base, names[i]);
			goto undo;
		}
	}
	return 0;

undo:
	pr_err("cgroup_parent: \"%s\" cannot be made (%d)\n", names[i], err);
	while (i--) {
		path_put(dirs[i]);
		swarm_remove_dir(&base, names[i]);
	}
	return err;
}

static int init(void *unused)
{
	int err = mount_hierarchy();

	if (err)
		return err;
	err = make_base();
	if (err)
		goto unmount;
	err = make_parents();
	if (err)
		goto undo_base;
	swarm_room_watch(&memory_parent);
	swarm_room_watch(&plain_parent);
	swarm_pool_init(parents);
	return 0;

undo_base:
	remove_base();
unmount:
	kern_unmount(mount);
	return err;
}

int __init swarm_cgroup_init(void)
{
	/* The administrator of a container is not the administrator of the host. */
	if (current->nsproxy->cgroup_ns != init_task.nsproxy->cgroup_ns) {
		pr_err("load the module from the initial cgroup namespace\n");
		return -EPERM;
	}
	if (*swarm_cgroup_parent == '/' || strstr(swarm_cgroup_parent, "..")) {
		pr_err("cgroup_parent must be a relative path without \"..\"\n");
		return -EINVAL;
	}
	return swarm_as_kernel(init, NULL);
}

static int undo(void *unused)
{
	swarm_pool_exit();
	swarm_room_exit();
	path_put(&plain_parent);
	swarm_remove_dir(&base, "plain");
	path_put(&memory_parent);
	swarm_remove_dir(&base, "memory");
	remove_base();
	kern_unmount(mount);
	return 0;
}

/* No agent has a cgroup any more. */
void swarm_cgroup_exit(void)
{
	swarm_as_kernel(undo, NULL);
}
