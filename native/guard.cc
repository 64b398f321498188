#include "guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <vector>

#include "kernel.h"

namespace nofault::guard {

namespace {

// The windows by address range, for a signal handler: no locks, and nothing in it is ever freed.
struct Slot {
  std::atomic<uintptr_t> base;
  std::atomic<size_t> length;
  std::atomic<Window*> window;
};

Slot* const slots = [] {
  void* at = mmap(nullptr, kMostWindows * sizeof(Slot), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : static_cast<Slot*>(at);
}();
std::atomic<size_t> slotsUsed{0};
std::mutex& registering = *new std::mutex();
std::vector<size_t>& freeSlots = *new std::vector<size_t>();

// Single pages covered one by one in all windows that are mapped now; each may cost two mappings, of which a process
// has a limited number.
constexpr int64_t kMostCovers = 4096;
std::atomic<int64_t> covers{0};

// Whether one more page of the window may be covered by itself.
bool coverOne(Window& window) {
  if (covers.load() >= kMostCovers) return false;
  ++covers;
  ++window.covers;
  return true;
}

// Who handled the signals before. Replaced as a whole, and never freed: a handler may be looking.
std::atomic<const struct sigaction*> before[2];
std::mutex& installing = *new std::mutex();

size_t indexOf(int signal) { return signal == SIGBUS ? 0 : 1; }

Window* windowAt(uintptr_t address) {
  const size_t used = slotsUsed.load(std::memory_order_acquire);
  for (size_t i = 0; i < used; ++i) {
    const uintptr_t base = slots[i].base.load(std::memory_order_acquire);
    if (base != 0 && address - base < slots[i].length.load(std::memory_order_relaxed))
      return slots[i].window.load(std::memory_order_relaxed);
  }
  return nullptr;
}

// The file's size as the kernel knows it: no server is asked, for this may be an event loop's thread. -1 when unknown.
int64_t knownSize(int fd) {
  struct statx status {};
  if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &status) != 0) return -1;
  return static_cast<int64_t>(status.stx_size);
}

Marks* marksOf(Window& window) {
  if (Marks* known = window.marks.load()) return known;
  void* at = mmap(nullptr, sizeof(Marks), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  Marks* known = nullptr;
  if (window.marks.compare_exchange_strong(known, static_cast<Marks*>(at))) return static_cast<Marks*>(at);
  munmap(at, sizeof(Marks));
  return known;
}

// Marks first, then takes from the board: whoever notes a page on the board looks at the marks afterwards.
bool mark(Window& window, uint64_t first, uint64_t count, Mark kind, uint64_t touched) {
  Marks* marks = marksOf(window);
  if (marks == nullptr) return false;
  for (uint64_t page = first; page < first + count; ++page) marks->pages[page].store(kind);
  window.board.take(first, count);
  window.file->record(kind, window.firstPage + touched);
  return true;
}

// The bad page, and what is sure to be as bad, reads as zeros from now on.
bool cover(Window& window, uint64_t page) {
  const auto size = static_cast<int64_t>(kernel::pageSize());
  const int64_t fileBytes = knownSize(window.file->fd.load());
  uint64_t first = page, count = 1;
  Mark kind = Mark::io;
  if (fileBytes >= 0 && static_cast<int64_t>(window.firstPage + page) * size >= fileBytes) {
    // Behind the end everything is bad; one mapping covers it.
    kind = Mark::truncated;
    const auto filePages = static_cast<uint64_t>((fileBytes + size - 1) / size);
    first = filePages > window.firstPage ? filePages - window.firstPage : 0;
    count = window.pageCount - first;
  } else if (!coverOne(window)) {
    first = 0;
    count = window.pageCount;
  }
  if (!mark(window, first, count, kind, page)) return false;
  return mmap(window.base + first * kernel::pageSize(), count * kernel::pageSize(), PROT_READ,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

// A page of its own takes the place of the one that was written to. Its contents are saved in between, which other
// threads could see; they look at the marks before they believe what they read.
bool takeCopy(Window& window, uint64_t page) {
  const bool many = !coverOne(window);
  const uint64_t first = many ? 0 : page, count = many ? window.pageCount : 1;
  const size_t bytes = count * kernel::pageSize();
  char* at = window.base + first * kernel::pageSize();
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* saved = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  if (saved == MAP_FAILED) return false;
  // This may be a bad touch itself, which is covered as any other.
  memcpy(saved, at, bytes);
  // Right at its place, and not moved there: neighbours become one mapping.
  const bool taken = mark(window, first, count, Mark::readOnly, page) &&
                     mmap(at, bytes, PROT_READ | PROT_WRITE, kFlags | MAP_FIXED, -1, 0) != MAP_FAILED;
  if (taken) memcpy(at, saved, bytes);
  munmap(saved, bytes);
  return taken;
}

bool handled(int signal, const siginfo_t& info) {
  const auto address = reinterpret_cast<uintptr_t>(info.si_addr);
  if (signal == SIGBUS ? info.si_code != BUS_ADRERR && info.si_code != BUS_MCEERR_AR : info.si_code != SEGV_ACCERR)
    return false;
  Window* window = windowAt(address);
  if (window == nullptr) return false;
  const uint64_t page = (address - reinterpret_cast<uintptr_t>(window->base)) / kernel::pageSize();
  return signal == SIGBUS ? cover(*window, page) : takeCopy(*window, page);
}

void passOn(int signal, siginfo_t* info, void* context) {
  const struct sigaction* previous = before[indexOf(signal)].load();
  if (previous != nullptr && (previous->sa_flags & SA_SIGINFO) != 0) {
    previous->sa_sigaction(signal, info, context);
    return;
  }
  if (previous != nullptr && previous->sa_handler != SIG_DFL && previous->sa_handler != SIG_IGN) {
    previous->sa_handler(signal);
    return;
  }
  const bool sent = info->si_code <= 0;
  if (previous != nullptr && previous->sa_handler == SIG_IGN && sent) return;
  // Nobody: the process ends as it would have without us. A fault happens again by itself, a signal that was sent does
  // not.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(signal, &standard, nullptr);
  if (sent) raise(signal);
}

void onFault(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  if (!handled(signal, *info)) passOn(signal, info, context);
  errno = error;
}

bool ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == &onFault;
}

}  // namespace

void install() {
  for (const int signal : {SIGBUS, SIGSEGV}) {
    struct sigaction current {};
    if (sigaction(signal, nullptr, &current) != 0 || ours(current)) continue;
    std::lock_guard lock(installing);
    if (sigaction(signal, nullptr, &current) != 0 || ours(current)) continue;
    before[indexOf(signal)] = new struct sigaction(current);
    struct sigaction action {};
    action.sa_sigaction = onFault;
    // On the alternate stack where a thread has one; while one of the two is handled, the other may come.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

void watchOver(Window& window) {
  if (slots == nullptr) return;
  install();
  std::lock_guard lock(registering);
  size_t index = 0;
  if (freeSlots.empty()) {
    index = slotsUsed.load(std::memory_order_relaxed);
    if (index == kMostWindows) return;
  } else {
    index = freeSlots.back();
    freeSlots.pop_back();
  }
  Slot& slot = slots[index];
  slot.window = &window;
  slot.length = window.pageCount * kernel::pageSize();
  slot.base = reinterpret_cast<uintptr_t>(window.base);
  if (index == slotsUsed.load(std::memory_order_relaxed)) slotsUsed = index + 1;
  window.guardSlot = index;
}

void uncount(Window& window) { covers -= window.covers.exchange(0); }

void forget(Window& window) {
  if (slots == nullptr || window.guardSlot == SIZE_MAX) return;
  std::lock_guard lock(registering);
  slots[window.guardSlot].base = 0;
  freeSlots.push_back(window.guardSlot);
  window.guardSlot = SIZE_MAX;
  uncount(window);
}

}  // namespace nofault::guard
