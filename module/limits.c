// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Limits of the system, sysctls most of them, that end births far below max_agents.
 * The kernel's own answer to a fork does not tell which one it was, so loading and
 * arming look at them first. Nothing depends on it: whoever takes the last process
 * between arming and the fork makes the fork fail.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/jiffies.h>
#include <linux/kdev_t.h>
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/mount.h>
#include <linux/pid_namespace.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/threads.h>
#include <linux/user_namespace.h>

#include "agent.h"
#include "cgroup.h"
#include "errand.h"
#include "limits.h"
#include "namespaces.h"
#include "network.h"
#include "params.h"
#include "policy_table.h"
#include "refuse.h"
#include "room.h"

/* What modules see in procfs only. */
enum source { THREADS_MAX, LOAD, KEY_BYTES, KEY_USERS, SUID_DUMPABLE, NR_SOURCES };

static const char *const source_names[NR_SOURCES] = {
	[THREADS_MAX] = "sys/kernel/threads-max",
	[LOAD] = "loadavg",
	[KEY_BYTES] = "sys/kernel/keys/maxbytes",
	[KEY_USERS] = "key-users",
	[SUID_DUMPABLE] = "sys/fs/suid_dumpable",
};

/* Open for reading, in a procfs of the module's own; NULL where the kernel has none. */
static struct file *sources[NR_SOURCES];

/* By bit of namespace_flags. */
static const enum ucount_type counts[SWARM_NR_NAMESPACES] = {
	[ilog2(SWARM_NS_PID)] = UCOUNT_PID_NAMESPACES,
	[ilog2(SWARM_NS_NET)] = UCOUNT_NET_NAMESPACES,
	[ilog2(SWARM_NS_MNT)] = UCOUNT_MNT_NAMESPACES,
	[ilog2(SWARM_NS_UTS)] = UCOUNT_UTS_NAMESPACES,
	[ilog2(SWARM_NS_IPC)] = UCOUNT_IPC_NAMESPACES,
	[ilog2(SWARM_NS_USER)] = UCOUNT_USER_NAMESPACES,
	[ilog2(SWARM_NS_CGROUP)] = UCOUNT_CGROUP_NAMESPACES,
	[ilog2(SWARM_NS_TIME)] = UCOUNT_TIME_NAMESPACES,
};

/* How many numbers the kernel has for file systems without a device: get_anon_bdev(). */
#define NR_FILE_SYSTEMS	((long)MINORMASK)

/* The most that a birth takes: for the queues of its ipc namespace, its procfs, its devpts. */
#define MAX_FILE_SYSTEMS	3

/* What a session keyring takes of its owner's quota: its name, "_ses". */
#define KEYRING_BYTES	5

/* Return: 0; a negative errno where the kernel has none, or it cannot be read. */
static int read_value(enum source which, long *value)
{
	char text[24];
	ssize_t length;

	if (!sources[which])
		return -ENOENT;
	length = swarm_read(sources[which], text, sizeof(text));
	return length < 0 ? length : kstrtol(text, 10, value);
}

/* What cannot be read is no limit: the fork itself will meet it. */
static long value_of(enum source which)
{
	long value;

	return read_value(which, &value) ? LONG_MAX : value;
}

/*
 * What the kernel compares with threads-max. Not the numbers in use: a process whose
 * session and process group have lost their leaders has three.
 */
static long nr_threads_now(void)
{
	char text[80], *slash;
	long nr;

	if (!sources[LOAD] || swarm_read(sources[LOAD], text, sizeof(text)) < 0)
		return 0;
	/* "0.1 0.2 0.3 1/123 4567". The kernel's "%*d" skips to the next white space. */
	slash = strchr(text, '/');
	if (!slash || sscanf(slash + 1, "%ld", &nr) != 1)
		return 0;
	return nr;
}

static int pids_in_use(const struct pid_namespace *ns)
{
	return READ_ONCE(ns->pid_allocated) & ~PIDNS_ADDING;
}

/* Is every number taken that the kernel would give to a process in a pid namespace? */
static bool no_pid_left(struct pid_namespace *ns)
{
	int max = READ_ONCE(ns->pid_max), id, next;
	/* The lowest are for the time of booting, and are not given again. */
	int min = idr_get_cursor(&ns->idr) > RESERVED_PIDS ? RESERVED_PIDS : 1;

	if (pids_in_use(ns) < max - min)
		return false;
	for (id = min; id < max; id++) {
		next = id;
		rcu_read_lock();
		if (!idr_get_next(&ns->idr, &next))
			next = max;
		rcu_read_unlock();
		if (next > id)
			return false;
		if (!(id % SZ_1K))
			cond_resched();
	}
	return true;
}

/*
 * With a user namespace an agent is a user of its own, whose namespaces are counted
 * apart, one of each kind; without one they are its launcher's.
 */
