/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The system calls that make and change mounts without attaching them. glibc has had
 * wrappers since 2.36; these are made directly, as everything that a child does.
 */
#ifndef MOUNTS_H
#define MOUNTS_H

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launch.h"

/* The root, where it is changed, and the binds. */
#define ROOT_FDS_MAX	(2 + LAUNCH_BINDS_MAX)

#ifndef AT_RECURSIVE
#define AT_RECURSIVE	0x8000
#endif

/* A copy of the mount at a path, attached nowhere. */
static inline int mount_copy(int dir, const char *path, int recursive)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;

	return syscall(SYS_open_tree, dir, path, flags | (recursive ? AT_RECURSIVE : 0));
}

static inline int mount_change(int fd, struct mount_attr *attributes, int recursive)
{
	return syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0),
		       attributes, sizeof(*attributes));
}

static inline int mount_restrict(int fd, uint64_t flags, int recursive)
{
	struct mount_attr attributes = { .attr_set = flags };

	return flags ? mount_change(fd, &attributes, recursive) : 0;
}

/* Attaches a mount to what @target is a descriptor of. */
static inline int mount_attach(int fd, int target)
{
	return syscall(SYS_move_mount, fd, "", target, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* A path in @root, whatever links are on the way. */
static inline int open_within(int root, const char *path)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return syscall(SYS_openat2, root, path, &how, sizeof(how));
}

#endif
