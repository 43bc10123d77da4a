// SPDX-License-Identifier: MIT OR Apache-2.0
// The launcher for Node: every launch in a thread of its own, and what waiting for its end needs.
#include <napi.h>
#include <uv.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "terminal.h"

namespace {

// A thread that only makes system calls; what it runs is not deep.
constexpr size_t STACK = 256 * 1024;

constexpr const char *STAGES[] = {"open", "write", "clone", "setup", "exec"};

// The errno's name. libuv does not know all of them.
std::string name_of(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : std::to_string(error);
}

// An error as Node's own are.
void raise(Napi::Env env, int error, const char *call)
{
	Napi::Error thrown = Napi::Error::New(env, std::string(call) + ": " + strerror(error));

	thrown.Set("code", Napi::String::New(env, name_of(error)));
	thrown.Set("errno", Napi::Number::New(env, error));
	thrown.Set("syscall", Napi::String::New(env, call));
	thrown.ThrowAsJavaScriptException();
}

int number(const Napi::Value &value)
{
	return value.As<Napi::Number>().Int32Value();
}

std::string text(const Napi::Value &value)
{
	return value.As<Napi::String>().Utf8Value();
}

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

// One launch: everything that its thread reads, and what came of it.
struct Launch {
	explicit Launch(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}

	void read(const Napi::Object &given);

	Napi::Promise::Deferred deferred;
	Napi::ThreadSafeFunction done;
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

// The launches of one environment, which share a way back to its thread.
struct Launcher {
	Napi::ThreadSafeFunction done;
	size_t running = 0;
};

void settle(Napi::Env env, Napi::Function, Launch *finished)
{
	std::unique_ptr<Launch> launch(finished);
	const launch_result &result = launch->result;
	Launcher *launcher = env.GetInstanceData<Launcher>();
	Napi::Object out = Napi::Object::New(env);

	if (--launcher->running == 0)
		launcher->done.Unref(env);
	if (result.error) {
		out["stage"] = Napi::String::New(env, STAGES[result.stage]);
		out["errno"] = Napi::Number::New(env, result.error);
		out["code"] = Napi::String::New(env, name_of(result.error));
		out["what"] = Napi::String::New(env, result.what);
		out["answer"] = Napi::String::New(env, result.answer);
	} else {
		out["id"] = Napi::Number::New(env, static_cast<double>(result.id));
		out["pid"] = Napi::Number::New(env, result.pid);
		out["pidfd"] = Napi::Number::New(env, result.pidfd);
	}
	launch->deferred.Resolve(out);
}

// Nobody hears of it any more: the environment has ended meanwhile.
void abandon(const launch_result &result)
{
	if (result.error)
		return;
	syscall(SYS_pidfd_send_signal, result.pidfd, SIGKILL, nullptr, 0);
	close(result.pidfd);
}

// It exits when it is done, so that it does not stay armed whatever has happened.
void *work(void *data)
{
	Launch *finished = static_cast<Launch *>(data);
	Napi::ThreadSafeFunction done = finished->done;

	launch(&finished->spec, &finished->result);
	if (done.BlockingCall(finished, settle) != napi_ok)
		abandon(finished->result);
	done.Release();
	return nullptr;
}

// No handler of Node's runs in the thread, nor in a child that shares its memory.
int start_thread(Launch *launch)
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
	error = pthread_create(&thread, &attributes, work, launch);
	pthread_sigmask(SIG_SETMASK, &before, nullptr);
	pthread_attr_destroy(&attributes);
	return error;
}

// launch(spec): what launcher.ts has checked. Resolves with a process, or with what went wrong.
Napi::Value start(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Launcher *launcher = env.GetInstanceData<Launcher>();
	auto launch = std::make_unique<Launch>(env);
	Napi::Promise promise = launch->deferred.Promise();

	launch->read(info[0].As<Napi::Object>());
	launch->done = launcher->done;
	launch->done.Acquire();
	if (int error = start_thread(launch.get()); error) {
		launch->done.Release();
		raise(env, error, "pthread_create");
		return env.Undefined();
	}
	launch.release();
	if (launcher->running++ == 0)
		launcher->done.Ref(env);
	return promise;
}

// A descriptor that is looked at by Node's loop.
class Watch : public Napi::ObjectWrap<Watch> {
public:
	static Napi::Function define(Napi::Env env)
	{
		return DefineClass(env, "Watch", {InstanceMethod("stop", &Watch::stop)});
	}

