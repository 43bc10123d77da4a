// SPDX-License-Identifier: MIT OR Apache-2.0
#include "container.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace swarm {

namespace {

constexpr const char *ABOVE = "/run/swarm-guard";
constexpr const char *BASE = "/run/swarm-guard/containers";

/** A path as one part of another: different ones stay different. */
std::string flat(const std::filesystem::path &path)
{
	std::string text;

	for (const char letter : path.string())
		text += letter == '/' ? "%" : letter == '%' ? "%25" : std::string(1, letter);
	return text;
}

/** The directory that a path means, however it is written. */
std::filesystem::path meant_by(const std::filesystem::path &path)
{
	const auto whole = std::filesystem::weakly_canonical(std::filesystem::absolute(path));

	return whole.has_filename() ? whole : whole.parent_path();
}

/** Return: whether it was not there. The umask can take from the mode, and does not add to it. */
bool make_directory(const std::filesystem::path &path, mode_t mode)
{
	if (!mkdir(path.c_str(), mode))
		return true;
	if (errno != EEXIST)
		throw Failure(path.string() + " cannot be made: " + std::strerror(errno));
	return false;
}

} // namespace

Container::Container(const std::filesystem::path &root, const std::string &id)
{
	if (id.empty() || id == "." || id == ".." || id.find('/') != std::string::npos)
		throw Failure("'" + id + "' is no id of a container");
	directory_ = std::filesystem::path(BASE) / flat(meant_by(root)) / id;
}

Container::~Container()
{
	unlock();
}

void Container::unlock() noexcept
{
	if (lock_ >= 0)
		close(lock_);
	lock_ = -1;
}

/** It may have been removed, and made anew, before it was locked. */
bool Container::is_locked_one() const
{
	struct stat locked, named;

	return !fstat(lock_, &locked) && !lstat(directory_.c_str(), &named) &&
	       locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
}

bool Container::lock()
{
	lock_ = open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (lock_ >= 0 && !flock(lock_, LOCK_EX | LOCK_NB) && is_locked_one())
		return true;
	unlock();
	return false;
}

void Container::make(const std::function<bool()> &exists)
{
	make_directory(ABOVE, 0755);
	make_directory(BASE, 0700);
	make_directory(directory_.parent_path(), 0700);
	const bool is_new = make_directory(directory_, 0700);

	if (!lock())
		throw Failure("container " + directory_.filename().string() +
			      " is being made or removed by another call");
	if (is_new)
		return;
	if (exists()) {
		unlock();
		throw Failure("container " + directory_.filename().string() + " exists already");
	}
	for (const auto &entry : std::filesystem::directory_iterator(directory_))
		std::filesystem::remove_all(entry.path());
}

void Container::remove() noexcept
{
	std::error_code ignored;

	if (lock_ >= 0)
		std::filesystem::remove_all(directory_, ignored);
	unlock();
}

std::optional<std::uint64_t> Container::agent() const
{
	if (!std::filesystem::exists(file("agent.json")))
		return std::nullopt;
	try {
		return read_json(file("agent.json")).at("agent").get<std::uint64_t>();
	} catch (const Json::exception &) {
		throw Failure(file("agent.json").string() + " names no agent");
	}
}

void Container::remember_agent(std::uint64_t agent, const std::string &name) const
{
	write_file(file("agent.json"), Json{ { "agent", agent }, { "name", name } }.dump() + "\n");
}

} // namespace swarm