static int check_namespaces(u32 namespaces, struct swarm_policy_error *err)
{
	const struct ucounts *launcher = current_ucounts();
	int i;

	for (i = 0; i < SWARM_NR_NAMESPACES; i++) {
		long max = READ_ONCE(init_user_ns.ucount_max[counts[i]]), used = 0;

		if (!(namespaces & SWARM_NS_USER))
			used = atomic_long_read(&launcher->ucount[counts[i]]);
		if (namespaces & BIT(i) && used >= max)
			return swarm_refuse(err, -ENOSPC, "spawn",
					    "the sysctl user.max_%s_namespaces is %ld, but a birth needs %ld or more; raise it",
					    swarm_namespace_name(BIT(i)), max, used + 1);
	}
	return 0;
}

static int used_up(const char *sysctl, long value, long needed, struct swarm_policy_error *err)
{
	return swarm_refuse(err, -ENOSPC, "spawn",
			    "the sysctl %s is %ld, but a birth needs %ld or more; raise it",
			    sysctl, value, needed);
}

static int check_processes(struct swarm_policy_error *err)
{
	struct pid_namespace *ns;
	long max = value_of(THREADS_MAX), nr = nr_threads_now();

	if (nr >= max)
		return used_up("kernel.threads-max", max, nr + 1, err);
	/* A process has a number in each. */
	for (ns = task_active_pid_ns(current); ns; ns = ns->parent) {
		max = READ_ONCE(ns->pid_max);
		/* Numbers are below it, and all of those are taken. */
		if (no_pid_left(ns))
			return used_up("kernel.pid_max", max, max + 1, err);
	}
	return 0;
}

/*
 * A birth makes a session keyring, which counts where it takes the place of another: for
 * the agent's own user, who has no other, or for the launcher's, who is root.
 */
static int check_keys(u32 namespaces, struct swarm_policy_error *err)
{
#ifdef CONFIG_KEYS
	unsigned int keys, max_keys, bytes, max_bytes;
	char text[80];

	if (!current_cred()->session_keyring)
		return 0;
	if (namespaces & SWARM_NS_USER) {
		long max = value_of(KEY_BYTES);

		return max < KEYRING_BYTES ? used_up("kernel.keys.maxbytes", max,
						      KEYRING_BYTES, err) : 0;
	}
	/* The first line is root's: its keys, and what it is allowed. */
	if (!sources[KEY_USERS] || swarm_read(sources[KEY_USERS], text, sizeof(text)) < 0 ||
	    sscanf(text, " 0: %*s %*s %u/%u %u/%u", &keys, &max_keys, &bytes,
		   &max_bytes) != 4)
		return 0;
	if (keys >= max_keys)
		return used_up("kernel.keys.root_maxkeys", max_keys, keys + 1L, err);
	if (bytes + KEYRING_BYTES > max_bytes)
		return used_up("kernel.keys.root_maxbytes", max_bytes, bytes + KEYRING_BYTES, err);
#endif
	return 0;
}

static int file_systems_made(const struct swarm_rules *rules, u32 namespaces)
{
	return (IS_ENABLED(CONFIG_POSIX_MQUEUE) && namespaces & SWARM_NS_IPC) +
	       !!rules->proc + !!rules->devpts;
}

/*
 * Nothing tells how many numbers are left: those that a birth would take are taken for a
 * moment. Whoever arms threads one after another is asked once in a while: in that time,
 * births and mounts take hundreds of numbers, of a million.
 */
static int check_file_systems(int needed, struct swarm_policy_error *err)
{
	static unsigned long there_were = INITIAL_JIFFIES - HZ;
	dev_t numbers[MAX_FILE_SYSTEMS];
	int nr, ret = 0;

	if (time_is_after_jiffies(READ_ONCE(there_were) + HZ / 50))
		return 0;
	for (nr = 0; nr < needed; nr++) {
		ret = get_anon_bdev(&numbers[nr]);
		if (ret)
			break;
	}
	if (nr == MAX_FILE_SYSTEMS)
		WRITE_ONCE(there_were, jiffies);
	while (nr--)
		free_anon_bdev(numbers[nr]);
	/* Without memory the birth itself will say so. */
	if (ret != -EMFILE)
		return 0;
	return swarm_refuse(err, -ENOSPC, "spawn",
			    "the machine's %ld numbers of file systems without a device are used up, of which a birth takes %d; unmount some, or end agents",
			    NR_FILE_SYSTEMS, needed);
}

static int check_room(const struct swarm_agent *agent, struct swarm_policy_error *err)
{
	struct swarm_full full;
	int ret = swarm_cgroup_room(agent, NULL, &full);

	if (ret == -ENOSPC)
		return swarm_refuse(err, ret, "spawn",
				    "pids.max of the cgroup %s is %llu (TasksMax= of systemd), but a birth needs %llu or more; raise it",
				    full.path, full.limit, full.needed);
	if (ret)
		return swarm_refuse(err, ret, "", "the limits of cgroups cannot be read");
	return 0;
}

