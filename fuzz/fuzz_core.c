// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What libFuzzer runs: the policy core against a model. `npm run fuzz` builds it.
 *
 * The first byte of an input says what the others are:
 *	c u a t		an object of create, update or attach, or one that names an agent
 *	i		a line with an id
 *	s l		a stream of objects; l: in which lines may stand for objects
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define CPUS	4

static void check_error(s32 answer, const struct swarm_policy_error *err, size_t len)
{
	CHECK(answer == -err->error);
	CHECK(err->error == EINVAL || err->error == E2BIG);
	CHECK(err->offset <= len);
	CHECK(memchr(err->field, 0, sizeof(err->field)));
	CHECK(memchr(err->message, 0, sizeof(err->message)) && err->message[0]);
	for (const char *letter = err->message; *letter; letter++)
		CHECK(*letter >= ' ' && *letter <= '~' && *letter != '"' && *letter != '\\');
	for (const char *letter = err->field; *letter; letter++)
		CHECK(*letter >= ' ' && *letter <= '~' && *letter != '"' && *letter != '\\');
}

/*
 * Is an object refused that the documents allow? json-c takes the last of two equal keys,
 * white space that JSON does not have, and -0, so such objects are left out.
 */
static bool comparable(const u8 *buf, size_t len, const struct swarm_policy_error *err)
{
	for (size_t at = 0; at < len; at++) {
		if (buf[at] < ' ' && !strchr("\t\n\r", buf[at]))
			return false;
	}
	return !strstr(err->message, "twice") && !memmem(buf, len, "-0", 2);
}

/* Devices and sockets near those that the rules name, and far from them. */
static void check_decisions(const struct swarm_rules *rules)
{
	static const u32 types[] = { 0, 1, 2, 3, 5, 6, 10 }, protocols[] = { 0, 1, 6, 17, 58, 132, 262 };
	const struct swarm_sockets *sockets = &rules->sockets;
	bool unix_only = true;

	for (size_t each = 0; each <= rules->nr_devices; each++) {
		const struct swarm_device_rule *rule = &rules->devices[each % SWARM_DEVICES_MAX];

		for (u32 near = 0; near < 2 * 7 * 9; near++) {
			u32 type = 1 + near % 2, access = 1 + near / 2 % 7;
			u32 major = (rule->major + near / 14 % 3 - 1) % 4096;
			u32 minor = (rule->minor + near / 42 % 3 - 1) % 1048576;

			CHECK(swarm_device_allowed(rules, type, major, minor, access) ==
			      model_device(rules, type, major, minor, access));
		}
	}
	for (u32 family = 0; family < 66; family++) {
		for (size_t each = 0; each < sizeof(types) / sizeof(*types) * 7; each++) {
			u32 type = types[each / 7], protocol = protocols[each % 7];
			bool allowed = model_socket(rules, family, type, protocol);

			CHECK(swarm_socket_allowed(rules, family, type, protocol) == allowed);
			unix_only &= !allowed || family == 1;
		}
		for (size_t each = 0; each < sockets->nr_rules; each++) {
			u32 protocol = sockets->rules[each].protocol;
			bool allowed = model_socket(rules, family, 3, protocol);

			CHECK(swarm_socket_allowed(rules, family, 3, protocol) == allowed);
			unix_only &= !allowed || family == 1;
		}
	}
	CHECK(!!swarm_sockets_unix_only(rules) == unix_only);
}

static void fuzz_create(const u8 *buf, size_t len)
{
	static struct swarm_request request, again;
	struct swarm_policy_error err, err_again;
	static u8 paths[SWARM_OBJECT_MAX], paths_again[SWARM_OBJECT_MAX];
	struct json_object *object;
	s32 answer;

	/* Whatever was there before, the answer is the same. */
	memset(&request, 0, sizeof(request));
	memset(&again, 0xff, sizeof(again));
	memset(&err, 0, sizeof(err));
	memset(&err_again, 0xff, sizeof(err_again));
	answer = swarm_request_parse(buf, len, CPUS, &request, paths, sizeof(paths), &err);
	CHECK(answer == swarm_request_parse(buf, len, CPUS, &again, paths_again, sizeof(paths_again), &err_again));
	if (answer) {
		check_error(answer, &err, len);
		CHECK(!memcmp(&err, &err_again, sizeof(err)));
		return;
	}
	CHECK(!memcmp(&request.rules, &again.rules, sizeof(request.rules)));
	object = model_read(buf, len);
	CHECK(object);
	model_rules(object, &request, paths, false);
	CHECK(request.rules.cpu_quota <= 100 * CPUS);
	check_decisions(&request.rules);
	json_object_put(object);
}

