// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * /proc/swarm/inspect: write an id, read that agent as a line of JSON.
 *
 * The text is made by the write, and read from there in pieces of any size. Members are
 * gathered first: there may be as many as Linux has process ids, more than one RCU read
 * lock should be held for.
 */
#include <linux/bits.h>
#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pid_namespace.h>
#include <linux/seq_buf.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "agent.h"
#include "cgroup.h"
#include "exec_paths.h"
#include "json.h"
#include "member.h"
#include "namespaces.h"
#include "params.h"
#include "policy_table.h"
#include "proc.h"
#include "socket.h"
#include "usage.h"

/* The longest request: an id and some white space. */
#define REQUEST_MAX	64
/* What an agent takes without its members, at first and at most, and each of those, told twice. */
#define TEXT_BASE	SZ_8K
#define TEXT_BASE_MAX	SZ_1M
#define TEXT_MEMBER	24
/* How often figures are taken anew because a process has left meanwhile. */
#define TAKES_MAX	4
/* As many members as Linux has process ids. */
#define MEMBERS_MAX	PID_MAX_LIMIT

/**
 * struct inspector - an open inspect file
 * @lock: of everything here
 * @text: the answer, or NULL
 * @length: of @text
 * @at: where reading goes on
 */
struct inspector {
	struct mutex lock;	/* of everything here */
	char *text;
	size_t length;
	size_t at;
};

/**
 * struct found - a member
 * @nr: how many had joined before it
 * @pid: as the writer's pid namespace counts
 * @joining: it has yet to enter the agent's namespaces
 * @starting: the agent was born for what it has yet to execute
 */
struct found {
	u64 nr;
	pid_t pid;
	bool joining;
	bool starting;
};

/**
 * struct gathered - members of an agent
 * @found: them, oldest first
 * @size: how many there is room for
 * @nr: how many there are
 * @live: what they use
 * @life: what is known of the agent's processes, those that have left it too
 * @usage: what its cgroup has counted
 * @freeze: are its processes stopped?
 */
struct gathered {
	struct found *found;
	size_t size;
	size_t nr;
	struct swarm_live_usage live;
	struct swarm_life life;
	struct swarm_usage usage;
	enum swarm_freeze freeze;
};

static void put_number(struct seq_buf *out, u32 number)
{
	if (number == SWARM_DEV_ANY)
		seq_buf_putc(out, '*');
	else
		seq_buf_printf(out, "%u", number);
}

static void put_devices(struct seq_buf *out, const struct swarm_rules *rules)
{
	static const char types[] = { [SWARM_DEV_BLOCK] = 'b', [SWARM_DEV_CHAR] = 'c',
				      [SWARM_DEV_ALL] = 'a' };
	int i;

	for (i = 0; i < rules->nr_devices; i++) {
		const struct swarm_device_rule *rule = &rules->devices[i];

		seq_buf_printf(out, "%s\"%c ", i ? "," : "", types[rule->type]);
		put_number(out, rule->major);
		seq_buf_putc(out, ':');
		put_number(out, rule->minor);
		seq_buf_printf(out, " %s%s%s\"",
			       rule->access & SWARM_ACC_READ ? "r" : "",
			       rule->access & SWARM_ACC_WRITE ? "w" : "",
			       rule->access & SWARM_ACC_MKNOD ? "m" : "");
	}
}

static void put_sockets(struct seq_buf *out, const struct swarm_sockets *sockets)
{
	const char *before = "";
	u32 i;

	seq_buf_puts(out, ",\"sockets\":");
	if (sockets->all) {
		seq_buf_puts(out, "\"all\"");
		return;
	}
	seq_buf_putc(out, '[');
	for (i = 0; i < BITS_PER_TYPE(sockets->families); i++) {
		if (!(sockets->families & BIT_ULL(i)))
			continue;
		seq_buf_printf(out, "%s\"", before);
		swarm_put_socket(out, i, 0, false);
		seq_buf_putc(out, '"');
		before = ",";
	}
	for (i = 0; i < sockets->nr_rules; i++) {
		seq_buf_printf(out, "%s\"", before);
		swarm_put_socket(out, sockets->rules[i].family, sockets->rules[i].protocol, true);
		seq_buf_putc(out, '"');
		before = ",";
	}
	seq_buf_putc(out, ']');
}

