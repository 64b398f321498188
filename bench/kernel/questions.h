// The calls that answer "is this page here?", for kernels whose headers do not declare them all.
#pragma once
#include <sys/ioctl.h>

#include "measure.h"

struct cachestat_range {
  uint64_t offset, length;
};
struct cachestat_answer {
  uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

static inline int cachestat_of(int fd, uint64_t offset, uint64_t length, struct cachestat_answer* answer) {
  struct cachestat_range range = {offset, length};
  return syscall(451, fd, &range, answer, 0);
}

static inline long move_pages_query(size_t count, void** addresses, int* status) {
  return syscall(SYS_move_pages, 0, count, addresses, NULL, status, 0);
}

// PAGEMAP_SCAN of linux/fs.h, 6.7 and later.
struct scan_region {
  uint64_t start, end, categories;
};
struct scan_request {
  uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages, inverted, mask, any_of, returned;
};
#define SCAN_PAGES _IOWR('f', 16, struct scan_request)
enum { SCAN_PRESENT = 1 << 3 };

static inline long scan_present(int pagemap, const void* from, size_t bytes, struct scan_region* regions,
                                size_t count) {
  struct scan_request request = {.size = sizeof request,
                                 .start = (uintptr_t)from,
                                 .end = (uintptr_t)from + bytes,
                                 .regions = (uintptr_t)regions,
                                 .region_count = count,
                                 .mask = SCAN_PRESENT,
                                 .returned = SCAN_PRESENT};
  return ioctl(pagemap, SCAN_PAGES, &request);
}
