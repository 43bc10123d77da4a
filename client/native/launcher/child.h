/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The child's side of a launch. What it needs is made before; what becomes of it stands
 * in a report that it shares with its launcher.
 */
#ifndef CHILD_H
#define CHILD_H

#include "launch.h"

/* How far a child has come. */
enum launch_progress {
	CHILD_UNBORN,
	CHILD_STARTED,
	CHILD_EXECUTING,
};

/* In memory that the launcher and its children share. */
struct launch_report {
	int cancelled;			/* the child need not begin; see launch_cancel() */
	volatile int progress;
	volatile int error;
	volatile enum launch_stage stage;
	const char *volatile what;
	volatile pid_t second;		/* the process that a child has forked to execute */
};

/* Everything that a child is given. */
struct child {
	const struct launch_spec *spec;
	struct launch_report *report;
	int pidfd;			/* of a process of the agent that is joined, or -1 */
	int directory;			/* the root of that process, or -1 */
	int namespaces;			/* that it has and the launcher has not: CLONE_NEW* */
	int channel;			/* to the launcher, for mounts, or -1 */
};

/**
 * child_run - everything from the clone to the execve; does not return
 * @child: the launcher's memory, or a copy of it
 */
__attribute__((noreturn)) void child_run(struct child *child);

/**
 * child_fail - say why there will be no execve, and exit
 */
__attribute__((noreturn)) void child_fail(const struct child *child, enum launch_stage stage,
					  const char *what);

#endif
