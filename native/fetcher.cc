#include "fetcher.h"

#include <algorithm>

#include "kernel.h"
#include "thread.h"

namespace nofault {

namespace {

// Runs in flight on one device, and on one file of it: as deep as a device's own queue usually is (docs/kernel.md).
constexpr unsigned kDeviceDepth = 160;
constexpr size_t kFileDepth = 128;

// FUSE reads no more than twelve requests of 128 KiB ahead by default, for all files of a server together, and drops
// hints from about nine on (docs/kernel.md). So one file that hangs must not have them all.
constexpr size_t kShallowDepth = 8;
constexpr uint64_t kShallowBytes = uint64_t{128} << 10;

// Bytes of one job, and of all of a device's scans: enough to keep a device that is far away busy. While somebody waits
// for an interactive page, a scan keeps only little in the device's queue, since that page waits behind it.
constexpr uint64_t kJobBytes = uint64_t{512} << 10;
constexpr uint64_t kScanBytes = uint64_t{4} << 20;
constexpr uint64_t kShyScanBytes = uint64_t{128} << 10;
constexpr auto kShy = std::chrono::milliseconds(20);

// Starts in a row for one request before its neighbour's turn.
constexpr unsigned kTurn = 32;
// A scan gets the first choice once in so many picks, so that it never starves.
constexpr unsigned kScanTurn = 16;
// Joins in a row without a new job, under the lock.
constexpr unsigned kJoins = 64;

constexpr auto kTick = std::chrono::milliseconds(1);
constexpr auto kLinger = std::chrono::seconds(10);
constexpr size_t kSortInline = 256;

size_t depthOf(const OpenFile& file) { return file.state->shallow ? kShallowDepth : kFileDepth; }

void sortEntries(Request& request) {
  std::sort(request.entries.begin(), request.entries.end(),
            [](const Entry& a, const Entry& b) { return a.first < b.first; });
}

}  // namespace

Fetcher& Fetcher::instance() {
  static Fetcher& fetcher = *new Fetcher();
  return fetcher;
}

bool Fetcher::Device::idle() const {
  return tasks.empty() && requests[0].empty() && requests[1].empty() && jobs == 0 && busy == 0;
}

void Fetcher::configure(unsigned maxThreads, uint64_t maxBytesInFlight) {
  std::lock_guard lock(mutex_);
  maxThreads_ = maxThreads;
  maxBytes_ = maxBytesInFlight;
}

std::shared_ptr<SharedFile> Fetcher::share(dev_t device, ino_t inode) {
  std::lock_guard lock(mutex_);
  std::weak_ptr<SharedFile>& known = files_[{device, inode}];
  std::shared_ptr<SharedFile> shared = known.lock();
  if (!shared) {
    known = shared = std::make_shared<SharedFile>();
    std::erase_if(files_, [](const auto& file) { return file.second.expired(); });
  }
  return shared;
}

size_t Fetcher::queued(const std::vector<std::shared_ptr<Request>>& requests) {
  std::lock_guard lock(mutex_);
  size_t entries = 0;
  for (const auto& request : requests) {
    if (!request->dead()) entries += request->entries.size() - request->next;
  }
  return entries;
}

void Fetcher::submit(std::shared_ptr<Request> request) {
  if (request->entries.size() <= kSortInline) {
    sortEntries(*request);
    request->order = Request::Order::sorted;
  }
  request->unfinished = request->entries.size();
  std::lock_guard lock(mutex_);
  Device& device = devices_[request->file->device];
  if (!request->scan) device.interactive = Clock::now();
  device.requests[request->scan].push_back(std::move(request));
  wake(2);
}

void Fetcher::run(dev_t device, std::function<void()> task) {
  std::lock_guard lock(mutex_);
  devices_[device].tasks.push_back(std::move(task));
  wake(1);
}

void Fetcher::cancel(Request& request) {
  request.cancelled = true;
  std::lock_guard lock(mutex_);
  const auto device = devices_.find(request.file->device);
  if (device == devices_.end()) return;
  std::erase_if(device->second.requests[request.scan], [&](const auto& queued) { return queued.get() == &request; });
}

void Fetcher::forget(const Environment& environment) {
  std::vector<std::shared_ptr<Request>> over;
  std::lock_guard lock(mutex_);
  for (auto& [id, device] : devices_) {
    for (auto& queue : device.requests) {
      const auto its = std::stable_partition(queue.begin(), queue.end(), [&](const auto& request) {
        return request->file->environment.get() != &environment;
      });
      std::move(its, queue.end(), std::back_inserter(over));
      queue.erase(its, queue.end());
    }
  }
}

// With the lock held: gets up to `threads` more threads to look for work.
void Fetcher::wake(size_t threads) {
  for (; threads > 0; --threads) {
    if (waiting_ > waking_) {
      ++waking_;
      workers_.notify_one();
    } else if (threads_ < maxThreads_ &&
               startThread(
                   "nofault-fetch", [](void* self) -> void* { return static_cast<Fetcher*>(self)->work(), nullptr; },
                   this)) {
      ++threads_;
    } else {
      break;
    }
  }
  if (!monitoring_) {
    monitoring_ = startThread(
        "nofault-monitor", [](void* self) -> void* { return static_cast<Fetcher*>(self)->monitor(), nullptr; }, this);
  } else {
    monitor_.notify_one();
  }
}

void Fetcher::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    {
      Work work = pick();
      if (work.kind != Work::Kind::none) perform(work, lock);
      const bool performed = work.kind != Work::Kind::none;
      if (work.request) over_.push_back(std::move(work.request));
      if (bury(lock) || performed) continue;
    }
    ++waiting_;
    const bool woken = workers_.wait_for(lock, kLinger, [this] { return waking_ > 0; });
    --waiting_;
    if (woken) {
      --waking_;
    } else {
      --threads_;
      return;
    }
  }
}

