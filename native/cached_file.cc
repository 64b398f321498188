#include "cached_file.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "canary.h"
#include "kernel.h"

namespace nofault {

namespace {

// Edges that one answer has at most, or a few more.
constexpr size_t kMostEdges = 65536;
// Pages that one map is made of: an answer takes a while at most.
constexpr uint64_t kStretch = uint64_t{1} << 18;

// Pages.
constexpr uint64_t kLargestFolio = 512;

// Where bytes go that nobody wants.
class Nowhere {
 public:
  Nowhere() : fd_(open("/dev/null", O_WRONLY | O_CLOEXEC)) {}
  ~Nowhere() {
    if (fd_ >= 0) close(fd_);
  }
  Nowhere(const Nowhere&) = delete;
  Nowhere& operator=(const Nowhere&) = delete;

  // Waits until a stretch of a file is in memory, and tells how far it came: to `end`, or to what cannot be read. Pages
  // pass by as they are: copying them out takes longer than many disks.
  uint64_t pass(int fd, uint64_t from, uint64_t end) const {
    auto at = static_cast<off_t>(from);
    while (static_cast<uint64_t>(at) < end) {
      const ssize_t passed = sendfile(fd_, fd, &at, static_cast<size_t>(end - static_cast<uint64_t>(at)));
      if (passed < 0 && errno == EINTR) continue;
      if (passed <= 0) break;
    }
    return static_cast<uint64_t>(at);
  }

 private:
  const int fd_;
};

// Drops the folio of a page that could not be read, and returns the page behind it. A large folio is read as a whole:
// as long as it is there, one bad page makes all of its pages unreadable, while pages by themselves are not.
uint64_t dropFolio(int fd, uint64_t page) {
  const uint64_t size = kernel::pageSize();
  // Folios lie at multiples of their length, so that nothing else is dropped on the way to it.
  for (uint64_t pages = 1; pages <= kLargestFolio; pages *= 2) {
    const uint64_t first = page / pages * pages;
    kernel::dontNeed(fd, first * size, pages * size);
    const int64_t cached = kernel::cachedOrComing(fd, page * size, size);
    if (cached == 0) return first + pages;
    if (cached < 0) break;
  }
  return page + 1;
}

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

std::vector<BadPage> CachedFile::bringIn(const std::vector<double>& edges, bool inOrder) const {
  const uint64_t size = kernel::pageSize();
  const auto readAhead = [&](bool ahead) {
    if (inOrder) kernel::readAhead(fd_, ahead);
  };
  readAhead(true);
  if (!inOrder) {
    for (size_t i = 0; i + 1 < edges.size(); i += 2)
      startReading(fd_, static_cast<uint64_t>(edges[i]), static_cast<uint64_t>(edges[i + 1] - edges[i]));
  }
  const Nowhere nowhere;
  std::vector<BadPage> bad;
  for (size_t i = 0; i + 1 < edges.size(); i += 2) {
    const auto end = static_cast<uint64_t>(edges[i + 1]);
    for (auto page = static_cast<uint64_t>(edges[i]); page < end;) {
      // The last page ends with the file: what goes up to its first byte is whole.
      const uint64_t whole = (end - 1) * size + 1;
      const uint64_t reached = nowhere.pass(fd_, page * size, whole);
      if (reached >= whole) break;
      page = reached / size;
      readAhead(false);
      const uint64_t behind = std::min(end, dropFolio(fd_, page));
      const Filled filled = finishReading(fd_, nullptr, page, behind - page, false);
      bad.insert(bad.end(), filled.bad.begin(), filled.bad.end());
      readAhead(true);
      page = behind;
    }
  }
  readAhead(false);
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
