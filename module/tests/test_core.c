// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Tests of the policy core through its C interface, policy.h. Built against the
 * core as a static library; run.sh shows how.
 *
 * Objects are written with ' for ", and ` in front of the byte at which the core
 * is to find the error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../policy.h"
#include "tap.h"

_Static_assert(sizeof(struct swarm_device_rule) == 12, "the layout that src/device.rs has");
_Static_assert(offsetof(struct swarm_device_rule, major) == 0, "major");
_Static_assert(offsetof(struct swarm_device_rule, minor) == 4, "minor");
_Static_assert(offsetof(struct swarm_device_rule, type) == 8, "type");
_Static_assert(offsetof(struct swarm_device_rule, access) == 9, "access");

_Static_assert(sizeof(struct swarm_rules) == 472, "the layout that src/policy.rs has");
_Static_assert(_Alignof(struct swarm_rules) == 8, "alignment");
_Static_assert(offsetof(struct swarm_rules, memory_limit) == 0, "memory_limit");
_Static_assert(offsetof(struct swarm_rules, cpu_quota) == 8, "cpu_quota");
_Static_assert(offsetof(struct swarm_rules, pids_limit) == 12, "pids_limit");
_Static_assert(offsetof(struct swarm_rules, namespaces) == 16, "namespaces");
_Static_assert(offsetof(struct swarm_rules, syscalls) == 20, "syscalls");
_Static_assert(offsetof(struct swarm_rules, nr_devices) == 26, "nr_devices");
_Static_assert(offsetof(struct swarm_rules, privileged) == 27, "privileged");
_Static_assert(offsetof(struct swarm_rules, persist) == 28, "persist");
_Static_assert(offsetof(struct swarm_rules, core) == 29, "core");
_Static_assert(offsetof(struct swarm_rules, devices) == 32, "devices");
_Static_assert(offsetof(struct swarm_rules, propagation) == 224, "propagation");
_Static_assert(offsetof(struct swarm_rules, devpts) == 225, "devpts");
_Static_assert(offsetof(struct swarm_rules, unlisted) == 226, "unlisted");
_Static_assert(offsetof(struct swarm_rules, oom_group) == 227, "oom_group");
_Static_assert(offsetof(struct swarm_rules, proc) == 228, "proc");
_Static_assert(offsetof(struct swarm_rules, network) == 229, "network");
_Static_assert(offsetof(struct swarm_rules, sockets) == 232, "sockets");
_Static_assert(offsetof(struct swarm_rules, named) == 280, "named");
_Static_assert(offsetof(struct swarm_rules, calls) == 296, "calls");
_Static_assert(offsetof(struct swarm_rules, capabilities) == 392, "capabilities");
_Static_assert(offsetof(struct swarm_rules, no_new_privs) == 400, "no_new_privs");
_Static_assert(offsetof(struct swarm_rules, hostname) == 408, "hostname");

_Static_assert(sizeof(struct swarm_sockets) == 48, "the layout that src/socket.rs has");
_Static_assert(offsetof(struct swarm_sockets, rules) == 8, "rules");
_Static_assert(offsetof(struct swarm_sockets, nr_rules) == 40, "nr_rules");
_Static_assert(offsetof(struct swarm_sockets, all) == 41, "all");

_Static_assert(sizeof(struct swarm_exec_path) == 8, "the layout that src/policy.rs has");
_Static_assert(offsetof(struct swarm_exec_path, offset) == 0, "offset");
_Static_assert(offsetof(struct swarm_exec_path, length) == 4, "length");

_Static_assert(sizeof(struct swarm_request) == 680, "the layout that src/policy.rs has");
_Static_assert(offsetof(struct swarm_request, rules) == 0, "rules");
_Static_assert(offsetof(struct swarm_request, pid) == 472, "pid");
_Static_assert(offsetof(struct swarm_request, pidfd) == 476, "pidfd");
_Static_assert(offsetof(struct swarm_request, spawn) == 480, "spawn");
_Static_assert(offsetof(struct swarm_request, nr_exec_paths) == 481, "nr_exec_paths");
_Static_assert(offsetof(struct swarm_request, after_exec) == 482, "after_exec");
_Static_assert(offsetof(struct swarm_request, exec_paths) == 488, "exec_paths");
_Static_assert(offsetof(struct swarm_request, name) == 552, "name");
_Static_assert(offsetof(struct swarm_request, named_calls) == 584, "named_calls");

_Static_assert(sizeof(struct swarm_policy_error) == 232, "the layout that src/error.rs has");
_Static_assert(offsetof(struct swarm_policy_error, error) == 0, "error");
_Static_assert(offsetof(struct swarm_policy_error, offset) == 4, "offset");
_Static_assert(offsetof(struct swarm_policy_error, field) == 8, "field");
_Static_assert(offsetof(struct swarm_policy_error, message) == 40, "message");

_Static_assert(sizeof(struct swarm_attach) == 24, "the layout that src/policy.rs has");
_Static_assert(offsetof(struct swarm_attach, id) == 0, "id");
_Static_assert(offsetof(struct swarm_attach, pid) == 8, "pid");
_Static_assert(offsetof(struct swarm_attach, pidfd) == 12, "pidfd");
_Static_assert(offsetof(struct swarm_attach, after_exec) == 16, "after_exec");
_Static_assert(offsetof(struct swarm_attach, enters) == 17, "enters");

_Static_assert(sizeof(struct swarm_update) == 696, "the layout that src/policy.rs has");
_Static_assert(offsetof(struct swarm_update, keys) == 8, "keys");
_Static_assert(offsetof(struct swarm_update, syscalls) == 10, "syscalls");
_Static_assert(offsetof(struct swarm_update, frozen) == 11, "frozen");
_Static_assert(offsetof(struct swarm_update, request) == 16, "request");

_Static_assert(sizeof(struct swarm_framer) == 8, "the layout that src/frame.rs has");
_Static_assert(offsetof(struct swarm_framer, length) == 0, "length");
_Static_assert(offsetof(struct swarm_framer, depth) == 4, "depth");
_Static_assert(offsetof(struct swarm_framer, state) == 6, "state");

_Static_assert(SWARM_OBJECT_MAX == 4096 && SWARM_DEVICES_MAX == 16, "limits");
_Static_assert(SWARM_EXEC_PATHS_MAX == 8 && SWARM_NAME_MAX == 31, "limits");
_Static_assert(SWARM_NR_SYSCALLS == 6, "the rules of syscalls");

/* What the objects are checked against: cpu_quota goes up to 400. */
#define CPUS			4
#define ID_MAX			((1ull << 53) - 1)
/* The rest of struct swarm_rules follows from it, which a test of its own looks at. */
#define RULES_USED		(offsetof(struct swarm_rules, devices) + \
				 sizeof(((struct swarm_rules *)NULL)->devices))
#define UNTOUCHED		0xa5
#define ROOM			65536

/* ROOM bytes with a page behind them that nobody may touch; returns their end. */
static u8 *guarded_room(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	u8 *room = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED || mprotect(room + ROOM, page, PROT_NONE))
		give_up("no memory");
	return room + ROOM;
}

/* A copy of what the core is to read, right in front of the guard. */
static const u8 *readable(const void *bytes, size_t length)
{
	static u8 *end;

	if (!end)
		end = guarded_room();
	if (length > ROOM)
		give_up("a text is too long");
	return memmove(end - length, bytes, length);
}

/* Room for what the core writes, right in front of another guard. */
static u8 *writable(size_t length)
{
	static u8 *end;

	if (!end)
		end = guarded_room();
	return memset(end - length, UNTOUCHED, length);
}

/* Is @bytes what memset() left? */
static bool is_untouched(const void *bytes, size_t length)
{
	const u8 *byte = bytes;
	size_t i;

	for (i = 0; i < length; i++)
		if (byte[i] != UNTOUCHED)
			return false;
	return true;
}

