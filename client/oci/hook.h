// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include "container.h"
#include "settings.h"

namespace swarm {

/** The word by which the runtime's hook calls this program. */
inline constexpr const char *HOOK = "--swarm-hook";

/**
 * Makes a container an agent: called by the runtime when the container's namespaces are
 * there, and its first process waits in them. The state of the container is on standard
 * input (runtime-spec, "State"). Throws a Failure: a Strict if what the container asks for is at fault.
 */
void adopt(const Container &container, const Settings &settings);

} // namespace swarm
