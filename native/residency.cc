#include "residency.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "kernel.h"

namespace nofault {

namespace {

// Time that this thread has worked. What others take from it while it is not running is not spent on a question.
std::chrono::nanoseconds worked() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// The loop's thread asks no longer than this about one vector; what is left then counts as missing, and a fetcher's
// thread finds it in memory.
constexpr auto kBudget = std::chrono::microseconds(1500);
// And maps what is cached no longer than this; the reader then takes minor faults for the rest.
constexpr auto kTouchBudget = std::chrono::microseconds(250);
// After so many missing pages in a row the kernel is not asked about the others that we do not map: each would cost the
// loop a call, and a thread will see.
constexpr size_t kMissesInARow = 64;
// And it is not asked about scattered pages more often than this for one vector, at about 1 us a call.
constexpr size_t kLooks = 256;

// move_pages costs 150 to 250 ns a page wherever the page lies; mincore costs 700 ns a call, then 0.4 to 2 ns for a
// page that we map and 50 to 70 ns for one that we do not (docs/kernel.md). So neighbours are joined over small gaps
// only, and from a few pages on one mincore is cheaper.
constexpr uint64_t kJoinUnasked = 2;
constexpr uint64_t kJoinUnmapped = 10;
constexpr uint64_t kMincoreFrom = 4;
constexpr size_t kAddressesPerCall = 4096;

// How many pages of a long resident run are looked at to tell whether we map it.
constexpr uint64_t kSamples = 16;

uint64_t waits() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  // A touch of a page that is being read in is a minor fault with a voluntary context switch (docs/kernel.md), so both
  // count.
  return static_cast<uint64_t>(usage.ru_majflt) + static_cast<uint64_t>(usage.ru_nvcsw);
}

}  // namespace

struct Residency::Question {
  const WindowTable& windows;
  const double* first;
  const double* count;
  uint8_t* states;
  const std::chrono::nanoseconds stop = worked() + kBudget;
  std::chrono::nanoseconds touching{};
  size_t hits = 0;
  size_t missesInARow = 0;
  size_t looks = 0;

  bool late() const { return worked() > stop; }
  // Asked before each of many short calls.
  bool enough() { return missesInARow >= kMissesInARow || ++looks > kLooks; }
  uint64_t begin(size_t entry) const { return static_cast<uint64_t>(first[entry]); }
  uint64_t end(size_t entry) const { return begin(entry) + static_cast<uint64_t>(count[entry]); }
  void resident(size_t entry) {
    states[entry] = 1;
    ++hits;
    missesInARow = 0;
  }
};

bool Residency::touch(char* address, size_t length) {
  const uint64_t before = waits();
  const int error = kernel::populate(address, length);
  blockedTouches_ += waits() - before;
  // Where the kernel cannot populate, the reader takes a minor fault instead; where the page cannot be read, it is no
  // hit.
  return error == 0 || !kernel::abilities().populate;
}

bool Residency::touch(Question& question, char* address, size_t length) {
  if (question.touching > kTouchBudget) return true;
  const std::chrono::nanoseconds start = worked();
  const bool touched = touch(address, length);
  question.touching += worked() - start;
  return touched;
}

bool Residency::hit(const Window& window, uint64_t page) {
  const size_t size = kernel::pageSize();
  void* address = window.base + (page - window.firstPage) * size;
  int status = -1;
  if (kernel::mapped(&address, 1, &status) && status >= 0) return true;
  unsigned char cached = 0;
  if (!kernel::cached(address, size, &cached) || (cached & 1) == 0) return false;
  return touch(static_cast<char*>(address), size);
}

size_t Residency::vector(const WindowTable& windows, const double* first, const double* count, size_t length,
                         uint8_t* states) {
  Question question{windows, first, count, states};
  addresses_.clear();
  entries_.clear();
  for (size_t entry = 0; entry < length;) {
    const Window* window = windows.find(question.begin(entry));
    if (states[entry] != 0 || window == nullptr) {
      ++entry;
      continue;
    }
    // Neighbours in the order given that lie close together are asked about as one stretch of this window.
    const uint64_t from = question.begin(entry);
    uint64_t to = question.end(entry);
    size_t next = entry + 1;
    for (; next < length && states[next] == 0; ++next) {
      const uint64_t end = question.end(next);
      if (question.begin(next) < from || question.begin(next) > to + kJoinUnasked ||
          end > window->firstPage + window->pageCount || windows.find(question.begin(next)) != window)
        break;
      to = std::max(to, end);
    }
    if (to - from >= kMincoreFrom || !kernel::abilities().movePages) {
      askPageCache(question, entry, next, from, to, false);
      if (question.late()) break;
    } else {
      const size_t size = kernel::pageSize();
      for (size_t one = entry; one < next; ++one) {
        for (uint64_t page = question.begin(one); page < question.end(one); ++page) {
          addresses_.push_back(window->base + (page - window->firstPage) * size);
          entries_.push_back(static_cast<uint32_t>(one));
        }
      }
      if (addresses_.size() >= kAddressesPerCall) {
        askPageTable(question);
        if (question.late()) break;
      }
    }
    entry = next;
  }
  askPageTable(question);
  return question.hits;
}

