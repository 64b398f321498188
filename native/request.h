// What one call asked the fetcher for, and the jobs (runs being read) that serve such requests. All of it changes under
// the fetcher's lock only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "fill.h"
#include "open_file.h"

namespace nofault {

struct Entry {
  uint64_t first;  // page
  uint32_t pages;
  uint32_t index;     // the caller's number for it
  uint32_t open = 0;  // jobs that it waits for
  int error = 0;
  double badOffset = -1;
  // When the first of its pages that was mapped was so for the last time, by the boards' clock; unless any was not.
  int32_t asOf = 0;
  bool mapped = true;
  bool dated = false;
  bool started = false;  // every page of it belongs to a job, or did
  bool truncated = false;

  uint64_t end() const { return first + pages; }
  // A part of it was mapped at that time, or is not: an entry is as old as its oldest part.
  void date(std::optional<int32_t> time) {
    mapped = mapped && time.has_value();
    if (mapped && (!std::exchange(dated, true) || elapsed(*time, asOf) > 0)) asOf = *time;
  }
};

// A thread's work that waits for entries, in place of an event loop. Told on whichever thread has brought them in,
// which must not be kept; never of what was cancelled.
class Recipient {
 public:
  virtual ~Recipient() = default;
  virtual void arrived(const std::vector<Completion>& completions) = 0;
  // Which bytes it wants of an entry, and where to: then the entry is copied, and need not be mapped. None by itself.
  // Asked under the fetcher's lock.
  virtual std::optional<Copy> copyOf(uint32_t index) const { return {}; }
};

struct Request {
  // An event loop knows it by its `id`.
  Request(double id, std::shared_ptr<OpenFile> file, bool scan) : id(id), file(std::move(file)), scan(scan) {}
  Request(std::shared_ptr<Recipient> recipient, std::shared_ptr<OpenFile> file, bool scan)
      : id(0), recipient(std::move(recipient)), file(std::move(file)), scan(scan) {}

  const double id;
  const std::shared_ptr<Recipient> recipient;  // null where it is the loop
  const std::shared_ptr<OpenFile> file;
  const bool scan;
  const std::chrono::steady_clock::time_point asked = std::chrono::steady_clock::now();
  std::vector<Entry> entries;  // ascending, once sorted
  enum class Order { given, sorting, sorted } order = Order::given;
  size_t next = 0;    // the first entry that has not been started whole
  uint64_t page = 0;  // where to go on in it
  size_t unfinished = 0;
  unsigned turns = 0;
  std::atomic<bool> cancelled{false};

  bool exhausted() const { return next == entries.size(); }
  // Nobody waits for it any more.
  bool dead() const { return cancelled.load(std::memory_order_relaxed) || file->environment->ended(); }
};

// A run of pages that is being brought in, and everybody who waits for it.
struct Job {
  SharedFile* shared;
  uint64_t first;
  uint64_t pages;
  bool scan;
  bool urgent;       // somebody interactive waits for it
  bool passing;      // nobody did when a thread set about finishing it: it need not stay in memory for long
  bool read = true;  // it was not in memory when it was started
  std::shared_ptr<OpenFile> through;
  uint64_t home;  // a page by which that file knows the window that the run is to be mapped in
  struct Waiter {
    std::shared_ptr<Request> request;
    size_t entry;
  };
  std::vector<Waiter> waiters;
  Filled filled{};  // once it is finished

  // What a thread that has set about finishing it does, and for how many waiters. Others may come meanwhile.
  size_t known = 0;
  bool mapping = false;
  std::vector<Copy> copies{};

  uint64_t end() const { return first + pages; }
};

// One file (device and inode), whoever has it open: a page is never read twice at once.
struct SharedFile {
  using Flights = std::map<uint64_t, std::unique_ptr<Job>>;
  Flights inFlight;   // by first page; they do not overlap
  unsigned busy = 0;  // threads in a system call for it
};

// Takes the next run of the request's missing pages: joins what is in flight for somebody else, and adds new jobs for
// the rest to `fresh` (none when all was in flight). `longest` is in pages.
void takeRun(const std::shared_ptr<Request>& request, SharedFile& shared, uint64_t longest, std::vector<Job*>& fresh);

// A thread sets about finishing a job: for whom, and how, is decided now.
void prepare(Job& job);
// It has done so. Whether somebody has come meanwhile who needs something else than has been done.
bool needsMore(const Job& job);

// Ends a job: reports each entry that has nothing left to wait for through `done(request, entry)`.
template <typename Done>
void settle(Job& job, uint64_t pageSize, Done done) {
  for (Job::Waiter& waiter : job.waiters) {
    Entry& entry = waiter.request->entries[waiter.entry];
    for (const BadPage& page : job.filled.bad) {
      if (page.page < entry.first || page.page >= entry.end() || entry.badOffset >= 0) continue;
      entry.error = page.error;
      entry.truncated = page.truncated;
      entry.badOffset = static_cast<double>(page.page * pageSize);
    }
    entry.date(job.filled.asOf);
    if (--entry.open == 0 && entry.started) done(*waiter.request, entry);
  }
}

}  // namespace nofault
