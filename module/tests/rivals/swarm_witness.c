// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Sees with whose credentials files of some names are written, and with whose
 * directories of cgroup v2 are made ("mkdir"), as a security module does:
 *
 *   insmod swarm_witness.ko file=cgroup.procs,pids.max,mkdir
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/string.h>

#define FILES_MAX	16

static char *file[FILES_MAX];
static unsigned int nr_files;
module_param_array(file, charp, &nr_files, 0444);
MODULE_PARM_DESC(file, "names of the files; mkdir: directories of cgroup v2 that are made");

static unsigned int own[FILES_MAX];
module_param_array(own, uint, &nr_files, 0444);
MODULE_PARM_DESC(own, "for each, how often a process had its own credentials");

static unsigned int borrowed[FILES_MAX];
module_param_array(borrowed, uint, &nr_files, 0444);
MODULE_PARM_DESC(borrowed, "how often it had others, or was the kernel's; root's and not less");

static void count(const char *name)
{
	const struct cred *cred = current_cred();
	unsigned int i;

	for (i = 0; i < nr_files && strcmp(name, file[i]); i++)
		;
	if (i == nr_files)
		return;
	if (cred == current_real_cred() && !(current->flags & PF_KTHREAD))
		WRITE_ONCE(own[i], own[i] + 1);
	else if (uid_eq(cred->euid, GLOBAL_ROOT_UID) && cred->user_ns == &init_user_ns)
		WRITE_ONCE(borrowed[i], borrowed[i] + 1);
}

static int look(struct kprobe *probe, struct pt_regs *regs)
{
	const struct file *opened = (void *)regs_get_kernel_argument(regs, 0);

	if (regs_get_kernel_argument(regs, 1) & MAY_WRITE)
		count(opened->f_path.dentry->d_name.name);
	return 0;
}

static int look_at_mkdir(struct kprobe *probe, struct pt_regs *regs)
{
	const struct dentry *dentry = (void *)regs_get_kernel_argument(regs, 1);

	if (dentry->d_sb->s_magic == CGROUP2_SUPER_MAGIC)
		count("mkdir");
	return 0;
}

static struct kprobe writing = {
	.symbol_name = "security_file_permission",
	.pre_handler = look,
};

static struct kprobe making = {
	.symbol_name = "security_inode_mkdir",
	.pre_handler = look_at_mkdir,
};

static struct kprobe *probes[] = { &writing, &making };

static int __init witness_init(void)
{
	return register_kprobes(probes, ARRAY_SIZE(probes));
}

static void __exit witness_exit(void)
{
	unregister_kprobes(probes, ARRAY_SIZE(probes));
}

module_init(witness_init);
module_exit(witness_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Whose credentials files are written with, for SwarmGuard's specs");
