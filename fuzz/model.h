/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the documents say of objects, read by another parser of JSON (json-c): the
 * fuzzer compares it with what the policy core makes of the same bytes.
 */
#ifndef SWARM_FUZZ_MODEL_H
#define SWARM_FUZZ_MODEL_H

#include <json.h>
#include <stdbool.h>
#include <stddef.h>

#include "../module/policy.h"

/* Ends the program where a condition does not hold; libFuzzer keeps the input. */
#define CHECK(condition) \
	((condition) ? (void)0 : swarm_fuzz_failed(#condition, __FILE__, __LINE__))

_Noreturn void swarm_fuzz_failed(const char *condition, const char *file, int line);

/**
 * model_read - parse an object strictly
 * @raw: set to the length of the JSON text
 * Return: the object, to be released by json_object_put(), or NULL if json-c takes the
 * bytes for something else.
 */
struct json_object *model_read(const u8 *buf, size_t len);

/**
 * model_rules - compare the rules of an object that was accepted with the text
 * @object: the object as json-c has read it
 * @request: what the core has made of it
 * @paths: the decoded exec_paths
 * @update: compare only the keys that the text has; others have no default
 */
void model_rules(struct json_object *object, const struct swarm_request *request,
		 const u8 *paths, bool update);

/* The answer of swarm_attach_parse: true if the documents allow such an object. */
bool model_attach(struct json_object *object, struct swarm_attach *out);

/* The answer of swarm_target_parse, likewise. */
bool model_target(struct json_object *object, u64 *id);

/* The answers of swarm_device_allowed and swarm_socket_allowed. */
bool model_device(const struct swarm_rules *rules, u32 type, u32 major, u32 minor, u32 access);
bool model_socket(const struct swarm_rules *rules, u32 family, u32 type, u32 protocol);

#endif
