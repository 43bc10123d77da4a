/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A root directory of the agent's own. */
#ifndef ROOT_H
#define ROOT_H

#include "child.h"

struct root_mounts;

/* Opens what is mounted. Return: 0, or -1 with @result filled. */
int root_prepare(const struct launch_root *root, struct root_mounts **mounts,
		 struct launch_result *result);

/* Gives the child its mounts, and waits until it executes or exits. Return: as above. */
int root_serve(struct root_mounts *mounts, int channel, struct launch_result *result);

/* Closes what root_prepare() has opened; NULL is fine. */
void root_forget(struct root_mounts *mounts);

/* The child's side: takes the mounts and changes to the root. */
void root_enter(const struct child *child, const struct launch_root *root);

#endif
