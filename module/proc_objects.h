/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Files that JSON objects are written to. */
#ifndef SWARM_PROC_OBJECTS_H
#define SWARM_PROC_OBJECTS_H

#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "policy.h"

struct file;

#define SWARM_OBJECTS_CHUNK	SZ_4K

/**
 * struct swarm_objects - an open file that takes objects
 * @lock: one call at a time
 * @framer: where the stream of objects stands
 * @object: the object that is being received
 * @chunk: what was written, piece by piece
 */
struct swarm_objects {
	struct mutex lock;	/* of everything here */
	struct swarm_framer framer;
	u8 object[SWARM_OBJECT_MAX];
	u8 chunk[SWARM_OBJECTS_CHUNK];
};

/**
 * struct swarm_objects_ops - what a file does with objects
 * @name: the file's
 * @take: called for each object, with @objects->object, its length and 0; and where
 *	  there is none, with a negative errno and @err filled. Returns 0 or the errno.
 * @room: may another object be taken? NULL: always
 */
struct swarm_objects_ops {
	const char *name;
	int (*take)(struct swarm_objects *objects, size_t length, int error,
		    struct swarm_policy_error *err);
	bool (*room)(const struct swarm_objects *objects);
};

void swarm_objects_init(struct swarm_objects *objects);
void swarm_objects_exit(struct swarm_objects *objects, const struct swarm_objects_ops *ops);
ssize_t swarm_objects_write(struct swarm_objects *objects, const struct swarm_objects_ops *ops,
			    const struct file *file, const char __user *buf, size_t length);

#endif
