// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace swarm {

/** JSON whose objects keep their order, so that a copy of a file reads as the file does. */
using Json = nlohmann::ordered_json;

/** A failure: what went wrong, where, and what to do, one line for the engine's user. */
struct Failure : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/**
 * A failure that stops a container whatever fail_open says, such as one of what the container itself asks for: else
 * whoever writes it could ask for what cannot be done, and have no rules.
 */
struct Strict : Failure {
	using Failure::Failure;
};

/** The contents of a file. Throws a Failure that names it. */
std::string read_file(const std::filesystem::path &path);
/** Writes a file, readable by its owner only. Throws a Failure that names it. */
void write_file(const std::filesystem::path &path, std::string_view text);
/** Adds to the end of a file, which is made if it is missing. Throws a Failure that names it. */
void append_file(const std::filesystem::path &path, std::string_view text);
/** JSON, discarded if it is none. Throws a Failure if it is nested too deep to be worked with. */
Json parse_json(std::string_view text);
/** The same. Throws a Failure also if an object has a key twice: what is meant cannot be told then. */
Json parse_rules(std::string_view text);
/** A file with JSON. Throws a Failure that names it. */
Json read_json(const std::filesystem::path &path);
/** A file with rules in JSON. Throws a Failure that names it, also if an object has a key twice. */
Json read_rules(const std::filesystem::path &path);

} // namespace swarm
