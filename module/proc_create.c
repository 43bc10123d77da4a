// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/create: JSON objects in, a line of JSON for each of them back.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "adopt.h"
#include "agent.h"
#include "cgroup.h"
#include "exec_paths.h"
#include "limits.h"
#include "params.h"
#include "policy_table.h"
#include "proc.h"
#include "proc_objects.h"
#include "readback.h"
#include "refuse.h"
#include "spawn.h"

#define READBACK_SIZE	SZ_64K
/* The longest line of an answer: the message may double in size when escaped. */
#define ANSWER_MAX	384

/* Creation is serialised, so that ids rise by one and max_agents is exact. */
static DEFINE_MUTEX(create_lock);

/**
 * struct creator - an open create file
 * @objects: what is written; its lock is of everything here
 * @request: the object, parsed
 * @paths: its exec_paths, decoded
 * @answers: lines to be read back
 * @storage: memory of @answers; NULL where the file is open for writing only
 */
struct creator {
	struct swarm_objects objects;
	struct swarm_request request;
	u8 paths[SWARM_OBJECT_MAX];
	struct swarm_readback answers;
	u8 *storage;
};

/* Everything that can fail comes before the agent is listed. */
static int populate(struct swarm_agent *agent, const struct swarm_request *request,
		    struct pid *adopted, struct swarm_policy_error *err)
{
	int ret = 0;

	if (request->spawn)
		ret = swarm_limits_arm(agent, err);
	if (!ret && (request->spawn || request->pid))
		ret = swarm_cgroup_create(agent, err);
	if (!ret && request->spawn)
		ret = swarm_spawn_arm(agent, err);
	if (!ret && request->pid)
		ret = swarm_adopt(agent, adopted, err);
	return ret;
}

static int create_locked(struct swarm_policy *policy, const struct swarm_request *request,
			 u64 *id, struct swarm_policy_error *err)
{
	struct swarm_agent *agent = swarm_agent_alloc(policy, request->name);
	struct pid *adopted;
	int ret;

	if (IS_ERR(agent)) {
		swarm_policy_put(policy);
		ret = PTR_ERR(agent);
		if (ret == -ENOSPC)
			return swarm_refuse(err, ret, "",
					    "%u agents are active, which is max_agents; destroy some or load the module with a higher max_agents",
					    swarm_max_agents);
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	}
	/* Held to the end, since it may have exited when its adoption is told. */
	adopted = request->pid ? find_get_pid(request->pid) : NULL;
	ret = populate(agent, request, adopted, err);
	if (ret) {
		swarm_agent_discard(agent);
	} else {
		*id = agent->id;
		swarm_agent_publish(agent, adopted);
	}
	put_pid(adopted);
	return ret;
}

static int create_one(struct creator *creator, size_t length, u64 *id,
		      struct swarm_policy_error *err)
{
	struct swarm_request *request = &creator->request;
	struct swarm_exec_paths *exec_paths;
	struct swarm_policy *policy;
	int ret;

	ret = swarm_request_parse(creator->objects.object, length, num_online_cpus(), request,
				  creator->paths, sizeof(creator->paths), err);
	if (ret)
		return ret;
	err->offset = 0;
	exec_paths = swarm_exec_paths_resolve(request, creator->paths, err);
	if (IS_ERR(exec_paths))
		return PTR_ERR(exec_paths);
	policy = swarm_policy_get(&request->rules, exec_paths);
	if (IS_ERR(policy))
		return swarm_refuse(err, -ENOMEM, "", "out of memory");
	if (mutex_lock_killable(&create_lock)) {
		swarm_policy_put(policy);
		return swarm_refuse(err, -EINTR, "", "interrupted");
	}
	ret = create_locked(policy, request, id, err);
	mutex_unlock(&create_lock);
	return ret;
}

static void append(struct creator *creator, const char *line, size_t length)
{
	WARN_ON_ONCE(!swarm_readback_append(&creator->answers, line, length));
}

