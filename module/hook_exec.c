// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * execve and execveat. In the order in which one call comes by:
 *
 *   security_bprm_creds_for_exec   once; asked only where nothing is to be executed
 *				    (AT_EXECVE_CHECK), for then nothing follows
 *   security_bprm_check	    for the file and for each of its interpreters
 *   would_dump			    for the interpreter of an ELF program
 *   begin_new_exec		    the last place that can refuse
 *
 * A process has one execve at a time, under its cred_guard_mutex. If its agent is given
 * another policy on the way, the execve starts anew, so that one policy decides on it all.
 */
#include <linux/binfmts.h>
#include <linux/fs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "agent.h"
#include "exec_paths.h"
#include "hooks.h"
#include "member.h"
#include "place.h"
#include "policy_table.h"
#include "privileges.h"

static enum swarm_outcome tell(const struct swarm_member *member, enum swarm_action action,
			       const char *file)
{
	enum swarm_outcome outcome = swarm_outcome(action);

	swarm_event_execve(member->agent, action, outcome, file);
	return outcome;
}

static noinline unsigned long enforce(const struct swarm_member *member, enum swarm_action action,
				      const struct linux_binprm *bprm)
{
	/* exec_paths count for a process that was adopted with after_exec at once. */
	if (member->flags & SWARM_MEMBER_NEWBORN)
		return SWARM_PASS;
	return swarm_verdict(tell(member, action, bprm->interp));
}

/* May take long where directories are deep, so other tasks may run meanwhile. */
static noinline enum swarm_listed find_listed(const struct swarm_exec_paths *paths,
					      const struct file *file)
{
	enum swarm_listed listed;

	rcu_read_lock();
	swarm_hook_leave();
	listed = swarm_exec_paths_find(paths, file);
	swarm_hook_enter();
	rcu_read_unlock();
	return listed;
}

/*
 * May the calling process execute a program, by where it is? One that is to enter its
 * agent executes programs outside as it likes, and has entered once it is inside.
 */
static int look(struct swarm_member *member)
{
	int ret;

	if (member->flags & SWARM_MEMBER_ENTERING) {
		ret = swarm_place_entering(member);
		if (ret <= 0)
			return ret;
		WRITE_ONCE(member->flags, member->flags & ~SWARM_MEMBER_ENTERING);
	}
	return swarm_place_executing(member);
}

/*
 * A process that was forked to join an agent, or attached to it with after_exec, executes
 * a program: where the agent is, or not at all. Looking takes locks that may sleep, so
 * this is a stub. The call then starts anew, and is let pass if the thread is still where
 * it was seen: the handler of a signal may run in between, or the call fail.
 */
static noinline long look_at_place(void)
{
	struct swarm_member *member;
	enum swarm_outcome outcome;
	unsigned long place;
	int err;

	rcu_read_lock();
	/* The calling process is a member until it exits. */
	member = swarm_member_find(current->signal);
	rcu_read_unlock();
	for (;;) {
		/* First: whoever shares its directories may change them while this looks. */
		place = swarm_place_mark();
		err = look(member);
		if (err != -EBUSY)
			break;
		schedule_timeout_interruptible(1);
		if (signal_pending(current))
			return swarm_stub_restart();
	}
	if (err) {
		outcome = swarm_outcome(SWARM_KILL);
		swarm_event_violation(member->agent, SWARM_KIND_ADOPT, SWARM_KILL, outcome);
		if (outcome == SWARM_DONE_KILL)
			return swarm_stub_kill();
	}
	member->place = place;
	return swarm_stub_restart();
}

/* Has the calling thread been here before, and been seen to be where it is? */
static noinline bool seen_in_place(struct swarm_member *member, const struct ftrace_ops *ops)
{
	unsigned long place = member->place;

	member->place = 0;
	if (place != swarm_place_mark())
		return false;
	swarm_uncount_run(ops);
	return true;
}

/*
 * The first execve of a process that came from outside. Its launcher's program may have
 * made or entered a user namespace since, with all capabilities in it, and one that was
 * adopted with after_exec has lost nothing yet: the privileges are cut, and the call
 * starts anew, since it has begun with a copy of the credentials. It fails if they cannot
 * be cut.
 */
static noinline long cut_privileges(void)
{
	const struct swarm_member *member;
	const struct swarm_rules *rules;
	bool no_new_privs;
	u64 capabilities;
	int err;

	rcu_read_lock();
	/* The calling process is a member until it exits. */
	member = swarm_member_find(current->signal);
	rules = &swarm_policy_of(member->agent)->rules;
	capabilities = rules->capabilities;
	no_new_privs = rules->no_new_privs;
	rcu_read_unlock();
	err = swarm_privileges_cut(capabilities, no_new_privs);
	return err ?: swarm_stub_restart();
}