/* What exec_paths led to, as the writer would name it now; a tree ends in a slash. */
static void put_exec_paths(struct seq_buf *out, const struct swarm_exec_paths *paths, char *name)
{
	u32 i;

	seq_buf_puts(out, ",\"exec_paths\":[");
	for (i = 0; i < paths->nr; i++) {
		const struct path *path = &paths->paths[i];
		/* Room for the slash behind the NUL. */
		char *text = d_path(path, name, PATH_MAX - 1);

		if (IS_ERR(text))
			text = "";
		else if (d_is_dir(path->dentry) && strcmp(text, "/"))
			text = strcat(text, "/");
		if (i)
			seq_buf_putc(out, ',');
		swarm_json_string(out, text, PATH_MAX);
	}
	seq_buf_putc(out, ']');
}

/* Single calls, as far as their rules are not those of any other such agent. */
static void put_calls(struct seq_buf *out, const struct swarm_rules *rules)
{
	u32 call;

	for (call = 0; swarm_call_name(call); call++)
		if (swarm_call_rule(rules, call) != swarm_call_default(call, rules->privileged))
			seq_buf_printf(out, ",\"%s\":\"%s\"", swarm_call_name(call),
				       swarm_action_name(swarm_call_rule(rules, call)));
}

static void put_capabilities(struct seq_buf *out, const struct swarm_rules *rules)
{
	bool first = true;
	int i;

	if (rules->capabilities == SWARM_CAPS_ALL) {
		seq_buf_puts(out, ",\"capabilities\":\"all\"");
		return;
	}
	seq_buf_puts(out, ",\"capabilities\":[");
	for (i = 0; swarm_capability_name(i); i++) {
		if (!(rules->capabilities & BIT_ULL(i)))
			continue;
		seq_buf_printf(out, "%s\"%s\"", first ? "" : ",", swarm_capability_name(i));
		first = false;
	}
	seq_buf_putc(out, ']');
}

static void put_policy(struct seq_buf *out, const struct swarm_policy *policy, char *name)
{
	const struct swarm_rules *rules = &policy->rules;
	int i;

	seq_buf_printf(out, "\"policy\":{\"memory_limit\":%llu,\"cpu_quota\":%u,\"pids_limit\":%u,\"namespace_flags\":%u,\"devices\":[",
		       rules->memory_limit, rules->cpu_quota, rules->pids_limit,
		       rules->namespaces);
	put_devices(out, rules);
	seq_buf_puts(out, "],\"syscalls\":{");
	for (i = 0; i < SWARM_NR_SYSCALLS; i++)
		seq_buf_printf(out, "%s\"%s\":\"%s\"", i ? "," : "", swarm_kind_name(i),
			       swarm_action_name(rules->syscalls[i]));
	put_calls(out, rules);
	seq_buf_printf(out, "},\"persist\":%s,\"privileged\":%s",
		       rules->persist ? "true" : "false", rules->privileged ? "true" : "false");
	if (rules->namespaces & SWARM_NS_MNT)
		seq_buf_printf(out, ",\"propagation\":\"%s\"",
			       swarm_propagation_name(rules->propagation));
	if (rules->namespaces & SWARM_NS_NET)
		seq_buf_printf(out, ",\"network\":\"%s\"", swarm_network_name(rules->network));
	seq_buf_printf(out, ",\"proc\":%s,\"devpts\":%s,\"oom_group\":%s",
		       rules->proc ? "true" : "false", rules->devpts ? "true" : "false",
		       rules->oom_group ? "true" : "false");
	put_sockets(out, &rules->sockets);
	seq_buf_printf(out, ",\"core\":%s", rules->core ? "true" : "false");
	put_capabilities(out, rules);
	seq_buf_printf(out, ",\"no_new_privs\":%s", rules->no_new_privs ? "true" : "false");
	/* Of letters, digits, dots and hyphens. */
	if (rules->hostname[0])
		seq_buf_printf(out, ",\"hostname\":\"%.*s\"", SWARM_HOSTNAME_MAX, rules->hostname);
	if (policy->exec_paths) {
		put_exec_paths(out, policy->exec_paths, name);
		seq_buf_printf(out, ",\"unlisted\":\"%s\"", swarm_action_name(rules->unlisted));
	}
	seq_buf_putc(out, '}');
}

