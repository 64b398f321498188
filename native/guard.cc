#include "guard.h"

#include <fcntl.h>
#include <sched.h>
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
  std::atomic<uint32_t> held;  // by handlers that work on it
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

std::atomic<uint64_t> marksEver{0};

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

// The window at an address, if there is one, for as long as this lives: whoever gives it up waits. So nothing under it
// may wait for a device.
class Held {
 public:
  explicit Held(uintptr_t address) {
    const size_t used = slotsUsed.load(std::memory_order_acquire);
    for (size_t i = 0; i < used && slot_ == nullptr; ++i) {
      if (!contains(slots[i], address)) continue;
      ++slots[i].held;
      // `forget` takes the base away and then looks whether somebody holds it: one of the two sees the other.
      if (contains(slots[i], address))
        slot_ = &slots[i];
      else
        --slots[i].held;
    }
  }
  ~Held() {
    if (slot_ != nullptr) --slot_->held;
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  Window* window() const { return slot_ == nullptr ? nullptr : slot_->window.load(); }

 private:
  static bool contains(const Slot& slot, uintptr_t address) {
    const uintptr_t base = slot.base.load();
    return base != 0 && address - base < slot.length.load();
  }

  Slot* slot_ = nullptr;
};

uint64_t pageOf(const Window& window, uintptr_t address) {
  return (address - reinterpret_cast<uintptr_t>(window.base)) / kernel::pageSize();
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
  ++marksEver;
  window.board.take(first, count);
  window.file->record(kind, window.firstPage + touched);
  return true;
}

// The bad page, and what is sure to be as bad, reads as zeros from now on.
bool cover(uintptr_t address) {
  const Held held(address);
  if (held.window() == nullptr) return false;
  Window& window = *held.window();
  const uint64_t page = pageOf(window, address);
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

// A page of its own takes the place of the one that was written to.
bool takeCopy(uintptr_t address) {
  uint64_t page = 0, first = 0, count = 0;
  char* at = nullptr;
  {
    const Held held(address);
    if (held.window() == nullptr) return false;
    Window& window = *held.window();
    page = pageOf(window, address);
    const bool many = !coverOne(window);
    first = many ? 0 : page;
    count = many ? window.pageCount : 1;
    at = window.base + first * kernel::pageSize();
  }
  const size_t bytes = count * kernel::pageSize();
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* saved = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  if (saved == MAP_FAILED) return false;
  // Not under the hold, for it may wait for the device. This may be a bad touch itself, which is covered as any other.
  memcpy(saved, at, bytes);
  const Held held(address);
  Window* window = held.window();
  const bool there = window != nullptr && window->base + first * kernel::pageSize() == at;
  // Right at its place, and not moved there: neighbours become one mapping. For a moment other threads could see it
  // empty; they look at the marks before they believe what they read.
  const bool taken = there && mark(*window, first, count, Mark::readOnly, page) &&
                     mmap(at, bytes, PROT_READ | PROT_WRITE, kFlags | MAP_FIXED, -1, 0) != MAP_FAILED;
  if (taken) memcpy(at, saved, bytes);
  munmap(saved, bytes);
  return taken;
}

bool handled(int signal, const siginfo_t& info) {
  const auto address = reinterpret_cast<uintptr_t>(info.si_addr);
  if (signal == SIGBUS) return (info.si_code == BUS_ADRERR || info.si_code == BUS_MCEERR_AR) && cover(address);
  return info.si_code == SEGV_ACCERR && takeCopy(address);
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

uint64_t marksMade() { return marksEver.load(); }

void uncount(Window& window) { covers -= window.covers.exchange(0); }

void forget(Window& window) {
  if (slots == nullptr || window.guardSlot == SIZE_MAX) return;
  std::lock_guard lock(registering);
  Slot& slot = slots[window.guardSlot];
  slot.base = 0;
  // A handler of another thread must not lay anything over a range that is somebody else's by then.
  while (slot.held.load() != 0) sched_yield();
  freeSlots.push_back(window.guardSlot);
  window.guardSlot = SIZE_MAX;
  uncount(window);
}

}  // namespace nofault::guard
