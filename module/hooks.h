/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The hooked functions, and how a hook answers.
 *
 * A hook runs at the entry of its function, possibly with preemption off. To
 * refuse a call it moves the instruction pointer to a stub, which then runs in
 * place of the function, in the caller's context, and returns the error.
 */
#ifndef SWARM_HOOKS_H
#define SWARM_HOOKS_H

#include <linux/compiler.h>
#include <linux/ftrace.h>
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>

#include "agent.h"
#include "event.h"
#include "member.h"
#include "params.h"
#include "policy.h"

/*
 * A verdict is an unsigned long: the address of the function that runs instead of
 * the hooked one, or SWARM_PASS.
 */
#define SWARM_PASS	0UL

/**
 * struct swarm_hook - a hooked function
 * @function: its name, one per ABI where there are several
 * @ops: what ftrace calls at its entry
 * @runs: how often it did, by CPU
 */
struct swarm_hook {
	const char *function;
	struct ftrace_ops ops;
	unsigned long __percpu *runs;
};

#define SWARM_HOOK(name, callback)						\
	{									\
		.function = (name),						\
		.ops = {							\
			.func = (callback),					\
			.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT, \
		},								\
	}

void notrace swarm_hook_clone(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_exec(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_exec_check(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_interpreter(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_new_exec(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_pty_peer(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_device(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_unshare(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_setns(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_open_tree(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_fsmount(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_attach(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_ptrace(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_owner(unsigned long ip, unsigned long parent_ip,
			      struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_syscall(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *regs);
bool swarm_owner_refuses(void);
unsigned long swarm_syscall_verdict(const struct swarm_member *member,
				    const struct swarm_rules *rules, unsigned long ip,
				    struct ftrace_regs *regs);

unsigned long swarm_syscall_recheck(const struct swarm_rules *rules);

void notrace swarm_hook_socket(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_bind(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_connect(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_unix_send(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_autoload(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *regs);
void notrace swarm_hook_core(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs);

void swarm_hook_attach_expect(const struct signal_struct *signal);

unsigned long swarm_violated(const struct swarm_member *member, enum swarm_kind kind,
			     enum swarm_action action);
long swarm_stub_deny(void);
long swarm_stub_kill(void);
long swarm_stub_restart(void);
unsigned long swarm_verdict_einval(void);
unsigned long swarm_verdict_refill(void);
unsigned long swarm_verdict_restart(void);

/*
 * Around what a hook does for an agent's task: a reader of RCU's, for a few dozen
 * instructions, so with preemption off, which costs a fifth of rcu_read_lock().
 */
static __always_inline void swarm_hook_enter(void)
{
	rcu_read_lock_sched_notrace();
}

static __always_inline void swarm_hook_leave(void)
{
	rcu_read_unlock_sched_notrace();
}

/*
 * Do the rules not count yet? The module itself calls on behalf of a birth, or the
 * process was adopted with after_exec.
 */
static __always_inline bool swarm_excused(const struct swarm_member *member)
{
	return member->flags & (SWARM_MEMBER_NEWBORN | SWARM_MEMBER_PENDING);
}

/*
 * Is the program that the agent is born for, or that joins it, not executed yet? What
 * runs until then is its launcher's, which sets things up.
 */
static __always_inline bool swarm_being_set_up(const struct swarm_member *member)
{
	return (member->flags & (SWARM_MEMBER_SPAWNED | SWARM_MEMBER_EXECED)) ==
	       SWARM_MEMBER_SPAWNED;
}

/* What a rule says to a member. */
static __always_inline enum swarm_action swarm_rule(const struct swarm_member *member,
						    const struct swarm_rules *rules,
						    enum swarm_syscall rule)
{
	enum swarm_action action = rules->syscalls[rule];

	if (unlikely(action != SWARM_ALLOW && swarm_excused(member)))
		return SWARM_ALLOW;
	return action;
}

/* What is done about a call for which a rule says anything but SWARM_ALLOW. */
static __always_inline enum swarm_outcome swarm_outcome(enum swarm_action action)
{
	if (action == SWARM_AUDIT)
		return SWARM_DONE_AUDIT;
	if (!swarm_enforcing)
		return SWARM_DONE_REPORT;
	return action == SWARM_KILL ? SWARM_DONE_KILL : SWARM_DONE_DENY;
}

/* Does a call for which a rule says this go on? */
static __always_inline bool swarm_passes(enum swarm_action action)
{
	return action == SWARM_ALLOW || action == SWARM_AUDIT || !swarm_enforcing;
}

static __always_inline unsigned long swarm_verdict(enum swarm_outcome outcome)
{
	switch (outcome) {
	case SWARM_DONE_DENY:
		return (unsigned long)swarm_stub_deny;
	case SWARM_DONE_KILL:
		return (unsigned long)swarm_stub_kill;
	default:
		return SWARM_PASS;
	}
}

/* swarm_violated(), with the answer that most calls get given here. */
static __always_inline unsigned long swarm_enforce(const struct swarm_member *member,
						   enum swarm_kind kind, enum swarm_action action)
{
	return likely(action == SWARM_ALLOW) ? SWARM_PASS : swarm_violated(member, kind, action);
}

/*
 * The rules allow what a call does: the last that is asked. The rule on the call's name was
 * asked when it was entered, perhaps of other rules: then once more, so that one policy
 * allows all of it.
 */
static __always_inline unsigned long swarm_allowed(const struct swarm_rules *rules)
{
	if (static_branch_unlikely(&swarm_rules_replaced))
		return swarm_syscall_recheck(rules);
	return SWARM_PASS;
}

static __always_inline void swarm_answer(struct ftrace_regs *regs, unsigned long verdict)
{
	if (unlikely(verdict != SWARM_PASS))
		ftrace_regs_set_instruction_pointer(regs, verdict);
}

/* Every hook begins with it. One instruction and a load: this path is everybody's. */
static __always_inline void swarm_count_run(const struct ftrace_ops *ops)
{
	this_cpu_inc(*container_of(ops, struct swarm_hook, ops)->runs);
}

/* A call that starts anew comes by once more, and is one call to whoever counts. */
static __always_inline void swarm_uncount_run(const struct ftrace_ops *ops)
{
	this_cpu_dec(*container_of(ops, struct swarm_hook, ops)->runs);
}

struct swarm_hook *swarm_hook_at(unsigned int nr);
bool swarm_hook_runs(unsigned int nr, const char **function, u64 *runs);
int __init swarm_hooks_init(void);
void swarm_hooks_exit(void);

#endif