/* The inode numbers of its first process's namespaces, as in /proc/PID/ns. */
static void put_namespaces(struct seq_buf *out, struct swarm_agent *agent)
{
	unsigned int budget = SWARM_LISTED_MAX;
	const struct swarm_member *member;
	struct task_struct *task = swarm_agent_first(agent, &member, &budget);
	struct swarm_namespaces namespaces;
	int i;

	seq_buf_puts(out, "\"namespaces\":");
	if (!task || !swarm_namespaces_of(task, &namespaces)) {
		seq_buf_puts(out, "null");
		return;
	}
	for (i = 0; i < SWARM_NR_NAMESPACES; i++)
		seq_buf_printf(out, "%c\"%s\":%u", i ? ',' : '{', swarm_namespace_name(BIT(i)),
			       namespaces.inums[i]);
	seq_buf_putc(out, '}');
}

/* Members: gathered, then printed */

/* Under rcu_read_lock(); all threads are looked at. Returns false where there is no more room. */
static bool gather_one(struct gathered *gathered, const struct swarm_member *member)
{
	struct task_struct *task = pid_task(member->pid, PIDTYPE_TGID);
	u32 flags = READ_ONCE(member->flags);
	bool joining = flags & SWARM_MEMBER_JOINING;
	bool set_up = (flags & (SWARM_MEMBER_SPAWNED | SWARM_MEMBER_EXECED)) ==
		      SWARM_MEMBER_SPAWNED;

	if (gathered->nr == gathered->size)
		return false;
	gathered->found[gathered->nr++] = (struct found){
		.nr = member->nr,
		.pid = pid_nr_ns(member->pid, task_active_pid_ns(current)),
		.joining = joining,
		.starting = set_up && !joining,
	};
	if (task) {
		gathered->live.cpu += swarm_usage_cpu_of_member(member, task);
		gathered->live.threads += get_nr_threads(task);
	}
	return true;
}

static void forget_gathered(struct gathered *gathered)
{
	gathered->nr = 0;
	gathered->live = (struct swarm_live_usage){};
}

static int gather_found(struct swarm_member *member, void *data, unsigned int *looks)
{
	struct gathered *gathered = data;
	u64 threads = gathered->live.threads;

	if (fatal_signal_pending(current))
		return -EINTR;
	if (!gather_one(gathered, member))
		return -E2BIG;
	*looks += 1 + gathered->live.threads - threads;
	return 0;
}

static int older(const void *one, const void *other)
{
	u64 first = ((const struct found *)one)->nr, second = ((const struct found *)other)->nr;

	return (first > second) - (first < second);
}

/* Returns 0; -E2BIG where there is no room for all; -EINTR. */
static int gather(struct swarm_agent *agent, struct gathered *gathered)
{
	int err;

	forget_gathered(gathered);
	/* One that is gone has none. */
	if (IS_ERR(agent))
		return 0;
	err = swarm_agent_visit(agent, gather_found, gathered);
	if (!err)
		sort(gathered->found, gathered->nr, sizeof(*gathered->found), older, NULL);
	return err;
}

static size_t likely_members(const struct swarm_agent *agent)
{
	size_t nr = IS_ERR(agent) ? 0 : READ_ONCE(agent->nr_members);

	/* Some may join meanwhile. */
	return nr + nr / 8 + 16;
}

/* Sets @gathered, whose @found is to be freed whatever comes of it. */
static int gather_all(struct swarm_agent *agent, struct gathered *gathered)
{
	size_t size = likely_members(agent);
	int err;

	do {
		if (size > 2 * MEMBERS_MAX)
			return -E2BIG;
		kvfree(gathered->found);
		gathered->found = kvmalloc_array(size, sizeof(*gathered->found),
						 GFP_KERNEL_ACCOUNT);
		if (!gathered->found)
			return -ENOMEM;
		gathered->size = size;
		err = gather(agent, gathered);
		size *= 2;
	} while (err == -E2BIG);
	return err;
}

static bool is_any(const struct found *found)
{
	return true;
}

static bool is_joining(const struct found *found)
{
	return found->joining;
}

static bool is_starting(const struct found *found)
{
	return found->starting;
}

static void put_pids(struct seq_buf *out, const char *key, const struct gathered *gathered,
		     bool (*wanted)(const struct found *found))
{
	const char *comma = "";
	size_t i;

	seq_buf_printf(out, "\"%s\":[", key);
	for (i = 0; i < gathered->nr; i++) {
		const struct found *found = &gathered->found[i];

		if (wanted(found)) {
			seq_buf_printf(out, "%s%d", comma, found->pid);
			comma = ",";
		}
		cond_resched();
	}
	seq_buf_putc(out, ']');
}

