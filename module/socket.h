/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The entries of "sockets", as they are printed. */
#ifndef SWARM_SOCKET_H
#define SWARM_SOCKET_H

#include <linux/types.h>

struct seq_buf;

bool swarm_socket_by_protocol(u32 family);
void swarm_put_socket(struct seq_buf *out, u32 family, u32 protocol, bool by_protocol);

#endif
