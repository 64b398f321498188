#include "passing.h"

#include "kernel.h"

namespace nofault {

namespace {

// Bytes that a scan may have waiting to be read.
constexpr uint64_t kAhead = uint64_t{64} << 20;

void cool(Window& window, uint64_t first, uint64_t count) {
  const auto hit = [&](uint64_t page) {
    const uint64_t at = page - window.firstPage;
    return (window.board.word(at / 32) >> (at % 32) & 1) != 0;
  };
  for (uint64_t from = first, end = first + count; from < end;) {
    uint64_t to = from;
    while (to < end && !hit(to)) ++to;
    if (to > from && window.alive.load(std::memory_order_acquire))
      kernel::cold(window.addressOf(from), (to - from) * kernel::pageSize());
    from = to + 1;
  }
}

}  // namespace

void Passing::arrived(std::shared_ptr<Window> window, uint64_t first, uint64_t count) {
  cool(*window, first, count);
  for (;;) {
    Run passed;
    {
      std::lock_guard lock(mutex_);
      if (window) {
        pages_ += count;
        runs_.push_back({std::move(window), first, count});
        window = nullptr;
      }
      if (pages_ * kernel::pageSize() <= kAhead) return;
      passed = std::move(runs_.front());
      runs_.pop_front();
      pages_ -= passed.count;
    }
    cool(*passed.window, passed.first, passed.count);
  }
}

}  // namespace nofault
