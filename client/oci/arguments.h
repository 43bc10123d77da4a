// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swarm {

/**
 * The command line of runc, which crun has, too: options before the command, the command,
 * options behind it, a container's id. Only what is needed here is looked at; all words are
 * passed on as they are.
 */
class Arguments {
    public:
	explicit Arguments(std::vector<std::string> words);

	/** The command, or nothing if there is none: `--version`, `--help`. */
	const std::string &command() const { return command_; }
	/** The container's id: the first word behind the command that is no option. */
	const std::string &container() const { return container_; }
	/** Is there an option, before or behind the command? */
	bool has(std::string_view name) const;
	/** The value of an option before or behind the command; the last one counts. */
	std::optional<std::string> value(std::string_view name) const;
	/** All words, the program's name left out. */
	const std::vector<std::string> &words() const { return words_; }
	/** All words, with others put behind the command. */
	std::vector<std::string> with(const std::vector<std::string> &more) const;
	/** All words, but the values of an option, which is added if it is missing. */
	std::vector<std::string> replacing(std::string_view name, const std::string &value) const;

    private:
	struct Option {
		std::string name;
		std::string value;
		/** Where the value is among the words. */
		std::size_t at;
		/** Does its word begin with the option? */
		bool joined;
	};

	std::vector<std::string> words_;
	std::vector<Option> options_;
	std::string command_;
	std::string container_;
	std::size_t command_at_ = 0;
};

} // namespace swarm
