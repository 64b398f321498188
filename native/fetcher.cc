#include "fetcher.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "aside.h"
#include "kernel.h"
#include "stepping_back.h"
#include "thread.h"

namespace nofault {

namespace {

constexpr auto kTick = std::chrono::milliseconds(1);
// A device is fast that has so much done in a tick: it does with fewer threads.
constexpr uint64_t kFast = 16;
constexpr auto kLinger = std::chrono::seconds(10);
constexpr size_t kSortInline = 256;
// Pages, and runs to come, for which a thread does not step back: what one reader waits for is dealt with at once.
constexpr uint64_t kInARow = 16;

bool ascend(const Entry& a, const Entry& b) { return a.first < b.first; }

void sortEntries(Request& request) { std::sort(request.entries.begin(), request.entries.end(), ascend); }

// Waits until a run is in memory. Its window may have been made while it was on its way.
void finish(Job& job) {
  OpenFile& through = *job.through;
  Filled& filled = job.filled;
  const auto add = [&](const std::vector<BadPage>& bad) {
    filled.bad.insert(filled.bad.end(), bad.begin(), bad.end());
  };
  add(copyReading(through.fd, job.copies));
  job.copies.clear();
  if (!job.mapping) return;
  std::shared_ptr<Window> window = through.environment->ended() ? nullptr : through.shareWindow(job.home);
  const Filled mapped = finishReading(through.fd, window.get(), job.first, job.pages, !job.passing);
  add(mapped.bad);
  filled.asOf = mapped.asOf;
  if (job.read && job.passing && window) through.passing.arrived(std::move(window), job.first, job.pages);
}

// Starts, or finishes, the runs of a batch that nobody takes back.
void workThrough(Batch& batch) {
  size_t inARow = batch.runs();
  for (;;) {
    if (inARow > kInARow) {
      stepBack();
      inARow = 0;
    }
    Job* const job = batch.next();
    if (job == nullptr) break;
    if (batch.step == Batch::Step::start) {
      job->read = startReading(job->through->fd, job->first, job->pages);
    } else {
      finish(*job);
    }
    inARow += job->pages;
    batch.done();
  }
}

}  // namespace

// What goes to event loops, and jobs that are over. A job keeps its requests alive, and they keep their files: closing
// one may wait, so all of it ends without the lock.
struct Fetcher::Deliveries {
  struct ToLoop {
    std::shared_ptr<Environment> environment;
    std::vector<Completion> completions;
    bool urgent;
  };
  std::vector<ToLoop> toLoops;
  std::vector<std::pair<std::shared_ptr<Recipient>, std::vector<Completion>>> toThreads;
  std::vector<SharedFile::Flights::node_type> ended;

  void add(const Request& request, const Entry& entry) {
    const double asOf = entry.mapped ? entry.asOf : std::numeric_limits<double>::quiet_NaN();
    const Completion completion{request.id, entry.index, entry.error, entry.badOffset, entry.truncated, asOf};
    if (request.recipient) {
      if (toThreads.empty() || toThreads.back().first != request.recipient)
        toThreads.push_back({request.recipient, {}});
      toThreads.back().second.push_back(completion);
      return;
    }
    const std::shared_ptr<Environment>& environment = request.file->environment;
    auto to = std::find_if(toLoops.begin(), toLoops.end(),
                           [&](const ToLoop& known) { return known.environment == environment; });
    if (to == toLoops.end()) to = toLoops.insert(to, {environment, {}, false});
    to->completions.push_back(completion);
    to->urgent |= request.unfinished == 0;
  }
};

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
  const bool few = request->entries.size() <= kSortInline;
  if (few) sortEntries(*request);
  if (few || std::is_sorted(request->entries.begin(), request->entries.end(), ascend))
    request->order = Request::Order::sorted;
  request->unfinished = request->entries.size();
  const dev_t device = request->file->device;
  leave({device, std::move(request), nullptr});
}

