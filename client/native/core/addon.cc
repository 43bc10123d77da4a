// SPDX-License-Identifier: MIT OR Apache-2.0
// The policy core, module/src, for Node: the functions of policy.h and names.h on bytes and plain values.
#include <napi.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "policy.h"
}

namespace {

using Bytes = Napi::Uint8Array;

Napi::Value refusal(Napi::Env env, const swarm_policy_error &error)
{
	Napi::Object out = Napi::Object::New(env);

	out["errno"] = Napi::Number::New(env, error.error);
	out["offset"] = Napi::Number::New(env, error.offset);
	out["field"] = Napi::String::New(env, error.field);
	out["message"] = Napi::String::New(env, error.message);
	return out;
}

// An object of create as the core reads it.
Napi::Object read(Napi::Env env, const swarm_request &request, const std::vector<u8> &paths)
{
	const swarm_rules &rules = request.rules;
	Napi::Object out = Napi::Object::New(env);
	out["memory_limit"] = Napi::BigInt::New(env, static_cast<uint64_t>(rules.memory_limit));
	out["cpu_quota"] = Napi::Number::New(env, rules.cpu_quota);
	out["pids_limit"] = Napi::Number::New(env, rules.pids_limit);
	out["namespace_flags"] = Napi::Number::New(env, rules.namespaces);
	out["privileged"] = Napi::Boolean::New(env, rules.privileged);
	out["persist"] = Napi::Boolean::New(env, rules.persist);
	out["propagation"] = Napi::Number::New(env, rules.propagation);
	out["network"] = Napi::Number::New(env, rules.network);
	out["devpts"] = Napi::Boolean::New(env, rules.devpts);
	out["proc"] = Napi::Boolean::New(env, rules.proc);
	out["oom_group"] = Napi::Boolean::New(env, rules.oom_group);
	out["core"] = Napi::Boolean::New(env, rules.core);
	out["capabilities"] = Napi::BigInt::New(env, static_cast<uint64_t>(rules.capabilities));
	out["no_new_privs"] = Napi::Boolean::New(env, rules.no_new_privs);
	out["hostname"] = Napi::String::New(env, rules.hostname, strnlen(rules.hostname, SWARM_HOSTNAME_MAX));
	out["spawn"] = Napi::Boolean::New(env, request.spawn);
	out["pid"] = Napi::Number::New(env, request.pid);
	out["pidfd"] = Napi::Number::New(env, request.pidfd);
	out["after_exec"] = Napi::Boolean::New(env, request.after_exec);
	out["name"] = Napi::String::New(env, request.name);
	Napi::Array syscalls = Napi::Array::New(env, SWARM_NR_SYSCALLS);
	for (uint32_t i = 0; i < SWARM_NR_SYSCALLS; i++)
		syscalls[i] = Napi::Number::New(env, rules.syscalls[i]);
	out["syscalls"] = syscalls;
	Napi::Object calls = Napi::Object::New(env);
	for (uint32_t i = 0; const char *name = swarm_call_name(i); i++)
		if (swarm_call_rule(&rules, i) != SWARM_ALLOW)
			calls[name] = Napi::Number::New(env, swarm_call_rule(&rules, i));
	out["calls"] = calls;
	Napi::Array list = Napi::Array::New(env, request.nr_exec_paths);
	for (uint32_t i = 0; i < request.nr_exec_paths; i++) {
		const swarm_exec_path &path = request.exec_paths[i];
		list[i] = Napi::Buffer<u8>::Copy(env, paths.data() + path.offset, path.length);
	}
	out["exec_paths"] = list;
	out["rules"] = Napi::Buffer<u8>::Copy(env, reinterpret_cast<const u8 *>(&rules), sizeof(rules));
	return out;
}

// parse(bytes, cpus): what create makes of one object.
Napi::Value parse(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Bytes bytes = info[0].As<Bytes>();
	swarm_policy_error error = {};
	swarm_request request = {};
	std::vector<u8> paths(SWARM_OBJECT_MAX);

	if (swarm_request_parse(bytes.Data(), bytes.ByteLength(), info[1].As<Napi::Number>().Uint32Value(), &request,
				paths.data(), paths.size(), &error))
		return refusal(env, error);

	return read(env, request, paths);
}

// parseUpdate(bytes, cpus): what update makes of one object, and the rules of another one after it.
Napi::Value parse_update(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Bytes bytes = info[0].As<Bytes>();
	Bytes before = info[2].As<Bytes>();
	swarm_policy_error error = {};
	swarm_update update = {};
	swarm_request request = {};
	std::vector<u8> paths(SWARM_OBJECT_MAX);
	u32 cpus = info[1].As<Napi::Number>().Uint32Value();

	if (swarm_update_parse(bytes.Data(), bytes.ByteLength(), cpus, &update, paths.data(), paths.size(), &error))
		return refusal(env, error);
	Napi::Object out = Napi::Object::New(env);
	out["id"] = Napi::BigInt::New(env, static_cast<uint64_t>(update.id));
	out["keys"] = Napi::Number::New(env, update.keys);
	out["frozen"] = Napi::Boolean::New(env, update.frozen);
	out["request"] = read(env, update.request, paths);
	if (swarm_request_parse(before.Data(), before.ByteLength(), cpus, &request, paths.data(), paths.size(), &error))
		return refusal(env, error);
	swarm_update_apply(&update, &request.rules);
	out["after"] = read(env, request, paths);
	return out;
}

// parseAttach(bytes): what attach makes of one object.
Napi::Value parse_attach(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Bytes bytes = info[0].As<Bytes>();
	swarm_policy_error error = {};
	swarm_attach attach = {};

	if (swarm_attach_parse(bytes.Data(), bytes.ByteLength(), &attach, &error))
		return refusal(env, error);
	Napi::Object out = Napi::Object::New(env);
	out["id"] = Napi::BigInt::New(env, static_cast<uint64_t>(attach.id));
	out["pid"] = Napi::Number::New(env, attach.pid);
	out["pidfd"] = Napi::Number::New(env, attach.pidfd);
	out["after_exec"] = Napi::Boolean::New(env, attach.after_exec);
	out["enters"] = Napi::Boolean::New(env, attach.enters);
	return out;
}

// parseTarget(bytes): what spawn and destroy make of one object.
Napi::Value parse_target(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Bytes bytes = info[0].As<Bytes>();
	swarm_policy_error error = {};
	u64 id = 0;

	if (swarm_target_parse(bytes.Data(), bytes.ByteLength(), &id, &error))
		return refusal(env, error);
	Napi::Object out = Napi::Object::New(env);
	out["id"] = Napi::BigInt::New(env, static_cast<uint64_t>(id));
	return out;
}

// parseId(bytes): what destroy and inspect make of one line; a blank one is id 0.
Napi::Value parse_id(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Bytes bytes = info[0].As<Bytes>();
	swarm_policy_error error = {};
	size_t taken = 0;
	u64 id = 0;

	if (swarm_id_parse(bytes.Data(), bytes.ByteLength(), &id, &taken, &error))
		return refusal(env, error);
	Napi::Object out = Napi::Object::New(env);
	out["id"] = Napi::BigInt::New(env, static_cast<uint64_t>(id));
	out["taken"] = Napi::Number::New(env, static_cast<double>(taken));
	return out;
}

const char *namespace_of_index(u32 index)
{
	return index < 32 ? swarm_namespace_name(1u << index) : nullptr;
}

// names(): every name that the core has, by list, in the order of their numbers.
Napi::Value names(const Napi::CallbackInfo &info)
{
	static const struct {
		const char *list;
		const char *(*name)(u32 number);
	} lists[] = {
		{ "keys", swarm_key_name },
		{ "attachKeys", swarm_attach_key_name },
		{ "targetKeys", swarm_target_key_name },
		{ "updateKeys", swarm_update_key_name },
		{ "actions", swarm_action_name },
		{ "capabilities", swarm_capability_name },
		{ "networks", swarm_network_name },
		{ "propagations", swarm_propagation_name },
		{ "kinds", swarm_kind_name },
		{ "outcomes", swarm_outcome_name },
		{ "origins", swarm_origin_name },
		{ "reasons", swarm_end_name },
		{ "states", swarm_state_name },
		{ "events", swarm_event_name },
		{ "freezes", swarm_freeze_name },
		{ "namespaces", namespace_of_index },
		{ "calls", swarm_call_name },
		{ "families", swarm_family_name },
	};
	Napi::Env env = info.Env();
	Napi::Object out = Napi::Object::New(env);

	for (const auto &each : lists) {
		Napi::Array list = Napi::Array::New(env);
		for (u32 number = 0; const char *name = each.name(number); number++)
			list[number] = Napi::String::New(env, name);
		out[each.list] = list;
	}
	return out;
}

// limits(): those that policy.h has.
Napi::Value limits(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Napi::Object out = Napi::Object::New(env);

	out["object"] = Napi::Number::New(env, SWARM_OBJECT_MAX);
	out["devices"] = Napi::Number::New(env, SWARM_DEVICES_MAX);
	out["execPaths"] = Napi::Number::New(env, SWARM_EXEC_PATHS_MAX);
	out["name"] = Napi::Number::New(env, SWARM_NAME_MAX);
	out["hostname"] = Napi::Number::New(env, SWARM_HOSTNAME_MAX);
	out["syscalls"] = Napi::Number::New(env, SWARM_NR_SYSCALLS);
	out["namespaces"] = Napi::Number::New(env, SWARM_NS_ALL);
	out["sockets"] = Napi::Number::New(env, SWARM_SOCKETS_MAX);
	return out;
}

// Answers what ask(rules, number) says of the rules of parse(), the first argument; number(i) is argument i.
template <typename Ask> Napi::Value about_rules(const Napi::CallbackInfo &info, Ask ask)
{
	Napi::Env env = info.Env();
	Bytes bytes = info[0].As<Bytes>();
	swarm_rules rules;

	if (bytes.ByteLength() != sizeof(rules)) {
		Napi::TypeError::New(env, "expected the rules that parse() returned").ThrowAsJavaScriptException();
		return env.Undefined();
	}
	std::memcpy(&rules, bytes.Data(), sizeof(rules));
	auto number = [&](size_t i) { return info[i].As<Napi::Number>().Uint32Value(); };
	return Napi::Boolean::New(env, ask(&rules, number));
}

// deviceAllowed(rules, type, major, minor, access)
Napi::Value device_allowed(const Napi::CallbackInfo &info)
{
	return about_rules(info, [](const swarm_rules *rules, auto number) {
		return swarm_device_allowed(rules, number(1), number(2), number(3), number(4));
	});
}

// socketAllowed(rules, family, type, protocol)
Napi::Value socket_allowed(const Napi::CallbackInfo &info)
{
	return about_rules(info, [](const swarm_rules *rules, auto number) {
		return swarm_socket_allowed(rules, number(1), number(2), number(3));
	});
}

// frames(pieces): how a stream of objects is cut, each piece a write of its own.
Napi::Value frames(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Napi::Array pieces = info[0].As<Napi::Array>();
	Napi::Array out = Napi::Array::New(env);
	swarm_framer framer = {};
	uint32_t found = 0;
	double before = 0;

	for (uint32_t i = 0; i < pieces.Length(); i++) {
		Bytes piece = pieces.Get(i).As<Bytes>();
		size_t at = 0;

		while (at < piece.ByteLength()) {
			swarm_policy_error error = {};
			size_t start = 0, taken = 0;
			s32 frame = swarm_frame_next(&framer, piece.Data() + at, piece.ByteLength() - at, &start, &taken,
						     &error);

			at += taken;
			if (frame == SWARM_FRAME_MORE)
				continue;
			Napi::Object one = Napi::Object::New(env);
			one["end"] = Napi::Number::New(env, before + static_cast<double>(at));
			if (frame == SWARM_FRAME_ERROR)
				one["error"] = refusal(env, error);
			out[found++] = one;
			if (!taken)
				break;
		}
		before += static_cast<double>(piece.ByteLength());
	}
	return out;
}

Napi::Object init(Napi::Env env, Napi::Object exports)
{
	exports["parse"] = Napi::Function::New(env, parse);
	exports["parseUpdate"] = Napi::Function::New(env, parse_update);
	exports["parseAttach"] = Napi::Function::New(env, parse_attach);
	exports["parseTarget"] = Napi::Function::New(env, parse_target);
	exports["parseId"] = Napi::Function::New(env, parse_id);
	exports["names"] = Napi::Function::New(env, names);
	exports["limits"] = Napi::Function::New(env, limits);
	exports["deviceAllowed"] = Napi::Function::New(env, device_allowed);
	exports["socketAllowed"] = Napi::Function::New(env, socket_allowed);
	exports["frames"] = Napi::Function::New(env, frames);
	return exports;
}

} // namespace

NODE_API_MODULE(swarm_policy, init)
