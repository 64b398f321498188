// Whether containers are as the format wants them, byte by byte: what `verify` asks.
#pragma once

#include <napi.h>

#include <optional>

#include "header.h"

namespace nofault {

namespace roaring {

// What is wrong with a container: not exactly as long as it says, out of order, or of another cardinality. The offset
// is in bytes from its start.
std::optional<Malformed> check(const Place& place, const uint8_t* bytes);

}  // namespace roaring

// `checkContainers(header, from, to, bytes, before)`, as src/native.ts says.
Napi::Value checkContainers(const Napi::CallbackInfo& info);

}  // namespace nofault