/* The part of the rules that a key of "update" changes. */
#define PART(name)	{ offsetof(struct swarm_rules, name), sizeof(((struct swarm_rules *)0)->name) }
static const struct part {
	size_t offset, size;
} parts[SWARM_NR_UPDATE_KEYS] = {
	[SWARM_UPDATE_MEMORY_LIMIT] = PART(memory_limit),
	[SWARM_UPDATE_CPU_QUOTA] = PART(cpu_quota),
	[SWARM_UPDATE_PIDS_LIMIT] = PART(pids_limit),
	[SWARM_UPDATE_DEVICES] = PART(devices),
	[SWARM_UPDATE_SYSCALLS] = PART(syscalls),
	[SWARM_UPDATE_UNLISTED] = PART(unlisted),
	[SWARM_UPDATE_OOM_GROUP] = PART(oom_group),
	[SWARM_UPDATE_SOCKETS] = PART(sockets),
};

static void check_applied(const struct swarm_update *update, const struct swarm_rules *old_rules,
			  const struct swarm_rules *after)
{
	for (u32 each = 0; each < SWARM_NR_UPDATE_KEYS; each++) {
		const bool named = update->keys & (1U << each);
		const u8 *old = (const u8 *)old_rules + parts[each].offset;
		const u8 *now = (const u8 *)after + parts[each].offset;
		const u8 *value = (const u8 *)&update->request.rules + parts[each].offset;

		if (!named)
			CHECK(!memcmp(old, now, parts[each].size));
		else if (each != SWARM_UPDATE_SYSCALLS)
			CHECK(!memcmp(value, now, parts[each].size));
	}
	for (u32 each = 0; each < SWARM_NR_SYSCALLS; each++) {
		const bool named = update->syscalls & (1U << each);

		CHECK(after->syscalls[each] ==
		      (named ? &update->request.rules : old_rules)->syscalls[each]);
	}
	CHECK(after->namespaces == old_rules->namespaces && after->capabilities == old_rules->capabilities);
	CHECK(after->privileged == old_rules->privileged && after->no_new_privs == old_rules->no_new_privs);
	check_decisions(after);
}

/* Rules that are nowhere what an update has for a key that it does not name. */
static const char before[] =
	"{\"memory_limit\":1048576,\"cpu_quota\":7,\"pids_limit\":7,\"devices\":[\"c 1:3 r\",\"b 7:* w\"],"
	"\"syscalls\":{\"fork\":\"audit\",\"thread\":\"kill\",\"execve\":\"deny\",\"unshare\":\"audit\","
	"\"setns\":\"audit\",\"autoload\":\"audit\"},\"unlisted\":\"kill\",\"oom_group\":false,"
	"\"sockets\":[\"alg\",\"inet/132\"]}";

static void fuzz_update(const u8 *buf, size_t len)
{
	static struct swarm_update update;
	static struct swarm_request rules;
	struct swarm_policy_error err;
	static u8 paths[SWARM_OBJECT_MAX];
	struct json_object *object;
	struct swarm_rules after;
	s32 answer = swarm_update_parse(buf, len, CPUS, &update, paths, sizeof(paths), &err);

	if (answer) {
		check_error(answer, &err, len);
		return;
	}
	object = model_read(buf, len);
	CHECK(object);
	CHECK(update.id == json_object_get_uint64(json_object_object_get(object, "id")));
	for (u32 each = 0; each < SWARM_NR_UPDATE_KEYS; each++) {
		bool named = json_object_object_get_ex(object, swarm_update_key_name(each), NULL);

		CHECK(each == SWARM_UPDATE_ID || named == !!(update.keys & (1U << each)));
	}
	model_rules(object, &update.request, paths, true);
	CHECK(!swarm_request_parse((const u8 *)before, strlen(before), CPUS, &rules, paths, sizeof(paths), &err));
	after = rules.rules;
	swarm_update_apply(&update, &after);
	check_applied(&update, &rules.rules, &after);
	json_object_put(object);
}

static void fuzz_attach(const u8 *buf, size_t len)
{
	struct swarm_attach attach, expected;
	struct swarm_policy_error err;
	s32 answer = swarm_attach_parse(buf, len, &attach, &err);
	struct json_object *object = model_read(buf, len);

	if (answer) {
		check_error(answer, &err, len);
		CHECK(!object || !comparable(buf, len, &err) || !model_attach(object, &expected));
	} else {
		CHECK(object && model_attach(object, &expected));
		CHECK(!memcmp(&attach, &expected, sizeof(attach)));
	}
	json_object_put(object);
}

static void fuzz_target(const u8 *buf, size_t len)
{
	u64 id = 0, expected;
	struct swarm_policy_error err;
	s32 answer = swarm_target_parse(buf, len, &id, &err);
	struct json_object *object = model_read(buf, len);

	if (answer) {
		check_error(answer, &err, len);
		CHECK(!object || !comparable(buf, len, &err) || !model_target(object, &expected));
	} else {
		CHECK(object && model_target(object, &expected) && id == expected);
	}
	json_object_put(object);
}

