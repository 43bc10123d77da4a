// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The mounts of a newborn agent.
 *
 * A new mount namespace is a copy of the launcher's. Mounts that were shared go on
 * receiving what the host mounts later, for a cost to the host's every mount; without
 * a user namespace of the agent's own they send as well. A birth ends that. It mounts a
 * procfs on /proc, which shows the agent's pid namespace in place of its launcher's, and
 * an instance of devpts on /dev/pts, so that terminals that the agent opens come out of
 * its own and leave the host its reserve.
 */
#include <linux/array_size.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/stringhash.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <uapi/linux/mount.h>

#include "compat/compat.h"
#include "mounts.h"
#include "params.h"
#include "policy.h"
#include "refuse.h"

#define PROC		"/proc"
#define PTS		"/dev/pts"
/* The group tty, as every distribution has it. */
#define TTY_GROUP	5

/*
 * What mount(2) reads from user memory. The kernel copies a page of options, so they
 * stand first in theirs.
 */
static const struct texts {
	char options[40];
	char root[2];
	char pts[sizeof(PTS)];
	char devpts[7];
	char proc_dir[sizeof(PROC)];
	char proc[5];
	/* Where the agent's range has no group 5. */
	char few_options[24];
} texts = {
	.options = "ptmxmode=0666,mode=0620,gid=5",
	.root = "/",
	.pts = PTS,
	.devpts = "devpts",
	.proc_dir = PROC,
	.proc = "proc",
	.few_options = "ptmxmode=0666,mode=0620",
};

static_assert(sizeof(texts) <= PAGE_SIZE);

/* Limits are the child's own, also where its memory is its launcher's. */
static unsigned long exchange_limit(unsigned int resource, unsigned long value)
{
	unsigned long before;

	task_lock(current->group_leader);
	before = current->signal->rlim[resource].rlim_cur;
	WRITE_ONCE(current->signal->rlim[resource].rlim_cur, value);
	task_unlock(current->group_leader);
	return before;
}

/*
 * Puts the texts into a page of their own. After a vfork it is in the launcher's memory,
 * other threads of which may run: nothing of theirs is written to, and the launcher is
 * trusted not to write to a page that it did not ask for. Its memory may be locked, and
 * the child may not lock more, or it may have no more of it, so this is done in the
 * kernel's name and beyond those limits.
 */
static unsigned long map_texts(void)
{
	unsigned long space = exchange_limit(RLIMIT_AS, RLIM_INFINITY);
	unsigned long data = exchange_limit(RLIMIT_DATA, RLIM_INFINITY);
	const struct cred *own = override_creds(rcu_access_pointer(init_task.cred));
	unsigned long at = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, 0);

	revert_creds(own);
	exchange_limit(RLIMIT_DATA, data);
	exchange_limit(RLIMIT_AS, space);
	if (IS_ERR_VALUE(at))
		return at;
	/* Fails only where there is no memory for the page. */
	if (copy_to_user((void __user *)at, &texts, sizeof(texts))) {
		vm_munmap(at, PAGE_SIZE);
		return -ENOMEM;
	}
	return at;
}

static int set_propagation(const struct swarm_rules *rules, unsigned long at)
{
	unsigned long type = rules->propagation == SWARM_SLAVE ? MS_SLAVE : MS_PRIVATE;

	return swarm_call_mount(0, at + offsetof(struct texts, root), 0, MS_REC | type, 0);
}

static int find_dir(const char *name, struct path *path)
{
	return kern_path(name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, path);
}

/* Does the agent go without, since it could open nothing there anyway? */
static bool can_do_without(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -EACCES;
}

/*
 * Locks what was mounted to what it covers, as the kernel locks all mounts that a mount
 * namespace of another user namespace begins with: taken off, it would uncover the
 * host's. The flag is set without the kernel's lock, which is not exported: nobody
 * but this task, which is being born, knows the mount.
 */
static int lock_mounted(const char *name)
{
	struct path path;
	int err = find_dir(name, &path);

	if (err)
		return err;
	if (path.mnt->mnt_sb->s_user_ns == current_user_ns())
		path.mnt->mnt_flags |= MNT_LOCKED;
	else
		err = -EPERM;
	path_put(&path);
	return err;
}

/*
 * The flags that a procfs needs that is to cover one: in a user namespace the kernel
 * refuses one that can be written to where the one that is there cannot, or with another
 * rule on access times.
 */
static unsigned long covering_flags(const struct path *path)
{
	const struct super_block *sb = path->mnt->mnt_sb;
	int mounted = READ_ONCE(path->mnt->mnt_flags);
	unsigned long flags = 0;

	if (sb->s_magic != PROC_SUPER_MAGIC)
		return 0;
	if (mounted & MNT_READONLY || sb_rdonly(sb))
		flags |= MS_RDONLY;
	if (mounted & MNT_NOATIME)
		flags |= MS_NOATIME;
	else if (!(mounted & MNT_RELATIME))
		flags |= MS_STRICTATIME;
	if (mounted & MNT_NODIRATIME)
		flags |= MS_NODIRATIME;
	return flags;
}

