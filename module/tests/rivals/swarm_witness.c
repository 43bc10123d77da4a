// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Sees with whose credentials files of one name are written, as a security module does:
 *
 *   insmod swarm_witness.ko file=cgroup.procs
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/string.h>

static char *file = "";
module_param(file, charp, 0444);
MODULE_PARM_DESC(file, "name of the files");

static unsigned int own;
module_param(own, uint, 0444);
MODULE_PARM_DESC(own, "how often the writer had its own credentials");

static unsigned int borrowed;
module_param(borrowed, uint, 0444);
MODULE_PARM_DESC(borrowed, "how often it had others, who were root and not less");

static int look(struct kprobe *probe, struct pt_regs *regs)
{
	const struct file *opened = (void *)regs_get_kernel_argument(regs, 0);
	const struct cred *cred = current_cred();

	if (!(regs_get_kernel_argument(regs, 1) & MAY_WRITE) ||
	    strcmp(opened->f_path.dentry->d_name.name, file))
		return 0;
	if (cred == current_real_cred())
		WRITE_ONCE(own, own + 1);
	else if (uid_eq(cred->euid, GLOBAL_ROOT_UID) && cred->user_ns == &init_user_ns)
		WRITE_ONCE(borrowed, borrowed + 1);
	return 0;
}

static struct kprobe probe = {
	.symbol_name = "security_file_permission",
	.pre_handler = look,
};

static int __init witness_init(void)
{
	return register_kprobe(&probe);
}

static void __exit witness_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(witness_init);
module_exit(witness_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Whose credentials files are written with, for SwarmGuard's specs");
