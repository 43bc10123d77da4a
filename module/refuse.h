/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Errors that say what was wrong and what to do. */
#ifndef SWARM_REFUSE_H
#define SWARM_REFUSE_H

#include <linux/compiler_attributes.h>
#include <linux/types.h>

#include "policy.h"

/* How much of a path a message shows, the NUL included. */
#define SWARM_PATH_SHOWN	64

int __printf(4, 5) swarm_refuse(struct swarm_policy_error *err, int errno_, const char *field,
				const char *fmt, ...);
void swarm_end_of_path(char *to, size_t size, const char *path);
const char *swarm_errno_name(int errno_);

#endif
