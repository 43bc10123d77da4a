// SPDX-License-Identifier: MIT OR Apache-2.0
/* Hooks, run with arguments as the kernel has them at the hooked function's entry. */
#include <linux/binfmts.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ftrace.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/sched/task.h>
#include <linux/seq_buf.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"
#include "compat/compat.h"
#include "hooks.h"

/* The numbers do not repeat to the instruction before everything has run once. */
#define WARM_UP	3

static struct swarm_hook *hook_on(const char *function)
{
	struct swarm_hook *hook;
	unsigned int nr;

	for (nr = 0; (hook = bench_guard->hook(nr)); nr++)
		if (!strcmp(hook->function, function))
			return hook;
	return NULL;
}

static void set_argument(struct __arch_ftrace_regs *regs, unsigned int n, unsigned long value)
{
#if defined(CONFIG_X86_64)
	unsigned long *const places[] = {
		&regs->regs.di, &regs->regs.si, &regs->regs.dx, &regs->regs.cx,
	};

	*places[n] = value;
#else
	regs->regs[n] = value;
#endif
}

/* Does what ftrace does once it has saved the registers. */
static void measure(struct swarm_hook *hook, const char *name, unsigned long args[4],
		    struct seq_buf *out, struct bench_samples *samples)
{
	struct __arch_ftrace_regs regs = {};
	struct ftrace_regs *fregs = (struct ftrace_regs *)&regs;
	ftrace_func_t func = hook->ops.func;
	unsigned long flags;
	u64 start, end;
	int i, n;

	for (i = 0; i < BENCH_ROUNDS + WARM_UP; i++) {
		memset(&regs, 0, sizeof(regs));
		for (n = 0; n < 4; n++)
			set_argument(&regs, n, args[n]);
		local_irq_save(flags);
		start = get_cycles();
		func(0, 0, &hook->ops, fregs);
		end = get_cycles();
		local_irq_restore(flags);
		if (i >= WARM_UP)
			bench_sample(samples, start, end);
	}
	bench_report(out, name, samples);
	seq_buf_printf(out, "{\"answered\":%s}\n",
		       ftrace_regs_get_instruction_pointer(fregs) ? "true" : "false");
}

static int parse(char *words, unsigned long args[4])
{
	char *word;
	int n = 0, err;

	while ((word = strsep(&words, " "))) {
		if (n == 4)
			return -EINVAL;
		err = kstrtoul(word, 0, &args[n++]);
		if (err)
			return err;
	}
	return n;
}

static int exec(const char *path, struct swarm_hook *hook, struct seq_buf *out,
		struct bench_samples *samples)
{
	struct linux_binprm *bprm;
	unsigned long args[4] = {};
	int err = 0;

	bprm = kzalloc(sizeof(*bprm), GFP_KERNEL);
	if (!bprm)
		return -ENOMEM;
	bprm->file = filp_open(path, O_RDONLY, 0);
	if (IS_ERR(bprm->file)) {
		err = PTR_ERR(bprm->file);
		goto free;
	}
	bprm->filename = path;
	bprm->interp = path;
	args[0] = (unsigned long)bprm;
	measure(hook, "exec", args, out, samples);
	filp_close(bprm->file, NULL);
free:
	kfree(bprm);
	return err;
}

/* Order: the call's name, and what follows it in the list of bench.c. */
int bench_calls(char *order, struct seq_buf *out)
{
	static const struct {
		const char *name;
		const char *function;
	} hooked[] = {
		{ "clone", "kernel_clone" },
		{ "unshare", "ksys_unshare" },
		{ "setns", SWARM_SYSCALL_NATIVE "setns" },
		{ "exec", "security_bprm_check" },
		{ "device", "devcgroup_check_permission" },
		{ "socket", "security_socket_create" },
	};
	struct kernel_clone_args clone = {};
	struct bench_samples *samples;
	struct swarm_hook *hook = NULL;
	unsigned long args[4] = {};
	char *name = strsep(&order, " ");
	int i, nr = 0, err = 0;

	for (i = 0; i < ARRAY_SIZE(hooked); i++)
		if (!strcmp(hooked[i].name, name))
			hook = hook_on(hooked[i].function);
	if (!hook)
		return -ENOENT;
	samples = kzalloc(sizeof(*samples), GFP_KERNEL);
	if (!samples)
		return -ENOMEM;
	if (!strcmp(name, "exec")) {
		err = order ? exec(order, hook, out, samples) : -EINVAL;
		goto free;
	}
	if (order)
		nr = parse(order, args);
	if (nr < 0) {
		err = nr;
		goto free;
	}
	if (!strcmp(name, "clone")) {
		clone.flags = args[0];
		args[0] = (unsigned long)&clone;
	}
	measure(hook, name, args, out, samples);
free:
	kfree(samples);
	return err;
}
