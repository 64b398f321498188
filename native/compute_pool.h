// Threads that compute, for the whole process: as many as there are processors, whatever is left for them. They work on
// what is in memory and wait for no device, but for pages that leave meanwhile.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>

#include "mailbox.h"
#include "sleepers.h"

namespace nofault {

class ComputePool {
 public:
  // Made when first needed and never destroyed, as the fetcher.
  static ComputePool& instance();

  // Runs a function on a thread, in the order in which they came. From any thread, which waits for no lock.
  void run(std::function<void()> task);

 private:
  ComputePool();
  void wake();
  void work();

  const unsigned most_;
  Mailbox<std::function<void()>> arrivals_;
  Sleepers sleepers_;
  std::atomic<unsigned> threads_{0};

  std::mutex mutex_;
  std::deque<std::function<void()>> queue_;
};

}  // namespace nofault
