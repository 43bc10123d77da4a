// SPDX-License-Identifier: MIT OR Apache-2.0
// The policy core, module/src, for Node: the functions of policy.h on bytes and plain values.
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

	const swarm_rules &rules = request.rules;
	Napi::Object out = Napi::Object::New(env);
	out["memory_limit"] = Napi::BigInt::New(env, static_cast<uint64_t>(rules.memory_limit));
	out["cpu_quota"] = Napi::Number::New(env, rules.cpu_quota);
	out["pids_limit"] = Napi::Number::New(env, rules.pids_limit);
	out["namespace_flags"] = Napi::Number::New(env, rules.namespaces);
	out["privileged"] = Napi::Boolean::New(env, rules.privileged);
	out["persist"] = Napi::Boolean::New(env, rules.persist);
	out["propagation"] = Napi::Number::New(env, rules.propagation);
	out["devpts"] = Napi::Boolean::New(env, rules.devpts);
	out["spawn"] = Napi::Boolean::New(env, request.spawn);
	out["pid"] = Napi::Number::New(env, request.pid);
	out["name"] = Napi::String::New(env, request.name);
	Napi::Array syscalls = Napi::Array::New(env, SWARM_NR_SYSCALLS);
	for (uint32_t i = 0; i < SWARM_NR_SYSCALLS; i++)
		syscalls[i] = Napi::Number::New(env, rules.syscalls[i]);
	out["syscalls"] = syscalls;
	Napi::Array list = Napi::Array::New(env, request.nr_exec_paths);
	for (uint32_t i = 0; i < request.nr_exec_paths; i++) {
		const swarm_exec_path &path = request.exec_paths[i];
		list[i] = Napi::Buffer<u8>::Copy(env, paths.data() + path.offset, path.length);
	}
	out["exec_paths"] = list;
	out["rules"] = Napi::Buffer<u8>::Copy(env, reinterpret_cast<const u8 *>(&rules), sizeof(rules));
	return out;
}

// deviceAllowed(rules, type, major, minor, access), with the rules of parse().
Napi::Value device_allowed(const Napi::CallbackInfo &info)
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
	return Napi::Boolean::New(env, swarm_device_allowed(&rules, number(1), number(2), number(3), number(4)));
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
	exports["deviceAllowed"] = Napi::Function::New(env, device_allowed);
	exports["frames"] = Napi::Function::New(env, frames);
	return exports;
}

} // namespace

NODE_API_MODULE(swarm_policy, init)
