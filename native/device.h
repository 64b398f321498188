// What is asked of one device: requests whose runs wait to be started, runs that are in flight, tasks; and what a
// thread that looks for work takes next. All of it under the fetcher's lock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "batch.h"
#include "request.h"

namespace nofault {

// What the fetcher may use, and what of it all devices use together.
struct Bounds {
  unsigned maxThreads = 64;
  uint64_t maxBytes = uint64_t{256} << 20;
  uint64_t bytes = 0;  // in flight

  // The last quarter of the threads stays out of reach of any one device, and of these of any one file: it may hang.
  unsigned deviceThreads() const { return std::max(1U, maxThreads - (maxThreads + 3) / 4); }
  unsigned fileThreads() const { return std::max(1U, deviceThreads() - deviceThreads() / 4); }
};

// What one thread does next.
struct Work {
  enum class Kind { task, sort, batch } kind;
  std::function<void()> task;
  std::shared_ptr<Request> request;
  std::shared_ptr<SharedFile> shared;  // whose request or batch it is
  std::optional<Batch> batch;
};

class Device {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Device(Bounds& bounds) : bounds_(bounds) {}

  void add(std::function<void()> task) { tasks_.push_back(std::move(task)); }
  // Returns how many more threads should look for work.
  unsigned add(std::shared_ptr<Request> request);
  void remove(const Request& request);
  // Takes out all requests of an environment.
  std::vector<std::shared_ptr<Request>> remove(const Environment& environment);

  // What is to be done next, if anything is. Requests that are over by now go to `over`.
  bool pick(Work& work, std::vector<std::shared_ptr<Request>>& over);
  // Runs of one request's kind wait for their next step, before others or after them.
  void queue(std::span<Job* const> jobs, Batch::Step step, bool first);
  // A run is not in flight any more. What is returned keeps the requests alive that waited for it.
  SharedFile::Flights::node_type landed(const Job& job);

  bool idle() const;
  // Whether there is something that a thread could do.
  bool pending() const;

  unsigned busy = 0;                  // threads in a system call for it
  std::vector<Batch*> batches;        // that they work through
  uint64_t steps = 0, stepsSeen = 0;  // tasks and runs done; when the monitor last looked
  // Threads that may work through batches: as few as keep it going, since each hinders the others.
  unsigned width = kWidth;
  static constexpr unsigned kWidth = 2;

 private:
  bool pickQueued(Batch::Step step, bool scan, Work& work);
  bool pickRequest(bool scan, Work& work, std::vector<std::shared_ptr<Request>>& over);
  void takeRuns(const std::shared_ptr<Request>& request, std::vector<Job*>& jobs);
  bool shy() const;
  bool mayStart(bool scan) const;

  Bounds& bounds_;
  std::deque<std::function<void()>> tasks_;
  std::deque<std::shared_ptr<Request>> requests_[2];  // interactive, scan: not started to the end
  std::deque<Job*> queued_[2][2];                     // in flight, by their next step, and whether a scan's
  unsigned jobs_ = 0;
  uint64_t bytes_ = 0, scanBytes_ = 0;  // in flight
  Clock::time_point interactive_{};     // when it was last asked for something interactive
  unsigned picks_ = 0;
};

}  // namespace nofault
