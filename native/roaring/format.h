// Numbers of the portable Roaring format that its reader and its writer share (RoaringFormatSpec).
#pragma once

#include <cstdint>

namespace nofault::roaring {

// What a bitmap begins with: without containers of runs, and with (there the number of containers stands beside it).
constexpr uint32_t kCookieWithoutRuns = 12346;
constexpr uint32_t kCookie = 12347;
// With runs, a header of fewer containers does not say where they are.
constexpr uint32_t kFewestPlaced = 4;

}  // namespace nofault::roaring
