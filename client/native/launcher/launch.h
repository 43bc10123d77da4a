/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Starting a program as a process of an agent: what must happen in one thread, from the
 * order that arms it to the execve. Plain C, so that what a child runs in its parent's
 * memory is nothing but system calls.
 */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where what is changed in a root goes. */
enum launch_overlay {
	OVERLAY_NONE,			/* to the root itself */
	OVERLAY_TMPFS,
	OVERLAY_DIRECTORY,
};

struct launch_bind {
	const char *source, *target;
	int read_only, recursive;
};

struct launch_tmpfs {
	const char *target, *size, *mode;	/* as its options are written; "" for none */
};

/* A root directory of the agent's own. Targets are paths in it; lists end with NULL. */
struct launch_root {
	const char *directory;
	int idmap, read_only, dev;
	enum launch_overlay overlay;
	const char *changes;		/* the directory that has these two: */
	const char *upper, *work;
	const struct launch_bind *binds;
	unsigned int nr_binds;
	const struct launch_tmpfs *tmpfs;
	unsigned int nr_tmpfs;
	const char *const *masked;
	const char *const *read_only_paths;
};

/* As many descriptors as one message takes, but for the root's own two. */
#define LAUNCH_BINDS_MAX	128

/* Where a launch failed. */
enum launch_stage {
	LAUNCH_OPEN,
	LAUNCH_WRITE,
	LAUNCH_CLONE,
	LAUNCH_SETUP,
	LAUNCH_EXEC,
};

/* The longest answer of the kernel that is kept, with the NUL at its end. */
#define LAUNCH_ANSWER	4096

/*
 * A program and how it is started. Nothing here is changed, and everything is allocated
 * before the thread is armed.
 */
struct launch_spec {
	const char *file;		/* of /proc/swarm: create or spawn */
	const char *destroy;		/* of /proc/swarm: undoes a create */
	int creates;			/* the agent is made by this order */
	const char *object;
	size_t object_size;
	const char *program;		/* as it was asked for */
	const char *const *paths;	/* to be tried in this order; ends with NULL */
	char *const *argv;
	char *const *envp;
	const char *cwd;		/* NULL: as the launcher's */
	int umask;			/* -1: as the launcher's */
	const int *stdio;		/* become 0, 1, 2 … */
	int *moved;			/* room for as many */
	unsigned int nr_stdio;
	int terminal;			/* 0 becomes the controlling terminal */
	int has_user;
	uint32_t uid, gid;
	const uint32_t *groups;
	unsigned int nr_groups;
	pid_t join;			/* 0: the agent's first process */
	const struct launch_root *root;	/* NULL: the launcher's */
};

/* A process that executes the program, or what stopped it. */
struct launch_result {
	uint64_t id;
	pid_t pid;
	int pidfd;
	int error;			/* 0, or an errno and then: */
	enum launch_stage stage;
	const char *what;		/* a step or a path: static, or the specification's */
	char answer[LAUNCH_ANSWER];	/* the kernel's, where it refused the order */
};

/* What a launch shares with the threads that may end it. */
struct launch_control;

/* Return: NULL if there is no memory. */
struct launch_control *launch_control_new(void);

/* Once the launch is over, and nobody can end it any more. */
void launch_control_free(struct launch_control *control);

/**
 * launch_cancel - let a launch fail with ECANCELED, whatever its child waits for
 *
 * From any thread, before the launch, while it is under way, or after it, when it changes
 * nothing. It does not wait.
 */
void launch_cancel(struct launch_control *control);

/**
 * launch - start a program as a process of an agent
 * @spec: which, and how
 * @control: of this launch alone
 * @result: filled
 *
 * To be called with all signals blocked, by a thread that exits afterwards: where the
 * thread stays armed, only its end disarms it. After an error there is no process.
 */
void launch(const struct launch_spec *spec, struct launch_control *control,
	    struct launch_result *result);

/**
 * launch_abandon - end a process that nobody will hear of
 * @spec: how it was started
 * @result: of a launch that succeeded; its pidfd is closed
 *
 * Kills the process, and the agent if this launch has made it, and waits for the process.
 */
void launch_abandon(const struct launch_spec *spec, struct launch_result *result);

#ifdef __cplusplus
}
#endif

#endif
