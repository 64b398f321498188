#include "survey.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "canary.h"
#include "file_system.h"

namespace nofault {

namespace {

uint64_t pagesIn(uint64_t size) { return (size + kernel::pageSize() - 1) / kernel::pageSize(); }

void note(Surveyed& file, const struct stat& status) {
  file.mode = status.st_mode;
  file.device = status.st_dev;
  file.inode = status.st_ino;
  file.links = status.st_nlink;
  file.size = static_cast<uint64_t>(status.st_size);
  file.allocated = static_cast<uint64_t>(status.st_blocks) * 512;
}

Surveyed failed(Surveyed file, const char* syscall) {
  file.error = errno;
  file.syscall = syscall;
  return file;
}

void add(kernel::CacheCounts& sum, const kernel::CacheCounts& counts) {
  sum.cached += counts.cached;
  sum.dirty += counts.dirty;
  sum.writeback += counts.writeback;
  sum.evicted += counts.evicted;
  sum.recentlyEvicted += counts.recentlyEvicted;
}

// Each cell by itself: that takes hardly longer than all at once, for it is what is cached that takes time.
void count(int fd, Surveyed& file, uint64_t wanted) {
  const uint64_t size = kernel::pageSize(), pages = pagesIn(file.size);
  const uint64_t cells = std::clamp<uint64_t>(wanted, 1, pages);
  kernel::CacheCounts last{};
  uint64_t from = 0, lastPages = 0;
  for (uint64_t cell = 0; cell < cells; ++cell) {
    // Files have less than 2^51 pages, and cells are counted in 17 bits at most.
    const uint64_t to = static_cast<uint64_t>(static_cast<unsigned __int128>(cell + 1) * pages / cells);
    last = {};
    file.counted = kernel::countPages(fd, from * size, (to - from) * size, last);
    if (file.counted != 0) return;
    add(file.counts, last);
    if (wanted > 0) file.cells.push_back(static_cast<double>(last.cached));
    lastPages = to - from;
    from = to;
  }
  file.lastCached = last.cached == lastPages;
  if (file.lastCached || last.cached == 0 || file.size % size == 0) return;
  last = {};
  file.lastCached = kernel::countPages(fd, (pages - 1) * size, size, last) == 0 && last.cached > 0;
}

void map(int fd, Surveyed& file, bool prune) {
  void* canary = placeCanary(fd);
  file.map = mapResidency(fd, 0, pagesIn(file.size), prune, [canary] { return sings(canary); });
  removeCanary(canary);
  file.mapped = file.map.known;
}

// Only one page that came to stay says something: another may leave between the two questions, or be on its way.
void findWitness(int fd, Surveyed& file) {
  if (file.counted != 0 || file.map.residentPages == 0) return;
  if (file.counts.cached > 0) {
    file.witness = 1;
    return;
  }
  void* canary = placeCanary(fd);
  const PageMap again = mapResidency(fd, 0, pagesIn(file.size), false, [canary] { return sings(canary); });
  removeCanary(canary);
  kernel::CacheCounts counts{};
  const int error = kernel::countPages(fd, 0, file.size, counts);
  if (error == 0 && again.residentPages > 0) file.witness = counts.cached > 0;
}

}  // namespace

Surveyed survey(int folder, const char* name, const Question& question, bool regular) {
  Surveyed file;
  struct stat status {};
  if (!regular) {
    if (fstatat(folder, name, &status, question.follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) return failed(file, "stat");
    note(file, status);
    if (!S_ISREG(file.mode)) return file;
  }
  if (question.fileSystem) {
    const FileSystem system = fileSystemAt(name);
    file.fileSystem = system.name;
    file.countsPages = system.countsPages;
    file.interface = system.interface;
    if (file.interface) return file;
  }
  // There is nothing of it to look at, or nobody asks.
  if ((!regular && file.size == 0) || !(question.cachestat || question.mincore)) return file;
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (question.follow ? 0 : O_NOFOLLOW);
  const int fd = openat(folder, name, flags);
  if (fd < 0) return failed(file, "open");
  if (fstat(fd, &status) != 0) {
    file = failed(file, "fstat");
  } else {
    note(file, status);
    if (S_ISREG(file.mode) && file.size > 0) {
      if (question.cachestat) count(fd, file, question.cells);
      if (question.mincore) map(fd, file, question.prune);
      if (question.cachestat && question.mincore) findWitness(fd, file);
    }
  }
  close(fd);
  return file;
}

}  // namespace nofault