static int mount_proc(unsigned long at)
{
	unsigned long type = at + offsetof(struct texts, proc);
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	struct path path;
	int err = find_dir(PROC, &path);

	if (err)
		return can_do_without(err) ? 0 : err;
	flags |= covering_flags(&path);
	path_put(&path);
	err = swarm_call_mount(type, at + offsetof(struct texts, proc_dir), type, flags, 0);
	return err ?: lock_mounted(PROC);
}

static int mount_terminals(unsigned long at)
{
	unsigned long type = at + offsetof(struct texts, devpts);
	unsigned long options = at;
	struct path path;
	int err = find_dir(PTS, &path);

	if (err)
		return can_do_without(err) ? 0 : err;
	path_put(&path);
	if (swarm_id_count <= TTY_GROUP)
		options += offsetof(struct texts, few_options);
	err = swarm_call_mount(type, at + offsetof(struct texts, pts), type,
			       MS_NOSUID | MS_NOEXEC, options);
	return err ?: lock_mounted(PTS);
}

/*
 * The kernel's credentials, but in the child's user namespace and with its ids: what is
 * mounted is the agent's, while a security module sees the kernel mount it. The
 * launcher's label or Landlock domain, which the child keeps, is for what its program
 * does.
 */
static struct cred *mounter(void)
{
	const struct cred *own = current_cred();
	struct cred *cred = prepare_kernel_cred(&init_task);

	if (!cred)
		return NULL;
	put_user_ns(cred->user_ns);
	cred->user_ns = get_user_ns(own->user_ns);
	cred->uid = own->uid;
	cred->euid = own->euid;
	cred->suid = own->suid;
	cred->fsuid = own->fsuid;
	cred->gid = own->gid;
	cred->egid = own->egid;
	cred->sgid = own->sgid;
	cred->fsgid = own->fsgid;
	return cred;
}

static int isolate(const struct swarm_rules *rules, const char **step, unsigned long at)
{
	struct cred *cred = mounter();
	const struct cred *own;
	int err;

	if (!cred)
		return -ENOMEM;
	own = override_creds(cred);
	err = set_propagation(rules, at);
	if (!err && rules->proc) {
		*step = "mounting its procfs";
		err = mount_proc(at);
	}
	if (!err && rules->devpts) {
		*step = "mounting its terminals";
		err = mount_terminals(at);
	}
	revert_creds(own);
	put_cred(cred);
	return err;
}

/*
 * What container engines and systemd cover in the /proc of what they start. Whoever
 * covers other things there learns it from the birth that fails.
 */
static const char *const often_covered[] = {
	"acpi", "apm", "asound", "bus", "fs", "interrupts", "irq", "kallsyms", "kcore", "keys",
	"kmsg", "latency_stats", "mtrr", "sched_debug", "scsi", "sys", "sysrq-trigger",
	"timer_list", "timer_stats",
};

/* Is something mounted there, in whichever namespace? Then its entry is in the cache. */
static bool may_be_covered(struct dentry *proc, const char *name)
{
	struct qstr last = QSTR_INIT(name, strlen(name));
	struct dentry *dentry;
	bool mounted;

	last.hash = full_name_hash(proc, name, last.len);
	dentry = d_lookup(proc, &last);
	if (!dentry)
		return false;
	mounted = d_mountpoint(dentry);
	dput(dentry);
	return mounted;
}

static bool is_covered(const struct path *proc, const char *name)
{
	struct path path;
	bool covered;

	if (!may_be_covered(proc->dentry, name) ||
	    vfs_path_lookup(proc->dentry, proc->mnt, name, 0, &path))
		return false;
	covered = path.mnt != proc->mnt;
	path_put(&path);
	return covered;
}

/**
 * swarm_mounts_check - can the calling process's child mount what a policy says?
 * @rules: the policy
 * @err: filled after an error
 *
 * In a user namespace the kernel makes a procfs only where one can be seen as a whole
 * already, lest it uncover what was covered. That is known before an agent is armed.
 *
 * Return: 0 or -EPERM.
 */
int swarm_mounts_check(const struct swarm_rules *rules, struct swarm_policy_error *err)
{
	bool covered = false;
	struct path proc;
	int i;

	if (!rules->proc || find_dir(PROC, &proc))
		return 0;
	if (proc.mnt->mnt_sb->s_magic == PROC_SUPER_MAGIC)
		for (i = 0; i < ARRAY_SIZE(often_covered) && !covered; i++)
			covered = is_covered(&proc, often_covered[i]);
	path_put(&proc);
	if (!covered)
		return 0;
	return swarm_refuse(err, -EPERM, "proc",
			    "mounts cover parts of /proc, so the kernel lets no agent mount its own; unmount them, or say 'proc':false");
}

/**
 * swarm_mounts_isolate - separate the calling process's mounts from its launcher's
 * @rules: its agent's
 * @step: set to what is being done
 *
 * For a birth, once the process has the identity that its mounts are to have.
 *
 * Return: 0 or a negative errno.
 */
int swarm_mounts_isolate(const struct swarm_rules *rules, const char **step)
{
	unsigned long at;
	int err;

	if (!(rules->namespaces & SWARM_NS_MNT))
		return 0;
	*step = "separating its mounts";
	at = map_texts();
	if (IS_ERR_VALUE(at))
		return at;
	err = isolate(rules, step, at);
	/* Fails for a child that is being killed: after a vfork its launcher keeps the page. */
	vm_munmap(at, PAGE_SIZE);
	return err;
}
