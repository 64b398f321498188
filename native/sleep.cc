#include "sleep.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace nofault {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t), "the kernel looks at it");

void Semaphore::post() {
  ++count_;
  syscall(SYS_futex, &count_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

bool Semaphore::take() {
  uint32_t count = count_.load();
  while (count > 0) {
    if (count_.compare_exchange_weak(count, count - 1)) return true;
  }
  return false;
}

bool Semaphore::wait(std::optional<SleepClock::time_point> until) {
  timespec time{};
  if (until) {
    // The steady clock is the kernel's CLOCK_MONOTONIC, by which this call counts.
    const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(until->time_since_epoch()).count();
    time = {static_cast<time_t>(since / 1'000'000'000), static_cast<long>(since % 1'000'000'000)};
  }
  for (;;) {
    if (take()) return true;
    const long failed = syscall(SYS_futex, &count_, FUTEX_WAIT_BITSET_PRIVATE, 0, until ? &time : nullptr, nullptr,
                                FUTEX_BITSET_MATCH_ANY);
    if (failed != 0 && errno == ETIMEDOUT) return take();
  }
}

}  // namespace nofault
