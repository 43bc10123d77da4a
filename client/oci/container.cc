// SPDX-License-Identifier: MIT OR Apache-2.0
#include "container.h"

#include <algorithm>
#include <system_error>

namespace swarm {

namespace {

constexpr const char *BASE = "/run/swarm-guard/containers";

/** A path as one part of another. */
std::string flat(const std::filesystem::path &path)
{
	std::string text = path.lexically_normal().string();

	std::replace(text.begin(), text.end(), '/', '%');
	return text;
}

} // namespace

Container::Container(const std::filesystem::path &root, const std::string &id)
{
	if (id.empty() || id == "." || id == ".." || id.find('/') != std::string::npos)
		throw Failure("'" + id + "' is no id of a container");
	directory_ = std::filesystem::path(BASE) / flat(root) / id;
}

void Container::make() const
{
	std::error_code error;

	std::filesystem::remove_all(directory_, error);
	if (!error)
		std::filesystem::create_directories(directory_, error);
	if (!error)
		std::filesystem::permissions(BASE, std::filesystem::perms::owner_all, error);
	if (error)
		throw Failure(directory_.string() + " cannot be made: " + error.message());
}

void Container::remove() const noexcept
{
	std::error_code ignored;

	std::filesystem::remove_all(directory_, ignored);
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
