// SPDX-License-Identifier: MIT OR Apache-2.0
// Launches, each in a thread of its own, and the environment of Node that asked for them.
//
// An environment, that of a worker for instance, may end while its launches go on. So
// what both use is held by both: a launch that is done finds out there, under a lock,
// whether anybody still hears of it.
#include "launches.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <poll.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "values.h"

namespace {

// A thread that only makes system calls; what it runs is not deep.
constexpr size_t STACK = 256 * 1024;

constexpr const char *STAGES[] = {"open", "write", "clone", "setup", "exec"};

// Strings, and the array of pointers to them that execve takes.
class Words {
public:
	void read(const Napi::Value &value)
	{
		Napi::Array list = value.As<Napi::Array>();

		words_.reserve(list.Length());
		for (uint32_t i = 0; i < list.Length(); i++)
			words_.push_back(text(list.Get(i)));
		for (std::string &word : words_)
			pointers_.push_back(word.data());
		pointers_.push_back(nullptr);
	}

	char *const *pointers() const { return pointers_.data(); }

private:
	std::vector<std::string> words_;
	std::vector<char *> pointers_;
};

template <typename T> std::vector<T> numbers(const Napi::Value &value)
{
	Napi::Array list = value.As<Napi::Array>();
	std::vector<T> out(list.Length());

	for (uint32_t i = 0; i < list.Length(); i++)
		out[i] = static_cast<T>(list.Get(i).As<Napi::Number>().Int64Value());
	return out;
}

// A root, and the memory of its lists.
class Root {
public:
	void read(const Napi::Object &given)
	{
		root.idmap = flag(given, "idmap");
		root.read_only = flag(given, "readOnly");
		root.dev = flag(given, "dev");
		root.directory = keep(given, "directory");
		root.overlay = static_cast<launch_overlay>(number(given.Get("overlay")));
		root.changes = keep(given, "changes");
		root.upper = keep(given, "upper");
		root.work = keep(given, "work");
		read_binds(given.Get("binds").As<Napi::Array>());
		read_tmpfs(given.Get("tmpfs").As<Napi::Array>());
		masked_.read(given.Get("masked"));
		read_only_.read(given.Get("readOnlyPaths"));
		root.masked = masked_.pointers();
		root.read_only_paths = read_only_.pointers();
	}

	launch_root root = {};

private:
	static bool flag(const Napi::Object &given, const char *name)
	{
		return given.Get(name).As<Napi::Boolean>().Value();
	}

	const char *keep(const Napi::Object &given, const char *name)
	{
		texts_.push_back(text(given.Get(name)));
		return texts_.back().c_str();
	}

	void read_binds(const Napi::Array &list)
	{
		for (uint32_t i = 0; i < list.Length(); i++) {
			Napi::Object bind = list.Get(i).As<Napi::Object>();
			binds_.push_back({keep(bind, "source"), keep(bind, "target"),
					  flag(bind, "readOnly"), flag(bind, "recursive")});
		}
		root.binds = binds_.data();
		root.nr_binds = binds_.size();
	}

	void read_tmpfs(const Napi::Array &list)
	{
		for (uint32_t i = 0; i < list.Length(); i++) {
			Napi::Object tmpfs = list.Get(i).As<Napi::Object>();
			tmpfs_.push_back({keep(tmpfs, "target"), keep(tmpfs, "size"), keep(tmpfs, "mode")});
		}
		root.tmpfs = tmpfs_.data();
		root.nr_tmpfs = tmpfs_.size();
	}

	std::deque<std::string> texts_;
	std::vector<launch_bind> binds_;
	std::vector<launch_tmpfs> tmpfs_;
	Words masked_, read_only_;
};

struct Home;

// One launch: everything that its thread reads, and what came of it.
struct Launch {
	explicit Launch(std::shared_ptr<Home> home) : home(std::move(home)) {}
	~Launch() { launch_control_free(control); }
	Launch(const Launch &) = delete;
	Launch &operator=(const Launch &) = delete;