static noinline bool to_be_cut(const struct swarm_member *member, const struct ftrace_ops *ops)
{
	if (!swarm_privileges_exceed(&swarm_policy_of(member->agent)->rules))
		return false;
	swarm_uncount_run(ops);
	return true;
}

/* Has the execve under way been decided on by this policy so far? */
static __always_inline bool began_under(const struct swarm_member *member,
					const struct swarm_policy *policy)
{
	return (member->exec & ~SWARM_EXEC_BITS) == policy->serial;
}

/* What the first execve of a process from outside needs, if anything: then it starts anew. */
static noinline unsigned long prepare_first(struct swarm_member *member,
					    const struct ftrace_ops *ops)
{
	/* Nothing is cut before it is inside. */
	if (member->flags & SWARM_MEMBER_ENTERING)
		return seen_in_place(member, ops) ? SWARM_PASS : (unsigned long)look_at_place;
	/* First, since where the thread is seen is told by its credentials, too. */
	if (member->flags & SWARM_MEMBER_UNCUT && to_be_cut(member, ops))
		return (unsigned long)cut_privileges;
	if (member->flags & SWARM_MEMBER_UNPLACED && !seen_in_place(member, ops))
		return (unsigned long)look_at_place;
	return SWARM_PASS;
}

/*
 * The rule on execve is asked once, about the first file: the others are its
 * interpreters, and the exec was decided on, and counted, with it. exec_paths are
 * asked about each file, of the very first execve too, whatever that rule says.
 */
static __always_inline unsigned long decide_exec(const struct linux_binprm *bprm, bool check,
						 const struct ftrace_ops *ops)
{
	struct swarm_member *member = swarm_member_find(current->signal);
	bool first = check || bprm->interp == bprm->filename;
	enum swarm_listed listed = SWARM_LISTED;
	const struct swarm_policy *policy;
	const struct swarm_rules *rules;
	enum swarm_action action;
	unsigned long verdict;

	if (!member)
		return SWARM_PASS;
	if (unlikely(member->flags & (SWARM_MEMBER_UNCUT | SWARM_MEMBER_UNPLACED)) && first &&
	    !check) {
		verdict = prepare_first(member, ops);
		if (verdict != SWARM_PASS)
			return verdict;
	}
	policy = swarm_policy_of(member->agent);
	rules = &policy->rules;
	/* Before anything is counted: a call that starts anew comes by here again. */
	if (first && !check) {
		member->exec = policy->serial | SWARM_EXEC_LISTED;
	} else if (unlikely(!check && !began_under(member, policy))) {
		swarm_uncount_run(ops);
		return swarm_verdict_restart();
	}
	if (unlikely(policy->exec_paths) && likely(!(member->flags & SWARM_MEMBER_ENTERING))) {
		listed = find_listed(policy->exec_paths, bprm->file);
		if (listed == SWARM_LISTED_UNKNOWN) {
			swarm_uncount_run(ops);
			return swarm_verdict_restart();
		}
	}
	action = swarm_rule(member, rules, SWARM_SYS_EXECVE);
	if (action != SWARM_ALLOW && first && !swarm_being_set_up(member)) {
		verdict = enforce(member, action, bprm);
		if (verdict != SWARM_PASS)
			return verdict;
	}
	if (likely(listed == SWARM_LISTED))
		return SWARM_PASS;
	verdict = enforce(member, rules->unlisted, bprm);
	if (verdict == SWARM_PASS && !check)
		member->exec = policy->serial | SWARM_EXEC_TOLD;
	return verdict;
}

/* Do the rules that allow it allow a call of this name? Apart, as it is rare. */
static noinline unsigned long decide_on_name(bool check, const struct ftrace_ops *ops)
{
	const struct swarm_member *member = swarm_member_find(current->signal);
	const struct swarm_policy *policy;

	if (!member)
		return SWARM_PASS;
	policy = swarm_policy_of(member->agent);
	if (!check && !began_under(member, policy)) {
		swarm_uncount_run(ops);
		return swarm_verdict_restart();
	}
	return swarm_allowed(&policy->rules);
}

static __always_inline void answer_by(struct ftrace_regs *regs, bool check,
				      const struct ftrace_ops *ops)
{
	unsigned long verdict;

	swarm_hook_enter();
	verdict = decide_exec((void *)ftrace_regs_get_argument(regs, 0), check, ops);
	if (verdict != SWARM_PASS)
		swarm_answer(regs, verdict);
	else if (static_branch_unlikely(&swarm_rules_replaced))
		swarm_answer(regs, decide_on_name(check, ops));
	swarm_hook_leave();
}

