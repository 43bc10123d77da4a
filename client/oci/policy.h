// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <string>

#include "json.h"
#include "settings.h"

namespace swarm {

/** A container, as the runtime tells its hook. */
struct Created {
	std::string id;
	/** Of its first process, as the host numbers it. */
	int pid;
	/** Its configuration, config.json of the bundle. */
	Json config;
	/** The kinds of namespaces that it does not share with the host, as `namespace_flags`. */
	unsigned int namespaces;
};

/**
 * The object to write to /proc/swarm/create for a container, but for the process. From what
 * it is made, the later over the earlier:
 *
 *   - the container: its namespaces, capabilities, no_new_privs and devices
 *   - the policy that the settings name
 *   - the one of their directory that the annotation io.swarmguard.policy names
 *   - annotations io.swarmguard.KEY, as JSON, or as text, if the settings allow them
 *
 * A later key replaces an earlier one, but for `syscalls`, whose rules are laid over each
 * other call by call: what nobody names stays denied.
 *
 * Throws a Failure that names the annotation or the file.
 */
Json policy_of(const Created &container, const Settings &settings);

/** The kinds of namespaces in which a process is not where process 1 is. Throws a Failure. */
unsigned int own_namespaces(int pid);

/**
 * A name for the agent, of 1 to 31 characters that the module takes: the id's beginning, and more. It is no number:
 * commands would take it for an agent's id.
 */
std::string name_of(const std::string &id, const Json &annotations);

/**
 * Refuses a configuration with annotations by which crun may run WebAssembly, a virtual machine
 * or .NET in its own process. It executes nothing then, and rules count from an execve on.
 */
void refuse_handlers(const Json &config);

} // namespace swarm