	void read(const Napi::Object &given);

	std::shared_ptr<Home> home;
	uint32_t handle = 0;
	napi_deferred deferred = nullptr;
	launch_control *control = launch_control_new();
	launch_spec spec = {};
	launch_result result = {};

private:
	std::string file_, destroy_, object_, program_, cwd_;
	Words paths_, argv_, env_;
	Root root_;
	std::vector<int> stdio_, moved_;
	std::vector<uint32_t> groups_;
};

void Launch::read(const Napi::Object &given)
{
	file_ = text(given.Get("file"));
	destroy_ = text(given.Get("destroy"));
	object_ = text(given.Get("object"));
	program_ = text(given.Get("program"));
	paths_.read(given.Get("paths"));
	argv_.read(given.Get("argv"));
	env_.read(given.Get("env"));
	stdio_ = numbers<int>(given.Get("stdio"));
	moved_.resize(stdio_.size());
	spec.file = file_.c_str();
	spec.destroy = destroy_.c_str();
	spec.creates = given.Get("creates").As<Napi::Boolean>().Value();
	spec.object = object_.data();
	spec.object_size = object_.size();
	spec.program = program_.c_str();
	spec.paths = paths_.pointers();
	spec.argv = argv_.pointers();
	spec.envp = env_.pointers();
	if (Napi::Value cwd = given.Get("cwd"); cwd.IsString()) {
		cwd_ = text(cwd);
		spec.cwd = cwd_.c_str();
	}
	spec.umask = number(given.Get("umask"));
	spec.stdio = stdio_.data();
	spec.moved = moved_.data();
	spec.nr_stdio = stdio_.size();
	spec.terminal = given.Get("terminal").As<Napi::Boolean>().Value();
	if (Napi::Value user = given.Get("user"); user.IsObject()) {
		Napi::Object ids = user.As<Napi::Object>();
		groups_ = numbers<uint32_t>(ids.Get("groups"));
		spec.has_user = 1;
		spec.uid = ids.Get("uid").As<Napi::Number>().Uint32Value();
		spec.gid = ids.Get("gid").As<Napi::Number>().Uint32Value();
		spec.groups = groups_.data();
		spec.nr_groups = groups_.size();
	}
	spec.join = number(given.Get("join"));
	if (Napi::Value root = given.Get("root"); root.IsObject()) {
		root_.read(root.As<Napi::Object>());
		spec.root = &root_.root;
	}
}

// What an environment and the threads of its launches share.
struct Home {
	std::mutex lock;
	// Has the environment ended? Then nothing of it may be touched.
	bool gone = false;
	// Calls settle() in the environment's thread.
	napi_threadsafe_function wake = nullptr;
	std::map<uint32_t, Launch *> running;
	std::deque<std::unique_ptr<Launch>> finished;

	// The rest is the environment's thread's: launches that it has not settled, and
	// pidfds of processes that it has been told of and has not waited for.
	size_t pending = 0;
	std::set<int> children;
};

// Of an instance of the addon, which there is one of in each environment.
struct Instance {
	std::shared_ptr<Home> home;
};

Home &home_of(Napi::Env env)
{
	return *env.GetInstanceData<Instance>()->home;
}

// No handler of Node's runs in the thread, nor in a child that shares its memory.
int start_thread(void *(*work)(void *), void *data)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int error;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attributes, work, data);
	pthread_sigmask(SIG_SETMASK, &before, nullptr);
	pthread_attr_destroy(&attributes);
	return error;
}

void abandon(Launch &launch)
{
	if (!launch.result.error)
		launch_abandon(&launch.spec, &launch.result);
}

