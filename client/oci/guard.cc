// SPDX-License-Identifier: MIT OR Apache-2.0
#include "guard.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace swarm {

namespace {

/** An answer has at most a line. */
constexpr std::size_t ANSWER_MAX = 65536;

Refusal refusal_of(const Json &answer)
{
	const std::string field = answer.value("field", "");
	const std::string error = answer.value("error", "");
	const std::string message = answer.value("message", "no reason is given");

	return { (field.empty() ? "" : field + ": ") + message + " (" + error + ")", error, field };
}

/** The failure of a file. */
Failure trouble(const std::string &path, int error)
{
	if (error == ENOENT)
		return Failure("the kernel module swarm_guard is not loaded; load it (modprobe swarm_guard)");
	return Failure(path + ": " + std::strerror(error));
}

/** A file of /proc/swarm that takes objects. */
class Orders {
    public:
	explicit Orders(const char *file) : path_(std::string("/proc/swarm/") + file)
	{
		fd_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
		if (fd_ < 0)
			throw trouble(path_, errno);
	}
	~Orders() { close(fd_); }
	Orders(const Orders &) = delete;
	Orders &operator=(const Orders &) = delete;

	/** Throws a Failure if the object is refused, with what the answer says. */
	void write(const Json &object)
	{
		const std::string text = object.dump();

		if (::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()))
			return;
		const int error = errno;
		const Json answer = read();

		if (answer.is_object())
			throw refusal_of(answer);
		throw trouble(path_, error);
	}

	/** The answer; anything but an object if there is none. */
	Json read()
	{
		std::string line(ANSWER_MAX, '\0');
		ssize_t got;

		do {
			got = ::read(fd_, line.data(), line.size());
		} while (got < 0 && errno == EINTR);
		line.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
		return parse_json(line);
	}

    private:
	std::string path_;
	int fd_;
};

} // namespace

std::uint64_t create(const Json &object)
{
	Orders orders("create");

	orders.write(object);
	const Json answer = orders.read();

	if (!answer.is_object() || !answer.value("id", Json()).is_number_unsigned())
		throw Failure("/proc/swarm/create has named no agent");
	return answer["id"].get<std::uint64_t>();
}

void enter(std::uint64_t agent)
{
	// The answer is for the writer, which a process of an agent is not any more.
	Orders("attach").write({ { "id", agent }, { "pid", getpid() }, { "enters", true } });
}

} // namespace swarm
