// What of a file is in the page cache, page by page, for as much of it as there is: asked on a thread.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace nofault {

// Runs of pages, alternately missing and resident, in few bytes: a file that is cached in many places has at most as
// many runs as it has pages in memory, and each takes a thousandth of its page.
struct PageMap {
  bool known = true;  // false: the kernel does not tell, or not the truth
  uint64_t runs = 0;
  uint64_t residentPages = 0;
  bool lastResident = false;
  std::vector<uint8_t> lengths;  // in pages, as LEB128 numbers; the first run is missing, and may be empty
};

// `prune`: cachestat counts this file truly, and is asked first where nothing may be. `truthful` is asked last: whoever
// is deceived now may not have been before.
PageMap mapResidency(int fd, uint64_t firstPage, uint64_t pageCount, bool prune, const std::function<bool()>& truthful);

// Calls `run(from, to)` for each run of a map that is resident (or else missing), in pages from its start.
void eachRun(const PageMap& map, bool resident, const std::function<void(uint64_t, uint64_t)>& run);

}  // namespace nofault
