// An open file whose pages are brought in and dropped by themselves, without windows or views: for warming, evicting
// and restoring.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "fill.h"
#include "residency_map.h"

namespace nofault {

class CachedFile {
 public:
  // Takes the descriptor.
  CachedFile(int fd, dev_t device, bool prune);
  ~CachedFile();
  CachedFile(const CachedFile&) = delete;
  CachedFile& operator=(const CachedFile&) = delete;

  const dev_t device;

  PageMap residency(uint64_t firstPage, uint64_t pageCount) const;

  // Runs of pages, as their edges, that are not in memory and no holes; all that are no holes where the kernel does not
  // tell.
  struct Missing {
    std::vector<double> edges;
    uint64_t reached = 0;  // it stopped here, with edges enough; else `to`
  };
  Missing missing(uint64_t from, uint64_t to) const;

  // Reads runs of pages, all of them asked for at once; or one after the other, for which the kernel reads ahead, also
  // of the last one's end. Only one call at a time may do so, and no other beside it. The pages that could not be read.
  std::vector<BadPage> bringIn(const std::vector<double>& edges, bool inOrder) const;

  struct Dropped {
    int error = 0;  // of writing out what was dirty
    // Pages that are in memory: -1 where the kernel does not tell.
    int64_t before = -1, after = -1;
  };
  // Drops whole pages that nobody maps or has locked.
  Dropped drop(uint64_t firstPage, uint64_t pageCount, bool flush) const;

 private:
  bool truthful() const;
  int64_t count(uint64_t firstPage, uint64_t pageCount) const;

  const int fd_;
  const bool prune_;  // cachestat counts this file truly
  void* const canary_;
};

}  // namespace nofault