static void fuzz_id(const u8 *buf, size_t len)
{
	u64 id = 0, expected = 0;
	size_t taken = 0, at = 0;
	struct swarm_policy_error err;
	s32 answer = swarm_id_parse(buf, len, &id, &taken, &err);
	const u8 *newline = memchr(buf, '\n', len);
	size_t end = newline ? (size_t)(newline - buf) : len;

	if (answer) {
		check_error(answer, &err, len);
		return;
	}
	CHECK(taken == (newline ? end + 1 : len));
	while (at < end && strchr(" \t\r", buf[at]) && buf[at])
		at++;
	for (; at < end && buf[at] >= '0' && buf[at] <= '9'; at++)
		expected = expected * 10 + (buf[at] - '0');
	while (at < end && strchr(" \t\r", buf[at]) && buf[at])
		at++;
	CHECK(at == end && id == expected && id < 1ULL << 53);
}

/* What the framer finds in a stream. */
struct found {
	s32 frame, error;
	size_t end;
	u32 length, offset;
};

#define FOUND_MAX	4096

/* Hands a stream over in pieces, of 1 to @most bytes by @seed, and notes what is found. */
static size_t frames(const u8 *buf, size_t len, u8 lines, size_t most, u32 seed, struct found *found)
{
	struct swarm_framer framer = { .lines = lines };
	size_t at = 0, number = 0;

	while (at < len) {
		size_t piece, start = 0, done = 0;

		seed = seed * 1664525 + 1013904223;
		piece = 1 + (seed >> 8) % most;
		if (piece > len - at)
			piece = len - at;
		while (done < piece) {
			struct swarm_policy_error err = {};
			size_t taken = 0;
			u8 *bytes = malloc(piece - done);
			s32 frame;

			/* A copy, so that reading a byte too many is seen. */
			memcpy(bytes, buf + at + done, piece - done);
			frame = swarm_frame_next(&framer, bytes, piece - done, &start, &taken, &err);
			free(bytes);
			CHECK(taken > 0 && taken <= piece - done && start <= taken);
			done += taken;
			if (frame == SWARM_FRAME_MORE) {
				CHECK(done == piece);
				continue;
			}
			CHECK(number < FOUND_MAX);
			if (frame == SWARM_FRAME_ERROR)
				check_error(-err.error, &err, len);
			found[number++] = (struct found){
				.frame = frame, .error = err.error, .offset = err.offset,
				.end = at + done, .length = framer.length,
			};
		}
		at += piece;
	}
	return number;
}

static void fuzz_stream(const u8 *buf, size_t len, u8 lines)
{
	static struct found whole[FOUND_MAX], pieces[FOUND_MAX];
	const u32 seed = len > 3 ? buf[1] | buf[len / 2] << 8 | buf[len - 1] << 16 : 0;
	size_t number;

	if (len >= FOUND_MAX)
		return;
	number = frames(buf, len, lines, len + 1, seed, whole);
	CHECK(number == frames(buf, len, lines, 7, seed, pieces));
	for (size_t each = 0; each < number; each++) {
		const struct found *this = &whole[each];

		CHECK(this->frame == pieces[each].frame && this->error == pieces[each].error);
		if (this->frame == SWARM_FRAME_ERROR) {
			CHECK(this->offset == pieces[each].offset);
			continue;
		}
		CHECK(this->end == pieces[each].end && this->length == pieces[each].length);
		CHECK(this->length && this->length <= this->end && this->length <= SWARM_OBJECT_MAX);
		if (lines && buf[this->end - 1] == '\n') {
			CHECK(this->length <= 64 && !memchr(buf + this->end - 1 - this->length, '\n', this->length));
			continue;
		}
		/* The framer counts brackets; which of them it is, the parser asks. */
		CHECK(buf[this->end - this->length] == '{' && strchr("]}", buf[this->end - 1]));
		fuzz_create(buf + this->end - this->length, this->length);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 *buf;
	size_t len;

	if (!size || !strchr("cuatisl", *data) || !*data)
		return -1;
	len = size - 1;
	buf = malloc(len ? len : 1);
	memcpy(buf, data + 1, len);
	switch (*data) {
	case 'c':
		fuzz_create(buf, len);
		break;
	case 'u':
		fuzz_update(buf, len);
		break;
	case 'a':
		fuzz_attach(buf, len);
		break;
	case 't':
		fuzz_target(buf, len);
		break;
	case 'i':
		fuzz_id(buf, len);
		break;
	default:
		fuzz_stream(buf, len, *data == 'l');
	}
	free(buf);
	return 0;
}
