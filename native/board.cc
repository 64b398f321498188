#include "board.h"

#include <ctime>

namespace nofault {

namespace {

// Calls `change(word, bits)` for the bits of pages [first, first + count).
template <typename Change>
void forEachWord(uint64_t first, uint64_t count, Change change) {
  for (const uint64_t end = first + count; first < end;) {
    const uint64_t bit = first % 32;
    const uint64_t bits = end - first < 32 - bit ? end - first : 32 - bit;
    change(first / 32, static_cast<uint32_t>(((uint64_t{1} << bits) - 1) << bit));
    first += bits;
  }
}

}  // namespace

double nowExactly() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

int32_t now() { return static_cast<int32_t>(static_cast<uint32_t>(static_cast<uint64_t>(nowExactly()))); }

// Several threads note, and the watch takes back, without a lock. A verdict can be lost that way, which costs a
// question; none can be kept that should go: bits are cleared before `asOf` makes the rest of them young.
void Board::note(uint64_t first, uint64_t count, int32_t time) {
  // Somebody else's verdict may be a moment younger; what seems to be far in the future is very old.
  const int32_t age = elapsed(memory.asOf.load(), time);
  if (age > kOldest || age < -kOldest) {
    clear();
    memory.asOf.store(time);
  } else if (age < 0) {
    memory.asOf.store(time);
  }
  forEachWord(first, count, [this](size_t word, uint32_t bits) {
    if ((memory.words[word].load(std::memory_order_relaxed) & bits) != bits) memory.words[word].fetch_or(bits);
  });
  memory.used.store(time, std::memory_order_relaxed);
}

void Board::take(uint64_t first, uint64_t count) {
  forEachWord(first, count, [this](size_t word, uint32_t bits) { memory.words[word].fetch_and(~bits); });
}

void Board::clear() {
  for (auto& word : memory.words) {
    if (word.load(std::memory_order_relaxed) != 0) word.store(0);
  }
}

}  // namespace nofault
