// What a scan has passed over. Its pages are read once and not needed again; left as they are, they would look as used
// as anything, and push out what is read all the time (docs/kernel.md).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "window.h"

namespace nofault {

class Passing {
 public:
  // A scan's pages have arrived in the window. They are cold at once, and again when the scan has read them and gone
  // on: all but what is on the board, which somebody else has hit.
  void arrived(std::shared_ptr<Window> window, uint64_t first, uint64_t count);

 private:
  struct Run {
    std::shared_ptr<Window> window;
    uint64_t first, count;
  };

  std::mutex mutex_;
  std::deque<Run> runs_;
  uint64_t pages_ = 0;
};

}  // namespace nofault
