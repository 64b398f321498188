// Which entries of a vector are mapped, asked on a thread: what arrived a while ago may have left again, and the event
// loop's thread need not be the one to find out.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "open_file.h"

namespace nofault {

struct AskedEntry {
  uint64_t first;  // page
  uint32_t pages;
  uint32_t index;  // the caller's number for it
};

struct MappedEntries {
  int32_t asOf;                    // when they were asked about, by the boards' clock
  std::vector<uint32_t> unmapped;  // those that are not mapped, or not known to be
};

MappedEntries askMapped(OpenFile& file, const std::vector<AskedEntry>& entries);

}  // namespace nofault
