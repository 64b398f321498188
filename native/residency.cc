#include "residency.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iterator>
#include <numeric>

#include "kernel.h"
#include "watch.h"

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
constexpr size_t kAddressesPerCall = 1024;

// After so many pages in a row that we do not map, one in kSampled of the next is asked about first.
constexpr size_t kCold = 512;
constexpr size_t kSampled = 8;

// From so many pages on they are asked about roughly in the order of their addresses: by stretches of 16 MiB, of which
// 64 are told apart.
constexpr size_t kOrderedFrom = 64;
constexpr int kStretchBits = 24;
constexpr size_t kStretches = 64;

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
  Budget& budget;
  const bool noting;  // what is resident goes on its board
  // Taken before anything is asked: verdicts are as old as this.
  const int32_t time = noting ? now() : 0;
  size_t hits = 0;
  const FileState* believed = nullptr;  // whose answers from mincore are known to be true

  // Through signed numbers, for which processors have an instruction.
  static uint64_t whole(double number) { return static_cast<uint64_t>(static_cast<int64_t>(number)); }
  uint64_t begin(size_t entry) const { return whole(first[entry]); }
  uint64_t end(size_t entry) const { return begin(entry) + whole(count[entry]); }
  void resident(size_t entry) {
    states[entry] = kResident;
    ++hits;
    budget.missesInARow = 0;
    if (!noting) return;
    const uint64_t from = begin(entry);
    Watch::instance().note(*windows.find(from), from, end(entry) - from, time);
  }
  bool marked(const Window& window, size_t entry) const {
    return window.marked(begin(entry), end(entry) - begin(entry)) != Mark::none;
  }
  bool truthful(const Window& window) {
    if (believed != window.file.get() && window.file->truthful()) believed = window.file.get();
    return believed == window.file.get();
  }
};

bool Residency::Budget::late() const { return worked() > stop; }

bool Residency::Budget::enough() const { return missesInARow >= kMissesInARow || looks >= kLooks; }

void Residency::blocked(uint64_t times) {
  if (times > 0) file_.shared.blockedTouches.fetch_add(static_cast<double>(times));
}

void Residency::touching(bool on) {
  if (on) {
    waitsBefore_ = waits();
  } else {
    blocked(waits() - waitsBefore_);
  }
}

bool Residency::touch(char* address, size_t length) {
  const uint64_t before = waits();
  const int error = kernel::populate(address, length);
  blocked(waits() - before);
  // Where the kernel cannot populate, the reader takes a minor fault instead; where the page cannot be read, it is no
  // hit.
  return error == 0 || !kernel::abilities().populate;
}

bool Residency::touch(Question& question, char* address, size_t length) {
  if (question.budget.touching > kTouchBudget) return true;
  const std::chrono::nanoseconds start = worked();
  const bool touched = touch(address, length);
  question.budget.touching += worked() - start;
  return touched;
}

uint8_t Residency::hit(Window& window, uint64_t page) {
  if (window.marked(page, 1) != Mark::none) return kMarked;
  const bool noting = window.file->watched;
  const int32_t time = noting ? now() : 0;
  void* address = window.addressOf(page);
  int status = -1;
  if (!kernel::mapped(&address, 1, &status) || status < 0) {
    unsigned char cached = 0;
    if (!kernel::cached(address, kernel::pageSize(), &cached) || (cached & 1) == 0) return kMissing;
    if (!window.file->truthful() || !touch(static_cast<char*>(address), kernel::pageSize())) return kMissing;
  }
  if (noting) Watch::instance().note(window, page, 1, time);
  return kResident;
}

size_t Residency::vector(const WindowTable& windows, const double* first, const double* count, size_t from, size_t to,
                         uint8_t* states, bool more, bool noting) {
  if (!more) budget_ = {worked() + kBudget};
  Question question{windows, first, count, states, budget_, noting};
  addresses_.clear();
  entries_.clear();
  const bool asksTable = kernel::abilities().movePages;
  // Looked at after each question only: the clock is a system call, too, and collecting costs next to nothing.
  bool late = more && budget_.late();
  for (size_t entry = from; entry < to && !late;) {
    const uint64_t begin = question.begin(entry);
    uint64_t end = question.end(entry);
    const Window* window = states[entry] == kMissing ? windows.find(begin) : nullptr;
    // The file may have become shorter since somebody asked for the entry first.
    if (window == nullptr || end > window->firstPage + window->pageCount) {
      ++entry;
      continue;
    }
    if (question.marked(*window, entry)) {
      states[entry++] = kMarked;
      continue;
    }
    // Neighbours in the order given that lie close together are asked about as one stretch of this window.
    size_t next = entry + 1;
    for (; next < to && states[next] == kMissing; ++next) {
      const uint64_t last = question.end(next);
      if (question.begin(next) < begin || question.begin(next) > end + kJoinUnasked ||
          last > window->firstPage + window->pageCount || windows.find(question.begin(next)) != window ||
          question.marked(*window, next))
        break;
      end = std::max(end, last);
    }
    if (!asksTable || (end - begin >= kMincoreFrom && question.truthful(*window))) {
      askPageCache(question, entry, next, begin, end, false);
      late = budget_.late();
    } else {
      for (size_t one = entry; one < next; ++one) {
        for (uint64_t page = question.begin(one); page < question.end(one); ++page) {
          addresses_.push_back(window->addressOf(page));
          entries_.push_back(static_cast<uint32_t>(one));
        }
      }
      if (addresses_.size() >= kAddressesPerCall) {
        askPageTable(question);
        late = budget_.late();
      }
    }
    entry = next;
  }
  askPageTable(question);
  return question.hits;
}