// One move_pages for all collected pages; those that we do not map are asked about again in the page cache.
void Residency::askPageTable(Question& question) {
  const size_t total = addresses_.size();
  if (total == 0) return;
  status_.resize(total);
  const bool told = kernel::mapped(addresses_.data(), total, status_.data());
  size_t stretch = SIZE_MAX, stretchEnd = 0;  // entries that are not mapped and close together: one mincore
  uint64_t from = 0, to = 0;
  auto flush = [&] {
    if (stretch != SIZE_MAX && !question.enough()) askPageCache(question, stretch, stretchEnd, from, to, true);
    stretch = SIZE_MAX;
  };
  for (size_t i = 0; i < total;) {
    const uint32_t entry = entries_[i];
    bool mapped = told;
    for (; i < total && entries_[i] == entry; ++i) mapped = mapped && status_[i] >= 0;
    if (mapped) {
      question.resident(entry);
      continue;
    }
    const uint64_t begin = question.begin(entry), end = question.end(entry);
    const Window* window = question.windows.find(begin);
    if (stretch != SIZE_MAX && (begin < from || begin > to + kJoinUnmapped || window != question.windows.find(from) ||
                                end > window->firstPage + window->pageCount))
      flush();
    if (stretch == SIZE_MAX) {
      stretch = entry;
      from = begin;
      to = end;
    }
    stretchEnd = entry + 1;
    to = std::max(to, end);
  }
  flush();
  addresses_.clear();
  entries_.clear();
}

// One mincore for pages [first, last), which lie in one window, and the entries [begin, end) in it that are still open.
void Residency::askPageCache(Question& question, size_t begin, size_t end, uint64_t first, uint64_t last,
                             bool unmapped) {
  const Window& window = *question.windows.find(first);
  const size_t size = kernel::pageSize();
  char* base = window.base + (first - window.firstPage) * size;
  const size_t pages = last - first;
  if (vector_.size() < pages) vector_.resize(pages);
  if (!kernel::cached(base, pages * size, vector_.data())) return;
  auto allCached = [&](uint64_t from, uint64_t to) {
    return std::all_of(vector_.begin() + static_cast<ptrdiff_t>(from - first),
                       vector_.begin() + static_cast<ptrdiff_t>(to - first),
                       [](unsigned char state) { return (state & 1) != 0; });
  };
  // A whole stretch in one go, or else each entry by itself.
  const bool whole = allCached(first, last);
  if (whole && !((!unmapped && isMapped(window, first, last)) || touch(question, base, pages * size))) return;
  for (size_t entry = begin; entry < end; ++entry) {
    const uint64_t from = question.begin(entry), to = question.end(entry);
    if (question.states[entry] != 0 || from < first || to > last) continue;
    if (whole || (allCached(from, to) && touch(question, base + (from - first) * size, (to - from) * size)))
      question.resident(entry);
    else
      ++question.missesInARow;
  }
}

// Whether a sample of the run's pages is in our page table. A wrong yes costs the reader a minor fault, no more:
// mincore has said that all are cached.
bool Residency::isMapped(const Window& window, uint64_t first, uint64_t last) {
  void* addresses[kSamples] = {};
  int status[kSamples];
  const uint64_t pages = last - first;
  const uint64_t samples = std::min(kSamples, pages);
  for (uint64_t i = 0; i < samples; ++i) {
    const uint64_t page = first + (samples == 1 ? 0 : i * (pages - 1) / (samples - 1));
    addresses[i] = window.base + (page - window.firstPage) * kernel::pageSize();
  }
  return kernel::mapped(addresses, samples, status) &&
         std::all_of(status, status + samples, [](int s) { return s >= 0; });
}

}  // namespace nofault
