#include "probe.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>

#include "file_system.h"
#include "kernel.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

namespace nofault::probe {

namespace {

// As in linux/mman.h of 6.5 and linux/fs.h of 6.7; older headers lack them.
struct CachestatRange {
  uint64_t offset, length;
};
struct Cachestat {
  uint64_t cached, dirty, writeback, evicted, recentlyEvicted;
};
struct ScanRequest {
  uint64_t size, flags, start, end, walkEnd, regions, regionCount, maxPages, inverted, mask, anyOf, returned;
};

// How often a question is asked again whose answer an unlucky moment may have spoiled: the page asked about can leave
// memory at any time.
constexpr int kAttempts = 5;

// What a file that grows does not reach while it is looked at.
constexpr uint64_t kFarBehindEnd = uint64_t{1} << 30;

int errorOf(int64_t result) { return result < 0 ? errno : 0; }

// A page of address space for as long as it is asked about.
class Page {
 public:
  Page(int flags, int fd, uint64_t offset)
      : at_(mmap(nullptr, kernel::pageSize(), PROT_READ, flags, fd, static_cast<off_t>(offset))) {}
  ~Page() {
    if (mapped()) munmap(at_, kernel::pageSize());
  }
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  bool mapped() const { return at_ != MAP_FAILED; }
  // Each returns an errno, or 0.
  int populate() const { return errorOf(madvise(at_, kernel::pageSize(), MADV_POPULATE_READ)); }
  int askPageCache(bool& cached) const {
    unsigned char state = 0;
    const int error = errorOf(mincore(at_, kernel::pageSize(), &state));
    cached = (state & 1) != 0;
    return error;
  }

 private:
  void* const at_;
};

int tryMovePages() {
  char here = 0;
  void* address = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(&here) & ~(kernel::pageSize() - 1));
  int status = -1;
  const int error = errorOf(syscall(SYS_move_pages, 0, 1UL, &address, nullptr, &status, 0));
  // A page of our own stack is surely mapped.
  return error == 0 && status < 0 ? -status : error;
}

int tryPagemapScan(int fd) {
  char here = 0;
  const auto address = reinterpret_cast<uintptr_t>(&here) & ~(kernel::pageSize() - 1);
  // No regions are asked for, so the kernel has nothing to write.
  ScanRequest request{sizeof(ScanRequest), 0, address, address + kernel::pageSize(), 0, 0, 0, 0, 0, 0, 1, 1};
  return errorOf(ioctl(fd, _IOWR('f', 16, ScanRequest), &request));
}

int askCachestat(int fd, uint64_t length, uint64_t& pages) {
  CachestatRange range{0, length};
  Cachestat stat{};
  const int error = errorOf(syscall(SYS_cachestat, fd, &range, &stat, 0));
  pages = stat.cached;
  return error;
}

int64_t mountOf(int fd) {
  const std::string path = "/proc/self/fdinfo/" + std::to_string(fd);
  int64_t mount = -1;
  if (FILE* file = fopen(path.c_str(), "re")) {
    char line[256];
    while (mount < 0 && fgets(line, sizeof line, file) != nullptr) {
      if (sscanf(line, "mnt_id: %" SCNd64, &mount) != 1) mount = -1;
    }
    fclose(file);
  }
  return mount;
}

// To who may read a file that is not theirs to write, mincore says that everything is resident: behind the end too,
// where surely nothing is (docs/kernel.md).
Answer askAboutPageBehindEnd(int fd, uint64_t size) {
  const uint64_t end = (size + kernel::pageSize() - 1) / kernel::pageSize() * kernel::pageSize();
  for (const uint64_t offset : {end + kFarBehindEnd, end}) {
    const Page page(MAP_SHARED, fd, offset);
    bool cached = false;
    if (!page.mapped()) continue;
    if (page.askPageCache(cached) != 0) return Answer::refused;
    return cached ? Answer::wrong : Answer::truthful;
  }
  return Answer::untested;
}

int readFirstByte(int fd) {
  char byte = 0;
  for (;;) {
    const int error = errorOf(pread(fd, &byte, 1, 0));
    if (error != EINTR) return error;
  }
}

// Whether what has just been read is counted. On file systems that lie over others it is not.
Answer askCachestatAboutFirstPage(int fd) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    uint64_t pages = 0;
    if (askCachestat(fd, kernel::pageSize(), pages) != 0) return Answer::refused;
    if (pages > 0) return Answer::truthful;
    if (readFirstByte(fd) != 0) return Answer::untested;
  }
  return Answer::wrong;
}

}  // namespace

KernelFacts aboutKernel() {
  KernelFacts facts;
  const Page page(MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page.mapped()) {
    bool cached = false;
    facts.mincore = page.askPageCache(cached);
    facts.populateRead = page.populate();
  } else {
    facts.mincore = facts.populateRead = ENOMEM;
  }
  facts.movePages = tryMovePages();
  // A bad descriptor is noticed only where the call exists and is allowed.
  uint64_t pages = 0;
  facts.cachestat = askCachestat(-1, 1, pages);
  if (facts.cachestat == EBADF) facts.cachestat = 0;
  const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  facts.pagemap = facts.pagemapScan = errorOf(pagemap);
  if (pagemap >= 0) {
    facts.pagemapScan = tryPagemapScan(pagemap);
    close(pagemap);
  }
  return facts;
}

FileFacts aboutFile(int fd, const struct stat& status) {
  FileFacts facts;
  facts.size = static_cast<uint64_t>(status.st_size);
  facts.deviceMajor = major(status.st_dev);
  facts.deviceMinor = minor(status.st_dev);
  facts.owner = status.st_uid;
  facts.mount = mountOf(fd);
  const FileSystem system = fileSystemOf(fd);
  facts.fileSystem = system.name;
  facts.local = system.local;
  facts.mincore = askAboutPageBehindEnd(fd, facts.size);
  facts.readNow = kernel::canReadNow(fd) ? 0 : errno;
  if (facts.size == 0) return facts;
  // Read before it is populated: populating a page that nobody has requested reads up to megabytes around it.
  facts.firstRead = readFirstByte(fd);
  if (facts.firstRead != 0) return facts;
  facts.cachestat = askCachestatAboutFirstPage(fd);
  const Page first(MAP_SHARED, fd, 0);
  facts.firstPopulate = first.mapped() ? first.populate() : ENOMEM;
  return facts;
}

}  // namespace nofault::probe
