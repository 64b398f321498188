#include "watch.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "guard.h"
#include "recheck.h"
#include "thread.h"

namespace nofault {

namespace {

using std::chrono::nanoseconds;

// How often everything is asked about, at most; verdicts that are not confirmed expire after kOldest.
constexpr auto kInterval = std::chrono::milliseconds(4);
// The watch works one part in so many of the time: 2.5 % of a core.
constexpr int kShare = 40;
// And no longer than this in a row, so that it is back before what it has confirmed expires. What is left then expires,
// always the same windows: all would, if they took turns.
constexpr auto kSlice = std::chrono::microseconds(450);
constexpr auto kPatrol = std::chrono::seconds(1);
// A window that nobody has used for so long is left to expire, in ms.
constexpr int32_t kLinger = 500;

nanoseconds worked() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

}  // namespace

Watch& Watch::instance() {
  static Watch& watch = *new Watch();
  return watch;
}

void Watch::note(Window& window, uint64_t first, uint64_t count, int32_t time) {
  if (!window.file->watched) return;
  window.note(first, count, time);
  if (!window.watched.load(std::memory_order_relaxed) && !window.watched.exchange(true)) keep(window.weak_from_this());
}

void Watch::keep(std::weak_ptr<Window> window) {
  std::lock_guard lock(mutex_);
  arrivals_.push_back(std::move(window));
  start();
  arrival_.notify_one();
}

void Watch::patrol() {
  std::lock_guard lock(mutex_);
  patrolling_ = true;
  start();
  arrival_.notify_one();
}

// With the lock held.
void Watch::start() {
  // Without a thread verdicts expire, and the kernel is asked as if there were no board.
  if (!running_)
    running_ = startThread(
        "nofault-watch", Manner::prompt, [](void* self) -> void* { return static_cast<Watch*>(self)->run(), nullptr; },
        this);
}

void Watch::run() {
  Recheck recheck;
  std::vector<std::weak_ptr<Window>> windows;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      while (windows.empty() && arrivals_.empty()) {
        beat = 0;
        if (!patrolling_) {
          arrival_.wait(lock);
        } else if (arrival_.wait_for(lock, kPatrol) == std::cv_status::timeout) {
          guard::install();
        }
      }
      windows.insert(windows.end(), arrivals_.begin(), arrivals_.end());
      arrivals_.clear();
    }
    // Somebody may have replaced the handlers that keep the process alive.
    guard::install();
    const nanoseconds start = worked();
    std::erase_if(windows, [&](const std::weak_ptr<Window>& weak) {
      const std::shared_ptr<Window> window = weak.lock();
      if (!window || !window->alive.load(std::memory_order_acquire)) return true;
      if (window->board.unusedFor(kLinger, now())) {
        // In this order: whoever notes something from now on brings the window back.
        window->watched = false;
        window->board.clear();
        return true;
      }
      if (worked() - start < kSlice) recheck.window(*window);
      return false;
    });
    const nanoseconds work = worked() - start;
    cpu_ += work.count();
    rest(std::max<nanoseconds>(kInterval, work * (kShare - 1)));
  }
}

void Watch::rest(nanoseconds time) {
  do {
    // Never 0.
    beat = static_cast<int32_t>(static_cast<uint32_t>(beat.load()) + 2U) | 1;
    const nanoseconds nap = std::min<nanoseconds>(time, std::chrono::milliseconds(kBeat));
    const timespec pause{nap / std::chrono::seconds(1), (nap % std::chrono::seconds(1)).count()};
    nanosleep(&pause, nullptr);
    time -= nap;
  } while (time > nanoseconds::zero());
}

}  // namespace nofault
