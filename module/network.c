// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The empty network namespace of agents with "network":"none".
 *
 * Making a network namespace is most of what a birth costs, and most of an agent's
 * memory. Agents that need no network share this one: its loopback device is down, and
 * it belongs to the initial user namespace, so nobody in it has power over it. Only unix
 * sockets are allowed there, whatever enforce is. What those could still tell one agent
 * of another is taken away: abstract names (hook_unix.c), and the files of /proc/net that
 * list or count sockets. Processes with other sockets do not become members in there.
 *
 * It is made when the first such agent is, and stays until the module is unloaded. Its
 * reference is a file of nsfs, as an open /proc/PID/ns/net is one: agents enter by the
 * kernel's own setns, which counts whatever that kernel counts.
 */
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <net/net_namespace.h>

#include "compat/compat.h"
#include "errand.h"
#include "faults.h"
#include "network.h"
#include "refuse.h"

struct net *swarm_network_shared;

/* Of nsfs; holds the namespace. Set once, before the first agent that enters is published. */
static struct file *shared_file;
static DEFINE_MUTEX(making);

/* How often a small allocation is tried that must not fail. */
#define TRIES_MAX	100

/* Files of /proc/net that show, or count, the sockets of everybody in a namespace. */
static const char *const telling[] = {
#ifdef CONFIG_UNIX
	"unix",
#endif
	"protocols",
#ifdef CONFIG_INET
	"sockstat",
#endif
};

/*
 * Each is replaced by one that is empty and has no code of this module: the kernel
 * removes it by its name when the namespace ends, which may be later than the module.
 */
static int hide_sockets(struct net *net)
{
	int i, tries;

	for (i = 0; i < ARRAY_SIZE(telling); i++) {
		remove_proc_entry(telling[i], net->proc_net);
		/* A namespace that ends without one of them is a warning in the kernel's log. */
		for (tries = 0; !proc_symlink(telling[i], net->proc_net, "/dev/null"); tries++) {
			if (tries == TRIES_MAX)
				return -ENOMEM;
			fsleep(USEC_PER_MSEC);
		}
	}
	return 0;
}

/* A network namespace, as a file. */
static struct file *file_of(struct net *net)
{
	struct file *file;
	int fd = open_related_ns(&net->ns, get_net_ns);

	if (fd < 0)
		return ERR_PTR(fd);
	file = fget(fd);
	close_fd(fd);
	return file ?: ERR_PTR(-EBADF);
}

/**
 * struct maker - a kernel thread that makes the namespace
 * @done: completed when it has, or has failed
 * @file: what it made, or an error
 * @net: the same
 * @faults: allocations that are to fail (faults.h)
 */
struct maker {
	struct completion done;
	struct file *file;
	struct net *net;
	unsigned int faults;
};

static struct file *make_here(struct net **made)
{
	struct net *net;
	long err = swarm_call(SWARM_CALL_UNSHARE, CLONE_NEWNET, 0, 0);

	if (err)
		return ERR_PTR(err);
	net = current->nsproxy->net_ns;
	*made = net;
	err = hide_sockets(net);
	return err ? ERR_PTR(err) : file_of(net);
}

/* In a thread of its own, since only a thread that enters a namespace can make one. */
static int make(void *data)
{
	struct maker *maker = data;

	swarm_faults_give(maker->faults);
	maker->file = make_here(&maker->net);
	maker->faults = swarm_faults_take();
	complete(&maker->done);
	/* Until nothing of this module runs in it. */
	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static int make_shared(void)
{
	struct maker maker = { .faults = swarm_faults_take() };
	struct task_struct *thread;

	init_completion(&maker.done);
	thread = kthread_run(make, &maker, "swarm_network");
	if (IS_ERR(thread)) {
		swarm_faults_give(maker.faults);
		return PTR_ERR(thread);
	}
	wait_for_completion(&maker.done);
	kthread_stop(thread);
	swarm_faults_give(maker.faults);
	if (IS_ERR(maker.file))
		return PTR_ERR(maker.file);
	shared_file = maker.file;
	/* Hooks look at it; the file is for those who enter. */
	WRITE_ONCE(swarm_network_shared, maker.net);
	return 0;
}

/**
 * swarm_network_make - see to it that the namespace is there
 * @err: filled after an error
 *
 * May sleep. Return: 0; -EINTR; another negative errno where the kernel makes no network
 * namespace.
 */
int swarm_network_make(struct swarm_policy_error *err)
{
	int ret;

	if (mutex_lock_killable(&making))
		return swarm_refuse(err, -EINTR, "", "interrupted");
	ret = shared_file ? 0 : make_shared();
	mutex_unlock(&making);
	if (ret)
		return swarm_refuse(err, ret, "network",
				    "the network namespace that agents without a network share cannot be made (%d); see the sysctl user.max_net_namespaces",
				    ret);
	return 0;
}

/**
 * swarm_network_enter - have the calling process enter the namespace
 *
 * For one that is being born; it has a table of files of its own, in which the namespace
 * has a descriptor for a moment. With the kernel's credentials, which have power over the
 * namespace.
 *
 * Return: 0; -EMFILE where RLIMIT_NOFILE leaves no descriptor; another negative errno.
 */
int swarm_network_enter(void)
{
	const struct cred *own;
	int fd = get_unused_fd_flags(O_CLOEXEC);
	long err;

	if (fd < 0)
		return fd;
	fd_install(fd, get_file(shared_file));
	own = override_creds(swarm_kernel_creds());
	err = swarm_call(SWARM_CALL_SETNS, fd, CLONE_NEWNET, 0);
	revert_creds(own);
	close_fd(fd);
	return err;
}

/**
 * swarm_network_shares - is a thread in that namespace?
 */
bool swarm_network_shares(struct task_struct *thread)
{
	bool shares;

	task_lock(thread);
	shares = thread->nsproxy && thread->nsproxy->net_ns == READ_ONCE(swarm_network_shared);
	task_unlock(thread);
	return shares;
}

/* No hook and no agent is left. */
void swarm_network_exit(void)
{
	if (shared_file)
		fput(shared_file);
}
