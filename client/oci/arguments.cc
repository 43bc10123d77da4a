// SPDX-License-Identifier: MIT OR Apache-2.0
#include "arguments.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "json.h"

namespace swarm {

namespace {

/** An option as runc or crun has it. */
struct Known {
	std::string_view name;
	char letter;
	/** Has it a value, which may be the next word? */
	bool valued;
};

constexpr Known ANYWHERE[] = {
	{ "help", 'h', false },
	{ "help", '?', false },
	{ "usage", 0, false },
};

constexpr Known BEFORE[] = {
	{ "log", 0, true },	       { "log-format", 0, true },     { "log-level", 0, true },
	{ "root", 0, true },	       { "criu", 0, true },	      { "rootless", 0, true },
	{ "cgroup-manager", 0, true }, { "systemd-cgroup", 0, false }, { "debug", 0, false },
	{ "version", 'v', false },     { "version", 'V', false },
};

constexpr Known OF_CREATE[] = {
	{ "bundle", 'b', true },       { "config", 'f', true },	      { "console-socket", 0, true },
	{ "pid-file", 0, true },       { "preserve-fds", 0, true },   { "pidfd-socket", 0, true },
	{ "no-pivot", 0, false },      { "no-new-keyring", 0, false }, { "no-subreaper", 0, false },
	{ "detach", 'd', false },      { "keep", 0, false },
};

constexpr Known OF_EXEC[] = {
	{ "console-socket", 0, true }, { "cwd", 0, true },	      { "env", 'e', true },
	{ "user", 'u', true },	       { "additional-gids", 'g', true }, { "process", 'p', true },
	{ "pid-file", 0, true },       { "process-label", 0, true },  { "apparmor", 0, true },
	{ "cap", 'c', true },	       { "preserve-fds", 0, true },   { "cgroup", 0, true },
	{ "pidfd-socket", 0, true },   { "detach", 'd', false },      { "tty", 't', false },
	{ "no-new-privs", 0, false },  { "ignore-paused", 0, false },
};

bool starts_container(std::string_view command)
{
	return command == "create" || command == "run";
}

/** The options of a command; those before it without one. */
std::span<const Known> options_of(std::string_view command)
{
	if (command.empty())
		return BEFORE;
	if (starts_container(command))
		return OF_CREATE;
	if (command == "exec")
		return OF_EXEC;
	return {};
}

template <typename Matches>
const Known *find_known(std::string_view command, Matches &&matches)
{
	for (const auto options : { options_of(command), std::span<const Known>(ANYWHERE) })
		for (const Known &option : options)
			if (matches(option))
				return &option;
	return nullptr;
}

/** An option by its name, or in Go by its letter, too. */
const Known *find_named(std::string_view command, std::string_view name)
{
	return find_known(command, [name](const Known &option) {
		return option.name == name ||
		       (name.size() == 1 && option.letter == name.front());
	});
}

/** Tells if Go's flags take a value for false. */
bool is_false(std::string_view value)
{
	static constexpr std::array FALSE = { "0", "f", "F", "false", "False", "FALSE" };

	return std::find(FALSE.begin(), FALSE.end(), value) != FALSE.end();
}

} // namespace

Arguments::Arguments(std::vector<std::string> words, Syntax syntax) : words_(std::move(words))
{
	parse(syntax);
}

void Arguments::parse(Syntax syntax)
{
	bool ended = false;

	for (std::size_t at = 0; at < words_.size() && unknown_.empty(); ++at) {
		const std::string &word = words_[at];

		if (ended || word.size() < 2 || word.front() != '-') {
			if (command_.empty()) {
				command_ = word;
				command_at_ = at;
				// The command has options of its own.
				ended = false;
				continue;
			}
			if (container_.empty())
				container_ = word;
			if (ended || syntax != Syntax::go || !starts_container(command_))
				return;
		} else if (word == "--") {
			ended = true;
			if (!container_.empty())
				return;
		} else if (word[1] == '-') {
			take_long(at, 2);
		} else if (syntax == Syntax::go) {
			take_long(at, 1);
		} else {
			take_letters(at);
		}
	}
}

/** `--name`, `--name=value`, `--name value`, and in Go with one dash. */
void Arguments::take_long(std::size_t &at, std::size_t start)
{
	const std::string &word = words_[at];
	const std::size_t equals = word.find('=');
	const std::string_view name =
		std::string_view(word).substr(start, equals == std::string::npos ? equals : equals - start);
	const Known *known = find_named(command_, name);

	if (!known)
		return take_unknown(word, name, equals != std::string::npos);
	if (equals != std::string::npos)
		options_.push_back({ std::string(known->name), word.substr(equals + 1), at,
				     word.substr(0, equals + 1) });
	else if (known->valued && at + 1 < words_.size())
		options_.push_back({ std::string(known->name), words_[at + 1], at + 1, "" }), ++at;
	else
		options_.push_back({ std::string(known->name), "", at, word });
}

/** Letters of getopt, of which the last one may have a value, in this word or the next. */
void Arguments::take_letters(std::size_t &at)
{
	const std::string word = words_[at];
	const std::size_t first = at;

	for (std::size_t i = 1; i < word.size(); ++i) {
		const Known *known = find_known(command_, [&](const Known &option) {
			return option.letter == word[i];
		});

		if (!known)
			return take_unknown(word, std::string_view(word).substr(i, 1), false);
		if (!known->valued) {
			options_.push_back({ std::string(known->name), "", first, word });
			continue;
		}
		if (i + 1 < word.size())
			options_.push_back({ std::string(known->name), word.substr(i + 1), first,
					     word.substr(0, i + 1) });
		else if (at + 1 < words_.size())
			options_.push_back({ std::string(known->name), words_[at + 1], at + 1, "" }), ++at;
		return;
	}
}

/**
 * An option that is not known here. With a value in its word it is harmless, unless it is
 * one of those in short, as getopt takes it.
 */
void Arguments::take_unknown(const std::string &word, std::string_view name, bool has_value)
{
	const bool counts = command_.empty() || !options_of(command_).empty();

	if (counts && (!has_value || find_known(command_, [name](const Known &option) {
			       return option.name.starts_with(name);
		       })))
		unknown_ = word;
}

void Arguments::check() const
{
	if (!unknown_.empty())
		throw Failure("option " + unknown_ +
			      " is unknown here, so the container cannot be told from its value; "
			      "write it in full, or as --name=value");
}

const Arguments::Option *Arguments::find(std::string_view name) const
{
	const auto found = std::find_if(options_.rbegin(), options_.rend(),
					[name](const Option &option) { return option.name == name; });

	return found == options_.rend() ? nullptr : &*found;
}

bool Arguments::has(std::string_view name) const
{
	const Option *option = find(name);

	return option && !is_false(option->value);
}

std::optional<std::string> Arguments::value(std::string_view name) const
{
	const Option *option = find(name);

	if (!option)
		return std::nullopt;
	return option->value;
}

std::vector<std::string> Arguments::replacing(std::string_view name,
					      const std::string &value) const
{
	std::vector<std::string> words = words_;

	if (!find(name))
		words.insert(words.begin() + static_cast<std::ptrdiff_t>(command_at_) + 1,
			     { "--" + std::string(name), value });
	for (const Option &option : options_)
		if (option.name == name)
			words[option.at] = option.prefix + value;
	return words;
}

} // namespace swarm
