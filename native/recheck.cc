#include "recheck.h"

#include <algorithm>
#include <bit>
#include <ctime>

#include "kernel.h"

namespace nofault {

namespace {

// A mincore over pages that we map costs 700 ns and 0.5 to 1 ns a page, move_pages 150 ns a page, and a look through
// the page table 10 ns a page that is mapped and about 1 ns for each that is not (docs/kernel.md): so mincore for what
// lies close together, the page table for the rest; and one mincore over everything where we map most of it anyhow.
constexpr uint64_t kJoin = 2;
constexpr uint64_t kDense = 6;
constexpr uint64_t kScanPerMapped = 12, kMovePerPage = 150;
constexpr uint64_t kCacheCall = 700, kCachePerMapped = 2, kCachePerUnmapped = 80;

// CPU time of this thread in ns.
uint64_t worked() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}
constexpr size_t kAddressesPerCall = 1024;

}  // namespace

// Stretches of the board, those that lie close together joined.
void Recheck::collect(const Board& board) {
  dense_.clear();
  sparse_.clear();
  Stretch stretch{0, 0};
  const auto finish = [&] {
    if (stretch.end > stretch.first) (stretch.end - stretch.first >= kDense ? dense_ : sparse_).push_back(stretch);
  };
  for (uint64_t index = 0; index < Board::kPages / 32; ++index) {
    const uint32_t word = board.word(index);
    for (uint64_t bit = 0; bit < 32 && word >> bit != 0;) {
      bit += static_cast<uint64_t>(std::countr_zero(word >> bit));
      const auto bits = static_cast<uint64_t>(std::countr_one(word >> bit));
      const uint64_t first = index * 32 + bit;
      if (stretch.end == 0 || first > stretch.end + kJoin) {
        finish();
        stretch.first = first;
      }
      stretch.end = first + bits;
      bit += bits;
    }
  }
  finish();
}

void Recheck::drop(Window& window, uint64_t first, uint64_t count) {
  for (uint64_t page = first; page < first + count; ++page) {
    if ((window.board.word(page / 32) >> (page % 32) & 1) != 0)
      window.file->dropped.fetch_add(1, std::memory_order_relaxed);
  }
  window.board.take(first, count);
}

bool Recheck::askPageCache(Window& window, const Stretch& stretch) {
  const uint64_t pages = stretch.end - stretch.first;
  vector_.resize(Board::kPages);
  if (!kernel::cached(window.base + stretch.first * kernel::pageSize(), pages * kernel::pageSize(), vector_.data()))
    return false;
  for (uint64_t from = 0; from < pages; ++from) {
    uint64_t to = from;
    while (to < pages && (vector_[to] & 1) == 0) ++to;
    if (to > from) drop(window, stretch.first + from, to - from);
    from = to;
  }
  return true;
}

// One mincore over all of the board, where that is known to be cheaper than a question for each stretch: a board that
// fills up page by page has hundreds of those, and while they take too long it expires and never fills up.
bool Recheck::askAboutAll(Window& window) {
  if (window.unmapped == Window::kUnknown || dense_.size() + sparse_.size() < 2) return false;
  uint64_t apart = dense_.size() * kCacheCall, sparse = 0;
  Stretch all{UINT64_MAX, 0};
  for (const auto* stretches : {&dense_, &sparse_}) {
    if (stretches->empty()) continue;
    all.first = std::min(all.first, stretches->front().first);
    all.end = std::max(all.end, stretches->back().end);
  }
  for (const Stretch& one : dense_) apart += (one.end - one.first) * kCachePerMapped;
  for (const Stretch& one : sparse_) sparse += one.end - one.first;
  const uint64_t length = all.end - all.first, mapped = length - std::min(length, window.unmapped);
  // A look through the page table takes its time for what is mapped, on the board or not.
  const uint64_t look = length + mapped * kScanPerMapped;
  if (sparse > 0) apart += std::min(look, sparse * kMovePerPage);
  if (kCacheCall + length * kCachePerMapped + (length - mapped) * kCachePerUnmapped >= apart) return false;
  const uint64_t start = worked();
  const bool told = askPageCache(window, all) && window.file->truthful();
  // Slower than that: much has left our page table, and it is to be looked through again.
  if (!told || worked() - start > kCacheCall + look) window.unmapped = Window::kUnknown;
  return told;
}

// What our page table does not map any more has left, or may have.
void Recheck::askPageTable(Window& window) {
  if (sparse_.empty()) return;
  const uint64_t size = kernel::pageSize();
  uint64_t pages = 0;
  for (const Stretch& stretch : sparse_) pages += stretch.end - stretch.first;
  const uint64_t first = sparse_.front().first, end = sparse_.back().end;
  if (end - first + pages * kScanPerMapped < pages * kMovePerPage) {
    uint64_t at = first, mapped = 0;
    // What lies between the mapped stretches has left.
    if (kernel::mappedStretches(window.base + first * size, (end - first) * size, [&](uint64_t from, uint64_t to) {
          drop(window, at, first + from / size - at);
          at = first + to / size;
          mapped += (to - from) / size;
        })) {
      drop(window, at, end - at);
      window.unmapped = window.file->truthful() ? end - first - mapped : Window::kUnknown;
      return;
    }
  }
  for (size_t i = 0; i < sparse_.size();) {
    addresses_.clear();
    const size_t begin = i;
    for (; i < sparse_.size() && addresses_.size() < kAddressesPerCall; ++i) {
      for (uint64_t page = sparse_[i].first; page < sparse_[i].end; ++page)
        addresses_.push_back(window.base + page * size);
    }
    status_.resize(addresses_.size());
    const bool told = kernel::mapped(addresses_.data(), addresses_.size(), status_.data());
    size_t at = 0;
    for (size_t one = begin; one < i; ++one) {
      for (uint64_t page = sparse_[one].first; page < sparse_[one].end; ++page, ++at) {
        if (!told || status_[at] < 0) drop(window, page, 1);
      }
    }
  }
}

void Recheck::window(Window& window) {
  // Taken before asking: a verdict is as old as its question.
  const int32_t time = now();
  collect(window.board);
  if (askAboutAll(window)) {
    window.board.confirm(time);
    return;
  }
  for (size_t i = 0; i < dense_.size(); ++i) {
    if (!askPageCache(window, dense_[i])) {
      // Refused: then the page table says.
      sparse_.insert(sparse_.end(), dense_.begin() + static_cast<ptrdiff_t>(i), dense_.end());
      dense_.resize(i);
    }
  }
  // Asked last, so that it covers what mincore said before.
  if (!dense_.empty() && !window.file->truthful()) sparse_.insert(sparse_.end(), dense_.begin(), dense_.end());
  std::sort(sparse_.begin(), sparse_.end(), [](const Stretch& a, const Stretch& b) { return a.first < b.first; });
  askPageTable(window);
  window.board.confirm(time);
}

}  // namespace nofault