// In the launch's thread. Takes the launch, unless nobody hears of it any more.
void hand_over(Home &home, std::unique_ptr<Launch> &launch)
{
	std::lock_guard<std::mutex> guard(home.lock);

	home.running.erase(launch->handle);
	if (home.gone)
		return;
	home.finished.push_back(std::move(launch));
	// It cannot be closed yet: the hook that closes it runs after leave().
	napi_call_threadsafe_function(home.wake, nullptr, napi_tsfn_nonblocking);
}

// It exits when it is done, so that it does not stay armed whatever has happened.
void *work(void *data)
{
	std::unique_ptr<Launch> own(static_cast<Launch *>(data));
	std::shared_ptr<Home> home = own->home;

	launch(&own->spec, own->control, &own->result);
	hand_over(*home, own);
	if (own)
		abandon(*own);
	return nullptr;
}

// An object that is made in an environment which may be ending: then calls fail, and
// none of them may throw.
class Answer {
public:
	explicit Answer(napi_env env) : env_(env) { good(napi_create_object(env, &object_)); }

	void add(const char *name, double number)
	{
		napi_value value = nullptr;

		if (good(napi_create_double(env_, number, &value)))
			good(napi_set_named_property(env_, object_, name, value));
	}

	void add(const char *name, const std::string &text)
	{
		napi_value value = nullptr;

		if (good(napi_create_string_utf8(env_, text.data(), text.size(), &value)))
			good(napi_set_named_property(env_, object_, name, value));
	}

	// Returns whether the promise is resolved.
	bool resolve(napi_deferred deferred)
	{
		return good_ && good(napi_resolve_deferred(env_, deferred, object_));
	}

private:
	bool good(napi_status status) { return good_ = good_ && status == napi_ok; }

	napi_env env_;
	napi_value object_ = nullptr;
	bool good_ = true;
};

void settle_one(napi_env env, Home &home, Launch &launch)
{
	const launch_result &result = launch.result;
	Answer answer(env);

	if (result.error) {
		answer.add("stage", STAGES[result.stage]);
		answer.add("errno", result.error);
		answer.add("code", name_of(result.error));
		answer.add("what", result.what);
		answer.add("answer", result.answer);
	} else {
		answer.add("id", static_cast<double>(result.id));
		answer.add("pid", result.pid);
		answer.add("pidfd", result.pidfd);
	}
	if (!answer.resolve(launch.deferred))
		abandon(launch);
	else if (!result.error)
		home.children.insert(result.pidfd);
}

std::unique_ptr<Launch> next_finished(Home &home)
{
	std::lock_guard<std::mutex> guard(home.lock);
	std::unique_ptr<Launch> launch;

	if (home.finished.empty())
		return launch;
	launch = std::move(home.finished.front());
	home.finished.pop_front();
	return launch;
}

// Without an environment nothing is left to be settled: leave() has been called.
void settle(napi_env env, napi_value, void *data, void *)
{
	Home *home = static_cast<Home *>(data);

	if (!env)
		return;
	while (std::unique_ptr<Launch> launch = next_finished(*home)) {
		if (--home->pending == 0)
			napi_unref_threadsafe_function(env, home->wake);
		settle_one(env, *home, *launch);
	}
}

// Children that nobody waits for any more.
using Orphans = std::vector<pollfd>;

// Return: is it over with this one?
bool take(const pollfd &orphan)
{
	siginfo_t ended = {};

	if (!orphan.revents)
		return false;
	return waitid(static_cast<idtype_t>(3), orphan.fd, &ended, WEXITED | WNOHANG) || ended.si_pid;
}

void *reap_orphans(void *data)
{
	std::unique_ptr<Orphans> orphans(static_cast<Orphans *>(data));

	while (!orphans->empty()) {
		if (poll(orphans->data(), orphans->size(), -1) < 0)
			continue;
		std::erase_if(*orphans, [](const pollfd &orphan) {
			bool over = take(orphan);

			if (over)
				close(orphan.fd);
			return over;
		});
	}
	return nullptr;
}

