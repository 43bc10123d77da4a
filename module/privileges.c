// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Capabilities and no_new_privs.
 *
 * An execve computes the capabilities that a program gets from its file's, from the
 * bounding set and from the inheritable and ambient sets of its caller. So these three
 * are cut to the policy's. The permitted and effective sets are left alone, with which a
 * launcher's program may still set up mounts: the execve replaces them.
 *
 * The sets are cut at birth, and from then on no call raises them in the same user
 * namespace: capset and prctl raise an inheritable capability within the bounding set
 * alone, and an ambient one within the inheritable set. Whoever makes or enters a user
 * namespace gets a full bounding set in it, so the sets are looked at once more by the
 * first execve (hook_exec.c).
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/securebits.h>

#include "policy.h"
#include "privileges.h"

/* Of the kernel's own, which may be newer than those that have a name here. */
static kernel_cap_t allowed_of(u64 capabilities)
{
	return capabilities == SWARM_CAPS_ALL ? CAP_FULL_SET : (kernel_cap_t){ capabilities };
}

static bool exceeds(const struct cred *cred, kernel_cap_t allowed)
{
	/* The kernel keeps the ambient set within the inheritable one. */
	return !cap_issubset(cred->cap_bset, allowed) ||
	       !cap_issubset(cred->cap_inheritable, allowed);
}

/*
 * What lets root keep capabilities when it becomes another user. The other securebits
 * restrict root, and may be there for that.
 */
#define SECUREBITS_DROPPED	(SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED | \
				 SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED)

/**
 * swarm_privileges_exceed - may the calling thread's execve give more than its agent may have?
 * @rules: its agent's
 *
 * Never sleeps.
 */
bool swarm_privileges_exceed(const struct swarm_rules *rules)
{
	return exceeds(current_cred(), allowed_of(rules->capabilities)) ||
	       (rules->no_new_privs && !task_no_new_privs(current));
}

static int cut(kernel_cap_t allowed, unsigned int dropped)
{
	const struct cred *old = current_cred();
	struct cred *cred;

	if (!exceeds(old, allowed) && !(old->securebits & dropped))
		return 0;
	cred = prepare_creds();
	if (!cred)
		return -ENOMEM;
	cred->cap_bset = cap_intersect(cred->cap_bset, allowed);
	cred->cap_inheritable = cap_intersect(cred->cap_inheritable, allowed);
	cred->cap_ambient = cap_intersect(cred->cap_ambient, allowed);
	cred->securebits &= ~dropped;
	return commit_creds(cred);
}

/**
 * swarm_privileges_cut - let the calling thread's execve give no more than its agent may have
 * @capabilities: bits, as in struct swarm_rules
 * @no_new_privs: as there
 *
 * Return: 0 or -ENOMEM.
 */
int swarm_privileges_cut(u64 capabilities, bool no_new_privs)
{
	if (no_new_privs)
		task_set_no_new_privs(current);
	return cut(allowed_of(capabilities), 0);
}

/**
 * swarm_privileges_drop - the same for a process that is being born, or forked to join
 * @rules: its agent's
 *
 * Return: 0 or -ENOMEM.
 */
int swarm_privileges_drop(const struct swarm_rules *rules)
{
	if (rules->no_new_privs)
		task_set_no_new_privs(current);
	return cut(allowed_of(rules->capabilities), SECUREBITS_DROPPED);
}
