// The threads that bring missing pages in, for the whole process. They wait for devices so that no event loop has to.
//
// A thread's work is one of: a batch of runs to start (ask the kernel for the next runs of a request) or to finish
// (wait for runs that were asked for, and tell who waits), or a task (open, close, a map of a file). Runs are taken
// from requests only when they can be started, so a request that is cancelled leaves nothing behind.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "device.h"
#include "mailbox.h"
#include "seat.h"
#include "sleepers.h"

namespace nofault {

class Fetcher {
 public:
  // Stand for the device of a task: not known yet; none, it waits for memory at most; any, it closes a file.
  static constexpr dev_t kUnknown = 0;
  static constexpr dev_t kMemory = ~dev_t{0};
  static constexpr dev_t kClosing = kMemory - 1;

  // Made when first needed and never destroyed: its threads may be waiting for a device when the process ends.
  static Fetcher& instance();

  void configure(unsigned maxThreads, uint64_t maxBytesInFlight);
  void submit(std::shared_ptr<Request> request);
  // What has not been started is not; nothing is reported afterwards.
  void cancel(const std::shared_ptr<Request>& request);
  // The same for all requests of an environment that ends.
  void forget(const Environment& environment);
  // Runs a function on a thread. `device` is what it may have to wait for.
  void run(dev_t device, std::function<void()> task);
  // Entries of these requests that have not been started.
  size_t queued(const std::vector<std::shared_ptr<Request>>& requests);
  // The file that all who opened it share.
  std::shared_ptr<SharedFile> share(dev_t device, ino_t inode);

 private:
  struct Deliveries;
  // What is asked of the fetcher: a request, a task, or that a request which has been cancelled is put away.
  struct Arrival {
    dev_t device;
    std::shared_ptr<Request> request;
    std::function<void()> task;
    bool cancelled = false;
  };

  void work();
  void monitor();
  Device* pick(Work& work);
  void perform(Device& device, Work& work, std::unique_lock<std::mutex>& lock);
  void harvest(Device& device, Batch& batch, Deliveries& deliveries);
  void hand(Deliveries& deliveries, std::unique_lock<std::mutex>& lock);
  size_t look(Device& device, Deliveries& deliveries);
  bool bury(std::unique_lock<std::mutex>& lock);
  void wake(size_t threads);
  void leave(Arrival arrival);
  void nudge(bool now);
  void absorb(size_t looking);
  Device& deviceOf(dev_t device) { return devices_.try_emplace(device, bounds_).first->second; }

  // What event loops leave, and threads that sleep. Event loops wait for no lock here.
  Mailbox<Arrival> arrivals_;
  Sleepers workers_;
  Seat monitor_;
  std::atomic<unsigned> threads_{0};
  std::atomic<bool> monitoring_{false}, calm_{false};

  // All else.
  std::mutex mutex_;
  Bounds bounds_;
  std::map<dev_t, Device> devices_;
  std::map<std::pair<dev_t, ino_t>, std::weak_ptr<SharedFile>> files_;
  std::vector<std::shared_ptr<Environment>> unflushed_;
  // Requests that are over. They may be the last to hold their file, and closing that may wait for a server: never
  // under the lock.
  std::vector<std::shared_ptr<Request>> over_;
  dev_t lastDevice_ = 0;
};

}  // namespace nofault
