/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The empty network namespace of agents with "network":"none". */
#ifndef SWARM_NETWORK_H
#define SWARM_NETWORK_H

#include <net/sock.h>

#include "policy.h"

struct swarm_policy_error;

/* The namespace, or NULL where there is none yet. */
extern struct net *swarm_network_shared;

int swarm_network_make(struct swarm_policy_error *err);
int swarm_network_enter(void);
void swarm_network_exit(void);

/* Namespaces of an agent that its birth makes: all but the one that is there already. */
static inline u32 swarm_namespaces_made(const struct swarm_rules *rules)
{
	return rules->namespaces &
	       ~(rules->network == SWARM_NET_NONE ? SWARM_NS_NET : 0);
}

/* See to it that an agent with these rules can be born; as swarm_network_make(). */
static inline int swarm_network_prepare(const struct swarm_rules *rules,
					struct swarm_policy_error *err)
{
	return rules->network == SWARM_NET_NONE ? swarm_network_make(err) : 0;
}

/* Is a socket in that namespace? For hooks. */
static __always_inline bool swarm_network_has(const struct sock *sk)
{
	const struct net *shared = READ_ONCE(swarm_network_shared);

	return unlikely(shared) && sock_net(sk) == shared;
}

#endif
