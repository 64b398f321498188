// The watch: what leaves memory is off the board before its stamp says that it was looked at since, by whichever way it
// leaves; and windows that come and go under the watch.
#include "watch.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>

#include "check.h"
#include "file_system.h"
#include "scratch_file.h"

using namespace nofault;

namespace {

constexpr uint64_t kPages = 256;
// So many that one question about all of a window is cheaper than one for each page of four.
constexpr uint64_t kMany = 4096;

bool has(const Board& board, uint64_t page) { return (board.word(page / 32) >> (page % 32) & 1) != 0; }

std::vector<unsigned char> pageCache(const Window& window) {
  std::vector<unsigned char> states(window.pageCount);
  CHECK(kernel::cached(window.base, window.pageCount * kernel::pageSize(), states.data()));
  return states;
}

// Keeps the board in use, as JavaScript does, until the watch has begun another look at it.
void untilLookedAt(Window& window) {
  const int32_t since = now();
  while (elapsed(since, window.board.memory.asOf.load()) <= 0) {
    window.board.memory.used.store(now());
    // It expires where the machine is too busy, and is young again with the next verdict: that of the first page here.
    if (elapsed(window.board.memory.asOf.load(), now()) > kOldest) {
      const int32_t time = now();
      if (kernel::populate(window.base, kernel::pageSize()) == 0)
        Watch::instance().note(window, window.firstPage, 1, time);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// `step` says which pages of the window are on the board: close together, or far apart. The watch has looked at them
// before they leave, and remembers then what our page table maps.
void takesOffWhatHasLeft(const ScratchFile& file, uint64_t pages, uint64_t step,
                         const std::function<void(const Window&)>& evict) {
  const uint64_t size = kernel::pageSize();
  const auto state = std::make_shared<FileState>(file.reading, true);
  CHECK(state->watched);
  const PlacedWindow placed(state, 0, pages);
  Window& window = *placed.window;
  // Nobody is forced to evict, and pages may come back by themselves: what is known is what a judge saw before and
  // after.
  for (int left = 0, tries = 0; left == 0 && tries < 20; ++tries) {
    file.write(0, pages);
    const int32_t time = now();
    CHECK(kernel::populate(window.base, pages * size) == 0);
    for (uint64_t page = 0; page < pages; page += step) Watch::instance().note(window, page, 1, time);
    untilLookedAt(window);
    evict(window);
    const std::vector<unsigned char> before = pageCache(window);
    untilLookedAt(window);
    std::vector<bool> believed;
    for (uint64_t page = 0; page < pages; ++page) believed.push_back(has(window.board, page));
    const std::vector<unsigned char> after = pageCache(window);
    // The first page is the one that keeps the board going.
    for (uint64_t page = 1; page < pages; ++page) {
      if ((before[page] & 1) != 0 || (after[page] & 1) != 0) continue;
      left += page % step == 0;
      CHECK(!believed[page]);
    }
    if (tries == 19) CHECK(left > 0);
  }
}

void everyWayOut(uint64_t pages, std::initializer_list<uint64_t> steps) {
  const ScratchFile file(pages);
  if (std::string(fileSystemOf(file.fd).name) == "tmpfs") {
    puts("skipped: pages of tmpfs do not leave, and the folder for temporary files (TMPDIR) lies on it");
    return;
  }
  const uint64_t bytes = pages * kernel::pageSize();
  // Ours to drop: then what nobody maps can be dropped from the page cache.
  const auto unmapped = [&](const Window& window) {
    madvise(window.base, bytes, MADV_DONTNEED);
    file.forget();
  };
  const auto pagedOut = [&](const Window& window) { madvise(window.base, bytes, MADV_PAGEOUT); };
  const auto hole = [&](const Window&) {
    CHECK(fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) == 0);
  };
  const auto cutOff = [&](const Window&) {
    CHECK(ftruncate(file.fd, static_cast<off_t>(kernel::pageSize())) == 0);
    CHECK(ftruncate(file.fd, static_cast<off_t>(bytes)) == 0);
  };
  const auto writtenPastTheCache = [&](const Window&) {
    void* content = nullptr;
    CHECK(posix_memalign(&content, kernel::pageSize(), bytes) == 0);
    memset(content, 7, bytes);
    const ssize_t written = pwrite(file.direct, content, bytes, 0);
    free(content);
    CHECK(written == static_cast<ssize_t>(bytes));
  };
  for (const uint64_t step : steps) {
    takesOffWhatHasLeft(file, pages, step, unmapped);
    takesOffWhatHasLeft(file, pages, step, pagedOut);
    takesOffWhatHasLeft(file, pages, step, hole);
    takesOffWhatHasLeft(file, pages, step, cutOff);
    if (file.direct >= 0) takesOffWhatHasLeft(file, pages, step, writtenPastTheCache);
  }
}

// What is on the board in several windows at once, while those come and go.
void windowsThatComeAndGo() {
  const ScratchFile file(kPages);
  const auto state = std::make_shared<FileState>(file.reading, true);
  onThreads(4, [&](unsigned thread) {
    for (int round = 0; round < 60; ++round) {
      const PlacedWindow placed(state, 0, kPages);
      Window& window = *placed.window;
      for (int times = 0; times < 20; ++times) {
        const int32_t time = now();
        CHECK(kernel::populate(window.base, kPages * kernel::pageSize()) == 0);
        Watch::instance().note(window, (thread * 50 + times) % kPages, 1, time);
        if (times % 7 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    }
  });
}

// Somebody else's look may be noted at any moment, but never a page on which the guard has put its mark.
void neverAMarkedPage() {
  const ScratchFile file(kPages);
  const auto state = std::make_shared<FileState>(file.reading, true);
  for (int round = 0; round < 200; ++round) {
    file.write(0, 2);
    const PlacedWindow placed(state, 0, 2);
    Window& window = *placed.window;
    std::atomic<bool> told{false};
    onThreads(2, [&](unsigned thread) {
      if (thread == 0) {
        for (int times = 0; times < 50; ++times) Watch::instance().note(window, 1, 1, now());
        told = true;
      } else {
        CHECK(ftruncate(file.fd, static_cast<off_t>(kernel::pageSize())) == 0);
        CHECK(load(window, 1) == 0);
      }
    });
    CHECK(told && window.marked(1, 1) == Mark::truncated && !has(window.board, 1));
  }
}

}  // namespace

int main() {
  everyWayOut(kPages, {1, 9});
  everyWayOut(kMany, {4});
  windowsThatComeAndGo();
  neverAMarkedPage();
}
