// Has the containers of one chunk come from memory into the processor's caches while the one before is combined. They
// lie in as many places as there are bitmaps, and a processor does not look ahead across pages by itself.
#pragma once

#include <algorithm>

#include "part.h"

namespace nofault::roaring {

// A piece at a time, before as much of the other chunk is worked on: asked for all at once, what comes back keeps the
// processor waiting. (A or B) and C and not D took a thread 1.5 ms without, 1.5 with all at once, 1.0 by pieces (Zen 4,
// docs/benchmarks.md).
class Foresight {
 public:
  // The parts of the chunk that comes next, from `part` up to `end`; none of what it was told before.
  void next(const Part* part, const Part* end) {
    part_ = part;
    end_ = end;
    at_ = 0;
    left_ = kMost;
  }

  // Asks for about so many bytes more.
  void look(uint32_t bytes) {
    for (; part_ != end_ && bytes > 0 && left_ > 0; ++part_, at_ = 0) {
      if (part_->kind != Part::Kind::leaf || part_->bytes == nullptr) continue;
      const uint32_t to = std::min({part_->length, at_ + bytes, at_ + left_});
      ask(part_->bytes + at_, to - at_);
      bytes -= to - at_;
      left_ -= to - at_;
      at_ = to;
      if (to < part_->length) return;
    }
  }

 private:
  static constexpr uint32_t kLine = 64;
  // A processor that has as many lines on their way as it can lets the others go: what is asked for twice comes.
  static constexpr int kTimes = 2;
  // As much as there is room for beside what is being combined.
  static constexpr uint32_t kMost = uint32_t{128} << 10;

  // Into the second cache: the first one is full of what is being combined.
  static void ask(const uint8_t* bytes, uint32_t count) {
    constexpr int kRead = 0, kSecondCache = 2;
    for (int times = 0; times < kTimes; ++times) {
      for (uint32_t at = 0; at < count; at += kLine) __builtin_prefetch(bytes + at, kRead, kSecondCache);
    }
  }

  const Part* part_ = nullptr;
  const Part* end_ = nullptr;
  uint32_t at_ = 0;  // bytes of the part that have been asked for
  uint32_t left_ = 0;
};

}  // namespace nofault::roaring
