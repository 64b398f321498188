#include "window.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "kernel.h"

namespace nofault {

namespace {

// Before whoever waits for readers sleeps, and how long, in us.
constexpr int kYields = 16;
constexpr useconds_t kNap = 50;

}  // namespace

std::atomic<int64_t> mappedWindows{0};
std::atomic<int64_t> placedWindows{0};

Window::~Window() {
  if (Marks* known = marks.load()) munmap(known, sizeof(Marks));
}

void Window::end() {
  alive = false;
  // Who reads may have lost its processor to this thread.
  for (int tries = 0; readers > 0; ++tries) tries < kYields ? sched_yield() : usleep(kNap);
}

void Window::note(uint64_t first, uint64_t count, int32_t time) {
  board.note(first - firstPage, count, time);
  // The guard marks first and then takes from the board, so one of the two sees the other.
  if (marked(first, count) != Mark::none) board.take(first - firstPage, count);
}

Mark Window::firstMark(const Marks& known, uint64_t first, uint64_t count, uint64_t* bad) const {
  for (uint64_t page = first - firstPage; count > 0; ++page, --count) {
    const Mark mark = known.pages[page].load();
    if (mark == Mark::none) continue;
    if (bad != nullptr) *bad = firstPage + page;
    return mark;
  }
  return Mark::none;
}

WindowTable::WindowTable(uint64_t fileBytes) { resize(fileBytes); }

void WindowTable::resize(uint64_t fileBytes) {
  filePages_ = (fileBytes + kernel::pageSize() - 1) / kernel::pageSize();
  count_ = (filePages_ + firstPage(1) - 1) >> strideShift_;
}

void WindowTable::set(uint64_t index, std::shared_ptr<Window> window) {
  const uint64_t branch = index / kBranch;
  if (branch >= leaves_.size()) leaves_.resize(branch + 1);
  if (!leaves_[branch]) leaves_[branch] = std::make_unique<Leaf>(kBranch);
  (*leaves_[branch])[index % kBranch] = std::move(window);
}

uint64_t WindowTable::pagesOf(uint64_t index) const {
  const uint64_t first = firstPage(index);
  const uint64_t most = kWindowLength / kernel::pageSize();
  return filePages_ - first < most ? filePages_ - first : most;
}

int placeWindow(char* base, uint64_t length, int fd, uint64_t offset) {
  // MAP_FIXED replaces what is there in one step: nobody else can slip into the range. The advice stays MADV_NORMAL:
  // under MADV_RANDOM the pages would get no credit for being used, and reclaim would take the hottest ones
  // (docs/kernel.md).
  void* at = mmap(base, length, PROT_READ, MAP_SHARED | MAP_FIXED, fd, static_cast<off_t>(offset));
  return at == MAP_FAILED ? errno : 0;
}

int coverWindow(char* base, uint64_t length) {
  void* at = mmap(base, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  return at == MAP_FAILED ? errno : 0;
}

void emptyWindow(const Window& window) { madvise(window.base, window.pageCount * kernel::pageSize(), MADV_DONTNEED); }

}  // namespace nofault
