// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "json.h"

namespace swarm {

/**
 * The memory of a container between the calls of its engine, in a directory below
 * /run/swarm-guard/containers:
 *
 *   config.json	its configuration with our hook, for the runtime
 *   container.json	where it comes from, for the hook
 *   agent.json		its agent
 *   failure		why the hook has failed
 *
 * The directory is locked by the call that makes it, until that ends, and by one that
 * removes it.
 */
class Container {
    public:
	/** @param root the runtime's directory of state, by which equal ids of engines differ */
	Container(const std::filesystem::path &root, const std::string &id);
	/** One by its directory, for the hook. */
	explicit Container(std::filesystem::path directory) : directory_(std::move(directory)) {}
	~Container();
	Container(const Container &) = delete;
	Container &operator=(const Container &) = delete;

	const std::filesystem::path &directory() const { return directory_; }
	std::filesystem::path file(const char *name) const { return directory_ / name; }
	/**
	 * Makes the directory, empty, and locks it. One that is there is another container's
	 * if @p exists says so, and else is left from one that is gone. Throws a Failure.
	 */
	void make(const std::function<bool()> &exists);
	/** Locks the directory if it is there, and nobody else has locked it. */
	bool lock();
	/** Removes the directory, which is locked. */
	void remove() noexcept;
	/** The id of its agent, if it is one. Throws a Failure if that cannot be read. */
	std::optional<std::uint64_t> agent() const;
	void remember_agent(std::uint64_t agent, const std::string &name) const;

    private:
	bool is_locked_one() const;
	void unlock() noexcept;

	std::filesystem::path directory_;
	int lock_ = -1;
};

} // namespace swarm
