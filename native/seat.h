// Where one thread sleeps until another wakes it. Who wakes never waits, as an event loop must not: signalling a
// condition variable may (docs/kernel.md).
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>

namespace nofault {

class Seat {
 public:
  using Clock = std::chrono::steady_clock;

  // From any thread. Being woken is remembered, once, for whoever does not sleep yet.
  void wake() {
    if (woken_.exchange(1, std::memory_order_acq_rel) == 0) futex(FUTEX_WAKE_PRIVATE, 1, nullptr);
  }

  // The one thread's whose seat it is.
  void sleep() { sleep(nullptr); }
  // False when nobody has woken it by then.
  bool sleepUntil(Clock::time_point time) {
    const auto since = time.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    timespec until{};
    until.tv_sec = static_cast<time_t>(seconds.count());
    until.tv_nsec = static_cast<long>(std::chrono::nanoseconds(since - seconds).count());
    return sleep(&until);
  }

 private:
  bool sleep(const timespec* until) {
    for (;;) {
      if (woken_.exchange(0, std::memory_order_acq_rel) != 0) return true;
      // By the clock of std::chrono::steady_clock, CLOCK_MONOTONIC. It also ends for no reason now and then.
      if (futex(FUTEX_WAIT_BITSET_PRIVATE, 0, until) != 0 && errno == ETIMEDOUT)
        return woken_.exchange(0, std::memory_order_acq_rel) != 0;
    }
  }

  long futex(int operation, uint32_t value, const timespec* until) {
    return syscall(SYS_futex, reinterpret_cast<uint32_t*>(&woken_), operation, value, until, nullptr,
                   FUTEX_BITSET_MATCH_ANY);
  }

  std::atomic<uint32_t> woken_{0};
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));
};

}  // namespace nofault