/* Apart, so that the quick return saves no register. */
static noinline void answer_exec(struct ftrace_regs *regs, const struct ftrace_ops *ops)
{
	answer_by(regs, false, ops);
}

static noinline void answer_check(struct ftrace_regs *regs, const struct ftrace_ops *ops)
{
	answer_by(regs, true, ops);
}

void notrace swarm_hook_exec(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer_exec(regs, ops);
}

/*
 * security_bprm_creds_for_exec: once per execve, and all that an execveat with
 * AT_EXECVE_CHECK calls. That one asks whether the file may be executed, and gets the
 * answer that execve would give; nothing is executed, so it ends no birth.
 */
void notrace swarm_hook_exec_check(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	const struct linux_binprm *bprm = (void *)ftrace_regs_get_argument(regs, 0);

	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent, and for what executes. */
	if (likely(swarm_member_none(current->signal) || !bprm->is_check))
		return;
	answer_check(regs, ops);
}

/*
 * The interpreter of an ELF program, from the program or from binfmt_misc: opened, and
 * not yet mapped. Told here; refused by begin_new_exec(), since this function has no
 * answer of its own.
 */
static void decide_interpreter(struct swarm_member *member, const struct swarm_policy *policy,
			       const struct file *file)
{
	enum swarm_action action = policy->rules.unlisted;

	/* That of a program that is not listed was told of with the program. */
	if (member->exec == (policy->serial | SWARM_EXEC_TOLD) ||
	    swarm_exec_paths_interprets(policy->exec_paths, file))
		return;
	switch (find_listed(policy->exec_paths, file)) {
	case SWARM_LISTED:
		return;
	case SWARM_UNLISTED:
		/* Its name may be changed meanwhile, but is not freed under RCU. */
		switch (tell(member, action, READ_ONCE(file->f_path.dentry->d_name.name))) {
		case SWARM_DONE_DENY:
			member->exec = policy->serial | SWARM_EXEC_DENIED;
			return;
		case SWARM_DONE_KILL:
			member->exec = policy->serial | SWARM_EXEC_KILLED;
			return;
		default:
			return;
		}
	default:
		member->exec = policy->serial | SWARM_EXEC_UNKNOWN;
	}
}

static noinline void answer_interpreter(struct ftrace_regs *regs)
{
	const struct linux_binprm *bprm = (void *)ftrace_regs_get_argument(regs, 0);
	const struct file *file = (void *)ftrace_regs_get_argument(regs, 1);
	const struct swarm_policy *policy;
	struct swarm_member *member;

	/* Called again, later, about what security_bprm_check has been asked about. */
	if (file == bprm->file || file == bprm->executable)
		return;
	swarm_hook_enter();
	member = swarm_member_find(current->signal);
	if (member) {
		policy = swarm_policy_of(member->agent);
		/*
		 * begin_new_exec() has an execve start anew that a change has met. Noted here,
		 * as by then the first policy may be in force again.
		 */
		if (unlikely(!began_under(member, policy)))
			member->exec = policy->serial | SWARM_EXEC_UNKNOWN;
		else if (policy->exec_paths && !(member->flags & SWARM_MEMBER_ENTERING))
			decide_interpreter(member, policy, file);
	}
	swarm_hook_leave();
}

/* would_dump(bprm, file): of every file that an execve is about to map. */
void notrace swarm_hook_interpreter(unsigned long ip, unsigned long parent_ip,
				    struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer_interpreter(regs);
}

static noinline void answer_new_exec(struct ftrace_regs *regs, const struct ftrace_ops *ops)
{
	static const enum swarm_outcome outcomes[] = {
		[SWARM_EXEC_DENIED] = SWARM_DONE_DENY,
		[SWARM_EXEC_KILLED] = SWARM_DONE_KILL,
	};
	const struct swarm_member *member;
	enum swarm_exec exec;

	swarm_hook_enter();
	member = swarm_member_find(current->signal);
	if (member) {
		exec = member->exec & SWARM_EXEC_BITS;
		if (exec == SWARM_EXEC_UNKNOWN ||
		    !began_under(member, swarm_policy_of(member->agent))) {
			swarm_uncount_run(ops);
			swarm_answer(regs, swarm_verdict_restart());
		} else if (exec == SWARM_EXEC_DENIED || exec == SWARM_EXEC_KILLED) {
			swarm_answer(regs, swarm_verdict(outcomes[exec]));
		}
	}
	swarm_hook_leave();
}

/* begin_new_exec(bprm): the last place where an execve can fail and its caller go on. */
void notrace swarm_hook_new_exec(unsigned long ip, unsigned long parent_ip,
				 struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	swarm_count_run(ops);
	/* Quick return for a task that belongs to no agent. */
	if (likely(swarm_member_none(current->signal)))
		return;
	answer_new_exec(regs, ops);
}
