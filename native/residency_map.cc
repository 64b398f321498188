#include "residency_map.h"

#include <sys/mman.h>

#include <algorithm>
#include <memory>

#include "file_system.h"
#include "kernel.h"

namespace nofault {

namespace {

// Pages that one mincore answers for.
constexpr uint64_t kBlock = 16384;

void append(PageMap& map, bool resident, uint64_t pages) {
  // Even positions are missing, odd ones resident.
  if (map.lengths.empty()) map.lengths.push_back(0);
  if ((map.lengths.size() % 2 == 0) != resident) map.lengths.push_back(0);
  map.lengths.back() += static_cast<double>(pages);
}

}  // namespace

PageMap mapResidency(const FileState& file, uint64_t firstPage, uint64_t pageCount) {
  PageMap map;
  if (pageCount == 0) return map;
  const uint64_t size = kernel::pageSize();
  // A mapping of its own, never touched: one for the whole range, since mapping and unmapping hold up the loop's
  // questions.
  void* at = mmap(nullptr, pageCount * size, PROT_READ, MAP_SHARED | MAP_NORESERVE, file.fd,
                  static_cast<off_t>(firstPage * size));
  if (at == MAP_FAILED) return {false, {}};
  const bool prune = fileSystemOf(file.fd).countsPages;
  const std::unique_ptr<unsigned char[]> vector(new unsigned char[kBlock]);
  for (uint64_t page = 0; page < pageCount && map.known; page += kBlock) {
    const uint64_t pages = std::min(kBlock, pageCount - page);
    if (prune && kernel::cachedOrComing(file.fd, (firstPage + page) * size, pages * size) == 0) {
      append(map, false, pages);
      continue;
    }
    map.known = kernel::cached(static_cast<char*>(at) + page * size, pages * size, vector.get());
    for (uint64_t from = 0, to; map.known && from < pages; from = to) {
      const unsigned char state = vector[from] & 1;
      for (to = from + 1; to < pages && (vector[to] & 1) == state;) ++to;
      append(map, state != 0, to - from);
    }
  }
  munmap(at, pageCount * size);
  // Asked last: whoever is deceived now may not have been before.
  if (!file.truthful()) return {false, {}};
  return map;
}

}  // namespace nofault
