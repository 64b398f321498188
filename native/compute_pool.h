// Threads that compute, for the whole process: as many as there are processors, with what event loops leave of these;
// and as many for scans.
// They work on what is in memory. A page of it may leave meanwhile, and a device that does not bring it back keeps a
// thread: then others take over what waits behind it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>

#include "mailbox.h"
#include "sleepers.h"
#include "spreading.h"

namespace nofault {

class ComputePool {
 public:
  // Made when first needed and never destroyed, as the fetcher. Scans have threads of their own, which wait for their
  // companions (aside.h): nobody else is to wait behind them.
  static ComputePool& instance();
  static ComputePool& ofScans();

  // Runs a function on a thread, in the order in which they came. From any thread, which waits for no lock.
  void run(std::function<void()> task);

 private:
  ComputePool();
  bool wake();
  void work();
  void oversee();
  bool waits();

  const unsigned processors_;
  Mailbox<std::function<void()>> arrivals_;
  Sleepers sleepers_;
  Spreading spreading_;
  std::atomic<unsigned> threads_{0}, most_;
  std::atomic<uint64_t> done_{0};
  std::atomic<bool> overseen_{false};

  std::mutex mutex_;
  std::deque<std::function<void()>> queue_;
};

}  // namespace nofault