bool Fetcher::bury(std::unique_lock<std::mutex>& lock) {
  if (over_.empty()) return false;
  std::vector<std::shared_ptr<Request>> over;
  over.swap(over_);
  lock.unlock();
  over.clear();
  lock.lock();
  return true;
}

// Threads wait inside system calls, so nobody but this one sees that a device stands still while there is more to ask
// of it: then more threads are needed. It also hands over completions that nothing else has woken the loop for.
void Fetcher::monitor() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool calm = unflushed_.empty() && std::all_of(devices_.begin(), devices_.end(),
                                                        [](const auto& device) { return device.second.idle(); });
    if (calm) {
      // Devices come and go, and so must what is remembered of them.
      devices_.clear();
      monitor_.wait(lock);
      continue;
    }
    monitor_.wait_for(lock, kTick, [] { return false; });
    size_t more = 0;
    for (auto& [id, device] : devices_) {
      const bool pending = !device.tasks.empty() || !device.ready[0].empty() || !device.ready[1].empty() ||
                           (!device.requests[0].empty() && mayStart(device, false)) ||
                           (!device.requests[1].empty() && mayStart(device, true));
      if (pending && device.steps == device.stepsSeen) more += std::max(1U, device.busy);
      device.stepsSeen = device.steps;
    }
    if (more > 0) wake(more);
    std::vector<std::shared_ptr<Environment>> environments;
    environments.swap(unflushed_);
    if (environments.empty()) continue;
    lock.unlock();
    for (const auto& environment : environments) environment->flush();
    environments.clear();
    lock.lock();
  }
}

Fetcher::Work Fetcher::pick() {
  Work work;
  // Devices take turns.
  auto device = devices_.upper_bound(lastDevice_);
  for (size_t i = 0; i < devices_.size(); ++i, ++device) {
    if (device == devices_.end()) device = devices_.begin();
    // The last quarter of the threads stays out of reach of any one device: it may hang.
    if (device->second.busy >= deviceThreads() || !pickFrom(device->second, work)) continue;
    lastDevice_ = device->first;
    work.device = &device->second;
    break;
  }
  return work;
}

bool Fetcher::pickFrom(Device& device, Work& work) {
  if (!device.tasks.empty()) {
    work.kind = Work::Kind::task;
    work.task = std::move(device.tasks.front());
    device.tasks.pop_front();
    return true;
  }
  const bool scanFirst = ++picks_ % kScanTurn == 0;
  for (const bool scan : {scanFirst, !scanFirst}) {
    // Starting comes first: the deeper the device's queue, the sooner everything is there.
    if (pickStart(device, scan, work) || pickFinish(device, scan, work)) return true;
  }
  return false;
}

// Whether somebody waits for an interactive page of the device, or did a moment ago and so may soon again.
bool Fetcher::shy(const Device& device) {
  return !device.requests[0].empty() || device.bytes > device.scanBytes || Clock::now() - device.interactive < kShy;
}

bool Fetcher::mayStart(const Device& device, bool scan) const {
  if (device.jobs == 0 && bytes_ == 0) return true;
  if (device.jobs >= kDeviceDepth || bytes_ + kJobBytes > maxBytes_ || device.bytes + kJobBytes > maxBytes_ / 4 * 3)
    return false;
  if (!scan) return true;
  return device.scanBytes < (shy(device) ? kShyScanBytes : kScanBytes);
}