void Fetcher::run(dev_t device, std::function<void()> task) { leave({device, nullptr, std::move(task)}); }

void Fetcher::cancel(const std::shared_ptr<Request>& request) {
  request->cancelled = true;
  leave({request->file->device, request, nullptr, true});
}

void Fetcher::forget(const Environment& environment) {
  std::vector<std::vector<std::shared_ptr<Request>>> over;
  std::lock_guard lock(mutex_);
  absorb(0);
  for (auto& [id, device] : devices_) over.push_back(device.remove(environment));
}

// Leaves something at the intake, where a thread that sleeps takes it in; or else the monitor, or who is at work and
// back before it.
void Fetcher::leave(Arrival arrival) {
  arrivals_.post(std::move(arrival));
  if (!workers_.wake() || !monitoring_) nudge(true);
}

// The monitor wakes, at once or only where nothing has gone on so far.
void Fetcher::nudge(bool now) {
  if (!monitoring_.exchange(true))
    monitoring_ = startThread(
        "nofault-monitor", Manner::prompt,
        [](void* self) -> void* { return static_cast<Fetcher*>(self)->monitor(), nullptr; }, this);
  if (now || calm_) monitor_.wake();
}

// With the lock held: takes in what is at the intake, and gets threads for it besides those that look for work right
// now.
void Fetcher::absorb(size_t looking) {
  if (arrivals_.empty()) return;
  std::vector<Arrival> arrivals = arrivals_.take();
  size_t threads = 0;
  for (Arrival& arrival : arrivals) {
    if (arrival.cancelled) {
      const auto device = devices_.find(arrival.device);
      if (device != devices_.end()) device->second.remove(*arrival.request);
      // Letting go of it may wait for a server: for a thread, and not for the monitor.
      over_.push_back(std::move(arrival.request));
      ++threads;
    } else if (arrival.request) {
      threads += deviceOf(arrival.device).add(std::move(arrival.request));
    } else {
      deviceOf(arrival.device).add(std::move(arrival.task));
      ++threads;
    }
  }
  wake(threads - std::min(threads, looking));
}

// With the lock held: gets up to `threads` more threads to look for work.
void Fetcher::wake(size_t threads) {
  for (; threads > 0; --threads) {
    if (workers_.wake()) continue;
    if (threads_ >= std::min<size_t>(bounds_.maxThreads, Sleepers::kMost) ||
        !startThread(
            "nofault-fetch", Manner::giving,
            [](void* self) -> void* { return static_cast<Fetcher*>(self)->work(), nullptr; }, this))
      break;
    ++threads_;
  }
  nudge(false);
}

