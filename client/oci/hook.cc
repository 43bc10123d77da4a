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

/** Is what the container has asked for the reason why the module refuses its policy? */
bool is_for_asked(const Refusal &refusal, const std::vector<std::string> &asked)
{
	if (refusal.field.empty())
		return !asked.empty() && (refusal.error == "EINVAL" || refusal.error == "E2BIG");
	return std::find(asked.begin(), asked.end(), refusal.field) != asked.end();
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
		if (is_for_asked(refusal, policy.asked))
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
