/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* exec_paths: the files that an agent may execute. */
#ifndef SWARM_EXEC_PATHS_H
#define SWARM_EXEC_PATHS_H

#include <linux/llist.h>
#include <linux/path.h>
#include <linux/types.h>

struct file;
struct swarm_policy_error;
struct swarm_request;

/**
 * struct swarm_exec_paths - files and trees, held by inode
 * @dropped: entry of the list of those to be let go
 * @nr: how many are listed
 * @nr_interpreters: how many more there are behind those: the interpreters that
 *		     programs among them name, which they run but nobody may execute
 * @paths: each once, in the order of the addresses of inode, dentry and mount; a
 *	   directory stands for the tree under it. Then the interpreters, likewise.
 *
 * The references keep an inode from being freed and its number from being used
 * again, so a file is compared by the address of its inode. They hold the mount as
 * well: an inode alone must not be kept, since its file system could go away under
 * it. So unmounting answers EBUSY, as it does for a program that runs, rather than
 * succeed and leave the file system busy unseen.
 */
struct swarm_exec_paths {
	struct llist_node dropped;
	u32 nr;
	u32 nr_interpreters;
	struct path paths[];
};

enum swarm_listed {
	SWARM_LISTED,
	SWARM_UNLISTED,
	SWARM_LISTED_UNKNOWN,	/* directories were being renamed: ask again */
};

struct swarm_exec_paths *swarm_exec_paths_resolve(const struct swarm_request *request,
						  const u8 *text,
						  struct swarm_policy_error *err);
struct swarm_exec_paths *swarm_exec_paths_copy(const struct swarm_exec_paths *paths);
void swarm_exec_paths_free(struct swarm_exec_paths *paths);
void swarm_exec_paths_drop(struct swarm_exec_paths *paths);

u32 swarm_exec_paths_hash(const struct swarm_exec_paths *paths, u32 seed);
bool swarm_exec_paths_equal(const struct swarm_exec_paths *a, const struct swarm_exec_paths *b);
enum swarm_listed swarm_exec_paths_find(const struct swarm_exec_paths *paths,
					const struct file *file);
bool swarm_exec_paths_interprets(const struct swarm_exec_paths *paths, const struct file *file);

#endif
