// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Denies execve and devices by two kprobes that look the process up in a hash: as
 * monitors do that are built on kprobes and override what a function returns.
 *
 *   echo 0 >/sys/module/swarm_kprobe/parameters/member   # devices alone are denied
 *   echo 1 >/sys/module/swarm_kprobe/parameters/member   # execve as well
 *
 * The process that writes is looked for from then on, by its id. Entries stay until the
 * module is unloaded, so it is loaded for no longer than ids are not reused.
 */
#include <linux/errno.h>
#include <linux/hashtable.h>
#include <linux/kprobes.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

struct member {
	struct hlist_node node;
	pid_t process;
	bool execs_denied;
};

/* Written under the parameters' own lock, read under RCU. */
static DEFINE_HASHTABLE(members, 12);

static const struct member *find_member(void)
{
	const pid_t process = current->tgid;
	const struct member *member;

	hash_for_each_possible_rcu(members, member, node, process)
		if (member->process == process)
			return member;
	return NULL;
}

static int add_member(const char *text, const struct kernel_param *param)
{
	struct member *member;
	bool execs_denied;
	int err = kstrtobool(text, &execs_denied);

	if (err)
		return err;
	member = kmalloc(sizeof(*member), GFP_KERNEL);
	if (!member)
		return -ENOMEM;
	member->process = current->tgid;
	member->execs_denied = execs_denied;
	hash_add_rcu(members, &member->node, member->process);
	return 0;
}

static const struct kernel_param_ops member_ops = {
	.set = add_member,
};
module_param_cb(member, &member_ops, NULL, 0200);
MODULE_PARM_DESC(member, "deny devices to the process that writes 0 here, execve too to one that writes 1");

/* What is called instead of a function that is denied. */
static noinline int denied(void)
{
	return -EPERM;
}

/* Return: 1, which tells the kernel that the instruction pointer was changed. */
static int deny(struct pt_regs *regs)
{
	instruction_pointer_set(regs, (unsigned long)denied);
	return 1;
}

/* Kprobes run with preemption off, which is a read-side critical section of RCU. */
static int on_exec(struct kprobe *probe, struct pt_regs *regs)
{
	const struct member *member = find_member();

	return member && member->execs_denied ? deny(regs) : 0;
}

static bool known(unsigned int major, unsigned int minor)
{
	switch (major) {
	case 1:
		return minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9;
	case 5:
		return minor == 0 || minor == 2;
	default:
		return false;
	}
}

static int on_device(struct kprobe *probe, struct pt_regs *regs)
{
	if (!find_member())
		return 0;
	if (known(regs_get_kernel_argument(regs, 1), regs_get_kernel_argument(regs, 2)))
		return 0;
	return deny(regs);
}

/* A probe that has a post_handler claims the instruction pointer for itself. */
static void after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe exec_probe = {
	.symbol_name = "security_bprm_check",
	.pre_handler = on_exec,
	.post_handler = after,
};

static struct kprobe device_probe = {
	.symbol_name = "devcgroup_check_permission",
	.pre_handler = on_device,
	.post_handler = after,
};

static struct kprobe *probes[] = { &exec_probe, &device_probe };

static int __init peer_init(void)
{
	return register_kprobes(probes, ARRAY_SIZE(probes));
}

static void __exit peer_exit(void)
{
	struct hlist_node *next;
	struct member *member;
	int bucket;

	/* Waits for handlers that run. */
	unregister_kprobes(probes, ARRAY_SIZE(probes));
	/* A task may be in denied(). */
	synchronize_rcu_tasks();
	hash_for_each_safe(members, bucket, next, member, node)
		kfree(member);
}

module_init(peer_init);
module_exit(peer_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Denies by kprobes, to compare SwarmGuard with");
