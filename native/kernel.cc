#include "kernel.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
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
struct Cachestat {
  uint64_t cached;
  uint64_t dirty;
  uint64_t writeback;
  uint64_t evicted;
  uint64_t recentlyEvicted;
};

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
  // A bad descriptor is noticed only where the call exists and is allowed.
  CachestatRange range{0, 1};
  Cachestat stat{};
  can.cachestat = syscall(SYS_cachestat, -1, &range, &stat, 0) == -1 && errno == EBADF;
  return can;
}

}  // namespace

size_t pageSize() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

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

int64_t cachedOrComing(int fd, uint64_t offset, uint64_t length) {
  if (!abilities().cachestat) return -1;
  CachestatRange range{offset, length};
  Cachestat stat{};
  if (syscall(SYS_cachestat, fd, &range, &stat, 0) != 0) return -1;
  return static_cast<int64_t>(stat.cached);
}

void willNeed(int fd, uint64_t offset, uint64_t length) {
  posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_WILLNEED);
}

}  // namespace nofault::kernel
