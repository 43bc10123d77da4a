// SPDX-License-Identifier: MIT OR Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* The largest agent id: JavaScript's largest exact integer. */
#define ID_MAX	((1ULL << 53) - 1)
#define PID_MAX	4194304

_Noreturn void swarm_fuzz_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

struct json_object *model_read(const u8 *buf, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(16);
	struct json_object *object;
	bool whole;

	CHECK(tokener);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, (const char *)buf, (int)len);
	whole = json_tokener_get_error(tokener) == json_tokener_success &&
		json_tokener_get_parse_end(tokener) == len;
	json_tokener_free(tokener);
	if (whole && json_object_is_type(object, json_type_object))
		return object;
	json_object_put(object);
	return NULL;
}

static struct json_object *key(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) ? value : NULL;
}

/* A number of a key that is there, from 0 on. */
static u64 number(struct json_object *object, const char *name)
{
	struct json_object *value = key(object, name);

	CHECK(json_object_is_type(value, json_type_int));
	CHECK(json_object_get_int64(value) >= 0);
	return json_object_get_uint64(value);
}

static u64 number_or(struct json_object *object, const char *name, u64 usual)
{
	return key(object, name) ? number(object, name) : usual;
}

static bool boolean_or(struct json_object *object, const char *name, bool usual)
{
	struct json_object *value = key(object, name);

	if (!value)
		return usual;
	CHECK(json_object_is_type(value, json_type_boolean));
	return json_object_get_boolean(value);
}

static const char *text_of(struct json_object *value)
{
	CHECK(json_object_is_type(value, json_type_string));
	return json_object_get_string(value);
}

/* The number of a name in one of the core's own lists. */
static u32 name_of(const char *(*list)(u32), const char *text)
{
	for (u32 number = 0; list(number); number++) {
		if (!strcmp(list(number), text))
			return number;
	}
	CHECK(!"a name that the list does not have");
	return 0;
}

static u32 name_or(struct json_object *object, const char *key_name, const char *(*list)(u32), u32 usual)
{
	struct json_object *value = key(object, key_name);

	return value ? name_of(list, text_of(value)) : usual;
}

static u32 device_number(const char *text)
{
	return *text == '*' ? SWARM_DEV_ANY : (u32)strtoul(text, NULL, 10);
}

static void check_device(const char *text, const struct swarm_device_rule *rule)
{
	char type, major[12], minor[12], access[12];
	u8 bits = 0;

	CHECK(!rule->pad[0] && !rule->pad[1]);
	if (!strcmp(text, "a")) {
		CHECK(rule->type == SWARM_DEV_ALL && rule->major == SWARM_DEV_ANY);
		CHECK(rule->minor == SWARM_DEV_ANY);
		CHECK(rule->access == (SWARM_ACC_MKNOD | SWARM_ACC_READ | SWARM_ACC_WRITE));
		return;
	}
	CHECK(sscanf(text, "%c %11[0-9*]:%11[0-9*] %11[rwm]", &type, major, minor, access) == 4);
	for (const char *letter = access; *letter; letter++) {
		u8 bit = *letter == 'm' ? SWARM_ACC_MKNOD :
			 *letter == 'r' ? SWARM_ACC_READ : SWARM_ACC_WRITE;

		CHECK(!(bits & bit));
		bits |= bit;
	}
	CHECK(rule->access == bits);
	CHECK(rule->type == (type == 'a' ? SWARM_DEV_ALL : type == 'b' ? SWARM_DEV_BLOCK : SWARM_DEV_CHAR));
	CHECK(rule->major == device_number(major) && rule->minor == device_number(minor));
	CHECK(rule->major < 4096 || rule->major == SWARM_DEV_ANY);
	CHECK(rule->minor < 1048576 || rule->minor == SWARM_DEV_ANY);
}

static void check_devices(struct json_object *object, const struct swarm_rules *rules)
{
	struct json_object *list = key(object, "devices");

	if (!list)
		return;
	CHECK(json_object_is_type(list, json_type_array));
	CHECK(json_object_array_length(list) == rules->nr_devices);
	CHECK(rules->nr_devices <= SWARM_DEVICES_MAX);
	for (size_t each = 0; each < rules->nr_devices; each++)
		check_device(text_of(json_object_array_get_idx(list, each)), &rules->devices[each]);
}

/* umount is what umount2 is called elsewhere. */
static bool is_call(u32 number, const char *text)
{
	return !strcmp(swarm_call_name(number), !strcmp(text, "umount") ? "umount2" : text);
}

