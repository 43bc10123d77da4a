// SPDX-License-Identifier: MIT OR Apache-2.0
#include "arguments.h"

#include <algorithm>
#include <span>
#include <utility>

namespace swarm {

namespace {

/** An option whose value may be the next word. */
struct Valued {
	std::string_view name;
	char letter;
};

constexpr Valued BEFORE[] = {
	{ "log", 0 },	   { "log-format", 0 }, { "log-level", 0 },	 { "root", 0 },
	{ "criu", 0 },	   { "rootless", 0 },	{ "cgroup-manager", 0 },
};

constexpr Valued OF_CREATE[] = {
	{ "bundle", 'b' },   { "config", 'f' },	      { "console-socket", 0 },
	{ "pid-file", 0 },   { "preserve-fds", 0 },
};

constexpr Valued OF_EXEC[] = {
	{ "console-socket", 0 },   { "cwd", 0 },	 { "env", 'e' },     { "user", 'u' },
	{ "additional-gids", 'g' }, { "process", 'p' },	 { "pid-file", 0 },  { "process-label", 0 },
	{ "apparmor", 0 },	   { "cap", 'c' },	 { "preserve-fds", 0 }, { "cgroup", 0 },
};

/** The options with values of a command, as runc and crun have them; those before it without one. */
std::span<const Valued> valued_of(std::string_view command)
{
	if (command.empty())
		return BEFORE;
	if (command == "create" || command == "run")
		return OF_CREATE;
	if (command == "exec")
		return OF_EXEC;
	return {};
}

const Valued *find_valued(std::string_view command, std::string_view name)
{
	for (const Valued &option : valued_of(command))
		if (option.name == name || (name.size() == 1 && option.letter == name.front()))
			return &option;
	return nullptr;
}

} // namespace

Arguments::Arguments(std::vector<std::string> words) : words_(std::move(words))
{
	std::size_t at = 0;

	for (; at < words_.size(); ++at) {
		const std::string &word = words_[at];

		if (word.size() < 2 || word.front() != '-') {
			if (command_.empty()) {
				command_ = word;
				command_at_ = at;
				continue;
			}
			container_ = word;
			break;
		}
		// Go's flags may begin with one dash, and "--" ends them.
		if (word == "--") {
			if (at + 1 < words_.size() && !command_.empty())
				container_ = words_[at + 1];
			break;
		}
		const std::size_t start = word.find_first_not_of('-');
		const std::size_t equals = word.find('=');
		const std::string_view given = std::string_view(word).substr(start, equals - start);
		const Valued *valued = find_valued(command_, given);
		const std::string name(valued ? valued->name : given);

		if (equals != std::string::npos) {
			options_.push_back({ name, word.substr(equals + 1), at, true });
		} else if (valued && at + 1 < words_.size()) {
			++at;
			options_.push_back({ name, words_[at], at, false });
		} else {
			options_.push_back({ name, "", at, true });
		}
	}
}

bool Arguments::has(std::string_view name) const
{
	return std::any_of(options_.begin(), options_.end(),
			   [name](const Option &option) { return option.name == name; });
}

std::optional<std::string> Arguments::value(std::string_view name) const
{
	const auto found = std::find_if(options_.rbegin(), options_.rend(),
					[name](const Option &option) { return option.name == name; });

	if (found == options_.rend())
		return std::nullopt;
	return found->value;
}

std::vector<std::string> Arguments::with(const std::vector<std::string> &more) const
{
	std::vector<std::string> words = words_;

	words.insert(words.begin() + static_cast<std::ptrdiff_t>(command_at_) + 1, more.begin(),
		     more.end());
	return words;
}

std::vector<std::string> Arguments::replacing(std::string_view name,
					      const std::string &value) const
{
	if (!has(name))
		return with({ "--" + std::string(name), value });
	std::vector<std::string> words = words_;

	for (const Option &option : options_)
		if (option.name == name)
			words[option.at] =
				option.joined ? "--" + option.name + "=" + value : value;
	return words;
}

} // namespace swarm
