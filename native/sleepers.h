// Threads that sleep until somebody wakes one of them, who takes no lock for it.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "seat.h"

namespace nofault {

// A thread has a number as long as it lives. Of those that sleep the one with the lowest is woken: so few threads do
// the work that few can do, whose processors have their memory at hand, and the others find nothing to do for long
// enough to end.
class Sleepers {
 public:
  static constexpr size_t kMost = 1024;

  // The number of a thread that begins, of at most kMost at once.
  size_t join() {
    for (size_t word = 0;; word = (word + 1) % kWords) {
      uint64_t taken = taken_[word].load();
      while (~taken != 0) {
        const uint64_t free = ~taken & (taken + 1);
        if (taken_[word].compare_exchange_weak(taken, taken | free))
          return word * 64 + static_cast<size_t>(std::countr_zero(free));
      }
    }
  }
  void resign(size_t number) { taken_[number / 64] &= ~bit(number); }

  // Wakes one; false when all that sleep are being woken already.
  bool wake() {
    return wake([](size_t) {});
  }
  // The same, and calls `before(number)` while that one still sleeps.
  template <typename Before>
  bool wake(Before before) {
    for (size_t word = 0; word < kWords; ++word) {
      uint64_t asleep = asleep_[word].load();
      while (asleep != 0) {
        if (!asleep_[word].compare_exchange_weak(asleep, asleep & (asleep - 1))) continue;
        const size_t number = word * 64 + static_cast<size_t>(std::countr_zero(asleep));
        before(number);
        seats_[number].wake();
        return true;
      }
    }
    return false;
  }

  // From here on the thread counts as one that sleeps: it looks once more whether there is something to do, and calls
  // `sleep`, or `stay` when there is.
  void enter(size_t number) { asleep_[number / 64] |= bit(number); }
  void stay(size_t number) {
    if (!leave(number)) seats_[number].sleep();
  }
  // False when nobody has woken it by then.
  bool sleep(size_t number, Seat::Clock::time_point until) {
    if (seats_[number].sleepUntil(until)) return true;
    if (leave(number)) return false;
    // Somebody is just about to.
    seats_[number].sleep();
    return true;
  }

 private:
  static constexpr size_t kWords = kMost / 64;

  static uint64_t bit(size_t number) { return uint64_t{1} << number % 64; }
  // It sleeps no longer; false when somebody wakes it.
  bool leave(size_t number) { return (asleep_[number / 64].fetch_and(~bit(number)) & bit(number)) != 0; }

  std::array<std::atomic<uint64_t>, kWords> taken_{}, asleep_{};
  std::array<Seat, kMost> seats_;
};

}  // namespace nofault
