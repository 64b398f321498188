// Room for so many at once; the others wait, in the order in which they came.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace nofault {

class Room {
 public:
  // A place, if there is one and nobody waits for it; it has to be given back. Otherwise `later` is called as soon as
  // there is one, on whichever thread has given it back, and returns whether it takes it.
  bool take(std::function<bool()> later) {
    std::lock_guard lock(mutex_);
    if (taken_ < kPlaces) {
      ++taken_;
      return true;
    }
    waiting_.push_back(std::move(later));
    return false;
  }

  void giveBack() {
    // Whoever has waited and still wants it takes the place over.
    for (bool over = false; !over;) {
      std::function<bool()> next;
      {
        std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
          --taken_;
          return;
        }
        next = std::move(waiting_.front());
        waiting_.pop_front();
      }
      over = next();
    }
  }

 private:
  // Steps of scans, besides their first ones: 32 MiB, enough for any device, and few enough to be read before they
  // leave again.
  static constexpr unsigned kPlaces = 8;

  std::mutex mutex_;
  unsigned taken_ = 0;
  std::deque<std::function<bool()>> waiting_;
};

}  // namespace nofault