void Fetcher::work() {
  const size_t number = workers_.join();
  std::unique_lock lock(mutex_);
  for (;;) {
    absorb(1);
    {
      Work work;
      Device* const device = pick(work);
      if (device != nullptr) perform(*device, work, lock);
      if (work.request) over_.push_back(std::move(work.request));
      if (bury(lock) || device != nullptr) continue;
    }
    // Under the lock, so that whoever finds work under it finds this thread asleep.
    workers_.enter(number);
    lock.unlock();
    if (!arrivals_.empty()) {
      workers_.stay(number);
    } else if (!workers_.sleep(number, Seat::Clock::now() + kLinger)) {
      workers_.resign(number);
      --threads_;
      return;
    }
    lock.lock();
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
// of it: then more threads are needed. It also takes in what nobody else does, and hands over completions that nothing
// else has woken the loop for.
void Fetcher::monitor() {
  std::unique_lock lock(mutex_);
  for (auto tick = std::chrono::steady_clock::now();;) {
    absorb(0);
    const bool calm = unflushed_.empty() && std::all_of(devices_.begin(), devices_.end(),
                                                        [](const auto& device) { return device.second.idle(); });
    // Devices come and go, and so must what is remembered of them.
    if (calm) devices_.clear();
    // Under the lock, so that whoever finds work under it finds it calm.
    calm_ = calm;
    lock.unlock();
    if (calm) {
      monitor_.sleep();
      calm_ = false;
      tick = std::chrono::steady_clock::now() + kTick;
    } else {
      monitor_.sleepUntil(tick);
    }
    lock.lock();
    if (std::chrono::steady_clock::now() < tick) continue;
    tick = std::chrono::steady_clock::now() + kTick;
    size_t more = 0;
    Deliveries deliveries;
    for (auto& [id, device] : devices_) more += look(device, deliveries);
    if (more > 0) wake(more);
    hand(deliveries, lock);
    std::vector<std::shared_ptr<Environment>> environments;
    environments.swap(unflushed_);
    if (environments.empty()) continue;
    lock.unlock();
    for (const auto& environment : environments) environment->flush();
    environments.clear();
    lock.lock();
  }
}

// Takes from threads that are kept waiting what others could do. Returns how many more threads the device needs.
size_t Fetcher::look(Device& device, Deliveries& deliveries) {
  bool moves = device.steps != device.stepsSeen;
  for (Batch* batch : device.batches) {
    if (batch->standsAside() || !batch->stands()) {
      moves = true;
      continue;
    }
    harvest(device, *batch, deliveries);
    device.queue(batch->takeBack(), batch->step, true);
  }
  const uint64_t steps = device.steps - device.stepsSeen;
  device.stepsSeen = device.steps;
  if (!moves && device.pending()) {
    device.width = std::clamp(2 * device.width, Device::kWidth, bounds_.deviceThreads());
    return std::max(1U, device.busy);
  }
  if (steps >= kFast && device.width > Device::kWidth) --device.width;
  return 0;
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
    case Work::Kind::batch: {
      Batch& batch = *work.batch;
      device.batches.push_back(&batch);
      const bool last = batch.mayStandAside();
      if (last) batch.standAside();
      lock.unlock();
      last ? aside([&] { workThrough(batch); }) : workThrough(batch);
      lock.lock();
      std::erase(device.batches, &batch);
      Deliveries deliveries;
      harvest(device, batch, deliveries);
      hand(deliveries, lock);
      break;
    }
  }
  if (work.shared != nullptr) --work.shared->busy;
  --device.busy;
  ++device.steps;
}

// What a batch has done goes its way: runs that were started wait to be finished, and who waited for those that are
// finished is told.
void Fetcher::harvest(Device& device, Batch& batch, Deliveries& deliveries) {
  const std::span<Job* const> done = batch.harvest();
  device.steps += done.size();
  if (batch.step == Batch::Step::start) {
    device.queue(done, Batch::Step::finish, false);
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  for (Job* job : done) {
    if (needsMore(*job)) {
      device.queue({&job, 1}, Batch::Step::finish, false);
      continue;
    }
    settle(*job, kernel::pageSize(), [&](Request& request, const Entry& entry) {
      --request.unfinished;
      if (request.dead()) return;
      request.file->latency.add(now - request.asked);
      deliveries.add(request, entry);
    });
    if (job->read) job->through->bytesFetched.fetch_add(job->pages * kernel::pageSize(), std::memory_order_relaxed);
    deliveries.ended.push_back(device.landed(*job));
  }
}

void Fetcher::hand(Deliveries& deliveries, std::unique_lock<std::mutex>& lock) {
  if (deliveries.ended.empty()) return;
  lock.unlock();
  for (const auto& [environment, completions, urgent] : deliveries.toLoops)
    environment->complete(completions.data(), completions.size(), urgent);
  for (const auto& [recipient, completions] : deliveries.toThreads) recipient->arrived(completions);
  deliveries.toThreads.clear();
  deliveries.ended.clear();
  lock.lock();
  // Only now: the monitor must not flush before there is something to flush.
  for (auto& [environment, completions, urgent] : deliveries.toLoops) {
    if (urgent || (!unflushed_.empty() && unflushed_.back() == environment)) continue;
    unflushed_.push_back(std::move(environment));
    nudge(false);
  }
}

}  // namespace nofault
