// SPDX-License-Identifier: MIT OR Apache-2.0
#include "process.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"

namespace swarm {

namespace {

/** Exit status of a child that could not execute, as in a shell. */
constexpr int NOT_EXECUTED = 127;

std::vector<char *> arguments_of(const std::string &program, const std::vector<std::string> &words)
{
	std::vector<char *> arguments{ const_cast<char *>(program.c_str()) };

	for (const std::string &word : words)
		arguments.push_back(const_cast<char *>(word.c_str()));
	arguments.push_back(nullptr);
	return arguments;
}

int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/** Hands on what comes until the child has ended. The signals are blocked. */
int wait_for(pid_t child, const sigset_t &signals)
{
	for (;;) {
		siginfo_t info = {};
		const int signal = sigwaitinfo(&signals, &info);
		int status;

		if (signal == SIGCHLD) {
			if (waitpid(child, &status, WNOHANG) == child)
				return status_of(status);
		} else if (signal > 0 && info.si_code != SI_KERNEL) {
			// A terminal sends its signals to the child itself.
			kill(child, signal);
		}
	}
}

void read_all(int fd, std::string &into)
{
	char buffer[65536];

	for (;;) {
		const ssize_t got = read(fd, buffer, sizeof(buffer));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return;
		into.append(buffer, static_cast<std::size_t>(got));
	}
}

void hide_errors()
{
	const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	dup2(null, STDERR_FILENO);
}

} // namespace

void execute(const std::filesystem::path &program, const std::vector<std::string> &words)
{
	const std::string path = program.string();

	execv(path.c_str(), arguments_of(path, words).data());
	throw Failure(path + " cannot be executed: " + std::strerror(errno) +
		      "; set 'runtime' in /etc/swarm-guard/runtime.toml");
}

int run(const std::filesystem::path &program, const std::vector<std::string> &words,
	std::string *output, bool quiet)
{
	const std::string path = program.string();
	const std::vector<char *> arguments = arguments_of(path, words);
	const pid_t parent = getpid();
	sigset_t signals, former;
	int ends[2] = { -1, -1 };

	if (access(path.c_str(), X_OK))
		throw Failure(path + " cannot be executed: " + std::strerror(errno) +
			      "; set 'runtime' in /etc/swarm-guard/runtime.toml");
	// Whoever ignores it, as we may by our caller, is told of no child's end; nor are runtimes.
	signal(SIGCHLD, SIG_DFL);
	if (output && pipe2(ends, O_CLOEXEC))
		throw Failure(std::string("no pipe: ") + std::strerror(errno));
	sigfillset(&signals);
	sigprocmask(SIG_BLOCK, &signals, &former);
	const pid_t child = fork();

	if (child < 0)
		throw Failure(std::string("no process: ") + std::strerror(errno));
	if (child == 0) {
		// Whoever kills this program means what it runs.
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(NOT_EXECUTED);
		if (output)
			dup2(ends[1], STDOUT_FILENO);
		if (quiet)
			hide_errors();
		sigprocmask(SIG_SETMASK, &former, nullptr);
		execv(path.c_str(), arguments.data());
		_exit(NOT_EXECUTED);
	}
	if (output) {
		close(ends[1]);
		read_all(ends[0], *output);
		close(ends[0]);
	}
	const int status = wait_for(child, signals);

	sigprocmask(SIG_SETMASK, &former, nullptr);
	return status;
}

} // namespace swarm
