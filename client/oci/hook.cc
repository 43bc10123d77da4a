// SPDX-License-Identifier: MIT OR Apache-2.0
#include "hook.h"

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

} // namespace

void adopt(const Container &container, const Settings &settings)
{
	const Json state = state_from(std::cin);
	const int pid = state["pid"].get<int>();
	const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));

	if (pidfd < 0)
		throw Failure("the container's process " + std::to_string(pid) + ": " +
			      std::strerror(errno));
	Json policy = policy_of({ .id = state.value("id", ""),
				  .pid = pid,
				  .config = read_json(container.file("config.json")),
				  .namespaces = own_namespaces(pid) },
				settings);
	policy["pidfd"] = pidfd;
	// The process has yet to mount, to pivot and to drop what it is to lose.
	policy["after_exec"] = true;
	container.remember_agent(create(policy), policy["name"].dump());
}

} // namespace swarm