/**
 * swarm_limits_arm - may the calling thread's next fork make an agent's first process?
 * @err: filled where it may not, with the limit that it would meet
 *
 * Return: 0; -ENOSPC; another negative errno where cgroups cannot be read.
 */
int swarm_limits_arm(const struct swarm_agent *agent, struct swarm_policy_error *err)
{
	struct swarm_rules rules;
	u32 namespaces;
	int ret;

	swarm_copy_rules(agent, &rules);
	namespaces = swarm_namespaces_made(&rules);
	ret = check_namespaces(namespaces, err) ?:
	      check_processes(err) ?:
	      check_keys(namespaces, err) ?:
	      check_file_systems(file_systems_made(&rules, namespaces), err);
	if (ret)
		return ret;
	return check_room(agent, err);
}

/*
 * A process that joins an agent is not dumpable, so that its files in /proc are not the
 * agent's. When it takes the agent's ids the kernel sets that anew, to this sysctl's
 * value (commit_creds()), of which 1 means that it is.
 */
static int check_dumpable(struct swarm_policy_error *err)
{
	long value;
	int ret = read_value(SUID_DUMPABLE, &value);

	if (ret)
		return swarm_refuse(err, ret, "", "the sysctl fs.suid_dumpable cannot be read");
	if (value == 0 || value == 2)
		return 0;
	return swarm_refuse(err, -EPERM, "",
			    "the sysctl fs.suid_dumpable is %ld, not 0 or 2, so files of a process that joins would be the agent's in /proc; set it to 0",
			    value);
}

/**
 * swarm_limits_join - may the calling thread's next fork join an agent that runs?
 * @err: filled where it may not, with the limit that it would meet
 *
 * Return: as swarm_limits_arm(); -EPERM where fs.suid_dumpable is 1.
 */
int swarm_limits_join(const struct swarm_agent *agent, struct swarm_policy_error *err)
{
	return check_dumpable(err) ?: check_processes(err) ?: check_room(agent, err);
}

/* Loading */

static void __init add(char *text, size_t size, const char *name, long value, long needed)
{
	size_t length = strlen(text);

	if (value < needed)
		scnprintf(text + length, size - length, "%s %s is %ld (%ld or more is needed)",
			  length ? "," : "", name, value, needed);
}

/* Each agent is a user of its own, who needs one namespace of each kind. */
static void __init add_namespaces(char *text, size_t size)
{
	char name[40];
	int i;

	for (i = 0; i < SWARM_NR_NAMESPACES; i++) {
		if (!(SWARM_NS_DEFAULT & BIT(i)) || init_user_ns.ucount_max[counts[i]])
			continue;
		snprintf(name, sizeof(name), "user.max_%s_namespaces",
			 swarm_namespace_name(BIT(i)));
		add(text, size, name, 0, 1);
	}
}

/**
 * swarm_limits_tell - log what keeps so many agents as max_agents from running
 */
void __init swarm_limits_tell(void)
{
	char text[768] = "";
	long agents = swarm_max_agents;

	/* Whoever starts them is a process, too. */
	add(text, sizeof(text), "kernel.pid_max", READ_ONCE(init_pid_ns.pid_max), agents + 1);
	add(text, sizeof(text), "kernel.threads-max", value_of(THREADS_MAX), agents + 1);
	add_namespaces(text, sizeof(text));
	add(text, sizeof(text), "(4294967295 - id_base) / id_count", swarm_agent_ranges(), agents);
	add(text, sizeof(text), "the kernel's room for the file systems of agents",
	    NR_FILE_SYSTEMS / MAX_FILE_SYSTEMS, agents);
	if (text[0])
		pr_notice("so many cannot run:%s; raise it, or load with a lower max_agents\n",
			  text);
}

static int open_sources(void *unused)
{
	struct file_system_type *type = get_fs_type("proc");
	struct vfsmount *mount;
	struct path root;
	int i;

	if (!type)
		return -ENODEV;
	mount = vfs_kern_mount(type, SB_KERNMOUNT, "proc", NULL);
	if (IS_ERR(mount))
		return PTR_ERR(mount);
	root = (struct path){ .mnt = mount, .dentry = mount->mnt_root };
	for (i = 0; i < NR_SOURCES; i++) {
		sources[i] = file_open_root(&root, source_names[i], O_RDONLY, 0);
		if (IS_ERR(sources[i]))
			sources[i] = NULL;
	}
	/* The files hold it. */
	mntput(mount);
	return 0;
}

int __init swarm_limits_init(void)
{
	int err = swarm_as_kernel(open_sources, NULL);

	if (err)
		pr_err("procfs cannot be mounted (%d)\n", err);
	return err;
}

void swarm_limits_exit(void)
{
	int i;

	for (i = 0; i < NR_SOURCES; i++)
		if (sources[i])
			fput(sources[i]);
}
