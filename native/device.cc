#include "device.h"

#include <algorithm>
#include <iterator>

#include "kernel.h"

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

size_t depthOf(const OpenFile& file) { return file.state->shallow ? kShallowDepth : kFileDepth; }

}  // namespace

void Device::add(std::shared_ptr<Request> request) {
  if (!request->scan) interactive_ = Clock::now();
  requests_[request->scan].push_back(std::move(request));
}

void Device::remove(const Request& request) {
  std::erase_if(requests_[request.scan], [&](const auto& queued) { return queued.get() == &request; });
}

std::vector<std::shared_ptr<Request>> Device::remove(const Environment& environment) {
  std::vector<std::shared_ptr<Request>> removed;
  for (auto& queue : requests_) {
    const auto its = std::stable_partition(queue.begin(), queue.end(), [&](const auto& request) {
      return request->file->environment.get() != &environment;
    });
    std::move(its, queue.end(), std::back_inserter(removed));
    queue.erase(its, queue.end());
  }
  return removed;
}

bool Device::idle() const {
  return tasks_.empty() && requests_[0].empty() && requests_[1].empty() && jobs_ == 0 && busy == 0;
}

bool Device::pending() const {
  return !tasks_.empty() || !ready_[0].empty() || !ready_[1].empty() || (!requests_[0].empty() && mayStart(false)) ||
         (!requests_[1].empty() && mayStart(true));
}

bool Device::pick(Work& work, std::vector<std::shared_ptr<Request>>& over) {
  if (busy >= bounds_.deviceThreads()) return false;
  if (!tasks_.empty()) {
    work.kind = Work::Kind::task;
    work.task = std::move(tasks_.front());
    tasks_.pop_front();
    return true;
  }
  const bool scanFirst = ++picks_ % kScanTurn == 0;
  for (const bool scan : {scanFirst, !scanFirst}) {
    // Starting comes first: the deeper the device's queue, the sooner everything is there.
    if (pickStart(scan, work, over) || pickFinish(scan, work)) return true;
  }
  return false;
}

// Whether somebody waits for an interactive page of the device, or did a moment ago and so may soon again.
bool Device::shy() const { return !requests_[0].empty() || bytes_ > scanBytes_ || Clock::now() - interactive_ < kShy; }

bool Device::mayStart(bool scan) const {
  if (jobs_ == 0 && bounds_.bytes == 0) return true;
  if (jobs_ >= kDeviceDepth || bounds_.bytes + kJobBytes > bounds_.maxBytes ||
      bytes_ + kJobBytes > bounds_.maxBytes / 4 * 3)
    return false;
  if (!scan) return true;
  return scanBytes_ < (shy() ? kShyScanBytes : kScanBytes);
}

bool Device::pickStart(bool scan, Work& work, std::vector<std::shared_ptr<Request>>& over) {
  auto& queue = requests_[scan];
  if (queue.empty() || !mayStart(scan)) return false;
  const uint64_t longest = (scan && shy() ? kShyScanBytes : kJobBytes) / kernel::pageSize();
  const uint64_t shallow = kShallowBytes / kernel::pageSize();
  unsigned joins = 0;
  for (size_t tries = queue.size(); tries > 0 && joins < kJoins;) {
    const std::shared_ptr<Request> request = queue.front();
    if (request->dead() || request->exhausted()) {
      over.push_back(request);
      queue.pop_front();
      --tries;
      continue;
    }
    const std::shared_ptr<SharedFile>& shared = request->file->shared;
    if (request->order == Request::Order::sorting || shared->busy >= bounds_.fileThreads() ||
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
      over.push_back(request);
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
      ++jobs_;
      bytes_ += bytes;
      bounds_.bytes += bytes;
      if (job->scan) scanBytes_ += bytes;
    }
    return true;
  }
  work.request = nullptr;
  return false;
}

bool Device::pickFinish(bool scan, Work& work) {
  // A scan's run for which somebody interactive waits as well goes with the interactive ones.
  for (const bool queue : {scan, true}) {
    auto& ready = ready_[queue];
    const auto job = std::find_if(ready.begin(), ready.end(), [&](const Job* job) {
      return job->shared->busy < bounds_.fileThreads() && (queue == scan || job->urgent);
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

void Device::started(const std::vector<Job*>& jobs) {
  for (Job* job : jobs) ready_[job->scan].push_back(job);
}

SharedFile::Flights::node_type Device::landed(const Job& job) {
  const uint64_t bytes = job.pages * kernel::pageSize();
  --jobs_;
  bytes_ -= bytes;
  bounds_.bytes -= bytes;
  if (job.scan) scanBytes_ -= bytes;
  return job.shared->inFlight.extract(job.first);
}

}  // namespace nofault
