// What of a file is in the page cache, for as much of it as there is: asked on a fetcher's thread.
#pragma once

#include <cstdint>
#include <vector>

namespace nofault {

struct PageMap {
  bool known = true;            // false: the kernel does not tell
  std::vector<double> lengths;  // in pages, alternating, the first one missing (it may be 0)
};

PageMap mapResidency(int fd, uint64_t firstPage, uint64_t pageCount);

}  // namespace nofault