/* A process is in two of the lists at most; see TEXT_MEMBER. */
static void put_members(struct seq_buf *out, const struct gathered *gathered)
{
	put_pids(out, "members", gathered, is_any);
	seq_buf_putc(out, ',');
	put_pids(out, "joining", gathered, is_joining);
	seq_buf_putc(out, ',');
	put_pids(out, "starting", gathered, is_starting);
	seq_buf_puts(out, "}\n");
}

static void put_cgroup(struct seq_buf *out, const struct swarm_agent *agent, char *path)
{
	seq_buf_puts(out, "\"cgroup\":");
	/* A parameter of the kernel, which begins it, has 1024 bytes at most. */
	if (!swarm_cgroup_path(agent, path, PATH_MAX))
		seq_buf_puts(out, "null");
	else
		swarm_json_string(out, path, PATH_MAX);
}

static enum swarm_state state_shown(const struct swarm_agent *agent, enum swarm_freeze freeze)
{
	enum swarm_state state = READ_ONCE(agent->state);
	bool stopped = freeze == SWARM_FREEZE_UPDATE || freeze == SWARM_FREEZE_OTHERS;

	return state == SWARM_RUNNING && stopped ? SWARM_FROZEN : state;
}

/* All but its members' ids. @name: PATH_MAX bytes, for paths */
static void put_agent(struct seq_buf *out, struct swarm_agent *agent,
		      const struct gathered *members, char *name)
{
	seq_buf_printf(out, "{\"id\":%llu,\"name\":", agent->id);
	if (agent->name[0])
		swarm_json_string(out, agent->name, sizeof(agent->name));
	else
		seq_buf_puts(out, "null");
	seq_buf_printf(out, ",\"state\":\"%s\",\"frozen\":\"%s\",\"violations\":%llu,\"audited\":%llu,",
		       swarm_state_name(state_shown(agent, members->freeze)),
		       swarm_freeze_name(members->freeze),
		       (u64)atomic64_read(&agent->violations),
		       (u64)atomic64_read(&agent->audited));
	if (READ_ONCE(agent->range) == SWARM_NO_RANGE)
		seq_buf_puts(out, "\"ids\":null,");
	else
		seq_buf_printf(out, "\"ids\":{\"first\":%u,\"count\":%u},",
			       swarm_agent_first_id(agent), swarm_id_count);
	put_cgroup(out, agent, name);
	seq_buf_putc(out, ',');
	put_namespaces(out, agent);
	seq_buf_puts(out, ",\"usage\":");
	swarm_usage_put(out, agent, &members->life, &members->live, &members->usage);
	seq_buf_putc(out, ',');
	put_policy(out, swarm_policy_of(agent), name);
	seq_buf_putc(out, ',');
}

/* Returns the length of the text, -ESRCH, or -E2BIG where it does not fit. @name: PATH_MAX bytes */
static ssize_t describe(u64 id, const struct gathered *members, char *text, size_t size,
			char *name)
{
	struct swarm_agent *agent;
	struct seq_buf out;

	seq_buf_init(&out, text, size);
	rcu_read_lock();
	agent = swarm_agent_find(id);
	if (agent)
		put_agent(&out, agent, members, name);
	rcu_read_unlock();
	if (!agent)
		return -ESRCH;
	put_members(&out, members);
	return seq_buf_has_overflowed(&out) ? -E2BIG : seq_buf_used(&out);
}