static void check_call(const char *text, enum swarm_action action, const struct swarm_rules *rules)
{
	bool found = false;

	for (u32 call = 0; swarm_call_name(call); call++) {
		if (is_call(call, text) && swarm_call_rule(rules, call) == action)
			found = true;
	}
	CHECK(found);
}

static void check_syscalls(struct json_object *object, const struct swarm_rules *rules)
{
	struct json_object *named = key(object, "syscalls");

	for (u32 each = 0; each < SWARM_NR_SYSCALLS; each++)
		CHECK(rules->syscalls[each] < SWARM_NR_ACTIONS);
	if (!named)
		return;
	CHECK(json_object_is_type(named, json_type_object));
	json_object_object_foreach(named, name, value) {
		u32 action = name_of(swarm_action_name, text_of(value));
		bool own = false;

		for (u32 each = 0; each < SWARM_NR_SYSCALLS; each++) {
			if (!strcmp(swarm_kind_name(each), name)) {
				CHECK(rules->syscalls[each] == action);
				own = true;
			}
		}
		if (!own)
			check_call(name, action, rules);
	}
}

static void check_exec_paths(struct json_object *object, const struct swarm_request *request, const u8 *paths)
{
	struct json_object *list = key(object, "exec_paths");
	u32 end = 0;

	CHECK(request->nr_exec_paths <= SWARM_EXEC_PATHS_MAX);
	CHECK(request->nr_exec_paths == (list ? json_object_array_length(list) : 0));
	for (size_t each = 0; each < request->nr_exec_paths; each++) {
		struct json_object *value = json_object_array_get_idx(list, each);
		struct swarm_exec_path path = request->exec_paths[each];

		CHECK(path.offset == end);
		end += path.length;
		CHECK(end <= SWARM_OBJECT_MAX);
		CHECK(path.length == (u32)json_object_get_string_len(value));
		CHECK(path.length && !memcmp(paths + path.offset, text_of(value), path.length));
		CHECK(paths[path.offset] == '/' && !memchr(paths + path.offset, 0, path.length));
	}
}

static void check_sockets(struct json_object *object, const struct swarm_rules *rules)
{
	struct json_object *list = key(object, "sockets");
	const struct swarm_sockets *sockets = &rules->sockets;
	u64 families = 0;

	CHECK(sockets->nr_rules <= SWARM_SOCKETS_MAX && sockets->all <= 1);
	if (!list)
		return;
	if (json_object_is_type(list, json_type_string)) {
		CHECK(!strcmp(text_of(list), "all") && sockets->all);
		return;
	}
	CHECK(json_object_is_type(list, json_type_array));
	CHECK(!sockets->all);
	for (size_t each = 0; each < json_object_array_length(list); each++) {
		const char *text = text_of(json_object_array_get_idx(list, each));
		size_t length = strcspn(text, "/");
		u32 family = 0;
		bool found = false;

		for (u32 number = 0; number < 64; number++) {
			const char *name = swarm_family_name(number);

			if (name && *name && strlen(name) == length && !strncmp(name, text, length)) {
				family = number;
				found = true;
			}
		}
		if (!found)
			family = (u32)strtoul(text, NULL, 10);
		CHECK(family < 64);
		if (!text[length]) {
			families |= 1ULL << family;
			continue;
		}
		found = false;
		for (size_t rule = 0; rule < sockets->nr_rules; rule++) {
			u32 protocol = sockets->rules[rule].protocol;
			const char *name = swarm_protocol_name(family, protocol);

			if (sockets->rules[rule].family == family &&
			    ((name && !strcmp(name, text + length + 1)) ||
			     (text[length + 1] >= '0' && text[length + 1] <= '9' &&
			      strtoul(text + length + 1, NULL, 10) == protocol)))
				found = true;
		}
		CHECK(found);
	}
	CHECK(sockets->families == families);
}

static void check_capabilities(struct json_object *object, const struct swarm_rules *rules)
{
	struct json_object *list = key(object, "capabilities");
	u64 bits = 0;

	CHECK(!(rules->capabilities & ~SWARM_CAPS_ALL));
	if (!list)
		return;
	if (json_object_is_type(list, json_type_string)) {
		CHECK(!strcmp(text_of(list), "all") && rules->capabilities == SWARM_CAPS_ALL);
		return;
	}
	for (size_t each = 0; each < json_object_array_length(list); each++)
		bits |= 1ULL << name_of(swarm_capability_name, text_of(json_object_array_get_idx(list, each)));
	CHECK(bits == rules->capabilities);
}

