#include "fill.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "kernel.h"
#include "watch.h"

namespace nofault {

namespace {

// One call of WILLNEED reads at most the device's read-ahead or its longest request, and still returns success; this
// much is honoured on ordinary settings (docs/kernel.md).
constexpr uint64_t kHint = uint64_t{128} << 10;

constexpr size_t kScratch = size_t{128} << 10;

// Reads into a buffer of the thread's own and throws the bytes away: they stay in the page cache. Returns 0, an errno,
// or -1 where the file ends.
int readExactly(int fd, uint64_t offset, uint64_t length) {
  thread_local const std::unique_ptr<char[]> scratch(new char[kScratch]);
  while (length > 0) {
    const ssize_t got = pread(fd, scratch.get(), std::min<uint64_t>(length, kScratch), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return -1;
    offset += static_cast<uint64_t>(got);
    length -= static_cast<uint64_t>(got);
  }
  return 0;
}

}  // namespace

bool startReading(int fd, uint64_t firstPage, uint64_t pageCount) {
  const uint64_t size = kernel::pageSize();
  if (kernel::cachedOrComing(fd, firstPage * size, pageCount * size) == static_cast<int64_t>(pageCount)) return false;
  const uint64_t end = (firstPage + pageCount) * size;
  for (uint64_t at = firstPage * size; at < end; at += kHint) kernel::willNeed(fd, at, std::min(kHint, end - at));
  return true;
}

std::vector<BadPage> finishReading(int fd, Window* window, uint64_t firstPage, uint64_t pageCount, bool noting) {
  const uint64_t size = kernel::pageSize();
  const uint64_t offset = firstPage * size, length = pageCount * size;
  // Maps what has arrived, and puts it on the board. As of before: it may leave at once.
  const auto map = [&](uint64_t page, uint64_t count) {
    const int32_t time = now();
    if (window == nullptr || !window->alive.load(std::memory_order_acquire) ||
        kernel::populate(window->addressOf(page), count * size) != 0)
      return false;
    if (noting) Watch::instance().note(*window, page, count, time);
    return true;
  };
  // A page that nobody has requested must not be populated: the kernel would read around it, up to megabytes. The
  // descriptor is POSIX_FADV_RANDOM, so that pread reads the page and nothing else.
  if (kernel::cachedOrComing(fd, offset, length) == static_cast<int64_t>(pageCount) && map(firstPage, pageCount))
    return {};
  // The last page ends with the file: a read up to there is whole.
  if (readExactly(fd, offset, length - size + 1) == 0) {
    map(firstPage, pageCount);
    return {};
  }
  // Something in the run is bad. Page by page, so that its good neighbours are served.
  std::vector<BadPage> bad;
  for (uint64_t page = firstPage; page < firstPage + pageCount; ++page) {
    const int error = readExactly(fd, page * size, 1);
    if (error != 0) bad.push_back({page, error < 0 ? 0 : error, error < 0});
  }
  // Populating stops at the first bad page, so it goes over each good stretch.
  uint64_t from = firstPage;
  for (size_t i = 0; i <= bad.size(); ++i) {
    const uint64_t to = i < bad.size() ? bad[i].page : firstPage + pageCount;
    if (to > from) map(from, to - from);
    from = to + 1;
  }
  return bad;
}

}  // namespace nofault
