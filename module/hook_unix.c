// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Unix sockets in the network namespace that agents without a network share (network.c).
 *
 * Abstract names belong to a network namespace, so here to all such agents: one could
 * take a name that another needs, learn which are taken, or reach another's socket by
 * it. So nobody binds one, and the names that the kernel gives by itself (autobind)
 * reach only from one socket of an agent to another.
 *
 * Whose a socket is says the user who made it: each agent has a range of ids of its own,
 * and can give its sockets to ids of that range only. Hooks look at the socket rather
 * than at the caller, who may have been given it.
 */
#include <linux/errno.h>
#include <linux/net.h>
#include <linux/sched.h>
#include <linux/socket.h>
#include <linux/uidgid.h>
#include <linux/un.h>
#include <net/af_unix.h>
#include <net/sock.h>

#include "hooks.h"
#include "network.h"
#include "params.h"

/* As if nobody had that name. */
static noinline long nobody_there(void)
{
	return -ECONNREFUSED;
}

/* Which agent's a socket is, by its range of ids; false where it is no agent's. */
static bool range_of(const struct sock *sk, u32 *range)
{
	u32 uid = __kuid_val(READ_ONCE(((struct sock *)sk)->sk_uid));

	if (uid < swarm_id_base)
		return false;
	*range = (uid - swarm_id_base) / swarm_id_count;
	return true;
}

static bool same_agent(const struct sock *a, const struct sock *b)
{
	u32 range_a, range_b;

	return range_of(a, &range_a) && range_of(b, &range_b) && range_a == range_b;
}

static bool has_abstract_name(struct sock *sk)
{
	/* Pairs with the kernel's smp_store_release(); an address is not changed once it is set. */
	const struct unix_address *address = smp_load_acquire(&unix_sk(sk)->addr);

	return address && address->len > offsetof(struct sockaddr_un, sun_path) &&
	       !address->name->sun_path[0];
}

/* Apart, so that the quick return saves no register. */
static noinline void answer_reach(struct ftrace_regs *regs, struct sock *from, struct sock *to)
{
	if (has_abstract_name(to) && !same_agent(from, to))
		swarm_answer(regs, (unsigned long)nobody_there);
}

/* security_unix_stream_connect(from, to, new): @to listens, and its lock is held */
void notrace swarm_hook_unix_connect(unsigned long ip, unsigned long parent_ip,
				     struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	struct sock *to = (void *)ftrace_regs_get_argument(regs, 1);

	swarm_count_run(ops);
	if (likely(!swarm_network_has(to)))
		return;
	answer_reach(regs, (void *)ftrace_regs_get_argument(regs, 0), to);
}

/* security_unix_may_send(from, to): datagrams, by connect or by each; the lock of @to is held */
void notrace swarm_hook_unix_send(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	const struct socket *to = (void *)ftrace_regs_get_argument(regs, 1);

	swarm_count_run(ops);
	if (likely(!swarm_network_has(to->sk)))
		return;
	answer_reach(regs, ((struct socket *)ftrace_regs_get_argument(regs, 0))->sk, to->sk);
}

static noinline void answer_bind(struct ftrace_regs *regs)
{
	const struct sockaddr_un *address = (void *)ftrace_regs_get_argument(regs, 1);
	int length = ftrace_regs_get_argument(regs, 2);

	if (length > (int)offsetof(struct sockaddr_un, sun_path) &&
	    address->sun_family == AF_UNIX && !address->sun_path[0])
		swarm_answer(regs, (unsigned long)swarm_stub_deny);
}

/* security_socket_bind(socket, address, length): the address is the kernel's copy */
void notrace swarm_hook_bind(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	const struct socket *socket = (void *)ftrace_regs_get_argument(regs, 0);

	swarm_count_run(ops);
	if (likely(!swarm_network_has(socket->sk)))
		return;
	answer_bind(regs);
}
