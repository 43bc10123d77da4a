/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What an agent's first process must not keep of its launcher's. */
#ifndef SWARM_INHERIT_H
#define SWARM_INHERIT_H

int swarm_inherit_drop(void);

#endif
