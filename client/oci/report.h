// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <string>

#include "arguments.h"

namespace swarm {

/**
 * Tells the engine what has failed, as runc and crun do: in the file that --log names, as
 * --log-format says, and on the standard error. The file then has this line alone: engines
 * show the last one, or take all of it for one.
 */
void report(const Arguments &arguments, const std::string &message) noexcept;

/** Tells the system's log that a container has started without an agent. */
void warn(const std::string &message) noexcept;

} // namespace swarm
