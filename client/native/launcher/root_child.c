// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The child's side of a root: it attaches the mounts that it is handed, and others that
 * it makes with the agent's own rights, and makes the whole its root.
 *
 * A target is resolved once, within the root (RESOLVE_IN_ROOT), and what is done there
 * is done to the descriptor. So whoever changes the root meanwhile, by links for
 * instance, moves a mount to another place in the root, but never out of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mounts.h"
#include "root.h"

/* A path is at most so long, with its NUL. */
#define PATH_SIZE	4096

/* The work of a child. Every function but those that return descriptors may end it. */
struct work {
	const struct child *child;
	const struct launch_root *root;
	int fds[ROOT_FDS_MAX];
	unsigned int nr;
	char own_ids;
	int top;			/* the root that is made */
	int proc;			/* what is mounted on /proc there, or -1 */
};

static void require(const struct work *work, int done, const char *what)
{
	if (!done)
		child_fail(work->child, LAUNCH_SETUP, what);
}

static int opened(const struct work *work, int fd, const char *what)
{
	require(work, fd >= 0, what);
	return fd;
}

/* What it is handed */

static void receive(struct work *work)
{
	char control[CMSG_SPACE(sizeof(work->fds))] __attribute__((aligned(8)));
	struct iovec bytes = { .iov_base = &work->own_ids, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int channel = work->child->channel;
	const struct cmsghdr *header;
	const int *fds;

	require(work, send(channel, "", 1, MSG_NOSIGNAL) == 1, "asking for the mounts");
	/* The launcher that has not sent any says why. */
	require(work, recvmsg(channel, &message, MSG_CMSG_CLOEXEC) == 1, "receiving the mounts");
	header = CMSG_FIRSTHDR(&message);
	require(work, header && header->cmsg_type == SCM_RIGHTS, "receiving the mounts");
	fds = (const int *)CMSG_DATA(header);
	work->nr = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (unsigned int i = 0; i < work->nr; i++)
		work->fds[i] = fds[i];
}

/* Places in the root */

static int is_directory(int fd)
{
	struct stat stat;

	return !fstatat(fd, "", &stat, AT_EMPTY_PATH) && S_ISDIR(stat.st_mode);
}

/* A new directory or an empty file; a link that leads nowhere is neither. */
static int make_at(int dir, const char *name, int directory)
{
	int fd;

	if (directory)
		return mkdirat(dir, name, 0755);
	fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? -1 : close(fd);
}

static size_t length_of(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

/* The next part of a path; its length is 0 at the end. */
static const char *next_part(const char *path, size_t *length)
{
	while (*path == '/')
		path++;
	for (*length = 0; path[*length] && path[*length] != '/'; (*length)++)
		;
	return path;
}

/*
 * One step on the way to a target. The path so far is resolved anew, so that a link has
 * its meaning in the root; what is missing is made in the directory that the step before
 * has led to, under its plain name.
 */
static int step(int top, int dir, const char *path, const char *name, int directory)
{
	int fd = open_within(top, path);

	if (fd >= 0 || errno != ENOENT || (make_at(dir, name, directory) && errno != EEXIST))
		return fd;
	return open_within(top, path);
}

/* The descriptor of a target, which is made if it is not there. */
static int make_target(int top, const char *target, int directory)
{
	char path[PATH_SIZE], name[256];
	const char *part = target;
	int dir = top, fd = -1;
	size_t at = 0, length;

	if (length_of(target) >= sizeof(path))
		return errno = ENAMETOOLONG, -1;
	for (part = next_part(part, &length); length; part = next_part(part + length, &length)) {
		size_t rest;

		if (length >= sizeof(name))
			return errno = ENAMETOOLONG, -1;
		path[at++] = '/';
		for (size_t i = 0; i < length; i++)
			path[at++] = name[i] = part[i];
		path[at] = name[length] = '\0';
		next_part(part + length, &rest);
		fd = step(top, dir, path, name, rest ? 1 : directory);
		if (dir != top)
			close(dir);
		if (fd < 0)
			return -1;
		dir = fd;
	}
	return fd >= 0 ? fd : open_within(top, "/");
}

static void attach(const struct work *work, int fd, const char *target, const char *what)
{
	int place = make_target(work->top, target, is_directory(fd));

	require(work, place >= 0 && !mount_attach(fd, place), what);
	close(place);
	close(fd);
}

/* File systems of the agent's own */

struct option {
	const char *key, *value;	/* no value: a flag; NULL: the end */
};

static int configure(int context, const struct option *option)
{
	unsigned int command = option->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

	return syscall(SYS_fsconfig, context, command, option->key, option->value, 0);
}

/* Return: a mount that is attached nowhere, or -1. */
static int make_mount(const char *type, const struct option *options, unsigned int flags)
{
	int context = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), fd = -1;

	if (context < 0)
		return -1;
	for (; options->key; options++)
		if (configure(context, options))
			goto close;
	if (!syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, flags);
close:
	close(context);
	return fd;
}

#define SAFE	(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static void mount_tmpfs(const struct work *work, const struct launch_tmpfs *tmpfs)
{
	const struct option options[] = {
		{ "mode", tmpfs->mode },
		{ *tmpfs->size ? "size" : NULL, tmpfs->size },
		{ NULL, NULL },
	};
	int fd = opened(work, make_mount("tmpfs", options, SAFE), tmpfs->target);

	attach(work, fd, tmpfs->target, tmpfs->target);
}

/* /proc and /dev */

/*
 * The agent's /proc and terminals are those that its birth has mounted. Return: the mount;
 * -1 if there is none.
 */
static int keep(const struct work *work, const char *path, int within, const char *target)
{
	int fd = mount_copy(AT_FDCWD, path, 1), place;

	if (fd < 0 && errno == ENOENT)
		return -1;
	require(work, fd >= 0, path);
	place = make_target(within, target, 1);
	require(work, place >= 0 && !mount_attach(fd, place), path);
	close(place);
	return fd;
}

static void add_node(const struct work *work, int dev, const char *path)
{
	const char *name = path + sizeof("/dev/") - 1;
	int fd = opened(work, mount_copy(AT_FDCWD, path, 0), path);
	int place = make_target(dev, name, 0);

	require(work, place >= 0 && !mount_attach(fd, place), path);
	close(place);
	close(fd);
}

static void add_shared_memory(const struct work *work, int dev)
{
	static const struct option options[] = { { "mode", "1777" }, { NULL, NULL } };
	int fd = opened(work, make_mount("tmpfs", options, SAFE | MOUNT_ATTR_NOEXEC), "/dev/shm");
	int place = make_target(dev, "shm", 1);

	require(work, place >= 0 && !mount_attach(fd, place), "/dev/shm");
	close(place);
	close(fd);
}

static void mount_dev(const struct work *work)
{
	static const char *const nodes[] = {
		"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
	};
	static const struct { const char *name, *to; } links[] = {
		{ "ptmx", "pts/ptmx" }, { "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	};
	static const struct option options[] = {
		{ "mode", "755" }, { "size", "65536k" }, { NULL, NULL },
	};
	int fd = opened(work, make_mount("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC),
			"/dev");
	int place = make_target(work->top, "/dev", 1);

	/* Its parts go where it is, whatever becomes of its name. */
	require(work, place >= 0 && !mount_attach(fd, place), "/dev");
	close(place);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
		add_node(work, fd, nodes[i]);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		require(work, !symlinkat(links[i].to, fd, links[i].name), "/dev");
	keep(work, "/dev/pts", fd, "pts");
	add_shared_memory(work, fd);
	close(fd);
}

/* What is hidden or kept */

/*
 * Return: the path in the root; -1 if it has none. What is below /proc is looked for in
 * the mount itself: by its name, another /proc could be hidden in its stead.
 */
static int find(const struct work *work, const char *path)
{
	static const char proc[] = "/proc/";
	size_t same = 0;
	int fd;

	while (proc[same] && path[same] == proc[same])
		same++;
	if (!proc[same] && work->proc >= 0)
		fd = open_within(work->proc, path + same);
	else
		fd = open_within(work->top, path);
	require(work, fd >= 0 || errno == ENOENT || errno == ENOTDIR, path);
	return fd;
}

static int make_empty(int directory)
{
	static const struct option options[] = { { "mode", "755" }, { NULL, NULL } };

	return directory ? make_mount("tmpfs", options, SAFE | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY) :
			   mount_copy(AT_FDCWD, "/dev/null", 0);
}

static void mask(const struct work *work, const char *path)
{
	int place = find(work, path), fd;

	if (place < 0)
		return;
	fd = opened(work, make_empty(is_directory(place)), path);
	require(work, !mount_attach(fd, place), path);
	close(place);
	close(fd);
}

static void keep_from_writing(const struct work *work, const char *path)
{
	int place = find(work, path), fd;

	if (place < 0)
		return;
	fd = opened(work, mount_copy(place, "", 1), path);
	require(work, !mount_restrict(fd, MOUNT_ATTR_RDONLY, 1) && !mount_attach(fd, place), path);
	close(place);
	close(fd);
}

/* The root itself */

static void cover_root(const struct work *work, int fd)
{
	int place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	require(work, place >= 0 && !mount_attach(fd, place), work->root->directory);
	close(place);
}

/* The name of a descriptor for calls that take names. */
static const char *name_of(int fd, char (*name)[32])
{
	static const char before[] = "/proc/self/fd/";
	size_t at = sizeof(before) - 1, digits = 1;

	for (size_t i = 0; i < at; i++)
		(*name)[i] = before[i];
	for (int rest = fd; rest >= 10; rest /= 10)
		digits++;
	for (size_t i = digits; i--; fd /= 10)
		(*name)[at + i] = '0' + fd % 10;
	(*name)[at + digits] = '\0';
	return *name;
}

/* Attached out of everybody's sight, for overlayfs wants layers that are mounted. */
static int make_scratch(const struct work *work)
{
	static const struct option options[] = { { "mode", "755" }, { NULL, NULL } };
	int fd = opened(work, make_mount("tmpfs", options, SAFE), "tmpfs for the overlay");

	cover_root(work, fd);
	return fd;
}

static int make_directory(const struct work *work, int within, const char *name)
{
	return opened(work, make_target(within, name, 1), name);
}

static void make_overlay(struct work *work)
{
	const struct launch_root *root = work->root;
	int scratch = make_scratch(work), changes = scratch;
	int lower = work->fds[0], upper, work_dir, place;
	char names[3][32];

	place = make_directory(work, scratch, "lower");
	require(work, !mount_attach(lower, place), root->directory);
	close(place);
	if (root->overlay == OVERLAY_DIRECTORY) {
		changes = work->fds[1];
		place = make_directory(work, scratch, "changes");
		require(work, !mount_attach(changes, place), root->changes);
		close(place);
	}
	upper = make_directory(work, changes, root->overlay == OVERLAY_DIRECTORY ? root->upper : "upper");
	work_dir = make_directory(work, changes, root->overlay == OVERLAY_DIRECTORY ? root->work : "work");
	const struct option options[] = {
		{ "lowerdir", name_of(lower, &names[0]) },
		{ "upperdir", name_of(upper, &names[1]) },
		{ "workdir", name_of(work_dir, &names[2]) },
		/* Other attributes are not the agent's to write. */
		{ work->own_ids ? "userxattr" : NULL, NULL },
		{ NULL, NULL },
	};
	work->top = opened(work, make_mount("overlay", options, MOUNT_ATTR_NODEV), "overlay");
	/* The overlay holds its layers itself. What stayed below it would keep the old root reachable. */
	require(work, !fchdir(scratch) && !umount2(".", MNT_DETACH), "overlay");
	cover_root(work, work->top);
	close(upper);
	close(work_dir);
	close(scratch);
}

static void make_top(struct work *work)
{
	if (work->root->overlay) {
		make_overlay(work);
		return;
	}
	work->top = work->fds[0];
	cover_root(work, work->top);
}

/*
 * The root that a machine has booted with, an initramfs that it has never left, cannot be
 * moved away. The new root covers it: the way up from there leads to the new root again.
 */
static void change_root(const struct work *work)
{
	require(work, !fchdir(work->top), work->root->directory);
	if (!syscall(SYS_pivot_root, ".", "."))
		/* The old root is on top of the new one then. */
		require(work, !umount2(".", MNT_DETACH), "leaving the old root");
	else
		require(work, errno == EINVAL && !chroot("."), "pivot_root");
	require(work, !chdir("/"), work->root->directory);
}

void root_enter(const struct child *child, const struct launch_root *root)
{
	struct work work = { .child = child, .root = root };
	unsigned int first = root->overlay == OVERLAY_DIRECTORY ? 2 : 1;

	receive(&work);
	make_top(&work);
	work.proc = keep(&work, "/proc", work.top, "/proc");
	if (root->dev)
		mount_dev(&work);
	for (unsigned int i = 0; i < root->nr_tmpfs; i++)
		mount_tmpfs(&work, &root->tmpfs[i]);
	for (unsigned int i = 0; i < root->nr_binds; i++)
		attach(&work, work.fds[first + i], root->binds[i].target, root->binds[i].target);
	for (const char *const *path = root->masked; *path; path++)
		mask(&work, *path);
	for (const char *const *path = root->read_only_paths; *path; path++)
		keep_from_writing(&work, *path);
	if (root->read_only && root->overlay)
		require(&work, !mount_restrict(work.top, MOUNT_ATTR_RDONLY, 0), "making the root read-only");
	change_root(&work);
	/* All that is left open closes with the execve; nothing of it is to be found before. */
	syscall(SYS_close_range, child->channel + 1, ~0U, 0);
}