/* The same numbers in every run. */
static u32 next_random(u32 *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

/* A text that was given in the form that the top of this file describes. */
struct text {
	u8 bytes[8192];
	size_t length;
	size_t mark;		/* where ` stood */
};

static struct text text_of(const char *form)
{
	struct text text = {};

	if (strlen(form) > sizeof(text.bytes))
		give_up("a text is too long");
	for (; *form; form++) {
		if (*form == '`')
			text.mark = text.length;
		else
			text.bytes[text.length++] = *form == '\'' ? '"' : *form;
	}
	return text;
}

static void text_add(struct text *text, const void *bytes, size_t length)
{
	if (length > sizeof(text->bytes) - text->length)
		give_up("a text is too long");
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

static void text_fill(struct text *text, char byte, size_t count)
{
	while (count--)
		text_add(text, &byte, 1);
}

/* Of all errors so far; ? stands for a byte that a message may not hold. */
static size_t longest_message;
static char mangled_message[sizeof(((struct swarm_policy_error *)NULL)->message)];

/* Printable ASCII that may stand in a JSON string, NUL to the end of its buffer. */
static bool is_plain(const char *string, size_t size)
{
	size_t length = strnlen(string, size), i;

	for (i = 0; i < length; i++)
		if (string[i] < ' ' || string[i] > '~' || string[i] == '"' || string[i] == '\\')
			return false;
	for (i = length; i < size; i++)
		if (string[i])
			return false;
	return length < size;
}

/* What every error promises. */
static void check_error(const struct swarm_policy_error *err)
{
	size_t length = strnlen(err->message, sizeof(err->message));

	expect(err->error == EINVAL || err->error == E2BIG, "errno %d", err->error);
	expect(err->offset <= SWARM_OBJECT_MAX, "offset %u", err->offset);
	expect(is_plain(err->field, sizeof(err->field)), "field %.32s", err->field);
	expect(is_plain(err->message, sizeof(err->message)), "message %.192s", err->message);
	/* One that fills the buffer to the last byte may have lost its end. */
	expect(length > 0 && length < sizeof(err->message) - 1, "truncated: %.192s",
	       err->message);
	if (length > longest_message)
		longest_message = length;
	if (memchr(err->message, '?', length))
		memcpy(mangled_message, err->message, sizeof(mangled_message) - 1);
}

/* swarm_request_parse(), and what must hold whatever it is given. */
static s32 parse_into(const void *bytes, size_t length, struct swarm_request *out, u8 *paths,
		      size_t paths_length, struct swarm_policy_error *err)
{
	s32 ret;

	memset(out, UNTOUCHED, sizeof(*out));
	memset(err, UNTOUCHED, sizeof(*err));
	ret = swarm_request_parse(readable(bytes, length), length, CPUS, out, paths,
				  paths_length, err);
	if (ret) {
		check_error(err);
		expect(ret == -err->error, "returned %d with errno %d", ret, err->error);
		expect(err->offset <= length, "offset %u of %zu", err->offset, length);
	}
	return ret;
}

static s32 parse(const struct text *text, struct swarm_request *out,
		 struct swarm_policy_error *err)
{
	return parse_into(text->bytes, text->length, out, writable(SWARM_OBJECT_MAX),
			  SWARM_OBJECT_MAX, err);
}

static bool expect_accepted(const struct text *text, struct swarm_request *out)
{
	struct swarm_policy_error err;
	s32 ret = parse(text, out, &err);

	return expect(!ret, "refused at %u (%s: %s): %.80s", err.offset,
		      err.field, err.message, text->bytes);
}

static void expect_error(s32 ret, const struct swarm_policy_error *err, int error,
			 const char *field, const struct text *text)
{
	if (!expect(ret, "accepted: %.80s", text->bytes))
		return;
	expect(ret == -error, "errno %d, not %d: %.80s", -ret, error, text->bytes);
	expect(!strcmp(err->field, field), "field %s, not %s: %.80s", err->field, field,
	       text->bytes);
	expect(err->offset == text->mark, "offset %u, not %zu (%s): %.80s", err->offset,
	       text->mark, err->message, text->bytes);
}

static void expect_refused(const struct text *text, int error, const char *field)
{
	struct swarm_policy_error err;
	struct swarm_request request;

	expect_error(parse(text, &request, &err), &err, error, field, text);
}

struct refusal {
	const char *object;
	const char *field;
};

static void expect_all_refused(const struct refusal *refusals, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		struct text text = text_of(refusals[i].object);

		expect_refused(&text, EINVAL, refusals[i].field);
	}
}

/*
 * But for named_calls, which is the core's own and set only if calls_named is, and for
 * exec_paths beyond nr_exec_paths.
 */
static bool same_request(const struct swarm_request *one, const struct swarm_request *other)
{
	size_t rest = offsetof(struct swarm_request, pid);

	return !memcmp(one, other, RULES_USED) &&
	       !memcmp((const u8 *)one + rest, (const u8 *)other + rest,
		       offsetof(struct swarm_request, exec_paths) - rest) &&
	       !memcmp(one->exec_paths, other->exec_paths,
		       one->nr_exec_paths * sizeof(one->exec_paths[0])) &&
	       !memcmp(one->name, other->name, sizeof(one->name));
}

/* The number of a call; that there is none is a failure. */
static u32 call_of(const char *name)
{
	u32 call;

	for (call = 0; swarm_call_name(call); call++)
		if (!strcmp(swarm_call_name(call), name))
			return call;
	expect(0, "no call %s", name);
	return 0;
}

static void set_call(struct swarm_rules *rules, const char *name, enum swarm_action action)
{
	u32 call = call_of(name);

	rules->calls[call / 32] &= ~(3ULL << (call % 32 * 2));
	rules->calls[call / 32] |= (u64)action << (call % 32 * 2);
}

/* What an agent is denied unless its policy says otherwise. */
static void deny_calls(struct swarm_rules *rules)
{
	static const char * const denied[] = {
		"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
		"io_uring_register", "keyctl", "add_key", "request_key", "open_by_handle_at",
		"fanotify_init", "kexec_load", "kexec_file_load", "init_module", "finit_module",
		"delete_module", "reboot", "acct", "swapon", "swapoff", "quotactl", "quotactl_fd",
		"clock_settime", "settimeofday", "adjtimex", "clock_adjtime", "iopl", "ioperm",
		"mbind", "set_mempolicy", "set_mempolicy_home_node", "migrate_pages", "move_pages",
		"kcmp", "pidfd_getfd", "process_madvise", "syslog", "vhangup", "mount", "umount2",
		"pivot_root", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig",
		"fsmount", "fspick", "mount_setattr", "get_mempolicy", "sysfs", "ustat",
		"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "listns", "uselib",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(denied); i++)
		set_call(rules, denied[i], SWARM_DENY);
}

/* What an object without keys means, as the interface is documented. */
static struct swarm_request default_request(void)
{
	static const struct swarm_device_rule devices[] = {
		{ 1, 3, SWARM_DEV_CHAR, 7, {} },		/* null */
		{ 1, 5, SWARM_DEV_CHAR, 7, {} },		/* zero */
		{ 1, 7, SWARM_DEV_CHAR, 7, {} },		/* full */
		{ 1, 8, SWARM_DEV_CHAR, 7, {} },		/* random */
		{ 1, 9, SWARM_DEV_CHAR, 7, {} },		/* urandom */
		{ 5, 0, SWARM_DEV_CHAR, 7, {} },		/* tty */
		{ 5, 2, SWARM_DEV_CHAR, 7, {} },		/* ptmx */
		{ 136, SWARM_DEV_ANY, SWARM_DEV_CHAR, 7, {} },	/* pts */
	};
	struct swarm_request request;

	memset(&request, 0, sizeof(request));
	request.rules.namespaces = SWARM_NS_DEFAULT;
	request.rules.syscalls[SWARM_SYS_UNSHARE] = SWARM_DENY;
	request.rules.syscalls[SWARM_SYS_SETNS] = SWARM_DENY;
	request.rules.syscalls[SWARM_SYS_AUTOLOAD] = SWARM_DENY;
	request.rules.nr_devices = ARRAY_SIZE(devices);
	memcpy(request.rules.devices, devices, sizeof(devices));
	deny_calls(&request.rules);
	request.pidfd = -1;
	return request;
}

static void test_defaults(void)
{
	static const char * const objects[] = {
		"{}", " {\n\t}\r\n", "{'syscalls':{}}", "{'exec_paths':[]}",
	};
	struct swarm_request expected = default_request(), request;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		struct text text = text_of(objects[i]);

		if (expect_accepted(&text, &request))
			expect(same_request(&request, &expected), "not the defaults: %s",
			       objects[i]);
	}
}

/* What an agent keeps that does not say what it keeps, and is not privileged. */
#define KEPT	"'capabilities':['chown','dac_override','fowner','fsetid','kill','setgid','setuid'," \
		"'setpcap','net_bind_service','sys_chroot','setfcap'],'no_new_privs':true"
/* As long as a host name may be. */
#define SIXTY_FOUR \
	"abcdefghijklmnopqrstuvwxyz012345.abcdefghijklmnopqrstuvwxyz-0.xy"

#define MEMBER(name)	offsetof(struct swarm_request, name), \
			sizeof(((struct swarm_request *)NULL)->name)

/* Objects that change one member and leave all others as they are. */
static const struct {
	const char *object;
	size_t offset;
	size_t size;
	u64 value;
} accepted[] = {
	{ "{'memory_limit':0}", MEMBER(rules.memory_limit), 0 },
	{ "{'memory_limit':65536}", MEMBER(rules.memory_limit), 65536 },
	{ " { 'memory_limit' :\t268435456\n} ", MEMBER(rules.memory_limit), 268435456 },
	{ "{'memory_limit':18446744073709551615}", MEMBER(rules.memory_limit), UINT64_MAX },
	{ "{'memory\\u005flimit':65536}", MEMBER(rules.memory_limit), 65536 },
	{ "{'cpu_quota':0}", MEMBER(rules.cpu_quota), 0 },
	{ "{'cpu_quota':1}", MEMBER(rules.cpu_quota), 1 },
	{ "{'cpu_quota':400}", MEMBER(rules.cpu_quota), 400 },
	{ "{'pids_limit':0}", MEMBER(rules.pids_limit), 0 },
	{ "{'pids_limit':4194304}", MEMBER(rules.pids_limit), 4194304 },
	{ "{'namespace_flags':32}", MEMBER(rules.namespaces), SWARM_NS_USER },
	{ "{'namespace_flags':127}", MEMBER(rules.namespaces), SWARM_NS_DEFAULT },
	{ "{'namespace_flags':255}", MEMBER(rules.namespaces), SWARM_NS_ALL },
	{ "{'privileged':true,'core':false,'syscalls':{'autoload':'deny'},"
	  "'sockets':['unix','inet','inet6','netlink/route']," KEPT "}",
	  MEMBER(rules.privileged), 1 },
	{ "{'privileged':false}", MEMBER(rules.privileged), 0 },
	{ "{'unlisted':'deny'}", MEMBER(rules.unlisted), SWARM_DENY },
	{ "{'unlisted':'kill'}", MEMBER(rules.unlisted), SWARM_KILL },
	{ "{'unlisted':'audit'}", MEMBER(rules.unlisted), SWARM_AUDIT },
	{ "{'persist':true}", MEMBER(rules.persist), 1 },
	{ "{'persist':false}", MEMBER(rules.persist), 0 },
	{ "{'propagation':'private'}", MEMBER(rules.propagation), SWARM_PRIVATE },
	{ "{'propagation':'slave'}", MEMBER(rules.propagation), SWARM_SLAVE },
	{ "{'network':'own'}", MEMBER(rules.network), SWARM_NET_OWN },
	{ "{'network':'none','sockets':['unix']}", MEMBER(rules.network), SWARM_NET_NONE },
	{ "{'devpts':true}", MEMBER(rules.devpts), 1 },
	{ "{'devpts':false}", MEMBER(rules.devpts), 0 },
	{ "{}", MEMBER(rules.oom_group), 1 },
	{ "{'oom_group':true}", MEMBER(rules.oom_group), 1 },
	{ "{'oom_group':false}", MEMBER(rules.oom_group), 0 },
	{ "{}", MEMBER(rules.core), 0 },
	{ "{'core':true}", MEMBER(rules.core), 1 },
	{ "{}", MEMBER(rules.proc), 1 },
	{ "{'proc':true}", MEMBER(rules.proc), 1 },
	{ "{'proc':false}", MEMBER(rules.proc), 0 },
	{ "{}", MEMBER(rules.capabilities), 0x800405fb },
	{ "{'capabilities':'all'}", MEMBER(rules.capabilities), SWARM_CAPS_ALL },
	{ "{'capabilities':[]}", MEMBER(rules.capabilities), 0 },
	{ "{'capabilities':[ 'chown' , 'checkpoint_restore' ]}", MEMBER(rules.capabilities),
	  1 | 1ULL << 40 },
	{ "{'capabilities':['setfcap']}", MEMBER(rules.capabilities), 1U << 31 },
	{ "{}", MEMBER(rules.no_new_privs), 1 },
	{ "{'no_new_privs':false}", MEMBER(rules.no_new_privs), 0 },
	{ "{'hostname':'a'}", MEMBER(rules.hostname[0]), 'a' },
	{ "{'hostname':'a'}", MEMBER(rules.hostname[1]), 0 },
	{ "{'spawn':true}", MEMBER(spawn), 1 },
	{ "{'spawn':false}", MEMBER(spawn), 0 },
	{ "{'pid':1}", MEMBER(pid), 1 },
	{ "{'pid':4194304}", MEMBER(pid), 4194304 },
	{ "{'spawn':false,'pid':7}", MEMBER(pid), 7 },
	{ "{'pidfd':0}", MEMBER(pidfd), 0 },
	{ "{'pidfd':2147483647}", MEMBER(pidfd), 2147483647 },
	{ "{'after_exec':false}", MEMBER(after_exec), 0 },
};

static void set_member(struct swarm_request *request, size_t offset, size_t size, u64 value)
{
	u8 byte = value;
	u32 word = value;

	memcpy((u8 *)request + offset,
	       size == 1 ? (void *)&byte : size == 4 ? (void *)&word : (void *)&value, size);
}

static void test_accepted(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(accepted); i++) {
		struct swarm_request expected = default_request(), request;
		struct text text = text_of(accepted[i].object);

		set_member(&expected, accepted[i].offset, accepted[i].size, accepted[i].value);
		if (expect_accepted(&text, &request))
			expect(same_request(&request, &expected), "another request: %s",
			       accepted[i].object);
	}
}

static void test_numbers(void)
{
	static const struct refusal refusals[] = {
		{ "{'memory_limit':`1}", "memory_limit" },
		{ "{'memory_limit':`65535}", "memory_limit" },
		{ "{'memory_limit': \n\t`65535}", "memory_limit" },
		{ "{'memory_limit':`18446744073709551616}", "memory_limit" },
		{ "{'memory_limit':`99999999999999999999999999}", "memory_limit" },
		{ "{'memory_limit':`-1}", "memory_limit" },
		{ "{'memory_limit':`-0}", "memory_limit" },
		{ "{'memory_limit':`+1}", "memory_limit" },
		{ "{'memory_limit':`.5}", "memory_limit" },
		{ "{'memory_limit':65536`.0}", "memory_limit" },
		{ "{'memory_limit':6`e5}", "memory_limit" },
		{ "{'memory_limit':6`E5}", "memory_limit" },
		{ "{'memory_limit':0`0}", "memory_limit" },
		{ "{'memory_limit':0`65536}", "memory_limit" },
		{ "{'memory_limit':`'65536'}", "memory_limit" },
		{ "{'memory_limit':`null}", "memory_limit" },
		{ "{'memory_limit':`true}", "memory_limit" },
		{ "{'memory_limit':`[65536]}", "memory_limit" },
		{ "{'memory_limit':`{}}", "memory_limit" },
		{ "{'memory_limit':`}", "memory_limit" },
		{ "{'memory_limit':`,'spawn':true}", "memory_limit" },
		{ "{'memory_limit':65536,'cpu_quota':`401}", "cpu_quota" },
		{ "{'cpu_quota':`4294967296}", "cpu_quota" },
		{ "{'cpu_quota':`18446744073709551615}", "cpu_quota" },
		{ "{'cpu_quota':`-1}", "cpu_quota" },
		{ "{'cpu_quota':12`.5}", "cpu_quota" },
		{ "{'pids_limit':`4194305}", "pids_limit" },
		{ "{'pids_limit':`4294967297}", "pids_limit" },
		{ "{'pids_limit':`'max'}", "pids_limit" },
		{ "{'namespace_flags':`256}", "namespace_flags" },
		{ "{'namespace_flags':`4294967328}", "namespace_flags" },
		{ "{'namespace_flags':`-1}", "namespace_flags" },
		{ "{'namespace_flags':`['pid']}", "namespace_flags" },
		{ "{'pid':`0}", "pid" },
		{ "{'pid':`-1}", "pid" },
		{ "{'pid':`4194305}", "pid" },
		{ "{'pid':`2147483648}", "pid" },
		{ "{'pid':`4294967297}", "pid" },
		{ "{'pid':`'1'}", "pid" },
		{ "{'pid':`null}", "pid" },
	};

	expect_all_refused(refusals, ARRAY_SIZE(refusals));
}

/* cpu_quota ends where the machine does. */
static void test_cpus(void)
{
	static const struct {
		u32 cpus;
		const char *largest;
		const char *too_large;
	} machines[] = {
		{ 1, "{'cpu_quota':100}", "{'cpu_quota':`101}" },
		{ 8192, "{'cpu_quota':819200}", "{'cpu_quota':`819201}" },
	};
	struct swarm_policy_error err;
	struct swarm_request request;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(machines); i++) {
		struct text text = text_of(machines[i].largest);

		expect(!swarm_request_parse(readable(text.bytes, text.length), text.length,
					    machines[i].cpus, &request, writable(1), 1, &err) &&
		       request.rules.cpu_quota == machines[i].cpus * 100,
		       "refused for %u CPUs: %s", machines[i].cpus, text.bytes);

		text = text_of(machines[i].too_large);
		expect_error(swarm_request_parse(readable(text.bytes, text.length), text.length,
						 machines[i].cpus, &request, writable(1), 1,
						 &err),
			     &err, EINVAL, "cpu_quota", &text);
	}
}

static void test_booleans(void)
{
	static const char * const keys[] = { "spawn", "persist", "privileged", "devpts",
					    "oom_group", "core", "proc", "no_new_privs" };
	static const char * const values[] = {
		"1", "0", "'true'", "null", "True", "tru}", "{}", "[]", "}", "fals",
	};
	char form[64];
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		for (j = 0; j < ARRAY_SIZE(values); j++) {
			struct text text;

			snprintf(form, sizeof(form), "{ '%s' : `%s}", keys[i], values[j]);
			text = text_of(form);
			expect_refused(&text, EINVAL, keys[i]);
		}
	}
}

