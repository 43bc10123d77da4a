// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef LAUNCHES_H
#define LAUNCHES_H

#include <napi.h>

// Adds launch, cancel and wait to the exports of an environment.
void define_launches(Napi::Env env, Napi::Object exports);

#endif
