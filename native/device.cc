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

// Batches started in a row for one request before its neighbour's turn.
constexpr unsigned kTurn = 2;
// A scan gets the first choice once in so many picks, so that it never starves.
constexpr unsigned kScanTurn = 16;
// Batches in a row that were nothing but joins, under the lock.
constexpr unsigned kJoins = 4;

// Runs, and pages in them, that a thread takes at once; of those that wait to be finished, one part in kPart, so that
// where little is in flight each has a thread of its own.
constexpr size_t kBatch = 16;
constexpr uint64_t kBatchPages = 32;
constexpr size_t kPart = 8;

size_t depthOf(const OpenFile& file) { return file.state->shallow ? kShallowDepth : kFileDepth; }

}  // namespace

unsigned Device::add(std::shared_ptr<Request> request) {
  if (!request->scan) interactive_ = Clock::now();
  auto& queue = requests_[request->scan];
  const auto working = static_cast<unsigned>(batches.size());
  // Those at work now may be kept waiting. Where others wait before it, somebody will come along.
  if (queue.empty()) width = std::clamp(working + 1, width, std::max(width, bounds_.deviceThreads()));
  const size_t wanted = std::min<size_t>(kWidth, request->entries.size());
  queue.push_back(std::move(request));
  return width > working ? std::min(static_cast<unsigned>(wanted), width - working) : 0;
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
  for (const auto& step : queued_) {
    if (!step[0].empty() || !step[1].empty()) return true;
  }
  return !tasks_.empty() || (!requests_[0].empty() && mayStart(false)) || (!requests_[1].empty() && mayStart(true));
}

bool Device::pick(Work& work, std::vector<std::shared_ptr<Request>>& over) {
  if (busy >= bounds_.deviceThreads()) return false;
  if (!tasks_.empty()) {
    work.kind = Work::Kind::task;
    work.task = std::move(tasks_.front());
    tasks_.pop_front();
    return true;
  }
  if (batches.size() >= width) return false;
  const bool scanFirst = ++picks_ % kScanTurn == 0;
  for (const bool scan : {scanFirst, !scanFirst}) {
    // Starting comes first: the deeper the device's queue, the sooner everything is there.
    if (pickQueued(Batch::Step::start, scan, work) || pickRequest(scan, work, over) ||
        pickQueued(Batch::Step::finish, scan, work))
      return true;
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

bool Device::pickRequest(bool scan, Work& work, std::vector<std::shared_ptr<Request>>& over) {
  auto& queue = requests_[scan];
  if (queue.empty() || !mayStart(scan)) return false;
  std::vector<Job*> jobs;
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
    takeRuns(request, jobs);
    if (request->exhausted()) {
      over.push_back(request);
      queue.pop_front();
      --tries;
    } else if (++request->turns % kTurn == 0) {
      queue.pop_front();
      queue.push_back(request);
    }
    if (jobs.empty()) {
      ++joins;
      continue;
    }
    work.kind = Work::Kind::batch;
    work.batch.emplace(Batch::Step::start, std::move(jobs));
    return true;
  }
  work.request = nullptr;
  return false;
}

// The next runs of a request, as many as a thread starts at once. A server that is asked for one may hold the thread,
// so there each run gets one of its own.
void Device::takeRuns(const std::shared_ptr<Request>& request, std::vector<Job*>& jobs) {
  SharedFile& shared = *request->file->shared;
  const bool scan = request->scan, shallow = request->file->state->shallow;
  const uint64_t longest = shallow ? kShallowBytes : scan && shy() ? kShyScanBytes : kJobBytes;
  uint64_t pages = 0;
  for (size_t runs = shallow ? 1 : kBatch; runs > 0; --runs) {
    const size_t before = jobs.size();
    takeRun(request, shared, longest / kernel::pageSize(), jobs);
    for (size_t i = before; i < jobs.size(); ++i) {
      const uint64_t bytes = jobs[i]->pages * kernel::pageSize();
      ++jobs_;
      bytes_ += bytes;
      bounds_.bytes += bytes;
      if (jobs[i]->scan) scanBytes_ += bytes;
      pages += jobs[i]->pages;
    }
    if (request->exhausted() || pages >= kBatchPages || shared.inFlight.size() >= depthOf(*request->file) ||
        !mayStart(scan))
      return;
  }
}

bool Device::pickQueued(Batch::Step step, bool scan, Work& work) {
  // A scan's run for which somebody interactive waits as well goes with the interactive ones.
  for (const bool queued : {scan, true}) {
    auto& queue = queued_[static_cast<size_t>(step)][queued];
    const auto first = std::find_if(queue.begin(), queue.end(), [&](const Job* job) {
      return job->shared->busy < bounds_.fileThreads() && (queued == scan || job->urgent);
    });
    if (first == queue.end()) continue;
    const size_t most = (*first)->through->state->shallow ? 1 : std::clamp(queue.size() / kPart, size_t{1}, kBatch);
    uint64_t pages = 0;
    auto last = first;
    for (; last != queue.end() && (*last)->shared == (*first)->shared && static_cast<size_t>(last - first) < most &&
           (queued == scan || (*last)->urgent) && pages < kBatchPages;
         ++last) {
      if (step == Batch::Step::finish) prepare(**last);
      pages += (*last)->pages;
    }
    work.kind = Work::Kind::batch;
    work.shared = (*first)->through->shared;
    // What was started last is waited for: by then the others are there as well, and one sleep serves all.
    work.batch.emplace(step, std::vector<Job*>(std::reverse_iterator(last), std::reverse_iterator(first)));
    queue.erase(first, last);
    return true;
  }
  return false;
}

void Device::queue(std::span<Job* const> jobs, Batch::Step step, bool first) {
  if (jobs.empty()) return;
  auto& queue = queued_[static_cast<size_t>(step)][jobs.front()->scan];
  queue.insert(first ? queue.begin() : queue.end(), jobs.begin(), jobs.end());
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