/* What is privileged keeps all unless it says otherwise, in any order of keys. */
static void test_privileges(void)
{
	static const struct {
		const char *object;
		u64 capabilities;
		u8 no_new_privs;
	} objects[] = {
		{ "{'privileged':true}", SWARM_CAPS_ALL, 0 },
		{ "{'privileged':false}", 0x800405fb, 1 },
		{ "{'capabilities':['chown'],'privileged':true}", 1, 0 },
		{ "{'privileged':true,'capabilities':[],'no_new_privs':true}", 0, 1 },
		{ "{'no_new_privs':false,'capabilities':'all'}", SWARM_CAPS_ALL, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		struct text text = text_of(objects[i].object);
		struct swarm_request request;

		if (!expect_accepted(&text, &request))
			continue;
		expect(request.rules.capabilities == objects[i].capabilities &&
		       request.rules.no_new_privs == objects[i].no_new_privs,
		       "%s: 0x%llx, %u", objects[i].object,
		       (unsigned long long)request.rules.capabilities,
		       request.rules.no_new_privs);
	}
}

/* What no single value shows. */
static void test_combinations(void)
{
	static const struct refusal refusals[] = {
		{ "{'spawn':true,'pid':`1}", "pid" },
		{ "{'pid': `1,'spawn':true}", "pid" },
		{ "{'spawn':true,'pidfd':`0}", "pidfd" },
		{ "{'pidfd': `3,'pid':1}", "pidfd" },
		{ "{'pidfd':`-1}", "pidfd" },
		{ "{'pidfd':`2147483648}", "pidfd" },
		{ "{'after_exec':`true}", "after_exec" },
		{ "{'spawn':true,'after_exec': `true}", "after_exec" },
		{ "{'pid':1,'after_exec':`1}", "after_exec" },
		{ "{'namespace_flags':`0}", "namespace_flags" },
		{ "{'namespace_flags':`31}", "namespace_flags" },
		{ "{'spawn':true,'namespace_flags': `223,'persist':true}", "namespace_flags" },
		{ "{'privileged':false,'namespace_flags':`95}", "namespace_flags" },
		{ "{'propagation':`'slave','namespace_flags':123}", "propagation" },
		{ "{'namespace_flags':123,'propagation': `'private'}", "propagation" },
		{ "{'devpts':`true,'namespace_flags':123}", "devpts" },
		{ "{'namespace_flags':95,'privileged':true,'devpts':`true}", "devpts" },
		{ "{'proc':`true,'namespace_flags':123}", "proc" },
		{ "{'proc': `true,'namespace_flags':126}", "proc" },
		{ "{'namespace_flags':95,'privileged':true,'proc':`true}", "proc" },
		{ "{'propagation':`'shared'}", "propagation" },
		{ "{'propagation':`true}", "propagation" },
		{ "{'network':`'host'}", "network" },
		{ "{'network':`false}", "network" },
		{ "{'network':`'own','namespace_flags':125}", "network" },
		{ "{'network': `'none','namespace_flags':125}", "network" },
		{ "{'network':`'none','namespace_flags':95,'privileged':true}", "network" },
		{ "{'pid':1,'network':`'none'}", "network" },
		{ "{'pidfd':1,'network':`'none'}", "network" },
		{ "{'network':'none','sockets':`'all'}", "sockets" },
		{ "{'sockets': `['unix','inet'],'network':'none'}", "sockets" },
		{ "{'sockets':`['netlink/route'],'network':'none'}", "sockets" },
		{ "{'capabilities':`'some'}", "capabilities" },
		{ "{'capabilities': `true}", "capabilities" },
		{ "{'capabilities':[`'all']}", "capabilities" },
		{ "{'capabilities':['chown',`'cap_kill']}", "capabilities" },
		{ "{'capabilities':[`'CHOWN']}", "capabilities" },
		{ "{'capabilities':['kill', `'kill']}", "capabilities" },
		{ "{'capabilities':['kill'`:1]}", "capabilities" },
		{ "{'hostname':`''}", "hostname" },
		{ "{'hostname':`'" SIXTY_FOUR "a'}", "hostname" },
		{ "{'hostname':`'a_b'}", "hostname" },
		{ "{'hostname':`'-a'}", "hostname" },
		{ "{'hostname':`'a-.b'}", "hostname" },
		{ "{'hostname':`'a..b'}", "hostname" },
		{ "{'hostname':`'a.'}", "hostname" },
		{ "{'hostname':`1}", "hostname" },
		{ "{'hostname': `'a','namespace_flags':119}", "hostname" },
	};
	static const char * const objects[] = {
		"{'privileged':true,'namespace_flags':0}",
		"{'namespace_flags':95,'privileged':true}",
		"{'namespace_flags':32,'privileged':false}",
		"{'spawn':true,'persist':true}",
		"{'namespace_flags':123,'devpts':false}",
		"{'namespace_flags':126,'proc':false}",
		"{'privileged':true,'proc':true}",
		"{'network':'none'}",
		"{'network':'none','sockets':[]}",
		"{'network':'none','sockets':['1/0','unix']}",
		"{'network':'none','privileged':true}",
		"{'network':'none','spawn':true,'namespace_flags':34}",
		"{'network':'own','pid':1}",
		"{'oom_group':false}",
		"{'oom_group':true,'memory_limit':0}",
		"{'hostname':'x-1.Y','namespace_flags':40}",
		"{'hostname':'" SIXTY_FOUR "'}",
		"{'namespace_flags':4,'privileged':true,'propagation':'slave'}",
		"{'pid':1,'persist':true,'privileged':true}",
		"{'pidfd':0,'after_exec':true}",
		"{'after_exec':true,'pid':1}",
	};
	struct swarm_request request;
	size_t i;

	expect_all_refused(refusals, ARRAY_SIZE(refusals));
	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		struct text text = text_of(objects[i]);

		expect_accepted(&text, &request);
	}
}

/* Where an agent can have none of its own it is not to be made. */
static void test_devpts(void)
{
	static const struct {
		const char *form;
		u8 expected;
	} objects[] = {
		{ "{'namespace_flags':36}", 1 },
		{ "{'namespace_flags':36,'devpts':false}", 0 },
		{ "{'namespace_flags':123}", 0 },
		{ "{'namespace_flags':32}", 0 },
		{ "{'namespace_flags':4,'privileged':true}", 0 },
	};
	struct swarm_request request;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		struct text text = text_of(objects[i].form);

		expect_accepted(&text, &request);
		expect(request.rules.devpts == objects[i].expected, "%s", objects[i].form);
	}
}

static void test_proc(void)
{
	static const struct {
		const char *form;
		u8 expected;
	} objects[] = {
		{ "{'namespace_flags':37}", 1 },
		{ "{'namespace_flags':37,'proc':false}", 0 },
		{ "{'namespace_flags':126}", 0 },
		{ "{'namespace_flags':123}", 0 },
		{ "{'namespace_flags':95,'privileged':true}", 0 },
		{ "{'privileged':true}", 0 },
		{ "{'privileged':true,'proc':true}", 1 },
		{ "{'proc':true,'privileged':false}", 1 },
	};
	struct swarm_request request;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		struct text text = text_of(objects[i].form);

		expect_accepted(&text, &request);
		expect(request.rules.proc == objects[i].expected, "%s", objects[i].form);
	}
}

static void test_devices(void)
{
	static const struct {
		const char *rule;
		struct swarm_device_rule expected;
	} rules[] = {
		{ "c 1:3 r", { 1, 3, SWARM_DEV_CHAR, SWARM_ACC_READ, {} } },
		{ "c 1:3 w", { 1, 3, SWARM_DEV_CHAR, SWARM_ACC_WRITE, {} } },
		{ "c 1:3 m", { 1, 3, SWARM_DEV_CHAR, SWARM_ACC_MKNOD, {} } },
		{ "c 1:3 mwr", { 1, 3, SWARM_DEV_CHAR, 7, {} } },
		{ "b 0:0 rw", { 0, 0, SWARM_DEV_BLOCK, SWARM_ACC_READ | SWARM_ACC_WRITE, {} } },
		{ "b 4095:1048575 rwm", { 4095, 1048575, SWARM_DEV_BLOCK, 7, {} } },
		{ "c 136:* rwm", { 136, SWARM_DEV_ANY, SWARM_DEV_CHAR, 7, {} } },
		{ "b *:0 m", { SWARM_DEV_ANY, 0, SWARM_DEV_BLOCK, SWARM_ACC_MKNOD, {} } },
		{ "a *:* r", { SWARM_DEV_ANY, SWARM_DEV_ANY, SWARM_DEV_ALL, 2, {} } },
		{ "a", { SWARM_DEV_ANY, SWARM_DEV_ANY, SWARM_DEV_ALL, 7, {} } },
	};
	struct swarm_request expected = default_request(), request;
	struct text text = text_of("{'devices':[");
	size_t i;

	memset(expected.rules.devices, 0, sizeof(expected.rules.devices));
	expected.rules.nr_devices = ARRAY_SIZE(rules);
	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		if (i)
			text_add(&text, ",", 1);
		text_add(&text, "\"", 1);
		text_add(&text, rules[i].rule, strlen(rules[i].rule));
		text_add(&text, "\"", 1);
		expected.rules.devices[i] = rules[i].expected;
	}
	text_add(&text, "]}", 2);
	if (expect_accepted(&text, &request)) {
		for (i = 0; i < ARRAY_SIZE(rules); i++)
			expect(!memcmp(&request.rules.devices[i], &rules[i].expected,
				       sizeof(rules[i].expected)), "%s", rules[i].rule);
		expect(same_request(&request, &expected), "more than the devices changed");
	}

	/* None at all, in place of those that are allowed by default. */
	text = text_of("{'devices':[ ]}");
	memset(expected.rules.devices, 0, sizeof(expected.rules.devices));
	expected.rules.nr_devices = 0;
	if (expect_accepted(&text, &request))
		expect(same_request(&request, &expected), "not without devices");
}

static void test_devices_refused(void)
{
	static const struct refusal refusals[] = {
		{ "{'devices':`{}}", "devices" },
		{ "{'devices':`'c 1:3 r'}", "devices" },
		{ "{'devices':`null}", "devices" },
		{ "{'devices':[`1]}", "devices" },
		{ "{'devices':[`['a']]}", "devices" },
		{ "{'devices':[`,]}", "devices" },
		{ "{'devices':['a'`'a']}", "devices" },
		{ "{'devices':['a',`]}", "devices" },
		{ "{'devices':['a'`}", "devices" },
		{ "{'devices':[`'']}", "devices" },
		{ "{'devices':[`' ']}", "devices" },
		{ "{'devices':['a', `'c']}", "devices" },
		{ "{'devices':[`'b']}", "devices" },
		{ "{'devices':[`'a ']}", "devices" },
		{ "{'devices':[`'x 1:3 r']}", "devices" },
		{ "{'devices':[`'C 1:3 r']}", "devices" },
		{ "{'devices':[`'c 1:3']}", "devices" },
		{ "{'devices':[`'c 1:3 ']}", "devices" },
		{ "{'devices':[`' c 1:3 r']}", "devices" },
		{ "{'devices':[`'c 1:3 r ']}", "devices" },
		{ "{'devices':[`'c  1:3 r']}", "devices" },
		{ "{'devices':[`'c 1:3 x']}", "devices" },
		{ "{'devices':[`'c 1:3 rr']}", "devices" },
		{ "{'devices':[`'c 1:3 r w']}", "devices" },
		{ "{'devices':[`'c 1 r']}", "devices" },
		{ "{'devices':[`'c 1: r']}", "devices" },
		{ "{'devices':[`'c :3 r']}", "devices" },
		{ "{'devices':[`'c 1:3:4 r']}", "devices" },
		{ "{'devices':[`'c -1:3 r']}", "devices" },
		{ "{'devices':[`'c **:3 r']}", "devices" },
		{ "{'devices':[`'c 0x1:3 r']}", "devices" },
		{ "{'devices':[`'c 4096:0 r']}", "devices" },
		{ "{'devices':[`'c 0:1048576 r']}", "devices" },
		{ "{'devices':[`'c 4294967295:0 r']}", "devices" },
		{ "{'devices':[`'c 4294967297:3 r']}", "devices" },
	};

	expect_all_refused(refusals, ARRAY_SIZE(refusals));
}

/* @count times @element in the array @key. */
static struct text array_of(const char *key, const char *element, size_t count)
{
	struct text text = {};
	size_t i;

	text_add(&text, "{\"", 2);
	text_add(&text, key, strlen(key));
	text_add(&text, "\":[", 3);
	for (i = 0; i < count; i++) {
		if (i)
			text_add(&text, ",", 1);
		text.mark = text.length;
		text_add(&text, element, strlen(element));
	}
	text_add(&text, "]}", 2);
	return text;
}

static void test_array_lengths(void)
{
	struct text text = array_of("devices", "\"c 1:3 r\"", SWARM_DEVICES_MAX);
	struct swarm_request request;

	if (expect_accepted(&text, &request))
		expect(request.rules.nr_devices == SWARM_DEVICES_MAX, "%u devices",
		       request.rules.nr_devices);
	text = array_of("devices", "\"c 1:3 r\"", SWARM_DEVICES_MAX + 1);
	expect_refused(&text, EINVAL, "devices");

	text = array_of("exec_paths", "\"/a\"", SWARM_EXEC_PATHS_MAX);
	if (expect_accepted(&text, &request))
		expect(request.nr_exec_paths == SWARM_EXEC_PATHS_MAX, "%u paths",
		       request.nr_exec_paths);
	text = array_of("exec_paths", "\"/a\"", SWARM_EXEC_PATHS_MAX + 1);
	expect_refused(&text, EINVAL, "exec_paths");
}

static void test_syscalls(void)
{
	static const char * const rules[] = { "fork", "thread", "execve", "unshare", "setns",
					      "autoload" };
	static const char * const actions[] = { "allow", "deny", "kill", "audit" };
	static const u8 all[] = {
		SWARM_AUDIT, SWARM_KILL, SWARM_DENY, SWARM_ALLOW, SWARM_AUDIT, SWARM_KILL,
	};
	struct swarm_request expected, request;
	struct text text;
	char form[64];
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		for (j = 0; j < ARRAY_SIZE(actions); j++) {
			snprintf(form, sizeof(form), "{'syscalls':{'%s':'%s'}}", rules[i],
				 actions[j]);
			text = text_of(form);
			expected = default_request();
			expected.rules.syscalls[i] = j;
			if (expect_accepted(&text, &request))
				expect(same_request(&request, &expected), "%s", form);
		}
	}

	text = text_of("{'syscalls':{'setns':'audit','unshare':'allow','execve':'deny',"
		       "'thread':'kill' , 'f\\u006frk' : 'audit','autoload':'kill'}}");
	expected = default_request();
	memcpy(expected.rules.syscalls, all, sizeof(all));
	if (expect_accepted(&text, &request))
		expect(same_request(&request, &expected), "all rules");
}

