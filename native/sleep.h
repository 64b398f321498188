// Threads that sleep until somebody wakes them, who takes no lock for it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace nofault {

using SleepClock = std::chrono::steady_clock;

// Counts wake-ups; whoever waits takes one.
class Semaphore {
 public:
  void post();
  // False when none has come by then; without `until` it waits for as long as it takes.
  bool wait(std::optional<SleepClock::time_point> until = {});

 private:
  bool take();

  std::atomic<uint32_t> count_{0};
};

// Those that sleep. One that is woken is one that sleeps, so that no wake-up is lost on who is awake.
class Sleepers {
 public:
  // Wakes one; false when all that sleep are being woken already.
  bool wake() {
    if (!leave()) return false;
    wakes_.post();
    return true;
  }

  // From here on the thread counts as one that sleeps: then it looks once more whether there is something to do, and
  // calls `sleep`, or `stay` when there is.
  void enter() { ++asleep_; }
  void stay() {
    if (!leave()) wakes_.wait();
  }
  // False when nobody has woken it by then.
  bool sleep(SleepClock::time_point until) { return wakes_.wait(until) || (!leave() && wakes_.wait()); }

 private:
  // One of those that sleep does no longer.
  bool leave() {
    uint32_t asleep = asleep_.load();
    while (asleep > 0) {
      if (asleep_.compare_exchange_weak(asleep, asleep - 1)) return true;
    }
    return false;
  }

  std::atomic<uint32_t> asleep_{0};
  Semaphore wakes_;
};

}  // namespace nofault
