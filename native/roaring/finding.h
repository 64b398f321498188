// Where in memory the ranges of a scan's step lie, as far as they are there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "../open_file.h"
#include "../request.h"
#include "program.h"

namespace nofault::roaring {

// A file in which bitmaps of a scan lie, and how far it reached when the scan began.
struct Source {
  std::shared_ptr<OpenFile> file;
  uint64_t size;
};

// Why a scan has come to nothing.
struct Failure {
  enum class Kind : uint8_t {
    read,    // the fetcher could not bring in what lies at `offset`
    marked,  // the guard has put a mark on one of the `pages` from `offset` on
    ends,    // the file ends at `offset`
    damage,  // a container at `offset` says more of itself than it has room for
  } kind;
  uint32_t source;
  uint64_t offset;  // bytes
  int error = 0;    // errno
  bool truncated = false;
  uint64_t pages = 0;
};

// A window that is to be made: the one of entries that start at `page`.
struct Wanted {
  uint32_t source;
  uint64_t page;
};

// Of a failure and of windows that are wanted, nothing else counts.
struct Found {
  std::optional<Failure> failure;
  std::vector<Wanted> wanted;
  std::vector<std::shared_ptr<Window>> windows;  // in which the ranges lie
  std::vector<const uint8_t*> places;            // of each range, whether or not it is there
  std::vector<uint32_t> resident;                // ranges
  std::vector<std::vector<Entry>> missing;       // by source; each has its range's number
};

// On any thread but an event loop's: it asks the kernel about as much as it likes.
Found find(const std::vector<Source>& sources, const std::vector<Range>& ranges);

}  // namespace nofault::roaring