/* The default, and what single values and lists mean. */
static void test_sockets(void)
{
	static const struct {
		const char *object;
		u32 family;
		u32 type;
		u32 protocol;
		bool allowed;
	} cases[] = {
		{ "{}", 1, 1, 0, true },		/* unix */
		{ "{}", 2, 1, 0, true },		/* TCP */
		{ "{}", 10, 2, 0, true },		/* UDP */
		{ "{}", 2, 1, 262, true },		/* MPTCP */
		{ "{}", 10, 2, 58, true },		/* ICMPv6 */
		{ "{}", 16, 3, 0, true },		/* netlink/route */
		{ "{}", 16, 3, 16, false },		/* netlink/generic */
		{ "{}", 2, 3, 1, false },		/* raw */
		{ "{}", 2, 5, 0, false },		/* SCTP */
		{ "{}", 2, 1, 256, false },		/* SMC */
		{ "{}", 38, 5, 0, false },		/* alg */
		{ "{}", 66, 1, 0, false },
		{ "{'sockets':'all'}", 66, 1, 0, true },
		{ "{'sockets':[]}", 1, 1, 0, false },
		{ "{'sockets':['netlink']}", 16, 3, 9, true },
		{ "{'sockets':['netlink/16']}", 16, 2, 16, true },
		{ "{'sockets':['inet/sctp']}", 2, 5, 0, true },
		{ "{'sockets':['inet/sctp']}", 2, 1, 0, false },
	};
	static const struct refusal refusals[] = {
		{ "{'sockets':`true}", "sockets" },
		{ "{'sockets':`'unix'}", "sockets" },
		{ "{'sockets':[`'']}", "sockets" },
		{ "{'sockets':['unix',`'AF_INET']}", "sockets" },
		{ "{'sockets':[`'64']}", "sockets" },
		{ "{'sockets':[`'inet/0']}", "sockets" },
		{ "{'sockets':['unix'`;'inet']}", "sockets" },
		{ "{'sockets':[`7]}", "sockets" },
		{ "{'sockets':['16/1','16/2','16/3','16/4','16/5','16/6','16/7','16/8',`'16/9']}",
		  "sockets" },
	};
	struct swarm_request request;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct text text = text_of(cases[i].object);

		if (expect_accepted(&text, &request))
			expect(swarm_socket_allowed(&request.rules, cases[i].family, cases[i].type,
						    cases[i].protocol) == cases[i].allowed,
			       "%s: %u %u %u", cases[i].object, cases[i].family, cases[i].type,
			       cases[i].protocol);
	}
	expect_all_refused(refusals, ARRAY_SIZE(refusals));
	expect(!strcmp(swarm_family_name(45), "mctp") && !swarm_family_name(46), "families");
	expect(!strcmp(swarm_protocol_name(10, swarm_socket_protocol(10, 5, 0)), "sctp") &&
	       !swarm_protocol_name(1, 0) && !swarm_protocol_name(16, 1), "protocols");
	expect(!strcmp(swarm_socket_type_name(3), "raw") &&
	       !strcmp(swarm_socket_type_name(10), "packet") && !swarm_socket_type_name(11),
	       "types");
}

/* What a privileged agent keeps, unless its policy says otherwise. */
static void test_kept(void)
{
	static const struct {
		const char *object;
		u8 core;
		u8 all;
		u8 autoload;
	} cases[] = {
		{ "{'namespace_flags':127}", 0, 0, SWARM_DENY },
		{ "{'privileged':false}", 0, 0, SWARM_DENY },
		{ "{'privileged':true}", 1, 1, SWARM_ALLOW },
		{ "{'core':false,'privileged':true}", 0, 1, SWARM_ALLOW },
		{ "{'privileged':true,'core':true}", 1, 1, SWARM_ALLOW },
		{ "{'sockets':[],'privileged':true}", 1, 0, SWARM_ALLOW },
		{ "{'syscalls':{'autoload':'kill'},'privileged':true}", 1, 1, SWARM_KILL },
		{ "{'privileged':true,'syscalls':{'fork':'deny'}}", 1, 1, SWARM_ALLOW },
		{ "{'privileged':true,'syscalls':{'autoload':'deny'}}", 1, 1, SWARM_DENY },
	};
	struct swarm_request request;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct swarm_rules *rules = &request.rules;
		struct text text = text_of(cases[i].object);

		if (expect_accepted(&text, &request))
			expect(rules->core == cases[i].core &&
			       rules->sockets.all == cases[i].all &&
			       rules->syscalls[SWARM_SYS_AUTOLOAD] == cases[i].autoload &&
			       rules->syscalls[SWARM_SYS_SETNS] == SWARM_DENY, "%s",
			       cases[i].object);
	}
}

/* Single calls: each by its name, loosened and tightened, and what is privileged. */
static void test_calls(void)
{
	const struct swarm_request defaults = default_request();
	struct swarm_request expected = defaults, request;
	struct swarm_update update;
	struct swarm_policy_error err;
	struct text text;
	char form[96];
	u8 paths[1];
	u32 i, j;

	for (i = 0; swarm_call_name(i); i++) {
		expect(swarm_call_functions(i) && *swarm_call_functions(i), "%s: no function",
		       swarm_call_name(i));
		for (j = 0; j < SWARM_NR_ACTIONS; j++) {
			snprintf(form, sizeof(form), "{'syscalls':{'%s':'%s'}}", swarm_call_name(i),
				 swarm_action_name(j));
			text = text_of(form);
			expected = defaults;
			expected.rules.calls[i / 32] &= ~(3ULL << (i % 32 * 2));
			expected.rules.calls[i / 32] |= (u64)j << (i % 32 * 2);
			expect(!swarm_request_parse(text.bytes, text.length, 1, &request, paths,
						    sizeof(paths), &err) &&
			       !memcmp(request.rules.calls, expected.rules.calls,
				       sizeof(expected.rules.calls)), "%s", form);
		}
	}
	expect(i > 300 && i <= SWARM_CALLS_MAX, "%u calls", i);
	expect(!swarm_call_functions(i) && !swarm_call_default(i, 0), "more than there are");

	/* Nothing is denied by default to who is privileged, wherever that stands. */
	text = text_of("{'syscalls':{'bpf':'kill','read':'audit'},'privileged':true}");
	if (expect_accepted(&text, &request)) {
		memset(expected.rules.calls, 0, sizeof(expected.rules.calls));
		set_call(&expected.rules, "bpf", SWARM_KILL);
		set_call(&expected.rules, "read", SWARM_AUDIT);
		expect(!memcmp(request.rules.calls, expected.rules.calls,
			       sizeof(expected.rules.calls)), "privileged");
	}
	for (i = 0; swarm_call_name(i); i++)
		expect(swarm_call_default(i, 0) == swarm_call_rule(&defaults.rules, i) &&
		       !swarm_call_default(i, 1), "%s by default", swarm_call_name(i));

	/* Another name for the same call. */
	text = text_of("{'syscalls':{'umount':'kill'}}");
	if (expect_accepted(&text, &request))
		expect(swarm_call_rule(&request.rules, call_of("umount2")) == SWARM_KILL, "umount");

	/* What an update does not name stays. */
	memset(&err, 0, sizeof(err));
	text = text_of("{'id':7,'syscalls':{'mount':'allow','write':'deny'}}");
	expect(!swarm_update_parse(text.bytes, text.length, 1, &update, paths, sizeof(paths), &err),
	       "%s", err.message);
	request = expected = defaults;
	set_call(&request.rules, "read", SWARM_AUDIT);
	swarm_update_apply(&update, &request.rules);
	set_call(&expected.rules, "read", SWARM_AUDIT);
	set_call(&expected.rules, "mount", SWARM_ALLOW);
	set_call(&expected.rules, "write", SWARM_DENY);
	expect(!memcmp(&request.rules, &expected.rules, sizeof(expected.rules)), "updated");
}

static void test_syscalls_refused(void)
{
	static const struct refusal refusals[] = {
		{ "{'syscalls':`[]}", "syscalls" },
		{ "{'syscalls':`'deny'}", "syscalls" },
		{ "{'syscalls':{}`", "" },	/* the brace was the inner object's */
		{ "{'syscalls':{`'opened':'deny'}}", "syscalls" },
		{ "{'syscalls':{`'exit_group':'deny'}}", "syscalls" },
		{ "{'syscalls':{`'__x64_sys_open':'deny'}}", "syscalls" },
		{ "{'syscalls':{'open':'deny',`'open':'deny'}}", "syscalls" },
		{ "{'syscalls':{'umount2':'deny',`'umount':'deny'}}", "syscalls" },
		{ "{'syscalls':{'bpf':`'block'}}", "syscalls" },
		{ "{'syscalls':{`'':'deny'}}", "syscalls" },
		{ "{'syscalls':{`'Fork':'deny'}}", "syscalls" },
		{ "{'syscalls':{`'forks':'deny'}}", "syscalls" },
		{ "{'syscalls':{`fork:'deny'}}", "syscalls" },
		{ "{'syscalls':{'fork'`,'deny'}}", "syscalls" },
		{ "{'syscalls':{'fork':`deny}}", "syscalls" },
		{ "{'syscalls':{'fork':`true}}", "syscalls" },
		{ "{'syscalls':{'fork':`'DENY'}}", "syscalls" },
		{ "{'syscalls':{'fork':`''}}", "syscalls" },
		{ "{'syscalls':{'fork':`'deny '}}", "syscalls" },
		{ "{'syscalls':{'fork':`{}}}", "syscalls" },
		{ "{'syscalls':{'fork':'deny',`'fork':'deny'}}", "syscalls" },
		{ "{'syscalls':{'fork':'deny','thread':'deny',`'f\\u006frk':'kill'}}",
		  "syscalls" },
		{ "{'syscalls':{'fork':'deny'`'thread':'deny'}}", "syscalls" },
		{ "{'syscalls':{'fork':'deny',`}}", "syscalls" },
	};

	expect_all_refused(refusals, ARRAY_SIZE(refusals));
}

static void test_names(void)
{
	static const char * const names[] = {
		"a", "-", "web.1_B-2", "0123456789012345678901234567890",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz",
	};
	static const struct refusal refusals[] = {
		{ "{'name':`''}", "name" },
		{ "{'name':`'01234567890123456789012345678901'}", "name" },
		{ "{'name':`'a b'}", "name" },
		{ "{'name':`'a/b'}", "name" },
		{ "{'name':`'a:b'}", "name" },
		{ "{'name':`'\xc3\xa9'}", "name" },
		{ "{'name':`'a\\n'}", "name" },
		{ "{'name':`'a\\u0000'}", "name" },
		{ "{'name':`7}", "name" },
		{ "{'name':`null}", "name" },
		{ "{'name':`['a']}", "name" },
		{ "{'name':`}", "name" },
	};
	struct swarm_request expected, request;
	char form[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct text text;

		snprintf(form, sizeof(form), "{'name':'%s'}", names[i]);
		text = text_of(form);
		expected = default_request();
		memcpy(expected.name, names[i], strlen(names[i]));
		if (expect_accepted(&text, &request))
			expect(same_request(&request, &expected), "name %.31s, not %s",
			       request.name, names[i]);
	}
	expect_all_refused(refusals, ARRAY_SIZE(refusals));
}

static void test_exec_paths(void)
{
	static const char * const paths[] = {
		"/bin/sh", "/usr/", "/", "/a\"b\\c/\b\f\n\r\t", "/\xc3\xa9\xe2\x82\xac",
		"/\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf",
	};
	struct text text = text_of("{'exec_paths':['/bin/sh', '/usr/','/',"
				   "'\\/a\\\"b\\\\c\\u002F\\b\\f\\n\\r\\t','/\\u00e9\\u20AC',"
				   "'/\\ud83d\\uDE00\xf4\x8f\xbf\xbf']}");
	struct swarm_request expected = default_request(), request;
	struct swarm_policy_error err;
	u8 *buffer = writable(SWARM_OBJECT_MAX);
	size_t used = 0, i;

	if (!expect(!parse_into(text.bytes, text.length, &request, buffer, SWARM_OBJECT_MAX,
				&err), "refused: %s", err.message))
		return;
	expected.nr_exec_paths = ARRAY_SIZE(paths);
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		expected.exec_paths[i].offset = used;
		expected.exec_paths[i].length = strlen(paths[i]);
		expect(!memcmp(buffer + used, paths[i], strlen(paths[i])), "path %zu differs", i);
		used += strlen(paths[i]);
	}
	expect(same_request(&request, &expected), "the paths are not one behind the other");
	expect(is_untouched(buffer + used, SWARM_OBJECT_MAX - used), "more was written");
}

static void test_exec_paths_refused(void)
{
	static const struct refusal refusals[] = {
		{ "{'exec_paths':`'/a'}", "exec_paths" },
		{ "{'exec_paths':`{}}", "exec_paths" },
		{ "{'exec_paths':[`1]}", "exec_paths" },
		{ "{'exec_paths':[`null]}", "exec_paths" },
		{ "{'exec_paths':[`'']}", "exec_paths" },
		{ "{'exec_paths':['/a',`'']}", "exec_paths" },
		{ "{'exec_paths':[`'a']}", "exec_paths" },
		{ "{'exec_paths':[`'./a']}", "exec_paths" },
		{ "{'exec_paths':[`' /a']}", "exec_paths" },
		{ "{'exec_paths':['/a', `'a/']}", "exec_paths" },
		{ "{'exec_paths':[`'/a\\u0000b']}", "exec_paths" },
		{ "{'exec_paths':[`'\\u0000']}", "exec_paths" },
		{ "{'exec_paths':['/a'`'/b']}", "exec_paths" },
		{ "{'exec_paths':['/a',`]}", "exec_paths" },
		{ "{'exec_paths':['/a'`}", "exec_paths" },
		{ "{'exec_paths':['/a'],'unlisted':`'allow'}", "unlisted" },
		{ "{'exec_paths':['/a'],'unlisted': `'no'}", "unlisted" },
		{ "{'exec_paths':['/a'],'unlisted':`true}", "unlisted" },
	};
	struct text text = text_of("{'exec_paths':[`'']}");
	struct swarm_policy_error err;
	struct swarm_request request;
	u8 *buffer;

	expect_all_refused(refusals, ARRAY_SIZE(refusals));

	/* What an earlier object left in the buffer makes no path absolute. */
	buffer = memset(writable(SWARM_OBJECT_MAX), '/', SWARM_OBJECT_MAX);
	expect_error(parse_into(text.bytes, text.length, &request, buffer, SWARM_OBJECT_MAX,
				&err), &err, EINVAL, "exec_paths", &text);
}

/* The longest path there can be, and buffers that it does not fit in. */
static void test_exec_path_room(void)
{
	struct text text = text_of("{'exec_paths':[`'/");
	struct swarm_policy_error err;
	struct swarm_request request;
	size_t length, room;
	u8 *buffer;

	text_fill(&text, 'x', SWARM_OBJECT_MAX - text.length - 3);
	text_add(&text, "\"]}", 3);
	length = text.length - strlen("{\"exec_paths\":[\"\"]}");

	for (room = length - 2; room <= length + 1; room++) {
		s32 ret;

		buffer = writable(room);
		ret = parse_into(text.bytes, text.length, &request, buffer, room, &err);
		if (room < length)
			expect_error(ret, &err, EINVAL, "exec_paths", &text);
		else
			expect(!ret && request.exec_paths[0].length == length &&
			       buffer[0] == '/' && buffer[length - 1] == 'x',
			       "refused: %zu bytes in %zu", length, room);
	}
}