/* Makes the answer; the one before it stays where that fails. */
static int describe_into(struct inspector *inspector, u64 id, const struct gathered *members)
{
	char *name __free(kfree) = kmalloc(PATH_MAX, GFP_KERNEL_ACCOUNT);
	size_t base, size;
	ssize_t length;
	char *text;

	if (!name)
		return -ENOMEM;
	for (base = TEXT_BASE;; base *= 2) {
		if (base > TEXT_BASE_MAX)
			return -E2BIG;
		size = base + TEXT_MEMBER * members->nr;
		text = kvmalloc(size, GFP_KERNEL_ACCOUNT);
		if (!text)
			return -ENOMEM;
		length = describe(id, members, text, size, name);
		if (length >= 0)
			break;
		kvfree(text);
		if (length != -E2BIG)
			return length;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	kvfree(inspector->text);
	inspector->text = text;
	inspector->length = length;
	inspector->at = 0;
	return 0;
}

/* Returns how many processes have left the agent, which is known of if there is one. */
static u64 look_at_life(u64 id, struct swarm_life *life)
{
	struct swarm_agent *agent;
	u64 left = 0;

	rcu_read_lock();
	agent = swarm_agent_find(id);
	if (agent)
		left = swarm_agent_life(agent, life);
	rcu_read_unlock();
	return left;
}

/*
 * What processes use is what those that have left had used, and what the others do now:
 * one that leaves between the two looks would be in both, or in none.
 */
static int gather_with_life(u64 id, struct swarm_agent *agent, struct gathered *gathered)
{
	struct swarm_life later = {};
	int takes = 0, err;
	u64 left;

	do {
		left = look_at_life(id, &gathered->life);
		err = gather_all(agent, gathered);
	} while (!err && left != look_at_life(id, &later) && ++takes < TAKES_MAX);
	return err;
}

static int inspect(struct inspector *inspector, u64 id)
{
	struct swarm_agent *agent = swarm_agent_keep(id);
	struct gathered members = {};
	struct swarm_life life = {};
	bool counted;
	int err;

	/* One that is gone is known until its end is told; its cgroup may be on its way. */
	if (IS_ERR(agent) && PTR_ERR(agent) != -EBUSY)
		return PTR_ERR(agent);
	/* Before what the cgroup tells: until then that is of the life before, too. */
	look_at_life(id, &life);
	counted = life.counted || !life.began;
	err = swarm_usage_now(IS_ERR(agent) || !counted ? NULL : agent, &members.usage);
	if (!err && !IS_ERR(agent))
		err = swarm_cgroup_freeze(agent, &members.freeze);
	if (!err)
		err = gather_with_life(id, agent, &members);
	/* Or another life has begun since. */
	if (!err && members.life.began != life.began)
		err = swarm_usage_now(NULL, &members.usage);
	if (!err)
		err = describe_into(inspector, id, &members);
	if (!IS_ERR(agent))
		swarm_agent_unuse(agent);
	kvfree(members.found);
	return err;
}

static ssize_t inspect_write(struct file *file, const char __user *buf, size_t length,
			     loff_t *pos)
{
	struct inspector *inspector = file->private_data;
	struct swarm_policy_error err;
	u8 request[REQUEST_MAX];
	size_t taken;
	ssize_t ret;
	u64 id;

	ret = swarm_may_order(file) ?: swarm_may_ask(file);
	if (ret)
		return ret;
	if (length > sizeof(request))
		return -EINVAL;
	if (copy_from_user(request, buf, length))
		return -EFAULT;
	ret = swarm_id_parse(request, length, &id, &taken, &err);
	if (ret)
		return ret;
	/* One id at a time: a second one would replace the answer to the first unread. */
	if (!id || taken != length)
		return -EINVAL;
	if (mutex_lock_killable(&inspector->lock))
		return -EINTR;
	ret = inspect(inspector, id) ?: length;
	mutex_unlock(&inspector->lock);
	return ret;
}

static ssize_t inspect_read(struct file *file, char __user *buf, size_t length, loff_t *pos)
{
	struct inspector *inspector = file->private_data;
	ssize_t ret;

	/* What it tells is for those who may ask. */
	ret = swarm_may_ask(file);
	if (ret)
		return ret;
	if (mutex_lock_killable(&inspector->lock))
		return -EINTR;
	if (!inspector->text) {
		ret = -ENODATA;
		goto unlock;
	}
	length = min(length, inspector->length - inspector->at);
	if (copy_to_user(buf, inspector->text + inspector->at, length)) {
		ret = -EFAULT;
	} else {
		inspector->at += length;
		ret = length;
	}
unlock:
	mutex_unlock(&inspector->lock);
	return ret;
}

static int inspect_open(struct inode *inode, struct file *file)
{
	struct inspector *inspector;
	int err = swarm_may_ask(file);

	if (err)
		return err;
	inspector = kzalloc(sizeof(*inspector), GFP_KERNEL_ACCOUNT);
	if (!inspector)
		return -ENOMEM;
	mutex_init(&inspector->lock);
	file->private_data = inspector;
	return stream_open(inode, file);
}

static int inspect_release(struct inode *inode, struct file *file)
{
	struct inspector *inspector = file->private_data;

	mutex_destroy(&inspector->lock);
	kvfree(inspector->text);
	kfree(inspector);
	return 0;
}

const struct proc_ops swarm_proc_inspect_ops = {
	.proc_open = inspect_open,
	.proc_read = inspect_read,
	.proc_write = inspect_write,
	.proc_release = inspect_release,
};
