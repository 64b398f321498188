// Locking runs of pages into memory. mlock2 takes one range; here it goes over a vector of them, on a fetcher's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "fill.h"

namespace nofault {

struct OpenFile;

// Runs of pages, sorted, that neither overlap nor touch: the first page of each and the page behind its last in turn.
using Edges = std::vector<double>;

// Why something could not be locked, or unlocked.
struct LockRefusal {
  enum class Limit {
    none,      // the kernel gave no reason but the errno
    memory,    // RLIMIT_MEMLOCK
    mappings,  // vm.max_map_count
  };
  int error;
  Limit limit;
  double allowed;    // bytes or mappings
  double locked;     // bytes that the process has locked, without those of this call
  uint64_t reached;  // the page that it came to
};

// A page that cannot be kept.
struct Lost {
  BadPage page;
  bool marked;  // by the guard: what is mapped there is not the file's
};

// Sorts the runs of a vector, and joins what overlaps or touches.
Edges joinRuns(const double* first, const double* count, size_t length);

// Whether limits leave room for locking so many bytes, which cuts so many mappings, as far as that can be known before.
std::optional<LockRefusal> findRoom(uint64_t bytes, uint64_t cuts);

// Locks runs whose windows have been placed, up to where it is refused: pages that are mapped at once, the others as
// soon as they are.
std::optional<LockRefusal> lockRuns(OpenFile& file, const Edges& edges, uint64_t cuts);

// Unlocking a part of a locked run cuts it, and that may be refused.
std::optional<LockRefusal> unlockRuns(OpenFile& file, const Edges& edges, uint64_t cuts);

// Sees to it that every page of locked runs is resident and mapped: from then on it stays. The first page for which
// that cannot be had, if there is one. Waits for the device where a page has to be read.
std::optional<Lost> confirmRuns(OpenFile& file, const Edges& edges);

// Shuts the gate, and unlocks all of some windows. They may be taken away afterwards.
void endLocks(OpenFile& file, const std::vector<uint64_t>& windows);

}  // namespace nofault
