// What of a file is in the page cache, for as much of it as there is: asked on a fetcher's thread.
#pragma once

#include <cstdint>
#include <vector>

#include "file_state.h"

namespace nofault {

struct PageMap {
  bool known = true;            // false: the kernel does not tell, or not the truth
  std::vector<double> lengths;  // in pages, alternating, the first one missing (it may be 0)
};

PageMap mapResidency(const FileState& file, uint64_t firstPage, uint64_t pageCount);

}  // namespace nofault
