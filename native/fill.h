// Bringing one run of missing pages into memory: the two steps that a fetcher's thread takes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "window.h"

namespace nofault {

// A page that could not be read.
struct BadPage {
  uint64_t page;
  int error;       // errno of the read
  bool truncated;  // the file ended before it
};

// Step one: asks the kernel to start reading, in pieces that it does not cut short. Does not wait for the device, but
// may stall; never on the loop. False when all of the run was in memory, or on its way there, already.
bool startReading(int fd, uint64_t firstPage, uint64_t pageCount);

struct Filled {
  std::vector<BadPage> bad;     // pages that could not be read; all others of the run are in memory
  std::optional<int32_t> asOf;  // when all of the run was found to be mapped, by the boards' clock; none if it was not
};

// Step two: waits until the run is in memory, and maps it where `window` (may be null) still stands. What step one
// dropped is read exactly. With `noting`, what has arrived goes on the window's board.
Filled finishReading(int fd, Window* window, uint64_t firstPage, uint64_t pageCount, bool noting);

// Bytes of the file that somebody wants copied, rather than the pages mapped in which they lie.
struct Copy {
  uint8_t* into;
  uint64_t offset, length;
};

// Step two where nobody wants the run mapped: waits for these bytes, and copies them. Returns of each copy the first
// page that could not be read.
std::vector<BadPage> copyReading(int fd, std::span<const Copy> copies);

}  // namespace nofault