/* Every key is known once; @value is one that it accepts. */
static const struct {
	const char *key;
	const char *again;	/* the same key, written differently */
	const char *value;
} keys[] = {
	{ "memory_limit", "memory\\u005Flimit", "65536" },
	{ "cpu_quota", "\\u0063pu_quota", "1" },
	{ "pids_limit", "pids_limi\\u0074", "1" },
	{ "namespace_flags", "namespace\\u005fflags", "127" },
	{ "devices", "device\\u0073", "[]" },
	{ "syscalls", "s\\u0079scalls", "{}" },
	{ "exec_paths", "exec\\u005fpaths", "[]" },
	{ "name", "n\\u0061me", "'a'" },
	{ "spawn", "\\u0073pawn", "false" },
	{ "pid", "p\\u0069d", "1" },
	{ "persist", "persis\\u0074", "true" },
	{ "privileged", "\\u0070rivileged", "false" },
	{ "propagation", "propagatio\\u006e", "'slave'" },
	{ "devpts", "dev\\u0070ts", "true" },
	{ "unlisted", "\\u0075nlisted", "'deny'" },
	{ "oom_group", "oom\\u005fgroup", "false" },
	{ "sockets", "socket\\u0073", "'all'" },
	{ "core", "c\\u006fre", "true" },
	{ "proc", "pr\\u006fc", "true" },
	{ "capabilities", "capabilitie\\u0073", "[]" },
	{ "no_new_privs", "no\\u005fnew_privs", "false" },
	{ "hostname", "host\\u006eame", "'a'" },
	{ "network", "net\\u0077ork", "'none'" },
};

static void test_repeated_keys(void)
{
	struct swarm_request request;
	struct text text;
	char form[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		snprintf(form, sizeof(form), "{'%s':%s}", keys[i].again, keys[i].value);
		text = text_of(form);
		expect_accepted(&text, &request);

		snprintf(form, sizeof(form), "{'%s':%s, `'%s':%s}", keys[i].key, keys[i].value,
			 keys[i].key, keys[i].value);
		text = text_of(form);
		expect_refused(&text, EINVAL, keys[i].key);

		snprintf(form, sizeof(form), "{'%s':%s,`'%s':%s}", keys[i].key, keys[i].value,
			 keys[i].again, keys[i].value);
		text = text_of(form);
		expect_refused(&text, EINVAL, keys[i].key);
	}
}

static void test_unknown_keys(void)
{
	static const struct refusal refusals[] = {
		{ "{`'x':1}", "x" },
		{ "{`'':1}", "" },
		{ "{'spawn':true, `'cpu':1}", "cpu" },
		{ "{`'Spawn':true}", "Spawn" },
		{ "{`'spawn ':true}", "spawn " },
		{ "{`'spaw':true}", "spaw" },
		{ "{`'spawn\\u0000':true}", "spawn?u0000" },
		{ "{`'a\\'b\\\\':1}", "a??b??" },
		{ "{`'\xc3\xa9':1}", "??" },
		{ "{`'id':1}", "id" },
		{ "{`'0123456789012345678901234567890':1}", "0123456789012345678901234567890" },
		{ "{`'01234567890123456789012345678901':1}", "0123456789012345678901234567890" },
	};
	char form[64];
	size_t i;

	expect_all_refused(refusals, ARRAY_SIZE(refusals));
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		char key[32];
		struct text text;

		snprintf(key, sizeof(key), "%s_", keys[i].key);
		snprintf(form, sizeof(form), "{`'%s':%s}", key, keys[i].value);
		text = text_of(form);
		expect_refused(&text, EINVAL, key);
	}
}

static void test_syntax(void)
{
	static const struct refusal refusals[] = {
		{ "`", "" },
		{ "  \n`", "" },
		{ "`[]", "" },
		{ "`'{}'", "" },
		{ "`null", "" },
		{ "`\xef\xbb\xbf{}", "" },
		{ "{`]", "" },
		{ "{`,}", "" },
		{ "{`spawn:true}", "" },
		{ "{`1:true}", "" },
		{ "{`/* spawn */}", "" },
		{ "{'spawn'`}", "spawn" },
		{ "{'spawn'`true}", "spawn" },
		{ "{'spawn' `= true}", "spawn" },
		{ "{'spawn':true`]", "" },
		{ "{'spawn':true`true}", "" },
		{ "{'spawn':true`'pid':1}", "" },
		{ "{'spawn':true `;}", "" },
		{ "{'spawn':true,`}", "" },
		{ "{'spawn':true,`,'persist':true}", "" },
		{ "{'memory_limit':0`x10000}", "" },
		{ "{}`}", "" },
		{ "{} `{}", "" },
		{ "{'spawn':true}\n`x", "" },
	};
	struct text text = text_of("{'spawn':true");

	expect_all_refused(refusals, ARRAY_SIZE(refusals));

	/* White space is what JSON says it is, and NUL ends nothing. */
	text.mark = text.length;
	text_add(&text, "\0}", 2);
	expect_refused(&text, EINVAL, "");
	text.bytes[text.mark] = '\v';
	expect_refused(&text, EINVAL, "");
	text.bytes[text.mark] = '\f';
	expect_refused(&text, EINVAL, "");
}

static void test_strings(void)
{
	static const struct refusal refusals[] = {
		{ "{'a`\nb':1}", "" },
		{ "{'name':'a`\tb'}", "name" },
		{ "{'name':'a`\x1f'}", "name" },
		{ "{'name':'\\`x'}", "name" },
		{ "{'name':'\\`U0061'}", "name" },
		{ "{'name':'\\u006`g'}", "name" },
		{ "{'name':'\\u`'}", "name" },
		{ "{'name':'\\u00`-1'}", "name" },
		{ "{'name':'a`\\udc00'}", "name" },
		{ "{'name':'a`\\ud800'}", "name" },
		{ "{'name':'a`\\ud800b'}", "name" },
		{ "{'name':'a`\\uDBFF\\n'}", "name" },
		{ "{'name':'a`\\ud800\\u0041'}", "name" },
		{ "{'name':'a`\\ud800\\ud800'}", "name" },
		{ "{'name':'\\ud800\\u00`z0'}", "name" },
		{ "{'\\ud83d\\ude00`\x01':1}", "" },
	};
	struct text text = text_of("{'name':'a");

	expect_all_refused(refusals, ARRAY_SIZE(refusals));
	text.mark = text.length;
	text_add(&text, "\0\"}", 3);
	expect_refused(&text, EINVAL, "name");
}

static void test_utf8(void)
{
	static const struct {
		const char *bytes;
		size_t offset;
	} malformed[] = {
		{ "\x80", 0 },			/* begins in the middle */
		{ "\xbf", 0 },
		{ "\xc0\x80", 0 },		/* longer than it need be */
		{ "\xc1\xbf", 0 },
		{ "\xe0\x9f\xbf", 1 },
		{ "\xf0\x8f\xbf\xbf", 1 },
		{ "\xed\xa0\x80", 1 },		/* half of a surrogate pair */
		{ "\xed\xbf\xbf", 1 },
		{ "\xf4\x90\x80\x80", 1 },	/* beyond U+10FFFF */
		{ "\xf5\x80\x80\x80", 0 },
		{ "\xfe", 0 },
		{ "\xff", 0 },
		{ "\xc2", 1 },			/* ends too early */
		{ "\xdf\xc0", 1 },
		{ "\xe1\x80", 2 },
		{ "\xef\xbf\x7f", 2 },
		{ "\xf1\x80\x80", 3 },
		{ "\xf3\x80\x80\xc0", 3 },
	};
	static const char * const well_formed[] = {
		"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf3\xbf\xbf\xbf", "\xf4\x8f\xbf\xbf",
	};
	struct swarm_request request;
	struct text text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(malformed); i++) {
		text = text_of("{'exec_paths':['/");
		text.mark = text.length + malformed[i].offset;
		text_add(&text, malformed[i].bytes, strlen(malformed[i].bytes));
		text_add(&text, "\"]}", 3);
		expect_refused(&text, EINVAL, "exec_paths");

		text = text_of("{'");
		text.mark = text.length + malformed[i].offset;
		text_add(&text, malformed[i].bytes, strlen(malformed[i].bytes));
		text_add(&text, "\":1}", 4);
		expect_refused(&text, EINVAL, "");
	}
	for (i = 0; i < ARRAY_SIZE(well_formed); i++) {
		text = text_of("{'exec_paths':['/");
		text_add(&text, well_formed[i], strlen(well_formed[i]));
		text_add(&text, "\"]}", 3);
		if (expect_accepted(&text, &request))
			expect(request.exec_paths[0].length == 1 + strlen(well_formed[i]),
			       "%u bytes of %s", request.exec_paths[0].length, well_formed[i]);
	}
}

/* Whatever an object is cut to, the error is where it ends. */
static void test_truncated(void)
{
	struct text text = text_of("{'memory_limit':0, 'cpu_quota':25,'pids_limit':10,"
				   "'namespace_flags':127,'devices':['c 1:3 rwm','a'],"
				   "'syscalls':{'fork':'deny'},'exec_paths':['/bin/\\n'],"
				   "'name':'web-1','pid':1234}");
	const size_t whole = text.length;
	struct swarm_policy_error err;
	struct swarm_request request;

	expect_accepted(&text, &request);
	for (text.length = 0; text.length < whole; text.length++) {
		s32 ret = parse(&text, &request, &err);

		if (!expect(ret == -EINVAL, "%zu bytes: %d", text.length, ret))
			continue;
		expect(err.offset == text.length, "%zu bytes: offset %u", text.length,
		       err.offset);
		expect(!strcmp(err.message, "the object ends too early"), "%zu bytes: %s",
		       text.length, err.message);
	}
}

static void test_oversized(void)
{
	struct text text = text_of("{'name':'a'}");
	struct swarm_request request;

	text_fill(&text, ' ', SWARM_OBJECT_MAX - text.length);
	expect_accepted(&text, &request);
	text.mark = SWARM_OBJECT_MAX;
	text_fill(&text, ' ', 1);
	expect_refused(&text, E2BIG, "");

	/* Its length is looked at before anything else. */
	memset(&text, 0, sizeof(text));
	text.mark = SWARM_OBJECT_MAX;
	text_fill(&text, 'x', sizeof(text.bytes));
	expect_refused(&text, E2BIG, "");
}

/* Leaves @value where the stack of the next call will be. */
__attribute__((noinline))
static void dirty_stack(u8 value)
{
	volatile u8 bytes[16384];
	size_t i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = value;
}

/* Agents share a policy when the bytes of their rules are equal. */
static void test_equal_rules(void)
{
	static const char * const objects[] = {
		"{'memory_limit':0,'cpu_quota':0,'pids_limit':0,'namespace_flags':127}",
		"{'syscalls':{'fork':'allow','setns':'deny'},'persist':false,'name':'b'}",
		"{'devices':['c 1:3 rwm','c 1:5 rwm','c 1:7 rwm','c 1:8 rwm','c 1:9 rwm',"
		"'c 5:0 rwm','c 5:2 rwm','c 136:* rwm'],'privileged':false,'spawn':true}",
	};
	struct text text = text_of("{}");
	struct swarm_request first, other;
	struct swarm_policy_error err;
	const u8 *bytes = (const u8 *)&other.rules;
	size_t i;

	dirty_stack(0);
	parse(&text, &first, &err);
	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		text = text_of(objects[i]);
		dirty_stack(0x11 * (i + 1));
		if (!expect_accepted(&text, &other))
			continue;
		expect(!memcmp(&first.rules, &other.rules, RULES_USED), "other rules: %s",
		       objects[i]);
		expect(!memcmp(&first.rules, &other.rules, sizeof(first.rules)),
		       "equal rules in other bytes: padding %02x %02x %02x %02x",
		       bytes[sizeof(other.rules) - 4], bytes[sizeof(other.rules) - 3],
		       bytes[sizeof(other.rules) - 2], bytes[sizeof(other.rules) - 1]);
	}
}

/* Framing */

/*
 * What a stream turned out to hold: "= OBJECT" or "! ERRNO OFFSET", a line each.
 * It is taken in as proc_create.c does.
 */
struct stream {
	struct swarm_framer framer;
	u8 object[SWARM_OBJECT_MAX];
	char found[ROOM];
	size_t length;
};

static void found(struct stream *stream, const void *bytes, size_t length)
{
	if (length > sizeof(stream->found) - stream->length)
		give_up("too much was found");
	memcpy(stream->found + stream->length, bytes, length);
	stream->length += length;
}

static void found_object(struct stream *stream)
{
	size_t length = stream->framer.length;

	expect(stream->object[0] == '{', "an object begins with %c", stream->object[0]);
	expect(length > 1 && length <= SWARM_OBJECT_MAX, "%zu bytes", length);
	found(stream, "= ", 2);
	found(stream, stream->object, length);
	found(stream, "\n", 1);
}

static void found_error(struct stream *stream, const struct swarm_policy_error *err)
{
	char line[40];

	check_error(err);
	expect(!err->field[0], "field %s", err->field);
	found(stream, line, snprintf(line, sizeof(line), "! %d %u\n", err->error, err->offset));
}

/* Passes @bytes on; false where the framer breaks its promises. */
static bool feed(struct stream *stream, const u8 *bytes, size_t length)
{
	struct swarm_policy_error err;
	size_t start, taken;
	u32 before, added;
	s32 frame;

	for (; length; bytes += taken, length -= taken) {
		before = stream->framer.length;
		start = taken = SIZE_MAX;
		memset(&err, UNTOUCHED, sizeof(err));
		frame = swarm_frame_next(&stream->framer, readable(bytes, length), length,
					 &start, &taken, &err);
		if (!expect(taken && taken <= length, "%zu of %zu bytes taken", taken, length) ||
		    !expect(start < taken, "begins at %zu of %zu", start, taken))
			return false;
		if (frame == SWARM_FRAME_ERROR) {
			found_error(stream, &err);
			stream->framer.length = 0;
			continue;
		}
		expect(is_untouched(&err, sizeof(err)), "an error was written");
		expect(frame == SWARM_FRAME_OBJECT || taken == length,
		       "%zu of %zu bytes taken without an object", taken, length);
		expect(!before || !start, "an object goes on at %zu", start);
		added = stream->framer.length - before;
		if (!expect(stream->framer.length >= before && added <= taken - start &&
			    stream->framer.length <= SWARM_OBJECT_MAX,
			    "%u bytes became %u", before, stream->framer.length))
			return false;
		memcpy(stream->object + before, bytes + start, added);
		if (frame == SWARM_FRAME_OBJECT) {
			found_object(stream);
			stream->framer.length = 0;
		}
	}
	return true;
}

