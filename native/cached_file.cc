#include "cached_file.h"

#include <unistd.h>

#include <algorithm>

#include "canary.h"
#include "kernel.h"

namespace nofault {

namespace {

// Edges that one answer has at most, or a few more.
constexpr size_t kMostEdges = 65536;
// Pages that one map is made of: an answer takes a while at most.
constexpr uint64_t kStretch = uint64_t{1} << 18;

}  // namespace

CachedFile::CachedFile(int fd, dev_t device, bool prune)
    : device(device), fd_(fd), prune_(prune), canary_(placeCanary(fd)) {}

CachedFile::~CachedFile() {
  removeCanary(canary_);
  close(fd_);
}

bool CachedFile::truthful() const { return sings(canary_); }

PageMap CachedFile::residency(uint64_t firstPage, uint64_t pageCount) const {
  return mapResidency(fd_, firstPage, pageCount, prune_, [this] { return truthful(); });
}

CachedFile::Missing CachedFile::missing(uint64_t from, uint64_t to) const {
  Missing missing;
  std::vector<double>& edges = missing.edges;
  const uint64_t size = kernel::pageSize();
  uint64_t page = from;
  for (uint64_t data = 0, end = 0; page < to && edges.size() < kMostEdges;) {
    if (!kernel::nextData(fd_, page * size, to * size, data, end)) {
      page = to;
      break;
    }
    const uint64_t first = std::max(page, data / size);
    const uint64_t count = std::min((end + size - 1) / size - first, kStretch);
    const PageMap map = residency(first, count);
    const auto add = [&](uint64_t runFrom, uint64_t runTo) {
      const auto runFirst = static_cast<double>(first + runFrom), runEnd = static_cast<double>(first + runTo);
      // Runs that touch where one stretch ended are one.
      if (!edges.empty() && edges.back() == runFirst) {
        edges.back() = runEnd;
      } else {
        edges.push_back(runFirst);
        edges.push_back(runEnd);
      }
    };
    if (map.known) {
      eachRun(map, false, add);
    } else {
      add(0, count);
    }
    page = first + count;
  }
  missing.reached = page;
  return missing;
}

std::vector<BadPage> CachedFile::bringIn(const std::vector<double>& edges) const {
  for (size_t i = 0; i + 1 < edges.size(); i += 2)
    startReading(fd_, static_cast<uint64_t>(edges[i]), static_cast<uint64_t>(edges[i + 1] - edges[i]));
  std::vector<BadPage> bad;
  for (size_t i = 0; i + 1 < edges.size(); i += 2) {
    const Filled filled = finishReading(fd_, nullptr, static_cast<uint64_t>(edges[i]),
                                        static_cast<uint64_t>(edges[i + 1] - edges[i]), false);
    bad.insert(bad.end(), filled.bad.begin(), filled.bad.end());
  }
  return bad;
}

int64_t CachedFile::count(uint64_t firstPage, uint64_t pageCount) const {
  const uint64_t size = kernel::pageSize();
  if (prune_) return kernel::cachedOrComing(fd_, firstPage * size, pageCount * size);
  const PageMap map = mapResidency(fd_, firstPage, pageCount, false, [this] { return truthful(); });
  return map.known ? static_cast<int64_t>(map.residentPages) : -1;
}

CachedFile::Dropped CachedFile::drop(uint64_t firstPage, uint64_t pageCount, bool flush) const {
  const uint64_t offset = firstPage * kernel::pageSize(), length = pageCount * kernel::pageSize();
  Dropped dropped;
  dropped.before = count(firstPage, pageCount);
  if (dropped.before == 0) {
    dropped.after = 0;
    return dropped;
  }
  if (flush) dropped.error = kernel::flush(fd_, offset, length);
  kernel::dontNeed(fd_, offset, length);
  dropped.after = count(firstPage, pageCount);
  return dropped;
}

}  // namespace nofault