// Programs go on when whoever has started them ends; but a process that stays has to wait for them.
void leave_children(const std::set<int> &children)
{
	auto orphans = std::make_unique<Orphans>();

	if (children.empty())
		return;
	for (int fd : children)
		orphans->push_back({fd, POLLIN, 0});
	if (!start_thread(reap_orphans, orphans.get()))
		orphans.release();
}

// The environment ends. What it does not hear of any more does not stay.
void leave(void *data)
{
	Home *home = static_cast<Home *>(data);
	std::deque<std::unique_ptr<Launch>> finished;

	{
		std::lock_guard<std::mutex> guard(home->lock);

		home->gone = true;
		finished.swap(home->finished);
		for (const auto &[handle, launch] : home->running)
			launch_cancel(launch->control);
	}
	for (const std::unique_ptr<Launch> &launch : finished)
		abandon(*launch);
	leave_children(home->children);
}

// Did everything that was asked of this environment succeed? Once it is ending, nothing does.
bool alive(Napi::Object object)
{
	bool has;

	return napi_has_named_property(object.Env(), object, "file", &has) == napi_ok;
}

// launch(handle, spec): what launcher.ts has checked. Resolves with a process, or with what went wrong.
Napi::Value start(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	std::shared_ptr<Home> home = env.GetInstanceData<Instance>()->home;
	auto launch = std::make_unique<Launch>(home);
	Napi::Object given = info[1].As<Napi::Object>();
	napi_value promise;

	launch->handle = info[0].As<Napi::Number>().Uint32Value();
	launch->read(given);
	if (!launch->control) {
		raise(env, ENOMEM, "launch");
		return env.Undefined();
	}
	// A specification that is only half read must not be carried out.
	if (napi_create_promise(env, &launch->deferred, &promise) != napi_ok || !alive(given))
		return env.Undefined();
	std::lock_guard<std::mutex> guard(home->lock);
	if (int error = start_thread(work, launch.get()); error) {
		raise(env, error, "pthread_create");
		return env.Undefined();
	}
	home->running[launch->handle] = launch.get();
	launch.release();
	if (home->pending++ == 0)
		napi_ref_threadsafe_function(env, home->wake);
	return {env, promise};
}

// cancel(handle): the launch fails with ECANCELED, unless it is over.
void cancel(const Napi::CallbackInfo &info)
{
	Home &home = home_of(info.Env());
	std::lock_guard<std::mutex> guard(home.lock);
	auto found = home.running.find(info[0].As<Napi::Number>().Uint32Value());

	if (found != home.running.end())
		launch_cancel(found->second->control);
}

// wait(pidfd): {exit} or {signal}; undefined while it runs.
Napi::Value take_end(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	siginfo_t ended = {};
	int pidfd = number(info[0]);

	if (waitid(static_cast<idtype_t>(3), pidfd, &ended, WEXITED | WNOHANG)) {
		raise(env, errno, "waitid");
		return env.Undefined();
	}
	if (!ended.si_pid)
		return env.Undefined();
	home_of(env).children.erase(pidfd);
	bool exited = ended.si_code == CLD_EXITED;
	Napi::Object out = Napi::Object::New(env);
	out[exited ? "exit" : "signal"] = Napi::Number::New(env, ended.si_status);
	return out;
}

} // namespace

void define_launches(Napi::Env env, Napi::Object exports)
{
	auto home = std::make_shared<Home>();

	napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "launch"), 0, 1,
					nullptr, nullptr, home.get(), settle, &home->wake);
	napi_unref_threadsafe_function(env, home->wake);
	// Hooks run in the reverse order: before the one that closes the function.
	napi_add_env_cleanup_hook(env, leave, home.get());
	env.SetInstanceData(new Instance{home});
	exports["launch"] = Napi::Function::New(env, start);
	exports["cancel"] = Napi::Function::New(env, cancel);
	exports["wait"] = Napi::Function::New(env, take_end);
}
