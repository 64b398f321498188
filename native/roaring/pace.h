// How large the steps of a scan are.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../kernel.h"
#include "program.h"

namespace nofault::roaring {

class Pace {
 public:
  // Steps of one scan that are under way at once: so that the device never waits for us.
  static constexpr uint32_t kSteps = 4;

  // `impatient`: whoever takes the rows may soon have enough of them.
  explicit Pace(bool impatient) : impatient_(impatient), bytes_(impatient ? kFew : kFirst) {}

  // Of the next step; `resident` when all of the one before was in memory.
  Bounds next(bool resident) {
    const uint64_t bytes = bytes_;
    if (impatient_) {
      bytes_ = std::min(2 * bytes, kOther);
    } else {
      // What has been in memory is read as fast as steps can be made: in fewer of them, and larger ones, if it goes on
      // like that.
      bytes_ = resident && bytes >= kOther ? kLargest : kOther;
    }
    return {bytes, kContainers, impatient_ ? bytes / 4 : kRows, kVisits, kernel::pageSize()};
  }

  // How many are under way at first.
  uint32_t depth() const { return impatient_ ? 1 : kSteps; }

 private:
  // Bytes of the first step, which waits for nobody; of the others; and of those of a scan that is all in memory.
  static constexpr uint64_t kFirst = uint64_t{512} << 10, kOther = uint64_t{4} << 20, kLargest = uint64_t{8} << 20;
  // Where few rows may be enough.
  static constexpr uint64_t kFew = uint64_t{128} << 10;
  // Containers of a step, rows that may come out, and places in headers that are looked at for it.
  static constexpr uint64_t kContainers = 2048, kRows = uint64_t{1} << 20, kVisits = 4096;

  const bool impatient_;
  uint64_t bytes_;
};

}  // namespace nofault::roaring