/* A text of a fixed size, whose rest is zero. */
static void check_text(struct json_object *object, const char *name, const char *text, size_t size)
{
	struct json_object *value = key(object, name);
	size_t length = value ? (size_t)json_object_get_string_len(value) : 0;

	CHECK(!value || length > 0);
	CHECK(length <= size && (!length || !memcmp(text, text_of(value), length)));
	for (size_t each = length; each < size; each++)
		CHECK(!text[each]);
}

/* What policy.h promises of every request, whatever the text says. */
static void check_layout(const struct swarm_request *request)
{
	const struct swarm_rules *rules = &request->rules;
	const u32 bits = rules->namespaces;

	CHECK(!rules->pad[0] && !rules->pad[1] && !rules->pad2[0] && !rules->pad2[1]);
	for (size_t each = 0; each < sizeof(rules->pad3); each++)
		CHECK(!rules->pad3[each]);
	for (size_t each = 0; each < sizeof(rules->sockets.pad); each++)
		CHECK(!rules->sockets.pad[each]);
	for (size_t each = rules->nr_devices; each < SWARM_DEVICES_MAX; each++)
		CHECK(!rules->devices[each].type && !rules->devices[each].access);
	CHECK(rules->privileged <= 1 && rules->persist <= 1 && rules->core <= 1);
	CHECK(rules->oom_group <= 1 && rules->no_new_privs <= 1);
	CHECK(rules->devpts <= 1 && rules->proc <= 1 && request->after_exec <= 1);
	CHECK(rules->unlisted < SWARM_NR_ACTIONS && rules->unlisted != SWARM_ALLOW);
	CHECK(rules->propagation < SWARM_NR_PROPAGATIONS && rules->network < SWARM_NR_NETWORKS);
	CHECK(bits <= SWARM_NS_ALL);
	CHECK(!rules->devpts || (bits & SWARM_NS_MNT && bits & SWARM_NS_USER));
	CHECK(!rules->proc || (bits & SWARM_NS_MNT && bits & SWARM_NS_USER && bits & SWARM_NS_PID));
	CHECK(rules->network == SWARM_NET_OWN || (bits & SWARM_NS_NET && bits & SWARM_NS_USER));
	CHECK(bits & SWARM_NS_USER || rules->privileged);
	CHECK(rules->network == SWARM_NET_OWN || swarm_sockets_unix_only(rules));
	CHECK(request->spawn <= 1 && request->calls_named <= 1);
	CHECK(request->pid >= 0 && request->pid <= PID_MAX && request->pidfd >= -1);
	CHECK(!(request->pid > 0 && request->pidfd >= 0));
	CHECK(!request->spawn || (!request->pid && request->pidfd < 0));
	CHECK(!request->after_exec || request->pid || request->pidfd >= 0);
}

static void check_create(struct json_object *object, const struct swarm_request *request)
{
	const struct swarm_rules *rules = &request->rules;
	const bool privileged = boolean_or(object, "privileged", false);
	const u32 bits = (u32)number_or(object, "namespace_flags", SWARM_NS_DEFAULT);
	const u32 terminals = SWARM_NS_MNT | SWARM_NS_USER, processes = terminals | SWARM_NS_PID;

	check_layout(request);
	CHECK(rules->namespaces == bits && rules->privileged == privileged);
	CHECK(request->spawn == boolean_or(object, "spawn", false));
	CHECK((u64)request->pid == number_or(object, "pid", 0));
	CHECK(key(object, "pidfd") ? (u64)request->pidfd == number(object, "pidfd") : request->pidfd == -1);
	CHECK(request->after_exec == boolean_or(object, "after_exec", false));
	CHECK(rules->persist == boolean_or(object, "persist", false));
	CHECK(rules->core == boolean_or(object, "core", privileged));
	CHECK(rules->no_new_privs == boolean_or(object, "no_new_privs", !privileged));
	CHECK(rules->devpts == boolean_or(object, "devpts", (bits & terminals) == terminals));
	CHECK(rules->proc == boolean_or(object, "proc", (bits & processes) == processes && !privileged));
	CHECK(rules->propagation == name_or(object, "propagation", swarm_propagation_name, SWARM_PRIVATE));
	CHECK(rules->network == name_or(object, "network", swarm_network_name, SWARM_NET_OWN));
	CHECK(key(object, "capabilities") || !privileged || rules->capabilities == SWARM_CAPS_ALL);
	check_text(object, "name", request->name, sizeof(request->name));
	check_text(object, "hostname", rules->hostname, sizeof(rules->hostname));
}

