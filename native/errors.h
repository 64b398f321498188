// What the addon throws when it is asked for what cannot be, and when the system has said no; SystemError in
// src/native.ts.
#pragma once

#include <napi.h>

#include <string>

namespace nofault {

// A mistake on the other side of the door, which checks arguments first.
inline Napi::RangeError refused(Napi::Env env, const char* what) {
  return Napi::RangeError::New(env, std::string("nofault's addon refuses ") + what);
}

inline Napi::Error systemError(Napi::Env env, const std::string& message, int number, const char* syscall) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("errno", Napi::Number::New(env, number));
  if (syscall != nullptr) error.Set("syscall", Napi::String::New(env, syscall));
  return error;
}

}  // namespace nofault
