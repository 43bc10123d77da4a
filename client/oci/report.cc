// SPDX-License-Identifier: MIT OR Apache-2.0
#include "report.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <syslog.h>

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

/** Takes out what a log has got since it had a size, if all of it is about a hook: lines of others stay. */
void leave_out_hook(const std::string &log, std::uintmax_t since)
{
	if (!std::filesystem::is_regular_file(log))
		return;
	const std::string text = read_file(log);

	for (std::size_t at = since; at < text.size();) {
		const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;

		if (text.substr(at, end - at).find("hook") == std::string::npos)
			return;
		at = end;
	}
	if (since < text.size())
		std::filesystem::resize_file(log, since);
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
		if (since)
			leave_out_hook(log, *since);
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
