// SPDX-License-Identifier: MIT OR Apache-2.0
#include "hook.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <iterator>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard.h"
#include "policy.h"

namespace swarm {

namespace {

Json state_from(std::istream &input)
{
	const std::string text{ std::istreambuf_iterator<char>(input), {} };
	Json state = parse_json(text);

	if (!state.is_object() || !state.value("pid", Json()).is_number_integer())
		throw Failure("the runtime has told its hook no process");
	return state;
}

/**
 * May what the container has asked for be the reason why the module refuses its policy? The module may name the other
 * one of two keys that do not fit together, and it names a key that it does not know shortened, and without the
 * characters that are no printable ASCII: such a key can only be the container's.
 */
bool may_be_for_asked(const Refusal &refusal, const Policy &policy)
{
	if (policy.asked.empty())
		return false;
	if (refusal.error == "EINVAL" || refusal.error == "E2BIG")
		return true;
	return !refusal.field.empty() &&
	       (!policy.object.contains(refusal.field) ||
		std::find(policy.asked.begin(), policy.asked.end(), refusal.field) != policy.asked.end());
}

} // namespace

void adopt(const Container &container, const Settings &settings)
{
	const Json state = state_from(std::cin);
	const int pid = state["pid"].get<int>();
	const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));

	if (pidfd < 0)
		throw Failure("the container's process " + std::to_string(pid) + ": " +
			      std::strerror(errno));
	Policy policy = policy_of({ .id = state.value("id", ""),
				    .pid = pid,
				    .config = read_json(container.file("config.json")),
				    .namespaces = own_namespaces(pid) },
				  settings);
	policy.object["pidfd"] = pidfd;
	// The process has yet to mount, to pivot and to drop what it is to lose.
	policy.object["after_exec"] = true;
	std::uint64_t agent;

	try {
		agent = create(policy.object);
	} catch (const Refusal &refusal) {
		if (may_be_for_asked(refusal, policy))
			throw Strict(refusal.what());
		throw;
	}
	try {
		container.remember_agent(agent, policy.object["name"].dump());
	} catch (const Failure &failure) {
		// Nothing could be executed in it under its rules.
		throw Strict(failure.what());
	}
}

} // namespace swarm