void model_rules(struct json_object *object, const struct swarm_request *request,
		 const u8 *paths, bool update)
{
	const struct swarm_rules *rules = &request->rules;

	if (!update)
		check_create(object, request);
	if (!update || key(object, "memory_limit"))
		CHECK(rules->memory_limit == number_or(object, "memory_limit", 0));
	if (!update || key(object, "cpu_quota"))
		CHECK(rules->cpu_quota == number_or(object, "cpu_quota", 0));
	if (!update || key(object, "pids_limit"))
		CHECK(rules->pids_limit == number_or(object, "pids_limit", 0));
	if (!update || key(object, "oom_group"))
		CHECK(rules->oom_group == boolean_or(object, "oom_group", true));
	if (!update || key(object, "unlisted"))
		CHECK(rules->unlisted == name_or(object, "unlisted", swarm_action_name, SWARM_DENY));
	CHECK(!rules->memory_limit || rules->memory_limit >= 65536);
	CHECK(rules->pids_limit <= PID_MAX);
	check_devices(object, rules);
	check_syscalls(object, rules);
	check_exec_paths(object, request, paths);
	check_sockets(object, rules);
	check_capabilities(object, rules);
}

/* Is it a whole number in a range, written without a fraction or an exponent? */
static bool is_number(struct json_object *value, u64 min, u64 max)
{
	u64 number;

	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return false;
	number = json_object_get_uint64(value);
	return number >= min && number <= max;
}

bool model_target(struct json_object *object, u64 *id)
{
	struct json_object *value = key(object, "id");

	if (json_object_object_length(object) != 1 || !is_number(value, 1, ID_MAX))
		return false;
	*id = json_object_get_uint64(value);
	return true;
}

bool model_attach(struct json_object *object, struct swarm_attach *out)
{
	struct json_object *pid = key(object, "pid"), *pidfd = key(object, "pidfd");
	int known = 0;

	*out = (struct swarm_attach){ .pidfd = -1 };
	if (!is_number(key(object, "id"), 1, ID_MAX) || !pid == !pidfd)
		return false;
	out->id = number(object, "id");
	if (pid && !is_number(pid, 1, PID_MAX))
		return false;
	if (pid)
		out->pid = (s32)number(object, "pid");
	if (pidfd && !is_number(pidfd, 0, 0x7fffffff))
		return false;
	if (pidfd)
		out->pidfd = (s32)number(object, "pidfd");
	json_object_object_foreach(object, name, value) {
		bool flag = !strcmp(name, "after_exec") || !strcmp(name, "enters");

		if (flag && !json_object_is_type(value, json_type_boolean))
			return false;
		if (flag || !strcmp(name, "id") || !strcmp(name, "pid") || !strcmp(name, "pidfd"))
			known++;
	}
	out->after_exec = boolean_or(object, "after_exec", false);
	out->enters = boolean_or(object, "enters", false);
	return known == json_object_object_length(object);
}

bool model_device(const struct swarm_rules *rules, u32 type, u32 major, u32 minor, u32 access)
{
	u32 left = access;

	for (size_t each = 0; each < rules->nr_devices; each++) {
		const struct swarm_device_rule *rule = &rules->devices[each];

		if ((rule->type & type) == type &&
		    (rule->major == SWARM_DEV_ANY || rule->major == major) &&
		    (rule->minor == SWARM_DEV_ANY || rule->minor == minor))
			left &= ~(u32)rule->access;
	}
	return !left;
}

bool model_socket(const struct swarm_rules *rules, u32 family, u32 type, u32 protocol)
{
	const struct swarm_sockets *sockets = &rules->sockets;
	const bool internet = family == 2 || family == 10;
	/* SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET and SOCK_DCCP have a usual protocol. */
	static const u32 usual[] = { [1] = 6, [2] = 17, [5] = 132, [6] = 33 };

	if (sockets->all)
		return true;
	if (internet && !protocol && type < sizeof(usual) / sizeof(*usual))
		protocol = usual[type];
	for (size_t each = 0; each < sockets->nr_rules; each++) {
		if (sockets->rules[each].family == family && sockets->rules[each].protocol == protocol)
			return true;
	}
	if (family >= 64 || !((sockets->families >> family) & 1))
		return false;
	if (!internet)
		return true;
	/* The family alone means TCP, MPTCP, UDP, and ICMP of its version. */
	return (type == 1 && (protocol == 6 || protocol == 262)) ||
	       (type == 2 && (protocol == 17 || protocol == (family == 2 ? 1u : 58u)));
}
