// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The mounts of a newborn agent.
 *
 * A new mount namespace is a copy of the launcher's. Mounts that were shared go on
 * receiving what the host mounts later, for a cost to the host's every mount; without
 * a user namespace of the agent's own they send as well. A birth ends that, and mounts
 * an instance of devpts on /dev/pts, so that terminals that the agent opens come out of
 * its own and leave the host its reserve.
 */
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <uapi/linux/mount.h>

#include "compat/compat.h"
#include "mounts.h"
#include "params.h"
#include "policy.h"

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
	/* Where the agent's range has no group 5. */
	char few_options[24];
} texts = {
	.options = "ptmxmode=0666,mode=0620,gid=5",
	.root = "/",
	.pts = PTS,
	.devpts = "devpts",
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

/*
 * Locks the instance to what it covers, as the kernel locks all mounts that a mount
 * namespace of another user namespace begins with: taken off, it would uncover the
 * host's. The flag is set without the kernel's lock, which is not exported: nobody
 * but this task, which is being born, knows the mount.
 */
static int lock_terminals(void)
{
	struct path path;
	int err = kern_path(PTS, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (err)
		return err;
	if (path.mnt->mnt_sb->s_user_ns == current_user_ns())
		path.mnt->mnt_flags |= MNT_LOCKED;
	else
		err = -EPERM;
	path_put(&path);
	return err;
}

static int mount_terminals(unsigned long at)
{
	unsigned long type = at + offsetof(struct texts, devpts);
	unsigned long options = at;
	struct path path;
	int err = kern_path(PTS, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	/* Nothing there that it could open. */
	if (err == -ENOENT || err == -ENOTDIR || err == -EACCES)
		return 0;
	if (err)
		return err;
	path_put(&path);
	if (swarm_id_count <= TTY_GROUP)
		options += offsetof(struct texts, few_options);
	err = swarm_call_mount(type, at + offsetof(struct texts, pts), type,
			       MS_NOSUID | MS_NOEXEC, options);
	return err ?: lock_terminals();
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
	if (!err && rules->devpts) {
		*step = "mounting its terminals";
		err = mount_terminals(at);
	}
	revert_creds(own);
	put_cred(cred);
	return err;
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