static struct stream *new_stream(void)
{
	static struct stream stream;

	memset(&stream.framer, 0, sizeof(stream.framer));
	stream.length = 0;
	return &stream;
}

static bool expect_found(const struct stream *stream, const char *expected, size_t length,
			 const char *how, size_t at)
{
	return expect(stream->length == length && !memcmp(stream->found, expected, length),
		      "%s %zu: %.*s", how, at, (int)(stream->length < 80 ? stream->length : 80),
		      stream->found);
}

/* Cuts @bytes in pieces of one length. */
static void expect_pieces(const u8 *bytes, size_t length, const char *expected, size_t piece)
{
	struct stream *stream = new_stream();
	size_t at, part;

	for (at = 0; at < length; at += part) {
		part = length - at < piece ? length - at : piece;
		if (!feed(stream, bytes + at, part))
			return;
	}
	expect_found(stream, expected, strlen(expected), "pieces of", piece);
}

/* Cuts @bytes at two places, which may be the same. */
static bool expect_cut(const u8 *bytes, size_t length, const char *expected, size_t one,
		       size_t two)
{
	struct stream *stream = new_stream();

	return feed(stream, bytes, one) && feed(stream, bytes + one, two - one) &&
	       feed(stream, bytes + two, length - two) &&
	       expect_found(stream, expected, strlen(expected), "cut at", one);
}

static void test_framing(void)
{
	static const struct {
		const char *stream;
		const char *expected;
	} streams[] = {
		{ " \n\t\r", "" },
		{ "{}", "= {}\n" },
		{ "{}{} {}\n{}", "= {}\n= {}\n= {}\n= {}\n" },
		{ " {\"a\":\"}\\\"{\"}\n\n{\n}\t{\"b\":[{},[]]}",
		  "= {\"a\":\"}\\\"{\"}\n= {\n}\n= {\"b\":[{},[]]}\n" },
		{ "{\"\\\\\"}{\"\\\\\\\"}\"}", "= {\"\\\\\"}\n= {\"\\\\\\\"}\"}\n" },
		{ "{\"a\":1}\n{\"b", "= {\"a\":1}\n" },
		{ "{]{\"\xc3\xa9\x7f\"}", "= {]\n= {\"\xc3\xa9\x7f\"}\n" },
		{ "{{{{{{{{}}}}}}}}{[[[[[[[]]]]]]]}",
		  "= {{{{{{{{}}}}}}}}\n= {[[[[[[[]]]]]]]}\n" },
		/* An error costs the rest of its line. */
		{ "[1] {}\n{}", "! 22 0\n= {}\n" },
		{ "x", "! 22 0\n" },
		{ "{}x{}\n  }\n{}", "= {}\n! 22 0\n! 22 0\n= {}\n" },
		{ "{}\n\x01\n{}", "= {}\n! 22 0\n= {}\n" },
		{ "{\"a\nb\":1}\n{}", "! 22 3\n! 22 0\n= {}\n" },
		{ "{\"a\x01\":1} {}\n{}", "! 22 3\n= {}\n" },
		{ "{\"a\x1f\":1} {}\n{}", "! 22 3\n= {}\n" },
		{ "{\"a\\\t\":1} {}\n{}", "! 22 4\n= {}\n" },
		{ "{\"a\\\n{}", "! 22 4\n= {}\n" },
		{ " {{{{{{{{{}}}}}}}}}\n{}", "! 22 8\n= {}\n" },
		{ "{[[[[[[[[]]]]]]]]}\n{}", "! 22 8\n= {}\n" },
		{ "{\"a\":1,[[[[[[[\"[\",[\n{}", "! 22 18\n= {}\n" },
	};
	size_t i, one, two;

	for (i = 0; i < ARRAY_SIZE(streams); i++) {
		const u8 *bytes = (const u8 *)streams[i].stream;
		size_t length = strlen(streams[i].stream);

		for (one = 1; one <= length; one++)
			expect_pieces(bytes, length, streams[i].expected, one);
		for (one = 0; one <= length; one++)
			for (two = one; two <= length; two++)
				if (!expect_cut(bytes, length, streams[i].expected, one, two))
					return;
	}
}

/* {"a":"xxx"} of @length bytes */
static void add_long_object(struct text *text, size_t length)
{
	text_add(text, "{\"a\":\"", 6);
	text_fill(text, 'x', length - 8);
	text_add(text, "\"}", 2);
}

static void expect_all_cuts(const struct text *text, const char *expected)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 64, 4095, 4096, 4097, 8192 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pieces); i++)
		expect_pieces(text->bytes, text->length, expected, pieces[i]);
	for (i = 0; i <= text->length; i++)
		if (!expect_cut(text->bytes, text->length, expected, i, i))
			return;
}

static void test_framing_oversized(void)
{
	static char expected[SWARM_OBJECT_MAX + 32];
	struct text text = {};

	/* The longest object there may be. */
	add_long_object(&text, SWARM_OBJECT_MAX);
	snprintf(expected, sizeof(expected), "= %.*s\n= {}\n", SWARM_OBJECT_MAX,
		 (const char *)text.bytes);
	text_add(&text, "{}", 2);
	expect_all_cuts(&text, expected);

	/* One byte more, which is its last. */
	text.length = 0;
	add_long_object(&text, SWARM_OBJECT_MAX + 1);
	text_add(&text, "{}\n{}", 5);
	expect_all_cuts(&text, "! 7 4096\n= {}\n= {}\n");

	/* It ends where its braces do, whatever its strings hold. */
	text.length = 0;
	text_add(&text, "{\"a\":\"", 6);
	text_fill(&text, 'x', SWARM_OBJECT_MAX - 7);
	text_add(&text, "\\\"}\\\\\",{\"b\":[\"}]\"]}} {}", 23);
	expect_all_cuts(&text, "! 7 4096\n= {}\n");

	/* A string that is not closed ends with its line. */
	text.length = 0;
	text_add(&text, "{\"a\":\"", 6);
	text_fill(&text, 'x', SWARM_OBJECT_MAX);
	text_add(&text, "}\n{}", 4);
	expect_all_cuts(&text, "! 7 4096\n= {}\n");

	/* White space counts as well. */
	text.length = 0;
	text_add(&text, "{", 1);
	text_fill(&text, '\n', SWARM_OBJECT_MAX);
	text_add(&text, "}{}", 3);
	expect_all_cuts(&text, "! 7 4096\n= {}\n");
}

/* The end of an object that is too long is found however deep it is nested. */
static void test_framing_deep(void)
{
	static const size_t depths[] = { 8, 254, 255, 256, 300, 1000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(depths); i++) {
		struct text text = {};
		struct stream *stream = new_stream();

		text_add(&text, "{\"a\":\"", 6);
		text_fill(&text, 'x', SWARM_OBJECT_MAX - 6);
		text_add(&text, "\",\"b\":", 6);
		text_fill(&text, '[', depths[i]);
		text_fill(&text, ']', depths[i]);
		text_add(&text, "\n}{}", 4);
		feed(stream, text.bytes, text.length);
		expect_found(stream, "! 7 4096\n= {}\n", 14, "depth", depths[i]);
	}
}

/* Where lines may stand for objects, and what waits for its end. */
static void test_framing_lines(void)
{
	static const char * const expected[] = { "7", "{'id':8}", "9 10 ", "11" };
	struct text text = text_of("7\n\n {'id':8} 9 10 \n 11\n12");
	struct swarm_framer framer = { .lines = 1 };
	struct swarm_policy_error err;
	size_t at = 0, start, taken, count = 0;

	while (swarm_frame_next(&framer, text.bytes + at, text.length - at, &start, &taken,
				&err) == SWARM_FRAME_OBJECT) {
		struct text object = text_of(expected[count]);

		expect(framer.length == object.length &&
		       !memcmp(text.bytes + at + start, object.bytes, object.length),
		       "object %zu has %u bytes", count, framer.length);
		at += taken;
		if (++count == ARRAY_SIZE(expected))
			break;
	}
	expect(count == ARRAY_SIZE(expected), "%zu objects", count);
	expect(swarm_frame_next(&framer, text.bytes + at, text.length - at, &start, &taken,
				&err) == SWARM_FRAME_MORE && framer.length == 2,
	       "a line without its newline");
	text = text_of("3\n");
	expect(swarm_frame_next(&framer, text.bytes, text.length, &start, &taken, &err) ==
	       SWARM_FRAME_OBJECT && framer.length == 3, "the rest of it");

	/* An object without its end is none, and without @lines there are no lines. */
	text = text_of("{'id'");
	expect(swarm_frame_next(&framer, text.bytes, text.length, &start, &taken, &err) ==
	       SWARM_FRAME_MORE && framer.length == 5, "half an object");
	framer = (struct swarm_framer){};
	text = text_of("7\n");
	expect(swarm_frame_next(&framer, text.bytes, text.length, &start, &taken, &err) ==
	       SWARM_FRAME_ERROR && err.error == EINVAL, "a line where there are none");
}

/* Framed and parsed: several objects in one write, good and bad ones. */
static void test_several_objects(void)
{
	static const struct {
		const char *name;
		int error;
		u32 offset;
	} expected[] = {
		{ "a", 0, 0 }, { "b", 0, 0 }, { NULL, EINVAL, 14 }, { "c", 0, 0 },
		{ NULL, EINVAL, 1 }, { "d", 0, 0 },
	};
	struct text text = text_of("{'name':'a'}{'name':'b'}\n{'pids_limit':-1} {'name':'c'}"
				   " \n\n{'nome':'x'}\n{\n 'name' : 'd'\n}\n{'name':'e'");
	struct swarm_framer framer = {};
	struct swarm_policy_error err;
	struct swarm_request request;
	size_t at = 0, start, taken, count = 0;
	s32 ret;

	while (swarm_frame_next(&framer, text.bytes + at, text.length - at, &start, &taken,
				&err) == SWARM_FRAME_OBJECT) {
		ret = parse_into(text.bytes + at + start, framer.length, &request, writable(1), 1,
				 &err);
		at += taken;
		if (!expect(count < ARRAY_SIZE(expected), "too many objects"))
			return;
		expect(ret == -expected[count].error, "object %zu: %d", count, ret);
		if (ret)
			expect(err.offset == expected[count].offset, "object %zu: offset %u",
			       count, err.offset);
		else
			expect(!strcmp(request.name, expected[count].name), "object %zu: %s",
			       count, request.name);
		count++;
	}
	expect(count == ARRAY_SIZE(expected), "%zu objects", count);
	expect(framer.length == strlen("{'name':'e'"), "%u bytes wait for more", framer.length);

	/* Between objects nothing waits. */
	text = text_of("}\n");
	ret = swarm_frame_next(&framer, text.bytes, 1, &start, &taken, &err);
	expect(ret == SWARM_FRAME_OBJECT && framer.length == strlen("{'name':'e'}"),
	       "%d, an object of %u bytes", ret, framer.length);
	ret = swarm_frame_next(&framer, text.bytes + 1, 1, &start, &taken, &err);
	expect(ret == SWARM_FRAME_MORE && !framer.length, "%d, %u bytes wait", ret,
	       framer.length);
}

/* Any bytes: however they are cut, the same is found. */
static void test_framing_random(void)
{
	static const char alphabet[] = "{{{}}}[]\"\"\"\\\\\n\n ,:a1\x01\xc3";
	static char whole[ROOM];
	struct stream *stream;
	u32 seed = 3, round;
	u8 bytes[64];

	for (round = 0; round < 30000; round++) {
		size_t length = next_random(&seed) % sizeof(bytes), whole_length, at, part, i;

		for (i = 0; i < length; i++)
			bytes[i] = alphabet[next_random(&seed) % (sizeof(alphabet) - 1)];
		stream = new_stream();
		if (!feed(stream, bytes, length))
			return;
		whole_length = stream->length;
		memcpy(whole, stream->found, whole_length);

		stream = new_stream();
		for (at = 0; at < length; at += part) {
			part = 1 + next_random(&seed) % (length - at);
			if (!feed(stream, bytes + at, part))
				return;
		}
		if (!expect_found(stream, whole, whole_length, "stream", round))
			return;
	}
}

/* attach */

static s32 parse_attach(const struct text *text, struct swarm_attach *out,
			struct swarm_policy_error *err)
{
	s32 ret;

	memset(out, UNTOUCHED, sizeof(*out));
	memset(err, UNTOUCHED, sizeof(*err));
	ret = swarm_attach_parse(readable(text->bytes, text->length), text->length, out, err);
	if (ret) {
		check_error(err);
		expect(is_untouched(out, sizeof(*out)), "an error wrote the answer");
	}
	return ret;
}

