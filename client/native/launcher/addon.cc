// SPDX-License-Identifier: MIT OR Apache-2.0
// The launcher for Node: launches (launches.cc), and what waiting for ends and terminals need.
#include <napi.h>
#include <uv.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launches.h"
#include "terminal.h"
#include "values.h"

std::string name_of(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : std::to_string(error);
}

void raise(Napi::Env env, int error, const char *call)
{
	Napi::Error thrown = Napi::Error::New(env, std::string(call) + ": " + strerror(error));

	thrown.Set("code", Napi::String::New(env, name_of(error)));
	thrown.Set("errno", Napi::Number::New(env, error));
	thrown.Set("syscall", Napi::String::New(env, call));
	thrown.ThrowAsJavaScriptException();
}

namespace {

// A descriptor that is looked at by Node's loop.
class Watch : public Napi::ObjectWrap<Watch> {
public:
	static Napi::Function define(Napi::Env env)
	{
		return DefineClass(env, "Watch",
				   {InstanceMethod("stop", &Watch::stop), InstanceMethod("hold", &Watch::hold)});
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

	// hold(keeps): does it keep the loop running? At first it does.
	void hold(const Napi::CallbackInfo &info)
	{
		uv_handle_t *handle = reinterpret_cast<uv_handle_t *>(poll_);

		if (!poll_)
			return;
		if (info[0].As<Napi::Boolean>().Value())
			uv_ref(handle);
		else
			uv_unref(handle);
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

	// An error too is something that a read or a wait tells. In an environment that is ending
	// every call fails, and nobody is to be told.
	static void call(uv_poll_t *poll, int, int)
	{
		Watch *watch = static_cast<Watch *>(poll->data);
		napi_env env = watch->Env();
		Napi::HandleScope scope(env);
		napi_value thrown;
		bool pending;

		if (napi_make_callback(env, nullptr, watch->Value(), watch->ready_.Value(), 0, nullptr,
				       nullptr) == napi_ok)
			return;
		if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
		    napi_get_and_clear_last_exception(env, &thrown) == napi_ok)
			napi_fatal_exception(env, thrown);
	}

	uv_poll_t *poll_ = nullptr;
	Napi::FunctionReference ready_;
};

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
	define_launches(env, exports);
	exports["Watch"] = Watch::define(env);
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
