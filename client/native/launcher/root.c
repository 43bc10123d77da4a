// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The launcher's side of a root: it opens every source, with its own rights and by its
 * path, once, as a mount that is attached nowhere, and hands these over. The child
 * attaches them (root_child.c). Mounts are mapped to the agent's ids in between, when the
 * agent's user namespace is there.
 */
#define _GNU_SOURCE
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mounts.h"

struct root_mounts {
	const struct launch_root *root;
	unsigned int nr;
	int fds[ROOT_FDS_MAX];
};

static int failed(struct launch_result *result, const char *what)
{
	result->stage = LAUNCH_SETUP;
	result->error = errno;
	result->what = what;
	return -1;
}

/* Does a file have to open as a device here? Then it may be opened there. */
static int is_device(int fd)
{
	struct stat stat;

	return !fstatat(fd, "", &stat, AT_EMPTY_PATH) &&
	       (S_ISCHR(stat.st_mode) || S_ISBLK(stat.st_mode));
}

/* A copy of the mount at @path, from there on. */
static int add(struct root_mounts *mounts, const char *path, int recursive)
{
	/* A copy is a peer of what it is a copy of: each would see what is mounted in the other. */
	struct mount_attr alone = { .propagation = MS_PRIVATE };
	int fd = mount_copy(AT_FDCWD, path, recursive);

	if (fd < 0)
		return fd;
	mounts->fds[mounts->nr++] = fd;
	return mount_change(fd, &alone, recursive) ? -1 : fd;
}

static int add_bind(struct root_mounts *mounts, const struct launch_bind *bind)
{
	int fd = add(mounts, bind->source, bind->recursive);
	uint64_t flags = bind->read_only ? MOUNT_ATTR_RDONLY : 0;

	if (fd < 0)
		return -1;
	if (!is_device(fd))
		flags |= MOUNT_ATTR_NODEV;
	return mount_restrict(fd, flags, bind->recursive);
}

static int add_all(struct root_mounts *mounts, struct launch_result *result)
{
	const struct launch_root *root = mounts->root;
	/* An overlay has its own; what it covers is never written to. */
	int read_only = root->read_only || root->overlay;
	int fd = add(mounts, root->directory, 0);

	if (fd < 0 || mount_restrict(fd, MOUNT_ATTR_NODEV | (read_only ? MOUNT_ATTR_RDONLY : 0), 0))
		return failed(result, root->directory);
	if (root->overlay == OVERLAY_DIRECTORY) {
		fd = add(mounts, root->changes, 0);
		if (fd < 0 || mount_restrict(fd, MOUNT_ATTR_NODEV, 0))
			return failed(result, root->changes);
	}
	for (unsigned int i = 0; i < root->nr_binds; i++)
		if (add_bind(mounts, &root->binds[i]))
			return failed(result, root->binds[i].source);
	return 0;
}

/* Loads the kernel's module for overlays, which an agent cannot do. */
static int load_overlay(void)
{
	int context = syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);

	return context < 0 ? -1 : close(context);
}

int root_prepare(const struct launch_root *root, struct root_mounts **mounts,
		 struct launch_result *result)
{
	*mounts = calloc(1, sizeof(**mounts));
	if (!*mounts)
		return failed(result, "memory");
	(*mounts)->root = root;
	if (root->overlay && load_overlay())
		return failed(result, "overlay");
	return add_all(*mounts, result);
}

void root_forget(struct root_mounts *mounts)
{
	if (!mounts)
		return;
	for (unsigned int i = 0; i < mounts->nr; i++)
		close(mounts->fds[i]);
	free(mounts);
}

/* Return: a descriptor of the agent's user namespace, -1, or -2 if it has none. */
static int own_user_namespace(pid_t pid)
{
	struct stat own, other;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (stat("/proc/self/ns/user", &own) || fstat(fd, &other)) {
		close(fd);
		return -1;
	}
	if (own.st_ino != other.st_ino)
		return fd;
	close(fd);
	return -2;
}

/* The root, and what is changed there, belong to the agent. Return: is it another's? */
static int map_ids(struct root_mounts *mounts, pid_t pid)
{
	const struct launch_root *root = mounts->root;
	unsigned int nr = root->overlay == OVERLAY_DIRECTORY ? 2 : 1;
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_IDMAP };
	int namespace = own_user_namespace(pid), ret = 1, error;

	if (namespace < 0)
		return namespace == -2 ? 0 : -1;
	attributes.userns_fd = namespace;
	for (unsigned int i = 0; i < nr && root->idmap && ret > 0; i++)
		if (mount_change(mounts->fds[i], &attributes, 0))
			ret = -1;
	error = errno;
	close(namespace);
	errno = error;
	return ret;
}

static int send_mounts(const struct root_mounts *mounts, int channel, char own_ids)
{
	char control[CMSG_SPACE(sizeof(mounts->fds))] __attribute__((aligned(8))) = { 0 };
	struct iovec bytes = { .iov_base = &own_ids, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(mounts->nr * sizeof(int)),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(mounts->nr * sizeof(int));
	memcpy(CMSG_DATA(header), mounts->fds, mounts->nr * sizeof(int));
	return sendmsg(channel, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* Whether the child may change mounts without changing those of its launcher. */
static int has_own_mounts(pid_t pid)
{
	struct stat own, other;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	if (stat(path, &other) || stat("/proc/thread-self/ns/mnt", &own))
		return 0;
	errno = EINVAL;
	return own.st_ino != other.st_ino;
}

int root_serve(struct root_mounts *mounts, int channel, struct launch_result *result)
{
	int own_ids;
	char byte;

	/* The end of it: what has happened stands in the report. */
	if (recv(channel, &byte, 1, 0) != 1)
		return 0;
	/* It waits, and has mounted nothing yet. */
	if (!has_own_mounts(result->pid))
		return failed(result, "a root needs mounts of the agent's own (the mnt bit)");
	own_ids = map_ids(mounts, result->pid);
	if (own_ids < 0)
		return failed(result, "mapping the ids of the root");
	if (send_mounts(mounts, channel, own_ids))
		return failed(result, "handing over the mounts");
	/* Until it has executed, or exited: its end of the channel is closed then. */
	while (recv(channel, &byte, 1, 0) > 0)
		;
	return 0;
}
