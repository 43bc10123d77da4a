// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "json.h"
#include "settings.h"

namespace swarm {

/** A container, as the runtime tells its hook. */
struct Created {
	std::string id;
	/** The id of its first process, as the host numbers it. */
	int pid;
	/** Its configuration, config.json of the bundle. */
	Json config;
	/** The kinds of namespaces that it does not share with the host, as `namespace_flags`. */
	unsigned int namespaces;
};

/** A container's policy. */
struct Policy {
	/** The object to write to /proc/swarm/create, but for the process. */
	Json object;
	/** The keys that the container has asked for by its annotations. */
	std::vector<std::string> asked;
};

/**
 * The policy of a container. From what it is made, the later over the earlier:
 *
 *   - the container: its namespaces, capabilities, no_new_privs and devices
 *   - the policy that the settings name
 *   - the one of their directory that the annotation io.swarmguard.policy names
 *   - annotations io.swarmguard.KEY, as JSON, or as text, if the settings allow them
 *
 * A later key replaces an earlier one, but for `syscalls`, whose rules are laid over each
 * other call by call: what nobody names stays denied.
 *
 * Throws a Failure that names the annotation or the file: a Strict if the container would have a policy without what
 * it asks for.
 */
Policy policy_of(const Created &container, const Settings &settings);

/** The kinds of namespaces in which a process is not where process 1 is. Throws a Failure. */
unsigned int own_namespaces(int pid);

/**
 * A name for the agent, of 1 to 31 characters that the module takes: the id's beginning, and more. It is no number:
 * commands would take it for an agent's id.
 */
std::string name_of(const std::string &id, const Json &annotations);

/**
 * Refuses a configuration with annotations by which crun may run WebAssembly, a virtual machine
 * or .NET in its own process. It executes nothing then, and rules count from an execve on. Throws a Strict.
 */
void refuse_handlers(const Json &config);

} // namespace swarm
