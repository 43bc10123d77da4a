// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The files that an agent may execute, resolved when its policy is made and
 * compared by inode from then on: what a path leads to later changes nothing, and
 * nor does another path to the same file (a hard link, a bind mount, a symlink).
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/elf.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jhash.h>
#include <linux/limits.h>
#include <linux/namei.h>
#include <linux/seqlock.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "agent.h"
#include "exec_paths.h"
#include "refuse.h"

/* Deeper than this no path that a system call takes can reach. */
#define DEPTH_MAX	(PATH_MAX / 2)
/* How often the hook itself looks again while directories are being renamed. */
#define RENAME_TRIES	16

static LLIST_HEAD(dropped);
static void free_dropped(struct work_struct *work);
static DECLARE_WORK(drop_work, free_dropped);

static const struct inode *inode_of(const struct swarm_exec_paths *paths, u32 i)
{
	/* Stays: a dentry that is referred to keeps its inode even when unlinked. */
	return d_inode(paths->paths[i].dentry);
}

/* Resolving */

static int refuse_lookup(struct swarm_policy_error *err, int ret, u32 nr, bool tree)
{
	switch (ret) {
	case -ENOMEM:
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	case -ENOENT:
		return swarm_refuse(err, -EINVAL, "exec_paths",
				    "path %u does not exist; files are named as they are when the agent is created",
				    nr);
	case -ENOTDIR:
		if (tree)
			return swarm_refuse(err, -EINVAL, "exec_paths",
					    "path %u leads through or to what is no directory; leave out the / at its end for a file",
					    nr);
		return swarm_refuse(err, -EINVAL, "exec_paths",
				    "path %u leads through what is no directory", nr);
	default:
		return swarm_refuse(err, -EINVAL, "exec_paths",
				    "path %u cannot be followed by the writer (error %d)",
				    nr, -ret);
	}
}

/* With the writer's credentials, root and mount namespace. */
static int resolve(const char *name, bool tree, u32 nr, struct path *path,
		   struct swarm_policy_error *err)
{
	int ret = kern_path(name, LOOKUP_FOLLOW | (tree ? LOOKUP_DIRECTORY : 0), path);

	if (ret)
		return refuse_lookup(err, ret, nr, tree);
	if (tree || d_is_reg(path->dentry))
		return 0;
	ret = swarm_refuse(err, -EINVAL, "exec_paths", d_is_dir(path->dentry) ?
			   "path %u is a directory; end it with / for the tree under it" :
			   "path %u is no regular file", nr);
	path_put(path);
	return ret;
}

