// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swarm {

/** The way in which a runtime reads its command line. */
enum class Syntax {
	/** crun: `-b DIR`, `-bDIR`, `-td`, `--bundle DIR`; options stand before the container's id. */
	getopt,
	/** runc: `-b DIR`, `-bundle DIR`, `--detach=false`; those of create and run may stand behind it. */
	go,
};

/**
 * The command line of runc, which crun has, too: options before the command, the command,
 * options behind it, a container's id. Only what is needed here is looked at; all words are
 * passed on as they are.
 *
 * Before a command that starts a program, and behind it, each option must be known here: the
 * word behind one that is not may be its value, and then the container another than it seems.
 */
class Arguments {
    public:
	Arguments(std::vector<std::string> words, Syntax syntax);

	/** Throws a Failure if the words cannot be told apart. */
	void check() const;
	/** The command, or nothing if there is none: `--version`, `--help`. */
	const std::string &command() const { return command_; }
	/** The container's id: the first word behind the command that is no option. */
	const std::string &container() const { return container_; }
	/** Is there an option, before or behind the command, that is not `=false`? */
	bool has(std::string_view name) const;
	/** The value of an option before or behind the command; the last one counts. */
	std::optional<std::string> value(std::string_view name) const;
	/** All words, the program's name left out. */
	const std::vector<std::string> &words() const { return words_; }
	/** All words, but the values of an option, which is added if it is missing. */
	std::vector<std::string> replacing(std::string_view name, const std::string &value) const;

    private:
	struct Option {
		std::string name;
		std::string value;
		/** The value's place among the words. */
		std::size_t at;
		/** The part of its word before the value. */
		std::string prefix;
	};

	void parse(Syntax syntax);
	void take_long(std::size_t &at, std::size_t start);
	void take_letters(std::size_t &at);
	void take_unknown(const std::string &word, std::string_view name, bool has_value);
	const Option *find(std::string_view name) const;

	std::vector<std::string> words_;
	std::vector<Option> options_;
	std::string command_;
	std::string container_;
	std::string unknown_;
	std::size_t command_at_ = 0;
};

} // namespace swarm
