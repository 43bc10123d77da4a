// SPDX-License-Identifier: MIT OR Apache-2.0
// Values of JavaScript as those of C++, and errors as Node's own are.
#ifndef VALUES_H
#define VALUES_H

#include <napi.h>

#include <string>

// The errno's name. libuv does not know all of them.
std::string name_of(int error);

// Throws as Node's own calls do.
void raise(Napi::Env env, int error, const char *call);

inline int number(const Napi::Value &value)
{
	return value.As<Napi::Number>().Int32Value();
}

inline std::string text(const Napi::Value &value)
{
	return value.As<Napi::String>().Utf8Value();
}

#endif
