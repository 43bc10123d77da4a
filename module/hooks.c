// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Installing the hooks, and the stubs they answer with.
 *
 * System calls are not dispatched through a table on these kernels, so the
 * functions that every variant of a call goes through are hooked with ftrace.
 * PERMANENT keeps "sysctl kernel.ftrace_enabled=0" from switching enforcement
 * off; only one user can have IPMODIFY on a function, so a live patch on the
 * same one makes loading fail, with its name in the log.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/mount.h>

#include "agent.h"
#include "compat/compat.h"
#include "hooks.h"
#include "member.h"
#include "params.h"
#include "syscalls.h"

/* Stubs: plain functions, so they may sleep, and any argument is ignored. */

long swarm_stub_deny(void)
{
	return -EPERM;
}

static noinline long deny_einval(void)
{
	return -EINVAL;
}

long swarm_stub_kill(void)
{
	send_sig(SIGKILL, current, 1);
	return -EPERM;
}

/*
 * The system call starts anew. The kernel's own fork restarts in the same way when
 * a signal is pending, and a pending signal is what makes the return to user space
 * look at -ERESTARTNOINTR at all; a spurious one is cleared there.
 */
long swarm_stub_restart(void)
{
	set_thread_flag(TIF_SIGPENDING);
	return -ERESTARTNOINTR;
}

/* A fork found no entry for its child. Here, out of the hook, allocating may sleep. */
static noinline long restart_refilled(void)
{
	return swarm_member_refill() ? -ENOMEM : swarm_stub_restart();
}

unsigned long swarm_verdict_einval(void)
{
	return (unsigned long)deny_einval;
}

unsigned long swarm_verdict_restart(void)
{
	return (unsigned long)swarm_stub_restart;
}

unsigned long swarm_verdict_refill(void)
{
	return (unsigned long)restart_refilled;
}

/**
 * swarm_violated - what a hook answers to a call that a rule does not simply allow
 * @member: the calling process
 * @kind: what it tries; neither execve nor a device, of which there is more to tell
 * @action: what its policy says
 *
 * Counts and reports. Under rcu_read_lock().
 *
 * Return: the verdict for swarm_answer().
 */
unsigned long swarm_violated(const struct swarm_member *member, enum swarm_kind kind,
			     enum swarm_action action)
{
	enum swarm_outcome outcome = swarm_outcome(action);

	if (swarm_excused(member))
		return SWARM_PASS;
	swarm_event_violation(member->agent, kind, action, outcome);
	return swarm_verdict(outcome);
}

static struct swarm_hook hooks[] = {
	SWARM_HOOK("kernel_clone", swarm_hook_clone),
	SWARM_HOOK("create_user_ns", swarm_hook_owner),
	SWARM_HOOK("security_bprm_check", swarm_hook_exec),
	SWARM_HOOK("security_bprm_creds_for_exec", swarm_hook_exec_check),
	SWARM_HOOK("would_dump", swarm_hook_interpreter),
	SWARM_HOOK("begin_new_exec", swarm_hook_new_exec),
	SWARM_HOOK("devcgroup_check_permission", swarm_hook_device),
#ifdef CONFIG_UNIX98_PTYS
	SWARM_HOOK("ptm_open_peer", swarm_hook_pty_peer),
#endif
	SWARM_HOOK("security_socket_create", swarm_hook_socket),
	SWARM_HOOK("security_socket_bind", swarm_hook_bind),
	SWARM_HOOK("security_socket_connect", swarm_hook_connect),
#ifdef CONFIG_UNIX
	SWARM_HOOK("unix_dgram_sendmsg", swarm_hook_unix_send),
#endif
	SWARM_HOOK("security_kernel_module_request", swarm_hook_autoload),
#ifdef CONFIG_COREDUMP
	SWARM_HOOK(SWARM_CORE_DUMP, swarm_hook_core),
#endif
	SWARM_HOOK("ksys_unshare", swarm_hook_unshare),
	SWARM_HOOK(SWARM_SYSCALL_NATIVE "setns", swarm_hook_setns),
#ifdef SWARM_SYSCALL_COMPAT
	SWARM_HOOK(SWARM_SYSCALL_COMPAT "setns", swarm_hook_setns),
#endif
	SWARM_HOOK("cgroup_attach_task", swarm_hook_attach),
	SWARM_HOOK("security_ptrace_access_check", swarm_hook_ptrace),
	/* Kernels that make mount namespaces without clone, unshare or setns. */
#ifdef OPEN_TREE_NAMESPACE
	SWARM_HOOK(SWARM_SYSCALL_NATIVE "open_tree", swarm_hook_open_tree),
	SWARM_HOOK(SWARM_SYSCALL_NATIVE "open_tree_attr", swarm_hook_open_tree),
#ifdef SWARM_SYSCALL_COMPAT
	SWARM_HOOK(SWARM_SYSCALL_COMPAT "open_tree", swarm_hook_open_tree),
	SWARM_HOOK(SWARM_SYSCALL_COMPAT "open_tree_attr", swarm_hook_open_tree),
#endif
#endif
#ifdef FSMOUNT_NAMESPACE
	SWARM_HOOK(SWARM_SYSCALL_NATIVE "fsmount", swarm_hook_fsmount),
#ifdef SWARM_SYSCALL_COMPAT
	SWARM_HOOK(SWARM_SYSCALL_COMPAT "fsmount", swarm_hook_fsmount),
#endif
#endif
};

