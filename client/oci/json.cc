// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

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

} // namespace

Json parse_json(std::string_view text)
{
	return Json::parse(text, not_too_deep, false);
}

Json read_json(const std::filesystem::path &path)
{
	const std::string text = read_file(path);

	try {
		return Json::parse(text, not_too_deep);
	} catch (const Json::parse_error &error) {
		throw Failure(path.string() + " is no JSON: byte " + std::to_string(error.byte));
	} catch (const Failure &failure) {
		throw Failure(path.string() + ": " + failure.what());
	}
}

} // namespace swarm
