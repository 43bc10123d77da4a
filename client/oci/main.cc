// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * swarm-runtime: an OCI runtime that makes containers agents.
 *
 * It has the command line of runc, and hands all work on to crun or runc. To create and run
 * it adds a hook, which gives the container's first process to the kernel module; exec makes
 * itself a process of the agent first, and then is the runtime.
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include "arguments.h"
#include "container.h"
#include "guard.h"
#include "hook.h"
#include "policy.h"
#include "process.h"
#include "report.h"
#include "settings.h"

namespace swarm {

namespace {

constexpr const char *SETTINGS = "/etc/swarm-guard/runtime.toml";
constexpr const char *SELF = "/proc/self/exe";

/** Can its configuration be in another file than its bundle's? */
bool takes_config(const Settings &settings)
{
	return settings.runtime.filename().string().find("crun") != std::string::npos;
}

Syntax syntax_of(const Settings &settings)
{
	return takes_config(settings) ? Syntax::getopt : Syntax::go;
}

/**
 * The directory in which the runtime keeps its state; the ids of engines differ by it. If root runs it, runc ignores
 * XDG_RUNTIME_DIR.
 */
std::string root_of(const Arguments &arguments, const Settings &settings)
{
	const std::string given = arguments.value("root").value_or("");

	if (!given.empty())
		return given;
	if (!takes_config(settings))
		return "/run/runc";
	const char *const own = std::getenv("XDG_RUNTIME_DIR");

	return own && *own ? std::string(own) + "/crun" : "/run/crun";
}

Container container_of(const Arguments &arguments, const Settings &settings)
{
	return Container(root_of(arguments, settings), arguments.container());
}

/** Runs another command of the runtime for the same container, and hides what it prints. */
int ask(const std::vector<std::string> &command, const Arguments &arguments, const Settings &settings)
{
	std::vector<std::string> words;
	std::string ignored;

	if (arguments.has("root"))
		words.push_back("--root=" + *arguments.value("root"));
	words.insert(words.end(), command.begin(), command.end());
	words.push_back(arguments.container());
	return run(settings.runtime, words, &ignored, true);
}

/** Is there anything at a path? What cannot be looked at may be there. */
bool is_there(const std::filesystem::path &path)
{
	std::error_code error;

	return std::filesystem::symlink_status(path, error).type() != std::filesystem::file_type::not_found;
}

/** /proc/swarm is for root of the host, which root of a user namespace is not. */
void require_root()
{
	if (geteuid() || read_file("/proc/self/uid_map").find("4294967295") == std::string::npos)
		throw Failure("only root of the host can make agents, so rootless engines cannot; run the engine as root, or use another runtime");
}

void add_hook(Json &config, const Container &container)
{
	Json &hooks = config["hooks"]["createRuntime"];

	if (!hooks.is_array())
		hooks = Json::array();
	hooks.push_back({ { "path", std::filesystem::read_symlink(SELF).string() },
			  { "args", { "swarm-runtime", HOOK, container.directory().string() } } });
}

/** Paths that are relative to the bundle, for a configuration that is elsewhere. */
void make_absolute(Json &config, const std::filesystem::path &bundle)
{
	const auto absolute = [&](Json &path) {
		if (path.is_string())
			path = (bundle / path.get<std::string>()).lexically_normal().string();
	};

	if (config.contains("root"))
		absolute(config["root"]["path"]);
	if (!config.contains("mounts"))
		return;
	for (Json &mount : config["mounts"]) {
		const Json options = mount.value("options", Json::array());
		const bool bound = std::any_of(options.begin(), options.end(), [](const Json &each) {
			return each == "bind" || each == "rbind";
		});

		if (bound && mount.contains("source"))
			absolute(mount["source"]);
	}
}

/** The configuration of a bundle: another file than its own, as crun has it, is of the working directory. */
std::filesystem::path config_of(const Arguments &arguments, const std::filesystem::path &bundle,
				const Settings &settings)
{
	const std::string own = "config.json";
	const std::string given = takes_config(settings) ? arguments.value("config").value_or(own) : own;

	return given == own ? bundle / own : std::filesystem::absolute(given);
}

/** The command line with our configuration in the place of the bundle's. */
std::vector<std::string> prepare(const Arguments &arguments, Container &container,
				 const Settings &settings)
{
	const std::filesystem::path bundle =
		std::filesystem::weakly_canonical(arguments.value("bundle").value_or("."));
	const bool beside = takes_config(settings);
	const std::filesystem::path file = config_of(arguments, bundle, settings);
	Json config = read_json(file);

	if (!config.is_object())
		throw Failure(file.string() + " is no object of JSON");
	// The hook would refuse them too, but crun may fail before it for want of a library.
	refuse_handlers(config);
	add_hook(config, container);
	if (!beside)
		make_absolute(config, bundle);
	write_file(container.file("config.json"), config.dump());
	write_file(container.file("container.json"),
		   Json{ { "id", arguments.container() }, { "bundle", bundle.string() } }.dump() + "\n");
	return beside ? arguments.replacing("config", container.file("config.json").string()) :
			arguments.replacing("bundle", container.directory().string());
}

/** The reason why the hook has failed; if there was no room for it, the file is empty. */
std::string failure_of(const Container &container)
{
	const std::string reason = read_file(container.file("failure"));

	return !reason.empty() ? reason :
				 "the container cannot be made an agent, and there is no room for the reason in " +
					 container.directory().string();
}

/** Creates or runs the container, whose directory is made. */
int create_in(Container &container, const Arguments &arguments, const Settings &settings)
{
	const bool stays = arguments.command() == "create" || arguments.has("detach");
	const auto words = prepare(arguments, container, settings);
	const auto logged = log_size(arguments);
	const int status = run(settings.runtime, words);

	if (status && std::filesystem::exists(container.file("failure")))
		report(arguments, failure_of(container), logged);
	if (!status && stays && !settings.fail_open && !container.agent()) {
		ask({ "delete", "--force" }, arguments, settings);
		throw Failure(settings.runtime.string() +
			      " has created a container without its createRuntime hook");
	}
	if (status || !stays)
		container.remove();
	return status;
}

int create(const Arguments &arguments, const Settings &settings)
{
	if (!settings.fail_open)
		require_root();
	const std::string root = root_of(arguments, settings);
	Container container(root, arguments.container());

	// `state` fails for other reasons, too, than that there is none.
	container.make([&] { return is_there(std::filesystem::path(root) / arguments.container()) ||
				    !ask({ "state" }, arguments, settings); });
	try {
		return create_in(container, arguments, settings);
	} catch (...) {
		container.remove();
		throw;
	}
}

/** Called by the runtime: it shows nobody what this prints, so what fails is left for create(). */
int hook(const std::filesystem::path &directory)
{
	const Container container{ directory };
	const Settings settings = read_settings(SETTINGS);

	try {
		adopt(container, settings);
	} catch (const std::exception &error) {
		if (settings.fail_open && !dynamic_cast<const Strict *>(&error)) {
			warn("container " + directory.filename().string() +
			     " starts without an agent: " + error.what());
			return 0;
		}
		write_file(container.file("failure"),
			   std::string("the container cannot be made an agent: ") + error.what());
		return 1;
	}
	return 0;
}

[[noreturn]] void execute_inside(const Arguments &arguments, const Settings &settings)
{
	const auto agent = container_of(arguments, settings).agent();

	// One that is an agent has rules, whatever the setting.
	if (agent) {
		require_root();
		enter(*agent);
	} else if (settings.fail_open) {
		warn("exec in container " + arguments.container() + ", which is no agent");
	} else {
		throw Failure("container " + arguments.container() +
			      " is no agent, so nothing can be executed in it under its rules");
	}
	execute(settings.runtime, arguments.words());
}

int remove(const Arguments &arguments, const Settings &settings)
{
	Container container(root_of(arguments, settings), arguments.container());
	// Whoever runs the container in the foreground has it locked, and removes it.
	const bool locked = container.lock();
	const int status = run(settings.runtime, arguments.words());

	if (!status && locked)
		container.remove();
	return status;
}

/** Prints what a command prints: JSON with something added, anything else as it is. */
template <typename Add>
int print_with(const Arguments &arguments, const Settings &settings, Add &&add)
{
	std::string output;
	const int status = run(settings.runtime, arguments.words(), &output);
	Json printed = parse_json(output);

	if (printed.is_object()) {
		add(printed);
		output = printed.dump(2) + "\n";
	}
	std::fwrite(output.data(), 1, output.size(), stdout);
	return std::fflush(stdout) ? 1 : status;
}

int state(const Arguments &arguments, const Settings &settings)
{
	const Container container = container_of(arguments, settings);

	return print_with(arguments, settings, [&](Json &printed) {
		if (const auto agent = container.agent())
			printed["annotations"]["io.swarmguard.agent"] = std::to_string(*agent);
		if (!takes_config(settings) && printed.contains("bundle") &&
		    std::filesystem::exists(container.file("container.json")))
			printed["bundle"] = read_json(container.file("container.json")).at("bundle");
	});
}

int features(const Arguments &arguments, const Settings &settings)
{
	return print_with(arguments, settings, [&](Json &printed) {
		printed["annotations"]["io.swarmguard.runtime"] = settings.runtime.string();
	});
}

int call(const Arguments &arguments, const Settings &settings)
{
	const std::string &command = arguments.command();
	const bool named = !arguments.container().empty() && !arguments.has("help") &&
			   !arguments.has("usage") && !arguments.has("version");

	if ((command == "create" || command == "run") && named)
		return create(arguments, settings);
	if (command == "exec" && named)
		execute_inside(arguments, settings);
	if (command == "delete" && named)
		return remove(arguments, settings);
	if (command == "state" && named)
		return state(arguments, settings);
	if (command == "features")
		return features(arguments, settings);
	if (command == "restore" && !settings.fail_open)
		throw Failure("a container that is restored from a checkpoint cannot be made an agent");
	if (command == "restore")
		warn("container " + arguments.container() + " is restored without an agent");
	execute(settings.runtime, arguments.words());
}

} // namespace

} // namespace swarm

int main(int argc, char **argv)
{
	const std::vector<std::string> words(argv + 1, argv + argc);

	try {
		if (words.size() == 2 && words[0] == swarm::HOOK)
			return swarm::hook(words[1]);
	} catch (const std::exception &error) {
		std::fprintf(stderr, "swarm-runtime: %s\n", error.what());
		return 1;
	}
	std::optional<swarm::Settings> settings;
	std::string wrong;

	try {
		settings = swarm::read_settings(swarm::SETTINGS);
	} catch (const std::exception &error) {
		wrong = error.what();
	}
	const swarm::Arguments arguments(words, settings ? swarm::syntax_of(*settings) :
							   swarm::Syntax::getopt);

	try {
		if (!settings)
			throw swarm::Failure(wrong);
		arguments.check();
		return swarm::call(arguments, *settings);
	} catch (const std::exception &error) {
		swarm::report(arguments, error.what());
		return 1;
	}
}