bool Fetcher::pickStart(Device& device, bool scan, Work& work) {
  auto& queue = device.requests[scan];
  if (queue.empty() || !mayStart(device, scan)) return false;
  const uint64_t longest = (scan && shy(device) ? kShyScanBytes : kJobBytes) / kernel::pageSize();
  const uint64_t shallow = kShallowBytes / kernel::pageSize();
  unsigned joins = 0;
  for (size_t tries = queue.size(); tries > 0 && joins < kJoins;) {
    const std::shared_ptr<Request> request = queue.front();
    if (request->dead() || request->exhausted()) {
      over_.push_back(request);
      queue.pop_front();
      --tries;
      continue;
    }
    const std::shared_ptr<SharedFile>& shared = request->file->shared;
    if (request->order == Request::Order::sorting || shared->busy >= fileThreads() ||
        shared->inFlight.size() >= depthOf(*request->file)) {
      queue.pop_front();
      queue.push_back(request);
      --tries;
      continue;
    }
    work.request = request;
    work.shared = shared;
    if (request->order == Request::Order::given) {
      request->order = Request::Order::sorting;
      work.kind = Work::Kind::sort;
      return true;
    }
    work.jobs = takeRun(request, *shared, request->file->state->shallow ? shallow : longest);
    if (request->exhausted()) {
      over_.push_back(request);
      queue.pop_front();
      --tries;
    } else if (++request->turns % kTurn == 0) {
      queue.pop_front();
      queue.push_back(request);
    }
    if (work.jobs.empty()) {
      ++joins;
      continue;
    }
    work.kind = Work::Kind::start;
    for (const Job* job : work.jobs) {
      const uint64_t bytes = job->pages * kernel::pageSize();
      ++device.jobs;
      device.bytes += bytes;
      bytes_ += bytes;
      if (job->scan) device.scanBytes += bytes;
    }
    return true;
  }
  work.request = nullptr;
  return false;
}

bool Fetcher::pickFinish(Device& device, bool scan, Work& work) {
  // A scan's run for which somebody interactive waits as well goes with the interactive ones.
  for (const bool queue : {scan, true}) {
    auto& ready = device.ready[queue];
    const auto job = std::find_if(ready.begin(), ready.end(), [&](const Job* job) {
      return job->shared->busy < fileThreads() && (queue == scan || job->urgent);
    });
    if (job == ready.end()) continue;
    work.kind = Work::Kind::finish;
    work.shared = (*job)->through->shared;
    work.jobs = {*job};
    ready.erase(job);
    return true;
  }
  return false;
}

void Fetcher::perform(Work& work, std::unique_lock<std::mutex>& lock) {
  Device& device = *work.device;
  ++device.busy;
  if (work.shared != nullptr) ++work.shared->busy;
  switch (work.kind) {
    case Work::Kind::task:
      lock.unlock();
      work.task();
      work.task = nullptr;
      lock.lock();
      break;
    case Work::Kind::sort:
      lock.unlock();
      sortEntries(*work.request);
      lock.lock();
      work.request->order = Request::Order::sorted;
      break;
    case Work::Kind::start:
      lock.unlock();
      for (Job* job : work.jobs) job->read = startReading(job->through->fd, job->first, job->pages);
      lock.lock();
      for (Job* job : work.jobs) device.ready[job->scan].push_back(job);
      break;
    case Work::Kind::finish:
      finish(device, *work.jobs.front(), lock);
      break;
    case Work::Kind::none:
      break;
  }
  if (work.shared != nullptr) --work.shared->busy;
  --device.busy;
  ++device.steps;
}

void Fetcher::finish(Device& device, Job& job, std::unique_lock<std::mutex>& lock) {
  std::shared_ptr<OpenFile> through = job.through;
  const uint64_t size = kernel::pageSize();
  const bool passing = job.scan && !job.urgent;
  lock.unlock();
  const std::vector<BadPage> bad = finishReading(
      through->fd, through->environment->ended() ? nullptr : job.window.get(), job.first, job.pages, !passing);
  if (job.read && passing && job.window && !through->environment->ended())
    through->passing.arrived(job.window, job.first, job.pages);
  lock.lock();

  struct Delivery {
    std::shared_ptr<Environment> environment;
    std::vector<Completion> completions;
    bool urgent;
  };
  std::vector<Delivery> deliveries;
  const Clock::time_point now = Clock::now();
  settle(job, bad, size, [&](Request& request, const Entry& entry) {
    --request.unfinished;
    if (request.dead()) return;
    request.file->latency.add(now - request.asked);
    const std::shared_ptr<Environment>& environment = request.file->environment;
    auto delivery = std::find_if(deliveries.begin(), deliveries.end(),
                                 [&](const Delivery& known) { return known.environment == environment; });
    if (delivery == deliveries.end()) delivery = deliveries.insert(delivery, {environment, {}, false});
    delivery->completions.push_back({request.id, entry.index, entry.error, entry.badOffset, entry.truncated});
    delivery->urgent |= request.unfinished == 0;
  });
  const uint64_t bytes = job.pages * size;
  if (job.read) through->bytesFetched.fetch_add(bytes, std::memory_order_relaxed);
  --device.jobs;
  device.bytes -= bytes;
  bytes_ -= bytes;
  if (job.scan) device.scanBytes -= bytes;
  // The job keeps its requests alive, they keep the files: whatever ends with it ends without the lock.
  auto ended = job.shared->inFlight.extract(job.first);
  lock.unlock();
  for (const Delivery& delivery : deliveries) {
    delivery.environment->complete(delivery.completions.data(), delivery.completions.size(), delivery.urgent);
  }
  ended = {};
  through.reset();
  lock.lock();
  // Only now: the monitor must not flush before there is something to flush.
  for (const Delivery& delivery : deliveries) {
    if (delivery.urgent || (!unflushed_.empty() && unflushed_.back() == delivery.environment)) continue;
    unflushed_.push_back(delivery.environment);
    monitor_.notify_one();
  }
}

}  // namespace nofault
