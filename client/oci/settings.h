// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <filesystem>

namespace swarm {

/** The keys that a container may ask for by annotations. */
enum class Annotations {
	/** Nothing: they are ignored. */
	none,
	/** One of the operator's policies by its name; any other is refused. */
	named,
	/** Also single keys of its policy. */
	all,
};

/** The settings of /etc/swarm-guard/runtime.toml. */
struct Settings {
	/** The runtime that does the work: crun or runc. */
	std::filesystem::path runtime = "/usr/bin/crun";
	/** The policy of every container. */
	std::filesystem::path policy = "/etc/swarm-guard/container.json";
	/** The directory of the policies that a container may ask for by name, over that one. */
	std::filesystem::path policies = "/etc/swarm-guard/policies";
	/** The keys that containers may ask for: whoever makes an image may have written its annotations. */
	Annotations annotations = Annotations::named;
	/** Does a container start, without rules, if it cannot be made an agent? */
	bool fail_open = false;
};

/**
 * Reads the settings. A file that is missing leaves them as they are above.
 * Throws a Failure that names the file, the line and the key.
 */
Settings read_settings(const std::filesystem::path &path);

} // namespace swarm
