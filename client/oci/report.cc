// SPDX-License-Identifier: MIT OR Apache-2.0
#include "report.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "json.h"

namespace swarm {

namespace {

constexpr std::string_view NAME = "swarm-runtime: ";

/** The present time, as RFC 3339 has it. */
std::string now()
{
	const std::time_t seconds = std::time(nullptr);
	std::tm parts = {};
	char text[32];

	gmtime_r(&seconds, &parts);
	return std::string(text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts));
}

/** A message may name what is no UTF-8. */
std::string dump(const Json &json)
{
	return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string line_of(const Arguments &arguments, const std::string &message)
{
	if (arguments.value("log-format") == "json")
		return dump({ { "level", "error" }, { "msg", message }, { "time", now() } }) + "\n";
	return "time=\"" + now() + "\" level=error msg=" + dump(message) + "\n";
}

/** The file that --log names, if it is one: crun knows journald: and syslog:, too. */
std::string log_of(const Arguments &arguments)
{
	const std::string log = arguments.value("log").value_or("");

	if (log.rfind("file:", 0) == 0)
		return log.substr(5);
	return log.rfind("journald:", 0) == 0 || log.rfind("syslog:", 0) == 0 ? "" : log;
}

/** A log that is locked, so that of several of these programs one at a time looks at it and writes to it. */
class Locked {
    public:
	explicit Locked(const std::string &log)
	{
		if (!std::filesystem::is_regular_file(log))
			return;
		fd_ = open(log.c_str(), O_RDWR | O_CLOEXEC);
		// Whoever else has locked it does not keep the reason from being told.
		for (int tries = 0; fd_ >= 0 && tries < 10 && !locked_; ++tries) {
			locked_ = !flock(fd_, LOCK_EX | LOCK_NB);
			if (!locked_)
				usleep(10000);
		}
	}
	~Locked()
	{
		if (fd_ >= 0)
			close(fd_);
	}
	Locked(const Locked &) = delete;
	Locked &operator=(const Locked &) = delete;

	explicit operator bool() const { return locked_; }

	/** Cuts it to a size, if it has had another one all the time: nobody has added to it. */
	void cut(std::uintmax_t from, std::uintmax_t to) const
	{
		struct stat now;

		if (!fstat(fd_, &now) && static_cast<std::uintmax_t>(now.st_size) == from &&
		    ftruncate(fd_, static_cast<off_t>(to)))
			throw Failure(std::string("the log cannot be cut: ") + std::strerror(errno));
	}

    private:
	int fd_ = -1;
	bool locked_ = false;
};

/** Does the runtime say with a line that a hook has failed, as crun does, or as runc does? */
bool is_about_hook(std::string_view line)
{
	if (line.find("error executing hook") != std::string_view::npos)
		return true;
	const std::size_t at = line.find("error running ");

	return at != std::string_view::npos && line.find("hook #", at) != std::string_view::npos;
}

/** Takes out what a log has got since it had a size, if all of it is about a hook: lines of others stay. */
void leave_out_hook(const Locked &locked, const std::string &log, std::uintmax_t since)
{
	const std::string text = read_file(log);

	for (std::size_t at = since; at < text.size();) {
		const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;

		if (!is_about_hook(std::string_view(text).substr(at, end - at)))
			return;
		at = end;
	}
	if (since < text.size())
		locked.cut(text.size(), since);
}

} // namespace

std::uintmax_t log_size(const Arguments &arguments)
{
	std::error_code error;
	const std::uintmax_t size = std::filesystem::file_size(log_of(arguments), error);

	return error ? 0 : size;
}

void report(const Arguments &arguments, const std::string &message,
	    std::optional<std::uintmax_t> since) noexcept
{
	try {
		const std::string full = std::string(NAME) + message;
		const std::string log = log_of(arguments);

		std::fprintf(stderr, "%s\n", full.c_str());
		if (log.empty() || log.rfind("/dev/", 0) == 0)
			return;
		const Locked locked(log);

		if (since && locked)
			leave_out_hook(locked, log, *since);
		append_file(log, line_of(arguments, full));
	} catch (const std::exception &error) {
		std::fprintf(stderr, "%s\n", error.what());
	}
}

void warn(const std::string &message) noexcept
{
	openlog("swarm-runtime", LOG_PID, LOG_DAEMON);
	syslog(LOG_WARNING, "%s", message.c_str());
	closelog();
}

} // namespace swarm