static void test_attach(void)
{
	static const struct {
		const char *object;
		struct swarm_attach expected;
	} objects[] = {
		{ "{'id':7,'pid':1234}", { .id = 7, .pid = 1234, .pidfd = -1 } },
		{ " { 'pid' : 4194304 , 'id' : 1 } ", { .id = 1, .pid = 4194304, .pidfd = -1 } },
		{ "{'id':9007199254740991,'pid':1}", { .id = ID_MAX, .pid = 1, .pidfd = -1 } },
		{ "{'pidfd':0,'id':7}", { .id = 7 } },
		{ "{'id':7,'pidfd':2147483647,'after_exec':true}",
		  { .id = 7, .pidfd = 2147483647, .after_exec = 1 } },
		{ "{'enters':true,'id':7,'pid':9}",
		  { .id = 7, .pid = 9, .pidfd = -1, .enters = 1 } },
		{ "{'id':7,'pid':9,'after_exec':false,'enters':false}",
		  { .id = 7, .pid = 9, .pidfd = -1 } },
	};
	static const struct refusal refusals[] = {
		{ "`{}", "id" },
		{ "`{'id':1}", "pid" },
		{ "`{'pid':1}", "id" },
		{ "{'id':`0,'pid':1}", "id" },
		{ "{'id':`9007199254740992,'pid':1}", "id" },
		{ "{'id':`'1','pid':1}", "id" },
		{ "{'id':1`.5,'pid':1}", "id" },
		{ "{'id':1,'pid':`0}", "pid" },
		{ "{'id':1,'pid':`4194305}", "pid" },
		{ "{'id':1,'pid':`4294967297}", "pid" },
		{ "{'id':1,'pid':`-1}", "pid" },
		{ "{'id':1,`'id':1,'pid':1}", "id" },
		{ "{'id':1,'pid':1,`'p\\u0069d':1}", "pid" },
		{ "{'id':1,'pid':1,`'spawn':true}", "spawn" },
		{ "{'id':1,'pid':1,'pidfd':`3}", "pidfd" },
		{ "{'id':1,'pidfd':`2147483648}", "pidfd" },
		{ "{'id':1,'pidfd':`-1}", "pidfd" },
		{ "{'id':1,'pid':1,'after_exec':`1}", "after_exec" },
		{ "{'id':1,'pid':1,'enters':`1}", "enters" },
		{ "{'id':1,'pid':1,'enters':true,`'enters':true}", "enters" },
		{ "{'id':1,'pid':1} `{}", "" },
		{ "{'id':1,'pid':1,`}", "" },
		{ "`7", "" },
		{ "`", "" },
	};
	struct swarm_policy_error err;
	struct swarm_attach attach;
	struct text text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		text = text_of(objects[i].object);
		expect(!parse_attach(&text, &attach, &err), "refused: %s", objects[i].object);
		expect(!memcmp(&attach, &objects[i].expected, sizeof(attach)), "%s",
		       objects[i].object);
	}
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		text = text_of(refusals[i].object);
		expect_error(parse_attach(&text, &attach, &err), &err, EINVAL,
			     refusals[i].field, &text);
	}
	text = text_of("{'id':1,'pid':1}");
	text_fill(&text, ' ', SWARM_OBJECT_MAX - text.length);
	expect(!parse_attach(&text, &attach, &err), "the longest object was refused");
	text.mark = SWARM_OBJECT_MAX;
	text_fill(&text, ' ', 1);
	expect_error(parse_attach(&text, &attach, &err), &err, E2BIG, "", &text);
}

/* update */

static u8 update_paths[SWARM_OBJECT_MAX];

static s32 parse_update(const struct text *text, struct swarm_update *out,
			struct swarm_policy_error *err)
{
	s32 ret;

	memset(err, UNTOUCHED, sizeof(*err));
	ret = swarm_update_parse(readable(text->bytes, text->length), text->length, 2, out,
				 update_paths, sizeof(update_paths), err);
	if (ret)
		check_error(err);
	return ret;
}

#define KEY(name)	(1U << SWARM_UPDATE_##name)

static void test_update(void)
{
	static const struct {
		const char *object;
		u16 keys;
		u8 syscalls;
		u8 frozen;
	} objects[] = {
		{ "{'id':7,'pids_limit':5}", KEY(ID) | KEY(PIDS_LIMIT), 0, 0 },
		{ "{'frozen':true,'id':7}", KEY(ID) | KEY(FROZEN), 0, 1 },
		{ "{'id':7,'frozen':false}", KEY(ID) | KEY(FROZEN), 0, 0 },
		{ "{'id':7,'syscalls':{}}", KEY(ID) | KEY(SYSCALLS), 0, 0 },
		{ "{'id':7,'syscalls':{'setns':'kill','fork':'deny'}}", KEY(ID) | KEY(SYSCALLS),
		  1U << SWARM_SYS_SETNS | 1U << SWARM_SYS_FORK, 0 },
		{ "{'id':7,'memory_limit':0,'cpu_quota':1,'devices':[],'exec_paths':['/'],'unlisted':'kill','oom_group':false}",
		  KEY(ID) | KEY(MEMORY_LIMIT) | KEY(CPU_QUOTA) | KEY(DEVICES) | KEY(EXEC_PATHS) |
		  KEY(UNLISTED) | KEY(OOM_GROUP), 0, 0 },
		{ "{'id':7,'sockets':['unix']}", KEY(ID) | KEY(SOCKETS), 0, 0 },
	};
	static const struct refusal refusals[] = {
		{ "`{}", "id" },
		{ "`{'id':7}", "" },
		{ "`{'pids_limit':5}", "id" },
		{ "{'id':`0,'frozen':true}", "id" },
		{ "{'id':7,`'name':'x'}", "name" },
		{ "{'id':7,`'persist':true}", "persist" },
		{ "{'id':7,'frozen':`1}", "frozen" },
		{ "{'id':7,'frozen':true,`'frozen':true}", "frozen" },
		{ "{'id':7,'cpu_quota':`201}", "cpu_quota" },
		{ "{'id':7,'memory_limit':`65535}", "memory_limit" },
		{ "{'id':7,'unlisted':`'allow'}", "unlisted" },
		{ "{'id':7,'syscalls':{'fork':'deny',`'fork':'deny'}}", "syscalls" },
	};
	struct swarm_policy_error err;
	struct swarm_update update;
	struct swarm_rules rules, before;
	struct text text;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		/* Whatever was there has no effect. */
		memset(&update, UNTOUCHED, sizeof(update));
		text = text_of(objects[i].object);
		expect(!parse_update(&text, &update, &err), "refused: %s", objects[i].object);
		expect(update.id == 7 && update.keys == objects[i].keys &&
		       update.syscalls == objects[i].syscalls &&
		       update.frozen == objects[i].frozen, "%s", objects[i].object);
	}
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		text = text_of(refusals[i].object);
		expect_error(parse_update(&text, &update, &err), &err, EINVAL,
			     refusals[i].field, &text);
	}

	/* What is not named stays, whatever it is. */
	memset(&before, UNTOUCHED, sizeof(before));
	rules = before;
	text = text_of("{'id':7,'frozen':true}");
	expect(!parse_update(&text, &update, &err), "refused");
	swarm_update_apply(&update, &rules);
	expect(!memcmp(&rules, &before, sizeof(rules)), "nothing was named, and the rules changed");
	text = text_of("{'id':7,'pids_limit':5,'syscalls':{'execve':'audit'}}");
	expect(!parse_update(&text, &update, &err), "refused");
	swarm_update_apply(&update, &rules);
	before.pids_limit = 5;
	before.syscalls[SWARM_SYS_EXECVE] = SWARM_AUDIT;
	expect(!memcmp(&rules, &before, sizeof(rules)), "more changed than was named");
}

/* destroy and inspect */

static void test_ids(void)
{
	static const struct {
		const char *lines;
		u64 id;
		size_t taken;
	} valid[] = {
		{ "42\n43\n", 42, 3 },
		{ "42", 42, 2 },
		{ " \t42 \r\n", 42, 7 },
		{ "1\n", 1, 2 },
		{ "9007199254740991\n", ID_MAX, 17 },
		{ "", 0, 0 },
		{ "\n", 0, 1 },
		{ "\n7\n", 0, 1 },
		{ "  \t\r\n7\n", 0, 5 },
		{ "   ", 0, 3 },
	};
	static const char * const refused[] = {
		"`0\n", "`-1\n", "`+1\n", "`a\n", "`9007199254740992\n", " `18446744073709551616\n",
		"0`7\n", "1`.5\n", "1`e3\n", "42`,43\n", "42 `43\n", "42`a\n", "`'42'\n", "`{}\n",
		"`0x2a\n",
	};
	struct swarm_policy_error err;
	struct text text;
	size_t taken, i;
	u64 id;

	for (i = 0; i < ARRAY_SIZE(valid); i++) {
		text = text_of(valid[i].lines);
		id = taken = 12345;
		expect(!swarm_id_parse(readable(text.bytes, text.length), text.length, &id,
				       &taken, &err), "refused: %s", valid[i].lines);
		expect(id == valid[i].id && taken == valid[i].taken, "%llu in %zu bytes: %s",
		       (unsigned long long)id, taken, valid[i].lines);
	}
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		s32 ret;

		text = text_of(refused[i]);
		id = 12345;
		ret = swarm_id_parse(readable(text.bytes, text.length), text.length, &id, &taken,
				     &err);
		expect_error(ret, &err, EINVAL, "", &text);
		if (ret)
			check_error(&err);
		expect(id == 12345, "an error wrote the id: %s", refused[i]);
	}
}

/* Decisions */

static struct swarm_rules rules_of(const char *form)
{
	struct text text = text_of(form);
	struct swarm_request request;

	if (!expect_accepted(&text, &request))
		memset(&request, 0, sizeof(request));
	return request.rules;
}

