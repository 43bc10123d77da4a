// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "json.h"

namespace swarm {

/**
 * What is remembered of a container between the calls of its engine, in a directory below
 * /run/swarm-guard/containers:
 *
 *   config.json	its configuration with our hook, for the runtime
 *   container.json	where it comes from, for the hook
 *   agent.json		its agent
 *   failure		why the hook has failed
 */
class Container {
    public:
	/** @param root the runtime's directory of state, by which equal ids of engines differ */
	Container(const std::filesystem::path &root, const std::string &id);
	/** One by its directory, for the hook. */
	explicit Container(std::filesystem::path directory) : directory_(std::move(directory)) {}

	const std::filesystem::path &directory() const { return directory_; }
	std::filesystem::path file(const char *name) const { return directory_ / name; }
	/** Makes the directory anew. Throws a Failure. */
	void make() const;
	/** Removes the directory; it may be missing. */
	void remove() const noexcept;
	/** The id of its agent, if it is one. Throws a Failure if that cannot be read. */
	std::optional<std::uint64_t> agent() const;
	void remember_agent(std::uint64_t agent, const std::string &name) const;

    private:
	std::filesystem::path directory_;
};

} // namespace swarm
