// A window: a stretch of a file laid over the address range of a Buffer that somebody else mapped.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "board.h"
#include "file_state.h"
#include "kernel.h"

namespace nofault {

// Windows start every 32 MiB and are 48 MiB long, so that any 16 MiB of the file lie in one of them. Under 64 MiB each:
// V8 starts to collect garbage when that much external memory has appeared, before it can be told not to count a window
// (docs/kernel.md).
constexpr uint64_t kWindowStride = uint64_t{32} << 20;
constexpr uint64_t kWindowLength = uint64_t{48} << 20;
constexpr uint64_t kLongestEntry = kWindowLength - kWindowStride;
static_assert(kWindowLength == Board::kPages * 4096, "a board has room for the smallest pages");

// What went wrong with single pages of a window, as the guard found out. Made when it first has to.
struct Marks {
  std::atomic<Mark> pages[Board::kPages];
};

struct Window : std::enable_shared_from_this<Window> {
  Window(char* base, uint64_t pageCount) : base(base), pageCount(pageCount) {}
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  // Puts pages, numbered as in the file, on the board: they were resident at `time`. From any thread.
  void note(uint64_t first, uint64_t count, int32_t time);
  // The mark of the first page in [first, first + count) that has one; `bad` becomes its number.
  Mark marked(uint64_t first, uint64_t count, uint64_t* bad = nullptr) const {
    const Marks* known = marks.load();
    return known == nullptr ? Mark::none : firstMark(*known, first, count, bad);
  }

  char* addressOf(uint64_t page) const { return base + (page - firstPage) * kernel::pageSize(); }

  char* const base;
  const uint64_t pageCount;
  // Where it lies: as soon as that is known, and before anybody else knows the window.
  uint64_t firstPage = 0;
  std::shared_ptr<FileState> file;
  // False once the window has been given up. A thread that advises the kernel about the range a moment too late does no
  // harm: such a call maps pages or starts a read, and never changes what memory holds.
  std::atomic<bool> alive{true};
  // Threads read its memory between `enter` and `leave`, for no longer than a fraction of a millisecond at a time;
  // `enter` is false once the window has been given up.
  bool enter() {
    ++readers;
    if (alive) return true;
    leave();
    return false;
  }
  void leave() { --readers; }
  std::atomic<uint32_t> readers{0};
  // Gives it up, and waits until no thread reads it.
  void end();
  Board board;
  std::atomic<bool> watched{false};  // the watch keeps the board young
  // The watch's: pages between the first and the last on the board that our page table did not map when it last looked.
  static constexpr uint64_t kUnknown = UINT64_MAX;
  uint64_t unmapped = kUnknown;
  // Null until a touch of the window has failed.
  std::atomic<Marks*> marks{nullptr};
  // The guard's: where it finds the window, and pages that it has covered one by one.
  size_t guardSlot = SIZE_MAX;
  std::atomic<int64_t> covers{0};
  // What its environment remembers of the memory; nobody else looks at it.
  void* owner = nullptr;

 private:
  Mark firstMark(const Marks& known, uint64_t first, uint64_t count, uint64_t* bad) const;
};

// The windows of one open file. Written by the thread of its environment only; `find` is for that thread, `share` for
// any other under the file's lock.
class WindowTable {
 public:
  explicit WindowTable(uint64_t fileBytes);
  void resize(uint64_t fileBytes);

  uint64_t count() const { return count_; }
  // The window in which an entry that starts at `page` lies, or null when it has not been placed.
  Window* find(uint64_t page) const { return at(page >> strideShift_).get(); }
  std::shared_ptr<Window> share(uint64_t page) const { return at(page >> strideShift_); }
  const std::shared_ptr<Window>& at(uint64_t index) const {
    const uint64_t branch = index / kBranch;
    if (branch >= leaves_.size() || !leaves_[branch]) return none_;
    return (*leaves_[branch])[index % kBranch];
  }
  void set(uint64_t index, std::shared_ptr<Window> window);

  // Pages that window `index` spans: to the end of the file at most.
  uint64_t firstPage(uint64_t index) const { return index << strideShift_; }
  uint64_t pagesOf(uint64_t index) const;

 private:
  // Two levels, so that a file of many TiB costs nothing before it is read.
  static constexpr uint64_t kBranch = 512;
  using Leaf = std::vector<std::shared_ptr<Window>>;

  // Pages from one window's start to the next are a power of two: shifting is a fraction of what dividing would cost,
  // several times a page of a vector.
  const int strideShift_ = std::countr_zero(kWindowStride / kernel::pageSize());
  const std::shared_ptr<Window> none_;
  uint64_t filePages_ = 0;
  uint64_t count_ = 0;
  std::vector<std::unique_ptr<Leaf>> leaves_;
};

// Lays `length` bytes of `fd` from `offset` on over [base, base + length), which must be mapped already. Returns 0 or
// the errno.
int placeWindow(char* base, uint64_t length, int fd, uint64_t offset);

// Lets go of the file at once, while the address range stays taken until its owner unmaps it. Returns 0 or the errno.
int coverWindow(char* base, uint64_t length);

// Drops the window's pages from our page table, so that unmapping it later takes microseconds.
void emptyWindow(const Window& window);

// Windows that are mapped now in this process, those that the garbage collector has yet to free included.
extern std::atomic<int64_t> mappedWindows;
// Those of them that are in use.
extern std::atomic<int64_t> placedWindows;

}  // namespace nofault
