#include "kernel.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

namespace nofault::kernel {

namespace {

// As in linux/mman.h of 6.5 and later; older headers lack them.
struct CachestatRange {
  uint64_t offset;
  uint64_t length;
};

// PAGEMAP_SCAN of linux/fs.h, Linux 6.7.
struct ScanRegion {
  uint64_t start, end, categories;
};
struct ScanRequest {
  uint64_t size, flags, start, end, walkEnd, regions, regionCount, maxPages, inverted, mask, anyOf, returned;
};
constexpr uint64_t kScanPresent = 1 << 3;
constexpr size_t kScanRegions = 512;

int pagemap() {
  static const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  return fd;
}

bool scanPresent(uintptr_t base, size_t length, const std::function<void(size_t, size_t)>& found) {
  if (pagemap() < 0) return false;
  thread_local ScanRegion regions[kScanRegions];
  for (uintptr_t from = base, end = base + length; from < end;) {
    ScanRequest request{sizeof(ScanRequest), 0, from, end,          0, reinterpret_cast<uintptr_t>(regions),
                        kScanRegions,        0, 0,    kScanPresent, 0, kScanPresent};
    const int count = ioctl(pagemap(), _IOWR('f', 16, ScanRequest), &request);
    if (count < 0) return false;
    for (int i = 0; i < count; ++i) found(regions[i].start - base, regions[i].end - base);
    if (request.walkEnd <= from) return false;
    from = request.walkEnd;
  }
  return true;
}

Abilities probe() {
  Abilities can{};
  // A page of our own stack is surely mapped.
  char here = 0;
  void* address = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(&here) & ~(pageSize() - 1));
  int status = -1;
  can.movePages = syscall(SYS_move_pages, 0, 1UL, &address, nullptr, &status, 0) == 0 && status >= 0;
  void* page = mmap(nullptr, pageSize(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED) {
    can.populate = madvise(page, pageSize(), MADV_POPULATE_READ) == 0;
    munmap(page, pageSize());
  }
  can.scan = scanPresent(reinterpret_cast<uintptr_t>(address), pageSize(), [&](size_t, size_t) {});
  // A bad descriptor is noticed only where the call exists and is allowed.
  CachestatRange range{0, 1};
  CacheCounts counts{};
  can.cachestat = syscall(SYS_cachestat, -1, &range, &counts, 0) == -1 && errno == EBADF;
  return can;
}

}  // namespace

size_t maxMappings() {
  static const size_t most = [] {
    size_t value = 65530;
    if (FILE* file = fopen("/proc/sys/vm/max_map_count", "re")) {
      if (fscanf(file, "%zu", &value) != 1) value = 65530;
      fclose(file);
    }
    return value;
  }();
  return most;
}

const Abilities& abilities() {
  static const Abilities can = probe();
  return can;
}

bool mapped(void* const* addresses, size_t count, int* status) {
  if (!abilities().movePages) return false;
  // Without target nodes the call moves nothing and reports where each page is.
  return syscall(SYS_move_pages, 0, count, addresses, nullptr, status, 0) == 0;
}

bool mappedStretches(const void* address, size_t length, const std::function<void(size_t, size_t)>& found) {
  return abilities().scan && scanPresent(reinterpret_cast<uintptr_t>(address), length, found);
}

bool cached(const void* address, size_t length, unsigned char* vector) {
  return mincore(const_cast<void*>(address), length, vector) == 0;
}

int populate(void* address, size_t length) {
  if (!abilities().populate) return EINVAL;
  while (madvise(address, length, MADV_POPULATE_READ) != 0) {
    if (errno != EINTR && errno != EAGAIN) return errno;
  }
  return 0;
}

void cold(void* address, size_t length) { madvise(address, length, MADV_COLD); }

int countPages(int fd, uint64_t offset, uint64_t length, CacheCounts& counts) {
  if (!abilities().cachestat) return ENOSYS;
  CachestatRange range{offset, length};
  // CacheCounts is laid out as the kernel's struct cachestat.
  return syscall(SYS_cachestat, fd, &range, &counts, 0) == 0 ? 0 : errno;
}

int64_t cachedOrComing(int fd, uint64_t offset, uint64_t length) {
  CacheCounts counts{};
  return countPages(fd, offset, length, counts) == 0 ? static_cast<int64_t>(counts.cached) : -1;
}

bool canReadNow(int fd) {
  char byte = 0;
  iovec into{&byte, 1};
  // Where hardly any file reaches: there is nothing to read, and so nothing is read ahead.
  return preadv2(fd, &into, 1, off_t{1} << 40, RWF_NOWAIT) >= 0 || errno == EAGAIN;
}

std::optional<uint64_t> sizeNow(int fd) {
  struct statx status {};
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &status) != 0) return {};
  return status.stx_size;
}

int64_t readNow(int fd, uint64_t offset, void* into, size_t length) {
  size_t done = 0;
  while (done < length) {
    iovec rest{static_cast<char*>(into) + done, length - done};
    const ssize_t got = preadv2(fd, &rest, 1, static_cast<off_t>(offset + done), RWF_NOWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  if (done == length) return static_cast<int64_t>(done);
  // Some kernels say that the file has ended when they would have to wait.
  if (const auto size = sizeNow(fd); !size || *size > offset + done) return -1;
  return static_cast<int64_t>(done);
}

void readAhead(int fd, bool ahead) { posix_fadvise(fd, 0, 0, ahead ? POSIX_FADV_NORMAL : POSIX_FADV_RANDOM); }

void willNeed(int fd, uint64_t offset, uint64_t length) {
  posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_WILLNEED);
}

int flush(int fd, uint64_t offset, uint64_t length) {
  constexpr unsigned kAll = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  return sync_file_range(fd, static_cast<off_t>(offset), static_cast<off_t>(length), kAll) == 0 ? 0 : errno;
}

void dontNeed(int fd, uint64_t offset, uint64_t length) {
  posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_DONTNEED);
}

bool nextData(int fd, uint64_t from, uint64_t end, uint64_t& dataFrom, uint64_t& dataEnd) {
  if (from >= end) return false;
  const off_t data = lseek(fd, static_cast<off_t>(from), SEEK_DATA);
  if (data < 0 && errno == ENXIO) return false;
  dataFrom = data < 0 ? from : static_cast<uint64_t>(data);
  if (dataFrom >= end) return false;
  const off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
  dataEnd = hole <= data ? end : std::min(end, static_cast<uint64_t>(hole));
  return true;
}

}  // namespace nofault::kernel