/* The order that paths are kept in; 0 for the same. */
static int compare(const struct path *a, const struct path *b)
{
	const void *left[] = { d_inode(a->dentry), a->dentry, a->mnt };
	const void *right[] = { d_inode(b->dentry), b->dentry, b->mnt };
	int i;

	for (i = 0; i < ARRAY_SIZE(left); i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

/* Keep some paths in order, each once; takes over the reference. */
static void insert(struct path *paths, u32 *nr, struct path *path)
{
	u32 i = 0;

	while (i < *nr && compare(&paths[i], path) < 0)
		i++;
	if (i < *nr && !compare(&paths[i], path)) {
		path_put(path);
		return;
	}
	memmove(&paths[i + 1], &paths[i], (*nr - i) * sizeof(*path));
	paths[i] = *path;
	(*nr)++;
}

/*
 * Interpreters
 *
 * An ELF program names one in PT_INTERP, and the kernel maps and starts that in its
 * place, without asking whether it may be executed. So those are remembered that the
 * listed programs name now, as the writer sees them; for a tree, those that programs
 * of this architecture usually name. Any other is a file that is not listed.
 */

static const char *const usual_interpreters[] = {
#if defined(CONFIG_X86_64)
	"/lib64/ld-linux-x86-64.so.2",
	"/lib/ld-linux.so.2",
	"/lib/ld-musl-x86_64.so.1",
	"/lib/ld-musl-i386.so.1",
#elif defined(CONFIG_ARM64)
	"/lib/ld-linux-aarch64.so.1",
	"/lib/ld-linux-armhf.so.3",
	"/lib/ld-musl-aarch64.so.1",
	"/lib/ld-musl-armhf.so.1",
#endif
};

/* One for each listed program, or the usual ones where a tree is listed. */
#define INTERPRETERS_MAX	(SWARM_EXEC_PATHS_MAX + ARRAY_SIZE(usual_interpreters))
/* Of more program headers than this the kernel executes none either. */
#define PROGRAM_HEADERS_MAX	(SZ_64K / sizeof(struct elf32_phdr))

/* Returns 0, also where there is none: what is no file can start nothing; or -ENOMEM. */
static int add_interpreter(struct swarm_exec_paths *paths, const char *name)
{
	struct path path;
	int err = kern_path(name, LOOKUP_FOLLOW, &path);

	if (err)
		return err == -ENOMEM ? err : 0;
	if (d_is_reg(path.dentry) && paths->nr_interpreters < INTERPRETERS_MAX)
		insert(paths->paths + paths->nr, &paths->nr_interpreters, &path);
	else
		path_put(&path);
	return 0;
}

/* Returns 1; 0 where there is not so much, or it cannot be read; -ENOMEM. */
static int read_exactly(struct file *file, void *to, size_t length, loff_t pos)
{
	ssize_t ret = kernel_read(file, to, length, &pos);

	return ret == -ENOMEM ? -ENOMEM : ret == length;
}

/* Where PT_INTERP is in a file, of either class: 1; 0 where there is none; -ENOMEM. */
static int find_interpreter(struct file *file, loff_t *offset, size_t *size)
{
	union {
		unsigned char ident[EI_NIDENT];
		struct elf32_hdr narrow;
		struct elf64_hdr wide;
	} header;
	u32 i, nr, entry;
	loff_t table;
	bool wide;
	int ret;

	ret = read_exactly(file, &header, sizeof(header.narrow), 0);
	if (ret <= 0)
		return ret;
	if (memcmp(header.ident, ELFMAG, SELFMAG))
		return 0;
	wide = header.ident[EI_CLASS] == ELFCLASS64;
	ret = wide ? read_exactly(file, &header, sizeof(header.wide), 0) : 1;
	if (ret <= 0)
		return ret;
	nr = wide ? header.wide.e_phnum : header.narrow.e_phnum;
	entry = wide ? header.wide.e_phentsize : header.narrow.e_phentsize;
	table = wide ? header.wide.e_phoff : header.narrow.e_phoff;
	/* As the kernel demands of what it executes. */
	if (entry != (wide ? sizeof(struct elf64_phdr) : sizeof(struct elf32_phdr)) ||
	    nr > PROGRAM_HEADERS_MAX)
		return 0;
	for (i = 0; i < nr; i++) {
		union {
			struct elf32_phdr narrow;
			struct elf64_phdr wide;
		} segment;

		ret = read_exactly(file, &segment, entry, table + (loff_t)i * entry);
		if (ret <= 0)
			return ret;
		if ((wide ? segment.wide.p_type : segment.narrow.p_type) != PT_INTERP)
			continue;
		*offset = wide ? segment.wide.p_offset : segment.narrow.p_offset;
		*size = wide ? segment.wide.p_filesz : segment.narrow.p_filesz;
		return 1;
	}
	return 0;
}

/*
 * What cannot be read now names no interpreter, and so gets none later; nor does a
 * name that begins at a working directory count, which is another file for each.
 */
static int add_interpreter_of(struct swarm_exec_paths *paths, const struct path *path)
{
	/* As for an execve: whoever may execute it need not be able to read it. */
	struct file *file = dentry_open(path, O_RDONLY | O_LARGEFILE | __FMODE_EXEC,
					current_cred());
	char *name = NULL;
	loff_t offset;
	size_t size;
	int found, err = 0;

	if (IS_ERR(file))
		return PTR_ERR(file) == -ENOMEM ? -ENOMEM : 0;
	found = find_interpreter(file, &offset, &size);
	if (found > 0 && size > 1 && size <= PATH_MAX) {
		name = kmalloc(size, GFP_KERNEL);
		found = name ? read_exactly(file, name, size, offset) : -ENOMEM;
	}
	if (found < 0)
		err = found;
	else if (name && found && name[0] == '/' && !name[size - 1])
		err = add_interpreter(paths, name);
	kfree(name);
	fput(file);
	return err;
}

static int add_interpreters(struct swarm_exec_paths *paths)
{
	bool tree = false;
	int err = 0;
	u32 i;

	for (i = 0; !err && i < paths->nr; i++) {
		if (d_is_dir(paths->paths[i].dentry))
			tree = true;
		else
			err = add_interpreter_of(paths, &paths->paths[i]);
	}
	for (i = 0; !err && tree && i < ARRAY_SIZE(usual_interpreters); i++)
		err = add_interpreter(paths, usual_interpreters[i]);
	return err;
}

/**
 * swarm_exec_paths_resolve - look up the exec_paths of a request
 * @request: as parsed
 * @text: the buffer that the parser decoded the paths into
 * @err: filled after an error
 *
 * For the writer itself: each path is followed as the calling process sees it,
 * symlinks at its end included, and so are the interpreters that programs name.
 *
 * Return: the paths; NULL where the request has none; -EINVAL for a path that does
 * not exist or is of the wrong kind; -ENOMEM.
 */
struct swarm_exec_paths *swarm_exec_paths_resolve(const struct swarm_request *request,
						  const u8 *text,
						  struct swarm_policy_error *err)
{
	struct swarm_exec_paths *paths;
	u32 i;

	if (!request->nr_exec_paths)
		return NULL;
	paths = kzalloc(struct_size(paths, paths, request->nr_exec_paths + INTERPRETERS_MAX),
			GFP_KERNEL_ACCOUNT);
	if (!paths)
		return ERR_PTR(swarm_refuse(err, -ENOMEM, "", "out of memory"));

	for (i = 0; i < request->nr_exec_paths; i++) {
		const struct swarm_exec_path *from = &request->exec_paths[i];
		char *name = kmemdup_nul(text + from->offset, from->length, GFP_KERNEL);
		struct path path;
		int ret;

		if (name)
			ret = resolve(name, name[from->length - 1] == '/', i + 1, &path, err);
		else
			ret = swarm_refuse(err, -ENOMEM, "", "out of memory");
		kfree(name);
		if (ret) {
			swarm_exec_paths_free(paths);
			return ERR_PTR(ret);
		}
		insert(paths->paths, &paths->nr, &path);
	}
	if (add_interpreters(paths)) {
		swarm_exec_paths_free(paths);
		return ERR_PTR(swarm_refuse(err, -ENOMEM, "", "out of memory"));
	}
	return paths;
}

/**
 * swarm_exec_paths_copy - the same files, for another policy
 * @paths: which; they last as long as this takes; NULL for any file
 *
 * Return: the copy; NULL of NULL; -ENOMEM.
 */
struct swarm_exec_paths *swarm_exec_paths_copy(const struct swarm_exec_paths *paths)
{
	struct swarm_exec_paths *copy;
	u32 i, nr;

	if (!paths)
		return NULL;
	nr = paths->nr + paths->nr_interpreters;
	copy = kzalloc(struct_size(copy, paths, nr), GFP_KERNEL_ACCOUNT);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	copy->nr = paths->nr;
	copy->nr_interpreters = paths->nr_interpreters;
	for (i = 0; i < nr; i++) {
		copy->paths[i] = paths->paths[i];
		path_get(&copy->paths[i]);
	}
	return copy;
}

/* Letting go */

/**
 * swarm_exec_paths_free - let go of what was resolved; may sleep
 * @paths: which; NULL does nothing
 */
void swarm_exec_paths_free(struct swarm_exec_paths *paths)
{
	u32 i;

	if (!paths)
		return;
	for (i = 0; i < paths->nr + paths->nr_interpreters; i++)
		path_put(&paths->paths[i]);
	kfree(paths);
}

static void free_dropped(struct work_struct *work)
{
	struct swarm_exec_paths *paths, *next;

	llist_for_each_entry_safe(paths, next, llist_del_all(&dropped), dropped)
		swarm_exec_paths_free(paths);
}

/**
 * swarm_exec_paths_drop - as swarm_exec_paths_free(), from any context
 * @paths: which; no hook may look at them any more; NULL does nothing
 *
 * Letting go of a file may write to a disk, so a worker does it.
 */
void swarm_exec_paths_drop(struct swarm_exec_paths *paths)
{
	if (paths && llist_add(&paths->dropped, &dropped))
		queue_work(swarm_workqueue, &drop_work);
}

/* Comparing */

/**
 * swarm_exec_paths_hash - a hash of the inodes; of NULL, the seed
 */
u32 swarm_exec_paths_hash(const struct swarm_exec_paths *paths, u32 seed)
{
	const struct inode *inode;
	u32 i;

	/* Interpreters follow from the files. */
	for (i = 0; paths && i < paths->nr; i++) {
		inode = inode_of(paths, i);
		seed = jhash(&inode, sizeof(inode), seed);
	}
	return seed;
}

/**
 * swarm_exec_paths_equal - do both name the same files through the same mounts?
 * @a: either may be NULL
 * @b: the other
 *
 * The same files through another mount are another policy: it tells its own paths,
 * and keeps its own mounts busy.
 */
bool swarm_exec_paths_equal(const struct swarm_exec_paths *a, const struct swarm_exec_paths *b)
{
	u32 i;

	if (!a || !b)
		return a == b;
	if (a->nr != b->nr || a->nr_interpreters != b->nr_interpreters)
		return false;
	for (i = 0; i < a->nr + a->nr_interpreters; i++)
		if (!path_equal(&a->paths[i], &b->paths[i]))
			return false;
	return true;
}

static bool names(const struct swarm_exec_paths *paths, const struct inode *inode)
{
	u32 i;

	for (i = 0; i < paths->nr; i++)
		if (inode_of(paths, i) == inode)
			return true;
	return false;
}

static bool below(const struct swarm_exec_paths *paths, const struct dentry *dentry)
{
	const struct dentry *parent;
	int i;

	for (i = 0; i < DEPTH_MAX; i++) {
		parent = READ_ONCE(dentry->d_parent);
		if (parent == dentry)
			return false;
		if (names(paths, d_inode_rcu(parent)))
			return true;
		dentry = parent;
	}
	return false;
}

/**
 * swarm_exec_paths_find - is a file named, or below a directory that is?
 * @paths: the list
 * @file: what is to be executed
 *
 * In a hook, under rcu_read_lock(): takes no lock. A tree is that of directory
 * entries within one file system, so what is mounted below is not in it; nor is a
 * file that has been unlinked from it, or was never linked (O_TMPFILE).
 *
 * A directory that is renamed while we go up could make a path of pieces that
 * never were one. Renames are told by rename_lock's counter, which is read by hand:
 * on a real-time kernel the usual reader waits for the writer, which would sleep.
 *
 * Return: enum swarm_listed.
 */
enum swarm_listed swarm_exec_paths_find(const struct swarm_exec_paths *paths,
					const struct file *file)
{
	const seqcount_t *renames = &rename_lock.seqcount.seqcount;
	const struct dentry *dentry = file->f_path.dentry;
	unsigned int seq;
	bool found;
	int i;

	if (names(paths, file_inode(file)))
		return SWARM_LISTED;
	if (d_unlinked(dentry))
		return SWARM_UNLISTED;
	for (i = 0; i < RENAME_TRIES; i++) {
		seq = raw_read_seqcount(renames);
		found = below(paths, dentry);
		if (!(seq & 1) && !read_seqcount_retry(renames, seq))
			return found ? SWARM_LISTED : SWARM_UNLISTED;
		cpu_relax();
	}
	return SWARM_LISTED_UNKNOWN;
}

/**
 * swarm_exec_paths_interprets - is a file an interpreter that listed programs name?
 * @paths: the list
 * @file: what an execve is about to map in the place of a program's interpreter
 *
 * Return: true where it is; a file that is listed is to be asked for apart.
 */
bool swarm_exec_paths_interprets(const struct swarm_exec_paths *paths, const struct file *file)
{
	const struct inode *inode = file_inode(file);
	u32 i;

	for (i = 0; i < paths->nr_interpreters; i++)
		if (inode_of(paths, paths->nr + i) == inode)
			return true;
	return false;
}
