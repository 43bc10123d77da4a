// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <unistd.h>
#include <vector>

namespace swarm {

namespace {

/** A descriptor that is closed at the end of its scope. */
class Descriptor {
    public:
	explicit Descriptor(int number) : number_(number) {}
	~Descriptor()
	{
		if (number_ >= 0)
			close(number_);
	}
	Descriptor(const Descriptor &) = delete;
	Descriptor &operator=(const Descriptor &) = delete;
	int get() const { return number_; }

    private:
	int number_;
};

Failure about(const std::filesystem::path &path, const char *what)
{
	return Failure(path.string() + ": " + what + ": " + std::strerror(errno));
}

} // namespace

std::string read_file(const std::filesystem::path &path)
{
	const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
	std::string text;
	char buffer[65536];

	if (file.get() < 0)
		throw about(path, "cannot be opened");
	for (;;) {
		const ssize_t got = read(file.get(), buffer, sizeof(buffer));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			throw about(path, "cannot be read");
		if (got == 0)
			return text;
		text.append(buffer, static_cast<size_t>(got));
	}
}

namespace {

void write_to(const std::filesystem::path &path, int flags, std::string_view text)
{
	const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600));

	if (file.get() < 0)
		throw about(path, "cannot be made");
	while (!text.empty()) {
		const ssize_t written = write(file.get(), text.data(), text.size());

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			throw about(path, "cannot be written");
		text.remove_prefix(static_cast<size_t>(written));
	}
}

} // namespace

void write_file(const std::filesystem::path &path, std::string_view text)
{
	write_to(path, O_TRUNC, text);
}

void append_file(const std::filesystem::path &path, std::string_view text)
{
	write_to(path, O_APPEND, text);
}

namespace {

/** Far more than any configuration has. Whoever writes or copies JSON calls itself for each level. */
constexpr int DEPTH_MAX = 100;

/** Sees each value as it is parsed. */
bool not_too_deep(int depth, Json::parse_event_t, Json &)
{
	if (depth > DEPTH_MAX)
		throw Failure("JSON is nested more than " + std::to_string(DEPTH_MAX) + " deep");
	return true;
}

/** The same, for rules: of a key that is given twice, the parser would take the last, which may be the weaker one. */
class OnceEach {
    public:
	bool operator()(int depth, Json::parse_event_t event, Json &parsed)
	{
		if (event == Json::parse_event_t::object_start)
			open_.emplace_back();
		else if (event == Json::parse_event_t::object_end)
			open_.pop_back();
		else if (event == Json::parse_event_t::key &&
			 !open_.back().insert(parsed.get<std::string>()).second)
			throw Failure("the key " + parsed.get<std::string>() + " is given twice");
		return not_too_deep(depth, event, parsed);
	}

    private:
	/** The keys of each object that has not ended. */
	std::vector<std::set<std::string>> open_;
};

Json read_with(const std::filesystem::path &path, const Json::parser_callback_t &sees)
{
	const std::string text = read_file(path);

	try {
		return Json::parse(text, sees);
	} catch (const Json::parse_error &error) {
		throw Failure(path.string() + " is no JSON: byte " + std::to_string(error.byte));
	} catch (const Failure &failure) {
		throw Failure(path.string() + ": " + failure.what());
	}
}

} // namespace

Json parse_json(std::string_view text)
{
	return Json::parse(text, not_too_deep, false);
}

Json parse_rules(std::string_view text)
{
	return Json::parse(text, OnceEach(), false);
}

Json read_json(const std::filesystem::path &path)
{
	return read_with(path, not_too_deep);
}

Json read_rules(const std::filesystem::path &path)
{
	return read_with(path, OnceEach());
}

} // namespace swarm
