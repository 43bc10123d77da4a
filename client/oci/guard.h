// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <utility>

#include "json.h"

namespace swarm {

/** An object that the module refuses, in its own words. */
struct Refusal : Failure {
	Refusal(const std::string &what, std::string error, std::string field)
		: Failure(what), error(std::move(error)), field(std::move(field))
	{
	}

	/** The name of its errno. */
	std::string error;
	/** The key at fault, if it is one. */
	std::string field;
};

/**
 * Makes an agent, of an object of /proc/swarm/create.
 *
 * @return its id. Throws a Refusal, or a Failure if the module cannot be asked.
 */
std::uint64_t create(const Json &object);

/**
 * Makes this process one of an agent that runs. It is to enter the agent's namespaces: the
 * rules count from the first execve there on. Throws a Failure with the module's own words.
 */
void enter(std::uint64_t agent);

} // namespace swarm
