// Runs that one thread starts, or finishes, one after the other: taking them one by one would cost threads more in
// handing each other the fetcher's lock than the device takes to read. The thread works without the lock. When it
// stands still, because a run keeps it waiting, others take from it what it has not begun, and hand over what it has
// done.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "request.h"

namespace nofault {

class Batch {
 public:
  enum class Step { start, finish };

  Batch(Step step, std::vector<Job*> jobs) : step(step), jobs_(std::move(jobs)) {}

  // The thread's: the next run, null when there is none; and that it is done with it.
  Job* next() {
    const size_t at = begun_.fetch_add(1, std::memory_order_acq_rel);
    return at < jobs_.size() ? jobs_[at] : nullptr;
  }
  size_t runs() const { return jobs_.size(); }
  void done() { done_.fetch_add(1, std::memory_order_release); }

  // --- under the fetcher's lock ---

  // Whether nobody waits for any of it but scans, and it takes no locks: whoever maps asks for the window, under one.
  // Starting is little work, and keeps the device busy.
  bool mayStandAside() const {
    return step == Step::finish && std::none_of(jobs_.begin(), jobs_.end(), [](const Job* job) {
             return !job->scan || job->urgent || job->mapping;
           });
  }
  // The thread has a companion work through it, if there is one who comes to begin (aside.h).
  void standAside() { aside_ = true; }
  // Whether that companion has not begun, and nobody else need: it waits for a processor, not for the device.
  bool standsAside() const { return aside_ && begun_.load(std::memory_order_relaxed) == 0 && mayStandAside(); }
  // Runs that have been done since this was last asked. Whoever asks is the one to deal with them.
  std::span<Job* const> harvest() {
    const size_t from = std::exchange(harvested_, done_.load(std::memory_order_acquire));
    return {jobs_.data() + from, harvested_ - from};
  }
  // Runs that the thread has not begun, and will not.
  std::span<Job* const> takeBack() {
    const size_t from = std::min(begun_.exchange(jobs_.size(), std::memory_order_acq_rel), jobs_.size());
    return {jobs_.data() + from, jobs_.size() - from};
  }
  // Whether the thread has begun nothing since this was last asked.
  bool stands() {
    const size_t seen = std::exchange(seen_, begun_.load(std::memory_order_relaxed));
    return seen == seen_;
  }

  const Step step;

 private:
  const std::vector<Job*> jobs_;
  std::atomic<size_t> begun_{0}, done_{0};
  bool aside_ = false;
  size_t harvested_ = 0;
  size_t seen_ = 0;
};

}  // namespace nofault