static void test_device_allowed(void)
{
	static const struct {
		const char *object;
		u32 type, major, minor, access;
		s32 allowed;
	} cases[] = {
		{ "{}", SWARM_DEV_CHAR, 1, 3, 7, 1 },			/* null */
		{ "{}", SWARM_DEV_CHAR, 1, 1, SWARM_ACC_READ, 0 },	/* mem */
		{ "{}", SWARM_DEV_BLOCK, 1, 3, SWARM_ACC_READ, 0 },
		{ "{}", SWARM_DEV_CHAR, 136, 0xfffff, 7, 1 },		/* pts */
		{ "{}", SWARM_DEV_CHAR, 137, 0, SWARM_ACC_READ, 0 },
		{ "{}", SWARM_DEV_BLOCK, 8, 0, SWARM_ACC_READ, 0 },	/* sda */
		{ "{'devices':[]}", SWARM_DEV_CHAR, 1, 3, SWARM_ACC_READ, 0 },
		{ "{'devices':['c 1:3 r']}", SWARM_DEV_CHAR, 1, 3, SWARM_ACC_READ, 1 },
		{ "{'devices':['c 1:3 r']}", SWARM_DEV_CHAR, 1, 3, SWARM_ACC_WRITE, 0 },
		{ "{'devices':['c 1:3 r']}", SWARM_DEV_CHAR, 1, 3, SWARM_ACC_MKNOD, 0 },
		{ "{'devices':['c 1:3 r']}", SWARM_DEV_CHAR, 1, 3, 6, 0 },
		{ "{'devices':['c 1:3 r']}", SWARM_DEV_CHAR, 3, 1, SWARM_ACC_READ, 0 },
		/* Several rules together, but none for another device. */
		{ "{'devices':['c 1:3 r','c 1:* w']}", SWARM_DEV_CHAR, 1, 3, 6, 1 },
		{ "{'devices':['c 1:3 r','c 1:* w']}", SWARM_DEV_CHAR, 1, 3, 7, 0 },
		{ "{'devices':['c 1:3 r','c 1:* w']}", SWARM_DEV_CHAR, 1, 4, 6, 0 },
		{ "{'devices':['c 1:3 r','b 1:3 w']}", SWARM_DEV_CHAR, 1, 3, 6, 0 },
		{ "{'devices':['c *:0 r']}", SWARM_DEV_CHAR, 9, 0, SWARM_ACC_READ, 1 },
		{ "{'devices':['c *:0 r']}", SWARM_DEV_CHAR, 9, 1, SWARM_ACC_READ, 0 },
		{ "{'devices':['a']}", SWARM_DEV_BLOCK, 8, 0, 7, 1 },
		{ "{'devices':['a']}", SWARM_DEV_CHAR, 1, 1, 7, 1 },
		{ "{'devices':['a 8:* r']}", SWARM_DEV_BLOCK, 8, 1, SWARM_ACC_READ, 1 },
		{ "{'devices':['a 8:* r']}", SWARM_DEV_CHAR, 8, 1, SWARM_ACC_READ, 1 },
		{ "{'devices':['a 8:* r']}", SWARM_DEV_CHAR, 8, 1, SWARM_ACC_WRITE, 0 },
		{ "{'devices':['b 8:0 rwm','c 4095:1048575 m']}", SWARM_DEV_CHAR, 4095, 1048575,
		  SWARM_ACC_MKNOD, 1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct swarm_rules rules = rules_of(cases[i].object);

		expect(swarm_device_allowed(&rules, cases[i].type, cases[i].major,
					    cases[i].minor, cases[i].access) == cases[i].allowed,
		       "%s: type %u %u:%u access %u is not %d", cases[i].object, cases[i].type,
		       cases[i].major, cases[i].minor, cases[i].access, cases[i].allowed);
	}
}

/* Every bit must be allowed, so one that no rule can allow never is. */
static void test_device_access_bits(void)
{
	struct swarm_rules all = rules_of("{'devices':['a']}");
	struct swarm_rules none = rules_of("{'devices':[]}");
	u32 bit;

	for (bit = 8; bit; bit <<= 1) {
		expect(!swarm_device_allowed(&all, SWARM_DEV_CHAR, 1, 3, bit | 7),
		       "access 0x%x is allowed by every rule", bit | 7);
		expect(!swarm_device_allowed(&none, SWARM_DEV_CHAR, 1, 3, bit),
		       "access 0x%x is allowed by no rule", bit);
	}
}

static void test_clone_flags(void)
{
	static const struct {
		u32 bit;
		u64 flag;
	} flags[] = {
		{ SWARM_NS_PID, CLONE_NEWPID }, { SWARM_NS_NET, CLONE_NEWNET },
		{ SWARM_NS_MNT, CLONE_NEWNS }, { SWARM_NS_UTS, CLONE_NEWUTS },
		{ SWARM_NS_IPC, CLONE_NEWIPC }, { SWARM_NS_USER, CLONE_NEWUSER },
		{ SWARM_NS_CGROUP, CLONE_NEWCGROUP }, { SWARM_NS_TIME, CLONE_NEWTIME },
	};
	u32 bits;
	size_t i;

	for (bits = 0; bits <= SWARM_NS_ALL; bits++) {
		u64 expected = 0;

		for (i = 0; i < ARRAY_SIZE(flags); i++)
			if (bits & flags[i].bit)
				expected |= flags[i].flag;
		expect(swarm_clone_flags(bits) == expected, "0x%x: 0x%llx", bits,
		       (unsigned long long)swarm_clone_flags(bits));
		expect(swarm_clone_flags(bits | ~(u32)SWARM_NS_ALL) == expected,
		       "0x%x: bits that do not exist count", bits);
	}
}

/* Any bytes */

/* What every accepted request promises. */
static void check_request(const struct swarm_request *request, const u8 *paths)
{
	const struct swarm_rules *rules = &request->rules;
	size_t used = 0, i;

	expect(!rules->memory_limit || rules->memory_limit >= 65536, "memory_limit %llu",
	       (unsigned long long)rules->memory_limit);
	expect(rules->cpu_quota <= CPUS * 100, "cpu_quota %u", rules->cpu_quota);
	expect(rules->pids_limit <= 4194304, "pids_limit %u", rules->pids_limit);
	expect(rules->namespaces <= SWARM_NS_ALL, "namespace_flags %u", rules->namespaces);
	expect(rules->privileged || rules->namespaces & SWARM_NS_USER, "no user namespace");
	expect(rules->privileged <= 1 && rules->persist <= 1 && request->spawn <= 1 &&
	       rules->devpts <= 1 && rules->oom_group <= 1 && rules->core <= 1 &&
	       rules->proc <= 1 && rules->no_new_privs <= 1 && rules->sockets.all <= 1, "booleans");
	expect(rules->capabilities <= SWARM_CAPS_ALL, "capabilities 0x%llx",
	       (unsigned long long)rules->capabilities);
	expect(!rules->hostname[0] || rules->namespaces & SWARM_NS_UTS, "a host name of the host's");
	expect(rules->network <= SWARM_NET_NONE, "network %u", rules->network);
	expect(rules->network == SWARM_NET_OWN ||
	       (!(~rules->namespaces & (SWARM_NS_NET | SWARM_NS_USER)) &&
		swarm_sockets_unix_only(rules)), "no network, but sockets or a namespace of the host's");
	expect(rules->propagation <= SWARM_SLAVE, "propagation %u", rules->propagation);
	expect(!rules->devpts || !(~rules->namespaces & (SWARM_NS_MNT | SWARM_NS_USER)),
	       "a devpts without mounts or ids of its own");
	expect(!rules->proc ||
	       !(~rules->namespaces & (SWARM_NS_PID | SWARM_NS_MNT | SWARM_NS_USER)),
	       "a procfs without processes, mounts or ids of its own");
	for (i = 0; i < SWARM_NR_SYSCALLS; i++)
		expect(rules->syscalls[i] <= SWARM_AUDIT, "action %u", rules->syscalls[i]);
	expect(rules->nr_devices <= SWARM_DEVICES_MAX, "%u devices", rules->nr_devices);
	for (i = 0; i < rules->nr_devices; i++) {
		const struct swarm_device_rule *rule = &rules->devices[i];

		expect(rule->type >= 1 && rule->type <= 3 && rule->access >= 1 &&
		       rule->access <= 7, "type %u, access %u", rule->type, rule->access);
		expect(rule->major == SWARM_DEV_ANY || rule->major <= 0xfff, "%u", rule->major);
		expect(rule->minor == SWARM_DEV_ANY || rule->minor <= 0xfffff, "%u", rule->minor);
	}
	expect(request->pid >= 0 && request->pid <= 4194304, "pid %d", request->pid);
	expect(!request->spawn || !request->pid, "spawn and pid");
	expect(request->nr_exec_paths <= SWARM_EXEC_PATHS_MAX, "%u paths",
	       request->nr_exec_paths);
	for (i = 0; i < request->nr_exec_paths; i++) {
		const struct swarm_exec_path *path = &request->exec_paths[i];

		if (!expect(path->offset == used && path->length &&
			    path->length <= SWARM_OBJECT_MAX - used, "path %zu", i))
			return;
		expect(paths[used] == '/' && !memchr(paths + used, 0, path->length),
		       "path %zu is not absolute", i);
		used += path->length;
	}
	expect(is_plain(request->name, sizeof(request->name)) && !strchr(request->name, '/'),
	       "name %.32s", request->name);
}

/* Changes, drops or adds a byte. */
static void mutate(struct text *text, u32 *seed)
{
	static const char alphabet[] = "{}[]\"\\:, \n0123456789aceflnrstu*/-.\x01\x7f\x80\xc3\xff";
	u8 byte = alphabet[next_random(seed) % (sizeof(alphabet) - 1)];
	size_t at = next_random(seed) % text->length;

	switch (next_random(seed) % 3) {
	case 0:
		text->bytes[at] = byte;
		break;
	case 1:
		memmove(text->bytes + at, text->bytes + at + 1, text->length - at - 1);
		text->length--;
		break;
	default:
		memmove(text->bytes + at + 1, text->bytes + at, text->length - at);
		text->bytes[at] = byte;
		text->length++;
	}
}

static void test_mutated(void)
{
	static const char * const objects[] = {
		"{'memory_limit':65536,'cpu_quota':25,'pids_limit':10,'namespace_flags':127}",
		"{'devices':['c 1:3 rwm','b 8:* r','a'],'name':'web-1','spawn':true}",
		"{'syscalls':{'fork':'deny','setns':'audit'},'pid':12,'persist':false}",
		"{'exec_paths':['/bin/\\u00e9\\ud83d\\ude00','/\xc3\xa9\xf0\x9f\x98\x80/','/\\n'],"
		"'privileged':true}",
	};
	unsigned int kept = 0;
	u32 seed = 5, round, changes;

	for (round = 0; round < 200000; round++) {
		struct text text = text_of(objects[round % ARRAY_SIZE(objects)]);
		u8 *paths = writable(SWARM_OBJECT_MAX);
		struct swarm_policy_error err;
		struct swarm_request request;

		for (changes = 1 + next_random(&seed) % 3; changes; changes--)
			mutate(&text, &seed);
		if (!parse_into(text.bytes, text.length, &request, paths, SWARM_OBJECT_MAX,
				&err)) {
			check_request(&request, paths);
			kept++;
		}
	}
	/* Else these are no tests of what is accepted. */
	expect(kept > 1000, "only %u objects were accepted", kept);
}

/* The numbers of names.h against the names of src/names.rs. */
static void test_names_by_number(void)
{
	static const struct {
		const char *(*name)(u32 number);
		u32 count;
		/* Capabilities are the most. */
		const char *names[41];
	} lists[] = {
		{ swarm_action_name, SWARM_NR_ACTIONS, {
			[SWARM_ALLOW] = "allow",
			[SWARM_DENY] = "deny",
			[SWARM_KILL] = "kill",
			[SWARM_AUDIT] = "audit",
		} },
		{ swarm_capability_name, 41, {
			[0] = "chown",
			"dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid",
			"setuid", "setpcap", "linux_immutable", "net_bind_service",
			"net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
			"sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
			"sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time",
			"sys_tty_config", "mknod", "lease", "audit_write", "audit_control",
			"setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm",
			"block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
		} },
		{ swarm_propagation_name, SWARM_NR_PROPAGATIONS, {
			[SWARM_PRIVATE] = "private",
			[SWARM_SLAVE] = "slave",
		} },
		{ swarm_network_name, SWARM_NR_NETWORKS, {
			[SWARM_NET_OWN] = "own",
			[SWARM_NET_NONE] = "none",
		} },
		{ swarm_kind_name, SWARM_NR_KINDS, {
			[SWARM_KIND_FORK] = "fork",
			[SWARM_KIND_THREAD] = "thread",
			[SWARM_KIND_EXECVE] = "execve",
			[SWARM_KIND_UNSHARE] = "unshare",
			[SWARM_KIND_SETNS] = "setns",
			[SWARM_KIND_AUTOLOAD] = "autoload",
			[SWARM_KIND_DEVICE] = "device",
			[SWARM_KIND_CONTROL] = "control",
			[SWARM_KIND_ADOPT] = "adopt",
			[SWARM_KIND_SYSCALL] = "syscall",
			[SWARM_KIND_SOCKET] = "socket",
		} },
		{ swarm_outcome_name, SWARM_NR_OUTCOMES, {
			[SWARM_DONE_DENY] = "deny",
			[SWARM_DONE_KILL] = "kill",
			[SWARM_DONE_AUDIT] = "audit",
			[SWARM_DONE_REPORT] = "report",
		} },
		{ swarm_origin_name, SWARM_NR_ORIGINS, {
			[SWARM_BY_SPAWN] = "spawn",
			[SWARM_BY_PID] = "pid",
			[SWARM_BY_ATTACH] = "attach",
		} },
		{ swarm_end_name, SWARM_NR_ENDS, {
			[SWARM_END_EXIT] = "exit",
			[SWARM_END_REQUEST] = "request",
			[SWARM_END_BIRTH] = "birth",
			[SWARM_END_UNFORKED] = "unforked",
		} },
		{ swarm_state_name, SWARM_NR_STATES, {
			[SWARM_REGISTERED] = "registered",
			[SWARM_ARMED] = "armed",
			[SWARM_RUNNING] = "running",
			[SWARM_DYING] = "dying",
			[SWARM_GONE] = "gone",
			[SWARM_FROZEN] = "frozen",
		} },
		{ swarm_event_name, SWARM_NR_EVENTS, {
			[SWARM_EVENT_CREATED] = "created",
			[SWARM_EVENT_SPAWNED] = "spawned",
			[SWARM_EVENT_FORK_FAILED] = "fork_failed",
			[SWARM_EVENT_VIOLATION] = "violation",
			[SWARM_EVENT_SUPPRESSED] = "suppressed",
			[SWARM_EVENT_OOM] = "oom",
			[SWARM_EVENT_UPDATED] = "updated",
			[SWARM_EVENT_DESTROYED] = "destroyed",
			[SWARM_EVENT_LOST] = "lost",
		} },
		{ swarm_freeze_name, SWARM_NR_FREEZES, {
			[SWARM_FREEZE_NONE] = "no",
			[SWARM_FREEZE_BEGUN] = "freezing",
			[SWARM_FREEZE_UPDATE] = "update",
			[SWARM_FREEZE_OTHERS] = "others",
		} },
		{ swarm_update_key_name, SWARM_NR_UPDATE_KEYS, {
			[SWARM_UPDATE_ID] = "id",
			[SWARM_UPDATE_MEMORY_LIMIT] = "memory_limit",
			[SWARM_UPDATE_CPU_QUOTA] = "cpu_quota",
			[SWARM_UPDATE_PIDS_LIMIT] = "pids_limit",
			[SWARM_UPDATE_DEVICES] = "devices",
			[SWARM_UPDATE_SYSCALLS] = "syscalls",
			[SWARM_UPDATE_EXEC_PATHS] = "exec_paths",
			[SWARM_UPDATE_UNLISTED] = "unlisted",
			[SWARM_UPDATE_OOM_GROUP] = "oom_group",
			[SWARM_UPDATE_FROZEN] = "frozen",
			[SWARM_UPDATE_SOCKETS] = "sockets",
		} },
	};
	static const struct {
		u32 bit;
		const char *name;
	} namespaces[] = {
		{ SWARM_NS_PID, "pid" }, { SWARM_NS_NET, "net" }, { SWARM_NS_MNT, "mnt" },
		{ SWARM_NS_UTS, "uts" }, { SWARM_NS_IPC, "ipc" }, { SWARM_NS_USER, "user" },
		{ SWARM_NS_CGROUP, "cgroup" }, { SWARM_NS_TIME, "time" },
	};
	size_t i;
	u32 nr;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		for (nr = 0; nr < lists[i].count; nr++) {
			const char *name = lists[i].name(nr);

			expect(name && lists[i].names[nr] && !strcmp(name, lists[i].names[nr]),
			       "list %zu: %u is %s", i, nr, name ?: "nothing");
		}
		expect(!lists[i].name(nr) && !lists[i].name(UINT32_MAX),
		       "list %zu is longer than its enum", i);
	}
	for (i = 0; i < ARRAY_SIZE(namespaces); i++)
		expect(!strcmp(swarm_namespace_name(namespaces[i].bit), namespaces[i].name),
		       "bit %u", namespaces[i].bit);
	expect(!swarm_namespace_name(SWARM_NS_ALL + 1) && !swarm_namespace_name(0),
	       "a namespace without a bit");
}

/* Every error of the tests above was looked at, and every message was among them. */
static void test_messages(void)
{
	static const size_t room = sizeof(((struct swarm_policy_error *)NULL)->message) - 1;

	expect(longest_message > 0 && longest_message < room,
	       "the longest message has %zu bytes of %zu", longest_message, room);
	expect(!mangled_message[0], "mangled: %s", mangled_message);
}

static const struct test tests[] = {
	{ "an object without keys means the defaults", test_defaults },
	{ "each value changes its member and no other", test_accepted },
	{ "numbers out of range or malformed", test_numbers },
	{ "cpu_quota ends where the machine does", test_cpus },
	{ "booleans are true or false", test_booleans },
	{ "what is privileged keeps its privileges", test_privileges },
	{ "values that exclude each other", test_combinations },
	{ "devpts where there can be one", test_devpts },
	{ "a procfs where there can be one", test_proc },
	{ "devices", test_devices },
	{ "devices: malformed", test_devices_refused },
	{ "devices and exec_paths: how many", test_array_lengths },
	{ "syscalls", test_syscalls },
	{ "syscalls: single calls", test_calls },
	{ "sockets", test_sockets },
	{ "what a privileged agent keeps", test_kept },
	{ "syscalls: malformed", test_syscalls_refused },
	{ "name", test_names },
	{ "exec_paths", test_exec_paths },
	{ "exec_paths: malformed", test_exec_paths_refused },
	{ "exec_paths: the longest, and no room for it", test_exec_path_room },
	{ "repeated keys", test_repeated_keys },
	{ "unknown keys", test_unknown_keys },
	{ "syntax", test_syntax },
	{ "control bytes and escapes", test_strings },
	{ "UTF-8", test_utf8 },
	{ "an object cut at every byte", test_truncated },
	{ "4096 bytes and no more", test_oversized },
	{ "equal rules have equal bytes, padding included", test_equal_rules },
	{ "framing: streams cut at every byte", test_framing },
	{ "framing: objects that are too long, cut at every byte", test_framing_oversized },
	{ "framing: objects that are too long and deep", test_framing_deep },
	{ "framing: random streams cut at random", test_framing_random },
	{ "framing: lines that stand for objects, and what waits", test_framing_lines },
	{ "several objects in one write", test_several_objects },
	{ "attach", test_attach },
	{ "update", test_update },
	{ "ids, one a line", test_ids },
	{ "device accesses", test_device_allowed },
	{ "device accesses that do not exist", test_device_access_bits },
	{ "clone flags", test_clone_flags },
	{ "names by their numbers", test_names_by_number },
	{ "mutated objects", test_mutated },
	{ "no message is truncated or mangled", test_messages },
};

int main(void)
{
	return run_tests(tests, ARRAY_SIZE(tests));
}
