// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Unix sockets in the network namespace that agents without a network share (network.c).
 *
 * Abstract names belong to a network namespace, so here to all such agents: one could
 * take a name that another needs, learn which are taken, or reach another's socket by
 * it. So nobody binds one, and nobody reaches a socket by one, not even by a name that
 * the kernel gave (autobind). That is decided before the kernel looks the name up, since
 * it answers from the state of the socket that it finds before it asks a security module.
 *
 * Hooks look at the socket's namespace rather than at the caller, who may have been given
 * the socket, or may be root of the host. These are properties of the namespace, so
 * nothing is told or counted, and they hold with enforce=0 too.
 */
#include <linux/errno.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <linux/un.h>
#include <net/sock.h>

#include "hooks.h"
#include "network.h"

/* As if nobody had that name. */
static noinline long nobody_there(void)
{
	return -ECONNREFUSED;
}

/* @length: of the address; the kernel has copied it, and checks it later. */
static bool is_abstract(const struct sockaddr_un *address, int length)
{
	return length > (int)offsetof(struct sockaddr_un, sun_path) &&
	       address->sun_family == AF_UNIX && !address->sun_path[0];
}

/* Apart, so that the quick return saves no register. */
static noinline void answer_address(struct ftrace_regs *regs, unsigned long verdict)
{
	if (is_abstract((void *)ftrace_regs_get_argument(regs, 1),
			ftrace_regs_get_argument(regs, 2)))
		swarm_answer(regs, verdict);
}

/* security_socket_bind(socket, address, length) */
void notrace swarm_hook_bind(unsigned long ip, unsigned long parent_ip,
			     struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	const struct socket *socket = (void *)ftrace_regs_get_argument(regs, 0);

	swarm_count_run(ops);
	if (likely(!swarm_network_has(socket->sk)))
		return;
	answer_address(regs, (unsigned long)swarm_stub_deny);
}

/* security_socket_connect(socket, address, length) */
void notrace swarm_hook_connect(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	const struct socket *socket = (void *)ftrace_regs_get_argument(regs, 0);

	swarm_count_run(ops);
	if (likely(!swarm_network_has(socket->sk)))
		return;
	answer_address(regs, (unsigned long)nobody_there);
}

static noinline void answer_message(struct ftrace_regs *regs)
{
	const struct msghdr *message = (void *)ftrace_regs_get_argument(regs, 1);

	if (message->msg_name && is_abstract(message->msg_name, message->msg_namelen))
		swarm_answer(regs, (unsigned long)nobody_there);
}

/*
 * unix_dgram_sendmsg(socket, message, size), rather than the security module's hook, by
 * which every message of every socket comes
 */
void notrace swarm_hook_unix_send(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *regs)
{
	const struct socket *socket = (void *)ftrace_regs_get_argument(regs, 0);

	swarm_count_run(ops);
	if (likely(!swarm_network_has(socket->sk)))
		return;
	answer_message(regs);
}
