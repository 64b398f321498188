#include "fetcher.h"

#include <algorithm>

#include "kernel.h"
#include "thread.h"

namespace nofault {

namespace {

constexpr auto kTick = std::chrono::milliseconds(1);
constexpr auto kLinger = std::chrono::seconds(10);
constexpr size_t kSortInline = 256;

void sortEntries(Request& request) {
  std::sort(request.entries.begin(), request.entries.end(),
            [](const Entry& a, const Entry& b) { return a.first < b.first; });
}

}  // namespace

Fetcher& Fetcher::instance() {
  static Fetcher& fetcher = *new Fetcher();
  return fetcher;
}

void Fetcher::configure(unsigned maxThreads, uint64_t maxBytesInFlight) {
  std::lock_guard lock(mutex_);
  bounds_.maxThreads = maxThreads;
  bounds_.maxBytes = maxBytesInFlight;
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
  deviceOf(request->file->device).add(std::move(request));
  wake(2);
}

void Fetcher::run(dev_t device, std::function<void()> task) {
  std::lock_guard lock(mutex_);
  deviceOf(device).add(std::move(task));
  wake(1);
}

void Fetcher::cancel(Request& request) {
  request.cancelled = true;
  std::lock_guard lock(mutex_);
  const auto device = devices_.find(request.file->device);
  if (device != devices_.end()) device->second.remove(request);
}

void Fetcher::forget(const Environment& environment) {
  std::vector<std::vector<std::shared_ptr<Request>>> over;
  std::lock_guard lock(mutex_);
  for (auto& [id, device] : devices_) over.push_back(device.remove(environment));
}

// With the lock held: gets up to `threads` more threads to look for work.
void Fetcher::wake(size_t threads) {
  for (; threads > 0; --threads) {
    if (waiting_ > waking_) {
      ++waking_;
      workers_.notify_one();
    } else if (threads_ < bounds_.maxThreads &&
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
      Work work;
      Device* const device = pick(work);
      if (device != nullptr) perform(*device, work, lock);
      if (work.request) over_.push_back(std::move(work.request));
      if (bury(lock) || device != nullptr) continue;
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
      if (device.pending() && device.steps == device.stepsSeen) more += std::max(1U, device.busy);
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

Device* Fetcher::pick(Work& work) {
  // Devices take turns.
  auto device = devices_.upper_bound(lastDevice_);
  for (size_t i = 0; i < devices_.size(); ++i, ++device) {
    if (device == devices_.end()) device = devices_.begin();
    if (!device->second.pick(work, over_)) continue;
    lastDevice_ = device->first;
    return &device->second;
  }
  return nullptr;
}

void Fetcher::perform(Device& device, Work& work, std::unique_lock<std::mutex>& lock) {
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
      device.started(work.jobs);
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
  const auto now = std::chrono::steady_clock::now();
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
  if (job.read) through->bytesFetched.fetch_add(job.pages * size, std::memory_order_relaxed);
  // The job keeps its requests alive, they keep the files: whatever ends with it ends without the lock.
  auto ended = device.landed(job);
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