	// new Watch(fd, ready)
	explicit Watch(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Watch>(info)
	{
		Napi::Env env = info.Env();
		uv_loop_t *loop;
		int error;

		napi_get_uv_event_loop(env, &loop);
		poll_ = new uv_poll_t;
		error = uv_poll_init(loop, poll_, number(info[0]));
		if (error) {
			delete poll_;
			poll_ = nullptr;
			raise(env, -error, "poll");
			return;
		}
		poll_->data = this;
		ready_ = Napi::Persistent(info[1].As<Napi::Function>());
		Ref();
		napi_add_env_cleanup_hook(env, forget, this);
		uv_poll_start(poll_, UV_READABLE, call);
	}

private:
	void stop(const Napi::CallbackInfo &info)
	{
		if (!poll_)
			return;
		napi_remove_env_cleanup_hook(info.Env(), forget, this);
		close();
		Unref();
	}

	void close()
	{
		uv_close(reinterpret_cast<uv_handle_t *>(poll_), [](uv_handle_t *handle) {
			delete reinterpret_cast<uv_poll_t *>(handle);
		});
		poll_ = nullptr;
		ready_.Reset();
	}

	static void forget(void *watch)
	{
		static_cast<Watch *>(watch)->close();
	}

	// An error too is something that a read or a wait tells.
	static void call(uv_poll_t *poll, int, int)
	{
		Watch *watch = static_cast<Watch *>(poll->data);
		Napi::HandleScope scope(watch->Env());

		watch->ready_.MakeCallback(watch->Value(), {});
		if (watch->Env().IsExceptionPending())
			napi_fatal_exception(watch->Env(), watch->Env().GetAndClearPendingException().Value());
	}

	uv_poll_t *poll_ = nullptr;
	Napi::FunctionReference ready_;
};

// wait(pidfd): [exit, signal], one of which is -1; undefined while it runs.
Napi::Value wait(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	siginfo_t ended = {};

	if (waitid(static_cast<idtype_t>(3), number(info[0]), &ended, WEXITED | WNOHANG)) {
		raise(env, errno, "waitid");
		return env.Undefined();
	}
	if (!ended.si_pid)
		return env.Undefined();
	bool exited = ended.si_code == CLD_EXITED;
	Napi::Object out = Napi::Object::New(env);
	out[exited ? "exit" : "signal"] = Napi::Number::New(env, ended.si_status);
	return out;
}

// duplicate(fd): another descriptor of the same, closed in whatever is executed.
Napi::Value duplicate(const Napi::CallbackInfo &info)
{
	int fd = fcntl(number(info[0]), F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		raise(info.Env(), errno, "dup");
	return Napi::Number::New(info.Env(), fd);
}

// openProcess(pid): a pidfd.
Napi::Value open_process(const Napi::CallbackInfo &info)
{
	int fd = syscall(SYS_pidfd_open, number(info[0]), 0);

	if (fd < 0)
		raise(info.Env(), errno, "pidfd_open");
	return Napi::Number::New(info.Env(), fd);
}

// signal(pidfd, signal)
void send_signal(const Napi::CallbackInfo &info)
{
	if (syscall(SYS_pidfd_send_signal, number(info[0]), number(info[1]), nullptr, 0))
		raise(info.Env(), errno, "pidfd_send_signal");
}

// openTerminal(rows, columns): [master, slave]
Napi::Value open_terminal(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int master, slave;
	int error = terminal_open(number(info[0]), number(info[1]), &master, &slave);

	if (error) {
		raise(env, -error, "open a terminal");
		return env.Undefined();
	}
	Napi::Array out = Napi::Array::New(env, 2);
	out[0U] = Napi::Number::New(env, master);
	out[1U] = Napi::Number::New(env, slave);
	return out;
}

// resize(fd, rows, columns)
void resize(const Napi::CallbackInfo &info)
{
	if (int error = terminal_resize(number(info[0]), number(info[1]), number(info[2])); error)
		raise(info.Env(), -error, "TIOCSWINSZ");
}

// terminalSize(fd): [rows, columns], or undefined
Napi::Value size_of_terminal(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int rows, columns;

	if (terminal_size(number(info[0]), &rows, &columns))
		return env.Undefined();
	Napi::Array out = Napi::Array::New(env, 2);
	out[0U] = Napi::Number::New(env, rows);
	out[1U] = Napi::Number::New(env, columns);
	return out;
}

// rawMode(fd): what restoreMode(fd, mode) takes
Napi::Value raw_mode(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	termios before;

	if (int error = terminal_raw(number(info[0]), &before); error) {
		raise(env, -error, "tcsetattr");
		return env.Undefined();
	}
	return Napi::Buffer<char>::Copy(env, reinterpret_cast<char *>(&before), sizeof(before));
}

void restore_mode(const Napi::CallbackInfo &info)
{
	Napi::Buffer<char> mode = info[1].As<Napi::Buffer<char>>();
	termios before;

	memcpy(&before, mode.Data(), sizeof(before));
	if (int error = terminal_restore(number(info[0]), &before); error)
		raise(info.Env(), -error, "tcsetattr");
}

// openPipe(): [read, write]
Napi::Value open_pipe(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC)) {
		raise(env, errno, "pipe2");
		return env.Undefined();
	}
	Napi::Array out = Napi::Array::New(env, 2);
	out[0U] = Napi::Number::New(env, ends[0]);
	out[1U] = Napi::Number::New(env, ends[1]);
	return out;
}

// seekToEnd(fd)
void seek_to_end(const Napi::CallbackInfo &info)
{
	if (lseek(number(info[0]), 0, SEEK_END) < 0)
		raise(info.Env(), errno, "lseek");
}

Napi::Object init(Napi::Env env, Napi::Object exports)
{
	auto *launcher = new Launcher;

	launcher->done = Napi::ThreadSafeFunction::New(
		env, Napi::Function::New(env, [](const Napi::CallbackInfo &) {}), "launch", 0, 1);
	launcher->done.Unref(env);
	env.SetInstanceData(launcher);
	exports["launch"] = Napi::Function::New(env, start);
	exports["Watch"] = Watch::define(env);
	exports["wait"] = Napi::Function::New(env, wait);
	exports["duplicate"] = Napi::Function::New(env, duplicate);
	exports["openProcess"] = Napi::Function::New(env, open_process);
	exports["signal"] = Napi::Function::New(env, send_signal);
	exports["openTerminal"] = Napi::Function::New(env, open_terminal);
	exports["resize"] = Napi::Function::New(env, resize);
	exports["terminalSize"] = Napi::Function::New(env, size_of_terminal);
	exports["rawMode"] = Napi::Function::New(env, raw_mode);
	exports["restoreMode"] = Napi::Function::New(env, restore_mode);
	exports["openPipe"] = Napi::Function::New(env, open_pipe);
	exports["seekToEnd"] = Napi::Function::New(env, seek_to_end);
	return exports;
}

} // namespace

NODE_API_MODULE(swarm_launcher, init)