/* {"id":7}, put together from its end: most answers are this one. */
static noinline void answer_id(struct creator *creator, u64 id)
{
	static const char begin[] = "{\"id\":", end[] = "}\n";
	char line[sizeof(begin) + 20 + sizeof(end)];
	char *at = line + sizeof(line) - (sizeof(end) - 1);

	memcpy(at, end, sizeof(end) - 1);
	do {
		*--at = '0' + id % 10;
		id /= 10;
	} while (id);
	at -= sizeof(begin) - 1;
	memcpy(at, begin, sizeof(begin) - 1);
	append(creator, at, line + sizeof(line) - at);
}

/* Fields and messages hold neither quotes nor backslashes nor control bytes. */
static noinline void answer_error(struct creator *creator, int ret,
				  const struct swarm_policy_error *err)
{
	char line[ANSWER_MAX];

	append(creator, line, scnprintf(line, sizeof(line),
					"{\"error\":\"%s\",\"field\":\"%s\",\"offset\":%u,\"message\":\"%s\"}\n",
					swarm_errno_name(ret), err->field, err->offset,
					err->message));
}

static void answer(struct creator *creator, int ret, u64 id,
		   const struct swarm_policy_error *err)
{
	if (ret)
		swarm_dbg("create: %s: %s\n", err->field, err->message);
	if (!creator->storage)
		return;
	if (ret)
		answer_error(creator, ret, err);
	else
		answer_id(creator, id);
}

static int take(struct swarm_objects *objects, size_t length, int error,
		struct swarm_policy_error *err)
{
	struct creator *creator = container_of(objects, struct creator, objects);
	int ret = error;
	u64 id = 0;

	if (!ret)
		ret = create_one(creator, length, &id, err);
	answer(creator, ret, id, err);
	return ret;
}

static bool room(const struct swarm_objects *objects)
{
	const struct creator *creator =
		container_of_const(objects, struct creator, objects);

	return !creator->storage || swarm_readback_room(&creator->answers) >= ANSWER_MAX;
}

static const struct swarm_objects_ops ops = {
	.name = "create",
	.take = take,
	.room = room,
};

static int create_open(struct inode *inode, struct file *file)
{
	struct creator *creator;
	int err = swarm_may_control(file);

	if (err)
		return err;
	creator = kvzalloc(sizeof(*creator), GFP_KERNEL_ACCOUNT);
	if (!creator)
		return -ENOMEM;
	if (file->f_mode & FMODE_READ) {
		creator->storage = kvmalloc(READBACK_SIZE, GFP_KERNEL_ACCOUNT);
		if (!creator->storage) {
			kvfree(creator);
			return -ENOMEM;
		}
		swarm_readback_init(&creator->answers, creator->storage, READBACK_SIZE);
	}
	swarm_objects_init(&creator->objects);
	file->private_data = creator;
	/* No position: a shell's read must not believe that it can go back. */
	return stream_open(inode, file);
}

static int create_release(struct inode *inode, struct file *file)
{
	struct creator *creator = file->private_data;

	swarm_objects_exit(&creator->objects, &ops);
	kvfree(creator->storage);
	kvfree(creator);
	return 0;
}

static ssize_t create_write(struct file *file, const char __user *buf, size_t length,
			    loff_t *pos)
{
	struct creator *creator = file->private_data;

	return swarm_objects_write(&creator->objects, &ops, file, buf, length);
}

static ssize_t create_read(struct file *file, char __user *buf, size_t length, loff_t *pos)
{
	struct creator *creator = file->private_data;
	ssize_t ret = swarm_may_control(file);
	size_t piece;

	/* Answers are the writer's; one that is read is gone. */
	if (ret)
		return ret;
	if (mutex_lock_killable(&creator->objects.lock))
		return -EINTR;
	while (length) {
		piece = swarm_readback_read(&creator->answers, creator->objects.chunk,
					    min_t(size_t, length, SWARM_OBJECTS_CHUNK));
		if (!piece)
			break;
		if (copy_to_user(buf, creator->objects.chunk, piece)) {
			ret = ret ?: -EFAULT;
			break;
		}
		buf += piece;
		length -= piece;
		ret += piece;
	}
	mutex_unlock(&creator->objects.lock);
	return ret;
}

const struct proc_ops swarm_proc_create_ops = {
	.proc_open = create_open,
	.proc_read = create_read,
	.proc_write = create_write,
	.proc_release = create_release,
};
