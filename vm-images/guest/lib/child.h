/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The end of a child. */
#ifndef CHILD_H
#define CHILD_H

#include <sys/types.h>

/* Waits for a child and returns its status, as waitpid(2) has it; dies if it cannot. */
int status_of(pid_t pid);

/* The same as a shell has it: the exit status, or 128 and the signal. */
int exit_code_of(pid_t pid);

#endif