static void notrace ignore_call(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *regs)
{
}

/*
 * Is tracing of functions switched off as a whole? ftrace then refuses whatever is
 * permanent with the error that it has for a function somebody else redirects, and
 * the switch is not exported; without IPMODIFY only the switch is left as a reason.
 */
static bool __init switched_off(unsigned long ip)
{
	static struct ftrace_ops probe = {
		.func = ignore_call,
		.flags = FTRACE_OPS_FL_PERMANENT,
	};
	bool off;

	if (ftrace_set_filter_ip(&probe, ip, 0, 1))
		return false;
	off = register_ftrace_function(&probe) == -EBUSY;
	if (!off)
		unregister_ftrace_function(&probe);
	ftrace_free_filter(&probe);
	return off;
}

static int __init install(struct swarm_hook *hook, const struct swarm_entry *entry)
{
	const char *function = hook->function;
	int err;

	hook->runs = alloc_percpu(unsigned long);
	if (!hook->runs)
		return -ENOMEM;
	err = entry->ip ? ftrace_set_filter_ip(&hook->ops, entry->ip, 0, 1) : -ENOENT;
	if (err) {
		pr_err("%s cannot be hooked: this kernel has no such traceable function (%d)\n",
		       function, err);
		free_percpu(hook->runs);
		return err;
	}
	err = register_ftrace_function(&hook->ops);
	if (err == -EBUSY && switched_off(entry->ip))
		pr_err("%s cannot be hooked: tracing of functions is switched off; sysctl kernel.ftrace_enabled=1 switches it on\n",
		       function);
	else if (err == -EBUSY)
		pr_err("%s cannot be hooked: a live patch or another module has redirected it; unload that first\n",
		       function);
	else if (err)
		pr_err("%s cannot be hooked: error %d\n", function, err);
	if (err) {
		ftrace_free_filter(&hook->ops);
		free_percpu(hook->runs);
	}
	return err;
}

static void uninstall(struct swarm_hook *hook)
{
	WARN_ON_ONCE(unregister_ftrace_function(&hook->ops));
	ftrace_free_filter(&hook->ops);
}

/**
 * swarm_hook_at - one of the hooks
 * @nr: which, from 0
 *
 * Return: the hook, or NULL where there is no such.
 */
struct swarm_hook *swarm_hook_at(unsigned int nr)
{
	return nr < ARRAY_SIZE(hooks) ? &hooks[nr] : NULL;
}

/**
 * swarm_hook_runs - how often a hook has run since the module was loaded
 * @nr: which, from 0
 * @function: set to the name of the hooked function
 * @runs: set to the number
 *
 * Return: false where there is no such hook.
 */
bool swarm_hook_runs(unsigned int nr, const char **function, u64 *runs)
{
	u64 sum = 0;
	int cpu;

	if (nr >= ARRAY_SIZE(hooks))
		return false;
	for_each_possible_cpu(cpu)
		sum += *per_cpu_ptr(hooks[nr].runs, cpu);
	*function = hooks[nr].function;
	*runs = sum;
	return true;
}

static void free_counters(unsigned int nr)
{
	while (nr--)
		free_percpu(hooks[nr].runs);
}

/*
 * Find all functions at once. ftrace would take a name as well, but compare it with those
 * of all functions that it can trace, for each hook anew: seconds of an emulated processor.
 */
static struct swarm_entry * __init locate(void)
{
	const struct swarm_entry *failed;
	struct swarm_entry *entries;
	int i, err;

	entries = kvcalloc(ARRAY_SIZE(hooks), sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (WARN_ON_ONCE(strscpy(entries[i].symbol, hooks[i].function) < 0))
			goto invalid;
	err = swarm_entries_locate(entries, ARRAY_SIZE(hooks), &failed);
	if (!err)
		return entries;
	if (failed)
		pr_err("%s cannot be looked up: error %d\n", failed->symbol, err);
	kvfree(entries);
	return ERR_PTR(err);
invalid:
	kvfree(entries);
	return ERR_PTR(-EINVAL);
}

int __init swarm_hooks_init(void)
{
	struct swarm_entry *entries;
	int i, nr, err;

	entries = locate();
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		err = install(&hooks[i], &entries[i]);
		if (err)
			goto undo;
	}
	err = swarm_syscalls_init();
	if (err)
		goto undo;
	kvfree(entries);
	return 0;

undo:
	nr = i;
	while (i--)
		uninstall(&hooks[i]);
	synchronize_rcu_tasks();
	free_counters(nr);
	kvfree(entries);
	return err;
}

void swarm_hooks_exit(void)
{
	int i;

	swarm_syscalls_stop();
	for (i = ARRAY_SIZE(hooks) - 1; i >= 0; i--)
		uninstall(&hooks[i]);
	/* A task may be preempted in a hook or a stub. */
	synchronize_rcu_tasks();
	free_counters(ARRAY_SIZE(hooks));
}
