// What comes from JavaScript, checked. src/ has checked it before and said what is wrong in its user's words; whatever
// comes here all the same ends no process.
#pragma once

#include <napi.h>

#include <cmath>
#include <type_traits>

#include "errors.h"

namespace nofault {

// 2^53 - 1: whole numbers up to here are exact.
constexpr double kLargestWhole = 9007199254740991.0;

inline double numberOf(Napi::Env env, const Napi::Value& value) {
  if (!value.IsNumber()) throw refused(env, "what is no number");
  return value.As<Napi::Number>().DoubleValue();
}

// A whole number from 0 to `most`.
inline uint64_t wholeOf(Napi::Env env, const Napi::Value& value, double most = kLargestWhole) {
  const double number = numberOf(env, value);
  if (!(number >= 0 && number <= most && std::trunc(number) == number))
    throw refused(env, "a number that counts nothing");
  return static_cast<uint64_t>(number);
}

inline uint32_t whole32Of(Napi::Env env, const Napi::Value& value) {
  return static_cast<uint32_t>(wholeOf(env, value, UINT32_MAX));
}

// A typed array of this very type: napi hands out one of any other with as many elements, which may be shorter.
template <class Array>
Array arrayOf(Napi::Env env, const Napi::Value& value) {
  constexpr napi_typedarray_type type = std::is_same_v<Array, Napi::Uint8Array>     ? napi_uint8_array
                                        : std::is_same_v<Array, Napi::Uint32Array>  ? napi_uint32_array
                                        : std::is_same_v<Array, Napi::Float64Array> ? napi_float64_array
                                                                                    : napi_bigint64_array;
  static_assert(type != napi_bigint64_array || std::is_same_v<Array, Napi::BigInt64Array>);
  if (!value.IsTypedArray()) throw refused(env, "what is no typed array");
  auto array = value.As<Array>();
  if (array.TypedArrayType() != type) throw refused(env, "an array of another type");
  return array;
}

// The native side of an object of ours, which has a static kTag.
template <class Wrapped>
Wrapped& unwrapped(Napi::Env env, const Napi::Value& value, const char* otherwise) {
  if (!value.IsObject() || value.IsExternal() || !value.As<Napi::Object>().CheckTypeTag(&Wrapped::kTag))
    throw refused(env, otherwise);
  return *Wrapped::Unwrap(value.As<Napi::Object>());
}

}  // namespace nofault
