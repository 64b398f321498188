#include "fill.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "kernel.h"
#include "watch.h"

namespace nofault {

namespace {

// One call of WILLNEED reads at most the device's read-ahead or its longest request, and still returns success; this
// much is honoured on ordinary settings (docs/kernel.md).
constexpr uint64_t kHint = uint64_t{128} << 10;

// How long ago a page may have been seen to be noted, in ms.
constexpr int32_t kLongAgo = 4;

constexpr size_t kScratch = size_t{128} << 10;

// Some bytes more, from `offset` on, which moves. Returns 0, an errno, or -1 where the file ends.
int readSome(int fd, void* into, uint64_t length, uint64_t& offset) {
  for (;;) {
    const ssize_t got = pread(fd, into, length, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? errno : -1;
    offset += static_cast<uint64_t>(got);
    return 0;
  }
}

// Reads into a buffer of the thread's own and throws the bytes away: they stay in the page cache.
int readExactly(int fd, uint64_t offset, uint64_t length) {
  thread_local const std::unique_ptr<char[]> scratch(new char[kScratch]);
  for (const uint64_t end = offset + length; offset < end;) {
    const int error = readSome(fd, scratch.get(), std::min<uint64_t>(end - offset, kScratch), offset);
    if (error != 0) return error;
  }
  return 0;
}

// Whether all of the pages are in our page table, as far as the kernel tells.
bool allMapped(const Window& window, uint64_t page, uint64_t count) {
  std::vector<void*> addresses(count);
  for (uint64_t i = 0; i < count; ++i) addresses[i] = window.addressOf(page + i);
  std::vector<int> status(count);
  return kernel::mapped(addresses.data(), count, status.data()) &&
         std::all_of(status.begin(), status.end(), [](int node) { return node >= 0; });
}

}  // namespace

bool startReading(int fd, uint64_t firstPage, uint64_t pageCount) {
  const uint64_t size = kernel::pageSize();
  if (kernel::cachedOrComing(fd, firstPage * size, pageCount * size) == static_cast<int64_t>(pageCount)) return false;
  const uint64_t end = (firstPage + pageCount) * size;
  for (uint64_t at = firstPage * size; at < end; at += kHint) kernel::willNeed(fd, at, std::min(kHint, end - at));
  return true;
}

Filled finishReading(int fd, Window* window, uint64_t firstPage, uint64_t pageCount, bool noting) {
  const uint64_t size = kernel::pageSize();
  const uint64_t offset = firstPage * size, length = pageCount * size;
  Filled filled;
  // Maps what has arrived, and puts it on the board.
  const auto map = [&](uint64_t page, uint64_t count) {
    if (window == nullptr || !window->alive.load(std::memory_order_acquire)) return false;
    int32_t time = now();
    if (kernel::populate(window->addressOf(page), count * size) != 0) return false;
    // A verdict is as old as its question, for a page may leave at once. Where this one took long, another one is due.
    if (elapsed(time, now()) > kLongAgo) {
      time = now();
      if (!allMapped(*window, page, count)) return true;
    }
    if (noting) Watch::instance().note(*window, page, count, time);
    filled.asOf = time;
    return true;
  };
  // A page that nobody has requested must not be populated: the kernel would read around it, up to megabytes. The
  // descriptor is POSIX_FADV_RANDOM, so that pread reads the page and nothing else.
  if (kernel::cachedOrComing(fd, offset, length) == static_cast<int64_t>(pageCount) && map(firstPage, pageCount))
    return filled;
  // The last page ends with the file: a read up to there is whole.
  if (readExactly(fd, offset, length - size + 1) == 0) {
    map(firstPage, pageCount);
    return filled;
  }
  // Something in the run is bad. Page by page, so that its good neighbours are served.
  for (uint64_t page = firstPage; page < firstPage + pageCount; ++page) {
    const int error = readExactly(fd, page * size, 1);
    if (error != 0) filled.bad.push_back({page, error < 0 ? 0 : error, error < 0});
  }
  // Populating stops at the first bad page, so it goes over each good stretch.
  uint64_t from = firstPage;
  for (size_t i = 0; i <= filled.bad.size(); ++i) {
    const uint64_t to = i < filled.bad.size() ? filled.bad[i].page : firstPage + pageCount;
    if (to > from) map(from, to - from);
    from = to + 1;
  }
  filled.asOf.reset();
  return filled;
}

std::vector<BadPage> copyReading(int fd, std::span<const Copy> copies) {
  std::vector<BadPage> bad;
  for (const Copy& copy : copies) {
    const uint64_t end = copy.offset + copy.length;
    for (uint64_t at = copy.offset; at < end;) {
      const int error = readSome(fd, copy.into + (at - copy.offset), end - at, at);
      if (error == 0) continue;
      bad.push_back({at / kernel::pageSize(), error < 0 ? 0 : error, error < 0});
      break;
    }
  }
  return bad;
}

}  // namespace nofault
