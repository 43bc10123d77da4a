// SPDX-License-Identifier: MIT OR Apache-2.0
#include "policy.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <system_error>
#include <utility>

namespace swarm {

namespace {

constexpr std::string_view PREFIX = "io.swarmguard.";
constexpr const char *BY_NAME = "io.swarmguard.policy";

/** The kinds of namespaces by their files below /proc/PID/ns, and their bits of `namespace_flags`. */
constexpr std::array<std::pair<const char *, unsigned int>, 8> NAMESPACES = { {
	{ "pid", 1 },
	{ "net", 2 },
	{ "mnt", 4 },
	{ "uts", 8 },
	{ "ipc", 16 },
	{ "user", 32 },
	{ "cgroup", 64 },
	{ "time", 128 },
} };

constexpr unsigned int USER = 32;
constexpr unsigned int ALL_NAMESPACES = 255;

/** The devices that every container has, as an agent may use them. */
constexpr std::array USUAL_DEVICES = {
	"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
	"c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm",
};

/** The part of a configuration that a path of keys leads to, or an empty object. */
const Json &part(const Json &config, std::initializer_list<const char *> path)
{
	static const Json nothing = Json::object();
	const Json *at = &config;

	for (const char *key : path) {
		const auto found = at->is_object() ? at->find(key) : at->end();

		if (found == at->end())
			return nothing;
		at = &*found;
	}
	return *at;
}

std::string text_of(const Json &object, const char *key)
{
	const Json &value = part(object, { key });

	return value.is_string() ? value.get<std::string>() : "";
}

/** `CAP_NET_RAW` as the module has it: `net_raw`. */
std::string capability(const std::string &name)
{
	std::string lower = name.substr(name.rfind("CAP_", 0) == 0 ? 4 : 0);

	std::transform(lower.begin(), lower.end(), lower.begin(),
		       [](unsigned char letter) { return std::tolower(letter); });
	return lower;
}

Json capabilities_of(const Json &config)
{
	Json names = Json::array();

	for (const Json &name : part(config, { "process", "capabilities", "bounding" }))
		if (name.is_string())
			names.push_back(capability(name.get<std::string>()));
	return names;
}

/** Does the engine allow every device, as it does for a container that is privileged? */
bool allows_all_devices(const Json &config)
{
	for (const Json &rule : part(config, { "linux", "resources", "devices" })) {
		const std::string type = text_of(rule, "type");

		if (part(rule, { "allow" }) == true && (type.empty() || type == "a") &&
		    !rule.contains("major") && text_of(rule, "access") == "rwm")
			return true;
	}
	return false;
}

Json devices_of(const Json &config)
{
	Json rules = Json::array();

	if (allows_all_devices(config))
		return Json::array({ "a" });
	for (const char *rule : USUAL_DEVICES)
		rules.push_back(rule);
	for (const Json &device : part(config, { "linux", "devices" })) {
		const std::string type = text_of(device, "type") == "b" ? "b" : "c";
		const Json &major = part(device, { "major" }), &minor = part(device, { "minor" });

		if (!major.is_number_integer() || !minor.is_number_integer())
			continue;
		const std::string rule = type + " " + major.dump() + ":" + minor.dump() + " rwm";

		if (std::find(rules.begin(), rules.end(), rule) == rules.end())
			rules.push_back(rule);
	}
	return rules;
}

/** The policy that the container itself asks for by its settings. */
Json from_container(const Created &container)
{
	Json policy = Json::object();

	policy["capabilities"] = capabilities_of(container.config);
	policy["no_new_privs"] =
		part(container.config, { "process", "noNewPrivileges" }) == true;
	policy["devices"] = devices_of(container.config);
	return policy;
}

/** A key over what the policy has of it: rules of `syscalls` call by call, anything else whole. */
void put(Json &policy, const std::string &key, const Json &value)
{
	Json &former = policy[key];

	if (former.is_object() && value.is_object())
		former.update(value);
	else
		former = value;
}

void lay_over(Json &policy, const Json &over, const std::string &whose)
{
	if (!over.is_object())
		throw Failure(whose + " is no object of JSON");
	for (const auto &[key, value] : over.items())
		put(policy, key, value);
}

/** The file that an annotation names: one of the directory, by its name there. */
std::filesystem::path named_policy(const std::string &name, const Settings &settings)
{
	if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
		throw Failure("annotation io.swarmguard.policy: '" + name +
			      "' is no file of " + settings.policies.string());
	return settings.policies / (name + (name.ends_with(".json") ? "" : ".json"));
}

/** The value of an annotation: JSON, or the text as it stands. */
Json value_of(const std::string &key, const std::string &text)
{
	try {
		Json value = parse_rules(text);

		return value.is_discarded() ? Json(text) : value;
	} catch (const Failure &failure) {
		throw Failure("annotation " + key + ": " + failure.what());
	}
}

/** Sets single keys. What the settings do not allow is refused: it may have been meant to forbid something. */
void take_annotations(Policy &policy, const Json &annotations, Annotations allowed)
{
	for (const auto &[key, value] : annotations.items()) {
		if (key.rfind(PREFIX, 0) || key == BY_NAME)
			continue;
		if (allowed != Annotations::all)
			throw Strict("annotation " + key + ": containers may ask only for a policy by its name, by " +
				     BY_NAME + "; annotations = true in runtime.toml allows all keys");
		const std::string name = key.substr(PREFIX.size());

		if (name == "name")
			throw Strict("annotation " + key + ": an agent has the name of its container");
		if (!value.is_string())
			throw Strict("annotation " + key + " is no text");
		put(policy.object, name, value_of(key, value.get<std::string>()));
		policy.asked.push_back(name);
	}
}

/** Takes what the container asks for, the later over the earlier. */
void take_asked(Policy &policy, const Json &annotations, const Settings &settings)
{
	const Json named = annotations.value(BY_NAME, Json());

	if (!named.is_null()) {
		const std::filesystem::path file =
			named_policy(named.is_string() ? named.get<std::string>() : named.dump(), settings);
		const Json over = read_rules(file);

		lay_over(policy.object, over, file.string());
		for (const auto &[key, value] : over.items())
			policy.asked.push_back(key);
	}
	take_annotations(policy, annotations, settings.annotations);
}

/** namespace_flags: what the policy asks for must be there, and what is there counts. */
void settle_namespaces(Json &policy, unsigned int own)
{
	const Json asked = policy.value("namespace_flags", Json(0U));

	if (!asked.is_number_unsigned() || asked.get<std::uint64_t>() > ALL_NAMESPACES)
		throw Failure("namespace_flags: " + asked.dump() + " is no sum of 1 to 128");
	for (const auto &[kind, bit] : NAMESPACES)
		if (asked.get<unsigned int>() & bit & ~own)
			throw Failure(std::string("the policy asks for a ") + kind +
				      " namespace, and the container shares the host's; "
				      "start it with one of its own, or change namespace_flags");
	policy["namespace_flags"] = own;
	// Without a user namespace a policy has to say that it is meant.
	policy["privileged"] = !(own & USER);
}

/** Refuses keys that no container can have, and settles those that its namespaces settle. */
void settle(Json &policy, const Created &container)
{
	for (const char *key : { "spawn", "pid", "pidfd", "after_exec", "persist" })
		if (policy.contains(key))
			throw Failure(std::string("a container's policy cannot have the key ") + key);
	// For a limit the module moves a process to a cgroup of the agent's: out of the one in
	// which the engine limits, freezes and counts it.
	for (const char *key : { "memory_limit", "cpu_quota", "pids_limit" })
		if (policy.contains(key))
			throw Failure(std::string("a container's policy cannot have the key ") + key +
				      ": its engine sets limits");
	settle_namespaces(policy, container.namespaces);
}

/**
 * The policy that the container's annotations ask for. It is looked at alone, and before anything else can fail: then no
 * fault of another opens a container that asks for what it cannot have.
 */
Policy asked_of(const Created &container, const Json &annotations, const Settings &settings)
{
	Policy asked{ .object = Json::object(), .asked = {} };

	try {
		if (settings.annotations != Annotations::none && annotations.is_object())
			take_asked(asked, annotations, settings);
		Json settled = asked.object;

		settle(settled, container);
	} catch (const std::exception &error) {
		throw Strict(error.what());
	}
	return asked;
}

} // namespace

void refuse_handlers(const Json &config)
{
	for (const char *key : { "run.oci.handler", "module.wasm.image/variant" })
		if (part(config, { "annotations", key }).is_string())
			throw Strict(std::string("annotation ") + key +
				     ": crun may run such a container without an execve, from which rules count");
}

Policy policy_of(const Created &container, const Settings &settings)
{
	const Json &annotations = part(container.config, { "annotations" });

	refuse_handlers(container.config);
	const Policy asked = asked_of(container, annotations, settings);
	Policy policy{ .object = from_container(container), .asked = asked.asked };

	lay_over(policy.object, read_rules(settings.policy), settings.policy.string());
	lay_over(policy.object, asked.object, "what the container asks for");
	settle(policy.object, container);
	if (!policy.object.contains("name"))
		policy.object["name"] = name_of(container.id, annotations);
	return policy;
}

unsigned int own_namespaces(int pid)
{
	const std::filesystem::path process = "/proc/" + std::to_string(pid);
	unsigned int own = 0;

	for (const auto &[kind, bit] : NAMESPACES) {
		std::error_code error;
		const auto its = std::filesystem::read_symlink(process / "ns" / kind, error);
		const auto first =
			error ? its : std::filesystem::read_symlink("/proc/1/ns" / std::filesystem::path(kind), error);

		if (error)
			throw Failure("the namespaces of process " + std::to_string(pid) +
				      " cannot be read: " + error.message());
		if (its != first)
			own |= bit;
	}
	return own;
}

std::string name_of(const std::string &id, const Json &annotations)
{
	static constexpr std::array KEYS = {
		"io.kubernetes.cri.container-name",
		"io.kubernetes.container.name",
		"io.container.manager.name",
	};
	static constexpr std::size_t ID = 12, ALL = 31;
	std::string name = id.substr(0, ID);

	for (const char *key : KEYS) {
		const std::string more = text_of(annotations, key);

		if (!more.empty()) {
			name += "." + more;
			break;
		}
	}
	for (char &letter : name)
		if (!std::isalnum(static_cast<unsigned char>(letter)) && letter != '-' &&
		    letter != '.' && letter != '_')
			letter = '-';
	if (std::all_of(name.begin(), name.end(), [](unsigned char each) { return std::isdigit(each); }))
		name = "c" + name;
	return name.substr(0, ALL);
}

} // namespace swarm
