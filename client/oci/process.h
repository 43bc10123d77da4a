// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace swarm {

/** Becomes a program. Returns only by throwing a Failure. */
[[noreturn]] void execute(const std::filesystem::path &program,
			  const std::vector<std::string> &words);

/**
 * Runs a program to its end, and hands signals on to it.
 *
 * @param output gets what it prints, if it is given; else that goes where ours goes
 * @param quiet hides what it prints about errors
 * @return its exit status, or 128 and the number of the signal that ended it
 */
int run(const std::filesystem::path &program, const std::vector<std::string> &words,
	std::string *output = nullptr, bool quiet = false);

} // namespace swarm
