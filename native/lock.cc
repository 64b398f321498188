#include "lock.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "kernel.h"
#include "open_file.h"
#include "watch.h"

#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1
#endif

namespace nofault {

namespace {

// A call changes the address space, and questions about it wait meanwhile: for a tenth of a millisecond with so much.
// It is also as much as one entry of the page table may map on most machines, which a cut would empty (docs/kernel.md).
constexpr uint64_t kPiece = uint64_t{2} << 20;
// As long as a fetcher's job, for the same reason: mapping it again keeps others from changing the address space.
constexpr uint64_t kConfirmed = uint64_t{512} << 10;
// Cuts after which mappings are counted again; and so many of them may others have made meanwhile.
constexpr uint64_t kUncounted = 256;

// By number: the C library of some systems has no mlock2, and AddressSanitizer makes no-ops of the two that all have.
int lockAtOnce(const void* address, size_t length) { return syscall(SYS_mlock, address, length) == 0 ? 0 : errno; }
int unlock(const void* address, size_t length) { return syscall(SYS_munlock, address, length) == 0 ? 0 : errno; }

// Returns 0 or the errno.
int lockOnFault(const void* address, size_t length) {
  if (syscall(SYS_mlock2, address, length, MLOCK_ONFAULT) == 0) return 0;
  if (errno != ENOSYS && errno != EPERM) return errno;
  // Sandboxes may know mlock only. It is EPERM too where nothing may be locked at all.
  return lockAtOnce(address, length);
}

double lockedBytes() {
  unsigned long long kib = 0;
  if (FILE* status = fopen("/proc/self/status", "re")) {
    char line[256];
    while (fgets(line, sizeof line, status) != nullptr && sscanf(line, "VmLck: %llu", &kib) != 1) continue;
    fclose(status);
  }
  return static_cast<double>(kib) * 1024;
}

size_t mappings() {
  size_t lines = 0;
  if (FILE* maps = fopen("/proc/self/maps", "re")) {
    char block[8192];
    for (size_t got; (got = fread(block, 1, sizeof block, maps)) > 0;)
      lines += static_cast<size_t>(std::count(block, block + got, '\n'));
    fclose(maps);
  }
  return lines;
}

double memoryLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return -1;
  return static_cast<double>(limit.rlim_cur);
}

LockRefusal tooManyMappings() {
  return {ENOMEM, LockRefusal::Limit::mappings, static_cast<double>(kernel::maxMappings()), lockedBytes(), 0};
}

// Whether so many more mappings would leave the process too few: who needs one and gets none (V8, for its heap) may end
// the process. An eighth of them is out of reach of locks.
bool crowded(uint64_t cuts) {
  static std::atomic<uint64_t> uncounted{0};
  if (cuts == 0 || uncounted.fetch_add(cuts) + cuts < kUncounted) return false;
  uncounted.store(0);
  return mappings() + cuts > kernel::maxMappings() / 8 * 7;
}

// What stood in the way of a call just now. The kernel says ENOMEM for all of it.
LockRefusal explain(int error, uint64_t bytes) {
  LockRefusal refusal{error, LockRefusal::Limit::none, 0, lockedBytes(), 0};
  const double limit = memoryLimit();
  if (error == EPERM && limit == 0) {
    refusal.limit = LockRefusal::Limit::memory;
  } else if (error == ENOMEM && mappings() + kUncounted >= kernel::maxMappings()) {
    refusal.limit = LockRefusal::Limit::mappings;
    refusal.allowed = static_cast<double>(kernel::maxMappings());
  } else if (error == ENOMEM && limit >= 0 && refusal.locked + static_cast<double>(bytes) > limit) {
    refusal.limit = LockRefusal::Limit::memory;
    refusal.allowed = limit;
  }
  return refusal;
}

// Calls `act(window, firstPage, pages)` for each piece, cut at multiples of `longest` bytes of the
// file, in the window that its first page belongs to, until it returns false.
template <class Act>
void forEachPiece(OpenFile& file, const Edges& edges, uint64_t longest, Act act) {
  const uint64_t most = longest / kernel::pageSize();
  static_assert(kWindowStride % kPiece == 0 && kWindowStride % kConfirmed == 0);
  for (size_t i = 0; i + 1 < edges.size(); i += 2) {
    const auto end = static_cast<uint64_t>(edges[i + 1]);
    for (auto page = static_cast<uint64_t>(edges[i]); page < end;) {
      const uint64_t last = std::min(end, (page / most + 1) * most);
      const std::shared_ptr<Window> window = file.shareWindow(page);
      if (!window || !act(*window, page, last - page)) return;
      page = last;
    }
  }
}

// Runs a call on a window's memory unless it may be somebody else's by now. Returns its errno.
template <class Call>
int whileOpen(OpenFile& file, const Window& window, Call call) {
  std::lock_guard lock(file.locks->mutex);
  if (file.locks->shut || !window.alive.load(std::memory_order_acquire)) return ECANCELED;
  return call();
}

std::optional<Lost> confirm(OpenFile& file, Window& window, uint64_t page, uint64_t pages) {
  const uint64_t size = kernel::pageSize();
  char* address = window.addressOf(page);
  const auto map = [&] {
    // Where pages cannot be populated, plain mlock maps them. They have been read before, so it need not wait.
    if (!kernel::abilities().populate)
      return whileOpen(file, window, [&] { return lockAtOnce(address, pages * size); });
    const int32_t time = now();
    const int error = kernel::populate(address, pages * size);
    if (error == 0) Watch::instance().note(window, page, pages, time);
    return error;
  };
  // What is mapped may be the guard's and not the file's.
  const auto outcome = [&]() -> std::optional<Lost> {
    uint64_t bad = 0;
    if (window.marked(page, pages, &bad) != Mark::none) return Lost{{bad, 0, false}, true};
    return {};
  };
  unsigned char here[kConfirmed / 4096];
  const bool cached = file.state->truthful() && kernel::cached(address, pages * size, here) &&
                      std::all_of(here, here + pages, [](auto bits) { return bits & 1; });
  if (cached && map() == 0) return outcome();
  const std::vector<BadPage> bad = finishReading(file.fd, &window, page, pages, true).bad;
  if (!bad.empty()) return Lost{bad.front(), false};
  const int error = map();
  if (error != 0) return Lost{{page, error, false}, false};
  return outcome();
}

}  // namespace

