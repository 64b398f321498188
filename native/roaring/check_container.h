// Whether a container is as the format wants it, byte by byte: what `verify` asks.
#pragma once

#include <optional>

#include "header.h"

namespace nofault::roaring {

// What is wrong with a container: not exactly as long as it says, out of order, or of another cardinality. The offset
// is in bytes from its start.
std::optional<Malformed> check(const Place& place, const uint8_t* bytes);

}  // namespace nofault::roaring
