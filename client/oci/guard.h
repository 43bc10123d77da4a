// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <cstdint>

#include "json.h"

namespace swarm {

/**
 * Makes an agent, of an object of /proc/swarm/create.
 *
 * @return its id. Throws a Failure with the module's own words.
 */
std::uint64_t create(const Json &object);

/**
 * Makes this process one of an agent that runs. It is to enter the agent's namespaces: the
 * rules count from the first execve there on. Throws a Failure with the module's own words.
 */
void enter(std::uint64_t agent);

} // namespace swarm