// One move_pages for all collected pages. It looks each up among the mappings and in the page table, and finds much of
// that in the processor's caches when the one before lay nearby: a ninth of the time, putting them in order included
// (docs/kernel.md).
bool Residency::askMapped() {
  const size_t total = addresses_.size();
  if (total < kOrderedFrom) return kernel::mapped(addresses_.data(), total, status_.data());
  const auto stretchOf = [](const void* address) {
    return (reinterpret_cast<uintptr_t>(address) >> kStretchBits) % kStretches;
  };
  uint32_t next[kStretches + 1] = {};
  for (const void* address : addresses_) ++next[stretchOf(address) + 1];
  std::partial_sum(std::begin(next), std::end(next), std::begin(next));
  ordered_.resize(total);
  orderedStatus_.resize(total);
  places_.resize(total);
  for (size_t i = 0; i < total; ++i) {
    places_[i] = next[stretchOf(addresses_[i])]++;
    ordered_[places_[i]] = addresses_[i];
  }
  if (!kernel::mapped(ordered_.data(), total, orderedStatus_.data())) return false;
  for (size_t i = 0; i < total; ++i) status_[i] = orderedStatus_[places_[i]];
  return true;
}

// Whether none of a sample of the collected pages is mapped.
bool Residency::nothingMapped() {
  void* addresses[kAddressesPerCall / kSampled + 1] = {};
  size_t samples = 0;
  for (size_t i = 0; i < addresses_.size() && samples < std::size(addresses); i += kSampled)
    addresses[samples++] = addresses_[i];
  return kernel::mapped(addresses, samples, status_.data()) &&
         std::all_of(status_.begin(), status_.begin() + static_cast<ptrdiff_t>(samples), [](int s) { return s < 0; });
}

// One move_pages for all collected pages; those that we do not map are asked about again in the page cache.
void Residency::askPageTable(Question& question) {
  const size_t total = addresses_.size();
  if (total == 0) return;
  status_.resize(std::max(total, kAddressesPerCall));
  // A vector that has been cold for so long probably goes on like that.
  if (question.budget.unmappedInARow >= kCold && question.budget.enough() && total <= kAddressesPerCall &&
      nothingMapped()) {
    addresses_.clear();
    entries_.clear();
    return;
  }
  const bool told = askMapped();
  size_t stretch = SIZE_MAX, stretchEnd = 0;  // entries that are not mapped and close together: one mincore
  uint64_t from = 0, to = 0;
  auto flush = [&] {
    if (stretch != SIZE_MAX && !question.budget.enough()) {
      ++question.budget.looks;
      askPageCache(question, stretch, stretchEnd, from, to, true);
    }
    stretch = SIZE_MAX;
  };
  for (size_t i = 0; i < total;) {
    const uint32_t entry = entries_[i];
    bool mapped = told;
    for (; i < total && entries_[i] == entry; ++i) mapped = mapped && status_[i] >= 0;
    if (mapped) {
      question.budget.unmappedInARow = 0;
      question.resident(entry);
      continue;
    }
    ++question.budget.unmappedInARow;
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
  char* base = window.addressOf(first);
  const size_t pages = last - first;
  if (vector_.size() < pages) vector_.resize(pages);
  if (!question.truthful(window) || !kernel::cached(base, pages * size, vector_.data())) return;
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
    if (question.states[entry] != kMissing || from < first || to > last) continue;
    if (whole || (allCached(from, to) && touch(question, base + (from - first) * size, (to - from) * size)))
      question.resident(entry);
    else
      ++question.budget.missesInARow;
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
    addresses[i] = window.addressOf(page);
  }
  return kernel::mapped(addresses, samples, status) &&
         std::all_of(status, status + samples, [](int s) { return s >= 0; });
}

}  // namespace nofault
