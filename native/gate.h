// Stands between a thread and memory that may be taken away: each step of the thread's work is made under the mutex and
// only while the gate is open; whoever takes the memory away shuts it first.
#pragma once

#include <mutex>

namespace nofault {

struct Gate {
  std::mutex mutex;
  bool shut = false;
};

}  // namespace nofault
