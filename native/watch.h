// Keeps the boards of all files young: one thread of the process that asks the kernel again, every few milliseconds,
// about every page on the boards that are being used. It sleeps while nobody reads.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "window.h"

namespace nofault {

class Watch {
 public:
  // Made when first needed and never destroyed.
  static Watch& instance();

  // Pages of the window were resident at `time`: puts them on its board, and keeps that young from now on. Nothing
  // where verdicts are not to stand. From any thread.
  void note(Window& window, uint64_t first, uint64_t count, int32_t time);

  // From now on it also looks, once a second while nobody reads, whether the guard's handlers are still in place.
  void patrol();

  // Another number every kBeat ms while the watch is awake, 0 while it sleeps: who sees the same one twice knows that
  // little time has passed, and need not look at the clock.
  std::atomic<int32_t> beat{0};
  static constexpr int kBeat = 4;

  // CPU time that the watch has used, in ms.
  double cpu() const { return static_cast<double>(cpu_.load()) / 1e6; }

 private:
  void keep(std::weak_ptr<Window> window);
  void start();
  void run();
  void rest(std::chrono::nanoseconds time);

  std::mutex mutex_;
  std::condition_variable arrival_;
  std::vector<std::weak_ptr<Window>> arrivals_;
  bool running_ = false;
  bool patrolling_ = false;
  std::atomic<int64_t> cpu_{0};  // ns
};

}  // namespace nofault
