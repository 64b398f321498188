// Which pages of a window are known to be resident: verdicts that were given a moment ago and still stand. JavaScript
// reads the board without calling anybody; the watch takes back what has left.
//
// All verdicts of a window are as old as the oldest of them can be: `asOf`. A window whose verdicts are older than
// kOldest has expired, and what is on its board counts for nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nofault {

// Milliseconds of a clock that all threads share and that never goes back. Wraps around: compare differences only.
int32_t now();
// The same clock unwrapped, with its fractions.
double nowExactly();
inline int32_t elapsed(int32_t since, int32_t until) {
  return static_cast<int32_t>(static_cast<uint32_t>(until) - static_cast<uint32_t>(since));
}

// How old a verdict may be, in ms.
constexpr int32_t kOldest = 24;

class Board {
 public:
  // As many pages as a window can have.
  static constexpr size_t kPages = 12288;

  // What JavaScript sees (src/file/board.ts).
  struct Memory {
    std::atomic<int32_t> asOf{0};
    std::atomic<int32_t> used{0};  // when JavaScript last relied on it; JavaScript writes it
    std::atomic<uint32_t> words[kPages / 32]{};
  };

  // The pages were resident at `time`, and are mapped or can be without waiting.
  void note(uint64_t first, uint64_t count, int32_t time);
  // They are not to be believed any more.
  void take(uint64_t first, uint64_t count);
  void clear();

  // For the watch: everything on the board was asked about at `time`, and what had left was taken off.
  void confirm(int32_t time) { memory.asOf.store(time); }
  bool unusedFor(int32_t milliseconds, int32_t time) const {
    return elapsed(memory.used.load(std::memory_order_relaxed), time) > milliseconds;
  }
  uint32_t word(size_t index) const { return memory.words[index].load(std::memory_order_relaxed); }

  Memory memory;
};

}  // namespace nofault
