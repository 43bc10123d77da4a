/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files that JSON objects are written to. */
#ifndef SWARM_PROC_OBJECTS_H
#define SWARM_PROC_OBJECTS_H

#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include "adopt.h"
#include "policy.h"
#include "readback.h"

struct file;

#define SWARM_OBJECTS_CHUNK	SZ_4K
/* The longest line of an answer: every byte of the message may take six when escaped. */
#define SWARM_ANSWER_MAX	(128 + sizeof_field(struct swarm_policy_error, field) +		\
				 6 * sizeof_field(struct swarm_policy_error, message))

struct inode;
struct swarm_objects;

/**
 * struct swarm_objects_ops - what a file does with objects
 * @name: the file's
 * @size: of what an open file has, which begins with a struct swarm_objects
 * @lines: an id on a line of its own stands for an object, too
 * @take: carries out @objects->object, of so many bytes. Returns 0 with the id of the
 *	  agent that it was about, or a negative errno with @err filled
 */
struct swarm_objects_ops {
	const char *name;
	size_t size;
	bool lines;
	int (*take)(struct swarm_objects *objects, size_t length, u64 *id,
		    struct swarm_policy_error *err);
};

/**
 * struct swarm_objects - an open file that takes objects
 * @ops: what the file does with them
 * @lock: one call at a time
 * @framer: where the stream of objects stands
 * @answers: lines to be read back
 * @storage: memory of @answers; NULL where the file is open for writing only
 * @kept: set by @ops->take where a process was adopted: what it keeps
 * @line: an answer that is being made
 * @object: the object that is being received
 * @chunk: what is written or read, piece by piece
 */
struct swarm_objects {
	const struct swarm_objects_ops *ops;
	struct mutex lock;	/* of everything here */
	struct swarm_framer framer;
	struct swarm_readback answers;
	u8 *storage;
	enum swarm_kept kept;
	char line[SWARM_ANSWER_MAX];
	u8 object[SWARM_OBJECT_MAX];
	u8 chunk[SWARM_OBJECTS_CHUNK];
};

int swarm_objects_open(struct inode *inode, struct file *file,
		       const struct swarm_objects_ops *ops);
ssize_t swarm_objects_read(struct file *file, char __user *buf, size_t length, loff_t *pos);
ssize_t swarm_objects_write(struct file *file, const char __user *buf, size_t length,
			    loff_t *pos);
int swarm_objects_release(struct inode *inode, struct file *file);

#endif