Edges joinRuns(const double* first, const double* count, size_t length) {
  std::vector<std::pair<double, double>> runs;
  runs.reserve(length);
  for (size_t i = 0; i < length; ++i) runs.emplace_back(first[i], first[i] + count[i]);
  std::sort(runs.begin(), runs.end());
  Edges edges;
  for (const auto& [from, to] : runs) {
    if (!edges.empty() && from <= edges.back()) {
      edges.back() = std::max(edges.back(), to);
    } else {
      edges.push_back(from);
      edges.push_back(to);
    }
  }
  return edges;
}

std::optional<LockRefusal> findRoom(uint64_t bytes, uint64_t cuts) {
  if (bytes == 0) return {};
  if (crowded(cuts)) return tooManyMappings();
  const double limit = memoryLimit();
  if (limit < 0 || lockedBytes() + static_cast<double>(bytes) <= limit) return {};
  // The limit does not hold for everybody, and only the kernel knows for whom: it is asked with memory that is no
  // memory.
  void* at = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return {};
  const bool refused = syscall(SYS_mlock2, at, bytes, MLOCK_ONFAULT) != 0;
  const int error = errno;
  munmap(at, bytes);
  // Anything else is a sandbox's answer to mlock2, and says nothing about the limit.
  if (refused && (error == ENOMEM || (error == EPERM && limit == 0))) return explain(error, bytes);
  return {};
}

std::optional<LockRefusal> lockRuns(OpenFile& file, const Edges& edges, uint64_t cuts) {
  const uint64_t size = kernel::pageSize();
  if (crowded(cuts)) return tooManyMappings();
  std::optional<LockRefusal> refusal;
  uint64_t bytes = 0;
  forEachPiece(file, edges, kPiece, [&](const Window& window, uint64_t page, uint64_t pages) {
    const int error = whileOpen(file, window, [&] { return lockOnFault(window.addressOf(page), pages * size); });
    if (error == 0) {
      bytes += pages * size;
    } else {
      refusal = explain(error, pages * size);
      refusal->locked -= static_cast<double>(bytes);
      refusal->reached = page;
    }
    return error == 0;
  });
  return refusal;
}

std::optional<LockRefusal> unlockRuns(OpenFile& file, const Edges& edges, uint64_t cuts) {
  const uint64_t size = kernel::pageSize();
  if (crowded(cuts)) return tooManyMappings();
  std::optional<LockRefusal> refusal;
  forEachPiece(file, edges, kPiece, [&](const Window& window, uint64_t page, uint64_t pages) {
    const int error = whileOpen(file, window, [&] { return unlock(window.addressOf(page), pages * size); });
    if (error != 0) {
      refusal = explain(error, 0);
      refusal->reached = page;
    }
    return error == 0;
  });
  return refusal;
}

std::optional<Lost> confirmRuns(OpenFile& file, const Edges& edges) {
  std::optional<Lost> bad;
  forEachPiece(file, edges, kConfirmed, [&](Window& window, uint64_t page, uint64_t pages) {
    bad = confirm(file, window, page, pages);
    return !bad;
  });
  return bad;
}

void endLocks(OpenFile& file, const std::vector<uint64_t>& windows) {
  std::lock_guard lock(file.locks->mutex);
  file.locks->shut = true;
  for (const uint64_t index : windows) {
    const std::shared_ptr<Window> window = file.shareWindow(file.windows.firstPage(index));
    if (window) unlock(window->base, window->pageCount * kernel::pageSize());
  }
}

}  // namespace nofault
