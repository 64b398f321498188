// The guard: bad touches by many threads at once, windows that come and go meanwhile, and faults that are not its own.
#include "guard.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>

#include "check.h"
#include "scratch_file.h"

using namespace nofault;

namespace {

constexpr uint64_t kPages = 128;

void manyThreadsReadWhatIsCutOff() {
  const ScratchFile file(kPages);
  const auto state = std::make_shared<FileState>(file.reading, true);
  for (int round = 0; round < 50; ++round) {
    file.write(0, kPages);
    const PlacedWindow placed(state, 0, kPages);
    const Window& window = *placed.window;
    std::atomic<bool> over{false};
    onThreads(4, [&](unsigned thread) {
      if (thread == 0) {
        CHECK(ftruncate(file.fd, static_cast<off_t>(kPages / 2 * kernel::pageSize())) == 0);
        over = true;
      }
      // What was cut off is zeros, and marked by the time that anybody sees them.
      for (bool last = false; !last;) {
        last = over;
        for (uint64_t page = 0; page < kPages; ++page) {
          const uint32_t word = load(window, page);
          CHECK(word == page + 1 || (word == 0 && page >= kPages / 2));
          // The kernel empties pages before it takes them away, so that zeros may be seen a moment before a fault.
          if (last && page >= kPages / 2) CHECK(word == 0 && window.marked(page, 1) == Mark::truncated);
        }
      }
    });
    CHECK(window.marked(0, kPages / 2) == Mark::none);
    CHECK(state->shared.pending == 1 && state->shared.mark == static_cast<double>(Mark::truncated));
    CHECK(static_cast<uint64_t>(state->shared.page) >= kPages / 2);
    state->shared.pending = 0;
  }
}

void manyThreadsWrite() {
  const ScratchFile file(kPages);
  const auto state = std::make_shared<FileState>(file.reading, true);
  for (int round = 0; round < 30; ++round) {
    const PlacedWindow placed(state, 0, kPages);
    const Window& window = *placed.window;
    onThreads(4, [&](unsigned thread) {
      // Each its own page, and pages between them that nobody writes to.
      for (uint64_t page = uint64_t{thread} * 2; page < kPages; page += 8) {
        store(window.addressOf(page), 1, 77);
        CHECK(load(window, page) == page + 1 && load(window, page, 1) == 77);
        CHECK(window.marked(page, 1) == Mark::readOnly);
        CHECK(load(window, page + 1) == page + 2 && window.marked(page + 1, 1) == Mark::none);
      }
    });
    // To one page: the file's other bytes are there, or zeros for a moment.
    onThreads(4, [&](unsigned thread) {
      store(window.addressOf(1), thread, 1000 + thread);
      CHECK(window.marked(1, 1) == Mark::readOnly);
    });
    state->shared.pending = 0;
  }
  // The file is as it was.
  for (uint64_t page = 0; page < kPages; ++page) {
    uint32_t words[2];
    CHECK(pread(file.fd, words, sizeof words, static_cast<off_t>(page * kernel::pageSize())) == sizeof words);
    CHECK(words[0] == page + 1 && words[1] == page + 1);
  }
}

// Other windows are placed and given up all the time, in the same places of the guard's table.
void windowsThatComeAndGo() {
  const ScratchFile file(kPages);
  const auto state = std::make_shared<FileState>(file.reading, true);
  CHECK(ftruncate(file.fd, static_cast<off_t>(kernel::pageSize())) == 0);
  onThreads(4, [&](unsigned thread) {
    for (int round = 0; round < 300; ++round) {
      const PlacedWindow placed(state, 0, kPages);
      Window& window = *placed.window;
      for (uint64_t page = 1; page < kPages; page += 31) CHECK(load(window, page) == 0);
      if (thread % 2 == 0) store(window.addressOf(0), 0, 1);
      CHECK(window.marked(1, kPages - 1) == Mark::truncated);
      CHECK((window.marked(0, 1) == Mark::readOnly) == (thread % 2 == 0));
    }
  });
}

// So many single pages that covering one by one would take too many mappings.
void moreWritesThanMappings() {
  constexpr uint64_t kMany = 12'000;
  const ScratchFile file(kMany);
  const auto state = std::make_shared<FileState>(file.reading, true);
  const PlacedWindow placed(state, 0, kMany);
  const Window& window = *placed.window;
  for (uint64_t page = 0; page < kMany; page += 2) {
    store(window.addressOf(page), 1, 5);
    CHECK(load(window, page) == page + 1 && load(window, page + 1) == page + 2);
  }
  CHECK(window.marked(0, kMany) == Mark::readOnly && window.covers <= 4096);
}

thread_local sigjmp_buf back;
std::atomic<int> foreign{0};

void onForeign(int, siginfo_t*, void*) {
  ++foreign;
  siglongjmp(back, 1);
}

// Whether a write to what nobody guards has reached the handler above.
bool faults(void* nobodys) {
  if (sigsetjmp(back, 1) != 0) return true;
  store(nobodys, 0, 1);
  return false;
}

// Faults outside of windows reach whoever handled them before, on every thread, and again after somebody else has put
// his own handler in place.
void foreignFaults() {
  struct sigaction own {};
  own.sa_sigaction = onForeign;
  own.sa_flags = SA_SIGINFO | SA_NODEFER;
  CHECK(sigaction(SIGSEGV, &own, nullptr) == 0 && sigaction(SIGBUS, &own, nullptr) == 0);
  guard::install();
  const ScratchFile file(kPages);
  const auto state = std::make_shared<FileState>(file.reading, true);
  const PlacedWindow placed(state, 0, kPages);
  const Window& window = *placed.window;
  const size_t size = kernel::pageSize();
  void* nobodys = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  onThreads(4, [&](unsigned thread) {
    for (int round = 0; round < 100; ++round) {
      CHECK(faults(nobodys));
      const uint64_t page = uint64_t{thread} * 7 + static_cast<uint64_t>(round) % 7;
      store(window.addressOf(page), 2, 9);
      CHECK(load(window, page, 2) == 9);
    }
  });
  CHECK(foreign == 400);
  munmap(nobodys, size);
}

}  // namespace

int main() {
  manyThreadsReadWhatIsCutOff();
  manyThreadsWrite();
  windowsThatComeAndGo();
  moreWritesThanMappings();
  foreignFaults();
}
