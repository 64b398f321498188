#include "request.h"

#include <algorithm>

#include "kernel.h"

namespace nofault {

namespace {

// Entries that one job serves at most: a vector may name the same page a million times.
constexpr size_t kEntriesPerJob = 4096;

// What a waiter wants copied of a job; nothing where it wants that mapped.
std::optional<Copy> copyFor(const Job::Waiter& waiter, const Job& job) {
  const Request& request = *waiter.request;
  if (!request.recipient) return {};
  std::optional<Copy> copy = request.recipient->copyOf(request.entries[waiter.entry].index);
  if (!copy) return {};
  const uint64_t from = std::max(copy->offset, job.first * kernel::pageSize());
  const uint64_t to = std::min(copy->offset + copy->length, job.end() * kernel::pageSize());
  return Copy{copy->into + (from - copy->offset), from, to - from};
}

}  // namespace

void takeRun(const std::shared_ptr<Request>& request, SharedFile& shared, uint64_t longest, std::vector<Job*>& fresh) {
  std::vector<Entry>& entries = request->entries;
  const size_t begin = request->next;
  Entry& head = entries[begin];
  const uint64_t from = std::max(head.first, request->page);
  uint64_t to = std::min(head.end(), from + longest);
  size_t end = begin + 1;
  request->page = to;
  if (to == head.end()) {
    head.started = true;
    // Neighbours ride along, as long as they are whole and lie in the same window.
    const uint64_t stride = kWindowStride / kernel::pageSize();
    for (; from == head.first && end < entries.size() && end - begin < kEntriesPerJob; ++end) {
      Entry& next = entries[end];
      if (next.first > to || next.end() > from + longest || next.first / stride != head.first / stride) break;
      to = std::max(to, next.end());
      next.started = true;
    }
    request->next = end;
    request->page = 0;
  }

  const auto wait = [&](Job& job) {
    for (size_t i = begin; i < end; ++i) {
      if (entries[i].first >= job.end() || entries[i].end() <= job.first) continue;
      // A joiner is told when the job ends, so it must not wait twice for one.
      job.waiters.push_back({request, i});
      ++entries[i].open;
    }
  };
  auto flying = shared.inFlight.upper_bound(from);
  if (flying != shared.inFlight.begin() && std::prev(flying)->second->end() > from) --flying;
  for (uint64_t at = from; at < to;) {
    if (flying != shared.inFlight.end() && flying->first <= at) {
      Job& job = *flying->second;
      wait(job);
      job.urgent = job.urgent || !request->scan;
      request->file->joined.fetch_add(1, std::memory_order_relaxed);
      at = job.end();
      ++flying;
      continue;
    }
    const uint64_t stop = flying == shared.inFlight.end() ? to : std::min(to, flying->first);
    auto job = std::make_unique<Job>(
        Job{&shared, at, stop - at, request->scan, !request->scan, false, true, request->file, head.first, {}});
    wait(*job);
    fresh.push_back(job.get());
    shared.inFlight.emplace_hint(flying, at, std::move(job));
    at = stop;
  }
}

void prepare(Job& job) {
  job.passing = job.scan && !job.urgent;
  while (job.known < job.waiters.size()) {
    const Job::Waiter& waiter = job.waiters[job.known++];
    if (waiter.request->dead()) continue;
    if (const std::optional<Copy> copy = copyFor(waiter, job)) {
      job.copies.push_back(*copy);
    } else {
      job.mapping = true;
    }
  }
  // Somebody was there, and is not any more.
  if (job.copies.empty()) job.mapping = true;
}

bool needsMore(const Job& job) {
  return std::any_of(job.waiters.begin() + static_cast<ptrdiff_t>(job.known), job.waiters.end(),
                     [&](const Job::Waiter& waiter) {
                       return !waiter.request->dead() && (!job.mapping || copyFor(waiter, job).has_value());
                     });
}

}  // namespace nofault
