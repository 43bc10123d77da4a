// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "arguments.h"

namespace swarm {

/** The length of the file that --log names; 0 if there is none. */
std::uintmax_t log_size(const Arguments &arguments);

/**
 * Tells the engine what has failed, as runc and crun do: at the end of the file that --log
 * names, as --log-format says, and on the standard error. Others may write to the same file.
 *
 * If the runtime has failed because of our hook, it has said so itself, without the reason.
 * Engines show the last line, or take all of the file for one: so what the file has got since
 * it had the size that is given is taken out, if each line of it is the runtime's about a hook.
 */
void report(const Arguments &arguments, const std::string &message,
	    std::optional<std::uintmax_t> since = {}) noexcept;

/** Tells the system's log that a container has started without an agent. */
void warn(const std::string &message) noexcept;

} // namespace swarm
