#include "residency_map.h"

#include <sys/mman.h>
#include <sys/vfs.h>

#include <algorithm>
#include <memory>

#include "kernel.h"

namespace nofault {

namespace {

// Pages that one mincore answers for.
constexpr uint64_t kBlock = 16384;

// cachestat counts nothing of a file whose pages belong to another one underneath (overlayfs, FUSE passthrough), so it
// may rule out blocks only on file systems that keep their own pages.
bool cachestatIsTruthful(int fd) {
  struct statfs fs {};
  if (fstatfs(fd, &fs) != 0) return false;
  switch (static_cast<uint32_t>(fs.f_type)) {
    case 0xEF53:      // ext2, ext3, ext4
    case 0x58465342:  // xfs
    case 0x9123683E:  // btrfs
    case 0x01021994:  // tmpfs
    case 0xF2F52010:  // f2fs
    case 0x6969:      // nfs
    case 0x00C36400:  // ceph
      return true;
    default:
      return false;
  }
}

void append(PageMap& map, bool resident, uint64_t pages) {
  // Even positions are missing, odd ones resident.
  if (map.lengths.empty()) map.lengths.push_back(0);
  if ((map.lengths.size() % 2 == 0) != resident) map.lengths.push_back(0);
  map.lengths.back() += static_cast<double>(pages);
}

}  // namespace

PageMap mapResidency(int fd, uint64_t firstPage, uint64_t pageCount) {
  PageMap map;
  if (pageCount == 0) return map;
  const uint64_t size = kernel::pageSize();
  // A mapping of its own, never touched: one for the whole range, since mapping and unmapping hold up the loop's
  // questions.
  void* at =
      mmap(nullptr, pageCount * size, PROT_READ, MAP_SHARED | MAP_NORESERVE, fd, static_cast<off_t>(firstPage * size));
  if (at == MAP_FAILED) return {false, {}};
  const bool prune = cachestatIsTruthful(fd);
  const std::unique_ptr<unsigned char[]> vector(new unsigned char[kBlock]);
  for (uint64_t page = 0; page < pageCount && map.known; page += kBlock) {
    const uint64_t pages = std::min(kBlock, pageCount - page);
    if (prune && kernel::cachedOrComing(fd, (firstPage + page) * size, pages * size) == 0) {
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
  return map;
}

}  // namespace nofault
